//! Where a contact goes that its queue does not serve: the exits of the queue one after the other,
//! until one takes it (QUEUEING.md 2.6).
//!
//! Another queue is asked first and takes the contact at the rank that it has, or does not take it:
//! what it refuses was never offered to it, and its own exits are not asked. After the last exit the
//! call ends. How often a contact is led on, and how soon back, is limited by its [`Trail`].

use holdfast_base::{AgentName, CallId, ContactId, Mono, Outbox, QueueName};
use holdfast_config::{Exit, Queue};

use super::clips::clip;
use super::engine::Engine;
use super::entry::Entrant;
use super::verdict::Bar;
use super::words::Output;
use crate::agent::Event;
use crate::contact::{Place, Rank, Trail};
use crate::record::event::{Fact, LedTo, NotLedOn, Outcome, Subject};

/// A contact on its way out of a queue.
pub(super) struct Led {
    pub contact: ContactId,
    pub call: CallId,
    pub from: Subject,
    /// The queue that does not serve it.
    pub queue: QueueName,
    /// Why not.
    pub outcome: Outcome,
    /// The rank that it keeps.
    pub rank: Rank,
    /// Since when its wait counts for that.
    pub since: Mono,
    pub trail: Trail,
    /// Where it may go.
    pub exits: Vec<Exit>,
}

impl Engine {
    /// A contact in line leaves it, and is led on or let go. Phones that ring for it are silenced.
    pub(super) fn overflow(
        &mut self,
        id: ContactId,
        outcome: Outcome,
        now: Mono,
        out: &mut Outbox<Output>,
    ) {
        self.call_nobody(id, now, out);
        let Some(contact) = self.contacts.get(&id).cloned() else { return };
        let line = self.lines.get(&contact.queue);
        let exits = line.map(|line| exits_of(&line.settings, outcome)).unwrap_or_default();
        self.leave(id, outcome, now, out);
        let (call, queue, mut trail) = (contact.call, contact.queue, contact.trail);
        trail.leave(&queue, now);
        let (from, rank, since) = (contact.from, contact.rank, contact.entered - contact.credit);
        let led = Led { contact: id, call, from, queue, outcome, rank, since, trail, exits };
        if !self.lead_on(led, now, out) {
            out.push(Output::EndContact { contact: id, call, outcome });
        }
    }

    /// Takes back every offer of a contact.
    fn call_nobody(&mut self, id: ContactId, now: Mono, out: &mut Outbox<Output>) {
        let place = self.contacts.get(&id).map(|contact| contact.place.clone());
        let called: Vec<AgentName> = match place {
            Some(Place::Offered(agents)) => agents.into_iter().collect(),
            Some(Place::Waiting | Place::Talking(_)) | None => Vec::new(),
        };
        for agent in called {
            self.step_agent(&agent, Event::Withdraw, now, out);
        }
    }

    /// Leads a contact on to the first exit that takes it. False when none does.
    pub(super) fn lead_on(&mut self, mut led: Led, now: Mono, out: &mut Outbox<Output>) -> bool {
        let (contact, call) = (led.contact, led.call);
        for exit in std::mem::take(&mut led.exits) {
            if led.trail.is_at_its_end() {
                return false;
            }
            let (queue, to) = (led.queue.clone(), LedTo::from(&exit));
            if let Err(why) = self.takes(&exit, &led, now) {
                out.push(Output::Fact(Fact::NotLedOn { contact, call, queue, to, why }));
                continue;
            }
            led.trail.hop();
            out.push(Output::Fact(Fact::LedOn { contact, call, queue, to }));
            match exit {
                Exit::Queue(next) => self.lead_to_queue(led, next, now, out),
                Exit::Announce { clip: name, lasts } => {
                    let (outcome, clip) = (led.outcome, clip(&name));
                    out.push(Output::Announce { contact, call, outcome, clip, lasts });
                }
            }
            return true;
        }
        false
    }

    /// Whether an exit takes this contact now.
    fn takes(&self, exit: &Exit, led: &Led, now: Mono) -> Result<(), NotLedOn> {
        match exit {
            Exit::Announce { .. } => Ok(()),
            Exit::Queue(queue) => {
                if led.trail.has_just_left(queue, now) {
                    return Err(NotLedOn::GoesRound);
                }
                let line = self.lines.get(queue).filter(|line| line.configured);
                let line = line.ok_or(NotLedOn::Gone)?;
                self.verdict_on(queue, line, &led.from, now).map_err(Bar::to_others)
            }
        }
    }

    fn lead_to_queue(&mut self, led: Led, queue: QueueName, now: Mono, out: &mut Outbox<Output>) {
        let Led { contact, call, from, rank, since, trail, .. } = led;
        out.push(Output::Fact(Fact::Enqueued { contact, call, queue: queue.clone() }));
        out.push(Output::Moved { contact, call, queue: queue.clone() });
        self.enter(Entrant { contact, call, queue, from, since, rank, trail }, now);
    }
}

/// Where a queue leads contacts whose time in it ends so.
pub(super) fn exits_of(settings: &Queue, outcome: Outcome) -> Vec<Exit> {
    let overflow = &settings.overflow;
    match outcome {
        Outcome::Closed => overflow.when_closed.clone(),
        Outcome::OverflowFull => overflow.when_full.clone(),
        Outcome::OverflowEmpty => overflow.when_empty.clone(),
        Outcome::OverflowTime => overflow.when_waited.clone(),
        Outcome::Answered
        | Outcome::AbandonedShort
        | Outcome::Abandoned
        | Outcome::AbandonedRinging
        | Outcome::Pulled
        | Outcome::SystemFailed
        | Outcome::LostInCrash => Vec::new(),
    }
}
