//! Whole streams against scripts: what comes in at which port, what leaves towards whom.
//!
//! This file is the bench; the scripts are below it, by subject.

mod audio;
mod browser;
mod disorder;
mod encrypted;
mod keys;
mod life;
mod mix;
mod tape;

use super::{LISTENERS_MAX, Plane, Port, Slot};
use crate::media::clip::ClipLibrary;
use crate::media::order::{ClipId, Codec, Encoding, MediaEdge, MediaOrder, Open, Remote, Source};
use holdfast_base::{Mono, Now, Outbox, StreamId, Wall};
use holdfast_wire::g711::Law;
use holdfast_wire::rtp::event::Event;
use holdfast_wire::rtp::header::{Fields, Header};
use holdfast_wire::rtp::timestamp_distance;
use holdfast_wire::wav;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

const A: StreamId = StreamId(1);
const B: StreamId = StreamId(2);
const PCMA: Codec =
    Codec { payload_type: 8, encoding: Encoding::Pcma, clock_hz: 8000, ptime_ms: 20 };
const PCMU: Codec = Codec { payload_type: 0, encoding: Encoding::Pcmu, ..PCMA };

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
            dtmf_clock_hz: 8000,
            crypto: None,
            dtls: None,
            ice: None,
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
        packet.resize(bytes.len() + 64, 0);
        match self.plane.knock(now, place, (&mut packet, bytes.len())) {
            Ok(()) => {}
            Err(answer) => {
                if let Some(gone) = answer {
                    self.note(gone.to, gone.port, &packet[..gone.length]);
                }
                return;
            }
        }
        let relay = self.plane.receive(now, place, &mut packet[..bytes.len()], &mut out);
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
