//! The order of everything that waits, over all queues (QUEUEING.md 2.5, task rank).
//!
//! The text ranks by `wait_ms + priority_points × point_ms`, descending. All waits grow by the same
//! amount, so the order never changes with time, and the key can be stored: entry time minus what
//! the points are worth, ascending. That makes a rank a value which survives failed offers and
//! restarts unchanged.

use holdfast_base::Mono;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Strict order before everything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Before all others. Reserved for emergency numbers, which pass no queue of the configuration.
    Emergency,
    /// Everything else: ages.
    Normal,
}

/// The place of one contact; the smallest is served first. Total, because `seq` is never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Rank {
    class: Class,
    /// The entry time that a contact without points would need for the same score. Milliseconds
    /// of site time; negative for a contact that has more points than the site has age.
    origin_ms: i64,
    seq: u64,
}

impl Rank {
    /// The rank of a contact that entered at `entered` with `points`, each worth `point`.
    #[must_use]
    pub fn new(entered: Mono, points: u32, point: Duration, seq: u64) -> Self {
        let point_ms = i64::try_from(point.as_millis()).unwrap_or(i64::MAX);
        let entered_ms = i64::try_from(entered.millis()).unwrap_or(i64::MAX);
        let origin_ms = entered_ms.saturating_sub(point_ms.saturating_mul(i64::from(points)));
        Self { class: Class::Normal, origin_ms, seq }
    }

    /// The rank of the same contact with other points.
    #[must_use]
    pub fn with_points(self, entered: Mono, points: u32, point: Duration) -> Self {
        Self { class: self.class, ..Self::new(entered, points, point, self.seq) }
    }
}

#[cfg(test)]
mod tests {
    use super::{Class, Rank};
    use holdfast_base::Mono;
    use std::time::Duration;

    const POINT: Duration = Duration::from_secs(10);

    fn entered_ms(ms: u64) -> Mono {
        Mono::from_micros(ms * 1000)
    }

    #[test]
    fn a_normal_contact_overtakes_one_with_points_that_came_their_worth_later() {
        let normal = Rank::new(entered_ms(0), 0, POINT, 1);
        assert!(Rank::new(entered_ms(29_999), 3, POINT, 2) < normal);
        assert!(normal < Rank::new(entered_ms(30_000), 3, POINT, 2), "a tie goes to the first");
        assert!(normal < Rank::new(entered_ms(30_001), 3, POINT, 2));
    }

    #[test]
    fn a_tie_within_one_millisecond_goes_to_the_first_whatever_the_microseconds() {
        let first = Rank::new(Mono::from_micros(1_900), 0, POINT, 1);
        let second = Rank::new(Mono::from_micros(1_200), 0, POINT, 2);
        assert!(first < second);
    }

    #[test]
    fn new_points_keep_the_class_and_the_sequence() {
        let entered = entered_ms(5);
        let rank = Rank { class: Class::Emergency, ..Rank::new(entered, 0, POINT, 7) };
        let raised = rank.with_points(entered, 2, POINT);
        assert!(raised < rank);
        assert_eq!(raised.with_points(entered, 0, POINT), rank);
    }

    #[test]
    fn the_class_is_stronger_than_any_score() {
        let late = Rank { class: Class::Emergency, ..Rank::new(entered_ms(9), 0, POINT, 9) };
        assert!(late < Rank::new(entered_ms(0), u32::MAX, Duration::MAX, 1));
    }
}
