//! The encodings that the box can take apart and put together itself, and their decoders.

use super::RATE;
use super::resample::Up;
use crate::media::order::Encoding;
use holdfast_wire::g711::Law;
use holdfast_wire::g722;
use opus_pure::OpusDecoder;
use std::fmt;

/// Longest packet of Opus, in samples: 120 ms (RFC 6716 §3.2.5).
const OPUS_SAMPLES_MAX: usize = 1920;
const _: () = assert!(RATE == g722::SAMPLES_PER_SECOND);

/// An encoding of which samples can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// G.711.
    Law(Law),
    /// G.722.
    G722,
    /// Opus.
    Opus,
}

impl Coding {
    /// The coding of an encoding that is understood here.
    #[must_use]
    pub const fn of(encoding: Encoding) -> Option<Self> {
        match encoding {
            Encoding::Pcma => Some(Self::Law(Law::A)),
            Encoding::Pcmu => Some(Self::Law(Law::Mu)),
            Encoding::G722 => Some(Self::G722),
            Encoding::Opus => Some(Self::Opus),
            Encoding::Opaque(_) => None,
        }
    }
}

/// A decoder of each kind for one remote, which may change between the codecs that it agreed to.
/// The one of Opus is made when its first packet comes: it takes 150 kB.
#[derive(Default)]
pub struct Decoders {
    narrow: Up,
    g722: g722::Decoder,
    opus: Option<Box<OpusDecoder>>,
    /// Whether the last packet was one of Opus.
    was_opus: bool,
}

impl Decoders {
    /// Decodes a packet to the front of `room`; returns how many samples it was. What can not be
    /// decoded is none.
    pub fn decode(&mut self, coding: Coding, payload: &[u8], room: &mut [i16]) -> usize {
        self.was_opus = coding == Coding::Opus;
        match coding {
            Coding::Law(law) => {
                self.narrow.resample(payload.iter().map(|byte| law.decode(*byte)), room)
            }
            Coding::G722 => self.g722.decode(payload, room),
            Coding::Opus => {
                let Some(decoder) = self.opus() else { return 0 };
                let most = room.len().min(OPUS_SAMPLES_MAX);
                // An empty payload would be concealed as a loss; it is one.
                decoder.decode_s16(payload, most, room).unwrap_or(0)
            }
        }
    }

    /// Decodes what can be known of a packet of `samples` that is lost, where the codec has means
    /// of its own: the following packet may carry it once more (RFC 6716 §2.1.7). Returns how many
    /// samples that was; 0 when somebody else has to make them up.
    pub fn recover(&mut self, following: Option<&[u8]>, samples: usize, room: &mut [i16]) -> usize {
        if !self.was_opus || room.len() < samples {
            return 0;
        }
        let Some(decoder) = self.opus() else { return 0 };
        let recovered = match following {
            Some(payload) => decoder.decode_fec_s16(payload, samples, room),
            None => decoder.decode_s16(&[], samples, room),
        };
        recovered.unwrap_or(0)
    }

    fn opus(&mut self) -> Option<&mut OpusDecoder> {
        if self.opus.is_none() {
            // Only for a rate or a number of channels that do not exist.
            let decoder = OpusDecoder::new(RATE.cast_signed(), 1).ok()?;
            self.opus = Some(Box::new(decoder));
        }
        self.opus.as_deref_mut()
    }
}

impl fmt::Debug for Decoders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoders").field("was_opus", &self.was_opus).finish_non_exhaustive()
    }
}
