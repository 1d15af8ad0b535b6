//! One line of a description, byte-exact: a letter, an equals sign and a value.
//!
//! A line that is not of this form, or whose letter nobody knows, is kept as it came. RFC 8866 §5
//! would have the whole description ignored; refusing a call because of a stranger's line helps
//! nobody, and nothing of it reaches the other leg.

use std::fmt;

/// One line without its line end. Never holds CR, LF or NUL (RFC 8866 §9, `byte-string`).
#[derive(Clone, PartialEq, Eq)]
pub struct Line(Vec<u8>);

/// The value of an `a=` line: a name, and what stands behind its colon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// The name, as written.
    pub name: &'a str,
    /// What follows the first colon; `None` for a property attribute such as `a=sendrecv`.
    pub value: Option<&'a str>,
}

impl Line {
    /// A line of our own. Bytes that would end the line are left out, so that a value taken from
    /// one peer can not smuggle a line towards another.
    #[must_use]
    pub fn new(letter: char, value: &str) -> Self {
        let whole = format!("{letter}={value}");
        Self(whole.bytes().filter(|byte| !ends_line(*byte)).collect())
    }

    /// An `a=` line of our own: `name`, or `name:value`.
    #[must_use]
    pub fn attribute(name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => Self::new('a', &format!("{name}:{value}")),
            None => Self::new('a', name),
        }
    }

    /// A line as received; `None` when a byte in it ends lines elsewhere.
    pub(super) fn received(bytes: &[u8]) -> Option<Self> {
        let clean = !bytes.iter().copied().any(ends_line);
        clean.then(|| Self(bytes.to_vec()))
    }

    /// The line as it is on the wire, without its line end.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The letter before the equals sign, when there is one.
    #[must_use]
    pub fn letter(&self) -> Option<char> {
        match self.0.as_slice() {
            [letter, b'=', ..] => Some(char::from(*letter)),
            _ => None,
        }
    }

    /// What follows the equals sign; `None` when it is not UTF-8, which only free text may be.
    #[must_use]
    pub fn value(&self) -> Option<&str> {
        match self.0.as_slice() {
            [_, b'=', value @ ..] => std::str::from_utf8(value).ok(),
            _ => None,
        }
    }

    /// The value, if the line carries this letter.
    #[must_use]
    pub fn value_of(&self, letter: char) -> Option<&str> {
        if self.letter() == Some(letter) { self.value() } else { None }
    }

    /// The attribute, if this is an `a=` line.
    #[must_use]
    pub fn as_attribute(&self) -> Option<Attribute<'_>> {
        let text = self.value_of('a')?;
        Some(match text.split_once(':') {
            Some((name, value)) => Attribute { name: name.trim(), value: Some(value.trim()) },
            None => Attribute { name: text.trim(), value: None },
        })
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(&self.0))
    }
}

const fn ends_line(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n' | 0)
}

#[cfg(test)]
mod tests {
    use super::{Attribute, Line};

    #[test]
    fn a_value_of_ours_can_not_smuggle_a_line() {
        assert_eq!(
            Line::attribute("fmtp", Some("0 x\r\na=evil\0")).as_bytes(),
            b"a=fmtp:0 xa=evil"
        );
    }

    #[test]
    fn reads_letter_value_and_attribute() {
        let line = Line::new('a', "fmtp:101 0-16");
        assert_eq!(line.letter(), Some('a'));
        let fmtp = Attribute { name: "fmtp", value: Some("101 0-16") };
        assert_eq!(line.as_attribute(), Some(fmtp));
        assert_eq!(Line::new('s', "a:b").as_attribute(), None);
        assert_eq!(Line::received(b"no letter").and_then(|line| line.letter()), None);
        assert_eq!(Line::received(b"a=x\ry"), None);
    }
}
