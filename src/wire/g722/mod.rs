//! G.722 at 64 kbit/s (ITU-T G.722, mode 1): two bands of 8000 samples a second, each coded by
//! adaptive differences, in one byte for two samples of 16 kHz.
//!
//! A filter splits the signal in a lower and an upper band ([`Analysis`]) and puts it together
//! again ([`Synthesis`]); each [`Band`] predicts its next sample and codes how far it was off, six
//! bits for the lower band and two for the upper one. Encoder and decoder keep the same band
//! states as long as no byte is lost, and come together again after a loss within some 20 ms.
//! Arithmetic is that of the Recommendation, to the bit: whole numbers, with its saturations.

mod band;
mod tables;

use band::Band;
use tables::QMF;

/// Samples of 16 kHz in one byte.
pub const SAMPLES_PER_BYTE: usize = 2;
/// Sampling rate, in hertz. The RTP clock is 8000 Hz all the same (RFC 3551 §4.5.2).
pub const SAMPLES_PER_SECOND: u32 = 16_000;
/// The byte that says, again and again, that both bands are where they were: silence.
pub const SILENCE: u8 = 0xfd;
/// Taps of the filter that splits and joins the bands.
const TAPS: usize = 24;

/// Turns samples of 16 kHz into bytes.
#[derive(Clone, Debug)]
pub struct Encoder {
    bands: Analysis,
    lower: Band,
    upper: Band,
}

/// Turns bytes into samples of 16 kHz.
#[derive(Clone, Debug)]
pub struct Decoder {
    bands: Synthesis,
    lower: Band,
    upper: Band,
}

impl Default for Encoder {
    fn default() -> Self {
        Self { bands: Analysis::default(), lower: Band::lower(), upper: Band::upper() }
    }
}

impl Encoder {
    /// Encodes samples into as many bytes as both sides allow; returns how many bytes.
    pub fn encode(&mut self, samples: &[i16], bytes: &mut [u8]) -> usize {
        let (pairs, _) = samples.as_chunks::<SAMPLES_PER_BYTE>();
        pairs.iter().zip(bytes).map(|(pair, byte)| *byte = self.encode_pair(*pair)).count()
    }

    fn encode_pair(&mut self, pair: [i16; 2]) -> u8 {
        let (low, high) = self.bands.split(pair);
        self.upper.code_upper(high) << 6 | self.lower.code_lower(low)
    }
}

impl Default for Decoder {
    fn default() -> Self {
        Self { bands: Synthesis::default(), lower: Band::lower(), upper: Band::upper() }
    }
}

impl Decoder {
    /// Decodes bytes into as many samples as both sides allow; returns how many samples.
    pub fn decode(&mut self, bytes: &[u8], samples: &mut [i16]) -> usize {
        let (pairs, _) = samples.as_chunks_mut::<SAMPLES_PER_BYTE>();
        let decoded = bytes.iter().zip(pairs).map(|(byte, pair)| *pair = self.decode_byte(*byte));
        SAMPLES_PER_BYTE * decoded.count()
    }

    fn decode_byte(&mut self, byte: u8) -> [i16; 2] {
        let low = self.lower.decode_lower(byte & 0x3f);
        let high = self.upper.decode_upper(byte >> 6);
        self.bands.join(low, high)
    }
}

/// The last samples on their way through the filter of two bands (clause 3.1, table 11).
#[derive(Clone, Debug, Default)]
struct Analysis([i32; TAPS]);

/// The last sums and differences of both bands (clause 4.4).
#[derive(Clone, Debug, Default)]
struct Synthesis([i32; TAPS]);

impl Analysis {
    fn split(&mut self, [first, second]: [i16; 2]) -> (i32, i32) {
        let (odd, even) = filter(&mut self.0, i32::from(first), i32::from(second));
        ((even + odd) >> 14, (even - odd) >> 14)
    }
}

impl Synthesis {
    fn join(&mut self, low: i32, high: i32) -> [i16; 2] {
        let (second, first) = filter(&mut self.0, low + high, low - high);
        [saturated(first >> 11), saturated(second >> 11)].map(narrow)
    }
}

/// Lets two values in and returns both halves of the filter's sum.
fn filter(line: &mut [i32; TAPS], first: i32, second: i32) -> (i32, i32) {
    line.copy_within(2.., 0);
    let [.., last_but_one, last] = line;
    (*last_but_one, *last) = (first, second);
    let (pairs, _) = line.as_chunks::<2>();
    let taps = pairs.iter().zip(QMF.iter().zip(QMF.iter().rev()));
    taps.fold((0, 0), |(odd, even), ([one, two], (tap, mirrored))| {
        (odd + one * tap, even + two * mirrored)
    })
}

/// Within the range of 16 bits, as every sum of the Recommendation is kept (clause 6.2.1).
const fn saturated(value: i32) -> i32 {
    if value > 32_767 {
        32_767
    } else if value < -32_768 {
        -32_768
    } else {
        value
    }
}

fn narrow(value: i32) -> i16 {
    i16::try_from(value).unwrap_or(if value < 0 { i16::MIN } else { i16::MAX })
}

#[cfg(test)]
mod tests;
