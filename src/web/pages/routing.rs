//! Which rule would take a call, and why: a form, and the answer rule by rule.

use holdfast_core::routing::explain::{Explanation, Looked, Reading, Unclear, Way};
use maud::{Markup, html};

use super::shell;

/// What was asked, to stand in the form again.
pub(crate) struct Fields<'a> {
    pub(crate) called: &'a str,
    pub(crate) calling: &'a str,
    pub(crate) trunk: &'a str,
    pub(crate) guest: bool,
    pub(crate) pbx_gone: bool,
    pub(crate) at: &'a str,
}

/// The page.
pub(crate) fn page(
    site: &str,
    fields: &Fields<'_>,
    answer: Option<&Result<Explanation, Unclear>>,
) -> Markup {
    let title = format!("Routes \u{b7} {site}");
    shell::page(
        &title,
        html! {},
        html! {
            header.top { h1 { (site) } nav { a href="/" { "Live page" } } }
            main {
                section.part {
                    h2 { "Where would a call lead, and why?" }
                    (form(fields))
                    @match answer {
                        Some(Ok(explanation)) => (explained(explanation)),
                        Some(Err(unclear)) => p role="alert" { (unclear) "." },
                        None => {}
                    }
                }
            }
        },
    )
}

fn form(fields: &Fields<'_>) -> Markup {
    html! {
        form method="get" action="/routes" {
            (field("called", "Called number or name", fields.called, "030123456"))
            (field("calling", "Calling number or account", fields.calling, "+491715550"))
            (field("trunk", "Over the trunk (empty: a phone of ours)", fields.trunk, "carrier"))
            (field("at", "At, on the clock of the site (empty: now)", fields.at,
                "2026-11-23T08:00"))
            label {
                input type="checkbox" name="guest" value="true" checked[fields.guest];
                " From a guest"
            }
            label {
                input type="checkbox" name="pbx_gone" value="true" checked[fields.pbx_gone];
                " While the PBX of the phone is gone"
            }
            button.wanted type="submit" { "Explain" }
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

fn explained(explanation: &Explanation) -> Markup {
    let Explanation { called, calling, from, at, rules, leads, ways } = explanation;
    html! {
        p { "A call from " (reading(calling)) ", which comes from " (from) ", to "
            (reading(called)) " at " (at) " leads to " b { (leads) } "." }
        table {
            thead { tr { th { "Rule" } th { "Takes it" } th { "Because" } } }
            tbody {
                @for Looked { rule, takes, because } in rules {
                    tr {
                        td data-label="Rule" { (rule) }
                        td data-label="Takes it" { @if *takes { b { "yes" } } @else { "no" } }
                        td data-label="Because" { (because.join("; ")) }
                    }
                }
            }
        }
        @if !ways.is_empty() {
            table {
                thead { tr { th { "Trunk" } th { "Request-URI" } th { "Caller is shown as" }
                    th { "Carries" } } }
                tbody {
                    @for Way { trunk, request_uri, calling, limits } in ways {
                        tr {
                            td data-label="Trunk" { (trunk) }
                            td data-label="Request-URI" { code { (request_uri) } }
                            td data-label="Caller is shown as" { (calling) }
                            td data-label="Carries" {
                                @if limits.is_empty() { "no limit" } @else { (limits) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn reading(number: &Reading) -> Markup {
    let Reading { written, known_as } = number;
    html! {
        (written)
        @if written != known_as { " (" (known_as) ")" }
    }
}
