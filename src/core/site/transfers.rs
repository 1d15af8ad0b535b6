//! Where a transfer leads: the way to its target, for whoever asks for it.
//!
//! The target is looked up as if the transferor had dialled it. One thing is different: a peer that
//! names itself in Refer-To means the URI as it stands, parameters and all. Microsoft Teams finds
//! its own transfer by them, even where the user part is empty.

use holdfast_base::{AgentName, CallId, Now};
use holdfast_config::{TargetHost, Trunk};
use holdfast_wire::sip::{Host, Status, Uri};

use super::{Site, Step, Work};
use crate::call::io::{Input, Target};
use crate::call::origin::Origin;
use crate::call::transfer::{Agents, Referral, Way};
use crate::call::{Call, Plan};
use crate::queue;
use crate::record::event::Subject;
use crate::sip::flow::Flow;
use crate::sip::refer::Refused;

/// Says no without ending the dialog: a 404 would (RFC 5057 §5.1).
const NOWHERE: Refused = Refused(Status::FORBIDDEN, "Refer-To Leads Nowhere");
const UNREACHABLE: Refused = Refused(Status::FORBIDDEN, "Refer-To Can Not Be Reached");
const LOOP: Refused = Refused(Status::FORBIDDEN, "Refer-To Is The Party Itself");

impl Site {
    /// Finds the way for a REFER and gives it to its call, in the same step.
    pub(super) fn refer(&mut self, now: Now, id: CallId, asked: Box<Referral>, step: &mut Step) {
        let Some(call) = self.calls.get(&id) else { return };
        let party = call.legs().find(|leg| leg.id() == asked.leg);
        let (Some(party), Some(stays)) = (party, call.opposite(asked.leg)) else { return };
        let (by, flow) = (party.origin().clone(), party.flow());
        let other = stays.origin().clone();
        let way = self.way(now, (&by, &other), &asked.wish.target, &flow);
        let comes = match &way {
            Way::Ring(targets) => targets.iter().find_map(|target| target.account.as_ref()),
            Way::Queue(_) | Way::None(_) => None,
        };
        let agents = Agents {
            leaves: self.agent_of(&by),
            stays: self.agent_of(&other),
            comes: comes.and_then(|account| self.agent_at(account)),
        };
        self.step_call(now, id, Input::Transfer { asked, way, agents }, step);
    }

    fn agent_of(&self, origin: &Origin) -> Option<AgentName> {
        match origin {
            Origin::Account(account) => self.agent_at(account),
            Origin::Trunk(_) | Origin::Guest => None,
        }
    }

    fn way(&mut self, now: Now, (by, stays): (&Origin, &Origin), target: &Uri, flow: &Flow) -> Way {
        if let Origin::Trunk(name) = by
            && let Some(trunk) = self.config.trunks.iter().find(|trunk| trunk.name == *name)
            && target.host().is_some_and(|host| names(trunk, host))
        {
            let name = trunk.name.clone();
            let user = target.user_decoded().unwrap_or_default().into_owned();
            let there = self.target_over(std::slice::from_ref(&name), &user, Some(flow));
            return there
                .map_or(Way::None(UNREACHABLE), |it| Way::Ring(vec![verbatim(it, target)]));
        }
        let dialled = target.user_decoded().unwrap_or_default().into_owned();
        match self.onward(now, by, &dialled, flow) {
            Plan::Queue(queue) => Way::Queue(queue),
            Plan::Ring(targets) => {
                let itself = |target: &Target| Origin::of(target) == *stays;
                let account = targets.iter().all(|target| target.account.is_some());
                if account && targets.iter().any(itself) {
                    return Way::None(LOOP);
                }
                Way::Ring(targets)
            }
            Plan::Announce(_) | Plan::Refuse(Status::NOT_FOUND) => Way::None(NOWHERE),
            Plan::Refuse(_) => Way::None(UNREACHABLE),
        }
    }

    /// Tells the queue which agents have begun or ended a call of their own since `before`.
    pub(super) fn note_moves(&self, call: &Call, before: &[AgentName], step: &mut Step) {
        let now = call.own_call_of();
        let mut tell = |agent: &AgentName, active| {
            let input = queue::Input::OwnCall { agent: agent.clone(), active };
            step.work.push_back(Work::Queue(input));
        };
        for agent in before.iter().filter(|agent| !now.contains(agent)) {
            // Whoever has another call of that kind is not free yet.
            let other = self
                .calls
                .values()
                .any(|other| other.id() != call.id() && other.own_call_of().contains(agent));
            tell(agent, other);
        }
        now.iter().filter(|agent| !before.contains(agent)).for_each(|agent| tell(agent, true));
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

/// The same place, asked for as the transferor has written it.
fn verbatim(mut place: Target, uri: &Uri) -> Target {
    let then = std::mem::take(&mut place.then);
    let party =
        if place.party.0.is_empty() { Subject(uri.as_str().to_owned()) } else { place.party };
    Target {
        uri: uri.clone(),
        then: then.into_iter().map(|next| verbatim(next, uri)).collect(),
        party,
        ..place
    }
}
