//! Header rules of a trunk: a short list of what is added, taken away or rewritten on the way in
//! and out. A list and no language: each rule looks at one field of one message.

use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

use crate::finding::Wrong;
use crate::kind::{self, Read};
use crate::section::Section;
use toml::de::DeValue;

/// Largest compiled pattern, in bytes: far above what a header field asks for.
const PATTERN_BYTES_MAX: usize = 1 << 18;
/// What a message needs to find its transaction, dialog and end. Who calls is for the dial plan.
const PROTECTED: [&str; 20] = [
    "via",
    "v",
    "route",
    "record-route",
    "from",
    "f",
    "to",
    "t",
    "call-id",
    "i",
    "cseq",
    "contact",
    "m",
    "content-length",
    "l",
    "content-type",
    "c",
    "max-forwards",
    "rseq",
    "rack",
];

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeaderRule {
    /// Which way.
    pub direction: Direction,
    /// Methods of the requests, and of the requests that responses belong to; none is all.
    pub methods: Vec<String>,
    /// The field.
    pub header: String,
    /// What is done.
    pub action: HeaderAction,
}

/// Which way a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// From the trunk to us.
    In,
    /// From us to the trunk.
    Out,
}

/// What a rule does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HeaderAction {
    /// One more line with this value.
    Add(String),
    /// Every line goes whose value fits; all of them without a pattern.
    Remove(Option<Pattern>),
    /// In every line what fits is replaced; `$1` is what the first parentheses found.
    Replace(Pattern, String),
}

/// A regular expression. Patterns are equal when they are written alike.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pattern(Regex);

impl Pattern {
    fn parse(text: &str) -> Result<Self, regex::Error> {
        RegexBuilder::new(text).size_limit(PATTERN_BYTES_MAX).build().map(Self)
    }

    /// Whether a value fits.
    #[must_use]
    pub fn fits(&self, value: &str) -> bool {
        self.0.is_match(value)
    }

    /// The value with what fits replaced.
    #[must_use]
    pub fn replace<'v>(&self, value: &'v str, by: &str) -> Cow<'v, str> {
        self.0.replace_all(value, by)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Eq for Pattern {}

impl TryFrom<String> for Pattern {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).map_err(|error| error.to_string())
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.0.as_str().to_owned()
    }
}

pub(crate) fn read(section: &mut Section<'_, '_, '_>) -> Option<HeaderRule> {
    let direction = section.must("direction", direction, "\"out\"");
    let methods = section.list("methods", method);
    let header = section.must("header", field, "\"X-Customer\"");
    let action = section.must("action", kind::some_text, "\"add\"");
    let pattern = section.may("pattern", pattern);
    let value = section.may("value", kind::text);
    let action = match (action.as_deref()?, pattern, value) {
        ("add", None, Some(value)) => HeaderAction::Add(value),
        ("remove", pattern, None) => HeaderAction::Remove(pattern),
        ("replace", Some(pattern), Some(value)) => HeaderAction::Replace(pattern, value),
        _ => {
            section.fault(Wrong::new(
                "a rule adds a value, removes what fits a pattern, or replaces it by a value",
                "write action = \"add\" with `value`, \"remove\" with `pattern` or without, or \
                 \"replace\" with both",
            ));
            return None;
        }
    };
    Some(HeaderRule { direction: direction?, methods, header: header?, action })
}

fn direction(value: &DeValue<'_>) -> Read<Direction> {
    match kind::text(value)?.as_str() {
        "in" => Ok(Direction::In),
        "out" => Ok(Direction::Out),
        other => {
            let what = format!("`{other}` is no direction");
            Err(Wrong::new(what, "write \"in\" for what comes from the trunk, or \"out\""))
        }
    }
}

fn method(value: &DeValue<'_>) -> Read<String> {
    let text = kind::text(value)?;
    let method = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_uppercase());
    let wrong = || Wrong::new(format!("`{text}` is no method"), "write for example \"INVITE\"");
    method.then(|| text.clone()).ok_or_else(wrong)
}

fn field(value: &DeValue<'_>) -> Read<String> {
    let text = kind::text(value)?;
    // RFC 3261 §25.1: header-name is a token; these are the characters of real ones.
    let token = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if text.is_empty() || !text.bytes().all(token) {
        let what = format!("`{text}` is no name of a header field");
        return Err(Wrong::new(what, "write for example \"X-Customer\""));
    }
    if PROTECTED.iter().any(|known| known.eq_ignore_ascii_case(&text)) {
        return Err(Wrong::new(
            format!("`{text}` is not for rules: without it as it is no dialog holds together"),
            "take the rule away; how numbers and callers are shown is set by `dial_plan` and \
             `withhold_caller`",
        ));
    }
    Ok(text)
}

fn pattern(value: &DeValue<'_>) -> Read<Pattern> {
    let text = kind::some_text(value)?;
    Pattern::parse(&text).map_err(|error| {
        let error = error.to_string();
        let why = error.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
        let remedy = "write a regular expression such as \"^<sip:(.*)@.*>$\"";
        Wrong::new(format!("`{text}` is no pattern: {why}"), remedy)
    })
}

#[cfg(test)]
mod tests {
    fn told(rule: &str) -> Vec<String> {
        let text =
            format!("[[trunk]]\nname = 'a'\nnetworks = ['192.0.2.1']\nheaders = [{{ {rule} }}]\n");
        match crate::read(&text, "f") {
            Ok(_) => Vec::new(),
            Err(findings) => findings.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn a_rule_is_whole_and_leaves_dialogs_alone() {
        for good in [
            "direction = 'in', header = 'X-A', action = 'remove'",
            "direction = 'in', header = 'X-A', action = 'remove', pattern = '^a'",
            "direction = 'out', methods = ['INVITE'], header = 'X-A', action = 'add', value = '1'",
            "direction = 'out', header = 'X-A', action = 'replace', pattern = '(.)', value = '$1'",
        ] {
            assert_eq!(told(good), Vec::<String>::new(), "{good}");
        }
        let whole = "a rule adds a value, removes what fits a pattern, or replaces it by a value";
        for (bad, why) in [
            ("direction = 'in', header = 'X-A', action = 'add'", whole),
            ("direction = 'in', header = 'X-A', action = 'replace', value = 'a'", whole),
            ("direction = 'in', header = 'X-A', action = 'run', value = 'a'", whole),
            ("direction = 'up', header = 'X-A', action = 'remove'", "`up` is no direction"),
            (
                "direction = 'in', methods = ['invite'], header = 'X-A', action = 'remove'",
                "`invite` is no method",
            ),
            ("direction = 'in', header = 'X A', action = 'remove'", "`X A` is no name"),
            ("direction = 'in', header = 'f', action = 'remove'", "`f` is not for rules"),
            (
                "direction = 'in', header = 'Record-Route', action = 'remove'",
                "`Record-Route` is not for rules: without it as it is no dialog holds together; \
                 take the rule away; how numbers and callers are shown is set by `dial_plan` and \
                 `withhold_caller`",
            ),
            (
                "direction = 'in', header = 'X-A', action = 'remove', pattern = '(a'",
                "`(a` is no pattern: unclosed group",
            ),
        ] {
            let told = told(bad);
            assert!(told.len() == 1 && told.iter().all(|it| it.contains(why)), "{bad}: {told:?}");
        }
    }
}
