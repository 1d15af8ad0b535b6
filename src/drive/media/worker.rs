//! One media thread: epoll, read, let the plane decide, send.
//!
//! A round reads the clock once, takes one packet from every ready socket, sends what is due, and
//! takes orders. Each stream sends from its own port, so that packets for different remotes can not
//! share one system call, and a socket has one packet every 20 ms, so that reading many at once
//! finds one: a relayed packet costs one `recvfrom` and one `sendto`, and what is left to save is
//! `epoll_wait`. Under load the thread therefore naps between rounds ([`NAP`]), and a round finds
//! many sockets ready.

use super::handshakes::{Handshakes, NewsSink};
use super::holds::Holds;
use super::socket::Sockets;
use super::{Homes, Shared, Sinks, lock};
use crate::clock::Clock;
use holdfast_base::{Mono, Now, Outbox, StreamId};
use holdfast_core::media::clip::ClipLibrary;
use holdfast_core::media::handshake::News;
use holdfast_core::media::order::{ClipId, MediaEdge, MediaOrder, Open, Source};
use holdfast_core::media::plane::{Departure, Plane, Port, Refused, Slot};
use holdfast_wire::rtp::DATAGRAM_BYTES_MAX;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use std::collections::BTreeSet;
use std::io;
use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::time::Duration;
use tracing::{info, warn};

/// Events taken from one `epoll_wait`.
const EVENTS_MAX: usize = 512;
/// The `epoll` token of the eventfd; those of sockets are slot and port.
const WAKE: u64 = u64::MAX;
/// Orders carried out before packets are looked at again, so that a burst of orders can not hold
/// up audio for longer than about a millisecond.
const ORDERS_PER_ROUND: usize = 256;
/// A busy thread waits this long between rounds. Half of it is added to the delay of a packet on
/// average: 0.25 ms of the 150 ms that G.114 allows.
const NAP: Duration = Duration::from_micros(500);
/// Packets within [`BUSY_WINDOW`] that make a thread busy: 2000 a second, 20 calls. Below that
/// there is nothing to save.
const BUSY_PACKETS: u32 = 40;
const BUSY_WINDOW: Duration = Duration::from_millis(20);
/// Longest wait, so that the heartbeat goes on.
const WAIT_MAX: Duration = Duration::from_millis(100);
/// Most clip names remembered as unknown, so that each is warned of once.
const UNKNOWN_MAX: usize = 100;

/// What a thread is made of.
pub struct Parts {
    pub clock: Clock,
    pub clips: Arc<ClipLibrary>,
    pub sinks: Sinks,
    pub homes: Homes,
    pub holds: Holds,
    pub shared: Arc<Shared>,
    pub handshakes: Handshakes,
    /// Where its handshakes tell what has come of them.
    pub news: NewsSink,
    pub orders: Receiver<Task>,
}

/// What a thread is told.
pub enum Task {
    /// By the site.
    Order(MediaOrder),
    /// By the thread of handshakes.
    News(News),
}

/// The state of one media thread.
pub struct Worker {
    parts: Parts,
    epoll: Epoll,
    events: Box<[EpollEvent; EVENTS_MAX]>,
    plane: Plane,
    sockets: Bound,
    out: Outbox<MediaEdge>,
    packet: Box<[u8; DATAGRAM_BYTES_MAX]>,
    load: Load,
    unknown: BTreeSet<ClipId>,
}

/// The sockets of the streams, by slot.
#[derive(Default)]
struct Bound(Vec<Option<Sockets>>);

/// How many packets came lately.
struct Load {
    since: Mono,
    packets: u32,
    busy: bool,
}

impl Worker {
    /// A thread without streams.
    pub fn new(parts: Parts) -> io::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        epoll.add(&parts.shared.wake, EpollEvent::new(EpollFlags::EPOLLIN, WAKE))?;
        let now = parts.clock.now().mono;
        Ok(Self {
            plane: Plane::new(now, Arc::clone(&parts.clips)),
            parts,
            epoll,
            events: Box::new([EpollEvent::empty(); EVENTS_MAX]),
            sockets: Bound::default(),
            out: Outbox::new(),
            packet: Box::new([0; DATAGRAM_BYTES_MAX]),
            load: Load { since: now, packets: 0, busy: false },
            unknown: BTreeSet::new(),
        })
    }

    /// Goes round until it is told to stop.
    pub fn run(&mut self) {
        while !self.parts.shared.stop.load(Ordering::Acquire) {
            let busy = self.round();
            if busy {
                std::thread::sleep(NAP);
            }
        }
    }

    /// Waits for packets, orders or a deadline and deals with all that is there. True when there
    /// is so much that a nap pays.
    pub fn round(&mut self) -> bool {
        let wait = self.plane.deadline().since(self.parts.clock.now().mono).min(WAIT_MAX);
        // Rounded up: a packet that leaves 1 ms late is heard by nobody, a thread that turns for
        // 1 ms costs a core.
        let wait = EpollTimeout::try_from(wait + Duration::from_micros(999));
        let wait = wait.unwrap_or(EpollTimeout::ZERO);
        // Interrupted by a signal: nothing is ready.
        let ready = self.epoll.wait(self.events.as_mut_slice(), wait).unwrap_or(0);
        let now = self.parts.clock.now();
        self.parts.shared.alive.store(now.mono.micros(), Ordering::Relaxed);
        let mut ordered = false;
        for index in 0..ready {
            match self.events.get(index).map(EpollEvent::data) {
                Some(WAKE) => ordered = true,
                Some(token) => self.receive(now, token),
                None => {}
            }
        }
        while let Some(departure) = self.plane.next(now, self.packet.as_mut_slice(), &mut self.out)
        {
            self.send(departure);
        }
        if ordered {
            self.take_orders(now);
        }
        for order in self.plane.handshakes() {
            self.parts.handshakes.order(order, &self.parts.news);
        }
        for edge in self.out.drain() {
            (self.parts.sinks.edges)(edge);
        }
        for block in self.plane.taped() {
            (self.parts.sinks.tapes)(block);
        }
        self.load.after_round(now.mono)
    }

    fn receive(&mut self, now: Now, token: u64) {
        let (slot, port) = place_of(token);
        let Some(socket) = self.sockets.socket(slot, port) else { return };
        // An error here is an empty socket or a report about an earlier packet; both are over.
        let Ok((length, from)) = socket.recv_from(self.packet.as_mut_slice()) else { return };
        self.load.packets = self.load.packets.saturating_add(1);
        let room = self.packet.as_mut_slice();
        match self.plane.knock(now, (slot, port, from), (room, length)) {
            Ok(()) => {}
            Err(answer) => {
                if let Some(answer) = answer {
                    self.send(answer);
                }
                return;
            }
        }
        let Some(packet) = self.packet.get_mut(..length) else { return };
        let relay = self.plane.receive(now, (slot, port, from), packet, &mut self.out);
        let Some(mut relay) = relay else { return };
        while let Some(departure) = self.plane.forward(now, &mut relay, self.packet.as_mut_slice())
        {
            self.send(departure);
        }
    }

    fn send(&self, departure: Departure) {
        let Departure { slot, port, to, length } = departure;
        if let Some(socket) = self.sockets.socket(slot, port)
            && let Some(packet) = self.packet.get(..length)
        {
            // A packet that the kernel does not take is lost as on any wire; RTP lives with it.
            let _ = socket.send_to(packet, to);
        }
    }

    fn take_orders(&mut self, now: Now) {
        // Read before the queue, so that an order put in meanwhile wakes the thread again.
        let _ = self.parts.shared.wake.read();
        let mut taken = 0;
        while taken < ORDERS_PER_ROUND
            && let Ok(task) = self.parts.orders.try_recv()
        {
            taken += 1;
            match task {
                Task::Order(order) => self.carry_out(now, order),
                Task::News(news) => {
                    let room = self.packet.as_mut_slice();
                    let sent = self.plane.shaken(now.mono, news, room, &mut self.out);
                    if let Some(departure) = sent {
                        self.send(departure);
                    }
                }
            }
        }
        if taken == ORDERS_PER_ROUND {
            self.parts.shared.wake();
            return; // the streams with lost orders are closed after the orders before those
        }
        let lost = std::mem::take(&mut *lock(&self.parts.shared.lost));
        for stream in lost {
            warn!(%stream, "stream closed for a lost order");
            if !self.close(stream) {
                self.fail(stream, "media thread overloaded".to_owned());
            }
        }
    }

    fn carry_out(&mut self, now: Now, order: MediaOrder) {
        match order {
            // Opened twice: a repeated order after a restore. The stream goes on.
            MediaOrder::Open(open) if self.plane.holds(open.stream) => {}
            MediaOrder::Open(open) => {
                if let Err(why) = self.open(now, &open) {
                    let Open { stream, rtp_port, .. } = open;
                    info!(%stream, port = rtp_port, %why, "stream not opened");
                    if why.kind() == io::ErrorKind::AddrInUse {
                        self.out.push(MediaEdge::Occupied { rtp_port });
                    }
                    self.fail(stream, why.to_string());
                }
            }
            MediaOrder::Close { stream } => {
                self.close(stream);
            }
            MediaOrder::Hear { stream, source } => {
                self.warn_of_unknown(&source);
                self.plane.order(now.mono, MediaOrder::Hear { stream, source });
            }
            MediaOrder::Hold { .. }
            | MediaOrder::Expect { .. }
            | MediaOrder::PressKey { .. }
            | MediaOrder::Record { .. } => self.plane.order(now.mono, order),
        }
    }

    fn open(&mut self, now: Now, open: &Open) -> io::Result<()> {
        self.parts.holds.release(open.rtp_port);
        let sockets = Sockets::bind(open)?;
        let slot = self.plane.open(now.mono, open).map_err(|refused| match refused {
            Refused::Full => io::Error::other("too many streams"),
            Refused::Exists => io::Error::from(io::ErrorKind::AlreadyExists),
        })?;
        let watched =
            [(Port::Rtp, &sockets.rtp), (Port::Rtcp, &sockets.rtcp)].map(|(port, socket)| {
                self.epoll.add(socket, EpollEvent::new(EpollFlags::EPOLLIN, token_of(slot, port)))
            });
        if let Some(why) = watched.into_iter().find_map(Result::err) {
            self.plane.close(open.stream);
            return Err(why.into()); // closing the sockets ends the watch
        }
        self.sockets.put(slot, sockets);
        Ok(())
    }

    /// Closes a stream; false when it is not there.
    fn close(&mut self, stream: StreamId) -> bool {
        let Some((slot, counters)) = self.plane.close(stream) else { return false };
        self.sockets.release(slot);
        lock(&self.parts.homes).remove(&stream);
        self.out.push(MediaEdge::Closed { stream, counters });
        true
    }

    fn fail(&mut self, stream: StreamId, why: String) {
        lock(&self.parts.homes).remove(&stream);
        self.out.push(MediaEdge::OpenFailed { stream, why });
    }

    fn warn_of_unknown(&mut self, source: &Source) {
        let Source::Clips { once, then, .. } = source else { return };
        for clip in once.iter().chain(then) {
            let unknown = self.parts.clips.clip(clip).is_none();
            if unknown && self.unknown.len() < UNKNOWN_MAX && self.unknown.insert(clip.clone()) {
                warn!(clip = &*clip.0, "unknown clip: silence instead");
            }
        }
    }
}

impl Bound {
    fn socket(&self, slot: Slot, port: Port) -> Option<&UdpSocket> {
        let sockets = self.0.get(usize::try_from(slot.0).ok()?)?.as_ref()?;
        Some(match port {
            Port::Rtp => &sockets.rtp,
            Port::Rtcp => &sockets.rtcp,
        })
    }

    fn put(&mut self, slot: Slot, sockets: Sockets) {
        let index = usize::try_from(slot.0).unwrap_or(usize::MAX);
        if self.0.len() <= index {
            self.0.resize_with(index + 1, || None);
        }
        if let Some(place) = self.0.get_mut(index) {
            *place = Some(sockets);
        }
    }

    /// Closing a socket also ends its watch.
    fn release(&mut self, slot: Slot) {
        let place = usize::try_from(slot.0).ok().and_then(|index| self.0.get_mut(index));
        if let Some(place) = place {
            *place = None;
        }
    }
}

impl Load {
    /// Whether to nap after this round.
    fn after_round(&mut self, now: Mono) -> bool {
        if now.since(self.since) >= BUSY_WINDOW {
            self.busy = self.packets >= BUSY_PACKETS;
            (self.since, self.packets) = (now, 0);
        }
        self.busy
    }
}

fn token_of(slot: Slot, port: Port) -> u64 {
    u64::from(slot.0) << 1 | u64::from(port == Port::Rtcp)
}

fn place_of(token: u64) -> (Slot, Port) {
    let slot = Slot(u32::try_from(token >> 1).unwrap_or(u32::MAX));
    (slot, if token & 1 == 1 { Port::Rtcp } else { Port::Rtp })
}
