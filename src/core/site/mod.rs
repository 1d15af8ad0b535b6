//! The site: owns every machine, brings each input to the one that it concerns, and lets their
//! orders out in an order that no crash can turn into a lie.
//!
//! One step is one [`Site::handle`]. Machines talk to each other through a work list inside the
//! step; nothing is sent until all have spoken. Then the step's facts and the new states of what it
//! touched go to the log first, and whatever must not be seen before they are on disk carries
//! `after` the last of them (QUEUEING.md 2.13).
//!
//! A call is taken out of the site while it works. If it panics, it alone ends.

mod abuse;
mod admission;
mod arrivals;
mod directory;
mod drain;
mod extensions;
mod io;
mod large;
mod ledger;
mod logins;
mod loops;
mod mailboxes;
mod numbers;
mod offering;
mod onward;
mod orders;
mod peers;
mod phones;
mod plans;
mod registrations;
mod restore;
mod senders;
mod steps;
mod supervision;
mod test_calls;
mod texts;
mod transfers;
mod unsuited;
mod view;
mod watchers;

pub use io::{DriversHealth, Input, Interfaces, Output, Secrets, Snapshot};
pub use ledger::thresholds;

use holdfast_base::{CallId, Entropy, LegId, Mono, Now, Outbox, StreamId};
use holdfast_config::{Config, Direction};
use holdfast_wire::sdp::Fingerprint;
use holdfast_wire::sip::Message;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use crate::abuse::{Guard, spared};
use crate::arms::Arms;
use crate::call::io::Ids;
use crate::call::leg::Leg;
use crate::call::leg::info::Press;
use crate::call::test_call::TestCall;
use crate::call::transcoding::Transcoding;
use crate::call::{self, Call};
use crate::certificate::Certificate;
use crate::command::Reply;
use crate::contact::Deliveries;
use crate::deadlines::Deadlines;
use crate::load::Load;
use crate::media::order::{Digit, HandshakeFailure, MediaEdge};
use crate::media::ports::{Ports, RtpPort};
use crate::peer::Peers;
use crate::peer::resolve::Question;
use crate::queue::{self, Engine};
use crate::record::event::Fact;
use crate::sip::auth::Authenticator;
use crate::sip::cause::Cause;
use crate::sip::dialog::DialogId;
use crate::sip::flow::Flow;
use crate::sip::header_rules;
use crate::sip::multipart;
use crate::sip::registrar::Registrar;
use crate::sip::registration;
use crate::sip::transaction::{ClientKey, Event, Order, Timers, Transactions};
use crate::unsuited::Misfits;
use crate::watch::Watchers;
use admission::Rates;
use directory::{Directory, Stream};
use drain::Drain;
use extensions::Extensions;
use large::Large;
use ledger::Ledger;
use logins::Logins;
use peers::Asked;
use registrations::Registrations;
use texts::Texts;

/// Work items of one step; a step that needs more is a loop and ends its cause.
const WORK_MAX: usize = 10_000;

/// Everything that decides.
#[derive(Debug)]
pub struct Site {
    config: Arc<Config>,
    interfaces: Interfaces,
    started: Now,
    entropy: Entropy,
    ids: Ids,
    transactions: Transactions,
    authenticator: Authenticator,
    registrar: Registrar,
    ports: Ports,
    transcoding: Transcoding,
    calls: BTreeMap<CallId, Call>,
    test_calls: BTreeMap<CallId, TestCall>,
    deadlines: Deadlines<CallId>,
    directory: Directory,
    queue: Engine,
    ledger: Ledger,
    drivers: DriversHealth,
    certificates: Vec<Certificate>,
    audio_certificates: Vec<Fingerprint>,
    next_heartbeat: Mono,
    heartbeat_due: bool,
    arms: Arms,
    peers: Peers,
    /// Whether the journal holds something of them.
    peers_written: bool,
    probes: BTreeMap<ClientKey, Asked>,
    watchers: Watchers,
    /// NOTIFYs to them that have no answer yet.
    notices: BTreeMap<ClientKey, (DialogId, Flow)>,
    rates: Rates,
    logins: Logins,
    registrations: Registrations,
    extensions: Extensions,
    texts: Texts,
    guard: Guard,
    load: Load,
    large: Large,
    drain: Drain,
    misfits: Misfits,
}

/// What one step has gathered.
#[derive(Debug, Default)]
struct Step {
    work: VecDeque<Work>,
    sends: Vec<(Flow, Vec<u8>, bool)>,
    media: Vec<crate::media::order::MediaOrder>,
    replies: Vec<(u64, Reply, bool)>,
    asked: Vec<Question>,
    doors: Vec<crate::abuse::Order>,
    facts: Vec<Fact>,
    touched: BTreeSet<CallId>,
    registered: BTreeSet<holdfast_base::EndpointName>,
}

/// One thing that a machine still has to hear within the step.
#[derive(Debug)]
enum Work {
    Call(CallId, call::io::Input),
    Queue(queue::Input),
    Event(Event),
}

/// The base times of its transactions.
fn timers(config: &Config) -> Timers {
    Timers { t1: config.sip.t1, ..Timers::default() }
}

impl Site {
    /// A site in which nothing is going on.
    fn empty(now: Now, config: Arc<Config>, interfaces: Interfaces, own: Secrets) -> Self {
        // What an engine without a past has to say is not said: the real one is restored later.
        let mut unsaid = Outbox::new();
        let Secrets { seed, certificates: audio_certificates } = own;
        let mut entropy = Entropy::new(seed);
        // Ids go up by at least one each second of wall time, so that ids of before a lost journal
        // are not given again.
        let first = u64::try_from(now.wall.seconds()).unwrap_or(0) << 20;
        let guard = Guard::new(config.abuse.clone(), spared(&config));
        Self {
            started: now,
            authenticator: Authenticator::new(&mut entropy),
            transactions: Transactions::new(timers(&config)),
            registrar: Registrar::new(),
            ports: Ports::of(
                config.media.port_min..=config.media.port_max,
                config.media.quarantine,
            ),
            transcoding: Transcoding::new(config.media.transcoded_max),
            queue: Engine::restore(now, Arc::clone(&config), Deliveries::sip(), [], &mut unsaid),
            ledger: Ledger::new(&config),
            ids: Ids::after(first),
            interfaces,
            entropy,
            config,
            calls: BTreeMap::new(),
            test_calls: BTreeMap::new(),
            deadlines: Deadlines::default(),
            directory: Directory::default(),
            drivers: DriversHealth { log: true, media: true, real_time: true },
            certificates: Vec::new(),
            audio_certificates,
            next_heartbeat: now.mono,
            heartbeat_due: false,
            arms: Arms::new(),
            peers: Peers::default(),
            peers_written: false,
            probes: BTreeMap::new(),
            watchers: Watchers::default(),
            notices: BTreeMap::new(),
            rates: Rates::default(),
            logins: Logins::default(),
            registrations: Registrations::default(),
            extensions: Extensions::default(),
            texts: Texts::default(),
            guard,
            load: Load::default(),
            large: Large::default(),
            drain: Drain::default(),
            misfits: Misfits::default(),
        }
    }

    /// Takes one input and pushes every order that follows from it.
    pub fn handle(&mut self, now: Now, input: Input, out: &mut Outbox<Output>) {
        let mut step = Step::default();
        match input {
            Input::Received { flow, bytes } => self.receive(now, flow, &bytes, &mut step),
            Input::FlowBroken { flow } => self.flow_broken(now, flow, &mut step),
            Input::Media(edge) => self.hear_media(now, edge, &mut step),
            Input::Command { id, command } => self.obey(now, id, command, &mut step),
            Input::Configured(config) => self.reconfigure(now, config, &mut step),
            Input::Ungated { late } => {
                self.ledger.totals.ungated += 1;
                step.facts.push(Fact::Ungated { late });
            }
            Input::Drivers(health) => self.drivers = health,
            Input::Resolved { question, answer } => {
                self.resolved(now, &question, answer, &mut step);
            }
            Input::Certificates(all) => self.certificates = all,
            Input::Stopping => {
                self.drain.stop();
                self.end_test_calls(&mut step);
                self.registrations_hear(now, &registration::Input::Stop, &mut step);
            }
            Input::Offended { flow, what } => self.offended(now, &flow, what),
            Input::DeadlineReached => self.handle_deadlines(now, &mut step),
        }
        self.run(now, &mut step);
        self.take_guard_news(now, &mut step);
        self.close_step(now, step, out);
    }

    /// How often each cell of the state tables was hit since the last call.
    #[cfg(feature = "trace-arms")]
    pub fn last_arms(&mut self) -> BTreeMap<crate::arms::Arm, u64> {
        let mut arms = self.arms.take();
        arms.append(&mut self.transactions.last_arms());
        arms.append(&mut self.queue.last_arms());
        arms
    }

    /// When [`Input::DeadlineReached`] is due.
    #[must_use]
    pub fn deadline(&self) -> Option<Mono> {
        let calls = self.deadlines.next();
        let queue = self.queue.deadline();
        let own = [self.peers.deadline(), self.guard.deadline(), self.watchers.deadline()];
        let sip = [
            self.transactions.deadline(),
            self.registrar.deadline(),
            self.registrations.deadline(),
            self.extensions.deadline(),
            self.texts.deadline(),
        ];
        [calls, queue].into_iter().chain(own).chain(sip).flatten().min()
    }

    /// Whether somebody has still to hear that the box stops, since [`Input::Stopping`].
    #[must_use]
    pub fn is_leaving(&self) -> bool {
        self.registrations.are_leaving()
    }

    fn receive(&mut self, now: Now, flow: Flow, bytes: &[u8], step: &mut Step) {
        let flow = self.of_trunk(flow);
        if flow.identity().is_some() {
            self.guard.proven(now.mono, flow.remote.ip());
        }
        self.ledger.totals.sip_received += 1;
        match Message::parse(bytes) {
            Ok(mut message) => {
                let flow = self.registered_flow(now, flow, &message);
                let flow = self.flow_of_dialog(flow, &message);
                if self.is_scanner(now, &flow, &message) {
                    return;
                }
                multipart::unfold(&mut message);
                header_rules::apply(&self.config, &flow, Direction::In, &mut message);
                let mut orders = Outbox::new();
                self.transactions.receive(now, flow, message, &mut orders);
                self.take_orders(orders, step);
            }
            Err(error) => {
                self.ledger.totals.sip_malformed += 1;
                self.malformed(now, &flow, bytes);
                if let Some(answer) = error.answerable {
                    step.sends.push((flow, answer.print(), false));
                }
            }
        }
    }

    fn flow_broken(&mut self, now: Now, flow: Flow, step: &mut Step) {
        let mut orders = Outbox::new();
        self.transactions.transport_failed(now, flow, &mut orders);
        self.take_orders(orders, step);
        if flow.connection.is_some() {
            for account in self.registrar.flow_lost(flow) {
                self.note_reach(&account, step);
            }
            self.registrations_hear(now, &registration::Input::FlowBroken(flow), step);
        }
    }

    fn hear_media(&mut self, now: Now, edge: MediaEdge, step: &mut Step) {
        match edge {
            MediaEdge::Held { rtp_port } => self.ports.held(RtpPort(rtp_port)),
            MediaEdge::Occupied { rtp_port } => self.ports.occupied(now.mono, RtpPort(rtp_port)),
            MediaEdge::OpenFailed { stream, .. } => {
                self.tell_call_of(stream, |leg| call::io::Input::NoAudio { leg }, step);
            }
            MediaEdge::Closed { stream, counters } => {
                if let Some((call, leg)) = self.directory.end_stream(stream) {
                    let input = call::io::Input::AudioClosed { leg, counters };
                    step.work.push_back(Work::Call(call, input));
                }
            }
            MediaEdge::Counters(all) => {
                let limit = self.config.media.silence_limit;
                for (stream, counters) in all {
                    let silent = self.directory.count(now.mono, stream, counters, limit);
                    if let Some((call, leg)) = silent {
                        step.work.push_back(Work::Call(call, call::io::Input::Quiet { leg }));
                    }
                }
                self.beat(now);
            }
            // Silence is read from the counters, because a party on hold, of whom no audio is
            // expected, may die as well.
            MediaEdge::Quiet { .. } | MediaEdge::FirstPacket { .. } | MediaEdge::Secured { .. } => {
            }
            MediaEdge::Disconnected { stream }
            | MediaEdge::NotSecured { stream, why: HandshakeFailure::Ended } => {
                self.tell_call_of(stream, |leg| call::io::Input::Disconnected { leg }, step);
            }
            MediaEdge::NotSecured { stream, why: _ } => {
                self.tell_call_of(stream, |leg| call::io::Input::NoAudio { leg }, step);
            }
            MediaEdge::Key { stream, digit } => self.key_pressed(stream, digit, step),
        }
    }

    /// Tells the call of a stream what has become of it.
    fn tell_call_of(
        &self,
        stream: StreamId,
        what: impl FnOnce(LegId) -> call::io::Input,
        step: &mut Step,
    ) {
        if let Some(&Stream { place: (call, leg), .. }) = self.directory.stream(stream) {
            step.work.push_back(Work::Call(call, what(leg)));
        }
    }

    /// The plane has relayed the key where the other party takes telephone events.
    fn key_pressed(&self, stream: StreamId, digit: Digit, step: &mut Step) {
        let Some(&Stream { place: (call, leg), .. }) = self.directory.stream(stream) else {
            return;
        };
        let other = self.calls.get(&call).and_then(|call| call.opposite(leg));
        if other.is_some_and(Leg::takes_keys_by_info) {
            let input = call::io::Input::Key { leg, press: Press::short(digit) };
            step.work.push_back(Work::Call(call, input));
        }
    }

    fn reconfigure(&mut self, now: Now, config: Arc<Config>, step: &mut Step) {
        step.facts.push(Fact::Configured { hash: config.hash() });
        self.watchers.stir(now.mono); // whoever is not there any more is not watched either
        self.ledger.reconfigure(&config);
        self.ports.resize(config.media.port_min..=config.media.port_max, config.media.quarantine);
        self.transcoding.resize(config.media.transcoded_max);
        self.guard.configured(now.mono, config.abuse.clone(), spared(&config));
        self.logins.configured(&self.config, &config);
        self.rates.configured(&config);
        self.registrations_part(now, &config, step);
        self.extensions.configured(&config);
        let before = std::mem::replace(&mut self.config, Arc::clone(&config));
        step.work.push_back(Work::Queue(queue::Input::Configured(Arc::clone(&config))));
        self.peers_configured(now, &config, step);
        self.note_trunks(step);
        self.registrations_configured(now, Some(&before));
    }

    fn handle_deadlines(&mut self, now: Now, step: &mut Step) {
        let mut orders = Outbox::new();
        self.transactions.handle_deadline(now, &mut orders);
        self.take_orders(orders, step);
        for account in self.registrar.handle_deadline(now) {
            self.note_reach(&account, step);
        }
        self.watch_peers(now, step);
        self.watch_passing(now, step);
        self.watch_texts(now, step);
        self.registrations_hear(now, &registration::Input::DeadlineReached, step);
        self.tell_watchers(now, step);
        self.guard.handle_deadline(now.mono);
        if self.queue.deadline().is_some_and(|deadline| deadline <= now.mono) {
            step.work.push_back(Work::Queue(queue::Input::DeadlineReached));
        }
        for call in self.deadlines.due(now.mono) {
            step.work.push_back(Work::Call(call, call::io::Input::DeadlineReached));
        }
    }

    fn take_orders(&mut self, mut orders: Outbox<Order>, step: &mut Step) {
        for order in orders.drain() {
            match order {
                Order::Send { flow, bytes, gated } => {
                    let bytes = header_rules::outgoing(&self.config, &flow, bytes);
                    step.sends.push((flow, bytes, gated));
                }
                Order::Deliver(event) => step.work.push_back(Work::Event(event)),
            }
        }
    }

    /// Works the list off.
    fn run(&mut self, now: Now, step: &mut Step) {
        for _ in 0..WORK_MAX {
            match step.work.pop_front() {
                None => return,
                Some(Work::Event(event)) => self.take_event(now, event, step),
                Some(Work::Call(call, input)) => self.step_call(now, call, input, step),
                Some(Work::Queue(input)) => self.step_queue(now, input, step),
            }
        }
        // Machines that answer each other for ever: shared state is wrong, the restart mends it.
        assert!(step.work.is_empty(), "livelock: {:?}", step.work.front());
    }

    fn take_event(&mut self, now: Now, event: Event, step: &mut Step) {
        match event {
            Event::Request { key, flow, request } => {
                self.take_request(now, key, flow, request, step);
            }
            Event::Ack { flow: _, request } => {
                if let Some((call, leg)) = self.directory.dialog(DialogId::of_request(&request)) {
                    let input = call::io::Input::Ack { leg, request };
                    step.work.push_back(Work::Call(call, input));
                }
            }
            Event::Cancelled { key, reason } => {
                if let Some((call, leg)) = self.directory.server(key) {
                    let cause = reason.as_deref().and_then(Cause::read);
                    let input = call::io::Input::Cancelled { leg, cause };
                    step.work.push_back(Work::Call(call, input));
                }
            }
            Event::NoAck { key } => {
                if let Some((call, leg)) = self.directory.end_server(key) {
                    let input = call::io::Input::NoAck { leg };
                    step.work.push_back(Work::Call(call, input));
                }
            }
            Event::Response { key, received } => self.take_response(now, key, received, step),
            Event::StraySuccess(received) => self.end_stray(now, &received, step),
            Event::TimedOut { key } => {
                self.invite_failed(now, key, call::io::Failure::TimedOut, step)
            }
            Event::Unreachable { key } => {
                self.invite_failed(now, key, call::io::Failure::Unreachable, step);
            }
        }
    }
}
