//! All streams of one media thread: who listens to whom, and whose turn it is.
//!
//! The driver owns the sockets. It asks for a place ([`Slot`]) by opening a stream, hands packets
//! in with [`Plane::receive`] and [`Plane::forward`], and asks [`Plane::next`] for the packets
//! that are due until there are none. Packets are rewritten in the driver's buffer. Whom somebody
//! hears decoded has an ear ([`mixing`]).

mod mixing;
mod taping;

use crate::media::clip::{ClipLibrary, Playlist};
use crate::media::entrance::Knock;
use crate::media::handshake::{News, Order as HandshakeOrder};
use crate::media::order::{BESIDE_MAX, MediaEdge, MediaOrder, Open, Source, StreamCounters};
use crate::media::stream::{Heard, Hearing, Mix, Stream};
use crate::media::tape::{Block, Taping};
use crate::media::transcode::ear::Ear;
use holdfast_base::{Mono, Now, Outbox, StreamId};
use holdfast_wire::rtp::{DATAGRAM_BYTES_MAX, is_rtcp};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Most streams of one thread: two for each of the most calls that the box takes.
pub const STREAMS_MAX: usize = 2 * holdfast_base::limits::CALLS_MAX;
/// Most listeners of one stream: the other party, a supervisor, a recorder, one in transition.
pub const LISTENERS_MAX: usize = 4;
/// How often every stream is looked after. A tenth of a second bounds the delay of a key whose
/// end was lost; a visit costs some 20 ns.
pub const SWEEP_EVERY: Duration = Duration::from_millis(100);
/// How often counters are reported.
const COUNTERS_EVERY: Duration = Duration::from_secs(1);

/// The place of a stream in its plane; given again after the stream closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slot(pub u32);

/// The two ports of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Port {
    /// The even port.
    Rtp,
    /// The odd port.
    Rtcp,
}

/// A packet that leaves: the first `length` bytes of the buffer that was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Departure {
    /// The stream that sends.
    pub slot: Slot,
    /// From which of its ports.
    pub port: Port,
    /// To whom.
    pub to: SocketAddr,
    /// Length of the datagram.
    pub length: usize,
}

/// A packet on its way to the listeners of the stream that received it.
#[derive(Debug)]
pub struct Relay {
    heard: Heard,
    slot: Slot,
    next: usize,
    length: usize,
}

/// The order can not be carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The plane holds [`STREAMS_MAX`] streams.
    Full,
    /// There is a stream of this identifier already.
    Exists,
}

/// The streams of one thread.
#[derive(Debug)]
pub struct Plane {
    library: Arc<ClipLibrary>,
    seats: Vec<Option<Seat>>,
    places: BTreeMap<StreamId, Slot>,
    free: Vec<Slot>,
    /// Who is due when. An entry that no longer matches its stream is passed over.
    due: BinaryHeap<Reverse<(Mono, Slot)>>,
    sweep: Sweep,
    next_sweep: Mono,
    next_counters: Mono,
    /// What the driver of handshakes has to be told.
    handshakes: Outbox<HandshakeOrder>,
    /// What was taken down and is not fetched yet.
    taped: Vec<Block>,
    /// A received packet while more than one listener gets it.
    original: Box<[u8; DATAGRAM_BYTES_MAX]>,
}

#[derive(Debug)]
struct Seat {
    stream: Stream,
    listeners: Vec<Slot>,
    /// What the remote says, decoded; none while nobody wants it so.
    ear: Option<Box<Ear>>,
    /// What is taken down of it; none while nothing is.
    taping: Option<Box<Taping>>,
    /// The entry of [`Plane::due`] that is valid.
    planned: Option<Mono>,
}

#[derive(Clone, Copy, Debug)]
enum Sweep {
    Resting,
    At(usize),
}

impl Plane {
    /// A plane without streams.
    #[must_use]
    pub fn new(now: Mono, library: Arc<ClipLibrary>) -> Self {
        Self {
            library,
            seats: Vec::new(),
            places: BTreeMap::new(),
            free: Vec::new(),
            due: BinaryHeap::new(),
            sweep: Sweep::Resting,
            next_sweep: now + SWEEP_EVERY,
            next_counters: now + COUNTERS_EVERY,
            handshakes: Outbox::new(),
            taped: Vec::new(),
            original: Box::new([0; DATAGRAM_BYTES_MAX]),
        }
    }

    /// Opens a stream whose ports are bound.
    ///
    /// # Errors
    /// [`Refused`]: the driver releases the ports again.
    pub fn open(&mut self, now: Mono, open: &Open) -> Result<Slot, Refused> {
        if self.places.contains_key(&open.stream) {
            return Err(Refused::Exists);
        }
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None if self.seats.len() < STREAMS_MAX => {
                let slot = Slot(u32::try_from(self.seats.len()).unwrap_or(u32::MAX));
                self.seats.push(None);
                slot
            }
            None => return Err(Refused::Full),
        };
        // Somebody may have been told to hear this stream before it was there.
        let listeners = self.seated().filter(|(_, seat)| seat.stream.hears() == Some(open.stream));
        let listeners = listeners.map(|(slot, _)| slot).take(LISTENERS_MAX).collect();
        let ear = self.is_mixed(open.stream).then(Box::default);
        let stream = Stream::new(now, open);
        let seat = Seat { stream, listeners, ear, taping: None, planned: None };
        if let Some(place) = self.place_mut(slot) {
            *place = Some(seat);
        }
        self.places.insert(open.stream, slot);
        Ok(slot)
    }

    /// Closes a stream; `None` when it is not there. Its listeners hear nothing from now on.
    pub fn close(&mut self, stream: StreamId) -> Option<(Slot, StreamCounters)> {
        let slot = self.places.remove(&stream)?;
        let mut seat = self.place_mut(slot)?.take()?;
        seat.stream.close().into_iter().for_each(|order| self.handshakes.push(order));
        if let Some(peer) = seat.stream.hears() {
            self.stop_listening(slot, peer);
        }
        seat.stream.mixes().for_each(|speaker| self.close_unused_ear(speaker));
        seat.taping.iter().for_each(|taping| self.close_unused_ear(taping.with()));
        self.free.push(slot);
        Some((slot, seat.stream.counters()))
    }

    /// Carries out an order to a stream that is open. Orders to others are late and ignored;
    /// holding, opening and closing are for the driver, which has the sockets.
    pub fn order(&mut self, now: Mono, order: MediaOrder) {
        match order {
            MediaOrder::Hold { .. } | MediaOrder::Open(_) | MediaOrder::Close { .. } => {}
            MediaOrder::Expect { stream, remote } => {
                let Some(slot) = self.places.get(&stream).copied() else { return };
                let mut orders = std::mem::take(&mut self.handshakes);
                let listeners = self.seat_mut(slot).and_then(|seat| {
                    let changed = seat.stream.expect(now, remote, &mut orders);
                    changed.then(|| seat.listeners.clone())
                });
                self.handshakes = orders;
                let listeners = listeners.unwrap_or_default();
                for listener in listeners {
                    if let Some(seat) = self.seat_mut(listener) {
                        seat.stream.seam();
                    }
                }
                self.plan(slot);
            }
            MediaOrder::Hear { stream, source } => self.hear(now, stream, source),
            MediaOrder::Record { stream, tape } => self.record(now, stream, tape),
            MediaOrder::PressKey { stream, digit, length_ms } => {
                let Some(slot) = self.places.get(&stream).copied() else { return };
                if let Some(seat) = self.seat_mut(slot) {
                    seat.stream.press(now, digit, length_ms);
                }
                self.plan(slot);
            }
        }
    }

    fn hear(&mut self, now: Mono, stream: StreamId, source: Source) {
        let Some(slot) = self.places.get(&stream).copied() else { return };
        let (hearing, peer) = match source {
            Source::Silence => (Hearing::Silence, None),
            Source::Peer(peer) => (Hearing::Peer(peer), Some(peer)),
            Source::Mix { peer, mut beside } => {
                beside.truncate(BESIDE_MAX);
                (Hearing::Mix(Mix { peer, beside }), Some(peer))
            }
            Source::Clips { once, then, since } => {
                let playlist = Playlist::of(&self.library, &once, then.as_ref());
                (Hearing::Clips(playlist, since), None)
            }
        };
        let Some(seat) = self.seat_mut(slot) else { return };
        let before = seat.stream.hears();
        let mixed_before: Vec<StreamId> = seat.stream.mixes().collect();
        seat.stream.listen(now, hearing);
        let mixed: Vec<StreamId> = seat.stream.mixes().collect();
        mixed.into_iter().for_each(|speaker| self.open_ear(speaker));
        mixed_before.into_iter().for_each(|speaker| self.close_unused_ear(speaker));
        if before != peer {
            if let Some(before) = before {
                self.stop_listening(slot, before);
            }
            let speaker = peer.and_then(|peer| self.places.get(&peer).copied());
            if let Some(speaker) = speaker.and_then(|speaker| self.seat_mut(speaker))
                && speaker.listeners.len() < LISTENERS_MAX
            {
                speaker.listeners.push(slot);
            }
        }
        self.plan(slot);
    }

    fn stop_listening(&mut self, listener: Slot, speaker: StreamId) {
        let speaker = self.places.get(&speaker).copied();
        if let Some(seat) = speaker.and_then(|speaker| self.seat_mut(speaker)) {
            seat.listeners.retain(|slot| *slot != listener);
        }
    }

    /// Looks at a datagram before it is received: true when it is audio or a report. What answers
    /// it otherwise is written to the front of the buffer, and leaves at once.
    pub fn knock(
        &mut self,
        now: Now,
        (slot, port, from): (Slot, Port, SocketAddr),
        (packet, length): (&mut [u8], usize),
    ) -> Result<(), Option<Departure>> {
        let mut orders = std::mem::take(&mut self.handshakes);
        let datagram = packet.get(..length).unwrap_or_default();
        let seat = self.seat_mut(slot);
        let knock =
            seat.map(|seat| seat.stream.knock(now.mono, (port, from), datagram, &mut orders));
        self.handshakes = orders;
        match knock {
            Some(Knock::Media) => Ok(()),
            Some(Knock::Answer(bytes)) => Err(departure((slot, from), &bytes, packet)),
            Some(Knock::Taken | Knock::Refused) | None => Err(None),
        }
    }

    /// What the driver of handshakes has to be told since the last call, oldest first.
    pub fn handshakes(&mut self) -> Vec<HandshakeOrder> {
        self.handshakes.take()
    }

    /// Takes news of a handshake; what it sends is written to the front of the buffer.
    pub fn shaken(
        &mut self,
        now: Mono,
        news: News,
        packet: &mut [u8],
        out: &mut Outbox<MediaEdge>,
    ) -> Option<Departure> {
        let slot = self.places.get(&news.which.stream).copied()?;
        let sent = self.seat_mut(slot)?.stream.shaken(now, news, out);
        self.plan(slot);
        let (to, bytes) = sent?;
        departure((slot, to), &bytes, packet)
    }

    /// Takes one datagram, which is opened in place. What it returns is handed to
    /// [`Plane::forward`] until that is done.
    pub fn receive(
        &mut self,
        now: Now,
        (slot, port, from): (Slot, Port, SocketAddr),
        packet: &mut [u8],
        out: &mut Outbox<MediaEdge>,
    ) -> Option<Relay> {
        let seat = self.seat_mut(slot)?;
        let (heard, length) = match port {
            // RFC 5761 §4: reports may come to the RTP port, whether agreed or not.
            Port::Rtp if !is_rtcp(packet) => seat.stream.hear(now.mono, from, packet, out)?,
            Port::Rtp | Port::Rtcp => {
                seat.stream.hear_report(now, from, packet);
                return None;
            }
        };
        if let Some(ear) = &mut seat.ear
            && let Some(packet) = heard.decodable(packet)
        {
            ear.hear(now.mono, packet);
        }
        if seat.listeners.len() > 1 {
            self.original.iter_mut().zip(&*packet).for_each(|(kept, byte)| *kept = *byte);
        }
        Some(Relay { heard, slot, next: 0, length })
    }

    /// Rewrites the packet for its next listener, in place at the front of the buffer that it was
    /// received into; `None` when all have it.
    pub fn forward(&mut self, now: Now, relay: &mut Relay, packet: &mut [u8]) -> Option<Departure> {
        loop {
            let slot = *self.seat_mut(relay.slot)?.listeners.get(relay.next)?;
            if relay.next > 0 {
                let original = self.original.get(..relay.length)?;
                packet.iter_mut().zip(original).for_each(|(byte, kept)| *byte = *kept);
            }
            relay.next += 1;
            let spoken = self.seat_mut(slot)?.stream.speak(now.mono, &relay.heard, packet);
            if let Some((to, length)) = spoken {
                return Some(Departure { slot, port: Port::Rtp, to, length });
            }
        }
    }

    /// Makes the next packet that is due into `packet`; `None` when nothing is due any more.
    pub fn next(
        &mut self,
        now: Now,
        packet: &mut [u8],
        out: &mut Outbox<MediaEdge>,
    ) -> Option<Departure> {
        while let Some(Reverse((at, slot))) = self.due.peek().copied() {
            if at > now.mono {
                break;
            }
            self.due.pop();
            let Some(seat) = self.seat_mut(slot).filter(|seat| seat.planned == Some(at)) else {
                continue;
            };
            seat.planned = None;
            // The plan may be older than the stream's mind: a peer came back, a clip was stopped.
            let made = match seat.stream.due() {
                Some(due) if due <= now.mono => self.pace(now.mono, slot, packet),
                Some(_) | None => None,
            };
            self.plan(slot);
            if let Some((to, length)) = made {
                return Some(Departure { slot, port: Port::Rtp, to, length });
            }
        }
        self.next_report(now, packet, out)
    }

    /// Goes on with the sweep over all streams, stopping at each report that leaves.
    fn next_report(
        &mut self,
        now: Now,
        packet: &mut [u8],
        out: &mut Outbox<MediaEdge>,
    ) -> Option<Departure> {
        let mut index = match self.sweep {
            Sweep::Resting if now.mono < self.next_sweep => return None,
            Sweep::Resting => 0,
            Sweep::At(index) => index,
        };
        while index < self.seats.len() {
            let slot = Slot(u32::try_from(index).unwrap_or(u32::MAX));
            index += 1;
            let Some(seat) = self.seat_mut(slot) else { continue };
            seat.stream.sweep(now.mono, out);
            let report = seat.stream.report(now);
            self.take_down(now.mono, slot);
            self.plan(slot);
            if let Some((to, shared, bytes)) = report
                && let Some(room) = packet.get_mut(..bytes.len())
            {
                room.copy_from_slice(&bytes);
                self.sweep = Sweep::At(index);
                let port = if shared { Port::Rtp } else { Port::Rtcp };
                return Some(Departure { slot, port, to, length: bytes.len() });
            }
        }
        self.sweep = Sweep::Resting;
        self.next_sweep = now.mono + SWEEP_EVERY;
        if self.next_counters <= now.mono {
            self.next_counters = now.mono + COUNTERS_EVERY;
            let counters =
                self.seated().map(|(_, seat)| (seat.stream.id(), seat.stream.counters()));
            let counters: Vec<_> = counters.collect();
            if !counters.is_empty() {
                out.push(MediaEdge::Counters(counters));
            }
        }
        None
    }

    /// When [`Plane::next`] wants to be called at the latest.
    #[must_use]
    pub fn deadline(&self) -> Mono {
        self.due.peek().map_or(self.next_sweep, |Reverse((at, _))| self.next_sweep.min(*at))
    }

    /// Whether a stream is open here.
    #[must_use]
    pub fn holds(&self, stream: StreamId) -> bool {
        self.places.contains_key(&stream)
    }

    /// Puts a stream's next instant into the plan, unless it is there.
    fn plan(&mut self, slot: Slot) {
        let Some(seat) = self.seat_mut(slot) else { return };
        let due = seat.stream.due();
        if due != seat.planned {
            seat.planned = due;
            if let Some(at) = due {
                self.due.push(Reverse((at, slot)));
            }
        }
    }

    fn seated(&self) -> impl Iterator<Item = (Slot, &Seat)> {
        let slots = (0u32..).map(Slot);
        slots.zip(&self.seats).filter_map(|(slot, seat)| Some((slot, seat.as_ref()?)))
    }

    fn place_mut(&mut self, slot: Slot) -> Option<&mut Option<Seat>> {
        self.seats.get_mut(usize::try_from(slot.0).ok()?)
    }

    fn seat_mut(&mut self, slot: Slot) -> Option<&mut Seat> {
        self.place_mut(slot)?.as_mut()
    }
}

/// These bytes on their way from the RTP port; none when they are larger than any datagram.
fn departure((slot, to): (Slot, SocketAddr), bytes: &[u8], room: &mut [u8]) -> Option<Departure> {
    room.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(Departure { slot, port: Port::Rtp, to, length: bytes.len() })
}

#[cfg(test)]
mod tests;
