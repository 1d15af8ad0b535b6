//! What the party of a leg asks for: requests inside the dialog, ACK and CANCEL.

use holdfast_wire::sdp::Sdp;
use holdfast_wire::sip::{Method, NameAddr, Request, Status};

use super::refusal::Refusal;
use super::session_timer::{Terms, too_brief};
use super::{Change, Leg, News, Offerer, State};
use crate::call::audio::Audio;
use crate::call::io::{Desk, Output};
use crate::call::local_media;
use crate::call::words;
use crate::record::event::LegEnd;
use crate::sip::admit::ALLOW;
use crate::sip::cause::Cause;
use crate::sip::transaction::ServerKey;

impl Leg {
    /// A request inside the dialog.
    pub fn receive_request(
        &mut self,
        key: ServerKey,
        request: &Request,
        desk: &mut Desk<'_>,
    ) -> Option<News> {
        let dialog = match &mut self.state {
            State::Accepted { dialog, .. }
            | State::Confirmed { dialog, .. }
            | State::Answered { dialog, .. }
            | State::Incoming { early: Some(dialog), .. } => Some(dialog),
            State::Calling { forks, .. } => forks.turn_to_sender(request, &mut self.audio),
            State::Incoming { early: None, .. }
            | State::Cancelling { .. }
            | State::Closing { .. }
            | State::Over { .. } => None,
        };
        let Some(dialog) = dialog else {
            let response = request.response(Status::CALL_DOES_NOT_EXIST, None);
            desk.out.push(Output::Respond { key, response, gated: false });
            return None;
        };
        if let Err(refusal) = dialog.receive(request) {
            let response = refusal.response(request);
            desk.out.push(Output::Respond { key, response, gated: false });
            return None;
        }
        match request.method {
            Method::Bye => {
                self.cause = Cause::of(&request.headers);
                let response = request.response(Status::OK, None);
                // Never gated: a peer that waits for this 200 repeats its BYE.
                desk.out.push(Output::Respond { key, response, gated: false });
                Some(self.bye(desk))
            }
            Method::Invite => self.reinvite(key, request, desk),
            Method::Update => self.update(key, request, desk),
            Method::Prack => self.pracked(key, request, desk),
            Method::Info => self.info(key, request, desk),
            Method::Options => {
                let mut response = request.response(Status::OK, None);
                response.headers.push("Allow", ALLOW);
                self.origin.complete(desk.config, &mut response.headers);
                response.headers.push("Accept", "application/sdp");
                desk.out.push(Output::Respond { key, response, gated: false });
                None
            }
            Method::Ack
            | Method::Cancel
            | Method::Register
            | Method::Refer
            | Method::Notify
            | Method::Subscribe
            | Method::Message
            | Method::Publish
            | Method::Other(_) => {
                let mut response = request.response(Status::METHOD_NOT_ALLOWED, None);
                response.headers.push("Allow", ALLOW);
                self.origin.complete(desk.config, &mut response.headers);
                desk.out.push(Output::Respond { key, response, gated: false });
                None
            }
        }
    }

    fn bye(&mut self, desk: &mut Desk<'_>) -> News {
        match &self.state {
            // A BYE that overtakes our own farewell, or comes before the ACK to our 2xx.
            State::Accepted { key, then, .. } => {
                let why = then.unwrap_or(LegEnd::Remote);
                desk.out.push(Output::Acked { key: *key });
                self.close(why, desk);
                News::Ended(why)
            }
            State::Calling { .. } => {
                // RFC 3261 §15.1.2: an early dialog ends, and the INVITE with it.
                desk.out.push(Output::Cancel { leg: self.id, reason: None, gated: false });
                self.close(LegEnd::Remote, desk);
                News::Ended(LegEnd::Remote)
            }
            // RFC 3261 §15.1.2: what was pending in the dialog gets a 487.
            State::Incoming { .. } => {
                self.reject(Status::REQUEST_TERMINATED, LegEnd::Remote, desk);
                News::Ended(LegEnd::Remote)
            }
            State::Cancelling { .. }
            | State::Answered { .. }
            | State::Confirmed { .. }
            | State::Closing { .. }
            | State::Over { .. } => {
                self.close(LegEnd::Remote, desk);
                News::Ended(LegEnd::Remote)
            }
        }
    }

    fn reinvite(&mut self, key: ServerKey, request: &Request, desk: &mut Desk<'_>) -> Option<News> {
        let State::Confirmed { dialog, change, timer } = &mut self.state else {
            let response = words::too_early(request);
            desk.out.push(Output::Respond { key, response, gated: false });
            return None;
        };
        match change {
            // RFC 3261 §14.2: ours is pending, so is theirs.
            Change::Ours { .. } => {
                let response = request.response(Status::REQUEST_PENDING, None);
                desk.out.push(Output::Respond { key, response, gated: false });
                return None;
            }
            Change::Theirs { .. } => {
                let response = words::too_early(request);
                desk.out.push(Output::Respond { key, response, gated: false });
                return None;
            }
            Change::None => {}
        }
        let terms = Terms::towards(desk.config, &self.origin);
        if let Some(least_s) = too_brief(request, terms) {
            let response = words::too_brief(request, least_s);
            desk.out.push(Output::Respond { key, response, gated: false });
            return None;
        }
        let Ok(cseq) = request.headers.cseq().map(|cseq| cseq.number) else { return None };
        let tag = dialog.id().local_tag.clone();
        let contact = words::contact(desk.config, &self.flow);
        if let Some(address) = local_media::address(desk.config, &self.flow, &request.headers) {
            self.audio.be_at(address);
        }
        match renegotiate(&mut self.audio, &request.body, desk) {
            Ok((sdp, offered)) => {
                *change = Change::Theirs { key, cseq, offered };
                let mut response =
                    words::dialog_response(request, Status::OK, &tag, &contact, Some(&sdp));
                timer.grant(request, terms, desk.now.mono);
                timer.write_grant(request, &mut response.headers);
                self.origin.complete(desk.config, &mut response.headers);
                desk.out.push(Output::Respond { key, response, gated: false });
                Some(News::SessionChanged)
            }
            Err(refusal) => {
                let response = refusal.response(request);
                desk.out.push(Output::Respond { key, response, gated: false });
                None
            }
        }
    }

    fn update(&mut self, key: ServerKey, request: &Request, desk: &mut Desk<'_>) -> Option<News> {
        let terms = Terms::towards(desk.config, &self.origin);
        let (mut response, news) = if let Some(least_s) = too_brief(request, terms) {
            (words::too_brief(request, least_s), None)
        } else if request.body.is_empty() {
            // RFC 3311 §5.2: without an offer it refreshes the target and the session timer.
            (request.response(Status::OK, None), None)
        } else if self.is_too_early_for_an_offer() {
            (words::too_early(request), None)
        } else {
            match renegotiate(&mut self.audio, &request.body, desk) {
                Ok((sdp, _)) => {
                    let mut response = request.response(Status::OK, None);
                    words::describe(&mut response.headers, &mut response.body, &sdp);
                    (response, Some(News::SessionChanged))
                }
                // RFC 3311 §5.2: 491 while an offer of ours is open, 488 for what does not suit.
                Err(refusal) if refusal.status == Status::SERVER_ERROR => {
                    (words::too_early(request), None)
                }
                Err(refusal) => (refusal.response(request), None),
            }
        };
        response.headers.push("Contact", NameAddr::new(words::contact(desk.config, &self.flow)));
        if response.status.is_success() {
            words::state_abilities(&mut response.headers);
            self.origin.complete(desk.config, &mut response.headers);
            if let Some(timer) = self.timer_mut() {
                timer.grant(request, terms, desk.now.mono);
                timer.write_grant(request, &mut response.headers);
            }
        }
        desk.out.push(Output::Respond { key, response, gated: false });
        news
    }

    /// Whether an offer in an UPDATE would overtake our answer to the one before, or its ACK.
    fn is_too_early_for_an_offer(&self) -> bool {
        match &self.state {
            State::Incoming { .. } => !self.has_answered_early(),
            State::Accepted { offered: Offerer::Them, .. }
            | State::Confirmed { change: Change::Theirs { offered: Offerer::Them, .. }, .. } => {
                true
            }
            // An offer of ours that is open is found out when theirs is taken.
            State::Accepted { offered: Offerer::Us, .. }
            | State::Confirmed { .. }
            | State::Calling { .. }
            | State::Cancelling { .. }
            | State::Answered { .. }
            | State::Closing { .. }
            | State::Over { .. } => false,
        }
    }

    /// The ACK to a 2xx of ours. It has the CSeq number of its INVITE (RFC 3261 §13.2.2.4); one
    /// with another number is a late copy, and no word about the INVITE that is open now.
    pub fn receive_ack(&mut self, request: &Request, desk: &mut Desk<'_>) -> Option<News> {
        let number = request.headers.cseq().ok()?.number;
        match &mut self.state {
            State::Accepted { key, invite, dialog, offered, then, timer } => {
                if invite.headers.cseq().ok()?.number != number {
                    return None;
                }
                desk.out.push(Output::Acked { key: *key });
                let (offered, then) = (*offered, *then);
                let (dialog, timer) = (dialog.clone(), *timer);
                self.state = State::Confirmed { dialog, change: Change::None, timer };
                self.take_late_answer(offered, request, then, desk)
            }
            State::Confirmed { change, .. } => {
                let Change::Theirs { key, cseq, offered } = change else { return None };
                if *cseq != number {
                    return None;
                }
                let (key, offered) = (*key, *offered);
                *change = Change::None;
                desk.out.push(Output::Acked { key });
                self.take_late_answer(offered, request, None, desk)
            }
            // The ACK of a dialog that ended meanwhile.
            State::Incoming { .. }
            | State::Calling { .. }
            | State::Cancelling { .. }
            | State::Answered { .. }
            | State::Closing { .. }
            | State::Over { .. } => None,
        }
    }

    fn take_late_answer(
        &mut self,
        offered: Offerer,
        ack: &Request,
        then: Option<LegEnd>,
        desk: &mut Desk<'_>,
    ) -> Option<News> {
        if let Some(why) = then {
            self.hang_up(why, desk);
            return Some(News::Ended(why));
        }
        if offered == Offerer::Them {
            return None;
        }
        let answer = words::description(&ack.body).ok().flatten();
        let agreed = answer.is_some_and(|sdp| self.audio.receive_answer(&sdp, desk).is_ok());
        if agreed {
            return Some(News::SessionChanged);
        }
        // RFC 3261 §13.2.2.4: an offer without a usable answer leaves no session to keep.
        self.audio.roll_back();
        if self.audio.session().is_some() {
            return None;
        }
        let why = LegEnd::Refused(Status::NOT_ACCEPTABLE_HERE.code());
        self.hang_up(why, desk);
        Some(News::Ended(why))
    }

    /// The caller cancelled. Answered already by the transaction; the INVITE is answered here.
    pub fn cancelled(&mut self, cause: Option<Cause>, desk: &mut Desk<'_>) -> Option<News> {
        let State::Incoming { .. } = self.state else { return None };
        self.cause = cause;
        self.reject(Status::REQUEST_TERMINATED, LegEnd::Remote, desk);
        Some(News::Ended(LegEnd::Remote))
    }

    /// No ACK came to our 2xx.
    pub fn no_ack(&mut self, desk: &mut Desk<'_>) -> Option<News> {
        match &mut self.state {
            // RFC 3261 §13.3.1.4: the dialog is confirmed, but the session is ended by BYE.
            State::Accepted { dialog, then, timer, .. } => {
                let why = then.unwrap_or(LegEnd::Unreachable);
                let (dialog, timer) = (dialog.clone(), *timer);
                self.state = State::Confirmed { dialog, change: Change::None, timer };
                self.hang_up(why, desk);
                Some(News::Ended(why))
            }
            State::Confirmed { change: Change::Theirs { .. }, .. } => {
                self.hang_up(LegEnd::Unreachable, desk);
                Some(News::Ended(LegEnd::Unreachable))
            }
            State::Confirmed { change: Change::None | Change::Ours { .. }, .. }
            | State::Incoming { .. }
            | State::Calling { .. }
            | State::Cancelling { .. }
            | State::Answered { .. }
            | State::Closing { .. }
            | State::Over { .. } => None,
        }
    }
}

/// Answers an offer inside the session with the codec that is in use, or makes the offer that a
/// request without one asks for. The party on the other leg is not asked: the box anchors both.
pub(super) fn renegotiate(
    audio: &mut Audio,
    body: &[u8],
    desk: &mut Desk<'_>,
) -> Result<(Sdp, Offerer), Refusal> {
    let Some(offer) = words::description(body)? else {
        return Ok((audio.offer_again()?, Offerer::Us));
    };
    audio.receive_offer(&offer, desk)?;
    match audio.answer_again(desk) {
        Ok(sdp) => Ok((sdp, Offerer::Them)),
        Err(reject) => {
            // RFC 3261 §14.2: a refused change leaves the session as it was.
            audio.roll_back();
            Err(reject.into())
        }
    }
}
