//! How one side writes telephone numbers: phones here, or the network behind a trunk.

use serde::{Deserialize, Serialize};

use crate::kind;
use crate::section::Section;

/// The most digits of a short number: 116 117 has six, subscribers' numbers with their prefix more.
const SHORT_DIGITS: u8 = 6;
/// ITU-T E.164 §6.1: no number is longer.
const SHORT_DIGITS_MOST: u8 = 15;

/// The dial plan of one side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DialPlan {
    /// Country code. Without one only numbers with a plus are read; all others stay as they are.
    pub country: Option<String>,
    /// Area code without its prefix, where a number without any prefix is one of that area.
    pub area: Option<String>,
    /// What stands before a country code. When empty, a number without any prefix begins with one.
    pub international: String,
    /// What stands before a number of the same country. When empty, its numbers have no prefix.
    pub national: String,
    /// Numbers of up to so many digits that do not begin with 0 are service or internal numbers,
    /// which have no other form.
    pub short_digits: u8,
    /// The form of numbers that are sent to this side.
    pub sends: NumberForm,
}

/// One of the forms that a number has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NumberForm {
    /// `+49301234567`.
    E164,
    /// `0301234567` within the country, else as `International`.
    National,
    /// `0049301234567`.
    International,
    /// The form in which it came.
    AsDialled,
}

impl Default for DialPlan {
    fn default() -> Self {
        Self {
            country: None,
            area: None,
            international: "00".to_owned(),
            national: "0".to_owned(),
            short_digits: SHORT_DIGITS,
            sends: NumberForm::AsDialled,
        }
    }
}

/// Reads a dial plan; what it does not say is as in `otherwise`.
pub(crate) fn read(section: &mut Section<'_, '_, '_>, otherwise: &DialPlan) -> DialPlan {
    DialPlan {
        country: section.or("country", kind::country, otherwise.country.clone()),
        area: section.or("area", kind::area, otherwise.area.clone()),
        international: section.or("international", kind::prefix, otherwise.international.clone()),
        national: section.or("national", kind::prefix, otherwise.national.clone()),
        short_digits: section.or(
            "short_digits",
            kind::whole(0, SHORT_DIGITS_MOST),
            otherwise.short_digits,
        ),
        sends: section.or("sends", kind::number_form, otherwise.sends),
    }
}
