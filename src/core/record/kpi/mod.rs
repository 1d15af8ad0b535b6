//! The figures of queues and agents (QUEUEING.md 2.12) as an incremental fold of the event log.
//!
//! Figures of a queue are attributed to the time at which a contact was *offered* to it, what
//! agents do to the time at which they do it; both in quarters of an hour: every time zone's
//! midnight falls on one, so any interval of a day and "today" are sums of quarters and the fold
//! itself knows no zone and no clock. Because a contact is counted in one quarter only, offered =
//! Σ outcomes + in progress holds for each quarter and each sum of them
//! ([`KpiFold::check_conservation`]).
//!
//! The last quarters are kept here; what is older comes out of [`KpiFold::apply`], for the index to
//! keep. The thresholds are part of the fold. A reload of the configuration changes them for what
//! comes after it; the next start folds everything anew under them ([`KpiFold::thresholds`] tells).

mod agents;
mod counts;
pub mod form;
pub mod report;
#[cfg(test)]
mod tests;
mod waits;

use holdfast_base::limits::CONTACTS_MAX;
use holdfast_base::{AgentName, CallId, ContactId, Now, QueueName, Wall};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

pub use agents::AgentCounts;
pub use counts::{Class, Counts, Thresholds};
use counts::{quarter_of, start_of};

use super::event::{Event, Fact, Outcome};
use crate::view::QueueFigures;

/// Quarters kept for each queue and agent: two days and an hour for the change of the clocks.
const QUARTERS_MAX: usize = 4 * 49;
/// Most contacts in progress: twice what the site can hold, so that it is reached only when ends
/// are missing from a damaged log. Then the oldest counts as lost.
const WAITING_MAX: usize = 2 * CONTACTS_MAX;

/// The figures of every queue and agent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct KpiFold {
    thresholds: BTreeMap<QueueName, Thresholds>,
    queues: BTreeMap<QueueName, Counted>,
    agents: BTreeMap<AgentName, agents::Counted>,
    waiting: BTreeMap<ContactId, Place>,
    /// Contacts whom an agent has answered, and whom nobody has let go yet.
    talking: BTreeMap<ContactId, Place>,
    /// Where what an agent wraps up was offered.
    wrapping_up: BTreeMap<AgentName, Place>,
    /// The quarter of the last event.
    quarter: i64,
}

/// What is counted for one queue.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Counted {
    ever: Counts,
    quarters: BTreeMap<i64, Counts>,
}

/// Where a contact counts: its queue, and the quarter in which it was offered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Place {
    queue: QueueName,
    quarter: i64,
    call: CallId,
    /// Whether a party of it was transferred.
    transferred: bool,
}

/// The counts of a quarter of an hour.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quarter {
    /// When it began.
    pub start: Wall,
    /// Whose.
    pub of: Owned,
}

/// Whose counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Owned {
    /// A queue's.
    Queue(QueueName, Counts),
    /// An agent's.
    Agent(AgentName, AgentCounts),
}

/// The figures of a queue do not add up: a fault of this fold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotConserved {
    /// The queue.
    pub queue: QueueName,
    /// Start of the quarter; none for the totals.
    pub quarter: Option<Wall>,
    /// Contacts offered.
    pub offered: u64,
    /// Contacts with an outcome.
    pub left: u64,
    /// Contacts in progress.
    pub in_progress: u64,
}

impl fmt::Display for NotConserved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { queue, quarter, offered, left, in_progress } = self;
        write!(f, "of {offered} offered to `{queue}` ")?;
        if let Some(quarter) = quarter {
            write!(f, "in the quarter from {quarter} ")?;
        }
        write!(f, "{left} have left and {in_progress} wait")
    }
}

impl KpiFold {
    /// An empty fold under these thresholds; a queue that is not named has the default ones.
    #[must_use]
    pub fn new(thresholds: BTreeMap<QueueName, Thresholds>) -> Self {
        Self { thresholds, ..Self::default() }
    }

    /// The thresholds of all these figures.
    #[must_use]
    pub const fn thresholds(&self) -> &BTreeMap<QueueName, Thresholds> {
        &self.thresholds
    }

    /// From the next event on, other thresholds apply. What was counted stays as it was counted.
    pub fn set_thresholds(&mut self, thresholds: BTreeMap<QueueName, Thresholds>) {
        self.thresholds = thresholds;
    }

    /// Takes the next event of the log. Returns the quarters that are no longer kept here.
    pub fn apply(&mut self, event: &Event) -> Vec<Quarter> {
        let at = event.at;
        match &event.fact {
            Fact::Enqueued { contact, call, queue } => {
                let (queue, quarter) = (queue.clone(), quarter_of(at.wall));
                self.offered(*contact, Place { queue, quarter, call: *call, transferred: false });
            }
            Fact::ContactLeft { contact, queue: _, outcome, waited_ms } => {
                self.left(*contact, *outcome, *waited_ms);
            }
            Fact::Reserved { offer: _, contact, agent, endpoint: _ } => {
                self.agent(agent).reserved(at);
                self.of_contact(*contact, |counts| counts.offers += 1);
            }
            Fact::OfferWon { offer: _, contact, agent } => {
                self.agent(agent).won(at);
                self.of_contact(*contact, |counts| counts.offers_won += 1);
            }
            Fact::OfferEnded { offer: _, contact, agent, why } => {
                self.agent(agent).offer_ended(at, *why);
                self.of_contact(*contact, |counts| counts.offer_ended(*why));
            }
            Fact::AgentDone { agent, contact, talked_ms } => {
                self.agent(agent).talked(at, *talked_ms);
                self.of_contact(*contact, |counts| counts.talk_ms += talked_ms);
                if let Some(place) = self.talking.remove(contact) {
                    self.wrapping_up.insert(agent.clone(), place);
                }
            }
            Fact::WrapUpEnded { agent, took_ms } => {
                self.agent(agent).wrapped_up(at, *took_ms);
                if let Some(place) = self.wrapping_up.remove(agent) {
                    self.count(&place, |counts| counts.wrap_up_ms += took_ms);
                }
            }
            Fact::DutyChanged { agent, duty, by: _ } => self.agent(agent).duty(at, duty),
            Fact::TransferAsked { call, .. } => self.transferred(*call),
            Fact::Started { .. }
            | Fact::CallArrived { .. }
            | Fact::Emergency { .. }
            | Fact::CallAnswered { .. }
            | Fact::LegStarted { .. }
            | Fact::LegAnswered { .. }
            | Fact::LegEnded { .. }
            | Fact::TransferEnded { .. }
            | Fact::Supervision { .. }
            | Fact::Recording { .. }
            | Fact::LedOn { .. }
            | Fact::NotLedOn { .. }
            | Fact::QueueClosed { .. }
            | Fact::QueueOpened { .. }
            | Fact::CallEnded { .. }
            | Fact::OfferRinging { .. }
            | Fact::Ungated { .. }
            | Fact::TrunkDown { .. }
            | Fact::LoginRefused { .. }
            | Fact::LoginAccepted { .. }
            | Fact::Registered { .. }
            | Fact::RegistrationLost { .. }
            | Fact::PhoneTakenOver { .. }
            | Fact::PhoneLedBack { .. }
            | Fact::TrunkUp { .. }
            | Fact::Banned { .. }
            | Fact::BanEnded { .. }
            | Fact::TrunkAlarm { .. }
            | Fact::DrainChanged { .. }
            | Fact::TestCallPlaced { .. }
            | Fact::TestCallEnded { .. }
            | Fact::NothingInCommon { .. }
            | Fact::Transcoded { .. }
            | Fact::NotTranscoded { .. }
            | Fact::Configured { .. } => {}
        }
        let quarter = quarter_of(at.wall);
        if quarter != self.quarter {
            self.quarter = quarter;
            self.agents.values_mut().for_each(|agent| agent.count_duty(at));
        }
        self.let_go()
    }

    /// The figures of one day, from its midnight (local or UTC) up to the next one.
    #[must_use]
    pub fn during(&self, queue: &QueueName, day: Range<Wall>) -> QueueFigures {
        let day = quarter_of(day.start)..quarter_of(day.end);
        if day.is_empty() {
            return QueueFigures::default();
        }
        let mut sum = Counts::default();
        if let Some(counted) = self.queues.get(queue) {
            for counts in counted.quarters.range(day.clone()).map(|(_, counts)| counts) {
                sum.add(counts);
            }
        }
        figures(sum, self.in_progress(queue, |quarter| day.contains(&quarter)))
    }

    /// The figures of everything in the log.
    #[must_use]
    pub fn ever(&self, queue: &QueueName) -> QueueFigures {
        let counts = self.queues.get(queue).map(|counted| counted.ever.clone());
        figures(counts.unwrap_or_default(), self.waiting_in(queue))
    }

    /// How many are in a queue, as far as the log says.
    #[must_use]
    pub fn waiting_in(&self, queue: &QueueName) -> u64 {
        self.in_progress(queue, |_| true)
    }

    /// The quarters that are kept here and begin in a span, with the duty of agents up to now.
    pub fn quarters(&self, now: Now, span: Range<Wall>) -> impl Iterator<Item = Quarter> + '_ {
        // A quarter that has begun before counts where it began.
        let first = quarter_of(Wall::from_micros(span.start.micros().saturating_sub(1))) + 1;
        let last = quarter_of(Wall::from_micros(span.end.micros().saturating_sub(1))) + 1;
        let span = first..last.max(first);
        let agents = self.agents.iter().flat_map({
            let span = span.clone();
            move |(name, counted)| {
                let mut counted = counted.clone();
                counted.count_duty(now);
                let mine = counted.quarters.range(span.clone());
                let mine = mine.map(|(at, counts)| Quarter::agent(name, *at, *counts));
                mine.collect::<Vec<Quarter>>()
            }
        });
        let queues = self.queues.iter().flat_map(move |(name, counted)| {
            let mine = counted.quarters.range(span.clone());
            mine.map(|(at, counts)| Quarter::queue(name, *at, counts.clone()))
        });
        queues.chain(agents)
    }

    /// The law of conservation: offered = Σ outcomes + in progress, for every queue, in every
    /// quarter kept and in the totals.
    ///
    /// # Errors
    /// The first place where it does not hold.
    pub fn check_conservation(&self) -> Result<(), NotConserved> {
        let mut waiting: BTreeMap<(&QueueName, i64), u64> = BTreeMap::new();
        let mut in_all: BTreeMap<&QueueName, u64> = BTreeMap::new();
        for place in self.waiting.values() {
            *waiting.entry((&place.queue, place.quarter)).or_default() += 1;
            *in_all.entry(&place.queue).or_default() += 1;
        }
        for (queue, counted) in &self.queues {
            let ever = (None, &counted.ever, in_all.get(queue));
            let quarters = counted.quarters.iter().map(|(quarter, counts)| {
                (Some(start_of(*quarter)), counts, waiting.get(&(queue, *quarter)))
            });
            for (quarter, counts, in_progress) in std::iter::once(ever).chain(quarters) {
                let (offered, left) = (counts.offered, counts.over());
                let in_progress = in_progress.copied().unwrap_or(0);
                if offered != left + in_progress {
                    let queue = queue.clone();
                    return Err(NotConserved { queue, quarter, offered, left, in_progress });
                }
            }
        }
        Ok(())
    }

    fn offered(&mut self, contact: ContactId, place: Place) {
        if self.waiting.contains_key(&contact) {
            return; // told twice: the first counts
        }
        if self.waiting.len() >= WAITING_MAX
            && let Some((&oldest, _)) = self.waiting.first_key_value()
        {
            self.left(oldest, Outcome::LostInCrash, 0);
        }
        let counted = self.queues.entry(place.queue.clone()).or_default();
        counted.ever.offered += 1;
        counted.quarters.entry(place.quarter).or_default().offered += 1;
        self.waiting.insert(contact, place);
    }

    fn left(&mut self, contact: ContactId, outcome: Outcome, waited_ms: u64) {
        let Some(place) = self.waiting.remove(&contact) else {
            return; // never offered (its record was damaged) or told twice
        };
        let thresholds = self.thresholds.get(&place.queue).copied().unwrap_or_default();
        self.count(&place, |counts| counts.left(outcome, waited_ms, thresholds));
        if outcome.class() == Class::Answered {
            if self.talking.len() >= WAITING_MAX {
                self.talking.pop_first();
            }
            self.talking.insert(contact, place);
        }
    }

    fn transferred(&mut self, call: CallId) {
        let mut talking = self.talking.values_mut();
        let Some(place) = talking.find(|it| it.call == call && !it.transferred) else { return };
        place.transferred = true;
        let place = place.clone();
        self.count(&place, |counts| counts.transferred += 1);
    }

    fn agent(&mut self, name: &AgentName) -> &mut agents::Counted {
        self.agents.entry(name.clone()).or_default()
    }

    fn of_contact(&mut self, contact: ContactId, count: impl FnMut(&mut Counts)) {
        let place = self.waiting.get(&contact).or_else(|| self.talking.get(&contact));
        if let Some(place) = place.cloned() {
            self.count(&place, count);
        }
    }

    /// Counts in the totals of a queue and in a quarter, unless that has been let go: the contact
    /// waited or talked for two days.
    fn count(&mut self, place: &Place, mut count: impl FnMut(&mut Counts)) {
        let Some(counted) = self.queues.get_mut(&place.queue) else { return };
        count(&mut counted.ever);
        if let Some(counts) = counted.quarters.get_mut(&place.quarter) {
            count(counts);
        }
    }

    fn let_go(&mut self) -> Vec<Quarter> {
        let mut gone = Vec::new();
        for (name, counted) in &mut self.queues {
            while counted.quarters.len() > QUARTERS_MAX
                && let Some((at, counts)) = counted.quarters.pop_first()
            {
                gone.push(Quarter::queue(name, at, counts));
            }
        }
        for (name, counted) in &mut self.agents {
            while counted.quarters.len() > QUARTERS_MAX
                && let Some((at, counts)) = counted.quarters.pop_first()
            {
                gone.push(Quarter::agent(name, at, counts));
            }
        }
        gone
    }

    fn in_progress(&self, queue: &QueueName, in_span: impl Fn(i64) -> bool) -> u64 {
        let waiting = self.waiting.values();
        let here = waiting.filter(|waiting| waiting.queue == *queue && in_span(waiting.quarter));
        here.fold(0, |count, _| count + 1)
    }
}

impl Quarter {
    fn queue(name: &QueueName, at: i64, counts: Counts) -> Self {
        Self { start: start_of(at), of: Owned::Queue(name.clone(), counts) }
    }

    fn agent(name: &AgentName, at: i64, counts: AgentCounts) -> Self {
        Self { start: start_of(at), of: Owned::Agent(name.clone(), counts) }
    }
}

fn figures(counts: Counts, in_progress: u64) -> QueueFigures {
    QueueFigures {
        service_level_permille: form::service_level(&counts),
        offered: counts.offered,
        outcomes: counts.outcomes,
        in_progress,
        answered_in_level: counts.answered_in_level,
        answered_wait_ms: counts.answered_wait_ms,
        longest_wait_ms: counts.longest_wait_ms,
    }
}
