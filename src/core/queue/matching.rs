//! Who is called for whom (QUEUEING.md 2.5). One pass over all queues in the rank order of
//! everything that waits; each contact takes the best agent that is left. So a contact never gets
//! an agent that one of higher rank could use, whatever queue that one is in.
//!
//! The pass looks only at queues that have a ready agent, and in those from the head of the line.

use holdfast_base::{AgentName, ContactId, Mono, Outbox, QueueName};
use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Unbounded};

use super::decision::{CANDIDATES_MAX, Candidate, Decision};
use super::engine::Engine;
use super::line::Line;
use super::words::Output;
use crate::agent::{Agent, Reason, selectable};
use crate::contact::{Contact, Rank};

impl Engine {
    /// Matches until nobody who waits can be given an agent.
    pub(super) fn match_waiting(&mut self, now: Mono, out: &mut Outbox<Output>) {
        let mut heads: BTreeMap<Rank, (QueueName, ContactId)> = BTreeMap::new();
        for (queue, line) in self.lines.iter().filter(|(_, line)| !line.ready.is_empty()) {
            if let Some((rank, contact)) = line.waiting.first_key_value() {
                heads.insert(*rank, (queue.clone(), *contact));
            }
        }
        while let Some((rank, (queue, contact))) = heads.pop_first() {
            self.match_one(contact, now, out);
            let Some(line) = self.lines.get(&queue) else { continue };
            if line.ready.is_empty() {
                continue;
            }
            if let Some((rank, next)) = line.waiting.range((Excluded(rank), Unbounded)).next() {
                heads.insert(*rank, (queue, *next));
            }
        }
    }

    /// Gives one contact the best agent that is left, if there is one.
    fn match_one(&mut self, id: ContactId, now: Mono, out: &mut Outbox<Output>) {
        let Some(contact) = self.contacts.get(&id) else { return };
        let Some(line) = self.lines.get(&contact.queue) else { return };
        let Some((agent, everyone_missed)) = choose(contact, line) else { return };
        let Some(endpoint) = self.ledger.get(&agent).and_then(Agent::first_endpoint).cloned()
        else {
            return;
        };
        let decision = self.decision(contact, line, Some(agent.clone()), now);
        self.decisions.push(decision);
        if everyone_missed && let Some(contact) = self.contacts.get_mut(&id) {
            contact.missed.clear(); // the list is exhausted: it starts again
        }
        self.reserve(id, &agent, endpoint, now, out);
    }

    /// Writes down why a contact that has just entered found nobody.
    pub(super) fn note_nobody_free(&mut self, id: ContactId, now: Mono) {
        let Some(contact) = self.contacts.get(&id) else { return };
        let Some(line) = self.lines.get(&contact.queue) else { return };
        let decision = self.decision(contact, line, None, now);
        self.decisions.push(decision);
    }

    /// Why `agent` would not be offered this contact now.
    ///
    /// # Errors
    /// The first reason against it.
    pub fn why_not(&self, id: ContactId, agent: &AgentName, now: Mono) -> Result<(), Reason> {
        let Some(contact) = self.contacts.get(&id) else { return Err(Reason::NotMember) };
        self.verdict(contact, agent, now)
    }

    fn verdict(&self, contact: &Contact, name: &AgentName, now: Mono) -> Result<(), Reason> {
        let agent = self.ledger.get(name).ok_or(Reason::Removed)?;
        selectable(agent, &contact.queue, now)?;
        if contact.declined.contains(name) {
            return Err(Reason::DeclinedThis);
        }
        if contact.missed.contains(name) {
            return Err(Reason::MissedThis);
        }
        Ok(())
    }

    /// What is written down of a decision.
    fn decision(
        &self,
        contact: &Contact,
        line: &Line,
        chosen: Option<AgentName>,
        now: Mono,
    ) -> Decision {
        let members = &line.settings.members;
        let others = members.iter().filter(|member| !line.ready.contains(member));
        let candidates: Vec<Candidate> = line
            .ready
            .iter()
            .chain(others)
            .take(CANDIDATES_MAX)
            .map(|agent| Candidate {
                agent: agent.clone(),
                verdict: self.verdict(contact, agent, now),
            })
            .collect();
        Decision {
            at: now,
            contact: contact.id,
            queue: contact.queue.clone(),
            chosen,
            unlisted: members.len().saturating_sub(candidates.len()),
            candidates,
        }
    }
}

/// The best agent for a contact, and whether the candidate list had to start again: those who let
/// it ring out are passed over until nobody else is left (QUEUEING.md 2.3).
fn choose(contact: &Contact, line: &Line) -> Option<(AgentName, bool)> {
    let willing = || line.ready.iter().filter(|agent| !contact.declined.contains(*agent));
    if let Some(agent) = willing().find(|agent| !contact.missed.contains(*agent)) {
        return Some((agent.clone(), false));
    }
    willing().next().map(|agent| (agent.clone(), true))
}
