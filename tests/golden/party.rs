//! A party of a ladder: writes what the script says, with the parts that depend on what was said
//! before filled in.
//!
//! | in a script | becomes |
//! |---|---|
//! | `{contact}` | the URI of the box's Contact in this dialog |
//! | `{registered}` | the URI of the Contact that the box has registered |
//! | `{new}`, `{new +4930}` | headers of a request outside a dialog, to this user |
//! | `{next}` | headers of the next request inside the dialog |
//! | `{same}` | headers of CANCEL, or of the ACK to a refusal: those of the last INVITE |
//! | `{fork}` | those of the last INVITE once more, by another way |
//! | `{echo}`, `{echo INVITE}` | headers of a response to the last request, the last INVITE |
//! | `{echo INVITE blue}` | the same with this To tag |
//! | `{echo cancelled}` | headers of the final response to the INVITE that was cancelled |
//! | `{dialog NAME}` | Replaces: the dialog that this party spoke in last |
//! | `{escaped NAME}` | the same behind the question mark of a URI |
//! | `{passed}` | the Via of the last INVITE, as a proxy leaves it below its own |
//! | `{me}` | our Contact |
//! | `{rack}` | what acknowledges the last reliable response |
//! | `{credentials}` | the answer to the last challenge |
//! | `{sdp}`, `{sdp sendonly}`, `{sdp 0.0.0.0}` | a description, with a direction or an address |
//! | `{sdp srtp}`, `{sdp g722}` | one under keys, one of this codec alone |
//! | `{sdp browser}`, `{sdp browser again}` | one of a browser, and after it has restarted ICE |

use holdfast_core::sip::flow::{Flow, Transport};
use std::net::SocketAddr;

use crate::cast::{SITE, SITE_OF_BROWSERS, password};
use crate::digest;
use crate::text::{cseq, header, is_response, lines, start, uri};

/// What a party that speaks SRTP writes: `{sdp srtp}`.
const KEYS: &str = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 \
                    inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^31\r\n";

/// What a browser writes: `{sdp browser}`. Its candidate is a name of mDNS.
const BROWSER: &str = "a=mid:0\r\na=rtcp-mux\r\na=setup:active\r\na=ice-ufrag:8hhY\r\n\
                       a=ice-pwd:asd88fgpdd777uzjYhagZg\r\na=ice-options:trickle\r\n\
                       a=candidate:1 1 udp 2113937151 4f3c.local 51000 typ host\r\n\
                       a=fingerprint:sha-256 4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:\
                       19:E5:7C:AB:3E:4B:65:2E:7D:46:3F:54:42:CD:54:F1\r\n";

/// How a party reaches the box.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// By datagrams.
    Datagrams,
    /// As a browser, over its connection of this number.
    WebSocket(u64),
    /// As a browser that has lost its connection.
    Unconnected,
}

/// A party.
#[derive(Debug)]
pub struct Party {
    /// Its name in the ladder.
    pub name: &'static str,
    /// Where it is.
    pub address: SocketAddr,
    /// Where it was before it moved; what is sent there is lost.
    pub left: Option<SocketAddr>,
    /// How it reaches the box.
    pub way: Way,
    user: &'static str,
    counted: u32,
    descriptions: u32,
    dialog: Dialog,
    /// What the box sent.
    heard: Vec<String>,
    /// Our last INVITE or REGISTER.
    asked: String,
}

/// The dialog that the party spoke in last.
#[derive(Debug, Default)]
struct Dialog {
    call_id: String,
    local: String,
    remote: String,
    target: String,
    cseq: u32,
}

impl Party {
    pub fn new(name: &'static str, address: &str, user: &'static str) -> Self {
        Self {
            name,
            address: address.parse().expect("an address"),
            left: None,
            way: Way::Datagrams,
            user,
            counted: 0,
            descriptions: 0,
            dialog: Dialog::default(),
            heard: Vec::new(),
            asked: String::new(),
        }
    }

    /// The dialog that it spoke in last, as the box knows it by Replaces.
    pub fn replaces(&self) -> String {
        let tag = |value: &str| value.split_once(";tag=").map_or("", |(_, tag)| tag).to_owned();
        let Dialog { call_id, local, remote, .. } = &self.dialog;
        format!("{call_id};to-tag={};from-tag={}", tag(remote), tag(local))
    }

    /// Takes what the box sent.
    pub fn hear(&mut self, message: &str) {
        self.heard.push(message.to_owned());
        let ours = is_response(message) && header(message, "Call-ID") == self.dialog.call_id;
        if ours && ["INVITE", "SUBSCRIBE"].contains(&cseq(message).1) {
            header(message, "To").clone_into(&mut self.dialog.remote);
            if let Some(contact) = lines(message, "Contact").first() {
                uri(contact).clone_into(&mut self.dialog.target);
            }
        }
    }

    /// Where the box is, as its last REGISTER here says.
    pub fn registered(&self) -> Option<&str> {
        let mut all = self.heard.iter().rev();
        let register = all.find(|said| start(said).starts_with("REGISTER"))?;
        Some(uri(header(register, "Contact")))
    }

    /// Fills a script's message in.
    pub fn say(&mut self, script: &str) -> String {
        let script = script.trim();
        let (head, body) = script.split_once("\n\n").unwrap_or((script, ""));
        let mut said = Vec::new();
        let first = head.lines().next().unwrap_or_default().trim().to_owned();
        for line in head.lines().map(str::trim) {
            match line.strip_prefix('{').and_then(|line| line.strip_suffix('}')) {
                Some(part) => said.extend(self.headers(part, &first)),
                None => said.push(line.replace("{contact}", &self.dialog.target)),
            }
        }
        let body = self.body(body.trim());
        if !body.is_empty() && !head.contains("Content-Type:") {
            said.push("Content-Type: application/sdp".to_owned());
        }
        said.push(format!("Content-Length: {}", body.len()));
        let message = format!("{}\r\n\r\n{body}", said.join("\r\n"));
        if start(&message).starts_with("INVITE") || start(&message).starts_with("REGISTER") {
            self.asked.clone_from(&message);
        }
        message
    }

    fn headers(&mut self, part: &str, first: &str) -> Vec<String> {
        let mut words = part.split(' ');
        let method = first.split(' ').next().unwrap_or_default();
        match words.next().unwrap_or_default() {
            "new" => self.begin(method, first, words.next()),
            "next" => self.go_on(method),
            "same" => {
                let to = if method == "ACK" { &self.dialog.remote } else { "" };
                self.repeat(method, header(&self.asked, "Via"), to)
            }
            "fork" => {
                let via = self.via();
                self.repeat(method, &via, "")
            }
            "echo" => self.echo(first, words.next(), words.next()),
            "passed" => {
                let invite = self.heard.iter().rev().find(|said| start(said).starts_with("INVITE"));
                vec![format!("Via: {}", header(invite.expect("an INVITE"), "Via"))]
            }
            "me" => vec![self.contact()],
            "rack" => vec![self.rack()],
            "credentials" => vec![self.credentials(first)],
            unknown => panic!("no such part: {unknown}"),
        }
    }

    fn begin(&mut self, method: &str, first: &str, user: Option<&str>) -> Vec<String> {
        let via = self.via();
        // RFC 3261 §10.2: one Call-ID for the registrations of a phone, and no call has it.
        let again = method == "REGISTER"
            && start(&self.asked).starts_with("REGISTER")
            && header(&self.asked, "Call-ID") == self.dialog.call_id;
        if !again {
            let target = first.split(' ').nth(1).expect("a URI");
            let to = match user {
                Some(user) => format!("sip:{user}@carrier.example"),
                None if method == "REGISTER" => self.address_of_record(),
                None => target.into(),
            };
            let (name, number) = (self.name, self.counted);
            self.dialog = Dialog {
                call_id: format!("{name}-{number}"),
                local: format!("<{}>;tag={name}-{number}", self.address_of_record()),
                remote: format!("<{to}>"),
                target: target.to_owned(),
                cseq: 0,
            };
        }
        self.dialog.cseq += 1;
        self.request(method, &via, self.dialog.cseq, &self.dialog.remote)
    }

    fn go_on(&mut self, method: &str) -> Vec<String> {
        let via = self.via();
        if method != "ACK" {
            self.dialog.cseq += 1;
        }
        let number = match method {
            "ACK" => cseq(&self.asked).0,
            _ => self.dialog.cseq,
        };
        self.request(method, &via, number, &self.dialog.remote)
    }

    fn repeat(&self, method: &str, via: &str, to: &str) -> Vec<String> {
        let to = if to.is_empty() { header(&self.asked, "To") } else { to };
        self.request(method, via, cseq(&self.asked).0, to)
    }

    fn request(&self, method: &str, via: &str, number: u32, to: &str) -> Vec<String> {
        vec![
            format!("Via: {via}"),
            "Max-Forwards: 70".to_owned(),
            format!("From: {}", self.dialog.local),
            format!("To: {to}"),
            format!("Call-ID: {}", self.dialog.call_id),
            format!("CSeq: {number} {method}"),
        ]
    }

    fn echo(&mut self, first: &str, method: Option<&str>, tag: Option<&str>) -> Vec<String> {
        let cancelled = method == Some("cancelled");
        let method = if cancelled { "CANCEL" } else { method.unwrap_or("") };
        let wanted = |said: &&String| !is_response(said) && start(said).starts_with(method);
        let request = self.heard.iter().rev().find(wanted).expect("a request to answer").clone();
        let request = match cancelled {
            true => request.replace(" CANCEL\r\n", " INVITE\r\n"),
            false => request,
        };
        let mut to = header(&request, "To").to_owned();
        let trying = first.starts_with("SIP/2.0 100");
        if !to.contains(";tag=") && !trying {
            to = format!("{to};tag={}", tag.unwrap_or(self.name));
        }
        if cseq(&request).1 == "INVITE" && !trying && !cancelled {
            header(&request, "Call-ID").clone_into(&mut self.dialog.call_id);
            header(&request, "From").clone_into(&mut self.dialog.remote);
            uri(header(&request, "Contact")).clone_into(&mut self.dialog.target);
            self.dialog.local.clone_from(&to);
        }
        let mut echoed: Vec<String> = Vec::new();
        for name in ["Via", "Record-Route"] {
            echoed.extend(lines(&request, name).iter().map(|value| format!("{name}: {value}")));
        }
        echoed.push(format!("From: {}", header(&request, "From")));
        echoed.push(format!("To: {to}"));
        for name in ["Call-ID", "CSeq"] {
            echoed.push(format!("{name}: {}", header(&request, name)));
        }
        echoed
    }

    fn via(&mut self) -> String {
        self.counted += 1;
        let sent_by = match self.way {
            Way::Datagrams => format!("UDP {}", self.address),
            Way::WebSocket(_) | Way::Unconnected => format!("WSS {}.invalid", self.name),
        };
        format!("SIP/2.0/{sent_by};branch=z9hG4bK-{}-{}", self.name, self.counted)
    }

    fn address_of_record(&self) -> String {
        let host = if self.user.starts_with('+') { "carrier.example" } else { "golden.example" };
        format!("sip:{}@{host}", self.user)
    }

    fn contact(&self) -> String {
        match self.way {
            Way::Datagrams => format!("Contact: <sip:{}@{}>", self.user, self.address),
            Way::WebSocket(_) | Way::Unconnected => {
                format!("Contact: <sip:{}@{}.invalid;transport=ws>", self.user, self.name)
            }
        }
    }

    fn rack(&self) -> String {
        let reliable = |said: &&String| is_response(said) && !lines(said, "RSeq").is_empty();
        let said = self.heard.iter().rev().find(reliable).expect("a reliable response");
        format!("RAck: {} {}", header(said, "RSeq"), header(said, "CSeq"))
    }

    fn credentials(&self, first: &str) -> String {
        let challenge = self.heard.iter().rev().find_map(|said| {
            let offered = lines(said, "WWW-Authenticate").into_iter();
            offered.into_iter().find(|line| line.contains("MD5"))
        });
        let mut words = first.split(' ');
        let (method, uri) = (words.next().expect("a method"), words.next().expect("a URI"));
        let password = password(self.user);
        let challenge = challenge.expect("a challenge");
        let answer = digest::credentials(challenge, method, uri, self.user, &password);
        format!("Authorization: {answer}")
    }

    fn body(&mut self, script: &str) -> String {
        let Some(part) = script.strip_prefix("{sdp").and_then(|part| part.strip_suffix('}')) else {
            return script.to_owned();
        };
        self.descriptions += 1;
        let own = self.address.ip().to_string();
        if let Some(part) = part.trim().strip_prefix("browser") {
            return self.described_by_browser(part.trim());
        }
        let (profile, keys, part) = match part.trim().strip_prefix("srtp") {
            Some(part) => ("RTP/SAVP", KEYS, part),
            None => ("RTP/AVP", "", part),
        };
        let (formats, codecs, part) = match part.trim().strip_prefix("g722") {
            Some(part) => ("9 101", "a=rtpmap:9 G722/8000\r\n", part),
            None => ("8 0 101", "a=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n", part),
        };
        let (address, direction) = match part.trim() {
            "" => (own.as_str(), "sendrecv"),
            "0.0.0.0" => ("0.0.0.0", "sendrecv"),
            direction => (own.as_str(), direction),
        };
        let version = self.descriptions;
        format!(
            "v=0\r\no={} 7 {version} IN IP4 {own}\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\n\
             m=audio 4000 {profile} {formats}\r\n{keys}{codecs}\
             a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\n\
             a={direction}\r\n",
            self.name
        )
    }

    fn described_by_browser(&self, part: &str) -> String {
        let (name, version) = (self.name, self.descriptions);
        let (lines, direction) = match part {
            "again" => (BROWSER.replace("8hhY", "9iiZ"), "sendrecv"),
            "" => (BROWSER.to_owned(), "sendrecv"),
            direction => (BROWSER.replace("a=setup:active", "a=setup:actpass"), direction),
        };
        format!(
            "v=0\r\no={name} 7 {version} IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n\
             a=group:BUNDLE 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 8 101\r\nc=IN IP4 0.0.0.0\r\n\
             a=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n{lines}\
             a={direction}\r\n"
        )
    }

    /// The way of what it sends.
    pub fn flow(&self) -> Flow {
        let (transport, local, connection) = match self.way {
            Way::Datagrams => (Transport::Udp, SITE, None),
            Way::WebSocket(number) => (Transport::Wss, SITE_OF_BROWSERS, Some(number)),
            Way::Unconnected => panic!("{} is not connected", self.name),
        };
        let local = local.parse().expect("an address");
        Flow { transport, local, remote: self.address, connection, trunk: None }
    }

    /// Whether it hears what is sent this way.
    pub fn hears(&self, flow: &Flow) -> bool {
        match self.way {
            Way::Datagrams => flow.transport == Transport::Udp,
            Way::WebSocket(number) => flow.connection == Some(number),
            Way::Unconnected => false,
        }
    }
}
