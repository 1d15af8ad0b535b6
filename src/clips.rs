//! The clips that every box speaks and plays from its first start, and those of its operator.

use holdfast_core::media::clip::ClipLibrary;
use std::path::Path;

use crate::trouble::Trouble;

/// Made by `conf/prompts/make.py`.
const BUILT_IN: [(&str, &[u8]); 36] = [
    ("beyond-99", include_bytes!("../conf/prompts/beyond-99.wav")),
    ("closed-sorry", include_bytes!("../conf/prompts/closed-sorry.wav")),
    ("duty-off", include_bytes!("../conf/prompts/duty-off.wav")),
    ("duty-on", include_bytes!("../conf/prompts/duty-on.wav")),
    ("greeting-welcome", include_bytes!("../conf/prompts/greeting-welcome.wav")),
    ("in-the-queue", include_bytes!("../conf/prompts/in-the-queue.wav")),
    ("music", include_bytes!("../conf/prompts/music.wav")),
    ("number-0", include_bytes!("../conf/prompts/number-0.wav")),
    ("number-1", include_bytes!("../conf/prompts/number-1.wav")),
    ("number-10", include_bytes!("../conf/prompts/number-10.wav")),
    ("number-11", include_bytes!("../conf/prompts/number-11.wav")),
    ("number-12", include_bytes!("../conf/prompts/number-12.wav")),
    ("number-13", include_bytes!("../conf/prompts/number-13.wav")),
    ("number-14", include_bytes!("../conf/prompts/number-14.wav")),
    ("number-15", include_bytes!("../conf/prompts/number-15.wav")),
    ("number-16", include_bytes!("../conf/prompts/number-16.wav")),
    ("number-17", include_bytes!("../conf/prompts/number-17.wav")),
    ("number-18", include_bytes!("../conf/prompts/number-18.wav")),
    ("number-19", include_bytes!("../conf/prompts/number-19.wav")),
    ("number-2", include_bytes!("../conf/prompts/number-2.wav")),
    ("number-20", include_bytes!("../conf/prompts/number-20.wav")),
    ("number-3", include_bytes!("../conf/prompts/number-3.wav")),
    ("number-30", include_bytes!("../conf/prompts/number-30.wav")),
    ("number-4", include_bytes!("../conf/prompts/number-4.wav")),
    ("number-40", include_bytes!("../conf/prompts/number-40.wav")),
    ("number-5", include_bytes!("../conf/prompts/number-5.wav")),
    ("number-50", include_bytes!("../conf/prompts/number-50.wav")),
    ("number-6", include_bytes!("../conf/prompts/number-6.wav")),
    ("number-60", include_bytes!("../conf/prompts/number-60.wav")),
    ("number-7", include_bytes!("../conf/prompts/number-7.wav")),
    ("number-70", include_bytes!("../conf/prompts/number-70.wav")),
    ("number-8", include_bytes!("../conf/prompts/number-8.wav")),
    ("number-80", include_bytes!("../conf/prompts/number-80.wav")),
    ("number-9", include_bytes!("../conf/prompts/number-9.wav")),
    ("number-90", include_bytes!("../conf/prompts/number-90.wav")),
    ("you-are-number", include_bytes!("../conf/prompts/you-are-number.wav")),
];

/// The built-in clips, replaced and joined by the WAV files of a folder.
///
/// # Errors
/// When the folder can not be read, or a file in it is no prompt.
pub fn library(folder: Option<&Path>) -> Result<ClipLibrary, Trouble> {
    let mut library = ClipLibrary::default();
    for (name, file) in BUILT_IN {
        library.add(name, file).map_err(|error| Trouble::clip(name, &error.to_string()))?;
    }
    let Some(folder) = folder else { return Ok(library) };
    let entries = std::fs::read_dir(folder).map_err(|error| Trouble::file(folder, &error))?;
    for path in entries.flatten().map(|entry| entry.path()) {
        let is_wav = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("wav"));
        let (true, Some(name)) = (is_wav, path.file_stem().and_then(|stem| stem.to_str())) else {
            continue;
        };
        let file = std::fs::read(&path).map_err(|error| Trouble::file(&path, &error))?;
        library.add(name, &file).map_err(|error| Trouble::clip(name, &error.to_string()))?;
    }
    Ok(library)
}

/// Names of the clips that the configuration may speak of.
pub fn names(library: &ClipLibrary) -> std::collections::BTreeSet<String> {
    library.names().map(|clip| clip.0.to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::{BUILT_IN, library, names};
    use holdfast_core::queue::POSITION_CLIPS;

    #[test]
    fn every_clip_that_the_queue_speaks_is_built_in() {
        let built_in = names(&library(None).expect("clips"));
        assert_eq!(built_in.len(), BUILT_IN.len());
        let spoken = POSITION_CLIPS.iter().map(|(clip, _)| *clip);
        for clip in spoken.chain(["greeting-welcome", "music", "duty-on", "duty-off"]) {
            assert!(built_in.contains(clip), "{clip}");
        }
    }
}
