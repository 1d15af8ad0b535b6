//! What the keys mean together. Each rule looks at the whole configuration, tells everything that
//! it finds at its line, and changes nothing.
//!
//! An error is what can not work or has two meanings; a warning is what works but is probably not
//! what was meant.

mod addresses;
mod calendars;
mod devices;
mod dial_plan;
mod distribution;
mod emergency;
mod encryption;
mod names;
mod networks;
mod order;
mod overflow;
mod passwords;
mod people;
mod phones;
mod registrations;
mod routes;
mod sessions;
mod supervision;
mod teams;
mod test_calls;
mod tls;

use std::collections::BTreeSet;

use crate::finding::{Findings, Places, Severity, Wrong};
use crate::schema::Config;
use crate::suggest;

/// Tells all that is wrong with `config`. Without `clips`, names of clips are taken on trust.
pub(crate) fn check(
    config: &Config,
    places: &Places,
    clips: Option<&BTreeSet<String>>,
    findings: &mut Findings,
) {
    let mut check = Check { config, places, findings };
    check.addresses();
    check.names();
    check.routes();
    check.networks();
    check.passwords();
    check.sessions();
    check.dial_plans();
    check.order();
    check.emergency();
    check.tls();
    check.encryption();
    check.registrations();
    check.teams();
    check.test_calls();
    check.people();
    check.supervision();
    check.distribution();
    check.overflow();
    check.calendars();
    check.devices();
    check.phones();
    if let Some(clips) = clips {
        check.clips(clips);
    }
}

/// A configuration under examination.
struct Check<'c> {
    config: &'c Config,
    places: &'c Places,
    findings: &'c mut Findings,
}

impl Check<'_> {
    fn error(&mut self, path: &str, what: impl Into<String>, remedy: impl Into<String>) {
        self.tell(Severity::Error, path, Wrong::new(what, remedy));
    }

    fn warn(&mut self, path: &str, what: impl Into<String>, remedy: impl Into<String>) {
        self.tell(Severity::Warning, path, Wrong::new(what, remedy));
    }

    fn tell(&mut self, severity: Severity, path: &str, wrong: Wrong) {
        let path = self.places.written(path);
        self.findings.push(severity, self.places.of(path), path, wrong);
    }

    /// Tells that `name` is not among the `known` things of one `kind`, unless it is.
    fn must_exist(&mut self, path: &str, kind: &str, name: &str, known: &BTreeSet<String>) {
        if known.contains(name) {
            return;
        }
        let remedy = match suggest::nearest(name, known.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("add a [[{kind}]] with this name, or take the name away"),
        };
        self.error(path, format!("there is no {kind} `{name}`"), remedy);
    }
}

/// A few lines of tests for all rules: what `text` is told, line by line, but for its trunks in the
/// clear, which most tests have.
#[cfg(test)]
pub(crate) fn told(text: &str) -> Vec<String> {
    let all = all_told(text).into_iter();
    all.filter(|told| !told.contains(encryption::CLEAR)).collect()
}

/// All of it.
#[cfg(test)]
pub(crate) fn all_told(text: &str) -> Vec<String> {
    let findings = match crate::read(text, "f") {
        Ok((_, warnings)) => warnings,
        Err(findings) => findings,
    };
    findings.iter().map(ToString::to_string).collect()
}
