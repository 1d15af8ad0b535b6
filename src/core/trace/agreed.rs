//! What the last offer and answer of a leg agreed on, and the line that decided it (RFC 3264 §6).

use holdfast_wire::sdp::{Media, MediaKind, Sdp};
use holdfast_wire::sip::{self, Method};

use super::ladder::headline;
use super::{Direction, Entry, Message, Tie, What};

/// What was agreed on one leg.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreed {
    /// The codec.
    pub codec: String,
    /// The `m=` line of the answer.
    pub line: String,
    /// The message that brought the answer, `200 OK` or `ACK`.
    pub message: String,
    /// Whose answer it was.
    pub answered: Direction,
    /// Whether the audio is encrypted.
    pub secure: bool,
}

/// The agreement of the leg with this Call-ID, if it came to one.
#[must_use]
pub fn agreed(entries: &[Entry], call_id: &str) -> Option<Agreed> {
    let (mut open, mut agreed) = (None, None);
    for entry in entries {
        let What::Message(message) = &entry.what else { continue };
        if !matches!(&entry.tie, Tie::Dialog(known) if known == call_id) {
            continue;
        }
        let Some(parsed) = message.parsed() else { continue };
        let audio = audio_of(&parsed);
        match (kind(&parsed), audio, open) {
            (Kind::Refused, _, _) => open = None,
            (Kind::Settled | Kind::Offer, Some(_), None) => open = Some(message.direction),
            (Kind::Offer, Some(_), Some(_)) => open = Some(message.direction),
            (kind, Some(audio), Some(offerer)) if offerer != message.direction => {
                agreed = described(message, &audio).or(agreed);
                // A 183 is a preview: the 2xx after it answers the same offer again.
                if kind != Kind::Preview {
                    open = None;
                }
            }
            (Kind::Preview | Kind::Settled | Kind::Offer | Kind::Other, _, _) => {}
        }
    }
    agreed
}

/// What a message can do with descriptions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Offer,
    Preview,
    /// A 2xx, an ACK or a PRACK.
    Settled,
    Refused,
    Other,
}

fn kind(message: &sip::Message) -> Kind {
    match message {
        sip::Message::Request(request) => match &request.method {
            Method::Invite | Method::Update => Kind::Offer,
            Method::Ack | Method::Prack => Kind::Settled,
            _no_description => Kind::Other,
        },
        sip::Message::Response(response) if !response.status.is_final() => Kind::Preview,
        sip::Message::Response(response) if response.status.is_success() => Kind::Settled,
        sip::Message::Response(response) => {
            let method = response.headers.cseq().ok().map(|cseq| cseq.method);
            let offers = matches!(method, Some(Method::Invite | Method::Update));
            if offers { Kind::Refused } else { Kind::Other }
        }
    }
}

fn audio_of(message: &sip::Message) -> Option<Media> {
    let sdp = Sdp::parse(message.body()).ok()?;
    sdp.media().iter().find(|media| media.head().kind == MediaKind::Audio).cloned()
}

fn described(message: &Message, audio: &Media) -> Option<Agreed> {
    let head = audio.head();
    if head.port == 0 {
        return None; // RFC 3264 §6: refused
    }
    let format = head.formats.first()?;
    let payload = format.parse::<u8>().ok();
    let mapped = payload.and_then(|payload| audio.rtpmap(payload)).map(|map| map.encoding);
    let known = payload.and_then(static_name).map(str::to_owned);
    let (headline, _) = headline(message);
    Some(Agreed {
        codec: mapped.or(known).unwrap_or_else(|| format!("format {format}")),
        line: format!("m={head}"),
        message: headline.replace(" + SDP", ""),
        answered: message.direction,
        secure: head.protocol.name().contains("SAVP"),
    })
}

/// Payload types that mean something without a word (RFC 3551 §6).
const fn static_name(payload: u8) -> Option<&'static str> {
    match payload {
        0 => Some("PCMU"),
        3 => Some("GSM"),
        8 => Some("PCMA"),
        9 => Some("G722"),
        18 => Some("G729"),
        _other => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Agreed, agreed};
    use crate::trace::{Direction, Seen, sample};

    const CALLER: &str = "caller@pbx";

    fn sdp(line: &str) -> String {
        format!(
            "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n{line}\r\n"
        )
    }

    /// The agreement after the caller's INVITE is in the trace and these have passed.
    fn after(script: &[(Direction, &str, &str, &str)]) -> Option<Agreed> {
        let made = sample::script().into_iter().skip(1).take(1);
        let said = script.iter().map(|(direction, start, cseq, line)| {
            let body = if line.is_empty() { String::new() } else { sdp(line) };
            (0, sample::message(*direction, "caller", start, cseq, &body))
        });
        let script: Vec<(i64, Seen)> = made.chain(said).collect();
        agreed(&sample::entries(script), CALLER)
    }

    const INVITE: &str = "INVITE sip:b@box SIP/2.0";
    const OFFER: &str = "m=audio 40000 RTP/AVP 8 9";

    #[test]
    fn the_last_answer_decides() {
        use Direction::{In, Out};
        let codec = |script: &[_]| after(script).map(|agreed| (agreed.codec, agreed.message));
        let is = |codec: &str, message: &str| Some((codec.to_owned(), message.to_owned()));
        let invite = (In, INVITE, "1 INVITE", OFFER);
        let ok = (Out, "SIP/2.0 200 OK", "1 INVITE", "m=audio 20000 RTP/AVP 9");
        let early = (Out, "SIP/2.0 183 Progress", "1 INVITE", "m=audio 20000 RTP/AVP 8");
        assert_eq!(codec(&[invite, ok]), is("G722", "200 OK"));
        assert_eq!(codec(&[invite, early]), is("PCMA", "183 Progress"));
        assert_eq!(codec(&[invite, early, ok]), is("G722", "200 OK"));
        let late = [
            (In, INVITE, "1 INVITE", ""),
            (Out, "SIP/2.0 200 OK", "1 INVITE", "m=audio 20000 RTP/AVP 8 0"),
            (In, "ACK sip:box SIP/2.0", "1 ACK", "m=audio 40000 RTP/AVP 0"),
        ];
        assert_eq!(codec(&late), is("PCMU", "ACK"));
        let refused = [
            invite,
            ok,
            (In, INVITE, "2 INVITE", "m=audio 40000 RTP/AVP 18"),
            (Out, "SIP/2.0 488 Not Acceptable Here", "2 INVITE", ""),
        ];
        assert_eq!(codec(&refused), is("G722", "200 OK"), "a refused change changes nothing");
        assert_eq!(codec(&[invite]), None);
        let no_audio = (Out, "SIP/2.0 200 OK", "1 INVITE", "m=audio 0 RTP/AVP 8");
        assert_eq!(codec(&[invite, no_audio]), None);
    }

    #[test]
    fn the_line_is_told_with_who_wrote_it() {
        let entries = sample::entries(sample::script());
        let phone = agreed(&entries, "leg-two").unwrap();
        assert_eq!(phone.line, "m=audio 30000 RTP/SAVP 8");
        assert!(phone.secure && phone.answered == Direction::In);
        let caller = agreed(&entries, CALLER).unwrap();
        assert_eq!((caller.codec.as_str(), caller.secure), ("PCMA", false));
    }
}
