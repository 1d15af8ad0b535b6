//! Who is called for whom (QUEUEING.md 2.5). One pass over all queues in the rank order of
//! everything that waits; each contact takes the best agents that are left. So a contact never gets
//! an agent that one of higher rank could use, whatever queue that one is in.
//!
//! The pass looks only at queues that have a ready agent, and in those from the head of the line.

use holdfast_base::{AgentName, ContactId, Mono, Outbox, QueueName};
use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Unbounded};

use super::decision::{CANDIDATES_MAX, Candidate, Decision};
use super::engine::Engine;
use super::line::Line;
use super::order::Choice;
use super::widen::{open_circle, opens_in};
use super::words::Output;
use crate::agent::{Agent, Reason, selectable};
use crate::contact::{Contact, Place, Rank};

impl Engine {
    /// Matches until nobody who waits can be given an agent.
    pub(super) fn match_waiting(&mut self, now: Mono, out: &mut Outbox<Output>) {
        let mut heads: BTreeMap<Rank, (QueueName, ContactId)> = BTreeMap::new();
        for (queue, line) in self.lines.iter().filter(|(_, line)| !line.ready.is_empty()) {
            if let Some((rank, contact)) = line.wanting.first_key_value() {
                heads.insert(*rank, (queue.clone(), *contact));
            }
        }
        while let Some((rank, (queue, contact))) = heads.pop_first() {
            while self.match_one(contact, now, out) {}
            let Some(line) = self.lines.get(&queue) else { continue };
            if line.ready.is_empty() {
                continue;
            }
            if let Some((rank, next)) = line.wanting.range((Excluded(rank), Unbounded)).next() {
                heads.insert(*rank, (queue, *next));
            }
        }
        self.call_away(now, out);
    }

    /// Gives one contact the best agent that is left, if there is one.
    pub(super) fn match_one(&mut self, id: ContactId, now: Mono, out: &mut Outbox<Output>) -> bool {
        let Some(contact) = self.contacts.get(&id) else { return false };
        let Some(line) = self.lines.get(&contact.queue) else { return false };
        let choice = self.choice(contact, line, now);
        let Some(agent) = choice.order.first().map(|rank| rank.name.clone()) else { return false };
        let Some(endpoint) = self.ledger.get(&agent).and_then(Agent::first_endpoint).cloned()
        else {
            return false;
        };
        let again = choice.again;
        let decision = self.decision((contact, line), &choice, Some(agent.clone()), now);
        self.decisions.push(decision);
        if again && let Some(contact) = self.contacts.get_mut(&id) {
            contact.missed.clear(); // the list is exhausted: it starts again
        }
        self.reserve(id, &agent, endpoint, now, out);
        self.note_turn(id, agent);
        true
    }

    /// Writes down why a contact that has just entered found nobody.
    pub(super) fn note_nobody_free(&mut self, id: ContactId, now: Mono) {
        let Some(contact) = self.contacts.get(&id) else { return };
        let Some(line) = self.lines.get(&contact.queue) else { return };
        let choice = self.choice(contact, line, now);
        let decision = self.decision((contact, line), &choice, None, now);
        self.decisions.push(decision);
    }

    /// Why each member of its queue would not be called for a contact now; of the members, in
    /// their order, no more than [`CANDIDATES_MAX`]. None for a contact that does not wait.
    #[must_use]
    pub fn why_not(&self, id: ContactId, now: Mono) -> Option<Decision> {
        let contact = self.contacts.get(&id)?;
        let waits = matches!(contact.place, Place::Waiting | Place::Offered(_));
        let line = self.lines.get(&contact.queue).filter(|_| waits)?;
        let choice = self.choice(contact, line, now);
        Some(self.decision((contact, line), &choice, None, now))
    }

    fn verdict(
        &self,
        (contact, line): (&Contact, &Line),
        name: &AgentName,
        now: Mono,
        again: bool,
    ) -> Result<(), Reason> {
        let agent = self.ledger.get(name).ok_or(Reason::Removed)?;
        selectable(agent, &contact.queue, now)?;
        if contact.declined.contains(name) {
            return Err(Reason::DeclinedThis);
        }
        let standing = agent.member_of.get(&contact.queue).map(|seat| &seat.standing);
        if let Some(Ok(standing)) = standing
            && standing.circle > open_circle(contact, line, now)
        {
            return Err(Reason::CircleClosed(opens_in(contact, line, standing.circle, now)));
        }
        if contact.missed.contains(name) && !again {
            return Err(Reason::MissedThis);
        }
        self.barrier(contact, line, now).filter(|reason| !is_for(reason, name)).map_or(Ok(()), Err)
    }

    /// What is written down of a decision.
    fn decision(
        &self,
        (contact, line): (&Contact, &Line),
        choice: &Choice<'_>,
        chosen: Option<AgentName>,
        now: Mono,
    ) -> Decision {
        let members = &line.settings.members;
        let could = choice.order.iter().map(|rank| &rank.name);
        let others: Vec<&AgentName> = members
            .iter()
            .filter(|member| !choice.order.iter().any(|rank| rank.name == **member))
            .take(CANDIDATES_MAX.saturating_sub(choice.order.len()))
            .collect();
        let candidates: Vec<Candidate> = could
            .chain(others)
            .take(CANDIDATES_MAX)
            .map(|agent| Candidate {
                agent: agent.clone(),
                verdict: self.verdict((contact, line), agent, now, choice.again),
            })
            .collect();
        Decision {
            at: now,
            contact: contact.id,
            queue: contact.queue.clone(),
            chosen,
            strategy: line.settings.distribution.strategy,
            circle: open_circle(contact, line, now),
            draw: choice.draw,
            unlisted: members.len().saturating_sub(candidates.len()),
            candidates,
        }
    }
}

/// Whether this is said of others because of that agent.
fn is_for(reason: &Reason, name: &AgentName) -> bool {
    matches!(reason, Reason::KeptFor(agent) if agent == name)
}
