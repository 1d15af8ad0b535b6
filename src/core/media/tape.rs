//! What two who talk say to each other, side by side, for a recorder.
//!
//! A stream may have a tape ([`crate::media::order::MediaOrder::Record`]): what its remote says
//! goes to the left, and what the other one says to the right, as the ears of both hear it. Tapes
//! are taken down at the sweep, ten times a second, so that they cost no deadlines. What nobody
//! says is silence of its length; music, clips and a supervisor are not on a tape.

use super::transcode::resample::Down;
use super::transcode::{SILENCE, TICK_SAMPLES, Tick, tick_at};
use holdfast_base::{AgentName, CallId, Mono, QueueName, RecordingId, StreamId, Wall};
use holdfast_wire::g711::Law;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

use crate::record::event::Subject;

/// Bytes of a tick on a tape: 8000 samples a second of each side in A-law, left first.
pub const TICK_BYTES: usize = TICK_SAMPLES;
/// Most ticks of a block: those that an ear keeps. After a longer stall the rest is silence.
const BLOCK_TICKS_MAX: u64 = 16;

/// What is taken down, and as what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tape {
    /// The stream whose remote is to the right.
    pub with: StreamId,
    /// What the recording is of.
    pub label: Arc<Label>,
}

/// What a recording is of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    /// Its name.
    pub recording: RecordingId,
    /// The call.
    pub call: CallId,
    /// The queue that has made the conversation.
    pub queue: QueueName,
    /// The agent who talks.
    pub agent: Option<AgentName>,
    /// The caller, under whose key it is kept.
    pub caller: Subject,
    /// When it began.
    pub began: Wall,
}

/// A piece of a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Of which.
    pub label: Arc<Label>,
    /// The number of its first tick. What lies between blocks is silence.
    pub first: u64,
    /// The samples, [`TICK_BYTES`] a tick.
    pub samples: Vec<u8>,
}

/// A tape that runs.
#[derive(Debug)]
pub struct Taping {
    tape: Tape,
    next: u64,
    sides: [Down; 2],
}

impl Taping {
    /// A tape that begins now.
    #[must_use]
    pub fn new(now: Mono, tape: Tape) -> Self {
        Self { tape, next: tick_at(now), sides: Default::default() }
    }

    /// The stream to the right.
    #[must_use]
    pub const fn with(&self) -> StreamId {
        self.tape.with
    }

    /// The ticks that have passed and are not taken down yet.
    #[must_use]
    pub fn due(&self, now: Mono) -> std::ops::Range<u64> {
        let end = tick_at(now);
        self.next.max(end.saturating_sub(BLOCK_TICKS_MAX))..end
    }

    /// Takes down the next ticks, of which the first has this number: each with both sides.
    pub fn take_down(
        &mut self,
        first: u64,
        ticks: impl Iterator<Item = [Tick; 2]>,
    ) -> Option<Block> {
        let mut samples = Vec::new();
        let mut count = 0;
        for pair in ticks {
            let start = samples.len();
            samples.resize(start + TICK_BYTES, Law::A.encode(0));
            for (side, (down, tick)) in self.sides.iter_mut().zip(&pair).enumerate() {
                let places = samples.iter_mut().skip(start + side).step_by(2);
                let mut places = places.into_iter();
                down.resample(tick, |sample| {
                    if let Some(place) = places.next() {
                        *place = Law::A.encode(sample);
                    }
                });
            }
            count += 1;
        }
        self.next = first + count;
        let label = Arc::clone(&self.tape.label);
        (count > 0).then_some(Block { label, first, samples })
    }
}

/// Nothing on either side.
pub const NOBODY: [Tick; 2] = [SILENCE; 2];

#[cfg(test)]
pub(crate) fn label() -> Arc<Label> {
    Arc::new(Label {
        recording: RecordingId(9),
        call: CallId(1),
        queue: QueueName::new("sales"),
        agent: Some(AgentName::new("anna")),
        caller: Subject("+491715550123".to_owned()),
        began: Wall::from_micros(1_700_000_000_000_000),
    })
}

#[cfg(test)]
mod tests {
    use super::{TICK_BYTES, Tape, Taping, Tick, label};
    use holdfast_base::{Mono, StreamId};
    use holdfast_wire::g711::Law;
    use std::time::Duration;

    #[test]
    fn each_side_has_its_own_samples_in_time() {
        let begin = Mono::from_micros(10_000_000);
        let mut taping = Taping::new(begin, Tape { with: StreamId(2), label: label() });
        assert!(taping.due(begin).is_empty());
        let due = taping.due(begin + Duration::from_millis(100));
        assert_eq!((due.start, due.end), (1000, 1010));
        let loud: [Tick; 2] = [[4000; 160], [-1000; 160]];
        let block = taping.take_down(due.start, due.map(|_| loud)).unwrap();
        assert_eq!((block.first, block.samples.len()), (1000, 10 * TICK_BYTES));
        let last = |side: usize| Law::A.decode(block.samples[10 * TICK_BYTES - 2 + side]);
        assert!((last(0) - 4000).abs() < 200 && (last(1) + 1000).abs() < 60);
        let later = taping.due(begin + Duration::from_millis(120));
        assert_eq!((later.start, later.end), (1010, 1012));
        let after_a_stall = taping.due(begin + Duration::from_secs(10));
        assert_eq!(after_a_stall, 1984..2000);
        assert_eq!(taping.take_down(2000, std::iter::empty()), None);
    }
}
