//! The stage on which the tests play: a small site, a script of inputs, and the printed trace.
//!
//! A script has one input a line: the second at which it comes, a verb and its arguments. Deadlines
//! that fall between two lines are passed at their own time, as the site would.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::cast_possible_truncation,
    reason = "a test panics, and says so, when it is wrong"
)]

mod elsewhere;
mod exits;
mod histories;
mod house;
mod invariants;
mod lines;
mod offers;
mod recovery;
mod reference;
mod seen;
mod shapes;
mod spoken;
mod standing;
mod traps;

use holdfast_base::{AgentName, CallId, ContactId, EndpointName, Mono, Now, OfferId};
use holdfast_base::{Outbox, QueueName, TrunkName, Wall};
use holdfast_config::{Agent, Config, Distribution, Endpoint, Overflow, Queue};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use super::{Alarm, Changed, Closure, Departure, Engine, Input, Key, OnwardNews, Output, Record};
use crate::agent::Reason;
use crate::contact::{Deliveries, OfferNews, OfferRefusal};
use crate::record::event::{Duty, DutyChangedBy, Fact, NotLedOn, Subject};

/// More inputs than any script needs; reaching it is a livelock.
const STEPS_MAX: usize = 100_000;

pub fn at(seconds: f64) -> Now {
    let mono = Mono::from_micros(0) + Duration::from_secs_f64(seconds);
    Now { mono, wall: Wall::from_micros(0) }
}

pub fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// `desk` is a phone; `mobile@pstn` a number over a trunk.
pub fn endpoint(text: &str) -> Endpoint {
    match text.split_once('@') {
        None => Endpoint::Account(EndpointName::new(text)),
        Some((number, trunk)) => {
            Endpoint::Trunk { trunk: TrunkName::new(trunk), number: number.to_owned() }
        }
    }
}

pub fn queue(name: &str, members: &[&str]) -> Queue {
    Queue {
        name: QueueName::new(name),
        display: name.to_owned(),
        members: members.iter().map(|member| AgentName::new(member)).collect(),
        calendar: None,
        distribution: Distribution::default(),
        alert: secs(18),
        wrap_up: secs(10),
        rona_block: secs(30),
        rona_limit: 3,
        keep_last_agent: true,
        priority: 0,
        point: secs(10),
        length_max: 100,
        wait_max: None,
        overflow: Overflow::default(),
        short_abandon: secs(5),
        service_level: secs(20),
        greeting: None,
        music: None,
        position_every: None,
    }
}

pub fn agent(name: &str, endpoints: &[&str]) -> Agent {
    Agent {
        name: AgentName::new(name),
        display: name.to_uppercase(),
        endpoints: endpoints.iter().map(|text| endpoint(text)).collect(),
        on_duty: true,
        informal: false,
        skills: Vec::new(),
        weight: 1,
        supervises: holdfast_config::Supervision::default(),
    }
}

pub fn config(queues: Vec<Queue>, agents: Vec<Agent>) -> Arc<Config> {
    let defaults = holdfast_config::defaults::config();
    let (trunks, accounts, numbers) = Default::default();
    Arc::new(Config { trunks, accounts, numbers, queues, agents, ..defaults })
}

/// Anna and Ben serve `sales`; Anna logged in first.
pub fn two_agents() -> Stage {
    let agents = vec![agent("anna", &["desk"]), agent("ben", &["ben"])];
    Stage::new(config(vec![queue("sales", &["anna", "ben"])], agents), Deliveries::sip())
}

/// The same, and Anna has a mobile beside the desk phone.
pub fn two_phones() -> Stage {
    let agents = vec![agent("anna", &["desk", "017@pstn"]), agent("ben", &["ben"])];
    Stage::new(config(vec![queue("sales", &["anna", "ben"])], agents), Deliveries::sip())
}

/// A site with its journal.
pub struct Stage {
    pub engine: Engine,
    pub journal: BTreeMap<Key, Record>,
    pub config: Arc<Config>,
    pub deliveries: Deliveries,
    now: Now,
    trace: String,
    speaks: bool,
}

impl Stage {
    /// A site whose every endpoint is within reach.
    pub fn new(config: Arc<Config>, deliveries: Deliveries) -> Self {
        let mut out = Outbox::new();
        let engine = Engine::restore(at(0.0), config.clone(), deliveries.clone(), [], &mut out);
        let (journal, trace) = (BTreeMap::new(), String::new());
        let mut stage =
            Self { engine, journal, config, deliveries, now: at(0.0), trace, speaks: false };
        stage.write_down();
        let agents = stage.config.agents.clone();
        for endpoint in agents.into_iter().flat_map(|agent| agent.endpoints) {
            stage.give(Input::EndpointState { endpoint, reachable: true });
        }
        stage
    }

    /// The same, with what callers hear in the trace.
    pub fn speaking(config: Arc<Config>) -> Self {
        Self { speaks: true, ..Self::new(config, Deliveries::sip()) }
    }

    /// Plays a script on from where the stage is and gives the trace of it.
    pub fn play(&mut self, script: &str) -> String {
        self.trace.clear();
        for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (time, words) = line.split_once(' ').unwrap_or((line, ""));
            self.pass_until(at(time.parse().unwrap()));
            if !words.is_empty() {
                let input = input(words);
                self.give(input);
            }
        }
        std::mem::take(&mut self.trace)
    }

    /// Throws the engine away and makes a new one from the journal.
    pub fn crash(&mut self) {
        let records = self.journal.clone();
        let mut out = Outbox::new();
        let (config, deliveries) = (self.config.clone(), self.deliveries.clone());
        self.engine = Engine::restore(self.now, config, deliveries, records, &mut out);
        self.print(&mut out);
        self.write_down();
    }

    pub fn give(&mut self, input: Input) {
        if let Input::Configured(config) = &input {
            self.config = config.clone();
        }
        let mut out = Outbox::new();
        self.engine.handle(self.now, input, &mut out);
        self.print(&mut out);
        self.write_down();
    }

    pub fn now(&self) -> Mono {
        self.now.mono
    }

    pub fn task(&self, agent: &str) -> String {
        let agents = self.engine.agents(self.now.mono);
        agents.into_iter().find(|view| view.name.as_str() == agent).unwrap().task
    }

    /// Why an agent would not be called for a contact now.
    pub fn why_not(&self, contact: ContactId, agent: &str) -> Result<(), Reason> {
        let decision = self.engine.why_not(contact, self.now.mono).unwrap();
        let found = decision.candidates.into_iter().find(|it| it.agent.as_str() == agent);
        found.unwrap().verdict
    }

    fn write_down(&mut self) {
        for Changed { key, record } in self.engine.changed() {
            match record {
                Some(record) => self.journal.insert(key, record),
                None => self.journal.remove(&key),
            };
        }
    }

    fn pass_until(&mut self, then: Now) {
        assert!(self.now.mono <= then.mono, "a script never goes back");
        for _ in 0..STEPS_MAX {
            let due = self.engine.deadline().filter(|due| *due <= then.mono);
            let Some(due) = due else {
                self.now.mono = then.mono;
                return;
            };
            self.now.mono = due.max(self.now.mono);
            self.give(Input::DeadlineReached);
        }
        panic!("livelock\n{}", self.trace);
    }

    fn print(&mut self, out: &mut Outbox<Output>) {
        for output in out.drain() {
            if matches!(output, Output::Treat { .. }) && !self.speaks {
                continue;
            }
            let seconds = self.now.mono.since(Mono::from_micros(0)).as_secs_f64();
            writeln!(self.trace, "{seconds} {}", print(&output)).unwrap();
        }
    }
}

pub fn contact(text: &str) -> ContactId {
    ContactId(text.trim_start_matches('c').parse().unwrap())
}

/// Reads one input. `c1` is a contact of call 1, `o1` an offer.
fn input(text: &str) -> Input {
    let words: Vec<&str> = text.split(' ').collect();
    let offer = |text: &str, news| {
        let offer = OfferId(text.trim_start_matches('o').parse().unwrap());
        Input::Offer { offer, news }
    };
    let refused = |text: &str, why| offer(text, OfferNews::Refused(why));
    let duty = |agent: &str, duty| Input::Duty {
        agent: AgentName::new(agent),
        duty,
        by: DutyChangedBy::Page,
    };
    match words.as_slice() {
        ["arrive", id, queue] => Input::Arrived {
            contact: contact(id),
            call: CallId(contact(id).0),
            queue: QueueName::new(queue),
            from: Subject("+4930123456".to_owned()),
        },
        ["arrive", id, queue, from] => Input::Arrived {
            contact: contact(id),
            call: CallId(contact(id).0),
            queue: QueueName::new(queue),
            from: Subject((*from).to_owned()),
        },
        ["return", id, queue, since] => Input::Returned {
            contact: contact(id),
            call: CallId(contact(id).0),
            queue: QueueName::new(queue),
            from: Subject("+4930123456".to_owned()),
            since: Mono::from_micros(since.parse::<u64>().unwrap() * 1_000_000),
        },
        ["leave", id] => Input::Left { contact: contact(id), why: Departure::GaveUp },
        ["pull", id] => Input::Left { contact: contact(id), why: Departure::Pulled },
        ["gone", id] => Input::Left { contact: contact(id), why: Departure::LostInCrash },
        ["fault", id] => Input::Left { contact: contact(id), why: Departure::Fault },
        ["sent", id] => offer(id, OfferNews::Sent),
        ["ringing", id] => offer(id, OfferNews::Ringing),
        ["answered", id] => offer(id, OfferNews::Answered),
        ["ended", id] => offer(id, OfferNews::Ended),
        ["silence", id] => offer(id, OfferNews::LostLiveness),
        ["crashed", id] => offer(id, OfferNews::LostInCrash),
        ["busy", id] => refused(id, OfferRefusal::Busy),
        ["declined", id] => refused(id, OfferRefusal::Declined),
        ["unavailable", id] => refused(id, OfferRefusal::Unavailable),
        ["unregistered", id] => refused(id, OfferRefusal::NotRegistered),
        ["no-answer", id] => refused(id, OfferRefusal::NoAnswer),
        ["failed", id] => refused(id, OfferRefusal::DeviceFailed),
        ["on", agent] => duty(agent, Duty::OnDuty),
        ["off", agent] => duty(agent, Duty::OffDuty(String::new())),
        ["off", agent, reason] => duty(agent, Duty::OffDuty((*reason).to_owned())),
        ["release", agent] => Input::Release { agent: AgentName::new(agent) },
        ["up", text] => Input::EndpointState { endpoint: endpoint(text), reachable: true },
        ["down", text] => Input::EndpointState { endpoint: endpoint(text), reachable: false },
        ["dials", agent] => Input::OwnCall { agent: AgentName::new(agent), active: true },
        ["hangs-up", agent] => Input::OwnCall { agent: AgentName::new(agent), active: false },
        ["points", id, points] => {
            Input::Reprioritise { contact: contact(id), priority: points.parse().unwrap() }
        }
        ["close", queue] => Input::Close {
            queue: QueueName::new(queue),
            closure: Some(Closure { why: "drill".to_owned(), until: None }),
        },
        ["close", queue, until] => Input::Close {
            queue: QueueName::new(queue),
            closure: Some(Closure {
                why: "drill".to_owned(),
                until: Some(at(until.parse().unwrap()).mono),
            }),
        },
        ["onward", id, news] => Input::Onward {
            contact: contact(id),
            call: CallId(contact(id).0),
            news: match *news {
                "answered" => OnwardNews::Answered,
                "busy" => OnwardNews::Failed(NotLedOn::Refused(486)),
                "lost" => OnwardNews::Lost,
                other => panic!("no such news: {other}"),
            },
        },
        ["open", queue] => Input::Close { queue: QueueName::new(queue), closure: None },
        ["pickup", id, agent] => {
            Input::PickUp { contact: contact(id), agent: AgentName::new(agent) }
        }
        ["switch", agent, queue, word] => Input::Active {
            agent: AgentName::new(agent),
            queue: QueueName::new(queue),
            active: *word == "on",
        },
        other => panic!("no such input: {other:?}"),
    }
}

/// Prints one output: facts in small letters, orders in capitals.
pub fn print(output: &Output) -> String {
    let place = |endpoint: &Endpoint| match endpoint {
        Endpoint::Account(name) => name.to_string(),
        Endpoint::Trunk { trunk, number } => format!("{number}@{trunk}"),
    };
    let (c, o) = (|id: &ContactId| format!("c{}", id.0), |id: &OfferId| format!("o{}", id.0));
    match output {
        Output::Fact(Fact::Enqueued { contact, call: _, queue }) => {
            format!("enqueued {} {queue}", c(contact))
        }
        Output::Fact(Fact::ContactLeft { contact, queue: _, outcome, waited_ms }) => {
            format!("left {} {outcome:?} after {waited_ms}", c(contact))
        }
        Output::Fact(Fact::Reserved { offer, contact, agent, endpoint }) => {
            format!("reserved {} {} {agent} {}", o(offer), c(contact), place(endpoint))
        }
        Output::Fact(Fact::OfferRinging { offer }) => format!("ringing {}", o(offer)),
        Output::Fact(Fact::OfferWon { offer, contact, agent }) => {
            format!("won {} {} {agent}", o(offer), c(contact))
        }
        Output::Fact(Fact::OfferEnded { offer, contact, agent, why }) => {
            format!("over {} {} {agent} {why:?}", o(offer), c(contact))
        }
        Output::Fact(Fact::AgentDone { agent, contact, talked_ms }) => {
            format!("done {agent} {} after {talked_ms}", c(contact))
        }
        Output::Fact(Fact::WrapUpEnded { agent, took_ms }) => {
            format!("wrapped up {agent} after {took_ms}")
        }
        Output::Fact(Fact::DutyChanged { agent, duty, by }) => {
            format!("duty {agent} {duty:?} by {by:?}")
        }
        Output::Fact(Fact::LedOn { contact, call: _, queue, to }) => {
            format!("led on {} {queue} {to:?}", c(contact))
        }
        Output::Fact(Fact::NotLedOn { contact, call: _, queue, to, why }) => {
            format!("not led on {} {queue} {to:?} {why:?}", c(contact))
        }
        Output::Fact(Fact::QueueClosed { queue, why: _ }) => format!("closed {queue}"),
        Output::Fact(Fact::QueueOpened { queue }) => format!("opened {queue}"),
        Output::Fact(other) => panic!("not a fact of the queue: {other:?}"),
        Output::Refuse { contact, call: _, outcome } => {
            format!("REFUSE {} {outcome:?}", c(contact))
        }
        Output::CallOn { contact, call: _, whom, ring } => {
            format!("CALL {} {whom:?} {}", c(contact), ring.as_secs())
        }
        Output::Moved { contact, call: _, queue } => format!("MOVED {} {queue}", c(contact)),
        Output::Announce { contact, call: _, outcome, clip, lasts } => {
            format!("ANNOUNCE {} {outcome:?} {} {}", c(contact), clip.0, lasts.as_secs())
        }
        Output::Deliver { offer, contact, call: _, agent, endpoint } => {
            format!("DELIVER {} {} {agent} {}", o(offer), c(contact), place(endpoint))
        }
        Output::Withdraw { offer, why } => format!("WITHDRAW {} {why:?}", o(offer)),
        Output::Connect { contact, offer } => format!("CONNECT {} {}", c(contact), o(offer)),
        Output::HangUpAgent { offer } => format!("HANG UP {}", o(offer)),
        Output::EndContact { contact, call: _, outcome } => {
            format!("END {} {outcome:?}", c(contact))
        }
        Output::Treat { contact, once, then } => {
            let once: Vec<&str> = once.iter().map(|clip| &*clip.0).collect();
            let then = then.as_ref().map_or("silence", |clip| &clip.0);
            format!("TREAT {} [{}] then {then}", c(contact), once.join(" "))
        }
        Output::Alarm(Alarm::NoRing { agent, endpoint }) => {
            format!("ALARM no ring {agent} {}", place(endpoint))
        }
        Output::Alarm(Alarm::DeviceFailed { agent, endpoint }) => {
            format!("ALARM device failed {agent} {}", place(endpoint))
        }
        Output::Alarm(Alarm::LastAgentKept { agent, queue }) => {
            format!("ALARM last agent kept {agent} {queue}")
        }
    }
}

/// Compares two traces, blind to indentation.
#[track_caller]
pub fn same(trace: &str, expected: &str) {
    let lines = |text: &str| -> Vec<String> {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        lines.map(str::to_owned).collect()
    };
    let (trace, expected) = (lines(trace), lines(expected));
    assert!(
        trace == expected,
        "\n--- trace\n{}\n--- expected\n{}\n",
        trace.join("\n"),
        expected.join("\n")
    );
}
