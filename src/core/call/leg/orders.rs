//! What a call orders from a leg: ring, answer, refuse, call, confirm, hang up, ask.

use holdfast_base::{CallId, LegId, Mono};
use holdfast_wire::sdp::{Direction, Sdp};
use holdfast_wire::sip::{Header, Method, NameAddr, Request, Status, Uri};
use std::borrow::Cow;

use super::forks::Forks;
use super::hold::Word;
use super::info::takes_info;
use super::reliable::{Reliable, Then};
use super::session_timer::{self, SessionTimer, Terms};
use super::voice::Voice;
use super::{Change, Leg, Offerer, Reach, State, Told};
use crate::call::audio::Audio;
use crate::call::io::{Desk, Output, Target};
use crate::call::local_media;
use crate::call::origin::Origin;
use crate::call::words;
use crate::media::order::Source;
use crate::offer_answer::{Codec, Proposal, Reject};
use crate::record::event::{LegEnd, Subject};
use crate::routing::caller::Caller;
use crate::sip::cause::ELSEWHERE;
use crate::sip::dialog::Dialog;
use crate::sip::flow::Flow;
use crate::sip::session_id::Names;
use crate::sip::transaction::ServerKey;

/// What a new leg takes over from its call.
#[derive(Clone, Copy, Debug)]
pub struct Onward<'a> {
    /// Max-Forwards.
    pub hops: u8,
    /// Header fields as they came.
    pub carried: &'a [Header],
}

impl Leg {
    /// A leg for an INVITE that arrived. `None` when no port pair is free.
    pub fn incoming(
        desk: &mut Desk<'_>,
        call: CallId,
        (who, origin): (Caller, Origin),
        (flow, reach): (Flow, Reach),
        key: ServerKey,
        invite: Request,
    ) -> Option<Self> {
        let mut audio = Audio::open(desk, call, &flow, &origin)?;
        if let Some(address) = local_media::address(desk.config, &flow, &invite.headers) {
            audio.be_at(address);
        }
        let tag = desk.entropy.token();
        let id = desk.ids.leg();
        let takes_info = takes_info(&invite.headers);
        let sip_call_id = invite.headers.call_id().map(Cow::into_owned).unwrap_or_default();
        let mut names = Names::default();
        names.hear(&invite.headers);
        let (told, early, reliable) = (Told::Nothing, None, Reliable::default());
        let state = State::Incoming { key, invite, tag, told, early, reliable };
        desk.out.push(Output::StreamMade { leg: id, stream: audio.stream() });
        let (party, who) = (who.subject(), Some(Box::new(who)));
        let leg = Self::new(id, (party, who, origin), (flow, reach), audio, state);
        Some(Self { takes_info, call_id: sip_call_id, names, ..leg })
    }

    fn new(
        id: LegId,
        (party, who, origin): (Subject, Option<Box<Caller>>, Origin),
        (flow, reach): (Flow, Reach),
        audio: Audio,
        state: State,
    ) -> Self {
        let (refers, refers_from) = (0, Mono::default());
        let (hold, voice) = (Word::default(), Voice::default());
        let (refused, cause, tells) = (None, None, None);
        Self {
            id,
            party,
            who,
            flow,
            reach,
            origin,
            audio,
            takes_info: false,
            refers,
            refers_from,
            cause,
            tells,
            refused,
            hold,
            voice,
            call_id: String::new(),
            names: Names::default(),
            state,
        }
    }

    /// A leg that calls `target`. `None` when no port pair is free.
    pub fn outgoing(
        desk: &mut Desk<'_>,
        call: CallId,
        target: &Target,
        from: &NameAddr,
        proposal: &Proposal,
        onward: Onward<'_>,
        gated: bool,
    ) -> Option<Self> {
        let origin = Origin::of(target);
        let mut audio = Audio::open(desk, call, &target.flow, &origin)?;
        let id = desk.ids.leg();
        desk.out.push(Output::StreamMade { leg: id, stream: audio.stream() });
        // Whoever calls while holding is heard of later: a first offer that holds is refused by
        // some (Skype for Business: 488), and by nobody wanted.
        let proposal = Proposal { direction: Direction::SendRecv, ..proposal.clone() };
        let offer = audio.offer(&proposal).ok();
        let from = from.clone().with_tag(&desk.entropy.token());
        let contact = words::contact(desk.config, &target.flow);
        let call_id = desk.entropy.token();
        let via = words::via(desk.config, &target.flow, desk.entropy);
        let Onward { hops, carried } = onward;
        let mut invite =
            words::invite(target, &from, &contact, &call_id, &via, hops, offer.as_ref());
        let behaviour = origin.behaviour(desk.config);
        let terms = Terms::towards(desk.config, &origin).at_least(behaviour.session_least_s);
        session_timer::ask(&mut invite, terms);
        behaviour.complete(&mut invite.headers);
        behaviour.introduce(&mut invite.headers);
        carried.iter().for_each(|line| invite.headers.push_line(line.clone()));
        let (flow, request) = (target.flow, invite.clone());
        desk.out.push(Output::Request { leg: id, flow, request, gated });
        let word_by = target.within.map(|within| desk.now.mono + within);
        let (heard, forks) = (Told::Nothing, Forks::default());
        let state = State::Calling { invite, forks, heard, word_by };
        let reach = if target.account.is_some() { Reach::Flow } else { Reach::Contact };
        let party = target.party.clone();
        let leg = Self::new(id, (party, None, origin), (target.flow, reach), audio, state);
        Some(Self { call_id, ..leg })
    }

    /// Reads the caller's offer; what may be offered onward. `None` when the INVITE has none.
    ///
    /// # Errors
    /// The status that refuses the INVITE.
    pub fn read_offer(&mut self, desk: &mut Desk<'_>) -> Result<Option<Proposal>, Status> {
        let State::Incoming { invite, .. } = &self.state else { return Ok(None) };
        let offer = words::description(&invite.body).map_err(|_| Status::BAD_REQUEST)?;
        let Some(offer) = offer else { return Ok(None) };
        let proposal = self.audio.receive_offer(&offer, desk);
        proposal.map(Some).map_err(|reject| {
            let status = self.not_suited(reject);
            self.offer_unsuited(desk);
            status
        })
    }

    /// Answers the caller with one of `codecs`; with an offer of these when the INVITE had none.
    ///
    /// # Errors
    /// The status to refuse the INVITE with, when there is no common codec.
    pub fn answer(&mut self, proposal: &Proposal, desk: &mut Desk<'_>) -> Result<(), Status> {
        let State::Incoming { key, invite, tag, told, early, reliable } = &mut self.state else {
            return Ok(());
        };
        if reliable.hold_back(Then::Answer(Box::new(proposal.clone()))) {
            return Ok(());
        }
        let codecs: Vec<Codec> = proposal.formats.iter().map(|f| f.codec.clone()).collect();
        let (sdp, offered) = match (invite.body.is_empty(), told.has_media()) {
            (true, false) => (self.audio.offer(proposal).map(Some), Offerer::Us),
            // A PRACK came without the answer that it should have brought: the ACK still may.
            (true, true) if self.audio.awaits_answer() => {
                (Ok(self.audio.last_description()), Offerer::Us)
            }
            // RFC 6337 §2.1: answered by the PRACK, and no other offer may come in the 200.
            (true, true) => (Ok(None), Offerer::Them),
            // RFC 6337 §3.1.1: the 200 repeats the answer of the 183.
            (false, true) => {
                let said = self.audio.last_description().ok_or(Reject::NothingAgreed);
                (said.map(Some), Offerer::Them)
            }
            (false, false) => (self.audio.answer(&codecs, desk).map(Some), Offerer::Them),
        };
        let sdp = match sdp {
            Ok(sdp) => sdp,
            Err(reject) => {
                let status = self.not_suited(reject);
                self.offer_unsuited(desk);
                return Err(status);
            }
        };
        let contact = words::contact(desk.config, &self.flow);
        let dialog = match early {
            Some(dialog) => dialog.clone(),
            None => answering(invite, (self.flow, self.reach), tag, contact.clone())
                .ok_or(Status::BAD_REQUEST)?,
        };
        let mut response = words::dialog_response(invite, Status::OK, tag, &contact, sdp.as_ref());
        let mut timer = SessionTimer::default();
        timer.grant(invite, Terms::towards(desk.config, &self.origin), desk.now.mono);
        timer.write_grant(invite, &mut response.headers);
        self.origin.complete(desk.config, &mut response.headers);
        let key = *key;
        desk.out.push(Output::Respond { key, response, gated: true });
        if early.is_none() {
            desk.out.push(Output::DialogMade { leg: self.id, id: dialog.id().clone() });
        }
        let invite = invite.clone();
        self.state = State::Accepted { key, invite, dialog, offered, then: None, timer };
        Ok(())
    }

    /// Refuses the caller.
    pub fn reject(&mut self, status: Status, why: LegEnd, desk: &mut Desk<'_>) {
        let State::Incoming { key, invite, tag, .. } = &self.state else { return };
        let mut response = words::refusal(invite, status, tag);
        if let Some(cause) = self.tells {
            response.headers.push("Reason", cause); // RFC 6432
        }
        self.warn(status, &mut response.headers);
        self.refused = Some(status.code());
        desk.out.push(Output::Respond { key: *key, response, gated: false });
        self.close(why, desk);
    }

    /// Sends the ACK to a called party that answered.
    pub fn confirm(&mut self, gated: bool, desk: &mut Desk<'_>) {
        let State::Answered { dialog, cseq, timer } = &self.state else { return };
        let request = dialog.ack(*cseq);
        let (leg, flow) = (self.id, dialog.next_flow());
        desk.out.push(Output::Ack { leg, flow, request, gated });
        let (dialog, timer) = (dialog.clone(), *timer);
        self.state = State::Confirmed { dialog, change: Change::None, timer };
    }

    /// Ends the leg from our side, whatever state it is in.
    pub fn hang_up(&mut self, why: LegEnd, desk: &mut Desk<'_>) {
        match &mut self.state {
            State::Incoming { .. } => self.reject(Status::TEMPORARILY_UNAVAILABLE, why, desk),
            // RFC 3261 §15: the called side must not send BYE before the ACK has come.
            State::Accepted { then, .. } => {
                *then = Some(why);
                self.audio.hear(Source::Silence, desk);
            }
            State::Calling { .. } => {
                let reason = self.tells.map(|cause| cause.to_string());
                self.cancel(why, reason, false, desk);
            }
            State::Answered { .. } => {
                self.confirm(false, desk);
                self.hang_up(why, desk);
            }
            State::Confirmed { dialog, .. } => {
                let mut request = dialog.request(Method::Bye);
                if let Some(cause) = self.tells {
                    request.headers.push("Reason", cause);
                }
                let flow = dialog.next_flow();
                desk.out.push(Output::Request { leg: self.id, flow, request, gated: false });
                self.close(why, desk);
            }
            State::Cancelling { .. } | State::Closing { .. } | State::Over { .. } => {}
        }
    }

    /// Lets a leg go that has lost to another: its CANCEL is `gated` when the disk has to know the
    /// winner first.
    pub fn lose(&mut self, gated: bool, desk: &mut Desk<'_>) {
        if matches!(self.state, State::Calling { .. }) {
            self.cancel(LegEnd::Local, Some(ELSEWHERE.to_owned()), gated, desk);
        } else {
            self.hang_up(LegEnd::Local, desk);
        }
    }

    fn cancel(&mut self, why: LegEnd, reason: Option<String>, gated: bool, desk: &mut Desk<'_>) {
        let State::Calling { invite, forks, heard, .. } = &self.state else { return };
        let (invite, forks, heard) = (invite.clone(), forks.clone(), *heard);
        desk.out.push(Output::Cancel { leg: self.id, reason, gated });
        self.audio.hear(Source::Silence, desk);
        self.state = State::Cancelling { invite, why, forks, heard };
    }

    /// Asks the party whether it still knows the call: a re-INVITE that changes nothing. The
    /// answer is no news; a refusal that means "no" ends the leg, and so does silence, for the
    /// reason `gone`.
    pub fn probe(&mut self, gone: LegEnd, desk: &mut Desk<'_>) {
        let State::Confirmed { change: Change::None, .. } = &self.state else { return };
        let Ok(sdp) = self.audio.refresh() else { return };
        self.offer_change(&sdp, gone, desk);
    }

    /// The party's checks have stopped: it is gone, or its network is another one. A re-INVITE asks
    /// it to check again (RFC 8839 §4.4.1.1.1), which finds the way from wherever it is now.
    pub fn find_way_again(&mut self, desk: &mut Desk<'_>) {
        if let State::Confirmed { change: Change::None, .. } = &self.state {
            self.audio.restart_checks(desk);
            self.probe(LegEnd::MediaLost, desk);
        }
    }

    /// Sends a re-INVITE with this offer; no other one may be open.
    pub(super) fn offer_change(&mut self, sdp: &Sdp, gone: LegEnd, desk: &mut Desk<'_>) {
        let State::Confirmed { dialog, change, timer } = &mut self.state else { return };
        let mut request = dialog.request(Method::Invite);
        words::describe(&mut request.headers, &mut request.body, sdp);
        words::state_abilities(&mut request.headers);
        self.origin.complete(desk.config, &mut request.headers);
        // Any INVITE inside the dialog refreshes the session, or ends its timer: RFC 4028 §7.4.
        timer.write_request(&mut request.headers);
        let Ok(cseq) = request.headers.cseq() else { return };
        *change = Change::Ours { cseq: cseq.number, gone };
        timer.sent();
        let flow = dialog.next_flow();
        desk.out.push(Output::Request { leg: self.id, flow, request, gated: false });
    }
}

/// The dialog that our first response with this tag begins.
pub(super) fn answering(
    invite: &Request,
    (flow, reach): (Flow, Reach),
    tag: &str,
    contact: Uri,
) -> Option<Dialog> {
    let mut dialog = Dialog::answering(invite, flow, tag, contact).ok()?;
    reach.settle(&mut dialog);
    Some(dialog)
}
