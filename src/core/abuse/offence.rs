//! What counts against somebody, and how much.
//!
//! The weights are such that [`super::POINTS_MAX`] of them within [`super::POINTS_FADE`] are past
//! what any honest phone, or the office behind one NAT address, does by mistake.

use serde::{Deserialize, Serialize};
use std::fmt;

use super::POINTS_MAX;

/// Longest text of a stranger that is kept as evidence, in characters.
const WORDS_MAX: usize = 40;

/// Names by which the well-known scanners call themselves, in lower case. sipvicious calls itself
/// `friendly-scanner` since 2007; the others are those of the scanners that every public SIP port
/// sees daily. Who hides the name is found by what it does.
const SCANNERS: [&str; 9] = [
    "friendly-scanner",
    "friendly-request",
    "sipvicious",
    "sundayddr",
    "sip-scan",
    "sipcli",
    "vaxsipuseragent",
    "pplsip",
    "iwar",
];

/// One thing that somebody did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Offence {
    /// Credentials were wrong, or of nobody; which of the two is not told to anyone.
    WrongPassword(Words),
    /// A request that must prove who it is from did not, and was asked to. Each phone does that
    /// once before it answers, so an answer takes one back.
    Unproven(Words),
    /// A stranger dialled what leads nowhere.
    UnknownNumber(Words),
    /// A program that looks for ways in said its name.
    Scanner(Words),
    /// What came is not SIP.
    Malformed,
    /// A message or handshake was begun on a connection and not finished in time.
    Slow,
    /// A datagram more than may come in a second.
    TooMany,
}

/// Words of a stranger, short and plain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Words(String);

impl Words {
    /// The beginning of what it said, without anything that a terminal would obey.
    #[must_use]
    pub fn new(said: &str) -> Self {
        let plain = |c: char| if c.is_control() { '\u{fffd}' } else { c };
        Self(said.chars().take(WORDS_MAX).map(plain).collect())
    }
}

impl Offence {
    /// The offence of this program, if it says that it is a scanner.
    #[must_use]
    pub fn of_agent(agent: &str) -> Option<Self> {
        // Whole words: a phone may well call itself a SIPClient.
        let mut words = agent.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
        let known = words.any(|word| SCANNERS.iter().any(|it| word.eq_ignore_ascii_case(it)));
        known.then(|| Self::Scanner(Words::new(agent)))
    }

    /// What it counts.
    #[must_use]
    pub const fn points(&self) -> u32 {
        match self {
            Self::WrongPassword(_) | Self::UnknownNumber(_) | Self::Slow => POINTS_MAX / 10,
            Self::Unproven(_) | Self::Malformed => POINTS_MAX / 50,
            Self::Scanner(_) => POINTS_MAX,
            Self::TooMany => POINTS_MAX / 1000,
        }
    }

    /// Its kind, in a word or two.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::WrongPassword(_) => "wrong passwords",
            Self::Unproven(_) => "requests without password",
            Self::UnknownNumber(_) => "unknown numbers",
            Self::Scanner(_) => "scanner",
            Self::Malformed => "not SIP",
            Self::Slow => "unfinished messages",
            Self::TooMany => "too many messages",
        }
    }
}

impl fmt::Display for Offence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WrongPassword(Words(user)) => write!(f, "wrong password for `{user}`"),
            Self::Unproven(Words(user)) => write!(f, "`{user}` without password"),
            Self::UnknownNumber(Words(number)) => write!(f, "`{number}` leads nowhere"),
            Self::Scanner(Words(agent)) => write!(f, "calls itself `{agent}`"),
            Self::Malformed => f.write_str("not SIP"),
            Self::Slow => f.write_str("not finished in time"),
            Self::TooMany => f.write_str("too many messages in a second"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Offence, Words};

    #[test]
    fn scanners_are_known_by_what_they_call_themselves() {
        for (agent, known) in [
            ("friendly-scanner", true),
            ("Friendly-Scanner/0.3", true),
            ("VaxSIPUserAgent/3.1", true),
            ("sipcli/v1.8", true),
            ("Acme SIPClient 2", false),
            ("Multiwar/1", false),
            ("Yealink SIP-T46S 66.86.0.15", false),
            ("baresip v1.0.0", false),
            ("", false),
        ] {
            assert_eq!(Offence::of_agent(agent).is_some(), known, "{agent}");
        }
    }

    #[test]
    fn evidence_is_short_and_plain() {
        let said = format!("a\u{1b}[31m\r\n{}", "x".repeat(100));
        let shown = Offence::Scanner(Words::new(&said)).to_string();
        assert!(!shown.chars().any(char::is_control), "{shown}");
        assert_eq!(shown.chars().count(), "calls itself ``".len() + 40);
    }
}
