//! An agent takes a waiting call (QUEUEING.md 2.5, pickup). Of several who try, the first in the
//! order of inputs has it; the others are told who.

use holdfast_base::{AgentName, ContactId, Mono, Outbox};
use std::fmt;

use super::engine::Engine;
use super::words::Output;
use crate::agent::{Agent, Reason, available};
use crate::contact::Place;

/// Why an agent can not take a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotYours {
    /// It does not wait any more.
    Gone,
    /// Somebody else is being called for it or has it.
    TakenBy(AgentName),
    /// The agent could not be called.
    NotNow(Reason),
}

impl Engine {
    /// Whether an agent may take a waiting contact of one of the agent's queues now. The circles
    /// bind those who are called, not those who take.
    ///
    /// # Errors
    /// Why not.
    pub fn may_pick_up(&self, id: ContactId, agent: &AgentName, now: Mono) -> Result<(), NotYours> {
        let contact = self.contacts.get(&id).ok_or(NotYours::Gone)?;
        match &contact.place {
            Place::Waiting => {}
            Place::Talking(other) => return Err(NotYours::TakenBy(other.clone())),
            Place::Offered(others) => {
                let other = others.first().ok_or(NotYours::Gone)?;
                return Err(NotYours::TakenBy(other.clone()));
            }
        }
        let known = self.ledger.get(agent).ok_or(NotYours::NotNow(Reason::Removed))?;
        if !known.member_of.contains_key(&contact.queue) {
            return Err(NotYours::NotNow(Reason::NotMember));
        }
        available(known, now).map_err(NotYours::NotNow)
    }

    /// Calls an agent for the contact that the agent takes.
    pub(super) fn pick_up(
        &mut self,
        id: ContactId,
        agent: &AgentName,
        now: Mono,
        out: &mut Outbox<Output>,
    ) {
        if self.may_pick_up(id, agent, now).is_err() {
            return; // whoever asked has been told by the same question
        }
        let endpoint = self.ledger.get(agent).and_then(Agent::first_endpoint).cloned();
        if let Some(endpoint) = endpoint {
            self.reserve(id, agent, endpoint, now, out);
        }
    }
}

impl fmt::Display for NotYours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone => f.write_str("the caller does not wait any more"),
            Self::TakenBy(agent) => write!(f, "taken by {agent}"),
            Self::NotNow(reason) => write!(f, "the agent can not be called: {reason}"),
        }
    }
}
