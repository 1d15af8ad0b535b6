//! Tones: a sine as G.711, and how much of a frequency is in what was heard.
//!
//! G.711 stands here a second time, from the standard, so that a fault in the box's own can not
//! hide itself.

use std::f64::consts::TAU;

/// Samples a second of G.711.
pub const RATE: f64 = 8000.0;
/// Peak of the sine: 6 dB below full scale.
const PEAK: f64 = 16_000.0;

/// One sample of a sine.
pub fn sine(hertz: f64, at: usize) -> i16 {
    ((TAU * hertz * at as f64 / RATE).sin() * PEAK) as i16
}

/// ITU-T G.711 A-law, linear to code: even bits are inverted.
pub fn to_a_law(sample: i16) -> u8 {
    let (sign, magnitude) = if sample < 0 { (0, !sample) } else { (0x80, sample) };
    let magnitude = magnitude >> 4; // what is below is noise
    let code = if magnitude < 32 {
        magnitude
    } else {
        let segment = magnitude.ilog2() as i16 - 3;
        (segment << 4) | (magnitude >> (segment - 1) & 0x0f)
    };
    (sign | code as u8) ^ 0x55
}

/// ITU-T G.711 A-law, code to linear.
pub fn from_a_law(code: u8) -> i16 {
    let code = code ^ 0x55;
    let (segment, step) = (i16::from(code >> 4 & 7), i16::from(code & 0x0f));
    let magnitude = match segment {
        0 => (step << 4) + 8,
        _ => ((step << 4) + 0x108) << (segment - 1),
    };
    if code & 0x80 == 0 { -magnitude } else { magnitude }
}

/// ITU-T G.711 mu-law, code to linear.
pub fn from_mu_law(code: u8) -> i16 {
    let code = !code;
    let (segment, step) = (i16::from(code >> 4 & 7), i16::from(code & 0x0f));
    let magnitude = (((step << 3) + 0x84) << segment) - 0x84;
    if code & 0x80 == 0 { magnitude } else { -magnitude }
}

/// The part of the power of `samples` that lies at `hertz`, 0 to 1: Goertzel's algorithm.
pub fn share(samples: &[i16], hertz: f64, rate: f64) -> f64 {
    let coefficient = 2.0 * (TAU * hertz / rate).cos();
    let (mut last, mut before) = (0.0, 0.0);
    for sample in samples {
        let now = f64::from(*sample) + coefficient * last - before;
        (before, last) = (last, now);
    }
    let power = last * last + before * before - coefficient * last * before;
    let total: f64 = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    if total == 0.0 { 0.0 } else { power / (total * samples.len() as f64 / 2.0) }
}

/// Mean level, as the square root of the mean power.
pub fn level(samples: &[i16]) -> f64 {
    let total: f64 = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    (total / samples.len().max(1) as f64).sqrt()
}

#[test]
fn a_tone_is_told_from_another() {
    let samples: Vec<i16> = (0..1600).map(|at| from_a_law(to_a_law(sine(440.0, at)))).collect();
    assert!(share(&samples, 440.0, RATE) > 0.95);
    assert!(share(&samples, 880.0, RATE) < 0.01);
    let silence = [0; 160];
    assert!(share(&silence, 440.0, RATE) < 0.01 && level(&silence) < 1.0);
    assert!(level(&samples) > 10_000.0);
}

#[test]
fn the_ends_of_the_codes_are_those_of_the_standard() {
    assert_eq!([0xd5, 0x55, 0xaa, 0x2a].map(from_a_law), [8, -8, 32_256, -32_256]);
    assert_eq!([0xff, 0x7f, 0x80, 0x00].map(from_mu_law), [0, 0, 32_124, -32_124]);
    for code in 0..=255 {
        assert_eq!(to_a_law(from_a_law(code)), code);
    }
}
