//! AES in counter mode with HMAC-SHA1 (RFC 3711 §4.1.1, §4.2.1; RFC 6188 for keys of 256 bits).

use super::REPORT_HEADER_BYTES;
use super::cipher::Packet;
use super::key::{SALT_BYTES, SessionKeys};
use super::suite::Suite;
use aes::cipher::{InnerIvInit, KeyInit, StreamCipher, StreamCipherCoreWrapper};
use aes::{Aes128Enc, Aes256Enc};
use ctr::CtrCore;
use ctr::flavors::Ctr128BE;
use hmac::{Hmac, Mac};
use sha1::Sha1;

/// Tag of RTCP, whatever that of RTP is (RFC 3711 §4.2.1, RFC 4568 §6.2.2).
const REPORT_TAG_BYTES: usize = 10;
/// The index word behind an RTCP packet.
const WORD_BYTES: usize = 4;

/// The block cipher with its expanded key.
pub(super) enum Aes {
    Short(Box<Aes128Enc>),
    Long(Box<Aes256Enc>),
}

/// The session of one direction, for RTP or RTCP.
pub(super) struct Cm {
    aes: Aes,
    salt: [u8; SALT_BYTES],
    mac: Hmac<Sha1>,
    tag_bytes: usize,
}

impl Aes {
    /// The cipher under a key of 16 or 32 bytes.
    pub fn new(key: &[u8]) -> Self {
        match <[u8; 32]>::try_from(key) {
            Ok(key) => Self::Long(Box::new(Aes256Enc::new(&key.into()))),
            Err(_) => {
                let mut short = [0; 16];
                short.iter_mut().zip(key).for_each(|(byte, key)| *byte = *key);
                Self::Short(Box::new(Aes128Enc::new(&short.into())))
            }
        }
    }

    /// Adds the key stream that begins at this counter block. The lower 16 bits count blocks, more
    /// than any datagram has.
    pub fn apply_keystream(&self, counter: [u8; 16], bytes: &mut [u8]) {
        let iv = counter.into();
        match self {
            Self::Short(aes) => {
                let core = CtrCore::<_, Ctr128BE>::inner_iv_init(&**aes, &iv);
                StreamCipherCoreWrapper::from_core(core).apply_keystream(bytes);
            }
            Self::Long(aes) => {
                let core = CtrCore::<_, Ctr128BE>::inner_iv_init(&**aes, &iv);
                StreamCipherCoreWrapper::from_core(core).apply_keystream(bytes);
            }
        }
    }
}

impl Cm {
    pub fn new(keys: &SessionKeys) -> Self {
        let tag_bytes = match keys.suite {
            Suite::AesCm128HmacSha1Tag32 | Suite::Aes256CmHmacSha1Tag32 => 4,
            Suite::AesCm128HmacSha1Tag80
            | Suite::Aes256CmHmacSha1Tag80
            | Suite::AeadAes128Gcm
            | Suite::AeadAes256Gcm => 10,
        };
        // A key of HMAC may have any length: `Hmac::new` takes that of one block.
        let mut block = [0; 64];
        block.iter_mut().zip(keys.mac).for_each(|(byte, key)| *byte = key);
        let mac = <Hmac<Sha1> as KeyInit>::new(&block.into());
        Self { aes: Aes::new(keys.key()), salt: keys.salt, mac, tag_bytes }
    }

    pub fn seal(&self, room: &mut [u8], length: usize, packet: Packet) -> Option<usize> {
        let (body, behind) = room.split_at_mut_checked(length)?;
        let tag_room = behind.get_mut(..self.tag_bytes)?;
        self.encrypt(packet.ssrc, packet.index, body.get_mut(packet.start..)?);
        let tag = self.tag(body, &packet.rollover());
        tag_room.copy_from_slice(tag.get(..self.tag_bytes)?);
        Some(length + self.tag_bytes)
    }

    /// Does not touch a packet that is not authentic.
    pub fn open(&self, bytes: &mut [u8], packet: Packet, mki_bytes: usize) -> Option<usize> {
        let length = bytes.len().checked_sub(self.tag_bytes + mki_bytes)?;
        let (body, behind) = bytes.split_at_mut_checked(length)?;
        if body.len() < packet.start {
            return None;
        }
        self.verify(body, &packet.rollover(), behind.get(mki_bytes..)?)?;
        self.encrypt(packet.ssrc, packet.index, body.get_mut(packet.start..)?);
        Some(length)
    }

    pub fn seal_report(&self, room: &mut [u8], length: usize, packet: Packet) -> Option<usize> {
        let word = packet.report_word();
        self.encrypt(packet.ssrc, packet.index, room.get_mut(REPORT_HEADER_BYTES..length)?);
        room.get_mut(length..length + WORD_BYTES)?.copy_from_slice(&word);
        let signed = room.get(..length + WORD_BYTES)?;
        let tag = self.tag(signed, &[]);
        let end = length + WORD_BYTES + REPORT_TAG_BYTES;
        let tag_room = room.get_mut(length + WORD_BYTES..end)?;
        tag_room.copy_from_slice(tag.get(..REPORT_TAG_BYTES)?);
        Some(end)
    }

    /// Where the index word of a report stands.
    pub fn word_at(length: usize, mki_bytes: usize) -> Option<usize> {
        length.checked_sub(WORD_BYTES + mki_bytes + REPORT_TAG_BYTES)
    }

    pub fn open_report(
        &self,
        bytes: &mut [u8],
        (packet, encrypted): (Packet, bool),
        mki_bytes: usize,
    ) -> Option<usize> {
        let length = Self::word_at(bytes.len(), mki_bytes)?;
        let (signed, behind) = bytes.split_at_mut_checked(length + WORD_BYTES)?;
        self.verify(signed, &[], behind.get(mki_bytes..)?)?;
        if encrypted {
            let payload = signed.get_mut(REPORT_HEADER_BYTES..length)?;
            self.encrypt(packet.ssrc, packet.index, payload);
        }
        Some(length)
    }

    /// RFC 3711 §4.1.1: IV = (salt · 2^16) ⊕ (SSRC · 2^64) ⊕ (index · 2^16).
    fn encrypt(&self, ssrc: u32, index: u64, bytes: &mut [u8]) {
        let salt =
            self.salt.iter().chain(&[0, 0]).fold(0, |all, byte| all << 8 | u128::from(*byte));
        let iv = salt ^ u128::from(ssrc) << 64 ^ u128::from(index) << 16;
        self.aes.apply_keystream(iv.to_be_bytes(), bytes);
    }

    fn tag(&self, signed: &[u8], rollover: &[u8]) -> [u8; 20] {
        let mac = self.mac.clone().chain_update(signed).chain_update(rollover);
        mac.finalize().into_bytes().into()
    }

    /// In constant time.
    fn verify(&self, signed: &[u8], rollover: &[u8], tag: &[u8]) -> Option<()> {
        let mac = self.mac.clone().chain_update(signed).chain_update(rollover);
        mac.verify_truncated_left(tag).ok()
    }
}
