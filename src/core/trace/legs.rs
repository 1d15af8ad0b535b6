//! The legs of a call as its entries tell of them: who is at the other end of a Call-ID, a stream
//! or a leg.

use holdfast_base::{LegId, StreamId};

use super::mask::Mask;
use super::{Entry, Media, What};
use crate::record::event::{Fact, Subject};

/// One leg.
#[derive(Clone, Debug)]
pub(super) struct Leg {
    /// Call-ID of its INVITE.
    pub(super) call_id: Option<String>,
    /// None for the caller's.
    leg: Option<LegId>,
    stream: Option<StreamId>,
    party: Subject,
}

/// All of them, the caller's first.
#[derive(Clone, Debug, Default)]
pub(super) struct Legs(Vec<Leg>);

impl Legs {
    pub(super) fn of(entries: &[Entry]) -> Self {
        let mut legs = Self::default();
        for entry in entries {
            match &entry.what {
                What::Fact(Fact::CallArrived { from, sip_call_id, .. }) => {
                    legs.begin(None, from, sip_call_id.as_ref());
                }
                What::Fact(
                    Fact::LegStarted { leg, to, sip_call_id, .. }
                    | Fact::TestCallPlaced { leg, to, sip_call_id, .. },
                ) => {
                    legs.begin(Some(*leg), to, sip_call_id.as_ref());
                }
                What::Media(Media::Opened { stream, .. }) => legs.opened(*stream),
                What::Fact(_) | What::Media(_) | What::Message(_) => {}
            }
        }
        legs
    }

    fn begin(&mut self, leg: Option<LegId>, party: &Subject, call_id: Option<&String>) {
        let call_id = call_id.cloned();
        self.0.push(Leg { call_id, leg, stream: None, party: party.clone() });
    }

    /// Legs and their streams begin in the same order.
    fn opened(&mut self, stream: StreamId) {
        if self.0.iter().any(|leg| leg.stream == Some(stream)) {
            return; // opened again after a restart
        }
        if let Some(leg) = self.0.iter_mut().find(|leg| leg.stream.is_none()) {
            leg.stream = Some(stream);
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Leg> {
        self.0.iter()
    }

    /// Who is at the other end of a Call-ID.
    pub(super) fn of_dialog(&self, call_id: &str, mask: &Mask) -> Option<String> {
        let leg = self.0.iter().find(|leg| leg.call_id.as_deref() == Some(call_id))?;
        Some(mask.subject(&leg.party))
    }

    /// Who is at the other end of a stream.
    pub(super) fn of_stream(&self, stream: StreamId, mask: &Mask) -> String {
        let leg = self.0.iter().find(|leg| leg.stream == Some(stream));
        leg.map_or_else(|| stream.to_string(), |leg| mask.subject(&leg.party))
    }

    /// Who is at the other end of a leg. The caller's has no beginning of its own in the log.
    pub(super) fn of_leg(&self, leg: LegId, mask: &Mask) -> String {
        let known = self.0.iter().find(|known| known.leg == Some(leg));
        let known = known.or_else(|| self.0.iter().find(|known| known.leg.is_none()));
        known.map_or_else(|| leg.to_string(), |known| mask.subject(&known.party))
    }
}
