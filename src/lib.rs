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

use holdfast_config::{Finding, defaults};

/// Reads and checks a configuration without running it. The findings are warnings.
///
/// # Errors
/// When it would not be run.
pub fn check(origin: &Origin) -> Result<Vec<Finding>, Trouble> {
    let (_, findings, _) = settings::read_with_library(origin)?;
    Ok(findings)
}

/// The embedded default document.
#[must_use]
pub const fn default_document() -> &'static str {
    defaults::DOCUMENT
}
