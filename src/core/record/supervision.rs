//! What is kept of supervisors in calls: who was let in, by whom, to whom, how and how long.

use holdfast_base::{AgentName, LegId};
use holdfast_config::supervision::Mode;
use serde::{Deserialize, Serialize};

use super::event::LegEnd;

/// One thing that happened to a supervisor in a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum SupervisionStep {
    /// It was ordered: the phone of the supervisor is called as soon as this is on disk.
    Asked {
        /// What the supervisor shall do.
        mode: Mode,
        /// The agent whose conversation it is.
        agent: Option<AgentName>,
        /// The user of the page or of the API.
        by: String,
    },
    /// The supervisor has answered, and hears the parties.
    Began {
        /// On this leg.
        leg: LegId,
    },
    /// The supervisor does something else from now on.
    Changed {
        /// What.
        mode: Mode,
        /// By order of this user.
        by: String,
    },
    /// The supervisor hears nothing any more, or never did.
    Ended {
        /// Why.
        why: LegEnd,
        /// By order of this user, if it was ordered.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
    },
}
