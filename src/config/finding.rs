//! What is wrong with a configuration, said so that a technician can repair it without a manual:
//! where, which key, what is wrong, what to write instead.

use std::collections::BTreeMap;
use std::fmt;

/// Findings after this many are not told; the first ones show what kind of text it is.
pub(crate) const FINDINGS_MAX: usize = 100;

/// Whether the configuration can be used all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It can not: the previous configuration stays in force.
    Error,
    /// It can, but it may not do what was meant.
    Warning,
}

/// A place in the text, both counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Line.
    pub line: usize,
    /// Character in the line.
    pub column: usize,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Whether the configuration can be used.
    pub severity: Severity,
    /// The file, as the operator named it.
    pub file: String,
    /// Where.
    pub place: Place,
    /// The key with its section, `queue.alert`; empty when the text is not TOML.
    pub key: String,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub remedy: String,
}

impl Finding {
    /// Whether the configuration can not be used.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.file, self.place.line)?;
        match self.severity {
            Severity::Error => {}
            Severity::Warning => f.write_str("warning: ")?,
        }
        if !self.key.is_empty() {
            write!(f, "key `{}`: ", self.key)?;
        }
        write!(f, "{}; {}", self.what, self.remedy)
    }
}

/// What somebody who can read files has to say about a key that names one. It is told as a
/// warning: a box with one bad file serves those who do not need it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// The key, `trunk[0].certificate`.
    pub path: String,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub remedy: String,
}

/// What is wrong with one value, before anybody knows where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    pub(crate) what: String,
    pub(crate) remedy: String,
}

impl Wrong {
    pub(crate) fn new(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { what: what.into(), remedy: remedy.into() }
    }
}

/// Where each key of a document stands, by path: `queue[0].alert`.
#[derive(Debug, Default)]
pub(crate) struct Places {
    all: BTreeMap<String, Option<Place>>,
    /// Tables of the schema that are written in another form, and the path of that.
    elsewhere: BTreeMap<String, String>,
}

impl Places {
    /// Notes a key that was looked for, and where it is if it is there.
    pub(crate) fn note(&mut self, path: String, place: Option<Place>) {
        self.all.insert(path, place);
    }

    /// The table `path`, `account[7]`, has no keys of its own: it is written as `written`.
    pub(crate) fn is_written_at(&mut self, path: String, written: String) {
        self.elsewhere.insert(path, written);
    }

    /// The path by which the operator finds what the schema calls `path`.
    pub(crate) fn written<'p>(&'p self, path: &'p str) -> &'p str {
        let table = path.split_once('.').map_or(path, |(table, _)| table);
        self.elsewhere.get(table).map_or(path, String::as_str)
    }

    /// Where `path` stands; its section if the key is absent, the first line if that is too.
    pub(crate) fn of(&self, path: &str) -> Place {
        let mut path = path;
        loop {
            if let Some(Some(place)) = self.all.get(path) {
                return *place;
            }
            match path.rsplit_once(['.', '[']) {
                Some((parent, _)) => path = parent,
                None => return Place { line: 1, column: 1 },
            }
        }
    }

    /// Every key that was looked for, as the operator writes it, and whether it was there.
    #[cfg(test)]
    pub(crate) fn keys(&self) -> impl Iterator<Item = (String, bool)> {
        self.all.iter().map(|(path, place)| (shown(path), place.is_some()))
    }
}

/// The key of `path` as the operator writes it: without the positions in lists.
pub(crate) fn shown(path: &str) -> String {
    let mut inside = false;
    path.chars()
        .filter(|&c| {
            let keep = !inside && c != '[';
            inside = c == '[' || (inside && c != ']');
            keep
        })
        .collect()
}

/// Findings of one file, in the order in which they were made.
#[derive(Debug)]
pub(crate) struct Findings {
    file: String,
    list: Vec<Finding>,
    untold: usize,
}

impl Findings {
    pub(crate) fn new(file: &str) -> Self {
        Self { file: file.to_owned(), list: Vec::new(), untold: 0 }
    }

    pub(crate) fn push(&mut self, severity: Severity, place: Place, path: &str, wrong: Wrong) {
        if self.list.len() >= FINDINGS_MAX {
            self.untold += 1;
            return;
        }
        let Wrong { what, remedy } = wrong;
        let (file, key) = (self.file.clone(), shown(path));
        self.list.push(Finding { severity, file, place, key, what, remedy });
    }

    /// Whether none of them forbids to use the configuration.
    pub(crate) fn harmless(&self) -> bool {
        !self.list.iter().any(Finding::is_error)
    }

    /// All of them, down the file.
    pub(crate) fn into_list(mut self) -> Vec<Finding> {
        self.list.sort_by_key(|finding| finding.place);
        if let (Some(last), true) = (self.list.last().cloned(), self.untold > 0) {
            self.list.push(Finding {
                key: String::new(),
                what: format!("{} more findings are not shown", self.untold),
                remedy: "repair the ones above first".to_owned(),
                ..last
            });
        }
        self.list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_as_one_clear_message() {
        let mut findings = Findings::new("holdfast.toml");
        let at = |line| Place { line, column: 1 };
        let wrong = || Wrong::new("0s is no time", "write 18s");
        findings.push(Severity::Warning, at(9), "queue[0].alert", wrong());
        findings.push(Severity::Error, at(2), "", Wrong::new("not TOML", "write `key = value`"));
        assert!(!findings.harmless());
        let told: Vec<String> = findings.into_list().iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "holdfast.toml:2: not TOML; write `key = value`",
                "holdfast.toml:9: warning: key `queue.alert`: 0s is no time; write 18s",
            ]
        );
    }

    #[test]
    fn more_than_the_limit_are_counted_not_told() {
        let mut findings = Findings::new("f");
        for line in 1..=FINDINGS_MAX + 7 {
            findings.push(Severity::Error, Place { line, column: 1 }, "k", Wrong::new("w", "r"));
        }
        let told = findings.into_list();
        assert_eq!(told.len(), FINDINGS_MAX + 1);
        assert_eq!(
            told.last().map(|last| last.what.as_str()),
            Some("7 more findings are not shown")
        );
    }

    #[test]
    fn an_absent_key_stands_where_its_section_stands() {
        let mut places = Places::default();
        places.note("queue[0]".into(), Some(Place { line: 7, column: 1 }));
        places.note("queue[0].alert".into(), None);
        assert_eq!(places.of("queue[0].alert").line, 7);
        assert_eq!(places.of("sip.t1").line, 1);
    }
}
