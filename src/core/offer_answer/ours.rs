//! What we write: our description of the session, and its edition.

use super::codec::Format;
use super::dtls::OurDtls;
use super::ice::{Mid, OurIce};
use super::layout::Refused;
use super::sdes::{OurKey, OwnKeys};
use super::theirs::TheirOffer;
use holdfast_wire::sdp::{
    Connection, Crypto, Direction, Line, Media, MediaKind, MediaLine, Origin, Protocol, Sdp,
};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};

/// Who writes on this leg, and where its audio is anchored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anchor {
    /// The user name of `o=`: one word.
    pub username: String,
    /// The session id of `o=`, ours and of this leg alone (RFC 8866 §5.2).
    pub session_id: u64,
    /// The address that the peer must send to.
    pub address: IpAddr,
    /// The port for RTP; RTCP is on the next one (RFC 3550 §11).
    pub rtp_port: u16,
    /// The address that the port is bound at, where another one is advertised: who is in the same
    /// network may reach that alone. Told to those who check addresses before they use them.
    #[serde(default)]
    pub bound: Option<IpAddr>,
}

/// RTP in the clear or encrypted, with or without early feedback.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Profile {
    /// `RTP/AVP`, RFC 3551.
    Avp,
    /// `RTP/AVPF`, RFC 4585.
    Avpf,
    /// `RTP/SAVP`, RFC 3711.
    Savp,
    /// `RTP/SAVPF`, RFC 5124.
    Savpf,
    /// `UDP/TLS/RTP/SAVP`, RFC 5764.
    DtlsSavp,
    /// `UDP/TLS/RTP/SAVPF`, RFC 5764.
    DtlsSavpf,
}

impl Profile {
    /// The profile of this protocol; `None` when we do not speak it.
    #[must_use]
    pub const fn of(protocol: &Protocol) -> Option<Self> {
        match protocol {
            Protocol::RtpAvp => Some(Self::Avp),
            Protocol::RtpAvpf => Some(Self::Avpf),
            Protocol::RtpSavp => Some(Self::Savp),
            Protocol::RtpSavpf => Some(Self::Savpf),
            Protocol::DtlsSavp => Some(Self::DtlsSavp),
            Protocol::DtlsSavpf => Some(Self::DtlsSavpf),
            Protocol::Other(_) => None,
        }
    }

    /// Whether packets are encrypted.
    #[must_use]
    pub const fn is_secure(self) -> bool {
        match self {
            Self::Savp | Self::Savpf | Self::DtlsSavp | Self::DtlsSavpf => true,
            Self::Avp | Self::Avpf => false,
        }
    }

    /// What each packet carries for its integrity at most: nothing without keys, else the tag of
    /// AES-GCM, which is the longest (RFC 7714).
    #[must_use]
    pub const fn seal_bytes(self) -> u64 {
        match self {
            Self::Avp | Self::Avpf => 0,
            // The longest tag, of AES-GCM (RFC 7714 §13.2).
            Self::Savp | Self::Savpf | Self::DtlsSavp | Self::DtlsSavpf => 16,
        }
    }

    /// Its name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Avp => "RTP/AVP",
            Self::Avpf => "RTP/AVPF",
            Self::Savp => "RTP/SAVP",
            Self::Savpf => "RTP/SAVPF",
            Self::DtlsSavp => "UDP/TLS/RTP/SAVP",
            Self::DtlsSavpf => "UDP/TLS/RTP/SAVPF",
        }
    }

    const fn protocol(self) -> Protocol {
        match self {
            Self::Avp => Protocol::RtpAvp,
            Self::Avpf => Protocol::RtpAvpf,
            Self::Savp => Protocol::RtpSavp,
            Self::Savpf => Protocol::RtpSavpf,
            Self::DtlsSavp => Protocol::DtlsSavp,
            Self::DtlsSavpf => Protocol::DtlsSavpf,
        }
    }
}

/// Our audio stream in one description.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OurAudio {
    /// How it is carried.
    pub profile: Profile,
    /// What we take, best first, under our payload types.
    pub formats: Vec<Format>,
    /// How much audio we want in one packet.
    pub ptime_ms: Option<u16>,
    /// Which way it flows, seen by us.
    pub direction: Direction,
    /// Our keys: those to choose from in an offer, the chosen one in an answer, none in the clear
    /// and where a handshake brings them.
    #[serde(default)]
    pub keys: Vec<OurKey>,
    /// The handshake that brings the keys.
    #[serde(default)]
    pub dtls: Option<OurDtls>,
    /// Who we are in checks of connectivity, where the way is found by those.
    #[serde(default)]
    pub ice: Option<OurIce>,
    /// Its name, where streams have names.
    #[serde(default)]
    pub mid: Option<Mid>,
}

/// One `m=` line of ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stream {
    /// The audio of the call, at our port.
    Audio(OurAudio),
    /// A stream that is not used, at port 0. It keeps its place for ever (RFC 3264 §8.2).
    Refused(Refused),
}

/// Everything in a description of ours except its edition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Body {
    /// The address that the peer must send to.
    pub address: IpAddr,
    /// The port for RTP.
    pub rtp_port: u16,
    /// The `m=` lines, in order.
    pub streams: Vec<Stream>,
}

/// A description that went out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edition {
    /// Its number in `o=`.
    pub version: u64,
    /// What it said.
    pub body: Body,
}

impl Edition {
    /// The number of a leg's first description. RFC 3264 §5 asks only that it leave room to count.
    pub const FIRST: u64 = 1;

    /// The edition in which this body goes out after `last`: the same while nothing changes, else
    /// the next (RFC 3264 §8).
    #[must_use]
    pub fn after(last: Option<&Self>, body: Body) -> Self {
        let version = match last {
            None => Self::FIRST,
            Some(last) if last.body == body => last.version,
            Some(last) => last.version.saturating_add(1),
        };
        Self { version, body }
    }

    /// The description to send.
    #[must_use]
    pub fn write(&self, anchor: &Anchor) -> Sdp {
        let host = Connection::Ip(self.body.address);
        let origin = Origin {
            username: one_word(&anchor.username),
            session_id: anchor.session_id,
            version: self.version,
            host: host.clone(),
        };
        let mut sdp = Sdp::new(&origin, &host);
        if let Some(audio) = self.body.audio() {
            audio.write_session(&mut sdp);
        }
        for stream in &self.body.streams {
            sdp.push(match stream {
                Stream::Audio(audio) => audio.write(&self.body, anchor),
                Stream::Refused(refused) => refused.write(),
            });
        }
        sdp
    }
}

/// RFC 8866 §5.2: the user name must not contain spaces, and is `-` when there is none.
fn one_word(name: &str) -> String {
    let word: String = name.chars().filter(|c| c.is_ascii_graphic()).collect();
    if word.is_empty() { "-".to_owned() } else { word }
}

impl OurAudio {
    /// What stands above the streams. Both are of the whole session (RFC 8839 §5.3, RFC 5888 §5).
    fn write_session(&self, sdp: &mut Sdp) {
        if self.ice.is_some() {
            sdp.push_session(Line::attribute("ice-lite", None));
        }
        if let Some(mid) = self.mid.as_ref().filter(|mid| mid.bundled) {
            sdp.push_session(Line::attribute("group", Some(&format!("BUNDLE {}", mid.name))));
        }
    }

    fn write(&self, body: &Body, anchor: &Anchor) -> Media {
        let mut media = Media::new(MediaLine {
            kind: MediaKind::Audio,
            port: body.rtp_port,
            protocol: self.profile.protocol(),
            formats: self.formats.iter().map(|format| format.payload.to_string()).collect(),
        });
        for format in &self.formats {
            // RFC 3264 §5.1: an rtpmap for every format, assigned payload types too.
            media.push(Line::attribute("rtpmap", Some(&format.rtpmap().to_string())));
            if let Some(fmtp) = &format.codec.fmtp {
                let value = format!("{} {fmtp}", format.payload);
                media.push(Line::attribute("fmtp", Some(&value)));
            }
        }
        for OurKey { tag, key } in &self.keys {
            let line = Crypto::ours(*tag, key).to_string();
            media.push(Line::attribute("crypto", Some(&line)));
        }
        if let Some(dtls) = &self.dtls {
            dtls.write(&mut media);
            // What a browser plays belongs to a stream that has a name (RFC 8830 §2).
            let msid = format!("{} audio", one_word(&anchor.username));
            media.push(Line::attribute("msid", Some(&msid)));
        }
        if let Some(ice) = &self.ice {
            ice.write(&mut media, SocketAddr::new(body.address, body.rtp_port));
        }
        if let Some(mid) = &self.mid {
            media.push(Line::attribute("mid", Some(&mid.name)));
        }
        if let Some(ms) = self.ptime_ms {
            media.push(Line::attribute("ptime", Some(&ms.to_string())));
        }
        media.push(Line::attribute(self.direction.name(), None));
        media
    }
}

impl Body {
    /// Our audio stream, unless every stream is refused.
    #[must_use]
    pub fn audio(&self) -> Option<&OurAudio> {
        self.streams.iter().find_map(|stream| match stream {
            Stream::Audio(audio) => Some(audio),
            Stream::Refused(_) => None,
        })
    }

    /// The place of our audio stream among the `m=` lines.
    #[must_use]
    pub fn audio_place(&self) -> Option<usize> {
        self.streams.iter().position(|stream| matches!(stream, Stream::Audio(_)))
    }
}

impl Stream {
    /// The same stream in an offer, with the keys as they are now.
    pub(super) fn with_keys(&self, own: &OwnKeys) -> Self {
        match self {
            Self::Audio(audio) => {
                let keys = audio.keys.iter().map(|line| own.renewed(line)).collect();
                let dtls = audio.dtls.as_ref().and_then(|_| own.dtls_offered());
                let again = |ice: &OurIce| own.ice(Some((ice, None)), None, ice.bound);
                let ice = audio.ice.as_ref().map(again);
                Self::Audio(OurAudio { keys, dtls, ice, ..audio.clone() })
            }
            Self::Refused(refused) => Self::Refused(refused.clone()),
        }
    }

    /// The same stream, with this audio if it carries the audio.
    pub(super) fn with_audio(&self, audio: &OurAudio) -> Self {
        match self {
            Self::Audio(_) => Self::Audio(audio.clone()),
            Self::Refused(refused) => Self::Refused(refused.clone()),
        }
    }
}

impl TheirOffer {
    /// The `m=` lines of the answer: as many as the offer has, in its order (RFC 3264 §6).
    pub(super) fn streams_with(&self, audio: &OurAudio) -> Vec<Stream> {
        let stream = |(place, refused): (usize, &Refused)| match place == self.place {
            true => Stream::Audio(audio.clone()),
            false => Stream::Refused(refused.clone()),
        };
        self.refusals.iter().enumerate().map(stream).collect()
    }
}
