//! Telephone keys through a stream, in both directions.

use super::{A, B, Bench};
use crate::media::order::{Digit, MediaEdge, MediaOrder};

#[test]
fn a_key_is_remapped_told_once_and_keeps_three_ends_and_one_timestamp() {
    let mut bench = Bench::bridged();
    bench.audio(A, 0);
    for (n, duration, end) in
        [(1, 160, false), (2, 320, false), (4, 640, true), (5, 640, true), (6, 640, true)]
    {
        bench.key(A, n, (90_160, 5), duration, end); // the third packet is lost
        bench.key(A, n, (90_160, 5), duration, end); // and the network doubles each
    }
    bench.audio(A, 7);
    let heard = bench.heard_by(B);
    let keys = &heard[1..6];
    assert!(keys.iter().all(|left| left.fields().payload_type == 96));
    let time = heard[0].fields().timestamp.wrapping_add(160);
    assert!(keys.iter().all(|left| left.fields().timestamp == time));
    let seen: Vec<_> =
        keys.iter().map(|left| (left.event().duration_ticks, left.event().end)).collect();
    assert_eq!(seen, [(160, false), (320, false), (640, true), (640, true), (640, true)]);
    let numbers: Vec<_> =
        heard.iter().map(|left| left.fields().sequence.wrapping_sub(65_530)).collect();
    assert_eq!(numbers, [0, 1, 2, 4, 5, 6, 7]);
    let told = bench.edges.iter().filter(|edge| matches!(edge, MediaEdge::Key { .. }));
    assert_eq!(told.collect::<Vec<_>>(), [&MediaEdge::Key { stream: A, digit: Digit('5') }]);
}

#[test]
fn a_key_without_an_end_is_told_and_one_that_the_listener_can_not_take_leaves_no_gap() {
    let mut bench = Bench::bridged();
    bench.expect(B, |remote| remote.dtmf_to_remote = None);
    bench.audio(A, 0);
    bench.key(A, 1, (90_160, 11), 80, false);
    bench.pass(300);
    assert!(bench.edges.contains(&MediaEdge::Key { stream: A, digit: Digit('#') }));
    bench.audio(A, 2);
    let numbers: Vec<_> = bench.heard_by(B).iter().map(|left| left.fields().sequence).collect();
    assert_eq!(numbers, [65_530, 65_531]);
}

#[test]
fn a_key_that_we_press_has_the_line_and_audio_follows_it() {
    let mut bench = Bench::bridged();
    bench.audio(A, 0);
    bench.order(MediaOrder::PressKey { stream: B, digit: Digit('7'), length_ms: 100 });
    for n in 1..16 {
        bench.pass(20);
        bench.audio(A, n);
    }
    let heard = bench.heard_by(B);
    let kinds: String =
        heard.iter().map(|left| if left.fields().payload_type == 96 { 'k' } else { 'a' }).collect();
    assert_eq!(kinds, "akkkkkkkaaaaaa");
    let keys: Vec<_> = heard.iter().filter(|left| left.fields().payload_type == 96).collect();
    assert!(keys.iter().all(|key| key.fields().timestamp == keys[0].fields().timestamp));
    assert_eq!(keys.iter().filter(|key| key.event().end).count(), 3);
    let numbers: Vec<_> =
        heard.iter().map(|left| left.fields().sequence.wrapping_sub(65_530)).collect();
    assert_eq!(numbers, (0..14).collect::<Vec<u16>>());
    assert!(heard[8].fields().marker);
}

#[test]
fn a_storm_of_keys_is_told_no_faster_than_a_dialler_sends() {
    let mut bench = Bench::bridged();
    bench.audio(A, 0);
    for n in 1..1000 {
        bench.key(A, n, (90_160 + u32::from(n) * 10, 5), 640, true);
    }
    let told = |bench: &Bench| {
        bench.edges.iter().filter(|edge| matches!(edge, MediaEdge::Key { .. })).count()
    };
    assert_eq!(told(&bench), 32);
    bench.pass(1000);
    bench.key(A, 1001, (200_160, 5), 640, true);
    assert_eq!(told(&bench), 33, "who stops is heard again");
}
