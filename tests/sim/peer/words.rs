//! The messages of a peer: requests and session descriptions, spelled out.

use holdfast_wire::sdp::Sdp;
use holdfast_wire::sip::{Headers, Method, Request};
use std::net::SocketAddr;

use super::session::Session;

/// Payload types a peer can speak.
pub const USUAL: &[&str] = &["8", "0"];
pub const WIDE: &[&str] = &["9", "8", "0"];
pub const ODD: &[&str] = &["9"];

/// What a peer may put into an offer.
pub fn description(rtp: SocketAddr, version: u64, types: &[&str], direction: &str) -> String {
    let (ip, port) = (rtp.ip(), rtp.port());
    // RFC 2543 hold, which old phones still send.
    let shown = if direction == "zero" { "0.0.0.0".to_owned() } else { ip.to_string() };
    let direction = if direction == "zero" { "sendrecv" } else { direction };
    format!(
        "v=0\r\no=peer 1 {version} IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {shown}\r\nt=0 0\r\n\
         m=audio {port} RTP/AVP {} 101\r\na=rtpmap:101 telephone-event/8000\r\na={direction}\r\n",
        types.join(" ")
    )
}

/// What an offer of the box says, as far as a peer cares.
#[derive(Clone, Debug)]
pub struct Offered {
    /// Payload types of audio that we can speak.
    types: Vec<String>,
    /// Payload type of keys.
    keys: Option<String>,
    direction: &'static str,
    pub version: u64,
}

/// Reads a description of the box, which must be one.
pub fn read(body: &[u8]) -> Offered {
    let text = String::from_utf8_lossy(body).into_owned();
    let sdp = Sdp::parse(body).unwrap_or_else(|error| panic!("not SDP: {error:?}\n{text}"));
    assert_eq!(sdp.media().len(), 1, "one audio stream and nothing else\n{text}");
    let version = sdp.origin().expect("an origin").version;
    let mut offered = Offered { types: Vec::new(), keys: None, direction: "sendrecv", version };
    for line in text.lines() {
        if let Some(media) = line.strip_prefix("m=audio ") {
            let types = media.split(' ').skip(2);
            offered.types = types.filter(|one| WIDE.contains(one)).map(str::to_owned).collect();
        }
        if let Some(map) = line.strip_prefix("a=rtpmap:")
            && let Some((number, "telephone-event/8000")) = map.split_once(' ')
        {
            offered.keys = Some(number.to_owned());
        }
        for (theirs, ours) in
            [("a=sendonly", "recvonly"), ("a=recvonly", "sendonly"), ("a=inactive", "inactive")]
        {
            if line == theirs {
                offered.direction = ours;
            }
        }
    }
    offered
}

impl Offered {
    /// The answer to this offer; none when we can not speak any of it.
    pub fn answer(&self, session: &Session, only_one: bool) -> Option<String> {
        let mut types: Vec<&str> = self.types.iter().map(String::as_str).collect();
        if only_one {
            types.truncate(1);
        }
        if types.is_empty() {
            return None;
        }
        let (rtp, version) = (session.rtp, session.version);
        // A party that holds keeps holding; else the direction is the mirror of theirs.
        let direction = match (self.direction, session.direction) {
            ("sendrecv", "sendrecv" | "zero") => "sendrecv",
            ("sendrecv", own) => own,
            (mirrored, _) => mirrored,
        };
        let mut lines = description(rtp, version, &types, direction);
        match &self.keys {
            Some(keys) => {
                lines = lines
                    .replace(" 101\r\n", &format!(" {keys}\r\n"))
                    .replace("rtpmap:101 ", &format!("rtpmap:{keys} "))
            }
            None => {
                lines = lines
                    .replace(" 101\r\n", "\r\n")
                    .replace("a=rtpmap:101 telephone-event/8000\r\n", "");
            }
        }
        Some(lines)
    }
}

/// A request inside the dialog of a session, without Via.
pub fn within(session: &Session, method: Method, cseq: u32) -> Request {
    let mut request = Request::new(method, session.target.clone());
    let name = request.method.as_str().to_owned();
    let headers = &mut request.headers;
    headers.push("Max-Forwards", 70);
    headers.push("From", &session.local);
    headers.push("To", &session.remote);
    headers.push("Call-ID", &session.call_id);
    headers.push("CSeq", format!("{cseq} {name}"));
    headers.push("Contact", format!("<sip:peer@{}>", contact_of(session)));
    request
}

fn contact_of(session: &Session) -> String {
    format!("{}:5060", session.rtp.ip())
}

/// How long a session lasts, for those who care: short enough that it is refreshed in some calls.
const SESSION_S: u32 = 140;

/// Asks the box to keep the session alive, in one of three ways or not at all.
pub fn ask_for_a_timer(headers: &mut Headers, how: u64) {
    if how > 2 {
        return;
    }
    headers.push("Supported", "timer");
    headers.push("Session-Expires", format!("{SESSION_S};refresher=uas"));
    headers.push("Allow", if how == 0 { "INVITE, ACK, BYE" } else { "INVITE, ACK, BYE, UPDATE" });
}

/// Grants the box that it keeps the session alive, if it has asked for a timer.
pub fn grant_a_timer(request: &Request, headers: &mut Headers) {
    if request.headers.has("Session-Expires") {
        headers.push("Session-Expires", format!("{SESSION_S};refresher=uac"));
        headers.push("Allow", "INVITE, ACK, BYE, UPDATE");
    }
}

/// Puts a description into a message.
pub fn describe(request: &mut Request, sdp: &str) {
    request.headers.push("Content-Type", "application/sdp");
    request.body = sdp.as_bytes().to_vec();
}
