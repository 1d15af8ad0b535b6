//! What keeps a dialog alive and what both sides may do in it besides talking: session timers,
//! UPDATE, reliable provisional responses, forks.

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

fn ended(mut ladder: Ladder) {
    ladder.from("caller", BYE);
    ladder.from("anna", FINE);
    ladder.wait(40.0);
    ladder.check();
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
    ended(ladder);
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
    ended(ladder);
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
    ended(ladder);
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
    ended(ladder);
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
    ended(ladder);
}
