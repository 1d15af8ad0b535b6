//! Tapes of streams: begun, turned to another party, taken down, ended.

use super::{Plane, Slot};
use crate::media::tape::{Block, NOBODY, Tape, Taping};
use crate::media::transcode::Tick;
use holdfast_base::{Mono, StreamId};

impl Plane {
    /// What the remotes of this stream and of another one say is taken down from now on, or not.
    pub(super) fn record(&mut self, now: Mono, stream: StreamId, tape: Option<Tape>) {
        let Some(seat) = self.seat_of(stream) else { return };
        let before = seat.taping.take().map(|taping| taping.with());
        seat.taping = tape.map(|tape| Box::new(Taping::new(now, tape)));
        let with = seat.taping.as_ref().map(|taping| taping.with());
        if let Some(with) = with {
            self.open_ear(stream);
            self.open_ear(with);
        }
        if let Some(before) = before {
            self.close_unused_ear(before);
            self.close_unused_ear(stream);
        }
    }

    /// Takes down what was said since the last time, if the stream has a tape.
    pub(super) fn take_down(&mut self, now: Mono, slot: Slot) {
        let Some(seat) = self.seat_mut(slot) else { return };
        let left = seat.stream.id();
        let Some(mut taping) = seat.taping.take() else { return };
        let (due, sides) = (taping.due(now), [left, taping.with()]);
        let heard = due.clone().map(|tick| self.heard_in(tick, sides));
        let block = taping.take_down(due.start, heard);
        self.taped.extend(block);
        if let Some(seat) = self.seat_mut(slot) {
            seat.taping = Some(taping);
        }
    }

    /// What two remotes say in a tick.
    fn heard_in(&mut self, tick: u64, sides: [StreamId; 2]) -> [Tick; 2] {
        let mut pair = NOBODY;
        for (place, stream) in pair.iter_mut().zip(sides) {
            let ear = self.seat_of(stream).and_then(|seat| seat.ear.as_mut());
            if let Some(ear) = ear {
                *place = *ear.at(tick);
            }
        }
        pair
    }

    /// What was taken down since the last call.
    pub fn taped(&mut self) -> Vec<Block> {
        std::mem::take(&mut self.taped)
    }
}
