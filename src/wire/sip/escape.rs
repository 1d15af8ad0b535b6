//! Percent escapes of URIs, RFC 3986 §2.1 as RFC 3261 §19.1.2 uses them.

use std::borrow::Cow;
use std::fmt::Write as _;

/// RFC 3261 §25.1 `unreserved`: stands for itself everywhere, escaped or not.
pub(crate) const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'-' | b'_' | b'.' | b'!' | b'~' | b'*' | b'\'' | b'(' | b')')
}

/// RFC 3261 §25.1 `user-unreserved`: may also stand in the user part as it is. The semicolon and
/// the question mark are legal there, but too many peers end the user part at them.
pub(crate) const fn is_plain_in_user(byte: u8) -> bool {
    is_unreserved(byte) || matches!(byte, b'&' | b'=' | b'+' | b'$' | b',' | b'/')
}

/// RFC 3261 §25.1 `param-unreserved`: may also stand in a URI parameter as it is.
pub(crate) const fn is_plain_in_param(byte: u8) -> bool {
    is_unreserved(byte) || matches!(byte, b'[' | b']' | b'/' | b':' | b'&' | b'+' | b'$')
}

/// RFC 3261 §25.1 `hnv-unreserved`: may also stand in a URI header as it is.
pub(crate) const fn is_plain_in_header(byte: u8) -> bool {
    is_unreserved(byte) || matches!(byte, b'[' | b']' | b'/' | b'?' | b':' | b'+' | b'$')
}

/// Escapes every byte that `plain` does not allow.
pub(crate) fn escape(text: &str, plain: fn(u8) -> bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if plain(byte) {
            escaped.push(char::from(byte));
        } else {
            let written = write!(escaped, "%{byte:02X}");
            debug_assert!(written.is_ok(), "writing to a String can not fail");
        }
    }
    escaped
}

/// Resolves every escape. A percent sign without two hexadecimal digits stands for itself; bytes
/// that are not UTF-8 become U+FFFD.
pub(crate) fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    for piece in pieces(text) {
        bytes.push(match piece {
            Piece::Plain(byte) | Piece::Escaped(byte) => byte,
        });
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

/// The form in which two escaped texts compare equal exactly when RFC 3261 §19.1.4 says so:
/// unreserved bytes plain, every other escape in upper case.
pub(crate) fn normalised(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    for piece in pieces(text) {
        match piece {
            Piece::Plain(byte) => bytes.push(byte),
            Piece::Escaped(byte) if is_unreserved(byte) => bytes.push(byte),
            Piece::Escaped(byte) => bytes.extend_from_slice(format!("%{byte:02X}").as_bytes()),
        }
    }
    bytes
}

enum Piece {
    Plain(u8),
    Escaped(u8),
}

fn pieces(text: &str) -> impl Iterator<Item = Piece> + '_ {
    let mut rest = text.as_bytes();
    std::iter::from_fn(move || {
        if let [b'%', high, low, behind @ ..] = rest
            && let (Some(high), Some(low)) = (hex_digit(*high), hex_digit(*low))
        {
            rest = behind;
            return Some(Piece::Escaped(high << 4 | low));
        }
        let (first, behind) = rest.split_first()?;
        rest = behind;
        Some(Piece::Plain(*first))
    })
}

const fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{escape, is_plain_in_user, normalised, unescape};

    #[test]
    fn escapes_resolve_once_and_broken_ones_stay() {
        assert_eq!(unescape("%75se%72"), "user");
        assert_eq!(unescape("%25%34%31"), "%41");
        assert_eq!(unescape("%Z%4"), "%Z%4");
        assert_eq!(unescape("null-%00-null"), "null-\0-null");
        assert_eq!(escape("a b@\u{fc}", is_plain_in_user), "a%20b%40%C3%BC");
    }

    #[test]
    fn only_unreserved_escapes_compare_equal_to_plain_bytes() {
        assert_eq!(normalised("%61%2d"), normalised("a-"));
        assert_eq!(normalised("%3b"), normalised("%3B"));
        assert_ne!(normalised("%3b"), normalised(";"));
    }
}
