//! Whole streams against scripts: what comes in at which port, what leaves towards whom.

use super::{LISTENERS_MAX, Plane, Port, Refused, Slot};
use crate::media::clip::ClipLibrary;
use crate::media::order::{
    ClipId, Codec, Digit, Encoding, MediaEdge, MediaOrder, Open, Remote, Source,
};
use holdfast_base::{Mono, Now, Outbox, StreamId, Wall};
use holdfast_wire::g711::Law;
use holdfast_wire::rtp::event::Event;
use holdfast_wire::rtp::header::{Fields, Header};
use holdfast_wire::rtp::rtcp::Compound;
use holdfast_wire::rtp::timestamp_distance;
use holdfast_wire::wav;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

const A: StreamId = StreamId(1);
const B: StreamId = StreamId(2);
const PCMA: Codec =
    Codec { payload_type: 8, encoding: Encoding::Pcma, clock_hz: 8000, ptime_ms: 20 };
const PCMU: Codec = Codec { payload_type: 0, encoding: Encoding::Pcmu, ..PCMA };
const NOISE: Codec = Codec { payload_type: 13, encoding: Encoding::Opaque(13), ..PCMA };

/// A datagram that left.
#[derive(Clone, Debug)]
struct Left {
    ms: u64,
    to: SocketAddr,
    port: Port,
    bytes: Vec<u8>,
}

impl Left {
    fn fields(&self) -> Fields {
        Header::parse(&self.bytes).expect("RTP left").fields
    }

    fn event(&self) -> Event {
        Event::parse(&self.bytes[12..]).expect("an event left")
    }
}

/// A plane with its driver played by the test.
struct Bench {
    plane: Plane,
    micros: u64,
    slots: BTreeMap<StreamId, Slot>,
    left: Vec<Left>,
    edges: Vec<MediaEdge>,
}

impl Bench {
    /// Two calls' worth of ports; stream A towards 10.0.0.1:4000, B towards 10.0.0.2:4000. The
    /// clip `word` is 40 ms, `music` 1 s of a rising value.
    fn new() -> Self {
        let mut library = ClipLibrary::default();
        library.add("word", &wav::write(&[4000; 320])).unwrap();
        let music: Vec<i16> = (0..8000).map(|n| (n / 160) * 600).collect();
        library.add("music", &wav::write(&music)).unwrap();
        let start = 1_000_000;
        let plane = Plane::new(Mono::from_micros(start), Arc::new(library));
        let (slots, left, edges) = (BTreeMap::new(), Vec::new(), Vec::new());
        let mut bench = Self { plane, micros: start, slots, left, edges };
        bench.open(A);
        bench.open(B);
        bench
    }

    fn now(&self) -> Now {
        let wall = Wall::from_micros(self.micros.cast_signed());
        Now { mono: Mono::from_micros(self.micros), wall }
    }

    fn open(&mut self, stream: StreamId) {
        let open = Open {
            stream,
            shard: 0,
            local: [10, 0, 0, 9].into(),
            rtp_port: 20_000,
            ssrc: 0xf000_0000 + u32::try_from(stream.0).unwrap(),
            first_sequence: 65_530,
            timestamp_origin: u32::MAX - 10_000,
        };
        let slot = self.plane.open(self.now().mono, &open).expect("room");
        self.slots.insert(stream, slot);
    }

    fn order(&mut self, order: MediaOrder) {
        self.plane.order(self.now().mono, order);
    }

    fn expect(&mut self, stream: StreamId, change: impl FnOnce(&mut Remote)) {
        let mut remote = Remote {
            rtp: Some(address(stream)),
            rtcp: Some(SocketAddr::new(address(stream).ip(), 4001)),
            codec: PCMA,
            accepts: vec![PCMA, PCMU],
            dtmf_to_remote: Some(96),
            dtmf_from_remote: Some(101),
            sends: true,
            receives: true,
        };
        change(&mut remote);
        self.order(MediaOrder::Expect { stream, remote });
    }

    fn hear(&mut self, stream: StreamId, source: Source) {
        self.order(MediaOrder::Hear { stream, source });
    }

    /// A call of two legs that hear each other.
    fn bridged() -> Self {
        let mut bench = Self::new();
        bench.expect(A, |_| {});
        bench.expect(B, |_| {});
        bench.hear(A, Source::Peer(B));
        bench.hear(B, Source::Peer(A));
        bench
    }

    fn datagram(&mut self, at: (StreamId, Port), from: SocketAddr, bytes: &[u8]) {
        let (now, mut out) = (self.now(), Outbox::new());
        let mut packet = bytes.to_vec();
        let place = (self.slots[&at.0], at.1, from);
        let relay = self.plane.receive(now, place, &packet, &mut out);
        if let Some(mut relay) = relay {
            for _ in 0..=LISTENERS_MAX {
                let Some(gone) = self.plane.forward(now, &mut relay, &mut packet) else { break };
                self.note(gone.to, gone.port, &packet[..gone.length]);
            }
        }
        self.edges.extend(out.take());
    }

    fn note(&mut self, to: SocketAddr, port: Port, bytes: &[u8]) {
        let ms = self.micros / 1000;
        self.left.push(Left { ms, to, port, bytes: bytes.to_vec() });
    }

    /// One packet of 20 ms of A-law from the remote of a stream, number `n` of its own counting.
    fn audio(&mut self, stream: StreamId, n: u16) {
        self.audio_from(stream, address(stream), n);
    }

    fn audio_from(&mut self, stream: StreamId, from: SocketAddr, n: u16) {
        let bytes = rtp(8, 500 + n, 90_000 + u32::from(n) * 160, &[Law::A.encode(4000); 160]);
        self.datagram((stream, Port::Rtp), from, &bytes);
    }

    fn key(
        &mut self,
        stream: StreamId,
        n: u16,
        (timestamp, code): (u32, u8),
        duration: u16,
        end: bool,
    ) {
        let event = Event { code, end, volume: 10, duration_ticks: duration };
        let bytes = rtp(101, 500 + n, timestamp, &event.bytes());
        self.datagram((stream, Port::Rtp), address(stream), &bytes);
    }

    /// Lets time pass as the driver would: to each deadline, up to the end.
    fn pass(&mut self, ms: u64) {
        let end = self.micros + ms * 1000;
        for _ in 0..100_000 {
            self.settle();
            let next = self.plane.deadline().micros().max(self.micros + 1);
            if next > end {
                self.micros = end;
                return;
            }
            self.micros = next;
        }
        panic!("livelock at {} µs, {} datagrams left", self.micros, self.left.len());
    }

    /// What is due at this instant leaves.
    fn settle(&mut self) {
        let (now, mut out, mut packet) = (self.now(), Outbox::new(), [0; 2048]);
        for _ in 0..1000 {
            let Some(gone) = self.plane.next(now, &mut packet, &mut out) else {
                self.edges.extend(out.take());
                return;
            };
            self.note(gone.to, gone.port, &packet[..gone.length]);
        }
        panic!("a thousand packets due at one instant");
    }

    /// The RTP that left towards the remote of a stream.
    fn heard_by(&self, stream: StreamId) -> Vec<Left> {
        let towards = |left: &&Left| left.to == address(stream) && left.port == Port::Rtp;
        self.left.iter().filter(towards).cloned().collect()
    }

    fn counters(&mut self, stream: StreamId) -> crate::media::order::StreamCounters {
        self.plane.close(stream).expect("open").1
    }
}

fn address(stream: StreamId) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, u8::try_from(stream.0).unwrap()], 4000))
}

fn rtp(payload_type: u8, sequence: u16, timestamp: u32, payload: &[u8]) -> Vec<u8> {
    let fields = Fields { marker: false, payload_type, sequence, timestamp, ssrc: 0xaaaa };
    [&fields.bytes(), payload].concat()
}

fn clips(once: &[&str], then: Option<&str>, since_ms: u64) -> Source {
    let id = |name: &&str| ClipId(Arc::from(*name));
    let once = once.iter().map(id).collect();
    Source::Clips { once, then: then.as_ref().map(id), since: Mono::from_micros(since_ms * 1000) }
}

/// Checks every packet against the one before: one SSRC, the next number, time that never goes
/// back and goes on by a frame within a talkspurt. Returns where talkspurts start.
fn one_stream(heard: &[Left]) -> Vec<usize> {
    let mut starts = Vec::new();
    for (n, left) in heard.iter().enumerate() {
        let fields = left.fields();
        if fields.marker {
            starts.push(n);
        }
        let Some(before) = n.checked_sub(1).map(|n| heard[n].fields()) else { continue };
        assert_eq!(fields.ssrc, before.ssrc);
        assert_eq!(fields.sequence, before.sequence.wrapping_add(1), "packet {n}");
        let passed = timestamp_distance(before.timestamp, fields.timestamp);
        assert!(if fields.marker { passed >= 160 } else { passed == 160 }, "packet {n}: {passed}");
    }
    starts
}

#[test]
fn prompt_then_peer_then_music_is_one_stream_for_the_listener() {
    let mut bench = Bench::bridged();
    bench.hear(A, clips(&["word"], Some("music"), 1000));
    bench.pass(300);
    bench.hear(A, Source::Peer(B));
    for n in 0..20 {
        bench.audio(B, n);
        bench.pass(20);
    }
    bench.hear(A, clips(&[], Some("music"), 1000));
    bench.pass(300);
    bench.hear(A, Source::Silence);
    bench.pass(300);
    let heard = bench.heard_by(A);
    assert_eq!(heard.len(), 15 + 20 + 15);
    assert_eq!(one_stream(&heard), [0, 15, 35]);
    assert_eq!(heard[0].fields().sequence, 65_530);
    assert!(heard.iter().all(|left| left.fields().payload_type == 8 && left.bytes.len() == 172));
}

#[test]
fn paced_packets_are_twenty_milliseconds_apart_and_streams_do_not_burst() {
    let mut bench = Bench::new();
    for n in 3..103 {
        bench.open(StreamId(n));
        bench.expect(StreamId(n), |_| {});
    }
    bench.hear(StreamId(3), clips(&[], Some("music"), 0));
    bench.pass(1000);
    let heard = bench.heard_by(StreamId(3));
    assert_eq!(heard.len(), 50);
    assert!(heard.windows(2).all(|pair| pair[1].ms - pair[0].ms == 20));
    for n in 4..103 {
        bench.hear(StreamId(n), clips(&[], Some("music"), 0));
    }
    bench.left.clear();
    let mut instants = BTreeMap::new();
    bench.pass(20);
    for left in &bench.left {
        *instants.entry(left.ms).or_insert(0) += 1;
    }
    assert_eq!(bench.left.len(), 100);
    assert!(instants.values().all(|count| *count <= 20), "{instants:?}");
}

#[test]
fn music_goes_on_where_it_would_have_been_after_a_restart_and_after_a_stall() {
    let value = |left: &Left| Law::A.decode(left.bytes[12]) / 600;
    let mut bench = Bench::new();
    bench.expect(A, |_| {});
    // The music began 2.5 s before; a loop of one second of 50 steps stands at step 25.
    bench.micros = 5_500_000;
    bench.hear(A, clips(&[], Some("music"), 3000));
    bench.pass(1000);
    let heard = bench.heard_by(A);
    assert!((24..=27).contains(&value(&heard[0])), "at step {}", value(&heard[0]));
    bench.left.clear();
    bench.micros += 400_000; // the thread is held up for 400 ms: 20 steps
    bench.pass(100);
    let late = bench.heard_by(A);
    assert!(late.len() <= 6, "burst of {}", late.len());
    let step = value(&late[0]) - value(&heard[heard.len() - 1]);
    assert!((19..=22).contains(&step.rem_euclid(50)), "jumped {step}");
    let (before, after) = (heard[heard.len() - 1].fields(), late[0].fields());
    assert_eq!(after.sequence, before.sequence.wrapping_add(1));
}

#[test]
fn the_two_laws_meet() {
    let mut bench = Bench::bridged();
    bench.expect(B, |remote| (remote.codec, remote.accepts) = (PCMU, vec![PCMU]));
    bench.audio(A, 0);
    let heard = bench.heard_by(B);
    assert_eq!(heard[0].fields().payload_type, 0);
    assert_eq!(heard[0].bytes[12..], [Law::Mu.encode(Law::A.decode(Law::A.encode(4000))); 160]);
}

#[test]
fn other_encodings_are_relayed_untouched_or_left_out_without_a_gap() {
    let wide = |payload_type| Codec { payload_type, encoding: Encoding::Opaque(1), ..PCMA };
    let mut bench = Bench::bridged();
    bench.expect(A, |remote| remote.accepts = vec![wide(98), PCMA, NOISE]);
    bench.expect(B, |remote| (remote.codec, remote.accepts) = (wide(110), vec![wide(110), NOISE]));
    let from = address(A);
    for (n, payload_type) in [(0, 98), (1, 8), (2, 13), (3, 77), (4, 98)] {
        let bytes = rtp(payload_type, n, u32::from(n) * 160, &[n.to_be_bytes()[1], 7, 7]);
        bench.datagram((A, Port::Rtp), from, &bytes);
    }
    let heard = bench.heard_by(B);
    let seen: Vec<_> =
        heard.iter().map(|left| (left.fields().payload_type, &left.bytes[12..])).collect();
    assert_eq!(seen, [(110, &[0, 7, 7][..]), (13, &[2, 7, 7]), (110, &[4, 7, 7])]);
    // 8 can not be made into what B wants and leaves no gap; 77 was never agreed and is loss.
    let numbers: Vec<_> = heard.iter().map(|left| left.fields().sequence).collect();
    assert_eq!(numbers, [65_530, 65_531, 65_533]);
    assert_eq!(bench.counters(A).refused, 1);
}

#[test]
fn an_attacker_hears_nothing_and_is_not_heard_before_and_after_latching() {
    let attacker: SocketAddr = "10.6.6.6:666".parse().unwrap();
    let mut bench = Bench::new();
    bench.hear(B, Source::Peer(A));
    bench.expect(B, |_| {});
    for n in 0..50 {
        bench.audio_from(A, attacker, n); // before the SDP
    }
    bench.expect(A, |_| {});
    bench.hear(A, Source::Peer(B));
    for n in 0..20 {
        bench.audio_from(A, attacker, n); // before the signalled host had its time
        bench.audio(B, n);
        bench.pass(20);
    }
    assert_eq!(bench.heard_by(B).len(), 0);
    for n in 0..200 {
        bench.audio(A, 100 + n);
        bench.audio_from(A, attacker, 101 + n); // the same SSRC and the very next number
        bench.pass(20);
    }
    assert_eq!(bench.heard_by(B).len(), 200);
    assert!(bench.left.iter().all(|left| left.to != attacker));
    let first = MediaEdge::FirstPacket { stream: A, from: address(A) };
    let firsts: Vec<_> = bench
        .edges
        .iter()
        .filter(|edge| matches!(edge, MediaEdge::FirstPacket { stream: A, .. }))
        .collect();
    assert_eq!(firsts, [&first]);
    let counters = bench.counters(A);
    assert_eq!((counters.received, counters.refused), (200, 270));
}

#[test]
fn a_phone_behind_nat_is_found_answered_and_followed() {
    let (nat, moved): (SocketAddr, SocketAddr) =
        ("192.0.2.7:61000".parse().unwrap(), "192.0.2.7:61900".parse().unwrap());
    let mut bench = Bench::bridged();
    bench.pass(600);
    for n in 0..10 {
        bench.audio_from(A, nat, n);
    }
    bench.audio(B, 0);
    assert_eq!(bench.left.last().map(|left| left.to), Some(nat));
    for n in 10..14 {
        bench.audio_from(A, moved, n);
    }
    bench.audio(B, 1);
    assert_eq!(bench.left.last().map(|left| left.to), Some(moved));
    bench.expect(A, |_| {}); // a session refresh changes nothing
    bench.audio(B, 2);
    assert_eq!(bench.left.last().map(|left| left.to), Some(moved));
}

#[test]
fn a_key_is_remapped_told_once_and_keeps_three_ends_and_one_timestamp() {
    let mut bench = Bench::bridged();
    bench.audio(A, 0);
    for (n, duration, end) in
        [(1, 160, false), (2, 320, false), (4, 640, true), (5, 640, true), (6, 640, true)]
    {
        bench.key(A, n, (90_160, 5), duration, end); // the third packet is lost
        bench.key(A, n, (90_160, 5), duration, end); // and the network doubles each
    }
    bench.audio(A, 7);
    let heard = bench.heard_by(B);
    let keys = &heard[1..6];
    assert!(keys.iter().all(|left| left.fields().payload_type == 96));
    let time = heard[0].fields().timestamp.wrapping_add(160);
    assert!(keys.iter().all(|left| left.fields().timestamp == time));
    let seen: Vec<_> =
        keys.iter().map(|left| (left.event().duration_ticks, left.event().end)).collect();
    assert_eq!(seen, [(160, false), (320, false), (640, true), (640, true), (640, true)]);
    let numbers: Vec<_> =
        heard.iter().map(|left| left.fields().sequence.wrapping_sub(65_530)).collect();
    assert_eq!(numbers, [0, 1, 2, 4, 5, 6, 7]);
    let told = bench.edges.iter().filter(|edge| matches!(edge, MediaEdge::Key { .. }));
    assert_eq!(told.collect::<Vec<_>>(), [&MediaEdge::Key { stream: A, digit: Digit('5') }]);
}

#[test]
fn a_key_without_an_end_is_told_and_one_that_the_listener_can_not_take_leaves_no_gap() {
    let mut bench = Bench::bridged();
    bench.expect(B, |remote| remote.dtmf_to_remote = None);
    bench.audio(A, 0);
    bench.key(A, 1, (90_160, 11), 80, false);
    bench.pass(300);
    assert!(bench.edges.contains(&MediaEdge::Key { stream: A, digit: Digit('#') }));
    bench.audio(A, 2);
    let numbers: Vec<_> = bench.heard_by(B).iter().map(|left| left.fields().sequence).collect();
    assert_eq!(numbers, [65_530, 65_531]);
}

#[test]
fn a_key_that_we_press_has_the_line_and_audio_follows_it() {
    let mut bench = Bench::bridged();
    bench.audio(A, 0);
    bench.order(MediaOrder::PressKey { stream: B, digit: Digit('7'), length_ms: 100 });
    for n in 1..16 {
        bench.pass(20);
        bench.audio(A, n);
    }
    let heard = bench.heard_by(B);
    let kinds: String =
        heard.iter().map(|left| if left.fields().payload_type == 96 { 'k' } else { 'a' }).collect();
    assert_eq!(kinds, "akkkkkkkaaaaaa");
    let keys: Vec<_> = heard.iter().filter(|left| left.fields().payload_type == 96).collect();
    assert!(keys.iter().all(|key| key.fields().timestamp == keys[0].fields().timestamp));
    assert_eq!(keys.iter().filter(|key| key.event().end).count(), 3);
    let numbers: Vec<_> =
        heard.iter().map(|left| left.fields().sequence.wrapping_sub(65_530)).collect();
    assert_eq!(numbers, (0..14).collect::<Vec<u16>>());
    assert!(heard[8].fields().marker);
}

#[test]
fn the_direction_is_obeyed() {
    let mut bench = Bench::bridged();
    bench.expect(B, |remote| remote.receives = false);
    bench.audio(A, 0);
    bench.expect(B, |remote| remote.rtp = None); // hold by 0.0.0.0
    bench.audio(A, 1);
    bench.expect(A, |remote| remote.sends = false);
    bench.expect(B, |_| {});
    bench.audio(A, 2);
    assert_eq!(bench.heard_by(B).len(), 0);
    bench.expect(A, |_| {});
    bench.audio(A, 3);
    bench.audio(A, 4);
    assert_eq!(one_stream(&bench.heard_by(B)), [0]);
}

#[test]
fn a_listener_of_a_silent_peer_gets_silence_until_the_peer_is_back() {
    let mut bench = Bench::bridged();
    for n in 0..5 {
        bench.audio(B, n);
        bench.pass(20);
    }
    bench.pass(2000);
    let filled = bench.heard_by(A).len();
    assert!((45..60).contains(&(filled - 5)), "{filled}");
    bench.audio(B, 200);
    bench.pass(500);
    let heard = bench.heard_by(A);
    assert_eq!(heard.len(), filled + 1);
    assert_eq!(one_stream(&heard), [0, 5, filled]);
    assert_eq!(heard[5].bytes[12..], [Law::A.silence(); 160]);
}

#[test]
fn quiet_is_reported_only_where_media_is_expected_and_reports_are_life() {
    let quiet = |bench: &Bench, stream| {
        let of =
            |edge: &&MediaEdge| matches!(edge, MediaEdge::Quiet { stream: s, .. } if *s == stream);
        bench.edges.iter().filter(of).count()
    };
    let mut bench = Bench::bridged();
    bench.expect(B, |remote| remote.sends = false); // held
    bench.pass(3500);
    assert_eq!((quiet(&bench, A), quiet(&bench, B)), (3, 0));
    bench.edges.clear();
    let report = Compound { ssrc: 0xaaaa, gone: vec![0xaaaa], ..Compound::default() }.bytes("x");
    let from = SocketAddr::new(address(A).ip(), 4001);
    for _ in 0..5 {
        bench.datagram((A, Port::Rtcp), from, &report);
        bench.pass(900);
    }
    assert_eq!(quiet(&bench, A), 0);
    bench.left.clear();
    bench.audio(A, 0); // the goodbye in those reports ended nothing
    assert_eq!(bench.heard_by(B).len(), 1);
}

#[test]
fn reports_end_here_and_ours_go_out_about_every_five_seconds() {
    let mut bench = Bench::bridged();
    let shared = address(B); // RTP and RTCP on one port
    bench.expect(B, |remote| remote.rtcp = remote.rtp);
    for n in 0..1500 {
        bench.audio(A, n);
        bench.audio(B, n);
        bench.pass(20);
    }
    let reports: Vec<_> =
        bench.left.iter().filter(|left| Compound::parse(&left.bytes).is_ok()).cloned().collect();
    let (to_a, to_b): (Vec<_>, Vec<_>) = reports.iter().partition(|left| left.to != shared);
    for (reports, port, ssrc) in [(&to_a, Port::Rtcp, 0xf000_0001), (&to_b, Port::Rtp, 0xf000_0002)]
    {
        assert!((4..=9).contains(&reports.len()), "{} in 30 s", reports.len());
        for left in reports {
            let compound = Compound::parse(&left.bytes).unwrap();
            assert_eq!((left.port, compound.ssrc), (port, ssrc));
            assert_eq!((compound.blocks[0].ssrc, compound.blocks[0].lost), (0xaaaa, 0));
            assert!(compound.sent.is_some());
        }
    }
    let theirs = Compound { ssrc: 0xaaaa, ..Compound::default() }.bytes("x");
    bench.left.clear();
    bench.datagram((A, Port::Rtcp), SocketAddr::new(address(A).ip(), 4001), &theirs);
    bench.datagram((A, Port::Rtp), address(A), &theirs);
    assert_eq!(bench.left.len(), 0);
}

#[test]
fn two_listeners_each_get_their_own_packet() {
    let mut bench = Bench::bridged();
    let supervisor = StreamId(3);
    bench.hear(supervisor, Source::Peer(A)); // an order to a stream that is not there is ignored
    bench.open(supervisor);
    bench.expect(supervisor, |remote| remote.codec = PCMU);
    bench.hear(supervisor, Source::Peer(A));
    bench.audio(A, 0);
    let (by_b, by_supervisor) = (bench.heard_by(B), bench.heard_by(supervisor));
    assert_eq!(by_b[0].bytes[12..], [Law::A.encode(4000); 160]);
    assert_eq!(by_supervisor[0].bytes[12..], [Law::Mu.encode(4032); 160]);
    assert_ne!(by_b[0].fields().ssrc, by_supervisor[0].fields().ssrc);
}

#[test]
fn a_peer_that_closes_is_silent_and_one_that_opens_later_is_heard() {
    let mut bench = Bench::bridged();
    bench.audio(A, 0);
    assert_eq!(bench.counters(A).received, 1);
    assert_eq!(bench.plane.close(A), None);
    bench.audio(A, 1); // still in the kernel's queue when the stream closed
    assert_eq!(bench.heard_by(B).len(), 1);
    bench.open(A);
    bench.expect(A, |_| {});
    bench.audio(A, 2);
    assert_eq!(bench.heard_by(B).len(), 2);
    let again = Open {
        stream: A,
        shard: 0,
        local: [10, 0, 0, 9].into(),
        rtp_port: 20_000,
        ssrc: 1,
        first_sequence: 0,
        timestamp_origin: 0,
    };
    assert_eq!(bench.plane.open(bench.now().mono, &again), Err(Refused::Exists));
}

#[test]
fn counters_come_once_a_second_in_one_edge() {
    let mut bench = Bench::bridged();
    bench.pass(3050);
    let lists = bench.edges.iter().filter_map(|edge| match edge {
        MediaEdge::Counters(list) => Some(list.len()),
        MediaEdge::OpenFailed { .. }
        | MediaEdge::FirstPacket { .. }
        | MediaEdge::Key { .. }
        | MediaEdge::Quiet { .. }
        | MediaEdge::Closed { .. } => None,
    });
    assert_eq!(lists.collect::<Vec<_>>(), [2, 2, 2]);
}

/// One step of a disorderly life.
#[derive(Clone, Debug)]
enum Step {
    Audio(u64, u16),
    Noise(u64, Vec<u8>),
    Key(u64, u16, u8),
    Hear(u64, u8),
    Hold(u64, bool, bool),
    Press(u64),
    Pass(u16),
    Reopen(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let who = 1u64..3;
    prop_oneof![
        6 => (who.clone(), 0u16..400).prop_map(|(who, n)| Step::Audio(who, n)),
        1 => (who.clone(), prop::collection::vec(any::<u8>(), 0..40))
            .prop_map(|(who, bytes)| Step::Noise(who, bytes)),
        2 => (who.clone(), 0u16..400, any::<u8>()).prop_map(|(who, n, code)| Step::Key(who, n, code)),
        2 => (who.clone(), 0u8..4).prop_map(|(who, what)| Step::Hear(who, what)),
        1 => (who.clone(), any::<bool>(), any::<bool>()).prop_map(|(w, s, r)| Step::Hold(w, s, r)),
        1 => who.clone().prop_map(Step::Press),
        3 => (1u16..1500).prop_map(Step::Pass),
        1 => who.prop_map(Step::Reopen),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Whatever happens in whatever order: no panic, no livelock, no number sent twice on a
    /// stream, its SSRC constant, and nothing leaves to anybody but the believed remotes.
    #[test]
    fn no_order_of_events_breaks_a_stream(steps in prop::collection::vec(step(), 1..120)) {
        let mut bench = Bench::bridged();
        for step in steps {
            match step {
                Step::Audio(who, n) => bench.audio(StreamId(who), n),
                Step::Noise(who, bytes) => {
                    bench.datagram((StreamId(who), Port::Rtp), address(StreamId(who)), &bytes);
                    bench.datagram((StreamId(who), Port::Rtcp), address(StreamId(who)), &bytes);
                }
                Step::Key(who, n, code) => {
                    bench.key(StreamId(who), n, (u32::from(n) / 8 * 1600, code), n * 16, n % 8 > 5);
                }
                Step::Hear(who, 0) => bench.hear(StreamId(who), Source::Silence),
                Step::Hear(who, 1) => bench.hear(StreamId(who), Source::Peer(StreamId(3 - who))),
                Step::Hear(who, 2) => bench.hear(StreamId(who), clips(&["word"], None, 1000)),
                Step::Hear(who, 3..) => bench.hear(StreamId(who), clips(&[], Some("music"), 0)),
                Step::Hold(who, sends, receives) => bench.expect(StreamId(who), |remote| {
                    (remote.sends, remote.receives) = (sends, receives);
                }),
                Step::Press(who) => {
                    let (stream, digit) = (StreamId(who), Digit('1'));
                    bench.order(MediaOrder::PressKey { stream, digit, length_ms: 60 });
                }
                Step::Pass(ms) => bench.pass(ms.into()),
                Step::Reopen(who) => {
                    // Each life of a stream is judged by itself.
                    one_life(&bench.heard_by(StreamId(who)))?;
                    bench.left.retain(|left| left.to != address(StreamId(who)));
                    bench.counters(StreamId(who));
                    bench.open(StreamId(who));
                    bench.expect(StreamId(who), |_| {});
                }
            }
        }
        for stream in [A, B] {
            one_life(&bench.heard_by(stream))?;
        }
        let hosts = [address(A).ip(), address(B).ip()];
        prop_assert!(bench.left.iter().all(|left| hosts.contains(&left.to.ip())));
    }
}

/// No number twice within the window in which a receiver could tell; one SSRC.
fn one_life(heard: &[Left]) -> Result<(), TestCaseError> {
    let mut numbers = std::collections::BTreeSet::new();
    for left in heard {
        let fields = left.fields();
        prop_assert_eq!(fields.ssrc, heard[0].fields().ssrc);
        prop_assert!(numbers.insert(fields.sequence), "{} twice", fields.sequence);
    }
    Ok(())
}

#[test]
fn streams_beyond_the_limit_are_refused() {
    let mut bench = Bench::new();
    let mut open = Open {
        stream: A,
        shard: 0,
        local: [10, 0, 0, 9].into(),
        rtp_port: 20_000,
        ssrc: 1,
        first_sequence: 0,
        timestamp_origin: 0,
    };
    for n in 3..=u64::try_from(super::STREAMS_MAX).unwrap() {
        open.stream = StreamId(n);
        assert!(bench.plane.open(bench.now().mono, &open).is_ok());
    }
    open.stream = StreamId(99_999);
    assert_eq!(bench.plane.open(bench.now().mono, &open), Err(Refused::Full));
    assert!(bench.plane.close(B).is_some());
    assert!(bench.plane.open(bench.now().mono, &open).is_ok());
}
