//! Durations and instants on the page.
//!
//! A duration that runs is written as the instant it began (`data-since`) or will end
//! (`data-until`), in milliseconds since 1970, and the page counts by itself. So a fragment stays
//! the same text while only time passes, and is sent again only when something happened.

use std::collections::BTreeMap;

use holdfast_base::Wall;
use maud::{Markup, html};

/// Pictures are taken at slightly different delays; an instant that moves less than this has not
/// moved. In milliseconds.
const JITTER_MAX_MS: u64 = 1500;

/// Who writes the figures of running durations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Figures {
    /// The server: the first paint, complete without a script.
    Written,
    /// The page itself.
    LeftToScript,
}

/// The times of one picture: turns durations at its instant into steady instants.
pub(crate) struct Times {
    at_ms: i64,
    figures: Figures,
    before: BTreeMap<String, i64>,
    seen: BTreeMap<String, i64>,
}

impl Times {
    /// For the first paint.
    pub(crate) const fn written(at: Wall) -> Self {
        Self {
            at_ms: at.micros().div_euclid(1000),
            figures: Figures::Written,
            before: BTreeMap::new(),
            seen: BTreeMap::new(),
        }
    }

    /// For fragments that follow one another.
    pub(crate) const fn steady() -> Self {
        Self {
            at_ms: 0,
            figures: Figures::LeftToScript,
            before: BTreeMap::new(),
            seen: BTreeMap::new(),
        }
    }

    /// Goes on to the next picture; instants not seen in the last one are forgotten.
    pub(crate) fn next(&mut self, at: Wall) {
        self.at_ms = at.micros().div_euclid(1000);
        self.before = std::mem::take(&mut self.seen);
    }

    /// A duration that grows. `what` names it and the state it measures.
    pub(crate) fn since(&mut self, what: String, for_ms: u64) -> Markup {
        let began = self.steadied(what, self.at_ms.saturating_sub_unsigned(for_ms));
        let figures = self.figures(for_ms);
        html! { span.timer data-since=(began) { (figures) } }
    }

    /// A duration that shrinks.
    pub(crate) fn until(&mut self, what: String, left_ms: u64) -> Markup {
        let ends = self.steadied(what, self.at_ms.saturating_add_unsigned(left_ms));
        let figures = self.figures(left_ms);
        html! { span.timer data-until=(ends) { (figures) } }
    }

    fn steadied(&mut self, what: String, instant: i64) -> i64 {
        let steady = match self.before.get(&what) {
            Some(before) if before.abs_diff(instant) < JITTER_MAX_MS => *before,
            Some(_) | None => instant,
        };
        self.seen.insert(what, steady);
        steady
    }

    fn figures(&self, ms: u64) -> String {
        match self.figures {
            Figures::Written => span(ms),
            Figures::LeftToScript => String::new(),
        }
    }
}

/// A duration in figures: `0:48`, `12:05`, `1:02:03`.
pub(crate) fn span(ms: u64) -> String {
    let seconds = ms / 1000;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        return format!("{hours}:{minutes:02}:{seconds:02}");
    }
    format!("{minutes}:{seconds:02}")
}

/// Milliseconds between two wall times; zero when the clock was set back between them.
pub(crate) fn between_ms(from: Wall, to: Wall) -> u64 {
    u64::try_from(to.micros().saturating_sub(from.micros()).div_euclid(1000)).unwrap_or(0)
}

/// Time of day. UTC as written; the page shows it in the reader's zone.
pub(crate) fn clock_time(at: Wall) -> Markup {
    let full = at.to_string();
    let time_of_day = full.get(11..19).unwrap_or(&full);
    html! { time datetime=(full) title=(full) { (time_of_day) } }
}

#[cfg(test)]
mod tests {
    use super::{Times, clock_time, span};
    use holdfast_base::Wall;

    #[test]
    fn spans_read_like_a_clock() {
        let cases = [(0, "0:00"), (48_999, "0:48"), (725_000, "12:05"), (3_723_000, "1:02:03")];
        for (ms, text) in cases {
            assert_eq!(span(ms), text);
        }
        let at = Wall::from_micros(1_795_341_903_250_000);
        assert!(clock_time(at).into_string().contains(">10:05:03<"));
    }

    #[test]
    fn jitter_does_not_move_an_instant_but_a_new_state_does() {
        let mut times = Times::steady();
        let mut trace = Vec::new();
        for (at_ms, state, for_ms) in [
            (10_000, "free", 4_000),
            (10_250, "free", 4_253),
            (10_500, "free", 4_497),
            (10_750, "offered", 2),
            (14_000, "offered", 1),
        ] {
            times.next(Wall::from_micros(at_ms * 1000));
            trace.push(times.since(format!("agent/anna/{state}"), for_ms).into_string());
        }
        let began = |ms: u32| format!(r#"<span class="timer" data-since="{ms}"></span>"#);
        assert_eq!(trace, [6000, 6000, 6000, 10_748, 13_999].map(began));
    }
}
