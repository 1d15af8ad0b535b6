//! How long callers waited, as a picture of fixed size: medians and the like of any span of time
//! come from sums of pictures, which averages can not give.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The finest step, in milliseconds.
const STEP_MS: u64 = 250;
/// Steps of each doubling: a wait is known to a sixteenth.
const PARTS: u64 = 16;

/// Counts of waits by their length.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Waits(BTreeMap<u64, u64>);

impl Waits {
    /// Counts one.
    pub fn add(&mut self, ms: u64) {
        *self.0.entry(slot(ms)).or_default() += 1;
    }

    /// Counts those of another picture as well.
    pub fn merge(&mut self, other: &Self) {
        for (slot, count) in &other.0 {
            *self.0.entry(*slot).or_default() += count;
        }
    }

    /// The wait that so many thousandths of them did not exceed, in milliseconds: at most a
    /// sixteenth (and a quarter of a second) too long. None without any.
    #[must_use]
    pub fn quantile(&self, permille: u64) -> Option<u64> {
        let all: u64 = self.0.values().sum();
        let wanted = all.saturating_mul(permille).div_ceil(1000).max(1);
        let mut seen = 0;
        let reached = |count: &u64| {
            seen += count;
            seen >= wanted
        };
        let mut counts = self.0.iter();
        let mut reached = reached;
        counts.find(|(_, count)| reached(count)).map(|(slot, _)| longest(*slot))
    }
}

/// Which step a wait falls into.
fn slot(ms: u64) -> u64 {
    let steps = ms / STEP_MS;
    if steps < PARTS {
        return steps;
    }
    let doublings = u64::from(steps.ilog2() - PARTS.ilog2());
    doublings * PARTS + (steps >> doublings)
}

/// The longest wait of a step.
fn longest(slot: u64) -> u64 {
    if slot < PARTS {
        return (slot + 1) * STEP_MS - 1;
    }
    let (doublings, part) = (slot / PARTS - 1, slot % PARTS + PARTS);
    (part + 1)
        .checked_shl(u32::try_from(doublings).unwrap_or(u32::MAX))
        .map_or(u64::MAX, |steps| steps.saturating_mul(STEP_MS).saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::{Waits, longest, slot};
    use proptest::prelude::*;

    #[test]
    fn quantiles_of_a_few() {
        let mut waits = Waits::default();
        assert_eq!(waits.quantile(500), None);
        for seconds in 1..=10 {
            waits.add(seconds * 1000);
        }
        let said = [1, 500, 900, 1000].map(|permille| waits.quantile(permille));
        assert_eq!(said, [Some(1249), Some(5249), Some(9499), Some(10_499)]);
    }

    proptest! {
        #[test]
        fn a_wait_is_known_to_a_sixteenth(ms in 0..10_000_000_000_u64) {
            let told = longest(slot(ms));
            prop_assert!(ms <= told && told < ms + ms / 16 + 250, "{ms} {told}");
        }

        #[test]
        fn a_sum_of_pictures_is_the_picture_of_all(
            one in prop::collection::vec(0..1_000_000_u64, 0..40),
            other in prop::collection::vec(0..1_000_000_u64, 0..40),
            permille in 0..=1000_u64,
        ) {
            let picture = |waits: &[u64]| {
                let mut picture = Waits::default();
                waits.iter().for_each(|ms| picture.add(*ms));
                picture
            };
            let mut sum = picture(&one);
            sum.merge(&picture(&other));
            let mut all = [one, other].concat();
            prop_assert_eq!(&sum, &picture(&all));
            all.sort_unstable();
            let place = (all.len() as u64 * permille).div_ceil(1000).max(1) - 1;
            let exact = all.get(usize::try_from(place).unwrap());
            prop_assert_eq!(sum.quantile(permille), exact.map(|ms| longest(slot(*ms))));
        }
    }
}
