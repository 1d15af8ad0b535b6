//! What of a caller's INVITE goes on with the call. A back-to-back user agent speaks for itself, so
//! this is a list of what is known to be harmless and of use; nothing else of the other leg passes.
//!
//! | header field | goes to |
//! |---|---|
//! | User-to-User (RFC 7433) | phones of ours and trunks of the trust domain |
//! | Diversion, History-Info | the same, as each trunk reads it: `diverted` |
//! | Geolocation, Geolocation-Routing (RFC 6442) | trunks that an emergency call goes out over |
//! | Identity (RFC 8224) with its Date | trunks, while caller and called are who was signed |
//!
//! Of a stranger nothing does: it says something of others.

use holdfast_config::{Diversion, Trunk};
use holdfast_wire::sip::{Header, Headers, Uri};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

use super::diverted::{self, Diverted};

/// Longest header field that goes on. Signed identities of RFC 8225 with a chain have about 1000.
const VALUE_BYTES_MAX: usize = 2048;
/// Most lines of one name.
const LINES_MAX: usize = 4;

/// To whom a header field may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    Trusted,
    Emergency,
    Signed,
}

const PASSED: [(&str, Scope); 5] = [
    ("User-to-User", Scope::Trusted),
    ("Geolocation", Scope::Emergency),
    ("Geolocation-Routing", Scope::Emergency),
    ("Identity", Scope::Signed),
    ("Date", Scope::Signed),
];

/// What goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Carried {
    lines: Vec<(String, String)>,
    diverted: Vec<Diverted>,
}

/// Where a new leg goes.
#[derive(Clone, Copy, Debug)]
pub struct Towards<'a> {
    /// The trunk that it goes out over.
    pub trunk: Option<&'a Trunk>,
    /// Whether it is a phone of ours.
    pub phone: bool,
    /// Whether the call is for help.
    pub emergency: bool,
    /// Whether caller and called number are those of the INVITE that came.
    pub as_signed: bool,
    /// Whom it calls.
    pub target: &'a Uri,
}

impl Carried {
    /// Reads what goes on; of a stranger nothing does.
    #[must_use]
    pub fn read(headers: &Headers, known: bool) -> Self {
        if !known {
            return Self::default();
        }
        let mut lines = Vec::new();
        for (name, scope) in PASSED {
            // A location in another part of the body (RFC 6442 §4.1) does not come along.
            let whole = |value: &Cow<'_, str>| !value.contains("<cid:");
            let values = headers.all(name).filter(|value| value.len() <= VALUE_BYTES_MAX);
            let values = values.filter(|value| scope != Scope::Emergency || whole(value));
            lines.extend(values.take(LINES_MAX).map(|value| (name.to_owned(), value.into_owned())));
        }
        Self { lines, diverted: Diverted::read(headers) }
    }

    /// What a new leg is told. `own` is the address of the box, where itself it leads the call on.
    #[must_use]
    pub fn onward(&self, to: &Towards<'_>, own: Option<Uri>) -> Vec<Header> {
        let scope = |name: &str| PASSED.iter().find(|(known, _)| *known == name).map(|it| it.1);
        let trusted = to.phone || to.trunk.is_some_and(|trunk| trunk.trusted);
        let fits = |scope: Scope| match scope {
            Scope::Trusted => trusted,
            Scope::Emergency => to.emergency && to.trunk.is_some(),
            Scope::Signed => to.as_signed && to.trunk.is_some(),
        };
        let lines = self.lines.iter().filter(|(name, _)| scope(name).is_some_and(fits));
        let mut told: Vec<Header> = lines.map(|(name, value)| Header::new(name, value)).collect();
        if trusted {
            let dialect = to.trunk.map_or(Diversion::Diversion, |trunk| trunk.diversion);
            let own = own.map(Diverted::by_us);
            // A phone shows what it is told; a trunk hides what it is told to hide.
            let shown = self.diverted.iter().filter(|it| !(to.phone && it.is_hidden())).cloned();
            let all: Vec<Diverted> = own.into_iter().chain(shown).collect();
            told.extend(diverted::told(&all, dialect, to.target));
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use super::{Carried, Header, Towards};
    use holdfast_wire::sip::{Headers, Uri};

    const CAME: [(&str, &str); 9] = [
        ("User-to-User", "56a390f3d2b7310023a2;encoding=hex"),
        ("Identity", "eyJ.eyJ.sig;info=<https://c.example/c.cer>"),
        ("Date", "Thu, 21 Feb 2002 13:02:03 GMT"),
        ("Diversion", "<sip:+4930@h>;reason=no-answer"),
        ("Geolocation", "<cid:17@h>"),
        ("Geolocation", "<https://l.example/7>"),
        ("P-Charging-Vector", "icid-value=1"),
        ("X-Secret", "1"),
        ("Authorization", "Basic x"),
    ];

    fn told(known: bool, trunk: Option<&str>, emergency: bool, as_signed: bool) -> String {
        let lines = lines_of(&CAME, known, trunk, (emergency, as_signed));
        lines.iter().map(|line| line.name()).collect::<Vec<_>>().join(" ")
    }

    fn lines_of(
        came: &[(&str, &str)],
        known: bool,
        trunk: Option<&str>,
        (emergency, as_signed): (bool, bool),
    ) -> Vec<Header> {
        let text = "[[trunk]]\nname = 'near'\nnetworks = ['192.0.2.1']\ndiversion = 'diversion'\n\
                    [[trunk]]\nname = 'far'\nnetworks = ['192.0.2.2']\ntrusted = false\n";
        let (config, _) = holdfast_config::read(text, "f").unwrap();
        let mut headers = Headers::new();
        came.iter().for_each(|(name, value)| headers.push(name, value));
        let target = Uri::parse("sip:b@h").unwrap();
        let to = Towards {
            trunk: trunk.and_then(|name| config.trunks.iter().find(|it| it.name.as_str() == name)),
            phone: trunk.is_none(),
            emergency,
            as_signed,
            target: &target,
        };
        Carried::read(&headers, known).onward(&to, None)
    }

    #[test]
    fn who_wants_to_stay_unknown_is_told_to_no_phone() {
        let came = [("Diversion", "<sip:+4930@h>;reason=no-answer;privacy=full")];
        let told = |trunk| lines_of(&came, true, trunk, (false, false)).len();
        assert_eq!((told(None), told(Some("near"))), (0, 1));
    }

    #[test]
    fn only_what_is_harmless_goes_on_and_only_where_it_is() {
        assert_eq!(told(true, Some("near"), false, false), "User-to-User Diversion");
        assert_eq!(told(true, Some("near"), false, true), "User-to-User Identity Date Diversion");
        assert_eq!(told(true, Some("far"), false, true), "Identity Date");
        assert_eq!(told(true, Some("far"), true, false), "Geolocation");
        assert_eq!(told(true, None, true, true), "User-to-User Diversion");
        assert_eq!(told(false, Some("near"), true, true), "");
    }
}
