//! Queues in which nobody is there who could ever take a call (QUEUEING.md 2.6): who counts as
//! there, since when nobody is, and when those who wait are led on.
//!
//! Who is there is noted whenever an agent changes, and looked at when a step is over. So an agent
//! who goes and comes within one step has never been away.

use holdfast_base::{AgentName, Mono, Outbox, QueueName};
use holdfast_config::Absence;

use super::engine::{Deadline, Engine};
use super::line::Line;
use super::record::Key;
use super::words::Output;
use crate::agent::{Agent, Task};
use crate::record::event::{Duty, Outcome};

/// Whether an agent counts as there in a queue for which these are absences.
fn is_there(agent: &Agent, queue: &QueueName, absences: &[Absence]) -> bool {
    let could = agent.member_of.get(queue).is_some_and(|seat| seat.standing.is_ok());
    could && agent.configured && !absences.iter().any(|absence| is_away(agent, queue, *absence))
}

/// Whether an agent is away in this way.
fn is_away(agent: &Agent, queue: &QueueName, absence: Absence) -> bool {
    let state = &agent.state;
    match absence {
        Absence::LoggedOut => state.duty == Duty::OffDuty(String::new()),
        Absence::Paused => {
            let on_break = match &state.duty {
                Duty::OffDuty(reason) => !reason.is_empty(),
                Duty::OnDuty => false,
            };
            let left_alone = matches!(state.task, Task::Rona { .. });
            on_break || left_alone || state.inactive_in.contains(queue)
        }
        Absence::Unreachable => agent.first_endpoint().is_none(),
        Absence::WrapUp => matches!(state.task, Task::WrapUp { .. }),
        Absence::Busy => {
            let busy = match &state.task {
                Task::Reserved { .. }
                | Task::Offered { .. }
                | Task::Connected { .. }
                | Task::Cooling { .. }
                | Task::OwnCall { .. }
                | Task::Lingering { .. } => true,
                Task::Free { .. } | Task::WrapUp { .. } | Task::Rona { .. } => false,
            };
            busy || state.own_call.is_some()
        }
    }
}

impl Line {
    /// Notes whether an agent is there, for who comes and for who waits.
    pub(super) fn note_there(&mut self, name: &AgentName, agent: &Agent, queue: &QueueName) {
        let overflow = &self.settings.overflow;
        let there = [
            (&mut self.there_to_join, &overflow.join_empty),
            (&mut self.there_to_wait, &overflow.leave_empty),
        ];
        for (there, absences) in there {
            if is_there(agent, queue, absences) {
                there.insert(name.clone());
            } else {
                there.remove(name);
            }
        }
    }

    /// Whether nobody is there for those who wait.
    fn is_deserted(&self) -> bool {
        !self.settings.overflow.leave_empty.is_empty() && self.there_to_wait.is_empty()
    }
}

impl Engine {
    /// At the end of a step: since when nobody is there, and when those who wait are led on.
    pub(super) fn watch_deserted(&mut self, now: Mono) {
        for (name, line) in &self.lines {
            if line.is_deserted() && !self.deserted.contains_key(name) {
                self.deserted.insert(name.clone(), now);
                self.touched.insert(Key::Deserted(name.clone()));
            }
        }
        let lines = &self.lines;
        let over = self
            .deserted
            .extract_if(.., |queue, _| lines.get(queue).is_none_or(|line| !line.is_deserted()));
        for (queue, _) in over {
            self.deadlines.set(Deadline::Deserted(queue.clone()), None);
            self.touched.insert(Key::Deserted(queue));
        }
        for (queue, since) in &self.deserted {
            let after = self.lines.get(queue).map(|line| line.settings.overflow.leave_after);
            let waits = !self.waiting_in(queue).is_empty();
            let leaves = after.filter(|_| waits).map(|after| *since + after);
            self.deadlines.set(Deadline::Deserted(queue.clone()), leaves);
        }
    }

    /// Nobody has been there for as long as those who wait put up with.
    pub(super) fn lead_away(&mut self, queue: &QueueName, now: Mono, out: &mut Outbox<Output>) {
        if !self.lines.get(queue).is_some_and(Line::is_deserted) {
            return; // somebody has come in this very step
        }
        for contact in self.waiting_in(queue) {
            self.overflow(contact, Outcome::OverflowEmpty, now, out);
        }
    }
}
