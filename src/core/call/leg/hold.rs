//! Telling a party that the other one holds, where its kind wants to be told (`core/dialect`).
//!
//! What it should know follows from the other leg and is looked at after each step; here stands
//! what it was told. Whoever is not told hears music all the same.
//!
//! ```text
//!            it should know otherwise          2xx
//!  Settled ─────────────────────────> Asked ────────> Settled
//!     ^                                │  │ any other refusal
//!     │ the wait is over           491 │  └───────────> Refused: not asked for again
//!     └──────────────────── Later <────┘                until it should know otherwise
//! ```
//!
//! Nothing is told to a party that has to come back first, after a restart (`restore`): that is
//! `Absent`.

use holdfast_base::Mono;
use holdfast_config::Hold;
use holdfast_wire::sdp::Direction;
use holdfast_wire::sip::Status;
use serde::{Deserialize, Serialize};

use super::{Change, Leg, State};
use crate::call::io::Desk;
use crate::record::event::LegEnd;

/// How far the party was told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Word {
    /// As far as it should be.
    #[default]
    Settled,
    /// A re-INVITE in this direction is open.
    Asked(Direction),
    /// One collided with theirs (RFC 3261 §14.1).
    Later {
        /// When it is tried again.
        at: Mono,
    },
    /// Its connection has ended with the process that held it, and nobody can open another one but
    /// the party itself.
    Absent {
        /// When it is taken for lost.
        until: Mono,
    },
    /// It does not want to hear of this direction.
    Refused(Direction),
}

impl Leg {
    /// Tells the party what it should know of the other one, unless it does already.
    pub fn pass_hold(&mut self, other_holds: bool, desk: &mut Desk<'_>) {
        if self.is_absent() {
            return;
        }
        if self.audio.awaits_key() {
            return self.pass_key(desk);
        }
        let held = match self.origin.behaviour(desk.config).hold {
            Hold::Music => false,
            Hold::Inactive => other_holds,
        };
        let wanted = if held { Direction::Inactive } else { Direction::SendRecv };
        let State::Confirmed { change: Change::None, .. } = &self.state else { return };
        if self.audio.wanted().is_none_or(|known| known == wanted) {
            self.hold = Word::Settled;
            return;
        }
        match self.hold {
            Word::Later { .. } | Word::Absent { .. } => return,
            Word::Refused(direction) if direction == wanted => return,
            Word::Settled | Word::Asked(_) | Word::Refused(_) => {}
        }
        let Ok(sdp) = self.audio.turn(wanted) else { return };
        self.offer_change(&sdp, LegEnd::Unreachable, desk);
        self.hold = Word::Asked(wanted);
    }

    /// Offers the party the key that it needs to hear anything, unless that is under way.
    fn pass_key(&mut self, desk: &mut Desk<'_>) {
        match self.hold {
            Word::Later { .. } | Word::Absent { .. } => {}
            Word::Settled | Word::Asked(_) | Word::Refused(_) => {
                self.hold = Word::Settled;
                self.probe(LegEnd::LostInCrash, desk);
            }
        }
    }

    /// When [`Self::hold_due`] is due.
    pub(super) const fn hold_deadline(&self) -> Option<Mono> {
        match self.hold {
            Word::Later { at } | Word::Absent { until: at } => Some(at),
            Word::Settled | Word::Asked(_) | Word::Refused(_) => None,
        }
    }

    /// The wait after a collision may be over: the end of this step looks again. Whoever has not
    /// come back is asked where it was, which nobody hears.
    pub(super) fn hold_due(&mut self, desk: &mut Desk<'_>) {
        if self.hold_deadline().is_none_or(|at| at > desk.now.mono) {
            return;
        }
        let was_absent = self.is_absent();
        self.hold = Word::Settled;
        if was_absent {
            self.probe(LegEnd::LostInCrash, desk);
        }
    }

    /// Whether its party has to come back before it can be told anything.
    pub(super) const fn is_absent(&self) -> bool {
        matches!(self.hold, Word::Absent { .. })
    }

    /// Our re-INVITE was taken with an answer, or with one that does not suit.
    pub(super) const fn hold_answered(&mut self, suits: bool) {
        if let Word::Asked(direction) = self.hold {
            self.hold = if suits { Word::Settled } else { Word::Refused(direction) };
        }
    }

    /// Our re-INVITE was refused.
    pub(super) fn hold_refused(&mut self, status: Status, desk: &mut Desk<'_>) {
        let State::Confirmed { dialog, .. } = &self.state else { return };
        if self.audio.awaits_key() {
            self.hold = Word::Later { at: desk.now.mono + dialog.glare_delay(desk.entropy) };
            return;
        }
        let Word::Asked(direction) = self.hold else { return };
        self.hold = match status {
            Status::REQUEST_PENDING => {
                Word::Later { at: desk.now.mono + dialog.glare_delay(desk.entropy) }
            }
            _ => Word::Refused(direction), // of a foreign type: every other status
        };
    }
}
