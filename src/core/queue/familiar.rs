//! Who talked with which caller last, so that a caller may meet the same person again
//! (QUEUEING.md 2.5, sticky). Only of callers with a telephone number: nobody else is known again.

use holdfast_base::{AgentName, Mono};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::record::event::{DIGITS_OF_A_NUMBER, Subject};

/// Most callers who are remembered; whoever called longest ago is forgotten first.
pub const CALLERS_MAX: usize = 10_000;

/// Who talked with whom.
#[derive(Clone, Debug, Default)]
pub(super) struct Familiar {
    by_caller: BTreeMap<Subject, (AgentName, Mono)>,
    by_time: BTreeSet<(Mono, Subject)>,
}

impl Familiar {
    /// Notes who has talked with a caller. Gives the callers whose record changed.
    pub(super) fn note(&mut self, caller: &Subject, agent: AgentName, at: Mono) -> Vec<Subject> {
        if !is_a_number(caller) {
            return Vec::new();
        }
        let mut changed = vec![caller.clone()];
        if let Some((_, before)) = self.by_caller.insert(caller.clone(), (agent, at)) {
            self.by_time.remove(&(before, caller.clone()));
        }
        self.by_time.insert((at, caller.clone()));
        if self.by_caller.len() > CALLERS_MAX
            && let Some((_, oldest)) = self.by_time.pop_first()
        {
            self.by_caller.remove(&oldest);
            changed.push(oldest);
        }
        changed
    }

    /// Forgets whoever talked before that. Gives the callers who are forgotten.
    pub(super) fn forget_before(&mut self, time: Mono) -> Vec<Subject> {
        let mut forgotten = Vec::new();
        while self.by_time.first().is_some_and(|(at, _)| *at < time)
            && let Some((_, caller)) = self.by_time.pop_first()
        {
            self.by_caller.remove(&caller);
            forgotten.push(caller);
        }
        forgotten
    }

    /// Who talked with this caller, and when that was.
    pub(super) fn of(&self, caller: &Subject) -> Option<&(AgentName, Mono)> {
        self.by_caller.get(caller)
    }

    /// Who talked with this caller within so long.
    pub(super) fn within(&self, caller: &Subject, time: Duration, now: Mono) -> Option<&AgentName> {
        let (agent, at) = self.of(caller)?;
        (now.since(*at) <= time).then_some(agent)
    }
}

/// Many callers share the name of those who withhold their number.
fn is_a_number(caller: &Subject) -> bool {
    caller.0.bytes().filter(u8::is_ascii_digit).count() >= DIGITS_OF_A_NUMBER
}

#[cfg(test)]
mod tests {
    use super::{CALLERS_MAX, Familiar};
    use crate::record::event::Subject;
    use holdfast_base::{AgentName, Mono};
    use std::time::Duration;

    #[test]
    fn the_last_one_counts_and_the_oldest_is_forgotten() {
        let mut familiar = Familiar::default();
        let (anna, ben) = (AgentName::new("anna"), AgentName::new("ben"));
        let caller = |number: u64| Subject(format!("+4930{number}"));
        let at = Mono::from_micros;
        assert_eq!(familiar.note(&Subject("anonymous".into()), anna.clone(), at(0)), []);
        familiar.note(&caller(100_000), anna.clone(), at(0));
        familiar.note(&caller(100_000), ben.clone(), at(10));
        let hour = Duration::from_micros(5);
        assert_eq!(familiar.within(&caller(100_000), hour, at(15)), Some(&ben));
        assert_eq!(familiar.within(&caller(100_000), hour, at(16)), None);
        for number in 1..u64::try_from(CALLERS_MAX).unwrap() {
            assert_eq!(familiar.note(&caller(100_000 + number), anna.clone(), at(20)).len(), 1);
        }
        let changed = familiar.note(&caller(999_999), anna, at(21));
        assert_eq!(changed, [caller(999_999), caller(100_000)]);
        assert_eq!(familiar.of(&caller(100_000)), None);
        assert_eq!(familiar.by_time.len(), CALLERS_MAX);
        assert_eq!(familiar.forget_before(at(21)).len(), CALLERS_MAX - 1);
        assert_eq!(familiar.forget_before(at(22)), [caller(999_999)]);
    }
}
