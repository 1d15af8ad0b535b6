//! The mouth and ear of one endpoint: RTP with G.711, paced at 20 ms, and a count of what arrives.
//!
//! A *voice* is one tone whose period is a whole number of samples. One packet is enough to know
//! it again, after the conversion from one law to the other as well, so every endpoint can say for
//! itself whom it heard, without a word from the box.

use holdfast_wire::g711::Law;
use holdfast_wire::rtp::header::{Fields, Header};
use holdfast_wire::rtp::{DATAGRAM_BYTES_MAX, is_rtcp, sequence_distance};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// RFC 3551 §4.2: what a packet of G.711 carries unless agreed otherwise.
const PACKET_TIME: Duration = Duration::from_millis(20);
/// 20 ms at 8000 Hz.
const SAMPLES: usize = 160;
/// A voice counts as heard after so many packets in a row: music may hold a tone for a moment.
const PACKETS_TO_KNOW: u32 = 3;
/// Loud enough to hear, far from clipping.
const AMPLITUDE: f64 = 8000.0;
/// How often an even port with a free neighbour is looked for.
const PORT_TRIES: usize = 64;
/// Periods of agents: 1600 Hz downwards.
const FIRST_AGENT_PERIOD: usize = 5;
/// Agents that can be told apart.
const AGENT_PERIODS: usize = 8;
/// Periods of callers, below those of all agents: 615 Hz downwards.
const FIRST_CALLER_PERIOD: usize = FIRST_AGENT_PERIOD + AGENT_PERIODS;
/// Callers share voices when there are more of them.
const CALLER_PERIODS: usize = 20;

/// A tone, by its period in samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Voice(usize);

impl Voice {
    /// The voice of the agent with this place in the roster.
    pub const fn of_agent(place: usize) -> Self {
        Self(FIRST_AGENT_PERIOD + place % AGENT_PERIODS)
    }

    /// The voice of the caller with this number.
    pub const fn of_caller(number: usize) -> Self {
        Self(FIRST_CALLER_PERIOD + number % CALLER_PERIODS)
    }

    /// Whether an agent speaks so.
    pub const fn is_agent(self) -> bool {
        self.0 < FIRST_CALLER_PERIOD
    }

    /// The voice in a payload, if it is one tone from beginning to end.
    fn in_payload(payload: &[u8]) -> Option<Self> {
        let flat = payload.first().is_none_or(|first| payload.iter().all(|byte| byte == first));
        let repeats = |period: &usize| {
            payload
                .iter()
                .zip(payload.iter().skip(*period))
                .all(|(earlier, later)| earlier == later)
        };
        let periods = FIRST_AGENT_PERIOD..FIRST_CALLER_PERIOD + CALLER_PERIODS;
        if flat { None } else { periods.into_iter().find(repeats).map(Self) }
    }

    /// One period of the tone.
    fn samples(self, law: Law) -> Vec<u8> {
        let turn = |place: usize| {
            let part = f64::from(u32::try_from(place).unwrap_or(0))
                / f64::from(u32::try_from(self.0).unwrap_or(1));
            (part * std::f64::consts::TAU).sin() * AMPLITUDE
        };
        #[expect(clippy::cast_possible_truncation, reason = "the amplitude is far below i16::MAX")]
        let sample = |place: usize| turn(place).round() as i16;
        (0..self.0).map(|place| law.encode(sample(place))).collect()
    }
}

/// What went over one RTP socket.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Packets {
    /// Packets sent.
    pub sent: u64,
    /// Packets received, each sequence number once.
    pub received: u64,
    /// Sequence numbers between the first and the last received that never came.
    pub lost: u64,
    /// Changes of the source: a box that is one source for its whole call makes none.
    pub new_sources: u64,
}

impl Packets {
    /// Both together.
    pub const fn plus(self, other: Self) -> Self {
        Self {
            sent: self.sent + other.sent,
            received: self.received + other.received,
            lost: self.lost + other.lost,
            new_sources: self.new_sources + other.new_sources,
        }
    }
}

/// Which sequence numbers came (RFC 3550 A.1, without its probation).
#[derive(Debug, Default)]
enum Order {
    #[default]
    Nothing,
    Counting {
        ssrc: u32,
        highest: u16,
    },
}

/// The audio of one call.
#[derive(Debug)]
pub struct Audio {
    socket: UdpSocket,
    /// Held so that reports of the box (RTCP) find a port that is open.
    _reports: UdpSocket,
    ticks: Interval,
    voice: Voice,
    next: Fields,
    speech: Vec<u8>,
    towards: Option<SocketAddr>,
    order: Order,
    listening: (Option<Voice>, u32),
    /// Counted so far.
    pub packets: Packets,
    heard: BTreeMap<Voice, u64>,
}

impl Audio {
    /// Binds an even port and the odd one above it (RFC 3550 §11).
    pub async fn bind(ip: IpAddr, voice: Voice, ssrc: u32) -> io::Result<Self> {
        let mut last = io::Error::from(io::ErrorKind::AddrInUse);
        for _ in 0..PORT_TRIES {
            let socket = UdpSocket::bind((ip, 0)).await?;
            let port = socket.local_addr()?.port();
            if !port.is_multiple_of(2) {
                continue;
            }
            match UdpSocket::bind((ip, port + 1)).await {
                Ok(reports) => {
                    socket.writable().await?;
                    return Ok(Self::on(socket, reports, voice, ssrc));
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn on(socket: UdpSocket, reports: UdpSocket, voice: Voice, ssrc: u32) -> Self {
        let mut ticks = interval(PACKET_TIME);
        // Late is late, but nothing is left out: the far end counts sequence numbers.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let next = Fields { marker: true, payload_type: 0, sequence: 1, timestamp: 0, ssrc };
        Self {
            socket,
            _reports: reports,
            ticks,
            voice,
            next,
            speech: Vec::new(),
            towards: None,
            order: Order::Nothing,
            listening: (None, 0),
            packets: Packets::default(),
            heard: BTreeMap::new(),
        }
    }

    /// Where audio for this endpoint goes.
    pub fn local(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Speaks to there from now on.
    pub fn speak(&mut self, to: SocketAddr, law: Law, payload_type: u8) {
        self.speech = self.voice.samples(law);
        self.next.payload_type = payload_type;
        if self.towards.is_none() {
            self.ticks.reset_immediately();
        }
        self.towards = Some(to);
    }

    /// Says nothing from now on.
    pub fn be_quiet(&mut self) {
        self.towards = None;
    }

    /// Packets of this voice.
    pub fn packets_of(&self, voice: Voice) -> u64 {
        self.heard.get(&voice).copied().unwrap_or(0)
    }

    /// Packets with the voice of any caller.
    pub fn packets_of_callers(&self) -> u64 {
        self.heard.iter().filter(|(voice, _)| !voice.is_agent()).map(|(_, count)| count).sum()
    }

    /// Speaks and listens until somebody else begins to be heard, and says who.
    pub async fn listen(&mut self) -> io::Result<Voice> {
        let mut datagram = [0; DATAGRAM_BYTES_MAX];
        loop {
            tokio::select! {
                received = self.socket.recv(&mut datagram) => {
                    let packet = datagram.get(..received?).unwrap_or_default();
                    if let Some(voice) = self.take(packet) {
                        return Ok(voice);
                    }
                }
                _ = self.ticks.tick(), if self.towards.is_some() => self.send()?,
            }
        }
    }

    fn send(&mut self) -> io::Result<()> {
        let Some(to) = self.towards else { return Ok(()) };
        let phase = usize::try_from(self.next.timestamp).unwrap_or(0) % self.voice.0;
        let speech = self.speech.iter().cycle().skip(phase).take(SAMPLES);
        let packet: Vec<u8> = self.next.bytes().iter().chain(speech).copied().collect();
        self.next.marker = false;
        self.next.sequence = self.next.sequence.wrapping_add(1);
        self.next.timestamp = self.next.timestamp.wrapping_add(u32::try_from(SAMPLES).unwrap_or(0));
        // A packet that finds no room is lost, and the far end will say so.
        match self.socket.try_send_to(&packet, to) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            Ok(_) | Err(_) => {
                self.packets.sent += 1;
                Ok(())
            }
        }
    }

    /// Counts a packet; gives the voice that it makes known.
    fn take(&mut self, packet: &[u8]) -> Option<Voice> {
        let header = Header::parse(packet).ok().filter(|_| !is_rtcp(packet))?;
        self.count(header.fields);
        let voice = Voice::in_payload(header.payload(packet));
        if let Some(voice) = voice {
            *self.heard.entry(voice).or_default() += 1;
        }
        let (before, times) = &mut self.listening;
        *times = if *before == voice { times.saturating_add(1) } else { 1 };
        *before = voice;
        voice.filter(|_| *times == PACKETS_TO_KNOW)
    }

    fn count(&mut self, fields: Fields) {
        let Fields { sequence, ssrc, .. } = fields;
        match &mut self.order {
            Order::Counting { ssrc: known, highest } if *known == ssrc => {
                let step = sequence_distance(*highest, sequence);
                if let Ok(step @ 1..) = u64::try_from(step) {
                    self.packets.lost += step - 1;
                    self.packets.received += 1;
                    *highest = sequence;
                } else if step < 0 {
                    // Late: it was counted as lost when a later one came.
                    self.packets.lost = self.packets.lost.saturating_sub(1);
                    self.packets.received += 1;
                }
            }
            Order::Counting { .. } => {
                self.packets.new_sources += 1;
                self.packets.received += 1;
                self.order = Order::Counting { ssrc, highest: sequence };
            }
            Order::Nothing => {
                self.packets.received += 1;
                self.order = Order::Counting { ssrc, highest: sequence };
            }
        }
    }
}
