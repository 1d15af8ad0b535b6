//! What a transcoded packet costs beside a relayed one, in the same run.
//!
//! ```text
//! cargo run --release --example bench-transcode -- [--seconds 20]
//! ```
//!
//! A caller speaks for so many seconds of media time, as fast as the processor allows, through a
//! plane in this process to a party of another codec. The relayed packet is one that crosses the
//! loopback interface twice, in and out, as every packet of the box does; the transcoded one is
//! counted with the same two system calls. Only the ratios mean anything.
#![expect(clippy::print_stdout, reason = "a program for a terminal")]

use holdfast_base::{Mono, Now, Outbox, StreamId, Wall};
use holdfast_core::media::clip::ClipLibrary;
use holdfast_core::media::order::{Codec, Encoding, MediaOrder, Open, Remote, Source};
use holdfast_core::media::plane::{Plane, Port, Slot};
use holdfast_core::media::transcode::coding::Coding;
use holdfast_core::media::transcode::mouth::Mouth;
use holdfast_wire::rtp::header::Fields;
use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

const CODECS: [(&str, Codec); 3] = [
    ("G.711", codec(8, Encoding::Pcma, 8000)),
    ("G.722", codec(9, Encoding::G722, 8000)),
    ("Opus", codec(111, Encoding::Opus, 48_000)),
];
/// Two who talk, and the packet time of both.
const SPEAKER: StreamId = StreamId(1);
const LISTENER: StreamId = StreamId(2);
const PTIME_MS: u16 = 20;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const fn codec(payload_type: u8, encoding: Encoding, clock_hz: u32) -> Codec {
    Codec { payload_type, encoding, clock_hz, ptime_ms: PTIME_MS }
}

fn main() -> Result<()> {
    let seconds = std::env::args().skip_while(|word| word != "--seconds").nth(1);
    let seconds: u32 = seconds.map_or(Ok(20), |text| text.parse())?;
    let wire = Wire::new()?;
    let relayed = Line::new(CODECS[0].1, CODECS[0].1)?.run(seconds, &wire)?;
    println!("relayed           {:7.2} µs a packet", micros(relayed));
    for (from, speaks) in CODECS {
        for (to, hears) in CODECS.into_iter().filter(|(to, _)| *to != from) {
            let cost = Line::new(speaks, hears)?.run(seconds, &wire)?;
            let ratio = cost.as_secs_f64() / relayed.as_secs_f64();
            let core = cost.as_secs_f64() / f64::from(PTIME_MS) * 1e5;
            println!(
                "{from:5} to {to:5}    {:7.2} µs, {ratio:5.1} times; one way of a call takes \
                 {core:.2} % of a core",
                micros(cost)
            );
        }
    }
    Ok(())
}

fn micros(cost: Duration) -> f64 {
    cost.as_secs_f64() * 1e6
}

/// The way of a packet over the loopback interface.
struct Wire {
    from: UdpSocket,
    to: UdpSocket,
}

impl Wire {
    fn new() -> Result<Self> {
        let [from, to] = [UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?];
        from.connect(to.local_addr()?)?;
        Ok(Self { from, to })
    }

    fn carry(&self, packet: &[u8], room: &mut [u8]) -> Result<usize> {
        self.from.send(packet)?;
        Ok(self.to.recv(room)?)
    }
}

/// One who speaks and one who hears, joined by a plane.
struct Line {
    plane: Plane,
    slots: [Slot; 2],
    speaks: Codec,
    mouth: Mouth,
}

impl Line {
    fn new(speaks: Codec, hears: Codec) -> Result<Self> {
        let mut plane = Plane::new(Mono::default(), Arc::new(ClipLibrary::default()));
        let mut open = |stream: StreamId, codec: Codec| {
            let open = Open {
                stream,
                shard: 0,
                local: Ipv4Addr::LOCALHOST.into(),
                rtp_port: 20_000,
                ssrc: 1,
                first_sequence: 1,
                timestamp_origin: 1,
            };
            let slot = plane.open(Mono::default(), &open).map_err(|why| format!("{why:?}"))?;
            let remote = Remote {
                rtp: Some(address(stream)),
                rtcp: None,
                codec,
                accepts: vec![codec],
                dtmf_to_remote: None,
                dtmf_from_remote: None,
                dtmf_clock_hz: 0,
                crypto: None,
                dtls: None,
                ice: None,
                sends: true,
                receives: true,
            };
            plane.order(Mono::default(), MediaOrder::Expect { stream, remote });
            Ok::<Slot, Box<dyn Error>>(slot)
        };
        let slots = [open(SPEAKER, speaks)?, open(LISTENER, hears)?];
        let source = if speaks == hears {
            Source::Peer(SPEAKER)
        } else {
            Source::Mix { peer: SPEAKER, beside: Vec::new() }
        };
        plane.order(Mono::default(), MediaOrder::Hear { stream: LISTENER, source });
        let coding = Coding::of(speaks.encoding).ok_or("an encoding of ours")?;
        let mouth = Mouth::new(coding).ok_or("no encoder")?;
        Ok(Self { plane, slots, speaks, mouth })
    }

    /// The processor time of one packet, in and out.
    fn run(mut self, seconds: u32, wire: &Wire) -> Result<Duration> {
        let packets = seconds * 1000 / u32::from(PTIME_MS);
        let (mut spent, mut sent) = (Duration::ZERO, 0u32);
        let (mut packet, mut room, mut out) = ([0; 2048], [0; 2048], Outbox::new());
        let clock_ticks = self.speaks.clock_hz / 1000 * u32::from(PTIME_MS);
        for number in 0..packets {
            let bytes = self.spoken(number, clock_ticks)?;
            let micros = u64::from(number) * u64::from(PTIME_MS) * 1000 + 1_000_000;
            let now = Now { mono: Mono::from_micros(micros), wall: Wall::from_micros(0) };
            let begun = Instant::now();
            let length = wire.carry(&bytes, &mut packet)?;
            let at = (self.slots[0], Port::Rtp, address(SPEAKER));
            let heard = packet.get_mut(..length).ok_or("a packet beyond its buffer")?;
            if let Some(mut relay) = self.plane.receive(now, at, heard, &mut out) {
                while let Some(gone) = self.plane.forward(now, &mut relay, &mut packet) {
                    wire.carry(packet.get(..gone.length).unwrap_or_default(), &mut room)?;
                    sent += 1;
                }
            }
            while let Some(gone) = self.plane.next(now, &mut packet, &mut out) {
                wire.carry(packet.get(..gone.length).unwrap_or_default(), &mut room)?;
                sent += u32::from(gone.slot == self.slots[1]);
            }
            spent += begun.elapsed();
            out.drain().for_each(drop);
        }
        if sent + 5 < packets {
            return Err(format!("{sent} of {packets} packets came through").into());
        }
        Ok(spent / packets)
    }

    /// Something that changes its pitch, like a voice.
    fn spoken(&mut self, number: u32, clock_ticks: u32) -> Result<Vec<u8>> {
        let ticks: Vec<_> = (0..2u32).map(|tick| voice(number * 2 + tick)).collect();
        let mut payload = [0; 1500];
        let length = self.mouth.speak(ticks.iter(), &mut payload).ok_or("nothing encoded")?;
        let [_, _, high, low] = number.to_be_bytes();
        let fields = Fields {
            marker: number == 0,
            payload_type: self.speaks.payload_type,
            sequence: u16::from_be_bytes([high, low]),
            timestamp: number.wrapping_mul(clock_ticks),
            ssrc: 7,
        };
        Ok([fields.bytes().as_slice(), payload.get(..length).unwrap_or_default()].concat())
    }
}

fn voice(tick: u32) -> [i16; 160] {
    let pitch = 110.0 + f64::from(tick % 100);
    #[expect(clippy::cast_possible_truncation, reason = "a sum of sines within 16 bits")]
    let sample = |place: usize| {
        let angle =
            f64::from(u32::try_from(place).unwrap_or(0)) / 16_000.0 * std::f64::consts::TAU * pitch;
        (1..12).map(|n| (angle * f64::from(n)).sin() * 3000.0 / f64::from(n)).sum::<f64>() as i16
    };
    std::array::from_fn(sample)
}

fn address(stream: StreamId) -> SocketAddr {
    let port = if stream == SPEAKER { 4000 } else { 4002 };
    SocketAddr::from(([127, 0, 0, 2], port))
}
