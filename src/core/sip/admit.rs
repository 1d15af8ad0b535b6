//! Pure checks of a request before any user sees it: RFC 3261 §8.2.1 to §8.2.3.
//!
//! What a message needs to be read at all (Via, From, To, Call-ID, CSeq, Max-Forwards) the parser
//! has checked already. Here stands what this box can do: its methods, extensions, bodies and event
//! packages. Nothing here knows a call or an account.

use holdfast_wire::sip::{ContentType, Method, Request, Response, Scheme, Status, Uri};

use super::transaction::refusal;
use crate::watch::EVENTS;

/// The methods that a machine here serves, and no other: a peer acts on it (RFC 3261 §20.5).
pub const ALLOW: &str =
    "INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE, PRACK, REGISTER, INFO, SUBSCRIBE";
/// Those that are served outside of dialogs besides: OPTIONS are told.
const ALLOW_OUTSIDE: &str = ", MESSAGE, NOTIFY";
/// The extensions that a peer may require: RFC 3327 (the registrar), RFC 4028, RFC 3262.
pub const SUPPORTED: [&str; 3] = ["path", "timer", "100rel"];
/// Those of them that mean something in a dialog.
pub const SUPPORTED_IN_DIALOGS: &str = "timer, 100rel";
/// What parties who may transfer calls may require besides: RFC 3891, RFC 4488.
pub const TRANSFER_EXTENSIONS: [&str; 2] = ["replaces", "norefersub"];
/// The one kind of body that describes a session.
const SESSION_BODY: &str = "application/sdp";

/// Lets a request pass, or says with which response it is refused. An ACK always passes: nothing
/// answers it (RFC 3261 §17.1.1.3).
///
/// # Errors
/// The response that refuses the request.
pub fn examine(request: &Request) -> Result<(), Response> {
    if request.method == Method::Ack {
        return Ok(());
    }
    method(request)?; // §8.2.1
    scheme(request)?; // §8.2.2.1
    hops(request)?;
    extensions(request)?; // §8.2.2.3
    addresses(request)?;
    body(request)?; // §8.2.3
    acceptance(request)
}

/// The answer to OPTIONS: what [`examine`] lets pass, in the words of RFC 3261 §11.2.
///
/// Contact is always there: Microsoft Teams takes a trunk whose OPTIONS lack it for dead.
#[must_use]
pub fn options_answer(request: &Request, contact: &Uri) -> Response {
    let mut answer = refusal(request, Status::OK);
    answer.headers.push("Contact", format_args!("<{contact}>"));
    answer.headers.push("Allow", format_args!("{ALLOW}{ALLOW_OUTSIDE}"));
    answer.headers.push("Accept", SESSION_BODY);
    answer.headers.push("Accept-Encoding", "identity");
    answer.headers.push("Supported", SUPPORTED.join(", "));
    answer.headers.push("Allow-Events", EVENTS);
    answer
}

fn malformed(request: &Request, phrase: &str) -> Response {
    let mut response = refusal(request, Status::BAD_REQUEST);
    response.reason = phrase.as_bytes().to_vec(); // RFC 3261 §21.4.1: it should say what is wrong
    response
}

fn method(request: &Request) -> Result<(), Response> {
    let status = match request.method {
        Method::Invite
        | Method::Ack
        | Method::Bye
        | Method::Cancel
        | Method::Options
        | Method::Register
        | Method::Prack
        | Method::Update
        | Method::Info
        | Method::Subscribe => return Ok(()),
        // Inside of a dialog the call knows whether its party may transfer. RFC 7647 §3 would have
        // one outside of it only where a dialog is named by Target-Dialog, which no phone does.
        Method::Refer if is_in_dialog(request) => return Ok(()),
        // Text is relayed by the registrar (RFC 3428 §6), and what a PBX says of the mailbox of one
        // of its phones comes unasked. In a dialog both belong to nobody.
        Method::Message | Method::Notify if !is_in_dialog(request) => return Ok(()),
        // Nobody here subscribes to anything but a REFER of its own, or publishes (RFC 3903 §6).
        Method::Notify | Method::Publish => Status::BAD_EVENT,
        Method::Refer | Method::Message => Status::METHOD_NOT_ALLOWED,
        Method::Other(_) => Status::NOT_IMPLEMENTED, // RFC 3261 §21.5.2: not recognised at all
    };
    let mut response = refusal(request, status);
    response.headers.push("Allow", ALLOW);
    Err(response)
}

fn scheme(request: &Request) -> Result<(), Response> {
    match request.uri.scheme() {
        // `urn:service:sos` is dialled like a number: RFC 5031.
        Scheme::Sip | Scheme::Sips | Scheme::Tel | Scheme::Urn => Ok(()),
        Scheme::Other(_) => Err(refusal(request, Status::UNSUPPORTED_SCHEME)),
    }
}

/// RFC 3261 §16.3: what would be sent on must have a hop left. What ends here (OPTIONS to us,
/// REGISTER, everything inside of a dialog) needs none.
fn hops(request: &Request) -> Result<(), Response> {
    let ends_here =
        matches!(request.method, Method::Options | Method::Register | Method::Subscribe)
            || is_in_dialog(request);
    match request.headers.max_forwards() {
        Ok(Some(0)) if !ends_here => Err(refusal(request, Status::TOO_MANY_HOPS)),
        Ok(_) => Ok(()),
        Err(error) => Err(malformed(request, &error.to_string())),
    }
}

fn is_in_dialog(request: &Request) -> bool {
    request.headers.to().is_ok_and(|to| to.tag().is_some())
}

fn extensions(request: &Request) -> Result<(), Response> {
    if request.method == Method::Cancel {
        return Ok(()); // RFC 3261 §8.2.2.3: Require in a CANCEL is ignored
    }
    let unknown: Vec<String> = request
        .headers
        .list("Require")
        .into_iter()
        .filter(|tag| {
            let mut known = SUPPORTED.iter().chain(&TRANSFER_EXTENSIONS);
            !known.any(|known| known.eq_ignore_ascii_case(tag))
        })
        .collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let mut response = refusal(request, Status::BAD_EXTENSION);
    response.headers.push("Unsupported", unknown.join(", "));
    Err(response)
}

/// The addresses that a dialog or a binding will be made of must be readable now; later is too
/// late.
fn addresses(request: &Request) -> Result<(), Response> {
    let headers = &request.headers;
    let checks = [
        headers.routes("Record-Route").map(drop),
        headers.routes("Path").map(drop),
        headers.expires().map(drop),
        if headers.has_star_contact() { Ok(()) } else { headers.contacts().map(drop) },
    ];
    match checks.into_iter().find_map(Result::err) {
        Some(error) => Err(malformed(request, &error.to_string())),
        None => Ok(()),
    }
}

/// RFC 3261 §8.2.3: a body that must be understood and can not be.
fn body(request: &Request) -> Result<(), Response> {
    let headers = &request.headers;
    if request.body.is_empty() {
        return Ok(());
    }
    let disposition = headers.valued("Content-Disposition").ok().flatten();
    let handling = disposition.as_ref().and_then(|it| it.params.value("handling"));
    if handling.is_some_and(|handling| handling.eq_ignore_ascii_case("optional")) {
        return Ok(()); // RFC 3261 §20.11: who does not understand it ignores it
    }
    if headers.list("Content-Encoding").iter().any(|it| !it.eq_ignore_ascii_case("identity")) {
        let mut response = refusal(request, Status::UNSUPPORTED_MEDIA);
        response.headers.push("Accept-Encoding", "identity");
        return Err(response);
    }
    if !matches!(request.method, Method::Invite | Method::Update | Method::Prack) {
        return Ok(()); // no other method describes a session
    }
    match headers.content_type() {
        Ok(Some(kind)) if kind.is(SESSION_BODY) => Ok(()),
        Ok(_) => {
            let mut response = refusal(request, Status::UNSUPPORTED_MEDIA);
            response.headers.push("Accept", SESSION_BODY);
            Err(response)
        }
        Err(error) => Err(malformed(request, &error.to_string())),
    }
}

/// RFC 3261 §21.4.7: the caller must be able to read the session description that it will get.
fn acceptance(request: &Request) -> Result<(), Response> {
    if request.method != Method::Invite || !request.headers.has("Accept") {
        return Ok(());
    }
    let readable = request.headers.list("Accept").iter().any(|range| {
        ContentType::parse(range).is_ok_and(|range| {
            ["*/*", "application/*", SESSION_BODY].iter().any(|good| range.is(good))
        })
    });
    if readable { Ok(()) } else { Err(refusal(request, Status::NOT_ACCEPTABLE)) }
}

#[cfg(test)]
mod tests {
    use super::{examine, options_answer};
    use holdfast_wire::sip::{Message, Request, Response, Uri};

    fn request(method: &str, more: &str) -> Request {
        let (head, body) = more.split_once("\n\n").unwrap_or((more, ""));
        let text = format!(
            "{method} sip:100@192.0.2.1 SIP/2.0\nVia: SIP/2.0/UDP h;branch=z9hG4bKa\n\
             From: <sip:a@h>;tag=a\nTo: <sip:100@192.0.2.1>\nCall-ID: c\n\
             CSeq: 1 {method}\n{head}\n\n{body}"
        );
        match Message::parse(
            text.replace('\n', "\r\n").replace("\r\n\r\n\r\n", "\r\n\r\n").as_bytes(),
        ) {
            Ok(Message::Request(request)) => request,
            other => panic!("{text} {other:?}"),
        }
    }

    /// The status, and the header field that explains it.
    fn word(answer: Result<(), Response>) -> String {
        let Err(response) = answer else { return "passes".to_owned() };
        let why = ["Allow", "Unsupported", "Accept", "Accept-Encoding"]
            .iter()
            .find_map(|name| response.headers.get(name).map(|value| format!(" {name}: {value}")));
        assert!(response.headers.to().expect("To").tag().is_some(), "a final answer has a tag");
        format!("{}{}", response.status, why.unwrap_or_default())
    }

    #[test]
    fn what_this_box_can_not_do_is_refused_by_name() {
        let allow = super::ALLOW;
        let cases = [
            ("REGISTER", "Require: path", "passes"),
            (
                "INVITE",
                "Require: path, nothingSupportsThis",
                "420 Unsupported: nothingSupportsThis",
            ),
            ("CANCEL", "Require: nothingSupportsThis", "passes"),
            ("ACK", "Require: nothingSupportsThis", "passes"),
            ("INVITE", "Proxy-Require: privacy", "passes"),
            ("INVITE", "Max-Forwards: 0", "483"),
            ("OPTIONS", "Max-Forwards: 0", "passes"),
            ("MESSAGE", "", "passes"),
            ("MESSAGE", "Max-Forwards: 0", "483"),
            ("REFER", "", &format!("405 Allow: {allow}")),
            ("PRACK", "", "passes"),
            ("INVITE", "Require: 100rel, timer", "passes"),
            ("FOO", "", &format!("501 Allow: {allow}")),
            ("PUBLISH", "", &format!("489 Allow: {allow}")),
            ("NOTIFY", "Event: message-summary", "passes"),
            ("INVITE", "Content-Type: application/SDP\n\nv=0", "passes"),
            ("INVITE", "Content-Type: text/plain\n\nhello", "415 Accept: application/sdp"),
            ("INVITE", "X: y\n\nhello", "415 Accept: application/sdp"),
            (
                "INVITE",
                "Content-Type: text/plain\nContent-Disposition: icon;handling=optional\n\nx",
                "passes",
            ),
            (
                "INVITE",
                "Content-Type: application/sdp\nContent-Encoding: gzip\n\nx",
                "415 Accept-Encoding: identity",
            ),
            ("OPTIONS", "Content-Type: text/plain\n\nhello", "passes"),
            ("INVITE", "Accept: text/nobodyKnowsThis", "406"),
            ("INVITE", "Accept: text/plain, application/*;q=0.1", "passes"),
            ("INVITE", "Contact: sip:a@h?x=y", "400"),
            ("INVITE", "Record-Route: nonsense", "400"),
            ("REGISTER", "Contact: *\nExpires: 0", "passes"),
            ("REGISTER", "Contact: <sip:a@h>\nExpires: 99999999999", "400"),
        ];
        for (method, more, expected) in cases {
            assert_eq!(word(examine(&request(method, more))), expected, "{method} {more}");
        }
    }

    #[test]
    fn only_schemes_that_can_be_called_pass() {
        for (uri, expected) in [
            ("sip:a@h", "passes"),
            ("sips:a@h", "passes"),
            ("tel:+4930123", "passes"),
            ("urn:service:sos", "passes"),
            ("soap.beep://h", "416"),
        ] {
            let mut request = request("INVITE", "");
            request.uri = Uri::parse(uri).expect(uri);
            assert_eq!(word(examine(&request)), expected, "{uri}");
        }
    }

    #[test]
    fn an_options_answer_says_all_that_a_trunk_asks_for() {
        let contact = Uri::parse("sip:sbc.example.com:5060").expect("a URI");
        let answer = options_answer(&request("OPTIONS", ""), &contact);
        let names = ["Contact", "Allow", "Accept", "Accept-Encoding", "Supported", "Allow-Events"];
        for name in names {
            assert!(answer.headers.has(name), "{name}");
        }
        assert_eq!(answer.headers.get("Contact").as_deref(), Some("<sip:sbc.example.com:5060>"));
    }
}
