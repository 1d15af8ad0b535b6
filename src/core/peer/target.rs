//! The health of one address of a target: what OPTIONS and calls have shown of it.
//!
//! It decides when the next OPTIONS leaves, and whether the address is a good choice for the next
//! call. It refuses to know names, trunks and which other addresses there are.
//!
//! ```text
//!              answer             miss            3rd miss, broken
//!  Untried ───────────> Up ───────────> Suspect ────────────────> Down
//!     ▲                  ▲                 │ answer                │ answer
//!     │ time is over     └─────────────────┴───────────────────────┘
//!  Blocked <── 503 with Retry-After           Off <── a person ──> Untried
//! ```

use holdfast_base::{Entropy, Mono};
use std::time::Duration;

/// Misses in a row until an address is taken for dead (contract of Direct Routing, and enough to
/// tell a lost datagram from a lost peer).
const MISSES_MAX: u8 = 3;
/// How soon an address that is down is asked again, unless OPTIONS are more frequent anyway.
const RETURN_EVERY: Duration = Duration::from_secs(10);
/// How long an address that is never asked by OPTIONS is left alone after it failed.
const COOL_DOWN: Duration = Duration::from_secs(30);
/// Shortest block by a 503 that names no time.
const BLOCK_MIN: Duration = Duration::from_secs(1);
/// Longest block: a peer that sends us away for a day is tried again all the same.
const BLOCK_MAX: Duration = Duration::from_secs(600);
/// The first OPTIONS of all trunks are spread over this time.
const FIRST_WITHIN: Duration = Duration::from_secs(1);
/// Times between OPTIONS differ by as many thousandths either way, so that boxes which started
/// together do not stay together.
const JITTER_PERMILLE: u32 = 50;

/// How an address is watched.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Time between OPTIONS; none is never.
    pub every: Option<Duration>,
    /// How long an answer may take.
    pub within: Duration,
}

/// One address under watch.
#[derive(Clone, Debug)]
pub struct Health {
    state: State,
    since: Mono,
    probe: Probe,
    reply: Option<Reply>,
    failure: Option<Failure>,
}

/// Whether an address is a good choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing is known; worth a try.
    Untried,
    /// It answers.
    Up,
    /// It missed so many times in a row. Without OPTIONS the doubt is over at `cooled`: other
    /// addresses get the calls that could show it.
    Suspect {
        /// How many.
        misses: u8,
        /// When; none when OPTIONS will tell.
        cooled: Option<Mono>,
    },
    /// It does not answer. Without OPTIONS it is tried again after `cooled`.
    Down {
        /// When; none when OPTIONS will tell.
        cooled: Option<Mono>,
    },
    /// It asked to be left alone.
    Blocked {
        /// For how long.
        until: Mono,
    },
    /// A person has switched it off.
    Off,
}

/// The exchange of OPTIONS.
#[derive(Clone, Copy, Debug)]
enum Probe {
    Never,
    Planned { at: Mono },
    Open { until: Mono },
}

/// The last answer to OPTIONS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply {
    /// When.
    pub at: Mono,
    /// Its status.
    pub status: u16,
    /// How long it took.
    pub took: Duration,
}

/// The last thing that went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// When.
    pub at: Mono,
    /// What, in words for a technician.
    pub what: String,
}

/// What happened to the address.
#[derive(Clone, Debug)]
pub enum Input {
    /// An answer to OPTIONS.
    Answered {
        /// Its status.
        status: u16,
        /// What its Retry-After says.
        retry_after: Option<Duration>,
        /// How long it took.
        took: Duration,
    },
    /// A response to an INVITE.
    Heard {
        /// Its status.
        status: u16,
        /// What its Retry-After says.
        retry_after: Option<Duration>,
    },
    /// An INVITE had no word in time.
    Silent,
    /// Nothing could be delivered.
    Broken,
    /// A person switched it off.
    SwitchedOff,
    /// A person switched it on, or wants it tried again now.
    SwitchedOn,
    /// The deadline has come.
    DeadlineReached,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Send OPTIONS now.
    Probe,
}

/// What a status says about the peer itself.
enum Word {
    Alive,
    Overloaded,
    Nothing,
}

/// Any final answer of SIP shows a living peer, but for 503, which speaks of its own trouble, and
/// 408, which is said where nobody answered.
const fn word(status: u16) -> Word {
    match status {
        503 => Word::Overloaded,
        408 => Word::Nothing,
        _ => Word::Alive,
    }
}

impl Health {
    /// A new address.
    pub fn new(now: Mono, pace: Pace, off: bool, entropy: &mut Entropy) -> Self {
        let state = if off { State::Off } else { State::Untried };
        let probe = match pace.every {
            Some(_) => Probe::Planned { at: now + part(FIRST_WITHIN, entropy) },
            None => Probe::Never,
        };
        Self { state, since: now, probe, reply: None, failure: None }
    }

    /// Takes one input.
    pub fn handle(
        &mut self,
        now: Mono,
        input: Input,
        pace: Pace,
        entropy: &mut Entropy,
    ) -> Option<Act> {
        match input {
            Input::Answered { status, retry_after, took } => {
                self.reply = Some(Reply { at: now, status, took });
                self.plan(now, took, pace, entropy);
                match word(status) {
                    Word::Alive => self.alive(now),
                    Word::Overloaded if retry_after.is_some() => {
                        self.block(now, retry_after, "OPTIONS was answered 503");
                    }
                    Word::Overloaded | Word::Nothing => {
                        if self.miss(now, format!("OPTIONS was answered {status}"), pace) {
                            self.probe = Probe::Planned { at: now + pace.within };
                        }
                    }
                }
                None
            }
            Input::Heard { status, retry_after } => {
                match word(status) {
                    Word::Alive => self.alive(now),
                    Word::Overloaded => self.block(now, retry_after, "a call was answered 503"),
                    Word::Nothing => {} // somebody behind it did not answer
                }
                None
            }
            Input::Silent => {
                let doubt = self.miss(now, "a call was left without any word".to_owned(), pace);
                // Asked at once, so that doubt does not last.
                if doubt { self.probe_now(now, pace) } else { None }
            }
            Input::Broken => {
                self.fail(now, "nothing can be delivered: refused or no way there".to_owned());
                self.down(now, pace);
                None
            }
            Input::SwitchedOff => {
                self.turn(now, State::Off);
                None
            }
            Input::SwitchedOn => {
                self.turn(now, State::Untried);
                self.probe_now(now, pace)
            }
            Input::DeadlineReached => self.tick(now, pace),
        }
    }

    fn tick(&mut self, now: Mono, pace: Pace) -> Option<Act> {
        match self.state {
            State::Blocked { until } if until <= now => self.turn(now, State::Untried),
            State::Down { cooled: Some(at) } | State::Suspect { cooled: Some(at), .. }
                if at <= now =>
            {
                self.turn(now, State::Untried);
            }
            State::Blocked { .. }
            | State::Down { .. }
            | State::Suspect { .. }
            | State::Untried
            | State::Up
            | State::Off => {}
        }
        match self.probe {
            Probe::Planned { at } if at <= now => self.probe_now(now, pace),
            Probe::Open { until } if until <= now => {
                let seconds = pace.within.as_secs_f32();
                self.probe = Probe::Planned { at: now + pace.soon() };
                let what = format!("OPTIONS was not answered within {seconds} s");
                if self.miss(now, what, pace) { self.probe_now(now, pace) } else { None }
            }
            Probe::Planned { .. } | Probe::Open { .. } | Probe::Never => None,
        }
    }

    fn alive(&mut self, now: Mono) {
        match self.state {
            State::Untried | State::Suspect { .. } | State::Down { .. } => {
                self.turn(now, State::Up);
            }
            // An answer to an older request does not lift what was asked for since.
            State::Up | State::Blocked { .. } | State::Off => {}
        }
    }

    /// One miss more. True when the address is in doubt now, and neither dead nor to be left alone.
    fn miss(&mut self, now: Mono, what: String, pace: Pace) -> bool {
        self.fail(now, what);
        let misses = match self.state {
            State::Untried | State::Up => 1,
            State::Suspect { misses, .. } => misses + 1,
            State::Down { .. } | State::Blocked { .. } | State::Off => return false,
        };
        if misses >= MISSES_MAX {
            self.down(now, pace);
            return false;
        }
        self.turn(now, State::Suspect { misses, cooled: pace.cooled(now) });
        true
    }

    fn down(&mut self, now: Mono, pace: Pace) {
        match self.state {
            State::Untried | State::Up | State::Suspect { .. } => {
                self.turn(now, State::Down { cooled: pace.cooled(now) });
            }
            State::Down { .. } | State::Blocked { .. } | State::Off => {}
        }
        if pace.every.is_some() {
            self.probe = Probe::Planned { at: now + pace.soon() };
        }
    }

    fn block(&mut self, now: Mono, retry_after: Option<Duration>, what: &str) {
        let span = retry_after.unwrap_or(BLOCK_MIN).clamp(BLOCK_MIN, BLOCK_MAX);
        self.fail(now, format!("{what}, to be left alone for {} s", span.as_secs()));
        match self.state {
            State::Off => {}
            State::Untried
            | State::Up
            | State::Suspect { .. }
            | State::Down { .. }
            | State::Blocked { .. } => self.turn(now, State::Blocked { until: now + span }),
        }
    }

    fn fail(&mut self, now: Mono, what: String) {
        self.failure = Some(Failure { at: now, what });
    }

    fn turn(&mut self, now: Mono, state: State) {
        let same = std::mem::discriminant(&self.state) == std::mem::discriminant(&state);
        if !same {
            self.since = now;
        }
        self.state = state;
    }

    fn probe_now(&mut self, now: Mono, pace: Pace) -> Option<Act> {
        match self.probe {
            // Its fate will tell as much.
            Probe::Open { until } if now < until => None,
            Probe::Open { .. } | Probe::Planned { .. } if pace.every.is_some() => {
                self.probe = Probe::Open { until: now + pace.within };
                Some(Act::Probe)
            }
            Probe::Open { .. } | Probe::Planned { .. } | Probe::Never => None,
        }
    }

    /// The next one, counted from the last, which left `ago`: a slow answer slows nothing down.
    fn plan(&mut self, now: Mono, ago: Duration, pace: Pace, entropy: &mut Entropy) {
        self.probe = match pace.every {
            Some(every) => {
                let span = every * JITTER_PERMILLE / 1000;
                let gap = (every - span) + part(span * 2, entropy);
                Probe::Planned { at: now + gap.saturating_sub(ago) }
            }
            None => Probe::Never,
        };
    }

    /// The configuration says another pace.
    pub fn repace(&mut self, now: Mono, pace: Pace, entropy: &mut Entropy) {
        self.plan(now, Duration::ZERO, pace, entropy);
        if let State::Down { cooled } | State::Suspect { cooled, .. } = &mut self.state {
            *cooled = pace.cooled(now);
        }
    }

    /// When [`Input::DeadlineReached`] is due.
    #[must_use]
    pub fn deadline(&self) -> Option<Mono> {
        let own = match self.state {
            State::Blocked { until } => Some(until),
            State::Down { cooled } | State::Suspect { cooled, .. } => cooled,
            State::Untried | State::Up | State::Off => None,
        };
        let probe = match self.probe {
            Probe::Planned { at } | Probe::Open { until: at } => Some(at),
            Probe::Never => None,
        };
        own.into_iter().chain(probe).min()
    }

    /// Whether it is a good choice.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// Since when it is in this state.
    #[must_use]
    pub const fn since(&self) -> Mono {
        self.since
    }

    /// The last answer to OPTIONS.
    #[must_use]
    pub const fn reply(&self) -> Option<Reply> {
        self.reply
    }

    /// The last thing that went wrong.
    #[must_use]
    pub const fn failure(&self) -> Option<&Failure> {
        self.failure.as_ref()
    }
}

impl Pace {
    /// Until when an address that nobody asks is left alone.
    fn cooled(self, now: Mono) -> Option<Mono> {
        self.every.is_none().then(|| now + COOL_DOWN)
    }

    /// Time to the next OPTIONS of an address that is down.
    fn soon(self) -> Duration {
        self.every.unwrap_or(RETURN_EVERY).min(RETURN_EVERY)
    }
}

/// A random part of a time, to the microsecond.
pub(crate) fn part(span: Duration, entropy: &mut Entropy) -> Duration {
    let micros = u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
    Duration::from_micros(entropy.number() % micros.max(1))
}

#[cfg(test)]
mod tests {
    use super::{Act, Health, Input, Pace, State};
    use holdfast_base::{Entropy, Mono};
    use std::time::Duration;

    struct Script {
        health: Health,
        pace: Pace,
        entropy: Entropy,
        now: Mono,
        trace: String,
    }

    impl Script {
        fn new(every: Option<u64>) -> Self {
            let within = Duration::from_secs(4);
            let pace = Pace { every: every.map(Duration::from_secs), within };
            let mut entropy = Entropy::new([7; 32]);
            let now = Mono::default();
            let health = Health::new(now, pace, false, &mut entropy);
            Self { health, pace, entropy, now, trace: String::new() }
        }

        fn give(&mut self, what: &str, input: Input) {
            let act = self.health.handle(self.now, input, self.pace, &mut self.entropy);
            let act = match act {
                Some(Act::Probe) => " > OPTIONS",
                None => "",
            };
            let state = match self.health.state() {
                State::Blocked { until } => format!("Blocked until {}", until.millis() / 1000),
                State::Down { cooled: Some(at) } => format!("Down until {}", at.millis() / 1000),
                State::Down { cooled: None } => "Down".to_owned(),
                State::Suspect { misses, cooled: None } => format!("Suspect {misses}"),
                State::Suspect { misses, cooled: Some(at) } => {
                    format!("Suspect {misses} until {}", at.millis() / 1000)
                }
                other => format!("{other:?}"),
            };
            self.trace += &format!("{:>3} {what}: {state}{act}\n", self.now.millis() / 1000);
        }

        fn answer(&mut self, status: u16, retry_after: Option<u64>) {
            let took = Duration::from_millis(41);
            let retry_after = retry_after.map(Duration::from_secs);
            self.give(&status.to_string(), Input::Answered { status, retry_after, took });
        }

        fn heard(&mut self, status: u16, retry_after: Option<u64>) {
            let retry_after = retry_after.map(Duration::from_secs);
            self.give(&format!("call {status}"), Input::Heard { status, retry_after });
        }

        /// To the next deadline.
        fn wait(&mut self) {
            self.now = self.health.deadline().expect("something is due");
            self.give("time", Input::DeadlineReached);
        }
    }

    #[test]
    fn options_go_down_and_come_up() {
        let mut script = Script::new(Some(60));
        script.wait();
        script.answer(200, None);
        for _ in 0..6 {
            script.wait();
        }
        script.answer(404, None);
        let due = script.health.deadline().unwrap().since(script.now);
        assert!((57_000..=63_000).contains(&due.as_millis()), "{due:?}");
        assert_eq!(
            script.trace,
            "  0 time: Untried > OPTIONS
  0 200: Up
 62 time: Up > OPTIONS
 66 time: Suspect 1 > OPTIONS
 70 time: Suspect 2 > OPTIONS
 74 time: Down
 84 time: Down > OPTIONS
 88 time: Down
 88 404: Up
"
        );
        let failure = script.health.failure().unwrap();
        assert_eq!(failure.what, "OPTIONS was not answered within 4 s");
        assert_eq!(script.health.reply().map(|reply| reply.status), Some(404));
    }

    #[test]
    fn calls_tell_sooner_than_options() {
        let mut script = Script::new(Some(60));
        script.wait();
        script.answer(200, None);
        script.give("silent", Input::Silent);
        script.heard(180, None);
        script.answer(200, None);
        script.heard(503, Some(20));
        script.heard(200, None);
        script.answer(200, None);
        script.wait();
        script.heard(503, None);
        script.wait();
        script.heard(408, None);
        script.give("broken", Input::Broken);
        script.heard(486, None);
        script.heard(503, Some(86_400));
        assert_eq!(
            script.trace,
            "  0 time: Untried > OPTIONS
  0 200: Up
  0 silent: Suspect 1 > OPTIONS
  0 call 180: Up
  0 200: Up
  0 call 503: Blocked until 20
  0 call 200: Blocked until 20
  0 200: Blocked until 20
 20 time: Untried
 20 call 503: Blocked until 21
 21 time: Untried
 21 call 408: Untried
 21 broken: Down
 21 call 486: Up
 21 call 503: Blocked until 621
"
        );
    }

    #[test]
    fn a_person_has_the_last_word() {
        let mut script = Script::new(Some(60));
        script.wait();
        script.give("off", Input::SwitchedOff);
        script.answer(200, None);
        script.heard(503, Some(9));
        script.give("broken", Input::Broken);
        script.give("silent", Input::Silent);
        script.give("on", Input::SwitchedOn);
        script.answer(503, None);
        assert_eq!(
            script.trace,
            "  0 time: Untried > OPTIONS
  0 off: Off
  0 200: Off
  0 call 503: Off
  0 broken: Off
  0 silent: Off
  0 on: Untried > OPTIONS
  0 503: Suspect 1
"
        );
    }

    #[test]
    fn who_is_never_asked_comes_back_by_itself() {
        let mut script = Script::new(None);
        assert_eq!(script.health.deadline(), None);
        script.give("silent", Input::Silent);
        script.wait();
        for _ in 0..3 {
            script.give("silent", Input::Silent);
        }
        script.wait();
        script.heard(100, None);
        assert_eq!(script.health.deadline(), None);
        assert_eq!(
            script.trace,
            "  0 silent: Suspect 1 until 30
 30 time: Untried
 30 silent: Suspect 1 until 60
 30 silent: Suspect 2 until 60
 30 silent: Down until 60
 60 time: Untried
 60 call 100: Up
"
        );
    }
}
