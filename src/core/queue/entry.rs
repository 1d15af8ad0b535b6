//! Who is let into a line, and every way out of it. A contact that entered leaves with exactly one
//! outcome (QUEUEING.md 2.12), and the place of one that comes back is the one it had.

use holdfast_base::limits::CONTACTS_MAX;
use holdfast_base::{AgentName, CallId, ContactId, Mono, Outbox, QueueName};
use std::collections::BTreeSet;

use super::arms;
use super::engine::{Deadline, Engine};
use super::record::Key;
use super::words::{Departure, Output};
use crate::agent::{Event, Ring, Task};
use crate::contact::{Contact, Place, Rank, Treatment};
use crate::record::event::{Fact, Outcome, Subject};

/// A contact before it is let in.
pub(super) struct Entrant {
    pub contact: ContactId,
    pub call: CallId,
    pub queue: QueueName,
    pub from: Subject,
    /// Since when it counts for its rank.
    pub since: Mono,
}

impl Engine {
    /// Lets a contact in, or refuses it. A full queue counts as a queue that was entered and left
    /// at once, so that what was offered adds up.
    pub(super) fn arrived(&mut self, entrant: Entrant, now: Mono, out: &mut Outbox<Output>) {
        let Entrant { contact, call, queue, from, since } = entrant;
        if self.contacts.contains_key(&contact) {
            return; // told twice
        }
        let Some(line) = self.lines.get_mut(&queue).filter(|line| line.configured) else {
            out.push(Output::Refuse { contact, call, outcome: Outcome::SystemFailed });
            return;
        };
        let length_max = usize::try_from(line.settings.length_max).unwrap_or(usize::MAX);
        out.push(Output::Fact(Fact::Enqueued { contact, call, queue: queue.clone() }));
        if line.unanswered.len() >= length_max || self.contacts.len() >= CONTACTS_MAX {
            let outcome = Outcome::OverflowFull;
            out.push(Output::Fact(Fact::ContactLeft { contact, queue, outcome, waited_ms: 0 }));
            out.push(Output::Refuse { contact, call, outcome });
            return;
        }
        self.cursor.last_seq += 1;
        let seq = self.cursor.last_seq;
        let rank = Rank::new(since, line.settings.priority, line.settings.point, seq);
        let prefer = line.settings.distribution.prefer_last;
        let preferred = prefer.and_then(|within| self.familiar.within(&from, within, now).cloned());
        line.unanswered.insert(rank, contact);
        self.contacts.insert(
            contact,
            Contact {
                id: contact,
                call,
                queue,
                from,
                entered: now,
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
        self.speech.set(contact, Some(now));
        self.wait(contact, now);
    }

    /// Puts a contact in line at the rank it has always had.
    pub(super) fn wait(&mut self, id: ContactId, now: Mono) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        contact.place = Place::Waiting;
        contact.ringing_since = None;
        let Some(line) = self.lines.get(&contact.queue) else { return };
        let until = line.settings.wait_max.map(|wait_max| contact.entered + wait_max);
        self.deadlines.set(Deadline::WaitMax(id), until);
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
        let Some(contact) = self.contacts.get(&id) else { return }; // already gone
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

    /// The longest wait has passed. A phone that rings for this contact may finish first
    /// (QUEUEING.md 2.6, `finish_ring`): an offer takes the deadline away and its end sets it
    /// again.
    pub(super) fn waited_too_long(&mut self, id: ContactId, out: &mut Outbox<Output>, now: Mono) {
        self.arms.count(|| arms::of_contact(&self.contacts, id, arms::WAITED_TOO_LONG));
        let Some(contact) = self.contacts.get(&id) else { return };
        let (call, outcome) = (contact.call, Outcome::OverflowTime);
        self.leave(id, outcome, now, out);
        out.push(Output::EndContact { contact: id, call, outcome });
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
        let overdue =
            |contact: &&Contact| contact.place == Place::Waiting && self.is_overdue(contact, now);
        self.contacts.values().filter(overdue).map(|contact| contact.id).collect()
    }

    /// Ends a contact's time in the queue and forgets it.
    fn leave(&mut self, id: ContactId, outcome: Outcome, now: Mono, out: &mut Outbox<Output>) {
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
        contact.rank = contact.rank.with_points(contact.entered, priority, line.settings.point);
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

/// Whether an agent's phone rings for a contact.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rings {
    Yes,
    No,
}
