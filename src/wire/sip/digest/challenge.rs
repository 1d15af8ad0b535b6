//! What a server asks: WWW-Authenticate and Proxy-Authenticate (RFC 7616 §3.3).

use super::directives::Directives;
use super::{Algorithm, ClientNonce, Credentials, Login, Protected, Protection, ha1, response};
use crate::sip::{ParseError, lex};
use std::fmt;

/// WWW-Authenticate or Proxy-Authenticate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// What the password is for.
    pub realm: String,
    /// The server's number.
    pub nonce: String,
    /// To be given back as it is.
    pub opaque: Option<String>,
    /// The password was right, only the nonce was old.
    pub stale: bool,
    /// How to hash.
    pub algorithm: Algorithm,
    /// What may be protected; empty for a server of RFC 2069.
    pub qop: Vec<Protection>,
}

impl Challenge {
    /// Reads the value of one WWW-Authenticate or Proxy-Authenticate line.
    ///
    /// # Errors
    /// When the scheme is not Digest, the algorithm is unknown, or realm or nonce is missing.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let mut directives = Directives::parse(text)?;
        let qop = directives.take("qop");
        Ok(Self {
            realm: directives.need("realm")?,
            nonce: directives.need("nonce")?,
            opaque: directives.take("opaque"),
            stale: directives.take("stale").is_some_and(|it| it.eq_ignore_ascii_case("true")),
            algorithm: directives.algorithm()?,
            qop: qop
                .iter()
                .flat_map(|qop| lex::split_list(qop, b','))
                .filter_map(Protection::parse)
                .collect(),
        })
    }

    /// The credentials that answer this challenge. `client` is `None` when the challenge offers no
    /// protection ([`Challenge::qop`] is empty); else the caller chooses one of those offered.
    #[must_use]
    pub fn answer(
        &self,
        login: &Login<'_>,
        request: &Protected<'_>,
        client: Option<ClientNonce>,
    ) -> Credentials {
        let ha1 = ha1(self.algorithm, &self.realm, login);
        self.answer_by(login.username, &ha1, request, client)
    }

    /// The same for whoever knows only HA1, which must be the one for this realm and algorithm.
    #[must_use]
    pub fn answer_by(
        &self,
        username: &str,
        ha1: &str,
        request: &Protected<'_>,
        client: Option<ClientNonce>,
    ) -> Credentials {
        let mut credentials = Credentials {
            username: username.to_owned(),
            realm: self.realm.clone(),
            nonce: self.nonce.clone(),
            uri: request.uri.to_owned(),
            response: String::new(),
            algorithm: self.algorithm,
            opaque: self.opaque.clone(),
            client,
        };
        credentials.response = response(&credentials, ha1, request);
        credentials
    }
}

impl fmt::Display for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest realm={}, nonce={}", lex::quote(&self.realm), lex::quote(&self.nonce))?;
        if let Some(opaque) = &self.opaque {
            write!(f, ", opaque={}", lex::quote(opaque))?;
        }
        if self.stale {
            f.write_str(", stale=true")?;
        }
        write!(f, ", algorithm={}", self.algorithm.as_str())?;
        if !self.qop.is_empty() {
            let qop: Vec<&str> = self.qop.iter().map(|qop| qop.as_str()).collect();
            write!(f, ", qop=\"{}\"", qop.join(","))?;
        }
        Ok(())
    }
}
