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
/// of the queue, the page cache of the index, a segment of the log.
const WARM_UP: u64 = 10_000;
/// Of the counted calls, those before the first look at the memory.
const WARM: u64 = 5_000;
/// What a call may leave behind: less than any record of it would need.
const BYTES_A_CALL_MAX: u64 = 64;

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

    fn calls(&self, count: u64) -> Sipp {
        let (calls, rate) = (count.to_string(), CALLS_A_SECOND.to_string());
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
    site.calls(200).succeeds();
    site.is_at_rest_after(200);
}

#[test]
#[ignore = "long form: 600 s"]
fn twenty_thousand_calls_leave_nothing_behind() {
    if lacks("sipp") {
        return;
    }
    const CALLS: u64 = 20_000;
    let site = Site::new("long-load");
    let descriptors = site.appliance.descriptors();
    let patience = Duration::from_secs(2 * CALLS / u64::from(CALLS_A_SECOND));
    let mut calls = 0;
    let mut memory_after = |more| {
        site.calls(more).succeeds_within(patience);
        calls += more;
        site.is_at_rest_after(calls);
        // The allocator gives back late what one thread made and another freed.
        let looks = (0..20).map(|_| {
            thread::sleep(Duration::from_secs(1));
            site.appliance.allocated()
        });
        looks.min().expect("a look")
    };
    memory_after(WARM_UP);
    let before = memory_after(WARM);
    let after = memory_after(CALLS - WARM);
    let left = after.saturating_sub(before) / (CALLS - WARM);
    eprintln!("{before} bytes after {WARM} of {CALLS} calls, {after} at the end: {left} a call");
    assert!(left < BYTES_A_CALL_MAX, "{left} bytes a call");
    until_true("descriptors are given back", || site.appliance.descriptors() <= descriptors);
}
