//! Telephone numbers in international form (ITU-T E.164): a plus sign and 2 to 15 digits.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A number that is certain to be E.164. Made once at the edge, never checked again.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct E164(String);

/// Most digits that a number may have, E.164 §6.1.
const DIGITS_MAX: usize = 15;

impl E164 {
    /// Reads `+` and digits; the visual separators of RFC 3966 (`-`, `.`, `(`, `)`) and blanks are
    /// dropped.
    ///
    /// # Errors
    /// When the text is anything else: no plus, a letter, fewer than 2 or more than 15 digits.
    pub fn parse(text: &str) -> Result<Self, NotE164> {
        let rest = text.trim().strip_prefix('+').ok_or(NotE164)?;
        let digits: String =
            rest.chars().filter(|c| !matches!(c, '-' | '.' | '(' | ')' | ' ')).collect();
        let well_formed = (2..=DIGITS_MAX).contains(&digits.len())
            && digits.bytes().all(|digit| digit.is_ascii_digit());
        if well_formed { Ok(Self(format!("+{digits}"))) } else { Err(NotE164) }
    }

    /// The number with its plus sign.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for E164 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for E164 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", crate::Private(&self.0))
    }
}

impl TryFrom<String> for E164 {
    type Error = NotE164;
    fn try_from(text: String) -> Result<Self, NotE164> {
        Self::parse(&text)
    }
}

impl From<E164> for String {
    fn from(number: E164) -> Self {
        number.0
    }
}

/// The text is not a number in international form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotE164;

impl fmt::Display for NotE164 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an E.164 number: write + and 2 to 15 digits, for example +49301234567")
    }
}

impl std::error::Error for NotE164 {}

#[cfg(test)]
mod tests {
    use super::E164;

    #[test]
    fn drops_visual_separators_and_refuses_the_rest() {
        assert_eq!(E164::parse("+49 (30) 123-45.67").map(String::from), Ok("+49301234567".into()));
        for bad in ["", "+", "+1", "0301234567", "+49x30", "+1234567890123456"] {
            assert!(E164::parse(bad).is_err(), "{bad}");
        }
    }
}
