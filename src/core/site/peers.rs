//! Between the far ends of trunks, which are addresses, and the transactions and calls that show
//! how they are.

use holdfast_base::{Mono, Now, Outbox, TrunkName};
use holdfast_config::{Config, Endpoint, ListenerTransport};
use holdfast_wire::sip::Response;
use std::net::SocketAddr;
use std::time::Duration;

use super::ledger::PEERS;
use super::logins::Asker;
use super::numbers::uri_at;
use super::{Site, Snapshot, Step, Work};
use crate::call::io::Failure;
use crate::call::words;
use crate::command::{Refusal, Reply};
use crate::peer::resolve::{Answer, Question};
use crate::peer::{Hop, Output, Peers, target};
use crate::queue;
use crate::record::encoding::decoded;
use crate::sip::flow::{Flow, Transport};
use crate::sip::transaction::ClientKey;

/// OPTIONS on their way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    transport: ListenerTransport,
    address: SocketAddr,
    at: Mono,
}

impl Site {
    pub(super) fn restore_peers(&mut self, now: Now, snapshot: &Snapshot, step: &mut Step) {
        let kept = snapshot.states.iter().find(|(key, _)| key.as_str() == PEERS);
        // What can not be read is learned anew.
        let memory = kept.and_then(|(_, value)| decoded(value));
        self.peers_written = kept.is_some();
        let mut out = Outbox::new();
        let memory = memory.unwrap_or_default();
        self.peers = Peers::restore(now, &self.config, memory, &mut self.entropy, &mut out);
        self.spare_peers(now);
        self.take_peers(now, out, step);
    }

    pub(super) fn peers_configured(&mut self, now: Now, config: &Config, step: &mut Step) {
        let mut out = Outbox::new();
        self.peers.configured(now, config, &mut self.entropy, &mut out);
        self.spare_peers(now);
        self.take_peers(now, out, step);
    }

    pub(super) fn watch_peers(&mut self, now: Now, step: &mut Step) {
        let mut out = Outbox::new();
        self.peers.handle_deadline(now, &mut self.entropy, &mut out);
        self.take_peers(now, out, step);
    }

    pub(super) fn resolved(
        &mut self,
        now: Now,
        question: &Question,
        answer: Answer,
        step: &mut Step,
    ) {
        let mut out = Outbox::new();
        self.peers.answered(now, question, answer, &mut self.entropy, &mut out);
        self.spare_peers(now);
        self.take_peers(now, out, step);
    }

    pub(super) fn switch_target(
        &mut self,
        now: Now,
        trunk: &TrunkName,
        target: &str,
        on: bool,
        step: &mut Step,
    ) -> Reply {
        let mut out = Outbox::new();
        let known = self.peers.switch(now, trunk, target, on, &mut self.entropy, &mut out);
        self.take_peers(now, out, step);
        let unknown = || format!("the trunk `{trunk}` has no target `{target}`");
        known.then_some(()).ok_or_else(|| Refusal::NotFound(unknown()))
    }

    /// A response to an INVITE of ours says something about whoever it came from.
    pub(super) fn peer_answered(
        &mut self,
        now: Now,
        flow: &Flow,
        response: &Response,
        step: &mut Step,
    ) {
        let (status, retry_after) = (response.status.code(), retry_after(response));
        self.peer_happened(now, flow, &target::Input::Heard { status, retry_after }, step);
    }

    pub(super) fn peer_happened(
        &mut self,
        now: Now,
        flow: &Flow,
        what: &target::Input,
        step: &mut Step,
    ) {
        let transport = match flow.transport {
            Transport::Udp => ListenerTransport::Udp,
            Transport::Tcp => ListenerTransport::Tcp,
            Transport::Tls => ListenerTransport::Tls,
            Transport::Ws | Transport::Wss => return, // no trunk is reached by it
        };
        self.hop_happened(now, (transport, flow.remote), what, step);
    }

    /// Whether the response was one to OPTIONS of ours.
    pub(super) fn take_probe_response(
        &mut self,
        now: Now,
        key: ClientKey,
        response: &Response,
        step: &mut Step,
    ) -> bool {
        let Some(asked) = self.probes.get(&key).copied() else { return false };
        if response.status.is_final() {
            self.probes.remove(&key);
            let (status, retry_after) = (response.status.code(), retry_after(response));
            let took = now.mono.since(asked.at);
            let what = target::Input::Answered { status, retry_after, took };
            self.hop_happened(now, (asked.transport, asked.address), &what, step);
        }
        true
    }

    /// Whether it was OPTIONS of ours that failed.
    pub(super) fn probe_failed(
        &mut self,
        now: Now,
        key: ClientKey,
        how: Failure,
        step: &mut Step,
    ) -> bool {
        let Some(asked) = self.probes.remove(&key) else { return false };
        match how {
            Failure::Unreachable => {
                let place = (asked.transport, asked.address);
                self.hop_happened(now, place, &target::Input::Broken, step);
            }
            Failure::TimedOut => {} // missed long before
        }
        true
    }

    fn hop_happened(
        &mut self,
        now: Now,
        (transport, address): (ListenerTransport, SocketAddr),
        what: &target::Input,
        step: &mut Step,
    ) {
        let mut out = Outbox::new();
        let entropy = &mut self.entropy;
        self.peers.happened(now, transport, address, what, entropy, &mut out);
        self.take_peers(now, out, step);
    }

    fn take_peers(&mut self, now: Now, mut out: Outbox<Output>, step: &mut Step) {
        for output in out.drain() {
            match output {
                Output::Ask(question) => step.asked.push(question),
                Output::Probe(hop) => self.probe(now, &hop, step),
                Output::TestCall(trunk) => self.place_test_call(now, &trunk, step),
                Output::Fact(fact) => step.facts.push(fact),
                Output::Standing { trunk, up } => {
                    self.pbx_is(now, &trunk, up, step);
                    self.note_trunk(&trunk, up, step);
                }
            }
        }
    }

    fn probe(&mut self, now: Now, hop: &Hop, step: &mut Step) {
        let Some(flow) = self.flow_towards(hop, None) else {
            let place = (hop.transport, hop.address);
            return self.hop_happened(now, place, &target::Input::Broken, step);
        };
        let (call_id, tag) = (self.entropy.token(), self.entropy.token());
        let uri = uri_at(hop);
        let request = words::options(&self.config, &flow, &uri, &call_id, &tag);
        let key = self.ask(now, Asker::Alone, (flow, request), false, step);
        let asked = Asked { transport: hop.transport, address: hop.address, at: now.mono };
        self.probes.insert(key, asked);
    }

    /// OPTIONS were sent once more, in another transaction.
    pub(super) fn probe_goes_on(&mut self, before: ClientKey, key: ClientKey) {
        if let Some(asked) = self.probes.remove(&before) {
            self.probes.insert(key, asked);
        }
    }

    fn note_trunk(&self, name: &TrunkName, reachable: bool, step: &mut Step) {
        for endpoint in self.config.agents.iter().flat_map(|agent| &agent.endpoints) {
            if let Endpoint::Trunk { trunk, .. } = endpoint
                && trunk == name
            {
                let endpoint = endpoint.clone();
                let input = queue::Input::EndpointState { endpoint, reachable };
                step.work.push_back(Work::Queue(input));
            }
        }
    }
}

fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers.seconds("Retry-After").ok().flatten()?;
    Some(Duration::from_secs(seconds.into()))
}
