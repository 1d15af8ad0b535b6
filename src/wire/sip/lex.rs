//! The smallest pieces of SIP text: tokens, white space, quoted strings, comma lists and lines.
//!
//! Nothing here knows what a header means. Every function is linear in its input and total. RFC
//! 3261 §25.1 gives the grammar; where the field is laxer than the grammar, the function says so.

use std::borrow::Cow;

/// RFC 3261 §25.1 `token`.
pub(crate) const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~')
}

/// Whether the text is one non-empty token.
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_token_byte)
}

/// Blank, tab, and the line ends that remain inside a folded value.
pub(crate) const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// The text without linear white space at both ends.
pub(crate) fn trim(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_ascii() && is_space(c as u8))
}

/// A value as one line: outer white space gone, every fold one blank (RFC 3261 §7.3.1), bytes that
/// are not UTF-8 shown as U+FFFD. Borrows when there is nothing to change.
pub(crate) fn unfold(value: &[u8]) -> Cow<'_, str> {
    let value = value.trim_ascii();
    if !value.contains(&b'\n') {
        return String::from_utf8_lossy(value);
    }
    let mut line = Vec::with_capacity(value.len());
    for part in value.split(|byte| *byte == b'\n') {
        if !line.is_empty() {
            line.push(b' ');
        }
        line.extend_from_slice(part.trim_ascii());
    }
    Cow::Owned(String::from_utf8_lossy(&line).into_owned())
}

/// One line of a message head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    /// Everything, line end and continuation lines included.
    pub raw: &'a [u8],
    /// Where this line ends in the bytes that were given to [`Lines::new`].
    pub end: usize,
}

impl<'a> Line<'a> {
    /// The line without its final line end.
    pub fn text(&self) -> &'a [u8] {
        without_line_end(self.raw)
    }
}

/// Cuts one CRLF or bare LF off the end.
pub(crate) fn without_line_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// The lines of a message head, each with its continuation lines. Ends behind the empty line that
/// closes the head, or at the end of the bytes. A bare LF ends a line too: some gateways send it.
pub(crate) struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Set once the empty line has been passed.
    closed: bool,
}

impl<'a> Lines<'a> {
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, closed: false }
    }

    /// Where the body begins, when the empty line has been reached.
    pub const fn body_start(&self) -> Option<usize> {
        if self.closed { Some(self.at) } else { None }
    }

    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }
}

/// Length of the first physical line with its line end; all bytes when there is no line end.
fn physical_line(bytes: &[u8]) -> usize {
    bytes.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |at| at + 1)
}

impl<'a> Iterator for Lines<'a> {
    type Item = Line<'a>;

    fn next(&mut self) -> Option<Line<'a>> {
        let rest = self.rest();
        if self.closed || rest.is_empty() {
            return None;
        }
        let mut length = physical_line(rest);
        let first = rest.get(..length).unwrap_or_default();
        if matches!(first, b"\r\n" | b"\n") {
            self.at += length;
            self.closed = true;
            return None;
        }
        // RFC 3261 §7.3.1: a line that begins with a blank or tab continues the one above it.
        while let Some(b' ' | b'\t') = rest.get(length) {
            length += physical_line(rest.get(length..).unwrap_or_default());
        }
        self.at += length;
        Some(Line { raw: rest.get(..length).unwrap_or_default(), end: self.at })
    }
}

/// Where the scan of a value stands: outside, in quotes, or in angle brackets.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
    Plain,
    Quotes,
    Escape,
    Angles,
}

impl Within {
    const fn after(self, byte: u8) -> Self {
        match (self, byte) {
            (Self::Plain, b'"') => Self::Quotes,
            (Self::Plain, b'<') => Self::Angles,
            (Self::Quotes, b'\\') => Self::Escape,
            (Self::Quotes, b'"') | (Self::Angles, b'>') => Self::Plain,
            (Self::Escape, _) => Self::Quotes,
            (Self::Plain | Self::Quotes | Self::Angles, _) => self,
        }
    }
}

/// First `wanted` byte that is in neither quotes nor angle brackets.
pub(crate) fn find_outside(value: &[u8], wanted: u8) -> Option<usize> {
    let mut within = Within::Plain;
    for (at, byte) in value.iter().enumerate() {
        if within == Within::Plain && *byte == wanted {
            return Some(at);
        }
        within = within.after(*byte);
    }
    None
}

/// The elements of a list, trimmed, empty ones left out; separators in quotes or angle brackets
/// do not count.
pub(crate) fn split_list(value: &str, separator: u8) -> impl Iterator<Item = &str> {
    let mut rest = Some(value);
    std::iter::from_fn(move || {
        let text = rest?;
        let (element, behind) = match find_outside(text.as_bytes(), separator) {
            // The separator is ASCII, so both cuts fall on character borders.
            Some(at) => (text.get(..at)?, text.get(at + 1..)),
            None => (text, None),
        };
        rest = behind;
        Some(trim(element))
    })
    .filter(|element| !element.is_empty())
}

/// Reads a quoted string at the start of `text`: what it says, and what follows the closing quote.
/// `None` when there is no opening or no closing quote.
pub(crate) fn quoted_string(text: &str) -> Option<(String, &str)> {
    let inside = text.strip_prefix('"')?;
    let mut said = String::new();
    let mut chars = inside.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((said, inside.get(at + 1..).unwrap_or_default())),
            '\\' => said.push(chars.next()?.1),
            plain => said.push(plain),
        }
    }
    None
}

/// What a value says: without its quotes and escapes when it is a quoted string, else as it is.
pub(crate) fn unquote(value: &str) -> Cow<'_, str> {
    quoted_string(value).map_or(Cow::Borrowed(value), |(said, _)| Cow::Owned(said))
}

/// The text as a quoted string. Line ends can not be written in one and become blanks.
pub(crate) fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '\r' | '\n' => quoted.push(' '),
            // RFC 3261 §25.1: quotes, backslashes and controls stand only behind a backslash.
            '"' | '\\' | '\u{0}'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{7f}' => {
                quoted.push('\\');
                quoted.push(c);
            }
            plain => quoted.push(plain),
        }
    }
    quoted.push('"');
    quoted
}

/// Reads an unsigned decimal number: digits only, no sign, nothing beyond the type's range.
pub(crate) fn number<N: std::str::FromStr>(text: &str) -> Option<N> {
    let digits_only = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits_only { text.parse().ok() } else { None }
}

/// A character that may stand in no URI, host or parameter, escaped or not.
pub(crate) fn is_forbidden_in_uri(c: char) -> bool {
    c.is_control() || matches!(c, ' ' | '<' | '>' | '"')
}

#[cfg(test)]
mod tests {
    use super::{Lines, quote, quoted_string, split_list, unfold, unquote};

    #[test]
    fn unfolding_joins_lines_with_one_blank() {
        assert_eq!(unfold(b" a  b \r\n\t c\r\n"), "a  b c");
        assert_eq!(unfold(b"\r\n <sip:a@b>"), "<sip:a@b>");
        assert_eq!(unfold(b"\xff x"), "\u{fffd} x");
    }

    #[test]
    fn lists_split_only_outside_quotes_and_brackets() {
        let value = r#" "a, \" b" <sip:x@y;z,w>;q=1 ,, c ,"#;
        let elements: Vec<&str> = split_list(value, b',').collect();
        assert_eq!(elements, [r#""a, \" b" <sip:x@y;z,w>;q=1"#, "c"]);
    }

    #[test]
    fn quoting_and_unquoting_are_inverse() {
        for text in ["", "plain", r#"a "b" \c"#, "\u{7}\u{0}", "gr\u{fc}n"] {
            assert_eq!(unquote(&quote(text)), text);
        }
        assert_eq!(quote("a\r\nb"), "\"a  b\"");
        assert_eq!(quoted_string("\"open"), None);
        assert_eq!(quoted_string("\"open\\"), None);
    }

    #[test]
    fn lines_carry_their_continuations_and_stop_behind_the_head() {
        let bytes = b"A: 1\r\nB: 2\r\n  more\nC:3\n\r\nbody\r\n";
        let mut lines = Lines::new(bytes);
        let raw: Vec<&[u8]> = lines.by_ref().map(|line| line.raw).collect();
        assert_eq!(raw, [b"A: 1\r\n".as_slice(), b"B: 2\r\n  more\n", b"C:3\n"]);
        assert_eq!(lines.body_start(), Some(bytes.len() - b"body\r\n".len()));
    }
}
