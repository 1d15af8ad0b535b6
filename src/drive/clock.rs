//! The one place that reads the clocks.

use holdfast_base::{Mono, Now, Wall};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Site time and wall time. Copied freely; all copies tell the same time.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: Mono,
    started: Instant,
}

impl Clock {
    /// A clock on which it is `origin` right now.
    #[must_use]
    pub fn starting_at(origin: Mono) -> Self {
        Self { origin, started: Instant::now() }
    }

    /// This instant on both clocks.
    #[must_use]
    pub fn now(&self) -> Now {
        let mono = self.origin + self.started.elapsed();
        // A wall clock before 1970 is a dead battery; people then see the epoch.
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Now { mono, wall: Wall::from_micros(i64::try_from(wall.as_micros()).unwrap_or(i64::MAX)) }
    }
}

#[cfg(test)]
mod tests {
    use super::Clock;
    use holdfast_base::Mono;

    #[test]
    fn the_clock_starts_at_its_origin_and_never_goes_back() {
        let origin = Mono::from_micros(1_000_000);
        let clock = Clock::starting_at(origin);
        let copy = clock;
        let (first, second) = (clock.now(), copy.now());
        assert!(origin <= first.mono && first.mono <= second.mono);
        assert!(first.wall.seconds() > 1_600_000_000);
    }
}
