//! Two ends of a handshake on this thread's own terms: what each brings, and what breaks.

use super::association::Association;
use super::{Certificates, GIVE_UP_AFTER, NewsSink, arithmetic};
use dimpl::Config;
use holdfast_base::StreamId;
use holdfast_core::media::handshake::{News, Progress, Which};
use holdfast_core::media::order::Part;
use holdfast_wire::sdp::Fingerprint;
use holdfast_wire::srtp::Exported;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

type Said = Arc<Mutex<VecDeque<Progress>>>;

struct End {
    association: Association,
    said: Said,
    fingerprint: Fingerprint,
}

/// An end whose datagrams and news are kept.
fn end(part: Part, now: Instant) -> End {
    let certificates = Certificates::make().unwrap();
    let fingerprint = certificates.fingerprints()[1].clone();
    let said = Said::default();
    let kept = Arc::clone(&said);
    let news: NewsSink = Arc::new(move |news: News| kept.lock().unwrap().push_back(news.progress));
    let builder = Config::builder().use_server_cookie(false).handshake_timeout(GIVE_UP_AFTER);
    let config = builder.with_crypto_provider(arithmetic::provider()).build().expect("tried");
    let own = certificates.of(&fingerprint).unwrap();
    let which = Which { stream: StreamId(1), number: 1 };
    let association = Association::begin(which, (Arc::new(config), own), part, news, now);
    End { association: association.expect("begun"), said, fingerprint }
}

/// Carries what one end has said to the other; what is no datagram is returned.
fn carry(from: &End, to: &mut End, now: Instant, mut lost: impl FnMut() -> bool) -> Vec<Progress> {
    let said: Vec<Progress> = from.said.lock().unwrap().drain(..).collect();
    let mut brought = Vec::new();
    for progress in said {
        match progress {
            Progress::Send(datagram) => {
                if !lost() {
                    assert!(to.association.take(now, &datagram));
                }
            }
            other => brought.push(other),
        }
    }
    brought
}

/// Both ends until nothing moves any more, and what each has brought.
fn shaken(mut lost: impl FnMut() -> bool) -> [(Fingerprint, Vec<Progress>); 2] {
    let mut now = Instant::now();
    let (mut client, mut server) = (end(Part::Client, now), end(Part::Server, now));
    let (mut of_client, mut of_server) = (Vec::new(), Vec::new());
    for _ in 0..400 {
        of_client.extend(carry(&client, &mut server, now, &mut lost));
        of_server.extend(carry(&server, &mut client, now, &mut lost));
        now += Duration::from_millis(25);
        assert!(client.association.pass(now) && server.association.pass(now));
    }
    [(server.fingerprint, of_client), (client.fingerprint, of_server)]
}

fn keys(brought: &[Progress], of: &Fingerprint) -> Exported {
    let [Progress::Done { certificate, profile, material }] = brought else {
        panic!("not done: {brought:?}")
    };
    assert_eq!(Fingerprint::of(certificate), *of);
    Exported::of(*profile, material).expect("a suite that is spoken")
}

#[test]
fn both_ends_bring_the_same_keys_and_the_certificate_of_the_other() {
    let [(server, of_client), (client, of_server)] = shaken(|| false);
    assert_eq!(keys(&of_client, &server), keys(&of_server, &client));
}

#[test]
fn lost_flights_are_repeated() {
    let mut count = 0;
    let every_third = move || {
        count += 1;
        count % 3 == 0
    };
    let [(server, of_client), (client, of_server)] = shaken(every_third);
    assert_eq!(keys(&of_client, &server), keys(&of_server, &client));
}

#[test]
fn nobody_is_waited_for_without_end() {
    let start = Instant::now();
    let mut client = end(Part::Client, start);
    let mut now = start;
    while client.association.pass(now) {
        now += Duration::from_millis(100);
        assert!(now.duration_since(start) <= 2 * GIVE_UP_AFTER, "livelock");
    }
    assert_eq!(client.said.lock().unwrap().back(), Some(&Progress::Broken));
}

#[test]
fn datagrams_of_nobody_break_nothing() {
    let now = Instant::now();
    let (mut client, mut server) = (end(Part::Client, now), end(Part::Server, now));
    for noise in [&[22_u8][..], &[22; 13], &[23; 100], &[0xff; 1200], &[]] {
        assert!(server.association.take(now, noise) && client.association.take(now, noise));
    }
    let mut brought = Vec::new();
    for _ in 0..20 {
        brought.extend(carry(&client, &mut server, now, || false));
        carry(&server, &mut client, now, || false);
    }
    assert!(matches!(brought[..], [Progress::Done { .. }]), "{brought:?}");
}
