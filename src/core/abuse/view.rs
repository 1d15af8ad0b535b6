//! The picture of bans for the page, the API and the metrics.

use holdfast_base::{Mono, Wall};
use serde::{Deserialize, Serialize};

use super::Guard;
use super::ban::Ban;

/// Bans in one picture: the newest. All are counted.
const SHOWN_MAX: usize = 100;

/// Who is kept out now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AbuseView {
    /// Bans in force.
    pub banned: u64,
    /// The newest of them, newest first.
    pub bans: Vec<BanView>,
    /// Sources that are watched.
    pub watched: u64,
    /// Bans since the start of the process.
    pub bans_begun: u64,
    /// Messages of banned sources that were not read, since the start.
    pub dropped_banned: u64,
    /// Messages that were not read because their source sent too many, since the start.
    pub dropped_too_many: u64,
}

/// One ban.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BanView {
    /// The address, or the /64 of IPv6.
    pub source: String,
    /// Its first address, which names it in orders.
    pub address: String,
    /// For what, in a few words.
    pub why: String,
    /// Since when.
    pub since: Wall,
    /// How long it goes on.
    pub left_ms: u64,
    /// Which ban of this source it is, from 1.
    pub times: u32,
    /// The last of what it did, oldest first.
    pub evidence: Vec<EvidenceView>,
}

/// Something that was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceView {
    /// When.
    pub at: Wall,
    /// What, in a sentence.
    pub what: String,
}

impl Guard {
    /// What people may see now.
    #[must_use]
    pub fn view(&self, now: Mono) -> AbuseView {
        let mut bans: Vec<&Ban> = self.bans.values().filter(|ban| ban.is_in_force(now)).collect();
        let banned = count(bans.len());
        bans.sort_by_key(|ban| std::cmp::Reverse((ban.since.mono, ban.source)));
        bans.truncate(SHOWN_MAX);
        AbuseView {
            banned,
            bans: bans.into_iter().map(|ban| ban_view(now, ban)).collect(),
            watched: count(self.sources.len()),
            bans_begun: self.totals.bans,
            dropped_banned: self.totals.dropped_banned,
            dropped_too_many: self.totals.dropped_too_many,
        }
    }
}

fn ban_view(now: Mono, ban: &Ban) -> BanView {
    let evidence = ban.evidence.iter();
    BanView {
        source: ban.source.to_string(),
        address: ban.source.first().to_string(),
        why: ban.why().to_owned(),
        since: ban.since.wall,
        left_ms: u64::try_from(ban.until.since(now).as_millis()).unwrap_or(u64::MAX),
        times: ban.times,
        evidence: evidence
            .map(|it| EvidenceView { at: it.at, what: it.what.to_string() })
            .collect(),
    }
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
