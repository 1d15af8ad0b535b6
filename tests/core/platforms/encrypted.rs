//! Acceptance check 6 of the contract with Direct Routing: audio under keys that travel in SDP. The
//! media plane that the orders go to is the real one; carrier and Teams are played.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use holdfast_base::{Mono, Now, Outbox, StreamId, Wall};
use holdfast_core::media::clip::ClipLibrary;
use holdfast_core::media::order::{MediaOrder, StreamCounters};
use holdfast_core::media::plane::{Plane, Port, Slot};
use holdfast_wire::rtp::header::{Fields, Header};
use holdfast_wire::sdp::Sdp;
use holdfast_wire::srtp::{GROWTH_BYTES_MAX, MasterKey, Receiver, Sender, Suite};

use super::bench::Bench;
use super::cast::{direct, key_of_teams, sdes};
use super::text::{body, method, status};

const TO_TEAMS: &str = "sip:+4930201@10.0.0.1";
const TEAMS: &str = "52.114.75.24:4000";
const CARRIER: &str = "10.9.0.1:4000";

/// A call between carrier and Teams, and the media plane.
struct Talk {
    bench: Bench,
    plane: Plane,
    slots: BTreeMap<u16, (StreamId, Slot)>,
    carried_out: usize,
    micros: u64,
}

impl Talk {
    /// The carrier calls Teams, which has these lines of keys and answers.
    fn new(crypto: &str) -> Self {
        let mut bench = direct();
        crypto.clone_into(&mut bench.peer("sip").crypto);
        bench.call("carrier", TO_TEAMS);
        bench.run(3.0);
        let plane = Plane::new(Mono::from_micros(0), Arc::new(ClipLibrary::default()));
        let (slots, carried_out) = (BTreeMap::new(), 0);
        let mut talk = Self { bench, plane, slots, carried_out, micros: 1_000_000 };
        talk.carry_out();
        assert!(talk.bench.peer("carrier").statuses("INVITE").contains(&200), "no call");
        talk
    }

    fn now(&self) -> Now {
        let wall = Wall::from_micros(self.micros.cast_signed());
        Now { mono: Mono::from_micros(self.micros), wall }
    }

    /// The plane does what the site has ordered since the last time.
    fn carry_out(&mut self) {
        let now = self.now().mono;
        for order in self.bench.media.iter().skip(self.carried_out).cloned() {
            if let MediaOrder::Open(open) = &order {
                let slot = self.plane.open(now, open).expect("a place");
                self.slots.insert(open.rtp_port, (open.stream, slot));
            }
            self.plane.order(now, order);
        }
        self.carried_out = self.bench.media.len();
    }

    /// What the box said to this peer last of its audio.
    fn description(&mut self, peer: &str) -> Sdp {
        let describes = |text: &str| method(text) == "INVITE" || status(text) == Some(200);
        let heard = &self.bench.peer(peer).heard;
        let said = heard.iter().rev().find(|it| !body(&it.1).is_empty() && describes(&it.1));
        Sdp::parse(body(&said.expect("a description").1).as_bytes()).expect("SDP")
    }

    fn place(&mut self, peer: &str) -> (StreamId, Slot) {
        let port = self.description(peer).media()[0].head().port;
        self.slots[&port]
    }

    /// Under which key the box speaks to Teams, as it has said.
    fn our_key(&mut self) -> MasterKey {
        let sdp = self.description("sip");
        let line = sdp.media()[0].crypto().next().expect("a key");
        line.master().expect("usable").0
    }

    /// A datagram of this peer; what it makes the box send.
    fn send(&mut self, peer: &str, from: &str, bytes: &[u8]) -> Vec<(SocketAddr, Vec<u8>)> {
        self.micros += 20_000;
        let (now, mut out, slot) = (self.now(), Outbox::new(), self.place(peer).1);
        let mut room = bytes.to_vec();
        room.resize(bytes.len() + 64, 0);
        let from = (slot, Port::Rtp, from.parse().expect("an address"));
        let relay = self.plane.receive(now, from, &mut room[..bytes.len()], &mut out);
        let mut left = Vec::new();
        if let Some(mut relay) = relay {
            while let Some(gone) = self.plane.forward(now, &mut relay, &mut room) {
                left.push((gone.to, room[..gone.length].to_vec()));
            }
        }
        left
    }

    fn counters(&mut self) -> StreamCounters {
        let stream = self.place("sip").0;
        self.plane.close(stream).expect("open").1
    }
}

/// The audio side of Teams.
struct Voice {
    sender: Sender,
    receiver: Receiver,
    mki: bool,
}

impl Voice {
    fn new(talk: &mut Talk, number: u8, mki: bool) -> Self {
        let theirs = MasterKey::new(Suite::AesCm128HmacSha1Tag80, &key_of_teams(number));
        let sender = Sender::new(&theirs.expect("30 bytes"));
        Self { sender, receiver: Receiver::new(&talk.our_key(), 0), mki }
    }

    fn packet(&mut self, n: u32) -> Vec<u8> {
        let mut bytes = audio(n);
        let length = bytes.len();
        bytes.resize(length + GROWTH_BYTES_MAX, 0);
        let length = self.sender.protect(&mut bytes, length).expect("protected");
        bytes.truncate(length);
        if self.mki {
            bytes.insert(length - 10, 1); // RFC 3711 §3.1: before the tag
        }
        bytes
    }

    /// One packet each way arrives as it was spoken.
    fn talks(&mut self, talk: &mut Talk, n: u32) {
        let packet = self.packet(n);
        let left = talk.send("sip", TEAMS, &packet);
        let [(to, bytes)] = &left[..] else { panic!("packet {n} of Teams: {}", left.len()) };
        assert_eq!((*to, &bytes[12..]), (CARRIER.parse().expect("an address"), &audio(n)[12..]));
        let mut left = talk.send("carrier", CARRIER, &audio(n));
        let [(to, bytes)] = &mut left[..] else { panic!("packet {n} to Teams") };
        assert_eq!(*to, TEAMS.parse().expect("an address"));
        let length = self.receiver.unprotect(bytes).expect("authentic");
        assert_eq!(bytes[12..length], audio(n)[12..]);
    }
}

/// 20 ms of A-law, number `n` of its counting.
fn audio(n: u32) -> Vec<u8> {
    let [_, _, a, b] = n.to_be_bytes();
    let (sequence, timestamp) = (u16::from_be_bytes([a, b]), n.wrapping_mul(160));
    let fields = Fields { marker: false, payload_type: 8, sequence, timestamp, ssrc: 0xcafe };
    let mut bytes = fields.bytes().to_vec();
    bytes.resize(172, b);
    assert!(Header::parse(&bytes).is_ok());
    bytes
}

#[test]
fn acceptance_6_keys_with_and_without_lifetime_and_identifier() {
    let others =
        "a=crypto:2 AES_CM_128_HMAC_SHA1_32 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\n";
    for (parameters, mki) in [("|2^31", false), ("", false), ("|2^31|1:1", true), ("|1:1", true)] {
        let mut talk = Talk::new(&sdes(1, parameters));
        let mut voice = Voice::new(&mut talk, 1, mki);
        for n in 0..20 {
            voice.talks(&mut talk, n);
        }
    }
    // Announced and never sent; and another suite besides.
    let mut talk = Talk::new(&(sdes(1, "|2^31|1:1") + others));
    Voice::new(&mut talk, 1, false).talks(&mut talk, 0);
}

#[test]
fn acceptance_6_wrong_tags_are_dropped_and_counted() {
    let mut talk = Talk::new(&sdes(1, "|2^31"));
    let mut voice = Voice::new(&mut talk, 1, false);
    voice.talks(&mut talk, 0);
    for n in 1..11 {
        let mut packet = voice.packet(n);
        *packet.last_mut().expect("a tag") ^= 1;
        assert!(talk.send("sip", TEAMS, &packet).is_empty());
        assert!(talk.send("sip", TEAMS, &audio(n)).is_empty(), "in the clear");
    }
    voice.talks(&mut talk, 11);
    let counters = talk.counters();
    assert_eq!((counters.received, counters.forged, counters.refused), (2, 20, 20));
}

#[test]
fn acceptance_6_another_key_in_a_re_invite_keeps_the_audio() {
    let mut talk = Talk::new(&sdes(1, "|2^31"));
    Voice::new(&mut talk, 1, false).talks(&mut talk, 0);
    let before = talk.our_key();
    talk.bench.peer("sip").crypto = sdes(2, "|2^31");
    talk.bench.reinvite("sip", "sendrecv");
    talk.bench.run(1.0);
    talk.carry_out();
    assert!(talk.our_key() == before, "ours stays");
    let mut voice = Voice::new(&mut talk, 2, false);
    for n in 1..50 {
        let packet = voice.packet(n);
        assert_eq!(talk.send("sip", TEAMS, &packet).len(), 1, "packet {n}");
    }
}

#[test]
fn acceptance_6_more_than_65_536_packets_then_a_re_invite_keeps_the_audio() {
    let mut talk = Talk::new(&sdes(1, "|2^31"));
    let mut voice = Voice::new(&mut talk, 1, false);
    for n in 0..66_000 {
        voice.talks(&mut talk, n);
    }
    let before = talk.our_key();
    for (n, direction) in [(66_000, "sendrecv"), (66_001, "inactive"), (66_002, "sendrecv")] {
        talk.bench.reinvite("sip", direction);
        talk.bench.run(1.0);
        talk.carry_out();
        assert!(talk.our_key() == before);
        if direction == "sendrecv" {
            voice.talks(&mut talk, n);
        }
    }
}

#[test]
fn acceptance_6_audio_in_the_clear_is_refused() {
    let mut bench = direct();
    bench.peer("sip").crypto.clear();
    bench.call("sip", "sip:+4930301@10.0.0.1");
    bench.run(2.0);
    assert!(bench.peer("sip").statuses("INVITE").contains(&488), "{}", bench.told());
    assert!(bench.peer("pbx").got("INVITE").is_empty());
}
