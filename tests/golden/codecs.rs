//! Parties that do not speak the same: whom the box interprets between; and where it does not, who
//! is refused and told why, who is asked to speak G.711.

use crate::cast::{config, untranscoded};
use crate::dialling::TO_ANNA;
use crate::ladder::Ladder;
use crate::queue::{ACK, ANSWER, BYE, RINGING, ringing};
use crate::transfers::{HEARD, HUNG_UP, TO_HER_BEN, consulted, held};

/// A 200 of a party that speaks G.722 and nothing else.
const WIDE: &str = "SIP/2.0 200 OK\n{echo INVITE}\n{me}\n\n{sdp g722}";
/// It does not want anything else.
const UNWANTED: &str = "SIP/2.0 488 Not Acceptable Here\n{echo INVITE}\n\
                        Warning: 305 10.1.0.1 \"Incompatible media format\"\n\n{sdp g722}";

fn wide(script: &str) -> String {
    script.replace("{sdp}", "{sdp g722}")
}

#[test]
fn no_codec_for_the_phone_or_the_queue() {
    let mut ladder = Ladder::with("no_codec_for_the_phone_or_the_queue", untranscoded())
        .registered(&["anna", "ben"]);
    ladder.remark("the phone knows other codecs than the caller, and says so");
    ladder.from("caller", TO_ANNA);
    ladder.from("anna", UNWANTED);
    ladder.from("caller", "ACK sip:anna@10.0.0.1 SIP/2.0\n{same}");
    ladder.health();
    ladder.remark("a call that finds something to speak");
    ladder.from("caller", TO_ANNA);
    ladder.from("anna", ANSWER);
    ladder.from("caller", ACK);
    ladder.wait(1.0);
    ladder.from("caller", BYE);
    ladder.from("anna", HUNG_UP);
    ladder.health();
    ladder.remark("the box itself, which plays the prompts of a queue");
    ladder.from("second", &wide(crate::queue::CALL));
    ladder.from("second", "ACK sip:+4930100@10.0.0.1 SIP/2.0\n{same}");
    ladder.health();
    ladder.wait(40.0);
    ladder.check();
}

#[test]
fn an_agent_whose_phone_wants_another_codec() {
    let name = "an_agent_whose_phone_wants_another_codec";
    let mut ladder = Ladder::with(name, untranscoded()).registered(&["anna", "ben"]);
    ringing(&mut ladder, "anna");
    ladder.remark("the caller keeps its place, and goes to the next agent");
    ladder.from("anna", UNWANTED);
    ladder.health();
    ladder.from("ben", RINGING);
    ladder.from("ben", ANSWER);
    ladder.wait(2.0);
    ladder.ends("caller", "ben");
}

/// The caller talks to anna in G.711, and she to ben in G.722.
fn consulting(name: &'static str) -> Ladder {
    let mut ladder = Ladder::with(name, untranscoded()).registered(&["anna", "ben"]);
    held(&mut ladder);
    consulted(&mut ladder, &wide);
    ladder.from("anna", TO_HER_BEN);
    ladder.from("anna", HEARD);
    ladder.from("anna", HUNG_UP);
    ladder.from("desk", HUNG_UP);
    ladder.remark("ben hears where the audio is now, and is then asked for G.711");
    ladder.from("ben", WIDE);
    ladder
}

#[test]
fn transfer_between_two_codecs() {
    let mut ladder = consulting("transfer_between_two_codecs");
    ladder.from("ben", "SIP/2.0 491 Request Pending\n{echo INVITE}");
    ladder.wait(5.0);
    ladder.from("ben", ANSWER);
    ladder.wait(5.0);
    ladder.ends("ben", "caller");
}

#[test]
fn transfer_between_two_codecs_and_nobody_gives_way() {
    let mut ladder = consulting("transfer_between_two_codecs_and_nobody_gives_way");
    ladder.from("ben", UNWANTED);
    ladder.from("caller", HUNG_UP);
    ladder.from("ben", HUNG_UP);
    ladder.health();
    ladder.wait(40.0);
    ladder.check();
}

/// The caller talks to ben in G.722, who leads it to the queue of these.
fn led_to_the_queue(name: &'static str, phones: &[&'static str]) -> Ladder {
    let mut ladder = Ladder::with(name, untranscoded()).registered(phones);
    ladder.from("caller", &wide(&TO_ANNA.replace("anna", "ben")));
    ladder.from("ben", WIDE);
    ladder.from("caller", ACK);
    ladder.wait(2.0);
    ladder.from("ben", "REFER {contact} SIP/2.0\n{next}\n{me}\nRefer-To: <sip:+4930100@10.0.0.1>");
    ladder.from("ben", HEARD);
    ladder.from("ben", HUNG_UP);
    ladder
}

#[test]
fn transfer_to_a_queue_from_another_codec() {
    let name = "transfer_to_a_queue_from_another_codec";
    let mut ladder = led_to_the_queue(name, &["anna", "ben"]);
    ladder.remark("the prompts of the queue are G.711, and so is the agent");
    ladder.from("caller", ANSWER);
    ladder.from("anna", RINGING);
    ladder.from("anna", ANSWER);
    ladder.wait(3.0);
    ladder.ends("anna", "caller");
}

#[test]
fn a_queue_for_one_who_speaks_nothing_else() {
    let name = "a_queue_for_one_who_speaks_nothing_else";
    let mut ladder = led_to_the_queue(name, &["ben"]);
    ladder.from("ben", "SIP/2.0 486 Busy Here\n{echo INVITE}");
    ladder.remark("it refuses, and is brought to an agent in its own codec");
    ladder.from("caller", UNWANTED);
    ladder.silently(|ladder| ladder.register("anna"));
    ladder.wait(0.1);
    ladder.from("anna", RINGING);
    ladder.from("anna", WIDE);
    ladder.wait(3.0);
    ladder.ends("anna", "caller");
}

/// What a party that speaks these writes.
fn speaks(formats: &str) -> String {
    format!(
        "v=0\r\no=party 8 1 IN IP4 10.9.0.9\r\ns=-\r\nc=IN IP4 10.9.0.9\r\nt=0 0\r\n\
         m=audio 4100 RTP/AVP {formats}\r\na=rtpmap:9 G722/8000\r\na=rtpmap:8 PCMA/8000\r\n"
    )
}

#[test]
fn early_media_in_one_codec_and_the_answer_in_another() {
    let name = "early_media_in_one_codec_and_the_answer_in_another";
    let mut ladder = Ladder::with(name, untranscoded());
    let both = speaks("9 8");
    ladder.from(
        "caller",
        &format!("INVITE sip:+49171999@10.0.0.1 SIP/2.0\n{{new}}\n{{me}}\n\n{both}"),
    );
    let blue = format!("{{echo INVITE blue}}\n{{me}}\n\n{}", speaks("9"));
    let green = format!("{{echo INVITE green}}\n{{me}}\n\n{}", speaks("8"));
    ladder.from("carrier", &format!("SIP/2.0 183 Session Progress\n{blue}"));
    ladder.from("carrier", &format!("SIP/2.0 200 OK\n{green}"));
    ladder.remark("the 200 repeats the answer of the 183, and then the caller is asked for G.711");
    ladder.from("caller", ACK);
    ladder.from("caller", ANSWER);
    ladder.wait(1.0);
    ladder.ends("caller", "carrier");
}

/// The caller has G.722 alone, and the called phone G.711.
#[test]
fn two_codecs_and_the_box_interprets() {
    let mut ladder =
        Ladder::with("two_codecs_and_the_box_interprets", config()).registered(&["anna"]);
    ladder.remark("what the caller has first, so that nothing is transcoded if anna has it too");
    ladder.from("caller", &wide(TO_ANNA));
    ladder.from("anna", ANSWER);
    ladder.from("caller", ACK);
    ladder.wait(2.0);
    ladder.remark("she holds: the music is in the codec of the caller");
    ladder.from("anna", "INVITE {contact} SIP/2.0\n{next}\n{me}\n\n{sdp sendonly}");
    ladder.from("anna", ACK);
    ladder.wait(2.0);
    ladder.ends("caller", "anna");
}

/// A queue plays to one who has G.722 alone, and an agent has G.711.
#[test]
fn a_queue_in_the_codec_of_the_caller() {
    let mut ladder =
        Ladder::with("a_queue_in_the_codec_of_the_caller", config()).registered(&["anna"]);
    ladder.from("caller", &wide(crate::queue::CALL));
    ladder.from("caller", ACK);
    ladder.from("anna", RINGING);
    ladder.from("anna", ANSWER);
    ladder.wait(2.0);
    ladder.ends("caller", "anna");
}
