//! Drain: no new calls from outside, and none is ended. So a box can be worked on without anybody
//! losing a call: trunks see 503 and take another way, agents go on until nobody waits any more.
//!
//! A person orders it and a person takes it back; it holds over a restart and a crash, because a
//! box that came back by itself would take calls into somebody's work on it. A process that is told
//! to stop drains as well, until it has stopped: that is nobody's order, and the next one takes
//! calls. Emergency calls and calls of phones here go on, and so does everything that has begun.

use holdfast_base::Wall;
use holdfast_wire::sip::{Request, Response, Status};
use serde::{Deserialize, Serialize};

use super::Site;
use crate::call::origin::Origin;
use crate::call::words;
use crate::sip::transaction::derived_tag;
use crate::view::{HealthState, HealthView};

/// Seconds until a trunk may ask again: work on a box takes minutes.
const RETRY_AFTER_S: u32 = 60;

/// The order of a person, for the journal.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Ordered {
    since: Wall,
}

/// Whether the box is being emptied.
#[derive(Debug, Default)]
pub(super) struct Drain {
    ordered: Option<Ordered>,
    stopping: bool,
    /// Whether the journal does not know it yet.
    changed: bool,
}

impl Drain {
    /// What the journal says.
    pub(super) const fn restored(ordered: Option<Ordered>) -> Self {
        Self { ordered, stopping: false, changed: false }
    }

    /// A person orders it, or takes it back. Returns whether that is new.
    pub(super) fn order(&mut self, now: Wall, on: bool) -> bool {
        if on == self.ordered.is_some() {
            return false;
        }
        self.ordered = on.then_some(Ordered { since: now });
        self.changed = true;
        true
    }

    /// The process is about to end.
    pub(super) const fn stop(&mut self) {
        self.stopping = true;
    }

    /// The order that holds, when that has changed since the last call.
    pub(super) fn changed(&mut self) -> Option<Option<Ordered>> {
        std::mem::take(&mut self.changed).then_some(self.ordered)
    }

    /// Since when a person wants it.
    pub(super) fn since(&self) -> Option<Wall> {
        self.ordered.map(|ordered| ordered.since)
    }

    /// Whether it is on, for whichever reason.
    pub(super) const fn is_on(&self) -> bool {
        self.stopping || self.ordered.is_some()
    }

    /// Whether a new call from there is refused.
    pub(super) const fn refuses(&self, origin: &Origin) -> bool {
        match origin {
            Origin::Trunk(_) | Origin::Guest => self.is_on(),
            Origin::Account(_) => false,
        }
    }

    /// What the page says of it.
    pub(super) fn health(&self, calls: usize) -> Option<HealthView> {
        self.ordered?;
        let left = match calls {
            0 => "no call is left".to_owned(),
            1 => "1 call goes on".to_owned(),
            more => format!("{more} calls go on"),
        };
        let says = format!("new calls over trunks are refused, as somebody has ordered; {left}");
        Some(HealthView { part: "Drain".to_owned(), state: HealthState::Degraded, says })
    }
}

impl Site {
    /// Tells a trunk, or a stranger, to take another way.
    pub(super) fn drained(&self, request: &Request) -> Response {
        let mut answer = words::later(request, Status::SERVICE_UNAVAILABLE, RETRY_AFTER_S);
        answer.tag_to(&derived_tag(request));
        answer
    }
}
