//! What is counted of the contacts that were offered to a queue in one span of time. Spans are
//! added up, so every figure of any interval is made of these.

use holdfast_base::Wall;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use super::waits::Waits;
use crate::record::event::{OfferEnd, Outcome};

/// The two thresholds of a queue's figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thresholds {
    /// Answered after at most this wait is within the service level, in milliseconds.
    pub level_ms: u64,
    /// Abandoned after at most this wait does not count as abandoned, in milliseconds.
    pub short_ms: u64,
}

impl Default for Thresholds {
    /// 20 seconds, the usual service level; 5 seconds short abandon (QUEUEING.md 2.12).
    fn default() -> Self {
        Self { level_ms: 20_000, short_ms: 5_000 }
    }
}

/// The counts of a queue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// O: entered.
    pub offered: u64,
    /// How many had each outcome.
    pub outcomes: BTreeMap<Outcome, u64>,
    /// A_t: answered within the level.
    pub answered_in_level: u64,
    /// B_s: abandoned within the short threshold.
    pub abandoned_short: u64,
    /// B_t: abandoned after it, and within the level.
    pub abandoned_in_level: u64,
    /// Of the answered: the sum of their waits, in milliseconds, the longest, and their picture.
    pub answered_wait_ms: u64,
    /// Of the abandoned without the short ones: the sum of their waits.
    pub abandoned_wait_ms: u64,
    /// The longest wait of any outcome.
    pub longest_wait_ms: u64,
    /// The waits of the answered.
    pub waits: Waits,
    /// Time that agents talked and held.
    pub talk_ms: u64,
    /// Time that they wrapped up.
    pub wrap_up_ms: u64,
    /// Answered contacts of which a party was transferred.
    pub transferred: u64,
    /// Attempts to bring a contact to an agent.
    pub offers: u64,
    /// Those of them that were answered.
    pub offers_won: u64,
    /// How the others ended.
    pub offer_ends: BTreeMap<OfferEnd, u64>,
}

/// What an outcome is to the figures of QUEUEING.md 2.12.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// A.
    Answered,
    /// B.
    Abandoned,
    /// F: led elsewhere by a rule of the queue.
    FlowedOut,
    /// Ended by a person on the page or a fault of ours, or came while the queue was closed:
    /// neither for us nor against us.
    Aside,
}

impl Outcome {
    /// What it is to the figures.
    #[must_use]
    pub const fn class(self) -> Class {
        match self {
            Self::Answered => Class::Answered,
            Self::AbandonedShort | Self::Abandoned | Self::AbandonedRinging => Class::Abandoned,
            Self::OverflowFull | Self::OverflowTime | Self::OverflowEmpty => Class::FlowedOut,
            Self::Closed | Self::Pulled | Self::SystemFailed | Self::LostInCrash => Class::Aside,
        }
    }
}

impl Counts {
    /// A contact has left.
    pub(super) fn left(&mut self, outcome: Outcome, waited_ms: u64, thresholds: Thresholds) {
        *self.outcomes.entry(outcome).or_default() += 1;
        self.longest_wait_ms = self.longest_wait_ms.max(waited_ms);
        // QUEUEING.md 2.12: thresholds are compared with ≤.
        let in_level = waited_ms <= thresholds.level_ms;
        match outcome.class() {
            Class::Answered => {
                self.answered_wait_ms = self.answered_wait_ms.saturating_add(waited_ms);
                self.waits.add(waited_ms);
                self.answered_in_level += u64::from(in_level);
            }
            Class::Abandoned => {
                if outcome == Outcome::AbandonedShort || waited_ms <= thresholds.short_ms {
                    self.abandoned_short += 1;
                } else {
                    self.abandoned_wait_ms = self.abandoned_wait_ms.saturating_add(waited_ms);
                    self.abandoned_in_level += u64::from(in_level);
                }
            }
            Class::FlowedOut | Class::Aside => {}
        }
    }

    /// An offer has ended without an answer.
    pub(super) fn offer_ended(&mut self, why: OfferEnd) {
        *self.offer_ends.entry(why).or_default() += 1;
    }

    /// Adds another span.
    pub fn add(&mut self, other: &Self) {
        self.offered += other.offered;
        for (outcome, count) in &other.outcomes {
            *self.outcomes.entry(*outcome).or_default() += count;
        }
        self.answered_in_level += other.answered_in_level;
        self.abandoned_short += other.abandoned_short;
        self.abandoned_in_level += other.abandoned_in_level;
        self.answered_wait_ms = self.answered_wait_ms.saturating_add(other.answered_wait_ms);
        self.abandoned_wait_ms = self.abandoned_wait_ms.saturating_add(other.abandoned_wait_ms);
        self.longest_wait_ms = self.longest_wait_ms.max(other.longest_wait_ms);
        self.waits.merge(&other.waits);
        self.talk_ms = self.talk_ms.saturating_add(other.talk_ms);
        self.wrap_up_ms = self.wrap_up_ms.saturating_add(other.wrap_up_ms);
        self.transferred += other.transferred;
        self.offers += other.offers;
        self.offers_won += other.offers_won;
        for (why, count) in &other.offer_ends {
            *self.offer_ends.entry(*why).or_default() += count;
        }
    }

    /// How many have an outcome.
    #[must_use]
    pub fn over(&self) -> u64 {
        self.outcomes.values().sum()
    }

    /// How many have an outcome of this class.
    #[must_use]
    pub fn of(&self, class: Class) -> u64 {
        let mine = self.outcomes.iter().filter(|(outcome, _)| outcome.class() == class);
        mine.map(|(_, count)| count).sum()
    }

    /// How many offers ended so.
    #[must_use]
    pub fn offers_ended(&self, why: OfferEnd) -> u64 {
        self.offer_ends.get(&why).copied().unwrap_or(0)
    }
}

/// Quarter of an hour: the offsets of all time zones in use are multiples of it.
pub const QUARTER_SECONDS: i64 = 15 * 60;

/// The quarter of an hour that an instant lies in, counted from 1970.
#[must_use]
pub const fn quarter_of(wall: Wall) -> i64 {
    wall.seconds().div_euclid(QUARTER_SECONDS)
}

/// When a quarter begins.
#[must_use]
pub const fn start_of(quarter: i64) -> Wall {
    Wall::from_micros(quarter.saturating_mul(QUARTER_SECONDS * 1_000_000))
}
