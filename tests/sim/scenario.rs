//! Where everybody is, and the configurations that the site runs under.

use holdfast_config::Config;
use holdfast_core::sip::flow::Transport;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::peer::{Peer, Role};

/// The box.
pub const SITE: &str = "10.0.0.1:5060";
/// The carrier, whose network is a trunk.
const CARRIER: &str = "10.9.0.5:5060";
/// Port pairs of the box: few enough that a bad day uses them up.
pub const PAIRS: usize = 60;
/// The longest wait in the queue `sales`, in the strictest of the configurations.
pub const WAIT_MAX: Duration = Duration::from_secs(25);
/// Guests who call.
const GUESTS: u64 = 8;

/// What may be dialled.
pub const DIALLED: [&str; 15] = [
    "sales", "sales", "sales", "support", "support", "vip", "+4930100", "a1", "a3", "b1", "b2",
    "d1", "e1", "nobody", "+4930200",
];
/// What a phone may dial besides.
pub const DIALLED_BY_PHONES: [&str; 5] = ["*45", "*46", "+49171", "a2", "sales"];

/// The configuration by number: 0 is the first, the others are reloads.
pub fn config(number: u64) -> Arc<Config> {
    let vip = if number == 1 { "" } else { VIP };
    let (alert, wrap_up, members) = match number {
        0 => ("8s", "3s", r#""a", "b", "c", "d""#),
        1 => ("5s", "0s", r#""d", "c", "b", "a""#),
        _ => ("12s", "20s", r#""b""#),
    };
    // 32 s is 64·T1, when an answer without ACK is given up; 100 s is more than the minute after
    // which a caller must hear that it still rings (RFC 3261 §13.3.1.1).
    let (wait_max, ring_time) = match number {
        0 => ("25s", "70s"),
        1 => ("32s", "20s"),
        _ => ("30s", "100s"),
    };
    // One after the other; several at once, more and more, with lots; in turn, with known callers.
    let (strategy, support) = match number {
        0 => ("", "at_once = 3"),
        1 => ("at_once = 4\nadd_every = \"2s\"", "strategy = \"weighted\""),
        _ => (
            "strategy = \"round-robin\"\nprefer_last = \"24h\"\nwait_for_last = \"5s\"",
            "strategy = \"fewest-calls\"\nat_once = 2",
        ),
    };
    // Out to somebody who may not answer, and to another queue; to an agent; when nobody is there.
    let led_on = match number {
        0 => "when_waited = [{ number = \"+491719\", ring = \"15s\" }, { queue = \"support\" }]",
        1 => {
            "finish_ring = false\nleave_empty = [\"logged-out\", \"unreachable\"]
when_waited = [{ agent = \"c\", ring = \"9s\" }, { announce = \"closed-sorry\", lasts = \"6s\" }]
when_empty = [{ account = \"e1\", ring = \"9s\" }, { queue = \"support\" }]"
        }
        _ => "when_waited = [{ queue = \"support\" }, { agent = \"a\" }]",
    };
    let accounts: String = ACCOUNTS
        .iter()
        .map(|(name, _)| {
            format!("[[account]]\nname = \"{name}\"\npassword = \"password of {name}\"\n")
        })
        .collect();
    let text = BASE
        .replace("ALERT", alert)
        .replace("WRAP_UP", wrap_up)
        .replace("MEMBERS", members)
        .replace("WAIT_MAX", wait_max)
        .replace("STRATEGY", strategy)
        .replace("SUPPORT", support)
        .replace("LED_ON", led_on)
        .replace("RING_TIME", ring_time)
        .replace("PORT_MAX", &(20_000 + 2 * PAIRS - 1).to_string());
    let text = format!("{text}{vip}{accounts}");
    match holdfast_config::read(&text, "sim.toml") {
        Ok((config, _warnings)) => Arc::new(config),
        Err(findings) => panic!("the configuration of the simulation: {findings:?}"),
    }
}

/// Accounts, and how many phones each has.
const ACCOUNTS: [(&str, u64); 8] =
    [("a1", 2), ("a2", 1), ("b1", 1), ("b2", 1), ("c1", 1), ("d1", 2), ("e1", 1), ("f1", 1)];

/// Everybody.
pub fn peers(calm: bool) -> Vec<Peer> {
    let site: SocketAddr = SITE.parse().expect("an address");
    let mut peers = Vec::new();
    for (at, (account, phones)) in (1_u64..).zip(ACCOUNTS) {
        for phone in 0..phones {
            let address: SocketAddr =
                format!("10.1.{at}.{}:5060", phone + 1).parse().expect("an address");
            let tcp = (at + phone) % 3 == 0 && !calm;
            let transport = if tcp { Transport::Tcp } else { Transport::Udp };
            let name = format!("{account}p{phone}");
            let way = (transport, address);
            peers.push(Peer::new(name, Role::Phone, way, Some(account), site));
        }
    }
    for guest in 1..=GUESTS {
        let address = format!("10.2.0.{guest}:5060").parse().expect("an address");
        let transport = if guest % 4 == 0 { Transport::Tcp } else { Transport::Udp };
        peers.push(Peer::new(format!("g{guest}"), Role::Guest, (transport, address), None, site));
    }
    let carrier = (Transport::Udp, CARRIER.parse().expect("an address"));
    peers.push(Peer::new("carrier".to_owned(), Role::Carrier, carrier, None, site));
    peers
}

/// The agent of an account: its first letter.
pub fn agent_of(account: &str) -> &str {
    &account[..1]
}

const BASE: &str = r#"
[site]
name = "Simulated"
domain = "sim.example"

[sip]
guests = true
ring_time = "RING_TIME"
register_expires_min = "1m"

[[sip.listener]]
transport = "udp"
bind = "10.0.0.1:5060"

[[sip.listener]]
transport = "tcp"
bind = "10.0.0.1:5060"

[media]
port_min = 20000
port_max = PORT_MAX
silence_limit = "20s"

[[trunk]]
name = "carrier"
networks = ["10.9.0.0/16"]
target = "10.9.0.5:5060"

[[number]]
dialled = "+4930100"
to = { queue = "sales" }

[[number]]
dialled = "+4930200"
to = { queue = "support" }

[[number]]
dialled = "+49171*"
to = { trunk = "carrier" }

[[queue]]
name = "sales"
display = "Sales"
members = [MEMBERS]
STRATEGY
alert = "ALERT"
wrap_up = "WRAP_UP"
rona_block = "6s"
position_every = "10s"
wait_max = "WAIT_MAX"
LED_ON

[[queue]]
name = "support"
display = "Support"
members = ["c", "d", "e", "f"]
SUPPORT
alert = "10s"
wrap_up = "5s"
rona_block = "5s"
keep_last_agent = false
rona_limit = 2
length_max = 4
when_full = [{ account = "b1", ring = "6s" }, { queue = "sales" }]
join_empty = ["logged-out"]
when_empty = [{ queue = "sales" }]
record = true

[[agent]]
name = "a"
endpoints = [{ account = "a1" }, { account = "a2" }]

[[agent]]
name = "b"
endpoints = [{ account = "b1" }, { account = "b2" }]
supervises = { queues = ["sales", "support"] }

[[agent]]
name = "c"
endpoints = [{ account = "c1" }, { trunk = "carrier", number = "+491702" }]

[[agent]]
name = "d"
endpoints = [{ account = "d1" }]

[[agent]]
name = "e"
endpoints = [{ account = "e1" }]
supervises = { queues = ["support"] }

[[agent]]
name = "f"
endpoints = [{ trunk = "carrier", number = "+491705" }, { account = "f1" }]
on_duty = false
supervises = { queues = ["sales"] }
"#;

const VIP: &str = r#"
[[queue]]
name = "vip"
display = "Vip"
members = ["a", "c", "e", "f"]
alert = "6s"
wrap_up = "0s"
priority = 60
music = ""
greeting = ""
"#;
