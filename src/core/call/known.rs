//! What the site may know of a call without giving it an input.

use holdfast_base::{AgentName, CallId, ContactId, Entropy, LegId, Now, OfferId, TrunkName};
use holdfast_config::Config;
use holdfast_wire::sip::Request;

use super::callee::Callee;
use super::leg::Leg;
use super::origin::Origin;
use super::transfer::Stays;
use super::{Call, State};
use crate::bandwidth::BitRate;
use crate::record::event::Subject;

impl Call {
    /// Its id.
    #[must_use]
    pub const fn id(&self) -> CallId {
        self.id
    }

    /// When it arrived.
    #[must_use]
    pub const fn arrived(&self) -> Now {
        self.arrived
    }

    /// The caller's leg; after a transfer by the caller, that of the party which stayed.
    #[must_use]
    pub const fn caller(&self) -> &Leg {
        &self.caller
    }

    /// Who called.
    #[must_use]
    pub const fn called_by(&self) -> &Subject {
        match &self.stays {
            Stays::Caller => self.caller.party(),
            Stays::Called { caller } => caller,
        }
    }

    /// The contact that waits or talks in this call.
    #[must_use]
    pub fn contact(&self) -> Option<ContactId> {
        match &self.state {
            State::Queued { contact, .. } => Some(*contact),
            State::Talking { part, .. } => part.as_ref().map(|part| part.contact),
            State::Transferring(transfer) => transfer.part().map(|part| part.contact),
            State::LedOn(led) => Some(led.contact()),
            State::Dialling { .. }
            | State::Announcing { .. }
            | State::Ending { .. }
            | State::Over => None,
        }
    }

    /// What was dialled.
    #[must_use]
    pub const fn dialled(&self) -> &Subject {
        &self.dialled
    }

    /// Every leg: the caller's first, those of a supervisor last.
    pub fn legs(&self) -> impl Iterator<Item = &Leg> {
        let callees = self.callees.values().map(|callee| &callee.leg);
        std::iter::once(&self.caller).chain(callees).chain(self.supervisors())
    }

    /// The legs of its supervisor.
    fn supervisors(&self) -> impl Iterator<Item = &Leg> {
        self.supervision.iter().flat_map(|supervision| supervision.legs())
    }

    /// Agents who are busy with this call although no queue brought it to them.
    pub fn own_call_of(&self) -> impl Iterator<Item = &AgentName> {
        let supervisor = self.supervision.as_ref().and_then(|it| it.supervisor());
        self.own_call_of.iter().chain(supervisor)
    }

    /// How many lines of this trunk it takes: one for each leg that may still answer or is talking
    /// there, however it came into the call. One that has failed takes none.
    #[must_use]
    pub fn lines_of(&self, name: &TrunkName) -> usize {
        let there = |leg: &Leg| matches!(leg.origin(), Origin::Trunk(trunk) if trunk == name);
        let came = !self.caller.is_ended() && there(&self.caller);
        let wanted = self.callees.values().filter(|callee| callee.is_wanted());
        let listens = self.supervisors().filter(|leg| !leg.is_ended() && there(leg)).count();
        usize::from(came) + wanted.filter(|callee| there(&callee.leg)).count() + listens
    }

    /// What it takes of the bandwidth of this trunk, or of that of the box where none is named.
    #[must_use]
    pub fn bit_rate_on(&self, name: Option<&TrunkName>) -> BitRate {
        let there = |leg: &Leg| match (name, leg.origin()) {
            (None, _) => true,
            (Some(name), Origin::Trunk(trunk)) => trunk == name,
            (Some(_), Origin::Account(_) | Origin::Guest) => false,
        };
        let came = Some(&self.caller).filter(|caller| !caller.is_ended());
        let wanted = self.callees.values().filter(|callee| callee.is_wanted());
        let listens = self.supervisors().filter(|leg| !leg.is_ended());
        let legs = came.into_iter().chain(wanted.map(|callee| &callee.leg)).chain(listens);
        legs.filter(|leg| there(leg)).map(|leg| leg.audio().exchange().bit_rate()).sum()
    }

    /// Whether it goes to an emergency number.
    #[must_use]
    pub const fn is_emergency(&self) -> bool {
        self.emergency
    }

    /// Whether an INVITE of this branch is on its way without a final response.
    #[must_use]
    pub fn waits_for(&self, branch: &str) -> bool {
        let open = self.callees.values().filter_map(|callee| callee.leg.open_invite());
        let vias = open.filter_map(|open| open.invite.headers.via().ok());
        vias.into_iter().any(|via| via.branch().as_deref() == Some(branch))
    }

    /// Whether it waits for an answer over a trunk.
    #[must_use]
    pub fn is_dialling_out(&self) -> bool {
        let out = || self.callees.values().any(Callee::is_over_a_trunk);
        matches!(self.state, State::Dialling { .. } | State::LedOn(_)) && out()
    }

    /// Whether two people hear each other.
    #[must_use]
    pub const fn is_talking(&self) -> bool {
        matches!(self.state, State::Talking { .. })
    }

    /// The offers of the queue that this call is working on.
    pub fn offers(&self) -> impl Iterator<Item = OfferId> {
        // The agent may sit in the caller's place while the caller transfers.
        let parted = match &self.state {
            State::Transferring(transfer) => transfer.part().map(|part| part.offer),
            State::Dialling { .. }
            | State::Queued { .. }
            | State::Announcing { .. }
            | State::Talking { .. }
            | State::LedOn(_)
            | State::Ending { .. }
            | State::Over => None,
        };
        self.callees.values().filter_map(|callee| callee.offer).chain(parted)
    }

    /// Those of them whose phone had not answered when the process died.
    pub fn offers_lost_by_restart(&self) -> impl Iterator<Item = OfferId> {
        let lost = self.callees.values().filter(|callee| callee.leg.is_lost_by_restart());
        lost.filter_map(|callee| callee.offer)
    }

    /// Every leg, to tell it its transaction after a restart.
    pub fn legs_mut(&mut self) -> impl Iterator<Item = &mut Leg> {
        let callees = self.callees.values_mut().map(|callee| &mut callee.leg);
        let supervisors = self.supervision.iter_mut().flat_map(|it| it.legs_mut());
        std::iter::once(&mut self.caller).chain(callees).chain(supervisors)
    }

    /// Numbers a request of one of its legs anew, which has to be sent again with credentials.
    /// False when nobody here wants it any more.
    pub fn number_again(
        &mut self,
        leg: LegId,
        request: &mut Request,
        config: &Config,
        entropy: &mut Entropy,
    ) -> bool {
        let leg = self.legs_mut().find(|known| known.id() == leg);
        if leg.is_some_and(|leg| leg.number_again(request, config, entropy)) {
            return true;
        }
        match &mut self.state {
            State::Transferring(transfer) => transfer.number_again(request),
            State::Dialling { .. }
            | State::Queued { .. }
            | State::Announcing { .. }
            | State::Talking { .. }
            | State::LedOn(_)
            | State::Ending { .. }
            | State::Over => false,
        }
    }

    /// Whether nothing of it is left.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    /// A word of the glossary.
    #[must_use]
    pub fn state_name(&self) -> &'static str {
        match &self.state {
            State::Dialling { .. } | State::LedOn(_) => "ringing",
            State::Queued { .. } => "queued",
            State::Announcing { .. } => "announcement",
            State::Talking { with, .. } => {
                let held = self.caller.audio().is_held()
                    || self.callees.get(with).is_some_and(|callee| callee.leg.audio().is_held());
                if held { "held" } else { "talking" }
            }
            State::Transferring(_) => "transferring",
            State::Ending { .. } => "ending",
            State::Over => "over",
        }
    }

    /// The name of its state in [`arms::TABLES`].
    pub(super) const fn arm_state(&self) -> &'static str {
        match &self.state {
            State::Dialling { .. } => "Dialling",
            State::Queued { .. } => "Queued",
            State::Announcing { .. } => "Announcing",
            State::Talking { .. } => "Talking",
            State::Transferring(_) => "Transferring",
            State::LedOn(_) => "LedOn",
            State::Ending { .. } => "Ending",
            State::Over => "Over",
        }
    }
}
