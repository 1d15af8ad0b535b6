//! A REGISTER on its way through the box to a PBX, and the answer on its way back.
//!
//! Challenge and credentials pass as they are, so that the PBX authenticates and nobody else. The
//! Contact does not: the PBX is told one at this box, so that its calls come through here, and the
//! phone is told its own. What belongs to one hop alone ends here (RFC 3261 §16.6, for a
//! back-to-back user agent by the names that may pass).

use holdfast_wire::sip::{Host, NameAddr, Request, Response, Uri};
use std::time::Duration;

/// What one hop says to the next, or the box says for itself.
const STAYS: [&str; 7] =
    ["Via", "Route", "Record-Route", "Path", "Contact", "Max-Forwards", "Supported"];
/// What a PBX may tell a phone. Date is the clock of many a desk phone.
const PASSES_BACK: [&str; 10] = [
    "WWW-Authenticate",
    "Proxy-Authenticate",
    "Authentication-Info",
    "Proxy-Authentication-Info",
    "Min-Expires",
    "Retry-After",
    "Warning",
    "Reason",
    "Date",
    "P-Associated-URI",
];
/// Extensions of a Contact that ends here: RFC 3327, RFC 5626, RFC 5627.
const OURS_TO_SAY: [&str; 3] = ["path", "outbound", "gruu"];
/// RFC 3261 §8.1.1.6, where the phone says nothing.
const MAX_FORWARDS: u8 = 70;

/// Who the two sides of the passage are.
#[derive(Debug)]
pub struct Passage<'a> {
    /// Names of this box: what is addressed to one of them is meant for the PBX.
    pub ours: &'a [Host],
    /// The domain of the PBX.
    pub domain: &'a Host,
}

impl Passage<'_> {
    /// Whether Request-URI, From and To each name this box or the PBX, which may `also` be called
    /// by these. Another tenant of the same PBX may have an extension of the same name, and none
    /// of the rights of ours.
    #[must_use]
    pub fn is_for_this_pbx(&self, request: &Request, also: &[Host]) -> bool {
        let known = |uri: &Uri| {
            uri.host().is_some_and(|host| {
                host == self.domain || self.ours.contains(host) || also.contains(host)
            })
        };
        let named = |address: Result<NameAddr, _>| address.is_ok_and(|it| known(&it.uri));
        known(&request.uri) && named(request.headers.from()) && named(request.headers.to())
    }

    /// The REGISTER as the PBX gets it, with these Contacts in place of those of the phone.
    #[must_use]
    pub fn onward(&self, request: &Request, contacts: &[NameAddr]) -> Request {
        let mut onward = request.clone();
        onward.uri = self.at_the_pbx(onward.uri);
        for name in ["From", "To"] {
            if let Ok(NameAddr { display, uri, params }) = request.headers.address(name) {
                let uri = self.at_the_pbx(uri);
                onward.headers.set(name, NameAddr { display, uri, params });
            }
        }
        let star = request.headers.has_star_contact();
        let supported = request.headers.list("Supported");
        let hops = request.headers.max_forwards().ok().flatten().unwrap_or(MAX_FORWARDS);
        onward.headers.retain(|line| !STAYS.iter().any(|name| line.is(name)));
        onward.headers.push_front("Max-Forwards", hops.saturating_sub(1));
        if star {
            onward.headers.push("Contact", "*");
        }
        for contact in contacts {
            onward.headers.push("Contact", contact);
        }
        let supported: Vec<String> = supported
            .into_iter()
            .filter(|tag| !OURS_TO_SAY.iter().any(|ours| tag.eq_ignore_ascii_case(ours)))
            .collect();
        if !supported.is_empty() {
            onward.headers.push("Supported", supported.join(", "));
        }
        onward
    }

    fn at_the_pbx(&self, uri: Uri) -> Uri {
        let ours = uri.host().is_some_and(|host| self.ours.contains(host));
        if ours { uri.with_host(self.domain.clone(), None) } else { uri }
    }
}

/// Puts into our answer what the PBX has said that is for the phone.
pub fn back(theirs: &Response, answer: &mut Response) {
    for name in PASSES_BACK {
        for line in theirs.headers.lines(name) {
            answer.headers.push_line(line.clone());
        }
    }
}

/// For how long the PBX has registered the Contacts with these users: the shortest time. When the
/// answer names none of them, as a PBX may that writes its own address into Contacts, the time that
/// is for all of them. None without any.
#[must_use]
pub fn granted(theirs: &Response, ours: impl Fn(&str) -> bool) -> Option<Duration> {
    let general = theirs.headers.expires().ok().flatten();
    let contacts = theirs.headers.contacts().unwrap_or_default();
    let own = contacts.iter().filter(|it| it.uri.user_decoded().is_some_and(|user| ours(&user)));
    let seconds = |contact: &NameAddr| {
        let own = contact.params.value("expires").and_then(|text| text.parse().ok());
        own.or(general)
    };
    let least: Option<u32> = own.filter_map(seconds).min();
    least.or(general).map(|seconds| Duration::from_secs(seconds.into()))
}

#[cfg(test)]
mod tests {
    use super::{Passage, back, granted};
    use holdfast_wire::sip::{Host, Message, NameAddr, Request, Response, Status};
    use std::time::Duration;

    fn register(lines: &str) -> Request {
        let text = format!(
            "REGISTER sip:10.0.0.1 SIP/2.0\nVia: SIP/2.0/UDP 10.1.0.1;branch=z9hG4bKa\n\
             Max-Forwards: 9\nFrom: \"Anna\" <sip:2001@10.0.0.1>;tag=a\n\
             To: <sip:2001@pbx.example>\nCall-ID: c\nCSeq: 7 REGISTER\n{lines}\n\n"
        );
        match Message::parse(text.replace('\n', "\r\n").as_bytes()) {
            Ok(Message::Request(request)) => request,
            other => panic!("{text} {other:?}"),
        }
    }

    fn answer(lines: &str) -> Response {
        let text = format!(
            "SIP/2.0 200 OK\nVia: SIP/2.0/UDP h;branch=z9hG4bKa\nFrom: <sip:a@h>;tag=a\n\
             To: <sip:a@h>;tag=b\nCall-ID: c\nCSeq: 1 REGISTER\n{lines}\n\n"
        );
        match Message::parse(text.replace('\n', "\r\n").as_bytes()) {
            Ok(Message::Response(response)) => response,
            other => panic!("{text} {other:?}"),
        }
    }

    fn onward(request: &Request) -> String {
        let ours = [Host::V4("10.0.0.1".parse().unwrap())];
        let domain = Host::Name("pbx.example".to_owned());
        let contact = NameAddr::parse("<sip:k7@10.0.0.1:5060>;expires=600").unwrap();
        let contacts = if request.headers.has_star_contact() { vec![] } else { vec![contact] };
        let onward = Passage { ours: &ours, domain: &domain }.onward(request, &contacts);
        String::from_utf8(onward.print()).unwrap().replace('\r', "")
    }

    #[test]
    fn credentials_pass_and_what_belongs_to_a_hop_does_not() {
        let request = register(
            "Route: <sip:10.0.0.1;lr>\nPath: <sip:p;lr>\nSupported: path, timer, outbound\n\
             Contact: <sip:2001@10.1.0.1>;reg-id=1;expires=600\nUser-Agent: Phone\n\
             Authorization: Digest username=\"2001\", realm=\"r\", nonce=\"n\", \
             uri=\"sip:10.0.0.1\", response=\"0\"",
        );
        assert_eq!(
            onward(&request),
            "REGISTER sip:pbx.example SIP/2.0\n\
             Max-Forwards: 8\n\
             From: \"Anna\" <sip:2001@pbx.example>;tag=a\n\
             To: <sip:2001@pbx.example>\n\
             Call-ID: c\n\
             CSeq: 7 REGISTER\n\
             User-Agent: Phone\n\
             Authorization: Digest username=\"2001\", realm=\"r\", nonce=\"n\", \
             uri=\"sip:10.0.0.1\", response=\"0\"\n\
             Contact: <sip:k7@10.0.0.1:5060>;expires=600\n\
             Supported: timer\n\
             Content-Length: 0\n\n"
        );
        assert!(onward(&register("Contact: *\nExpires: 0")).contains("Contact: *\n"));
    }

    #[test]
    fn another_tenant_is_not_this_pbx() {
        let ours = [Host::V4("10.0.0.1".parse().unwrap())];
        let domain = Host::Name("pbx.example".to_owned());
        let passage = Passage { ours: &ours, domain: &domain };
        let edge = [Host::Name("edge.example".to_owned())];
        let asked = |from: &str, to: &str| {
            let text = register("").print();
            let text = String::from_utf8(text).unwrap().replace(from, to);
            match Message::parse(text.as_bytes()) {
                Ok(Message::Request(request)) => passage.is_for_this_pbx(&request, &edge),
                other => panic!("{text} {other:?}"),
            }
        };
        assert!(asked("", ""));
        assert!(asked("sip:2001@pbx.example", "sip:2001@Edge.Example"));
        assert!(!asked("sip:2001@pbx.example", "sip:2001@tenant-b.example"));
        assert!(!asked("sip:2001@10.0.0.1", "sip:2001@tenant-b.example"));
        assert!(!asked("REGISTER sip:10.0.0.1", "REGISTER sip:tenant-b.example"));
        assert!(!asked("sip:2001@pbx.example", "tel:2001"));
    }

    #[test]
    fn what_is_for_the_phone_comes_back() {
        let theirs = answer(
            "Date: Sun, 22 Nov 2026 10:00:00 GMT\nService-Route: <sip:edge;lr>\n\
             Contact: <sip:k7@h>;expires=120, <sip:other@h>;expires=5\nServer: PBX",
        );
        let mut ours = Response::new(Status::OK);
        back(&theirs, &mut ours);
        assert!(ours.headers.has("Date"));
        for name in ["Service-Route", "Contact", "Server"] {
            assert!(!ours.headers.has(name), "{name}");
        }
        assert_eq!(granted(&theirs, |user| user == "k7"), Some(Duration::from_secs(120)));
        assert_eq!(granted(&theirs, |user| user == "k8"), None);
        let general = answer("Expires: 300\nContact: <sip:k7@h>");
        assert_eq!(granted(&general, |user| user == "k7"), Some(Duration::from_secs(300)));
        let rewritten = answer("Expires: 90\nContact: <sip:2001@10.0.0.1>;expires=5");
        assert_eq!(granted(&rewritten, |user| user == "k7"), Some(Duration::from_secs(90)));
    }
}
