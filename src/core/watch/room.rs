//! How many subscriptions there may be: in all, of one account, and of one account to one name.

use holdfast_base::EndpointName;
use std::collections::BTreeMap;

use super::Watched;

/// Most subscriptions of all.
pub(super) const ALL_MAX: usize = 5_000;
/// Most subscriptions of one account: the lamps of its phones with all their extension modules.
pub(super) const OF_ONE_MAX: usize = 200;
/// Most of one account to one name, each of which is told of every change: the lamp and the list of
/// some phones with one account, twice, since a phone that restarts subscribes anew.
pub(super) const OF_ONE_TO_ONE_MAX: usize = 20;

/// Who holds how many.
#[derive(Debug, Default)]
pub(super) struct Room {
    all: usize,
    of: BTreeMap<EndpointName, Held>,
}

/// What one account holds.
#[derive(Debug, Default)]
struct Held {
    all: usize,
    to: BTreeMap<Watched, usize>,
}

impl Room {
    /// Whether one more may begin.
    pub(super) fn is_there(&self, by: &EndpointName, watched: &Watched) -> bool {
        let (all, to) = match self.of.get(by) {
            Some(held) => (held.all, held.to.get(watched).copied().unwrap_or(0)),
            None => (0, 0),
        };
        self.all < ALL_MAX && all < OF_ONE_MAX && to < OF_ONE_TO_ONE_MAX
    }

    /// One has begun.
    pub(super) fn take(&mut self, by: &EndpointName, watched: &Watched) {
        self.all += 1;
        let held = self.of.entry(by.clone()).or_default();
        held.all += 1;
        *held.to.entry(watched.clone()).or_default() += 1;
    }

    /// One is over.
    pub(super) fn leave(&mut self, by: &EndpointName, watched: &Watched) {
        let Some(held) = self.of.get_mut(by) else { return };
        let Some(to) = held.to.get_mut(watched) else { return };
        *to -= 1;
        if *to == 0 {
            held.to.remove(watched);
        }
        held.all -= 1;
        if held.all == 0 {
            self.of.remove(by);
        }
        self.all -= 1;
    }
}
