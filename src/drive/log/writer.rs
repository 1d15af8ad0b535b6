//! The thread that writes: group commit, and patience with a disk that refuses.
//!
//! It drains the steps that are queued, commits them as one batch, tells how far the log is durable
//! and begins again. While the disk refuses it keeps its batch and tries again; the queue behind it
//! fills up to its limit, and then new steps are refused and their records counted. It never
//! reorders and never gives up before the process stops.

use holdfast_base::Lsn;
use holdfast_core::record::event::Subject;
use holdfast_core::record::journal::Record;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use tracing::{error, info};

use super::store::{Batch, Step, Store};

/// Most records in one batch, beyond the last step of it.
const BATCH_RECORDS_MAX: usize = 4096;
/// Most bytes in one batch, about: what a slow eMMC writes within the patience of a gate.
const BATCH_BYTES_MAX: usize = 1 << 20;
/// First pause after the disk refused a batch; doubled each time.
const RETRY_FIRST: Duration = Duration::from_millis(10);
/// Longest pause: how soon after space is freed the log goes on.
const RETRY_MAX: Duration = Duration::from_secs(1);
/// Attempts at a batch while the process stops.
const LAST_TRIES: u32 = 3;
/// What a record without a value is counted as.
const EVENT_BYTES: usize = 512;

/// An order to the writer.
pub enum Order {
    /// Make a step durable.
    Write(Step),
    /// Forget a person; the answer goes to the sender.
    Erase(Subject, SyncSender<io::Result<bool>>),
}

/// What the writer and its users both see.
pub struct Shared {
    /// Position up to which everything is durable.
    pub synced: Arc<AtomicU64>,
    /// Records in the queue and in the batch being written.
    pub waiting: AtomicUsize,
    /// Their bytes, about.
    pub waiting_bytes: AtomicUsize,
    /// Records that were refused because the queue was full.
    pub refused: AtomicU64,
    /// The process stops: do not try for ever.
    pub stopping: AtomicBool,
    /// What the disk does now.
    pub trouble: Mutex<Trouble>,
}

/// What the disk does now.
#[derive(Clone, Debug, Default)]
pub struct Trouble {
    /// A batch is being written since then.
    pub busy_since: Option<Instant>,
    /// What the disk said last, when the batch was refused.
    pub refusal: Option<String>,
}

impl Shared {
    /// The state at the start, durable up to `synced`.
    #[must_use]
    pub fn new(synced: Arc<AtomicU64>) -> Self {
        Self {
            synced,
            waiting: AtomicUsize::new(0),
            waiting_bytes: AtomicUsize::new(0),
            refused: AtomicU64::new(0),
            stopping: AtomicBool::new(false),
            trouble: Mutex::new(Trouble::default()),
        }
    }

    fn trouble(&self, busy_since: Option<Instant>, refusal: Option<String>) {
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        *trouble = Trouble { busy_since, refusal };
    }
}

/// About how many bytes a step takes.
#[must_use]
pub fn size_of(step: &Step) -> usize {
    let of = |record: &Record| match record {
        Record::Event(_) => EVENT_BYTES,
        Record::State { key: _, value } => EVENT_BYTES + value.as_ref().map_or(0, Vec::len),
    };
    step.iter().map(|(_, record)| of(record)).sum()
}

/// Called with the new position whenever more became durable.
pub type Wake = Box<dyn Fn(Lsn) + Send>;

/// The writing side.
pub struct Writer {
    store: Store,
    queue: Receiver<Order>,
    shared: Arc<Shared>,
    wake: Wake,
}

/// How long the first step of a batch waits for others beside it: those of the same message, and
/// of what is read in the same turn.
const GATHER: Duration = Duration::from_millis(2);
/// Shortest time from the beginning of one batch to that of the next, so that a busy box syncs a
/// few dozen times a second and not thousands. Far below the 50 ms that a gated message may wait,
/// and nothing to a person; a box that was quiet does not wait for it.
const PACE: Duration = Duration::from_millis(20);

/// A batch as it comes out of the queue.
#[derive(Default)]
struct Drained {
    steps: Vec<Step>,
    records: usize,
    bytes: usize,
    erase: Option<(Subject, SyncSender<io::Result<bool>>)>,
}

impl Drained {
    fn add(&mut self, order: Order) {
        match order {
            Order::Write(step) => {
                self.bytes += size_of(&step);
                self.records += step.len();
                self.steps.push(step);
            }
            Order::Erase(subject, answer) => self.erase = Some((subject, answer)),
        }
    }

    fn is_full(&self) -> bool {
        self.erase.is_some() || self.records >= BATCH_RECORDS_MAX || self.bytes >= BATCH_BYTES_MAX
    }
}

impl Writer {
    /// A writer that takes its orders from `queue`.
    #[must_use]
    pub const fn new(
        store: Store,
        queue: Receiver<Order>,
        shared: Arc<Shared>,
        wake: Wake,
    ) -> Self {
        Self { store, queue, shared, wake }
    }

    /// Writes until nobody can send any more.
    pub fn run(mut self) {
        let mut begun: Option<Instant> = None;
        while let Ok(first) = self.queue.recv() {
            let mut drained = Drained::default();
            drained.add(first);
            let rest = begun.map_or(Duration::ZERO, |begun| PACE.saturating_sub(begun.elapsed()));
            thread::sleep(rest.max(GATHER));
            begun = Some(Instant::now());
            while !drained.is_full()
                && let Ok(next) = self.queue.try_recv()
            {
                drained.add(next);
            }
            let Drained { steps, records, bytes, erase } = drained;
            if !steps.is_empty() {
                let batch = self.store.prepare(steps);
                if !self.commit(&batch) {
                    return;
                }
                self.shared.waiting.fetch_sub(records, Ordering::Relaxed);
                self.shared.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
                self.shared.synced.store(batch.last().0, Ordering::Release);
                (self.wake)(batch.last());
                self.store.tidy();
            }
            if let Some((subject, answer)) = erase {
                // Nobody waits for the answer any more: the person is forgotten all the same.
                let _ = answer.send(self.store.erase(&subject));
            }
        }
    }

    /// Commits a batch however long the disk refuses. False when the process stops before that.
    fn commit(&mut self, batch: &Batch) -> bool {
        let began = Instant::now();
        let mut pause = RETRY_FIRST;
        let mut last_tries = 0;
        self.shared.trouble(Some(began), None);
        while let Err(why) = self.store.commit(batch) {
            if pause == RETRY_FIRST {
                error!(%why, "the log can not be written, records wait in memory");
            }
            self.shared.trouble(Some(began), Some(why.to_string()));
            if self.shared.stopping.load(Ordering::Relaxed) {
                last_tries += 1;
                if last_tries >= LAST_TRIES {
                    let waiting = self.shared.waiting.load(Ordering::Relaxed);
                    error!(records = waiting, "stopped with records that are not on disk");
                    return false;
                }
            }
            thread::park_timeout(pause);
            pause = (pause * 2).min(RETRY_MAX);
        }
        if pause != RETRY_FIRST {
            info!(after_ms = began.elapsed().as_millis(), "the log is written again");
        }
        self.shared.trouble(None, None);
        true
    }
}
