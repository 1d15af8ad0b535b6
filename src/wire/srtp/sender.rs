//! What we send: every packet under an index that was never used with our key.

use super::cipher::{Cipher, Packet};
use super::index::{Window, nearest};
use super::key::MasterKey;
use super::{LIFETIME_PACKETS, REPORT_HEADER_BYTES};
use crate::rtp::header::Header;

/// Most sources of ours under one key. A stream has one for its whole life; none is ever
/// forgotten, since its indices would be used again.
const SOURCES_MAX: usize = 4;

/// Why a packet was not protected. It must not be sent then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotSent {
    /// It is no RTP, or no RTCP.
    Malformed,
    /// The tag does not fit behind it.
    NoRoom,
    /// Its index was used, or may have been: it is a duplicate, or later than the window is long.
    Reused,
    /// The key has protected all that it may; the session needs another one (RFC 3711 §9.2).
    Exhausted,
    /// More sources than one key serves here.
    TooManySources,
}

/// Our direction of a session, under one master key.
pub struct Sender {
    rtp: Cipher,
    rtcp: Cipher,
    sources: Vec<Sent>,
    packets_left: u64,
}

/// One source of ours.
struct Sent {
    ssrc: u32,
    packets: Option<Window>,
    next_report: u32,
}

impl Sender {
    /// Begins with a key that has protected nothing yet.
    #[must_use]
    pub fn new(master: &MasterKey) -> Self {
        let (rtp, rtcp) = Cipher::pair(master);
        Self { rtp, rtcp, sources: Vec::with_capacity(1), packets_left: LIFETIME_PACKETS }
    }

    /// Protects the RTP packet in the first `length` bytes of `room`; returns its new length.
    ///
    /// # Errors
    /// [`NotSent`]; the bytes are of no use then.
    pub fn protect(&mut self, room: &mut [u8], length: usize) -> Result<usize, NotSent> {
        let plain = room.get(..length).ok_or(NotSent::NoRoom)?;
        let front = Header::front(plain).map_err(|_| NotSent::Malformed)?;
        let (ssrc, sequence) = (front.fields.ssrc, front.fields.sequence);
        if self.packets_left == 0 {
            return Err(NotSent::Exhausted);
        }
        let source = source_of(&mut self.sources, ssrc)?;
        let index = match &source.packets {
            None => u64::from(sequence),
            Some(window) => nearest(window.highest(), sequence)
                .filter(|index| window.is_new(*index))
                .ok_or(NotSent::Reused)?,
        };
        let packet = Packet { start: front.payload_from, ssrc, index };
        let length = self.rtp.seal(room, length, packet).ok_or(NotSent::NoRoom)?;
        match &mut source.packets {
            None => source.packets = Some(Window::starting(index)),
            Some(window) => window.note(index),
        }
        self.packets_left -= 1;
        Ok(length)
    }

    /// Protects the RTCP compound in the first `length` bytes of `room`; returns its new length.
    ///
    /// # Errors
    /// [`NotSent`]; the bytes are of no use then.
    pub fn protect_report(&mut self, room: &mut [u8], length: usize) -> Result<usize, NotSent> {
        let plain = room.get(..length).ok_or(NotSent::NoRoom)?;
        let ssrc = report_ssrc(plain).ok_or(NotSent::Malformed)?;
        let source = source_of(&mut self.sources, ssrc)?;
        let index = u64::from(source.next_report);
        if index >= LIFETIME_PACKETS {
            return Err(NotSent::Exhausted);
        }
        let packet = Packet { start: REPORT_HEADER_BYTES, ssrc, index };
        let length = self.rtcp.seal_report(room, length, packet).ok_or(NotSent::NoRoom)?;
        source.next_report += 1;
        Ok(length)
    }

    /// Ends the life of the key, for tests of what follows.
    #[cfg(test)]
    pub(super) const fn exhaust(&mut self) {
        self.packets_left = 0;
    }

    /// The ciphers of a test vector, whose session keys come from nowhere.
    #[cfg(test)]
    pub(super) const fn of_ciphers(rtp: Cipher, rtcp: Cipher) -> Self {
        Self { rtp, rtcp, sources: Vec::new(), packets_left: LIFETIME_PACKETS }
    }

    /// The index of the next report of a source, for a test vector.
    #[cfg(test)]
    pub(super) fn next_report(&mut self, ssrc: u32, index: u32) {
        source_of(&mut self.sources, ssrc).unwrap().next_report = index;
    }
}

/// The source of a report: that of its first part (RFC 3711 §3.4).
pub(super) fn report_ssrc(report: &[u8]) -> Option<u32> {
    let [_, _, _, _, ssrc @ ..] = report.first_chunk::<REPORT_HEADER_BYTES>()?;
    Some(u32::from_be_bytes(*ssrc))
}

fn source_of(sources: &mut Vec<Sent>, ssrc: u32) -> Result<&mut Sent, NotSent> {
    let place = match sources.iter().position(|source| source.ssrc == ssrc) {
        Some(place) => place,
        None if sources.len() < SOURCES_MAX => {
            sources.push(Sent { ssrc, packets: None, next_report: 0 });
            sources.len() - 1
        }
        None => return Err(NotSent::TooManySources),
    };
    sources.get_mut(place).ok_or(NotSent::TooManySources)
}
