//! How long registrations of phones live, and how they are kept from coming all at once.

use std::time::Duration;

/// How long bindings may live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// Shorter wishes are refused with 423.
    pub min: Duration,
    /// Longer wishes are cut.
    pub max: Duration,
    /// Up to so many thousandths are taken off, by chance and down to `min`: phones that were
    /// switched on together, or lost the box together, do not come back together for ever.
    pub spread_permille: u32,
}

impl Lifetimes {
    /// What is granted to a wish that is not too short (RFC 3261 §10.3 step 7 lets us shorten it).
    /// The chance is in `tag`, which is another one for each REGISTER.
    #[must_use]
    pub fn granted(self, wished: Duration, tag: &str) -> Duration {
        let chance = tag.get(..8).and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let less = chance.unwrap_or(0).checked_rem(self.spread_permille).unwrap_or(0);
        let most = wished.min(self.max);
        (most - most * less.min(1000) / 1000).max(self.min)
    }
}

#[cfg(test)]
mod tests {
    use super::Lifetimes;
    use std::time::Duration;

    #[test]
    fn phones_are_spread_and_none_gets_less_than_the_least() {
        let (min, max) = (Duration::from_secs(60), Duration::from_secs(600));
        let lifetimes = Lifetimes { min, max, spread_permille: 125 };
        let granted = |seconds: u64, tag: &str| {
            lifetimes.granted(Duration::from_secs(seconds), tag).as_secs()
        };
        // 0x7c is 124, the most that is taken off; 0x7d is 125, as good as nothing.
        assert_eq!(granted(3600, "0000007cffffffff"), 525);
        assert_eq!(granted(3600, "0000007dffffffff"), 600);
        assert_eq!(granted(300, "0000007cffffffff"), 262);
        assert_eq!(granted(60, "0000007cffffffff"), 60);
        assert_eq!(granted(66, "0000007cffffffff"), 60);
        let sum: u64 = (0..1000).map(|phone| granted(600, &format!("{:08x}", phone * 7919))).sum();
        assert!((555_000..=570_000).contains(&sum), "{sum}: spread evenly");
    }
}
