//! Where a dialled number leads, and where an endpoint can be reached now.

use holdfast_base::{AgentName, EndpointName, Now, QueueName, TrunkName};
use holdfast_config::{Destination, Endpoint, TargetHost};
use holdfast_wire::sip::{Host, Uri};
use std::net::SocketAddr;

use super::{Site, Step, Work};
use crate::call::io::Target;
use crate::peer::Hop;
use crate::queue;
use crate::record::event::Subject;
use crate::sip::flow::{Flow, Transport};

/// Where a dialled number leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Queue(QueueName),
    Account(EndpointName),
    Trunks(Vec<TrunkName>),
    Nowhere,
}

impl Site {
    /// An exact entry of the number plan before any prefix, the longest prefix before shorter
    /// ones; after the plan the names of queues and accounts.
    pub(super) fn route(&self, dialled: &str) -> Route {
        let exact = self.config.numbers.iter().find(|number| number.dialled == dialled);
        let by_prefix = || {
            self.config
                .numbers
                .iter()
                .filter_map(|number| Some((number.dialled.strip_suffix('*')?, &number.to)))
                .filter(|(prefix, _)| dialled.starts_with(prefix))
                .max_by_key(|(prefix, _)| prefix.len())
                .map(|(_, to)| to)
        };
        match exact.map(|number| &number.to).or_else(by_prefix) {
            Some(Destination::Queue(queue)) => Route::Queue(queue.clone()),
            Some(Destination::Account(account)) => Route::Account(account.clone()),
            Some(Destination::Trunks(trunks)) => Route::Trunks(trunks.clone()),
            None => self.route_by_name(dialled),
        }
    }

    fn route_by_name(&self, dialled: &str) -> Route {
        let queue = self.config.queues.iter().find(|queue| queue.name.as_str() == dialled);
        let account = self.config.accounts.iter().find(|account| account.name.as_str() == dialled);
        match (queue, account) {
            (Some(queue), _) => Route::Queue(queue.name.clone()),
            (None, Some(account)) => Route::Account(account.name.clone()),
            (None, None) => Route::Nowhere,
        }
    }

    /// Every place where the endpoint can be called now, best first.
    pub(super) fn targets_of(&mut self, now: Now, endpoint: &Endpoint) -> Vec<Target> {
        match endpoint {
            Endpoint::Account(account) => self.targets_of_account(now, account),
            Endpoint::Trunk { trunk, number } => {
                self.target_over(std::slice::from_ref(trunk), number, None).into_iter().collect()
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
                within: None,
                then: Vec::new(),
                party: Subject(account.as_str().to_owned()),
            })
            .collect()
    }

    /// A number over the first of these trunks that takes it; the others, and the other addresses
    /// of each, are tried when that one is out of order.
    pub(super) fn target_over(
        &mut self,
        trunks: &[TrunkName],
        number: &str,
        caller: Option<&Flow>,
    ) -> Option<Target> {
        let hops = self.peers.towards(trunks, &mut self.entropy);
        let mut targets = hops.iter().filter_map(|hop| {
            let flow = self.flow_towards(hop, caller)?;
            Some(Target {
                flow,
                uri: uri_at(hop, Some(number)),
                path: Vec::new(),
                account: None,
                trunk: Some(hop.trunk.clone()),
                within: Some(hop.within),
                then: Vec::new(),
                party: Subject(number.to_owned()),
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
            listener.transport == hop.transport && listener.bind.is_ipv4() == remote.is_ipv4()
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

    /// The agent whose endpoint this account is.
    pub(super) fn agent_at(&self, account: &EndpointName) -> Option<AgentName> {
        let has =
            |endpoint: &Endpoint| matches!(endpoint, Endpoint::Account(own) if own == account);
        let agent = self.config.agents.iter().find(|agent| agent.endpoints.iter().any(has));
        agent.map(|agent| agent.name.clone())
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

/// The Request-URI for a hop: the target as configured, since the peer may ask for its own name.
pub(super) fn uri_at(hop: &Hop, user: Option<&str>) -> Uri {
    let uri = match &hop.target.host {
        TargetHost::Address(ip) => Uri::sip(user, Host::from(*ip), Some(hop.address.port())),
        TargetHost::Name(name) => Uri::sip(user, Host::Name(name.clone()), hop.target.port),
    };
    Transport::from(hop.transport).written_into(uri)
}
