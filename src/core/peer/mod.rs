//! The far ends of trunks: from a configured target to the address of the next request.
//!
//! It owns what names mean ([`resolve`]), how each address is ([`target`]) and which of them is
//! tried in which order ([`choose`]), and says when a trunk as a whole goes down and comes back. It
//! refuses to know calls, transactions and sockets.
//!
//! The steps of RFC 3263 §4: the transport stands in the configuration, so NAPTR says at most which
//! SRV records are meant; a target with a port is a host, one without is first a service (NAPTR,
//! SRV), then a host; an address is asked of nobody.

mod alarm;
mod beyond;
pub mod choose;
mod line;
pub mod picture;
pub mod resolve;
pub mod target;
mod test_call;

pub use beyond::nobody_there;

use holdfast_base::{Entropy, Mono, Now, Outbox, TrunkName};
use holdfast_config::{Config, ListenerTransport, Target, TargetHost};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::dialect::matrix::Capabilities;
use crate::dialect::{Behaviour, Proof};
use crate::record::event::{Fact, TestOutcome};
use beyond::Beyond;
use choose::Urgency;
use line::{Families, Line, Place, Standing};
use resolve::{Answer, Kept, Names, Question};
use target::{Health, Pace};
use test_call::TestCalls;

/// One way to a trunk: an address of one of its targets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop {
    /// The trunk.
    pub trunk: TrunkName,
    /// The target, as it goes into the Request-URI.
    pub target: Target,
    /// The protocol.
    pub transport: ListenerTransport,
    /// The address.
    pub address: SocketAddr,
    /// How long it may leave an INVITE without any word.
    pub within: Duration,
}

/// What the peers want done.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Ask what a name means.
    Ask(Question),
    /// Send OPTIONS.
    Probe(Hop),
    /// Place a test call over this trunk, and say [`Peers::test_call_over`].
    TestCall(TrunkName),
    /// For the log.
    Fact(Fact),
    /// Calls can go out over a trunk, or can not any more.
    Standing {
        /// The trunk.
        trunk: TrunkName,
        /// Whether they can.
        up: bool,
    },
}

/// The far ends of all trunks.
#[derive(Debug, Default)]
pub struct Peers {
    names: Names,
    lines: BTreeMap<TrunkName, Line>,
    changed: bool,
}

/// What the next run should know.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    names: Vec<Kept>,
    off: BTreeSet<(TrunkName, Target)>,
}

impl Memory {
    /// Whether there is nothing to know.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty() && self.off.is_empty()
    }
}

impl Peers {
    /// Goes on with what an earlier run knew.
    pub fn restore(
        now: Now,
        config: &Config,
        memory: Memory,
        entropy: &mut Entropy,
        out: &mut Outbox<Output>,
    ) -> Self {
        let names = Names::restore(now.mono, memory.names);
        let mut peers = Self { names, ..Self::default() };
        peers.build(now, config, &memory.off, entropy, out);
        peers
    }

    /// A new configuration is in force. Addresses that stay keep their health.
    pub fn configured(
        &mut self,
        now: Now,
        config: &Config,
        entropy: &mut Entropy,
        out: &mut Outbox<Output>,
    ) {
        let off = self.switched_off();
        self.build(now, config, &off, entropy, out);
    }

    fn build(
        &mut self,
        now: Now,
        config: &Config,
        off: &BTreeSet<(TrunkName, Target)>,
        entropy: &mut Entropy,
        out: &mut Outbox<Output>,
    ) {
        let mut before = std::mem::take(&mut self.lines);
        for trunk in config.trunks.iter().filter(|trunk| !trunk.targets.is_empty()) {
            let pace = Pace { every: trunk.options_every, within: trunk.answer_within };
            let old = before.remove(&trunk.name);
            let old = old.filter(|old| old.transport == trunk.transport);
            let repaced = old.as_ref().is_some_and(|old| old.pace.every != pace.every);
            let home = old.as_ref().and_then(|old| old.home);
            let standing = old.as_ref().map_or(Standing::Up, |old| old.standing.clone());
            let beyond = old.as_ref().and_then(|old| old.beyond);
            let alarm = old.as_ref().and_then(|old| old.alarm);
            let asked_us = old.as_ref().and_then(|old| old.asked_us);
            let mut known = old.map(|old| old.places).unwrap_or_default();
            let places = trunk.targets.iter().map(|target| {
                let known_at = known.iter().position(|place| place.target == *target);
                let mut hops = known_at.map(|at| known.swap_remove(at).hops).unwrap_or_default();
                if repaced {
                    hops.values_mut().for_each(|health| health.repace(now.mono, pace, entropy));
                }
                let question = question(target, trunk.transport);
                let off = off.contains(&(trunk.name.clone(), target.clone()));
                Place { target: target.clone(), question, off, hops }
            });
            let places = places.collect();
            let (name, transport) = (trunk.name.clone(), trunk.transport);
            let families = Families::of(config, transport);
            let capabilities = Capabilities::of(config, trunk);
            let behind = match Behaviour::of(trunk).proof {
                Proof::Options => None,
                Proof::Calls => {
                    let every = trunk.test_call.as_ref().map(|test| test.every);
                    Some(beyond.unwrap_or(Beyond::new()).tested(now.mono, every))
                }
            };
            let alarm = trunk.kind.is_teams().then(|| alarm.unwrap_or_default());
            let line = Line {
                name,
                transport,
                families,
                pace,
                places,
                standing,
                home,
                capabilities,
                beyond: behind,
                alarm,
                asked_us,
            };
            self.lines.insert(trunk.name.clone(), line);
        }
        let wanted = self.lines.values().flat_map(|line| &line.places);
        let wanted = wanted.filter_map(|place| place.question.clone()).collect();
        self.ask(|names, out| names.want(now.mono, &wanted, out), out);
        self.changed = true;
        self.place_addresses(now.mono, entropy);
        self.settle(now.mono, out);
    }

    /// A name server said this.
    pub fn answered(
        &mut self,
        now: Now,
        question: &Question,
        answer: Answer,
        entropy: &mut Entropy,
        out: &mut Outbox<Output>,
    ) {
        self.changed |= self.names.answered(now.mono, question, answer);
        self.place_addresses(now.mono, entropy);
        self.settle(now.mono, out);
    }

    /// Something happened to an address, whichever trunks it belongs to.
    pub fn happened(
        &mut self,
        now: Now,
        transport: ListenerTransport,
        address: SocketAddr,
        what: &target::Input,
        entropy: &mut Entropy,
        out: &mut Outbox<Output>,
    ) {
        for line in self.lines.values_mut().filter(|line| line.transport == transport) {
            if line.places.iter().any(|place| place.hops.contains_key(&address)) {
                line.judge(now.mono, what, out);
            }
            line.each(
                |_, known| known == address,
                |health, pace| health.handle(now.mono, what.clone(), pace, entropy),
                out,
            );
        }
        self.settle(now.mono, out);
    }

    /// The far end of a trunk asks whether we live.
    pub fn asked_by(&mut self, now: Now, trunk: &TrunkName) {
        if let Some(line) = self.lines.get_mut(trunk) {
            line.asked_us = Some(now.mono);
        }
    }

    /// The addresses of all targets, as far as they are known.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        let places = self.lines.values().flat_map(|line| &line.places);
        places.flat_map(|place| place.hops.keys()).map(SocketAddr::ip)
    }

    /// A person switches a target on or off; on also means "try it again now". False when there is
    /// no such target.
    pub fn switch(
        &mut self,
        now: Now,
        trunk: &TrunkName,
        target: &str,
        on: bool,
        entropy: &mut Entropy,
        out: &mut Outbox<Output>,
    ) -> bool {
        let Some(line) = self.lines.get_mut(trunk) else { return false };
        let is_it = |place: &Place| place.target.to_string() == target;
        let Some(place) = line.places.iter_mut().find(|place| is_it(place)) else { return false };
        place.off = !on;
        self.changed = true;
        let what = if on { target::Input::SwitchedOn } else { target::Input::SwitchedOff };
        line.each(
            |place, _| is_it(place),
            |health, pace| health.handle(now.mono, what.clone(), pace, entropy),
            out,
        );
        self.settle(now.mono, out);
        true
    }

    /// When [`Self::handle_deadline`] is due.
    #[must_use]
    pub fn deadline(&self) -> Option<Mono> {
        let places = self.lines.values().flat_map(|line| &line.places);
        let health = places.flat_map(|place| place.hops.values()).filter_map(Health::deadline);
        let lines = self.lines.values().filter_map(Line::deadline);
        health.chain(lines).chain(self.names.deadline()).min()
    }

    /// The time of [`Self::deadline`] has come.
    pub fn handle_deadline(&mut self, now: Now, entropy: &mut Entropy, out: &mut Outbox<Output>) {
        if self.deadline().is_none_or(|deadline| now.mono < deadline) {
            return;
        }
        self.ask(|names, out| names.handle_deadline(now.mono, out), out);
        for line in self.lines.values_mut() {
            line.handle_deadline(now.mono, out);
            line.each(
                |_, _| true,
                |health, pace| {
                    let due = health.deadline().is_some_and(|deadline| deadline <= now.mono);
                    let input = target::Input::DeadlineReached;
                    if due { health.handle(now.mono, input, pace, entropy) } else { None }
                },
                out,
            );
        }
        self.settle(now.mono, out);
    }

    /// Every address that the next request over one of these trunks may try, best first.
    pub fn towards(
        &self,
        trunks: &[TrunkName],
        urgency: Urgency,
        entropy: &mut Entropy,
    ) -> Vec<Hop> {
        let lines: Vec<&Line> = trunks.iter().filter_map(|name| self.lines.get(name)).collect();
        choose::order(&lines, &self.names, urgency, entropy)
    }

    /// The address of the trunk that has taken our registration, and therefore gets the calls.
    pub fn set_home(&mut self, trunk: &TrunkName, home: Option<SocketAddr>) {
        if let Some(line) = self.lines.get_mut(trunk) {
            line.home = home;
        }
    }

    /// The test call over a trunk is over; none is the outcome of one that could not be placed.
    pub fn test_call_over(&mut self, now: Now, trunk: &TrunkName, outcome: Option<TestOutcome>) {
        if let Some(line) = self.lines.get_mut(trunk)
            && let Some(beyond) = &mut line.beyond
        {
            beyond.tested_as(now.mono, outcome);
        }
    }

    /// Whether a test call over a trunk has ever found somebody. The failure of one says nothing
    /// before: its number may be wrong.
    #[must_use]
    pub fn test_call_is_proven(&self, trunk: &TrunkName) -> bool {
        let tests = self.lines.get(trunk).and_then(|line| line.beyond.as_ref()?.tests());
        tests.is_some_and(TestCalls::is_proven)
    }

    /// Whether calls can go out over a trunk.
    #[must_use]
    pub fn is_up(&self, trunk: &TrunkName) -> bool {
        self.lines.get(trunk).is_some_and(|line| line.standing == Standing::Up)
    }

    /// What to keep for the next run, if it has changed since the last call.
    pub fn changed(&mut self) -> Option<Memory> {
        let changed = std::mem::take(&mut self.changed);
        changed.then(|| Memory { names: self.names.keep(), off: self.switched_off() })
    }

    fn switched_off(&self) -> BTreeSet<(TrunkName, Target)> {
        let places =
            self.lines.values().flat_map(|line| line.places.iter().map(move |p| (line, p)));
        let off = places.filter(|(_, place)| place.off);
        off.map(|(line, place)| (line.name.clone(), place.target.clone())).collect()
    }

    fn ask(
        &mut self,
        step: impl FnOnce(&mut Names, &mut Outbox<Question>),
        out: &mut Outbox<Output>,
    ) {
        let mut asked = Outbox::new();
        step(&mut self.names, &mut asked);
        for question in asked.drain() {
            out.push(Output::Ask(question));
        }
    }

    /// Every address that a target has now, and no other, has a health.
    fn place_addresses(&mut self, now: Mono, entropy: &mut Entropy) {
        for line in self.lines.values_mut() {
            let (port, families) = (default_port(line.transport), line.families);
            for place in &mut line.places {
                let mut addresses: BTreeSet<SocketAddr> = match &place.question {
                    Some(question) => {
                        self.names.records(question).iter().map(|record| record.address).collect()
                    }
                    None => place.target.address(port).into_iter().collect(),
                };
                addresses.retain(|address| families.reach(*address));
                place.hops.retain(|address, _| addresses.contains(address));
                for address in addresses {
                    let (pace, off) = (line.pace, place.off);
                    let new = || Health::new(now, pace, off, entropy);
                    place.hops.entry(address).or_insert_with(new);
                }
            }
        }
    }

    /// Says which trunks went down or came back.
    fn settle(&mut self, now: Mono, out: &mut Outbox<Output>) {
        for line in self.lines.values_mut() {
            let standing = line.standing_now(now, &self.names);
            let trunk = line.name.clone();
            match (&line.standing, &standing) {
                (Standing::Up, Standing::Down { why }) => {
                    let why = why.clone();
                    out.push(Output::Fact(Fact::TrunkDown { trunk: trunk.clone(), why }));
                    out.push(Output::Standing { trunk, up: false });
                }
                (Standing::Down { .. }, Standing::Up) => {
                    out.push(Output::Fact(Fact::TrunkUp { trunk: trunk.clone() }));
                    out.push(Output::Standing { trunk, up: true });
                }
                (Standing::Up, Standing::Up) | (Standing::Down { .. }, Standing::Down { .. }) => {}
            }
            line.standing = standing;
        }
    }
}

/// RFC 3261 §19.1.2.
#[must_use]
pub const fn default_port(transport: ListenerTransport) -> u16 {
    match transport {
        ListenerTransport::Udp | ListenerTransport::Tcp => 5060,
        ListenerTransport::Tls => 5061,
    }
}

/// How the addresses of a target are found: RFC 3263 §4.2.
fn question(target: &Target, transport: ListenerTransport) -> Option<Question> {
    let TargetHost::Name(host) = &target.host else { return None };
    let host = host.clone();
    match target.port {
        Some(port) => Some(Question::Host { host, port }),
        None => {
            let service = match transport {
                ListenerTransport::Udp => format!("_sip._udp.{host}"),
                ListenerTransport::Tcp => format!("_sip._tcp.{host}"),
                ListenerTransport::Tls => format!("_sips._tcp.{host}"),
            };
            Some(Question::Service { service, host, port: default_port(transport) })
        }
    }
}
