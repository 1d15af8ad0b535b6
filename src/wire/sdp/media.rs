//! One media description: its `m=` line and the lines under it (RFC 8866 §5.14).

use super::attribute::{Direction, Fmtp, RtcpPort, RtpMap};
use super::crypto::Crypto;
use super::line::{Attribute, Line};
use super::session::Connection;
use super::{FORMATS_MAX, SdpError};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What flows in a stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MediaKind {
    /// Voice.
    Audio,
    /// Pictures in motion.
    Video,
    /// Fax over UDPTL, in practice.
    Image,
    /// Data channels and screen sharing.
    Application,
    /// Any other, as written.
    Other(String),
}

/// How a stream is carried: the `proto` field of the `m=` line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Protocol {
    /// `RTP/AVP`, RFC 3551.
    RtpAvp,
    /// `RTP/AVPF`, RFC 4585.
    RtpAvpf,
    /// `RTP/SAVP`, RFC 3711.
    RtpSavp,
    /// `RTP/SAVPF`, RFC 5124.
    RtpSavpf,
    /// `UDP/TLS/RTP/SAVP`, RFC 5764.
    DtlsSavp,
    /// `UDP/TLS/RTP/SAVPF`, RFC 5764.
    DtlsSavpf,
    /// Any other, as written.
    Other(String),
}

/// The `m=` line in its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaLine {
    /// What flows.
    pub kind: MediaKind,
    /// Where the writer wants it; 0 says the stream is refused or over (RFC 3264 §5.1, §6).
    pub port: u16,
    /// How it is carried.
    pub protocol: Protocol,
    /// The formats in order of preference: payload types, for RTP.
    pub formats: Vec<String>,
}

/// An `m=` line with the lines that belong to it. The line as it came and its parts always agree,
/// because neither can be changed afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Media {
    head: MediaLine,
    raw: Line,
    lines: Vec<Line>,
}

impl Media {
    /// A media description of our own, without further lines.
    #[must_use]
    pub fn new(head: MediaLine) -> Self {
        let raw = Line::new('m', &head.to_string());
        Self { head, raw, lines: Vec::new() }
    }

    /// A media description as received; `number` is its line, for the error.
    pub(super) fn received(raw: Line, number: usize) -> Result<Self, SdpError> {
        let head = raw.value().and_then(MediaLine::parse).ok_or(SdpError::BadMedia { number })?;
        if head.formats.len() > FORMATS_MAX {
            return Err(SdpError::TooManyFormats { number });
        }
        Ok(Self { head, raw, lines: Vec::new() })
    }

    /// Adds a line at the end of this media description.
    pub fn push(&mut self, line: Line) {
        self.lines.push(line);
    }

    /// The `m=` line in its parts.
    #[must_use]
    pub const fn head(&self) -> &MediaLine {
        &self.head
    }

    /// The `m=` line as it is on the wire.
    pub(super) const fn raw(&self) -> &Line {
        &self.raw
    }

    /// The lines under the `m=` line, in order.
    #[must_use]
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// The attributes of this media description, in order.
    pub fn attributes(&self) -> impl Iterator<Item = Attribute<'_>> {
        self.lines.iter().filter_map(Line::as_attribute)
    }

    /// The first attribute of this name.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<Attribute<'_>> {
        self.attributes().find(|attribute| attribute.name == name)
    }

    /// The `c=` line at media level.
    #[must_use]
    pub fn connection(&self) -> Option<Connection> {
        Connection::first_of(&self.lines)
    }

    /// The direction written at media level.
    #[must_use]
    pub fn direction(&self) -> Option<Direction> {
        Direction::first_of(&self.lines)
    }

    /// The `a=rtpmap` of this payload type.
    #[must_use]
    pub fn rtpmap(&self, payload: u8) -> Option<RtpMap> {
        self.values("rtpmap").filter_map(RtpMap::parse).find(|map| map.payload == payload)
    }

    /// The parameters that `a=fmtp` gives to this format.
    #[must_use]
    pub fn fmtp(&self, format: &str) -> Option<&str> {
        let mut all = self.values("fmtp").filter_map(Fmtp::parse);
        all.find(|fmtp| fmtp.format == format).map(|fmtp| fmtp.parameters)
    }

    /// `a=ptime`: how much audio the writer wants in one packet, in whole milliseconds.
    #[must_use]
    pub fn ptime_ms(&self) -> Option<u16> {
        self.values("ptime").find_map(whole_ms)
    }

    /// `a=maxptime`: how much audio the writer takes in one packet at most, in milliseconds.
    #[must_use]
    pub fn maxptime_ms(&self) -> Option<u16> {
        self.values("maxptime").find_map(whole_ms)
    }

    /// `a=rtcp`, RFC 3605.
    #[must_use]
    pub fn rtcp(&self) -> Option<RtcpPort> {
        self.values("rtcp").find_map(RtcpPort::parse)
    }

    /// The `a=crypto` lines that can be read, in the order of preference (RFC 4568 §5.1.1).
    pub fn crypto(&self) -> impl Iterator<Item = Crypto> {
        self.values("crypto").filter_map(Crypto::parse)
    }

    /// Whether `a=rtcp-mux` is there, RFC 5761 §5.1.1.
    #[must_use]
    pub fn rtcp_mux(&self) -> bool {
        self.attribute("rtcp-mux").is_some()
    }

    /// The values of every attribute of this name, in order.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.attributes().filter(move |a| a.name == name).filter_map(|a| a.value)
    }
}

/// RFC 8866 §6.4 allows `20.0`; the fraction is nothing an RTP clock could follow.
fn whole_ms(value: &str) -> Option<u16> {
    value.split('.').next()?.trim().parse().ok().filter(|ms| *ms > 0)
}

impl MediaLine {
    /// Reads `audio 49170/2 RTP/AVP 0 8`. A line without formats passes: refused streams often
    /// come without.
    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_whitespace();
        let kind = MediaKind::named(words.next()?);
        let port = words.next()?.split('/').next()?.parse().ok()?;
        let protocol = Protocol::named(words.next()?);
        Some(Self { kind, port, protocol, formats: words.map(str::to_owned).collect() })
    }
}

impl fmt::Display for MediaLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.kind.name(), self.port, self.protocol.name())?;
        self.formats.iter().try_for_each(|format| write!(f, " {format}"))
    }
}

impl MediaKind {
    fn named(name: &str) -> Self {
        match name {
            "audio" => Self::Audio,
            "video" => Self::Video,
            "image" => Self::Image,
            "application" => Self::Application,
            other => Self::Other(other.to_owned()),
        }
    }

    /// The word on the wire.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Audio => "audio",
            Self::Video => "video",
            Self::Image => "image",
            Self::Application => "application",
            Self::Other(name) => name,
        }
    }
}

impl Protocol {
    fn named(name: &str) -> Self {
        match name {
            "RTP/AVP" => Self::RtpAvp,
            "RTP/AVPF" => Self::RtpAvpf,
            "RTP/SAVP" => Self::RtpSavp,
            "RTP/SAVPF" => Self::RtpSavpf,
            "UDP/TLS/RTP/SAVP" => Self::DtlsSavp,
            "UDP/TLS/RTP/SAVPF" => Self::DtlsSavpf,
            other => Self::Other(other.to_owned()),
        }
    }

    /// The word on the wire.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::RtpAvp => "RTP/AVP",
            Self::RtpAvpf => "RTP/AVPF",
            Self::RtpSavp => "RTP/SAVP",
            Self::RtpSavpf => "RTP/SAVPF",
            Self::DtlsSavp => "UDP/TLS/RTP/SAVP",
            Self::DtlsSavpf => "UDP/TLS/RTP/SAVPF",
            Self::Other(name) => name,
        }
    }
}
