//! The legs that a call begins, and where each goes when its target is out of order.
//!
//! A target of a trunk that refuses with trouble of its own, can not be reached, or leaves the
//! INVITE without any word is passed over for the next one: a new leg, because for the peer it is
//! a call that it has never heard of (RFC 3263 §4.3 asks for a new transaction). The caller and
//! the queue hear nothing of it. A leg with a dialog stays where it is.

use holdfast_base::{LegId, OfferId, TrunkName};
use holdfast_config::DialPlan;
use holdfast_wire::sip::{Header, NameAddr};
use serde::{Deserialize, Serialize};

use super::io::{Desk, Output, Target};
use super::leg::{Leg, Onward};
use super::{Call, State, unattended, words};
use crate::call::origin::Origin;
use crate::offer_answer::Proposal;
use crate::peer::choose::{Next, after};
use crate::record::event::{Fact, LegEnd};
use crate::routing::caller::Shown;
use crate::routing::line;
use crate::routing::numbering::Number;
use crate::sip::carried::Towards;

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
    next_on: Vec<u16>,
    from: NameAddr,
    proposal: Proposal,
}

impl Default for Course {
    fn default() -> Self {
        Self::Wanted { spare: None }
    }
}

impl Callee {
    /// A party that is there already.
    pub(super) fn seated(leg: Leg, offer: Option<OfferId>) -> Self {
        Self { leg, offer, trunk: None, course: Course::default() }
    }

    /// Nothing is wanted of it any more, and its end is no news.
    pub(super) fn forgo(&mut self) {
        self.course = Course::Replaced;
    }

    /// Whether it may still answer or is talking.
    pub(super) fn is_wanted(&self) -> bool {
        match self.course {
            Course::Wanted { .. } => !self.leg.is_ended(),
            Course::Replaced => false,
        }
    }

    /// Whether it goes out.
    pub(super) const fn is_over_a_trunk(&self) -> bool {
        self.trunk.is_some()
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
        let carried = self.carried_to(target, desk);
        let (trunk, flow) = (target.trunk.as_ref(), &target.flow);
        let (named, said) = self.who.towards(desk.config, trunk, flow, from);
        let target = &Target { said, ..target.clone() };
        let onward = Onward { hops: self.hops, carried: &carried };
        let leg = Leg::outgoing(desk, self.id, target, &named, proposal, onward, gated);
        let Some(leg) = leg else { return false };
        desk.out.push(Output::Fact(Fact::LegStarted {
            call: self.id,
            leg: leg.id(),
            to: target.party.clone(),
            sip_call_id: leg.sip_call_id(),
        }));
        let spare = (!target.then.is_empty()).then(|| {
            let (from, proposal) = (from.clone(), proposal.clone());
            let (targets, next_on) = (target.then.clone(), target.next_on.clone());
            Box::new(Spare { targets, next_on, from, proposal })
        });
        let (trunk, course) = (target.trunk.clone(), Course::Wanted { spare });
        self.callees.insert(leg.id(), Callee { leg, offer, trunk, course });
        true
    }

    /// The header fields of others that go into an INVITE to this target.
    fn carried_to(&self, target: &Target, desk: &Desk<'_>) -> Vec<Header> {
        let trunk = target.trunk.as_ref().and_then(|name| desk.config.trunk(name));
        let shown = trunk.map(|trunk| self.who.shown_to(trunk));
        let mut to = Towards {
            trunk,
            phone: target.account.is_some(),
            emergency: self.emergency,
            as_signed: false,
            target: &target.uri,
        };
        match &self.state {
            State::Transferring(transfer) => transfer.carried().to_vec(),
            State::Dialling { .. } => {
                to.as_signed = matches!(shown, Some(Shown::Number(_)));
                self.carried.onward(&to, None)
            }
            State::Queued { .. } | State::LedOn(_) => {
                let led_on = trunk.map(|trunk| {
                    let dialled = Number::read(&DialPlan::default(), &self.dialled.0);
                    let dialled = line::standing_for(trunk, &dialled).unwrap_or(dialled);
                    let dialled = dialled.for_side(&trunk.dial_plan);
                    words::number_of_ours(desk.config, &target.flow, trunk, &dialled)
                });
                let mut carried = self.carried.onward(&to, led_on);
                if let State::Queued { .. } = self.state {
                    carried.extend(unattended::wish(desk.config, target));
                }
                carried
            }
            State::Announcing { .. }
            | State::Talking { .. }
            | State::Ending { .. }
            | State::Over => Vec::new(),
        }
    }

    /// Whether a leg calls a phone of ours.
    pub(super) fn is_to_phone(&self, id: LegId) -> bool {
        self.callees.get(&id).is_some_and(|callee| match callee.leg.origin() {
            Origin::Account(_) => true,
            Origin::Trunk(_) | Origin::Guest => false,
        })
    }

    /// The target has not said a word for as long as it may. Without another one it is waited for.
    pub(super) fn callee_is_silent(&mut self, id: LegId, desk: &mut Desk<'_>) {
        let Some(callee) = self.callees.get(&id) else { return };
        desk.out.push(Output::Silent { leg: id, flow: callee.leg.flow() });
        if self.goes_elsewhere(id, LegEnd::Unreachable, desk)
            && let Some(callee) = self.callees.get_mut(&id)
        {
            callee.leg.hang_up(LegEnd::Unreachable, desk);
        }
    }

    /// Whether a leg that failed is no loss: another one has its place, now or since before.
    pub(super) fn goes_elsewhere(&mut self, id: LegId, why: LegEnd, desk: &mut Desk<'_>) -> bool {
        let awaited = match self.state {
            State::Dialling { .. }
            | State::Queued { .. }
            | State::LedOn(_)
            | State::Transferring(_) => true,
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
        let (offer, Spare { mut targets, next_on, from, proposal }) = (callee.offer, *spare);
        match after(why, &next_on) {
            Next::Target => {}
            // A phone of ours stands in for a trunk that is out of order, not for one that refuses.
            Next::Trunk => {
                targets.retain(|it| it.trunk.is_some() && it.trunk != callee.trunk);
            }
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
