//! The call detail records as an incremental fold of the event log.
//!
//! Each call gives exactly one CDR, at its `CallEnded`. A restart alone ends nothing: calls that
//! survive a crash go on, and for those that did not the site says so with a `CallEnded` by
//! [`EndedBy::Crash`]. The fold refuses to know clocks and files; it serialises as a checkpoint,
//! and folding on from a checkpoint gives what folding everything gives.
//!
//! The log may have holes (a damaged record), so a fact about something unknown is ignored by an
//! explicit arm, and what is missing at the end is filled in from how the call ended.

pub mod form;

use holdfast_base::limits::CALLS_MAX;
use holdfast_base::{AgentName, CallId, ContactId, LegId, Mono, Now, QueueName, TrunkName, Wall};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use super::event::{
    CallerPart, Cdr, EndedBy, Event, ExitPart, Fact, Ingress, LedTo, LegEnd, LegPart, NotLedOn,
    OfferEnd, Outcome, QueuePart, Subject, TransferKind, TransferOutcome, TransferPart,
};
use crate::media::order::StreamCounters;

/// Most open calls of the fold: twice what the site can hold, so that it is reached only when ends
/// are missing from a damaged log. Then the oldest call is closed as lost.
const OPEN_MAX: usize = 2 * CALLS_MAX;
/// Most legs of one CDR; a call that rings on and on keeps its first ones.
const LEGS_MAX: usize = 100;
/// Most transfers of one CDR; a call that is passed on and on keeps its first ones.
const TRANSFERS_MAX: usize = 20;
/// Most places of one CDR that it was led on to or was to be: twice as many as a call can be led
/// on to.
const EXITS_MAX: usize = 20;

/// The calls that have begun and not ended.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CdrFold {
    open: BTreeMap<CallId, OpenCall>,
    /// The call of each contact of an open call.
    contacts: BTreeMap<ContactId, CallId>,
}

type Why = (Option<u16>, Option<u8>);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct OpenCall {
    trunk: Option<TrunkName>,
    from: Subject,
    dialled: Subject,
    ingress: Ingress,
    #[serde(default)]
    emergency: bool,
    #[serde(default)]
    transcoded: bool,
    arrived: Wall,
    answered: Option<Wall>,
    queued: Option<Queued>,
    #[serde(default)]
    caller: Option<CallerPart>,
    legs: Vec<OpenLeg>,
    #[serde(default)]
    transfers: Vec<OpenTransfer>,
    #[serde(default)]
    exits: Vec<ExitPart>,
    #[serde(default)]
    sip_call_id: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct OpenTransfer {
    by: Subject,
    to: Subject,
    kind: TransferKind,
    asked: Wall,
    outcome: Option<TransferOutcome>,
}

/// The last time in a queue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Queued {
    contact: ContactId,
    queue: QueueName,
    since: Mono,
    left: Option<(Outcome, u64)>,
    agent: Option<AgentName>,
    talked_ms: u64,
    missed_offers: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct OpenLeg {
    leg: LegId,
    to: Subject,
    answered: Option<Wall>,
    end: Option<(LegEnd, Option<StreamCounters>, Option<String>)>,
    #[serde(default)]
    crypto: Option<String>,
    #[serde(default)]
    sip_call_id: Option<String>,
}

impl OpenCall {
    /// Whether this is the leg of the caller: it has no [`Fact::LegStarted`], and ids count up.
    fn began_with(&self, leg: LegId) -> bool {
        self.legs.iter().all(|known| leg < known.leg)
    }
}

impl CdrFold {
    /// Takes the next event of the log; gives the CDR that it completes.
    pub fn apply(&mut self, event: &Event) -> Option<Cdr> {
        let at = event.at;
        match &event.fact {
            Fact::CallArrived { call, trunk, from, dialled, ingress, sip_call_id } => {
                if self.open.contains_key(call) {
                    return None; // told twice: the first counts
                }
                let opened = OpenCall {
                    trunk: trunk.clone(),
                    from: from.clone(),
                    dialled: dialled.clone(),
                    ingress: *ingress,
                    emergency: false,
                    transcoded: false,
                    arrived: at.wall,
                    answered: None,
                    queued: None,
                    caller: None,
                    legs: Vec::new(),
                    transfers: Vec::new(),
                    exits: Vec::new(),
                    sip_call_id: sip_call_id.clone(),
                };
                self.open.insert(*call, opened);
                self.close_one_too_many(at)
            }
            Fact::Emergency { call } => {
                if let Some(open) = self.open.get_mut(call) {
                    open.emergency = true;
                }
                None
            }
            Fact::Transcoded { call } => {
                if let Some(open) = self.open.get_mut(call) {
                    open.transcoded = true;
                }
                None
            }
            Fact::CallEnded { call, by, status, cause } => {
                self.close(*call, *by, (*status, *cause), at)
            }
            Fact::CallAnswered { call } => {
                if let Some(open) = self.open.get_mut(call) {
                    open.answered.get_or_insert(at.wall);
                }
                None
            }
            Fact::LegStarted { call, leg, to, sip_call_id } => {
                let (to, sip_call_id) = (to.clone(), sip_call_id.clone());
                self.leg_started(
                    *call,
                    OpenLeg { leg: *leg, to, answered: None, end: None, crypto: None, sip_call_id },
                );
                None
            }
            Fact::LegAnswered { call, leg } => {
                if let Some(leg) = self.leg(*call, *leg) {
                    leg.answered.get_or_insert(at.wall);
                }
                None
            }
            Fact::LegEnded { call, leg, why, media, codec, crypto } => {
                if let Some(leg) = self.leg(*call, *leg)
                    && leg.end.is_none()
                {
                    leg.end = Some((*why, *media, codec.clone()));
                    leg.crypto.clone_from(crypto);
                } else if let Some(open) = self.open.get_mut(call)
                    && open.began_with(*leg)
                {
                    let (media, codec, crypto) = (*media, codec.clone(), crypto.clone());
                    open.caller.get_or_insert(CallerPart { media, codec, crypto });
                }
                None
            }
            Fact::TransferAsked { call, leg: _, by, to, kind } => {
                if let Some(open) = self.open.get_mut(call)
                    && open.transfers.len() < TRANSFERS_MAX
                {
                    let (by, to, kind) = (by.clone(), to.clone(), *kind);
                    let asked = OpenTransfer { by, to, kind, asked: at.wall, outcome: None };
                    open.transfers.push(asked);
                }
                None
            }
            Fact::TransferEnded { call, outcome } => {
                let last = self.open.get_mut(call).and_then(|open| open.transfers.last_mut());
                if let Some(last) = last {
                    last.outcome.get_or_insert(*outcome);
                }
                None
            }
            Fact::Enqueued { contact, call, queue } => {
                self.enqueued(at, *contact, *call, queue);
                None
            }
            Fact::ContactLeft { contact, queue: _, outcome, waited_ms } => {
                if let Some(queued) = self.queued(*contact) {
                    queued.left.get_or_insert((*outcome, *waited_ms));
                }
                None
            }
            Fact::LedOn { contact, call, queue, to } => {
                self.led_on(*contact, *call, (queue, to), None);
                None
            }
            Fact::NotLedOn { contact, call, queue, to, why } => {
                self.led_on(*contact, *call, (queue, to), Some(*why));
                None
            }
            Fact::OfferWon { offer: _, contact, agent } => {
                if let Some(queued) = self.queued(*contact) {
                    queued.agent = Some(agent.clone());
                }
                None
            }
            Fact::OfferEnded { offer: _, contact, agent: _, why } => {
                if let Some(queued) = self.queued(*contact)
                    && is_miss(*why)
                {
                    queued.missed_offers = queued.missed_offers.saturating_add(1);
                }
                None
            }
            Fact::AgentDone { agent: _, contact, talked_ms } => {
                if let Some(queued) = self.queued(*contact) {
                    queued.talked_ms = queued.talked_ms.saturating_add(*talked_ms);
                }
                None
            }
            Fact::Started { .. }
            | Fact::QueueClosed { .. }
            | Fact::QueueOpened { .. }
            | Fact::Reserved { .. }
            | Fact::OfferRinging { .. }
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
            | Fact::TestCallPlaced { .. }
            | Fact::TestCallEnded { .. }
            | Fact::NothingInCommon { .. }
            | Fact::NotTranscoded { .. }
            | Fact::Supervision { .. }
            | Fact::Configured { .. } => None,
        }
    }

    /// Calls that have begun and not ended.
    #[must_use]
    pub fn open_calls(&self) -> usize {
        self.open.len()
    }

    /// The calls that have begun and not ended, oldest first.
    pub fn open_call_ids(&self) -> impl Iterator<Item = CallId> {
        self.open.keys().copied()
    }

    /// Every personal value in this fold, so that a checkpoint of it can be sealed like the log.
    pub fn subjects_mut(&mut self) -> impl Iterator<Item = &mut Subject> {
        self.open.values_mut().flat_map(|call| {
            [&mut call.from, &mut call.dialled]
                .into_iter()
                .chain(call.legs.iter_mut().map(|leg| &mut leg.to))
                .chain(call.transfers.iter_mut().flat_map(|it| [&mut it.by, &mut it.to]))
                .chain(call.exits.iter_mut().filter_map(|it| it.to.subject_mut()))
        })
    }

    fn leg_started(&mut self, call: CallId, leg: OpenLeg) {
        let Some(open) = self.open.get_mut(&call) else { return };
        let known = open.legs.iter().any(|known| known.leg == leg.leg);
        if !known && open.legs.len() < LEGS_MAX {
            open.legs.push(leg);
        }
    }

    fn enqueued(&mut self, at: Now, contact: ContactId, call: CallId, queue: &QueueName) {
        let Some(open) = self.open.get_mut(&call) else { return };
        let queued = Queued {
            contact,
            queue: queue.clone(),
            since: at.mono,
            left: None,
            agent: None,
            talked_ms: 0,
            missed_offers: 0,
        };
        // A call that moves to another queue is reported under the last one.
        if let Some(before) = open.queued.replace(queued) {
            self.contacts.remove(&before.contact);
        }
        self.contacts.insert(contact, call);
    }

    /// A contact that has left a queue goes on, or was to.
    fn led_on(
        &mut self,
        contact: ContactId,
        call: CallId,
        (queue, to): (&QueueName, &LedTo),
        why_not: Option<NotLedOn>,
    ) {
        let left = self.queued(contact).and_then(|queued| queued.left);
        let Some(open) = self.open.get_mut(&call) else { return };
        // The last place that took it has given it back.
        if let (Some(last), Some(why)) = (open.exits.last_mut(), why_not)
            && last.why_not.is_none()
            && (&last.queue, &last.to) == (queue, to)
        {
            last.why_not = Some(why);
            return;
        }
        if open.exits.len() < EXITS_MAX {
            let (outcome, waited_ms) = left.unwrap_or((Outcome::SystemFailed, 0));
            let (queue, to) = (queue.clone(), to.clone());
            open.exits.push(ExitPart { queue, outcome, waited_ms, to, why_not });
        }
    }

    fn leg(&mut self, call: CallId, leg: LegId) -> Option<&mut OpenLeg> {
        self.open.get_mut(&call)?.legs.iter_mut().find(|known| known.leg == leg)
    }

    fn queued(&mut self, contact: ContactId) -> Option<&mut Queued> {
        let call = self.contacts.get(&contact)?;
        self.open.get_mut(call)?.queued.as_mut().filter(|queued| queued.contact == contact)
    }

    fn close_one_too_many(&mut self, at: Now) -> Option<Cdr> {
        if self.open.len() <= OPEN_MAX {
            return None;
        }
        let (oldest, _) = self.open.first_key_value()?;
        self.close(*oldest, EndedBy::Crash, (None, None), at)
    }

    fn close(&mut self, call: CallId, by: EndedBy, why: Why, at: Now) -> Option<Cdr> {
        let open = self.open.remove(&call)?; // unknown or told twice: no second CDR
        if let Some(queued) = &open.queued {
            self.contacts.remove(&queued.contact);
        }
        Some(Cdr {
            call,
            trunk: open.trunk,
            from: open.from,
            dialled: open.dialled,
            ingress: open.ingress,
            emergency: open.emergency,
            transcoded: open.transcoded,
            arrived: open.arrived,
            answered: open.answered,
            ended: at.wall,
            by,
            status: why.0,
            cause: why.1,
            queue: open.queued.map(|queued| queue_part(queued, by, at)),
            caller: open.caller,
            legs: open.legs.into_iter().map(|leg| leg_part(leg, by)).collect(),
            transfers: open.transfers.into_iter().map(transfer_part).collect(),
            exits: open.exits,
            sip_call_id: open.sip_call_id,
        })
    }
}

/// Whether the agent's side gave no answer. A race lost, a withdrawal or a caller who left is not
/// the agent's miss (QUEUEING.md 2.12, RONA rate).
const fn is_miss(why: OfferEnd) -> bool {
    match why {
        OfferEnd::Rona
        | OfferEnd::Busy
        | OfferEnd::Declined
        | OfferEnd::Unreachable
        | OfferEnd::DeviceFailed => true,
        OfferEnd::CallerLeft
        | OfferEnd::LostRace
        | OfferEnd::NotTaken
        | OfferEnd::Withdrawn
        | OfferEnd::LostInCrash => false,
    }
}

fn queue_part(queued: Queued, by: EndedBy, at: Now) -> QueuePart {
    let (outcome, waited_ms) = queued.left.unwrap_or_else(|| {
        let waited = at.mono.since(queued.since).as_millis();
        let outcome = match by {
            EndedBy::Crash => Outcome::LostInCrash,
            EndedBy::Caller
            | EndedBy::Callee
            | EndedBy::Box
            | EndedBy::Operator
            | EndedBy::Transfer
            | EndedBy::Network
            | EndedBy::Preempted => Outcome::SystemFailed,
        };
        (outcome, u64::try_from(waited).unwrap_or(u64::MAX))
    });
    QueuePart {
        queue: queued.queue,
        outcome,
        waited_ms,
        agent: queued.agent,
        talked_ms: queued.talked_ms,
        missed_offers: queued.missed_offers,
    }
}

fn leg_part(leg: OpenLeg, by: EndedBy) -> LegPart {
    let OpenLeg { leg, to, answered, end, crypto, sip_call_id } = leg;
    let (why, media, codec) = end.unwrap_or_else(|| {
        let why = match by {
            EndedBy::Crash => LegEnd::LostInCrash,
            EndedBy::Caller
            | EndedBy::Callee
            | EndedBy::Box
            | EndedBy::Operator
            | EndedBy::Transfer
            | EndedBy::Network
            | EndedBy::Preempted => LegEnd::Local,
        };
        (why, None, None)
    });
    LegPart { leg, to, answered, why, media, codec, crypto, sip_call_id }
}

/// A transfer whose end is missing went the way of its call.
fn transfer_part(open: OpenTransfer) -> TransferPart {
    let OpenTransfer { by, to, kind, asked, outcome } = open;
    TransferPart { by, to, kind, asked, outcome: outcome.unwrap_or(TransferOutcome::Abandoned) }
}

#[cfg(test)]
mod tests;
