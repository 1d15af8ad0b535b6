//! Our own RTCP towards one remote, and what its reports say (RFC 3550 §6).
//!
//! Reports end here: numbers and clocks differ on the two legs, so the reports of one remote mean
//! nothing to the other. A goodbye is noted by nobody: the end of a call is said by SIP.

use crate::media::order::FarEnd;
use crate::media::quality::Reception;
use crate::media::splice::Splice;
use holdfast_base::{Mono, Now, Wall};
use holdfast_wire::rtp::rtcp::{Block, Compound, NtpTime, Sent};
use std::time::Duration;

/// Mean time between two reports (RFC 3550 §6.2: at least 5 s).
const INTERVAL_MS: u64 = 5000;
/// Seconds from the NTP era (1900) to the Unix epoch.
const NTP_EPOCH_SECONDS: u64 = 2_208_988_800;
/// A round trip beyond this is a peer that fills the fields with noise.
const ROUND_TRIP_MAX: Duration = Duration::from_secs(10);

/// The reporting of one stream.
#[derive(Clone, Debug)]
pub struct Reporter {
    cname: String,
    next: Mono,
    made: u32,
    packets: u32,
    octets: u32,
    /// Packets at the time of the last report: only who sent since then makes a sender report.
    packets_reported: u32,
    /// Timestamp and instant of the last packet sent.
    last_sent: Option<(u32, Mono)>,
    /// Middle of the NTP time of the remote's last sender report, and when it came.
    their_report: Option<(u32, Mono)>,
    round_trip: Option<Duration>,
    /// What the remote says of our packets: how many it lost, and its jitter in ticks.
    far: Option<(u32, u32)>,
}

impl Reporter {
    /// A reporter that reports for the first time about half an interval from now.
    #[must_use]
    pub fn new(now: Mono, ssrc: u32, timestamp_origin: u32) -> Self {
        Self {
            // RFC 7022 §4.2: a short-term name that says nothing about the box.
            cname: format!("{ssrc:08x}{timestamp_origin:08x}"),
            next: now + interval(ssrc, 0) / 2,
            made: 0,
            packets: 0,
            octets: 0,
            packets_reported: 0,
            last_sent: None,
            their_report: None,
            round_trip: None,
            far: None,
        }
    }

    /// Counts one packet sent.
    pub fn sent(&mut self, now: Mono, timestamp: u32, payload_bytes: usize) {
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(u32::try_from(payload_bytes).unwrap_or(0));
        self.last_sent = Some((timestamp, now));
    }

    /// Takes a report of the remote.
    pub fn hear(&mut self, now: Now, ours: u32, compound: &Compound) {
        if let Some(sent) = compound.sent {
            self.their_report = Some((sent.at.middle(), now.mono));
        }
        let about_us = compound.blocks.iter().find(|block| block.ssrc == ours);
        // Who got packets twice has lost fewer than none.
        let lost = |block: &Block| u32::try_from(block.lost).unwrap_or(0);
        self.far = about_us.map(|block| (lost(block), block.jitter_ticks)).or(self.far);
        // RFC 3550 §6.4.1: round trip = arrival - LSR - DLSR, in 65 536ths of a second.
        if let Some(Block { last_report: last_report @ 1.., delay, .. }) = about_us {
            let trip = ntp(now.wall).middle().wrapping_sub(*last_report).wrapping_sub(*delay);
            let trip = Duration::from_micros((u64::from(trip) * 1_000_000) >> 16);
            if trip <= ROUND_TRIP_MAX {
                self.round_trip = Some(trip);
            }
        }
    }

    /// The last measured round trip.
    #[must_use]
    pub const fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }

    /// How the remote hears us, where it has said so, by the clock that we send with.
    #[must_use]
    pub fn far(&self, clock_hz: u32) -> Option<FarEnd> {
        self.far.map(|(lost, jitter_ticks)| {
            let jitter_us = u64::from(jitter_ticks) * 1_000_000 / u64::from(clock_hz.max(1));
            FarEnd { lost, jitter_us: u32::try_from(jitter_us).unwrap_or(u32::MAX) }
        })
    }

    /// Whether a report is due.
    #[must_use]
    pub fn due(&self, now: Mono) -> bool {
        self.next <= now
    }

    /// Makes the report that is due: SR when we sent since the last one, else RR (§6.4).
    pub fn make(
        &mut self,
        now: Now,
        splice: &Splice,
        clock_hz: u32,
        reception: &mut Reception,
    ) -> Vec<u8> {
        self.made = self.made.wrapping_add(1);
        self.next = now.mono + interval(splice.ssrc(), self.made);
        let mut blocks: Vec<Block> = reception.report().into_iter().collect();
        if let (Some(block), Some((middle, came))) = (blocks.first_mut(), self.their_report) {
            block.last_report = middle;
            let delay = (now.mono.since(came).as_micros() << 16) / 1_000_000;
            block.delay = u32::try_from(delay).unwrap_or(u32::MAX);
        }
        let sends = self.packets != self.packets_reported;
        self.packets_reported = self.packets;
        let sent = self.last_sent.filter(|_| sends).map(|(timestamp, at)| {
            // The same instant on both clocks (§6.4.1): what a listener would hear right now.
            let passed = splice
                .timestamp_at(now.mono, clock_hz)
                .wrapping_sub(splice.timestamp_at(at, clock_hz));
            Sent {
                at: ntp(now.wall),
                timestamp: timestamp.wrapping_add(passed),
                packets: self.packets,
                octets: self.octets,
            }
        });
        let compound = Compound { ssrc: splice.ssrc(), sent, blocks, gone: Vec::new() };
        compound.bytes(&self.cname)
    }
}

/// RFC 3550 §6.3.1: 0.5 to 1.5 times the mean, so that streams do not report in step. A product
/// of the SSRC, which is random, is random enough for that.
fn interval(ssrc: u32, made: u32) -> Duration {
    let mixed = ssrc.wrapping_add(made).wrapping_mul(0x9e37_79b9); // 2³² by the golden ratio
    Duration::from_millis(INTERVAL_MS / 2 + ((u64::from(mixed) * INTERVAL_MS) >> 32))
}

fn ntp(wall: Wall) -> NtpTime {
    let micros = u64::try_from(wall.micros()).unwrap_or(0);
    let fraction = ((micros % 1_000_000) << 32) / 1_000_000;
    // The era of 32 bits ends in 2036 and the next begins at zero (RFC 5905 §6).
    let seconds = (micros / 1_000_000 + NTP_EPOCH_SECONDS) & u64::from(u32::MAX);
    NtpTime(seconds << 32 | fraction)
}

#[cfg(test)]
mod tests {
    use super::{Reporter, interval, ntp};
    use crate::media::quality::{Arrival, Reception};
    use crate::media::splice::Splice;
    use holdfast_base::{Mono, Now, Wall};
    use holdfast_wire::rtp::rtcp::{Block, Compound, NtpTime};
    use std::time::Duration;

    fn at(ms: u64) -> Now {
        let micros = ms * 1000;
        Now { mono: Mono::from_micros(micros), wall: Wall::from_micros(micros.cast_signed()) }
    }

    #[test]
    fn who_sent_makes_a_sender_report_and_who_was_quiet_a_receiver_report() {
        let (mut reporter, splice) = (Reporter::new(at(0).mono, 9, 0), Splice::new(9, 1, 500));
        reporter.sent(at(1000).mono, 8500, 160);
        let mut make = |ms| {
            let bytes = reporter.make(at(ms), &splice, 8000, &mut Reception::default());
            Compound::parse(&bytes).unwrap().sent
        };
        let sent = make(1500).unwrap();
        // 500 ms after the packet of timestamp 8500: 4000 ticks more.
        assert_eq!((sent.timestamp, sent.packets, sent.octets), (12_500, 1, 160));
        assert_eq!(make(6000), None);
    }

    #[test]
    fn the_round_trip_is_measured_and_answered() {
        let mut reporter = Reporter::new(at(0).mono, 9, 0);
        let theirs = Compound {
            ssrc: 7,
            sent: Some(holdfast_wire::rtp::rtcp::Sent {
                at: NtpTime(0xaaaa_1234_5678_bbbb),
                ..Default::default()
            }),
            // We reported at 10 000 ms; they held it for 250 ms and we hear at 10 300 ms.
            blocks: vec![Block {
                ssrc: 9,
                last_report: ntp(at(10_000).wall).middle(),
                delay: 65_536 / 4,
                ..Block::default()
            }],
            gone: vec![7],
        };
        reporter.hear(at(10_300), 9, &theirs);
        let trip = reporter.round_trip().unwrap().as_micros();
        assert!((49_900..50_100).contains(&trip), "{trip}");
        let mut reception = Reception::default();
        reception.hear(Arrival { ssrc: 7, sequence: 1, transit: None });
        let bytes = reporter.make(at(10_800), &Splice::new(9, 1, 0), 8000, &mut reception);
        let block = Compound::parse(&bytes).unwrap().blocks[0];
        assert_eq!((block.last_report, block.delay), (0x1234_5678, 65_536 / 2));
    }

    #[test]
    fn reports_keep_their_mean_distance_and_do_not_march_in_step() {
        let total: Duration = (0..1000).map(|made| interval(77, made)).sum();
        assert!((4900..5100).contains(&(total.as_millis() / 1000)), "{total:?}");
        assert_ne!(interval(1, 0), interval(2, 0));
    }

    #[test]
    fn ntp_time_of_the_unix_epoch_and_of_the_next_era() {
        assert_eq!(ntp(Wall::from_micros(500_000)).0, 0x83aa_7e80_8000_0000);
        assert_eq!(ntp(Wall::from_micros(2_085_978_496_000_000)).0, 0);
    }
}
