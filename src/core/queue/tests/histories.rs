//! Random histories: after every step the engine agrees with the reference model, with itself after
//! a restart, and with the invariants I1 to I6 of QUEUEING.md 2.14.

use holdfast_base::{AgentName, CallId, ContactId, Now, OfferId, Outbox, QueueName};
use holdfast_config::Config;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::reference::{Doing, Model};
use super::{agent, at, config, endpoint, print, queue, secs};
use crate::agent::{Ring, Task, selectable};
use crate::contact::{Capabilities, Deliveries, OfferNews, OfferRefusal, Place};
use crate::queue::{Changed, Departure, Engine, Input, Key, Output, Record};
use crate::record::event::{Duty, DutyChangedBy, Fact, Subject};

const AGENTS: [&str; 5] = ["anna", "ben", "carl", "dora", "emil"];
const QUEUES: [&str; 4] = ["sales", "help", "night", "nowhere"];
const ENDPOINTS: [&str; 8] = ["a1", "a2", "a3", "b1", "c1", "c2@pstn", "d1", "e1"];

/// One thing that happens, by numbers that the history gives a meaning.
#[derive(Clone, Debug)]
enum Move {
    Arrive(usize),
    Leave(usize, usize),
    News(usize, usize),
    Duty(usize, usize),
    Release(usize),
    Reach(usize, bool),
    OwnCall(usize, bool),
    Points(usize, u32),
    Configure(usize),
    /// Time passes and every deadline is kept.
    Wait(u64),
    /// Time passes and the site is late: the next input finds deadlines that are over.
    Stall(u64),
    Crash,
}

fn moves() -> impl Strategy<Value = Move> {
    prop_oneof![
        8 => (0..QUEUES.len()).prop_map(Move::Arrive),
        3 => (0..9_usize, 0..6_usize).prop_map(|(who, why)| Move::Leave(who, why)),
        24 => (0..12_usize, 0..24_usize).prop_map(|(offer, news)| Move::News(offer, news)),
        4 => (0..AGENTS.len(), 0..6_usize).prop_map(|(who, duty)| Move::Duty(who, duty)),
        2 => (0..AGENTS.len()).prop_map(Move::Release),
        2 => (0..ENDPOINTS.len(), prop::bool::weighted(0.7))
            .prop_map(|(endpoint, up)| Move::Reach(endpoint, up)),
        2 => (0..AGENTS.len(), prop::bool::weighted(0.4))
            .prop_map(|(who, active)| Move::OwnCall(who, active)),
        2 => (0..9_usize, 0..4_u32).prop_map(|(who, points)| Move::Points(who, points)),
        1 => (0..4_usize).prop_map(Move::Configure),
        8 => (0..40_000_u64).prop_map(Move::Wait),
        4 => (0..2_500_u64).prop_map(Move::Wait),
        1 => (0..30_000_u64).prop_map(Move::Stall),
        3 => Just(Move::Crash),
    ]
}

/// The site in four shapes: all of it, without the night queue and two agents, with other times,
/// and with other endpoints.
fn shape(number: usize) -> Arc<Config> {
    let mut sales = queue("sales", &["anna", "ben", "carl"]);
    sales.point = secs(10);
    sales.priority = 1;
    sales.position_every = Some(secs(40));
    let mut help = queue("help", &["carl", "ben", "dora"]);
    help.alert = secs(12);
    help.greeting = Some("welcome".to_owned());
    help.wrap_up = Duration::ZERO;
    help.wait_max = Some(secs(50));
    help.rona_limit = 2;
    help.keep_last_agent = false;
    let mut night = queue("night", &["dora", "emil", "anna"]);
    night.length_max = 2;
    night.rona_limit = 1;
    night.rona_block = secs(7);
    let mut agents = vec![
        agent("anna", &["a1", "a2", "a3"]),
        agent("ben", &["b1"]),
        agent("carl", &["c1", "c2@pstn"]),
        agent("dora", &["d1"]),
        agent("emil", &["e1"]),
    ];
    agents[4].on_duty = false;
    match number {
        0 => config(vec![sales, help, night], agents),
        1 => config(vec![sales, help], agents.into_iter().take(3).collect()),
        2 => {
            (sales.wrap_up, sales.alert, sales.wait_max) = (secs(3), secs(2), Some(secs(30)));
            (help.rona_block, help.wait_max) = (Duration::ZERO, None);
            night.members.reverse();
            config(vec![night, help, sales], agents)
        }
        3 => {
            agents[0].endpoints.remove(0);
            agents[1].endpoints.push(endpoint("a3"));
            help.members.retain(|member| member.as_str() != "ben");
            config(vec![sales, help], agents)
        }
        other => panic!("no shape {other}"),
    }
}

/// What each way of delivery can do: all SIP; blind for two agents; and everything odd at once.
fn deliveries(number: usize) -> Deliveries {
    let deaf = Capabilities { can_withdraw: false, ..Capabilities::SIP };
    let mute = Capabilities { confirms_answer: false, ..Capabilities::BLIND };
    let quiet = Capabilities { sees_ringing: false, ..Capabilities::SIP };
    let sip = Deliveries::sip();
    match number {
        0 => sip,
        1 => ENDPOINTS
            .iter()
            .fold(sip, |ways, text| ways.except(endpoint(text), Capabilities::BLIND)),
        2 => sip
            .except(endpoint("a2"), Capabilities::BLIND)
            .except(endpoint("b1"), deaf)
            .except(endpoint("c1"), mute)
            .except(endpoint("d1"), quiet),
        other => panic!("no ways {other}"),
    }
}

struct History {
    steady: Engine,
    phoenix: Engine,
    model: Model,
    journal: BTreeMap<Key, Record>,
    config: Arc<Config>,
    deliveries: Deliveries,
    now: Now,
    contacts: u64,
    /// Offers given, with the agent; those whose device may still ring or talk.
    offers: BTreeMap<OfferId, (AgentName, ContactId)>,
    alive: BTreeSet<OfferId>,
    /// Offers that died with the process: the next silence ends them.
    crashed: BTreeSet<OfferId>,
    entered: BTreeSet<ContactId>,
    left: BTreeSet<ContactId>,
    connected: BTreeSet<ContactId>,
    trace: Vec<String>,
}

impl History {
    fn new(ways: usize) -> Self {
        let (config, deliveries) = (shape(0), deliveries(ways));
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
            Move::Arrive(queue) => {
                self.contacts += 1;
                self.give(Input::Arrived {
                    contact: ContactId(self.contacts),
                    call: CallId(self.contacts),
                    queue: QueueName::new(QUEUES[queue]),
                    from: Subject(String::new()),
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
        let mut expected = self.model.handle(self.now.mono, &input);
        orders.sort();
        expected.sort();
        assert_eq!(orders, expected, "the reference model (right) decides differently");

        self.watch_offers(&input, &outputs, &before);
        self.count(&outputs);
        self.check_engine();
    }

    /// I1: never two offers alive for one agent, counting what really rings out there; and none is
    /// forgotten: an offer ends by its own news, by an order, or by its silence.
    fn watch_offers(
        &mut self,
        input: &Input,
        outputs: &[Output],
        before: &[crate::queue::LiveOffer],
    ) {
        let mut ended = BTreeSet::new();
        if let Input::Offer { offer, news } = input {
            match news {
                OfferNews::Refused(_) | OfferNews::Ended | OfferNews::LostLiveness => {
                    ended.insert(*offer);
                }
                OfferNews::LostInCrash => {
                    ended.insert(*offer);
                    self.crashed.insert(*offer);
                }
                OfferNews::Sent | OfferNews::Ringing | OfferNews::Answered => {}
            }
        }
        for output in outputs {
            match output {
                Output::Withdraw { offer, .. } => {
                    let live = before.iter().find(|live| live.offer == *offer);
                    let live = live.expect("only what is alive is withdrawn");
                    assert!(self.deliveries.capabilities(&live.endpoint).can_withdraw);
                    ended.insert(*offer);
                }
                Output::HangUpAgent { offer } => {
                    ended.insert(*offer);
                }
                _ => {}
            }
        }
        let now_alive: BTreeSet<OfferId> =
            self.steady.offers().iter().map(|live| live.offer).collect();
        for live in before {
            let gone = !now_alive.contains(&live.offer) && !ended.contains(&live.offer);
            if gone {
                let can = self.deliveries.capabilities(&live.endpoint);
                let silent = !can.can_withdraw || self.crashed.contains(&live.offer);
                assert!(silent, "{live:?} was forgotten");
            }
        }
        self.alive.retain(|offer| now_alive.contains(offer));
        for output in outputs {
            if let Output::Deliver { offer, contact, agent, .. } = output {
                let other = self.alive.iter().find(|other| self.offers[other].0 == *agent);
                assert_eq!(other, None, "I1: {agent} has two offers");
                assert!(self.offers.insert(*offer, (agent.clone(), *contact)).is_none());
                self.alive.insert(*offer);
            }
        }
        let reserved_first = outputs.windows(2).all(|pair| match &pair[1] {
            Output::Deliver { offer, .. } => {
                let noted = |fact: &Fact| match fact {
                    Fact::Reserved { offer: noted, .. } => noted == offer,
                    _ => false,
                };
                matches!(&pair[0], Output::Fact(fact) if noted(fact))
            }
            _ => true,
        });
        assert!(reserved_first, "the reservation is noted before the delivery is ordered");
    }

    /// I2 and I5: one winner, one outcome, and everything that entered is somewhere.
    fn count(&mut self, outputs: &[Output]) {
        for output in outputs {
            match output {
                Output::Fact(Fact::Enqueued { contact, .. }) => {
                    assert!(self.entered.insert(*contact));
                }
                Output::Fact(Fact::ContactLeft { contact, .. }) => {
                    assert!(self.left.insert(*contact), "I5: {contact} left twice");
                }
                Output::Connect { contact, .. } => {
                    assert!(self.connected.insert(*contact), "I2: {contact} has two winners");
                }
                _ => {}
            }
        }
        let talking = |place: &Place| matches!(place, Place::Talking(_));
        let in_line = self.steady.contacts.values().filter(|contact| !talking(&contact.place));
        let in_line: BTreeSet<ContactId> = in_line.map(|contact| contact.id).collect();
        let expected: BTreeSet<ContactId> = self.entered.difference(&self.left).copied().collect();
        assert_eq!(in_line, expected, "I5: offered = outcomes + in progress");
    }

    fn check_engine(&self) {
        let (engine, now) = (&self.steady, self.now.mono);
        assert_eq!(engine.reaper_fixups(), 0);
        for (name, agent) in engine.ledger.iter() {
            let deadline = agent.state.task.deadline();
            assert!(deadline.is_none_or(|until| until > now), "I3: {name} is overdue");
            if let Task::Offered { ring: Ring::Seen, .. } = agent.state.task {
                let who = self.model.person(name).unwrap();
                assert!(matches!(self.model.people[who].doing, Doing::Called { .. }));
            }
        }
        if let Some(next) = engine.deadline() {
            assert!(next > now, "I3: a deadline is left behind");
        }
        for contact in engine.contacts.values() {
            self.check_place(contact.id);
        }
        self.check_rank();
        let held = self.model.people.iter().filter(|person| {
            matches!(
                person.doing,
                Doing::Called { .. } | Doing::Talking { .. } | Doing::MayStillRing { .. }
            )
        });
        assert_eq!(held.count(), engine.offers().len());
        assert_eq!(self.model.waiters.len(), engine.contacts.len());
    }

    /// I4: a contact is in exactly one place, and every list says the same.
    fn check_place(&self, id: ContactId) {
        let engine = &self.steady;
        let contact = &engine.contacts[&id];
        let holders: Vec<&AgentName> = engine
            .ledger
            .iter()
            .filter(|(_, agent)| match &agent.state.task {
                Task::Reserved { attempt, .. }
                | Task::Offered { attempt, .. }
                | Task::Connected { attempt, .. } => attempt.contact == id,
                _ => false,
            })
            .map(|(name, _)| name)
            .collect();
        let line = engine.lines.get(&contact.queue);
        let unanswered = line.is_some_and(|line| line.unanswered.contains_key(&contact.rank));
        let waiting = line.is_some_and(|line| line.waiting.contains_key(&contact.rank));
        let expected = match &contact.place {
            Place::Waiting => (vec![], true, true),
            Place::Offered(agent) => (vec![agent], true, false),
            Place::Talking(agent) => (vec![agent], false, false),
        };
        assert_eq!((holders, unanswered, waiting), expected, "I4: {id}");
    }

    /// I6: nobody waits for whom an agent is ready who may be called.
    fn check_rank(&self) {
        let (engine, now) = (&self.steady, self.now.mono);
        for contact in engine.contacts.values().filter(|one| one.place == Place::Waiting) {
            for (name, agent) in engine.ledger.iter() {
                let could = selectable(agent, &contact.queue, now).is_ok()
                    && !contact.declined.contains(name);
                assert!(!could, "I6: {} waits while {name} is idle", contact.id);
            }
        }
    }

    /// Everybody goes home; nothing may be left behind.
    fn finish(&mut self) {
        let here: Vec<ContactId> = self.steady.contacts().map(|(contact, _)| contact).collect();
        for contact in here {
            self.give(Input::Left { contact, why: Departure::GaveUp });
        }
        for who in AGENTS {
            self.give(Input::OwnCall { agent: AgentName::new(who), active: false });
        }
        self.pass(secs(1000));
        assert_eq!(self.steady.deadline(), None);
        assert!(self.steady.offers().is_empty());
        assert_eq!(self.entered, self.left);
        let contact_records = self.journal.keys().filter(|key| matches!(key, Key::Contact(_)));
        assert_eq!(contact_records.count(), 0);
        let free = |task: &Task| matches!(task, Task::Free { .. });
        assert!(self.steady.ledger.iter().all(|(_, agent)| free(&agent.state.task)));
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

fn run(ways: usize, steps: &[Move]) {
    let mut history = History::new(ways);
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

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn any_history_over_sip_agrees_with_the_reference(
        steps in prop::collection::vec(moves(), 1..120)
    ) {
        run(0, &steps);
    }

    #[test]
    fn any_history_over_blind_deliveries_agrees_with_the_reference(
        steps in prop::collection::vec(moves(), 1..120)
    ) {
        run(1, &steps);
    }

    #[test]
    fn any_history_over_mixed_deliveries_agrees_with_the_reference(
        steps in prop::collection::vec(moves(), 1..120)
    ) {
        run(2, &steps);
    }
}

/// A site of the size that is promised: 1,000 agents, 50 queues, 2,000 waiting. Nobody is ready, so
/// an arrival may look at no contact but its own; counted by the work, not by the clock.
#[test]
fn an_arrival_in_a_full_house_touches_only_itself() {
    let names: Vec<String> = (0..1000).map(|number| format!("agent-{number}")).collect();
    let queues = (0..50).map(|number| {
        let members: Vec<&str> =
            names.iter().skip(number * 20).take(40).map(String::as_str).collect();
        let mut queue = queue(&format!("queue-{number}"), &members);
        queue.length_max = 1000;
        queue
    });
    let agents = names.iter().map(|name| agent(name, &[name])).collect();
    let config = config(queues.collect(), agents);
    let mut out = Outbox::new();
    let mut engine = Engine::restore(at(0.0), config, Deliveries::sip(), [], &mut out);
    let arrive = |number: u64| Input::Arrived {
        contact: ContactId(number),
        call: CallId(number),
        queue: QueueName::new(&format!("queue-{}", number % 50)),
        from: Subject(String::new()),
    };
    for number in 0..2000 {
        engine.handle(at(1.0), arrive(number), &mut out);
    }
    let _: Vec<Changed> = engine.changed();
    engine.handle(at(2.0), arrive(2000), &mut out);
    let touched: Vec<Key> = engine.changed().into_iter().map(|changed| changed.key).collect();
    assert_eq!(touched, [Key::Cursor, Key::Contact(ContactId(2000))]);

    let mut out = Outbox::new();
    let up = endpoint("agent-0");
    engine.handle(at(3.0), Input::EndpointState { endpoint: up, reachable: true }, &mut out);
    let orders: Vec<String> = out.as_slice().iter().map(print).collect();
    assert_eq!(orders, ["reserved o1 c0 agent-0 agent-0", "DELIVER o1 c0 agent-0 agent-0"]);
    assert_eq!(engine.deadline(), Some(at(4.0).mono), "the reaper looks each second");
}
