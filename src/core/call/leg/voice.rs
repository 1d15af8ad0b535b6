//! What a party is asked to speak when nobody would understand it, and what it is told when nothing
//! of what it describes suits.
//!
//! The media plane turns one law of G.711 into the other and relays every other codec as it is;
//! prompts and music are G.711. So whoever speaks something else is asked for G.711 where the party
//! at the other end, or this box, can not follow: by a re-INVITE, as any change of a session.
//!
//! ```text
//!            nobody understands it          2xx
//!   Unasked ─────────────────────────> Open ───> Unasked
//!      ^                               │ │ any other refusal, or an answer that does not suit
//!      │ the wait is over          491 │ └──────> Unwilling
//!      └──────────────────── Later <───┘
//! ```

use holdfast_base::Mono;
use holdfast_wire::sdp::Direction;
use holdfast_wire::sip::{Headers, Response, Status};
use serde::{Deserialize, Serialize};

use super::refusal::{Refusal, is_about_audio, warn};
use super::{Change, Leg, State};
use crate::call::audio::own_formats;
use crate::call::io::{Desk, Output, Unsuited};
use crate::call::words;
use crate::offer_answer::{Fault, Proposal, Reject, line};
use crate::record::event::LegEnd;

/// What a party was asked to speak, and what of its own does not suit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Voice {
    asked: Asked,
    /// What did not suit in what it described last.
    unsuited: Option<Fault>,
}

/// How far the party was asked for G.711.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Asked {
    /// There was no need, or it has agreed.
    #[default]
    Unasked,
    /// Our re-INVITE is open.
    Open,
    /// It collided with one of theirs (RFC 3261 §14.1).
    Later {
        /// When it is tried again.
        at: Mono,
    },
    /// It does not want to.
    Unwilling,
}

impl Leg {
    /// Whether the parties of two legs understand each other, as far as both are known.
    #[must_use]
    pub fn understands(&self, other: &Self) -> bool {
        self.audio.understands(&other.audio)
    }

    /// Whether it speaks what only its like understands, and has refused to speak anything else.
    #[must_use]
    pub fn is_unwilling(&self) -> bool {
        self.voice.asked == Asked::Unwilling && !self.audio.speaks_g711()
    }

    /// Asks the party for G.711, unless it speaks it or an answer is still to come. False when it
    /// has said no.
    pub fn ask_for_g711(&mut self, desk: &mut Desk<'_>) -> bool {
        if self.audio.speaks_g711() {
            return true;
        }
        match self.voice.asked {
            Asked::Unwilling => return false,
            Asked::Later { .. } => return true,
            Asked::Unasked | Asked::Open => {}
        }
        let State::Confirmed { change: Change::None, .. } = &self.state else { return true };
        if self.audio.awaits_key() || self.is_absent() {
            return true; // its session is being taken up again
        }
        let direction = self.audio.wanted().unwrap_or(Direction::SendRecv);
        let proposal = Proposal { formats: own_formats(), ptime_ms: None, direction };
        let Ok(sdp) = self.audio.offer(&proposal) else {
            self.voice.asked = Asked::Unwilling;
            return false;
        };
        self.offer_change(&sdp, LegEnd::Unreachable, desk);
        self.voice.asked = Asked::Open;
        true
    }

    /// When [`Self::voice_due`] is due.
    pub(super) const fn voice_deadline(&self) -> Option<Mono> {
        match self.voice.asked {
            Asked::Later { at } => Some(at),
            Asked::Unasked | Asked::Open | Asked::Unwilling => None,
        }
    }

    /// The wait after a collision may be over: the end of this step looks again.
    pub(super) fn voice_due(&mut self, now: Mono) {
        if self.voice_deadline().is_some_and(|at| at <= now) {
            self.voice.asked = Asked::Unasked;
        }
    }

    /// Our re-INVITE was taken with an answer, or with one that does not suit.
    pub(super) fn voice_answered(&mut self, suits: bool) {
        if self.voice.asked == Asked::Open {
            self.voice.asked = if suits { Asked::Unasked } else { Asked::Unwilling };
        }
    }

    /// Our re-INVITE was refused.
    pub(super) fn voice_refused(&mut self, status: Status, desk: &mut Desk<'_>) {
        let State::Confirmed { dialog, .. } = &self.state else { return };
        if self.voice.asked == Asked::Open {
            self.voice.asked = match status {
                Status::REQUEST_PENDING => {
                    Asked::Later { at: desk.now.mono + dialog.glare_delay(desk.entropy) }
                }
                _ => Asked::Unwilling, // of a foreign type: every other status
            };
        }
    }

    /// Notes why a description of the party is refused; the status to refuse it with.
    pub(super) fn not_suited(&mut self, reject: Reject) -> Status {
        self.voice.unsuited = reject.fault();
        Refusal::from(reject).status
    }

    /// What did not suit in what the party described last, or in what it was offered.
    #[must_use]
    pub const fn unsuited(&self) -> Option<Fault> {
        self.voice.unsuited
    }

    /// The other party of the call has refused what this one described, and said why.
    pub const fn suits_nobody(&mut self, fault: Option<Fault>) {
        self.voice.unsuited = fault;
    }

    /// Says beside a 488 what did not suit (RFC 3261 §21.4.26).
    pub(super) fn warn(&self, status: Status, headers: &mut Headers) {
        warn(status, self.voice.unsuited, headers);
    }

    /// The party has refused our offer, or answered what does not suit.
    pub(super) fn offer_refused(&mut self, response: &Response, desk: &mut Desk<'_>) {
        if !is_about_audio(response.status) && !response.status.is_success() {
            return;
        }
        self.voice.unsuited = Fault::of_warnings(&response.headers).or(self.voice.unsuited);
        let theirs = words::description(&response.body).ok().flatten();
        let theirs = theirs.as_ref().and_then(line::of_theirs);
        self.tell_unsuited(self.audio.exchange().offered(), theirs, desk);
    }

    /// Its offer has no codec that the box speaks itself; the status to refuse it with.
    pub fn speaks_nothing_here(&mut self, desk: &mut Desk<'_>) -> Status {
        let status = self.not_suited(Reject::Unacceptable(Fault::NoCommonCodec));
        self.offer_unsuited(desk);
        status
    }

    /// The offer of the party that called was refused by us.
    pub(super) fn offer_unsuited(&self, desk: &mut Desk<'_>) {
        let State::Incoming { invite, .. } = &self.state else { return };
        if self.voice.unsuited.is_none_or(|fault| !fault.is_about_terms()) {
            return;
        }
        let theirs = words::description(&invite.body).ok().flatten();
        let ours = line::of_wish(&own_formats(), self.audio.exchange().keys());
        self.tell_unsuited(Some(ours), theirs.as_ref().and_then(line::of_theirs), desk);
    }

    /// It understands nobody here, and has refused to speak G.711.
    pub(in crate::call) fn speaks_alone(&mut self, desk: &mut Desk<'_>) {
        self.voice.unsuited = Some(Fault::NoCommonCodec);
        let keys = self.audio.exchange().keys();
        self.tell_unsuited(
            Some(line::of_wish(&own_formats(), keys)),
            self.audio.codec_name(),
            desk,
        );
    }

    fn tell_unsuited(&self, ours: Option<String>, theirs: Option<String>, desk: &mut Desk<'_>) {
        let (leg, ours) = (self.id, ours.unwrap_or_default());
        let origin = self.origin.clone();
        desk.out.push(Output::Unsuited(Box::new(Unsuited { leg, origin, ours, theirs })));
    }
}
