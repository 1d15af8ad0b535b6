//! Calls of ours that come back to us. Max-Forwards, which every call that goes on has one less of
//! (RFC 3261 §16.3, `sip/admit`), ends each loop some time; these rules end it before it has filled
//! the lines.
//!
//! A number that leads out and comes in again under another one is no loop: the call goes on then.

use holdfast_wire::sip::Request;

use super::Site;
use crate::call::Call;
use crate::record::event::Subject;
use crate::routing::caller::ANONYMOUS;

/// Most diversions that a call may have behind it (RFC 7044, RFC 5806). People forward it once or
/// twice.
const DIVERSIONS_MAX: usize = 10;
/// Most calls of one number to one other that may wait for an answer outside. A peer that is no
/// proxy leaves nothing of ours in the INVITE that it sends back.
const ALIKE_MAX: usize = 8;

impl Site {
    /// Whether an INVITE is one of ours that has come back: RFC 3261 §16.3 step 4, a Via of ours.
    /// The same number makes it a loop and not a spiral.
    pub(super) fn comes_back(&self, invite: &Request, dialled: &Subject) -> bool {
        let vias = invite.headers.vias().unwrap_or_default();
        let ours = |call: &Call| {
            vias.iter().filter_map(|via| via.branch()).any(|branch| call.waits_for(&branch))
        };
        self.calls.values().filter(|call| call.dialled() == dialled).any(ours)
    }

    /// Whether an INVITE looks like a call that others lead round and round. Many people may call
    /// an emergency number over one line, so it is not asked of those.
    pub(super) fn goes_round(&self, invite: &Request, from: &Subject, dialled: &Subject) -> bool {
        let headers = &invite.headers;
        let diverted = ["History-Info", "Diversion"].map(|name| headers.list(name).len());
        if diverted.into_iter().any(|times| times > DIVERSIONS_MAX) {
            return true;
        }
        let alike = self.calls.values().filter(|call| call.dialled() == dialled);
        let known = from.0 != ANONYMOUS;
        let same = |call: &&Call| known && call.is_dialling_out() && call.caller().party() == from;
        alike.filter(same).count() >= ALIKE_MAX
    }
}
