//! Certificates and who begins, as descriptions say them (RFC 8122, RFC 4145).

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256, Sha384, Sha512};
use std::fmt;

/// A hash function that is strong enough (RFC 8122 §5). The weaker ones are passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hash {
    /// SHA-256, which everybody writes.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

/// `a=fingerprint`: the hash of a certificate (RFC 8122 §5).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Fingerprint {
    hash: Hash,
    bytes: Vec<u8>,
}

/// `a=setup`: who begins the handshake (RFC 4145 §4, RFC 8842 §5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Setup {
    /// The writer.
    Active,
    /// The other side.
    Passive,
    /// Whom the other side chooses; for offers.
    ActPass,
}

impl Hash {
    const ALL: [Self; 3] = [Self::Sha256, Self::Sha384, Self::Sha512];

    const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha-256",
            Self::Sha384 => "sha-384",
            Self::Sha512 => "sha-512",
        }
    }

    fn of(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => Sha256::digest(bytes).to_vec(),
            Self::Sha384 => Sha384::digest(bytes).to_vec(),
            Self::Sha512 => Sha512::digest(bytes).to_vec(),
        }
    }

    const fn length_bytes(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }
}

impl Fingerprint {
    /// The SHA-256 fingerprint of a certificate, in DER.
    #[must_use]
    pub fn of(certificate: &[u8]) -> Self {
        let hash = Hash::Sha256;
        Self { hash, bytes: hash.of(certificate) }
    }

    /// Reads the value of the attribute: `sha-256 4A:AD:…`.
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        let (name, digits) = value.trim().split_once(char::is_whitespace)?;
        let hash = Hash::ALL.into_iter().find(|hash| hash.name().eq_ignore_ascii_case(name))?;
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|it| u8::try_from(it).ok());
        let byte = |pair: &str| match *pair.as_bytes() {
            [high, low] => Some(digit(high)? << 4 | digit(low)?),
            [] | [_, ..] => None,
        };
        let bytes: Vec<u8> = digits.trim().split(':').map(byte).collect::<Option<_>>()?;
        (bytes.len() == hash.length_bytes()).then_some(Self { hash, bytes })
    }

    /// Whether one of these is of this certificate, in DER. Among several functions the strongest
    /// alone counts: a weaker one may have been added by somebody else (RFC 8122 §5.1).
    #[must_use]
    pub fn any_is_of(all: &[Self], certificate: &[u8]) -> bool {
        let Some(strongest) = all.iter().map(|one| one.hash).max() else { return false };
        let bytes = strongest.of(certificate);
        all.iter().any(|one| one.hash == strongest && one.bytes == bytes)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pairs: Vec<String> = self.bytes.iter().map(|byte| format!("{byte:02X}")).collect();
        write!(f, "{} {}", self.hash.name(), pairs.join(":"))
    }
}

impl From<Fingerprint> for String {
    fn from(fingerprint: Fingerprint) -> Self {
        fingerprint.to_string()
    }
}

impl TryFrom<String> for Fingerprint {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("not a hash function and its fingerprint")
    }
}

impl Setup {
    /// The word on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Passive => "passive",
            Self::ActPass => "actpass",
        }
    }

    /// The value of the attribute; `holdconn` begins nothing and is none of these.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let all = [Self::Active, Self::Passive, Self::ActPass];
        all.into_iter().find(|setup| setup.name().eq_ignore_ascii_case(name.trim()))
    }
}

#[cfg(test)]
mod tests {
    use super::{Fingerprint, Setup};

    #[test]
    fn a_fingerprint_is_read_as_it_is_written() {
        let of_nothing = Fingerprint::of(b"");
        let text = of_nothing.to_string();
        assert!(text.starts_with("sha-256 E3:B0:C4:42:98:FC:1C:14:"), "{text}");
        assert_eq!(Fingerprint::parse(&text), Some(of_nothing.clone()));
        let lower = text.to_lowercase().replace("sha-256", "SHA-256");
        assert_eq!(Fingerprint::parse(&lower), Some(of_nothing));
        for bad in ["", "sha-256", "sha-256 E3", "sha-1 E3:B0", "md5 00", "sha-256 +1:00"] {
            assert_eq!(Fingerprint::parse(bad), None, "{bad}");
        }
        assert_eq!(Fingerprint::parse(&text.replace(":B0", ":+0")).map(|_| ()), None);
    }

    #[test]
    fn the_strongest_function_decides() {
        let (right, wrong) = (Fingerprint::of(b"a"), Fingerprint::of(b"b"));
        assert!(!Fingerprint::any_is_of(&[], b"a"));
        assert!(Fingerprint::any_is_of(&[wrong.clone(), right.clone()], b"a"));
        let strong = "sha-512 ".to_owned() + &["00"; 64].join(":");
        let strong = Fingerprint::parse(&strong).unwrap();
        assert!(!Fingerprint::any_is_of(&[right, strong], b"a"));
        assert!(!Fingerprint::any_is_of(&[wrong], b"a"));
    }

    #[test]
    fn every_word_of_setup_leads_back() {
        for setup in [Setup::Active, Setup::Passive, Setup::ActPass] {
            assert_eq!(Setup::named(setup.name()), Some(setup));
        }
        assert_eq!(Setup::named("holdconn"), None);
    }
}
