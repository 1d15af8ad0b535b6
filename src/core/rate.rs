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

#[cfg(test)]
mod tests {
    use super::PerSecond;
    use holdfast_base::Mono;

    #[test]
    fn the_next_second_begins_anew() {
        let at = Mono::from_micros;
        let mut rate = PerSecond::new(at(500_000));
        let permitted = [500_000, 500_001, 1_499_999, 1_500_000, 1_500_001, 1_500_002]
            .map(|micros| rate.permits(at(micros), 2));
        assert_eq!(permitted, [true, true, false, true, true, false]);
    }
}
