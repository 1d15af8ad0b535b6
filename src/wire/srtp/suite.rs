//! The crypto suites, by the names of RFC 4568 §6.2, RFC 6188 §4 and RFC 7714 §14.1.

use serde::{Deserialize, Serialize};

/// Which algorithms protect a stream, and with how long a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Suite {
    /// AES-128 in counter mode, HMAC-SHA1 with a tag of 80 bits. What everybody speaks.
    AesCm128HmacSha1Tag80,
    /// The same with a tag of 32 bits on RTP. RTCP keeps 80 (RFC 4568 §6.2.2).
    AesCm128HmacSha1Tag32,
    /// AES-256 in counter mode, HMAC-SHA1 with a tag of 80 bits.
    Aes256CmHmacSha1Tag80,
    /// The same with a tag of 32 bits on RTP.
    Aes256CmHmacSha1Tag32,
    /// AES-128 in Galois/counter mode.
    AeadAes128Gcm,
    /// AES-256 in Galois/counter mode.
    AeadAes256Gcm,
}

impl Suite {
    /// All that are spoken here.
    pub const ALL: [Self; 6] = [
        Self::AesCm128HmacSha1Tag80,
        Self::AesCm128HmacSha1Tag32,
        Self::Aes256CmHmacSha1Tag80,
        Self::Aes256CmHmacSha1Tag32,
        Self::AeadAes128Gcm,
        Self::AeadAes256Gcm,
    ];

    /// The name in session descriptions.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AesCm128HmacSha1Tag80 => "AES_CM_128_HMAC_SHA1_80",
            Self::AesCm128HmacSha1Tag32 => "AES_CM_128_HMAC_SHA1_32",
            Self::Aes256CmHmacSha1Tag80 => "AES_256_CM_HMAC_SHA1_80",
            Self::Aes256CmHmacSha1Tag32 => "AES_256_CM_HMAC_SHA1_32",
            Self::AeadAes128Gcm => "AEAD_AES_128_GCM",
            Self::AeadAes256Gcm => "AEAD_AES_256_GCM",
        }
    }

    /// The suite of this name; strings of a grammar do not differ by case (RFC 5234 §2.3).
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|suite| suite.name().eq_ignore_ascii_case(name))
    }

    /// Length of the master key, and of each key that encrypts, in bytes.
    #[must_use]
    pub const fn key_bytes(self) -> usize {
        match self {
            Self::AesCm128HmacSha1Tag80 | Self::AesCm128HmacSha1Tag32 | Self::AeadAes128Gcm => 16,
            Self::Aes256CmHmacSha1Tag80 | Self::Aes256CmHmacSha1Tag32 | Self::AeadAes256Gcm => 32,
        }
    }

    /// Length of the master salt, in bytes (RFC 3711 §8.2, RFC 7714 §12).
    #[must_use]
    pub const fn salt_bytes(self) -> usize {
        match self {
            Self::AesCm128HmacSha1Tag80
            | Self::AesCm128HmacSha1Tag32
            | Self::Aes256CmHmacSha1Tag80
            | Self::Aes256CmHmacSha1Tag32 => 14,
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 12,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Suite;

    #[test]
    fn every_name_leads_back_to_its_suite() {
        for suite in Suite::ALL {
            assert_eq!(Suite::named(&suite.name().to_lowercase()), Some(suite));
        }
        assert_eq!(Suite::named("F8_128_HMAC_SHA1_80"), None);
    }
}
