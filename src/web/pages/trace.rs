//! The search of the trace.

use holdfast_base::Wall;
use holdfast_core::trace::Kept;
use holdfast_core::trace::search::{FOUND_MAX, Found};
use maud::{Markup, html};

use super::shell;
use super::table::columns;
use super::text::{cut, name};
use super::times::clock_time;

/// What a person looks for, as typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sought {
    pub(crate) party: String,
    pub(crate) call_id: String,
    pub(crate) minutes: u32,
}

/// What came of it.
pub(crate) enum Outcome {
    /// The trace is off or too busy.
    NoTrace,
    /// The newest first.
    Found(Vec<Found>, Kept),
}

/// Spans that are offered, in minutes.
const SPANS: [(u32, &str); 5] =
    [(15, "15 minutes"), (60, "1 hour"), (240, "4 hours"), (1440, "1 day"), (10_080, "1 week")];

/// The page.
pub(crate) fn page(site: &str, sought: &Sought, outcome: &Outcome) -> Markup {
    frame(
        &format!("Trace \u{b7} {site} \u{b7} Holdfast"),
        site,
        html! {
            h2 { "Trace" }
            form.search method="get" action="/trace" role="search" {
                label { "Number or name of a party"
                    input name="party" value=(sought.party) autocomplete="off" maxlength="100"; }
                label { "Call-ID or Session-ID"
                    input name="call_id" value=(sought.call_id) autocomplete="off" maxlength="300"; }
                label { "Within the last"
                    select name="minutes" {
                        @for (minutes, words) in SPANS {
                            option value=(minutes) selected[minutes == sought.minutes] { (words) }
                        }
                    }
                }
                button.wanted { "Search" }
            }
            @match outcome {
                Outcome::NoTrace => p.none role="status" {
                    "No trace is kept: it is switched off (key trace.megabytes), or the box is too \
                     busy to answer. Try again in a few seconds."
                },
                Outcome::Found(found, kept) => {
                    (list(found))
                    (memory(kept))
                }
            }
        },
    )
}

/// What the pages of the trace have in common.
pub(crate) fn frame(title: &str, site: &str, body: Markup) -> Markup {
    let head = html! { link rel="stylesheet" href="/assets/trace.css"; };
    shell::page(
        title,
        head,
        html! {
            header.top {
                h1 { (site) }
                nav aria-label="Pages" {
                    a href="/" { "Live" }
                    a href="/trace" { "Trace" }
                }
            }
            main.trace { (body) }
        },
    )
}

fn list(found: &[Found]) -> Markup {
    html! {
        @if found.is_empty() {
            p.none role="status" { "Nothing that fits is in the trace." }
        } @else {
            div.found {
                table {
                    thead { tr {
                        (columns(&["Time, UTC", "From", "To", "Began with", "Status"]))
                        th.right scope="col" { "Messages" }
                        th scope="col" { "Call-ID" }
                    } }
                    tbody { @for one in found { (row(one)) } }
                }
                @if found.len() == FOUND_MAX {
                    p.more { "Only the newest " (FOUND_MAX) " are shown: say more of what you seek." }
                }
            }
        }
    }
}

fn row(found: &Found) -> Markup {
    html! {
        tr {
            td data-label="Time" {
                a href=(place(found)) { (clock_time(found.at)) span.hidden { ": ladder" } }
            }
            td.number data-label="From" { (name(&found.from.masked())) }
            td.number data-label="To" { (name(&found.to.masked())) }
            td data-label="Began with" { (cut(&found.method)) }
            td data-label="Status" {
                @match found.status { Some(status) => (status), None => span.dim { "\u{2013}" } }
            }
            td.right data-label="Messages" { (found.messages) }
            td.call-id data-label="Call-ID" { (name(&found.call_id)) }
        }
    }
}

/// Where its ladder is.
fn place(found: &Found) -> String {
    match found.call {
        Some(call) => format!("/calls/{}", call.0),
        None => format!("/trace/dialog?call_id={}", escaped(&found.call_id)),
    }
}

/// A text as a part of a query (RFC 3986 §2.1).
pub(crate) fn escaped(text: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~@".contains(byte);
    let one = |byte: u8| {
        if plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }
    };
    text.bytes().map(one).collect()
}

/// How much is kept, so that an empty answer can be judged.
fn memory(kept: &Kept) -> Markup {
    html! {
        p.more {
            (kept.entries) " entries, " (kept.bytes / (1 << 20)) "\u{202f}MB"
            @if let Some(since) = kept.since { ", since " (whole_time(since)) }
            @if kept.dropped > 0 { ", " (kept.dropped) " lost because they came too fast" }
            "."
        }
    }
}

/// Date and time of day, UTC.
fn whole_time(at: Wall) -> Markup {
    let full = at.to_string();
    let shown = full.get(..19).unwrap_or(&full).replace('T', " ");
    html! { time datetime=(full) { (shown) " UTC" } }
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn a_call_id_fits_into_a_query() {
        assert_eq!(escaped("a84b-4c@pc33.example.org"), "a84b-4c@pc33.example.org");
        assert_eq!(escaped("a&b=c d\u{fc}\""), "a%26b%3Dc%20d%C3%BC%22");
    }
}
