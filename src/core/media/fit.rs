//! How a packet of one leg becomes one that the remote of another leg understands.
//!
//! The two laws of G.711 are made into each other; everything else is relayed untouched, under the
//! payload type that the listener agreed to, or not at all.

use crate::media::order::{Codec, Encoding, Remote};
use holdfast_wire::g711::Law;
use holdfast_wire::rtp::event::Event;

/// What a packet carries, by the payload types that its sender agreed to.
#[derive(Clone, Copy, Debug)]
pub enum What {
    /// Audio of this codec.
    Audio(Codec),
    /// A telephone event.
    Key(Event),
}

/// What must be done to a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fit {
    /// The payload type that the listener wants.
    pub payload_type: u8,
    /// From which law to which, when they differ.
    pub laws: Option<(Law, Law)>,
}

/// How `what` is sent to `remote`; `None` when it can not understand it.
#[must_use]
pub fn fit(remote: &Remote, what: What) -> Option<Fit> {
    let plain = |payload_type| Fit { payload_type, laws: None };
    let codec = match what {
        What::Key(_) => return remote.dtmf_to_remote.map(plain),
        What::Audio(codec) => codec,
    };
    if codec.encoding == remote.codec.encoding {
        return Some(plain(remote.codec.payload_type));
    }
    if let (Some(from), Some(to)) = (law_of(codec.encoding), law_of(remote.codec.encoding)) {
        return Some(Fit { payload_type: remote.codec.payload_type, laws: Some((from, to)) });
    }
    // Comfort noise and the like beside the main codec: RFC 3264 §5.1 wants one number for both
    // directions, so what the remote may send under a number it may also receive under it.
    let other = remote.accepts.iter().find(|accepted| accepted.encoding == codec.encoding);
    other.map(|accepted| plain(accepted.payload_type))
}

/// The law of an encoding that the plane can make itself.
#[must_use]
pub const fn law_of(encoding: Encoding) -> Option<Law> {
    match encoding {
        Encoding::Pcma => Some(Law::A),
        Encoding::Pcmu => Some(Law::Mu),
        Encoding::Opaque(_) => None,
    }
}

/// How long a payload lasts on its clock.
#[must_use]
pub fn ticks_of(codec: Codec, payload_bytes: usize) -> u32 {
    match codec.encoding {
        // One byte a sample, one tick a sample.
        Encoding::Pcma | Encoding::Pcmu => u32::try_from(payload_bytes).unwrap_or(0),
        Encoding::Opaque(_) => (codec.clock_hz / 1000).saturating_mul(u32::from(codec.ptime_ms)),
    }
}
