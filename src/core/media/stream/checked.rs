//! A stream whose way is found by checks, and whose keys a handshake brings: what passes its
//! entrance before anything of it is heard.

use super::Stream;
use crate::media::entrance::Knock;
use crate::media::handshake;
use crate::media::order::MediaEdge;
use crate::media::plane::Port;
use holdfast_base::{Mono, Outbox};
use std::net::SocketAddr;

impl Stream {
    /// Looks at a datagram before it is heard.
    pub fn knock(
        &mut self,
        now: Mono,
        (port, from): (Port, SocketAddr),
        datagram: &[u8],
        orders: &mut Outbox<handshake::Order>,
    ) -> Knock {
        let knock = self.entrance.hear(now, (port, from), datagram, orders);
        match knock {
            Knock::Refused => self.totals.refused += 1,
            Knock::Media | Knock::Answer(_) | Knock::Taken => {}
        }
        knock
    }

    /// Takes news of its handshake: what is to be sent, and where.
    pub fn shaken(
        &mut self,
        now: Mono,
        news: handshake::News,
        out: &mut Outbox<MediaEdge>,
    ) -> Option<(SocketAddr, Vec<u8>)> {
        let sent = self.entrance.shaken(news, &mut self.guard, out);
        self.wake(now);
        sent
    }

    /// What has to be forgotten of it elsewhere when it closes.
    pub fn close(&mut self) -> Option<handshake::Order> {
        self.entrance.close()
    }

    /// Whether a report from this address may be believed. Who has been checked is known already.
    pub(super) fn believes(&self, from: SocketAddr) -> bool {
        self.entrance.is_checked() || self.latch.believes_host_of(from)
    }
}
