//! What one remote says, as samples: a play-out buffer in front of the decoders.
//!
//! ```text
//!          packet                the hold is over              nothing for 60 ms
//!   Quiet ────────> Filling ────────────────────> Speaking ─────────────────────> Quiet
//! ```
//!
//! The buffer adapts to the line by what happens to it. When a packet comes too late its place was
//! made up, everything after it is played a tick later, and the hold grows by as much; after a
//! minute without such a thing it shrinks by one. When all through a window of seconds much more
//! than the hold was there, 10 ms are left out by fading two ticks into each other. A clock of the
//! remote that is fast or slow is evened out in the same way.

use super::coding::{Coding, Decoders};
use super::conceal::Past;
use super::store::{PACKETS_MAX, Store};
use super::{SILENCE, TICK_SAMPLES, Tick, tick_at};
use holdfast_base::Mono;
use holdfast_wire::rtp::sequence_distance;

/// A talkspurt is held back for so many ticks on a line of which nothing is known: 10 to 20 ms of
/// jitter, as a tick is asked for after it has passed.
const HOLD_TICKS: u64 = 1;
/// The longest that one is held back: more delay than 200 ms nobody can talk over (ITU-T G.114
/// counts 150 ms for the whole way).
const HOLD_TICKS_MAX: u64 = 20;
/// More than this waits: all but the hold is thrown away at once.
const WAITING_TICKS_MAX: u64 = 40;
/// So many ticks beyond the hold must have been there all through a window before one is left out:
/// a packet time, and one more so that it does not come back as a gap.
const SPARE_TICKS: u64 = 3;
/// The window, in ticks, when that is all that is spare, and when it is far more.
const WINDOW_TICKS: u64 = 500;
const WINDOW_TICKS_SHORT: u64 = 50;
const SPARE_TICKS_MANY: u64 = 9;
/// After so many ticks in which nothing came too late the hold is a tick shorter.
const CALM_TICKS: u64 = 6000;
/// Packets that may be missing in a row before what comes after them is simply played.
const MISSING_MAX: u16 = 3;
/// Ticks that are kept for listeners of other packet times: more than the longest of those.
const KEPT_TICKS: u64 = 16;
/// Room for decoded samples: the longest packet of Opus (120 ms) or of the store, and a tick.
const DECODED_MAX: usize = 3072;

/// A packet of audio as the ear takes it.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// Synchronisation source; another one is another voice.
    pub ssrc: u32,
    /// Sequence number.
    pub sequence: u16,
    /// How it is coded.
    pub coding: Coding,
    /// What is coded.
    pub payload: &'a [u8],
}

/// The play-out of one remote.
#[derive(Debug)]
pub struct Ear {
    store: Store,
    decoders: Decoders,
    decoded: Decoded,
    past: Past,
    play: Play,
    /// Ticks that a talkspurt is held back.
    hold: u64,
    /// Ticks since something came too late.
    calm: u64,
    /// Ticks of the last packet.
    packet_ticks: u64,
    spare: Spare,
    kept: Kept,
    totals: Totals,
}

/// How the play-out went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Ticks that were made up because nothing was there.
    pub made_up: u64,
    /// Ticks that were left out because too much was there.
    pub left_out: u64,
    /// Packets that came after their place was played, or made up.
    pub late: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Play {
    Quiet,
    Filling {
        ssrc: u32,
        first: u16,
        /// The tick with which it is heard.
        begins: u64,
    },
    Speaking {
        ssrc: u32,
        /// The packet that is decoded next.
        next: u16,
        /// Ticks still to be made up for a packet that is lost.
        owed: u64,
    },
}

/// Samples that are decoded and not played.
#[derive(Debug)]
struct Decoded {
    samples: Box<[i16; DECODED_MAX]>,
    length: usize,
}

/// The least that was there in a window, whenever a tick was taken.
#[derive(Clone, Copy, Debug)]
struct Spare {
    least: u64,
    ticks: u64,
}

/// The last ticks, by number.
#[derive(Debug)]
struct Kept {
    ticks: [Tick; 16],
    /// The one that is made next; none before the first was asked for.
    next: Option<u64>,
}

impl Default for Ear {
    fn default() -> Self {
        Self {
            store: Store::default(),
            decoders: Decoders::default(),
            decoded: Decoded { samples: Box::new([0; DECODED_MAX]), length: 0 },
            past: Past::default(),
            play: Play::Quiet,
            hold: HOLD_TICKS,
            calm: 0,
            packet_ticks: 2,
            spare: Spare::NEW,
            kept: Kept { ticks: [SILENCE; 16], next: None },
            totals: Totals::default(),
        }
    }
}

impl Ear {
    /// Takes a packet.
    pub fn hear(&mut self, now: Mono, packet: Packet<'_>) {
        let Packet { ssrc, sequence, coding, payload } = packet;
        let begins = tick_at(now) + self.hold;
        match &mut self.play {
            Play::Quiet => self.begin(packet, begins),
            Play::Filling { ssrc: known, .. } | Play::Speaking { ssrc: known, .. }
                if *known != ssrc =>
            {
                self.begin(packet, begins);
            }
            Play::Filling { first, .. } => {
                let ahead = sequence_distance(*first, sequence);
                if ahead.unsigned_abs() >= PACKETS_MAX {
                    self.begin(packet, begins);
                    return;
                }
                if ahead < 0 {
                    *first = sequence; // overtaken on the way
                }
                self.store.put(sequence, coding, payload);
            }
            Play::Speaking { next, owed, .. } => {
                let ahead = sequence_distance(*next, sequence);
                if ahead.unsigned_abs() >= PACKETS_MAX {
                    self.begin(packet, begins);
                } else if ahead < 0 {
                    *owed += 1; // what came after it was played in time
                    self.too_late();
                } else {
                    let awaited = ahead == 0 && self.past.is_made_up();
                    self.store.put(sequence, coding, payload);
                    if awaited {
                        self.too_late();
                    }
                }
            }
        }
    }

    fn too_late(&mut self) {
        self.totals.late += 1;
        self.hold = (self.hold + 1).min(HOLD_TICKS_MAX);
        self.calm = 0;
    }

    fn begin(&mut self, Packet { ssrc, sequence, coding, payload }: Packet<'_>, begins: u64) {
        self.store.clear();
        self.store.put(sequence, coding, payload);
        self.play = Play::Filling { ssrc, first: sequence, begins };
    }

    /// What is heard in this tick of site time. Ticks are made in order: one of long ago, or one
    /// that was passed over while nobody listened, is silent.
    pub fn at(&mut self, tick: u64) -> &Tick {
        let mut next = self.kept.next.unwrap_or(tick);
        if tick >= next + KEPT_TICKS {
            next = tick; // nobody listened meanwhile
        }
        while next <= tick {
            let made = self.make(next);
            self.kept.put(next, made);
            next += 1;
        }
        self.kept.next = Some(next);
        self.kept.at(tick)
    }

    /// Whether somebody speaks, or did within the last ticks.
    #[must_use]
    pub const fn is_heard(&self) -> bool {
        match self.play {
            Play::Quiet | Play::Filling { .. } => false,
            Play::Speaking { .. } => true,
        }
    }

    /// How the play-out went so far.
    #[must_use]
    pub const fn totals(&self) -> Totals {
        self.totals
    }

    /// How long what waits would last, in ticks.
    fn waiting(&self) -> u64 {
        let decoded = u64::try_from(self.decoded.length / TICK_SAMPLES).unwrap_or(0);
        decoded + u64::from(self.store.len()) * self.packet_ticks
    }

    fn make(&mut self, tick: u64) -> Tick {
        let (ssrc, first) = match self.play {
            Play::Quiet => return SILENCE,
            Play::Filling { begins, .. } if tick < begins => return SILENCE,
            Play::Filling { ssrc, first, .. } => (ssrc, first),
            Play::Speaking { .. } => return self.go_on(),
        };
        self.play = Play::Speaking { ssrc, next: first, owed: 0 };
        self.spare = Spare::NEW;
        self.go_on()
    }

    fn go_on(&mut self) -> Tick {
        let waiting = self.waiting();
        if waiting > WAITING_TICKS_MAX {
            self.skip_to_hold();
        }
        let Some(mut heard) = self.decode_tick() else { return self.conceal() };
        self.calm += 1;
        if self.calm >= CALM_TICKS {
            self.calm = 0;
            self.hold = self.hold.saturating_sub(1).max(HOLD_TICKS);
        }
        if self.spare.is_over_with(waiting.saturating_sub(self.hold))
            && let Some(following) = self.decode_tick()
        {
            heard = faded(&heard, &following);
            self.totals.left_out += 1;
        }
        self.past.keep(&mut heard);
        heard
    }

    fn conceal(&mut self) -> Tick {
        if self.past.is_over() {
            // A pause, or the end: the next packet begins a talkspurt.
            self.play = Play::Quiet;
            self.decoded.length = 0;
            return SILENCE;
        }
        self.totals.made_up += 1;
        self.past.conceal()
    }

    /// The next 10 ms of what came; none when they have to be made up.
    fn decode_tick(&mut self) -> Option<Tick> {
        loop {
            let Play::Speaking { next, owed, .. } = &mut self.play else { return None };
            if *owed > 0 {
                *owed -= 1;
                return None;
            }
            if let Some(tick) = self.decoded.take() {
                return Some(tick);
            }
            let room = self.decoded.room();
            match self.store.take(*next) {
                Some((coding, payload)) => {
                    *next = next.wrapping_add(1);
                    let count = self.decoders.decode(coding, payload, room);
                    self.decoded.length += count;
                    let ticks = u64::try_from(count / TICK_SAMPLES).unwrap_or(0);
                    self.packet_ticks = ticks.max(1);
                }
                None => match self.store.ahead_of(*next)? {
                    // Too many to be made up, or events that are no audio: their time was passed.
                    ahead if ahead > MISSING_MAX => *next = next.wrapping_add(ahead),
                    _ => {
                        *next = next.wrapping_add(1);
                        let following = self.store.peek(*next);
                        let lost = usize::try_from(self.packet_ticks).unwrap_or(0) * TICK_SAMPLES;
                        let count = self.decoders.recover(following, lost, room);
                        self.decoded.length += count;
                        if count == 0 {
                            *owed = self.packet_ticks;
                        } else {
                            self.totals.made_up += self.packet_ticks;
                        }
                    }
                },
            }
        }
    }

    /// Throws the oldest packets away until only the hold is left: after a stall of the line the
    /// conversation goes on where it is, not where it was.
    fn skip_to_hold(&mut self) {
        self.decoded.length = 0;
        while self.waiting() > self.hold {
            let Play::Speaking { next, .. } = &mut self.play else { return };
            let Some(ahead) = self.store.ahead_of(*next) else { return };
            *next = next.wrapping_add(ahead);
            if self.store.take(*next).is_some() {
                self.totals.left_out += self.packet_ticks;
            }
            *next = next.wrapping_add(1);
        }
    }
}

impl Decoded {
    fn room(&mut self) -> &mut [i16] {
        self.samples.get_mut(self.length..).unwrap_or_default()
    }

    fn take(&mut self) -> Option<Tick> {
        let rest = self.length.checked_sub(TICK_SAMPLES)?;
        let tick = *self.samples.first_chunk()?;
        self.samples.copy_within(TICK_SAMPLES..self.length, 0);
        self.length = rest;
        Some(tick)
    }
}

impl Spare {
    const NEW: Self = Self { least: u64::MAX, ticks: 0 };

    /// Counts a tick at which so much was there beyond the hold; true at the end of a window all
    /// through which there was some to spare.
    fn is_over_with(&mut self, beyond: u64) -> bool {
        self.least = self.least.min(beyond);
        self.ticks += 1;
        let window = if self.least >= SPARE_TICKS_MANY { WINDOW_TICKS_SHORT } else { WINDOW_TICKS };
        if self.ticks < window {
            return false;
        }
        let over = self.least >= SPARE_TICKS;
        *self = Self::NEW;
        over
    }
}

impl Kept {
    fn put(&mut self, number: u64, tick: Tick) {
        let place = usize::try_from(number % KEPT_TICKS).unwrap_or(0);
        if let Some(kept) = self.ticks.get_mut(place) {
            *kept = tick;
        }
    }

    fn at(&self, number: u64) -> &Tick {
        let is_kept = self.next.is_some_and(|next| number < next && number + KEPT_TICKS >= next);
        let place = usize::try_from(number % KEPT_TICKS).unwrap_or(0);
        self.ticks.get(place).filter(|_| is_kept).unwrap_or(&SILENCE)
    }
}

/// The beginning of one tick that becomes the end of the other.
fn faded(first: &Tick, second: &Tick) -> Tick {
    const LENGTH: i32 = 160;
    let mut tick = *first;
    for ((place, sample), second) in (0..LENGTH).zip(&mut tick).zip(second) {
        let sum = i32::from(*sample) * (LENGTH - place) + i32::from(*second) * place;
        *sample = i16::try_from(sum / LENGTH).unwrap_or(*sample);
    }
    tick
}
