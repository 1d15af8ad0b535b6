//! Numbers, names, keys and addresses of people print through [`Private`], so that a log line can
//! be shared without thought.

use std::fmt;

/// A value that prints as its first two and last two characters at most, the rest as dots.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Private<T>(pub T);

/// Below this many characters nothing at all is shown.
const SHOWN_FROM: usize = 8;

impl<T: fmt::Display> fmt::Display for Private<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.to_string();
        let count = text.chars().count();
        if count < SHOWN_FROM {
            return f.write_str("\u{2026}");
        }
        let head: String = text.chars().take(2).collect();
        let tail: String = text.chars().skip(count - 2).collect();
        write!(f, "{head}\u{2026}{tail}")
    }
}

impl<T: fmt::Display> fmt::Debug for Private<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::Private;

    #[test]
    fn shows_too_little_to_identify_anyone() {
        assert_eq!(Private("+493012345678").to_string(), "+4\u{2026}78");
        assert_eq!(format!("{:?}", Private("secret")), "\u{2026}");
    }
}
