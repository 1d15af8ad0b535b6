//! Attended transfer: the transferor talks to the target in another call of ours, and has the two
//! parties that it talks to joined (RFC 5589 §7).
//!
//! The call in which it asks goes on, and takes the session of the target over; the other call ends
//! as one does whose parties have gone. Both have their whole story in their own records.

use holdfast_base::LegId;
use holdfast_wire::sip::Status;

use super::{Agents, Goal, Referral};
use crate::call::Call;
use crate::call::callee::Callee;
use crate::call::io::{Desk, Output};
use crate::call::leg::{Handover, Leg};
use crate::record::event::{EndedBy, Fact};
use crate::sip::refer::Refused;

impl Call {
    /// Gives away the session of the party that this leg talks to, and ends.
    pub fn hand_over(&mut self, leg: LegId, desk: &mut Desk<'_>) -> Option<Handover> {
        desk.codecs = std::mem::take(&mut self.codecs);
        let other = self.opposite(leg).map(Leg::id)?;
        let emergency = self.emergency;
        let handover = self.leg_mut(other)?.hand_over(emergency, desk)?;
        self.leg_mut(leg)?.dismiss(desk);
        self.end(EndedBy::Transfer, None, desk);
        self.settle(desk);
        Some(handover)
    }

    pub(super) fn transfer_to_party(
        &mut self,
        asked: &Referral,
        handover: Handover,
        agents: Agents,
        desk: &mut Desk<'_>,
    ) -> Option<Refused> {
        let (to, emergency) = (handover.party().clone(), handover.is_emergency());
        self.begin_transfer(asked, Goal::Party(to.clone()), agents, desk);
        self.accept_refer(asked, desk);
        let Some(leg) = Leg::take_over(desk, self.id, handover) else {
            self.transfer_failed(Status::SERVICE_UNAVAILABLE.code(), desk);
            return None;
        };
        let id = leg.id();
        desk.out.push(Output::Fact(Fact::LegStarted {
            call: self.id,
            leg: id,
            to,
            sip_call_id: leg.sip_call_id(),
        }));
        if emergency {
            self.becomes_emergency(desk);
        }
        self.callees.insert(id, Callee::seated(leg, None));
        self.target_answered(id, desk);
        None
    }
}
