//! Where the index lies: sled, opened with care, or memory.
//!
//! sled 0.34.7 is no authority: its `flush` is not durable over a power cut, and a file that was
//! cut short makes it panic when it opens. So it opens on a thread of its own with a time limit and
//! a net under it, each value carries its CRC and position, and all of them are checked at once.
//!
//! ```text
//! value = crc:u32 lsn:u64 json          crc of lsn and json, big-endian
//! cdr key = ended:i64 call:u64          order of the end, sign bit flipped so that bytes sort
//! ```

use holdfast_base::{CallId, Lsn, Wall};
use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::mpsc::sync_channel;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::CDRS_MAX;

/// How long opening and checking may take: ten times what a full shelf takes on a slow eMMC.
const OPEN_MAX: Duration = Duration::from_secs(10);
/// How often sled writes behind.
const FLUSH_MS: u64 = 1000;
/// Memory that sled may use for pages: the newest CDRs, which the page shows, and the checkpoint.
const CACHE_BYTES: u64 = 1 << 20;
/// Most CDRs kept when there is no disk.
const CDRS_IN_MEMORY_MAX: usize = 2000;
/// Where an index that does not open is put; the next one replaces it.
const ASIDE: &str = "damaged";
const CHECKPOINT: &[u8] = b"checkpoint";

/// Why an index can not be used as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// There is none.
    Empty,
    /// It does not open.
    Broken(String),
    /// A value does not fit its checksum.
    Checksum,
    /// Its checkpoint can not be read.
    Checkpoint,
    /// It has fewer or more CDRs than its checkpoint says.
    Count,
    /// It knows events that the log does not have.
    AheadOfLog,
    /// Its figures were made under other thresholds.
    Thresholds,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("there was none"),
            Self::Broken(why) => write!(f, "it does not open: {why}"),
            Self::Checksum => f.write_str("a value is damaged"),
            Self::Checkpoint => f.write_str("its checkpoint can not be read"),
            Self::Count => f.write_str("CDRs are missing"),
            Self::AheadOfLog => f.write_str("it knows events that are not in the log"),
            Self::Thresholds => f.write_str("the thresholds of a queue have changed"),
        }
    }
}

/// What an opened shelf holds.
pub struct Kept {
    checkpoint: Option<Vec<u8>>,
    positions: Vec<Lsn>,
}

impl Kept {
    /// The last checkpoint.
    pub fn checkpoint(&self) -> Result<&[u8], Unfit> {
        self.checkpoint.as_deref().ok_or(Unfit::Empty)
    }

    /// Whether the CDRs of a checkpoint are there. From a full shelf the oldest go, so then it
    /// can not be told and need not be: they are many and each fits its checksum.
    pub fn has_all(&self, cdrs: u64, seen: Lsn) -> bool {
        let earlier = self.positions.iter().filter(|position| **position <= seen);
        self.positions.len() >= CDRS_MAX || earlier.fold(0, |count, _| count + 1) == cdrs
    }
}

/// A place for CDRs and the checkpoint.
pub enum Shelf {
    /// On disk.
    Sled {
        /// The CDRs by the time of their end.
        cdrs: sled::Tree,
        /// The checkpoint.
        marks: sled::Tree,
        /// Number of CDRs.
        count: Mutex<usize>,
    },
    /// In memory, when there is no disk for it.
    Memory(Mutex<BTreeMap<[u8; 16], Vec<u8>>>),
}

impl Shelf {
    /// Opens what is there and checks every value.
    pub fn open(dir: &Path) -> Result<(Self, Kept), Unfit> {
        if !dir.exists() {
            return Err(Unfit::Empty);
        }
        let dir = dir.to_path_buf();
        guarded(move || {
            let shelf = Self::open_unguarded(&dir)?;
            let kept = shelf.check()?;
            Ok((shelf, kept))
        })
    }

    /// Sets aside what is there and begins an empty shelf.
    pub fn anew(dir: &Path) -> Result<Self, Unfit> {
        set_aside(dir).map_err(|why| Unfit::Broken(why.to_string()))?;
        let dir = dir.to_path_buf();
        guarded(move || Self::open_unguarded(&dir))
    }

    /// A shelf that is empty after the next start.
    pub const fn in_memory() -> Self {
        Self::Memory(Mutex::new(BTreeMap::new()))
    }

    fn open_unguarded(dir: &Path) -> Result<Self, Unfit> {
        let config = sled::Config::new()
            .path(dir)
            .flush_every_ms(Some(FLUSH_MS))
            .cache_capacity(CACHE_BYTES);
        let broken = |why: sled::Error| Unfit::Broken(why.to_string());
        let db = config.open().map_err(broken)?;
        let cdrs = db.open_tree("cdrs").map_err(broken)?;
        let marks = db.open_tree("marks").map_err(broken)?;
        let count = Mutex::new(cdrs.len());
        Ok(Self::Sled { cdrs, marks, count })
    }

    fn check(&self) -> Result<Kept, Unfit> {
        let Self::Sled { cdrs, marks, count: _ } = self else { return Err(Unfit::Empty) };
        let broken = |why: sled::Error| Unfit::Broken(why.to_string());
        let mut positions = Vec::new();
        for value in cdrs.iter().values() {
            let (lsn, _) = unwrapped(&value.map_err(broken)?).ok_or(Unfit::Checksum)?;
            positions.push(lsn);
        }
        let checkpoint = match marks.get(CHECKPOINT).map_err(broken)? {
            Some(value) => Some(unwrapped(&value).ok_or(Unfit::Checksum)?.1),
            None => None,
        };
        Ok(Kept { checkpoint, positions })
    }

    /// Puts one CDR; the oldest goes when the shelf is full.
    pub fn put_cdr(&self, lsn: Lsn, at: (Wall, CallId), json: &[u8]) -> Result<(), String> {
        let (key, value) = (cdr_key(at), wrapped(lsn, json));
        match self {
            Self::Sled { cdrs, marks: _, count } => caught(|| {
                let mut count = count.lock().unwrap_or_else(PoisonError::into_inner);
                if cdrs.insert(key, value)?.is_none() {
                    *count += 1;
                }
                while *count > CDRS_MAX && cdrs.pop_min()?.is_some() {
                    *count -= 1;
                }
                Ok(())
            }),
            Self::Memory(cdrs) => {
                let mut cdrs = cdrs.lock().unwrap_or_else(PoisonError::into_inner);
                cdrs.insert(key, value);
                if cdrs.len() > CDRS_IN_MEMORY_MAX {
                    cdrs.pop_first();
                }
                Ok(())
            }
        }
    }

    /// Replaces the checkpoint.
    pub fn put_checkpoint(&self, lsn: Lsn, json: &[u8]) -> Result<(), String> {
        match self {
            Self::Sled { cdrs: _, marks, count: _ } => {
                caught(|| marks.insert(CHECKPOINT, wrapped(lsn, json)).map(drop))
            }
            Self::Memory(_) => Ok(()),
        }
    }

    /// Number of CDRs.
    pub fn count(&self) -> u64 {
        let count = match self {
            Self::Sled { cdrs: _, marks: _, count } => {
                *count.lock().unwrap_or_else(PoisonError::into_inner)
            }
            Self::Memory(cdrs) => cdrs.lock().unwrap_or_else(PoisonError::into_inner).len(),
        };
        u64::try_from(count).unwrap_or(u64::MAX)
    }

    /// The CDRs of the last ends, newest first; a damaged one is left out.
    pub fn newest_cdrs(&self, limit: usize) -> Vec<Vec<u8>> {
        match self {
            Self::Sled { cdrs, marks: _, count: _ } => caught(|| {
                let newest = cdrs.iter().values().rev().take(limit);
                let values: Vec<sled::IVec> = newest.collect::<sled::Result<_>>()?;
                Ok(values.iter().filter_map(|value| unwrapped(value)).map(|kept| kept.1).collect())
            })
            .unwrap_or_default(),
            Self::Memory(cdrs) => {
                let cdrs = cdrs.lock().unwrap_or_else(PoisonError::into_inner);
                let newest = cdrs.values().rev().take(limit);
                newest.filter_map(|value| unwrapped(value)).map(|kept| kept.1).collect()
            }
        }
    }
}

/// Runs on a thread of its own, with a net and a time limit. A thread that never ends is left
/// behind: it holds nothing that anyone else uses.
pub fn guarded<T: Send + 'static>(
    open: impl FnOnce() -> Result<T, Unfit> + Send + 'static,
) -> Result<T, Unfit> {
    let (answer, answered) = sync_channel(1);
    let run = move || {
        let opened = catch_unwind(AssertUnwindSafe(open))
            .unwrap_or_else(|_| Err(Unfit::Broken("it panicked".to_owned())));
        // Nobody waits any more when the time limit has passed.
        let _ = answer.send(opened);
    };
    let started = thread::Builder::new().name("index-open".to_owned()).spawn(run);
    started.map_err(|why| Unfit::Broken(why.to_string()))?;
    answered
        .recv_timeout(OPEN_MAX)
        .unwrap_or_else(|_| Err(Unfit::Broken(format!("not open after {} s", OPEN_MAX.as_secs()))))
}

/// A sled operation as a result, even when sled panics.
fn caught<T>(operation: impl FnOnce() -> sled::Result<T>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(operation)) {
        Ok(result) => result.map_err(|why| why.to_string()),
        Err(_) => Err("sled panicked".to_owned()),
    }
}

fn set_aside(dir: &Path) -> io::Result<()> {
    if !dir.exists() {
        return Ok(());
    }
    let aside = dir.with_extension(ASIDE);
    match fs::remove_dir_all(&aside) {
        Err(why) if why.kind() != io::ErrorKind::NotFound => return Err(why),
        Ok(()) | Err(_) => {}
    }
    fs::rename(dir, aside)
}

fn cdr_key((ended, call): (Wall, CallId)) -> [u8; 16] {
    let ended = ended.micros().cast_unsigned() ^ (1 << 63);
    let number = (u128::from(ended) << 64) | u128::from(call.0);
    number.to_be_bytes()
}

fn wrapped(lsn: Lsn, json: &[u8]) -> Vec<u8> {
    let lsn = lsn.0.to_be_bytes();
    [&checksum(lsn, json).to_be_bytes()[..], &lsn, json].concat()
}

fn unwrapped(value: &[u8]) -> Option<(Lsn, Vec<u8>)> {
    let (crc, rest) = value.split_first_chunk::<4>()?;
    let (lsn, json) = rest.split_first_chunk::<8>()?;
    let sound = checksum(*lsn, json) == u32::from_be_bytes(*crc);
    sound.then(|| (Lsn(u64::from_be_bytes(*lsn)), json.to_vec()))
}

fn checksum(lsn: [u8; 8], json: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&lsn);
    crc.update(json);
    crc.finalize()
}
