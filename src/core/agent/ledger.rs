//! One reservation for each agent, over all queues and ways of delivery: an agent has one task, and
//! an offer that is alive belongs to exactly one agent.

use holdfast_base::{AgentName, Mono, OfferId};
use holdfast_config::Endpoint;
use std::collections::{BTreeMap, BTreeSet};

use super::{Agent, Device, Effect, Event, Task};

/// All agents, the offers that occupy them, and the endpoints that can be reached.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    agents: BTreeMap<AgentName, Agent>,
    offers: BTreeMap<OfferId, AgentName>,
    /// As many as the configuration has endpoints: the site reports no others.
    reachable: BTreeSet<Endpoint>,
}

impl Ledger {
    /// One agent.
    #[must_use]
    pub fn get(&self, agent: &AgentName) -> Option<&Agent> {
        self.agents.get(agent)
    }

    /// One agent, to change anything but its task.
    pub fn get_mut(&mut self, agent: &AgentName) -> Option<&mut Agent> {
        self.agents.get_mut(agent)
    }

    /// Every agent by name.
    pub fn iter(&self) -> impl Iterator<Item = (&AgentName, &Agent)> {
        self.agents.iter()
    }

    /// Adds an agent, with the offer that its task holds.
    pub fn insert(&mut self, name: AgentName, agent: Agent) {
        if let Some(attempt) = agent.state.task.attempt() {
            self.offers.insert(attempt.offer, name.clone());
        }
        self.agents.insert(name, agent);
    }

    /// Drops an agent that the configuration has no more, once nothing occupies it.
    pub fn drop_if_removed(&mut self, name: &AgentName) -> bool {
        let over = self
            .agents
            .get(name)
            .is_some_and(|agent| !agent.configured && agent.state.task.attempt().is_none());
        if over {
            self.agents.remove(name);
        }
        over
    }

    /// The agent that a live offer occupies; none when the offer is over.
    #[must_use]
    pub fn holder(&self, offer: OfferId) -> Option<&AgentName> {
        self.offers.get(&offer)
    }

    /// Lets an agent take one event, and keeps the list of live offers true.
    #[must_use]
    pub fn step(&mut self, name: &AgentName, now: Mono, event: Event) -> Effect {
        let Some(agent) = self.agents.get_mut(name) else { return Effect::None };
        let before = agent.state.task.attempt().map(|attempt| attempt.offer);
        let effect = agent.step(now, event);
        let after = agent.state.task.attempt().map(|attempt| attempt.offer);
        if before != after {
            if let Some(offer) = before {
                self.offers.remove(&offer);
            }
            if let Some(offer) = after {
                self.offers.insert(offer, name.clone());
            }
        }
        effect
    }

    /// Notes whether an endpoint can be reached. Gives the agents it belongs to; none when that
    /// was known.
    pub fn endpoint(&mut self, endpoint: &Endpoint, reachable: bool) -> Vec<AgentName> {
        let changed = if reachable {
            self.reachable.insert(endpoint.clone())
        } else {
            self.reachable.remove(endpoint)
        };
        if !changed {
            return Vec::new();
        }
        let mut touched = Vec::new();
        for (name, agent) in &mut self.agents {
            for device in &mut agent.devices {
                if device.endpoint == *endpoint {
                    device.reachable = reachable;
                    touched.push(name.clone());
                }
            }
        }
        touched
    }

    /// Whether an endpoint can be reached. One that was never heard of can not.
    #[must_use]
    pub fn is_reachable(&self, endpoint: &Endpoint) -> bool {
        self.reachable.contains(endpoint)
    }

    /// The endpoints of an agent with what is known of each.
    #[must_use]
    pub fn devices(&self, endpoints: &[Endpoint]) -> Vec<Device> {
        let device = |endpoint: &Endpoint| Device {
            endpoint: endpoint.clone(),
            reachable: self.is_reachable(endpoint),
        };
        endpoints.iter().map(device).collect()
    }

    /// Agents whose task should have changed by itself before `now`.
    #[must_use]
    pub fn overdue(&self, now: Mono) -> Vec<AgentName> {
        let late = |task: &Task| task.deadline().is_some_and(|until| until <= now);
        let overdue = self.agents.iter().filter(|(_, agent)| late(&agent.state.task));
        overdue.map(|(name, _)| name.clone()).collect()
    }

    /// Whether any agent's task will change by itself.
    #[must_use]
    pub fn any_deadline(&self) -> bool {
        self.agents.values().any(|agent| agent.state.task.deadline().is_some())
    }
}
