//! Which keys the remote pressed: one edge for each RFC 4733 event, whatever is lost or repeated.
//!
//! ```text
//!  Idle ──first packet──▶ Sounding ──end, 40 ms, next, silence──▶ Told ──other timestamp──▶ …
//! ```
//!
//! An event is known by its timestamp (§2.5.1.2), never by the marker bit. A key of which only one
//! packet arrived was still pressed: it is told when nothing more comes.

use crate::media::order::Digit;
use holdfast_base::Mono;
use holdfast_wire::rtp::event::{DURATION_TICKS_MAX, Event};
use holdfast_wire::rtp::timestamp_distance;
use std::time::Duration;

/// A tone of this length is a key press even if its end is never seen (ITU-T Q.24: 40 ms must be
/// recognised); at 8 kHz, in ticks.
const SURE_TICKS: u16 = 320;
/// An event of which nothing more came for this long is over: twice the usual packet interval of
/// 50 ms (RFC 4733 §2.5.1.4).
pub const LOST_END_AFTER: Duration = Duration::from_millis(100);

/// Most keys of one remote that are told within a second: more than twice what a dialler may send
/// (ITU-T Q.24: 40 ms of tone, 40 ms of pause). What no dialler sends must not crowd out what the
/// other streams have to report.
pub const KEYS_PER_SECOND_MAX: u32 = 32;

/// What is known about the keys of one remote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keypad {
    /// No key was pressed yet.
    Idle,
    /// A key is down and not told yet.
    Sounding {
        /// Timestamp of the event.
        timestamp: u32,
        /// The last packet of it.
        event: Event,
        /// When that came.
        heard: Mono,
    },
    /// A key was told; more packets of it mean nothing.
    Told {
        /// Timestamp of the event.
        timestamp: u32,
        /// The last packet of it.
        event: Event,
    },
}

impl Keypad {
    /// Takes one event packet. At most two keys: one whose end was lost, and the new one.
    pub fn hear(&mut self, now: Mono, timestamp: u32, event: Event) -> [Option<Digit>; 2] {
        let before = match *self {
            Self::Idle => None,
            Self::Sounding { timestamp: known, .. } | Self::Told { timestamp: known, .. }
                if timestamp_distance(known, timestamp) < 0 =>
            {
                return [None, None]; // late packet of an event before this one
            }
            Self::Sounding { timestamp: known, event: last, .. } => {
                let same = known == timestamp || is_next_segment((known, last), timestamp, event);
                if same { None } else { last.key().map(Digit) }
            }
            Self::Told { timestamp: known, event: last } => {
                if known == timestamp || is_next_segment((known, last), timestamp, event) {
                    *self = Self::Told { timestamp, event };
                    return [None, None];
                }
                None
            }
        };
        let sure = event.end || event.duration_ticks >= SURE_TICKS;
        *self = if sure {
            Self::Told { timestamp, event }
        } else {
            Self::Sounding { timestamp, event, heard: now }
        };
        [before, if sure { event.key().map(Digit) } else { None }]
    }

    /// The key whose end was lost, once it is silent for [`LOST_END_AFTER`].
    pub fn settle(&mut self, now: Mono) -> Option<Digit> {
        match *self {
            Self::Sounding { timestamp, event, heard } if now.since(heard) >= LOST_END_AFTER => {
                *self = Self::Told { timestamp, event };
                event.key().map(Digit)
            }
            Self::Idle | Self::Sounding { .. } | Self::Told { .. } => None,
        }
    }
}

/// RFC 4733 §2.5.1.3: a tone beyond the longest duration goes on in a new segment whose timestamp
/// is later by just that duration.
fn is_next_segment((known, last): (u32, Event), timestamp: u32, event: Event) -> bool {
    !last.end
        && last.code == event.code
        && timestamp_distance(known, timestamp) == i32::from(DURATION_TICKS_MAX)
}

#[cfg(test)]
mod tests {
    use super::Keypad;
    use holdfast_base::Mono;
    use holdfast_wire::rtp::event::Event;

    /// `ms timestamp key duration[e]` a line; prints the keys that are told, with their time.
    fn keys(script: &str) -> String {
        let (mut keypad, mut told) = (Keypad::Idle, Vec::new());
        for line in script.lines().map(str::trim) {
            let words: Vec<&str> = line.split(' ').collect();
            let ms: u64 = words[0].parse().unwrap();
            let now = Mono::from_micros(ms * 1000);
            if let Some(digit) = keypad.settle(now) {
                told.push(format!("{}@{ms}", digit.0));
            }
            if words.len() == 1 {
                continue;
            }
            let code = Event::code_of(words[2].chars().next().unwrap()).unwrap_or(16);
            let duration_ticks = words[3].trim_end_matches('e').parse().unwrap();
            let event = Event { code, end: words[3].ends_with('e'), volume: 10, duration_ticks };
            for digit in keypad.hear(now, words[1].parse().unwrap(), event).into_iter().flatten() {
                told.push(format!("{}@{ms}", digit.0));
            }
        }
        told.join(" ")
    }

    #[test]
    fn a_key_is_told_once_after_forty_milliseconds() {
        let script = "0 1000 5 160\n20 1000 5 320\n40 1000 5 480\n60 1000 5 640e\n60 1000 5 640e\n\
                      60 1000 5 640e";
        assert_eq!(keys(script), "5@20");
    }

    #[test]
    fn a_short_key_is_told_at_its_end_and_the_same_key_again_is_another() {
        assert_eq!(
            keys("0 1000 5 160\n20 1000 5 240e\n20 1000 5 240e\n90 1800 5 160e"),
            "5@20 5@90"
        );
    }

    #[test]
    fn lost_ends_and_lost_beginnings_still_tell() {
        assert_eq!(keys("0 1000 5 160\n99\n100"), "5@100");
        assert_eq!(keys("0 1000 5 160\n50 1800 6 400\n300 9000 7 800e"), "5@50 6@50 7@300");
    }

    #[test]
    fn a_late_packet_of_an_older_key_tells_nothing() {
        assert_eq!(keys("0 1000 5 400\n60 1800 6 400\n70 1000 5 640e\n80 1800 6 640e"), "5@0 6@60");
    }

    #[test]
    fn a_very_long_tone_in_segments_is_one_key() {
        assert_eq!(
            keys("0 1000 5 400\n8190 1000 5 65535\n8200 66535 5 160\n8300 66535 5 900e"),
            "5@0"
        );
    }

    #[test]
    fn hook_flash_is_no_key() {
        assert_eq!(keys("0 1000 ! 400\n60 1000 ! 640e"), "");
    }
}
