//! Ears where somebody hears a stream decoded, and the sum of what they hear.

use super::{Plane, Seat, Slot};
use crate::media::order::BESIDE_MAX;
use crate::media::transcode::mouth::TICKS_MAX;
use crate::media::transcode::{SILENCE, Tick, add};
use holdfast_base::{Mono, StreamId};
use std::net::SocketAddr;

impl Plane {
    /// Whether somebody hears this stream decoded.
    pub(super) fn is_mixed(&self, speaker: StreamId) -> bool {
        self.seated().any(|(_, seat)| {
            let taped = seat.taping.as_ref();
            let sides = taped.map(|taping| [seat.stream.id(), taping.with()]);
            seat.stream.mixes().chain(sides.into_iter().flatten()).any(|heard| heard == speaker)
        })
    }

    /// Somebody hears this stream decoded from now on.
    pub(super) fn open_ear(&mut self, speaker: StreamId) {
        if let Some(seat) = self.seat_of(speaker) {
            seat.ear.get_or_insert_default();
        }
    }

    /// Somebody does not hear this stream decoded any more, and perhaps nobody does.
    pub(super) fn close_unused_ear(&mut self, speaker: StreamId) {
        if self.is_mixed(speaker) {
            return;
        }
        if let Some(seat) = self.seat_of(speaker) {
            seat.ear = None;
        }
    }

    /// Makes the packet of a stream that is due.
    pub(super) fn pace(
        &mut self,
        now: Mono,
        slot: Slot,
        packet: &mut [u8],
    ) -> Option<(SocketAddr, usize)> {
        let Some(wanted) = self.seat_mut(slot)?.stream.wanted(now) else {
            return self.seat_mut(slot)?.stream.pace(now, None, packet);
        };
        let mut sum = [SILENCE; TICKS_MAX];
        let sum = sum.get_mut(..wanted.count)?;
        let mut spoken = false;
        for place in 0..=BESIDE_MAX {
            let speaker = self.seat_mut(slot)?.stream.mixes().nth(place);
            let Some(speaker) = speaker else { break };
            let ear = self.seat_of(speaker).and_then(|seat| seat.ear.as_mut());
            let Some(ear) = ear else { continue };
            for (number, tick) in (wanted.first..).zip(sum.iter_mut()) {
                add(tick, ear.at(number));
            }
            spoken |= ear.is_heard();
        }
        let mixed: Option<&[Tick]> = if spoken { Some(sum) } else { None };
        self.seat_mut(slot)?.stream.pace(now, mixed, packet)
    }

    pub(super) fn seat_of(&mut self, stream: StreamId) -> Option<&mut Seat> {
        let slot = *self.places.get(&stream)?;
        self.seat_mut(slot)
    }
}
