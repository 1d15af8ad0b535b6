//! The thread of handshakes (DTLS): what takes a millisecond and needs chance is done here, so that
//! no audio waits for it.
//!
//! The media plane says what begins, what came and what is over; back come datagrams to be sent and
//! what a handshake has brought. What that is worth is decided there. The protocol is that of the
//! crate `dimpl`, the arithmetic that of ring ([`arithmetic`]). A handshake that panics is broken,
//! and it alone.

mod arithmetic;
mod association;
mod certificates;

pub use certificates::Certificates;

use association::Association;
use dimpl::Config;
use holdfast_core::media::handshake::{News, Order, Progress, Which};
use holdfast_core::media::plane::STREAMS_MAX;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tracing::debug;

/// Most orders that wait. One that finds no room is lost as a datagram would be: handshakes repeat
/// what got no answer.
const ORDERS_MAX: usize = 1024;
/// Longest sleep, so that the thread ends soon when it shall.
const SLEEP_MAX: Duration = Duration::from_millis(500);
/// What we send is no larger: every path carries it, with the headers of IPv6 and UDP.
const DATAGRAM_BYTES: usize = 1200;
/// A flight that gets no answer is repeated after this, then after twice as long, and so on. Peers
/// are as near as their audio has to be; the 1 s of RFC 6347 §4.2.4.1 would be heard as silence.
const REPEAT_AFTER: Duration = Duration::from_millis(250);
/// How often: 250 ms, doubled six times, is beyond [`GIVE_UP_AFTER`].
const REPEATS: usize = 6;
/// A handshake that is not done by then is broken. Nobody stays on a silent line for longer.
const GIVE_UP_AFTER: Duration = Duration::from_secs(20);

/// Where the news of a handshake go. Called on the thread of handshakes: it must not block.
pub type NewsSink = Arc<dyn Fn(News) + Send + Sync>;

/// An order and who gave it.
struct Job {
    order: Order,
    news: NewsSink,
}

/// Takes orders for the thread.
#[derive(Clone)]
pub struct Handshakes {
    jobs: SyncSender<Job>,
}

/// The running thread. It ends when nobody can order anything any more.
pub struct HandshakeThread(JoinHandle<()>);

impl Handshakes {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the kernel has no thread for it, or the arithmetic is not right.
    pub fn start(certificates: Certificates) -> io::Result<(Self, HandshakeThread)> {
        let config = Config::builder()
            .mtu(DATAGRAM_BYTES)
            // Who sends has been checked: no cookie has to show that its address is its own.
            .use_server_cookie(false)
            .flight_start_rto(REPEAT_AFTER)
            .flight_retries(REPEATS)
            .handshake_timeout(GIVE_UP_AFTER)
            .with_crypto_provider(arithmetic::provider())
            .build()
            .map_err(|error| io::Error::other(error.to_string()))?;
        let (jobs, queue) = sync_channel(ORDERS_MAX);
        let mut worker =
            Worker { config: Arc::new(config), certificates, queue, running: BTreeMap::new() };
        let name = "handshakes".to_owned();
        let thread = std::thread::Builder::new().name(name).spawn(move || worker.run())?;
        Ok((Self { jobs }, HandshakeThread(thread)))
    }

    /// Hands an order over. Never blocks.
    pub fn order(&self, order: Order, news: &NewsSink) {
        let which = match &order {
            Order::Begin { which, .. } | Order::Take { which, .. } | Order::End { which } => *which,
        };
        if self.jobs.try_send(Job { order, news: Arc::clone(news) }).is_err() {
            debug!(stream = %which.stream, "handshakes are far behind: an order is lost");
        }
    }
}

impl HandshakeThread {
    /// Waits until it has ended.
    pub fn join(self) -> std::thread::Result<()> {
        self.0.join()
    }
}

struct Worker {
    config: Arc<Config>,
    certificates: Certificates,
    queue: Receiver<Job>,
    running: BTreeMap<Which, Association>,
}

impl Worker {
    fn run(&mut self) {
        loop {
            let due = self.running.values().filter_map(Association::due).min();
            let wait = due.map_or(SLEEP_MAX, |due| due.saturating_duration_since(Instant::now()));
            match self.queue.recv_timeout(wait.min(SLEEP_MAX)) {
                Ok(job) => self.take(job),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            let now = Instant::now();
            self.running.retain(|_, association| association.pass(now));
        }
    }

    fn take(&mut self, Job { order, news }: Job) {
        let now = Instant::now();
        match order {
            Order::Begin { which, certificate, part } => {
                let broken = News { which, progress: Progress::Broken };
                let (Some(own), true) =
                    (self.certificates.of(&certificate), self.running.len() < STREAMS_MAX)
                else {
                    return news(broken);
                };
                let config = Arc::clone(&self.config);
                let association = Association::begin(which, (config, own), part, news, now);
                self.running.extend(association.map(|association| (which, association)));
            }
            Order::Take { which, datagram } => {
                let stays = self.running.get_mut(&which).is_none_or(|it| it.take(now, &datagram));
                if !stays {
                    self.running.remove(&which);
                }
            }
            Order::End { which } => {
                if let Some(association) = self.running.remove(&which) {
                    association.end(now);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
