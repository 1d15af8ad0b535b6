//! Where something comes from, as far as it is one and the same somebody.
//!
//! An IPv4 address is one host or one NAT. Behind IPv6 anybody has a whole /64 to pick addresses
//! from (RFC 4291 §2.5.4, RFC 8981), so addresses there are counted together.

use holdfast_config::Network;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// The network part of an IPv6 address: the upper 64 bits.
const NETWORK_BITS_V6: u8 = 64;

/// One IPv4 address, or the /64 of an IPv6 address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Source(IpAddr);

impl Source {
    /// The source that an address belongs to. An IPv4 address written as IPv6 is the IPv4 address.
    #[must_use]
    pub const fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self(IpAddr::V4(v4)),
            IpAddr::V6(v6) => {
                let network = u128::from_be_bytes(v6.octets()) >> NETWORK_BITS_V6;
                Self(IpAddr::V6(Ipv6Addr::from_bits(network << NETWORK_BITS_V6)))
            }
        }
    }

    /// Its first address, which names it.
    #[must_use]
    pub const fn first(self) -> IpAddr {
        self.0
    }

    /// Whether any address of it lies in this network: who may never be banned must not be banned
    /// together with a neighbour.
    #[must_use]
    pub fn touches(self, network: Network) -> bool {
        let whole = Network { address: self.0, prefix: self.prefix() };
        network.contains(self.0) || whole.contains(network.address)
    }

    /// Leading bits that are the same for all of its addresses.
    #[must_use]
    pub const fn prefix(self) -> u8 {
        match self.0 {
            IpAddr::V4(_) => 32,
            IpAddr::V6(_) => NETWORK_BITS_V6,
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(address) => write!(f, "{address}"),
            IpAddr::V6(address) => write!(f, "{address}/{NETWORK_BITS_V6}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Source;
    use holdfast_config::Network;

    fn of(text: &str) -> Source {
        Source::of(text.parse().expect(text))
    }

    #[test]
    fn an_ipv6_neighbourhood_is_one_source_and_an_ipv4_address_is_one() {
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:0:0:2"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_eq!(of("2001:db8::1").to_string(), "2001:db8::/64");
        assert_eq!(of("192.0.2.1").to_string(), "192.0.2.1");
    }

    #[test]
    fn a_source_touches_every_network_that_has_an_address_in_common() {
        for (source, network, touches) in [
            ("192.0.2.7", "192.0.2.0/24", true),
            ("192.0.3.7", "192.0.2.0/24", false),
            ("2001:db8::99", "2001:db8::1", true),
            ("2001:db8::99", "2001:db8::/32", true),
            ("2001:db8::99", "2001:db8:0:1::1", false),
            ("192.0.2.7", "::/0", false),
        ] {
            let network = Network::try_from(network.to_owned()).expect(network);
            assert_eq!(of(source).touches(network), touches, "{source} {network:?}");
        }
    }
}
