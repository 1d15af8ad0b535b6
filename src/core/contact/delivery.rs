//! How a contact is brought to an agent: what the way can do, and what it reports.

use holdfast_config::Endpoint;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a way of delivery can do. The queue asks this and never what the way is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    /// An offer can be taken back while it is pending.
    pub can_withdraw: bool,
    /// It tells when the agent's device alerts.
    pub sees_ringing: bool,
    /// It tells when the agent answers. A way that does not has taken the contact over as soon as
    /// it accepts it.
    pub confirms_answer: bool,
}

impl Capabilities {
    /// A SIP INVITE: CANCEL, 180 and 200 do all three (RFC 3261 §9, §13.2).
    pub const SIP: Self = Self { can_withdraw: true, sees_ringing: true, confirms_answer: true };
    /// A transfer that runs elsewhere: only its end result is heard.
    pub const BLIND: Self =
        Self { can_withdraw: false, sees_ringing: false, confirms_answer: true };
}

/// What the delivery to each endpoint can do. A value given to the engine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deliveries {
    other_than_sip: BTreeMap<Endpoint, Capabilities>,
}

impl Deliveries {
    /// Everything is delivered over SIP.
    #[must_use]
    pub const fn sip() -> Self {
        Self { other_than_sip: BTreeMap::new() }
    }

    /// The same, except that `endpoint` is reached in another way.
    #[must_use]
    pub fn except(mut self, endpoint: Endpoint, capabilities: Capabilities) -> Self {
        self.other_than_sip.insert(endpoint, capabilities);
        self
    }

    /// What the delivery to `endpoint` can do.
    #[must_use]
    pub fn capabilities(&self, endpoint: &Endpoint) -> Capabilities {
        self.other_than_sip.get(endpoint).copied().unwrap_or(Capabilities::SIP)
    }
}

/// What became of an offer, as its delivery reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OfferNews {
    /// The INVITE left, or the request was accepted.
    Sent,
    /// The agent's device alerts (180, 183).
    Ringing,
    /// The agent answered.
    Answered,
    /// It failed or was refused before an answer.
    Refused(OfferRefusal),
    /// The agent's own leg ended: after an answer the hang-up, before one the end of the attempt.
    Ended,
    /// No media both ways and the device no longer knows the call, or stays silent (60 s).
    LostLiveness,
    /// The process died meanwhile and the delivery could not be taken up again.
    LostInCrash,
}

/// Why an offer was not answered, by what the queue does about it (table of QUEUEING.md 2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OfferRefusal {
    /// 486, 600.
    Busy,
    /// 603.
    Declined,
    /// 480.
    Unavailable,
    /// Not registered, no route, or the request could not be sent.
    NotRegistered,
    /// 408, or silence until the transaction gave up.
    NoAnswer,
    /// 404, 484, 403, 488, 5xx: the device or the trunk, never the agent.
    DeviceFailed,
}
