//! Two sides that change one session at once: RFC 3261 §14.
//!
//! It decides when our re-INVITE (or UPDATE with an offer) may leave, and what a re-INVITE of the
//! other side deserves meanwhile. One wish of ours is kept at most: a newer one replaces it, since
//! only the latest picture of the session counts. It knows neither messages nor SDP.
//!
//! ```text
//!            wish: Send                           theirs
//!  Quiet ─────────────▶ Ours ◀──over + wish── Theirs ⟵── Quiet     theirs in Ours: 491
//!    ▲  over              │ 491                  │                  theirs in Theirs: 500
//!    ├────────────────────┤                      │ wish kept
//!    │                    ▼ 2.1-4 s or 0-2 s     ▼
//!    └── theirs ──── BackedOff ──due: Send──▶ Ours
//! ```

use holdfast_base::{Entropy, Mono};
use serde::{Deserialize, Serialize};
use std::time::Duration;

use super::Side;

/// The side that chose the Call-ID waits 2.1 to 4 s, in steps of 10 ms: RFC 3261 §14.1.
const OWNER_STEPS: (u64, u64) = (210, 400);
/// The other side waits 0 to 2 s, in steps of 10 ms: RFC 3261 §14.1.
const OTHER_STEPS: (u64, u64) = (0, 200);
const STEP: Duration = Duration::from_millis(10);

/// Whose change of the session is under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Glare {
    side: Side,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum State {
    Quiet,
    Ours { wish: Wish },
    Theirs { wish: Wish },
    BackedOff { until: Mono },
}

/// Whether another change of ours waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Wish {
    None,
    Kept,
}

/// What to do with a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Ours: send it now. Theirs: take it.
    Go,
    /// Ours: kept until its turn comes.
    Wait,
    /// Theirs: answer 491, because ours is under way (RFC 3261 §14.2).
    RequestPending,
    /// Theirs: answer 500 with Retry-After 0 to 10 s, because their last one has no answer yet
    /// (RFC 3261 §14.2).
    RetryAfter,
}

impl Glare {
    /// A session that nobody is changing.
    #[must_use]
    pub const fn new(side: Side) -> Self {
        Self { side, state: State::Quiet }
    }

    /// The user wants to change the session.
    pub fn wish(&mut self) -> Verdict {
        let (state, verdict) = match self.state {
            State::Quiet => (State::Ours { wish: Wish::None }, Verdict::Go),
            State::Ours { .. } => (State::Ours { wish: Wish::Kept }, Verdict::Wait),
            State::Theirs { .. } => (State::Theirs { wish: Wish::Kept }, Verdict::Wait),
            State::BackedOff { until } => (State::BackedOff { until }, Verdict::Wait),
        };
        self.state = state;
        verdict
    }

    /// The other side wants to change the session.
    pub fn theirs(&mut self) -> Verdict {
        let (state, verdict) = match self.state {
            State::Quiet => (State::Theirs { wish: Wish::None }, Verdict::Go),
            State::BackedOff { .. } => (State::Theirs { wish: Wish::Kept }, Verdict::Go),
            state @ State::Ours { .. } => (state, Verdict::RequestPending),
            state @ State::Theirs { .. } => (state, Verdict::RetryAfter),
        };
        self.state = state;
        verdict
    }

    /// The change under way is answered and, for INVITE, acknowledged. `Go`: the one that was kept
    /// is to be sent now.
    pub fn over(&mut self) -> Verdict {
        let (state, verdict) = match self.state {
            State::Ours { wish: Wish::Kept } | State::Theirs { wish: Wish::Kept } => {
                (State::Ours { wish: Wish::None }, Verdict::Go)
            }
            State::Ours { wish: Wish::None }
            | State::Theirs { wish: Wish::None }
            | State::Quiet => (State::Quiet, Verdict::Wait),
            state @ State::BackedOff { .. } => (state, Verdict::Wait),
        };
        self.state = state;
        verdict
    }

    /// Ours was answered 491: it is tried again after a time that differs for the two sides.
    pub fn refused(&mut self, now: Mono, entropy: &mut Entropy) {
        self.state = match self.state {
            State::Ours { wish: Wish::None | Wish::Kept } => {
                let (from, to) = match self.side {
                    Side::Caller => OWNER_STEPS,
                    Side::Answerer => OTHER_STEPS,
                };
                let steps = from + entropy.number() % (to - from + 1);
                let steps = u32::try_from(steps).unwrap_or(u32::MAX); // 400 at most
                State::BackedOff { until: now + STEP.saturating_mul(steps) }
            }
            state @ (State::Quiet | State::Theirs { .. } | State::BackedOff { .. }) => state,
        };
    }

    /// When to call [`Glare::handle_deadline`].
    #[must_use]
    pub const fn deadline(&self) -> Option<Mono> {
        match self.state {
            State::BackedOff { until } => Some(until),
            State::Quiet | State::Ours { .. } | State::Theirs { .. } => None,
        }
    }

    /// The time of [`Glare::deadline`] has come. `Go`: ours is to be sent again, as it is now.
    pub fn handle_deadline(&mut self, now: Mono) -> Verdict {
        match self.state {
            State::BackedOff { until } if until <= now => {
                self.state = State::Ours { wish: Wish::None };
                Verdict::Go
            }
            State::BackedOff { .. } | State::Quiet | State::Ours { .. } | State::Theirs { .. } => {
                Verdict::Wait
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Glare, Side};
    use holdfast_base::{Entropy, Mono};
    use std::fmt::Write;
    use std::time::Duration;

    const NOW: Mono = Mono::from_micros(1_000_000);

    fn run(side: Side, script: &str) -> String {
        let mut glare = Glare::new(side);
        let mut entropy = Entropy::new([3; 32]);
        let mut trace = String::new();
        for step in script.split(' ') {
            let verdict = match step {
                "wish" => Some(glare.wish()),
                "theirs" => Some(glare.theirs()),
                "over" => Some(glare.over()),
                "491" => {
                    glare.refused(NOW, &mut entropy);
                    None
                }
                "due" => Some(glare.handle_deadline(NOW + Duration::from_secs(4))),
                "early" => Some(glare.handle_deadline(NOW)),
                other => panic!("no such step: {other}"),
            };
            match verdict {
                Some(verdict) => write!(trace, "{step}:{verdict:?} ").expect("a String"),
                None => write!(trace, "{step} ").expect("a String"),
            }
        }
        trace.trim_end().to_owned()
    }

    #[test]
    fn only_one_change_at_a_time() {
        assert_eq!(run(Side::Caller, "wish theirs over theirs"), {
            "wish:Go theirs:RequestPending over:Wait theirs:Go"
        });
        assert_eq!(run(Side::Caller, "theirs theirs wish over over"), {
            "theirs:Go theirs:RetryAfter wish:Wait over:Go over:Wait"
        });
        assert_eq!(run(Side::Caller, "wish wish wish over over"), {
            "wish:Go wish:Wait wish:Wait over:Go over:Wait"
        });
    }

    #[test]
    fn a_491_is_tried_again_and_yields_to_theirs() {
        assert_eq!(run(Side::Caller, "wish 491 early due over"), {
            "wish:Go 491 early:Wait due:Go over:Wait"
        });
        assert_eq!(run(Side::Caller, "wish 491 theirs over"), { "wish:Go 491 theirs:Go over:Go" });
    }

    #[test]
    fn the_owner_of_the_call_id_waits_longer() {
        let mut entropy = Entropy::new([9; 32]);
        for _ in 0..200 {
            for (side, from, to) in [(Side::Caller, 2100, 4000), (Side::Answerer, 0, 2000)] {
                let mut glare = Glare::new(side);
                glare.wish();
                glare.refused(NOW, &mut entropy);
                let wait = glare.deadline().expect("backed off").since(NOW).as_millis();
                assert!((from..=to).contains(&wait) && wait.is_multiple_of(10), "{side:?} {wait}");
            }
        }
    }
}
