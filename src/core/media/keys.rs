//! Keys that we press towards a remote (RFC 4733 §2.5.1): packets of growing duration every packet
//! time, three end packets, a pause, the next key.

use crate::media::order::Digit;
use holdfast_wire::rtp::event::Event;
use std::collections::VecDeque;

/// Most keys that wait to be pressed: more than the longest number anybody dials through a menu.
pub const KEYS_PENDING_MAX: usize = 32;
/// Shortest tone that every receiver must recognise (ITU-T Q.24), in milliseconds.
const LENGTH_MS_MIN: u16 = 40;
/// Longest tone of one segment at 8 kHz, in milliseconds.
const LENGTH_MS_MAX: u16 = 8000;
/// Pause between two keys (ITU-T Q.24: at least 40 ms), in milliseconds.
const PAUSE_MS: u16 = 60;
/// The last packet of an event is sent this often (RFC 4733 §2.5.1.4).
const END_PACKETS: u8 = 3;
/// Power of the tone below 0 dBm0: what phones send (ITU-T Q.24 receivers take -3 to -24).
const VOLUME: u8 = 10;

/// The keys that are still to be pressed, and the one that is down.
#[derive(Clone, Debug, Default)]
pub struct Presses {
    waiting: VecDeque<(u8, u16)>,
    state: State,
    /// Timestamp of the key that is down; all its packets carry it.
    began: u32,
}

#[derive(Clone, Copy, Debug, Default)]
enum State {
    #[default]
    Idle,
    Down {
        code: u8,
        length_ms: u16,
        passed_ms: u16,
    },
    Ending {
        code: u8,
        length_ms: u16,
        left: u8,
    },
    Pause {
        left_ms: u16,
    },
}

/// What to send in one packet time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Press {
    /// Nothing is pressed: audio may be sent.
    Idle,
    /// The pause between two keys: nothing is sent.
    Pause,
    /// One event packet.
    Send {
        /// The payload.
        event: Event,
        /// When the key went down, as given to [`Presses::step`].
        began: u32,
        /// Whether it begins a key press and carries the marker bit (§2.5.1.2).
        begins: bool,
    },
}

impl Presses {
    /// Adds a key; false when it is no key or too many wait.
    pub fn add(&mut self, digit: Digit, length_ms: u16) -> bool {
        match Event::code_of(digit.0) {
            Some(code) if self.waiting.len() < KEYS_PENDING_MAX => {
                self.waiting.push_back((code, length_ms.clamp(LENGTH_MS_MIN, LENGTH_MS_MAX)));
                true
            }
            Some(_) | None => false,
        }
    }

    /// Whether a key is down or waits.
    #[must_use]
    pub fn busy(&self) -> bool {
        !matches!(self.state, State::Idle) || !self.waiting.is_empty()
    }

    /// One packet time of a clock passes, which stands at `at`.
    pub fn step(&mut self, packet_ms: u16, ticks_per_ms: u16, at: u32) -> Press {
        let event = |code, end, ms: u16| Event {
            code,
            end,
            volume: VOLUME,
            duration_ticks: ms.saturating_mul(ticks_per_ms),
        };
        if let State::Idle = self.state {
            let Some((code, length_ms)) = self.waiting.pop_front() else {
                return Press::Idle;
            };
            self.state = State::Down { code, length_ms, passed_ms: 0 };
            self.began = at;
        }
        let began = self.began;
        match self.state {
            State::Idle => Press::Idle,
            State::Down { code, length_ms, passed_ms } => {
                let passed = passed_ms.saturating_add(packet_ms);
                self.state = if passed.saturating_add(packet_ms) >= length_ms {
                    State::Ending { code, length_ms, left: END_PACKETS }
                } else {
                    State::Down { code, length_ms, passed_ms: passed }
                };
                let sent_ms = passed.min(length_ms);
                Press::Send { event: event(code, false, sent_ms), began, begins: passed_ms == 0 }
            }
            State::Ending { code, length_ms, left } => {
                self.state = match left {
                    0 | 1 => State::Pause { left_ms: PAUSE_MS },
                    2.. => State::Ending { code, length_ms, left: left - 1 },
                };
                Press::Send { event: event(code, true, length_ms), began, begins: false }
            }
            State::Pause { left_ms } => {
                self.state = match left_ms.saturating_sub(packet_ms) {
                    0 => State::Idle,
                    left_ms => State::Pause { left_ms },
                };
                Press::Pause
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{KEYS_PENDING_MAX, Press, Presses};
    use crate::media::order::Digit;

    fn trace(presses: &mut Presses) -> String {
        let steps = std::iter::from_fn(|| presses.busy().then(|| presses.step(20, 8, 0)));
        let text = steps.take(100).map(|press| match press {
            Press::Idle => "idle".to_owned(),
            Press::Pause => "pause".to_owned(),
            Press::Send { event, begins, .. } => format!(
                "{}{}{}{}",
                if begins { ">" } else { "" },
                event.key().unwrap(),
                event.duration_ticks,
                if event.end { "e" } else { "" }
            ),
        });
        text.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn two_keys_with_three_ends_and_a_pause() {
        let mut presses = Presses::default();
        assert!(presses.add(Digit('5'), 80) && presses.add(Digit('#'), 1));
        assert_eq!(
            trace(&mut presses),
            ">5160 5320 5480 5640e 5640e 5640e pause pause pause \
             >#160 #320e #320e #320e pause pause pause"
        );
    }

    #[test]
    fn what_is_no_key_and_what_is_too_much_is_refused() {
        let mut presses = Presses::default();
        assert!(!presses.add(Digit('x'), 80));
        for _ in 0..KEYS_PENDING_MAX {
            assert!(presses.add(Digit('1'), 80));
        }
        assert!(!presses.add(Digit('1'), 80));
    }
}
