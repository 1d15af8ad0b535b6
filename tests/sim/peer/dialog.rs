//! What both sides do inside a dialog: hold, resume, ask, hang up, cross each other.

use holdfast_wire::sip::{Method, Request, Response, Status};
use std::time::Duration;

use super::exchange::{Asked, GIVE_UP};
use super::session::Stage;
use super::{Alarm, Hands, Peer, negotiates, words};
use crate::day::Habit;

impl Peer {
    /// A request of the box.
    pub(super) fn take_request(&mut self, request: &Request, hands: &mut Hands<'_>) {
        let to = request.headers.to().expect("a To that can be read");
        let call_id = request.headers.call_id().expect("a Call-ID").into_owned();
        let session = to.tag().and_then(|tag| self.session_of(&call_id, &tag));
        let gone = session.is_some_and(|id| self.sessions.get(&id).is_some_and(|s| s.gone));
        if gone {
            return;
        }
        if request.method == Method::Ack {
            return self.acknowledged(&call_id, request, hands);
        }
        if self.heard_before(request, hands) {
            return;
        }
        match (&request.method, session) {
            (Method::Invite, None) if to.tag().is_none() => self.invited(request, hands),
            (Method::Cancel, _) => self.cancelled(request, hands),
            (Method::Options, None) => self.say(request, Status::OK, hands),
            (_, None) => self.say(request, Status::CALL_DOES_NOT_EXIST, hands),
            (_, Some(id)) => self.take_within(id, request, hands),
        }
    }

    fn take_within(&mut self, id: u64, request: &Request, hands: &mut Hands<'_>) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let cseq = request.headers.cseq().expect("a CSeq").number;
        if hands.calm {
            assert!(cseq > session.their_cseq, "RFC 3261 §12.2.1.1: CSeq goes up by one each time");
        }
        session.their_cseq = session.their_cseq.max(cseq);
        match (&request.method, &session.stage) {
            (Method::Bye, Stage::Up | Stage::Ringing { .. } | Stage::Over) => {
                assert!(
                    session.confirmed || session.last_ack.is_none() || !hands.calm,
                    "RFC 3261 §15: BYE before our ACK"
                );
                session.stage = Stage::Over;
                session.heard_bye = true;
                session.unacknowledged = None;
                self.may_break(60, 4000, hands);
                let Some(session) = self.sessions.get_mut(&id) else { return };
                if hands.dice.chance(if hands.habit == Habit::Breaks { 500 } else { 100 }) {
                    let copies = if hands.odd(300) { 2 } else { 1 };
                    for _ in 0..copies {
                        hands.sent.push(request.response(Status::TRYING, None).print());
                    }
                    if hands.odd_on(Habit::Breaks, 50, 500) {
                        let after = hands.dice.ms(0, 400);
                        return hands.wake(after, Alarm::Break);
                    }
                    session.gone = !hands.calm && hands.dice.chance(300);
                    if session.gone {
                        return;
                    }
                }
                self.say(request, Status::OK, hands);
            }
            (_, Stage::Over | Stage::Refused) => {
                self.say(request, Status::CALL_DOES_NOT_EXIST, hands);
            }
            (Method::Invite, Stage::Up) => self.reinvited(id, request, hands),
            (Method::Update, Stage::Up) => {
                let mut response = request.response(Status::OK, None);
                response.headers.push("Contact", format!("<sip:peer@{}>", self.address));
                words::grant_a_timer(request, &mut response.headers);
                self.answer(request, &response, hands);
            }
            (Method::Prack, _) => {
                let rack = request.headers.rack().expect("an RAck that can be read");
                let rack = rack.expect("RFC 3262 §7.2: a PRACK says what it acknowledges");
                assert!((1..=session.rseq).contains(&rack.response), "RFC 3262 §4: of this dialog");
                self.say(request, Status::OK, hands);
            }
            (_, Stage::Calling { .. } | Stage::Ringing { .. } | Stage::Up) => {
                self.say(request, Status::OK, hands);
            }
        }
    }

    fn reinvited(&mut self, id: u64, request: &Request, hands: &mut Hands<'_>) {
        let address = self.address;
        if self.answers_too_late(id, request, hands) {
            return;
        }
        self.interject(id, 150, hands);
        let Some(session) = self.sessions.get_mut(&id) else { return };
        if session.changing.is_some() {
            // RFC 3261 §14.2.
            let response = request.response(Status::REQUEST_PENDING, None);
            return self.answer_invite(id, request, &response, hands);
        }
        if hands.dice.chance(300) {
            hands.sent.push(request.response(Status::TRYING, None).print());
        }
        let refusal = match hands.dice.below(60) {
            0 => Some(Status::NOT_ACCEPTABLE_HERE),
            1 => Some(Status::SERVER_ERROR),
            2 => Some(Status::REQUEST_PENDING),
            _ => None,
        };
        if let Some(status) = refusal {
            let response = request.response(status, None);
            return self.answer_invite(id, request, &response, hands);
        }
        let said = if request.body.is_empty() {
            session.version += 1;
            let (rtp, version) = (session.rtp, session.version);
            Some(words::description(rtp, version, words::USUAL, session.direction))
        } else {
            session.hear(&request.body);
            session.version += 1;
            words::read(&request.body).answer(session, false)
        };
        let Some(said) = said else {
            let response = request.response(Status::NOT_ACCEPTABLE_HERE, None);
            return self.answer_invite(id, request, &response, hands);
        };
        let mut response = request.response(Status::OK, None);
        response.headers.push("Contact", format!("<sip:peer@{address}>"));
        response.headers.push("Content-Type", "application/sdp");
        response.body = said.as_bytes().to_vec();
        session.said = said;
        words::grant_a_timer(request, &mut response.headers);
        self.answer_invite(id, request, &response, hands);
        self.says_again(&response, hands);
    }

    fn acknowledged(&mut self, call_id: &str, ack: &Request, hands: &mut Hands<'_>) {
        let to = ack.headers.to().expect("a To that can be read");
        let Some(id) = to.tag().and_then(|tag| self.session_of(call_id, &tag)) else { return };
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let cseq = ack.headers.cseq().expect("a CSeq").number;
        if session.unacknowledged.as_ref().is_some_and(|waiting| waiting.cseq == cseq) {
            session.unacknowledged = None;
            if matches!(session.stage, Stage::Refused) {
                session.stage = Stage::Over;
            }
        }
        session.hear(&ack.body);
        let _ = hands;
    }

    /// How long a party talks.
    pub(super) fn talk_time(&self, hands: &mut Hands<'_>) -> Duration {
        if hands.habit == Habit::KeepsAck || hands.dice.chance(150) {
            return hands.dice.ms(40_000, 120_000);
        }
        hands.dice.ms(500, 45_000)
    }

    /// Does something in a dialog that stands, and plans the next thing.
    pub(super) fn act(&mut self, id: u64, hands: &mut Hands<'_>) {
        let Some(session) = self.sessions.get_mut(&id).filter(|session| !session.gone) else {
            return;
        };
        if !matches!(session.stage, Stage::Up) {
            return;
        }
        if !hands.calm && hands.dice.chance(20) {
            session.gone = true; // the phone fell into the water
            return;
        }
        let pause = hands.dice.ms(300, 8000);
        hands.wake(pause, Alarm::Act(id));
        let settled = session.changing.is_none() && session.unacknowledged.is_none();
        match hands.dice.below(10) {
            0 | 1 if settled => self.offer_again(id, Method::Invite, "sendonly", hands),
            2 if settled => self.offer_again(id, Method::Invite, "inactive", hands),
            3 if settled => self.offer_again(id, Method::Invite, "zero", hands),
            4 | 5 if settled => self.offer_again(id, Method::Invite, "sendrecv", hands),
            6 if settled => self.offer_again(id, Method::Update, "sendrecv", hands),
            7 if settled => {
                let key = self.ask_within(id, Method::Invite, None, hands);
                if let Some(session) = self.sessions.get_mut(&id) {
                    session.changing = key;
                }
            }
            8 => {
                self.ask_within(id, Method::Options, None, hands);
            }
            9 => {
                self.ask_within(id, Method::Info, None, hands);
            }
            _ => {}
        }
    }

    fn offer_again(
        &mut self,
        id: u64,
        method: Method,
        direction: &'static str,
        hands: &mut Hands<'_>,
    ) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        session.version += 1;
        session.direction = direction;
        let (rtp, version) = (session.rtp, session.version);
        let said = words::description(rtp, version, words::USUAL, direction);
        session.said.clone_from(&said);
        let key = self.ask_within(id, method, Some(said), hands);
        if let Some(session) = self.sessions.get_mut(&id) {
            session.changing = key;
        }
    }

    /// Sends a request inside a dialog.
    pub(super) fn ask_within(
        &mut self,
        id: u64,
        method: Method,
        said: Option<String>,
        hands: &mut Hands<'_>,
    ) -> Option<super::exchange::Key> {
        let session = self.sessions.get_mut(&id)?;
        session.cseq += 1;
        let mut request = words::within(session, method, session.cseq);
        if let Some(said) = said {
            words::describe(&mut request, &said);
        }
        Some(self.ask(request, Some(id), hands))
    }

    /// Ends a session of ours, however far it got.
    pub(super) fn hang_up(&mut self, id: u64, hands: &mut Hands<'_>) {
        let Some(session) = self.sessions.get_mut(&id).filter(|session| !session.gone) else {
            return;
        };
        match &mut session.stage {
            Stage::Calling { key, provisional, cancelled } => {
                if let Some(since) = *cancelled {
                    // RFC 3261 §9.1: no answer 64·T1 after the CANCEL, so there will be none.
                    if hands.now.since(since) >= GIVE_UP {
                        session.stage = Stage::Over;
                    }
                    return;
                }
                *cancelled = Some(hands.now);
                hands.wake(GIVE_UP, Alarm::HangUp(id));
                let (key, provisional) = (key.clone(), *provisional);
                if provisional {
                    self.cancel(&key, hands);
                }
            }
            Stage::Up if hands.now < session.stays_until && !self.closing => {}
            Stage::Up => {
                session.stage = Stage::Over;
                self.ask_within(id, Method::Bye, None, hands);
                self.ask_after_the_end(id, hands);
            }
            Stage::Ringing { .. } => self.finish(id, 480, hands),
            Stage::Refused | Stage::Over => {}
        }
    }

    /// The final answer to a request of ours.
    pub(super) fn answered_finally(
        &mut self,
        asked: &Asked,
        response: &Response,
        hands: &mut Hands<'_>,
    ) {
        if asked.request.method == Method::Register {
            return self.registered(asked, response, hands);
        }
        let Some(id) = asked.session else { return };
        let Some(session) = self.sessions.get_mut(&id) else { return };
        if session.began_with(asked) {
            return self.invite_answered(asked, response, hands);
        }
        if asked.request.method == Method::Bye {
            let unknown = response.status == Status::CALL_DOES_NOT_EXIST;
            session.unknown_to_the_box |= unknown && session.confirmed;
            return;
        }
        if !negotiates(&asked.request.method) {
            return;
        }
        session.changing = None;
        if session.gone {
            return;
        }
        if !response.status.is_success() {
            return;
        }
        if asked.request.method == Method::Update {
            session.hear_answer(response);
            return;
        }
        session.take_dialog(response);
        session.hear_answer(response);
        let answer = if asked.request.body.is_empty() {
            session.version += 1;
            words::read(&response.body).answer(session, false)
        } else {
            None
        };
        let cseq = asked.request.headers.cseq().expect("ours").number;
        self.interject(id, 40, hands);
        if !self.keeps_back_its_ack(id, 700, hands) {
            self.acknowledge(id, cseq, answer, hands);
        }
    }

    /// Nobody answered a request of ours.
    pub(super) fn unanswered(&mut self, asked: &Asked, hands: &mut Hands<'_>) {
        let Some(session) = asked.session.and_then(|id| self.sessions.get_mut(&id)) else { return };
        match (&asked.request.method, &session.stage) {
            (Method::Invite, Stage::Calling { .. }) if session.began_with(asked) => {
                session.stage = Stage::Over;
            }
            (Method::Invite | Method::Update, Stage::Up) => {
                // RFC 3261 §12.2.1.2: a request that times out ends the dialog.
                session.changing = None;
                let id = session.id;
                self.hang_up(id, hands);
            }
            (Method::Cancel, Stage::Calling { .. }) => session.stage = Stage::Over,
            _ => {}
        }
    }
}
