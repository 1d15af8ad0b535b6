//! What a queue does with callers whom it does not serve: who is let in, what counts as nobody
//! being there, and where callers are led on to (QUEUEING.md 2.6).

use std::time::Duration;

use holdfast_base::{AgentName, EndpointName, QueueName};
use serde::{Deserialize, Serialize};
use toml::de::DeValue;

use crate::defaults;
use crate::finding::Wrong;
use crate::kind::{self, Read};
use crate::queue::one_of;
use crate::section::Section;

/// Who is let into a queue, and where everybody else and those who wait in vain are led on to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Overflow {
    /// Callers who are let in although the queue is closed, full or empty: a number or account, or
    /// the beginning of numbers with a `*` behind it.
    pub let_in: Vec<String>,
    /// An agent of whom one of these is true is not there for a caller who comes; where nobody is
    /// there the caller is not let in. Empty lets everybody in.
    pub join_empty: Vec<Absence>,
    /// The same for those who wait: where nobody is there, they are led on. Empty lets them wait.
    pub leave_empty: Vec<Absence>,
    /// How long nobody may be there before those who wait are led on.
    pub leave_after: Duration,
    /// Whether a phone that rings when the longest wait is over may ring on.
    pub finish_ring: bool,
    /// Whether those who wait when the queue is closed are served all the same.
    pub serve_waiting: bool,
    /// Where callers of a closed queue are led, the first that takes them; 480 when there is none.
    pub when_closed: Vec<Exit>,
    /// Where callers of a full queue are led; 486 when there is none.
    pub when_full: Vec<Exit>,
    /// Where callers are led when nobody is there.
    pub when_empty: Vec<Exit>,
    /// Where callers are led who have waited for as long as the queue allows.
    pub when_waited: Vec<Exit>,
}

impl Default for Overflow {
    fn default() -> Self {
        Self {
            let_in: Vec::new(),
            join_empty: Vec::new(),
            leave_empty: Vec::new(),
            leave_after: defaults::LEAVE_AFTER,
            finish_ring: defaults::FINISH_RING,
            serve_waiting: defaults::SERVE_WAITING,
            when_closed: Vec::new(),
            when_full: Vec::new(),
            when_empty: Vec::new(),
            when_waited: Vec::new(),
        }
    }
}

/// Why an agent may count as not being there. Whom the queue can never call (without the skills of
/// any circle) is never there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Absence {
    /// Off duty without a reason.
    LoggedOut,
    /// Off duty with a reason, left alone after calls not answered, or has this queue switched off.
    Paused,
    /// No phone can be reached.
    Unreachable,
    /// Does the work that a call has left.
    WrapUp,
    /// Is called, talks, or was just busy.
    Busy,
}

/// Every absence with how it is written.
const ABSENCES: [(&str, Absence); 5] = [
    ("logged-out", Absence::LoggedOut),
    ("paused", Absence::Paused),
    ("unreachable", Absence::Unreachable),
    ("wrap-up", Absence::WrapUp),
    ("busy", Absence::Busy),
];

/// Where a caller is led whom a queue does not serve.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Exit {
    /// Into another queue, at the rank that the wait so far has earned.
    Queue(QueueName),
    /// To somebody who is called for it.
    Call {
        /// Who.
        whom: Whom,
        /// How long that one may let it ring.
        ring: Duration,
    },
    /// It hears a clip and is let go.
    Announce {
        /// The clip.
        clip: String,
        /// How long it is heard.
        lasts: Duration,
    },
}

/// Who is called for a caller whom a queue does not serve.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Whom {
    /// An agent, on the first phone that can be reached, if free to take a call.
    Agent(AgentName),
    /// The phones of an account.
    Account(EndpointName),
    /// A number, over the way that routes and numbers give it.
    Number(String),
}

impl Exit {
    /// What is played there.
    #[must_use]
    pub fn clip(&self) -> Option<&str> {
        match self {
            Self::Announce { clip, .. } => Some(clip),
            Self::Queue(_) | Self::Call { .. } => None,
        }
    }
}

/// Longest that somebody's phone rings for a caller who is led on.
const RING_MAX: Duration = Duration::from_secs(300);
/// Longest announcement before the end of a call.
const ANNOUNCEMENT_MAX: Duration = Duration::from_secs(300);

/// Reads the keys of this file from `[[queue]]`.
pub(crate) fn read(section: &mut Section<'_, '_, '_>) -> Overflow {
    let default = Overflow::default();
    Overflow {
        let_in: section.list("let_in", kind::dialled),
        join_empty: section.list("join_empty", absence),
        leave_empty: section.list("leave_empty", absence),
        leave_after: section.or("leave_after", kind::duration, default.leave_after),
        finish_ring: section.or("finish_ring", kind::flag, default.finish_ring),
        serve_waiting: section.or("serve_waiting", kind::flag, default.serve_waiting),
        when_closed: section.tables("when_closed", exit).unwrap_or_default(),
        when_full: section.tables("when_full", exit).unwrap_or_default(),
        when_empty: section.tables("when_empty", exit).unwrap_or_default(),
        when_waited: section.tables("when_waited", exit).unwrap_or_default(),
    }
}

fn absence(value: &DeValue<'_>) -> Read<Absence> {
    one_of(value, "reason not to be there", &ABSENCES)
}

fn exit(section: &mut Section<'_, '_, '_>) -> Option<Exit> {
    let queue = section.may("queue", kind::name);
    let agent = section.may("agent", kind::name);
    let account = section.may("account", kind::name);
    let number = section.may("number", kind::dialled);
    let clip = section.may("announce", kind::some_text);
    let (lasts, ring) = (section.may("lasts", lasts), section.may("ring", ring));
    let called = [
        agent.map(|name| Whom::Agent(AgentName::new(&name))),
        account.map(|name| Whom::Account(EndpointName::new(&name))),
        number.map(Whom::Number),
    ];
    let mut places = queue
        .map(|name| Exit::Queue(QueueName::new(&name)))
        .into_iter()
        .chain(called.into_iter().flatten().map(|whom| {
            let ring = ring.unwrap_or(defaults::EXIT_RING);
            Exit::Call { whom, ring }
        }))
        .chain(clip.map(|clip| {
            let lasts = lasts.unwrap_or(defaults::ANNOUNCEMENT);
            Exit::Announce { clip, lasts }
        }));
    let (first, second) = (places.next(), places.next());
    let fits = match &first {
        Some(Exit::Queue(_)) => lasts.is_none() && ring.is_none(),
        Some(Exit::Call { .. }) => lasts.is_none(),
        Some(Exit::Announce { .. }) => ring.is_none(),
        None => false,
    };
    if !fits || second.is_some() {
        section.fault(Wrong::new(
            "a caller is led on to exactly one place",
            "write one of { queue = \"…\" }, { agent = \"…\" }, { account = \"…\" }, \
             { number = \"…\", ring = \"30s\" } or { announce = \"…\", lasts = \"8s\" }",
        ));
        return None;
    }
    first
}

fn ring(value: &DeValue<'_>) -> Read<Duration> {
    let ring = kind::some_duration(value)?;
    if ring > RING_MAX {
        return Err(Wrong::new("nobody lets a phone ring for so long", "write 5m at most"));
    }
    Ok(ring)
}

fn lasts(value: &DeValue<'_>) -> Read<Duration> {
    let lasts = kind::some_duration(value)?;
    if lasts > ANNOUNCEMENT_MAX {
        let what = "nobody listens to an announcement for so long";
        return Err(Wrong::new(what, "write 5m at most"));
    }
    Ok(lasts)
}

impl Overflow {
    /// Whether this caller is let in whatever stands against it.
    #[must_use]
    pub fn lets_in(&self, caller: &str) -> bool {
        self.let_in.iter().any(|known| match known.strip_suffix('*') {
            Some(beginning) => caller.starts_with(beginning),
            None => caller == known,
        })
    }

    /// Every list of exits with its key.
    pub fn exits(&self) -> [(&'static str, &[Exit]); 4] {
        [
            ("when_closed", &self.when_closed),
            ("when_full", &self.when_full),
            ("when_empty", &self.when_empty),
            ("when_waited", &self.when_waited),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::Overflow;

    #[test]
    fn a_caller_is_let_in_by_number_and_by_the_beginning_of_it() {
        let let_in = ["+4930123".to_owned(), "+44*".to_owned(), "lobby".to_owned()].to_vec();
        let overflow = Overflow { let_in, ..Overflow::default() };
        let in_or_not = ["+4930123", "+49301234", "+4420", "+4", "lobby", "lobb", "anonymous"]
            .map(|caller| overflow.lets_in(caller));
        assert_eq!(in_or_not, [true, false, true, false, true, false, false]);
    }
}
