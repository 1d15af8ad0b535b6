//! A caller in a queue whose agents have no phone: answered, hears music, hangs up.

use serde_json::json;

use crate::api::{Api, Live};
use crate::appliance::{Appliance, config};
use crate::lab::{Lab, until, until_true};
use crate::rtp::{Ear, assert_steady, samples};
use crate::sipp::Sipp;
use crate::{lacks, tone};

/// Two seconds of audio.
const PACKETS: usize = 100;
/// Music is louder than this, comfort noise is not.
const AUDIBLE: f64 = 100.0;

#[test]
fn a_caller_without_agents_hears_music() {
    if lacks("sipp") {
        return;
    }
    let lab = Lab::new("queue-alone");
    let appliance = Appliance::start(&lab, &config(&lab, &["anna"], "greeting = \"\""));
    let api = Api::claim(&lab, &appliance);
    let ear = Ear::new(lab.ip(2));
    let at = ear.address();
    let callers = lab.file("callers.csv", "SEQUENTIAL\ncaller\n");
    let callers = callers.to_str().expect("a path");
    let more = ["-inf", callers, "-s", "desk", "-m", "1", "-d", "3000", "-timeout", "30"];
    let keys = ["-key", "ear_ip", &at.ip().to_string(), "-key", "ear_port", &at.port().to_string()];
    let target = appliance.sip().to_string();
    let mut caller = Sipp::start(&lab, 3, "listen.xml", &target, &[&more[..], &keys].concat());

    let music = ear.packets(0, PACKETS);
    assert_steady(&music);
    assert!(music.iter().all(|packet| packet.payload_type == 8));
    assert!(tone::level(&samples(&music)) > AUDIBLE);
    assert_eq!(api.desk()["waiting"].as_array().map(Vec::len), Some(1));
    caller.succeeds();

    let cdr = until("the record of the call", || api.cdrs().pop());
    assert_eq!(api.cdrs().len(), 1);
    assert_eq!(cdr["by"], "caller");
    assert_eq!(cdr["dialled"], "desk");
    assert_eq!(cdr["status"], json!(null));
    assert!(cdr["answered"].is_number() && cdr["ended"].is_number(), "{cdr}");
    assert_eq!(cdr["queue"]["outcome"], "abandoned_short");
    let today = &api.desk()["today"];
    let outcomes: u64 =
        today["outcomes"].as_object().expect("outcomes").values().filter_map(|n| n.as_u64()).sum();
    assert_eq!(today["offered"], 1);
    assert_eq!(outcomes, 1, "offered is what came of it: {today}");
    until_true("nothing is left of the call", || api.live() == Live::default());
}
