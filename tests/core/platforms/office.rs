//! The office of a carrier: it registers a line, asks who calls, and refuses what the rules of the
//! carrier do not allow, by failing the test where the real one answers 403.

use md5::{Digest, Md5};
use sha2::Sha256;

use super::lines::Rules;
use super::text::{body, header, headers, method, start, uri, user_and_host};

/// The box, as the line sees it.
const BOX: [&str; 2] = ["10.0.0.1:5060", "10.0.0.1:5061"];
/// Longer registrations are cut to this, in seconds.
const EXPIRES_MOST: u64 = 3600;

/// What the office knows of the line.
#[derive(Debug)]
pub struct Office {
    pub rules: &'static Rules,
    /// The registered Contact.
    pub contact: Option<String>,
    /// Where calls to the box go on from (RFC 3608).
    pub service_route: String,
    /// Every registration that was granted, in seconds; 0 is a removal.
    pub granted: Vec<u64>,
    /// Call-ID and CSeq of the last REGISTER.
    last: Option<(String, u32)>,
    nonces: u32,
    used: Vec<(String, u32)>,
}

/// The first line of an answer and its header fields.
pub type Answer = (&'static str, Vec<String>);

impl Office {
    pub fn new(rules: &'static Rules, address: &str) -> Self {
        let service_route = format!("<sip:{address};transport={};lr>", rules.transport);
        let service_route = service_route.to_ascii_lowercase();
        let (contact, granted, last) = (None, Vec::new(), None);
        Self { rules, contact, service_route, granted, last, nonces: 0, used: Vec::new() }
    }

    /// What becomes of a request that begins something; none lets it through.
    pub fn asks(&mut self, message: &str) -> Option<Answer> {
        match method(message) {
            "REGISTER" => Some(self.register(message)),
            "INVITE" if !header(message, "To").contains("tag=") => self.invited(message),
            _any_other => None,
        }
    }

    fn register(&mut self, message: &str) -> Answer {
        let rules = self.rules;
        let account = rules.account.as_ref().expect("nobody registers in static mode");
        let domain = rules.domain.expect("a domain");
        assert_eq!(start(message), format!("REGISTER sip:{domain} SIP/2.0"));
        let address = format!("sip:{}@{domain}", account.user);
        for name in ["From", "To"] {
            assert_eq!(uri(header(message, name)), address, "404: {message}");
        }
        let contact = uri(header(message, "Contact")).to_owned();
        let (user, host) = user_and_host(&contact);
        assert!(!user.is_empty() && BOX.contains(&host), "no way back: {message}");
        let transport = format!(";transport={}", rules.transport.to_ascii_lowercase());
        let marked = rules.transport == "UDP" || contact.contains(&transport);
        assert!(marked, "calls would come over UDP: {message}");
        // RFC 3261 §10.2: one Call-ID, and a CSeq that rises.
        let (number, _) = super::text::cseq(message);
        let call_id = header(message, "Call-ID").to_owned();
        if let Some((before, last)) = &self.last {
            assert!(*before == call_id && *last < number, "{message}");
        }
        self.last = Some((call_id, number));
        if !self.knows(message) {
            return ("401 Unauthorized", vec![self.challenge("WWW-Authenticate")]);
        }
        let wanted: u64 = header(message, "Expires").parse().expect("Expires");
        if wanted == 0 {
            (self.contact, self.last) = (None, None);
            self.granted.push(0);
            return ("200 OK", Vec::new());
        }
        if wanted < account.min_expires {
            let least = format!("Min-Expires: {}", account.min_expires);
            return ("423 Interval Too Brief", vec![least]);
        }
        let other = self.contact.as_ref().is_some_and(|known| *known != contact);
        assert!(!other, "one registration for an account: {message}");
        let expires = wanted.min(EXPIRES_MOST);
        self.granted.push(expires);
        let main = format!("P-Associated-URI: <sip:{}0@{domain}>", rules.block);
        let route = format!("Service-Route: {}", self.service_route);
        let line = format!("Contact: <{contact}>;expires={expires}");
        self.contact = Some(contact);
        ("200 OK", vec![line, route, main])
    }

    fn invited(&mut self, message: &str) -> Option<Answer> {
        if self.rules.account.is_some() && !self.knows(message) {
            let challenge = self.challenge("Proxy-Authenticate");
            return Some(("407 Proxy Authentication Required", vec![challenge]));
        }
        self.look_at_numbers(message);
        self.look_at_description(message);
        if self.rules.domain.is_some() {
            assert_eq!(header(message, "Route"), self.service_route, "not our way: {message}");
        }
        let expires = header(message, "Session-Expires").split(';').next().unwrap_or_default();
        let expires: u32 = expires.parse().expect("Session-Expires");
        let least = format!("Min-SE: {}", self.rules.min_se);
        (expires < self.rules.min_se).then(|| ("422 Session Interval Too Small", vec![least]))
    }

    /// Who is called, who calls, and on which line.
    fn look_at_numbers(&self, message: &str) {
        let rules = self.rules;
        let target = start(message).split(' ').nth(1).expect("a URI");
        for called in [target, uri(header(message, "To"))] {
            let (user, host) = user_and_host(called);
            assert!(user.starts_with('+'), "404: {message}");
            assert_eq!(host, rules.domain.unwrap_or(rules.target), "not ours: {message}");
            assert_eq!(called.contains(";user=phone"), rules.user_phone, "{message}");
        }
        let (user, host) = user_and_host(uri(header(message, "From")));
        let withheld = host == "anonymous.invalid";
        let home = |host: &str| host == rules.domain.unwrap_or(BOX[0]);
        assert!(withheld || user.starts_with('+') && home(host), "403, From: {message}");
        let privacy = header(message, "Privacy");
        assert_eq!(privacy.split(';').any(|word| word.trim() == "id"), withheld, "{message}");
        let named = headers(message, rules.named_by);
        assert_eq!(named.len(), 1, "403, which number is to be charged? {message}");
        let (line, host) = user_and_host(uri(named[0]));
        assert!(line.starts_with(rules.block) && home(host), "403, not yours: {message}");
        assert_eq!(named[0].contains(";user=phone"), rules.user_phone, "{message}");
        let both = ["P-Preferred-Identity", "P-Asserted-Identity"];
        let all: usize = both.iter().map(|name| headers(message, name).len()).sum();
        assert_eq!(all, 1, "488, two identities: {message}");
        if !withheld && !user.starts_with(rules.block) {
            let led_on = headers(message, rules.led_on).join(", ");
            assert!(led_on.contains(&format!("sip:{}", rules.block)), "403, a stranger: {message}");
        }
    }

    fn look_at_description(&self, message: &str) {
        let offer = body(message);
        assert_eq!(offer.matches("m=").count(), 1, "488: {message}");
        assert!(offer.contains("PCMA/8000"), "488, no common codec: {message}");
        assert!(offer.contains("telephone-event/8000"), "no keys: {message}");
        assert_eq!(super::text::direction(message), "sendrecv", "{message}");
        // Who signals over TLS encrypts the audio as well.
        let profile = if self.rules.transport == "TLS" { "RTP/SAVP" } else { "RTP/AVP" };
        let audio = offer.lines().find(|line| line.starts_with("m=audio ")).unwrap_or_default();
        assert_eq!(audio.split(' ').nth(2), Some(profile), "488: {message}");
    }

    fn challenge(&mut self, header: &str) -> String {
        self.nonces += 1;
        let rules = self.rules;
        let account = rules.account.as_ref().expect("an account");
        format!(
            "{header}: Digest realm=\"{}\", nonce=\"n{}\", qop=\"auth\", algorithm={}",
            rules.domain.expect("a domain"),
            self.nonces,
            account.algorithm
        )
    }

    /// Whether the credentials are those of the line, and used once (RFC 7616 §3.4).
    fn knows(&mut self, message: &str) -> bool {
        let account = self.rules.account.as_ref().expect("an account");
        let all = ["Authorization", "Proxy-Authorization"];
        let Some(said) = all.iter().flat_map(|name| headers(message, name)).next() else {
            return false;
        };
        let value = |name: &str| {
            let mut all = said.strip_prefix("Digest ").unwrap_or_default().split(", ");
            let found = all.find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
            found.unwrap_or_default().trim_matches('"').to_owned()
        };
        let (nonce, nc) = (value("nonce"), value("nc"));
        let count = u32::from_str_radix(&nc, 16).unwrap_or_default();
        let stale = self.used.iter().any(|(known, used)| *known == nonce && *used >= count);
        let wanted = value("uri");
        assert_eq!(start(message).split(' ').nth(1), Some(&*wanted), "RFC 7616 §3.4: {message}");
        let hash = |text: String| hashed(account.algorithm, &text);
        let realm = self.rules.domain.expect("a domain");
        let ha1 = hash(format!("{}:{realm}:{}", account.login, account.password));
        let ha2 = hash(format!("{}:{wanted}", method(message)));
        let proof = hash(format!("{ha1}:{nonce}:{nc}:{}:auth:{ha2}", value("cnonce")));
        let fine = !stale && value("username") == account.login && value("response") == proof;
        if fine {
            self.used.push((nonce, count));
        }
        fine
    }
}

fn hashed(algorithm: &str, text: &str) -> String {
    let bytes: Vec<u8> = match algorithm {
        "MD5" => Md5::digest(text).to_vec(),
        _stronger => Sha256::digest(text).to_vec(),
    };
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
