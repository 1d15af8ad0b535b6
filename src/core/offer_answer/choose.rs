//! Which formats of an offer the answer takes, and under which numbers an offer of ours puts its.

use super::codec::{Codec, DYNAMIC, Format, Role};
use super::reject::Fault;
use std::collections::{BTreeMap, BTreeSet};

/// Which codecs we would take. The order is that of the offerer, who should have its preference
/// (RFC 3264 §6.1); keys and comfort noise follow the clock of the voice if they are in the list.
#[derive(Clone, Copy, Debug)]
pub enum Choice<'a> {
    /// One voice codec: the first of the offer that is in the list. What most peers expect.
    One(&'a [Codec]),
    /// Every voice codec of the offer that is in the list.
    All(&'a [Codec]),
}

impl<'a> Choice<'a> {
    const fn allowed(self) -> &'a [Codec] {
        match self {
            Self::One(allowed) | Self::All(allowed) => allowed,
        }
    }
}

/// The formats of the answer: payload types as in the offer (RFC 3264 §6.1).
pub fn choose(offered: &[Format], choice: Choice<'_>) -> Result<Vec<Format>, Fault> {
    let allowed = choice.allowed();
    let mut voices = offered
        .iter()
        .filter(|format| format.role() == Role::Voice && is_allowed(format, offered, allowed));
    let voices: Vec<&Format> = match choice {
        Choice::One(_) => voices.next().into_iter().collect(),
        Choice::All(_) => voices.collect(),
    };
    if voices.is_empty() {
        return Err(Fault::NoCommonCodec);
    }
    let clocks: Vec<u32> = voices.iter().map(|format| format.codec.clock_hz).collect();
    let keys = beside(Role::Keys, &clocks, offered, allowed);
    // RFC 4733 §2.1 wants the clock of the voice. Phones that offer Opus with events at 8000 only
    // exist, and losing their keys is worse than an event on a clock of its own.
    let any_keys = || beside(Role::Keys, &every_clock(offered), offered, allowed);
    let keys = if keys.is_empty() { any_keys().into_iter().take(1).collect() } else { keys };
    let noise = beside(Role::Noise, &clocks, offered, allowed);
    let taken: Vec<&Format> = voices.into_iter().chain(keys).chain(noise).collect();
    let in_order = offered.iter().filter(|format| taken.contains(format));
    Ok(in_order.map(|format| with_our_parameters(format, allowed)).collect())
}

/// Whether the list has this codec. Where the offer has it several times with different
/// parameters, and one of them is exactly what the list says, only that one is meant.
fn is_allowed(format: &Format, offered: &[Format], allowed: &[Codec]) -> bool {
    let exact_exists = |codec: &Codec| offered.iter().any(|other| other.codec == *codec);
    let mut same = allowed.iter().filter(|codec| codec.is_same_as(&format.codec));
    same.any(|codec| *codec == format.codec || !exact_exists(codec))
}

/// The formats of this role, one for each of these clocks, if the list wants the role at all.
fn beside<'a>(
    role: Role,
    clocks: &[u32],
    offered: &'a [Format],
    allowed: &[Codec],
) -> Vec<&'a Format> {
    let mut found: Vec<&Format> = Vec::new();
    if !allowed.iter().any(|codec| codec.role() == role) {
        return found;
    }
    for format in offered.iter().filter(|format| format.role() == role) {
        let clock_hz = format.codec.clock_hz;
        let twice = found.iter().any(|known| known.codec.clock_hz == clock_hz);
        if clocks.contains(&clock_hz) && !twice {
            found.push(format);
        }
    }
    found
}

fn every_clock(formats: &[Format]) -> Vec<u32> {
    formats.iter().map(|format| format.codec.clock_hz).collect()
}

/// Parameters say what their writer takes: ours, where the list has some, else those of the offer.
fn with_our_parameters(format: &Format, allowed: &[Codec]) -> Format {
    let ours = allowed.iter().find(|codec| match format.role() {
        Role::Voice | Role::Wrapper => codec.is_same_as(&format.codec),
        Role::Keys | Role::Noise => codec.role() == format.role(),
    });
    let fmtp = ours.and_then(|codec| codec.fmtp.clone()).or_else(|| format.codec.fmtp.clone());
    Format { payload: format.payload, codec: Codec { fmtp, ..format.codec.clone() } }
}

/// Of our formats the one that the peer means by `theirs`: the same codec, if possible under the
/// same payload type, else with the same parameters.
pub fn partner<'a>(theirs: &Format, ours: &'a [Format]) -> Option<&'a Format> {
    let same = || ours.iter().filter(|format| format.codec.is_same_as(&theirs.codec));
    same()
        .find(|format| format.payload == theirs.payload)
        .or_else(|| same().find(|format| format.codec.fmtp == theirs.codec.fmtp))
        .or_else(|| same().next())
}

/// The same formats under payload types that never meant something else on this leg
/// (RFC 3264 §8.3.2). The given number stays wherever it can; the others get one that the codec
/// had before, else a free one, and a codec for which there is none is left out.
pub fn renumber(formats: &[Format], bound: &BTreeMap<u8, Codec>) -> Vec<Format> {
    let free_for = |codec: &Codec, payload: u8| {
        let meaning = bound.get(&payload);
        payload <= *DYNAMIC.end() && meaning.is_none_or(|known| known.is_same_as(codec))
    };
    let mut kept: BTreeMap<u8, &Format> = BTreeMap::new();
    for format in formats.iter().filter(|format| free_for(&format.codec, format.payload)) {
        kept.entry(format.payload).or_insert(format);
    }
    let mut taken: BTreeSet<u8> = kept.keys().copied().collect();
    let mut renumbered = Vec::new();
    for format in formats {
        let stays = kept.get(&format.payload).is_some_and(|first| std::ptr::eq(*first, format));
        let had = bound.iter().filter(|(_, codec)| codec.is_same_as(&format.codec));
        let mut others = had.map(|(payload, _)| *payload).chain(DYNAMIC);
        let payload = match stays {
            true => Some(format.payload),
            false => others.find(|other| !taken.contains(other) && free_for(&format.codec, *other)),
        };
        if let Some(payload) = payload {
            taken.insert(payload);
            renumbered.push(Format { payload, codec: format.codec.clone() });
        }
    }
    renumbered
}

#[cfg(test)]
mod tests {
    use super::{DYNAMIC, Format, renumber};
    use crate::offer_answer::Encoding;
    use std::collections::BTreeMap;

    fn opus(payload: u8) -> Format {
        Format { payload, ..Format::usual(&Encoding::Opus).unwrap() }
    }

    #[test]
    fn numbers_run_out_and_then_the_codec_is_left_out() {
        let pcma = Format::usual(&Encoding::Pcma).unwrap();
        let mut bound: BTreeMap<_, _> =
            DYNAMIC.map(|payload| (payload, pcma.codec.clone())).collect();
        let kept = renumber(&[opus(111), pcma.clone()], &bound);
        assert_eq!(kept.iter().map(|format| format.payload).collect::<Vec<_>>(), [8]);
        bound.remove(&120);
        assert_eq!(renumber(&[opus(111), opus(200), pcma.clone()], &bound), [opus(120), pcma]);
    }

    #[test]
    fn twice_the_same_number_is_two_numbers() {
        let numbered = renumber(&[opus(96), opus(96)], &BTreeMap::new());
        assert_eq!(numbered, [opus(96), opus(97)]);
    }
}
