//! INVITE with Replaces (RFC 3891): somebody else comes in the place of a party that talks here.
//!
//! To the party at the other end nothing happens but that it hears another voice. The INVITE is no
//! call of its own: it is a new leg of the call that it came into.

use holdfast_base::{AgentName, LegId};
use holdfast_wire::sip::{Request, Status};

use crate::call::callee::Callee;
use crate::call::io::{Desk, Output};
use crate::call::leg::{Leg, Reach};
use crate::call::origin::Origin;
use crate::call::{Call, State};
use crate::record::event::{Fact, LegEnd, TransferKind, TransferOutcome};
use crate::routing::caller::Caller;
use crate::sip::flow::Flow;
use crate::sip::transaction::ServerKey;

/// An INVITE that is to take the place of a party.
#[derive(Clone, Debug)]
pub struct Replacement {
    /// The leg of the party whose place it takes.
    pub leg: LegId,
    /// Its way.
    pub flow: Flow,
    /// Its server transaction.
    pub key: ServerKey,
    /// The INVITE.
    pub invite: Request,
    /// Who comes.
    pub who: Caller,
    /// To whom it belongs.
    pub origin: Origin,
    /// Agents who are busy with the call without a queue from then on.
    pub busy: Vec<AgentName>,
}

impl Call {
    /// What a Replaces that names this leg is answered with; nothing when it may take its place
    /// (RFC 3891 §3).
    ///
    /// # Errors
    /// The status that refuses the INVITE.
    pub fn may_be_replaced(&self, leg: LegId, early_only: bool) -> Result<(), Status> {
        let known = self.legs().find(|known| known.id() == leg);
        // The dialog is over, replaced by another one perhaps.
        let known = known.filter(|known| !known.is_ended()).ok_or(Status::DECLINE)?;
        if known.is_answered() && early_only {
            return Err(Status::BUSY_HERE);
        }
        // A ringing phone of somebody else is not picked up here; who waits has no other party yet.
        match self.opposite(leg) {
            Some(other) if known.is_answered() && other.is_answered() => Ok(()),
            Some(_) | None => Err(Status::CALL_DOES_NOT_EXIST),
        }
    }

    /// Somebody comes in the place of a party.
    pub(in crate::call) fn replace(&mut self, by: Replacement, desk: &mut Desk<'_>) {
        let Replacement { leg: left, flow, key, invite, who, origin, busy } = by;
        let State::Talking { with, part } = &self.state else { return };
        let (with, part) = (*with, part.clone());
        let refusal = invite.response(Status::SERVICE_UNAVAILABLE, None);
        let from = who.subject();
        let new = Leg::incoming(desk, self.id, (who, origin), (flow, Reach::Contact), key, invite);
        let Some(mut new) = new else {
            return desk.out.push(Output::Respond { key, response: refusal, gated: false });
        };
        let (call, id) = (self.id, new.id());
        desk.out.push(Output::Invited { leg: id, key });
        desk.out.push(Output::Fact(Fact::LegStarted {
            call,
            leg: id,
            to: from.clone(),
            sip_call_id: new.sip_call_id(),
        }));
        let proposal = self.opposite(left).map(|stays| super::proposal_to(stays, desk));
        let taken = new.read_offer(desk).and_then(|_| match &proposal {
            Some(proposal) => new.answer(proposal, desk),
            None => Err(Status::CALL_DOES_NOT_EXIST),
        });
        if let Err(status) = taken {
            new.reject(status, LegEnd::Local, desk);
            self.callees.insert(id, Callee::seated(new, None));
            return;
        }
        if left == self.caller.id() {
            let _ = self.give_seat(with, desk); // it is for good
        }
        let left_party = self.callees.get(&left).map(|callee| callee.leg.party().clone());
        self.callees.insert(id, Callee::seated(new, None));
        desk.out.push(Output::Fact(Fact::TransferAsked {
            call,
            leg: left,
            by: left_party.unwrap_or_else(|| from.clone()),
            to: from,
            kind: TransferKind::Replaced,
        }));
        let outcome = TransferOutcome::Joined;
        desk.out.push(Output::Fact(Fact::TransferEnded { call, outcome }));
        super::tell_queue(part.as_ref(), desk);
        self.own_call_of = busy;
        if let Some(left) = self.callees.get_mut(&left) {
            left.leg.dismiss(desk);
        }
        self.join(id, None, desk);
    }
}
