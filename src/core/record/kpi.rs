//! The figures of the queues (QUEUEING.md 2.12) as an incremental fold of the event log.
//!
//! Figures are attributed to the time at which a contact was *offered* to its queue, in quarters of
//! an hour: every time zone's midnight falls on one, so "today" is a sum of quarters and the fold
//! itself knows no zone and no clock. Because a contact is counted in one quarter only, offered =
//! Σ outcomes + in progress holds for each quarter and each sum of them
//! ([`KpiFold::check_conservation`]).
//!
//! The thresholds are part of the fold. A reload of the configuration changes them for what comes
//! after it; the next start folds everything anew under them ([`KpiFold::thresholds`] tells).

use holdfast_base::limits::CONTACTS_MAX;
use holdfast_base::{ContactId, QueueName, Wall};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::Range;

use super::event::{Event, Fact, Outcome};
use crate::view::QueueFigures;

/// Quarter of an hour: the offsets of all time zones in use are multiples of it.
const QUARTER_SECONDS: i64 = 15 * 60;
/// Quarters kept for each queue: two days and an hour for the change of the clocks.
const QUARTERS_MAX: usize = 4 * 49;
/// Most contacts in progress: twice what the site can hold, so that it is reached only when ends
/// are missing from a damaged log. Then the oldest counts as lost.
const WAITING_MAX: usize = 2 * CONTACTS_MAX;

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

/// The figures of every queue.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct KpiFold {
    thresholds: BTreeMap<QueueName, Thresholds>,
    queues: BTreeMap<QueueName, Counted>,
    waiting: BTreeMap<ContactId, Waiting>,
}

/// What is counted for one queue.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Counted {
    ever: Counts,
    quarters: BTreeMap<i64, Counts>,
}

/// What is counted for one span of time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Counts {
    offered: u64,
    outcomes: BTreeMap<Outcome, u64>,
    answered_in_level: u64,
    abandoned_short: u64,
    answered_wait_ms: u64,
    longest_wait_ms: u64,
}

/// A contact in a queue and the quarter in which it was offered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Waiting {
    queue: QueueName,
    quarter: i64,
}

/// The figures of a queue do not add up: a fault of this fold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotConserved {
    /// The queue.
    pub queue: QueueName,
    /// Start of the quarter; none for the totals.
    pub quarter: Option<Wall>,
    /// Contacts offered.
    pub offered: u64,
    /// Contacts with an outcome.
    pub left: u64,
    /// Contacts in progress.
    pub in_progress: u64,
}

impl KpiFold {
    /// An empty fold under these thresholds; a queue that is not named has the default ones.
    #[must_use]
    pub fn new(thresholds: BTreeMap<QueueName, Thresholds>) -> Self {
        Self { thresholds, ..Self::default() }
    }

    /// The thresholds of all these figures.
    #[must_use]
    pub const fn thresholds(&self) -> &BTreeMap<QueueName, Thresholds> {
        &self.thresholds
    }

    /// From the next event on, other thresholds apply. What was counted stays as it was counted.
    pub fn set_thresholds(&mut self, thresholds: BTreeMap<QueueName, Thresholds>) {
        self.thresholds = thresholds;
    }

    /// Takes the next event of the log.
    pub fn apply(&mut self, event: &Event) {
        match &event.fact {
            Fact::Enqueued { contact, call: _, queue } => {
                self.offered(*contact, queue, quarter_of(event.at.wall));
            }
            Fact::ContactLeft { contact, queue: _, outcome, waited_ms } => {
                self.left(*contact, *outcome, *waited_ms);
            }
            Fact::Started { .. }
            | Fact::CallArrived { .. }
            | Fact::Emergency { .. }
            | Fact::CallAnswered { .. }
            | Fact::LegStarted { .. }
            | Fact::LegAnswered { .. }
            | Fact::LegEnded { .. }
            | Fact::TransferAsked { .. }
            | Fact::TransferEnded { .. }
            | Fact::CallEnded { .. }
            | Fact::LedOn { .. }
            | Fact::NotLedOn { .. }
            | Fact::QueueClosed { .. }
            | Fact::QueueOpened { .. }
            | Fact::Reserved { .. }
            | Fact::OfferRinging { .. }
            | Fact::OfferWon { .. }
            | Fact::OfferEnded { .. }
            | Fact::AgentDone { .. }
            | Fact::WrapUpEnded { .. }
            | Fact::DutyChanged { .. }
            | Fact::Ungated { .. }
            | Fact::TrunkDown { .. }
            | Fact::LoginRefused { .. }
            | Fact::LoginAccepted { .. }
            | Fact::Registered { .. }
            | Fact::RegistrationLost { .. }
            | Fact::PhoneTakenOver { .. }
            | Fact::PhoneLedBack { .. }
            | Fact::TrunkUp { .. }
            | Fact::Banned { .. }
            | Fact::BanEnded { .. }
            | Fact::TrunkAlarm { .. }
            | Fact::DrainChanged { .. }
            | Fact::TestCallPlaced { .. }
            | Fact::TestCallEnded { .. }
            | Fact::NothingInCommon { .. }
            | Fact::Transcoded { .. }
            | Fact::NotTranscoded { .. }
            | Fact::Supervision { .. }
            | Fact::Configured { .. } => {}
        }
    }

    /// The figures of one day, from its midnight (local or UTC) up to the next one.
    #[must_use]
    pub fn during(&self, queue: &QueueName, day: Range<Wall>) -> QueueFigures {
        let day = quarter_of(day.start)..quarter_of(day.end);
        if day.is_empty() {
            return QueueFigures::default();
        }
        let mut sum = Counts::default();
        if let Some(counted) = self.queues.get(queue) {
            for counts in counted.quarters.range(day.clone()).map(|(_, counts)| counts) {
                sum.add(counts);
            }
        }
        figures(sum, self.in_progress(queue, |quarter| day.contains(&quarter)))
    }

    /// The figures of everything in the log.
    #[must_use]
    pub fn ever(&self, queue: &QueueName) -> QueueFigures {
        let counts = self.queues.get(queue).map(|counted| counted.ever.clone());
        figures(counts.unwrap_or_default(), self.in_progress(queue, |_| true))
    }

    /// The law of conservation: offered = Σ outcomes + in progress, for every queue, in every
    /// quarter kept and in the totals.
    ///
    /// # Errors
    /// The first place where it does not hold.
    pub fn check_conservation(&self) -> Result<(), NotConserved> {
        for (queue, counted) in &self.queues {
            let ever = (None, &counted.ever, self.in_progress(queue, |_| true));
            let quarters = counted.quarters.iter().map(|(&quarter, counts)| {
                let start = Wall::from_micros(quarter.saturating_mul(QUARTER_SECONDS * 1_000_000));
                (Some(start), counts, self.in_progress(queue, |waiting| waiting == quarter))
            });
            for (quarter, counts, in_progress) in std::iter::once(ever).chain(quarters) {
                let (offered, left) = (counts.offered, counts.outcomes.values().sum());
                if offered != left + in_progress {
                    let queue = queue.clone();
                    return Err(NotConserved { queue, quarter, offered, left, in_progress });
                }
            }
        }
        Ok(())
    }

    fn offered(&mut self, contact: ContactId, queue: &QueueName, quarter: i64) {
        if self.waiting.contains_key(&contact) {
            return; // told twice: the first counts
        }
        if self.waiting.len() >= WAITING_MAX
            && let Some((&oldest, _)) = self.waiting.first_key_value()
        {
            self.left(oldest, Outcome::LostInCrash, 0);
        }
        self.waiting.insert(contact, Waiting { queue: queue.clone(), quarter });
        let counted = self.queues.entry(queue.clone()).or_default();
        counted.ever.offered += 1;
        counted.quarters.entry(quarter).or_default().offered += 1;
        if counted.quarters.len() > QUARTERS_MAX {
            counted.quarters.pop_first();
        }
    }

    fn left(&mut self, contact: ContactId, outcome: Outcome, waited_ms: u64) {
        let Some(Waiting { queue, quarter }) = self.waiting.remove(&contact) else {
            return; // never offered (its record was damaged) or told twice
        };
        let thresholds = self.thresholds.get(&queue).copied().unwrap_or_default();
        let Some(counted) = self.queues.get_mut(&queue) else { return };
        counted.ever.count(outcome, waited_ms, thresholds);
        // The quarter may have been let go: the contact waited for two days.
        if let Some(counts) = counted.quarters.get_mut(&quarter) {
            counts.count(outcome, waited_ms, thresholds);
        }
    }

    fn in_progress(&self, queue: &QueueName, in_span: impl Fn(i64) -> bool) -> u64 {
        let waiting = self.waiting.values();
        let here = waiting.filter(|waiting| waiting.queue == *queue && in_span(waiting.quarter));
        here.fold(0, |count, _| count + 1)
    }
}

impl Counts {
    fn count(&mut self, outcome: Outcome, waited_ms: u64, thresholds: Thresholds) {
        *self.outcomes.entry(outcome).or_default() += 1;
        self.longest_wait_ms = self.longest_wait_ms.max(waited_ms);
        match outcome {
            Outcome::Answered => {
                self.answered_wait_ms = self.answered_wait_ms.saturating_add(waited_ms);
                // QUEUEING.md 2.12: thresholds are compared with ≤.
                self.answered_in_level += u64::from(waited_ms <= thresholds.level_ms);
            }
            Outcome::AbandonedShort => self.abandoned_short += 1,
            Outcome::Abandoned | Outcome::AbandonedRinging => {
                self.abandoned_short += u64::from(waited_ms <= thresholds.short_ms);
            }
            Outcome::OverflowFull
            | Outcome::OverflowTime
            | Outcome::OverflowEmpty
            | Outcome::Closed
            | Outcome::Pulled
            | Outcome::SystemFailed
            | Outcome::LostInCrash => {}
        }
    }

    fn add(&mut self, other: &Self) {
        self.offered += other.offered;
        for (&outcome, count) in &other.outcomes {
            *self.outcomes.entry(outcome).or_default() += count;
        }
        self.answered_in_level += other.answered_in_level;
        self.abandoned_short += other.abandoned_short;
        self.answered_wait_ms = self.answered_wait_ms.saturating_add(other.answered_wait_ms);
        self.longest_wait_ms = self.longest_wait_ms.max(other.longest_wait_ms);
    }

    /// A_t / (A + B − B_s + F) in thousandths, rounded down (QUEUEING.md 2.12). What a person on
    /// the page or a fault of ours ended is neither abandoned nor a flow-out, nor is who called
    /// while the queue was closed.
    fn service_level_permille(&self) -> Option<u32> {
        let count = |outcome| self.outcomes.get(&outcome).copied().unwrap_or(0);
        let answered = count(Outcome::Answered);
        let abandoned = count(Outcome::AbandonedShort)
            + count(Outcome::Abandoned)
            + count(Outcome::AbandonedRinging);
        let flowed_out = count(Outcome::OverflowFull)
            + count(Outcome::OverflowTime)
            + count(Outcome::OverflowEmpty);
        let counted = answered + abandoned.saturating_sub(self.abandoned_short) + flowed_out;
        let permille = self.answered_in_level.saturating_mul(1000).checked_div(counted)?;
        u32::try_from(permille).ok()
    }
}

const fn quarter_of(wall: Wall) -> i64 {
    wall.seconds().div_euclid(QUARTER_SECONDS)
}

fn figures(counts: Counts, in_progress: u64) -> QueueFigures {
    QueueFigures {
        service_level_permille: counts.service_level_permille(),
        offered: counts.offered,
        outcomes: counts.outcomes,
        in_progress,
        answered_in_level: counts.answered_in_level,
        answered_wait_ms: counts.answered_wait_ms,
        longest_wait_ms: counts.longest_wait_ms,
    }
}

#[cfg(test)]
mod tests {
    use super::{KpiFold, QUARTERS_MAX, Thresholds, WAITING_MAX};
    use crate::record::event::{Event, Fact, Outcome};
    use crate::view::QueueFigures;
    use holdfast_base::{CallId, ContactId, Lsn, Mono, Now, QueueName, Wall};
    use proptest::prelude::{Just, Strategy, prop, prop_oneof, proptest};
    use std::collections::BTreeMap;

    const HOUR: i64 = 3600;

    fn event(second: i64, fact: Fact) -> Event {
        let wall = Wall::from_micros(second * 1_000_000);
        Event { lsn: Lsn(1), at: Now { mono: Mono::from_micros(0), wall }, fact }
    }

    fn sales() -> QueueName {
        QueueName::new("sales")
    }

    fn enqueued(contact: u64) -> Fact {
        Fact::Enqueued { contact: ContactId(contact), call: CallId(contact), queue: sales() }
    }

    fn left(contact: u64, outcome: Outcome, waited_ms: u64) -> Fact {
        Fact::ContactLeft { contact: ContactId(contact), queue: sales(), outcome, waited_ms }
    }

    fn fold_of(contacts: &[(Outcome, u64)]) -> KpiFold {
        let mut fold = KpiFold::default();
        for (contact, (outcome, waited_ms)) in (1..).zip(contacts) {
            fold.apply(&event(0, enqueued(contact)));
            fold.apply(&event(1, left(contact, *outcome, *waited_ms)));
            fold.apply(&event(2, left(contact, *outcome, *waited_ms)));
        }
        fold
    }

    fn line(figures: &QueueFigures) -> String {
        format!(
            "offered {} {:?} in progress {} in level {} waits {} longest {} level {:?}",
            figures.offered,
            figures.outcomes,
            figures.in_progress,
            figures.answered_in_level,
            figures.answered_wait_ms,
            figures.longest_wait_ms,
            figures.service_level_permille
        )
    }

    #[test]
    fn service_level_leaves_short_abandons_out_and_counts_flow_outs() {
        let fold = fold_of(&[
            (Outcome::Answered, 20_000),
            (Outcome::Answered, 20_001),
            (Outcome::AbandonedShort, 1000),
            (Outcome::AbandonedRinging, 5000),
            (Outcome::Abandoned, 5001),
            (Outcome::OverflowTime, 90_000),
            (Outcome::OverflowFull, 0),
            (Outcome::Pulled, 0),
        ]);
        // 1 of 2 answered + 3 abandoned − 2 short + 2 flow-outs = 1 of 5.
        assert_eq!(
            line(&fold.ever(&sales())),
            "offered 8 {Answered: 2, AbandonedShort: 1, Abandoned: 1, AbandonedRinging: 1, \
             OverflowFull: 1, OverflowTime: 1, Pulled: 1} in progress 0 in level 1 waits 40001 \
             longest 90000 level Some(200)"
        );
        assert_eq!(fold.check_conservation(), Ok(()));
    }

    #[test]
    fn thresholds_come_from_the_configuration() {
        let strict = BTreeMap::from([(sales(), Thresholds { level_ms: 10, short_ms: 0 })]);
        let mut fold = KpiFold::new(strict);
        fold.apply(&event(0, enqueued(1)));
        fold.apply(&event(0, left(1, Outcome::Answered, 11)));
        assert_eq!(fold.ever(&sales()).service_level_permille, Some(0));
        assert_eq!(fold.ever(&QueueName::new("other")).service_level_permille, None);
    }

    #[test]
    fn a_day_counts_what_was_offered_in_it() {
        let mut fold = KpiFold::default();
        let midnight = 23 * HOUR; // of a zone one hour ahead of UTC
        fold.apply(&event(midnight - 1, enqueued(1)));
        fold.apply(&event(midnight, enqueued(2)));
        fold.apply(&event(midnight + 1, left(1, Outcome::Answered, 2000)));
        fold.apply(&event(midnight + 24 * HOUR, enqueued(3)));
        let wall = |second: i64| Wall::from_micros(second * 1_000_000);
        let day = |midnight: i64| {
            line(&fold.during(&sales(), wall(midnight)..wall(midnight + 24 * HOUR)))
        };
        assert_eq!(
            day(midnight - 24 * HOUR),
            "offered 1 {Answered: 1} in progress 0 in level 1 waits 2000 longest 2000 \
             level Some(1000)"
        );
        let waiting = "offered 1 {} in progress 1 in level 0 waits 0 longest 0 level None";
        assert_eq!([day(midnight), day(midnight + 24 * HOUR)], [waiting; 2]);
    }

    #[test]
    fn old_quarters_are_let_go_and_the_totals_stay() {
        let mut fold = KpiFold::default();
        let quarters = i64::try_from(QUARTERS_MAX).unwrap() + 1;
        for (contact, quarter) in (1..).zip(0..quarters) {
            fold.apply(&event(quarter * 900, enqueued(contact)));
        }
        fold.apply(&event(0, left(1, Outcome::Abandoned, 9000)));
        assert_eq!(fold.queues[&sales()].quarters.len(), QUARTERS_MAX);
        assert_eq!(fold.ever(&sales()).offered, u64::try_from(quarters).unwrap());
        assert_eq!(fold.check_conservation(), Ok(()));
    }

    #[test]
    fn contacts_without_an_end_count_as_lost_at_the_limit() {
        let mut fold = KpiFold::default();
        let contacts = u64::try_from(WAITING_MAX).unwrap() + 1;
        for contact in 1..=contacts {
            fold.apply(&event(0, enqueued(contact)));
        }
        let figures = fold.ever(&sales());
        assert_eq!(figures.in_progress, contacts - 1);
        assert_eq!(figures.outcomes, BTreeMap::from([(Outcome::LostInCrash, 1)]));
    }

    #[test]
    fn the_law_notices_a_contact_that_is_counted_twice() {
        let mut fold = fold_of(&[(Outcome::Answered, 1)]);
        fold.queues.get_mut(&sales()).unwrap().ever.offered += 1;
        let broken = fold.check_conservation().unwrap_err();
        assert_eq!((broken.offered, broken.left, broken.in_progress), (2, 1, 0));
    }

    fn any_fact() -> impl Strategy<Value = Fact> {
        let outcome = prop_oneof![
            Just(Outcome::Answered),
            Just(Outcome::Abandoned),
            Just(Outcome::OverflowTime),
            Just(Outcome::LostInCrash),
        ];
        prop_oneof![
            (1..20_u64).prop_map(enqueued),
            (1..20_u64, outcome, 0..30_000_u64)
                .prop_map(|(contact, outcome, waited_ms)| left(contact, outcome, waited_ms)),
        ]
    }

    proptest! {
        #[test]
        fn figures_add_up_and_a_checkpoint_changes_nothing(
            facts in prop::collection::vec((any_fact(), -90_000..90_000_i64), 0..80),
            cut in 0..80_usize,
        ) {
            let (mut whole, mut resumed) = (KpiFold::default(), KpiFold::default());
            for (index, (fact, second)) in facts.into_iter().enumerate() {
                if index == cut {
                    let checkpoint = serde_json::to_vec(&resumed).unwrap();
                    resumed = serde_json::from_slice(&checkpoint).unwrap();
                }
                let event = event(second, fact);
                whole.apply(&event);
                resumed.apply(&event);
                assert_eq!(whole.check_conservation(), Ok(()));
            }
            assert_eq!(whole, resumed);
        }
    }
}
