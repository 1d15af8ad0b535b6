//! `/healthz` for whoever watches that the box lives, `/metrics` for Prometheus.
//!
//! `/healthz` answers everyone and says nothing but yes or no. `/metrics` names queues and agents,
//! so it answers who is logged in, and programs on the box itself (a local collector) only.
//!
//! The text exposition format 0.0.4 is a few lines of printing; every figure is read from the
//! picture of the site, so there is no second set of counters that could differ from the page.

use std::fmt::Write;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use holdfast_core::record::event::Duty;
use holdfast_core::view::{HealthState, SiteView};

use crate::web::Web;

/// `GET /healthz`.
pub(crate) async fn healthz(State(web): State<Arc<Web>>) -> Response {
    if (web.doors.healthy)() {
        return "ok\n".into_response();
    }
    (StatusCode::SERVICE_UNAVAILABLE, "not ok\n").into_response()
}

/// `GET /metrics`.
pub(crate) async fn metrics(State(web): State<Arc<Web>>) -> Response {
    let age_ms = web.now().wall.micros().saturating_sub(web.view().at.micros()) / 1000;
    let text = exposition(&web.view(), u64::try_from(age_ms).unwrap_or(0));
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

#[derive(Clone, Copy)]
enum Kind {
    Counter,
    Gauge,
}

/// The exposition being written.
struct Text(String);

impl Text {
    fn family(&mut self, name: &str, kind: Kind, help: &str) {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        };
        // Writing to a String can not fail, here and below.
        let _ = writeln!(self.0, "# HELP holdfast_{name} {help}\n# TYPE holdfast_{name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        let _ = write!(self.0, "holdfast_{name}");
        for (place, (label, value)) in labels.iter().enumerate() {
            let opening = if place == 0 { '{' } else { ',' };
            let _ = write!(self.0, "{opening}{label}=\"{}\"", escaped(value));
        }
        let closing = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.0, "{closing} {value}");
    }

    fn single(&mut self, name: &str, kind: Kind, help: &str, value: f64) {
        self.family(name, kind, help);
        self.sample(name, &[], value);
    }
}

/// A label value: backslash, quote and line feed are escaped, nothing else.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// Counts beyond 2^53 lose their last digits, which no one reads.
#[expect(clippy::cast_precision_loss, reason = "Prometheus samples are doubles")]
const fn count(value: u64) -> f64 {
    value as f64
}

fn seconds(ms: u64) -> f64 {
    count(ms) / 1000.0
}

fn exposition(view: &SiteView, age_ms: u64) -> String {
    let mut text = Text(String::with_capacity(8192));
    text.family("build_info", Kind::Gauge, "Version of the program and hash of its configuration.");
    let labels = [("version", view.version.as_str()), ("config_hash", view.config_hash.as_str())];
    text.sample("build_info", &labels, 1.0);
    text.single("up_seconds", Kind::Gauge, "Time since the start.", seconds(view.up_ms));
    text.single("view_age_seconds", Kind::Gauge, "Age of these figures.", seconds(age_ms));
    let wait = seconds(view.totals.input_wait_ms);
    text.single("input_wait_seconds", Kind::Gauge, "Longest wait of a message lately.", wait);
    health(&mut text, view);
    totals(&mut text, view);
    queues(&mut text, view);
    agents(&mut text, view);
    text.0
}

fn health(text: &mut Text, view: &SiteView) {
    text.family("health", Kind::Gauge, "1 works, 0.5 degraded, 0 down.");
    for part in &view.health {
        let value = match part.state {
            HealthState::Good => 1.0,
            HealthState::Degraded => 0.5,
            HealthState::Down => 0.0,
        };
        text.sample("health", &[("part", &part.part)], value);
    }
}

fn totals(text: &mut Text, view: &SiteView) {
    let totals = &view.totals;
    let counters = [
        ("calls_total", "Calls that arrived.", totals.calls),
        (
            "calls_refused_total",
            "Calls refused: too many were there, or none are taken.",
            totals.calls_refused,
        ),
        (
            "calls_refused_late_total",
            "Calls refused because messages waited too long.",
            totals.calls_refused_late,
        ),
        ("cdrs_total", "Calls that ended with a CDR.", totals.cdrs),
        ("sip_received_total", "SIP messages received.", totals.sip_received),
        ("sip_sent_total", "SIP messages sent.", totals.sip_sent),
        ("sip_malformed_total", "Datagrams that were not SIP.", totals.sip_malformed),
        ("ungated_total", "Messages that left before their record was on disk.", totals.ungated),
        ("bans_total", "Bans begun.", view.abuse.bans_begun),
        (
            "dropped_banned_total",
            "Messages of banned addresses that were not read.",
            view.abuse.dropped_banned,
        ),
        (
            "dropped_too_many_total",
            "Messages not read because their address sent too many.",
            view.abuse.dropped_too_many,
        ),
        ("reaper_fixups_total", "Deadlines that had to be forced.", totals.reaper_fixups),
    ];
    for (name, help, value) in counters {
        text.single(name, Kind::Counter, help, count(value));
    }
    let live_calls = u64::try_from(view.calls.len()).unwrap_or(u64::MAX);
    let gauges = [
        ("live_calls", "Live calls.", live_calls),
        ("live_transactions", "Live SIP transactions.", totals.live_transactions),
        ("live_legs", "Live legs.", totals.live_legs),
        ("live_streams", "Live media streams.", totals.live_streams),
        ("banned_addresses", "Bans in force.", view.abuse.banned),
    ];
    for (name, help, value) in gauges {
        text.single(name, Kind::Gauge, help, count(value));
    }
}

fn queues(text: &mut Text, view: &SiteView) {
    text.family("queue_waiting", Kind::Gauge, "Contacts waiting.");
    for queue in &view.queues {
        let waiting = u64::try_from(queue.waiting.len()).unwrap_or(u64::MAX);
        text.sample("queue_waiting", &[("queue", queue.name.as_str())], count(waiting));
    }
    text.family("queue_longest_wait_seconds", Kind::Gauge, "Longest wait of those waiting now.");
    for queue in &view.queues {
        let longest = queue.waiting.iter().map(|waiting| waiting.waited_ms).max().unwrap_or(0);
        let labels = [("queue", queue.name.as_str())];
        text.sample("queue_longest_wait_seconds", &labels, seconds(longest));
    }
    text.family("queue_agents", Kind::Gauge, "Agents of the queue, by what they could do.");
    for queue in &view.queues {
        for (agents, value) in [("free", queue.agents_free), ("on_duty", queue.agents_on_duty)] {
            let labels = [("queue", queue.name.as_str()), ("agents", agents)];
            text.sample("queue_agents", &labels, f64::from(value));
        }
    }
    text.family("queue_outcomes_today", Kind::Gauge, "Contacts since midnight, by outcome.");
    for queue in &view.queues {
        for (outcome, value) in &queue.today.outcomes {
            // An outcome is written as in the API.
            let word = serde_json::to_value(outcome).unwrap_or_default();
            let word = word.as_str().unwrap_or_default();
            let labels = [("queue", queue.name.as_str()), ("outcome", word)];
            text.sample("queue_outcomes_today", &labels, count(*value));
        }
    }
}

fn agents(text: &mut Text, view: &SiteView) {
    text.family("agent_state", Kind::Gauge, "1 for the task the agent is in.");
    for agent in &view.agents {
        let labels = [("agent", agent.name.as_str()), ("task", agent.task.as_str())];
        text.sample("agent_state", &labels, 1.0);
    }
    text.family("agent_on_duty", Kind::Gauge, "1 on duty, 0 off.");
    for agent in &view.agents {
        let value = match agent.duty {
            Duty::OnDuty => 1.0,
            Duty::OffDuty(_) => 0.0,
        };
        text.sample("agent_on_duty", &[("agent", agent.name.as_str())], value);
    }
    text.family("agent_selectable", Kind::Gauge, "1 when a call could be offered now.");
    for agent in &view.agents {
        let value = if agent.selectable { 1.0 } else { 0.0 };
        text.sample("agent_selectable", &[("agent", agent.name.as_str())], value);
    }
}

#[cfg(test)]
mod tests {
    use super::exposition;
    use crate::sample::busy_site;
    use holdfast_base::QueueName;
    use std::collections::BTreeSet;

    #[test]
    fn the_figures_are_those_of_the_picture() {
        let text = exposition(&busy_site(), 250);
        for line in [
            "holdfast_view_age_seconds 0.25",
            "holdfast_calls_total 318",
            "holdfast_reaper_fixups_total 0",
            "holdfast_banned_addresses 1",
            "holdfast_dropped_banned_total 31415",
            "holdfast_queue_waiting{queue=\"sales\"} 3",
            "holdfast_queue_longest_wait_seconds{queue=\"sales\"} 48.2",
            "holdfast_queue_outcomes_today{queue=\"sales\",outcome=\"answered\"} 121",
            "holdfast_agent_state{agent=\"anna\",task=\"offered\"} 1",
            "holdfast_health{part=\"Log\"} 0.5",
        ] {
            assert!(text.lines().any(|known| known == line), "{line}\n{text}");
        }
    }

    #[test]
    fn every_line_is_a_sample_of_a_family_named_once() {
        let mut view = busy_site();
        let hostile = view.queues.first_mut().unwrap();
        hostile.name = QueueName::new("a\"b\\c\nd");
        let text = exposition(&view, 0);
        assert!(text.contains(r#"{queue="a\"b\\c\nd"}"#));
        let mut families = BTreeSet::new();
        for line in text.lines() {
            if let Some(family) = line.strip_prefix("# TYPE ") {
                let name = family.split(' ').next().unwrap();
                assert!(families.insert(name.to_owned()), "{name} twice");
            } else if !line.starts_with('#') {
                let name = line.split(['{', ' ']).next().unwrap();
                assert!(families.contains(name), "{line}");
                assert!(line.rsplit(' ').next().unwrap().parse::<f64>().is_ok(), "{line}");
            }
        }
    }
}
