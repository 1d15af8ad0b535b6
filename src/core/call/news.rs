//! What a call makes of the news of its legs.

use holdfast_base::LegId;
use holdfast_wire::sip::Status;

use super::ending::{forwarded, telling};
use super::io::{Desk, Output};
use super::leg::info::Press;
use super::leg::{Leg, News};
use super::offers;
use super::transfer::Stays;
use super::{Call, State};
use crate::offer_answer::Session;
use crate::record::event::{EndedBy, LegEnd};

impl Call {
    pub(super) fn caller_news(&mut self, news: News, desk: &mut Desk<'_>) {
        match news {
            News::Ended(why) => {
                let by = match why {
                    LegEnd::Remote => match self.stays {
                        Stays::Caller => EndedBy::Caller,
                        Stays::Called { .. } => EndedBy::Callee,
                    },
                    LegEnd::Local | LegEnd::Refused(_) => EndedBy::Box,
                    LegEnd::HandedOver => EndedBy::Transfer,
                    LegEnd::NoAnswer
                    | LegEnd::Unreachable
                    | LegEnd::MediaLost
                    | LegEnd::SessionExpired => EndedBy::Network,
                    LegEnd::LostInCrash => EndedBy::Crash,
                };
                self.end_because(self.caller.cause());
                self.end(by, None, desk);
            }
            News::Over(why, media) => {
                desk.out.push(Output::Fact(self.caller.ended(self.id, why, media)));
            }
            News::Key(press) => self.press(self.caller.id(), press, desk),
            // Who hears whom is settled after every step.
            News::SessionChanged
            | News::Silent
            | News::Ringing
            | News::EarlyMedia
            | News::Answered => {}
        }
    }

    pub(super) fn callee_news(&mut self, id: LegId, news: News, desk: &mut Desk<'_>) {
        match news {
            News::SessionChanged => {}
            News::Key(press) => self.press(id, press, desk),
            News::Silent => self.callee_is_silent(id, desk),
            News::Ringing => self.callee_rings(id, desk),
            News::EarlyMedia => self.callee_sends_early(id, desk),
            News::Answered => self.callee_answered(id, desk),
            News::Ended(why) => self.callee_ended(id, why, desk),
            News::Over(why, media) => {
                if let Some(callee) = self.callees.remove(&id) {
                    desk.out.push(Output::Fact(callee.leg.ended(self.id, why, media)));
                }
            }
        }
    }

    /// A party has pressed a key: the one that it talks to gets it.
    pub(super) fn press(&mut self, by: LegId, press: Press, desk: &mut Desk<'_>) {
        let other = self.opposite(by).map(Leg::id);
        if let Some(leg) = other.and_then(|other| self.leg_mut(other)) {
            leg.press(press, desk);
        }
    }

    pub(super) fn callee_rings(&mut self, id: LegId, desk: &mut Desk<'_>) {
        match &self.state {
            State::Dialling { .. } => self.caller.ring(desk),
            State::LedOn(_) => {
                if self.is_called_on(id) {
                    self.caller.ring(desk);
                }
            }
            State::Queued { offers, .. } => {
                let offer = self.callees.get(&id).and_then(|callee| callee.offer);
                offers.ringing(offer, desk);
            }
            State::Transferring(_) => self.target_rings(id, desk),
            State::Announcing { .. }
            | State::Talking { .. }
            | State::Ending { .. }
            | State::Over => {}
        }
    }

    pub(super) fn callee_sends_early(&mut self, id: LegId, desk: &mut Desk<'_>) {
        match &self.state {
            // Several phones at once have no one voice to give on.
            State::Dialling { .. } | State::LedOn(_) if self.wanted() == 1 => {
                let codecs = self
                    .callees
                    .get(&id)
                    .and_then(|callee| callee.leg.audio().session().map(Session::spoken));
                self.caller.progress(&codecs.unwrap_or_default(), desk);
            }
            State::Dialling { .. }
            | State::Queued { .. }
            | State::Announcing { .. }
            | State::Talking { .. }
            | State::Transferring(_)
            | State::LedOn(_)
            | State::Ending { .. }
            | State::Over => self.callee_rings(id, desk),
        }
    }

    pub(super) fn callee_answered(&mut self, id: LegId, desk: &mut Desk<'_>) {
        match &self.state {
            State::Dialling { .. } => self.join(id, None, desk),
            State::Transferring(_) => self.target_answered(id, desk),
            State::LedOn(_) if self.is_called_on(id) => self.onward_answered(id, desk),
            State::Queued { offers, .. } => {
                let offer = self.callees.get(&id).and_then(|callee| callee.offer);
                if !offers.answered(offer, desk) {
                    self.hang_up_callee(id, desk);
                }
            }
            State::LedOn(_)
            | State::Announcing { .. }
            | State::Talking { .. }
            | State::Ending { .. }
            | State::Over => self.hang_up_callee(id, desk),
        }
    }

    pub(super) fn callee_ended(&mut self, id: LegId, why: LegEnd, desk: &mut Desk<'_>) {
        if self.goes_elsewhere(id, why, desk) {
            return;
        }
        let (offer, cause, unsuited) = match self.callees.get(&id) {
            Some(callee) => (callee.offer, callee.leg.cause(), callee.leg.unsuited()),
            None => (None, None, None),
        };
        let is_phone = self.is_to_phone(id);
        let mut others = self.callees.values().filter(|c| c.leg.id() != id && c.is_wanted());
        match &mut self.state {
            State::Dialling { refused, .. } => {
                *refused = telling(*refused, why, is_phone);
                if others.next().is_none() {
                    let status = refused.and_then(|code| Status::new(code).ok());
                    let status = status.unwrap_or(Status::TEMPORARILY_UNAVAILABLE);
                    // Of several refusals the one that is told says why.
                    if why == LegEnd::Refused(status.code()) {
                        self.suits_nobody(unsuited);
                        self.end_because(cause);
                    }
                    self.end(EndedBy::Callee, Some(forwarded(status)), desk);
                }
            }
            State::Queued { offers, .. } => {
                let last = !others.any(|callee| callee.offer == offer);
                offers.leg_ended(offer, why, last, desk);
            }
            State::Talking { with, .. } if *with == id => {
                let by = match why {
                    LegEnd::Remote => EndedBy::Callee,
                    LegEnd::Local | LegEnd::Refused(_) => EndedBy::Box,
                    LegEnd::HandedOver => EndedBy::Transfer,
                    LegEnd::NoAnswer
                    | LegEnd::Unreachable
                    | LegEnd::MediaLost
                    | LegEnd::SessionExpired => EndedBy::Network,
                    LegEnd::LostInCrash => EndedBy::Crash,
                };
                self.end_because(cause);
                self.end(by, None, desk);
            }
            State::Transferring(_) => {
                self.fell_silent(id, why, desk);
                self.ended_in_transfer(id, why, desk);
            }
            State::LedOn(_) if offer.is_none() => self.onward_ended(id, why, desk),
            State::LedOn(_)
            | State::Talking { .. }
            | State::Announcing { .. }
            | State::Ending { .. }
            | State::Over => self.fell_silent(id, why, desk),
        }
    }

    /// The queue leaves the agent of an offer that died with the old process alone until its phones
    /// are silent. That is news for it wherever the call has gone meanwhile.
    fn fell_silent(&self, id: LegId, why: LegEnd, desk: &mut Desk<'_>) {
        let offer = self.callees.get(&id).and_then(|callee| callee.offer);
        let Some(offer) = offer.filter(|_| why == LegEnd::LostInCrash) else { return };
        let part = match &self.state {
            State::Talking { part, .. } => part.as_ref(),
            State::Transferring(transfer) => transfer.part(),
            State::Dialling { .. }
            | State::Queued { .. }
            | State::Announcing { .. }
            | State::LedOn(_)
            | State::Ending { .. }
            | State::Over => None,
        };
        let others = self.callees.values().filter(|it| it.leg.id() != id && it.is_wanted());
        let talks = part.is_some_and(|part| part.offer == offer);
        if !talks && others.into_iter().all(|callee| callee.offer != Some(offer)) {
            offers::fell_silent(offer, desk);
        }
    }
}
