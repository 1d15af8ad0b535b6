//! Phones in browsers: nobody can connect to one, so calls and the box itself wait for them to
//! come back.

use crate::cast;
use crate::dialling::TO_ANNA;
use crate::ladder::Ladder;
use crate::queue::{ACK, ANSWER, BYE, FINE, RINGING};

/// Anna's browser is registered over its first connection, and talks.
fn talking(name: &'static str) -> Ladder {
    let mut ladder = Ladder::with(name, cast::browsers());
    ladder.silently(|ladder| {
        ladder.connects("anna", 1);
        ladder.register("anna");
    });
    ladder.from("caller", TO_ANNA);
    ladder.from("anna", RINGING);
    ladder.from("anna", ANSWER);
    ladder.from("caller", ACK);
    ladder.wait(1.0);
    ladder
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
    ladder.from("caller", BYE);
    ladder.from("anna", FINE);
    ladder.wait(40.0);
    ladder.check();
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
    ladder.from("caller", BYE);
    ladder.from("anna", FINE);
    ladder.wait(40.0);
    ladder.check();
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
