//! A far end: it answers by itself what everybody answers, and says the rest when a test says so.

use std::net::SocketAddr;
use std::time::Duration;

use super::office::Office;
use super::strict::{Platform, examine};
use super::text::{body, cseq, direction, header, headers, method, start, status, uri};

/// What becomes of an INVITE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Conduct {
    /// It rings and is answered a second later.
    Answers,
    /// It is refused with this status and these lines.
    Refuses(&'static str),
    /// Two forks ring, the first sends early audio, and the second answers.
    Forks,
    /// Nothing is said.
    Silent,
    /// It is tried, for ever.
    Tries,
    /// It rings and is never answered.
    Rings,
    /// It is answered in this payload type alone.
    Speaks(&'static str),
    /// It announces something before it is answered a second later.
    Announces { reliable: bool },
}

/// A dialog as this side knows it.
#[derive(Clone, Debug, Default)]
pub struct Side {
    pub call_id: String,
    pub local: String,
    pub remote: String,
    pub target: String,
    pub cseq: u32,
}

/// A far end.
#[derive(Debug)]
pub struct Peer {
    pub name: &'static str,
    pub address: SocketAddr,
    /// Of UDP, TCP and TLS.
    pub transport: &'static str,
    /// What the name server calls it, besides its host.
    pub known_as: &'static str,
    /// What it looks at when it is a carrier.
    pub office: Option<Office>,
    /// The trunk whose certificate it shows; none without TLS.
    pub proves: Option<&'static str>,
    /// How it names itself in Contact and Via.
    pub host: String,
    pub user: &'static str,
    pub platform: Platform,
    pub conduct: Conduct,
    pub answers_options: bool,
    /// Whether its INVITEs leave the offer to the box, and its ACKs answer it.
    pub delayed_offer: bool,
    /// Whether its header names are in upper case, as those of Teams.
    pub shouts: bool,
    /// Its `a=crypto` lines, each ended; none where it speaks in the clear.
    pub crypto: String,
    /// Parameters of its Contact.
    pub contact_parameters: &'static str,
    /// What the box has sent, with its time.
    pub heard: Vec<(Duration, String)>,
    /// The dialogs, newest last.
    pub dialogs: Vec<Side>,
    pub counted: u32,
}

/// What a peer says, and after how long.
pub type Said = Vec<(Duration, String)>;

const SOON: Duration = Duration::from_millis(20);

impl Peer {
    pub fn new(name: &'static str, address: &str, platform: Platform) -> Self {
        let address: SocketAddr = address.parse().expect("an address");
        Self {
            name,
            address,
            transport: "UDP",
            known_as: "",
            office: None,
            proves: None,
            host: address.to_string(),
            user: "",
            platform,
            conduct: Conduct::Answers,
            answers_options: true,
            delayed_offer: false,
            shouts: false,
            crypto: String::new(),
            contact_parameters: "",
            heard: Vec::new(),
            dialogs: Vec::new(),
            counted: 0,
        }
    }

    /// Requests of this method that begin a dialog or none.
    pub fn got(&self, wanted: &str) -> Vec<&(Duration, String)> {
        let of = |(_, text): &&(Duration, String)| method(text) == wanted;
        self.heard.iter().filter(of).collect()
    }

    /// The last request of this method.
    pub fn last(&self, wanted: &str) -> &str {
        self.got(wanted).last().map_or("", |(_, text)| text)
    }

    /// The statuses of responses to requests of this method.
    pub fn statuses(&self, of: &str) -> Vec<u16> {
        let mine = self.heard.iter().filter(|(_, text)| cseq(text).1 == of);
        mine.filter_map(|(_, text)| status(text)).collect()
    }

    fn contact(&self) -> String {
        let at = if self.user.is_empty() { String::new() } else { format!("{}@", self.user) };
        let transport = match self.transport() {
            "UDP" => String::new(),
            other => format!(";transport={}", other.to_ascii_lowercase()),
        };
        format!("<sip:{at}{}{transport}{}>", self.host, self.contact_parameters)
    }

    /// Who shows a certificate speaks TLS.
    pub fn transport(&self) -> &'static str {
        if self.proves.is_some() { "TLS" } else { self.transport }
    }

    pub fn via(&mut self) -> String {
        self.counted += 1;
        let transport = self.transport();
        format!("SIP/2.0/{transport} {};branch=z9hG4bK-{}-{}", self.host, self.name, self.counted)
    }

    pub fn sdp(&self, direction: &str) -> String {
        self.sdp_at(&self.address.ip().to_string(), direction, "")
    }

    pub fn sdp_at(&self, ip: &str, direction: &str, more: &str) -> String {
        let crypto = &self.crypto;
        let profile = if crypto.is_empty() { "RTP/AVP" } else { "RTP/SAVP" };
        format!(
            "v=0\r\no=- 1 {} IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\n\
             m=audio 4000 {profile} 8 0 101\r\n{crypto}\
             a=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n\
             a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\n\
             a={direction}\r\n{more}",
            self.heard.len() + 1
        )
    }

    /// A message of lines, with its body and length.
    pub fn write(&self, lines: &[String], body: &str) -> String {
        let mut text = String::new();
        for (at, line) in lines.iter().enumerate() {
            match line.split_once(':') {
                Some((name, value)) if at > 0 && self.shouts => {
                    text += &format!("{}:{value}\r\n", name.to_ascii_uppercase());
                }
                Some(_) | None => text += &format!("{line}\r\n"),
            }
        }
        if !body.is_empty() {
            text += "Content-Type: application/sdp\r\n";
        }
        text + &format!("Content-Length: {}\r\n\r\n{body}", body.len())
    }

    /// A response.
    pub fn respond(&self, to: &str, line: &str, tag: &str, more: &[&str], body: &str) -> String {
        let mut lines = vec![format!("SIP/2.0 {line}")];
        for name in ["Via", "Record-Route"] {
            lines.extend(headers(to, name).iter().map(|value| format!("{name}: {value}")));
        }
        let known = header(to, "To");
        let tagged = known.contains("tag=") || tag.is_empty();
        let to_line = if tagged { known.to_owned() } else { format!("{known};tag={tag}") };
        lines.push(format!("From: {}", header(to, "From")));
        lines.push(format!("To: {to_line}"));
        lines.push(format!("Call-ID: {}", header(to, "Call-ID")));
        lines.push(format!("CSeq: {}", header(to, "CSeq")));
        lines.push(format!("Contact: {}", self.contact()));
        lines.extend(more.iter().map(|line| (*line).to_owned()));
        self.write(&lines, body)
    }

    /// A request inside of the newest dialog.
    pub fn request(&mut self, method: &str, more: &[String], body: &str) -> String {
        let via = self.via();
        let contact = self.contact();
        let side = self.dialogs.last_mut().expect("a dialog");
        if method != "ACK" {
            side.cseq += 1;
        }
        let side = side.clone();
        let mut lines = vec![
            format!("{method} {} SIP/2.0", side.target),
            format!("Via: {via}"),
            "Max-Forwards: 70".to_owned(),
            format!("From: {}", side.local),
            format!("To: {}", side.remote),
            format!("Call-ID: {}", side.call_id),
            format!("CSeq: {} {method}", side.cseq),
            format!("Contact: {contact}"),
        ];
        lines.extend(more.iter().cloned());
        self.write(&lines, body)
    }

    /// A first request to `target`.
    pub fn begin(&mut self, method: &str, target: &str, more: &[String], body: &str) -> String {
        let number = self.counted;
        let at = if self.user.is_empty() { String::new() } else { format!("{}@", self.user) };
        self.dialogs.push(Side {
            call_id: format!("{}-{number}", self.name),
            local: format!("<sip:{at}{}>;tag={}-{number}", self.host, self.name),
            remote: format!("<{target}>"),
            target: target.to_owned(),
            cseq: 0,
        });
        self.request(method, more, body)
    }

    /// Takes a message of the box; what it answers by itself.
    pub fn hear(&mut self, at: Duration, message: &str) -> Said {
        if message.trim().is_empty() {
            return Vec::new(); // RFC 5626 §4.4.1: a ping on a connection
        }
        examine(self.platform, message);
        self.heard.push((at, message.to_owned()));
        match status(message) {
            Some(code) => self.hear_response(code, message),
            None => self.hear_request(message),
        }
    }

    fn hear_response(&mut self, code: u16, message: &str) -> Said {
        let call_id = header(message, "Call-ID");
        let Some(at) = self.dialogs.iter().position(|side| side.call_id == call_id) else {
            return Vec::new();
        };
        if cseq(message).1 != "INVITE" || code < 200 {
            return Vec::new();
        }
        header(message, "To").clone_into(&mut self.dialogs[at].remote);
        if code < 300 {
            uri(header(message, "Contact")).clone_into(&mut self.dialogs[at].target);
            // The ACK answers the offer that the box made because there was none.
            let delayed = self.dialogs[at].cseq == 1 && self.delayed_offer;
            let answer = if delayed { self.sdp("sendrecv") } else { String::new() };
            let dialog = self.dialogs.remove(at);
            self.dialogs.push(dialog);
            return vec![(SOON, self.request("ACK", &[], &answer))];
        }
        let side = self.dialogs[at].clone();
        let transport = self.transport();
        let (host, name, counted) = (&self.host, self.name, self.counted);
        let via = format!("Via: SIP/2.0/{transport} {host};branch=z9hG4bK-{name}-{counted}");
        let lines = [
            format!("ACK {} SIP/2.0", side.target),
            via,
            "Max-Forwards: 70".to_owned(),
            format!("From: {}", side.local),
            format!("To: {}", header(message, "To")),
            format!("Call-ID: {call_id}"),
            format!("CSeq: {} ACK", cseq(message).0),
        ];
        vec![(SOON, self.write(&lines, ""))]
    }

    fn hear_request(&mut self, message: &str) -> Said {
        let refused = self.office.as_mut().and_then(|office| office.asks(message));
        if let Some((line, more)) = refused {
            let more: Vec<&str> = more.iter().map(String::as_str).collect();
            return vec![(SOON, self.respond(message, line, "office", &more, ""))];
        }
        match method(message) {
            "ACK" => Vec::new(),
            "INVITE" if header(message, "To").contains("tag=") => {
                let answer = match direction(message) {
                    "inactive" => "inactive",
                    _everything_else => "sendrecv",
                };
                vec![(SOON, self.respond(message, "200 OK", "", &[], &self.sdp(answer)))]
            }
            "INVITE" => self.invited(message),
            "CANCEL" => {
                let invite = self.last("INVITE").to_owned();
                let tag = format!("t-{}", self.name);
                vec![
                    (SOON, self.respond(message, "200 OK", &tag, &[], "")),
                    (SOON, self.respond(&invite, "487 Request Terminated", &tag, &[], "")),
                ]
            }
            "OPTIONS" if !self.answers_options => Vec::new(),
            _any_other => vec![(SOON, self.respond(message, "200 OK", "o", &[], ""))],
        }
    }

    fn invited(&mut self, message: &str) -> Said {
        let tag = format!("t-{}-{}", self.name, self.heard.len());
        let mut side = Side {
            call_id: header(message, "Call-ID").to_owned(),
            local: format!("{};tag={tag}", header(message, "To")),
            remote: header(message, "From").to_owned(),
            target: uri(header(message, "Contact")).to_owned(),
            cseq: 100,
        };
        let trying = (SOON, self.respond(message, "100 Trying", "", &[], ""));
        let rings = |tag: &str| (SOON * 2, self.respond(message, "180 Ringing", tag, &[], ""));
        let answered = Duration::from_secs(1);
        let timer = headers(message, "Session-Expires").first().map_or(String::new(), |expires| {
            format!("Session-Expires: {};refresher=uac", expires.split(';').next().unwrap_or("90"))
        });
        let more: Vec<&str> = if timer.is_empty() { vec![] } else { vec![timer.as_str()] };
        let said = match &self.conduct {
            Conduct::Silent => return Vec::new(),
            Conduct::Answers => {
                let fine = self.respond(message, "200 OK", &tag, &more, &self.sdp("sendrecv"));
                vec![trying, rings(&tag), (answered, fine)]
            }
            Conduct::Refuses(lines) => {
                let mut lines = lines.split('\n');
                let line = lines.next().unwrap_or_default();
                let more: Vec<&str> = lines.collect();
                return vec![trying, (SOON * 2, self.respond(message, line, &tag, &more, ""))];
            }
            Conduct::Tries => return vec![trying],
            Conduct::Rings => vec![trying, rings(&tag)],
            Conduct::Speaks(format) => {
                let sdp = self.sdp("sendrecv").replace("AVP 8 0 101", &format!("AVP {format}"));
                let fine = self.respond(message, "200 OK", &tag, &more, &sdp);
                vec![trying, rings(&tag), (answered, fine)]
            }
            Conduct::Announces { reliable } => {
                let early: &[&str] = if *reliable { &["Require: 100rel", "RSeq: 7"] } else { &[] };
                let early = self.respond(
                    message,
                    "183 Session Progress",
                    &tag,
                    early,
                    &self.sdp("sendrecv"),
                );
                let fine = self.respond(message, "200 OK", &tag, &more, &self.sdp("sendrecv"));
                vec![trying, (SOON * 3, early), (answered, fine)]
            }
            Conduct::Forks => {
                let early = self.sdp_at("52.112.0.77", "sendrecv", "");
                let early = self.respond(message, "183 Session Progress", "one", &[], &early);
                side.local = format!("{};tag=two", header(message, "To"));
                let fine = self.respond(message, "200 OK", "two", &more, &self.sdp("sendrecv"));
                vec![trying, rings("one"), rings("two"), (SOON * 3, early), (answered, fine)]
            }
        };
        self.dialogs.push(side);
        said
    }
}

/// The statement of what a peer heard, for messages of failures.
pub fn told(peer: &Peer) -> String {
    let lines = peer.heard.iter().map(|(at, text)| {
        let hold = if body(text).is_empty() { "" } else { direction(text) };
        format!("{:>9.3} {} [{}] {hold}\n", at.as_secs_f64(), start(text), header(text, "CSeq"))
    });
    lines.collect()
}
