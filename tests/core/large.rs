//! Requests that would not fit a datagram (RFC 3261 §18.1.1), from trunk to trunk.

#![allow(clippy::expect_used, reason = "a test may die of what it did not expect")]
#![allow(clippy::indexing_slicing, reason = "as above")]
#![allow(missing_docs, reason = "a test says it by its names")]

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;

use holdfast_base::{Mono, Now, Outbox, Wall};
use holdfast_core::record::folds::Folds;
use holdfast_core::sip::flow::{Flow, Transport};
use holdfast_core::site::{Input, Interfaces, Output, Site, Snapshot};

const CONFIG: &str = r#"
[[sip.listener]]
transport = "udp"
bind = "192.0.2.1:5060"
[[sip.listener]]
transport = "tcp"
bind = "192.0.2.1:5062"
[[trunk]]
name = "in"
networks = ["198.51.100.7"]
[[trunk]]
name = "out"
target = "203.0.113.5:5060"
options_every = "never"
[[number]]
dialled = "there"
to = { trunk = "out" }
"#;

struct Bench {
    site: Site,
    now: Now,
    calls: u32,
}

impl Bench {
    fn new(config: &str) -> Self {
        let now = Now { mono: Mono::from_micros(0), wall: Wall::from_micros(0) };
        let (config, _) = holdfast_config::read(config, "test.toml").expect("a configuration");
        let snapshot = Snapshot { next_lsn: None, last: now, ..Snapshot::default() };
        let (config, folds, mut out) = (Arc::new(config), Folds::default(), Outbox::new());
        let interfaces = Interfaces::default();
        let site = Site::restore(now, config, interfaces, [7; 32], &snapshot, folds, &mut out);
        Self { site, now, calls: 0 }
    }

    fn give(&mut self, input: Input) -> Vec<(Flow, String)> {
        let mut out = Outbox::new();
        self.site.handle(self.now, input, &mut out);
        let sent = out.drain().filter_map(|order| match order {
            Output::Send { flow, bytes, .. } => {
                Some((flow, String::from_utf8_lossy(&bytes).into_owned()))
            }
            Output::Record { .. }
            | Output::Media(_)
            | Output::Reply { .. }
            | Output::Resolve(_)
            | Output::Door(_) => None,
        });
        sent.filter(|(flow, _)| flow.remote.ip().to_string() == "203.0.113.5").collect()
    }

    /// A call whose description has so many codecs; what goes out for it.
    fn call(&mut self, codecs: u32) -> Vec<(Flow, String)> {
        self.calls += 1;
        let (mut formats, mut names) = (String::new(), String::new());
        for codec in 96..96 + codecs {
            // Writing to a String can not fail.
            let _ = write!(formats, " {codec}");
            let _ = write!(names, "a=rtpmap:{codec} a-codec-with-a-long-name-{codec}/16000\r\n");
        }
        let body = format!(
            "v=0\r\no=- 1 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n\
             m=audio 4000 RTP/AVP 8{formats}\r\n{names}"
        );
        let number = self.calls;
        let text = format!(
            "INVITE sip:there@192.0.2.1 SIP/2.0\r\n\
             Via: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bK{number}\r\nMax-Forwards: 70\r\n\
             From: <sip:a@198.51.100.7>;tag={number}\r\nTo: <sip:there@192.0.2.1>\r\n\
             Call-ID: call-{number}\r\nCSeq: 1 INVITE\r\nContact: <sip:a@198.51.100.7>\r\n\
             Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let address = |text: &str| text.parse::<SocketAddr>().expect("an address");
        let (local, remote) = (address("192.0.2.1:5060"), address("198.51.100.7:5060"));
        let flow = Flow { transport: Transport::Udp, local, remote, connection: None, trunk: None };
        self.give(Input::Received { flow, bytes: text.into_bytes() })
    }
}

/// Over what a request went, by its flow and by its Via.
fn ways(sent: &[(Flow, String)]) -> Vec<(Transport, bool, bool)> {
    let via = |text: &str, name: &str| text.contains(&format!("Via: SIP/2.0/{name} 192.0.2.1"));
    sent.iter()
        .filter(|(_, text)| text.starts_with("INVITE "))
        .map(|(flow, text)| (flow.transport, via(text, "UDP"), via(text, "TCP")))
        .collect()
}

const UDP: (Transport, bool, bool) = (Transport::Udp, true, false);
const TCP: (Transport, bool, bool) = (Transport::Tcp, false, true);

#[test]
fn what_does_not_fit_a_datagram_goes_over_tcp() {
    let mut bench = Bench::new(CONFIG);
    let small = bench.call(2);
    assert_eq!(ways(&small), [UDP]);
    let large = bench.call(25);
    assert!(large[0].1.len() > 1300, "{}", large[0].1.len());
    assert_eq!(ways(&large), [TCP]);
    assert_eq!(large[0].0.local.port(), 5062, "from the listener of that transport");
}

#[test]
fn who_takes_no_tcp_gets_a_datagram_and_is_not_asked_again() {
    let mut bench = Bench::new(CONFIG);
    let large = bench.call(25);
    let flow = Flow { connection: Some(7), ..large[0].0 };
    let again = bench.give(Input::FlowBroken { flow });
    assert_eq!(ways(&again), [UDP]);
    let call_id =
        |text: &str| text.lines().find(|line| line.starts_with("Call-ID")).map(str::to_owned);
    assert_eq!(call_id(&again[0].1), call_id(&large[0].1), "the same request");
    assert_eq!(ways(&bench.call(25)), [UDP]);
    assert_eq!(bench.give(Input::FlowBroken { flow }), [], "and is over as any other");
}

#[test]
fn without_a_listener_for_tcp_nothing_changes() {
    let mut bench = Bench::new(
        &CONFIG.replace("\"tcp\"\nbind = \"192.0.2.1:5062\"", "\"udp\"\nbind = \"192.0.2.1:5062\""),
    );
    assert_eq!(ways(&bench.call(25)), [UDP]);
}
