//! The head of a table.

use maud::{Markup, html};

/// The names of its columns, each for who reads the page by ear as well.
pub(super) fn columns(names: &[&str]) -> Markup {
    html! { @for name in names { th scope="col" { (name) } } }
}
