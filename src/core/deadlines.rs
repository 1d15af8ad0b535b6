//! Deadlines of many, soonest first: no step looks at all of them.

use holdfast_base::Mono;
use std::collections::{BTreeMap, BTreeSet};

/// At most one deadline for each of them.
#[derive(Debug)]
pub(crate) struct Deadlines<K> {
    soonest: BTreeSet<(Mono, K)>,
    of: BTreeMap<K, Mono>,
}

impl<K> Default for Deadlines<K> {
    fn default() -> Self {
        Self { soonest: BTreeSet::new(), of: BTreeMap::new() }
    }
}

impl<K: Ord + Clone> Deadlines<K> {
    /// Its deadline from now on; none when nothing is due.
    pub(crate) fn set(&mut self, one: K, deadline: Option<Mono>) {
        let before = match deadline {
            Some(deadline) => self.of.insert(one.clone(), deadline),
            None => self.of.remove(&one),
        };
        if let Some(before) = before {
            self.soonest.remove(&(before, one.clone()));
        }
        if let Some(deadline) = deadline {
            self.soonest.insert((deadline, one));
        }
    }

    /// The soonest of all.
    pub(crate) fn next(&self) -> Option<Mono> {
        self.soonest.first().map(|(deadline, _)| *deadline)
    }

    /// Whose deadline has come.
    pub(crate) fn due(&self, now: Mono) -> impl Iterator<Item = K> {
        let due = self.soonest.iter().take_while(move |(deadline, _)| *deadline <= now);
        due.map(|(_, one)| one.clone())
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
