//! How much of something a party may ask for within a second.

use holdfast_base::Mono;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// What was asked for within the present second. The next one begins with the first word after it.
#[derive(Clone, Copy, Debug, Default)]
pub struct PerSecond {
    since: Mono,
    asked: u32,
}

impl PerSecond {
    /// Nothing was asked for; the second begins now.
    #[must_use]
    pub const fn new(now: Mono) -> Self {
        Self { since: now, asked: 0 }
    }

    /// Counts one more. False when there were `most` in this second already.
    pub fn permits(&mut self, now: Mono, most: u32) -> bool {
        if now.since(self.since) >= SECOND {
            *self = Self::new(now);
        }
        self.asked = self.asked.saturating_add(1);
        self.asked <= most
    }
}

/// How fast things may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// In the long run.
    pub per_second: u32,
    /// At once, after a silence.
    pub burst: u32,
}

/// A leaky bucket: one number that says when it would be empty (the generic cell rate algorithm,
/// ITU-T I.371).
#[derive(Clone, Copy, Debug)]
pub struct Bucket {
    empty_at: Mono,
}

impl Bucket {
    /// An empty one.
    #[must_use]
    pub const fn new(now: Mono) -> Self {
        Self { empty_at: now }
    }

    /// Puts one in. False, and nothing is put in, when it would run over.
    pub fn take(&mut self, now: Mono, rate: Rate) -> bool {
        let ahead = self.empty_at.since(now);
        let fits = ahead + rate.gap() <= rate.depth();
        if fits {
            self.empty_at = now + ahead + rate.gap();
        }
        fits
    }

    /// How long until one more fits.
    #[must_use]
    pub fn wait(&self, now: Mono, rate: Rate) -> Duration {
        (self.empty_at.since(now) + rate.gap()).saturating_sub(rate.depth())
    }
}

impl Rate {
    /// The time that one of them takes.
    fn gap(self) -> Duration {
        SECOND / self.per_second.max(1)
    }

    fn depth(self) -> Duration {
        self.gap().saturating_mul(self.burst.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::{Bucket, PerSecond, Rate};
    use holdfast_base::Mono;
    use std::time::Duration;

    #[test]
    fn the_next_second_begins_anew() {
        let at = Mono::from_micros;
        let mut rate = PerSecond::new(at(500_000));
        let permitted = [500_000, 500_001, 1_499_999, 1_500_000, 1_500_001, 1_500_002]
            .map(|micros| rate.permits(at(micros), 2));
        assert_eq!(permitted, [true, true, false, true, true, false]);
    }

    #[test]
    fn a_bucket_takes_a_burst_and_then_the_rate() {
        let rate = Rate { per_second: 10, burst: 3 };
        let at = |millis: u64| Mono::from_micros(1_000_000 + millis * 1000);
        let mut bucket = Bucket::new(at(0));
        let taken = [0, 0, 0, 0, 99, 100, 150, 5000, 5000, 5000, 5000]
            .map(|millis| bucket.take(at(millis), rate));
        let expected = [true, true, true, false, false, true, false, true, true, true, false];
        assert_eq!(taken, expected);
        assert_eq!(bucket.wait(at(5000), rate), Duration::from_millis(100));
        assert_eq!(bucket.wait(at(5100), rate), Duration::ZERO);
    }
}
