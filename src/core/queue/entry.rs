//! Who is let into a line, and every way out of it. A contact that entered leaves with exactly one
//! outcome (QUEUEING.md 2.12), and the place of one that comes back is the one it had.

use holdfast_base::{AgentName, CallId, ContactId, Mono, Outbox, QueueName};
use std::collections::BTreeSet;
use std::time::Duration;

use super::arms;
use super::engine::{Deadline, Engine};
use super::exits::{Led, exits_of};
use super::line::Line;
use super::record::Key;
use super::words::{Departure, Output};
use crate::agent::{Event, Ring, Task};
use crate::contact::{Contact, Place, Rank, Trail, Treatment};
use crate::record::event::{Fact, Outcome, Subject};

/// A contact that comes to a queue.
pub(super) struct Newcomer {
    pub contact: ContactId,
    pub call: CallId,
    pub queue: QueueName,
    pub from: Subject,
    /// Since when it counts for its rank.
    pub since: Mono,
}

/// A contact that a queue takes.
pub(super) struct Entrant {
    pub contact: ContactId,
    pub call: CallId,
    pub queue: QueueName,
    pub from: Subject,
    pub since: Mono,
    pub rank: Rank,
    pub trail: Trail,
}

impl Engine {
    /// Lets a contact in, or leads it on. One that is not let in counts as one that entered and
    /// left at once, so that what was offered adds up.
    pub(super) fn arrived(&mut self, newcomer: Newcomer, now: Mono, out: &mut Outbox<Output>) {
        let Newcomer { contact, call, queue, from, since } = newcomer;
        if self.contacts.contains_key(&contact) || self.led.contains_key(&contact) {
            return; // told twice
        }
        let Some(line) = self.lines.get(&queue).filter(|line| line.configured) else {
            out.push(Output::Refuse { contact, call, outcome: Outcome::SystemFailed });
            return;
        };
        let verdict = self.verdict_on(&queue, line, &from, now);
        let (priority, point) = (line.settings.priority, line.settings.point);
        let bar_exits = verdict.err().map(|bar| (bar, exits_of(&line.settings, bar.outcome())));
        self.cursor.last_seq += 1;
        let rank = Rank::new(since, priority, point, self.cursor.last_seq);
        let mut trail = Trail::default();
        out.push(Output::Fact(Fact::Enqueued { contact, call, queue: queue.clone() }));
        let Some((bar, exits)) = bar_exits else {
            self.enter(Entrant { contact, call, queue, from, since, rank, trail }, now);
            return;
        };
        let outcome = bar.outcome();
        let left = queue.clone();
        out.push(Output::Fact(Fact::ContactLeft { contact, queue: left, outcome, waited_ms: 0 }));
        trail.leave(&queue, now);
        let led = Led { contact, call, from, queue, outcome, rank, since, trail, exits };
        if !self.lead_on(led, now, out) {
            out.push(Output::Refuse { contact, call, outcome });
        }
    }

    /// Takes a contact into a line.
    pub(super) fn enter(&mut self, entrant: Entrant, now: Mono) {
        let Entrant { contact: id, call, queue, from, since, rank, trail } = entrant;
        let Some(line) = self.lines.get_mut(&queue) else { return };
        let prefer = line.settings.distribution.prefer_last;
        let preferred = prefer.and_then(|within| self.familiar.within(&from, within, now).cloned());
        line.unanswered.insert(rank, id);
        self.contacts.insert(
            id,
            Contact {
                id,
                call,
                queue,
                from,
                entered: now,
                credit: now.since(since),
                trail,
                rank,
                declined: BTreeSet::new(),
                missed: BTreeSet::new(),
                preferred,
                last_called: None,
                ringing_since: None,
                treatment: Treatment::Entering,
                place: Place::Waiting,
            },
        );
        self.touched.insert(Key::Cursor);
        self.speech.set(id, Some(now));
        self.wait(id, now);
    }

    /// Puts a contact in line at the rank it has always had.
    pub(super) fn wait(&mut self, id: ContactId, now: Mono) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        contact.place = Place::Waiting;
        contact.ringing_since = None;
        self.await_longest_wait(id);
        self.await_widening(id, now);
        self.touched.insert(Key::Contact(id));
    }

    /// The caller's side is over.
    pub(super) fn left(
        &mut self,
        id: ContactId,
        why: Departure,
        now: Mono,
        out: &mut Outbox<Output>,
    ) {
        let Some(contact) = self.contacts.get(&id) else {
            return self.left_on_the_way(id, now, out);
        };
        match contact.place.clone() {
            Place::Waiting => {
                let outcome = self.outcome_of_leaving(contact, why, Rings::No, now);
                self.leave(id, outcome, now, out);
            }
            Place::Offered(agents) => {
                let rings = |agent: &AgentName| {
                    let task = self.ledger.get(agent).map(|agent| &agent.state.task);
                    matches!(task, Some(Task::Offered { ring: Ring::Seen | Ring::Unseen, .. }))
                };
                let rings = if agents.iter().any(rings) { Rings::Yes } else { Rings::No };
                let outcome = self.outcome_of_leaving(contact, why, rings, now);
                for agent in &agents {
                    self.step_agent(agent, Event::CallerLeft, now, out);
                }
                self.leave(id, outcome, now, out);
            }
            // Its outcome is `answered` already; the agent goes into wrap-up.
            Place::Talking(agent) => {
                self.forget(id);
                self.step_agent(&agent, Event::CallerLeft, now, out);
            }
        }
    }

    fn outcome_of_leaving(
        &self,
        contact: &Contact,
        why: Departure,
        rings: Rings,
        now: Mono,
    ) -> Outcome {
        let short = self
            .lines
            .get(&contact.queue)
            .is_some_and(|line| now.since(contact.entered) <= line.settings.short_abandon);
        match (why, rings) {
            (Departure::Pulled, _) => Outcome::Pulled,
            (Departure::Fault, _) => Outcome::SystemFailed,
            (Departure::LostInCrash, _) => Outcome::LostInCrash,
            (Departure::GaveUp, _) if short => Outcome::AbandonedShort,
            (Departure::GaveUp, Rings::Yes) => Outcome::AbandonedRinging,
            (Departure::GaveUp, Rings::No) => Outcome::Abandoned,
        }
    }

    /// Sets the time at which a contact has waited long enough. A phone that rings for it then may
    /// finish first, unless the queue cuts it short (QUEUEING.md 2.6, `finish_ring`): an offer
    /// takes the deadline away and its end sets it again.
    pub(super) fn await_longest_wait(&mut self, id: ContactId) {
        let Some(contact) = self.contacts.get(&id) else { return };
        let Some(line) = self.lines.get(&contact.queue) else { return };
        let until = may_be_too_long(contact, line).map(|wait_max| contact.entered + wait_max);
        self.deadlines.set(Deadline::WaitMax(id), until);
    }

    /// The longest wait has passed.
    pub(super) fn waited_too_long(&mut self, id: ContactId, out: &mut Outbox<Output>, now: Mono) {
        self.arms.count(|| arms::of_contact(&self.contacts, id, arms::WAITED_TOO_LONG));
        self.overflow(id, Outcome::OverflowTime, now, out);
    }

    /// Whether the longest wait of a contact has passed.
    pub(super) fn is_overdue(&self, contact: &Contact, now: Mono) -> bool {
        self.lines
            .get(&contact.queue)
            .and_then(|line| line.settings.wait_max)
            .is_some_and(|wait_max| contact.entered + wait_max <= now)
    }

    /// Contacts in line that should have left already.
    pub(super) fn overdue_contacts(&self, now: Mono) -> Vec<ContactId> {
        let overdue = |contact: &&Contact| {
            let line = self.lines.get(&contact.queue);
            let wait_max = line.and_then(|line| may_be_too_long(contact, line));
            wait_max.is_some_and(|wait_max| contact.entered + wait_max <= now)
        };
        self.contacts.values().filter(overdue).map(|contact| contact.id).collect()
    }

    /// Ends a contact's time in the queue and forgets it.
    pub(super) fn leave(
        &mut self,
        id: ContactId,
        outcome: Outcome,
        now: Mono,
        out: &mut Outbox<Output>,
    ) {
        self.leave_line(id, outcome, now, out);
        self.forget(id);
    }

    /// Ends a contact's time in the queue, with its outcome.
    pub(super) fn leave_line(
        &mut self,
        id: ContactId,
        outcome: Outcome,
        now: Mono,
        out: &mut Outbox<Output>,
    ) {
        let Some(contact) = self.contacts.get(&id) else { return };
        let queue = contact.queue.clone();
        if let Some(line) = self.lines.get_mut(&queue) {
            line.unanswered.remove(&contact.rank);
            line.wanting.remove(&contact.rank);
        }
        self.batches.remove(&contact.rank);
        let waited_ms = now.millis().saturating_sub(contact.entered.millis());
        self.deadlines.set(Deadline::WaitMax(id), None);
        self.deadlines.set(Deadline::Widen(id), None);
        self.speech.set(id, None);
        out.push(Output::Fact(Fact::ContactLeft {
            contact: id,
            queue: queue.clone(),
            outcome,
            waited_ms,
        }));
        self.close_if_removed(&queue);
    }

    /// Forgets a contact that is in no line.
    pub(super) fn forget(&mut self, id: ContactId) {
        self.contacts.remove(&id);
        self.touched.insert(Key::Contact(id));
    }

    /// Gives a contact in line other points. It may fall behind others; those who are already
    /// being called for it go on ringing.
    pub(super) fn reprioritise(&mut self, id: ContactId, priority: u32) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        let Some(line) = self.lines.get_mut(&contact.queue) else { return };
        if line.unanswered.remove(&contact.rank).is_none() {
            return; // answered: there is no order any more
        }
        let wanted = line.wanting.remove(&contact.rank).is_some();
        let batch = self.batches.remove(&contact.rank).is_some();
        let since = contact.entered - contact.credit;
        contact.rank = contact.rank.with_points(since, priority, line.settings.point);
        line.unanswered.insert(contact.rank, id);
        if wanted {
            line.wanting.insert(contact.rank, id);
        }
        if batch {
            self.batches.insert(contact.rank, id);
        }
        self.touched.insert(Key::Contact(id));
    }
}

/// The longest wait of a contact, where there is one that would end it as it is now.
fn may_be_too_long(contact: &Contact, line: &Line) -> Option<Duration> {
    let ends = match contact.place {
        Place::Waiting => true,
        Place::Offered(_) => !line.settings.overflow.finish_ring,
        Place::Talking(_) => false,
    };
    line.settings.wait_max.filter(|_| ends)
}

/// Whether an agent's phone rings for a contact.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rings {
    Yes,
    No,
}
