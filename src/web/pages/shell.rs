//! What every page has in common: the head, the name of the box, and how errors look.

use maud::{DOCTYPE, Markup, html};

/// One page around its own content.
pub(crate) fn page(title: &str, head: Markup, body: Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                link rel="icon" href="/assets/icon.svg" type="image/svg+xml";
                link rel="stylesheet" href="/assets/page.css";
                (head)
            }
            body { (body) }
        }
    }
}

/// A page with nothing but a sentence and a way on.
pub(crate) fn notice(title: &str, says: &str, way_on: Markup) -> Markup {
    page(
        title,
        html! {},
        html! {
            main.door {
                h1 { (title) }
                p { (says) }
                p { (way_on) }
            }
        },
    )
}
