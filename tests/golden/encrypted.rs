//! Audio under keys that travel in SDP, and what becomes of them when the process dies.

use crate::cast::encrypted;
use crate::dialling::TO_ANNA;
use crate::ladder::Ladder;
use crate::queue::{ACK, BYE, FINE, RINGING, TRYING};

/// A 200 of a phone that speaks SRTP.
const SEALED: &str = "SIP/2.0 200 OK\n{echo INVITE}\n{me}\n\n{sdp srtp}";
/// A 200 of one that does not.
const CLEAR: &str = "SIP/2.0 200 OK\n{echo INVITE}\n{me}\n\n{sdp}";

#[test]
fn encrypted_leg_over_a_restart() {
    let name = "encrypted_leg_over_a_restart";
    let mut ladder = Ladder::with(name, encrypted("required")).registered(&["anna"]);
    ladder.from("caller", TO_ANNA);
    ladder.from("anna", TRYING);
    ladder.from("anna", RINGING);
    ladder.wait(1.0);
    ladder.from("anna", SEALED);
    ladder.from("caller", ACK);
    ladder.wait(10.0);
    ladder.remark("the phone is offered another key, and hears nothing until it has it");
    ladder.restart(1.5);
    ladder.from("caller", CLEAR);
    ladder.from("anna", "SIP/2.0 491 Request Pending\n{echo INVITE}");
    ladder.wait(5.0);
    ladder.from("anna", SEALED);
    ladder.wait(1.0);
    ladder.ends("caller", "anna");
}

#[test]
fn encryption_preferred_and_refused() {
    let name = "encryption_preferred_and_refused";
    let mut ladder = Ladder::with(name, encrypted("preferred")).registered(&["anna"]);
    ladder.from("caller", TO_ANNA);
    ladder.from("anna", TRYING);
    ladder.from("anna", "SIP/2.0 488 Not Acceptable Here\n{echo INVITE}");
    ladder.from("anna", RINGING);
    ladder.wait(1.0);
    ladder.from("anna", CLEAR);
    ladder.from("caller", ACK);
    ladder.wait(5.0);
    ladder.ends("caller", "anna");
}

/// A 200 of a phone that says by port 0 what others say by 488.
const NO_STREAM: &str = "SIP/2.0 200 OK\n{echo INVITE}\n{me}\n\nv=0\r\n\
                         o=anna 7 1 IN IP4 10.1.0.1\r\ns=-\r\nc=IN IP4 10.1.0.1\r\nt=0 0\r\n\
                         m=audio 0 RTP/SAVP 8\r\n";

#[test]
fn encryption_preferred_and_answered_by_port_0() {
    let name = "encryption_preferred_and_answered_by_port_0";
    let mut ladder = Ladder::with(name, encrypted("preferred")).registered(&["anna"]);
    ladder.from("caller", TO_ANNA);
    ladder.from("anna", RINGING);
    ladder.from("anna", NO_STREAM);
    ladder.from("anna", "SIP/2.0 200 OK\n{echo BYE}");
    ladder.from("anna", RINGING);
    ladder.wait(1.0);
    ladder.from("anna", CLEAR);
    ladder.from("caller", ACK);
    ladder.wait(5.0);
    ladder.from("caller", BYE);
    ladder.from("anna", FINE);
    ladder.remark("once, and no third call");
    ladder.wait(40.0);
    ladder.from("caller", TO_ANNA);
    ladder.from("anna", NO_STREAM);
    ladder.from("anna", "SIP/2.0 200 OK\n{echo BYE}");
    ladder.from("anna", NO_STREAM);
    ladder.from("anna", "SIP/2.0 200 OK\n{echo BYE}");
    ladder.from("caller", "ACK sip:anna@10.0.0.1 SIP/2.0\n{same}");
    ladder.wait(40.0);
    ladder.check();
}

#[test]
fn encryption_required_and_refused() {
    let name = "encryption_required_and_refused";
    let mut ladder = Ladder::with(name, encrypted("required")).registered(&["anna"]);
    ladder.from("caller", TO_ANNA);
    ladder.from("anna", TRYING);
    ladder.from("anna", "SIP/2.0 488 Not Acceptable Here\n{echo INVITE}");
    ladder.from("caller", "ACK sip:anna@10.0.0.1 SIP/2.0\n{same}");
    ladder.wait(40.0);
    ladder.check();
}
