//! The folds of the event log together: what a start takes over from the last run.

use super::cdr::CdrFold;
use super::event::{Cdr, Event};
use super::kpi::KpiFold;

/// The folds, and the last CDRs that came out of them.
#[derive(Clone, Debug, Default)]
pub struct Folds {
    /// Calls that have begun and not ended.
    pub cdr: CdrFold,
    /// The figures of the queues.
    pub kpi: KpiFold,
    /// The last CDRs, newest first.
    pub cdrs: Vec<Cdr>,
}

impl Folds {
    /// Takes the next event of the log; the CDR if it ended a call.
    pub fn apply(&mut self, event: &Event) -> Option<Cdr> {
        // The index keeps what is older than the days that are shown live.
        drop(self.kpi.apply(event));
        self.cdr.apply(event)
    }
}
