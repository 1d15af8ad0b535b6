//! The keys of both directions out of what a DTLS handshake leaves (RFC 5764 §4.2).

use super::key::MasterKey;
use super::suite::Suite;

/// The protection profiles that we negotiate, by their numbers (RFC 5764 §4.1.2, RFC 7714 §14.2).
/// Those with a tag of 32 bits and those of AES-256-CM are not spoken by browsers.
const PROFILES: [(u16, Suite); 3] = [
    (0x0001, Suite::AesCm128HmacSha1Tag80),
    (0x0007, Suite::AeadAes128Gcm),
    (0x0008, Suite::AeadAes256Gcm),
];

/// What a handshake has agreed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// The key of who was the client of the handshake.
    pub client: MasterKey,
    /// The key of the server.
    pub server: MasterKey,
}

impl Exported {
    /// The keys of this profile out of the exported material: client key, server key, client salt,
    /// server salt. `None` for another profile or length.
    #[must_use]
    pub fn of(profile: u16, material: &[u8]) -> Option<Self> {
        let (_, suite) = PROFILES.into_iter().find(|(number, _)| *number == profile)?;
        let (key, salt) = (suite.key_bytes(), suite.salt_bytes());
        if material.len() != 2 * (key + salt) {
            return None;
        }
        let part = |at: usize, length: usize| material.get(at..at + length);
        let join = |key: Option<&[u8]>, salt: Option<&[u8]>| {
            MasterKey::new(suite, &[key?, salt?].concat())
        };
        Some(Self {
            client: join(part(0, key), part(2 * key, salt))?,
            server: join(part(key, key), part(2 * key + salt, salt))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Exported, PROFILES, Suite};

    #[test]
    fn keys_come_before_salts_and_the_client_before_the_server() {
        let material: Vec<u8> = (0..60).collect();
        let keys = Exported::of(1, &material).unwrap();
        let bytes =
            |ranges: [std::ops::Range<u8>; 2]| ranges.into_iter().flatten().collect::<Vec<_>>();
        assert_eq!(keys.client.suite(), Suite::AesCm128HmacSha1Tag80);
        assert_eq!(keys.client.key_and_salt(), bytes([0..16, 32..46]));
        assert_eq!(keys.server.key_and_salt(), bytes([16..32, 46..60]));
    }

    #[test]
    fn each_profile_has_its_length_and_no_other_profile_any() {
        for (profile, suite) in PROFILES {
            let length = 2 * (suite.key_bytes() + suite.salt_bytes());
            assert!(Exported::of(profile, &vec![1; length]).is_some());
            assert!(Exported::of(profile, &vec![1; length + 1]).is_none());
            assert!(Exported::of(profile, &vec![1; length - 1]).is_none());
        }
        assert!(Exported::of(2, &[1; 60]).is_none(), "a tag of 32 bits");
    }
}
