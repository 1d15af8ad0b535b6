//! What survives a restart: one record for each thing, written again whenever it changed.
//!
//! Only what can not be worked out is written. Where a contact is, which offers are alive, the
//! order of a line and every timer follow from the agents' tasks and the contacts. Site time goes
//! on over a restart, so every deadline keeps its meaning.

use holdfast_base::{AgentName, CallId, ContactId, Mono, Now, Outbox, QueueName};
use holdfast_config::{Config, Endpoint, Queue};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::closure::Closure;
use super::decision::Decisions;
use super::engine::{Deadline, Engine, Reaper};
use super::exits::Led;
use super::familiar::Familiar;
use super::line::Line;
use super::timers::Timers;
use super::today::Today;
use super::words::{Departure, Output};
use crate::agent::{Agent, AgentState, Event, Ledger, Task};
use crate::arms::Arms;
use crate::contact::{Contact, Deliveries, Place, Treatment};
use crate::record::event::{Outcome, Subject};

/// Which thing a record is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Key {
    /// The counters.
    Cursor,
    /// A contact.
    Contact(ContactId),
    /// An agent.
    Agent(AgentName),
    /// An endpoint.
    Endpoint(Endpoint),
    /// A queue that the configuration has no more and that still serves those in it.
    Queue(QueueName),
    /// Whose turn was last in a queue.
    Turn(QueueName),
    /// A caller whom agents know.
    Caller(Subject),
    /// A contact for which somebody is called since no queue serves it.
    Led(ContactId),
    /// A queue that a person has closed.
    Closure(QueueName),
    /// A queue in which nobody is there.
    Deserted(QueueName),
}

/// What is written of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Record {
    /// The counters.
    Cursor(Cursor),
    /// A contact.
    Contact(Contact),
    /// An agent.
    Agent(AgentState),
    /// The endpoint is within reach.
    Reachable,
    /// What the queue's settings were.
    Queue(Box<Queue>),
    /// Who was called last.
    Turn(AgentName),
    /// Who talked with the caller last.
    Caller {
        /// The agent.
        agent: AgentName,
        /// When.
        at: Mono,
    },
    /// Where it comes from and may go.
    Led(Led),
    /// Until when it is closed, and why.
    Closure(Closure),
    /// Since when.
    Deserted(Mono),
}

/// Counters that never go back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The last offer id that was given.
    pub last_offer: u64,
    /// The last place in the order of arrival that was given.
    pub last_seq: u64,
}

/// One change for the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Changed {
    /// The thing.
    pub key: Key,
    /// Its record; none when it is gone.
    pub record: Option<Record>,
}

impl Engine {
    /// Everything that changed since the last call.
    pub fn changed(&mut self) -> Vec<Changed> {
        let touched = std::mem::take(&mut self.touched);
        let changed = |key: Key| Changed { record: self.record(&key), key };
        touched.into_iter().map(changed).collect()
    }

    fn record(&self, key: &Key) -> Option<Record> {
        match key {
            Key::Cursor => Some(Record::Cursor(self.cursor)),
            Key::Contact(contact) => self.contacts.get(contact).cloned().map(Record::Contact),
            Key::Agent(agent) => {
                self.ledger.get(agent).map(|agent| Record::Agent(agent.state.clone()))
            }
            Key::Endpoint(endpoint) => {
                self.ledger.is_reachable(endpoint).then_some(Record::Reachable)
            }
            Key::Queue(queue) => {
                let removed = self.lines.get(queue).filter(|line| !line.configured);
                removed.map(|line| Record::Queue(Box::new(line.settings.clone())))
            }
            Key::Turn(queue) => self.turns.get(queue).cloned().map(Record::Turn),
            Key::Caller(caller) => {
                let (agent, at) = self.familiar.of(caller)?.clone();
                Some(Record::Caller { agent, at })
            }
            Key::Led(contact) => self.led.get(contact).cloned().map(Record::Led),
            Key::Closure(queue) => self.closures.get(queue).cloned().map(Record::Closure),
            Key::Deserted(queue) => self.deserted.get(queue).copied().map(Record::Deserted),
        }
    }

    /// The engine that these records describe; with no records, a new one. Offers that were in
    /// flight stay alive: the site says of each that it could not be taken up again
    /// ([`Engine::lost_in_crash`]) or lets it go on. Nothing is matched before the next input.
    #[must_use]
    pub fn restore(
        now: Now,
        config: Arc<Config>,
        deliveries: Deliveries,
        records: impl IntoIterator<Item = (Key, Record)>,
        out: &mut Outbox<Output>,
    ) -> Self {
        let mut engine = Self {
            config: Arc::clone(&config),
            deliveries,
            lines: BTreeMap::new(),
            contacts: BTreeMap::new(),
            ledger: Ledger::default(),
            cursor: Cursor::default(),
            familiar: Familiar::default(),
            batches: BTreeMap::new(),
            turns: BTreeMap::new(),
            led: BTreeMap::new(),
            closures: BTreeMap::new(),
            deserted: BTreeMap::new(),
            today: Today::default(),
            deadlines: Timers::new(),
            speech: Timers::new(),
            decisions: Decisions::default(),
            touched: BTreeSet::new(),
            reaper: Reaper::new(now.mono),
            arms: Arms::new(),
        };
        for (key, record) in records {
            engine.take_back_record(key, record);
        }
        engine.configure_lines(&config);
        engine.put_contacts_in_place(now.mono);
        engine.configure(config, now.mono, out);
        engine.let_go_of_the_unknown(now, out);
        engine.watch_deserted(now.mono);
        engine
    }

    /// A record under the key of another kind is damage and is passed over.
    fn take_back_record(&mut self, key: Key, record: Record) {
        match (key, record) {
            (Key::Cursor, Record::Cursor(cursor)) => self.cursor = cursor,
            (Key::Contact(id), Record::Contact(contact)) => {
                self.contacts.insert(id, contact);
            }
            (Key::Agent(name), Record::Agent(state)) => {
                self.ledger.insert(name, Agent::new(state));
            }
            (Key::Endpoint(endpoint), Record::Reachable) => {
                self.ledger.endpoint(&endpoint, true);
            }
            (Key::Queue(name), Record::Queue(settings)) => {
                self.lines.insert(name, Line::new(*settings));
            }
            (Key::Turn(queue), Record::Turn(agent)) => {
                self.turns.insert(queue, agent);
            }
            (Key::Caller(caller), Record::Caller { agent, at }) => {
                self.familiar.note(&caller, agent, at);
            }
            (Key::Led(id), Record::Led(led)) => {
                self.led.insert(id, led);
            }
            (Key::Closure(queue), Record::Closure(closure)) => {
                self.deadlines.set(Deadline::Opens(queue.clone()), closure.until);
                self.closures.insert(queue, closure);
            }
            (Key::Deserted(queue), Record::Deserted(since)) => {
                self.deserted.insert(queue, since);
            }
            (
                Key::Cursor
                | Key::Contact(_)
                | Key::Agent(_)
                | Key::Endpoint(_)
                | Key::Queue(_)
                | Key::Turn(_)
                | Key::Caller(_)
                | Key::Led(_)
                | Key::Closure(_)
                | Key::Deserted(_),
                Record::Cursor(_)
                | Record::Contact(_)
                | Record::Agent(_)
                | Record::Reachable
                | Record::Queue(_)
                | Record::Turn(_)
                | Record::Caller { .. }
                | Record::Led(_)
                | Record::Closure(_)
                | Record::Deserted(_),
            ) => {}
        }
    }

    /// Where each contact is follows from the agents' tasks.
    fn put_contacts_in_place(&mut self, now: Mono) {
        for (name, agent) in self.ledger.iter() {
            let (id, talks) = match &agent.state.task {
                Task::Reserved { attempt, .. } | Task::Offered { attempt, .. } => {
                    (attempt.contact, false)
                }
                Task::Connected { attempt, .. } => (attempt.contact, true),
                Task::Free { .. }
                | Task::WrapUp { .. }
                | Task::Rona { .. }
                | Task::Cooling { .. }
                | Task::OwnCall { .. }
                | Task::Lingering { .. } => continue,
            };
            let Some(contact) = self.contacts.get_mut(&id) else { continue };
            match (&mut contact.place, talks) {
                (place, true) => *place = Place::Talking(name.clone()),
                (Place::Offered(agents), false) => {
                    agents.insert(name.clone());
                }
                (place @ Place::Waiting, false) => *place = Place::Offered([name.clone()].into()),
                (Place::Talking(_), false) => {}
            }
        }
        let all: Vec<ContactId> = self.contacts.keys().copied().collect();
        for id in all {
            let Some(contact) = self.contacts.get(&id) else { continue };
            if let Place::Talking(_) = contact.place {
                continue;
            }
            if let Some(line) = self.lines.get_mut(&contact.queue) {
                line.unanswered.insert(contact.rank, id);
            }
            let next = match contact.treatment {
                Treatment::Entering => Some(contact.entered),
                Treatment::Waiting { next, .. } => next,
            };
            self.speech.set(id, next);
            match contact.place {
                Place::Waiting => self.wait(id, now),
                Place::Offered(_) => {
                    self.await_longest_wait(id);
                    self.await_widening(id, now);
                }
                Place::Talking(_) => {}
            }
        }
    }

    /// An attempt without its contact, or a contact without its queue, is the trace of a damaged
    /// journal or of a configuration that was changed meanwhile: nobody would ever end it.
    fn let_go_of_the_unknown(&mut self, now: Now, out: &mut Outbox<Output>) {
        let unknown = |agent: &Agent| match &agent.state.task {
            Task::Reserved { attempt, .. }
            | Task::Offered { attempt, .. }
            | Task::Connected { attempt, .. } => !self.contacts.contains_key(&attempt.contact),
            Task::Free { .. }
            | Task::WrapUp { .. }
            | Task::Rona { .. }
            | Task::Cooling { .. }
            | Task::OwnCall { .. }
            | Task::Lingering { .. } => false,
        };
        let holders: Vec<AgentName> = self
            .ledger
            .iter()
            .filter(|(_, agent)| unknown(agent))
            .map(|(name, _)| name.clone())
            .collect();
        for name in holders {
            self.step_agent(&name, Event::CallerLeft, now.mono, out);
        }
        let stranded = |contact: &&Contact| {
            matches!(contact.place, Place::Waiting | Place::Offered(_))
                && !self.lines.contains_key(&contact.queue)
        };
        let stranded: Vec<(ContactId, CallId)> = self
            .contacts
            .values()
            .filter(stranded)
            .map(|contact| (contact.id, contact.call))
            .collect();
        for (contact, call) in stranded {
            self.left(contact, Departure::Fault, now.mono, out);
            out.push(Output::EndContact { contact, call, outcome: Outcome::SystemFailed });
        }
    }
}
