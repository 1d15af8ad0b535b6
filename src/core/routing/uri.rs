//! Numbers in URIs: what a caller has dialled, and the Request-URI of a call that goes out over a
//! trunk.

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

/// What was dialled: the user, or the service of a URN (RFC 5031). The parameters of a telephone
/// number (RFC 3261 §19.1.6, RFC 3966 §5.1) are none of its digits, and of no use here.
#[must_use]
pub fn dialled(uri: &Uri) -> String {
    let user = uri.user_decoded();
    let written = user.as_deref().or_else(|| uri.opaque()).unwrap_or_default();
    let number = written.split(';').next().unwrap_or_default();
    let is_number = |text: &str| {
        !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit() || b"+-.()*#".contains(&it))
    };
    if is_number(number) { number.to_owned() } else { written.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::dialled;
    use holdfast_wire::sip::Uri;

    #[test]
    fn parameters_of_a_number_are_none_of_its_digits() {
        for (uri, number) in [
            ("sip:112;phone-context=+49@box;user=phone", "112"),
            ("sip:+4930555;npdi;rn=+4930@box", "+4930555"),
            ("tel:+49-30-555;isub=1", "+49-30-555"),
            ("sip:*45;x@box", "*45"),
            ("sip:anna;x@box", "anna;x"),
            ("sip:anna@box;user=phone", "anna"),
            ("urn:service:sos.fire", "service:sos.fire"),
            ("sip:box", ""),
        ] {
            assert_eq!(dialled(&Uri::parse(uri).expect("a URI")), number, "{uri}");
        }
    }
}
