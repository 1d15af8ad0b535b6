//! Whole exchanges as the B2BUA drives them: what goes in, what we say, what the media plane gets.

mod browser;
mod encryption;
mod formats;
mod hold;
mod sequence;
mod streams;

use super::sdes::OwnKeys;
use super::{Anchor, Choice, Codec, Encoding, Format, OfferAnswer, Proposal, Session};
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
    let anchor = Anchor {
        username: "holdfast".into(),
        session_id: 7,
        address: "198.51.100.1".parse().unwrap(),
        rtp_port: 10_000,
        bound: None,
    };
    OfferAnswer::new(anchor, OwnKeys::default())
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
