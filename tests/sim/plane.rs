//! The media plane without packets: it opens and closes streams, counts, and notices silence.
//!
//! It also judges its orders: a port belongs to one stream, a stream hears what exists, and after a
//! restart no sequence number is sent twice.

use holdfast_base::{Mono, StreamId};
use holdfast_core::media::order::{MediaEdge, MediaOrder, Open, Remote, Source, StreamCounters};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use crate::dice::Dice;

/// Packets a second at a packet time of 20 ms.
const PACKETS_A_SECOND: u16 = 50;

/// Ports that can not be bound on a calm day, in a thousand.
pub const CALM_FAILURES: u64 = 3;

/// A stream that is open.
#[derive(Debug)]
struct Stream {
    open: Open,
    remote: Option<Remote>,
    hears: Source,
    /// Whether what it hears was open when the order came.
    joined: bool,
    counters: StreamCounters,
    alive: Mono,
}

/// The plane.
#[derive(Debug, Default)]
pub struct Plane {
    streams: BTreeMap<StreamId, Stream>,
    /// Streams whose ports could not be bound.
    failed: BTreeSet<StreamId>,
    /// Streams of a process that died, and what each had sent; none when its ports never opened.
    before: BTreeMap<StreamId, Option<u16>>,
    /// Streams closed by this process: the disk may have forgotten it by the next.
    closed: BTreeSet<StreamId>,
    /// The first stream of each call: the caller's.
    callers: BTreeMap<u64, StreamId>,
    /// How often a port can not be bound, in a thousand.
    failures: u64,
    /// How often it is slow to close a stream, in a thousand.
    stalls: u64,
}

impl Plane {
    /// A plane without streams.
    pub fn new(failures: u64, stalls: u64) -> Self {
        Self { failures, stalls, ..Self::default() }
    }

    /// Carries an order out; the edge that comes of it, and after how long.
    pub fn order(
        &mut self,
        now: Mono,
        order: MediaOrder,
        dice: &mut Dice,
    ) -> Option<(Duration, MediaEdge)> {
        match order {
            MediaOrder::Hold { rtp_port } => {
                let edge = match rtp_port % 14 {
                    0 => MediaEdge::Occupied { rtp_port },
                    _ => MediaEdge::Held { rtp_port },
                };
                Some((Duration::from_millis(1), edge))
            }
            MediaOrder::Open(open) => self.open(now, open, dice),
            MediaOrder::Expect { stream, remote } => {
                if let Some(stream) = self.known(stream) {
                    stream.alive = now;
                    stream.remote = Some(remote);
                }
                None
            }
            MediaOrder::Hear { stream, source } => {
                // The plane joins two streams when it is told so, and not later.
                let heard = source.peer().is_none_or(|peer| self.is_known(peer));
                if let Some(stream) = self.known(stream) {
                    stream.hears = source;
                    stream.joined = heard;
                }
                None
            }
            MediaOrder::PressKey { .. } | MediaOrder::Record { .. } => None,
            MediaOrder::Close { stream } => {
                assert!(self.closed.insert(stream), "{stream} is closed twice");
                let was_before = self.before.remove(&stream).is_some();
                if self.failed.remove(&stream) || was_before {
                    return None; // nothing is open, so nothing answers
                }
                let gone = self.streams.remove(&stream);
                let counters = gone.unwrap_or_else(|| panic!("{stream} was never open")).counters;
                self.callers.retain(|_, caller| *caller != stream);
                let stalls = dice.chance(self.stalls);
                let after = if stalls { dice.ms(0, 2500) } else { dice.ms(0, 30) };
                Some((after, MediaEdge::Closed { stream, counters }))
            }
        }
    }

    fn open(&mut self, now: Mono, open: Open, dice: &mut Dice) -> Option<(Duration, MediaEdge)> {
        let id = open.stream;
        let other = self.streams.values().find(|stream| stream.open.rtp_port == open.rtp_port);
        assert!(other.is_none(), "{id} and {other:?} on one port");
        if let Some(Some(last)) = self.before.remove(&id) {
            let ahead = open.first_sequence.wrapping_sub(last);
            assert!((1..0x8000).contains(&ahead), "{id} repeats sequence numbers after a restart");
        }
        self.callers.entry(open.shard).or_insert(id);
        if dice.chance(self.failures) {
            self.failed.insert(id);
            let why = "address in use".to_owned();
            // Now and then the thread of the plane has stood still for a while.
            let after = if dice.chance(500) { dice.ms(0, 6000) } else { dice.ms(0, 5) };
            return Some((after, MediaEdge::OpenFailed { stream: id, why }));
        }
        let last_sequence = open.first_sequence.wrapping_sub(1);
        let counters = StreamCounters { last_sequence, ..StreamCounters::default() };
        let hears = Source::Silence;
        let joined = true;
        let stream = Stream { open, remote: None, hears, joined, counters, alive: now };
        assert!(self.streams.insert(id, stream).is_none(), "{id} is opened twice");
        None
    }

    fn is_known(&self, id: StreamId) -> bool {
        self.streams.contains_key(&id) || self.failed.contains(&id)
    }

    /// Between two steps of the site nobody is told to hear what is not there.
    pub fn check(&self) {
        for (id, stream) in &self.streams {
            if let Some(peer) = stream.hears.peer() {
                assert!(self.is_known(peer), "{id} shall hear {peer}, which is not open");
                assert!(stream.joined, "{id} was told to hear {peer} before that was open");
            }
        }
    }

    fn known(&mut self, id: StreamId) -> Option<&mut Stream> {
        let stream = self.streams.get_mut(&id);
        let gone = self.failed.contains(&id) || self.before.contains_key(&id);
        assert!(stream.is_some() || gone, "{id} is not open");
        stream
    }

    /// A second passes: counters, and word of every stream that should hear something and does
    /// not. `talking` are the remote addresses that send.
    pub fn second(&mut self, now: Mono, talking: &BTreeSet<SocketAddr>) -> Vec<MediaEdge> {
        let mut edges = Vec::new();
        for (id, stream) in &mut self.streams {
            let Some(remote) = &stream.remote else { continue };
            if stream.hears != Source::Silence && remote.receives && remote.rtp.is_some() {
                stream.counters.sent += u64::from(PACKETS_A_SECOND);
                let last = stream.counters.last_sequence;
                stream.counters.last_sequence = last.wrapping_add(PACKETS_A_SECOND);
            }
            let Some(rtp) = remote.rtp.filter(|_| remote.sends) else { continue };
            if talking.contains(&rtp) {
                stream.counters.received += u64::from(PACKETS_A_SECOND);
                stream.alive = now;
            } else if now.since(stream.alive) >= Duration::from_secs(1) {
                let for_ms = now.since(stream.alive).as_millis() as u64;
                edges.push(MediaEdge::Quiet { stream: *id, for_ms });
            }
        }
        let all = self.streams.iter().map(|(id, stream)| (*id, stream.counters)).collect();
        edges.push(MediaEdge::Counters(all));
        edges
    }

    /// The process died, and the sockets with it.
    pub fn died(&mut self) {
        let streams = std::mem::take(&mut self.streams);
        let last = |stream: Stream| Some(stream.counters.last_sequence);
        self.before.extend(streams.into_iter().map(|(id, stream)| (id, last(stream))));
        self.before.extend(std::mem::take(&mut self.failed).into_iter().map(|id| (id, None)));
        let closed = std::mem::take(&mut self.closed);
        self.before.extend(closed.into_iter().map(|id| (id, None)));
        self.callers.clear();
    }

    /// What the caller of a call hears.
    pub fn caller_hears(&self, call: u64) -> Option<&Source> {
        let stream = self.callers.get(&call)?;
        self.streams.get(stream).map(|stream| &stream.hears)
    }

    /// Streams open.
    pub fn len(&self) -> usize {
        self.streams.len()
    }
}
