//! SIP over TCP: one task a connection, bounded on both sides.
//!
//! The site loop owns the table of connections; a task frames what it reads
//! ([`StreamFramer`]) and writes what it is given. Nothing here looks into a message.

mod connection;

use connection::{Connection, Ends};
use holdfast_core::sip::flow::{Flow, Transport};
use holdfast_wire::sip::StreamFramer;
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use crate::inbox::{Inbound, Inbox};

/// Most open connections; a branch has some hundred phones.
pub const CONNECTIONS_MAX: usize = 4096;
/// Most connections from one address, so that one host can not take them all.
pub const CONNECTIONS_PER_HOST_MAX: usize = 256;
/// Messages waiting to be written on one connection; a peer that is further behind is lost.
pub const UNWRITTEN_MAX: usize = 256;

/// What the site loop holds of all connections.
#[derive(Debug)]
pub struct Streams {
    runtime: Handle,
    inbox: Inbox,
    open: HashMap<u64, Open>,
    by_remote: BTreeMap<SocketAddr, u64>,
    numbers: Arc<AtomicU64>,
}

/// One connection as the loop sees it.
#[derive(Debug)]
struct Open {
    flow: Flow,
    unwritten: mpsc::Sender<Vec<u8>>,
}

/// The news of a connection that was accepted.
#[derive(Debug)]
pub struct Accepted {
    flow: Flow,
    unwritten: mpsc::Sender<Vec<u8>>,
}

impl Streams {
    /// An empty table whose tasks run on `runtime` and report to `inbox`.
    #[must_use]
    pub fn new(runtime: Handle, inbox: Inbox) -> Self {
        let numbers = Arc::new(AtomicU64::new(1));
        Self { runtime, inbox, open: HashMap::new(), by_remote: BTreeMap::new(), numbers }
    }

    /// Starts accepting on a bound listener.
    ///
    /// # Errors
    /// When the listener can not be made non-blocking.
    pub fn listen(&self, listener: std::net::TcpListener) -> io::Result<()> {
        listener.set_nonblocking(true)?;
        let _inside = self.runtime.enter();
        let listener = TcpListener::from_std(listener)?;
        self.runtime.spawn(accept(listener, self.inbox.clone(), Arc::clone(&self.numbers)));
        Ok(())
    }

    /// Takes the news of an accepted connection into the table.
    pub fn accepted(&mut self, news: Accepted) {
        self.insert(news.flow, news.unwritten);
    }

    /// Forgets a connection that is over.
    pub fn closed(&mut self, flow: &Flow) {
        let Some(number) = flow.connection else { return };
        self.open.remove(&number);
        if self.by_remote.get(&flow.remote) == Some(&number) {
            self.by_remote.remove(&flow.remote);
        }
    }

    /// Sends on the named connection, else on any to that address, else on a new one.
    ///
    /// # Errors
    /// When the named connection is gone, or the peer does not read. Failure to connect comes
    /// later, as [`Inbound::FlowBroken`].
    pub fn send(&mut self, flow: &Flow, bytes: Vec<u8>) -> io::Result<()> {
        // RFC 3261 §18.2.2: a response returns on its connection; when that is gone, a new one to
        // the same address is the next best.
        let known = flow
            .connection
            .filter(|number| self.open.contains_key(number))
            .or_else(|| self.by_remote.get(&flow.remote).copied());
        let number = match known {
            Some(number) => number,
            None => self.connect(flow)?,
        };
        let open = self.open.get(&number).ok_or(io::ErrorKind::NotConnected)?;
        open.unwritten.try_send(bytes).map_err(|_| {
            io::Error::new(io::ErrorKind::WouldBlock, "the peer does not read its messages")
        })
    }

    fn connect(&mut self, flow: &Flow) -> io::Result<u64> {
        if self.open.len() >= CONNECTIONS_MAX {
            return Err(io::Error::other("too many connections"));
        }
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let flow = Flow { connection: Some(number), ..*flow };
        let (unwritten, queue) = mpsc::channel(UNWRITTEN_MAX);
        self.insert(flow, unwritten);
        let inbox = self.inbox.clone();
        self.runtime.spawn(async move {
            let ends = Ends { flow, queue, inbox };
            match dial(&flow).await {
                Ok(stream) => Connection::new(stream, ends, StreamFramer::for_opened()).run().await,
                Err(error) => {
                    tracing::debug!(remote = %flow.remote, %error, "connect");
                    ends.inbox.push(Inbound::FlowBroken(flow)).await;
                }
            }
        });
        Ok(number)
    }

    fn insert(&mut self, flow: Flow, unwritten: mpsc::Sender<Vec<u8>>) {
        let Some(number) = flow.connection else { return };
        self.by_remote.insert(flow.remote, number);
        self.open.insert(number, Open { flow, unwritten });
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

async fn dial(flow: &Flow) -> io::Result<tokio::net::TcpStream> {
    let socket = if flow.remote.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if !flow.local.ip().is_unspecified() {
        socket.bind(SocketAddr::new(flow.local.ip(), 0))?;
    }
    tokio::time::timeout(connection::CONNECT_TIME, socket.connect(flow.remote))
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

async fn accept(listener: TcpListener, inbox: Inbox, numbers: Arc<AtomicU64>) {
    let census = connection::Census::default();
    loop {
        let (stream, remote) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of descriptors: wait for some to come back rather than spin.
                tracing::warn!(%error, "accept");
                tokio::time::sleep(connection::ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Some(place) = census.admit(remote.ip()) else {
            tracing::debug!(%remote, "too many connections");
            continue;
        };
        let Ok(local) = stream.local_addr() else { continue };
        let number = numbers.fetch_add(1, Ordering::Relaxed);
        let flow = Flow { transport: Transport::Tcp, local, remote, connection: Some(number) };
        let (unwritten, queue) = mpsc::channel(UNWRITTEN_MAX);
        inbox.push(Inbound::Accepted(Accepted { flow, unwritten })).await;
        let ends = Ends { flow, queue, inbox: inbox.clone() };
        tokio::spawn(async move {
            Connection::new(stream, ends, StreamFramer::for_accepted()).run().await;
            drop(place);
        });
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
