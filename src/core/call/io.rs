//! What goes into a call, what comes out of it, and the desk it works at.

use holdfast_base::{
    CallId, ContactId, EndpointName, Entropy, LegId, Now, OfferId, Outbox, QueueName, StreamId,
    TrunkName,
};
use holdfast_config::Config;
use holdfast_wire::sdp::Fingerprint;
use holdfast_wire::sip::{CSeq, NameAddr, Request, Response, Uri};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

pub use super::led_on::Onward;
use super::leg::info::Press;
use super::origin::Origin;
use super::supervision;
use super::transfer::{Agents, Referral, Replacement, Way};
use crate::call::transcoding::Transcoding;
use crate::media::order::{ClipId, MediaOrder, StreamCounters};
use crate::media::ports::Ports;
use crate::offer_answer::OpaqueCodecs;
use crate::queue;
use crate::record::event::{EndedBy, Fact, Outcome, Subject};
use crate::routing::caller::Said;
use crate::sip::cause::Cause;
use crate::sip::dialog::DialogId;
use crate::sip::flow::Flow;
use crate::sip::registrar::Moved;
use crate::sip::transaction::ServerKey;

/// What happened to a call or was decided about it.
#[derive(Clone, Debug)]
pub enum Input {
    /// A request inside a dialog of the call.
    Request {
        /// The leg of the dialog.
        leg: LegId,
        /// Its server transaction.
        key: ServerKey,
        /// The request.
        request: Request,
    },
    /// An ACK to a 2xx of ours.
    Ack {
        /// The leg.
        leg: LegId,
        /// The ACK; may carry the answer to our offer.
        request: Request,
    },
    /// The caller gave up before the final response.
    Cancelled {
        /// The leg.
        leg: LegId,
        /// Why, if that was said.
        cause: Option<Cause>,
    },
    /// A response to a request of ours.
    Response {
        /// The leg.
        leg: LegId,
        /// The response.
        response: Response,
    },
    /// An INVITE of ours got no final response.
    InviteFailed {
        /// The leg.
        leg: LegId,
        /// How.
        how: Failure,
    },
    /// Another request of ours inside a dialog got no final response.
    Unanswered {
        /// The leg.
        leg: LegId,
        /// What was asked.
        cseq: CSeq,
    },
    /// No ACK to our 2xx within 64·T1.
    NoAck {
        /// The leg.
        leg: LegId,
    },
    /// The media ports of a leg could not be bound.
    NoAudio {
        /// The leg.
        leg: LegId,
    },
    /// Nothing has come from a leg that should send.
    Quiet {
        /// The leg.
        leg: LegId,
    },
    /// A leg whose way is found by checks is not checked any more.
    Disconnected {
        /// The leg.
        leg: LegId,
    },
    /// The party of a leg pressed a key in its audio, which the other one can not get there.
    Key {
        /// The leg.
        leg: LegId,
        /// The key.
        press: Press,
    },
    /// The phone of a leg is elsewhere now.
    Moved {
        /// The leg.
        leg: LegId,
        /// From where to where.
        moved: Moved,
    },
    /// A leg's stream is closed; these are its last counters.
    AudioClosed {
        /// The leg.
        leg: LegId,
        /// All that the stream did.
        counters: StreamCounters,
    },
    /// The queue's decision.
    Queue(QueueOrder),
    /// The way for a transfer that was asked for.
    Transfer {
        /// The REFER.
        asked: Box<Referral>,
        /// Where its target is.
        way: Way,
        /// The agents that have part in it.
        agents: Agents,
    },
    /// Somebody comes in the place of a party.
    Replaced(Box<Replacement>),
    /// What a person orders about the supervisor of the call.
    Supervision(Box<supervision::Order>),
    /// A person or the box ends the call.
    HangUp {
        /// Who.
        by: EndedBy,
    },
    /// The process was restarted around the call.
    Restored(Before),
    /// The deadline that the call named has come.
    DeadlineReached,
}

/// What is known of the time before a restart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Before {
    /// The last sequence number sent on each stream, by the last heartbeat.
    pub sequences: BTreeMap<StreamId, u16>,
    /// How long ago the log ends. What came later, a whole restart among it, may have been lost
    /// with the power, and not by those who heard from us in it.
    pub ago: Duration,
}

/// Why an INVITE of ours got no final response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Timer B.
    TimedOut,
    /// The transport failed.
    Unreachable,
}

/// What the queue engine decided about the contact of this call.
#[derive(Clone, Debug)]
pub enum QueueOrder {
    /// Play this while waiting.
    Treat {
        /// Once each.
        once: Vec<ClipId>,
        /// Then repeated.
        then: Option<ClipId>,
    },
    /// Call an agent's endpoint at these places; none means it can not be reached.
    Deliver {
        /// The offer.
        offer: OfferId,
        /// Where it can be reached now.
        targets: Vec<Target>,
    },
    /// Take an offer back.
    Withdraw {
        /// The offer.
        offer: OfferId,
    },
    /// This offer won: join caller and agent.
    Connect {
        /// The offer.
        offer: OfferId,
    },
    /// The contact is in another queue now.
    Moved {
        /// That one.
        queue: QueueName,
    },
    /// Call somebody for the contact.
    CallOn(Onward),
    /// The contact hears a clip, and then the call ends.
    Announce {
        /// The clip.
        clip: ClipId,
        /// How long it is heard.
        lasts: Duration,
    },
    /// End the contact, and the call with it.
    End {
        /// How its time in the queue ended.
        outcome: Outcome,
    },
}

/// A place that an INVITE can be sent to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The way there.
    pub flow: Flow,
    /// The Request-URI.
    pub uri: Uri,
    /// Proxies before it, which the phone named when it registered (RFC 3327).
    pub path: Vec<NameAddr>,
    /// The account whose phone it is. Such a phone is reached by this flow alone, whatever its
    /// Contact says.
    pub account: Option<EndpointName>,
    /// The trunk that it is reached over.
    pub trunk: Option<TrunkName>,
    /// What it is told of the caller besides From.
    pub said: Vec<Said>,
    /// How long it may leave the INVITE without any word; none is as long as the transaction.
    pub within: Option<Duration>,
    /// What is tried instead when it is out of order, best first.
    pub then: Vec<Target>,
    /// Refusals after which the next trunk of `then` is tried although this one is in order.
    pub next_on: Vec<u16>,
    /// The party, for records.
    pub party: Subject,
}

/// What a call orders. The site carries it out after the step.
#[derive(Clone, Debug)]
pub enum Output {
    /// Answer a request.
    Respond {
        /// Its server transaction.
        key: ServerKey,
        /// The response.
        response: Response,
        /// Whether it waits for the log (QUEUEING.md 2.13).
        gated: bool,
    },
    /// The ACK to this transaction's 2xx has come.
    Acked {
        /// The transaction.
        key: ServerKey,
    },
    /// Send a request in a transaction of its own.
    Request {
        /// The leg that gets the responses.
        leg: LegId,
        /// The way.
        flow: Flow,
        /// The request, without Via.
        request: Request,
        /// As for `Respond`.
        gated: bool,
    },
    /// Find the way for a transfer.
    Referred(Box<Referral>),
    /// Send the ACK to a 2xx.
    Ack {
        /// The leg.
        leg: LegId,
        /// The way.
        flow: Flow,
        /// The ACK, without Via.
        request: Request,
        /// As for `Respond`.
        gated: bool,
    },
    /// Cancel the leg's open INVITE.
    Cancel {
        /// The leg.
        leg: LegId,
        /// Why: the value of Reason.
        reason: Option<String>,
        /// As for `Respond`.
        gated: bool,
    },
    /// The leg's INVITE is answered in this transaction.
    Invited {
        /// The leg.
        leg: LegId,
        /// The transaction.
        key: ServerKey,
    },
    /// The leg has a dialog by this name now.
    DialogMade {
        /// The leg.
        leg: LegId,
        /// The name.
        id: DialogId,
    },
    /// A stream belongs to this leg now.
    StreamMade {
        /// The leg.
        leg: LegId,
        /// The stream.
        stream: StreamId,
    },
    /// The INVITE on this way has had no word for as long as it may.
    Silent {
        /// The leg that sent it.
        leg: LegId,
        /// The way.
        flow: Flow,
    },
    /// A party and this box have found nothing to speak.
    Unsuited(Box<Unsuited>),
    /// An order to the media plane.
    Media(MediaOrder),
    /// A fact for the log.
    Fact(Fact),
    /// News for the queue engine.
    Queue(queue::Input),
    /// Everything of this call is over.
    Over,
}

/// What two sides would have spoken, each in one line: `RTP/AVP PCMA PCMU`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsuited {
    /// The leg.
    pub leg: LegId,
    /// Whose it is.
    pub origin: Origin,
    /// What we offered or take.
    pub ours: String,
    /// What they offered or take, if they said so.
    pub theirs: Option<String>,
}

/// What a call works with during one step.
pub struct Desk<'a> {
    /// The time of the step.
    pub now: Now,
    /// The configuration in force.
    pub config: &'a Config,
    /// For tags, call ids and SSRCs.
    pub entropy: &'a mut Entropy,
    /// For new ids.
    pub ids: &'a mut Ids,
    /// The media ports.
    pub ports: &'a mut Ports,
    /// Which calls are transcoded.
    pub transcoding: &'a mut Transcoding,
    /// Whether the call in hand goes to an emergency number: it may have any port.
    pub urgent: bool,
    /// The certificates of handshakes on the way of the audio; none, and there are none.
    pub certificates: &'a [Fingerprint],
    /// The codecs of the call in hand that are relayed without being understood.
    pub codecs: OpaqueCodecs,
    /// Where orders go.
    pub out: &'a mut Outbox<Output>,
}

/// Gives every id once. Continues over restarts because it starts from the site's wall clock or
/// the journal, whichever is further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ids(u64);

impl Ids {
    /// The first id is one after `last`.
    #[must_use]
    pub const fn after(last: u64) -> Self {
        Self(last)
    }

    /// The last id that was given.
    #[must_use]
    pub const fn last(self) -> u64 {
        self.0
    }

    fn next(&mut self) -> u64 {
        self.0 += 1;
        self.0
    }

    /// A new call.
    pub fn call(&mut self) -> CallId {
        CallId(self.next())
    }

    /// A further contact of a call. Its first one has the number of the call itself.
    pub fn contact(&mut self) -> ContactId {
        ContactId(self.next())
    }

    /// A new leg.
    pub fn leg(&mut self) -> LegId {
        LegId(self.next())
    }

    /// From now on ids are beyond this one, which was found in use.
    pub fn skip_beyond(&mut self, used: u64) {
        self.0 = self.0.max(used);
    }

    /// A new stream.
    pub fn stream(&mut self) -> StreamId {
        StreamId(self.next())
    }
}
