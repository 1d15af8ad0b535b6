//! Agents: what each has set, is doing and can be reached at, in four layers (QUEUEING.md 2.1), and
//! one pure question over them all, [`selectable`].
//!
//! | layer | who sets it | here |
//! |---|---|---|
//! | 1 duty | agent, supervisor | [`AgentState::duty`] |
//! | 2 task | the engine only | [`AgentState::task`] |
//! | 3 presence | observed | comes with the presence source, as a further question of `selectable` |
//! | 4 device | observed | [`Agent::devices`] |

pub mod arms;
mod attempt;
mod ledger;
mod seat;
mod selectable;
mod step;
#[cfg(test)]
mod table;
mod task;
mod workload;

pub use attempt::{Attempt, Terms, WRAP_UP_MAX};
pub use ledger::Ledger;
pub use seat::{Seat, Standing};
pub use selectable::{Reason, available, selectable};
pub use step::{
    COOLING_BUSY, COOLING_DECLINED, COOLING_NOT_SENT, COOLING_UNREACHABLE, Effect, Event, LINGER,
    OfferOver, RESERVED_MAX, RING_WITHIN,
};
pub use task::{Cooling, Ring, Task, Then};
pub use workload::{SLOT, SLOTS, Workload};

use holdfast_base::{Mono, QueueName};
use holdfast_config::Endpoint;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

use crate::record::event::Duty;

/// What must survive a restart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentState {
    /// Layer 1.
    pub duty: Duty,
    /// Layer 2.
    pub task: Task,
    /// What "longest idle" counts from: the end of the wrap-up of the last answered contact, or the
    /// log-in. Neither a miss nor a refusal nor a break moves it (QUEUEING.md 2.5).
    pub idle_since: Mono,
    /// Calls not answered in a row.
    pub misses: u32,
    /// A call on one of the agent's devices that is not ours, since then.
    pub own_call: Option<Mono>,
    /// When the agent came on duty.
    #[serde(default)]
    pub on_duty_since: Mono,
    /// When the agent was last set free; an offer since then leaves it as it is.
    #[serde(default)]
    pub free_since: Mono,
    /// Queues in which the agent, or somebody for the agent, has switched calls off.
    #[serde(default)]
    pub inactive_in: BTreeSet<QueueName>,
    /// What the agent has done of late.
    #[serde(default)]
    pub work: Workload,
}

/// One agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agent {
    /// What survives a restart.
    pub state: AgentState,
    /// Layer 4: where the agent can be reached, best first.
    pub devices: Vec<Device>,
    /// The queues of which the agent is a member, with the seat in each.
    pub member_of: BTreeMap<QueueName, Seat>,
    /// Whether the configuration still has this agent. One that was removed finishes its call.
    pub configured: bool,
    /// Whether this is somebody who helps now and then: whom nobody would put on duty again is not
    /// taken off duty by calls not answered.
    pub informal: bool,
    /// How often the agent is drawn by lot, compared with others.
    pub weight: u32,
}

/// One endpoint and what is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// The endpoint.
    pub endpoint: Endpoint,
    /// Registered, or its trunk is up.
    pub reachable: bool,
}

impl AgentState {
    /// An agent that the box has never heard of.
    #[must_use]
    pub fn new(duty: Duty, now: Mono) -> Self {
        Self {
            duty,
            task: Task::Free { since: now },
            idle_since: now,
            misses: 0,
            own_call: None,
            on_duty_since: now,
            free_since: now,
            inactive_in: BTreeSet::new(),
            work: Workload::default(),
        }
    }

    /// Since when the agent has been free and on duty, for one who is or was until an offer came.
    #[must_use]
    pub fn available_since(&self) -> Mono {
        self.free_since.max(self.on_duty_since)
    }
}

impl Agent {
    /// An agent in this state, before the configuration says the rest.
    #[must_use]
    pub fn new(state: AgentState) -> Self {
        let (devices, member_of) = (Vec::new(), BTreeMap::new());
        Self { state, devices, member_of, configured: true, informal: false, weight: 1 }
    }

    /// Takes one event and then lets the agent's own call, if any, take the place of rest.
    #[must_use]
    pub fn step(&mut self, now: Mono, event: Event) -> Effect {
        let resting = Task::Free { since: now };
        let (task, effect) = std::mem::replace(&mut self.state.task, resting).step(now, event);
        self.state.task = match (task, self.state.own_call) {
            (Task::Free { .. }, Some(since)) => Task::OwnCall { since },
            (Task::OwnCall { .. }, None) => Task::Free { since: now },
            (task, Some(_) | None) => task,
        };
        if let Task::Free { since } = &self.state.task {
            self.state.free_since = *since;
        }
        effect
    }

    /// The best endpoint that can be reached now.
    #[must_use]
    pub fn first_endpoint(&self) -> Option<&Endpoint> {
        self.devices.iter().find(|device| device.reachable).map(|device| &device.endpoint)
    }

    /// The best endpoint that can be reached now and comes after `tried`.
    #[must_use]
    pub fn endpoint_after(&self, tried: &Endpoint) -> Option<&Endpoint> {
        let mut rest = self.devices.iter().skip_while(|device| device.endpoint != *tried).skip(1);
        rest.find(|device| device.reachable).map(|device| &device.endpoint)
    }

    /// Whether the agent stands by: on duty and within reach, whatever the present task.
    #[must_use]
    pub fn stands_by(&self) -> bool {
        self.configured && self.state.duty == Duty::OnDuty && self.first_endpoint().is_some()
    }

    /// Whether the agent is logged in to a queue: a member on duty who has not switched it off.
    #[must_use]
    pub fn is_logged_in(&self, queue: &QueueName) -> bool {
        let member = self.configured && self.member_of.contains_key(queue);
        member && self.state.duty == Duty::OnDuty && !self.state.inactive_in.contains(queue)
    }
}
