//! Connections that others open: from the listener through the handshake to the loop.
//!
//! Every connection has its place counted and its own task from the first byte on, so one that
//! never finishes its handshake keeps nobody waiting and nothing for long.

use holdfast_base::TrunkId;
use holdfast_core::abuse::offence::Offence;
use holdfast_core::sip::flow::Flow;
use holdfast_wire::sip::StreamFramer;
use rustls::server::Acceptor;
use rustls_pki_types::UnixTime;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;
use tokio_rustls::{LazyConfigAcceptor, TlsAcceptor};

use super::connection::{Census, Connection, Ends, Place};
use super::framing::Framing;
use super::upgrade::{Refused, upgrade};
use super::{Accepted, Speaking, UNWRITTEN_MAX};
use crate::inbox::{Inbound, Inbox};
use crate::porter::Porter;
use crate::tls::Tls;

/// How long to wait when the process is out of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// A handshake takes two round trips and a signature; whoever needs longer is no peer of ours.
pub const HANDSHAKE_TIME: Duration = Duration::from_secs(5);
/// Characters of an origin that are logged: what a page is called. A stranger may write more.
const ORIGIN_CHARS_MAX: usize = 200;

/// What every connection of one listener needs.
#[derive(Clone)]
pub struct Reception {
    pub speaking: Speaking,
    pub tls: Tls,
    pub inbox: Inbox,
    pub numbers: Arc<AtomicU64>,
    pub census: Arc<Census>,
    pub porter: Porter,
}

impl Reception {
    /// Accepts for as long as the runtime lives.
    pub async fn run(self, listener: TcpListener) {
        loop {
            let (stream, remote) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of descriptors: wait for some to come back rather than spin.
                    tracing::warn!(%error, "accept");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            if self.porter.keeps_out(remote.ip()) && !self.may_prove_itself() {
                tracing::trace!(%remote, "banned");
                continue;
            }
            let Some(place) = self.census.admit(remote.ip()) else {
                tracing::debug!(%remote, "too many connections");
                continue;
            };
            let here = self.clone();
            tokio::spawn(async move {
                here.welcome(stream, remote, &place).await;
                drop(place);
            });
        }
    }

    /// Whether a caller may turn out to be a trunk, which is never banned wherever it calls from.
    fn may_prove_itself(&self) -> bool {
        match self.speaking {
            Speaking::Tcp | Speaking::Ws(_) | Speaking::Wss(_) => false,
            Speaking::Tls(_) => self.tls.book().knows_peers(),
        }
    }

    async fn welcome(self, stream: TcpStream, remote: SocketAddr, place: &Place) {
        let Ok(local) = stream.local_addr() else { return };
        // Each message is written whole; waiting for more would only delay it.
        let _ = stream.set_nodelay(true); // a slower connection is still a connection
        let connection = Some(self.numbers.fetch_add(1, Ordering::Relaxed));
        let transport = self.speaking.transport();
        let flow = Flow { transport, local, remote, connection, trunk: None };
        let tls = self.tls.clone();
        match self.speaking {
            Speaking::Tcp => self.carry(stream, flow, framing(), place).await,
            Speaking::Tls(listener) => {
                let shaken = shake_hands(&tls, listener, stream);
                let Some((stream, trunk)) = self.secured(flow, shaken).await else { return };
                if trunk.is_none() && self.porter.keeps_out(remote.ip()) {
                    return tracing::debug!(%remote, "banned, and has not proven to be a trunk");
                }
                self.carry(stream, Flow { trunk, ..flow }, framing(), place).await;
            }
            Speaking::Ws(listener) => self.browse(stream, flow, listener, place).await,
            Speaking::Wss(listener) => {
                let shaken = show_certificate(&tls, listener, stream);
                let Some(stream) = self.secured(flow, shaken).await else { return };
                self.browse(stream, flow, listener, place).await;
            }
        }
    }

    /// What comes of a TLS handshake, if it succeeds in time.
    async fn secured<T>(
        &self,
        flow: Flow,
        shaken: impl Future<Output = io::Result<T>>,
    ) -> Option<T> {
        let remote = flow.remote;
        match timeout(HANDSHAKE_TIME, shaken).await {
            Ok(Ok(shaken)) => Some(shaken),
            Ok(Err(error)) => {
                tracing::info!(%remote, %error, "TLS handshake failed");
                None
            }
            Err(_) => {
                tracing::info!(%remote, "TLS handshake not finished in time");
                self.inbox.push(Inbound::Offended { flow, what: Offence::Slow }).await;
                None
            }
        }
    }

    /// The handshake with a browser, and what it says then.
    async fn browse<S>(self, mut stream: S, flow: Flow, listener: SocketAddr, place: &Place)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        let (remote, reached) = (flow.remote, flow.local.ip());
        let welcome = |origin: Option<&str>| {
            let welcome = self.porter.welcomes(origin, listener, reached);
            if !welcome {
                let origin = origin.and_then(|it| it.get(..ORIGIN_CHARS_MAX).or(Some(it)));
                tracing::info!(%remote, origin, "a page of this origin may not connect");
            }
            welcome
        };
        let offence = match timeout(HANDSHAKE_TIME, upgrade(&mut stream, welcome)).await {
            Ok(Ok(frames)) => {
                let framing = Framing::WebSocket(Box::new(frames));
                return self.carry(stream, flow, framing, place).await;
            }
            Ok(Err(Refused::Told(why))) => {
                tracing::debug!(%remote, ?why, "no WebSocket");
                // The end is said, so that the browser shows what it was told.
                drop(timeout(HANDSHAKE_TIME, stream.shutdown()).await);
                None
            }
            Ok(Err(Refused::Broken(error))) => {
                tracing::debug!(%remote, %error, "no WebSocket");
                None
            }
            Ok(Err(Refused::Nonsense)) => Some(Offence::Malformed),
            Err(_) => Some(Offence::Slow),
        };
        if let Some(what) = offence {
            tracing::info!(%remote, ?what, "no WebSocket");
            self.inbox.push(Inbound::Offended { flow, what }).await;
        }
    }

    async fn carry<S>(self, stream: S, flow: Flow, framing: Framing, place: &Place)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        let (unwritten, queue) = mpsc::channel(UNWRITTEN_MAX);
        self.inbox.push(Inbound::Accepted(Accepted { flow, unwritten })).await;
        let ends = Ends { flow, queue, inbox: self.inbox };
        let connection = Connection::new(stream, ends, framing);
        let connection = match flow.identity() {
            Some(_) => connection, // who has proven to be a trunk has limits of its own
            None => connection.paced(Arc::clone(&place.pace)),
        };
        connection.run().await;
    }
}

/// How a connection is framed that carries nothing but SIP.
fn framing() -> Framing {
    Framing::Stream(StreamFramer::for_accepted())
}

/// The handshake with a browser, which proves nothing of itself.
async fn show_certificate(
    tls: &Tls,
    listener: SocketAddr,
    stream: TcpStream,
) -> io::Result<TlsStream<TcpStream>> {
    let config = tls.book().for_browsers(listener).ok_or_else(nothing_to_show)?;
    TlsAcceptor::from(config).accept(stream).await
}

fn nothing_to_show() -> io::Error {
    io::Error::other("there is no certificate to show")
}

/// The handshake with a caller, with the certificate that it asks for; and the trunk whose peer it
/// has proven to be.
async fn shake_hands(
    tls: &Tls,
    listener: SocketAddr,
    stream: TcpStream,
) -> io::Result<(TlsStream<TcpStream>, Option<TrunkId>)> {
    let greeted = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
    let book = tls.book();
    let asked = greeted.client_hello().server_name().map(str::to_owned);
    let config = book.server(listener, asked.as_deref()).ok_or_else(nothing_to_show)?;
    let stream = greeted.into_stream(config).await?;
    let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
    let trunk = book.proven(asked.as_deref(), chain, UnixTime::now());
    Ok((stream, trunk))
}
