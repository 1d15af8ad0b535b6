//! Codecs, payload types and keys, on one leg and from leg to leg.

use super::{SENDRECV, codecs, exchange, house, leg, media, peer, proposal, said, usual};
use crate::offer_answer::{Choice, Encoding, Format};

#[test]
fn an_offer_is_answered_with_the_first_codec_that_suits_and_its_numbers() {
    assert_eq!(
        exchange(
            &mut leg(),
            "m=audio 4000 RTP/AVP 18 0 8 96|a=rtpmap:96 telephone-event/8000|a=fmtp:96 0-16|\
             a=ptime:30|a=X-nobody:knows"
        ),
        "First > v1 | audio 10000 RTP/AVP 0 96 fmtp:96 0-15 ptime:30 sendrecv > \
         send 0 PCMU/8000 to 192.0.2.9:4000 30ms takes 0,96 keys 96>96 \
         remote_sends=true remote_receives=true Active"
    );
}

#[test]
fn the_peer_may_number_its_formats_differently() {
    let mut leg = leg();
    let formats = usual(&[Encoding::Opus, Encoding::TelephoneEvent, Encoding::Pcma]);
    leg.offer(&proposal(formats, SENDRECV)).unwrap();
    leg.receive_answer(&peer(
        "m=audio 4000 RTP/AVP 96 97|a=rtpmap:96 OPUS/48000/2|a=rtpmap:97 telephone-event/8000|\
         a=maxptime:40|a=ptime:60|a=rtcp:4010|a=rtcp-mux",
    ))
    .unwrap();
    assert_eq!(
        media(leg.session()),
        "send 96 opus/48000/2 to 192.0.2.9:4000 40ms takes 111,101,96,97 keys 101>97 \
         remote_sends=true remote_receives=true Active"
    );
    let remote = leg.session().unwrap().remote.unwrap();
    assert_eq!(remote.rtcp, "192.0.2.9:4010".parse().ok());
    assert!(remote.offers_mux);
}

#[test]
fn keys_have_the_clock_of_the_voice_if_the_offer_has_it() {
    let wanted = codecs(&usual(&[Encoding::Opus, Encoding::Pcma, Encoding::TelephoneEvent]));
    let events = "a=rtpmap:111 opus/48000/2|a=rtpmap:100 telephone-event/48000|\
                  a=rtpmap:101 telephone-event/8000";
    for (formats, choice, answered) in [
        ("111 8 101 100", Choice::One(&wanted), "111 100"),
        ("8 111 101 100", Choice::One(&wanted), "8 101"),
        ("111 8 101", Choice::One(&wanted), "111 101"),
        ("111 8 101 100", Choice::All(&wanted), "111 8 101 100"),
        ("8 13 101", Choice::One(&wanted), "8 101"),
    ] {
        let mut leg = leg();
        leg.receive_offer(&peer(&format!("m=audio 4 RTP/AVP {formats}|{events}"))).unwrap();
        let answer = leg.answer(choice, SENDRECV).unwrap();
        assert_eq!(answer.media()[0].head().formats.join(" "), answered, "{formats}");
    }
}

#[test]
fn one_leg_offers_what_the_other_was_offered_and_gets_what_was_chosen() {
    let (mut caller, mut callee) = (leg(), leg());
    let offered = caller
        .receive_offer(&peer(
            "m=audio 4000 RTP/AVP 98 111 9 8 121 101|a=rtpmap:98 AMR/8000|a=fmtp:98 octet-align=1|\
             a=rtpmap:111 opus/48000/2|a=rtpmap:121 red/8000|a=fmtp:121 8/8|\
             a=rtpmap:101 telephone-event/8000|a=ptime:40",
        ))
        .unwrap();
    let offer = callee.offer(&offered.onward()).unwrap();
    assert_eq!(
        said(&offer),
        "v1 | audio 10000 RTP/AVP 98 111 9 8 101 fmtp:98 octet-align=1 ptime:40 sendrecv"
    );
    let answer = "m=audio 4000 RTP/AVP 9 8 101|a=rtpmap:101 telephone-event/8000|a=fmtp:101 0-11|\
                  a=recvonly";
    callee.receive_answer(&peer(answer)).unwrap();
    let callee = callee.session().unwrap();

    let mut every = caller.clone();
    assert_eq!(
        said(&caller.answer(Choice::One(&callee.spoken()), callee.direction()).unwrap()),
        "v1 | audio 10000 RTP/AVP 9 101 fmtp:101 0-11 ptime:40 recvonly"
    );
    assert_eq!(
        said(&every.answer(Choice::All(&callee.common()), SENDRECV).unwrap()),
        "v1 | audio 10000 RTP/AVP 9 8 101 fmtp:101 0-11 ptime:40 sendrecv"
    );
    let g711 = offered.onward().limited_to(&codecs(&house()));
    assert_eq!(g711.formats.iter().map(|f| f.payload).collect::<Vec<_>>(), [8, 101]);
}

#[test]
fn of_a_codec_offered_twice_the_parameters_decide() {
    let offer = "m=audio 4 RTP/AVP 96 97|a=rtpmap:96 AMR/8000|a=rtpmap:97 AMR/8000|\
                 a=fmtp:97 octet-align=1";
    let mut leg = leg();
    let offered = leg.receive_offer(&peer(offer)).unwrap();
    let aligned = [offered.formats[1].codec.clone()];
    let answer = leg.answer(Choice::One(&aligned), SENDRECV).unwrap();
    assert_eq!(said(&answer), "v1 | audio 10000 RTP/AVP 97 fmtp:97 octet-align=1 sendrecv");
}

#[test]
fn of_a_codec_answered_once_the_number_decides() {
    let mut leg = leg();
    let amr = |payload, fmtp: Option<&str>| {
        let map = format!("m=audio 4 RTP/AVP {payload}|a=rtpmap:{payload} AMR/8000");
        map + &fmtp.map_or(String::new(), |fmtp| format!("|a=fmtp:{payload} {fmtp}"))
    };
    let formats = [amr(96, None), amr(97, Some("octet-align=1"))].map(|offer| {
        let mut other = super::leg();
        other.receive_offer(&peer(&offer)).unwrap().formats.remove(0)
    });
    leg.offer(&proposal(formats.to_vec(), SENDRECV)).unwrap();
    leg.preview_answer(&peer(&amr(97, None))).unwrap();
    assert!(media(leg.session()).contains(" takes 97 "), "{}", media(leg.session()));
    leg.preview_answer(&peer(&amr(98, Some("octet-align=1")))).unwrap();
    assert!(media(leg.session()).contains(" takes 97,98 "), "{}", media(leg.session()));
}

#[test]
fn keys_are_sent_on_the_clock_of_the_voice_that_is_sent() {
    let wanted = codecs(&usual(&[Encoding::Opus, Encoding::Pcma, Encoding::TelephoneEvent]));
    let events = "a=rtpmap:111 opus/48000/2|a=rtpmap:100 telephone-event/48000|\
                  a=rtpmap:101 telephone-event/8000";
    for (formats, keys) in [("8 111 100 101", 101), ("111 8 101 100", 100), ("111 101", 101)] {
        let mut leg = leg();
        leg.receive_offer(&peer(&format!("m=audio 4 RTP/AVP {formats}|{events}"))).unwrap();
        leg.answer(Choice::All(&wanted), SENDRECV).unwrap();
        let agreed = leg.session().unwrap().keys.unwrap();
        assert_eq!((agreed.send_payload, agreed.receive_payload), (keys, keys), "{formats}");
    }
}

#[test]
fn a_payload_type_never_changes_its_meaning() {
    let mut leg = leg();
    leg.offer(&proposal(usual(&[Encoding::Pcma, Encoding::TelephoneEvent]), SENDRECV)).unwrap();
    leg.receive_answer(&peer("m=audio 4 RTP/AVP 8")).unwrap();
    // The other leg now calls Opus 101 and its events 96.
    let mut opus = Format::usual(&Encoding::Opus).unwrap();
    opus.payload = 101;
    let mut events = Format::usual(&Encoding::TelephoneEvent).unwrap();
    events.payload = 96;
    let offer = leg.offer(&proposal(vec![opus.clone(), events.clone()], SENDRECV)).unwrap();
    assert_eq!(offer.media()[0].head().formats, ["97", "96"]);
    leg.roll_back();
    let offer = leg.offer(&proposal(vec![events, opus], SENDRECV)).unwrap();
    assert_eq!(offer.media()[0].head().formats, ["96", "97"]);
}
