//! What holds for every offer, every answer and every order of both.

use super::sdes::OwnKeys;
use super::{Anchor, Choice, Codec, Format, OfferAnswer, Proposal, Reject, Role};
use holdfast_wire::sdp::{Direction, MediaKind, Sdp};
use proptest::prelude::*;

/// Payload types and meanings that the peer of these tests may use.
const PEER_FORMATS: [(u8, &str); 10] = [
    (0, "PCMU/8000"),
    (8, "PCMA/8000"),
    (9, "G722/8000"),
    (13, "CN/8000"),
    (18, "G729/8000"),
    (96, "telephone-event/48000"),
    (97, "iLBC/8000"),
    (101, "telephone-event/8000"),
    (111, "opus/48000/2"),
    (121, "red/8000"),
];

fn leg() -> OfferAnswer {
    let anchor = Anchor {
        username: "holdfast".into(),
        session_id: 7,
        address: "198.51.100.1".parse().unwrap(),
        rtp_port: 10_000,
        bound: None,
    };
    OfferAnswer::new(anchor, OwnKeys::default())
}

fn direction() -> impl Strategy<Value = Direction> {
    prop::sample::select(Direction::ALL.to_vec())
}

/// Some of the formats in some order.
fn formats() -> impl Strategy<Value = Vec<(u8, &'static str)>> {
    prop::sample::subsequence(PEER_FORMATS.to_vec(), 1..=PEER_FORMATS.len()).prop_shuffle()
}

fn codecs(formats: &[(u8, &str)]) -> Vec<Codec> {
    let sdp = Sdp::parse(&describe(&[audio(formats, None)])).unwrap();
    let media = &sdp.media()[0];
    media.head().formats.iter().filter_map(|f| Format::read(media, f)).map(|f| f.codec).collect()
}

fn audio(formats: &[(u8, &str)], direction: Option<Direction>) -> String {
    let numbers: String = formats.iter().map(|(payload, _)| format!(" {payload}")).collect();
    let maps: String =
        formats.iter().map(|(payload, map)| format!("a=rtpmap:{payload} {map}\r\n")).collect();
    let direction = direction.map_or(String::new(), |direction| format!("a={direction}\r\n"));
    format!("m=audio 4000 RTP/AVP{numbers}\r\n{maps}{direction}")
}

fn describe(media: &[String]) -> Vec<u8> {
    let head = "v=0\r\no=p 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n";
    format!("{head}{}", media.concat()).into_bytes()
}

/// RFC 3264 §6: as many streams in the same order, each of the same kind and protocol, payload
/// types of the offer with the same meaning, a direction that the offer allows.
fn assert_fits(answer: &Sdp, offer: &Sdp) {
    assert_eq!(answer.media().len(), offer.media().len());
    for (ours, theirs) in answer.media().iter().zip(offer.media()) {
        assert_eq!(ours.head().kind, theirs.head().kind);
        assert_eq!(ours.head().protocol, theirs.head().protocol);
        assert!(!ours.head().formats.is_empty());
        assert!(theirs.head().port != 0 || ours.head().port == 0);
        if ours.head().port == 0 {
            continue;
        }
        let mut places = Vec::new();
        for format in &ours.head().formats {
            let place = theirs.head().formats.iter().position(|offered| offered == format);
            places.push(place.expect("the payload type was offered"));
            let meaning = |media| Format::read(media, format).map(|f| f.codec.to_string());
            assert_eq!(meaning(ours), meaning(theirs));
        }
        assert!(places.is_sorted(), "the order of the offerer");
        let allowed = offer.direction_of(theirs).reversed();
        let said = answer.direction_of(ours);
        assert_eq!(said.within(allowed), said, "{said} to an offer of {allowed} reversed");
    }
}

/// One thing that happens to a leg.
#[derive(Clone, Debug)]
enum Step {
    Offer(Vec<(u8, &'static str)>, Direction),
    Refresh,
    Preview(Sdp),
    ReceiveAnswer(Sdp),
    ReceiveOffer(Sdp),
    AnswerOne(Vec<(u8, &'static str)>, Direction),
    AnswerAll(Vec<(u8, &'static str)>, Direction),
    AnswerAsBefore,
    RollBack,
    Restore,
}

/// Audio as peers write it, and streams that are not for us, always as many `m=` lines as told.
fn description(lines: std::ops::RangeInclusive<usize>) -> impl Strategy<Value = Sdp> {
    let stream = prop_oneof![
        4 => (formats(), prop::option::of(direction())).prop_map(|(f, d)| audio(&f, d)),
        1 => (formats(), direction()).prop_map(|(f, d)| {
            audio(&f, Some(d)) + "c=IN IP4 0.0.0.0\r\n"
        }),
        1 => Just("m=audio 0 RTP/AVP 8\r\n".to_owned()),
        1 => Just("m=audio 4000 RTP/SAVP 8\r\n".to_owned()),
        1 => Just("m=video 4002 RTP/AVP 96\r\n".to_owned()),
    ];
    prop::collection::vec(stream, lines).prop_map(|media| Sdp::parse(&describe(&media)).unwrap())
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (formats(), direction()).prop_map(|(f, d)| Step::Offer(f, d)),
        1 => Just(Step::Refresh),
        1 => description(1..=3).prop_map(Step::Preview),
        3 => description(1..=3).prop_map(Step::ReceiveAnswer),
        3 => description(3..=3).prop_map(Step::ReceiveOffer),
        2 => (formats(), direction()).prop_map(|(f, d)| Step::AnswerOne(f, d)),
        2 => (formats(), direction()).prop_map(|(f, d)| Step::AnswerAll(f, d)),
        1 => Just(Step::AnswerAsBefore),
        1 => Just(Step::RollBack),
        1 => Just(Step::Restore),
    ]
}

fn proposal(formats: &[(u8, &str)], direction: Direction) -> Proposal {
    let codecs = codecs(formats).into_iter();
    let formats = formats.iter().zip(codecs).map(|((p, _), codec)| Format { payload: *p, codec });
    Proposal { formats: formats.collect(), ptime_ms: None, direction }
}

/// Carries out the step; gives back what we sent, if we sent something.
fn carry_out(leg: &mut OfferAnswer, step: Step) -> Result<Option<Sdp>, Reject> {
    match step {
        Step::Offer(formats, direction) => leg.offer(&proposal(&formats, direction)).map(Some),
        Step::Refresh => leg.refresh().map(Some),
        Step::Preview(answer) => leg.preview_answer(&answer).map(|()| None),
        Step::ReceiveAnswer(answer) => leg.receive_answer(&answer).map(|()| None),
        Step::ReceiveOffer(offer) => leg.receive_offer(&offer).map(|_| None),
        Step::AnswerOne(formats, wanted) => {
            leg.answer(Choice::One(&codecs(&formats)), wanted).map(Some)
        }
        Step::AnswerAll(formats, wanted) => {
            leg.answer(Choice::All(&codecs(&formats)), wanted).map(Some)
        }
        Step::AnswerAsBefore => leg.answer_as_before().map(Some),
        Step::RollBack => {
            leg.roll_back();
            Ok(None)
        }
        Step::Restore => {
            *leg = serde_json::from_str(&serde_json::to_string(leg).unwrap()).unwrap();
            Ok(None)
        }
    }
}

/// The description without the number of its edition.
fn words(sdp: &Sdp) -> String {
    sdp.to_string().lines().filter(|line| !line.starts_with("o=")).collect()
}

proptest! {
    #[test]
    fn an_answer_fits_its_offer(
        offer in description(1..=4),
        wanted_codecs in formats(),
        wanted in direction(),
        one in any::<bool>(),
    ) {
        let mut leg = leg();
        if leg.receive_offer(&offer).is_ok() {
            let allowed = codecs(&wanted_codecs);
            let choice = if one { Choice::One(&allowed) } else { Choice::All(&allowed) };
            if let Ok(answer) = leg.answer(choice, wanted) {
                assert_fits(&answer, &offer);
                let audio = answer.media().iter().filter(|media| media.head().port != 0);
                prop_assert_eq!(audio.clone().count(), 1);
                for media in audio {
                    prop_assert_eq!(&media.head().kind, &MediaKind::Audio);
                    prop_assert_eq!(answer.direction_of(media).within(wanted),
                        answer.direction_of(media));
                    let voices = media.head().formats.iter()
                        .filter_map(|format| Format::read(media, format))
                        .filter(|format| format.role() == Role::Voice);
                    let count = voices.count();
                    prop_assert!(count == 1 || (!one && count > 1));
                }
            }
        }
    }

    #[test]
    fn our_own_offers_and_answers_understand_each_other(
        offered in formats(),
        allowed in formats(),
        ours in direction(),
        theirs in direction(),
    ) {
        let (mut caller, mut callee) = (leg(), leg());
        let Ok(offer) = caller.offer(&proposal(&offered, ours)) else { return Ok(()) };
        let Ok(_) = callee.receive_offer(&offer) else { return Ok(()) };
        let Ok(answer) = callee.answer(Choice::All(&codecs(&allowed)), theirs) else {
            return Ok(());
        };
        prop_assert_eq!(caller.receive_answer(&answer), Ok(()));
        let (a, b) = (caller.session().unwrap(), callee.session().unwrap());
        prop_assert_eq!(&a.send.codec.encoding, &b.send.codec.encoding);
        prop_assert_eq!(a.remote_sends, b.remote_receives);
        prop_assert_eq!(a.remote_receives, b.remote_sends);
        prop_assert_eq!(a.keys.map(|k| k.send_payload), b.keys.map(|k| k.receive_payload));
        prop_assert!(a.accept.iter().any(|format| format.payload == b.send.payload));
        prop_assert!(b.accept.iter().any(|format| format.payload == a.send.payload));
    }

    #[test]
    fn in_any_order_editions_count_changes_and_streams_stay(
        steps in prop::collection::vec(step(), 1..40),
    ) {
        let mut leg = leg();
        let mut last: Option<Sdp> = None;
        let mut streams_agreed = 0;
        for step in steps {
            let before = leg.clone();
            match carry_out(&mut leg, step) {
                Ok(Some(said)) => {
                    let version = said.origin().unwrap().version;
                    match &last {
                        None => prop_assert_eq!(version, 1),
                        Some(last) => {
                            let changed = words(last) != words(&said);
                            let next = last.origin().unwrap().version + u64::from(changed);
                            prop_assert_eq!(version, next);
                        }
                    }
                    prop_assert!(said.media().len() >= streams_agreed);
                    prop_assert_eq!(leg.last_description(), Some(said.clone()));
                    last = Some(said);
                }
                Ok(None) => {}
                Err(_) => prop_assert_eq!(&leg, &before, "an error changes nothing"),
            }
            if let super::State::Agreed(agreement) = leg.state() {
                streams_agreed = agreement.body.streams.len();
                let session = &agreement.session;
                prop_assert!(session.remote.is_some() || !session.remote_receives);
                prop_assert_eq!(session.send.role(), Role::Voice);
                prop_assert!(!session.accept.is_empty());
            }
        }
    }
}
