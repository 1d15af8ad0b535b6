//! The messages of both ends.

use std::io;
use std::net::{SocketAddr, UdpSocket};

use crate::{BOX, CALLEE, CALLER};

/// A request of the caller up to its last header; `to` as it came back, or nothing.
pub fn head(method: &str, uri: &str, number: u32, to: &str) -> String {
    let sequence = if method == "BYE" { 2 } else { 1 };
    let branch = if method == "INVITE" { "i" } else { method };
    let to = if to.is_empty() { format!("<sip:uas@{BOX}>") } else { to.to_owned() };
    format!(
        "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {CALLER}:25070;branch=z9hG4bK{branch}{number}\r\n\
         Max-Forwards: 70\r\nFrom: <sip:load{number}@{CALLER}>;tag=l{number}\r\nTo: {to}\r\n\
         Call-ID: load-{number}\r\nCSeq: {sequence} {method}\r\n"
    )
}

/// The INVITE of a call.
pub fn invite(number: u32) -> String {
    let (head, body) = (head("INVITE", &format!("sip:uas@{BOX}"), number, ""), description(CALLER));
    format!(
        "{head}Contact: <sip:load@{CALLER}:25070>\r\nContent-Type: application/sdp\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Says 200 to a request of the box.
pub fn reply(socket: &UdpSocket, request: &str, body: &str) -> io::Result<()> {
    let mut text = "SIP/2.0 200 OK\r\n".to_owned();
    for line in request.lines().skip(1).take_while(|line| !line.is_empty()) {
        let name = line.split(':').next().unwrap_or_default();
        if ["Via", "From", "Call-ID", "CSeq"].contains(&name) {
            text.push_str(&format!("{line}\r\n"));
        } else if name == "To" {
            let tag = if line.contains(";tag=") { "" } else { ";tag=callee" };
            text.push_str(&format!("{line}{tag}\r\n"));
        }
    }
    let own = socket.local_addr()?;
    text.push_str(&format!("Contact: <sip:uas@{own}>\r\n"));
    if !body.is_empty() {
        text.push_str("Content-Type: application/sdp\r\n");
    }
    text.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
    socket.send_to(text.as_bytes(), BOX).map(drop)
}

/// The answer of the callee.
pub fn answer() -> String {
    description(CALLEE)
}

fn description(host: &str) -> String {
    format!(
        "v=0\r\no=load 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n\
         m=audio 41000 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n"
    )
}

/// The value of the first header of that name, as the box writes it.
pub fn value<'t>(text: &'t str, name: &str) -> &'t str {
    let mut lines = text.lines().filter_map(|line| line.split_once(':'));
    lines.find(|(known, _)| *known == name).map_or("", |(_, value)| value.trim())
}

/// Where a description wants audio.
pub fn audio(text: &str) -> Option<SocketAddr> {
    let host = text.lines().find_map(|line| line.strip_prefix("c=IN IP4 "))?;
    let port = text.lines().find_map(|line| line.strip_prefix("m=audio "))?;
    let port = port.split(' ').next()?;
    format!("{host}:{port}").parse().ok()
}
