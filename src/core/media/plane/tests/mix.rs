//! Who is heard decoded: a party of another codec, a supervisor, a conference.

use super::{A, B, Bench, Left, PCMA, address, clips, one_stream, rtp};
use crate::media::order::{Codec, Encoding, Remote, Source};
use crate::media::plane::{Port, Slot};
use crate::media::transcode::coding::{Coding, Decoders};
use holdfast_base::StreamId;
use holdfast_wire::g711::Law;

/// A supervisor.
const S: StreamId = StreamId(3);
const OPUS: Codec =
    Codec { payload_type: 111, encoding: Encoding::Opus, clock_hz: 48_000, ptime_ms: 20 };
const G722: Codec = Codec { payload_type: 9, encoding: Encoding::G722, ..PCMA };

/// How loud each party speaks, in steps that G.711 carries whatever else is added.
fn voice(stream: StreamId) -> i16 {
    match stream {
        A => 4000,
        B => 1000,
        S => 8000,
        StreamId(other) => panic!("nobody speaks on {other}"),
    }
}

fn takes(codec: Codec) -> impl Fn(&mut Remote) {
    move |remote| {
        remote.codec = codec;
        remote.accepts = vec![codec];
    }
}

/// Everybody says the next 20 ms, `count` times, from number `from` on.
fn all_speak(bench: &mut Bench, who: &[StreamId], from: u16, count: u16) {
    for n in from..from + count {
        for stream in who {
            let payload = [Law::A.encode(voice(*stream)); 160];
            let bytes = rtp(8, 500 + n, 90_000 + u32::from(n) * 160, &payload);
            bench.datagram((*stream, Port::Rtp), address(*stream), &bytes);
        }
        bench.pass(20);
    }
}

/// The loudness of a packet of A-law, in thousands.
fn level(left: &Left) -> i32 {
    let samples = left.bytes[12..].iter().map(|byte| i32::from(Law::A.decode(*byte)));
    let sum: i32 = samples.sum();
    (sum / 160 + 500) / 1000
}

/// What each of them heard in the last packets, in thousands.
fn levels(bench: &Bench) -> [i32; 3] {
    [A, B, S].map(|stream| bench.heard_by(stream).last().map_or(0, level))
}

fn mix(peer: StreamId, beside: &[StreamId]) -> Source {
    Source::Mix { peer, beside: beside.to_vec() }
}

/// A call of two who hear each other, and a supervisor's stream.
fn supervised() -> Bench {
    let mut bench = Bench::bridged();
    bench.open(S);
    bench.expect(S, |_| {});
    bench
}

fn has_ear(bench: &Bench, stream: StreamId) -> bool {
    let Slot(place) = bench.slots[&stream];
    bench.plane.seats[usize::try_from(place).unwrap()].as_ref().unwrap().ear.is_some()
}

#[test]
fn listen_whisper_barge_and_out_again() {
    let mut bench = supervised();
    let all = [A, B, S];
    all_speak(&mut bench, &all, 0, 10);
    assert_eq!(levels(&bench), [1, 4, 0]);
    bench.hear(S, mix(A, &[B])); // listen
    all_speak(&mut bench, &all, 10, 10);
    assert_eq!(levels(&bench), [1, 4, 5]);
    bench.hear(A, mix(B, &[S])); // whisper to A
    all_speak(&mut bench, &all, 20, 10);
    assert_eq!(levels(&bench), [9, 4, 5]);
    bench.hear(B, mix(A, &[S])); // barge
    all_speak(&mut bench, &all, 30, 10);
    assert_eq!(levels(&bench), [9, 12, 5]);
    bench.hear(A, Source::Peer(B));
    bench.hear(B, Source::Peer(A));
    bench.hear(S, Source::Silence);
    all_speak(&mut bench, &all, 40, 10);
    assert_eq!(levels(&bench)[..2], [1, 4]);
    assert!(all.into_iter().all(|stream| !has_ear(&bench, stream)));
    for party in [A, B] {
        let heard = bench.heard_by(party);
        one_stream(&heard);
        // 50 packets came, and never more than two packet times without one.
        assert!((49..=51).contains(&heard.len()), "{}", heard.len());
        assert!(heard.windows(2).all(|pair| pair[1].ms - pair[0].ms <= 40));
        assert!(heard.iter().all(|left| level(left) > 0), "a gap was heard");
    }
}

#[test]
fn everybody_in_a_conference_hears_the_others() {
    let mut bench = supervised();
    bench.hear(A, mix(B, &[S]));
    bench.hear(B, mix(A, &[S]));
    bench.hear(S, mix(A, &[B]));
    all_speak(&mut bench, &[A, B, S], 0, 10);
    assert_eq!(levels(&bench), [9, 12, 5]);
    all_speak(&mut bench, &[A, S], 10, 20); // B is silent
    assert_eq!(levels(&bench), [8, 12, 4]);
    bench.plane.close(S);
    all_speak(&mut bench, &[A, B], 30, 20);
    assert_eq!(levels(&bench)[..2], [1, 4]);
}

#[test]
fn two_who_share_no_codec_hear_each_other() {
    for codec in [OPUS, G722] {
        let mut bench = Bench::bridged();
        bench.expect(B, takes(codec));
        bench.hear(B, mix(A, &[]));
        bench.hear(A, mix(B, &[]));
        all_speak(&mut bench, &[A], 0, 50);
        let heard = bench.heard_by(B);
        assert!(heard.len() >= 48, "{codec:?}: {}", heard.len());
        let mut decoders = Decoders::default();
        let mut loud = 0;
        for (n, pair) in heard.windows(2).enumerate() {
            let (before, after) = (pair[0].fields(), pair[1].fields());
            assert_eq!(after.payload_type, codec.payload_type);
            assert_eq!(after.sequence, before.sequence.wrapping_add(1));
            let ticks = after.timestamp.wrapping_sub(before.timestamp);
            assert_eq!(ticks, codec.clock_hz / 50, "packet {n}");
            let mut samples = [0; 2000];
            let coding = Coding::of(codec.encoding).unwrap();
            assert_eq!(decoders.decode(coding, &pair[0].bytes[12..], &mut samples), 320);
            loud = samples[0];
        }
        // Opus filters a constant away; G.722 keeps it.
        assert!(codec == OPUS || (3500..4500).contains(&loud), "{loud}");
        // A had nothing to hear but what fills a line.
        assert!(bench.heard_by(A).iter().all(|left| level(left) == 0));
    }
}

#[test]
fn nothing_is_sent_before_somebody_speaks_or_a_second_passes() {
    let mut bench = Bench::bridged();
    bench.expect(B, takes(OPUS));
    bench.hear(B, mix(A, &[]));
    bench.pass(900);
    assert_eq!(bench.heard_by(B).len(), 0);
    bench.pass(500);
    assert!((10..30).contains(&bench.heard_by(B).len()));
}

#[test]
fn a_key_goes_past_the_mix_on_the_clock_of_the_listener() {
    let mut bench = Bench::bridged();
    bench.expect(B, |remote| {
        takes(OPUS)(remote);
        remote.dtmf_clock_hz = 48_000;
    });
    bench.hear(B, mix(A, &[S]));
    all_speak(&mut bench, &[A], 0, 10);
    for (n, duration, end) in [(10, 160, false), (11, 320, false), (12, 480, true), (13, 480, true)]
    {
        bench.key(A, n, (91_600, 5), duration, end);
        bench.pass(20);
    }
    all_speak(&mut bench, &[A], 14, 10);
    let heard = bench.heard_by(B);
    let kinds: String =
        heard.iter().map(|left| if left.fields().payload_type == 96 { 'k' } else { 'a' }).collect();
    let keys: Vec<_> = heard.iter().filter(|left| left.fields().payload_type == 96).collect();
    assert!(kinds.trim_matches('a') == "kkkk", "never among audio: {kinds}");
    let durations: Vec<_> = keys.iter().map(|key| key.event().duration_ticks).collect();
    assert_eq!(durations, [960, 1920, 2880, 2880]);
    assert!(keys.iter().all(|key| key.fields().timestamp == keys[0].fields().timestamp));
}

#[test]
fn who_is_beside_presses_keys_for_nobody() {
    let mut bench = supervised();
    bench.hear(A, mix(B, &[S]));
    bench.key(S, 1, (90_160, 5), 160, true);
    bench.key(B, 1, (90_160, 6), 160, true);
    let keys: Vec<_> = bench.heard_by(A).iter().map(|left| left.event().code).collect();
    assert_eq!(keys, [6]);
}

#[test]
fn prompts_and_filler_in_the_codec_of_the_remote() {
    for codec in [OPUS, G722] {
        let mut bench = Bench::new();
        bench.expect(A, takes(codec));
        bench.expect(B, takes(codec));
        bench.hear(A, clips(&["word"], Some("music"), 1000));
        bench.pass(1000);
        let heard = bench.heard_by(A);
        assert!((49..=51).contains(&heard.len()), "{}", heard.len());
        assert!(heard.iter().all(|left| left.fields().payload_type == codec.payload_type));
        let (mut decoders, mut samples, mut most) = (Decoders::default(), [0; 2000], 0);
        for left in &heard {
            let coding = Coding::of(codec.encoding).unwrap();
            let count = decoders.decode(coding, &left.bytes[12..], &mut samples);
            most = samples[..count].iter().map(|sample| sample.abs()).max().unwrap().max(most);
        }
        assert!(most > 3000, "{codec:?}: {most}");
        bench.hear(A, Source::Peer(B));
        bench.pass(2000);
        let filler = bench.heard_by(A).split_off(heard.len());
        assert!((40..60).contains(&filler.len()), "{codec:?}: {}", filler.len());
    }
}

#[test]
fn a_stream_that_opens_late_is_mixed_from_its_start() {
    let mut bench = Bench::bridged();
    bench.hear(A, mix(B, &[S]));
    bench.open(S);
    bench.expect(S, |_| {});
    assert!(has_ear(&bench, S) && has_ear(&bench, B));
    all_speak(&mut bench, &[A, B, S], 0, 10);
    assert_eq!(levels(&bench), [9, 4, 0]);
}
