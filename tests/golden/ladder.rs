//! A ladder: parties speak to a site in virtual time, and everything is written on a page.

use holdfast_base::{Lsn, Mono, Now, Outbox, TrunkName, Wall};
use holdfast_config::Config;
use holdfast_core::command::Command;
use holdfast_core::media::order::{MediaEdge, MediaOrder, StreamCounters};
use holdfast_core::peer::resolve::{Answer, Question};
use holdfast_core::record::folds::Folds;
use holdfast_core::record::journal::{Record, StateKey};
use holdfast_core::sip::flow::Flow;
use holdfast_core::site::{Input, Interfaces, Output, Secrets, Site, Snapshot, thresholds};
use holdfast_core::view::HealthState;
use holdfast_wire::sdp::Fingerprint;
use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::cast;
use crate::page::{Page, clock};
use crate::party::{Party, Way};
use crate::queue::BYE;
use crate::transfers::HUNG_UP;

/// How long a message takes.
const ON_THE_WAY: Duration = Duration::from_millis(20);
/// Deadlines within one wait: more is a livelock.
const DEADLINES_MAX: u32 = 500;

/// A ladder.
pub struct Ladder {
    name: &'static str,
    now: Mono,
    config: Arc<Config>,
    site: Site,
    parties: Vec<Party>,
    page: Page,
    /// What is not written: how the parties came to be registered.
    quiet: bool,
    states: BTreeMap<StateKey, Vec<u8>>,
    folds: Folds,
    last: Lsn,
}

impl Ladder {
    /// A new box.
    pub fn new(name: &'static str) -> Self {
        Self::with(name, cast::config())
    }

    /// A new box with this configuration.
    pub fn with(name: &'static str, config: Arc<Config>) -> Self {
        let now = Mono::from_micros(0);
        let mut folds = Folds::default();
        folds.kpi.set_thresholds(thresholds(&config));
        let mut out = Outbox::new();
        let site = restored(now, 1, &config, &Snapshot::default(), folds.clone(), &mut out);
        let mut ladder = Self {
            name,
            now,
            config,
            site,
            parties: cast::parties(),
            page: Page::default(),
            quiet: true,
            states: BTreeMap::new(),
            folds,
            last: Lsn(0),
        };
        ladder.carry_out(out);
        ladder.quiet = false;
        ladder
    }

    /// These phones have registered before.
    pub fn registered(mut self, phones: &[&str]) -> Self {
        self.silently(|ladder| phones.iter().for_each(|phone| ladder.register(phone)));
        self
    }

    pub fn register(&mut self, phone: &str) {
        self.from(phone, "REGISTER sip:golden.example SIP/2.0\n{new}\n{me}\nExpires: 3600");
        self.from(
            phone,
            "REGISTER sip:golden.example SIP/2.0\n{new}\n{me}\nExpires: 3600\n{credentials}",
        );
    }

    /// A line for the reader.
    pub fn remark(&mut self, text: &str) {
        self.page.heading(&format!("\n--- {text}"));
    }

    /// What happens again and again is not written.
    pub fn silently(&mut self, what: impl FnOnce(&mut Self)) {
        self.quiet = true;
        what(self);
        self.quiet = false;
    }

    /// A party sends a message.
    pub fn from(&mut self, party: &str, script: &str) {
        let party = self.party(party);
        let registered = self.parties.iter().find_map(Party::registered).unwrap_or_default();
        let mut script = script.replace("{registered}", registered);
        for other in &self.parties {
            let (dialog, name) = (other.replaces(), other.name);
            script = script.replace(&format!("{{dialog {name}}}"), &dialog);
            script = script.replace(&format!("{{escaped {name}}}"), &escaped(&dialog));
        }
        let message = self.parties[party].say(&script);
        self.now = self.now + ON_THE_WAY;
        let name = self.parties[party].name;
        if !self.quiet {
            self.page.message(self.now, name, "──>", &message, "");
        }
        let flow = self.parties[party].flow();
        self.give(Input::Received { flow, bytes: message.into_bytes() });
    }

    /// A party has another address from now on.
    pub fn moves(&mut self, party: &str, address: &str) {
        let moved = self.party(party);
        let new = address.parse().expect("an address");
        self.parties[moved].left = Some(std::mem::replace(&mut self.parties[moved].address, new));
        self.remark(&format!("{party} is at {address} now"));
    }

    /// A party is a browser from now on, or still is, and opens this connection.
    pub fn connects(&mut self, party: &str, connection: u64) {
        let browser = self.party(party);
        self.parties[browser].way = Way::WebSocket(connection);
        if !self.quiet {
            self.remark(&format!("{party} opens connection {connection}"));
        }
    }

    /// The connection of a browser breaks.
    pub fn disconnects(&mut self, party: &str) {
        self.remark(&format!("the connection of {party} breaks"));
        let browser = self.party(party);
        let flow = self.parties[browser].flow();
        self.parties[browser].way = Way::Unconnected;
        self.give(Input::FlowBroken { flow });
    }

    /// The media plane reports.
    pub fn media(&mut self, edge: MediaEdge) {
        self.page.heading(&format!("\n{} plane: {edge:?}", clock(self.now)));
        self.give(Input::Media(edge));
    }

    /// A person orders something.
    pub fn command(&mut self, command: Command) {
        self.page.heading(&format!("\n{} a person: {command:?}", clock(self.now)));
        self.give(Input::Command { id: 1, command });
    }

    /// A name server answers.
    pub fn name_server(&mut self, question: &Question, answer: Answer) {
        self.page.heading(&format!("\n{} name server: {answer:?}", clock(self.now)));
        self.give(Input::Resolved { question: question.clone(), answer });
    }

    /// What the page says of the trunks.
    pub fn trunks(&mut self) {
        for trunk in self.site.view(self.clock()).trunks {
            let line = format!("  trunk {} {:?}: {}", trunk.name, trunk.state, trunk.says);
            self.page.heading(&line);
            for target in trunk.targets {
                let addresses = target.addresses.iter();
                let states: Vec<String> =
                    addresses.map(|a| format!("{} {}", a.address, a.state)).collect();
                let name = target.name.map_or_else(String::new, |name| format!(" {name:?}"));
                let line = format!("    {}: {}{name}", target.target, states.join(", "));
                self.page.heading(&line);
            }
        }
    }

    /// What the page says of what is not in order.
    pub fn health(&mut self) {
        let health = self.site.view(self.clock()).health;
        for line in health.iter().filter(|line| line.state != HealthState::Good) {
            self.page.heading(&format!("  {} {:?}: {}", line.part, line.state, line.says));
        }
    }

    /// A technician puts a target of a trunk down, or up again.
    pub fn switch(&mut self, trunk: &str, target: &str, on: bool) {
        let word = if on { "up" } else { "down" };
        self.remark(&format!("a technician puts {target} of {trunk} {word}"));
        let (trunk, target) = (TrunkName::new(trunk), target.to_owned());
        self.give(Input::Command { id: 1, command: Command::SwitchTarget { trunk, target, on } });
    }

    /// Time passes.
    pub fn wait(&mut self, seconds: f64) {
        let until = self.now + Duration::from_secs_f64(seconds);
        for _ in 0..DEADLINES_MAX {
            match self.site.deadline().filter(|deadline| *deadline <= until) {
                Some(deadline) => {
                    self.now = self.now.max(deadline);
                    self.give(Input::DeadlineReached);
                }
                None => {
                    self.now = until;
                    return;
                }
            }
        }
        panic!("livelock: {}", std::mem::take(&mut self.page).finish());
    }

    /// The process is about to end in good order.
    pub fn stop(&mut self) {
        self.page.heading(&format!("\n{} === the process is told to stop ===", clock(self.now)));
        self.give(Input::Stopping);
    }

    /// The process dies and another one takes up what is in the journal.
    pub fn restart(&mut self, away: f64) {
        let snapshot = Snapshot {
            next_lsn: Some(Lsn(self.last.0 + 1)),
            last: self.clock(),
            states: self.states.clone(),
        };
        self.now = self.now + Duration::from_secs_f64(away);
        self.page.heading(&format!("\n{} === the process starts again ===", clock(self.now)));
        for browser in self.parties.iter_mut().filter(|it| it.way != Way::Datagrams) {
            browser.way = Way::Unconnected;
        }
        let mut out = Outbox::new();
        let folds = self.folds.clone();
        self.site = restored(self.now, 2, &self.config, &snapshot, folds, &mut out);
        let told = self.carry_out(out).into_iter();
        told.filter(|it| matches!(it, Input::FlowBroken { .. })).for_each(|it| self.give(it));
    }

    /// One party hangs up, the other agrees, and nothing is left over.
    pub fn ends(mut self, by: &str, other: &str) {
        self.from(by, BYE);
        self.from(other, HUNG_UP);
        self.wait(40.0);
        self.check();
    }

    /// Compares the page with the one on file.
    pub fn check(self) {
        let live = self.site.view(self.clock());
        let mut page = self.page;
        let calls: Vec<String> =
            live.calls.iter().map(|call| format!("{} {}", call.call, call.state)).collect();
        let calls = if calls.is_empty() { "none".to_owned() } else { calls.join(", ") };
        page.heading(&format!("\nlive calls: {calls}"));
        compare(self.name, &page.finish());
    }

    fn clock(&self) -> Now {
        Now { mono: self.now, wall: Wall::from_micros(0) }
    }

    fn party(&self, name: &str) -> usize {
        let party = self.parties.iter().position(|party| party.name == name);
        party.unwrap_or_else(|| panic!("nobody is called {name}"))
    }

    fn give(&mut self, input: Input) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let mut out = Outbox::new();
            self.site.handle(self.clock(), input, &mut out);
            inputs.extend(self.carry_out(out));
        }
    }

    /// Carries orders out; the plane answers a closing at once.
    fn carry_out(&mut self, mut out: Outbox<Output>) -> Vec<Input> {
        let mut edges = Vec::new();
        for output in out.take() {
            match output {
                Output::Record { lsn, record } => self.keep(lsn, record),
                // The plane has every pair; the page would be full of it.
                Output::Media(MediaOrder::Hold { rtp_port }) => {
                    edges.push(Input::Media(MediaEdge::Held { rtp_port }));
                }
                Output::Media(order) => {
                    if !self.quiet {
                        self.page.media(&order);
                    }
                    if let MediaOrder::Close { stream } = order {
                        let counters = StreamCounters::default();
                        edges.push(Input::Media(MediaEdge::Closed { stream, counters }));
                    }
                }
                Output::Send { flow, bytes, after } => {
                    edges.extend(self.deliver(&flow, &bytes, after));
                }
                Output::Door(order) => self.page.heading(&format!("  door: {order:?}")),
                Output::Resolve(question) => self.page.heading(&format!("  asks {question:?}")),
                Output::Reply { id: _, reply, after } => {
                    self.page.heading(&format!("  reply {reply:?}{}", gate(after)));
                }
            }
        }
        edges
    }

    fn keep(&mut self, lsn: Lsn, record: Record) {
        assert_eq!(lsn.0, self.last.0 + 1, "records are numbered without gaps");
        self.last = lsn;
        if !self.quiet {
            self.page.record(lsn.0, &record);
        }
        match record {
            Record::Event(event) => {
                let _ = self.folds.apply(&event);
            }
            Record::State { key, value: Some(value) } => {
                self.states.insert(key, value);
            }
            Record::State { key, value: None } => {
                self.states.remove(&key);
            }
        }
    }

    /// What the driver says to that.
    fn deliver(&mut self, flow: &Flow, bytes: &[u8], after: Option<Lsn>) -> Option<Input> {
        let message = String::from_utf8_lossy(bytes).into_owned();
        if let Some(gone) = self.parties.iter().find(|party| party.left == Some(flow.remote)) {
            self.page.message(self.now, gone.name, "<─ lost", &message, &gate(after));
            return None;
        }
        let party = self.parties.iter_mut().find(|party| party.address == flow.remote);
        let party = party.unwrap_or_else(|| panic!("nobody is at {}: {message}", flow.remote));
        if !party.hears(flow) {
            self.page.message(self.now, party.name, "no way to", &message, &gate(after));
            return Some(Input::FlowBroken { flow: *flow });
        }
        party.hear(&message);
        if !self.quiet {
            self.page.message(self.now, party.name, "<──", &message, &gate(after));
        }
        None
    }
}

/// For behind the question mark of a URI.
fn escaped(value: &str) -> String {
    value.replace(';', "%3B").replace('=', "%3D").replace('@', "%40")
}

fn gate(after: Option<Lsn>) -> String {
    after.map_or_else(String::new, |lsn| format!("   (after lsn {})", lsn.0))
}

fn restored(
    now: Mono,
    seed: u8,
    config: &Arc<Config>,
    snapshot: &Snapshot,
    folds: Folds,
    out: &mut Outbox<Output>,
) -> Site {
    let interfaces = Interfaces {
        networks: vec![("10.0.0.1".parse().expect("an address"), 8)],
        default_v4: None,
        default_v6: None,
    };
    let now = Now { mono: now, wall: Wall::from_micros(0) };
    let certificates = ["one", "other"].map(|it| Fingerprint::of(format!("{it}{seed}").as_bytes()));
    let own = Secrets { seed: [seed; 32], certificates: certificates.to_vec() };
    Site::restore(now, Arc::clone(config), interfaces, own, snapshot, folds, out)
}

fn compare(name: &str, page: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/{name}.txt"));
    if std::env::var_os("BLESS").is_some() {
        return std::fs::write(&path, page).expect("the page is written");
    }
    let filed = std::fs::read_to_string(&path).unwrap_or_default();
    let mut lines = filed.lines().zip(page.lines()).enumerate();
    let (was, is) = (filed.lines().count(), page.lines().count());
    let other = lines.find(|(_, (filed, now))| filed != now);
    if let Some((at, (filed, now))) = other {
        panic!("{name}.txt:{}:\n was {filed}\n  is {now}\nBLESS=1 writes it anew", at + 1);
    }
    assert_eq!(was, is, "{name}.txt: the number of lines; BLESS=1 writes it anew");
}
