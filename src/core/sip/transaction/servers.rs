//! The transactions that others began: requests that came in, and our answers to them.

use holdfast_base::{Mono, Now, Outbox};
use holdfast_wire::sip::{Method, Request, Response, Status};
use std::collections::{BTreeMap, BTreeSet};

use super::alarms::Alarms;
use super::derived::{derived_tag, refusal};
use super::invite_server::{self, Act, InviteServer};
use super::matching::{OriginId, Path, RequestId, answer_flow, path, reopened};
use super::pace::{Pace, Timers};
use super::request_server::{self, RequestServer};
use super::table::{Event, Order, ServerKey};
use crate::arms::Arms;
use crate::sip::flow::Flow;

/// What an overloaded box asks others to wait before they try again, in seconds.
const RETRY_AFTER_S: u8 = 10;

/// Whether the table has room for one more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    Free,
    /// For what ends a call only: refusing that would keep the box full.
    Scarce,
    None,
}

#[derive(Debug)]
pub(super) struct Servers {
    timers: Timers,
    last_key: u64,
    entries: BTreeMap<ServerKey, Server>,
    by_request: BTreeMap<RequestId, ServerKey>,
    by_origin: BTreeMap<OriginId, ServerKey>,
    by_path: BTreeSet<(Path, ServerKey)>,
    alarms: Alarms<ServerKey>,
    pub(super) arms: Arms,
}

#[derive(Debug)]
struct Server {
    machine: Machine,
    /// Where answers go.
    flow: Flow,
    /// Where they go when that breaks: a new connection to sent-by (RFC 3261 §18.2.2).
    reopened: Flow,
    request: RequestId,
    origin: Option<OriginId>,
    /// CSeq number, by which an ACK is known that is sent under the branch of another INVITE.
    number: u32,
    /// To tag of what we answered by ourselves or, as soon as the user has chosen one, of that.
    tag: String,
    /// Whether the last answer had to wait for the log. A copy that is asked for may not overtake
    /// it; one that a timer sends comes long after the gate has opened.
    gated: bool,
    armed: Option<Mono>,
}

#[derive(Debug)]
enum Machine {
    Invite(InviteServer),
    Request(RequestServer),
}

/// What can happen to either machine.
enum Input {
    Retransmission,
    Ack,
    Acked,
    Answer { status: Status, bytes: Vec<u8> },
    DeadlineReached,
}

impl Servers {
    pub(super) fn new(timers: Timers) -> Self {
        Self {
            timers,
            last_key: 0,
            entries: BTreeMap::new(),
            by_request: BTreeMap::new(),
            by_origin: BTreeMap::new(),
            by_path: BTreeSet::new(),
            alarms: Alarms::new(),
            arms: Arms::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn deadline(&self) -> Option<Mono> {
        self.alarms.next()
    }

    /// Takes a request in.
    pub(super) fn receive(
        &mut self,
        now: Now,
        flow: Flow,
        mut request: Request,
        room: Room,
        out: &mut Outbox<Order>,
    ) {
        let Ok(mut via) = request.headers.via() else {
            return; // nobody to answer to
        };
        via.note_source(flow.remote);
        let id = RequestId::of(&request, &via);
        let known = self.by_request.get(&id).copied();
        let answers = answer_flow(flow, &via);
        let arrival = Arrival { id, answers, reopened: reopened(answers, &via) };
        request.headers.set_first_value("Via", &via);
        match (&request.method, known) {
            (Method::Ack, Some(key)) => self.ack(now, key, flow, request, out),
            (Method::Ack, None) => out.push(Order::Deliver(Event::Ack { flow, request })),
            (_, Some(key)) => {
                self.move_to(key, answers); // a caller that reconnects asks again on the new way
                let gated = self.entries.get(&key).is_some_and(|server| server.gated);
                let acts = self.step(now, key, Input::Retransmission);
                carry_out(answers, key, acts, gated, out);
            }
            (Method::Cancel, None) => {
                let invite = RequestId::of_cancelled(&request, &via);
                let invite = self.by_request.get(&invite).copied();
                if room != Room::Free && invite.is_none() {
                    return refuse(&request, Status::CALL_DOES_NOT_EXIST, answers, out);
                }
                // One that ends a call is taken even by a full table: there is one per INVITE.
                self.cancel(now, request, arrival, invite, out);
            }
            (method, None) => match room {
                Room::Free => self.begin(now, flow, request, arrival, out),
                Room::Scarce if *method == Method::Bye => {
                    self.begin(now, flow, request, arrival, out);
                }
                Room::Scarce | Room::None => {
                    refuse(&request, Status::SERVICE_UNAVAILABLE, answers, out);
                }
            },
        }
    }

    /// A request never seen before.
    fn begin(
        &mut self,
        now: Now,
        flow: Flow,
        request: Request,
        arrival: Arrival,
        out: &mut Outbox<Order>,
    ) {
        let origin = OriginId::of(&request);
        if origin.as_ref().is_some_and(|origin| self.by_origin.contains_key(origin)) {
            // RFC 3261 §8.2.2.2: the same request over another way is refused, so that a forking
            // proxy before us does not make one caller two.
            return refuse(&request, Status::LOOP_DETECTED, arrival.answers, out);
        }
        let key = self.open(now, &request, arrival, origin);
        out.push(Order::Deliver(Event::Request { key, flow, request }));
    }

    /// A CANCEL: always a transaction of its own (RFC 3261 §9.2), which absorbs its copies.
    fn cancel(
        &mut self,
        now: Now,
        cancel: Request,
        arrival: Arrival,
        invite: Option<ServerKey>,
        out: &mut Outbox<Order>,
    ) {
        let found = invite.and_then(|key| Some((key, self.entries.get(&key)?)));
        let (answer, ended) = match found {
            Some((key, server)) => {
                let pending = match &server.machine {
                    Machine::Invite(machine) => machine.is_pending(),
                    Machine::Request(_) => false,
                };
                (cancel.response(Status::OK, Some(&server.tag)), pending.then_some(key))
            }
            None => (refusal(&cancel, Status::CALL_DOES_NOT_EXIST), None),
        };
        let key = self.open(now, &cancel, arrival, None);
        self.respond(now, key, &answer, false, out);
        if let Some(key) = ended {
            let reason = cancel.headers.get("Reason").map(std::borrow::Cow::into_owned);
            out.push(Order::Deliver(Event::Cancelled { key, reason }));
        }
    }

    fn open(
        &mut self,
        now: Now,
        request: &Request,
        arrival: Arrival,
        origin: Option<OriginId>,
    ) -> ServerKey {
        self.last_key += 1;
        let key = ServerKey(self.last_key);
        let pace = Pace::new(self.timers, arrival.answers.transport);
        let machine = if request.method == Method::Invite {
            Machine::Invite(InviteServer::start(pace))
        } else {
            let hundred = request.response(Status::TRYING, None).print();
            Machine::Request(RequestServer::start(now.mono, pace, hundred))
        };
        self.by_request.insert(arrival.id.clone(), key);
        if let Some(origin) = &origin {
            self.by_origin.insert(origin.clone(), key);
        }
        let mut armed = None;
        self.alarms.set(key, &mut armed, machine.deadline());
        let tag = derived_tag(request);
        let Arrival { id, answers: flow, reopened } = arrival;
        self.by_path.insert((path(flow), key));
        let gated = false;
        let number = request.headers.cseq().map_or(0, |cseq| cseq.number);
        let request = id;
        let server = Server { machine, flow, reopened, request, origin, number, tag, gated, armed };
        self.entries.insert(key, server);
        key
    }

    /// An ACK under the branch of an INVITE: to a refusal, or of an old peer to a 2xx.
    fn ack(
        &mut self,
        now: Now,
        key: ServerKey,
        flow: Flow,
        request: Request,
        out: &mut Outbox<Order>,
    ) {
        // RFC 3261 §17.1.1.3: the ACK has the number of its INVITE.
        let number = self.entries.get(&key).map(|server| server.number);
        if request.headers.cseq().ok().map(|cseq| cseq.number) != number {
            return;
        }
        let acts = self.step(now, key, Input::Ack);
        if acts.contains(&Act::DeliverAck) {
            out.push(Order::Deliver(Event::Ack { flow, request }));
        }
    }

    pub(super) fn respond(
        &mut self,
        now: Now,
        key: ServerKey,
        response: &Response,
        gated: bool,
        out: &mut Outbox<Order>,
    ) {
        let Some(server) = self.entries.get_mut(&key) else {
            return; // the transaction is over
        };
        if response.status.is_final()
            && !response.status.is_success()
            && let Some(origin) = server.origin.take()
        {
            // What is refused is not ongoing: an old phone sends its INVITE with credentials under
            // the CSeq of the one that was challenged, and is no fork for that.
            self.by_origin.remove(&origin);
        }
        if let Ok(to) = response.headers.to()
            && let Some(tag) = to.tag()
            && *tag != *server.tag
        {
            server.tag = tag.into_owned();
        }
        server.gated = gated;
        let flow = server.flow;
        let answer = Input::Answer { status: response.status, bytes: response.print() };
        let acts = self.step(now, key, answer);
        carry_out(flow, key, acts, gated, out);
    }

    pub(super) fn acked(&mut self, key: ServerKey) {
        // Needs no time: Timer L goes on as it was set.
        let acts = self.step(Now::default(), key, Input::Acked);
        debug_assert!(acts.is_empty(), "an ACK that is matched needs nothing more");
    }

    /// A way does not carry any more. Answers over a connection move to a new one, and go again as
    /// if they had been asked for again: which of them got lost, nobody knows (RFC 3261 §18.2.2).
    pub(super) fn broken(&mut self, now: Now, flow: Flow, out: &mut Outbox<Order>) {
        let first = (path(flow), ServerKey(0));
        let last = (path(flow), ServerKey(u64::MAX));
        let hit: Vec<ServerKey> = self.by_path.range(first..=last).map(|(_, key)| *key).collect();
        for key in hit {
            let Some(server) = self.entries.get(&key) else { continue };
            let (old, new, gated) = (server.flow, server.reopened, server.gated);
            if old.connection != flow.connection || old == new {
                continue; // another connection, or the last way there was
            }
            self.move_to(key, new);
            let acts = self.step(now, key, Input::Retransmission);
            carry_out(new, key, acts, gated, out);
        }
    }

    fn move_to(&mut self, key: ServerKey, flow: Flow) {
        let Some(server) = self.entries.get_mut(&key) else { return };
        self.by_path.remove(&(path(server.flow), key));
        self.by_path.insert((path(flow), key));
        server.flow = flow;
    }

    pub(super) fn handle_deadline(&mut self, now: Now, out: &mut Outbox<Order>) {
        for key in self.alarms.due(now.mono) {
            let Some(flow) = self.entries.get(&key).map(|server| server.flow) else { continue };
            let acts = self.step(now, key, Input::DeadlineReached);
            carry_out(flow, key, acts, false, out);
        }
    }

    /// One input to one machine; what is over is forgotten at once.
    fn step(&mut self, now: Now, key: ServerKey, input: Input) -> Vec<Act> {
        let Some(server) = self.entries.get_mut(&key) else {
            return Vec::new();
        };
        let acts = server.machine.handle(now.mono, input, &mut self.arms);
        self.alarms.set(key, &mut server.armed, server.machine.deadline());
        if server.machine.is_over() {
            self.forget(key);
        }
        acts
    }

    /// Ends a transaction, wherever it stands.
    pub(super) fn forget(&mut self, key: ServerKey) {
        let Some(mut server) = self.entries.remove(&key) else { return };
        self.alarms.set(key, &mut server.armed, None);
        self.by_request.remove(&server.request);
        self.by_path.remove(&(path(server.flow), key));
        if let Some(origin) = server.origin {
            self.by_origin.remove(&origin);
        }
    }
}

/// What the top Via of a request said.
struct Arrival {
    id: RequestId,
    answers: Flow,
    reopened: Flow,
}

impl Machine {
    fn handle(&mut self, now: Mono, input: Input, arms: &mut Arms) -> Vec<Act> {
        match self {
            Self::Invite(machine) => {
                let input = match input {
                    Input::Retransmission => invite_server::Input::Retransmission,
                    Input::Ack => invite_server::Input::Ack,
                    Input::Acked => invite_server::Input::Acked,
                    Input::DeadlineReached => invite_server::Input::DeadlineReached,
                    Input::Answer { status, bytes } => {
                        if status == Status::TRYING {
                            invite_server::Input::Trying { bytes }
                        } else if status.is_provisional() {
                            invite_server::Input::Provisional { bytes }
                        } else if status.is_success() {
                            invite_server::Input::Success { bytes }
                        } else {
                            invite_server::Input::Refusal { bytes }
                        }
                    }
                };
                arms.count(|| machine.arm(&input));
                let mut acts = Outbox::new();
                machine.handle(now, input, &mut acts);
                acts.take()
            }
            Self::Request(machine) => {
                let input = match input {
                    Input::Retransmission => request_server::Input::Retransmission,
                    Input::DeadlineReached => request_server::Input::DeadlineReached,
                    Input::Answer { status, bytes } => {
                        if status.is_provisional() {
                            return Vec::new(); // RFC 4320 §4.1: the machine sends its own 100
                        } else if status == Status::REQUEST_TIMEOUT {
                            request_server::Input::Silence // RFC 4320 §4.2
                        } else {
                            request_server::Input::Final { bytes }
                        }
                    }
                    Input::Ack | Input::Acked => return Vec::new(), // only INVITEs have an ACK
                };
                arms.count(|| machine.arm(&input));
                let mut acts = Outbox::new();
                machine.handle(now, input, &mut acts);
                acts.drain().map(Act::from).collect()
            }
        }
    }

    fn deadline(&self) -> Option<Mono> {
        match self {
            Self::Invite(machine) => machine.deadline(),
            Self::Request(machine) => machine.deadline(),
        }
    }

    const fn is_over(&self) -> bool {
        match self {
            Self::Invite(machine) => machine.is_over(),
            Self::Request(machine) => machine.is_over(),
        }
    }
}

impl From<request_server::Act> for Act {
    fn from(act: request_server::Act) -> Self {
        match act {
            request_server::Act::Send(bytes) => Self::Send(bytes),
        }
    }
}

fn carry_out(flow: Flow, key: ServerKey, acts: Vec<Act>, gated: bool, out: &mut Outbox<Order>) {
    for act in acts {
        match act {
            Act::Send(bytes) => out.push(Order::Send { flow, bytes, gated }),
            Act::NoAck => out.push(Order::Deliver(Event::NoAck { key })),
            Act::DeliverAck => {} // `Servers::ack` holds the request and has delivered it
        }
    }
}

/// Answers without keeping anything.
fn refuse(request: &Request, status: Status, flow: Flow, out: &mut Outbox<Order>) {
    let mut response = refusal(request, status);
    if status == Status::SERVICE_UNAVAILABLE {
        response.headers.push("Retry-After", RETRY_AFTER_S); // RFC 3261 §21.5.4
    }
    out.push(Order::Send { flow, bytes: response.print(), gated: false });
}
