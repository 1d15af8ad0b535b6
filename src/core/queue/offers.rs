//! What the beginning and the end of an offer mean for its contact.

use holdfast_base::{AgentName, ContactId, Mono, OfferId, Outbox};
use holdfast_config::Endpoint;
use std::time::Duration;

use super::engine::Engine;
use super::record::Key;
use super::words::{Alarm, Output};
use crate::agent::{Attempt, Event, OfferOver, Terms};
use crate::contact::Place;
use crate::record::event::{Fact, OfferEnd, Outcome};

impl Engine {
    /// Reserves an agent for a contact and orders the delivery. The reservation stands in the log
    /// before the delivery leaves (QUEUEING.md 2.13, gate 4).
    pub(super) fn reserve(
        &mut self,
        id: ContactId,
        agent: &AgentName,
        endpoint: Endpoint,
        now: Mono,
        out: &mut Outbox<Output>,
    ) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        let Some(line) = self.lines.get(&contact.queue) else { return };
        self.cursor.last_offer += 1;
        let offer = OfferId(self.cursor.last_offer);
        match &mut contact.place {
            Place::Offered(agents) => {
                agents.insert(agent.clone());
            }
            Place::Waiting | Place::Talking(_) => {
                contact.place = Place::Offered([agent.clone()].into());
                contact.ringing_since = Some(now);
            }
        }
        let attempt = Attempt {
            offer,
            contact: id,
            endpoint: endpoint.clone(),
            can: self.deliveries.capabilities(&endpoint),
            terms: Terms::of(&line.settings),
        };
        let call = contact.call;
        self.await_longest_wait(id);
        self.touched.extend([Key::Cursor, Key::Contact(id)]);
        self.await_widening(id, now);
        self.step_agent(agent, Event::Reserve(attempt), now, out);
        let agent = agent.clone();
        out.push(Output::Fact(Fact::Reserved {
            offer,
            contact: id,
            agent: agent.clone(),
            endpoint: endpoint.clone(),
        }));
        out.push(Output::Deliver { offer, contact: id, call, agent, endpoint });
    }

    /// The agent's device alerts.
    #[expect(clippy::unused_self, reason = "one method for each effect of a step")]
    pub(super) fn rang(&self, offer: OfferId, out: &mut Outbox<Output>) {
        out.push(Output::Fact(Fact::OfferRinging { offer }));
    }

    /// The agent answered first.
    pub(super) fn won(
        &mut self,
        name: &AgentName,
        attempt: &Attempt,
        now: Mono,
        out: &mut Outbox<Output>,
    ) {
        let (offer, id) = (attempt.offer, attempt.contact);
        let today = self.today.day();
        if let Some(agent) = self.ledger.get_mut(name) {
            agent.state.misses = 0;
            agent.state.work.answer(today);
        }
        let talks = Place::Talking(name.clone());
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        let before = std::mem::replace(&mut contact.place, talks);
        self.touched.insert(Key::Contact(id));
        out.push(Output::Fact(Fact::OfferWon { offer, contact: id, agent: name.clone() }));
        self.remember(id, name, now);
        self.leave_line(id, Outcome::Answered, now, out);
        out.push(Output::Connect { contact: id, offer });
        // Nobody is told that the race is lost before the winner is on its way to the disk.
        let Place::Offered(agents) = before else { return };
        for loser in agents.iter().filter(|agent| *agent != name) {
            self.step_agent(loser, Event::LostRace, now, out);
        }
    }

    /// Remembers who talks with this caller, where the queue asks for that.
    fn remember(&mut self, id: ContactId, agent: &AgentName, now: Mono) {
        let Some(contact) = self.contacts.get(&id) else { return };
        let line = self.lines.get(&contact.queue);
        if line.is_some_and(|line| line.settings.distribution.prefer_last.is_some()) {
            let changed = self.familiar.note(&contact.from, agent.clone(), now);
            self.touched.extend(changed.into_iter().map(Key::Caller));
            self.forget_callers(now);
        }
    }

    /// No caller is remembered for longer than any queue asks for.
    pub(super) fn forget_callers(&mut self, now: Mono) {
        let asked = self.lines.values().filter_map(|line| line.settings.distribution.prefer_last);
        let before = asked.max().map_or(now + Duration::from_micros(1), |longest| now - longest);
        let forgotten = self.familiar.forget_before(before);
        self.touched.extend(forgotten.into_iter().map(Key::Caller));
    }

    /// An offer ended without an answer: the contact goes back to its rank when nobody else is
    /// being called for it, or on to the next endpoint of the same agent.
    pub(super) fn offer_over(
        &mut self,
        name: &AgentName,
        over: OfferOver,
        now: Mono,
        out: &mut Outbox<Output>,
    ) {
        let OfferOver { attempt, why, withdraw, other_endpoint } = over;
        let (offer, id) = (attempt.offer, attempt.contact);
        if withdraw {
            out.push(Output::Withdraw { offer, why });
        }
        let agent = name.clone();
        out.push(Output::Fact(Fact::OfferEnded { offer, contact: id, agent, why }));
        self.no_longer_called(id, name, now);
        match why {
            OfferEnd::NotTaken => {
                if let Some(contact) = self.contacts.get_mut(&id) {
                    contact.missed.insert(name.clone());
                }
            }
            OfferEnd::Rona => {
                if let Some(contact) = self.contacts.get_mut(&id) {
                    contact.missed.insert(name.clone());
                }
                self.missed(name, id, out);
            }
            OfferEnd::Declined => {
                if let Some(contact) = self.contacts.get_mut(&id) {
                    contact.declined.insert(name.clone());
                }
            }
            OfferEnd::DeviceFailed => {
                let (agent, endpoint) = (name.clone(), attempt.endpoint.clone());
                out.push(Output::Alarm(Alarm::DeviceFailed { agent, endpoint }));
            }
            OfferEnd::Busy
            | OfferEnd::Unreachable
            | OfferEnd::CallerLeft
            | OfferEnd::LostRace
            | OfferEnd::Withdrawn
            | OfferEnd::LostInCrash => {}
        }
        if other_endpoint {
            self.try_next_endpoint(name, &attempt, now, out);
        }
    }

    /// One agent less is being called for a contact.
    fn no_longer_called(&mut self, id: ContactId, agent: &AgentName, now: Mono) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        let Place::Offered(agents) = &mut contact.place else { return };
        agents.remove(agent);
        if agents.is_empty() {
            self.wait(id, now);
        } else {
            self.touched.insert(Key::Contact(id));
            self.await_widening(id, now);
        }
    }

    /// Goes on to the next endpoint of the same agent, in the same reservation: before the next
    /// agent, and before any other contact gets this one. Not beyond the longest wait.
    fn try_next_endpoint(
        &mut self,
        name: &AgentName,
        attempt: &Attempt,
        now: Mono,
        out: &mut Outbox<Output>,
    ) {
        let Some(agent) = self.ledger.get(name) else { return };
        let Some(endpoint) = agent.endpoint_after(&attempt.endpoint).cloned() else { return };
        let Some(contact) = self.contacts.get(&attempt.contact) else { return };
        if self.is_overdue(contact, now) {
            return;
        }
        self.reserve(attempt.contact, name, endpoint, now, out);
    }

    /// The device was called and does not ring.
    #[expect(clippy::unused_self, reason = "one method for each effect of a step")]
    pub(super) fn no_ring(&self, name: &AgentName, attempt: Attempt, out: &mut Outbox<Output>) {
        let (agent, endpoint) = (name.clone(), attempt.endpoint);
        out.push(Output::Alarm(Alarm::NoRing { agent, endpoint }));
    }

    /// The agent's part in a contact is over, and with it the contact: a caller who is still there
    /// is hung up.
    pub(super) fn agent_done(
        &mut self,
        name: &AgentName,
        attempt: &Attempt,
        talked: Duration,
        now: Mono,
        out: &mut Outbox<Output>,
    ) {
        let id = attempt.contact;
        let talked_ms = u64::try_from(talked.as_millis()).unwrap_or(u64::MAX);
        out.push(Output::Fact(Fact::AgentDone { agent: name.clone(), contact: id, talked_ms }));
        if let Some(agent) = self.ledger.get_mut(name) {
            agent.state.work.talked(now, talked);
        }
        if attempt.terms.wrap_up.is_zero() {
            self.idle_from(name, now);
        }
        let Some(contact) = self.contacts.get(&id) else { return };
        let (call, outcome) = (contact.call, Outcome::Answered);
        self.forget(id);
        out.push(Output::EndContact { contact: id, call, outcome });
    }

    /// Wrap-up ended.
    pub(super) fn wrap_up_over(
        &mut self,
        name: &AgentName,
        took: Duration,
        now: Mono,
        out: &mut Outbox<Output>,
    ) {
        let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        out.push(Output::Fact(Fact::WrapUpEnded { agent: name.clone(), took_ms }));
        if let Some(agent) = self.ledger.get_mut(name) {
            agent.state.work.wrapped_up(now, took);
        }
        self.idle_from(name, now);
    }

    /// "Longest idle" counts from now on.
    pub(super) fn idle_from(&mut self, name: &AgentName, now: Mono) {
        if let Some(agent) = self.ledger.get_mut(name) {
            agent.state.idle_since = now;
        }
    }
}
