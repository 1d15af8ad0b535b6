//! Whether somebody is there at an instant, why, and when that changes next (QUEUEING.md 2.9).
//!
//! Everything is read from the local clock of the calendar's zone: an instant is open when the day
//! and the minute that this clock shows are. So an interval in the hour that is left out when
//! clocks go forward is shorter, and one in the hour that comes twice holds both times. Of the
//! days, an exception comes before a holiday, and a holiday before the hours of the week.
//!
//! What goes over midnight belongs to the day on which it begins. A special day begins at its own
//! midnight, so what an ordinary day (or another special one) began the evening before ends there.
//!
//! Pure in the instant: the same question has the same answer, with the internet and without.
//! Whether the clock that says which instant it is can be believed is for [`clock`].

pub mod book;
pub mod clock;
pub mod explain;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;

use holdfast_base::Wall;
use holdfast_config::{Calendar, Config, Special};
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Timestamp, ToSpan as _};
use serde::Serialize;

/// How far ahead a change is looked for: what opens once a year is found.
const AHEAD_DAYS: i64 = 400;
/// Days that are looked at together: most changes lie in the first week.
const STRIDE_DAYS: i64 = 8;
/// Minutes of a day.
const DAY_MINUTES: u16 = 24 * 60;

/// Whether it is open, why, and until when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Whether callers are taken.
    pub open: bool,
    /// What says so.
    pub by: Ground,
    /// When it changes; none is not within a year.
    pub until: Option<Wall>,
}

/// What a verdict rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "ground", content = "name", rename_all = "snake_case")]
pub enum Ground {
    /// The hours of a week like any other.
    Week,
    /// A holiday.
    Holiday(String),
    /// A day of the calendar's own.
    Exception(String),
    /// What is to hold while the clock can not be believed.
    WithoutClock,
}

impl fmt::Display for Ground {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Week => f.write_str("the hours of the week"),
            Self::Holiday(name) => write!(f, "holiday: {name}"),
            Self::Exception(name) => write!(f, "exception: {name}"),
            Self::WithoutClock => f.write_str("the clock can not be believed"),
        }
    }
}

/// A calendar with everything that it refers to.
#[derive(Clone, Debug)]
pub struct Almanac<'c> {
    calendar: &'c Calendar,
    holidays: Vec<&'c Special>,
    rules: TimeZone,
}

/// Which hours a day has.
#[derive(Clone, Copy, Debug)]
enum Day<'c> {
    Ordinary,
    Holiday(&'c Special),
    Exception(&'c Special),
}

impl<'c> Day<'c> {
    const fn special(self) -> Option<&'c Special> {
        match self {
            Self::Ordinary => None,
            Self::Holiday(special) | Self::Exception(special) => Some(special),
        }
    }

    fn ground(self) -> Ground {
        match self {
            Self::Ordinary => Ground::Week,
            Self::Holiday(special) => Ground::Holiday(special.name.clone()),
            Self::Exception(special) => Ground::Exception(special.name.clone()),
        }
    }

    /// Whether what it began the evening before goes on in `next`.
    fn goes_on_in(self, next: Self) -> bool {
        match (self.special(), next.special()) {
            (_, None) => true,
            (Some(before), Some(after)) => std::ptr::eq(before, after),
            (None, Some(_)) => false,
        }
    }
}

impl<'c> Almanac<'c> {
    /// The calendar as this configuration has it.
    #[must_use]
    pub fn new(config: &'c Config, calendar: &'c Calendar) -> Self {
        let sets = calendar.holidays.iter();
        let sets = sets.filter_map(|name| config.holidays.iter().find(|set| set.name == *name));
        let zone = calendar.zone.as_ref().unwrap_or(&config.site.time_zone);
        Self { calendar, holidays: sets.flat_map(|set| &set.days).collect(), rules: zone.rules() }
    }

    /// Whether it is open at an instant.
    #[must_use]
    pub fn verdict(&self, at: Wall) -> Verdict {
        let (open, by) = self.state(instant(at));
        Verdict { open, by, until: self.change_after(at) }
    }

    /// Whether it is open at an instant, and nothing else.
    #[must_use]
    pub fn is_open(&self, at: Wall) -> bool {
        self.state(instant(at)).0
    }

    /// The first instant after `at` from which on it is otherwise: open, or closed.
    #[must_use]
    pub fn change_after(&self, at: Wall) -> Option<Wall> {
        let mut from = instant(at);
        let (open, _) = self.state(from);
        let mut day = self.rules.to_datetime(from).date();
        for _ in 0..AHEAD_DAYS / STRIDE_DAYS {
            let next = day.saturating_add(STRIDE_DAYS.days());
            let until = self.rules.to_timestamp(next.to_datetime(Time::midnight())).ok()?;
            let mut turns = self.turns(day, next).into_iter();
            let changed =
                turns.find(|turn| (from < *turn && *turn <= until) && self.state(*turn).0 != open);
            if let Some(turn) = changed {
                return Some(Wall::from_micros(turn.as_microsecond()));
            }
            (from, day) = (until.max(from), next);
        }
        None
    }

    /// Every instant of these days at which it could become otherwise, in order.
    fn turns(&self, first: Date, last: Date) -> BTreeSet<Timestamp> {
        let (first, last) = (first.saturating_sub(2.days()), last.saturating_add(1.day()));
        let mut turns = BTreeSet::new();
        for date in first.series(1.day()).take_while(|date| *date <= last) {
            let (midnight, day) = (date.to_datetime(Time::midnight()), self.day(date));
            turns.extend(self.shown_at(midnight));
            for span in self.spans(date, day) {
                for minute in [span.start, span.end] {
                    turns.extend(
                        self.shown_at(midnight.saturating_add(i64::from(minute).minutes())),
                    );
                }
            }
        }
        let begin =
            self.rules.to_timestamp(first.to_datetime(Time::midnight())).unwrap_or_default();
        let end = self.rules.to_timestamp(last.to_datetime(Time::midnight())).unwrap_or_default();
        let moved = self.rules.following(begin).map(|moved| moved.timestamp());
        turns.extend(moved.take_while(|moved| *moved <= end));
        turns
    }

    /// When the clock shows this time: once, twice, or not at all. Where it is left out, the leap
    /// itself stands among the turns.
    fn shown_at(&self, shown: DateTime) -> impl Iterator<Item = Timestamp> + use<> {
        let offsets = match self.rules.to_ambiguous_timestamp(shown).offset() {
            AmbiguousOffset::Unambiguous { offset } => [Some(offset), None],
            AmbiguousOffset::Gap { .. } => [None, None],
            AmbiguousOffset::Fold { before, after } => [Some(before), Some(after)],
        };
        offsets.into_iter().flatten().filter_map(move |offset| offset.to_timestamp(shown).ok())
    }

    /// Whether it is open at an instant, and what says so.
    fn state(&self, at: Timestamp) -> (bool, Ground) {
        let shown = self.rules.to_datetime(at);
        let date = shown.date();
        let minute =
            u16::from(shown.hour().unsigned_abs()) * 60 + u16::from(shown.minute().unsigned_abs());
        let today = self.day(date);
        if self.spans(date, today).any(|span| span.contains(&minute)) {
            return (true, today.ground());
        }
        let date = date.yesterday().unwrap_or(date);
        let yesterday = self.day(date);
        let late = minute + DAY_MINUTES;
        if yesterday.goes_on_in(today) && self.spans(date, yesterday).any(|it| it.contains(&late)) {
            return (true, yesterday.ground());
        }
        (false, today.ground())
    }

    fn day(&self, date: Date) -> Day<'c> {
        let own = self.calendar.exceptions.iter().find(|special| special.on.contain(date));
        let holiday = || self.holidays.iter().find(|special| special.on.contain(date));
        match own {
            Some(own) => Day::Exception(own),
            None => holiday().map_or(Day::Ordinary, |special| Day::Holiday(special)),
        }
    }

    /// The open minutes that begin on a day, counted from its midnight.
    fn spans(&self, date: Date, day: Day<'c>) -> impl Iterator<Item = Range<u16>> + use<'c> {
        let weekday = usize::from(date.weekday().to_monday_zero_offset().unsigned_abs());
        let open = day.special().map_or(&self.calendar.open, |special| &special.open);
        open.iter().filter_map(move |hours| hours.on(weekday))
    }
}

fn instant(at: Wall) -> Timestamp {
    Timestamp::from_microsecond(at.micros()).unwrap_or_default()
}
