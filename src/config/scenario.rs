//! A thought-out hour: when callers come and what agents do, to be played against a configuration
//! before it is used. Read as the configuration is, with the line and the remedy of every fault.

use std::collections::BTreeSet;
use std::time::Duration;

use holdfast_base::{AgentName, QueueName, Wall};
use toml::de::{DeTable, DeValue};

use crate::finding::{Finding, Severity, Wrong};
use crate::kind::{self, Read};
use crate::parse::{DOCUMENT_BYTES_MAX, too_large};
use crate::schema::Config;
use crate::section::{Reading, Section};

/// Most callers: what is printed is still read by a person.
const CALLS_MAX: usize = 500;
/// Longest time that is played.
const LASTS_MAX: Duration = Duration::from_secs(8 * 3600);
/// How long it is played when nobody says.
const LASTS: Duration = Duration::from_secs(30 * 60);
/// How long an agent lets it ring.
const ANSWERS_AFTER: Duration = Duration::from_secs(5);
/// How long a conversation lasts.
const TALKS: Duration = Duration::from_secs(3 * 60);
/// Longest time that an agent has been idle.
const IDLE_MAX: Duration = Duration::from_secs(24 * 3600);

/// What is played.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// When it begins.
    pub at: Wall,
    /// How long it is played.
    pub lasts: Duration,
    /// What agents do; one who is not named answers in the usual time.
    pub agents: Vec<Acting>,
    /// Who calls.
    pub calls: Vec<Caller>,
}

/// What an agent does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acting {
    /// The agent.
    pub name: AgentName,
    /// On duty, in a break for a reason, or logged out; as configured when absent.
    pub duty: Option<String>,
    /// Whether a phone of the agent is there.
    pub reachable: bool,
    /// For how long the agent has had nothing to do.
    pub idle: Duration,
    /// For how long the agent still is in another call.
    pub busy: Duration,
    /// What happens when the phone rings.
    pub when_called: WhenCalled,
    /// How long a conversation lasts.
    pub talks: Duration,
}

/// What happens when an agent's phone rings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenCalled {
    /// It is answered after this time.
    Answers(Duration),
    /// It rings in vain.
    Rings,
    /// It says busy.
    Busy,
    /// The call is refused.
    Declines,
}

/// A caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// How long after the beginning.
    pub after: Duration,
    /// Into which queue.
    pub queue: QueueName,
    /// The number; every caller has another one when absent.
    pub from: String,
    /// How long the caller waits; for ever when absent.
    pub patience: Option<Duration>,
}

impl Acting {
    /// An agent of whom nothing is said.
    #[must_use]
    pub const fn usual(name: AgentName) -> Self {
        Self {
            name,
            duty: None,
            reachable: true,
            idle: Duration::ZERO,
            busy: Duration::ZERO,
            when_called: WhenCalled::Answers(ANSWERS_AFTER),
            talks: TALKS,
        }
    }
}

/// Reads a scenario for a configuration; it begins at `now` unless it says otherwise.
///
/// # Errors
/// Everything that is wrong with it, in the order of the lines.
pub fn read(text: &str, file: &str, config: &Config, now: Wall) -> Result<Scenario, Vec<Finding>> {
    let mut reading = Reading::new(text, file);
    let place = reading.place(0);
    if text.len() > DOCUMENT_BYTES_MAX {
        reading.findings.push(Severity::Error, place, "", too_large());
        return Err(reading.findings.into_list());
    }
    let table = match DeTable::parse(text) {
        Ok(table) => table,
        Err(fault) => {
            let place = reading.place(fault.span().map_or(0, |span| span.start));
            let what = format!("column {}: {}", place.column, fault.message().replace('\n', ", "));
            let wrong = Wrong::new(what, "write `key = value`, texts in quotes, one key a line");
            reading.findings.push(Severity::Error, place, "", wrong);
            return Err(reading.findings.into_list());
        }
    };
    let scenario = scenario(Section::root(&mut reading, table.get_ref()), config, now);
    if scenario.calls.len() > CALLS_MAX {
        let wrong = Wrong::new(
            format!("{} callers are too many", scenario.calls.len()),
            format!("keep {CALLS_MAX} at most"),
        );
        reading.findings.push(Severity::Error, place, "call", wrong);
    }
    if reading.findings.harmless() { Ok(scenario) } else { Err(reading.findings.into_list()) }
}

fn scenario(mut root: Section<'_, '_, '_>, config: &Config, now: Wall) -> Scenario {
    let zone = &config.site.time_zone;
    let time = |value: &DeValue<'_>| {
        let text = kind::text(value)?;
        zone.instant(&text).ok_or_else(|| {
            let remedy = "write for example \"2026-11-23T08:00\", on the clock of the site";
            Wrong::new(format!("`{text}` is no time"), remedy)
        })
    };
    let agents: BTreeSet<&str> = config.agents.iter().map(|it| it.name.as_str()).collect();
    let queues: BTreeSet<&str> = config.queues.iter().map(|it| it.name.as_str()).collect();
    let at = root.or("at", time, now);
    let lasts = root.or("lasts", at_most(LASTS_MAX), LASTS);
    let acting = root.tables("agent", |section| acting(section, &agents)).unwrap_or_default();
    let calls = root.tables("call", |section| caller(section, &queues)).unwrap_or_default();
    root.close();
    Scenario { at, lasts, agents: acting, calls }
}

fn acting(section: &mut Section<'_, '_, '_>, known: &BTreeSet<&str>) -> Option<Acting> {
    let name = section.must("name", one_of("agent", known), "\"anna\"");
    let usual = Acting::usual(AgentName::new(name.as_deref().unwrap_or_default()));
    let acting = Acting {
        duty: section.may("duty", kind::some_text),
        reachable: section.or("reachable", kind::flag, usual.reachable),
        idle: section.or("idle", at_most(IDLE_MAX), usual.idle),
        busy: section.or("busy", at_most(LASTS_MAX), usual.busy),
        when_called: section.or("when_called", when_called, usual.when_called),
        talks: section.or("talks", at_most(LASTS_MAX), usual.talks),
        ..usual
    };
    name.map(|_| acting)
}

fn caller(section: &mut Section<'_, '_, '_>, known: &BTreeSet<&str>) -> Option<Caller> {
    let queue = section.must("queue", one_of("queue", known), "\"welcome\"");
    let after = section.or("after", at_most(LASTS_MAX), Duration::ZERO);
    let from = section.may("from", kind::dialled).unwrap_or_default();
    let patience = section.may("patience", at_most(LASTS_MAX));
    Some(Caller { after, queue: QueueName::new(&queue?), from, patience })
}

/// A length of time up to a limit.
fn at_most(most: Duration) -> impl Fn(&DeValue<'_>) -> Read<Duration> {
    move |value| match kind::duration(value)? {
        long if long > most => {
            let remedy = format!("write {} h at most", most.as_secs() / 3600);
            Err(Wrong::new("so long a time is not played", remedy))
        }
        span => Ok(span),
    }
}

/// A name that the configuration has.
fn one_of<'k>(
    what: &'k str,
    known: &'k BTreeSet<&str>,
) -> impl Fn(&DeValue<'_>) -> Read<String> + 'k {
    move |value| {
        let name = kind::name(value)?;
        if known.contains(name.as_str()) {
            return Ok(name);
        }
        let names: Vec<&str> = known.iter().copied().collect();
        let remedy = format!("the configuration has: {}", names.join(", "));
        Err(Wrong::new(format!("there is no {what} `{name}`"), remedy))
    }
}

fn when_called(value: &DeValue<'_>) -> Read<WhenCalled> {
    match kind::text(value)?.as_str() {
        "rings" => Ok(WhenCalled::Rings),
        "busy" => Ok(WhenCalled::Busy),
        "declines" => Ok(WhenCalled::Declines),
        _ => at_most(LASTS_MAX)(value).map(WhenCalled::Answers).map_err(|wrong| {
            let remedy = "write \"rings\", \"busy\", \"declines\", or the time until the answer, \
                          for example \"5s\"";
            Wrong { remedy: remedy.to_owned(), ..wrong }
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::{WhenCalled, read};
    use crate::schema::Config;
    use holdfast_base::Wall;
    use proptest::prelude::*;

    fn config() -> Config {
        crate::defaults::config()
    }

    #[test]
    fn every_fault_is_told_with_its_line_and_remedy() {
        let text = "at = 'soon'
lasts = '9h'
[[agent]]
name = 'zoe'
when_called = 'maybe'
[[call]]
after = 5
queue = 'welcome'
form = '017'
";
        let findings = read(text, "f", &config(), Wall::default()).unwrap_err();
        let told: Vec<String> = findings.iter().map(ToString::to_string).collect();
        let starts = [
            "f:1: key `at`: `soon` is no time; write for example",
            "f:2: key `lasts`: so long a time is not played; write 8 h at most",
            "f:4: key `agent.name`: there is no agent `zoe`; the configuration has: anna, ben",
            "f:5: key `agent.when_called`: `maybe` is not a length of time; write \"rings\"",
            "f:7: key `call.after`: 5 has no unit",
            "f:9: key `call.form`: there is no such key; did you mean `from`?",
        ];
        assert_eq!(told.len(), starts.len(), "{told:#?}");
        for (told, start) in told.iter().zip(starts) {
            assert!(told.starts_with(start), "{told}");
        }
        let not_toml = read("at =", "f", &config(), Wall::default()).unwrap_err();
        assert_eq!(not_toml.len(), 1);
    }

    #[test]
    fn what_is_left_out_is_as_usual() {
        let text = "[[agent]]\nname = 'anna'\n[[call]]\nqueue = 'welcome'\n";
        let scenario = read(text, "f", &config(), Wall::from_micros(7)).unwrap();
        assert_eq!(scenario.at, Wall::from_micros(7));
        assert!(matches!(scenario.agents[0].when_called, WhenCalled::Answers(_)));
        assert!(scenario.agents[0].reachable && scenario.calls[0].patience.is_none());
    }

    #[test]
    fn not_more_callers_than_a_person_reads() {
        let text = "[[call]]\nqueue = 'welcome'\n".repeat(501);
        assert!(read(&text, "f", &config(), Wall::default()).is_err());
    }

    proptest! {
        #[test]
        fn any_text_gives_an_answer(text in any::<String>()) {
            let _ = read(&text, "f", &config(), Wall::default());
        }
    }
}
