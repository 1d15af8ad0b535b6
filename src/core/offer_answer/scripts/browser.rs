//! Browsers: keys by a handshake (DTLS-SRTP) on a way that checks have found (ICE), and ICE with
//! keys in descriptions (media bypass of Teams).

use super::{SENDRECV, codecs, house, proposal};
use crate::media::order;
use crate::offer_answer::dtls::{AgreedDtls, Part};
use crate::offer_answer::sdes::{Manner, OwnKeys, SUITES};
use crate::offer_answer::{
    Anchor, Change, Choice, Fault, OfferAnswer, OpaqueCodecs, Reject, Secured,
};
use holdfast_base::{Entropy, Wall};
use holdfast_config::MediaEncryption::{self, Off, Preferred, Required};
use holdfast_config::MediaKeys;
use holdfast_wire::sdp::{Credentials, Direction, Fingerprint, Sdp, Setup};

const PASSWORD: &str = "asd88fgpdd777uzjYhagZg";
const EIGHTY: &str = "AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";

fn certificates() -> Vec<Fingerprint> {
    vec![Fingerprint::of(b"one"), Fingerprint::of(b"other")]
}

fn leg(wish: MediaEncryption, by: MediaKeys, ice: bool) -> OfferAnswer {
    let anchor = Anchor {
        username: "holdfast".into(),
        session_id: 7,
        address: "198.51.100.1".parse().unwrap(),
        rtp_port: 10_000,
        bound: Some("10.0.0.1".parse().unwrap()),
    };
    let manner = Manner { wish, by, ice };
    let keys = OwnKeys::of(&manner, SUITES, &certificates(), &mut Entropy::new([5; 32]));
    OfferAnswer::new(anchor, keys)
}

fn browser() -> OfferAnswer {
    leg(Preferred, MediaKeys::Dtls, false)
}

/// What a browser writes, with these credentials, certificate and words on who begins.
fn written(fragment: &str, certificate: &[u8], setup: &str) -> String {
    let fingerprint = Fingerprint::of(certificate);
    format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 v\r\n\
         a=ice-options:trickle\r\na=fingerprint:{fingerprint}\r\n\
         m=audio 9 UDP/TLS/RTP/SAVPF 111 8 126\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\n\
         a=candidate:1 1 udp 2113937151 4f3c.local 51000 typ host\r\n\
         a=ice-ufrag:{fragment}\r\na=ice-pwd:{PASSWORD}\r\na=setup:{setup}\r\na=mid:0\r\n\
         a=sendrecv\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\n\
         a=rtpmap:126 telephone-event/8000\r\n"
    )
}

fn sdp(text: &str) -> Sdp {
    Sdp::parse(text.as_bytes()).unwrap()
}

fn answer(leg: &mut OfferAnswer, offer: &str) -> Result<Sdp, Reject> {
    leg.receive_offer(&sdp(offer))?;
    leg.answer(Choice::One(&codecs(&house())), SENDRECV)
}

/// The lines of a description that are about the way and the keys; secrets cut off.
fn about_the_way(sdp: &Sdp) -> Vec<String> {
    let text = sdp.to_string();
    let of_interest =
        ["a=group", "a=ice", "a=fing", "a=setup", "a=cand", "a=mid", "a=rtcp", "a=end"];
    let lines = text.lines().filter(|line| {
        line.starts_with("m=") || of_interest.iter().any(|start| line.starts_with(start))
    });
    let short = |line: &str| match line.split_once("pwd:") {
        Some((name, _)) => format!("{name}pwd"),
        None => line.chars().take(42).collect(),
    };
    lines.map(short).collect()
}

fn fragment(sdp: &Sdp) -> String {
    sdp.media()[0].values("ice-ufrag").next().unwrap().to_owned()
}

fn shaken(leg: &OfferAnswer) -> AgreedDtls {
    let session = leg.session().unwrap();
    session.secured.as_ref().and_then(Secured::handshake).cloned().unwrap()
}

fn plane(leg: &OfferAnswer) -> order::Remote {
    leg.session().unwrap().for_plane(&mut OpaqueCodecs::default(), leg.keys())
}

#[test]
fn a_browser_calls_and_learns_where_we_are() {
    let mut ours = browser();
    let answered = answer(&mut ours, &written("8hhY", b"them", "actpass")).unwrap();
    assert_eq!(
        about_the_way(&answered),
        [
            "a=ice-lite".to_owned(),
            "a=group:BUNDLE 0".to_owned(),
            "m=audio 10000 UDP/TLS/RTP/SAVPF 8 126".to_owned(),
            format!("a=fingerprint:{}", Fingerprint::of(b"one")).chars().take(42).collect(),
            "a=setup:active".to_owned(),
            format!("a=ice-ufrag:{}", fragment(&answered)),
            "a=ice-pwd".to_owned(),
            "a=candidate:1 1 UDP 2130706431 198.51.100."[..42].to_owned(),
            "a=candidate:2 1 UDP 2130706175 10.0.0.1 10".to_owned(),
            "a=rtcp-mux".to_owned(),
            "a=end-of-candidates".to_owned(),
            "a=mid:0".to_owned(),
        ]
    );
    let remote = plane(&ours);
    assert_eq!((remote.rtp, remote.rtcp, remote.crypto), (None, None, None));
    // 0.0.0.0 is no hold where the way is found by checks.
    assert!(remote.sends && remote.receives);
    let dtls = remote.dtls.unwrap();
    assert_eq!((dtls.begins, dtls.fingerprints), (Part::Client, vec![Fingerprint::of(b"them")]));
    let ice = remote.ice.unwrap();
    assert_eq!(ice.theirs, Credentials::new("8hhY", PASSWORD).unwrap());
    assert_eq!(ice.ours.fragment(), fragment(&answered));
}

#[test]
fn a_browser_is_called_and_says_who_begins() {
    for (setup, part) in [("active", Part::Server), ("passive", Part::Client)] {
        let mut ours = browser();
        let offer = ours.offer(&proposal(house(), SENDRECV)).unwrap();
        assert_eq!(offer.media()[0].head().protocol.name(), "UDP/TLS/RTP/SAVPF");
        assert!(offer.to_string().contains("a=setup:actpass\r\n"));
        assert!(offer.to_string().contains("a=group:BUNDLE 0\r\n"));
        assert_eq!(offer.media()[0].crypto().count(), 0);
        ours.receive_answer(&sdp(&written("8hhY", b"them", setup))).unwrap();
        assert_eq!(shaken(&ours).part, part);
        assert_eq!(plane(&ours).ice.unwrap().ours.fragment(), fragment(&offer));
    }
}

#[test]
fn names_and_handshake_stay_over_hold_and_refresh() {
    let mut ours = browser();
    let first = answer(&mut ours, &written("8hhY", b"them", "actpass")).unwrap();
    let offer = sdp(&written("8hhY", b"them", "actpass"));
    assert_eq!(ours.receive_offer(&offer).unwrap().change, Change::Refresh);
    assert_eq!(ours.answer_as_before().unwrap(), first, "word by word");
    let before = plane(&ours);
    let held = written("8hhY", b"them", "actpass").replace("sendrecv", "sendonly");
    let held = answer(&mut ours, &held).unwrap();
    assert_eq!(about_the_way(&held), about_the_way(&first));
    assert_eq!((plane(&ours).ice, plane(&ours).dtls), (before.ice, before.dtls));
    for offer in [ours.turn(Direction::SendOnly), {
        ours.roll_back();
        ours.refresh()
    }] {
        let offer = offer.unwrap();
        assert_eq!(fragment(&offer), fragment(&first));
        assert!(offer.to_string().contains("a=setup:actpass"));
    }
    // Whoever was the server of the handshake says so again.
    ours.receive_answer(&sdp(&written("8hhY", b"them", "passive"))).unwrap();
    assert_eq!(shaken(&ours).part, Part::Client);
}

#[test]
fn other_names_of_theirs_are_a_restart_and_the_handshake_stays() {
    let mut ours = browser();
    let first = answer(&mut ours, &written("8hhY", b"them", "actpass")).unwrap();
    let (before, agreed) = (fragment(&first), shaken(&ours));
    let offer = sdp(&written("9iiZ", b"them", "actpass"));
    assert_eq!(ours.receive_offer(&offer).unwrap().change, Change::Moved);
    let again = ours.answer_as_before().unwrap();
    assert!(fragment(&again) != before);
    assert_eq!(shaken(&ours), agreed);
    // Refused, a restart has not been.
    let now = fragment(&again);
    ours.receive_offer(&sdp(&written("7ggX", b"them", "actpass"))).unwrap();
    ours.roll_back();
    assert_eq!(fragment(&ours.refresh().unwrap()), now);
}

#[test]
fn a_lost_way_is_looked_for_under_other_names_with_the_same_keys() {
    let mut ours = browser();
    let first = answer(&mut ours, &written("8hhY", b"them", "actpass")).unwrap();
    ours.restart_checks(Wall::from_micros(1));
    let offer = ours.refresh().unwrap();
    assert!(fragment(&offer) != fragment(&first));
    let dtls = plane(&ours).dtls.unwrap();
    assert_eq!(dtls.certificate, Some(Fingerprint::of(b"one")));
    ours.receive_answer(&sdp(&written("9iiZ", b"them", "passive"))).unwrap();
    assert_eq!(plane(&ours).dtls.unwrap(), dtls);
    assert_eq!(plane(&ours).ice.unwrap().ours.fragment(), fragment(&offer));
}

#[test]
fn after_a_restart_of_the_box_there_is_another_certificate_and_no_old_handshake() {
    let mut ours = browser();
    let first = answer(&mut ours, &written("8hhY", b"them", "actpass")).unwrap();
    ours = serde_json::from_str(&serde_json::to_string(&ours).unwrap()).unwrap();
    let new = [Fingerprint::of(b"new"), Fingerprint::of(b"newer")];
    ours.resume(Wall::from_micros(5), &new);
    assert_eq!(plane(&ours).dtls.unwrap().certificate, None, "nobody has its key any more");
    let offer = ours.refresh().unwrap();
    assert!(fragment(&offer) != fragment(&first));
    assert!(offer.to_string().contains(&new[0].to_string()));
    ours.receive_answer(&sdp(&written("9iiZ", b"them", "passive"))).unwrap();
    assert_eq!(plane(&ours).dtls.unwrap().certificate, Some(new[0].clone()));
    // On another stream of the same process it is the other one.
    ours.renew_keys(Wall::from_micros(6), &new);
    assert!(ours.refresh().unwrap().to_string().contains(&new[1].to_string()));
}

#[test]
fn each_fork_has_its_own_certificate_and_names() {
    let mut one = browser();
    one.offer(&proposal(house(), SENDRECV)).unwrap();
    let mut other = one.clone();
    one.receive_answer(&sdp(&written("8hhY", b"them", "active"))).unwrap();
    other.receive_answer(&sdp(&written("9iiZ", b"others", "passive"))).unwrap();
    let (one, other) = (plane(&one), plane(&other));
    assert_eq!(one.ice.as_ref().unwrap().ours, other.ice.as_ref().unwrap().ours);
    assert!(one.ice != other.ice && one.dtls != other.dtls);
}

#[test]
fn what_a_handshake_needs_is_asked_for() {
    let whole = written("8hhY", b"them", "actpass");
    let refused = |offer: &str| answer(&mut browser(), offer).unwrap_err();
    for part in ["a=fingerprint", "a=ice-ufrag", "a=ice-pwd", "a=rtcp-mux"] {
        let without: String =
            whole.split_inclusive('\n').filter(|line| !line.starts_with(part)).collect();
        assert_eq!(refused(&without), Reject::Unacceptable(Fault::NoHandshake), "{part}");
    }
    let lite = whole.replace("a=ice-options:trickle", "a=ice-lite");
    assert_eq!(refused(&lite), Reject::Unacceptable(Fault::NoHandshake));
    let weak = whole.replace("a=fingerprint:sha-256", "a=fingerprint:sha-1");
    assert_eq!(refused(&weak), Reject::Unacceptable(Fault::NoHandshake));
    let both_wait = {
        let mut ours = browser();
        answer(&mut ours, &written("8hhY", b"them", "passive")).unwrap();
        ours.session().unwrap().secured.clone()
    };
    assert_eq!(both_wait.unwrap().handshake().unwrap().part, Part::Client);
    let off = answer(&mut leg(Off, MediaKeys::Dtls, false), &whole).unwrap_err();
    assert_eq!(off, Reject::Unacceptable(Fault::Profile));
    // With the profile of SDES and no key in it a handshake is meant.
    let savpf = whole.replace("UDP/TLS/RTP/SAVPF", "RTP/SAVPF");
    let answered = answer(&mut browser(), &savpf).unwrap();
    assert!(answered.to_string().contains("m=audio 10000 RTP/SAVPF 8 126\r\n"));
    let by_keys = savpf + "a=crypto:1 " + EIGHTY + "\r\n";
    let answered = answer(&mut browser(), &by_keys).unwrap();
    assert!(answered.media()[0].crypto().count() == 1 && !answered.to_string().contains("a=ice"));
}

#[test]
fn never_in_the_clear_after_a_handshake_and_only_where_preferred_before() {
    let clear = sdp("v=0\r\nc=IN IP4 192.0.2.9\r\nm=audio 4000 RTP/AVP 8\r\n");
    let mut ours = browser();
    answer(&mut ours, &written("8hhY", b"them", "actpass")).unwrap();
    assert_eq!(ours.receive_offer(&clear), Err(Reject::Unacceptable(Fault::Clear)));
    ours.refresh().unwrap();
    assert_eq!(ours.receive_answer(&clear), Err(Reject::Unacceptable(Fault::Clear)));
    let mut ours = browser();
    ours.offer(&proposal(house(), SENDRECV)).unwrap();
    let again = ours.offer_in_the_clear().unwrap().to_string();
    assert!(again.contains("RTP/AVP ") && !again.contains("a=ice") && !again.contains("a=finger"));
    let mut strict = leg(Required, MediaKeys::Dtls, false);
    strict.offer(&proposal(house(), SENDRECV)).unwrap();
    assert_eq!(strict.offer_in_the_clear(), None);
}

#[test]
fn refused_streams_keep_their_names() {
    let whole = written("8hhY", b"them", "actpass");
    let video = "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:v\r\na=rtpmap:96 VP8/90000\r\n";
    let answered = answer(&mut browser(), &(whole + video)).unwrap().to_string();
    assert!(answered.contains("a=group:BUNDLE 0\r\n"));
    assert!(answered.ends_with("m=video 0 UDP/TLS/RTP/SAVPF 96\r\na=mid:v\r\n"), "{answered}");
}

#[test]
fn media_bypass_has_one_address_names_that_stay_and_keys_in_the_description() {
    let teams = |fragment: &str| {
        written(fragment, b"them", "actpass")
            .replace("UDP/TLS/RTP/SAVPF", "RTP/SAVP")
            .replace("a=sendrecv", &format!("a=crypto:1 {EIGHTY}"))
    };
    let mut ours = leg(Required, MediaKeys::Sdes, true);
    let answered = answer(&mut ours, &teams("8hhY")).unwrap();
    let text = answered.to_string();
    assert_eq!(text.matches("a=candidate").count(), 1);
    assert!(text.contains("a=ice-lite\r\n") && !text.contains("a=fingerprint"));
    let remote = plane(&ours);
    assert!(remote.crypto.is_some() && remote.dtls.is_none() && remote.ice.is_some());
    let restarted = answer(&mut ours, &teams("9iiZ")).unwrap();
    assert!(fragment(&restarted) != fragment(&answered));
    // Without bypass nothing of it is said.
    let plain = answer(&mut leg(Required, MediaKeys::Sdes, false), &teams("8hhY"));
    let text = plain.map(|sdp| sdp.to_string());
    assert_eq!(text.map(|text| text.contains("a=ice")), Ok(false));
}

#[test]
fn setup_is_what_both_can_do() {
    use crate::offer_answer::dtls::{OurDtls, TheirDtls};
    let of = |ours, theirs| {
        let fingerprint = Fingerprint::of(b"one");
        let theirs = TheirDtls { fingerprints: vec![fingerprint.clone()], setup: theirs };
        AgreedDtls::of(&OurDtls { fingerprint, setup: ours }, &theirs).map(|agreed| agreed.part)
    };
    use Setup::{ActPass, Active, Passive};
    assert_eq!(of(ActPass, Active), Some(Part::Server));
    assert_eq!(of(ActPass, Passive), Some(Part::Client));
    assert_eq!(of(Active, ActPass), Some(Part::Client));
    assert_eq!((of(Active, Active), of(Passive, Passive)), (None, None));
}
