//! What becomes of requests that begin no call, or not this one.

use crate::ladder::Ladder;
use crate::queue::{CALL, TRYING};

#[test]
fn options() {
    let mut ladder = Ladder::new("options");
    ladder.from("carrier", "OPTIONS sip:10.0.0.1 SIP/2.0\n{new}");
    ladder.from("guest", "OPTIONS sip:10.0.0.1 SIP/2.0\n{new}\nRequire: precondition");
    ladder.wait(40.0);
    ladder.check();
}

#[test]
fn register_challenge() {
    let mut ladder = Ladder::new("register_challenge");
    ladder.register("anna");
    ladder.remark("once more, with the nonce and count that were used before");
    ladder.from(
        "anna",
        "REGISTER sip:golden.example SIP/2.0\n{new}\n{me}\nExpires: 3600\n{credentials}",
    );
    ladder.remark("the phone is switched off");
    ladder.from(
        "anna",
        "REGISTER sip:golden.example SIP/2.0\n{new}\nContact: *\nExpires: 0\n{credentials}",
    );
    ladder.wait(40.0);
    ladder.check();
}

#[test]
fn unknown_number_404() {
    let mut ladder = Ladder::new("unknown_number_404");
    ladder.from("caller", "INVITE sip:nobody@10.0.0.1 SIP/2.0\n{new}\n{me}\n\n{sdp}");
    ladder.from("caller", "ACK sip:nobody@10.0.0.1 SIP/2.0\n{same}");
    ladder.wait(40.0);
    ladder.check();
}

#[test]
fn guest_to_trunk_403() {
    let mut ladder = Ladder::new("guest_to_trunk_403");
    ladder.from("guest", "INVITE sip:+49171999@10.0.0.1 SIP/2.0\n{new}\n{me}\n\n{sdp}");
    ladder.from("guest", "ACK sip:+49171999@10.0.0.1 SIP/2.0\n{same}");
    ladder.wait(40.0);
    ladder.check();
}

#[test]
fn star_codes() {
    let mut ladder = Ladder::new("star_codes").registered(&["anna"]);
    for code in ["*46", "*45"] {
        ladder.remark(&format!("the agent dials {code}"));
        let invite = format!("INVITE sip:{code}@golden.example SIP/2.0\n");
        ladder.from("anna", &format!("{invite}{{new}}\n{{me}}\n\n{{sdp}}"));
        ladder.from("anna", &format!("ACK sip:{code}@golden.example SIP/2.0\n{{same}}"));
        ladder.from("anna", &format!("{invite}{{new}}\n{{me}}\n{{credentials}}\n\n{{sdp}}"));
        ladder.from("anna", "ACK {contact} SIP/2.0\n{next}");
        ladder.wait(5.0);
        ladder.from("anna", "SIP/2.0 200 OK\n{echo BYE}");
    }
    ladder.remark("somebody else may not");
    ladder.from("caller", "INVITE sip:*45@10.0.0.1 SIP/2.0\n{new}\n{me}\n\n{sdp}");
    ladder.from("caller", "ACK sip:*45@10.0.0.1 SIP/2.0\n{same}");
    ladder.wait(40.0);
    ladder.check();
}

#[test]
fn merged_482() {
    let mut ladder = Ladder::new("merged_482").registered(&["anna"]);
    ladder.from("caller", "INVITE sip:anna@10.0.0.1 SIP/2.0\n{new}\n{me}\n\n{sdp}");
    ladder.from("anna", TRYING);
    ladder.remark("the same INVITE by another way");
    ladder.from("caller", "INVITE sip:anna@10.0.0.1 SIP/2.0\n{fork}\n{me}\n\n{sdp}");
    ladder.from("caller", "ACK sip:anna@10.0.0.1 SIP/2.0\n{same}");
    ladder.from("anna", "SIP/2.0 486 Busy Here\n{echo INVITE}");
    ladder.wait(40.0);
    ladder.check();
}

#[test]
fn in_dialog_unknown_481() {
    let mut ladder = Ladder::new("in_dialog_unknown_481");
    for method in ["BYE", "INVITE", "UPDATE"] {
        let head = format!("{method} sip:holdfast@10.0.0.1 SIP/2.0\n");
        let rest = "Via: SIP/2.0/UDP 10.9.0.5:5060;branch=z9hG4bK-";
        let dialog = "From: <sip:a@carrier.example>;tag=a\nTo: <sip:b@10.0.0.1>;tag=b\n\
                      Call-ID: long-gone\nMax-Forwards: 70";
        ladder.from("caller", &format!("{head}{rest}{method}\n{dialog}\nCSeq: 7 {method}\n{{me}}"));
    }
    ladder.from("caller", "CANCEL sip:anna@10.0.0.1 SIP/2.0\n{new}");
    ladder.wait(40.0);
    ladder.check();
}

#[test]
fn nothing_in_common_488() {
    let mut ladder = Ladder::new("nothing_in_common_488");
    ladder.from(
        "caller",
        "INVITE sip:+4930100@10.0.0.1 SIP/2.0\n{new}\n{me}\n\nv=0\r\n\
         o=caller 7 1 IN IP4 10.9.0.5\r\ns=-\r\nc=IN IP4 10.9.0.5\r\nt=0 0\r\n\
         m=image 4000 udptl t38\r\n",
    );
    ladder.from("caller", "ACK sip:+4930100@10.0.0.1 SIP/2.0\n{same}");
    ladder.from("caller", &CALL.replace("{me}", "{me}\nRequire: precondition"));
    ladder.from("caller", "ACK sip:+4930100@10.0.0.1 SIP/2.0\n{same}");
    ladder.wait(40.0);
    ladder.check();
}
