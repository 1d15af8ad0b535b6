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
