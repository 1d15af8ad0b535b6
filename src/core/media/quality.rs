//! How well a remote is heard: loss (RFC 3550 A.3), jitter (A.8), opinion score (ITU-T G.107).

use holdfast_wire::rtp::rtcp::Block;
use holdfast_wire::rtp::sequence_distance;
use std::time::Duration;

/// A jump ahead by more is a source that started over (RFC 3550 A.1 MAX_DROPOUT).
const DROPOUT_MAX: i16 = 3000;
/// A number this far behind is a source that started over (RFC 3550 A.1 MAX_MISORDER).
const MISORDER_MAX: i16 = 100;

/// Rating without any impairment, in thousandths: R0 with all defaults of G.107 (2015) table 3.
const R_DEFAULT: i64 = 93_200;
/// Equipment impairment at 100 % loss, G.107 §3.5 (formula 7-29).
const IE_MAX: i64 = 95_000;
/// A line whose loss comes in longer runs is dead for seconds at a time: no model rates that.
const BURST_MILLI_MAX: i64 = 100_000;
/// Packet-loss robustness of G.711 with concealment (G.113 Appendix I, table I.4), in thousandths.
const BPL: i64 = 25_100;
/// One-way delay beyond which conversation suffers, in microseconds (knee of the delay curve of
/// G.107, as approximated by Cole and Rosenbluth 2001).
const DELAY_KNEE_US: i64 = 177_300;
/// Packet time and look-ahead at the sender, in microseconds: one G.711 frame.
const PACKET_US: i64 = 20_000;

/// Reception statistics of one remote.
#[derive(Clone, Debug, Default)]
pub struct Reception {
    source: Option<Source>,
    /// Packets accepted from all sources so far.
    received: u64,
    /// Loss of the sources before the present one.
    lost_before: u64,
    loss: Runs,
}

/// How loss came, as it was seen: a packet that comes late after all leaves its run as it was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Runs {
    /// Packets missing one after another, counted once.
    pub count: u32,
    /// Packets of the longest.
    pub longest: u32,
}

impl Runs {
    fn add(&mut self, packets: u32) {
        self.count = self.count.saturating_add(1);
        self.longest = self.longest.max(packets);
    }
}

/// One accepted packet, as far as the statistics care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// Synchronisation source.
    pub ssrc: u32,
    /// Sequence number.
    pub sequence: u16,
    /// Arrival less timestamp on the media clock; `None` for a telephone event, whose timestamp
    /// stands still (RFC 4733 §2.5.1.2).
    pub transit: Option<u32>,
}

/// State of one source, named as in RFC 3550 A.1.
#[derive(Clone, Debug)]
struct Source {
    ssrc: u32,
    base_sequence: u16,
    highest: u16,
    cycles: u32,
    received: u32,
    expected_prior: u32,
    received_prior: u32,
    transit: Option<u32>,
    jitter_16ths: u32,
}

impl Reception {
    /// Counts one accepted packet; true when it begins another source.
    pub fn hear(&mut self, arrival: Arrival) -> bool {
        let Arrival { ssrc, sequence, transit } = arrival;
        self.received += 1;
        let known = self.source.as_ref().filter(|source| source.ssrc == ssrc);
        let ahead = known.map(|source| sequence_distance(source.highest, sequence));
        let same = ahead.is_some_and(|ahead| (-MISORDER_MAX..=DROPOUT_MAX).contains(&ahead));
        if same && let Some(missing @ 1..) = ahead.and_then(|ahead| u32::try_from(ahead - 1).ok()) {
            self.loss.add(missing);
        }
        if !same {
            self.lost_before = self.lost();
            self.source = Some(Source::new(ssrc, sequence));
        }
        if let Some(source) = &mut self.source {
            source.hear(sequence);
            source.measure(transit);
        }
        !same
    }

    /// Packets accepted so far.
    #[must_use]
    pub const fn received(&self) -> u64 {
        self.received
    }

    /// Packets that never came.
    #[must_use]
    pub fn lost(&self) -> u64 {
        let present = self.source.as_ref().map_or(0, |source| source.lost().max(0));
        self.lost_before + u64::try_from(present).unwrap_or(0)
    }

    /// How they were lost.
    #[must_use]
    pub const fn loss_runs(&self) -> Runs {
        self.loss
    }

    /// How much longer runs of loss are on average than random loss would make them (BurstR of
    /// G.107 §3.5), in thousandths; 1000 at least.
    fn burst_milli(&self) -> i64 {
        let (lost, all) = (self.lost(), (self.lost() + self.received).max(1));
        // Mean run = lost / count; random loss of probability p makes 1 / (1 - p).
        let ratio = lost * 1000 / u64::from(self.loss.count.max(1)) * self.received / all;
        i64::try_from(ratio).unwrap_or(BURST_MILLI_MAX).clamp(1000, BURST_MILLI_MAX)
    }

    /// Jitter in microseconds of a clock.
    #[must_use]
    pub fn jitter_us(&self, clock_hz: u32) -> u32 {
        let ticks = self.source.as_ref().map_or(0, |source| u64::from(source.jitter_16ths / 16));
        u32::try_from(ticks * 1_000_000 / u64::from(clock_hz.max(1))).unwrap_or(u32::MAX)
    }

    /// The report block about the present source, and the start of the next interval.
    pub fn report(&mut self) -> Option<Block> {
        self.source.as_mut().map(Source::report)
    }

    /// Mean opinion score times 100; 0 while nothing came.
    #[must_use]
    pub fn mos_centi(&self, clock_hz: u32, round_trip: Option<Duration>) -> u16 {
        if self.received == 0 {
            return 0;
        }
        let loss_ppm = self.lost() * 1_000_000 / (self.lost() + self.received).max(1);
        let micros = |span: Duration| i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
        // A receiver buffers about twice the jitter; half the round trip is the way here.
        let delay_us = (round_trip.map_or(0, micros) / 2)
            .saturating_add(i64::from(self.jitter_us(clock_hz)) * 2)
            .saturating_add(PACKET_US);
        let loss_ppm = i64::try_from(loss_ppm).unwrap_or(i64::MAX);
        mos_centi(rating(loss_ppm, self.burst_milli(), delay_us))
    }
}

impl Source {
    const fn new(ssrc: u32, sequence: u16) -> Self {
        Self {
            ssrc,
            base_sequence: sequence,
            highest: sequence,
            cycles: 0,
            received: 0,
            expected_prior: 0,
            received_prior: 0,
            transit: None,
            jitter_16ths: 0,
        }
    }

    fn hear(&mut self, sequence: u16) {
        if sequence_distance(self.highest, sequence) > 0 {
            if sequence < self.highest {
                self.cycles = self.cycles.wrapping_add(1 << 16);
            }
            self.highest = sequence;
        }
        self.received = self.received.wrapping_add(1);
    }

    /// RFC 3550 A.8, in 16ths of a tick so that rounding does not eat small jitter.
    fn measure(&mut self, transit: Option<u32>) {
        if let (Some(before), Some(transit)) = (self.transit, transit) {
            let difference = transit.wrapping_sub(before).cast_signed().unsigned_abs();
            self.jitter_16ths = self
                .jitter_16ths
                .saturating_add(difference)
                .saturating_sub(self.jitter_16ths.saturating_add(8) >> 4);
        }
        self.transit = transit;
    }

    const fn extended(&self) -> u32 {
        self.cycles.wrapping_add(self.highest as u32)
    }

    const fn expected(&self) -> u32 {
        self.extended().wrapping_sub(self.base_sequence as u32).wrapping_add(1)
    }

    /// RFC 3550 A.3: expected less received; negative when duplicates came.
    fn lost(&self) -> i64 {
        i64::from(self.expected()) - i64::from(self.received)
    }

    fn report(&mut self) -> Block {
        let expected = self.expected().wrapping_sub(self.expected_prior);
        let received = self.received.wrapping_sub(self.received_prior);
        (self.expected_prior, self.received_prior) = (self.expected(), self.received);
        let lost = u64::from(expected).saturating_sub(u64::from(received));
        let fraction = (lost << 8) / u64::from(expected.max(1));
        Block {
            ssrc: self.ssrc,
            fraction_lost: u8::try_from(fraction).unwrap_or(u8::MAX),
            lost: i32::try_from(self.lost()).unwrap_or(i32::MAX),
            highest_sequence: self.extended(),
            jitter_ticks: self.jitter_16ths >> 4,
            ..Block::default()
        }
    }
}

/// The transmission rating R of G.107 in thousandths, reduced to loss and delay: everything else
/// has its default.
fn rating(loss_ppm: i64, burst_milli: i64, delay_us: i64) -> i64 {
    // G.107 formula 7-29 with Ie = 0 (G.711): Ie,eff = 95 · Ppl / (Ppl / BurstR + Bpl), Ppl in
    // percent.
    let loss_milli_percent = loss_ppm / 10;
    let equipment = IE_MAX * loss_milli_percent / (loss_milli_percent * 1000 / burst_milli + BPL);
    // Cole and Rosenbluth: Id = 0.024 d + 0.11 (d - 177.3) H(d - 177.3), d in milliseconds.
    let delay_us = delay_us.clamp(0, 2_000_000);
    let delay = delay_us * 24 / 1000 + (delay_us - DELAY_KNEE_US).max(0) * 110 / 1000;
    (R_DEFAULT - equipment - delay).clamp(0, 100_000)
}

/// G.107 Annex B, formula B-4: MOS = 1 + 0.035 R + R (R - 60)(100 - R) · 7·10⁻⁶.
fn mos_centi(r: i64) -> u16 {
    if r <= 6500 {
        return 100; // the cubic dips below 1 for R under 6.5; Annex B holds it at 1
    }
    let cubic = r * (r - 60_000) / 1_000_000 * (100_000 - r) * 7 / 10_000_000;
    u16::try_from(100 + r * 35 / 10_000 + cubic).unwrap_or(100)
}

#[cfg(test)]
mod tests {
    use super::{Arrival, Reception, mos_centi, rating};
    use proptest::prelude::*;
    use std::time::Duration;

    /// A packet of 8 kHz audio that arrives at `ms`.
    fn packet(ms: u32, ssrc: u32, sequence: u16, timestamp: u32) -> Arrival {
        let transit = ms.wrapping_mul(8).wrapping_sub(timestamp);
        Arrival { ssrc, sequence, transit: Some(transit) }
    }

    #[test]
    fn a_clean_line_has_no_loss_no_jitter_and_the_best_score() {
        let mut reception = Reception::default();
        assert_eq!(reception.mos_centi(8000, None), 0);
        for n in 0..100_000u32 {
            let sequence = u16::try_from((n + 65_000) % 65_536).unwrap();
            reception.hear(packet(n * 20, 7, sequence, n * 160));
        }
        assert_eq!((reception.received(), reception.lost()), (100_000, 0));
        assert_eq!(reception.jitter_us(8000), 0);
        assert_eq!(reception.mos_centi(8000, None), 439);
        let block = reception.report().unwrap();
        assert_eq!((block.lost, block.fraction_lost), (0, 0));
        assert_eq!(block.highest_sequence, 65_000 + 99_999);
    }

    #[test]
    fn loss_is_counted_over_a_change_of_source() {
        let mut reception = Reception::default();
        for (ssrc, sequence) in [(7, 10), (7, 13), (7, 12), (8, 500), (8, 502), (8, 20_000)] {
            reception.hear(packet(0, ssrc, sequence, 0));
        }
        assert_eq!((reception.received(), reception.lost()), (6, 2));
    }

    #[test]
    fn loss_in_one_run_is_worse_than_the_same_loss_spread_out() {
        let hear = |lost: fn(u16) -> bool| {
            let mut reception = Reception::default();
            for n in (0..1000u16).filter(|n| !lost(*n)) {
                reception.hear(packet(u32::from(n) * 20, 7, n, u32::from(n) * 160));
            }
            reception
        };
        let (spread, run) = (hear(|n| n % 20 == 10), hear(|n| (500..550).contains(&n)));
        assert_eq!((spread.lost(), run.lost()), (50, 50));
        let told = |it: &Reception| (it.loss_runs().count, it.loss_runs().longest);
        assert_eq!((told(&spread), told(&run)), ((50, 1), (1, 50)));
        assert!(run.mos_centi(8000, None) < spread.mos_centi(8000, None));
    }

    #[test]
    fn a_report_covers_its_interval_only() {
        let mut reception = Reception::default();
        for n in [0u16, 1, 3] {
            reception.hear(packet(0, 7, n, 0));
        }
        assert_eq!(reception.report().map(|b| (b.lost, b.fraction_lost)), Some((1, 64)));
        reception.hear(packet(0, 7, 4, 0));
        assert_eq!(reception.report().map(|b| (b.lost, b.fraction_lost)), Some((1, 0)));
        assert_eq!(reception.report().map(|b| (b.lost, b.fraction_lost)), Some((1, 0)));
    }

    #[test]
    fn jitter_converges_to_the_mean_deviation() {
        let mut reception = Reception::default();
        for n in 0..400u32 {
            // Every other packet is 4 ms late: neighbours differ by 4 ms.
            let late = n % 2 * 4;
            let sequence = u16::try_from(n).unwrap();
            reception.hear(packet(n * 20 + late, 7, sequence, n * 160));
        }
        assert!(
            (3800..=4000).contains(&reception.jitter_us(8000)),
            "{}",
            reception.jitter_us(8000)
        );
    }

    #[test]
    fn scores_follow_the_e_model() {
        // R = 93.2 is MOS 4.41 (G.107 Annex B); 1 % loss, 5 % loss, 300 ms one way.
        assert_eq!(mos_centi(93_200), 440);
        assert_eq!(rating(10_000, 1000, 0), 93_200 - 3639);
        assert_eq!(rating(50_000, 1000, 0), 93_200 - 15_780);
        assert_eq!(rating(0, 1000, 300_000), 93_200 - 7200 - 13_497);
        // 5 % in runs twice as long as by chance: 95 · 5 / (2.5 + 25.1).
        assert_eq!(rating(50_000, 2000, 0), 93_200 - 17_210);
        assert_eq!((mos_centi(0), mos_centi(100_000)), (100, 450));
    }

    proptest! {
        #[test]
        fn more_loss_or_delay_is_never_better(loss in 0i64..900_000, delay in 0i64..900_000) {
            let score = mos_centi(rating(loss, 1000, delay));
            prop_assert!((100..=450).contains(&score));
            prop_assert!(mos_centi(rating(loss + 50_000, 1000, delay)) <= score);
            prop_assert!(mos_centi(rating(loss, 3000, delay)) <= score);
            prop_assert!(mos_centi(rating(loss, 1000, delay + 50_000)) <= score);
        }

        #[test]
        fn any_numbers_are_counted_without_a_panic(
            packets in prop::collection::vec((0u32..3, any::<u16>(), any::<u32>()), 0..100),
        ) {
            let mut reception = Reception::default();
            for (ssrc, sequence, transit) in &packets {
                let (ssrc, sequence, transit) = (*ssrc, *sequence, Some(*transit));
                reception.hear(Arrival { ssrc, sequence, transit });
            }
            let _ = reception.report();
            prop_assert_eq!(reception.received(), packets.len() as u64);
            prop_assert!(reception.mos_centi(8000, Some(Duration::from_secs(9))) <= 450);
        }
    }
}
