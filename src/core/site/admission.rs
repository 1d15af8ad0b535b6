//! Which new calls the box and its trunks take: limits of calls at once and of new calls in a
//! second, none while the loop is late, and how a call to an emergency number gets past all of them.
//!
//! Who is refused is told when to come back (503 with Retry-After) and gets no call and no record:
//! under a flood those would be the flood. The refusals are counted.

use holdfast_base::limits::CALLS_MAX;
use holdfast_base::{CallId, Now, TrunkName};
use holdfast_wire::sip::{Request, Status};
use std::collections::BTreeMap;
use std::time::Duration;

use super::arrivals::dialled;
use super::{Site, Step};
use crate::call::io::Input;
use crate::call::origin::Origin;
use crate::call::words;
use crate::load::Change;
use crate::rate::PerSecond;
use crate::record::event::EndedBy;
use crate::routing::decide::emergency_number;
use crate::routing::numbering::Number;
use crate::sip::transaction::{ServerKey, derived_tag};

/// Seconds until a refused caller may try again.
const RETRY_AFTER_S: u32 = 5;

/// The new calls of the present second. There are as many trunks as the configuration names.
#[derive(Debug, Default)]
pub(super) struct Rates {
    all: PerSecond,
    trunks: BTreeMap<TrunkName, PerSecond>,
}

impl Site {
    /// Whether a new call is taken from there now.
    pub(super) fn admits(&mut self, now: Now, origin: &Origin) -> bool {
        let most = self.config.sip.calls_max;
        if self.load.refuses() {
            self.ledger.totals.calls_refused_late += 1;
            return false;
        }
        let room = self.calls.len() < CALLS_MAX && below(self.calls.len(), most);
        let line = match origin {
            Origin::Trunk(name) => !self.is_full(name),
            Origin::Account(_) | Origin::Guest => true,
        };
        room && line && self.keeps_pace(now, origin)
    }

    /// Whether not too many INVITEs came in this second.
    pub(super) fn keeps_pace(&mut self, now: Now, origin: &Origin) -> bool {
        let rate = self.config.sip.calls_per_second;
        in_time(&mut self.rates.all, now, rate)
            && match origin {
                Origin::Trunk(name) => self.is_in_time(now, name),
                Origin::Account(_) | Origin::Guest => true,
            }
    }

    /// Those of the trunks that take a call now, in their order; the first of them gets it.
    pub(super) fn with_room(&mut self, now: Now, mut trunks: Vec<TrunkName>) -> Vec<TrunkName> {
        trunks.retain(|trunk| !self.is_full(trunk));
        let first = trunks.iter().position(|trunk| self.is_in_time(now, trunk));
        trunks.split_off(first.unwrap_or(trunks.len()))
    }

    /// Whether as many calls as a trunk may carry come from it or go to it.
    pub(super) fn is_full(&self, name: &TrunkName) -> bool {
        let most = self.config.trunk(name).map_or(0, |trunk| trunk.calls_max);
        most > 0 && !below(self.calls.values().map(|call| call.lines_of(name)).sum(), most)
    }

    fn is_in_time(&mut self, now: Now, name: &TrunkName) -> bool {
        let most = self.config.trunk(name).map_or(0, |trunk| trunk.calls_per_second);
        most == 0 || in_time(self.rates.trunks.entry(name.clone()).or_default(), now, most)
    }

    /// Ends one call on this trunk for an emergency: the newest that nobody talks in, else the
    /// newest of all, never another emergency call.
    pub(super) fn make_room(&mut self, now: Now, trunk: &TrunkName, step: &mut Step) {
        let on_it = self.calls.values().filter(|call| call.lines_of(trunk) > 0);
        let least = on_it.filter(|call| !call.is_emergency());
        let least = least.max_by_key(|call| (!call.is_talking(), call.id()));
        let least: Option<CallId> = least.map(crate::call::Call::id);
        if let Some(call) = least {
            // At once, so that its BYE or CANCEL is out before the new INVITE.
            self.step_call(now, call, Input::HangUp { by: EndedBy::Preempted }, step);
        }
    }

    /// Whether the loop keeps up so badly that this new call is refused before it costs anything. A
    /// call that may be one to an emergency number is looked at more closely.
    pub(super) fn is_too_late_for(&self, invite: &Request) -> bool {
        let dialled = || Number::read(&self.config.dial_plan, &dialled(&invite.uri));
        self.load.refuses() && emergency_number(&self.config, &dialled()).is_none()
    }

    /// An input whose turn has come has waited for so long since it reached the box.
    pub fn kept_waiting(&mut self, now: Now, wait: Duration) -> Change {
        self.load.waited(now.mono, wait)
    }

    /// Time has passed: the box may be at ease again.
    pub fn look_at_load(&mut self, now: Now) -> Change {
        self.load.turn(now.mono)
    }

    /// Refuses an INVITE without a transaction (RFC 3261 §8.2.7): it may come again and is
    /// answered again, and nothing of it is remembered.
    pub(super) fn too_late(&mut self, now: Now, key: ServerKey, invite: &Request, step: &mut Step) {
        self.ledger.totals.calls_refused += 1;
        self.ledger.totals.calls_refused_late += 1;
        let mut answer = words::later(invite, Status::SERVICE_UNAVAILABLE, RETRY_AFTER_S);
        answer.tag_to(&derived_tag(invite));
        self.answer_and_forget(now, key, &answer, step);
    }

    /// Refuses an INVITE for some seconds.
    pub(super) fn not_now(&mut self, now: Now, key: ServerKey, invite: &Request, step: &mut Step) {
        self.ledger.totals.calls_refused += 1;
        let answer = words::later(invite, Status::SERVICE_UNAVAILABLE, RETRY_AFTER_S);
        self.answer(now, key, answer, step);
    }
}

fn below(used: usize, most: u32) -> bool {
    most == 0 || used < usize::try_from(most).unwrap_or(usize::MAX)
}

fn in_time(rate: &mut PerSecond, now: Now, most: u32) -> bool {
    most == 0 || rate.permits(now.mono, most)
}
