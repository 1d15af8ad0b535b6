//! How each kind of far end wants to be spoken to and what it can do: one [`table`], asked by
//! whoever writes or reads a message of a trunk. Nothing else in the box names a vendor.
//!
//! The table holds only what differs. The same for everybody, and so without a row: INVITEs of ours
//! always carry an offer, header names are read in any case, identities in P-Asserted-Identity are
//! read from whoever is trusted, REFER is never sent. A key of the trunk goes before its row.

pub mod matrix;
mod table;

use holdfast_config::{Config, Hold, HostName, Trunk, TrunkType};
use holdfast_wire::sip::Headers;
use holdfast_wire::srtp::Suite;

use crate::sip::admit;
use crate::sip::flow::Flow;

/// What a far end is told of us in X-MS-SBC: vendor, model and version, as Microsoft asks.
const X_MS_SBC: &str = concat!("Holdfast/Edge/", env!("CARGO_PKG_VERSION"));

/// How one far end wants to be spoken to, and what it may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Behaviour {
    /// How it is told that the other party holds.
    pub hold: Hold,
    /// Whether it may transfer its calls by REFER, and Allow says so.
    pub refer: bool,
    /// Whether a Replaces that its REFER asks for towards itself goes into the INVITE.
    pub refer_replaces: bool,
    /// Whether its INVITE may take the place of a party here (RFC 3891), and Supported says so.
    pub takes_over: bool,
    /// The least session that it grants, in seconds: asked for at once, it spares the 422.
    pub session_least_s: Option<u32>,
    /// Which numbers it takes.
    pub numbers: Numbers,
    /// Whether URIs with a number carry `user=phone`.
    pub user_phone: bool,
    /// Which letters it shows.
    pub display: Display,
    /// Whether a connection is offered for requests of the other way too (`alias`, RFC 5923).
    pub alias: bool,
    /// Whether it is told our vendor, model and version in X-MS-SBC.
    pub introduced: bool,
    /// What shows that calls are answered behind it.
    pub proof: Proof,
    /// Which crypto suites it is offered, best first.
    pub suites: &'static [Suite],
}

/// Which numbers a far end takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Numbers {
    /// Whatever its dial plan makes of them.
    AsPlanned,
    /// Those with a plus, and no others.
    WithPlus,
}

/// Which letters a far end shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Display {
    /// All (UTF-8, as RFC 3261 §25.1 has it).
    All,
    /// ASCII; others come out as garbage, or the call is refused.
    Ascii,
}

/// What shows that calls are answered behind a far end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Its answer to OPTIONS: it is what is called.
    Options,
    /// What becomes of calls alone: it answers OPTIONS for somebody else.
    Calls,
}

impl Behaviour {
    /// That of this trunk.
    #[must_use]
    pub fn of(trunk: &Trunk) -> Self {
        let (row, own) = (table::row(&trunk.kind), trunk.overrides);
        let refer = own.refer.unwrap_or(row.refer);
        Self {
            hold: own.hold.unwrap_or(row.hold),
            refer,
            refer_replaces: own.refer_replaces.unwrap_or(row.refer_replaces),
            // Who may transfer by REFER may take over: a transfer with somebody else's help.
            takes_over: own.takes_over.unwrap_or(row.takes_over || refer),
            user_phone: own.user_phone.unwrap_or(row.user_phone),
            ..row
        }
    }

    /// That of whoever is at the other end of this way; of a stranger where it is no trunk.
    #[must_use]
    pub fn on(config: &Config, flow: &Flow) -> Self {
        trunk_on(config, flow).map_or(Self::of_guest(), Self::of)
    }

    /// That of somebody who is not known.
    #[must_use]
    pub const fn of_guest() -> Self {
        table::PLAIN
    }

    /// That of a phone of ours.
    #[must_use]
    pub const fn of_phone() -> Self {
        table::PHONE
    }

    /// Completes what a message of ours says of our abilities, which name those of the box as a
    /// whole before.
    pub fn complete(&self, headers: &mut Headers) {
        // RFC 3261 §20.5: only what is served. Teams sends a REFER to whoever names it, and
        // transfers by itself else.
        if self.refer {
            headers.set("Allow", format_args!("{}, REFER", admit::ALLOW));
        }
        let replaces = self.takes_over.then_some("replaces"); // RFC 3891 §6.2
        let silently = self.refer.then_some("norefersub"); // RFC 4488 §3
        let more: Vec<&str> = replaces.into_iter().chain(silently).collect();
        if !more.is_empty() {
            let said = admit::SUPPORTED_IN_DIALOGS;
            headers.set("Supported", format_args!("{said}, {}", more.join(", ")));
        }
    }

    /// Says who we are, where that is wanted.
    pub fn introduce(&self, headers: &mut Headers) {
        if self.introduced {
            headers.push("X-MS-SBC", X_MS_SBC);
        }
    }
}

impl Numbers {
    /// Whether this one is taken, as it would be sent.
    #[must_use]
    pub fn take(self, number: &str) -> bool {
        match self {
            Self::AsPlanned => true,
            Self::WithPlus => number.starts_with('+'),
        }
    }
}

impl Display {
    /// A name as this far end can show it.
    #[must_use]
    pub fn shown(self, name: &str) -> String {
        match self {
            Self::All => name.to_owned(),
            Self::Ascii => name.chars().map(in_ascii).collect(),
        }
    }
}

/// The letter, or the nearest that every display has.
const fn in_ascii(letter: char) -> char {
    match letter {
        '\u{2013}' | '\u{2014}' => '-',
        'ä' | 'à' | 'á' | 'â' => 'a',
        'ö' | 'ò' | 'ó' | 'ô' => 'o',
        'ü' | 'ù' | 'ú' | 'û' => 'u',
        'é' | 'è' | 'ê' | 'ë' => 'e',
        'ç' => 'c',
        'ß' => 's',
        'Ä' => 'A',
        'Ö' => 'O',
        'Ü' => 'U',
        other if other.is_ascii() => other,
        _no_near_letter => '?',
    }
}

/// The trunk at the other end of a way.
#[must_use]
pub fn trunk_on<'c>(config: &'c Config, flow: &Flow) -> Option<&'c Trunk> {
    let id = flow.trunk?;
    config.trunks.iter().find(|trunk| trunk.name.id() == id)
}

/// The name that a trunk knows us by, where it knows nothing else. What is written for such a trunk
/// comes from here, and no value of this type is an address.
#[must_use]
pub const fn only_name(trunk: &Trunk) -> Option<&HostName> {
    match &trunk.kind {
        TrunkType::TeamsDirect(name) => Some(name),
        TrunkType::Carrier | TrunkType::Sbc | TrunkType::Pbx(_) | TrunkType::TeamsViaSbc => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Behaviour, Display, Hold, admit};
    use holdfast_wire::sip::Headers;

    fn behaviour(more: &str) -> Behaviour {
        let text = format!("[[trunk]]\nname = 'a'\nnetworks = ['192.0.2.1']\n{more}");
        let (config, _) = holdfast_config::read(&text, "f").unwrap();
        Behaviour::of(config.trunks.first().unwrap())
    }

    fn abilities(more: &str) -> String {
        let mut headers = Headers::new();
        headers.push("Allow", admit::ALLOW);
        headers.push("Supported", admit::SUPPORTED_IN_DIALOGS);
        behaviour(more).complete(&mut headers);
        let of = |name| headers.get(name).unwrap_or_default().into_owned();
        format!("{} | {}", of("Allow"), of("Supported"))
    }

    #[test]
    fn a_key_goes_before_the_table() {
        let sfb = "type = 'pbx'\ndialect = 'sfb'\n";
        assert!(behaviour(sfb).refer);
        let own = behaviour(&format!("{sfb}refer = false\nhold = 'inactive'\nuser_phone = true\n"));
        assert_eq!((own.refer, own.takes_over), (false, false));
        assert_eq!((own.hold, own.user_phone), (Hold::Inactive, true));
        assert!(behaviour("takes_over = true\n").takes_over);
    }

    #[test]
    fn allow_and_supported_say_what_is_served() {
        let plain = admit::ALLOW;
        assert_eq!(abilities(""), format!("{plain} | timer, 100rel"));
        assert_eq!(
            abilities("refer = true\n"),
            format!("{plain}, REFER | timer, 100rel, replaces, norefersub")
        );
        assert_eq!(
            abilities("type = 'teams-via-sbc'\n"),
            format!("{plain} | timer, 100rel, replaces")
        );
    }

    #[test]
    fn a_display_of_few_letters_gets_the_nearest() {
        assert_eq!(Display::Ascii.shown("Zürich – Bø 1"), "Zurich - B? 1");
        assert_eq!(Display::All.shown("Zürich – Bø 1"), "Zürich – Bø 1");
    }
}
