//! A queue leads its caller on to somebody else, who is called while the caller goes on hearing
//! what it heard; one who was not answered yet hears what the other side rings with, and pays for
//! nothing before that side answers.
//!
//! The queue keeps the list of places. This is one of them at a time: that it answered, or why it
//! did not, is all that the queue hears, and what comes next is the queue's to say.
//!
//! ```text
//!   Queued ──CallOn──> LedOn ──answered──> Talking
//!      ^                 │ refused, silent, lost in a restart: the queue says what comes next
//!      └── Moved ────────┼── CallOn ──> LedOn
//!                        └── Announce, End ──> Announcing, Ending
//! ```

use holdfast_base::{AgentName, ContactId, LegId, Mono};
use serde::{Deserialize, Serialize};
use std::time::Duration;

use super::callee::Callee;
use super::ending::telling;
use super::io::{Desk, Output, Target};
use super::origin::Origin;
use super::{Call, State, TARGETS_MAX};
use crate::media::order::Source;
use crate::queue::{Input, OnwardNews};
use crate::record::event::{LegEnd, NotLedOn};

/// Somebody is called for a caller whom a queue leads on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct LedOn {
    contact: ContactId,
    /// What the caller hears who was answered before.
    treatment: Source,
    give_up: Mono,
    rings_for: Duration,
    ended: Ended,
    /// Who was busy with this call before.
    busy_before: Vec<AgentName>,
}

/// How the legs have ended that did.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
enum Ended {
    None,
    /// With the process: nobody has said no.
    Lost,
    /// What says most, and as which status it counts.
    Failed(NotLedOn, Option<u16>),
}

/// Whom a queue has called for a caller whom it leads on.
#[derive(Clone, Debug)]
pub struct Onward {
    /// Where that one can be reached now; none is nowhere.
    pub targets: Vec<Target>,
    /// How long it may ring.
    pub rings_for: Duration,
    /// The agent whose phone it is.
    pub agent: Option<AgentName>,
}

impl LedOn {
    /// Until when somebody may answer.
    pub(super) const fn give_up(&self) -> Mono {
        self.give_up
    }

    /// The contact that is led on.
    pub(super) const fn contact(&self) -> ContactId {
        self.contact
    }

    /// What the caller hears who was answered before.
    pub(super) const fn treatment(&self) -> &Source {
        &self.treatment
    }

    /// The same, to begin it anew.
    pub(super) const fn treatment_mut(&mut self) -> &mut Source {
        &mut self.treatment
    }
}

impl Call {
    /// Calls somebody for the caller.
    pub(super) fn call_on(&mut self, onward: Onward, desk: &mut Desk<'_>) {
        let Onward { targets, rings_for, agent } = onward;
        let (contact, treatment, busy_before) = match &self.state {
            State::Queued { contact, queue: _, treatment, offers: _ } => {
                (*contact, treatment.clone(), self.own_call_of.clone())
            }
            State::LedOn(led) => (led.contact, led.treatment.clone(), led.busy_before.clone()),
            State::Dialling { .. }
            | State::Announcing { .. }
            | State::Talking { .. }
            | State::Transferring(_)
            | State::Ending { .. }
            | State::Over => return,
        };
        self.own_call_of = busy_before.iter().cloned().chain(agent).collect();
        self.state = State::LedOn(Box::new(LedOn {
            contact,
            treatment,
            give_up: desk.now.mono + rings_for,
            rings_for,
            ended: Ended::None,
            busy_before,
        }));
        let (from, proposal) = (self.caller_name(), self.proposal_for_agent(desk));
        let mut called = false;
        // Whoever calls is not called on the same phone.
        let itself = |target: &&Target| {
            target.account.is_some() && Origin::of(target) == *self.caller.origin()
        };
        let targets: Vec<&Target> = targets.iter().filter(|target| !itself(target)).collect();
        for target in targets.into_iter().take(TARGETS_MAX) {
            called |= self.call_out(target, &from, &proposal, None, desk);
        }
        if !called {
            self.tell_how_it_went(OnwardNews::Failed(NotLedOn::Unreachable), desk);
        }
    }

    /// Somebody has answered.
    pub(super) fn onward_answered(&mut self, id: LegId, desk: &mut Desk<'_>) {
        self.tell_how_it_went(OnwardNews::Answered, desk);
        self.join(id, None, desk);
    }

    /// A leg is over; the last one tells the queue. Legs of offers are the queue's own affair.
    pub(super) fn onward_ended(&mut self, id: LegId, why: LegEnd, desk: &mut Desk<'_>) {
        let is_phone = self.is_to_phone(id);
        let onward = |callee: &&Callee| callee.offer.is_none() && callee.is_wanted();
        let others = self.callees.values().filter(onward).any(|callee| callee.leg.id() != id);
        let State::LedOn(led) = &mut self.state else { return };
        led.ended = match (led.ended, why) {
            (Ended::None | Ended::Lost, LegEnd::LostInCrash) => Ended::Lost,
            (Ended::None | Ended::Lost, why) => {
                Ended::Failed(NotLedOn::by(why), telling(None, why, is_phone))
            }
            (Ended::Failed(most, before), why) => match telling(before, why, is_phone) {
                status if status == before => Ended::Failed(most, before),
                status => Ended::Failed(NotLedOn::by(why), status),
            },
        };
        if others {
            return;
        }
        let news = match led.ended {
            Ended::Lost => OnwardNews::Lost,
            Ended::Failed(why, _) => OnwardNews::Failed(why),
            Ended::None => OnwardNews::Failed(NotLedOn::Unreachable),
        };
        self.tell_how_it_went(news, desk);
    }

    /// Nobody has answered in time.
    pub(super) fn onward_timed_out(&mut self, desk: &mut Desk<'_>) {
        for callee in self.callees.values_mut() {
            callee.forgo(); // its end must not weigh with the next one
            callee.leg.hang_up(LegEnd::NoAnswer, desk);
        }
        self.tell_how_it_went(OnwardNews::Failed(NotLedOn::NoAnswer), desk);
    }

    /// Whether this leg leads to somebody who is called for a caller that is led on.
    pub(super) fn is_called_on(&self, leg: LegId) -> bool {
        let callee = self.callees.get(&leg);
        matches!(self.state, State::LedOn(_)) && callee.is_some_and(|it| it.offer.is_none())
    }

    fn tell_how_it_went(&mut self, news: OnwardNews, desk: &mut Desk<'_>) {
        let State::LedOn(led) = &mut self.state else { return };
        // The queue answers in this very step; no deadline of this one is left.
        led.give_up = desk.now.mono + led.rings_for;
        let (contact, call) = (led.contact, self.id);
        desk.out.push(Output::Queue(Input::Onward { contact, call, news }));
    }

    /// Nobody is called any more: who was busy with that is so no more.
    pub(super) fn no_longer_led_on(&mut self) {
        if let State::LedOn(led) = &self.state {
            self.own_call_of = led.busy_before.clone();
        }
    }
}
