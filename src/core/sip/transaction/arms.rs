//! Which cells of the state tables were hit: a coverage counter for the simulation.
//!
//! Counting costs nothing without the cargo feature `trace-arms`: the counter is then empty.

#[cfg(feature = "trace-arms")]
use std::collections::BTreeMap;

/// One cell of one state table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Arm {
    /// Name of the machine.
    pub machine: &'static str,
    /// Name of the state it was in.
    pub state: &'static str,
    /// Name of the input it took.
    pub input: &'static str,
}

/// One state table: its machine, the states that it can be found in, and its inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Table {
    /// Name of the machine.
    pub machine: &'static str,
    /// Names of its states.
    pub states: &'static [&'static str],
    /// Names of its inputs.
    pub inputs: &'static [&'static str],
}

/// Every cell there is, so that a simulation can print those that it never hit. A machine that has
/// terminated is forgotten at once; nobody can find it in that state.
pub const TABLES: [Table; 4] = [
    Table {
        machine: "InviteClient",
        states: &["Calling", "Doomed", "Proceeding", "Cancelling", "Completed", "Accepted"],
        inputs: &["Cancel", "Provisional", "Success", "Refusal", "Broken", "DeadlineReached"],
    },
    Table {
        machine: "InviteServer",
        states: &[
            "Fresh",
            "Trying",
            "Proceeding",
            "Accepted",
            "Acknowledged",
            "Completed",
            "Confirmed",
        ],
        inputs: &[
            "Retransmission",
            "Ack",
            "Trying",
            "Provisional",
            "Success",
            "Refusal",
            "Acked",
            "DeadlineReached",
        ],
    },
    Table {
        machine: "RequestClient",
        states: &["Trying", "Proceeding", "Completed"],
        inputs: &["Provisional", "Final", "Broken", "DeadlineReached"],
    },
    Table {
        machine: "RequestServer",
        states: &["Trying", "Proceeding", "Completed"],
        inputs: &["Retransmission", "Final", "Silence", "DeadlineReached"],
    },
];

/// How often each cell was hit since the last look.
#[derive(Debug)]
pub(super) struct Arms {
    #[cfg(feature = "trace-arms")]
    hits: BTreeMap<Arm, u64>,
}

impl Arms {
    pub(super) const fn new() -> Self {
        Self {
            #[cfg(feature = "trace-arms")]
            hits: BTreeMap::new(),
        }
    }

    /// Counts one hit; `arm` is not even computed when nobody counts.
    #[cfg(feature = "trace-arms")]
    pub(super) fn count(&mut self, arm: impl FnOnce() -> Arm) {
        *self.hits.entry(arm()).or_default() += 1;
    }

    /// Nobody counts in this build.
    #[cfg(not(feature = "trace-arms"))]
    pub(super) fn count(&mut self, _arm: impl FnOnce() -> Arm) {}

    /// The counts since the last call.
    #[cfg(feature = "trace-arms")]
    pub(super) fn take(&mut self) -> BTreeMap<Arm, u64> {
        std::mem::take(&mut self.hits)
    }
}
