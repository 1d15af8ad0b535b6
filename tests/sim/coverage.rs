//! Which cells of the state tables were hit, over all runs.

use holdfast_core::site::Site;

#[cfg(feature = "trace-arms")]
use holdfast_core::sip::transaction::Arm;
#[cfg(feature = "trace-arms")]
use std::collections::BTreeMap;

/// Hits by cell.
#[derive(Debug, Default)]
pub struct Arms {
    #[cfg(feature = "trace-arms")]
    hits: BTreeMap<Arm, u64>,
}

impl Arms {
    /// Takes the counts of a site that is thrown away.
    pub fn take_from(&mut self, site: Site) {
        drop(site);
    }
}
