//! Calls that a party passes on by REFER.

use crate::cast;
use crate::dialling::TO_ANNA;
use crate::ladder::Ladder;
use crate::queue::{ACK, ANSWER, BYE, CALL, RINGING, TERMINATED, TRYING, ringing};

/// To the request that tells how a transfer goes.
pub const HEARD: &str = "SIP/2.0 200 OK\n{echo NOTIFY}";
pub const HUNG_UP: &str = "SIP/2.0 200 OK\n{echo BYE}";
const TO_BEN: &str = "REFER {contact} SIP/2.0\n{next}\n{me}\nRefer-To: <sip:ben@golden.example>\n\
                      Referred-By: <sip:anna@golden.example>";

/// The caller and anna talk; anna's phone holds, as phones do before they transfer.
pub fn held(ladder: &mut Ladder) {
    ladder.from("caller", TO_ANNA);
    ladder.from("anna", RINGING);
    ladder.from("anna", ANSWER);
    ladder.from("caller", ACK);
    ladder.wait(5.0);
    ladder.from("anna", "INVITE {contact} SIP/2.0\n{next}\n{me}\n\n{sdp sendonly}");
    ladder.from("anna", ACK);
}

#[test]
fn transfer_blind() {
    let mut ladder = Ladder::new("transfer_blind").registered(&["anna", "ben"]);
    held(&mut ladder);
    ladder.from("anna", TO_BEN);
    ladder.from("anna", HEARD);
    ladder.from("ben", TRYING);
    ladder.from("ben", RINGING);
    ladder.from("anna", HEARD);
    ladder.wait(3.0);
    ladder.from("ben", ANSWER);
    ladder.from("anna", HEARD);
    ladder.from("anna", HUNG_UP);
    ladder.wait(10.0);
    ladder.ends("caller", "ben");
}

#[test]
fn transfer_blind_busy() {
    let mut ladder = Ladder::new("transfer_blind_busy").registered(&["anna", "ben"]);
    held(&mut ladder);
    ladder.from("anna", TO_BEN);
    ladder.from("anna", HEARD);
    ladder.from("ben", "SIP/2.0 486 Busy Here\n{echo INVITE}");
    ladder.from("anna", HEARD);
    ladder.remark("the phone takes the caller back");
    ladder.from("anna", "INVITE {contact} SIP/2.0\n{next}\n{me}\n\n{sdp}");
    ladder.from("anna", ACK);
    ladder.wait(1.0);
    ladder.remark("another try: the second REFER of the dialog is named by its CSeq");
    ladder.from("anna", TO_BEN);
    ladder.from("anna", HEARD);
    ladder.from("ben", "SIP/2.0 603 Decline\n{echo INVITE}");
    ladder.from("anna", HEARD);
    ladder.wait(2.0);
    ladder.ends("anna", "caller");
}

#[test]
fn transfer_alone_to_nobody() {
    let mut ladder = Ladder::new("transfer_alone_to_nobody").registered(&["anna", "ben"]);
    held(&mut ladder);
    ladder.from("anna", TO_BEN);
    ladder.remark("the phone hangs up as soon as it may");
    ladder.from("anna", BYE);
    ladder.from("anna", HEARD);
    ladder.from("ben", RINGING);
    ladder.from("anna", "SIP/2.0 481 Call/Transaction Does Not Exist\n{echo NOTIFY}");
    ladder.wait(31.0);
    ladder.from("anna", "SIP/2.0 481 Call/Transaction Does Not Exist\n{echo NOTIFY}");
    ladder.from("ben", "SIP/2.0 200 OK\n{echo CANCEL}");
    ladder.from("ben", TERMINATED);
    ladder.wait(5.0);
    ladder.from("caller", HUNG_UP);
    ladder.wait(40.0);
    ladder.check();
}

#[test]
fn transfer_returns_to_the_queue() {
    let mut ladder = Ladder::new("transfer_returns_to_the_queue").registered(&["anna"]);
    ringing(&mut ladder, "anna");
    ladder.from("anna", ANSWER);
    ladder.from("second", CALL);
    ladder.from("second", ACK);
    ladder.wait(10.0);
    ladder
        .from("anna", "REFER {contact} SIP/2.0\n{next}\n{me}\nRefer-To: <sip:+49171999@10.0.0.1>");
    ladder.from("anna", BYE);
    ladder.from("anna", HEARD);
    ladder.from("carrier", TRYING);
    ladder.from("carrier", "SIP/2.0 486 Busy Here\n{echo INVITE}");
    ladder.from("anna", HEARD);
    ladder.remark("after the wrap-up time the caller is before the one who came later");
    ladder.wait(6.0);
    ladder.from("anna", RINGING);
    ladder.from("anna", ANSWER);
    ladder.wait(1.0);
    ladder.from("caller", BYE);
    ladder.from("anna", HUNG_UP);
    ladder.from("second", BYE);
    ladder.wait(40.0);
    ladder.check();
}

#[test]
fn transfer_by_the_caller() {
    let mut ladder = Ladder::new("transfer_by_the_caller").registered(&["anna", "ben"]);
    ladder.from("ben", TO_ANNA);
    ladder.from("ben", "ACK sip:anna@10.0.0.1 SIP/2.0\n{same}");
    ladder.from("ben", &TO_ANNA.replace("{me}", "{me}\n{credentials}"));
    ladder.from("anna", RINGING);
    ladder.from("anna", ANSWER);
    ladder.from("ben", ACK);
    ladder.wait(2.0);
    ladder.remark("the caller says nothing to the transferor but the 202 (RFC 4488)");
    ladder.from(
        "ben",
        "REFER {contact} SIP/2.0\n{next}\n{me}\nRefer-To: <tel:+49171999>\nRefer-Sub: false",
    );
    ladder.from("carrier", RINGING);
    ladder.from("carrier", ANSWER);
    ladder.from("ben", HUNG_UP);
    ladder.wait(5.0);
    ladder.ends("anna", "carrier");
}

#[test]
fn transfer_refused() {
    let mut ladder = Ladder::new("transfer_refused").registered(&["anna", "ben"]);
    ladder.remark("a stranger may not");
    ladder.from("guest", TO_ANNA);
    ladder.from("anna", RINGING);
    ladder.from("anna", ANSWER);
    ladder.from("guest", ACK);
    ladder.from("guest", "REFER {contact} SIP/2.0\n{next}\n{me}\nRefer-To: <sip:ben@10.0.0.1>");
    ladder.remark("what nobody can carry out");
    for to in [
        "",
        "Refer-To: <sip:ben@10.0.0.1>\nRefer-To: <sip:anna@10.0.0.1>",
        "Refer-To: <http://golden.example>",
        "Refer-To: <sip:ben@10.0.0.1;method=BYE>",
        "Refer-To: <sip:+4999@10.0.0.1>",
    ] {
        ladder.from("anna", &format!("REFER {{contact}} SIP/2.0\n{{next}}\n{{me}}\n{to}"));
    }
    ladder.remark("outside of a dialog");
    ladder.from("guest", BYE);
    ladder.from("anna", HUNG_UP);
    ladder.from("ben", "REFER sip:anna@10.0.0.1 SIP/2.0\n{new}\n{me}\nRefer-To: <sip:b@h>");
    ladder.wait(40.0);
    ladder.check();
}

#[test]
fn transfer_to_a_queue() {
    let mut ladder = Ladder::new("transfer_to_a_queue").registered(&["anna", "ben"]);
    ladder.from("caller", &TO_ANNA.replace("anna", "ben"));
    ladder.from("ben", RINGING);
    ladder.from("ben", ANSWER);
    ladder.from("caller", ACK);
    ladder.wait(2.0);
    ladder.from("ben", "REFER {contact} SIP/2.0\n{next}\n{me}\nRefer-To: <sip:+4930100@10.0.0.1>");
    ladder.from("ben", HEARD);
    ladder.from("ben", HUNG_UP);
    ladder.from("anna", RINGING);
    ladder.from("anna", ANSWER);
    ladder.wait(3.0);
    ladder.ends("anna", "caller");
}

#[test]
fn transfer_crosses_bye() {
    let mut ladder = Ladder::new("transfer_crosses_bye").registered(&["anna", "ben"]);
    held(&mut ladder);
    ladder.from("caller", BYE);
    ladder.remark("the phone asks before it has heard of the end");
    ladder.from("anna", TO_BEN);
    ladder.from("anna", HUNG_UP);
    ladder.wait(40.0);
    ladder.check();
}

#[test]
fn transfer_twice_and_abandoned() {
    let mut ladder = Ladder::new("transfer_twice_and_abandoned").registered(&["anna", "ben"]);
    held(&mut ladder);
    ladder.from("anna", TO_BEN);
    ladder.from("anna", HEARD);
    ladder.from("ben", RINGING);
    ladder.from("anna", HEARD);
    ladder.from("anna", TO_BEN);
    ladder.remark("the caller gives up");
    ladder.from("caller", BYE);
    ladder.from("anna", HEARD);
    ladder.from("anna", HUNG_UP);
    ladder.from("ben", "SIP/2.0 200 OK\n{echo CANCEL}");
    ladder.from("ben", TERMINATED);
    ladder.wait(40.0);
    ladder.check();
}

#[test]
fn transfer_by_a_trunk_that_names_itself() {
    let config = cast::config_with(
        "[[trunk]]\nname = 'teams'\nnetworks = ['10.9.1.1']\ntarget = '10.9.1.1:5060'\n\
         options_every = 'never'\nrefer = true\n",
    );
    let mut ladder = Ladder::with("transfer_by_a_trunk_that_names_itself", config);
    ladder.register("anna");
    ladder.from("first", TO_ANNA);
    ladder.from("anna", ANSWER);
    ladder.from("first", ACK);
    ladder.wait(2.0);
    let long = "0".repeat(400);
    ladder.from(
        "first",
        &format!(
            "REFER {{contact}} SIP/2.0\n{{next}}\n{{me}}\n\
             Refer-To: <sip:10.9.1.1:5060;x-m=8:orgid:7;x-t=t>\n\
             Referred-By:  <sip:10.9.1.1;x-m=8:orgid:1;x-t=t;x-ti={long};x-tt=aHR0> "
        ),
    );
    ladder.from("first", HEARD);
    ladder.from("first", ANSWER);
    ladder.from("first", HEARD);
    ladder.from("first", HUNG_UP);
    ladder.wait(2.0);
    ladder.ends("anna", "first");
}

/// `desk`, another phone of anna's, asks ben.
fn consults(ladder: &mut Ladder) {
    consulted(ladder, &str::to_owned);
}

/// The same with descriptions of another kind.
pub fn consulted(ladder: &mut Ladder, described: &dyn Fn(&str) -> String) {
    let to_ben = described(&TO_ANNA.replace("anna", "ben"));
    ladder.from("desk", &to_ben);
    ladder.from("desk", "ACK sip:ben@10.0.0.1 SIP/2.0\n{same}");
    ladder.from("desk", &to_ben.replace("{me}", "{me}\n{credentials}"));
    ladder.from("ben", RINGING);
    ladder.from("ben", &described(ANSWER));
    ladder.from("desk", ACK);
    ladder.wait(5.0);
}

pub const TO_HER_BEN: &str = "REFER {contact} SIP/2.0\n{next}\n{me}\n\
                          Refer-To: <sip:ben@golden.example?Replaces={escaped desk}>";

#[test]
fn transfer_attended() {
    let mut ladder = Ladder::new("transfer_attended").registered(&["anna", "ben"]);
    held(&mut ladder);
    consults(&mut ladder);
    ladder.from("anna", TO_HER_BEN);
    ladder.remark("ben hears where the audio is now; both phones of the transferor are let go");
    ladder.from("anna", HEARD);
    ladder.from("anna", HUNG_UP);
    ladder.from("desk", HUNG_UP);
    ladder.from("ben", ANSWER);
    ladder.wait(10.0);
    ladder.ends("ben", "caller");
}

#[test]
fn transfer_attended_refused() {
    let mut ladder = Ladder::new("transfer_attended_refused").registered(&["anna", "ben"]);
    held(&mut ladder);
    ladder.from("second", &TO_ANNA.replace("anna", "ben"));
    ladder.from("ben", RINGING);
    ladder.remark("a call that is not here, this very call, a call of others");
    for replaces in ["nothing%3Bto-tag%3Da%3Bfrom-tag%3Db", "{escaped anna}", "{escaped second}"] {
        ladder.from("anna", &TO_HER_BEN.replace("{escaped desk}", replaces));
    }
    ladder.from("second", "CANCEL sip:ben@10.0.0.1 SIP/2.0\n{same}");
    ladder.from("second", "ACK sip:ben@10.0.0.1 SIP/2.0\n{same}");
    ladder.from("ben", "SIP/2.0 200 OK\n{echo CANCEL}");
    ladder.from("ben", TERMINATED);
    ladder.ends("caller", "anna");
}

#[test]
fn restart_after_an_attended_transfer() {
    let mut ladder = Ladder::new("restart_after_an_attended_transfer").registered(&["anna", "ben"]);
    held(&mut ladder);
    consults(&mut ladder);
    ladder.from("anna", TO_HER_BEN);
    ladder.remark("the process dies before ben has answered the re-INVITE");
    ladder.restart(0.5);
    ladder.from("caller", ANSWER);
    ladder.from("ben", ANSWER);
    ladder.wait(3.0);
    ladder.ends("caller", "ben");
}

#[test]
fn invite_with_replaces() {
    let mut ladder = Ladder::new("invite_with_replaces").registered(&["anna", "ben"]);
    ladder.from("caller", TO_ANNA);
    ladder.from("anna", RINGING);
    ladder.from("anna", ANSWER);
    ladder.from("caller", ACK);
    ladder.wait(2.0);
    let invite = |replaces: &str| {
        let replaces = format!("{{me}}\n{{credentials}}\nReplaces: {replaces}");
        TO_ANNA.replace("{me}", &replaces)
    };
    let refused = "ACK sip:anna@10.0.0.1 SIP/2.0\n{same}";
    let asks = |ladder: &mut Ladder, phone: &str, replaces: &str| {
        ladder.from(phone, &invite(replaces).replace("{credentials}\n", ""));
        ladder.from(phone, refused);
        ladder.from(phone, &invite(replaces));
    };
    asks(&mut ladder, "ben", "nothing;to-tag=a;from-tag=b");
    ladder.from("ben", refused);
    ladder.remark("answered, and only an early one is meant");
    asks(&mut ladder, "ben", "{dialog anna};early-only");
    ladder.from("ben", refused);
    ladder.remark("ben takes anna's place");
    asks(&mut ladder, "ben", "{dialog anna}");
    ladder.from("ben", ACK);
    ladder.remark("replaced already; and no stranger may");
    asks(&mut ladder, "desk", "{dialog anna}");
    ladder.from("desk", refused);
    ladder.from("guest", &TO_ANNA.replace("{me}", "{me}\nReplaces: {dialog ben}"));
    ladder.from("guest", refused);
    ladder.from("anna", HUNG_UP);
    ladder.wait(3.0);
    ladder.ends("caller", "ben");
}

#[test]
fn restart_while_transferring() {
    let mut ladder = Ladder::new("restart_while_transferring").registered(&["anna", "ben"]);
    held(&mut ladder);
    ladder.from("anna", TO_BEN);
    ladder.from("anna", HEARD);
    ladder.from("ben", RINGING);
    ladder.from("anna", HEARD);
    ladder.restart(1.5);
    ladder.from("caller", ANSWER);
    ladder.from("anna", "SIP/2.0 200 OK\n{echo INVITE}\n{me}\n\n{sdp sendonly}");
    ladder.remark("the phone of the target stops ringing; transferor and caller are joined again");
    ladder.from("ben", "SIP/2.0 200 OK\n{echo CANCEL}");
    ladder.from("ben", TERMINATED);
    ladder.from("anna", HEARD);
    ladder.wait(2.0);
    ladder.ends("caller", "anna");
}
