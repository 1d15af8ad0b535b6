//! Where a contact goes that its queue does not serve: the exits of the queue one after the
//! other, until one takes it (QUEUEING.md 2.6).
//!
//! Another queue is asked first and takes the contact at the rank that it has, or does not take
//! it: what it refuses was never offered to it, and its own exits are not asked. After the last
//! exit the call ends. Somebody who is called for the contact is called by its call, and the
//! contact waits here for how that went. How often a contact is led on, and how soon back, is
//! limited by its [`Trail`].

use holdfast_base::{AgentName, CallId, ContactId, EndpointName, Mono, Outbox, QueueName};
use holdfast_config::{Endpoint, Exit, Queue, Whom};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::time::Duration;

use super::clips::clip;
use super::engine::Engine;
use super::entry::Entrant;
use super::record::Key;
use super::verdict::Bar;
use super::words::Output;
use crate::agent::{Agent, Event, available};
use crate::contact::{Place, Rank, Trail};
use crate::record::event::{Fact, LedTo, NotLedOn, Outcome, Subject};

/// A contact on its way out of a queue. While somebody is called for it, the exit that does so
/// stays the first of those that are left.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Led {
    /// Its id.
    pub contact: ContactId,
    /// The call it belongs to.
    pub call: CallId,
    /// Who calls.
    pub from: Subject,
    /// The queue that does not serve it.
    pub queue: QueueName,
    /// Why not.
    pub outcome: Outcome,
    /// The rank that it keeps.
    pub rank: Rank,
    /// Since when its wait counts for that.
    pub since: Mono,
    /// Its way through the queues.
    pub trail: Trail,
    /// Where it may go.
    pub exits: VecDeque<Exit>,
}

/// How it went with somebody who was called for a contact that is led on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnwardNews {
    /// That one talks with the caller: nothing is left to the queues.
    Answered,
    /// In vain.
    Failed(NotLedOn),
    /// The process died while it rang. Nobody has said no.
    Lost,
}

/// Where somebody is who is called for a contact that is led on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallOn {
    /// An agent, who is reserved for it, here.
    Agent(AgentName, Endpoint),
    /// The phones of an account.
    Account(EndpointName),
    /// A number.
    Number(String),
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
        while let Some(exit) = led.exits.front().cloned() {
            if led.trail.is_at_its_end() {
                return false;
            }
            let (queue, to) = (led.queue.clone(), LedTo::from(&exit));
            if let Err(why) = self.takes(&exit, &led, now) {
                out.push(Output::Fact(Fact::NotLedOn { contact, call, queue, to, why }));
                led.exits.pop_front();
                continue;
            }
            led.trail.hop();
            out.push(Output::Fact(Fact::LedOn { contact, call, queue, to }));
            match exit {
                Exit::Queue(next) => self.lead_to_queue(led, next, now, out),
                Exit::Call { whom, ring } => self.call_for(led, &whom, ring, now, out),
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
            Exit::Announce { .. } | Exit::Call { whom: Whom::Account(_) | Whom::Number(_), .. } => {
                Ok(())
            }
            Exit::Call { whom: Whom::Agent(agent), .. } => {
                let agent = self.ledger.get(agent).ok_or(NotLedOn::Gone)?;
                available(agent, now).map_err(|_reason| NotLedOn::Away)
            }
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

    /// Has somebody called. An agent counts as in a call of their own from now on, so that no queue
    /// calls the same phone.
    fn call_for(
        &mut self,
        led: Led,
        whom: &Whom,
        ring: Duration,
        now: Mono,
        out: &mut Outbox<Output>,
    ) {
        let (contact, call) = (led.contact, led.call);
        let whom = match whom {
            Whom::Agent(name) => {
                let endpoint = self.ledger.get(name).and_then(Agent::first_endpoint).cloned();
                self.own_call(name, true, now, out);
                endpoint.map(|endpoint| CallOn::Agent(name.clone(), endpoint))
            }
            Whom::Account(account) => Some(CallOn::Account(account.clone())),
            Whom::Number(number) => Some(CallOn::Number(number.clone())),
        };
        self.touched.extend([Key::Cursor, Key::Led(contact)]);
        self.led.insert(contact, led);
        if let Some(whom) = whom {
            out.push(Output::CallOn { contact, call, whom, ring });
        }
    }

    /// How it went with somebody who was called. One that fails leads to the next exit; one that
    /// died with the process is called once more.
    pub(super) fn onward(
        &mut self,
        (contact, call): (ContactId, CallId),
        news: OnwardNews,
        now: Mono,
        out: &mut Outbox<Output>,
    ) {
        let Some(mut led) = self.led.remove(&contact) else {
            match news {
                OnwardNews::Failed(_) | OnwardNews::Lost
                    if self.contacts.contains_key(&contact) => {}
                OnwardNews::Answered => {}
                OnwardNews::Failed(_) | OnwardNews::Lost => {
                    let outcome = Outcome::SystemFailed;
                    out.push(Output::EndContact { contact, call, outcome });
                }
            }
            return;
        };
        self.touched.insert(Key::Led(contact));
        let why = match news {
            OnwardNews::Answered => return,
            OnwardNews::Failed(why) => why,
            OnwardNews::Lost => NotLedOn::LostInCrash,
        };
        self.no_longer_called_for(&led, why, now, out);
        match news {
            OnwardNews::Lost | OnwardNews::Answered => {}
            OnwardNews::Failed(_) => {
                led.exits.pop_front();
            }
        }
        let outcome = led.outcome;
        if !self.lead_on(led, now, out) {
            out.push(Output::EndContact { contact, call, outcome });
        }
    }

    /// The caller has left while somebody was called.
    pub(super) fn left_on_the_way(&mut self, id: ContactId, now: Mono, out: &mut Outbox<Output>) {
        let Some(led) = self.led.remove(&id) else { return };
        self.touched.insert(Key::Led(id));
        self.no_longer_called_for(&led, NotLedOn::CallerLeft, now, out);
    }

    fn no_longer_called_for(
        &mut self,
        led: &Led,
        why: NotLedOn,
        now: Mono,
        out: &mut Outbox<Output>,
    ) {
        let Some(exit) = led.exits.front() else { return };
        let (contact, call, queue) = (led.contact, led.call, led.queue.clone());
        let to = LedTo::from(exit);
        out.push(Output::Fact(Fact::NotLedOn { contact, call, queue, to, why }));
        if let Exit::Call { whom: Whom::Agent(agent), .. } = exit {
            self.own_call(agent, false, now, out);
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
pub(super) fn exits_of(settings: &Queue, outcome: Outcome) -> VecDeque<Exit> {
    let overflow = &settings.overflow;
    match outcome {
        Outcome::Closed => overflow.when_closed.iter().cloned().collect(),
        Outcome::OverflowFull => overflow.when_full.iter().cloned().collect(),
        Outcome::OverflowEmpty => overflow.when_empty.iter().cloned().collect(),
        Outcome::OverflowTime => overflow.when_waited.iter().cloned().collect(),
        Outcome::Answered
        | Outcome::AbandonedShort
        | Outcome::Abandoned
        | Outcome::AbandonedRinging
        | Outcome::Pulled
        | Outcome::SystemFailed
        | Outcome::LostInCrash => VecDeque::new(),
    }
}
