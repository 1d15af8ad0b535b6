//! Digest authentication, the side that is asked: RFC 3261 §22, RFC 7616, RFC 8760.
//!
//! It answers challenges of trunks with their login and remembers each one by trunk and realm, so
//! that the next request brings its credentials along (RFC 3261 §22.3) and the nonce count rises.
//! It decides when a refusal is final. It refuses to know transactions, calls and CSeq: who sends
//! the request once more numbers it.
//!
//! Which of several challenges is answered:
//! * 401 and 407, and each realm, are asked by different servers on the way: all are answered.
//! * Of several algorithms of one realm the strongest that we can, whatever their order: whoever
//!   removes the better one on the way shall at least not win by moving it down (RFC 8760 §2.4
//!   leaves that to local policy).
//! * What the password has been refused for is not tried again with another nonce, but for one that
//!   came with `stale=true` or that answers a nonce of an earlier request.

use holdfast_base::{Entropy, TrunkId};
use holdfast_config::{Form, Login as Account, Secret};
use holdfast_wire::sip::digest::{
    Algorithm, Challenge, ClientNonce, Key, NonceCount, Protected, Protection,
};
use holdfast_wire::sip::{Header, Headers, Request, Response};
use std::collections::BTreeMap;

/// Realms of one trunk that are remembered: a registrar, a proxy or two, and room.
const REALMS_MAX: usize = 8;
/// How often one request is sent again with more or newer credentials. Two servers on the way, each
/// with a stale nonce in between, are three; more is a loop.
const ROUNDS_MAX: u8 = 4;

/// Who asks, and therefore where the answer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Door {
    /// 401: the far end.
    Server,
    /// 407: somebody on the way.
    Proxy,
}

impl Door {
    const ALL: [Self; 2] = [Self::Server, Self::Proxy];

    const fn asks_in(self) -> &'static str {
        match self {
            Self::Server => "WWW-Authenticate",
            Self::Proxy => "Proxy-Authenticate",
        }
    }

    const fn answered_in(self) -> &'static str {
        match self {
            Self::Server => "Authorization",
            Self::Proxy => "Proxy-Authorization",
        }
    }
}

/// A challenge that credentials can be made for.
#[derive(Debug)]
struct Known {
    challenge: Challenge,
    cnonce: String,
    uses: u32,
}

/// Which credentials a request carries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Carried {
    shown: Vec<Shown>,
    rounds: u8,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Shown {
    door: Door,
    realm: String,
    nonce: String,
    /// The nonce was given in answer to this very request.
    fresh: bool,
}

impl Carried {
    /// Whether there are any.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.shown.is_empty()
    }
}

/// Why a challenge is not answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denial {
    /// The user name or password is wrong.
    Refused {
        /// For this realm.
        realm: String,
    },
    /// The login is for another realm than these.
    OtherRealm {
        /// What was asked for.
        realms: Vec<String>,
    },
    /// There is nothing in it that we can answer.
    NotDigest,
    /// It has been answered often enough.
    Loop,
}

impl Denial {
    /// What is wrong and what helps, for a technician.
    #[must_use]
    pub fn says(&self) -> String {
        match self {
            Self::Refused { realm } => format!(
                "the other side refuses our user name or password for the realm \"{realm}\": \
                 compare `login` with the sheet of the carrier"
            ),
            Self::OtherRealm { realms } => format!(
                "the other side asks for the realm \"{}\", and `login.realm` is another one: \
                 correct it, or remove it to answer whichever is asked for",
                realms.join("\", \"")
            ),
            Self::NotDigest => "the other side asks for credentials in a way that this box does \
                                not know (not Digest with MD5 or SHA-256)"
                .to_owned(),
            Self::Loop => "the other side asks for credentials again and again, and takes none: \
                           ask the carrier"
                .to_owned(),
        }
    }
}

/// What is known of all trunks that have asked. It has as many users as the configuration.
#[derive(Debug, Default)]
pub struct Keyring {
    /// By the user as well: what one is asked, the others of the trunk need not be.
    known: BTreeMap<(TrunkId, String), BTreeMap<(Door, String), Known>>,
}

impl Keyring {
    /// Puts in what the trunk is known to ask for.
    pub fn equip(&mut self, trunk: TrunkId, account: &Account, request: &mut Request) -> Carried {
        let mut carried = Carried::default();
        let Some(known) = self.known.get_mut(&(trunk, account.user.clone())) else {
            return carried;
        };
        for ((door, realm), known) in known {
            if !is_for(account, realm) {
                continue;
            }
            known.show(account, *door, request);
            let (realm, nonce) = (realm.clone(), known.challenge.nonce.clone());
            carried.shown.push(Shown { door: *door, realm, nonce, fresh: false });
        }
        carried
    }

    /// Puts the answer to a 401 or 407 into the request that met it.
    ///
    /// # Errors
    /// When it is not to be sent again.
    pub fn answer(
        &mut self,
        trunk: TrunkId,
        account: &Account,
        (request, before): (&mut Request, &Carried),
        response: &Response,
        entropy: &mut Entropy,
    ) -> Result<Carried, Denial> {
        if before.rounds >= ROUNDS_MAX {
            return Err(Denial::Loop);
        }
        let asked = challenges(&response.headers, key_of(&account.password, account.form));
        if asked.is_empty() {
            return Err(Denial::NotDigest);
        }
        let ours = || asked.iter().filter(|(_, challenge)| is_for(account, &challenge.realm));
        if ours().next().is_none() {
            let realms = asked.into_iter().map(|(_, challenge)| challenge.realm).collect();
            return Err(Denial::OtherRealm { realms });
        }
        if let Some((door, refused)) = ours().find(|(door, it)| before.is_refused(*door, it)) {
            let realm = refused.realm.clone();
            if let Some(known) = self.known.get_mut(&(trunk, account.user.clone())) {
                known.remove(&(*door, realm.clone()));
            }
            return Err(Denial::Refused { realm });
        }
        let news: Vec<(Door, Challenge)> = ours().cloned().collect();
        for door in Door::ALL {
            request.headers.remove(door.answered_in());
        }
        for (door, challenge) in &news {
            self.learn((trunk, &account.user), *door, challenge.clone(), entropy);
        }
        let mut carried = self.equip(trunk, account, request);
        for shown in &mut carried.shown {
            let now = news.iter().any(|(door, it)| *door == shown.door && it.realm == shown.realm);
            shown.fresh = now || before.holds_fresh(shown);
        }
        carried.rounds = before.rounds + 1;
        Ok(carried)
    }

    fn learn(
        &mut self,
        (trunk, user): (TrunkId, &str),
        door: Door,
        challenge: Challenge,
        entropy: &mut Entropy,
    ) {
        let known = self.known.entry((trunk, user.to_owned())).or_default();
        let key = (door, challenge.realm.clone());
        if known.len() >= REALMS_MAX && !known.contains_key(&key) {
            known.pop_first();
        }
        known.insert(key, Known { challenge, cnonce: entropy.token(), uses: 0 });
    }
}

impl Carried {
    /// Whether this challenge says that the password is wrong.
    fn is_refused(&self, door: Door, challenge: &Challenge) -> bool {
        let same = |shown: &&Shown| shown.door == door && shown.realm == challenge.realm;
        self.shown
            .iter()
            .find(same)
            .is_some_and(|shown| shown.nonce == challenge.nonce || shown.fresh && !challenge.stale)
    }

    fn holds_fresh(&self, other: &Shown) -> bool {
        self.shown
            .iter()
            .any(|shown| shown.fresh && shown.door == other.door && shown.realm == other.realm)
    }
}

impl Known {
    /// Adds credentials, with the next count.
    fn show(&mut self, account: &Account, door: Door, request: &mut Request) {
        self.uses = self.uses.saturating_add(1);
        let key = key_of(&account.password, account.form);
        let Challenge { algorithm, realm, .. } = &self.challenge;
        let Some(ha1) = key.ha1(*algorithm, realm, &account.user) else { return };
        let uri = request.uri.as_str();
        let protected = Protected { method: &request.method, uri, body: &request.body };
        let client = self.protection().map(|qop| ClientNonce {
            qop,
            cnonce: self.cnonce.clone(),
            count: NonceCount::new(self.uses),
        });
        let credentials = self.challenge.answer_by(&account.user, &ha1, &protected, client);
        let line = Header::new(door.answered_in(), credentials);
        request.headers.push_line(line);
    }

    /// `auth` where it is offered: a body under `auth-int` does not survive an ALG on the way.
    fn protection(&self) -> Option<Protection> {
        let offered = &self.challenge.qop;
        let best = [Protection::Auth, Protection::AuthInt];
        best.into_iter().find(|qop| offered.contains(qop))
    }
}

fn is_for(account: &Account, realm: &str) -> bool {
    account.realm.as_deref().is_none_or(|only| only == realm)
}

/// A password in its form.
#[must_use]
pub fn key_of(password: &Secret, form: Form) -> Key<'_> {
    match form {
        Form::Text => Key::Password(&password.0),
        Form::Ha1 => Key::Ha1(&password.0),
    }
}

/// The challenges of a response that we can answer: the best of each door and realm.
fn challenges(headers: &Headers, key: Key<'_>) -> Vec<(Door, Challenge)> {
    let mut best: BTreeMap<(Door, String), Challenge> = BTreeMap::new();
    for door in Door::ALL {
        for line in headers.all(door.asks_in()) {
            let Ok(challenge) = Challenge::parse(&line) else { continue };
            if !key.is_for(challenge.algorithm) {
                continue;
            }
            let key = (door, challenge.realm.clone());
            let better = best
                .get(&key)
                .is_none_or(|known| strength(challenge.algorithm) > strength(known.algorithm));
            if better {
                best.insert(key, challenge);
            }
        }
    }
    best.into_iter().map(|((door, _), challenge)| (door, challenge)).take(REALMS_MAX).collect()
}

/// Plain ones before those with a session, which many servers get wrong.
const fn strength(algorithm: Algorithm) -> u8 {
    match algorithm {
        Algorithm::Md5Sess => 0,
        Algorithm::Md5 => 1,
        Algorithm::Sha256Sess => 2,
        Algorithm::Sha256 => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::{Account, Carried, Denial, Form, Keyring, REALMS_MAX, ROUNDS_MAX};
    use holdfast_base::{Entropy, TrunkId};
    use holdfast_config::Secret;
    use holdfast_wire::sip::digest::{Credentials, Login, Protected, ha1};
    use holdfast_wire::sip::{Message, Request, Response};

    const LINE: TrunkId = TrunkId(1);

    fn account(realm: Option<&str>) -> Account {
        Account {
            user: "u".into(),
            password: Secret("secret".into()),
            form: Form::Text,
            realm: realm.map(Into::into),
        }
    }

    fn invite() -> Request {
        let text = "INVITE sip:1@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKa\r\n\
                    From: <sip:a@h>;tag=a\r\nTo: <sip:1@h>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n\r\n";
        match Message::parse(text.as_bytes()) {
            Ok(Message::Request(request)) => request,
            other => panic!("{other:?}"),
        }
    }

    fn refusal(lines: &str) -> Response {
        let text = format!(
            "SIP/2.0 401 No\nVia: SIP/2.0/UDP h;branch=z9hG4bKa\nFrom: <sip:a@h>;tag=a\n\
             To: <sip:1@h>;tag=b\nCall-ID: c\nCSeq: 1 INVITE\n{lines}\n\n"
        );
        match Message::parse(text.replace('\n', "\r\n").as_bytes()) {
            Ok(Message::Response(response)) => response,
            other => panic!("{text} {other:?}"),
        }
    }

    struct Bench {
        ring: Keyring,
        request: Request,
        carried: Carried,
        account: Account,
        entropy: Entropy,
    }

    impl Bench {
        fn new(realm: Option<&str>) -> Self {
            Self {
                ring: Keyring::default(),
                request: invite(),
                carried: Carried::default(),
                account: account(realm),
                entropy: Entropy::new([1; 32]),
            }
        }

        /// A new request, as the trunk is known by now.
        fn begin(&mut self) -> String {
            self.request = invite();
            self.carried = self.ring.equip(LINE, &self.account, &mut self.request);
            self.shown()
        }

        fn refuse(&mut self, lines: &str) -> String {
            let (carried, response) = (self.carried.clone(), refusal(lines));
            let request = (&mut self.request, &carried);
            match self.ring.answer(LINE, &self.account, request, &response, &mut self.entropy) {
                Ok(carried) => {
                    self.carried = carried;
                    self.shown()
                }
                Err(denial) => format!("{denial:?}"),
            }
        }

        /// Every credential of the request, proved right, in a few words.
        fn shown(&self) -> String {
            let mut words = Vec::new();
            for name in ["Authorization", "Proxy-Authorization"] {
                for line in self.request.headers.all(name) {
                    let it = Credentials::parse(&line).expect("ours");
                    let login = Login { username: "u", password: "secret" };
                    let (method, body) = (&self.request.method, &self.request.body);
                    let protected = Protected { method, uri: "sip:1@h", body };
                    assert!(it.verify(&ha1(it.algorithm, &it.realm, &login), &protected));
                    let count = it.client.map_or(0, |client| client.count.uses());
                    let (door, how) = (&name[..1], it.algorithm.as_str());
                    words.push(format!("{door}:{} {how} {} nc {count}", it.realm, it.nonce));
                }
            }
            words.join(", ")
        }
    }

    const MD5: &str = "WWW-Authenticate: Digest realm=\"r\", nonce=\"n1\", qop=\"auth\"";

    #[test]
    fn a_challenge_is_answered_once_and_remembered() {
        let mut bench = Bench::new(None);
        assert_eq!(bench.begin(), "");
        assert_eq!(bench.refuse(MD5), "A:r MD5 n1 nc 1");
        assert_eq!(bench.begin(), "A:r MD5 n1 nc 2");
        assert_eq!(bench.begin(), "A:r MD5 n1 nc 3");
    }

    #[test]
    fn the_strongest_algorithm_is_taken_wherever_it_stands() {
        let mut bench = Bench::new(None);
        let two = format!("{MD5}\n{}", MD5.replace("n1", "n2") + ", algorithm=SHA-256");
        assert_eq!(bench.refuse(&two), "A:r SHA-256 n2 nc 1");
        let unknown = MD5.to_owned() + ", algorithm=SHA-512-256";
        assert_eq!(Bench::new(None).refuse(&format!("{unknown}\n{MD5}")), "A:r MD5 n1 nc 1");
        assert_eq!(Bench::new(None).refuse(&unknown), "NotDigest");
        assert_eq!(Bench::new(None).refuse("WWW-Authenticate: Basic realm=\"r\""), "NotDigest");
    }

    #[test]
    fn a_proxy_and_the_server_are_answered_together() {
        let proxy = "Proxy-Authenticate: Digest realm=\"p\", nonce=\"n2\"";
        let mut bench = Bench::new(None);
        let both = "A:r MD5 n1 nc 1, P:p MD5 n2 nc 0";
        assert_eq!(bench.refuse(&format!("{MD5}\n{proxy}")), both);
        let mut bench = Bench::new(None);
        assert_eq!(bench.refuse(proxy), "P:p MD5 n2 nc 0");
        assert_eq!(bench.refuse(MD5), both);
    }

    #[test]
    fn a_second_refusal_is_the_end() {
        let mut bench = Bench::new(None);
        bench.refuse(MD5);
        let refused = "Refused { realm: \"r\" }";
        assert_eq!(bench.refuse(MD5), refused);
        assert_eq!(bench.begin(), "", "what was refused is not shown again");
        bench.refuse(MD5);
        assert_eq!(bench.refuse(&MD5.replace("n1", "n2")), refused, "Asterisk: a new nonce");
    }

    #[test]
    fn an_old_nonce_is_no_wrong_password() {
        let mut bench = Bench::new(None);
        bench.refuse(MD5);
        let stale = MD5.replace("n1", "n2") + ", stale=true";
        assert_eq!(bench.refuse(&stale), "A:r MD5 n2 nc 1");
        bench.begin();
        let forgotten = MD5.replace("n1", "n3");
        assert_eq!(bench.refuse(&forgotten), "A:r MD5 n3 nc 1", "a server without that courtesy");
        assert_eq!(bench.refuse(&forgotten.replace("n3", "n4")), "Refused { realm: \"r\" }");
    }

    #[test]
    fn who_is_stale_for_ever_is_left() {
        let mut bench = Bench::new(None);
        let stale = |n: u8| MD5.replace("n1", &format!("n{n}")) + ", stale=true";
        for round in 0..ROUNDS_MAX {
            assert!(bench.refuse(&stale(round)).starts_with("A:r"), "{round}");
        }
        assert_eq!(bench.refuse(&stale(ROUNDS_MAX)), "Loop");
    }

    #[test]
    fn a_login_for_one_realm_is_shown_to_no_other() {
        let mut bench = Bench::new(Some("s"));
        assert_eq!(bench.refuse(MD5), "OtherRealm { realms: [\"r\"] }");
        let other = MD5.replace("\"r\"", "\"s\"");
        assert_eq!(bench.refuse(&format!("{MD5}\n{other}")), "A:s MD5 n1 nc 1");
    }

    #[test]
    fn a_trunk_has_only_so_many_realms() {
        let mut bench = Bench::new(None);
        for realm in 0..=REALMS_MAX {
            bench.begin();
            let realm = format!("\"r{realm}\"");
            bench.refuse(&MD5.replace("\"r\"", &realm));
        }
        assert_eq!(bench.begin().split(", ").count(), REALMS_MAX);
    }

    #[test]
    fn every_denial_has_a_remedy_and_no_secret() {
        for denial in [
            Denial::Refused { realm: "r".into() },
            Denial::OtherRealm { realms: vec!["r".into()] },
            Denial::NotDigest,
            Denial::Loop,
        ] {
            assert!(!denial.says().contains("secret"), "{}", denial.says());
        }
    }
}
