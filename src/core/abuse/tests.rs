//! Scripts of offences, with the clock in the hand of the test.

use super::ban::Ban;
use super::offence::{Offence, Words};
use super::source::Source;
use super::*;
use holdfast_base::Wall;

fn at(seconds: u64) -> Now {
    let mono = Mono::from_micros((1000 + seconds) * 1_000_000);
    Now { mono, wall: Wall::from_micros(0) }
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect(text)
}

fn rules() -> Abuse {
    Abuse { never: Vec::new(), ..Abuse::default() }
}

fn guard() -> Guard {
    let trunk = Network::try_from("203.0.113.0/24".to_owned()).expect("a network");
    Guard::new(rules(), vec![trunk])
}

fn wrong() -> Offence {
    Offence::WrongPassword(Words::new("anna"))
}

const EVE: &str = "198.51.100.7";

/// How many of these it takes until the source is banned.
fn until_banned(guard: &mut Guard, from: &str, what: &Offence, at_home: bool) -> Option<u32> {
    (1..=20_000).find(|_| {
        guard.offended(at(0), ip(from), what.clone(), at_home);
        guard.is_banned(at(0).mono, Source::of(ip(from)))
    })
}

#[test]
fn each_kind_of_offence_has_its_measure() {
    let words = || Words::new("x");
    let measures = [
        Offence::Scanner(words()),
        wrong(),
        Offence::UnknownNumber(words()),
        Offence::Slow,
        Offence::Unproven(words()),
        Offence::Malformed,
        Offence::TooMany,
    ]
    .map(|what| until_banned(&mut guard(), EVE, &what, false));
    assert_eq!(measures, [1, 10, 10, 10, 50, 50, 1000].map(Some));
    assert_eq!(until_banned(&mut guard(), EVE, &wrong(), true), Some(100), "phones live there");
}

#[test]
fn a_trunk_is_never_banned_whatever_comes_from_there() {
    let mut guard = guard();
    assert_eq!(until_banned(&mut guard, "203.0.113.9", &wrong(), false), None);
    guard.peers_are(at(0).mono, [ip("198.51.100.20")].into_iter());
    assert_eq!(until_banned(&mut guard, "198.51.100.20", &wrong(), false), None);
    guard.proven(at(0).mono, ip("198.51.100.21"));
    assert_eq!(until_banned(&mut guard, "198.51.100.21", &wrong(), false), None);
    assert_eq!(guard.news(), [], "nor is it told");
    assert!(guard.enters(at(0), ip("203.0.113.9")) == Entry::Granted);
}

#[test]
fn who_turns_out_to_be_a_trunk_is_let_in_at_once() {
    let source = Source::of(ip(EVE));
    let free: [fn(&mut Guard); 3] = [
        |guard| guard.peers_are(at(1).mono, [ip(EVE)].into_iter()),
        |guard| guard.proven(at(1).mono, ip(EVE)),
        |guard| {
            let spared = Network::try_from(EVE.to_owned()).expect("a network");
            guard.configured(at(1).mono, rules(), vec![spared]);
        },
    ];
    for free in free {
        let mut guard = guard();
        until_banned(&mut guard, EVE, &wrong(), false);
        drop(guard.news());
        free(&mut guard);
        assert_eq!(guard.news(), [News::Over(source, BanEnd::Spared)]);
        assert_eq!(guard.enters(at(1), ip(EVE)), Entry::Granted);
        assert_eq!(guard.changed(), [(source, None)]);
    }
}

#[test]
fn offences_fade_and_a_success_takes_the_question_back() {
    let mut guard = guard();
    for second in 0..100 {
        // One in a minute is forgiven in a minute.
        guard.offended(at(60 * second), ip(EVE), wrong(), false);
    }
    assert!(guard.news().is_empty());
    for second in 0..1000 {
        guard.offended(at(6000 + second), ip(EVE), Offence::Unproven(Words::new("anna")), false);
        guard.answered(at(6000 + second).mono, ip(EVE));
    }
    assert!(guard.news().is_empty(), "phones behind one address");
}

#[test]
fn each_further_ban_is_twice_as_long_until_it_is_forgotten() {
    let mut guard = guard();
    let source = Source::of(ip(EVE));
    let mut time = at(0);
    let mut lengths = Vec::new();
    for _ in 0..10 {
        while !guard.is_banned(time.mono, source) {
            guard.offended(time, ip(EVE), wrong(), false);
        }
        let ban = guard.changed().pop().and_then(|(_, ban)| ban).expect("a ban");
        lengths.push(ban.lasts().as_secs() / 60);
        time.mono = guard.deadline().expect("an end");
        guard.handle_deadline(time.mono);
        assert!(!guard.is_banned(time.mono, source));
    }
    assert_eq!(lengths, [10, 20, 40, 80, 160, 320, 640, 1280, 1440, 1440]);
    // As long again without anything, and it begins as at first.
    time.mono = guard.deadline().expect("it is forgotten");
    guard.handle_deadline(time.mono);
    assert_eq!(guard.changed(), [(source, None)]);
    assert_eq!(guard.deadline(), None);
    until_banned_at(&mut guard, time);
    assert_eq!(guard.changed().pop().and_then(|(_, ban)| ban).map(|ban| ban.times), Some(1));
}

fn until_banned_at(guard: &mut Guard, now: Now) {
    for _ in 0..10 {
        guard.offended(now, ip(EVE), wrong(), false);
    }
}

#[test]
fn a_ban_keeps_its_reason_and_the_last_evidence() {
    let mut guard = guard();
    guard.offended(at(0), ip(EVE), Offence::Malformed, false);
    until_banned_at(&mut guard, at(3));
    let view = guard.view(at(63).mono);
    let [ban] = view.bans.as_slice() else { panic!("{view:?}") };
    assert_eq!((ban.source.as_str(), ban.why.as_str()), (EVE, "wrong passwords"));
    assert_eq!((ban.left_ms, ban.times, ban.evidence.len()), (540_000, 1, EVIDENCE_MAX));
    assert!(ban.evidence.iter().all(|it| it.what == "wrong password for `anna`"), "{ban:?}");
}

#[test]
fn a_lifted_ban_is_forgotten_and_one_that_is_none_can_not_be_lifted() {
    let mut guard = guard();
    let source = Source::of(ip(EVE));
    assert!(!guard.lift(at(0).mono, source));
    until_banned_at(&mut guard, at(0));
    assert!(guard.lift(at(1).mono, source));
    assert!(!guard.lift(at(1).mono, source));
    let told: Vec<_> = guard.news().into_iter().skip(1).collect();
    assert_eq!(told, [News::Over(source, BanEnd::Lifted)]);
    assert_eq!(guard.deadline(), None);
}

#[test]
fn bans_go_on_after_a_restart_and_so_does_their_growth() {
    let mut before = guard();
    until_banned_at(&mut before, at(0));
    let ban = before.changed().pop().and_then(|(_, ban)| ban).expect("a ban");
    let text = serde_json::to_vec(&ban).expect("text");
    let ban: Ban = serde_json::from_slice(&text).expect("a ban");
    // In force; over and remembered; forgotten.
    for (seconds, told, deadline) in [(599, 1, Some(600)), (600, 0, Some(1200)), (1200, 0, None)] {
        let mut guard = guard();
        guard.restore(at(seconds).mono, ban.clone());
        assert_eq!(guard.news().len(), told, "{seconds}");
        assert_eq!(guard.deadline(), deadline.map(|at_second| at(at_second).mono), "{seconds}");
        assert_eq!(guard.changed().len(), usize::from(deadline.is_none()), "{seconds}");
    }
    let mut guard = guard();
    guard.restore(at(700).mono, ban);
    until_banned_at(&mut guard, at(700));
    assert_eq!(guard.changed().pop().and_then(|(_, ban)| ban).map(|ban| ban.times), Some(2));
}

#[test]
fn a_source_may_send_a_burst_and_then_its_rate() {
    let mut guard = guard();
    let mut entered = |second: u64| {
        (0..10_000).filter(|_| guard.enters(at(second), ip(EVE)) == Entry::Granted).count()
    };
    assert_eq!([entered(0), entered(0), entered(1), entered(60)], [500, 0, 100, 500]);
    let mut unlimited = Guard::new(Abuse { messages_per_second: 0, ..rules() }, Vec::new());
    assert!((0..10_000).all(|_| unlimited.enters(at(0), ip(EVE)) == Entry::Granted));
}

#[test]
fn with_bans_switched_off_nobody_is_banned_and_who_was_is_free() {
    let mut guard = guard();
    until_banned_at(&mut guard, at(0));
    guard.configured(at(1).mono, Abuse { ban: None, ..rules() }, Vec::new());
    assert!(!guard.is_banned(at(1).mono, Source::of(ip(EVE))));
    assert_eq!(until_banned(&mut guard, EVE, &wrong(), false), None);
}

#[test]
fn memory_is_bounded_whoever_forges_how_many_addresses() {
    let mut guard = guard();
    for number in 0..u32::try_from(2 * SOURCES_MAX).expect("a small number") {
        let address = IpAddr::V4((0x0a00_0000 + number).into());
        let _ = guard.enters(at(u64::from(number) / 100), address);
        guard.offended(at(u64::from(number) / 100), address, wrong(), false);
    }
    assert_eq!((guard.sources.len(), guard.by_age.len()), (SOURCES_MAX, SOURCES_MAX));
    for number in 0..u32::try_from(2 * BANS_MAX).expect("a small number") {
        let address = IpAddr::V4((0x0b00_0000 + number).into());
        guard.offended(at(500), address, Offence::Scanner(Words::new("x")), false);
    }
    assert_eq!((guard.bans.len(), guard.turns.len()), (BANS_MAX, BANS_MAX));
    let over = guard.news().into_iter().filter(|news| matches!(news, News::Over(..))).count();
    assert_eq!(over, BANS_MAX, "whoever had to make room is let in again");
}
