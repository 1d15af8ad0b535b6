//! A thought-out hour: the form, what happened with the reasons, and what became of each caller.

use holdfast_core::rehearsal::{Fate, Line, Rehearsal};
use maud::{Markup, html};

use super::shell;
use super::times::span;
use crate::auth::session::Session;

/// The page.
pub(crate) fn page(
    site: &str,
    session: &Session,
    scenario: &str,
    answer: Option<Result<&Rehearsal, &str>>,
) -> Markup {
    let title = format!("Simulate \u{b7} {site}");
    shell::page(
        &title,
        html! {},
        html! {
            header.top { h1 { (site) } nav { a href="/" { "Live page" } } }
            main {
                section.part {
                    h2 { "Who would get which call, when, and why?" }
                    @match answer {
                        None => {}
                        Some(Err(why)) => pre role="alert" { (why) },
                        Some(Ok(rehearsal)) => (played(rehearsal)),
                    }
                    form method="post" action="/simulate" {
                        input type="hidden" name="csrf" value=(session.csrf);
                        label for="scenario" { "Callers and what agents do" }
                        textarea #scenario name="scenario" rows="30" cols="90" maxlength="12000"
                            spellcheck="false" { (scenario) }
                        button.wanted type="submit" { "Simulate" }
                    }
                    p.more { "It is played on the configuration in force. Nothing rings. For a \
                              draft: " code { "holdfast simulate queue FILE --config DRAFT" } }
                }
            }
        },
    )
}

fn played(rehearsal: &Rehearsal) -> Markup {
    let Rehearsal { at, lines, callers, cut } = rehearsal;
    html! {
        table {
            thead { tr { th { "Caller" } th { "Queue" } th { "Outcome" } th { "Waited" }
                th { "Agent" } } }
            tbody { @for fate in callers { (fate_row(fate)) } }
        }
        h2 { "From " (at) " on" }
        table {
            thead { tr { th { "After" } th { "Caller" } th { "What" } th { "Because" } } }
            tbody { @for line in lines { (line_row(line)) } }
        }
        @if *cut { p.more { "More happened than is told here." } }
    }
}

fn fate_row(fate: &Fate) -> Markup {
    let Fate { caller, queue, outcome, waited_ms, agent } = fate;
    html! {
        tr {
            td data-label="Caller" { (caller) }
            td data-label="Queue" { (queue) }
            td data-label="Outcome" { (outcome.as_deref().unwrap_or("waits")) }
            td data-label="Waited" { @if let Some(ms) = waited_ms { (span(*ms)) } }
            td data-label="Agent" { (agent.as_deref().unwrap_or("\u{2013}")) }
        }
    }
}

fn line_row(line: &Line) -> Markup {
    let Line { after_ms, caller, says, because } = line;
    html! {
        tr {
            td data-label="After" { (span(*after_ms)) }
            td data-label="Caller" { @if let Some(caller) = caller { (caller) } }
            td data-label="What" { (says) }
            td data-label="Because" { (because.join("; ")) }
        }
    }
}
