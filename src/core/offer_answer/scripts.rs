//! Whole exchanges as the B2BUA drives them: what goes in, what we say, what the media plane gets.

use super::{
    Anchor, Choice, Codec, Encoding, Fault, Format, OfferAnswer, Proposal, Reject, Session, State,
};
use holdfast_wire::sdp::{Direction, Sdp};
use std::fmt::Write;

const SENDRECV: Direction = Direction::SendRecv;

fn usual(encodings: &[Encoding]) -> Vec<Format> {
    encodings.iter().filter_map(Format::usual).collect()
}

fn house() -> Vec<Format> {
    usual(&[Encoding::Pcma, Encoding::Pcmu, Encoding::TelephoneEvent])
}

fn codecs(formats: &[Format]) -> Vec<Codec> {
    formats.iter().map(|format| format.codec.clone()).collect()
}

fn proposal(formats: Vec<Format>, direction: Direction) -> Proposal {
    Proposal { formats, ptime_ms: Some(20), direction }
}

fn leg() -> OfferAnswer {
    OfferAnswer::new(Anchor {
        username: "holdfast".into(),
        session_id: 7,
        address: "198.51.100.1".parse().unwrap(),
        rtp_port: 10_000,
    })
}

/// A description of the peer at 192.0.2.9; `|` ends a line.
fn peer(lines: &str) -> Sdp {
    let text = format!("v=0|o=p 1 1 IN IP4 192.0.2.9|s=-|c=IN IP4 192.0.2.9|t=0 0|{lines}");
    Sdp::parse(text.replace('|', "\n").as_bytes()).unwrap()
}

/// Our description in one line: version, `m=` lines, directions and parameters.
fn said(sdp: &Sdp) -> String {
    let mut text = format!("v{}", sdp.origin().unwrap().version);
    for media in sdp.media() {
        write!(text, " | {}", media.head()).unwrap();
        for line in media.lines() {
            let value = line.value().unwrap();
            if !value.starts_with("rtpmap") {
                write!(text, " {value}").unwrap();
            }
        }
    }
    text
}

fn media(session: Option<&Session>) -> String {
    let Some(session) = session else { return "no session".into() };
    let to = session.remote.map_or("nowhere".to_owned(), |remote| remote.rtp.to_string());
    let takes: Vec<String> = session.accept.iter().map(|f| f.payload.to_string()).collect();
    let keys = session.keys.map_or("none".to_owned(), |keys| {
        format!("{}>{}", keys.receive_payload, keys.send_payload)
    });
    format!(
        "send {} {} to {to} {}ms takes {} keys {keys} remote_sends={} remote_receives={} {:?}",
        session.send.payload,
        session.send.codec,
        session.ptime_ms,
        takes.join(","),
        session.remote_sends,
        session.remote_receives,
        session.held,
    )
}

/// Answers this offer with the house codecs and shows what we say and what the media gets.
fn exchange(leg: &mut OfferAnswer, offer: &str) -> String {
    let offered = match leg.receive_offer(&peer(offer)) {
        Ok(offered) => offered,
        Err(reject) => return format!("{reject:?}"),
    };
    let answer = leg.answer(Choice::One(&codecs(&house())), SENDRECV).unwrap();
    format!("{:?} > {} > {}", offered.change, said(&answer), media(leg.session()))
}

/// A leg in a call: the peer offered PCMU and PCMA, both ways.
fn talking() -> OfferAnswer {
    let mut leg = leg();
    exchange(&mut leg, "m=audio 4000 RTP/AVP 0 8 101|a=rtpmap:101 telephone-event/8000");
    leg
}

#[test]
fn an_offer_of_ours_is_written_in_full() {
    let sdp = leg().offer(&proposal(house(), SENDRECV)).unwrap();
    assert_eq!(
        sdp.to_string(),
        "v=0\r\no=holdfast 7 1 IN IP4 198.51.100.1\r\ns=-\r\nc=IN IP4 198.51.100.1\r\nt=0 0\r\n\
         m=audio 10000 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n\
         a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n"
    );
}

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
    assert_eq!(offered.change, super::Change::Refresh);
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
        assert_eq!(leg.receive_offer(&offer).unwrap().change, super::Change::Refresh);
        assert_eq!(leg.answer_as_before().ok(), before);
    }
    let moved = "m=audio 6000 RTP/AVP 0 8 101|a=rtpmap:101 telephone-event/8000";
    assert_eq!(leg.receive_offer(&peer(moved)).unwrap().change, super::Change::Moved);
    assert_eq!(leg.answer_as_before().ok(), before);
    assert_eq!(leg.session().unwrap().remote.unwrap().rtp.port(), 6000);
    let other = leg.receive_offer(&peer("m=audio 6000 RTP/AVP 8")).unwrap();
    assert_eq!(other.change, super::Change::Formats);
}

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

    let mut unlucky = self::leg();
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
    assert_eq!(self::leg().offer(&proposal(vec![], SENDRECV)).map(|_| ()), no_codec);
}

#[test]
fn other_streams_are_refused_in_their_place_and_never_forgotten() {
    let mut leg = leg();
    let offer = "m=video 4002 RTP/AVP 96 97|m=audio 4000 RTP/AVPF 8|m=audio 4004 RTP/SAVP 8|\
                 m=application 9 UDP/DTLS/SCTP webrtc-datachannel";
    let answer = exchange(&mut leg, offer);
    let layout = "video 0 RTP/AVP 96 | audio 10000 RTP/AVPF 8 sendrecv | audio 0 RTP/SAVP 8 | \
                  application 0 UDP/DTLS/SCTP webrtc-datachannel";
    assert!(answer.contains(layout), "{answer}");
    assert_eq!(said(&leg.refresh().unwrap()), format!("v1 | {layout}"));
    leg.roll_back();
    let hold = leg.offer(&proposal(usual(&[Encoding::Pcma]), Direction::Inactive)).unwrap();
    assert_eq!(said(&hold), format!("v2 | {}", layout.replace("sendrecv", "ptime:20 inactive")));
    let silent = peer("m=video 0 RTP/AVP 96|m=audio 4000 RTP/AVPF 8|a=inactive");
    assert_eq!(leg.receive_answer(&silent), Ok(()));
}

#[test]
fn offers_that_are_refused_with_a_reason() {
    for (offer, fault) in [
        ("", Fault::NoAudio),
        ("m=image 4000 udptl t38", Fault::NoAudio),
        ("m=audio 0 RTP/AVP 8", Fault::NoAudio),
        ("m=audio 4000 RTP/SAVP 8", Fault::Profile),
        ("m=video 2 RTP/AVP 96|m=audio 4000 UDP/TLS/RTP/SAVPF 8", Fault::Profile),
        ("m=audio 4000 RTP/AVP 96", Fault::NoCommonCodec),
        ("m=audio 4000 RTP/AVP 101|a=rtpmap:101 telephone-event/8000", Fault::NoCommonCodec),
        ("m=audio 4000 RTP/AVP 8|c=IN IP6 2001:db8::1", Fault::Address),
        ("m=audio 4000 RTP/AVP 8|c=IN IP4 host.example", Fault::Address),
        ("m=audio 4000 RTP/AVP 8|c=IN IP4 224.2.1.1/127", Fault::Address),
    ] {
        let mut leg = talking();
        let before = leg.clone();
        let reject = Reject::Unacceptable(fault);
        assert_eq!(leg.receive_offer(&peer(offer)), Err(reject), "{offer}");
        assert_eq!(reject.status_code(), Some(488));
        assert_eq!(leg, before, "{offer}: the old session stays");
    }
    let nowhere = Sdp::parse(b"v=0\r\nm=audio 4000 RTP/AVP 8\r\n").unwrap();
    let fault = Err(Reject::Unacceptable(Fault::Address));
    assert_eq!(leg().receive_offer(&nowhere).map(|_| ()), fault);
}

#[test]
fn an_answer_without_our_audio_does_not_suit() {
    for (answer, fault) in [
        ("", Fault::NoAudio),
        ("m=audio 0 RTP/AVP 8", Fault::NoAudio),
        ("m=video 4000 RTP/AVP 96", Fault::NoAudio),
        ("m=audio 4000 RTP/SAVP 8", Fault::Profile),
    ] {
        let mut leg = leg();
        leg.offer(&proposal(house(), SENDRECV)).unwrap();
        let reject = Err(Reject::Unacceptable(fault));
        assert_eq!(leg.receive_answer(&peer(answer)), reject, "{answer}");
        leg.roll_back();
        assert_eq!(leg.state(), &State::Idle);
    }
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
fn rtcp_goes_to_the_next_port_unless_told_otherwise() {
    for (lines, rtcp) in [
        ("m=audio 4000 RTP/AVP 8", Some("192.0.2.9:4001")),
        ("m=audio 65535 RTP/AVP 8", None),
        ("m=audio 4000 RTP/AVP 8|a=rtcp:0", None),
        ("m=audio 4000 RTP/AVP 8|a=rtcp:5 IN IP4 192.0.2.8", Some("192.0.2.8:5")),
    ] {
        let mut leg = leg();
        exchange(&mut leg, lines);
        let remote = leg.session().unwrap().remote.unwrap();
        assert_eq!(remote.rtcp.map(|to| to.to_string()).as_deref(), rtcp, "{lines}");
    }
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
    let answer = "m=audio 4000 RTP/AVP 9 8 101|a=rtpmap:101 telephone-event/8000|a=fmtp:101 0-11";
    callee.receive_answer(&peer(answer)).unwrap();
    let callee = callee.session().unwrap();

    let mut every = caller.clone();
    assert_eq!(
        said(&caller.answer(Choice::One(&callee.spoken()), SENDRECV).unwrap()),
        "v1 | audio 10000 RTP/AVP 9 101 fmtp:101 0-11 ptime:40 sendrecv"
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

#[test]
fn a_move_of_the_anchor_is_a_new_edition() {
    let mut leg = talking();
    leg.move_anchor("2001:db8::5".parse().unwrap(), 12_000);
    let moved = leg.refresh().unwrap();
    assert_eq!(moved.origin().unwrap().version, 2);
    assert_eq!(moved.connection().and_then(|c| c.ip()), "2001:db8::5".parse().ok());
    assert_eq!(moved.media()[0].head().port, 12_000);
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
