//! What makes a message authentic: HMAC-SHA1 under a password, and a checksum that tells STUN from
//! what only looks like it (RFC 8489 §14.5, §14.7).

use hmac::{Hmac, Mac};
use sha1::Sha1;

/// Length of the value of MESSAGE-INTEGRITY.
pub(super) const INTEGRITY_BYTES: usize = 20;
/// Type and length in front of a value.
pub(super) const ATTRIBUTE_HEADER_BYTES: usize = 4;
/// Keeps the checksum apart from that of other protocols in the same datagram: `STUN`.
const FINGERPRINT_MASK: u32 = 0x5354_554e;
/// The length that the header has while one of the two is computed stands here.
const LENGTH_AT: std::ops::Range<usize> = 2..4;

/// The code of everything before the attribute, as if the message ended with it (§14.5). Passwords
/// of ICE are letters and digits (RFC 8839 §5.4), so that they are their own key.
pub(super) fn hmac(before: &[u8], password: &[u8]) -> Option<Hmac<Sha1>> {
    let mut mac = Hmac::<Sha1>::new_from_slice(password).ok()?;
    let (kind, length, rest) = parts(before, INTEGRITY_BYTES)?;
    mac.update(kind);
    mac.update(&length);
    mac.update(rest);
    Some(mac)
}

/// Whether this is the code of everything before it; compared in constant time.
pub(super) fn is_authentic(before: &[u8], password: &[u8], code: &[u8]) -> bool {
    hmac(before, password).is_some_and(|mac| mac.verify_slice(code).is_ok())
}

/// The checksum of everything before the attribute (§14.7).
pub(super) fn fingerprint(before: &[u8]) -> Option<u32> {
    let (kind, length, rest) = parts(before, size_of::<u32>())?;
    let mut crc = crc32fast::Hasher::new();
    crc.update(kind);
    crc.update(&length);
    crc.update(rest);
    Some(crc.finalize() ^ FINGERPRINT_MASK)
}

/// The message before an attribute whose value has this length, with the length in its header that
/// it would have if it ended with that attribute.
fn parts(before: &[u8], value_bytes: usize) -> Option<(&[u8], [u8; 2], &[u8])> {
    let length = before.len() + ATTRIBUTE_HEADER_BYTES + value_bytes - super::HEADER_BYTES;
    let length = u16::try_from(length).ok()?.to_be_bytes();
    Some((before.get(..LENGTH_AT.start)?, length, before.get(LENGTH_AT.end..)?))
}
