//! Where the box is reached: what is bound, and what others are told and shown there.

use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use crate::target::{Target, TargetHost};
use crate::websocket::WebSocket;

/// One bound address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listener {
    /// The protocol; where there is a WebSocket, what that is inside of.
    pub transport: ListenerTransport,
    /// For browsers: the SIP here is inside of a WebSocket.
    #[serde(default)]
    pub websocket: Option<WebSocket>,
    /// Address and port.
    pub bind: SocketAddr,
    /// What others are told instead of the bound address: behind NAT, or by name.
    pub advertise: Option<Advertise>,
    /// The certificate shown here, of TLS alone.
    pub identity: IdentityFiles,
}

impl Listener {
    /// Whether it takes what trunks and desk phones send over this transport.
    #[must_use]
    pub fn carries(&self, transport: ListenerTransport) -> bool {
        self.transport == transport && self.websocket.is_none()
    }

    /// Whether this listener is what a target names, as far as the file alone says. An address
    /// that the machine has but the file does not name is not known here.
    #[must_use]
    pub fn is_at(&self, transport: ListenerTransport, target: &Target) -> bool {
        let here = match &target.host {
            TargetHost::Address(ip) => {
                let any = self.bind.ip().is_unspecified() && ip.is_loopback();
                let bound = *ip == self.bind.ip() || (any && ip.is_ipv4() == self.bind.is_ipv4());
                bound || self.advertise.as_ref().and_then(Advertise::address) == Some(*ip)
            }
            TargetHost::Name(name) => {
                let told = self.advertise.as_ref().and_then(Advertise::name);
                target.port.is_some() && told.is_some_and(|told| told.eq_ignore_ascii_case(name))
            }
        };
        let port = target.port.unwrap_or(transport.usual_port());
        here && self.carries(transport) && port == self.bind.port()
    }

    /// What is spoken here, as it is shown.
    #[must_use]
    pub const fn speaks(&self) -> &'static str {
        match (&self.websocket, self.transport.is_secure()) {
            (None, _) => self.transport.as_str(),
            (Some(_), false) => "WS",
            (Some(_), true) => "WSS",
        }
    }
}

/// What others are told instead of a bound address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Advertise {
    /// In Via, Contact, From and SDP.
    Address(IpAddr),
    /// In Via, Contact and From.
    Name(String),
}

impl Advertise {
    /// The address, when it is one.
    #[must_use]
    pub const fn address(&self) -> Option<IpAddr> {
        match self {
            Self::Address(address) => Some(*address),
            Self::Name(_) => None,
        }
    }

    /// The name, when it is one.
    #[must_use]
    pub const fn name(&self) -> Option<&str> {
        match self {
            Self::Address(_) => None,
            Self::Name(name) => Some(name.as_str()),
        }
    }
}

/// A certificate chain and its key as PEM files; both or none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentityFiles {
    /// Own certificate first.
    pub certificate: Option<PathBuf>,
    /// Its private key.
    pub key: Option<PathBuf>,
}

impl IdentityFiles {
    /// Both files, when they are named.
    #[must_use]
    pub fn pair(&self) -> Option<(&Path, &Path)> {
        Some((self.certificate.as_deref()?, self.key.as_deref()?))
    }
}

/// Transport protocols a listener can speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ListenerTransport {
    /// Datagrams.
    Udp,
    /// Streams.
    Tcp,
    /// Streams inside of TLS.
    Tls,
}

impl ListenerTransport {
    /// As it is shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
        }
    }

    /// The port of who names none, RFC 3261 §19.1.2.
    #[must_use]
    pub const fn usual_port(self) -> u16 {
        match self {
            Self::Udp | Self::Tcp => 5060,
            Self::Tls => 5061,
        }
    }

    /// Whether a certificate is shown.
    #[must_use]
    pub const fn is_secure(self) -> bool {
        match self {
            Self::Udp | Self::Tcp => false,
            Self::Tls => true,
        }
    }

    /// Whether its ports are those of TCP.
    #[must_use]
    pub const fn is_stream(self) -> bool {
        match self {
            Self::Udp => false,
            Self::Tcp | Self::Tls => true,
        }
    }
}
