//! Emergency numbers: what they are, and over which trunks they go out.

use holdfast_base::TrunkName;
use serde::{Deserialize, Serialize};

use crate::kind;
use crate::section::Section;

/// Emergency numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Emergency {
    /// The numbers as they are dialled and sent.
    pub numbers: Vec<String>,
    /// The trunks that lead there, best first.
    pub trunks: Vec<TrunkName>,
}

pub(crate) fn read(section: &mut Section<'_, '_, '_>) -> Emergency {
    Emergency {
        numbers: section.list("numbers", kind::dialled),
        trunks: section.list("trunks", |it| kind::name(it).map(|name| TrunkName::new(&name))),
    }
}
