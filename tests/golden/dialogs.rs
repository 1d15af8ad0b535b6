//! What keeps a dialog alive and what both sides may do in it besides talking: session timers,
//! UPDATE, reliable provisional responses, forks.

use crate::cast::patient;
use crate::dialling::TO_ANNA;
use crate::ladder::Ladder;
use crate::queue::{ACK, ANSWER, BYE, FINE, RINGING, TRYING};

/// The caller knows session timers and UPDATE.
const TIMED: &str = "INVITE sip:anna@10.0.0.1 SIP/2.0\n{new}\n{me}\nSupported: timer\n\
                     Allow: INVITE, ACK, BYE, CANCEL, UPDATE\nSession-Expires: 90\n\n{sdp}";

/// A caller who said `invite` talks with a phone whose 200 was `answer`.
fn talking(name: &'static str, invite: &str, answer: &str) -> Ladder {
    let mut ladder = Ladder::new(name).registered(&["anna"]);
    ladder.from("caller", invite);
    ladder.from("anna", TRYING);
    ladder.from("anna", RINGING);
    ladder.from("anna", answer);
    ladder.from("caller", ACK);
    ladder
}

#[test]
fn session_refreshed_by_update() {
    let mut ladder = talking("session_refreshed_by_update", TIMED, ANSWER);
    ladder.remark("half of the interval; the phone, which knows no timer, is left in peace");
    ladder.wait(46.0);
    let refreshed = "SIP/2.0 200 OK\n{echo UPDATE}\n{me}\nSession-Expires: 90;refresher=uac";
    ladder.from("caller", refreshed);
    ladder.wait(45.0);
    ladder.from("caller", refreshed);
    ladder.wait(10.0);
    ladder.ends("caller", "anna");
}

#[test]
fn session_refreshed_by_reinvite() {
    let timed = TIMED.replace(", UPDATE", "");
    let mut ladder = talking("session_refreshed_by_reinvite", &timed, ANSWER);
    ladder.remark("no UPDATE in the caller's Allow");
    ladder.wait(46.0);
    let refreshed =
        "SIP/2.0 200 OK\n{echo INVITE}\n{me}\nSession-Expires: 90;refresher=uac\n\n{sdp}";
    ladder.from("caller", refreshed);
    ladder.wait(10.0);
    ladder.ends("caller", "anna");
}

#[test]
fn session_ends_while_it_is_refreshed() {
    let timed = TIMED.replace(", UPDATE", "");
    let mut ladder = talking("session_ends_while_it_is_refreshed", &timed, ANSWER);
    ladder.wait(46.0);
    ladder.from("anna", BYE);
    ladder.from("caller", FINE);
    ladder.remark("acknowledged, and no second BYE");
    ladder.from("caller", "SIP/2.0 200 OK\n{echo INVITE}\n{me}\n\n{sdp}");
    ladder.wait(40.0);
    ladder.check();
}

#[test]
fn session_not_refreshed_by_the_phone() {
    let answer = "SIP/2.0 200 OK\n{echo INVITE}\n{me}\nSession-Expires: 90;refresher=uas\n\n{sdp}";
    let mut ladder = talking("session_not_refreshed_by_the_phone", TO_ANNA, answer);
    ladder.wait(45.0);
    ladder.from(
        "anna",
        "UPDATE {contact} SIP/2.0\n{next}\n{me}\nSupported: timer\n\
         Session-Expires: 90;refresher=uac",
    );
    ladder.remark("then it is never heard of again");
    ladder.wait(62.0);
    ladder.from("anna", "SIP/2.0 200 OK\n{echo BYE}");
    ladder.from("caller", "SIP/2.0 200 OK\n{echo BYE}");
    ladder.wait(40.0);
    ladder.check();
}

#[test]
fn session_interval_422_both_ways() {
    let mut ladder = Ladder::new("session_interval_422_both_ways").registered(&["anna"]);
    let again = "INVITE sip:anna@10.0.0.1 SIP/2.0\n{new}\n{me}\nSupported: timer\n\
                 Session-Expires: ";
    ladder.remark("the caller asks for less than there is, and then for more");
    ladder.from("caller", &format!("{again}60\n\n{{sdp}}"));
    ladder.from("caller", "ACK sip:anna@10.0.0.1 SIP/2.0\n{same}");
    ladder.from("caller", &format!("{again}90;refresher=uac\nMin-SE: 90\n\n{{sdp}}"));
    ladder.remark("the phone wants more than we ask for");
    ladder.from("anna", "SIP/2.0 422 Session Interval Too Small\n{echo INVITE}\nMin-SE: 3600");
    ladder.from("anna", TRYING);
    ladder.from("anna", RINGING);
    ladder.from(
        "anna",
        "SIP/2.0 200 OK\n{echo INVITE}\n{me}\nSession-Expires: 3600;refresher=uac\n\n{sdp}",
    );
    ladder.from("caller", ACK);
    ladder.wait(10.0);
    ladder.ends("caller", "anna");
}

#[test]
fn session_refresh_meets_a_change() {
    let mut ladder = talking("session_refresh_meets_a_change", TIMED, ANSWER);
    ladder.wait(46.0);
    ladder.from("caller", "SIP/2.0 491 Request Pending\n{echo UPDATE}");
    ladder.remark("again after the time of who does not own the Call-ID, 0 s to 2 s");
    ladder.wait(2.0);
    let refreshed = "SIP/2.0 200 OK\n{echo UPDATE}\n{me}\nSession-Expires: 90;refresher=uac";
    ladder.from("caller", refreshed);
    ladder.wait(10.0);
    ladder.ends("caller", "anna");
}

#[test]
fn session_refresh_refused() {
    let mut ladder = talking("session_refresh_refused", TIMED, ANSWER);
    ladder.wait(46.0);
    ladder.remark("it said that it takes UPDATE");
    ladder.from("caller", "SIP/2.0 405 Method Not Allowed\n{echo UPDATE}");
    ladder.remark("a longer session is wanted");
    ladder.from("caller", "SIP/2.0 422 Session Interval Too Small\n{echo INVITE}\nMin-SE: 120");
    ladder.from("caller", "SIP/2.0 481 Call/Transaction Does Not Exist\n{echo INVITE}");
    ladder.from("anna", FINE);
    ladder.wait(40.0);
    ladder.check();
}

#[test]
fn session_refresh_unanswered() {
    let mut ladder = talking("session_refresh_unanswered", TIMED, ANSWER);
    ladder.wait(107.0);
    ladder.from("anna", FINE);
    ladder.wait(40.0);
    ladder.check();
}

#[test]
fn session_restart_between_refreshes() {
    let mut ladder = talking("session_restart_between_refreshes", TIMED, ANSWER);
    ladder.wait(30.0);
    ladder.restart(1.5);
    ladder.from("anna", ANSWER);
    ladder.from(
        "caller",
        "SIP/2.0 200 OK\n{echo INVITE}\n{me}\nSession-Expires: 90;refresher=uac\n\n{sdp}",
    );
    ladder.remark("half of the interval after that");
    ladder.wait(46.0);
    ladder.from("caller", "SIP/2.0 200 OK\n{echo UPDATE}\n{me}\nSession-Expires: 90;refresher=uac");
    ladder.ends("caller", "anna");
}

/// The caller takes no provisional response that it could not acknowledge.
const RELIABLE: &str = "INVITE sip:anna@10.0.0.1 SIP/2.0\n{new}\n{me}\nRequire: 100rel\n\n{sdp}";
const PRACK: &str = "PRACK {contact} SIP/2.0\n{next}\n{rack}";
const PRACKED: &str = "SIP/2.0 200 OK\n{echo PRACK}";

#[test]
fn prack_required_by_the_caller() {
    let mut ladder = Ladder::new("prack_required_by_the_caller").registered(&["anna"]);
    ladder.from("caller", RELIABLE);
    ladder.from("anna", RINGING);
    ladder.wait(0.6);
    ladder.remark("an answer that waits for the PRACK, and a PRACK to another response");
    ladder.from("anna", ANSWER);
    ladder.from("caller", "PRACK {contact} SIP/2.0\n{next}\nRAck: 1 1 INVITE");
    ladder.from("caller", PRACK);
    ladder.from("caller", ACK);
    ladder.remark("the PRACK again");
    ladder.from("caller", PRACK);
    ladder.wait(2.0);
    ladder.ends("caller", "anna");
}

#[test]
fn prack_to_early_media() {
    let mut ladder = Ladder::new("prack_to_early_media").registered(&["anna"]);
    let able = RELIABLE.replace("Require", "Supported");
    ladder.from("caller", &able);
    ladder.from("anna", RINGING);
    ladder.remark("a 180 says nothing that could not get lost; this one does");
    ladder.from("anna", "SIP/2.0 183 Session Progress\n{echo INVITE}\n{me}\n\n{sdp}");
    ladder.remark("an offer before the PRACK to the answer, and after it");
    ladder.from("caller", "UPDATE {contact} SIP/2.0\n{next}\n{me}\n\n{sdp}");
    ladder.from("caller", PRACK);
    ladder.from("caller", "UPDATE {contact} SIP/2.0\n{next}\n{me}\n\n{sdp}");
    ladder.from("anna", ANSWER);
    ladder.from("caller", ACK);
    ladder.wait(2.0);
    ladder.ends("caller", "anna");
}

/// The caller leaves the offer to the box.
const OFFERLESS: &str = "INVITE sip:anna@10.0.0.1 SIP/2.0\n{new}\n{me}\nRequire: 100rel";

#[test]
fn prack_brings_the_answer() {
    let mut ladder = Ladder::new("prack_brings_the_answer").registered(&["anna"]);
    ladder.from("caller", OFFERLESS);
    ladder.from("anna", RINGING);
    ladder.remark("sent again until its PRACK; the phone sends early media and answers meanwhile");
    ladder.wait(0.6);
    ladder.from("anna", "SIP/2.0 183 Session Progress\n{echo INVITE}\n{me}\n\n{sdp}");
    ladder.from("anna", ANSWER);
    ladder.from("caller", &format!("{PRACK}\n\n{{sdp}}"));
    ladder.remark("the 200 has no description, nor has its ACK");
    ladder.from("caller", ACK);
    ladder.wait(2.0);
    ladder.ends("caller", "anna");
}

#[test]
fn prack_brings_the_answer_to_early_media() {
    let name = "prack_brings_the_answer_to_early_media";
    let mut ladder = Ladder::new(name).registered(&["anna"]);
    ladder.from("caller", &OFFERLESS.replace("Require", "Supported"));
    ladder.from("anna", RINGING);
    ladder.from("anna", "SIP/2.0 183 Session Progress\n{echo INVITE}\n{me}\n\n{sdp}");
    ladder.from("caller", &format!("{PRACK}\n\n{{sdp}}"));
    ladder.remark("the caller may change what is agreed before the phone answers");
    ladder.from("caller", "UPDATE {contact} SIP/2.0\n{next}\n{me}\n\n{sdp}");
    ladder.from("anna", ANSWER);
    ladder.from("caller", ACK);
    ladder.wait(2.0);
    ladder.ends("caller", "anna");
}

#[test]
fn prack_without_the_answer() {
    let mut ladder = Ladder::new("prack_without_the_answer").registered(&["anna"]);
    ladder.remark("one that does not suit");
    ladder.from("caller", OFFERLESS);
    ladder.from("anna", RINGING);
    ladder.from("caller", &format!("{PRACK}\n\n{{sdp g722}}"));
    ladder.from("caller", "ACK sip:anna@10.0.0.1 SIP/2.0\n{same}");
    ladder.from("anna", FINE);
    ladder.from("anna", "SIP/2.0 487 Request Terminated\n{echo cancelled}");
    ladder.wait(1.0);
    ladder.remark("none: the 200 has the offer once more, and the ACK the answer");
    ladder.from("caller", OFFERLESS);
    ladder.from("anna", RINGING);
    ladder.from("caller", PRACK);
    ladder.from("anna", ANSWER);
    ladder.from("caller", &format!("{ACK}\n\n{{sdp}}"));
    ladder.wait(1.0);
    ladder.ends("caller", "anna");
}

#[test]
fn prack_never_comes() {
    let mut ladder = Ladder::with("prack_never_comes", patient()).registered(&["anna"]);
    ladder.from("caller", RELIABLE);
    ladder.from("anna", RINGING);
    ladder.wait(32.1);
    ladder.from("caller", "ACK sip:anna@10.0.0.1 SIP/2.0\n{same}");
    ladder.from("anna", FINE);
    ladder.from("anna", "SIP/2.0 487 Request Terminated\n{echo cancelled}");
    ladder.wait(40.0);
    ladder.check();
}

#[test]
fn prack_crosses_cancel() {
    let mut ladder = Ladder::new("prack_crosses_cancel").registered(&["anna"]);
    ladder.from("caller", RELIABLE);
    ladder.from("anna", RINGING);
    ladder.from("caller", "CANCEL sip:anna@10.0.0.1 SIP/2.0\n{same}");
    ladder.from("caller", PRACK);
    ladder.from("caller", "ACK sip:anna@10.0.0.1 SIP/2.0\n{same}");
    ladder.from("anna", FINE);
    ladder.remark("the phone's reliable 183 crosses our CANCEL");
    ladder.from(
        "anna",
        "SIP/2.0 183 Session Progress\n{echo INVITE}\n{me}\nRequire: 100rel\nRSeq: 5\n\n{sdp}",
    );
    ladder.from("anna", "SIP/2.0 487 Request Terminated\n{echo cancelled}");
    ladder.wait(40.0);
    ladder.check();
}

#[test]
fn prack_by_the_box() {
    let mut ladder = Ladder::new("prack_by_the_box").registered(&["anna"]);
    ladder.from("caller", TO_ANNA);
    let progress =
        "SIP/2.0 183 Session Progress\n{echo INVITE}\n{me}\nRequire: 100rel\nRSeq: 7\n\n{sdp}";
    ladder.from("anna", progress);
    ladder.remark("again, and one whose predecessor is missing");
    ladder.from("anna", progress);
    let ringing = "SIP/2.0 180 Ringing\n{echo INVITE}\n{me}\nRequire: 100rel\nRSeq: ";
    ladder.from("anna", &format!("{ringing}9"));
    ladder.from("anna", PRACKED);
    ladder.from("anna", &format!("{ringing}8"));
    ladder.from("anna", PRACKED);
    ladder.remark("an offer of the phone's before it answers");
    ladder.from("anna", "UPDATE {contact} SIP/2.0\n{next}\n{me}\n\n{sdp}");
    ladder.remark("the 200 has no description: it was in the 183");
    ladder.from("anna", "SIP/2.0 200 OK\n{echo INVITE}\n{me}");
    ladder.from("caller", ACK);
    ladder.wait(2.0);
    ladder.ends("caller", "anna");
}

/// Audio at another port than usual.
const ELSEWHERE: &str = "v=0\r\no=carrier 8 1 IN IP4 10.9.0.9\r\ns=-\r\nc=IN IP4 10.9.0.9\r\n\
                         t=0 0\r\nm=audio 4100 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n";

#[test]
fn prack_to_each_fork() {
    let mut ladder = Ladder::new("prack_to_each_fork");
    ladder.from("caller", "INVITE sip:+49171999@10.0.0.1 SIP/2.0\n{new}\n{me}\n\n{sdp}");
    let reliable = "SIP/2.0 183 Session Progress\n{echo INVITE TAG}\nRequire: 100rel\nRSeq: ";
    let contact = "Contact: <sip:TAG@10.9.0.9:5060>";
    let blue = |text: &str| text.replace("TAG", "blue");
    let green = |text: &str| text.replace("TAG", "green");
    ladder.from("carrier", &blue(&format!("{reliable}70\n{contact}\n\n{{sdp}}")));
    ladder.from("carrier", PRACKED);
    ladder.from("carrier", &green(&format!("{reliable}9000\n{contact}\n\n{ELSEWHERE}")));
    ladder.from("carrier", PRACKED);
    ladder.from("carrier", &green("SIP/2.0 180 Ringing\n{echo INVITE TAG}"));
    ladder.remark("each fork counts for itself");
    ladder.from("carrier", &blue(&format!("{reliable}71\n{contact}")));
    ladder.from("carrier", PRACKED);
    ladder.from("carrier", "UPDATE {contact} SIP/2.0\n{next}\n{me}\n\n{sdp}");
    ladder.remark("green answers");
    ladder.from("carrier", &green(&format!("SIP/2.0 200 OK\n{{echo INVITE TAG}}\n{contact}")));
    ladder.from("caller", ACK);
    ladder.wait(2.0);
    ladder.ends("caller", "carrier");
}

#[test]
fn forks_beyond_the_limit() {
    let mut ladder = Ladder::new("forks_beyond_the_limit");
    ladder.from("caller", "INVITE sip:+49171999@10.0.0.1 SIP/2.0\n{new}\n{me}\n\n{sdp}");
    for fork in 1..=9 {
        let ringing = format!("SIP/2.0 180 Ringing\n{{echo INVITE fork{fork}}}\n{{me}}");
        ladder.from("carrier", &format!("{ringing}\nRequire: 100rel\nRSeq: 1"));
        if fork < 9 {
            ladder.from("carrier", PRACKED);
        }
    }
    ladder.remark("eight are spoken to, and the ninth may win all the same");
    ladder.from("carrier", "SIP/2.0 200 OK\n{echo INVITE fork9}\n{me}\n\n{sdp}");
    ladder.from("caller", ACK);
    ladder.wait(0.2);
    ladder.ends("caller", "carrier");
}

#[test]
fn update_meets_our_reinvite() {
    let timed = TIMED.replace(", UPDATE", "");
    let mut ladder = talking("update_meets_our_reinvite", &timed, ANSWER);
    ladder.wait(45.2);
    ladder.remark("while ours is open: with an offer and without one");
    ladder.from("caller", "UPDATE {contact} SIP/2.0\n{next}\n{me}\n\n{sdp sendonly}");
    ladder.from("caller", "UPDATE {contact} SIP/2.0\n{next}\n{me}\nSupported: timer");
    ladder.from(
        "caller",
        "SIP/2.0 200 OK\n{echo INVITE}\n{me}\nSession-Expires: 90;refresher=uac\n\n{sdp}",
    );
    ladder.remark("and when it is done");
    ladder.from("caller", "UPDATE {contact} SIP/2.0\n{next}\n{me}\n\n{sdp sendonly}");
    ladder.wait(2.0);
    ladder.ends("caller", "anna");
}
