//! What the doctor says of one trunk.

use holdfast_core::doctor::{Finding, Weight};
use maud::{Markup, html};

use super::icon::Mood;
use super::shell;

/// The page.
pub(crate) fn page(site: &str, trunk: &str, findings: &[Finding]) -> Markup {
    let title = format!("Trunk {trunk} \u{b7} {site}");
    shell::page(
        &title,
        html! {},
        html! {
            header.top { h1 { (site) } nav { a href="/" { "Live page" } } }
            main {
                section.part {
                    h2 { "What is wrong with trunk " (trunk) "?" }
                    table {
                        thead { tr { th { "Found" } th { "What it is" } th { "What to do" } } }
                        tbody {
                            @for finding in findings {
                                tr {
                                    td data-label="Found" { (weight(finding.weight)) }
                                    td data-label="What it is" { (finding.says) }
                                    td data-label="What to do" { (finding.remedy) }
                                }
                            }
                        }
                    }
                    p { "This is how it looks from here, just now. Load the page again for another look." }
                }
            }
        },
    )
}

fn weight(weight: Weight) -> Markup {
    match weight {
        Weight::Fault => Mood::Bad.word("fault"),
        Weight::Doubt => Mood::Warn.word("doubt"),
        Weight::Good => Mood::Good.word("good"),
    }
}
