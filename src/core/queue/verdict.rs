//! Whether a caller is let into a line: one question, and the order in which it is asked
//! (QUEUEING.md 2.6). Nothing is changed by asking.

use holdfast_base::limits::CONTACTS_MAX;
use holdfast_base::{Mono, QueueName};

use super::engine::Engine;
use super::line::Line;
use crate::record::event::{NotLedOn, Outcome, Subject};

/// Whether a queue takes callers at this time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opening {
    Open,
    Closed,
}

/// What stands against a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bar {
    /// The queue takes nobody at this time.
    Closed,
    /// As many wait as may.
    Full,
    /// Nobody is there to take the call.
    Empty,
}

impl Bar {
    /// How the time of a caller in the queue ends, which is none.
    pub(super) const fn outcome(self) -> Outcome {
        match self {
            Self::Closed => Outcome::Closed,
            Self::Full => Outcome::OverflowFull,
            Self::Empty => Outcome::OverflowEmpty,
        }
    }

    /// Why a caller is not led there from elsewhere.
    pub(super) const fn to_others(self) -> NotLedOn {
        match self {
            Self::Closed => NotLedOn::Closed,
            Self::Full => NotLedOn::Full,
            Self::Empty => NotLedOn::Empty,
        }
    }
}

impl Engine {
    /// Whether a caller is let into a line now. Who is let in by name passes everything but the
    /// limit of the box.
    pub(super) fn verdict_on(
        &self,
        queue: &QueueName,
        line: &Line,
        from: &Subject,
        now: Mono,
    ) -> Result<(), Bar> {
        if self.contacts.len() + self.led.len() >= CONTACTS_MAX {
            return Err(Bar::Full);
        }
        if line.settings.overflow.lets_in(&from.0) {
            return Ok(());
        }
        if self.opening(queue, now) == Opening::Closed {
            return Err(Bar::Closed);
        }
        let length_max = usize::try_from(line.settings.length_max).unwrap_or(usize::MAX);
        if line.unanswered.len() >= length_max {
            return Err(Bar::Full);
        }
        if !line.settings.overflow.join_empty.is_empty() && line.there_to_join.is_empty() {
            return Err(Bar::Empty);
        }
        Ok(())
    }

    /// Whether a queue takes callers now: a person may have closed it.
    fn opening(&self, queue: &QueueName, now: Mono) -> Opening {
        match self.closures.get(queue) {
            Some(closure) if closure.until.is_none_or(|until| now < until) => Opening::Closed,
            Some(_) | None => Opening::Open,
        }
    }
}
