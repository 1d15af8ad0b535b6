//! Either kind of protection behind one face.

use super::cm::Cm;
use super::gcm::Gcm;
use super::key::{MasterKey, Purpose, SessionKeys};
use super::suite::Suite;

/// What the ciphers must know of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Packet {
    /// Where the payload of RTP begins.
    pub start: usize,
    pub ssrc: u32,
    /// 48 bits for RTP, 31 for RTCP.
    pub index: u64,
}

/// The session of one direction, for RTP or RTCP.
pub(super) enum Cipher {
    Cm(Cm),
    Gcm(Gcm),
}

impl Packet {
    /// The rollover counter as it is authenticated (RFC 3711 §4.2).
    pub const fn rollover(self) -> [u8; 4] {
        let [_, _, a, b, c, d, ..] = self.index.to_be_bytes();
        [a, b, c, d]
    }

    /// The word behind a report: encrypted, and its index (RFC 3711 §3.4).
    pub const fn report_word(self) -> [u8; 4] {
        let [_, _, _, _, a, b, c, d] = self.index.to_be_bytes();
        [a | 0x80, b, c, d]
    }
}

impl Cipher {
    /// RTP and RTCP under one master key.
    pub fn pair(master: &MasterKey) -> (Self, Self) {
        let of = |purpose| Self::new(&master.session_keys(purpose));
        (of(Purpose::Rtp), of(Purpose::Rtcp))
    }

    pub fn new(keys: &SessionKeys) -> Self {
        match keys.suite {
            Suite::AesCm128HmacSha1Tag80
            | Suite::AesCm128HmacSha1Tag32
            | Suite::Aes256CmHmacSha1Tag80
            | Suite::Aes256CmHmacSha1Tag32 => Self::Cm(Cm::new(keys)),
            Suite::AeadAes128Gcm | Suite::AeadAes256Gcm => Self::Gcm(Gcm::new(keys)),
        }
    }

    /// Whether a packet that is not authentic is spoilt by the attempt to open it.
    pub const fn spoils(&self) -> bool {
        matches!(self, Self::Gcm(_))
    }

    /// Protects the first `length` bytes of `room`; the new length, or `None` without room.
    pub fn seal(&self, room: &mut [u8], length: usize, packet: Packet) -> Option<usize> {
        match self {
            Self::Cm(cm) => cm.seal(room, length, packet),
            Self::Gcm(gcm) => gcm.seal(room, length, packet),
        }
    }

    /// Opens a packet; the length of what it carried, or `None` when it is not authentic.
    pub fn open(&self, bytes: &mut [u8], packet: Packet, mki_bytes: usize) -> Option<usize> {
        match self {
            Self::Cm(cm) => cm.open(bytes, packet, mki_bytes),
            Self::Gcm(gcm) => gcm.open(bytes, packet, mki_bytes),
        }
    }

    /// As [`Self::seal`], for a report.
    pub fn seal_report(&self, room: &mut [u8], length: usize, packet: Packet) -> Option<usize> {
        match self {
            Self::Cm(cm) => cm.seal_report(room, length, packet),
            Self::Gcm(gcm) => gcm.seal_report(room, length, packet),
        }
    }

    /// The index of a report, and whether it is encrypted.
    pub fn report_index(&self, bytes: &[u8], mki_bytes: usize) -> Option<(u64, bool)> {
        let at = match self {
            Self::Cm(_) => Cm::word_at(bytes.len(), mki_bytes),
            Self::Gcm(_) => Gcm::word_at(bytes.len(), mki_bytes),
        };
        let word = u32::from_be_bytes(*bytes.get(at?..)?.first_chunk()?);
        Some((u64::from(word & 0x7fff_ffff), word >> 31 == 1))
    }

    /// As [`Self::open`], for a report that says whether it is encrypted.
    pub fn open_report(
        &self,
        bytes: &mut [u8],
        packet: (Packet, bool),
        mki_bytes: usize,
    ) -> Option<usize> {
        match self {
            Self::Cm(cm) => cm.open_report(bytes, packet, mki_bytes),
            Self::Gcm(gcm) => gcm.open_report(bytes, packet, mki_bytes),
        }
    }
}
