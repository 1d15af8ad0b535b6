//! A trunk that is known by its certificate: who belongs to it, and by which name the box calls
//! itself towards it. An address must never stand where the peer expects our name. A trunk in the
//! clear, and what people are shown of it.

#![allow(clippy::expect_used, reason = "a test may die of what it did not expect")]
#![allow(missing_docs, reason = "a test says it by its names")]

use std::net::SocketAddr;
use std::sync::Arc;

use holdfast_base::{Mono, Now, Outbox, TrunkName, Wall};
use holdfast_core::record::folds::Folds;
use holdfast_core::sip::flow::{Flow, Transport};
use holdfast_core::site::{Input, Interfaces, Output, Site, Snapshot, thresholds};
use holdfast_core::view::HealthState;

const CONFIG: &str = r#"
[sip]
guests = false
[[sip.listener]]
transport = "udp"
bind = "192.0.2.1:5060"
[[sip.listener]]
transport = "tls"
bind = "192.0.2.1:5061"
certificate = "/c"
key = "/k"
[[trunk]]
name = "teams"
transport = "tls"
target = "203.0.113.5:5061"
peer_name = "*.pstnhub.example"
advertise = "sbc.example.org"
[[trunk]]
name = "pbx"
networks = ["192.0.2.7"]
[[number]]
dialled = "+*"
to = { trunk = "teams" }
"#;

const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 203.0.113.9\r\ns=-\r\nc=IN IP4 203.0.113.9\r\n\
                     t=0 0\r\nm=audio 4000 RTP/AVP 8\r\n";

struct Bench {
    site: Site,
    now: Now,
}

impl Bench {
    fn new() -> Self {
        Self::of(CONFIG)
    }

    fn of(config: &str) -> Self {
        let now = Now { mono: Mono::from_micros(0), wall: Wall::from_micros(0) };
        let (config, _) = holdfast_config::read(config, "test.toml").expect("a configuration");
        let networks = vec![("192.0.2.1".parse().expect("an address"), 24)];
        let interfaces = Interfaces { networks, default_v4: None, default_v6: None };
        let snapshot = Snapshot { next_lsn: None, last: now, states: Default::default() };
        let mut folds = Folds::default();
        folds.kpi.set_thresholds(thresholds(&config));
        let (config, mut out) = (Arc::new(config), Outbox::new());
        let site = Site::restore(now, config, interfaces, [7; 32], &snapshot, folds, &mut out);
        Self { site, now }
    }

    /// What the box sends when this comes: where it goes, and the message.
    fn net(&mut self, flow: Flow, text: &str) -> Vec<(Flow, String)> {
        let mut out = Outbox::new();
        let bytes = text.as_bytes().to_vec();
        self.site.handle(self.now, Input::Received { flow, bytes }, &mut out);
        let sends = out.drain().filter_map(|order| match order {
            Output::Send { flow, bytes, .. } => {
                Some((flow, String::from_utf8_lossy(&bytes).into_owned()))
            }
            Output::Record { .. }
            | Output::Media(_)
            | Output::Reply { .. }
            | Output::Resolve(_)
            | Output::Door(_) => None,
        });
        sends.collect()
    }
}

fn flow(transport: Transport, remote: &str, trunk: Option<&str>) -> Flow {
    let address = |text: &str| text.parse::<SocketAddr>().expect("an address");
    let (local, connection) = match transport {
        Transport::Udp | Transport::Tcp => ("192.0.2.1:5060", None),
        Transport::Tls => ("192.0.2.1:5061", Some(7)),
        Transport::Ws | Transport::Wss => ("192.0.2.1:5443", Some(7)),
    };
    let trunk = trunk.map(|name| TrunkName::new(name).id());
    Flow { transport, local: address(local), remote: address(remote), connection, trunk }
}

fn request(method: &str, via: &str, body: &str) -> String {
    format!(
        "{method} sip:+4930123@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/{via};branch=z9hG4bK-{method}\r\n\
         Max-Forwards: 70\r\nFrom: <sip:+4940@192.0.2.7>;tag=1\r\nTo: <sip:+4930123@192.0.2.1>\r\n\
         Call-ID: {method}\r\nCSeq: 1 {method}\r\nContact: <sip:+4940@192.0.2.7>\r\n\
         Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn line<'m>(message: &'m str, name: &str) -> &'m str {
    message.lines().find(|line| line.starts_with(name)).unwrap_or_default()
}

#[test]
fn our_name_stands_in_every_message_to_a_trunk_that_knows_us_by_name() {
    let mut bench = Bench::new();
    let pbx = flow(Transport::Udp, "192.0.2.7:5060", None);
    let sent = bench.net(pbx, &request("INVITE", "UDP 192.0.2.7:5060", OFFER));
    let (way, invite) = sent.iter().find(|(_, text)| text.starts_with("INVITE")).expect("a call");
    assert_eq!(
        *way,
        Flow { connection: None, ..flow(Transport::Tls, "203.0.113.5:5061", Some("teams")) }
    );
    assert!(invite.starts_with("INVITE sip:+4930123@203.0.113.5:5061;transport=tls SIP/2.0"));
    assert!(line(invite, "Via:").starts_with("Via: SIP/2.0/TLS sbc.example.org:5061;"), "{invite}");
    assert!(line(invite, "From:").contains("<sip:+4940@sbc.example.org:5061>"), "{invite}");
    let contact = "Contact: <sip:holdfast@sbc.example.org:5061;transport=tls>";
    assert_eq!(line(invite, "Contact:"), contact);
    assert_eq!(line(invite, "c="), "c=IN IP4 192.0.2.1");
    assert!(line(invite, "m=").starts_with("m=audio ") && invite.contains("RTP/SAVP"), "{invite}");

    let teams = flow(Transport::Tls, "203.0.113.77:40000", Some("teams"));
    let sent = bench.net(teams, &request("OPTIONS", "TLS sip.pstnhub.example:5061", ""));
    let (way, answer) = sent.first().expect("an answer");
    assert_eq!(*way, teams);
    let contact = "Contact: <sip:sbc.example.org:5061;transport=tls>";
    assert_eq!(line(answer, "Contact:"), contact, "OPTIONS know a host alone");
}

#[test]
fn only_who_has_proven_the_name_belongs_to_the_trunk() {
    let told = |trunk: Option<&str>| {
        let from = flow(Transport::Tls, "203.0.113.5:40000", trunk);
        // On a trunk over TLS audio is encrypted.
        let key = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";
        let offer = OFFER.replace("RTP/AVP", "RTP/SAVP")
            + &format!("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{key}\r\n");
        let sent = Bench::new().net(from, &request("INVITE", "TLS sip.pstnhub.example", &offer));
        let starts = sent.iter().filter_map(|(_, text)| text.lines().next());
        starts.map(str::to_owned).collect::<Vec<_>>()
    };
    let proven = told(Some("teams"));
    assert!(proven.iter().any(|start| start.starts_with("INVITE")), "{proven:?}");
    for stranger in [None, Some("no-trunk-of-ours")] {
        assert_eq!(told(stranger), ["SIP/2.0 100 Trying", "SIP/2.0 401 Unauthorized"]);
    }
}

#[test]
fn a_browser_in_the_network_of_a_trunk_is_not_that_trunk() {
    let called = |transport: Transport, via: &str| {
        let from = flow(transport, "192.0.2.7:40000", None);
        let sent = Bench::new().net(from, &request("INVITE", via, OFFER));
        sent.iter().any(|(_, text)| text.starts_with("INVITE"))
    };
    assert!(called(Transport::Udp, "UDP 192.0.2.7:40000"));
    assert!(!called(Transport::Ws, "WS df7jal23ls0d.invalid"), "it shows a page to somebody there");
    assert!(!called(Transport::Wss, "WSS df7jal23ls0d.invalid"));
}

/// A PBX in the network of a carrier, which stands first in the file.
const ONE_INSIDE_OF_THE_OTHER: &str = r#"
[[sip.listener]]
transport = "udp"
bind = "192.0.2.1:5060"
[[trunk]]
name = "carrier"
networks = ["192.0.2.0/24"]
[[trunk]]
name = "pbx"
networks = ["192.0.2.16/28", "192.0.2.30"]
media_encryption = "off"
[[queue]]
name = "sales"
[[number]]
dialled = "+4930123"
to = { queue = "sales" }
"#;

#[test]
fn a_trunk_in_the_clear_that_nobody_decided_is_flagged_and_the_more_exact_network_counts() {
    let called_from = |source: &str| {
        let mut bench = Bench::of(ONE_INSIDE_OF_THE_OTHER);
        let from = flow(Transport::Udp, source, None);
        bench.net(from, &request("INVITE", &format!("UDP {source}"), OFFER));
        let view = bench.site.view(bench.now);
        let leg = view.calls.first().and_then(|call| call.legs.first()).expect("a leg");
        assert!(leg.codec.is_some(), "the queue has answered");
        leg.crypto.clone()
    };
    assert_eq!(called_from("192.0.2.5:5060").as_deref(), Some("none"), "of the carrier");
    assert_eq!(called_from("192.0.2.30:5060"), None, "of the PBX, for which it is written");
    assert_eq!(called_from("192.0.2.17:5060"), None, "of the PBX");

    let bench = Bench::of(ONE_INSIDE_OF_THE_OTHER);
    let health = bench.site.view(bench.now).health;
    let said = health.iter().find(|part| part.part == "Encryption").expect("a line");
    assert_eq!(said.state, HealthState::Degraded);
    assert!(said.says.starts_with("calls over carrier are not encrypted"), "{}", said.says);
    let decided = ONE_INSIDE_OF_THE_OTHER
        .replace("\"192.0.2.0/24\"]", "\"192.0.2.0/24\"]\nmedia_encryption = \"off\"");
    let bench = Bench::of(&decided);
    assert!(bench.site.view(bench.now).health.iter().all(|part| part.part != "Encryption"));
}
