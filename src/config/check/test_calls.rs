//! Test calls reach nobody who would have to answer them, and are placed where they say something.

use std::time::Duration;

use super::Check;
use crate::schema::{Endpoint, Trunk};
use crate::test_call::TestCall;
use crate::trunk_type::TrunkType;

/// More often they are a burden to the far end and to the charges.
const EVERY_LEAST: Duration = Duration::from_secs(60);
/// Whoever answers at all rings within this time; longer, a test takes a line from somebody.
const RING_MOST: Duration = Duration::from_secs(30);

impl Check<'_> {
    pub(super) fn test_calls(&mut self) {
        for (position, trunk) in self.config.trunks.iter().enumerate() {
            if let Some(test) = &trunk.test_call {
                self.test_call(&format!("trunk[{position}].test_call"), trunk, test);
            }
        }
    }

    fn test_call(&mut self, path: &str, trunk: &Trunk, test: &TestCall) {
        match trunk.kind {
            TrunkType::TeamsViaSbc => {}
            TrunkType::Carrier | TrunkType::Sbc | TrunkType::Pbx(_) | TrunkType::TeamsDirect(_) => {
                self.error(
                    path,
                    "OPTIONS say all that there is to know of this kind of trunk",
                    "take it away; it is for type = \"teams-via-sbc\"",
                )
            }
        }
        if trunk.targets.is_empty() {
            self.error(path, "there is nothing to call over", "add `target` to the trunk");
        }
        for (key, number) in [("number", Some(&test.number)), ("caller", test.caller.as_ref())] {
            let plain = number.filter(|number| !number.starts_with('+'));
            if let (Some(number), None) = (plain, &self.config.dial_plan.country) {
                self.error(
                    &format!("{path}.{key}"),
                    format!("`{number}` is no number with a plus, and Teams knows no other"),
                    "write it as the tenant has it, for example \"+49301234599\"",
                );
            }
        }
        self.rings_nobody(&format!("{path}.number"), trunk, &test.number);
        if test.every < EVERY_LEAST {
            let what = "the far end takes calls so often for an attack";
            self.error(&format!("{path}.every"), what, "write \"1m\" or more");
        }
        if test.ring > RING_MOST {
            let what = "nobody answers later who would not have rung long before";
            self.error(&format!("{path}.ring"), what, "write \"30s\" or less");
        }
    }

    fn rings_nobody(&mut self, path: &str, trunk: &Trunk, number: &str) {
        let digits = |number: &str| number.trim_start_matches('+').to_owned();
        let emergency = &self.config.emergency.numbers;
        if emergency.iter().any(|known| digits(known) == digits(number)) {
            let what = format!("`{number}` is an emergency number");
            self.error(path, what, "name an auto attendant or a resource account");
        }
        let rings = |endpoint: &Endpoint| match endpoint {
            Endpoint::Account(_) => false,
            Endpoint::Trunk { trunk: over, number: of } => *over == trunk.name && of == number,
        };
        let agent = self.config.agents.iter().find(|agent| agent.endpoints.iter().any(rings));
        if let Some(agent) = agent {
            let what = format!("it rings the agent `{}` again and again", agent.name);
            self.error(path, what, "name an auto attendant or a resource account");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::told;

    fn told_of(keys: &str, test: &str, more: &str) -> String {
        told(&format!(
            "[[trunk]]\nname = 'teams'\nnetworks = ['192.0.2.1']\n{keys}\n\
             test_call = {{ {test} }}\n{more}"
        ))
        .join("\n")
    }

    const SBC: &str = "type = 'teams-via-sbc'\ntarget = '192.0.2.1'";

    #[test]
    fn a_test_call_has_a_number_that_rings_nobody() {
        assert_eq!(told_of(SBC, "number = '+4930100', every = '5m', ring = '3s'", ""), "");
        let agent =
            "[[agent]]\nname = 'ann'\nendpoints = [{ trunk = 'teams', number = '+4930100' }]";
        for (keys, test, more, wrong) in [
            (SBC, "every = '5m'", "", "f:6: key `trunk.test_call`: it is not said which number"),
            (
                SBC,
                "number = '+112'",
                "[emergency]\nnumbers = ['112']\ntrunks = ['teams']",
                "key `trunk.test_call.number`: `+112` is an emergency number",
            ),
            (SBC, "number = '100'", "", "no number with a plus"),
            (SBC, "number = '+49301', caller = '7'", "", "key `trunk.test_call.caller`: `7` is no"),
            (SBC, "number = '+4930100'", agent, "rings the agent `ann`"),
            (SBC, "number = '+4930100', every = '59s'", "", "so often for an attack"),
            (SBC, "number = '+4930100', ring = '31s'", "", "rung long before"),
            ("type = 'sbc'\ntarget = '192.0.2.1'", "number = '+4930100'", "", "OPTIONS say all"),
            ("type = 'teams-via-sbc'", "number = '+4930100'", "", "nothing to call over"),
        ] {
            let told = told_of(keys, test, more);
            assert!(told.contains(wrong), "{wrong}: {told}");
        }
    }
}
