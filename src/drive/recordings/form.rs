//! How a recording lies on disk: a head in the clear, and then seconds, each sealed by itself.
//!
//! ```text
//! MAGIC │ length of the head │ head │ length │ sealed second │ length │ sealed second │ …
//! ```
//!
//! - Lengths are 32 bits, the least byte first. The head is JSON: ids, names of the configuration
//!   and times; of the caller it has what the log has, sealed under the caller's own key.
//! - A second is AES-256-GCM under a key that is made from the caller's and a salt of the file, so
//!   that forgetting the caller makes every recording unreadable, wherever it was copied to. The
//!   nonce counts the seconds of the file, and the head is authenticated with each.
//! - What a crash leaves is readable up to the last whole second. A second that was changed is
//!   silence; where a length makes no sense the rest is lost.

use aes_gcm::aead::{Aead as _, Payload};
use aes_gcm::{Aes256Gcm, KeyInit as _};
use holdfast_core::media::tape::TICK_BYTES;
use holdfast_core::record::event::Subject;
use serde::{Deserialize, Serialize};
use std::io::{self, Read};

/// Begins every file; the number is the version.
const MAGIC: &[u8; 8] = b"HFREC 1\n";
/// Longest head: names have tens of characters.
const HEAD_BYTES_MAX: usize = 4096;
/// Ticks of a second.
pub const SECOND_TICKS: usize = 100;
/// Bytes of samples in a second.
pub const SECOND_BYTES: usize = SECOND_TICKS * TICK_BYTES;
/// The number of the first tick stands before the samples of a second, and 16 bytes of tag behind.
const SEALED_BYTES_MAX: usize = 8 + SECOND_BYTES + 16;
/// Longest part, so that one can be brought in one piece: an hour, 57.6 MB.
pub const PART_SECONDS_MAX: u32 = 3600;
/// No sound in A-law, of both sides.
const NOTHING: u8 = 0xd5;

/// Whose recording a file is, and of what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The call.
    pub call: u64,
    /// The queue.
    pub queue: String,
    /// The agent who talked at first.
    pub agent: Option<String>,
    /// When the conversation began, in microseconds of wall time.
    pub began_us: i64,
    /// The caller, as the log seals it.
    pub caller: Subject,
    /// Makes the key of this file from that of the caller, in hexadecimal.
    pub salt: String,
}

/// What seals and opens the seconds of one file.
pub struct Sealer {
    cipher: Aes256Gcm,
    head: Vec<u8>,
}

impl Sealer {
    /// For the file with this head.
    #[must_use]
    pub fn new(key: [u8; 32], head: &Head) -> Self {
        Self { cipher: Aes256Gcm::new(&key.into()), head: encoded(head) }
    }

    /// What begins the file.
    #[must_use]
    pub fn beginning(&self) -> Vec<u8> {
        [&MAGIC[..], &length_of(&self.head), &self.head].concat()
    }

    /// A second as it is written: `number` counts those of the file from 0.
    #[must_use]
    pub fn second(&self, number: u32, first_tick: u64, samples: &[u8]) -> Vec<u8> {
        let clear = [&first_tick.to_le_bytes()[..], samples].concat();
        let payload = Payload { msg: &clear, aad: &self.head };
        // AES-GCM refuses only values of 64 GiB and more.
        let sealed = self.cipher.encrypt(<&_>::from(&nonce(number)), payload).unwrap_or_default();
        [&length_of(&sealed)[..], &sealed].concat()
    }

    /// What was said in a second, and from which tick on; none when it is not what was sealed.
    fn open(&self, number: u32, sealed: &[u8]) -> Option<(u64, Vec<u8>)> {
        let payload = Payload { msg: sealed, aad: &self.head };
        let clear = self.cipher.decrypt(<&_>::from(&nonce(number)), payload).ok()?;
        let (first, samples) = clear.split_first_chunk::<8>()?;
        Some((u64::from_le_bytes(*first), samples.to_vec()))
    }

    /// The samples of the seconds that follow the head, with silence where nothing was said or a
    /// second can not be opened.
    ///
    /// # Errors
    /// When the file can not be read.
    pub fn samples(&self, mut file: impl Read) -> io::Result<Vec<u8>> {
        let mut samples = Vec::new();
        let mut began = None;
        for number in 0.. {
            let Some(sealed) = piece(&mut file, SEALED_BYTES_MAX)? else { break };
            let Some((first, second)) = self.open(number, &sealed) else { continue };
            let ticks = first.saturating_sub(*began.get_or_insert(first));
            let at = usize::try_from(ticks).unwrap_or(usize::MAX).saturating_mul(TICK_BYTES);
            let whole = SECOND_BYTES * usize::try_from(PART_SECONDS_MAX).unwrap_or(0);
            if at < samples.len() || at > whole {
                continue; // nobody has written that
            }
            samples.resize(at, NOTHING);
            samples.extend(second);
        }
        Ok(samples)
    }
}

/// The head of a file, whose seconds come next; none when it is no recording of ours.
///
/// # Errors
/// When the file can not be read.
pub fn head(mut file: impl Read) -> io::Result<Option<Head>> {
    let mut magic = [0; MAGIC.len()];
    match file.read_exact(&mut magic) {
        Ok(()) if magic == *MAGIC => {}
        Ok(()) => return Ok(None),
        Err(why) if why.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(why) => return Err(why),
    }
    let head = piece(&mut file, HEAD_BYTES_MAX)?;
    Ok(head.and_then(|head| serde_json::from_slice(&head).ok()))
}

/// The next piece with its length before it; none at the end, and where it is no piece.
fn piece(file: &mut impl Read, most: usize) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    let whole = |read: io::Result<()>| match read {
        Ok(()) => Ok(true),
        Err(why) if why.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(why) => Err(why),
    };
    if !whole(file.read_exact(&mut length))? {
        return Ok(None);
    }
    let length = usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX);
    if length > most {
        return Ok(None);
    }
    let mut bytes = vec![0; length];
    let read = whole(file.read_exact(&mut bytes))?;
    Ok(read.then_some(bytes))
}

/// Our own types are always written.
fn encoded(head: &Head) -> Vec<u8> {
    serde_json::to_vec(head).unwrap_or_default()
}

fn length_of(bytes: &[u8]) -> [u8; 4] {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes()
}

/// NIST SP 800-38D §8.2.1: a counter, for a key that seals one file.
fn nonce(number: u32) -> [u8; 12] {
    let [a, b, c, d] = number.to_be_bytes();
    [0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d]
}

#[cfg(test)]
pub(super) mod tests {
    use super::{Head, NOTHING, SECOND_BYTES, Sealer, head};
    use holdfast_core::record::event::Subject;

    pub fn sample() -> Head {
        Head {
            call: 12,
            queue: "sales".to_owned(),
            agent: Some("anna".to_owned()),
            began_us: 1_700_000_000_000_000,
            caller: Subject("sealed:00:11".to_owned()),
            salt: "00ff".to_owned(),
        }
    }

    /// Two seconds, three seconds of nothing, and half a second.
    fn file(sealer: &Sealer) -> Vec<u8> {
        [
            sealer.beginning(),
            sealer.second(0, 500, &[1; SECOND_BYTES]),
            sealer.second(1, 600, &[2; SECOND_BYTES]),
            sealer.second(2, 1000, &[3; SECOND_BYTES / 2]),
        ]
        .concat()
    }

    fn read(sealer: &Sealer, bytes: &[u8]) -> Vec<u8> {
        let mut rest = bytes;
        assert_eq!(head(&mut rest).unwrap(), Some(sample()));
        sealer.samples(rest).unwrap()
    }

    #[test]
    fn what_was_said_comes_back_in_its_time() {
        let sealer = Sealer::new([7; 32], &sample());
        let samples = read(&sealer, &file(&sealer));
        assert_eq!(samples.len(), 5 * SECOND_BYTES + SECOND_BYTES / 2);
        let at = |second: usize| samples[second * SECOND_BYTES];
        assert_eq!([at(0), at(1), at(2), at(4), at(5)], [1, 2, NOTHING, NOTHING, 3]);
    }

    #[test]
    fn a_crash_leaves_whole_seconds_and_damage_is_silence() {
        let sealer = Sealer::new([7; 32], &sample());
        let whole = file(&sealer);
        let begin = sealer.beginning().len();
        for cut in [begin, begin + 3, begin + 4 + 100, whole.len() - 1] {
            let samples = read(&sealer, &whole[..cut]);
            let seconds = samples.len() / SECOND_BYTES;
            assert_eq!(seconds, if cut == whole.len() - 1 { 2 } else { 0 }, "{cut}");
        }
        let mut damaged = whole;
        damaged[begin + 4 + 50] ^= 1; // within the first second
        assert_eq!(read(&sealer, &damaged)[0], 2, "the first that can be opened is the beginning");
        assert_eq!(head(&b"RIFF\0\0\0\0WAVE"[..]).unwrap(), None);
        assert_eq!(head(&b"HF"[..]).unwrap(), None);
    }

    #[test]
    fn without_the_key_or_with_another_head_it_is_nothing() {
        let sealer = Sealer::new([7; 32], &sample());
        let bytes = file(&sealer);
        assert!(!bytes.windows(64).any(|window| window == [1; 64]), "in the clear");
        assert!(read(&Sealer::new([8; 32], &sample()), &bytes).is_empty());
        let other = Head { call: 13, ..sample() };
        assert!(read(&Sealer::new([7; 32], &other), &bytes).is_empty());
    }
}
