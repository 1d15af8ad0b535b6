//! A flow: the way a message came, and the way its answer goes.

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
}

impl Transport {
    /// Whether the transport repeats lost data itself, so that we do not (RFC 3261 §17.1.1.2).
    #[must_use]
    pub const fn is_reliable(self) -> bool {
        match self {
            Self::Udp => false,
            Self::Tcp => true,
        }
    }

    /// As written in a Via: `UDP`, `TCP`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
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
}

impl fmt::Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} - {}", self.transport, self.local, self.remote)
    }
}
