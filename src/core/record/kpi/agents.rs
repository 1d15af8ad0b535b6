//! What agents did, by the quarter of an hour in which they did it.
//!
//! Calls, offers and wrap-up are counted when they end, over the quarters that they lasted; the
//! time on duty is counted whenever a quarter is over.

use holdfast_base::{Mono, Now, Wall};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

use super::counts::{QUARTER_SECONDS, quarter_of};
use crate::record::event::{Duty, OfferEnd};

/// Quarters that one fact is spread over at the most: a conversation of two days.
const SPREAD_MAX: i64 = 4 * 48;

/// The counts of an agent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentCounts {
    /// On duty or in a break: everything but logged out.
    pub logged_in_ms: u64,
    /// On duty.
    pub on_duty_ms: u64,
    /// Being called.
    pub ringing_ms: u64,
    /// Talking and holding.
    pub talk_ms: u64,
    /// Wrapping up.
    pub wrap_up_ms: u64,
    /// Calls that were brought to the agent.
    pub offers: u64,
    /// Those that the agent answered.
    pub answered: u64,
    /// Those that the agent let ring out: misses.
    pub missed: u64,
    /// Those that the agent refused.
    pub declined: u64,
    /// Answered calls that are over.
    pub done: u64,
}

impl AgentCounts {
    /// Adds another span.
    pub fn add(&mut self, other: &Self) {
        self.logged_in_ms += other.logged_in_ms;
        self.on_duty_ms += other.on_duty_ms;
        self.ringing_ms += other.ringing_ms;
        self.talk_ms += other.talk_ms;
        self.wrap_up_ms += other.wrap_up_ms;
        self.offers += other.offers;
        self.answered += other.answered;
        self.missed += other.missed;
        self.declined += other.declined;
        self.done += other.done;
    }
}

/// An agent as the fold knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    pub(super) quarters: BTreeMap<i64, AgentCounts>,
    presence: Presence,
    /// Since when a phone of the agent is being called.
    ringing: Option<Mono>,
    /// Up to when the time on duty is counted.
    counted: Option<Now>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Presence {
    #[default]
    LoggedOut,
    Break,
    OnDuty,
}

impl Counted {
    /// Duty has changed.
    pub(super) fn duty(&mut self, now: Now, duty: &Duty) {
        self.count_duty(now);
        self.presence = match duty {
            Duty::OnDuty => Presence::OnDuty,
            Duty::OffDuty(reason) if reason.is_empty() => Presence::LoggedOut,
            Duty::OffDuty(_) => Presence::Break,
        };
    }

    /// Counts the time on duty up to now.
    pub(super) fn count_duty(&mut self, now: Now) {
        let Some(since) = self.counted.replace(now) else { return };
        let span = now.mono.since(since.mono);
        let (logged_in, on_duty) = match self.presence {
            Presence::LoggedOut => return,
            Presence::Break => (true, false),
            Presence::OnDuty => (true, true),
        };
        self.spread(now.wall, span, |counts, ms| {
            counts.logged_in_ms += if logged_in { ms } else { 0 };
            counts.on_duty_ms += if on_duty { ms } else { 0 };
        });
    }

    /// A call is being brought to the agent.
    pub(super) fn reserved(&mut self, now: Now) {
        self.ringing = Some(now.mono);
        self.quarter(now.wall).offers += 1;
    }

    /// The agent has answered it.
    pub(super) fn won(&mut self, now: Now) {
        self.rang(now);
        self.quarter(now.wall).answered += 1;
    }

    /// It has ended without an answer.
    pub(super) fn offer_ended(&mut self, now: Now, why: OfferEnd) {
        self.rang(now);
        let counts = self.quarter(now.wall);
        match why {
            OfferEnd::Rona => counts.missed += 1,
            OfferEnd::Declined => counts.declined += 1,
            OfferEnd::Busy
            | OfferEnd::Unreachable
            | OfferEnd::DeviceFailed
            | OfferEnd::CallerLeft
            | OfferEnd::LostRace
            | OfferEnd::NotTaken
            | OfferEnd::Withdrawn
            | OfferEnd::LostInCrash => {}
        }
    }

    /// A conversation is over.
    pub(super) fn talked(&mut self, now: Now, ms: u64) {
        self.quarter(now.wall).done += 1;
        self.spread(now.wall, Duration::from_millis(ms), |counts, ms| counts.talk_ms += ms);
    }

    /// Wrap-up is over.
    pub(super) fn wrapped_up(&mut self, now: Now, ms: u64) {
        self.spread(now.wall, Duration::from_millis(ms), |counts, ms| counts.wrap_up_ms += ms);
    }

    fn rang(&mut self, now: Now) {
        let Some(since) = self.ringing.take() else { return };
        let span = now.mono.since(since);
        self.spread(now.wall, span, |counts, ms| counts.ringing_ms += ms);
    }

    fn quarter(&mut self, wall: Wall) -> &mut AgentCounts {
        self.quarters.entry(quarter_of(wall)).or_default()
    }

    /// Gives each quarter its part of a span that ends at `end`. Both ends are cut to milliseconds
    /// of the wall clock, so that the parts of spans which follow each other add up.
    fn spread(&mut self, end: Wall, span: Duration, count: impl Fn(&mut AgentCounts, u64)) {
        const QUARTER_MS: i64 = QUARTER_SECONDS * 1000;
        let span_us = i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
        let until = end.micros().div_euclid(1000);
        let from = end.micros().saturating_sub(span_us).div_euclid(1000);
        let last = until.div_euclid(QUARTER_MS);
        let first = from.div_euclid(QUARTER_MS).max(last - SPREAD_MAX);
        for quarter in first..=last {
            let begin = from.max(quarter.saturating_mul(QUARTER_MS));
            let end = until.min(quarter.saturating_add(1).saturating_mul(QUARTER_MS));
            if let Ok(ms @ 1..) = u64::try_from(end - begin) {
                count(self.quarters.entry(quarter).or_default(), ms);
            }
        }
    }
}
