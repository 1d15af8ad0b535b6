//! When somebody is there: the hours of a week in a time zone, the days on which others hold, and
//! what holds while the clock of the box can not be believed (QUEUEING.md 2.9).
//!
//! Holidays stand in sets of their own, because several calendars share them; exceptions belong to
//! one calendar and come before them.

use holdfast_base::CalendarName;
use serde::{Deserialize, Serialize};
use toml::de::DeValue;

use crate::days::Days;
use crate::defaults;
use crate::finding::Wrong;
use crate::hours::{Hours, Zone};
use crate::kind::{self, Read};
use crate::section::Section;

/// A calendar.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calendar {
    /// Its name.
    pub name: CalendarName,
    /// Where its clock hangs; the zone of the site when absent.
    pub zone: Option<Zone>,
    /// The hours of a week like any other.
    pub open: Vec<Hours>,
    /// Sets of days that are holidays here.
    pub holidays: Vec<String>,
    /// Days of its own that are different; the first that fits holds.
    pub exceptions: Vec<Special>,
    /// What holds while the clock can not be believed.
    pub without_clock: WithoutClock,
}

/// Holidays that calendars share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holidays {
    /// The name of the set.
    pub name: String,
    /// The days; the first that fits holds.
    pub days: Vec<Special>,
}

/// Days on which other hours hold, each from its midnight to the next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Special {
    /// Which days.
    pub on: Days,
    /// What people call them.
    pub name: String,
    /// The hours of each of them; none is closed all day.
    pub open: Vec<Hours>,
}

/// What holds while the clock of the box can not be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WithoutClock {
    /// What held when it was believed last; open where nobody knows.
    Keep,
    /// Open.
    Open,
    /// Closed.
    Closed,
}

/// Reads `[[calendar]]`.
pub(crate) fn read(section: &mut Section<'_, '_, '_>) -> Option<Calendar> {
    let name = section.must("name", kind::name, "\"office\"");
    let calendar = Calendar {
        name: CalendarName::new(name.as_deref().unwrap_or_default()),
        zone: section.may("time_zone", kind::zone),
        open: section.list("open", kind::hours),
        holidays: section.list("holidays", kind::name),
        exceptions: section.tables("exception", special).unwrap_or_default(),
        without_clock: section.or("without_clock", without_clock, defaults::WITHOUT_CLOCK),
    };
    name.map(|_| calendar)
}

/// Reads `[[holidays]]`.
pub(crate) fn read_holidays(section: &mut Section<'_, '_, '_>) -> Option<Holidays> {
    let name = section.must("name", kind::name, "\"berlin\"");
    let days = section.tables("day", special).unwrap_or_default();
    name.map(|name| Holidays { name, days })
}

fn special(section: &mut Section<'_, '_, '_>) -> Option<Special> {
    let on = section.must("on", days, "\"12-25\"");
    let name = section.may("name", kind::some_text);
    let open = section.list("open", hours_of_a_day);
    let on = on?;
    let name = name.unwrap_or_else(|| on.as_str().to_owned());
    Some(Special { on, name, open })
}

fn days(value: &DeValue<'_>) -> Read<Days> {
    let text = kind::text(value)?;
    Days::parse(&text).ok_or_else(|| {
        let remedy = "write for example \"2026-12-24\", \"12-25\" for every year, \"easter+39\", \
                      \"4th thu of nov\", \"wed before 11-23\" or \"12-24 to 01-01\"";
        Wrong::new(format!("`{text}` is no day"), remedy)
    })
}

/// The day is known, so no day of the week can stand before the time.
fn hours_of_a_day(value: &DeValue<'_>) -> Read<Hours> {
    let hours = kind::hours(value)?;
    if hours.as_str().trim().contains(char::is_whitespace) {
        let what = format!("`{}` names days, and which day it is stands in `on`", hours.as_str());
        return Err(Wrong::new(what, "write the time alone, for example \"09:00-12:00\""));
    }
    Ok(hours)
}

fn without_clock(value: &DeValue<'_>) -> Read<WithoutClock> {
    match kind::text(value)?.as_str() {
        "keep" => Ok(WithoutClock::Keep),
        "open" => Ok(WithoutClock::Open),
        "closed" => Ok(WithoutClock::Closed),
        other => Err(Wrong::new(
            format!("`{other}` does not say whether it is open without a clock"),
            "write \"keep\", \"open\" or \"closed\"",
        )),
    }
}

impl Calendar {
    /// Whether it is open at some time at all.
    #[must_use]
    pub(crate) fn ever_opens(&self, sets: &[Holidays]) -> bool {
        let mine = sets.iter().filter(|set| self.holidays.contains(&set.name));
        let mut special = mine.flat_map(|set| &set.days).chain(&self.exceptions);
        !self.open.is_empty() || special.any(|special| !special.open.is_empty())
    }
}
