//! One ban: since when, until when, and for what.

use holdfast_base::{Mono, Now, Wall};
use serde::{Deserialize, Serialize};
use std::time::Duration;

use super::offence::Offence;
use super::source::Source;

/// Offences that are kept as evidence: the last ones.
pub const EVIDENCE_MAX: usize = 8;
/// How much longer each further ban is than the one before.
const GROWTH: u32 = 2;
/// Growth stops mattering here: 2^16 times ten minutes is more than a year.
const TIMES_MAX: u32 = 16;

/// Something that was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// When.
    pub at: Wall,
    /// What.
    pub what: Offence,
}

/// Somebody whose messages are not read. It is remembered for as long again as it has lasted, so
/// that whoever begins anew is banned for longer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ban {
    /// Who.
    pub source: Source,
    /// Since when.
    pub since: Now,
    /// Until when.
    pub until: Mono,
    /// Which ban of this source it is, from 1.
    pub times: u32,
    /// The last of what it did.
    pub evidence: Vec<Evidence>,
}

impl Ban {
    /// The ban that follows `before`, which is over.
    #[must_use]
    pub fn begun(
        now: Now,
        source: Source,
        before: Option<&Self>,
        (first, longest): (Duration, Duration),
        evidence: Vec<Evidence>,
    ) -> Self {
        let times = before.map_or(0, |before| before.times).saturating_add(1);
        let growth = GROWTH.saturating_pow(times.min(TIMES_MAX) - 1);
        let lasts = first.saturating_mul(growth).min(longest.max(first));
        Self { source, since: now, until: now.mono + lasts, times, evidence }
    }

    /// Whether it holds.
    #[must_use]
    pub fn is_in_force(&self, now: Mono) -> bool {
        now < self.until
    }

    /// How long it lasts in all.
    #[must_use]
    pub fn lasts(&self) -> Duration {
        self.until.since(self.since.mono)
    }

    /// Until when it is remembered.
    #[must_use]
    pub fn remembered_until(&self) -> Mono {
        self.until + self.lasts()
    }

    /// For what, in a few words.
    #[must_use]
    pub fn why(&self) -> &'static str {
        let weightiest = self.evidence.iter().max_by_key(|it| it.what.points());
        weightiest.map_or("unknown", |it| it.what.kind())
    }
}
