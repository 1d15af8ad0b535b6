//! Trunks to Microsoft Teams: what Direct Routing demands of them, and what this version lacks.

use super::Check;
use crate::dial_plan::NumberForm;
use crate::encryption::MediaEncryption;
use crate::listener::ListenerTransport;
use crate::schema::{Endpoint, Trunk};
use crate::target::TargetHost;
use crate::trunk_type::{HostName, TrunkType};

impl Check<'_> {
    pub(super) fn teams(&mut self) {
        for (position, trunk) in self.config.trunks.iter().enumerate() {
            match &trunk.kind {
                TrunkType::Carrier | TrunkType::Sbc | TrunkType::Pbx(_) => {}
                TrunkType::TeamsViaSbc => self.numbers_with_plus(position, trunk),
                TrunkType::TeamsDirect(name) => {
                    self.numbers_with_plus(position, trunk);
                    self.direct(position, trunk, name);
                }
            }
        }
        self.teams_endpoints();
    }

    fn numbers_with_plus(&mut self, position: usize, trunk: &Trunk) {
        if trunk.dial_plan.sends != NumberForm::E164 {
            self.error(
                &format!("trunk[{position}].dial_plan.sends"),
                "Teams takes numbers with a plus alone",
                "write \"e164\", or take the key away",
            );
        }
    }

    fn direct(&mut self, position: usize, trunk: &Trunk, name: &HostName) {
        let path = format!("trunk[{position}]");
        self.warn(
            &format!("{path}.type"),
            "a box is not certified by Microsoft for this",
            "take \"teams-via-sbc\" and the certified SBC of the site",
        );
        if trunk.media_encryption != MediaEncryption::Required {
            self.error(
                &format!("{path}.media_encryption"),
                "Teams takes encrypted audio (SRTP) alone",
                "set it to \"required\", or take the key away",
            );
        }
        if trunk.transport != ListenerTransport::Tls {
            let remedy = "set it to \"tls\", or take the key away";
            self.error(&format!("{path}.transport"), "Teams speaks TLS alone", remedy);
        }
        for (at, target) in trunk.targets.iter().enumerate() {
            match &target.host {
                TargetHost::Name(_) => {}
                TargetHost::Address(_) => self.error(
                    &format!("{path}.targets[{at}]"),
                    format!("no certificate of Teams speaks for the address {target}"),
                    "write the name, for example \"sip.pstnhub.microsoft.com:5061\"",
                ),
            }
        }
        if trunk.options_every.is_none() {
            self.warn(
                &format!("{path}.options_every"),
                "Teams sends no calls to a trunk that it has had no OPTIONS from for 5 minutes",
                "write \"1m\", or take the key away",
            );
        }
        let mut earlier = self.config.trunks.iter().take(position);
        let same = |other: &&Trunk| match &other.kind {
            TrunkType::TeamsDirect(theirs) => theirs == name,
            TrunkType::Carrier | TrunkType::Sbc | TrunkType::Pbx(_) | TrunkType::TeamsViaSbc => {
                false
            }
        };
        if let Some(other) = earlier.find(same) {
            self.error(
                &format!("{path}.advertise"),
                format!("the trunk `{}` has the same name towards Microsoft", other.name),
                "give each a name of its own: Microsoft tells trunks apart by nothing else",
            );
        }
    }

    /// Agents in Teams are reached by a number with a plus.
    fn teams_endpoints(&mut self) {
        let config = self.config;
        for (position, agent) in config.agents.iter().enumerate() {
            for (at, endpoint) in agent.endpoints.iter().enumerate() {
                let Endpoint::Trunk { trunk, number } = endpoint else { continue };
                let teams = config.trunk(trunk).is_some_and(|trunk| trunk.kind.is_teams());
                let plain = !number.starts_with('+') && config.dial_plan.country.is_none();
                if teams && plain {
                    self.error(
                        &format!("agent[{position}].endpoints[{at}]"),
                        format!("`{number}` is no number with a plus, and Teams knows no other"),
                        "write it as the tenant has it, for example \"+49301234567\"",
                    );
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::told;

    const TLS: &str = "[[sip.listener]]\ntransport = 'tls'\nbind = '0.0.0.0:5061'\n\
                       certificate = '/c'\nkey = '/k'\n";

    fn told_of(trunk: &str) -> Vec<String> {
        let all = told(&format!("{TLS}[[trunk]]\nname = 'a'\n{trunk}"));
        all.into_iter().filter(|told| !told.contains("certified")).collect()
    }

    #[test]
    fn a_direct_trunk_needs_little_and_is_warned_about() {
        let direct = "type = 'teams-direct'\nadvertise = 'sbc1.example.org'\n";
        assert_eq!(told_of(direct), Vec::<String>::new());
        let all = told(&format!("{TLS}[[trunk]]\nname = 'a'\n{direct}"));
        assert!(
            all.iter().any(|told| told.contains("warning") && told.contains("certified")),
            "{all:?}"
        );
    }

    #[test]
    fn a_name_is_no_address_and_addresses_no_targets() {
        let wrong = "type = 'teams-direct'\nadvertise = '192.0.2.1'\ntarget = '192.0.2.2:5061'\n";
        assert_eq!(
            told_of(wrong),
            ["f:6: key `trunk`: Teams answers 403 to a trunk that names itself by an address or \
              not at all; write into `advertise` the name in full that the tenant knows this box \
              by, for example \"sbc1.example.org\""]
        );
        let wrong = "type = 'teams-direct'\nadvertise = 'sbc1.example.org'\n\
                     target = '192.0.2.2:5061'\ntransport = 'udp'\noptions_every = 'never'\n\
                     media_encryption = 'preferred'\npeer_name = 'a.example'\n[trunk.dial_plan]\nsends = 'national'\n";
        let told = told_of(wrong).join("\n");
        for part in ["TLS alone", "speaks for the address", "had no OPTIONS", "plus alone", "SRTP"]
        {
            assert!(told.contains(part), "{part}: {told}");
        }
    }

    #[test]
    fn two_trunks_have_two_names_and_agents_in_teams_a_number_with_a_plus() {
        let direct = "type = 'teams-direct'\nadvertise = 'sbc1.example.org'\n";
        let text = format!(
            "{direct}[[trunk]]\nname = 'b'\n{direct}certificate = '/d'\nkey = '/e'\n\
             [[agent]]\nname = 'ann'\nendpoints = [{{ trunk = 'b', number = '117' }}]\n"
        );
        let told = told_of(&text).join("\n");
        assert!(told.contains("same name towards Microsoft"), "{told}");
        assert!(told.contains("`117` is no number with a plus"), "{told}");
    }

    #[test]
    fn a_dialect_is_that_of_a_pbx() {
        let text = "networks = ['192.0.2.1']\ndialect = 'cisco'\n";
        assert!(told_of(text).join("\n").contains("set `type` to \"pbx\""));
        let text = "networks = ['192.0.2.1']\ntype = 'pbx'\ndialect = 'siemens'\n";
        assert!(told_of(text).join("\n").contains("the dialect `siemens` is not known"));
    }
}
