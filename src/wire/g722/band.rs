//! One band: what it expects next, how coarse its steps are, and how both follow what was coded
//! (ITU-T G.722 clauses 3.2 to 3.6, in the arithmetic of clause 6.2).
//!
//! The coder and the decoder of a band run the same [`Band`] over the same codes. Names in
//! capitals are the blocks of clause 6.2.

use super::saturated;
use super::tables::{
    LOWER_COARSE, LOWER_LEVELS, LOWER_STEPS, LOWER_VALUES, MANTISSAS, UPPER_LEVEL, UPPER_STEPS,
    UPPER_VALUES,
};

/// Zeros of the predictor.
const ZEROS: usize = 6;
/// The largest logarithm of the scale of each band (LOGSCL, LOGSCH).
const LOWER_LOG_MAX: i32 = 18_432;
const UPPER_LOG_MAX: i32 = 22_528;
/// The finest scale of each band, with which they begin (SCALEL, SCALEH of 0).
const LOWER_FINEST: i32 = 32;
const UPPER_FINEST: i32 = 8;
/// Largest second pole, so that the predictor stays stable (LIMIT in UPPOL2).
const SECOND_POLE_MAX: i32 = 12_288;
/// The stable range of the first pole ends this far from the second (UPPOL1).
const FIRST_POLE_ROOM: i32 = 15_360;
/// Largest value that a decoder lets out of a band (LIMIT in block 5L).
const OUT_MAX: i32 = 16_383;

/// The state of one band.
#[derive(Clone, Debug, Default)]
pub struct Band {
    /// What the next sample is expected to be.
    expected: i32,
    /// The part of it that the zeros make.
    by_zeros: i32,
    /// Poles of the predictor, the first and the second.
    poles: [i32; 2],
    /// Zeros of the predictor.
    zeros: [i32; ZEROS],
    /// The last rebuilt samples, the newest first.
    rebuilt: [i32; 2],
    /// The signs of the last partly rebuilt samples, the newest first: true below zero.
    signs: [bool; 2],
    /// The last coded differences, the newest first.
    differences: [i32; ZEROS],
    /// Logarithm of the scale, in 1/2048 of a factor of two.
    log: i32,
    /// The scale of the steps.
    scale: i32,
}

impl Band {
    /// The lower band at the beginning.
    pub fn lower() -> Self {
        Self { scale: LOWER_FINEST, ..Self::default() }
    }

    /// The upper band at the beginning.
    pub fn upper() -> Self {
        Self { scale: UPPER_FINEST, ..Self::default() }
    }

    /// The six bits for this sample of the lower band (QUANTL).
    pub fn code_lower(&mut self, sample: i32) -> u8 {
        let off = saturated(sample - self.expected);
        let size = if off < 0 { !off } else { off };
        let above = |level: &&i32| size >= (**level * self.scale) >> 12;
        let interval = LOWER_LEVELS.iter().take_while(above).count();
        // Intervals count down from the code of the smallest one, 61 above zero and 63 below. Below
        // zero the two smallest have the codes that no large one uses.
        let code = match (off < 0, u8::try_from(interval).unwrap_or(u8::MAX)) {
            (false, interval) => 61_u8.saturating_sub(interval),
            (true, 0) => 63,
            (true, 1) => 62,
            (true, interval) => 33_u8.saturating_sub(interval),
        };
        self.follow_lower(code);
        code
    }

    /// The two bits for this sample of the upper band (QUANTH).
    pub fn code_upper(&mut self, sample: i32) -> u8 {
        let off = saturated(sample - self.expected);
        let size = if off < 0 { !off } else { off };
        let far = size >= (UPPER_LEVEL * self.scale) >> 12;
        let code = match (off < 0, far) {
            (false, false) => 3,
            (false, true) => 2,
            (true, false) => 1,
            (true, true) => 0,
        };
        self.follow_upper(code);
        code
    }

    /// The sample that six bits stand for (INVQBL, RECONS, LIMIT).
    pub fn decode_lower(&mut self, code: u8) -> i32 {
        let difference = (self.scale * entry(&LOWER_VALUES, code)) >> 15;
        let sample = saturated(self.expected + difference).clamp(!OUT_MAX, OUT_MAX);
        self.follow_lower(code);
        sample
    }

    /// The sample that two bits stand for (INVQAH, RECONS, LIMIT).
    pub fn decode_upper(&mut self, code: u8) -> i32 {
        let difference = (self.scale * entry(&UPPER_VALUES, code)) >> 15;
        let sample = saturated(self.expected + difference).clamp(!OUT_MAX, OUT_MAX);
        self.follow_upper(code);
        sample
    }

    /// INVQAL, LOGSCL and SCALEL: the lower band adapts by the upper four of its six bits.
    fn follow_lower(&mut self, code: u8) {
        let coarse = code >> 2;
        let difference = (self.scale * entry(&LOWER_COARSE, coarse)) >> 15;
        let log = ((self.log * 127) >> 7) + entry(&LOWER_STEPS, coarse);
        self.log = log.clamp(0, LOWER_LOG_MAX);
        self.scale = scale_of(self.log, 8);
        self.predict(difference);
    }

    /// INVQAH, LOGSCH and SCALEH.
    fn follow_upper(&mut self, code: u8) {
        let difference = (self.scale * entry(&UPPER_VALUES, code)) >> 15;
        let log = ((self.log * 127) >> 7) + entry(&UPPER_STEPS, code);
        self.log = log.clamp(0, UPPER_LOG_MAX);
        self.scale = scale_of(self.log, 10);
        self.predict(difference);
    }

    /// Block 4: takes the coded difference of this sample and expects the next one.
    fn predict(&mut self, difference: i32) {
        let rebuilt = saturated(self.expected + difference); // RECONS
        let sign = saturated(self.by_zeros + difference) < 0; // PARREC
        self.move_poles(sign);
        self.move_zeros(difference);
        // DELAYA
        self.rebuilt = [rebuilt, self.rebuilt[0]];
        self.signs = [sign, self.signs[0]];
        self.differences.copy_within(..ZEROS - 1, 1);
        self.differences[0] = difference;
        // FILTEP, FILTEZ, PREDIC
        let pole = |(pole, rebuilt): (&i32, &i32)| (pole * saturated(2 * rebuilt)) >> 15;
        let by_poles = saturated(self.poles.iter().zip(&self.rebuilt).map(pole).sum());
        let zeros = self.zeros.iter().zip(&self.differences);
        let zeros = zeros.map(|(zero, difference)| (zero * saturated(2 * difference)) >> 15);
        self.by_zeros = zeros.rev().fold(0, |sum, value| saturated(sum + value));
        self.expected = saturated(by_poles + self.by_zeros);
    }

    /// UPPOL2 and UPPOL1: the poles follow the signs of three samples in sequence.
    fn move_poles(&mut self, sign: bool) {
        let [first, second] = self.poles;
        let [before, before_that] = self.signs;
        let pulled = saturated(first << 2);
        let pulled = if sign == before { -pulled } else { pulled }.min(32_767);
        let towards = if sign == before_that { 128 } else { -128 };
        let second = towards + (pulled >> 7) + ((second * 32_512) >> 15);
        let second = second.clamp(-SECOND_POLE_MAX, SECOND_POLE_MAX);
        let towards = if sign == before { 192 } else { -192 };
        let room = saturated(FIRST_POLE_ROOM - second);
        let first = saturated(towards + ((first * 32_640) >> 15)).clamp(-room, room);
        self.poles = [first, second];
    }

    /// UPZERO: each zero follows the sign that its difference shares with the new one.
    fn move_zeros(&mut self, difference: i32) {
        let step = if difference == 0 { 0 } else { 128 };
        for (zero, earlier) in self.zeros.iter_mut().zip(&self.differences) {
            let towards = if (*earlier < 0) == (difference < 0) { step } else { -step };
            *zero = saturated(towards + ((*zero * 32_640) >> 15));
        }
    }
}

/// The scale of this logarithm; `whole` is the place of its point in the band.
fn scale_of(log: i32, whole: i32) -> i32 {
    let mantissa = entry(&MANTISSAS, u8::try_from((log >> 6) & 31).unwrap_or(0));
    let shift = whole - (log >> 11);
    let shifted = if shift < 0 { mantissa << -shift } else { mantissa >> shift };
    shifted << 2
}

/// The entry of a code; codes have no more bits than their tables have entries for.
fn entry<const N: usize>(table: &[i32; N], code: u8) -> i32 {
    table.get(usize::from(code)).copied().unwrap_or(0)
}
