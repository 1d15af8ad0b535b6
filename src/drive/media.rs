//! The media plane: threads of their own that move RTP, so that nothing slow can touch audio.
//!
//! Every thread owns the sockets and the [`Plane`](holdfast_core::media::plane::Plane) of its
//! streams; a call lives on one thread by the shard number of its streams. Orders reach a thread
//! through a bounded queue and an eventfd; edges leave by the callback given at the start.

mod handshakes;
mod holds;
mod priority;
mod socket;
mod worker;

use crate::clock::Clock;
use handshakes::{HandshakeThread, Handshakes, NewsSink};
use holdfast_base::{Mono, StreamId};
use holdfast_core::media::clip::ClipLibrary;
use holdfast_core::media::handshake::News;
use holdfast_core::media::order::{MediaEdge, MediaOrder};
use holdfast_core::media::tape::Block;
use holds::Holds;
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{JoinHandle, available_parallelism};
use std::time::Duration;
use tracing::{debug, error, warn};
use worker::{Task, Worker};

pub use handshakes::Certificates;

/// Most media threads.
pub const THREADS_MAX: usize = 64;
/// Most orders that wait for one thread: every stream of a full box re-ordered at once.
const ORDERS_MAX: usize = 16_384;
/// A thread that has not come round for this long is stuck. Its longest wait is 100 ms.
const STUCK_AFTER: Duration = Duration::from_secs(2);

/// Takes what the media plane reports. Called on media threads: it must not block.
pub type EdgeSink = Arc<dyn Fn(MediaEdge) + Send + Sync>;

/// Takes what is taken down of conversations. Called on media threads: it must not block.
pub type TapeSink = Arc<dyn Fn(Block) + Send + Sync>;

/// Where the media plane puts what it has to say.
#[derive(Clone)]
pub struct Sinks {
    /// What happened.
    pub edges: EdgeSink,
    /// What was said where somebody records.
    pub tapes: TapeSink,
}

impl Sinks {
    /// For where nothing is recorded.
    #[must_use]
    pub fn without_tapes(edges: EdgeSink) -> Self {
        Self { edges, tapes: Arc::new(|_| {}) }
    }
}

/// The running media threads.
pub struct MediaPlane {
    clock: Clock,
    sinks: Sinks,
    threads: Vec<Thread>,
    homes: Homes,
    holds: Holds,
    handshakes: (Handshakes, HandshakeThread),
}

/// On which thread each stream lives. An entry ends with the stream.
type Homes = Arc<Mutex<BTreeMap<StreamId, usize>>>;

struct Thread {
    orders: SyncSender<Task>,
    shared: Arc<Shared>,
    handle: JoinHandle<()>,
}

/// What a thread shares with the one that orders.
struct Shared {
    wake: EventFd,
    /// Site time in microseconds when the thread last came round.
    alive: AtomicU64,
    /// Whether it goes before other programs.
    real_time: AtomicBool,
    stop: AtomicBool,
    /// Streams for which an order was lost because the queue was full. They are closed: a stream
    /// that plays the wrong thing is worse than one that ends and is told to have ended.
    lost: Mutex<BTreeSet<StreamId>>,
}

impl MediaPlane {
    /// Starts `threads` media threads (0: one for each core), at most [`THREADS_MAX`].
    ///
    /// # Errors
    /// What the kernel said when it refused a thread, an epoll or an eventfd.
    pub fn start(
        threads: usize,
        clock: Clock,
        clips: Arc<ClipLibrary>,
        certificates: Certificates,
        sinks: Sinks,
    ) -> io::Result<Self> {
        raise_file_limit();
        let cores = || available_parallelism().map_or(1, usize::from);
        let count = if threads == 0 { cores() } else { threads }.min(THREADS_MAX);
        let (homes, holds) = (Homes::default(), Holds::default());
        let handshakes = Handshakes::start(certificates)?;
        let mut plane = Self { clock, sinks, threads: Vec::new(), homes, holds, handshakes };
        for index in 0..count {
            let thread = plane.start_thread(index, &clips)?;
            plane.threads.push(thread);
        }
        Ok(plane)
    }

    fn start_thread(&self, index: usize, clips: &Arc<ClipLibrary>) -> io::Result<Thread> {
        let (orders, queue) = sync_channel(ORDERS_MAX);
        let shared = Arc::new(Shared {
            wake: EventFd::from_flags(EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)?,
            alive: AtomicU64::new(self.clock.now().mono.micros()),
            real_time: AtomicBool::new(true), // nothing is known of a thread that has not begun
            stop: AtomicBool::new(false),
            lost: Mutex::default(),
        });
        let mut worker = Worker::new(worker::Parts {
            clock: self.clock,
            clips: Arc::clone(clips),
            sinks: self.sinks.clone(),
            homes: Arc::clone(&self.homes),
            holds: self.holds.clone(),
            shared: Arc::clone(&shared),
            handshakes: self.handshakes.0.clone(),
            news: news_to(&orders, &shared),
            orders: queue,
        })?;
        let name = format!("media-{index}");
        let granted = Arc::clone(&shared);
        let begin = move || {
            granted.real_time.store(priority::raise(), Ordering::Relaxed);
            worker.run();
        };
        let handle = std::thread::Builder::new().name(name).spawn(begin)?;
        Ok(Thread { orders, shared, handle })
    }

    /// Hands an order to the thread of its stream. Never blocks: when that thread is so far behind
    /// that its queue is full, the order is lost and the stream is closed.
    pub fn order(&self, order: MediaOrder) {
        if let MediaOrder::Hold { rtp_port } = order {
            return self.hold(rtp_port);
        }
        let Some((stream, home)) = self.home_of(&order) else { return };
        let Some(thread) = home.and_then(|home| self.threads.get(home)) else {
            return; // an order for a stream that is over
        };
        match thread.orders.try_send(Task::Order(order)) {
            Ok(()) => {}
            Err(TrySendError::Full(task)) => {
                warn!(%stream, "media order lost: queue full");
                lock(&thread.shared.lost).insert(stream);
                drop(task);
            }
            Err(TrySendError::Disconnected(_)) => {
                error!(%stream, "media thread is gone");
                let why = "media thread is gone".to_owned();
                (self.sinks.edges)(MediaEdge::OpenFailed { stream, why });
            }
        }
        thread.shared.wake();
    }

    /// Done by whoever orders: no stream is there yet, and binding takes microseconds.
    fn hold(&self, rtp_port: u16) {
        match self.holds.hold(rtp_port) {
            Ok(()) => (self.sinks.edges)(MediaEdge::Held { rtp_port }),
            Err(why) if why.kind() == io::ErrorKind::AddrInUse => {
                debug!(rtp_port, "media port pair is left out: another program has it");
                (self.sinks.edges)(MediaEdge::Occupied { rtp_port });
            }
            // Of files or memory there is none now. That says nothing about the pair.
            Err(why) => warn!(rtp_port, %why, "media port pair not held"),
        }
    }

    fn home_of(&self, order: &MediaOrder) -> Option<(StreamId, Option<usize>)> {
        let mut homes = lock(&self.homes);
        Some(match order {
            MediaOrder::Hold { .. } => return None,
            MediaOrder::Open(open) => {
                let count = u64::try_from(self.threads.len()).unwrap_or(1).max(1);
                let home = usize::try_from(open.shard % count).unwrap_or(0);
                (open.stream, Some(*homes.entry(open.stream).or_insert(home)))
            }
            MediaOrder::Expect { stream, .. }
            | MediaOrder::Hear { stream, .. }
            | MediaOrder::PressKey { stream, .. }
            | MediaOrder::Record { stream, .. }
            | MediaOrder::Close { stream } => (*stream, homes.get(stream).copied()),
        })
    }

    /// Whether every thread came round lately. For the watchdog of the process.
    #[must_use]
    pub fn alive(&self) -> bool {
        let now = self.clock.now().mono;
        self.threads.iter().all(|thread| {
            let last = Mono::from_micros(thread.shared.alive.load(Ordering::Relaxed));
            !thread.handle.is_finished() && now.since(last) < STUCK_AFTER
        })
    }

    /// Whether every thread goes before the other programs of the machine.
    #[must_use]
    pub fn is_real_time(&self) -> bool {
        self.threads.iter().all(|thread| thread.shared.real_time.load(Ordering::Relaxed))
    }

    /// Ends all threads and releases all sockets. Open streams are not reported.
    pub fn stop(self) {
        for thread in &self.threads {
            thread.shared.stop.store(true, Ordering::Release);
            thread.shared.wake();
        }
        for thread in self.threads {
            if thread.handle.join().is_err() {
                error!("media thread panicked");
            }
        }
        let (orders, handshakes) = self.handshakes;
        drop(orders); // the last who could order anything
        if handshakes.join().is_err() {
            error!("thread of handshakes panicked");
        }
    }
}

/// The way of news from the thread of handshakes to a media thread. What finds its queue full is
/// lost, as a datagram would be.
fn news_to(orders: &SyncSender<Task>, shared: &Arc<Shared>) -> NewsSink {
    let (orders, shared) = (orders.clone(), Arc::clone(shared));
    Arc::new(move |news: News| {
        let stream = news.which.stream;
        if orders.try_send(Task::News(news)).is_err() {
            debug!(%stream, "news of a handshake lost: queue full");
        }
        shared.wake();
    })
}

impl Shared {
    fn wake(&self) {
        // A full counter means that the thread is being woken already.
        let _ = self.wake.write(1);
    }
}

/// A panic of another thread leaves these sets whole: each change of them is one call.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Every stream holds two sockets; the default soft limit of 1024 files ends at 500 streams.
fn raise_file_limit() {
    let raised = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(_, hard)| setrlimit(Resource::RLIMIT_NOFILE, hard, hard));
    if let Err(why) = raised {
        warn!(%why, "file limit not raised");
    }
}

#[cfg(test)]
mod tests;
