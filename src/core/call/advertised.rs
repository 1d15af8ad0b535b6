//! Which name or address the box has towards the other side of a flow.
//!
//! A trunk's own name comes before that of the listener, and both before the bound address: to a
//! peer that knows us by certificate, a message that carries an address is from nobody.

use holdfast_config::{Advertise, Config, Listener};
use holdfast_wire::sip::Host;
use std::net::IpAddr;

use crate::dialect::{only_name, trunk_on};
use crate::routing::uri;
use crate::sip::flow::{Flow, Transport};

/// What stands in Via, Contact and From.
#[must_use]
pub fn host(config: &Config, flow: &Flow) -> Host {
    let trunk = trunk_on(config, flow);
    if let Some(name) = trunk.and_then(only_name) {
        return Host::Name(name.to_string());
    }
    let told = trunk.and_then(|trunk| trunk.advertise.as_ref());
    match told.or_else(|| listener(config, flow).and_then(|it| it.advertise.as_ref())) {
        Some(Advertise::Name(name)) => Host::Name(name.to_ascii_lowercase()),
        Some(Advertise::Address(address)) => Host::from(*address),
        None => Host::from(flow.local.ip()),
    }
}

/// The domain that we are registered with there, to which our callers belong.
#[must_use]
pub fn domain(config: &Config, flow: &Flow) -> Option<Host> {
    trunk_on(config, flow)?.registered_domain().as_ref().map(uri::host)
}

/// Where audio is to be sent, when that is not the bound address. A name says nothing of it:
/// session descriptions carry addresses, because many peers resolve none there.
#[must_use]
pub fn address(config: &Config, flow: &Flow) -> Option<IpAddr> {
    let of_trunk = trunk_on(config, flow).and_then(|trunk| trunk.advertise.as_ref());
    let of_listener = listener(config, flow).and_then(|listener| listener.advertise.as_ref());
    [of_trunk, of_listener].into_iter().flatten().find_map(Advertise::address)
}

/// The listener whose port the flow uses: of its transport, else of another one there, since a
/// port that is forwarded is forwarded for all.
fn listener<'c>(config: &'c Config, flow: &Flow) -> Option<&'c Listener> {
    let here = |listener: &&Listener| {
        listener.bind.port() == flow.local.port()
            && listener.bind.is_ipv4() == flow.local.is_ipv4()
            && (listener.bind.ip().is_unspecified() || listener.bind.ip() == flow.local.ip())
    };
    let mut all = config.sip.listeners.iter().filter(here);
    let of_transport = all.clone().find(|it| Transport::of(it) == flow.transport);
    of_transport.or_else(|| all.next())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may die of what it did not expect")]
    use super::{address, host};
    use crate::sip::flow::{Flow, Transport};
    use holdfast_base::TrunkName;

    #[test]
    fn a_name_of_the_trunk_comes_before_that_of_the_listener_and_audio_goes_to_an_address() {
        let text = "
[[sip.listener]]
transport = 'udp'
bind = '192.0.2.1:5060'
[[sip.listener]]
transport = 'tls'
bind = '192.0.2.1:5061'
advertise = '198.51.100.7'
certificate = '/c'
key = '/k'
[[trunk]]
name = 'teams'
transport = 'tls'
target = '203.0.113.5:5061'
peer_name = 'sip.example'
advertise = 'SBC.example'
";
        let (config, _) = holdfast_config::read(text, "f").unwrap();
        let of = |transport, local: &str, trunk: Option<&str>| {
            let flow = Flow {
                transport,
                local: local.parse().unwrap(),
                remote: "203.0.113.5:5061".parse().unwrap(),
                connection: None,
                trunk: trunk.map(|name| TrunkName::new(name).id()),
            };
            (host(&config, &flow).to_string(), address(&config, &flow).map(|it| it.to_string()))
        };
        let public = Some("198.51.100.7".to_owned());
        let tls = "192.0.2.1:5061";
        assert_eq!(of(Transport::Tls, tls, Some("teams")), ("sbc.example".into(), public.clone()));
        assert_eq!(of(Transport::Tls, tls, None), ("198.51.100.7".into(), public));
        assert_eq!(of(Transport::Udp, "192.0.2.1:5060", None), ("192.0.2.1".into(), None));
    }
}
