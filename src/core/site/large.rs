//! Requests that do not fit a datagram.
//!
//! RFC 3261 §18.1.1: a request of more than 1300 bytes goes over TCP, since on many ways a datagram
//! that is cut into fragments never arrives and nobody says so. Here that is done towards trunks,
//! where the box has a listener for TCP; whoever takes no TCP connection gets the request as a
//! datagram all the same, as the RFC says, and is not asked again for an hour. Phones are left as
//! they are: what is behind NAT can not be connected to.
//!
//! It is one request over either way, and keeps its branch: by that a call which comes back is
//! known, and its CANCEL. The leg keeps the Via as it left, for the journal.

use holdfast_base::{LegId, Mono, Now};
use holdfast_config::ListenerTransport;
use holdfast_wire::sip::{Method, Request};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use super::directory::Place;
use super::{Site, Step};
use crate::call::leg::Leg;
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

/// How long a connection and the first word over it may take, one SYN lost on the way included
/// (RFC 6298 §2: 1 s). Who hangs up before that has shown nothing of the other side.
const FIRST_WORD_TIME: Duration = Duration::from_secs(2);

/// Large requests that went over TCP instead, and who took none.
#[derive(Debug, Default)]
pub(super) struct Large {
    under_way: BTreeMap<ClientKey, Unheard>,
    refused: BTreeMap<SocketAddr, Mono>,
}

/// A request that went over TCP, without any word yet.
#[derive(Debug)]
struct Unheard {
    since: Mono,
    datagram: Datagram,
}

/// A request as it would go by UDP.
#[derive(Debug)]
pub(super) struct Datagram {
    pub(super) place: Place,
    pub(super) flow: Flow,
    pub(super) request: Request,
    pub(super) gated: bool,
}

impl Site {
    /// Sends a request of a leg: over TCP when it would not fit a datagram.
    pub(super) fn send_by_size(
        &mut self,
        now: Now,
        datagram: Datagram,
        step: &mut Step,
    ) -> ClientKey {
        let way = self.way_for(now, &datagram.request, datagram.flow);
        if way == datagram.flow {
            return self.transmit(now, (way, datagram.request), datagram.gated, step);
        }
        let mut request = datagram.request.clone();
        if let Some(branch) = branch_of(&request) {
            let via = self.sent_by(&way).via(way.transport, &branch);
            request.headers.set("Via", via);
            self.tell_leg(datagram.place, &request);
        }
        let key = self.transmit(now, (way, request), datagram.gated, step);
        self.large.under_way.insert(key, Unheard { since: now.mono, datagram });
        key
    }

    /// The leg's INVITE leaves under the Via that it has here.
    fn tell_leg(&mut self, place: Place, request: &Request) {
        if request.method != Method::Invite {
            return;
        }
        if let (Some(leg), Ok(via)) = (self.leg_at_mut(place), request.headers.via()) {
            leg.sent_under(&via);
        }
    }

    fn way_for(&mut self, now: Now, request: &Request, flow: Flow) -> Flow {
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
            listener.carries(ListenerTransport::Tcp)
                && listener.bind.is_ipv4() == flow.local.is_ipv4()
                && (listener.bind.ip().is_unspecified() || listener.bind.ip() == flow.local.ip())
        });
        ours.map_or(flow, |listener| Flow {
            transport: Transport::Tcp,
            local: SocketAddr::new(flow.local.ip(), listener.bind.port()),
            ..flow
        })
    }

    /// A request has got its first answer of any kind: it does not go again, and TCP is taken.
    pub(super) fn large_is_heard(&mut self, key: ClientKey) {
        if let Some(heard) = self.large.under_way.remove(&key) {
            self.large.refused.remove(&heard.datagram.flow.remote);
        }
    }

    /// A request did arrive, and nobody has answered.
    pub(super) fn large_has_timed_out(&mut self, key: ClientKey) {
        self.large.under_way.remove(&key);
    }

    /// The INVITE of a leg has had no word for as long as it may. Perhaps a firewall drops the
    /// connection without a word: the next call shall not wait for it.
    pub(super) fn large_is_silent(&mut self, now: Now, leg: LegId) {
        let key = self.directory.invite_of(leg);
        let silent = key.and_then(|key| self.large.under_way.get(&key));
        if let Some(remote) = silent.map(|unheard| unheard.datagram.flow.remote) {
            self.takes_no_tcp(now, remote);
        }
    }

    /// A request is wanted no more, over whichever way.
    pub(super) fn large_is_cancelled(&mut self, now: Now, key: ClientKey) {
        let Some(Unheard { since, datagram }) = self.large.under_way.remove(&key) else { return };
        if now.mono.since(since) >= FIRST_WORD_TIME {
            self.takes_no_tcp(now, datagram.flow.remote);
        }
    }

    /// Nobody takes TCP there: the request goes as a datagram. False when it was none of these.
    pub(super) fn goes_as_datagram(&mut self, now: Now, key: ClientKey, step: &mut Step) -> bool {
        let Some(Unheard { since: _, datagram }) = self.large.under_way.remove(&key) else {
            return false;
        };
        let Datagram { place, flow, request, gated } = datagram;
        self.takes_no_tcp(now, flow.remote);
        let invited = self.directory.end_invite(key).is_some();
        let waited_for = invited || self.directory.end_question(key).is_some();
        if waited_for {
            step.touched.insert(place.0);
            self.tell_leg(place, &request);
            let cseq = request.headers.cseq().ok();
            let again = self.transmit(now, (flow, request), gated, step);
            self.login_goes_on(key, again);
            self.expect_answer(place, again, cseq);
        }
        waited_for
    }

    fn takes_no_tcp(&mut self, now: Now, remote: SocketAddr) {
        self.large.refused.insert(remote, now.mono + REFUSED_TIME);
    }

    /// Of which target a response speaks that came this way: what is learned belongs to the way
    /// that the trunk has, whichever its request took for its size.
    pub(super) fn target_of(&self, key: ClientKey, came: Flow) -> Flow {
        let place = self.directory.client(key).or_else(|| self.directory.question(key));
        let leg = place.and_then(|place| self.leg_at(place));
        let switched = |flow: &Flow| {
            flow.transport == Transport::Udp
                && came.transport == Transport::Tcp
                && flow.remote == came.remote
        };
        leg.map(Leg::flow).filter(switched).unwrap_or(came)
    }
}

/// The way that an INVITE from the journal has taken, where its leg has this one: its Via tells.
pub(super) fn way_taken(invite: &Request, flow: Flow) -> Flow {
    match invite.headers.via() {
        Ok(via) if flow.transport == Transport::Udp && via.transport == Transport::Tcp.as_str() => {
            let local = SocketAddr::new(flow.local.ip(), via.port_or_default());
            Flow { transport: Transport::Tcp, local, ..flow }
        }
        Ok(_) | Err(_) => flow,
    }
}

fn branch_of(request: &Request) -> Option<String> {
    Some(request.headers.via().ok()?.branch()?.into_owned())
}

/// How long the request will be.
fn size(request: &Request) -> usize {
    const LINE_END: usize = 2;
    let headers = request.headers.iter().map(|header| header.raw().len() + LINE_END);
    let start =
        request.method.as_str().len() + request.uri.as_str().len() + " SIP/2.0 \r\n\r\n".len();
    start + headers.sum::<usize>() + request.body.len() + VIA_BYTES
}
