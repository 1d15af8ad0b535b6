//! One telephone number has many forms: `0301234567` in Germany, `0049301234567` next door,
//! `+49301234567` everywhere. Inside of the box it has the last one (ITU-T E.164), wherever it is
//! certain; each side is spoken to in its own form.
//!
//! It refuses to guess: short numbers, names and whatever the dial plan does not explain stay as
//! they are.

use holdfast_base::E164;
use holdfast_config::{DialPlan, NumberForm};
use serde::{Deserialize, Serialize};

/// What begins with 0 and is no longer than this belongs to a PBX; the shortest numbers of a
/// country have six digits with their prefix (01 4000 in Vienna).
const ZERO_SHORT_DIGITS: u8 = 4;

/// What stands on the left side of a SIP address, and the number that it means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Number {
    written: String,
    meant: Option<E164>,
}

impl Number {
    /// Reads what a side wrote by its dial plan.
    #[must_use]
    pub fn read(plan: &DialPlan, written: &str) -> Self {
        Self { written: written.to_owned(), meant: meant(plan, written) }
    }

    /// A telephone number.
    #[must_use]
    pub fn whole(number: E164) -> Self {
        Self { written: number.as_str().to_owned(), meant: Some(number) }
    }

    /// A name or number that has no other form.
    #[must_use]
    pub fn plain(written: &str) -> Self {
        Self { written: written.to_owned(), meant: None }
    }

    /// As it came.
    #[must_use]
    pub fn written(&self) -> &str {
        &self.written
    }

    /// The telephone number, where it is certain.
    #[must_use]
    pub const fn meant(&self) -> Option<&E164> {
        self.meant.as_ref()
    }

    /// By what it is known here: the telephone number, or else what came.
    #[must_use]
    pub fn known_as(&self) -> &str {
        self.meant.as_ref().map_or(&self.written, E164::as_str)
    }

    /// As a side wants to have it. A form that this side would read as another number is left for
    /// the next longer one.
    #[must_use]
    pub fn for_side(&self, plan: &DialPlan) -> String {
        let Some(number) = &self.meant else { return self.written.clone() };
        let forms = match plan.sends {
            NumberForm::AsDialled => return self.written.clone(),
            NumberForm::E164 => [None, None],
            NumberForm::National => [national(plan, number), international(plan, number)],
            NumberForm::International => [international(plan, number), None],
        };
        let understood = |form: &String| meant(plan, form).as_ref() == Some(number);
        let chosen = forms.into_iter().flatten().find(understood);
        chosen.unwrap_or_else(|| number.as_str().to_owned())
    }
}

fn national(plan: &DialPlan, number: &E164) -> Option<String> {
    let rest = digits_of(number).strip_prefix(plan.country.as_deref()?)?;
    Some(format!("{}{rest}", plan.national))
}

fn international(plan: &DialPlan, number: &E164) -> Option<String> {
    let digits = digits_of(number);
    Some(format!("{}{digits}", plan.international))
}

fn digits_of(number: &E164) -> &str {
    number.as_str().trim_start_matches('+')
}

/// The number that a side means by what it wrote.
fn meant(plan: &DialPlan, written: &str) -> Option<E164> {
    // RFC 3966 §5.1.1: visual separators mean nothing; parameters are no part of the number.
    let number = written.split(';').next().unwrap_or_default();
    let text: String = number.chars().filter(|c| !matches!(c, '-' | '.' | '(' | ')')).collect();
    if text.starts_with('+') {
        return E164::parse(&text).ok();
    }
    let country = plan.country.as_deref()?;
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    // No service number begins with 0, and what is no prefix may still be one of a PBX.
    let short = if text.starts_with('0') { ZERO_SHORT_DIGITS } else { plan.short_digits };
    if !digits || text.len() <= usize::from(short) {
        return None;
    }
    let after = |prefix: &str| {
        let rest = text.strip_prefix(prefix)?;
        (!prefix.is_empty()).then_some(rest)
    };
    let full = if let Some(abroad) = after(&plan.international) {
        format!("+{abroad}")
    } else if let Some(within) = after(&plan.national) {
        format!("+{country}{within}")
    } else if plan.international.is_empty() {
        format!("+{text}")
    } else if plan.national.is_empty() {
        format!("+{country}{text}")
    } else {
        let area = plan.area.as_deref()?;
        format!("+{country}{area}{text}")
    };
    // No country code begins with 0 (ITU-T E.164 §6.2.1): it was a mistake in dialling.
    E164::parse(&full).ok().filter(|number| !digits_of(number).starts_with('0'))
}

#[cfg(test)]
mod tests {
    use super::Number;
    use holdfast_base::E164;
    use holdfast_config::{DialPlan, NumberForm};
    use proptest::prelude::*;

    fn plan(country: &str, area: &str) -> DialPlan {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        DialPlan { country: some(country), area: some(area), ..DialPlan::default() }
    }

    fn known(plan: &DialPlan, written: &str) -> String {
        Number::read(plan, written).known_as().to_owned()
    }

    #[test]
    fn germany() {
        let berlin = plan("49", "30");
        for (written, is) in [
            ("+49301234567", "+49301234567"),
            ("+49-30-1234567", "+49301234567"),
            ("0049301234567", "+49301234567"),
            ("0301234567", "+49301234567"),
            ("1234567", "+49301234567"),
            ("01715550123", "+491715550123"),
            ("0041445550123", "+41445550123"),
            // Service numbers, and a number within a PBX.
            ("110", "110"),
            ("112", "112"),
            ("115", "115"),
            ("116117", "116117"),
            ("230", "230"),
            // What is no number.
            ("welcome", "welcome"),
            ("*45", "*45"),
            ("0049030123456x", "0049030123456x"),
            ("00030123456", "00030123456"),
            ("00491234567890123456", "00491234567890123456"),
            ("+112", "+112"),
        ] {
            assert_eq!(known(&berlin, written), is, "{written}");
        }
        assert_eq!(known(&plan("49", ""), "1234567"), "1234567");
        assert_eq!(known(&plan("", ""), "0301234567"), "0301234567");
    }

    #[test]
    fn austria_and_switzerland() {
        let vienna = plan("43", "1");
        assert_eq!(known(&vienna, "014000"), "+4314000");
        assert_eq!(known(&vienna, "0140"), "0140");
        assert_eq!(known(&vienna, "0140008035"), "+43140008035");
        assert_eq!(known(&vienna, "40008035"), "+43140008035");
        assert_eq!(known(&vienna, "06641234567"), "+436641234567");
        assert_eq!(known(&vienna, "133"), "133");
        let switzerland = plan("41", "");
        assert_eq!(known(&switzerland, "0445550123"), "+41445550123");
        assert_eq!(known(&switzerland, "0041445550123"), "+41445550123");
        assert_eq!(known(&switzerland, "445550123"), "445550123");
        assert_eq!(known(&switzerland, "117"), "117");
    }

    #[test]
    fn plans_without_a_prefix() {
        let italy = DialPlan { national: String::new(), ..plan("39", "") };
        assert_eq!(known(&italy, "0612345678"), "+390612345678");
        assert_eq!(known(&italy, "00493012345"), "+493012345");
        let america = DialPlan {
            international: "011".to_owned(),
            national: "1".to_owned(),
            ..plan("1", "212")
        };
        assert_eq!(known(&america, "12125550123"), "+12125550123");
        assert_eq!(known(&america, "5550123"), "+12125550123");
        assert_eq!(known(&america, "011493012345"), "+493012345");
        let bare = DialPlan { international: String::new(), ..plan("49", "") };
        assert_eq!(known(&bare, "49301234567"), "+49301234567");
        assert_eq!(known(&bare, "0301234567"), "+49301234567");
    }

    #[test]
    fn each_side_has_its_form() {
        let site = plan("49", "30");
        let number = Number::read(&site, "0301234567");
        let abroad = Number::read(&site, "0041445550123");
        let sent =
            |number: &Number, sends| number.for_side(&DialPlan { sends, ..plan("49", "30") });
        for (form, here, there) in [
            (NumberForm::E164, "+49301234567", "+41445550123"),
            (NumberForm::National, "0301234567", "0041445550123"),
            (NumberForm::International, "0049301234567", "0041445550123"),
            (NumberForm::AsDialled, "0301234567", "0041445550123"),
        ] {
            assert_eq!(sent(&number, form), here);
            assert_eq!(sent(&abroad, form), there);
        }
        for form in [NumberForm::E164, NumberForm::National, NumberForm::International] {
            assert_eq!(sent(&Number::read(&site, "112"), form), "112");
            assert_eq!(sent(&Number::plain("anna"), form), "anna");
        }
        // 011 would be a number of a PBX, and 0030123456 one abroad.
        assert_eq!(sent(&Number::read(&site, "+4911"), NumberForm::National), "004911");
        assert_eq!(
            sent(&Number::read(&site, "+49030123456"), NumberForm::National),
            "0049030123456"
        );
    }

    prop_compose! {
        fn any_plan()(
            country in prop::option::of("[1-9][0-9]{0,2}"),
            area in prop::option::of("[0-9]{0,4}"),
            international in "[0-9]{0,3}",
            national in "[0-9]{0,2}",
            short_digits in 0_u8..8,
            sends in prop::sample::select(vec![
                NumberForm::E164, NumberForm::National, NumberForm::International,
            ]),
        ) -> DialPlan {
            DialPlan { country, area, international, national, short_digits, sends }
        }
    }

    proptest! {
        #[test]
        fn what_is_sent_is_read_as_the_same_number(
            theirs in any_plan(),
            digits in "[1-9][0-9]{1,14}",
        ) {
            let number = E164::parse(&format!("+{digits}")).unwrap();
            let sent = Number::read(&DialPlan::default(), number.as_str()).for_side(&theirs);
            let read = Number::read(&theirs, &sent);
            prop_assert_eq!(read.meant(), Some(&number), "sent as {}", sent);
        }

        #[test]
        fn reading_again_changes_nothing(plan in any_plan(), written in "[+0-9a-z*.-]{0,20}") {
            let once = Number::read(&plan, &written);
            let again = Number::read(&plan, once.known_as());
            prop_assert_eq!(once.known_as(), again.known_as());
        }
    }
}
