//! Checks by their scripts: who is answered, who is believed, where audio goes, when it stops.

use super::{ADDRESSES_MAX, Agent, CONSENT, Heard};
use crate::media::ice::check::{Check, check};
use crate::media::order::AgreedIce;
use holdfast_base::{Entropy, Mono};
use holdfast_wire::sdp::Credentials;
use holdfast_wire::stun::{Class, Message, Role};
use std::net::SocketAddr;
use std::time::Duration;

fn credentials(number: u8) -> Credentials {
    Credentials::drawn(&mut Entropy::new([number; 32]))
}

fn agreed(ours: u8, theirs: u8) -> AgreedIce {
    AgreedIce { ours: credentials(ours), theirs: credentials(theirs) }
}

fn at(port: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 9], port))
}

fn ms(ms: u64) -> Mono {
    Mono::from_micros(ms * 1000)
}

/// What is said to a check from a port, in one word.
fn said(agent: &mut Agent, now: Mono, from: SocketAddr, bytes: &[u8]) -> &'static str {
    match agent.hear(now, from, bytes) {
        Heard::Answer(answer) => {
            let answer = Message::parse(&answer).expect("a message");
            match answer.class {
                Class::Success => "fine",
                Class::Error => "no",
                Class::Request | Class::Indication => panic!("no answer"),
            }
        }
        Heard::Nothing => "-",
        Heard::Refused => "refused",
    }
}

fn nominate(agent: &mut Agent, now: Mono, names: &AgreedIce, port: u16) {
    let bytes = check(names, Check { nominates: true, ..Check::default() });
    assert_eq!(said(agent, now, at(port), &bytes), "fine");
}

fn touch(agent: &mut Agent, now: Mono, names: &AgreedIce, port: u16) {
    assert_eq!(said(agent, now, at(port), &check(names, Check::default())), "fine");
}

#[test]
fn an_address_is_known_by_its_check_and_used_when_it_is_nominated() {
    let names = agreed(1, 2);
    let mut agent = Agent::new(names.clone());
    assert!(!agent.knows(at(1)));
    touch(&mut agent, ms(0), &names, 1);
    assert!(agent.knows(at(1)) && !agent.knows(at(2)));
    assert_eq!((agent.destination(), agent.answers_to()), (None, Some(at(1))));
    nominate(&mut agent, ms(1), &names, 2);
    assert_eq!(agent.destination(), Some(at(2)));
    nominate(&mut agent, ms(2), &names, 3);
    touch(&mut agent, ms(3), &names, 2);
    assert_eq!((agent.destination(), agent.answers_to()), (Some(at(3)), Some(at(3))));
}

#[test]
fn who_does_not_know_the_password_moves_nothing() {
    let names = agreed(1, 2);
    let mut agent = Agent::new(names.clone());
    let nominates = Check { nominates: true, ..Check::default() };
    let wrong_password = AgreedIce {
        ours: Credentials::new(names.ours.fragment(), credentials(9).password()).unwrap(),
        ..names.clone()
    };
    for (bytes, answer) in [
        (check(&wrong_password, nominates.clone()), "no"),
        (check(&agreed(7, 2), nominates.clone()), "no"),
        (check(&names, Check { unsigned: true, ..nominates.clone() }), "no"),
        (check(&names, Check { role: Some(Role::Controlled), ..nominates.clone() }), "no"),
        (check(&names, Check { unknown: true, ..nominates.clone() }), "no"),
        (vec![0, 1, 0, 0], "refused"),
        (Vec::new(), "refused"),
    ] {
        assert_eq!(said(&mut agent, ms(0), at(1), &bytes), answer);
        assert!(!agent.knows(at(1)));
        assert_eq!((agent.destination(), agent.answers_to()), (None, None));
    }
}

#[test]
fn a_restart_keeps_the_old_way_until_the_new_names_have_found_one() {
    let (old, new) = (agreed(1, 2), agreed(3, 4));
    let mut agent = Agent::new(old.clone());
    nominate(&mut agent, ms(0), &old, 1);
    agent.expect(&new);
    assert_eq!(agent.destination(), Some(at(1)));
    touch(&mut agent, ms(9000), &old, 1);
    assert!(!agent.sweep(ms(20_000)), "checks by the old names keep it alive");
    touch(&mut agent, ms(20_000), &new, 5);
    assert_eq!(agent.destination(), Some(at(1)), "not nominated yet");
    // A second restart before the first has found anything.
    let newest = agreed(5, 6);
    agent.expect(&newest);
    touch(&mut agent, ms(20_001), &old, 1);
    nominate(&mut agent, ms(20_002), &newest, 6);
    assert_eq!(agent.destination(), Some(at(6)));
    let late = check(&old, Check { nominates: true, ..Check::default() });
    assert_eq!(said(&mut agent, ms(20_003), at(1), &late), "no", "the old names are over");
    assert!(!agent.knows(at(1)) && agent.knows(at(6)));
}

#[test]
fn a_nomination_by_old_names_does_not_undo_a_restart() {
    let (old, new) = (agreed(1, 2), agreed(3, 4));
    let mut agent = Agent::new(old.clone());
    nominate(&mut agent, ms(0), &old, 1);
    agent.expect(&new);
    nominate(&mut agent, ms(1), &old, 2);
    assert_eq!(agent.destination(), Some(at(1)));
}

#[test]
fn forks_check_at_once_and_the_one_that_answers_is_found_already() {
    let (one, other) = (agreed(1, 2), agreed(1, 3));
    let mut agent = Agent::new(one.clone());
    nominate(&mut agent, ms(0), &other, 7);
    assert_eq!((agent.destination(), agent.knows(at(7))), (None, false));
    nominate(&mut agent, ms(1), &one, 6);
    assert_eq!(agent.destination(), Some(at(6)));
    agent.expect(&other);
    assert_eq!(agent.destination(), Some(at(7)));
    assert!(agent.knows(at(7)) && !agent.knows(at(6)));
}

#[test]
fn without_checks_consent_ends_once_and_comes_back_with_them() {
    let names = agreed(1, 2);
    let mut agent = Agent::new(names.clone());
    assert!(!agent.sweep(ms(100_000)), "nothing to lose yet");
    nominate(&mut agent, ms(100_000), &names, 1);
    let end = ms(100_000) + CONSENT;
    assert!(!agent.sweep(end - Duration::from_millis(1)));
    assert!(agent.sweep(end) && !agent.sweep(end + CONSENT));
    assert_eq!((agent.destination(), agent.knows(at(1))), (None, false));
    touch(&mut agent, end + CONSENT, &names, 2);
    assert_eq!(agent.destination(), None, "elsewhere, and not nominated");
    touch(&mut agent, end + CONSENT, &names, 1);
    assert_eq!(agent.destination(), Some(at(1)), "where it was");
    nominate(&mut agent, end + CONSENT, &names, 2);
    assert_eq!(agent.destination(), Some(at(2)));
}

#[test]
fn only_so_many_addresses_are_known_and_the_one_in_use_stays() {
    let names = agreed(1, 2);
    let mut agent = Agent::new(names.clone());
    nominate(&mut agent, ms(0), &names, 1);
    for port in 2..200 {
        touch(&mut agent, ms(port.into()), &names, port);
    }
    assert_eq!(agent.known.len(), ADDRESSES_MAX);
    assert!(agent.knows(at(1)) && agent.knows(at(199)) && !agent.knows(at(2)));
}
