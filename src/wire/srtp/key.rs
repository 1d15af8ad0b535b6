//! The master key of one direction, and the session keys that follow from it (RFC 3711 §4.3).

use super::cm::Aes;
use super::suite::Suite;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use holdfast_base::Entropy;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Longest key, of AES-256.
pub(super) const KEY_BYTES_MAX: usize = 32;
/// Longest salt, of AES-CM.
pub(super) const SALT_BYTES: usize = 14;
/// Key of HMAC-SHA1 (RFC 3711 §8.2).
pub(super) const MAC_KEY_BYTES: usize = 20;

/// A master key and its salt, for one suite and one direction. Never prints itself: `Debug` names
/// the suite alone; serialising it is for stores that seal what they keep.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MasterKey {
    suite: Suite,
    /// Key, then salt; zeros behind them.
    bytes: [u8; KEY_BYTES_MAX + SALT_BYTES],
}

impl MasterKey {
    /// The key of these bytes: the key, then the salt (RFC 4568 §6.1). `None` when they are not
    /// exactly as many as the suite needs.
    #[must_use]
    pub fn new(suite: Suite, key_and_salt: &[u8]) -> Option<Self> {
        if key_and_salt.len() != suite.key_bytes() + suite.salt_bytes() {
            return None;
        }
        let mut bytes = [0; KEY_BYTES_MAX + SALT_BYTES];
        bytes.iter_mut().zip(key_and_salt).for_each(|(byte, given)| *byte = *given);
        Some(Self { suite, bytes })
    }

    /// A new key that nobody can guess.
    #[must_use]
    pub fn drawn(suite: Suite, entropy: &mut Entropy) -> Self {
        let drawn = entropy.bytes().into_iter().chain(entropy.bytes());
        let length = suite.key_bytes() + suite.salt_bytes();
        let mut bytes = [0; KEY_BYTES_MAX + SALT_BYTES];
        bytes.iter_mut().zip(drawn.take(length)).for_each(|(byte, drawn)| *byte = drawn);
        Self { suite, bytes }
    }

    /// For which suite it is.
    #[must_use]
    pub const fn suite(&self) -> Suite {
        self.suite
    }

    /// The key, then the salt.
    #[must_use]
    pub fn key_and_salt(&self) -> &[u8] {
        let length = self.suite.key_bytes() + self.suite.salt_bytes();
        self.bytes.get(..length).unwrap_or_default()
    }

    /// The session keys of RTP or of RTCP. The key derivation rate is 0: once and for all.
    pub(super) fn session_keys(&self, of: Purpose) -> SessionKeys {
        let (key, salt) = self.key_and_salt().split_at(self.suite.key_bytes());
        let master = Aes::new(key);
        let derive = |label: u8, out: &mut [u8]| {
            // §4.3.1: the label stands 48 bits above the end, of which the salt has 112 here; a
            // salt of 96 bits is filled up with zeros (RFC 7714 §11).
            let mut block = [0; 16];
            block.iter_mut().zip(salt).for_each(|(byte, salt)| *byte = *salt);
            block[7] ^= label;
            master.apply_keystream(block, out);
        };
        let first = match of {
            Purpose::Rtp => 0,
            Purpose::Rtcp => 3,
        };
        let mut keys = SessionKeys {
            suite: self.suite,
            key: [0; KEY_BYTES_MAX],
            mac: [0; MAC_KEY_BYTES],
            salt: [0; SALT_BYTES],
        };
        derive(first, keys.key.get_mut(..self.suite.key_bytes()).unwrap_or_default());
        derive(first + 1, &mut keys.mac);
        derive(first + 2, keys.salt.get_mut(..self.suite.salt_bytes()).unwrap_or_default());
        keys
    }
}

/// What session keys are for; RTP and RTCP have their own (RFC 3711 §4.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Rtp,
    Rtcp,
}

/// The keys that meet packets.
pub(super) struct SessionKeys {
    pub suite: Suite,
    pub key: [u8; KEY_BYTES_MAX],
    pub mac: [u8; MAC_KEY_BYTES],
    pub salt: [u8; SALT_BYTES],
}

impl SessionKeys {
    /// The key without the zeros behind it.
    pub fn key(&self) -> &[u8] {
        self.key.get(..self.suite.key_bytes()).unwrap_or_default()
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKey({})", self.suite.name())
    }
}

impl From<MasterKey> for String {
    fn from(key: MasterKey) -> Self {
        format!("{} {}", key.suite.name(), STANDARD.encode(key.key_and_salt()))
    }
}

impl TryFrom<String> for MasterKey {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let read = || {
            let (suite, key) = text.split_once(' ')?;
            Self::new(Suite::named(suite)?, &STANDARD.decode(key).ok()?)
        };
        read().ok_or("not a suite and its key")
    }
}
