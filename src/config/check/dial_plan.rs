//! Dial plans: each form of a number has one meaning.

use super::Check;
use crate::dial_plan::{DialPlan, NumberForm};

impl Check<'_> {
    pub(super) fn dial_plans(&mut self) {
        let config = self.config;
        self.dial_plan("dial_plan", &config.dial_plan);
        for (position, trunk) in config.trunks.iter().enumerate() {
            if trunk.dial_plan != config.dial_plan {
                self.dial_plan(&format!("trunk[{position}].dial_plan"), &trunk.dial_plan);
            }
        }
    }

    fn dial_plan(&mut self, path: &str, plan: &DialPlan) {
        if !plan.national.is_empty() && plan.national == plan.international {
            self.error(
                &format!("{path}.national"),
                "a number of this country and one of another begin with the same digits",
                "set `international` to what is dialled before a country code, such as \"00\"",
            );
        }
        if plan.country.is_some() {
            return;
        }
        if plan.area.is_some() {
            let remedy = "add `country`";
            self.error(&format!("{path}.area"), "an area without its country", remedy);
        }
        match plan.sends {
            NumberForm::National => self.error(
                &format!("{path}.sends"),
                "without a country no number is known to be a national one",
                "add `country`",
            ),
            NumberForm::E164 | NumberForm::International | NumberForm::AsDialled => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::told;

    #[test]
    fn forms_of_numbers_are_told_apart() {
        let text = "
[dial_plan]
country = '049'
area = '0-30'
national = '+'
short_digits = 16
sends = 'E.164'
";
        assert_eq!(
            told(text),
            [
                "f:3: key `dial_plan.country`: `049` is not a country code; write its digits \
                 alone, for example \"49\"",
                "f:4: key `dial_plan.area`: `0-30` is not an area code; write its digits without \
                 the prefix, for example \"30\"",
                "f:5: key `dial_plan.national`: `+` can not stand before a number; write digits, \
                 for example \"0\" or \"00\", or \"\" for none",
                "f:6: key `dial_plan.short_digits`: 16 is out of range; write a number from 0 to \
                 15",
                "f:7: key `dial_plan.sends`: `E.164` is not a form of numbers; write \"e164\", \
                 \"national\", \"international\" or \"as_dialled\"",
            ]
        );
    }

    #[test]
    fn a_plan_is_whole() {
        let text = "
[dial_plan]
area = '30'
[[trunk]]
name = 'a'
networks = ['192.0.2.1']
dial_plan = { area = '', sends = 'national' }
[[trunk]]
name = 'b'
networks = ['192.0.2.2']
dial_plan = { country = '1', national = '1', international = '1' }
[[trunk]]
name = 'c'
networks = ['192.0.2.3']
";
        assert_eq!(
            told(text),
            [
                "f:3: key `dial_plan.area`: an area without its country; add `country`",
                "f:7: key `trunk.dial_plan.sends`: without a country no number is known to be a \
                 national one; add `country`",
                "f:11: key `trunk.dial_plan.national`: a number of this country and one of \
                 another begin with the same digits; set `international` to what is dialled \
                 before a country code, such as \"00\"",
            ]
        );
    }

    #[test]
    fn a_trunk_has_the_plan_of_the_site_but_for_what_it_says() {
        let text = "
[dial_plan]
country = '49'
area = '30'
[[trunk]]
name = 'a'
networks = ['192.0.2.1']
dial_plan = { area = '40' }
";
        let (config, _) = crate::read(text, "f").unwrap();
        let plan = &config.trunks.first().unwrap().dial_plan;
        assert_eq!((plan.country.as_deref(), plan.area.as_deref()), (Some("49"), Some("40")));
    }
}
