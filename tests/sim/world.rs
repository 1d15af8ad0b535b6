//! The world: virtual time, one happening after the other, and the site in the middle of it.
//!
//! A run is a pure function of its seed. Each step takes the earliest happening, gives it to whom
//! it concerns, carries out what the site orders, and asks the oracle.

mod meddling;

use holdfast_base::{Mono, Now, Outbox, Wall};
use holdfast_config::Config;
use holdfast_core::call::Call;
use holdfast_core::media::order::MediaEdge;
use holdfast_core::record::encoding::decoded;
use holdfast_core::record::folds::Folds;
use holdfast_core::record::journal::Record;
use holdfast_core::sip::flow::Flow;
use holdfast_core::site::{Input, Interfaces, Output, Site, thresholds};
use holdfast_core::view::SiteView;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::day::{Day, Habit};
use crate::dice::Dice;
use crate::disk::{Disk, Gate, Held};
use crate::gates::Gates;
use crate::network::Network;
use crate::oracle::{self, Oracle};
use crate::peer::{Alarm, Hands, Peer, Role};
use crate::plane::Plane;
use crate::scenario;
use crate::trace::Trace;

/// Steps of the site at one instant: more is a livelock.
const STEPS_AT_ONCE_MAX: u32 = 300;
/// How often the whole picture is looked at, in steps, on a day that is not watched closely.
const LOOK_EVERY: u64 = 20;
/// Long enough for the silence limit, a probe without an answer, and its BYE.
const DYING_OUT: Duration = Duration::from_secs(200);
/// Then everything must be gone within this.
const SETTLING: Duration = Duration::from_secs(120);
/// Longer than an exchange of OPTIONS and its memory, shorter than the pause after it.
const BETWEEN_OPTIONS: Duration = Duration::from_secs(45);

/// What can happen.
#[derive(Debug)]
enum Happening {
    ToSite(Flow, Vec<u8>),
    ToPeer(usize, Flow, Vec<u8>),
    Broken(Flow),
    Edge(MediaEdge),
    PlaneSecond,
    Wake(usize, Alarm),
    Synced,
    /// Somebody calls.
    Caller,
    /// A person or chance interferes.
    Meddling,
    Boot,
}

/// Everything.
pub struct World {
    now: Mono,
    steps: u64,
    look_every: u64,
    dice: Dice,
    day: Day,
    due: BTreeMap<(Mono, u64), Happening>,
    numbers: u64,
    site: Option<Site>,
    config: Arc<Config>,
    network: Network,
    disk: Disk,
    gate: Gate,
    gates: Gates,
    plane: Plane,
    peers: Vec<Peer>,
    oracle: Oracle,
    /// The picture before a death that loses nothing.
    before: Option<(Mono, SiteView)>,
    at_once: (Mono, u32),
    open: bool,
    /// What happened.
    pub trace: Trace,
    /// Which cells of the state tables were hit.
    pub arms: crate::coverage::Arms,
}

impl World {
    /// The world of a seed, at its beginning.
    pub fn new(seed: u64, aloud: bool) -> Self {
        let mut dice = Dice::new(seed);
        let day = Day::of(seed, &mut dice);
        let site: SocketAddr = scenario::SITE.parse().expect("an address");
        let mut world = Self {
            now: Mono::from_micros(1_000_000),
            steps: 0,
            day,
            due: BTreeMap::new(),
            numbers: 0,
            site: None,
            look_every: if Day::is_watched_closely(seed) { 1 } else { LOOK_EVERY },
            config: scenario::config(Day::config(seed)),
            network: Network::new(day.weather, site),
            disk: Disk::new(day.disk),
            gate: Gate::default(),
            gates: Gates::default(),
            plane: Plane::new(day.port_failures, day.stalls),
            peers: scenario::peers(day.calm),
            oracle: Oracle::default(),
            before: None,
            at_once: (Mono::default(), 0),
            open: true,
            trace: Trace::new(aloud),
            arms: crate::coverage::Arms::default(),
            dice,
        };
        world.at(Duration::ZERO, Happening::Boot);
        world.at(Duration::from_millis(50), Happening::PlaneSecond);
        for peer in 0..world.peers.len() {
            if world.peers[peer].account().is_some() {
                let after = world.dice.ms(10, 3000);
                world.at(after, Happening::Wake(peer, Alarm::Register));
            }
        }
        world.at(Duration::from_secs(3), Happening::Caller);
        world.at(Duration::from_secs(4), Happening::Meddling);
        world
    }

    /// How far it got.
    pub const fn steps(&self) -> u64 {
        self.steps
    }

    /// Calls seen.
    pub fn calls(&self) -> usize {
        self.oracle.calls()
    }

    /// Runs `steps` steps of traffic, then lets everything end, and judges what is left.
    pub fn run(&mut self, steps: u64) {
        while self.steps < steps {
            self.step();
        }
        self.open = false;
        self.network.calm_down();
        if self.site.is_none() {
            self.boot();
        }
        for peer in 0..self.peers.len() {
            self.with_peer(peer, |peer, hands| peer.close(hands));
        }
        let end = self.now + DYING_OUT + SETTLING;
        while self.now < end {
            self.step();
        }
        // The trunk is asked by OPTIONS for ever: judged is a moment between two of them.
        while self.now < end + BETWEEN_OPTIONS && self.live_transactions() > 0 {
            self.step();
        }
        self.judge();
        if let Some(site) = &mut self.site {
            self.arms.take_from(site);
        }
    }

    fn live_transactions(&self) -> u64 {
        let site = self.site.as_ref().expect("the site is up at the end");
        site.view(self.clock()).totals.live_transactions
    }

    fn judge(&mut self) {
        self.look();
        self.oracle.finish();
        let site = self.site.as_ref().expect("the site is up at the end");
        let view = site.view(self.clock());
        assert!(view.calls.is_empty(), "calls are left: {:?}", view.calls);
        assert_eq!(self.plane.len(), 0, "streams are left");
        let totals = view.totals;
        assert_eq!(totals.live_transactions, 0, "transactions are left");
        assert_eq!((totals.live_legs, totals.live_streams), (0, 0), "legs or streams are left");
        let media = view.health.iter().find(|health| health.part == "Media").expect("media");
        let pairs = media.says.split(", ").skip(1); // before them the streams
        let count = |said: &str| said.split(' ').next()?.parse::<usize>().ok();
        let known: usize = pairs.filter_map(count).sum();
        assert_eq!(known, scenario::PAIRS, "ports are left: {}", media.says);
        for agent in &view.agents {
            let idle = agent.call.is_none() && !matches!(agent.task.as_str(), "offered");
            assert!(idle, "{} is still {}", agent.name, agent.task);
        }
        for peer in &self.peers {
            let open: Vec<String> = peer.open_sessions().collect();
            assert!(open.is_empty(), "{} is left alone with {open:?}", peer.name);
            let ghosts = peer.ghosts();
            assert!(!self.day.calm || ghosts.is_empty(), "{}: ghost calls {ghosts:?}", peer.name);
        }
    }

    fn clock(&self) -> Now {
        // A Sunday in November; wall and site time run together.
        let wall = Wall::from_micros(1_795_341_600_000_000 + self.now.micros() as i64);
        Now { mono: self.now, wall }
    }

    fn at(&mut self, after: Duration, happening: Happening) {
        self.at_time(self.now + after, happening);
    }

    fn at_time(&mut self, at: Mono, happening: Happening) {
        self.numbers += 1;
        self.due.insert((at.max(self.now), self.numbers), happening);
    }

    fn step(&mut self) {
        self.steps += 1;
        let next = self.due.first_key_value().map(|((at, _), _)| *at);
        let next = next.expect("the plane's second always comes");
        let deadline = self.site.as_ref().and_then(Site::deadline);
        let gate = self.gate.deadline();
        let first = [Some(next), deadline, gate].into_iter().flatten().min().unwrap_or(next);
        self.now = self.now.max(first);
        self.watch_for_livelock();
        if gate.is_some_and(|gate| gate <= self.now) {
            self.open_gate();
        } else if deadline.is_some_and(|deadline| deadline <= self.now) {
            self.give(Input::DeadlineReached);
        } else if let Some((_, happening)) = self.due.pop_first() {
            self.happen(happening);
        }
        if self.steps.is_multiple_of(self.look_every) {
            self.look();
        }
    }

    fn watch_for_livelock(&mut self) {
        if self.at_once.0 != self.now {
            self.at_once = (self.now, 0);
        }
        self.at_once.1 += 1;
        assert!(self.at_once.1 < STEPS_AT_ONCE_MAX, "livelock: time stands still");
    }

    fn look(&mut self) {
        let clock = self.clock();
        let Some(site) = &self.site else { return };
        let view = site.view(clock);
        self.oracle.look(clock.mono, &view, &self.plane);
        if self.day.calm {
            self.look_at_phones();
        }
    }

    /// I1 on the wire: no agent's phones ring for two callers. A CANCEL may be on its way.
    fn look_at_phones(&self) {
        let on_its_way = Duration::from_millis(500);
        let mut callers: BTreeMap<&str, &str> = BTreeMap::new();
        for peer in self.peers.iter().filter(|peer| peer.role == Role::Phone) {
            let Some(account) = peer.account() else { continue };
            for (caller, since) in peer.ringing() {
                if self.now.since(since) < on_its_way {
                    continue;
                }
                let agent = scenario::agent_of(account);
                let before = callers.insert(agent, caller);
                let same = before.is_none_or(|before| before == caller);
                assert!(same, "I1: {agent} is rung for {before:?} and for {caller}");
            }
        }
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::ToSite(flow, bytes) => {
                if self.network.is_open(&flow) {
                    self.note_message(">", &flow, &bytes);
                    self.give(Input::Received { flow, bytes });
                }
            }
            Happening::ToPeer(peer, flow, bytes) => {
                if self.network.is_open(&flow) {
                    self.with_peer(peer, |peer, hands| peer.receive(&bytes, hands));
                }
            }
            Happening::Broken(flow) => self.give(Input::FlowBroken { flow }),
            Happening::Edge(edge) => self.give(Input::Media(edge)),
            Happening::PlaneSecond => self.plane_second(),
            Happening::Wake(peer, alarm) => {
                self.with_peer(peer, |peer, hands| peer.wake(alarm, hands));
            }
            Happening::Synced => {
                if let Some(at) = self.disk.synced(self.now, &mut self.dice) {
                    self.at_time(at, Happening::Synced);
                }
                self.open_gate();
            }
            Happening::Caller => self.somebody_calls(),
            Happening::Meddling => self.meddle(),
            Happening::Boot => {
                if self.site.is_none() {
                    self.boot();
                }
            }
        }
    }

    fn plane_second(&mut self) {
        self.at(Duration::from_secs(1), Happening::PlaneSecond);
        let talking = self.peers.iter().flat_map(Peer::talking).collect();
        for edge in self.plane.second(self.now, &talking) {
            self.give(Input::Media(edge));
        }
    }

    fn somebody_calls(&mut self) {
        if !self.open {
            return;
        }
        let pause_max = if self.day.habit == Habit::Crowd { 500 } else { 5000 };
        let pause = self.dice.ms(50, pause_max);
        self.at(pause, Happening::Caller);
        let peer = self.dice.below(self.peers.len() as u64) as usize;
        let phone = self.peers[peer].role == Role::Phone;
        let own = phone && self.dice.chance(500);
        let target = if own {
            *self.dice.pick(&scenario::DIALLED_BY_PHONES)
        } else {
            *self.dice.pick(&scenario::DIALLED)
        };
        self.with_peer(peer, |peer, hands| peer.wake(Alarm::Dial(target.to_owned()), hands));
    }

    fn die(&mut self, death: Death) {
        let clock = self.clock();
        let Some(mut site) = self.site.take() else { return };
        self.trace.say(self.now, format_args!("{death:?}"));
        match death {
            Death::PowerCut => {
                self.disk.power_cut(&mut self.dice);
                self.before = None;
            }
            Death::Killed => {
                self.before = Some((self.now, site.view(clock)));
                self.disk.process_died();
            }
        }
        self.arms.take_from(&mut site);
        self.oracle.rebuild(self.now, self.disk.events());
        self.gate.clear();
        self.gates.site_died();
        self.plane.died();
        self.network.site_died();
        let of_the_dead = |happening: &Happening| {
            matches!(happening, Happening::Synced | Happening::Edge(_) | Happening::Broken(_))
        };
        self.due.retain(|_, happening| !of_the_dead(happening));
        for peer in 0..self.peers.len() {
            self.with_peer(peer, |peer, hands| peer.connection_lost(hands));
        }
        let away_max = if self.day.habit == Habit::Crowd { 15_000 } else { 4000 };
        let away = self.dice.ms(200, away_max);
        self.at(away, Happening::Boot);
    }

    fn boot(&mut self) {
        let interfaces = Interfaces {
            networks: vec![("10.0.0.1".parse().expect("an address"), 8)],
            default_v4: None,
            default_v6: None,
        };
        let seed = self.dice.seed();
        let snapshot = self.disk.snapshot();
        let mut folds = Folds::default();
        folds.kpi.set_thresholds(thresholds(&self.config));
        for event in self.disk.events() {
            let cdr = folds.apply(event);
            folds.cdrs.splice(0..0, cdr);
        }
        let mut out = Outbox::new();
        let config = Arc::clone(&self.config);
        let clock = self.clock();
        let site = Site::restore(clock, config, interfaces, seed, &snapshot, folds, &mut out);
        self.trace.say(self.now, format_args!("boot"));
        self.site = Some(site);
        self.carry_out(out);
        if let Some((then, before)) = self.before.take()
            && let Some(site) = &self.site
        {
            oracle::compare(&before, &site.view(clock), self.now.since(then));
        }
    }

    /// Gives the site one input and carries out its orders.
    fn give(&mut self, input: Input) {
        let clock = self.clock();
        let Some(site) = &mut self.site else { return };
        let mut out = Outbox::new();
        site.handle(clock, input, &mut out);
        self.carry_out(out);
    }

    fn carry_out(&mut self, mut out: Outbox<Output>) {
        for output in out.take() {
            self.carry_out_one(output);
        }
        self.disk.end_step();
        self.gates.end_step();
        self.plane.check();
        self.open_gate();
    }

    fn carry_out_one(&mut self, output: Output) {
        match output {
            Output::Record { lsn, record } => {
                match &record {
                    Record::Event(event) => {
                        self.trace.say(self.now, format_args!("{lsn} {:?}", event.fact));
                        self.oracle.hear(event);
                        self.gates.hear(event);
                    }
                    Record::State { key, value } => {
                        self.trace.absorb(key.as_str().as_bytes());
                        if let (Some(value), true) = (value, key.as_str().starts_with("call/")) {
                            let call: Option<Call> = decoded(value);
                            let text = String::from_utf8_lossy(value);
                            assert!(call.is_some(), "{key} can not be read back\n{text}");
                        }
                        self.trace.absorb(value.as_deref().unwrap_or_default());
                    }
                }
                if let Some(at) = self.disk.write(self.now, lsn, record, &mut self.dice) {
                    self.at_time(at, Happening::Synced);
                }
            }
            Output::Send { flow, bytes, after } => {
                assert!(
                    after.is_some() || !self.gate.holds(&flow, &bytes),
                    "I10: this leaves while the same message waits for the disk\n{}",
                    String::from_utf8_lossy(&bytes)
                );
                self.gates.check(&bytes, after);
                match after {
                    Some(after) => self.gate.hold(self.now, after, Held::Send(flow, bytes)),
                    None => self.send(flow, bytes),
                }
            }
            Output::Media(order) => {
                self.trace.say(self.now, format_args!("{order:?}"));
                self.gates.check_media(&order, self.disk.durable());
                if let Some((after, edge)) = self.plane.order(self.now, order, &mut self.dice) {
                    self.at(after, Happening::Edge(edge));
                }
            }
            Output::Door(order) => panic!("everybody here is honest: {order:?}"),
            Output::Resolve(question) => panic!("this site has no names: {question:?}"),
            Output::Reply { id, reply, after } => {
                assert!(after.is_some() || reply.is_err(), "gate 12: a promise before the disk");
                match after {
                    Some(after) => self.gate.hold(self.now, after, Held::Reply(id, reply)),
                    None => self.trace.say(self.now, format_args!("reply {id} {reply:?}")),
                }
            }
        }
    }

    fn open_gate(&mut self) {
        while let Some(out) = self.gate.let_out(self.now, self.disk.durable()) {
            match out.item {
                Held::Send(flow, bytes) => self.send(flow, bytes),
                Held::Reply(id, reply) => {
                    self.trace.say(self.now, format_args!("reply {id} {reply:?}"));
                }
            }
            if let Some(late) = out.late {
                self.give(Input::Ungated { late });
            }
        }
    }

    fn send(&mut self, flow: Flow, bytes: Vec<u8>) {
        self.note_message("<", &flow, &bytes);
        let peer = self.peers.iter().position(|peer| peer.address == flow.remote);
        let Some(peer) = peer else { return };
        match self.network.reach_peer(self.now, &flow, &mut self.dice) {
            Some(copies) => {
                for at in copies {
                    self.at_time(at, Happening::ToPeer(peer, flow, bytes.clone()));
                }
            }
            None => self.at(Duration::ZERO, Happening::Broken(flow)),
        }
    }

    /// Lets a peer work, and sends what it sends.
    fn with_peer(&mut self, at: usize, work: impl FnOnce(&mut Peer, &mut Hands<'_>)) {
        let peer = &mut self.peers[at];
        let mut hands = Hands {
            now: self.now,
            dice: &mut self.dice,
            sent: Vec::new(),
            alarms: Vec::new(),
            calm: self.day.calm,
            habit: self.day.habit,
            closes_socket: false,
        };
        work(peer, &mut hands);
        let (sent, alarms, closes_socket) = (hands.sent, hands.alarms, hands.closes_socket);
        let (transport, address) = (peer.transport, peer.address);
        for (time, alarm) in alarms {
            self.at_time(time, Happening::Wake(at, alarm));
        }
        for bytes in sent {
            if self.site.is_none() {
                continue; // nobody listens
            }
            let copies = self.network.reach_site(self.now, transport, address, &mut self.dice);
            for (time, flow) in copies {
                self.at_time(time, Happening::ToSite(flow, bytes.clone()));
            }
        }
        if closes_socket && self.site.is_some() {
            self.close_socket(at);
        }
    }

    fn note_message(&mut self, way: &str, flow: &Flow, bytes: &[u8]) {
        self.trace.absorb(bytes);
        let text = String::from_utf8_lossy(bytes);
        let line = |name: &str| text.lines().find(|line| line.starts_with(name)).unwrap_or("");
        let first = text.lines().next().unwrap_or("");
        let (cseq, call_id) = (line("CSeq:"), line("Call-ID:"));
        self.trace.say(self.now, format_args!("{way} {} {first} {cseq} {call_id}", flow.remote));
    }
}

/// How the site dies.
#[derive(Clone, Copy, Debug)]
enum Death {
    /// What was not synced is gone.
    PowerCut,
    /// What was written stays.
    Killed,
}
