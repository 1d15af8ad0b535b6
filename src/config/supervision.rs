//! Who may listen to the calls of which queues, and speak in them.

use holdfast_base::QueueName;
use serde::{Deserialize, Serialize};
use toml::de::DeValue;

use crate::finding::Wrong;
use crate::kind::{self, Read};
use crate::section::Section;

/// `supervises` of an agent: what this person may do in calls of others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Supervision {
    /// In the calls of which queues; in none when empty.
    pub queues: Vec<QueueName>,
    /// In which ways.
    pub modes: Vec<Mode>,
    /// Who of those who log in at the page may order it; none is everybody.
    pub user: Option<String>,
}

/// What a supervisor does in a call. Both parties are heard in each way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Is heard by nobody.
    Listen,
    /// Is heard by the agent alone.
    Whisper,
    /// Is heard by both.
    Barge,
}

impl Mode {
    /// All of them, the least first.
    pub const ALL: [Self; 3] = [Self::Listen, Self::Whisper, Self::Barge];

    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Listen => "listen",
            Self::Whisper => "whisper",
            Self::Barge => "barge",
        }
    }

    /// Whether the agent hears the supervisor.
    #[must_use]
    pub const fn speaks_to_agent(self) -> bool {
        match self {
            Self::Listen => false,
            Self::Whisper | Self::Barge => true,
        }
    }

    /// Whether the caller hears the supervisor.
    #[must_use]
    pub const fn speaks_to_caller(self) -> bool {
        match self {
            Self::Listen | Self::Whisper => false,
            Self::Barge => true,
        }
    }
}

/// Reads `[agent.supervises]`.
pub(crate) fn read(section: &mut Section<'_, '_, '_>) -> Supervision {
    Supervision {
        queues: section.list("queues", |value| kind::name(value).map(|it| QueueName::new(&it))),
        modes: section.list_or("modes", mode, Mode::ALL.to_vec()),
        user: section.may("user", kind::some_text),
    }
}

fn mode(value: &DeValue<'_>) -> Read<Mode> {
    let text = kind::text(value)?;
    Mode::ALL.into_iter().find(|mode| mode.as_str() == text).ok_or_else(|| {
        let remedy = "write \"listen\", \"whisper\" or \"barge\"";
        Wrong::new(format!("`{text}` is no way to supervise"), remedy)
    })
}

#[cfg(test)]
mod tests {
    use super::Mode;
    use crate::check::told;

    const HOUSE: &str = "[[account]]\nname = \"lea\"\npassword = \"long and secret\"\n\
                         [[queue]]\nname = \"sales\"\nmembers = [\"anna\"]\n\
                         [[agent]]\nname = \"anna\"\nendpoints = [{ account = \"lea\" }]\n";

    fn lea(supervises: &str) -> Vec<String> {
        told(&format!("{HOUSE}supervises = {supervises}\n"))
    }

    #[test]
    fn whoever_supervises_names_queues_that_there_are() {
        assert_eq!(lea("{ queues = [\"sales\"] }"), Vec::<String>::new());
        assert_eq!(lea("{ queues = [\"sales\"], modes = [\"whisper\"] }"), Vec::<String>::new());
        let cases = [
            ("{ queues = [\"sale\"] }", "there is no queue `sale`"),
            ("{ queues = [\"sales\", \"sales\"] }", "stands here twice"),
            ("{ modes = [\"listen\"] }", "supervises no queue"),
            ("{ user = \"lea\" }", "supervises no queue"),
            ("{ queues = [\"sales\"], modes = [] }", "in no way"),
            ("{ queues = [\"sales\"], modes = [\"shout\"] }", "is no way to supervise"),
        ];
        for (supervises, says) in cases {
            let told = lea(supervises);
            assert!(told.iter().any(|line| line.contains(says)), "{supervises}: {told:?}");
        }
    }

    #[test]
    fn without_room_to_decode_nobody_can_be_heard() {
        let text = format!(
            "[media]\ntranscoded_max = 0\n{HOUSE}supervises = {{ queues = [\"sales\"] }}\n"
        );
        let told = told(&text);
        assert!(told.iter().any(|line| line.contains("transcoded_max")), "{told:?}");
    }

    #[test]
    fn each_way_says_who_hears_the_supervisor() {
        let heard = |mode: Mode| (mode.as_str(), mode.speaks_to_agent(), mode.speaks_to_caller());
        let all = [("listen", false, false), ("whisper", true, false), ("barge", true, true)];
        assert_eq!(Mode::ALL.map(heard), all);
    }
}
