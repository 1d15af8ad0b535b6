//! Digest authentication, the side that asks: RFC 7616 as RFC 8760 brings it to SIP, and RFC 2617
//! for old phones.
//!
//! It decides whether a request is from whom it claims. A nonce carries its own birth time and
//! proof of origin, so that nobody can fill our memory by asking for challenges; only nonces that
//! were used with success are remembered, to refuse a second use of the same count.
//!
//! It knows no accounts: passwords, or what stands for them (HA1), come through a lookup.

use hmac::digest::KeyInit;
use hmac::{Hmac, Mac};
use holdfast_base::{Entropy, Mono, Now};
use holdfast_wire::sip::digest::{Algorithm, Challenge, Credentials, Key, Protected, Protection};
use holdfast_wire::sip::{Request, Response, Status};
use sha2::Sha256;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::transaction::derived_tag;

/// How long a nonce may be used. Long enough that a phone which registers every few minutes is
/// seldom asked twice, short enough that remembered counts stay few.
const NONCE_LIFE: Duration = Duration::from_secs(600);
/// Most used nonces that are remembered: one for each phone of a large site, with room.
pub const NONCES_MAX: usize = 10_000;
/// How far behind the highest count a late one is still told from a replay.
const WINDOW_COUNTS: u32 = 64;
/// Stands for the password of whoever has none, so that both ways take the same time.
const NO_PASSWORD: &str = "nobody has this password";
/// Bytes of the proof of origin that a nonce carries.
const PROOF_BYTES: usize = 16;

/// How credentials are asked for.
#[derive(Clone, Copy, Debug)]
pub struct Asking<'a> {
    /// The realm of the credentials.
    pub realm: &'a str,
    /// The algorithms, best first: a client takes the first that it can (RFC 8760 §2.4).
    pub algorithms: &'a [Algorithm],
}

impl<'a> Asking<'a> {
    /// Asks for MD5, and before it for SHA-256 where every phone copes with a challenge that it
    /// does not know. libre before 2.0 (baresip 1.0) does not: it gives up.
    #[must_use]
    pub const fn new(realm: &'a str, with_sha256: bool) -> Self {
        let algorithms: &[Algorithm] =
            if with_sha256 { &[Algorithm::Sha256, Algorithm::Md5] } else { &[Algorithm::Md5] };
        Self { realm, algorithms }
    }

    /// Asks for this algorithm alone: that of the only HA1 there is.
    #[must_use]
    pub const fn only(realm: &'a str, algorithm: Algorithm) -> Self {
        let algorithms: &[Algorithm] = match algorithm {
            Algorithm::Md5 | Algorithm::Md5Sess => &[Algorithm::Md5],
            Algorithm::Sha256 | Algorithm::Sha256Sess => &[Algorithm::Sha256],
        };
        Self { realm, algorithms }
    }
}

/// What a request has proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is from this user.
    Accepted {
        /// The user name of its credentials.
        user: String,
    },
    /// Nothing yet: to be asked with this 401.
    Challenge(Response),
    /// No more, and it is asked by the same 401; but it did bring a password, which was wrong, to a
    /// nonce that is not good here. Who invents nonces guesses as well as who asks for them.
    Guessed(Response),
    /// The password is wrong, or there is no such user; which of the two, nobody can tell.
    Refused(Response),
}

/// When and as which one a nonce was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Birth {
    time: Mono,
    serial: u64,
}

/// Which counts of a nonce were used: the highest, and the 64 below it bit by bit.
#[derive(Clone, Copy, Debug)]
struct Used {
    highest: u32,
    seen: u64,
}

/// Makes challenges and checks what comes back.
pub struct Authenticator {
    secret: [u8; 64],
    issued: u64,
    used: BTreeMap<Birth, Used>,
    /// Nonces up to this one are stale, whatever their age: their counts were forgotten.
    forgotten: Option<Birth>,
}

impl fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticator").field("used", &self.used.len()).finish_non_exhaustive()
    }
}

impl Authenticator {
    /// An authenticator whose nonces nobody else can make.
    #[must_use]
    pub fn new(entropy: &mut Entropy) -> Self {
        let mut secret = [0; 64];
        let (left, right) = secret.split_at_mut(32);
        left.copy_from_slice(&entropy.bytes());
        right.copy_from_slice(&entropy.bytes());
        Self { secret, issued: 0, used: BTreeMap::new(), forgotten: None }
    }

    /// Checks the credentials of a request for the realm asked for; `lookup` gives what a user
    /// is known by.
    ///
    /// The `uri` of the credentials need not be the Request-URI: a proxy may have changed that
    /// (RFC 3261 §22.4).
    pub fn check<'a>(
        &mut self,
        now: Now,
        request: &Request,
        asking: Asking<'_>,
        lookup: impl Fn(&str) -> Option<Key<'a>>,
    ) -> Verdict {
        // Another scheme, or Digest for another realm, counts as no credentials (RFC 3261 §22.3).
        let mut offered = request.headers.all("Authorization");
        let ours = offered.find_map(|value| {
            Credentials::parse(&value).ok().filter(|credentials| credentials.realm == asking.realm)
        });
        let Some(credentials) = ours else {
            return Verdict::Challenge(self.challenge(now, request, asking, false));
        };
        let proved = proves(&credentials, request, lookup(&credentials.username));
        let count = credentials.client.as_ref().map(|client| client.count.uses());
        let fresh = self.birth(now, &credentials.nonce, asking.realm).is_some_and(|birth| {
            // A wrong proof must not use a count up, else anybody could lock a phone out.
            !proved || self.first_use(now, birth, count)
        });
        match (fresh, proved) {
            (true, true) => Verdict::Accepted { user: credentials.username },
            (true, false) => {
                Verdict::Refused(request.response(Status::FORBIDDEN, Some(&derived_tag(request))))
            }
            // RFC 7616 §3.3: stale says that the password was right, so that no phone asks its
            // user.
            (false, true) => Verdict::Challenge(self.challenge(now, request, asking, true)),
            (false, false) => Verdict::Guessed(self.challenge(now, request, asking, false)),
        }
    }

    fn challenge(
        &mut self,
        now: Now,
        request: &Request,
        asking: Asking<'_>,
        stale: bool,
    ) -> Response {
        self.issued += 1;
        let birth = Birth { time: now.mono, serial: self.issued };
        let proof = self.proof(birth, asking.realm).finalize().into_bytes();
        let proof: String =
            proof.iter().take(PROOF_BYTES).map(|byte| format!("{byte:02x}")).collect();
        let nonce = format!("{:016x}{:016x}{proof}", birth.time.micros(), birth.serial);
        let mut response = request.response(Status::UNAUTHORIZED, Some(&derived_tag(request)));
        for algorithm in asking.algorithms {
            let challenge = Challenge {
                realm: asking.realm.to_owned(),
                nonce: nonce.clone(),
                opaque: None,
                stale,
                algorithm: *algorithm,
                qop: vec![Protection::Auth],
            };
            response.headers.push("WWW-Authenticate", challenge);
        }
        response
    }

    fn proof(&self, birth: Birth, realm: &str) -> Hmac<Sha256> {
        <Hmac<Sha256> as KeyInit>::new(&self.secret.into())
            .chain_update(birth.time.micros().to_be_bytes())
            .chain_update(birth.serial.to_be_bytes())
            .chain_update(realm.as_bytes())
    }

    /// When a nonce was made, if by us and not too long ago.
    fn birth(&self, now: Now, nonce: &str, realm: &str) -> Option<Birth> {
        let number = |from: usize| u64::from_str_radix(nonce.get(from..from + 16)?, 16).ok();
        let birth = Birth { time: Mono::from_micros(number(0)?), serial: number(16)? };
        let proof = nonce.get(32..)?;
        let mut bytes = [0; PROOF_BYTES];
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(proof.get(2 * at..2 * at + 2)?, 16).ok()?;
        }
        self.proof(birth, realm).verify_truncated_left(&bytes).ok()?;
        let alive = now.mono.since(birth.time) <= NONCE_LIFE && self.forgotten < Some(birth);
        alive.then_some(birth)
    }

    /// Notes one use of a nonce; false when it was used so before. A peer without `qop` has no
    /// count and gets one use (RFC 2617 §3.2.1).
    fn first_use(&mut self, now: Now, birth: Birth, count: Option<u32>) -> bool {
        let count = count.unwrap_or(u32::MAX);
        let first = match self.used.get_mut(&birth) {
            Some(used) => used.note(count),
            None => {
                self.used.insert(birth, Used { highest: count, seen: 1 });
                true
            }
        };
        self.forget(now);
        first
    }

    fn forget(&mut self, now: Now) {
        while let Some((oldest, _)) = self.used.first_key_value() {
            let old = now.mono.since(oldest.time) > NONCE_LIFE;
            if !old && self.used.len() <= NONCES_MAX {
                return;
            }
            self.forgotten = self.forgotten.max(Some(*oldest));
            self.used.pop_first();
        }
    }
}

impl Used {
    /// Notes one count; false when it was there before, or is too far behind to tell.
    const fn note(&mut self, count: u32) -> bool {
        if count > self.highest {
            let shift = count - self.highest;
            self.seen = if shift < WINDOW_COUNTS { self.seen << shift | 1 } else { 1 };
            self.highest = count;
            return true;
        }
        let behind = self.highest - count;
        if behind >= WINDOW_COUNTS || self.seen >> behind & 1 == 1 {
            return false;
        }
        self.seen |= 1 << behind;
        true
    }
}

/// Whether the request carries credentials at all.
#[must_use]
pub fn shows_credentials(request: &Request) -> bool {
    request.headers.has("Authorization") || request.headers.has("Proxy-Authorization")
}

/// Whether the request carries right credentials for this user, of whatever realm, from whoever's
/// challenge; none when it carries none of the user, or none that this key can prove. For a request
/// that is passed on: whether its nonce is good is for whoever gave it to say.
#[must_use]
pub fn is_right(request: &Request, user: &str, key: Key<'_>) -> Option<bool> {
    let lines = ["Authorization", "Proxy-Authorization"];
    let all = lines.iter().flat_map(|name| request.headers.all(name));
    let own = all.filter_map(|value| Credentials::parse(&value).ok());
    own.filter(|credentials| credentials.username == user && key.is_for(credentials.algorithm))
        .map(|credentials| proves(&credentials, request, Some(key)))
        .reduce(|one, other| one || other)
}

fn proves(credentials: &Credentials, request: &Request, key: Option<Key<'_>>) -> bool {
    let Credentials { algorithm, realm, username, .. } = credentials;
    let protected =
        Protected { method: &request.method, uri: &credentials.uri, body: &request.body };
    // As much is computed for nobody: who is unknown learns nothing from the time that it takes.
    let ha1 = key.unwrap_or(Key::Password(NO_PASSWORD)).ha1(*algorithm, realm, username);
    let right = ha1.is_some_and(|ha1| credentials.verify(&ha1, &protected));
    right && key.is_some()
}

#[cfg(test)]
mod tests {
    use super::{Asking, Authenticator, Key, NONCE_LIFE, NONCES_MAX, Verdict, is_right};
    use holdfast_base::{Entropy, Mono, Now, Wall};
    use holdfast_wire::sip::digest::{
        Algorithm, Challenge, ClientNonce, Login, NonceCount, Protected, Protection, ha1,
    };
    use holdfast_wire::sip::{Message, Request, Response};
    use std::time::Duration;

    fn at(seconds: u64) -> Now {
        let mono = Mono::from_micros(0) + Duration::from_secs(1000 + seconds);
        Now { mono, wall: Wall::from_micros(0) }
    }

    fn register(authorization: Option<&str>) -> Request {
        let text = format!(
            "REGISTER sip:pbx SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKa\r\n\
             From: <sip:alice@pbx>;tag=a\r\nTo: <sip:alice@pbx>\r\nCall-ID: c\r\n\
             CSeq: 1 REGISTER\r\n{}\r\n",
            authorization.map(|value| format!("Authorization: {value}\r\n")).unwrap_or_default()
        );
        match Message::parse(text.as_bytes()) {
            Ok(Message::Request(request)) => request,
            other => panic!("{other:?}"),
        }
    }

    fn lookup(user: &str) -> Option<Key<'static>> {
        (user == "alice").then_some(Key::Password("secret"))
    }

    fn check(authenticator: &mut Authenticator, now: Now, credentials: Option<&str>) -> Verdict {
        authenticator.check(now, &register(credentials), Asking::new("pbx", true), lookup)
    }

    fn challenges(verdict: Verdict) -> Vec<Challenge> {
        let (Verdict::Challenge(response) | Verdict::Guessed(response)) = verdict else {
            panic!("{verdict:?}")
        };
        assert_eq!(response.status.code(), 401);
        response
            .headers
            .all("WWW-Authenticate")
            .map(|it| Challenge::parse(&it).expect("ours"))
            .collect()
    }

    /// What a phone makes of a challenge; `count` 0 is a phone that knows no `qop`.
    fn answer(challenge: &Challenge, user: &str, password: &str, count: u32) -> String {
        let request = register(None);
        let login = Login { username: user, password };
        let protected = Protected { method: &request.method, uri: "sip:pbx", body: b"" };
        let client = (count > 0).then(|| ClientNonce {
            qop: Protection::Auth,
            cnonce: "cn".to_owned(),
            count: NonceCount::new(count),
        });
        challenge.answer(&login, &protected, client).to_string()
    }

    fn word(verdict: &Verdict) -> String {
        match verdict {
            Verdict::Accepted { user } => user.clone(),
            Verdict::Challenge(_) => {
                let stale = challenges(verdict.clone()).iter().any(|challenge| challenge.stale);
                if stale { "stale".to_owned() } else { "401".to_owned() }
            }
            Verdict::Guessed(_) => {
                assert!(challenges(verdict.clone()).iter().all(|challenge| !challenge.stale));
                "guessed".to_owned()
            }
            Verdict::Refused(Response { status, .. }) => status.to_string(),
        }
    }

    #[test]
    fn sha_256_is_offered_before_md5_and_both_are_taken() {
        let mut authenticator = Authenticator::new(&mut Entropy::new([1; 32]));
        let offered = challenges(check(&mut authenticator, at(0), None));
        let names: Vec<_> = offered.iter().map(|challenge| challenge.algorithm.as_str()).collect();
        assert_eq!(names, ["SHA-256", "MD5"]);
        for (count, challenge) in (1..).zip(&offered) {
            let credentials = answer(challenge, "alice", "secret", count);
            assert_eq!(word(&check(&mut authenticator, at(1), Some(&credentials))), "alice");
        }
    }

    /// baresip 1.0 does not register where it meets an algorithm that it does not know.
    #[test]
    fn old_phones_meet_md5_alone() {
        let mut authenticator = Authenticator::new(&mut Entropy::new([1; 32]));
        let asking = Asking::new("pbx", false);
        let verdict = authenticator.check(at(0), &register(None), asking, lookup);
        let offered = challenges(verdict);
        let names: Vec<_> = offered.iter().map(|challenge| challenge.algorithm.as_str()).collect();
        assert_eq!(names, ["MD5"]);
    }

    #[test]
    fn an_unknown_user_and_a_wrong_password_look_the_same() {
        let mut authenticator = Authenticator::new(&mut Entropy::new([1; 32]));
        let challenge = challenges(check(&mut authenticator, at(0), None)).remove(0);
        for (user, password) in
            [("alice", "wrong"), ("nobody", "secret"), ("nobody", "nobody has this password")]
        {
            let credentials = answer(&challenge, user, password, 1);
            assert_eq!(word(&check(&mut authenticator, at(1), Some(&credentials))), "403");
        }
        let credentials = answer(&challenge, "alice", "secret", 1);
        assert_eq!(word(&check(&mut authenticator, at(1), Some(&credentials))), "alice");
    }

    #[test]
    fn a_count_is_good_once_and_may_come_a_little_late() {
        let mut authenticator = Authenticator::new(&mut Entropy::new([1; 32]));
        let challenge = challenges(check(&mut authenticator, at(0), None)).remove(0);
        let verdicts: Vec<String> = [5, 5, 4, 4, 200, 5, 137, 136, 0, 0, u32::MAX]
            .into_iter()
            .map(|count| {
                let credentials = answer(&challenge, "alice", "secret", count);
                word(&check(&mut authenticator, at(1), Some(&credentials)))
            })
            .collect();
        assert_eq!(
            verdicts.join(" "),
            "alice stale alice stale alice stale alice stale alice stale stale"
        );
    }

    #[test]
    fn old_and_foreign_nonces_are_stale_for_who_knows_the_password() {
        let mut authenticator = Authenticator::new(&mut Entropy::new([1; 32]));
        let mut other = Authenticator::new(&mut Entropy::new([2; 32]));
        let ours = challenges(check(&mut authenticator, at(0), None)).remove(0);
        let foreign = challenges(check(&mut other, at(0), None)).remove(0);
        let late = NONCE_LIFE.as_secs() + 1;
        for (challenge, now) in [(&ours, at(late)), (&foreign, at(1))] {
            let right = answer(challenge, "alice", "secret", 1);
            assert_eq!(word(&check(&mut authenticator, now, Some(&right))), "stale");
            for (user, password) in
                [("alice", "guess"), ("nobody", "secret"), ("nobody", "nobody has this password")]
            {
                let wrong = answer(challenge, user, password, 1);
                assert_eq!(word(&check(&mut authenticator, now, Some(&wrong))), "guessed");
            }
        }
    }

    #[test]
    fn anything_but_our_digest_is_no_credentials() {
        let mut authenticator = Authenticator::new(&mut Entropy::new([1; 32]));
        for credentials in [
            "NoOneKnowsThisScheme opaque-data=here",
            "Digest",
            "Digest username=\"alice\", realm=\"elsewhere\", nonce=\"x\", uri=\"sip:pbx\", response=\"0\"",
        ] {
            assert_eq!(word(&check(&mut authenticator, at(0), Some(credentials))), "401");
        }
        let no_number = "Digest username=\"alice\", realm=\"pbx\", nonce=\"\u{e9}\u{e9}\", \
                         uri=\"sip:pbx\", response=\"0\"";
        assert_eq!(word(&check(&mut authenticator, at(0), Some(no_number))), "guessed");
    }

    #[test]
    fn memory_is_bounded_and_what_was_forgotten_is_stale() {
        let mut authenticator = Authenticator::new(&mut Entropy::new([1; 32]));
        let first = challenges(check(&mut authenticator, at(0), None)).remove(1);
        for _ in 0..=NONCES_MAX {
            let challenge = challenges(check(&mut authenticator, at(0), None)).remove(1);
            let credentials = answer(&challenge, "alice", "secret", 1);
            assert_eq!(word(&check(&mut authenticator, at(0), Some(&credentials))), "alice");
        }
        assert_eq!(authenticator.used.len(), NONCES_MAX);
        let credentials = answer(&first, "alice", "secret", 1);
        assert_eq!(word(&check(&mut authenticator, at(0), Some(&credentials))), "stale");
    }

    #[test]
    fn ha1_is_as_good_as_the_password_for_its_algorithm_alone() {
        let mut authenticator = Authenticator::new(&mut Entropy::new([3; 32]));
        let login = Login { username: "alice", password: "secret" };
        let hash = ha1(Algorithm::Md5, "pbx", &login);
        let other = ha1(Algorithm::Md5, "elsewhere", &login);
        let asked = authenticator.check(at(0), &register(None), Asking::new("pbx", true), lookup);
        let all = challenges(asked);
        let answers: Vec<String> = all.iter().map(|it| answer(it, "alice", "secret", 1)).collect();
        let mut says = |credentials: &str, hash: &str| {
            let (asking, request) = (Asking::new("pbx", true), register(Some(credentials)));
            word(&authenticator.check(at(1), &request, asking, |_| Some(Key::Ha1(hash))))
        };
        let [sha256, md5] = answers.as_slice() else { panic!("{answers:?}") };
        assert_eq!(says(sha256, &hash), "403", "the hash is of MD5");
        assert_eq!(says(md5, &other), "403", "the hash is of another realm");
        assert_eq!(says(md5, ""), "403");
        assert_eq!(says(md5, &hash), "alice");
        let request = register(Some(md5));
        assert_eq!(is_right(&request, "alice", Key::Ha1(&hash)), Some(true));
        assert_eq!(is_right(&request, "alice", Key::Password("guess")), Some(false));
        assert_eq!(is_right(&request, "bob", Key::Ha1(&hash)), None);
        let other = "0".repeat(if hash.len() == 32 { 64 } else { 32 });
        assert_eq!(is_right(&request, "alice", Key::Ha1(&other)), None, "of another algorithm");
    }
}
