//! The appliance: the drivers wired to the site, from a state directory and a configuration.
//!
//! This is the only place where drivers and web page meet. `main` reads arguments and calls
//! [`start`]; the demonstration starts the same appliance beside a living branch.

mod appliance;
mod clips;
mod recordings;
mod settings;
mod trouble;

pub use appliance::{Appliance, Facts, Options, start};
pub use holdfast_drive::logging;
pub use settings::Origin;
pub use trouble::Trouble;

pub use holdfast_config::ical::Imported;
pub use holdfast_core::calendar::explain::Explanation as CalendarExplanation;
pub use holdfast_core::doctor::{Finding as DoctorsFinding, Weight};
pub use holdfast_core::rehearsal::Rehearsal;
pub use holdfast_core::routing::explain::{Case, Explanation};

use holdfast_base::Mono;
use holdfast_config::{Finding, Trunk, defaults, ical, scenario};
use holdfast_core::{calendar, rehearsal, routing};
use holdfast_drive::clock::Clock;
use std::path::Path;

/// Reads and checks a configuration without running it. The findings are warnings.
///
/// # Errors
/// When it would not be run.
pub fn check(origin: &Origin) -> Result<Vec<Finding>, Trouble> {
    let (_, findings, _) = settings::read_with_library(origin)?;
    Ok(findings)
}

/// Says which rule of a configuration would take a call, and why.
///
/// # Errors
/// When the configuration would not be run, or the case names what there is not.
pub fn explain(origin: &Origin, case: &Case) -> Result<Explanation, Trouble> {
    let (config, _, _) = settings::read_with_library(origin)?;
    let now = Clock::starting_at(Mono::default()).now().wall;
    routing::explain::explain(&config, case, now).map_err(|unclear| {
        Trouble::new(unclear.to_string(), "`holdfast route explain --help` shows the arguments")
    })
}

/// Says whether a calendar of a configuration is open at a time on its clock, now without one, and
/// when that changes.
///
/// # Errors
/// When the configuration would not be run, there is no such calendar, or the time is none.
pub fn explain_calendar(
    origin: &Origin,
    name: &str,
    at: Option<&str>,
) -> Result<CalendarExplanation, Trouble> {
    let (config, _, _) = settings::read_with_library(origin)?;
    let now = Clock::starting_at(Mono::default()).now().wall;
    calendar::explain::explain(&config, name, at, now).map_err(|unclear| {
        let names: Vec<&str> = config.calendars.iter().map(|it| it.name.as_str()).collect();
        let remedy = match names.as_slice() {
            [] => "add a [[calendar]] to the configuration".to_owned(),
            names => format!("the configuration has: {}", names.join(", ")),
        };
        Trouble::new(unclear.to_string(), remedy)
    })
}

/// Plays what a file says of callers and agents against a configuration, on the real engine.
///
/// # Errors
/// When the configuration would not be run, or the file can not be read or is refused.
pub fn simulate(origin: &Origin, file: &Path) -> Result<Rehearsal, Trouble> {
    let (config, _, _) = settings::read_with_library(origin)?;
    let text = settings::text_of(file)?;
    let now = Clock::starting_at(Mono::default()).now().wall;
    let scenario = scenario::read(&text, &file.display().to_string(), &config, now);
    let scenario = scenario.map_err(|findings| settings::refused(&findings, SCENARIO))?;
    Ok(rehearsal::play(&config, &scenario))
}

/// What to do about a scenario that is refused.
const SCENARIO: &str = "mend these lines; conf/scenario.toml is an example";

/// Reads the holidays of a calendar file (iCalendar) as a section of the configuration.
///
/// # Errors
/// When the file can not be read or is none, or the name can not stand in a configuration.
pub fn import_holidays(file: &Path, name: &str) -> Result<Imported, Trouble> {
    let text = settings::text_of_ical(file)?;
    let imported = ical::import(&text, name).map_err(|why| {
        let what = format!("{}: {why}", file.display());
        Trouble::new(what, "name a file in the format iCalendar (.ics)")
    })?;
    let read = holdfast_config::read(&imported.section, "").map(|_| imported);
    read.map_err(|_| {
        let what = format!("`{name}` can not be the name of a set of holidays");
        Trouble::new(what, "use letters without accents, digits, `-`, `_` and `.`")
    })
}

/// Looks at the trunks of a configuration, or at one of them, and says what is wrong with each.
///
/// # Errors
/// When the configuration would not be run, or there is no such trunk.
pub fn doctor(origin: &Origin, only: Option<&str>) -> Result<Vec<Examined>, Trouble> {
    let (config, _, _) = settings::read_with_library(origin)?;
    let meant = |trunk: &&Trunk| only.is_none_or(|name| trunk.name.as_str() == name);
    let trunks: Vec<&Trunk> = config.trunks.iter().filter(meant).collect();
    if let (Some(name), true) = (only, trunks.is_empty()) {
        let what = format!("there is no trunk `{name}`");
        return Err(Trouble::new(what, "write the name of a [[trunk]] of the configuration"));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime
        .map_err(|error| Trouble::new(format!("no resources: {error}"), "end other programs"))?;
    let look = |trunk: &Trunk| {
        let findings = runtime.block_on(holdfast_drive::doctor::examine(&config, trunk));
        Examined { trunk: trunk.name.to_string(), findings }
    };
    Ok(trunks.into_iter().map(look).collect())
}

/// What the doctor has found at one trunk.
#[derive(Clone, Debug)]
pub struct Examined {
    /// Its name.
    pub trunk: String,
    /// What was found, worst first.
    pub findings: Vec<DoctorsFinding>,
}

/// The embedded default document.
#[must_use]
pub const fn default_document() -> &'static str {
    defaults::DOCUMENT
}

/// What is usual with which carrier, for people.
#[must_use]
pub fn templates() -> String {
    holdfast_config::template::list()
}
