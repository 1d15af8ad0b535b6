//! Recordings between the page, the configuration and the thread that writes them.

use holdfast_config::Config;
use holdfast_core::command::Refusal;
use holdfast_drive::log::Reader;
use holdfast_drive::media::TapeSink;
use holdfast_drive::recordings::{NotErased, Recordings, Rules, Stop};
use holdfast_web::{BoxFuture, RecordingDoors};
use std::io;
use std::path::Path;
use std::sync::Arc;
use tokio::task::spawn_blocking;

use crate::trouble::Trouble;

/// Where they lie in the state directory.
const FOLDER: &str = "recordings";

/// Opens the folder and starts the writer.
pub fn open(state: &Path, log: &Reader, config: &Config) -> Result<(Recordings, Stop), Trouble> {
    let folder = state.join(FOLDER);
    Recordings::open(&folder, Arc::clone(log.keys()), rules(config))
        .map_err(|error| Trouble::file(&folder, &error))
}

/// What the configuration says of them.
pub fn rules(config: &Config) -> Rules {
    Rules { keep: config.recording.keep(), min_free: config.recording.min_free() }
}

/// Where media threads put what was said.
pub fn sink(recordings: &Recordings) -> TapeSink {
    let recordings = recordings.clone();
    Arc::new(move |block| recordings.take(block))
}

/// What the page may do with them. The disk may be slow: its work is done on threads of their own.
pub fn doors(recordings: &Recordings) -> RecordingDoors {
    let shelves = [(); 3].map(|()| Arc::clone(recordings.shelf()));
    let [listed, heard, erased] = shelves;
    RecordingDoors {
        list: Arc::new(move || {
            let shelf = Arc::clone(&listed);
            Box::pin(async move { spawn_blocking(move || shelf.list()).await.unwrap_or_default() })
        }),
        wav: Arc::new(move |name| -> BoxFuture<Result<Vec<u8>, Refusal>> {
            let shelf = Arc::clone(&heard);
            Box::pin(async move {
                let said = name.clone();
                let read = spawn_blocking(move || shelf.wav(&name)).await;
                let none = || Refusal::NotFound(format!("nobody can hear `{said}` any more"));
                read.map_err(|_| Refusal::Unavailable)?.map_err(unreadable)?.ok_or_else(none)
            })
        }),
        erase: Arc::new(move |name| -> BoxFuture<Result<(), Refusal>> {
            let shelf = Arc::clone(&erased);
            Box::pin(async move {
                let done = spawn_blocking(move || shelf.erase(&name)).await;
                let refused = |why| match why {
                    NotErased::Unknown => Refusal::NotFound("it is erased already".to_owned()),
                    NotErased::Running => Refusal::NotNow("it is still being written".to_owned()),
                    NotErased::Disk(why) => unreadable(why),
                };
                done.map_err(|_| Refusal::Unavailable)?.map(|_| ()).map_err(refused)
            })
        }),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "used as the last word of map_err")]
fn unreadable(why: io::Error) -> Refusal {
    Refusal::NotNow(format!("the disk refuses: {why}"))
}
