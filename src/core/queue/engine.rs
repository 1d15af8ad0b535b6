//! The engine: contacts in lines, agents in the ledger, and the order of a step.
//!
//! A step takes its input, then passes every deadline that is due, then matches over all queues,
//! then speaks to the callers. An answer that came in is thus worth more than a timer that
//! is due in the same step, and an order to an agent leaves before any prompt is thought of.

use holdfast_base::{AgentName, ContactId, Mono, Now, OfferId, Outbox, QueueName};
use holdfast_config::Config;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::arms;
use super::closure::Closure;
use super::decision::{Decision, Decisions};
use super::entry::Newcomer;
use super::exits::Led;
use super::familiar::Familiar;
use super::line::Line;
use super::record::{Cursor, Key};
use super::timers::Timers;
use super::today::Today;
use super::words::{Departure, Input, Lost, Output};
use crate::agent::{Effect, Event, Ledger, selectable};
use crate::arms::Arms;
use crate::contact::{Contact, Deliveries, OfferNews, Rank};

/// How often the reaper looks for states that outlived their deadline (QUEUEING.md 2.1).
const REAP_EVERY: Duration = Duration::from_secs(1);

/// All queues, contacts and agents of the site.
#[derive(Clone, Debug)]
pub struct Engine {
    pub(super) config: Arc<Config>,
    pub(super) deliveries: Deliveries,
    pub(super) lines: BTreeMap<QueueName, Line>,
    pub(super) contacts: BTreeMap<ContactId, Contact>,
    pub(super) ledger: Ledger,
    pub(super) cursor: Cursor,
    /// Who talked with which caller last.
    pub(super) familiar: Familiar,
    /// Contacts for which several agents are being called.
    pub(super) batches: BTreeMap<Rank, ContactId>,
    /// Who was called last in each queue whose strategy is `round-robin`: it goes on behind.
    pub(super) turns: BTreeMap<QueueName, AgentName>,
    /// Contacts that are in no queue any more, while somebody is called for them.
    pub(super) led: BTreeMap<ContactId, Led>,
    /// Queues that a person has closed.
    pub(super) closures: BTreeMap<QueueName, Closure>,
    /// Queues in which nobody is there any more, since when.
    pub(super) deserted: BTreeMap<QueueName, Mono>,
    pub(super) today: Today,
    pub(super) deadlines: Timers<Deadline>,
    pub(super) speech: Timers<ContactId>,
    pub(super) decisions: Decisions,
    /// What must be written down again.
    pub(super) touched: BTreeSet<Key>,
    pub(super) reaper: Reaper,
    pub(super) arms: Arms,
}

/// Whose deadline.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Deadline {
    /// An agent's task ends.
    Task(AgentName),
    /// A contact has waited long enough.
    WaitMax(ContactId),
    /// More agents may be called for a contact.
    Widen(ContactId),
    /// A queue is closed no more.
    Opens(QueueName),
    /// Those who wait in a queue are led on, since nobody is there.
    Deserted(QueueName),
}

/// The net under the deadlines.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reaper {
    next: Mono,
    fixups: u64,
}

impl Reaper {
    pub(super) fn new(now: Mono) -> Self {
        Self { next: now + REAP_EVERY, fixups: 0 }
    }
}

impl Engine {
    /// Takes one input. Pushes every effect to `out`.
    pub fn handle(&mut self, now: Now, input: Input, out: &mut Outbox<Output>) {
        self.today.look(now.wall, &self.config.site.time_zone);
        let now = now.mono;
        self.arms.count_some(|| arms::of_input(&self.contacts, &self.ledger, &input));
        match input {
            Input::Arrived { contact, call, queue, from } => {
                let newcomer = Newcomer { contact, call, queue, from, since: now };
                self.arrived(newcomer, now, out);
            }
            Input::Returned { contact, call, queue, from, since } => {
                self.arrived(Newcomer { contact, call, queue, from, since }, now, out);
            }
            Input::Left { contact, why } => self.left(contact, why, now, out),
            Input::Offer { offer, news } => self.offer_news(offer, news, now, out),
            Input::Duty { agent, duty, by } => self.set_duty(&agent, duty, by, now, out),
            Input::Release { agent } => self.step_agent(&agent, Event::Release, now, out),
            Input::EndpointState { endpoint, reachable } => {
                self.touched.insert(Key::Endpoint(endpoint.clone()));
                for agent in self.ledger.endpoint(&endpoint, reachable) {
                    self.refresh(&agent, now);
                }
            }
            Input::OwnCall { agent, active } => self.own_call(&agent, active, now, out),
            Input::Reprioritise { contact, priority } => self.reprioritise(contact, priority),
            Input::PickUp { contact, agent } => self.pick_up(contact, &agent, now, out),
            Input::Active { agent, queue, active } => {
                self.set_active(&agent, queue, active, now, out);
            }
            Input::Onward { contact, call, news } => {
                self.onward((contact, call), news, now, out);
            }
            Input::Close { queue, closure } => self.close_queue(&queue, closure, now, out),
            Input::Configured(config) => self.configure(config, now, out),
            Input::DeadlineReached => {}
        }
        self.pass_deadlines(now, out);
        self.reap(now, out);
        loop {
            self.match_waiting(now, out);
            self.watch_deserted(now);
            if self.deadlines.next().is_none_or(|next| now < next) {
                break;
            }
            // Those who wait where nobody is are led on, and that is for others to match again. It
            // ends, since nobody is led on for ever.
            self.pass_deadlines(now, out);
        }
        self.speak(now, out);
    }

    /// What the process took along when it died, said before the first input: no deadline is looked
    /// at before that, so that an alert time which ran out meanwhile is no miss of the agent whose
    /// phone nobody let ring.
    pub fn lost_in_crash(&mut self, now: Now, lost: Lost, out: &mut Outbox<Output>) {
        for offer in lost.ringing {
            self.offer_news(offer, OfferNews::LostInCrash, now.mono, out);
        }
        for offer in lost.over {
            self.offer_news(offer, OfferNews::LostInCrash, now.mono, out);
            self.offer_news(offer, OfferNews::Ended, now.mono, out);
        }
        for contact in lost.contacts {
            self.left(contact, Departure::LostInCrash, now.mono, out);
        }
    }

    /// When to send [`Input::DeadlineReached`]; `None` is never.
    #[must_use]
    pub fn deadline(&self) -> Option<Mono> {
        let anything_ends = !self.contacts.is_empty() || self.ledger.any_deadline();
        let reaper = anything_ends.then_some(self.reaper.next);
        [self.deadlines.next(), self.speech.next(), reaper].into_iter().flatten().min()
    }

    /// Deadlines that had to be forced since the start. Anything above zero is a fault of ours.
    #[must_use]
    pub const fn reaper_fixups(&self) -> u64 {
        self.reaper.fixups
    }

    /// How often each cell of the state tables was hit since the last call.
    #[cfg(feature = "trace-arms")]
    pub fn last_arms(&mut self) -> BTreeMap<crate::arms::Arm, u64> {
        self.arms.take()
    }

    /// The last decisions, newest first.
    pub fn decisions(&self) -> impl Iterator<Item = &Decision> {
        self.decisions.newest()
    }

    /// News of an offer. News of one that is over, or never was, find nobody; an answer among them
    /// is a phone that somebody picked up, and it must be put down again.
    fn offer_news(&mut self, offer: OfferId, news: OfferNews, now: Mono, out: &mut Outbox<Output>) {
        if let Some(agent) = self.ledger.holder(offer).cloned() {
            self.step_agent(&agent, Event::News(news), now, out);
            return;
        }
        match news {
            OfferNews::Answered => out.push(Output::HangUpAgent { offer }),
            OfferNews::Sent
            | OfferNews::Ringing
            | OfferNews::Refused(_)
            | OfferNews::Ended
            | OfferNews::LostLiveness
            | OfferNews::LostInCrash => {}
        }
    }

    /// Lets an agent take one event and carries out what follows from it.
    pub(super) fn step_agent(
        &mut self,
        name: &AgentName,
        event: Event,
        now: Mono,
        out: &mut Outbox<Output>,
    ) {
        self.arms.count_some(|| self.ledger.arm(name, &event));
        match self.ledger.step(name, now, event) {
            Effect::None => {}
            Effect::Rang(offer) => self.rang(offer, out),
            Effect::NoRing(attempt) => self.no_ring(name, attempt, out),
            Effect::Won(attempt) => self.won(name, &attempt, now, out),
            Effect::Over(over) => self.offer_over(name, over, now, out),
            Effect::Done { attempt, talked, hang_up } => {
                self.agent_done(name, &attempt, talked, now, out);
                if hang_up {
                    out.push(Output::HangUpAgent { offer: attempt.offer });
                }
            }
            Effect::WrapUpOver { took } => self.wrap_up_over(name, took, now, out),
            Effect::HangUp(offer) => out.push(Output::HangUpAgent { offer }),
        }
        self.refresh(name, now);
    }

    /// Brings every index in line with what is now true of an agent.
    pub(super) fn refresh(&mut self, name: &AgentName, now: Mono) {
        self.touched.insert(Key::Agent(name.clone()));
        self.ledger.drop_if_removed(name);
        let Some(agent) = self.ledger.get(name) else {
            self.deadlines.set(Deadline::Task(name.clone()), None);
            return;
        };
        self.deadlines.set(Deadline::Task(name.clone()), agent.state.task.deadline());
        for (queue, seat) in &agent.member_of {
            let Some(line) = self.lines.get_mut(queue) else { continue };
            let ready = selectable(agent, queue, now).is_ok();
            let rank = ready.then(|| line.rank_of(name, agent, seat)).flatten();
            line.ready.set(name, rank);
            line.note_there(name, agent, queue);
            let circle = seat.standing.as_ref().ok().map(|standing| standing.circle);
            line.note_logged_in(circle.filter(|_| agent.is_logged_in(queue)), name);
        }
    }

    fn pass_deadlines(&mut self, now: Mono, out: &mut Outbox<Output>) {
        while let Some(deadline) = self.deadlines.pop_due(now) {
            match deadline {
                Deadline::Task(agent) => {
                    self.step_agent(&agent, Event::DeadlineReached, now, out);
                }
                Deadline::WaitMax(contact) => self.waited_too_long(contact, out, now),
                Deadline::Widen(contact) => self.await_widening(contact, now),
                Deadline::Opens(queue) => self.open_queue(&queue, out),
                Deadline::Deserted(queue) => self.lead_away(&queue, now, out),
            }
        }
    }

    /// Forces what a deadline should have done already. Finding anything is a fault of ours.
    fn reap(&mut self, now: Mono, out: &mut Outbox<Output>) {
        if now < self.reaper.next {
            return;
        }
        self.reaper.next = now + REAP_EVERY;
        for agent in self.ledger.overdue(now) {
            self.reaper.fixups += 1;
            self.step_agent(&agent, Event::DeadlineReached, now, out);
        }
        for contact in self.overdue_contacts(now) {
            self.reaper.fixups += 1;
            self.waited_too_long(contact, out, now);
        }
    }
}
