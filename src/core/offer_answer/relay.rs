//! From one leg to the other: the offer of one caller as the offer to the other party.

use super::codec::{Codec, Format, Role};
use super::session::{Agreement, Secured};
use super::theirs::TheirAudio;
use holdfast_wire::sdp::Direction;
use serde::{Deserialize, Serialize};

/// What an offer of ours shall say about audio.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// What we take, best first. Payload types are kept unless they meant something else before.
    pub formats: Vec<Format>,
    /// How much audio we want in one packet.
    pub ptime_ms: Option<u16>,
    /// Which way it shall flow, seen by us.
    pub direction: Direction,
}

/// An offer of the peer, as far as whoever decides the answer has to know it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offered {
    /// What the peer takes, best first, under its payload types.
    pub formats: Vec<Format>,
    /// How much audio it wants in one packet.
    pub ptime_ms: Option<u16>,
    /// Which way it shall flow, seen by the peer; hold by address is a direction here.
    pub direction: Direction,
    /// What is different from what was agreed before.
    pub change: Change,
}

/// What an offer of the peer changes. A refresh and a move concern this leg alone; everything else
/// is news for the other leg of the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// Nothing was agreed before.
    First,
    /// Nothing: a session refresh (RFC 4028 §7.4). It is answered without asking anybody.
    Refresh,
    /// Only where the peer wants its media, or under which keys.
    Moved,
    /// Who sends: hold or resume.
    Direction,
    /// What was spoken is not offered any more.
    Formats,
}

impl Offered {
    /// The same as an offer of ours on the other leg: every codec, in order, under its number.
    #[must_use]
    pub fn onward(&self) -> Proposal {
        Proposal {
            formats: self.formats.clone(),
            ptime_ms: self.ptime_ms,
            direction: self.direction,
        }
    }
}

impl Proposal {
    /// The same without the formats whose codec is not in the list.
    #[must_use]
    pub fn limited_to(mut self, allowed: &[Codec]) -> Self {
        self.formats.retain(|format| allowed.iter().any(|codec| codec.is_same_as(&format.codec)));
        self
    }
}

impl Agreement {
    /// What this offer of the peer would change.
    pub(super) fn change(&self, offer: &TheirAudio) -> Change {
        let session = &self.session;
        let still = |format: &Format| {
            let mut offered = offer.formats.iter();
            offered.any(|o| o.payload == format.payload && o.codec.is_same_as(&format.codec))
        };
        let beside = session.sendable.iter().filter(|format| format.role() != Role::Voice);
        if !still(&session.send) || !beside.into_iter().all(still) {
            return Change::Formats;
        }
        let ours = self.body.audio().map_or(Direction::Inactive, |audio| audio.direction);
        if offer.direction.reversed().within(self.wanted) != ours {
            return Change::Direction;
        }
        let keeps_key = match &session.secured {
            None => offer.keys.is_empty() && offer.dtls.is_none(),
            Some(Secured::Sdes(agreed)) => {
                offer.keys.iter().any(|key| key.key == agreed.theirs.key)
            }
            Some(Secured::Dtls(agreed)) => {
                let theirs = offer.dtls.as_ref().map(|dtls| &dtls.fingerprints);
                theirs == Some(&agreed.fingerprints)
            }
        };
        let keeps_way = offer.address == session.remote
            && offer.ice.as_ref() == session.ice.as_ref().map(|ice| &ice.theirs);
        let moved = !keeps_way || !keeps_key;
        if moved { Change::Moved } else { Change::Refresh }
    }
}
