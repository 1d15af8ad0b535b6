//! Phones that register again from elsewhere: over a new connection, or where a NAT has moved them.
//!
//! It is the same phone when its Contact or its instance (RFC 5626 §4.1) is. A phone whose
//! connection broke is remembered until its registration would have ended: it comes back over
//! another one, and its calls with it.

use holdfast_base::limits::BINDINGS_PER_ACCOUNT_MAX;
use holdfast_base::{EndpointName, Mono};
use std::collections::BTreeMap;

use super::Binding;
use crate::sip::flow::Flow;

/// A phone has gone from one way to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved {
    /// Where it was.
    pub from: Flow,
    /// Where it is.
    pub to: Flow,
}

/// Phones whose connection broke, of each account the last ones.
#[derive(Debug, Default)]
pub(super) struct Departed(BTreeMap<EndpointName, Vec<Binding>>);

impl Departed {
    /// These phones can not be reached any more.
    pub(super) fn leave(&mut self, account: &EndpointName, bindings: Vec<Binding>) {
        let known = self.0.entry(account.clone()).or_default();
        known.extend(bindings);
        let more = known.len().saturating_sub(BINDINGS_PER_ACCOUNT_MAX);
        known.drain(..more);
    }

    /// Which phones of the account have moved, now that its bindings were `before` and are `after`.
    /// Whoever is back is forgotten here.
    pub(super) fn moves(
        &mut self,
        now: Mono,
        account: &EndpointName,
        before: &[Binding],
        after: &[Binding],
    ) -> Vec<Moved> {
        let mut departed = self.0.remove(account).unwrap_or_default();
        departed.retain(|binding| binding.expires > now);
        let mut moves: Vec<Moved> = Vec::new();
        for new in after {
            let same = |old: &&Binding| is_same_phone(old, new) && old.flow != new.flow;
            for old in before.iter().chain(&departed).filter(same) {
                let moved = Moved { from: old.flow, to: new.flow };
                if !moves.contains(&moved) {
                    moves.push(moved);
                }
            }
        }
        departed.retain(|old| !after.iter().any(|new| is_same_phone(old, new)));
        if !departed.is_empty() {
            self.0.insert(account.clone(), departed);
        }
        moves
    }
}

/// Whether the two are of one phone.
pub(super) fn is_same_phone(one: &Binding, other: &Binding) -> bool {
    let instance = one.instance.is_some() && one.instance == other.instance;
    instance || one.contact.same_as(&other.contact)
}
