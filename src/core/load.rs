//! Whether the loop keeps up, by how long its inputs have waited when their turn comes.
//!
//! ```text
//!            every input of a window waited for long
//!     Easy ──────────────────────────────────────────► Late
//!      ▲                                                 │
//!      └── no input of some windows in a row waited ◄────┘
//! ```
//!
//! A short queue is no fault: it is there after each burst and gone a moment later. A queue that
//! stands is one (the idea of CoDel, RFC 8289 §4.2: the *least* wait of a window tells the two
//! apart). On the way back the *longest* wait counts, for some windows in a row, so that the box
//! does not change its mind with each burst.
//!
//! A call that has itself waited for too long is refused in either state, so that nobody waits in
//! vain at the beginning of a flood, before a window has passed.
//!
//! While it is late, new calls are refused before they cost anything (RFC 5390 §3: the work of
//! refusing must stay far below that of serving); what belongs to a call goes on, and so does a
//! call to an emergency number.

use holdfast_base::Mono;
use std::time::Duration;

/// What is judged at once.
const WINDOW: Duration = Duration::from_millis(100);
/// Waiting for so long all the time is too long: a third of what a caller's 100 Trying may take
/// (RFC 3261 §17.2.1), so that a refusal comes within that time as well.
const LATE_FROM: Duration = Duration::from_millis(60);
/// A call that has waited for so long itself is refused at once: its caller hears of it within the
/// 200 ms after which it would begin to repeat itself.
const TOO_LONG: Duration = Duration::from_millis(100);
/// Nobody waits for longer when the box is at ease.
const EASY_BELOW: Duration = Duration::from_millis(20);
/// Windows at ease in a row before new calls are taken again.
const EASY_WINDOWS: u32 = 3;

/// Whether new calls are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Easy,
    Late { easy_windows: u32 },
}

/// The waits of one window.
#[derive(Clone, Copy, Debug)]
struct Window {
    began: Mono,
    least: Duration,
    longest: Duration,
}

impl Window {
    const fn begun(now: Mono, wait: Duration) -> Self {
        Self { began: now, least: wait, longest: wait }
    }
}

/// What a word about waiting has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Nothing.
    None,
    /// New calls are refused from now on.
    Late,
    /// New calls are taken again.
    Easy,
}

/// The judge.
#[derive(Debug)]
pub struct Load {
    state: State,
    window: Option<Window>,
    longest: Duration,
    /// How long the input has waited whose turn it is.
    present: Duration,
}

impl Default for Load {
    fn default() -> Self {
        let none = Duration::ZERO;
        Self { state: State::Easy, window: None, longest: none, present: none }
    }
}

impl Load {
    /// An input whose turn has come has waited for so long.
    pub fn waited(&mut self, now: Mono, wait: Duration) -> Change {
        let change = self.turn(now);
        self.present = wait;
        let window = self.window.get_or_insert(Window::begun(now, wait));
        window.least = window.least.min(wait);
        window.longest = window.longest.max(wait);
        change
    }

    /// Time has passed, whether or not anything came.
    pub fn turn(&mut self, now: Mono) -> Change {
        let Some(window) = self.window.filter(|it| now.since(it.began) >= WINDOW) else {
            return self.rested(now);
        };
        self.window = None;
        self.longest = window.longest;
        match self.state {
            State::Easy if window.least >= LATE_FROM => {
                self.state = State::Late { easy_windows: 0 };
                Change::Late
            }
            State::Easy => Change::None,
            State::Late { .. } if window.longest >= EASY_BELOW => {
                self.state = State::Late { easy_windows: 0 };
                Change::None
            }
            State::Late { easy_windows } => self.at_ease(easy_windows + 1),
        }
    }

    /// A window without any input is one in which nobody waited.
    fn rested(&mut self, now: Mono) -> Change {
        if self.is_late() && self.window.is_none() {
            self.window = Some(Window::begun(now, Duration::ZERO));
        }
        Change::None
    }

    fn at_ease(&mut self, windows: u32) -> Change {
        if windows < EASY_WINDOWS {
            self.state = State::Late { easy_windows: windows };
            return Change::None;
        }
        self.state = State::Easy;
        Change::Easy
    }

    /// Whether the call whose turn it is, if it is a new one, is to be refused.
    #[must_use]
    pub fn refuses(&self) -> bool {
        self.is_late() || self.present >= TOO_LONG
    }

    /// Whether the loop does not keep up.
    #[must_use]
    pub const fn is_late(&self) -> bool {
        match self.state {
            State::Easy => false,
            State::Late { .. } => true,
        }
    }

    /// The longest wait of the last window.
    #[must_use]
    pub const fn longest(&self) -> Duration {
        self.longest
    }
}

#[cfg(test)]
mod tests {
    use super::{Change, Load};
    use holdfast_base::Mono;
    use std::time::Duration;

    /// Waits in milliseconds, one every 10 ms; what changed when.
    fn play(load: &mut Load, from_ms: u64, waits: impl IntoIterator<Item = u64>) -> Vec<String> {
        let mut changes = Vec::new();
        for (place, wait) in (0_u64..).zip(waits) {
            let at = from_ms + 10 * place;
            let now = Mono::from_micros(at * 1000);
            let change = load.waited(now, Duration::from_millis(wait));
            if change != Change::None {
                changes.push(format!("{at} {change:?}"));
            }
        }
        changes
    }

    #[test]
    fn a_burst_is_no_lateness_and_a_standing_queue_is() {
        let mut load = Load::default();
        let burst = [0, 90, 80, 70, 60, 50, 40, 30, 20, 10].repeat(10);
        assert_eq!(play(&mut load, 0, burst), Vec::<String>::new());
        assert_eq!(play(&mut load, 1000, [60; 30]), ["1100 Late"]);
        assert!(load.is_late());
    }

    #[test]
    fn a_call_that_has_waited_too_long_is_refused_before_a_window_has_passed() {
        let mut load = Load::default();
        let refused = [99, 100, 5].map(|wait| {
            load.waited(Mono::from_micros(wait), Duration::from_millis(wait));
            load.refuses()
        });
        assert_eq!(refused, [false, true, false]);
        assert!(!load.is_late());
    }

    #[test]
    fn it_is_easy_again_after_some_windows_without_waiting() {
        let mut load = Load::default();
        play(&mut load, 0, [100; 20]);
        assert!(load.is_late());
        let almost = [0, 0, 0, 0, 0, 25, 0, 0, 0, 0].repeat(20);
        assert_eq!(play(&mut load, 200, almost), Vec::<String>::new());
        assert_eq!(play(&mut load, 2200, [5; 100]), ["2500 Easy"]);
        assert!(!load.is_late());
    }

    #[test]
    fn silence_is_ease() {
        let mut load = Load::default();
        play(&mut load, 0, [100; 20]);
        let changed: Vec<u64> = (200..1000)
            .filter(|ms| load.turn(Mono::from_micros(ms * 1000)) == Change::Easy)
            .collect();
        assert_eq!(changed.len(), 1);
        assert!(changed[0] <= 600, "{changed:?}");
    }
}
