//! A peer that calls: INVITE with or without an offer, patience or none, and what follows.

use holdfast_base::Mono;
use holdfast_wire::sip::digest::{
    Challenge, ClientNonce, Login, NonceCount, Protected, Protection,
};
use holdfast_wire::sip::{Host, Method, NameAddr, Request, Response, Status, Uri};
use std::net::SocketAddr;

use super::exchange::Asked;
use super::session::{Session, Stage};
use super::{Alarm, Hands, Peer, Role, words};
use crate::day::Habit;

impl Peer {
    /// Calls `target` at the box.
    pub(super) fn dial(&mut self, target: &str, hands: &mut Hands<'_>) {
        let id = self.number();
        let uri = Uri::sip(Some(target), Host::from(self.site.ip()), Some(self.site.port()));
        let user = match (&self.account, self.role) {
            (Some(account), _) => account.clone(),
            (None, Role::Carrier) => format!("+4917{id:06}"),
            (None, Role::Guest | Role::Phone) => format!("{}x{id}", self.name),
        };
        let mut session = self.session(id, &user, uri.clone());
        session.remote = format!("<{uri}>");
        let mut invite = words::within(&session, Method::Invite, 1);
        let offer = match hands.dice.below(20) {
            0..=2 => None,
            3 => Some((words::ODD, "sendrecv")),
            4 => Some((words::USUAL, "sendonly")),
            5 => Some((words::USUAL, "zero")),
            6..=9 => Some((words::WIDE, "sendrecv")),
            _ => Some((words::USUAL, "sendrecv")),
        };
        if let Some((types, direction)) = offer {
            session.direction = direction;
            session.said = words::description(session.rtp, session.version, types, direction);
            words::describe(&mut invite, &session.said);
        }
        let reliable = hands.dice.below(10);
        if reliable < 3 {
            let header = if reliable == 0 { "Require" } else { "Supported" };
            invite.headers.push(header, "100rel");
            session.acknowledges = true;
        }
        words::ask_for_a_timer(&mut invite.headers, hands.dice.below(4));
        let patience = match hands.dice.below(10) {
            _ if hands.habit == Habit::Deaf => hands.dice.ms(50, 4000),
            _ if matches!(hands.habit, Habit::NeverDecides | Habit::Vain) => {
                hands.dice.ms(60_000, 120_000)
            }
            0 => hands.dice.ms(0, 50),
            1 | 2 => hands.dice.ms(50, 5000),
            3 | 4 => hands.dice.ms(60_000, 120_000),
            _ => hands.dice.ms(5000, 60_000),
        };
        hands.wake(patience, Alarm::HangUp(id));
        session.gone = hands.odd(15);
        let often = matches!(hands.habit, Habit::Vain | Habit::Breaks);
        session.mute = hands.odd(if often { 600 } else { 60 });
        let key = self.ask(invite, Some(id), hands);
        session.stage = Stage::Calling { key, provisional: false, cancelled: None };
        self.sessions.insert(id, session);
    }

    /// A session of ours in which nothing has happened yet.
    pub(super) fn session(&mut self, id: u64, user: &str, target: Uri) -> Session {
        let tag = self.token("tag");
        let address = self.address;
        Session {
            id,
            call_id: format!("{}-{id}@{}", self.name, address.ip()),
            local: format!("<sip:{user}@{}>;tag={tag}", address.ip()),
            remote: String::new(),
            tag,
            target,
            cseq: 1,
            their_cseq: 0,
            answered_cseq: 0,
            said_bye: false,
            stage: Stage::Over,
            acknowledges: false,
            rseq: 0,
            caller: user.to_owned(),
            of_queue: false,
            rtp: SocketAddr::new(address.ip(), 30_000 + (id % 10_000) as u16 * 2),
            version: 1,
            direction: "sendrecv",
            said: String::new(),
            heard: None,
            changing: None,
            unacknowledged: None,
            last_ack: None,
            gone: false,
            stays_until: Mono::default(),
            mute: false,
            confirmed: false,
            unknown_to_the_box: false,
            heard_bye: false,
            logged_in: false,
        }
    }

    /// A provisional answer to a request of ours.
    pub(super) fn progressed(&mut self, asked: &Asked, response: &Response, hands: &mut Hands<'_>) {
        let Some(session) = asked.session.and_then(|id| self.sessions.get_mut(&id)) else { return };
        let Stage::Calling { provisional, cancelled, key } = &mut session.stage else { return };
        let (first, cancelled, key) =
            (!std::mem::replace(provisional, true), cancelled.is_some(), key.clone());
        if session.gone {
            return;
        }
        let to = response.headers.to().expect("a response has a To");
        if to.tag().is_some() {
            assert_ne!(response.status, Status::TRYING, "100 begins no dialog");
            session.remote = to.to_string();
            session.hear(&response.body);
        }
        if first && cancelled {
            return self.cancel(&key, hands); // RFC 3261 §9.1: not before a 1xx
        }
        if to.tag().is_none() {
            return;
        }
        let id = session.id;
        if response.headers.has("RSeq") && !self.acknowledge_early(id, response, hands) {
            return;
        }
        if hands.dice.chance(10) {
            // RFC 3261 §15: a caller may send BYE in an early dialog, though CANCEL is the custom.
            if let Some(session) = self.sessions.get_mut(&id) {
                session.said_bye = true;
            }
            self.ask_within(id, Method::Bye, None, hands);
        }
        if hands.odd_on(Habit::Talkative, 10, 300) {
            let after = hands.dice.ms(0, 5000);
            hands.wake(after, Alarm::Say(asked.request.print()));
        }
        let times = if hands.habit == Habit::Talkative { 4 } else { 1 };
        for _ in 0..times {
            self.interject(id, 30, hands);
        }
    }

    /// Acknowledges a reliable response (RFC 3262 §4). False when it came before, or out of order.
    fn acknowledge_early(&mut self, id: u64, response: &Response, hands: &mut Hands<'_>) -> bool {
        let Some(session) = self.sessions.get_mut(&id) else { return false };
        assert!(session.acknowledges, "RFC 3262 §3: reliable to somebody who can not acknowledge");
        assert!(response.headers.lists("Require", "100rel"), "RFC 3262 §3: it requires 100rel");
        let rseq = response.headers.rseq().expect("an RSeq that can be read").expect("an RSeq");
        if session.rseq != 0 && rseq != session.rseq + 1 {
            assert!(!hands.calm || rseq <= session.rseq, "RFC 3262 §3: one more each time");
            return false;
        }
        session.rseq = rseq;
        if self.keeps_back_its_prack(id, hands) {
            return true;
        }
        let Some(session) = self.sessions.get_mut(&id) else { return false };
        session.cseq += 1;
        let mut prack = words::within(session, Method::Prack, session.cseq);
        let cseq = response.headers.get("CSeq").expect("a response has a CSeq");
        prack.headers.push("RAck", format!("{rseq} {cseq}"));
        self.ask(prack, Some(id), hands);
        true
    }

    pub(super) fn cancel(&mut self, (branch, _): &(String, String), hands: &mut Hands<'_>) {
        let Some(asked) = self.asked.get(&(branch.clone(), "INVITE".to_owned())) else { return };
        let (invite, session) = (asked.request.clone(), asked.session);
        let mut cancel = Request::new(Method::Cancel, invite.uri.clone());
        for name in ["Via", "Max-Forwards", "From", "To", "Call-ID"] {
            cancel.headers.push(name, invite.headers.get(name).expect("our INVITE has it"));
        }
        let number = invite.headers.cseq().expect("our INVITE has it").number;
        cancel.headers.push("CSeq", format!("{number} CANCEL"));
        self.ask_as_it_is(cancel, branch.clone(), session, hands);
    }

    /// The final answer to our first INVITE.
    pub(super) fn invite_answered(
        &mut self,
        asked: &Asked,
        response: &Response,
        hands: &mut Hands<'_>,
    ) {
        let Some(id) = asked.session else { return };
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let Stage::Calling { cancelled, .. } = session.stage else { return };
        let cancelled = cancelled.is_some();
        if response.status == Status::UNAUTHORIZED && !session.logged_in && !cancelled {
            session.logged_in = true;
            return self.call_again_with_credentials(asked, response, id, hands);
        }
        if !response.status.is_success() {
            session.stage = Stage::Over;
            return;
        }
        session.take_dialog(response);
        session.stage = Stage::Up;
        session.hear_answer(response);
        assert!(!response.body.is_empty(), "a 200 to the first INVITE describes a session");
        let offerless = asked.request.body.is_empty();
        if session.gone {
            return;
        }
        let answer = offerless.then(|| words::read(&response.body));
        let answer = answer.and_then(|offered| {
            let refuse = hands.dice.chance(30);
            if refuse { None } else { offered.answer(session, hands.dice.chance(500)) }
        });
        self.interject(id, 60, hands);
        if !self.keeps_back_its_ack(id, 300, hands) {
            let cseq = asked.request.headers.cseq().expect("ours").number;
            self.acknowledge(id, cseq, answer, hands);
        }
        let Some(session) = self.sessions.get_mut(&id) else { return };
        if session.said_bye {
            session.stage = Stage::Over; // the 200 crossed our BYE
            return;
        }
        if cancelled {
            return self.hang_up(id, hands); // the 200 crossed our CANCEL
        }
        let talk = self.talk_time(hands);
        hands.wake(talk, Alarm::HangUp(id));
        let pause = hands.dice.ms(0, 6000);
        hands.wake(pause, Alarm::Act(id));
    }

    /// The ACK to a success: its own transaction, RFC 3261 §13.2.2.4.
    pub(super) fn acknowledge(
        &mut self,
        id: u64,
        cseq: u32,
        answer: Option<String>,
        hands: &mut Hands<'_>,
    ) {
        let branch = self.token("z9hG4bK");
        let (transport, address) = (self.transport, self.address);
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let mut ack = words::within(session, Method::Ack, cseq);
        let via = format!("SIP/2.0/{transport} {address};branch={branch};rport");
        ack.headers.push_front("Via", via);
        if let Some(answer) = answer {
            words::describe(&mut ack, &answer);
            session.said = answer;
        }
        let bytes = ack.print();
        session.confirmed = true;
        session.last_ack = Some((cseq, bytes.clone()));
        hands.sent.push(bytes);
    }

    /// A success that came again.
    pub(super) fn acknowledge_again(&mut self, response: &Response, hands: &mut Hands<'_>) {
        let (Ok(call_id), Ok(from)) = (response.headers.call_id(), response.headers.from()) else {
            return;
        };
        let tag = from.tag().unwrap_or_default();
        let Some(id) = self.session_of(&call_id, &tag) else { return };
        let Some(session) = self.sessions.get(&id) else { return };
        let cseq = response.headers.cseq().expect("ours").number;
        if let Some((number, ack)) = &session.last_ack
            && *number == cseq
            && !session.gone
        {
            hands.sent.push(ack.clone());
        }
    }

    fn call_again_with_credentials(
        &mut self,
        asked: &Asked,
        challenge: &Response,
        id: u64,
        hands: &mut Hands<'_>,
    ) {
        let mut invite = asked.request.clone();
        invite.headers.remove("Via");
        invite.headers.set("CSeq", "2 INVITE");
        if !self.authorise(&mut invite, challenge, hands) {
            if let Some(session) = self.sessions.get_mut(&id) {
                session.stage = Stage::Over;
            }
            return;
        }
        let key = self.ask(invite, Some(id), hands);
        if let Some(session) = self.sessions.get_mut(&id) {
            session.cseq = 2;
            session.stage = Stage::Calling { key, provisional: false, cancelled: None };
        }
    }

    /// Answers a challenge in a request; false when there is no account to do it with.
    pub(super) fn authorise(
        &mut self,
        request: &mut Request,
        challenge: &Response,
        hands: &mut Hands<'_>,
    ) -> bool {
        let Some(account) = self.account.clone() else { return false };
        let challenges: Vec<Challenge> = challenge
            .headers
            .all("WWW-Authenticate")
            .map(|value| Challenge::parse(&value).expect("a challenge that can be read"))
            .collect();
        let challenge = hands.dice.pick(&challenges).clone();
        let password = if !hands.calm && hands.dice.chance(10) {
            "wrong".to_owned()
        } else {
            format!("password of {account}")
        };
        let login = Login { username: &account, password: &password };
        let uri = request.uri.as_str().to_owned();
        let protected = Protected { method: &request.method, uri: &uri, body: &request.body };
        let client = challenge.qop.contains(&Protection::Auth).then(|| ClientNonce {
            qop: Protection::Auth,
            cnonce: format!("{:08x}", hands.dice.below(u64::MAX)),
            count: NonceCount::new(1),
        });
        let credentials = challenge.answer(&login, &protected, client);
        request.headers.set("Authorization", credentials.to_string());
        true
    }
}

impl Session {
    /// The dialog that a success begins.
    pub fn take_dialog(&mut self, response: &Response) {
        let to: NameAddr = response.headers.to().expect("a response has a To");
        assert!(to.tag().is_some(), "a success has a tag");
        self.remote = to.to_string();
        let contact = response.headers.contact().expect("a Contact that can be read");
        self.target = contact.expect("a success has a Contact").uri;
    }

    /// Takes the description in a success, unless the network let that of a later request of ours
    /// overtake it.
    pub fn hear_answer(&mut self, response: &Response) {
        let cseq = response.headers.cseq().expect("a CSeq").number;
        if cseq >= self.answered_cseq {
            self.answered_cseq = cseq;
            self.hear(&response.body);
        }
    }

    /// Takes a description of the box: with the same version it must say the same.
    pub fn hear(&mut self, body: &[u8]) {
        if body.is_empty() {
            return;
        }
        let version = words::read(body).version;
        if let Some((before, text)) = &self.heard {
            let same = text.as_slice() == body;
            assert!(
                version > *before || (version == *before && same),
                "RFC 3264 §8: another description under an old version\n{}\n{}",
                String::from_utf8_lossy(text),
                String::from_utf8_lossy(body)
            );
        }
        self.heard = Some((version, body.to_vec()));
    }
}
