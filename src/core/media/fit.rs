//! How a packet of one leg becomes one that the remote of another leg understands.
//!
//! The two laws of G.711 are made into each other; everything else is relayed untouched, under the
//! payload type that the listener agreed to, or not at all.

use crate::media::order::{Codec, Encoding, Remote};
use holdfast_wire::g711::Law;
use holdfast_wire::g722;
use holdfast_wire::rtp::event::Event;

/// A frame of Opus in which every band is silent: 20 ms, mono, of the layer for music, which has no
/// memory of a voice (RFC 6716 §3.1, configuration 31).
const OPUS_SILENCE: [u8; 3] = [0xf8, 0xff, 0xfe];
/// How long that is.
pub const OPUS_SILENCE_MS: u16 = 20;

/// What a packet carries, by the payload types that its sender agreed to.
#[derive(Clone, Copy, Debug)]
pub enum What {
    /// Audio of this codec.
    Audio(Codec),
    /// A telephone event.
    Key {
        /// The event.
        event: Event,
        /// The clock of its duration, in hertz.
        clock_hz: u32,
    },
}

/// What must be done to a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fit {
    /// The payload type that the listener wants.
    pub payload_type: u8,
    /// From which law to which, when they differ.
    pub laws: Option<(Law, Law)>,
}

/// How `what` is sent to `remote`; `None` when it can not understand it.
#[must_use]
pub fn fit(remote: &Remote, what: What) -> Option<Fit> {
    let plain = |payload_type| Fit { payload_type, laws: None };
    let codec = match what {
        What::Key { .. } => return remote.dtmf_to_remote.map(plain),
        What::Audio(codec) => codec,
    };
    if codec.encoding == remote.codec.encoding {
        return Some(plain(remote.codec.payload_type));
    }
    if let (Some(from), Some(to)) = (law_of(codec.encoding), law_of(remote.codec.encoding)) {
        return Some(Fit { payload_type: remote.codec.payload_type, laws: Some((from, to)) });
    }
    // Comfort noise and the like beside the main codec: RFC 3264 §5.1 wants one number for both
    // directions, so what the remote may send under a number it may also receive under it.
    let other = remote.accepts.iter().find(|accepted| accepted.encoding == codec.encoding);
    other.map(|accepted| plain(accepted.payload_type))
}

/// The law of an encoding that is G.711.
#[must_use]
pub const fn law_of(encoding: Encoding) -> Option<Law> {
    match encoding {
        Encoding::Pcma => Some(Law::A),
        Encoding::Pcmu => Some(Law::Mu),
        Encoding::G722 | Encoding::Opus | Encoding::Opaque(_) => None,
    }
}

/// Fills `room` with `ms` of silence; how many bytes that is. None for what we can not make, and
/// where the room is too small.
#[must_use]
pub fn silence(encoding: Encoding, ms: u16, room: &mut [u8]) -> Option<usize> {
    let (byte, length) = match encoding {
        Encoding::Pcma | Encoding::Pcmu => (law_of(encoding)?.silence(), usize::from(ms) * 8),
        Encoding::G722 => (g722::SILENCE, usize::from(ms) * 8),
        Encoding::Opus => {
            let room = room.get_mut(..OPUS_SILENCE.len()).filter(|_| ms == OPUS_SILENCE_MS)?;
            room.copy_from_slice(&OPUS_SILENCE);
            return Some(OPUS_SILENCE.len());
        }
        Encoding::Opaque(_) => return None,
    };
    room.get_mut(..length)?.fill(byte);
    Some(length)
}

/// How long a payload lasts on its clock.
#[must_use]
pub fn ticks_of(codec: Codec, payload_bytes: usize) -> u32 {
    match codec.encoding {
        // One byte a tick: a sample of G.711, two of G.722 on its clock of 8000 Hz.
        Encoding::Pcma | Encoding::Pcmu | Encoding::G722 => {
            u32::try_from(payload_bytes).unwrap_or(0)
        }
        Encoding::Opus | Encoding::Opaque(_) => {
            (codec.clock_hz / 1000).saturating_mul(u32::from(codec.ptime_ms))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{OPUS_SILENCE_MS, silence};
    use crate::media::order::Encoding;
    use crate::media::transcode::coding::{Coding, Decoders};

    #[test]
    fn silence_of_every_codec_is_silent_and_as_long_as_it_says() {
        for encoding in [Encoding::Pcma, Encoding::Pcmu, Encoding::G722, Encoding::Opus] {
            let (mut room, mut samples) = ([0; 200], [9; 2000]);
            let length = silence(encoding, OPUS_SILENCE_MS, &mut room).unwrap();
            let coding = Coding::of(encoding).unwrap();
            let count = Decoders::default().decode(coding, &room[..length], &mut samples);
            assert_eq!(count, 320, "{encoding:?}");
            let loud = samples[..count].iter().map(|sample| sample.abs()).max();
            assert!(loud < Some(10), "{encoding:?} {loud:?}");
        }
        assert_eq!(silence(Encoding::Opaque(1), 20, &mut [0; 200]), None);
        assert_eq!(silence(Encoding::Opus, 30, &mut [0; 200]), None);
        assert_eq!(silence(Encoding::Pcma, 30, &mut [0; 200]), None);
    }
}
