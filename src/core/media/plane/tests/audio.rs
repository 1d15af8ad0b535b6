//! What a listener hears: prompts, peers, music, other laws, other encodings.

use super::{A, B, Bench, Left, PCMA, PCMU, address, clips, one_stream, rtp};
use crate::media::order::{Codec, Encoding, Source};
use crate::media::plane::Port;
use holdfast_base::StreamId;
use holdfast_wire::g711::Law;
use std::collections::BTreeMap;

/// RFC 3389 comfort noise, as agreed beside the main codec.
const NOISE: Codec = Codec { payload_type: 13, encoding: Encoding::Opaque(13), ..PCMA };

#[test]
fn prompt_then_peer_then_music_is_one_stream_for_the_listener() {
    let mut bench = Bench::bridged();
    bench.hear(A, clips(&["word"], Some("music"), 1000));
    bench.pass(300);
    bench.hear(A, Source::Peer(B));
    for n in 0..20 {
        bench.audio(B, n);
        bench.pass(20);
    }
    bench.hear(A, clips(&[], Some("music"), 1000));
    bench.pass(300);
    bench.hear(A, Source::Silence);
    bench.pass(300);
    let heard = bench.heard_by(A);
    assert_eq!(heard.len(), 15 + 20 + 15);
    assert_eq!(one_stream(&heard), [0, 15, 35]);
    assert_eq!(heard[0].fields().sequence, 65_530);
    assert!(heard.iter().all(|left| left.fields().payload_type == 8 && left.bytes.len() == 172));
}

#[test]
fn paced_packets_are_twenty_milliseconds_apart_and_streams_do_not_burst() {
    let mut bench = Bench::new();
    for n in 3..103 {
        bench.open(StreamId(n));
        bench.expect(StreamId(n), |_| {});
    }
    bench.hear(StreamId(3), clips(&[], Some("music"), 0));
    bench.pass(1000);
    let heard = bench.heard_by(StreamId(3));
    assert_eq!(heard.len(), 50);
    assert!(heard.windows(2).all(|pair| pair[1].ms - pair[0].ms == 20));
    for n in 4..103 {
        bench.hear(StreamId(n), clips(&[], Some("music"), 0));
    }
    bench.left.clear();
    let mut instants = BTreeMap::new();
    bench.pass(20);
    for left in &bench.left {
        *instants.entry(left.ms).or_insert(0) += 1;
    }
    assert_eq!(bench.left.len(), 100);
    assert!(instants.values().all(|count| *count <= 20), "{instants:?}");
}

#[test]
fn music_goes_on_where_it_would_have_been_after_a_restart_and_after_a_stall() {
    let value = |left: &Left| Law::A.decode(left.bytes[12]) / 600;
    let mut bench = Bench::new();
    bench.expect(A, |_| {});
    // The music began 2.5 s before; a loop of one second of 50 steps stands at step 25.
    bench.micros = 5_500_000;
    bench.hear(A, clips(&[], Some("music"), 3000));
    bench.pass(1000);
    let heard = bench.heard_by(A);
    assert!((24..=27).contains(&value(&heard[0])), "at step {}", value(&heard[0]));
    bench.left.clear();
    bench.micros += 400_000; // the thread is held up for 400 ms: 20 steps
    bench.pass(100);
    let late = bench.heard_by(A);
    assert!(late.len() <= 6, "burst of {}", late.len());
    let step = value(&late[0]) - value(&heard[heard.len() - 1]);
    assert!((19..=22).contains(&step.rem_euclid(50)), "jumped {step}");
    let (before, after) = (heard[heard.len() - 1].fields(), late[0].fields());
    assert_eq!(after.sequence, before.sequence.wrapping_add(1));
}

#[test]
fn the_two_laws_meet() {
    let mut bench = Bench::bridged();
    bench.expect(B, |remote| (remote.codec, remote.accepts) = (PCMU, vec![PCMU]));
    bench.audio(A, 0);
    let heard = bench.heard_by(B);
    assert_eq!(heard[0].fields().payload_type, 0);
    assert_eq!(heard[0].bytes[12..], [Law::Mu.encode(Law::A.decode(Law::A.encode(4000))); 160]);
}

#[test]
fn other_encodings_are_relayed_untouched_or_left_out_without_a_gap() {
    let wide = |payload_type| Codec { payload_type, encoding: Encoding::Opaque(1), ..PCMA };
    let mut bench = Bench::bridged();
    bench.expect(A, |remote| remote.accepts = vec![wide(98), PCMA, NOISE]);
    bench.expect(B, |remote| (remote.codec, remote.accepts) = (wide(110), vec![wide(110), NOISE]));
    let from = address(A);
    for (n, payload_type) in [(0, 98), (1, 8), (2, 13), (3, 77), (4, 98)] {
        let bytes = rtp(payload_type, n, u32::from(n) * 160, &[n.to_be_bytes()[1], 7, 7]);
        bench.datagram((A, Port::Rtp), from, &bytes);
    }
    let heard = bench.heard_by(B);
    let seen: Vec<_> =
        heard.iter().map(|left| (left.fields().payload_type, &left.bytes[12..])).collect();
    assert_eq!(seen, [(110, &[0, 7, 7][..]), (13, &[2, 7, 7]), (110, &[4, 7, 7])]);
    // 8 can not be made into what B wants and leaves no gap; 77 was never agreed and is loss.
    let numbers: Vec<_> = heard.iter().map(|left| left.fields().sequence).collect();
    assert_eq!(numbers, [65_530, 65_531, 65_533]);
    assert_eq!(bench.counters(A).refused, 1);
}

#[test]
fn a_listener_of_a_silent_peer_gets_silence_until_the_peer_is_back() {
    let mut bench = Bench::bridged();
    for n in 0..5 {
        bench.audio(B, n);
        bench.pass(20);
    }
    bench.pass(2000);
    let filled = bench.heard_by(A).len();
    assert!((45..60).contains(&(filled - 5)), "{filled}");
    bench.audio(B, 200);
    bench.pass(500);
    let heard = bench.heard_by(A);
    assert_eq!(heard.len(), filled + 1);
    assert_eq!(one_stream(&heard), [0, 5, filled]);
    assert_eq!(heard[5].bytes[12..], [Law::A.silence(); 160]);
}

#[test]
fn two_listeners_each_get_their_own_packet() {
    let mut bench = Bench::bridged();
    let supervisor = StreamId(3);
    bench.hear(supervisor, Source::Peer(A)); // an order to a stream that is not there is ignored
    bench.open(supervisor);
    bench.expect(supervisor, |remote| remote.codec = PCMU);
    bench.hear(supervisor, Source::Peer(A));
    bench.audio(A, 0);
    let (by_b, by_supervisor) = (bench.heard_by(B), bench.heard_by(supervisor));
    assert_eq!(by_b[0].bytes[12..], [Law::A.encode(4000); 160]);
    assert_eq!(by_supervisor[0].bytes[12..], [Law::Mu.encode(4032); 160]);
    assert_ne!(by_b[0].fields().ssrc, by_supervisor[0].fields().ssrc);
}
