//! The numbers that a carrier has given to a line, and how each call names one of them.
//!
//! Carriers look at every call for a number of the line, which they charge and vouch for; a call
//! with a stranger's number alone, as one that a queue leads on, is refused (403) or shown with
//! another number. Which header field they look at stands on their sheet.

use holdfast_base::E164;
use serde::{Deserialize, Serialize};
use toml::de::DeValue;

use crate::finding::Wrong;
use crate::kind::{self, Read};
use crate::section::Section;

/// `[trunk.line]`: the numbers of the line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// What stands for callers who have no number of the line.
    pub main: E164,
    /// All numbers of it; `main` alone when empty.
    pub numbers: Vec<Numbers>,
    /// The header field by which a call names the one that it belongs to.
    pub named_by: NamedBy,
}

/// One number, or a block of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Numbers(String);

/// Where the carrier looks for the number of the line (RFC 3325 §9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NamedBy {
    /// P-Asserted-Identity: the carrier believes the box.
    Asserted,
    /// P-Preferred-Identity: the box says which of its numbers is meant, which the carrier asserts.
    Preferred,
}

impl NamedBy {
    /// The header field.
    #[must_use]
    pub const fn header(self) -> &'static str {
        match self {
            Self::Asserted => "P-Asserted-Identity",
            Self::Preferred => "P-Preferred-Identity",
        }
    }

    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Asserted => "asserted",
            Self::Preferred => "preferred",
        }
    }
}

impl Numbers {
    fn hold(&self, number: &str) -> bool {
        match self.0.strip_suffix('*') {
            Some(stem) => number.starts_with(stem),
            None => self.0 == number,
        }
    }
}

impl Line {
    /// Whether this number is one of the line.
    #[must_use]
    pub fn owns(&self, number: &E164) -> bool {
        let number = number.as_str();
        self.main.as_str() == number || self.numbers.iter().any(|block| block.hold(number))
    }
}

/// Reads the section; without a main number there is no line. `usual` is where the carrier of the
/// template looks.
pub(crate) fn read(section: &mut Section<'_, '_, '_>, usual: Option<NamedBy>) -> Option<Line> {
    let main = section.may("main", number);
    let numbers = section.list("numbers", numbers);
    let said = section.may("named_by", named_by);
    let Some(main) = main else {
        if said.is_some() || !numbers.is_empty() {
            section.fault(Wrong::new(
                "it is not said which number stands for callers who have none of the line",
                "add main = \"+49301234560\"",
            ));
        }
        return None;
    };
    Some(Line { main, numbers, named_by: said.or(usual).unwrap_or(NamedBy::Asserted) })
}

fn number(value: &DeValue<'_>) -> Read<E164> {
    let text = kind::some_text(value)?;
    E164::parse(&text).map_err(|_| not_whole(&text))
}

fn numbers(value: &DeValue<'_>) -> Read<Numbers> {
    let text = kind::some_text(value)?;
    let stem = text.strip_suffix('*').unwrap_or(&text);
    let digits = stem.strip_prefix('+').unwrap_or_default();
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(not_whole(&text));
    }
    Ok(Numbers(text))
}

fn not_whole(text: &str) -> Wrong {
    Wrong::new(
        format!("`{text}` is no number with its country code"),
        "write it with a plus, for example \"+49301234560\"; a block is \"+4930123456*\"",
    )
}

fn named_by(value: &DeValue<'_>) -> Read<NamedBy> {
    match kind::some_text(value)?.as_str() {
        "asserted" => Ok(NamedBy::Asserted),
        "preferred" => Ok(NamedBy::Preferred),
        other => Err(Wrong::new(
            format!("`{other}` is no header field that names a line"),
            "write \"asserted\" (P-Asserted-Identity) or \"preferred\" (P-Preferred-Identity)",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::NamedBy;
    use crate::check::told;
    use holdfast_base::E164;

    fn trunk(line: &str) -> String {
        format!("[[trunk]]\nname = 'a'\nnetworks = ['192.0.2.1']\n[trunk.line]\n{line}\n")
    }

    #[test]
    fn a_line_owns_its_main_number_and_its_blocks() {
        let text = trunk("main = '+49305550'\nnumbers = ['+4930555*', '+493077']");
        let (config, _) = crate::read(&text, "f").unwrap();
        let line = config.trunks.first().and_then(|trunk| trunk.line.as_ref()).unwrap();
        assert_eq!(line.named_by, NamedBy::Asserted);
        let owns = |number: &str| line.owns(&E164::parse(number).unwrap());
        assert!(owns("+49305550") && owns("+4930555123") && owns("+493077"));
        assert!(!owns("+4930771") && !owns("+49171555"));
    }

    #[test]
    fn half_a_line_and_numbers_that_could_be_anybody_s_are_refused() {
        let faults = |line: &str| told(&trunk(line)).join("\n");
        assert!(faults("named_by = 'preferred'").contains("callers who have none of the line"));
        for bad in ["'0305550'", "'+49305x'", "''"] {
            let line = format!("main = {bad}");
            assert!(!faults(&line).is_empty(), "{bad}");
            let line = format!("main = '+49305550'\nnumbers = [{bad}]");
            assert!(!faults(&line).is_empty(), "{bad}");
        }
        assert!(faults("main = '+49305550'\nnamed_by = 'from'").contains("no header field"));
    }

    #[test]
    fn the_template_knows_where_its_carrier_looks() {
        let text = "[[trunk]]\nname = 'a'\ntemplate = 'telekom-companyflex'\n\
                    target = '1.primary.companyflex.de'\n\
                    login = { user = '+49199', password = 'a long and secret text' }\n\
                    line = { main = '+49305550' }\n\
                    [[sip.listener]]\ntransport = 'tcp'\nbind = '0.0.0.0:5060'\n";
        let (config, _) = crate::read(text, "f").unwrap();
        let line = config.trunks.first().and_then(|trunk| trunk.line.as_ref()).unwrap();
        assert_eq!(line.named_by, NamedBy::Preferred);
    }
}
