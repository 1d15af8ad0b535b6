//! Which calls are decoded and encoded here, because two who hear each other share no codec, the
//! box plays to somebody who has no G.711, or a supervisor hears both, and how many may be at once.
//!
//! A transcoded call costs what a hundred relayed ones do, so there is a limit
//! (`media.transcoded_max`). Beyond it a call goes as it would without: who is not understood is
//! asked for G.711. A call has one place, whatever in it is transcoded, and has it only while
//! something is.

use holdfast_base::{CallId, LegId};
use std::collections::BTreeSet;

use super::Call;
use super::io::{Desk, Output};
use super::leg::Leg;
use crate::media::order::Source;
use crate::record::event::Fact;
use crate::view::{HealthState, HealthView};

/// The calls that are transcoded.
#[derive(Clone, Debug, Default)]
pub struct Transcoding {
    most: usize,
    calls: BTreeSet<CallId>,
    /// Calls that needed a place and found none, as long as they live.
    without: BTreeSet<CallId>,
}

/// What came of asking for a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// It has one now.
    Taken,
    /// It had one before.
    Kept,
    /// There is none, which it learns now.
    Full,
    /// There is none, as it was told.
    StillFull,
}

impl Transcoding {
    /// Room for so many calls; 0 is none at all.
    #[must_use]
    pub fn new(most: u16) -> Self {
        Self { most: most.into(), ..Self::default() }
    }

    /// From now on there is room for so many. Who has a place keeps it.
    pub fn resize(&mut self, most: u16) {
        self.most = most.into();
    }

    /// Whether a call could have a place, or has it.
    #[must_use]
    pub fn has_room_for(&self, call: CallId) -> bool {
        self.calls.contains(&call) || self.has_room()
    }

    /// Whether another call could have a place.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.calls.len() < self.most
    }

    /// Takes a place for a call that has none.
    pub fn take(&mut self, call: CallId) -> Place {
        if self.calls.contains(&call) {
            return Place::Kept;
        }
        if self.has_room() {
            self.calls.insert(call);
            self.without.remove(&call);
            return Place::Taken;
        }
        // Where none are transcoded nobody expects it.
        let news = self.most > 0 && self.without.insert(call);
        if news { Place::Full } else { Place::StillFull }
    }

    /// Gives the place of a call back, if it has one.
    pub fn release(&mut self, call: CallId) {
        self.calls.remove(&call);
    }

    /// The call is over.
    pub fn forget(&mut self, call: CallId) {
        self.release(call);
        self.without.remove(&call);
    }

    /// How many calls are transcoded.
    #[must_use]
    pub fn in_use(&self) -> usize {
        self.calls.len()
    }

    /// What a technician should know: calls that go without.
    #[must_use]
    pub fn health(&self) -> Option<HealthView> {
        if self.without.is_empty() {
            return None;
        }
        let (has, without) = (self.calls.len(), self.without.len());
        let says = format!(
            "{has} calls are transcoded, which is the limit, and {without} more would have to be: \
             their parties are asked for G.711. Have both sides offer a common codec, or raise \
             media.transcoded_max"
        );
        let (part, state) = ("Transcoding".to_owned(), HealthState::Degraded);
        Some(HealthView { part, state, says })
    }
}

impl Call {
    /// What each leg is to hear, in a form that it understands: what has to be decoded is, while
    /// there is room; what can not be made for a leg is silence.
    pub(super) fn in_their_codecs(
        &self,
        heard: Vec<(LegId, Source)>,
        desk: &mut Desk<'_>,
    ) -> Vec<(LegId, Source)> {
        let foreign = |(leg, source): &(LegId, Source)| self.is_foreign(*leg, source);
        if !heard.iter().any(foreign) {
            desk.transcoding.release(self.id);
            return heard;
        }
        let place = desk.transcoding.take(self.id);
        let call = self.id;
        let has_place = match place {
            Place::Taken => {
                desk.out.push(Output::Fact(Fact::Transcoded { call }));
                true
            }
            Place::Kept => true,
            Place::Full => {
                desk.out.push(Output::Fact(Fact::NotTranscoded { call }));
                false
            }
            Place::StillFull => false,
        };
        let told = |(leg, source): (LegId, Source)| match (self.is_foreign(leg, &source), source) {
            (true, Source::Peer(peer)) if has_place => {
                (leg, Source::Mix { peer, beside: Vec::new() })
            }
            (true, Source::Clips { .. }) if !has_place => (leg, Source::Silence),
            (true, Source::Mix { peer, .. }) if !has_place => (leg, Source::Peer(peer)),
            (true | false, source) => (leg, source),
        };
        heard.into_iter().map(told).collect()
    }

    /// Whether this source has to be decoded or encoded, so that the party of a leg understands it
    /// or hears several, and can be.
    fn is_foreign(&self, listener: LegId, source: &Source) -> bool {
        let Some(listener) = self.legs().find(|leg| leg.id() == listener) else { return false };
        match source {
            Source::Silence => false,
            Source::Mix { .. } => true,
            Source::Peer(stream) => {
                let speaker = self.legs().find(|leg| leg.audio().stream() == *stream);
                speaker.is_some_and(|speaker| {
                    !listener.understands(speaker) && can_interpret(listener, speaker)
                })
            }
            Source::Clips { .. } => {
                !listener.audio().speaks_g711() && listener.audio().is_decodable()
            }
        }
    }
}

/// Whether the box can take apart what each of two parties says and put it together for the other.
pub(super) fn can_interpret(one: &Leg, other: &Leg) -> bool {
    one.audio().is_decodable() && other.audio().is_decodable()
}

#[cfg(test)]
mod tests {
    use super::{Place, Transcoding};
    use holdfast_base::CallId;

    #[test]
    fn a_call_has_one_place_and_one_more_than_there_are_goes_without() {
        let mut it = Transcoding::new(2);
        let [a, b, c] = [1, 2, 3].map(CallId);
        assert_eq!([it.take(a), it.take(a), it.take(b)], [Place::Taken, Place::Kept, Place::Taken]);
        assert!(it.health().is_none() && it.has_room_for(a) && !it.has_room_for(c));
        assert_eq!([it.take(c), it.take(c)], [Place::Full, Place::StillFull]);
        assert!(it.health().is_some_and(|health| health.says.contains("2 calls are transcoded")));
        it.release(a);
        assert_eq!((it.take(c), it.in_use()), (Place::Taken, 2));
        assert_eq!((it.health(), it.take(a)), (None, Place::Full));
        it.forget(a);
        assert_eq!(it.health(), None);
    }

    #[test]
    fn less_room_takes_no_place_away_and_none_is_no_fault() {
        let mut it = Transcoding::new(1);
        it.take(CallId(1));
        it.resize(0);
        assert_eq!((it.take(CallId(1)), it.take(CallId(2))), (Place::Kept, Place::StillFull));
        assert_eq!(it.health(), None);
    }
}
