//! How records lie in a file, and how they are found again in a damaged one.
//!
//! ```text
//! file   = header frame*
//! header = "HOLDFAST" version:u16 kind:u16 crc:u32          16 bytes, crc of the 12 before
//! frame  = marker:4 length:u32 lsn:u64 crc:u32 body         crc of length, lsn and body
//! ```
//! Numbers are big-endian, CRCs are CRC-32 (IEEE 802.3). The marker holds bytes that never occur in
//! UTF-8, so a body of JSON can not imitate a frame. Where a frame should begin and none does, the
//! next place at which marker and CRC both fit is where the log goes on.

use holdfast_base::Lsn;
use std::ops::Range;

use holdfast_core::record::journal::{STATE_KEY_BYTES_MAX, STATE_VALUE_BYTES_MAX};

/// First bytes of every file.
const MAGIC: [u8; 8] = *b"HOLDFAST";
/// Version of the format that this program writes and reads.
pub const VERSION: u16 = 2;
/// Length of the header.
pub const HEADER_BYTES: usize = 16;
/// First bytes of every frame. 0xF5 to 0xFF are not UTF-8 (RFC 3629 §3).
const MARKER: [u8; 4] = [0xF5, b'r', b'c', 0xFF];
/// Length of a frame without its body.
pub const FRAME_BYTES: usize = 20;
/// Longest body. The largest are events with three addresses, each nearly a SIP message long,
/// sealed and written in hexadecimal; a state with its key and seal is shorter.
pub const BODY_BYTES_MAX: usize = 1 << 20;
const _: () = assert!(STATE_KEY_BYTES_MAX + STATE_VALUE_BYTES_MAX + 64 < BODY_BYTES_MAX);

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A segment of the event log.
    Events,
    /// The recovery journal.
    Journal,
    /// The keys of the subjects.
    Subjects,
}

impl Kind {
    const fn code(self) -> u16 {
        match self {
            Self::Events => 1,
            Self::Journal => 2,
            Self::Subjects => 3,
        }
    }
}

/// The header of a new file.
#[must_use]
pub fn header(kind: Kind) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER_BYTES);
    bytes.extend(MAGIC);
    bytes.extend(VERSION.to_be_bytes());
    bytes.extend(kind.code().to_be_bytes());
    bytes.extend(crc32fast::hash(&bytes).to_be_bytes());
    bytes
}

/// The body is longer than [`BODY_BYTES_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyTooLong;

/// Appends one frame.
///
/// # Errors
/// When the body is too long; then nothing is appended.
pub fn encode(lsn: Lsn, body: &[u8], into: &mut Vec<u8>) -> Result<(), BodyTooLong> {
    let fits = u32::try_from(body.len()).ok().filter(|_| body.len() <= BODY_BYTES_MAX);
    let length = fits.ok_or(BodyTooLong)?.to_be_bytes();
    let lsn = lsn.0.to_be_bytes();
    into.extend(MARKER);
    into.extend(length);
    into.extend(lsn);
    into.extend(checksum(length, lsn, body).to_be_bytes());
    into.extend(body);
    Ok(())
}

fn checksum(length: [u8; 4], lsn: [u8; 8], body: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&length);
    crc.update(&lsn);
    crc.update(body);
    crc.finalize()
}

/// One record as it lies in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Its position in the log.
    pub lsn: Lsn,
    /// Its content.
    pub body: &'a [u8],
}

/// What the bytes of a file turn out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found<'a> {
    /// A whole record.
    Frame(Frame<'a>),
    /// Bytes that are no record, with a record after them: something was damaged here.
    Damage(Range<usize>),
    /// Bytes that are no record, up to the end of the file: a write that did not finish.
    Tail(Range<usize>),
}

/// The file has a format that this program does not read: not [`VERSION`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownVersion(pub u16);

/// Reads a file from its header on. A damaged header is found as damage; the records after it are
/// read all the same.
///
/// # Errors
/// When the header is sound and of another version.
pub fn scan(bytes: &[u8], kind: Kind) -> Result<Frames<'_>, UnknownVersion> {
    let mut at = 0;
    if let Some((head, _)) = bytes.split_first_chunk::<HEADER_BYTES>() {
        let [m0, m1, m2, m3, m4, m5, m6, m7, v0, v1, k0, k1, crc @ ..] = *head;
        let written = [m0, m1, m2, m3, m4, m5, m6, m7, v0, v1, k0, k1];
        let sound = crc32fast::hash(&written) == u32::from_be_bytes(crc)
            && [m0, m1, m2, m3, m4, m5, m6, m7] == MAGIC;
        let version = u16::from_be_bytes([v0, v1]);
        if sound && version != VERSION {
            return Err(UnknownVersion(version));
        }
        if sound && u16::from_be_bytes([k0, k1]) == kind.code() {
            at = HEADER_BYTES;
        }
    }
    Ok(Frames { bytes, at })
}

/// The records of a file, with what is damaged between them.
#[derive(Clone, Debug)]
pub struct Frames<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Frames<'a> {
    /// Goes on reading at a place that [`Frames::position`] gave.
    #[must_use]
    pub const fn resume(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at }
    }

    /// How far the file is read.
    #[must_use]
    pub const fn position(&self) -> usize {
        self.at
    }

    /// The frame that begins exactly at `at`, and where it ends.
    fn frame_at(&self, at: usize) -> Option<(Frame<'a>, usize)> {
        let rest = self.bytes.get(at..)?;
        let rest = rest.strip_prefix(&MARKER)?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let (lsn, rest) = rest.split_first_chunk::<8>()?;
        let (crc, rest) = rest.split_first_chunk::<4>()?;
        let count = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        if count > BODY_BYTES_MAX {
            return None;
        }
        let body = rest.get(..count)?;
        if checksum(*length, *lsn, body) != u32::from_be_bytes(*crc) {
            return None;
        }
        let frame = Frame { lsn: Lsn(u64::from_be_bytes(*lsn)), body };
        Some((frame, at + FRAME_BYTES + count))
    }

    /// The next place after `from` at which a whole frame begins.
    fn next_frame(&self, from: usize) -> Option<usize> {
        let rest = self.bytes.get(from..)?;
        rest.windows(MARKER.len())
            .enumerate()
            .filter(|(_, window)| *window == MARKER)
            .map(|(offset, _)| from + offset)
            .find(|&at| self.frame_at(at).is_some())
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Found<'a>;

    fn next(&mut self) -> Option<Found<'a>> {
        let from = self.at;
        if from >= self.bytes.len() {
            return None;
        }
        if let Some((frame, end)) = self.frame_at(from) {
            self.at = end;
            return Some(Found::Frame(frame));
        }
        if let Some(next) = self.next_frame(from + 1) {
            self.at = next;
            return Some(Found::Damage(from..next));
        }
        self.at = self.bytes.len();
        Some(Found::Tail(from..self.bytes.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::{BODY_BYTES_MAX, Found, Frame, Kind, UnknownVersion, encode, header, scan};
    use holdfast_base::Lsn;
    use proptest::prelude::{any, prop, proptest};

    fn file(bodies: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = header(Kind::Events);
        for (lsn, body) in (1..).zip(bodies) {
            encode(Lsn(lsn), body, &mut bytes).unwrap();
        }
        bytes
    }

    fn words(bytes: &[u8]) -> Vec<String> {
        scan(bytes, Kind::Events)
            .unwrap()
            .map(|found| match found {
                Found::Frame(Frame { lsn, body }) => {
                    format!("{lsn} {}", String::from_utf8_lossy(body))
                }
                Found::Damage(range) => format!("damage {}", range.len()),
                Found::Tail(range) => format!("tail {}", range.len()),
            })
            .collect()
    }

    #[test]
    fn a_damaged_frame_costs_only_itself() {
        let mut bytes = file(&[b"one".to_vec(), b"two".to_vec(), b"three".to_vec()]);
        *bytes.get_mut(16 + 23 + 21).unwrap() ^= 1;
        assert_eq!(words(&bytes), ["lsn-1 one", "damage 23", "lsn-3 three"]);
        bytes.truncate(bytes.len() - 1);
        assert_eq!(words(&bytes), ["lsn-1 one", "tail 47"]);
        *bytes.get_mut(3).unwrap() ^= 1;
        assert_eq!(words(&bytes), ["damage 16", "lsn-1 one", "tail 47"]);
    }

    #[test]
    fn another_version_is_refused_and_another_kind_is_damage() {
        let mut bytes = header(Kind::Events);
        bytes.truncate(12);
        *bytes.get_mut(9).unwrap() = 1;
        bytes.extend(crc32fast::hash(&bytes).to_be_bytes());
        assert_eq!(scan(&bytes, Kind::Events).unwrap_err(), UnknownVersion(1));
        assert_eq!(words(&header(Kind::Journal)), ["tail 16"]);
    }

    #[test]
    fn a_body_has_a_limit() {
        let mut bytes = Vec::new();
        assert!(encode(Lsn(1), &vec![0; BODY_BYTES_MAX], &mut bytes).is_ok());
        assert!(encode(Lsn(1), &vec![0; BODY_BYTES_MAX + 1], &mut bytes).is_err());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..8),
        ) {
            let bytes = file(&bodies);
            let read: Vec<Vec<u8>> = scan(&bytes, Kind::Events)
                .unwrap()
                .map(|found| match found {
                    Found::Frame(frame) => frame.body.to_vec(),
                    Found::Damage(_) | Found::Tail(_) => panic!("{found:?}"),
                })
                .collect();
            assert_eq!(read, bodies);
        }

        #[test]
        fn any_bytes_are_read_to_the_end(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(frames) = scan(&bytes, Kind::Journal) {
                let mut frames = frames;
                let steps = frames.by_ref().take(1000).count();
                assert!(steps < 1000 && frames.position() >= bytes.len().min(16));
            }
        }
    }
}
