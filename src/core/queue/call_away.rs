//! A phone that rings together with others is called away for a caller of higher rank (QUEUEING.md
//! 2.5, broadcast): a batch of ringing phones never keeps those waiting who come first. The caller
//! of the batch keeps the other phones, one at least.

use holdfast_base::{AgentName, ContactId, Mono, Outbox};
use std::ops::Bound::{Excluded, Unbounded};

use super::engine::Engine;
use super::line::AgentRank;
use super::widen::open_circle;
use super::words::Output;
use crate::agent::{Event, Task};
use crate::contact::{Contact, Place, Rank};

impl Engine {
    /// Gives those who wait and found nobody a phone out of a batch of lower rank.
    pub(super) fn call_away(&mut self, now: Mono, out: &mut Outbox<Output>) {
        let Some(lowest) = self.batches.last_key_value().map(|(rank, _)| *rank) else { return };
        let mut waiting: Vec<(Rank, ContactId)> = self
            .lines
            .values()
            .flat_map(|line| line.wanting.range(..lowest))
            .map(|(rank, id)| (*rank, *id))
            .collect();
        waiting.sort_unstable();
        for (rank, id) in waiting {
            let Some(agent) = self.out_of_a_batch(rank, id, now) else { continue };
            self.step_agent(&agent, Event::Withdraw, now, out);
            self.match_one(id, now, out);
        }
    }

    /// Who can be called away for this contact: out of the batch of lowest rank that has somebody
    /// for it, the first in the order of the queue.
    fn out_of_a_batch(&self, rank: Rank, id: ContactId, now: Mono) -> Option<AgentName> {
        let contact = self.contacts.get(&id)?;
        let line = self.lines.get(&contact.queue)?;
        if contact.called() > 0 || self.barrier(contact, line, now).is_some() {
            return None;
        }
        let below = self.batches.range((Excluded(rank), Unbounded)).rev();
        below.filter_map(|(_, batch)| self.contacts.get(batch)).find_map(|batch| {
            let Place::Offered(agents) = &batch.place else { return None };
            let ranks =
                agents.iter().filter_map(|agent| self.rank_if_called_away(agent, contact, now));
            ranks.min().map(|rank| rank.name)
        })
    }

    fn rank_if_called_away(
        &self,
        name: &AgentName,
        contact: &Contact,
        now: Mono,
    ) -> Option<AgentRank> {
        let line = self.lines.get(&contact.queue)?;
        let agent = self.ledger.get(name)?;
        // An order that may not even have left is not taken back in the same breath.
        let Task::Offered { attempt, .. } = &agent.state.task else { return None };
        let seat = agent.member_of.get(&contact.queue)?;
        let rank = line.rank_of(name, agent, seat)?;
        let may = attempt.can.can_withdraw
            && agent.stands_by()
            && agent.is_logged_in(&contact.queue)
            && rank.standing.circle <= open_circle(contact, line, now)
            && !contact.declined.contains(name)
            && !contact.missed.contains(name);
        may.then_some(rank)
    }
}
