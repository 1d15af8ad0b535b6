//! Which day it is at the site, for figures that begin anew at midnight.

use holdfast_base::Wall;
use holdfast_config::Zone;

/// Midnight of every time zone falls on a quarter of an hour, so the calendar need not be asked in
/// between.
const QUARTER_SECONDS: i64 = 15 * 60;

/// The present day.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Today {
    quarter: Option<i64>,
    day: i64,
}

impl Today {
    /// Looks at the calendar when another quarter of an hour has begun.
    pub(super) fn look(&mut self, wall: Wall, zone: &Zone) {
        let quarter = wall.seconds().div_euclid(QUARTER_SECONDS);
        if self.quarter != Some(quarter) {
            *self = Self { quarter: Some(quarter), day: zone.day(wall) };
        }
    }

    /// Another time zone may hold now.
    pub(super) const fn forget(&mut self) {
        self.quarter = None;
    }

    /// Counted from 1970-01-01.
    pub(super) const fn day(self) -> i64 {
        self.day
    }
}

#[cfg(test)]
mod tests {
    use super::Today;
    use holdfast_base::Wall;
    use holdfast_config::Zone;

    #[test]
    fn a_day_begins_at_midnight_of_the_site() {
        let zone = Zone::named("Asia/Kathmandu").unwrap();
        let mut today = Today::default();
        let mut day_at = |text: &str| {
            today.look(zone.instant(text).unwrap(), &zone);
            today.day()
        };
        let first = day_at("2026-11-23T23:59:59");
        assert_eq!(first, 20_780);
        assert_eq!(day_at("2026-11-24T00:00:00"), first + 1);
        assert_eq!(day_at("2026-11-23T12:00:00"), first, "the clock may jump back");
        assert_eq!(Wall::from_micros(0).seconds(), 0);
    }
}
