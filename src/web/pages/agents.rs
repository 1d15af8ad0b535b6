//! Agents: duty, what they do, for how long, and why no call comes to them.

use holdfast_core::record::event::Duty;
use holdfast_core::view::{AgentView, SiteView};
use maud::{Markup, html};

use super::icon::Mood;
use super::text::{cut, name};
use super::times::Times;

/// The fragment.
pub(crate) fn fragment(view: &SiteView, times: &mut Times) -> Markup {
    html! {
        @if view.agents.is_empty() {
            p.none { "No agent is configured. Add an [[agent]] to the configuration and reload it." }
        }
        ul.agents {
            @for agent in &view.agents { (row(agent, times)) }
        }
    }
}

fn row(agent: &AgentView, times: &mut Times) -> Markup {
    let (mood, word) = state(agent);
    let key = format!("agent/{}/{}", agent.name, agent.task);
    html! {
        li.agent #{ "agent-" (agent.name) } {
            div.who {
                b { (name(&agent.display)) }
                span.duty { (duty(&agent.duty)) }
            }
            div.doing {
                (mood.word(&word))
                (times.since(key.clone(), agent.for_ms))
                @if let Some(left_ms) = agent.left_ms {
                    span.left { (times.until(format!("{key}/left"), left_ms)) " left" }
                }
            }
            div.orders { (orders(agent)) }
            @if let Some(why) = why(agent) { p.why { "No new call: " (why) } }
            p.where {
                @for (place, reachable) in &agent.endpoints {
                    @let mood = if *reachable { Mood::Good } else { Mood::Bad };
                    @let word = if *reachable { "reachable" } else { "not reachable" };
                    span class={ "place " (mood.class()) } title=(word) {
                        (mood.sign()) (name(place)) span.hidden { " " (word) }
                    }
                }
                @for queue in &agent.queues { span.tag { (queue) } }
            }
        }
    }
}

fn duty(duty: &Duty) -> Markup {
    match duty {
        Duty::OnDuty => html! { "on duty" },
        Duty::OffDuty(reason) if reason.is_empty() => html! { "off duty" },
        Duty::OffDuty(reason) => html! { "off duty: " (reason) },
    }
}

/// The task as a person says it. The words are those of the site; one that the page does not know
/// is shown as it comes.
fn state(agent: &AgentView) -> (Mood, String) {
    let (mood, said) = match (&agent.duty, agent.task.as_str()) {
        (_duty, "reserved" | "offered") => (Mood::Alert, "being called"),
        (_duty, "connected") => (Mood::Busy, "in a call"),
        (_duty, "own_call") => (Mood::Busy, "in another call"),
        (_duty, "wrap_up") => (Mood::Busy, "wrap-up"),
        (_duty, "rona") => (Mood::Warn, "did not answer"),
        (_duty, "cooling_busy") => (Mood::Warn, "was busy"),
        (_duty, "cooling_declined") => (Mood::Warn, "refused a call"),
        (_duty, "cooling_unreachable") => (Mood::Warn, "could not be reached"),
        (_duty, "lingering") => (Mood::Warn, "a phone may still ring"),
        (Duty::OffDuty(_), "free") => (Mood::Off, "off"),
        (Duty::OnDuty, "free") if agent.selectable => (Mood::Good, "free"),
        (Duty::OnDuty, "free") => (Mood::Bad, "can not be called"),
        (_duty, unknown) => return (Mood::Off, unknown.replace('_', " ")),
    };
    (mood, said.to_owned())
}

/// Why no call comes, where duty, state and the time left do not say it already.
fn why(agent: &AgentView) -> Option<&str> {
    let told = match agent.duty {
        Duty::OnDuty => agent.selectable || agent.left_ms.is_some(),
        Duty::OffDuty(_) => true,
    };
    (!told).then_some(agent.why_not.as_str())
}

fn orders(agent: &AgentView) -> Markup {
    let release = match agent.task.as_str() {
        "wrap_up" => Some("End wrap-up"),
        "rona" => Some("Offer calls again"),
        cooling if cooling.starts_with("cooling") => Some("Offer calls again"),
        _other => None,
    };
    html! {
        @if let Some(release) = release {
            button data-order="release" data-agent=(agent.name) data-name=(cut(&agent.display))
                id={ "release-" (agent.name) } { (release) }
        }
        @match agent.duty {
            Duty::OnDuty => {
                button data-order="off_duty" data-agent=(agent.name) data-name=(cut(&agent.display))
                    id={ "duty-" (agent.name) } { "Take off duty" }
            }
            Duty::OffDuty(_) => {
                button.wanted data-order="on_duty" data-agent=(agent.name)
                    data-name=(cut(&agent.display)) id={ "duty-" (agent.name) } { "Put on duty" }
            }
        }
    }
}
