//! Phones of a central PBX: through the box while the PBX is there, taken over when it is gone, and
//! led back when it returns.

use crate::cast::central;
use crate::ladder::Ladder;
use crate::queue::{ACK, ANSWER, BYE, FINE, RINGING};

const REGISTER: &str = "REGISTER sip:hq.example SIP/2.0\n{new}\n{me}\nExpires: 3600";
const PROVEN: &str = "REGISTER sip:hq.example SIP/2.0\n{new}\n{me}\nExpires: 3600\n{credentials}";
const ALIVE: &str = "SIP/2.0 200 OK\n{echo OPTIONS}";
const ASKED: &str = "SIP/2.0 401 Unauthorized\n{echo REGISTER}\n\
    WWW-Authenticate: Digest realm=\"hq.example\", nonce=\"n1\", qop=\"auth\", algorithm=MD5";
const GRANTED: &str = "SIP/2.0 200 OK\n{echo REGISTER}\nContact: <{registered}>;expires=3600\n\
    Date: Thu, 01 Jan 1970 00:00:00 GMT";

fn to_ben(proof: &str) -> String {
    format!("INVITE sip:ben@hq.example SIP/2.0\n{{new}}\n{{me}}{proof}\n\n{{sdp}}")
}

fn through(name: &'static str) -> Ladder {
    let mut ladder = Ladder::with(name, central(""));
    ladder.wait(1.0);
    ladder.from("first", ALIVE);
    pass(&mut ladder, "anna");
    ladder
}

/// A phone registers through the box.
pub fn pass(ladder: &mut Ladder, phone: &str) {
    ladder.from(phone, REGISTER);
    ladder.from("first", ASKED);
    ladder.from(phone, PROVEN);
    ladder.from("first", GRANTED);
}

#[test]
fn phone_registers_through_and_calls_by_its_pbx() {
    let mut ladder = through("phone_registers_through_and_calls_by_its_pbx");
    ladder.remark("the PBX calls the phone by the name that it alone was told");
    ladder.from("first", "INVITE {registered} SIP/2.0\n{new +4930777}\n{me}\n\n{sdp}");
    ladder.from("anna", RINGING);
    ladder.from("anna", ANSWER);
    ladder.from("first", ACK);
    ladder.wait(1.0);
    ladder.from("first", BYE);
    ladder.from("anna", FINE);
    ladder.remark("nobody else may");
    ladder.from("guest", "INVITE sip:guessed@10.0.0.1 SIP/2.0\n{new}\n{me}\n\n{sdp}");
    ladder.from("guest", "ACK sip:guessed@10.0.0.1 SIP/2.0\n{same}");
    ladder.remark("what the phone dials is for its PBX to decide; the box has asked who it is");
    ladder.from("anna", &to_ben(""));
    ladder.from("anna", "ACK sip:ben@hq.example SIP/2.0\n{same}");
    ladder.from("anna", &to_ben("\n{credentials}"));
    ladder.remark("the PBX asks too, and is answered for the phone");
    ladder.from("first", &ASKED.replace("REGISTER", "INVITE").replace("n1", "n2"));
    ladder.from("first", "SIP/2.0 486 Busy Here\n{echo INVITE}");
    ladder.from("anna", "ACK sip:ben@hq.example SIP/2.0\n{same}");
    ladder.remark("and it goes");
    ladder.from("anna", &PROVEN.replace("3600", "0"));
    ladder.from("first", "SIP/2.0 200 OK\n{echo REGISTER}");
    ladder.wait(40.0);
    ladder.check();
}

#[test]
fn phone_is_taken_over_and_led_back() {
    let mut ladder = through("phone_is_taken_over_and_led_back");
    ladder.remark("the PBX says nothing any more");
    ladder.wait(90.0);
    ladder.health();
    ladder.from("anna", PROVEN);
    ladder.remark("the challenge of the box, with the realm of the PBX");
    ladder.from("anna", &PROVEN.replace("Authorization", "X"));
    ladder.from("ben", REGISTER);
    ladder.remark("of this one the box knows HA1 alone");
    ladder.from("ben", PROVEN);
    ladder.health();
    ladder.remark("they reach each other");
    ladder.from("anna", &to_ben(""));
    ladder.from("anna", "ACK sip:ben@hq.example SIP/2.0\n{same}");
    ladder.from("anna", &to_ben("\n{credentials}"));
    ladder.from("ben", RINGING);
    ladder.from("ben", ANSWER);
    ladder.from("anna", ACK);
    ladder.wait(1.0);
    ladder.from("anna", BYE);
    ladder.from("ben", FINE);
    ladder.remark("a restart changes nothing");
    ladder.restart(5.0);
    ladder.wait(1.0);
    ladder.from("first", ALIVE);
    ladder.remark("the PBX answers again, and asks the phone itself");
    pass(&mut ladder, "anna");
    ladder.health();
    ladder.wait(5.0);
    ladder.check();
}

#[test]
fn phone_is_taken_over_at_once() {
    let mut ladder = through("phone_is_taken_over_at_once");
    ladder.remark("nobody knows yet that the PBX is gone: four seconds later the box asks itself");
    ladder.from("anna", PROVEN);
    ladder.wait(5.0);
    ladder.from("anna", PROVEN);
    ladder.remark("a wrong password is refused, and so is whoever knows none");
    let wrong = PROVEN.replace("{me}\n", "{me}\nContact: <sip:thief@10.1.0.3>\n");
    ladder.from("ben", REGISTER);
    ladder.from(
        "ben",
        &wrong.replace(
            "{credentials}",
            "Authorization: Digest username=\"anna\", \
        realm=\"hq.example\", nonce=\"n\", uri=\"sip:hq.example\", response=\"0123\"",
        ),
    );
    ladder.wait(2.0);
    ladder.check();
}

#[test]
fn phone_whose_pbx_asks_nobody_is_asked_by_the_box() {
    let mut ladder = Ladder::with("phone_whose_pbx_asks_nobody", central(""));
    ladder.wait(1.0);
    ladder.from("first", ALIVE);
    ladder.from("anna", REGISTER);
    ladder.from("first", GRANTED);
    ladder.from("anna", PROVEN);
    ladder.from("first", GRANTED);
    ladder.wait(5.0);
    ladder.check();
}

#[test]
fn phone_that_its_pbx_refuses_is_not_taken_over() {
    let mut ladder = through("phone_that_its_pbx_refuses_is_not_taken_over");
    ladder.from("anna", PROVEN);
    ladder.from("first", "SIP/2.0 403 Forbidden\n{echo REGISTER}");
    ladder.wait(90.0);
    ladder.from("anna", REGISTER);
    ladder.from("anna", PROVEN);
    ladder.wait(1.0);
    ladder.check();
}
