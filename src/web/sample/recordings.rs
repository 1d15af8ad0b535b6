//! A door to two recordings, of which one caller is forgotten.

use std::sync::Arc;

use holdfast_base::{CallId, Wall};
use holdfast_core::view::RecordingView;

use crate::doors::{Recordings, Refused};

pub(crate) fn recordings() -> Recordings {
    let name = |name: &str| {
        let none = || Refused::NotFound(format!("there is no recording `{name}`"));
        (name == "1-9-0").then_some(()).ok_or_else(none)
    };
    Recordings {
        list: Arc::new(|| Box::pin(std::future::ready(all()))),
        wav: Arc::new(move |asked| {
            Box::pin(std::future::ready(name(&asked).map(|()| b"RIFF".to_vec())))
        }),
        erase: Arc::new(move |asked| Box::pin(std::future::ready(name(&asked)))),
    }
}

/// What the page and the API show.
pub(crate) fn all() -> Vec<RecordingView> {
    let heard = RecordingView {
        recording: "1-9-0".to_owned(),
        call: CallId(309),
        queue: "sales".to_owned(),
        agent: Some("ben".to_owned()),
        from: Some("+4\u{2026}55".to_owned()),
        began: Wall::from_micros(1_700_000_000_000_000),
        seconds: 61,
        running: false,
    };
    let forgotten = RecordingView {
        recording: "1-8-0".to_owned(),
        agent: None,
        from: None,
        running: true,
        ..heard.clone()
    };
    vec![heard, forgotten]
}
