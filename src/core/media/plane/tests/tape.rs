//! What is taken down of a conversation.

use super::{A, B, Bench, Port, address, rtp};
use crate::media::order::{MediaOrder, Source, Tape};
use crate::media::tape::{Block, TICK_BYTES, label};
use holdfast_base::StreamId;
use holdfast_wire::g711::Law;

/// Both say the next 20 ms, `count` times.
fn both_speak(bench: &mut Bench, from: u16, count: u16) -> Vec<Block> {
    let mut blocks = Vec::new();
    for n in from..from + count {
        for (stream, loud) in [(A, 4000), (B, 1000)] {
            let payload = [Law::A.encode(loud); 160];
            let bytes = rtp(8, 500 + n, 90_000 + u32::from(n) * 160, &payload);
            bench.datagram((stream, Port::Rtp), address(stream), &bytes);
        }
        bench.pass(20);
        blocks.extend(bench.plane.taped());
    }
    blocks
}

fn tape(bench: &mut Bench, tape: Option<StreamId>) {
    let tape = tape.map(|with| Tape { with, label: label() });
    bench.order(MediaOrder::Record { stream: A, tape });
}

/// The loudness of the last tick of a side.
fn last(blocks: &[Block], side: usize) -> i32 {
    let samples = &blocks.last().expect("nothing was taken down").samples;
    let tick = &samples[samples.len() - TICK_BYTES..];
    let side = tick.iter().skip(side).step_by(2).map(|byte| i32::from(Law::A.decode(*byte)));
    (side.sum::<i32>() / 80 + 500) / 1000
}

#[test]
fn both_sides_are_taken_down_and_the_parties_notice_nothing() {
    let mut bench = Bench::bridged();
    both_speak(&mut bench, 0, 10);
    let before = [A, B].map(|stream| bench.heard_by(stream).len());
    tape(&mut bench, Some(B));
    let blocks = both_speak(&mut bench, 10, 50);
    assert_eq!([last(&blocks, 0), last(&blocks, 1)], [4, 1]);
    let ticks: usize = blocks.iter().map(|block| block.samples.len() / TICK_BYTES).sum();
    assert!((90..=100).contains(&ticks), "{ticks} ticks of a second");
    let joined = blocks.windows(2).all(|pair| {
        let length = u64::try_from(pair[0].samples.len() / TICK_BYTES).unwrap();
        pair[0].first + length == pair[1].first
    });
    assert!(joined, "no tick is missing or taken twice");
    for (stream, before) in [A, B].into_iter().zip(before) {
        assert_eq!(bench.heard_by(stream).len() - before, 50, "each packet was relayed");
    }
    tape(&mut bench, None);
    assert!(both_speak(&mut bench, 60, 20).is_empty());
}

#[test]
fn a_party_that_goes_is_silence_and_the_end_of_the_stream_ends_the_tape() {
    let mut bench = Bench::bridged();
    tape(&mut bench, Some(B));
    both_speak(&mut bench, 0, 20);
    bench.plane.close(B);
    bench.hear(A, Source::Silence);
    let blocks = both_speak(&mut bench, 20, 20);
    assert_eq!([last(&blocks, 0), last(&blocks, 1)], [4, 0]);
    bench.plane.close(A);
    assert!(both_speak(&mut bench, 40, 20).is_empty());
}
