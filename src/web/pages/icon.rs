//! The few signs of the page, drawn here so that no font decides whether they are seen.
//!
//! A sign never stands alone: the word beside it says the same (WCAG 2.2 §1.4.1), so it is hidden
//! from screen readers. Shapes differ as well as colours.

use maud::{Markup, html};

/// How a state is meant: the colour and the shape of its sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    /// Works, ready: a tick.
    Good,
    /// Busy in the wanted way: a full circle.
    Busy,
    /// Something is about to happen: a ringing bell.
    Alert,
    /// A person should look: a triangle.
    Warn,
    /// Does not work: a cross.
    Bad,
    /// Off, not in use: a bar.
    Off,
}

impl Mood {
    /// Class of the style sheet.
    pub(crate) const fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Busy => "busy",
            Self::Alert => "alert",
            Self::Warn => "warn",
            Self::Bad => "bad",
            Self::Off => "off",
        }
    }

    /// The shape, on a 16 by 16 field.
    const fn path(self) -> &'static str {
        match self {
            Self::Good => "M3 8.5l3.2 3.2L13 5",
            Self::Busy => "M8 8m-3.5 0a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0-7 0",
            Self::Alert => "M4 11.5h8l-1-1.6V7a3 3 0 0 0-6 0v2.9zM7 13.5h2",
            Self::Warn => "M8 2.8L14 13H2zM8 6.5v3M8 11.2v.1",
            Self::Bad => "M4 4l8 8M12 4l-8 8",
            Self::Off => "M4 8h8",
        }
    }

    /// The sign with its word.
    pub(crate) fn word(self, word: &str) -> Markup {
        html! {
            span class={ "state " (self.class()) } {
                (self.sign()) span { (word) }
            }
        }
    }

    /// The sign alone, for places where the word stands apart.
    pub(crate) fn sign(self) -> Markup {
        html! {
            svg class="sign" viewBox="0 0 16 16" aria-hidden="true" focusable="false" {
                path d=(self.path()) {}
            }
        }
    }
}
