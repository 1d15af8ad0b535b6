//! The deadlines of calls, soonest first: no step looks at every call.

use holdfast_base::{CallId, Mono};
use std::collections::{BTreeMap, BTreeSet};

/// At most one deadline for each call.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    soonest: BTreeSet<(Mono, CallId)>,
    of: BTreeMap<CallId, Mono>,
}

impl Deadlines {
    /// The call's deadline from now on; none when nothing is due.
    pub(super) fn set(&mut self, call: CallId, deadline: Option<Mono>) {
        let before = match deadline {
            Some(deadline) => self.of.insert(call, deadline),
            None => self.of.remove(&call),
        };
        if let Some(before) = before {
            self.soonest.remove(&(before, call));
        }
        if let Some(deadline) = deadline {
            self.soonest.insert((deadline, call));
        }
    }

    /// The soonest of all.
    pub(super) fn next(&self) -> Option<Mono> {
        self.soonest.first().map(|(deadline, _)| *deadline)
    }

    /// The calls whose deadline has come.
    pub(super) fn due(&self, now: Mono) -> impl Iterator<Item = CallId> {
        let due = self.soonest.iter().take_while(move |(deadline, _)| *deadline <= now);
        due.map(|(_, call)| *call)
    }
}

#[cfg(test)]
mod tests {
    use super::Deadlines;
    use holdfast_base::{CallId, Mono};

    #[test]
    fn a_call_has_one_deadline_and_the_soonest_comes_first() {
        let mut deadlines = Deadlines::default();
        let at = Mono::from_micros;
        deadlines.set(CallId(1), Some(at(30)));
        deadlines.set(CallId(2), Some(at(20)));
        deadlines.set(CallId(1), Some(at(10)));
        assert_eq!(deadlines.next(), Some(at(10)));
        assert_eq!(deadlines.due(at(20)).collect::<Vec<_>>(), [CallId(1), CallId(2)]);
        deadlines.set(CallId(1), None);
        assert_eq!(deadlines.due(at(30)).collect::<Vec<_>>(), [CallId(2)]);
    }
}
