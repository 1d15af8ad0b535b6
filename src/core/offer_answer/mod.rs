//! Offer and answer (RFC 3264, RFC 6337): one machine per leg.
//!
//! The box anchors the audio: on each leg it writes descriptions of its own, and this machine
//! decides what they say. It knows one offer at a time, whichever message carries it: INVITE, 2xx,
//! ACK, PRACK or UPDATE. It refuses to know messages, transactions, ports being free, packets and
//! the other leg.
//!
//! ```text
//!          offer                 receive_answer
//!   Idle ────────> OfferSent ─────────────────────> Agreed <─────────────┐
//!    │                 └─ preview_answer ─> Previewed ─┘ (receive_answer) │
//!    │    receive_offer                        answer                     │
//!    └──────────────> OfferReceived ──────────────────────────────────────┘
//! ```
//!
//! From `Agreed` the next offer of either side leads back to `OfferSent` or `OfferReceived`, and
//! `roll_back` from any open offer to what was there before it.
//!
//! A fork of an INVITE is a clone of the machine, one per To-tag: each early dialog gets its own
//! answer to the same offer (RFC 6337 §3.1).
//!
//! Audio is carried over RTP, in the clear, under keys that travel in the description ([`sdes`]),
//! or under those of a handshake ([`dtls`]) on a way that checks have found ([`ice`]). What was
//! encrypted once, early audio too, is never in the clear again in the same dialog; another fork is
//! another phone, which may have no encryption where that is only preferred. Any other stream of an
//! offer is refused by port 0 and keeps its place; further streams would be variants of [`Stream`].

mod choose;
mod codec;
pub mod dtls;
pub mod ice;
mod layout;
pub mod line;
mod ours;
mod plane;
#[cfg(test)]
mod properties;
mod reject;
mod relay;
#[cfg(test)]
mod scripts;
pub mod sdes;
mod session;
mod theirs;

pub use choose::Choice;
pub use codec::{Codec, Encoding, Format, Role};
pub use layout::Refused;
pub use ours::{Anchor, Body, Edition, OurAudio, Profile, Stream};
pub use plane::OpaqueCodecs;
pub use reject::{Fault, Reject};
pub use relay::{Change, Offered, Proposal};
pub use session::{Agreement, HoldState, Keys, Secured, Session};
pub use theirs::{RemoteAddress, Terms, TheirAudio, TheirOffer};

use holdfast_base::Wall;
use holdfast_wire::sdp::{Direction, Fingerprint, Sdp};
use ice::Mid;
use sdes::OwnKeys;
use serde::{Deserialize, Serialize};
use session::Offerer;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// The offers and answers of one leg.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferAnswer {
    anchor: Anchor,
    /// Our keys; of a journal that knew of none, none.
    #[serde(default)]
    keys: OwnKeys,
    /// The description that went out last, whatever became of it.
    last: Option<Edition>,
    /// What each payload type of ours has meant on this leg (RFC 3264 §8.3.2).
    bound: BTreeMap<u8, Codec>,
    state: State,
}

/// Where the exchange stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// Nothing was agreed, and nothing is open.
    Idle,
    /// Our offer is out.
    OfferSent {
        /// What it said.
        offer: OurOffer,
        /// What stays in force if it is refused.
        before: Option<Box<Agreement>>,
    },
    /// Our offer is out, and an unreliable 18x has shown an answer that may still change.
    Previewed {
        /// What the offer said.
        offer: OurOffer,
        /// What follows if the answer stays as shown.
        preview: Box<Agreement>,
        /// What stays in force if the offer is refused.
        before: Option<Box<Agreement>>,
    },
    /// The peer's offer waits for our answer.
    OfferReceived {
        /// What it said.
        offer: Box<TheirOffer>,
        /// What stays in force if we refuse it.
        before: Option<Box<Agreement>>,
    },
    /// Both sides agree, and nothing is open.
    Agreed(Box<Agreement>),
}

/// An offer of ours that is out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OurOffer {
    /// What it said.
    pub body: Body,
    /// The direction that we wanted.
    pub wanted: Direction,
}

impl OfferAnswer {
    /// A leg on which nothing was said yet.
    #[must_use]
    pub const fn new(anchor: Anchor, keys: OwnKeys) -> Self {
        Self { anchor, keys, last: None, bound: BTreeMap::new(), state: State::Idle }
    }

    /// Our keys.
    #[must_use]
    pub const fn keys(&self) -> &OwnKeys {
        &self.keys
    }

    /// Our keys change: the next offer or answer brings new ones, and none is used until then.
    pub fn renew_keys(&mut self, now: Wall, certificates: &[Fingerprint]) {
        self.keys.renew(now, certificates);
    }

    /// The way that checks have found is lost: the next offer has other names for them.
    pub fn restart_checks(&mut self, now: Wall) {
        self.keys.restart_checks(now);
    }

    /// The peer has refused our first offer: the same in the clear, where encryption is preferred
    /// and no more. None where it has to be, or was not offered.
    pub fn offer_in_the_clear(&mut self) -> Option<Sdp> {
        let State::OfferSent { offer, before: None } = &self.state else { return None };
        let audio = offer.body.audio().filter(|audio| audio.profile.is_secure())?;
        let clear = OurAudio {
            profile: Profile::Avp,
            keys: Vec::new(),
            dtls: None,
            ice: None,
            mid: None,
            ..audio.clone()
        };
        let streams = offer.body.streams.iter().map(|stream| stream.with_audio(&clear)).collect();
        let wanted = offer.wanted;
        self.keys.fall_back().then(|| self.send_offer(streams, wanted, None))
    }

    /// What our open offer says of audio, in one line for people; what we said last where none is
    /// open.
    #[must_use]
    pub fn offered(&self) -> Option<String> {
        let said = self.our_offer().map(|(offer, _)| &offer.body);
        let said = said.or(self.last.as_ref().map(|edition| &edition.body));
        said.and_then(Body::audio).map(line::of_ours)
    }

    /// Where our descriptions say that the audio is.
    #[must_use]
    pub const fn anchor(&self) -> &Anchor {
        &self.anchor
    }

    /// From now on our descriptions name another place for the audio. The peer learns of it with
    /// the next offer or answer.
    pub const fn move_anchor(&mut self, address: IpAddr, rtp_port: u16) {
        self.anchor.address = address;
        self.anchor.rtp_port = rtp_port;
    }

    /// Makes an offer: the first one, or one that changes what was agreed. Earlier `m=` lines are
    /// repeated; when it says the same as our last description it carries the same version.
    ///
    /// For a re-INVITE without an offer the proposal should hold everything that we can do, not
    /// just what is spoken (RFC 3261 §14.2), in the direction that we want, not in that which the
    /// peer left us (RFC 6337 §5.3).
    ///
    /// # Errors
    /// When an offer of either side is open, or the proposal has no voice codec.
    pub fn offer(&mut self, proposal: &Proposal) -> Result<Sdp, Reject> {
        let before = self.settled()?;
        let formats = choose::renumber(&proposal.formats, &self.bound);
        if !formats.iter().any(|format| format.role() == Role::Voice) {
            return Err(Reject::Unacceptable(Fault::NoCommonCodec));
        }
        let earlier = before.as_ref().map(|agreement| &agreement.body);
        let audio = self.protected(before.as_deref(), |profile| OurAudio {
            profile,
            formats,
            ptime_ms: proposal.ptime_ms,
            direction: proposal.direction,
            keys: Vec::new(),
            dtls: None,
            ice: None,
            mid: earlier.and_then(Body::audio).and_then(|audio| audio.mid.clone()),
        });
        let streams = earlier.map_or_else(
            || vec![Stream::Audio(audio.clone())],
            |body| body.streams.iter().map(|stream| stream.with_audio(&audio)).collect(),
        );
        Ok(self.send_offer(streams, proposal.direction, before))
    }

    /// Under which profile and keys an offer of ours goes out: as before, with the suite that is in
    /// use, or as it is wished.
    fn protected(
        &self,
        before: Option<&Agreement>,
        audio: impl FnOnce(Profile) -> OurAudio,
    ) -> OurAudio {
        let earlier = before.and_then(|agreement| agreement.body.audio());
        let in_use = before.and_then(|agreement| agreement.session.secured.as_ref());
        let wished = self.keys.offered();
        let by_handshake = self.keys.offers_handshake();
        let usual = match (by_handshake, wished.is_empty()) {
            (true, _) => Profile::DtlsSavpf,
            (false, true) => Profile::Avp,
            (false, false) => Profile::Savp,
        };
        let mut audio = audio(earlier.map_or(usual, |audio| audio.profile));
        let secure = audio.profile.is_secure();
        match in_use {
            Some(Secured::Sdes(agreed)) if secure => {
                audio.keys = vec![self.keys.renewed(&agreed.ours)];
            }
            Some(Secured::Dtls(_)) if secure => audio.dtls = self.keys.dtls_offered(),
            None if secure && by_handshake => audio.dtls = self.keys.dtls_offered(),
            None if secure => audio.keys = wished,
            Some(Secured::Sdes(_) | Secured::Dtls(_)) | None => {}
        }
        if audio.dtls.is_some() && audio.mid.is_none() {
            audio.mid = Some(Mid { name: "0".to_owned(), bundled: true });
        }
        let checked = match earlier {
            Some(earlier) => earlier.ice.is_some(),
            None => audio.dtls.is_some() || (secure && self.keys.wants_ice()),
        };
        if checked {
            let said = earlier.and_then(|audio| audio.ice.as_ref()).map(|ours| (ours, None));
            audio.ice = Some(self.keys.ice(said, None, self.bound_for(&audio)));
        }
        audio
    }

    /// The second address of a stream in checks. Teams takes one alone (MICROSOFT.md 1.7), and to
    /// everybody whose keys are in descriptions only what is advertised is told.
    fn bound_for(&self, audio: &OurAudio) -> Option<IpAddr> {
        self.anchor.bound.filter(|_| audio.dtls.is_some())
    }

    /// Offers again what we said in the running session: a session refresh of ours (RFC 4028
    /// §7.4), which has the same version unless the anchor moved or an offer was refused since.
    ///
    /// # Errors
    /// When nothing was agreed yet, or an offer of either side is open.
    pub fn refresh(&mut self) -> Result<Sdp, Reject> {
        let agreement = self.settled()?.ok_or(Reject::NothingAgreed)?;
        let streams = agreement.body.streams.iter().map(|stream| stream.with_keys(&self.keys));
        let streams = streams.collect();
        Ok(self.send_offer(streams, agreement.wanted, Some(agreement)))
    }

    /// Offers what was agreed once more in another direction: hold, or its end (RFC 3264 §8.4).
    ///
    /// # Errors
    /// As [`Self::refresh`].
    pub fn turn(&mut self, wanted: Direction) -> Result<Sdp, Reject> {
        let agreement = self.settled()?.ok_or(Reject::NothingAgreed)?;
        let audio = agreement.body.audio().ok_or(Reject::NothingAgreed)?;
        let audio = OurAudio { direction: wanted, ..audio.clone() };
        let turned = |stream: &Stream| stream.with_audio(&audio).with_keys(&self.keys);
        let streams = agreement.body.streams.iter().map(turned).collect();
        Ok(self.send_offer(streams, wanted, Some(agreement)))
    }

    /// The direction that we wanted when we agreed last.
    #[must_use]
    pub fn wanted(&self) -> Option<Direction> {
        match &self.state {
            State::Idle => None,
            State::Agreed(agreement) => Some(agreement.wanted),
            State::OfferSent { before, .. }
            | State::Previewed { before, .. }
            | State::OfferReceived { before, .. } => {
                before.as_ref().map(|agreement| agreement.wanted)
            }
        }
    }

    fn send_offer(
        &mut self,
        streams: Vec<Stream>,
        wanted: Direction,
        before: Option<Box<Agreement>>,
    ) -> Sdp {
        let body = self.body(streams);
        let sdp = self.write(body.clone());
        self.state = State::OfferSent { offer: OurOffer { body, wanted }, before };
        sdp
    }

    /// Takes the answer shown in an unreliable 18x. The session follows it, and the answer in the
    /// 2xx may repeat it or be another (RFC 3261 §13.2.1, RFC 6337 §3.1.1).
    ///
    /// # Errors
    /// When no offer of ours is open, or the answer does not suit; the caller may ignore it then.
    pub fn preview_answer(&mut self, answer: &Sdp) -> Result<(), Reject> {
        let (offer, before) = self.our_offer().ok_or(Reject::NoOfferIsOpen)?;
        let preview = Box::new(self.agree_with(offer, answer)?);
        let (offer, before) = (offer.clone(), before.cloned().map(Box::new));
        self.state = State::Previewed { offer, preview, before };
        Ok(())
    }

    /// Takes the answer shown before as the answer: the 2xx came without one. It should have
    /// repeated it (RFC 3261 §13.2.1), but gateways forget.
    ///
    /// # Errors
    /// When no answer was shown.
    pub fn keep_preview(&mut self) -> Result<(), Reject> {
        let preview = match &self.state {
            State::Previewed { preview, .. } => preview.clone(),
            State::Idle
            | State::OfferSent { .. }
            | State::OfferReceived { .. }
            | State::Agreed(_) => return Err(Reject::NoOfferIsOpen),
        };
        self.state = State::Agreed(preview);
        Ok(())
    }

    /// Takes the answer to our offer: in a 2xx, an ACK, a PRACK exchange or a reliable 18x.
    ///
    /// # Errors
    /// When no offer of ours is open, or the answer does not suit. The offer stays open then: the
    /// call is to be ended, or the running session kept by [`Self::roll_back`].
    pub fn receive_answer(&mut self, answer: &Sdp) -> Result<(), Reject> {
        let (offer, _) = self.our_offer().ok_or(Reject::NoOfferIsOpen)?;
        let agreement = self.agree_with(offer, answer)?;
        self.state = State::Agreed(Box::new(agreement));
        Ok(())
    }

    /// Takes an offer of the peer, of any request or of the 2xx to our INVITE without one.
    ///
    /// # Errors
    /// When an offer of either side is open, or there is nothing in it that we could answer.
    pub fn receive_offer(&mut self, offer: &Sdp) -> Result<Offered, Reject> {
        let before = self.settled()?;
        let place = before.as_ref().and_then(|agreement| agreement.body.audio_place());
        let offer = TheirOffer::read(offer, place, self.terms()).map_err(Reject::Unacceptable)?;
        let was_secure = before.as_ref().is_some_and(|before| before.session.secured.is_some());
        if was_secure && !offer.audio.profile.is_secure() {
            return Err(Reject::Unacceptable(Fault::Clear));
        }
        let offered = Offered {
            formats: offer.audio.formats.clone(),
            ptime_ms: offer.audio.ptime_ms,
            direction: offer.audio.direction,
            change: before.as_deref().map_or(Change::First, |before| before.change(&offer.audio)),
        };
        self.state = State::OfferReceived { offer: Box::new(offer), before };
        Ok(offered)
    }

    /// Answers the peer's offer: the direction is what the offer leaves of `wanted`
    /// (RFC 3264 §6.1), every stream but the audio is refused in its place.
    ///
    /// # Errors
    /// When no offer of the peer is open, or none of its codecs is in the choice. The offer stays
    /// open then: another choice may suit, or it is refused and [`Self::roll_back`] called.
    pub fn answer(&mut self, choice: Choice<'_>, wanted: Direction) -> Result<Sdp, Reject> {
        let (offer, before) = self.their_offer().ok_or(Reject::NoOfferIsOpen)?;
        let theirs = &offer.audio;
        let in_use = before.and_then(|before| before.session.secured.as_ref());
        let keys = self.keys.answered(&theirs.keys, in_use.and_then(Secured::keys));
        let shaken = in_use.and_then(Secured::handshake);
        let mut ours = OurAudio {
            keys: keys.into_iter().collect(),
            dtls: theirs.dtls.as_ref().and_then(|said| self.keys.dtls_answered(said, shaken)),
            ice: None,
            mid: theirs.mid.clone(),
            profile: theirs.profile,
            formats: choose::choose(&theirs.formats, choice).map_err(Reject::Unacceptable)?,
            ptime_ms: theirs.ptime_ms,
            direction: theirs.direction.reversed().within(wanted),
        };
        ours.ice = theirs.ice.as_ref().map(|credentials| {
            let said = before.and_then(|before| {
                let ours = before.body.audio()?.ice.as_ref()?;
                Some((ours, before.session.ice.as_ref().map(|ice| &ice.theirs)))
            });
            self.keys.ice(said, Some(credentials), self.bound_for(&ours))
        });
        let session = Session::of(&ours, theirs, wanted, Offerer::Them);
        let mut session = session.map_err(Reject::Unacceptable)?;
        if let Some(before) = before.filter(|before| before.wanted == wanted) {
            match before.change(theirs) {
                // Says nothing new of who holds: a party that we hold repeats that it is silent.
                Change::Refresh | Change::Moved => session.held = before.session.held,
                Change::First | Change::Direction | Change::Formats => {}
            }
        }
        let streams = offer.streams_with(&ours);
        let body = self.body(streams);
        let sdp = self.write(body.clone());
        self.state = State::Agreed(Box::new(Agreement { body, wanted, session }));
        Ok(sdp)
    }

    /// Answers the peer's offer with what was agreed before: a session refresh of the peer's, or a
    /// hold that concerns nobody else. The same words, where the offer allows them.
    ///
    /// # Errors
    /// As [`Self::answer`], and when nothing was agreed before.
    pub fn answer_as_before(&mut self) -> Result<Sdp, Reject> {
        let (_, before) = self.their_offer().ok_or(Reject::NoOfferIsOpen)?;
        let before = before.ok_or(Reject::NothingAgreed)?;
        let wanted = before.wanted;
        let codecs: Vec<Codec> =
            before.session.accept.iter().map(|format| format.codec.clone()).collect();
        self.answer(Choice::All(&codecs), wanted)
    }

    /// An answer that refuses every stream of this offer: for the ACK to a 2xx whose offer does
    /// not suit, which must have an answer and is followed by BYE (RFC 3261 §13.2.2.4).
    pub fn refuse_every_stream(&mut self, offer: &Sdp) -> Sdp {
        let streams = layout::refusals(offer).into_iter().map(Stream::Refused).collect();
        let body = self.body(streams);
        self.write(body)
    }

    /// Ends the open offer, of either side, without an answer: it was refused (488, 491), or its
    /// transaction failed. What was agreed before stays in force (RFC 3264 §8, RFC 6337 §3.4).
    /// Does nothing when no offer is open: its end may be reported twice.
    pub fn roll_back(&mut self) {
        let before = match &mut self.state {
            State::OfferSent { before, .. }
            | State::Previewed { before, .. }
            | State::OfferReceived { before, .. } => before.take(),
            State::Idle | State::Agreed(_) => return,
        };
        self.state = before.map_or(State::Idle, State::Agreed);
    }

    /// Goes on after a restart. An offer that was open is given up; and since a power cut may have
    /// taken what was said last from our memory, and not from the peer's, the next description has
    /// a number that none before it can have had: the time, as RFC 8866 §5.2 recommends. For the
    /// same reason it brings new keys: how far the old ones were used is not known for sure.
    pub fn resume(&mut self, now: Wall, certificates: &[Fingerprint]) {
        self.roll_back();
        self.renew_keys(now, certificates);
        if let Some(last) = &mut self.last {
            let time = u64::try_from(now.seconds()).unwrap_or(0);
            last.version = last.version.saturating_add(1).max(time);
        }
    }

    /// What the media plane has to do now: what was agreed last, or what an early answer shows.
    #[must_use]
    pub fn session(&self) -> Option<&Session> {
        let agreement = match &self.state {
            State::Idle => None,
            State::Agreed(agreement) => Some(agreement),
            State::Previewed { preview, .. } => Some(preview),
            State::OfferSent { before, .. } | State::OfferReceived { before, .. } => {
                before.as_ref()
            }
        };
        agreement.map(|agreement| &agreement.session)
    }

    /// Our last description once more: the 2xx repeats the answer of an unreliable 18x word by
    /// word (RFC 6337 §3.1.1).
    #[must_use]
    pub fn last_description(&self) -> Option<Sdp> {
        self.last.as_ref().map(|edition| edition.write(&self.anchor))
    }

    /// Where the exchange stands.
    #[must_use]
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// What was agreed last, when no offer is open.
    fn settled(&self) -> Result<Option<Box<Agreement>>, Reject> {
        match &self.state {
            State::Idle => Ok(None),
            State::Agreed(agreement) => Ok(Some(agreement.clone())),
            State::OfferSent { .. } | State::Previewed { .. } => Err(Reject::OurOfferIsOpen),
            State::OfferReceived { .. } => Err(Reject::TheirOfferIsOpen),
        }
    }

    /// What descriptions of the peer are read by.
    const fn terms(&self) -> Terms {
        Terms {
            ours: self.anchor.address,
            wish: self.keys.wish(),
            handshakes: self.keys.certificate().is_some(),
            ice: self.keys.wants_ice(),
        }
    }

    fn our_offer(&self) -> Option<(&OurOffer, Option<&Agreement>)> {
        match &self.state {
            State::OfferSent { offer, before } | State::Previewed { offer, before, .. } => {
                Some((offer, before.as_deref()))
            }
            State::Idle | State::OfferReceived { .. } | State::Agreed(_) => None,
        }
    }

    fn their_offer(&self) -> Option<(&TheirOffer, Option<&Agreement>)> {
        match &self.state {
            State::OfferReceived { offer, before } => Some((offer, before.as_deref())),
            State::Idle | State::OfferSent { .. } | State::Previewed { .. } | State::Agreed(_) => {
                None
            }
        }
    }

    fn agree_with(&self, offer: &OurOffer, answer: &Sdp) -> Result<Agreement, Reject> {
        let audio = offer.body.audio().zip(offer.body.audio_place());
        let session = audio.ok_or(Fault::NoAudio).and_then(|(ours, place)| {
            let media = answer.media().get(place).ok_or(Fault::NoAudio)?;
            let theirs = TheirAudio::read(answer, media, self.terms())?;
            Session::of(ours, &theirs, offer.wanted, Offerer::Us)
        });
        let session = session.map_err(Reject::Unacceptable)?;
        // An answer shown early counts: the audio flows by it.
        let was_secure = self.session().is_some_and(|session| session.secured.is_some());
        if session.secured.is_none() && (was_secure || self.before_was_secure()) {
            return Err(Reject::Unacceptable(Fault::Clear));
        }
        Ok(Agreement { body: offer.body.clone(), wanted: offer.wanted, session })
    }

    /// Whether what was agreed before our open offer is encrypted.
    fn before_was_secure(&self) -> bool {
        let before = self.our_offer().and_then(|(_, before)| before);
        before.is_some_and(|before| before.session.secured.is_some())
    }

    fn body(&self, streams: Vec<Stream>) -> Body {
        Body { address: self.anchor.address, rtp_port: self.anchor.rtp_port, streams }
    }

    fn write(&mut self, body: Body) -> Sdp {
        for format in body.audio().into_iter().flat_map(|audio| &audio.formats) {
            self.bound.insert(format.payload, format.codec.clone());
        }
        let edition = Edition::after(self.last.as_ref(), body);
        let sdp = edition.write(&self.anchor);
        self.last = Some(edition);
        sdp
    }
}
