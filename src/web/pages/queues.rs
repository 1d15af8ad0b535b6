//! Queues: their figures, and who waits in which place.

use holdfast_base::{AgentName, Wall};
use holdfast_core::record::event::Outcome;
use holdfast_core::view::{QueueView, SiteView, WaitingView};
use maud::{Markup, html};

use super::icon::Mood;
use super::text::{cut, name};
use super::times::{Times, clock_time, span};

/// Waiting contacts written out for each queue; the rest is counted.
const WAITING_SHOWN_MAX: usize = 20;
/// Most ringing agents named for one caller.
const RINGING_SHOWN_MAX: usize = 3;

/// The fragment.
pub(crate) fn fragment(view: &SiteView, times: &mut Times) -> Markup {
    html! {
        @if view.queues.is_empty() {
            p.none { "No queue is configured. Add a [[queue]] to the configuration and reload it." }
        }
        @for queue in &view.queues { (card(queue, view, times)) }
    }
}

fn card(queue: &QueueView, view: &SiteView, times: &mut Times) -> Markup {
    html! {
        article.queue #{ "queue-" (queue.name) } {
            header {
                h3 { (name(&queue.display)) }
                (situation(queue))
            }
            dl.figures {
                (figure("Waiting", html! { (queue.waiting.len()) }))
                (figure("Longest now", longest(queue, times)))
                (figure("Agents free", html! {
                    (queue.agents_free) small { " of " (queue.agents_on_duty) }
                }))
                (figure("In time", level(queue)))
                (figure("Answered", html! { (count(queue, &[Outcome::Answered])) }))
                (figure("Abandoned", html! { (abandoned(queue)) }))
            }
            @if !queue.waiting.is_empty() { (waiting(queue, view, times)) }
            (door(queue, times))
            p.more {
                "Today, from " (clock_time(midnight(view.at))) " on: "
                @if queue.today.offered == 0 && queue.waiting.is_empty() {
                    "no call yet"
                } @else {
                    "longest wait " (longest_today(queue, times))
                }
            }
        }
    }
}

/// Whether somebody has closed it, and the button that does.
fn door(queue: &QueueView, times: &mut Times) -> Markup {
    html! {
        p.more {
            @match &queue.closed {
                Some(closed) => {
                    "Closed for callers who come"
                    @if !closed.why.is_empty() { ": " (cut(&closed.why)) }
                    @if let Some(left) = closed.left_ms {
                        ", opens in " (times.until(format!("opens/{}", queue.name), left))
                    }
                    " "
                    button.wanted data-order="open_queue" data-queue=(queue.name)
                        data-name=(cut(&queue.display)) id={ "open-" (queue.name) } { "Open" }
                }
                None => button.quiet data-order="close_queue" data-queue=(queue.name)
                    data-name=(cut(&queue.display)) id={ "close-" (queue.name) }
                    title="Callers who come are led on; those who wait are served" { "Close" },
            }
        }
    }
}

/// One glance: is somebody waiting whom nobody can take?
fn situation(queue: &QueueView) -> Markup {
    if queue.closed.is_some() {
        return Mood::Off.word("closed");
    }
    if queue.agents_on_duty == 0 {
        return Mood::Bad.word("nobody on duty");
    }
    let unoffered = queue.waiting.iter().filter(|waiting| waiting.offered_to.is_empty()).count();
    match (queue.waiting.len(), unoffered, queue.agents_free) {
        (0, _unoffered, 0) => Mood::Busy.word("all agents busy"),
        (0, _unoffered, _free) => Mood::Good.word("ready"),
        (_waiting, 1.., 0) => Mood::Warn.word("callers wait, all agents busy"),
        (_waiting, _unoffered, _free) => Mood::Alert.word("callers are being offered"),
    }
}

fn figure(name: &str, value: Markup) -> Markup {
    html! { div { dt { (name) } dd { (value) } } }
}

fn longest(queue: &QueueView, times: &mut Times) -> Markup {
    match waits_longest(queue) {
        Some(waiting) => longest_now(queue, waiting, times),
        None => html! { span.dim { "\u{2013}" } },
    }
}

fn waits_longest(queue: &QueueView) -> Option<&WaitingView> {
    queue.waiting.iter().max_by_key(|waiting| waiting.waited_ms)
}

fn longest_now(queue: &QueueView, waiting: &WaitingView, times: &mut Times) -> Markup {
    times.since(format!("longest/{}/{}", queue.name, waiting.contact), waiting.waited_ms)
}

/// The figures of the day know the waits that are over; one that is not may be longer already.
fn longest_today(queue: &QueueView, times: &mut Times) -> Markup {
    let over = queue.today.longest_wait_ms;
    match waits_longest(queue).filter(|waiting| waiting.waited_ms > over) {
        Some(waiting) => longest_now(queue, waiting, times),
        None => html! { (span(over)) },
    }
}

/// When the day of the figures began.
const fn midnight(at: Wall) -> Wall {
    const DAY_US: i64 = 86_400_000_000;
    Wall::from_micros(at.micros().div_euclid(DAY_US) * DAY_US)
}

/// The share within the level, and what it is made of.
fn level(queue: &QueueView) -> Markup {
    let today = &queue.today;
    let answered = count(queue, &[Outcome::Answered]);
    match today.service_level_permille {
        Some(permille) => html! {
            span title={
                (today.answered_in_level) " of " (answered) " answered calls within the level"
            } { (permille / 10) "\u{202f}%" }
        },
        None => html! { span.dim title="No calls today" { "\u{2013}" } },
    }
}

fn count(queue: &QueueView, of: &[Outcome]) -> u64 {
    of.iter().filter_map(|outcome| queue.today.outcomes.get(outcome)).sum()
}

fn abandoned(queue: &QueueView) -> Markup {
    let all = [Outcome::Abandoned, Outcome::AbandonedShort, Outcome::AbandonedRinging];
    let short = count(queue, &[Outcome::AbandonedShort]);
    html! {
        span title={ (short) " of them hung up within the short threshold" } {
            (count(queue, &all))
        }
    }
}

fn waiting(queue: &QueueView, view: &SiteView, times: &mut Times) -> Markup {
    let hidden = queue.waiting.len().saturating_sub(WAITING_SHOWN_MAX);
    html! {
        ol.waiting aria-label={ "Waiting in " (queue.display) } {
            @for contact in queue.waiting.iter().take(WAITING_SHOWN_MAX) {
                li { (place(contact, view, times)) }
            }
        }
        @if hidden > 0 { p.more { "and " (hidden) " more" } }
    }
}

/// Whose phones ring: by name as far as one line has room for them.
fn rings_at(agents: &[AgentName], view: &SiteView) -> String {
    let shown = agents.iter().take(RINGING_SHOWN_MAX).map(|agent| cut(display(agent, view)));
    let shown: Vec<_> = shown.map(|name| name.to_string()).collect();
    let hidden = agents.len().saturating_sub(shown.len());
    let more = if hidden == 0 { String::new() } else { format!(" and {hidden} more") };
    format!("rings at {}{more}", shown.join(", "))
}

/// Why no agent is called, agent by agent.
fn why_nobody(contact: &WaitingView, view: &SiteView) -> Markup {
    html! {
        @if !contact.why_nobody.is_empty() {
            details id={ "why-" (contact.contact) } {
                summary { "Why nobody?" }
                ul {
                    @for one in &contact.why_nobody {
                        li { (cut(display(&one.agent, view))) ": " (one.why) }
                    }
                }
            }
        }
    }
}

fn display<'v>(agent: &'v AgentName, view: &'v SiteView) -> &'v str {
    let known = view.agents.iter().find(|known| known.name == *agent);
    known.map_or(agent.as_str(), |known| known.display.as_str())
}

fn place(contact: &WaitingView, view: &SiteView, times: &mut Times) -> Markup {
    html! {
        span.from { (name(&contact.from)) }
        (times.since(format!("wait/{}", contact.contact), contact.waited_ms))
        @if contact.offered_to.is_empty() {
            span.dim { "waiting" }
            (why_nobody(contact, view))
        } @else {
            (Mood::Alert.word(&rings_at(&contact.offered_to, view)))
        }
        button.quiet data-order="raise" data-contact=(contact.contact.0) data-name=(cut(&contact.from))
            title="Let this caller overtake those who wait: 10 priority points"
            id={ "raise-" (contact.contact) } { "Put ahead" }
    }
}
