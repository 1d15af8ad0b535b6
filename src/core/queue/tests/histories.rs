//! Random histories: after every step the engine agrees with the reference model, with itself after
//! a restart, and with the invariants I1 to I6 of QUEUEING.md 2.14.

use holdfast_base::{AgentName, CallId, ContactId, Now, OfferId, Outbox, QueueName, Wall};
use holdfast_config::Config;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::reference::Model;
use super::shapes::{AGENTS, ENDPOINTS, QUEUES, SHAPES, deliveries, shape};
use super::{at, endpoint, print, secs};
use crate::agent::Task;
use crate::contact::{Deliveries, OfferNews, OfferRefusal};
use crate::queue::{Changed, Closure, Departure, Engine, Input, Key, OnwardNews, Output, Record};
use crate::record::event::{Duty, DutyChangedBy, NotLedOn, Subject};
use crate::record::kpi::KpiFold;

/// One thing that happens, by numbers that the history gives a meaning.
#[derive(Clone, Debug)]
enum Move {
    /// In which queue, and who calls.
    Arrive(usize, u64),
    Leave(usize, usize),
    News(usize, usize),
    Duty(usize, usize),
    Release(usize),
    Reach(usize, bool),
    OwnCall(usize, bool),
    Points(usize, u32),
    PickUp(usize, usize),
    Active(usize, usize, bool),
    /// How it goes with somebody who is called for a contact that is led on.
    Onward(usize, usize),
    /// Which queue, for how long; none opens it.
    Close(usize, Option<u64>),
    Configure(usize),
    /// Time passes and every deadline is kept.
    Wait(u64),
    /// Time passes and the site is late: the next input finds deadlines that are over.
    Stall(u64),
    Crash,
}

fn moves() -> impl Strategy<Value = Move> {
    prop_oneof![
        8 => (0..QUEUES.len(), 0..4_u64).prop_map(|(queue, who)| Move::Arrive(queue, who)),
        3 => (0..9_usize, 0..6_usize).prop_map(|(who, why)| Move::Leave(who, why)),
        24 => (0..12_usize, 0..24_usize).prop_map(|(offer, news)| Move::News(offer, news)),
        4 => (0..AGENTS.len(), 0..6_usize).prop_map(|(who, duty)| Move::Duty(who, duty)),
        2 => (0..AGENTS.len()).prop_map(Move::Release),
        2 => (0..ENDPOINTS.len(), prop::bool::weighted(0.7))
            .prop_map(|(endpoint, up)| Move::Reach(endpoint, up)),
        2 => (0..AGENTS.len(), prop::bool::weighted(0.4))
            .prop_map(|(who, active)| Move::OwnCall(who, active)),
        2 => (0..9_usize, 0..4_u32).prop_map(|(who, points)| Move::Points(who, points)),
        2 => (0..9_usize, 0..AGENTS.len()).prop_map(|(what, who)| Move::PickUp(what, who)),
        1 => (0..AGENTS.len(), 0..QUEUES.len(), prop::bool::weighted(0.6))
            .prop_map(|(who, queue, on)| Move::Active(who, queue, on)),
        3 => (0..3_usize, 0..8_usize).prop_map(|(who, news)| Move::Onward(who, news)),
        1 => (0..QUEUES.len(), prop::option::weighted(0.6, 0..60_u64))
            .prop_map(|(queue, closed)| Move::Close(queue, closed)),
        1 => (0..SHAPES).prop_map(Move::Configure),
        8 => (0..40_000_u64).prop_map(Move::Wait),
        4 => (0..2_500_u64).prop_map(Move::Wait),
        1 => (0..30_000_u64).prop_map(Move::Stall),
        3 => Just(Move::Crash),
    ]
}

pub struct History {
    pub steady: Engine,
    phoenix: Engine,
    pub model: Model,
    journal: BTreeMap<Key, Record>,
    config: Arc<Config>,
    pub deliveries: Deliveries,
    pub now: Now,
    contacts: u64,
    /// Offers given, with the agent; those whose device may still ring or talk.
    pub offers: BTreeMap<OfferId, (AgentName, ContactId)>,
    pub alive: BTreeSet<OfferId>,
    /// Offers that died with the process: the next silence ends them.
    pub crashed: BTreeSet<OfferId>,
    pub entered: BTreeSet<ContactId>,
    /// What the log makes of it all.
    pub figures: KpiFold,
    pub left: BTreeSet<ContactId>,
    pub connected: BTreeSet<ContactId>,
    trace: Vec<String>,
}

impl History {
    fn new(first: usize, ways: usize) -> Self {
        let (config, deliveries) = (shape(first), deliveries(ways));
        let mut out = Outbox::new();
        let engine = Engine::restore(at(0.0), config.clone(), deliveries.clone(), [], &mut out);
        let mut history = Self {
            phoenix: engine.clone(),
            steady: engine,
            model: Model::new(&config, deliveries.clone()),
            journal: BTreeMap::new(),
            config,
            deliveries,
            now: at(0.0),
            contacts: 0,
            offers: BTreeMap::new(),
            alive: BTreeSet::new(),
            crashed: BTreeSet::new(),
            entered: BTreeSet::new(),
            figures: KpiFold::default(),
            left: BTreeSet::new(),
            connected: BTreeSet::new(),
            trace: Vec::new(),
        };
        for text in ENDPOINTS {
            history.give(Input::EndpointState { endpoint: endpoint(text), reachable: true });
        }
        history
    }

    fn play(&mut self, step: &Move) {
        match *step {
            Move::Arrive(queue, who) => {
                self.contacts += 1;
                self.give(Input::Arrived {
                    contact: ContactId(self.contacts),
                    call: CallId(self.contacts),
                    queue: QueueName::new(QUEUES[queue]),
                    from: caller(who),
                });
            }
            Move::Leave(back, why) => {
                let why = match why {
                    0 => Departure::Pulled,
                    1 => Departure::LostInCrash,
                    2 => Departure::Fault,
                    _ => Departure::GaveUp,
                };
                let contact = self.recent_contact(back);
                self.give(Input::Left { contact, why });
            }
            Move::News(back, news) => {
                let offer = self.recent_offer(back);
                self.give(Input::Offer { offer, news: news_of(news) });
            }
            Move::Duty(who, duty) => {
                let duty = match duty {
                    0 => Duty::OffDuty(String::new()),
                    1 => Duty::OffDuty("lunch".to_owned()),
                    _ => Duty::OnDuty,
                };
                let (agent, by) = (AgentName::new(AGENTS[who]), DutyChangedBy::Page);
                self.give(Input::Duty { agent, duty, by });
            }
            Move::Release(who) => self.give(Input::Release { agent: AgentName::new(AGENTS[who]) }),
            Move::Reach(which, reachable) => {
                let endpoint = endpoint(ENDPOINTS[which]);
                self.give(Input::EndpointState { endpoint, reachable });
            }
            Move::OwnCall(who, active) => {
                self.give(Input::OwnCall { agent: AgentName::new(AGENTS[who]), active });
            }
            Move::Points(back, priority) => {
                let contact = self.recent_contact(back);
                self.give(Input::Reprioritise { contact, priority });
            }
            Move::PickUp(back, who) => {
                let (contact, agent) = (self.recent_contact(back), AgentName::new(AGENTS[who]));
                self.give(Input::PickUp { contact, agent });
            }
            Move::Active(who, queue, active) => {
                let (agent, queue) = (AgentName::new(AGENTS[who]), QueueName::new(QUEUES[queue]));
                self.give(Input::Active { agent, queue, active });
            }
            Move::Onward(back, news) => {
                let led = self.steady.led.keys().nth(back).copied();
                let contact = led.unwrap_or_else(|| self.recent_contact(back));
                let news = match news {
                    0..2 => OnwardNews::Answered,
                    2 => OnwardNews::Lost,
                    3 => OnwardNews::Failed(NotLedOn::NoAnswer),
                    _ => OnwardNews::Failed(NotLedOn::Refused(486)),
                };
                let call = CallId(contact.0);
                self.give(Input::Onward { contact, call, news });
            }
            Move::Close(queue, seconds) => {
                let until = |seconds| (seconds < 50).then(|| self.now.mono + secs(seconds));
                let why = "drill".to_owned();
                let closure = seconds.map(|seconds| Closure { why, until: until(seconds) });
                self.give(Input::Close { queue: QueueName::new(QUEUES[queue]), closure });
            }
            Move::Configure(number) => {
                self.config = shape(number);
                self.give(Input::Configured(self.config.clone()));
            }
            Move::Wait(millis) => self.pass(Duration::from_millis(millis)),
            Move::Stall(millis) => {
                self.now.mono = self.now.mono + Duration::from_millis(millis);
            }
            Move::Crash => self.crash(),
        }
    }

    /// Keeps every deadline until this much later.
    fn pass(&mut self, span: Duration) {
        let then = self.now.mono + span;
        for _ in 0..10_000 {
            let Some(due) = self.steady.deadline().filter(|due| *due <= then) else {
                self.now.mono = then;
                return;
            };
            self.now.mono = self.now.mono.max(due);
            self.give(Input::DeadlineReached);
        }
        panic!("livelock");
    }

    fn crash(&mut self) {
        let text = serde_json::to_string(&self.journal.iter().collect::<Vec<_>>()).unwrap();
        let records: Vec<(Key, Record)> = serde_json::from_str(&text).unwrap();
        let mut out = Outbox::new();
        let (config, ways) = (self.config.clone(), self.deliveries.clone());
        self.phoenix = Engine::restore(self.now, config, ways, records, &mut out);
        assert!(out.is_empty(), "a restart orders nothing: {:?}", out.as_slice());
        self.trace.push("crash".to_owned());
    }

    /// Mostly the offers that are alive, sometimes one that is over.
    fn recent_offer(&self, back: usize) -> OfferId {
        let live: Vec<OfferId> = self.steady.offers().iter().map(|live| live.offer).collect();
        match live.get(back) {
            Some(offer) => *offer,
            None => {
                let newest = u64::try_from(self.offers.len()).unwrap();
                OfferId((newest + 1).saturating_sub(u64::try_from(back).unwrap()))
            }
        }
    }

    fn recent_contact(&self, back: usize) -> ContactId {
        let live: Vec<ContactId> = self.steady.contacts().map(|(contact, _)| contact).collect();
        live.get(back).copied().unwrap_or(ContactId(self.contacts))
    }

    fn give(&mut self, input: Input) {
        // A day of twenty minutes, so that a history sees some midnights.
        let wall = i64::try_from(self.now.mono.micros()).unwrap() * 72;
        self.now.wall = Wall::from_micros(wall);
        self.trace.push(format!("{:?} {input:?}", self.now.mono.millis()));
        let before: Vec<_> = self.steady.offers();
        let mut out = Outbox::new();
        self.steady.handle(self.now, input.clone(), &mut out);
        let outputs = out.take();
        self.phoenix.handle(self.now, input.clone(), &mut out);
        assert_eq!(outputs, out.take(), "after a restart it goes on differently");
        for Changed { key, record } in self.steady.changed() {
            match record {
                Some(record) => self.journal.insert(key, record),
                None => self.journal.remove(&key),
            };
        }

        let mut orders: Vec<String> = outputs
            .iter()
            .filter(|output| !matches!(output, Output::Treat { .. }))
            .map(print)
            .collect();
        self.trace.extend(orders.iter().map(|order| format!("    {order}")));
        let mut expected = self.model.handle(self.now, &input);
        orders.sort();
        expected.sort();
        assert_eq!(orders, expected, "the reference model (right) decides differently");

        self.watch_offers(&input, &outputs, &before);
        self.count(&outputs);
        self.check_engine();
    }

    /// Everybody goes home; nothing may be left behind.
    fn finish(&mut self) {
        let here: Vec<ContactId> = self.steady.contacts().map(|(contact, _)| contact).collect();
        for contact in here {
            self.give(Input::Left { contact, why: Departure::GaveUp });
        }
        for queue in QUEUES {
            self.give(Input::Close { queue: QueueName::new(queue), closure: None });
        }
        for who in AGENTS {
            self.give(Input::OwnCall { agent: AgentName::new(who), active: false });
        }
        self.pass(secs(1000));
        assert_eq!(self.steady.deadline(), None);
        assert!(self.steady.offers().is_empty());
        assert_eq!(self.entered, self.left);
        let of_contacts = |key: &&Key| matches!(key, Key::Contact(_) | Key::Led(_));
        let contact_records = self.journal.keys().filter(of_contacts);
        assert_eq!(contact_records.count(), 0);
        let free = |task: &Task| matches!(task, Task::Free { .. });
        assert!(self.steady.ledger.iter().all(|(_, agent)| free(&agent.state.task)));
    }
}

/// Three numbers, and somebody who withholds it.
fn caller(who: u64) -> Subject {
    match who {
        0 => Subject("anonymous".to_owned()),
        known => Subject(format!("+4930123{known}")),
    }
}

fn news_of(number: usize) -> OfferNews {
    match number {
        0..5 => OfferNews::Sent,
        5..9 => OfferNews::Ringing,
        9..14 => OfferNews::Answered,
        14 => OfferNews::Refused(OfferRefusal::Busy),
        15 => OfferNews::Refused(OfferRefusal::Declined),
        16 => OfferNews::Refused(OfferRefusal::Unavailable),
        17 => OfferNews::Refused(OfferRefusal::NotRegistered),
        18 => OfferNews::Refused(OfferRefusal::NoAnswer),
        19 => OfferNews::Refused(OfferRefusal::DeviceFailed),
        20 | 21 => OfferNews::Ended,
        22 => OfferNews::LostLiveness,
        _ => OfferNews::LostInCrash,
    }
}

fn run(first: usize, ways: usize, steps: &[Move]) {
    let mut history = History::new(first, ways);
    let played = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        for step in steps {
            history.play(step);
        }
        history.finish();
    }));
    if let Err(why) = played {
        eprintln!("{}", history.trace.join("\n"));
        std::panic::resume_unwind(why);
    }
}

/// Four times as many as of other properties.
fn many() -> ProptestConfig {
    let usual = ProptestConfig::default();
    ProptestConfig { cases: 4 * usual.cases, ..usual }
}

proptest! {
    #![proptest_config(many())]

    #[test]
    fn any_history_over_sip_agrees_with_the_reference(
        first in 0..SHAPES, steps in prop::collection::vec(moves(), 1..120)
    ) {
        run(first, 0, &steps);
    }

    #[test]
    fn any_history_over_blind_deliveries_agrees_with_the_reference(
        first in 0..SHAPES, steps in prop::collection::vec(moves(), 1..120)
    ) {
        run(first, 1, &steps);
    }

    #[test]
    fn any_history_over_mixed_deliveries_agrees_with_the_reference(
        first in 0..SHAPES, steps in prop::collection::vec(moves(), 1..120)
    ) {
        run(first, 2, &steps);
    }
}
