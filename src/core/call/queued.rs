//! What a call does when the queue decides.

use holdfast_base::{LegId, OfferId, QueueName};
use holdfast_wire::sip::{NameAddr, Status};
use std::time::Duration;

use super::io::{Desk, QueueOrder, Target};
use super::{
    ANNOUNCEMENT_TIME, CLOSED_SORRY, Call, FIRST_CLIP_AFTER, QueuePart, State, TARGETS_MAX,
};
use crate::call::audio::{has_g711, own_formats, with_g711};
use crate::media::order::{ClipId, Source};
use crate::offer_answer::Proposal;
use crate::record::event::{EndedBy, LegEnd, Outcome};

impl Call {
    pub(super) fn obey_queue(&mut self, order: QueueOrder, desk: &mut Desk<'_>) {
        if !self.queue_takes(&order, desk) {
            return;
        }
        match order {
            QueueOrder::Treat { once, then } => self.treat(once, then, desk),
            QueueOrder::Deliver { offer, targets } => self.deliver(offer, &targets, desk),
            QueueOrder::Withdraw { offer } => self.withdraw(offer, desk),
            QueueOrder::Connect { offer } => self.connect(offer, desk),
            QueueOrder::Moved { queue } => self.go_on_in(queue),
            QueueOrder::CallOn(onward) => self.call_on(onward, desk),
            QueueOrder::Announce { clip, lasts } => self.announce_to_the_rest(clip, lasts, desk),
            QueueOrder::End { outcome } => self.end_by_queue(outcome, desk),
        }
    }

    fn treat(&mut self, mut once: Vec<ClipId>, then: Option<ClipId>, desk: &mut Desk<'_>) {
        let first = self.caller.is_waiting();
        let since = if first { desk.now.mono + FIRST_CLIP_AFTER } else { desk.now.mono };
        let since = match self.notice_first(since, desk) {
            Some((notice, began)) => {
                once.insert(0, notice);
                began
            }
            None => since,
        };
        let State::Queued { treatment, .. } = &mut self.state else { return };
        self.music.clone_from(&then);
        *treatment = Source::Clips { once, then, since };
        self.answer_ourselves(desk);
    }

    fn deliver(&mut self, offer: OfferId, targets: &[Target], desk: &mut Desk<'_>) {
        let State::Queued { offers, queue, .. } = &mut self.state else { return };
        let label = desk.config.queue_display(queue).to_owned();
        offers.begin(offer);
        let from = self.named_for_agent(&label);
        let proposal = self.proposal_for_agent(desk);
        let before = self.callees.len();
        for target in targets.iter().take(TARGETS_MAX) {
            self.call_out(target, &from, &proposal, Some(offer), desk);
        }
        let State::Queued { offers, .. } = &mut self.state else { return };
        if self.callees.len() == before {
            offers.unreachable(offer, desk);
        } else {
            offers.sent(offer, desk);
        }
    }

    /// C-11: the agent sees the queue and the caller.
    fn named_for_agent(&self, label: &str) -> NameAddr {
        let caller = self.caller_name();
        let shown = match caller.display.as_deref().filter(|name| !name.is_empty()) {
            Some(name) => format!("{label} \u{2013} {name}"),
            None => match caller.uri.user() {
                Some(user) => format!("{label} \u{2013} {user}"),
                None => label.to_owned(),
            },
        };
        caller.with_display(&shown)
    }

    /// The caller's codec first, so that nothing is converted when the agent has it too; and
    /// nothing else where the caller would understand nothing else, with our help or without.
    pub(super) fn proposal_for_agent(&self, desk: &Desk<'_>) -> Proposal {
        let mut formats = own_formats();
        if let Some(session) = self.caller.audio().session() {
            let spoken = &session.send.codec;
            formats.sort_by_key(|format| !format.codec.is_same_as(spoken));
            let interpreted = desk.transcoding.has_room_for(self.id) && spoken.is_decodable();
            if !self.caller.audio().speaks_g711() && (interpreted || self.caller.is_unwilling()) {
                formats = with_g711(session.spoken_formats(), desk);
            }
        } else if let Some(offered) = self.caller.audio().open_offer()
            && !has_g711(offered)
        {
            formats = with_g711(offered.to_vec(), desk); // it is answered once an agent is called
        }
        Proposal { formats, ptime_ms: None, direction: holdfast_wire::sdp::Direction::SendRecv }
    }

    fn withdraw(&mut self, offer: OfferId, desk: &mut Desk<'_>) {
        if let State::Queued { offers, .. } = &mut self.state {
            offers.forget(offer);
        }
        for id in self.legs_of(offer) {
            self.hang_up_callee(id, desk);
        }
    }

    fn connect(&mut self, offer: OfferId, desk: &mut Desk<'_>) {
        let State::Queued { contact, queue, .. } = &self.state else { return };
        let part = QueuePart { contact: *contact, offer, queue: Some(queue.clone()) };
        let winner = self
            .callees
            .values()
            .find(|callee| callee.offer == Some(offer) && callee.leg.is_answered())
            .map(|callee| callee.leg.id());
        if let Some(id) = winner {
            self.join(id, Some(part), desk);
        }
    }

    fn legs_of(&self, offer: OfferId) -> Vec<LegId> {
        let of_offer = self.callees.values().filter(|callee| callee.offer == Some(offer));
        of_offer.map(|callee| callee.leg.id()).collect()
    }

    /// The queue has led the contact on to another one.
    fn go_on_in(&mut self, next: QueueName) {
        match &mut self.state {
            State::Queued { queue, .. } => *queue = next,
            State::LedOn(led) => {
                let contact = led.contact();
                self.no_longer_led_on();
                self.wait_as(contact, next);
            }
            State::Dialling { .. }
            | State::Announcing { .. }
            | State::Talking { .. }
            | State::Transferring(_)
            | State::Ending { .. }
            | State::Over => {}
        }
    }

    /// Who has waited in vain is told so before the call ends.
    pub(super) fn let_go_politely(&mut self, desk: &mut Desk<'_>) {
        self.announce_to_the_rest(ClipId(CLOSED_SORRY.into()), ANNOUNCEMENT_TIME, desk);
    }

    /// The caller is the only one left, hears a clip and is let go.
    fn announce_to_the_rest(&mut self, clip: ClipId, lasts: Duration, desk: &mut Desk<'_>) {
        self.no_longer_led_on();
        self.announce(clip, lasts, desk);
        for callee in self.callees.values_mut() {
            callee.leg.hang_up(LegEnd::Local, desk);
        }
    }

    fn end_by_queue(&mut self, outcome: Outcome, desk: &mut Desk<'_>) {
        // One that comes back from an agent may find the line full.
        let overflow = matches!(
            outcome,
            Outcome::OverflowTime
                | Outcome::OverflowFull
                | Outcome::OverflowEmpty
                | Outcome::Closed
        );
        if overflow && self.caller.is_answered() {
            return self.let_go_politely(desk);
        }
        let (by, status) = match outcome {
            Outcome::OverflowFull => (EndedBy::Box, Status::BUSY_HERE),
            Outcome::Pulled => (EndedBy::Operator, Status::TEMPORARILY_UNAVAILABLE),
            Outcome::LostInCrash => (EndedBy::Crash, Status::SERVER_ERROR),
            Outcome::OverflowTime
            | Outcome::OverflowEmpty
            | Outcome::Closed
            | Outcome::SystemFailed
            | Outcome::Answered
            | Outcome::AbandonedShort
            | Outcome::Abandoned
            | Outcome::AbandonedRinging => (EndedBy::Box, Status::TEMPORARILY_UNAVAILABLE),
        };
        self.end(by, Some(status), desk);
    }
}
