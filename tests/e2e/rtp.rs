//! RTP by hand: an ear that keeps every packet, a mouth that sends a tone.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::lab::until;
use crate::tone;

/// Samples of a packet: 20 ms at 8000 Hz.
pub const PACKET_SAMPLES: usize = 160;
/// The same as time.
const PACKET_TIME: Duration = Duration::from_millis(20);
/// RTP's fixed header (RFC 3550 §5.1).
const HEADER_BYTES: usize = 12;
/// How long the ear sleeps before it looks whether it is still needed.
const READ_TIMEOUT: Duration = Duration::from_millis(50);

/// One packet that arrived.
#[derive(Clone, Debug)]
pub struct Packet {
    pub from: SocketAddr,
    pub payload_type: u8,
    pub sequence: u16,
    pub timestamp: u32,
    pub ssrc: u32,
    pub payload: Vec<u8>,
}

impl Packet {
    fn parse(from: SocketAddr, bytes: &[u8]) -> Option<Self> {
        let (header, payload) = bytes.split_at_checked(HEADER_BYTES)?;
        let plain = header[0] == 0x80; // version 2, no padding, extension or contributors
        let rtcp = (192..=223).contains(&header[1]); // RFC 5761 §4
        (plain && !rtcp).then(|| Self {
            from,
            payload_type: header[1] & 0x7f,
            sequence: u16::from_be_bytes([header[2], header[3]]),
            timestamp: u32::from_be_bytes([header[4], header[5], header[6], header[7]]),
            ssrc: u32::from_be_bytes([header[8], header[9], header[10], header[11]]),
            payload: payload.to_vec(),
        })
    }

    /// Whether it is G.711 audio.
    pub fn is_audio(&self) -> bool {
        matches!(self.payload_type, 0 | 8)
    }

    /// Its audio as linear samples.
    pub fn samples(&self) -> Vec<i16> {
        let decode = if self.payload_type == 0 { tone::from_mu_law } else { tone::from_a_law };
        self.payload.iter().copied().map(decode).collect()
    }
}

/// The linear audio of packets in a row.
pub fn samples(packets: &[Packet]) -> Vec<i16> {
    packets.iter().filter(|packet| packet.is_audio()).flat_map(Packet::samples).collect()
}

/// An RTP socket that hears, and speaks when asked to.
pub struct Ear {
    socket: UdpSocket,
    heard: Arc<Mutex<Vec<Packet>>>,
    needed: Arc<AtomicBool>,
}

impl Ear {
    pub fn new(ip: Ipv4Addr) -> Self {
        // An even port, as RTP has (RFC 3550 §11).
        let socket = until("a free even port", || {
            let socket = UdpSocket::bind((ip, 0)).ok()?;
            socket.local_addr().ok()?.port().is_multiple_of(2).then_some(socket)
        });
        let heard: Arc<Mutex<Vec<Packet>>> = Arc::default();
        let needed = Arc::new(AtomicBool::new(true));
        let (ear, kept, needs) =
            (socket.try_clone().expect("a socket"), heard.clone(), needed.clone());
        ear.set_read_timeout(Some(READ_TIMEOUT)).expect("a timeout");
        thread::spawn(move || {
            let mut bytes = [0; 2048];
            while needs.load(Ordering::Relaxed) {
                let Ok((count, from)) = ear.recv_from(&mut bytes) else { continue };
                let packet = Packet::parse(from, &bytes[..count]);
                kept.lock().expect("packets").extend(packet);
            }
        });
        Self { socket, heard, needed }
    }

    pub fn address(&self) -> SocketAddr {
        self.socket.local_addr().expect("an address")
    }

    /// How many packets came so far.
    pub fn count(&self) -> usize {
        self.heard.lock().expect("packets").len()
    }

    /// Waits for `count` packets beyond the first `after`, and gives those.
    pub fn packets(&self, after: usize, count: usize) -> Vec<Packet> {
        until("enough RTP packets", || {
            let heard = self.heard.lock().expect("packets");
            heard.get(after..after + count).map(<[Packet]>::to_vec)
        })
    }

    /// Waits for `count` packets from now on, and gives them.
    pub fn next_packets(&self, count: usize) -> Vec<Packet> {
        self.packets(self.count(), count)
    }

    /// Speaks a tone to `to` until the mouth is dropped.
    pub fn speak(&self, to: SocketAddr, hertz: f64) -> Mouth {
        let socket = self.socket.try_clone().expect("a socket");
        let speaks = Arc::new(AtomicBool::new(true));
        let goes_on = speaks.clone();
        let thread = thread::spawn(move || {
            let start = Instant::now();
            let mut sent: u16 = 0;
            while goes_on.load(Ordering::Relaxed) {
                let first = usize::from(sent) * PACKET_SAMPLES;
                let audio = (first..first + PACKET_SAMPLES).map(|at| tone::sine(hertz, at));
                let ticks = u32::from(sent) * PACKET_SAMPLES as u32;
                let mut packet = vec![0x80, 8];
                packet.extend(sent.to_be_bytes());
                packet.extend(ticks.to_be_bytes());
                packet.extend(0x0e2e_u32.to_be_bytes());
                packet.extend(audio.map(tone::to_a_law));
                drop(socket.send_to(&packet, to)); // refused while the box is down
                sent = sent.wrapping_add(1);
                let due = start + PACKET_TIME * u32::from(sent);
                thread::sleep(due.saturating_duration_since(Instant::now()));
            }
        });
        Mouth { speaks, thread: Some(thread) }
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        self.needed.store(false, Ordering::Relaxed);
    }
}

/// Speaks until it is dropped.
pub struct Mouth {
    speaks: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Mouth {
    fn drop(&mut self) {
        self.speaks.store(false, Ordering::Relaxed);
        drop(self.thread.take().map(JoinHandle::join));
    }
}

/// Checks that packets are one stream without a gap: one source, one format, and each 20 ms after
/// the one before by its own clock.
pub fn assert_steady(packets: &[Packet]) {
    for pair in packets.windows(2) {
        let (before, after) = (&pair[0], &pair[1]);
        assert_eq!((before.from, before.ssrc), (after.from, after.ssrc), "another source");
        assert_eq!(before.payload_type, after.payload_type, "another format");
        assert_eq!(after.sequence.wrapping_sub(before.sequence), 1, "a gap in the sequence");
        let ticks = after.timestamp.wrapping_sub(before.timestamp);
        assert_eq!(ticks as usize, PACKET_SAMPLES, "not 20 ms on");
        assert_eq!(after.payload.len(), PACKET_SAMPLES, "not 20 ms long");
    }
}
