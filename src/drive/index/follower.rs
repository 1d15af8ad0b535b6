//! The thread on which the index follows the log.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::Index;

/// How far the index may be behind the log. Nobody waits for it.
const FOLLOW_EVERY: Duration = Duration::from_secs(1);

/// A running index.
#[derive(Debug)]
pub struct Follower {
    stopping: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Follower {
    /// Lets the index follow the log on a thread of its own.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub fn start(mut index: Index) -> io::Result<Self> {
        let stopping = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&stopping);
        let follow = move || {
            while !stop.load(Ordering::Acquire) {
                index.follow();
                thread::park_timeout(FOLLOW_EVERY);
            }
            index.follow();
            index.checkpoint();
        };
        let thread = thread::Builder::new().name("index".to_owned()).spawn(follow)?;
        Ok(Self { stopping, thread })
    }

    /// Takes what is durable and writes down how far it came. After the log's own end.
    pub fn stop(self) {
        self.stopping.store(true, Ordering::Release);
        self.thread.thread().unpark();
        if self.thread.join().is_err() {
            tracing::error!("the index has ended with a fault; the next start makes it anew");
        }
    }
}
