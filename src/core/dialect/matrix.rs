//! What the parties behind a trunk can do in a call, for the page and the API: follows from the
//! table, so that it says what the box will do and nothing else.

use holdfast_config::{Config, Hold, Trunk};
use serde::{Deserialize, Serialize};

use super::Behaviour;

/// What the parties behind a trunk can do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    /// The type of the trunk, with its dialect.
    pub platform: String,
    /// Whether this way there is one that the platform's vendor supports; none where that is no
    /// question.
    pub certified: Option<bool>,
    /// How a party there is told that the party here holds.
    pub hold: HoldForm,
    /// Who carries out a transfer to somebody who is not in a call yet.
    pub blind_transfer: By,
    /// Who carries out a transfer to somebody whom the transferor talks to already.
    pub attended_transfer: By,
    /// From where the box knows that an agent there is busy.
    pub presence: Presence,
    /// Whether what the mailboxes there say reaches lamps: those of its phones that register
    /// through this box.
    pub message_waiting: bool,
}

/// How a party is told of a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldForm {
    /// It hears music of this box.
    Music,
    /// It is told, and hears what its own side plays.
    Inactive,
}

/// Who carries out a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// This box, asked by REFER or by an INVITE that takes a party's place.
    Box,
    /// The far side, by its own means; to the box it is the same call.
    FarSide,
}

/// From where the box knows that an agent is busy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// Its calls over this box, and 486 where there is another one.
    OwnCalls,
}

impl Capabilities {
    /// Those behind this trunk.
    #[must_use]
    pub fn of(config: &Config, trunk: &Trunk) -> Self {
        let phones = config.accounts.iter().any(|it| it.pbx.as_ref() == Some(&trunk.name));
        let behaviour = Behaviour::of(trunk);
        let by = |here: bool| if here { By::Box } else { By::FarSide };
        Self {
            platform: trunk.kind.as_str().to_owned(),
            certified: trunk.kind.is_teams().then_some(super::only_name(trunk).is_none()),
            hold: match behaviour.hold {
                Hold::Music => HoldForm::Music,
                Hold::Inactive => HoldForm::Inactive,
            },
            blind_transfer: by(behaviour.refer),
            attended_transfer: by(behaviour.refer || behaviour.takes_over),
            presence: Presence::OwnCalls,
            message_waiting: phones,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Capabilities;
    use std::fmt::Write as _;

    /// One line for each platform.
    const MATRIX: &str = "\
carrier        -         music     far_side  far_side  own_calls
sbc            -         music     far_side  far_side  own_calls
pbx            -         music     far_side  far_side  own_calls, lamps
pbx (avaya)    -         music     box       box       own_calls
pbx (cisco)    -         music     far_side  far_side  own_calls
pbx (mitel)    -         music     far_side  far_side  own_calls
pbx (sfb)      -         music     box       box       own_calls
teams-via-sbc  true      inactive  far_side  box       own_calls
teams-direct   false     inactive  far_side  box       own_calls
";

    #[test]
    fn each_platform_can_what_its_row_says() {
        let mut text = "[[sip.listener]]\ntransport = 'udp'\nbind = '0.0.0.0:5060'\n\
                        [[sip.listener]]\ntransport = 'tls'\nbind = '0.0.0.0:5061'\n\
                        certificate = '/c'\nkey = '/k'\n"
            .to_owned();
        let platforms = [
            "type = 'carrier'",
            "type = 'sbc'",
            "type = 'pbx'\n[trunk.phones]\ndomain = 'h.example'",
            "type = 'pbx'\ndialect = 'avaya'",
            "type = 'pbx'\ndialect = 'cisco'",
            "type = 'pbx'\ndialect = 'mitel'",
            "type = 'pbx'\ndialect = 'sfb'",
            "type = 'teams-via-sbc'",
            "type = 'teams-direct'\nadvertise = 'sbc1.example.org'",
        ];
        for (place, platform) in platforms.iter().enumerate() {
            let direct = platform.contains("direct");
            let target = if direct { String::new() } else { format!("target = '192.0.2.{place}'") };
            writeln!(text, "[[trunk]]\nname = 't{place}'\n{target}\n{platform}").unwrap();
        }
        text.push_str("[[account]]\nname = '2001'\npassword = 'p'\npbx = 't2'\n");
        let (config, _) = holdfast_config::read(&text, "f").unwrap();
        let mut told = String::new();
        for trunk in &config.trunks {
            let it = serde_json::to_value(Capabilities::of(&config, trunk)).unwrap();
            let word = |key: &str| match &it[key] {
                serde_json::Value::Null => "-".to_owned(),
                value => value.to_string().trim_matches('"').to_owned(),
            };
            let cells = ["certified", "hold", "blind_transfer", "attended_transfer"].map(word);
            let [certified, hold, blind, attended] = cells;
            let lamps = if word("message_waiting") == "true" { ", lamps" } else { "" };
            let (platform, presence) = (word("platform"), word("presence"));
            writeln!(
                told,
                "{platform:<15}{certified:<10}{hold:<10}{blind:<10}{attended:<10}{presence}{lamps}"
            )
            .unwrap();
        }
        assert_eq!(told, MATRIX);
    }
}
