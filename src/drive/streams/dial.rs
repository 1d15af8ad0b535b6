//! Connections that we open.

use holdfast_core::sip::flow::{Flow, Transport};
use holdfast_wire::sip::StreamFramer;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::connection::{Connection, Ends};
use super::framing::Framing;
use crate::inbox::Inbound;
use crate::tls::Dialling;

/// How long a connection may take to be made, its handshake included; below Timer B, so that a call
/// can try elsewhere.
const CONNECT_TIME: Duration = Duration::from_secs(4);

/// What the other side of a new connection hears first.
pub enum Opening {
    /// SIP.
    Plain,
    /// A handshake, for the host that the first request names.
    Secured(Dialling, Option<String>),
}

/// Connects, carries messages until it is over, and reports that.
pub async fn dial_and_carry(opening: Opening, ends: Ends) {
    let flow = ends.flow;
    let framing = Framing::Stream(StreamFramer::for_opened());
    let failed = match opening {
        Opening::Plain => match within(connect(&flow)).await {
            Ok(stream) => return Connection::new(stream, ends, framing).reopenable().run().await,
            Err(error) => error,
        },
        Opening::Secured(dialling, host) => match within(secure(&flow, dialling, host)).await {
            Ok(stream) => return Connection::new(stream, ends, framing).reopenable().run().await,
            Err(error) => error,
        },
    };
    match flow.transport {
        Transport::Udp | Transport::Tcp | Transport::Ws | Transport::Wss => {
            tracing::debug!(remote = %flow.remote, error = %failed, "connect");
        }
        // A certificate that is refused is for a person to mend.
        Transport::Tls => tracing::warn!(remote = %flow.remote, error = %failed, "connect by TLS"),
    }
    ends.inbox.push(Inbound::FlowBroken(flow)).await;
}

async fn within<T>(made: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(CONNECT_TIME, made).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

async fn connect(flow: &Flow) -> io::Result<TcpStream> {
    let socket = if flow.remote.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if !flow.local.ip().is_unspecified() {
        socket.bind(SocketAddr::new(flow.local.ip(), 0))?;
    }
    let stream = socket.connect(flow.remote).await?;
    // Each message is written whole; waiting for more would only delay it.
    let _ = stream.set_nodelay(true); // a slower connection is still a connection
    Ok(stream)
}

async fn secure(
    flow: &Flow,
    dialling: Dialling,
    wanted: Option<String>,
) -> io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
    let stream = connect(flow).await?;
    let host = dialling.server_name(flow.remote, wanted.as_deref());
    TlsConnector::from(dialling.config).connect(host, stream).await
}
