//! What is heard instead of audio that never came: the last pitch period once more, softer and
//! softer, as in ITU-T G.711 Appendix I. After 60 ms it is silent: a voice that goes on longer
//! would be made up.

use super::{SILENCE, TICK_SAMPLES, Tick};

/// Most ticks that are made up in a row.
pub const TICKS_MAX: u8 = 6;
/// Shortest and longest pitch period that is looked for, in samples: 400 Hz and 66 Hz.
const LAG_MIN: usize = 40;
const LAG_MAX: usize = 240;
/// Samples whose likeness shows the pitch: 10 ms.
const LIKENESS: usize = 160;
/// Samples over which real audio is faded in again: 2.5 ms.
const FADE: i32 = 40;
const PAST: usize = LAG_MAX + LIKENESS;

/// What was heard last, and how much of it was made up.
#[derive(Clone, Debug)]
pub struct Past {
    samples: [i16; PAST],
    lag: usize,
    made_up: u8,
}

impl Default for Past {
    fn default() -> Self {
        Self { samples: [0; PAST], lag: LAG_MAX, made_up: 0 }
    }
}

impl Past {
    /// Keeps a tick that is heard; after one that was made up it is faded in.
    pub fn keep(&mut self, tick: &mut Tick) {
        if self.is_made_up() {
            let going_on = self.softened();
            for ((weight, sample), old) in (0..FADE).zip(tick.iter_mut()).zip(&going_on) {
                let sum = i32::from(*sample) * weight + i32::from(*old) * (FADE - weight);
                *sample = i16::try_from(sum / FADE).unwrap_or(*sample);
            }
        }
        self.made_up = 0;
        self.append(tick);
    }

    /// Makes a tick up.
    pub fn conceal(&mut self) -> Tick {
        if !self.is_made_up() {
            self.lag = self.pitch();
        }
        let tick = self.softened();
        let whole = self.repeated();
        self.append(&whole);
        self.made_up = self.made_up.saturating_add(1);
        tick
    }

    /// Whether the last tick was made up.
    pub const fn is_made_up(&self) -> bool {
        self.made_up > 0
    }

    /// Whether so much was made up in a row that silence is better.
    pub const fn is_over(&self) -> bool {
        self.made_up >= TICKS_MAX
    }

    /// The next tick at full loudness, as if the last period went on.
    fn repeated(&self) -> Tick {
        let period = self.samples.get(PAST - self.lag..).unwrap_or_default();
        let mut tick = SILENCE;
        tick.iter_mut().zip(period.iter().cycle()).for_each(|(place, sample)| *place = *sample);
        tick
    }

    /// The same, as soft as it is by now: a straight line over all that may be made up.
    fn softened(&self) -> Tick {
        let whole = i32::from(TICKS_MAX) * 160;
        let begun = i32::from(self.made_up.min(TICKS_MAX)) * 160;
        let mut tick = self.repeated();
        for (sample, place) in tick.iter_mut().zip(begun..) {
            let soft = i32::from(*sample) * (whole - place).max(0) / whole;
            *sample = i16::try_from(soft).unwrap_or(0);
        }
        tick
    }

    /// The lag at which the end of the past is most like itself.
    fn pitch(&self) -> usize {
        let end = self.samples.get(PAST - LIKENESS..).unwrap_or_default();
        let likeness = |lag: usize| {
            let earlier = self.samples.get(PAST - LIKENESS - lag..).unwrap_or_default();
            let pairs = || end.iter().zip(earlier).map(|(a, b)| (i64::from(*a), i64::from(*b)));
            let common: i64 = pairs().map(|(a, b)| a * b).sum();
            let power: i64 = pairs().map(|(_, b)| b * b).sum();
            // Squared and with its sign, so that no root is needed; 2¹⁶ keeps what is small.
            let scaled = (common >> 12) * (common >> 12).abs();
            scaled / ((power >> 16) + 1)
        };
        (LAG_MIN..=LAG_MAX).max_by_key(|lag| likeness(*lag)).unwrap_or(LAG_MAX)
    }

    fn append(&mut self, tick: &Tick) {
        self.samples.copy_within(TICK_SAMPLES.., 0);
        if let Some(end) = self.samples.last_chunk_mut() {
            *end = *tick;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Past, TICKS_MAX};
    use crate::media::transcode::Tick;

    /// Sawtooth of 100 samples: 160 Hz.
    fn saw(from: usize) -> Tick {
        std::array::from_fn(|n| i16::try_from((from + n) % 100).unwrap() * 100 - 5000)
    }

    #[test]
    fn a_voice_goes_on_in_its_pitch_and_fades() {
        let mut past = Past::default();
        (0..4).for_each(|n| past.keep(&mut saw(n * 160)));
        let loud = |tick: &Tick| tick.iter().map(|sample| sample.abs()).max().unwrap();
        let first = past.conceal();
        for (heard, real) in first.iter().zip(saw(640)) {
            assert!((heard - real).abs() <= real.abs() / 6 + 1, "{heard} {real}");
        }
        let mut before = loud(&first);
        while !past.is_over() {
            let now = loud(&past.conceal());
            assert!(now < before, "{now} {before}");
            before = now;
        }
        assert_eq!(past.made_up, TICKS_MAX);
        assert!(past.conceal().iter().all(|sample| *sample == 0));
    }

    #[test]
    fn real_audio_comes_back_without_a_click() {
        let mut past = Past::default();
        (0..4).for_each(|n| past.keep(&mut [8000 - 10 * n; 160]));
        let made_up = past.conceal();
        let mut real = [-8000; 160];
        past.keep(&mut real);
        assert!((real[0] - made_up[159]).abs() < 500, "{} {}", real[0], made_up[159]);
        assert_eq!(real[40..], [-8000; 120]);
        let mut next = [-8000; 160];
        past.keep(&mut next);
        assert_eq!(next, [-8000; 160]);
    }
}
