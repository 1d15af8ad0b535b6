//! The order of `m=` lines, which both sides keep for the whole session (RFC 3264 §8).

use super::ice::mid;
use holdfast_wire::sdp::{Line, Media, MediaKind, MediaLine, Protocol, Sdp};
use serde::{Deserialize, Serialize};

/// A stream at port 0: just enough of its `m=` line to write it again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// What would flow.
    pub kind: MediaKind,
    /// How it would be carried; an answer repeats the protocol of the offer (RFC 3264 §6).
    pub protocol: Protocol,
    /// One of its formats. The grammar wants at least one, and nobody reads it (RFC 3264 §6).
    pub format: String,
    /// Its name, where streams have names.
    #[serde(default)]
    pub mid: Option<String>,
}

impl Refused {
    /// The refusal of this `m=` line.
    #[must_use]
    pub fn of(sdp: &Sdp, media: &Media) -> Self {
        let head = media.head();
        Self {
            mid: mid(sdp, media).map(|mid| mid.name),
            kind: head.kind.clone(),
            protocol: head.protocol.clone(),
            format: head.formats.first().cloned().unwrap_or_else(|| "0".to_owned()),
        }
    }

    /// The `m=` line at port 0.
    #[must_use]
    pub fn write(&self) -> Media {
        let mut media = Media::new(MediaLine {
            kind: self.kind.clone(),
            port: 0,
            protocol: self.protocol.clone(),
            formats: vec![self.format.clone()],
        });
        if let Some(mid) = &self.mid {
            media.push(Line::attribute("mid", Some(mid)));
        }
        media
    }
}

/// The refusal of every stream of this description, in order.
#[must_use]
pub fn refusals(sdp: &Sdp) -> Vec<Refused> {
    sdp.media().iter().map(|media| Refused::of(sdp, media)).collect()
}
