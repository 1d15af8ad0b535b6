//! Tokens and codes that nobody can guess, and how they are compared.

use std::fmt::Write;
use std::io;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Symbols of a claim code: no `0 O`, `1 I L` or `U V`, which people confuse when reading aloud.
const CODE_SYMBOLS: &[u8; 30] = b"23456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Symbols of a claim code. 30^10 is 49 bits: with [`super::throttle`] never guessed.
const CODE_LENGTH: usize = 10;
/// Bytes from this on would favour the first symbols; they are drawn again. 8 · 30.
const CODE_BYTES_FAIR: u8 = 240;

/// SHA-256 of a token: what is kept, so that memory never holds a token that opens a door.
pub(crate) type TokenHash = [u8; 32];

/// A new token of 256 bits in hexadecimal.
pub(crate) fn token() -> io::Result<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(hex(&bytes))
}

/// The hash under which a token is kept.
pub(crate) fn hash(token: &str) -> TokenHash {
    Sha256::digest(token.as_bytes()).into()
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String can not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A new claim code, in two groups: `K7M2R-94TXA`.
pub(crate) fn claim_code() -> io::Result<String> {
    let mut code = String::with_capacity(CODE_LENGTH + 1);
    let mut symbols = 0;
    while symbols < CODE_LENGTH {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(io::Error::other)?;
        for byte in bytes.into_iter().filter(|byte| *byte < CODE_BYTES_FAIR) {
            let place = usize::from(byte) % CODE_SYMBOLS.len();
            let (true, Some(symbol)) = (symbols < CODE_LENGTH, CODE_SYMBOLS.get(place)) else {
                break;
            };
            if symbols == CODE_LENGTH / 2 {
                code.push('-');
            }
            code.push(char::from(*symbol));
            symbols += 1;
        }
    }
    Ok(code)
}

/// A code as a person may type it: any case, with or without spaces and dashes.
pub(crate) fn typed_code(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect()
}

/// Whether two secrets are the same, in a time that depends on their length only.
pub(crate) fn same(one: &str, other: &str) -> bool {
    one.as_bytes().ct_eq(other.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::{CODE_LENGTH, CODE_SYMBOLS, claim_code, same, token, typed_code};

    #[test]
    fn a_code_can_be_read_aloud_and_typed_carelessly() {
        let code = claim_code().unwrap();
        assert_eq!(code.len(), CODE_LENGTH + 1);
        assert!(code.bytes().all(|symbol| symbol == b'-' || CODE_SYMBOLS.contains(&symbol)));
        let careless = format!(" {} ", code.to_lowercase().replace('-', " "));
        assert_eq!(typed_code(&careless), typed_code(&code));
        assert_ne!(code, claim_code().unwrap());
    }

    #[test]
    fn tokens_are_long_and_differ() {
        let one = token().unwrap();
        assert_eq!(one.len(), 64);
        assert!(same(&one, &one.clone()));
        assert!(!same(&one, &token().unwrap()));
        assert!(!same("abc", "abcd"));
    }
}
