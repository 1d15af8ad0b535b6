//! Browsers at a listener over loopback: a WebSocket client of the library, and raw bytes.

#![allow(clippy::unwrap_used, reason = "a test may die of what it did not expect")]

use holdfast_base::limits::SIP_MESSAGE_BYTES_MAX;
use holdfast_core::abuse::offence::Offence;
use holdfast_core::sip::flow::{Flow, Transport};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;
use tungstenite::client::IntoClientRequest;
use tungstenite::http::HeaderValue;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::{Message, WebSocket};

use super::{CONNECTIONS_PER_SOURCE_MAX, Speaking, Streams, bind};
use crate::inbox::{Inbound, InboxReader, inbox};
use crate::porter::Porter;
use crate::tls::Tls;

const OPTIONS: &str = "OPTIONS sip:a SIP/2.0\r\n\r\n";
/// Longest wait for anything that must come.
const PATIENCE: Duration = Duration::from_secs(20);

struct Bench {
    runtime: Runtime,
    streams: Streams,
    reader: InboxReader,
    address: SocketAddr,
}

impl Bench {
    fn new() -> Self {
        let text = "[site]\ndomain = 'box.example'\n\
                    [[sip.listener]]\ntransport = 'ws'\nbind = '127.0.0.1:5080'\n";
        let (config, _) = holdfast_config::read(text, "f").unwrap();
        let listener = config.sip.listeners.first().unwrap().clone();
        let config = Arc::new(config);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let (inbox, reader) = inbox().unwrap();
        let (tls, _) = Tls::open(&config);
        let porter = Porter::new(&config, None);
        let streams = Streams::new(runtime.handle().clone(), inbox, tls, porter);
        let socket = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = socket.local_addr().unwrap();
        streams.listen(socket, Speaking::on(&listener).unwrap()).unwrap();
        Self { runtime, streams, reader, address }
    }

    /// The next news for the loop but that of a connection, which goes into the table.
    fn next(&mut self) -> Inbound {
        loop {
            match self.reader.take().map(|(item, _)| item) {
                Some(Inbound::Accepted(news)) => self.streams.accepted(news),
                Some(other) => return other,
                None => {
                    let mut bell = [PollFd::new(self.reader.as_fd(), PollFlags::POLLIN)];
                    assert_eq!(poll(&mut bell, PollTimeout::from(20_000_u16)), Ok(1), "no news");
                    self.reader.silence();
                }
            }
        }
    }

    fn receives(&mut self) -> (Flow, Vec<u8>) {
        match self.next() {
            Inbound::Received { flow, bytes } => (flow, bytes),
            other => panic!("{other:?}"),
        }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// A browser that shows a page of this origin; else the status that it was refused with.
    fn browser(&self, origin: Option<&str>) -> Result<WebSocket<TcpStream>, u16> {
        let mut request = format!("ws://{}/", self.address).into_client_request().unwrap();
        let headers = request.headers_mut();
        headers.insert("Sec-WebSocket-Protocol", HeaderValue::from_static("sip"));
        if let Some(origin) = origin {
            headers.insert("Origin", origin.parse().unwrap());
        }
        match tungstenite::client(request, self.connect()) {
            Ok((socket, response)) => {
                let agreed = response.headers().get("Sec-WebSocket-Protocol");
                assert_eq!(agreed, Some(&HeaderValue::from_static("sip")));
                Ok(socket)
            }
            Err(tungstenite::HandshakeError::Failure(tungstenite::Error::Http(response))) => {
                Err(response.status().as_u16())
            }
            Err(other) => panic!("{other}"),
        }
    }
}

#[test]
fn a_browser_is_heard_and_answered_on_its_own_connection_alone() {
    let mut bench = Bench::new();
    let mut browser = bench.browser(Some("https://box.example:8443")).unwrap();
    browser.send(Message::text(OPTIONS)).unwrap();
    browser.send(Message::binary(OPTIONS)).unwrap();
    let (flow, bytes) = bench.receives();
    assert_eq!((flow.transport, bytes.as_slice()), (Transport::Ws, OPTIONS.as_bytes()));
    assert_eq!(bench.receives(), (flow, OPTIONS.into()));
    bench.streams.send(&flow, b"SIP/2.0 200 OK\r\n\r\n".to_vec()).unwrap();
    assert_eq!(browser.read().unwrap(), Message::text("SIP/2.0 200 OK\r\n\r\n"));
    browser.send(Message::text("\r\n\r\n")).unwrap();
    assert_eq!(browser.read().unwrap(), Message::text("\r\n"), "RFC 5626");
    browser.send(Message::Ping(b"x".as_slice().into())).unwrap();
    assert_eq!(browser.read().unwrap(), Message::Pong(b"x".as_slice().into()));

    let elsewhere = Flow { remote: "127.0.0.1:9".parse().unwrap(), connection: None, ..flow };
    assert!(bench.streams.send(&elsewhere, b"x".to_vec()).is_err(), "nobody dials a browser");
    browser.close(None).unwrap();
    match bench.next() {
        Inbound::FlowBroken(broken) => assert_eq!(broken, flow),
        other => panic!("{other:?}"),
    }
    assert!(browser.read().unwrap().is_close(), "the goodbye is returned");
    bench.runtime.shutdown_background();
}

#[test]
fn strangers_are_told_and_nonsense_counts_against_its_sender() {
    let mut bench = Bench::new();
    assert_eq!(bench.browser(Some("https://evil.example")).err(), Some(403));
    assert!(bench.browser(None).is_ok(), "programs have no origin");
    let mut person = bench.connect();
    person.write_all(b"GET / HTTP/1.1\r\nHost: box.example\r\n\r\n").unwrap();
    let mut told = String::new();
    person.read_to_string(&mut told).unwrap();
    assert!(told.starts_with("HTTP/1.1 426 "), "{told}");

    let offended = |bench: &mut Bench| loop {
        match bench.next() {
            Inbound::Offended { what, .. } => return what,
            Inbound::FlowBroken(_) => {} // of the one that was let in
            other => panic!("{other:?}"),
        }
    };
    bench.connect().write_all(OPTIONS.as_bytes()).unwrap();
    assert_eq!(offended(&mut bench), Offence::Malformed);
    let mut browser = bench.browser(None).unwrap();
    browser.get_mut().write_all(b"OPTIONS").unwrap();
    assert_eq!(offended(&mut bench), Offence::Malformed);
    let silent = bench.connect();
    assert_eq!(offended(&mut bench), Offence::Slow);
    drop(silent);
}

#[test]
fn who_says_nothing_takes_a_place_all_the_same() {
    let bench = Bench::new();
    let silent: Vec<_> = (0..CONNECTIONS_PER_SOURCE_MAX).map(|_| bench.connect()).collect();
    let mut one_more = bench.connect();
    let request = "GET / HTTP/1.1\r\nHost: box.example\r\n\r\n";
    // It may be closed before, or while, it speaks.
    let _ = one_more.write_all(request.as_bytes());
    let mut told = Vec::new();
    let _ = one_more.read_to_end(&mut told);
    assert_eq!(String::from_utf8_lossy(&told), "", "nobody is there for it");
    drop(silent);
}

#[test]
fn the_reason_is_told_before_the_end() {
    let bench = Bench::new();
    let mut browser = bench.browser(None).unwrap();
    browser.send(Message::text("x".repeat(SIP_MESSAGE_BYTES_MAX + 1))).unwrap();
    match browser.read().unwrap() {
        Message::Close(Some(frame)) => assert_eq!(frame.code, CloseCode::Size),
        other => panic!("{other:?}"),
    }
}
