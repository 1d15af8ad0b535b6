//! AES in Galois/counter mode (RFC 7714). The tag is part of the cipher, and always 16 bytes.

use super::REPORT_HEADER_BYTES;
use super::cipher::Packet;
use super::key::{KEY_BYTES_MAX, SessionKeys};
use crate::rtp::DATAGRAM_BYTES_MAX;
use ring::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

/// Length of the tag (RFC 7714 §13.2).
const TAG_BYTES: usize = 16;
/// The index word behind an RTCP packet.
const WORD_BYTES: usize = 4;

/// The session of one direction, for RTP or RTCP.
pub(super) struct Gcm {
    key: Box<LessSafeKey>,
    salt: [u8; NONCE_LEN],
}

impl Gcm {
    #[expect(clippy::expect_used, reason = "the key has the length of the algorithm")]
    pub fn new(keys: &SessionKeys) -> Self {
        let algorithm = match keys.key().len() {
            KEY_BYTES_MAX => &AES_256_GCM,
            _ => &AES_128_GCM,
        };
        let key = UnboundKey::new(algorithm, keys.key()).expect("16 or 32 bytes");
        let [salt @ .., _, _] = keys.salt;
        Self { key: Box::new(LessSafeKey::new(key)), salt }
    }

    pub fn seal(&self, room: &mut [u8], length: usize, packet: Packet) -> Option<usize> {
        let (body, behind) = room.split_at_mut_checked(length)?;
        let tag_room = behind.get_mut(..TAG_BYTES)?;
        let (header, payload) = body.split_at_mut_checked(packet.start)?;
        let nonce = self.nonce(packet);
        let tag = self.key.seal_in_place_separate_tag(nonce, Aad::from(header), payload).ok()?;
        tag_room.copy_from_slice(tag.as_ref());
        Some(length + TAG_BYTES)
    }

    /// Spoils a packet that is not authentic.
    pub fn open(&self, bytes: &mut [u8], packet: Packet, mki_bytes: usize) -> Option<usize> {
        let end = bytes.len().checked_sub(mki_bytes)?;
        let length = end.checked_sub(TAG_BYTES)?;
        let (header, rest) = bytes.get_mut(..end)?.split_at_mut_checked(packet.start)?;
        self.key.open_in_place(self.nonce(packet), Aad::from(header), rest).ok()?;
        Some(length)
    }

    pub fn seal_report(&self, room: &mut [u8], length: usize, packet: Packet) -> Option<usize> {
        let word = packet.report_word();
        let (body, behind) = room.split_at_mut_checked(length)?;
        let behind = behind.get_mut(..TAG_BYTES + WORD_BYTES)?;
        let (header, payload) = body.split_at_mut_checked(REPORT_HEADER_BYTES)?;
        let aad = Aad::from(with_word(header, word)?);
        let tag = self.key.seal_in_place_separate_tag(self.nonce(packet), aad, payload).ok()?;
        let (tag_room, word_room) = behind.split_at_mut(TAG_BYTES);
        tag_room.copy_from_slice(tag.as_ref());
        word_room.copy_from_slice(&word);
        Some(length + TAG_BYTES + WORD_BYTES)
    }

    /// Where the index word of a report stands: behind the tag (RFC 7714 §9.2).
    pub fn word_at(length: usize, mki_bytes: usize) -> Option<usize> {
        length.checked_sub(WORD_BYTES + mki_bytes)
    }

    /// Spoils a report that is not authentic.
    pub fn open_report(
        &self,
        bytes: &mut [u8],
        (packet, encrypted): (Packet, bool),
        mki_bytes: usize,
    ) -> Option<usize> {
        let word_at = Self::word_at(bytes.len(), mki_bytes)?;
        let word = *bytes.get(word_at..)?.first_chunk()?;
        let length = word_at.checked_sub(TAG_BYTES)?;
        let bytes = bytes.get_mut(..word_at)?;
        if encrypted {
            let (header, rest) = bytes.split_at_mut_checked(REPORT_HEADER_BYTES)?;
            let aad = Aad::from(with_word(header, word)?);
            self.key.open_in_place(self.nonce(packet), aad, rest).ok()?;
        } else {
            // §9.3: everything is associated data, and nothing but the tag is left to open.
            let (readable, tag) = bytes.split_at_mut_checked(length)?;
            let mut aad = [0; DATAGRAM_BYTES_MAX];
            aad.get_mut(..length)?.copy_from_slice(readable);
            aad.get_mut(length..length + WORD_BYTES)?.copy_from_slice(&word);
            let aad = Aad::from(aad.get(..length + WORD_BYTES)?);
            self.key.open_in_place(self.nonce(packet), aad, tag).ok()?;
        }
        Some(length)
    }

    /// RFC 7714 §8.1, §9.1: two zeros, the SSRC and 48 bits of index, all added to the salt.
    fn nonce(&self, packet: Packet) -> Nonce {
        let plain = u128::from(packet.ssrc) << 48 | u128::from(packet.index);
        let salt = self.salt.iter().fold(0, |all, byte| all << 8 | u128::from(*byte));
        let [_, _, _, _, nonce @ ..] = (plain ^ salt).to_be_bytes();
        Nonce::assume_unique_for_key(nonce)
    }
}

/// §9.2: the associated data of an encrypted report is its header and the index word.
fn with_word(header: &[u8], word: [u8; WORD_BYTES]) -> Option<[u8; 12]> {
    let [a, b, c, d, e, f, g, h] = *header.first_chunk::<REPORT_HEADER_BYTES>()?;
    let [i, j, k, l] = word;
    Some([a, b, c, d, e, f, g, h, i, j, k, l])
}
