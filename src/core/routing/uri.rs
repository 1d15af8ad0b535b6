//! The Request-URI of a call that goes out over a trunk.

use holdfast_config::{ListenerTransport, Target, TargetHost};
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
    let uri = match &target.host {
        TargetHost::Address(ip) => Uri::sip(user, Host::from(*ip), port),
        TargetHost::Name(name) => Uri::sip(user, Host::Name(name.clone()), target.port),
    };
    Transport::from(transport).written_into(uri)
}
