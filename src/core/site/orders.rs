//! What people order through the page or the API: looked at, carried out, and answered.

use holdfast_base::{AgentName, ContactId, Now, QueueName};
use std::time::Duration;

use super::{Site, Step, Work};
use crate::call;
use crate::command::{Command, Refusal, Reply};
use crate::queue::{self, Closure, NotYours};
use crate::record::event::{DutyChangedBy, EndedBy, Fact};

impl Site {
    pub(super) fn obey(&mut self, now: Now, id: u64, command: Command, step: &mut Step) {
        let reply = match command {
            Command::SetDuty { agent, duty } if self.knows_agent(&agent) => {
                let by = DutyChangedBy::Page;
                step.work.push_back(Work::Queue(queue::Input::Duty { agent, duty, by }));
                Ok(())
            }
            Command::Release { agent } if self.knows_agent(&agent) => {
                step.work.push_back(Work::Queue(queue::Input::Release { agent }));
                Ok(())
            }
            Command::SetDuty { agent, .. } | Command::Release { agent } => {
                Err(Refusal::NotFound(format!("there is no agent `{agent}`")))
            }
            Command::PickUp { contact, agent } => self.pick_up(now, contact, agent, step),
            Command::SwitchQueue { agent, queue, on } if self.serves(&agent, &queue) => {
                let input = queue::Input::Active { agent, queue, active: on };
                step.work.push_back(Work::Queue(input));
                Ok(())
            }
            Command::SwitchQueue { agent, queue, .. } => {
                Err(Refusal::NotFound(format!("`{agent}` is no member of a queue `{queue}`")))
            }
            Command::CloseQueue { queue, why, for_s } => {
                let lasts = for_s.map(|seconds| Duration::from_secs(u64::from(seconds)));
                let until = lasts.map(|lasts| now.mono + lasts);
                self.set_closure(queue, Some(Closure { why, until }), step)
            }
            Command::OpenQueue { queue } => self.set_closure(queue, None, step),
            Command::EndCall { call } if self.calls.contains_key(&call) => {
                let input = call::io::Input::HangUp { by: EndedBy::Operator };
                step.work.push_back(Work::Call(call, input));
                Ok(())
            }
            Command::EndCall { call } => {
                Err(Refusal::NotFound(format!("{call} is over or was never there")))
            }
            Command::Reprioritise { contact, priority }
                if self.queue.contacts().any(|(known, _)| known == contact) =>
            {
                let input = queue::Input::Reprioritise { contact, priority };
                step.work.push_back(Work::Queue(input));
                Ok(())
            }
            Command::Reprioritise { contact, .. } => {
                Err(Refusal::NotFound(format!("{contact} does not wait any more")))
            }
            Command::Supervise(wish) => self.supervise(now, wish, step),
            Command::EndSupervision { call, by } => self.end_supervision(call, by, step),
            Command::Drain { on } => {
                if self.drain.order(now.wall, on) {
                    step.facts.push(Fact::DrainChanged { on });
                }
                Ok(())
            }
            Command::LiftBan { address } => self.lift_ban(now, address),
            Command::SwitchTarget { trunk, target, on } => {
                self.switch_target(now, &trunk, &target, on, step)
            }
        };
        let gated = reply.is_ok(); // gate 12: what the person saw is true
        step.replies.push((id, reply, gated));
    }

    fn set_closure(&self, queue: QueueName, closure: Option<Closure>, step: &mut Step) -> Reply {
        if !self.config.queues.iter().any(|known| known.name == queue) {
            return Err(Refusal::NotFound(format!("there is no queue `{queue}`")));
        }
        step.work.push_back(Work::Queue(queue::Input::Close { queue, closure }));
        Ok(())
    }

    /// Of several who take the same caller, the first has it; the others are told who.
    fn pick_up(&self, now: Now, contact: ContactId, agent: AgentName, step: &mut Step) -> Reply {
        match self.queue.may_pick_up(contact, &agent, now.mono) {
            Ok(()) => {
                step.work.push_back(Work::Queue(queue::Input::PickUp { contact, agent }));
                Ok(())
            }
            Err(why @ NotYours::Gone) => Err(Refusal::NotFound(why.to_string())),
            Err(why @ (NotYours::TakenBy(_) | NotYours::NotNow(_))) => {
                Err(Refusal::NotNow(why.to_string()))
            }
        }
    }

    fn serves(&self, agent: &AgentName, queue: &QueueName) -> bool {
        let known = self.config.queues.iter().find(|known| known.name == *queue);
        known.is_some_and(|queue| queue.members.contains(agent))
    }

    pub(super) fn knows_agent(&self, name: &AgentName) -> bool {
        self.config.agents.iter().any(|agent| agent.name == *name)
    }
}
