//! What the page, the API and the metrics may see: a picture of the site at one instant.
//!
//! Durations are milliseconds at the instant `at`; the page lets them run on by itself.

use holdfast_base::{AgentName, CallId, ContactId, LegId, QueueName, Wall};
use holdfast_config::supervision::Mode;
use serde::{Deserialize, Serialize};

use crate::abuse::view::AbuseView;
use crate::media::order::StreamCounters;
use crate::peer::picture::TrunkView;
use crate::record::event::{Cdr, Duty, Outcome};

/// The whole site at one instant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SiteView {
    /// When the picture was taken.
    pub at: Wall,
    /// Name of the site.
    pub site: String,
    /// Version of the program.
    pub version: String,
    /// Milliseconds since the start of the process.
    pub up_ms: u64,
    /// Hash of the configuration in force.
    pub config_hash: String,
    /// Since when no new calls are taken from outside, by order of a person.
    #[serde(default)]
    pub draining_since: Option<Wall>,
    /// The state of what the box depends on.
    pub health: Vec<HealthView>,
    /// Trunks that calls can go out over.
    pub trunks: Vec<TrunkView>,
    /// Who is kept out.
    #[serde(default)]
    pub abuse: AbuseView,
    /// Every queue, in order of the configuration.
    pub queues: Vec<QueueView>,
    /// Every agent, in order of the configuration.
    pub agents: Vec<AgentView>,
    /// Live calls, oldest first.
    pub calls: Vec<CallView>,
    /// The last calls, newest first.
    pub cdrs: Vec<Cdr>,
    /// Totals since the start.
    pub totals: Totals,
}

/// One dependency or part of the box.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthView {
    /// `SIP`, `Log`, `Media`, a trunk…
    pub part: String,
    /// Whether it works.
    pub state: HealthState,
    /// One sentence for people.
    pub says: String,
}

/// Whether a part works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HealthState {
    /// Works.
    Good,
    /// Works, but a person should look.
    Degraded,
    /// Does not work.
    Down,
}

/// A queue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QueueView {
    /// Its name.
    pub name: QueueName,
    /// Its name for people.
    pub display: String,
    /// Waiting contacts in rank order.
    pub waiting: Vec<WaitingView>,
    /// Agents who could take a call now.
    pub agents_free: u32,
    /// Agents on duty.
    pub agents_on_duty: u32,
    /// Whether somebody has closed it for callers who come, and why.
    #[serde(default)]
    pub closed: Option<ClosedView>,
    /// Figures since midnight UTC.
    pub today: QueueFigures,
}

/// That a queue is closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClosedView {
    /// Why.
    pub why: String,
    /// For how much longer; none is until somebody opens it.
    pub left_ms: Option<u64>,
}

/// One waiting contact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitingView {
    /// The contact.
    pub contact: ContactId,
    /// Its call.
    pub call: CallId,
    /// The caller, masked.
    pub from: String,
    /// Waiting so far.
    pub waited_ms: u64,
    /// The agents whose phones are being called now.
    #[serde(default)]
    pub offered_to: Vec<AgentName>,
    /// Why nobody is being called, by agent: for the first of each queue who ring nobody.
    #[serde(default)]
    pub why_nobody: Vec<WhyNot>,
}

/// Why an agent is not called for a contact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WhyNot {
    /// The agent.
    pub agent: AgentName,
    /// The first reason against it, in a sentence.
    pub why: String,
}

/// Figures of a queue (QUEUEING.md 2.12).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct QueueFigures {
    /// Entered.
    pub offered: u64,
    /// Count of each outcome that occurred.
    pub outcomes: std::collections::BTreeMap<Outcome, u64>,
    /// Neither answered nor gone.
    pub in_progress: u64,
    /// Answered within the service level.
    pub answered_in_level: u64,
    /// Sum of the waits of the answered, milliseconds.
    pub answered_wait_ms: u64,
    /// Longest wait of any contact, milliseconds.
    pub longest_wait_ms: u64,
    /// Service level in thousandths: A_t / (A + B − B_s + F); `None` without calls.
    pub service_level_permille: Option<u32>,
}

/// An agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentView {
    /// Its name.
    pub name: AgentName,
    /// Its name for people.
    pub display: String,
    /// Layer 1.
    pub duty: Duty,
    /// Layer 2, as a word of the glossary: `free`, `reserved`, `offered`, `connected`, …
    pub task: String,
    /// Time in that state.
    pub for_ms: u64,
    /// Time until the state ends by itself.
    pub left_ms: Option<u64>,
    /// Whether a call could be offered now.
    pub selectable: bool,
    /// Why not, in a sentence; empty when selectable.
    pub why_not: String,
    /// Queues of which this agent is a member.
    pub queues: Vec<QueueName>,
    /// Endpoints: address and whether it is reachable.
    pub endpoints: Vec<(String, bool)>,
    /// The call being handled.
    pub call: Option<CallId>,
}

/// A live call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CallView {
    /// The call.
    pub call: CallId,
    /// Who calls, masked.
    pub from: String,
    /// What was dialled, masked when a number.
    pub to: String,
    /// Whether it goes to an emergency number.
    pub emergency: bool,
    /// A word of the glossary: `ringing`, `queued`, `talking`, …
    pub state: String,
    /// Age.
    pub for_ms: u64,
    /// The transfer that is under way.
    #[serde(default)]
    pub transfer: Option<TransferView>,
    /// Who supervises it.
    #[serde(default)]
    pub supervised: Option<SupervisedView>,
    /// Who may be let into it.
    #[serde(default)]
    pub supervisors: Vec<SupervisorView>,
    /// Its legs.
    pub legs: Vec<LegView>,
}

/// The supervisor of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SupervisedView {
    /// The supervisor.
    pub supervisor: AgentName,
    /// Its name for people.
    pub display: String,
    /// What the supervisor does, or will once there.
    pub mode: Mode,
    /// Whether the supervisor hears the call. A phone still rings otherwise.
    pub present: bool,
}

/// Somebody who may be let into a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SupervisorView {
    /// The supervisor.
    pub supervisor: AgentName,
    /// Its name for people.
    pub display: String,
    /// What the supervisor may do in it.
    pub modes: Vec<Mode>,
}

/// A transfer under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferView {
    /// Who asked for it, masked.
    pub by: String,
    /// Whom the other party shall talk to, masked when a number.
    pub to: String,
}

/// One leg of a live call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LegView {
    /// The leg.
    pub leg: LegId,
    /// The other end, masked.
    pub with: String,
    /// A word of the glossary.
    pub state: String,
    /// Codec, when agreed.
    pub codec: Option<String>,
    /// How the audio is protected: a crypto suite, `none` where encryption was wished and not had
    /// or nobody has decided that the trunk goes without, nothing where somebody has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crypto: Option<String>,
    /// Audio so far.
    pub media: StreamCounters,
}

/// Totals since the start of the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Calls that arrived.
    pub calls: u64,
    /// Calls that were refused because too many were there, or none are taken.
    pub calls_refused: u64,
    /// Those of them that were refused because the loop was late.
    #[serde(default)]
    pub calls_refused_late: u64,
    /// The longest that an input waited for its turn within the last tenth of a second, in
    /// milliseconds.
    #[serde(default)]
    pub input_wait_ms: u64,
    /// Calls that ended with a CDR.
    pub cdrs: u64,
    /// SIP messages received.
    pub sip_received: u64,
    /// SIP messages sent.
    pub sip_sent: u64,
    /// SIP datagrams that were not SIP.
    pub sip_malformed: u64,
    /// Messages that left before their record was on disk.
    pub ungated: u64,
    /// Deadlines that had to be forced.
    pub reaper_fixups: u64,
    /// Live transactions, dialogs, streams and timers, for leak tests.
    pub live_transactions: u64,
    /// See `live_transactions`.
    pub live_legs: u64,
    /// See `live_transactions`.
    pub live_streams: u64,
}
