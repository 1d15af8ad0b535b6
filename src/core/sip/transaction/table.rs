//! All transactions of the box, and the one door that messages come in and go out by.
//!
//! It decides which transaction a message belongs to and what its user hears of it; it knows no
//! dialog and no call. Lookups are by value in ordered maps; no step looks at every transaction.

use holdfast_base::{Entropy, Mono, Now, Outbox};
use holdfast_wire::sip::{Header, Host, MAGIC_COOKIE, Message, Method, Request, Response, Via};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

use super::clients::{Clients, Outgoing, Owner};
use super::pace::Timers;
use super::servers::{Room, Servers};
use crate::sip::flow::{Flow, Transport};

/// Most transactions at once. A relayed call over UDP leaves four of them behind for 32 s (INVITE
/// and BYE on both legs), so that this is 1000 calls a second with a quarter to spare.
pub const TRANSACTIONS_MAX: usize = 160_000;
/// A full table still takes a BYE until it is this share fuller: who hangs up makes room, and who
/// sends BYE without end must find an end.
const ENDINGS_SHARE: usize = 8;
/// Most names of our own that a stray response is known by: one per listener and trunk.
const NAMES_MAX: usize = 1024;

/// A request of others that we answer. Never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ServerKey(pub u64);

/// A request of ours that others answer. Never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientKey(pub u64);

/// What the site must do, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Put these bytes on the wire.
    Send {
        /// The way.
        flow: Flow,
        /// One whole message.
        bytes: Vec<u8>,
        /// Whether it must wait until the log is on disk: as the user asked, also for a copy that
        /// the other side asks for, and never for one that a timer sends.
        gated: bool,
    },
    /// Tell the user of the transaction.
    Deliver(Event),
}

/// How a 2xx to an INVITE stands to what came before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The first of its fork.
    First,
    /// It repeats one of the same fork (RFC 6026 §7.2).
    Again,
    /// Our INVITE is not known any more: there is but the word of whoever sends this, and anybody
    /// can say it. It deserves no transaction and no repetition.
    Claimed,
}

/// A response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// The way it came.
    pub flow: Flow,
    /// The response.
    pub response: Response,
    /// Of a 2xx to an INVITE; anything else is a first.
    pub standing: Standing,
}

/// What a user of transactions hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A new request, neither ACK nor CANCEL. It must be answered, even if by 500.
    Request {
        /// What the answer names.
        key: ServerKey,
        /// The way it came.
        flow: Flow,
        /// The request, `received` and `rport` filled in.
        request: Request,
    },
    /// An ACK that belongs to a 2xx, or to nothing.
    Ack {
        /// The way it came.
        flow: Flow,
        /// The request.
        request: Request,
    },
    /// The INVITE is not wanted any more. The CANCEL is answered; the INVITE awaits a 487.
    Cancelled {
        /// The INVITE.
        key: ServerKey,
        /// Value of the Reason header (RFC 3326).
        reason: Option<String>,
    },
    /// A response: every provisional one, the final one, and for an INVITE every 2xx with its
    /// repetitions and those of other forks (RFC 6026).
    Response {
        /// The request.
        key: ClientKey,
        /// The response.
        received: Received,
    },
    /// A 2xx to an INVITE that nobody waits for any more. Left alone it is a ghost call: to be
    /// acknowledged and hung up.
    StraySuccess(Received),
    /// Nobody answered: to be taken as a 408 (RFC 3261 §8.1.3.1).
    TimedOut {
        /// The request.
        key: ClientKey,
    },
    /// The request reached nobody: to be taken as a 503 (RFC 3261 §8.1.3.1).
    Unreachable {
        /// The request.
        key: ClientKey,
    },
    /// Our 2xx was never acknowledged: the call should be hung up (RFC 3261 §13.3.1.4).
    NoAck {
        /// The INVITE.
        key: ServerKey,
    },
}

fn branch_of(request: &Request) -> Option<String> {
    Some(request.headers.via().ok()?.branch()?.into_owned())
}

/// What we call ourselves in a Via: the socket really used, or its public name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentBy {
    /// Address or name.
    pub host: Host,
    /// Port.
    pub port: u16,
    /// Whether the peer may use our connection for its own requests (RFC 5923 §5).
    pub alias: bool,
}

impl SentBy {
    /// A Via of this name with this branch.
    #[must_use]
    pub fn via(&self, transport: Transport, branch: &str) -> Via {
        let mut via = Via::new(transport.as_str(), self.host.clone(), Some(self.port), branch);
        if self.alias {
            via.params.set("alias", None);
        }
        via
    }
}

impl fmt::Display for SentBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// Every transaction.
#[derive(Debug)]
pub struct Transactions {
    servers: Servers,
    clients: Clients,
    /// The sent-by values of our own Vias, to know a stray response by.
    names: BTreeSet<String>,
    room: usize,
}

impl Transactions {
    /// An empty table.
    #[must_use]
    pub fn new(timers: Timers) -> Self {
        Self::with_room(timers, TRANSACTIONS_MAX)
    }

    pub(super) fn with_room(timers: Timers, room: usize) -> Self {
        let (servers, clients) = (Servers::new(timers), Clients::new(timers));
        Self { servers, clients, names: BTreeSet::new(), room }
    }

    /// Takes one message from the network.
    pub fn receive(&mut self, now: Now, flow: Flow, message: Message, out: &mut Outbox<Order>) {
        match message {
            Message::Request(request) => {
                let room = match self.len().checked_sub(self.room) {
                    None => Room::Free,
                    Some(beyond) if beyond <= self.room / ENDINGS_SHARE => Room::Scarce,
                    Some(_) => Room::None,
                };
                self.servers.receive(now, flow, request, room, out);
            }
            Message::Response(response) => self.receive_response(now, flow, response, out),
        }
    }

    fn receive_response(
        &mut self,
        now: Now,
        flow: Flow,
        response: Response,
        out: &mut Outbox<Order>,
    ) {
        let (Ok(vias), Ok(cseq)) = (response.headers.vias(), response.headers.cseq()) else {
            return;
        };
        let [via] = vias.as_slice() else {
            return; // RFC 3261 §8.1.3.3: more than one Via means that it went astray
        };
        let key = via.branch().and_then(|branch| self.clients.find(&branch, &cseq.method));
        if let Some(key) = key {
            return self.clients.receive(now, key, flow, response, out);
        }
        let ours = self.names.contains(&via.sent_by());
        if ours && cseq.method == Method::Invite && response.status.is_success() {
            let received = Received { flow, response, standing: Standing::Claimed };
            out.push(Order::Deliver(Event::StraySuccess(received)));
        }
    }

    /// Sends a request other than ACK in a transaction of its own, under the Via that it has or,
    /// if it has none, a new one of ours.
    #[expect(clippy::too_many_arguments, reason = "one sending, told whole in one place")]
    pub fn request(
        &mut self,
        now: Now,
        request: Request,
        flow: Flow,
        sent_by: &SentBy,
        gated: bool,
        entropy: &mut Entropy,
        out: &mut Outbox<Order>,
    ) -> ClientKey {
        let (request, branch) = match branch_of(&request) {
            Some(branch) => {
                self.remember_name(sent_by);
                (request, branch)
            }
            None => self.with_via(request, flow, sent_by, entropy),
        };
        let outgoing = Outgoing { request, branch, owner: Owner::User };
        self.clients.begin(now, flow, outgoing, gated, out)
    }

    /// Takes up an INVITE of ours that an earlier process sent under this Via, to cancel it and to
    /// take its final response. `None` when it has no Via.
    pub fn adopt(&mut self, now: Now, request: Request, flow: Flow) -> Option<ClientKey> {
        let branch = branch_of(&request)?;
        let outgoing = Outgoing { request, branch, owner: Owner::User };
        Some(self.clients.adopt(now, flow, outgoing))
    }

    /// Sends the ACK to a 2xx: it has no transaction, and is sent again for every 2xx that comes
    /// again (RFC 3261 §13.2.2.4).
    pub fn send_stateless(
        &mut self,
        request: Request,
        flow: Flow,
        sent_by: &SentBy,
        gated: bool,
        entropy: &mut Entropy,
        out: &mut Outbox<Order>,
    ) {
        let (request, _) = self.with_via(request, flow, sent_by, entropy);
        out.push(Order::Send { flow, bytes: request.print(), gated });
    }

    fn with_via(
        &mut self,
        mut request: Request,
        flow: Flow,
        sent_by: &SentBy,
        entropy: &mut Entropy,
    ) -> (Request, String) {
        let branch = format!("{MAGIC_COOKIE}{}", entropy.token());
        let via = sent_by.via(flow.transport, &branch);
        request.headers.push_front("Via", &via);
        self.remember_name(sent_by);
        (request, branch)
    }

    fn remember_name(&mut self, sent_by: &SentBy) {
        if self.names.len() < NAMES_MAX {
            self.names.insert(sent_by.to_string());
        }
    }

    /// Answers a request. Ignored when its transaction is over or has its final answer.
    ///
    /// A 2xx to an INVITE is repeated until [`Transactions::acked`], over TCP too. To requests
    /// other than INVITE, provisional answers and a 408 are not sent (RFC 4320).
    pub fn respond(
        &mut self,
        now: Now,
        key: ServerKey,
        response: Response,
        gated: bool,
        out: &mut Outbox<Order>,
    ) {
        self.servers.respond(now, key, &response, gated, out);
    }

    /// Answers a request other than INVITE and forgets it: one that changes nothing here, so that
    /// its repetition may be answered anew (RFC 3261 §8.2.7). What strangers can send without end
    /// must not fill the table.
    pub fn answer_and_forget(
        &mut self,
        now: Now,
        key: ServerKey,
        response: &Response,
        out: &mut Outbox<Order>,
    ) {
        self.servers.respond(now, key, response, false, out);
        self.servers.forget(key);
    }

    /// The user has matched an ACK to its 2xx to this INVITE.
    pub fn acked(&mut self, key: ServerKey) {
        self.servers.acked(key);
    }

    /// Gives an INVITE of ours up. The CANCEL waits for a 1xx (RFC 3261 §9.1); a 2xx may still
    /// come and is delivered. Nothing happens when the final response is there already. `gated` is
    /// for a CANCEL that leaves at once; one that waits for a 1xx has the network before it.
    /// `reason` is the value of the Reason header (RFC 3326).
    pub fn cancel(
        &mut self,
        now: Now,
        key: ClientKey,
        reason: Option<String>,
        gated: bool,
        out: &mut Outbox<Order>,
    ) {
        self.clients.cancel(now, key, reason, gated, out);
    }

    /// The credentials of an INVITE of ours, for the ACK to its 2xx; none once it is forgotten.
    #[must_use]
    pub fn credentials(&self, key: ClientKey) -> Vec<Header> {
        self.clients.credentials(key)
    }

    /// Whether this is an INVITE of ours within a dialog, and not yet forgotten.
    #[must_use]
    pub fn is_reinvite(&self, key: ClientKey) -> bool {
        self.clients.is_reinvite(key)
    }

    /// A connection broke or could not be opened, or ICMP says that nobody is there. Requests of
    /// ours on that way end as unreachable; answers of ours move to a connection to sent-by.
    pub fn transport_failed(&mut self, now: Now, flow: Flow, out: &mut Outbox<Order>) {
        self.servers.broken(now, flow, out);
        self.clients.broken(now, flow, out);
    }

    /// The time of [`Transactions::deadline`] has come.
    pub fn handle_deadline(&mut self, now: Now, out: &mut Outbox<Order>) {
        self.servers.handle_deadline(now, out);
        self.clients.handle_deadline(now, out);
    }

    /// When to call [`Transactions::handle_deadline`].
    #[must_use]
    pub fn deadline(&self) -> Option<Mono> {
        match (self.servers.deadline(), self.clients.deadline()) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        }
    }

    /// How many transactions there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.servers.len() + self.clients.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How often each cell of the state tables was hit since the last call.
    #[cfg(feature = "trace-arms")]
    pub fn last_arms(&mut self) -> std::collections::BTreeMap<crate::arms::Arm, u64> {
        let mut arms = self.servers.arms.take();
        arms.append(&mut self.clients.arms.take());
        arms
    }
}
