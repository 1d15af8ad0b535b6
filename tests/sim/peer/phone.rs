//! A peer that is called: it registers, rings, answers, refuses, or does none of these.

use holdfast_core::sip::flow::Transport;
use holdfast_wire::sip::{Host, Method, Request, Response, Status, Uri};
use std::time::Duration;

use super::exchange::{Asked, GIVE_UP, key_of};
use super::session::{Stage, Unacknowledged};
use super::{Alarm, Hands, Peer, words};
use crate::day::Habit;

/// Between the queue's name and the caller's in what an agent's phone shows.
const QUEUE_MARK: char = '\u{2013}';

/// What a phone may answer instead of 200.
const REFUSALS: [u16; 12] = [486, 486, 600, 603, 603, 480, 480, 408, 404, 500, 488, 302];

/// What a phone knows of its registration.
#[derive(Debug, Default)]
pub struct Registration {
    cseq: u32,
    logged_in: bool,
}

impl Peer {
    /// Registers, or now and then takes the registration back.
    pub(super) fn register(&mut self, hands: &mut Hands<'_>) {
        let Some(account) = self.account.clone() else { return };
        self.registration.cseq += 1;
        self.registration.logged_in = false;
        let uri = Uri::sip(None, Host::from(self.site.ip()), Some(self.site.port()));
        let mut register = Request::new(Method::Register, uri);
        let site = self.site.ip();
        let tag = self.token("tag");
        let headers = &mut register.headers;
        headers.push("Max-Forwards", 70);
        headers.push("From", format!("<sip:{account}@{site}>;tag={tag}"));
        headers.push("To", format!("<sip:{account}@{site}>"));
        headers.push("Call-ID", format!("register-{}", self.name));
        headers.push("CSeq", format!("{} REGISTER", self.registration.cseq));
        let host = Host::from(self.address.ip());
        let contact = Uri::sip(Some(&account), host, Some(self.address.port()));
        headers.push("Contact", format!("<{}>", self.transport.written_into(contact)));
        let expires = if hands.dice.chance(60) { 0 } else { 60 + hands.dice.below(120) };
        headers.push("Expires", expires);
        self.ask(register, None, hands);
        let again = hands.dice.ms(10_000, 90_000);
        hands.wake(again, Alarm::Register);
    }

    /// The answer to a REGISTER.
    pub(super) fn registered(&mut self, asked: &Asked, response: &Response, hands: &mut Hands<'_>) {
        let challenged = response.status == Status::UNAUTHORIZED;
        if !challenged || self.registration.logged_in {
            return;
        }
        self.registration.logged_in = true;
        self.registration.cseq += 1;
        let mut again = asked.request.clone();
        again.headers.remove("Via");
        again.headers.set("CSeq", format!("{} REGISTER", self.registration.cseq));
        if self.authorise(&mut again, response, hands) {
            self.ask(again, None, hands);
        }
    }

    /// A call for us.
    pub(super) fn invited(&mut self, invite: &Request, hands: &mut Hands<'_>) {
        self.remember(invite);
        let from = invite.headers.from().expect("a From that can be read");
        let contact = invite.headers.contact().expect("a Contact that can be read");
        let contact = contact.expect("an INVITE has a Contact").uri;
        let id = self.number();
        let user = self.account.clone().unwrap_or_else(|| "mobile".to_owned());
        let mut session = self.session(id, &user, contact);
        session.call_id = invite.headers.call_id().expect("a Call-ID").into_owned();
        let to = invite.headers.to().expect("a To that can be read").with_tag(&session.tag);
        session.local = to.to_string();
        session.remote = from.to_string();
        session.their_cseq = invite.headers.cseq().expect("a CSeq").number;
        session.caller = from.uri.user_decoded().unwrap_or_default().into_owned();
        session.of_queue =
            from.display.as_ref().is_some_and(|display| display.contains(QUEUE_MARK));
        session.cseq = 100;
        session.hear(&invite.body);
        assert!(!invite.body.is_empty(), "the box calls with an offer");
        let mut provisional = false;
        if hands.dice.chance(500) {
            hands.sent.push(invite.response(Status::TRYING, None).print());
            provisional = true;
        }
        session.mute = hands.odd(60);
        self.may_break(40, 10_000, hands);
        let busy = self.sessions.values().any(|other| matches!(other.stage, Stage::Up));
        session.stage = Stage::Ringing { invite: invite.clone(), rung: None, provisional };
        self.sessions.insert(id, session);
        if busy && hands.dice.chance(700) {
            return hands.wake(Duration::ZERO, Alarm::Final(id, 486));
        }
        self.decide(id, hands);
    }

    fn decide(&mut self, id: u64, hands: &mut Hands<'_>) {
        let slow = hands.dice.chance(200); // slower than a device should ring
        let ring = if slow { hands.dice.ms(2500, 7000) } else { hands.dice.ms(0, 2000) };
        let answer = ring + hands.dice.ms(0, 12_000);
        let early = hands.dice.chance(150);
        let refusal = *hands.dice.pick(&REFUSALS);
        hands.wake(Duration::from_secs(90), Alarm::Final(id, 408));
        if hands.odd_on(Habit::NeverDecides, 0, 500) {
            return hands.wake(ring, Alarm::Ring(id, early));
        }
        if hands.odd_on(Habit::Breaks, 10, 400) {
            return self.dies_instead(id, hands);
        }
        if matches!(hands.habit, Habit::Refuses | Habit::Breaks) && hands.odd(700) {
            return self.refuses_late(id, hands);
        }
        if hands.odd_on(Habit::Vain, 0, 500) {
            if let Some(session) = self.sessions.get_mut(&id) {
                session.gone = true;
            }
            // About when the caller's longest wait is over.
            let after = hands.dice.ms(24_000, 36_000);
            return hands.wake(after, Alarm::Break);
        }
        match hands.dice.below(20) {
            0..=11 => {
                hands.wake(ring, Alarm::Ring(id, early));
                hands.wake(answer, Alarm::Final(id, 200));
            }
            12 => hands.wake(ring, Alarm::Final(id, 200)),
            13 | 14 => hands.wake(ring, Alarm::Final(id, refusal)),
            15 => {
                hands.wake(ring, Alarm::Ring(id, early));
                hands.wake(answer, Alarm::Final(id, refusal));
            }
            16..=18 => hands.wake(ring, Alarm::Ring(id, early)),
            _ => {
                if let Some(session) = self.sessions.get_mut(&id) {
                    session.gone = true;
                }
            }
        }
    }

    /// Alerts, with or without audio.
    pub(super) fn ring(&mut self, id: u64, early: bool, hands: &mut Hands<'_>) {
        let Some(session) = self.sessions.get_mut(&id).filter(|session| !session.gone) else {
            return;
        };
        let Stage::Ringing { invite, rung, provisional } = &mut session.stage else { return };
        *rung = Some(hands.now);
        *provisional = true;
        let invite = invite.clone();
        let status = if early { Status::SESSION_PROGRESS } else { Status::RINGING };
        let mut response = invite.response(status, Some(&session.tag));
        response.headers.push("Contact", format!("<sip:peer@{}>", self.address));
        if invite.headers.lists("Supported", "100rel") && hands.dice.chance(200) {
            session.rseq += 1;
            response.headers.push("Require", "100rel");
            response.headers.push("RSeq", session.rseq);
        }
        let said = if early { words::read(&invite.body).answer(session, true) } else { None };
        if let Some(said) = said {
            response.headers.push("Content-Type", "application/sdp");
            response.body = said.as_bytes().to_vec();
            session.said = said;
        }
        self.answer(&invite, &response, hands);
        if !early && hands.dice.chance(100) {
            let after = hands.dice.ms(200, 1500);
            hands.wake(after, Alarm::Ring(id, true));
        }
        self.interject(id, 60, hands);
        if hands.dice.chance(60) {
            // In the early dialog, where the box has to say something to everything.
            let methods = [Method::Options, Method::Update, Method::Invite];
            let method = hands.dice.pick(&methods).clone();
            self.ask_within(id, method, None, hands);
        }
    }

    /// The final answer to a call for us.
    pub(super) fn finish(&mut self, id: u64, status: u16, hands: &mut Hands<'_>) {
        let address = self.address;
        let Some(session) = self.sessions.get_mut(&id).filter(|session| !session.gone) else {
            return;
        };
        let Stage::Ringing { invite, .. } = &session.stage else { return };
        let invite = invite.clone();
        // The answer of a 183 stands: RFC 6337 §3.1.1.
        let answer = if session.said.is_empty() {
            words::read(&invite.body).answer(session, hands.dice.chance(500))
        } else {
            Some(session.said.clone())
        };
        let status = match (status, &answer) {
            (200, None) => 488,
            (status, _) => status,
        };
        let status = Status::new(status).expect("a status");
        let tag = session.tag.clone();
        let mut response = invite.response(status, Some(&tag));
        if status.is_success() {
            response.headers.push("Contact", format!("<sip:peer@{address}>"));
            let said = answer.expect("there is an answer");
            response.headers.push("Content-Type", "application/sdp");
            response.body = said.as_bytes().to_vec();
            session.said = said;
            session.stage = Stage::Up;
            if hands.dice.chance(300) {
                words::grant_a_timer(&invite, &mut response.headers);
            }
            let talk = self.talk_time(hands);
            hands.wake(talk, Alarm::HangUp(id));
            let pause = hands.dice.ms(0, 6000);
            hands.wake(pause, Alarm::Act(id));
        } else {
            if status == Status::MOVED_TEMPORARILY {
                response.headers.push("Contact", "<sip:elsewhere@192.0.2.1>");
            }
            session.stage = Stage::Refused;
        }
        self.answer_invite(id, &invite, &response, hands);
        if status.is_success() {
            self.interject(id, 60, hands);
            self.says_again(&response, hands);
            if hands.odd_on(Habit::Talkative, 20, 300) {
                let late = invite.response(Status::RINGING, Some(&tag)).print();
                let after = hands.dice.ms(0, 500);
                hands.wake(after, Alarm::Say(late));
            }
        }
        self.answer_as_a_fork(&invite, status, hands);
        self.may_break(60, 2000, hands);
    }

    /// Sends a final answer to an INVITE and repeats it until the ACK comes.
    pub(super) fn answer_invite(
        &mut self,
        id: u64,
        invite: &Request,
        response: &Response,
        hands: &mut Hands<'_>,
    ) {
        self.answer(invite, response, hands);
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let every = Duration::from_millis(500);
        session.unacknowledged = Some(Unacknowledged {
            bytes: response.print(),
            cseq: invite.headers.cseq().expect("a CSeq").number,
            every,
            until: hands.now + GIVE_UP,
            success: response.status.is_success(),
        });
        hands.wake(every, Alarm::AnswerAgain(id));
    }

    pub(super) fn answer_again(&mut self, id: u64, hands: &mut Hands<'_>) {
        let udp = self.transport == Transport::Udp;
        let Some(session) = self.sessions.get_mut(&id).filter(|session| !session.gone) else {
            return;
        };
        let Some(waiting) = &mut session.unacknowledged else { return };
        if waiting.until <= hands.now {
            let success = waiting.success;
            session.unacknowledged = None;
            match (success, &session.stage) {
                // RFC 3261 §13.3.1.4: no ACK, so the session ends with a BYE.
                (true, Stage::Up) => self.hang_up(id, hands),
                (true, _) => {}
                (false, _) => session.stage = Stage::Over,
            }
            return;
        }
        if udp || waiting.success {
            hands.sent.push(waiting.bytes.clone());
        }
        waiting.every = (waiting.every * 2).min(Duration::from_secs(4));
        let every = waiting.every;
        hands.wake(every, Alarm::AnswerAgain(id));
    }

    /// The caller of a call for us gave up.
    pub(super) fn cancelled(&mut self, cancel: &Request, hands: &mut Hands<'_>) {
        let (branch, _) = key_of(cancel);
        let of = |invite: &Request| key_of(invite).0 == branch;
        let found = self.sessions.values_mut().find(|session| match &session.stage {
            Stage::Ringing { invite, .. } => of(invite),
            _ => false,
        });
        let known = self.answered.contains_key(&(branch.clone(), "INVITE".to_owned()));
        let Some(session) = found else {
            let status = if known { Status::OK } else { Status::CALL_DOES_NOT_EXIST };
            return self.say(cancel, status, hands);
        };
        if session.gone {
            return;
        }
        let Stage::Ringing { invite, provisional, .. } = &session.stage else { return };
        // A box that was restarted can not know what it heard before.
        let may = *provisional || !hands.calm;
        assert!(may, "RFC 3261 §9.1: CANCEL before any provisional response");
        let (id, invite) = (session.id, invite.clone());
        let response = invite.response(Status::REQUEST_TERMINATED, Some(&session.tag));
        let again = invite.response(Status::RINGING, Some(&session.tag)).print();
        if hands.odd(150) {
            hands.sent.push(again);
        }
        let deaf = matches!(hands.habit, Habit::Deaf | Habit::Vain);
        if hands.odd(if deaf { 500 } else { 20 }) {
            self.say(cancel, Status::OK, hands);
            let after = hands.dice.ms(1000, 40_000);
            return hands.wake(after, Alarm::Final(id, 487));
        }
        self.interject(id, 300, hands);
        self.answer_as_a_fork(&invite, response.status, hands);
        let Some(session) = self.sessions.get_mut(&id) else { return };
        session.stage = Stage::Refused;
        self.say(cancel, Status::OK, hands);
        self.answer_invite(id, &invite, &response, hands);
    }
}
