//! What became of a contact in a queue.

use serde::{Deserialize, Serialize};

/// How a contact's time in a queue ended (QUEUEING.md 2.12): exactly one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// An agent talked with the caller.
    Answered,
    /// The caller left within the short threshold.
    AbandonedShort,
    /// The caller left while nothing rang.
    Abandoned,
    /// The caller left while an agent's phone rang.
    AbandonedRinging,
    /// The queue was full.
    OverflowFull,
    /// The longest wait had passed.
    OverflowTime,
    /// Nobody was there to take the call.
    OverflowEmpty,
    /// The queue was closed.
    Closed,
    /// Ended by a person on the page.
    Pulled,
    /// A fault of ours.
    SystemFailed,
    /// Lost because the process died.
    LostInCrash,
}
