//! A thought-out hour played on the very engine that serves callers: who gets which call, when, and
//! why nobody else does. So a configuration can be tried before it is used.
//!
//! The engine is given what a scenario says (callers, phones, what agents do), in virtual time, and
//! its orders are put into words. Nothing of the running box takes part or notices.
//!
//! What a rehearsal can not know it leaves out: phones ring at once, a caller is connected when an
//! agent answers, and nobody transfers.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use holdfast_base::{AgentName, CallId, ContactId, Mono, Now, OfferId, Outbox, Wall};
use holdfast_config::Config;
use holdfast_config::scenario::{Acting, Caller, Scenario, WhenCalled};
use serde::Serialize;

use crate::contact::{Deliveries, OfferNews, OfferRefusal};
use crate::queue::{CallOn, Candidate, Decision, Departure, Engine, Input, OnwardNews, Output};
use crate::record::event::{Duty, DutyChangedBy, Fact, OfferEnd, Subject};

/// Site time at which a scenario begins: agents have been idle for a day at the most.
const BEGIN: Mono = Mono::from_micros(2 * 24 * 3600 * 1_000_000);
/// Most steps that are played: what goes round in circles ends.
const STEPS_MAX: usize = 50_000;
/// Most lines that are told.
const LINES_MAX: usize = 5000;

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rehearsal {
    /// When it begins, on the clock of the site.
    pub at: String,
    /// What happened, in order.
    pub lines: Vec<Line>,
    /// What became of each caller.
    pub callers: Vec<Fate>,
    /// Whether more happened than is told.
    pub cut: bool,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// Milliseconds after the beginning.
    pub after_ms: u64,
    /// The number of the caller, from 1.
    pub caller: Option<u64>,
    /// What happened.
    pub says: String,
    /// Of a choice: why this agent, and why none of the others.
    pub because: Vec<String>,
}

/// What became of a caller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fate {
    /// The number of the caller, from 1.
    pub caller: u64,
    /// The queue.
    pub queue: String,
    /// How the time in the queue ended; nothing while it has not.
    pub outcome: Option<String>,
    /// How long the caller waited, in milliseconds.
    pub waited_ms: Option<u64>,
    /// Who answered.
    pub agent: Option<String>,
}

/// Plays a scenario.
#[must_use]
pub fn play(config: &Config, scenario: &Scenario) -> Rehearsal {
    let mut stage = Stage::new(config, scenario);
    stage.prepare();
    stage.run();
    Rehearsal {
        at: config.site.time_zone.stamp(scenario.at),
        lines: stage.lines,
        callers: stage.fates.into_values().collect(),
        cut: stage.cut,
    }
}

struct Stage<'s> {
    config: Arc<Config>,
    scenario: &'s Scenario,
    agents: BTreeMap<AgentName, Acting>,
    engine: Engine,
    now: Now,
    /// What is still to come, in order.
    to_come: BTreeMap<(Mono, usize), Coming>,
    /// How many things ever were to come: the second part of the key.
    thought_of: usize,
    offers: BTreeMap<OfferId, (ContactId, AgentName)>,
    last_decision: Option<Decision>,
    fates: BTreeMap<u64, Fate>,
    lines: Vec<Line>,
    cut: bool,
}

/// Something that will happen.
#[derive(Clone, Debug)]
enum Coming {
    Calls(usize),
    HangsUp(ContactId),
    News(OfferId, OfferNews),
    TakenOn(ContactId, CallId),
    EndsOwnCall(AgentName),
}

impl<'s> Stage<'s> {
    fn new(config: &Config, scenario: &'s Scenario) -> Self {
        let named = |name: &AgentName| {
            let named = scenario.agents.iter().find(|acting| acting.name == *name);
            named.cloned().unwrap_or_else(|| Acting::usual(name.clone()))
        };
        let agents = config.agents.iter().map(|agent| (agent.name.clone(), named(&agent.name)));
        let longest = scenario.agents.iter().map(|acting| acting.idle).max().unwrap_or_default();
        let now = before(scenario.at, longest + Duration::from_secs(1));
        let mut out = Outbox::new();
        let config = Arc::new(config.clone());
        let engine = Engine::restore(now, Arc::clone(&config), Deliveries::sip(), [], &mut out);
        Self {
            config,
            scenario,
            agents: agents.collect(),
            engine,
            now,
            to_come: BTreeMap::new(),
            thought_of: 0,
            offers: BTreeMap::new(),
            last_decision: None,
            fates: BTreeMap::new(),
            lines: Vec::new(),
            cut: false,
        }
    }

    /// Before the beginning: whose phone is there, who is on duty, and since when.
    fn prepare(&mut self) {
        let config = Arc::clone(&self.config);
        let mut idle = Vec::new();
        for agent in &config.agents {
            let Some(acting) = self.agents.get(&agent.name).cloned() else { continue };
            let told = acting.duty.as_deref();
            let on = told.map_or(agent.on_duty || agent.informal, |duty| duty == "on");
            let reason = told.filter(|duty| !matches!(*duty, "on" | "off")).unwrap_or_default();
            self.duty(&agent.name, Duty::OffDuty(reason.to_owned()));
            for endpoint in agent.endpoints.iter().filter(|_| acting.reachable) {
                let (endpoint, reachable) = (endpoint.clone(), true);
                self.give(Input::EndpointState { endpoint, reachable });
            }
            if on {
                idle.push((acting.idle, agent.name.clone()));
            }
        }
        idle.sort_by_key(|idle| std::cmp::Reverse(idle.0));
        for (idle, name) in idle {
            self.now = before(self.scenario.at, idle);
            self.duty(&name, Duty::OnDuty);
        }
        self.now = before(self.scenario.at, Duration::ZERO);
        self.lines.clear();
        let busy = self.agents.values().filter(|acting| !acting.busy.is_zero());
        let busy: Vec<(AgentName, Duration)> =
            busy.map(|acting| (acting.name.clone(), acting.busy)).collect();
        for (agent, span) in busy {
            self.give(Input::OwnCall { agent: agent.clone(), active: true });
            self.later(span, Coming::EndsOwnCall(agent));
        }
        for (place, caller) in self.scenario.calls.iter().enumerate() {
            self.later(caller.after, Coming::Calls(place));
        }
    }

    fn duty(&mut self, agent: &AgentName, duty: Duty) {
        let (agent, by) = (agent.clone(), DutyChangedBy::Page);
        self.give(Input::Duty { agent, duty, by });
    }

    fn run(&mut self) {
        let end = BEGIN + self.scenario.lasts;
        for _ in 0..STEPS_MAX {
            let next = self.to_come.first_key_value().map(|((at, _), _)| *at);
            let deadline = self.engine.deadline();
            let Some(at) = [next, deadline].into_iter().flatten().min() else { return };
            if at > end {
                return;
            }
            let mono = at.max(self.now.mono);
            self.now = Now { mono, wall: wall_at(self.scenario.at, mono) };
            // A deadline of the engine is passed before what happens at the same instant.
            if deadline.is_some_and(|deadline| deadline <= at) {
                self.give(Input::DeadlineReached);
            } else if let Some((_, coming)) = self.to_come.pop_first() {
                self.happen(coming);
            }
        }
        self.cut = true;
    }

    fn happen(&mut self, coming: Coming) {
        match coming {
            Coming::Calls(place) => self.call(place),
            Coming::HangsUp(contact) => {
                let waits = self.fates.get(&contact.0).is_some_and(|fate| fate.outcome.is_none());
                if waits {
                    self.give(Input::Left { contact, why: Departure::GaveUp });
                }
            }
            Coming::News(offer, news) => self.give(Input::Offer { offer, news }),
            Coming::TakenOn(contact, call) => {
                self.give(Input::Onward { contact, call, news: OnwardNews::Answered });
            }
            Coming::EndsOwnCall(agent) => self.give(Input::OwnCall { agent, active: false }),
        }
    }

    fn call(&mut self, place: usize) {
        let Some(Caller { queue, from, patience, .. }) = self.scenario.calls.get(place) else {
            return;
        };
        let number = u64::try_from(place).unwrap_or(u64::MAX).saturating_add(1);
        let from = if from.is_empty() { format!("caller-{number}") } else { from.clone() };
        let (contact, call) = (ContactId(number), CallId(number));
        self.fates.insert(
            number,
            Fate {
                caller: number,
                queue: queue.to_string(),
                outcome: None,
                waited_ms: None,
                agent: None,
            },
        );
        self.tell(Some(contact), format!("calls `{queue}`"), Vec::new());
        if let Some(patience) = *patience {
            self.later(patience, Coming::HangsUp(contact));
        }
        let from = Subject(from);
        self.give(Input::Arrived { contact, call, queue: queue.clone(), from });
    }

    fn later(&mut self, span: Duration, coming: Coming) {
        self.thought_of += 1;
        self.to_come.insert((self.now.mono + span, self.thought_of), coming);
    }

    fn give(&mut self, input: Input) {
        let mut out = Outbox::new();
        self.engine.handle(self.now, input, &mut out);
        let mut decisions = self.new_decisions();
        for output in out.take() {
            self.obey(output, &mut decisions);
        }
        for decision in decisions {
            let why = because(&decision);
            self.tell(Some(decision.contact), "nobody is called".to_owned(), why);
        }
    }

    /// What the engine has decided in this step, oldest first.
    fn new_decisions(&mut self) -> Vec<Decision> {
        let last = self.last_decision.take();
        let newest = self.engine.decisions();
        let mut new: Vec<Decision> =
            newest.take_while(|it| Some(*it) != last.as_ref()).cloned().collect();
        self.last_decision = new.first().cloned().or(last);
        new.reverse();
        new
    }

    fn obey(&mut self, output: Output, decisions: &mut Vec<Decision>) {
        match output {
            Output::Deliver { offer, contact, call: _, agent, endpoint: _ } => {
                let chosen = decisions.iter().position(|decision| {
                    decision.contact == contact && decision.chosen.as_ref() == Some(&agent)
                });
                let why = chosen.map(|place| because(&decisions.remove(place)));
                let why = why.unwrap_or_else(|| vec!["the next phone of the same agent".into()]);
                self.tell(Some(contact), format!("rings at {agent}"), why);
                self.ring(offer, contact, agent);
            }
            Output::Withdraw { offer, why } => {
                let Some((contact, agent)) = self.offers.get(&offer).cloned() else { return };
                // An alert time that has run out is told by its fact.
                if why != OfferEnd::Rona {
                    self.tell(Some(contact), format!("stops ringing at {agent}"), vec![word(why)]);
                }
            }
            Output::Connect { contact, offer } => {
                let Some((_, agent)) = self.offers.get(&offer).cloned() else { return };
                let talks = self.agents.get(&agent).map_or(Duration::ZERO, |acting| acting.talks);
                if let Some(fate) = self.fates.get_mut(&contact.0) {
                    fate.agent = Some(agent.to_string());
                }
                self.tell(Some(contact), format!("talks with {agent}"), Vec::new());
                self.later(talks, Coming::News(offer, OfferNews::Ended));
            }
            Output::Fact(fact) => self.note(fact),
            Output::Refuse { contact, .. } => {
                self.tell(Some(contact), "is not let in".to_owned(), Vec::new());
            }
            Output::EndContact { contact, .. } => {
                self.tell(Some(contact), "is let go".to_owned(), Vec::new());
            }
            Output::Moved { contact, call: _, queue } => {
                if let Some(fate) = self.fates.get_mut(&contact.0) {
                    fate.queue = queue.to_string();
                }
                self.tell(Some(contact), format!("goes on in `{queue}`"), Vec::new());
            }
            Output::CallOn { contact, call, whom, ring: _ } => {
                let says = match whom {
                    CallOn::Agent(agent, _) => format!("is led on to {agent}"),
                    CallOn::Account(account) => format!("is led on to the phones of {account}"),
                    CallOn::Number(number) => format!("is led on to {number}"),
                };
                self.tell(Some(contact), says, Vec::new());
                // Whoever is called on takes it: what lies behind is not part of the queue.
                self.later(Duration::ZERO, Coming::TakenOn(contact, call));
            }
            Output::Announce { contact, .. } => {
                self.tell(Some(contact), "hears a clip and is let go".to_owned(), Vec::new());
            }
            Output::HangUpAgent { .. } | Output::Treat { .. } | Output::Alarm(_) => {}
        }
    }

    /// The phone of an agent does what the scenario says.
    fn ring(&mut self, offer: OfferId, contact: ContactId, agent: AgentName) {
        let acting = self.agents.get(&agent);
        let acts = acting.map_or(WhenCalled::Rings, |acting| acting.when_called);
        self.offers.insert(offer, (contact, agent));
        let now = Duration::ZERO;
        self.later(now, Coming::News(offer, OfferNews::Sent));
        match acts {
            WhenCalled::Answers(after) => {
                self.later(now, Coming::News(offer, OfferNews::Ringing));
                self.later(after, Coming::News(offer, OfferNews::Answered));
            }
            WhenCalled::Rings => self.later(now, Coming::News(offer, OfferNews::Ringing)),
            WhenCalled::Busy => {
                self.later(now, Coming::News(offer, OfferNews::Refused(OfferRefusal::Busy)));
            }
            WhenCalled::Declines => {
                self.later(now, Coming::News(offer, OfferNews::Ringing));
                let news = OfferNews::Refused(OfferRefusal::Declined);
                self.later(Duration::from_secs(1), Coming::News(offer, news));
            }
        }
    }

    fn note(&mut self, fact: Fact) {
        if let Fact::ContactLeft { contact, outcome, waited_ms, .. } = &fact {
            let outcome = named(outcome);
            if let Some(fate) = self.fates.get_mut(&contact.0) {
                (fate.outcome, fate.waited_ms) = (Some(outcome.clone()), Some(*waited_ms));
            }
            let waited = seconds(*waited_ms);
            self.tell(Some(*contact), format!("{outcome} after {waited}"), Vec::new());
        }
        if let Fact::OfferEnded { contact, agent, why, .. } = &fact {
            self.tell(Some(*contact), format!("not answered by {agent}"), vec![word(*why)]);
        }
        if let Fact::DutyChanged { agent, duty, by: DutyChangedBy::Rona } = &fact {
            let off = matches!(duty, Duty::OffDuty(_));
            let says = format!("{agent} goes {} duty", if off { "off" } else { "on" });
            self.tell(None, says, vec!["too many calls not answered".to_owned()]);
        }
        if let Fact::WrapUpEnded { agent, .. } = &fact {
            self.tell(None, format!("{agent} is free"), vec!["wrap-up is over".to_owned()]);
        }
    }

    fn tell(&mut self, contact: Option<ContactId>, says: String, because: Vec<String>) {
        if self.lines.len() >= LINES_MAX {
            self.cut = true;
            return;
        }
        let after = self.now.mono.since(BEGIN);
        let after_ms = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
        let caller = contact.map(|contact| contact.0);
        self.lines.push(Line { after_ms, caller, says, because });
    }
}

/// So long before the beginning.
fn before(at: Wall, span: Duration) -> Now {
    let mono = BEGIN - span;
    Now { mono, wall: wall_at(at, mono) }
}

/// What the clock on the wall shows at an instant of site time.
fn wall_at(at: Wall, mono: Mono) -> Wall {
    let micros = |mono: Mono| i64::try_from(mono.micros()).unwrap_or(i64::MAX);
    Wall::from_micros(at.micros().saturating_add(micros(mono) - micros(BEGIN)))
}

/// Why a decision is what it is, agent by agent.
fn because(decision: &Decision) -> Vec<String> {
    let mut why = Vec::new();
    if let Some(chosen) = &decision.chosen {
        let could = decision.candidates.iter().filter(|it| it.verdict.is_ok()).count();
        let strategy = decision.strategy.as_str();
        why.push(match could {
            0 | 1 => format!("{chosen} is the only one who can"),
            more => format!("{chosen} comes first of {more} who can, by {strategy}"),
        });
    }
    let against = |candidate: &Candidate| {
        let reason = candidate.verdict.as_ref().err()?;
        Some(format!("{}: {reason}", candidate.agent))
    };
    why.extend(decision.candidates.iter().filter_map(against));
    if decision.unlisted > 0 {
        why.push(format!("{} more are not listed", decision.unlisted));
    }
    why
}

/// A word of the log as people read it.
fn named<T: Serialize>(word: &T) -> String {
    let written = serde_json::to_value(word).ok();
    let written = written.as_ref().and_then(|value| value.as_str()).unwrap_or_default();
    written.replace('_', " ")
}

fn word(why: OfferEnd) -> String {
    match why {
        OfferEnd::Rona => "it rang and nobody answered".to_owned(),
        OfferEnd::NotTaken => "it rang at several, and nobody answered".to_owned(),
        OfferEnd::Busy
        | OfferEnd::Declined
        | OfferEnd::Unreachable
        | OfferEnd::DeviceFailed
        | OfferEnd::CallerLeft
        | OfferEnd::LostRace
        | OfferEnd::Withdrawn
        | OfferEnd::LostInCrash => named(&why),
    }
}

fn seconds(ms: u64) -> String {
    let (seconds, tenths) = (ms / 1000, ms % 1000 / 100);
    if tenths == 0 { format!("{seconds} s") } else { format!("{seconds}.{tenths} s") }
}

/// The time since the beginning as a clock shows it.
fn clock(ms: u64) -> String {
    let (minutes, seconds, tenths) = (ms / 60_000, ms / 1000 % 60, ms % 1000 / 100);
    format!("{minutes:>3}:{seconds:02}.{tenths}")
}

impl fmt::Display for Rehearsal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, lines, callers, cut } = self;
        writeln!(f, "from      {at}\n")?;
        for Line { after_ms, caller, says, because } in lines {
            let who = caller.map_or_else(String::new, |caller| format!("caller {caller}"));
            writeln!(f, "{}  {who:<11} {says}", clock(*after_ms))?;
            for reason in because {
                writeln!(f, "                       {reason}")?;
            }
        }
        if *cut {
            writeln!(f, "\nmore happened than is told here")?;
        }
        writeln!(f, "\ncaller  queue         outcome              waited      agent")?;
        for Fate { caller, queue, outcome, waited_ms, agent } in callers {
            let outcome = outcome.as_deref().unwrap_or("waits");
            let waited = waited_ms.map_or_else(String::new, seconds);
            let agent = agent.as_deref().unwrap_or_default();
            let line = format!("{caller:<7} {queue:<13} {outcome:<20} {waited:<11} {agent}");
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::play;
    use holdfast_base::Wall;
    use holdfast_config::scenario;

    const OFFICE: &str = "
[[account]]
name = 'p1'
[[account]]
name = 'p2'
[[agent]]
name = 'anna'
endpoints = [{ account = 'p1' }]
[[agent]]
name = 'ben'
endpoints = [{ account = 'p2' }]
[[queue]]
name = 'sales'
members = ['anna', 'ben']
wait_max = '90s'
";

    fn told(text: &str) -> String {
        let (config, _) = holdfast_config::read(OFFICE, "f").unwrap();
        let scenario = scenario::read(text, "s", &config, Wall::default()).unwrap();
        play(&config, &scenario).to_string()
    }

    #[test]
    fn says_who_gets_which_call_and_why() {
        let said = told(
            "at = '2026-11-23T08:00'
[[agent]]
name = 'anna'
idle = '1m'
talks = '30s'
[[agent]]
name = 'ben'
idle = '9m'
when_called = 'rings'
[[call]]
queue = 'sales'
[[call]]
after = '1s'
queue = 'sales'
patience = '10s'
[[call]]
after = '2s'
queue = 'sales'
patience = '3s'
",
        );
        for part in [
            "from      mon 2026-11-23 08:00 +00:00\n",
            "  0:00.0  caller 1    calls `sales`\n",
            "  0:00.0  caller 1    rings at ben\n                       ben comes first of 2 who \
             can, by longest-idle\n",
            "  0:01.0  caller 2    rings at anna\n                       anna is the only one who \
             can\n                       ben: being called\n",
            "  0:05.0  caller 3    abandoned",
            "  0:06.0  caller 2    talks with anna\n",
            "  0:18.0  caller 1    not answered by ben\n                       it rang and nobody \
             answered\n",
            "  0:36.0  caller 2    is let go\n",
            "  0:46.0              anna is free\n                       wrap-up is over\n",
            "  0:46.0  caller 1    rings at anna\n",
            "1       sales         answered             51 s        anna\n",
            "2       sales         answered             5 s         anna\n",
            "3       sales         abandoned short      3 s\n",
        ] {
            assert!(said.contains(part), "{part}\n{said}");
        }
    }

    #[test]
    fn nobody_there_is_said_and_a_scenario_ends() {
        let said = told(
            "at = '2026-11-23T08:00'
lasts = '8h'
[[agent]]
name = 'anna'
duty = 'lunch'
[[agent]]
name = 'ben'
reachable = false
[[call]]
queue = 'sales'
",
        );
        for part in [
            "  0:00.0  caller 1    nobody is called\n                       anna: off duty\n",
            "\n                       ben: no phone can be reached\n",
            "  1:30.0  caller 1    overflow time after 90 s\n",
        ] {
            assert!(said.contains(part), "{part}\n{said}");
        }
    }

    #[test]
    fn the_same_scenario_has_the_same_end_and_many_callers_have_one() {
        let calls: String =
            (0..500).map(|at| format!("[[call]]\nafter = '{at}s'\nqueue = 'sales'\n")).collect();
        let said = told(&format!("lasts = '8h'\n{calls}"));
        assert_eq!(said, told(&format!("lasts = '8h'\n{calls}")));
        assert!(said.matches("overflow time").count() > 100, "{said}");
        assert!(!said.contains("waits"), "everybody has an outcome");
    }
}
