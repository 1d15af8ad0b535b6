//! Figures by interval: a form, and a table whose heads tell the definition of each figure.

use holdfast_core::record::kpi::report::{Asked, Interval, Report, Row};
use maud::{Markup, html};

use super::shell;
use super::times::span;

/// Rows written out; the file has all of them.
const ROWS_SHOWN_MAX: usize = 500;

/// The page.
pub(crate) fn page(site: &str, asked: &Asked, answer: Result<&Report, &str>) -> Markup {
    let title = format!("Figures \u{b7} {site}");
    shell::page(
        &title,
        html! {},
        html! {
            header.top { h1 { (site) } nav { a href="/" { "Live page" } } }
            main {
                section.part {
                    h2 { "Figures" }
                    (form(asked))
                    @match answer {
                        Err(why) => p role="alert" { (why) "." },
                        Ok(report) => (shown(report)),
                    }
                }
            }
        },
    )
}

fn form(asked: &Asked) -> Markup {
    let Asked { from, until, interval, by, only } = asked;
    html! {
        form method="get" action="/figures" {
            label for="by" { "Of" }
            select #by name="by" {
                @for (value, name) in [("queue", "queues"), ("agent", "agents")] {
                    option value=(value) selected[by == value] { (name) }
                }
            }
            label for="interval" { "By" }
            select #interval name="interval" {
                @for (value, _) in Interval::ALL {
                    option value=(value)
                        selected[interval == value || interval.is_empty() && value == "1h"] {
                        (value)
                    }
                }
            }
            (field("from", "From, on the clock of the site (empty: midnight)", from, "2026-11-23"))
            (field("until", "Until (empty: now)", until, "2026-11-24"))
            (field("only", "Of one alone (its name)", only, ""))
            button.wanted type="submit" { "Show" }
            " "
            button type="submit" formaction="/api/v1/figures.csv" { "As CSV" }
        }
    }
}

fn field(name: &str, label: &str, value: &str, example: &str) -> Markup {
    html! {
        label for=(name) { (label) }
        input #(name) name=(name) value=(value) placeholder=(example) maxlength="64"
            autocomplete="off" autocapitalize="none" spellcheck="false";
    }
}

fn shown(report: &Report) -> Markup {
    let columns = report.by.columns();
    html! {
        p.more { "Times of " (report.zone) "." }
        @if report.rows.is_empty() {
            p.none { "Nothing happened in that time." }
        } @else {
            div.wide {
                table {
                    thead { tr {
                        th { "From" } th { "Of" }
                        @for [_, title, says] in &columns { th title=(says) { (title) } }
                    } }
                    tbody {
                        @for row in report.rows.iter().take(ROWS_SHOWN_MAX) {
                            (line(row, &columns))
                        }
                    }
                }
            }
            @if report.rows.len() > ROWS_SHOWN_MAX {
                p.more { "and " (report.rows.len() - ROWS_SHOWN_MAX) " more rows in the CSV file" }
            }
        }
    }
}

fn line(row: &Row, columns: &[[&'static str; 3]]) -> Markup {
    html! {
        tr {
            td data-label="From" { (row.local) }
            td data-label="Of" { (row.name) }
            @for [name, title, _] in columns {
                td data-label=(title) { (value(name, row.figures.get(name).copied().flatten())) }
            }
        }
    }
}

/// A figure as people read it: its name says its unit.
fn value(name: &str, value: Option<u64>) -> String {
    match value {
        None => "\u{2013}".to_owned(),
        Some(permille) if name.ends_with("_permille") => {
            format!("{}.{}\u{202f}%", permille / 10, permille % 10)
        }
        Some(ms) if name.ends_with("_ms") => span(ms),
        Some(count) => count.to_string(),
    }
}
