//! What is recorded, for how long it is kept, and how full the disk may get.

use serde::{Deserialize, Serialize};
use std::time::Duration;

use crate::defaults;
use crate::kind;
use crate::section::Section;

/// `[recording]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recordings {
    /// How many days a recording is kept; 0 is for ever.
    pub keep_days: u16,
    /// Nothing is recorded while less than this is free on the disk, in megabytes.
    pub min_free_mb: u32,
}

/// What a queue says of recording.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfQueue {
    /// Whether each conversation is recorded.
    pub always: bool,
    /// The clip that tells the caller so, before anything else.
    pub notice: Option<String>,
}

/// Ten years: what any law asks for.
const KEEP_DAYS_MAX: u32 = 3660;
/// A terabyte of free space is a slip of the keyboard.
const MIN_FREE_MB_MAX: u32 = 1_000_000;

impl Default for Recordings {
    fn default() -> Self {
        Self { keep_days: defaults::RECORDING_KEEP_DAYS, min_free_mb: defaults::RECORDING_MIN_FREE }
    }
}

impl Recordings {
    /// How long a recording is kept; none is for ever.
    #[must_use]
    pub fn keep(&self) -> Option<Duration> {
        let days = u64::from(self.keep_days);
        (days > 0).then(|| Duration::from_secs(days * 24 * 3600))
    }

    /// What has to stay free, in bytes.
    #[must_use]
    pub fn min_free(&self) -> u64 {
        u64::from(self.min_free_mb) << 20
    }
}

/// Reads `[recording]`.
pub(crate) fn read(section: &mut Section<'_, '_, '_>) -> Recordings {
    let default = Recordings::default();
    let days = kind::whole(0, KEEP_DAYS_MAX);
    let keep = section.or("keep_days", days, default.keep_days.into());
    let min_free_mb =
        section.or("min_free_mb", kind::whole(0, MIN_FREE_MB_MAX), default.min_free_mb);
    Recordings { keep_days: u16::try_from(keep).unwrap_or(u16::MAX), min_free_mb }
}

/// Reads the keys of a queue.
pub(crate) fn of_queue(section: &mut Section<'_, '_, '_>) -> OfQueue {
    OfQueue {
        always: section.or("record", kind::flag, false),
        notice: section.or("record_notice", kind::text_or_none, None),
    }
}

#[cfg(test)]
mod tests {
    use super::Recordings;
    use std::time::Duration;

    #[test]
    fn days_and_megabytes() {
        let rules = Recordings { keep_days: 2, min_free_mb: 3 };
        assert_eq!(rules.keep(), Some(Duration::from_secs(172_800)));
        assert_eq!(rules.min_free(), 3 * 1024 * 1024);
        assert_eq!(Recordings { keep_days: 0, ..rules }.keep(), None);
    }

    #[test]
    fn a_queue_is_recorded_where_it_says_so() {
        let text = "[recording]\nkeep_days = 7\nmin_free_mb = 100\n[[queue]]\nname = \"sales\"\n\
                    record = true\nrecord_notice = \"recorded\"\n";
        let (config, _) = crate::read(text, "f").unwrap();
        assert_eq!(config.recording, Recordings { keep_days: 7, min_free_mb: 100 });
        let queue = config.queues.first().unwrap();
        assert_eq!(
            (queue.recording.always, queue.recording.notice.as_deref()),
            (true, Some("recorded"))
        );
        let (plain, _) = crate::read("[[queue]]\nname = \"sales\"\n", "f").unwrap();
        assert!(!plain.queues.first().unwrap().recording.always);
    }
}
