//! Whether a conversation of a queue is taken down, and the word that says so to the caller before.
//!
//! ```text
//!   queue with `record`, or by order         by order, the conversation is over, no way to do it
//!   (none) ─────────────────────> Running ────────────────────────────────────────> (none)/Stopped
//! ```
//!
//! Where the queue has a notice the caller hears it as the first clip, to its end: an agent who
//! answers sooner hears the caller meanwhile, and nothing is taken down before. While a transfer is
//! tried nobody talks with the caller, and nothing is taken down either; a conversation with
//! somebody else is another one.

use holdfast_base::{AgentName, LegId, Mono, StreamId};
use holdfast_config::Config;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

use super::io::{Desk, Output};
use super::leg::Leg;
use super::origin::Origin;
use super::{ANNOUNCEMENT_TIME, Call, State};
use crate::media::order::{ClipId, MediaOrder, Source};
use crate::media::tape::{Label, Tape};
use crate::record::event::{Fact, RecordingStep};
use crate::routing::decide::agent_at;

/// What is taken down of the conversation with this leg.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Recording {
    /// It is.
    Running {
        with: LegId,
        label: Arc<Label>,
        /// What the media plane was told. A new process has told it nothing.
        #[serde(skip)]
        taped: Option<(StreamId, StreamId)>,
    },
    /// It is not, and not begun again.
    Stopped { with: LegId },
}

/// The word that a call is recorded. It is said once to each caller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Notice {
    Playing { clip: ClipId, since: Mono },
    Said,
}

impl Recording {
    const fn with(&self) -> LegId {
        match self {
            Self::Running { with, .. } | Self::Stopped { with } => *with,
        }
    }

    const fn is_running(&self) -> bool {
        match self {
            Self::Running { .. } => true,
            Self::Stopped { .. } => false,
        }
    }
}

impl Call {
    /// Whether what is said is taken down.
    #[must_use]
    pub fn is_recorded(&self) -> bool {
        self.recording.as_deref().is_some_and(Recording::is_running)
    }

    /// The clip that the caller has to hear before others that would begin `since`, and from when
    /// on: what has begun goes on to its end.
    pub(super) fn notice_first(&mut self, since: Mono, desk: &Desk<'_>) -> Option<(ClipId, Mono)> {
        match &self.notice {
            Some(Notice::Playing { clip, since: began }) => {
                let goes_on = since < *began + ANNOUNCEMENT_TIME;
                return goes_on.then(|| (clip.clone(), *began));
            }
            Some(Notice::Said) => return None,
            None => {}
        }
        let State::Queued { queue, .. } = &self.state else { return None };
        let queue = desk.config.queues.iter().find(|known| known.name == *queue)?;
        let clip = queue.recording.notice.as_deref().filter(|_| queue.recording.always)?;
        let clip = ClipId(clip.into());
        self.notice = Some(Notice::Playing { clip: clip.clone(), since });
        Some((clip, since))
    }

    /// The caller hears clips from now on, and not before.
    pub(super) fn notice_begins(&mut self, now: Mono) {
        if let Some(Notice::Playing { since, .. }) = &mut self.notice {
            *since = now.max(*since);
        }
    }

    /// What the caller still hears of the notice while the agent is there already.
    pub(super) fn rest_of_notice(&self) -> Option<Source> {
        match &self.notice {
            Some(Notice::Playing { clip, since }) => {
                Some(Source::Clips { once: vec![clip.clone()], then: None, since: *since })
            }
            Some(Notice::Said) | None => None,
        }
    }

    /// When the notice is over for which the conversation waits.
    pub(super) fn notice_until(&self) -> Option<Mono> {
        match (&self.state, &self.notice) {
            (State::Talking { .. }, Some(Notice::Playing { since, .. })) => {
                Some(*since + ANNOUNCEMENT_TIME)
            }
            (_, Some(Notice::Playing { .. } | Notice::Said) | None) => None,
        }
    }

    /// A person has what is said taken down, or not any more.
    pub(super) fn record(&mut self, on: bool, by: String, desk: &mut Desk<'_>) {
        match (on, self.is_recorded()) {
            (true, false) => {
                self.recording = None;
                self.begin_recording(Some(by), desk);
            }
            (false, true) => self.stop_recording(Some(by), desk),
            (true, true) | (false, false) => {}
        }
    }

    /// After every step: what is taken down, if anything.
    pub(super) fn record_conversation(&mut self, desk: &mut Desk<'_>) {
        let with = match &self.state {
            State::Talking { with, .. } => Some(*with),
            State::Transferring(_) => self.recording.as_deref().map(Recording::with),
            State::Dialling { .. }
            | State::Queued { .. }
            | State::Announcing { .. }
            | State::LedOn(_)
            | State::Ending { .. }
            | State::Over => None,
        };
        if self.recording.as_deref().is_some_and(|it| Some(it.with()) != with) {
            self.stop_recording(None, desk);
            self.recording = None;
        }
        if self.notice_until().is_some_and(|until| until <= desk.now.mono) {
            self.notice = Some(Notice::Said);
        }
        if self.recording.is_none() && self.rest_of_notice().is_none() {
            let queue = self.conversation().map(|(queue, _)| queue.clone());
            let always = |queue| {
                let known = desk.config.queues.iter().find(|known| known.name == queue);
                known.is_some_and(|known| known.recording.always)
            };
            if queue.is_some_and(always) {
                self.begin_recording(None, desk);
            }
        }
        self.tape(desk);
    }

    fn begin_recording(&mut self, by: Option<String>, desk: &mut Desk<'_>) {
        let Some((queue, agent)) = self.conversation() else { return };
        let (queue, with) = (queue.clone(), agent.id());
        let call = self.id;
        let has_room = desk.transcoding.has_room_for(call);
        if let Err(why) = self.can_be_heard(has_room) {
            if !has_room {
                desk.transcoding.take(call); // in vain, and the page says so
            }
            let step = RecordingStep::NotMade { why: why.to_owned() };
            desk.out.push(Output::Fact(Fact::Recording { call, step }));
            self.recording = Some(Box::new(Recording::Stopped { with }));
            return;
        }
        let label = Arc::new(Label {
            recording: desk.ids.recording(),
            call,
            queue,
            agent: agent_on(agent, desk.config),
            caller: self.caller.party().clone(),
            began: desk.now.wall,
        });
        let step = RecordingStep::Began { recording: label.recording, by };
        desk.out.push(Output::Fact(Fact::Recording { call, step }));
        self.recording = Some(Box::new(Recording::Running { with, label, taped: None }));
    }

    fn stop_recording(&mut self, by: Option<String>, desk: &mut Desk<'_>) {
        let Some(Recording::Running { with, label, taped }) = self.recording.as_deref() else {
            return;
        };
        let (with, recording, taped) = (*with, label.recording, *taped);
        // The end of a stream ends its tape as well.
        let goes_on = matches!(self.state, State::Talking { .. } | State::Transferring(_));
        if let Some((stream, _)) = taped.filter(|_| goes_on) {
            desk.out.push(Output::Media(MediaOrder::Record { stream, tape: None }));
        }
        let step = RecordingStep::Ended { recording, by };
        desk.out.push(Output::Fact(Fact::Recording { call: self.id, step }));
        self.recording = Some(Box::new(Recording::Stopped { with }));
    }

    /// Tells the media plane what it was not told yet.
    fn tape(&mut self, desk: &mut Desk<'_>) {
        let talks = matches!(self.state, State::Talking { .. });
        let caller = self.caller.audio().stream();
        let Some(Recording::Running { with, label, taped }) = self.recording.as_deref_mut() else {
            return;
        };
        let callee = self.callees.get(with).filter(|_| talks);
        let wanted = callee.map(|callee| (caller, callee.leg.audio().stream()));
        if *taped == wanted {
            return;
        }
        let stream = wanted.or(*taped).map_or(caller, |(left, _)| left);
        let tape = wanted.map(|(_, with)| Tape { with, label: Arc::clone(label) });
        *taped = wanted;
        desk.out.push(Output::Media(MediaOrder::Record { stream, tape }));
    }
}

/// The agent at the other end of a leg.
fn agent_on(leg: &Leg, config: &Config) -> Option<AgentName> {
    match leg.origin() {
        Origin::Account(account) => agent_at(config, account).map(|agent| agent.name.clone()),
        Origin::Trunk(_) | Origin::Guest => None,
    }
}
