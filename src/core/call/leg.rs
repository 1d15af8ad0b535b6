//! One leg: a SIP session between the box and one party, from INVITE to the last audio packet.
//!
//! It keeps the rules of RFC 3261 for a user agent with one dialog and says to its call only what
//! a call needs to know ([`News`]). It refuses to know the other legs, queues and agents.
//!
//! ```text
//!  called by them                           called by us
//!  Incoming ── answer ──> Accepted          Calling ── 2xx ──> Answered ── confirm ──┐
//!     │                      │ ACK             │ hang_up          │ hang_up          │
//!     │ reject, CANCEL       v                 v                  │                  v
//!     │                  Confirmed         Cancelling             │              Confirmed
//!     └──────────────────────┴── BYE ──────────┴──────────────────┴──────────────────┘
//!                                  │
//!                               Closing ── the media plane's last counters ──> Over
//! ```

use holdfast_base::{CallId, LegId, Mono};
use holdfast_wire::sdp::Sdp;
use holdfast_wire::sip::{Method, NameAddr, Request, Response, Status};
use serde::{Deserialize, Serialize};
use std::time::Duration;

use super::audio::Audio;
use super::io::{Desk, Failure, Output, Target};
use super::words;
use crate::media::order::StreamCounters;
use crate::offer_answer::{Codec, Proposal};
use crate::record::event::{LegEnd, Subject};
use crate::sip::dialog::{Dialog, DialogId};
use crate::sip::flow::Flow;
use crate::sip::transaction::ServerKey;

/// How long the media plane has to give the last counters before the leg ends without them.
const CLOSING_TIME: Duration = Duration::from_secs(2);

/// A leg.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Leg {
    id: LegId,
    party: Subject,
    flow: Flow,
    audio: Audio,
    state: State,
}

/// Where a leg stands.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum State {
    /// They called; no final response yet.
    Incoming {
        key: ServerKey,
        #[serde(with = "words::printed")]
        invite: Request,
        tag: String,
        told: Told,
    },
    /// We answered; the ACK is still to come.
    Accepted { key: ServerKey, dialog: Dialog, offered: Offerer, then: Option<LegEnd> },
    /// We called; no final response yet.
    Calling {
        #[serde(with = "words::printed")]
        invite: Request,
        early: Option<Dialog>,
        heard: Told,
    },
    /// We called and gave up; the final response is still to come.
    Cancelling {
        #[serde(with = "words::printed")]
        invite: Request,
        why: LegEnd,
    },
    /// They answered; the call decides whether they get an ACK or a BYE.
    Answered { dialog: Dialog, cseq: u32 },
    /// Both sides are sure.
    Confirmed { dialog: Dialog, change: Change },
    /// SIP is done; the stream is closing.
    Closing { why: LegEnd, until: Mono },
    /// Nothing is left.
    Over { why: LegEnd },
}

/// What the calling side of an INVITE has been told so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Told {
    Nothing,
    Ringing,
    EarlyMedia,
}

/// Who made the offer that an ACK completes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Offerer {
    Us,
    Them,
}

/// A re-INVITE in a confirmed dialog.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Change {
    /// None is open.
    None,
    /// Theirs is answered; the ACK is still to come.
    Theirs { key: ServerKey, offered: Offerer },
    /// Ours, with this CSeq number.
    Ours { cseq: u32 },
}

/// What a leg tells its call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// The called party alerts.
    Ringing,
    /// The called party sends audio before the answer.
    EarlyMedia,
    /// The called party answered; say `confirm` or `hang_up`.
    Answered,
    /// Hold, resume or another address: see who hears whom again.
    SessionChanged,
    /// The dialog is over or will never be; only the stream's counters are still to come.
    Ended(LegEnd),
    /// Everything is over.
    Over(LegEnd, Option<StreamCounters>),
}

impl Leg {
    /// A leg for an INVITE that arrived. `None` when no port pair is free.
    pub fn incoming(
        desk: &mut Desk<'_>,
        call: CallId,
        party: Subject,
        flow: Flow,
        key: ServerKey,
        invite: Request,
    ) -> Option<Self> {
        let audio = Audio::open(desk, call, &flow)?;
        let tag = desk.entropy.token();
        let id = desk.ids.leg();
        let state = State::Incoming { key, invite, tag, told: Told::Nothing };
        desk.out.push(Output::StreamMade { leg: id, stream: audio.stream() });
        Some(Self { id, party, flow, audio, state })
    }

    /// A leg that calls `target`. `None` when no port pair is free.
    pub fn outgoing(
        desk: &mut Desk<'_>,
        call: CallId,
        target: &Target,
        from: &NameAddr,
        proposal: &Proposal,
        gated: bool,
    ) -> Option<Self> {
        let mut audio = Audio::open(desk, call, &target.flow)?;
        let id = desk.ids.leg();
        desk.out.push(Output::StreamMade { leg: id, stream: audio.stream() });
        let offer = audio.offer(proposal).ok();
        let from = from.clone().with_tag(&desk.entropy.token());
        let contact = words::contact(desk, &target.flow);
        let call_id = desk.entropy.token();
        let invite = words::invite(&target.uri, &from, &contact, &call_id, offer.as_ref());
        let (flow, request) = (target.flow, invite.clone());
        desk.out.push(Output::Request { leg: id, flow, request, gated });
        let state = State::Calling { invite, early: None, heard: Told::Nothing };
        Some(Self { id, party: target.party.clone(), flow, audio, state })
    }

    /// Its id.
    #[must_use]
    pub const fn id(&self) -> LegId {
        self.id
    }

    /// Who is at its other end.
    #[must_use]
    pub const fn party(&self) -> &Subject {
        &self.party
    }

    /// Its audio.
    #[must_use]
    pub const fn audio(&self) -> &Audio {
        &self.audio
    }

    /// Its audio, to say what the party hears.
    pub const fn audio_mut(&mut self) -> &mut Audio {
        &mut self.audio
    }

    /// A word of the glossary.
    #[must_use]
    pub const fn state_name(&self) -> &'static str {
        match self.state {
            State::Incoming { .. } | State::Calling { heard: Told::Nothing, .. } => "calling",
            State::Calling { .. } => "ringing",
            State::Cancelling { .. } => "cancelling",
            State::Accepted { .. } | State::Answered { .. } => "answered",
            State::Confirmed { .. } => "talking",
            State::Closing { .. } => "closing",
            State::Over { .. } => "over",
        }
    }

    /// Whether both parties may hear each other: the dialog is answered and not over.
    #[must_use]
    pub const fn is_answered(&self) -> bool {
        matches!(
            self.state,
            State::Accepted { .. } | State::Answered { .. } | State::Confirmed { .. }
        )
    }

    /// Whether an incoming leg still waits for our final response.
    #[must_use]
    pub const fn is_waiting(&self) -> bool {
        matches!(self.state, State::Incoming { .. })
    }

    /// Whether the called party alerts or more.
    #[must_use]
    pub const fn has_rung(&self) -> bool {
        matches!(self.state, State::Calling { heard: Told::Ringing | Told::EarlyMedia, .. })
    }

    /// Whether early audio of the called party is known.
    #[must_use]
    pub const fn has_early_media(&self) -> bool {
        matches!(self.state, State::Calling { heard: Told::EarlyMedia, .. })
    }

    /// Whether SIP is done with this leg.
    #[must_use]
    pub const fn is_ended(&self) -> bool {
        matches!(self.state, State::Closing { .. } | State::Over { .. })
    }

    /// Whether everything is done.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(self.state, State::Over { .. })
    }

    /// The name of its dialog, once there is one.
    #[must_use]
    pub const fn dialog_id(&self) -> Option<&DialogId> {
        match &self.state {
            State::Accepted { dialog, .. }
            | State::Answered { dialog, .. }
            | State::Confirmed { dialog, .. }
            | State::Calling { early: Some(dialog), .. } => Some(dialog.id()),
            State::Incoming { .. }
            | State::Calling { early: None, .. }
            | State::Cancelling { .. }
            | State::Closing { .. }
            | State::Over { .. } => None,
        }
    }

    /// When [`Self::handle_deadline`] is due.
    #[must_use]
    pub const fn deadline(&self) -> Option<Mono> {
        match self.state {
            State::Closing { until, .. } => Some(until),
            State::Incoming { .. }
            | State::Accepted { .. }
            | State::Calling { .. }
            | State::Cancelling { .. }
            | State::Answered { .. }
            | State::Confirmed { .. }
            | State::Over { .. } => None,
        }
    }

    // ---- what the call orders ------------------------------------------------------------------

    /// Reads the caller's offer; what may be offered onward. `None` when the INVITE has none.
    ///
    /// # Errors
    /// The status that refuses the INVITE.
    pub fn read_offer(&mut self) -> Result<Option<Proposal>, Status> {
        let State::Incoming { invite, .. } = &self.state else { return Ok(None) };
        let offer = words::description(&invite.body).map_err(|_| Status::BAD_REQUEST)?;
        let Some(offer) = offer else { return Ok(None) };
        let proposal = self.audio.receive_offer(&offer);
        proposal.map(Some).map_err(|reject| status_of(reject.status_code()))
    }

    /// Tells the caller that somebody alerts.
    pub fn ring(&mut self, desk: &mut Desk<'_>) {
        let State::Incoming { key, invite, tag, told } = &mut self.state else { return };
        if *told != Told::Nothing {
            return;
        }
        *told = Told::Ringing;
        let contact = words::contact(desk, &self.flow);
        let response = words::dialog_response(invite, Status::RINGING, tag, &contact, None);
        desk.out.push(Output::Respond { key: *key, response, gated: true });
    }

    /// Gives the caller audio before the answer, as one of `codecs`.
    pub fn progress(&mut self, codecs: &[Codec], desk: &mut Desk<'_>) {
        let State::Incoming { key, invite, tag, told } = &mut self.state else { return };
        if *told == Told::EarlyMedia || invite.body.is_empty() {
            return;
        }
        let Ok(sdp) = self.audio.answer(codecs, desk) else { return };
        *told = Told::EarlyMedia;
        let contact = words::contact(desk, &self.flow);
        let status = Status::SESSION_PROGRESS;
        let response = words::dialog_response(invite, status, tag, &contact, Some(&sdp));
        desk.out.push(Output::Respond { key: *key, response, gated: true });
    }

    /// Answers the caller with one of `codecs`; with an offer of these when the INVITE had none.
    ///
    /// # Errors
    /// The status to refuse the INVITE with, when there is no common codec.
    pub fn answer(&mut self, proposal: &Proposal, desk: &mut Desk<'_>) -> Result<(), Status> {
        let State::Incoming { key, invite, tag, told } = &self.state else { return Ok(()) };
        let codecs: Vec<Codec> = proposal.formats.iter().map(|f| f.codec.clone()).collect();
        let (sdp, offered) = if invite.body.is_empty() {
            (self.audio.offer(proposal), Offerer::Us)
        } else if *told == Told::EarlyMedia {
            // RFC 6337 §3.1.1: the 200 repeats the answer of the 183.
            (self.audio.last_description().ok_or(crate::offer_answer::Reject::NothingAgreed),
             Offerer::Them)
        } else {
            (self.audio.answer(&codecs, desk), Offerer::Them)
        };
        let sdp = sdp.map_err(|reject| status_of(reject.status_code()))?;
        let contact = words::contact(desk, &self.flow);
        let dialog = Dialog::answering(invite, self.flow, tag, contact.clone())
            .map_err(|_| Status::BAD_REQUEST)?;
        let response = words::dialog_response(invite, Status::OK, tag, &contact, Some(&sdp));
        let key = *key;
        desk.out.push(Output::Respond { key, response, gated: true });
        desk.out.push(Output::DialogMade { leg: self.id, id: dialog.id().clone() });
        self.state = State::Accepted { key, dialog, offered, then: None };
        Ok(())
    }

    /// Refuses the caller.
    pub fn reject(&mut self, status: Status, why: LegEnd, desk: &mut Desk<'_>) {
        let State::Incoming { key, invite, tag, .. } = &self.state else { return };
        let response = words::refusal(invite, status, tag);
        desk.out.push(Output::Respond { key: *key, response, gated: false });
        self.close(why, desk);
    }

    /// Sends the ACK to a called party that answered.
    pub fn confirm(&mut self, gated: bool, desk: &mut Desk<'_>) {
        let State::Answered { dialog, cseq } = &self.state else { return };
        let request = dialog.ack(*cseq);
        desk.out.push(Output::Ack { flow: self.way(dialog), request, gated });
        self.state = State::Confirmed { dialog: dialog.clone(), change: Change::None };
    }

    /// Ends the leg from our side, whatever state it is in.
    pub fn hang_up(&mut self, why: LegEnd, desk: &mut Desk<'_>) {
        match &mut self.state {
            State::Incoming { .. } => self.reject(Status::TEMPORARILY_UNAVAILABLE, why, desk),
            // RFC 3261 §15: the called side must not send BYE before the ACK has come.
            State::Accepted { then, .. } => {
                *then = Some(why);
                self.audio.hear(crate::media::order::Source::Silence, desk);
            }
            State::Calling { invite, .. } => {
                let invite = invite.clone();
                desk.out.push(Output::Cancel { leg: self.id });
                self.audio.hear(crate::media::order::Source::Silence, desk);
                self.state = State::Cancelling { invite, why };
            }
            State::Answered { .. } => {
                self.confirm(false, desk);
                self.hang_up(why, desk);
            }
            State::Confirmed { dialog, .. } => {
                let request = dialog.request(Method::Bye);
                let flow = way(dialog, &self.flow);
                desk.out.push(Output::Request { leg: self.id, flow, request, gated: false });
                self.close(why, desk);
            }
            State::Cancelling { .. } | State::Closing { .. } | State::Over { .. } => {}
        }
    }

    /// Asks the party whether it still knows the call: a re-INVITE that changes nothing. The
    /// answer is no news; a refusal that means "no" ends the leg.
    pub fn probe(&mut self, desk: &mut Desk<'_>) {
        let State::Confirmed { dialog, change } = &mut self.state else { return };
        match change {
            Change::Theirs { .. } | Change::Ours { .. } => return,
            Change::None => {}
        }
        let Ok(sdp) = self.audio.refresh() else { return };
        let mut request = dialog.request(Method::Invite);
        words::describe(&mut request.headers, &mut request.body, &sdp);
        request.headers.push("Allow", words::ALLOW);
        let Ok(cseq) = request.headers.cseq() else { return };
        *change = Change::Ours { cseq: cseq.number };
        let flow = way(dialog, &self.flow);
        desk.out.push(Output::Request { leg: self.id, flow, request, gated: false });
    }

    // ---- what the party does -------------------------------------------------------------------

    /// A request inside the dialog.
    pub fn receive_request(
        &mut self,
        key: ServerKey,
        request: &Request,
        desk: &mut Desk<'_>,
    ) -> Option<News> {
        let dialog = match &mut self.state {
            State::Accepted { dialog, .. }
            | State::Confirmed { dialog, .. }
            | State::Answered { dialog, .. }
            | State::Calling { early: Some(dialog), .. } => dialog,
            State::Incoming { .. }
            | State::Calling { early: None, .. }
            | State::Cancelling { .. }
            | State::Closing { .. }
            | State::Over { .. } => {
                let response = request.response(Status::CALL_DOES_NOT_EXIST, None);
                desk.out.push(Output::Respond { key, response, gated: false });
                return None;
            }
        };
        if let Err(refusal) = dialog.receive(request) {
            let response = refusal.response(request);
            desk.out.push(Output::Respond { key, response, gated: false });
            return None;
        }
        match request.method {
            Method::Bye => {
                let response = request.response(Status::OK, None);
                // Never gated: a peer that waits for this 200 repeats its BYE.
                desk.out.push(Output::Respond { key, response, gated: false });
                Some(self.bye(desk))
            }
            Method::Invite => self.reinvite(key, request, desk),
            Method::Update => self.update(key, request, desk),
            Method::Options => {
                let mut response = request.response(Status::OK, None);
                response.headers.push("Allow", words::ALLOW);
                response.headers.push("Accept", "application/sdp");
                desk.out.push(Output::Respond { key, response, gated: false });
                None
            }
            Method::Ack
            | Method::Cancel
            | Method::Register
            | Method::Prack
            | Method::Refer
            | Method::Notify
            | Method::Subscribe
            | Method::Info
            | Method::Message
            | Method::Publish
            | Method::Other(_) => {
                let mut response = request.response(Status::METHOD_NOT_ALLOWED, None);
                response.headers.push("Allow", words::ALLOW);
                desk.out.push(Output::Respond { key, response, gated: false });
                None
            }
        }
    }

    fn bye(&mut self, desk: &mut Desk<'_>) -> News {
        match &self.state {
            // A BYE that overtakes our own farewell, or comes before the ACK to our 2xx.
            State::Accepted { key, then, .. } => {
                let why = then.unwrap_or(LegEnd::Remote);
                desk.out.push(Output::Acked { key: *key });
                self.close(why, desk);
                News::Ended(why)
            }
            State::Calling { .. } => {
                // RFC 3261 §15.1.2: an early dialog ends, and the INVITE with it.
                desk.out.push(Output::Cancel { leg: self.id });
                self.close(LegEnd::Remote, desk);
                News::Ended(LegEnd::Remote)
            }
            State::Incoming { .. }
            | State::Cancelling { .. }
            | State::Answered { .. }
            | State::Confirmed { .. }
            | State::Closing { .. }
            | State::Over { .. } => {
                self.close(LegEnd::Remote, desk);
                News::Ended(LegEnd::Remote)
            }
        }
    }

    fn reinvite(
        &mut self,
        key: ServerKey,
        request: &Request,
        desk: &mut Desk<'_>,
    ) -> Option<News> {
        let State::Confirmed { dialog, change } = &mut self.state else {
            let response = words::too_early(request);
            desk.out.push(Output::Respond { key, response, gated: false });
            return None;
        };
        match change {
            // RFC 3261 §14.2: ours is pending, so is theirs.
            Change::Ours { .. } => {
                let response = request.response(Status::REQUEST_PENDING, None);
                desk.out.push(Output::Respond { key, response, gated: false });
                return None;
            }
            Change::Theirs { .. } => {
                let response = words::too_early(request);
                desk.out.push(Output::Respond { key, response, gated: false });
                return None;
            }
            Change::None => {}
        }
        let tag = dialog.id().local_tag.clone();
        let contact = words::contact(desk, &self.flow);
        match renegotiate(&mut self.audio, &request.body, desk) {
            Ok((sdp, offered)) => {
                *change = Change::Theirs { key, offered };
                let response =
                    words::dialog_response(request, Status::OK, &tag, &contact, Some(&sdp));
                desk.out.push(Output::Respond { key, response, gated: false });
                Some(News::SessionChanged)
            }
            Err(status) => {
                let response = request.response(status, None);
                desk.out.push(Output::Respond { key, response, gated: false });
                None
            }
        }
    }

    fn update(&mut self, key: ServerKey, request: &Request, desk: &mut Desk<'_>) -> Option<News> {
        let in_peace = matches!(self.state, State::Confirmed { change: Change::None, .. });
        let has_offer = !request.body.is_empty();
        let (response, news) = if !has_offer {
            // RFC 3311 §5.2: without an offer it refreshes the target and the session timer.
            (request.response(Status::OK, None), None)
        } else if !in_peace {
            (words::too_early(request), None)
        } else {
            match renegotiate(&mut self.audio, &request.body, desk) {
                Ok((sdp, _)) => {
                    let mut response = request.response(Status::OK, None);
                    words::describe(&mut response.headers, &mut response.body, &sdp);
                    (response, Some(News::SessionChanged))
                }
                Err(status) => (request.response(status, None), None),
            }
        };
        let mut response = response;
        response.headers.push("Contact", NameAddr::new(words::contact(desk, &self.flow)));
        desk.out.push(Output::Respond { key, response, gated: false });
        news
    }

    /// The ACK to a 2xx of ours.
    pub fn receive_ack(&mut self, request: &Request, desk: &mut Desk<'_>) -> Option<News> {
        match &mut self.state {
            State::Accepted { key, dialog, offered, then } => {
                desk.out.push(Output::Acked { key: *key });
                let (offered, then) = (*offered, *then);
                self.state = State::Confirmed { dialog: dialog.clone(), change: Change::None };
                self.take_late_answer(offered, request, then, desk)
            }
            State::Confirmed { change, .. } => {
                let Change::Theirs { key, offered } = change else { return None };
                let (key, offered) = (*key, *offered);
                *change = Change::None;
                desk.out.push(Output::Acked { key });
                self.take_late_answer(offered, request, None, desk)
            }
            // The ACK of a dialog that ended meanwhile.
            State::Incoming { .. }
            | State::Calling { .. }
            | State::Cancelling { .. }
            | State::Answered { .. }
            | State::Closing { .. }
            | State::Over { .. } => None,
        }
    }

    fn take_late_answer(
        &mut self,
        offered: Offerer,
        ack: &Request,
        then: Option<LegEnd>,
        desk: &mut Desk<'_>,
    ) -> Option<News> {
        if let Some(why) = then {
            self.hang_up(why, desk);
            return Some(News::Ended(why));
        }
        if offered == Offerer::Them {
            return None;
        }
        let answer = words::description(&ack.body).ok().flatten();
        let agreed = answer.is_some_and(|sdp| self.audio.receive_answer(&sdp, desk).is_ok());
        if agreed {
            return Some(News::SessionChanged);
        }
        // RFC 3261 §13.2.2.4: an offer without a usable answer leaves no session to keep.
        self.audio.roll_back();
        if self.audio.session().is_some() {
            return None;
        }
        let why = LegEnd::Refused(Status::NOT_ACCEPTABLE_HERE.code());
        self.hang_up(why, desk);
        Some(News::Ended(why))
    }

    /// The caller cancelled. Answered already by the transaction; the INVITE is answered here.
    pub fn cancelled(&mut self, desk: &mut Desk<'_>) -> Option<News> {
        let State::Incoming { .. } = self.state else { return None };
        self.reject(Status::REQUEST_TERMINATED, LegEnd::Remote, desk);
        Some(News::Ended(LegEnd::Remote))
    }

    /// No ACK came to our 2xx.
    pub fn no_ack(&mut self, desk: &mut Desk<'_>) -> Option<News> {
        match &mut self.state {
            // RFC 3261 §13.3.1.4: the dialog is confirmed, but the session is ended by BYE.
            State::Accepted { dialog, then, .. } => {
                let why = then.unwrap_or(LegEnd::Unreachable);
                self.state = State::Confirmed { dialog: dialog.clone(), change: Change::None };
                self.hang_up(why, desk);
                Some(News::Ended(why))
            }
            State::Confirmed { change: Change::Theirs { .. }, .. } => {
                self.hang_up(LegEnd::Unreachable, desk);
                Some(News::Ended(LegEnd::Unreachable))
            }
            State::Confirmed { change: Change::None | Change::Ours { .. }, .. }
            | State::Incoming { .. }
            | State::Calling { .. }
            | State::Cancelling { .. }
            | State::Answered { .. }
            | State::Closing { .. }
            | State::Over { .. } => None,
        }
    }

    /// A response to a request of ours.
    pub fn receive_response(&mut self, response: &Response, desk: &mut Desk<'_>) -> Option<News> {
        let Ok(cseq) = response.headers.cseq() else { return None };
        if cseq.method != Method::Invite {
            return None; // BYE: whatever they say, it is over
        }
        if response.status.is_success() {
            self.invite_succeeded(cseq.number, response, desk)
        } else if response.status.is_provisional() {
            self.invite_progressed(response, desk)
        } else {
            self.invite_refused(cseq.number, response.status, desk)
        }
    }

    fn invite_progressed(&mut self, response: &Response, desk: &mut Desk<'_>) -> Option<News> {
        let State::Calling { invite, early, heard } = &mut self.state else { return None };
        let tagged = response.headers.to().ok().and_then(|to| to.tag().map(|_| ())).is_some();
        if tagged && let Ok(dialog) = Dialog::calling(invite, self.flow, response) {
            if early.as_ref().map(Dialog::id) != Some(dialog.id()) {
                desk.out.push(Output::DialogMade { leg: self.id, id: dialog.id().clone() });
            }
            *early = Some(dialog);
        }
        let preview = words::description(&response.body).ok().flatten();
        let early_media =
            preview.is_some_and(|sdp| self.audio.preview_answer(&sdp, desk).is_ok());
        if early_media {
            *heard = Told::EarlyMedia;
            return Some(News::EarlyMedia);
        }
        if response.status == Status::TRYING || *heard != Told::Nothing {
            return None;
        }
        *heard = Told::Ringing;
        Some(News::Ringing)
    }

    fn invite_succeeded(
        &mut self,
        cseq: u32,
        response: &Response,
        desk: &mut Desk<'_>,
    ) -> Option<News> {
        match &mut self.state {
            State::Calling { invite, .. } => {
                let mut dialog = Dialog::calling(invite, self.flow, response).ok()?;
                dialog.confirm(response);
                desk.out.push(Output::DialogMade { leg: self.id, id: dialog.id().clone() });
                let answer = words::description(&response.body).ok().flatten();
                self.state = State::Answered { dialog, cseq };
                let agreed = match answer {
                    Some(answer) => self.audio.receive_answer(&answer, desk),
                    // The answer was in the 183 alone, which phones do although it was unreliable.
                    None => self.audio.keep_preview(desk),
                };
                if agreed.is_ok() {
                    return Some(News::Answered);
                }
                let why = LegEnd::Refused(Status::NOT_ACCEPTABLE_HERE.code());
                self.hang_up(why, desk);
                Some(News::Ended(why))
            }
            // The 2xx crossed our CANCEL: RFC 3261 §9.1 leaves us with a session to end.
            State::Cancelling { invite, why } => {
                let why = *why;
                let mut dialog = Dialog::calling(invite, self.flow, response).ok()?;
                dialog.confirm(response);
                self.state = State::Answered { dialog, cseq };
                self.hang_up(why, desk);
                Some(News::Ended(why))
            }
            State::Confirmed { dialog, change } => {
                let same = response.headers.to().ok().and_then(|to| to.tag().map(|tag| tag.into_owned()));
                if same.as_deref() != Some(dialog.id().remote_tag.as_str()) {
                    return None; // another fork; the site ends it
                }
                let open = match change {
                    Change::Ours { cseq: open } if *open == cseq => true,
                    Change::Ours { .. } | Change::Theirs { .. } | Change::None => false,
                };
                // RFC 3261 §13.2.2.4: every repeated 2xx is acknowledged again.
                let request = dialog.ack(cseq);
                let flow = way(dialog, &self.flow);
                desk.out.push(Output::Ack { flow, request, gated: false });
                if !open {
                    return None;
                }
                *change = Change::None;
                dialog.confirm(response);
                let answer = words::description(&response.body).ok().flatten();
                if !answer.is_some_and(|sdp| self.audio.receive_answer(&sdp, desk).is_ok()) {
                    self.audio.roll_back();
                }
                Some(News::SessionChanged)
            }
            // The call has not decided yet; its ACK or BYE is on the way.
            State::Answered { .. }
            | State::Incoming { .. }
            | State::Accepted { .. }
            | State::Closing { .. }
            | State::Over { .. } => None,
        }
    }

    fn invite_refused(
        &mut self,
        cseq: u32,
        status: Status,
        desk: &mut Desk<'_>,
    ) -> Option<News> {
        match &mut self.state {
            State::Calling { .. } => {
                let why = LegEnd::Refused(status.code());
                self.close(why, desk);
                Some(News::Ended(why))
            }
            State::Cancelling { why, .. } => {
                let why = *why;
                self.close(why, desk);
                Some(News::Ended(why))
            }
            State::Confirmed { change, .. } => {
                match change {
                    Change::Ours { cseq: open } if *open == cseq => *change = Change::None,
                    Change::Ours { .. } | Change::Theirs { .. } | Change::None => return None,
                }
                self.audio.roll_back();
                // RFC 3261 §14.1: these two say that the dialog itself is gone.
                if status == Status::CALL_DOES_NOT_EXIST || status == Status::REQUEST_TIMEOUT {
                    self.close(LegEnd::MediaLost, desk);
                    return Some(News::Ended(LegEnd::MediaLost));
                }
                None
            }
            State::Incoming { .. }
            | State::Accepted { .. }
            | State::Answered { .. }
            | State::Closing { .. }
            | State::Over { .. } => None,
        }
    }

    /// An INVITE of ours got no final response.
    pub fn invite_failed(&mut self, how: Failure, desk: &mut Desk<'_>) -> Option<News> {
        match &mut self.state {
            State::Calling { heard, .. } => {
                let why = match (how, heard) {
                    (Failure::TimedOut, Told::Ringing | Told::EarlyMedia) => LegEnd::NoAnswer,
                    (Failure::TimedOut, Told::Nothing) | (Failure::Unreachable, _) => {
                        LegEnd::Unreachable
                    }
                };
                self.close(why, desk);
                Some(News::Ended(why))
            }
            State::Cancelling { why, .. } => {
                let why = *why;
                self.close(why, desk);
                Some(News::Ended(why))
            }
            // A probe without an answer.
            State::Confirmed { change: Change::Ours { .. }, .. } => {
                self.hang_up(LegEnd::MediaLost, desk);
                Some(News::Ended(LegEnd::MediaLost))
            }
            State::Confirmed { change: Change::None | Change::Theirs { .. }, .. }
            | State::Incoming { .. }
            | State::Accepted { .. }
            | State::Answered { .. }
            | State::Closing { .. }
            | State::Over { .. } => None,
        }
    }

    /// The stream is closed.
    pub fn audio_closed(&mut self, counters: StreamCounters) -> Option<News> {
        let State::Closing { why, .. } = self.state else { return None };
        self.state = State::Over { why };
        Some(News::Over(why, Some(counters)))
    }

    /// The time of [`Self::deadline`] has come.
    pub fn handle_deadline(&mut self, now: Mono) -> Option<News> {
        match self.state {
            State::Closing { why, until } if until <= now => {
                self.state = State::Over { why };
                Some(News::Over(why, None))
            }
            State::Closing { .. }
            | State::Incoming { .. }
            | State::Accepted { .. }
            | State::Calling { .. }
            | State::Cancelling { .. }
            | State::Answered { .. }
            | State::Confirmed { .. }
            | State::Over { .. } => None,
        }
    }

    // ---- after a restart -----------------------------------------------------------------------

    /// Takes the leg up again. A confirmed one goes on and is asked whether its party still does;
    /// any other is ended, because its transaction died with the process.
    pub fn restore(
        &mut self,
        last_sequence: Option<u16>,
        desk: &mut Desk<'_>,
    ) -> Option<News> {
        desk.out.push(Output::StreamMade { leg: self.id, stream: self.audio.stream() });
        if let Some(id) = self.dialog_id() {
            desk.out.push(Output::DialogMade { leg: self.id, id: id.clone() });
        }
        match &mut self.state {
            State::Confirmed { change, .. } => {
                *change = Change::None;
                self.audio.roll_back();
                self.audio.reopen(last_sequence, desk);
                self.probe(desk);
                None
            }
            // The ACK, or another copy of our 2xx's acknowledgement, may have been lost with us.
            State::Accepted { dialog, then, .. } => {
                let then = *then;
                self.state = State::Confirmed { dialog: dialog.clone(), change: Change::None };
                self.audio.reopen(last_sequence, desk);
                if let Some(why) = then {
                    self.hang_up(why, desk);
                    return Some(News::Ended(why));
                }
                self.probe(desk);
                None
            }
            State::Answered { .. } => {
                self.hang_up(LegEnd::LostInCrash, desk);
                Some(News::Ended(LegEnd::LostInCrash))
            }
            State::Incoming { .. } | State::Calling { .. } | State::Cancelling { .. } => {
                self.close(LegEnd::LostInCrash, desk);
                Some(News::Ended(LegEnd::LostInCrash))
            }
            State::Closing { .. } | State::Over { .. } => None,
        }
    }

    fn close(&mut self, why: LegEnd, desk: &mut Desk<'_>) {
        self.audio.close(desk);
        self.state = State::Closing { why, until: desk.now.mono + CLOSING_TIME };
    }

    fn way(&self, dialog: &Dialog) -> Flow {
        way(dialog, &self.flow)
    }
}

/// Where the next request of this dialog goes.
fn way(dialog: &Dialog, flow: &Flow) -> Flow {
    dialog.next_flow(flow)
}

fn status_of(code: Option<u16>) -> Status {
    code.and_then(Status::from_code).unwrap_or(Status::SERVER_ERROR)
}

/// Answers an offer inside the session with the codec that is in use, or makes the offer that a
/// request without one asks for. The party on the other leg is not asked: the box anchors both.
fn renegotiate(
    audio: &mut Audio,
    body: &[u8],
    desk: &mut Desk<'_>,
) -> Result<(Sdp, Offerer), Status> {
    let offer = words::description(body).map_err(|_| Status::BAD_REQUEST)?;
    let Some(offer) = offer else {
        let sdp = audio.refresh().map_err(|reject| status_of(reject.status_code()))?;
        return Ok((sdp, Offerer::Us));
    };
    audio.receive_offer(&offer).map_err(|reject| status_of(reject.status_code()))?;
    match audio.answer_again(desk) {
        Ok(sdp) => Ok((sdp, Offerer::Them)),
        Err(reject) => {
            // RFC 3261 §14.2: a refused change leaves the session as it was.
            audio.roll_back();
            Err(status_of(reject.status_code()))
        }
    }
}
