//! The Request-URI of a call that goes out over a trunk.

use holdfast_config::{ListenerTransport, Target, TargetHost, Trunk};
use holdfast_wire::sip::{Host, Uri};

use crate::sip::flow::Transport;

/// The target as configured, since the peer may ask for its own name; an address with its port.
#[must_use]
pub fn request_uri(
    target: &Target,
    port: Option<u16>,
    transport: ListenerTransport,
    user: Option<&str>,
) -> Uri {
    let port = match &target.host {
        TargetHost::Address(_) => port,
        TargetHost::Name(_) => target.port,
    };
    Transport::from(transport).written_into(Uri::sip(user, host(&target.host), port))
}

/// Whoever is called over a trunk: in the domain that we are registered with, where we are, else at
/// the target itself.
#[must_use]
pub fn called(trunk: &Trunk, target: &Target, port: Option<u16>, user: &str) -> Uri {
    match trunk.registered_domain() {
        Some(domain) => Uri::sip(Some(user), host(&domain), None),
        None => request_uri(target, port, trunk.transport, Some(user)),
    }
}

/// As it stands in a URI.
#[must_use]
pub fn host(host: &TargetHost) -> Host {
    match host {
        TargetHost::Address(ip) => Host::from(*ip),
        TargetHost::Name(name) => Host::Name(name.clone()),
    }
}
