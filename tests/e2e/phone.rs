//! A SIP phone by hand, over UDP, for tests that must see each message or go on while the box is
//! dead: it registers, calls, rings, answers, refuses and hangs up, and remembers what it heard.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use crate::appliance::{Appliance, password};
use crate::digest::credentials;
use crate::lab::{Lab, until};
use crate::rtp::Ear;
use crate::sip::{Message, T1};

/// How long the reader sleeps before it looks whether it is still needed.
const READ_TIMEOUT: Duration = Duration::from_millis(50);

/// What the phone does when it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Rings until the caller gives up, or until [`Phone::pick_up`].
    Ring,
    /// Rings and answers at once.
    Answer,
    /// Refuses with this status.
    Refuse(u16),
    /// Says nothing to anything, as if it were not there.
    Dead,
}

/// A call of this phone, as one end of its dialog.
#[derive(Clone, Debug)]
pub struct Call {
    pub id: String,
    /// Where the box wants to hear us.
    pub audio: SocketAddr,
    local: String,
    remote: String,
    target: String,
    /// The Route lines of its requests, each ended.
    route: String,
    /// The request that began it, when we are called.
    invite: Option<Message>,
}

/// A phone.
pub struct Phone {
    desk: Arc<Desk>,
    pub ear: Ear,
}

struct Desk {
    socket: UdpSocket,
    appliance: SocketAddr,
    name: String,
    /// Where the ear is, for descriptions.
    audio: SocketAddr,
    needed: AtomicBool,
    count: AtomicU32,
    state: Mutex<State>,
}

struct State {
    manner: Manner,
    seen: Vec<Message>,
    /// The call that rings, and those that were answered, by Call-ID.
    ringing: BTreeMap<String, Call>,
    answered: BTreeMap<String, Call>,
    /// The Call-IDs of calls that were hung up, by whichever side.
    over: BTreeSet<String>,
    /// What was said last to an INVITE, and the ACK of a 2xx: said again to a repetition.
    last_words: BTreeMap<String, String>,
    /// The number of our last request in a call.
    cseqs: BTreeMap<String, u32>,
}

impl Phone {
    /// A phone `name` on one machine of the lab that calls and is called by `appliance`.
    pub fn new(lab: &Lab, machine: u8, name: &str, appliance: &Appliance) -> Self {
        Self::at(lab.ip(machine), name, appliance.sip())
    }

    /// A phone that sends everything to a proxy.
    pub fn behind(ip: Ipv4Addr, name: &str, proxy: SocketAddr) -> Self {
        Self::at(ip, name, proxy)
    }

    fn at(ip: Ipv4Addr, name: &str, appliance: SocketAddr) -> Self {
        let socket = UdpSocket::bind((ip, 0)).expect("a socket");
        socket.set_read_timeout(Some(READ_TIMEOUT)).expect("a timeout");
        let ear = Ear::new(ip);
        let desk = Arc::new(Desk {
            socket,
            appliance,
            name: name.to_owned(),
            audio: ear.address(),
            needed: AtomicBool::new(true),
            count: AtomicU32::new(0),
            state: Mutex::new(State {
                manner: Manner::Answer,
                seen: Vec::new(),
                ringing: BTreeMap::new(),
                answered: BTreeMap::new(),
                over: BTreeSet::new(),
                last_words: BTreeMap::new(),
                cseqs: BTreeMap::new(),
            }),
        });
        let reader = desk.clone();
        thread::spawn(move || {
            let mut bytes = [0; 65_536];
            while reader.needed.load(Ordering::Relaxed) {
                let Ok(count) = reader.socket.recv(&mut bytes) else { continue };
                if let Some(message) = Message::parse(&bytes[..count]) {
                    reader.take(message);
                }
            }
        });
        Self { desk, ear }
    }

    /// Where it can be called.
    pub fn address(&self) -> SocketAddr {
        self.desk.address()
    }

    /// Says what to do with calls from now on.
    pub fn behave(&self, manner: Manner) {
        self.desk.state().manner = manner;
    }

    /// Registers with the account of the phone's name.
    pub fn register(&self) {
        let status = self.registers_with(&password(&self.desk.name));
        assert_eq!(status, Some(200), "not registered");
    }

    /// Registers with this password; the final status.
    pub fn registers_with(&self, secret: &str) -> Option<u16> {
        let (desk, domain) = (&self.desk, self.desk.appliance.ip());
        let uri = format!("sip:{domain}");
        let address = format!("<sip:{}@{domain}>", desk.name);
        let id = desk.fresh("register");
        let mut authorization = String::new();
        for cseq in 1..=2 {
            let more = format!("Contact: <{}>\r\nExpires: 600\r\n{authorization}", desk.contact());
            let head = Head {
                method: "REGISTER",
                uri: &uri,
                from: &format!("{address};tag=r"),
                to: &address,
                route: "",
                id: &id,
                cseq,
            };
            let answer = self.transact(&head, &more, "");
            match answer.status() {
                Some(401) if cseq == 1 => {
                    // Without a word of the algorithm it is MD5 (RFC 2617 §3.2.1).
                    let offered = |one: &&str| !one.contains("SHA-256");
                    let challenge = answer.all("WWW-Authenticate").find(offered);
                    let challenge = challenge.expect("a challenge with MD5");
                    let value = credentials(challenge, "REGISTER", &uri, &desk.name, secret);
                    authorization = format!("Authorization: {value}\r\n");
                }
                status => return status,
            }
        }
        None
    }

    /// Calls `number` and returns when it is answered.
    pub fn call(&self, number: &str) -> Call {
        let desk = &self.desk;
        let domain = desk.appliance;
        let id = desk.fresh("call");
        let local = format!("\"{0}\" <sip:{0}@{1}>;tag={id}", desk.name, desk.address().ip());
        let uri = format!("sip:{number}@{domain}");
        let to = format!("<{uri}>");
        let (from, to) = (local.as_str(), to.as_str());
        let head = Head { method: "INVITE", uri: &uri, from, to, route: "", id: &id, cseq: 1 };
        let answer = self.transact(&head, &desk.describing(), &desk.description());
        assert_eq!(answer.status(), Some(200), "{number} does not answer: {}", answer.start);
        let call = Call {
            id: id.clone(),
            audio: answer.audio().expect("a description"),
            local,
            remote: answer.header("To").to_owned(),
            target: answer.address("Contact").to_owned(),
            // RFC 3261 §12.1.2: the caller's way is the other way round.
            route: answer
                .all("Record-Route")
                .fold(String::new(), |others, route| format!("Route: {route}\r\n{others}")),
            invite: None,
        };
        let ack = desk.request(&call.head("ACK", 1), "", "");
        desk.send(&ack);
        desk.state().last_words.insert(id, ack);
        call
    }

    /// Offers the audio of a call anew, in this direction (RFC 3264 §8.4: `sendonly` is hold).
    pub fn offer(&self, call: &Call, direction: &str) {
        let desk = &self.desk;
        let cseq = desk.next_cseq(call);
        // RFC 3264 §8: what changes has the next version.
        let version = format!("o=phone 1 {cseq} ");
        let same = desk.description().replace("o=phone 1 1 ", &version);
        let body = format!("{same}a={direction}\r\n");
        let answer = self.transact(&call.head("INVITE", cseq), &desk.describing(), &body);
        assert_eq!(answer.status(), Some(200), "{direction}: {}", answer.start);
        let ack = desk.request(&call.head("ACK", cseq), "", "");
        desk.send(&ack);
        desk.state().last_words.insert(call.id.clone(), ack);
    }

    /// Hangs up; returns when the box has agreed.
    pub fn hang_up(&self, call: &Call) {
        let cseq = self.desk.next_cseq(call);
        self.desk.state().is_over(&call.id);
        let answer = self.transact(&call.head("BYE", cseq), "", "");
        assert_eq!(answer.status(), Some(200), "BYE: {}", answer.start);
    }

    /// Waits until a call rings here.
    pub fn rings(&self) {
        until(&format!("{} rings", self.desk.name), || {
            (!self.desk.state().ringing.is_empty()).then_some(())
        });
    }

    /// Answers the call that rings.
    pub fn pick_up(&self) -> Call {
        self.rings();
        let mut state = self.desk.state();
        let (_, call) = state.ringing.pop_first().expect("a call that rings");
        self.desk.answer(&mut state, &call);
        drop(state);
        self.talks()
    }

    /// Waits until a call was answered here and the box has confirmed it, and gives it.
    pub fn talks(&self) -> Call {
        until(&format!("{} talks", self.desk.name), || {
            let state = self.desk.state();
            let confirmed = |id: &str| {
                state.seen.iter().any(|m| m.method() == Some("ACK") && m.header("Call-ID") == id)
            };
            state.answered.values().rev().find(|call| confirmed(&call.id)).cloned()
        })
    }

    /// How many requests of this method came so far, repetitions included.
    pub fn count(&self, method: &str) -> usize {
        self.desk.state().seen.iter().filter(|m| m.method() == Some(method)).count()
    }

    /// How many calls came so far.
    pub fn calls(&self) -> usize {
        let state = self.desk.state();
        let invites = state.seen.iter().filter(|message| message.method() == Some("INVITE"));
        invites.map(|invite| invite.header("Call-ID")).collect::<BTreeSet<_>>().len()
    }

    /// Waits until a request of this method comes.
    pub fn hears(&self, method: &str) {
        until(&format!("{} hears {method}", self.desk.name), || {
            (self.count(method) > 0).then_some(())
        });
    }

    /// Sends a request until its final answer is here (RFC 3261 §17.1).
    fn transact(&self, head: &Head<'_>, more: &str, body: &str) -> Message {
        let desk = &self.desk;
        let request = desk.request(head, more, body);
        let cseq = format!("{} {}", head.cseq, head.method);
        let mut due = Instant::now();
        until(&format!("an answer to {cseq} of {}", desk.name), || {
            if Instant::now() >= due {
                desk.send(&request);
                due = Instant::now() + T1;
            }
            let state = desk.state();
            let ours = |m: &&Message| {
                m.status().is_some_and(|status| status >= 200)
                    && m.header("Call-ID") == head.id
                    && m.header("CSeq") == cseq
            };
            state.seen.iter().find(ours).cloned()
        })
    }
}

impl Drop for Phone {
    fn drop(&mut self) {
        self.desk.needed.store(false, Ordering::Relaxed);
        if thread::panicking() {
            let state = self.desk.state();
            let starts: Vec<&str> = state.seen.iter().map(|m| m.start.as_str()).collect();
            eprintln!("--- {} heard:\n{}\n---", self.desk.name, starts.join("\n"));
        }
    }
}

/// What every request begins with.
struct Head<'a> {
    method: &'a str,
    uri: &'a str,
    from: &'a str,
    to: &'a str,
    /// Route lines, each ended.
    route: &'a str,
    id: &'a str,
    cseq: u32,
}

impl Call {
    /// The Contact of the other side.
    pub fn target(&self) -> &str {
        &self.target
    }

    fn head<'a>(&'a self, method: &'a str, cseq: u32) -> Head<'a> {
        let (from, to) = (self.local.as_str(), self.remote.as_str());
        Head { method, uri: &self.target, from, to, route: &self.route, id: &self.id, cseq }
    }
}

impl State {
    fn is_over(&mut self, id: &str) {
        self.answered.remove(id);
        self.over.insert(id.to_owned());
    }
}

impl Desk {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("the phone")
    }

    fn address(&self) -> SocketAddr {
        self.socket.local_addr().expect("an address")
    }

    fn contact(&self) -> String {
        format!("sip:{}@{}", self.name, self.address())
    }

    fn fresh(&self, what: &str) -> String {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        format!("{what}-{count}-{}-{}", self.name, self.address().port())
    }

    fn next_cseq(&self, call: &Call) -> u32 {
        let mut state = self.state();
        let last = state.cseqs.entry(call.id.clone()).or_insert(1);
        *last += 1;
        *last
    }

    fn send(&self, text: &str) {
        drop(self.socket.send_to(text.as_bytes(), self.appliance)); // refused while the box is down
    }

    fn request(&self, head: &Head<'_>, more: &str, body: &str) -> String {
        let Head { method, uri, from, to, route, id, cseq } = head;
        let (at, branch, length) = (self.address(), self.fresh("z9hG4bK"), body.len());
        format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {at};rport;branch={branch}\r\n\
             Max-Forwards: 70\r\n{route}From: {from}\r\nTo: {to}\r\nCall-ID: {id}\r\n\
             CSeq: {cseq} {method}\r\n{more}Content-Length: {length}\r\n\r\n{body}"
        )
    }

    fn describing(&self) -> String {
        format!("Contact: <{}>\r\nContent-Type: application/sdp\r\n", self.contact())
    }

    fn description(&self) -> String {
        let (ip, port) = (self.audio.ip(), self.audio.port());
        format!(
            "v=0\r\no=phone 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\n\
             m=audio {port} RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n"
        )
    }

    fn take(&self, message: Message) {
        let mut state = self.state();
        state.seen.push(message.clone());
        if state.manner == Manner::Dead {
            return;
        }
        match message.method() {
            None => self.take_response(&state, &message),
            Some("INVITE") => self.take_invite(&mut state, &message),
            Some("ACK") => {}
            Some("CANCEL") => {
                self.respond(&message, 200, "", "");
                if let Some(call) = state.ringing.remove(message.header("Call-ID")) {
                    let invite = call.invite.as_ref().expect("we are called");
                    let words = self.respond(invite, 487, "", "");
                    state.last_words.insert(call.id, words);
                }
            }
            Some(method) => {
                if method == "BYE" {
                    state.is_over(message.header("Call-ID"));
                }
                self.respond(&message, 200, "", "");
            }
        }
    }

    /// A 2xx that is repeated has lost its ACK (RFC 3261 §13.2.2.4).
    fn take_response(&self, state: &State, message: &Message) {
        let accepted = message.status().is_some_and(|status| (200..300).contains(&status));
        if accepted && message.header("CSeq").ends_with("INVITE") {
            if let Some(ack) = state.last_words.get(message.header("Call-ID")) {
                self.send(ack);
            }
        }
    }

    fn take_invite(&self, state: &mut State, invite: &Message) {
        let id = invite.header("Call-ID").to_owned();
        if state.over.contains(&id) {
            self.respond(invite, 481, "", "");
            return;
        }
        if invite.header("To").contains(";tag=") {
            self.respond(invite, 200, &self.describing(), &self.description());
            return;
        }
        if let Some(words) = state.last_words.get(&id) {
            return self.send(words);
        }
        let call = Call {
            id: id.clone(),
            audio: invite.audio().expect("an offer"),
            local: format!("{};tag={}", invite.header("To"), self.name),
            remote: invite.header("From").to_owned(),
            target: invite.address("Contact").to_owned(),
            route: invite
                .all("Record-Route")
                .fold(String::new(), |others, route| format!("{others}Route: {route}\r\n")),
            invite: Some(invite.clone()),
        };
        match state.manner {
            Manner::Refuse(status) => {
                let words = self.respond(invite, status, "", "");
                state.last_words.insert(id, words);
            }
            Manner::Dead => {} // said nothing before
            Manner::Ring | Manner::Answer => {
                let words = self.respond(invite, 180, &self.describing(), "");
                state.last_words.insert(id.clone(), words);
                if state.manner == Manner::Answer {
                    self.answer(state, &call);
                } else {
                    state.ringing.insert(id, call);
                }
            }
        }
    }

    fn answer(&self, state: &mut State, call: &Call) {
        let invite = call.invite.as_ref().expect("we are called");
        let words = self.respond(invite, 200, &self.describing(), &self.description());
        state.last_words.insert(call.id.clone(), words);
        state.answered.insert(call.id.clone(), call.clone());
    }

    /// Answers a request; gives the words, to be said again.
    fn respond(&self, to: &Message, status: u16, more: &str, body: &str) -> String {
        let mut text = format!("SIP/2.0 {status} So be it\r\n");
        for via in to.all("Via") {
            text += &format!("Via: {via}\r\n");
        }
        // RFC 3261 §12.1.1.
        for route in to.all("Record-Route") {
            text += &format!("Record-Route: {route}\r\n");
        }
        let tag =
            if to.header("To").contains(";tag=") { "" } else { &format!(";tag={}", self.name) };
        text += &format!(
            "From: {}\r\nTo: {}{tag}\r\nCall-ID: {}\r\nCSeq: {}\r\n{more}Content-Length: {}\r\n\r\n{body}",
            to.header("From"),
            to.header("To"),
            to.header("Call-ID"),
            to.header("CSeq"),
            body.len()
        );
        self.send(&text);
        text
    }
}
