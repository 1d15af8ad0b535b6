//! What a party makes of what the box sends.

use holdfast_base::Mono;
use std::time::Duration;

use crate::digest;
use crate::peer::{Act, Peer};
use crate::session::{Session, State};
use crate::text::{cseq, header, is_response, lines, start, uri};
use crate::wires::{Fate, Until};

/// Between the answer that refuses a change for now and the second try: RFC 3261 §14.1.
const AGAIN: Duration = Duration::from_millis(2_300);

impl Peer {
    pub fn hear(&mut self, now: Mono, message: &str) {
        match self.wires.take(message) {
            Fate::Unknown => panic!("{}: this answers nothing:\n{message}", self.name),
            Fate::Copy if is_response(message) => self.hear_again(message),
            Fate::Copy => {}
            Fate::New if is_response(message) => self.hear_response(now, message),
            Fate::New => self.hear_request(now, message),
        }
    }

    /// RFC 3261 §13.2.2.4: every 200 to an INVITE gets an ACK.
    fn hear_again(&mut self, message: &str) {
        let invite = cseq(message).1 == "INVITE" && message.starts_with("SIP/2.0 2");
        if let Some(at) = self.session_of(message).filter(|_| invite) {
            self.acknowledge(at, message);
        }
    }

    fn acknowledge(&mut self, at: usize, response: &str) {
        let sent = self.sessions[at].invite.clone();
        // An offer in the 200 is answered in the ACK.
        let asked = sent.ends_with("\r\n\r\n");
        let body = if asked { self.describe(at, self.sessions[at].wish) } else { String::new() };
        let ack = self.request(at, "ACK", &[], &body);
        assert_eq!(cseq(&ack).0, cseq(response).0, "{}: a 200 of another time", self.name);
        self.wires.out.push(ack);
    }

    fn hear_response(&mut self, now: Mono, message: &str) {
        let code: u16 = start(message)["SIP/2.0 ".len()..][..3].parse().expect("a status");
        let method = cseq(message).1.to_owned();
        if (code == 401 || code == 407) && self.answered.insert(method.clone()) {
            return self.authorise(now, message);
        }
        let Some(at) = self.session_of(message) else { return };
        let first = self.sessions[at].state == State::Early;
        match (method.as_str(), code) {
            ("INVITE", 100..=199) => self.hear_progress(now, at, message),
            ("INVITE", 200..=299) => self.hear_success(now, at, message),
            ("INVITE", _) if first => {
                self.sessions[at].state = State::Over;
            }
            ("INVITE", 481 | 408) => self.sessions[at].state = State::Over,
            ("INVITE", _) => {
                let session = &mut self.sessions[at];
                (session.open, session.offered) = (None, None);
                if matches!(code, 491 | 500) {
                    let way = session.wish.word();
                    self.wishes.push((now + AGAIN, Act::Change(way)));
                }
            }
            ("UPDATE", 200) => {
                let _ = self.sessions[at].hear(message);
            }
            ("UPDATE", 491 | 500) => {
                let session = &mut self.sessions[at];
                session.offered = None;
                let way = session.wish.word();
                self.wishes.push((now + AGAIN, Act::Update(way)));
            }
            ("BYE", 200..) => self.sessions[at].state = State::Over,
            (_, 481 | 408) => self.sessions[at].state = State::Over,
            (_, _) => {}
        }
        let again = if first { "" } else { "re-" };
        let prefix = if method == "INVITE" { again } else { "" };
        self.event(now, &format!("{code} {prefix}{method}"));
    }

    fn authorise(&mut self, now: Mono, challenge: &str) {
        let offered = lines(challenge, "WWW-Authenticate");
        let offered = offered.iter().find(|line| line.contains("MD5")).expect("MD5 is offered");
        let method = cseq(challenge).1.to_owned();
        let (old, at) = match self.session_of(challenge) {
            Some(at) => (self.sessions[at].invite.clone(), Some(at)),
            None => (self.registering(), None),
        };
        let target = start(&old).split(' ').nth(1).expect("a URI").to_owned();
        let password = format!("password of {}", self.user);
        let answer = digest::credentials(offered, &method, &target, self.user, &password);
        let via = self.via();
        let number = cseq(&old).0 + 1;
        let text = old
            .replace(header(&old, "Via"), &via)
            .replace(&format!("CSeq: {} ", cseq(&old).0), &format!("CSeq: {number} "))
            .replace("Max-Forwards", &format!("Authorization: {answer}\r\nMax-Forwards"));
        if let Some(at) = at {
            let session = &mut self.sessions[at];
            session.number = number;
            session.invite.clone_from(&text);
            session.progressed = false;
        }
        self.wires.ask(now, text);
    }

    fn registering(&mut self) -> String {
        let mut again = Self::new(self.name, &self.address.to_string(), self.user);
        again.register(Mono::from_micros(0));
        again.wires.out.pop().expect("a REGISTER")
    }

    fn hear_progress(&mut self, now: Mono, at: usize, message: &str) {
        if self.sessions[at].state != State::Early {
            return;
        }
        self.sessions[at].progressed = true;
        if self.sessions[at].to_cancel {
            self.cancel(now, at);
        }
        if header(message, "To").contains(";tag=") {
            self.sessions[at].learn(message, "To");
        }
        let Some(rseq) = lines(message, "RSeq").first().map(|it| (*it).to_owned()) else {
            let _ = self.sessions[at].hear(&message.replace("application/sdp", "a preview"));
            return;
        };
        let rseq: u32 = rseq.parse().expect("a number");
        let session = &mut self.sessions[at];
        // RFC 3262 §4: in their order; a later one waits for the copy of the one before.
        if session.rseq != 0 && rseq != session.rseq + 1 {
            return;
        }
        session.rseq = rseq;
        let _ = session.hear(message);
        let more = [format!("RAck: {rseq} {}", header(message, "CSeq"))];
        let prack = self.request(at, "PRACK", &more, "");
        self.wires.ask(now, prack);
    }

    fn hear_success(&mut self, now: Mono, at: usize, message: &str) {
        let state = self.sessions[at].state;
        self.sessions[at].learn(message, "To");
        let asked = self.sessions[at].invite.ends_with("\r\n\r\n");
        if asked {
            let answer = self.sessions[at].hear(message).expect("an offer of theirs");
            self.sessions[at].agreed = Some(answer);
        } else {
            // The same answer may have come in a reliable 18x.
            let _ = self.sessions[at].hear(message);
        }
        self.sessions[at].open = None;
        self.acknowledge(at, message);
        if state == State::Early {
            self.sessions[at].state = State::Talking;
        }
        if self.sessions[at].to_cancel {
            self.bye(now, at);
        }
    }

    fn hear_request(&mut self, now: Mono, message: &str) {
        let method = start(message).split(' ').next().expect("a method").to_owned();
        let Some(at) = self.session_of(message) else {
            return match method.as_str() {
                "INVITE" => self.called(now, message),
                // The last ACK of a dialog that is over, or of one that was never ours.
                "ACK" => {}
                _ => self.say(now, usize::MAX, message, 481),
            };
        };
        if method == "CANCEL" {
            return self.cancelled(now, at, message);
        }
        if matches!(self.sessions[at].state, State::Over) && method != "ACK" {
            return self.say(now, at, message, 481);
        }
        if !self.sessions[at].in_order(message) {
            return self.say(now, at, message, 500);
        }
        match method.as_str() {
            "ACK" => {
                if let Some(agreed) = self.sessions[at].hear(message) {
                    self.sessions[at].agreed = Some(agreed);
                }
                self.event(now, "ACK");
            }
            "BYE" => {
                self.say(now, at, message, 200);
                if self.sessions[at].state == State::Early && !self.sessions[at].calling {
                    let invite = self.sessions[at].invite.clone();
                    self.say(now, at, &invite, 487);
                }
                self.sessions[at].state = State::Over;
                self.event(now, "BYE");
            }
            "INVITE" | "UPDATE" => self.changed(now, at, message),
            "PRACK" => {
                let rack = header(message, "RAck").split(' ').next().expect("a number");
                let call_id = header(message, "Call-ID").to_owned();
                self.wires.end(&Until::Prack(call_id, rack.parse().expect("a number")));
                self.say(now, at, message, 200);
                self.event(now, "PRACK");
            }
            "NOTIFY" => {
                self.say(now, at, message, 200);
                let body = message.split_once("\r\n\r\n").map_or("", |(_, body)| body);
                let told = body.split(' ').nth(1).unwrap_or("").to_owned();
                self.event(now, &format!("NOTIFY {told}"));
            }
            _ => self.say(now, at, message, 405),
        }
    }

    fn say(&mut self, now: Mono, at: usize, request: &str, code: u16) {
        let response = self.response(at, request, code, &[], "");
        self.wires.answer(now, request, response);
    }

    fn called(&mut self, now: Mono, invite: &str) {
        assert!(!header(invite, "To").contains(";tag="), "a dialog of nobody's:\n{invite}");
        let number = self.sessions.len();
        let local = format!("{};tag={}-{number}", header(invite, "To"), self.name);
        let call_id = header(invite, "Call-ID").to_owned();
        let mut session =
            Session::new(call_id, local, header(invite, "From").to_owned(), self.next_port());
        uri(header(invite, "Contact")).clone_into(&mut session.target);
        session.theirs = cseq(invite).0;
        invite.clone_into(&mut session.invite);
        self.sessions.push(session);
        self.say(now, number, invite, 100);
        self.event(now, "INVITE");
    }

    fn cancelled(&mut self, now: Mono, at: usize, cancel: &str) {
        let open = self.wires.cancelled(cancel);
        self.say(now, at, cancel, 200);
        if let Some(invite) = open {
            self.wires.end_provisional(header(&invite, "Call-ID"));
            self.say(now, at, &invite, 487);
            self.sessions[at].state = State::Over;
        }
        self.event(now, "CANCEL");
    }

    /// A change of the session by the box.
    fn changed(&mut self, now: Mono, at: usize, message: &str) {
        let busy = self.sessions[at].open.is_some() || self.sessions[at].offered.is_some();
        let offers = !message.ends_with("\r\n\r\n");
        if busy && (offers || message.starts_with("INVITE")) {
            return self.say(now, at, message, 491);
        }
        self.sessions[at].learn(message, "From");
        let body = match self.sessions[at].hear(message) {
            Some(way) => {
                self.sessions[at].agreed = Some(way);
                self.describe(at, way)
            }
            None => String::new(),
        };
        let response = self.response(at, message, 200, &[], &body);
        self.wires.answer(now, message, response);
        self.event(now, if message.starts_with("INVITE") { "re-INVITE" } else { "UPDATE" });
    }
}
