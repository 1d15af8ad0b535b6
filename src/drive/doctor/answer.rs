//! What an answer to OPTIONS tells beside its status.

use holdfast_core::doctor::Answer;
use holdfast_wire::sdp::{MediaKind, Sdp};
use holdfast_wire::sip::Response;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Static payload types that need no rtpmap (RFC 3551 §6).
const STATIC: [(&str, &str); 4] = [("0", "PCMU"), ("8", "PCMA"), ("9", "G722"), ("18", "G729")];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Reads an answer that took so long.
pub(super) fn read(response: &Response, took: Duration) -> Answer {
    let headers = &response.headers;
    let contacts = headers.contacts().unwrap_or_default();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let date = headers.get("Date").and_then(|date| seconds(&date));
    Answer {
        status: response.status.code(),
        took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        contact: contacts.first().is_some_and(|contact| contact.uri.host().is_some()),
        skew_s: date.map(|date| date.abs_diff(now)),
        codecs: codecs(&response.body),
    }
}

/// The names of the audio codecs of a description.
fn codecs(body: &[u8]) -> Option<Vec<String>> {
    let sdp = Sdp::parse(body).ok().filter(|_| !body.is_empty())?;
    let audio = sdp.media().iter().find(|media| media.head().kind == MediaKind::Audio)?;
    let text = String::from_utf8_lossy(body);
    let named = |payload: &String| {
        let mapped = text.lines().find_map(|line| {
            let rest = line.trim().strip_prefix("a=rtpmap:")?.strip_prefix(payload.as_str())?;
            Some(rest.trim().split('/').next().unwrap_or_default().to_ascii_uppercase())
        });
        let fixed = STATIC.iter().find(|(number, _)| number == payload);
        mapped.or_else(|| fixed.map(|(_, name)| (*name).to_owned()))
    };
    let names = audio.head().formats.iter().filter_map(named);
    Some(names.filter(|name| name != "TELEPHONE-EVENT").collect())
}

/// Seconds since 1970 of a Date (RFC 3261 §20.17: that of RFC 1123, always GMT).
fn seconds(date: &str) -> Option<u64> {
    let (_, rest) = date.split_once(", ")?;
    let words: Vec<&str> = rest.split(' ').collect();
    let [day, month, year, time, "GMT"] = words.as_slice() else { return None };
    let month = MONTHS.iter().position(|name| name == month)?;
    let mut clock = time.split(':').map(|part| part.parse::<u64>().ok());
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    let days = days(year.parse().ok()?, month, day.parse().ok()?)?;
    Some(((days * 24 + hour) * 60 + minute) * 60 + second)
}

/// Days from 1 January 1970 to a day of the Gregorian calendar.
fn days(year: u64, month: usize, day: u64) -> Option<u64> {
    const LENGTHS: [u64; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let leap = |year: u64| {
        (year.is_multiple_of(4) && !year.is_multiple_of(100)) || year.is_multiple_of(400)
    };
    if !(1970..=9999).contains(&year) || day == 0 {
        return None;
    }
    let years: u64 = (1970..year).map(|year| if leap(year) { 366 } else { 365 }).sum();
    let months: u64 = LENGTHS.iter().take(month).sum();
    let leap_day = u64::from(month > 1 && leap(year));
    Some(years + months + leap_day + day - 1)
}

#[cfg(test)]
mod dates {
    use super::seconds;

    #[test]
    fn a_date_is_read_in_its_one_form() {
        assert_eq!(seconds("Thu, 01 Jan 1970 00:00:09 GMT"), Some(9));
        assert_eq!(seconds("Sat, 13 Nov 2010 23:29:00 GMT"), Some(1_289_690_940));
        assert_eq!(seconds("Thu, 29 Feb 2024 12:00:00 GMT"), Some(1_709_208_000));
        for bad in ["", "13 Nov 2010 23:29:00 GMT", "Sat, 13 Nov 2010 23:29:00 CET", "Sat, 1 X"] {
            assert_eq!(seconds(bad), None, "{bad}");
        }
    }
}
