//! The ways on which phones are registered, in order: what a flood is asked about with each of its
//! datagrams must not cost more the more phones there are.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::Binding;
use crate::sip::flow::{Flow, Transport};

/// What has to be the same for a message to come from where a phone has registered.
type Way = (Transport, SocketAddr, Option<u64>);

const fn way(flow: &Flow) -> Way {
    (flow.transport, flow.remote, flow.connection)
}

/// How many bindings there are on each way.
#[derive(Debug, Default)]
pub(super) struct Ways(BTreeMap<Way, usize>);

impl Ways {
    /// The bindings of an account were these, and are those.
    pub(super) fn replace(&mut self, before: &[Binding], after: &[Binding]) {
        for binding in after {
            *self.0.entry(way(&binding.flow)).or_default() += 1;
        }
        for binding in before {
            let way = way(&binding.flow);
            match self.0.get_mut(&way) {
                Some(count) if *count > 1 => *count -= 1,
                Some(_) | None => drop(self.0.remove(&way)),
            }
        }
    }

    /// Whether there is a binding on this way.
    pub(super) fn has(&self, flow: &Flow) -> bool {
        self.0.contains_key(&way(flow))
    }
}
