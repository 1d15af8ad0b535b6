//! What a description says of audio, in one line for a technician: `RTP/SAVP PCMA PCMU`.

use super::codec::{Format, Role};
use super::ours::{OurAudio, Profile};
use super::sdes::OwnKeys;
use holdfast_config::MediaEncryption;
use holdfast_wire::sdp::{MediaKind, Sdp};

/// Most codecs of a line; who offers more has said enough.
const CODECS_MAX: usize = 12;
/// Longest name of a codec or a protocol. A peer chooses both.
const NAME_BYTES_MAX: usize = 24;

/// Ours.
#[must_use]
pub fn of_ours(audio: &OurAudio) -> String {
    written(audio.profile.name(), &audio.formats)
}

/// What we would take with this wish of encryption.
#[must_use]
pub fn of_wish(formats: &[Format], keys: &OwnKeys) -> String {
    let secure = match keys.offers_handshake() {
        true => Profile::DtlsSavpf.name(),
        false => Profile::Savp.name(),
    };
    let profile = match keys.wish() {
        MediaEncryption::Off => Profile::Avp.name().to_owned(),
        MediaEncryption::Required => secure.to_owned(),
        MediaEncryption::Preferred => format!("{secure} or {}", Profile::Avp.name()),
    };
    written(&profile, formats)
}

/// Theirs; none without audio. A port of 0 does not matter: a refusal lists what is possible so.
#[must_use]
pub fn of_theirs(sdp: &Sdp) -> Option<String> {
    let audio = || sdp.media().iter().filter(|media| media.head().kind == MediaKind::Audio);
    let lines = audio().map(|media| {
        let head = media.head();
        let formats = head.formats.iter().filter_map(|entry| Format::read(media, entry));
        written(&short(head.protocol.name()), &formats.collect::<Vec<_>>())
    });
    let lines: Vec<String> = lines.take(2).collect();
    (!lines.is_empty()).then(|| lines.join(" or "))
}

fn written(profile: &str, formats: &[Format]) -> String {
    let mut words = vec![profile.to_owned()];
    for format in formats.iter().filter(|format| format.role() == Role::Voice) {
        let name = short(format.codec.encoding.name());
        if !words.contains(&name) && words.len() <= CODECS_MAX {
            words.push(name);
        }
    }
    words.join(" ")
}

fn short(name: &str) -> String {
    name.chars().filter(char::is_ascii_graphic).take(NAME_BYTES_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::{CODECS_MAX, of_theirs, of_wish};
    use crate::call::audio::own_formats;
    use crate::offer_answer::sdes::OwnKeys;
    use holdfast_base::Entropy;
    use holdfast_config::MediaEncryption;
    use holdfast_wire::sdp::Sdp;
    use std::fmt::Write as _;

    fn theirs(lines: &str) -> Option<String> {
        let text = format!("v=0\r\nc=IN IP4 192.0.2.9\r\n{}", lines.replace('\n', "\r\n"));
        of_theirs(&Sdp::parse(text.as_bytes()).unwrap())
    }

    #[test]
    fn the_voice_alone_is_listed_and_each_codec_once() {
        let sdp = "m=audio 0 RTP/AVP 9 96 97 0 101\na=rtpmap:96 opus/48000/2\n\
                   a=rtpmap:97 opus/48000/2\na=rtpmap:101 telephone-event/8000\n";
        assert_eq!(theirs(sdp).as_deref(), Some("RTP/AVP G722 opus PCMU"));
        assert_eq!(theirs("m=image 4000 udptl t38\n"), None);
        let both = "m=audio 4000 RTP/SAVP 8\nm=audio 4002 RTP/AVP 8\n";
        assert_eq!(theirs(both).as_deref(), Some("RTP/SAVP PCMA or RTP/AVP PCMA"));
    }

    #[test]
    fn nobody_writes_a_page_into_it() {
        let mut sdp = "m=audio 4000 X/".to_owned() + &"y".repeat(100);
        (30..120).for_each(|number| write!(sdp, " {number}").unwrap());
        sdp.push('\n');
        for number in 30..120 {
            writeln!(sdp, "a=rtpmap:{number} codec{number}{}/8000", "z".repeat(90)).unwrap();
        }
        let line = theirs(&sdp).unwrap();
        assert_eq!(line.split(' ').count(), CODECS_MAX + 1);
        assert!(line.len() < 400, "{line}");
    }

    #[test]
    fn a_wish_is_told_as_it_is_offered() {
        for (wish, line) in [
            (MediaEncryption::Off, "RTP/AVP PCMA PCMU"),
            (MediaEncryption::Required, "RTP/SAVP PCMA PCMU"),
            (MediaEncryption::Preferred, "RTP/SAVP or RTP/AVP PCMA PCMU"),
        ] {
            let keys = OwnKeys::new(wish, &[], &mut Entropy::new([1; 32]));
            assert_eq!(of_wish(&own_formats(), &keys), line);
        }
    }
}
