//! What stands before the guard of a stream: where its remote is, and under which keys it speaks,
//! where that is found out on the way of the audio itself and not in descriptions.
//!
//! A stream in the clear or with keys of the description (SDES) has an entrance that is open, and
//! its latch learns where the remote is. With ICE nothing passes but what comes from an address
//! that a check of the remote came from; with DTLS no audio passes before the handshake is done.

use crate::media::guard::Guard;
use crate::media::handshake::{Handshake, News, Order, Verdict};
use crate::media::ice::{Agent, Heard};
use crate::media::order::{AgreedIce, MediaEdge, Remote};
use crate::media::plane::Port;
use crate::rate::PerSecond;
use holdfast_base::{Mono, Outbox, StreamId};
use holdfast_wire::stun::Sort;
use std::net::SocketAddr;

/// Datagrams of handshakes that are passed on in a second. A handshake has about ten; all streams
/// share who does the arithmetic.
const RECORDS_PER_SECOND_MAX: u32 = 50;

/// The entrance of one stream.
#[derive(Debug)]
pub struct Entrance {
    stream: StreamId,
    agent: Option<Agent>,
    handshake: Handshake,
    records: PerSecond,
}

/// What a datagram is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Knock {
    /// Audio or a report: for the stream.
    Media,
    /// A check, with the answer to it.
    Answer(Vec<u8>),
    /// Something that is over with being read.
    Taken,
    /// From somebody that nobody knows, or of no use.
    Refused,
}

/// Where the audio of a stream goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// As the descriptions and the packets of the remote say.
    Latched,
    /// As checks have found; none while they have not.
    Checked(Option<SocketAddr>),
}

impl Entrance {
    /// An open one.
    #[must_use]
    pub fn new(now: Mono, stream: StreamId) -> Self {
        let (handshake, records) = (Handshake::new(stream), PerSecond::new(now));
        Self { stream, agent: None, handshake, records }
    }

    /// Takes what was agreed, for the guard too.
    pub fn expect(&mut self, remote: &Remote, guard: &mut Guard, orders: &mut Outbox<Order>) {
        match (&mut self.agent, &remote.ice) {
            (Some(agent), Some(agreed)) => agent.expect(agreed),
            (None, Some(agreed)) => self.agent = Some(Agent::new(AgreedIce::clone(agreed))),
            (_, None) => self.agent = None,
        }
        self.handshake.expect(remote.dtls.as_deref()).into_iter().for_each(|it| orders.push(it));
        match &remote.dtls {
            Some(_) => guard.await_keys(),
            None => guard.expect(remote.crypto.as_ref()),
        }
        self.begin_when_connected(orders);
    }

    /// Looks at a datagram before anybody else does.
    pub fn hear(
        &mut self,
        now: Mono,
        (port, from): (Port, SocketAddr),
        datagram: &[u8],
        orders: &mut Outbox<Order>,
    ) -> Knock {
        let Some(agent) = &mut self.agent else { return Knock::Media };
        match port {
            Port::Rtp => {}
            // With checks everything shares the other port (RFC 5761 §5.1.3).
            Port::Rtcp => return Knock::Refused,
        }
        match Sort::of(datagram) {
            Sort::Stun => match agent.hear(now, from, datagram) {
                Heard::Answer(answer) => {
                    self.begin_when_connected(orders);
                    Knock::Answer(answer)
                }
                Heard::Nothing => Knock::Taken,
                Heard::Refused => Knock::Refused,
            },
            Sort::Dtls if agent.knows(from) => {
                if !self.records.permits(now, RECORDS_PER_SECOND_MAX) {
                    return Knock::Refused;
                }
                self.handshake.take(datagram).into_iter().flatten().for_each(|it| orders.push(it));
                Knock::Taken
            }
            Sort::Media if agent.knows(from) => Knock::Media,
            Sort::Dtls | Sort::Media | Sort::Other => Knock::Refused,
        }
    }

    fn begin_when_connected(&mut self, orders: &mut Outbox<Order>) {
        if self.agent.as_ref().and_then(Agent::destination).is_some() {
            self.handshake.way_found().into_iter().for_each(|it| orders.push(it));
        }
    }

    /// Takes news of a handshake: what is to be sent now, and where.
    pub fn shaken(
        &mut self,
        news: News,
        guard: &mut Guard,
        out: &mut Outbox<MediaEdge>,
    ) -> Option<(SocketAddr, Vec<u8>)> {
        let stream = self.stream;
        match self.handshake.hear(news) {
            Verdict::Send(bytes) => {
                let to = self.agent.as_ref().and_then(Agent::answers_to)?;
                return Some((to, bytes));
            }
            Verdict::Keys(keys) => {
                out.push(MediaEdge::Secured { stream, suite: keys.receive.suite() });
                guard.rekey(*keys);
            }
            Verdict::Failed(why) => {
                guard.shut();
                out.push(MediaEdge::NotSecured { stream, why });
            }
            Verdict::Nothing => {}
        }
        None
    }

    /// Where audio goes.
    #[must_use]
    pub fn way(&self) -> Way {
        self.agent.as_ref().map_or(Way::Latched, |agent| Way::Checked(agent.destination()))
    }

    /// Whether the way is found by checks.
    #[must_use]
    pub const fn is_checked(&self) -> bool {
        self.agent.is_some()
    }

    /// Notices a remote that does not check any more.
    pub fn sweep(&mut self, now: Mono, out: &mut Outbox<MediaEdge>) {
        if self.agent.as_mut().is_some_and(|agent| agent.sweep(now)) {
            out.push(MediaEdge::Disconnected { stream: self.stream });
        }
    }

    /// What is left to be forgotten elsewhere when the stream closes.
    pub fn close(&mut self) -> Option<Order> {
        self.handshake.end()
    }
}
