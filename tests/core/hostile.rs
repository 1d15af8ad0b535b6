//! What strangers send to a site that trusts them with nothing: each message costs the box little,
//! is remembered as long as it must be, and turns the box against nobody.

#![allow(clippy::expect_used, reason = "a test may die of what it did not expect")]
#![allow(clippy::indexing_slicing, reason = "as above")]
#![allow(missing_docs, reason = "a test says it by its names")]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use holdfast_base::{Mono, Now, Outbox, Wall};
use holdfast_core::abuse::offence::Offence;
use holdfast_core::abuse::{Entry, Order};
use holdfast_core::command::Command;
use holdfast_core::media::order::{MediaOrder, Source};
use holdfast_core::record::folds::Folds;
use holdfast_core::record::journal::Record;
use holdfast_core::sip::flow::{Flow, Transport};
use holdfast_core::site::{Input, Interfaces, Output, Site, Snapshot, thresholds};
use holdfast_wire::sip::digest::{Challenge, Login, Protected};
use holdfast_wire::sip::{Message, Method};

const CONFIG: &str = r#"
[sip]
guests = true
[[sip.listener]]
transport = "udp"
bind = "192.0.2.1:5060"
[web]
bind = "192.0.2.1:8443"
[[number]]
dialled = "desk"
to = { queue = "desk" }
[[number]]
dialled = "round"
to = { trunk = "self" }
[[queue]]
name = "desk"
members = ["anna"]
[[agent]]
name = "anna"
endpoints = [{ account = "anna" }]
[[account]]
name = "anna"
password = "a long text that nobody guesses"
[[trunk]]
name = "self"
networks = ["192.0.2.1", "192.0.2.2"]
target = "192.0.2.1:5060"
options_every = "never"
"#;

const STRANGER: &str = "198.51.100.7:5070";
const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 203.0.113.9\r\ns=-\r\nc=IN IP4 203.0.113.9\r\n\
                     t=0 0\r\nm=audio 4000 RTP/AVP 8\r\n";

/// A site, and what it ordered since it was asked last.
struct Bench {
    site: Site,
    now: Now,
    out: Vec<Output>,
}

impl Bench {
    fn new() -> Self {
        Self::with(CONFIG)
    }

    fn with(config: &str) -> Self {
        let now = Now { mono: Mono::from_micros(0), wall: Wall::from_micros(0) };
        let (config, _) = holdfast_config::read(config, "test.toml").expect("a configuration");
        let networks = vec![("192.0.2.1".parse().expect("an address"), 24)];
        let interfaces = Interfaces { networks, default_v4: None, default_v6: None };
        let snapshot = Snapshot { next_lsn: None, last: now, states: Default::default() };
        let mut folds = Folds::default();
        folds.kpi.set_thresholds(thresholds(&config));
        let (config, mut out) = (Arc::new(config), Outbox::new());
        let site = Site::restore(now, config, interfaces, [7; 32], &snapshot, folds, &mut out);
        Self { site, now, out: Vec::new() }
    }

    fn net(&mut self, from: &str, text: &str) {
        self.give(Input::Received { flow: flow(from), bytes: text.as_bytes().to_vec() });
    }

    fn give(&mut self, input: Input) {
        let mut out = Outbox::new();
        self.site.handle(self.now, input, &mut out);
        self.out.extend(out.drain());
    }

    /// Lets time pass, deadline by deadline.
    fn pass(&mut self, time: Duration) {
        let end = self.now.mono + time;
        while let Some(deadline) = self.site.deadline().filter(|deadline| *deadline <= end) {
            self.now.mono = deadline.max(self.now.mono);
            self.give(Input::DeadlineReached);
        }
        self.now.mono = end;
    }

    /// The messages ordered since the last call: start line, receiver, text.
    fn sent(&mut self) -> Vec<(String, SocketAddr, String)> {
        let orders = std::mem::take(&mut self.out).into_iter();
        let send = |order| match order {
            Output::Send { flow, bytes, .. } => {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                let start = text.lines().next().unwrap_or_default().to_owned();
                Some((start, flow.remote, text))
            }
            Output::Record { .. }
            | Output::Media(_)
            | Output::Resolve(_)
            | Output::Door(_)
            | Output::Reply { .. } => None,
        };
        orders.filter_map(send).collect()
    }

    /// Whether a datagram from there would be read.
    fn reads(&mut self, from: &str) -> bool {
        self.site.entry(self.now, &flow(from)) == Entry::Granted
    }

    fn transactions(&self) -> u64 {
        self.site.view(self.now).totals.live_transactions
    }
}

fn flow(from: &str) -> Flow {
    let address = |text: &str| text.parse::<SocketAddr>().expect("an address");
    let (local, remote) = (address("192.0.2.1:5060"), address(from));
    Flow { transport: Transport::Udp, local, remote, connection: None, trunk: None }
}

fn request(method: &str, user: &str, number: usize, more: &str, body: &str) -> String {
    let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    format!(
        "{method} sip:{user}@192.0.2.1 SIP/2.0\r\n\
         Via: SIP/2.0/UDP {STRANGER};rport;branch=z9hG4bK{method}{number}\r\n\
         From: <sip:eve@198.51.100.7>;tag=e{number}\r\nTo: <sip:{user}@192.0.2.1>\r\n\
         Call-ID: c{number}\r\nCSeq: 1 {method}\r\nContact: <sip:eve@{STRANGER}>\r\n\
         {more}{kind}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// The value of a header of a printed message.
fn header<'m>(text: &'m str, name: &str) -> &'m str {
    let mut lines = text.lines().filter_map(|line| line.split_once(": "));
    lines.find(|(known, _)| *known == name).map_or("", |(_, value)| value)
}

#[test]
fn questions_without_end_are_answered_and_not_remembered() {
    let mut bench = Bench::new();
    for number in 0..50 {
        for (method, status) in [
            ("OPTIONS", "200"),
            ("REGISTER", "401"),
            ("BYE", "481"),
            ("MESSAGE", "401"),
            ("PUBLISH", "489"),
            ("FOO", "501"),
        ] {
            let text = request(method, "desk", number, "", "");
            let mut tags = Vec::new();
            for copy in 0..2 {
                bench.net(STRANGER, &text);
                let sent = bench.sent();
                let [(start, _, answer)] = sent.as_slice() else { panic!("{method}: {sent:?}") };
                assert!(
                    start.starts_with(&format!("SIP/2.0 {status}")),
                    "{method} {copy}: {start}"
                );
                tags.push(header(answer, "To").to_owned());
            }
            assert!(tags[0].contains(";tag="), "{method}");
            assert_eq!(tags[0], tags[1], "{method}: RFC 3261 §8.2.7");
        }
    }
    assert_eq!(bench.transactions(), 0);
}

#[test]
fn a_forged_200_is_answered_once_and_not_remembered() {
    let mut bench = Bench::new();
    // A real INVITE of the box first, so that its name in a Via is known.
    bench.net("192.0.2.2:5060", &request("INVITE", "round", 1, "Max-Forwards: 9\r\n", OFFER));
    let name = bench.sent().into_iter().find(|(start, ..)| start.starts_with("INVITE"));
    assert!(name.is_some_and(|(_, _, text)| header(&text, "Via").contains("192.0.2.1:5060")));
    let before = bench.transactions();
    bench.net(
        STRANGER,
        "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKinvented\r\n\
         From: <sip:a@192.0.2.1>;tag=1\r\nTo: <sip:b@h>;tag=2\r\nCall-ID: x\r\n\
         CSeq: 1 INVITE\r\nContact: <sip:b@203.0.113.9:9999>\r\nContent-Length: 0\r\n\r\n",
    );
    let sent = bench.sent();
    let methods: Vec<_> = sent.iter().filter_map(|(start, ..)| start.split(' ').next()).collect();
    assert_eq!(methods, ["ACK", "BYE"]);
    assert!(sent.iter().all(|(_, to, _)| to.to_string() == STRANGER), "to its sender alone");
    assert_eq!(bench.transactions(), before);
    bench.pass(Duration::from_secs(40));
    assert!(bench.sent().iter().all(|(start, ..)| !start.starts_with("BYE")), "no repetition");
}

#[test]
fn a_call_takes_its_hops_along() {
    let mut bench = Bench::new();
    for (hops, onward) in [("Max-Forwards: 9\r\n", "8"), ("", "69")] {
        let number = onward.len();
        bench.net("192.0.2.2:5060", &request("INVITE", "round", number, hops, OFFER));
        let invite = bench.sent().into_iter().find(|(start, ..)| start.starts_with("INVITE"));
        assert_eq!(
            invite.map(|(.., text)| header(&text, "Max-Forwards").to_owned()).as_deref(),
            Some(onward)
        );
    }
}

#[test]
fn a_call_that_is_led_back_to_the_box_ends() {
    let mut bench = Bench::new();
    bench.net("192.0.2.2:5060", &request("INVITE", "round", 1, "Max-Forwards: 5\r\n", OFFER));
    let mut refused = false;
    for _ in 0..100 {
        for (start, to, text) in bench.sent() {
            if to.ip().to_string() == "192.0.2.1" {
                // What the box sends to itself; its own media ports it would refuse at once.
                let text = text.replace("\r\nc=IN IP4 192.0.2.1", "\r\nc=IN IP4 192.0.2.2");
                bench.net("192.0.2.1:5060", &text);
            } else {
                refused |= !start.starts_with("SIP/2.0 1");
            }
        }
    }
    assert!(refused, "the caller never heard");
    assert!(bench.site.view(bench.now).totals.calls <= 5);
}

#[test]
fn a_guest_who_tries_numbers_out_leaves_nothing_behind() {
    let mut bench = Bench::new();
    for number in 0..9 {
        bench.net(STRANGER, &request("INVITE", "1234", number, "", OFFER));
    }
    assert!(!bench.out.iter().any(|order| matches!(order, Output::Media(_))), "no ports");
    let facts = |order: &Output| matches!(order, Output::Record { record: Record::Event(_), .. });
    assert!(!bench.out.iter().any(facts), "no records");
    assert!(bench.sent().iter().any(|(start, ..)| start == "SIP/2.0 404 Not Found"));
}

#[test]
fn nobody_is_streamed_to_before_the_ack() {
    let mut bench = Bench::new();
    bench.net(STRANGER, &request("INVITE", "desk", 1, "", OFFER));
    let plays = |bench: &Bench| {
        bench.out.iter().any(|order| {
            matches!(order, Output::Media(MediaOrder::Hear { source: Source::Clips { .. }, .. }))
        })
    };
    assert!(!plays(&bench), "music for whoever the description names");
    let answer = bench.sent().into_iter().find(|(start, ..)| start.starts_with("SIP/2.0 200"));
    let (.., answer) = answer.expect("the queue answers");
    bench.pass(Duration::from_millis(700));
    assert!(!plays(&bench));
    let since = bench.now.mono;
    let ack = request("ACK", "desk", 2, "", "")
        .replace("Call-ID: c2", "Call-ID: c1")
        .replace("tag=e2", "tag=e1")
        .replace("To: <sip:desk@192.0.2.1>", &format!("To: {}", header(&answer, "To")));
    assert!(Message::parse(ack.as_bytes()).is_ok());
    bench.net(STRANGER, &ack.replace("CSeq: 1", "CSeq: 9").replace("z9hG4bK", "z9hG4bKx"));
    assert!(!plays(&bench), "an ACK to no INVITE of this dialog");
    bench.net(STRANGER, &ack);
    let from_its_start = bench.out.iter().any(|order| {
        let Output::Media(MediaOrder::Hear { source, .. }) = order else { return false };
        matches!(source, Source::Clips { since: at, .. }
            if *at == since)
    });
    assert!(from_its_start, "{:?}", bench.out);
}

/// The start line of the last answer, and what the plane was told of the caller.
fn outcome(bench: &mut Bench) -> (String, Vec<Option<SocketAddr>>) {
    let remote = |order: &Output| match order {
        Output::Media(MediaOrder::Expect { remote, .. }) => Some(remote.rtp),
        Output::Media(_)
        | Output::Record { .. }
        | Output::Send { .. }
        | Output::Reply { .. }
        | Output::Resolve(_)
        | Output::Door(_) => None,
    };
    let remotes = bench.out.iter().filter_map(remote).collect();
    let answer = bench.sent().pop().map(|(start, ..)| start);
    (answer.unwrap_or_default(), remotes)
}

#[test]
fn no_description_turns_the_box_against_others_or_itself() {
    // 192.0.2.1:20000 is the caller's own pair at the box.
    for (number, (address, port, expected)) in [
        ("255.255.255.255", 4000, "SIP/2.0 488"),
        ("239.1.2.3", 4000, "SIP/2.0 488"),
        ("192.0.2.1", 20_000, "SIP/2.0 488"),
        ("192.0.2.1", 20_001, "SIP/2.0 488"),
        ("127.0.0.1", 4000, "SIP/2.0 200"),
        ("0.0.0.0", 4000, "SIP/2.0 200"),
    ]
    .into_iter()
    .enumerate()
    {
        let mut bench = Bench::new();
        let media = format!("m=audio {port} ");
        let offer = OFFER.replace("203.0.113.9\r\nt=", &format!("{address}\r\nt="));
        let offer = offer.replace("m=audio 4000 ", &media);
        bench.net(STRANGER, &request("INVITE", "desk", number, "", &offer));
        let (answer, remotes) = outcome(&mut bench);
        assert!(answer.starts_with(expected), "{address}:{port} {answer}");
        assert!(remotes.iter().all(Option::is_none), "{address}:{port} {remotes:?}");
    }
}

#[test]
fn strangers_leave_a_quarter_of_the_ports_to_trunks() {
    let mut bench = Bench::with(&format!("{CONFIG}[media]\nport_min = 20000\nport_max = 20015\n"));
    for number in 0..6 {
        bench.net(STRANGER, &request("INVITE", "desk", number, "", OFFER));
        assert!(outcome(&mut bench).0.starts_with("SIP/2.0 200"), "{number}");
    }
    bench.net(STRANGER, &request("INVITE", "desk", 6, "", OFFER));
    let refused = bench.sent().pop().expect("an answer");
    assert_eq!(refused.0, "SIP/2.0 503 Service Unavailable");
    assert!(!header(&refused.2, "Retry-After").is_empty());
    bench.net("192.0.2.2:5060", &request("INVITE", "desk", 7, "", OFFER));
    assert!(outcome(&mut bench).0.starts_with("SIP/2.0 200"), "a trunk is served");
}

#[test]
fn a_stranger_is_spoken_to_where_it_came_from_and_nowhere_else() {
    let mut bench = Bench::new();
    let elsewhere = "203.0.113.99:9999";
    let route = format!("Record-Route: <sip:{elsewhere};transport=tcp;lr>\r\n");
    let invite = request("INVITE", "desk", 1, &route, OFFER)
        .replace(&format!("<sip:eve@{STRANGER}>"), &format!("<sip:eve@{elsewhere};transport=tcp>"));
    bench.net(STRANGER, &invite);
    bench.pass(Duration::from_secs(40));
    let sent = bench.sent();
    assert!(sent.iter().any(|(start, ..)| start.starts_with("BYE ")), "no ACK came");
    assert!(sent.iter().all(|(_, to, _)| to.to_string() == STRANGER), "{sent:?}");
}

#[test]
fn a_storm_inside_a_dialog_is_neither_remembered_nor_written_down() {
    let mut bench = Bench::new();
    bench.net(STRANGER, &request("INVITE", "desk", 1, "", OFFER));
    let answer = bench.sent().into_iter().find(|(start, ..)| start.starts_with("SIP/2.0 200"));
    let to = header(&answer.expect("the queue answers").2, "To").to_owned();
    let inside = |method: &str, number: usize| {
        request(method, "desk", number, "", "")
            .replace(&format!("Call-ID: c{number}"), "Call-ID: c1")
            .replace(&format!("tag=e{number}"), "tag=e1")
            .replace("CSeq: 1", &format!("CSeq: {number}"))
            .replace("To: <sip:desk@192.0.2.1>", &format!("To: {to}"))
    };
    let before = bench.transactions();
    for number in 2..1000 {
        bench.net(STRANGER, &inside("OPTIONS", number));
    }
    assert!(bench.transactions() - before <= 20);
    let records = bench.out.iter().filter(|order| matches!(order, Output::Record { .. }));
    assert!(records.count() <= 40);
    let sent = bench.sent();
    assert_eq!(sent.len(), 998, "each is answered");
    let refused = sent.last().expect("an answer");
    assert_eq!(refused.0, "SIP/2.0 500 Server Internal Error");
    assert!(!header(&refused.2, "Retry-After").is_empty());
    bench.net(STRANGER, &inside("BYE", 1000));
    assert!(bench.sent().iter().any(|(start, ..)| start == "SIP/2.0 200 OK"), "it may end");
}

/// The answer of anna with this password to a challenge of the site.
fn credentials(bench: &mut Bench, from: &str, number: usize, password: &str) -> String {
    let method = Method::Register;
    bench.net(from, &request("REGISTER", "anna", number, "", ""));
    let (_, _, asked) = bench.sent().pop().expect("a challenge");
    let challenge = Challenge::parse(header(&asked, "WWW-Authenticate")).expect("a challenge");
    let login = Login { username: "anna", password };
    let protected = Protected { method: &method, uri: "sip:192.0.2.1", body: b"" };
    format!("Authorization: {}\r\n", challenge.answer(&login, &protected, None))
}

/// What the site says to such a REGISTER.
fn register(bench: &mut Bench, from: &str, number: usize, password: &str) -> String {
    let more = credentials(bench, from, number, password);
    let again = request("REGISTER", "anna", number + 1, &more, "")
        .replace(&format!("Contact: <sip:eve@{STRANGER}>"), &format!("Contact: <sip:anna@{from}>"));
    bench.net(from, &again);
    bench.sent().pop().map(|(start, ..)| start).unwrap_or_default()
}

const PASSWORD: &str = "a long text that nobody guesses";

#[test]
fn who_guesses_passwords_is_not_read_any_more_and_after_a_restart_neither() {
    let mut bench = Bench::new();
    for number in 0..9 {
        let answer = register(&mut bench, STRANGER, 10 * number, "guess");
        assert_eq!(answer, "SIP/2.0 403 Forbidden");
        assert!(bench.reads(STRANGER), "{number}");
    }
    let credentials = credentials(&mut bench, STRANGER, 100, "guess");
    bench.net(STRANGER, &request("REGISTER", "anna", 101, &credentials, ""));
    assert!(!bench.reads(STRANGER));
    assert!(!bench.reads("198.51.100.7:9"), "nor from another port");
    assert!(bench.reads("198.51.100.8:5070"));
    let mut states = BTreeMap::new();
    for order in &bench.out {
        if let Output::Record { record: Record::State { key, value: Some(value) }, .. } = order {
            states.insert(key.clone(), value.clone());
        }
    }
    let mut again = Bench::new();
    let (config, _) = holdfast_config::read(CONFIG, "test.toml").expect("a configuration");
    let interfaces = Interfaces::default();
    let snapshot = Snapshot { next_lsn: None, last: again.now, states };
    let (folds, mut out) = (Folds::default(), Outbox::new());
    let (now, config) = (again.now, Arc::new(config));
    again.site = Site::restore(now, config, interfaces, [8; 32], &snapshot, folds, &mut out);
    assert!(!again.reads(STRANGER));
    assert!(out.drain().any(|order| matches!(order, Output::Door(Order::Shut(_)))));
    again.pass(Duration::from_secs(601));
    assert!(again.reads(STRANGER), "it ends");
    assert!(again.out.iter().any(|order| matches!(order, Output::Door(Order::Open(_)))));
}

#[test]
fn a_guess_at_an_invented_nonce_counts_as_any_other() {
    let mut bench = Bench::new();
    bench.net("198.51.100.8:5070", &request("REGISTER", "anna", 1, "", ""));
    let (_, _, asked) = bench.sent().pop().expect("a challenge");
    let mut challenge = Challenge::parse(header(&asked, "WWW-Authenticate")).expect("a challenge");
    challenge.nonce = "0".repeat(64);
    for number in 0..10 {
        assert!(bench.reads(STRANGER), "{number}");
        // Who is known and who is not is answered and counted alike.
        let username = if number % 2 == 0 { "anna" } else { "nobody" };
        let login = Login { username, password: "guess" };
        let method = Method::Register;
        let protected = Protected { method: &method, uri: "sip:192.0.2.1", body: b"" };
        let more = format!("Authorization: {}\r\n", challenge.answer(&login, &protected, None));
        bench.net(STRANGER, &request("REGISTER", "anna", 10 + number, &more, ""));
        let (answer, _, text) = bench.sent().pop().expect("an answer");
        assert_eq!(answer, "SIP/2.0 401 Unauthorized");
        assert!(!header(&text, "WWW-Authenticate").contains("stale=true"), "{text}");
    }
    assert!(!bench.reads(STRANGER));
}

#[test]
fn a_registered_phone_is_heard_although_its_neighbour_is_banned() {
    let mut bench = Bench::new();
    let (phone, neighbour) = ("198.51.100.7:5062", "198.51.100.7:7777");
    assert_eq!(register(&mut bench, phone, 1, PASSWORD), "SIP/2.0 200 OK");
    for number in 1..60 {
        register(&mut bench, neighbour, 10 * number, "guess");
        assert!(bench.reads(neighbour), "there are phones: more is forgiven");
    }
    for number in 60..=100 {
        register(&mut bench, neighbour, 10 * number, "guess");
    }
    assert!(!bench.reads(neighbour));
    assert!(bench.reads(phone));
}

#[test]
fn a_scanner_gets_no_answer_and_a_trunk_is_never_banned() {
    let mut bench = Bench::new();
    let scan = request("OPTIONS", "100", 1, "User-Agent: friendly-scanner\r\n", "");
    bench.net("192.0.2.2:5060", &scan);
    assert_eq!(bench.sent().len(), 1, "a trunk may call itself what it likes");
    assert!(bench.reads("192.0.2.2:5060"));
    bench.net(STRANGER, &scan);
    assert_eq!(bench.sent(), []);
    assert!(!bench.reads(STRANGER));
    let view = bench.site.view(bench.now).abuse;
    assert_eq!((view.banned, view.bans[0].why.as_str()), (1, "scanner"));
    // A person lets it in again.
    let address = STRANGER.parse::<SocketAddr>().expect("an address").ip();
    bench.give(Input::Command { id: 1, command: Command::LiftBan { address } });
    assert!(bench.reads(STRANGER));
}

#[test]
fn who_tries_numbers_out_or_sends_what_is_not_sip_is_banned() {
    let mut bench = Bench::new();
    for number in 0..10 {
        assert!(bench.reads(STRANGER));
        bench.net(STRANGER, &request("INVITE", &format!("90011{number}"), number, "", OFFER));
    }
    assert!(!bench.reads(STRANGER));
    let other = "198.51.100.9:5060";
    for _ in 0..1000 {
        bench.net(other, "\r\n\r\n");
    }
    assert!(bench.reads(other), "this only keeps a way open");
    for _ in 0..50 {
        bench.net(other, "GET / HTTP/1.1\r\n\r\n");
    }
    assert!(!bench.reads(other));
}

#[test]
fn a_flood_of_datagrams_is_cut_to_its_rate_and_banned_in_the_end() {
    let mut bench = Bench::new();
    let options = request("OPTIONS", "box", 1, "", "");
    let read = (0..500).filter(|_| bench.reads(STRANGER)).count();
    assert_eq!(read, 500);
    for _ in 0..1000 {
        assert_eq!(bench.site.entry(bench.now, &flow(STRANGER)), Entry::TooMany);
        let what = Offence::TooMany;
        bench.give(Input::Offended { flow: flow(STRANGER), what });
    }
    assert_eq!(bench.site.entry(bench.now, &flow(STRANGER)), Entry::Banned);
    let view = bench.site.view(bench.now).abuse;
    assert_eq!((view.dropped_too_many, view.dropped_banned), (1000, 1));
    bench.net("192.0.2.2:5060", &options);
    assert_eq!(bench.sent().len(), 1, "others are served");
}
