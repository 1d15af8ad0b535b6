//! What stands at the other end of a trunk, and what the operator knows better than the table of
//! its kind.
//!
//! Here is only what can be written down; what each kind does and wants is told in `core`.

use serde::{Deserialize, Serialize};
use std::fmt;

use crate::finding::Wrong;
use crate::kind;
use crate::listener::Advertise;
use crate::section::Section;

/// Longest host name, RFC 1035 §2.3.4.
const HOST_CHARS_MAX: usize = 253;

/// What stands at the other end of a trunk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TrunkType {
    /// A carrier.
    #[default]
    Carrier,
    /// A session border controller of the own network.
    Sbc,
    /// A private branch exchange.
    Pbx(Dialect),
    /// Microsoft Teams, behind the certified session border controller of the site.
    TeamsViaSbc,
    /// Microsoft Teams itself, which knows this box by this name alone.
    TeamsDirect(HostName),
}

impl TrunkType {
    /// As it is written, with its dialect.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Carrier => "carrier",
            Self::Sbc => "sbc",
            Self::Pbx(Dialect::Generic) => "pbx",
            Self::Pbx(Dialect::Avaya) => "pbx (avaya)",
            Self::Pbx(Dialect::Cisco) => "pbx (cisco)",
            Self::Pbx(Dialect::Mitel) => "pbx (mitel)",
            Self::Pbx(Dialect::Sfb) => "pbx (sfb)",
            Self::TeamsViaSbc => "teams-via-sbc",
            Self::TeamsDirect(_) => "teams-direct",
        }
    }

    /// Whether Teams is at the end of it.
    #[must_use]
    pub const fn is_teams(&self) -> bool {
        match self {
            Self::TeamsViaSbc | Self::TeamsDirect(_) => true,
            Self::Carrier | Self::Sbc | Self::Pbx(_) => false,
        }
    }
}

/// Whose PBX it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dialect {
    /// Any that keeps to the RFCs.
    #[default]
    Generic,
    /// Avaya Aura Session Manager.
    Avaya,
    /// Cisco Unified Communications Manager.
    Cisco,
    /// Mitel MiVoice.
    Mitel,
    /// Skype for Business Server.
    Sfb,
}

/// A host by its name in full. No value of this type prints as an address, so whoever is named by
/// one can not be named by an address by mistake.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HostName(String);

impl HostName {
    /// Reads a name of at least two labels.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let label = |label: &str| {
            let legal = label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
            !label.is_empty() && !label.starts_with('-') && !label.ends_with('-') && legal
        };
        let (parents, last) = text.rsplit_once('.')?;
        // RFC 1123 §2.1: the last label of a name is never of digits alone, as that of an address.
        let named = !last.bytes().all(|byte| byte.is_ascii_digit());
        let well_formed = text.len() <= HOST_CHARS_MAX && parents.split('.').all(label);
        (well_formed && label(last) && named).then(|| Self(text.to_ascii_lowercase()))
    }

    /// As it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for HostName {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| format!("`{text}` is not a host name in full"))
    }
}

impl From<HostName> for String {
    fn from(name: HostName) -> Self {
        name.0
    }
}

/// How a party is told that the other one holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hold {
    /// Not at all: it hears music of this box.
    Music,
    /// By a re-INVITE with `a=inactive`, whatever form the hold has on the other leg.
    Inactive,
}

/// What the operator has said against the table of the trunk's kind; none leaves it to the table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overrides {
    /// How it is told of a hold.
    pub hold: Option<Hold>,
    /// Whether it may transfer its calls by REFER.
    pub refer: Option<bool>,
    /// Whether a Replaces that it asks for towards itself goes into the INVITE.
    pub refer_replaces: Option<bool>,
    /// Whether its INVITE may take the place of a party here (Replaces).
    pub takes_over: Option<bool>,
    /// Whether numbers are marked as such (`user=phone`).
    pub user_phone: Option<bool>,
}

pub(crate) fn overrides(section: &mut Section<'_, '_, '_>) -> Overrides {
    Overrides {
        hold: section.may("hold", kind::hold),
        refer: section.may("refer", kind::flag),
        refer_replaces: section.may("refer_replaces", kind::flag),
        takes_over: section.may("takes_over", kind::flag),
        user_phone: section.may("user_phone", kind::flag),
    }
}

/// What a trunk is. One that must have a name and has none is told so, and read on as an SBC.
pub(crate) fn read(section: &mut Section<'_, '_, '_>, advertise: Option<&Advertise>) -> TrunkType {
    let word = section.or("type", kind::trunk_word, TrunkWord::Carrier);
    let dialect = section.may("dialect", kind::dialect);
    if dialect.is_some() && word != TrunkWord::Pbx {
        section.fault(Wrong::new(
            "`dialect` says whose PBX it is, and this trunk is none",
            "set `type` to \"pbx\", or take `dialect` away",
        ));
    }
    let name = advertise.and_then(Advertise::name).and_then(HostName::parse);
    match (word, name) {
        (TrunkWord::Carrier, _) => TrunkType::Carrier,
        (TrunkWord::Sbc, _) => TrunkType::Sbc,
        (TrunkWord::Pbx, _) => TrunkType::Pbx(dialect.unwrap_or_default()),
        (TrunkWord::TeamsViaSbc, _) => TrunkType::TeamsViaSbc,
        (TrunkWord::TeamsDirect, Some(name)) => TrunkType::TeamsDirect(name),
        (TrunkWord::TeamsDirect, None) => {
            section.fault(Wrong::new(
                "Teams answers 403 to a trunk that names itself by an address or not at all",
                "write into `advertise` the name in full that the tenant knows this box by, for \
                 example \"sbc1.example.org\"",
            ));
            TrunkType::Sbc
        }
    }
}

/// A word of `type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TrunkWord {
    Carrier,
    Sbc,
    Pbx,
    TeamsViaSbc,
    TeamsDirect,
}

#[cfg(test)]
mod tests {
    use super::HostName;
    use proptest::prelude::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    #[test]
    fn names_in_full_alone_are_names() {
        let read = |text: &str| HostName::parse(text).map(|name| name.to_string());
        assert_eq!(read("SBC1.Example.org"), Some("sbc1.example.org".to_owned()));
        for bad in
            ["", "sbc", "10.0.0.1", "[2001:db8::1]", "a..b", "-a.b", "a.b-", "a_b.c", "a.b:1"]
        {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_address_is_a_name(v4: [u8; 4], v6: [u16; 8]) {
            let v4 = Ipv4Addr::from(v4).to_string();
            prop_assert_eq!(HostName::parse(&v4), None);
            let v6 = Ipv6Addr::from(v6).to_string();
            prop_assert_eq!(HostName::parse(&v6), None);
        }

        #[test]
        fn no_name_is_read_as_an_address(text in "[a-z0-9.-]{1,40}") {
            if let Some(name) = HostName::parse(&text) {
                prop_assert!(name.as_str().parse::<std::net::IpAddr>().is_err());
            }
        }
    }
}
