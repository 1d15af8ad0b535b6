//! Which call a contact, an offer, a stream or a Call-ID belongs to, learnt from the facts that
//! pass. A dialog goes over into another call by an attended transfer: what was said in it before
//! stays with the call that it was said in.

use holdfast_base::{CallId, Wall};
use std::collections::BTreeMap;

use super::{Media, Tie, What};
use crate::record::event::Fact;

/// Most calls whose names are known; far more than a ring can hold whole. The oldest go first.
const CALLS_MAX: usize = 20_000;
/// Most names of one call; a call that rings on and on keeps its first ones.
const NAMES_OF_A_CALL_MAX: usize = 1000;

/// The names of calls.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    calls: BTreeMap<Tie, Vec<Owner>>,
    of: BTreeMap<CallId, Vec<Tie>>,
}

/// A call, and since when something belongs to it.
#[derive(Clone, Copy, Debug)]
struct Owner {
    call: CallId,
    since: Wall,
}

impl Names {
    /// The call that something belonged to at this time, if it is known. What came before the
    /// first fact, as an INVITE does, belongs to the first call.
    pub(super) fn call(&self, tie: &Tie, at: Wall) -> Option<CallId> {
        match tie {
            Tie::Call(call) => Some(*call),
            Tie::Dialog(_) | Tie::Contact(_) | Tie::Offer(_) | Tie::Stream(_) => {
                let owners = self.calls.get(tie)?;
                let then = owners.iter().rev().find(|owner| owner.since <= at);
                then.or(owners.first()).map(|owner| owner.call)
            }
            Tie::Nothing => None,
        }
    }

    /// The Call-ID of the caller's leg: the first name that a call gets.
    pub(super) fn first_dialog(&self, call: CallId) -> Option<&str> {
        self.of.get(&call)?.iter().find_map(|tie| match tie {
            Tie::Dialog(call_id) => Some(call_id.as_str()),
            Tie::Call(_) | Tie::Contact(_) | Tie::Offer(_) | Tie::Stream(_) | Tie::Nothing => None,
        })
    }

    /// Takes the names that something brings at this time.
    pub(super) fn learn(&mut self, what: &What, at: Wall) {
        match what {
            What::Message(_) => {}
            What::Media(Media::Opened { stream, call, local: _ }) => {
                self.name(*call, Tie::Stream(*stream), at);
            }
            What::Media(
                Media::Expects { .. }
                | Media::Hears { .. }
                | Media::Key { .. }
                | Media::FirstPacket { .. }
                | Media::Quiet { .. }
                | Media::Secured { .. }
                | Media::NotSecured { .. }
                | Media::Disconnected { .. }
                | Media::Failed { .. }
                | Media::Closed { .. },
            ) => {}
            What::Fact(fact) => self.learn_fact(fact, at),
        }
    }

    fn learn_fact(&mut self, fact: &Fact, at: Wall) {
        if let Fact::CallArrived { call, sip_call_id: Some(call_id), .. }
        | Fact::LegStarted { call, sip_call_id: Some(call_id), .. }
        | Fact::TestCallPlaced { call, sip_call_id: Some(call_id), .. } = fact
        {
            self.name(*call, Tie::Dialog(call_id.clone()), at);
        }
        if let Fact::Enqueued { contact, call, queue: _ } = fact {
            self.name(*call, Tie::Contact(*contact), at);
        }
        if let Fact::Reserved { offer, contact, .. } = fact
            && let Some(call) = self.call(&Tie::Contact(*contact), at)
        {
            self.name(call, Tie::Offer(*offer), at);
        }
    }

    fn name(&mut self, call: CallId, tie: Tie, since: Wall) {
        let names = self.of.entry(call).or_default();
        if names.len() < NAMES_OF_A_CALL_MAX && !names.contains(&tie) {
            names.push(tie.clone());
            self.calls.entry(tie).or_default().push(Owner { call, since });
        }
        if self.of.len() > CALLS_MAX
            && let Some((oldest, _)) = self.of.first_key_value()
        {
            self.forget(*oldest);
        }
    }

    /// A call of which nothing is kept any more.
    pub(super) fn forget(&mut self, call: CallId) {
        for tie in self.of.remove(&call).unwrap_or_default() {
            let Some(owners) = self.calls.get_mut(&tie) else { continue };
            owners.retain(|owner| owner.call != call);
            if owners.is_empty() {
                self.calls.remove(&tie);
            }
        }
    }
}

/// By what a fact belongs to a call; [`Tie::Nothing`] when it is not about one.
pub(super) fn tie_of(fact: &Fact) -> Tie {
    match fact {
        Fact::CallArrived { call, .. }
        | Fact::CallAnswered { call }
        | Fact::LegStarted { call, .. }
        | Fact::LegAnswered { call, .. }
        | Fact::LegEnded { call, .. }
        | Fact::CallEnded { call, .. }
        | Fact::Emergency { call }
        | Fact::TransferAsked { call, .. }
        | Fact::TransferEnded { call, .. }
        | Fact::TestCallPlaced { call, .. }
        | Fact::TestCallEnded { call, .. }
        | Fact::NothingInCommon { call, .. }
        | Fact::Transcoded { call }
        | Fact::NotTranscoded { call }
        | Fact::LedOn { call, .. }
        | Fact::NotLedOn { call, .. }
        | Fact::Supervision { call, .. }
        | Fact::Enqueued { call, .. } => Tie::Call(*call),
        Fact::ContactLeft { contact, .. }
        | Fact::Reserved { contact, .. }
        | Fact::OfferWon { contact, .. }
        | Fact::OfferEnded { contact, .. }
        | Fact::AgentDone { contact, .. } => Tie::Contact(*contact),
        Fact::OfferRinging { offer } => Tie::Offer(*offer),
        Fact::Started { .. }
        | Fact::WrapUpEnded { .. }
        | Fact::DutyChanged { .. }
        | Fact::Ungated { .. }
        | Fact::TrunkDown { .. }
        | Fact::LoginRefused { .. }
        | Fact::LoginAccepted { .. }
        | Fact::Registered { .. }
        | Fact::RegistrationLost { .. }
        | Fact::PhoneTakenOver { .. }
        | Fact::PhoneLedBack { .. }
        | Fact::TrunkUp { .. }
        | Fact::Banned { .. }
        | Fact::BanEnded { .. }
        | Fact::TrunkAlarm { .. }
        | Fact::DrainChanged { .. }
        | Fact::QueueClosed { .. }
        | Fact::QueueOpened { .. }
        | Fact::Configured { .. } => Tie::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::{CALLS_MAX, NAMES_OF_A_CALL_MAX, Names};
    use crate::trace::Tie;
    use holdfast_base::{CallId, StreamId, Wall};

    fn at(seconds: i64) -> Wall {
        Wall::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn a_dialog_that_was_handed_over_belongs_to_each_call_in_its_time() {
        let mut names = Names::default();
        let dialog = Tie::Dialog("ben@pbx".to_owned());
        names.name(CallId(2), dialog.clone(), at(10));
        names.name(CallId(1), dialog.clone(), at(20));
        let calls = [9, 10, 19, 20, 30].map(|second| names.call(&dialog, at(second)));
        let [two, one] = [Some(CallId(2)), Some(CallId(1))];
        assert_eq!(calls, [two, two, two, one, one]);
        names.forget(CallId(2));
        assert_eq!(names.call(&dialog, at(10)), one);
        names.forget(CallId(1));
        assert_eq!(names.call(&dialog, at(10)), None);
    }

    #[test]
    fn names_are_bounded_and_go_with_their_call() {
        let mut names = Names::default();
        for stream in 0..2000 {
            names.name(CallId(1), Tie::Stream(StreamId(stream)), at(1));
        }
        assert_eq!(names.calls.len(), NAMES_OF_A_CALL_MAX);
        for call in 2..30_000 {
            names.name(CallId(call), Tie::Dialog(format!("{call}@pbx")), at(2));
        }
        assert_eq!((names.of.len(), names.calls.len()), (CALLS_MAX, CALLS_MAX));
        assert_eq!(names.call(&Tie::Stream(StreamId(1)), at(3)), None, "the oldest went first");
        assert_eq!(names.first_dialog(CallId(29_999)), Some("29999@pbx"));
        names.forget(CallId(29_999));
        assert_eq!(names.call(&Tie::Dialog("29999@pbx".to_owned()), at(3)), None);
        assert_eq!(names.calls.len(), CALLS_MAX - 1);
    }
}
