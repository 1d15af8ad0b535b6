//! What a caller is told before the answer, plainly or reliably (RFC 3262), and what its PRACKs
//! bring.

use holdfast_wire::sip::{Request, Status};

use super::orders::answering;
use super::refusal::Refusal;
use super::reliable::{Due, Said, Then, Way, way};
use super::requests::renegotiate;
use super::{Leg, News, State, Told};
use crate::call::io::{Desk, Output};
use crate::call::own_proposal;
use crate::call::words;
use crate::offer_answer::{Codec, Fault, Reject};
use crate::record::event::LegEnd;
use crate::sip::transaction::ServerKey;

/// Somebody alerts.
const RINGING: Said = Said { status: Status::RINGING.code(), describes: false };
/// Audio before the answer.
const PROGRESS: Said = Said { status: Status::SESSION_PROGRESS.code(), describes: true };

impl Leg {
    /// Tells the caller that somebody alerts.
    pub fn ring(&mut self, desk: &mut Desk<'_>) {
        let State::Incoming { told, .. } = &mut self.state else { return };
        let Some(more) = told.with_ringing() else { return };
        *told = more;
        self.say(RINGING, desk);
    }

    /// Gives the caller audio before the answer, as one of `codecs`. Who has left the offer to us
    /// gets ours, where it can be sure to arrive; else the caller hears that somebody alerts.
    pub fn progress(&mut self, codecs: &[Codec], desk: &mut Desk<'_>) {
        let State::Incoming { invite, told, .. } = &mut self.state else { return };
        if told.has_media() {
            return;
        }
        if !invite.body.is_empty() {
            if self.audio.answer(codecs, desk).is_err() {
                return;
            }
        } else if way(invite, true) == Way::Plain {
            return self.ring(desk);
        }
        *told = Told::EarlyMedia;
        self.say(PROGRESS, desk);
    }

    fn say(&mut self, mut said: Said, desk: &mut Desk<'_>) {
        let State::Incoming { invite, told, reliable, .. } = &mut self.state else { return };
        let then = if said.describes { Then::Progress } else { Then::Ringing };
        if reliable.hold_back(then) {
            return;
        }
        match way(invite, said.describes) {
            Way::Plain => {}
            Way::Reliably => {
                if invite.body.is_empty() && self.audio.has_said_nothing() {
                    // RFC 3261 §13.2.1: no reliable response may go before the one with the offer.
                    said.describes = self.audio.offer(&own_proposal()).is_ok();
                    *told = if said.describes { told.with_media() } else { *told };
                }
                reliable.say(said, desk.config.sip.t1, desk.now.mono, desk.entropy);
            }
        }
        self.respond_early(said, true, desk);
        self.begin_early_dialog(desk);
    }

    fn respond_early(&self, said: Said, gated: bool, desk: &mut Desk<'_>) {
        let State::Incoming { key, invite, tag, reliable, .. } = &self.state else { return };
        let contact = words::contact(desk.config, &self.flow);
        let sdp = self.audio.last_description().filter(|_| said.describes);
        let mut response =
            words::dialog_response(invite, said.status(), tag, &contact, sdp.as_ref());
        self.origin.complete(desk.config, &mut response.headers);
        if reliable.is_waiting() {
            reliable.write(&mut response.headers);
        }
        desk.out.push(Output::Respond { key: *key, response, gated });
    }

    /// A response with our tag begins a dialog (RFC 3261 §12.1.1). The caller may end it by BYE
    /// (§15) and move within it by UPDATE (RFC 3311) before we answer.
    fn begin_early_dialog(&mut self, desk: &mut Desk<'_>) {
        let State::Incoming { invite, tag, early, .. } = &mut self.state else { return };
        let contact = words::contact(desk.config, &self.flow);
        if early.is_none()
            && let Some(dialog) = answering(invite, (self.flow, self.reach), tag, contact)
        {
            desk.out.push(Output::DialogMade { leg: self.id, id: dialog.id().clone() });
            *early = Some(dialog);
        }
    }

    /// The deadline of a reliable response has come.
    pub(super) fn progress_due(&mut self, desk: &mut Desk<'_>) -> Option<News> {
        let State::Incoming { reliable, .. } = &mut self.state else { return None };
        match reliable.due(desk.now.mono)? {
            Due::Again(said) => {
                self.respond_early(said, false, desk);
                None
            }
            Due::GiveUp => {
                self.reject(Status::SERVER_TIMEOUT, LegEnd::Unreachable, desk);
                Some(News::Ended(LegEnd::Unreachable))
            }
        }
    }

    /// A PRACK of the caller.
    pub(super) fn pracked(
        &mut self,
        key: ServerKey,
        prack: &Request,
        desk: &mut Desk<'_>,
    ) -> Option<News> {
        let then = match &mut self.state {
            State::Incoming { invite, reliable, .. } => {
                let rack = prack.headers.rack().ok().flatten();
                rack.and_then(|rack| reliable.acknowledged(&rack, invite))
            }
            State::Accepted { .. }
            | State::Calling { .. }
            | State::Cancelling { .. }
            | State::Answered { .. }
            | State::Confirmed { .. }
            | State::Closing { .. }
            | State::Over { .. } => None,
        };
        let mut response = match then {
            Some(_) => prack.response(Status::OK, None),
            None => prack.response(Status::CALL_DOES_NOT_EXIST, None), // RFC 3262 §3
        };
        let described = then.is_some() && !prack.body.is_empty();
        if described && self.audio.awaits_answer() {
            if let Err(refusal) = self.take_early_answer(&prack.body, desk) {
                let response = refusal.response(prack);
                desk.out.push(Output::Respond { key, response, gated: false });
                self.reject(refusal.status, LegEnd::Local, desk);
                return Some(News::Ended(LegEnd::Local));
            }
        } else if described {
            // RFC 3262 §5: who has our answer may make the next offer.
            match renegotiate(&mut self.audio, &prack.body, desk) {
                Ok((sdp, _)) => words::describe(&mut response.headers, &mut response.body, &sdp),
                Err(refusal) => response = refusal.response(prack),
            }
        }
        desk.out.push(Output::Respond { key, response, gated: false });
        match then? {
            Then::Nothing => None,
            Then::Progress => {
                self.say(PROGRESS, desk);
                None
            }
            Then::Ringing => {
                self.say(RINGING, desk);
                None
            }
            Then::Answer(proposal) => {
                let status = self.answer(&proposal, desk).err()?;
                self.reject(status, LegEnd::Local, desk);
                Some(News::Ended(LegEnd::Local))
            }
        }
    }

    /// The answer to the offer of our first reliable response, which its PRACK should bring (RFC
    /// 3262 §5).
    fn take_early_answer(&mut self, body: &[u8], desk: &mut Desk<'_>) -> Result<(), Refusal> {
        let answer = words::description(body)?;
        let answer = answer.ok_or(Reject::Unacceptable(Fault::NoAudio));
        let taken = answer.and_then(|answer| self.audio.receive_answer(&answer, desk));
        taken.map_err(|reject| {
            self.not_suited(reject);
            reject.into()
        })
    }

    /// Whether the caller may make another offer before our final response: it has acknowledged
    /// our answer to the first one (RFC 3311 §5.1).
    pub(super) fn has_answered_early(&self) -> bool {
        match &self.state {
            State::Incoming { invite, told, reliable, .. } if told.has_media() => {
                way(invite, true) == Way::Reliably && !reliable.is_waiting()
            }
            State::Incoming { .. }
            | State::Accepted { .. }
            | State::Calling { .. }
            | State::Cancelling { .. }
            | State::Answered { .. }
            | State::Confirmed { .. }
            | State::Closing { .. }
            | State::Over { .. } => false,
        }
    }
}
