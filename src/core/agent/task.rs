//! Layer 2 of an agent: what the engine has this agent do (QUEUEING.md 2.1). The states; how one
//! leads to the next stands in `step`.
//!
//! ```text
//!  Free ──reserve──> Reserved ──sent──> Offered ──answered──> Connected ──ended──> WrapUp ──> Free
//!                       │ 2 s              ├─ alert time ─────> Rona ────────────────────────> Free
//!                       └─> Cooling 5 s    ├─ refused ────────> Cooling ─────────────────────> Free
//!                                          └─ caller left, taken back ───────────────────────> Free
//! ```
//! Every end of an offer that can not be withdrawn, or that died with the process, leads through
//! `Lingering`: the device may still ring, so the agent stays reserved until the delivery is heard
//! of or must be over.
//!
//! Every state has a deadline except `Free`, `Connected` and `OwnCall`, whose ends are seen (the
//! leg's liveness is the site's to guard).

use holdfast_base::Mono;
use serde::{Deserialize, Serialize};

use super::attempt::Attempt;

/// What an agent is doing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// Nothing.
    Free {
        /// Since when.
        since: Mono,
    },
    /// Chosen; the delivery has not started yet.
    Reserved {
        /// The attempt.
        attempt: Attempt,
        /// Since when.
        since: Mono,
        /// When it is given up.
        until: Mono,
    },
    /// The delivery has started.
    Offered {
        /// The attempt.
        attempt: Attempt,
        /// Whether the device alerts.
        ring: Ring,
        /// Since when.
        since: Mono,
        /// When the alert time is over.
        until: Mono,
    },
    /// Talking.
    Connected {
        /// The attempt that won.
        attempt: Attempt,
        /// Since when.
        since: Mono,
    },
    /// Finishing the work of the last contact.
    WrapUp {
        /// The end of the agent's own leg.
        since: Mono,
        /// When it ends by itself.
        until: Mono,
    },
    /// Did not answer.
    Rona {
        /// Since when.
        since: Mono,
        /// When it ends by itself.
        until: Mono,
    },
    /// Could not or would not take an offer.
    Cooling {
        /// Which.
        kind: Cooling,
        /// Since when.
        since: Mono,
        /// When it ends by itself.
        until: Mono,
    },
    /// In a call that is not ours.
    OwnCall {
        /// Since when.
        since: Mono,
    },
    /// The offer is over for us, but its delivery could not be taken back.
    Lingering {
        /// What may still ring.
        attempt: Attempt,
        /// Since when.
        since: Mono,
        /// When it must be over.
        until: Mono,
        /// What comes then.
        then: Then,
    },
}

/// Whether the device of an offer alerts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ring {
    /// Not yet, and it should by then.
    Awaited {
        /// When it counts as missing.
        until: Mono,
    },
    /// It does not: `no_ring`.
    Missing,
    /// It does.
    Seen,
    /// This delivery can not tell; that it was accepted is all the proof there will ever be.
    Unseen,
}

/// Why an agent cools.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cooling {
    /// Was busy.
    Busy,
    /// Refused.
    Declined,
    /// Could not be reached.
    Unreachable,
}

/// What follows an offer that ended without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Then {
    /// Nothing.
    Free,
    /// The block after a call not answered.
    Rona {
        /// Its end.
        until: Mono,
    },
    /// A pause.
    Cooling {
        /// Why.
        kind: Cooling,
        /// Its end.
        until: Mono,
    },
}

impl Task {
    /// When something in this state falls due.
    #[must_use]
    pub fn deadline(&self) -> Option<Mono> {
        if let Self::Offered { ring: Ring::Awaited { until: ring }, until, .. } = self {
            return Some(*ring.min(until));
        }
        self.ends()
    }

    /// When this state ends by itself.
    #[must_use]
    pub const fn ends(&self) -> Option<Mono> {
        match self {
            Self::Reserved { until, .. }
            | Self::Offered { until, .. }
            | Self::WrapUp { until, .. }
            | Self::Rona { until, .. }
            | Self::Cooling { until, .. }
            | Self::Lingering { until, .. } => Some(*until),
            Self::Free { .. } | Self::Connected { .. } | Self::OwnCall { .. } => None,
        }
    }

    /// Since when the agent is in this state.
    #[must_use]
    pub const fn since(&self) -> Mono {
        match self {
            Self::Free { since }
            | Self::OwnCall { since }
            | Self::Reserved { since, .. }
            | Self::Offered { since, .. }
            | Self::Connected { since, .. }
            | Self::WrapUp { since, .. }
            | Self::Rona { since, .. }
            | Self::Cooling { since, .. }
            | Self::Lingering { since, .. } => *since,
        }
    }

    /// The attempt that occupies the agent, over or not.
    #[must_use]
    pub const fn attempt(&self) -> Option<&Attempt> {
        match self {
            Self::Reserved { attempt, .. }
            | Self::Offered { attempt, .. }
            | Self::Connected { attempt, .. }
            | Self::Lingering { attempt, .. } => Some(attempt),
            Self::Free { .. }
            | Self::WrapUp { .. }
            | Self::Rona { .. }
            | Self::Cooling { .. }
            | Self::OwnCall { .. } => None,
        }
    }

    /// The word of the glossary.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Free { .. } => "free",
            Self::Reserved { .. } => "reserved",
            Self::Offered { .. } => "offered",
            Self::Connected { .. } => "connected",
            Self::WrapUp { .. } => "wrap_up",
            Self::Rona { .. } => "rona",
            Self::Cooling { kind: Cooling::Busy, .. } => "cooling_busy",
            Self::Cooling { kind: Cooling::Declined, .. } => "cooling_declined",
            Self::Cooling { kind: Cooling::Unreachable, .. } => "cooling_unreachable",
            Self::OwnCall { .. } => "own_call",
            Self::Lingering { .. } => "lingering",
        }
    }
}
