//! A peer's transactions: requests are repeated until they are answered, answers when they are
//! asked for again (RFC 3261 §17, as little of it as works).

use holdfast_base::Mono;
use holdfast_core::sip::flow::Transport;
use holdfast_wire::sip::{Method, Request, Response, Status, Via};
use std::time::Duration;

use super::{Alarm, Hands, Peer};
use holdfast_wire::sip::Host;

/// T1.
const FIRST_REPEAT: Duration = Duration::from_millis(500);
/// T2.
const LAST_REPEAT: Duration = Duration::from_secs(4);
/// 64·T1.
pub const GIVE_UP: Duration = Duration::from_secs(32);

/// Branch and method.
pub type Key = (String, String);

/// A request of ours that awaits its final answer.
#[derive(Clone, Debug)]
pub struct Asked {
    pub request: Request,
    pub session: Option<u64>,
    every: Duration,
    until: Mono,
    pub provisional: bool,
}

impl Peer {
    /// Sends a request under a new Via.
    pub(super) fn ask(
        &mut self,
        mut request: Request,
        session: Option<u64>,
        hands: &mut Hands<'_>,
    ) -> Key {
        let branch = self.token("z9hG4bK");
        let host = Host::from(self.address.ip());
        let via = Via::new(self.transport.as_str(), host, Some(self.address.port()), &branch);
        request.headers.push_front("Via", via);
        self.ask_as_it_is(request, branch, session, hands)
    }

    /// Sends a request that has its Via: a CANCEL has that of its INVITE.
    pub(super) fn ask_as_it_is(
        &mut self,
        request: Request,
        branch: String,
        session: Option<u64>,
        hands: &mut Hands<'_>,
    ) -> Key {
        let key = (branch, request.method.as_str().to_owned());
        hands.sent.push(request.print());
        let until = hands.now + GIVE_UP;
        let asked = Asked { request, session, every: FIRST_REPEAT, until, provisional: false };
        self.asked.insert(key.clone(), asked);
        hands.wake(FIRST_REPEAT, Alarm::Repeat(key.clone()));
        key
    }

    pub(super) fn repeat(&mut self, key: &Key, hands: &mut Hands<'_>) {
        let Some(asked) = self.asked.get_mut(key) else { return };
        let invite = asked.request.method == Method::Invite;
        if asked.until <= hands.now && !(invite && asked.provisional) {
            let asked = self.asked.remove(key).expect("it was there");
            return self.unanswered(&asked, hands);
        }
        if invite && asked.provisional {
            return;
        }
        if self.transport == Transport::Udp {
            hands.sent.push(asked.request.print());
        }
        asked.every *= 2;
        if !invite {
            asked.every = asked.every.min(LAST_REPEAT);
        }
        let after = asked.every.min(asked.until.since(hands.now)) + Duration::from_millis(1);
        hands.wake(after, Alarm::Repeat(key.clone()));
    }

    /// Answers a request, and remembers the answer in case the request comes again.
    pub(super) fn answer(&mut self, request: &Request, response: &Response, hands: &mut Hands<'_>) {
        let bytes = response.print();
        self.answered.insert(key_of(request), bytes.clone());
        hands.sent.push(bytes);
    }

    /// Answers a request with nothing but a status.
    pub(super) fn say(&mut self, request: &Request, status: Status, hands: &mut Hands<'_>) {
        self.answer(request, &request.response(status, Some("nobody")), hands);
    }

    /// Whether this request was answered before; if so it is answered again.
    pub(super) fn heard_before(&self, request: &Request, hands: &mut Hands<'_>) -> bool {
        let Some(answer) = self.answered.get(&key_of(request)) else { return false };
        if !answer.is_empty() {
            hands.sent.push(answer.clone());
        }
        true
    }

    /// Remembers a request that has no answer yet.
    pub(super) fn remember(&mut self, request: &Request) {
        self.answered.insert(key_of(request), Vec::new());
    }

    pub(super) fn take_response(&mut self, response: &Response, hands: &mut Hands<'_>) {
        let via = response.headers.via().expect("a response has our Via");
        let cseq = response.headers.cseq().expect("a response has our CSeq");
        let branch = via.branch().expect("our Via has a branch").into_owned();
        let key = (branch.clone(), cseq.method.as_str().to_owned());
        let Some(asked) = self.asked.get_mut(&key) else {
            if cseq.method == Method::Invite {
                self.take_late_response(&branch, response, hands);
            }
            return;
        };
        if response.status.is_provisional() {
            asked.provisional = true;
            let asked = asked.clone();
            return self.progressed(&asked, response, hands);
        }
        let asked = self.asked.remove(&key).expect("it was there");
        if cseq.method == Method::Invite && !response.status.is_success() {
            let ack = acknowledgement(&asked.request, response).print();
            self.acknowledged.insert(branch, ack.clone());
            hands.sent.push(ack);
        }
        self.answered_finally(&asked, response, hands);
    }

    /// A final answer that came before: it is acknowledged again.
    fn take_late_response(&mut self, branch: &str, response: &Response, hands: &mut Hands<'_>) {
        if response.status.is_success() {
            self.acknowledge_again(response, hands);
        } else if response.status.is_final()
            && let Some(ack) = self.acknowledged.get(branch)
        {
            hands.sent.push(ack.clone());
        }
    }
}

/// The ACK to a refusal goes the way of its INVITE: RFC 3261 §17.1.1.3.
fn acknowledgement(invite: &Request, refusal: &Response) -> Request {
    let mut ack = Request::new(Method::Ack, invite.uri.clone());
    for name in ["Via", "Max-Forwards", "From", "Call-ID"] {
        ack.headers.push(name, invite.headers.get(name).expect("our INVITE has it"));
    }
    ack.headers.push("To", refusal.headers.get("To").expect("a response has a To"));
    let number = invite.headers.cseq().expect("our INVITE has it").number;
    ack.headers.push("CSeq", format!("{number} ACK"));
    ack
}

pub fn key_of(request: &Request) -> Key {
    let via = request.headers.via().expect("a request has a Via");
    let branch = via.branch().expect("the box gives every Via a branch").into_owned();
    (branch, request.method.as_str().to_owned())
}
