//! A party: a strict user agent of RFC 3261 that follows a script and dies of what is not allowed.
//!
//! What a script says happens once, some time after an event. All the rest, from ACK to the second
//! try after a 491, a party does by itself.

use holdfast_base::Mono;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use crate::session::{Session, State, Way};
use crate::text::{cseq, header, is_response, lines, start, uri};
use crate::wires::{Missing, Until, Wires};

/// What a script has a party do.
#[derive(Clone, Debug)]
pub enum Act {
    /// Calls, with these header fields besides; with an offer or without.
    Call { to: &'static str, more: &'static str, offer: bool },
    /// Gives up what it has called.
    Cancel,
    /// 180; with `reliably` to be acknowledged (RFC 3262).
    Ring { reliably: bool },
    /// 183 with a description.
    Early { reliably: bool },
    /// 200.
    Answer,
    /// 200 of another phone behind the same proxy, with a tag of its own.
    AnswerElsewhere,
    /// A refusal.
    Refuse(u16),
    /// Hangs up.
    Bye,
    /// A re-INVITE with this direction.
    Change(&'static str),
    /// A re-INVITE without an offer.
    Ask,
    /// UPDATE with this direction.
    Update(&'static str),
    /// UPDATE without a body.
    Refresh,
    /// Asks that the other party talk to this one.
    Refer(&'static str),
}

/// At `after` seconds behind the event, once.
#[derive(Clone, Debug)]
pub struct Rule {
    pub on: &'static str,
    pub after: f64,
    pub act: Act,
}

/// A party.
#[derive(Debug)]
pub struct Peer {
    pub name: &'static str,
    pub address: SocketAddr,
    pub user: &'static str,
    pub wires: Wires,
    pub sessions: Vec<Session>,
    rules: Vec<Rule>,
    pub wishes: Vec<(Mono, Act)>,
    counted: u32,
    /// Answers to a challenge, each of which is given once.
    pub answered: BTreeSet<String>,
}

impl Peer {
    pub fn new(name: &'static str, address: &str, user: &'static str) -> Self {
        Self {
            name,
            address: address.parse().expect("an address"),
            user,
            wires: Wires::default(),
            sessions: Vec::new(),
            rules: Vec::new(),
            wishes: Vec::new(),
            counted: 0,
            answered: BTreeSet::new(),
        }
    }

    pub fn follow(&mut self, rules: Vec<Rule>) {
        self.rules = rules;
    }

    /// Asks the box to know where it is.
    pub fn register(&mut self, now: Mono) {
        let (via, user, at) = (self.via(), self.user, self.address);
        let name = self.name;
        self.wires.ask(
            now,
            format!(
                "REGISTER sip:one.example SIP/2.0\r\nVia: {via}\r\nMax-Forwards: 70\r\n\
                 From: <sip:{user}@one.example>;tag={name}\r\nTo: <sip:{user}@one.example>\r\n\
                 Call-ID: register-{name}\r\nCSeq: 1 REGISTER\r\nContact: <sip:{user}@{at}>\r\n\
                 Expires: 3600\r\nContent-Length: 0\r\n\r\n"
            ),
        );
    }

    /// Something happened: what the script says about it is noted.
    pub fn event(&mut self, now: Mono, event: &str) {
        let due = |rule: &Rule| rule.on == event;
        let (fit, left): (Vec<_>, Vec<_>) = self.rules.drain(..).partition(due);
        self.rules = left;
        for rule in fit {
            self.wishes.push((now + Duration::from_secs_f64(rule.after), rule.act));
        }
    }

    pub fn deadline(&self) -> Option<Mono> {
        let wishes = self.wishes.iter().map(|(at, _)| *at).min();
        [wishes, self.wires.deadline()].into_iter().flatten().min()
    }

    pub fn handle_deadline(&mut self, now: Mono, others: &[(&'static str, String)]) {
        let (due, left): (Vec<_>, Vec<_>) = self.wishes.drain(..).partition(|(at, _)| *at <= now);
        self.wishes = left;
        for (_, act) in due {
            self.act(now, act, others);
        }
        for missing in self.wires.handle_deadline(now) {
            self.missed(now, missing);
        }
    }

    fn missed(&mut self, now: Mono, missing: Missing) {
        match missing {
            Missing::Answer(request) => {
                let Some(at) = self.session_of(&request) else { return };
                // RFC 3261 §12.2.1.2: as a 408, which ends the dialog.
                self.sessions[at].state = State::Over;
            }
            Missing::End(Until::Ack(call_id, _)) => {
                // RFC 3261 §13.3.1.4.
                let named =
                    |known: &Session| call_id == format!("{} {}", known.call_id, known.tag());
                let at = self.sessions.iter().position(named);
                if let Some(at) = at.filter(|at| self.sessions[*at].state == State::Talking) {
                    self.bye(now, at);
                }
            }
            Missing::End(Until::Prack(..)) => panic!("{}: no PRACK ever came", self.name),
        }
    }

    pub fn via(&mut self) -> String {
        self.counted += 1;
        format!("SIP/2.0/UDP {};branch=z9hG4bK-{}-{}", self.address, self.name, self.counted)
    }

    pub fn request(&mut self, at: usize, method: &str, more: &[String], body: &str) -> String {
        let via = self.via();
        let session = &mut self.sessions[at];
        if method != "ACK" {
            session.number += 1;
        }
        let number = if method == "ACK" { cseq(&session.invite).0 } else { session.number };
        let mut said = vec![
            format!("{method} {} SIP/2.0", session.target),
            format!("Via: {via}"),
            "Max-Forwards: 70".to_owned(),
            format!("From: {}", session.local),
            format!("To: {}", session.remote),
            format!("Call-ID: {}", session.call_id),
            format!("CSeq: {number} {method}"),
            format!("Contact: <sip:{}@{}>", self.user, self.address),
        ];
        said.extend(more.iter().cloned());
        finish(said, body)
    }

    pub fn response(
        &self,
        at: usize,
        request: &str,
        code: u16,
        more: &[&str],
        body: &str,
    ) -> String {
        let local = self.sessions.get(at).map(|session| session.local.clone());
        let mut said = vec![format!("SIP/2.0 {code} Said")];
        said.extend(lines(request, "Via").iter().map(|via| format!("Via: {via}")));
        said.push(format!("From: {}", header(request, "From")));
        let to = header(request, "To");
        let tagged = to.contains(";tag=") || code == 100;
        said.push(format!("To: {}", if tagged { to } else { local.as_deref().unwrap_or(to) }));
        for name in ["Call-ID", "CSeq"] {
            said.push(format!("{name}: {}", header(request, name)));
        }
        said.push(format!("Contact: <sip:{}@{}>", self.user, self.address));
        said.extend(more.iter().map(|line| (*line).to_owned()));
        finish(said, body)
    }

    pub fn describe(&mut self, at: usize, way: Way) -> String {
        let (name, host) = (self.name, self.address.ip().to_string());
        self.sessions[at].describe(name, &host, way)
    }

    /// An offer of what it wants.
    fn offer(&mut self, at: usize) -> String {
        let way = self.sessions[at].wish;
        self.sessions[at].offered = Some(way);
        self.describe(at, way)
    }

    fn current(&self) -> Option<usize> {
        self.sessions.iter().rposition(|session| session.state != State::Over)
    }

    /// The session of this message: of two behind one proxy, the one with our tag.
    pub fn session_of(&self, message: &str) -> Option<usize> {
        let call_id = header(message, "Call-ID");
        let ours = header(message, if is_response(message) { "From" } else { "To" });
        let exact = |session: &Session| session.call_id == call_id && session.local == ours;
        let exact = self.sessions.iter().position(exact);
        exact.or_else(|| self.sessions.iter().position(|session| session.call_id == call_id))
    }

    fn act(&mut self, now: Mono, act: Act, others: &[(&'static str, String)]) {
        if let Act::Call { to, more, offer } = act {
            return self.call(now, to, &filled(more, others), offer);
        }
        let Some(at) = self.current() else { return };
        let state = self.sessions[at].state;
        let invite = self.sessions[at].invite.clone();
        match act {
            Act::Call { .. } => {}
            Act::Cancel => self.cancel(now, at),
            Act::Ring { reliably } if state == State::Early => {
                self.progress(now, at, 180, reliably, false);
            }
            Act::Early { reliably } if state == State::Early => {
                self.progress(now, at, 183, reliably, true);
            }
            Act::Answer if state == State::Early => self.answer(now, at),
            Act::AnswerElsewhere => {
                let (other, tag) = (self.sessions.len(), format!("elsewhere-{}", self.name));
                let (call_id, port) = (header(&invite, "Call-ID").to_owned(), self.next_port());
                let (from, contact) = (header(&invite, "From"), header(&invite, "Contact"));
                let local = format!("{};tag={tag}", header(&invite, "To"));
                let mut session = Session::new(call_id, local, from.to_owned(), port);
                uri(contact).clone_into(&mut session.target);
                session.invite.clone_from(&invite);
                self.sessions.push(session);
                self.answer(now, other);
            }
            Act::Refuse(code) if state == State::Early => {
                self.sessions[at].state = State::Over;
                let response = self.response(at, &invite, code, &[], "");
                self.wires.end_provisional(header(&invite, "Call-ID"));
                self.wires.answer(now, &invite, response);
            }
            Act::Bye => self.bye(now, at),
            Act::Change(way) if state == State::Talking => {
                self.sessions[at].wish = Way::parse(way);
                self.reinvite(now, at, true);
            }
            Act::Ask if state == State::Talking => self.reinvite(now, at, false),
            Act::Update(way) if state != State::Leaving => {
                self.sessions[at].wish = Way::parse(way);
                let body = self.offer(at);
                let request = self.request(at, "UPDATE", &[], &body);
                self.wires.ask(now, request);
            }
            Act::Refresh if state == State::Talking => {
                let request = self.request(at, "UPDATE", &[], "");
                self.wires.ask(now, request);
            }
            Act::Refer(to) if state == State::Talking => {
                let more = [format!("Refer-To: <{}>", filled(to, others))];
                let request = self.request(at, "REFER", &more, "");
                self.wires.ask(now, request);
            }
            // Too late: the session went on without it.
            Act::Ring { .. }
            | Act::Early { .. }
            | Act::Answer
            | Act::Refuse(_)
            | Act::Change(_)
            | Act::Ask
            | Act::Update(_)
            | Act::Refresh
            | Act::Refer(_) => {}
        }
    }

    fn call(&mut self, now: Mono, to: &str, more: &str, offer: bool) {
        let (name, user, number) = (self.name, self.user, self.sessions.len());
        let local = format!("<sip:{user}@one.example>;tag={name}-{number}");
        let (call_id, port) = (format!("{name}-{number}"), self.next_port());
        let mut session = Session::new(call_id, local, format!("<{to}>"), port);
        (session.calling, session.progressed) = (true, false);
        to.clone_into(&mut session.target);
        self.sessions.push(session);
        let body = if offer { self.offer(number) } else { String::new() };
        let more: Vec<String> = more.lines().map(str::to_owned).collect();
        let invite = self.request(number, "INVITE", &more, &body);
        self.sessions[number].invite.clone_from(&invite);
        self.wires.ask(now, invite);
    }

    pub fn next_port(&self) -> u16 {
        4000 + 2 * u16::try_from(self.sessions.len()).expect("few sessions")
    }

    fn progress(&mut self, now: Mono, at: usize, code: u16, reliably: bool, describes: bool) {
        let invite = self.sessions[at].invite.clone();
        let body = if describes { self.say_agreed(at) } else { String::new() };
        self.sessions[at].rseq += u32::from(reliably);
        let rseq = format!("RSeq: {}", 100 + self.sessions[at].rseq);
        let more = if reliably { vec!["Require: 100rel", &rseq] } else { Vec::new() };
        let response = self.response(at, &invite, code, &more, &body);
        self.wires.answer(now, &invite, response);
    }

    /// The answer to the offer of the INVITE, or an offer where it had none.
    fn say_agreed(&mut self, at: usize) -> String {
        let invite = self.sessions[at].invite.clone();
        let session = &mut self.sessions[at];
        let way = match session.agreed {
            Some(agreed) => agreed,
            None => session.hear(&invite).unwrap_or(Way::BOTH),
        };
        session.agreed = Some(way);
        self.describe(at, way)
    }

    fn answer(&mut self, now: Mono, at: usize) {
        let invite = self.sessions[at].invite.clone();
        let body = self.say_agreed(at);
        self.sessions[at].state = State::Talking;
        let response = self.response(at, &invite, 200, &[], &body);
        self.wires.end_provisional(header(&invite, "Call-ID"));
        self.wires.answer(now, &invite, response);
    }

    fn reinvite(&mut self, now: Mono, at: usize, offer: bool) {
        if self.sessions[at].open.is_some() {
            return;
        }
        let body = if offer { self.offer(at) } else { String::new() };
        let invite = self.request(at, "INVITE", &[], &body);
        self.sessions[at].open = Some(cseq(&invite).0);
        self.sessions[at].invite.clone_from(&invite);
        self.wires.ask(now, invite);
    }

    pub fn cancel(&mut self, now: Mono, at: usize) {
        let session = &mut self.sessions[at];
        if session.state != State::Early {
            return self.bye(now, at);
        }
        session.to_cancel = true;
        // RFC 3261 §9.1: not before a provisional answer.
        if !session.progressed {
            return;
        }
        let invite = session.invite.clone();
        let target = start(&invite).split(' ').nth(1).expect("a URI").to_owned();
        let mut said = vec![format!("CANCEL {target} SIP/2.0")];
        for name in ["Via", "Max-Forwards", "From", "To", "Call-ID"] {
            said.push(format!("{name}: {}", header(&invite, name)));
        }
        said.push(format!("CSeq: {} CANCEL", cseq(&invite).0));
        self.wires.ask(now, finish(said, ""));
    }

    pub fn bye(&mut self, now: Mono, at: usize) {
        if matches!(self.sessions[at].state, State::Leaving | State::Over) {
            return;
        }
        let request = self.request(at, "BYE", &[], "");
        self.sessions[at].state = State::Leaving;
        self.wires.ask(now, request);
    }
}

fn filled(text: &str, others: &[(&'static str, String)]) -> String {
    let mut text = text.to_owned();
    for (name, dialog) in others {
        text = text.replace(&format!("{{dialog {name}}}"), dialog);
        let escaped = dialog.replace(';', "%3B").replace('=', "%3D").replace('@', "%40");
        text = text.replace(&format!("{{escaped {name}}}"), &escaped);
    }
    text
}

fn finish(mut said: Vec<String>, body: &str) -> String {
    if !body.is_empty() {
        said.push("Content-Type: application/sdp".to_owned());
    }
    said.push(format!("Content-Length: {}", body.len()));
    format!("{}\r\n\r\n{body}", said.join("\r\n"))
}
