//! Where contacts are led on to whom their queue does not serve, as facts say it.

use holdfast_base::{AgentName, QueueName};
use holdfast_config::{Exit, Whom};
use serde::{Deserialize, Serialize};

use super::event::{LegEnd, Subject};

/// Where a contact is led on to whom its queue does not serve.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LedTo {
    /// Another queue.
    Queue(QueueName),
    /// This agent.
    Agent(AgentName),
    /// This number, or the phones of this account.
    Number(Subject),
    /// The clip of this name, and then the end.
    Announcement(String),
}

impl LedTo {
    /// What of it is personal.
    pub const fn subject_mut(&mut self) -> Option<&mut Subject> {
        match self {
            Self::Number(number) => Some(number),
            Self::Queue(_) | Self::Agent(_) | Self::Announcement(_) => None,
        }
    }
}

impl From<&Exit> for LedTo {
    fn from(exit: &Exit) -> Self {
        match exit {
            Exit::Queue(queue) => Self::Queue(queue.clone()),
            Exit::Call { whom: Whom::Agent(agent), .. } => Self::Agent(agent.clone()),
            Exit::Call { whom: Whom::Account(account), .. } => {
                Self::Number(Subject(account.to_string()))
            }
            Exit::Call { whom: Whom::Number(number), .. } => Self::Number(Subject(number.clone())),
            Exit::Announce { clip, .. } => Self::Announcement(clip.clone()),
        }
    }
}

/// Why a contact is not led on to a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotLedOn {
    /// The queue is closed.
    Closed,
    /// The queue is full.
    Full,
    /// Nobody is there in the queue.
    Empty,
    /// The configuration has the queue no more.
    Gone,
    /// The contact has just come from there.
    GoesRound,
    /// The agent is off duty, busy, or out of reach.
    Away,
    /// Refused with this SIP status.
    Refused(u16),
    /// Nobody answered in time.
    NoAnswer,
    /// Could not be reached.
    Unreachable,
    /// The caller left first.
    CallerLeft,
    /// The process died while it rang.
    LostInCrash,
}

impl NotLedOn {
    /// What the end of a leg without an answer says.
    #[must_use]
    pub const fn by(why: LegEnd) -> Self {
        match why {
            LegEnd::Refused(status) => Self::Refused(status),
            LegEnd::NoAnswer => Self::NoAnswer,
            LegEnd::LostInCrash => Self::LostInCrash,
            LegEnd::Remote
            | LegEnd::Local
            | LegEnd::Unreachable
            | LegEnd::HandedOver
            | LegEnd::MediaLost
            | LegEnd::SessionExpired => Self::Unreachable,
        }
    }
}
