//! A-law and µ-law, to and from linear samples and into each other (ITU-T G.711 tables 1, 2).
//!
//! Everything per packet is a table of 256 entries, made at compile time from the two formulas.

/// A-law byte of digital silence (ITU-T G.711: sample 0, even bits inverted).
pub const PCMA_SILENCE: u8 = 0xd5;
/// µ-law byte of digital silence.
pub const PCMU_SILENCE: u8 = 0xff;
/// Added before the µ-law segment is found, on the 16-bit scale (G.711 table 2: 33 on 14 bits).
const PCMU_BIAS: i16 = 132;
/// Largest magnitude that µ-law can carry after the bias, on the 16-bit scale.
const PCMU_CLIP: i16 = 32_635;

/// The two laws of G.711.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Law {
    /// A-law, RTP payload type 8.
    A,
    /// µ-law, RTP payload type 0.
    Mu,
}

impl Law {
    /// The byte of digital silence.
    #[must_use]
    pub const fn silence(self) -> u8 {
        match self {
            Self::A => PCMA_SILENCE,
            Self::Mu => PCMU_SILENCE,
        }
    }

    /// One 16-bit sample as a byte of this law.
    #[must_use]
    pub const fn encode(self, sample: i16) -> u8 {
        match self {
            Self::A => encode_a(sample),
            Self::Mu => encode_mu(sample),
        }
    }

    /// One byte of this law as a 16-bit sample.
    #[must_use]
    pub fn decode(self, byte: u8) -> i16 {
        match self {
            Self::A => entry(&PCMA_TO_LINEAR, byte),
            Self::Mu => entry(&PCMU_TO_LINEAR, byte),
        }
    }
}

/// Changes a payload from one law to the other in place.
pub fn transcode(payload: &mut [u8], from: Law, to: Law) {
    let table = match (from, to) {
        (Law::A, Law::Mu) => &PCMA_TO_PCMU,
        (Law::Mu, Law::A) => &PCMU_TO_PCMA,
        (Law::A, Law::A) | (Law::Mu, Law::Mu) => return,
    };
    for byte in payload {
        *byte = entry(table, *byte);
    }
}

#[expect(clippy::indexing_slicing, reason = "a byte is always within 256 entries")]
fn entry<T: Copy>(table: &[T; 256], byte: u8) -> T {
    table[usize::from(byte)]
}

static PCMA_TO_LINEAR: [i16; 256] = linear(Law::A);
static PCMU_TO_LINEAR: [i16; 256] = linear(Law::Mu);
static PCMA_TO_PCMU: [u8; 256] = across(Law::A, Law::Mu);
static PCMU_TO_PCMA: [u8; 256] = across(Law::Mu, Law::A);

const fn linear(law: Law) -> [i16; 256] {
    let mut table = [0; 256];
    let mut byte = 0u8;
    loop {
        put(&mut table, byte, formula(law, byte));
        if byte == u8::MAX {
            return table;
        }
        byte += 1;
    }
}

const fn across(from: Law, to: Law) -> [u8; 256] {
    let mut table = [0; 256];
    let mut byte = 0u8;
    loop {
        put(&mut table, byte, to.encode(formula(from, byte)));
        if byte == u8::MAX {
            return table;
        }
        byte += 1;
    }
}

#[expect(clippy::indexing_slicing, reason = "a byte is always within 256 entries")]
const fn put<T: Copy>(table: &mut [T; 256], byte: u8, value: T) {
    table[byte as usize] = value;
}

const fn formula(law: Law, byte: u8) -> i16 {
    match law {
        Law::A => decode_a(byte),
        Law::Mu => decode_mu(byte),
    }
}

/// G.711 table 1: sign, three bits of segment, four of step; even bits inverted on the line.
const fn decode_a(byte: u8) -> i16 {
    let code = byte ^ 0x55;
    let (segment, step) = (code >> 4 & 7, (code & 0x0f) as i16);
    // Segment 0 and 1 have the same step; the value lies in the middle of its interval.
    let magnitude =
        if segment == 0 { (step << 4) + 8 } else { ((step << 4) + 0x108) << (segment - 1) };
    if code & 0x80 != 0 { magnitude } else { -magnitude }
}

const fn encode_a(sample: i16) -> u8 {
    let (sign, magnitude) = if sample >= 0 { (0x80, sample) } else { (0, !sample) };
    let steps = magnitude >> 4; // 11 bits
    let mut segment = 0u8;
    while segment < 7 && steps >> segment > 31 {
        segment += 1;
    }
    let code = if steps < 32 {
        low_byte(steps)
    } else {
        (segment + 1) << 4 | low_byte(steps >> segment) & 0x0f
    };
    (sign | code) ^ 0x55
}

/// G.711 table 2: sign, three bits of segment, four of step, all inverted on the line.
const fn decode_mu(byte: u8) -> i16 {
    let code = !byte;
    let (segment, step) = (code >> 4 & 7, (code & 0x0f) as i16);
    let magnitude = (((step << 3) + PCMU_BIAS) << segment) - PCMU_BIAS;
    if code & 0x80 == 0 { magnitude } else { -magnitude }
}

const fn encode_mu(sample: i16) -> u8 {
    let sign = if sample < 0 { 0x80 } else { 0 };
    let magnitude = if sample == i16::MIN { i16::MAX } else { sample.abs() };
    let clipped = if magnitude > PCMU_CLIP { PCMU_CLIP } else { magnitude };
    let biased = clipped + PCMU_BIAS;
    let mut segment = 0u8;
    while segment < 7 && biased >> (segment + 3) > 31 {
        segment += 1;
    }
    !(sign | segment << 4 | low_byte(biased >> (segment + 3)) & 0x0f)
}

const fn low_byte(value: i16) -> u8 {
    let [_, low] = value.to_be_bytes();
    low
}

#[cfg(test)]
mod tests {
    use super::{Law, transcode};
    use proptest::prelude::*;

    #[test]
    fn the_corners_of_the_two_tables() {
        // ITU-T G.711 tables 1 and 2, decoder output on the 16-bit scale.
        let a = [(0xd5, 8), (0x55, -8), (0xaa, 32_256), (0x2a, -32_256), (0xc5, 264)];
        let mu = [(0xff, 0), (0x7f, 0), (0x80, 32_124), (0x00, -32_124), (0xef, 132)];
        for (byte, sample) in a {
            assert_eq!(Law::A.decode(byte), sample, "A-law {byte:#x}");
        }
        for (byte, sample) in mu {
            assert_eq!(Law::Mu.decode(byte), sample, "mu-law {byte:#x}");
        }
        assert_eq!([Law::A.encode(0), Law::Mu.encode(0)], [0xd5, 0xff]);
        assert_eq!([Law::A.encode(i16::MIN), Law::Mu.encode(i16::MIN)], [0x2a, 0x00]);
        assert_eq!([Law::A.encode(i16::MAX), Law::Mu.encode(i16::MAX)], [0xaa, 0x80]);
    }

    #[test]
    fn every_byte_survives_decoding_and_encoding() {
        for byte in 0..=u8::MAX {
            assert_eq!(Law::A.encode(Law::A.decode(byte)), byte);
            // µ-law has two zeros; the negative one comes back as the positive one.
            let same = if byte == 0x7f { 0xff } else { byte };
            assert_eq!(Law::Mu.encode(Law::Mu.decode(byte)), same);
        }
    }

    #[test]
    fn transcoding_keeps_silence_and_the_second_pass_changes_nothing_more() {
        for (from, to) in [(Law::A, Law::Mu), (Law::Mu, Law::A)] {
            let mut bytes: Vec<u8> = (0..=u8::MAX).collect();
            transcode(&mut bytes, from, to);
            let once = bytes.clone();
            transcode(&mut bytes, to, from);
            transcode(&mut bytes, from, to);
            assert_eq!(bytes, once);
        }
        let mut silence = [Law::Mu.silence()];
        transcode(&mut silence, Law::Mu, Law::A);
        assert_eq!(silence, [Law::A.silence()]);
    }

    proptest! {
        #[test]
        fn the_error_is_within_one_step(sample in any::<i16>()) {
            for (law, full_scale) in [(Law::A, 32_256), (Law::Mu, 32_124)] {
                let back = i32::from(law.decode(law.encode(sample)));
                let sample = i32::from(sample).clamp(-full_scale, full_scale);
                // Half a step of the segment: 1/32 of the magnitude, and 8 in the lowest one.
                prop_assert!((back - sample).abs() <= sample.abs() / 32 + 8);
            }
        }
    }
}
