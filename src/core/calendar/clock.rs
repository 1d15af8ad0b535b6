//! Whether the clock on the wall can be believed. Opening hours, and nothing else here, hang on it.
//!
//! ```text
//!             jumped by more than 5 minutes
//! Believed ──────────────────────────────────> Doubted(Jumped)
//!    ^  │ shows a year that can not be             │ jumped back, or a person says it is right
//!    │  └───────────> Doubted(Early | Late)        │
//!    └──────────── shows a year that can ──────────┘
//! ```
//!
//! Site time, which nobody sets, tells a jump: both clocks have to go on by the same. A box without
//! a battery for its clock gets the time from the network soon after its start, so a jump within
//! [`SETTLES`] is that, and believed. Changes between summer and winter time are none: the wall
//! clock of a box counts in UTC.

use holdfast_base::{Mono, Now, Wall};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// QUEUEING.md 2.9.
const JUMP_MAX: Duration = Duration::from_secs(5 * 60);
/// How long after the start the clock may still be set.
const SETTLES: Duration = Duration::from_secs(10 * 60);
/// 2026-01-01: this program is younger.
const EARLIEST: Wall = Wall::from_micros(1_767_225_600_000_000);
/// 2100-01-01: a box that shows it has a broken clock.
const LATEST: Wall = Wall::from_micros(4_102_444_800_000_000);

/// The clock on the wall.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clock {
    state: State,
    /// How far the wall clock is ahead of site time, in microseconds; none before the first look.
    ahead_us: Option<i64>,
    /// Until when a jump is the clock being set.
    settles: Mono,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Believed,
    Doubted(Doubt),
}

/// Why a clock is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Doubt {
    /// It shows a time before this program was made.
    Early,
    /// It shows a time in the next century.
    Late,
    /// It has jumped by so many microseconds in all; forward is positive.
    Jumped(i64),
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Early => f.write_str("the clock shows a time before this program was made"),
            Self::Late => f.write_str("the clock shows a time in the next century"),
            Self::Jumped(by) => {
                let way = if *by < 0 { "back" } else { "forward" };
                let seconds = by.unsigned_abs() / 1_000_000;
                let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
                write!(f, "the clock has jumped {way} by {hours} h {minutes} min")
            }
        }
    }
}

impl Clock {
    /// A clock that nobody has looked at in this run of the process.
    #[must_use]
    pub fn new(started: Mono) -> Self {
        Self { state: State::Believed, ahead_us: None, settles: started + SETTLES }
    }

    /// After a restart: what was doubted before it stays so, and what was passed while nobody
    /// looked is no jump that site time could tell.
    pub const fn take_back(&mut self, before: &Self) {
        self.state = before.state;
    }

    /// Looks at both clocks. Returns whether it is believed otherwise than before.
    pub fn look(&mut self, now: Now) -> bool {
        let before = self.state;
        let mono = i64::try_from(now.mono.micros()).unwrap_or(i64::MAX);
        let ahead = now.wall.micros().saturating_sub(mono);
        let moved = self.ahead_us.replace(ahead).map_or(0, |was| ahead.saturating_sub(was));
        self.state = match (self.state, out_of_this_time(now.wall)) {
            (_, Some(doubt)) => State::Doubted(doubt),
            (State::Believed, None) if now.mono < self.settles => State::Believed,
            (State::Believed, None) => judged(moved),
            (State::Doubted(Doubt::Early | Doubt::Late), None) => State::Believed,
            (State::Doubted(Doubt::Jumped(by)), None) => judged(by.saturating_add(moved)),
        };
        std::mem::discriminant(&self.state) != std::mem::discriminant(&before)
    }

    /// A person says that it is right. What can not be stays in doubt.
    pub fn confirm(&mut self) -> bool {
        match self.state {
            State::Doubted(Doubt::Jumped(_)) => {
                self.state = State::Believed;
                true
            }
            State::Doubted(Doubt::Early | Doubt::Late) | State::Believed => false,
        }
    }

    /// Why it is not believed.
    #[must_use]
    pub const fn doubt(&self) -> Option<Doubt> {
        match self.state {
            State::Believed => None,
            State::Doubted(doubt) => Some(doubt),
        }
    }
}

fn judged(moved_us: i64) -> State {
    let small = u128::from(moved_us.unsigned_abs()) <= JUMP_MAX.as_micros();
    if small { State::Believed } else { State::Doubted(Doubt::Jumped(moved_us)) }
}

fn out_of_this_time(wall: Wall) -> Option<Doubt> {
    if wall < EARLIEST {
        return Some(Doubt::Early);
    }
    (wall >= LATEST).then_some(Doubt::Late)
}

#[cfg(test)]
mod tests {
    use super::{Clock, EARLIEST, LATEST};
    use holdfast_base::{Mono, Now, Wall};
    use proptest::prelude::*;

    const BASE: i64 = 1_800_000_000;

    /// Looks at (site time, wall clock) in seconds; what is doubted after each look.
    fn told(clock: &mut Clock, looks: &[(u64, i64)]) -> Vec<String> {
        let look = |(mono, wall): &(u64, i64)| {
            let mono = Mono::from_micros(mono * 1_000_000);
            clock.look(Now { mono, wall: Wall::from_micros((BASE + wall) * 1_000_000) });
            clock.doubt().map_or_else(|| "believed".to_owned(), |doubt| doubt.to_string())
        };
        looks.iter().map(look).collect()
    }

    #[test]
    fn a_jump_is_doubted_until_it_jumps_back_or_somebody_says_it_is_right() {
        let mut clock = Clock::new(Mono::default());
        assert_eq!(
            told(
                &mut clock,
                &[
                    (1000, 1000),
                    (1001, 1301),
                    (1002, 1603),
                    (1003, 5304),
                    (1004, 1605),
                    (1005, -6000)
                ]
            ),
            [
                "believed",
                // Five minutes each, as when the network sets it.
                "believed",
                "the clock has jumped forward by 0 h 5 min",
                "the clock has jumped forward by 1 h 6 min",
                "the clock has jumped forward by 0 h 5 min",
                "the clock has jumped back by 2 h 1 min",
            ]
        );
        assert!(clock.confirm() && !clock.confirm());
        assert_eq!(told(&mut clock, &[(1006, -5999)]), ["believed"]);
    }

    #[test]
    fn a_clock_is_set_soon_after_the_start() {
        let mut clock = Clock::new(Mono::default());
        let at_first = (0, -BASE);
        assert_eq!(
            told(&mut clock, &[at_first, (5, 5), (300, 4000), (599, 0), (900, 301)]),
            [
                "the clock shows a time before this program was made",
                "believed",
                "believed",
                "believed",
                "believed",
            ]
        );
        assert!(!clock.confirm());
        assert_eq!(
            told(&mut clock, &[(901, 4_000_000_000), (902, 303), (903, 5000)]),
            [
                "the clock shows a time in the next century",
                "believed",
                "the clock has jumped forward by 1 h 18 min",
            ]
        );
        let kept = serde_json::to_vec(&clock).unwrap();
        let before: Clock = serde_json::from_slice(&kept).unwrap();
        let mut again = Clock::new(Mono::from_micros(2_000_000_000));
        again.take_back(&before);
        assert_eq!(
            told(&mut again, &[(2000, 9_000_000)]),
            ["the clock has jumped forward by 1 h 18 min"],
            "a restart makes a wrong clock no better"
        );
    }

    #[test]
    fn the_limits_are_the_dates_that_they_say() {
        assert_eq!(EARLIEST.to_string(), "2026-01-01T00:00:00.000Z");
        assert_eq!(LATEST.to_string(), "2100-01-01T00:00:00.000Z");
    }

    proptest! {
        #[test]
        fn two_clocks_that_go_alike_are_never_doubted(
            steps in prop::collection::vec((0..100_000_u64, -299_000..299_000_i64), 0..30),
        ) {
            // Wandering within the limit around the same difference is none.
            let mut clock = Clock::new(Mono::default());
            let mut mono = 600_000;
            for (step, off) in steps {
                mono += step;
                let exact = BASE * 1000 + i64::try_from(mono).unwrap();
                for wall in [exact, exact + off / 2] {
                    let wall = Wall::from_micros(wall * 1000);
                    let changed = clock.look(Now { mono: Mono::from_micros(mono * 1000), wall });
                    prop_assert!(!changed && clock.doubt().is_none());
                }
            }
        }
    }
}
