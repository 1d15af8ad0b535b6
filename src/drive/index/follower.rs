//! The thread on which the index follows the log, and answers what is asked of the figures.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use holdfast_core::record::kpi::report::{Question, Report, Unclear};
use tokio::sync::oneshot;

use super::Index;
use crate::clock::Clock;

/// How far the index may be behind the log. Nobody waits for it.
const FOLLOW_EVERY: Duration = Duration::from_secs(1);
/// Orders that wait; more questions are refused.
const ORDERS_MAX: usize = 8;

/// A running index.
#[derive(Debug)]
pub struct Follower {
    thread: JoinHandle<()>,
    asker: Asker,
}

/// Asks the running index, from any thread.
#[derive(Clone, Debug)]
pub struct Asker(SyncSender<Order>);

#[derive(Debug)]
enum Order {
    Answer { question: Question, to: oneshot::Sender<Result<Report, Unclear>> },
    Stop,
}

impl Asker {
    /// Figures of any time; none when too much is asked already or the box stops.
    pub async fn ask(&self, question: Question) -> Option<Result<Report, Unclear>> {
        let (to, answered) = oneshot::channel();
        self.0.try_send(Order::Answer { question, to }).ok()?;
        answered.await.ok()
    }
}

impl Follower {
    /// Lets the index follow the log on a thread of its own.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub fn start(mut index: Index, clock: Clock) -> io::Result<Self> {
        let (asker, orders) = sync_channel(ORDERS_MAX);
        let follow = move || {
            index.follow();
            while obey_one(&mut index, clock, &orders) {}
            index.checkpoint();
        };
        let thread = thread::Builder::new().name("index".to_owned()).spawn(follow)?;
        Ok(Self { thread, asker: Asker(asker) })
    }

    /// A way to ask it.
    #[must_use]
    pub fn asker(&self) -> Asker {
        self.asker.clone()
    }

    /// Takes what is durable and writes down how far it came. After the log's own end.
    pub fn stop(self) {
        // When it has ended already, that is told below.
        let _ = self.asker.0.send(Order::Stop);
        if self.thread.join().is_err() {
            tracing::error!("the index has ended with a fault; the next start makes it anew");
        }
    }
}

/// Waits for an order, or until it is time to look at the log; looks at it in either case, so that
/// an answer knows all that is durable. Returns whether there is to be more.
fn obey_one(index: &mut Index, clock: Clock, orders: &Receiver<Order>) -> bool {
    let order = orders.recv_timeout(FOLLOW_EVERY);
    index.follow();
    match order {
        Ok(Order::Answer { question, to }) => {
            // Whoever asked may have gone away.
            let _ = to.send(index.report(clock.now(), question));
            true
        }
        Ok(Order::Stop) | Err(RecvTimeoutError::Disconnected) => false,
        Err(RecvTimeoutError::Timeout) => true,
    }
}
