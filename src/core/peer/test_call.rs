//! When the box places a test call over a trunk: where calls alone prove that anybody is there, and
//! while no other call does.
//!
//! ```text
//!            the time is over, which is short while there is doubt
//!  Waiting ────────────────────────────────────────────────────────> Placed
//!     ^ └── a word of a called party: it waits anew                     │
//!     └────────────────────────── it is over ───────────────────────────┘
//! ```

use holdfast_base::Mono;
use std::time::Duration;

use crate::record::event::TestOutcome;

/// The first one, when names and connections are settled.
const FIRST_AFTER: Duration = Duration::from_secs(10);
/// The next one while there is doubt: soon enough that callers meet little of it, and as far apart
/// that an SBC which waits for its Timer B (32 s) has one of them at a time.
const IN_DOUBT_AFTER: Duration = Duration::from_secs(20);

/// The test calls of one trunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TestCalls {
    every: Duration,
    state: State,
    last: Option<(Mono, TestOutcome)>,
    /// Whether one of them has found somebody. Until then the number may be wrong, and failures say
    /// nothing of the trunk.
    proven: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting { until: Mono },
    Placed,
}

impl TestCalls {
    /// Those of a trunk that is new, or has them since now.
    pub fn new(now: Mono, every: Duration) -> Self {
        let state = State::Waiting { until: now + FIRST_AFTER };
        Self { every, state, last: None, proven: false }
    }

    /// The same as often as it is configured now.
    pub fn every(self, now: Mono, every: Duration) -> Self {
        let state = match self.state {
            State::Waiting { until } => State::Waiting { until: until.min(now + every) },
            State::Placed => State::Placed,
        };
        Self { every, state, ..self }
    }

    /// Somebody behind the far end has said a word to some call.
    pub fn heard_of(&mut self, now: Mono) {
        match self.state {
            State::Waiting { .. } => self.state = State::Waiting { until: now + self.every },
            State::Placed => {}
        }
    }

    /// Some call came to nothing.
    pub fn doubted(&mut self, now: Mono) {
        match self.state {
            State::Waiting { until } => {
                self.state = State::Waiting { until: until.min(now + IN_DOUBT_AFTER) };
            }
            State::Placed => {}
        }
    }

    /// When [`Self::handle_deadline`] is due.
    pub const fn deadline(&self) -> Option<Mono> {
        match self.state {
            State::Waiting { until } => Some(until),
            State::Placed => None,
        }
    }

    /// Whether one is to be placed now.
    pub fn handle_deadline(&mut self, now: Mono) -> bool {
        let due = self.deadline().is_some_and(|until| until <= now);
        if due {
            self.state = State::Placed;
        }
        due
    }

    /// The one that was placed is over; none is the outcome of one that could not be placed.
    pub fn over(&mut self, now: Mono, outcome: Option<TestOutcome>, doubt: bool) {
        if let Some(outcome) = outcome {
            self.last = Some((now, outcome));
            self.proven |= outcome.is_alive();
        }
        let after = if doubt { IN_DOUBT_AFTER.min(self.every) } else { self.every };
        self.state = State::Waiting { until: now + after };
    }

    /// Whether a failure says something of the trunk.
    pub const fn is_proven(&self) -> bool {
        self.proven
    }

    /// The last one that was placed: when it was over, and how it ended.
    pub const fn last(&self) -> Option<(Mono, TestOutcome)> {
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::{FIRST_AFTER, IN_DOUBT_AFTER, TestCalls};
    use crate::record::event::TestOutcome;
    use holdfast_base::Mono;
    use std::time::Duration;

    const EVERY: Duration = Duration::from_secs(600);

    #[test]
    fn none_while_calls_succeed_and_soon_in_doubt() {
        let now = Mono::default();
        let mut tests = TestCalls::new(now, EVERY);
        assert_eq!(tests.deadline(), Some(now + FIRST_AFTER));
        let now = now + Duration::from_secs(5);
        tests.heard_of(now);
        assert_eq!(tests.deadline(), Some(now + EVERY));
        tests.doubted(now);
        tests.doubted(now + Duration::from_secs(1));
        assert_eq!(tests.deadline(), Some(now + IN_DOUBT_AFTER));
        assert!(!tests.handle_deadline(now));
        assert!(tests.handle_deadline(now + IN_DOUBT_AFTER));
        assert_eq!(tests.deadline(), None, "one at a time");
        tests.heard_of(now);
        tests.doubted(now);
        assert!(!tests.handle_deadline(now + EVERY * 2));
        tests.over(now, Some(TestOutcome::Failed { status: 504 }), true);
        assert_eq!(tests.deadline(), Some(now + IN_DOUBT_AFTER));
        assert!(!tests.is_proven(), "nobody has ever answered there");
        assert!(tests.handle_deadline(now + IN_DOUBT_AFTER));
        tests.over(now, Some(TestOutcome::Rang), false);
        assert_eq!((tests.deadline(), tests.is_proven()), (Some(now + EVERY), true));
        tests.over(now, None, false);
        assert_eq!(tests.last(), Some((now, TestOutcome::Rang)));
        let sooner = tests.every(now, Duration::from_secs(60));
        assert_eq!(sooner.deadline(), Some(now + Duration::from_secs(60)));
        assert!(sooner.is_proven());
    }
}
