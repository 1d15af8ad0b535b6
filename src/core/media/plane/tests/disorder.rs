//! Any order of events: nothing panics, hangs, or numbers a packet twice.

use super::{A, B, Bench, Left, address, clips};
use crate::media::order::{Digit, MediaOrder, Source};
use crate::media::plane::Port;
use holdfast_base::StreamId;
use proptest::prelude::*;

/// One step of a disorderly life.
#[derive(Clone, Debug)]
enum Step {
    Audio(u64, u16),
    Noise(u64, Vec<u8>),
    Key(u64, u16, u8),
    Hear(u64, u8),
    Hold(u64, bool, bool),
    Press(u64),
    Pass(u16),
    Reopen(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let who = 1u64..3;
    prop_oneof![
        6 => (who.clone(), 0u16..400).prop_map(|(who, n)| Step::Audio(who, n)),
        1 => (who.clone(), prop::collection::vec(any::<u8>(), 0..40))
            .prop_map(|(who, bytes)| Step::Noise(who, bytes)),
        2 => (who.clone(), 0u16..400, any::<u8>())
            .prop_map(|(who, n, code)| Step::Key(who, n, code)),
        2 => (who.clone(), 0u8..4).prop_map(|(who, what)| Step::Hear(who, what)),
        1 => (who.clone(), any::<bool>(), any::<bool>()).prop_map(|(w, s, r)| Step::Hold(w, s, r)),
        1 => who.clone().prop_map(Step::Press),
        3 => (1u16..1500).prop_map(Step::Pass),
        1 => who.prop_map(Step::Reopen),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Whatever happens in whatever order: no panic, no livelock, no number sent twice on a
    /// stream, its SSRC constant, and nothing leaves to anybody but the believed remotes.
    #[test]
    fn no_order_of_events_breaks_a_stream(steps in prop::collection::vec(step(), 1..120)) {
        let mut bench = Bench::bridged();
        for step in steps {
            match step {
                Step::Audio(who, n) => bench.audio(StreamId(who), n),
                Step::Noise(who, bytes) => {
                    bench.datagram((StreamId(who), Port::Rtp), address(StreamId(who)), &bytes);
                    bench.datagram((StreamId(who), Port::Rtcp), address(StreamId(who)), &bytes);
                }
                Step::Key(who, n, code) => {
                    bench.key(StreamId(who), n, (u32::from(n) / 8 * 1600, code), n * 16, n % 8 > 5);
                }
                Step::Hear(who, 0) => bench.hear(StreamId(who), Source::Silence),
                Step::Hear(who, 1) => bench.hear(StreamId(who), Source::Peer(StreamId(3 - who))),
                Step::Hear(who, 2) => bench.hear(StreamId(who), clips(&["word"], None, 1000)),
                Step::Hear(who, 3..) => bench.hear(StreamId(who), clips(&[], Some("music"), 0)),
                Step::Hold(who, sends, receives) => bench.expect(StreamId(who), |remote| {
                    (remote.sends, remote.receives) = (sends, receives);
                }),
                Step::Press(who) => {
                    let (stream, digit) = (StreamId(who), Digit('1'));
                    bench.order(MediaOrder::PressKey { stream, digit, length_ms: 60 });
                }
                Step::Pass(ms) => bench.pass(ms.into()),
                Step::Reopen(who) => {
                    // Each life of a stream is judged by itself.
                    one_life(&bench.heard_by(StreamId(who)))?;
                    bench.left.retain(|left| left.to != address(StreamId(who)));
                    bench.counters(StreamId(who));
                    bench.open(StreamId(who));
                    bench.expect(StreamId(who), |_| {});
                }
            }
        }
        for stream in [A, B] {
            one_life(&bench.heard_by(stream))?;
        }
        let hosts = [address(A).ip(), address(B).ip()];
        prop_assert!(bench.left.iter().all(|left| hosts.contains(&left.to.ip())));
    }
}

/// No number twice within the window in which a receiver could tell; one SSRC.
fn one_life(heard: &[Left]) -> Result<(), TestCaseError> {
    let mut numbers = std::collections::BTreeSet::new();
    for left in heard {
        let fields = left.fields();
        prop_assert_eq!(fields.ssrc, heard[0].fields().ssrc);
        prop_assert!(numbers.insert(fields.sequence), "{} twice", fields.sequence);
    }
    Ok(())
}
