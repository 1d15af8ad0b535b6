//! The `m=` lines, ports and addresses of both sides, and what is refused.

use super::{SENDRECV, exchange, house, leg, peer, proposal, said, talking, usual};
use crate::offer_answer::{Encoding, Fault, Reject, State};
use holdfast_wire::sdp::{Direction, Sdp};

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
fn the_audio_stays_in_its_stream_while_the_peer_keeps_it() {
    let mut leg = leg();
    let (first, second) = ("m=audio 4000 RTP/AVP 8", "m=audio 5000 RTP/AVP 8");
    let refused = "m=audio 0 RTP/AVP 8";
    for (offer, change, place) in [
        (format!("{refused}|{second}"), "First", 1),
        (format!("{first}|{second}"), "Refresh", 1),
        (format!("{first}|{refused}"), "Moved", 0),
        (format!("{first}|{second}"), "Refresh", 0),
    ] {
        let outcome = exchange(&mut leg, &offer);
        assert!(outcome.starts_with(change), "{offer}: {outcome}");
        let answer = leg.last_description().unwrap();
        let ports: Vec<u16> = answer.media().iter().map(|media| media.head().port).collect();
        assert_eq!(ports[place], 10_000, "{offer}");
        assert_eq!(ports[1 - place], 0, "{offer}");
    }
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
