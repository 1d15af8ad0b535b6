//! Where a transfer leads: the way to its target, for whoever asks for it.
//!
//! The target is looked up as if the transferor had dialled it. One thing is different: a peer that
//! names itself in Refer-To means the URI as it stands, parameters and all. Microsoft Teams finds
//! its own transfer by them, even where the user part is empty.

use holdfast_base::{AgentName, CallId, Now, Outbox};
use holdfast_config::{TargetHost, Trunk};
use holdfast_wire::sip::{Header, Host, Replaces, Request, Status};
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::admission::Asks;
use super::directory::Place;
use super::numbers::Over;
use super::{Site, Step, Work};
use crate::bandwidth::BitRate;
use crate::call::io::{Input, Target};
use crate::call::origin::Origin;
use crate::call::transfer::{Agents, Referral, Replacement, Way};
use crate::call::{Call, Plan};
use crate::dialect::Behaviour;
use crate::queue;
use crate::record::event::Subject;
use crate::routing::caller::Caller;
use crate::routing::decide::agent_at;
use crate::sip::dialog::DialogId;
use crate::sip::flow::Flow;
use crate::sip::refer::Refused;
use crate::sip::transaction::ServerKey;

/// Says no without ending the dialog: a 404 would (RFC 5057 §5.1).
const NOWHERE: Refused = Refused(Status::FORBIDDEN, "Refer-To Leads Nowhere");
const UNREACHABLE: Refused = Refused(Status::FORBIDDEN, "Refer-To Can Not Be Reached");
const NO_CALL: Refused = Refused(Status::FORBIDDEN, "Replaces Names No Call Here");
const LOOP: Refused = Refused(Status::FORBIDDEN, "Refer-To Is The Party Itself");

impl Site {
    /// Finds the way for a REFER and gives it to its call, in the same step.
    pub(super) fn refer(
        &mut self,
        now: Now,
        id: CallId,
        mut asked: Box<Referral>,
        step: &mut Step,
    ) {
        let Some(call) = self.calls.get(&id) else { return };
        let party = call.legs().find(|leg| leg.id() == asked.leg);
        let (Some(party), Some(stays)) = (party, call.opposite(asked.leg)) else { return };
        let (by, flow) = ((party.origin().clone(), party.party().clone()), party.flow());
        let other = stays.origin().clone();
        let mut comes = None;
        let replaces = asked.wish.replaces.as_ref();
        let way = match replaces.and_then(|it| self.directory.dialog(Some(named(it)))) {
            Some(place) => match self.party_at(now, place, (id, &asked), &by.0) {
                Ok(agent) => {
                    comes = agent;
                    self.take_party(now, place, step)
                }
                Err(refused) => Way::None(refused),
            },
            None => self.way_out(now, ((&by.0, &by.1), &other), &mut asked, &flow, step),
        };
        if let Way::Ring { targets, .. } = &way {
            let account = targets.iter().find_map(|target| target.account.as_ref());
            comes = account.and_then(|account| self.agent_of(&Origin::Account(account.clone())));
        }
        let (leaves, stays) = (self.agent_of(&by.0), self.agent_of(&other));
        let agents = Agents { leaves, stays, comes };
        self.step_call(now, id, Input::Transfer { asked, way, agents }, step);
    }

    /// Whether the party at the other end of that leg may be joined with the one that stays; its
    /// agent, if it is one's phone.
    fn party_at(
        &self,
        now: Now,
        (other, leg): Place,
        (id, asked): (CallId, &Referral),
        by: &Origin,
    ) -> Result<Option<AgentName>, Refused> {
        let no = |why| Refused(Status::FORBIDDEN, why);
        if other == id {
            return Err(no("Replaces Names This Call"));
        }
        let call = self.calls.get(&other).ok_or(no("Replaces Names No Call"))?;
        // RFC 3891 §8: nobody may take away what somebody else talks in.
        if call.legs().find(|known| known.id() == leg).is_none_or(|own| own.origin() != by) {
            return Err(no("Replaces Names A Call Of Others"));
        }
        let party = call.opposite(leg).ok_or(no("The Other Call Is Not Answered"))?;
        if !party.may_move() {
            return Err(Refused(Status::REQUEST_PENDING, "The Other Call Is Being Changed"));
        }
        let stays = self.calls.get(&id).and_then(|call| call.opposite(asked.leg));
        if !stays.is_some_and(|stays| Call::can_join(stays, party)) {
            return Err(Refused(Status::NOT_ACCEPTABLE_HERE, "No Codec In Common"));
        }
        if self.ports.free(now.mono) == 0 {
            return Err(Refused(Status::SERVICE_UNAVAILABLE, "No Port Is Free"));
        }
        Ok(self.agent_of(party.origin()))
    }

    /// Ends a call whose other party goes on here.
    fn take_party(&mut self, now: Now, (id, leg): Place, step: &mut Step) -> Way {
        let gone = Way::None(Refused(Status::FORBIDDEN, "The Other Call Is Over"));
        let Some(mut call) = self.calls.remove(&id) else { return gone };
        let own_call_of: Vec<AgentName> = call.own_call_of().cloned().collect();
        let mut out = Outbox::new();
        let handed =
            catch_unwind(AssertUnwindSafe(|| call.hand_over(leg, &mut self.desk(now, &mut out))));
        let Ok(handed) = handed else {
            self.ledger.totals.call_panics += 1;
            self.bury(now, &call, step);
            return gone;
        };
        self.note_moves(&call, &own_call_of, step);
        self.keep(now, call, out, step);
        handed.map_or(gone, |handover| Way::Party(Box::new(handover)))
    }

    /// An INVITE that is to take the place of a party here (RFC 3891).
    pub(super) fn replace(
        &mut self,
        now: Now,
        (key, flow): (ServerKey, Flow),
        (origin, who): (Origin, Caller),
        invite: Request,
        step: &mut Step,
    ) {
        match self.replaced(&origin, &invite) {
            Ok((id, leg)) => {
                let mut busy: Vec<AgentName> = self.agent_of(&origin).into_iter().collect();
                let stays = self.calls.get(&id).and_then(|call| call.opposite(leg));
                busy.extend(stays.and_then(|stays| self.agent_of(stays.origin())));
                let by = Replacement { leg, flow, key, invite, who, origin, busy };
                step.work.push_back(Work::Call(id, Input::Replaced(Box::new(by))));
            }
            Err(status) => self.answer(now, key, invite.response(status, None), step),
        }
    }

    fn replaced(&self, origin: &Origin, invite: &Request) -> Result<Place, Status> {
        let replaces = invite.headers.replaces().map_err(|_| Status::BAD_REQUEST)?;
        let replaces = replaces.ok_or(Status::BAD_REQUEST)?;
        if !origin.behaviour(&self.config).takes_over {
            return Err(Status::FORBIDDEN);
        }
        let place = self.directory.dialog(Some(named(&replaces)));
        let (id, leg) = place.ok_or(Status::CALL_DOES_NOT_EXIST)?;
        let call = self.calls.get(&id).ok_or(Status::DECLINE)?;
        call.may_be_replaced(leg, replaces.early_only)?;
        Ok((id, leg))
    }

    fn agent_of(&self, origin: &Origin) -> Option<AgentName> {
        match origin {
            Origin::Account(account) => {
                agent_at(&self.config, account).map(|agent| agent.name.clone())
            }
            Origin::Trunk(_) | Origin::Guest => None,
        }
    }

    /// The way to a target that is called.
    fn way_out(
        &mut self,
        now: Now,
        (by, stays): ((&Origin, &Subject), &Origin),
        asked: &mut Referral,
        flow: &Flow,
        step: &mut Step,
    ) -> Way {
        let target = asked.wish.target.clone();
        if let Origin::Trunk(name) = by.0
            && let Some(trunk) = self.config.trunks.iter().find(|trunk| trunk.name == *name)
            && target.host().is_some_and(|host| names(trunk, host))
        {
            let (name, keeps) = (trunk.name.clone(), Behaviour::of(trunk).refer_replaces);
            if let Some(replaces) = asked.wish.replaces.as_ref().filter(|_| keeps) {
                asked.wish.carried.push(Header::new("Replaces", replaces));
            }
            let asks = Asks { from: None, rate: BitRate::usual(flow.local.ip()) };
            let line = self.with_room(now, vec![name], asks);
            let there = self.target_verbatim(Over::usual(&line, &[]), &target, flow);
            let there = there.map(|there| Way::Ring { targets: vec![there], emergency: false });
            return there.unwrap_or(Way::None(UNREACHABLE));
        }
        if asked.wish.replaces.is_some() {
            return Way::None(NO_CALL);
        }
        let dialled = target.user_decoded().unwrap_or_default().into_owned();
        let (plan, emergency) = self.onward(now, by, &dialled, flow, step);
        match plan {
            Plan::Queue(queue) => Way::Queue(queue),
            Plan::Ring(targets) => {
                let itself = |target: &Target| Origin::of(target) == *stays;
                let account = targets.iter().all(|target| target.account.is_some());
                if account && targets.iter().any(itself) {
                    return Way::None(LOOP);
                }
                Way::Ring { targets, emergency }
            }
            Plan::Announce(_) | Plan::Refuse(Status::NOT_FOUND) => Way::None(NOWHERE),
            Plan::Refuse(_) => Way::None(UNREACHABLE),
        }
    }

    /// Tells the queue which agents have begun or ended a call of their own since `before`.
    pub(super) fn note_moves(&self, call: &Call, before: &[AgentName], step: &mut Step) {
        let now: Vec<&AgentName> = call.own_call_of().collect();
        let mut tell = |agent: &AgentName, active| {
            let input = queue::Input::OwnCall { agent: agent.clone(), active };
            step.work.push_back(Work::Queue(input));
        };
        for agent in before.iter().filter(|agent| !now.contains(agent)) {
            // Whoever has another call of that kind is not free yet.
            let other = self
                .calls
                .values()
                .any(|other| other.id() != call.id() && other.own_call_of().any(|it| it == agent));
            tell(agent, other);
        }
        now.into_iter().filter(|it| !before.contains(it)).for_each(|agent| tell(agent, true));
    }
}

/// The dialog that a Replaces names, as this box sees it: "to" is the side that receives it (RFC
/// 3891 §3).
fn named(replaces: &Replaces) -> DialogId {
    DialogId {
        call_id: replaces.call_id.clone(),
        local_tag: replaces.to_tag.clone(),
        remote_tag: replaces.from_tag.clone(),
    }
}

/// Whether this host is how the far end of a trunk names itself.
fn names(trunk: &Trunk, host: &Host) -> bool {
    let host = host.to_string();
    let peer = trunk.tls.peer_host();
    let of_target = trunk.targets.iter().any(|target| match &target.host {
        TargetHost::Address(ip) => Host::from(*ip).to_string() == host,
        TargetHost::Name(name) => name.eq_ignore_ascii_case(&host),
    });
    of_target || peer.is_some_and(|peer| peer.eq_ignore_ascii_case(&host))
}
