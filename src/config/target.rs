//! Where a trunk's calls go: a name or an address, with or without a port, as written.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// Longest host name, RFC 1035 §2.3.4.
pub(crate) const HOST_CHARS_MAX: usize = 253;

/// One target of a trunk.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Target {
    /// Whom to ask for.
    pub host: TargetHost,
    /// The port, where it is written. A written port means that no SRV record is asked for
    /// (RFC 3263 §4.2).
    pub port: Option<u16>,
}

/// The left side of a target.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum TargetHost {
    /// An address: no name server is ever asked.
    Address(IpAddr),
    /// A name in lower case.
    Name(String),
}

impl Target {
    /// The socket address of a target that is an address, with `port` where none is written.
    #[must_use]
    pub fn address(&self, port: u16) -> Option<SocketAddr> {
        match self.host {
            TargetHost::Address(ip) => Some(SocketAddr::new(ip, self.port.unwrap_or(port))),
            TargetHost::Name(_) => None,
        }
    }

    /// Reads a target.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let address = |ip, port| Some(Self { host: TargetHost::Address(ip), port });
        if let Ok(address_and_port) = text.parse::<SocketAddr>() {
            return address(address_and_port.ip(), Some(address_and_port.port()));
        }
        let bracketed = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        if let Some(ip) = bracketed.and_then(|inside| inside.parse::<Ipv6Addr>().ok()) {
            return address(ip.into(), None);
        }
        if let Ok(ip) = text.parse::<IpAddr>() {
            return address(ip, None);
        }
        let (name, port) = match text.split_once(':') {
            Some((name, port)) => (name, Some(port.parse().ok().filter(|port| *port > 0)?)),
            None => (text, None),
        };
        let host = TargetHost::Name(name.to_ascii_lowercase());
        is_host_name(name).then_some(Self { host, port })
    }
}

/// Whether a text is a name that DNS can hold; underscores are let through, as PBXs use them. One
/// that ends in a number is meant as an address (RFC 3696 §2), and a wrong one.
pub(crate) fn is_host_name(text: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
    };
    let numeric = text.rsplit('.').next().is_some_and(|last| last.parse::<u64>().is_ok());
    text.len() <= HOST_CHARS_MAX && !numeric && text.split('.').all(label)
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.host, self.port) {
            (TargetHost::Address(ip), Some(port)) => write!(f, "{}", SocketAddr::new(*ip, port)),
            (TargetHost::Address(ip), None) => write!(f, "{ip}"),
            (TargetHost::Name(name), Some(port)) => write!(f, "{name}:{port}"),
            (TargetHost::Name(name), None) => f.write_str(name),
        }
    }
}

impl TryFrom<String> for Target {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| format!("`{text}` is neither a host name nor an address"))
    }
}

impl From<Target> for String {
    fn from(target: Target) -> Self {
        target.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::Target;

    #[test]
    fn a_target_reads_as_it_prints() {
        for text in [
            "203.0.113.5",
            "203.0.113.5:5070",
            "2001:db8::1",
            "[2001:db8::1]:5060",
            "sip.example.org",
            "sip.example.org:5061",
            "pbx_2",
        ] {
            assert_eq!(Target::parse(text).map(|target| target.to_string()), Some(text.to_owned()));
        }
        let read = |text| Target::parse(text).map(|target| target.to_string());
        assert_eq!(read("[2001:db8::1]"), Some("2001:db8::1".to_owned()));
        assert_eq!(read("SIP.Example.ORG"), Some("sip.example.org".to_owned()));
        for bad in ["", "a..b", "-a", "a b", "a:", "a:0", "a:99999", "256.1.1.1", "a:1:2", "[a]"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
