//! Under which names a call can be found: dialogs, transactions, streams, offers.
//!
//! Every name belongs to one call and is forgotten with it, in one place.

use holdfast_base::{CallId, LegId, Mono, OfferId, StreamId};
use holdfast_wire::sip::CSeq;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::media::order::StreamCounters;
use crate::rate::PerSecond;
use crate::sip::dialog::DialogId;
use crate::sip::transaction::{ClientKey, ServerKey};

/// A call and one of its legs.
pub(super) type Place = (CallId, LegId);

/// A stream: the leg that it belongs to, and what it counted last.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stream {
    pub(super) place: Place,
    pub(super) counters: StreamCounters,
    /// When audio came last, or its silence was last told of.
    heard: Mono,
}

/// The names of all calls.
#[derive(Debug, Default)]
pub(super) struct Directory {
    dialogs: BTreeMap<DialogId, Place>,
    servers: BTreeMap<ServerKey, Place>,
    clients: BTreeMap<ClientKey, Place>,
    invites: BTreeMap<LegId, ClientKey>,
    questions: BTreeMap<ClientKey, (Place, CSeq)>,
    streams: BTreeMap<StreamId, Stream>,
    offers: BTreeMap<OfferId, CallId>,
    names_of: BTreeMap<CallId, Names>,
}

/// The names of one call.
#[derive(Debug, Default)]
struct Names {
    dialogs: Vec<DialogId>,
    servers: Vec<ServerKey>,
    clients: BTreeSet<ClientKey>,
    legs: BTreeSet<LegId>,
    streams: Vec<StreamId>,
    offers: Vec<OfferId>,
    requests: PerSecond,
}

/// Most requests inside the dialogs of one call within a second. Each one is answered in a
/// transaction and written down; parties in earnest send one or two.
const REQUESTS_PER_SECOND_MAX: u32 = 20;

/// Most requests of ours by which one call is found, beside the last INVITE of each leg: those of
/// the last minutes, whose answers may be repeated (RFC 3261 §13.2.2.4).
const CLIENTS_MAX: usize = 64;

impl Directory {
    /// The leg of this dialog.
    pub(super) fn dialog(&self, id: Option<DialogId>) -> Option<Place> {
        self.dialogs.get(&id?).copied()
    }

    /// Notes a request inside a dialog of this call. False when there are too many in this second.
    pub(super) fn permits(&mut self, now: Mono, call: CallId) -> bool {
        self.names(call).requests.permits(now, REQUESTS_PER_SECOND_MAX)
    }

    /// A leg has a dialog of this name now.
    pub(super) fn add_dialog(&mut self, place: Place, id: DialogId) {
        self.names(place.0).dialogs.push(id.clone());
        self.dialogs.insert(id, place);
    }

    /// The leg whose INVITE is answered in this transaction.
    pub(super) fn server(&self, key: ServerKey) -> Option<Place> {
        self.servers.get(&key).copied()
    }

    /// A leg's INVITE is answered in this transaction.
    pub(super) fn add_server(&mut self, place: Place, key: ServerKey) {
        self.names(place.0).servers.push(key);
        self.servers.insert(key, place);
    }

    /// The transaction is over for its leg.
    pub(super) fn end_server(&mut self, key: ServerKey) -> Option<Place> {
        let place = self.servers.remove(&key)?;
        self.names(place.0).servers.retain(|known| *known != key);
        Some(place)
    }

    /// The leg that sent an INVITE in this transaction.
    pub(super) fn client(&self, key: ClientKey) -> Option<Place> {
        self.clients.get(&key).copied()
    }

    /// The transaction of the leg's last INVITE.
    pub(super) fn invite_of(&self, leg: LegId) -> Option<ClientKey> {
        self.invites.get(&leg).copied()
    }

    /// A leg sent an INVITE in this transaction.
    pub(super) fn add_invite(&mut self, place: Place, key: ClientKey) {
        let names = self.names(place.0);
        names.clients.insert(key);
        names.legs.insert(place.1);
        self.clients.insert(key, place);
        self.invites.insert(place.1, key);
        self.drop_one_too_many(place.0);
    }

    /// Of an INVITE that was answered long ago nothing comes any more.
    fn drop_one_too_many(&mut self, call: CallId) {
        let Some(names) = self.names_of.get_mut(&call) else { return };
        if names.clients.len() <= CLIENTS_MAX {
            return;
        }
        let last = |key: &ClientKey| {
            let place = self.clients.get(key);
            place.is_none_or(|place| self.invites.get(&place.1) == Some(key))
        };
        let old = names.clients.iter().copied().find(|key| !last(key));
        if let Some(old) = old {
            names.clients.remove(&old);
            self.clients.remove(&old);
        }
    }

    /// The INVITE has its final answer, or will never have one.
    pub(super) fn end_invite(&mut self, key: ClientKey) -> Option<Place> {
        let place = self.clients.remove(&key)?;
        self.names(place.0).clients.remove(&key);
        if self.invites.get(&place.1) == Some(&key) {
            self.invites.remove(&place.1);
        }
        Some(place)
    }

    /// The leg that sent this request other than INVITE.
    pub(super) fn question(&self, key: ClientKey) -> Option<Place> {
        self.questions.get(&key).map(|(place, _)| *place)
    }

    /// A leg waits for the answer to a request other than INVITE.
    pub(super) fn add_question(&mut self, place: Place, key: ClientKey, cseq: CSeq) {
        self.names(place.0).clients.insert(key);
        self.questions.insert(key, (place, cseq));
    }

    /// That request has its final answer, or will never have one.
    pub(super) fn end_question(&mut self, key: ClientKey) -> Option<(Place, CSeq)> {
        let question = self.questions.remove(&key)?;
        self.names(question.0.0).clients.remove(&key);
        Some(question)
    }

    /// A stream of a live call.
    pub(super) fn stream(&self, stream: StreamId) -> Option<&Stream> {
        self.streams.get(&stream)
    }

    /// A leg has this stream now.
    pub(super) fn add_stream(&mut self, now: Mono, place: Place, stream: StreamId) {
        self.names(place.0).streams.push(stream);
        let counters = StreamCounters::default();
        self.streams.insert(stream, Stream { place, counters, heard: now });
    }

    /// A stream reports its counters. The leg, if nothing came for `limit`; told once each `limit`.
    pub(super) fn count(
        &mut self,
        now: Mono,
        stream: StreamId,
        counters: StreamCounters,
        limit: Duration,
    ) -> Option<Place> {
        let known = self.streams.get_mut(&stream)?;
        let before = std::mem::replace(&mut known.counters, counters);
        let silent = counters.received == before.received;
        if silent && now.since(known.heard) < limit {
            return None;
        }
        known.heard = now;
        silent.then_some(known.place)
    }

    /// The stream is closed; the leg that it belonged to.
    pub(super) fn end_stream(&mut self, stream: StreamId) -> Option<Place> {
        self.streams.remove(&stream).map(|known| known.place)
    }

    /// Every open stream.
    pub(super) fn streams(&self) -> impl ExactSizeIterator<Item = (&StreamId, &Stream)> {
        self.streams.iter()
    }

    /// The call that works on this offer.
    pub(super) fn offer(&self, offer: OfferId) -> Option<CallId> {
        self.offers.get(&offer).copied()
    }

    /// A call works on this offer.
    pub(super) fn add_offer(&mut self, call: CallId, offer: OfferId) {
        self.names(call).offers.push(offer);
        self.offers.insert(offer, call);
    }

    /// Forgets every name of a call that is over.
    pub(super) fn forget(&mut self, call: CallId) {
        let names = self.names_of.remove(&call).unwrap_or_default();
        for dialog in &names.dialogs {
            // One that another call has taken over is that call's.
            if self.dialogs.get(dialog).is_some_and(|place| place.0 == call) {
                self.dialogs.remove(dialog);
            }
        }
        for key in &names.servers {
            self.servers.remove(key);
        }
        for key in &names.clients {
            self.clients.remove(key);
            self.questions.remove(key);
        }
        for leg in &names.legs {
            self.invites.remove(leg);
        }
        for stream in &names.streams {
            self.streams.remove(stream);
        }
        for offer in &names.offers {
            self.offers.remove(offer);
        }
    }

    /// How many names there are, of whatever kind.
    pub(super) fn len(&self) -> usize {
        let found = self.dialogs.len() + self.servers.len() + self.clients.len();
        let asked = self.invites.len() + self.questions.len() + self.offers.len();
        found + asked + self.streams.len() + self.names_of.len()
    }

    fn names(&mut self, call: CallId) -> &mut Names {
        self.names_of.entry(call).or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::{CLIENTS_MAX, DialogId, Directory, ServerKey};
    use crate::sip::transaction::ClientKey;
    use holdfast_base::{CallId, LegId, Mono, OfferId, StreamId};
    use holdfast_wire::sip::{CSeq, Method};

    #[test]
    fn a_call_that_asks_all_day_has_no_more_names_for_it() {
        let mut directory = Directory::default();
        let place = (CallId(1), LegId(1));
        directory.add_dialog(
            place,
            DialogId { call_id: "c".into(), local_tag: "a".into(), remote_tag: "b".into() },
        );
        let asked = |directory: &mut Directory, key| {
            directory.add_invite(place, ClientKey(key));
            directory.end_invite(ClientKey(key));
            let cseq = CSeq { number: 1, method: Method::Update };
            directory.add_question(place, ClientKey(key + 1), cseq);
            directory.end_question(ClientKey(key + 1));
            let known = directory.len();
            let names = directory.names(place.0);
            (known, names.clients.len(), names.legs.len())
        };
        let before = asked(&mut directory, 1);
        let after = (1..1000).map(|key| asked(&mut directory, key * 2)).last();
        assert_eq!(after, Some(before));
        // Answered by a 200, which may be repeated for a while.
        (2000..3000).for_each(|key| directory.add_invite(place, ClientKey(key)));
        assert_eq!(directory.clients.len(), CLIENTS_MAX);
        assert_eq!(directory.client(ClientKey(2999)), Some(place));
        assert_eq!(directory.client(ClientKey(2000)), None);
    }

    #[test]
    fn nothing_of_a_call_is_found_once_it_is_forgotten() {
        let mut directory = Directory::default();
        let id = |tag: &str| DialogId {
            call_id: "c".into(),
            local_tag: tag.into(),
            remote_tag: "r".into(),
        };
        for (call, tag) in [(1, "a"), (2, "b")] {
            let place = (CallId(call), LegId(call));
            directory.add_dialog(place, id(tag));
            directory.add_server(place, ServerKey(call));
            directory.add_invite(place, ClientKey(call));
            directory.add_stream(Mono::default(), place, StreamId(call));
            directory.add_offer(CallId(call), OfferId(call));
        }
        directory.forget(CallId(1));
        for (call, tag, left) in [(1, "a", None), (2, "b", Some((CallId(2), LegId(2))))] {
            assert_eq!(directory.dialog(Some(id(tag))), left);
            assert_eq!(directory.server(ServerKey(call)), left);
            assert_eq!(directory.client(ClientKey(call)), left);
            assert_eq!(directory.invite_of(LegId(call)).is_some(), left.is_some());
            assert_eq!(directory.stream(StreamId(call)).map(|stream| stream.place), left);
            assert_eq!(directory.offer(OfferId(call)).is_some(), left.is_some());
        }
    }
}
