//! `kill -9` and a start on the same state: who waits keeps place and music, who talks goes on
//! talking, and nothing that was told is forgotten.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use holdfast_core::record::cdr::CdrFold;
use holdfast_core::record::event::Cdr;
use holdfast_drive::log::{Log, Options, Sizes};
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::api::Api;
use crate::appliance::{Appliance, config};
use crate::baresip::is_tone;
use crate::lab::{Lab, until, until_true};
use crate::phone::Phone;
use crate::rtp::{Packet, assert_steady, samples};
use crate::sip::Watch;
use crate::sipp::Sipp;
use crate::{lacks, tone};

const QUICK: &str = "greeting = \"\"\nposition_every = \"never\"\nwrap_up = \"0s\"";
/// One second of audio.
const SECOND: usize = 50;
const AUDIBLE: f64 = 100.0;

/// Checks that a stream goes on as the same one: a receiver sees packets missing, nothing else.
fn assert_continued(before: &[Packet], after: &[Packet]) {
    assert_steady(before);
    assert_steady(after);
    let (last, next) = (&before[before.len() - 1], &after[0]);
    assert_eq!((last.from, last.ssrc), (next.from, next.ssrc), "another stream");
    let missing = next.sequence.wrapping_sub(last.sequence);
    assert!((1..0x8000).contains(&missing), "{} after {}", next.sequence, last.sequence);
}

fn kill_and_start(appliance: &mut Appliance, api: &Api) {
    appliance.kill();
    appliance.start_again();
    api.log_in();
}

/// The callers who wait, by rank.
fn waiting(api: &Api) -> Vec<Value> {
    let desk = api.desk();
    let waiting = desk["waiting"].as_array().expect("those who wait");
    waiting.iter().map(|one| one["contact"].clone()).collect()
}

#[test]
fn who_waits_keeps_place_and_music() {
    let lab = Lab::new("waits");
    let mut appliance = Appliance::start(&lab, &config(&lab, &["anna"], QUICK));
    let api = Api::claim(&lab, &appliance);
    let callers = [(2, "first"), (3, "second"), (4, "third")]
        .map(|(machine, name)| Phone::new(&lab, machine, name, &appliance));
    let calls = callers.each_ref().map(|caller| caller.call("desk"));
    let before = callers.each_ref().map(|caller| caller.ear.packets(0, SECOND));
    let places = until("three wait", || Some(waiting(&api)).filter(|all| all.len() == 3));

    appliance.kill();
    let heard = callers.each_ref().map(|caller| caller.ear.count());
    appliance.start_again();
    api.log_in();
    for ((caller, before), heard) in callers.iter().zip(&before).zip(heard) {
        // What was still on its way when the box died is not counted.
        let after = caller.ear.packets(heard + 5, SECOND);
        assert_continued(before, &after);
        assert!(tone::level(&samples(&after)) > AUDIBLE);
    }
    assert_eq!(waiting(&api), places);
    for (caller, call) in callers.iter().zip(&calls) {
        caller.hang_up(call);
    }
    until_true("three records", || api.cdrs().len() == 3);
    for cdr in api.cdrs() {
        assert_eq!(cdr["by"], "caller");
        assert!(cdr["answered"].is_number());
    }
}

#[test]
fn who_talks_goes_on_talking() {
    let lab = Lab::new("talks");
    let mut appliance = Appliance::start(&lab, &config(&lab, &["anna"], QUICK));
    let api = Api::claim(&lab, &appliance);
    let (agent, caller) =
        (Phone::new(&lab, 2, "anna", &appliance), Phone::new(&lab, 3, "caller", &appliance));
    agent.register();
    let call = caller.call("desk");
    let talk = agent.talks();
    let _speaking = [caller.ear.speak(call.audio, 440.0), agent.ear.speak(talk.audio, 880.0)];
    let ends = [(&caller, 880.0), (&agent, 440.0)];
    let clear = |phone: &Phone, hertz| {
        until("the other's tone", || {
            let packets = phone.ear.next_packets(SECOND);
            is_tone(&samples(&packets), hertz).then_some(packets)
        })
    };
    let before = ends.map(|(phone, hertz)| clear(phone, hertz));
    for _ in 0..2 {
        kill_and_start(&mut appliance, &api);
    }
    for ((phone, hertz), before) in ends.into_iter().zip(&before) {
        assert_continued(before, &clear(phone, hertz));
    }
    let task = api.get("/api/v1/agents/anna")["task"].clone();
    assert_eq!(task, "connected", "the agent is not called meanwhile");
    caller.hang_up(&call);
    agent.hears("BYE");
    let cdr = until("the record of the call", || api.cdrs().pop());
    assert_eq!(cdr["by"], "caller");
    assert_eq!(cdr["queue"]["outcome"], "answered");
    assert_eq!(cdr["queue"]["agent"], "anna");
}

/// The records of every call, as a fold of the log of a box that does not run.
fn records(state: &Path) -> Vec<Cdr> {
    let options = Options { sizes: Sizes::default(), wake: Box::new(|_| {}) };
    let (log, recovered) = Log::open(&state.join("log"), options).expect("the log");
    let mut fold = CdrFold::default();
    let events = recovered.events.since(holdfast_base::Lsn(0)).filter_map(Result::ok);
    let cdrs = events.filter_map(|event| fold.apply(&event)).collect();
    drop(recovered.events);
    assert!(log.close(), "the log is written");
    cdrs
}

/// Calls at ten a second while the box is killed again and again.
fn killed_under_load(test: &str, kills: u32) {
    if lacks("sipp") {
        return;
    }
    let lab = Lab::new(test);
    let mut appliance = Appliance::start(&lab, &config(&lab, &["anna"], QUICK));
    let api = Api::claim(&lab, &appliance);
    let calls = (15 * (kills + 1)).to_string();
    let ip = lab.ip(4).to_string();
    // After a start the box asks every caller by a re-INVITE; this one does not answer it.
    let deaf = ["-default_behaviors", "all,-abortunexp"];
    let more = ["-s", "desk", "-m", &calls, "-r", "10", "-d", "1000", deaf[0], deaf[1]];
    let keys = ["-key", "ear_ip", &ip, "-key", "ear_port", "40000"];
    let target = appliance.sip().to_string();
    let mut callers = Sipp::start(&lab, 3, "survive.xml", &target, &[&more[..], &keys].concat());
    for kill in 1..=kills {
        let due = usize::try_from(12 * kill).expect("a count");
        until_true("more are answered", || answered(&callers).len() >= due);
        appliance.kill();
        appliance.start_again();
    }
    let patience = Duration::from_secs(60 + u64::from(10 * kills));
    let status = callers.ends_within(patience);
    api.log_in();
    until_true("no call lives", || api.live().calls == 0);
    appliance.signal(Signal::SIGTERM);
    assert_eq!(appliance.ended().code(), Some(0), "{}", appliance.said());

    let cdrs = records(appliance.state());
    let mut by_caller: BTreeMap<String, u32> = BTreeMap::new();
    for cdr in &cdrs {
        *by_caller.entry(cdr.from.0.clone()).or_default() += 1;
    }
    let told = answered(&callers);
    for caller in &told {
        assert_eq!(by_caller.get(caller), Some(&1), "records of {caller}, who was answered");
        let cdr = cdrs.iter().find(|cdr| cdr.from.0 == *caller).expect("counted above");
        assert!(cdr.answered.is_some(), "{cdr:?}");
    }
    eprintln!("{} of {calls} answered over {kills} kills, SIPp: {status}", told.len());
    assert!(told.len() as u32 > 12 * kills);
}

/// The callers whose call was answered, by what SIPp received.
fn answered(callers: &Sipp) -> Vec<String> {
    let received = callers.received();
    let answers = received.iter().filter(|message| {
        message.status() == Some(200) && message.header("CSeq").ends_with("INVITE")
    });
    let user = |address: &str| {
        let (_, rest) = address.split_once("sip:")?;
        Some(rest.split_once('@')?.0.to_owned())
    };
    let mut all: Vec<String> = answers.filter_map(|answer| user(answer.address("From"))).collect();
    all.sort();
    all.dedup();
    all
}

#[test]
fn three_kills_under_load_forget_no_answered_call() {
    killed_under_load("kills", 3);
}

#[test]
#[ignore = "long form: a minute"]
fn twenty_kills_under_load_forget_no_answered_call() {
    killed_under_load("twenty-kills", 20);
}

fn newest_events(state: &Path) -> PathBuf {
    let files = fs::read_dir(state.join("log")).expect("the log");
    let paths = files.map(|entry| entry.expect("the log").path());
    let events = paths.filter(|path| path.to_string_lossy().contains("/events-"));
    events.max().expect("a segment")
}

#[test]
fn a_damaged_log_and_a_lost_index_are_no_reason_not_to_start() {
    let lab = Lab::new("damaged");
    let mut appliance = Appliance::start(&lab, &config(&lab, &["anna"], QUICK));
    let api = Api::claim(&lab, &appliance);
    let caller = Phone::new(&lab, 2, "caller", &appliance);
    let talk_and_hang_up = || caller.hang_up(&caller.call("desk"));
    for _ in 0..5 {
        talk_and_hang_up();
    }
    until_true("five records", || api.cdrs().len() == 5);

    appliance.kill();
    fs::remove_dir_all(appliance.state().join("index")).expect("an index");
    appliance.start_again();
    api.log_in();
    assert_eq!(api.cdrs().len(), 5, "the index is made anew from the log");

    appliance.kill();
    let events = newest_events(appliance.state());
    let whole = fs::read(&events).expect("events");
    fs::write(&events, &whole[..whole.len() - 3]).expect("a torn tail");
    appliance.start_again();
    api.log_in();
    talk_and_hang_up();
    until_true("it goes on after a torn tail", || api.cdrs().len() >= 5);

    appliance.kill();
    let mut bytes = fs::read(&events).expect("events");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    fs::write(&events, bytes).expect("a flipped bit");
    appliance.start_again();
    api.log_in();
    let before = api.cdrs().len();
    talk_and_hang_up();
    until_true("it goes on after a flipped bit", || api.cdrs().len() > before);
    Watch::new(lab.ip(3), appliance.sip()).ask();
}
