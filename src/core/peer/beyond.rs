//! Whoever is called behind a far end that answers OPTIONS on its own account: what has become of
//! calls is the only proof (`core/dialect`, [`crate::dialect::Proof::Calls`]).
//!
//! ```text
//!            3 failures in a row             the wait is over
//!  Well ──────────────────────────> Dead ──────────────────────> Well, one failure from Dead
//!    ^ └── any word of a called party: no failures any more
//! ```
//!
//! Where the box places test calls ([`super::test_call`]) it does not send callers to find out: the
//! wait is over when somebody has said a word.

use holdfast_base::Mono;
use std::time::Duration;

use super::test_call::TestCalls;
use crate::record::event::TestOutcome;

/// Failures in a row until whoever is behind is taken for dead. One may be the called party's own
/// trouble; a caller who waits through a second and third attempt is worth no more.
const FAILURES_MAX: u8 = 3;
/// How long no call goes there then.
const LEFT_ALONE: Duration = Duration::from_secs(30);

/// What calls have shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beyond {
    state: State,
    /// Calls of the box's own that show it, where they are wanted.
    tests: Option<TestCalls>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Well {
        failures: u8,
    },
    /// Without `until` a call has to show that it is over.
    Dead {
        status: u16,
        until: Option<Mono>,
    },
}

/// What a response to an INVITE says about whoever is behind.
enum Word {
    Alive,
    Dead,
    Nothing,
}

/// 100 is the word of the next hop alone (RFC 3261 §8.2.6.1), and so is 487, which answers our own
/// CANCEL (§9.2), and may 401 and 407 be: whoever asks for a password has asked nobody else yet.
/// What an SBC says when nobody answers
/// it: 408 and 504 for silence, 500, 502 and 503 for a connection that is refused or broken. All
/// else, 603 and 404 among it, comes from the called system.
const fn word(status: u16) -> Word {
    match status {
        100 | 401 | 407 | 487 => Word::Nothing,
        408 | 500 | 502 | 503 | 504 => Word::Dead,
        _any_word_of_the_called => Word::Alive,
    }
}

/// Whether such a response to an INVITE says that nobody is there behind whoever gives it.
#[must_use]
pub const fn nobody_there(status: u16) -> bool {
    matches!(word(status), Word::Dead)
}

impl Beyond {
    /// Nothing is known, which is good enough.
    pub const fn new() -> Self {
        Self { state: State::Well { failures: 0 }, tests: None }
    }

    /// The same, with test calls after so long without a word; none is without any.
    pub fn tested(self, now: Mono, every: Option<Duration>) -> Self {
        let tests = every.map(|every| match self.tests {
            Some(tests) => tests.every(now, every),
            None => TestCalls::new(now, every),
        });
        let state = match (self.state, tests) {
            (State::Dead { status, until: None }, None) => {
                State::Dead { status, until: Some(now + LEFT_ALONE) }
            }
            (State::Dead { .. } | State::Well { .. }, _) => self.state,
        };
        Self { state, tests }
    }

    /// A response to an INVITE.
    pub fn heard(&mut self, now: Mono, status: u16) {
        match (&mut self.tests, word(status)) {
            (Some(tests), Word::Alive) => tests.heard_of(now),
            (Some(tests), Word::Dead) => tests.doubted(now),
            (Some(_), Word::Nothing) | (None, _) => {}
        }
        self.state = match (self.state, word(status)) {
            (state, Word::Nothing) => state,
            (State::Well { .. } | State::Dead { .. }, Word::Alive) => State::Well { failures: 0 },
            (State::Well { failures }, Word::Dead) if failures + 1 < FAILURES_MAX => {
                State::Well { failures: failures + 1 }
            }
            (State::Well { .. }, Word::Dead) => {
                let until = self.tests.is_none().then(|| now + LEFT_ALONE);
                State::Dead { status, until }
            }
            // A call of before.
            (State::Dead { .. }, Word::Dead) => self.state,
        };
    }

    const fn left_alone_until(&self) -> Option<Mono> {
        match self.state {
            State::Well { .. } => None,
            State::Dead { until, .. } => until,
        }
    }

    /// When [`Self::handle_deadline`] is due.
    pub fn deadline(&self) -> Option<Mono> {
        let test = self.tests.as_ref().and_then(TestCalls::deadline);
        self.left_alone_until().into_iter().chain(test).min()
    }

    /// Calls try again, and the first failure is enough. True when a test call is to be placed now.
    pub fn handle_deadline(&mut self, now: Mono) -> bool {
        if self.left_alone_until().is_some_and(|until| until <= now) {
            self.state = State::Well { failures: FAILURES_MAX - 1 };
        }
        self.tests.as_mut().is_some_and(|tests| tests.handle_deadline(now))
    }

    /// The test call is over; none is the outcome of one that could not be placed.
    pub fn tested_as(&mut self, now: Mono, outcome: Option<TestOutcome>) {
        let doubt = self.state != State::Well { failures: 0 };
        if let Some(tests) = &mut self.tests {
            tests.over(now, outcome, doubt);
        }
    }

    /// The test calls, where there are some.
    pub const fn tests(&self) -> Option<&TestCalls> {
        self.tests.as_ref()
    }

    /// Why no call should go there; none while one may.
    pub fn trouble(&self) -> Option<String> {
        match self.state {
            State::Well { .. } => None,
            State::Dead { status, .. } => Some(format!(
                "{FAILURES_MAX} calls in a row came to nothing behind it, the last with {status}, \
                 although it may answer OPTIONS"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Beyond, LEFT_ALONE};
    use crate::record::event::TestOutcome;
    use holdfast_base::Mono;
    use std::time::Duration;

    fn heard(statuses: &[u16]) -> Beyond {
        let mut beyond = Beyond::new();
        statuses.iter().for_each(|status| beyond.heard(Mono::from_micros(0), *status));
        beyond
    }

    #[test]
    fn three_failures_in_a_row_and_no_word_between() {
        assert!(heard(&[100, 504, 100, 408]).trouble().is_none());
        assert!(heard(&[504, 408, 180, 503, 500]).trouble().is_none());
        for word in [180, 183, 200, 302, 404, 480, 486, 488, 603] {
            assert!(heard(&[504, 504, word, 504, 504]).trouble().is_none(), "{word}");
        }
        let why = heard(&[504, 100, 408, 503]).trouble().unwrap();
        assert!(why.contains("the last with 503"), "{why}");
    }

    #[test]
    fn after_a_while_one_more_failure_is_enough_and_one_word_too() {
        let mut dead = heard(&[504, 504, 504]);
        let back = Mono::from_micros(0) + LEFT_ALONE;
        assert_eq!(dead.deadline(), Some(back));
        dead.handle_deadline(Mono::from_micros(0));
        assert!(dead.trouble().is_some());
        dead.handle_deadline(back);
        assert_eq!((dead.trouble(), dead.deadline()), (None, None));
        let mut again = dead;
        again.heard(back, 504);
        assert!(again.trouble().is_some());
        dead.heard(back, 486);
        dead.heard(back, 504);
        assert!(dead.trouble().is_none());
    }

    #[test]
    fn with_test_calls_no_caller_is_sent_to_find_out() {
        let now = Mono::from_micros(0);
        let every = Some(Duration::from_secs(600));
        let mut beyond = Beyond::new().tested(now, every);
        [504, 504, 504].iter().for_each(|status| beyond.heard(now, *status));
        assert!(beyond.handle_deadline(now + LEFT_ALONE), "a test call is due");
        beyond.tested_as(now + LEFT_ALONE, Some(TestOutcome::Failed { status: 504 }));
        assert!(beyond.trouble().is_some());
        // Who takes the tests away has callers try again.
        let mut untested = beyond.tested(now, None);
        assert!(!untested.handle_deadline(now + LEFT_ALONE));
        assert!(untested.trouble().is_none());
        beyond.heard(now + LEFT_ALONE, 180);
        assert!(beyond.trouble().is_none());
        assert!(!beyond.handle_deadline(now + LEFT_ALONE * 2), "the next one is far off");
    }
}
