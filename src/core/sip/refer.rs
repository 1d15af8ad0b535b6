//! What a REFER asks for (RFC 3515), read once. Pure: it knows no call and no number plan.
//!
//! The Refer-To is a wish of whoever wrote it, and of all that it may carry two things are heeded:
//! the URI, and a `Replaces` behind its question mark (RFC 3891, RFC 5589 §7). Any other header
//! field in there is passed over: RFC 3261 §19.1.5 warns of obeying them.

use holdfast_wire::sip::{Header, Method, Replaces, Request, Response, Scheme, Status, Uri};

/// What a REFER asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Whom the other party shall talk to, without what a Request-URI may not carry.
    pub target: Uri,
    /// The dialog that the new call shall take the place of.
    pub replaces: Option<Replaces>,
    /// What goes into the new INVITE as it came, byte for byte: Referred-By, by which peers find
    /// their own transfer. None is made where none came: it is the transferor's own word (RFC 3892
    /// §3), and ours would tell a carrier the names of phones.
    pub carried: Vec<Header>,
    /// Whether the transferor hears how it goes.
    pub told: Told,
    /// Its CSeq number, by which later ones are told apart (RFC 3515 §2.4.6).
    pub cseq: u32,
}

/// Whether the transferor hears how the transfer goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// By NOTIFY.
    ByNotify,
    /// Not at all: `Refer-Sub: false` (RFC 4488 §4).
    Not,
}

/// Why a REFER is refused: the status, and what is wrong in words for its sender.
///
/// RFC 5057 §5.1: some answers end the dialog that the request came in, 404, 410 and 481 to 485
/// among them. No REFER is refused with one of these, since its call must go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused(pub Status, pub &'static str);

impl Refused {
    /// The response.
    #[must_use]
    pub fn response(self, request: &Request) -> Response {
        let Self(status, why) = self;
        let mut response = request.response(status, None);
        response.reason = why.as_bytes().to_vec(); // RFC 3261 §7.2: for people
        response
    }
}

/// Reads a REFER.
///
/// # Errors
/// When it does not say clearly what nobody but its sender can know, or asks for what is not done.
pub fn read(request: &Request) -> Result<Wish, Refused> {
    let headers = &request.headers;
    // RFC 3515 §2.4.2: none and several are both refused with 400.
    let once = headers.lines("Refer-To").count() == 1;
    let to = headers.address("Refer-To").ok().filter(|_| once);
    let to = to.ok_or(Refused(Status::BAD_REQUEST, "One Readable Refer-To Is Needed"))?;
    match to.uri.scheme() {
        Scheme::Sip | Scheme::Sips | Scheme::Tel => {}
        Scheme::Urn | Scheme::Other(_) => {
            return Err(Refused(Status::BAD_REQUEST, "Refer-To Is No SIP Or TEL URI"));
        }
    }
    let method = to.uri.param("method").flatten();
    if method.is_some_and(|method| Method::parse(&method) != Ok(Method::Invite)) {
        return Err(Refused(Status::FORBIDDEN, "Only INVITE Can Be Asked For"));
    }
    let replaces = to.uri.header("Replaces").map(|text| Replaces::parse(&text)).transpose();
    let replaces = replaces.map_err(|_| Refused(Status::BAD_REQUEST, "Malformed Replaces"))?;
    let carried: Vec<Header> = headers.lines("Referred-By").cloned().collect();
    if carried.len() > 1 {
        return Err(Refused(Status::BAD_REQUEST, "Several Referred-By"));
    }
    let wanted = headers.valued("Refer-Sub").ok().flatten();
    let told = if wanted.is_some_and(|it| it.is("false")) { Told::Not } else { Told::ByNotify };
    let cseq = headers.cseq().map_err(|_| Refused(Status::BAD_REQUEST, "Malformed CSeq"))?;
    Ok(Wish { target: to.uri.for_request(), replaces, carried, told, cseq: cseq.number })
}

#[cfg(test)]
mod tests {
    use super::{Told, read};
    use holdfast_wire::sip::{Message, Request};

    fn refer(more: &str) -> Request {
        let text = format!(
            "REFER sip:box@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKa\r\n\
             From: <sip:a@h>;tag=a\r\nTo: <sip:b@h>;tag=b\r\nCall-ID: c\r\nCSeq: 93809823 REFER\r\n\
             Max-Forwards: 70\r\n{more}\r\nContent-Length: 0\r\n\r\n"
        );
        match Message::parse(text.as_bytes()) {
            Ok(Message::Request(request)) => request,
            other => panic!("{text} {other:?}"),
        }
    }

    fn printed(more: &str) -> String {
        match read(&refer(more)) {
            Ok(wish) => {
                let replaces = wish.replaces.map(|it| format!(" replaces {it}"));
                let told = if wish.told == Told::Not { " silently" } else { "" };
                format!("{}{}{told}", wish.target, replaces.unwrap_or_default())
            }
            Err(refused) => {
                let response = refused.response(&refer(more));
                format!("{} {}", response.status, response.reason_text())
            }
        }
    }

    #[test]
    fn what_is_asked_for_and_what_is_refused() {
        for (more, expected) in [
            ("Refer-To: <sip:ben@h;x=1>", "sip:ben@h;x=1"),
            ("r: sip:ben@h", "sip:ben@h"),
            ("Refer-To: <tel:+4930>\r\nRefer-Sub: FALSE", "tel:+4930 silently"),
            ("Refer-To: <sip:@teams;x-m=8:orgid:1;x-t=2>", "sip:@teams;x-m=8:orgid:1;x-t=2"),
            ("Refer-To: <sip:ben@h;method=INVITE?Priority=urgent>", "sip:ben@h"),
            (
                "Refer-To: <sip:ben@h?Replaces=1%252F2%40h%3Bfrom-tag%3D%25%3Bto-tag%3Dx>",
                "sip:ben@h replaces 1%2F2@h;to-tag=x;from-tag=%",
            ),
            ("X: y", "400 One Readable Refer-To Is Needed"),
            ("Refer-To: <sip:a@h>\r\nr: <sip:b@h>", "400 One Readable Refer-To Is Needed"),
            ("Refer-To: <sip:a@h>, <sip:b@h>", "400 One Readable Refer-To Is Needed"),
            ("Refer-To: <http://h/a>", "400 Refer-To Is No SIP Or TEL URI"),
            ("Refer-To: <sip:ben@h;method=BYE>", "403 Only INVITE Can Be Asked For"),
            ("Refer-To: <sip:ben@h?Replaces=1>", "400 Malformed Replaces"),
            ("Refer-To: <sip:b@h>\r\nb: <sip:a@h>\r\nb: <sip:a@h>", "400 Several Referred-By"),
        ] {
            assert_eq!(printed(more), expected, "{more}");
        }
    }

    #[test]
    fn referred_by_is_kept_byte_for_byte() {
        let long = "x".repeat(500);
        let line = format!("b:  \"T\"  <sip:t@h;x-m={long}> ; cid=\"2@h\"");
        let wish = read(&refer(&format!("Refer-To: <sip:ben@h>\r\n{line}"))).unwrap();
        let kept: Vec<&[u8]> = wish.carried.iter().map(|header| header.raw()).collect();
        assert_eq!(kept, [format!("{line}\r\n").as_bytes()]);
    }
}
