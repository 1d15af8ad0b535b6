//! Which source address a stream believes (RFC 4961, RFC 7362), safe against hijack.
//!
//! ```text
//!         SDP names an address            a packet of the signalled host, or of a
//!  Deaf ──────────────────────▶ Waiting ── consistent stranger once it is silent ──▶ Latched
//!                                  ▲                                                  │
//!                                  └────────── SDP names another address ─────────────┘
//! ```
//!
//! A stranger is believed only while the signalled host has never been heard, and only after a run
//! of packets of one SSRC in sequence; a single spoofed packet moves nothing. Once that host has
//! spoken, its silence gives the call to nobody else: a party that mutes itself is silent as well.
//! It may go on from another port of its own. A source that continues SSRC and sequence of the
//! believed one is the same sender behind a NAT that changed its mind, and may move from anywhere
//! without waiting for silence: who can not see the stream can not continue it.

use holdfast_base::Mono;
use holdfast_wire::rtp::sequence_distance;
use std::net::SocketAddr;
use std::time::Duration;

/// The signalled host has this long after the SDP before a stranger is considered. Longer than a
/// round trip to a phone behind a satellite, shorter than what a caller takes for a dead line.
pub const STRANGER_AFTER: Duration = Duration::from_millis(500);
/// The believed source is gone when silent this long: 100 packet times, beyond loss and jitter.
pub const RELEARN_AFTER: Duration = Duration::from_secs(2);
/// Packets in a row that make a stranger consistent: 100 ms of audio, more than MIN_SEQUENTIAL
/// of RFC 3550 A.1, because here a mistake gives the call away.
const PROBATION: u8 = 5;
/// Packets in a row that show the believed stream itself has moved.
const MOVE_PACKETS: u8 = 3;
/// Farthest that a moved stream may have advanced unseen, in packets: three seconds of 20 ms.
const MOVE_GAP: i16 = 150;
/// Farthest step within a run: one packet may be lost or overtaken.
const RUN_GAP: i16 = 3;

/// Where a packet came from and how it fits its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Source address of the datagram.
    pub from: SocketAddr,
    /// Synchronisation source.
    pub ssrc: u32,
    /// Sequence number.
    pub sequence: u16,
}

/// What the latch says about one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// From the believed source.
    Accepted,
    /// The first of a source after the SDP named an address.
    First,
    /// The believed source is another one from here on.
    Moved,
    /// From somebody else. Counted, never relayed.
    Refused,
}

/// The belief about one remote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Latch {
    /// No address is known; every packet is refused.
    Deaf,
    /// The SDP named an address; nothing was accepted yet.
    Waiting {
        /// The address of the SDP.
        signalled: SocketAddr,
        /// When it became known.
        since: Mono,
        /// A stranger that wants in.
        stranger: Option<Run>,
    },
    /// One source is believed; we send there.
    Latched {
        /// The address of the SDP.
        signalled: SocketAddr,
        /// Whether its host was heard, since the SDP named it.
        at_home: bool,
        /// The last accepted packet.
        last: Origin,
        /// When it came.
        heard: Mono,
        /// Another source that wants in.
        stranger: Option<Run>,
    },
}

/// Packets in a row from one source that is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    last: Origin,
    packets: u8,
    /// Whether its first packet continued the believed stream.
    continues: bool,
}

impl Latch {
    /// Takes the address of a new SDP. The same address again keeps the belief, because a session
    /// refresh must not interrupt a phone behind NAT; no address (hold by 0.0.0.0) keeps it too.
    pub fn expect(&mut self, now: Mono, address: Option<SocketAddr>) {
        let fresh = |signalled| Self::Waiting { signalled, since: now, stranger: None };
        match (&mut *self, address) {
            (Self::Deaf | Self::Waiting { .. }, None) => *self = Self::Deaf,
            (Self::Latched { .. }, None) => {}
            (Self::Deaf, Some(address)) => *self = fresh(address),
            (Self::Waiting { signalled, .. }, Some(address)) => {
                if *signalled != address {
                    *self = fresh(address);
                }
            }
            (Self::Latched { signalled, last, .. }, Some(address)) => {
                if last.from == address {
                    *signalled = address;
                } else if *signalled != address {
                    *self = fresh(address);
                }
            }
        }
    }

    /// Checks of connectivity have shown that this address is the remote's own: it is believed, and
    /// nobody has to be waited for.
    pub const fn led_to(&mut self, now: Mono, address: SocketAddr) {
        match self {
            Self::Deaf => *self = Self::Waiting { signalled: address, since: now, stranger: None },
            Self::Waiting { signalled, .. } => *signalled = address,
            Self::Latched { signalled, last, .. } => {
                (*signalled, last.from) = (address, address);
            }
        }
    }

    /// Judges one packet.
    pub fn hear(&mut self, now: Mono, origin: Origin) -> Verdict {
        match self {
            Self::Deaf => Verdict::Refused,
            Self::Waiting { signalled, since, stranger } => {
                let signalled = *signalled;
                // The port may differ: a NAT in front of the signalled host changes only that.
                let believed = origin.from.ip() == signalled.ip() || {
                    let run = Run::extend(*stranger, origin, None);
                    *stranger = Some(run);
                    now.since(*since) >= STRANGER_AFTER && run.packets >= PROBATION
                };
                if !believed {
                    return Verdict::Refused;
                }
                let at_home = origin.from.ip() == signalled.ip();
                *self =
                    Self::Latched { signalled, at_home, last: origin, heard: now, stranger: None };
                Verdict::First
            }
            Self::Latched { signalled, last, heard, stranger, .. } if last.from == origin.from => {
                // While the believed source speaks nobody else gets a run together, except the
                // signalled host: else whoever was first would keep the call for good.
                let stays = last.from.ip() == signalled.ip();
                if stays || stranger.is_some_and(|run| run.last.from.ip() != signalled.ip()) {
                    *stranger = None;
                }
                (*last, *heard) = (origin, now);
                Verdict::Accepted
            }
            Self::Latched { signalled, at_home, last, heard, stranger } => {
                let run = Run::extend(*stranger, origin, Some(*last));
                // A stranger that was believed gives way to the signalled host.
                let is_home = origin.from.ip() == signalled.ip();
                let returns = is_home && last.from.ip() != signalled.ip();
                let silent = now.since(*heard) >= RELEARN_AFTER && (is_home || !*at_home);
                let moves = (run.continues && run.packets >= MOVE_PACKETS)
                    || ((returns || silent) && run.packets >= PROBATION);
                if !moves {
                    *stranger = Some(run);
                    return Verdict::Refused;
                }
                (*last, *heard, *stranger) = (origin, now, None);
                *at_home |= is_home;
                Verdict::Moved
            }
        }
    }

    /// Where the remote's audio goes: the believed source, else the address of the SDP.
    #[must_use]
    pub const fn destination(&self) -> Option<SocketAddr> {
        match self {
            Self::Deaf => None,
            Self::Waiting { signalled, .. } => Some(*signalled),
            Self::Latched { last, .. } => Some(last.from),
        }
    }

    /// Whether a report (RTCP) from this address may be believed: same host, any port.
    #[must_use]
    pub fn believes_host_of(&self, from: SocketAddr) -> bool {
        self.destination().is_some_and(|believed| believed.ip() == from.ip())
    }
}

impl Run {
    /// The run with one more packet, or a new run when the packet does not fit.
    fn extend(run: Option<Self>, origin: Origin, believed: Option<Origin>) -> Self {
        if let Some(Self { last, packets, continues }) = run
            && (last.from, last.ssrc) == (origin.from, origin.ssrc)
            && (1..=RUN_GAP).contains(&sequence_distance(last.sequence, origin.sequence))
        {
            return Self { last: origin, packets: packets.saturating_add(1), continues };
        }
        let continues = believed.is_some_and(|believed| {
            let gap = sequence_distance(believed.sequence, origin.sequence);
            believed.ssrc == origin.ssrc && (1..=MOVE_GAP).contains(&gap)
        });
        Self { last: origin, packets: 1, continues }
    }
}

#[cfg(test)]
mod tests {
    use super::{Latch, Origin};
    use holdfast_base::Mono;
    use std::fmt::Write;
    use std::net::SocketAddr;

    /// Runs lines of `ms host:port ssrc sequence` or `ms sdp host:port|none` and prints verdicts.
    fn trace(script: &str) -> String {
        let (mut latch, mut trace) = (Latch::Deaf, String::new());
        let address = |text: &str| -> SocketAddr { format!("10.0.0.{text}").parse().unwrap() };
        for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let words: Vec<&str> = line.split(' ').collect();
            let now = Mono::from_micros(words[0].parse::<u64>().unwrap() * 1000);
            let verdict = if words[1] == "sdp" {
                latch.expect(now, (words[2] != "none").then(|| address(words[2])));
                "sdp".to_owned()
            } else {
                let (ssrc, sequence) = (words[2].parse().unwrap(), words[3].parse().unwrap());
                let origin = Origin { from: address(words[1]), ssrc, sequence };
                format!("{:?}", latch.hear(now, origin))
            };
            let to = latch.destination().map_or("-".to_owned(), |to| to.to_string());
            writeln!(trace, "{} {verdict} -> {}", words[0], to.replace("10.0.0.", "")).unwrap();
        }
        trace
    }

    #[test]
    fn nothing_is_believed_before_the_sdp_and_the_signalled_host_at_once_after_it() {
        let got =
            trace("0 1:4000 7 1\n 5 sdp 1:4000\n 20 9:666 8 1\n 21 1:4008 7 2\n 40 9:666 8 2");
        let want = "0 Refused -> -\n5 sdp -> 1:4000\n20 Refused -> 1:4000\n21 First -> 1:4008\n\
                    40 Refused -> 1:4008\n";
        assert_eq!(got, want);
    }

    #[test]
    fn a_stranger_is_believed_after_the_wait_and_a_run_in_sequence() {
        let got = trace(
            "0 sdp 1:4000\n 420 5:99 7 1\n 440 5:99 7 2\n 460 5:99 7 3\n 480 5:99 7 4\n\
             499 5:99 7 5\n 500 5:99 7 6\n 520 5:99 7 7",
        );
        assert!(got.contains("499 Refused -> 1:4000\n500 First -> 5:99\n520 Accepted"), "{got}");
    }

    #[test]
    fn strangers_that_spray_numbers_or_take_turns_are_never_believed() {
        let mut script = "0 sdp 1:4000".to_owned();
        for n in 0..200 {
            let (host, ssrc) = (5 + n % 2, n % 3);
            write!(script, "\n{} {host}:99 {ssrc} {}", 1000 + n, n * 7).unwrap();
        }
        assert!(!trace(&script).contains("First"));
    }

    #[test]
    fn an_attacker_after_latching_needs_the_ssrc_and_the_next_number() {
        let mut script = "0 sdp 1:4000\n 0 1:4000 7 100".to_owned();
        for n in 1..50 {
            // The call goes on; the attacker knows the SSRC and even the numbers, but the
            // believed source speaks between any two of his packets.
            write!(script, "\n{} 1:4000 7 {}\n{0} 9:666 7 {}", n * 20, 100 + n, 101 + n).unwrap();
        }
        assert!(!trace(&script).contains("Moved"));
    }

    #[test]
    fn a_nat_rebinding_moves_within_three_packets_without_silence() {
        let got =
            trace("0 sdp 1:4000\n 0 1:4000 7 9\n 20 1:7000 7 10\n 40 1:7000 7 11\n 60 1:7000 7 12");
        assert!(got.ends_with("40 Refused -> 1:4000\n60 Moved -> 1:7000\n"), "{got}");
    }

    /// Six packets in a row from one source.
    fn run(start: u32, from: &str) -> String {
        (0..6).map(|n| format!("\n{} {from} 8 {n}", start + n * 20)).collect()
    }

    #[test]
    fn another_source_is_learned_only_after_silence() {
        let strange = run(600, "9:44");
        let early = trace(&format!("0 sdp 1:4000{strange}{}", run(2400, "5:99")));
        assert!(!early.contains("Moved"), "{early}");
        let late = trace(&format!("0 sdp 1:4000{strange}{}", run(2700, "5:99")));
        assert!(late.contains("2760 Refused -> 9:44\n2780 Moved -> 5:99"), "{late}");
    }

    #[test]
    fn a_party_that_mutes_itself_loses_its_call_to_nobody() {
        let heard = "0 sdp 1:4000\n 0 1:4000 7 9";
        let taken = trace(&format!("{heard}{}", run(60_000, "5:99")));
        assert!(!taken.contains("Moved"), "{taken}");
        let moved = trace(&format!("{heard}{}", run(2000, "1:7000")));
        assert!(moved.contains("2060 Refused -> 1:4000\n2080 Moved -> 1:7000"), "{moved}");
        let back = "\n 60200 5:99 8 10\n 60220 1:4000 7 10";
        let back = trace(&format!("{heard}{}{back}", run(60_000, "5:99")));
        assert!(back.ends_with("60220 Accepted -> 1:4000\n"), "{back}");
    }

    #[test]
    fn the_signalled_host_takes_a_call_back_from_a_stranger() {
        let stranger: String = (0..5).map(|n| format!("\n{} 5:99 8 {n}", 600 + n)).collect();
        let host: String = (0..5)
            .map(|n| format!("\n{0} 5:99 8 {1}\n{0} 1:4000 7 {1}", 700 + n * 20, 50 + n))
            .collect();
        let got = trace(&format!("0 sdp 1:4000{stranger}{host}\n 800 5:99 8 60"));
        assert!(got.contains("760 Refused -> 5:99\n780 Accepted -> 5:99\n780 Moved"), "{got}");
        assert!(got.ends_with("780 Moved -> 1:4000\n800 Refused -> 1:4000\n"), "{got}");
    }

    #[test]
    fn a_refresh_keeps_the_belief_and_a_new_address_ends_it() {
        let got = trace(
            "0 sdp 1:4000\n 0 1:7000 7 9\n 10 sdp 1:4000\n 20 sdp none\n 30 sdp 1:4000\n\
             40 sdp 2:5000\n 50 1:7000 7 10\n 60 2:5000 3 1",
        );
        assert_eq!(
            got,
            "0 sdp -> 1:4000\n0 First -> 1:7000\n10 sdp -> 1:7000\n20 sdp -> 1:7000\n\
             30 sdp -> 1:7000\n40 sdp -> 2:5000\n50 Refused -> 2:5000\n60 First -> 2:5000\n"
        );
    }
}
