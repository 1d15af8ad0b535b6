//! What is kept of recordings: when which conversation was recorded, by whose order, and who has
//! listened to it or erased it.

use holdfast_base::RecordingId;
use serde::{Deserialize, Serialize};

/// One thing that happened to the recording of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum RecordingStep {
    /// What is said is taken down from now on.
    Began {
        /// The recording.
        recording: RecordingId,
        /// By order of this user; none is the queue's own way.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
    },
    /// It is not any more.
    Ended {
        /// The recording.
        recording: RecordingId,
        /// By order of this user; none is the end of the conversation.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
    },
    /// It should be, and is not.
    NotMade {
        /// Why, in words for a technician.
        why: String,
    },
    /// Somebody does something with what was taken down.
    Used {
        /// The name of the file.
        file: String,
        /// What.
        how: RecordingUse,
        /// The user.
        by: String,
    },
}

/// What can be done with a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordingUse {
    /// It was brought to somebody.
    Heard,
    /// It was erased.
    Erased,
}
