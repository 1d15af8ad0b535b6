//! A phone of a central PBX that registers there through this box: what the box has learned of it
//! in passing, and who speaks for the PBX now.
//!
//! ```text
//!              200 of the PBX             the PBX is gone, the password is right
//!   Untried ───────────────────> Through <───────────────────────────> Taken
//!      │                            │        200 of the PBX              ▲
//!      │      403, 404 of the PBX to the right password                  │
//!      └──────────> Refused <───────┘     Untried ───────────────────────┘
//! ```
//!
//! Whom the PBX has refused although its password was right is not taken over when the PBX is gone:
//! somebody has taken the extension away. It refuses to know messages that are under way, health
//! and passwords.

use holdfast_base::limits::BINDINGS_PER_ACCOUNT_MAX;
use holdfast_base::{Entropy, Mono, Wall};
use holdfast_wire::sip::digest::{Challenge, Credentials};
use holdfast_wire::sip::{NameAddr, Request, Response, Uri};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::time::Duration;

use super::as_text;

/// How long the box speaks for a PBX that has left a REGISTER in the lurch although it is not known
/// to be gone: long enough that the phone can answer the challenge of the box.
const ALONE_FOR: Duration = Duration::from_secs(30);
/// Longest realm that is remembered, in characters.
const REALM_CHARS_MAX: usize = 128;
/// Longest summary of a mailbox, in bytes: counts of a few classes of messages.
const SUMMARY_BYTES_MAX: usize = 1024;
/// Most nonces that are remembered: those of a few phones that register at the same time.
const NONCES_MAX: usize = 2 * BINDINGS_PER_ACCOUNT_MAX;
/// Longest nonce that is remembered, in bytes.
const NONCE_BYTES_MAX: usize = 256;
/// Longest way from the PBX that is remembered (RFC 3608).
const ROUTES_MAX: usize = 4;

/// What is known of the phones of one account.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Extension {
    standing: Standing,
    /// Newest last.
    aliases: Vec<Alias>,
    realm: Option<String>,
    proof: Proof,
    #[serde(with = "as_text::addresses")]
    service_route: Vec<NameAddr>,
    /// What the PBX said of its mailbox last.
    #[serde(default)]
    summary: Option<Summary>,
    #[serde(skip)]
    alone_until: Option<Mono>,
}

/// Whether messages wait in a mailbox, in the words of RFC 3842 §5.2.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Summary(String);

impl Summary {
    /// Nothing waits.
    pub const NOTHING: &'static str = "Messages-Waiting: no\r\n";

    /// Reads the body of a NOTIFY: its first line says whether something waits.
    #[must_use]
    pub fn read(body: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(body).ok().filter(|text| text.len() <= SUMMARY_BYTES_MAX)?;
        let (name, value) = text.lines().next()?.split_once(':')?;
        let waits = ["yes", "no"].iter().any(|word| value.trim().eq_ignore_ascii_case(word));
        let named = name.trim().eq_ignore_ascii_case("Messages-Waiting");
        (named && waits).then(|| Self(text.to_owned()))
    }

    /// As it was said.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }
}

/// The nonces that the PBX has given to the phones of one account through the box. They are not
/// kept over a restart: the PBX is asked for another one then.
#[derive(Debug, Default)]
pub struct Given(VecDeque<String>);

impl Given {
    /// Notes those of a challenge.
    pub fn note(&mut self, response: &Response) {
        for challenge in challenges(response) {
            let nonce = challenge.nonce;
            if nonce.len() <= NONCE_BYTES_MAX && !self.0.contains(&nonce) {
                self.0.push_back(nonce);
            }
        }
        let over = self.0.len().saturating_sub(NONCES_MAX);
        self.0.drain(..over);
    }

    /// Whether the request answers one of them for this user. Whether the answer is right, the PBX
    /// alone knows.
    #[must_use]
    pub fn is_answered_by(&self, request: &Request, user: &str) -> bool {
        let lines = ["Authorization", "Proxy-Authorization"];
        let mut all = lines.iter().flat_map(|name| request.headers.all(name));
        all.any(|line| {
            Credentials::parse(&line)
                .is_ok_and(|shown| shown.username == user && self.0.contains(&shown.nonce))
        })
    }
}

fn challenges(response: &Response) -> impl Iterator<Item = Challenge> {
    let lines = ["WWW-Authenticate", "Proxy-Authenticate"];
    let all = lines.into_iter().flat_map(|name| response.headers.all(name));
    all.filter_map(|line| Challenge::parse(&line).ok())
}

/// Who speaks for the PBX.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Nobody yet.
    #[default]
    Untried,
    /// The PBX itself, which has accepted the phone.
    Through {
        /// When that began.
        since: Wall,
    },
    /// This box.
    Taken {
        /// When that began.
        since: Wall,
    },
    /// The PBX itself, which does not want the phone.
    Refused {
        /// When it said so.
        since: Wall,
    },
}

/// What has been seen of the password that the box knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// Nothing.
    #[default]
    Untested,
    /// The PBX has accepted the phone by it.
    Right,
    /// The PBX has accepted the phone by another one: the box could not stand in.
    Wrong,
}

/// Who changed hands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// The box has taken the phone over.
    TakenOver,
    /// The phone is with its PBX again.
    LedBack,
}

/// The name by which the PBX calls one phone: nobody can guess it, so whoever uses it has been told
/// by the PBX.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Alias {
    user: String,
    #[serde(with = "as_text::uri")]
    contact: Uri,
    instance: Option<String>,
}

impl Alias {
    /// Whether it is the phone of this Contact: by its device where it names one, since it may have
    /// got another address, else by the address.
    fn is_of(&self, contact: &NameAddr) -> bool {
        let instance = contact.params.value("+sip.instance");
        self.contact.same_as(&contact.uri)
            || instance.is_some() && self.instance.as_deref() == instance.as_deref()
    }
}

impl Extension {
    /// The user of the Contact that the PBX is told for this Contact of a phone: the one that it
    /// knows already, or a new one, which counts once the PBX has accepted it.
    #[must_use]
    pub fn alias_for(&self, contact: &NameAddr, entropy: &mut Entropy) -> String {
        let known = self.aliases.iter().find(|alias| alias.is_of(contact));
        known.map_or_else(|| entropy.token(), |alias| alias.user.clone())
    }

    /// The PBX knows the Contact of a phone by this user. Returns those that count no more: other
    /// ones of this phone, and the one that was not heard of for the longest time, when there are
    /// too many.
    #[must_use]
    pub fn is_named(&mut self, contact: &NameAddr, user: String) -> Vec<String> {
        let own = self.aliases.extract_if(.., |alias| alias.is_of(contact) || alias.user == user);
        let mut dropped: Vec<String> = own.map(|alias| alias.user).collect();
        if self.aliases.len() >= BINDINGS_PER_ACCOUNT_MAX {
            dropped.push(self.aliases.remove(0).user);
        }
        dropped.retain(|old| *old != user);
        let instance = contact.params.value("+sip.instance").map(std::borrow::Cow::into_owned);
        self.aliases.push(Alias { user, contact: contact.uri.clone(), instance });
        dropped
    }

    /// The names by which the PBX calls its phones.
    pub fn aliases(&self) -> impl Iterator<Item = &str> {
        self.aliases.iter().map(|alias| alias.user.as_str())
    }

    /// The Contact of the phone that the PBX calls by this name.
    #[must_use]
    pub fn called(&self, user: &str) -> Option<&Uri> {
        self.aliases.iter().find(|alias| alias.user == user).map(|alias| &alias.contact)
    }

    /// The PBX asks for the password.
    pub fn asked(&mut self, response: &Response) {
        let realm = challenges(response).map(|asked| asked.realm);
        let short = |realm: &String| realm.chars().count() <= REALM_CHARS_MAX;
        if let Some(realm) = realm.filter(short).last() {
            self.realm = Some(realm);
        }
    }

    /// The PBX has accepted the phone. `right` says whether by the password that the box knows;
    /// none when it asked for no password.
    pub fn accepted(
        &mut self,
        now: Wall,
        response: &Response,
        right: Option<bool>,
    ) -> Option<News> {
        self.service_route = response.headers.routes("Service-Route").unwrap_or_default();
        self.service_route.truncate(ROUTES_MAX);
        self.proof = match right {
            Some(true) => Proof::Right,
            Some(false) => Proof::Wrong,
            None => self.proof,
        };
        self.alone_until = None;
        let before = self.standing;
        match before {
            Standing::Through { .. } => None,
            Standing::Untried | Standing::Taken { .. } | Standing::Refused { .. } => {
                self.standing = Standing::Through { since: now };
                matches!(before, Standing::Taken { .. }).then_some(News::LedBack)
            }
        }
    }

    /// The PBX does not want the phone, although its password was right.
    pub const fn refused(&mut self, now: Wall) {
        self.standing = Standing::Refused { since: now };
    }

    /// The PBX has left the phone in the lurch: for a while it is not asked for it.
    pub fn left_alone(&mut self, now: Mono) {
        self.alone_until = Some(now + ALONE_FOR);
    }

    /// Whether the PBX is not asked now.
    #[must_use]
    pub fn is_alone(&self, now: Mono) -> bool {
        self.alone_until.is_some_and(|until| now < until)
    }

    /// The box has registered the phone itself.
    pub const fn taken(&mut self, now: Wall) -> Option<News> {
        match self.standing {
            Standing::Taken { .. } => None,
            Standing::Untried | Standing::Through { .. } | Standing::Refused { .. } => {
                self.standing = Standing::Taken { since: now };
                Some(News::TakenOver)
            }
        }
    }

    /// Who speaks for the PBX.
    #[must_use]
    pub const fn standing(&self) -> Standing {
        self.standing
    }

    /// Whether the password here is known to be the one of the PBX.
    #[must_use]
    pub const fn proof(&self) -> Proof {
        self.proof
    }

    /// The realm that the PBX asks for.
    #[must_use]
    pub fn realm(&self) -> Option<&str> {
        self.realm.as_deref()
    }

    /// What the PBX said of its mailbox last.
    #[must_use]
    pub const fn summary(&self) -> Option<&Summary> {
        self.summary.as_ref()
    }

    /// The PBX says something of its mailbox.
    pub fn told(&mut self, summary: Summary) {
        self.summary = Some(summary);
    }

    /// The way of requests to the PBX for this phone (RFC 3608).
    #[must_use]
    pub fn service_route(&self) -> &[NameAddr] {
        &self.service_route
    }
}

#[cfg(test)]
mod tests {
    use super::{
        BINDINGS_PER_ACCOUNT_MAX, Extension, Given, NONCE_BYTES_MAX, NONCES_MAX, News, Proof,
        Standing, Summary,
    };
    use holdfast_base::{Entropy, Mono, Wall};
    use holdfast_wire::sip::{Message, NameAddr, Response};
    use std::time::Duration;

    fn response(status: &str, lines: &str) -> Response {
        let text = format!(
            "SIP/2.0 {status}\nVia: SIP/2.0/UDP h;branch=z9hG4bKa\nFrom: <sip:a@h>;tag=a\n\
             To: <sip:a@h>;tag=b\nCall-ID: c\nCSeq: 1 REGISTER\n{lines}\n\n"
        );
        match Message::parse(text.replace("\n\n\n", "\n\n").replace('\n', "\r\n").as_bytes()) {
            Ok(Message::Response(response)) => response,
            other => panic!("{text} {other:?}"),
        }
    }

    fn contact(text: &str) -> NameAddr {
        NameAddr::parse(text).unwrap()
    }

    #[test]
    fn a_phone_goes_through_is_taken_over_and_led_back() {
        let mut phone = Extension::default();
        let at = Wall::from_micros;
        let fine = response("200 OK", "Service-Route: <sip:edge.pbx;lr>");
        assert_eq!(phone.accepted(at(1), &fine, None), None);
        assert_eq!(
            (phone.standing(), phone.proof()),
            (Standing::Through { since: at(1) }, Proof::Untested)
        );
        assert_eq!(phone.service_route().len(), 1);
        assert_eq!(phone.taken(at(2)), Some(News::TakenOver));
        assert_eq!(phone.taken(at(3)), None);
        assert_eq!(phone.standing(), Standing::Taken { since: at(2) });
        assert_eq!(phone.accepted(at(4), &fine, Some(true)), Some(News::LedBack));
        assert_eq!(phone.accepted(at(5), &fine, None), None);
        assert_eq!(
            (phone.standing(), phone.proof()),
            (Standing::Through { since: at(4) }, Proof::Right)
        );
        phone.refused(at(6));
        assert_eq!(phone.standing(), Standing::Refused { since: at(6) });
        assert_eq!(phone.accepted(at(7), &fine, Some(false)), None);
        assert_eq!(phone.proof(), Proof::Wrong);
    }

    #[test]
    fn a_summary_says_whether_something_waits() {
        let text = "Messages-Waiting: yes\r\nVoice-Message: 2/8 (0/2)\r\n";
        assert_eq!(
            Summary::read(text.as_bytes()).map(|it| it.text().to_owned()).as_deref(),
            Some(text)
        );
        assert!(Summary::read(Summary::NOTHING.as_bytes()).is_some());
        for bad in ["", "Voice-Message: 2/8", "Messages-Waiting: 2", "\u{0}"] {
            assert_eq!(Summary::read(bad.as_bytes()), None, "{bad}");
        }
        let long = format!("Messages-Waiting: yes\r\n{}", "X: y\r\n".repeat(500));
        assert_eq!(Summary::read(long.as_bytes()), None);
    }

    #[test]
    fn the_realm_is_learned_and_a_lurch_is_short() {
        let mut phone = Extension::default();
        phone.asked(&response("401 No", "WWW-Authenticate: Digest realm=\"pbx\", nonce=\"n\""));
        assert_eq!(phone.realm(), Some("pbx"));
        phone.asked(&response("401 No", "WWW-Authenticate: Basic realm=\"other\""));
        let long = "x".repeat(200);
        let line = format!("WWW-Authenticate: Digest realm=\"{long}\", nonce=\"n\"");
        phone.asked(&response("401 No", &line));
        assert_eq!(phone.realm(), Some("pbx"));
        let now = Mono::from_micros(7);
        assert!(!phone.is_alone(now));
        phone.left_alone(now);
        assert!(phone.is_alone(now + Duration::from_secs(29)));
        assert!(!phone.is_alone(now + Duration::from_secs(30)));
    }

    #[test]
    fn each_phone_keeps_its_name_and_only_the_last_ones_have_one() {
        let mut phone = Extension::default();
        let mut entropy = Entropy::new([7; 32]);
        let mut alias = |text: &str| {
            let user = phone.alias_for(&contact(text), &mut entropy);
            let dropped = phone.is_named(&contact(text), user.clone());
            assert!(dropped.iter().all(|old| phone.called(old).is_none()));
            user
        };
        let first = alias("<sip:a@10.0.0.1>");
        let second = alias("<sip:a@10.0.0.2>;+sip.instance=\"<urn:uuid:1>\"");
        assert_ne!(first, second);
        assert_eq!(alias("<sip:a@10.0.0.1>"), first);
        assert_eq!(alias("<sip:a@10.0.0.9>;+sip.instance=\"<urn:uuid:1>\""), second, "rebooted");
        for host in 20..40 {
            alias(&format!("<sip:a@10.0.0.{host}>"));
        }
        assert_eq!(phone.called(&first), None, "forgotten");
        let kept = serde_json::to_string(&phone).unwrap();
        assert_eq!(serde_json::from_str::<Extension>(&kept).unwrap(), phone);
    }

    #[test]
    fn all_names_that_count_no_more_are_told() {
        let mut phone = Extension::default();
        let named = |phone: &mut Extension, text: &str, user: &str| {
            phone.is_named(&contact(text), user.to_owned())
        };
        let none: Vec<String> = Vec::new();
        assert_eq!(named(&mut phone, "<sip:a@10.0.0.1>", "one"), none);
        let with = "<sip:a@10.0.0.2>;+sip.instance=\"<urn:uuid:1>\"";
        assert_eq!(named(&mut phone, with, "two"), none);
        assert_eq!(named(&mut phone, with, "two"), none, "still called so");
        let both = "<sip:a@10.0.0.1>;+sip.instance=\"<urn:uuid:1>\"";
        assert_eq!(named(&mut phone, both, "one"), ["two"]);
        assert_eq!(named(&mut phone, both, "three"), ["one"]);
        for host in 0..BINDINGS_PER_ACCOUNT_MAX {
            let dropped = named(&mut phone, &format!("<sip:a@10.0.1.{host}>"), &format!("n{host}"));
            assert_eq!(dropped.len(), usize::from(host + 1 == BINDINGS_PER_ACCOUNT_MAX));
        }
    }

    #[test]
    fn only_an_answer_to_a_nonce_of_the_pbx_was_asked_for() {
        let mut given = Given::default();
        let asks = |nonce: &str| {
            let line = format!("WWW-Authenticate: Digest realm=\"pbx\", nonce=\"{nonce}\"");
            response("401 No", &line)
        };
        let answers = |given: &Given, credentials: &str| {
            let text = format!(
                "REGISTER sip:pbx SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKa\r\n\
                 From: <sip:a@h>;tag=a\r\nTo: <sip:a@h>\r\nCall-ID: c\r\n\
                 CSeq: 1 REGISTER\r\nAuthorization: {credentials}\r\n\r\n"
            );
            match Message::parse(text.as_bytes()) {
                Ok(Message::Request(request)) => given.is_answered_by(&request, "2001"),
                other => panic!("{text} {other:?}"),
            }
        };
        let shown = |user: &str, nonce: &str| {
            format!(
                "Digest username=\"{user}\", realm=\"pbx\", nonce=\"{nonce}\", uri=\"sip:pbx\", \
                 response=\"00000000000000000000000000000000\""
            )
        };
        assert!(!answers(&given, &shown("2001", "n")));
        given.note(&asks("n"));
        assert!(answers(&given, &shown("2001", "n")));
        assert!(!answers(&given, &shown("2002", "n")));
        assert!(!answers(&given, &shown("2001", "m")));
        assert!(!answers(&given, "Basic MjAwMTp4"));
        (0..NONCES_MAX).for_each(|serial| given.note(&asks(&serial.to_string())));
        assert!(!answers(&given, &shown("2001", "n")), "forgotten");
        given.note(&asks(&"x".repeat(NONCE_BYTES_MAX + 1)));
        assert!(answers(&given, &shown("2001", "0")));
    }
}
