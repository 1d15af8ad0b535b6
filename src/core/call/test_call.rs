//! A call of the box's own, which shows whether anybody is there behind a trunk: a leg without a
//! caller, ended as soon as it has said so.
//!
//! It is no call of anybody: it has no record, no queue and no place among the limits. It refuses
//! to know when it is placed and what its outcome means for the trunk.
//!
//! ```text
//!           18x              it has rung for long enough: CANCEL
//!  Calling ─────> Ringing ─────────────────────────────────────────┐
//!     │              │ 200: ACK and BYE                            v
//!     └──────────────┴───────── 200, refusal, silence ──────────> Ended ── the leg is over
//! ```

use holdfast_base::{CallId, Mono, TrunkName};
use holdfast_config::TestCall as Wanted;
use std::time::Duration;

use super::io::{Desk, Input, Output, Target};
use super::leg::{Leg, News, Onward};
use super::origin::Origin;
use super::{MAX_FORWARDS, own_proposal, words};
use crate::peer::nobody_there;
use crate::record::event::{Fact, LegEnd, TestOutcome};
use crate::routing::caller::Caller;

/// How long nobody may say anything of the called party. An SBC that gets no answer from Teams says
/// so after its own Timer B (64·T1 = 32 s, RFC 3261 §17.1.1.2), which tells more than our silence.
const WORD_WITHIN: Duration = Duration::from_secs(40);

/// One test call.
#[derive(Debug)]
pub struct TestCall {
    id: CallId,
    trunk: TrunkName,
    leg: Leg,
    ring: Duration,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Calling { until: Mono },
    Ringing { until: Mono },
    Ended(TestOutcome),
}

impl TestCall {
    /// Places one over this trunk. `None` when no port pair is free.
    pub fn place(
        trunk: TrunkName,
        wanted: &Wanted,
        target: &Target,
        desk: &mut Desk<'_>,
    ) -> Option<Self> {
        let id = desk.ids.call();
        let ours = words::contact(desk.config, &target.flow);
        let who = match &wanted.caller {
            Some(number) => Caller::named(desk.config, &Origin::Guest, number),
            None => Caller::default(),
        };
        let from = who.named_at(&ours);
        let (from, said) = who.towards(desk.config, Some(&trunk), &target.flow, &from);
        let target = &Target { said, then: Vec::new(), ..target.clone() };
        let onward = Onward { hops: MAX_FORWARDS, carried: &[] };
        let leg = Leg::outgoing(desk, id, target, &from, &own_proposal(), onward, false)?;
        desk.out.push(Output::Fact(Fact::TestCallPlaced {
            call: id,
            leg: leg.id(),
            trunk: trunk.clone(),
            to: target.party.clone(),
            sip_call_id: leg.sip_call_id(),
        }));
        let state = State::Calling { until: desk.now.mono + WORD_WITHIN };
        Some(Self { id, trunk, leg, ring: wanted.ring, state })
    }

    /// The name under which its transactions, dialog and stream are known.
    #[must_use]
    pub const fn id(&self) -> CallId {
        self.id
    }

    /// The trunk that it goes over.
    #[must_use]
    pub const fn trunk(&self) -> &TrunkName {
        &self.trunk
    }

    /// Its leg.
    #[must_use]
    pub const fn leg(&self) -> &Leg {
        &self.leg
    }

    /// Its leg, to tell it of its INVITE.
    pub const fn leg_mut(&mut self) -> &mut Leg {
        &mut self.leg
    }

    /// What it has shown; none while it has shown nothing.
    #[must_use]
    pub const fn outcome(&self) -> Option<TestOutcome> {
        match self.state {
            State::Calling { .. } | State::Ringing { .. } => None,
            State::Ended(outcome) => Some(outcome),
        }
    }

    /// Whether nothing of it is left.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        self.leg.is_over()
    }

    /// Takes one input.
    pub fn handle(&mut self, input: Input, desk: &mut Desk<'_>) {
        let news = match input {
            Input::Request { key, request, .. } => self.leg.receive_request(key, &request, desk),
            Input::Response { response, .. } => self.leg.receive_response(&response, desk),
            Input::InviteFailed { how, .. } => self.leg.invite_failed(how, desk),
            Input::Unanswered { cseq, .. } => self.leg.unanswered(&cseq, desk),
            Input::AudioClosed { counters, .. } => self.leg.audio_closed(counters),
            Input::DeadlineReached => self.handle_deadline(desk),
            Input::NoAudio { .. } => {
                self.end(TestOutcome::Undone, desk);
                None
            }
            Input::HangUp { .. } => {
                self.end(TestOutcome::Undone, desk);
                None
            }
            // Nobody but the box is in it, it does not outlive the process, and a trunk stays where
            // it is.
            Input::Ack { .. }
            | Input::Moved { .. }
            | Input::Cancelled { .. }
            | Input::NoAck { .. }
            | Input::Quiet { .. }
            | Input::Disconnected { .. }
            | Input::Key { .. }
            | Input::Queue(_)
            | Input::Transfer { .. }
            | Input::Replaced(_)
            | Input::Supervision(_)
            | Input::Restored(_) => None,
        };
        if let Some(news) = news {
            self.hear(news, desk);
        }
    }

    fn hear(&mut self, news: News, desk: &mut Desk<'_>) {
        match news {
            News::Silent => {
                desk.out.push(Output::Silent { leg: self.leg.id(), flow: self.leg.flow() });
                self.end(TestOutcome::Silent, desk);
            }
            News::Ringing | News::EarlyMedia => match self.state {
                State::Calling { .. } => {
                    self.state = State::Ringing { until: desk.now.mono + self.ring };
                }
                State::Ringing { .. } | State::Ended(_) => {}
            },
            News::Answered => self.end(TestOutcome::Answered, desk),
            News::Ended(why) => self.end(outcome_of(why), desk),
            News::Key(_) | News::SessionChanged | News::Over(..) => {}
        }
    }

    /// Ends it once: the first outcome counts.
    fn end(&mut self, outcome: TestOutcome, desk: &mut Desk<'_>) {
        self.leg.hang_up(LegEnd::Local, desk);
        if self.outcome().is_none() {
            self.state = State::Ended(outcome);
            let (call, trunk) = (self.id, self.trunk.clone());
            desk.out.push(Output::Fact(Fact::TestCallEnded { call, trunk, outcome }));
        }
    }

    /// When [`Input::DeadlineReached`] is due.
    #[must_use]
    pub fn deadline(&self) -> Option<Mono> {
        let own = match self.state {
            State::Calling { until } | State::Ringing { until } => Some(until),
            State::Ended(_) => None,
        };
        own.into_iter().chain(self.leg.deadline()).min()
    }

    fn handle_deadline(&mut self, desk: &mut Desk<'_>) -> Option<News> {
        let now = desk.now.mono;
        match self.state {
            State::Calling { until } if until <= now => self.end(TestOutcome::Silent, desk),
            State::Ringing { until } if until <= now => self.end(TestOutcome::Rang, desk),
            State::Calling { .. } | State::Ringing { .. } | State::Ended(_) => {}
        }
        self.leg.handle_deadline(desk)
    }
}

const fn outcome_of(why: LegEnd) -> TestOutcome {
    match why {
        LegEnd::Refused(status) if nobody_there(status) => TestOutcome::Failed { status },
        LegEnd::Refused(status) => TestOutcome::Refused { status },
        LegEnd::NoAnswer => TestOutcome::Silent,
        LegEnd::Remote => TestOutcome::Answered,
        LegEnd::Unreachable
        | LegEnd::Local
        | LegEnd::HandedOver
        | LegEnd::MediaLost
        | LegEnd::SessionExpired
        | LegEnd::LostInCrash => TestOutcome::Undone,
    }
}
