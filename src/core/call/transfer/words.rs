//! What a call and the site say to each other about a transfer, and which agents it keeps busy.

use holdfast_base::{AgentName, LegId, QueueName};
use holdfast_wire::sip::Request;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

use crate::call::io::Target;
use crate::call::leg::Handover;
use crate::sip::refer::{Refused, Wish};
use crate::sip::transaction::ServerKey;

/// A REFER that a call has found in order and that the site has to find a way for.
#[derive(Clone, Debug)]
pub struct Referral {
    /// The leg that it came on.
    pub leg: LegId,
    /// Its server transaction.
    pub key: ServerKey,
    /// The request.
    pub request: Request,
    /// What it asks for.
    pub wish: Wish,
}

/// Where the target of a transfer is.
#[derive(Clone, Debug)]
pub enum Way {
    /// At these places.
    Ring {
        /// The places.
        targets: Vec<Target>,
        /// Whether an emergency number leads there.
        emergency: bool,
    },
    /// In a queue.
    Queue(QueueName),
    /// In another call of the transferor, which has given it away.
    Party(Box<Handover>),
    /// Nowhere that this transferor may send anybody to.
    None(Refused),
}

/// Which agents are busy with the call without a queue, as the transfer goes.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Busy {
    pub(super) before: Vec<AgentName>,
    pub(super) agents: Agents,
}

/// Agents whose own phones have part in a transfer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agents {
    /// Who asks for it.
    pub leaves: Option<AgentName>,
    /// Who stays in the call.
    pub stays: Option<AgentName>,
    /// Who is called.
    pub comes: Option<AgentName>,
}

impl Busy {
    /// Once the transferor is gone, and before anybody else has come.
    pub(super) fn once_gone(&self) -> BTreeSet<AgentName> {
        let Self { before, agents } = self;
        let mut busy: BTreeSet<AgentName> = before.iter().cloned().collect();
        busy.retain(|agent| agents.leaves.as_ref() != Some(agent));
        busy.extend(agents.stays.clone());
        busy
    }
}
