//! The appliance: the drivers wired to the site, from a state directory and a configuration.
//!
//! This is the only place where drivers and web page meet. `main` reads arguments and calls
//! [`start`]; the demonstration starts the same appliance beside a living branch.

mod appliance;
mod clips;
mod settings;
mod trouble;

pub use appliance::{Appliance, Facts, Options, start};
pub use holdfast_drive::logging;
pub use settings::Origin;
pub use trouble::Trouble;

pub use holdfast_core::routing::explain::{Case, Explanation};

use holdfast_base::Mono;
use holdfast_config::{Finding, defaults};
use holdfast_core::routing;
use holdfast_drive::clock::Clock;

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
