//! What the names of trunks mean: a cache that forgets nothing useful.
//!
//! A name is asked for again before its time is over. When nobody answers, what was last known goes
//! on to be used (RFC 8767), with its age in the picture; a name server that says "there is no such
//! name" is believed. What is known survives a restart, so that a box that starts without a name
//! server still reaches its trunks. It refuses to know how a question travels.
//!
//! ```text
//!  wanted ──> Asking ── found ──────────> Known ⟲ refreshed, or not and stale
//!               │ ▲                         │
//!     no answer │ │ again                   │ no such name
//!               ▼ │                         │
//!             Unknown <─────────────────────┘
//! ```

use holdfast_base::{Mono, Outbox};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use super::picture::NameView;

/// Shortest time that an answer is believed: a TTL of 0 would mean a question a call.
const TTL_MIN: Duration = Duration::from_secs(5);
/// Longest time that an answer is believed without asking again: a day, RFC 8767 §4 has a week.
const TTL_MAX: Duration = Duration::from_secs(86_400);
/// How long "there is no such name" is believed at most. RFC 2308 §5 allows hours; here somebody
/// who corrects a record waits beside the box.
const ABSENT_MAX: Duration = Duration::from_secs(60);
/// Pause after nobody answered. RFC 8767 §5 asks for no more than one question in 30 s for a name
/// that is dead; one that carries calls is asked for sooner.
const AGAIN: Duration = Duration::from_secs(10);
/// Longer than the driver takes for its tries at every server.
const ASK_TIME: Duration = Duration::from_secs(20);
/// Most addresses kept of one name.
pub const RECORDS_MAX: usize = 32;

/// What is asked about a name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Question {
    /// The servers of a service (SRV); where there is no such record, `host` itself at `port`:
    /// RFC 3263 §4.2.
    Service {
        /// The usual name of the SRV records, such as `_sip._udp.example.org`, unless a NAPTR record
        /// of the host says another.
        service: String,
        /// The host.
        host: String,
        /// The port without SRV records.
        port: u16,
    },
    /// The addresses of a host (A, AAAA).
    Host {
        /// The host.
        host: String,
        /// The port that goes with each.
        port: u16,
    },
}

/// What a name server said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// These addresses.
    Found {
        /// Each with its rank.
        records: Vec<Record>,
        /// How long to believe it.
        ttl: Duration,
    },
    /// There is no such name, or it has no address.
    Absent {
        /// How long to believe it.
        ttl: Duration,
    },
    /// Nobody answered, or not usefully; in words for a technician.
    Failed(String),
}

/// One address of a name, with the rank of its SRV record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Record {
    /// Lower is better (RFC 2782).
    pub priority: u16,
    /// Share among those of the same priority.
    pub weight: u16,
    /// The address.
    pub address: SocketAddr,
}

/// What is known of a name, as kept over a restart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    question: Question,
    records: Vec<Record>,
    learned: Mono,
    expires: Mono,
}

/// Every name in use.
#[derive(Debug, Default)]
pub struct Names(BTreeMap<Question, State>);

#[derive(Debug)]
enum State {
    /// Nothing is known yet.
    Asking { until: Mono },
    /// These are its addresses, be they fresh or stale.
    Known { records: Vec<Record>, learned: Mono, expires: Mono, ask: Ask },
    /// It has none, or nobody could say.
    Unknown { why: String, again: Mono },
}

/// The next question about a known name, and why the last one went without an answer.
#[derive(Debug)]
enum Ask {
    Planned { at: Mono, failed: Option<String> },
    Open { until: Mono, failed: Option<String> },
}

impl Names {
    /// Takes over what an earlier run knew; it is asked for again at once.
    pub fn restore(now: Mono, kept: Vec<Kept>) -> Self {
        let known = kept.into_iter().map(|Kept { question, records, learned, expires }| {
            let ask = Ask::Planned { at: now, failed: None };
            (question, State::Known { records, learned, expires, ask })
        });
        Self(known.collect())
    }

    /// From now on these names are in use, and no others.
    pub fn want(&mut self, now: Mono, wanted: &BTreeSet<Question>, out: &mut Outbox<Question>) {
        self.0.retain(|question, _| wanted.contains(question));
        for question in wanted {
            if !self.0.contains_key(question) {
                self.0.insert(question.clone(), State::Asking { until: now + ASK_TIME });
                out.push(question.clone());
            }
        }
    }

    /// A name server said this. True when what is to be kept has changed.
    pub fn answered(&mut self, now: Mono, question: &Question, answer: Answer) -> bool {
        let Some(state) = self.0.get_mut(question) else { return false }; // not in use any more
        match answer {
            Answer::Found { mut records, ttl } if !records.is_empty() => {
                let ttl = ttl.clamp(TTL_MIN, TTL_MAX);
                records.sort_unstable();
                records.dedup();
                records.truncate(RECORDS_MAX);
                // Early enough that one lost answer does not make it stale.
                let ask = Ask::Planned { at: now + ttl / 5 * 4, failed: None };
                *state = State::Known { records, learned: now, expires: now + ttl, ask };
                true
            }
            Answer::Found { records: _, ttl } | Answer::Absent { ttl } => {
                let why = "the name server knows no address of this name".to_owned();
                let was_known = matches!(state, State::Known { .. });
                *state = State::Unknown { why, again: now + ttl.clamp(TTL_MIN, ABSENT_MAX) };
                was_known
            }
            Answer::Failed(why) => {
                state.fail(now, why);
                false
            }
        }
    }

    /// When [`Self::handle_deadline`] is due.
    pub fn deadline(&self) -> Option<Mono> {
        self.0.values().map(State::deadline).min()
    }

    /// Asks what is due; a question that nobody answered has failed.
    pub fn handle_deadline(&mut self, now: Mono, out: &mut Outbox<Question>) {
        for (question, state) in &mut self.0 {
            if state.deadline() <= now && state.tick(now) {
                out.push(question.clone());
            }
        }
    }

    /// The addresses of a name, best first; none when none is known.
    pub fn records(&self, question: &Question) -> &[Record] {
        match self.0.get(question) {
            Some(State::Known { records, .. }) => records,
            Some(State::Asking { .. } | State::Unknown { .. }) | None => &[],
        }
    }

    /// What an operator may want to know.
    pub fn view(&self, now: Mono, question: &Question) -> Option<NameView> {
        let ms = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        Some(match self.0.get(question)? {
            State::Asking { .. } => NameView::Asking,
            State::Unknown { why, .. } => NameView::Unknown { why: why.clone() },
            State::Known { learned, expires, .. } if now < *expires => {
                NameView::Fresh { age_ms: ms(now.since(*learned)), ttl_ms: ms(expires.since(now)) }
            }
            State::Known { learned, ask, .. } => {
                let (Ask::Planned { failed, .. } | Ask::Open { failed, .. }) = ask;
                let why = failed.clone().unwrap_or_else(|| NO_ANSWER.to_owned());
                NameView::Stale { age_ms: ms(now.since(*learned)), why }
            }
        })
    }

    /// What the next run should know.
    pub fn keep(&self) -> Vec<Kept> {
        let kept = self.0.iter().filter_map(|(question, state)| match state {
            State::Known { records, learned, expires, ask: _ } => Some(Kept {
                question: question.clone(),
                records: records.clone(),
                learned: *learned,
                expires: *expires,
            }),
            State::Asking { .. } | State::Unknown { .. } => None,
        });
        kept.collect()
    }
}

/// Said of a question that came to nothing without a reason.
const NO_ANSWER: &str = "no name server has answered";

impl State {
    const fn deadline(&self) -> Mono {
        match self {
            Self::Asking { until: at }
            | Self::Unknown { again: at, .. }
            | Self::Known { ask: Ask::Planned { at, .. } | Ask::Open { until: at, .. }, .. } => *at,
        }
    }

    /// Its deadline has come. True when it is to be asked now.
    fn tick(&mut self, now: Mono) -> bool {
        match self {
            Self::Asking { .. } | Self::Known { ask: Ask::Open { .. }, .. } => {
                self.fail(now, NO_ANSWER.to_owned());
                false
            }
            Self::Unknown { .. } => {
                *self = Self::Asking { until: now + ASK_TIME };
                true
            }
            Self::Known { ask, .. } => {
                let Ask::Planned { failed, .. } = ask else { return false };
                *ask = Ask::Open { until: now + ASK_TIME, failed: failed.take() };
                true
            }
        }
    }

    fn fail(&mut self, now: Mono, why: String) {
        let again = now + AGAIN;
        match self {
            Self::Asking { .. } | Self::Unknown { .. } => *self = Self::Unknown { why, again },
            Self::Known { ask, .. } => *ask = Ask::Planned { at: again, failed: Some(why) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Answer, Names, Question, Record};
    use holdfast_base::{Mono, Outbox};
    use std::collections::BTreeSet;
    use std::time::Duration;

    fn question() -> Question {
        let service = "_sip._udp.example.org".to_owned();
        Question::Service { service, host: "example.org".to_owned(), port: 5060 }
    }

    fn found(ttl_s: u64, addresses: &[&str]) -> Answer {
        let record = |address: &&str| Record {
            priority: 1,
            weight: 0,
            address: format!("{address}:5060").parse().unwrap(),
        };
        let records = addresses.iter().map(record).collect();
        Answer::Found { records, ttl: Duration::from_secs(ttl_s) }
    }

    /// Says what is asked and known at each second of interest, until `until` seconds.
    struct Script {
        names: Names,
        now: Mono,
        trace: String,
    }

    impl Script {
        fn new() -> Self {
            Self { names: Names::default(), now: Mono::default(), trace: String::new() }
        }

        fn note(&mut self, what: &str) {
            let records = self.names.records(&question());
            let known: Vec<String> =
                records.iter().map(|record| record.address.ip().to_string()).collect();
            let at = self.now.millis() / 1000;
            let view = match self.names.view(self.now, &question()) {
                Some(view) => format!("{view:?}"),
                None => "not in use".to_owned(),
            };
            self.trace += &format!("{at:>4} {what}: {} {view}\n", known.join(" "));
        }

        fn want(&mut self, wanted: &[Question]) {
            let mut out = Outbox::new();
            self.names.want(self.now, &wanted.iter().cloned().collect::<BTreeSet<_>>(), &mut out);
            let asked = if out.is_empty() { "wanted" } else { "wanted, asked" };
            self.note(asked);
        }

        fn answer(&mut self, answer: Answer) {
            let kept = self.names.answered(self.now, &question(), answer);
            self.note(if kept { "answer, kept" } else { "answer" });
        }

        fn until(&mut self, seconds: u64) {
            let until = Mono::from_micros(seconds * 1_000_000);
            for _ in 0..100 {
                let Some(deadline) = self.names.deadline().filter(|at| *at <= until) else {
                    self.now = until;
                    return;
                };
                self.now = deadline;
                let mut out = Outbox::new();
                self.names.handle_deadline(self.now, &mut out);
                self.note(if out.is_empty() { "waited in vain" } else { "asked" });
            }
            panic!("livelock\n{}", self.trace);
        }
    }

    #[test]
    fn what_is_known_outlives_the_name_server() {
        let mut script = Script::new();
        script.want(&[question()]);
        script.answer(found(100, &["192.0.2.1", "192.0.2.2"]));
        script.until(80);
        script.answer(found(100, &["192.0.2.2"]));
        script.until(165);
        script.answer(Answer::Failed("refused".to_owned()));
        script.until(185);
        script.note("expired");
        script.until(200);
        script.answer(found(100, &["192.0.2.3"]));
        script.want(&[]);
        assert_eq!(
            script.trace,
            "   0 wanted, asked:  Asking
   0 answer, kept: 192.0.2.1 192.0.2.2 Fresh { age_ms: 0, ttl_ms: 100000 }
  80 asked: 192.0.2.1 192.0.2.2 Fresh { age_ms: 80000, ttl_ms: 20000 }
  80 answer, kept: 192.0.2.2 Fresh { age_ms: 0, ttl_ms: 100000 }
 160 asked: 192.0.2.2 Fresh { age_ms: 80000, ttl_ms: 20000 }
 165 answer: 192.0.2.2 Fresh { age_ms: 85000, ttl_ms: 15000 }
 175 asked: 192.0.2.2 Fresh { age_ms: 95000, ttl_ms: 5000 }
 185 expired: 192.0.2.2 Stale { age_ms: 105000, why: \"refused\" }
 195 waited in vain: 192.0.2.2 Stale { age_ms: 115000, why: \"no name server has answered\" }
 200 answer, kept: 192.0.2.3 Fresh { age_ms: 0, ttl_ms: 100000 }
 200 wanted:  not in use
"
        );
    }

    #[test]
    fn a_name_that_does_not_exist_is_asked_for_again_after_its_time() {
        let mut script = Script::new();
        script.want(&[question()]);
        script.until(25);
        script.until(31);
        script.answer(Answer::Absent { ttl: Duration::from_secs(3600) });
        script.until(91);
        script.answer(found(0, &["192.0.2.1"]));
        script.until(95);
        script.answer(Answer::Absent { ttl: Duration::ZERO });
        assert_eq!(
            script.trace,
            "   0 wanted, asked:  Asking
  20 waited in vain:  Unknown { why: \"no name server has answered\" }
  30 asked:  Asking
  31 answer:  Unknown { why: \"the name server knows no address of this name\" }
  91 asked:  Asking
  91 answer, kept: 192.0.2.1 Fresh { age_ms: 0, ttl_ms: 5000 }
  95 asked: 192.0.2.1 Fresh { age_ms: 4000, ttl_ms: 1000 }
  95 answer, kept:  Unknown { why: \"the name server knows no address of this name\" }
"
        );
    }

    #[test]
    fn a_restart_forgets_nothing_and_asks_at_once() {
        let mut script = Script::new();
        script.want(&[question()]);
        let many: Vec<String> = (0..40).map(|host| format!("192.0.2.{host}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        script.answer(found(100, &many));
        assert_eq!(script.names.records(&question()).len(), super::RECORDS_MAX);
        let later = Mono::from_micros(500_000_000);
        let mut names = Names::restore(later, script.names.keep());
        let mut out = Outbox::new();
        names.want(later, &BTreeSet::from([question()]), &mut out);
        assert!(out.is_empty());
        assert_eq!(names.records(&question()).len(), super::RECORDS_MAX);
        assert_eq!(names.deadline(), Some(later));
        names.handle_deadline(later, &mut out);
        assert_eq!(out.take(), [question()]);
        assert!(format!("{:?}", names.view(later, &question())).contains("Stale"));
    }
}
