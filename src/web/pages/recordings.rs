//! What was recorded, with a way to hear it and one to be rid of it.

use holdfast_core::view::{RecordingView, SiteView};
use maud::{Markup, html};

use super::shell;
use super::table::columns;
use super::text::{cut, name};
use super::times::span;
use crate::auth::session::Session;

/// Recordings written out, the newest; the API has them all.
const SHOWN_MAX: usize = 200;

/// The page. It works without a script.
pub(crate) fn page(
    view: &SiteView,
    session: &Session,
    all: &[RecordingView],
    refused: Option<&str>,
) -> Markup {
    let title = format!("Recordings \u{b7} {}", view.site);
    let hidden = all.len().saturating_sub(SHOWN_MAX);
    shell::page(
        &title,
        html! {},
        html! {
            header.top { h1 { (view.site) } nav { a href="/" { "Live page" } } }
            main {
                section.part {
                    h2 { "What was recorded?" }
                    @if let Some(why) = refused { p role="alert" { (why) "." } }
                    p { "Who listens to a recording or erases it stands in the event log." }
                    @if all.is_empty() {
                        p.none { "Nothing." }
                    } @else {
                        table.bans {
                            thead { tr {
                                (columns(&["Began", "Caller", "Queue", "Agent", "Length"]))
                                th scope="col" { span.hidden { "Orders" } }
                            } }
                            tbody {
                                @for one in all.iter().take(SHOWN_MAX) { (row(one, session)) }
                            }
                        }
                        @if hidden > 0 { p.more { "and " (hidden) " more" } }
                    }
                }
            }
        },
    )
}

fn row(one: &RecordingView, session: &Session) -> Markup {
    html! {
        tr {
            th scope="row" {
                time datetime=(one.began) { (one.began) }
            }
            td { @match &one.from { Some(from) => (name(from)), None => { "forgotten" } } }
            td { (name(&one.queue)) }
            td { @if let Some(agent) = &one.agent { (name(agent)) } }
            td { (span(one.seconds.saturating_mul(1000))) @if one.running { ", goes on" } }
            td {
                @if one.from.is_some() {
                    a href={ "/api/v1/recordings/" (one.recording) "/audio.wav" } {
                        "Listen" span.hidden { " to the call of " (cut(&one.queue)) }
                    }
                }
                @if !one.running {
                    form method="post" action="/recordings/erase" {
                        input type="hidden" name="csrf" value=(session.csrf);
                        input type="hidden" name="recording" value=(one.recording);
                        button.danger { "Erase" }
                    }
                }
            }
        }
    }
}
