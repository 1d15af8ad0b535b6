//! Duty, own calls, and what too many missed calls lead to.

use holdfast_base::{AgentName, ContactId, Mono, Outbox, QueueName};

use super::engine::Engine;
use super::words::{Alarm, Output};
use crate::agent::{Event, Task};
use crate::record::event::{Duty, DutyChangedBy, Fact};

/// The reason shown for an agent that the queue took off duty.
pub const RONA_REASON: &str = "rona";

impl Engine {
    /// Sets an agent's duty. Duty and task are layers of their own: an agent who goes off duty in
    /// wrap-up finishes it, one who is being called is no longer called.
    pub(super) fn set_duty(
        &mut self,
        name: &AgentName,
        duty: Duty,
        by: DutyChangedBy,
        now: Mono,
        out: &mut Outbox<Output>,
    ) {
        let Some(agent) = self.ledger.get_mut(name) else { return };
        if let (Task::Rona { .. }, Duty::OnDuty) = (&agent.state.task, &duty) {
            // The agent acts: that ends the block (QUEUEING.md 2.3).
            self.step_agent(name, Event::Release, now, out);
        }
        let Some(agent) = self.ledger.get_mut(name) else { return };
        if agent.state.duty == duty {
            return;
        }
        let logs_in = match (&agent.state.duty, &duty) {
            // No reason given: logged out. With one it was a break, and a break costs no place.
            (Duty::OffDuty(reason), Duty::OnDuty) => reason.is_empty(),
            (Duty::OffDuty(_) | Duty::OnDuty, Duty::OffDuty(_)) | (Duty::OnDuty, Duty::OnDuty) => {
                false
            }
        };
        if logs_in {
            agent.state.idle_since = now;
        }
        if duty == Duty::OnDuty {
            agent.state.on_duty_since = now;
        }
        agent.state.duty = duty.clone();
        out.push(Output::Fact(Fact::DutyChanged { agent: name.clone(), duty: duty.clone(), by }));
        match duty {
            Duty::OffDuty(_) => self.step_agent(name, Event::Withdraw, now, out),
            Duty::OnDuty => self.refresh(name, now),
        }
    }

    /// Switches the calls of one queue off or on for an agent. A call of that queue which rings is
    /// taken back.
    pub(super) fn set_active(
        &mut self,
        name: &AgentName,
        queue: QueueName,
        active: bool,
        now: Mono,
        out: &mut Outbox<Output>,
    ) {
        let Some(agent) = self.ledger.get_mut(name) else { return };
        if active {
            agent.state.inactive_in.remove(&queue);
            return self.refresh(name, now);
        }
        if !agent.member_of.contains_key(&queue) {
            return; // the list stays as short as that of the agent's queues
        }
        let attempt = agent.state.task.attempt().map(|attempt| attempt.contact);
        let rings = attempt.and_then(|contact| self.contacts.get(&contact));
        let rings = rings.is_some_and(|contact| contact.queue == queue);
        agent.state.inactive_in.insert(queue);
        if rings {
            self.step_agent(name, Event::Withdraw, now, out);
        } else {
            self.refresh(name, now);
        }
    }

    /// A call that is not ours began or ended on a device of the agent. While it lasts, the agent
    /// rests in it; an offer that is pending is taken back.
    pub(super) fn own_call(
        &mut self,
        name: &AgentName,
        active: bool,
        now: Mono,
        out: &mut Outbox<Output>,
    ) {
        let Some(agent) = self.ledger.get_mut(name) else { return };
        match (active, agent.state.own_call) {
            (true, Some(_)) | (false, None) => return, // known
            (true, None) => agent.state.own_call = Some(now),
            (false, Some(_)) => agent.state.own_call = None,
        }
        let event = if active { Event::Withdraw } else { Event::OwnCallEnded };
        self.step_agent(name, event, now, out);
    }

    /// The agent let a call ring out. After too many in a row the agent goes off duty, but never
    /// the last one of a queue that wants to keep its last (QUEUEING.md 2.3).
    pub(super) fn missed(&mut self, name: &AgentName, id: ContactId, out: &mut Outbox<Output>) {
        let line = self.contacts.get(&id).and_then(|contact| self.lines.get(&contact.queue));
        let limit = line.map_or(u32::MAX, |line| line.settings.rona_limit);
        let Some(agent) = self.ledger.get_mut(name) else { return };
        agent.state.misses = agent.state.misses.saturating_add(1);
        if limit == 0 || agent.state.misses < limit || agent.informal {
            return;
        }
        if let Some(queue) = self.queue_left_alone(name) {
            out.push(Output::Alarm(Alarm::LastAgentKept { agent: name.clone(), queue }));
            return;
        }
        let duty = Duty::OffDuty(RONA_REASON.to_owned());
        if let Some(agent) = self.ledger.get_mut(name) {
            agent.state.misses = 0;
            agent.state.duty = duty.clone();
        }
        let by = DutyChangedBy::Rona;
        out.push(Output::Fact(Fact::DutyChanged { agent: name.clone(), duty, by }));
    }

    /// A queue that wants to keep its last agent and in which nobody else stands by. Those who are
    /// busy at the moment stand by: they will be back.
    fn queue_left_alone(&self, name: &AgentName) -> Option<QueueName> {
        let agent = self.ledger.get(name)?;
        let alone = |queue: &&QueueName| {
            let Some(line) = self.lines.get(*queue) else { return false };
            let other = |member: &AgentName| {
                member != name && self.ledger.get(member).is_some_and(|other| other.stands_by())
            };
            line.settings.keep_last_agent && !line.settings.members.iter().any(other)
        };
        agent.member_of.keys().find(alone).cloned()
    }
}
