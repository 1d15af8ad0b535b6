//! What a person can order through the page or the API.

use holdfast_base::{AgentName, CallId, ContactId, QueueName, TrunkName};
use holdfast_config::supervision::Mode;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

use crate::record::event::Duty;

/// One order of a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    /// Set an agent's duty. Answered when durable (gate 12).
    SetDuty {
        /// The agent.
        agent: AgentName,
        /// The duty.
        duty: Duty,
    },
    /// End an agent's wrap-up or RONA block now.
    Release {
        /// The agent.
        agent: AgentName,
    },
    /// End a call.
    EndCall {
        /// The call.
        call: CallId,
    },
    /// Switch a target of a trunk on or off. On also means: try it again now.
    SwitchTarget {
        /// The trunk.
        trunk: TrunkName,
        /// The target as it stands in the configuration.
        target: String,
        /// Whether it may be used.
        on: bool,
    },
    /// Take no new calls from outside, or take them again. Answered when durable.
    Drain {
        /// Whether none are taken.
        on: bool,
    },
    /// Let somebody in again who is banned.
    LiftBan {
        /// Any address of its.
        address: IpAddr,
    },
    /// Call an agent for a waiting contact, which the agent takes.
    PickUp {
        /// The contact.
        contact: ContactId,
        /// The agent.
        agent: AgentName,
    },
    /// Switch the calls of one queue off or on for an agent. Answered when durable.
    SwitchQueue {
        /// The agent.
        agent: AgentName,
        /// The queue.
        queue: QueueName,
        /// Whether the agent takes its calls.
        on: bool,
    },
    /// Close a queue for callers who come. Answered when durable.
    CloseQueue {
        /// The queue.
        queue: QueueName,
        /// Why, for other people.
        why: String,
        /// For how many seconds; none is until somebody opens it.
        for_s: Option<u32>,
    },
    /// Open a queue that was closed. Answered when durable.
    OpenQueue {
        /// The queue.
        queue: QueueName,
    },
    /// Have a supervisor hear a conversation, or do something else in it.
    Supervise(Wish),
    /// Let the supervisor of a call go.
    EndSupervision {
        /// The call.
        call: CallId,
        /// The user who orders it.
        by: String,
    },
    /// Raise or lower a waiting contact.
    Reprioritise {
        /// The contact.
        contact: ContactId,
        /// Its new priority points.
        priority: u32,
    },
}

/// Who shall hear which conversation, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wish {
    /// The call.
    pub call: CallId,
    /// The supervisor: an agent of the configuration.
    pub supervisor: AgentName,
    /// What the supervisor does.
    pub mode: Mode,
    /// The user who orders it.
    pub by: String,
}

/// Why an order was not carried out, for the person who gave it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// No such agent, call, contact or target.
    NotFound(String),
    /// Not possible in this state.
    NotNow(String),
    /// Not for this person.
    Forbidden(String),
    /// The box is too busy or stopping.
    Unavailable,
}

/// The answer to a [`Command`].
pub type Reply = Result<(), Refusal>;
