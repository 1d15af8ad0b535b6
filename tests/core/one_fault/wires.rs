//! The transactions of a party, as RFC 3261 §17, RFC 3262 §3 and RFC 6026 say: written anew and
//! from the standards alone, so that a misreading of ours is not shared by both sides.

use holdfast_base::Mono;
use std::time::Duration;

use crate::text::{cseq, header, is_response, lines, start};

/// RFC 3261 §17.1.1.1: the base of every interval.
const T1: Duration = Duration::from_millis(500);
/// The longest interval of repeated requests other than INVITE, and of repeated answers.
const T2: Duration = Duration::from_secs(4);
/// 64·T1: nobody is there.
const GIVE_UP: Duration = Duration::from_secs(32);

/// What becomes of a message that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Nobody has seen it yet.
    New,
    /// A copy; what had to be said again was said.
    Copy,
    /// It answers nothing.
    Unknown,
}

/// A request of ours.
#[derive(Debug)]
struct Client {
    text: String,
    /// The next copy, and after which interval the one behind it.
    again: Option<(Mono, Duration)>,
    ends: Mono,
    answers: Vec<String>,
    /// What a refusal of an INVITE is acknowledged with.
    ack: Option<String>,
}

/// A request of theirs, and our last answer.
#[derive(Debug)]
struct Server {
    text: String,
    answer: Option<String>,
}

/// An answer that is repeated until something comes.
#[derive(Debug)]
struct Repeat {
    until: Until,
    text: String,
    next: Mono,
    interval: Duration,
    ends: Mono,
}

/// What ends a repetition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Until {
    /// The ACK to the answer with this To in this Call-ID, of this number.
    Ack(String, u32),
    /// The PRACK of this Call-ID and RSeq.
    Prack(String, u32),
}

/// What a party did not get.
#[derive(Debug)]
pub enum Missing {
    /// Any final answer to this request.
    Answer(String),
    /// What should have ended a repetition.
    End(Until),
}

/// All transactions of a party.
#[derive(Debug, Default)]
pub struct Wires {
    clients: Vec<Client>,
    servers: Vec<Server>,
    repeats: Vec<Repeat>,
    /// What is to be sent.
    pub out: Vec<String>,
}

fn branch(message: &str) -> &str {
    let via = header(message, "Via");
    via.split_once("branch=").map_or(via, |(_, rest)| rest.split(';').next().unwrap_or(rest))
}

fn code(message: &str) -> u16 {
    start(message)["SIP/2.0 ".len()..][..3].parse().expect("a status")
}

impl Wires {
    /// Sends a request and repeats it.
    pub fn ask(&mut self, now: Mono, text: String) {
        self.out.push(text.clone());
        let again = Some((now + T1, T1 * 2));
        let client = Client { text, again, ends: now + GIVE_UP, answers: Vec::new(), ack: None };
        self.clients.push(client);
    }

    /// Answers a request: what needs an acknowledgement is repeated.
    pub fn answer(&mut self, now: Mono, request: &str, text: String) {
        let invite = cseq(request).1 == "INVITE";
        let call_id = header(request, "Call-ID").to_owned();
        let reliable = lines(&text, "RSeq").first().map(|rseq| rseq.parse().expect("a number"));
        let until = match reliable {
            Some(rseq) => Some(Until::Prack(call_id, rseq)),
            None if invite && code(&text) >= 200 => Some(acknowledged_by(&text)),
            None => None,
        };
        if let Some(until) = until {
            let (text, next, interval) = (text.clone(), now + T1, T1 * 2);
            self.repeats.push(Repeat { until, text, next, interval, ends: now + GIVE_UP });
        }
        if let Some(server) = self.servers.iter_mut().find(|known| known.text == request) {
            server.answer = Some(text.clone());
        }
        self.out.push(text);
    }

    /// Something came that ends a repetition.
    pub fn end(&mut self, until: &Until) {
        self.repeats.retain(|repeat| repeat.until != *until);
    }

    /// Ends the repetitions of provisional answers of a call, whose INVITE is answered for good.
    pub fn end_provisional(&mut self, call_id: &str) {
        let of = |until: &Until| matches!(until, Until::Prack(known, _) if known == call_id);
        self.repeats.retain(|repeat| !of(&repeat.until));
    }

    /// A message of the box.
    pub fn take(&mut self, message: &str) -> Fate {
        if is_response(message) { self.take_answer(message) } else { self.take_request(message) }
    }

    fn take_request(&mut self, message: &str) -> Fate {
        if start(message).starts_with("ACK ") {
            self.end(&acknowledged_by(message));
            return Fate::New;
        }
        let same = |known: &&Server| {
            branch(&known.text) == branch(message) && cseq(&known.text).1 == cseq(message).1
        };
        if let Some(known) = self.servers.iter().find(same) {
            self.out.extend(known.answer.clone());
            return Fate::Copy;
        }
        self.servers.push(Server { text: message.to_owned(), answer: None });
        Fate::New
    }

    /// The INVITE that a CANCEL is about, if it has no final answer.
    pub fn cancelled(&self, cancel: &str) -> Option<String> {
        let invite = self.servers.iter().find(|known| {
            branch(&known.text) == branch(cancel) && start(&known.text).starts_with("INVITE")
        });
        let open = invite.unwrap_or_else(|| panic!("CANCEL of nothing:\n{cancel}"));
        let answered = open.answer.as_ref().is_some_and(|answer| code(answer) >= 200);
        (!answered).then(|| open.text.clone())
    }

    fn take_answer(&mut self, message: &str) -> Fate {
        let same = |known: &&mut Client| {
            branch(&known.text) == branch(message) && cseq(&known.text).1 == cseq(message).1
        };
        let Some(client) = self.clients.iter_mut().find(same) else { return Fate::Unknown };
        let (method, code) = (cseq(message).1, code(message));
        let refused = method == "INVITE" && code >= 300;
        if refused && client.ack.is_none() {
            client.ack = Some(acknowledgement(&client.text, message));
        }
        if refused {
            self.out.extend(client.ack.clone());
        }
        let copy = client.answers.iter().any(|known| known == message);
        client.answers.push(message.to_owned());
        client.again = match (method, code) {
            ("INVITE", _) | (_, 200..) => None,
            // RFC 3261 §17.1.2.2: after a provisional answer at the slowest pace.
            (_, _) => client.again.map(|(at, _)| (at, T2)),
        };
        let done = if code >= 200 { Mono::from_micros(u64::MAX) } else { client.ends };
        client.ends = match (method, code) {
            // RFC 3261 §17.1.1.2: Timer B is over; who calls waits as long as it likes.
            ("INVITE", 100..=199) => Mono::from_micros(u64::MAX),
            (_, _) => done,
        };
        if copy { Fate::Copy } else { Fate::New }
    }

    /// When [`Self::handle_deadline`] is due.
    pub fn deadline(&self) -> Option<Mono> {
        let clients = self.clients.iter().flat_map(|client| {
            let ends = (client.ends < Mono::from_micros(u64::MAX)).then_some(client.ends);
            ends.into_iter().chain(client.again.map(|(at, _)| at))
        });
        clients.chain(self.repeats.iter().map(|repeat| repeat.next.min(repeat.ends))).min()
    }

    /// Says again what is due; what never came.
    pub fn handle_deadline(&mut self, now: Mono) -> Vec<Missing> {
        let mut missing = Vec::new();
        for client in &mut self.clients {
            if client.ends <= now {
                client.ends = Mono::from_micros(u64::MAX);
                client.again = None;
                missing.push(Missing::Answer(client.text.clone()));
            }
            let Some((at, interval)) = client.again.filter(|(at, _)| *at <= now) else { continue };
            self.out.push(client.text.clone());
            let longest = if cseq(&client.text).1 == "INVITE" { GIVE_UP } else { T2 };
            client.again = Some((at + interval, (interval * 2).min(longest)));
        }
        for repeat in &mut self.repeats {
            if repeat.ends <= now {
                missing.push(Missing::End(repeat.until.clone()));
            } else if repeat.next <= now {
                self.out.push(repeat.text.clone());
                repeat.next = repeat.next + repeat.interval;
                repeat.interval = (repeat.interval * 2).min(T2);
            }
        }
        self.repeats.retain(|repeat| repeat.ends > now);
        missing
    }
}

/// What ends the repetition of this answer, or is ended by this ACK.
fn acknowledged_by(message: &str) -> Until {
    let (to, call_id) = (header(message, "To"), header(message, "Call-ID"));
    let tag = to.split_once(";tag=").map_or("", |(_, tag)| tag);
    Until::Ack(format!("{call_id} {tag}"), cseq(message).0)
}

/// RFC 3261 §17.1.1.3: in the transaction of the INVITE, to the tag of the refusal.
fn acknowledgement(invite: &str, refusal: &str) -> String {
    let uri = start(invite).split(' ').nth(1).expect("a URI");
    let mut said = vec![format!("ACK {uri} SIP/2.0")];
    for name in ["Via", "Max-Forwards", "From"] {
        said.push(format!("{name}: {}", header(invite, name)));
    }
    said.push(format!("To: {}", header(refusal, "To")));
    said.push(format!("Call-ID: {}", header(invite, "Call-ID")));
    said.push(format!("CSeq: {} ACK", cseq(invite).0));
    said.push("Content-Length: 0".to_owned());
    format!("{}\r\n\r\n", said.join("\r\n"))
}
