//! Who may be let into which conversation, and by whose order (QUEUEING.md 2.11).
//!
//! A supervisor is an agent who has the right for the queue that has made the conversation. Calls
//! that no queue has made are nobody's but their parties'.

use holdfast_base::{AgentName, CallId, Now};
use holdfast_config::supervision::Mode;
use holdfast_config::{Agent, Endpoint};
use std::sync::Arc;

use super::{Site, Step, Work};
use crate::call::Call;
use crate::call::io::{Input, Target};
use crate::call::origin::Origin;
use crate::call::supervision::Order;
use crate::command::{Refusal, Reply, Wish};
use crate::view::{SupervisedView, SupervisorView};

impl Site {
    /// Lets a supervisor into a conversation, or changes what one does who is there.
    pub(super) fn supervise(&mut self, now: Now, wish: Wish, step: &mut Step) -> Reply {
        let config = Arc::clone(&self.config);
        let Wish { call: id, supervisor, mode, by } = wish;
        let call = self.calls.get(&id).ok_or_else(|| no_such(id))?;
        let agent = config.agents.iter().find(|agent| agent.name == supervisor);
        let none = || Refusal::NotFound(format!("there is no agent `{supervisor}`"));
        let agent = agent.ok_or_else(none)?;
        may(agent, call, mode, &by)?;
        let order = match call.supervisor() {
            Some(there) if *there.agent == supervisor => Order::Switch { mode, by },
            Some(there) => {
                return Err(Refusal::NotNow(format!("{} supervises it already", there.agent)));
            }
            None => {
                let talks_to = self.can_come(now, call, agent)?;
                let targets = self.targets_of_supervisor(now, agent);
                if targets.is_empty() {
                    return Err(Refusal::NotNow(format!("no phone of {supervisor} is there")));
                }
                Order::Come { supervisor, mode, agent: talks_to, by, targets }
            }
        };
        step.work.push_back(Work::Call(id, Input::Supervision(Box::new(order))));
        Ok(())
    }

    /// Lets the supervisor of a call go.
    pub(super) fn end_supervision(&self, id: CallId, by: String, step: &mut Step) -> Reply {
        let call = self.calls.get(&id).ok_or_else(|| no_such(id))?;
        if call.supervisor().is_none() {
            return Err(Refusal::NotNow(format!("nobody supervises {id}")));
        }
        step.work.push_back(Work::Call(id, Input::Supervision(Box::new(Order::Leave { by }))));
        Ok(())
    }

    /// The agent whose conversation it is, when a supervisor can be called for it now.
    fn can_come(&self, now: Now, call: &Call, agent: &Agent) -> Result<Option<AgentName>, Refusal> {
        let busy = |what: &str| Err(Refusal::NotNow(what.to_owned()));
        if let Err(why) = call.can_be_supervised(self.transcoding.has_room_for(call.id())) {
            return busy(why);
        }
        if call.parts_with_supervisor() {
            return busy("the last supervisor is just leaving");
        }
        if self.ports.free(now.mono) == 0 {
            return busy("no port pair is free");
        }
        let views = self.queue.agents(now.mono);
        let of_call = views.iter().find(|view| view.call == Some(call.id()));
        let own = views.iter().find(|view| view.name == agent.name);
        let talks = own.is_some_and(|own| own.call.is_some() && own.task == "connected");
        if talks || self.calls.values().any(|it| it.own_call_of().any(|it| *it == agent.name)) {
            return Err(Refusal::NotNow(format!("{} is in a call", agent.name)));
        }
        Ok(of_call.map(|view| view.name.clone()))
    }

    /// Every place of the first endpoint that can be reached now.
    fn targets_of_supervisor(&mut self, now: Now, agent: &Agent) -> Vec<Target> {
        let places = agent.endpoints.iter().map(|endpoint| self.targets_of(now, endpoint));
        places.into_iter().find(|targets| !targets.is_empty()).unwrap_or_default()
    }

    /// Who supervises a call, for people.
    pub(super) fn supervised(&self, call: &Call) -> Option<SupervisedView> {
        let there = call.supervisor()?;
        let known = self.config.agents.iter().find(|agent| agent.name == *there.agent);
        let display = known.map_or(there.agent.as_str(), |agent| &agent.display).to_owned();
        let supervisor = there.agent.clone();
        Some(SupervisedView { supervisor, display, mode: there.mode, present: there.present })
    }

    /// Who may be let into a call.
    pub(super) fn supervisors(&self, call: &Call) -> Vec<SupervisorView> {
        let Some((queue, with)) = call.conversation() else { return Vec::new() };
        let entitled = self.config.agents.iter().filter(|agent| {
            agent.supervises.queues.contains(queue)
                && !is_party(agent, call.caller().origin())
                && !is_party(agent, with.origin())
        });
        let view = |agent: &Agent| SupervisorView {
            supervisor: agent.name.clone(),
            display: agent.display.clone(),
            modes: agent.supervises.modes.clone(),
        };
        entitled.map(view).collect()
    }
}

/// Whether this agent may do that in the call, by order of this user.
fn may(agent: &Agent, call: &Call, mode: Mode, by: &str) -> Reply {
    let (name, rights) = (&agent.name, &agent.supervises);
    let Some((queue, with)) = call.conversation() else {
        return Err(Refusal::NotNow("no agent of a queue talks in it now".to_owned()));
    };
    let forbidden = if !rights.queues.contains(queue) {
        format!("{name} does not supervise the queue {queue}")
    } else if !rights.modes.contains(&mode) {
        format!("{name} may not {} in calls", mode.as_str())
    } else if rights.user.as_ref().is_some_and(|user| user != by) {
        format!("only another user may order that for {name}")
    } else if is_party(agent, call.caller().origin()) || is_party(agent, with.origin()) {
        format!("{name} is a party of it")
    } else {
        return Ok(());
    };
    Err(Refusal::Forbidden(forbidden))
}

/// Whether a phone of this agent is at the other end.
fn is_party(agent: &Agent, origin: &Origin) -> bool {
    let Origin::Account(account) = origin else { return false };
    agent.endpoints.contains(&Endpoint::Account(account.clone()))
}

fn no_such(call: CallId) -> Refusal {
    Refusal::NotFound(format!("{call} is over or was never there"))
}
