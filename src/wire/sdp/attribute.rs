//! The attributes that offer/answer understands: direction, payload types and the RTCP port.

use super::line::Line;
use super::session::Connection;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Which way media flows, seen by the writer of the description (RFC 8866 §6.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Direction {
    /// Both ways.
    SendRecv,
    /// From the writer only.
    SendOnly,
    /// To the writer only.
    RecvOnly,
    /// Neither way.
    Inactive,
}

impl Direction {
    /// All four, for tables and tests.
    pub const ALL: [Self; 4] = [Self::SendRecv, Self::SendOnly, Self::RecvOnly, Self::Inactive];

    /// The direction in which the writer sends and receives as told.
    #[must_use]
    pub const fn of(sends: Sends, receives: Receives) -> Self {
        match (sends, receives) {
            (Sends(true), Receives(true)) => Self::SendRecv,
            (Sends(true), Receives(false)) => Self::SendOnly,
            (Sends(false), Receives(true)) => Self::RecvOnly,
            (Sends(false), Receives(false)) => Self::Inactive,
        }
    }

    /// Whether the writer sends.
    #[must_use]
    pub const fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// Whether the writer receives.
    #[must_use]
    pub const fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }

    /// The same flow seen from the other end.
    #[must_use]
    pub const fn reversed(self) -> Self {
        match self {
            Self::SendOnly => Self::RecvOnly,
            Self::RecvOnly => Self::SendOnly,
            Self::SendRecv | Self::Inactive => self,
        }
    }

    /// What remains of this direction when only the flows of the other one are allowed.
    #[must_use]
    pub const fn within(self, allowed: Self) -> Self {
        Self::of(
            Sends(self.sends() && allowed.sends()),
            Receives(self.receives() && allowed.receives()),
        )
    }

    /// The attribute name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    pub(super) fn first_of(lines: &[Line]) -> Option<Self> {
        let names = lines.iter().filter_map(Line::as_attribute).filter(|a| a.value.is_none());
        names.map(|a| a.name).find_map(|name| Self::ALL.into_iter().find(|d| d.name() == name))
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Whether somebody sends; keeps the two answers of [`Direction::of`] apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sends(pub bool);

/// Whether somebody receives; keeps the two answers of [`Direction::of`] apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receives(pub bool);

/// `a=rtpmap`: what a payload type means (RFC 8866 §6.6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RtpMap {
    /// The payload type, 0 to 127.
    pub payload: u8,
    /// The encoding name, as written; its case does not matter.
    pub encoding: String,
    /// The rate of the RTP clock, in hertz.
    pub clock_hz: u32,
    /// The number of audio channels; 1 when not written.
    pub channels: u8,
}

impl RtpMap {
    /// Reads the value of the attribute: `111 opus/48000/2`.
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        let (payload, rest) = value.trim().split_once(char::is_whitespace)?;
        let payload = payload.parse().ok().filter(|payload| *payload <= 127)?;
        let mut parts = rest.trim().split('/');
        let encoding = parts.next().filter(|name| !name.is_empty())?.to_owned();
        let clock_hz = parts.next()?.trim().parse().ok().filter(|clock| *clock > 0)?;
        let channels = match parts.next() {
            Some(written) => written.trim().parse().ok().filter(|channels| *channels > 0)?,
            None => 1,
        };
        Some(Self { payload, encoding, clock_hz, channels })
    }
}

impl fmt::Display for RtpMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}/{}", self.payload, self.encoding, self.clock_hz)?;
        if self.channels == 1 { Ok(()) } else { write!(f, "/{}", self.channels) }
    }
}

/// `a=fmtp`: parameters of one format (RFC 8866 §6.15).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fmtp<'a> {
    /// The format: a payload type, for RTP.
    pub format: &'a str,
    /// Its parameters, opaque here.
    pub parameters: &'a str,
}

impl<'a> Fmtp<'a> {
    /// Reads the value of the attribute: `101 0-16`.
    #[must_use]
    pub fn parse(value: &'a str) -> Option<Self> {
        let (format, parameters) = value.trim().split_once(char::is_whitespace)?;
        Some(Self { format, parameters: parameters.trim() })
    }
}

/// `a=rtcp`: where RTCP goes when not to the next port (RFC 3605 §2.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RtcpPort {
    /// The port.
    pub port: u16,
    /// Another host than that of RTP, when written.
    pub connection: Option<Connection>,
}

impl RtcpPort {
    /// Reads the value of the attribute: `53020` or `53020 IN IP4 192.0.2.4`.
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        let (port, rest) = match value.trim().split_once(char::is_whitespace) {
            Some((port, rest)) => (port, Some(rest)),
            None => (value.trim(), None),
        };
        Some(Self { port: port.parse().ok()?, connection: rest.and_then(Connection::parse) })
    }
}

#[cfg(test)]
mod tests {
    use super::{Direction, Fmtp, RtcpPort, RtpMap};

    #[test]
    fn a_direction_seen_twice_from_the_other_end_is_itself() {
        for direction in Direction::ALL {
            assert_eq!(direction.reversed().reversed(), direction);
            assert_eq!(direction.reversed().sends(), direction.receives());
            assert_eq!(direction.within(Direction::SendRecv), direction);
            assert_eq!(direction.within(Direction::Inactive), Direction::Inactive);
        }
        assert_eq!(Direction::SendOnly.within(Direction::RecvOnly), Direction::Inactive);
    }

    #[test]
    fn rtpmap_reads_channels_and_refuses_nonsense() {
        let opus = RtpMap::parse("111 opus/48000/2").map(|map| (map.channels, map.to_string()));
        assert_eq!(opus, Some((2, "111 opus/48000/2".into())));
        assert_eq!(
            RtpMap::parse("8 PCMA/8000/1").map(|m| m.to_string()),
            Some("8 PCMA/8000".into())
        );
        for bad in
            ["", "8", "8 PCMA", "8 /8000", "8 PCMA/0", "128 X/8000", "8 PCMA/8000/0", "x X/1"]
        {
            assert_eq!(RtpMap::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn fmtp_and_rtcp() {
        let fmtp = Fmtp::parse("18 annexb=no; x");
        assert_eq!(fmtp, Some(Fmtp { format: "18", parameters: "annexb=no; x" }));
        assert_eq!(RtcpPort::parse("53020").map(|rtcp| rtcp.port), Some(53020));
        let elsewhere = RtcpPort::parse("53020 IN IP6 2001:db8::1").and_then(|r| r.connection);
        assert_eq!(elsewhere.and_then(|c| c.ip()), "2001:db8::1".parse().ok());
        assert_eq!(RtcpPort::parse("70000"), None);
    }
}
