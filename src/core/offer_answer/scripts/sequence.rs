//! The order of offers and answers: delayed, early, repeated, crossing, rolled back, restored.

use super::{SENDRECV, codecs, exchange, house, leg, media, peer, proposal, said, talking};
use crate::offer_answer::{Choice, Fault, OfferAnswer, Reject, State};
use holdfast_base::Wall;
use holdfast_wire::sdp::{Direction, Sdp};

#[test]
fn no_offer_in_the_invite_ours_in_the_200_the_answer_in_the_ack() {
    let mut leg = leg();
    leg.offer(&proposal(house(), SENDRECV)).unwrap();
    assert_eq!(media(leg.session()), "no session");
    leg.receive_answer(&peer("m=audio 4000 RTP/AVP 0 101|a=rtpmap:101 telephone-event/8000"))
        .unwrap();
    assert!(
        media(leg.session()).starts_with("send 0 PCMU/8000 to 192.0.2.9:4000 20ms takes 0,101")
    );

    // The same on a running call, while the peer holds: we offer everything, and both ways.
    exchange(&mut leg, "m=audio 4000 RTP/AVP 0|a=sendonly");
    let again = leg.offer(&proposal(house(), SENDRECV)).unwrap();
    assert_eq!(said(&again), "v3 | audio 10000 RTP/AVP 8 0 101 fmtp:101 0-15 ptime:20 sendrecv");
    leg.receive_answer(&peer("m=audio 4000 RTP/AVP 8")).unwrap();
    assert!(media(leg.session()).ends_with("Active"));
}

#[test]
fn no_offer_in_our_invite_theirs_in_the_200_and_a_refusal_in_the_ack() {
    let mut leg = leg();
    assert!(exchange(&mut leg, "m=audio 4000 RTP/AVP 8").contains("v1 | audio 10000 RTP/AVP 8"));

    let mut unlucky = super::leg();
    let offer = peer("m=audio 4000 RTP/SAVP 8|m=video 4002 RTP/AVP 96");
    let profile = Reject::Unacceptable(Fault::Profile);
    assert_eq!(unlucky.receive_offer(&offer), Err(profile));
    assert_eq!(
        said(&unlucky.refuse_every_stream(&offer)),
        "v1 | audio 0 RTP/SAVP 8 | video 0 RTP/AVP 96"
    );
    assert_eq!(unlucky.state(), &State::Idle);
}

#[test]
fn a_preview_is_followed_by_the_same_or_another_answer() {
    let mut leg = leg();
    leg.offer(&proposal(house(), SENDRECV)).unwrap();
    let early = peer("m=audio 4000 RTP/AVP 8");
    leg.preview_answer(&early).unwrap();
    assert!(media(leg.session()).starts_with("send 8 PCMA/8000 to 192.0.2.9:4000"));

    let mut same = leg.clone();
    same.receive_answer(&early).unwrap();
    assert_eq!(same.session(), leg.session());

    let mut forgotten = leg.clone();
    forgotten.keep_preview().unwrap();
    assert_eq!(forgotten, same);
    assert_eq!(forgotten.keep_preview(), Err(Reject::NoOfferIsOpen));

    leg.preview_answer(&peer("m=audio 4002 RTP/AVP 8")).unwrap();
    leg.receive_answer(&peer("m=audio 5000 RTP/AVP 0")).unwrap();
    assert!(media(leg.session()).starts_with("send 0 PCMU/8000 to 192.0.2.9:5000"));

    // Repeated once more in the 2xx after a reliable 18x: nothing to answer, nothing to refuse.
    assert_eq!(leg.receive_answer(&early), Err(Reject::NoOfferIsOpen));
    assert_eq!(Reject::NoOfferIsOpen.status_code(), None);
}

#[test]
fn a_preview_that_does_not_suit_leaves_the_offer_open() {
    let mut leg = leg();
    leg.offer(&proposal(house(), SENDRECV)).unwrap();
    let bad = Err(Reject::Unacceptable(Fault::NoCommonCodec));
    assert_eq!(leg.preview_answer(&peer("m=audio 4000 RTP/AVP 18")), bad);
    assert_eq!(leg.receive_answer(&peer("m=audio 4000 RTP/AVP 8")), Ok(()));
}

#[test]
fn one_offer_at_a_time() {
    let audio = peer("m=audio 4000 RTP/AVP 8");
    let mut leg = talking();
    let before = leg.session().cloned();

    leg.offer(&proposal(house(), Direction::SendOnly)).unwrap();
    let glare = Err(Reject::OurOfferIsOpen);
    assert_eq!(leg.receive_offer(&audio).map(|_| ()), glare);
    assert_eq!(leg.refresh().map(|_| ()), glare);
    assert_eq!(Reject::OurOfferIsOpen.status_code(), Some(491));
    assert_eq!(leg.answer_as_before().map(|_| ()), Err(Reject::NoOfferIsOpen));
    leg.preview_answer(&audio).unwrap();
    assert_eq!(leg.receive_offer(&audio).map(|_| ()), glare);
    leg.roll_back();
    assert_eq!(leg.session().cloned(), before, "491 or 488 to ours: the old session stays");

    leg.receive_offer(&audio).unwrap();
    let early = Err(Reject::TheirOfferIsOpen);
    assert_eq!(leg.receive_offer(&audio).map(|_| ()), early);
    assert_eq!(leg.offer(&proposal(house(), SENDRECV)).map(|_| ()), early);
    assert_eq!(leg.receive_answer(&audio), Err(Reject::NoOfferIsOpen));
    assert_eq!(Reject::TheirOfferIsOpen.status_code(), Some(500));
    leg.roll_back();
    leg.roll_back();
    assert_eq!(leg.session().cloned(), before);

    // The refused hold was edition 2, so the old words are edition 3 now.
    assert_eq!(leg.refresh().unwrap().origin().unwrap().version, 3);
}

#[test]
fn an_answer_is_due_only_to_an_offer() {
    let mut leg = leg();
    assert_eq!(leg.receive_answer(&peer("m=audio 4 RTP/AVP 8")), Err(Reject::NoOfferIsOpen));
    assert_eq!(leg.answer(Choice::All(&[]), SENDRECV).map(|_| ()), Err(Reject::NoOfferIsOpen));
    assert_eq!(leg.refresh().map(|_| ()), Err(Reject::NothingAgreed));
    leg.receive_offer(&peer("m=audio 4 RTP/AVP 8")).unwrap();
    assert_eq!(leg.answer_as_before().map(|_| ()), Err(Reject::NothingAgreed));
    let no_codec = Err(Reject::Unacceptable(Fault::NoCommonCodec));
    assert_eq!(leg.answer(Choice::All(&[]), SENDRECV).map(|_| ()), no_codec);
    assert!(leg.answer(Choice::All(&codecs(&house())), SENDRECV).is_ok());
    assert_eq!(super::leg().offer(&proposal(vec![], SENDRECV)).map(|_| ()), no_codec);
}

#[test]
fn what_was_said_before_a_power_cut_and_is_forgotten_is_older_than_what_follows() {
    let version = |sdp: Sdp| sdp.origin().unwrap().version;
    let mut leg = talking();
    let on_disk = serde_json::to_string(&leg).unwrap();
    let mut forgotten = 0;
    for direction in ["recvonly", "sendrecv", "inactive"] {
        let offer = format!("m=audio 4000 RTP/AVP 0|a={direction}");
        leg.receive_offer(&peer(&offer)).unwrap();
        forgotten = version(leg.answer_as_before().unwrap());
    }
    for (at, after) in [(1_795_341_600, 1_795_341_600), (0, 2)] {
        let mut restored: OfferAnswer = serde_json::from_str(&on_disk).unwrap();
        restored.resume(Wall::from_micros(at * 1_000_000), &[]);
        assert_eq!(version(restored.refresh().unwrap()), after);
        restored.roll_back();
        assert_eq!(version(restored.refresh().unwrap()), after, "the same words");
    }
    assert!(forgotten > 2, "only the clock helps: {forgotten}");
}

#[test]
fn a_restored_leg_goes_on_as_if_nothing_had_happened() {
    let mut leg = talking();
    let settled = serde_json::to_string(&leg).unwrap();
    assert_eq!(serde_json::from_str::<OfferAnswer>(&settled).unwrap(), leg);
    leg.offer(&proposal(house(), Direction::SendOnly)).unwrap();
    leg.preview_answer(&peer("m=audio 4000 RTP/AVP 8|a=recvonly")).unwrap();
    let mut restored: OfferAnswer =
        serde_json::from_str(&serde_json::to_string(&leg).unwrap()).unwrap();
    assert_eq!(restored, leg);
    restored.roll_back();
    assert_eq!(serde_json::to_value(restored.session()).ok(), {
        let before: OfferAnswer = serde_json::from_str(&settled).unwrap();
        serde_json::to_value(before.session()).ok()
    });
}
