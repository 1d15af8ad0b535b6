//! What waits in a queue, however it arrived and however it is delivered.
//!
//! The two axes of QUEUEING.md 2.2 meet here and nowhere else. How a contact *arrived* is not asked
//! at all: it has a call, it can be treated and it can be ended, whatever brought it. How it is
//! *delivered* is asked by capability ([`Capabilities`]), never by kind.

mod delivery;
mod rank;
mod trail;

pub use delivery::{Capabilities, Deliveries, OfferNews, OfferRefusal};
pub use rank::{Class, Rank};
pub use trail::{HOPS_MAX, NOT_AGAIN_WITHIN, Trail};

use holdfast_base::{AgentName, CallId, ContactId, Mono, QueueName};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::time::Duration;

use crate::record::event::Subject;

/// One contact from its entry into a queue until the agent is done with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// Its id, given by the site.
    pub id: ContactId,
    /// The call it belongs to.
    pub call: CallId,
    /// The queue it is in.
    pub queue: QueueName,
    /// Who calls.
    pub from: Subject,
    /// When it entered this queue.
    pub entered: Mono,
    /// The wait before that which counts for its rank.
    #[serde(default)]
    pub credit: Duration,
    /// The queues that it has been led on from.
    #[serde(default)]
    pub trail: Trail,
    /// Its place in the order of everything that waits. Kept through every offer that fails.
    pub rank: Rank,
    /// Agents who refused this call (603): it is never offered to them again.
    pub declined: BTreeSet<AgentName>,
    /// Agents who let it ring out: passed over until nobody else is left (QUEUEING.md 2.3).
    pub missed: BTreeSet<AgentName>,
    /// The agent who talked with this caller last, where the queue asks for that.
    #[serde(default)]
    pub preferred: Option<AgentName>,
    /// Who was called last: the strategy `top-down` goes on behind that one.
    #[serde(default)]
    pub last_called: Option<AgentName>,
    /// Since when somebody has been called for it without a break.
    #[serde(default)]
    pub ringing_since: Option<Mono>,
    /// What the caller has heard.
    pub treatment: Treatment,
    /// Where it is now. Follows from the agents' tasks, so it is never written down.
    #[serde(skip)]
    pub place: Place,
}

/// Where a contact is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Place {
    /// In line.
    #[default]
    Waiting,
    /// In line, and these agents, one at least, are being called.
    Offered(BTreeSet<AgentName>),
    /// With this agent.
    Talking(AgentName),
}

impl Contact {
    /// How many agents are being called for it.
    #[must_use]
    pub fn called(&self) -> usize {
        match &self.place {
            Place::Offered(agents) => agents.len(),
            Place::Waiting | Place::Talking(_) => 0,
        }
    }
}

/// How far the treatment of a waiting caller has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Treatment {
    /// Nothing was played yet.
    Entering,
    /// The greeting was ordered; music follows.
    Waiting {
        /// The last position that was told.
        said: Option<Said>,
        /// When to look again; never in a queue that tells no positions.
        next: Option<Mono>,
    },
}

/// A position that was told to the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// The position.
    pub position: u32,
    /// When.
    pub at: Mono,
}
