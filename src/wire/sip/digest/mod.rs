//! Digest authentication: challenges, credentials and the arithmetic between them (RFC 7616, RFC
//! 8760 for SHA-256 in SIP, RFC 2617 for peers without `qop`).
//!
//! Pure: nonces and client nonces come from the caller, and who may use which nonce how often is
//! decided above.

mod challenge;
mod credentials;
mod directives;

use super::{Fault, Method, ParseError};
pub use challenge::Challenge;
pub use credentials::{ClientNonce, Credentials, NonceCount};
use md5::{Digest, Md5};
use sha2::Sha256;

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

    /// How many hexadecimal digits its hash has.
    const fn digits(self) -> usize {
        match self {
            Self::Md5 | Self::Md5Sess => 32,
            Self::Sha256 | Self::Sha256Sess => 64,
        }
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

/// Who answers a challenge. Deliberately without `Debug`.
pub struct Login<'a> {
    /// User name of the account.
    pub username: &'a str,
    /// Its password.
    pub password: &'a str,
}

/// By what somebody is known to this side. Deliberately without `Debug`.
#[derive(Clone, Copy)]
pub enum Key<'a> {
    /// The password.
    Password(&'a str),
    /// HA1 in hexadecimal, which is good for one user name, realm and algorithm.
    Ha1(&'a str),
}

impl Key<'_> {
    /// The algorithm of this HA1, by its length; none of a password, which is good for each.
    #[must_use]
    pub fn algorithm(self) -> Option<Algorithm> {
        match self {
            Self::Password(_) => None,
            Self::Ha1(hash) if hash.len() == Algorithm::Md5.digits() => Some(Algorithm::Md5),
            Self::Ha1(_) => Some(Algorithm::Sha256),
        }
    }

    /// Whether a challenge of this algorithm can be answered by it.
    #[must_use]
    pub fn is_for(self, algorithm: Algorithm) -> bool {
        match self {
            Self::Password(_) => true,
            Self::Ha1(hash) => hash.len() == algorithm.digits(),
        }
    }

    /// HA1 for this algorithm and realm; none when it is of the other hash.
    #[must_use]
    pub fn ha1(self, algorithm: Algorithm, realm: &str, username: &str) -> Option<String> {
        match self {
            Self::Password(password) => Some(ha1(algorithm, realm, &Login { username, password })),
            Self::Ha1(hash) => self.is_for(algorithm).then(|| hash.to_ascii_lowercase()),
        }
    }
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
            let qop = qop.as_str().as_bytes();
            algorithm.hash(&[ha1, nonce, count.text.as_bytes(), cnonce, qop, ha2.as_bytes()])
        }
        None => algorithm.hash(&[ha1, nonce, ha2.as_bytes()]),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used, reason = "a test may die of what it did not expect")]
    use super::{
        Algorithm, Challenge, ClientNonce, Credentials, Login, NonceCount, Protected, Protection,
        ha1, response,
    };
    use crate::sip::{Fault, Method};

    fn get(uri: &str, method: &Method, algorithm: Algorithm) -> String {
        let credentials = Credentials::parse(
            "Digest username=\"Mufasa\", realm=\"http-auth@example.org\", uri=\"/dir/index.html\", \
             nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", nc=00000001, qop=auth, \
             cnonce=\"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ\", response=\"\"",
        )
        .expect("RFC 7616 §3.9.1");
        let credentials = Credentials { algorithm, ..credentials };
        let login = Login { username: "Mufasa", password: "Circle of Life" };
        let stored = ha1(algorithm, &credentials.realm, &login);
        response(&credentials, &stored, &Protected { method, uri, body: b"" })
    }

    #[test]
    fn the_examples_of_rfc_7616_come_out() {
        let method = Method::Other("GET".into());
        let uri = "/dir/index.html";
        assert_eq!(get(uri, &method, Algorithm::Md5), "8ca523f5e9506fed4657c9700eebdbec");
        assert_eq!(
            get(uri, &method, Algorithm::Sha256),
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"
        );
    }

    #[test]
    fn a_server_without_qop_gets_the_hash_of_rfc_2069() {
        let challenge = Challenge::parse(
            "Digest realm=\"testrealm@host.com\", nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\"",
        )
        .expect("a challenge");
        assert_eq!((challenge.algorithm, challenge.qop.is_empty()), (Algorithm::Md5, true));
        let method = Method::Other("GET".into());
        let request = Protected { method: &method, uri: "/dir/index.html", body: b"" };
        let login = Login { username: "Mufasa", password: "CircleOfLife" };
        let credentials = challenge.answer(&login, &request, None);
        assert_eq!(credentials.response, "1949323746fe6a43ef61f9606e7febea");
    }

    #[test]
    fn session_algorithms_and_body_protection_enter_the_hash() {
        let challenge = Challenge {
            realm: "pbx".into(),
            nonce: "n1".into(),
            opaque: None,
            stale: false,
            algorithm: Algorithm::Sha256Sess,
            qop: vec![Protection::AuthInt],
        };
        let client = ClientNonce {
            qop: Protection::AuthInt,
            cnonce: "c1".into(),
            count: NonceCount::new(2),
        };
        let login = Login { username: "alice", password: "pw" };
        let request = Protected { method: &Method::Message, uri: "sip:bob@pbx", body: b"hello" };
        let credentials = challenge.answer(&login, &request, Some(client));
        assert_eq!(
            credentials.response,
            "0f9619c4e15769bca07e141953738aa71576a53b1decd7a46da0c929becdb4e5"
        );
        let stored = ha1(Algorithm::Sha256Sess, "pbx", &login);
        assert!(credentials.verify(&stored, &request));
        assert!(!credentials.verify(&stored, &Protected { body: b"hullo", ..request }));
        assert!(!credentials.verify("", &request));
    }

    #[test]
    fn printing_and_reading_are_inverse() {
        let challenge = Challenge {
            realm: "a \"b\" \\ c, d".into(),
            nonce: "n==".into(),
            opaque: Some(String::new()),
            stale: true,
            algorithm: Algorithm::Sha256,
            qop: vec![Protection::Auth, Protection::AuthInt],
        };
        assert_eq!(Challenge::parse(&challenge.to_string()), Ok(challenge.clone()));
        let client = ClientNonce {
            qop: Protection::Auth,
            cnonce: "c,1".into(),
            count: NonceCount::new(255),
        };
        let login = Login { username: "al\"ice", password: "pw" };
        let request = Protected { method: &Method::Register, uri: "sip:pbx;x=\"y", body: b"" };
        let credentials = challenge.answer(&login, &request, Some(client));
        assert_eq!(Credentials::parse(&credentials.to_string()), Ok(credentials));
    }

    #[test]
    fn reads_what_phones_write() {
        let text = "DIGEST Username=alice , realm = \"r\",nonce=n, uri=\"sip:a@b;c=d,e\",\
                    response=\"ABC\", qop=\"auth\", cnonce=c, nc=1, algorithm=\"md5\", ,x=y";
        let credentials = Credentials::parse(text).expect("credentials");
        assert_eq!(credentials.uri, "sip:a@b;c=d,e");
        assert_eq!(credentials.response, "abc");
        assert_eq!(credentials.client.as_ref().map(|client| client.count.uses()), Some(1));
        assert!(credentials.to_string().ends_with("nc=1"));
    }

    #[test]
    fn says_why_it_refuses() {
        let fault = |text: &str| Credentials::parse(text).map_err(|error| error.fault()).err();
        assert_eq!(fault("NoOneKnowsThisScheme opaque-data=here"), Some(Fault::NotDigest));
        assert_eq!(fault("Digest"), Some(Fault::NotDigest));
        assert_eq!(fault("Digest username=\"a\""), Some(Fault::DigestDirective));
        let whole = "Digest username=a,realm=r,nonce=n,uri=u,response=r";
        assert_eq!(fault(whole), None);
        assert_eq!(fault(&format!("{whole},algorithm=ROT13")), Some(Fault::DigestAlgorithm));
        assert_eq!(
            fault(&format!("{whole},qop=auth,cnonce=c,nc=+1")),
            Some(Fault::DigestDirective)
        );
        assert_eq!(fault(&format!("{whole},qop=auth,nc=1")), Some(Fault::DigestDirective));
    }
}
