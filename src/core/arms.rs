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
    /// Names of its inputs, in groups, of which two tables may share one.
    pub inputs: &'static [&'static [&'static str]],
}

/// How often each cell was hit since the last look.
#[derive(Clone, Debug)]
pub(crate) struct Arms {
    #[cfg(feature = "trace-arms")]
    hits: BTreeMap<Arm, u64>,
}

impl Arms {
    pub(crate) const fn new() -> Self {
        Self {
            #[cfg(feature = "trace-arms")]
            hits: BTreeMap::new(),
        }
    }

    /// Counts one hit; `arm` is not even computed when nobody counts.
    #[cfg(feature = "trace-arms")]
    pub(crate) fn count(&mut self, arm: impl FnOnce() -> Arm) {
        *self.hits.entry(arm()).or_default() += 1;
    }

    /// Counts a hit, if it is one.
    #[cfg(feature = "trace-arms")]
    pub(crate) fn count_some(&mut self, arm: impl FnOnce() -> Option<Arm>) {
        if let Some(arm) = arm() {
            self.count(|| arm);
        }
    }

    /// Nobody counts in this build.
    #[cfg(not(feature = "trace-arms"))]
    pub(crate) fn count_some(&mut self, _arm: impl FnOnce() -> Option<Arm>) {}

    /// Nobody counts in this build.
    #[cfg(not(feature = "trace-arms"))]
    pub(crate) fn count(&mut self, _arm: impl FnOnce() -> Arm) {}

    /// The counts since the last call.
    #[cfg(feature = "trace-arms")]
    pub(crate) fn take(&mut self) -> BTreeMap<Arm, u64> {
        std::mem::take(&mut self.hits)
    }
}
