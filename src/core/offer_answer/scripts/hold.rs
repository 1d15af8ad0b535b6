//! Hold and resume in every spelling, and refreshes that must not end a hold (RFC 3264 §8.4).

use super::{exchange, house, leg, media, peer, proposal, said, talking};
use crate::offer_answer::Change;
use holdfast_wire::sdp::Direction;

#[test]
fn hold_and_resume_in_every_spelling() {
    let base = "m=audio 4000 RTP/AVP 0 8 101|a=rtpmap:101 telephone-event/8000";
    let held = "send 0 PCMU/8000 to 192.0.2.9:4000 20ms takes 0,101 keys 101>101";
    let both = "remote_sends=true remote_receives=true Active";
    for (spelling, change, version, direction, state) in [
        ("", "Refresh", 1, "sendrecv", both),
        ("|a=sendrecv", "Refresh", 1, "sendrecv", both),
        (
            "|a=sendonly",
            "Direction",
            2,
            "recvonly",
            "remote_sends=true remote_receives=false ByRemote",
        ),
        (
            "|a=inactive",
            "Direction",
            2,
            "inactive",
            "remote_sends=false remote_receives=false ByRemote",
        ),
        (
            "|a=recvonly",
            "Direction",
            2,
            "sendonly",
            "remote_sends=false remote_receives=true Active",
        ),
    ] {
        let mut leg = talking();
        assert_eq!(
            exchange(&mut leg, &format!("{base}{spelling}")),
            format!(
                "{change} > v{version} | audio 10000 RTP/AVP 0 101 fmtp:101 0-15 {direction} > \
                 {held} {state}"
            )
        );
        // Resumed: both ways again, in a new edition only if there was a hold.
        let resumed = exchange(&mut leg, base);
        let next = if version == 1 { "Refresh > v1" } else { "Direction > v3" };
        assert!(resumed.starts_with(next), "{spelling}: {resumed}");
        assert!(resumed.ends_with(both), "{spelling}: {resumed}");
    }
}

#[test]
fn hold_at_session_level_and_by_address() {
    let held = "remote_sends=true remote_receives=false ByRemote";
    let session_level = "a=sendonly|m=audio 4000 RTP/AVP 0";
    let by_zeros = "m=audio 4000 RTP/AVP 0|c=IN IP4 0.0.0.0";
    let by_name = "m=audio 4000 RTP/AVP 0|c=IN IP4 held.invalid";
    for (spelling, to) in
        [(session_level, "192.0.2.9:4000"), (by_zeros, "nowhere"), (by_name, "nowhere")]
    {
        let outcome = exchange(&mut leg(), spelling);
        assert!(outcome.contains(" recvonly > "), "{outcome}");
        assert!(outcome.contains(&format!(" to {to} ")), "{outcome}");
        assert!(outcome.ends_with(held), "{outcome}");
    }
    let silent = exchange(&mut leg(), "m=audio 4000 RTP/AVP 0|c=IN IP4 0.0.0.0|a=inactive");
    assert!(silent.contains(" inactive > "), "{silent}");
}

#[test]
fn we_hold_the_peer_and_a_refresh_of_either_side_does_not_end_it() {
    let mut leg = talking();
    let hold = leg.offer(&proposal(house(), Direction::SendOnly)).unwrap();
    assert_eq!(said(&hold), "v2 | audio 10000 RTP/AVP 8 0 101 fmtp:101 0-15 ptime:20 sendonly");
    leg.receive_answer(&peer("m=audio 4000 RTP/AVP 8|a=recvonly")).unwrap();
    let state = "remote_sends=false remote_receives=true ByUs";
    assert!(media(leg.session()).ends_with(state), "{}", media(leg.session()));

    assert_eq!(said(&leg.refresh().unwrap()), said(&hold));
    leg.receive_answer(&peer("m=audio 4000 RTP/AVP 8|a=recvonly")).unwrap();
    assert!(media(leg.session()).ends_with(state), "{}", media(leg.session()));

    let offered = leg.receive_offer(&peer("m=audio 4000 RTP/AVP 8 0")).unwrap();
    assert_eq!(offered.change, Change::Refresh);
    assert_eq!(said(&leg.answer_as_before().unwrap()), "v3 | audio 10000 RTP/AVP 8 sendonly");
    assert!(media(leg.session()).ends_with(state), "{}", media(leg.session()));
}

#[test]
fn a_refresh_of_ours_does_not_forget_that_the_peer_holds() {
    let mut leg = talking();
    exchange(&mut leg, "m=audio 4000 RTP/AVP 0|a=sendonly");
    leg.refresh().unwrap();
    leg.receive_answer(&peer("m=audio 4000 RTP/AVP 0|a=sendonly")).unwrap();
    let state = "remote_sends=true remote_receives=false ByRemote";
    assert!(media(leg.session()).ends_with(state), "{}", media(leg.session()));
}

#[test]
fn a_refresh_of_the_peer_gets_the_same_words() {
    let mut leg = talking();
    let before = leg.last_description();
    for _ in 0..3 {
        let offer = peer("m=audio 4000 RTP/AVP 0 8 101|a=rtpmap:101 telephone-event/8000");
        assert_eq!(leg.receive_offer(&offer).unwrap().change, Change::Refresh);
        assert_eq!(leg.answer_as_before().ok(), before);
    }
    let moved = "m=audio 6000 RTP/AVP 0 8 101|a=rtpmap:101 telephone-event/8000";
    assert_eq!(leg.receive_offer(&peer(moved)).unwrap().change, Change::Moved);
    assert_eq!(leg.answer_as_before().ok(), before);
    assert_eq!(leg.session().unwrap().remote.unwrap().rtp.port(), 6000);
    let other = leg.receive_offer(&peer("m=audio 6000 RTP/AVP 8")).unwrap();
    assert_eq!(other.change, Change::Formats);
}
