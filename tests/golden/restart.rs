//! The process dies in the middle of calls, and what its journal lets the next one do.

use crate::dialling::TO_ANNA;
use crate::ladder::Ladder;
use crate::queue::{ACK, ANSWER, BYE, CALL, FINE, RINGING, TERMINATED, TRYING, ringing};

#[test]
fn restart_while_talking() {
    let mut ladder = Ladder::new("restart_while_talking").registered(&["anna"]);
    ringing(&mut ladder, "anna");
    ladder.from("anna", ANSWER);
    ladder.wait(10.0);
    ladder.restart(1.5);
    ladder.from("anna", ANSWER);
    ladder.from("caller", ANSWER);
    ladder.wait(5.0);
    ladder.from("caller", BYE);
    ladder.from("anna", "SIP/2.0 200 OK\n{echo BYE}");
    ladder.wait(40.0);
    ladder.check();
}

#[test]
fn restart_while_waiting() {
    let mut ladder = Ladder::new("restart_while_waiting");
    ladder.from("caller", CALL);
    ladder.from("caller", ACK);
    ladder.wait(3.0);
    ladder.from("second", CALL);
    ladder.from("second", ACK);
    ladder.wait(10.0);
    ladder.restart(1.5);
    ladder.from("caller", ANSWER);
    ladder.from("second", ANSWER);
    ladder.remark("an agent comes: the first caller is still the first");
    ladder.register("ben");
    ladder.from("ben", TRYING);
    ladder.from("ben", RINGING);
    ladder.from("ben", ANSWER);
    ladder.wait(1.0);
    ladder.from("caller", BYE);
    ladder.from("ben", FINE);
    ladder.from("second", BYE);
    ladder.wait(40.0);
    ladder.check();
}

#[test]
fn restart_while_agent_rings() {
    let mut ladder = Ladder::new("restart_while_agent_rings").registered(&["anna", "ben"]);
    ringing(&mut ladder, "anna");
    ladder.wait(2.0);
    ladder.restart(1.5);
    ladder.from("caller", ANSWER);
    ladder.from("anna", "SIP/2.0 200 OK\n{echo CANCEL}");
    ladder.from("anna", TERMINATED);
    ladder.from("anna", TRYING);
    ladder.from("anna", RINGING);
    ladder.wait(1.0);
    ladder.from("anna", ANSWER);
    ladder.wait(5.0);
    ladder.ends("caller", "anna");
}

#[test]
fn restart_phone_falls_silent_when_another_agent_talks() {
    let name = "restart_phone_falls_silent_when_another_agent_talks";
    let mut ladder = Ladder::new(name).registered(&["anna", "ben"]);
    ringing(&mut ladder, "anna");
    ladder.wait(2.0);
    ladder.restart(1.5);
    ladder.from("caller", ANSWER);
    ladder.from("ben", TRYING);
    ladder.from("ben", ANSWER);
    ladder.from("anna", "SIP/2.0 200 OK\n{echo CANCEL}");
    ladder.wait(1.0);
    ladder.from("anna", TERMINATED);
    ladder.remark("her phone is silent: the next call is hers at once");
    ladder.from("second", CALL);
    ladder.from("second", ACK);
    ladder.from("anna", TRYING);
    ladder.from("anna", ANSWER);
    ladder.wait(1.0);
    ladder.from("second", BYE);
    ladder.from("anna", FINE);
    ladder.ends("caller", "ben");
}

#[test]
fn restart_after_the_alert_time() {
    let mut ladder = Ladder::new("restart_after_the_alert_time").registered(&["anna"]);
    ringing(&mut ladder, "anna");
    ladder.wait(2.0);
    ladder.remark("the alert time runs out while nobody counts it: no miss, the next call is hers");
    ladder.restart(25.0);
    ladder.from("caller", ANSWER);
    ladder.from("anna", "SIP/2.0 200 OK\n{echo CANCEL}");
    ladder.from("anna", TERMINATED);
    ladder.from("anna", TRYING);
    ladder.from("anna", RINGING);
    ladder.from("anna", ANSWER);
    ladder.wait(5.0);
    ladder.ends("caller", "anna");
}

#[test]
fn restart_before_any_answer() {
    let mut ladder = Ladder::new("restart_before_any_answer").registered(&["anna"]);
    ladder.from("caller", CALL);
    ladder.from("caller", ACK);
    ladder.restart(0.5);
    ladder.from("caller", ANSWER);
    ladder.remark("no CANCEL without a 1xx: the INVITE again brings one");
    ladder.from("anna", RINGING);
    ladder.from("anna", "SIP/2.0 200 OK\n{echo CANCEL}");
    ladder.from("anna", TERMINATED);
    ladder.from("anna", TRYING);
    ladder.from("anna", RINGING);
    ladder.from("anna", ANSWER);
    ladder.ends("caller", "anna");
}

#[test]
fn restart_long_after_an_unanswered_invite() {
    let mut ladder = Ladder::new("restart_long_after_an_unanswered_invite").registered(&["anna"]);
    ladder.from("caller", CALL);
    ladder.from("caller", ACK);
    ladder.restart(60.0);
    ladder.remark("who has not rung within 64*T1 does not begin to: the phone is not asked again");
    ladder.from("anna", "SIP/2.0 481 Call/Transaction Does Not Exist\n{echo CANCEL}");
    ladder.from("caller", "SIP/2.0 481 Call/Transaction Does Not Exist\n{echo INVITE}");
    ladder.wait(40.0);
    ladder.check();
}

#[test]
fn restart_while_caller_rings() {
    let mut ladder = Ladder::new("restart_while_caller_rings").registered(&["anna"]);
    ladder.from("caller", TO_ANNA);
    ladder.from("anna", TRYING);
    ladder.from("anna", RINGING);
    ladder.restart(1.5);
    ladder.from("caller", "ACK sip:anna@10.0.0.1 SIP/2.0\n{same}");
    ladder.from("anna", "SIP/2.0 200 OK\n{echo CANCEL}");
    ladder.from("anna", TERMINATED);
    ladder.wait(40.0);
    ladder.check();
}

#[test]
fn restart_before_the_ack() {
    let mut ladder = Ladder::new("restart_before_the_ack");
    ladder.from("caller", CALL);
    ladder.restart(0.3);
    ladder.from("caller", ACK);
    ladder.wait(1.0);
    ladder.from("caller", BYE);
    ladder.wait(40.0);
    ladder.check();
}

#[test]
fn restart_party_is_gone() {
    let mut ladder = Ladder::new("restart_party_is_gone").registered(&["anna"]);
    ringing(&mut ladder, "anna");
    ladder.from("anna", ANSWER);
    ladder.wait(10.0);
    ladder.restart(1.5);
    ladder.from("anna", ANSWER);
    ladder.remark("the caller hung up while nobody listened");
    ladder.from("caller", "SIP/2.0 481 Call/Transaction Does Not Exist\n{echo INVITE}");
    ladder.from("anna", FINE);
    ladder.wait(40.0);
    ladder.check();
}
