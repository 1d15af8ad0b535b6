//! A session that goes on in another call of ours.
//!
//! The streams of a call live on one media thread, so the party gets a stream of the other call and
//! hears of its address by a re-INVITE; its dialog stays. The leg that it had ends as any leg does,
//! with its counters in the records of its own call.

use holdfast_base::{CallId, Mono};
use holdfast_wire::sip::Method;

use super::hold::Word;
use super::session_timer::SessionTimer;
use super::voice::Voice;
use super::{Change, Leg, Reach, State};
use crate::call::audio::Audio;
use crate::call::io::{Desk, Output};
use crate::call::origin::Origin;
use crate::call::words;
use crate::offer_answer::OfferAnswer;
use crate::record::event::{LegEnd, Subject};
use crate::routing::caller::Caller;
use crate::sip::dialog::Dialog;
use crate::sip::flow::Flow;

/// What one call hands to another of a party.
#[derive(Clone, Debug)]
pub struct Handover {
    party: Subject,
    who: Option<Box<Caller>>,
    origin: Origin,
    flow: Flow,
    reach: Reach,
    takes_info: bool,
    refers: u32,
    refers_from: Mono,
    dialog: Dialog,
    timer: SessionTimer,
    agreed: OfferAnswer,
    emergency: bool,
}

impl Handover {
    /// Whether the call that it talks in went to an emergency number.
    #[must_use]
    pub const fn is_emergency(&self) -> bool {
        self.emergency
    }

    /// Who it is.
    #[must_use]
    pub const fn party(&self) -> &Subject {
        &self.party
    }
}

impl Leg {
    /// Whether its session can go on elsewhere: it is answered, and no change of it is open.
    #[must_use]
    pub const fn may_move(&self) -> bool {
        matches!(self.state, State::Confirmed { change: Change::None, .. })
    }

    /// Gives its session away. The leg is over then, as far as SIP goes.
    pub fn hand_over(&mut self, emergency: bool, desk: &mut Desk<'_>) -> Option<Handover> {
        let State::Confirmed { dialog, change: Change::None, timer } = &self.state else {
            return None;
        };
        let handover = Handover {
            party: self.party.clone(),
            who: self.who.clone(),
            origin: self.origin.clone(),
            flow: self.flow,
            reach: self.reach,
            takes_info: self.takes_info,
            refers: self.refers,
            refers_from: self.refers_from,
            dialog: dialog.clone(),
            timer: *timer,
            agreed: self.audio.exchange().clone(),
            emergency,
        };
        self.close(LegEnd::HandedOver, desk);
        Some(handover)
    }

    /// The leg in which such a session goes on. `None` when no port pair is free.
    pub fn take_over(desk: &mut Desk<'_>, call: CallId, handover: Handover) -> Option<Self> {
        let Handover { party, who, origin, flow, reach, refers, refers_from, .. } = handover;
        let Handover { takes_info, mut dialog, mut timer, agreed, .. } = handover;
        let mut audio = Audio::open(desk, call, &flow, &origin)?;
        audio.go_on(agreed, desk);
        let id = desk.ids.leg();
        desk.out.push(Output::StreamMade { leg: id, stream: audio.stream() });
        desk.out.push(Output::DialogMade { leg: id, id: dialog.id().clone() });
        let sdp = audio.refresh().ok()?;
        let mut request = dialog.request(Method::Invite);
        words::describe(&mut request.headers, &mut request.body, &sdp);
        words::state_abilities(&mut request.headers);
        origin.complete(desk.config, &mut request.headers);
        timer.write_request(&mut request.headers);
        timer.sent();
        let cseq = request.headers.cseq().ok()?.number;
        // It waits for the log as all of the transfer does.
        let to = dialog.next_flow();
        desk.out.push(Output::Request { leg: id, flow: to, request, gated: true });
        // RFC 3261 §14.1: refused with 491, the party's own offer comes, and our answer to it says
        // the same; refused for good, the party is asked again when nothing is heard of it.
        let change = Change::Ours { cseq, gone: LegEnd::MediaLost };
        let state = State::Confirmed { dialog, change, timer };
        let (refused, cause, tells) = (None, None, None);
        let (hold, voice) = (Word::default(), Voice::default());
        Some(Self {
            id,
            party,
            who,
            flow,
            reach,
            origin,
            audio,
            takes_info,
            refers,
            refers_from,
            cause,
            tells,
            refused,
            hold,
            voice,
            state,
        })
    }
}
