//! A supervisor in a conversation that a queue has made: hears both parties, and is heard by none,
//! by the agent or by both.
//!
//! The box calls a phone of the supervisor as it calls an agent, and mixes it in once it has
//! answered. The parties notice nothing of that: who only listens leaves their audio as it is, and
//! from hearing each other into a mix and back there is no seam. Nothing that happens to the
//! supervisor's leg touches theirs; the end of the conversation ends it. After a restart it goes on
//! like any other leg.
//!
//! ```text
//!             a phone answers             hangs up, is let go, the conversation is over
//!   Calling ───────────────────> Present ──────────────────────────────────────────────┐
//!      └── nobody answers in time, every phone refuses, it is let go ──> Leaving <─────┘
//!                                                                     every leg over: gone
//! ```
//!
//! A transfer that is under way may bring the conversation back: the supervisor hears music until
//! that is known. Audio that the box can not decode, or has no room to, is not heard.

use holdfast_base::{AgentName, LegId, Mono, QueueName, StreamId};
use holdfast_config::supervision::Mode;
use holdfast_wire::sip::NameAddr;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use super::io::{Desk, Output, Target};
use super::leg::{Leg, News, Onward};
use super::{Call, MAX_FORWARDS, State, TARGETS_MAX, own_proposal, unattended, words};
use crate::media::order::Source;
use crate::peer::choose::{Next, after};
use crate::record::event::{Fact, LegEnd, SupervisionStep};
use crate::routing::caller::Caller;

/// The part of a supervisor in a call.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Supervision {
    supervisor: AgentName,
    mode: Mode,
    /// On which the agent talks whose conversation it is. With another one it is another
    /// conversation, which the supervisor has no part in.
    agent: LegId,
    legs: BTreeMap<LegId, Leg>,
    stage: Stage,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Stage {
    /// Phones ring. What else could be tried does not outlive the process, as their legs do not.
    Calling {
        give_up: Mono,
        #[serde(skip)]
        then: Vec<Target>,
    },
    /// One has answered.
    Present { leg: LegId },
    /// It is over, and its legs are closing.
    Leaving,
}

/// What a person orders about the supervisor of a call. The site has found it in order.
#[derive(Clone, Debug)]
pub enum Order {
    /// Call the phones of a supervisor, who has part in the conversation from the answer on.
    Come {
        /// Who.
        supervisor: AgentName,
        /// What the supervisor does then.
        mode: Mode,
        /// Whose conversation it is.
        agent: Option<AgentName>,
        /// Who has ordered it.
        by: String,
        /// Where the supervisor can be reached.
        targets: Vec<Target>,
    },
    /// Do something else.
    Switch {
        /// What.
        mode: Mode,
        /// Who has ordered it.
        by: String,
    },
    /// Let the supervisor go.
    Leave {
        /// Who has ordered it.
        by: String,
    },
}

/// The supervisor of a call, for others to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Supervisor<'c> {
    /// Who.
    pub agent: &'c AgentName,
    /// What the supervisor does, or will.
    pub mode: Mode,
    /// Whether a phone has answered.
    pub present: bool,
}

/// The streams of a conversation and of its supervisor.
struct Voices {
    caller: StreamId,
    agent: StreamId,
    supervisor: StreamId,
}

impl Supervision {
    /// Every leg that calls the supervisor.
    pub(super) fn legs(&self) -> impl Iterator<Item = &Leg> {
        self.legs.values()
    }

    pub(super) fn legs_mut(&mut self) -> impl Iterator<Item = &mut Leg> {
        self.legs.values_mut()
    }

    pub(super) fn leg_mut(&mut self, id: LegId) -> Option<&mut Leg> {
        self.legs.get_mut(&id)
    }

    pub(super) const fn deadline(&self) -> Option<Mono> {
        match &self.stage {
            Stage::Calling { give_up, .. } => Some(*give_up),
            Stage::Present { .. } | Stage::Leaving => None,
        }
    }

    /// The supervisor, who is busy with it.
    pub(super) const fn supervisor(&self) -> Option<&AgentName> {
        match &self.stage {
            Stage::Calling { .. } | Stage::Present { .. } => Some(&self.supervisor),
            Stage::Leaving => None,
        }
    }

    /// The leg of the supervisor who is there.
    fn present(&self) -> Option<&Leg> {
        match &self.stage {
            Stage::Present { leg } => self.legs.get(leg),
            Stage::Calling { .. } | Stage::Leaving => None,
        }
    }
}

impl Call {
    /// The queue that has made the conversation which goes on, and the agent's leg in it.
    #[must_use]
    pub fn conversation(&self) -> Option<(&QueueName, &Leg)> {
        let State::Talking { with, part: Some(part) } = &self.state else { return None };
        let agent = self.callees.get(with)?;
        Some((part.queue.as_ref()?, &agent.leg))
    }

    /// Who supervises it.
    #[must_use]
    pub fn supervisor(&self) -> Option<Supervisor<'_>> {
        let supervision = self.supervision.as_deref()?;
        let (mode, present) = (supervision.mode, supervision.present().is_some());
        Some(Supervisor { agent: supervision.supervisor()?, mode, present })
    }

    /// Whether the legs of the last supervisor are still closing.
    #[must_use]
    pub fn parts_with_supervisor(&self) -> bool {
        self.supervision.is_some() && self.supervisor().is_none()
    }

    /// Whether this leg calls the supervisor.
    pub(super) fn is_of_supervisor(&self, leg: LegId) -> bool {
        self.supervision.as_ref().is_some_and(|it| it.legs.contains_key(&leg))
    }

    pub(super) fn obey_supervision(&mut self, order: Order, desk: &mut Desk<'_>) {
        match order {
            Order::Come { supervisor, mode, agent, by, targets } => {
                self.call_supervisor((supervisor, mode), (agent, by), targets, desk);
            }
            Order::Switch { mode, by } => {
                let Some(supervision) = &mut self.supervision else { return };
                if supervision.supervisor().is_some() && supervision.mode != mode {
                    supervision.mode = mode;
                    self.note_supervision(SupervisionStep::Changed { mode, by }, desk);
                }
            }
            Order::Leave { by } => self.part_with_supervisor(LegEnd::Local, Some(by), desk),
        }
    }

    fn call_supervisor(
        &mut self,
        (supervisor, mode): (AgentName, Mode),
        (agent, by): (Option<AgentName>, String),
        mut targets: Vec<Target>,
        desk: &mut Desk<'_>,
    ) {
        let State::Talking { with, .. } = self.state else { return };
        if self.supervision.is_some() {
            return; // one at a time; the site says so to whoever asks
        }
        targets.truncate(TARGETS_MAX);
        let then = targets.iter_mut().flat_map(|target| std::mem::take(&mut target.then)).collect();
        let give_up = desk.now.mono + desk.config.sip.ring_time;
        let stage = Stage::Calling { give_up, then };
        let (agent_leg, legs) = (with, BTreeMap::new());
        let supervision = Supervision { supervisor, mode, agent: agent_leg, legs, stage };
        self.supervision = Some(Box::new(supervision));
        self.note_supervision(SupervisionStep::Asked { mode, agent, by }, desk);
        let called = targets.iter().filter(|target| self.ring_supervisor(target, desk)).count();
        if called == 0 {
            self.part_with_supervisor(LegEnd::Unreachable, None, desk);
        }
    }

    /// Begins a leg towards a phone of the supervisor. False when no port pair is free.
    fn ring_supervisor(&mut self, target: &Target, desk: &mut Desk<'_>) -> bool {
        let Some(label) = self.label_for_supervisor(desk) else { return false };
        let Some(supervision) = &mut self.supervision else { return false };
        let ours = NameAddr::new(words::contact(desk.config, &target.flow)).with_display(&label);
        let (trunk, flow) = (target.trunk.as_ref(), &target.flow);
        let (from, said) = Caller::default().towards(desk.config, trunk, flow, &ours);
        let carried = unattended::wish(desk.config, target);
        let target = &Target { said, ..target.clone() };
        let onward = Onward { hops: MAX_FORWARDS, carried: &carried };
        // The ports that are kept for calls for help are not for those who listen to one.
        let urgent = std::mem::replace(&mut desk.urgent, false);
        // It is on disk who listens before anybody does.
        let leg = Leg::outgoing(desk, self.id, target, &from, &own_proposal(), onward, true);
        desk.urgent = urgent;
        let Some(leg) = leg else { return false };
        desk.out.push(Output::Fact(Fact::LegStarted {
            call: self.id,
            leg: leg.id(),
            to: target.party.clone(),
            sip_call_id: leg.sip_call_id(),
        }));
        supervision.legs.insert(leg.id(), leg);
        true
    }

    /// What the phone of the supervisor shows: what for it rings.
    fn label_for_supervisor(&self, desk: &Desk<'_>) -> Option<String> {
        let (mode, (queue, _)) = (self.supervision.as_ref()?.mode, self.conversation()?);
        Some(format!("{}: {}", desk.config.queue_display(queue), mode.as_str()))
    }

    pub(super) fn supervisor_news(&mut self, id: LegId, news: News, desk: &mut Desk<'_>) {
        let Some(supervision) = &mut self.supervision else { return };
        match news {
            News::Silent => {
                let flow = supervision.leg_mut(id).map(|leg| leg.flow());
                flow.into_iter().for_each(|flow| desk.out.push(Output::Silent { leg: id, flow }));
            }
            News::Answered => self.supervisor_answered(id, desk),
            News::Ended(why) => self.supervisor_ended(id, why, desk),
            News::Over(why, media) => {
                if let Some(leg) = supervision.legs.remove(&id) {
                    desk.out.push(Output::Fact(leg.ended(self.id, why, media)));
                }
                if supervision.legs.is_empty() && supervision.supervisor().is_none() {
                    self.supervision = None;
                }
            }
            // Nobody takes a key from somebody who listens. Who hears whom is settled after every
            // step.
            News::Key(_) | News::SessionChanged | News::Ringing | News::EarlyMedia => {}
        }
    }

    fn supervisor_answered(&mut self, id: LegId, desk: &mut Desk<'_>) {
        let Some(supervision) = &mut self.supervision else { return };
        match supervision.stage {
            Stage::Calling { .. } => {
                supervision.stage = Stage::Present { leg: id };
                for leg in supervision.legs.values_mut() {
                    if leg.id() == id { leg.confirm(false, desk) } else { leg.lose(false, desk) }
                }
                desk.out.push(Output::Fact(Fact::LegAnswered { call: self.id, leg: id }));
                self.note_supervision(SupervisionStep::Began { leg: id }, desk);
            }
            // A second phone, or one that has answered too late.
            Stage::Present { .. } | Stage::Leaving => {
                if let Some(leg) = supervision.leg_mut(id) {
                    leg.hang_up(LegEnd::Local, desk);
                }
            }
        }
    }

    fn supervisor_ended(&mut self, id: LegId, why: LegEnd, desk: &mut Desk<'_>) {
        let Some(supervision) = &mut self.supervision else { return };
        match &mut supervision.stage {
            Stage::Calling { then, .. } => {
                let next = match after(why, &[]) {
                    Next::Target if !then.is_empty() => Some(then.remove(0)),
                    // A supervisor is reached over one trunk.
                    Next::Target | Next::Trunk | Next::Nothing => None,
                };
                if next.is_some_and(|next| self.ring_supervisor(&next, desk)) {
                    return;
                }
                let legs = self.supervision.iter().flat_map(|supervision| supervision.legs());
                if legs.filter(|leg| leg.id() != id).all(Leg::is_ended) {
                    self.part_with_supervisor(why, None, desk);
                }
            }
            Stage::Present { leg } if *leg == id => self.part_with_supervisor(why, None, desk),
            Stage::Present { .. } | Stage::Leaving => {}
        }
    }

    /// Ends the supervisor's part, once.
    fn part_with_supervisor(&mut self, why: LegEnd, by: Option<String>, desk: &mut Desk<'_>) {
        let Some(supervision) = &mut self.supervision else { return };
        if supervision.supervisor().is_none() {
            return;
        }
        for leg in supervision.legs.values_mut() {
            leg.hang_up(why, desk);
        }
        let (supervisor, none_left) = (supervision.supervisor.clone(), supervision.legs.is_empty());
        supervision.stage = Stage::Leaving;
        if none_left {
            self.supervision = None;
        }
        let step = SupervisionStep::Ended { why, by };
        desk.out.push(Output::Fact(Fact::Supervision { call: self.id, supervisor, step }));
    }

    fn note_supervision(&self, step: SupervisionStep, desk: &mut Desk<'_>) {
        let Some(supervision) = &self.supervision else { return };
        let (call, supervisor) = (self.id, supervision.supervisor.clone());
        desk.out.push(Output::Fact(Fact::Supervision { call, supervisor, step }));
    }

    /// The phones of the supervisor have rung for long enough.
    pub(super) fn supervision_deadline(&mut self, desk: &mut Desk<'_>) {
        let due = self.supervision.as_ref().and_then(|supervision| supervision.deadline());
        if due.is_some_and(|due| due <= desk.now.mono) {
            self.part_with_supervisor(LegEnd::NoAnswer, None, desk);
        }
    }

    /// After every step: the supervisor was let into one conversation and goes with it.
    pub(super) fn supervise_no_other(&mut self, desk: &mut Desk<'_>) {
        let Some(supervision) = &self.supervision else { return };
        let goes_on = match &self.state {
            State::Talking { with, .. } => *with == supervision.agent,
            State::Transferring(_) => true,
            State::Dialling { .. }
            | State::Queued { .. }
            | State::Announcing { .. }
            | State::LedOn(_)
            | State::Ending { .. }
            | State::Over => false,
        };
        if !goes_on {
            self.part_with_supervisor(LegEnd::Local, None, desk);
        }
    }

    /// What each leg is to hear, with the supervisor: `heard` is what the others hear without.
    pub(super) fn with_supervisor(
        &self,
        mut heard: Vec<(LegId, Source)>,
        desk: &Desk<'_>,
    ) -> Vec<(LegId, Source)> {
        let Some(supervision) = &self.supervision else { return heard };
        let present = supervision.present();
        let voices = present.and_then(|present| self.voices(supervision, present, desk));
        if let Some(Voices { caller, agent, supervisor }) = voices {
            let spoken = |hears: bool| hears && !present.is_some_and(|leg| leg.audio().is_held());
            for (leg, source) in &mut heard {
                let beside = vec![supervisor];
                if *leg == supervision.agent && spoken(supervision.mode.speaks_to_agent()) {
                    *source = Source::Mix { peer: caller, beside };
                } else if *leg == self.caller.id() && spoken(supervision.mode.speaks_to_caller()) {
                    *source = Source::Mix { peer: agent, beside };
                }
            }
        }
        let waits = matches!(self.state, State::Transferring(_));
        for leg in supervision.legs() {
            let source = match (&voices, present.is_some_and(|it| it.id() == leg.id())) {
                // Keys of its peer go on to a listener. Those of the caller may be secrets.
                (Some(Voices { caller, agent, .. }), true) => {
                    Source::Mix { peer: *agent, beside: vec![*caller] }
                }
                (None, true) if waits => leg.audio().music(&self.hold_music(), desk.now.mono),
                (None, true) | (_, false) => Source::Silence,
            };
            heard.push((leg.id(), source));
        }
        heard
    }

    /// The three who are mixed, while they can be.
    fn voices(&self, of: &Supervision, present: &Leg, desk: &Desk<'_>) -> Option<Voices> {
        let State::Talking { with, .. } = &self.state else { return None };
        let agent = &self.callees.get(with).filter(|_| *with == of.agent)?.leg;
        let all = [&self.caller, agent, present];
        let decoded = all.iter().all(|leg| leg.is_answered() && leg.audio().is_decodable());
        if !decoded || !desk.transcoding.has_room_for(self.id) {
            return None;
        }
        let [caller, agent, supervisor] = all.map(|leg| leg.audio().stream());
        Some(Voices { caller, agent, supervisor })
    }

    /// Why nobody could be let into the conversation now, if so.
    #[must_use]
    pub fn can_be_supervised(&self, has_room: bool) -> Result<(), &'static str> {
        let Some((_, agent)) = self.conversation() else {
            return Err("no agent of a queue talks in it now");
        };
        if ![&self.caller, agent].iter().all(|leg| leg.audio().is_decodable()) {
            return Err("its parties speak a codec that the box can not decode");
        }
        if !has_room {
            return Err("as many calls are decoded as `media.transcoded_max` allows");
        }
        Ok(())
    }
}
