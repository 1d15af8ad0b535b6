//! Keys: who offers which, what is answered, what is refused, when they change.

use super::{SENDRECV, codecs, house, proposal, said};
use crate::offer_answer::sdes::{AgreedKeys, OwnKeys, SUITES};
use crate::offer_answer::{
    Anchor, Change, Choice, Fault, OfferAnswer, OpaqueCodecs, Reject, Secured,
};
use holdfast_base::{Entropy, Wall};
use holdfast_config::MediaEncryption::{self, Off, Preferred, Required};
use holdfast_wire::sdp::{Direction, Sdp};
use holdfast_wire::srtp::Suite;

/// Thirty bytes each.
const KEY: &str = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";
const OTHER: &str = "AAAAX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";
const EIGHTY: &str = "AES_CM_128_HMAC_SHA1_80";

fn leg(wish: MediaEncryption, suites: &[Suite]) -> OfferAnswer {
    let anchor = Anchor {
        username: "holdfast".into(),
        session_id: 7,
        address: "198.51.100.1".parse().unwrap(),
        rtp_port: 10_000,
        bound: None,
    };
    OfferAnswer::new(anchor, OwnKeys::new(wish, suites, &mut Entropy::new([5; 32])))
}

/// A description of the peer; `|` ends a line, and `¦` is what stands between parts of a key.
fn peer(lines: &str) -> Sdp {
    let text = format!("v=0|o=p 1 1 IN IP4 192.0.2.9|s=-|c=IN IP4 192.0.2.9|t=0 0|{lines}");
    Sdp::parse(text.replace('|', "\n").replace('¦', "|").as_bytes()).unwrap()
}

fn teams() -> OfferAnswer {
    leg(Required, &[Suite::AesCm128HmacSha1Tag80])
}

/// The `a=crypto` lines without their keys.
fn lines(sdp: &Sdp) -> Vec<String> {
    let of = |crypto: holdfast_wire::sdp::Crypto| {
        assert_eq!(crypto.keys.len(), 1);
        format!("{} {} {}", crypto.tag, crypto.suite, crypto.keys[0].lifetime.clone().unwrap())
    };
    sdp.media()[0].crypto().map(of).collect()
}

fn our_key(sdp: &Sdp) -> String {
    sdp.media()[0].crypto().next().unwrap().keys[0].key_and_salt.clone()
}

/// The keys that are agreed on.
fn agreed(leg: &OfferAnswer) -> Option<AgreedKeys> {
    leg.session().unwrap().secured.as_ref().and_then(Secured::keys).cloned()
}

fn savp(crypto: &str) -> String {
    format!("m=audio 4000 RTP/SAVP 8 101|a=rtpmap:101 telephone-event/8000{crypto}")
}

fn line(tag: u32, suite: &str, key: &str) -> String {
    format!("|a=crypto:{tag} {suite} inline:{key}")
}

fn answer(leg: &mut OfferAnswer, offer: &str) -> Result<Sdp, Reject> {
    leg.receive_offer(&peer(offer))?;
    leg.answer(Choice::One(&codecs(&house())), SENDRECV)
}

fn unacceptable(fault: Fault) -> Reject {
    Reject::Unacceptable(fault)
}

#[test]
fn what_is_offered_follows_the_wish() {
    let offered = |mut leg: OfferAnswer| {
        let offer = leg.offer(&proposal(house(), SENDRECV)).unwrap();
        (offer.media()[0].head().protocol.name().to_owned(), lines(&offer))
    };
    let usual =
        ["1 AEAD_AES_256_GCM 2^31", "2 AEAD_AES_128_GCM 2^31", "3 AES_CM_128_HMAC_SHA1_80 2^31"]
            .map(str::to_owned)
            .to_vec();
    assert_eq!(offered(leg(Required, SUITES)), ("RTP/SAVP".into(), usual.clone()));
    assert_eq!(offered(leg(Preferred, SUITES)), ("RTP/SAVP".into(), usual));
    assert_eq!(offered(leg(Off, SUITES)), ("RTP/AVP".into(), Vec::new()));
    assert_eq!(offered(teams()), ("RTP/SAVP".into(), vec![format!("1 {EIGHTY} 2^31")]));
}

#[test]
fn an_answer_repeats_the_tag_and_adds_nothing() {
    let offer = savp(
        &[
            line(4, "F8_128_HMAC_SHA1_80", KEY),
            line(7, "AES_CM_128_HMAC_SHA1_32", OTHER),
            line(9, EIGHTY, &format!("{KEY}¦2^31¦1:1")),
        ]
        .concat(),
    );
    let mut ours = teams();
    let answered = answer(&mut ours, &offer).unwrap();
    assert_eq!(lines(&answered), [format!("9 {EIGHTY} 2^31")]);
    let secured = agreed(&ours).unwrap();
    assert_eq!(secured.theirs.mki_bytes, 1);
    assert!(secured.ours.key != secured.theirs.key);
    // A suite that we would not offer is still taken where there is no other.
    let only = savp(&line(2, "AES_CM_128_HMAC_SHA1_32", KEY));
    assert_eq!(lines(&answer(&mut teams(), &only).unwrap()), ["2 AES_CM_128_HMAC_SHA1_32 2^31"]);
}

#[test]
fn never_in_the_clear_where_it_is_required_and_never_encrypted_where_it_is_off() {
    let clear = "m=audio 4000 RTP/AVP 8";
    let secure = savp(&line(1, EIGHTY, KEY));
    assert_eq!(answer(&mut teams(), clear).unwrap_err(), unacceptable(Fault::Clear));
    assert!(answer(&mut leg(Preferred, SUITES), clear).is_ok());
    let refused = answer(&mut leg(Off, SUITES), &secure).unwrap_err();
    assert_eq!(refused, unacceptable(Fault::Profile));
    let without = answer(&mut teams(), &savp("")).unwrap_err();
    assert_eq!(without, unacceptable(Fault::NoCommonSuite));
    assert_eq!(without.status_code(), Some(488));
    let broken = savp(&line(1, EIGHTY, "c2hvcnQ="));
    assert_eq!(answer(&mut teams(), &broken).unwrap_err(), unacceptable(Fault::NoCommonSuite));
    // Who leaves the choice writes both.
    let both = format!("{clear}|{}", secure.replace("4000", "4002"));
    let answered = answer(&mut leg(Preferred, SUITES), &both).unwrap();
    assert!(said(&answered).starts_with("v1 | audio 0 RTP/AVP 8 | audio 10000 RTP/SAVP"));
    let answered = answer(&mut leg(Off, SUITES), &both).unwrap();
    assert!(said(&answered).contains("audio 10000 RTP/AVP 8 sendrecv | audio 0 RTP/SAVP"));
}

#[test]
fn our_key_stays_over_every_change_of_the_session_and_theirs_is_followed() {
    let mut ours = teams();
    let first = answer(&mut ours, &savp(&line(1, EIGHTY, KEY))).unwrap();
    let refreshed = ours.receive_offer(&peer(&savp(&line(1, EIGHTY, KEY)))).unwrap();
    assert_eq!(refreshed.change, Change::Refresh);
    let again = ours.answer_as_before().unwrap();
    assert_eq!(again, first, "word by word");
    // Held, and another tag.
    let held = savp(&format!("{}|a=inactive", line(5, EIGHTY, KEY)));
    let held = answer(&mut ours, &held).unwrap();
    assert_eq!((lines(&held), our_key(&held)), (vec![format!("5 {EIGHTY} 2^31")], our_key(&first)));
    // Another key of theirs.
    let changed = ours.receive_offer(&peer(&savp(&line(5, EIGHTY, OTHER)))).unwrap();
    assert_eq!(changed.change, Change::Direction);
    ours.answer_as_before().unwrap();
    let moved = ours.receive_offer(&peer(&savp(&line(5, EIGHTY, KEY)))).unwrap();
    assert_eq!(moved.change, Change::Moved);
    ours.answer_as_before().unwrap();
    // Ours: refresh, hold, everything once more.
    let refresh = ours.refresh().unwrap();
    assert_eq!(our_key(&refresh), our_key(&first));
    ours.roll_back();
    assert_eq!(our_key(&ours.turn(Direction::Inactive).unwrap()), our_key(&first));
    ours.roll_back();
    let whole = ours.offer(&proposal(house(), SENDRECV)).unwrap();
    assert_eq!(
        (lines(&whole), our_key(&whole)),
        (vec![format!("5 {EIGHTY} 2^31")], our_key(&first))
    );
}

#[test]
fn after_a_restart_the_old_key_is_not_used_and_a_new_one_is_offered() {
    let mut ours = teams();
    let first = answer(&mut ours, &savp(&line(1, EIGHTY, KEY))).unwrap();
    let plane = |leg: &OfferAnswer| {
        let remote = leg.session().unwrap().for_plane(&mut OpaqueCodecs::default(), leg.keys());
        let crypto = remote.crypto.unwrap();
        (crypto.send.is_some(), crypto.receive)
    };
    let before = plane(&ours);
    assert!(before.0);
    ours = serde_json::from_str(&serde_json::to_string(&ours).unwrap()).unwrap();
    ours.resume(Wall::from_micros(0), &[]);
    assert_eq!(plane(&ours), (false, before.1.clone()));
    let offer = ours.refresh().unwrap();
    assert_eq!(lines(&offer), [format!("1 {EIGHTY} 2^31")]);
    assert!(our_key(&offer) != our_key(&first));
    assert_eq!(plane(&ours), (false, before.1.clone()), "not before it is answered");
    ours.receive_answer(&peer(&savp(&line(1, EIGHTY, KEY)))).unwrap();
    assert_eq!(plane(&ours), before);
}

#[test]
fn who_refuses_encryption_is_asked_in_the_clear_only_where_it_was_preferred() {
    let mut ours = leg(Preferred, SUITES);
    ours.offer(&proposal(house(), SENDRECV)).unwrap();
    let clear = ours.offer_in_the_clear().unwrap();
    assert!(said(&clear).starts_with("v2 | audio 10000 RTP/AVP"), "{}", said(&clear));
    assert!(lines(&clear).is_empty());
    assert_eq!(ours.offer_in_the_clear(), None, "once");
    ours.receive_answer(&peer("m=audio 4000 RTP/AVP 8")).unwrap();
    assert!(ours.keys().fell_back());
    let mut strict = teams();
    strict.offer(&proposal(house(), SENDRECV)).unwrap();
    assert_eq!(strict.offer_in_the_clear(), None);
}

#[test]
fn answers_are_taken_by_tag_then_by_suite_and_never_weaker() {
    let taken = |wish, crypto: &str, profile: &str| {
        let mut ours = leg(wish, SUITES);
        ours.offer(&proposal(house(), SENDRECV)).unwrap();
        ours.receive_answer(&peer(&savp(crypto).replace("RTP/SAVP", profile)))?;
        let secured = agreed(&ours);
        Ok(secured.map(|secured| (secured.ours.tag, secured.ours.key.suite())))
    };
    let eighty = Suite::AesCm128HmacSha1Tag80;
    assert_eq!(taken(Required, &line(3, EIGHTY, KEY), "RTP/SAVP"), Ok(Some((3, eighty))));
    assert_eq!(taken(Required, &line(1, EIGHTY, KEY), "RTP/SAVP"), Ok(Some((3, eighty))));
    let not_offered = line(3, "AES_CM_128_HMAC_SHA1_32", KEY);
    let refused = Err(unacceptable(Fault::NoCommonSuite));
    assert_eq!(taken(Required, &not_offered, "RTP/SAVP"), refused);
    assert_eq!(taken(Required, "", "RTP/AVP"), Err(unacceptable(Fault::Clear)));
    assert_eq!(taken(Preferred, "", "RTP/AVP"), Ok(None));
}

#[test]
fn what_was_encrypted_once_is_never_in_the_clear_again() {
    let mut ours = leg(Preferred, SUITES);
    answer(&mut ours, &savp(&line(1, EIGHTY, KEY))).unwrap();
    let before = ours.clone();
    let clear = answer(&mut ours, "m=audio 4000 RTP/AVP 8");
    assert_eq!(clear.unwrap_err(), unacceptable(Fault::Clear));
    assert_eq!(ours, before);
    ours.refresh().unwrap();
    let answered = ours.receive_answer(&peer("m=audio 4000 RTP/AVP 8"));
    assert_eq!(answered.unwrap_err(), unacceptable(Fault::Clear));
}

#[test]
fn early_audio_that_was_encrypted_is_never_in_the_clear_again() {
    let mut ours = leg(Preferred, SUITES);
    ours.offer(&proposal(house(), SENDRECV)).unwrap();
    ours.preview_answer(&peer(&savp(&line(3, EIGHTY, KEY)))).unwrap();
    let shown = ours.clone();
    let clear = peer("m=audio 4000 RTP/AVP 8");
    assert_eq!(ours.receive_answer(&clear), Err(unacceptable(Fault::Clear)));
    assert_eq!(ours.preview_answer(&clear), Err(unacceptable(Fault::Clear)));
    assert_eq!(ours, shown);
    ours.receive_answer(&peer(&savp(&line(3, EIGHTY, OTHER)))).unwrap();
}

#[test]
fn two_restarts_from_the_same_record_have_different_keys() {
    let mut ours = teams();
    answer(&mut ours, &savp(&line(1, EIGHTY, KEY))).unwrap();
    let offered_at = |micros| {
        let mut restored = ours.clone();
        restored.resume(Wall::from_micros(micros), &[]);
        our_key(&restored.refresh().unwrap())
    };
    assert!(offered_at(1_000_000) != offered_at(1_200_000));
}

#[test]
fn a_record_of_the_time_of_sdes_alone_is_still_read() {
    let mut ours = teams();
    answer(&mut ours, &savp(&line(1, EIGHTY, KEY))).unwrap();
    let mut record = serde_json::to_value(&ours).unwrap();
    let session = &mut record["state"]["Agreed"]["session"];
    session.as_object_mut().unwrap().remove("ice").unwrap();
    let fields: Vec<&String> = session["secured"].as_object().unwrap().keys().collect();
    assert_eq!(fields, ["ours", "theirs"], "as it was");
    for field in ["by", "certificate", "ice"] {
        record["keys"].as_object_mut().unwrap().remove(field).unwrap();
    }
    let read: OfferAnswer = serde_json::from_value(record).unwrap();
    assert_eq!(read, ours);
}
