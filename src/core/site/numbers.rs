//! Where a dialled number leads, and where an endpoint can be reached now.

use holdfast_base::{AgentName, EndpointName, Now, QueueName, TrunkName};
use holdfast_config::{Destination, Endpoint};
use holdfast_wire::sip::{Host, Uri};
use std::net::SocketAddr;

use super::{Site, Step, Work};
use crate::call::io::Target;
use crate::queue;
use crate::record::event::Subject;
use crate::sip::flow::{Flow, Transport};

/// Where a dialled number leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Queue(QueueName),
    Account(EndpointName),
    Trunk(TrunkName),
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
            Some(Destination::Trunk(trunk)) => Route::Trunk(trunk.clone()),
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
    pub(super) fn targets_of(&self, now: Now, endpoint: &Endpoint) -> Vec<Target> {
        match endpoint {
            Endpoint::Account(account) => self.targets_of_account(now, account),
            Endpoint::Trunk { trunk, number } => {
                let flow = self.flow_towards_trunk(trunk, None);
                flow.map(|flow| trunk_target(trunk, number, flow)).into_iter().collect()
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
                party: Subject(account.as_str().to_owned()),
            })
            .collect()
    }

    pub(super) fn target_of_trunk(
        &self,
        trunk: &TrunkName,
        number: &str,
        caller: &Flow,
    ) -> Option<Target> {
        self.flow_towards_trunk(trunk, Some(caller)).map(|flow| trunk_target(trunk, number, flow))
    }

    /// The way to a trunk: from the listener of its transport, by the address that reaches it.
    fn flow_towards_trunk(&self, name: &TrunkName, caller: Option<&Flow>) -> Option<Flow> {
        let trunk = self.config.trunks.iter().find(|trunk| trunk.name == *name)?;
        let remote = trunk.target?;
        let transport = Transport::from(trunk.transport);
        let listener = self.config.sip.listeners.iter().find(|listener| {
            listener.transport == trunk.transport && listener.bind.is_ipv4() == remote.is_ipv4()
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
        Some(Flow { transport, local, remote, connection: None, trunk: Some(name.id()) })
    }

    /// The agent whose endpoint this account is.
    pub(super) fn agent_at(&self, account: &EndpointName) -> Option<AgentName> {
        let has =
            |endpoint: &Endpoint| matches!(endpoint, Endpoint::Account(own) if own == account);
        let agent = self.config.agents.iter().find(|agent| agent.endpoints.iter().any(has));
        agent.map(|agent| agent.name.clone())
    }

    /// Tells the queue that endpoints over trunks can be reached: a trunk that can not shows itself
    /// by the call that fails.
    pub(super) fn note_trunks(&self, step: &mut Step) {
        for endpoint in self.config.agents.iter().flat_map(|agent| &agent.endpoints) {
            if let Endpoint::Trunk { .. } = endpoint {
                let endpoint = endpoint.clone();
                let input = queue::Input::EndpointState { endpoint, reachable: true };
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

fn trunk_target(trunk: &TrunkName, number: &str, flow: Flow) -> Target {
    let host = Host::from(flow.remote.ip());
    let uri = Uri::sip(Some(number), host, Some(flow.remote.port()));
    let uri = flow.transport.written_into(uri);
    let path = Vec::new();
    let (trunk, party) = (Some(trunk.clone()), Subject(number.to_owned()));
    Target { flow, uri, path, account: None, trunk, party }
}
