//! What a calendar says at a time, and what it will say next, for a person who wants to know.

use holdfast_base::Wall;
use holdfast_config::{Config, Zone};
use serde::Serialize;
use std::fmt;

use super::Almanac;

/// Changes that are told (PAGES.md: the next ten).
const CHANGES_MAX: usize = 10;

/// Why a question can not be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unclear {
    /// There is no such calendar.
    NoCalendar(String),
    /// This is no time.
    NoTime(String),
}

impl fmt::Display for Unclear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCalendar(name) => write!(f, "there is no calendar `{name}`"),
            Self::NoTime(text) => {
                write!(f, "`{text}` is no time: write for example 2026-11-23T08:00")
            }
        }
    }
}

/// What a calendar says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// Its name.
    pub calendar: String,
    /// The zone of its clock.
    pub zone: String,
    /// Day, date and time on that clock, with the distance from UTC.
    pub at: String,
    /// Whether callers are taken then.
    pub open: bool,
    /// What says so.
    pub because: String,
    /// The next changes, soonest first.
    pub changes: Vec<Change>,
}

/// A change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// When, on the clock of the calendar.
    pub at: String,
    /// Whether it opens.
    pub opens: bool,
    /// What says so.
    pub because: String,
}

/// Explains what the calendar `name` says at a time on its own clock; now when none is given.
///
/// # Errors
/// When there is no such calendar, or the time is none.
pub fn explain(
    config: &Config,
    name: &str,
    at: Option<&str>,
    now: Wall,
) -> Result<Explanation, Unclear> {
    let calendar = config.calendar(name).ok_or_else(|| Unclear::NoCalendar(name.to_owned()))?;
    let zone: &Zone = calendar.zone.as_ref().unwrap_or(&config.site.time_zone);
    let at = match at {
        None => now,
        Some(text) => zone.instant(text).ok_or_else(|| Unclear::NoTime(text.to_owned()))?,
    };
    let almanac = Almanac::new(config, calendar);
    let verdict = almanac.verdict(at);
    let mut next = verdict.until;
    let mut changes = Vec::new();
    while let Some(when) = next.filter(|_| changes.len() < CHANGES_MAX) {
        let verdict = almanac.verdict(when);
        let (opens, because) = (verdict.open, verdict.by.to_string());
        changes.push(Change { at: zone.stamp(when), opens, because });
        next = verdict.until;
    }
    Ok(Explanation {
        calendar: name.to_owned(),
        zone: zone.name().to_owned(),
        at: zone.stamp(at),
        open: verdict.open,
        because: verdict.by.to_string(),
        changes,
    })
}

/// The same of one calendar, or of all in order of the configuration.
///
/// # Errors
/// As [`explain`].
pub fn explain_all(
    config: &Config,
    name: Option<&str>,
    at: Option<&str>,
    now: Wall,
) -> Result<Vec<Explanation>, Unclear> {
    let all = config.calendars.iter().map(|calendar| calendar.name.as_str());
    let names: Vec<&str> = name.map_or_else(|| all.collect(), |name| vec![name]);
    names.into_iter().map(|name| explain(config, name, at, now)).collect()
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { calendar, zone, at, open, because, changes } = self;
        writeln!(f, "calendar  {calendar}, {zone}")?;
        writeln!(f, "at        {at}")?;
        writeln!(f, "result    {}: {because}\n", if *open { "OPEN" } else { "CLOSED" })?;
        for Change { at, opens, because } in changes {
            writeln!(f, "{at}  {}  {because}", if *opens { "opens " } else { "closes" })?;
        }
        if changes.is_empty() {
            writeln!(f, "no change within a year")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::explain;
    use holdfast_base::Wall;

    fn told(name: &str, at: Option<&str>) -> String {
        let text = "
[site]
time_zone = 'Europe/Berlin'
[[holidays]]
name = 'berlin'
day = [{ on = '12-25 to 12-26', name = 'Christmas' }, { on = '01-01' }]
[[calendar]]
name = 'office'
open = ['mon-fri 08:00-18:00', 'fri 22:00-06:00']
holidays = ['berlin']
[[calendar.exception]]
on = '2026-12-24'
name = 'Christmas Eve'
open = ['09:00-12:00']
[[calendar]]
name = 'never'
time_zone = 'America/New_York'
";
        let (config, _) = holdfast_config::read(text, "f").unwrap();
        match explain(&config, name, at, Wall::from_micros(1_795_341_903_000_000)) {
            Ok(explanation) => explanation.to_string(),
            Err(unclear) => format!("{unclear}\n"),
        }
    }

    #[test]
    fn says_what_holds_and_the_next_changes() {
        assert_eq!(
            told("office", Some("2026-12-23T17:59")),
            "calendar  office, Europe/Berlin
at        wed 2026-12-23 17:59 +01:00
result    OPEN: the hours of the week

wed 2026-12-23 18:00 +01:00  closes  the hours of the week
thu 2026-12-24 09:00 +01:00  opens   exception: Christmas Eve
thu 2026-12-24 12:00 +01:00  closes  exception: Christmas Eve
mon 2026-12-28 08:00 +01:00  opens   the hours of the week
mon 2026-12-28 18:00 +01:00  closes  the hours of the week
tue 2026-12-29 08:00 +01:00  opens   the hours of the week
tue 2026-12-29 18:00 +01:00  closes  the hours of the week
wed 2026-12-30 08:00 +01:00  opens   the hours of the week
wed 2026-12-30 18:00 +01:00  closes  the hours of the week
thu 2026-12-31 08:00 +01:00  opens   the hours of the week
"
        );
    }

    #[test]
    fn an_hour_that_comes_twice_is_told_apart() {
        let told = told("office", Some("2026-10-25T02:30+02:00"));
        assert!(told.contains("at        sun 2026-10-25 02:30 +02:00\n"), "{told}");
        assert!(told.contains("result    CLOSED: the hours of the week\n"), "{told}");
    }

    #[test]
    fn what_never_opens_and_what_is_not_there() {
        assert_eq!(
            told("never", None),
            "calendar  never, America/New_York
at        sun 2026-11-22 05:05 -05:00
result    CLOSED: the hours of the week

no change within a year
"
        );
        assert_eq!(told("shop", None), "there is no calendar `shop`\n");
        let noon = "`noon` is no time: write for example 2026-11-23T08:00\n";
        assert_eq!(told("office", Some("noon")), noon);
    }
}
