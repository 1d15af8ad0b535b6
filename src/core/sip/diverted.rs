//! By whom a call was led on before it came here, and how others are told: Diversion (RFC 5806) and
//! History-Info (RFC 7044), one read as the other where a peer knows but one (RFC 7544).
//!
//! ```text
//! Diversion: <b>;reason=no-answer, <a>;reason=user-busy      the last one first
//! History-Info: <a>;index=1, <b;cause=486>;index=1.1, <c;cause=408>;index=1.1.1
//! ```

use holdfast_config::Diversion as Dialect;
use holdfast_wire::sip::{Header, Headers, NameAddr, Uri};
use serde::{Deserialize, Serialize};

/// Most of them that are told. The oldest says who was meant, the newest why it came here; the
/// least is lost in the middle.
const TOLD_MAX: usize = 10;

/// One who has led a call on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diverted {
    /// Who it was, as printed.
    by: String,
    /// Why, in the words of RFC 5806 §5.
    reason: String,
    /// Whether it is not to be named.
    hidden: bool,
}

/// Reasons and the causes of RFC 4458 §2.1 that mean the same: RFC 7544 §5 from left to right, §6
/// from right to left, where the first row of a cause counts.
const REASONS: [(&str, &str); 7] = [
    ("unconditional", "302"),
    ("user-busy", "486"),
    ("no-answer", "408"),
    ("deflection", "480"),
    ("unavailable", "503"),
    ("unknown", "404"),
    ("deflection", "487"),
];
const UNKNOWN: &str = "unknown";

impl Diverted {
    /// The box itself leads a call on, from this address of its own.
    #[must_use]
    pub fn by_us(own: Uri) -> Self {
        let by = NameAddr::new(own).to_string();
        Self { by, reason: "unconditional".to_owned(), hidden: false }
    }

    /// Whether whoever led the call on wants to stay unknown.
    #[must_use]
    pub const fn is_hidden(&self) -> bool {
        self.hidden
    }

    /// Everybody who has led a call on, the last one first. Diversion is believed before
    /// History-Info, which peers that write both fill from it.
    #[must_use]
    pub fn read(headers: &Headers) -> Vec<Self> {
        let mut read = from_diversion(headers);
        if read.is_empty() {
            read = from_history(headers);
        }
        read.truncate(TOLD_MAX);
        read
    }
}

fn from_diversion(headers: &Headers) -> Vec<Diverted> {
    let all = headers.list("Diversion");
    let all = all.iter().filter_map(|line| NameAddr::parse(line).ok());
    all.map(|mut address| {
        let value = |name: &str| address.params.value(name).map(|value| value.into_owned());
        let (reason, privacy) = (value("reason"), value("privacy"));
        let hidden = privacy.is_some_and(|privacy| !privacy.eq_ignore_ascii_case("off"));
        let known = reason.map(|reason| reason.to_ascii_lowercase());
        let known = known.filter(|reason| REASONS.iter().any(|(known, _)| known == reason));
        address.params = holdfast_wire::sip::Params::new();
        let reason = known.unwrap_or_else(|| UNKNOWN.to_owned());
        Diverted { by: address.to_string(), reason, hidden }
    })
    .collect()
}

/// RFC 7544 §6: whoever stands before an entry that says why has led the call on to it.
fn from_history(headers: &Headers) -> Vec<Diverted> {
    let all = headers.list("History-Info");
    let all: Vec<NameAddr> = all.iter().filter_map(|line| NameAddr::parse(line).ok()).collect();
    let pairs = all.iter().zip(all.iter().skip(1));
    let diverted = pairs.filter_map(|(by, to)| {
        let cause = to.uri.param("cause").flatten()?;
        let reason = REASONS.iter().find(|(_, known)| *known == cause).map_or(UNKNOWN, |it| it.0);
        let privacy = by.uri.header("Privacy");
        let hidden = privacy.is_some_and(|privacy| !privacy.eq_ignore_ascii_case("none"));
        let uri = by.uri.clone().for_request().without_param("cause");
        let named = NameAddr { display: by.display.clone(), ..NameAddr::new(uri) };
        Some(Diverted { by: named.to_string(), reason: reason.to_owned(), hidden })
    });
    let mut all: Vec<Diverted> = diverted.collect();
    all.reverse();
    all
}

/// What a peer is told that is called at `target`: nothing when nobody has led the call on.
#[must_use]
pub fn told(all: &[Diverted], dialect: Dialect, target: &Uri) -> Vec<Header> {
    if all.is_empty() {
        return Vec::new();
    }
    match dialect {
        Dialect::None => Vec::new(),
        Dialect::Diversion => as_diversion(all),
        Dialect::HistoryInfo => as_history(all, target),
        Dialect::Both => as_diversion(all).into_iter().chain(as_history(all, target)).collect(),
    }
}

fn as_diversion(all: &[Diverted]) -> Vec<Header> {
    let line = |diverted: &Diverted| {
        let hidden = if diverted.hidden { ";privacy=full" } else { "" };
        let value = format!("{};reason={};counter=1{hidden}", diverted.by, diverted.reason);
        Header::new("Diversion", value)
    };
    all.iter().map(line).collect()
}

fn as_history(all: &[Diverted], target: &Uri) -> Vec<Header> {
    let mut index = "1".to_owned();
    let mut lines = Vec::new();
    let mut why: Option<&str> = None;
    let mut tell = |address: NameAddr, hidden: bool, cause: Option<&str>| {
        let uri = match cause {
            Some(cause) => address.uri.with_param("cause", Some(cause)),
            None => address.uri,
        };
        let uri = if hidden { uri.with_header("Privacy", "history") } else { uri };
        let entry = NameAddr { display: address.display, ..NameAddr::new(uri) };
        lines.push(Header::new("History-Info", format!("{entry};index={index}")));
        index.push_str(".1");
    };
    for diverted in all.iter().rev() {
        let Ok(address) = NameAddr::parse(&diverted.by) else { continue };
        tell(address, diverted.hidden, why);
        why = REASONS.iter().find(|(known, _)| *known == diverted.reason).map(|(_, cause)| *cause);
    }
    tell(NameAddr::new(target.clone()), false, why);
    lines
}

#[cfg(test)]
mod tests {
    use super::{Dialect, Diverted, TOLD_MAX, told};
    use holdfast_wire::sip::{Headers, Uri};

    fn headers(lines: &[(&str, &str)]) -> Headers {
        let mut headers = Headers::new();
        lines.iter().for_each(|(name, value)| headers.push(name, value));
        headers
    }

    fn printed(all: &[Diverted], dialect: Dialect) -> Vec<String> {
        let target = Uri::parse("sip:c@h").unwrap();
        let lines = told(all, dialect, &target);
        lines.iter().map(|line| format!("{}: {}", line.name(), line.value())).collect()
    }

    const DIVERSIONS: [&str; 2] = [
        "Diversion: <sip:b@h>;reason=no-answer;counter=1",
        "Diversion: \"A\" <sip:a@h>;reason=user-busy;counter=1;privacy=full",
    ];
    const HISTORY: [&str; 3] = [
        "History-Info: \"A\" <sip:a@h?Privacy=history>;index=1",
        "History-Info: <sip:b@h;cause=486>;index=1.1",
        "History-Info: <sip:c@h;cause=408>;index=1.1.1",
    ];

    #[test]
    fn each_form_gives_the_other() {
        let split = |line: &str| -> (String, String) {
            let (name, value) = line.split_once(": ").unwrap();
            (name.to_owned(), value.to_owned())
        };
        for form in [&DIVERSIONS[..], &HISTORY] {
            let lines: Vec<_> = form.iter().map(|line| split(line)).collect();
            let lines: Vec<_> = lines.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
            let all = Diverted::read(&headers(&lines));
            assert_eq!(printed(&all, Dialect::Diversion), DIVERSIONS);
            assert_eq!(printed(&all, Dialect::HistoryInfo), HISTORY);
            assert_eq!(printed(&all, Dialect::Both), [&DIVERSIONS[..], &HISTORY].concat());
            assert!(printed(&all, Dialect::None).is_empty());
        }
    }

    #[test]
    fn who_led_nothing_on_is_no_diversion() {
        let once = headers(&[("History-Info", "<sip:a@h>;index=1")]);
        let routed = headers(&[("History-Info", "<sip:a@h>;index=1, <sip:b@h>;index=1.1")]);
        for headers in [once, routed, Headers::new()] {
            assert_eq!(printed(&Diverted::read(&headers), Dialect::Both), [""; 0]);
        }
        let odd = headers(&[("Diversion", "<sip:a@h>;reason=time-of-day"), ("Diversion", "x y")]);
        assert_eq!(
            printed(&Diverted::read(&odd), Dialect::Diversion),
            ["Diversion: <sip:a@h>;reason=unknown;counter=1"]
        );
    }

    #[test]
    fn the_box_leads_on_too_and_there_is_an_end() {
        let us = Diverted::by_us(Uri::parse("sip:+4930100@10.0.0.1").unwrap());
        assert_eq!(
            printed(&[us], Dialect::HistoryInfo),
            [
                "History-Info: <sip:+4930100@10.0.0.1>;index=1",
                "History-Info: <sip:c@h;cause=302>;index=1.1"
            ]
        );
        let mut many = Headers::new();
        (0..50).for_each(|at| many.push("Diversion", format_args!("<sip:{at}@h>")));
        assert_eq!(Diverted::read(&many).len(), TOLD_MAX);
    }
}
