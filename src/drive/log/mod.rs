//! The log: everything that happened, for ever, and the state of everything alive.
//!
//! The site orders records with rising positions; one thread writes them and tells how far they are
//! durable ([`Log::synced`]). Messages that must not leave before their cause is on disk wait at
//! the [gate](crate::gate) for that. The site never waits here: a step that finds the queue full
//! is refused and counted.
//!
//! A step of the site is taken, written, made durable and found again as a whole or not at all.
//!
//! - `frame`: how records lie in a file and are found again in a damaged one;
//! - `mark`: where a batch of whole steps ends in each of the two files;
//! - `seal`: personal data at rest, and how a person is forgotten;
//! - `store`: which files there are, and how a batch becomes durable;
//! - `recover`: opening after a power cut or worse;
//! - `writer`: the thread; `reader`: everyone else; `disk`: what is asked of a disk.

mod disk;
mod frame;
mod mark;
mod reader;
mod recover;
mod seal;
mod store;
mod writer;

#[cfg(test)]
mod crash_tests;
#[cfg(test)]
mod sim_disk;
#[cfg(test)]
mod tests;

pub use reader::{Events, Reader, Unreadable};
pub use recover::OpenError;
pub use seal::{ERASED, Keys};
pub use store::{Sizes, Step};
pub use writer::Wake;

use holdfast_base::{Entropy, Lsn, Now};
use holdfast_core::record::event::Subject;
use holdfast_core::record::journal::{Record, STATE_VALUE_BYTES_MAX, StateKey};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use disk::{Disk, FsDisk};
use recover::{Doing as _, Past};
use writer::{Order, Shared, Writer};

/// Records waiting for the disk at which no further step is taken: some seconds of a busy box.
pub const QUEUE_RECORDS_MAX: usize = 16_384;
/// Bytes waiting for the disk at which no further step is taken.
pub const QUEUE_BYTES_MAX: usize = 64 << 20;
/// A disk that takes longer than this for one batch is reported as slow.
const SLOW: Duration = Duration::from_secs(1);
/// Locked by the process that uses the state directory.
const LOCK: &str = "lock";

/// How a log is to work.
pub struct Options {
    /// When files are closed.
    pub sizes: Sizes,
    /// Called from the writer's thread whenever more became durable.
    pub wake: Wake,
}

/// What an opened log says about the time before.
pub struct Recovered {
    /// The position of the next record.
    pub next_lsn: Lsn,
    /// Time of the last event; the origin of both clocks when there is none.
    pub last: Now,
    /// The states that were alive.
    pub states: BTreeMap<StateKey, Vec<u8>>,
    /// Every event, for folds; from a checkpoint on with [`Reader::since`].
    pub events: Reader,
    /// What was cut, skipped or lost, in sentences for a technician.
    pub repaired: Vec<String>,
}

/// Why a step was not taken. It will not become durable: what waits for it goes ungated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotTaken {
    /// Too much waits for the disk.
    Full,
    /// A value is longer than [`STATE_VALUE_BYTES_MAX`].
    TooLarge,
    /// The writer is gone.
    Stopped,
}

/// Whether the log works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// It does.
    Good,
    /// Records wait in memory; the sentence says why.
    Degraded(String),
    /// The writer is gone: the process should restart.
    Dead,
}

/// The log of this process.
pub struct Log {
    queue: SyncSender<Order>,
    shared: Arc<Shared>,
    reader: Reader,
    thread: JoinHandle<()>,
}

impl Log {
    /// Opens the log of a state directory, repairs what a crash left and starts the writer.
    ///
    /// # Errors
    /// When another process uses the directory, the disk refuses or a newer program was here.
    pub fn open(dir: &Path, options: Options) -> Result<(Self, Recovered), OpenError> {
        let disk = FsDisk::open(dir).doing("open", &dir.display().to_string())?;
        let lock = lock(dir)?;
        let mut seed = [0; 32];
        getrandom::fill(&mut seed)
            .map_err(io::Error::from)
            .doing("read", "the kernel's randomness")?;
        Self::start(Arc::new(disk), options, Entropy::new(seed), Some(lock))
    }

    fn start(
        disk: Arc<dyn Disk>,
        options: Options,
        random: Entropy,
        lock: Option<File>,
    ) -> Result<(Self, Recovered), OpenError> {
        let Options { sizes, wake } = options;
        let (store, past) = recover::open(Arc::clone(&disk), sizes, random)?;
        let Past { last, states, repaired } = past;
        let synced = Arc::new(AtomicU64::new(store.last.0));
        let reader = Reader { disk, keys: Arc::clone(&store.keys), synced: Arc::clone(&synced) };
        let next_lsn = Lsn(store.last.0 + 1);
        let recovered = Recovered { next_lsn, last, states, events: reader.clone(), repaired };
        let shared = Arc::new(Shared::new(synced));
        let (queue, orders) = sync_channel(QUEUE_RECORDS_MAX);
        let writer = Writer::new(store, orders, Arc::clone(&shared), wake);
        let run = move || {
            writer.run();
            drop(lock); // held until the last record is written
        };
        let thread = thread::Builder::new()
            .name("log".to_owned())
            .spawn(run)
            .doing("start", "the writer's thread")?;
        Ok((Self { queue, shared, reader, thread }, recovered))
    }

    /// Hands the records of a step to the writer, all or none of them. Never waits.
    ///
    /// # Errors
    /// When it can not be taken; nothing of it will be written.
    pub fn append(&self, step: Step) -> Result<(), NotTaken> {
        let (records, bytes) = (step.len(), writer::size_of(&step));
        if records == 0 {
            return Ok(());
        }
        let waiting = self.shared.waiting.fetch_add(records, Ordering::Relaxed);
        let waiting_bytes = self.shared.waiting_bytes.fetch_add(bytes, Ordering::Relaxed);
        let sent = if step.iter().any(|(_, record)| is_too_large(record)) {
            Err(NotTaken::TooLarge)
        } else if waiting >= QUEUE_RECORDS_MAX || waiting_bytes >= QUEUE_BYTES_MAX {
            Err(NotTaken::Full)
        } else {
            self.queue.try_send(Order::Write(step)).map_err(|refused| match refused {
                TrySendError::Full(_) => NotTaken::Full,
                TrySendError::Disconnected(_) => NotTaken::Stopped,
            })
        };
        if sent.is_err() {
            self.shared.waiting.fetch_sub(records, Ordering::Relaxed);
            self.shared.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
            let refused = u64::try_from(records).unwrap_or(u64::MAX);
            self.shared.refused.fetch_add(refused, Ordering::Relaxed);
        }
        sent
    }

    /// The position up to which every record that was taken is durable: the end of a step.
    #[must_use]
    pub fn synced(&self) -> Lsn {
        self.reader.synced()
    }

    /// The events, for any thread.
    #[must_use]
    pub const fn reader(&self) -> &Reader {
        &self.reader
    }

    /// Forgets a person: what the log holds about this exact number or address can never be read
    /// again. The answer, whether there was anything, comes when that is durable; events of a call
    /// that still lives are written under a new key afterwards.
    ///
    /// # Errors
    /// When the order can not be taken.
    pub fn erase(&self, subject: Subject) -> Result<Receiver<io::Result<bool>>, NotTaken> {
        let (answer, answered) = sync_channel(1);
        match self.queue.try_send(Order::Erase(subject, answer)) {
            Ok(()) => Ok(answered),
            Err(TrySendError::Full(_)) => Err(NotTaken::Full),
            Err(TrySendError::Disconnected(_)) => Err(NotTaken::Stopped),
        }
    }

    /// Records that wait for the disk.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.shared.waiting.load(Ordering::Relaxed)
    }

    /// Records that were not taken since the start: holes in the log.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.shared.refused.load(Ordering::Relaxed)
    }

    /// Whether the writer runs, even if the disk refuses.
    #[must_use]
    pub fn alive(&self) -> bool {
        !self.thread.is_finished()
    }

    /// Whether the log works, with a sentence if not.
    #[must_use]
    pub fn health(&self) -> Health {
        if !self.alive() {
            return Health::Dead;
        }
        let trouble = self.shared.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(refusal) = trouble.refusal {
            return Health::Degraded(format!("the disk refuses: {refusal}"));
        }
        match trouble.busy_since.map(|since| since.elapsed()) {
            Some(busy) if busy > SLOW => {
                Health::Degraded(format!("the disk has been busy for {} s", busy.as_secs()))
            }
            Some(_) | None => Health::Good,
        }
    }

    /// Writes what is queued and stops. True when everything is on disk.
    #[must_use]
    pub fn close(self) -> bool {
        self.shared.stopping.store(true, Ordering::Relaxed);
        drop(self.queue);
        self.thread.thread().unpark();
        self.thread.join().is_ok() && self.shared.waiting.load(Ordering::Relaxed) == 0
    }
}

fn is_too_large(record: &Record) -> bool {
    match record {
        Record::State { key: _, value: Some(value) } => value.len() > STATE_VALUE_BYTES_MAX,
        Record::State { key: _, value: None } | Record::Event(_) => false,
    }
}

/// Takes the state directory for this process, until the file is closed or the process dies.
fn lock(dir: &Path) -> Result<File, OpenError> {
    let mut how = OpenOptions::new();
    let opened = how.write(true).create(true).truncate(false).mode(0o600).open(dir.join(LOCK));
    let file = opened.doing("open", LOCK)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(dir.to_path_buf())),
        Err(TryLockError::Error(why)) => Err(why).doing("lock", LOCK),
    }
}
