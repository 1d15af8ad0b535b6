//! Every calendar: whether it is open, why, and the next changes on its own clock.

use holdfast_core::calendar::explain::{Change, Explanation, Unclear};
use holdfast_core::view::SiteView;
use maud::{Markup, html};

use super::icon::Mood;
use super::shell;
use crate::auth::session::Session;

/// The page.
pub(crate) fn page(
    view: &SiteView,
    session: &Session,
    at: &str,
    told: &Result<Vec<Explanation>, Unclear>,
) -> Markup {
    let site = &view.site;
    let title = format!("Calendars \u{b7} {site}");
    shell::page(
        &title,
        html! {},
        html! {
            header.top { h1 { (site) } nav { a href="/" { "Live page" } } }
            main {
                section.part {
                    h2 { "Is somebody there, and why?" }
                    (doubt(view, session))
                    form method="get" action="/calendars" {
                        label for="at" { "At, on the clock of each calendar (empty: now)" }
                        input #at name="at" value=(at) placeholder="2026-12-24T10:00"
                            maxlength="64" autocomplete="off" spellcheck="false";
                        button.wanted type="submit" { "Explain" }
                    }
                    @match told {
                        Err(unclear) => p role="alert" { (unclear) "." },
                        Ok(all) if all.is_empty() => p.none {
                            "No calendar is configured: queues take callers at any time. Add a \
                             [[calendar]] to the configuration and name it in a [[queue]]."
                        },
                        Ok(all) => @for one in all { (calendar(one)) },
                    }
                }
            }
        },
    )
}

/// What is said of a clock that is not believed, and the button for whoever knows better.
fn doubt(view: &SiteView, session: &Session) -> Markup {
    let doubted = view.health.iter().find(|health| health.part == "Clock");
    html! {
        @if let Some(doubted) = doubted {
            p role="alert" { (Mood::Warn.word(&doubted.says)) }
            form method="post" action="/calendars/clock" {
                input type="hidden" name="csrf" value=(session.csrf);
                button { "The clock is right" }
            }
        }
    }
}

fn calendar(explanation: &Explanation) -> Markup {
    let Explanation { calendar, zone, at, open, because, changes } = explanation;
    html! {
        article.queue {
            header {
                h3 { (calendar) }
                (state(*open))
            }
            p { (at) " (" (zone) "): " (because) }
            @if changes.is_empty() {
                p.more { "No change within a year." }
            } @else {
                table {
                    thead { tr { th { "Next" } th { "It" } th { "Because of" } } }
                    tbody {
                        @for Change { at, opens, because } in changes {
                            tr {
                                td data-label="Next" { (at) }
                                td data-label="It" { @if *opens { "opens" } @else { "closes" } }
                                td data-label="Because of" { (because) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn state(open: bool) -> Markup {
    if open { Mood::Good.word("open") } else { Mood::Bad.word("closed") }
}
