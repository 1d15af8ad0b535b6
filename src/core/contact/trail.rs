//! Where a contact has been led on from, so that it never goes round for ever (QUEUEING.md 2.6).

use holdfast_base::{Mono, QueueName};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// Most times that a contact is led on: QUEUEING.md 2.6.
pub const HOPS_MAX: u32 = 10;
/// A queue that a contact has left is not entered again before this has passed: QUEUEING.md 2.6.
pub const NOT_AGAIN_WITHIN: Duration = Duration::from_secs(5);

/// The way of one contact through the queues.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trail {
    hops: u32,
    /// Each queue with the last time that the contact left it; as many as hops at most.
    left: BTreeMap<QueueName, Mono>,
}

impl Trail {
    /// It leaves a queue without an answer.
    pub fn leave(&mut self, queue: &QueueName, now: Mono) {
        self.left.insert(queue.clone(), now);
    }

    /// It is led on once more.
    pub const fn hop(&mut self) {
        self.hops = self.hops.saturating_add(1);
    }

    /// Whether it has been led on as often as anybody may be.
    #[must_use]
    pub const fn is_at_its_end(&self) -> bool {
        self.hops >= HOPS_MAX
    }

    /// Whether it has just been in this queue.
    #[must_use]
    pub fn has_just_left(&self, queue: &QueueName, now: Mono) -> bool {
        self.left.get(queue).is_some_and(|left| now.since(*left) < NOT_AGAIN_WITHIN)
    }
}
