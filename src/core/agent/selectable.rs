//! Whether an agent can be offered a contact of a queue now, and if not, why.

use holdfast_base::{AgentName, Mono, QueueName};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{Agent, Cooling, Task};
use crate::record::event::Duty;

/// Why an agent is not chosen. Shown on the page and kept for every candidate that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// No member of this queue.
    NotMember,
    /// The configuration has this agent no more.
    Removed,
    /// No circle of this queue takes somebody without this skill, or with so little of it.
    LacksSkill(Arc<str>),
    /// Layer 1: has switched this queue off.
    InactiveHere,
    /// Layer 1: off duty.
    OffDuty,
    /// Layer 2: already being called.
    BeingCalled,
    /// Layer 2: talking.
    Connected,
    /// Layer 2: wrap-up, for so long.
    WrapUp(Duration),
    /// Layer 2: did not answer the last call; left alone for so long.
    Rona(Duration),
    /// Layer 2: busy, refused or unreachable at the last call; left alone for so long.
    Cooling(Cooling, Duration),
    /// Layer 2: in a call that is not ours.
    OwnCall,
    /// Layer 2: a device may still ring for a call that is over, for at most so long.
    Lingering(Duration),
    /// Layer 4: no endpoint can be reached.
    NoEndpoint,
    /// This agent refused this very call.
    DeclinedThis,
    /// This agent let this very call ring out, and another is left to ask.
    MissedThis,
    /// The circle of this agent opens for this call in so long.
    CircleClosed(Duration),
    /// This call waits for the agent who knows the caller.
    KeptFor(AgentName),
    /// Nobody is called in this queue: an agent takes the call.
    Pickup,
    /// As many as may be called at once are being called.
    EnoughCalled,
}

/// Whether `agent` can be offered a contact of `queue`. Changes nothing.
///
/// # Errors
/// The first layer that stands against it.
pub fn selectable(agent: &Agent, queue: &QueueName, now: Mono) -> Result<(), Reason> {
    let seat = agent.member_of.get(queue).ok_or(Reason::NotMember)?;
    if let Err(skill) = &seat.standing {
        return Err(Reason::LacksSkill(Arc::clone(skill)));
    }
    if agent.state.inactive_in.contains(queue) {
        return Err(Reason::InactiveHere);
    }
    available(agent, now)
}

/// The part of [`selectable`] that is the same for every queue.
///
/// # Errors
/// The first layer that stands against it.
pub fn available(agent: &Agent, now: Mono) -> Result<(), Reason> {
    if !agent.configured {
        return Err(Reason::Removed);
    }
    match &agent.state.duty {
        Duty::OffDuty(_) => return Err(Reason::OffDuty),
        Duty::OnDuty => {}
    }
    match &agent.state.task {
        Task::Free { .. } => {}
        Task::Reserved { .. } | Task::Offered { .. } => return Err(Reason::BeingCalled),
        Task::Connected { .. } => return Err(Reason::Connected),
        Task::WrapUp { until, .. } => return Err(Reason::WrapUp(until.since(now))),
        Task::Rona { until, .. } => return Err(Reason::Rona(until.since(now))),
        Task::Cooling { kind, until, .. } => {
            return Err(Reason::Cooling(*kind, until.since(now)));
        }
        Task::OwnCall { .. } => return Err(Reason::OwnCall),
        Task::Lingering { until, .. } => return Err(Reason::Lingering(until.since(now))),
    }
    if agent.first_endpoint().is_none() {
        return Err(Reason::NoEndpoint);
    }
    Ok(())
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotMember => f.write_str("not a member of this queue"),
            Self::Removed => f.write_str("no longer in the configuration"),
            Self::LacksSkill(skill) => write!(f, "not skilled enough in {skill}"),
            Self::InactiveHere => f.write_str("takes no calls of this queue"),
            Self::OffDuty => f.write_str("off duty"),
            Self::BeingCalled => f.write_str("being called"),
            Self::Connected => f.write_str("talking"),
            Self::WrapUp(left) => write!(f, "in wrap-up for {} s", seconds(*left)),
            Self::Rona(left) => write!(f, "did not answer, left alone for {} s", seconds(*left)),
            Self::Cooling(Cooling::Busy, left) => {
                write!(f, "was busy, left alone for {} s", seconds(*left))
            }
            Self::Cooling(Cooling::Declined, left) => {
                write!(f, "refused a call, left alone for {} s", seconds(*left))
            }
            Self::Cooling(Cooling::Unreachable, left) => {
                write!(f, "could not be reached, left alone for {} s", seconds(*left))
            }
            Self::OwnCall => f.write_str("in another call"),
            Self::Lingering(left) => {
                write!(f, "a phone may still ring for {} s", seconds(*left))
            }
            Self::NoEndpoint => f.write_str("no phone can be reached"),
            Self::DeclinedThis => f.write_str("refused this call"),
            Self::MissedThis => f.write_str("did not answer this call"),
            Self::CircleClosed(left) => {
                write!(f, "may be called in {} s at the latest", seconds(*left))
            }
            Self::KeptFor(agent) => write!(f, "the call waits for {agent}, who knows the caller"),
            Self::Pickup => f.write_str("calls of this queue are taken, not brought"),
            Self::EnoughCalled => f.write_str("enough others are being called"),
        }
    }
}

/// Whole seconds, rounded up: a pause with time left is never shown as zero.
fn seconds(left: Duration) -> u64 {
    left.as_secs() + u64::from(left.subsec_nanos() > 0)
}
