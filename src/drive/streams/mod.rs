//! SIP over TCP, TLS and WebSocket: one task a connection, bounded on both sides.
//!
//! ```text
//! listener ─► accept ─┐
//!                     ├─► connection (framing) ◄─► site loop, which owns the table
//!             dial ───┘
//! ```
//!
//! A connection is the same whatever is below; TLS is a step of accepting and of dialling, and
//! WebSocket, of accepting alone, another way to frame. Nothing here looks into a message. Messages
//! share a connection when transport, remote address and identity are the same: over TLS, what is
//! sent for one trunk never goes over the connection of another (RFC 5923 §8.2), and to nobody who
//! has not proven to be the trunk's peer.

mod accept;
mod begun;
#[cfg(test)]
mod browser_tests;
mod connection;
mod dial;
mod framing;
#[cfg(test)]
mod tests;
mod upgrade;

use accept::Reception;
use connection::{Census, Ends, Order};
use dial::{Opening, dial_and_carry};
use holdfast_base::TrunkId;
use holdfast_config::Listener;
use holdfast_core::sip::flow::{Flow, Transport};
use holdfast_wire::sip::{Host, Message};
use socket2::{Domain, Protocol, Socket, Type};
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use crate::inbox::Inbox;
use crate::porter::Porter;
use crate::tls::{Retired, Side, Tls};

/// Most open connections; a branch has some hundred phones.
pub const CONNECTIONS_MAX: usize = 4096;
/// Most connections from one source, so that one host can not take them all.
pub const CONNECTIONS_PER_SOURCE_MAX: usize = 256;
/// Connections that wait to be accepted.
const BACKLOG: i32 = 1024;
/// Messages waiting to be written on one connection; a peer that is further behind is lost.
pub const UNWRITTEN_MAX: usize = 256;

/// Binds a TCP listener; IPv6 for IPv6 alone.
///
/// # Errors
/// What the kernel says.
pub fn bind(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // A restart must not wait for the last connections to be forgotten (TIME-WAIT).
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// What the site loop holds of all connections.
#[derive(Debug)]
pub struct Streams {
    runtime: Handle,
    inbox: Inbox,
    tls: Tls,
    open: HashMap<u64, Open>,
    /// Connections that new messages may take.
    by_peer: BTreeMap<Peer, u64>,
    numbers: Arc<AtomicU64>,
    census: Arc<Census>,
    porter: Porter,
}

/// What is spoken on a listener.
#[derive(Clone, Copy, Debug)]
pub enum Speaking {
    /// SIP.
    Tcp,
    /// SIP inside of TLS, with the certificate of the listener that the configuration binds here.
    Tls(SocketAddr),
    /// SIP inside of a WebSocket, for pages that the listener of this address lets in.
    Ws(SocketAddr),
    /// The same inside of TLS.
    Wss(SocketAddr),
}

impl Speaking {
    /// What is spoken on a listener over streams; `None` for one over datagrams.
    #[must_use]
    pub fn on(listener: &Listener) -> Option<Self> {
        match Transport::of(listener) {
            Transport::Udp => None,
            Transport::Tcp => Some(Self::Tcp),
            Transport::Tls => Some(Self::Tls(listener.bind)),
            Transport::Ws => Some(Self::Ws(listener.bind)),
            Transport::Wss => Some(Self::Wss(listener.bind)),
        }
    }

    const fn transport(self) -> Transport {
        match self {
            Self::Tcp => Transport::Tcp,
            Self::Tls(_) => Transport::Tls,
            Self::Ws(_) => Transport::Ws,
            Self::Wss(_) => Transport::Wss,
        }
    }
}

/// What has to be the same for two messages to share a connection.
type Peer = (Transport, SocketAddr, Option<TrunkId>);

const fn peer(flow: &Flow) -> Peer {
    (flow.transport, flow.remote, flow.identity())
}

/// One connection as the loop sees it.
#[derive(Debug)]
struct Open {
    flow: Flow,
    opened: Opened,
    unwritten: mpsc::Sender<Order>,
}

/// Who has opened a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Opened {
    ByUs,
    ByThem,
}

/// The news of a connection that was accepted.
#[derive(Debug)]
pub struct Accepted {
    flow: Flow,
    unwritten: mpsc::Sender<Order>,
}

impl Streams {
    /// An empty table whose tasks run on `runtime` and report to `inbox`.
    #[must_use]
    pub fn new(runtime: Handle, inbox: Inbox, tls: Tls, porter: Porter) -> Self {
        let (open, by_peer) = (HashMap::new(), BTreeMap::new());
        let numbers = Arc::new(AtomicU64::new(1));
        let census = Arc::new(Census::new(porter.clone()));
        Self { runtime, inbox, tls, open, by_peer, numbers, census, porter }
    }

    /// Starts accepting on a bound listener.
    ///
    /// # Errors
    /// When the listener can not be made non-blocking.
    pub fn listen(&self, listener: std::net::TcpListener, speaking: Speaking) -> io::Result<()> {
        listener.set_nonblocking(true)?;
        let _inside = self.runtime.enter();
        let listener = TcpListener::from_std(listener)?;
        let reception = Reception {
            speaking,
            tls: self.tls.clone(),
            inbox: self.inbox.clone(),
            numbers: Arc::clone(&self.numbers),
            census: Arc::clone(&self.census),
            porter: self.porter.clone(),
        };
        self.runtime.spawn(reception.run(listener));
        Ok(())
    }

    /// Takes the news of an accepted connection into the table.
    pub fn accepted(&mut self, news: Accepted) {
        self.insert(news.flow, Opened::ByThem, news.unwritten);
    }

    /// Forgets a connection that is over; one that is not ends soon after.
    pub fn closed(&mut self, flow: &Flow) {
        let Some(number) = flow.connection else { return };
        self.open.remove(&number);
        if self.by_peer.get(&peer(flow)) == Some(&number) {
            self.by_peer.remove(&peer(flow));
        }
    }

    /// Takes connections out of use that stand for what is no longer so. Transactions on them end
    /// there; nothing new begins there.
    pub fn retire(&mut self, retired: &[Retired]) {
        for (number, open) in &self.open {
            let meant = retired.iter().any(|it| {
                open.flow.identity() == Some(it.trunk)
                    && (it.side == Side::Both || open.opened == Opened::ByUs)
            });
            if !meant {
                continue;
            }
            if self.by_peer.get(&peer(&open.flow)) == Some(number) {
                self.by_peer.remove(&peer(&open.flow));
            }
            // A queue that is full is read by a connection that is closed for that soon.
            let _ = open.unwritten.try_send(Order::Retire);
        }
    }

    /// Sends on the named connection, else on any to that peer, else on a new one.
    ///
    /// # Errors
    /// When there is no way to that peer, or it does not read. Failure to connect comes later, as
    /// [`crate::inbox::Inbound::FlowBroken`].
    pub fn send(&mut self, flow: &Flow, bytes: Vec<u8>) -> io::Result<()> {
        // RFC 3261 §18.2.2: a response returns on its connection; when that is gone, a new one to
        // the same address is the next best.
        let known = flow
            .connection
            .filter(|number| self.open.get(number).is_some_and(|it| peer(&it.flow) == peer(flow)))
            .or_else(|| self.by_peer.get(&peer(flow)).copied());
        let number = match known {
            Some(number) => number,
            None => self.connect(flow, &bytes)?,
        };
        let open = self.open.get(&number).ok_or(io::ErrorKind::NotConnected)?;
        open.unwritten.try_send(Order::Write(bytes)).map_err(|_| {
            io::Error::new(io::ErrorKind::WouldBlock, "the peer does not read its messages")
        })
    }

    fn connect(&mut self, flow: &Flow, first: &[u8]) -> io::Result<u64> {
        if self.open.len() >= CONNECTIONS_MAX {
            return Err(io::Error::other("too many connections"));
        }
        let opening = self.opening(flow, first)?;
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let flow = Flow { connection: Some(number), ..*flow };
        let (unwritten, queue) = mpsc::channel(UNWRITTEN_MAX);
        self.insert(flow, Opened::ByUs, unwritten);
        let ends = Ends { flow, queue, inbox: self.inbox.clone() };
        self.runtime.spawn(dial_and_carry(opening, ends));
        Ok(number)
    }

    /// How a connection is opened; never one that is the other side's to open
    /// ([`Flow::is_theirs_to_open`]).
    fn opening(&self, flow: &Flow, first: &[u8]) -> io::Result<Opening> {
        match (flow.transport, flow.trunk) {
            (Transport::Udp, _) => Err(io::ErrorKind::Unsupported.into()),
            (Transport::Tcp, _) => Ok(Opening::Plain),
            (Transport::Tls, None) | (Transport::Ws | Transport::Wss, _) => {
                Err(io::ErrorKind::NotConnected.into())
            }
            (Transport::Tls, Some(trunk)) => match self.tls.book().dialling(trunk) {
                Some(dialling) => Ok(Opening::Secured(dialling.clone(), next_host(first))),
                None => Err(io::Error::other("the trunk has nobody whom it believes")),
            },
        }
    }

    fn insert(&mut self, flow: Flow, opened: Opened, unwritten: mpsc::Sender<Order>) {
        let Some(number) = flow.connection else { return };
        self.by_peer.insert(peer(&flow), number);
        self.open.insert(number, Open { flow, opened, unwritten });
    }

    /// How many connections are open, for the gauges.
    #[must_use]
    pub fn len(&self) -> usize {
        self.open.len()
    }

    /// Whether no connection is open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// The flows of all open connections.
    pub fn flows(&self) -> impl Iterator<Item = &Flow> {
        self.open.values().map(|open| &open.flow)
    }
}

/// The host that a request goes to next, by name: the first Route, else the Request-URI (RFC 3261
/// §8.1.2).
fn next_host(message: &[u8]) -> Option<String> {
    let Ok(Message::Request(request)) = Message::parse(message) else { return None };
    let routes = request.headers.routes("Route").unwrap_or_default();
    let next = routes.first().map_or(&request.uri, |route| &route.uri);
    match next.host()? {
        Host::Name(name) => Some(name.to_ascii_lowercase()),
        Host::V4(_) | Host::V6(_) => None,
    }
}

/// Counts things that are alive; one less when dropped.
#[derive(Debug)]
pub(crate) struct Counted(Arc<AtomicUsize>);

impl Counted {
    pub(crate) fn one_of(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(count))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
