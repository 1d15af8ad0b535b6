//! The call detail records as an incremental fold of the event log.
//!
//! Each call gives exactly one CDR, at its `CallEnded`. A restart alone ends nothing: calls that
//! survive a crash go on, and for those that did not the site says so with a `CallEnded` by
//! [`EndedBy::Crash`]. The fold refuses to know clocks and files; it serialises as a checkpoint,
//! and folding on from a checkpoint gives what folding everything gives.
//!
//! The log may have holes (a damaged record), so a fact about something unknown is ignored by an
//! explicit arm, and what is missing at the end is filled in from how the call ended.

use holdfast_base::limits::CALLS_MAX;
use holdfast_base::{AgentName, CallId, ContactId, LegId, Mono, Now, QueueName, TrunkName, Wall};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use super::event::{
    Cdr, EndedBy, Event, Fact, Ingress, LegEnd, LegPart, OfferEnd, Outcome, QueuePart, Subject,
    TransferKind, TransferOutcome, TransferPart,
};
use crate::media::order::StreamCounters;

/// Most open calls of the fold: twice what the site can hold, so that it is reached only when ends
/// are missing from a damaged log. Then the oldest call is closed as lost.
const OPEN_MAX: usize = 2 * CALLS_MAX;
/// Most legs of one CDR; a call that rings on and on keeps its first ones.
const LEGS_MAX: usize = 100;
/// Most transfers of one CDR; a call that is passed on and on keeps its first ones.
const TRANSFERS_MAX: usize = 20;

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
    arrived: Wall,
    answered: Option<Wall>,
    queued: Option<Queued>,
    legs: Vec<OpenLeg>,
    #[serde(default)]
    transfers: Vec<OpenTransfer>,
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
    sip_call_id: Option<String>,
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
                    arrived: at.wall,
                    answered: None,
                    queued: None,
                    legs: Vec::new(),
                    transfers: Vec::new(),
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
                    OpenLeg { leg: *leg, to, answered: None, end: None, sip_call_id },
                );
                None
            }
            Fact::LegAnswered { call, leg } => {
                if let Some(leg) = self.leg(*call, *leg) {
                    leg.answered.get_or_insert(at.wall);
                }
                None
            }
            Fact::LegEnded { call, leg, why, media, codec } => {
                if let Some(leg) = self.leg(*call, *leg) {
                    leg.end.get_or_insert((*why, *media, codec.clone()));
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
            | Fact::Reserved { .. }
            | Fact::OfferRinging { .. }
            | Fact::WrapUpEnded { .. }
            | Fact::DutyChanged { .. }
            | Fact::Ungated { .. }
            | Fact::TrunkDown { .. }
            | Fact::TrunkUp { .. }
            | Fact::Banned { .. }
            | Fact::BanEnded { .. }
            | Fact::TrunkAlarm { .. }
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
            arrived: open.arrived,
            answered: open.answered,
            ended: at.wall,
            by,
            status: why.0,
            cause: why.1,
            queue: open.queued.map(|queued| queue_part(queued, by, at)),
            legs: open.legs.into_iter().map(|leg| leg_part(leg, by)).collect(),
            transfers: open.transfers.into_iter().map(transfer_part).collect(),
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
        OfferEnd::CallerLeft | OfferEnd::LostRace | OfferEnd::Withdrawn | OfferEnd::LostInCrash => {
            false
        }
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
    let OpenLeg { leg, to, answered, end, sip_call_id } = leg;
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
    LegPart { leg, to, answered, why, media, codec, sip_call_id }
}

/// A transfer whose end is missing went the way of its call.
fn transfer_part(open: OpenTransfer) -> TransferPart {
    let OpenTransfer { by, to, kind, asked, outcome } = open;
    TransferPart { by, to, kind, asked, outcome: outcome.unwrap_or(TransferOutcome::Abandoned) }
}

#[cfg(test)]
mod tests {
    use super::{CdrFold, LEGS_MAX, OPEN_MAX};
    use crate::record::event::{
        Cdr, EndedBy, Event, Fact, Ingress, LegEnd, OfferEnd, Outcome, Subject,
    };
    use holdfast_base::{
        AgentName, CallId, ContactId, LegId, Lsn, Mono, Now, OfferId, QueueName, Wall,
    };
    use proptest::prelude::{Just, Strategy, any, prop, prop_oneof, proptest};

    fn event(second: u64, fact: Fact) -> Event {
        let at = Now {
            mono: Mono::from_micros(second * 1_000_000),
            wall: Wall::from_micros(i64::try_from(second * 1_000_000).unwrap()),
        };
        Event { lsn: Lsn(second), at, fact }
    }

    fn arrived(call: u64) -> Fact {
        Fact::CallArrived {
            call: CallId(call),
            trunk: None,
            from: Subject("+49301234567".into()),
            dialled: Subject("sales".into()),
            ingress: Ingress::Sip,
            sip_call_id: Some("a@pbx".into()),
        }
    }

    fn ended(call: u64, by: EndedBy) -> Fact {
        Fact::CallEnded { call: CallId(call), by, status: None, cause: None }
    }

    fn enqueued(contact: u64, call: u64) -> Fact {
        let queue = QueueName::new("sales");
        Fact::Enqueued { contact: ContactId(contact), call: CallId(call), queue }
    }

    fn left(contact: u64, outcome: Outcome) -> Fact {
        let queue = QueueName::new("sales");
        Fact::ContactLeft { contact: ContactId(contact), queue, outcome, waited_ms: 4000 }
    }

    fn offer_ended(contact: u64, why: OfferEnd) -> Fact {
        Fact::OfferEnded {
            offer: OfferId(1),
            contact: ContactId(contact),
            agent: AgentName::new("ada"),
            why,
        }
    }

    fn won(contact: u64) -> Fact {
        let agent = AgentName::new("bob");
        Fact::OfferWon { offer: OfferId(2), contact: ContactId(contact), agent }
    }

    fn done(contact: u64) -> Fact {
        let agent = AgentName::new("bob");
        Fact::AgentDone { agent, contact: ContactId(contact), talked_ms: 7000 }
    }

    fn leg_started(call: u64, leg: u64) -> Fact {
        Fact::LegStarted {
            call: CallId(call),
            leg: LegId(leg),
            to: Subject("bob".into()),
            sip_call_id: Some("b@box".into()),
        }
    }

    fn leg_ended(call: u64, leg: u64) -> Fact {
        Fact::LegEnded {
            call: CallId(call),
            leg: LegId(leg),
            why: LegEnd::Remote,
            media: None,
            codec: Some("PCMA".into()),
        }
    }

    fn fold(facts: Vec<Fact>) -> Vec<Cdr> {
        let mut fold = CdrFold::default();
        (1..).zip(facts).filter_map(|(second, fact)| fold.apply(&event(second, fact))).collect()
    }

    fn line(cdr: &Cdr) -> String {
        let legs: Vec<String> = cdr
            .legs
            .iter()
            .map(|leg| format!("{} {:?} {:?}", leg.leg, leg.answered.map(Wall::seconds), leg.why))
            .collect();
        let queue = cdr.queue.as_ref().map_or_else(String::new, |part| {
            format!(
                " {} {:?} after {} by {:?} talked {} missed {}",
                part.queue,
                part.outcome,
                part.waited_ms,
                part.agent.as_ref().map(AgentName::as_str),
                part.talked_ms,
                part.missed_offers
            )
        });
        format!(
            "{} {}-{:?}-{} {:?}{queue} {legs:?}",
            cdr.call,
            cdr.arrived.seconds(),
            cdr.answered.map(Wall::seconds),
            cdr.ended.seconds(),
            cdr.by
        )
    }

    fn lines(facts: Vec<Fact>) -> Vec<String> {
        fold(facts).iter().map(line).collect()
    }

    #[test]
    fn a_whole_call_through_a_queue() {
        let facts = vec![
            arrived(1),
            Fact::CallAnswered { call: CallId(1) },
            enqueued(5, 1),
            leg_started(1, 8),
            offer_ended(5, OfferEnd::Rona),
            leg_ended(1, 8),
            leg_started(1, 9),
            offer_ended(5, OfferEnd::LostRace),
            Fact::LegAnswered { call: CallId(1), leg: LegId(9) },
            won(5),
            left(5, Outcome::Answered),
            done(5),
            ended(1, EndedBy::Callee),
            ended(1, EndedBy::Callee),
        ];
        assert_eq!(
            lines(facts),
            ["call-1 1-Some(2)-13 Callee sales Answered after 4000 by Some(\"bob\") talked 7000 \
              missed 1 [\"leg-8 None Remote\", \"leg-9 Some(9) Local\"]"]
        );
    }

    #[test]
    fn a_restart_ends_nothing_and_a_lost_call_says_so() {
        let started = Fact::Started { version: "1".into() };
        let facts = vec![
            arrived(1),
            enqueued(5, 1),
            arrived(2),
            leg_started(2, 9),
            started,
            ended(1, EndedBy::Crash),
            Fact::CallAnswered { call: CallId(2) },
            ended(2, EndedBy::Caller),
        ];
        assert_eq!(
            lines(facts),
            [
                "call-1 1-None-6 Crash sales LostInCrash after 4000 by None talked 0 missed 0 []",
                "call-2 3-Some(7)-8 Caller [\"leg-9 None Local\"]",
            ]
        );
    }

    #[test]
    fn facts_about_unknown_calls_are_ignored() {
        let facts = vec![enqueued(5, 1), left(5, Outcome::Answered), ended(1, EndedBy::Box)];
        assert_eq!(lines(facts), [""; 0]);
    }

    #[test]
    fn calls_without_an_end_are_closed_at_the_limit() {
        let mut fold = CdrFold::default();
        let calls = u64::try_from(OPEN_MAX).unwrap() + 1;
        let closed: Vec<Cdr> =
            (1..=calls).filter_map(|call| fold.apply(&event(call, arrived(call)))).collect();
        assert_eq!(
            closed.iter().map(|cdr| (cdr.call, cdr.by)).collect::<Vec<_>>(),
            [(CallId(1), EndedBy::Crash)]
        );
        assert_eq!(fold.open_calls(), OPEN_MAX);
    }

    #[test]
    fn a_call_keeps_its_first_legs() {
        let more = u64::try_from(LEGS_MAX).unwrap() + 5;
        let mut facts = vec![arrived(1)];
        facts.extend((1..=more).map(|leg| leg_started(1, leg)));
        facts.push(ended(1, EndedBy::Caller));
        assert_eq!(fold(facts).first().unwrap().legs.len(), LEGS_MAX);
    }

    fn any_fact() -> impl Strategy<Value = Fact> {
        let id = 1..4_u64;
        prop_oneof![
            id.clone().prop_map(arrived),
            (id.clone(), any::<bool>()).prop_map(|(call, crash)| {
                ended(call, if crash { EndedBy::Crash } else { EndedBy::Caller })
            }),
            (id.clone(), id.clone()).prop_map(|(contact, call)| enqueued(contact, call)),
            id.clone().prop_map(|contact| left(contact, Outcome::Abandoned)),
            id.clone().prop_map(won),
            id.clone().prop_map(done),
            (id.clone(), id.clone()).prop_map(|(call, leg)| leg_started(call, leg)),
            (id.clone(), id).prop_map(|(call, leg)| leg_ended(call, leg)),
            Just(Fact::Started { version: "1".into() }),
        ]
    }

    proptest! {
        #[test]
        fn folding_on_from_a_checkpoint_gives_the_same(
            facts in prop::collection::vec(any_fact(), 0..60),
            cut in 0..60_u64,
        ) {
            let (mut whole, mut resumed) = (CdrFold::default(), CdrFold::default());
            let mut arrivals = 0;
            let mut cdrs = 0;
            for (second, fact) in (0..).zip(facts) {
                if second == cut {
                    let checkpoint = serde_json::to_vec(&resumed).unwrap();
                    resumed = serde_json::from_slice(&checkpoint).unwrap();
                }
                let open = whole.open_calls();
                let event = event(second, fact);
                let cdr = whole.apply(&event);
                assert_eq!(cdr, resumed.apply(&event));
                arrivals += usize::from(whole.open_calls() > open);
                cdrs += usize::from(cdr.is_some());
            }
            assert_eq!(whole, resumed);
            assert_eq!(arrivals, cdrs + whole.open_calls(), "one CDR for each call");
        }
    }
}
