//! Calls by the hundred through a queue with twenty agents: none fails, each is counted once, and
//! nothing is left of them.

use std::fmt::Write as _;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::api::{Api, Live};
use crate::appliance::{Appliance, config, password};
use crate::lab::{Lab, until_true};
use crate::lacks;
use crate::sipp::Sipp;

const AGENTS: usize = 20;
const CALLS_A_SECOND: u32 = 50;
/// How long a caller stays, in milliseconds: an agent is free again long before the next turn.
const CALL_MS: &str = "250";
/// People who call, again and again: each is remembered with a key of its own, once.
const CALLERS: usize = 500;
/// Calls before the counted ones, so that what has a fixed size has it: the last 10,000 decisions
/// of the queue, a segment of the log, the pages of the index, which grow for 15,000 records.
const WARM_UP: u64 = 20_000;
/// Their rate: only what they leave counts.
const WARM_UP_A_SECOND: u32 = 100;
/// Of the counted calls, those before the first look at the memory.
const WARM: u64 = 5_000;
/// Looks at the memory after the first one, and the calls between two.
const LOOKS: u64 = 6;
const STRIDE: u64 = 2_500;
/// What a call may leave behind: less than any record of it would need.
const BYTES_A_CALL_MAX: f64 = 64.0;

struct Site {
    lab: Lab,
    appliance: Appliance,
    api: Api,
    /// They answer as long as they live.
    _agents: Sipp,
}

impl Site {
    fn new(test: &str) -> Self {
        let lab = Lab::new(test);
        let names: Vec<String> = (0..AGENTS).map(|n| format!("agent{n}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let queue = "greeting = \"\"\nposition_every = \"never\"\nwrap_up = \"0s\"";
        let appliance = Appliance::start(&lab, &config(&lab, &names, queue));
        let api = Api::claim(&lab, &appliance);
        let target = appliance.sip().to_string();
        let users = lab.file("users.csv", &users(&names));
        let users = users.to_str().expect("a path");
        let count = AGENTS.to_string();
        let more = ["-inf", users, "-m", &count, "-timeout", "30"];
        Sipp::start(&lab, 2, "register.xml", &target, &more).succeeds();
        // The same address and port: the box calls back where the phones registered from.
        let agents = Sipp::start(&lab, 2, "answer.xml", &target, &[]);
        until_true("every agent can be called", || api.desk()["agents_free"] == AGENTS);
        Self { lab, appliance, api, _agents: agents }
    }

    fn calls(&self, count: u64, rate: u32) -> Sipp {
        let (calls, rate) = (count.to_string(), rate.to_string());
        let ip = self.lab.ip(4).to_string();
        let target = self.appliance.sip().to_string();
        let callers: String = (0..CALLERS).map(|n| format!("caller{n}\n")).collect();
        let callers = self.lab.file("callers.csv", &format!("SEQUENTIAL\n{callers}"));
        let callers = callers.to_str().expect("a path");
        let more = ["-inf", callers, "-s", "desk", "-m", &calls, "-r", &rate, "-d", CALL_MS];
        let keys = ["-key", "ear_ip", &ip, "-key", "ear_port", "40000"];
        Sipp::start(&self.lab, 3, "listen.xml", &target, &[&more[..], &keys].concat())
    }

    fn total(&self, name: &str) -> u64 {
        self.api.get("/api/v1/site")["totals"][name].as_u64().expect("a total")
    }

    /// Every call was counted, once, and nothing of it lives.
    fn is_at_rest_after(&self, calls: u64) {
        until_true("nothing is left of the calls", || self.api.live() == Live::default());
        assert_eq!((self.total("calls"), self.total("cdrs")), (calls, calls));
        let today = self.api.desk()["today"].clone();
        let outcomes = today["outcomes"].as_object().expect("outcomes");
        let ended: u64 = outcomes.values().filter_map(Value::as_u64).sum();
        assert_eq!(today["offered"], calls, "{today}");
        assert_eq!(ended, calls, "{today}");
        assert!(today["outcomes"]["answered"].as_u64() > Some(calls / 2), "{today}");
        for outcome in outcomes.keys() {
            let known = ["answered", "abandoned_short", "abandoned", "abandoned_ringing"];
            assert!(known.contains(&outcome.as_str()), "{today}");
        }
    }
}

/// Bytes a call: the median of the slopes between all pairs of looks (Theil and Sen), which a page
/// that the allocator kept at one look does not move.
#[allow(clippy::cast_precision_loss, reason = "megabytes and thousands")]
fn slope(looks: &[(u64, u64)]) -> f64 {
    let pairs = looks.iter().enumerate().flat_map(|(at, first)| {
        looks[at + 1..]
            .iter()
            .map(move |then| (then.1 as f64 - first.1 as f64) / (then.0 as f64 - first.0 as f64))
    });
    let mut slopes: Vec<f64> = pairs.collect();
    slopes.sort_by(f64::total_cmp);
    slopes[slopes.len() / 2]
}

#[test]
fn the_slope_is_that_of_most_looks() {
    let grows = [(0, 1_000), (10, 1_640), (20, 9_000), (30, 2_920), (40, 3_560)];
    assert!((slope(&grows) - 64.0).abs() < 1e-9);
}

fn users(names: &[&str]) -> String {
    let mut text = "SEQUENTIAL\n".to_owned();
    for name in names {
        let secret = password(name);
        // Writing to a String can not fail.
        let _ = writeln!(text, "{name};[authentication username={name} password={secret}]");
    }
    text
}

#[test]
fn two_hundred_calls_leave_nothing_behind() {
    if lacks("sipp") {
        return;
    }
    let site = Site::new("load");
    site.calls(200, CALLS_A_SECOND).succeeds();
    site.is_at_rest_after(200);
}

#[test]
#[ignore = "long form: 900 s"]
fn twenty_thousand_calls_leave_nothing_behind() {
    if lacks("sipp") {
        return;
    }
    let site = Site::new("long-load");
    let descriptors = site.appliance.descriptors();
    let patience = Duration::from_secs(2 * WARM_UP / u64::from(CALLS_A_SECOND));
    let mut calls = 0;
    let mut memory_after = |more, rate| {
        site.calls(more, rate).succeeds_within(patience);
        calls += more;
        site.is_at_rest_after(calls);
        // The allocator gives back late what one thread made and another freed.
        let looks = (0..20).map(|_| {
            thread::sleep(Duration::from_secs(1));
            site.appliance.allocated()
        });
        let least = looks.min().expect("a look");
        eprintln!("{least} bytes after {calls} calls");
        least
    };
    memory_after(WARM_UP, WARM_UP_A_SECOND);
    let first = (0, memory_after(WARM, CALLS_A_SECOND));
    let rest = (1..=LOOKS).map(|look| (look * STRIDE, memory_after(STRIDE, CALLS_A_SECOND)));
    let looks: Vec<(u64, u64)> = std::iter::once(first).chain(rest).collect();
    let left = slope(&looks);
    eprintln!("{left:.0} bytes a call");
    assert!(left < BYTES_A_CALL_MAX, "{left:.0} bytes a call: {looks:?}");
    until_true("descriptors are given back", || site.appliance.descriptors() <= descriptors);
}
