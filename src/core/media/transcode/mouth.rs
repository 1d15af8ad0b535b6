//! Samples as packets of the codec that one remote takes.

use super::coding::Coding;
use super::resample::{Down, Up};
use super::{RATE, TICK_MS, TICK_SAMPLES, Tick};
use holdfast_wire::g711::Law;
use holdfast_wire::g722;
use opus_pure::{Application, OpusEncoder};
use std::fmt;

/// Most ticks of a packet that we make: 60 ms.
pub const TICKS_MAX: usize = 6;
/// What we spend on Opus. In mono at 16 kHz, 24 kbit/s is what it takes for speech to be
/// transparent (RFC 7587 §3.1.1 gives 16 to 20 kbit/s for wideband speech), and what the next
/// party hears has mostly been coded before.
const OPUS_BITS_PER_SECOND: i32 = 24_000;
/// How hard the encoder searches, 0 to 10. The first step costs a third of the fifth, and what
/// that would gain is lost in an 8 kHz leg.
const OPUS_COMPLEXITY: i32 = 1;

/// The encoder of one remote.
pub struct Mouth {
    encoder: Encoder,
    /// For clips, which are kept at 8 kHz.
    widened: Up,
    samples: [i16; TICKS_MAX * TICK_SAMPLES],
}

enum Encoder {
    Law(Law, Box<Down>),
    G722(Box<g722::Encoder>),
    Opus(Box<OpusEncoder>),
}

impl Mouth {
    /// A mouth that speaks this coding.
    #[must_use]
    pub fn new(coding: Coding) -> Option<Self> {
        let encoder = match coding {
            Coding::Law(law) => Encoder::Law(law, Box::default()),
            Coding::G722 => Encoder::G722(Box::default()),
            Coding::Opus => Encoder::Opus(Box::new(opus()?)),
        };
        Some(Self { encoder, widened: Up::default(), samples: [0; TICKS_MAX * TICK_SAMPLES] })
    }

    /// What it speaks.
    #[must_use]
    pub const fn coding(&self) -> Coding {
        match self.encoder {
            Encoder::Law(law, _) => Coding::Law(law),
            Encoder::G722(_) => Coding::G722,
            Encoder::Opus(_) => Coding::Opus,
        }
    }

    /// How many ticks it puts into a packet where the remote wants `ptime_ms`: what fits, and of
    /// Opus what it has a frame for (RFC 6716 §2.1.4: 10, 20, 40 and 60 ms).
    #[must_use]
    pub fn ticks(&self, ptime_ms: u16) -> usize {
        let wanted = usize::from(ptime_ms / TICK_MS).clamp(1, TICKS_MAX);
        match (&self.encoder, wanted) {
            (Encoder::Opus(_), 3 | 5) => wanted - 1,
            (Encoder::Law(..) | Encoder::G722(_) | Encoder::Opus(_), _) => wanted,
        }
    }

    /// Encodes ticks to the front of `room`; returns how many bytes. None when the room is too
    /// small, or these are more ticks than a packet may have.
    pub fn speak<'a>(
        &mut self,
        ticks: impl Iterator<Item = &'a Tick>,
        room: &mut [u8],
    ) -> Option<usize> {
        let mut count = 0;
        for tick in ticks {
            self.samples.get_mut(count..count + TICK_SAMPLES)?.copy_from_slice(tick);
            count += TICK_SAMPLES;
        }
        self.encode(count, room)
    }

    /// Encodes what is G.711 to the front of `room`, as [`Self::speak`].
    pub fn speak_narrow(&mut self, law: Law, narrow: &[u8], room: &mut [u8]) -> Option<usize> {
        let samples = self.samples.get_mut(..2 * narrow.len())?;
        let count = self.widened.resample(narrow.iter().map(|byte| law.decode(*byte)), samples);
        self.encode(count, room)
    }

    fn encode(&mut self, count: usize, room: &mut [u8]) -> Option<usize> {
        let samples = self.samples.get(..count)?;
        match &mut self.encoder {
            Encoder::Law(law, down) => {
                let mut places = room.get_mut(..count / 2)?.iter_mut();
                down.resample(samples, |sample| {
                    if let Some(place) = places.next() {
                        *place = law.encode(sample);
                    }
                });
                Some(count / 2)
            }
            Encoder::G722(encoder) => {
                let room = room.get_mut(..count / g722::SAMPLES_PER_BYTE)?;
                Some(encoder.encode(samples, room))
            }
            Encoder::Opus(encoder) => encoder.encode_s16(samples, count, room).ok(),
        }
    }
}

/// None only for a rate or a number of channels that do not exist.
fn opus() -> Option<OpusEncoder> {
    let mut encoder = OpusEncoder::new(RATE.cast_signed(), 1, Application::Voip).ok()?;
    encoder.bitrate_bps = OPUS_BITS_PER_SECOND;
    encoder.complexity = OPUS_COMPLEXITY;
    Some(encoder)
}

impl fmt::Debug for Mouth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mouth").field("coding", &self.coding()).finish_non_exhaustive()
    }
}
