//! What the engine hears and what it orders.

use holdfast_base::{AgentName, CallId, ContactId, Mono, OfferId, QueueName};
use holdfast_config::{Config, Endpoint};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::closure::Closure;
use super::exits::{CallOn, OnwardNews};
use crate::contact::OfferNews;
use crate::media::order::ClipId;
use crate::record::event::{Duty, DutyChangedBy, Fact, OfferEnd, Outcome, Subject};

/// What a process took along when it died.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lost {
    /// Offers whose device may still ring; their legs tell when it no longer does.
    pub ringing: BTreeSet<OfferId>,
    /// Offers of which nothing is left.
    pub over: BTreeSet<OfferId>,
    /// Contacts whose call is gone.
    pub contacts: Vec<ContactId>,
}

/// What the engine hears.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// A contact wants into a queue.
    Arrived {
        /// Its id, given by the site; never used twice.
        contact: ContactId,
        /// The call it belongs to.
        call: CallId,
        /// The queue.
        queue: QueueName,
        /// Who calls.
        from: Subject,
    },
    /// A contact that an agent has talked to wants back into line: it ranks as if it had entered
    /// when its call came, and waits from now on.
    Returned {
        /// Its id, a new one: the one that it had is answered.
        contact: ContactId,
        /// The call it belongs to.
        call: CallId,
        /// The queue.
        queue: QueueName,
        /// Who calls.
        from: Subject,
        /// When its call came.
        since: Mono,
    },
    /// The caller's side is over, in any phase, also while talking.
    Left {
        /// The contact.
        contact: ContactId,
        /// Why.
        why: Departure,
    },
    /// News of an offer.
    Offer {
        /// The offer.
        offer: OfferId,
        /// What became of it.
        news: OfferNews,
    },
    /// Duty is set.
    Duty {
        /// The agent.
        agent: AgentName,
        /// The duty.
        duty: Duty,
        /// Who sets it.
        by: DutyChangedBy,
    },
    /// A person ends an agent's wrap-up, RONA block or pause now.
    Release {
        /// The agent.
        agent: AgentName,
    },
    /// An endpoint came within reach or went out of it. An endpoint that was never reported can
    /// not be reached.
    EndpointState {
        /// The endpoint.
        endpoint: Endpoint,
        /// Registered, or its trunk is up.
        reachable: bool,
    },
    /// A call that no queue brought began or ended on a device of the agent.
    OwnCall {
        /// The agent.
        agent: AgentName,
        /// Whether one is going on.
        active: bool,
    },
    /// A person gives a waiting contact other priority points.
    Reprioritise {
        /// The contact.
        contact: ContactId,
        /// Its points from now on.
        priority: u32,
    },
    /// An agent takes a waiting contact.
    PickUp {
        /// The contact.
        contact: ContactId,
        /// The agent.
        agent: AgentName,
    },
    /// An agent's calls of one queue are switched off or on.
    Active {
        /// The agent.
        agent: AgentName,
        /// The queue.
        queue: QueueName,
        /// Whether the agent takes them.
        active: bool,
    },
    /// How it went with somebody who was called for a contact ([`Output::CallOn`]).
    Onward {
        /// The contact.
        contact: ContactId,
        /// Its call.
        call: CallId,
        /// How.
        news: OnwardNews,
    },
    /// A person closes a queue for callers who come, or opens it again.
    Close {
        /// The queue.
        queue: QueueName,
        /// Until when and why; none opens it.
        closure: Option<Closure>,
    },
    /// The configuration was replaced.
    Configured(Arc<Config>),
    /// Time passed.
    DeadlineReached,
}

/// Why the caller's side is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Departure {
    /// The caller hung up.
    GaveUp,
    /// A person ended the call.
    Pulled,
    /// A fault of ours.
    Fault,
    /// The process died, and the caller's dialog could not be taken up again.
    LostInCrash,
}

/// What the engine orders. Within one step a fact stands before the orders that depend on it.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// For the event log.
    Fact(Fact),
    /// The contact is not let in: refuse the call before it is answered.
    Refuse {
        /// The contact.
        contact: ContactId,
        /// Its call.
        call: CallId,
        /// Why.
        outcome: Outcome,
    },
    /// The contact goes on in another queue; what follows comes from there.
    Moved {
        /// The contact.
        contact: ContactId,
        /// Its call.
        call: CallId,
        /// The queue that it is in now.
        queue: QueueName,
    },
    /// Call somebody for the contact, which is in no queue any more. How it goes is
    /// [`Input::Onward`].
    CallOn {
        /// The contact.
        contact: ContactId,
        /// Its call.
        call: CallId,
        /// Whom.
        whom: CallOn,
        /// How long that one may let it ring.
        ring: Duration,
    },
    /// The contact hears a clip, and then its call ends.
    Announce {
        /// The contact, which is in no queue any more.
        contact: ContactId,
        /// Its call.
        call: CallId,
        /// How its time in the queue ended.
        outcome: Outcome,
        /// What it hears.
        clip: ClipId,
        /// For how long.
        lasts: Duration,
    },
    /// Call the agent there.
    Deliver {
        /// The offer; news of it carry this id.
        offer: OfferId,
        /// What is offered.
        contact: ContactId,
        /// Its call.
        call: CallId,
        /// To whom.
        agent: AgentName,
        /// Where.
        endpoint: Endpoint,
    },
    /// Take the offer back (CANCEL).
    Withdraw {
        /// The offer.
        offer: OfferId,
        /// Why.
        why: OfferEnd,
    },
    /// The agent answered: switch the audio now, whatever is being played.
    Connect {
        /// The contact.
        contact: ContactId,
        /// The offer that won.
        offer: OfferId,
    },
    /// End the agent's leg (ACK and BYE when it was answered too late).
    HangUpAgent {
        /// The offer that the leg belongs to.
        offer: OfferId,
    },
    /// End the caller's call.
    EndContact {
        /// The contact.
        contact: ContactId,
        /// Its call.
        call: CallId,
        /// How its time in the queue ended.
        outcome: Outcome,
    },
    /// What the caller hears from now on.
    Treat {
        /// The contact.
        contact: ContactId,
        /// Played once each, in this order.
        once: Vec<ClipId>,
        /// Repeated after that; silence when none.
        then: Option<ClipId>,
    },
    /// A person should look.
    Alarm(Alarm),
}

/// What a person should look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Alarm {
    /// A device was called and did not ring within 3 s.
    NoRing {
        /// Its agent.
        agent: AgentName,
        /// The device.
        endpoint: Endpoint,
    },
    /// A device or its trunk failed (403, 404, 484, 488, 5xx).
    DeviceFailed {
        /// Its agent.
        agent: AgentName,
        /// The device.
        endpoint: Endpoint,
    },
    /// An agent did not answer too often, and stays on duty because nobody else stands by.
    LastAgentKept {
        /// The agent.
        agent: AgentName,
        /// A queue that would have nobody.
        queue: QueueName,
    },
}
