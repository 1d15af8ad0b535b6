//! Who calls, and who may know it: the caller's number from From or P-Asserted-Identity, withheld
//! or not (CLIR), and how each trunk is told.
//!
//! Whoever answers here never sees a withheld number, and no record keeps that of a stranger. A
//! trunk that belongs to the trust domain (RFC 3325 §3) is told all the same, with `Privacy: id`.

use holdfast_base::TrunkName;
use holdfast_config::{Account, Config, NamedBy, Trunk};
use holdfast_wire::sip::{Headers, Host, NameAddr, Uri};
use serde::{Deserialize, Serialize};

use super::line;
use super::numbering::Number;
use crate::call::origin::Origin;
use crate::call::words;
use crate::dialect::Behaviour;
use crate::record::event::Subject;
use crate::sip::flow::Flow;
use crate::sip::transaction::SentBy;

/// What stands for a caller who is not named.
pub const ANONYMOUS: &str = "anonymous";
/// The host of such a caller, RFC 3323 §4.1.1.3.
const ANONYMOUS_HOST: &str = "anonymous.invalid";

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caller {
    number: Number,
    /// By which a phone of ours is known outside.
    outside: Option<Number>,
    display: Option<String>,
    withheld: bool,
    /// Whether it is a phone of ours, whose name the own records and routes know in any case.
    ours: bool,
    /// Its central PBX, which knows it by its name.
    #[serde(default)]
    pbx: Option<TrunkName>,
}

impl Default for Caller {
    /// A caller who can not be named.
    fn default() -> Self {
        let number = Number::plain(ANONYMOUS);
        Self { number, outside: None, display: None, withheld: true, ours: false, pbx: None }
    }
}

/// How the other side of a trunk is shown the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// By this number.
    Number(String),
    /// As nobody; the network alone is told this number.
    Asserted(String),
    /// As nobody.
    Nobody,
}

/// A header that says who calls.
pub type Said = (&'static str, String);

impl Caller {
    /// Reads who calls from a first INVITE.
    #[must_use]
    pub fn of(config: &Config, origin: &Origin, headers: &Headers, from: &NameAddr) -> Self {
        let user = |uri: &Uri| {
            let user = uri.user_decoded().map(std::borrow::Cow::into_owned);
            user.or_else(|| uri.opaque().map(str::to_owned))
        };
        let hidden = is_anonymous(from);
        let trusted = match origin {
            Origin::Trunk(name) => config.trunk(name).is_some_and(|trunk| trunk.trusted),
            Origin::Account(_) | Origin::Guest => false,
        };
        let remote_party = remote_party(headers).filter(|_| trusted);
        let secret = remote_party.as_ref().is_some_and(|(_, secret)| *secret);
        let withheld = hidden || secret || wants_privacy(headers);
        let asserted = || {
            let all = headers.routes("P-Asserted-Identity").unwrap_or_default();
            let asserted = all.iter().find_map(|identity| user(&identity.uri));
            asserted.or_else(|| user(&remote_party.as_ref()?.0.uri))
        };
        let account = account(config, origin);
        let named = match account {
            Some(account) if hidden => Some(account.name.to_string()),
            None if hidden && trusted => asserted(),
            Some(_) | None => user(&from.uri),
        };
        let display = account.map(|account| account.display.clone());
        let display = display.filter(|display| !display.is_empty());
        let named = named.unwrap_or_else(|| ANONYMOUS.to_owned());
        let display = display.or_else(|| from.display.clone());
        Self { display, withheld, ..Self::named(config, origin, &named) }
    }

    /// A caller with nothing but a number or name.
    #[must_use]
    pub fn named(config: &Config, origin: &Origin, named: &str) -> Self {
        let number = Number::read(origin.dial_plan(config), named);
        let account = account(config, origin);
        let outside = account.and_then(|account| account.number.as_deref());
        let outside = outside.map(|number| Number::read(&config.dial_plan, number));
        let pbx = account.and_then(|account| account.pbx.clone());
        Self { number, outside, display: None, withheld: false, ours: account.is_some(), pbx }
    }

    /// A party of a call that goes on: one that was called, or that has another one brought on.
    #[must_use]
    pub fn party(config: &Config, origin: &Origin, named: &str) -> Self {
        let display = account(config, origin).map(|account| account.display.clone());
        let display = display.filter(|display| !display.is_empty());
        Self { display, ..Self::named(config, origin, named) }
    }

    /// The number, as far as routes may know it.
    #[must_use]
    pub fn shown(&self) -> Number {
        let secret = self.withheld && !self.ours;
        if secret { Number::plain(ANONYMOUS) } else { self.number.clone() }
    }

    /// As records may know the caller.
    #[must_use]
    pub fn subject(&self) -> Subject {
        Subject(self.shown().known_as().to_owned())
    }

    /// As parties here are told, from an address of this box.
    #[must_use]
    pub fn named_at(&self, ours: &Uri) -> NameAddr {
        if self.withheld {
            return nobody();
        }
        let uri = match ours.host() {
            Some(host) => Uri::sip(Some(self.number.known_as()), host.clone(), ours.port()),
            None => ours.clone(),
        };
        let name = NameAddr::new(uri);
        match &self.display {
            Some(display) => name.with_display(display),
            None => name,
        }
    }

    /// As the side on the way of a new leg is told: From, and what else says who calls. `from` is
    /// how the call names the caller to everybody.
    #[must_use]
    pub fn towards(
        &self,
        config: &Config,
        trunk: Option<&TrunkName>,
        flow: &Flow,
        from: &NameAddr,
    ) -> (NameAddr, Vec<Said>) {
        let Some(trunk) = trunk.and_then(|name| config.trunk(name)) else {
            return (words::at_our_name(config, flow, from), Vec::new());
        };
        // RFC 3325 §7: `id` keeps the identity within the trust domain.
        let privacy = ("Privacy", "id".to_owned());
        let asserted = |user: &str| {
            let address = NameAddr::new(match self.domain_at(trunk) {
                Some(domain) => Uri::sip(Some(user), domain, None),
                None => words::number_of_ours(config, flow, trunk, user),
            });
            ("P-Asserted-Identity", address.to_string())
        };
        let of_line = self.of_line(trunk).map(|(named_by, user)| {
            let address = NameAddr::new(words::number_of_ours(config, flow, trunk, &user));
            (named_by.header(), address.to_string())
        });
        match self.shown_to(trunk) {
            Shown::Number(user) => {
                let NameAddr { display, uri: _, params } = from.clone();
                let letters = Behaviour::of(trunk).display;
                let display = display.map(|display| letters.shown(&display));
                let SentBy { host, port, .. } = words::sent_by(config, flow);
                let ours = Uri::sip(Some(&user), host, Some(port));
                let named = NameAddr { display, uri: ours, params };
                let named = match self.domain_at(trunk) {
                    Some(domain) => {
                        NameAddr { uri: named.uri.clone().with_host(domain, None), ..named }
                    }
                    None => words::at_our_name(config, flow, &named),
                };
                (named, of_line.into_iter().collect())
            }
            Shown::Asserted(user) => {
                (nobody(), vec![privacy, of_line.unwrap_or_else(|| asserted(&user))])
            }
            Shown::Nobody => (nobody(), [privacy].into_iter().chain(of_line).collect()),
        }
    }

    /// Where the carrier looks for a number of its line, and the one that a call of this caller
    /// belongs to. Who else calls, withheld or not, is no number that it charges.
    #[must_use]
    pub fn of_line(&self, trunk: &Trunk) -> Option<(NamedBy, String)> {
        let number = self.outside.as_ref().unwrap_or(&self.number);
        let standing = line::standing_for(trunk, number)?.for_side(&trunk.dial_plan);
        Some((trunk.line.as_ref()?.named_by, standing))
    }

    /// The domain in which a phone of a central PBX is known there.
    fn domain_at(&self, trunk: &Trunk) -> Option<Host> {
        let domain = trunk.phones.domain.as_deref().filter(|_| self.is_extension_of(trunk))?;
        Host::parse(domain).ok()
    }

    /// Whether the other side is the central PBX of this phone.
    fn is_extension_of(&self, trunk: &Trunk) -> bool {
        self.pbx.as_ref() == Some(&trunk.name)
    }

    /// How the other side of this trunk is shown the caller.
    #[must_use]
    pub fn shown_to(&self, trunk: &Trunk) -> Shown {
        let outside = self.outside.as_ref().unwrap_or(&self.number);
        let number = if self.is_extension_of(trunk) {
            self.number.written().to_owned()
        } else {
            outside.for_side(&trunk.dial_plan)
        };
        if !Behaviour::of(trunk).numbers.take(&number) {
            return Shown::Nobody;
        }
        if !self.withheld && !trunk.withhold_caller {
            Shown::Number(number)
        } else if trunk.trusted && self.number.written() != ANONYMOUS {
            Shown::Asserted(number)
        } else {
            Shown::Nobody
        }
    }
}

fn account<'c>(config: &'c Config, origin: &Origin) -> Option<&'c Account> {
    match origin {
        Origin::Account(name) => config.accounts.iter().find(|known| known.name == *name),
        Origin::Trunk(_) | Origin::Guest => None,
    }
}

/// A caller who is not named: RFC 3323 §4.1.1.3.
fn nobody() -> NameAddr {
    words::nobody().with_display("Anonymous")
}

/// Whether this address names nobody, by its host (RFC 3323 §4.1.1.3) or, as old devices have it,
/// by its user alone.
#[must_use]
pub fn is_anonymous(name: &NameAddr) -> bool {
    let host = match name.uri.host() {
        Some(Host::Name(host)) => host.eq_ignore_ascii_case(ANONYMOUS_HOST),
        Some(Host::V4(_) | Host::V6(_)) | None => false,
    };
    let user = name.uri.user_decoded();
    host || user.is_some_and(|user| user.eq_ignore_ascii_case(ANONYMOUS))
}

/// The caller as Remote-Party-ID names it, the way of older PBXs before RFC 3325
/// (draft-ietf-sip-privacy-04 §4.1), and whether it is not to be shown.
fn remote_party(headers: &Headers) -> Option<(NameAddr, bool)> {
    let all = headers.routes("Remote-Party-ID").ok()?;
    let calls = |named: &NameAddr| {
        let party = named.params.value("party");
        party.is_none_or(|party| party.eq_ignore_ascii_case("calling"))
    };
    let named = all.into_iter().find(calls)?;
    let privacy = named.params.value("privacy").map(|value| value.to_ascii_lowercase());
    let secret = matches!(privacy.as_deref(), Some("full" | "uri"));
    Some((named, secret))
}

/// Whether the caller asks not to be named: `id` (RFC 3325 §9.3) or `user` (RFC 3323 §4.2). The
/// other values ask for nothing that a back-to-back user agent would give away.
fn wants_privacy(headers: &Headers) -> bool {
    let values = headers.all("Privacy").flat_map(|line| {
        line.split([';', ',']).map(|value| value.trim().to_ascii_lowercase()).collect::<Vec<_>>()
    });
    values.into_iter().any(|value| value == "id" || value == "user")
}

#[cfg(test)]
mod tests {
    use super::Caller;
    use crate::call::origin::Origin;
    use crate::sip::flow::{Flow, Transport};
    use holdfast_base::{EndpointName, TrunkName};
    use holdfast_config::Config;
    use holdfast_wire::sip::{Headers, NameAddr, Uri};

    fn config() -> Config {
        let text = "
[dial_plan]
country = '49'
area = '30'
[[account]]
name = 'anna'
display = 'Anna Adler'
number = '03012345610'
[[trunk]]
name = 'carrier'
networks = ['192.0.2.0/24']
dial_plan = { sends = 'national' }
[[trunk]]
name = 'stranger'
networks = ['198.51.100.0/24']
trusted = false
dial_plan = { sends = 'e164' }
[[trunk]]
name = 'shy'
networks = ['203.0.113.0/24']
withhold_caller = true
";
        holdfast_config::read(text, "f").unwrap().0
    }

    fn headers(lines: &[(&str, &str)]) -> Headers {
        let mut headers = Headers::new();
        lines.iter().for_each(|(name, value)| headers.push(name, value));
        headers
    }

    /// How the caller is known here, and what each trunk is told.
    fn told(origin: &Origin, from: &str, lines: &[(&str, &str)]) -> String {
        let config = config();
        let from = NameAddr::parse(from).unwrap();
        let caller = Caller::of(&config, origin, &headers(lines), &from);
        let here = caller.named_at(&Uri::parse("sip:holdfast@10.0.0.1:5060").unwrap());
        let mut told = format!("{}: {here}\n", caller.subject().0);
        let flow = Flow {
            transport: Transport::Udp,
            local: "10.0.0.1:5060".parse().unwrap(),
            remote: "192.0.2.1:5060".parse().unwrap(),
            connection: None,
            trunk: None,
        };
        for trunk in ["carrier", "stranger", "shy"] {
            let name = TrunkName::new(trunk);
            let (from, said) = caller.towards(&config, Some(&name), &flow, &here);
            told += &format!("{trunk} {from}");
            for (name, value) in said {
                told += &format!(" | {name}: {value}");
            }
            told += "\n";
        }
        told
    }

    fn trunk(name: &str) -> Origin {
        Origin::Trunk(TrunkName::new(name))
    }

    #[test]
    fn a_number_is_shown_to_each_in_its_form() {
        assert_eq!(
            told(&trunk("carrier"), "\"Bo\" <sip:01715550123@carrier.example>", &[]),
            "+491715550123: \"Bo\" <sip:+491715550123@10.0.0.1:5060>
carrier \"Bo\" <sip:01715550123@10.0.0.1:5060>
stranger \"Bo\" <sip:+491715550123@10.0.0.1:5060>
shy \"Anonymous\" <sip:anonymous@anonymous.invalid> | Privacy: id | P-Asserted-Identity: \
             <sip:01715550123@10.0.0.1:5060>
"
        );
    }

    #[test]
    fn a_withheld_number_is_for_the_trusted_only() {
        let from = "\"Anonymous\" <sip:anonymous@anonymous.invalid>";
        let asserted = ("P-Asserted-Identity", "<sip:01715550123@carrier.example>");
        let withheld = told(&trunk("carrier"), from, &[("Privacy", "id"), asserted]);
        assert_eq!(
            withheld,
            "anonymous: \"Anonymous\" <sip:anonymous@anonymous.invalid>
carrier \"Anonymous\" <sip:anonymous@anonymous.invalid> | Privacy: id | P-Asserted-Identity: \
             <sip:01715550123@10.0.0.1:5060>
stranger \"Anonymous\" <sip:anonymous@anonymous.invalid> | Privacy: id
shy \"Anonymous\" <sip:anonymous@anonymous.invalid> | Privacy: id | P-Asserted-Identity: \
             <sip:01715550123@10.0.0.1:5060>
"
        );
        // A From that names the caller is hidden as well, when that is asked for.
        let named = "<sip:01715550123@carrier.example>";
        for privacy in ["id", "header;user", "critical; ID", "user, critical"] {
            assert_eq!(told(&trunk("carrier"), named, &[("Privacy", privacy)]), withheld);
        }
        let open = told(&trunk("carrier"), named, &[]);
        for privacy in ["none", "header", "session", ""] {
            assert_eq!(told(&trunk("carrier"), named, &[("Privacy", privacy)]), open);
        }
        // An older PBX says both in one line.
        let remote = "<sip:01715550123@pbx>;party=calling;screen=yes;privacy=";
        for (from, privacy, told_as) in
            [(from, "full", &withheld), (named, "full", &withheld), (named, "off", &open)]
        {
            let line = format!("{remote}{privacy}");
            assert_eq!(&told(&trunk("carrier"), from, &[("Remote-Party-ID", &line)]), told_as);
        }
        // Who is not trusted is not believed either.
        let unknown = told(&trunk("stranger"), from, &[asserted]);
        assert!(!unknown.contains("P-Asserted-Identity"), "{unknown}");
    }

    #[test]
    fn a_phone_is_what_its_password_says() {
        let anna = Origin::Account(EndpointName::new("anna"));
        assert_eq!(
            told(&anna, "\"Boss\" <sip:anna@box>", &[("P-Asserted-Identity", "<sip:1@x>")]),
            "anna: \"Anna Adler\" <sip:anna@10.0.0.1:5060>
carrier \"Anna Adler\" <sip:03012345610@10.0.0.1:5060>
stranger \"Anna Adler\" <sip:+493012345610@10.0.0.1:5060>
shy \"Anonymous\" <sip:anonymous@anonymous.invalid> | Privacy: id | P-Asserted-Identity: \
             <sip:03012345610@10.0.0.1:5060>
"
        );
    }
}
