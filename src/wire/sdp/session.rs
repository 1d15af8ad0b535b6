//! The lines of the session level that carry facts: `o=`, `c=` and `t=`.

use super::line::Line;
use std::fmt;
use std::net::IpAddr;

/// `o=`: who wrote the description, and which edition it is (RFC 8866 §5.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The writer's name on its host, `-` when it has none.
    pub username: String,
    /// Tells this session from every other of the same writer.
    pub session_id: u64,
    /// Goes up by one when the description changes (RFC 3264 §8).
    pub version: u64,
    /// The host that wrote it.
    pub host: Connection,
}

/// `c=`: a network address, also at the end of `o=` and `a=rtcp` (RFC 8866 §5.7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Connection {
    /// An address, with the family that it has, whatever family was written before it.
    Ip(IpAddr),
    /// A name, which only a resolver could turn into an address.
    Name(String),
}

/// `t=`: from when to when, in seconds of NTP; `0 0` is "now and for ever" (RFC 8866 §5.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// The first second.
    pub start: u64,
    /// The last second, 0 when there is none.
    pub stop: u64,
}

impl Origin {
    pub(super) fn parse(value: &str) -> Option<Self> {
        let mut words = value.split_whitespace();
        Some(Self {
            username: words.next()?.to_owned(),
            session_id: words.next()?.parse().ok()?,
            version: words.next()?.parse().ok()?,
            host: Connection::from_words(words)?,
        })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {} {}", self.username, self.session_id, self.version, self.host)
    }
}

impl Connection {
    /// Reads `IN IP4 192.0.2.1`. The time to live and count of a multicast address are dropped.
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        Self::from_words(value.split_whitespace())
    }

    fn from_words<'a>(mut words: impl Iterator<Item = &'a str>) -> Option<Self> {
        if words.next()? != "IN" {
            return None;
        }
        let _family = words.next()?;
        let host = words.next()?.split('/').next()?;
        let name = || Self::Name(host.to_owned());
        Some(host.parse().map_or_else(|_| name(), Self::Ip))
    }

    /// The address, if it is one.
    #[must_use]
    pub const fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Ip(ip) => Some(*ip),
            Self::Name(_) => None,
        }
    }

    pub(super) fn first_of(lines: &[Line]) -> Option<Self> {
        lines.iter().find_map(|line| line.value_of('c').and_then(Self::parse))
    }
}

impl fmt::Display for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(IpAddr::V6(ip)) => write!(f, "IN IP6 {ip}"),
            Self::Ip(IpAddr::V4(ip)) => write!(f, "IN IP4 {ip}"),
            Self::Name(name) => write!(f, "IN IP4 {name}"),
        }
    }
}

impl Timing {
    pub(super) fn parse(value: &str) -> Option<Self> {
        let mut words = value.split_whitespace();
        Some(Self { start: words.next()?.parse().ok()?, stop: words.next()?.parse().ok()? })
    }
}
