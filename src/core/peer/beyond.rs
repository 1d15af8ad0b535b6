//! Whoever is called behind a far end that answers OPTIONS on its own account: what has become of
//! calls is the only proof (`core/dialect`, [`crate::dialect::Proof::Calls`]).
//!
//! ```text
//!            3 failures in a row             the wait is over
//!  Well ──────────────────────────> Dead ──────────────────────> Well, one failure from Dead
//!    ^ └── any word of a called party: no failures any more
//! ```

use holdfast_base::Mono;
use std::time::Duration;

/// Failures in a row until whoever is behind is taken for dead. One may be the called party's own
/// trouble; a caller who waits through a second and third attempt is worth no more.
const FAILURES_MAX: u8 = 3;
/// How long no call goes there then.
const LEFT_ALONE: Duration = Duration::from_secs(30);

/// What calls have shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beyond(State);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Well { failures: u8 },
    Dead { status: u16, until: Mono },
}

/// What a response to an INVITE says about whoever is behind.
enum Word {
    Alive,
    Dead,
    Nothing,
}

/// 100 is the word of the next hop alone (RFC 3261 §8.2.6.1), and so may 401 and 407 be: whoever
/// asks for a password has asked nobody else yet. What an SBC says when nobody answers
/// it: 408 and 504 for silence, 500, 502 and 503 for a connection that is refused or broken. All
/// else, 603 and 404 among it, comes from the called system.
const fn word(status: u16) -> Word {
    match status {
        100 | 401 | 407 => Word::Nothing,
        408 | 500 | 502 | 503 | 504 => Word::Dead,
        _any_word_of_the_called => Word::Alive,
    }
}

impl Beyond {
    /// Nothing is known, which is good enough.
    pub const fn new() -> Self {
        Self(State::Well { failures: 0 })
    }

    /// A response to an INVITE.
    pub fn heard(&mut self, now: Mono, status: u16) {
        self.0 = match (self.0, word(status)) {
            (state, Word::Nothing) => state,
            (State::Well { .. } | State::Dead { .. }, Word::Alive) => State::Well { failures: 0 },
            (State::Well { failures }, Word::Dead) if failures + 1 < FAILURES_MAX => {
                State::Well { failures: failures + 1 }
            }
            (State::Well { .. }, Word::Dead) => State::Dead { status, until: now + LEFT_ALONE },
            // A call of before.
            (State::Dead { .. }, Word::Dead) => self.0,
        };
    }

    /// When [`Self::handle_deadline`] is due.
    pub const fn deadline(&self) -> Option<Mono> {
        match self.0 {
            State::Well { .. } => None,
            State::Dead { until, .. } => Some(until),
        }
    }

    /// Calls try again, and the first failure is enough.
    pub fn handle_deadline(&mut self, now: Mono) {
        if self.deadline().is_some_and(|until| until <= now) {
            self.0 = State::Well { failures: FAILURES_MAX - 1 };
        }
    }

    /// Why no call should go there; none while one may.
    pub fn trouble(&self) -> Option<String> {
        match self.0 {
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
    use holdfast_base::Mono;

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
}
