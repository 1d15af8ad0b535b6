//! Who is kept out, for what, until when; and the button that lets it in again.

use holdfast_core::abuse::view::{AbuseView, BanView};
use holdfast_core::view::SiteView;
use maud::{Markup, html};

use super::shell;
use super::table::columns;
use super::times::{Times, clock_time};
use crate::auth::session::Session;

/// The page. It works without a script.
pub(crate) fn page(view: &SiteView, session: &Session, refused: Option<&str>) -> Markup {
    let title = format!("Bans \u{b7} {}", view.site);
    let mut times = Times::written(view.at);
    shell::page(
        &title,
        html! {},
        html! {
            header.top { h1 { (view.site) } nav { a href="/" { "Live page" } } }
            main {
                section.part {
                    h2 { "Who is kept out?" }
                    @if let Some(why) = refused { p role="alert" { (why) "." } }
                    (summary(&view.abuse))
                    @if !view.abuse.bans.is_empty() {
                        (table(&view.abuse.bans, session, &mut times))
                    }
                }
            }
        },
    )
}

fn summary(abuse: &AbuseView) -> Markup {
    let shown = u64::try_from(abuse.bans.len()).unwrap_or(u64::MAX);
    html! {
        p {
            @match abuse.banned {
                0 => { "Nobody is banned." }
                1 => { "One address is banned." }
                all => { (all) " addresses are banned" @if shown < all {
                    "; the newest " (shown) " are shown" } "." }
            }
            " Since the start, " (abuse.bans_begun) " bans began, " (abuse.dropped_banned)
            " messages of banned addresses were not read, and " (abuse.dropped_too_many)
            " because their address sent too many at once."
        }
    }
}

fn table(bans: &[BanView], session: &Session, times: &mut Times) -> Markup {
    html! {
        table.bans {
            thead { tr {
                (columns(&["Address", "Why", "Since", "Ends in"]))
                th scope="col" { span.hidden { "Orders" } }
            } }
            tbody { @for ban in bans { (row(ban, session, times)) } }
        }
    }
}

fn row(ban: &BanView, session: &Session, times: &mut Times) -> Markup {
    html! {
        tr {
            th scope="row" { (ban.source) }
            td {
                (ban.why)
                @if ban.times > 1 { ", banned for the " (ordinal(ban.times)) " time" }
                details {
                    summary { "Evidence" }
                    ul { @for it in &ban.evidence {
                        li { time datetime=(it.at) { (clock_time(it.at)) } " UTC: " (it.what) }
                    } }
                }
            }
            td { time datetime=(ban.since) { (clock_time(ban.since)) } " UTC" }
            td { (times.until(format!("ban-{}", ban.source), ban.left_ms)) }
            td {
                form method="post" action="/bans/lift" {
                    input type="hidden" name="csrf" value=(session.csrf);
                    input type="hidden" name="address" value=(ban.address);
                    button.quiet { "Lift" span.hidden { " the ban of " (ban.source) } }
                }
            }
        }
    }
}

fn ordinal(number: u32) -> String {
    match number {
        2 => "second".to_owned(),
        3 => "third".to_owned(),
        other => format!("{other}th"),
    }
}
