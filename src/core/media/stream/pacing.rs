//! The packets of a stream that nobody sent: keys, clips, mixes and filler, one a packet time.

use super::{FILLER_AFTER, Hearing, Pace, Stream};
use crate::media::clip::Playlist;
use crate::media::fit::{OPUS_SILENCE_MS, law_of, silence};
use crate::media::keys::Press;
use crate::media::order::Encoding;
use crate::media::splice::{Content, Piece, Voice, ticks_at};
use crate::media::transcode::coding::Coding;
use crate::media::transcode::mouth::{Mouth, TICKS_MAX};
use crate::media::transcode::{SILENCE, TICK_MS, Tick, tick_at};
use holdfast_base::Mono;
use holdfast_wire::g711::Law;
use holdfast_wire::rtp::event::EVENT_BYTES;
use holdfast_wire::rtp::header::BARE_HEADER_BYTES;
use std::net::SocketAddr;
use std::time::Duration;

/// A paced frame later than this is dropped with the ones before it: after a stall the music goes
/// on where it would have been, without a burst.
const BEHIND_MAX: Duration = Duration::from_millis(100);
/// Packet time when the SDP says none (RFC 3551 §4.2).
const PTIME_MS: u16 = 20;
/// Packet times that we make ourselves; a frame of the longest one fits every buffer.
const PTIME_MS_MIN: u16 = 10;
const PTIME_MS_MAX: u16 = 60;
/// Samples of G.711 in a millisecond.
const SAMPLES_PER_MS: u16 = 8;
/// Bytes of G.711 in the longest packet time.
const NARROW_BYTES_MAX: usize = 480;
/// A mix is silent for so long after the last packet of a key that goes past it: three packet
/// times, so that the repeated end of the key (RFC 4733 §2.5.1.4) is not among audio.
const KEY_REST: Duration = Duration::from_millis(60);

/// The ticks that a mix is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The first of them.
    pub first: u64,
    /// How many there are, at most [`TICKS_MAX`].
    pub count: usize,
}

/// What came of a packet time.
enum Made {
    Sent(SocketAddr, usize),
    Pause,
    Over,
}

impl Stream {
    /// When [`Stream::pace`] wants to be called.
    #[must_use]
    pub const fn due(&self) -> Option<Mono> {
        match self.pace {
            Pace::Idle => None,
            Pace::Due { at, .. } => Some(at),
        }
    }

    /// The ticks of the mix that [`Stream::pace`] would send now; none when it would send
    /// something else.
    #[must_use]
    pub fn wanted(&self, now: Mono) -> Option<Wanted> {
        let (Hearing::Mix(_), Some(mouth)) = (&self.hearing, &self.mouth) else { return None };
        let Pace::Due { at, .. } = self.pace else { return None };
        if self.presses.busy() {
            return None;
        }
        let count = mouth.ticks(self.ptime_ms()).min(TICKS_MAX);
        let end = tick_at(instead_of(at, now));
        Some(Wanted { first: end.saturating_sub(u64::try_from(count).unwrap_or(0)), count })
    }

    /// Makes the packet that is due: a key, a frame of a clip, the ticks of a mix, or filler.
    /// `mixed` are the ticks that were [`Stream::wanted`], unless nobody among them speaks yet.
    pub fn pace(
        &mut self,
        now: Mono,
        mixed: Option<&[Tick]>,
        packet: &mut [u8],
    ) -> Option<(SocketAddr, usize)> {
        let Pace::Due { at, frame } = self.pace else { return None };
        let at = instead_of(at, now);
        let ptime_ms = self.ptime_ms();
        let next = at + Duration::from_millis(ptime_ms.into());
        let made = self.make((at, frame, ptime_ms), mixed, packet);
        self.pace = match made {
            Made::Sent(..) => Pace::Due { at: next, frame: frame.wrapping_add(1) },
            Made::Pause => Pace::Due { at: next, frame },
            Made::Over => Pace::Idle,
        };
        match made {
            Made::Sent(to, length) => Some((to, length)),
            Made::Pause | Made::Over => None,
        }
    }

    fn make(
        &mut self,
        (at, frame, ptime_ms): (Mono, u16, u16),
        mixed: Option<&[Tick]>,
        packet: &mut [u8],
    ) -> Made {
        let (Some(to), Some(remote)) = (self.destination(), self.remote.as_ref()) else {
            return Made::Over;
        };
        let (codec, key_type) = (remote.codec, remote.dtmf_to_remote);
        let theirs = ticks_at(at, codec.clock_hz);
        if self.presses.busy() {
            let clock_hz = remote.dtmf_clock_hz;
            let clock_hz = if clock_hz == 0 { codec.clock_hz } else { clock_hz };
            let ticks_per_ms = u16::try_from(clock_hz / 1000).unwrap_or(SAMPLES_PER_MS);
            return match self.presses.step(ptime_ms, ticks_per_ms, theirs) {
                Press::Idle | Press::Pause => Made::Pause,
                Press::Send { event, began, begins } => {
                    let Some(payload_type) = key_type else { return Made::Pause };
                    let content = Content::Event(u32::from(event.duration_ticks));
                    let (voice, sequence, timestamp) = (Voice::Key, frame, began);
                    let piece = Piece { voice, sequence, timestamp, marker: begins, content };
                    fill(packet, &event.bytes());
                    self.send(at, to, (piece, payload_type, EVENT_BYTES), packet)
                }
            };
        }
        let Some(room) = packet.get_mut(BARE_HEADER_BYTES..) else { return Made::Over };
        let (voice, length) = match &self.hearing {
            Hearing::Silence => return Made::Over,
            Hearing::Peer(_) => (Voice::Filler, silence(codec.encoding, ptime_ms, room)),
            Hearing::Mix(_) => {
                let voice = Voice::Mix(self.totals.voices);
                if self.rests(at, voice, mixed) {
                    return Made::Pause;
                }
                let Some(mouth) = &mut self.mouth else { return Made::Over };
                let count = mouth.ticks(ptime_ms);
                let ticks = mixed.into_iter().flatten().chain(std::iter::repeat(&SILENCE));
                (voice, mouth.speak(ticks.take(count), room))
            }
            Hearing::Clips(playlist, since) => {
                let played_us = at.micros().saturating_sub(since.micros());
                let played = played_us.saturating_mul(u64::from(SAMPLES_PER_MS)) / 1000;
                let bytes = usize::from(ptime_ms * SAMPLES_PER_MS);
                let length = match (law_of(codec.encoding), &mut self.mouth) {
                    (Some(law), _) => play(playlist, played, law, room.get_mut(..bytes)),
                    (None, Some(mouth)) => {
                        let mut narrow = [0; NARROW_BYTES_MAX];
                        let clip = play(playlist, played, Law::A, narrow.get_mut(..bytes));
                        clip.and_then(|bytes| {
                            mouth.speak_narrow(Law::A, narrow.get(..bytes)?, room)
                        })
                    }
                    (None, None) => None,
                };
                (Voice::Clips(self.totals.voices), length)
            }
        };
        let Some(length) = length else { return Made::Over };
        let content = Content::Audio(codec.clock_hz / 1000 * u32::from(ptime_ms));
        let piece = Piece { voice, sequence: frame, timestamp: theirs, marker: false, content };
        self.send(at, to, (piece, codec.payload_type, length), packet)
    }

    /// Whether the mix has nothing to say: a key of the peer goes past it, or it has not begun,
    /// and the peer may still be relayed. It begins when somebody is heard, or as filler would.
    fn rests(&self, at: Mono, voice: Voice, mixed: Option<&[Tick]>) -> bool {
        let key = self.marks.key.is_some_and(|key| at.since(key) < KEY_REST);
        let begun = mixed.is_some() || self.splice.follows(voice);
        key || !(begun || at.since(self.marks.sent) >= FILLER_AFTER)
    }

    fn send(
        &mut self,
        at: Mono,
        to: SocketAddr,
        (piece, payload_type, payload_bytes): (Piece, u8, usize),
        packet: &mut [u8],
    ) -> Made {
        let clock_hz = self.clock_hz();
        let site = self.splice.timestamp_at(at, clock_hz);
        let Some(fields) = self.splice.place(site, piece, payload_type) else {
            return Made::Pause;
        };
        fields.write(packet);
        let length = BARE_HEADER_BYTES + payload_bytes;
        let Some(closed) = self.guard.close(packet, length) else { return Made::Pause };
        self.count_sent(at, fields.timestamp, length);
        Made::Sent(to, closed)
    }

    /// Starts the pace when there is something to make and nothing is planned.
    pub(super) fn wake(&mut self, now: Mono) {
        let wanted = match self.hearing {
            Hearing::Mix(_) | Hearing::Clips(..) => true,
            Hearing::Silence | Hearing::Peer(_) => self.presses.busy(),
        };
        if wanted && self.pace == Pace::Idle && self.destination().is_some() {
            self.pace = Pace::Due { at: self.first_due(now), frame: 0 };
        }
    }

    /// Streams begin at different places of a packet time, so that a thousand listeners to the
    /// same music do not make a burst every 20 ms.
    pub(super) fn first_due(&self, now: Mono) -> Mono {
        let mixed = self.splice.ssrc().wrapping_mul(0x9e37_79b9); // 2³² by the golden ratio
        let place = (u64::from(mixed) * u64::from(PTIME_MS) * 1000) >> 32;
        now + Duration::from_micros(place)
    }

    /// Makes the mouth that what the remote hears needs: none for what is relayed, and for clips in
    /// the form in which they are kept.
    pub(super) fn choose_mouth(&mut self) {
        let encoding = self.remote.as_ref().map(|remote| remote.codec.encoding);
        let coding = encoding.and_then(Coding::of).filter(|coding| match self.hearing {
            Hearing::Mix(_) => true,
            Hearing::Clips(..) => !matches!(coding, Coding::Law(_)),
            Hearing::Silence | Hearing::Peer(_) => false,
        });
        if self.mouth.as_ref().map(|mouth| mouth.coding()) != coding {
            self.mouth = coding.and_then(Mouth::new).map(Box::new);
        }
    }

    fn ptime_ms(&self) -> u16 {
        let Some(codec) = self.remote.as_ref().map(|remote| remote.codec) else { return PTIME_MS };
        let wanted = match codec.ptime_ms {
            0 => PTIME_MS,
            ptime_ms => ptime_ms.clamp(PTIME_MS_MIN, PTIME_MS_MAX),
        };
        match (&self.mouth, codec.encoding) {
            (Some(mouth), _) => u16::try_from(mouth.ticks(wanted)).map_or(wanted, |t| t * TICK_MS),
            (None, Encoding::Opus) => OPUS_SILENCE_MS,
            (None, Encoding::Pcma | Encoding::Pcmu | Encoding::G722 | Encoding::Opaque(_)) => {
                wanted
            }
        }
    }
}

/// A frame that is due `at`, or now when that is too long ago.
fn instead_of(at: Mono, now: Mono) -> Mono {
    if now.since(at) > BEHIND_MAX { now } else { at }
}

/// Fills `room` with the clips; how many bytes that is, none when they are over.
fn play(playlist: &Playlist, played: u64, law: Law, room: Option<&mut [u8]>) -> Option<usize> {
    let room = room?;
    playlist.fill(played, law, room).then_some(room.len())
}

fn fill(packet: &mut [u8], payload: &[u8]) {
    let room = packet.get_mut(BARE_HEADER_BYTES..).unwrap_or_default();
    room.iter_mut().zip(payload).for_each(|(byte, value)| *byte = *value);
}
