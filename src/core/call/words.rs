//! The headers that the box states about itself, and the requests and responses built from them.
//!
//! A back-to-back user agent speaks for itself on each leg: nothing of the other leg's Allow,
//! Supported, Contact or Via is copied.

use holdfast_base::Entropy;
use holdfast_config::{Config, Trunk};
use holdfast_wire::sdp::Sdp;
use holdfast_wire::sip::{
    CSeq, Headers, Host, MAGIC_COOKIE, Message, Method, NameAddr, Request, Response, Status, Uri,
    Via,
};
use serde::{Deserialize, Deserializer, Serializer, de::Error};
use std::net::SocketAddr;

use super::advertised;
use super::io::Target;
use crate::dialect::Behaviour;
use crate::routing::caller::is_anonymous;
use crate::sip::admit::{ALLOW, SUPPORTED_IN_DIALOGS};
use crate::sip::flow::{Flow, Transport};
use crate::sip::transaction::SentBy;

/// Product token of the Server and User-Agent headers.
pub const PRODUCT: &str = concat!("Holdfast/", env!("CARGO_PKG_VERSION"));
/// RFC 3261 §14.1 asks for a random wait of 0 to 10 s in Retry-After of a 500 to an overlapping
/// INVITE; a fixed small one serves peers that are merely impatient.
const RETRY_AFTER_S: u32 = 2;

/// RFC 3261 §8.1.1.6.
const MAX_FORWARDS: u8 = 70;

/// Our address as the peers of this flow should see it.
#[must_use]
pub fn contact(config: &Config, flow: &Flow) -> Uri {
    let SentBy { host, port, .. } = sent_by(config, flow);
    flow.transport.written_into(Uri::sip(Some("holdfast"), host, Some(port)))
}

/// A new Via of ours for this flow.
pub fn via(config: &Config, flow: &Flow, entropy: &mut Entropy) -> Via {
    let branch = format!("{MAGIC_COOKIE}{}", entropy.token());
    sent_by(config, flow).via(flow.transport, &branch)
}

/// Host and port by which the box names itself in a Via on this flow.
#[must_use]
pub fn sent_by(config: &Config, flow: &Flow) -> SentBy {
    let alias = Behaviour::on(config, flow).alias;
    SentBy { host: advertised::host(config, flow), port: flow.local.port(), alias }
}

/// The caller as the peers of this flow should see it: at the name that the box has towards them,
/// or in the domain where it is registered, whatever name it has towards the caller. Who is not
/// named stays so, by the host as well.
#[must_use]
pub fn at_our_name(config: &Config, flow: &Flow, caller: &NameAddr) -> NameAddr {
    if is_anonymous(caller) {
        return caller.clone();
    }
    let NameAddr { display, uri, params } = caller.clone();
    let uri = match advertised::domain(config, flow) {
        Some(domain) => uri.with_host(domain, None),
        None => {
            let SentBy { host, port, .. } = sent_by(config, flow);
            uri.with_host(host, Some(port))
        }
    };
    NameAddr { display, uri, params }
}

/// A number that is ours on this trunk, as its side knows it: in the domain where it is registered,
/// else at the name that the box has there.
#[must_use]
pub fn number_of_ours(config: &Config, flow: &Flow, trunk: &Trunk, user: &str) -> Uri {
    let uri = match advertised::domain(config, flow) {
        Some(domain) => Uri::sip(Some(user), domain, None),
        None => {
            let SentBy { host, port, .. } = sent_by(config, flow);
            Uri::sip(Some(user), host, Some(port))
        }
    };
    marked(trunk, user, uri)
}

/// The URI of a number, marked as one where the trunk wants that (RFC 3261 §19.1.6).
#[must_use]
pub fn marked(trunk: &Trunk, number: &str, uri: Uri) -> Uri {
    let digits = number.strip_prefix('+').unwrap_or(number);
    let telephone = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if Behaviour::of(trunk).user_phone && telephone {
        return uri.with_param("user", Some("phone"));
    }
    uri
}

/// A first INVITE of ours. It brings its Via, because the journal must know the branch by which
/// another process could cancel it. `hops` goes into Max-Forwards.
#[must_use]
pub fn invite(
    target: &Target,
    from: &NameAddr,
    contact: &Uri,
    call_id: &str,
    via: &Via,
    hops: u8,
    sdp: Option<&Sdp>,
) -> Request {
    let mut request = Request::new(Method::Invite, target.uri.clone());
    let headers = &mut request.headers;
    headers.push("Via", via);
    for proxy in &target.path {
        headers.push("Route", proxy);
    }
    headers.push("Max-Forwards", hops);
    headers.push("From", from);
    headers.push("To", NameAddr::new(target.uri.clone()));
    for (name, value) in &target.said {
        headers.push(name, value);
    }
    headers.push("Call-ID", call_id);
    headers.push("CSeq", "1 INVITE");
    headers.push("Contact", NameAddr::new(contact.clone()));
    state_ourselves(headers, "User-Agent");
    if let Some(sdp) = sdp {
        describe(headers, &mut request.body, sdp);
    }
    request
}

/// Where the requests of a trunk leave from: the listener of its transport, if there is one.
#[must_use]
pub fn listener_towards(config: &Config, trunk: &Trunk) -> Option<SocketAddr> {
    let mut all = config.sip.listeners.iter();
    all.find(|it| it.carries(trunk.transport)).map(|listener| listener.bind)
}

/// By what the box calls itself on a trunk, before it knows any address there.
#[must_use]
pub fn host_towards(config: &Config, trunk: &Trunk) -> Option<Host> {
    let local = listener_towards(config, trunk)?;
    let (transport, trunk) = (Transport::from(trunk.transport), Some(trunk.name.id()));
    let flow = Flow { transport, local, remote: local, connection: None, trunk };
    Some(advertised::host(config, &flow))
}

/// Our address as the peers of this flow should see it, as that of a host: without a user.
#[must_use]
pub fn host_contact(config: &Config, flow: &Flow) -> Uri {
    let SentBy { host, port, .. } = sent_by(config, flow);
    flow.transport.written_into(Uri::sip(None, host, Some(port)))
}

/// OPTIONS that ask a peer whether it lives. Named by host alone and with a Contact: peers such as
/// Direct Routing know a trunk by these (pains 2 and 3 of every SBC).
#[must_use]
pub fn options(config: &Config, flow: &Flow, uri: &Uri, call_id: &str, tag: &str) -> Request {
    let contact = host_contact(config, flow);
    let from = NameAddr::new(contact.clone().without_param("transport")).with_tag(tag);
    let mut request = Request::new(Method::Options, uri.clone());
    let headers = &mut request.headers;
    headers.push("Max-Forwards", MAX_FORWARDS);
    headers.push("From", from);
    headers.push("To", NameAddr::new(uri.clone()));
    headers.push("Call-ID", call_id);
    headers.push("CSeq", "1 OPTIONS");
    headers.push("Contact", NameAddr::new(contact));
    headers.push("Accept", "application/sdp");
    state_ourselves(headers, "User-Agent");
    let behaviour = Behaviour::on(config, flow);
    behaviour.complete(headers);
    behaviour.introduce(headers);
    request
}

/// A response of ours that forms or stays in a dialog.
#[must_use]
pub fn dialog_response(
    request: &Request,
    status: Status,
    tag: &str,
    contact: &Uri,
    sdp: Option<&Sdp>,
) -> Response {
    let mut response = request.response(status, Some(tag));
    // RFC 3261 §12.1.1: the Record-Route of the request goes into the response as it stands.
    for line in request.headers.lines("Record-Route") {
        response.headers.push_line(line.clone());
    }
    response.headers.push("Contact", NameAddr::new(contact.clone()));
    state_ourselves(&mut response.headers, "Server");
    if let Some(sdp) = sdp {
        describe(&mut response.headers, &mut response.body, sdp);
    }
    response
}

/// A refusal.
#[must_use]
pub fn refusal(request: &Request, status: Status, tag: &str) -> Response {
    let mut response = request.response(status, Some(tag));
    response.headers.push("Server", PRODUCT);
    response
}

/// 500 with Retry-After: an offer while another is open (RFC 3261 §14.2).
#[must_use]
pub fn too_early(request: &Request) -> Response {
    later(request, Status::SERVER_ERROR, RETRY_AFTER_S)
}

/// 422: the session that the request asks for is shorter than this many seconds (RFC 4028 §6).
#[must_use]
pub fn too_brief(request: &Request, least_s: u32) -> Response {
    let mut response = request.response(Status::SESSION_INTERVAL_TOO_SMALL, None);
    response.headers.push("Min-SE", least_s);
    response
}

/// A refusal for so many seconds (RFC 3261 §20.33).
#[must_use]
pub fn later(request: &Request, status: Status, seconds: u32) -> Response {
    let mut response = request.response(status, None);
    response.headers.push("Retry-After", seconds);
    response
}

/// Adds a description to a request or response.
pub fn describe(headers: &mut Headers, body: &mut Vec<u8>, sdp: &Sdp) {
    headers.set("Content-Type", "application/sdp");
    *body = sdp.print();
}

/// The description that a message carries; `None` when it has no body.
///
/// # Errors
/// When the body is not a description.
pub fn description(body: &[u8]) -> Result<Option<Sdp>, NotSdp> {
    if body.is_empty() {
        return Ok(None);
    }
    Sdp::parse(body).map(Some).map_err(|_| NotSdp)
}

/// The body is not a session description.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotSdp;

/// Gives a request the next number, where nobody else gives numbers: outside of dialogs, and to the
/// last request of one.
pub fn count_up(request: &mut Request) -> bool {
    let Ok(CSeq { number, method }) = request.headers.cseq() else { return false };
    request.headers.set("CSeq", CSeq { number: number.saturating_add(1), method });
    true
}

/// Whether a request may be the last one of its dialog, for which nobody waits here any more: a
/// call that is over still hangs up, and tells its transferor how the transfer went.
#[must_use]
pub fn is_last_word(request: &Request) -> bool {
    matches!(request.method, Method::Bye | Method::Notify)
}

/// The methods and extensions that the box serves in a dialog.
pub fn state_abilities(headers: &mut Headers) {
    headers.push("Allow", ALLOW);
    headers.push("Supported", SUPPORTED_IN_DIALOGS);
}

fn state_ourselves(headers: &mut Headers, product: &str) {
    state_abilities(headers);
    headers.push(product, PRODUCT);
}

/// A caller who can not be named.
#[must_use]
pub fn nobody() -> NameAddr {
    let host = Host::Name("anonymous.invalid".to_owned()); // RFC 3323 §4.1.1.3
    NameAddr::new(Uri::sip(Some("anonymous"), host, None))
}

/// Serialises a request as its bytes, each as the character of that number, so that any byte
/// survives and plain text stays readable in the journal.
pub mod printed {
    use super::{Deserialize, Deserializer, Error, Message, Request, Serializer};

    /// # Errors
    /// Those of the serialiser.
    pub fn serialize<S: Serializer>(request: &Request, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&request.print().iter().map(|byte| char::from(*byte)).collect::<String>())
    }

    /// # Errors
    /// When the text is not a request.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Request, D::Error> {
        let text = String::deserialize(from)?;
        let bytes: Vec<u8> = text.chars().filter_map(|c| u8::try_from(u32::from(c)).ok()).collect();
        match Message::parse(&bytes) {
            Ok(Message::Request(request)) => Ok(request),
            Ok(Message::Response(_)) => Err(D::Error::custom("a response, not a request")),
            Err(error) => Err(D::Error::custom(error.fault())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Method, Request, Uri, printed};
    use serde::{Deserialize, Serialize};

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Kept(#[serde(with = "printed")] Request);

    #[test]
    fn a_request_is_kept_as_it_was_sent() {
        let mut request = Request::new(Method::Invite, Uri::parse("sip:ann@192.0.2.1").unwrap());
        for (name, value) in [
            ("Max-Forwards", "70"),
            ("From", "<sip:box@192.0.2.9>;tag=1"),
            ("To", "<sip:ann@192.0.2.1>"),
            ("Call-ID", "a"),
            ("CSeq", "1 INVITE"),
        ] {
            request.headers.push(name, value);
        }
        request.body = vec![0xE9, b'!'];
        request.headers.push_front("Via", "SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK7");
        let kept = serde_json::to_vec(&Kept(request.clone())).unwrap();
        let Kept(read) = serde_json::from_slice(&kept).unwrap();
        assert_eq!(read.print(), request.print());
    }
}
