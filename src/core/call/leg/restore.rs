//! A leg after a restart of the process: what goes on, what is asked, what is ended.
//!
//! Transactions die with the process. Those that the other side still waits for are taken up again
//! from the INVITE in the journal, so that nobody is left ringing or waiting.

use holdfast_wire::sip::{Request, Status, Via};
use std::time::Duration;

use super::hold::Word;
use super::{Change, Leg, News, State, Told};
use crate::call::io::{Before, Desk, Output};
use crate::call::origin::Origin;
use crate::call::words;
use crate::record::event::LegEnd;
use crate::sip::dialog::Dialog;
use crate::sip::flow::Flow;
use crate::sip::transaction::ServerKey;

/// How long a phone may need to connect again. It looks after its connection every 120 s at least
/// (RFC 5626 §4.4.1), and then it takes some seconds. Audio goes on meanwhile; a phone that is gone
/// is known before by its silence.
const RETURN_TIME: Duration = Duration::from_secs(150);

/// An INVITE of ours without a final response.
#[derive(Clone, Copy, Debug)]
pub struct OpenInvite<'a> {
    /// The request, with its Via.
    pub invite: &'a Request,
    /// Its way.
    pub flow: Flow,
    /// Whether a 1xx is known to have come, so that it may be cancelled (RFC 3261 §9.1).
    pub heard: bool,
}

impl Leg {
    /// The INVITE of theirs that still waits for our final response or its ACK, and its way.
    #[must_use]
    pub const fn unanswered_invite(&self) -> Option<(&Request, Flow)> {
        match &self.state {
            State::Incoming { invite, .. } | State::Accepted { invite, .. } => {
                Some((invite, self.flow))
            }
            State::Calling { .. }
            | State::Cancelling { .. }
            | State::Answered { .. }
            | State::Confirmed { .. }
            | State::Closing { .. }
            | State::Over { .. } => None,
        }
    }

    /// The transaction in which that INVITE was taken up again.
    pub const fn answer_in(&mut self, again: ServerKey) {
        match &mut self.state {
            State::Incoming { key, .. } | State::Accepted { key, .. } => *key = again,
            State::Calling { .. }
            | State::Cancelling { .. }
            | State::Answered { .. }
            | State::Confirmed { .. }
            | State::Closing { .. }
            | State::Over { .. } => {}
        }
    }

    /// The INVITE of ours that has no final response yet.
    #[must_use]
    pub const fn open_invite(&self) -> Option<OpenInvite<'_>> {
        match &self.state {
            State::Calling { invite, heard, .. } | State::Cancelling { invite, heard, .. } => {
                let heard = !matches!(heard, Told::Nothing);
                Some(OpenInvite { invite, flow: self.flow, heard })
            }
            State::Incoming { .. }
            | State::Accepted { .. }
            | State::Answered { .. }
            | State::Confirmed { .. }
            | State::Closing { .. }
            | State::Over { .. } => None,
        }
    }

    /// The INVITE has left under this Via: what another process needs to cancel it.
    pub fn sent_under(&mut self, via: &Via) {
        match &mut self.state {
            State::Calling { invite, .. } | State::Cancelling { invite, .. } => {
                invite.headers.set("Via", via);
            }
            State::Incoming { .. }
            | State::Accepted { .. }
            | State::Answered { .. }
            | State::Confirmed { .. }
            | State::Closing { .. }
            | State::Over { .. } => {}
        }
    }

    /// Whether [`Leg::restore`] ends it, because nobody ever talked on it.
    #[must_use]
    pub const fn is_lost_by_restart(&self) -> bool {
        match &self.state {
            State::Incoming { .. } | State::Calling { .. } | State::Answered { .. } => true,
            State::Accepted { .. }
            | State::Cancelling { .. }
            | State::Confirmed { .. }
            | State::Closing { .. }
            | State::Over { .. } => false,
        }
    }

    /// Takes the leg up again. An answered one goes on and is asked whether its party still does;
    /// any other is ended, and its party told so.
    pub fn restore(&mut self, before: &Before, desk: &mut Desk<'_>) -> Option<News> {
        desk.out.push(Output::StreamMade { leg: self.id, stream: self.audio.stream() });
        if let Some(id) = self.dialog_id() {
            desk.out.push(Output::DialogMade { leg: self.id, id: id.clone() });
        }
        self.hold = Word::default();
        let comes_back = self.has_to_come_back();
        match &mut self.state {
            State::Confirmed { change, dialog, timer } => {
                *change = Change::None;
                dialog.resume(before.ago);
                timer.resume(desk.now.mono);
                self.audio.resume(desk);
                self.audio.reopen(before, desk);
                if comes_back {
                    self.hold = Word::Absent { until: desk.now.mono + RETURN_TIME };
                    return None;
                }
                // QUEUEING.md 2.13: who does not know the call any more was lost in the crash.
                self.probe(LegEnd::LostInCrash, desk);
                None
            }
            State::Accepted { dialog, .. } => {
                dialog.resume(before.ago);
                self.audio.reopen(before, desk);
                self.answer_once_more(desk);
                None
            }
            // The caller may try another way at once; here nobody would ever answer.
            State::Incoming { .. } => {
                self.reject(Status::SERVICE_UNAVAILABLE, LegEnd::LostInCrash, desk);
                Some(News::Ended(LegEnd::LostInCrash))
            }
            // Told as ended when the phone has said so or is taken for dead: until then it may
            // ring, and the queue leaves its agent alone.
            State::Calling { .. } => {
                self.hang_up(LegEnd::LostInCrash, desk);
                None
            }
            State::Cancelling { .. } => {
                desk.out.push(Output::Cancel { leg: self.id, reason: None, gated: false });
                None
            }
            // Whether the ACK left is not known; ACK and BYE end it either way.
            State::Answered { dialog, .. } => {
                dialog.resume(before.ago);
                self.hang_up(LegEnd::LostInCrash, desk);
                Some(News::Ended(LegEnd::LostInCrash))
            }
            // The old process may have died before the media plane had its say.
            State::Closing { .. } | State::Over { .. } => None,
        }
    }

    /// Whether its party is a phone that only a connection of its own leads to. That one ended with
    /// the old process; the phone registers over a new one, and then the leg follows it and asks.
    fn has_to_come_back(&self) -> bool {
        let registers = match &self.origin {
            Origin::Account(_) => true,
            Origin::Trunk(_) | Origin::Guest => false,
        };
        registers && self.dialog().is_some_and(Dialog::is_theirs_to_open)
    }

    /// Repeats our 200: it may never have left, and if it has, its ACK may have met nobody.
    fn answer_once_more(&mut self, desk: &mut Desk<'_>) {
        let State::Accepted { key, invite, dialog, timer, .. } = &self.state else { return };
        let contact = words::contact(desk.config, &self.flow);
        let sdp = self.audio.last_description();
        let tag = &dialog.id().local_tag;
        let mut response = words::dialog_response(invite, Status::OK, tag, &contact, sdp.as_ref());
        timer.write_grant(invite, &mut response.headers);
        self.origin.complete(desk.config, &mut response.headers);
        desk.out.push(Output::Respond { key: *key, response, gated: true });
    }
}
