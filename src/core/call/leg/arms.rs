//! The names of a leg's states, and of its dialog's, in [`crate::call::arms::TABLES`].

use holdfast_wire::sip::Request;

use super::{Change, Leg, State};

impl Leg {
    /// The name of its state.
    pub(in crate::call) const fn arm_state(&self) -> &'static str {
        match self.state {
            State::Incoming { .. } => "Incoming",
            State::Accepted { .. } => "Accepted",
            State::Calling { .. } => "Calling",
            State::Cancelling { .. } => "Cancelling",
            State::Answered { .. } => "Answered",
            State::Confirmed { .. } => "Confirmed",
            State::Closing { .. } => "Closing",
            State::Over { .. } => "Over",
        }
    }

    /// The name of its dialog's state; none while there is no dialog.
    pub(in crate::call) fn dialog_arm_state(&self) -> Option<&'static str> {
        match &self.state {
            State::Incoming { early: Some(_), .. } => Some("Early"),
            State::Calling { forks, .. } => forks.current().map(|_| "Early"),
            State::Accepted { .. } => Some("Unacknowledged"),
            State::Answered { .. } | State::Confirmed { change: Change::None, .. } => Some("Quiet"),
            State::Confirmed { change: Change::Theirs { .. }, .. } => Some("Theirs"),
            State::Confirmed { change: Change::Ours { .. }, .. } => Some("Ours"),
            State::Incoming { early: None, .. }
            | State::Cancelling { .. }
            | State::Closing { .. }
            | State::Over { .. } => None,
        }
    }

    /// Whether its dialog has had a later request than this one.
    pub(in crate::call) fn is_behind(&self, request: &Request) -> bool {
        let Some(dialog) = self.dialog() else { return false };
        request.headers.cseq().is_ok_and(|cseq| dialog.is_behind(cseq.number))
    }
}
