//! Lengths of time as an operator writes them: `"500ms"`, `"18s"`, `"2m"`, `"1h"`.
//!
//! One whole number and one unit. No bare numbers, since nobody remembers which unit a key has.

use std::fmt;
use std::time::Duration;

/// Longest span that is accepted; beyond a month it is a slip of the keyboard.
pub const SPAN_MAX: Duration = Duration::from_secs(31 * 24 * 3600);

/// The text is not a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotASpan {
    /// It is not a whole number with a unit.
    Form,
    /// It is longer than [`SPAN_MAX`].
    TooLong,
}

impl fmt::Display for NotASpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Form => "not a length of time",
            Self::TooLong => "longer than 31 days",
        })
    }
}

impl std::error::Error for NotASpan {}

/// Reads a span.
///
/// # Errors
/// When the text is anything but digits and one of the units `ms`, `s`, `m`, `h`, or too long.
pub fn parse(text: &str) -> Result<Duration, NotASpan> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or(NotASpan::Form)?;
    let (number, unit) = text.split_at(digits);
    let unit_ms = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(NotASpan::Form),
    };
    if number.is_empty() {
        return Err(NotASpan::Form);
    }
    // Digits that do not fit are still a number: a far too long one.
    let number: u64 = number.parse().map_err(|_| NotASpan::TooLong)?;
    let span = number.checked_mul(unit_ms).map(Duration::from_millis).ok_or(NotASpan::TooLong)?;
    if span <= SPAN_MAX { Ok(span) } else { Err(NotASpan::TooLong) }
}

/// Writes a span in the largest unit that leaves a whole number. Parts of a millisecond are lost.
#[must_use]
pub fn print(span: Duration) -> String {
    let ms = span.as_millis();
    let units = [("h", 3_600_000), ("m", 60_000), ("s", 1_000)];
    let whole = units.into_iter().find(|(_, unit_ms)| ms > 0 && ms.is_multiple_of(*unit_ms));
    match whole {
        Some((unit, unit_ms)) => format!("{}{unit}", ms / unit_ms),
        None if ms == 0 => "0s".to_owned(),
        None => format!("{ms}ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_each_unit() {
        let read = |text| parse(text).map(|span| span.as_millis());
        assert_eq!(read("500ms"), Ok(500));
        assert_eq!(read("18s"), Ok(18_000));
        assert_eq!(read("2m"), Ok(120_000));
        assert_eq!(read("1h"), Ok(3_600_000));
        assert_eq!(read("0s"), Ok(0));
        assert_eq!(read("744h"), Ok(SPAN_MAX.as_millis()));
    }

    #[test]
    fn refuses_what_has_two_readings() {
        for bad in ["", "18", "s", "1.5s", "-1s", "1 s", "1m30s", "1S", "18sec", "\u{0661}s"] {
            assert_eq!(parse(bad), Err(NotASpan::Form), "{bad}");
        }
        for long in ["745h", "99999999999999999999999s", "18446744073709551615h"] {
            assert_eq!(parse(long), Err(NotASpan::TooLong), "{long}");
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back(ms in 0..=2_678_400_000_u64) {
            let span = Duration::from_millis(ms);
            prop_assert_eq!(parse(&print(span)), Ok(span));
        }

        #[test]
        fn any_text_gives_an_answer(text in any::<String>()) {
            if let Ok(span) = parse(&text) {
                prop_assert!(span <= SPAN_MAX);
            }
        }
    }
}
