//! Texts that others chose: callers, phones, the configuration.
//!
//! Markup in them is made harmless by the templates. What is left is length, and letters that turn
//! the direction of what stands after them: each such text is cut and kept in a direction of its
//! own (`bdi`), so that no caller can rewrite the line of another.

use maud::{Markup, html};

/// Characters shown of one name or number; a telephone number has 15 digits at most (E.164).
const CHARS_SHOWN_MAX: usize = 40;

/// A name or number, for the page.
pub(crate) fn name(text: &str) -> Markup {
    html! { bdi { (cut(text)) } }
}

/// The same where there can be no markup: in an attribute.
pub(crate) fn cut(text: &str) -> String {
    let shown = |c: char| if is_shown(c) { c } else { '\u{fffd}' };
    match text.char_indices().nth(CHARS_SHOWN_MAX) {
        Some((end, _)) => {
            text.get(..end).unwrap_or(text).chars().map(shown).chain(['\u{2026}']).collect()
        }
        None => text.chars().map(shown).collect(),
    }
}

/// Controls of a terminal and of text direction (UAX #9 §2) are shown as what they are: nothing
/// that a number or a name needs.
fn is_shown(c: char) -> bool {
    !(c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'))
}

#[cfg(test)]
mod tests {
    use super::{CHARS_SHOWN_MAX, cut, name};

    #[test]
    fn a_caller_can_neither_flood_nor_turn_the_line() {
        assert_eq!(cut("+4930123456789"), "+4930123456789");
        let flood = cut(&"\u{fc}".repeat(3000));
        assert_eq!(flood.chars().count(), CHARS_SHOWN_MAX + 1);
        assert_eq!(cut("\u{202e}gnp.exe\r\n"), "\u{fffd}gnp.exe\u{fffd}\u{fffd}");
        assert_eq!(name("<b>\u{2067}").into_string(), "<bdi>&lt;b&gt;\u{fffd}</bdi>");
    }
}
