//! Doors of a made-up box that answer what is asked: calendars, figures, scenarios.

use std::sync::Arc;

use holdfast_base::{AgentName, CallId, ContactId, Lsn, Mono, Now, QueueName, Wall};
use holdfast_config::Zone;
use holdfast_core::calendar::explain::explain_all;
use holdfast_core::record::event::{Event, Fact, Outcome};
use holdfast_core::record::kpi::KpiFold;
use holdfast_core::record::kpi::report::{Question, Reporter};

use super::AT;
use crate::doors::{Almanac, Figures, Rehearse};

/// The calendar of a box in Bern.
pub(crate) fn almanac() -> Almanac {
    let text = "
[site]
time_zone = 'Europe/Zurich'
[[calendar]]
name = 'office'
open = ['mon-fri 08:00-17:00']
exception = [{ on = '08-01', name = 'National day' }]
[[queue]]
name = 'welcome'
calendar = 'office'
";
    let (config, _) = holdfast_config::read(text, "f").unwrap();
    Arc::new(move |name, at, now| explain_all(&config, name, at, now))
}

/// The figures of two calls of this morning: one answered, one still waiting.
pub(crate) fn figures() -> Figures {
    let zone = Zone::named("Europe/Zurich").unwrap();
    let mut fold = KpiFold::default();
    let hour = |back: i64| Wall::from_micros(AT.micros() - back * 3_600_000_000);
    let mut apply = |wall: Wall, fact: Fact| {
        let at = Now { mono: Mono::from_micros(0), wall };
        drop(fold.apply(&Event { lsn: Lsn(1), at, fact }));
    };
    let (agent, queue) = (AgentName::new("anna"), QueueName::new("sales"));
    for call in [1, 2] {
        let (contact, queue) = (ContactId(call), queue.clone());
        apply(hour(2), Fact::Enqueued { contact, call: CallId(call), queue });
    }
    let (contact, outcome, waited_ms) = (ContactId(1), Outcome::Answered, 12_000);
    apply(hour(2), Fact::ContactLeft { contact, queue, outcome, waited_ms });
    apply(hour(1), Fact::AgentDone { agent, contact, talked_ms: 90_000 });
    Arc::new(move |asked, now| {
        let answer = Question::read(&asked, &zone, now).and_then(|question| {
            let mut reporter = Reporter::new(question)?;
            let now = Now { mono: Mono::from_micros(0), wall: now };
            for quarter in fold.quarters(now, reporter.span()) {
                reporter.take(quarter)?;
            }
            Ok(reporter.finish())
        });
        Box::pin(std::future::ready(Some(answer)))
    })
}

/// Plays on the configuration of a new box.
pub(crate) fn rehearse() -> Rehearse {
    let config = holdfast_config::defaults::config();
    Arc::new(move |text, now| {
        let played = match holdfast_config::scenario::read(&text, "scenario", &config, now) {
            Ok(scenario) => Ok(holdfast_core::rehearsal::play(&config, &scenario)),
            Err(findings) => Err(findings.iter().map(ToString::to_string).collect()),
        };
        Box::pin(std::future::ready(Some(played)))
    })
}
