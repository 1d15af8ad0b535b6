//! The transactions that we began: our requests, and the answers to them.

use holdfast_base::{Mono, Now, Outbox};
use holdfast_wire::sip::{Header, Method, Request, Response};
use std::collections::{BTreeMap, BTreeSet};

use super::alarms::Alarms;
use super::derived;
use super::invite_client::{self, Act, InviteClient};
use super::matching::{Path, path};
use super::pace::{Pace, Timers};
use super::request_client::{self, RequestClient};
use super::table::{ClientKey, Event, Order, Received, Standing};
use crate::arms::Arms;
use crate::sip::flow::Flow;

/// RFC 3261 §17.1.3: branch of the top Via and method of the CSeq.
type ResponseId = (String, Method);

/// Forks whose 2xx are told from their repetitions; each of more is taken as a new one.
const FORKS_MAX: usize = 8;

#[derive(Debug)]
pub(super) struct Clients {
    timers: Timers,
    last_key: u64,
    entries: BTreeMap<ClientKey, Client>,
    by_response: BTreeMap<ResponseId, ClientKey>,
    by_path: BTreeSet<(Path, ClientKey)>,
    alarms: Alarms<ClientKey>,
    pub(super) arms: Arms,
}

#[derive(Debug)]
struct Client {
    machine: Machine,
    flow: Flow,
    id: ResponseId,
    owner: Owner,
    /// Tags of the forks whose 2xx has arrived. An INVITE alone has any.
    answered: Vec<String>,
    armed: Option<Mono>,
}

/// Who is told about a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    User,
    /// A CANCEL: its fate shows in the INVITE.
    Table,
}

#[derive(Debug)]
enum Machine {
    /// The INVITE without its body is kept: ACK and CANCEL are made from it.
    Invite(InviteClient, Box<Request>),
    Request(RequestClient),
}

/// What can happen to either machine.
enum Input<'a> {
    Response(&'a Response),
    Cancel { reason: Option<String> },
    Broken,
    DeadlineReached,
}

impl Clients {
    pub(super) const fn new(timers: Timers) -> Self {
        Self {
            timers,
            last_key: 0,
            entries: BTreeMap::new(),
            by_response: BTreeMap::new(),
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

    /// Sends a request whose top Via is ours and has this branch.
    pub(super) fn begin(
        &mut self,
        now: Now,
        flow: Flow,
        outgoing: Outgoing,
        gated: bool,
        out: &mut Outbox<Order>,
    ) -> ClientKey {
        let Outgoing { mut request, branch, owner } = outgoing;
        self.last_key += 1;
        let key = ClientKey(self.last_key);
        let pace = Pace::new(self.timers, flow.transport);
        let bytes = request.print();
        let id = (branch, request.method.clone());
        let mut acts = Outbox::new();
        let machine = if request.method == Method::Invite {
            request.body = Vec::new();
            let machine = InviteClient::start(now.mono, pace, bytes, &mut acts);
            Machine::Invite(machine, Box::new(request))
        } else {
            let mut sent = Outbox::new();
            let machine = RequestClient::start(now.mono, pace, bytes, &mut sent);
            sent.drain().map(Act::from).for_each(|act| acts.push(act));
            Machine::Request(machine)
        };
        let mut armed = None;
        self.alarms.set(key, &mut armed, machine.deadline());
        self.by_response.insert(id.clone(), key);
        self.by_path.insert((path(flow), key));
        self.entries.insert(key, Client { machine, flow, id, owner, answered: Vec::new(), armed });
        for act in acts.drain() {
            match act {
                Act::Send(bytes) => out.push(Order::Send { flow, bytes, gated }),
                Act::SendCancel { reason: _ }
                | Act::Deliver
                | Act::DeliverStray
                | Act::TimedOut
                | Act::Unreachable => {} // a machine that starts has only sent
            }
        }
        key
    }

    /// Takes up an INVITE that an earlier process sent.
    pub(super) fn adopt(&mut self, now: Now, flow: Flow, outgoing: Outgoing) -> ClientKey {
        let Outgoing { mut request, branch, owner } = outgoing;
        self.last_key += 1;
        let key = ClientKey(self.last_key);
        let id = (branch, request.method.clone());
        request.body = Vec::new();
        let machine = InviteClient::adopted(now.mono, Pace::new(self.timers, flow.transport));
        let machine = Machine::Invite(machine, Box::new(request));
        let mut armed = None;
        self.alarms.set(key, &mut armed, machine.deadline());
        self.by_response.insert(id.clone(), key);
        self.by_path.insert((path(flow), key));
        self.entries.insert(key, Client { machine, flow, id, owner, answered: Vec::new(), armed });
        key
    }

    /// The credentials of an INVITE.
    pub(super) fn credentials(&self, key: ClientKey) -> Vec<Header> {
        let Some(Client { machine: Machine::Invite(_, invite), .. }) = self.entries.get(&key)
        else {
            return Vec::new();
        };
        let names = ["Authorization", "Proxy-Authorization"];
        names.iter().flat_map(|name| invite.headers.lines(name)).cloned().collect()
    }

    /// Whether it is an INVITE within a dialog.
    pub(super) fn is_reinvite(&self, key: ClientKey) -> bool {
        let invite = self.entries.get(&key).and_then(|client| match &client.machine {
            Machine::Invite(_, invite) => Some(invite),
            Machine::Request(..) => None,
        });
        let to = invite.and_then(|invite| invite.headers.to().ok());
        to.is_some_and(|to| to.tag().is_some())
    }

    /// The transaction that a response belongs to.
    pub(super) fn find(&self, branch: &str, method: &Method) -> Option<ClientKey> {
        self.by_response.get(&(branch.to_owned(), method.clone())).copied()
    }

    pub(super) fn receive(
        &mut self,
        now: Now,
        key: ClientKey,
        flow: Flow,
        response: Response,
        out: &mut Outbox<Order>,
    ) {
        let acts = self.step(now, key, Input::Response(&response));
        let client = self.entries.get_mut(&key);
        let standing = client.map_or(Standing::First, |client| client.standing_of(&response));
        self.carry_out(now, key, acts, Some(Received { flow, response, standing }), out);
    }

    pub(super) fn cancel(
        &mut self,
        now: Now,
        key: ClientKey,
        reason: Option<String>,
        gated: bool,
        out: &mut Outbox<Order>,
    ) {
        let step = self.step(now, key, Input::Cancel { reason });
        let step = step.map(|step| Step { gated, ..step });
        self.carry_out(now, key, step, None, out);
    }

    /// Ends what waits on a way that does not carry any more.
    pub(super) fn broken(&mut self, now: Now, flow: Flow, out: &mut Outbox<Order>) {
        let first = (path(flow), ClientKey(0));
        let last = (path(flow), ClientKey(u64::MAX));
        let hit: Vec<ClientKey> = self.by_path.range(first..=last).map(|(_, key)| *key).collect();
        for key in hit {
            let Some(client) = self.entries.get(&key) else { continue };
            // "Any connection to that address" is every connection to it.
            let same = match (flow.connection, client.flow.connection) {
                (Some(broken), Some(used)) => broken == used,
                (None, Some(_) | None) | (Some(_), None) => true,
            };
            if same {
                let acts = self.step(now, key, Input::Broken);
                self.carry_out(now, key, acts, None, out);
            }
        }
    }

    pub(super) fn handle_deadline(&mut self, now: Now, out: &mut Outbox<Order>) {
        for key in self.alarms.due(now.mono) {
            let acts = self.step(now, key, Input::DeadlineReached);
            self.carry_out(now, key, acts, None, out);
        }
    }

    /// One input to one machine; what is over is forgotten at once.
    fn step(&mut self, now: Now, key: ClientKey, input: Input<'_>) -> Option<Step> {
        let client = self.entries.get_mut(&key)?;
        let acts = client.machine.handle(now.mono, input, &mut self.arms);
        self.alarms.set(key, &mut client.armed, client.machine.deadline());
        let (flow, owner) = (client.flow, client.owner);
        let cancel = acts.iter().find_map(|act| match act {
            Act::SendCancel { reason } => client.cancel(reason.as_deref()),
            Act::Send(_) | Act::Deliver | Act::DeliverStray | Act::TimedOut | Act::Unreachable => {
                None
            }
        });
        if client.machine.is_over()
            && let Some(client) = self.entries.remove(&key)
        {
            self.by_response.remove(&client.id);
            self.by_path.remove(&(path(client.flow), key));
        }
        Some(Step { acts, flow, owner, cancel, gated: false })
    }

    fn carry_out(
        &mut self,
        now: Now,
        key: ClientKey,
        step: Option<Step>,
        mut arrived: Option<Received>,
        out: &mut Outbox<Order>,
    ) {
        let Some(Step { acts, flow, owner, mut cancel, gated }) = step else {
            return; // the transaction is over
        };
        for act in acts {
            match (act, owner) {
                (Act::Send(bytes), Owner::User | Owner::Table) => {
                    out.push(Order::Send { flow, bytes, gated: false });
                }
                (Act::SendCancel { reason: _ }, Owner::User | Owner::Table) => {
                    if let Some(cancel) = cancel.take() {
                        self.begin(now, flow, cancel, gated, out);
                    }
                }
                (Act::Deliver, Owner::User) => {
                    if let Some(received) = arrived.take() {
                        out.push(Order::Deliver(Event::Response { key, received }));
                    }
                }
                (Act::DeliverStray, Owner::User) => {
                    if let Some(received) = arrived.take() {
                        out.push(Order::Deliver(Event::StraySuccess(received)));
                    }
                }
                (Act::TimedOut, Owner::User) => out.push(Order::Deliver(Event::TimedOut { key })),
                (Act::Unreachable, Owner::User) => {
                    out.push(Order::Deliver(Event::Unreachable { key }));
                }
                (
                    Act::Deliver | Act::DeliverStray | Act::TimedOut | Act::Unreachable,
                    Owner::Table,
                ) => {}
            }
        }
    }
}

/// A request ready to be sent.
pub(super) struct Outgoing {
    pub(super) request: Request,
    /// Branch of its top Via.
    pub(super) branch: String,
    pub(super) owner: Owner,
}

/// What came of one input.
struct Step {
    acts: Vec<Act>,
    flow: Flow,
    owner: Owner,
    cancel: Option<Outgoing>,
    /// Whether the CANCEL waits for the disk.
    gated: bool,
}

impl Client {
    /// Whether this 2xx to an INVITE is the first of its fork, which is noted. Anything else is
    /// [`Standing::First`].
    fn standing_of(&mut self, response: &Response) -> Standing {
        if !response.status.is_success() || self.id.1 != Method::Invite {
            return Standing::First;
        }
        let Ok(to) = response.headers.to() else { return Standing::First };
        let tag = to.tag().unwrap_or_default();
        if self.answered.iter().any(|known| *known == *tag) {
            return Standing::Again;
        }
        if self.answered.len() < FORKS_MAX {
            self.answered.push(tag.into_owned());
        }
        Standing::First
    }

    /// The CANCEL: same branch as its INVITE (RFC 3261 §9.1).
    fn cancel(&self, reason: Option<&str>) -> Option<Outgoing> {
        match &self.machine {
            Machine::Invite(_, invite) => Some(Outgoing {
                request: derived::cancel(invite, reason),
                branch: self.id.0.clone(),
                owner: Owner::Table,
            }),
            Machine::Request(_) => None,
        }
    }
}

impl Machine {
    fn handle(&mut self, now: Mono, input: Input<'_>, arms: &mut Arms) -> Vec<Act> {
        match self {
            Self::Invite(machine, invite) => {
                let input = match input {
                    Input::Response(response) if response.status.is_provisional() => {
                        invite_client::Input::Provisional
                    }
                    Input::Response(response) if response.status.is_success() => {
                        invite_client::Input::Success
                    }
                    Input::Response(response) => invite_client::Input::Refusal {
                        ack: derived::refusal_ack(invite, response).print(),
                    },
                    Input::Cancel { reason } => invite_client::Input::Cancel { reason },
                    Input::Broken => invite_client::Input::Broken,
                    Input::DeadlineReached => invite_client::Input::DeadlineReached,
                };
                arms.count(|| machine.arm(&input));
                let mut acts = Outbox::new();
                machine.handle(now, input, &mut acts);
                acts.take()
            }
            Self::Request(machine) => {
                let input = match input {
                    Input::Response(response) if response.status.is_provisional() => {
                        request_client::Input::Provisional
                    }
                    Input::Response(_) => request_client::Input::Final,
                    Input::Broken => request_client::Input::Broken,
                    Input::DeadlineReached => request_client::Input::DeadlineReached,
                    // RFC 3261 §9.1: only an INVITE takes long enough to be cancelled.
                    Input::Cancel { reason: _ } => return Vec::new(),
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
            Self::Invite(machine, _) => machine.deadline(),
            Self::Request(machine) => machine.deadline(),
        }
    }

    const fn is_over(&self) -> bool {
        match self {
            Self::Invite(machine, _) => machine.is_over(),
            Self::Request(machine) => machine.is_over(),
        }
    }
}

impl From<request_client::Act> for Act {
    fn from(act: request_client::Act) -> Self {
        match act {
            request_client::Act::Send(bytes) => Self::Send(bytes),
            request_client::Act::Deliver => Self::Deliver,
            request_client::Act::TimedOut => Self::TimedOut,
            request_client::Act::Unreachable => Self::Unreachable,
        }
    }
}
