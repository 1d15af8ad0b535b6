//! Bytes and samples that an implementation of somebody else makes of the same input, and what the
//! codec does to tones, silence, losses and noise.

use super::{Decoder, Encoder, SILENCE};
use proptest::prelude::*;

/// A repeatable sequence (xorshift32).
struct Noise(u32);

impl Noise {
    fn next(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0
    }
}

/// A quarter of a second that goes through every loudness: soft, loud, clipped, silent.
fn rough() -> Vec<i16> {
    let mut noise = Noise(0x2545_f491);
    let sample = |place: i32| {
        let noise = i32::try_from(noise.next() >> 16).unwrap() - 32_768;
        let loudness = [200, 4000, 32_767, 0, 1500][usize::try_from(place / 400 % 5).unwrap()];
        let triangle = ((place * 37) % 4096 - 2048).abs() * 16 - 16_384;
        let sum = ((noise * loudness) >> 15) + ((triangle * loudness) >> 15);
        i16::try_from(sum.clamp(-32_768, 32_767)).unwrap()
    };
    (0..4000).map(sample).collect()
}

fn encoded(samples: &[i16]) -> Vec<u8> {
    let mut bytes = vec![0; samples.len() / 2];
    assert_eq!(Encoder::default().encode(samples, &mut bytes), bytes.len());
    bytes
}

fn decoded(bytes: &[u8]) -> Vec<i16> {
    let mut samples = vec![0; 2 * bytes.len()];
    assert_eq!(Decoder::default().decode(bytes, &mut samples), samples.len());
    samples
}

/// FNV-1a of 64 bits.
fn sum(bytes: impl IntoIterator<Item = u8>) -> u64 {
    bytes.into_iter().fold(0xcbf2_9ce4_8422_2325, |sum, byte| {
        (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

fn sum_of_samples(samples: &[i16]) -> u64 {
    sum(samples.iter().flat_map(|sample| sample.to_le_bytes()))
}

fn tone(hz: f64, loudness: f64, count: u32) -> Vec<i16> {
    let angle = std::f64::consts::TAU * hz / 16_000.0;
    #[expect(clippy::cast_possible_truncation, reason = "a sine within 16 bits")]
    let sample = |n: u32| ((f64::from(n) * angle).sin() * loudness) as i16;
    (0..count).map(sample).collect()
}

/// Signal to noise in decibels, at the delay that the two filters make.
fn snr(sent: &[i16], heard: &[i16]) -> f64 {
    const DELAY: usize = 22;
    let pairs = || sent.iter().zip(&heard[DELAY..]).skip(400);
    let power: f64 = pairs().map(|(sent, _)| f64::from(*sent).powi(2)).sum();
    let noise: f64 = pairs().map(|(s, h)| (f64::from(*s) - f64::from(*h)).powi(2)).sum();
    10.0 * (power / noise.max(1.0)).log10()
}

/// Made by the codec of FFmpeg 8 from the same samples and bytes.
#[test]
fn the_same_bits_as_another_implementation() {
    let bytes = encoded(&rough());
    assert_eq!(bytes[..8], [222, 122, 158, 46, 140, 32, 167, 40]);
    assert_eq!(sum(bytes.iter().copied()), 0xcd42_fce1_c4a7_20a5);
    assert_eq!(sum_of_samples(&decoded(&bytes)), 0x745b_1800_260f_b760);
    let mut noise = Noise(0x0123_4567);
    let bytes: Vec<u8> = (0..2000).map(|_| noise.next().to_be_bytes()[1]).collect();
    assert_eq!(sum_of_samples(&decoded(&bytes)), 0x4df2_d22c_5249_4753);
}

#[test]
fn silence_is_silence() {
    let quiet = |bytes: &[u8]| decoded(bytes).iter().all(|sample| sample.abs() <= 8);
    assert!(quiet(&encoded(&[0; 3200])));
    assert!(quiet(&[SILENCE; 1600]));
    let mut after_a_tone = encoded(&tone(1000.0, 8000.0, 1600));
    after_a_tone.extend([SILENCE; 1600]);
    let heard = decoded(&after_a_tone);
    // What the predictor remembers of the tone dies away, to 60 dB below full scale.
    let loudest = |from: usize, to: usize| heard[from..to].iter().map(|it| it.abs()).max();
    assert!(loudest(1900, 2400) < Some(800), "{:?}", loudest(1900, 2400));
    assert!(loudest(4000, 4800) <= Some(32), "{:?}", loudest(4000, 4800));
}

#[test]
fn tones_of_both_bands_come_through() {
    for (hz, at_least) in [(300.0, 35.0), (1000.0, 35.0), (3000.0, 30.0), (6000.0, 8.0)] {
        let sent = tone(hz, 10_000.0, 3200);
        let snr = snr(&sent, &decoded(&encoded(&sent)));
        assert!(snr > at_least, "{hz} Hz: {snr:.1} dB");
    }
}

#[test]
fn after_a_loss_both_sides_come_together_again() {
    let sent = tone(1000.0, 8000.0, 16_000);
    let mut bytes = encoded(&sent);
    bytes.drain(800..960); // 20 ms that never came
    let heard = decoded(&bytes);
    let snr = snr(&sent[8000..], &heard[8000 - 320..]);
    assert!(snr > 30.0, "{snr:.1} dB");
}

#[test]
fn odd_ends_are_left() {
    let mut bytes = [0; 4];
    assert_eq!(Encoder::default().encode(&[1; 5], &mut bytes), 2);
    assert_eq!(Encoder::default().encode(&[1; 80], &mut bytes), 4);
    assert_eq!(Decoder::default().decode(&bytes, &mut [0; 5]), 4);
}

proptest! {
    #[test]
    fn the_decoder_stays_where_the_encoder_is(samples in prop::collection::vec(any::<i16>(), 640)) {
        let (mut encoder, mut decoder) = (Encoder::default(), Decoder::default());
        let (mut bytes, mut heard) = ([0; 320], [0; 640]);
        encoder.encode(&samples, &mut bytes);
        decoder.decode(&bytes, &mut heard);
        prop_assert_eq!(format!("{:?}", encoder.lower), format!("{:?}", decoder.lower));
        prop_assert_eq!(format!("{:?}", encoder.upper), format!("{:?}", decoder.upper));
    }
}
