//! Every state of the agent machine with every event, printed and compared: the L2 table of
//! QUEUEING.md 2.1 as the code has it. What is not printed under a state leaves it as it is.

#![allow(clippy::unwrap_used, reason = "writing to a string does not fail")]

use holdfast_base::{ContactId, EndpointName, Mono, OfferId};
use holdfast_config::Endpoint;
use std::fmt::Write;
use std::time::Duration;

use super::{Attempt, Cooling, Effect, Event, Ring, Task, Terms, Then};
use crate::contact::{Capabilities, OfferNews, OfferRefusal};

/// The states begin at 0 s, their deadlines are at 18 s, events come at 10 s or, when due, at 18 s.
const EARLY: Mono = Mono::from_micros(10_000_000);
const DUE: Mono = Mono::from_micros(18_000_000);
const START: Mono = Mono::from_micros(0);

fn attempt(offer: u64, can: Capabilities) -> Attempt {
    let seconds = Duration::from_secs;
    let terms =
        Terms { alert: seconds(18), wrap_up: seconds(60), rona_block: seconds(40), shared: false };
    let endpoint = Endpoint::Account(EndpointName::new("desk"));
    Attempt { offer: OfferId(offer), contact: ContactId(7), endpoint, can, terms }
}

fn states() -> Vec<(&'static str, Task)> {
    let (sip, blind) = (attempt(1, Capabilities::SIP), attempt(1, Capabilities::BLIND));
    let mute = Capabilities { confirms_answer: false, ..Capabilities::BLIND };
    let (since, until) = (START, DUE);
    let offered = |attempt: &Attempt, ring| {
        let attempt = attempt.clone();
        Task::Offered { attempt, ring, since, until }
    };
    let reserved = |attempt: &Attempt| Task::Reserved { attempt: attempt.clone(), since, until };
    let lingering = |can, then| Task::Lingering { attempt: attempt(1, can), since, until, then };
    let rona = Then::Rona { until: Mono::from_micros(40_000_000) };
    let short = Then::Cooling { kind: Cooling::Busy, until: EARLY };
    vec![
        ("free", Task::Free { since }),
        ("reserved", reserved(&sip)),
        ("reserved, blind", reserved(&blind)),
        ("reserved, mute", reserved(&attempt(1, mute))),
        ("offered, ring awaited", offered(&sip, Ring::Awaited { until: DUE })),
        ("offered, no ring", offered(&sip, Ring::Missing)),
        ("offered, ring seen", offered(&sip, Ring::Seen)),
        ("offered, blind", offered(&blind, Ring::Unseen)),
        ("connected", Task::Connected { attempt: sip, since }),
        ("wrap-up", Task::WrapUp { since, until }),
        ("rona", Task::Rona { since, until }),
        ("cooling busy", Task::Cooling { kind: Cooling::Busy, since, until }),
        ("cooling unreachable", Task::Cooling { kind: Cooling::Unreachable, since, until }),
        ("own call", Task::OwnCall { since }),
        ("lingering", lingering(Capabilities::BLIND, Then::Free)),
        ("lingering, mute", lingering(mute, rona)),
        ("lingering, pause over", lingering(Capabilities::BLIND, short)),
    ]
}

fn events() -> Vec<(&'static str, Mono, Event)> {
    let refused = |why| Event::News(OfferNews::Refused(why));
    vec![
        ("reserve", EARLY, Event::Reserve(attempt(2, Capabilities::SIP))),
        ("sent", EARLY, Event::News(OfferNews::Sent)),
        ("ringing", EARLY, Event::News(OfferNews::Ringing)),
        ("answered", EARLY, Event::News(OfferNews::Answered)),
        ("busy", EARLY, refused(OfferRefusal::Busy)),
        ("declined", EARLY, refused(OfferRefusal::Declined)),
        ("unavailable", EARLY, refused(OfferRefusal::Unavailable)),
        ("not registered", EARLY, refused(OfferRefusal::NotRegistered)),
        ("no answer", EARLY, refused(OfferRefusal::NoAnswer)),
        ("device failed", EARLY, refused(OfferRefusal::DeviceFailed)),
        ("ended", EARLY, Event::News(OfferNews::Ended)),
        ("lost liveness", EARLY, Event::News(OfferNews::LostLiveness)),
        ("lost in crash", EARLY, Event::News(OfferNews::LostInCrash)),
        ("caller left", EARLY, Event::CallerLeft),
        ("withdraw", EARLY, Event::Withdraw),
        ("release", EARLY, Event::Release),
        ("own call ended", EARLY, Event::OwnCallEnded),
        ("deadline early", EARLY, Event::DeadlineReached),
        ("deadline", DUE, Event::DeadlineReached),
    ]
}

fn print_task(task: &Task) -> String {
    let mut text = task.word().to_owned();
    if let Task::Offered { ring, .. } = task {
        write!(text, " {}", word_of(*ring)).unwrap();
    }
    if let Some(attempt) = task.attempt() {
        write!(text, " o{}", attempt.offer.0).unwrap();
    }
    if let Some(until) = task.deadline() {
        write!(text, " until {}", until.millis() / 1000).unwrap();
    }
    text
}

fn word_of(ring: Ring) -> &'static str {
    match ring {
        Ring::Awaited { .. } => "ring awaited",
        Ring::Missing => "no ring",
        Ring::Seen => "ring seen",
        Ring::Unseen => "blind",
    }
}

fn print_effect(effect: &Effect) -> String {
    match effect {
        Effect::None => String::new(),
        Effect::Rang(offer) => format!("; rang o{}", offer.0),
        Effect::NoRing(attempt) => format!("; no ring o{}", attempt.offer.0),
        Effect::Won(attempt) => format!("; won o{}", attempt.offer.0),
        Effect::Over(over) => {
            let withdraw = if over.withdraw { " withdraw" } else { "" };
            let next = if over.other_endpoint { " next endpoint" } else { "" };
            format!("; over o{} {:?}{withdraw}{next}", over.attempt.offer.0, over.why)
        }
        Effect::Done { attempt, talked, hang_up } => {
            let hang_up = if *hang_up { " hang up" } else { "" };
            format!("; done o{} after {} s{hang_up}", attempt.offer.0, talked.as_secs())
        }
        Effect::WrapUpOver { took } => format!("; wrapped up after {} s", took.as_secs()),
        Effect::HangUp(offer) => format!("; hang up o{}", offer.0),
    }
}

#[test]
fn the_whole_table() {
    let mut table = String::new();
    for (name, state) in states() {
        writeln!(table, "{name}").unwrap();
        for (event_name, now, event) in events() {
            let (next, effect) = state.clone().step(now, event);
            if (&next, &effect) != (&state, &Effect::None) {
                let (next, effect) = (print_task(&next), print_effect(&effect));
                writeln!(table, "  {event_name} -> {next}{effect}").unwrap();
            }
        }
    }
    assert_eq!(table, TABLE, "\n{table}");
}

const TABLE: &str = "\
free
  reserve -> reserved o2 until 12
reserved
  sent -> offered ring awaited o1 until 13
  ringing -> offered ring seen o1 until 28; rang o1
  answered -> connected o1; won o1
  busy -> cooling_busy until 40; over o1 Busy
  declined -> cooling_declined until 40; over o1 Declined
  unavailable -> cooling_unreachable until 20; over o1 Unreachable next endpoint
  not registered -> cooling_unreachable until 15; over o1 Unreachable next endpoint
  no answer -> cooling_unreachable until 20; over o1 Unreachable next endpoint
  device failed -> cooling_unreachable until 20; over o1 DeviceFailed next endpoint
  ended -> cooling_unreachable until 20; over o1 Unreachable next endpoint
  lost liveness -> cooling_unreachable until 20; over o1 Unreachable next endpoint
  lost in crash -> lingering o1 until 40; over o1 LostInCrash
  caller left -> free; over o1 CallerLeft withdraw
  withdraw -> free; over o1 Withdrawn withdraw
  deadline -> cooling_unreachable until 23; over o1 Unreachable withdraw
reserved, blind
  sent -> offered blind o1 until 28
  ringing -> offered ring seen o1 until 28; rang o1
  answered -> connected o1; won o1
  busy -> cooling_busy until 40; over o1 Busy
  declined -> cooling_declined until 40; over o1 Declined
  unavailable -> cooling_unreachable until 20; over o1 Unreachable next endpoint
  not registered -> cooling_unreachable until 15; over o1 Unreachable next endpoint
  no answer -> cooling_unreachable until 20; over o1 Unreachable next endpoint
  device failed -> cooling_unreachable until 20; over o1 DeviceFailed next endpoint
  ended -> cooling_unreachable until 20; over o1 Unreachable next endpoint
  lost liveness -> cooling_unreachable until 20; over o1 Unreachable next endpoint
  lost in crash -> lingering o1 until 40; over o1 LostInCrash
  caller left -> lingering o1 until 40; over o1 CallerLeft
  withdraw -> lingering o1 until 40; over o1 Withdrawn
  deadline -> lingering o1 until 48; over o1 Unreachable
reserved, mute
  sent -> connected o1; won o1
  ringing -> offered ring seen o1 until 28; rang o1
  answered -> connected o1; won o1
  busy -> cooling_busy until 40; over o1 Busy
  declined -> cooling_declined until 40; over o1 Declined
  unavailable -> cooling_unreachable until 20; over o1 Unreachable next endpoint
  not registered -> cooling_unreachable until 15; over o1 Unreachable next endpoint
  no answer -> cooling_unreachable until 20; over o1 Unreachable next endpoint
  device failed -> cooling_unreachable until 20; over o1 DeviceFailed next endpoint
  ended -> cooling_unreachable until 20; over o1 Unreachable next endpoint
  lost liveness -> cooling_unreachable until 20; over o1 Unreachable next endpoint
  lost in crash -> lingering o1 until 40; over o1 LostInCrash
  caller left -> lingering o1 until 40; over o1 CallerLeft
  withdraw -> lingering o1 until 40; over o1 Withdrawn
  deadline -> lingering o1 until 48; over o1 Unreachable
offered, ring awaited
  ringing -> offered ring seen o1 until 18; rang o1
  answered -> connected o1; won o1
  busy -> cooling_busy until 40; over o1 Busy
  declined -> cooling_declined until 40; over o1 Declined
  unavailable -> cooling_unreachable until 20; over o1 Unreachable next endpoint
  not registered -> cooling_unreachable until 15; over o1 Unreachable next endpoint
  no answer -> cooling_unreachable until 20; over o1 Unreachable next endpoint
  device failed -> cooling_unreachable until 20; over o1 DeviceFailed next endpoint
  ended -> cooling_unreachable until 20; over o1 Unreachable next endpoint
  lost liveness -> cooling_unreachable until 20; over o1 Unreachable next endpoint
  lost in crash -> lingering o1 until 40; over o1 LostInCrash
  caller left -> free; over o1 CallerLeft withdraw
  withdraw -> free; over o1 Withdrawn withdraw
  deadline -> offered no ring o1 until 18; no ring o1
offered, no ring
  ringing -> offered ring seen o1 until 18; rang o1
  answered -> connected o1; won o1
  busy -> cooling_busy until 40; over o1 Busy
  declined -> cooling_declined until 40; over o1 Declined
  unavailable -> cooling_unreachable until 20; over o1 Unreachable next endpoint
  not registered -> cooling_unreachable until 15; over o1 Unreachable next endpoint
  no answer -> cooling_unreachable until 20; over o1 Unreachable next endpoint
  device failed -> cooling_unreachable until 20; over o1 DeviceFailed next endpoint
  ended -> cooling_unreachable until 20; over o1 Unreachable next endpoint
  lost liveness -> cooling_unreachable until 20; over o1 Unreachable next endpoint
  lost in crash -> lingering o1 until 40; over o1 LostInCrash
  caller left -> free; over o1 CallerLeft withdraw
  withdraw -> free; over o1 Withdrawn withdraw
  deadline -> cooling_unreachable until 28; over o1 Unreachable withdraw next endpoint
offered, ring seen
  answered -> connected o1; won o1
  busy -> cooling_busy until 40; over o1 Busy
  declined -> cooling_declined until 40; over o1 Declined
  unavailable -> cooling_unreachable until 20; over o1 Unreachable next endpoint
  not registered -> cooling_unreachable until 15; over o1 Unreachable next endpoint
  no answer -> rona until 50; over o1 Rona
  device failed -> cooling_unreachable until 20; over o1 DeviceFailed next endpoint
  ended -> rona until 50; over o1 Rona
  lost liveness -> rona until 50; over o1 Rona
  lost in crash -> lingering o1 until 40; over o1 LostInCrash
  caller left -> free; over o1 CallerLeft withdraw
  withdraw -> free; over o1 Withdrawn withdraw
  deadline -> rona until 58; over o1 Rona withdraw
offered, blind
  answered -> connected o1; won o1
  busy -> cooling_busy until 40; over o1 Busy
  declined -> cooling_declined until 40; over o1 Declined
  unavailable -> cooling_unreachable until 20; over o1 Unreachable next endpoint
  not registered -> cooling_unreachable until 15; over o1 Unreachable next endpoint
  no answer -> rona until 50; over o1 Rona
  device failed -> cooling_unreachable until 20; over o1 DeviceFailed next endpoint
  ended -> rona until 50; over o1 Rona
  lost liveness -> rona until 50; over o1 Rona
  lost in crash -> lingering o1 until 40; over o1 LostInCrash
  caller left -> lingering o1 until 40; over o1 CallerLeft
  withdraw -> lingering o1 until 40; over o1 Withdrawn
  deadline -> lingering o1 until 48; over o1 Rona
connected
  ended -> wrap_up until 70; done o1 after 10 s
  lost liveness -> wrap_up until 70; done o1 after 10 s hang up
  lost in crash -> wrap_up until 70; done o1 after 10 s
  caller left -> wrap_up until 70; done o1 after 10 s hang up
wrap-up
  release -> free; wrapped up after 10 s
  deadline -> free; wrapped up after 18 s
rona
  release -> free
  deadline -> free
cooling busy
  release -> free
  deadline -> free
cooling unreachable
  reserve -> reserved o2 until 12
  release -> free
  deadline -> free
own call
lingering
  answered -> free; hang up o1
  busy -> free
  declined -> free
  unavailable -> free
  not registered -> free
  no answer -> free
  device failed -> free
  ended -> free
  lost liveness -> free
  lost in crash -> free
  deadline -> free
lingering, mute
  sent -> rona until 40; hang up o1
  answered -> rona until 40; hang up o1
  busy -> rona until 40
  declined -> rona until 40
  unavailable -> rona until 40
  not registered -> rona until 40
  no answer -> rona until 40
  device failed -> rona until 40
  ended -> rona until 40
  lost liveness -> rona until 40
  lost in crash -> rona until 40
  deadline -> rona until 40
lingering, pause over
  answered -> free; hang up o1
  busy -> free
  declined -> free
  unavailable -> free
  not registered -> free
  no answer -> free
  device failed -> free
  ended -> free
  lost liveness -> free
  lost in crash -> free
  deadline -> free
";
