//! One unbroken RTP stream out of many sources: peer audio, prompts, music, keys (RFC 3550 §7.1).
//!
//! Our SSRC never changes. While one voice speaks, its sequence numbers and timestamps are shifted
//! by a constant, so that loss, reordering and pauses of the source stay visible to the listener's
//! jitter buffer and reports. At a change of voice the next number follows the last one sent, the
//! timestamp goes on with site time (never behind what was sent), and the marker bit is set.
//! No sequence number is ever sent twice, which is also what SRTP demands.

use holdfast_base::{Mono, StreamId};
use holdfast_wire::rtp::header::Fields;
use holdfast_wire::rtp::{sequence_distance, timestamp_distance};

/// A jump ahead by more is a new beginning, not loss (RFC 3550 A.1 MAX_DROPOUT).
const DROPOUT_MAX: i16 = 3000;
/// Numbers behind the newest that can still be sent if they were not: the bits of the window.
const LATE_MAX: i16 = 63;

/// Who speaks. Another value is another voice and starts anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Voice {
    /// The remote of another stream, with its present SSRC.
    Peer(StreamId, u32),
    /// Clips ordered by the `n`th order to this stream.
    Clips(u32),
    /// A mix ordered by the `n`th order to this stream.
    Mix(u32),
    /// Silence of our own while the peer says nothing.
    Filler,
    /// A telephone key that we press.
    Key,
}

/// What a packet carries, as far as time is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Audio of this many ticks.
    Audio(u32),
    /// A telephone event of this duration so far; all its packets share one timestamp.
    Event(u32),
}

/// A packet as its source numbered it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Who speaks.
    pub voice: Voice,
    /// Sequence number of the source.
    pub sequence: u16,
    /// Timestamp of the source.
    pub timestamp: u32,
    /// Marker bit of the source.
    pub marker: bool,
    /// What it carries.
    pub content: Content,
}

/// The outgoing numbering of one stream.
#[derive(Clone, Debug)]
pub struct Splice {
    ssrc: u32,
    timestamp_origin: u32,
    /// Highest sequence number sent; before the first packet, the one before it.
    highest: u16,
    /// Timestamp at which everything sent so far has been played; `None` before the first packet.
    reached: Option<u32>,
    state: State,
    event: Option<Frozen>,
}

#[derive(Clone, Debug)]
enum State {
    /// Nobody speaks: the next packet starts a talkspurt.
    Quiet,
    /// One voice speaks; its numbers are shifted by constants.
    Following {
        voice: Voice,
        sequence_shift: u16,
        timestamp_shift: u32,
        /// Timestamp of the newest audio sent.
        newest: Option<u32>,
        /// Bit n: the number `highest - n` was sent or may not be sent any more.
        spent: u64,
        /// The number that would confirm that the source jumped.
        stray: Option<u16>,
    },
}

/// How a packet fits what its voice said before.
enum Fit {
    Continues,
    Starts,
    Strays,
}

/// The timestamp of a key press, kept for all packets of the event whatever happens between them.
#[derive(Clone, Copy, Debug)]
struct Frozen {
    voice: Voice,
    theirs: u32,
    ours: u32,
}

impl Splice {
    /// A stream that starts with these numbers.
    #[must_use]
    pub const fn new(ssrc: u32, first_sequence: u16, timestamp_origin: u32) -> Self {
        Self {
            ssrc,
            timestamp_origin,
            highest: first_sequence.wrapping_sub(1),
            reached: None,
            state: State::Quiet,
            event: None,
        }
    }

    /// Numbers one packet, or `None` when it must not be sent: a duplicate, or a late packet of
    /// before the last change of voice. `at` is the timestamp of the present instant.
    pub fn place(&mut self, at: u32, piece: Piece, payload_type: u8) -> Option<Fields> {
        let starts = match self.fit(piece) {
            Fit::Continues => false,
            Fit::Starts => {
                self.start(at, piece);
                true
            }
            Fit::Strays => return None,
        };
        let State::Following { sequence_shift, timestamp_shift, newest, spent, .. } =
            &mut self.state
        else {
            return None; // not reached: `start` has just made it so
        };
        let sequence = piece.sequence.wrapping_add(*sequence_shift);
        let ahead = sequence_distance(self.highest, sequence);
        let distance = u32::from(ahead.unsigned_abs());
        if ahead > 0 {
            *spent = spent.checked_shl(distance).unwrap_or(0) | 1;
            self.highest = sequence;
        } else {
            let bit = 1u64.checked_shl(distance)?;
            if *spent & bit != 0 {
                return None;
            }
            *spent |= bit;
        }
        let shifted = piece.timestamp.wrapping_add(*timestamp_shift);
        let (timestamp, ticks) = match piece.content {
            Content::Audio(ticks) => {
                if ahead > 0 {
                    *newest = Some(shifted);
                }
                (shifted, ticks)
            }
            Content::Event(ticks) => {
                let frozen = self.event.filter(|event| event.is(piece));
                let event = frozen.unwrap_or(Frozen {
                    voice: piece.voice,
                    theirs: piece.timestamp,
                    ours: shifted,
                });
                self.event = Some(event);
                (event.ours, ticks)
            }
        };
        let end = timestamp.wrapping_add(ticks);
        if self.reached.is_none_or(|reached| timestamp_distance(reached, end) > 0) {
            self.reached = Some(end);
        }
        let marker = piece.marker || starts;
        Some(Fields { marker, payload_type, sequence, timestamp, ssrc: self.ssrc })
    }

    /// Forgets a packet of the present voice that is not sent on purpose, so that the listener
    /// sees no loss where there was none.
    pub fn skip(&mut self, voice: Voice, theirs: u16) {
        if let State::Following { voice: present, sequence_shift, .. } = &mut self.state
            && *present == voice
            && sequence_distance(self.highest, theirs.wrapping_add(*sequence_shift)) > 0
        {
            *sequence_shift = sequence_shift.wrapping_sub(1);
        }
    }

    /// The present voice is over: what comes next starts a talkspurt.
    pub fn pause(&mut self) {
        self.state = State::Quiet;
    }

    /// Whether this voice is the one that speaks.
    #[must_use]
    pub fn follows(&self, voice: Voice) -> bool {
        matches!(&self.state, State::Following { voice: present, .. } if *present == voice)
    }

    /// The last sequence number sent; before the first packet, the one before it.
    #[must_use]
    pub const fn last_sequence(&self) -> u16 {
        self.highest
    }

    /// Our synchronisation source.
    #[must_use]
    pub const fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// The timestamp of this instant of site time.
    #[must_use]
    pub fn timestamp_at(&self, now: Mono, clock_hz: u32) -> u32 {
        self.timestamp_origin.wrapping_add(ticks_at(now, clock_hz))
    }

    fn fit(&mut self, piece: Piece) -> Fit {
        let State::Following { voice, sequence_shift, timestamp_shift, newest, stray, .. } =
            &mut self.state
        else {
            return Fit::Starts;
        };
        if *voice != piece.voice {
            return Fit::Starts;
        }
        let ahead = sequence_distance(self.highest, piece.sequence.wrapping_add(*sequence_shift));
        if !(-LATE_MAX..=DROPOUT_MAX).contains(&ahead) {
            // RFC 3550 A.1: one number far off is noise, two in sequence are a new beginning.
            let again = stray.replace(piece.sequence.wrapping_add(1)) == Some(piece.sequence);
            return if again { Fit::Starts } else { Fit::Strays };
        }
        *stray = None;
        // Audio with a later number and an earlier time is a source that started over without
        // telling; the time of events stands still while the audio beside them goes on.
        let timestamp = piece.timestamp.wrapping_add(*timestamp_shift);
        match (piece.content, *newest) {
            (Content::Audio(_), Some(newest))
                if ahead > 0 && timestamp_distance(newest, timestamp) < 0 =>
            {
                Fit::Starts
            }
            (Content::Audio(_) | Content::Event(_), Some(_) | None) => Fit::Continues,
        }
    }

    /// Starts a talkspurt: the next number, and site time unless more was sent already.
    fn start(&mut self, at: u32, piece: Piece) {
        let timestamp = match self.reached {
            Some(reached) if timestamp_distance(reached, at) < 0 => reached,
            Some(_) | None => at,
        };
        self.state = State::Following {
            voice: piece.voice,
            sequence_shift: self.highest.wrapping_add(1).wrapping_sub(piece.sequence),
            timestamp_shift: timestamp.wrapping_sub(piece.timestamp),
            newest: None,
            spent: u64::MAX,
            stray: None,
        };
    }
}

impl Frozen {
    fn is(&self, piece: Piece) -> bool {
        (self.voice, self.theirs) == (piece.voice, piece.timestamp)
    }
}

/// Ticks of a clock at an instant of site time, modulo 2³².
#[must_use]
pub fn ticks_at(now: Mono, clock_hz: u32) -> u32 {
    let (seconds, micros) = (now.micros() / 1_000_000, now.micros() % 1_000_000);
    let ticks = seconds
        .wrapping_mul(u64::from(clock_hz))
        .wrapping_add(micros * u64::from(clock_hz) / 1_000_000);
    u32::try_from(ticks & u64::from(u32::MAX)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::{Content, Piece, Splice, Voice, ticks_at};
    use holdfast_base::{Mono, StreamId};
    use proptest::prelude::*;
    use std::collections::BTreeSet;
    use std::fmt::Write;

    const PEER: Voice = Voice::Peer(StreamId(1), 7);
    const AUDIO: Content = Content::Audio(160);

    fn piece(voice: Voice, sequence: u16, timestamp: u32, content: Content) -> Piece {
        Piece { voice, sequence, timestamp, marker: false, content }
    }

    /// Places pieces, the n-th at n·20 ms, and prints number, time and marker of each.
    fn trace(pieces: &[Piece]) -> String {
        let mut splice = Splice::new(9, 100, 5000);
        let mut trace = String::new();
        for (n, piece) in (0u64..).zip(pieces) {
            let at = splice.timestamp_at(Mono::from_micros(n * 20_000), 8000);
            match splice.place(at, *piece, 8) {
                Some(sent) => {
                    let marker = if sent.marker { "m" } else { "" };
                    write!(trace, "{}@{}{marker} ", sent.sequence, sent.timestamp).unwrap();
                }
                None => trace.push_str("- "),
            }
        }
        trace
    }

    #[test]
    fn prompt_then_peer_then_music_is_one_stream() {
        let got = trace(&[
            piece(Voice::Clips(1), 0, 0, AUDIO),
            piece(Voice::Clips(1), 1, 160, AUDIO),
            piece(PEER, 65_535, u32::MAX - 159, AUDIO),
            piece(PEER, 0, 0, AUDIO),
            piece(Voice::Clips(2), 0, 70_000, AUDIO),
        ]);
        assert_eq!(got, "100@5000m 101@5160 102@5320m 103@5480 104@5640m ");
    }

    #[test]
    fn loss_and_reordering_stay_visible_and_nothing_is_sent_twice() {
        let got = trace(&[
            piece(PEER, 10, 1000, AUDIO),
            piece(PEER, 9, 840, AUDIO), // before the first: the number belongs to the past
            piece(PEER, 13, 1480, AUDIO),
            piece(PEER, 12, 1320, AUDIO),
            piece(PEER, 12, 1320, AUDIO),
            piece(PEER, 14, 1640, AUDIO),
        ]);
        assert_eq!(got, "100@5000m - 103@5480 102@5320 - 104@5640 ");
    }

    #[test]
    fn a_late_packet_of_the_voice_before_starts_nothing() {
        let mut splice = Splice::new(9, 100, 0);
        let _ = splice.place(0, piece(PEER, 10, 0, AUDIO), 8);
        splice.pause();
        let next = splice.place(160, piece(PEER, 11, 160, AUDIO), 8).unwrap();
        assert_eq!((next.sequence, next.timestamp, next.marker), (101, 160, true));
    }

    #[test]
    fn one_number_far_off_is_noise_and_two_are_a_new_beginning() {
        let got = trace(&[
            piece(PEER, 10, 1000, AUDIO),
            piece(PEER, 30_000, 9, AUDIO),
            piece(PEER, 11, 1160, AUDIO),
            piece(PEER, 30_000, 9, AUDIO),
            piece(PEER, 30_001, 169, AUDIO),
            piece(PEER, 30_002, 329, AUDIO),
        ]);
        assert_eq!(got, "100@5000m - 101@5160 - 102@5640m 103@5800 ");
    }

    #[test]
    fn audio_that_rewinds_its_clock_starts_over() {
        let got = trace(&[piece(PEER, 10, 9000, AUDIO), piece(PEER, 11, 80, AUDIO)]);
        assert_eq!(got, "100@5000m 101@5160m ");
    }

    #[test]
    fn a_key_keeps_its_timestamp_even_over_a_change_of_voice() {
        let event = |n, ticks| piece(PEER, n, 1320, Content::Event(ticks));
        let got = trace(&[
            piece(PEER, 10, 1160, AUDIO),
            event(11, 160),
            event(12, 320),
            piece(Voice::Clips(1), 0, 0, AUDIO),
            event(14, 640),
            piece(PEER, 15, 2120, AUDIO),
        ]);
        assert_eq!(got, "100@5000m 101@5160 102@5160 103@5480m 104@5160m 105@6440 ");
    }

    #[test]
    fn a_packet_that_is_left_out_on_purpose_leaves_no_gap() {
        let mut splice = Splice::new(9, 100, 0);
        let _ = splice.place(0, piece(PEER, 10, 0, AUDIO), 8);
        splice.skip(PEER, 11);
        splice.skip(PEER, 12);
        let next = splice.place(480, piece(PEER, 13, 480, AUDIO), 8).unwrap();
        assert_eq!((next.sequence, next.timestamp), (101, 480));
    }

    #[test]
    fn site_time_of_a_century_still_has_exact_ticks() {
        let century = Mono::from_micros(100 * 365 * 86_400 * 1_000_000);
        let later = Mono::from_micros(century.micros() + 20_000);
        assert_eq!(ticks_at(later, 48_000).wrapping_sub(ticks_at(century, 48_000)), 960);
    }

    proptest! {
        /// Whatever voices alternate and whatever their numbers do: no number twice, a change of
        /// voice goes on with the next number, never back in time, and is marked.
        #[test]
        fn the_listener_hears_one_stream(
            steps in prop::collection::vec((0u8..3, 0u16..6, 0u8..4), 1..200),
        ) {
            let mut splice = Splice::new(9, 65_500, 0);
            let mut theirs = [10u16, 60_000, 0];
            let (mut now, mut before) = (Mono::from_micros(0), None);
            let (mut numbers, mut highest, mut reached) = (BTreeSet::new(), 65_499u16, 0u32);
            for (who, step, run) in steps {
                let source = &mut theirs[usize::from(who)];
                *source = source.wrapping_add(step).wrapping_sub(1);
                for _ in 0..=run {
                    now = now + std::time::Duration::from_millis(20);
                    *source = source.wrapping_add(1);
                    let voice = Voice::Peer(StreamId(who.into()), 1);
                    let timestamp = u32::from(*source) * 160;
                    let at = splice.timestamp_at(now, 8000);
                    let Some(sent) = splice.place(at, piece(voice, *source, timestamp, AUDIO), 8)
                    else { continue };
                    prop_assert!(numbers.insert(sent.sequence), "{} twice", sent.sequence);
                    if before != Some(voice) {
                        prop_assert_eq!(sent.sequence, highest.wrapping_add(1));
                        prop_assert!(sent.timestamp >= reached && sent.marker);
                    }
                    if sent.sequence.wrapping_sub(highest) < 0x8000 { highest = sent.sequence; }
                    reached = reached.max(sent.timestamp + 160);
                    before = Some(voice);
                }
            }
        }

        /// A source without loss: strictly the next number and the next 160 ticks.
        #[test]
        fn a_clean_source_is_relayed_without_a_seam(first in any::<u16>(), time in any::<u32>()) {
            let mut splice = Splice::new(9, 1, 0);
            let mut last: Option<(u16, u32)> = None;
            for n in 0..300u16 {
                let timestamp = time.wrapping_add(u32::from(n) * 160);
                let sent = splice
                    .place(0, piece(PEER, first.wrapping_add(n), timestamp, AUDIO), 8)
                    .expect("sent");
                if let Some((sequence, timestamp)) = last {
                    prop_assert_eq!(sent.sequence, sequence + 1);
                    prop_assert_eq!(sent.timestamp, timestamp + 160);
                }
                last = Some((sent.sequence, sent.timestamp));
            }
        }
    }
}
