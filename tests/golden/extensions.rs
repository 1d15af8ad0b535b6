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
    ladder.wait(22.0);
    ladder.health();
    ladder.remark("the PBX answers again: it counts as gone for half a minute more");
    ladder.wait(3.0);
    ladder.from("first", ALIVE);
    ladder.from("anna", REGISTER);
    ladder.wait(21.5);
    ladder.from("first", ALIVE);
    ladder.wait(10.0);
    ladder.remark("and asks the phone itself");
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
    ladder.remark("a wrong password is refused, and so is that of another phone");
    ladder.from("ben", REGISTER);
    ladder.wait(5.0);
    let wrong = "Authorization: Digest username=\"USER\", realm=\"hq.example\", nonce=\"n\", \
        uri=\"sip:hq.example\", response=\"0123\"";
    ladder.from("ben", &PROVEN.replace("{credentials}", &wrong.replace("USER", "ben")));
    ladder.from("ben", &PROVEN.replace("{credentials}", &wrong.replace("USER", "anna")));
    ladder.wait(2.0);
    ladder.check();
}

#[test]
fn phone_whose_pbx_is_put_down_is_taken_over_at_once() {
    let mut ladder = through("phone_whose_pbx_is_put_down");
    ladder.remark("a REGISTER is under way when the PBX is put down: nobody waits for it any more");
    ladder.from("anna", PROVEN);
    ladder.switch("hq", "10.9.1.1:5060", false);
    ladder.remark("what the PBX says all the same comes too late");
    ladder.from("first", GRANTED);
    ladder.remark("the PBX is well, and gets nothing of its phones: no REGISTER, no call");
    ladder.from("anna", PROVEN);
    ladder.from("ben", REGISTER);
    ladder.from("ben", PROVEN);
    ladder.health();
    ladder.from("anna", &to_ben(""));
    ladder.from("anna", "ACK sip:ben@hq.example SIP/2.0\n{same}");
    ladder.from("anna", &to_ben("\n{credentials}"));
    ladder.from("ben", RINGING);
    ladder.from("ben", "SIP/2.0 486 Busy Here\n{echo INVITE}");
    ladder.from("anna", "ACK sip:ben@hq.example SIP/2.0\n{same}");
    ladder.switch("hq", "10.9.1.1:5060", true);
    ladder.silently(|ladder| {
        ladder.from("first", ALIVE);
        ladder.wait(20.5);
        ladder.from("first", ALIVE);
        ladder.wait(10.0);
    });
    pass(&mut ladder, "anna");
    ladder.health();
    ladder.wait(1.0);
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

#[test]
fn phone_of_another_tenant_does_not_pass() {
    let mut ladder = through("phone_of_another_tenant_does_not_pass");
    ladder.remark("the same name at another domain of the same PBX is somebody else");
    let tenant = "REGISTER sip:tenant-b.example SIP/2.0\n{new}\n{me}";
    ladder.from("anna", tenant);
    ladder.from("desk", REGISTER);
    ladder.wait(1.0);
    ladder.check();
}

#[test]
fn stranger_moves_no_phone_of_a_pbx() {
    let mut ladder = through("stranger_moves_no_phone_of_a_pbx");
    ladder.remark("the PBX has trouble with somebody who knows no password: the box asks");
    ladder.from("desk", REGISTER);
    ladder.from("first", "SIP/2.0 503 Service Unavailable\n{echo REGISTER}");
    ladder.remark("and with somebody who was let in without an answer to its challenge");
    ladder.from("desk", &PROVEN.replace("{credentials}", "Authorization: Bearer of.good.news"));
    ladder.from("first", GRANTED);
    ladder.remark("a wrong password does not get as far as the PBX");
    let wrong = "Authorization: Digest username=\"anna\", realm=\"hq.example\", nonce=\"n1\", \
        uri=\"sip:hq.example\", response=\"00000000000000000000000000000000\"";
    ladder.from("desk", &PROVEN.replace("{credentials}", wrong));
    ladder.remark("the phone itself still goes to its PBX");
    ladder.from("anna", PROVEN);
    ladder.from("first", GRANTED);
    ladder.health();
    ladder.wait(1.0);
    ladder.check();
}

#[test]
fn stranger_named_like_a_phone_has_no_rights_of_it() {
    let by_hq = "\n[[number]]\ndialled = \"+4989*\"\nto = { trunk = \"hq\" }\n";
    let name = "stranger_named_like_a_phone_has_no_rights_of_it";
    let mut ladder = Ladder::with(name, central(by_hq));
    ladder.wait(1.0);
    ladder.from("first", ALIVE);
    ladder.remark("a caller from outside who shows the name of a phone");
    let named = |uri: &str, via: &str, from: &str| {
        format!(
            "INVITE {uri} SIP/2.0\nVia: SIP/2.0/UDP {via};branch=z9hG4bK-{via}\n\
             Max-Forwards: 70\nFrom: <{from}>;tag={via}\nTo: <{uri}>\nCall-ID: {via}\n\
             CSeq: 1 INVITE\n{{me}}\n\n{{sdp}}"
        )
    };
    let outside = named("sip:+4989123@10.0.0.1", "10.9.0.5", "sip:anna@carrier.example");
    ladder.from("caller", &outside);
    ladder.from("first", &ASKED.replace("REGISTER", "INVITE"));
    ladder.remark("and a guest who writes it in another way");
    let guest = named("sip:ben@10.0.0.1", "198.51.100.7", "sip:%61nna@x.example");
    ladder.from("guest", &guest);
    ladder.wait(1.0);
    ladder.check();
}
