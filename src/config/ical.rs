//! Holidays out of a calendar file as others publish them (iCalendar, RFC 5545), as a section of
//! the configuration that a person reads before it is used.
//!
//! Taken are events that last whole days, and those of them that come every year on the same date
//! or the same so-manyth day of a month. Everything else is told with its line, never guessed.

use jiff::civil::{Date, Weekday};
use std::collections::BTreeSet;

use crate::days::Days;

/// Largest file that is read: some ten thousand events.
pub const ICAL_BYTES_MAX: usize = 4 << 20;
/// Most days that are taken from a file.
const DAYS_MAX: usize = 400;
/// Longest name of a day, in characters.
const NAME_CHARS_MAX: usize = 80;
/// No holiday lasts longer; school holidays of a summer do not.
const LASTS_DAYS_MAX: i32 = 120;

/// What came out of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// The section, ready to stand in a configuration.
    pub section: String,
    /// Days that were taken.
    pub taken: usize,
    /// What was not, and why, each with its line.
    pub left_out: Vec<String>,
}

/// One event.
#[derive(Debug, Default)]
struct Event {
    /// The line on which it begins.
    line: usize,
    name: String,
    first: Option<Result<Date, String>>,
    /// The day after the last one: RFC 5545 §3.6.1, DTEND is not part of the event.
    after: Option<Date>,
    rule: Option<String>,
    cancelled: bool,
    /// What it has that this reader does not follow.
    odd: Option<&'static str>,
}

/// Reads a calendar file into a set of holidays of this name.
///
/// # Errors
/// When it is no calendar file, in a sentence.
pub fn import(text: &str, name: &str) -> Result<Imported, String> {
    if text.len() > ICAL_BYTES_MAX {
        return Err(format!("the file is larger than {ICAL_BYTES_MAX} bytes"));
    }
    let lines = unfolded(text);
    let begins = lines.iter().any(|(_, line)| line.eq_ignore_ascii_case("BEGIN:VCALENDAR"));
    if !begins {
        return Err("this is no iCalendar file: BEGIN:VCALENDAR is missing".to_owned());
    }
    let mut left_out = Vec::new();
    let mut days: Vec<(String, String)> = Vec::new();
    for event in events(&lines) {
        match event.days() {
            Ok(_) if days.len() >= DAYS_MAX => {
                left_out.push(event.told(&format!("{DAYS_MAX} days are the most")));
            }
            Ok(on) => days.push((on, event.name)),
            Err(why) => left_out.push(event.told(&why)),
        }
    }
    days.sort();
    let mut seen = BTreeSet::new();
    days.retain(|(on, _)| seen.insert(on.clone()));
    let mut section = format!("[[holidays]]\nname = {}\n", quoted(name));
    for (on, name) in &days {
        section += &format!("[[holidays.day]]\non = {}\n", quoted(on));
        if !name.is_empty() {
            section += &format!("name = {}\n", quoted(name));
        }
    }
    Ok(Imported { section, taken: days.len(), left_out })
}

/// The lines with the number of each, long ones put together again (RFC 5545 §3.1).
fn unfolded(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    for (at, line) in text.lines().enumerate() {
        match (line.strip_prefix([' ', '\t']), lines.last_mut()) {
            (Some(rest), Some((_, begun))) => begun.push_str(rest),
            (None, _) | (Some(_), None) => lines.push((at + 1, line.to_owned())),
        }
    }
    lines
}

fn events(lines: &[(usize, String)]) -> Vec<Event> {
    let mut events = Vec::new();
    let mut open: Option<Event> = None;
    // Parts inside of an event (alarms) have lines of the same names.
    let mut inside = 0_usize;
    for (line, text) in lines {
        let Some((head, value)) = text.split_once(':') else { continue };
        let mut head = head.split(';');
        let key = head.next().unwrap_or_default().to_ascii_uppercase();
        let of_event = value.eq_ignore_ascii_case("VEVENT");
        match (key.as_str(), &mut open) {
            ("BEGIN", None) if of_event => open = Some(Event { line: *line, ..Event::default() }),
            ("BEGIN", Some(_)) => inside += 1,
            ("END", Some(_)) if inside > 0 => inside -= 1,
            ("END", Some(_)) if of_event => events.extend(open.take()),
            (key, Some(event)) if inside == 0 => event.take(key, value),
            _ => {}
        }
    }
    events
}

impl Event {
    fn take(&mut self, key: &str, value: &str) {
        match key {
            "SUMMARY" => self.name = plain(value),
            "DTSTART" => self.first = Some(whole_day(value)),
            "DTEND" => self.after = whole_day(value).ok(),
            "RRULE" => self.rule = Some(value.to_ascii_uppercase()),
            "STATUS" => self.cancelled = value.eq_ignore_ascii_case("CANCELLED"),
            "RDATE" => self.odd = Some("it has further dates (RDATE)"),
            "EXDATE" => self.odd = Some("it leaves dates out (EXDATE)"),
            "RECURRENCE-ID" => self.odd = Some("it changes one of a series (RECURRENCE-ID)"),
            "DURATION" => self.odd = Some("its end is written as DURATION"),
            _ => {}
        }
    }

    /// Its days as the configuration writes them.
    fn days(&self) -> Result<String, String> {
        if self.cancelled {
            return Err("it is cancelled".to_owned());
        }
        if let Some(odd) = self.odd {
            return Err(odd.to_owned());
        }
        let first = self.first.clone().ok_or("it has no day (DTSTART)")??;
        let last = match self.after {
            Some(after) if after > first => after.yesterday().unwrap_or(first),
            Some(_) | None => first,
        };
        let lasts = last.since(first).map_or(i32::MAX, |span| span.get_days());
        if lasts > LASTS_DAYS_MAX {
            return Err(format!("it lasts longer than {LASTS_DAYS_MAX} days"));
        }
        let on = match &self.rule {
            None if first == last => first.to_string(),
            None => format!("{first} to {last}"),
            Some(rule) if first == last => yearly(rule, first)?,
            Some(_) => return Err("it lasts several days and comes again".to_owned()),
        };
        // What is written here is what `check` will read.
        Days::parse(&on).map(|_| on).ok_or_else(|| "its date is none".to_owned())
    }

    fn told(&self, why: &str) -> String {
        format!("line {}: `{}`: {why}", self.line, self.name)
    }
}

/// An event that comes again (RFC 5545 §3.3.10): every year without an end.
fn yearly(rule: &str, first: Date) -> Result<String, String> {
    let not_followed = || format!("how it comes again is not followed: {rule}");
    let (mut by_day, mut month) = (None, first.month());
    let mut every_year = false;
    for part in rule.split(';') {
        match part.split_once('=').unwrap_or((part, "")) {
            ("FREQ", "YEARLY") => every_year = true,
            ("INTERVAL", "1") | ("WKST", _) => {}
            ("BYMONTH", value) => month = value.parse().map_err(|_| not_followed())?,
            ("BYMONTHDAY", value) if value.parse() == Ok(first.day()) => {}
            ("BYDAY", value) => by_day = Some(counted(value).ok_or_else(not_followed)?),
            _ => return Err(not_followed()),
        }
    }
    if !every_year || month != first.month() {
        return Err(not_followed());
    }
    Ok(match by_day {
        None => format!("{:02}-{:02}", first.month(), first.day()),
        Some((which, weekday)) => {
            let month = usize::from(first.month().unsigned_abs()).saturating_sub(1);
            let month = crate::days::MONTHS.get(month).copied().unwrap_or_default();
            format!("{which} {weekday} of {month}")
        }
    })
}

/// `4TH`, the fourth Thursday, as the configuration says it.
fn counted(value: &str) -> Option<(&'static str, &'static str)> {
    let (which, day) = value.split_at_checked(value.len().checked_sub(2)?)?;
    let which: i8 = which.trim_start_matches('+').parse().ok()?;
    let which = crate::days::COUNTED.iter().find(|(_, number)| *number == which)?.0;
    let day = match day {
        "MO" => Weekday::Monday,
        "TU" => Weekday::Tuesday,
        "WE" => Weekday::Wednesday,
        "TH" => Weekday::Thursday,
        "FR" => Weekday::Friday,
        "SA" => Weekday::Saturday,
        "SU" => Weekday::Sunday,
        _ => return None,
    };
    let day = crate::days::WEEKDAYS.iter().find(|(_, known)| *known == day)?.0;
    Some((which, day))
}

/// `20261224`. With a time of day behind it, it is no whole day, except from midnight on.
fn whole_day(value: &str) -> Result<Date, String> {
    let (day, time) = value.split_once('T').unwrap_or((value, ""));
    if !matches!(time, "" | "000000") {
        return Err(format!("it begins or ends within a day ({value})"));
    }
    let digits = day.len() == 8 && day.bytes().all(|it| it.is_ascii_digit());
    let read = digits.then(|| day.parse::<Date>().ok()).flatten();
    read.ok_or_else(|| format!("`{value}` is no day"))
}

/// A text of RFC 5545 §3.3.11 as people read it, in one line.
fn plain(value: &str) -> String {
    let mut plain = String::new();
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        let meant = match c {
            '\\' => chars.next().map_or(' ', |c| if matches!(c, 'n' | 'N') { ' ' } else { c }),
            c => c,
        };
        plain.extend((!meant.is_control()).then_some(meant));
    }
    plain.trim().chars().take(NAME_CHARS_MAX).collect()
}

/// A text of TOML.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::{Imported, import};
    use proptest::prelude::*;

    fn event(lines: &str) -> String {
        format!("BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n{lines}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n")
    }

    #[test]
    fn a_file_becomes_a_section_that_the_configuration_takes() {
        let text = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\n\
            BEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20261225\r\nDTEND;VALUE=DATE:20261227\r\n\
            SUMMARY:Christ\r\n mas\\, \"both\\\\ days\r\n\
            BEGIN:VALARM\r\nSUMMARY:wrong\r\nEND:VALARM\r\nEND:VEVENT\r\n\
            BEGIN:VEVENT\r\nDTSTART:20260101T000000\r\nRRULE:FREQ=YEARLY\r\n\
            SUMMARY;LANGUAGE=en:New Year\r\nEND:VEVENT\r\n\
            BEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20261126\r\n\
            RRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=4TH\r\nEND:VEVENT\r\n\
            END:VCALENDAR\r\n";
        let Imported { section, taken, left_out } = import(text, "us").unwrap();
        assert_eq!(
            section,
            "[[holidays]]
name = \"us\"
[[holidays.day]]
on = \"01-01\"
name = \"New Year\"
[[holidays.day]]
on = \"2026-12-25 to 2026-12-26\"
name = \"Christmas, \\\"both\\\\ days\"
[[holidays.day]]
on = \"4th thu of nov\"
"
        );
        assert_eq!((taken, left_out), (3, vec![]));
        let (config, _) = crate::read(&section, "f").unwrap();
        assert_eq!(config.holidays[0].days[1].name, "Christmas, \"both\\ days");
    }

    #[test]
    fn what_is_not_followed_is_told_and_left_out() {
        for (lines, why) in [
            ("SUMMARY:a", "it has no day (DTSTART)"),
            ("DTSTART:20261225T090000Z", "it begins or ends within a day (20261225T090000Z)"),
            ("DTSTART:20261325", "`20261325` is no day"),
            ("DTSTART:20261225\nSTATUS:CANCELLED", "it is cancelled"),
            ("DTSTART:20261225\nDTEND:20271225", "it lasts longer than 120 days"),
            (
                "DTSTART:20261225\nRRULE:FREQ=MONTHLY",
                "how it comes again is not followed: FREQ=MONTHLY",
            ),
            (
                "DTSTART:20261225\nRRULE:FREQ=YEARLY;COUNT=3",
                "how it comes again is not followed: FREQ=YEARLY;COUNT=3",
            ),
            (
                "DTSTART:20261225\nDTEND:20261227\nRRULE:FREQ=YEARLY",
                "it lasts several days and comes again",
            ),
            ("DTSTART:20261225\nEXDATE:20271225", "it leaves dates out (EXDATE)"),
        ] {
            let Imported { taken, left_out, .. } = import(&event(lines), "x").unwrap();
            assert_eq!(taken, 0, "{lines}");
            assert!(
                left_out[0].starts_with("line 2: ") && left_out[0].ends_with(why),
                "{left_out:?}"
            );
        }
        assert!(import("BEGIN:VCARD", "x").unwrap_err().contains("BEGIN:VCALENDAR"));
    }

    #[test]
    fn no_more_days_than_a_set_may_have() {
        let one = |year: u32| format!("BEGIN:VEVENT\nDTSTART:{year:04}0501\nEND:VEVENT\n");
        let text: String = (1500..1500 + 401).map(one).collect();
        let done = import(&format!("BEGIN:VCALENDAR\n{text}"), "x").unwrap();
        assert_eq!((done.taken, done.left_out.len()), (400, 1));
    }

    proptest! {
        #[test]
        fn any_file_gives_an_answer_that_can_be_read(
            lines in prop::collection::vec(
                prop_oneof![
                    Just("BEGIN:VEVENT".to_owned()),
                    Just("END:VEVENT".to_owned()),
                    "DTSTART:20[0-9]{6}",
                    "DTEND:20[0-9]{6}",
                    "SUMMARY:.{0,20}",
                    "RRULE:FREQ=YEARLY(;BYDAY=[-+]?[0-9](MO|SU))?(;BYMONTH=[0-9]{1,2})?",
                    ".{0,20}",
                ],
                0..40,
            ),
        ) {
            let text = format!("BEGIN:VCALENDAR\n{}", lines.join("\n"));
            let section = import(&text, "x").unwrap().section;
            let read = crate::read(&section, "f");
            prop_assert!(read.is_ok(), "{section}: {read:?}");
        }
    }
}
