//! Callers of a queue and the agents who are offered them.

use crate::ladder::Ladder;

/// The words of a call to the queue.
pub const CALL: &str = "INVITE sip:+4930100@10.0.0.1 SIP/2.0\n{new}\n{me}\n\n{sdp}";
pub const TRYING: &str = "SIP/2.0 100 Trying\n{echo INVITE}";
pub const RINGING: &str = "SIP/2.0 180 Ringing\n{echo INVITE}\n{me}";
pub const ANSWER: &str = "SIP/2.0 200 OK\n{echo INVITE}\n{me}\n\n{sdp}";
pub const ACK: &str = "ACK {contact} SIP/2.0\n{next}";
pub const BYE: &str = "BYE {contact} SIP/2.0\n{next}";
/// To the request that is not an INVITE: CANCEL, BYE.
pub const FINE: &str = "SIP/2.0 200 OK\n{echo}";
pub const TERMINATED: &str = "SIP/2.0 487 Request Terminated\n{echo cancelled}";

/// A caller in the queue, and a phone that rings for it.
pub fn ringing(ladder: &mut Ladder, phone: &str) {
    ladder.from("caller", CALL);
    ladder.from("caller", ACK);
    ladder.from(phone, TRYING);
    ladder.from(phone, RINGING);
}

#[test]
fn queue_answered() {
    let mut ladder = Ladder::new("queue_answered").registered(&["anna"]);
    ringing(&mut ladder, "anna");
    ladder.wait(3.0);
    ladder.from("anna", ANSWER);
    ladder.wait(30.0);
    ladder.from("caller", BYE);
    ladder.from("anna", FINE);
    ladder.remark("the wrap-up time of the queue passes");
    ladder.wait(40.0);
    ladder.check();
}

#[test]
fn queue_asks_the_phone_to_answer_by_itself() {
    let name = "queue_asks_the_phone_to_answer_by_itself";
    let mut ladder = Ladder::with(name, crate::cast::unattended()).registered(&["anna"]);
    ladder.from("caller", CALL);
    ladder.from("caller", ACK);
    ladder.from("anna", ANSWER);
    ladder.wait(1.0);
    ladder.from("caller", BYE);
    ladder.from("anna", FINE);
    ladder.remark("nobody is put through to her by dialling her name");
    ladder.wait(40.0);
    ladder.from("caller", crate::dialling::TO_ANNA);
    ladder.from("caller", "CANCEL sip:anna@10.0.0.1 SIP/2.0\n{same}");
    ladder.from("caller", "ACK sip:anna@10.0.0.1 SIP/2.0\n{same}");
    ladder.from("anna", "SIP/2.0 486 Busy Here\n{echo INVITE}");
    ladder.wait(40.0);
    ladder.check();
}

#[test]
fn queue_waits_for_an_agent() {
    let mut ladder = Ladder::new("queue_waits_for_an_agent");
    ladder.from("caller", CALL);
    ladder.from("caller", ACK);
    ladder.wait(20.0);
    ladder.remark("the first agent comes to work");
    ladder.register("ben");
    ladder.from("ben", TRYING);
    ladder.from("ben", RINGING);
    ladder.from("ben", ANSWER);
    ladder.wait(5.0);
    ladder.remark("the agent hangs up");
    ladder.ends("ben", "caller");
}

#[test]
fn queue_caller_gives_up_ringing() {
    let mut ladder = Ladder::new("queue_caller_gives_up_ringing").registered(&["anna"]);
    ringing(&mut ladder, "anna");
    ladder.wait(4.0);
    ladder.from("caller", BYE);
    ladder.from("anna", FINE);
    ladder.from("anna", TERMINATED);
    ladder.wait(40.0);
    ladder.check();
}

#[test]
fn queue_rona_next_agent() {
    let mut ladder = Ladder::new("queue_rona_next_agent").registered(&["anna", "ben"]);
    ringing(&mut ladder, "anna");
    ladder.remark("the alerting time of the queue passes");
    ladder.wait(10.5);
    ladder.from("anna", FINE);
    ladder.from("anna", TERMINATED);
    ladder.from("ben", TRYING);
    ladder.from("ben", RINGING);
    ladder.wait(2.0);
    ladder.from("ben", ANSWER);
    ladder.wait(5.0);
    ladder.from("caller", BYE);
    ladder.from("ben", FINE);
    ladder.wait(45.0);
    ladder.check();
}

#[test]
fn queue_agent_declines() {
    let mut ladder = Ladder::new("queue_agent_declines").registered(&["anna"]);
    ringing(&mut ladder, "anna");
    ladder.wait(2.0);
    ladder.from("anna", "SIP/2.0 603 Decline\n{echo INVITE}");
    ladder.wait(1.0);
    ladder.from("caller", BYE);
    ladder.wait(40.0);
    ladder.check();
}

#[test]
fn two_contacts_one_winner() {
    let mut ladder = Ladder::new("two_contacts_one_winner").registered(&["anna", "desk"]);
    ladder.from("caller", CALL);
    ladder.from("caller", ACK);
    for phone in ["anna", "desk"] {
        ladder.from(phone, TRYING);
        ladder.from(phone, RINGING);
    }
    ladder.from("desk", ANSWER);
    ladder.from("anna", FINE);
    ladder.from("anna", TERMINATED);
    ladder.wait(5.0);
    ladder.ends("caller", "desk");
}

#[test]
fn cancel_crosses_200() {
    let mut ladder = Ladder::new("cancel_crosses_200").registered(&["anna"]);
    ringing(&mut ladder, "anna");
    ladder.from("caller", BYE);
    ladder.remark("the agent answered before the CANCEL arrived");
    ladder.from("anna", ANSWER);
    ladder.from("anna", "SIP/2.0 481 Call/Transaction Does Not Exist\n{echo CANCEL}");
    ladder.from("anna", "SIP/2.0 200 OK\n{echo BYE}");
    ladder.wait(40.0);
    ladder.check();
}

#[test]
fn forked_200s_after_cancel() {
    let mut ladder = Ladder::new("forked_200s_after_cancel").registered(&["anna"]);
    ringing(&mut ladder, "anna");
    ladder.remark("the alerting time passes; behind the phone's proxy two devices answer");
    ladder.wait(10.5);
    ladder.from("anna", "SIP/2.0 200 OK\n{echo CANCEL}");
    for fork in ["green", "blue"] {
        ladder.from("anna", &format!("SIP/2.0 200 OK\n{{echo INVITE {fork}}}\n{{me}}\n\n{{sdp}}"));
        ladder.from("anna", "SIP/2.0 200 OK\n{echo BYE}");
    }
    ladder.wait(1.0);
    ladder.from("caller", BYE);
    ladder.wait(45.0);
    ladder.check();
}

#[test]
fn no_ack_bye() {
    let mut ladder = Ladder::new("no_ack_bye");
    ladder.from("caller", CALL);
    ladder.wait(32.1);
    ladder.from("caller", FINE);
    ladder.wait(40.0);
    ladder.check();
}
