//! Where the index lies: sled, opened with care, or memory.
//!
//! sled 0.34.7 is no authority: its `flush` is not durable over a power cut, and a file that was
//! cut short makes it panic when it opens. So it opens on a thread of its own with a time limit and
//! a net under it, each value carries its CRC and position, and all of them are checked at once.
//!
//! ```text
//! value = crc:u32 lsn:u64 json          crc of lsn and json, big-endian
//! cdr key = ended:i64 call:u64          order of the end, sign bit flipped so that bytes sort
//! quarter key = start:i64 whose         the same of its start; a queue or an agent, and its name
//! ```

use holdfast_base::{CallId, Lsn, Wall};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::mpsc::sync_channel;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::{CDRS_MAX, QUARTERS_MAX};

/// How long opening and checking may take: ten times what a full shelf takes on a slow eMMC.
const OPEN_MAX: Duration = Duration::from_secs(10);
/// How often sled writes behind.
const FLUSH_MS: u64 = 1000;
/// Memory that sled may use for pages: the newest CDRs, which the page shows, and the checkpoint.
const CACHE_BYTES: u64 = 1 << 20;
/// Most CDRs kept when there is no disk.
const CDRS_IN_MEMORY_MAX: usize = 2000;
/// Most quarters kept when there is no disk: some days of a branch.
const QUARTERS_IN_MEMORY_MAX: usize = 20_000;
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
    /// It has fewer or more CDRs or quarters than its checkpoint says.
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
            Self::Count => f.write_str("CDRs or figures are missing"),
            Self::AheadOfLog => f.write_str("it knows events that are not in the log"),
            Self::Thresholds => f.write_str("the thresholds of a queue have changed"),
        }
    }
}

/// What an opened shelf holds.
pub struct Kept {
    checkpoint: Option<Vec<u8>>,
    cdrs: Vec<Lsn>,
    quarters: Vec<Lsn>,
}

impl Kept {
    /// The last checkpoint.
    pub fn checkpoint(&self) -> Result<&[u8], Unfit> {
        self.checkpoint.as_deref().ok_or(Unfit::Empty)
    }

    /// Whether the CDRs and the quarters of a checkpoint are there. From a full shelf the oldest
    /// go, so then it can not be told and need not be: they are many and each fits its checksum.
    pub fn has_all(&self, counts: Counts, seen: Lsn) -> bool {
        let all = |positions: &[Lsn], most: usize, count: u64| {
            let earlier = positions.iter().filter(|position| **position <= seen);
            positions.len() >= most || earlier.fold(0, |count, _| count + 1) == count
        };
        all(&self.cdrs, CDRS_MAX, counts.cdrs) && all(&self.quarters, QUARTERS_MAX, counts.quarters)
    }
}

/// How many of each kind lie on a shelf.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    cdrs: u64,
    quarters: u64,
}

/// A place for CDRs, figures of the past and the checkpoint.
pub enum Shelf {
    /// On disk.
    Sled {
        /// The CDRs by the time of their end.
        cdrs: sled::Tree,
        /// The figures of the past by the quarter of an hour.
        quarters: sled::Tree,
        /// The checkpoint.
        marks: sled::Tree,
        /// Number of CDRs and of quarters.
        count: Mutex<[usize; 2]>,
    },
    /// In memory, when there is no disk for it: CDRs and quarters.
    Memory(Mutex<[BTreeMap<Vec<u8>, Vec<u8>>; 2]>),
}

/// What is put.
#[derive(Clone, Copy)]
enum Kind {
    Cdr,
    Quarter,
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
        Self::Memory(Mutex::new([BTreeMap::new(), BTreeMap::new()]))
    }

    fn open_unguarded(dir: &Path) -> Result<Self, Unfit> {
        let config = sled::Config::new()
            .path(dir)
            .flush_every_ms(Some(FLUSH_MS))
            .cache_capacity(CACHE_BYTES);
        let broken = |why: sled::Error| Unfit::Broken(why.to_string());
        let db = config.open().map_err(broken)?;
        let cdrs = db.open_tree("cdrs").map_err(broken)?;
        let quarters = db.open_tree("quarters").map_err(broken)?;
        let marks = db.open_tree("marks").map_err(broken)?;
        let count = Mutex::new([cdrs.len(), quarters.len()]);
        Ok(Self::Sled { cdrs, quarters, marks, count })
    }

    fn check(&self) -> Result<Kept, Unfit> {
        let Self::Sled { cdrs, quarters, marks, count: _ } = self else {
            return Err(Unfit::Empty);
        };
        let broken = |why: sled::Error| Unfit::Broken(why.to_string());
        let positions = |tree: &sled::Tree| {
            let values = tree.iter().values();
            let lsn = |value: sled::Result<sled::IVec>| {
                unwrapped(&value.map_err(broken)?).map(|kept| kept.0).ok_or(Unfit::Checksum)
            };
            values.map(lsn).collect::<Result<Vec<Lsn>, Unfit>>()
        };
        let (cdrs, quarters) = (positions(cdrs)?, positions(quarters)?);
        let checkpoint = match marks.get(CHECKPOINT).map_err(broken)? {
            Some(value) => Some(unwrapped(&value).ok_or(Unfit::Checksum)?.1),
            None => None,
        };
        Ok(Kept { checkpoint, cdrs, quarters })
    }

    /// Puts one CDR; the oldest goes when the shelf is full.
    pub fn put_cdr(&self, lsn: Lsn, at: (Wall, CallId), json: &[u8]) -> Result<(), String> {
        self.put(Kind::Cdr, &cdr_key(at), wrapped(lsn, json))
    }

    /// Puts the figures of a quarter; the oldest go when the shelf is full.
    pub fn put_quarter(&self, lsn: Lsn, key: (Wall, &str), json: &[u8]) -> Result<(), String> {
        self.put(Kind::Quarter, &quarter_key(key), wrapped(lsn, json))
    }

    fn put(&self, kind: Kind, key: &[u8], value: Vec<u8>) -> Result<(), String> {
        match self {
            Self::Sled { cdrs, quarters, marks: _, count } => caught(|| {
                let [cdr_count, quarter_count] =
                    &mut *count.lock().unwrap_or_else(PoisonError::into_inner);
                let (tree, count, most) = match kind {
                    Kind::Cdr => (cdrs, cdr_count, CDRS_MAX),
                    Kind::Quarter => (quarters, quarter_count, QUARTERS_MAX),
                };
                if tree.insert(key, value)?.is_none() {
                    *count += 1;
                }
                while *count > most && tree.pop_min()?.is_some() {
                    *count -= 1;
                }
                Ok(())
            }),
            Self::Memory(kept) => {
                let [cdrs, quarters] = &mut *kept.lock().unwrap_or_else(PoisonError::into_inner);
                let (kept, most) = match kind {
                    Kind::Cdr => (cdrs, CDRS_IN_MEMORY_MAX),
                    Kind::Quarter => (quarters, QUARTERS_IN_MEMORY_MAX),
                };
                kept.insert(key.to_vec(), value);
                if kept.len() > most {
                    kept.pop_first();
                }
                Ok(())
            }
        }
    }

    /// Hands over the figures of the quarters that begin in a span, in order, until `take` has
    /// enough. A damaged one is left out.
    pub fn quarters(&self, span: Range<Wall>, mut take: impl FnMut(&[u8]) -> bool) {
        let keys = quarter_key((span.start, ""))..quarter_key((span.end, ""));
        let mut taken = |value: &[u8]| unwrapped(value).is_none_or(|(_, json)| take(&json));
        match self {
            Self::Sled { cdrs: _, quarters, marks: _, count: _ } => {
                // What could not be read is missing in the answer, as what is damaged.
                let _ = caught(|| {
                    for value in quarters.range(keys).values() {
                        if !taken(&value?) {
                            break;
                        }
                    }
                    Ok(())
                });
            }
            Self::Memory(kept) => {
                let [_, quarters] = &*kept.lock().unwrap_or_else(PoisonError::into_inner);
                let _all = quarters.range(keys).all(|(_, value)| taken(value));
            }
        }
    }

    /// Replaces the checkpoint.
    pub fn put_checkpoint(&self, lsn: Lsn, json: &[u8]) -> Result<(), String> {
        match self {
            Self::Sled { cdrs: _, quarters: _, marks, count: _ } => {
                caught(|| marks.insert(CHECKPOINT, wrapped(lsn, json)).map(drop))
            }
            Self::Memory(_) => Ok(()),
        }
    }

    /// How much lies on it.
    pub fn count(&self) -> Counts {
        let counts = match self {
            Self::Sled { cdrs: _, quarters: _, marks: _, count } => {
                *count.lock().unwrap_or_else(PoisonError::into_inner)
            }
            Self::Memory(kept) => {
                let [cdrs, quarters] = &*kept.lock().unwrap_or_else(PoisonError::into_inner);
                [cdrs.len(), quarters.len()]
            }
        };
        let [cdrs, quarters] = counts.map(|count| u64::try_from(count).unwrap_or(u64::MAX));
        Counts { cdrs, quarters }
    }

    /// The CDRs of the last ends, newest first; a damaged one is left out.
    pub fn newest_cdrs(&self, limit: usize) -> Vec<Vec<u8>> {
        match self {
            Self::Sled { cdrs, quarters: _, marks: _, count: _ } => caught(|| {
                let newest = cdrs.iter().values().rev().take(limit);
                let values: Vec<sled::IVec> = newest.collect::<sled::Result<_>>()?;
                Ok(values.iter().filter_map(|value| unwrapped(value)).map(|kept| kept.1).collect())
            })
            .unwrap_or_default(),
            Self::Memory(kept) => {
                let [cdrs, _] = &*kept.lock().unwrap_or_else(PoisonError::into_inner);
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

fn quarter_key((start, whose): (Wall, &str)) -> Vec<u8> {
    let start = start.micros().cast_unsigned() ^ (1 << 63);
    [&start.to_be_bytes(), whose.as_bytes()].concat()
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
