//! Where an endpoint or a number over trunks can be reached now.

use holdfast_base::{EndpointName, Now, TrunkName};
use holdfast_config::{Endpoint, Trunk};
use holdfast_wire::sip::Uri;
use std::borrow::Cow;
use std::net::SocketAddr;

use super::{Site, Step, Work};
use crate::call::io::Target;
use crate::call::words;
use crate::dialect::Behaviour;
use crate::peer::Hop;
use crate::peer::choose::Urgency;
use crate::queue;
use crate::record::event::Subject;
use crate::routing::numbering::Number;
use crate::routing::uri::{called, request_uri};
use crate::sip::flow::{Flow, Transport};

/// The trunks that a call may go over, in their order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Over<'a> {
    pub(super) trunks: &'a [TrunkName],
    /// Refusals of one that lead to the next.
    pub(super) next_on: &'a [u16],
    pub(super) urgency: Urgency,
}

impl<'a> Over<'a> {
    /// A usual call over one trunk or none.
    pub(super) const fn one(trunk: &'a TrunkName) -> Self {
        Self::usual(std::slice::from_ref(trunk), &[])
    }

    /// A usual call.
    pub(super) const fn usual(trunks: &'a [TrunkName], next_on: &'a [u16]) -> Self {
        Self { trunks, next_on, urgency: Urgency::Usual }
    }

    /// A call to an emergency number.
    pub(super) const fn emergency(trunks: &'a [TrunkName], next_on: &'a [u16]) -> Self {
        Self { trunks, next_on, urgency: Urgency::Emergency }
    }
}

impl Site {
    /// Every place where the endpoint can be called now, best first.
    pub(super) fn targets_of(&mut self, now: Now, endpoint: &Endpoint) -> Vec<Target> {
        match endpoint {
            Endpoint::Account(account) => self.targets_of_account(now, account),
            Endpoint::Trunk { trunk, number } => {
                let number = Number::read(&self.config.dial_plan, number);
                let over = Over::one(trunk);
                self.target_over(over, &number, None).into_iter().collect()
            }
        }
    }

    pub(super) fn targets_of_account(&self, now: Now, account: &EndpointName) -> Vec<Target> {
        self.registrar
            .bindings(account)
            .filter(|binding| binding.expires > now.mono)
            .map(|binding| Target {
                flow: binding.flow,
                uri: binding.contact.clone(),
                path: binding.path.clone(),
                account: Some(account.clone()),
                trunk: None,
                said: Vec::new(),
                within: None,
                then: Vec::new(),
                next_on: Vec::new(),
                party: Subject(account.as_str().to_owned()),
            })
            .collect()
    }

    /// A number over the first of these trunks that takes it; the others, and the other addresses
    /// of each, are tried when that one is out of order; the other trunks after
    /// the refusals that say so, too.
    pub(super) fn target_over(
        &mut self,
        over: Over<'_>,
        number: &Number,
        caller: Option<&Flow>,
    ) -> Option<Target> {
        let party = Subject(number.known_as().to_owned());
        self.target_at(over, (party, caller), |trunk, hop| {
            let (there, behaviour) = (number.for_side(&trunk.dial_plan), Behaviour::of(trunk));
            if !behaviour.numbers.take(&there) {
                return None;
            }
            let uri = called(trunk, &hop.target, Some(hop.address.port()), &there);
            Some(words::marked(trunk, &there, uri))
        })
    }

    /// The same place, asked for as a transferor there has written it.
    pub(super) fn target_verbatim(
        &mut self,
        over: Over<'_>,
        uri: &Uri,
        caller: &Flow,
    ) -> Option<Target> {
        let user = uri.user_decoded().filter(|user| !user.is_empty());
        let party = Subject(user.map_or_else(|| uri.as_str().to_owned(), Cow::into_owned));
        self.target_at(over, (party, Some(caller)), |_, _| Some(uri.clone()))
    }

    fn target_at(
        &mut self,
        over: Over<'_>,
        (party, caller): (Subject, Option<&Flow>),
        uri: impl Fn(&Trunk, &Hop) -> Option<Uri>,
    ) -> Option<Target> {
        let hops = self.peers.towards(over.trunks, over.urgency, &mut self.entropy);
        let mut targets = hops.iter().filter_map(|hop| {
            let flow = self.flow_towards(hop, caller)?;
            Some(Target {
                flow,
                uri: uri(self.config.trunk(&hop.trunk)?, hop)?,
                path: self.registrations.route(&hop.trunk, hop.address),
                account: None,
                trunk: Some(hop.trunk.clone()),
                said: Vec::new(),
                within: Some(hop.within),
                then: Vec::new(),
                next_on: over.next_on.to_vec(),
                party: party.clone(),
            })
        });
        let first = targets.next()?;
        Some(Target { then: targets.collect(), ..first })
    }

    /// The way to an address: from the listener of its transport, by our address that reaches it.
    pub(super) fn flow_towards(&self, hop: &Hop, caller: Option<&Flow>) -> Option<Flow> {
        let remote = hop.address;
        let transport = Transport::from(hop.transport);
        let listener = self.config.sip.listeners.iter().find(|listener| {
            listener.carries(hop.transport) && listener.bind.is_ipv4() == remote.is_ipv4()
        })?;
        let ip = if listener.bind.ip().is_unspecified() {
            let same_family = caller.filter(|caller| caller.local.is_ipv4() == remote.is_ipv4());
            self.interfaces
                .towards(remote.ip())
                .or_else(|| same_family.map(|caller| caller.local.ip()))?
        } else {
            listener.bind.ip()
        };
        let local = SocketAddr::new(ip, listener.bind.port());
        Some(Flow { transport, local, remote, connection: None, trunk: Some(hop.trunk.id()) })
    }

    /// Tells the queue which endpoints over trunks can be reached.
    pub(super) fn note_trunks(&self, step: &mut Step) {
        for endpoint in self.config.agents.iter().flat_map(|agent| &agent.endpoints) {
            if let Endpoint::Trunk { trunk, .. } = endpoint {
                let (reachable, endpoint) = (self.peers.is_up(trunk), endpoint.clone());
                let input = queue::Input::EndpointState { endpoint, reachable };
                step.work.push_back(Work::Queue(input));
            }
        }
    }

    /// Tells the queue whether an account can be reached now.
    pub(super) fn note_reach(&mut self, account: &EndpointName, step: &mut Step) {
        step.registered.insert(account.clone());
        let reachable = self.registrar.bindings(account).next().is_some();
        let endpoint = Endpoint::Account(account.clone());
        let input = queue::Input::EndpointState { endpoint, reachable };
        step.work.push_back(Work::Queue(input));
    }
}

/// The hop itself.
pub(super) fn uri_at(hop: &Hop) -> Uri {
    request_uri(&hop.target, Some(hop.address.port()), hop.transport, None)
}
