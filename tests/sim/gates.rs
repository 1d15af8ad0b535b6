//! I10: which messages must wait for the disk (QUEUEING.md 2.13), judged by their first copy.
//!
//! Gates 1 and 2: what tells a caller that the call exists. Gate 3: the first prompt of a queue,
//! after the place in it. Gate 4: the INVITE to an agent, after the reservation. Gate 6: the ACK to
//! the agent who won and the CANCEL to the other phones, after the win.

use holdfast_base::limits::GATE_MAX;
use holdfast_base::{Lsn, Mono, StreamId};
use holdfast_core::media::order::{MediaOrder, Source};
use holdfast_core::record::event::{Event, Fact};
use holdfast_wire::sip::{Message, Method};
use std::collections::{BTreeMap, BTreeSet};

/// The judge of gates.
#[derive(Debug, Default)]
pub struct Gates {
    /// Calls of callers of which an answer was let out already, by Call-ID and status.
    told: BTreeSet<(String, u16)>,
    /// Dialogs that a success has begun: what follows in them is not of the first INVITE.
    begun: BTreeSet<String>,
    invited: BTreeSet<String>,
    arrived: Lsn0,
    reserved: Lsn0,
    /// The win of this step, if there is one.
    won: Option<Lsn>,
    /// Calls in a queue that have heard nothing yet, and when they entered.
    silent: BTreeMap<u64, (Lsn, Mono)>,
    /// The caller's stream of each of these calls.
    streams: BTreeMap<StreamId, u64>,
}

/// The place of the last fact of a kind.
#[derive(Debug)]
struct Lsn0(Lsn);

impl Default for Lsn0 {
    fn default() -> Self {
        Self(Lsn(0))
    }
}

impl Gates {
    /// Takes a fact.
    pub fn hear(&mut self, event: &Event) {
        match &event.fact {
            Fact::CallArrived { .. } => self.arrived = Lsn0(event.lsn),
            Fact::Reserved { .. } => self.reserved = Lsn0(event.lsn),
            Fact::OfferWon { .. } => self.won = Some(event.lsn),
            Fact::Enqueued { call, .. } => {
                self.silent.insert(call.0, (event.lsn, event.at.mono));
            }
            _ => {}
        }
    }

    /// Checks a message that the site lets go.
    pub fn check(&mut self, bytes: &[u8], after: Option<Lsn>) {
        match Message::parse(bytes) {
            Ok(Message::Response(response)) => {
                let cseq = response.headers.cseq().expect("a CSeq");
                let call_id = response.headers.call_id().expect("a Call-ID").into_owned();
                let code = response.status.code();
                if cseq.method != Method::Invite || !(101..300).contains(&code) {
                    return;
                }
                if self.begun.contains(&call_id) || !self.told.insert((call_id.clone(), code)) {
                    return;
                }
                if response.status.is_success() {
                    self.begun.insert(call_id);
                }
                let waits = after.is_some_and(|after| after >= self.arrived.0);
                assert!(waits, "gate 1: {code} to {cseq} does not wait for {:?}", self.arrived);
            }
            Ok(Message::Request(request)) if request.method == Method::Invite => {
                let from = request.headers.from().expect("a From");
                let call_id = request.headers.call_id().expect("a Call-ID").into_owned();
                self.begun.insert(call_id.clone()); // their re-INVITEs come under it
                let offer = from.display.is_some_and(|display| display.contains('\u{2013}'));
                if offer && self.invited.insert(call_id) {
                    let waits = after.is_some_and(|after| after >= self.reserved.0);
                    assert!(waits, "gate 4: INVITE before its reservation {:?}", self.reserved);
                }
            }
            Ok(Message::Request(request))
                if matches!(request.method, Method::Ack | Method::Cancel) =>
            {
                let call_id = request.headers.call_id().expect("a Call-ID").into_owned();
                if let Some(won) = self.won
                    && self.invited.contains(&call_id)
                {
                    let waits = after.is_some_and(|after| after >= won);
                    assert!(waits, "gate 6: {} before the win {won:?}", request.method);
                }
            }
            Ok(Message::Request(_)) | Err(_) => {}
        }
    }

    /// Checks an order to the media plane, which is never held: a prompt starts when its call's
    /// place in the queue is on disk, or when the gate would have given up.
    pub fn check_media(&mut self, order: &MediaOrder, durable: Lsn) {
        match order {
            MediaOrder::Open(open) if self.silent.contains_key(&open.shard) => {
                let known = self.streams.values().any(|call| *call == open.shard);
                if !known {
                    self.streams.insert(open.stream, open.shard);
                }
            }
            MediaOrder::Hear { stream, source: Source::Clips { since, .. } } => {
                let known = self.streams.get(stream).and_then(|call| self.silent.get(call));
                // Heard since before, or in the very step in which another queue led it on: after
                // a crash it is in that one again, at the rank that it has in both.
                if known.is_some_and(|(_, at)| since <= at) {
                    return;
                }
                let call = self.streams.remove(stream);
                let entered = call.and_then(|call| self.silent.remove(&call));
                if let Some((lsn, at)) = entered {
                    let late = since.since(at) >= GATE_MAX;
                    assert!(late || durable >= lsn, "gate 3: a prompt at {since:?}, {lsn:?}");
                }
            }
            MediaOrder::Open(_)
            | MediaOrder::Expect { .. }
            | MediaOrder::Hear { .. }
            | MediaOrder::PressKey { .. }
            | MediaOrder::Record { .. }
            | MediaOrder::Close { .. }
            | MediaOrder::Hold { .. } => {}
        }
    }

    /// The step is over: what follows is of another.
    pub fn end_step(&mut self) {
        self.won = None;
    }

    /// After a restart a dialog may be spoken for by a re-INVITE.
    pub fn site_died(&mut self) {
        self.arrived = Lsn0::default();
        self.reserved = Lsn0::default();
        self.won = None;
        self.silent.clear();
        self.streams.clear();
    }
}
