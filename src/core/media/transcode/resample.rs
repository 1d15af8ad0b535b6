//! From 8 kHz to 16 kHz and back, by one half-band filter.
//!
//! The filter is a sinc under a Kaiser window (beta 5.35): flat within 0.02 dB up to 3.4 kHz, where
//! telephony ends, and down by 56 dB from 4.6 kHz on. Of its 47 taps every second one is zero and
//! the middle one is a half, so only 24 products are made. It delays by 1.4 ms.

/// Samples of 8 kHz taken in one go.
const BLOCK: usize = 80;
/// The taps beside the middle one, in 1/32768 of a half.
const TAPS: [i32; 24] = [
    -24, 69, -145, 265, -442, 697, -1060, 1582, -2373, 3719, -6675, 20771, 20771, -6675, 3719,
    -2373, 1582, -1060, 697, -442, 265, -145, 69, -24,
];
/// Samples of 8 kHz before a block that its first products reach back to.
const UP_PAST: usize = TAPS.len() - 1;
/// The same in samples of 16 kHz.
const DOWN_PAST: usize = 2 * UP_PAST;

/// From 8 kHz to 16 kHz.
#[derive(Clone, Debug)]
pub struct Up {
    line: [i16; UP_PAST + BLOCK],
}

impl Default for Up {
    fn default() -> Self {
        Self { line: [0; UP_PAST + BLOCK] }
    }
}

impl Up {
    /// Makes twice as many samples; returns how many.
    pub fn resample(
        &mut self,
        narrow: impl ExactSizeIterator<Item = i16>,
        wide: &mut [i16],
    ) -> usize {
        let mut narrow = narrow;
        let mut made = 0;
        let (pairs, _) = wide.as_chunks_mut::<2>();
        for block in pairs.chunks_mut(BLOCK) {
            let wanted = block.len().min(narrow.len());
            let Some(fresh) = self.line.get_mut(UP_PAST..UP_PAST + wanted) else { break };
            fresh.iter_mut().zip(&mut narrow).for_each(|(place, sample)| *place = sample);
            let windows = self.line.array_windows::<{ TAPS.len() }>();
            for (pair, window) in block.iter_mut().zip(windows).take(wanted) {
                let between: i32 =
                    window.iter().zip(&TAPS).map(|(sample, tap)| i32::from(*sample) * tap).sum();
                *pair = [narrowed(between >> 15), window.get(TAPS.len() / 2).copied().unwrap_or(0)];
            }
            self.line.copy_within(wanted..wanted + UP_PAST, 0);
            made += 2 * wanted;
        }
        made
    }
}

/// From 16 kHz to 8 kHz.
#[derive(Clone, Debug)]
pub struct Down {
    line: [i16; DOWN_PAST + 2 * BLOCK],
}

impl Default for Down {
    fn default() -> Self {
        Self { line: [0; DOWN_PAST + 2 * BLOCK] }
    }
}

impl Down {
    /// Makes half as many samples and hands each to `take`.
    pub fn resample(&mut self, wide: &[i16], mut take: impl FnMut(i16)) {
        for block in wide.chunks(2 * BLOCK) {
            let Some(fresh) = self.line.get_mut(DOWN_PAST..DOWN_PAST + block.len()) else { break };
            fresh.copy_from_slice(block);
            let windows = self.line.array_windows::<{ DOWN_PAST + 1 }>();
            for window in windows.step_by(2).take(block.len() / 2) {
                let beside: i32 =
                    window.iter().step_by(2).zip(&TAPS).map(|(s, tap)| i32::from(*s) * tap).sum();
                take(narrowed((beside + (i32::from(window[UP_PAST]) << 15)) >> 16));
            }
            self.line.copy_within(block.len()..block.len() + DOWN_PAST, 0);
        }
    }
}

fn narrowed(value: i32) -> i16 {
    i16::try_from(value).unwrap_or(if value < 0 { i16::MIN } else { i16::MAX })
}

#[cfg(test)]
mod tests {
    use super::{Down, Up};

    fn tone(hz: f64, rate: f64, count: u32) -> Vec<i16> {
        let angle = std::f64::consts::TAU * hz / rate;
        #[expect(clippy::cast_possible_truncation, reason = "a sine within 16 bits")]
        let sample = |n: u32| ((f64::from(n) * angle).sin() * 10_000.0) as i16;
        (0..count).map(sample).collect()
    }

    fn loudness(samples: &[i16]) -> f64 {
        let power: f64 = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum();
        (2.0 * power / f64::from(u32::try_from(samples.len()).unwrap())).sqrt()
    }

    fn up(narrow: &[i16], block: usize) -> Vec<i16> {
        let (mut up, mut wide) = (Up::default(), Vec::new());
        for block in narrow.chunks(block) {
            let mut made = vec![0; 2 * block.len()];
            assert_eq!(up.resample(block.iter().copied(), &mut made), made.len());
            wide.extend(made);
        }
        wide
    }

    fn down(wide: &[i16]) -> Vec<i16> {
        let mut narrow = Vec::new();
        Down::default().resample(wide, |sample| narrow.push(sample));
        narrow
    }

    #[test]
    fn telephony_passes_and_what_can_not_be_carried_does_not() {
        for hz in [300.0, 1000.0, 3400.0] {
            let wide = up(&tone(hz, 8000.0, 1600), 160);
            assert!((loudness(&wide[200..]) - 10_000.0).abs() < 60.0, "{hz} Hz up");
            let narrow = down(&tone(hz, 16_000.0, 3200));
            assert!((loudness(&narrow[100..]) - 10_000.0).abs() < 60.0, "{hz} Hz down");
        }
        let alias = down(&tone(5000.0, 16_000.0, 3200));
        assert!(loudness(&alias[100..]) < 30.0, "{}", loudness(&alias[100..]));
    }

    #[test]
    fn the_cut_into_blocks_is_not_heard() {
        let narrow = tone(440.0, 8000.0, 800);
        assert_eq!(up(&narrow, 800), up(&narrow, 30));
        assert_eq!(up(&narrow, 160), up(&narrow, 1));
    }

    #[test]
    fn there_and_back_is_the_same_a_little_later() {
        let sent = tone(1000.0, 8000.0, 800);
        let back = down(&up(&sent, 160));
        for (sent, back) in sent.iter().zip(&back[23..]).skip(50) {
            assert!((sent - back).abs() < 20, "{sent} {back}");
        }
    }
}
