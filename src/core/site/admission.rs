//! Which new calls the box and its trunks take: limits of calls at once, of bandwidth and of new
//! calls in a second, none while the loop is late, and how an emergency call gets past all of them.
//!
//! Who is refused is told when to come back (503 with Retry-After) and gets no call and no record:
//! under a flood those would be the flood. The refusals are counted.

use holdfast_base::limits::CALLS_MAX;
use holdfast_base::{Now, TrunkName};
use holdfast_config::Config;
use holdfast_wire::sip::{Request, Status};
use std::collections::BTreeMap;
use std::time::Duration;

use super::{Site, Step};
use crate::bandwidth::BitRate;
use crate::call::Call;
use crate::call::io::Input;
use crate::call::origin::Origin;
use crate::call::words;
use crate::load::Change;
use crate::rate::PerSecond;
use crate::record::event::EndedBy;
use crate::routing::decide::emergency_number;
use crate::routing::numbering::Number;
use crate::routing::uri::dialled;
use crate::sip::transaction::{ServerKey, derived_tag};

/// Most calls that one emergency call ends. One of its own codec is enough; of the cheapest codec
/// it takes about four to make room for the dearest.
const PREEMPTED_MAX: usize = 8;
/// Seconds until a refused caller may try again.
const RETRY_AFTER_S: u32 = 5;

/// The new calls of the present second. There are as many trunks as the configuration names.
#[derive(Debug, Default)]
pub(super) struct Rates {
    all: PerSecond,
    trunks: BTreeMap<TrunkName, PerSecond>,
}

impl Rates {
    /// Of trunks that are gone nothing is counted any more.
    pub(super) fn configured(&mut self, config: &Config) {
        self.trunks.retain(|name, _| config.trunk(name).is_some());
    }
}

/// What a new call asks of the lines.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asks<'a> {
    /// The trunk that it comes in over and that does not count it yet.
    pub(super) from: Option<&'a TrunkName>,
    /// What each of its legs may take.
    pub(super) rate: BitRate,
}

impl Asks<'_> {
    /// On this trunk, when it goes out there.
    fn out_over(self, name: &TrunkName) -> BitRate {
        let came = if self.from == Some(name) { self.rate } else { BitRate::NONE };
        came + self.rate
    }
}

impl Site {
    /// Whether a new call is taken from there now.
    pub(super) fn admits(&mut self, now: Now, origin: &Origin, asks: Asks<'_>) -> bool {
        let most = self.config.sip.calls_max;
        if self.load.refuses() {
            self.ledger.totals.calls_refused_late += 1;
            return false;
        }
        let room = self.calls.len() < CALLS_MAX && below(self.calls.len(), most);
        let line = match origin {
            Origin::Trunk(name) => !self.is_full(name) && self.carries(Some(name), asks.rate),
            Origin::Account(_) | Origin::Guest => true,
        };
        room && line && self.carries(None, asks.rate) && self.keeps_pace(now, origin)
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
    pub(super) fn with_room(
        &mut self,
        now: Now,
        mut trunks: Vec<TrunkName>,
        asks: Asks<'_>,
    ) -> Vec<TrunkName> {
        trunks.retain(|trunk| self.has_room(trunk, asks));
        let first = trunks.iter().position(|trunk| self.is_in_time(now, trunk));
        trunks.split_off(first.unwrap_or(trunks.len()))
    }

    fn has_room(&self, name: &TrunkName, asks: Asks<'_>) -> bool {
        let here = self.carries(Some(name), asks.out_over(name));
        // In all it is two legs; one of them may be counted already.
        let both = if asks.from.is_some() { asks.rate + asks.rate } else { asks.rate };
        !self.is_full(name) && here && self.carries(None, both)
    }

    /// Whether as many calls as a trunk may carry come from it or go to it.
    pub(super) fn is_full(&self, name: &TrunkName) -> bool {
        let most = self.config.trunk(name).map_or(0, |trunk| trunk.calls_max);
        most > 0 && !below(self.calls.values().map(|call| call.lines_of(name)).sum(), most)
    }

    /// Whether so much more fits into the bandwidth of a trunk, or of all where none is named.
    fn carries(&self, name: Option<&TrunkName>, more: BitRate) -> bool {
        let most = match name {
            Some(name) => self.config.trunk(name).map_or(0, |trunk| trunk.max_bandwidth),
            None => self.config.sip.max_bandwidth,
        };
        most == 0 || self.bit_rate_on(name) + more <= BitRate::kilobits(most)
    }

    /// What the calls of a trunk take now, or all where none is named. It is not kept anywhere: it
    /// follows from what is offered and agreed on each leg.
    pub(super) fn bit_rate_on(&self, name: Option<&TrunkName>) -> BitRate {
        self.calls.values().map(|call| call.bit_rate_on(name)).sum()
    }

    fn is_in_time(&mut self, now: Now, name: &TrunkName) -> bool {
        let most = self.config.trunk(name).map_or(0, |trunk| trunk.calls_per_second);
        most == 0 || in_time(self.rates.trunks.entry(name.clone()).or_default(), now, most)
    }

    /// Those with room first; when there is none, it is made.
    pub(super) fn lines_for_emergency(
        &mut self,
        now: Now,
        (trunks, asks): (&[TrunkName], Asks<'_>),
        step: &mut Step,
    ) -> Vec<TrunkName> {
        self.end_test_calls(step);
        let (mut free, full): (Vec<_>, Vec<_>) =
            trunks.iter().cloned().partition(|trunk| self.has_room(trunk, asks));
        let living = full.iter().find(|trunk| self.peers.is_up(trunk)).or(full.first()).cloned();
        if let (true, Some(trunk)) = (free.is_empty(), living) {
            self.make_room(now, &trunk, asks, step);
        }
        free.extend(full);
        free
    }

    /// Ends calls for an emergency until it fits: those of the trunk while that has no room, then
    /// any that take from the bandwidth of all.
    fn make_room(&mut self, now: Now, trunk: &TrunkName, asks: Asks<'_>, step: &mut Step) {
        for _ in 0..PREEMPTED_MAX {
            let full = self.is_full(trunk) || !self.carries(Some(trunk), asks.out_over(trunk));
            let on = full.then_some(trunk);
            if self.has_room(trunk, asks) || !self.end_least(now, on, step) {
                return;
            }
        }
    }

    /// Ends one call on this trunk, or anywhere: the newest that nobody talks in, else the newest
    /// of all, never another emergency call. False when there is none.
    pub(super) fn end_least(&mut self, now: Now, on: Option<&TrunkName>, step: &mut Step) -> bool {
        let takes = |call: &&Call| match on {
            Some(trunk) => call.lines_of(trunk) > 0,
            None => call.bit_rate_on(None) > BitRate::NONE,
        };
        let least = self.calls.values().filter(takes).filter(|call| !call.is_emergency());
        let least = least.max_by_key(|call| (!call.is_talking(), call.id()));
        let Some(call) = least.map(Call::id) else { return false };
        // At once, so that its BYE or CANCEL is out before the new INVITE.
        self.step_call(now, call, Input::HangUp { by: EndedBy::Preempted }, step);
        true
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
