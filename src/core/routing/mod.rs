//! Where a call leads, by which number it goes on, and why. Pure: the same question has the same
//! answer, whether a call asks it or a person who wants to know.

pub mod caller;
pub mod decide;
pub mod explain;
pub mod numbering;
pub mod share;
pub mod uri;

use holdfast_base::{EndpointName, TrunkName};
use holdfast_config::{Config, DialPlan};

/// Who sends a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A trunk, by its certificate, its network or its credentials.
    Trunk(TrunkName),
    /// A phone of ours, by its credentials.
    Account(EndpointName),
    /// Anybody else.
    Guest,
}

impl Origin {
    /// How this side writes numbers.
    #[must_use]
    pub fn dial_plan<'c>(&self, config: &'c Config) -> &'c DialPlan {
        match self {
            Self::Trunk(name) => {
                config.trunk(name).map_or(&config.dial_plan, |trunk| &trunk.dial_plan)
            }
            Self::Account(_) | Self::Guest => &config.dial_plan,
        }
    }
}
