//! What an agent has done of late: calls answered today, and the time spent on them in the last
//! hour. Kept in slots of five minutes, so that it is small and has a bound by its form.

use holdfast_base::Mono;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// How fine the last hour is known.
pub const SLOT: Duration = Duration::from_secs(300);
/// How many slots count: an hour (QUEUEING.md 2.5, rolling 60 min).
pub const SLOTS: u64 = 12;

/// The work of one agent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workload {
    /// The day of the last answer, counted from 1970-01-01 at the site, and how many on it.
    answered: (i64, u32),
    /// Time by the slot in which it ended.
    slots: BTreeMap<u64, Spent>,
}

/// Time spent on calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Spent {
    talk_ms: u64,
    wrap_up_ms: u64,
}

impl Workload {
    /// A call was answered on this day.
    pub fn answer(&mut self, day: i64) {
        self.answered = (day, self.answered_on(day).saturating_add(1));
    }

    /// Calls answered on this day.
    #[must_use]
    pub const fn answered_on(&self, day: i64) -> u32 {
        if self.answered.0 == day { self.answered.1 } else { 0 }
    }

    /// A conversation is over.
    pub fn talked(&mut self, now: Mono, time: Duration) {
        let spent = self.slot(now);
        spent.talk_ms = spent.talk_ms.saturating_add(millis(time));
    }

    /// Wrap-up is over.
    pub fn wrapped_up(&mut self, now: Mono, time: Duration) {
        let spent = self.slot(now);
        spent.wrap_up_ms = spent.wrap_up_ms.saturating_add(millis(time));
    }

    /// Milliseconds of talk that ended in the last hour.
    #[must_use]
    pub fn talk_ms(&self, now: Mono) -> u64 {
        self.last_hour(now).map(|spent| spent.talk_ms).sum()
    }

    /// Milliseconds of talk and wrap-up that ended in the last hour.
    #[must_use]
    pub fn occupied_ms(&self, now: Mono) -> u64 {
        self.last_hour(now).map(|spent| spent.talk_ms.saturating_add(spent.wrap_up_ms)).sum()
    }

    fn last_hour(&self, now: Mono) -> impl Iterator<Item = &Spent> {
        self.slots.range(oldest(now)..).map(|(_, spent)| spent)
    }

    fn slot(&mut self, now: Mono) -> &mut Spent {
        self.slots.retain(|slot, _| *slot >= oldest(now));
        self.slots.entry(index(now)).or_default()
    }
}

fn index(now: Mono) -> u64 {
    now.millis() / millis(SLOT)
}

/// The oldest slot that counts.
fn oldest(now: Mono) -> u64 {
    (index(now) + 1).saturating_sub(SLOTS)
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::{SLOTS, Workload};
    use holdfast_base::Mono;
    use std::time::Duration;

    fn minute(minute: u64) -> Mono {
        Mono::from_micros(minute * 60_000_000)
    }

    #[test]
    fn talk_counts_for_an_hour_and_an_answer_until_midnight() {
        let mut work = Workload::default();
        work.talked(minute(3), Duration::from_secs(100));
        work.wrapped_up(minute(4), Duration::from_secs(10));
        work.talked(minute(58), Duration::from_secs(7));
        assert_eq!((work.talk_ms(minute(59)), work.occupied_ms(minute(59))), (107_000, 117_000));
        assert_eq!(work.talk_ms(minute(60)), 7_000);
        assert_eq!(work.occupied_ms(minute(120)), 0);
        work.answer(20_000);
        work.answer(20_000);
        assert_eq!((work.answered_on(20_000), work.answered_on(20_001)), (2, 0));
        work.answer(20_001);
        assert_eq!((work.answered_on(20_000), work.answered_on(20_001)), (0, 1));
    }

    #[test]
    fn a_year_of_work_is_no_more_than_an_hour_of_slots() {
        let mut work = Workload::default();
        for at in 0..10_000 {
            work.talked(minute(at), Duration::from_secs(30));
        }
        assert_eq!(work.slots.len() as u64, SLOTS);
    }
}
