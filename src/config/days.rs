//! Days of the calendar that are not like others: one date, the same date of every year, a date
//! that hangs on Easter or on a day of the week, or all days between two dates.
//!
//! Which days a rule means is asked day by day ([`Days::contain`]); it knows no clock.

use jiff::ToSpan as _;
use jiff::civil::{Date, Weekday};
use serde::{Deserialize, Serialize};

/// Names of days as they are written, Monday first.
pub(crate) const WEEKDAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];
/// Names of months as they are written.
pub(crate) const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
/// Which of a month: a fifth is there in some months only.
pub(crate) const COUNTED: [(&str, i8); 6] =
    [("1st", 1), ("2nd", 2), ("3rd", 3), ("4th", 4), ("5th", 5), ("last", -1)];
/// No feast that hangs on Easter is farther from it: the Sunday of the Trinity has 56 days.
const EASTER_DAYS_MAX: i64 = 120;
/// A leap year: it has every date that there is.
const EVERY_DATE: i16 = 2024;

/// One or more days.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Days {
    rule: Rule,
    /// As it was written.
    text: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Rule {
    /// This one.
    One(Date),
    /// The same each year; 29 February in leap years alone.
    Yearly(Anniversary),
    /// So many days after the Easter Sunday of the western churches.
    Easter(i64),
    /// The so-manyth such day of a month; -1 is the last.
    Counted { which: i8, weekday: Weekday, month: i8 },
    /// The last such day before a date, or the first after it; never the date itself.
    Beside { weekday: Weekday, side: Side, date: Anniversary },
    /// From the first to the last, both of them too.
    Span(Date, Date),
    /// The same each year, over New Year when the second comes first.
    YearlySpan(Anniversary, Anniversary),
}

/// Month and day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Anniversary {
    month: i8,
    day: i8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Before,
    After,
}

impl Days {
    /// Reads `2026-12-24`, `12-25`, `easter+39`, `4th thu of nov`, `wed before 11-23`,
    /// `2026-12-24 to 2027-01-01` or `12-24 to 01-01`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let rule = match words.as_slice() {
            [one] => single(one)?,
            [first, "to", last] => span(first, last)?,
            [which, weekday, "of", month] => Rule::Counted {
                which: named(&COUNTED, which)?,
                weekday: named(&WEEKDAYS, weekday)?,
                month: month_named(month)?,
            },
            [weekday, side, date] => Rule::Beside {
                weekday: named(&WEEKDAYS, weekday)?,
                side: named(&[("before", Side::Before), ("after", Side::After)], side)?,
                date: Anniversary::parse(date)?,
            },
            _ => return None,
        };
        Some(Self { rule, text: text.to_owned() })
    }

    /// Whether it is one of them.
    #[must_use]
    pub fn contain(&self, day: Date) -> bool {
        let year = day.year();
        // What hangs on another date may be in the year beside that one.
        let near = |day_of: &dyn Fn(i16) -> Option<Date>| {
            (-1..=1).any(|off| day_of(year.saturating_add(off)) == Some(day))
        };
        match &self.rule {
            Rule::One(date) => *date == day,
            Rule::Yearly(date) => *date == Anniversary::of(day),
            Rule::Easter(after) => near(&|year| easter(year)?.checked_add(after.days()).ok()),
            Rule::Counted { which, weekday, month } => {
                day.month() == *month
                    && day.nth_weekday_of_month(*which, *weekday).is_ok_and(|it| it == day)
            }
            Rule::Beside { weekday, side, date } => near(&|year| {
                let nth = match side {
                    Side::Before => -1,
                    Side::After => 1,
                };
                date.in_year(year)?.nth_weekday(nth, *weekday).ok()
            }),
            Rule::Span(first, last) => (*first..=*last).contains(&day),
            Rule::YearlySpan(first, last) => {
                let day = Anniversary::of(day);
                if first <= last {
                    (*first..=*last).contains(&day)
                } else {
                    day >= *first || day <= *last
                }
            }
        }
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl Anniversary {
    fn of(date: Date) -> Self {
        Self { month: date.month(), day: date.day() }
    }

    fn parse(text: &str) -> Option<Self> {
        let (month, day) = text.split_once('-')?;
        let two = |digits: &str| {
            let digits_only = digits.len() == 2 && digits.bytes().all(|it| it.is_ascii_digit());
            digits_only.then(|| digits.parse::<i8>().ok()).flatten()
        };
        let (month, day) = (two(month)?, two(day)?);
        Date::new(EVERY_DATE, month, day).ok().map(Self::of)
    }

    fn in_year(self, year: i16) -> Option<Date> {
        Date::new(year, self.month, self.day).ok()
    }
}

fn single(text: &str) -> Option<Rule> {
    if let Some(after) = text.strip_prefix("easter") {
        if after.is_empty() {
            return Some(Rule::Easter(0));
        }
        let signed = after.starts_with(['+', '-']);
        let after = after.parse::<i64>().ok().filter(|_| signed)?;
        return (after.abs() <= EASTER_DAYS_MAX).then_some(Rule::Easter(after));
    }
    date(text).map(Rule::One).or_else(|| Anniversary::parse(text).map(Rule::Yearly))
}

fn span(first: &str, last: &str) -> Option<Rule> {
    if let (Some(first), Some(last)) = (date(first), date(last)) {
        return (first <= last).then_some(Rule::Span(first, last));
    }
    Some(Rule::YearlySpan(Anniversary::parse(first)?, Anniversary::parse(last)?))
}

/// `2026-12-24` and no other of the forms that jiff reads.
fn date(text: &str) -> Option<Date> {
    const CHARS: usize = 10;
    let plain = text.bytes().all(|it| it.is_ascii_digit() || it == b'-');
    (text.len() == CHARS && plain).then(|| text.parse().ok()).flatten()
}

fn month_named(text: &str) -> Option<i8> {
    let place = MONTHS.iter().position(|known| known.eq_ignore_ascii_case(text))?;
    i8::try_from(place + 1).ok()
}

fn named<T: Copy>(known: &[(&str, T)], text: &str) -> Option<T> {
    let found = known.iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
    found.map(|(_, thing)| *thing)
}

/// Easter Sunday of the western churches, by the anonymous algorithm that Meeus prints
/// (Astronomical Algorithms, chapter 8): the age of the moon of the Gregorian tables, then the next
/// Sunday.
fn easter(year: i16) -> Option<Date> {
    let (golden, century, of_century) = (year % 19, year / 100, year % 100);
    let moved = (century - (century + 8) / 25 + 1) / 3;
    let moon = (19 * golden + century - century / 4 - moved + 15) % 30;
    let sunday = (32 + 2 * (century % 4) + 2 * (of_century / 4) - moon - of_century % 4) % 7;
    let late = (golden + 11 * moon + 22 * sunday) / 451;
    let after = i64::from(moon + sunday - 7 * late);
    Date::new(year, 3, 22).ok()?.checked_add(after.days()).ok()
}

impl TryFrom<String> for Days {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| format!("`{text}` is no day"))
    }
}

impl From<Days> for String {
    fn from(days: Days) -> Self {
        days.text
    }
}

#[cfg(test)]
mod tests {
    use super::{Days, easter};
    use jiff::ToSpan as _;
    use jiff::civil::{Date, date};
    use proptest::prelude::*;

    /// The days of some years that a rule means.
    fn meant(text: &str) -> Vec<String> {
        let days = Days::parse(text).unwrap();
        let all = date(2026, 1, 1).series(1.day()).take_while(|it| it.year() < 2029);
        all.filter(|day| days.contain(*day)).map(|day| day.to_string()).collect()
    }

    #[test]
    fn a_rule_means_its_days_and_no_others() {
        for (text, days) in [
            ("2026-12-24", &["2026-12-24"][..]),
            ("12-25", &["2026-12-25", "2027-12-25", "2028-12-25"]),
            ("02-29", &["2028-02-29"]),
            ("easter", &["2026-04-05", "2027-03-28", "2028-04-16"]),
            ("easter-2", &["2026-04-03", "2027-03-26", "2028-04-14"]),
            ("easter+39", &["2026-05-14", "2027-05-06", "2028-05-25"]),
            ("4th thu of nov", &["2026-11-26", "2027-11-25", "2028-11-23"]),
            ("last mon of may", &["2026-05-25", "2027-05-31", "2028-05-29"]),
            ("5th sun of feb", &[]),
            // The German day of prayer: the Wednesday before 23 November.
            ("wed before 11-23", &["2026-11-18", "2027-11-17", "2028-11-22"]),
            // A Wednesday itself is not before itself.
            ("wed before 11-25", &["2026-11-18", "2027-11-24", "2028-11-22"]),
            // Over New Year, both ways.
            ("fri after 12-31", &["2026-01-02", "2027-01-01", "2028-01-07"]),
            ("sun before 01-03", &["2026-12-27", "2028-01-02", "2028-12-31"]),
            ("2026-12-31 to 2027-01-01", &["2026-12-31", "2027-01-01"]),
            (
                "12-31 to 01-01",
                &[
                    "2026-01-01",
                    "2026-12-31",
                    "2027-01-01",
                    "2027-12-31",
                    "2028-01-01",
                    "2028-12-31",
                ],
            ),
            ("03-01 to 03-01", &["2026-03-01", "2027-03-01", "2028-03-01"]),
        ] {
            assert_eq!(meant(text), days, "{text}");
        }
    }

    #[test]
    fn easter_is_when_it_is() {
        // Dates of the almanacs, the earliest and the latest that can be among them.
        for (year, month, day) in [
            (1818, 3, 22),
            (1943, 4, 25),
            (1961, 4, 2),
            (2000, 4, 23),
            (2024, 3, 31),
            (2025, 4, 20),
            (2029, 4, 1),
            (2030, 4, 21),
            (2038, 4, 25),
            (2285, 3, 22),
        ] {
            assert_eq!(easter(year), Some(date(year, month, day)));
        }
    }

    #[test]
    fn what_is_no_day() {
        for bad in [
            "",
            "christmas",
            "2026-02-29",
            "02-30",
            "2-3",
            "13-01",
            "2026-12-24T00:00",
            "20261224",
            "easter39",
            "easter+121",
            "easter +1",
            "6th mon of may",
            "1st mon may",
            "wed before 2026-11-23",
            "2027-01-01 to 2026-12-31",
            "2026-12-31 to 01-01",
            "2026-12-24 - 2026-12-26",
        ] {
            assert_eq!(Days::parse(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_text_and_any_day_have_an_answer(text in ".{0,24}", day in -3_000_000..2_900_000_i64) {
            let Ok(day) = date(1970, 1, 1).checked_add(day.days()) else { return Ok(()) };
            for text in [text.as_str(), "easter+120", "easter-120", "fri after 12-31"] {
                if let Some(days) = Days::parse(text) {
                    let _: bool = days.contain(day);
                    prop_assert_eq!(String::from(days), text);
                }
            }
        }

        #[test]
        fn a_feast_comes_once_a_year(year in 1600..4000_i16, after in -60..=60_i64) {
            let days = Days::parse(&format!("easter{after:+}")).unwrap();
            let first = Date::new(year, 1, 1).unwrap();
            let all = first.series(1.day()).take_while(|it| it.year() == year);
            prop_assert_eq!(all.filter(|day| days.contain(*day)).count(), 1);
        }
    }
}
