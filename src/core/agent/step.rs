//! The L2 table of QUEUEING.md 2.1 as one machine, from value to value. It knows neither queues
//! nor other agents: what a step means for those comes out as an [`Effect`].

use holdfast_base::{Mono, OfferId};
use std::time::Duration;

use super::attempt::Attempt;
use super::task::{Cooling, Ring, Task, Then};
use crate::contact::{OfferNews, OfferRefusal};
use crate::record::event::OfferEnd;

/// A reservation whose delivery did not start within this is given up (table, row 1).
pub const RESERVED_MAX: Duration = Duration::from_secs(2);
/// No ringing within this after sending is trouble of the device, not of the agent.
pub const RING_WITHIN: Duration = Duration::from_secs(3);
/// An offer that can not be withdrawn is taken for over this long after it stopped to matter: Teams
/// forwards an unanswered call after 20 s (QUEUEING.md 2.3), and half as much again for the way.
pub const LINGER: Duration = Duration::from_secs(30);
/// 486, 600.
pub const COOLING_BUSY: Duration = Duration::from_secs(30);
/// 603.
pub const COOLING_DECLINED: Duration = Duration::from_secs(30);
/// 480, silence without ringing, and faults of the device.
pub const COOLING_UNREACHABLE: Duration = Duration::from_secs(10);
/// Not registered, not sent.
pub const COOLING_NOT_SENT: Duration = Duration::from_secs(5);

/// What can happen to an agent's task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The match chose this agent, or its next endpoint.
    Reserve(Attempt),
    /// The delivery of the present attempt reports.
    News(OfferNews),
    /// The caller is gone.
    CallerLeft,
    /// The offer must be taken back: duty ended, own call seen, agent removed.
    Withdraw,
    /// Somebody else, called at the same time, answered first.
    LostRace,
    /// A person ends the pause now.
    Release,
    /// The agent's call that is not ours is over.
    OwnCallEnded,
    /// Time passed.
    DeadlineReached,
}

/// What a step means for the rest of the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing.
    None,
    /// The device alerts.
    Rang(OfferId),
    /// The device should alert and does not.
    NoRing(Attempt),
    /// The agent answered first.
    Won(Attempt),
    /// The offer ended without an answer.
    Over(OfferOver),
    /// The agent's part in the contact is over.
    Done {
        /// What was won.
        attempt: Attempt,
        /// Time talking.
        talked: Duration,
        /// Whether the leg is still up and must be ended.
        hang_up: bool,
    },
    /// Wrap-up ended.
    WrapUpOver {
        /// How long it took.
        took: Duration,
    },
    /// Answered too late.
    HangUp(OfferId),
}

/// The end of an offer without an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferOver {
    /// What ended.
    pub attempt: Attempt,
    /// Why.
    pub why: OfferEnd,
    /// Whether the delivery is still pending and must be taken back.
    pub withdraw: bool,
    /// Whether another endpoint of the same agent comes before the next agent.
    pub other_endpoint: bool,
}

impl Task {
    /// Takes one event. An event that the state has no use for leaves it as it is.
    #[must_use]
    pub fn step(self, now: Mono, event: Event) -> (Self, Effect) {
        match (self, event) {
            // The next endpoint of the same agent comes before the next agent.
            (
                Self::Free { .. } | Self::Cooling { kind: Cooling::Unreachable, .. },
                Event::Reserve(attempt),
            ) => (Self::Reserved { attempt, since: now, until: now + RESERVED_MAX }, Effect::None),

            (Self::Reserved { attempt, .. }, Event::News(OfferNews::Sent)) => sent(attempt, now),
            (Self::Reserved { attempt, .. }, Event::News(OfferNews::Ringing)) => {
                let rang = Effect::Rang(attempt.offer);
                (offered(attempt, Ring::Seen, now), rang)
            }
            (Self::Reserved { attempt, until, .. }, Event::DeadlineReached) if until <= now => {
                let then = cooling(Cooling::Unreachable, COOLING_NOT_SENT, now);
                take_back(attempt, OfferEnd::Unreachable, then, now)
            }

            (
                Self::Offered { attempt, ring: Ring::Awaited { .. } | Ring::Missing, since, until },
                Event::News(OfferNews::Ringing),
            ) => {
                let rang = Effect::Rang(attempt.offer);
                (Self::Offered { attempt, ring: Ring::Seen, since, until }, rang)
            }
            (
                Self::Offered { attempt, ring: Ring::Awaited { until: ring }, since, until },
                Event::DeadlineReached,
            ) if ring <= now && ring <= until => {
                let no_ring = Effect::NoRing(attempt.clone());
                (Self::Offered { attempt, ring: Ring::Missing, since, until }, no_ring)
            }
            (Self::Offered { attempt, ring, until, .. }, Event::DeadlineReached)
                if until <= now =>
            {
                not_answered(attempt, ring, Pending::Still, now)
            }

            (
                Self::Reserved { attempt, .. } | Self::Offered { attempt, .. },
                Event::News(OfferNews::Answered),
            ) => (Self::Connected { attempt: attempt.clone(), since: now }, Effect::Won(attempt)),
            (Self::Reserved { attempt, .. }, Event::News(OfferNews::Refused(refusal))) => {
                refused(attempt, Ring::Missing, refusal, now)
            }
            (Self::Offered { attempt, ring, .. }, Event::News(OfferNews::Refused(refusal))) => {
                refused(attempt, ring, refusal, now)
            }
            (
                Self::Reserved { attempt, .. },
                Event::News(OfferNews::Ended | OfferNews::LostLiveness),
            ) => not_answered(attempt, Ring::Missing, Pending::Over, now),
            (
                Self::Offered { attempt, ring, .. },
                Event::News(OfferNews::Ended | OfferNews::LostLiveness),
            ) => not_answered(attempt, ring, Pending::Over, now),
            (
                Self::Reserved { attempt, .. } | Self::Offered { attempt, .. },
                Event::News(OfferNews::LostInCrash),
            ) => linger(attempt, OfferEnd::LostInCrash, Then::Free, now),
            (Self::Reserved { attempt, .. } | Self::Offered { attempt, .. }, Event::CallerLeft) => {
                take_back(attempt, OfferEnd::CallerLeft, Then::Free, now)
            }
            (Self::Reserved { attempt, .. } | Self::Offered { attempt, .. }, Event::Withdraw) => {
                take_back(attempt, OfferEnd::Withdrawn, Then::Free, now)
            }

            (Self::Reserved { attempt, .. } | Self::Offered { attempt, .. }, Event::LostRace) => {
                take_back(attempt, OfferEnd::LostRace, Then::Free, now)
            }

            // Wrap-up starts at the end of the agent's own leg, whatever becomes of the call
            // (QUEUEING.md 2.4). When the caller is gone, that end is now, because we order it.
            (
                Self::Connected { attempt, since },
                Event::News(OfferNews::Ended | OfferNews::LostInCrash),
            ) => done(attempt, since, now, false),
            (
                Self::Connected { attempt, since },
                Event::News(OfferNews::LostLiveness) | Event::CallerLeft,
            ) => done(attempt, since, now, true),

            (Self::WrapUp { since, .. }, Event::Release) => {
                (Self::Free { since: now }, Effect::WrapUpOver { took: now.since(since) })
            }
            (Self::WrapUp { since, until }, Event::DeadlineReached) if until <= now => {
                (Self::Free { since: now }, Effect::WrapUpOver { took: now.since(since) })
            }
            (Self::Rona { .. } | Self::Cooling { .. }, Event::Release) => {
                (Self::Free { since: now }, Effect::None)
            }
            (Self::Rona { until, .. } | Self::Cooling { until, .. }, Event::DeadlineReached)
                if until <= now =>
            {
                (Self::Free { since: now }, Effect::None)
            }

            // A way that never confirms an answer has taken the contact when it accepts it.
            (Self::Lingering { attempt, then, .. }, Event::News(OfferNews::Sent))
                if !attempt.can.confirms_answer =>
            {
                (then.begin(now), Effect::HangUp(attempt.offer))
            }
            (Self::Lingering { attempt, then, .. }, Event::News(OfferNews::Answered)) => {
                (then.begin(now), Effect::HangUp(attempt.offer))
            }
            (
                Self::Lingering { then, .. },
                Event::News(
                    OfferNews::Refused(_)
                    | OfferNews::Ended
                    | OfferNews::LostLiveness
                    | OfferNews::LostInCrash,
                ),
            ) => (then.begin(now), Effect::None),
            (Self::Lingering { until, then, .. }, Event::DeadlineReached) if until <= now => {
                (then.begin(now), Effect::None)
            }

            // Late, early and repeated events: the state has no use for them.
            (
                task @ (Self::Free { .. }
                | Self::Reserved { .. }
                | Self::Offered { .. }
                | Self::Connected { .. }
                | Self::WrapUp { .. }
                | Self::Rona { .. }
                | Self::Cooling { .. }
                | Self::OwnCall { .. }
                | Self::Lingering { .. }),
                Event::Reserve(_)
                | Event::News(
                    OfferNews::Sent
                    | OfferNews::Ringing
                    | OfferNews::Answered
                    | OfferNews::Refused(_)
                    | OfferNews::Ended
                    | OfferNews::LostLiveness
                    | OfferNews::LostInCrash,
                )
                | Event::CallerLeft
                | Event::Withdraw
                | Event::LostRace
                | Event::Release
                | Event::OwnCallEnded
                | Event::DeadlineReached,
            ) => (task, Effect::None),
        }
    }
}

/// Whether the delivery of an offer that was not answered is still under way.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pending {
    Still,
    Over,
}

fn sent(attempt: Attempt, now: Mono) -> (Task, Effect) {
    if !attempt.can.confirms_answer {
        return (Task::Connected { attempt: attempt.clone(), since: now }, Effect::Won(attempt));
    }
    let ring = if attempt.can.sees_ringing {
        Ring::Awaited { until: now + RING_WITHIN }
    } else {
        Ring::Unseen
    };
    (offered(attempt, ring, now), Effect::None)
}

fn offered(attempt: Attempt, ring: Ring, now: Mono) -> Task {
    let until = now + attempt.terms.alert;
    Task::Offered { attempt, ring, since: now, until }
}

/// The alert time is over, or the device fell silent. Only a phone that rang, and alone, counts
/// as a miss (QUEUEING.md 2.3): without ringing the agent is unreachable.
fn not_answered(attempt: Attempt, ring: Ring, pending: Pending, now: Mono) -> (Task, Effect) {
    let (why, then, other_endpoint) = match ring {
        Ring::Seen | Ring::Unseen if attempt.terms.shared => {
            (OfferEnd::NotTaken, Then::Free, false)
        }
        Ring::Seen | Ring::Unseen => {
            let until = now + attempt.terms.rona_block;
            (OfferEnd::Rona, Then::Rona { until }, false)
        }
        Ring::Awaited { .. } | Ring::Missing => {
            let then = cooling(Cooling::Unreachable, COOLING_UNREACHABLE, now);
            (OfferEnd::Unreachable, then, true)
        }
    };
    if pending == Pending::Over {
        let over = OfferOver { attempt, why, withdraw: false, other_endpoint };
        return (then.begin(now), Effect::Over(over));
    }
    let other_endpoint = other_endpoint && attempt.can.can_withdraw;
    let (task, effect) = take_back(attempt, why, then, now);
    match effect {
        Effect::Over(over) => (task, Effect::Over(OfferOver { other_endpoint, ..over })),
        other => (task, other),
    }
}

/// The row of each refusal.
fn refused(attempt: Attempt, ring: Ring, refusal: OfferRefusal, now: Mono) -> (Task, Effect) {
    let (why, kind, pause, other_endpoint) = match refusal {
        // A busy phone is a busy person, never a refusal (QUEUEING.md 2.10).
        OfferRefusal::Busy => (OfferEnd::Busy, Cooling::Busy, COOLING_BUSY, false),
        OfferRefusal::Declined => (OfferEnd::Declined, Cooling::Declined, COOLING_DECLINED, false),
        OfferRefusal::Unavailable => {
            (OfferEnd::Unreachable, Cooling::Unreachable, COOLING_UNREACHABLE, true)
        }
        OfferRefusal::NotRegistered => {
            (OfferEnd::Unreachable, Cooling::Unreachable, COOLING_NOT_SENT, true)
        }
        OfferRefusal::DeviceFailed => {
            (OfferEnd::DeviceFailed, Cooling::Unreachable, COOLING_UNREACHABLE, true)
        }
        OfferRefusal::NoAnswer => return not_answered(attempt, ring, Pending::Over, now),
    };
    let over = OfferOver { attempt, why, withdraw: false, other_endpoint };
    (cooling(kind, pause, now).begin(now), Effect::Over(over))
}

/// Ends an offer whose delivery is still under way.
fn take_back(attempt: Attempt, why: OfferEnd, then: Then, now: Mono) -> (Task, Effect) {
    if !attempt.can.can_withdraw {
        return linger(attempt, why, then, now);
    }
    let over = OfferOver { attempt, why, withdraw: true, other_endpoint: false };
    (then.begin(now), Effect::Over(over))
}

/// Ends an offer whose device may ring on: the agent is left alone until it is known to be silent.
fn linger(attempt: Attempt, why: OfferEnd, then: Then, now: Mono) -> (Task, Effect) {
    let over = OfferOver { attempt: attempt.clone(), why, withdraw: false, other_endpoint: false };
    let until = now + LINGER;
    (Task::Lingering { attempt, since: now, until, then }, Effect::Over(over))
}

fn done(attempt: Attempt, since: Mono, now: Mono, hang_up: bool) -> (Task, Effect) {
    let until = now + attempt.terms.wrap_up;
    let task =
        if now < until { Task::WrapUp { since: now, until } } else { Task::Free { since: now } };
    (task, Effect::Done { attempt, talked: now.since(since), hang_up })
}

fn cooling(kind: Cooling, pause: Duration, now: Mono) -> Then {
    Then::Cooling { kind, until: now + pause }
}

impl Then {
    /// The state that follows, unless its time has passed.
    fn begin(self, now: Mono) -> Task {
        match self {
            Self::Rona { until } if now < until => Task::Rona { since: now, until },
            Self::Cooling { kind, until } if now < until => {
                Task::Cooling { kind, since: now, until }
            }
            Self::Free | Self::Rona { .. } | Self::Cooling { .. } => Task::Free { since: now },
        }
    }
}
