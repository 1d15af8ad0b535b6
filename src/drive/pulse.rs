//! The heartbeat of the box: whether loop, log and media move, for `/healthz` and the watchdog.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

/// The loop beats at least this often while it lives; it sleeps half a second at most.
const STILL_AFTER: Duration = Duration::from_secs(3);

/// What was felt last.
#[derive(Debug)]
pub struct Pulse(Mutex<Beat>);

#[derive(Clone, Copy, Debug)]
struct Beat {
    at: Instant,
    parts_move: bool,
}

impl Pulse {
    /// A pulse that has just beaten.
    #[must_use]
    pub fn new() -> Self {
        Self(Mutex::new(Beat { at: Instant::now(), parts_move: true }))
    }

    /// The loop has turned; `parts_move` says whether log writer and media threads move too. A log
    /// whose disk refuses moves: calls go on, and a restart would not mend the disk.
    pub fn beat(&self, parts_move: bool) {
        *self.lock() = Beat { at: Instant::now(), parts_move };
    }

    /// Whether everything that must move does.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        let beat = *self.lock();
        beat.parts_move && beat.at.elapsed() < STILL_AFTER
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Beat> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Pulse {
    fn default() -> Self {
        Self::new()
    }
}
