//! Who hears whom in a call.

use holdfast_base::{LegId, Mono};

use super::io::Desk;
use super::{Call, State};
use crate::media::order::Source;

impl Call {
    /// The caller has acknowledged: what it is to hear starts now, not somewhere inside.
    pub(super) fn begin_clips(&mut self, now: Mono) {
        match &mut self.state {
            State::Queued { treatment: Source::Clips { since, .. }, .. } => {
                *since = now.max(*since);
            }
            State::LedOn(led) => {
                if let Source::Clips { since, .. } = led.treatment_mut() {
                    *since = now.max(*since);
                }
            }
            State::Announcing { since, until, lasts, .. } => {
                *since = now.max(*since);
                *until = *since + *lasts;
            }
            State::Dialling { .. }
            | State::Queued { .. }
            | State::Talking { .. }
            | State::Transferring(_)
            | State::Ending { .. }
            | State::Over => {}
        }
    }

    /// Who hears whom follows from the states of the legs; nothing else says it.
    pub(super) fn route_audio(&mut self, desk: &mut Desk<'_>) {
        let now = desk.now.mono;
        let caller_hears = match &self.state {
            // One forged INVITE must not make the box stream to a victim for 32 s.
            State::Queued { .. } | State::Announcing { .. } | State::LedOn(_)
                if self.caller.awaits_ack() =>
            {
                Source::Silence
            }
            State::Queued { treatment, .. } => treatment.clone(),
            State::LedOn(led) if !self.caller.is_waiting() => led.treatment().clone(),
            State::Announcing { clip, since, .. } => {
                Source::Clips { once: vec![clip.clone()], then: None, since: *since }
            }
            State::Talking { with, .. } => {
                self.callees.get(with).map_or(Source::Silence, |callee| {
                    if callee.leg.audio().is_held() {
                        self.caller.audio().music(&self.hold_music(), now)
                    } else {
                        Source::Peer(callee.leg.audio().stream())
                    }
                })
            }
            State::Transferring(_) => self.caller.audio().music(&self.hold_music(), now),
            State::Dialling { .. } | State::LedOn(_) => self
                .callees
                .values()
                .find(|callee| callee.leg.has_early_media())
                .map_or(Source::Silence, |callee| Source::Peer(callee.leg.audio().stream())),
            State::Ending { .. } | State::Over => Source::Silence,
        };
        let caller_stream = self.caller.audio().stream();
        let caller_holds = self.caller.audio().is_held();
        let talking_with = match self.state {
            State::Talking { with, .. } => Some(with),
            State::Dialling { .. }
            | State::Queued { .. }
            | State::Announcing { .. }
            | State::Transferring(_)
            | State::LedOn(_)
            | State::Ending { .. }
            | State::Over => None,
        };
        let music = self.hold_music();
        let mut heard = Vec::new();
        for callee in self.callees.values() {
            let joined = talking_with == Some(callee.leg.id());
            let source = match (joined || callee.leg.has_early_media(), caller_holds) {
                (false, _) => Source::Silence,
                (true, false) => Source::Peer(caller_stream),
                (true, true) => callee.leg.audio().music(&music, now),
            };
            heard.push((callee.leg.id(), source));
        }
        heard.push((self.caller.id(), caller_hears));
        let heard = self.with_supervisor(heard, desk);
        for (leg, source) in self.in_their_codecs(heard, desk) {
            if let Some(leg) = self.leg_mut(leg) {
                leg.audio_mut().hear(source, desk);
            }
        }
        self.pass_hold(talking_with, desk);
    }

    /// Each of the two who talk knows that the other one holds, in the form that its kind takes.
    fn pass_hold(&mut self, talking_with: Option<LegId>, desk: &mut Desk<'_>) {
        let with = talking_with.and_then(|with| self.callees.get(&with));
        let callee_holds = with.is_some_and(|callee| callee.leg.audio().is_held());
        let caller_holds = self.caller.audio().is_held();
        self.caller.pass_hold(callee_holds, desk);
        for callee in self.callees.values_mut() {
            let joined = talking_with == Some(callee.leg.id());
            callee.leg.pass_hold(joined && caller_holds, desk);
        }
    }
}
