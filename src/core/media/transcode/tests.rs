//! A line that is late, lossy, slow or fast in front of an ear, and codecs against each other.

use super::coding::Coding;
use super::ear::{Ear, Packet, Totals};
use super::mouth::Mouth;
use super::{SILENCE, TICK_SAMPLES, Tick, add, tick_at};
use holdfast_base::Mono;
use holdfast_wire::g711::Law;

const LAW: Coding = Coding::Law(Law::A);
const CODINGS: [Coding; 4] = [LAW, Coding::Law(Law::Mu), Coding::G722, Coding::Opus];
/// Ticks of a packet in these tests.
const PACKET_TICKS: u64 = 2;

/// A tone of 500 Hz, in ticks: 5 periods each.
fn tone(number: u64) -> Tick {
    let from = u32::try_from(number).unwrap() * 160;
    #[expect(clippy::cast_possible_truncation, reason = "a sine within 16 bits")]
    let sample = |n: usize| {
        let place = f64::from(from + u32::try_from(n).unwrap());
        ((place * std::f64::consts::TAU / 32.0).sin() * 8000.0) as i16
    };
    std::array::from_fn(sample)
}

fn loudness(tick: &Tick) -> f64 {
    let power: f64 = tick.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    (2.0 * power / 160.0).sqrt()
}

/// Packets of a remote that says a tone without end.
struct Speaker {
    mouth: Mouth,
    said: u64,
    bytes: Vec<u8>,
}

impl Speaker {
    fn of(coding: Coding) -> Self {
        Self { mouth: Mouth::new(coding).unwrap(), said: 0, bytes: vec![0; 1500] }
    }

    fn packet(&mut self) -> Packet<'_> {
        let ticks: Vec<Tick> = (0..PACKET_TICKS).map(|n| tone(self.said + n)).collect();
        self.said += PACKET_TICKS;
        let length = self.mouth.speak(ticks.iter(), &mut self.bytes).unwrap();
        Packet {
            ssrc: 7,
            sequence: u16::try_from((65_530 + self.said / PACKET_TICKS) % 65_536).unwrap(),
            coding: self.mouth.coding(),
            payload: &self.bytes[..length],
        }
    }
}

/// Plays packets that arrive at these milliseconds, one number each and none for one that is lost,
/// to an ear that is asked for every tick after it has passed.
fn play(coding: Coding, arrivals: &[Option<u64>], until_ms: u64) -> (Vec<Tick>, Totals) {
    let (mut ear, mut speaker) = (Ear::default(), Speaker::of(coding));
    let packets: Vec<_> = arrivals
        .iter()
        .map(|at| {
            let Packet { ssrc, sequence, coding, payload } = speaker.packet();
            (*at, ssrc, sequence, coding, payload.to_vec())
        })
        .collect();
    let mut heard = Vec::new();
    for ms in 0..until_ms {
        for (_, ssrc, sequence, coding, payload) in
            packets.iter().filter(|(at, ..)| *at == Some(ms))
        {
            let (ssrc, sequence, coding) = (*ssrc, *sequence, *coding);
            ear.hear(at(ms), Packet { ssrc, sequence, coding, payload });
        }
        if ms % 10 == 9 {
            heard.push(*ear.at(tick_at(at(ms))));
        }
    }
    (heard, ear.totals())
}

fn at(ms: u64) -> Mono {
    Mono::from_micros(ms * 1000 + 500)
}

/// One letter a tick: `.` silence, `-` softer, `#` the tone.
fn drawn(heard: &[Tick]) -> String {
    let letter = |tick: &Tick| match loudness(tick) {
        ..400.0 => '.',
        400.0..7000.0 => '-',
        _ => '#',
    };
    heard.iter().map(letter).collect()
}

fn even(count: u64) -> Vec<Option<u64>> {
    (0..count).map(|n| Some(n * 20)).collect()
}

#[test]
fn every_codec_is_heard_in_every_other() {
    for from in CODINGS {
        let (heard, totals) = play(from, &even(40), 800);
        assert!(heard[20..].iter().all(|tick| loudness(tick) > 6500.0), "{from:?}");
        assert_eq!(totals, Totals::default(), "{from:?}");
        for to in CODINGS {
            let (mut mouth, mut ear, mut room) =
                (Mouth::new(to).unwrap(), Ear::default(), [0; 1500]);
            for (number, pair) in (0u16..).zip(heard.chunks(2)) {
                let length = mouth.speak(pair.iter(), &mut room).unwrap();
                let payload = &room[..length];
                let packet = Packet { ssrc: 1, sequence: number, coding: to, payload };
                ear.hear(at(u64::from(number) * 20), packet);
                ear.at(u64::from(number) * 2);
                ear.at(u64::from(number) * 2 + 1);
            }
            let last = *ear.at(79);
            assert!(loudness(&last) > 6000.0, "{from:?} to {to:?}: {}", loudness(&last));
        }
    }
}

#[test]
fn a_talkspurt_is_held_back_and_ends_in_silence() {
    let (heard, totals) = play(LAW, &even(4), 200);
    assert_eq!(drawn(&heard), ".-########-----.....");
    assert_eq!(totals, Totals { made_up: 6, ..Totals::default() });
}

#[test]
fn what_is_lost_is_made_up_and_what_is_overtaken_is_sorted() {
    let mut arrivals = even(10);
    arrivals[4] = None;
    arrivals.swap(6, 7); // overtakes by 20 ms: within no hold
    let (heard, totals) = play(LAW, &arrivals, 210);
    assert_eq!(drawn(&heard), ".-########--#########"); // its pitch goes on, softer
    assert_eq!(totals, Totals { made_up: 2, ..Totals::default() });
    let mut arrivals = even(10);
    arrivals[4] = None;
    let (heard, _) = play(Coding::Opus, &arrivals, 200);
    assert!(heard[8..].iter().all(|tick| loudness(tick) > 3000.0), "{}", drawn(&heard));
}

#[test]
fn a_line_of_much_jitter_is_learnt() {
    // Every fourth packet 60 ms late, with the others behind it as they come.
    let jitter = |n: u64| if n.is_multiple_of(4) { 60 } else { 0 };
    let arrivals: Vec<_> = (0..500).map(|n| Some(n * 20 + jitter(n))).collect();
    let (heard, totals) = play(LAW, &arrivals, 10_000);
    let late = drawn(&heard[500..]);
    assert!(!late.contains(['.', '-']), "{late}");
    assert!(totals.made_up < 30, "{totals:?}");
}

#[test]
fn delay_that_is_not_needed_any_more_goes() {
    // 300 ms of a stall, then all at once, then in time.
    let arrivals: Vec<_> = (0..1000).map(|n: u64| Some((n * 20).max(300))).collect();
    let (heard, totals) = play(LAW, &arrivals, 21_000);
    let waited = heard.iter().take_while(|tick| loudness(tick) < 400.0).count();
    assert!(waited <= 32, "{waited}");
    let ended = heard.iter().rposition(|tick| loudness(tick) > 7000.0).unwrap();
    // The last packet came at 19.98 s; what was behind it at first is gone.
    assert!(ended < 2008, "{ended} {totals:?}");
    assert!(totals.left_out >= 20, "{totals:?}");
}

#[test]
fn a_fast_and_a_slow_clock_are_evened_out() {
    for percent in [99u64, 101] {
        let arrivals: Vec<_> = (0..3000).map(|n| Some(n * 20 * percent / 100)).collect();
        let (heard, totals) = play(LAW, &arrivals, 59_000);
        assert!(!drawn(&heard[10..]).contains('.'), "{percent} {totals:?}");
        let evened = if percent < 100 { totals.left_out } else { totals.made_up };
        assert!((40..80).contains(&evened), "{percent} {totals:?}");
    }
}

#[test]
fn another_source_is_another_voice() {
    let (mut ear, mut speaker) = (Ear::default(), Speaker::of(LAW));
    for (ssrc, from) in [(1, 0), (2, 100)] {
        for n in 0..10 {
            let packet = Packet { ssrc, ..speaker.packet() };
            let ms = from + n * 20;
            ear.hear(at(ms), packet);
            ear.at(tick_at(at(ms)));
            ear.at(tick_at(at(ms)) + 1);
        }
    }
    assert!(ear.is_heard());
    assert!(loudness(ear.at(29)) > 7000.0);
}

#[test]
fn listeners_of_several_packet_times_hear_the_same() {
    let (mut ear, mut speaker) = (Ear::default(), Speaker::of(LAW));
    let mut slow = Vec::new();
    for n in 0..30u64 {
        ear.hear(at(n * 20), speaker.packet());
        for tick in [n * 2, n * 2 + 1] {
            let tick = *ear.at(tick);
            slow.push(tick);
        }
        if n % 3 == 2 {
            for number in n * 2 - 4..n * 2 + 2 {
                assert_eq!(*ear.at(number), slow[usize::try_from(number).unwrap()]);
            }
        }
    }
    assert_eq!(*ear.at(2), SILENCE, "long forgotten");
}

#[test]
fn noise_of_a_hostile_remote_is_no_more_than_noise() {
    let (mut ear, mut state) = (Ear::default(), 0x9e37_79b9_u32);
    for n in 0..4000u64 {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        let payload: Vec<u8> =
            (0..state % 1400).map(|n| (state >> (n % 24)).to_be_bytes()[3]).collect();
        let sequence = u16::try_from(state >> 16).unwrap() % 64;
        let coding = CODINGS[usize::try_from(state % 4).unwrap()];
        let ssrc = state >> 31;
        ear.hear(at(n * 3), Packet { ssrc, sequence, coding, payload: &payload });
        ear.at(tick_at(at(n * 3)));
    }
}

#[test]
fn packets_have_the_length_that_the_remote_wants() {
    for (ptime_ms, ticks, of_opus) in [(5, 1, 1), (20, 2, 2), (30, 3, 2), (60, 6, 6), (200, 6, 6)] {
        assert_eq!(Mouth::new(LAW).unwrap().ticks(ptime_ms), ticks);
        assert_eq!(Mouth::new(Coding::Opus).unwrap().ticks(ptime_ms), of_opus);
    }
    let ticks = vec![SILENCE; 7];
    for coding in CODINGS {
        let mut mouth = Mouth::new(coding).unwrap();
        assert_eq!(mouth.speak(ticks.iter(), &mut [0; 1500]), None);
        assert!(mouth.speak(ticks.iter().take(6), &mut [0; 1500]).is_some());
    }
    assert_eq!(Mouth::new(LAW).unwrap().speak(ticks.iter().take(2), &mut [0; 100]), None);
}

#[test]
fn a_sum_is_cut_off_not_turned_over() {
    let mut sum = [30_000; TICK_SAMPLES];
    add(&mut sum, &[10_000; TICK_SAMPLES]);
    assert_eq!(sum, [i16::MAX; TICK_SAMPLES]);
    add(&mut sum, &[-40; TICK_SAMPLES]);
    assert_eq!(sum, [i16::MAX - 40; TICK_SAMPLES]);
}
