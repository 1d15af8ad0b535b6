//! What a client answers: Authorization and Proxy-Authorization (RFC 7616 §3.4).

use super::directives::Directives;
use super::{Algorithm, Protected, Protection, response};
use crate::sip::{Fault, ParseError, lex};
use std::fmt;

/// The client's half of a hash with `qop`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientNonce {
    /// What is protected.
    pub qop: Protection,
    /// The client's number.
    pub cnonce: String,
    /// How often the nonce has been used, this time included.
    pub count: NonceCount,
}

/// `nc`: a count, kept as it was written because the text is what the client hashed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NonceCount {
    uses: u32,
    pub(super) text: String,
}

impl NonceCount {
    /// The count as RFC 7616 §3.4 writes it.
    #[must_use]
    pub fn new(uses: u32) -> Self {
        Self { uses, text: format!("{uses:08x}") }
    }

    /// Reads a count. Upper case and fewer than eight digits pass: some phones write `nc=1`.
    fn parse(text: &str) -> Option<Self> {
        let well_formed = text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let uses = u32::from_str_radix(text, 16).ok().filter(|_| well_formed)?;
        Some(Self { uses, text: text.to_owned() })
    }

    /// The number.
    #[must_use]
    pub const fn uses(&self) -> u32 {
        self.uses
    }
}

/// Authorization or Proxy-Authorization.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Who.
    pub username: String,
    /// For what.
    pub realm: String,
    /// The server's number.
    pub nonce: String,
    /// The URI that was hashed, as the client wrote it.
    pub uri: String,
    /// The hash in lower-case hexadecimal.
    pub response: String,
    /// How it was made.
    pub algorithm: Algorithm,
    /// As in the challenge.
    pub opaque: Option<String>,
    /// Absent for a client of RFC 2069.
    pub client: Option<ClientNonce>,
}

impl Credentials {
    /// Reads the value of one Authorization or Proxy-Authorization line.
    ///
    /// # Errors
    /// When the scheme is not Digest, the algorithm or protection is unknown, or a needed directive
    /// is missing.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let mut directives = Directives::parse(text)?;
        let client = match directives.take("qop") {
            None => None,
            Some(qop) => Some(ClientNonce {
                qop: Protection::parse(&qop).ok_or(Fault::DigestDirective)?,
                cnonce: directives.need("cnonce")?,
                count: NonceCount::parse(&directives.need("nc")?).ok_or(Fault::DigestDirective)?,
            }),
        };
        Ok(Self {
            username: directives.need("username")?,
            realm: directives.need("realm")?,
            nonce: directives.need("nonce")?,
            uri: directives.need("uri")?,
            response: directives.need("response")?.to_ascii_lowercase(),
            algorithm: directives.algorithm()?,
            opaque: directives.take("opaque"),
            client,
        })
    }

    /// Whether the hash is the one that whoever knows the password makes. Takes the same time
    /// wherever the first difference is.
    #[must_use]
    pub fn verify(&self, ha1: &str, request: &Protected<'_>) -> bool {
        let expected = response(self, ha1, request);
        let differences = expected
            .bytes()
            .zip(self.response.bytes())
            .fold(0, |differences, (ours, theirs)| differences | (ours ^ theirs));
        expected.len() == self.response.len() && differences == 0
    }
}

impl fmt::Display for Credentials {
    /// RFC 7616 §3.4: `algorithm`, `qop` and `nc` stand without quotes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest username={}", lex::quote(&self.username))?;
        write!(f, ", realm={}, nonce={}", lex::quote(&self.realm), lex::quote(&self.nonce))?;
        write!(f, ", uri={}, response={}", lex::quote(&self.uri), lex::quote(&self.response))?;
        write!(f, ", algorithm={}", self.algorithm.as_str())?;
        if let Some(opaque) = &self.opaque {
            write!(f, ", opaque={}", lex::quote(opaque))?;
        }
        if let Some(ClientNonce { qop, cnonce, count }) = &self.client {
            write!(f, ", qop={}, cnonce={}, nc={}", qop.as_str(), lex::quote(cnonce), count.text)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Credentials {
    /// Without the name of a person and without the hash.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest credentials for {}", self.realm)
    }
}
