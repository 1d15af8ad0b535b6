//! Phones in browsers: nobody can connect to one, so calls and the box itself wait for them to
//! come back.

use holdfast_config::Config;
use std::sync::Arc;

use crate::cast;
use crate::dialling::TO_ANNA;
use crate::ladder::Ladder;
use crate::queue::{ACK, ANSWER, FINE, RINGING};

/// A 200 of a browser.
const BROWSER: &str = "SIP/2.0 200 OK\n{echo INVITE}\n{me}\n\n{sdp browser}";

/// Anna's browser is registered over its first connection, and talks.
fn talking(name: &'static str) -> Ladder {
    talking_with(name, cast::browsers(), ANSWER)
}

fn talking_with(name: &'static str, config: Arc<Config>, answer: &str) -> Ladder {
    let mut ladder = Ladder::with(name, config);
    ladder.silently(|ladder| {
        ladder.connects("anna", 1);
        ladder.register("anna");
    });
    ladder.from("caller", TO_ANNA);
    ladder.from("anna", RINGING);
    ladder.from("anna", answer);
    ladder.from("caller", ACK);
    ladder.wait(1.0);
    ladder
}

#[test]
fn a_browser_with_audio_of_its_own() {
    let name = "a_browser_with_audio_of_its_own";
    let mut ladder = talking_with(name, cast::browsers_with_audio(), BROWSER);
    ladder
        .remark("held and resumed, she and the box have the names and certificates that they had");
    ladder.from("anna", "INVITE {contact} SIP/2.0\n{next}\n{me}\n\n{sdp browser sendonly}");
    ladder.from("anna", ACK);
    ladder.wait(1.0);
    ladder.remark("the box has another certificate and other names after a restart");
    ladder.restart(1.5);
    ladder.from("caller", ANSWER);
    ladder.connects("anna", 2);
    ladder.register("anna");
    ladder.from("anna", &BROWSER.replace("{sdp browser}", "{sdp browser again}"));
    ladder.ends("caller", "anna");
}

#[test]
fn a_call_of_a_browser_outlives_its_connection() {
    let mut ladder = talking("a_call_of_a_browser_outlives_its_connection");
    ladder.disconnects("anna");
    ladder.remark("nobody else can call her");
    ladder.from("second", TO_ANNA);
    ladder.from("second", "ACK sip:anna@10.0.0.1 SIP/2.0\n{same}");
    ladder.connects("anna", 2);
    ladder.register("anna");
    ladder.ends("caller", "anna");
}

#[test]
fn a_call_of_a_browser_outlives_a_restart() {
    let mut ladder = talking("a_call_of_a_browser_outlives_a_restart");
    ladder.restart(1.5);
    ladder.from("caller", ANSWER);
    ladder.remark("nothing is asked of her before she is back");
    ladder.wait(20.0);
    ladder.connects("anna", 2);
    ladder.register("anna");
    ladder.from("anna", ANSWER);
    ladder.ends("caller", "anna");
}

#[test]
fn a_browser_that_does_not_come_back_is_lost() {
    let mut ladder = talking("a_browser_that_does_not_come_back_is_lost");
    ladder.restart(1.5);
    ladder.from("caller", ANSWER);
    ladder.wait(160.0);
    ladder.from("caller", FINE);
    ladder.wait(40.0);
    ladder.check();
}
