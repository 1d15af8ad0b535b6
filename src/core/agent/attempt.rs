//! One attempt to bring one contact to one endpoint of one agent, and the terms it runs under.

use holdfast_base::{ContactId, OfferId};
use holdfast_config::{Endpoint, Queue};
use serde::{Deserialize, Serialize};
use std::time::Duration;

use crate::contact::Capabilities;

/// Longest wrap-up that is granted (QUEUEING.md 2.4: cap 900 s).
pub const WRAP_UP_MAX: Duration = Duration::from_secs(900);

/// One attempt. It carries its terms, so a new configuration never changes an offer half-way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// The offer.
    pub offer: OfferId,
    /// What is offered.
    pub contact: ContactId,
    /// Where.
    pub endpoint: Endpoint,
    /// What this way of delivery can do.
    pub can: Capabilities,
    /// How long things may take.
    pub terms: Terms,
}

/// The times of the queue that the contact comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// How long the device may alert.
    pub alert: Duration,
    /// Wrap-up after the contact.
    pub wrap_up: Duration,
    /// How long an agent who did not answer is left alone.
    pub rona_block: Duration,
    /// Whether others may be called at the same time: then it is nobody's miss when nobody answers
    /// (QUEUEING.md 2.3).
    #[serde(default)]
    pub shared: bool,
}

impl Terms {
    /// The terms of this queue.
    #[must_use]
    pub fn of(queue: &Queue) -> Self {
        let wrap_up = queue.wrap_up.min(WRAP_UP_MAX);
        let shared = queue.distribution.calls_several();
        Self { alert: queue.alert, wrap_up, rona_block: queue.rona_block, shared }
    }
}
