//! The ladder of one call: what is to be said of it first, then every message between its parties,
//! with what the box decided in between. It needs no script: a message opens in its row.

use holdfast_base::Wall;
use holdfast_core::trace::explain::{Kind, Sentence};
use holdfast_core::trace::ladder::{Ladder, Row, Tone};
use holdfast_core::trace::mask::Numbers;
use maud::{Markup, html};

use super::icon::Mood;
use super::text::{cut, name};
use super::trace::frame;

/// Everything that the page shows.
pub(crate) struct Shown<'a> {
    pub(crate) site: &'a str,
    /// `Call 7`, or a Call-ID.
    pub(crate) title: &'a str,
    /// The address of this page, without its query for numbers.
    pub(crate) place: &'a str,
    /// Where text and pcap are; none for what is no call.
    pub(crate) files: Option<&'a str>,
    pub(crate) numbers: Numbers,
    pub(crate) sentences: &'a [Sentence],
    pub(crate) ladder: &'a Ladder,
}

/// The page.
pub(crate) fn page(shown: &Shown<'_>) -> Markup {
    let Shown { site, title, ladder, .. } = shown;
    frame(
        &format!("{title} \u{b7} {site} \u{b7} Holdfast"),
        site,
        html! {
            h2 { (name(title)) }
            (ways(shown))
            @if ladder.rows.is_empty() {
                p.none role="status" {
                    "Nothing of it is in the trace: it is too long ago, from before the last start, \
                     or the trace is off (key trace.megabytes)."
                }
            } @else {
                @if !shown.sentences.is_empty() {
                    section.explained aria-labelledby="explained" {
                        h3 #explained { "What happened" }
                        ul { @for one in shown.sentences { (sentence(one)) } }
                    }
                }
                (drawn(ladder))
            }
        },
    )
}

fn ways(shown: &Shown<'_>) -> Markup {
    let joint = if shown.place.contains('?') { '&' } else { '?' };
    let full = shown.numbers == Numbers::Full;
    let query = if full { "?numbers=full" } else { "" };
    html! {
        p.ways {
            @if full {
                a href=(shown.place) { "Hide numbers" }
            } @else {
                a href={ (shown.place) (joint) "numbers=full" } { "Show numbers" }
            }
            @if let Some(files) = shown.files {
                a href={ (files) "/trace.txt" (query) } { "Text" }
                a href={ (files) "/trace.pcap" (query) } download { "pcap" }
                a href={ (files) "/trace" (query) } { "JSON" }
            }
        }
    }
}

fn sentence(sentence: &Sentence) -> Markup {
    html! {
        @match sentence.kind {
            Kind::Plain => li { (sentence.says) },
            Kind::Odd => li.odd { span.warn { (Mood::Warn.sign()) } span { (sentence.says) } },
        }
    }
}

fn drawn(ladder: &Ladder) -> Markup {
    let width = format!("n{}", ladder.parties.len());
    html! {
        div.ladder class=(width) {
            div.parties aria-hidden="true" {
                @for party in &ladder.parties {
                    p { b { (name(&party.name)) } span.dim { (cut(&party.address)) } }
                }
            }
            ol { @for row in &ladder.rows { (one_row(row, ladder)) } }
        }
    }
}

fn one_row(row: &Row, ladder: &Ladder) -> Markup {
    match row {
        Row::Message { at, from, to, says, tone, again, text } => {
            let party = |column: &usize| ladder.parties.get(*column).map(|party| cut(&party.name));
            let way = if from < to { "east" } else { "west" };
            let span = format!("s{} e{}", from.min(to), from.max(to));
            html! {
                li.said {
                    details {
                        summary.line {
                            (time_of(*at))
                            span class={ "arrow " (way) " " (span) " " (class(*tone)) } {
                                span.way {
                                    bdi { (party(from).unwrap_or_default()) }
                                    " \u{2192} "
                                    bdi { (party(to).unwrap_or_default()) }
                                    ": "
                                }
                                bdi.says { (cut(says)) }
                                @if *again { span.again { " again" } }
                            }
                        }
                        pre { (text) }
                    }
                }
            }
        }
        Row::Note { at, says } => html! {
            li.note { p.line { (time_of(*at)) span.noted { (says) } } }
        },
    }
}

/// To the millisecond, UTC.
fn time_of(at: Wall) -> Markup {
    let full = at.to_string();
    let shown = full.get(11..23).unwrap_or(&full);
    html! { time datetime=(full) title=(full) { (shown) } }
}

const fn class(tone: Tone) -> &'static str {
    match tone {
        Tone::Request => "request",
        Tone::Progress => "busy",
        Tone::Success => "good",
        Tone::Failure => "bad",
    }
}
