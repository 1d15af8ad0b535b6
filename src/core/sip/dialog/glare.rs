//! When a change of ours that met one of theirs is tried again: RFC 3261 §14.1.
//!
//! The two sides wait for times that do not overlap, so that they do not meet again.

use holdfast_base::Entropy;
use std::time::Duration;

/// The steps in which the RFC counts.
const STEP_MS: u64 = 10;
/// The side that chose the Call-ID waits 2.1 s to 4 s.
const OWNER_STEPS: (u64, u64) = (210, 400);
/// The other one 0 s to 2 s.
const OTHER_STEPS: (u64, u64) = (0, 200);

/// How long to wait after a 491.
pub(super) fn delay(owner: bool, entropy: &mut Entropy) -> Duration {
    let (least, most) = if owner { OWNER_STEPS } else { OTHER_STEPS };
    Duration::from_millis((least + entropy.number() % (most - least + 1)) * STEP_MS)
}

#[cfg(test)]
mod tests {
    use super::{Duration, Entropy, delay};

    #[test]
    fn the_two_sides_never_wait_for_the_same_time() {
        let mut entropy = Entropy::new([7; 32]);
        let mut drawn =
            |owner| -> Vec<Duration> { (0..2000).map(|_| delay(owner, &mut entropy)).collect() };
        let (owner, other) = (drawn(true), drawn(false));
        let ms = Duration::from_millis;
        assert_eq!(owner.iter().min().zip(owner.iter().max()), Some((&ms(2100), &ms(4000))));
        assert_eq!(other.iter().min().zip(other.iter().max()), Some((&ms(0), &ms(2000))));
        assert!(owner.iter().all(|time| time.as_millis() % 10 == 0), "units of 10 ms");
    }
}
