//! Transfer: a party asks by REFER that the other one talk to somebody else.
//!
//! The box carries it out itself and relays nothing: to the party that stays it is one call, in
//! which it hears music until somebody else answers. Whoever stays has the place of the caller
//! from then on, so that everything that follows is as in any call.
//!
//! ```text
//!              REFER                     target answers
//!   Talking ──────────> Transferring ──────────────────────> Talking (the transferor gets BYE)
//!      ^                  │   │    └── a queue takes it ────> Queued
//!      │  target refuses  │   │ the transferor hangs up: goes on without it
//!      └──────────────────┘   v target refuses
//!                        back to its queue at its old rank; without one: sorry, then the end
//! ```
//!
//! A restart cancels the call to the target, as it does with every leg that has no answer yet, and
//! the end of that leg ends the transfer as any refusal does.

mod join;
mod queue;
mod replaced;
mod seats;
mod words;

pub use replaced::Replacement;
pub(super) use seats::Stays;
pub use words::{Agents, Referral, Way};

use holdfast_base::{ContactId, LegId, Mono, QueueName};
use holdfast_wire::sdp::Direction;
use holdfast_wire::sip::{Header, Request, Status, Uri};
use serde::{Deserialize, Serialize};

use super::audio::{own_formats, with_g711};
use super::callee::Callee;
use super::ending::{forwarded, telling};
use super::io::{Before, Desk, Output, Target};
use super::leg::{Leg, Subscription};
use super::{Call, QueuePart, State, TARGETS_MAX};
use crate::offer_answer::{Proposal, Session};
use crate::queue::{Departure, Input};
use crate::record::event::{Fact, LegEnd, Subject, TransferKind, TransferOutcome};
use crate::sip::refer::{self, Refused};
use crate::sip::transaction::ServerKey;
use seats::Seat;
use words::Busy;

/// A transfer that goes on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Transfer {
    by: Transferor,
    /// Who that is, and whom the other party shall talk to.
    asked: (Subject, Subject),
    goal: Goal,
    notices: Option<Subscription>,
    /// Goes into INVITEs, none of which outlives the process.
    #[serde(skip)]
    carried: Vec<Header>,
    give_up: Mono,
    refused: Option<u16>,
    busy: Busy,
}

/// Who asked for it.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum Transferor {
    /// Waits for the outcome on this leg, in silence.
    Waiting { leg: LegId, part: Option<QueuePart>, seat: Seat },
    /// Has hung up. If a queue had joined the parties, the one that is left goes back there.
    Gone { queue: Option<QueueName> },
}

/// Where the party shall go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Goal {
    /// To whoever answers.
    Phones,
    /// To this party of another call, in the very step.
    Party(Subject),
    /// Into a queue, as this contact.
    Queue { contact: ContactId, queue: QueueName },
}

impl Transfer {
    /// Until when the target may answer.
    pub(super) const fn give_up(&self) -> Mono {
        self.give_up
    }

    /// The queue's part in the conversation, which ends with the transferor's.
    pub(super) const fn part(&self) -> Option<&QueuePart> {
        match &self.by {
            Transferor::Waiting { part: Some(part), .. } => Some(part),
            Transferor::Waiting { part: None, .. } | Transferor::Gone { .. } => None,
        }
    }

    fn is_by(&self, leg: LegId) -> bool {
        match self.by {
            Transferor::Waiting { leg: own, .. } => own == leg,
            Transferor::Gone { .. } => false,
        }
    }

    /// Numbers a NOTIFY anew whose transferor has hung up.
    pub(super) fn number_again(&mut self, request: &mut Request) -> bool {
        self.notices.as_mut().is_some_and(|notices| notices.number_again(request))
    }

    /// What goes into the INVITEs to the target.
    pub(super) fn carried(&self) -> &[Header] {
        &self.carried
    }
}

impl Call {
    /// A REFER inside of a dialog of the call.
    pub(super) fn refer(
        &mut self,
        leg: LegId,
        key: ServerKey,
        request: Request,
        desk: &mut Desk<'_>,
    ) {
        let Some(party) = self.leg_mut(leg) else { return };
        if !party.admits_refer(key, &request, desk) {
            return;
        }
        let in_time = party.refers_in_time(desk.now.mono);
        let wish = self.may_transfer(leg).and_then(|()| refer::read(&request));
        match wish {
            Ok(_) if !in_time => {
                let response = crate::call::words::too_early(&request);
                desk.out.push(Output::Respond { key, response, gated: false });
            }
            Ok(wish) => {
                let referral = Referral { leg, key, request, wish };
                desk.out.push(Output::Referred(Box::new(referral)));
            }
            Err(refused) => {
                let response = refused.response(&request);
                desk.out.push(Output::Respond { key, response, gated: false });
            }
        }
    }

    fn may_transfer(&self, leg: LegId) -> Result<(), Refused> {
        match &self.state {
            State::Talking { with, .. } if *with == leg || self.caller.id() == leg => {
                // RFC 7332 §3: a call that is led on and on ends some time.
                let hop = self.hops > 0;
                hop.then_some(()).ok_or(Refused(Status::FORBIDDEN, "Led On Too Often"))
            }
            State::Transferring(_) => {
                Err(Refused(Status::REQUEST_PENDING, "A Transfer Is Under Way"))
            }
            State::Talking { .. }
            | State::Dialling { .. }
            | State::Queued { .. }
            | State::Announcing { .. }
            | State::LedOn(_)
            | State::Ending { .. }
            | State::Over => Err(Refused(Status::FORBIDDEN, "Nobody To Transfer")),
        }
    }

    /// Whether this leg leads to the target of a transfer.
    pub(super) fn is_target(&self, leg: LegId) -> bool {
        match &self.state {
            State::Transferring(transfer) => self.caller.id() != leg && !transfer.is_by(leg),
            State::Dialling { .. }
            | State::Queued { .. }
            | State::Announcing { .. }
            | State::LedOn(_)
            | State::Talking { .. }
            | State::Ending { .. }
            | State::Over => false,
        }
    }

    /// Who has asked for a transfer that is under way, and to whom.
    #[must_use]
    pub fn transfer_asked(&self) -> Option<(&Subject, &Subject)> {
        match &self.state {
            State::Transferring(transfer) => Some((&transfer.asked.0, &transfer.asked.1)),
            State::Dialling { .. }
            | State::Queued { .. }
            | State::Announcing { .. }
            | State::LedOn(_)
            | State::Talking { .. }
            | State::Ending { .. }
            | State::Over => None,
        }
    }

    /// The party at the other end of the conversation that this leg has part in.
    #[must_use]
    pub fn opposite(&self, leg: LegId) -> Option<&Leg> {
        let State::Talking { with, .. } = &self.state else { return None };
        let callee = self.callees.get(with).map(|callee| &callee.leg)?;
        if *with == leg {
            Some(&self.caller)
        } else if self.caller.id() == leg {
            Some(callee)
        } else {
            None
        }
    }

    /// Somebody here talks, or is about to, to an emergency number: no line is taken from the call
    /// any more. That stays when the transfer fails, since the call is still about it.
    pub(super) fn becomes_emergency(&mut self, desk: &mut Desk<'_>) {
        if !std::mem::replace(&mut self.emergency, true) {
            desk.out.push(Output::Fact(Fact::Emergency { call: self.id }));
        }
    }

    /// The site has found a way for a REFER, or none.
    pub(super) fn transfer(
        &mut self,
        asked: &Referral,
        way: Way,
        agents: Agents,
        desk: &mut Desk<'_>,
    ) {
        let refused = match way {
            Way::Ring { targets, emergency } => {
                let refused = self.transfer_to_phones(asked, &targets, agents, desk);
                if emergency && refused.is_none() {
                    self.becomes_emergency(desk);
                }
                refused
            }
            Way::Queue(queue) => self.transfer_to_queue(asked, &queue, agents, desk),
            Way::Party(handover) => self.transfer_to_party(asked, *handover, agents, desk),
            Way::None(refused) => Some(refused),
        };
        if let Some(refused) = refused {
            let (key, response) = (asked.key, refused.response(&asked.request));
            desk.out.push(Output::Respond { key, response, gated: false });
        }
    }

    fn transfer_to_phones(
        &mut self,
        asked: &Referral,
        targets: &[Target],
        agents: Agents,
        desk: &mut Desk<'_>,
    ) -> Option<Refused> {
        self.begin_transfer(asked, Goal::Phones, agents, desk);
        let (from, proposal) = (self.caller_name(), proposal_to(&self.caller, desk));
        let mut called = false;
        for target in targets.iter().take(TARGETS_MAX) {
            called |= self.call_out(target, &from, &proposal, None, desk);
        }
        if !called {
            self.transfer_failed(Status::SERVICE_UNAVAILABLE.code(), desk);
            return Some(Refused(Status::SERVICE_UNAVAILABLE, "No Port Is Free"));
        }
        self.accept_refer(asked, desk);
        None
    }

    fn begin_transfer(
        &mut self,
        asked: &Referral,
        goal: Goal,
        agents: Agents,
        desk: &mut Desk<'_>,
    ) {
        let party = self.legs().find(|known| known.id() == asked.leg).map(Leg::party);
        let by = party.cloned().unwrap_or_else(|| Subject(String::new()));
        let to = match &goal {
            Goal::Phones | Goal::Queue { .. } => subject_of(&asked.wish.target),
            Goal::Party(party) => party.clone(),
        };
        desk.out.push(Output::Fact(Fact::TransferAsked {
            call: self.id,
            leg: asked.leg,
            by: by.clone(),
            to: to.clone(),
            kind: match goal {
                Goal::Phones | Goal::Queue { .. } => TransferKind::Blind,
                Goal::Party(_) => TransferKind::Attended,
            },
        }));
        let State::Talking { with, part } = &self.state else { return };
        let (with, part) = (*with, part.clone());
        self.hops = self.hops.saturating_sub(1);
        let seat = match asked.leg == self.caller.id() {
            true => self.give_seat(with, desk),
            false => Seat::Callee,
        };
        let busy = Busy { before: self.own_call_of.clone(), agents };
        self.own_call_of.extend(busy.agents.comes.clone());
        self.state = State::Transferring(Box::new(Transfer {
            by: Transferor::Waiting { leg: asked.leg, part, seat },
            asked: (by, to),
            goal,
            notices: None,
            carried: asked.wish.carried.clone(),
            give_up: desk.now.mono + desk.config.sip.ring_time,
            refused: None,
            busy,
        }));
    }

    fn accept_refer(&mut self, asked: &Referral, desk: &mut Desk<'_>) {
        let (key, request, wish) = (asked.key, &asked.request, &asked.wish);
        let left = desk.config.sip.ring_time;
        let Some(party) = self.callees.get_mut(&asked.leg).map(|callee| &mut callee.leg) else {
            return;
        };
        let mut notices = party.accept_refer(key, request, wish, desk);
        let State::Transferring(transfer) = &mut self.state else { return };
        // RFC 3515 §2.4.4 wants a NOTIFY at once. Where the outcome is known in this very step that
        // one is it: of two in a row UDP might bring the second first.
        if let (Some(notices), Goal::Phones) = (&mut notices, &transfer.goal) {
            notices.trying(Some(party), left, desk);
        }
        transfer.notices = notices;
    }

    /// The target alerts.
    pub(super) fn target_rings(&mut self, id: LegId, desk: &mut Desk<'_>) {
        let State::Transferring(transfer) = &mut self.state else { return };
        if transfer.is_by(id) {
            return;
        }
        let left = transfer.give_up.since(desk.now.mono);
        let transferor = match transfer.by {
            Transferor::Waiting { leg, .. } => self.callees.get_mut(&leg).map(|it| &mut it.leg),
            Transferor::Gone { .. } => None,
        };
        if let Some(notices) = &mut transfer.notices {
            notices.ringing(transferor, left, desk);
        }
    }

    /// The target has answered: the two talk, and the transferor is let go.
    pub(super) fn target_answered(&mut self, id: LegId, desk: &mut Desk<'_>) {
        let Some(transfer) = self.finish(Status::OK, TransferOutcome::Joined, desk) else { return };
        let mut busy = transfer.busy.once_gone();
        busy.extend(transfer.busy.agents.comes.clone());
        self.own_call_of = busy.into_iter().collect();
        self.join(id, None, desk);
    }

    /// A leg is over while a transfer goes on.
    pub(super) fn ended_in_transfer(&mut self, id: LegId, why: LegEnd, desk: &mut Desk<'_>) {
        let wanted = |callee: &&Callee| callee.leg.id() != id && callee.is_wanted();
        let is_phone = self.is_to_phone(id);
        let State::Transferring(transfer) = &mut self.state else { return };
        if transfer.is_by(id) {
            return self.transferor_left(desk);
        }
        transfer.refused = telling(transfer.refused, why, is_phone);
        let refused = transfer.refused;
        let others = self.callees.values().filter(wanted);
        let left = others.filter(|callee| !transfer.is_by(callee.leg.id())).count();
        if left == 0 && transfer.goal == Goal::Phones {
            let status = refused.and_then(|code| Status::new(code).ok());
            let status = forwarded(status.unwrap_or(Status::TEMPORARILY_UNAVAILABLE));
            self.transfer_failed(status.code(), desk);
        }
    }

    /// Phones hang up as soon as their REFER is accepted, or while the target rings: the transfer
    /// goes on, and the agent among them is done with the contact.
    fn transferor_left(&mut self, desk: &mut Desk<'_>) {
        let State::Transferring(transfer) = &mut self.state else { return };
        let queue = transfer.part().and_then(|part| part.queue.clone());
        tell_queue(transfer.part(), desk);
        transfer.by = Transferor::Gone { queue };
        let mut busy = transfer.busy.once_gone();
        busy.extend(transfer.busy.agents.comes.clone());
        self.own_call_of = busy.into_iter().collect();
    }

    /// The target did not answer in time.
    pub(super) fn transfer_timed_out(&mut self, desk: &mut Desk<'_>) {
        self.transfer_failed(Status::REQUEST_TIMEOUT.code(), desk);
    }

    /// There will be no other party: the transferor is joined again, and without it nobody is left
    /// alone in silence.
    fn transfer_failed(&mut self, status: u16, desk: &mut Desk<'_>) {
        let said = Status::new(status).unwrap_or(Status::SERVER_ERROR);
        let outcome = TransferOutcome::Failed(status);
        let Some(transfer) = self.finish(said, outcome, desk) else { return };
        let kept = match &transfer.by {
            Transferor::Waiting { leg, .. } => Some(*leg),
            Transferor::Gone { .. } => None,
        };
        for callee in self.callees.values_mut().filter(|it| Some(it.leg.id()) != kept) {
            callee.forgo(); // it must not weigh in another transfer
            callee.leg.hang_up(LegEnd::NoAnswer, desk);
        }
        match transfer.by {
            Transferor::Waiting { leg, part, seat } => {
                let offer = part.as_ref().map(|part| part.offer);
                let with = self.take_seat_back(seat, leg, offer);
                self.own_call_of = transfer.busy.before;
                self.state = State::Talking { with, part };
            }
            Transferor::Gone { queue } => {
                self.own_call_of = transfer.busy.once_gone().into_iter().collect();
                match queue {
                    Some(queue) => self.return_to_queue(queue, desk),
                    None => self.let_go_politely(desk),
                }
            }
        }
    }

    /// The party that waits or talks is gone, or the call is ended: no transfer any more.
    pub(super) fn abandon_transfer(&mut self, desk: &mut Desk<'_>) {
        // In place of what the INVITE to the target is answered with (RFC 3261 §9.2).
        let Some(transfer) =
            self.finish(Status::REQUEST_TERMINATED, TransferOutcome::Abandoned, desk)
        else {
            return;
        };
        if let Goal::Queue { contact, queue: _ } = transfer.goal {
            let why = Departure::GaveUp;
            desk.out.push(Output::Queue(Input::Left { contact, why }));
        }
    }

    /// Says the last word, takes the transfer out of the state, which is the caller's to set, and
    /// lets the queue know when the part of its agent ends with it.
    fn finish(
        &mut self,
        status: Status,
        outcome: TransferOutcome,
        desk: &mut Desk<'_>,
    ) -> Option<Transfer> {
        let State::Transferring(transfer) = &mut self.state else { return None };
        let mut transferor = match transfer.by {
            Transferor::Waiting { leg, .. } => self.callees.get_mut(&leg).map(|it| &mut it.leg),
            Transferor::Gone { .. } => None,
        };
        if let Some(notices) = transfer.notices.take() {
            notices.outcome(transferor.as_deref_mut(), status, desk);
        }
        desk.out.push(Output::Fact(Fact::TransferEnded { call: self.id, outcome }));
        match (outcome, transferor) {
            (TransferOutcome::Joined, transferor) => {
                tell_queue(transfer.part(), desk);
                transferor.into_iter().for_each(|leg| leg.dismiss(desk));
            }
            (TransferOutcome::Abandoned, Some(transferor)) => transferor.dismiss(desk),
            (TransferOutcome::Abandoned, None) | (TransferOutcome::Failed(_), _) => {}
        }
        Some((**transfer).clone())
    }

    /// Whether this leg's party is the one that transfers, and has begun to hang up.
    pub(super) fn keep_dialog_of(&mut self, leg: LegId) {
        if let State::Transferring(transfer) = &mut self.state
            && transfer.is_by(leg)
            && let Some(notices) = &mut transfer.notices
            && let Some(party) = self.callees.get_mut(&leg)
        {
            notices.keep_dialog(&mut party.leg);
        }
    }

    /// Its BYE was refused: the dialog is its leg's alone.
    pub(super) fn give_dialog_back(&mut self, leg: LegId) {
        if let State::Transferring(transfer) = &mut self.state
            && transfer.is_by(leg)
            && let Some(notices) = &mut transfer.notices
        {
            notices.give_dialog_back();
        }
    }

    /// A restart.
    pub(super) fn restore_transfer(&mut self, before: &Before) {
        if let State::Transferring(transfer) = &mut self.state
            && let Some(notices) = &mut transfer.notices
        {
            notices.resume(before.ago);
        }
    }

    pub(in crate::call) fn leg_mut(&mut self, id: LegId) -> Option<&mut Leg> {
        if self.caller.id() == id {
            return Some(&mut self.caller);
        }
        let callee = self.callees.get_mut(&id).map(|callee| &mut callee.leg);
        callee.or_else(|| self.supervision.as_mut()?.leg_mut(id))
    }
}

/// What somebody new is offered: what the party that stays speaks, and G.711 where the media plane
/// turns one into the other.
fn proposal_to(stays: &Leg, desk: &Desk<'_>) -> Proposal {
    let spoken = stays.audio().session().map(Session::spoken_formats);
    let formats = with_g711(spoken.unwrap_or_else(own_formats), desk);
    Proposal { formats, ptime_ms: None, direction: Direction::SendRecv }
}

/// The agent's part in a contact is over.
fn tell_queue(part: Option<&QueuePart>, desk: &mut Desk<'_>) {
    if let Some(part) = part {
        let (contact, why) = (part.contact, Departure::GaveUp);
        desk.out.push(Output::Queue(Input::Left { contact, why }));
    }
}

/// The number or address of a target, as kept in records.
fn subject_of(target: &Uri) -> Subject {
    let user = target.user_decoded().filter(|user| !user.is_empty());
    Subject(user.map_or_else(|| target.as_str().to_owned(), std::borrow::Cow::into_owned))
}
