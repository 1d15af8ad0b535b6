//! The state table of an agent's task, for whoever counts which of its cells were hit.

use holdfast_base::AgentName;

use super::{Event, Ledger, Ring, Task};
use crate::arms::{Arm, Table};
use crate::contact::{OfferNews, OfferRefusal};

/// What a delivery reports of an offer.
pub const NEWS: &[&str] = &[
    "Sent",
    "Ringing",
    "Answered",
    "Busy",
    "Declined",
    "Unavailable",
    "NotRegistered",
    "NoAnswer",
    "DeviceFailed",
    "Ended",
    "LostLiveness",
    "LostInCrash",
];

/// Every cell there is.
pub const TABLE: Table = Table {
    machine: "Agent",
    states: &[
        "free",
        "reserved",
        "ring_awaited",
        "ring_missing",
        "ring_seen",
        "ring_unseen",
        "connected",
        "wrap_up",
        "rona",
        "cooling_busy",
        "cooling_declined",
        "cooling_unreachable",
        "own_call",
        "lingering",
    ],
    inputs: &[
        &["Reserve"],
        NEWS,
        &["CallerLeft", "Withdraw", "LostRace", "Release", "OwnCallEnded", "DeadlineReached"],
    ],
};

impl Ledger {
    /// The cell that this event hits, if there is such an agent.
    #[must_use]
    pub fn arm(&self, name: &AgentName, event: &Event) -> Option<Arm> {
        let agent = self.get(name)?;
        let state = agent.state.task.arm_state();
        Some(Arm { machine: TABLE.machine, state, input: event.arm() })
    }
}

impl Task {
    /// The name of this state in [`TABLE`]: the word of the glossary, and what is known of the ring
    /// of an offer.
    #[must_use]
    pub const fn arm_state(&self) -> &'static str {
        let Self::Offered { ring, .. } = self else { return self.word() };
        match ring {
            Ring::Awaited { .. } => "ring_awaited",
            Ring::Missing => "ring_missing",
            Ring::Seen => "ring_seen",
            Ring::Unseen => "ring_unseen",
        }
    }
}

impl Event {
    /// The name of this event in [`TABLE`].
    #[must_use]
    pub const fn arm(&self) -> &'static str {
        match self {
            Self::Reserve(_) => "Reserve",
            Self::News(news) => news.arm(),
            Self::CallerLeft => "CallerLeft",
            Self::Withdraw => "Withdraw",
            Self::LostRace => "LostRace",
            Self::Release => "Release",
            Self::OwnCallEnded => "OwnCallEnded",
            Self::DeadlineReached => "DeadlineReached",
        }
    }
}

impl OfferNews {
    /// The name of these news in a state table.
    #[must_use]
    pub const fn arm(&self) -> &'static str {
        match self {
            Self::Sent => "Sent",
            Self::Ringing => "Ringing",
            Self::Answered => "Answered",
            Self::Refused(OfferRefusal::Busy) => "Busy",
            Self::Refused(OfferRefusal::Declined) => "Declined",
            Self::Refused(OfferRefusal::Unavailable) => "Unavailable",
            Self::Refused(OfferRefusal::NotRegistered) => "NotRegistered",
            Self::Refused(OfferRefusal::NoAnswer) => "NoAnswer",
            Self::Refused(OfferRefusal::DeviceFailed) => "DeviceFailed",
            Self::Ended => "Ended",
            Self::LostLiveness => "LostLiveness",
            Self::LostInCrash => "LostInCrash",
        }
    }
}
