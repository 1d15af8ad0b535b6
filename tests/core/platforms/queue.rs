//! C-20: five agents on five platforms in one queue. Who gets which call follows from the queue's
//! rule alone, and not from the platform.

use super::bench::Bench;
use super::cast::{NAME, proxies};
use super::peer::{Conduct, Peer};
use super::strict::Platform;
use super::text::{header, start};

const CONFIG: &str = r#"
[[sip.listener]]
transport = "udp"
bind = "10.0.0.1:5060"
[[sip.listener]]
transport = "tls"
bind = "10.0.0.1:5061"
certificate = "/c"
key = "/k"
[[trunk]]
name = "teams"
type = "teams-direct"
advertise = "sbc1.example.org"
roots = "/r"
[[trunk]]
name = "avaya"
type = "pbx"
dialect = "avaya"
networks = ["10.2.1.0/24"]
target = "10.2.1.1:5060"
[[trunk]]
name = "cisco"
type = "pbx"
dialect = "cisco"
networks = ["10.2.2.0/24"]
target = "10.2.2.1:5060"
[[trunk]]
name = "mitel"
type = "pbx"
dialect = "mitel"
networks = ["10.2.3.0/24"]
target = "10.2.3.1:5060"
[[trunk]]
name = "sfb"
type = "pbx"
dialect = "sfb"
networks = ["10.2.4.0/24"]
target = "10.2.4.1:5060"
[[trunk]]
name = "carrier"
networks = ["10.9.0.0/24"]
target = "10.9.0.1:5060"
options_every = "never"
[[number]]
dialled = "+4930100"
to = { queue = "desk" }
[[queue]]
name = "desk"
display = "Zürich"
members = ["tea", "ava", "cis", "mit", "sky"]
alert = "10s"
wrap_up = "0s"
greeting = ""
position_every = "never"
[[agent]]
name = "tea"
endpoints = [{ trunk = "teams", number = "+4930201" }]
[[agent]]
name = "ava"
endpoints = [{ trunk = "avaya", number = "202" }]
[[agent]]
name = "cis"
endpoints = [{ trunk = "cisco", number = "203" }]
[[agent]]
name = "mit"
endpoints = [{ trunk = "mitel", number = "204" }]
[[agent]]
name = "sky"
endpoints = [{ trunk = "sfb", number = "+4930205" }]
"#;

const PLATFORMS: [&str; 5] = ["sip", "avaya", "cisco", "mitel", "sfb"];

fn bench() -> Bench {
    let mut peers = proxies(false);
    let at = |name, address, platform| Peer::new(name, address, platform);
    peers.extend([
        at("avaya", "10.2.1.1:5060", Platform::Avaya),
        at("cisco", "10.2.2.1:5060", Platform::Cisco),
        at("mitel", "10.2.3.1:5060", Platform::Avaya),
        at("sfb", "10.2.4.1:5060", Platform::Sfb),
        Peer { user: "+49171555", ..at("carrier", "10.9.0.1:5060", Platform::Plain) },
    ]);
    Bench::new(CONFIG, peers)
}

/// The reference: whoever has been idle longest, in the order of the queue at first. Who refuses
/// goes on being idle, but not for this call.
struct Model {
    idle: Vec<&'static str>,
}

impl Model {
    fn next(&mut self, refuses: &[&str]) -> &'static str {
        let at = self.idle.iter().position(|name| !refuses.contains(name)).expect("somebody");
        let taken = self.idle.remove(at);
        self.idle.push(taken);
        taken
    }
}

fn rung(bench: &mut Bench) -> Vec<usize> {
    PLATFORMS.iter().map(|name| bench.peer(name).got("INVITE").len()).collect()
}

#[test]
fn five_platforms_one_queue_one_order() {
    let mut bench = bench();
    let mut model = Model { idle: PLATFORMS.to_vec() };
    let mut order = Vec::new();
    for round in 0..12 {
        let before = rung(&mut bench);
        bench.call("carrier", "sip:+4930100@10.0.0.1");
        bench.run(4.0);
        let after = rung(&mut bench);
        let taken: Vec<&str> = PLATFORMS
            .iter()
            .zip(before.iter().zip(&after))
            .filter(|(_, (before, after))| before != after)
            .map(|(name, _)| *name)
            .collect();
        assert_eq!(taken, [model.next(&[])], "call {round}: {}", bench.told());
        order.extend(taken);
        bench.request("carrier", "BYE", &[], "");
        bench.run(2.0);
    }
    for name in PLATFORMS {
        assert!(order.iter().filter(|taken| **taken == name).count() >= 2, "{name}: {order:?}");
    }
    assert!(bench.view().calls.is_empty(), "{}", bench.told());
}

#[test]
fn a_platform_whose_agents_are_busy_is_passed_over_in_order() {
    let mut bench = bench();
    bench.peer("sip").conduct = Conduct::Refuses("486 Busy Here");
    bench.peer("avaya").conduct = Conduct::Refuses("480 Temporarily Unavailable");
    bench.call("carrier", "sip:+4930100@10.0.0.1");
    bench.run(5.0);
    let counts = rung(&mut bench);
    assert_eq!(counts, [1, 1, 1, 0, 0], "{}", bench.told());
}

#[test]
fn each_platform_is_told_queue_and_caller_as_it_can_show_it() {
    let mut bench = bench();
    for _ in 0..5 {
        bench.call("carrier", "sip:+4930100@10.0.0.1");
        bench.run(4.0);
        bench.request("carrier", "BYE", &[], "");
        bench.run(2.0);
    }
    let mut from = |name: &str| header(bench.peer(name).last("INVITE"), "From").to_owned();
    for all in ["sip", "cisco", "sfb"] {
        assert!(from(all).starts_with("\"Zürich \u{2013} +49171555\" "), "{all}: {}", from(all));
    }
    for few in ["avaya", "mitel"] {
        assert!(from(few).starts_with("\"Zurich - +49171555\" "), "{few}: {}", from(few));
    }
    let teams = bench.peer("sip").last("INVITE").to_owned();
    assert!(start(&teams).contains("sip.pstnhub.microsoft.com"), "{teams}");
    assert!(teams.contains(NAME));
}
