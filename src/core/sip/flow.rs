//! A flow: the way a message came, and the way its answer goes.

use holdfast_base::TrunkId;
use holdfast_config::{Listener, ListenerTransport};
use holdfast_wire::sip::{Host, Scheme, Uri};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::SocketAddr;

/// Transport protocols of SIP that this box speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Transport {
    /// One message a datagram, RFC 3261 §18.
    Udp,
    /// A stream framed by Content-Length.
    Tcp,
    /// The same inside of TLS, RFC 3261 §26.2.
    Tls,
    /// One message a WebSocket message, RFC 7118.
    Ws,
    /// The same inside of TLS.
    Wss,
}

impl Transport {
    /// Whether the transport repeats lost data itself, so that we do not (RFC 3261 §17.1.1.2).
    #[must_use]
    pub const fn is_reliable(self) -> bool {
        match self {
            Self::Udp => false,
            Self::Tcp | Self::Tls | Self::Ws | Self::Wss => true,
        }
    }

    /// Whether the other side is a browser. Nobody can connect to one: it is reached over the
    /// connection that it has opened, and by no other way (RFC 7118 §5).
    #[must_use]
    pub const fn is_of_browsers(self) -> bool {
        match self {
            Self::Udp | Self::Tcp | Self::Tls => false,
            Self::Ws | Self::Wss => true,
        }
    }

    /// What a listener speaks.
    #[must_use]
    pub fn of(listener: &Listener) -> Self {
        match (&listener.websocket, listener.transport.is_secure()) {
            (None, _) => Self::from(listener.transport),
            (Some(_), false) => Self::Ws,
            (Some(_), true) => Self::Wss,
        }
    }

    /// The port of a host that is named without one (RFC 3261 §19.1.2, RFC 6455 §3).
    #[must_use]
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Udp | Self::Tcp => 5060,
            Self::Tls => 5061,
            Self::Ws => 80,
            Self::Wss => 443,
        }
    }

    /// As the `transport` parameter of a URI, where one is needed: UDP is what is tried without.
    /// RFC 7118 §5 has one value for WebSocket, whether inside of TLS or not.
    #[must_use]
    pub const fn parameter(self) -> Option<&'static str> {
        match self {
            Self::Udp => None,
            Self::Tcp => Some("tcp"),
            Self::Tls => Some("tls"),
            Self::Ws | Self::Wss => Some("ws"),
        }
    }

    /// The transport that a URI asks for (RFC 3261 §19.1.1, §26.2.2); `None` when it leaves the
    /// choice, or asks for one that we can not connect by, as WebSocket is.
    #[must_use]
    pub fn asked_by(uri: &Uri) -> Option<Self> {
        if *uri.scheme() == Scheme::Sips {
            return Some(Self::Tls); // over whatever it says: there is no other secure one here
        }
        match uri.transport().as_deref() {
            Some("udp") => Some(Self::Udp),
            Some("tcp") => Some(Self::Tcp),
            Some("tls") => Some(Self::Tls),
            Some(_) | None => None,
        }
    }

    /// `uri` with this transport written into it.
    #[must_use]
    pub fn written_into(self, uri: Uri) -> Uri {
        match self.parameter() {
            Some(parameter) => uri.with_param("transport", Some(parameter)),
            None => uri,
        }
    }

    /// As written in a Via: `UDP`, `TCP`, `TLS`, `WS`, `WSS`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
            Self::Ws => "WS",
            Self::Wss => "WSS",
        }
    }
}

impl From<ListenerTransport> for Transport {
    fn from(transport: ListenerTransport) -> Self {
        match transport {
            ListenerTransport::Udp => Self::Udp,
            ListenerTransport::Tcp => Self::Tcp,
            ListenerTransport::Tls => Self::Tls,
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One way between a listener of ours and a remote address.
///
/// For a stream transport the driver keeps one connection per (local, remote) pair and opens it
/// when a message needs it; `connection` names the very connection that a request came in on, so
/// that a response returns on it (RFC 3261 §18.2.2) and nowhere else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Flow {
    /// The protocol.
    pub transport: Transport,
    /// Address and port of our listener (the advertised one stands in the configuration).
    pub local: SocketAddr,
    /// Address and port of the other side.
    pub remote: SocketAddr,
    /// The connection it came in on; `None` for UDP or "any connection to that address".
    pub connection: Option<u64>,
    /// The trunk that it belongs to. Over TLS that is proven: on the connection the other side has
    /// shown a certificate with the name of the trunk's peer, under the trunk's roots, and we
    /// stand there with the trunk's own certificate.
    #[serde(default)]
    pub trunk: Option<TrunkId>,
}

impl Flow {
    /// Under whose name the two sides of a connection stand. What is sent for one trunk never
    /// goes over the connection of another, whatever their addresses (RFC 5923 §8.2).
    #[must_use]
    pub const fn identity(&self) -> Option<TrunkId> {
        match self.transport {
            Transport::Udp | Transport::Tcp | Transport::Ws | Transport::Wss => None,
            Transport::Tls => self.trunk,
        }
    }

    /// Whether it leads to the very address that a URI names.
    #[must_use]
    pub fn leads_to(&self, uri: &Uri) -> bool {
        let transport = Transport::asked_by(uri).unwrap_or(self.transport);
        uri.host().and_then(Host::ip) == Some(self.remote.ip())
            && uri.port().unwrap_or(transport.default_port()) == self.remote.port()
            && transport == self.transport
    }

    /// Whether nobody but the other side, which says that it is at `contact`, can open a connection
    /// here: a browser takes none; of a phone nobody knows which name it would have to prove over
    /// TLS (RFC 5922 §7.4); over TCP its connection came from a port that takes none, unless that
    /// is the port which it names.
    #[must_use]
    pub fn is_theirs_to_open(&self, contact: &Uri) -> bool {
        match self.transport {
            Transport::Udp => false,
            Transport::Tcp => !self.leads_to(contact),
            Transport::Tls => self.trunk.is_none(),
            Transport::Ws | Transport::Wss => true,
        }
    }
}

impl fmt::Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} - {}", self.transport, self.local, self.remote)
    }
}
