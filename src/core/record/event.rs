//! The facts that the event log keeps for ever: the truth that CDRs, figures and the cloud fold.
//!
//! A fact is past tense and complete in itself. Personal values are of type [`Subject`], which the
//! log seals under a key of its own for each subject, so that forgetting a person is deleting a
//! key.

use holdfast_base::{
    AgentName, CallId, ContactId, EndpointName, LegId, Lsn, Now, OfferId, QueueName, TrunkName,
};
use holdfast_config::Endpoint;
use serde::{Deserialize, Serialize};

pub use super::subject::{DIGITS_OF_A_NUMBER, Subject};
use crate::media::order::StreamCounters;

pub use super::cdr::form::{CallerPart, Cdr, ExitPart, LegPart, QueuePart, TransferPart};
pub use super::led::{LedTo, NotLedOn};
pub use super::outcome::Outcome;
pub use super::recording::{RecordingStep, RecordingUse};
pub use super::supervision::SupervisionStep;

/// One fact with its place in the order of everything and its time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Position in the log.
    pub lsn: Lsn,
    /// When it happened.
    pub at: Now,
    /// What happened.
    pub fact: Fact,
}

/// What a test call has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "how", rename_all = "snake_case")]
pub enum TestOutcome {
    /// Somebody answered.
    Answered,
    /// It rang until the box gave up.
    Rang,
    /// The called system refused it.
    Refused {
        /// The status.
        status: u16,
    },
    /// The far end could bring it to nobody.
    Failed {
        /// The status.
        status: u16,
    },
    /// Nobody said a word in time.
    Silent,
    /// It did not come to that: no way there, no port, or the box needed the line or stopped.
    Undone,
}

impl TestOutcome {
    /// Whether it has found somebody.
    #[must_use]
    pub const fn is_alive(self) -> bool {
        match self {
            Self::Answered | Self::Rang | Self::Refused { .. } => true,
            Self::Failed { .. } | Self::Silent | Self::Undone => false,
        }
    }

    /// In words for people.
    #[must_use]
    pub fn says(self) -> String {
        match self {
            Self::Answered => "answered".to_owned(),
            Self::Rang => "rang".to_owned(),
            Self::Refused { status } => format!("refused with {status} by whoever was called"),
            Self::Failed { status } => format!("came to nothing: {status}"),
            Self::Silent => "came to nothing: no word in time".to_owned(),
            Self::Undone => "could not be carried out".to_owned(),
        }
    }
}

/// What can happen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
pub enum Fact {
    /// The box started; every call of before that is not named by a later fact was lost.
    Started {
        /// Version of the program.
        version: String,
    },
    /// A first INVITE was accepted for handling. Gate 1 of QUEUEING.md 2.13.
    CallArrived {
        /// The new call.
        call: CallId,
        /// The trunk it came over; none for a phone of ours.
        trunk: Option<TrunkName>,
        /// Who calls.
        from: Subject,
        /// What was dialled.
        dialled: Subject,
        /// How it arrived.
        ingress: Ingress,
        /// Call-ID of its INVITE, by which the records of other systems are matched with ours.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sip_call_id: Option<String>,
    },
    /// The call that arrived goes to an emergency number.
    Emergency {
        /// The call.
        call: CallId,
    },
    /// We answered the caller: charging starts. Gate 2.
    CallAnswered {
        /// The call.
        call: CallId,
    },
    /// A leg towards someone was begun.
    LegStarted {
        /// The call.
        call: CallId,
        /// The new leg.
        leg: LegId,
        /// Whom it calls.
        to: Subject,
        /// Call-ID of our INVITE.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sip_call_id: Option<String>,
    },
    /// That leg was answered.
    LegAnswered {
        /// The call.
        call: CallId,
        /// The leg.
        leg: LegId,
    },
    /// A leg is over.
    LegEnded {
        /// The call.
        call: CallId,
        /// The leg.
        leg: LegId,
        /// Why.
        why: LegEnd,
        /// Its audio, if it had any.
        media: Option<StreamCounters>,
        /// Name of the codec, if one was agreed.
        codec: Option<String>,
        /// How its audio was protected: a crypto suite, `none` where encryption was wished and not
        /// had, nothing where it was not wished.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        crypto: Option<String>,
    },
    /// A party asked that the other one talk to somebody else, and was let.
    TransferAsked {
        /// The call.
        call: CallId,
        /// The leg of the party that asked.
        leg: LegId,
        /// Who asked.
        by: Subject,
        /// Whom the other party shall talk to.
        to: Subject,
        /// Whether a call to that one was there before.
        kind: TransferKind,
    },
    /// What was asked for last has happened, or will not.
    TransferEnded {
        /// The call.
        call: CallId,
        /// How it went.
        outcome: TransferOutcome,
    },
    /// The call is over: its CDR can be written.
    CallEnded {
        /// The call.
        call: CallId,
        /// Who or what ended it.
        by: EndedBy,
        /// SIP status given to the caller when it was never answered.
        status: Option<u16>,
        /// Why, as the telephone network says it: a cause of Q.850.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cause: Option<u8>,
    },
    /// A contact entered a queue. Gate 3.
    Enqueued {
        /// The contact.
        contact: ContactId,
        /// The call it belongs to.
        call: CallId,
        /// The queue.
        queue: QueueName,
    },
    /// A contact left a queue that it had entered, with exactly one outcome.
    ContactLeft {
        /// The contact.
        contact: ContactId,
        /// The queue it left.
        queue: QueueName,
        /// How it ended.
        outcome: Outcome,
        /// Time in queue, in milliseconds.
        waited_ms: u64,
    },
    /// A contact that its queue does not serve is led on.
    LedOn {
        /// The contact.
        contact: ContactId,
        /// The call it belongs to.
        call: CallId,
        /// The queue that it has left.
        queue: QueueName,
        /// Where it goes.
        to: LedTo,
    },
    /// A place to which a contact was to be led on did not take it.
    NotLedOn {
        /// The contact.
        contact: ContactId,
        /// The call it belongs to.
        call: CallId,
        /// The queue that it has left.
        queue: QueueName,
        /// Where it was to go.
        to: LedTo,
        /// Why not.
        why: NotLedOn,
    },
    /// A person has closed a queue.
    QueueClosed {
        /// The queue.
        queue: QueueName,
        /// Why.
        why: String,
    },
    /// A queue is closed no more.
    QueueOpened {
        /// The queue.
        queue: QueueName,
    },
    /// An agent was reserved for a contact. Gate 4: durable before the delivery starts.
    Reserved {
        /// The offer.
        offer: OfferId,
        /// The contact.
        contact: ContactId,
        /// The agent.
        agent: AgentName,
        /// Where the agent is reached.
        endpoint: Endpoint,
    },
    /// The agent's device alerts.
    OfferRinging {
        /// The offer.
        offer: OfferId,
    },
    /// The agent answered and won. Gate 6.
    OfferWon {
        /// The offer.
        offer: OfferId,
        /// The contact.
        contact: ContactId,
        /// The agent.
        agent: AgentName,
    },
    /// An offer ended without an answer.
    OfferEnded {
        /// The offer.
        offer: OfferId,
        /// The contact.
        contact: ContactId,
        /// The agent.
        agent: AgentName,
        /// Why.
        why: OfferEnd,
    },
    /// The agent's own part in a contact is over.
    AgentDone {
        /// The agent.
        agent: AgentName,
        /// The contact.
        contact: ContactId,
        /// Time talking and holding, in milliseconds.
        talked_ms: u64,
    },
    /// Wrap-up ended.
    WrapUpEnded {
        /// The agent.
        agent: AgentName,
        /// How long it took, in milliseconds.
        took_ms: u64,
    },
    /// Duty changed. Gate 12 towards the page.
    DutyChanged {
        /// The agent.
        agent: AgentName,
        /// The new duty.
        duty: Duty,
        /// Who changed it.
        by: DutyChangedBy,
    },
    /// A message left before its record was on disk: the gate waited too long.
    Ungated {
        /// The record that was late.
        late: Lsn,
    },
    /// No call can go out over a trunk any more.
    TrunkDown {
        /// The trunk.
        trunk: TrunkName,
        /// What is wrong, in words for a technician.
        why: String,
    },
    /// Calls can go out over a trunk again.
    TrunkUp {
        /// The trunk.
        trunk: TrunkName,
    },
    /// The other side of a trunk does not take our user name and password.
    LoginRefused {
        /// The trunk.
        trunk: TrunkName,
        /// What is wrong and what helps, in words for a technician.
        why: String,
    },
    /// It takes them again.
    LoginAccepted {
        /// The trunk.
        trunk: TrunkName,
    },
    /// The registrar of a trunk has taken our registration: calls arrive.
    Registered {
        /// The trunk.
        trunk: TrunkName,
    },
    /// Our registration there has ended, and calls do not arrive.
    RegistrationLost {
        /// The trunk.
        trunk: TrunkName,
        /// What is wrong, in words for a technician.
        why: String,
    },
    /// A phone of a central PBX is registered by this box, because the PBX is gone.
    PhoneTakenOver {
        /// The phone.
        account: EndpointName,
        /// Its PBX.
        pbx: TrunkName,
    },
    /// It is registered at its PBX again.
    PhoneLedBack {
        /// The phone.
        account: EndpointName,
        /// Its PBX.
        pbx: TrunkName,
    },
    /// Nothing from there is read any more.
    Banned {
        /// The address, or the /64 of IPv6.
        source: String,
        /// For what, in a few words.
        why: String,
        /// For how long, in seconds.
        for_s: u64,
        /// Which ban of this source it is, from 1.
        times: u32,
    },
    /// What comes from there is read again.
    BanEnded {
        /// The address, or the /64 of IPv6.
        source: String,
        /// How it ended.
        how: BanEnd,
    },
    /// A trunk has refused a call for a reason that lies in its own configuration.
    TrunkAlarm {
        /// The trunk.
        trunk: TrunkName,
        /// The status.
        status: u16,
    },
    /// A person has ordered that no new calls are taken from outside, or that they are again.
    DrainChanged {
        /// Whether none are taken.
        on: bool,
    },
    /// A test call over a trunk was begun. It has no CDR.
    TestCallPlaced {
        /// Its name in the trace.
        call: CallId,
        /// Its leg.
        leg: LegId,
        /// The trunk.
        trunk: TrunkName,
        /// What is called.
        to: Subject,
        /// Call-ID of our INVITE.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sip_call_id: Option<String>,
    },
    /// That call has shown whether anybody is there.
    TestCallEnded {
        /// Its name in the trace.
        call: CallId,
        /// The trunk.
        trunk: TrunkName,
        /// What it has shown.
        outcome: TestOutcome,
    },
    /// A party and this box have found nothing to speak: a call was refused by one of them, or
    /// ended.
    NothingInCommon {
        /// The call.
        call: CallId,
        /// The leg.
        leg: LegId,
        /// What we offered or take, in one line: `RTP/AVP PCMA PCMU`.
        ours: String,
        /// What they offered or take, if they said so.
        theirs: Option<String>,
    },
    /// From now on audio of the call is decoded and encoded here: two who hear each other share no
    /// codec, a party that hears the box has no G.711, a supervisor hears both, or it is recorded.
    Transcoded {
        /// The call.
        call: CallId,
    },
    /// That would be needed too, and is not done: as many calls as may be are transcoded already.
    NotTranscoded {
        /// The call.
        call: CallId,
    },
    /// What a supervisor does in a call.
    Supervision {
        /// The call.
        call: CallId,
        /// The supervisor.
        supervisor: AgentName,
        /// What happened.
        step: SupervisionStep,
    },
    /// What is taken down of a call, and who has heard it since.
    Recording {
        /// The call.
        call: CallId,
        /// What happened.
        step: RecordingStep,
    },
    /// The configuration was replaced.
    Configured {
        /// Hash of the document, hexadecimal.
        hash: String,
    },
}

/// How a ban ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BanEnd {
    /// Its time was over.
    Time,
    /// A person lifted it.
    Lifted,
    /// The source is one of a trunk, or the configuration spares it.
    Spared,
}

/// How a contact arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ingress {
    /// SIP from a trunk or a phone.
    Sip,
    /// A notification of Graph Cloud Communications.
    Graph,
    /// An event of ACS Call Automation.
    Acs,
}

/// How a party is transferred.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransferKind {
    /// To somebody who is called for it.
    Blind,
    /// To somebody whom the transferor talks to in another call.
    Attended,
    /// A new call took the place of the party (INVITE with Replaces).
    Replaced,
}

/// How a transfer went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransferOutcome {
    /// Both hear each other, or the queue has the party.
    Joined,
    /// The target did not answer or refused; this status was given to the transferor.
    Failed(u16),
    /// The party that was to be transferred was gone first.
    Abandoned,
}

/// Why a leg ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LegEnd {
    /// The remote hung up (BYE) or gave up (CANCEL).
    Remote,
    /// We hung up because the call or the other leg ended.
    Local,
    /// The remote refused with this SIP status.
    Refused(u16),
    /// Nobody answered in time.
    NoAnswer,
    /// The remote could not be reached or stopped answering.
    Unreachable,
    /// The remote goes on talking in another call of ours.
    HandedOver,
    /// Audio stopped and the remote no longer knew the call.
    MediaLost,
    /// Nobody has refreshed the session for as long as it lasts (RFC 4028).
    SessionExpired,
    /// The process died and the remote no longer knew the call.
    LostInCrash,
}

/// Who or what ended a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndedBy {
    /// The calling party.
    Caller,
    /// The called party: agent, phone or trunk.
    Callee,
    /// The box: a rule, a limit, a refusal.
    Box,
    /// A person on the page.
    Operator,
    /// A transfer: the remaining party goes on in another call.
    Transfer,
    /// A network failure.
    Network,
    /// A call to an emergency number, which needed its line.
    Preempted,
    /// The process died.
    Crash,
}

/// Why an offer ended without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OfferEnd {
    /// Rang, nobody answered: a miss.
    Rona,
    /// 486 or 600.
    Busy,
    /// 603.
    Declined,
    /// 480, not registered, no route, or silence.
    Unreachable,
    /// The device failed: 4xx or 5xx that is not the agent's doing.
    DeviceFailed,
    /// The caller left first.
    CallerLeft,
    /// Somebody else answered first.
    LostRace,
    /// Rang together with others, and nobody answered: nobody's miss.
    NotTaken,
    /// Taken back: duty ended, own call seen, queue changed.
    Withdrawn,
    /// The process died while it was pending.
    LostInCrash,
}

/// What an agent or supervisor has set (layer 1 of QUEUEING.md 2.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Duty {
    /// Takes calls.
    OnDuty,
    /// Takes none, with the reason given: a break, which keeps the place in the idle order. Without
    /// a reason it is a log-out.
    OffDuty(String),
}

/// Who changed a duty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DutyChangedBy {
    /// The agent by a star code.
    Phone,
    /// Someone on the page.
    Page,
    /// The queue, after too many calls not answered.
    Rona,
    /// The configuration's default at first start.
    Default,
}
