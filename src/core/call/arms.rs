//! The state tables of calls and legs, for whoever counts which of their cells were hit.

use holdfast_wire::sip::{Method, Request, Response};

use super::Call;
use super::io::{Input, QueueOrder};
use crate::arms::{Arm, Table};

/// What concerns one leg. Left out is what came of our UPDATE and PRACK (`Answer`, `Unanswered`):
/// it concerns the session timer alone, which has scripts of its own, and no state of these tables.
/// So is a key, which changes no state, and what is ordered about a supervisor, who has a machine of
/// its own.
const OF_A_LEG: &[&str] = &[
    "Bye",
    "Invite",
    "Update",
    "Prack",
    "Options",
    "Refer",
    "OtherRequest",
    "Ack",
    "Cancelled",
    "Provisional",
    "Success",
    "Refusal",
    "InviteFailed",
    "NoAck",
    "NoAudio",
    "Quiet",
    "Disconnected",
    "AudioClosed",
];

/// What concerns the whole call.
const OF_THE_CALL: &[&str] = &[
    "Treat",
    "Deliver",
    "Withdraw",
    "Connect",
    "Moved",
    "CallOn",
    "Announce",
    "End",
    "Transfer",
    "Replaced",
    "HangUp",
    "Restored",
    "DeadlineReached",
];

/// Every cell there is.
pub const TABLES: [Table; 3] = [
    Table {
        machine: "Call",
        states: &["Dialling", "Queued", "Announcing", "Talking", "Transferring", "LedOn", "Ending"],
        inputs: &[OF_A_LEG, OF_THE_CALL],
    },
    Table {
        machine: "Leg",
        states: &[
            "Incoming",
            "Accepted",
            "Calling",
            "Cancelling",
            "Answered",
            "Confirmed",
            "Closing",
            "Over",
        ],
        inputs: &[OF_A_LEG],
    },
    Table {
        machine: "Dialog",
        states: &["Early", "Unacknowledged", "Quiet", "Theirs", "Ours"],
        inputs: &[&[
            "Bye",
            "Invite",
            "Update",
            "Prack",
            "Options",
            "Refer",
            "OtherRequest",
            OUT_OF_ORDER,
            "Ack",
            "NoAck",
            "Provisional",
            "Success",
            "Refusal",
            "InviteFailed",
            "Quiet",
        ]],
    },
];

/// A request with a lower CSeq than one before it.
const OUT_OF_ORDER: &str = "OutOfOrder";

impl Input {
    /// The name of this input in [`TABLES`].
    #[must_use]
    pub fn arm(&self) -> &'static str {
        match self {
            Self::Request { request, .. } => request_arm(request),
            Self::Ack { .. } => "Ack",
            Self::Cancelled { .. } => "Cancelled",
            Self::Response { response, .. } => response_arm(response),
            Self::InviteFailed { .. } => "InviteFailed",
            Self::Unanswered { .. } => "Unanswered",
            Self::NoAck { .. } => "NoAck",
            Self::NoAudio { .. } => "NoAudio",
            Self::Quiet { .. } => "Quiet",
            Self::Disconnected { .. } => "Disconnected",
            Self::Key { .. } => "Key",
            Self::Moved { .. } => "Moved",
            Self::AudioClosed { .. } => "AudioClosed",
            Self::Queue(QueueOrder::Treat { .. }) => "Treat",
            Self::Queue(QueueOrder::Deliver { .. }) => "Deliver",
            Self::Queue(QueueOrder::Withdraw { .. }) => "Withdraw",
            Self::Queue(QueueOrder::Connect { .. }) => "Connect",
            Self::Queue(QueueOrder::Moved { .. }) => "Moved",
            Self::Queue(QueueOrder::CallOn(_)) => "CallOn",
            Self::Queue(QueueOrder::Announce { .. }) => "Announce",
            Self::Queue(QueueOrder::End { .. }) => "End",
            Self::Transfer { .. } => "Transfer",
            Self::Replaced(_) => "Replaced",
            Self::Supervision(_) => "Supervision",
            Self::HangUp { .. } => "HangUp",
            Self::Restored(_) => "Restored",
            Self::DeadlineReached => "DeadlineReached",
        }
    }

    /// The leg that it concerns.
    const fn leg(&self) -> Option<holdfast_base::LegId> {
        match self {
            Self::Request { leg, .. }
            | Self::Ack { leg, .. }
            | Self::Cancelled { leg, .. }
            | Self::Response { leg, .. }
            | Self::InviteFailed { leg, .. }
            | Self::Unanswered { leg, .. }
            | Self::NoAck { leg }
            | Self::NoAudio { leg }
            | Self::Quiet { leg }
            | Self::Disconnected { leg }
            | Self::Key { leg, .. }
            | Self::Moved { leg, .. }
            | Self::AudioClosed { leg, .. } => Some(*leg),
            Self::Queue(_)
            | Self::Transfer { .. }
            | Self::Replaced(_)
            | Self::Supervision(_)
            | Self::HangUp { .. }
            | Self::Restored(_)
            | Self::DeadlineReached => None,
        }
    }
}

fn request_arm(request: &Request) -> &'static str {
    match request.method {
        Method::Bye => "Bye",
        Method::Invite => "Invite",
        Method::Update => "Update",
        Method::Prack => "Prack",
        Method::Options => "Options",
        Method::Refer => "Refer",
        Method::Ack
        | Method::Cancel
        | Method::Register
        | Method::Notify
        | Method::Subscribe
        | Method::Info
        | Method::Message
        | Method::Publish
        | Method::Other(_) => "OtherRequest",
    }
}

fn response_arm(response: &Response) -> &'static str {
    if response.headers.cseq().is_ok_and(|cseq| cseq.method != Method::Invite) {
        "Answer"
    } else if response.status.is_provisional() {
        "Provisional"
    } else if response.status.is_success() {
        "Success"
    } else {
        "Refusal"
    }
}

impl Call {
    /// The cell of the call's table that this input hits.
    #[must_use]
    pub fn arm(&self, input: &Input) -> Arm {
        Arm { machine: "Call", state: self.arm_state(), input: input.arm() }
    }

    /// The cell of a leg's table that this input hits, if it concerns a leg that is still there.
    #[must_use]
    pub fn leg_arm(&self, input: &Input) -> Option<Arm> {
        let id = input.leg()?;
        let leg = self.legs().find(|leg| leg.id() == id)?;
        Some(Arm { machine: "Leg", state: leg.arm_state(), input: input.arm() })
    }

    /// The cell of a dialog's table that this input hits, if it concerns a leg that has one.
    #[must_use]
    pub fn dialog_arm(&self, input: &Input) -> Option<Arm> {
        let id = input.leg()?;
        let leg = self.legs().find(|leg| leg.id() == id)?;
        let state = leg.dialog_arm_state()?;
        let input = match input {
            Input::Request { request, .. } if leg.is_behind(request) => OUT_OF_ORDER,
            Input::Request { .. }
            | Input::Ack { .. }
            | Input::Response { .. }
            | Input::InviteFailed { .. }
            | Input::Unanswered { .. }
            | Input::NoAck { .. }
            | Input::Quiet { .. }
            | Input::Disconnected { .. } => input.arm(),
            Input::Cancelled { .. }
            | Input::NoAudio { .. }
            | Input::Key { .. }
            | Input::Moved { .. }
            | Input::AudioClosed { .. }
            | Input::Queue(_)
            | Input::Transfer { .. }
            | Input::Replaced(_)
            | Input::Supervision(_)
            | Input::HangUp { .. }
            | Input::Restored(_)
            | Input::DeadlineReached => return None,
        };
        Some(Arm { machine: "Dialog", state, input })
    }
}
