//! The party is elsewhere now: what the box still has to say to it goes there.
//!
//! A phone that registers again over another connection, or from where a NAT has moved it, has its
//! calls with it: our BYE, re-INVITE or NOTIFY would otherwise go into a connection that is closed,
//! or to a port behind which nobody is any more (RFC 5626 §5.3 sends over the flow that is there).

use holdfast_base::EndpointName;

use super::hold::Word;
use super::{Leg, State};
use crate::call::io::Desk;
use crate::call::origin::Origin;
use crate::call::words;
use crate::record::event::LegEnd;
use crate::sip::dialog::Dialog;
use crate::sip::registrar::Moved;

impl Leg {
    /// Whether its party is a phone of this account that was reached on the way that it has left.
    #[must_use]
    pub fn concerns(&self, account: &EndpointName, moved: &Moved) -> bool {
        let theirs = match &self.origin {
            Origin::Account(own) => own == account,
            Origin::Trunk(_) | Origin::Guest => false,
        };
        let there = self.flow == moved.from
            || self.dialog().is_some_and(|dialog| dialog.flow() == moved.from);
        theirs && there && !self.is_ended()
    }

    /// The party has moved: requests of its dialog follow. What is open goes on where it began.
    /// One that had to come back is asked whether it still knows the call.
    pub fn follow(&mut self, moved: Moved, desk: &mut Desk<'_>) {
        if self.flow == moved.from {
            self.flow = moved.to;
        }
        let dialog = match &mut self.state {
            State::Accepted { dialog, .. }
            | State::Answered { dialog, .. }
            | State::Confirmed { dialog, .. }
            | State::Incoming { early: Some(dialog), .. } => dialog,
            // The forks of a call that is not answered yet are asked where their INVITE went.
            State::Calling { .. }
            | State::Incoming { early: None, .. }
            | State::Cancelling { .. }
            | State::Closing { .. }
            | State::Over { .. } => return,
        };
        if follow(dialog, moved, desk) && self.is_absent() {
            self.hold = Word::Settled;
            self.probe(LegEnd::LostInCrash, desk);
        }
    }
}

/// Returns whether the dialog was there.
fn follow(dialog: &mut Dialog, Moved { from, to }: Moved, desk: &Desk<'_>) -> bool {
    if dialog.flow() != from {
        return false;
    }
    dialog.moved_to(to);
    dialog.keep_flow(); // its Contact is of where it was
    if (from.transport, from.local) != (to.transport, to.local) {
        // It reaches us at another address now; it hears so with our next request.
        dialog.set_contact(words::contact(desk.config, &to));
    }
    true
}
