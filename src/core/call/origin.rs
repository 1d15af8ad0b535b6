//! To whom a party belongs, how it writes numbers, and what it may do with its call.

use holdfast_base::{EndpointName, TrunkName};
use holdfast_config::{Config, DialPlan, MediaEncryption, MediaKeys};
use holdfast_wire::sip::Headers;
use serde::{Deserialize, Serialize};

use super::io::Target;
use crate::dialect::Behaviour;
use crate::offer_answer::sdes::Manner;
use crate::sip::flow::{Flow, Transport};

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

    /// How it wants to be spoken to, and what it may do.
    #[must_use]
    pub fn behaviour(&self, config: &Config) -> Behaviour {
        match self {
            Self::Account(_) => Behaviour::of_phone(),
            Self::Trunk(name) => config.trunk(name).map_or(Behaviour::of_guest(), Behaviour::of),
            Self::Guest => Behaviour::of_guest(),
        }
    }

    /// How audio is encrypted towards it, where it is reached this way. Phones and strangers are
    /// asked for encryption where nobody else reads the keys, and taken without; what comes from a
    /// browser page (WebSocket) speaks nothing but DTLS-SRTP (RFC 8827 §6.5).
    #[must_use]
    pub fn media_encryption(&self, config: &Config, flow: &Flow) -> Manner {
        let (wish, by) = match flow.transport {
            Transport::Wss | Transport::Ws => (MediaEncryption::Preferred, MediaKeys::Dtls),
            Transport::Tls => (MediaEncryption::Preferred, MediaKeys::Sdes),
            Transport::Udp | Transport::Tcp => (MediaEncryption::Off, MediaKeys::Sdes),
        };
        let usual = Manner { wish, by, ice: false };
        match self {
            Self::Trunk(name) => config.trunk(name).map_or(usual, |trunk| Manner {
                wish: trunk.media_encryption,
                by: trunk.media_keys,
                ice: trunk.ice,
            }),
            Self::Account(name) => {
                let known = config.accounts.iter().find(|account| account.name == *name);
                Manner {
                    wish: known.and_then(|known| known.media_encryption).unwrap_or(wish),
                    by: known.and_then(|known| known.media_keys).unwrap_or(by),
                    ..usual
                }
            }
            Self::Guest => usual,
        }
    }

    /// Whether it may transfer a party by REFER, which makes the box place calls that cost money.
    #[must_use]
    pub fn may_transfer(&self, config: &Config) -> bool {
        self.behaviour(config).refer
    }

    /// Completes what we say of ourselves to such a party.
    pub fn complete(&self, config: &Config, headers: &mut Headers) {
        self.behaviour(config).complete(headers);
    }
}
