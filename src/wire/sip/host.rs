//! Hosts, RFC 3261 §25.1 `host` and `hostport`; IPv6 in brackets, RFC 5118.

use super::{Fault, ParseError, lex};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Where a URI or Via points: an address, or a name for the resolver.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Host {
    /// An IPv4 address.
    V4(Ipv4Addr),
    /// An IPv6 address; printed in brackets.
    V6(Ipv6Addr),
    /// A name in lower case, so that equal hosts are equal values (RFC 3261 §19.1.4).
    Name(String),
}

impl Host {
    /// Reads a host. Underscores in names and names that begin with a digit are let through: DNS
    /// serves both, and PBXs use both.
    ///
    /// # Errors
    /// When the text is empty, an IPv6 address is malformed or without brackets, or a character
    /// can not stand in a host name.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        if let Some(inside) = text.strip_prefix('[') {
            let address = inside.strip_suffix(']').ok_or(Fault::Host)?;
            return Ok(Self::V6(address.parse().map_err(|_| Fault::Host)?));
        }
        if let Ok(address) = text.parse() {
            return Ok(Self::V4(address));
        }
        let is_name_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        if text.is_empty() || !text.bytes().all(is_name_byte) {
            return Err(Fault::Host.into());
        }
        Ok(Self::Name(text.to_ascii_lowercase()))
    }

    /// The address, when the host is one.
    #[must_use]
    pub const fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::V4(address) => Some(IpAddr::V4(*address)),
            Self::V6(address) => Some(IpAddr::V6(*address)),
            Self::Name(_) => None,
        }
    }
}

impl From<IpAddr> for Host {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(v4) => Self::V4(v4),
            IpAddr::V6(v6) => Self::V6(v6),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4(address) => address.fmt(f),
            Self::V6(address) => write!(f, "[{address}]"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// Reads `host [":" port]`, with the white space around the colon that Via allows.
pub(crate) fn host_and_port(text: &str) -> Result<(Host, Option<u16>), ParseError> {
    // The colons inside brackets belong to the address.
    let from = text.find(']').unwrap_or(0);
    let colon = text.get(from..).and_then(|rest| rest.find(':')).map(|at| from + at);
    let Some(colon) = colon else {
        return Ok((Host::parse(lex::trim(text))?, None));
    };
    let host = Host::parse(lex::trim(text.get(..colon).unwrap_or_default()))?;
    let port = lex::number(lex::trim(text.get(colon + 1..).unwrap_or_default()));
    Ok((host, Some(port.ok_or(Fault::Host)?)))
}

/// Prints what [`host_and_port`] reads.
pub(crate) fn write_host_and_port(
    f: &mut impl fmt::Write,
    host: &Host,
    port: Option<u16>,
) -> fmt::Result {
    match port {
        Some(port) => write!(f, "{host}:{port}"),
        None => write!(f, "{host}"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used, reason = "a test may die of what it did not expect")]
    use super::{Host, host_and_port};

    #[test]
    fn reads_addresses_and_names() {
        let cases = [
            ("192.0.2.1:5060", "192.0.2.1 Some(5060)"),
            ("[2001:DB8::1]:5061", "[2001:db8::1] Some(5061)"),
            ("[::1]", "[::1] None"),
            ("SBC.example.com : 5060", "sbc.example.com Some(5060)"),
            ("pbx_1", "pbx_1 None"),
        ];
        for (text, shown) in cases {
            let (host, port) = host_and_port(text).expect(text);
            assert_eq!(format!("{host} {port:?}"), shown);
        }
    }

    #[test]
    fn refuses_what_no_resolver_can_use() {
        for text in ["", "[::1", "[192.0.2.1]", "2001:db8::1", "a b", "a:99999", "a:", "a:+5"] {
            assert!(host_and_port(text).is_err(), "{text}");
        }
        assert!(Host::parse("[fe80::1%eth0]").is_err());
    }
}
