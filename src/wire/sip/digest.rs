//! Digest authentication: challenges, credentials and the arithmetic between them (RFC 7616, RFC
//! 8760 for SHA-256 in SIP, RFC 2617 for peers without `qop`).
//!
//! Pure: nonces and client nonces come from the caller, and who may use which nonce how often is
//! decided above.

use super::{Fault, Method, ParseError, lex};
use md5::{Digest, Md5};
use sha2::Sha256;
use std::fmt;

/// How the hash is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// RFC 2617; what is meant when nothing is said.
    #[default]
    Md5,
    /// RFC 2617, with the nonces in HA1.
    Md5Sess,
    /// RFC 7616.
    Sha256,
    /// RFC 7616, with the nonces in HA1.
    Sha256Sess,
}

impl Algorithm {
    fn parse(text: &str) -> Result<Self, ParseError> {
        let all = [Self::Md5, Self::Md5Sess, Self::Sha256, Self::Sha256Sess];
        let found = all.into_iter().find(|known| known.as_str().eq_ignore_ascii_case(text));
        found.ok_or(Fault::DigestAlgorithm.into())
    }

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Md5Sess => "MD5-sess",
            Self::Sha256 => "SHA-256",
            Self::Sha256Sess => "SHA-256-sess",
        }
    }

    const fn is_session(self) -> bool {
        matches!(self, Self::Md5Sess | Self::Sha256Sess)
    }

    /// The hash of the parts joined by colons, in lower-case hexadecimal.
    fn hash(self, parts: &[&[u8]]) -> String {
        let text = parts.join(&b':');
        match self {
            Self::Md5 | Self::Md5Sess => hexadecimal(&Md5::digest(&text)),
            Self::Sha256 | Self::Sha256Sess => hexadecimal(&Sha256::digest(&text)),
        }
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What the hash protects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protection {
    /// `auth`: method and URI.
    Auth,
    /// `auth-int`: the body too.
    AuthInt,
}

impl Protection {
    fn parse(text: &str) -> Option<Self> {
        let all = [Self::Auth, Self::AuthInt];
        all.into_iter().find(|known| known.as_str().eq_ignore_ascii_case(text))
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::AuthInt => "auth-int",
        }
    }
}

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

/// Who answers a challenge. Deliberately without `Debug`.
pub struct Login<'a> {
    /// User name of the account.
    pub username: &'a str,
    /// Its password.
    pub password: &'a str,
}

/// The request that is authenticated.
#[derive(Clone, Copy, Debug)]
pub struct Protected<'a> {
    /// Its method.
    pub method: &'a Method,
    /// Its Request-URI, or the `uri` of the credentials.
    pub uri: &'a str,
    /// Its body; counts for `auth-int` only.
    pub body: &'a [u8],
}

/// The client's half of a hash with `qop`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientNonce {
    /// What is protected.
    pub qop: Protection,
    /// The client's number.
    pub cnonce: String,
    /// How often the nonce has been used, this time included.
    pub count: u32,
}

/// Authorization or Proxy-Authorization.
#[derive(Clone, Debug, PartialEq, Eq)]
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

/// HA1 of RFC 7616 §3.4.2 before any session: what a server may store instead of the password.
#[must_use]
pub fn ha1(algorithm: Algorithm, realm: &str, login: &Login<'_>) -> String {
    algorithm.hash(&[login.username.as_bytes(), realm.as_bytes(), login.password.as_bytes()])
}

/// The hash of RFC 7616 §3.4.1 that these credentials must carry, from the stored HA1. What the
/// credentials say in `response` does not count.
#[must_use]
pub fn response(credentials: &Credentials, ha1: &str, request: &Protected<'_>) -> String {
    let algorithm = credentials.algorithm;
    let nonce = credentials.nonce.as_bytes();
    let client = credentials.client.as_ref();
    let cnonce = client.map_or("", |client| client.cnonce.as_str()).as_bytes();
    let session_ha1 =
        algorithm.is_session().then(|| algorithm.hash(&[ha1.as_bytes(), nonce, cnonce]));
    let ha1 = session_ha1.as_deref().unwrap_or(ha1).as_bytes();
    let (method, uri) = (request.method.as_str().as_bytes(), request.uri.as_bytes());
    let ha2 = match client.map(|client| client.qop) {
        Some(Protection::AuthInt) => {
            algorithm.hash(&[method, uri, algorithm.hash(&[request.body]).as_bytes()])
        }
        Some(Protection::Auth) | None => algorithm.hash(&[method, uri]),
    };
    match client {
        Some(ClientNonce { qop, count, .. }) => {
            let count = format!("{count:08x}");
            let qop = qop.as_str().as_bytes();
            algorithm.hash(&[ha1, nonce, count.as_bytes(), cnonce, qop, ha2.as_bytes()])
        }
        None => algorithm.hash(&[ha1, nonce, ha2.as_bytes()]),
    }
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
        let mut credentials = Credentials {
            username: login.username.to_owned(),
            realm: self.realm.clone(),
            nonce: self.nonce.clone(),
            uri: request.uri.to_owned(),
            response: String::new(),
            algorithm: self.algorithm,
            opaque: self.opaque.clone(),
            client,
        };
        let ha1 = ha1(self.algorithm, &self.realm, login);
        credentials.response = response(&credentials, &ha1, request);
        credentials
    }
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
                count: u32::from_str_radix(&directives.need("nc")?, 16)
                    .map_err(|_| Fault::DigestDirective)?,
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
    pub fn prove(&self, ha1: &str, request: &Protected<'_>) -> bool {
        let expected = response(self, ha1, request);
        let differences = expected
            .bytes()
            .zip(self.response.bytes())
            .fold(0, |differences, (ours, theirs)| differences | (ours ^ theirs));
        expected.len() == self.response.len() && differences == 0
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
            write!(f, ", qop={}, cnonce={}, nc={count:08x}", qop.as_str(), lex::quote(cnonce))?;
        }
        Ok(())
    }
}

/// The `name=value` pairs behind the word Digest.
struct Directives(Vec<(String, String)>);

impl Directives {
    fn parse(text: &str) -> Result<Self, ParseError> {
        let (scheme, rest) = lex::trim(text).split_once([' ', '\t']).ok_or(Fault::NotDigest)?;
        if !scheme.eq_ignore_ascii_case("Digest") {
            return Err(Fault::NotDigest.into());
        }
        let mut directives = Vec::new();
        for directive in lex::split_list(rest, b',') {
            let (name, value) = directive.split_once('=').ok_or(Fault::DigestDirective)?;
            let (name, value) = (lex::trim(name).to_ascii_lowercase(), lex::trim(value));
            directives.push((name, lex::unquote(value).into_owned()));
        }
        Ok(Self(directives))
    }

    fn take(&mut self, name: &str) -> Option<String> {
        let found = self.0.iter_mut().find(|(found, _)| found == name)?;
        Some(std::mem::take(&mut found.1))
    }

    fn need(&mut self, name: &str) -> Result<String, ParseError> {
        self.take(name).ok_or(Fault::DigestDirective.into())
    }

    fn algorithm(&mut self) -> Result<Algorithm, ParseError> {
        self.take("algorithm").map_or(Ok(Algorithm::default()), |name| Algorithm::parse(&name))
    }
}
