//! Calls that found nothing to speak, and those that show that it is mended.

use holdfast_base::{CallId, LegId, Now};

use super::{Site, Step};
use crate::call::io::Unsuited;
use crate::record::event::Fact;

impl Site {
    pub(super) fn unsuited(&mut self, now: Now, call: CallId, it: Unsuited, step: &mut Step) {
        self.misfits.heard(now.mono, &it);
        let Unsuited { leg, origin: _, ours, theirs } = it;
        step.facts.push(Fact::NothingInCommon { call, leg, ours, theirs });
    }

    /// Somebody has answered with audio that suits: the party of this leg, or the caller is
    /// answered.
    pub(super) fn suited(&mut self, fact: &Fact) {
        let (call, leg) = if let Fact::LegAnswered { call, leg } = fact {
            (*call, Some(*leg))
        } else if let Fact::CallAnswered { call } = fact {
            (*call, None)
        } else {
            return;
        };
        let Some(call) = self.calls.get(&call) else { return };
        let leg: LegId = leg.unwrap_or_else(|| call.caller().id());
        if let Some(leg) = call.legs().find(|known| known.id() == leg) {
            self.misfits.mended(leg.origin());
        }
    }
}
