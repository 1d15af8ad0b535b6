//! I10: which messages must wait for the disk (QUEUEING.md 2.13), judged by their first copy.
//!
//! Gates 1 and 2: what tells a caller that the call exists. Gate 4: the INVITE to an agent, after
//! the reservation.

use holdfast_base::Lsn;
use holdfast_core::record::event::{Event, Fact};
use holdfast_wire::sip::{Message, Method};
use std::collections::BTreeSet;

/// The judge of gates.
#[derive(Debug, Default)]
pub struct Gates {
    /// Calls of callers of which an answer was let out already, by Call-ID and status.
    told: BTreeSet<(String, u16)>,
    /// Dialogs that a success has begun: what follows in them is not of the first INVITE.
    begun: BTreeSet<String>,
    invited: BTreeSet<String>,
    arrived: Lsn0,
    reserved: Lsn0,
}

/// The place of the last fact of a kind.
#[derive(Debug)]
struct Lsn0(Lsn);

impl Default for Lsn0 {
    fn default() -> Self {
        Self(Lsn(0))
    }
}

impl Gates {
    /// Takes a fact.
    pub fn hear(&mut self, event: &Event) {
        match &event.fact {
            Fact::CallArrived { .. } => self.arrived = Lsn0(event.lsn),
            Fact::Reserved { .. } => self.reserved = Lsn0(event.lsn),
            _ => {}
        }
    }

    /// Checks a message that the site lets go.
    pub fn check(&mut self, bytes: &[u8], after: Option<Lsn>) {
        match Message::parse(bytes) {
            Ok(Message::Response(response)) => {
                let cseq = response.headers.cseq().expect("a CSeq");
                let call_id = response.headers.call_id().expect("a Call-ID").into_owned();
                let code = response.status.code();
                if cseq.method != Method::Invite || !(101..300).contains(&code) {
                    return;
                }
                if self.begun.contains(&call_id) || !self.told.insert((call_id.clone(), code)) {
                    return;
                }
                if response.status.is_success() {
                    self.begun.insert(call_id);
                }
                let waits = after.is_some_and(|after| after >= self.arrived.0);
                assert!(waits, "gate 1: {code} to {cseq} does not wait for {:?}", self.arrived);
            }
            Ok(Message::Request(request)) if request.method == Method::Invite => {
                let from = request.headers.from().expect("a From");
                let call_id = request.headers.call_id().expect("a Call-ID").into_owned();
                self.begun.insert(call_id.clone()); // their re-INVITEs come under it
                let offer = from.display.is_some_and(|display| display.contains('\u{2013}'));
                if offer && self.invited.insert(call_id) {
                    let waits = after.is_some_and(|after| after >= self.reserved.0);
                    assert!(waits, "gate 4: INVITE before its reservation {:?}", self.reserved);
                }
            }
            Ok(Message::Request(_)) | Err(_) => {}
        }
    }

    /// After a restart a dialog may be spoken for by a re-INVITE.
    pub fn site_died(&mut self) {
        self.arrived = Lsn0::default();
        self.reserved = Lsn0::default();
    }
}
