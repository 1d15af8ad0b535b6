//! What single PBXs are known to do.

use super::cast::direct;
use super::text::{body, direction, header, start};

#[test]
fn cisco_calls_without_an_offer_and_teams_gets_one() {
    let mut bench = direct();
    bench.peer("pbx").delayed_offer = true;
    let more = ["Supported: timer,replaces", "Min-SE: 1800", "Session-Expires: 1800"];
    bench.begin("pbx", "INVITE", "sip:+4930201@10.0.0.1", &more, "");
    bench.run(3.0);
    let invite = bench.peer("sip").last("INVITE").to_owned();
    assert!(!body(&invite).is_empty(), "{invite}");
    let heard = &bench.peer("pbx").heard;
    let (_, fine) = heard.iter().find(|it| it.1.starts_with("SIP/2.0 200")).expect("a 200").clone();
    assert!(body(&fine).contains("m=audio"), "the box makes the offer: {fine}");
    assert!(header(&fine, "Session-Expires").starts_with("1800"), "{fine}");
    assert_eq!(bench.view().calls[0].state, "talking", "{}", bench.told());
    // Its transfers are re-INVITEs without an offer as well.
    bench.request("pbx", "INVITE", &[], "");
    bench.run(1.0);
    let heard = &bench.peer("pbx").heard;
    let (_, again) = heard.iter().rev().find(|it| !body(&it.1).is_empty()).expect("a 200");
    assert_eq!(direction(again), "sendrecv");
}

#[test]
fn cisco_is_asked_for_the_session_that_it_grants() {
    let mut bench = direct();
    // The strict peer fails the test on anything shorter.
    bench.call("carrier", "sip:+4930301@10.0.0.1");
    bench.run(3.0);
    let invite = bench.peer("pbx").last("INVITE").to_owned();
    assert!(start(&invite).contains("sip:+4930301@10.2.0.1"), "{invite}");
    assert!(bench.peer("carrier").statuses("INVITE").contains(&200));
}

#[test]
fn a_caller_who_holds_from_the_start_is_no_held_offer_to_others() {
    let mut bench = direct();
    let sdp = bench.peer("pbx").sdp("sendonly");
    bench.begin("pbx", "INVITE", "sip:+4930201@10.0.0.1", &[], &sdp);
    bench.run(3.0);
    let first = bench.peer("sip").got("INVITE")[0].1.clone();
    assert_eq!(direction(&first), "sendrecv", "{first}");
    let last = bench.peer("sip").last("INVITE").to_owned();
    assert_eq!(direction(&last), "inactive", "it is told once there is a session: {last}");
}
