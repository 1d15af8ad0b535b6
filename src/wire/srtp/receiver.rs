//! What the peer sends: opened when it is authentic and new, else refused without a trace.
//!
//! What was heard is not written down: after a restart a packet of before passes as new, once. It
//! must not keep those out that are: the counters beyond it are tried as well.

use super::REPORT_HEADER_BYTES;
use super::cipher::{Cipher, Packet};
use super::index::{Window, nearest};
use super::key::MasterKey;
use super::sender::report_ssrc;
use crate::rtp::DATAGRAM_BYTES_MAX;
use crate::rtp::header::Header;
use std::ops::Range;

/// Most sources that are remembered under one key. A peer gets a new one at a transfer, on hold, or
/// when its media server changes; the one unheard for longest makes room for the next.
pub const SOURCES_MAX: usize = 16;
/// A sequence number within this distance of the newest means what it seems to mean. Further away
/// the rollover counter may have moved while nothing arrived, and those behind it are tried too.
const NEAR: u64 = 64;
/// Bits of the index that a packet carries.
const SEQUENCE_BITS: u32 = 16;
/// Rollover counters that there are (RFC 3711 §3.3.1).
const ROLLOVERS: u64 = 1 << 32;
/// Rollover counters that are tried for the first packet under a key, and for one far from what was
/// heard: more than five hours of a call. An attempt costs some 0.4 µs, less than reading the
/// datagram.
const LATE_ROLLOVERS: u64 = 16;

/// Why a packet is not for anybody's ears. Nothing has changed because of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It is no RTP, or no RTCP, or too short for its tag.
    Malformed,
    /// Its tag does not fit: forged, damaged, or of another key.
    Forged,
    /// It came before, or is older than what is remembered.
    Replayed,
}

/// The peer's direction of a session, under one master key.
pub struct Receiver {
    rtp: Cipher,
    rtcp: Cipher,
    /// Lengths of the master key identifier behind a packet, likeliest first.
    mki: Identifier,
    sources: Vec<Heard>,
    /// Counts authentic packets, to know which source was heard last.
    now: u64,
}

/// Whether packets carry a master key identifier (RFC 3711 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Identifier {
    /// None was announced.
    Never,
    /// One of this many bytes was announced, and the last authentic packet had it.
    Present(u8),
    /// One of this many bytes was announced, and the last authentic packet had none.
    Missing(u8),
}

/// One source of the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Heard {
    ssrc: u32,
    packets: Option<Window>,
    reports: Option<Window>,
    last: u64,
}

impl Receiver {
    /// Begins with a key under which nothing was heard. `mki_bytes` is the announced length of the
    /// master key identifier, 0 for none; a peer that announces one and sends none is heard too.
    #[must_use]
    pub fn new(master: &MasterKey, mki_bytes: u8) -> Self {
        let (rtp, rtcp) = Cipher::pair(master);
        let mki = if mki_bytes == 0 { Identifier::Never } else { Identifier::Present(mki_bytes) };
        Self { rtp, rtcp, mki, sources: Vec::with_capacity(1), now: 0 }
    }

    /// Opens an RTP packet in place; returns the length of the packet it was.
    ///
    /// # Errors
    /// [`Refused`]; the bytes are of no use then.
    pub fn unprotect(&mut self, bytes: &mut [u8]) -> Result<usize, Refused> {
        let front = Header::front(bytes).map_err(|_| Refused::Malformed)?;
        let (start, ssrc) = (front.payload_from, front.fields.ssrc);
        let known = self.sources.iter().find(|source| source.ssrc == ssrc);
        let window = known.and_then(|source| source.packets);
        let sequence = front.fields.sequence;
        let (guess, rollovers) = self.candidates(window, sequence);
        let is_new = |index: &u64| window.is_none_or(|window| window.is_new(*index));
        let seen = guess.is_some_and(|index| !is_new(&index));
        let why = if seen { Refused::Replayed } else { Refused::Forged };
        let further = rollovers.map(|rollover| indexed(rollover, sequence));
        let mut fresh = guess.into_iter().chain(further).filter(is_new).peekable();
        let mut kept = Kept::None;
        while let Some(index) = fresh.next() {
            for (mki, more) in self.mki.lengths() {
                let last = !more && fresh.peek().is_none();
                kept.before(&self.rtp, bytes, last);
                let packet = Packet { start, ssrc, index };
                if let Some(length) = self.rtp.open(bytes, packet, mki.into()) {
                    self.mki.note(mki);
                    let heard = self.heard_mut(ssrc);
                    match &mut heard.packets {
                        None => heard.packets = Some(Window::starting(index)),
                        Some(window) => window.note(index),
                    }
                    return Ok(length);
                }
            }
        }
        Err(why)
    }

    /// The indices that a sequence number may mean, likeliest first.
    ///
    /// A source begins at rollover counter 0 (RFC 3711 §3.3.1); its beginning may have been lost,
    /// and there are peers that keep the counter when they change the source. Of a key under which
    /// nothing was heard yet, any counter may be in use: the call may have been going on elsewhere,
    /// or in this box before its restart. A known source may have gone on while nothing arrived.
    fn candidates(&self, window: Option<Window>, sequence: u16) -> (Option<u64>, Range<u64>) {
        let Some(window) = window else {
            return match self.rollover_of_others() {
                None => (None, 0..LATE_ROLLOVERS),
                Some(other) => (Some(indexed(other, sequence)), 0..2),
            };
        };
        match nearest(window.highest(), sequence) {
            Some(index) if index.abs_diff(window.highest()) <= NEAR => (Some(index), 0..0),
            Some(index) => {
                let next = (index >> SEQUENCE_BITS) + 1;
                (Some(index), next..ROLLOVERS.min(next + LATE_ROLLOVERS))
            }
            None => (None, 0..1),
        }
    }

    /// The rollover counter of the source that was heard last.
    fn rollover_of_others(&self) -> Option<u64> {
        let heard = self.sources.iter().filter(|source| source.packets.is_some());
        let last = heard.max_by_key(|source| source.last)?;
        Some(last.packets?.highest() >> SEQUENCE_BITS)
    }

    /// Opens an RTCP compound in place; returns the length of the compound it was.
    ///
    /// # Errors
    /// [`Refused`]; the bytes are of no use then.
    pub fn unprotect_report(&mut self, bytes: &mut [u8]) -> Result<usize, Refused> {
        let ssrc = report_ssrc(bytes).ok_or(Refused::Malformed)?;
        let known = self.sources.iter().find(|source| source.ssrc == ssrc);
        let window = known.and_then(|source| source.reports);
        let (mut kept, mut why) = (Kept::None, Refused::Malformed);
        for (mki, more) in self.mki.lengths() {
            kept.before(&self.rtcp, bytes, !more);
            let Some((index, encrypted)) = self.rtcp.report_index(bytes, mki.into()) else {
                continue;
            };
            if window.is_some_and(|window| !window.is_new(index)) {
                why = Refused::Replayed;
                continue;
            }
            why = Refused::Forged;
            let packet = Packet { start: REPORT_HEADER_BYTES, ssrc, index };
            if let Some(length) = self.rtcp.open_report(bytes, (packet, encrypted), mki.into()) {
                self.mki.note(mki);
                let heard = self.heard_mut(ssrc);
                match &mut heard.reports {
                    None => heard.reports = Some(Window::starting(index)),
                    Some(window) => window.note(index),
                }
                return Ok(length);
            }
        }
        Err(why)
    }

    /// The source, which has just proved to be the peer's. Allocates only while there are fewer
    /// than [`SOURCES_MAX`].
    fn heard_mut(&mut self, ssrc: u32) -> &mut Heard {
        self.now += 1;
        let last = self.now;
        let fresh = Heard { ssrc, packets: None, reports: None, last };
        let known = self.sources.iter().position(|source| source.ssrc == ssrc);
        let place = match known {
            Some(place) => place,
            None if self.sources.len() < SOURCES_MAX => {
                self.sources.push(fresh);
                self.sources.len() - 1
            }
            None => {
                let places = self.sources.iter_mut().enumerate();
                let oldest = places.min_by_key(|(_, source)| source.last);
                oldest.map_or(0, |(place, source)| {
                    *source = fresh;
                    place
                })
            }
        };
        #[expect(clippy::indexing_slicing, reason = "the place was found or made just above")]
        let heard = &mut self.sources[place];
        heard.last = last;
        heard
    }

    /// The sources that are remembered, and their highest indices.
    #[cfg(test)]
    pub(super) fn sources_heard(&self) -> std::collections::BTreeMap<u32, Option<u64>> {
        let highest = |heard: &Heard| heard.packets.map(|window| window.highest());
        self.sources.iter().map(|source| (source.ssrc, highest(source))).collect()
    }

    /// The ciphers of a test vector, whose session keys come from nowhere.
    #[cfg(test)]
    pub(super) const fn of_ciphers(rtp: Cipher, rtcp: Cipher) -> Self {
        Self { rtp, rtcp, mki: Identifier::Never, sources: Vec::new(), now: 0 }
    }
}

/// The index of a sequence number under a rollover counter.
fn indexed(rollover: u64, sequence: u16) -> u64 {
    rollover << SEQUENCE_BITS | u64::from(sequence)
}

impl Identifier {
    /// The lengths to try, likeliest first, and whether another one follows.
    fn lengths(self) -> impl Iterator<Item = (u8, bool)> {
        let (first, second) = match self {
            Self::Never => (0, None),
            Self::Present(bytes) => (bytes, Some(0)),
            Self::Missing(bytes) => (0, Some(bytes)),
        };
        std::iter::once((first, second.is_some())).chain(second.map(|bytes| (bytes, false)))
    }

    const fn note(&mut self, bytes: u8) {
        *self = match *self {
            Self::Never => Self::Never,
            Self::Present(announced) | Self::Missing(announced) if bytes == 0 => {
                Self::Missing(announced)
            }
            Self::Present(announced) | Self::Missing(announced) => Self::Present(announced),
        };
    }
}

/// The bytes of a packet while there is more than one way to open it and the cipher spoils them.
#[expect(clippy::large_enum_variant, reason = "lives on the stack of one call")]
enum Kept {
    None,
    Some([u8; DATAGRAM_BYTES_MAX]),
}

impl Kept {
    /// Before an attempt: keeps the bytes, or brings them back after one that failed.
    fn before(&mut self, cipher: &Cipher, bytes: &mut [u8], last: bool) {
        match self {
            Self::None if last || !cipher.spoils() => {}
            Self::None => {
                let mut kept = [0; DATAGRAM_BYTES_MAX];
                kept.iter_mut().zip(&*bytes).for_each(|(kept, byte)| *kept = *byte);
                *self = Self::Some(kept);
            }
            Self::Some(kept) => {
                bytes.iter_mut().zip(&*kept).for_each(|(byte, kept)| *byte = *kept);
            }
        }
    }
}
