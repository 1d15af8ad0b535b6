//! The deadlines of many machines, earliest first.

use holdfast_base::Mono;
use std::collections::BTreeSet;

/// When which machine wants to be woken. A machine has one alarm at most.
#[derive(Debug)]
pub(super) struct Alarms<K>(BTreeSet<(Mono, K)>);

impl<K: Copy + Ord> Alarms<K> {
    pub(super) const fn new() -> Self {
        Self(BTreeSet::new())
    }

    /// Moves the alarm of `key` from `armed`, which then holds the new time.
    pub(super) fn set(&mut self, key: K, armed: &mut Option<Mono>, deadline: Option<Mono>) {
        if *armed == deadline {
            return;
        }
        if let Some(before) = *armed {
            self.0.remove(&(before, key));
        }
        if let Some(deadline) = deadline {
            self.0.insert((deadline, key));
        }
        *armed = deadline;
    }

    /// The earliest alarm.
    pub(super) fn next(&self) -> Option<Mono> {
        self.0.first().map(|(when, _)| *when)
    }

    /// Who is due now, each once; alarms set while these are served wait for the next call.
    pub(super) fn due(&self, now: Mono) -> Vec<K> {
        self.0.iter().take_while(|(when, _)| *when <= now).map(|(_, key)| *key).collect()
    }
}
