//! `a=crypto`: keys of SRTP inside a description (SDES, RFC 4568).
//!
//! Everything that was written is kept, so that printing gives it back; what we can use of it is
//! asked by [`Crypto::master`].

use crate::srtp::{MasterKey, Suite};
use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use std::fmt;

/// Most digits of a tag (RFC 4568 §9.1).
const TAG_DIGITS_MAX: usize = 9;
/// Most keys of one line that are read. More than one needs identifiers and is hardly seen.
const KEYS_MAX: usize = 16;
/// Longest master key identifier, in bytes (RFC 4568 §9.2: three digits, up to 128).
const MKI_BYTES_MAX: u8 = 128;
/// The method of every key (RFC 4568 §6.1).
const INLINE: &str = "inline:";
/// Base64 as peers write it: with its padding, without, or with stray bits at its end.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// One `a=crypto` line.
#[derive(Clone, PartialEq, Eq)]
pub struct Crypto {
    /// Which of several lines this is; the answer repeats it (RFC 4568 §5.1.2).
    pub tag: u32,
    /// The crypto suite, as written.
    pub suite: String,
    /// The keys, best first; at least one.
    pub keys: Vec<CryptoKey>,
    /// Session parameters, as written (RFC 4568 §6.3).
    pub session: Vec<String>,
}

/// One key of a line.
#[derive(Clone, PartialEq, Eq)]
pub struct CryptoKey {
    /// Key and salt in base64, as written.
    pub key_and_salt: String,
    /// How many packets the key may protect, as written: a number or a power of two.
    pub lifetime: Option<String>,
    /// The master key identifier, and its length in packets, in bytes.
    pub mki: Option<(String, u8)>,
}

impl Crypto {
    /// A line of our own: one key, and the lifetime that Teams and others want to see.
    #[must_use]
    pub fn ours(tag: u32, key: &MasterKey) -> Self {
        Self {
            tag,
            suite: key.suite().name().to_owned(),
            keys: vec![CryptoKey {
                key_and_salt: LENIENT.encode(key.key_and_salt()),
                lifetime: Some("2^31".to_owned()),
                mki: None,
            }],
            session: Vec::new(),
        }
    }

    /// Reads the value of the attribute.
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        let mut words = value.split_ascii_whitespace();
        let tag = words.next().filter(|tag| tag.len() <= TAG_DIGITS_MAX && is_digits(tag))?;
        let suite = words.next()?.to_owned();
        let keys = words.next()?.split(';').take(KEYS_MAX + 1).map(CryptoKey::parse);
        let keys: Vec<CryptoKey> = keys.collect::<Option<_>>()?;
        let session = words.map(str::to_owned).collect();
        (keys.len() <= KEYS_MAX).then_some(Self { tag: tag.parse().ok()?, suite, keys, session })
    }

    /// The suite, if it is spoken here.
    #[must_use]
    pub fn suite(&self) -> Option<Suite> {
        Suite::named(&self.suite)
    }

    /// The first key, with the length of its identifier (0 for none); `None` when we can not use
    /// the line: another suite, a key of a wrong length, or a session parameter that we can not
    /// follow. RFC 4568 §6.3.7: one that is not understood and has no `-` before it forbids the
    /// line. Packets that are not encrypted or not authentic are not wanted here at all.
    #[must_use]
    pub fn master(&self) -> Option<(MasterKey, u8)> {
        let suite = self.suite()?;
        if !self.session.iter().all(|parameter| is_harmless(parameter)) {
            return None;
        }
        let first = self.keys.first()?;
        let bytes = LENIENT.decode(first.key_and_salt.trim_end_matches('=')).ok()?;
        let mki_bytes = first.mki.as_ref().map_or(0, |(_, bytes)| *bytes);
        Some((MasterKey::new(suite, &bytes)?, mki_bytes))
    }
}

/// A window size is advice (RFC 4568 §6.3.6), a derivation rate of 0 is ours, and what is marked
/// by `-` may be ignored.
fn is_harmless(parameter: &str) -> bool {
    let name = parameter.to_ascii_uppercase();
    name.starts_with('-') || name.starts_with("WSH=") || name == "KDR=0"
}

impl CryptoKey {
    fn parse(text: &str) -> Option<Self> {
        let method = text.get(..INLINE.len())?;
        if !method.eq_ignore_ascii_case(INLINE) {
            return None;
        }
        let mut parts = text.get(INLINE.len()..)?.split('|');
        let key_and_salt = parts.next().filter(|key| is_base64(key))?.to_owned();
        let (mut lifetime, mut mki) = (None, None);
        for part in parts {
            match part.split_once(':') {
                Some((value, bytes)) if mki.is_none() && is_digits(value) && is_digits(bytes) => {
                    let bytes = bytes.parse().ok();
                    let bytes = bytes.filter(|bytes| (1..=MKI_BYTES_MAX).contains(bytes))?;
                    mki = Some((value.to_owned(), bytes));
                }
                None if lifetime.is_none() && mki.is_none() && is_lifetime(part) => {
                    lifetime = Some(part.to_owned());
                }
                Some(_) | None => return None,
            }
        }
        Some(Self { key_and_salt, lifetime, mki })
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_lifetime(text: &str) -> bool {
    is_digits(text.strip_prefix("2^").unwrap_or(text))
}

fn is_base64(text: &str) -> bool {
    let of_alphabet = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    !text.is_empty() && text.trim_end_matches('=').bytes().all(of_alphabet)
}

impl fmt::Display for Crypto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ", self.tag, self.suite)?;
        for (place, key) in self.keys.iter().enumerate() {
            let between = if place == 0 { "" } else { ";" };
            write!(f, "{between}{INLINE}{}", key.key_and_salt)?;
            if let Some(lifetime) = &key.lifetime {
                write!(f, "|{lifetime}")?;
            }
            if let Some((value, bytes)) = &key.mki {
                write!(f, "|{value}:{bytes}")?;
            }
        }
        self.session.iter().try_for_each(|parameter| write!(f, " {parameter}"))
    }
}

/// Names the line, never a key.
impl fmt::Debug for Crypto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Crypto({} {})", self.tag, self.suite)
    }
}

impl fmt::Debug for CryptoKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CryptoKey").field("mki", &self.mki).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::Crypto;
    use crate::srtp::{MasterKey, Suite};
    use proptest::prelude::*;

    /// Thirty bytes.
    const KEY: &str = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";

    fn read(value: &str) -> String {
        let Some(crypto) = Crypto::parse(value) else { return "no crypto line".into() };
        let master = crypto.master();
        let usable =
            master.map_or("unusable".to_owned(), |(key, mki)| format!("{key:?} mki {mki}"));
        format!("{} {usable}", crypto.tag)
    }

    #[test]
    fn lines_as_peers_write_them() {
        let eighty = "AES_CM_128_HMAC_SHA1_80";
        for (value, expected) in [
            // RFC 4568 §9.1 and Teams, with and without lifetime and identifier.
            (format!("1 {eighty} inline:{KEY}|2^20|1:4"), "1 MasterKey(_80) mki 4"),
            (format!("1 {eighty} inline:{KEY}|2^31"), "1 MasterKey(_80) mki 0"),
            (format!("2 {eighty} inline:{KEY}"), "2 MasterKey(_80) mki 0"),
            (format!("1 {eighty} inline:{KEY}|1:1"), "1 MasterKey(_80) mki 1"),
            (format!("1 {eighty} inline:{KEY}|1048576|1:1"), "1 MasterKey(_80) mki 1"),
            // Padding where none belongs.
            (format!("1 {eighty} inline:{KEY}=="), "1 MasterKey(_80) mki 0"),
            (format!("1 {eighty} INLINE:{KEY}"), "1 MasterKey(_80) mki 0"),
            (
                format!("1 {eighty} inline:{KEY}|2^20|1:1;inline:{KEY}|2^20|2:1"),
                "1 MasterKey(_80) mki 1",
            ),
            (format!("7 {eighty} inline:{KEY} WSH=128 KDR=0 -NEW"), "7 MasterKey(_80) mki 0"),
            (format!("7 {eighty} inline:{KEY} NEW=1"), "7 unusable"),
            (format!("7 {eighty} inline:{KEY} UNENCRYPTED_SRTP"), "7 unusable"),
            (format!("7 {eighty} inline:{KEY} KDR=4"), "7 unusable"),
            (format!("1 F8_128_HMAC_SHA1_80 inline:{KEY}"), "1 unusable"),
            (format!("1 AEAD_AES_256_GCM inline:{KEY}"), "1 unusable"),
            (format!("1 {eighty} inline:{KEY}|2^x"), "no crypto line"),
            (format!("1 {eighty} inline:{KEY}|1:0"), "no crypto line"),
            (format!("1 {eighty} inline:{KEY}|1:129"), "no crypto line"),
            (format!("1 {eighty} outline:{KEY}"), "no crypto line"),
            (format!("1 {eighty} inline:|2^31"), "no crypto line"),
            (format!("1234567890 {eighty} inline:{KEY}"), "no crypto line"),
            (format!("1 {eighty}"), "no crypto line"),
            (format!("1 {eighty} inline:é{KEY}"), "no crypto line"),
        ] {
            assert_eq!(read(&value).replace(eighty, "_80"), expected, "{value}");
        }
    }

    #[test]
    fn more_keys_than_anybody_has_are_no_line() {
        let line = |keys: usize| {
            let keys = vec![format!("inline:{KEY}|1:1"); keys].join(";");
            Crypto::parse(&format!("1 AES_CM_128_HMAC_SHA1_80 {keys}"))
        };
        assert!(line(super::KEYS_MAX).is_some());
        assert!(line(super::KEYS_MAX + 1).is_none());
    }

    #[test]
    fn our_line_is_read_by_ourselves_and_shows_no_key_in_a_log() {
        for suite in Suite::ALL {
            let bytes = vec![7; suite.key_bytes() + suite.salt_bytes()];
            let key = MasterKey::new(suite, &bytes).unwrap();
            let ours = Crypto::ours(3, &key);
            let again = Crypto::parse(&ours.to_string()).unwrap();
            assert_eq!(again.master(), Some((key.clone(), 0)));
            assert_eq!(again, ours);
            let text = serde_json::to_string(&key).unwrap();
            assert_eq!(serde_json::from_str::<MasterKey>(&text).unwrap(), key);
            assert_eq!(format!("{key:?}"), format!("MasterKey({})", suite.name()));
            assert!(!format!("{ours:?}").contains("BwcH"), "{ours:?}");
        }
    }

    proptest! {
        #[test]
        fn printing_gives_back_what_was_parsed(
            value in "[0-9]{1,9} [A-Z0-9_]{1,30} \
                      inline:[A-Za-z0-9+/]{1,60}={0,2}(\\|(2\\^)?[0-9]{1,3})?(\\|[0-9]{1,3}:[1-9])?\
                      (;inline:[A-Za-z0-9+/]{1,60}\\|[0-9]:[1-9]){0,3}( [A-Z_=0-9-]{1,20}){0,3}",
        ) {
            let crypto = Crypto::parse(&value).unwrap();
            let tag = value.split(' ').next().unwrap();
            let printed = crypto.to_string();
            prop_assert_eq!(printed.split_once(' ').unwrap().1, &value[tag.len() + 1..]);
            prop_assert_eq!(Crypto::parse(&printed), Some(crypto));
        }

        #[test]
        fn any_text_is_taken_or_refused(value in "[0-9]{0,3} ?[a-zA-Z_]* ?(inline:)?[ -~é]{0,60}") {
            if let Some(crypto) = Crypto::parse(&value) {
                let _key = crypto.master();
                prop_assert_eq!(Crypto::parse(&crypto.to_string()), Some(crypto));
            }
        }
    }
}
