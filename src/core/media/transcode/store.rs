//! Packets that came and are not played yet, by sequence number. It reorders, and forgets twice.

use super::coding::Coding;
use holdfast_wire::rtp::sequence_distance;

/// Most packets that wait: 640 ms of 20 ms each, more than anybody can talk over.
pub const PACKETS_MAX: u16 = 32;
/// Largest payload: 160 ms of G.711, and the largest frame of Opus (RFC 6716 §3.2.1: 1275 bytes
/// and a byte of description).
pub const PAYLOAD_BYTES_MAX: usize = 1280;

/// The packets that wait.
#[derive(Clone, Debug)]
pub struct Store {
    places: Vec<Place>,
}

#[derive(Clone, Debug)]
struct Place {
    /// The packet of this number, while it waits.
    waits: Option<(u16, Coding, usize)>,
    payload: [u8; PAYLOAD_BYTES_MAX],
}

impl Default for Store {
    fn default() -> Self {
        let empty = Place { waits: None, payload: [0; PAYLOAD_BYTES_MAX] };
        Self { places: vec![empty; usize::from(PACKETS_MAX)] }
    }
}

impl Store {
    /// Keeps a packet; one of the same number is there already, or was longer than any may be.
    pub fn put(&mut self, number: u16, coding: Coding, payload: &[u8]) {
        let Some(place) = self.places.get_mut(usize::from(number % PACKETS_MAX)) else { return };
        if let Some(room) = place.payload.get_mut(..payload.len()) {
            room.copy_from_slice(payload);
            place.waits = Some((number, coding, payload.len()));
        }
    }

    /// Hands over the packet of this number.
    pub fn take(&mut self, number: u16) -> Option<(Coding, &[u8])> {
        let place = self.places.get_mut(usize::from(number % PACKETS_MAX))?;
        let (_, coding, length) = place.waits.take_if(|(waits, ..)| *waits == number)?;
        Some((coding, place.payload.get(..length)?))
    }

    /// The payload of the packet of this number, which stays.
    pub fn peek(&self, number: u16) -> Option<&[u8]> {
        let place = self.places.get(usize::from(number % PACKETS_MAX))?;
        let (_, _, length) = place.waits.filter(|(waits, ..)| *waits == number)?;
        place.payload.get(..length)
    }

    /// How far the nearest waiting packet lies after this number; 0 for itself.
    pub fn ahead_of(&self, number: u16) -> Option<u16> {
        let numbers = self.places.iter().filter_map(|place| place.waits.map(|(waits, ..)| waits));
        let ahead = numbers.map(|waits| sequence_distance(number, waits));
        ahead.filter_map(|ahead| u16::try_from(ahead).ok()).min()
    }

    /// How many packets wait.
    pub fn len(&self) -> u16 {
        let waiting = self.places.iter().filter(|place| place.waits.is_some()).count();
        u16::try_from(waiting).unwrap_or(PACKETS_MAX)
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.places.iter_mut().for_each(|place| place.waits = None);
    }
}
