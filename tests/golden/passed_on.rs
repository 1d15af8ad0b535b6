//! What a call keeps when one of its parties is passed on: whom it must not name, that it is for
//! help, and that nobody asks too often.

use crate::cast;
use crate::dialling::TO_ANNA;
use crate::ladder::Ladder;
use crate::queue::{ACK, ANSWER, BYE, RINGING, TRYING};
use crate::transfers::{HEARD, HUNG_UP, held};

/// Anna holds a caller, and one line leads to those who help.
fn held_with_rescue(name: &'static str) -> Ladder {
    let config = cast::config_with(
        "[emergency]\nnumbers = ['112']\ntrunks = ['one']\n[[trunk]]\nname = 'one'\n\
         networks = ['10.9.1.1']\ntarget = '10.9.1.1:5060'\noptions_every = 'never'\n\
         calls_max = 1\n",
    );
    let mut ladder = Ladder::with(name, config).registered(&["anna", "ben"]);
    held(&mut ladder);
    ladder
}

#[test]
fn transfer_to_an_emergency_number() {
    let mut ladder = held_with_rescue("transfer_to_an_emergency_number");
    ladder.from("anna", "REFER {contact} SIP/2.0\n{next}\n{me}\nRefer-To: <sip:112@10.0.0.1>");
    ladder.from("anna", HEARD);
    ladder.from("first", ANSWER);
    ladder.from("anna", HEARD);
    ladder.from("anna", HUNG_UP);
    ladder.remark("another call for help does not end this one");
    ladder.from("ben", "INVITE sip:112@golden.example SIP/2.0\n{new}\n{me}\n\n{sdp}");
    ladder.from("ben", "ACK sip:112@golden.example SIP/2.0\n{same}");
    ladder
        .from("ben", "INVITE sip:112@golden.example SIP/2.0\n{new}\n{me}\n{credentials}\n\n{sdp}");
    ladder.from("first", "SIP/2.0 486 Busy Here\n{echo INVITE}");
    ladder.from("ben", "ACK sip:112@golden.example SIP/2.0\n{same}");
    ladder.ends("caller", "first");
}

#[test]
fn attended_transfer_to_an_emergency_number() {
    let mut ladder = held_with_rescue("attended_transfer_to_an_emergency_number");
    ladder.remark("desk, another phone of anna's, asks for help and is answered");
    let help = TO_ANNA.replace("anna", "112");
    ladder.from("desk", &help);
    ladder.from("desk", "ACK sip:112@10.0.0.1 SIP/2.0\n{same}");
    ladder.from("desk", &help.replace("{me}", "{me}\n{credentials}"));
    ladder.from("first", RINGING);
    ladder.from("first", ANSWER);
    ladder.from("desk", ACK);
    ladder.wait(2.0);
    ladder.from(
        "anna",
        "REFER {contact} SIP/2.0\n{next}\n{me}\n\
         Refer-To: <sip:112@golden.example?Replaces={escaped desk}>",
    );
    ladder.from("anna", HEARD);
    ladder.from("anna", HUNG_UP);
    ladder.from("desk", HUNG_UP);
    ladder.from("first", ANSWER);
    ladder.wait(2.0);
    ladder.remark("the only line is taken by the call that has the mark now: nothing is ended");
    ladder.from("ben", &help);
    ladder.from("ben", "ACK sip:112@10.0.0.1 SIP/2.0\n{same}");
    ladder.from("ben", &help.replace("{me}", "{me}\n{credentials}"));
    ladder.from("first", "SIP/2.0 486 Busy Here\n{echo INVITE}");
    ladder.from("ben", "ACK sip:112@10.0.0.1 SIP/2.0\n{same}");
    ladder.ends("caller", "first");
}

#[test]
fn transfer_of_a_withheld_number() {
    let config = cast::config_with(
        "[[trunk]]\nname = 'pbx'\nnetworks = ['10.9.1.1']\ntarget = '10.9.1.1:5060'\n\
         options_every = 'never'\nrefer = true\n",
    );
    let mut ladder = Ladder::with("transfer_of_a_withheld_number", config);
    ladder = ladder.registered(&["anna", "ben"]);
    ladder.from("first", TO_ANNA);
    ladder.from("anna", ANSWER);
    ladder.from("first", ACK);
    ladder.remark("ben, who is not to be named, takes anna's place");
    let own = "INVITE sip:anna@10.0.0.1 SIP/2.0\n{new}\n{me}\nPrivacy: id\n\
               Replaces: {dialog anna}\n{credentials}\n\n{sdp}";
    ladder.from("ben", &own.replace("{credentials}\n", ""));
    ladder.from("ben", "ACK sip:anna@10.0.0.1 SIP/2.0\n{same}");
    ladder.from("ben", own);
    ladder.from("ben", ACK);
    ladder.from("anna", HUNG_UP);
    ladder.remark("the caller passes him on to the carrier");
    ladder.from("first", "REFER {contact} SIP/2.0\n{next}\n{me}\nRefer-To: <sip:+49171999@h>");
    ladder.from("first", HEARD);
    ladder.from("carrier", ANSWER);
    ladder.from("first", HEARD);
    ladder.from("first", HUNG_UP);
    ladder.ends("carrier", "ben");
}

#[test]
fn transfer_asked_for_again_and_again() {
    let config = cast::config_with("[[queue]]\nname = 'full'\nlength_max = 1\nmembers = []\n");
    let mut ladder = Ladder::with("transfer_asked_for_again_and_again", config);
    ladder = ladder.registered(&["anna", "ben"]);
    ladder.from("second", "INVITE sip:full@10.0.0.1 SIP/2.0\n{new}\n{me}\n\n{sdp}");
    ladder.from("second", ACK);
    held(&mut ladder);
    let refer = "REFER {contact} SIP/2.0\n{next}\n{me}\nRefer-To: <sip:full@10.0.0.1>";
    ladder.from("anna", refer);
    ladder.from("anna", HEARD);
    ladder.from("anna", refer);
    ladder.wait(1.0);
    ladder.from("anna", refer);
    ladder.from("anna", HEARD);
    ladder.from("anna", BYE);
    ladder.from("caller", HUNG_UP);
    ladder.from("second", BYE);
    ladder.wait(40.0);
    ladder.check();
}

#[test]
fn ringing_after_an_announcement() {
    let mut ladder = Ladder::new("ringing_after_an_announcement");
    ladder.from("caller", "INVITE sip:+49171999@10.0.0.1 SIP/2.0\n{new}\n{me}\n\n{sdp}");
    ladder.from("carrier", TRYING);
    ladder.from("carrier", "SIP/2.0 183 Session Progress\n{echo INVITE}\n{me}\n\n{sdp}");
    ladder.wait(4.0);
    ladder.remark("the caller hears of it once; the audio stays");
    ladder.from("carrier", RINGING);
    ladder.from("carrier", RINGING);
    ladder.from("carrier", ANSWER);
    ladder.from("caller", ACK);
    ladder.wait(2.0);
    ladder.ends("carrier", "caller");
}
