//! A call: the caller's leg, the legs towards whoever shall answer, and what is between them.
//!
//! The box is a back-to-back user agent: each leg is a session of its own, anchored here. Holding,
//! resuming and moving an address on one leg is answered on that leg alone; the others only notice
//! that they hear something else. It refuses to know transactions, registration, number plans, and
//! why an agent was chosen.
//!
//! ```text
//!             ┌─ Dialling ──────┐ answered
//!  arrival ───┼─ Queued ────────┼──────────> Talking ──┐ anyone hangs up
//!             └─ Announcing ────┴───────────────────────┴──> Ending ── every leg over ──> Over
//! ```
//!
//! Between Talking and Talking may stand Transferring: see [`transfer`]; between Queued and Talking
//! LedOn: see [`led_on`].

pub mod advertised;
pub mod arms;
pub mod audio;
mod callee;
mod common;
mod ending;
mod hearing;
pub mod io;
mod known;
mod led_on;
pub mod leg;
mod local_media;
mod named;
mod news;
mod offers;
pub mod origin;
mod queued;
pub mod supervision;
pub mod test_call;
pub mod transcoding;
pub mod transfer;
mod unattended;
pub mod words;

use holdfast_base::{
    AgentName, CallId, ContactId, LegId, Mono, Now, OfferId, QueueName, TrunkName,
};
use holdfast_wire::sdp::Direction;
use holdfast_wire::sip::{Method, NameAddr, Request, Response, Status};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

use crate::media::order::{ClipId, Source};
use crate::offer_answer::{OpaqueCodecs, Proposal};
use crate::record::event::{EndedBy, Fact, Ingress, LegEnd, Subject};
use crate::routing::caller::Caller;
use crate::sip::carried::Carried;
use crate::sip::cause::Cause;
use crate::sip::flow::Flow;
use crate::sip::session_id::Uuid;
use crate::sip::transaction::ServerKey;
use audio::{has_decodable, has_g711, own_formats, with_g711};
use callee::Callee;
use io::{Before, Desk, Failure, Input, Output, Target};
use led_on::LedOn;
use leg::{Leg, News, Reach};
use offers::Offers;
use origin::Origin;
use supervision::Supervision;
use transfer::{Stays, Transfer};

/// Most places that one call rings at once.
pub const TARGETS_MAX: usize = 16;
/// Max-Forwards of a call that came without: RFC 3261 §8.1.1.6.
const MAX_FORWARDS: u8 = 70;
/// What a party on hold hears when no queue says otherwise.
const HOLD_MUSIC: &str = "music";
/// What a caller hears who has waited as long as the queue allows.
const CLOSED_SORRY: &str = "closed-sorry";
/// How long an announcement plays before the call ends: longer than any built-in one.
const ANNOUNCEMENT_TIME: Duration = Duration::from_secs(4);
/// When the first clip of a waiting caller starts: after its place in the queue is on disk or the
/// gate has given up (QUEUEING.md 2.13, gate 3), without holding back any order.
const FIRST_CLIP_AFTER: Duration = holdfast_base::limits::GATE_MAX;

/// A call.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Call {
    id: CallId,
    arrived: Now,
    /// Whoever called; after a transfer by the caller, the party that stayed.
    caller: Leg,
    #[serde(default)]
    stays: Stays,
    caller_name: NameAddrText,
    #[serde(default)]
    who: Caller,
    /// Max-Forwards of the INVITEs that it sends: one less than it came with, so that a call that
    /// is led back to this box ends some time (RFC 7332 §3).
    hops: u8,
    callees: BTreeMap<LegId, Callee>,
    /// Who hears the parties without being one.
    #[serde(default)]
    supervision: Option<Box<Supervision>>,
    dialled: Subject,
    #[serde(default)]
    emergency: bool,
    own_call_of: Vec<AgentName>,
    /// What of the caller's INVITE goes on with the call.
    #[serde(default)]
    carried: Carried,
    /// Why it ends, in the words of the telephone network.
    #[serde(default)]
    cause: Option<Cause>,
    music: Option<ClipId>,
    /// What the box is called while it is a party itself.
    #[serde(default)]
    session: Option<Uuid>,
    codecs: OpaqueCodecs,
    state: State,
}

/// How the caller is named towards others, as printed.
type NameAddrText = String;

/// Where a call stands.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum State {
    /// Legs ring; nobody has answered.
    Dialling { give_up: Mono, refused: Option<u16> },
    /// The caller waits in a queue.
    Queued { contact: ContactId, queue: QueueName, treatment: Source, offers: Offers },
    /// The caller hears something and is let go.
    Announcing {
        clip: ClipId,
        since: Mono,
        until: Mono,
        #[serde(default = "announcement_time")]
        lasts: Duration,
    },
    /// Caller and one leg hear each other.
    Talking { with: LegId, part: Option<QueuePart> },
    /// Its queue has led the caller on, and somebody is called.
    LedOn(Box<LedOn>),
    /// The caller waits for another party, whom the last one has named.
    Transferring(Box<Transfer>),
    /// The end is decided; legs are still closing.
    Ending { by: EndedBy, status: Option<u16> },
    /// Nothing is left.
    Over,
}

/// That of every announcement before there were longer ones.
const fn announcement_time() -> Duration {
    ANNOUNCEMENT_TIME
}

/// The queue's part in a conversation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct QueuePart {
    contact: ContactId,
    offer: OfferId,
    #[serde(default)]
    queue: Option<QueueName>,
}

/// A new call, as the site has understood its INVITE.
#[derive(Debug)]
pub struct Arrival {
    /// Its way.
    pub flow: Flow,
    /// Its server transaction.
    pub key: ServerKey,
    /// The INVITE.
    pub invite: Request,
    /// How the caller is reached.
    pub reach: Reach,
    /// The trunk it came over.
    pub trunk: Option<TrunkName>,
    /// Who calls.
    pub who: Caller,
    /// To whom the caller belongs.
    pub origin: Origin,
    /// What was dialled.
    pub dialled: Subject,
    /// Whether that is an emergency number.
    pub emergency: bool,
    /// Agents who are busy with this call although no queue brought it to them.
    pub own_call_of: Vec<AgentName>,
}

/// What shall become of a new call.
#[derive(Debug)]
pub enum Plan {
    /// It waits for an agent of a queue.
    Queue(QueueName),
    /// These places ring.
    Ring(Vec<Target>),
    /// It hears a clip and ends.
    Announce(ClipId),
    /// It is refused.
    Refuse(Status),
}

impl Call {
    /// Begins a call. `None` when the box has no port pair left for it; nothing was ordered then.
    pub fn begin(arrival: Arrival, plan: Plan, desk: &mut Desk<'_>) -> Option<Self> {
        let Arrival { flow, key, invite, reach, trunk, who, origin, dialled, .. } = arrival;
        let (emergency, own_call_of) = (arrival.emergency, arrival.own_call_of);
        desk.urgent = emergency;
        let id = desk.ids.call();
        let from = who.subject();
        let caller_name = who.named_at(&words::contact(desk.config, &flow));
        let hops = invite.headers.max_forwards().ok().flatten().unwrap_or(MAX_FORWARDS);
        let carried = Carried::read(&invite.headers, origin != Origin::Guest);
        let caller = Leg::incoming(desk, id, (who.clone(), origin), (flow, reach), key, invite)?;
        desk.out.push(Output::Fact(Fact::CallArrived {
            call: id,
            trunk,
            from,
            dialled: dialled.clone(),
            ingress: Ingress::Sip,
            sip_call_id: caller.sip_call_id(),
        }));
        if emergency {
            desk.out.push(Output::Fact(Fact::Emergency { call: id }));
        }
        let state = State::Ending { by: EndedBy::Box, status: None };
        let mut call = Self {
            id,
            arrived: desk.now,
            caller,
            stays: Stays::Caller,
            caller_name: caller_name.to_string(),
            who,
            hops: hops.saturating_sub(1),
            callees: BTreeMap::new(),
            supervision: None,
            dialled,
            emergency,
            own_call_of,
            carried,
            cause: None,
            music: None,
            session: None,
            codecs: OpaqueCodecs::default(),
            state,
        };
        call.follow(plan, desk);
        call.settle(desk);
        call.codecs = std::mem::take(&mut desk.codecs);
        Some(call)
    }

    fn follow(&mut self, plan: Plan, desk: &mut Desk<'_>) {
        let offered = match self.caller.read_offer(desk) {
            Ok(offered) => offered,
            Err(status) => return self.refuse(status, desk),
        };
        let spoken_here = offered.as_ref().is_none_or(|offered| {
            let room = desk.transcoding.has_room();
            has_g711(&offered.formats) || (room && has_decodable(&offered.formats))
        });
        match plan {
            Plan::Refuse(status) => self.refuse(status, desk),
            // Before an agent is called whom the caller could never hear.
            Plan::Announce(_) | Plan::Queue(_) if !spoken_here => {
                let status = self.caller.speaks_nothing_here(desk);
                self.refuse(status, desk);
            }
            Plan::Announce(clip) => {
                self.announce(clip, ANNOUNCEMENT_TIME, desk);
            }
            Plan::Queue(queue) => {
                let contact = ContactId(self.id.0);
                self.state = State::Queued {
                    contact,
                    queue: queue.clone(),
                    treatment: Source::Silence,
                    offers: Offers::default(),
                };
                let (call, from) = (self.id, self.caller.party().clone());
                let input = crate::queue::Input::Arrived { contact, call, queue, from };
                desk.out.push(Output::Queue(input));
            }
            Plan::Ring(targets) => {
                let give_up = desk.now.mono + desk.config.sip.ring_time;
                self.state = State::Dialling { give_up, refused: None };
                let mut proposal = offered.unwrap_or_else(own_proposal);
                if !has_g711(&proposal.formats) {
                    proposal.formats = with_g711(proposal.formats, desk);
                }
                let from = self.caller_name();
                for target in targets.iter().take(TARGETS_MAX) {
                    self.call_out(target, &from, &proposal, None, desk);
                }
                if self.callees.is_empty() {
                    self.refuse(Status::TEMPORARILY_UNAVAILABLE, desk);
                }
            }
        }
    }

    /// When [`Input::DeadlineReached`] is due.
    #[must_use]
    pub fn deadline(&self) -> Option<Mono> {
        let own = match &self.state {
            State::Dialling { give_up, .. } => Some(*give_up),
            State::Announcing { until, .. } => Some(*until),
            State::Transferring(transfer) => Some(transfer.give_up()),
            State::LedOn(led) => Some(led.give_up()),
            State::Queued { .. } | State::Talking { .. } | State::Ending { .. } | State::Over => {
                None
            }
        };
        let own = own.or(self.supervision.as_ref().and_then(|it| it.deadline()));
        own.into_iter().chain(self.legs().filter_map(Leg::deadline)).min()
    }

    /// Takes one input.
    pub fn handle(&mut self, input: Input, desk: &mut Desk<'_>) {
        desk.codecs = std::mem::take(&mut self.codecs);
        desk.urgent = self.emergency;
        self.hear_names(&input);
        self.take(input, desk);
        self.settle(desk);
        self.codecs = std::mem::take(&mut desk.codecs);
    }

    fn take(&mut self, input: Input, desk: &mut Desk<'_>) {
        match input {
            // Its leg is over, and the call is not: RFC 3261 §12.2.2.
            Input::Request { leg, key, request } if self.legs().all(|known| known.id() != leg) => {
                let response = request.response(Status::CALL_DOES_NOT_EXIST, None);
                desk.out.push(Output::Respond { key, response, gated: false });
            }
            Input::Request { leg, key, request } if request.method == Method::Refer => {
                self.refer(leg, key, request, desk);
            }
            Input::Request { leg, key, request } if request.method == Method::Bye => {
                self.keep_dialog_of(leg);
                self.with_leg(leg, desk, |leg, desk| leg.receive_request(key, &request, desk));
                self.give_dialog_back(leg);
            }
            Input::Request { leg, key, request } => {
                self.with_leg(leg, desk, |leg, desk| leg.receive_request(key, &request, desk));
            }
            Input::Transfer { asked, way, agents } => self.transfer(&asked, way, agents, desk),
            Input::Ack { leg, request } => {
                let awaited = self.caller.awaits_ack();
                self.with_leg(leg, desk, |leg, desk| leg.receive_ack(&request, desk));
                if awaited && !self.caller.awaits_ack() {
                    self.begin_clips(desk.now.mono);
                }
            }
            Input::Cancelled { leg, cause } => {
                self.with_leg(leg, desk, |leg, desk| leg.cancelled(cause, desk));
            }
            Input::Response { leg, response } => self.take_response(leg, &response, desk),
            Input::InviteFailed { leg, how } => self.take_failure(leg, how, desk),
            Input::Unanswered { leg, cseq } => {
                self.with_leg(leg, desk, |leg, desk| leg.unanswered(&cseq, desk));
            }
            Input::NoAck { leg } => self.with_leg(leg, desk, Leg::no_ack),
            Input::NoAudio { leg }
                if self.is_target(leg) || self.is_called_on(leg) || self.is_of_supervisor(leg) =>
            {
                self.with_leg(leg, desk, |leg, desk| {
                    leg.hang_up(LegEnd::Unreachable, desk);
                    None
                });
            }
            Input::NoAudio { .. } => {
                self.end(EndedBy::Network, Some(Status::SERVICE_UNAVAILABLE), desk);
            }
            Input::Quiet { leg } => {
                self.with_leg(leg, desk, |leg, desk| {
                    leg.probe(LegEnd::MediaLost, desk);
                    None
                });
            }
            Input::Disconnected { leg } => self.with_leg(leg, desk, |leg, desk| {
                leg.find_way_again(desk);
                None
            }),
            Input::Key { leg, press } => self.press(leg, press, desk),
            Input::Moved { leg, moved } => self.with_leg(leg, desk, |leg, desk| {
                leg.follow(moved, desk);
                None
            }),
            Input::AudioClosed { leg, counters } => {
                self.with_leg(leg, desk, |leg, _| leg.audio_closed(counters));
            }
            Input::Queue(order) => self.obey_queue(order, desk),
            Input::Replaced(by) => self.replace(*by, desk),
            Input::Supervision(order) => self.obey_supervision(*order, desk),
            Input::HangUp { by } => self.end(by, None, desk),
            Input::Restored(before) => self.restore(&before, desk),
            Input::DeadlineReached => self.handle_deadline(desk),
        }
    }

    fn take_response(&mut self, leg: LegId, response: &Response, desk: &mut Desk<'_>) {
        self.with_leg(leg, desk, |leg, desk| leg.receive_response(response, desk));
    }

    fn take_failure(&mut self, leg: LegId, how: Failure, desk: &mut Desk<'_>) {
        self.with_leg(leg, desk, |leg, desk| leg.invite_failed(how, desk));
    }

    fn with_leg(
        &mut self,
        id: LegId,
        desk: &mut Desk<'_>,
        step: impl FnOnce(&mut Leg, &mut Desk<'_>) -> Option<News>,
    ) {
        let Some(news) = self.leg_mut(id).and_then(|leg| step(leg, desk)) else { return };
        if id == self.caller.id() {
            self.caller_news(news, desk);
        } else if self.callees.contains_key(&id) {
            self.callee_news(id, news, desk);
        } else {
            self.supervisor_news(id, news, desk);
        }
    }

    /// Joins the caller with the leg that won; all others are let go.
    pub(super) fn join(&mut self, id: LegId, part: Option<QueuePart>, desk: &mut Desk<'_>) {
        let Some(winner) = self.callees.get_mut(&id) else { return };
        // Gate 6: the winner is on disk before anyone else can think to have won, and before those
        // who lost are told.
        let gated = part.is_some();
        winner.leg.confirm(gated, desk);
        let spoken = winner.leg.audio().session().map(|session| Proposal {
            formats: session.spoken_formats(),
            ptime_ms: Some(session.ptime_ms),
            direction: Direction::SendRecv,
        });
        desk.out.push(Output::Fact(Fact::LegAnswered { call: self.id, leg: id }));
        self.state = State::Talking { with: id, part };
        for callee in self.callees.values_mut().filter(|callee| callee.leg.id() != id) {
            callee.leg.lose(gated, desk);
        }
        if self.caller.is_waiting() {
            let proposal = spoken.unwrap_or_else(own_proposal);
            match self.caller.answer(&proposal, desk) {
                Ok(()) => desk.out.push(Output::Fact(Fact::CallAnswered { call: self.id })),
                Err(status) => self.end(EndedBy::Box, Some(status), desk),
            }
        }
    }

    pub(super) fn hang_up_callee(&mut self, id: LegId, desk: &mut Desk<'_>) {
        if let Some(callee) = self.callees.get_mut(&id) {
            callee.leg.hang_up(LegEnd::Local, desk);
        }
    }

    /// The caller hears a clip and is let go.
    pub(super) fn announce(&mut self, clip: ClipId, lasts: Duration, desk: &mut Desk<'_>) {
        let since = desk.now.mono;
        self.state = State::Announcing { clip, since, until: since + lasts, lasts };
        self.answer_ourselves(desk);
    }

    /// Answers the caller with what the box itself can speak.
    pub(super) fn answer_ourselves(&mut self, desk: &mut Desk<'_>) {
        if !self.caller.is_waiting() {
            return;
        }
        match self.caller.answer(&own_proposal(), desk) {
            Ok(()) => desk.out.push(Output::Fact(Fact::CallAnswered { call: self.id })),
            Err(status) => self.end(EndedBy::Box, Some(status), desk),
        }
    }

    fn handle_deadline(&mut self, desk: &mut Desk<'_>) {
        let now = desk.now.mono;
        if let Some(news) = self.caller.handle_deadline(desk) {
            self.caller_news(news, desk);
        }
        let due = |leg: &&Leg| leg.deadline().is_some_and(|deadline| deadline <= now);
        let due: Vec<LegId> = self.legs().skip(1).filter(due).map(Leg::id).collect();
        for id in due {
            self.with_leg(id, desk, Leg::handle_deadline);
        }
        self.supervision_deadline(desk);
        match self.state {
            State::Dialling { give_up, .. } if give_up <= now => {
                self.end(EndedBy::Box, Some(Status::TEMPORARILY_UNAVAILABLE), desk);
            }
            State::Announcing { until, .. } if until <= now => self.end(EndedBy::Box, None, desk),
            State::Transferring(ref transfer) if transfer.give_up() <= now => {
                self.transfer_timed_out(desk);
            }
            State::LedOn(ref led) if led.give_up() <= now => self.onward_timed_out(desk),
            State::Dialling { .. }
            | State::Announcing { .. }
            | State::Queued { .. }
            | State::Talking { .. }
            | State::Transferring(_)
            | State::LedOn(_)
            | State::Ending { .. }
            | State::Over => {}
        }
    }

    fn restore(&mut self, before: &Before, desk: &mut Desk<'_>) {
        self.restore_transfer(before);
        if let Some(news) = self.caller.restore(before, desk) {
            self.caller_news(news, desk);
        }
        let ids: Vec<LegId> = self.legs().skip(1).map(Leg::id).collect();
        for id in ids {
            self.with_leg(id, desk, |leg, desk| leg.restore(before, desk));
        }
    }

    /// After every step: whether they understand each other, who hears whom, and whether the call
    /// is over.
    fn settle(&mut self, desk: &mut Desk<'_>) {
        self.agree_on_codec(desk);
        self.supervise_no_other(desk);
        self.route_audio(desk);
        self.tell_names(desk);
        let State::Ending { by, status } = self.state else { return };
        if self.legs().all(Leg::is_over) {
            let cause = self.cause.or_else(|| status.and_then(Cause::of_status));
            let cause = cause.map(Cause::number);
            desk.out.push(Output::Fact(Fact::CallEnded { call: self.id, by, status, cause }));
            desk.out.push(Output::Over);
            self.state = State::Over;
        }
    }

    pub(super) fn hold_music(&self) -> ClipId {
        self.music.clone().unwrap_or_else(|| ClipId(HOLD_MUSIC.into()))
    }

    pub(super) fn caller_name(&self) -> NameAddr {
        NameAddr::parse(&self.caller_name).unwrap_or_else(|_| words::nobody())
    }
}

fn own_proposal() -> Proposal {
    Proposal { formats: own_formats(), ptime_ms: None, direction: Direction::SendRecv }
}
