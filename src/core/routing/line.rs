//! Which number of a carrier's line a call names, whoever it is for.
//!
//! The carrier charges a call to one of the numbers that it has given out, and passes on who calls
//! beside it (3GPP TS 24.607 §4.3 has both: an identity that the network knows, and one that the
//! user provides). What a line is stands in `holdfast_config::Line`.

use holdfast_config::Trunk;

use super::numbering::Number;

/// The number of the line that stands for `number`: itself where it is one of them, else the main
/// one. None where the trunk has no line.
#[must_use]
pub fn standing_for(trunk: &Trunk, number: &Number) -> Option<Number> {
    let line = trunk.line.as_ref()?;
    let own = number.meant().is_some_and(|number| line.owns(number));
    Some(if own { number.clone() } else { Number::whole(line.main.clone()) })
}

#[cfg(test)]
mod tests {
    use super::{Number, standing_for};

    #[test]
    fn a_number_of_the_line_stands_for_itself_and_the_main_one_for_all_others() {
        let text = "[[trunk]]\nname = 'a'\nnetworks = ['192.0.2.1']\n\
                    [trunk.line]\nmain = '+49305550'\nnumbers = ['+4930555*']\n\
                    [trunk.dial_plan]\ncountry = '49'\nsends = 'national'\n\
                    [[trunk]]\nname = 'b'\nnetworks = ['192.0.2.2']\n";
        let (config, _) = holdfast_config::read(text, "f").unwrap();
        let [a, b] = &config.trunks[..] else { panic!("two trunks") };
        let stands = |written: &str| {
            let number = Number::read(&a.dial_plan, written);
            standing_for(a, &number).map(|number| number.for_side(&a.dial_plan))
        };
        assert_eq!(stands("030555123").as_deref(), Some("030555123"));
        assert_eq!(stands("+491715550").as_deref(), Some("0305550"));
        assert_eq!(stands("anonymous").as_deref(), Some("0305550"));
        assert_eq!(standing_for(b, &Number::plain("+49305550")), None);
    }
}
