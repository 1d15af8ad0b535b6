//! The box and its parties in virtual time, on a network that does one thing wrong.

use holdfast_base::{Lsn, Mono, Now, Outbox, StreamId, Wall};
use holdfast_config::Config;
use holdfast_core::media::order::{MediaEdge, MediaOrder, Remote, Source, StreamCounters};
use holdfast_core::record::event::Cdr;
use holdfast_core::record::folds::Folds;
use holdfast_core::record::journal::{Record, StateKey};
use holdfast_core::sip::flow::{Flow, Transport};
use holdfast_core::site::{Input, Interfaces, Output, Site, Snapshot, thresholds};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::peer::{Peer, Rule};
use crate::session::State;
use crate::text::start;

/// The box.
pub const SITE: &str = "10.0.0.1:5060";
/// How long a message takes.
const ON_THE_WAY: Duration = Duration::from_millis(20);
/// How long a message waits for one that it shall come behind.
const HELD: Duration = Duration::from_secs(3);
/// The longest that both sides of a session may have other ideas of it, or a party hear nothing:
/// more than one lost message and its copy, which comes after 0.5 s or when a delay is over.
const GRACE: Duration = Duration::from_secs(5);
/// Until nothing is left, the registrations among it.
const AFTERWARDS: Duration = Duration::from_secs(4_200);
/// Steps of one case: more is a livelock.
const STEPS_MAX: u32 = 20_000;

/// What the network does to one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Drop,
    Duplicate,
    /// It comes after the next one between the same two in the same direction.
    Delay,
}

/// The one fault.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    pub message: usize,
    pub kind: Kind,
}

/// A message on its way.
#[derive(Debug)]
struct Parcel {
    peer: usize,
    to_box: bool,
    text: String,
}

/// A stream as the media plane knows it.
#[derive(Debug)]
struct Stream {
    remote: Option<Remote>,
    hears: Source,
}

/// What a case came to.
#[derive(Debug)]
pub struct Outcome {
    /// Messages that went over the wire.
    pub messages: usize,
    /// The records, and who talked.
    pub story: String,
    /// What went wrong.
    pub faults: Vec<String>,
    /// What was said, for people.
    pub trace: Vec<String>,
}

/// The world of one case.
pub struct World {
    now: Mono,
    site: Site,
    peers: Vec<Peer>,
    wire: BTreeMap<(Mono, usize), Parcel>,
    held: Option<Parcel>,
    counted: usize,
    sent: usize,
    began: bool,
    fault: Option<Fault>,
    streams: BTreeMap<StreamId, Stream>,
    unlike: BTreeMap<(usize, usize), Mono>,
    states: BTreeSet<StateKey>,
    folds: Folds,
    ended: Vec<Cdr>,
    ends: usize,
    arrived: usize,
    trace: Vec<String>,
    faults: Vec<String>,
}

impl World {
    pub fn new(config: &Arc<Config>, peers: Vec<Peer>, fault: Option<Fault>) -> Self {
        let now = Mono::from_micros(0);
        let clock = Now { mono: now, wall: Wall::from_micros(0) };
        let networks = vec![("10.0.0.1".parse().expect("an address"), 8)];
        let interfaces = Interfaces { networks, default_v4: None, default_v6: None };
        let mut folds = Folds::default();
        folds.kpi.set_thresholds(thresholds(config));
        let mut out = Outbox::new();
        let site = Site::restore(
            clock,
            Arc::clone(config),
            interfaces,
            [1; 32],
            &Snapshot::default(),
            folds.clone(),
            &mut out,
        );
        let mut world = Self {
            now,
            site,
            peers,
            wire: BTreeMap::new(),
            held: None,
            counted: 0,
            sent: 0,
            began: false,
            fault,
            streams: BTreeMap::new(),
            unlike: BTreeMap::new(),
            states: BTreeSet::new(),
            folds,
            ended: Vec::new(),
            ends: 0,
            arrived: 0,
            trace: Vec::new(),
            faults: Vec::new(),
        };
        let edges = world.carry_out(out);
        edges.into_iter().for_each(|edge| world.give(edge));
        world
    }

    /// These phones are known to the box.
    pub fn register(&mut self, phones: &[&str]) {
        for peer in self.peers.iter_mut().filter(|peer| phones.contains(&peer.name)) {
            peer.register(self.now);
        }
        self.run(Duration::from_secs(1));
    }

    /// Plays the scripts until nothing is left of them.
    pub fn play(mut self, scripts: &[(&'static str, Vec<Rule>)]) -> Outcome {
        self.began = true;
        for (name, rules) in scripts {
            let now = self.now;
            let peer = self.peers.iter_mut().find(|peer| peer.name == *name);
            let peer = peer.unwrap_or_else(|| panic!("nobody is called {name}"));
            peer.follow(rules.clone());
            peer.event(now, "start");
        }
        self.run(AFTERWARDS);
        self.look_around();
        let story = self.story();
        let Self { sent: messages, faults, trace, .. } = self;
        Outcome { messages, story, faults, trace }
    }

    fn run(&mut self, span: Duration) {
        let until = self.now + span;
        for _ in 0..STEPS_MAX {
            let wire = self.wire.keys().next().map(|(at, _)| *at);
            let peers = self.peers.iter().filter_map(Peer::deadline).min();
            let site = self.site.deadline();
            let next = [wire, peers, site].into_iter().flatten().min();
            let Some(next) = next.filter(|next| *next <= until) else {
                self.now = until;
                return;
            };
            self.now = self.now.max(next);
            self.listen();
            if wire.is_some_and(|at| at <= self.now) {
                self.arrive();
            } else if site.is_some_and(|at| at <= self.now) {
                self.give(Input::DeadlineReached);
            } else {
                let dialogs = self.dialogs();
                for peer in &mut self.peers {
                    if peer.deadline().is_some_and(|at| at <= self.now) {
                        peer.handle_deadline(self.now, &dialogs);
                    }
                }
            }
            self.collect();
        }
        self.faults.push("livelock".to_owned());
    }

    fn dialogs(&self) -> Vec<(&'static str, String)> {
        let last = |peer: &Peer| peer.sessions.last().map(|session| session.replaces());
        self.peers.iter().filter_map(|peer| Some((peer.name, last(peer)?))).collect()
    }

    /// What the parties have said goes on its way.
    fn collect(&mut self) {
        for peer in 0..self.peers.len() {
            for text in std::mem::take(&mut self.peers[peer].wires.out) {
                self.send(Parcel { peer, to_box: true, text });
            }
        }
    }

    fn send(&mut self, parcel: Parcel) {
        let number = self.sent;
        self.sent += usize::from(self.began);
        let fault = self.fault.filter(|fault| self.began && fault.message == number);
        if self.began {
            let (name, text) = (self.peers[parcel.peer].name, start(&parcel.text));
            let arrow = if parcel.to_box { "──>" } else { "<──" };
            let done = fault.map_or_else(String::new, |fault| format!("   !! {:?}", fault.kind));
            let at = self.now.millis();
            self.trace.push(format!("{at:>8} {number:>3} {name:<8} {arrow} {text}{done}"));
        }
        match fault.map(|fault| fault.kind) {
            None => {
                let behind = self
                    .held
                    .take_if(|held| held.peer == parcel.peer && held.to_box == parcel.to_box);
                self.put(ON_THE_WAY, parcel);
                if let Some(held) = behind {
                    self.put(ON_THE_WAY + Duration::from_millis(1), held);
                }
            }
            Some(Kind::Drop) => {}
            Some(Kind::Duplicate) => {
                let Parcel { peer, to_box, text } = &parcel;
                let copy = Parcel { peer: *peer, to_box: *to_box, text: text.clone() };
                self.put(ON_THE_WAY, copy);
                self.put(ON_THE_WAY + Duration::from_millis(1), parcel);
            }
            Some(Kind::Delay) => {
                let (peer, to_box) = (parcel.peer, parcel.to_box);
                self.held = Some(parcel);
                // Something to wake up for when nothing else comes.
                self.put(HELD, Parcel { peer, to_box, text: String::new() });
            }
        }
    }

    fn put(&mut self, after: Duration, parcel: Parcel) {
        self.counted += 1;
        self.wire.insert((self.now + after, self.counted), parcel);
    }

    fn arrive(&mut self) {
        let Some((_, parcel)) = self.wire.pop_first() else { return };
        let parcel = match parcel.text.is_empty() {
            true => self.held.take(),
            false => Some(parcel),
        };
        let Some(Parcel { peer, to_box, text }) = parcel else { return };
        if !to_box {
            return self.peers[peer].hear(self.now, &text);
        }
        let (local, remote) = (SITE.parse().expect("an address"), self.peers[peer].address);
        let flow = Flow { transport: Transport::Udp, local, remote, connection: None, trunk: None };
        self.give(Input::Received { flow, bytes: text.into_bytes() });
    }

    fn clock(&self) -> Now {
        Now { mono: self.now, wall: Wall::from_micros(0) }
    }

    fn give(&mut self, input: Input) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let mut out = Outbox::new();
            self.site.handle(self.clock(), input, &mut out);
            inputs.extend(self.carry_out(out));
        }
    }

    fn carry_out(&mut self, mut out: Outbox<Output>) -> Vec<Input> {
        let mut edges = Vec::new();
        for output in out.take() {
            match output {
                Output::Record { lsn, record } => self.keep(lsn, record),
                Output::Media(order) => edges.extend(self.plane(order).map(Input::Media)),
                Output::Send { flow, bytes, after: _ } => {
                    let text = String::from_utf8(bytes).expect("text");
                    let peer = self.peers.iter().position(|peer| peer.address == flow.remote);
                    let peer = peer.unwrap_or_else(|| panic!("nobody is at {}", flow.remote));
                    self.send(Parcel { peer, to_box: false, text });
                }
                Output::Resolve(_) | Output::Door(_) | Output::Reply { .. } => {}
            }
        }
        edges
    }

    fn keep(&mut self, _: Lsn, record: Record) {
        match record {
            Record::Event(event) => {
                use holdfast_core::record::event::Fact;
                self.arrived += usize::from(matches!(event.fact, Fact::CallArrived { .. }));
                self.ends += usize::from(matches!(event.fact, Fact::CallEnded { .. }));
                self.ended.extend(self.folds.apply(&event));
            }
            Record::State { key, value: Some(_) } => {
                self.states.insert(key);
            }
            Record::State { key, value: None } => {
                self.states.remove(&key);
            }
        }
    }

    fn plane(&mut self, order: MediaOrder) -> Option<MediaEdge> {
        match order {
            MediaOrder::Hold { rtp_port } => return Some(MediaEdge::Held { rtp_port }),
            MediaOrder::Open(open) => {
                let stream = Stream { remote: None, hears: Source::Silence };
                self.streams.insert(open.stream, stream);
            }
            MediaOrder::Expect { stream, remote } => {
                self.stream(stream).remote = Some(remote);
            }
            MediaOrder::Hear { stream, source } => self.stream(stream).hears = source,
            MediaOrder::PressKey { .. } | MediaOrder::Record { .. } => {}
            MediaOrder::Close { stream } => {
                let known = self.streams.remove(&stream);
                assert!(known.is_some(), "{stream} closes twice");
                let counters = StreamCounters::default();
                return Some(MediaEdge::Closed { stream, counters });
            }
        }
        None
    }

    fn stream(&mut self, id: StreamId) -> &mut Stream {
        self.streams.get_mut(&id).unwrap_or_else(|| panic!("{id} is not open"))
    }

    /// Whether every party that talks is heard and hears as it has agreed.
    fn listen(&mut self) {
        for peer in 0..self.peers.len() {
            for at in 0..self.peers[peer].sessions.len() {
                match self.unlike(peer, at) {
                    None => {
                        self.unlike.remove(&(peer, at));
                    }
                    Some(what) => {
                        let since = *self.unlike.entry((peer, at)).or_insert(self.now);
                        if self.now.since(since) > GRACE {
                            let name = self.peers[peer].name;
                            self.faults
                                .push(format!("from {} ms on {name} {what}", since.millis()));
                            self.unlike.insert((peer, at), self.now);
                        }
                    }
                }
            }
        }
    }

    fn unlike(&mut self, peer: usize, at: usize) -> Option<String> {
        let ip = self.peers[peer].address.ip();
        let session = &mut self.peers[peer].sessions[at];
        if session.state != State::Talking || session.offered.is_some() || session.open.is_some() {
            return None;
        }
        let agreed = session.agreed?;
        let place = SocketAddr::new(ip, session.port);
        let here = |stream: &&Stream| {
            stream.remote.as_ref().is_some_and(|remote| remote.rtp == Some(place))
        };
        let Some(stream) = self.streams.values().rev().find(here) else {
            return Some("has no stream here".to_owned());
        };
        let remote = stream.remote.as_ref()?;
        if (remote.sends, remote.receives) != (agreed.sends, agreed.hears) {
            return Some(format!("has agreed on {agreed:?}, the box on {remote:?}"));
        }
        if agreed.hears && stream.hears == Source::Silence {
            return Some("hears nothing".to_owned());
        }
        session.talked |= stream.hears.peer().is_some();
        None
    }

    /// Whether anything is left.
    fn look_around(&mut self) {
        let view = self.site.view(self.clock());
        let mut faults = Vec::new();
        let mut must = |good: bool, what: String| {
            if !good {
                faults.push(what);
            }
        };
        for call in &view.calls {
            must(false, format!("{} is left: {}, {:?}", call.call, call.state, call.legs));
        }
        let totals = &view.totals;
        must(totals.live_transactions == 0, format!("{} transactions", totals.live_transactions));
        must(totals.live_legs == 0, format!("{} legs are left", totals.live_legs));
        must(totals.live_streams == 0, format!("{} streams are left", totals.live_streams));
        must(self.streams.is_empty(), format!("the plane has {:?}", self.streams));
        must(totals.reaper_fixups == 0, "the reaper had something to do".to_owned());
        let waiting: usize = view.queues.iter().map(|queue| queue.waiting.len()).sum();
        must(waiting == 0, format!("{waiting} wait in a queue"));
        for part in view.health.iter().filter(|part| part.part == "Media") {
            must(part.says == "0 streams open, 50 port pairs free", part.says.clone());
        }
        must(view.health.iter().all(|part| part.part != "Faults"), "a call panicked".to_owned());
        must(self.site.deadline().is_none(), format!("a timer: {:?}", self.site.deadline()));
        let names = self.site.names_known();
        must(names == 0, format!("{names} names are left"));
        let left = |key: &&StateKey| key.as_str().starts_with("call/");
        must(self.states.iter().find(left).is_none(), "the journal holds a call".to_owned());
        let (arrived, ends, records) = (self.arrived, self.ends, self.ended.len());
        must(
            arrived == ends && ends == records,
            format!("{arrived} calls, {ends} ends, {records} records"),
        );
        for peer in &self.peers {
            let sessions = peer.sessions.iter().filter(|session| session.state != State::Over);
            for session in sessions {
                must(false, format!("{} is left {:?}", peer.name, session.state));
            }
        }
        self.faults.extend(faults);
    }

    fn story(&self) -> String {
        let mut story = String::new();
        for cdr in &self.ended {
            let outcome = cdr.queue.as_ref().map(|part| (part.outcome, part.agent.clone()));
            let legs: Vec<_> =
                cdr.legs.iter().map(|leg| (&leg.to.0, leg.answered.is_some())).collect();
            let transfers: Vec<_> =
                cdr.transfers.iter().map(|part| (&part.to.0, part.kind, part.outcome)).collect();
            let answered = cdr.answered.is_some();
            let (by, status) = (cdr.by, cdr.status);
            story += &format!("answered {answered} by {by:?} {status:?} {outcome:?}");
            story += &format!(" {legs:?} {transfers:?}\n");
        }
        for peer in self.peers.iter().filter(|peer| !peer.sessions.is_empty()) {
            let talked: Vec<bool> = peer.sessions.iter().map(|session| session.talked).collect();
            story += &format!("{} talked {talked:?}\n", peer.name);
        }
        story
    }
}
