//! Calls to a number: another phone, or the carrier.

use crate::ladder::Ladder;
use crate::queue::{ACK, ANSWER, BYE, FINE, RINGING, TERMINATED, TRYING};

/// A call to a mobile number, out over the carrier.
const OUT: &str = "INVITE sip:+49171999@10.0.0.1 SIP/2.0\n{new}\n{me}\n\n{sdp}";
/// A call to a phone.
pub const TO_ANNA: &str = "INVITE sip:anna@10.0.0.1 SIP/2.0\n{new}\n{me}\n\n{sdp}";

#[test]
fn dial_through_ringing_early_media() {
    let mut ladder = Ladder::new("dial_through_ringing_early_media");
    ladder.from("caller", OUT);
    ladder.from("carrier", TRYING);
    ladder.from("carrier", RINGING);
    ladder.from("carrier", "SIP/2.0 183 Session Progress\n{echo INVITE}\n{me}\n\n{sdp}");
    ladder.wait(4.0);
    ladder.remark("the 200 repeats the description of the 183");
    ladder.from("carrier", ANSWER);
    ladder.from("caller", ACK);
    ladder.wait(10.0);
    ladder.ends("carrier", "caller");
}

#[test]
fn dial_busy() {
    let mut ladder = Ladder::new("dial_busy").registered(&["anna"]);
    ladder.from("caller", TO_ANNA);
    ladder.from("anna", TRYING);
    ladder.from("anna", "SIP/2.0 486 Busy Here\n{echo INVITE}");
    ladder.from("caller", "ACK sip:anna@10.0.0.1 SIP/2.0\n{same}");
    ladder.wait(40.0);
    ladder.check();
}

/// The caller gives up while anna's phone rings.
pub fn gives_up(ladder: &mut Ladder) {
    ladder.from("caller", "CANCEL sip:anna@10.0.0.1 SIP/2.0\n{same}");
    ladder.from("caller", "ACK sip:anna@10.0.0.1 SIP/2.0\n{same}");
    ladder.from("anna", FINE);
    ladder.from("anna", TERMINATED);
}

#[test]
fn dial_cancelled() {
    let mut ladder = Ladder::new("dial_cancelled").registered(&["anna"]);
    ladder.from("caller", TO_ANNA);
    ladder.from("anna", TRYING);
    ladder.from("anna", RINGING);
    gives_up(&mut ladder);
    ladder.wait(40.0);
    ladder.check();
}

#[test]
fn early_dialog_bye() {
    let mut ladder = Ladder::new("early_dialog_bye").registered(&["anna"]);
    ladder.from("caller", TO_ANNA);
    ladder.from("anna", TRYING);
    ladder.from("anna", RINGING);
    ladder.remark("the caller moves, then offers anew before the first answer, then hangs up");
    ladder.from("caller", "UPDATE {contact} SIP/2.0\n{next}\n{me}");
    ladder.from("caller", "UPDATE {contact} SIP/2.0\n{next}\n{me}\n\n{sdp}");
    ladder.from("caller", BYE);
    ladder.from("caller", "ACK sip:anna@10.0.0.1 SIP/2.0\n{same}");
    ladder.from("anna", FINE);
    ladder.from("anna", TERMINATED);
    ladder.wait(40.0);
    ladder.check();
}

#[test]
fn forked_200s() {
    let mut ladder = Ladder::new("forked_200s");
    ladder.from("caller", OUT);
    ladder.from("carrier", "SIP/2.0 180 Ringing\n{echo INVITE blue}\n{me}");
    ladder.from("carrier", "SIP/2.0 180 Ringing\n{echo INVITE green}\n{me}");
    ladder.from("carrier", "SIP/2.0 200 OK\n{echo INVITE green}\n{me}\n\n{sdp}");
    ladder.from("caller", ACK);
    ladder.remark("the other branch answers too");
    ladder.from("carrier", "SIP/2.0 200 OK\n{echo INVITE blue}\n{me}\n\n{sdp}");
    ladder.from("carrier", FINE);
    ladder.wait(1.0);
    ladder.ends("caller", "carrier");
}

#[test]
fn offerless_invite() {
    let mut ladder = Ladder::new("offerless_invite").registered(&["anna"]);
    ladder.from("caller", "INVITE sip:anna@10.0.0.1 SIP/2.0\n{new}\n{me}");
    ladder.from("anna", TRYING);
    ladder.from("anna", RINGING);
    ladder.from("anna", ANSWER);
    ladder.from("caller", "ACK {contact} SIP/2.0\n{next}\n\n{sdp}");
    ladder.wait(5.0);
    ladder.ends("caller", "anna");
}

/// A phone behind a NAT, whose Contact stays what it was.
const MOVED: &str = "REGISTER sip:golden.example SIP/2.0\n{new}\nContact: <sip:anna@10.1.0.1:5060>\n\
                     Expires: 3600";

#[test]
fn a_call_follows_its_phone() {
    let mut ladder = Ladder::new("a_call_follows_its_phone").registered(&["anna"]);
    ladder.from("caller", TO_ANNA);
    ladder.from("anna", RINGING);
    ladder.from("anna", ANSWER);
    ladder.from("caller", ACK);
    ladder.wait(1.0);
    ladder.moves("anna", "10.1.0.1:40001");
    ladder.from("anna", MOVED);
    ladder.from("anna", &format!("{MOVED}\n{{credentials}}"));
    ladder.remark("the restart knows it too");
    ladder.restart(2.0);
    ladder.from("anna", ANSWER);
    ladder.from("caller", ANSWER);
    ladder.ends("caller", "anna");
}

#[test]
fn a_call_follows_the_phone_that_began_it() {
    let name = "a_call_follows_the_phone_that_began_it";
    let mut ladder = Ladder::new(name).registered(&["anna", "ben"]);
    ladder.from("ben", TO_ANNA);
    ladder.from("ben", "ACK sip:anna@10.0.0.1 SIP/2.0\n{same}");
    ladder.from("ben", &TO_ANNA.replace("{me}", "{me}\n{credentials}"));
    ladder.from("anna", ANSWER);
    ladder.from("ben", ACK);
    ladder.wait(1.0);
    ladder.moves("ben", "10.1.0.3:40001");
    let moved = MOVED.replace("anna@10.1.0.1", "ben@10.1.0.3");
    ladder.from("ben", &moved);
    ladder.from("ben", &format!("{moved}\n{{credentials}}"));
    ladder.ends("anna", "ben");
}
