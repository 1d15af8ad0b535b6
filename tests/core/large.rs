//! Requests that would not fit a datagram (RFC 3261 §18.1.1), from trunk to trunk.

#![allow(clippy::expect_used, reason = "a test may die of what it did not expect")]
#![allow(clippy::indexing_slicing, reason = "as above")]
#![allow(missing_docs, reason = "a test says it by its names")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use holdfast_base::{Lsn, Mono, Now, Outbox, Wall};
use holdfast_config::Config;
use holdfast_core::record::folds::Folds;
use holdfast_core::record::journal::{Record, StateKey};
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

/// The same, where the trunk has two targets and asks for a login.
fn with_login() -> String {
    let login = "options_every = \"never\"\nlogin = { user = \"u\", password = \"a secret text\" }";
    CONFIG
        .replace("target = \"203.0.113.5:5060\"", TWO_TARGETS)
        .replace("options_every = \"never\"", login)
}

fn with_two_targets() -> String {
    CONFIG.replace("target = \"203.0.113.5:5060\"", TWO_TARGETS)
}

const TWO_TARGETS: &str = "targets = [\"203.0.113.5:5060\", \"203.0.113.6:5060\"]";

const CHALLENGE: &str =
    "WWW-Authenticate: Digest realm=\"a realm with a long name\", nonce=\"n\", qop=\"auth\"\r\n";

struct Bench {
    site: Site,
    config: Arc<Config>,
    now: Now,
    calls: u32,
    last: Lsn,
    folds: Folds,
    states: BTreeMap<StateKey, Vec<u8>>,
    /// What the caller got by the last input.
    told: Vec<String>,
}

impl Bench {
    fn new(config: &str) -> Self {
        let now = Now { mono: Mono::from_micros(0), wall: Wall::from_micros(0) };
        let (config, _) = holdfast_config::read(config, "test.toml").expect("a configuration");
        let snapshot = Snapshot { next_lsn: None, last: now, ..Snapshot::default() };
        let (config, folds, mut out) = (Arc::new(config), Folds::default(), Outbox::new());
        let (ours, interfaces) = (Arc::clone(&config), Interfaces::default());
        let site = Site::restore(now, ours, interfaces, [7; 32], &snapshot, folds, &mut out);
        let (folds, states, told) = (Folds::default(), BTreeMap::new(), Vec::new());
        let mut bench = Self { site, config, now, calls: 0, last: Lsn(0), folds, states, told };
        bench.take(out);
        bench
    }

    fn give(&mut self, input: Input) -> Vec<(Flow, String)> {
        let mut out = Outbox::new();
        self.site.handle(self.now, input, &mut out);
        self.take(out)
    }

    /// Keeps the records; what goes out to the targets.
    fn take(&mut self, mut out: Outbox<Output>) -> Vec<(Flow, String)> {
        let mut sent = Vec::new();
        self.told.clear();
        for order in out.drain() {
            match order {
                Output::Send { flow, bytes, .. } => {
                    let text = String::from_utf8_lossy(&bytes).into_owned();
                    if flow.remote.ip().to_string().starts_with("203.0.113.") {
                        sent.push((flow, text));
                    } else {
                        self.told.push(text);
                    }
                }
                Output::Record { lsn, record } => {
                    self.last = lsn;
                    match record {
                        Record::Event(event) => {
                            let _ = self.folds.apply(&event);
                        }
                        Record::State { key, value: Some(value) } => {
                            self.states.insert(key, value);
                        }
                        Record::State { key, value: None } => {
                            self.states.remove(&key);
                        }
                    }
                }
                Output::Media(_) | Output::Reply { .. } | Output::Resolve(_) | Output::Door(_) => {}
            }
        }
        sent
    }

    /// The process dies, and another one takes up its journal.
    fn restart(&mut self) -> Vec<(Flow, String)> {
        let (next_lsn, states) = (Some(Lsn(self.last.0 + 1)), self.states.clone());
        let snapshot = Snapshot { next_lsn, last: self.now, states };
        let (config, folds) = (Arc::clone(&self.config), self.folds.clone());
        let (interfaces, mut out) = (Interfaces::default(), Outbox::new());
        self.site =
            Site::restore(self.now, config, interfaces, [8; 32], &snapshot, folds, &mut out);
        self.take(out)
    }

    /// Lets time pass; what goes out when it is over.
    fn pass(&mut self, seconds: u32) -> Vec<(Flow, String)> {
        let by = Duration::from_secs(seconds.into());
        let wall = Wall::from_micros(self.now.wall.micros() + 1_000_000 * i64::from(seconds));
        self.now = Now { mono: self.now.mono + by, wall };
        self.give(Input::DeadlineReached)
    }

    /// A target answers a request, the way that it came.
    fn answer(&mut self, asked: &(Flow, String), status: &str, more: &str) -> Vec<(Flow, String)> {
        let line = |name| line(&asked.1, name);
        let tag = if status.starts_with("100") { "" } else { ";tag=t" };
        let text = format!(
            "SIP/2.0 {status}\r\n{}\r\n{}\r\n{}{tag}\r\n{}\r\n{}\r\n{more}\
             Content-Length: 0\r\n\r\n",
            line("Via"),
            line("From"),
            line("To"),
            line("Call-ID"),
            line("CSeq")
        );
        let connection = (asked.0.transport == Transport::Tcp).then_some(7);
        let flow = Flow { connection, ..asked.0 };
        self.give(Input::Received { flow, bytes: text.into_bytes() })
    }

    /// No connection can be made there.
    fn refuse(&mut self, asked: &(Flow, String)) -> Vec<(Flow, String)> {
        self.give(Input::FlowBroken { flow: Flow { connection: Some(7), ..asked.0 } })
    }

    /// The caller of the last call hangs up.
    fn hang_up(&mut self) -> Vec<(Flow, String)> {
        let number = self.calls;
        let text = format!(
            "CANCEL sip:there@192.0.2.1 SIP/2.0\r\n\
             Via: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bK{number}\r\nMax-Forwards: 70\r\n\
             From: <sip:a@198.51.100.7>;tag={number}\r\nTo: <sip:there@192.0.2.1>\r\n\
             Call-ID: call-{number}\r\nCSeq: 1 CANCEL\r\nContent-Length: 0\r\n\r\n"
        );
        self.caller_sends(text)
    }

    fn caller_sends(&mut self, text: String) -> Vec<(Flow, String)> {
        let address = |text: &str| text.parse::<SocketAddr>().expect("an address");
        let (local, remote) = (address("192.0.2.1:5060"), address("198.51.100.7:5060"));
        let flow = Flow { transport: Transport::Udp, local, remote, connection: None, trunk: None };
        self.give(Input::Received { flow, bytes: text.into_bytes() })
    }

    /// A call whose description has so many codecs; what goes out for it.
    fn call(&mut self, codecs: u32) -> Vec<(Flow, String)> {
        self.call_behind(codecs, "")
    }

    /// The same with these Vias behind its own.
    fn call_behind(&mut self, codecs: u32, vias: &str) -> Vec<(Flow, String)> {
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
             Via: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bK{number}\r\n{vias}\
             Max-Forwards: 70\r\n\
             From: <sip:a@198.51.100.7>;tag={number}\r\nTo: <sip:there@192.0.2.1>\r\n\
             Call-ID: call-{number}\r\nCSeq: 1 INVITE\r\nContact: <sip:a@198.51.100.7>\r\n\
             Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.caller_sends(text)
    }
}

/// The first header line of this name.
fn line(text: &str, name: &str) -> String {
    let of_name = |line: &&str| line.starts_with(name) && line[name.len()..].starts_with(':');
    text.lines().find(of_name).expect(name).to_owned()
}

fn branch(text: &str) -> String {
    let via = line(text, "Via");
    let value = via.split(";branch=").nth(1).expect("a branch");
    value.split(';').next().unwrap_or_default().to_owned()
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

/// So many codecs.
const FITS_WITHOUT_CREDENTIALS: u32 = 9;

#[test]
fn the_size_is_that_with_the_credentials() {
    let mut bench = Bench::new(&with_login());
    let plain = bench.call(FITS_WITHOUT_CREDENTIALS);
    assert_eq!(ways(&plain), [UDP]);
    let again = bench.answer(&plain[0], "401 Unauthorized", CHALLENGE);
    assert!(again[1].1.len() > 1300, "{}", again[1].1.len());
    assert_eq!(ways(&again), [TCP], "what is sent once more is measured once more");
    let next = bench.call(FITS_WITHOUT_CREDENTIALS);
    assert!(next[0].1.contains("\r\nAuthorization: "));
    assert_eq!(ways(&next), [TCP], "and so is what brings its credentials along");
}

#[test]
fn a_challenged_request_goes_over_tcp_again_or_else_as_a_datagram() {
    let mut bench = Bench::new(&with_login());
    let large = bench.call(25);
    bench.answer(&large[0], "100 Trying", "");
    let again = bench.answer(&large[0], "401 Unauthorized", CHALLENGE);
    assert_eq!(ways(&again), [TCP], "under a Via of its transport");
    let invite = again.last().expect("the INVITE behind its ACK").clone();
    let datagram = bench.refuse(&invite);
    assert_eq!(ways(&datagram), [UDP]);
    assert_eq!(datagram[0].1.matches("\r\nAuthorization: ").count(), 1);
    assert_eq!(line(&datagram[0].1, "CSeq"), "CSeq: 2 INVITE");
    let refused = bench.answer(&datagram[0], "401 Unauthorized", CHALLENGE);
    assert_eq!(ways(&refused), [], "the same challenge again means a wrong password");
}

#[test]
fn what_an_answer_over_tcp_says_is_held_against_the_target() {
    let mut bench = Bench::new(&with_two_targets());
    let large = bench.call(25);
    bench.answer(&large[0], "100 Trying", "");
    let next = bench.answer(&large[0], "503 Service Unavailable", "Retry-After: 60\r\n");
    let second = |sent: &[(Flow, String)]| {
        let invite = sent.iter().find(|(_, text)| text.starts_with("INVITE "));
        invite.expect("an INVITE").0.remote.ip().to_string() == "203.0.113.6"
    };
    assert!(second(&next));
    assert!(second(&bench.call(2)), "the first one has asked to be spared");
}

#[test]
fn a_request_keeps_its_branch_whichever_way_it_takes() {
    let mut bench = Bench::new(CONFIG);
    let large = bench.call(25);
    let vias = format!("{}\r\n", line(&large[0].1, "Via"));
    assert_eq!(ways(&bench.call_behind(25, &vias)), [], "it has come back");
    assert!(bench.told.iter().any(|text| text.starts_with("SIP/2.0 482 ")), "{:?}", bench.told);
    let datagram = bench.refuse(&large[0]);
    assert_eq!(branch(&datagram[0].1), branch(&large[0].1));
}

#[test]
fn after_a_crash_the_phone_is_cancelled_under_the_via_that_it_knows() {
    for refused in [false, true] {
        let mut bench = Bench::new(CONFIG);
        let mut sent = bench.call(25);
        if refused {
            sent = bench.refuse(&sent[0]);
        }
        assert_eq!(ways(&sent), [if refused { UDP } else { TCP }]);
        bench.answer(&sent[0], "180 Ringing", "Contact: <sip:b@203.0.113.5>\r\n");
        let restarted = bench.restart();
        let cancel = restarted.iter().find(|(_, text)| text.starts_with("CANCEL "));
        let (flow, text) = cancel.expect("a CANCEL");
        assert_eq!(line(text, "Via"), line(&sent[0].1, "Via"));
        assert_eq!(flow, &sent[0].0, "the way of its INVITE");
    }
}

#[test]
fn after_a_crash_an_unanswered_request_is_repeated_as_it_was() {
    let mut bench = Bench::new(CONFIG);
    let sent = bench.call(25);
    let restarted = bench.restart();
    assert_eq!(ways(&restarted), [TCP]);
    assert_eq!(line(&restarted[0].1, "Via"), line(&sent[0].1, "Via"));
}

#[test]
fn a_firewall_that_drops_connections_costs_one_call_its_wait() {
    let mut bench = Bench::new(&with_two_targets());
    let large = bench.call(25);
    assert_eq!(ways(&large), [TCP]);
    let first = large[0].0.remote;
    let spare = bench.pass(4);
    assert_eq!(ways(&spare), [TCP], "nothing is known of the other target");
    assert_ne!(spare[0].0.remote, first);
    bench.refuse(&large[0]);
    bench.answer(&spare[0], "486 Busy Here", "");
    // Until the first one has its turn again.
    bench.pass(120);
    let next = bench.call(25);
    assert_eq!(next[0].0.remote, first);
    assert_eq!(ways(&next), [UDP]);
}

#[test]
fn a_caller_who_hangs_up_while_nothing_comes_has_shown_it_and_a_hasty_one_has_not() {
    for (after, then) in [(1, TCP), (3, UDP)] {
        let mut bench = Bench::new(CONFIG);
        assert_eq!(ways(&bench.call(25)), [TCP]);
        bench.pass(after);
        bench.hang_up();
        assert_eq!(ways(&bench.call(25)), [then], "after {after} s");
    }
}

#[test]
fn who_answers_over_tcp_late_takes_it_all_the_same() {
    let mut bench = Bench::new(CONFIG);
    let large = bench.call(25);
    bench.pass(4);
    assert_eq!(ways(&bench.call(25)), [UDP], "it looks as if not");
    bench.answer(&large[0], "180 Ringing", "Contact: <sip:b@203.0.113.5>\r\n");
    assert_eq!(ways(&bench.call(25)), [TCP]);
}
