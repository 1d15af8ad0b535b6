//! Connections that others open: from the listener through the handshake to the loop.
//!
//! Every connection has its place counted and its own task from the first byte on, so one that
//! never finishes its handshake keeps nobody waiting and nothing for long.

use holdfast_base::TrunkId;
use holdfast_core::abuse::offence::Offence;
use holdfast_core::sip::flow::{Flow, Transport};
use holdfast_wire::sip::StreamFramer;
use rustls::server::Acceptor;
use rustls_pki_types::UnixTime;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

use super::connection::{Census, Connection, Ends, Place};
use super::{Accepted, Speaking, UNWRITTEN_MAX};
use crate::inbox::{Inbound, Inbox};
use crate::porter::Porter;
use crate::tls::Tls;

/// How long to wait when the process is out of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// A handshake takes two round trips and a signature; whoever needs longer is no peer of ours.
pub const HANDSHAKE_TIME: Duration = Duration::from_secs(5);

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
            Speaking::Tcp => false,
            Speaking::Tls(_) => self.tls.book().knows_peers(),
        }
    }

    async fn welcome(self, stream: TcpStream, remote: SocketAddr, place: &Place) {
        let Ok(local) = stream.local_addr() else { return };
        // Each message is written whole; waiting for more would only delay it.
        let _ = stream.set_nodelay(true); // a slower connection is still a connection
        let connection = Some(self.numbers.fetch_add(1, Ordering::Relaxed));
        match self.speaking {
            Speaking::Tcp => {
                let transport = Transport::Tcp;
                let flow = Flow { transport, local, remote, connection, trunk: None };
                self.carry(stream, flow, place).await;
            }
            Speaking::Tls(listener) => {
                let shaken = timeout(HANDSHAKE_TIME, shake_hands(&self.tls, listener, stream));
                let (stream, trunk) = match shaken.await {
                    Ok(Ok(shaken)) => shaken,
                    Ok(Err(error)) => {
                        return tracing::info!(%remote, %error, "TLS handshake failed");
                    }
                    Err(_) => {
                        tracing::info!(%remote, "TLS handshake not finished in time");
                        let transport = Transport::Tls;
                        let flow = Flow { transport, local, remote, connection, trunk: None };
                        let what = Offence::Slow;
                        return self.inbox.push(Inbound::Offended { flow, what }).await;
                    }
                };
                if trunk.is_none() && self.porter.keeps_out(remote.ip()) {
                    return tracing::debug!(%remote, "banned, and has not proven to be a trunk");
                }
                let transport = Transport::Tls;
                let flow = Flow { transport, local, remote, connection, trunk };
                self.carry(stream, flow, place).await;
            }
        }
    }

    async fn carry<S>(self, stream: S, flow: Flow, place: &Place)
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send,
    {
        let (unwritten, queue) = mpsc::channel(UNWRITTEN_MAX);
        self.inbox.push(Inbound::Accepted(Accepted { flow, unwritten })).await;
        let ends = Ends { flow, queue, inbox: self.inbox };
        let connection = Connection::new(stream, ends, StreamFramer::for_accepted());
        let connection = match flow.identity() {
            Some(_) => connection, // who has proven to be a trunk has limits of its own
            None => connection.paced(Arc::clone(&place.pace)),
        };
        connection.run().await;
    }
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
    let config = book
        .server(listener, asked.as_deref())
        .ok_or_else(|| io::Error::other("there is no certificate to show"))?;
    let stream = greeted.into_stream(config).await?;
    let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
    let trunk = book.proven(asked.as_deref(), chain, UnixTime::now());
    Ok((stream, trunk))
}
