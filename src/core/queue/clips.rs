//! Which clips say a position. English; another language is another set of files of these names.

use std::sync::Arc;

use crate::media::order::ClipId;

/// Highest position that is said as a number.
pub const POSITION_SAID_MAX: u32 = 99;

/// Every clip that a position needs, with the words that it says.
pub const POSITION_CLIPS: [(&str, &str); 30] = [
    ("you-are-number", "You are number"),
    ("beyond-99", "There are at least ninety-nine callers ahead of you."),
    ("number-0", "zero"),
    ("number-1", "one"),
    ("number-2", "two"),
    ("number-3", "three"),
    ("number-4", "four"),
    ("number-5", "five"),
    ("number-6", "six"),
    ("number-7", "seven"),
    ("number-8", "eight"),
    ("number-9", "nine"),
    ("number-10", "ten"),
    ("number-11", "eleven"),
    ("number-12", "twelve"),
    ("number-13", "thirteen"),
    ("number-14", "fourteen"),
    ("number-15", "fifteen"),
    ("number-16", "sixteen"),
    ("number-17", "seventeen"),
    ("number-18", "eighteen"),
    ("number-19", "nineteen"),
    ("number-20", "twenty"),
    ("number-30", "thirty"),
    ("number-40", "forty"),
    ("number-50", "fifty"),
    ("number-60", "sixty"),
    ("number-70", "seventy"),
    ("number-80", "eighty"),
    ("number-90", "ninety"),
];

/// The clips that say `number`: one for 0 to 20 and for whole tens, else the ten and the unit.
/// Empty above 99.
#[must_use]
pub fn number_clips(number: u32) -> Vec<ClipId> {
    let word = |number: u32| clip(&format!("number-{number}"));
    match number {
        0..=20 => vec![word(number)],
        21..=POSITION_SAID_MAX if number.is_multiple_of(10) => vec![word(number)],
        21..=POSITION_SAID_MAX => vec![word(number / 10 * 10), word(number % 10)],
        100.. => Vec::new(),
    }
}

/// The clips that tell a caller the position.
#[must_use]
pub fn position_clips(position: u32) -> Vec<ClipId> {
    if position > POSITION_SAID_MAX {
        return vec![clip("beyond-99")];
    }
    let mut clips = vec![clip("you-are-number")];
    clips.extend(number_clips(position));
    clips
}

/// The clip of this name.
#[must_use]
pub fn clip(name: &str) -> ClipId {
    ClipId(Arc::from(name))
}

#[cfg(test)]
mod tests {
    use super::{POSITION_CLIPS, number_clips, position_clips};

    fn said(number: u32) -> String {
        let clips = number_clips(number);
        let names: Vec<&str> = clips.iter().map(|clip| &*clip.0).collect();
        names.join(" ")
    }

    #[test]
    fn numbers_are_said_as_people_say_them() {
        let cases = [
            (0, "number-0"),
            (1, "number-1"),
            (19, "number-19"),
            (20, "number-20"),
            (21, "number-20 number-1"),
            (30, "number-30"),
            (99, "number-90 number-9"),
            (100, ""),
        ];
        for (number, clips) in cases {
            assert_eq!(said(number), clips);
        }
    }

    #[test]
    fn every_position_needs_only_clips_of_the_list_and_every_clip_is_needed() {
        let listed: std::collections::BTreeSet<&str> =
            POSITION_CLIPS.iter().map(|(name, _)| *name).collect();
        let needed: Vec<_> = (0..=150).flat_map(position_clips).collect();
        let needed: std::collections::BTreeSet<&str> = needed.iter().map(|clip| &*clip.0).collect();
        assert_eq!(listed, needed);
        assert_eq!(listed.len(), POSITION_CLIPS.len());
    }
}
