//! When somebody is there: calendars that open at some time, holidays that exist, and days that are
//! not said twice.

use std::collections::BTreeSet;

use super::Check;
use crate::calendar::Special;

/// Most days of one set or calendar: some ten years of a country with many holidays. Every look at
/// a day goes through them.
const SPECIALS_MAX: usize = 400;

impl Check<'_> {
    pub(super) fn calendars(&mut self) {
        let config = self.config;
        let calendars: BTreeSet<String> =
            config.calendars.iter().map(|it| it.name.to_string()).collect();
        let sets: BTreeSet<String> = config.holidays.iter().map(|it| it.name.clone()).collect();
        for (position, set) in config.holidays.iter().enumerate() {
            self.specials(&format!("holidays[{position}].day"), &set.days);
            if !config.calendars.iter().any(|calendar| calendar.holidays.contains(&set.name)) {
                let what = format!("no calendar has the holidays `{}`", set.name);
                let remedy = format!("write holidays = [\"{}\"] into a [[calendar]]", set.name);
                self.warn(&format!("holidays[{position}]"), what, remedy);
            }
        }
        for (position, calendar) in config.calendars.iter().enumerate() {
            let path = format!("calendar[{position}]");
            for (at, set) in calendar.holidays.iter().enumerate() {
                self.must_exist(&format!("{path}.holidays[{at}]"), "holidays", set, &sets);
            }
            self.specials(&format!("{path}.exception"), &calendar.exceptions);
            if !calendar.ever_opens(&config.holidays) {
                let what = format!("`{}` is never open", calendar.name);
                self.warn(&path, what, "say when: open = [\"mon-fri 08:00-18:00\"]");
            }
            let mut queues = config.queues.iter();
            if !queues.any(|queue| queue.calendar.as_ref() == Some(&calendar.name)) {
                let what = format!("no queue asks the calendar `{}`", calendar.name);
                let remedy = format!("write calendar = \"{}\" into a [[queue]]", calendar.name);
                self.warn(&path, what, remedy);
            }
        }
        for (position, queue) in config.queues.iter().enumerate() {
            if let Some(name) = &queue.calendar {
                let path = format!("queue[{position}].calendar");
                self.must_exist(&path, "calendar", name.as_str(), &calendars);
            }
        }
    }

    fn specials(&mut self, path: &str, specials: &[Special]) {
        if specials.len() > SPECIALS_MAX {
            let what = format!("{} days are too many", specials.len());
            self.error(path, what, format!("keep {SPECIALS_MAX} at most: take past ones away"));
        }
        let mut seen = BTreeSet::new();
        for (at, special) in specials.iter().enumerate() {
            if !seen.insert(special.on.as_str()) {
                let what =
                    format!("`{}` stands here twice, and the first holds", special.on.as_str());
                self.warn(&format!("{path}[{at}].on"), what, "take one away");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::told;

    #[test]
    fn calendars_are_asked_open_at_some_time_and_name_what_there_is() {
        let text = "
[[holidays]]
name = 'berlin'
day = [{ on = '12-25' }, { on = '12-25', name = 'Christmas' }]
[[holidays]]
name = 'bern'
[[calendar]]
name = 'office'
holidays = ['berlni']
[[calendar]]
name = 'office'
open = ['mon-fri 08:00-18:00']
[[queue]]
name = 'q'
calendar = 'ofice'
members = ['a']
[[agent]]
name = 'a'
endpoints = [{ account = 'a' }]
[[account]]
name = 'a'
";
        let told = told(text);
        assert_eq!(
            told,
            [
                "f:2: warning: key `holidays`: no calendar has the holidays `berlin`; write \
                 holidays = [\"berlin\"] into a [[calendar]]",
                "f:4: warning: key `holidays.day.on`: `12-25` stands here twice, and the first \
                 holds; take one away",
                "f:5: warning: key `holidays`: no calendar has the holidays `bern`; write \
                 holidays = [\"bern\"] into a [[calendar]]",
                "f:7: warning: key `calendar`: `office` is never open; say when: open = \
                 [\"mon-fri 08:00-18:00\"]",
                "f:7: warning: key `calendar`: no queue asks the calendar `office`; write \
                 calendar = \"office\" into a [[queue]]",
                "f:9: key `calendar.holidays`: there is no holidays `berlni`; did you mean \
                 `berlin`?",
                "f:10: warning: key `calendar`: no queue asks the calendar `office`; write \
                 calendar = \"office\" into a [[queue]]",
                "f:11: key `calendar.name`: there are two of the kind calendar named `office`; \
                 give one of them another name",
                "f:15: key `queue.calendar`: there is no calendar `ofice`; did you mean `office`?",
            ]
        );
    }

    #[test]
    fn a_wrong_day_says_how_days_are_written() {
        let text = "
[[calendar]]
name = 'office'
time_zone = 'Europe/Bonn'
without_clock = 'maybe'
[[calendar.exception]]
on = '24.12.2026'
[[calendar.exception]]
on = '2026-12-24'
open = ['thu 09:00-12:00', '9-12']
";
        let told = told(text);
        let starts = [
            "f:4: key `calendar.time_zone`: there is no time zone `Europe/Bonn`",
            "f:5: key `calendar.without_clock`: `maybe` does not say whether it is open",
            "f:7: key `calendar.exception.on`: `24.12.2026` is no day; write for example \
             \"2026-12-24\"",
            "f:10: key `calendar.exception.open`: `thu 09:00-12:00` names days, and which day it \
             is stands in `on`",
            "f:10: key `calendar.exception.open`: `9-12` is no part of the week",
        ];
        assert_eq!(told.len(), starts.len(), "{told:#?}");
        for (told, start) in told.iter().zip(starts) {
            assert!(told.starts_with(start), "{told}");
        }
    }
}
