//! Who took part in something, as it is written down: sealed in the log, masked in print.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A number or address of a person. Prints masked; sealed in the log.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Subject(pub String);

/// From this many digits on, an address is taken for a telephone number.
pub const DIGITS_OF_A_NUMBER: usize = 5;

impl Subject {
    /// As people may see it while the call lives: numbers masked, names of phones and queues not.
    #[must_use]
    pub fn masked(&self) -> String {
        let digits = self.0.bytes().filter(u8::is_ascii_digit).count();
        if digits >= DIGITS_OF_A_NUMBER {
            holdfast_base::Private(&self.0).to_string()
        } else {
            self.0.clone()
        }
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", holdfast_base::Private(&self.0))
    }
}
