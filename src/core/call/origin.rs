//! To whom a party belongs, how it writes numbers, and what it may do with its call.

use holdfast_base::{EndpointName, TrunkName};
use holdfast_config::{Config, DialPlan};
use holdfast_wire::sip::Headers;
use serde::{Deserialize, Serialize};

use super::io::Target;
use crate::sip::admit::{ALLOW, SUPPORTED_IN_DIALOGS, TRANSFER_EXTENSIONS};

/// To whom a party belongs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Origin {
    /// A trunk, by its certificate, its network or its credentials.
    Trunk(TrunkName),
    /// A phone of ours, by its credentials or its registration.
    Account(EndpointName),
    /// Anybody else.
    #[default]
    Guest,
}

impl Origin {
    /// Whoever is at this place.
    #[must_use]
    pub fn of(target: &Target) -> Self {
        match (&target.account, &target.trunk) {
            (Some(account), _) => Self::Account(account.clone()),
            (None, Some(trunk)) => Self::Trunk(trunk.clone()),
            (None, None) => Self::Guest,
        }
    }

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

    /// Whether it may transfer a party by REFER or take one's place by Replaces. It makes the box
    /// place calls, which cost money: never a stranger, and a trunk where its line says so.
    #[must_use]
    pub fn may_transfer(&self, config: &Config) -> bool {
        match self {
            Self::Account(_) => true,
            Self::Trunk(name) => config.trunk(name).is_some_and(|trunk| trunk.refer),
            Self::Guest => false,
        }
    }

    /// Completes what we say of ourselves to such a party. Allow names REFER only where it is
    /// served (RFC 3261 §20.5): Teams sends one to whoever names it, and transfers by itself else.
    pub fn complete(&self, config: &Config, headers: &mut Headers) {
        if self.may_transfer(config) {
            headers.set("Allow", format_args!("{ALLOW}, REFER"));
            let extensions = TRANSFER_EXTENSIONS.join(", ");
            headers.set("Supported", format_args!("{SUPPORTED_IN_DIALOGS}, {extensions}"));
        }
    }
}
