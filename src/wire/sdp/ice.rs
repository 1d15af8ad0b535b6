//! ICE in descriptions (RFC 8839): who a party is for connectivity checks, and where it can be met.

use holdfast_base::Entropy;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::SocketAddr;

/// Shortest user fragment and password that are safe to take (RFC 8839 §5.4).
const FRAGMENT_CHARS_MIN: usize = 4;
const PASSWORD_CHARS_MIN: usize = 22;
/// Longest of both (RFC 8839 §5.4).
const CHARS_MAX: usize = 256;
/// The type preference of a host candidate (RFC 8445 §5.1.2.2).
const PREFERENCE_OF_HOST: u32 = 126;

/// `a=ice-ufrag` and `a=ice-pwd`: by which a party is known in checks (RFC 8839 §5.4).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    fragment: String,
    password: String,
}

impl Credentials {
    /// These, where both are of the characters and lengths that RFC 8839 §5.4 allows.
    #[must_use]
    pub fn new(fragment: &str, password: &str) -> Option<Self> {
        let fits = |text: &str, least: usize| {
            let is_ice_char =
                |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
            (least..=CHARS_MAX).contains(&text.len()) && text.bytes().all(is_ice_char)
        };
        (fits(fragment, FRAGMENT_CHARS_MIN) && fits(password, PASSWORD_CHARS_MIN))
            .then(|| Self { fragment: fragment.to_owned(), password: password.to_owned() })
    }

    /// Credentials that nobody can guess: 64 bits to be found by, and 128 that are secret (RFC 8839
    /// §5.4 asks for 24 and 128).
    #[must_use]
    pub fn drawn(entropy: &mut Entropy) -> Self {
        let (fragment, secret) = (entropy.token(), entropy.token() + &entropy.token());
        Self { fragment, password: secret }
    }

    /// The user fragment.
    #[must_use]
    pub fn fragment(&self) -> &str {
        &self.fragment
    }

    /// The password.
    #[must_use]
    pub fn password(&self) -> &str {
        &self.password
    }
}

/// The password never prints.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({})", self.fragment)
    }
}

/// `a=candidate` of an address of this host (RFC 8839 §5.1). A lite agent has no others
/// (RFC 8445 §5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostCandidate {
    /// 1 for RTP, 2 for RTCP.
    pub component: u8,
    /// Its place among the addresses of the component, best first, from 0.
    pub rank: u16,
    /// Where.
    pub address: SocketAddr,
}

impl fmt::Display for HostCandidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { component, rank, address } = self;
        // RFC 8445 §5.1.2.1, with the local preference counted down from the best.
        let local = u32::from(u16::MAX - rank);
        let priority = (PREFERENCE_OF_HOST << 24) | (local << 8) | (256 - u32::from(*component));
        let foundation = rank + 1;
        write!(
            f,
            "{foundation} {component} UDP {priority} {} {} typ host",
            address.ip(),
            address.port()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::{Credentials, HostCandidate};

    #[test]
    fn credentials_are_long_enough_and_of_their_characters() {
        let password = "asd88fgpdd777uzjYhagZg";
        assert!(Credentials::new("8hhY", password).is_some());
        assert!(Credentials::new("8hh", password).is_none());
        assert!(Credentials::new("8hhY", &password[1..]).is_none());
        assert!(Credentials::new("8h:Y", password).is_none());
        assert!(Credentials::new(&"a".repeat(257), password).is_none());
        let printed = format!("{:?}", Credentials::new("8hhY", password));
        assert!(!printed.contains(password), "{printed}");
    }

    #[test]
    fn the_best_address_has_the_highest_priority() {
        let of = |component, rank, address: &str| {
            HostCandidate { component, rank, address: address.parse().unwrap() }.to_string()
        };
        assert_eq!(of(1, 0, "192.0.2.1:4000"), "1 1 UDP 2130706431 192.0.2.1 4000 typ host");
        assert_eq!(of(2, 0, "192.0.2.1:4001"), "1 2 UDP 2130706430 192.0.2.1 4001 typ host");
        assert_eq!(of(1, 1, "[2001:db8::1]:9"), "2 1 UDP 2130706175 2001:db8::1 9 typ host");
    }
}
