//! Instants by what they wake, each thing at most once.

use holdfast_base::Mono;
use std::collections::{BTreeMap, BTreeSet};

/// An index of instants. The truth stands in the states; this only finds the next one quickly.
#[derive(Clone, Debug)]
pub struct Timers<K> {
    by_time: BTreeSet<(Mono, K)>,
    by_key: BTreeMap<K, Mono>,
}

impl<K: Ord + Clone> Timers<K> {
    /// No instants.
    pub const fn new() -> Self {
        Self { by_time: BTreeSet::new(), by_key: BTreeMap::new() }
    }

    /// Sets, moves or (with `None`) removes the instant of `key`.
    pub fn set(&mut self, key: K, at: Option<Mono>) {
        let before = match at {
            Some(at) => self.by_key.insert(key.clone(), at),
            None => self.by_key.remove(&key),
        };
        if let Some(before) = before {
            self.by_time.remove(&(before, key.clone()));
        }
        if let Some(at) = at {
            self.by_time.insert((at, key));
        }
    }

    /// Takes out the earliest that is due.
    pub fn pop_due(&mut self, now: Mono) -> Option<K> {
        let (at, _) = self.by_time.first()?;
        if *at > now {
            return None;
        }
        let (_, key) = self.by_time.pop_first()?;
        self.by_key.remove(&key);
        Some(key)
    }

    /// The earliest instant.
    pub fn next(&self) -> Option<Mono> {
        self.by_time.first().map(|(at, _)| *at)
    }

    /// Forgets everything, as a fault would.
    #[cfg(test)]
    pub fn lose(&mut self) {
        self.by_time.clear();
        self.by_key.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::Timers;
    use holdfast_base::Mono;

    #[test]
    fn a_key_has_one_instant_and_the_earliest_due_comes_first() {
        let at = Mono::from_micros;
        let mut timers = Timers::new();
        timers.set("b", Some(at(5)));
        timers.set("a", Some(at(9)));
        timers.set("a", Some(at(5)));
        timers.set("c", Some(at(1)));
        timers.set("c", None);
        assert_eq!(timers.next(), Some(at(5)));
        assert_eq!(timers.pop_due(at(4)), None);
        assert_eq!(timers.pop_due(at(5)), Some("a"));
        assert_eq!(timers.pop_due(at(9)), Some("b"));
        assert_eq!(timers.pop_due(at(9)), None);
        assert_eq!(timers.next(), None);
    }
}
