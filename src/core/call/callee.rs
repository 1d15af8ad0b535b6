//! The legs that a call begins, and where each goes when its target is out of order.
//!
//! A target of a trunk that refuses with trouble of its own, can not be reached, or leaves the
//! INVITE without any word is passed over for the next one: a new leg, because for the peer it is
//! a call that it has never heard of (RFC 3263 §4.3 asks for a new transaction). The caller and
//! the queue hear nothing of it. A leg with a dialog stays where it is.

use holdfast_base::{LegId, OfferId, TrunkName};
use holdfast_wire::sip::NameAddr;
use serde::{Deserialize, Serialize};

use super::io::{Desk, Output, Target};
use super::leg::Leg;
use super::{Call, State};
use crate::offer_answer::Proposal;
use crate::peer::choose::{Next, after};
use crate::record::event::{Fact, LegEnd};

/// A leg that the call began.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Callee {
    pub(super) leg: Leg,
    pub(super) offer: Option<OfferId>,
    #[serde(default)]
    trunk: Option<TrunkName>,
    #[serde(default)]
    course: Course,
}

/// What the call still wants of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum Course {
    /// An answer. What else could be tried does not outlive the process, since a leg without an
    /// answer does not either.
    Wanted {
        #[serde(skip)]
        spare: Option<Box<Spare>>,
    },
    /// Nothing: another leg has taken its place.
    Replaced,
}

/// What is tried when a leg fails.
#[derive(Clone, Debug)]
struct Spare {
    targets: Vec<Target>,
    from: NameAddr,
    proposal: Proposal,
}

impl Default for Course {
    fn default() -> Self {
        Self::Wanted { spare: None }
    }
}

impl Callee {
    /// Whether it may still answer or is talking.
    pub(super) fn is_wanted(&self) -> bool {
        match self.course {
            Course::Wanted { .. } => !self.leg.is_ended(),
            Course::Replaced => false,
        }
    }
}

impl Call {
    /// How many legs may still answer.
    pub(super) fn wanted(&self) -> usize {
        self.callees.values().filter(|callee| callee.is_wanted()).count()
    }

    /// Begins a leg towards the target. False when no port pair is free.
    pub(super) fn call_out(
        &mut self,
        target: &Target,
        from: &NameAddr,
        proposal: &Proposal,
        offer: Option<OfferId>,
        desk: &mut Desk<'_>,
    ) -> bool {
        let gated = offer.is_some(); // gate 4: the reservation comes first
        let leg = Leg::outgoing(desk, self.id, target, from, proposal, self.hops, gated);
        let Some(leg) = leg else { return false };
        self.trunks.extend(target.trunk.clone());
        desk.out.push(Output::Fact(Fact::LegStarted {
            call: self.id,
            leg: leg.id(),
            to: target.party.clone(),
            sip_call_id: leg.sip_call_id(),
        }));
        let spare = (!target.then.is_empty()).then(|| {
            let (from, proposal) = (from.clone(), proposal.clone());
            Box::new(Spare { targets: target.then.clone(), from, proposal })
        });
        let (trunk, course) = (target.trunk.clone(), Course::Wanted { spare });
        self.callees.insert(leg.id(), Callee { leg, offer, trunk, course });
        true
    }

    /// The target has not said a word for as long as it may. Without another one it is waited for.
    pub(super) fn callee_is_silent(&mut self, id: LegId, desk: &mut Desk<'_>) {
        let Some(callee) = self.callees.get(&id) else { return };
        desk.out.push(Output::Silent { flow: callee.leg.flow() });
        if self.goes_elsewhere(id, LegEnd::Unreachable, desk)
            && let Some(callee) = self.callees.get_mut(&id)
        {
            callee.leg.hang_up(LegEnd::Unreachable, desk);
        }
    }

    /// Whether a leg that failed is no loss: another one has its place, now or since before.
    pub(super) fn goes_elsewhere(&mut self, id: LegId, why: LegEnd, desk: &mut Desk<'_>) -> bool {
        let awaited = match self.state {
            State::Dialling { .. } | State::Queued { .. } => true,
            State::Announcing { .. }
            | State::Talking { .. }
            | State::Ending { .. }
            | State::Over => false,
        };
        let Some(callee) = self.callees.get_mut(&id) else { return false };
        let spare = match &mut callee.course {
            Course::Replaced => return true,
            Course::Wanted { spare } => spare.take(),
        };
        let Some(spare) = spare.filter(|_| awaited) else { return false };
        let (offer, Spare { mut targets, from, proposal }) = (callee.offer, *spare);
        match after(why) {
            Next::Target => {}
            Next::Trunk => targets.retain(|target| target.trunk != callee.trunk),
            Next::Nothing => return false,
        }
        let Some((next, then)) = targets.split_first() else { return false };
        let next = Target { then: then.to_vec(), ..next.clone() };
        let replaced = self.call_out(&next, &from, &proposal, offer, desk);
        if replaced && let Some(callee) = self.callees.get_mut(&id) {
            callee.course = Course::Replaced;
        }
        replaced
    }
}
