//! SIP by hand, so that a test sees what is on the wire and the box is not checked with its own
//! parser: a message as lines, and OPTIONS to ask whether the box lives.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use crate::lab::until;

/// Silence after which a request is sent again: T1 of RFC 3261 §17.1.2.2.
pub const T1: Duration = Duration::from_millis(500);

/// A message that came in.
#[derive(Clone, Debug)]
pub struct Message {
    pub start: String,
    headers: Vec<(String, String)>,
    pub body: String,
}

impl Message {
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n")?;
        let head = head.replace("\r\n ", " ").replace("\r\n\t", " "); // RFC 3261 §7.3.1
        let mut lines = head.split("\r\n");
        let start = lines.next()?.to_owned();
        let header = |line: &str| {
            let (name, value) = line.split_once(':')?;
            let name = match name.trim() {
                "i" | "I" => "Call-ID", // RFC 3261 §7.3.3
                "v" | "V" => "Via",
                name => name,
            };
            Some((name.to_owned(), value.trim().to_owned()))
        };
        Some(Self { start, headers: lines.filter_map(header).collect(), body: body.to_owned() })
    }

    /// The status of a response; none for a request.
    pub fn status(&self) -> Option<u16> {
        self.start.strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()
    }

    /// The method of a request; none for a response.
    pub fn method(&self) -> Option<&str> {
        match self.status() {
            Some(_) => None,
            None => self.start.split(' ').next(),
        }
    }

    /// Every value of a header.
    pub fn all<'m>(&'m self, name: &'m str) -> impl Iterator<Item = &'m str> {
        let wanted = self.headers.iter().filter(move |(known, _)| known.eq_ignore_ascii_case(name));
        wanted.map(|(_, value)| value.as_str())
    }

    /// The first value of a header; empty when there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map_or("", |(_, value)| value)
    }

    /// The address in angle brackets of a header.
    pub fn address(&self, name: &str) -> &str {
        let value = self.header(name);
        let inside = value.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
        inside.map_or(value, |(address, _)| address)
    }

    /// Where the SDP in the body wants audio.
    pub fn audio(&self) -> Option<SocketAddr> {
        let line = |start: &str| self.body.lines().find_map(|line| line.strip_prefix(start));
        let ip: Ipv4Addr = line("c=IN IP4 ")?.trim().parse().ok()?;
        let port: u16 = line("m=audio ")?.split(' ').next()?.parse().ok()?;
        Some(SocketAddr::from((ip, port)))
    }
}

fn options(to: SocketAddr, from: SocketAddr, transport: &str, number: usize) -> String {
    format!(
        "OPTIONS sip:{to} SIP/2.0\r\n\
         Via: SIP/2.0/{transport} {from};rport;branch=z9hG4bK-alive-{number}\r\n\
         Max-Forwards: 70\r\n\
         From: <sip:watch@{from}>;tag=watch\r\n\
         To: <sip:{to}>\r\n\
         Call-ID: alive-{number}@{from}\r\n\
         CSeq: {number} OPTIONS\r\n\
         Content-Length: 0\r\n\r\n"
    )
}

/// Asks over UDP whether the box lives; it answers OPTIONS with 200.
pub struct Watch {
    socket: UdpSocket,
    to: SocketAddr,
    asked: usize,
}

impl Watch {
    pub fn new(from: Ipv4Addr, to: SocketAddr) -> Self {
        let socket = UdpSocket::bind((from, 0)).expect("a socket");
        socket.set_read_timeout(Some(T1)).expect("a timeout");
        Self { socket, to, asked: 0 }
    }

    /// Returns when it has answered.
    pub fn ask(&mut self) {
        self.asked += 1;
        let from = self.socket.local_addr().expect("an address");
        let request = options(self.to, from, "UDP", self.asked);
        let status = until("an answer to OPTIONS over UDP", || {
            self.socket.send_to(request.as_bytes(), self.to).expect("a datagram");
            let mut bytes = [0; 65_536];
            let count = self.socket.recv(&mut bytes).ok()?;
            let message = Message::parse(&bytes[..count])?;
            let ours = message.header("CSeq") == format!("{} OPTIONS", self.asked);
            ours.then(|| message.status())?
        });
        assert_eq!(status, 200);
    }
}

/// Asks over a TCP connection of its own.
pub fn ask_over_tcp(to: SocketAddr) {
    let mut stream = TcpStream::connect(to).expect("a connection");
    let from = stream.local_addr().expect("an address");
    stream.write_all(options(to, from, "TCP", 1).as_bytes()).expect("a request");
    let mut seen = Vec::new();
    stream.set_read_timeout(Some(T1)).expect("a timeout");
    let status = until("an answer to OPTIONS over TCP", || {
        let mut bytes = [0; 4096];
        let count = stream.read(&mut bytes).unwrap_or(0);
        seen.extend_from_slice(&bytes[..count]);
        Message::parse(&seen)?.status()
    });
    assert_eq!(status, 200);
}
