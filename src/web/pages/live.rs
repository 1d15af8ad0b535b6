//! The live page: five fragments of one picture, painted once by the server and renewed by events.

use holdfast_base::Wall;
use holdfast_core::view::SiteView;
use maud::{Markup, PreEscaped, html};

use super::times::{Times, clock_time};
use super::{agents, calls, cdrs, health, queues, shell};
use crate::auth::session::Session;

/// The parts of the page that are renewed on their own. The name is that of the event and of the
/// element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    Health,
    Queues,
    Agents,
    Calls,
    Cdrs,
}

impl Part {
    /// All of them, as they stand on the page.
    pub(crate) const ALL: [Self; 5] =
        [Self::Health, Self::Queues, Self::Agents, Self::Calls, Self::Cdrs];

    /// Name of the event and of the element.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Health => "health",
            Self::Queues => "queues",
            Self::Agents => "agents",
            Self::Calls => "calls",
            Self::Cdrs => "cdrs",
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::Health => "Health",
            Self::Queues => "Queues",
            Self::Agents => "Agents",
            Self::Calls => "Calls",
            Self::Cdrs => "Last calls",
        }
    }

    /// Whether a small screen shows it on demand only: what a supervisor needs at a glance comes
    /// first.
    const fn folds(self) -> bool {
        match self {
            Self::Calls | Self::Cdrs => true,
            Self::Health | Self::Queues | Self::Agents => false,
        }
    }

    /// Its HTML.
    pub(crate) fn fragment(self, view: &SiteView, times: &mut Times) -> String {
        let html = match self {
            Self::Health => health::fragment(view, times),
            Self::Queues => queues::fragment(view, times),
            Self::Agents => agents::fragment(view, times),
            Self::Calls => calls::fragment(view, times),
            Self::Cdrs => cdrs::fragment(view),
        };
        html.into_string()
    }
}

/// The whole page, complete as it stands: without a script it is a picture of this instant.
pub(crate) fn page(view: &SiteView, session: &Session, now: Wall) -> Markup {
    let head = html! {
        meta name="csrf" content=(session.csrf);
        script type="module" src="/assets/live.js" {}
    };
    let title = format!("{} \u{b7} Holdfast", view.site);
    shell::page(
        &title,
        head,
        html! {
            a.skip href="#queues" { "Skip to the queues" }
            (top(view, session, now))
            main #site {
                @let mut times = Times::written(view.at);
                @for part in Part::ALL {
                    section class={ "part " (part.name()) }
                        aria-labelledby={ (part.name()) "-title" } {
                        @let title = html! {
                            h2 #{ (part.name()) "-title" } tabindex="-1" { (part.title()) }
                        };
                        @let place = html! {
                            div #(part.name()) { (PreEscaped(part.fragment(view, &mut times))) }
                        };
                        @if part.folds() {
                            details open { summary { (title) } (place) }
                        } @else {
                            (title) (place)
                        }
                    }
                }
            }
            footer { "Holdfast " (view.version) " \u{b7} "
                a href="/routes" { "Routes" } " \u{b7} "
                a href="/calendars" { "Calendars" } " \u{b7} "
                a href="/bans" { "Bans" } " \u{b7} "
                a href="/api/v1/openapi.json" { "API" } " \u{b7} " a href="/metrics" { "Metrics" } }
            p #spoken.hidden role="status" aria-live="polite" {}
            (dialogs())
        },
    )
}

fn top(view: &SiteView, session: &Session, now: Wall) -> Markup {
    html! {
        header.top {
            h1 { (view.site) }
            nav aria-label="Parts of this page" {
                @for part in Part::ALL { a href={ "#" (part.name()) "-title" } { (part.title()) } }
                a href="/trace" { "Trace" }
            }
            p #age.age data-at=(millis(view.at)) data-now=(millis(now)) {
                noscript { "Picture of " (clock_time(view.at)) " UTC. Reload for a new one." }
            }
            form method="post" action="/logout" {
                input type="hidden" name="csrf" value=(session.csrf);
                span.user { (session.user) }
                button.quiet { "Log out" }
            }
        }
        p #result.result role="status" hidden {}
    }
}

fn millis(at: Wall) -> i64 {
    at.micros().div_euclid(1000)
}

/// Questions that are asked before an order that a caller or an agent would notice.
fn dialogs() -> Markup {
    html! {
        dialog #ask-end aria-labelledby="ask-end-title" {
            form method="dialog" {
                h2 #ask-end-title { "End this call?" }
                p { "The call from " b.name {} " ends at once, for everybody in it." }
                div.choice {
                    button value="no" autofocus { "Keep it" }
                    button.danger value="yes" { "End the call" }
                }
            }
        }
        dialog #ask-supervise aria-labelledby="ask-supervise-title" {
            form method="dialog" {
                h2 #ask-supervise-title { "Let a supervisor into the call from " span.name {} "?" }
                p { "The box calls the supervisor's phone. Everybody on this page sees who is in." }
                label for="supervisor" { "Supervisor" }
                select #supervisor autofocus {}
                label for="supervision-mode" { "What the supervisor does" }
                select #supervision-mode {}
                div.choice {
                    button.wanted value="yes" { "Call the supervisor" }
                    button value="no" { "Cancel" }
                }
            }
        }
        dialog #ask-off aria-labelledby="ask-off-title" {
            form method="dialog" {
                h2 #ask-off-title { "Take " span.name {} " off duty?" }
                p { "A call that is on goes on. No new call comes." }
                label for="reason" { "Reason" }
                input #reason list="reasons" maxlength="60" autocomplete="off" autofocus;
                datalist #reasons {
                    @for reason in ["Break", "Lunch", "Meeting", "Training", "Desk work"] {
                        option value=(reason) {}
                    }
                }
                div.choice {
                    // First, so that the enter key in the field means it.
                    button.wanted value="yes" { "Take off duty" }
                    button value="no" { "Cancel" }
                }
            }
        }
    }
}
