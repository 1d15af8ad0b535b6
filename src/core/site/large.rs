//! Requests that do not fit a datagram.
//!
//! RFC 3261 §18.1.1: a request of more than 1300 bytes goes over TCP, since on many ways a datagram
//! that is cut into fragments never arrives and nobody says so. Here that is done towards trunks,
//! where the box has a listener for TCP; whoever takes no TCP connection gets the request as a
//! datagram all the same, as the RFC says, and is not asked again for an hour. Phones are left as
//! they are: what is behind NAT can not be connected to.

use holdfast_base::{Mono, Now};
use holdfast_config::ListenerTransport;
use holdfast_wire::sip::Request;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use super::directory::Place;
use super::{Site, Step};
use crate::sip::flow::{Flow, Transport};
use crate::sip::transaction::ClientKey;

/// RFC 3261 §18.1.1, where the size that the way carries is not known.
const DATAGRAM_BYTES: usize = 1300;
/// The Via that the request still gets: an address or name of ours and a branch.
const VIA_BYTES: usize = 120;
/// How long a peer is believed to take no TCP.
const REFUSED_TIME: Duration = Duration::from_secs(3600);
/// Most such requests on their way at once; a call has one, and each is over with its first answer.
const UNDER_WAY_MAX: usize = 1000;

/// Large requests that went over TCP instead, and who took none.
#[derive(Debug, Default)]
pub(super) struct Large {
    under_way: BTreeMap<ClientKey, Datagram>,
    refused: BTreeMap<SocketAddr, Mono>,
}

/// A request as it would go by UDP.
#[derive(Clone, Debug)]
pub(super) struct Datagram {
    pub(super) place: Place,
    pub(super) flow: Flow,
    pub(super) request: Request,
    pub(super) gated: bool,
}

impl Site {
    /// The way that a request takes: over TCP when it would not fit a datagram.
    pub(super) fn way_for(&mut self, now: Now, request: &Request, flow: Flow) -> Flow {
        let by_datagram = flow.transport == Transport::Udp && flow.trunk.is_some();
        let room = self.large.under_way.len() < UNDER_WAY_MAX;
        if !by_datagram || !room || size(request) <= DATAGRAM_BYTES {
            return flow;
        }
        self.large.refused.retain(|_, until| now.mono < *until);
        if self.large.refused.contains_key(&flow.remote) {
            return flow;
        }
        let ours = self.config.sip.listeners.iter().find(|listener| {
            listener.transport == ListenerTransport::Tcp
                && listener.bind.is_ipv4() == flow.local.is_ipv4()
                && (listener.bind.ip().is_unspecified() || listener.bind.ip() == flow.local.ip())
        });
        ours.map_or(flow, |listener| Flow {
            transport: Transport::Tcp,
            local: SocketAddr::new(flow.local.ip(), listener.bind.port()),
            ..flow
        })
    }

    /// Notes a request that has taken TCP instead.
    pub(super) fn note_large(&mut self, key: ClientKey, datagram: Datagram) {
        self.large.under_way.insert(key, datagram);
    }

    /// A request has got an answer of any kind, or is wanted no more: it does not go again. What is
    /// learned of its target belongs to the way that the trunk has.
    pub(super) fn large_is_done(&mut self, key: ClientKey) -> Option<Flow> {
        self.large.under_way.remove(&key).map(|datagram| datagram.flow)
    }

    /// Nobody takes TCP there: the request goes as a datagram. False when it was none of these.
    pub(super) fn goes_as_datagram(&mut self, now: Now, key: ClientKey, step: &mut Step) -> bool {
        let Some(datagram) = self.large.under_way.remove(&key) else { return false };
        self.large.refused.insert(datagram.flow.remote, now.mono + REFUSED_TIME);
        let flow = datagram.flow;
        let invited = self.directory.end_invite(key).is_some();
        let waited_for = invited || self.directory.end_question(key).is_some();
        if waited_for {
            self.send_request(now, datagram, flow, step);
        }
        waited_for
    }
}

/// How long the request will be.
fn size(request: &Request) -> usize {
    const LINE_END: usize = 2;
    let headers = request.headers.iter().map(|header| header.raw().len() + LINE_END);
    let start =
        request.method.as_str().len() + request.uri.as_str().len() + " SIP/2.0 \r\n\r\n".len();
    start + headers.sum::<usize>() + request.body.len() + VIA_BYTES
}
