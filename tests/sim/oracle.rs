//! What must be true after every step, judged from the facts that the site writes and the picture
//! that it shows: the invariants I1 to I5 of QUEUEING.md 2.14 and their neighbours.

use holdfast_base::{AgentName, CallId, ContactId, LegId, Mono, OfferId};
use holdfast_core::media::order::Source;
use holdfast_core::record::event::{Event, Fact};
use holdfast_core::record::kpi::KpiFold;
use holdfast_core::view::{AgentView, CallView, SiteView};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::plane::Plane;
use crate::scenario;

/// A call that arrived is answered or refused within the ring time of at most 100 s, or it is a
/// caller who does not hear us; then the INVITE transaction is over after 64·T1 more.
const UNDECIDED_MAX: Duration = Duration::from_secs(140);
/// A queued caller hears something this long after the answer, at the latest.
const MUTE_MAX: Duration = Duration::from_millis(500);

/// The judge.
#[derive(Debug, Default)]
pub struct Oracle {
    calls: BTreeMap<CallId, CallSeen>,
    contacts: BTreeMap<ContactId, ContactSeen>,
    /// The one live offer of each agent: ringing or won.
    live: BTreeMap<AgentName, (OfferId, ContactId)>,
    kpi: KpiFold,
    mute_since: BTreeMap<CallId, Mono>,
    restarted: Mono,
}

#[derive(Debug)]
struct CallSeen {
    arrived: Mono,
    answered: bool,
    ended: bool,
    legs: BTreeSet<LegId>,
}

#[derive(Debug)]
struct ContactSeen {
    call: CallId,
    left: bool,
    winner: Option<OfferId>,
}

impl Oracle {
    /// The site died: forgets what the disk forgot, and grants every call its time anew.
    pub fn rebuild(&mut self, now: Mono, events: &[Event]) {
        *self = Self { restarted: now, ..Self::default() };
        for event in events {
            self.hear(event);
        }
    }

    /// Takes a fact.
    pub fn hear(&mut self, event: &Event) {
        drop(self.kpi.apply(event));
        let at = event.at.mono;
        match &event.fact {
            Fact::CallArrived { call, .. } => {
                let seen =
                    CallSeen { arrived: at, answered: false, ended: false, legs: BTreeSet::new() };
                assert!(self.calls.insert(*call, seen).is_none(), "{call} arrives twice");
            }
            Fact::CallAnswered { call } => {
                let call_seen = self.open_call(*call);
                assert!(!call_seen.answered, "{call} is answered twice");
                call_seen.answered = true;
            }
            Fact::LegStarted { call, leg, .. } => {
                assert!(self.open_call(*call).legs.insert(*leg), "{leg} starts twice");
            }
            Fact::LegAnswered { call, leg } => {
                assert!(self.open_call(*call).legs.contains(leg), "{leg} of {call} never started");
            }
            Fact::LegEnded { call, leg, .. } => {
                self.open_call(*call).legs.remove(leg);
            }
            Fact::CallEnded { call, .. } => {
                self.open_call(*call).ended = true;
                let inside =
                    self.contacts.iter().find(|(_, seen)| seen.call == *call && !seen.left);
                assert!(inside.is_none(), "{call} ended, {inside:?} is still in its queue");
            }
            Fact::Enqueued { contact, call, .. } => {
                let seen = ContactSeen { call: *call, left: false, winner: None };
                let before = self.contacts.insert(*contact, seen);
                // One that is led on comes again, once it has left unanswered.
                let led_on = |before: ContactSeen| before.left && before.winner.is_none();
                assert!(before.is_none_or(led_on), "{contact} comes twice");
            }
            Fact::ContactLeft { contact, .. } => {
                let seen = self.contacts.get_mut(contact).expect("a contact that came");
                assert!(!std::mem::replace(&mut seen.left, true), "{contact} left twice");
            }
            Fact::Reserved { offer, contact, agent, .. } => {
                let before = self.live.insert(agent.clone(), (*offer, *contact));
                assert!(before.is_none(), "I1: {agent} has {before:?} and is offered {offer}");
            }
            Fact::OfferWon { offer, contact, agent } => {
                let live = self.live.get(agent);
                assert_eq!(live, Some(&(*offer, *contact)), "an offer that {agent} never had");
                let seen = self.contacts.get_mut(contact).expect("a contact that came");
                let before = seen.winner.replace(*offer);
                assert!(before.is_none(), "I2: {contact} is won by {before:?} and by {offer}");
            }
            Fact::OfferEnded { offer, contact, agent, .. } => {
                let live = self.live.remove(agent);
                assert_eq!(live, Some((*offer, *contact)), "an offer that {agent} never had");
            }
            Fact::AgentDone { agent, contact, .. } => {
                let live = self.live.remove(agent);
                assert_eq!(live.map(|(_, of)| of), Some(*contact), "{agent} talked with nobody");
            }
            Fact::Started { .. }
            | Fact::TransferAsked { .. }
            | Fact::TransferEnded { .. }
            | Fact::LedOn { .. }
            | Fact::NotLedOn { .. }
            | Fact::QueueClosed { .. }
            | Fact::QueueOpened { .. }
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
            | Fact::Transcoded { .. }
            | Fact::NotTranscoded { .. }
            | Fact::Supervision { .. }
            | Fact::Recording { .. }
            | Fact::Emergency { .. }
            | Fact::Configured { .. } => {}
        }
    }

    fn open_call(&mut self, call: CallId) -> &mut CallSeen {
        let seen = self.calls.get_mut(&call).unwrap_or_else(|| panic!("{call} never arrived"));
        assert!(!seen.ended, "{call} is over already: a second CDR, or a fact after it");
        seen
    }

    /// The picture must fit the facts, and itself.
    pub fn look(&mut self, now: Mono, view: &SiteView, plane: &Plane) {
        assert_eq!(view.totals.reaper_fixups, 0, "a deadline had to be forced");
        let faults = view.health.iter().find(|health| health.part == "Faults");
        if let Some(faults) = faults {
            assert!(faults.says.contains(", 0 calls ended by a fault"), "{}", faults.says);
        }
        let figures = view.health.iter().find(|health| health.part == "Figures");
        assert_eq!(figures, None, "I5: the law of conservation as the page tells it");
        self.kpi.check_conservation().expect("I5: offered = outcomes + in progress");
        let mut served: BTreeMap<CallId, &AgentName> = BTreeMap::new();
        for agent in &view.agents {
            let ends_by_itself = !matches!(agent.task.as_str(), "free" | "connected" | "own_call");
            assert!(
                !ends_by_itself || agent.left_ms.is_some(),
                "I3: {} is {} for ever",
                agent.name,
                agent.task
            );
            if agent.task == "lingering" {
                // Their offer is over, and others serve its call; their phone is not silent yet.
                assert!(!self.live.contains_key(&agent.name), "{} has a live offer", agent.name);
                continue;
            }
            let Some(call) = agent.call else { continue };
            // Several may be called for one caller; one has it.
            if agent.task == "connected" {
                let other = served.insert(call, &agent.name);
                assert!(other.is_none(), "{call} has {} and {other:?}", agent.name);
            }
            assert!(
                view.calls.iter().any(|shown| shown.call == call),
                "I4: {} is {} with {call}, which is over",
                agent.name,
                agent.task
            );
            assert!(self.live.contains_key(&agent.name), "{} has no live offer", agent.name);
        }
        for call in &view.calls {
            self.look_at_call(now, call, plane);
        }
        for (call, seen) in &self.calls {
            let shown = view.calls.iter().any(|shown| shown.call == *call);
            assert_eq!(shown, !seen.ended, "I4: {call} is in one list and not in the other");
        }
    }

    fn look_at_call(&mut self, now: Mono, call: &CallView, plane: &Plane) {
        let seen = self.calls.get(&call.call).expect("a call that arrived");
        let age = now.since(seen.arrived.max(self.restarted));
        // A refused caller is gone; a callee that never answered our CANCEL takes 64·T1 more.
        let refused = call.state == "ending" && age < 2 * UNDECIDED_MAX;
        assert!(
            seen.answered || refused || age < UNDECIDED_MAX,
            "{} has been {} for {age:?} and never answered",
            call.call,
            call.state
        );
        let caller = call.legs.first().expect("a call has a caller");
        let listens = call.state == "queued" && matches!(caller.state.as_str(), "talking");
        let hears = plane.caller_hears(call.call.0);
        if !listens || hears.is_none_or(|source| *source != Source::Silence) {
            self.mute_since.remove(&call.call);
            return;
        }
        let since = *self.mute_since.entry(call.call).or_insert(now);
        assert!(now.since(since) < MUTE_MAX, "{} waits and hears nothing", call.call);
    }

    /// Nothing is left at the end.
    pub fn finish(&self) {
        for (call, seen) in &self.calls {
            assert!(seen.ended, "{call} never ended: {seen:?}");
        }
        for (contact, seen) in &self.contacts {
            assert!(seen.left, "{contact} never left");
        }
        assert!(self.live.is_empty(), "offers that never ended: {:?}", self.live);
    }

    /// Calls seen.
    pub fn calls(&self) -> usize {
        self.calls.len()
    }
}

/// After a restart that lost nothing on disk, whoever could live lives: the same people wait in the
/// same order, those who talked talk, and agents are what they were (I9).
pub fn compare(before: &SiteView, after: &SiteView, away: Duration) {
    let confirmed = |call: &CallId, view: &SiteView| {
        let shown = view.calls.iter().find(|shown| shown.call == *call);
        shown.is_some_and(|shown| shown.legs.iter().all(|leg| leg.state == "talking"))
    };
    for (was, is) in before.queues.iter().zip(&after.queues) {
        assert_eq!(was.name, is.name);
        let (stayed, led_here): (Vec<ContactId>, Vec<ContactId>) = is
            .waiting
            .iter()
            .map(|waiting| waiting.contact)
            .partition(|contact| was.waiting.iter().any(|waiting| waiting.contact == *contact));
        let order: Vec<ContactId> = was
            .waiting
            .iter()
            .map(|waiting| waiting.contact)
            .filter(|contact| stayed.contains(contact))
            .collect();
        assert_eq!(order, stayed, "the order of {} changed over a restart", was.name);
        for waiting in &was.waiting {
            let lives = !confirmed(&waiting.call, before) || stayed.contains(&waiting.contact);
            let waited = Duration::from_millis(waiting.waited_ms) + away;
            let had_time = waited < scenario::WAIT_MAX && waiting.offered_to.is_empty();
            assert!(lives || !had_time, "{} lost its place over a restart", waiting.contact);
        }
        // Meanwhile it was time to lead some on to here.
        let offered = was.today.offered + u64::try_from(led_here.len()).expect("few");
        assert_eq!(offered, is.today.offered, "figures of {}", was.name);
    }
    for call in &before.calls {
        let talked = matches!(call.state.as_str(), "talking" | "held");
        if !talked || !confirmed(&call.call, before) {
            continue;
        }
        let is = after.calls.iter().find(|shown| shown.call == call.call);
        let is = is.unwrap_or_else(|| panic!("{} did not survive a restart", call.call));
        assert_eq!(call.state, is.state, "{} over a restart", call.call);
    }
    for (was, is) in before.agents.iter().zip(&after.agents) {
        let left = was.left_ms.map(Duration::from_millis);
        let passed = left.is_some_and(|left| left <= away + Duration::from_millis(5));
        // The engine takes an alert time that ran out meanwhile for a miss, which may end a duty.
        let missed = passed && was.task == "offered";
        assert!(missed || was.duty == is.duty, "{} was {:?}", was.name, was.duty);
        let pending = matches!(was.task.as_str(), "reserved" | "offered");
        let freed = was.task == "free" || (was.task == "lingering" && !is_cancelled(was, before));
        let talks = was.call.is_some_and(|call| confirmed(&call, before));
        // What the engine is told of own calls comes before what its old offers still linger for.
        let busy = was.task == "lingering" && is.task == "own_call";
        if !passed && !pending && !freed && !busy && (was.task != "connected" || talks) {
            assert_eq!(was.task, is.task, "{} over a restart", was.name);
        }
    }
}

/// Whether a phone may still ring for the last offer, which is over: the newest of its INVITEs is
/// cancelled and not answered. Those of an offer before may linger on.
fn is_cancelled(agent: &AgentView, view: &SiteView) -> bool {
    let call = view.calls.iter().find(|shown| Some(shown.call) == agent.call);
    let own = |with: &str| agent.endpoints.iter().any(|(name, _)| name == with);
    let cancelled = |call: &CallView| {
        let newest = call.legs.iter().filter(|leg| own(&leg.with)).max_by_key(|leg| leg.leg);
        newest.is_some_and(|leg| leg.state == "cancelling")
    };
    call.is_some_and(cancelled)
}
