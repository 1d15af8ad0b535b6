//! The prompt library and the place within a list of clips.
//!
//! A clip is kept in both laws of G.711, made once when it is loaded: playing is copying.

use crate::media::order::ClipId;
use holdfast_wire::g711::Law;
use holdfast_wire::wav::{self, NotAPrompt};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Most clips of a library.
pub const CLIPS_MAX: usize = 1000;
/// Most clips of one [`Playlist`]: a position announcement says about ten words.
pub const PLAYLIST_MAX: usize = 32;

/// One clip at 8 kHz.
#[derive(Debug, PartialEq, Eq)]
pub struct Clip {
    pcma: Vec<u8>,
    pcmu: Vec<u8>,
}

impl Clip {
    /// Encodes samples at 8 kHz.
    #[must_use]
    pub fn of(samples: &[i16]) -> Self {
        let encode = |law: Law| samples.iter().map(|sample| law.encode(*sample)).collect();
        Self { pcma: encode(Law::A), pcmu: encode(Law::Mu) }
    }

    /// Length in samples.
    #[must_use]
    pub fn samples(&self) -> u64 {
        u64::try_from(self.pcma.len()).unwrap_or(u64::MAX)
    }

    fn encoded(&self, law: Law) -> &[u8] {
        match law {
            Law::A => &self.pcma,
            Law::Mu => &self.pcmu,
        }
    }
}

/// The clips of the box, by name.
#[derive(Clone, Debug, Default)]
pub struct ClipLibrary(BTreeMap<ClipId, Arc<Clip>>);

/// Why a clip was not added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAdded {
    /// The file is no prompt.
    File(NotAPrompt),
    /// The library holds [`CLIPS_MAX`] clips.
    Full,
}

impl ClipLibrary {
    /// Adds a WAV file under a name; a clip of that name is replaced.
    ///
    /// # Errors
    /// What is wrong with the file, or that the library is full.
    pub fn add(&mut self, name: &str, file: &[u8]) -> Result<(), NotAdded> {
        let samples = wav::read(file).map_err(NotAdded::File)?;
        let name = ClipId(Arc::from(name));
        if self.0.len() >= CLIPS_MAX && !self.0.contains_key(&name) {
            return Err(NotAdded::Full);
        }
        self.0.insert(name, Arc::new(Clip::of(&samples)));
        Ok(())
    }

    /// The clip of this name.
    #[must_use]
    pub fn clip(&self, name: &ClipId) -> Option<&Arc<Clip>> {
        self.0.get(name)
    }
}

/// Clips one after the other, then perhaps one that repeats.
#[derive(Clone, Debug, Default)]
pub struct Playlist {
    once: Vec<Arc<Clip>>,
    then: Option<Arc<Clip>>,
}

impl Playlist {
    /// Looks the names up. A clip that is not in the library is left out: silence is better than
    /// a call that ends for want of a file. Beyond [`PLAYLIST_MAX`] the rest is left out.
    #[must_use]
    pub fn of(library: &ClipLibrary, once: &[ClipId], then: Option<&ClipId>) -> Self {
        Self {
            once: once
                .iter()
                .take(PLAYLIST_MAX)
                .filter_map(|name| library.clip(name))
                .cloned()
                .collect(),
            // A clip without samples can not be repeated.
            then: then
                .and_then(|name| library.clip(name))
                .filter(|clip| clip.samples() > 0)
                .cloned(),
        }
    }

    /// Fills `frame` with what is heard `played` samples after the beginning; false when all is
    /// over and nothing was filled in.
    pub fn fill(&self, played: u64, law: Law, frame: &mut [u8]) -> bool {
        let (mut rest, mut place) = (frame, played);
        let mut audible = false;
        while !rest.is_empty() {
            let Some(run) = self.run_at(place, law) else {
                rest.fill(law.silence());
                break;
            };
            let length = run.len().min(rest.len());
            let (front, behind) = rest.split_at_mut(length);
            front.iter_mut().zip(run).for_each(|(byte, sample)| *byte = *sample);
            place = place.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
            (rest, audible) = (behind, true);
        }
        audible
    }

    /// The encoded bytes from a place to the end of the clip that it lies in; never empty.
    fn run_at(&self, mut place: u64, law: Law) -> Option<&[u8]> {
        for clip in &self.once {
            if place < clip.samples() {
                return clip.encoded(law).get(usize::try_from(place).ok()?..);
            }
            place -= clip.samples();
        }
        let then = self.then.as_ref()?;
        then.encoded(law).get(usize::try_from(place % then.samples()).ok()?..)
    }
}

#[cfg(test)]
mod tests {
    use super::{Clip, ClipLibrary, NotAdded, Playlist};
    use crate::media::order::ClipId;
    use holdfast_wire::g711::Law;
    use holdfast_wire::wav;
    use std::sync::Arc;

    fn id(name: &str) -> ClipId {
        ClipId(Arc::from(name))
    }

    /// Clip `a` is four samples of 1000, `b` two of -1000, `empty` none.
    fn library() -> ClipLibrary {
        let mut library = ClipLibrary::default();
        library.add("a", &wav::write(&[1000; 4])).unwrap();
        library.add("b", &wav::write(&[-1000; 2])).unwrap();
        library.add("empty", &wav::write(&[])).unwrap();
        library
    }

    fn heard(playlist: &Playlist, played: u64) -> Option<String> {
        let mut frame = [0; 8];
        playlist.fill(played, Law::A, &mut frame).then(|| {
            let letter = |byte: &u8| match Law::A.decode(*byte) {
                500.. => 'a',
                -499..500 => '.',
                ..-499 => 'b',
            };
            frame.iter().map(letter).collect()
        })
    }

    #[test]
    fn clips_follow_each_other_within_a_frame_and_the_last_repeats() {
        let playlist = Playlist::of(&library(), &[id("a"), id("empty"), id("b")], Some(&id("b")));
        assert_eq!(heard(&playlist, 2).as_deref(), Some("aabbbbbb"));
        assert_eq!(heard(&playlist, u64::MAX - 9).as_deref(), Some("bbbbbbbb"));
    }

    #[test]
    fn after_the_last_clip_is_silence() {
        let playlist = Playlist::of(&library(), &[id("a"), id("b")], None);
        assert_eq!(heard(&playlist, 3).as_deref(), Some("abb....."));
        assert_eq!(heard(&playlist, 6), None);
    }

    #[test]
    fn unknown_and_empty_clips_are_silence() {
        let unknown = Playlist::of(&library(), &[id("x")], Some(&id("empty")));
        assert_eq!(heard(&unknown, 0), None);
        assert!(matches!(ClipLibrary::default().add("x", b"noise"), Err(NotAdded::File(_))));
    }

    #[test]
    fn a_clip_sounds_alike_in_both_laws() {
        let clip = Clip::of(&[8000, -300, 0]);
        for (a, mu) in clip.pcma.iter().zip(&clip.pcmu) {
            assert!((Law::A.decode(*a) - Law::Mu.decode(*mu)).abs() < 500);
        }
    }
}
