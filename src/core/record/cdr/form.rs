//! What stands in a call detail record.

use holdfast_base::{AgentName, CallId, LegId, QueueName, TrunkName, Wall};
use serde::{Deserialize, Serialize};

use crate::media::order::StreamCounters;
use crate::record::event::{
    EndedBy, Ingress, LedTo, LegEnd, NotLedOn, Outcome, Subject, TransferKind, TransferOutcome,
};

/// The call detail record: one for each call, a fold of its facts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cdr {
    /// The call.
    pub call: CallId,
    /// The trunk it came over.
    pub trunk: Option<TrunkName>,
    /// Who called.
    pub from: Subject,
    /// What was dialled.
    pub dialled: Subject,
    /// How it arrived.
    pub ingress: Ingress,
    /// Whether it went to an emergency number.
    #[serde(default)]
    pub emergency: bool,
    /// Whether audio of it was decoded and encoded here.
    #[serde(default)]
    pub transcoded: bool,
    /// First INVITE.
    pub arrived: Wall,
    /// Our 200 to the caller.
    pub answered: Option<Wall>,
    /// The end.
    pub ended: Wall,
    /// Who ended it.
    pub by: EndedBy,
    /// SIP status of a call that was never answered.
    pub status: Option<u16>,
    /// Why it ended, as the telephone network says it: a cause of Q.850.
    #[serde(default)]
    pub cause: Option<u8>,
    /// Its time in a queue, if it was in one.
    pub queue: Option<QueuePart>,
    /// The audio of the caller's leg.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller: Option<CallerPart>,
    /// Its legs beyond the caller's, in order.
    pub legs: Vec<LegPart>,
    /// Its transfers, in order.
    #[serde(default)]
    pub transfers: Vec<TransferPart>,
    /// Where queues led it on to, or were to, in order.
    #[serde(default)]
    pub exits: Vec<ExitPart>,
    /// Call-ID of the caller's INVITE.
    #[serde(default)]
    pub sip_call_id: Option<String>,
}

/// The queue's part of a CDR.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueuePart {
    /// The queue.
    pub queue: QueueName,
    /// How it ended.
    pub outcome: Outcome,
    /// Time in queue, milliseconds.
    pub waited_ms: u64,
    /// Who answered.
    pub agent: Option<AgentName>,
    /// Time of talking and holding, milliseconds.
    pub talked_ms: u64,
    /// Offers that ended without an answer.
    pub missed_offers: u32,
}

/// The audio of whoever called; the fields are those of [`LegPart`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CallerPart {
    /// Its audio.
    pub media: Option<StreamCounters>,
    /// Name of the codec.
    pub codec: Option<String>,
    /// How its audio was protected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crypto: Option<String>,
}

/// One leg of a CDR.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LegPart {
    /// The leg.
    pub leg: LegId,
    /// Whom it called.
    pub to: Subject,
    /// When it was answered.
    pub answered: Option<Wall>,
    /// Why it ended.
    pub why: LegEnd,
    /// Its audio.
    pub media: Option<StreamCounters>,
    /// Name of the codec.
    pub codec: Option<String>,
    /// How its audio was protected: a crypto suite, `none` where encryption was wished and not had,
    /// nothing where it was not wished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crypto: Option<String>,
    /// Call-ID of our INVITE.
    #[serde(default)]
    pub sip_call_id: Option<String>,
}

/// One transfer of a CDR.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferPart {
    /// Who asked.
    pub by: Subject,
    /// Whom the other party should talk to.
    pub to: Subject,
    /// How.
    pub kind: TransferKind,
    /// When it was asked for.
    pub asked: Wall,
    /// How it went.
    pub outcome: TransferOutcome,
}

/// A place that a queue led a call on to, or was to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExitPart {
    /// The queue.
    pub queue: QueueName,
    /// Why it did not serve the call.
    pub outcome: Outcome,
    /// Time in that queue, milliseconds.
    pub waited_ms: u64,
    /// The place.
    pub to: LedTo,
    /// Why it did not take the call; none when it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why_not: Option<NotLedOn>,
}
