//! What happens by chance in the branch, from one seed: the same seed plans the same day.
//!
//! Each person has a stream of chance of their own, so that what one of them meets on the line does
//! not change what another one does.

use std::time::Duration;

/// A stream of numbers that is a pure function of its seed (`SplitMix64`).
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// The stream of one person on the day of `seed`.
    pub fn of(seed: u64, person: u64) -> Self {
        let mut day = Self(seed);
        Self(day.number() ^ person.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// The next 64 bits.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to below `end`; 0 when `end` is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.number().checked_rem(end).unwrap_or(0)
    }

    /// True that often in a hundred times.
    pub fn percent(&mut self, times: u64) -> bool {
        self.below(100) < times
    }

    /// A time from `low` to below `high`, in whole milliseconds.
    pub fn between(&mut self, low: Duration, high: Duration) -> Duration {
        let span = u64::try_from(high.saturating_sub(low).as_millis()).unwrap_or(u64::MAX);
        low + Duration::from_millis(self.below(span))
    }

    /// The time to the next of many independent arrivals, `mean` apart: exponential, which makes
    /// the arrivals a Poisson process.
    pub fn until_next(&mut self, mean: Duration) -> Duration {
        let [a, b, c, d, ..] = self.number().to_be_bytes();
        let unit =
            (f64::from(u32::from_be_bytes([a, b, c, d])) + 1.0) / (f64::from(u32::MAX) + 1.0);
        mean.mul_f64(-unit.ln())
    }

    /// 16 hexadecimal digits for tags, branches and Call-IDs.
    pub fn token(&mut self) -> String {
        format!("{:016x}", self.number())
    }
}
