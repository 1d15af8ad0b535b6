//! Scripts and properties of the figures.

use super::report::{Asked, Question, Report, Reporter};
use super::{KpiFold, QUARTERS_MAX, Thresholds, WAITING_MAX};
use crate::record::event::{
    Duty, DutyChangedBy, Event, Fact, OfferEnd, Outcome, Subject, TransferKind,
};
use crate::view::QueueFigures;
use holdfast_base::{
    AgentName, CallId, ContactId, EndpointName, LegId, Lsn, Mono, Now, OfferId, QueueName, Wall,
};
use holdfast_config::{Endpoint, Zone};
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
        drop(fold.apply(&event(0, enqueued(contact))));
        drop(fold.apply(&event(1, left(contact, *outcome, *waited_ms))));
        drop(fold.apply(&event(2, left(contact, *outcome, *waited_ms))));
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
    drop(fold.apply(&event(0, enqueued(1))));
    drop(fold.apply(&event(0, left(1, Outcome::Answered, 11))));
    assert_eq!(fold.ever(&sales()).service_level_permille, Some(0));
    assert_eq!(fold.ever(&QueueName::new("other")).service_level_permille, None);
}

#[test]
fn a_day_counts_what_was_offered_in_it() {
    let mut fold = KpiFold::default();
    let midnight = 23 * HOUR; // of a zone one hour ahead of UTC
    drop(fold.apply(&event(midnight - 1, enqueued(1))));
    drop(fold.apply(&event(midnight, enqueued(2))));
    drop(fold.apply(&event(midnight + 1, left(1, Outcome::Answered, 2000))));
    drop(fold.apply(&event(midnight + 24 * HOUR, enqueued(3))));
    let wall = |second: i64| Wall::from_micros(second * 1_000_000);
    let day =
        |midnight: i64| line(&fold.during(&sales(), wall(midnight)..wall(midnight + 24 * HOUR)));
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
        drop(fold.apply(&event(quarter * 900, enqueued(contact))));
    }
    drop(fold.apply(&event(0, left(1, Outcome::Abandoned, 9000))));
    assert_eq!(fold.queues[&sales()].quarters.len(), QUARTERS_MAX);
    assert_eq!(fold.ever(&sales()).offered, u64::try_from(quarters).unwrap());
    assert_eq!(fold.check_conservation(), Ok(()));
}

#[test]
fn contacts_without_an_end_count_as_lost_at_the_limit() {
    let mut fold = KpiFold::default();
    let contacts = u64::try_from(WAITING_MAX).unwrap() + 1;
    for contact in 1..=contacts {
        drop(fold.apply(&event(0, enqueued(contact))));
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
            assert_eq!(whole.apply(&event), resumed.apply(&event));
            assert_eq!(whole.check_conservation(), Ok(()));
        }
        assert_eq!(whole, resumed);
    }
}

/// Both clocks at a second of 2026-11-23, local time of Kolkata: half an hour off everybody else.
fn kolkata(time: &str) -> Now {
    let zone = Zone::named("Asia/Kolkata").unwrap();
    let wall = zone.instant(&format!("2026-11-23T{time}")).unwrap();
    let mono = Mono::from_micros(u64::try_from(wall.micros() - 1_700_000_000_000_000).unwrap());
    Now { mono, wall }
}

fn anna() -> AgentName {
    AgentName::new("anna")
}

fn duty(reason: Option<&str>) -> Fact {
    let duty = reason.map_or(Duty::OnDuty, |reason| Duty::OffDuty(reason.to_owned()));
    Fact::DutyChanged { agent: anna(), duty, by: DutyChangedBy::Page }
}

fn reserved(offer: u64, contact: u64) -> Fact {
    let endpoint = Endpoint::Account(EndpointName::new("phone"));
    let (offer, contact) = (OfferId(offer), ContactId(contact));
    Fact::Reserved { offer, contact, agent: anna(), endpoint }
}

fn ended(offer: u64, contact: u64, why: OfferEnd) -> Fact {
    Fact::OfferEnded { offer: OfferId(offer), contact: ContactId(contact), agent: anna(), why }
}

fn won(offer: u64, contact: u64) -> Fact {
    Fact::OfferWon { offer: OfferId(offer), contact: ContactId(contact), agent: anna() }
}

/// A morning: two calls, a miss, a break.
fn morning() -> KpiFold {
    let transfer = Fact::TransferAsked {
        call: CallId(1),
        leg: LegId(1),
        by: Subject("anna".to_owned()),
        to: Subject("ben".to_owned()),
        kind: TransferKind::Blind,
    };
    let done = |talked_ms| Fact::AgentDone { agent: anna(), contact: ContactId(1), talked_ms };
    let mut fold = KpiFold::default();
    for (time, fact) in [
        ("08:00:00", duty(None)),
        ("08:59:50", enqueued(1)),
        ("08:59:50", reserved(1, 1)),
        ("09:00:08", ended(1, 1, OfferEnd::Rona)),
        ("09:00:40", reserved(2, 1)),
        ("09:00:50", won(2, 1)),
        ("09:00:50", left(1, Outcome::Answered, 60_000)),
        ("09:05:00", transfer.clone()),
        ("09:05:01", transfer),
        ("09:20:50", done(1_200_000)),
        ("09:21:50", Fact::WrapUpEnded { agent: anna(), took_ms: 60_000 }),
        ("09:30:00", duty(Some("lunch"))),
        ("10:00:00", duty(Some(""))),
        ("10:10:00", enqueued(2)),
        ("10:10:04", left(2, Outcome::Abandoned, 4_000)),
        ("10:20:00", enqueued(3)),
        ("10:20:30", left(3, Outcome::Abandoned, 30_000)),
        ("10:29:00", enqueued(4)),
    ] {
        drop(fold.apply(&Event { lsn: Lsn(1), at: kolkata(time), fact }));
    }
    fold
}

fn report(fold: &KpiFold, by: &str, interval: &str) -> Report {
    let (by, interval) = (by.to_owned(), interval.to_owned());
    let asked = Asked { by, interval, from: "2026-11-23".to_owned(), ..Asked::default() };
    let (zone, now) = (Zone::named("Asia/Kolkata").unwrap(), kolkata("10:30:00"));
    let mut reporter = Reporter::new(Question::read(&asked, &zone, now.wall).unwrap()).unwrap();
    for quarter in fold.quarters(now, reporter.span()) {
        reporter.take(quarter).unwrap();
    }
    reporter.finish()
}

/// The figures of each row that are named.
fn told(report: &Report, names: &[&str]) -> Vec<String> {
    let row = |row: &super::report::Row| {
        let shown = |name: &&str| {
            let value = row.figures[*name];
            value.map_or_else(|| "-".to_owned(), |value| value.to_string())
        };
        let values: Vec<String> = names.iter().map(shown).collect();
        format!("{}: {}", &row.local[4..20], values.join(" "))
    };
    report.rows.iter().map(row).collect()
}

#[test]
fn a_contact_counts_where_it_was_offered_with_all_that_follows() {
    let fold = morning();
    let names = [
        "offered",
        "answered",
        "abandoned",
        "abandoned_short",
        "in_progress",
        "service_level_permille",
        "abandon_rate_permille",
        "average_wait_ms",
        "average_wait_of_abandoned_ms",
        "average_handling_ms",
        "rona_rate_permille",
        "transfer_rate_permille",
        "offer_efficiency_permille",
    ];
    assert_eq!(
        told(&report(&fold, "queue", "1h"), &names),
        [
            "2026-11-23 08:00: 1 1 0 0 0 0 0 60000 - 1260000 500 1000 500",
            "2026-11-23 10:00: 3 0 2 1 1 0 500 - 30000 - - - -",
        ]
    );
    assert_eq!(
        told(&report(&fold, "queue", "1d"), &names),
        ["2026-11-23 00:00: 4 1 2 1 1 0 333 60000 30000 1260000 500 1000 500"]
    );
    assert_eq!(
        told(&report(&fold, "queue", "30m"), &["offered", "hung_up_in_level_permille"]),
        ["2026-11-23 08:30: 1 -", "2026-11-23 10:00: 3 500"]
    );
}

#[test]
fn an_agent_counts_where_it_was_done_and_the_parts_add_up() {
    let fold = morning();
    let names = ["logged_in_ms", "on_duty_ms", "ringing_ms", "talk_ms", "wrap_up_ms", "missed"];
    assert_eq!(
        told(&report(&fold, "agent", "30m"), &names),
        [
            "2026-11-23 08:00: 1800000 1800000 0 0 0 0",
            "2026-11-23 08:30: 1800000 1800000 10000 0 0 0",
            "2026-11-23 09:00: 1800000 1800000 18000 1200000 60000 1",
            "2026-11-23 09:30: 1800000 0 0 0 0 0",
        ]
    );
    let shares = ["occupancy_permille", "utilisation_permille", "average_handling_ms"];
    // 28 + 1200 + 60 s of 90 minutes on duty, 1260 s of two hours logged in.
    assert_eq!(told(&report(&fold, "agent", "1d"), &shares), ["2026-11-23 00:00: 238 175 1260000"]);
}

#[test]
fn a_day_that_is_not_over_counts_up_to_now() {
    let mut fold = KpiFold::default();
    drop(fold.apply(&Event { lsn: Lsn(1), at: kolkata("10:00:00"), fact: duty(None) }));
    assert_eq!(
        told(&report(&fold, "agent", "15m"), &["on_duty_ms"]),
        ["2026-11-23 10:00: 900000", "2026-11-23 10:15: 900000"]
    );
}

#[test]
fn what_is_let_go_is_handed_out_once() {
    let mut fold = KpiFold::default();
    let mut out = Vec::new();
    for quarter in 0..i64::try_from(QUARTERS_MAX).unwrap() + 3 {
        let contact = u64::try_from(quarter).unwrap();
        out.extend(fold.apply(&event(quarter * 900, enqueued(contact))));
        out.extend(fold.apply(&event(quarter * 900, left(contact, Outcome::Answered, 1))));
    }
    let starts: Vec<i64> = out.iter().map(|quarter| quarter.start.seconds()).collect();
    assert_eq!(starts, [0, 900, 1800]);
}

#[test]
fn csv_has_a_head_and_empty_fields() {
    let csv = report(&morning(), "queue", "1d").csv();
    let lines: Vec<&str> = csv.split("\r\n").collect();
    assert_eq!(lines.len(), 3);
    assert!(
        lines[1].starts_with("sales,2026-11-22T18:30:00.000Z,mon 2026-11-23 00:00 +05:30,4,1,2")
    );
    assert_eq!(lines[0].matches(',').count(), lines[1].matches(',').count());
}
