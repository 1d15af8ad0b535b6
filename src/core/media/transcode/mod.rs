//! Audio that is not passed on as it came: decoded, mixed, and encoded for somebody else.
//!
//! Relayed packets never come here. Where a listener does not speak what its peer speaks, or hears
//! several at once, its peers get an [`Ear`] and it gets a [`Mouth`]:
//!
//! ```text
//!  packets ─> Ear: store, decoder, play-out ──Tick──┐
//!  packets ─> Ear ──────────────────────────────────┴─> sum ─> Mouth: encoder ─> packet
//! ```
//!
//! All of it is in [`Tick`]s: 10 ms of samples at 16 kHz, numbered by site time. A mouth asks for
//! the ticks of the packet time that has just passed; an ear makes each of them once, when the
//! first listener asks, and keeps it for the others. So an ear needs no deadline of its own,
//! listeners of different packet times share it. Nothing is allocated once both have begun, save
//! what the encoder of Opus does inside.

pub mod coding;
mod conceal;
pub mod ear;
pub mod mouth;
pub(crate) mod resample;
mod store;

use holdfast_base::Mono;

/// Samples of a second between ear and mouth. Twice the rate of G.711, that of G.722, and one at
/// which Opus decodes and encodes; nothing of a telephone lies above half of it.
pub const RATE: u32 = 16_000;
/// Length of a [`Tick`], in milliseconds; every packet time that we make is a multiple of it.
pub const TICK_MS: u16 = 10;
/// Samples of a [`Tick`].
pub const TICK_SAMPLES: usize = 160;

/// The samples of 10 ms.
pub type Tick = [i16; TICK_SAMPLES];

/// Nothing to hear.
pub const SILENCE: Tick = [0; TICK_SAMPLES];

/// The number of the tick that begins at or before this instant.
#[must_use]
pub const fn tick_at(now: Mono) -> u64 {
    now.micros() / (TICK_MS as u64 * 1000)
}

/// Adds a tick to a sum, within 16 bits.
pub fn add(sum: &mut Tick, voice: &Tick) {
    for (sum, sample) in sum.iter_mut().zip(voice) {
        *sum = sum.saturating_add(*sample);
    }
}

#[cfg(test)]
mod tests;
