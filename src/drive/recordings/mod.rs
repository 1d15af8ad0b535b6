//! Recordings: a thread that writes what media threads bring, and the shelf on which they lie.
//!
//! A media thread hands a block over and never waits: what finds the queue full is dropped and
//! counted. The writer keeps the blocks of a second together, seals it and appends it; every few
//! seconds the file is made durable, so that a power cut loses no more, and the end of the process
//! no more than a second. Where the disk is nearly full nothing is written any more, and the calls
//! do not notice.
//!
//! - `form`: how a recording lies in its file;
//! - `shelf`: which there are, bringing one as WAV, erasing;
//! - `writer`: the thread.

mod form;
mod shelf;
mod writer;

use holdfast_core::media::tape::Block;
use holdfast_core::site::RecorderHealth;
use std::path::Path;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;
use std::{fmt, io};
use tracing::error;

use crate::log::Keys;
use shelf::Shelf;
use writer::{Order, Writer};

pub use shelf::{Erased, NotErased};

/// Most blocks that wait for the disk: ten seconds of a hundred conversations.
const BLOCKS_MAX: usize = 10_000;

/// What is set about recordings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// How long they are kept; none is for ever.
    pub keep: Option<Duration>,
    /// Nothing is written while less than this is free, in bytes.
    pub min_free: u64,
}

/// The recordings of this box.
#[derive(Clone)]
pub struct Recordings {
    shelf: Arc<Shelf>,
    shared: Arc<Shared>,
    queue: SyncSender<Order>,
}

/// Ends the writer.
pub struct Stop {
    queue: SyncSender<Order>,
    thread: JoinHandle<()>,
}

/// What the writer shares with others.
struct Shared {
    rules: RwLock<Rules>,
    health: AtomicU8,
    /// Blocks that found the queue full.
    dropped: AtomicU64,
}

impl Recordings {
    /// Opens the folder and starts the writer.
    ///
    /// # Errors
    /// When the folder can not be made or read, or there is no thread.
    pub fn open(dir: &Path, keys: Arc<Keys>, rules: Rules) -> io::Result<(Self, Stop)> {
        let shelf = Arc::new(Shelf::open(dir, keys)?);
        let shared = Arc::new(Shared {
            rules: RwLock::new(rules),
            health: AtomicU8::new(0),
            dropped: AtomicU64::new(0),
        });
        let (queue, orders) = sync_channel(BLOCKS_MAX);
        let mut writer = Writer::new(Arc::clone(&shelf), Arc::clone(&shared), orders);
        let name = "recordings".to_owned();
        let thread = std::thread::Builder::new().name(name).spawn(move || writer.run())?;
        let recordings = Self { shelf, shared, queue: queue.clone() };
        Ok((recordings, Stop { queue, thread }))
    }

    /// Other rules are in force.
    pub fn configure(&self, rules: Rules) {
        *self.shared.rules.write().unwrap_or_else(std::sync::PoisonError::into_inner) = rules;
    }

    /// Takes a block. Never waits.
    pub fn take(&self, block: Block) {
        if self.queue.try_send(Order::Write(block)).is_err() {
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Whether what is said is written.
    #[must_use]
    pub fn health(&self) -> RecorderHealth {
        match self.shared.health.load(Ordering::Relaxed) {
            NO_SPACE => RecorderHealth::NoSpace,
            REFUSED => RecorderHealth::Refused,
            _ if self.shared.dropped.load(Ordering::Relaxed) > 0 => RecorderHealth::Dropped,
            _ => RecorderHealth::Good,
        }
    }

    /// The recordings that there are.
    #[must_use]
    pub fn shelf(&self) -> &Arc<Shelf> {
        &self.shelf
    }
}

impl fmt::Debug for Recordings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recordings").field("health", &self.health()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stop").finish_non_exhaustive()
    }
}

/// Less is free than has to stay so.
const NO_SPACE: u8 = 1;
/// The disk, or the lack of a key, refuses.
const REFUSED: u8 = 2;

impl Shared {
    fn rules(&self) -> Rules {
        *self.rules.read().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Stop {
    /// Writes what was taken and ends the writer.
    pub fn stop(self) {
        // A writer that is gone has stopped.
        let _ = self.queue.send(Order::Stop);
        if self.thread.join().is_err() {
            error!("the writer of recordings panicked");
        }
    }
}

#[cfg(test)]
mod tests;
