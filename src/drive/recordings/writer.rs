//! The thread that writes recordings: blocks become seconds, seconds become files.

use holdfast_base::{RecordingId, Wall};
use holdfast_core::media::tape::{Block, TICK_BYTES};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tracing::{info, warn};

use super::form::{PART_SECONDS_MAX, SECOND_BYTES, Sealer};
use super::shelf::{Begun, NotBegun, Shelf};
use super::{NO_SPACE, REFUSED, Shared};

/// How often files are looked after while nothing comes.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// A file is durable up to so long ago: what a power cut costs at most.
const SYNC_EVERY: Duration = Duration::from_secs(5);
/// Nothing has come for so long: the recording is over. Blocks come ten times a second, and a
/// conversation on which a transfer is tried comes back later than this as another part.
const OVER_AFTER: Duration = Duration::from_secs(5);
/// A disk that has refused is left alone for so long.
const RETRY_AFTER: Duration = Duration::from_secs(10);
/// How often the disk is asked what is free.
const SPACE_EVERY: Duration = Duration::from_secs(2);
/// How often what is too old is looked for.
const AGE_EVERY: Duration = Duration::from_secs(600);
/// Most files open at once, far more than calls are recorded.
const OPEN_MAX: usize = 4096;

/// What the writer is told.
pub(super) enum Order {
    Write(Block),
    Stop,
}

/// The state of the thread.
pub(super) struct Writer {
    shelf: Arc<Shelf>,
    shared: Arc<Shared>,
    orders: Receiver<Order>,
    open: BTreeMap<RecordingId, Open>,
    looked: Instant,
    space_at: Option<Instant>,
    age_at: Option<Instant>,
    refused_at: Option<Instant>,
    full: bool,
}

/// A file that grows.
struct Open {
    begun: Begun,
    /// Seconds that were sealed.
    seconds: u32,
    /// The number of the first tick of the second that is being filled.
    first: u64,
    samples: Vec<u8>,
    came: Instant,
    synced: Instant,
}

impl Writer {
    pub(super) fn new(shelf: Arc<Shelf>, shared: Arc<Shared>, orders: Receiver<Order>) -> Self {
        Self {
            shelf,
            shared,
            orders,
            open: BTreeMap::new(),
            looked: Instant::now(),
            space_at: None,
            age_at: None,
            refused_at: None,
            full: false,
        }
    }

    /// Writes until it is told to stop.
    pub(super) fn run(&mut self) {
        loop {
            match self.orders.recv_timeout(LOOK_EVERY) {
                Ok(Order::Write(block)) => self.write(&block),
                Ok(Order::Stop) | Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {}
            }
            if self.looked.elapsed() >= LOOK_EVERY {
                self.looked = Instant::now();
                self.look_after();
            }
        }
        let all: Vec<RecordingId> = self.open.keys().copied().collect();
        all.into_iter().for_each(|recording| self.end(recording));
    }

    fn write(&mut self, block: &Block) {
        self.look_for_space();
        if self.full || self.refused_at.is_some_and(|at| at.elapsed() < RETRY_AFTER) {
            return;
        }
        let recording = block.label.recording;
        if !self.open.contains_key(&recording) && !self.begin(block) {
            return;
        }
        let Some(open) = self.open.get_mut(&recording) else { return };
        open.came = Instant::now();
        let filled = u64::try_from(open.samples.len() / TICK_BYTES).unwrap_or(0);
        let mut written = Ok(());
        if block.first != open.first + filled {
            written = open.seal(&self.shelf);
            open.first = block.first;
        }
        open.samples.extend_from_slice(&block.samples);
        if open.samples.len() >= SECOND_BYTES {
            written = written.and_then(|()| open.seal(&self.shelf));
        }
        let (whole, name) = (open.seconds >= PART_SECONDS_MAX, open.begun.name.clone());
        if let Err(why) = written {
            self.refused(&why.to_string());
            self.open.remove(&recording);
            self.shelf.ended(&name);
        } else if whole {
            self.end(recording); // the next block begins another part
        }
    }

    fn begin(&mut self, block: &Block) -> bool {
        if self.open.len() >= OPEN_MAX {
            return false;
        }
        let begun = match self.shelf.begin(&block.label) {
            Ok(begun) => begun,
            Err(NotBegun::NoKey) => {
                self.refused("the log has no key for the caller");
                return false;
            }
            Err(NotBegun::Disk(why)) => {
                self.refused(&why.to_string());
                return false;
            }
        };
        let now = Instant::now();
        let (first, samples) = (block.first, Vec::new());
        let mut open = Open { begun, seconds: 0, first, samples, came: now, synced: now };
        let beginning = open.begun.sealer.beginning();
        if let Err(why) = open.begun.file.write_all(&beginning) {
            self.refused(&why.to_string());
            return false;
        }
        info!(call = %block.label.call, recording = open.begun.name, "recording begins");
        self.shared.health.store(0, Ordering::Relaxed);
        self.open.insert(block.label.recording, open);
        true
    }

    /// Said once each time it begins.
    fn refused(&mut self, why: &str) {
        self.refused_at = Some(Instant::now());
        if self.shared.health.swap(REFUSED, Ordering::Relaxed) != REFUSED {
            warn!(why, "not recorded");
        }
    }

    fn look_after(&mut self) {
        self.look_for_space();
        let mut over = Vec::new();
        let mut failed = None;
        for (recording, open) in &mut self.open {
            if open.came.elapsed() >= OVER_AFTER {
                over.push(*recording);
            } else if open.synced.elapsed() >= SYNC_EVERY {
                open.synced = Instant::now();
                failed = open.begun.file.sync_data().err().or(failed);
            }
        }
        if let Some(why) = failed {
            self.refused(&why.to_string());
        }
        over.into_iter().for_each(|recording| self.end(recording));
        if self.age_at.is_none_or(|at| at.elapsed() >= AGE_EVERY) {
            self.age_at = Some(Instant::now());
            if let Some(limit) = self.shared.rules().keep.and_then(before_now) {
                self.shelf.erase_before(limit);
            }
        }
    }

    fn look_for_space(&mut self) {
        if self.space_at.is_some_and(|at| at.elapsed() < SPACE_EVERY) {
            return;
        }
        self.space_at = Some(Instant::now());
        // A disk that does not say what is free will say so when it is written to.
        let free = self.shelf.free().unwrap_or(u64::MAX);
        let full = free < self.shared.rules().min_free;
        if full && !self.full {
            warn!(free, "the disk is nearly full: nothing is recorded");
            let all: Vec<RecordingId> = self.open.keys().copied().collect();
            all.into_iter().for_each(|recording| self.end(recording));
            self.shared.health.store(NO_SPACE, Ordering::Relaxed);
        } else if !full && self.full {
            self.shared.health.store(0, Ordering::Relaxed);
        }
        self.full = full;
    }

    fn end(&mut self, recording: RecordingId) {
        let Some(mut open) = self.open.remove(&recording) else { return };
        let written = open.seal(&self.shelf).and_then(|()| open.begun.file.sync_data());
        if let Err(why) = written {
            self.refused(&why.to_string());
        }
        self.shelf.ended(&open.begun.name);
        info!(recording = open.begun.name, "recording over");
    }
}

impl Open {
    /// Appends what was gathered as a second of its own.
    fn seal(&mut self, shelf: &Shelf) -> std::io::Result<()> {
        if self.samples.is_empty() {
            return Ok(());
        }
        let Begun { name, file, sealer } = &mut self.begun;
        let sealer: &Sealer = sealer;
        let mut rest = self.samples.as_slice();
        while !rest.is_empty() {
            let (second, behind) = rest.split_at(rest.len().min(SECOND_BYTES));
            let sealed = sealer.second(self.seconds, self.first, second);
            file.write_all(&sealed)?;
            shelf.grown(name, u64::try_from(sealed.len()).unwrap_or(0));
            self.seconds += 1;
            self.first += u64::try_from(second.len() / TICK_BYTES).unwrap_or(0);
            rest = behind;
        }
        self.samples.clear();
        Ok(())
    }
}

/// Wall time so long ago.
fn before_now(span: Duration) -> Option<Wall> {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    let then = since_epoch.checked_sub(span)?;
    Some(Wall::from_micros(i64::try_from(then.as_micros()).ok()?))
}
