//! The audio of one leg: its port pair, its offers and answers, and what its remote hears.
//!
//! The leg asks for descriptions, the call says who hears whom; this file turns both into orders
//! for the media plane and orders nothing twice.

use holdfast_base::{CallId, Mono, StreamId};
use holdfast_config::{Advertise, Listener, MediaEncryption};
use holdfast_wire::sdp::{Direction, Sdp};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::time::Duration;

use super::advertised;
use super::io::{Before, Desk, Output};
use super::origin::Origin;
use crate::media::order::{ClipId, Dtls, MediaOrder, Open, Remote, Source};
use crate::media::ports::RtpPort;
use crate::offer_answer::sdes::OwnKeys;
use crate::offer_answer::{
    self, Anchor, Choice, Codec, Encoding, Fault, Format, HoldState, OfferAnswer, Proposal, Reject,
    Session,
};
use crate::sip::flow::Flow;

/// More packets than leave between a heartbeat (1 s) and the last fact of the log.
const SEQUENCE_JUMP: u16 = 500;
/// The furthest jump: half of what a receiver takes for a step ahead (RFC 3550 A.1).
const SEQUENCE_JUMP_MAX: u16 = 0x4000;
/// Packets of a second, at most: the shortest that we send have 10 ms.
const PACKETS_A_SECOND_MAX: u128 = 100;

/// Said of audio in the clear where encryption was wished.
pub const UNPROTECTED: &str = "none";

/// The audio of one leg.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audio {
    /// What the media plane was told to open.
    open: Open,
    offer_answer: OfferAnswer,
    /// What the media plane was told to expect.
    expected: Option<Remote>,
    /// What the remote was said to hear.
    hears: Source,
    closed: bool,
}

impl Audio {
    /// Takes a port pair towards this party and orders it opened. `None` when every pair is in use.
    pub fn open(desk: &mut Desk<'_>, call: CallId, flow: &Flow, party: &Origin) -> Option<Self> {
        let bound = flow.local.ip();
        let now = desk.now.mono;
        let taken = match desk.urgent {
            true => desk.ports.take_in_emergency(now),
            false => desk.ports.take(now),
        };
        let rtp_port = taken?.0;
        let random = desk.entropy.bytes();
        let [a, b, c, d, e, f, g, h, i, j, ..] = random;
        let open = Open {
            stream: desk.ids.stream(),
            shard: call.0,
            local: bound,
            rtp_port,
            ssrc: u32::from_be_bytes([a, b, c, d]),
            first_sequence: u16::from_be_bytes([e, f]),
            timestamp_origin: u32::from_be_bytes([g, h, i, j]),
        };
        let advertised = advertised::address(desk.config, flow);
        let anchor = Anchor {
            username: "holdfast".to_owned(),
            session_id: u64::from(open.ssrc),
            address: advertised.unwrap_or(bound),
            rtp_port,
            bound: advertised.map(|_| bound),
        };
        desk.out.push(Output::Media(MediaOrder::Open(open.clone())));
        let manner = party.media_encryption(desk.config, flow);
        let keys = match manner.wish {
            MediaEncryption::Off => OwnKeys::default(),
            MediaEncryption::Required | MediaEncryption::Preferred => {
                let suites = party.behaviour(desk.config).suites;
                OwnKeys::of(&manner, suites, desk.certificates, desk.entropy)
            }
        };
        let offer_answer = OfferAnswer::new(anchor, keys);
        let hears = Source::Silence;
        Some(Self { open, offer_answer, expected: None, hears, closed: false })
    }

    /// Orders the stream opened again after a restart, on the same port and SSRC. How far the old
    /// process went under our key is not known for sure, so no index of it may be used again: an
    /// encrypted stream is silent until the remote has another key ([`Self::awaits_key`]).
    pub fn reopen(&mut self, before: &Before, desk: &mut Desk<'_>) {
        if self.closed {
            return;
        }
        let stream = self.open.stream;
        let first = self.open.first_sequence;
        // A restart soon after another one finds the heartbeat of before the first.
        let beat = before.sequences.get(&stream).copied();
        let last = beat.filter(|last| is_ahead(*last, first)).unwrap_or(first);
        self.open.first_sequence = last.wrapping_add(sequence_jump(before.ago));
        desk.out.push(Output::Media(MediaOrder::Open(self.open.clone())));
        self.offer_answer.renew_keys(desk.now.wall, desk.certificates);
        self.expected = None;
        self.expect(desk);
        let source = self.hears.clone();
        desk.out.push(Output::Media(MediaOrder::Hear { stream, source }));
    }

    /// From now on the remote is told to send here, with the next description.
    pub fn be_at(&mut self, address: IpAddr) {
        self.offer_answer.move_anchor(address, self.open.rtp_port);
    }

    /// Goes on with what was agreed on another stream. The remote learns of our new port with the
    /// next description, and of another key: this stream counts anew.
    pub fn go_on(&mut self, agreed: OfferAnswer, desk: &mut Desk<'_>) {
        let address = self.offer_answer.anchor().address;
        self.offer_answer = agreed;
        self.offer_answer.move_anchor(address, self.open.rtp_port);
        self.offer_answer.renew_keys(desk.now.wall, desk.certificates);
        self.expect(desk);
    }

    /// The next offer asks for other checks: the way that was found is lost (RFC 8445 §2.4).
    pub fn restart_checks(&mut self, desk: &Desk<'_>) {
        self.offer_answer.restart_checks(desk.now.wall);
    }

    /// Whether the remote has to be offered another key before it can hear anything.
    #[must_use]
    pub fn awaits_key(&self) -> bool {
        let Some(remote) = &self.expected else { return false };
        let certificate = |dtls: &Dtls| dtls.certificate.is_none();
        remote.crypto.as_ref().is_some_and(|crypto| crypto.send.is_none())
            || remote.dtls.as_deref().is_some_and(certificate)
    }

    /// The first offer once more in the clear, after it was refused; none where it has to be
    /// encrypted, or was not.
    pub fn offer_in_the_clear(&mut self) -> Option<Sdp> {
        self.offer_answer.offer_in_the_clear()
    }

    /// How the audio is protected, in one word for records; none before anything is agreed, and
    /// where encryption was never wished and never agreed.
    #[must_use]
    pub fn crypto_name(&self) -> Option<String> {
        let secured = self.session()?.secured.as_ref();
        let keys = self.offer_answer.keys();
        match (secured, keys.wish()) {
            (Some(secured), _) => Some(secured.name().to_owned()),
            (None, MediaEncryption::Off) if !keys.fell_back() => None,
            (None, _) => Some(UNPROTECTED.to_owned()),
        }
    }

    /// Whether the parties of two streams understand each other, as far as both have agreed on a
    /// codec.
    #[must_use]
    pub fn understands(&self, other: &Self) -> bool {
        let (Some(one), Some(other)) = (self.spoken(), other.spoken()) else { return true };
        one.is_same_as(other) || (is_g711(one) && is_g711(other))
    }

    /// Whether the party understands this box, as far as a codec is agreed on.
    #[must_use]
    pub fn speaks_g711(&self) -> bool {
        self.spoken().is_none_or(is_g711)
    }

    /// Whether the box can decode what the party speaks, and encode it.
    #[must_use]
    pub fn is_decodable(&self) -> bool {
        self.spoken().is_some_and(Codec::is_decodable)
    }

    fn spoken(&self) -> Option<&Codec> {
        self.session().map(|session| &session.send.codec)
    }

    /// What the party has offered, while that is not answered.
    #[must_use]
    pub fn open_offer(&self) -> Option<&[Format]> {
        match self.offer_answer.state() {
            offer_answer::State::OfferReceived { offer, .. } => Some(&offer.audio.formats),
            offer_answer::State::Idle
            | offer_answer::State::OfferSent { .. }
            | offer_answer::State::Previewed { .. }
            | offer_answer::State::Agreed(_) => None,
        }
    }

    /// Whether no description went either way yet.
    #[must_use]
    pub const fn has_said_nothing(&self) -> bool {
        matches!(self.offer_answer.state(), offer_answer::State::Idle)
    }

    /// Whether an offer of ours waits for its answer.
    #[must_use]
    pub const fn awaits_answer(&self) -> bool {
        matches!(self.offer_answer.state(), offer_answer::State::OfferSent { .. })
    }

    /// Whether telephone events (RFC 4733) are agreed on towards the remote.
    #[must_use]
    pub fn takes_keys(&self) -> bool {
        self.expected.as_ref().is_some_and(|remote| remote.dtmf_to_remote.is_some())
    }

    /// The stream of this leg.
    #[must_use]
    pub const fn stream(&self) -> StreamId {
        self.open.stream
    }

    /// The RTP port in use.
    #[must_use]
    pub const fn rtp_port(&self) -> u16 {
        self.open.rtp_port
    }

    /// Makes an offer.
    ///
    /// # Errors
    /// As [`OfferAnswer::offer`].
    pub fn offer(&mut self, proposal: &Proposal) -> Result<Sdp, Reject> {
        self.offer_answer.offer(proposal)
    }

    /// Repeats what was agreed as an offer.
    ///
    /// # Errors
    /// As [`OfferAnswer::refresh`].
    pub fn refresh(&mut self) -> Result<Sdp, Reject> {
        self.offer_answer.refresh()
    }

    /// The offer that a re-INVITE without one asks for: all that we can speak here, in the
    /// direction that we want and not in that which the remote left us (RFC 3261 §14.2, RFC 6337
    /// §5.3). A party that was put on hold could not come back otherwise.
    ///
    /// # Errors
    /// As [`OfferAnswer::offer`]; also when nothing was agreed yet.
    pub fn offer_again(&mut self) -> Result<Sdp, Reject> {
        let session = self.session().ok_or(Reject::NothingAgreed)?;
        let mut formats = session.spoken_formats();
        if formats.iter().any(|format| is_g711(&format.codec)) {
            let said = |own: &Format| formats.iter().any(|f| f.codec.is_same_as(&own.codec));
            let more: Vec<Format> = own_formats().into_iter().filter(|own| !said(own)).collect();
            formats.extend(more);
        }
        let (ptime_ms, direction) = (Some(session.ptime_ms), Direction::SendRecv);
        self.offer(&Proposal { formats, ptime_ms, direction })
    }

    /// Takes the remote's offer; what may be offered onward.
    ///
    /// # Errors
    /// As [`OfferAnswer::receive_offer`].
    pub fn receive_offer(&mut self, offer: &Sdp, desk: &Desk<'_>) -> Result<Proposal, Reject> {
        self.refuse_ourselves(offer, desk)?;
        Ok(self.offer_answer.receive_offer(offer)?.onward())
    }

    /// Answers the remote's offer with one voice codec out of `allowed`; where it has none of them,
    /// with one that can be transcoded into them, while there is room.
    ///
    /// # Errors
    /// As [`OfferAnswer::answer`].
    pub fn answer(&mut self, allowed: &[Codec], desk: &mut Desk<'_>) -> Result<Sdp, Reject> {
        let wanted = self.wanted().unwrap_or(Direction::SendRecv);
        let answered = self.offer_answer.answer(Choice::One(allowed), wanted);
        let none_fits = Err(Reject::Unacceptable(Fault::NoCommonCodec));
        let sdp = if answered == none_fits
            && desk.transcoding.has_room()
            && allowed.iter().any(Codec::is_decodable)
        {
            self.offer_answer.answer(Choice::One(&decodable()), wanted)?
        } else {
            answered?
        };
        self.expect(desk);
        Ok(sdp)
    }

    /// Answers an offer inside the running session. The voice codec stays the one that is spoken,
    /// because the other leg speaks it too; both laws of G.711 count as one, since the media plane
    /// turns one into the other.
    ///
    /// # Errors
    /// As [`OfferAnswer::answer`].
    pub fn answer_again(&mut self, desk: &mut Desk<'_>) -> Result<Sdp, Reject> {
        let mut allowed = self.session().map(Session::spoken).unwrap_or_default();
        if allowed.iter().any(is_g711) {
            allowed.extend(own_formats().into_iter().map(|format| format.codec));
        }
        self.answer(&allowed, desk)
    }

    /// Takes the answer to our offer.
    ///
    /// # Errors
    /// As [`OfferAnswer::receive_answer`].
    pub fn receive_answer(&mut self, answer: &Sdp, desk: &mut Desk<'_>) -> Result<(), Reject> {
        self.refuse_ourselves(answer, desk)?;
        self.offer_answer.receive_answer(answer)?;
        self.expect(desk);
        Ok(())
    }

    /// Takes the answer shown early.
    ///
    /// # Errors
    /// As [`OfferAnswer::preview_answer`].
    pub fn preview_answer(&mut self, answer: &Sdp, desk: &mut Desk<'_>) -> Result<(), Reject> {
        self.refuse_ourselves(answer, desk)?;
        self.offer_answer.preview_answer(answer)?;
        self.expect(desk);
        Ok(())
    }

    /// The 2xx had no answer of its own: the one shown early stands.
    ///
    /// # Errors
    /// As [`OfferAnswer::keep_preview`].
    pub fn keep_preview(&mut self, desk: &mut Desk<'_>) -> Result<(), Reject> {
        self.offer_answer.keep_preview()?;
        self.expect(desk);
        Ok(())
    }

    /// Ends an open offer of either side; what was agreed stays.
    pub fn roll_back(&mut self) {
        self.offer_answer.roll_back();
    }

    /// Goes on after a restart, with a description that the peer takes for the newest.
    pub fn resume(&mut self, desk: &Desk<'_>) {
        self.offer_answer.resume(desk.now.wall, desk.certificates);
    }

    /// Where its offers and answers stand.
    #[must_use]
    pub const fn exchange(&self) -> &OfferAnswer {
        &self.offer_answer
    }

    /// Goes on with the offers and answers of another fork of the same INVITE.
    pub fn set_exchange(&mut self, of_fork: OfferAnswer) {
        self.offer_answer = of_fork;
    }

    /// The fork whose offers and answers these are has won. True when its answer came before, in a
    /// reliable 18x, and stands; then the media plane is told so, which may have followed another.
    pub fn follow_answer(&mut self, desk: &mut Desk<'_>) -> bool {
        let agreed = matches!(self.offer_answer.state(), offer_answer::State::Agreed(_));
        if agreed {
            self.expect(desk);
        }
        agreed
    }

    /// Our last description, word by word.
    #[must_use]
    pub fn last_description(&self) -> Option<Sdp> {
        self.offer_answer.last_description()
    }

    /// What is agreed.
    #[must_use]
    pub fn session(&self) -> Option<&Session> {
        self.offer_answer.session()
    }

    /// Whether the remote holds: it does not want to hear us now, by its own wish.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.session().is_some_and(|session| match session.held {
            HoldState::ByRemote | HoldState::ByBoth => true,
            HoldState::Active | HoldState::ByUs => false,
        })
    }

    /// The direction that the remote knows we want; none before anything is agreed.
    #[must_use]
    pub fn wanted(&self) -> Option<Direction> {
        self.offer_answer.wanted()
    }

    /// Offers what is agreed once more in another direction.
    ///
    /// # Errors
    /// As [`OfferAnswer::turn`].
    pub fn turn(&mut self, wanted: Direction) -> Result<Sdp, Reject> {
        self.offer_answer.turn(wanted)
    }

    /// Name of the voice codec in use.
    #[must_use]
    pub fn codec_name(&self) -> Option<String> {
        self.session().map(|session| session.send.codec.encoding.name().to_owned())
    }

    /// Music for this party: where it is when it plays already, else from its start.
    #[must_use]
    pub fn music(&self, clip: &ClipId, now: Mono) -> Source {
        match &self.hears {
            Source::Clips { once, then: Some(playing), .. }
                if once.is_empty() && playing == clip =>
            {
                self.hears.clone()
            }
            Source::Silence | Source::Peer(_) | Source::Mix { .. } | Source::Clips { .. } => {
                Source::Clips { once: Vec::new(), then: Some(clip.clone()), since: now }
            }
        }
    }

    /// Says what the remote hears from now on.
    pub fn hear(&mut self, source: Source, desk: &mut Desk<'_>) {
        if self.closed || self.hears == source {
            return;
        }
        self.hears = source.clone();
        desk.out.push(Output::Media(MediaOrder::Hear { stream: self.open.stream, source }));
    }

    /// Orders the stream closed. Its port rests in quarantine from now on.
    pub fn close(&mut self, desk: &mut Desk<'_>) {
        if self.closed {
            return;
        }
        self.closed = true;
        desk.ports.release(desk.now.mono, RtpPort(self.open.rtp_port));
        desk.out.push(Output::Media(MediaOrder::Close { stream: self.open.stream }));
    }

    /// A description that names one of our own media ports would let a call speak into another one,
    /// or into itself without end. `0.0.0.0` is hold (RFC 3264 §8.4) and nobody's address, even
    /// where a listener is bound to it.
    fn refuse_ourselves(&self, sdp: &Sdp, desk: &Desk<'_>) -> Result<(), Reject> {
        let ours = |ip: IpAddr| {
            let told = |own: &Listener| own.advertise.as_ref().and_then(Advertise::address);
            let named = |own: &Listener| own.bind.ip() == ip || told(own) == Some(ip);
            let listens = desk.config.sip.listeners.iter().any(named);
            !ip.is_unspecified() && (ip == self.open.local || listens)
        };
        let names_us = sdp.media().iter().any(|media| {
            let ip = sdp.connection_of(media).and_then(|connection| connection.ip());
            ip.is_some_and(ours) && desk.ports.is_ours(media.head().port)
        });
        if names_us { Err(Reject::Unacceptable(Fault::Address)) } else { Ok(()) }
    }

    fn expect(&mut self, desk: &mut Desk<'_>) {
        let Some(session) = self.offer_answer.session() else { return };
        let remote = session.for_plane(&mut desk.codecs, self.offer_answer.keys());
        if self.expected.as_ref() == Some(&remote) {
            return;
        }
        self.expected = Some(remote.clone());
        desk.out.push(Output::Media(MediaOrder::Expect { stream: self.open.stream, remote }));
    }
}

/// The codecs that the box can speak itself: prompts and music are made in both laws of G.711.
#[must_use]
pub fn own_formats() -> Vec<Format> {
    [Encoding::Pcma, Encoding::Pcmu, Encoding::TelephoneEvent]
        .iter()
        .filter_map(Format::usual)
        .collect()
}

/// All that the box can decode and encode, and keys beside it.
fn decodable() -> Vec<Codec> {
    let wide = [Encoding::Opus, Encoding::G722];
    let wide = wide.iter().filter_map(Format::usual);
    wide.chain(own_formats()).map(|format| format.codec).collect()
}

/// What is offered to somebody who shall understand a party that takes these formats: G.711 too,
/// where the media plane can turn what the party speaks into it and does not have to otherwise.
#[must_use]
pub fn with_g711(mut formats: Vec<Format>, desk: &Desk<'_>) -> Vec<Format> {
    let turned = desk.transcoding.has_room() && has_decodable(&formats);
    if turned || has_g711(&formats) {
        let said = |own: &Format| formats.iter().any(|f| f.codec.is_same_as(&own.codec));
        let more: Vec<Format> = own_formats().into_iter().filter(|own| !said(own)).collect();
        formats.extend(more);
    }
    formats
}

/// Whether the box can decode and encode one of these.
#[must_use]
pub fn has_decodable(formats: &[Format]) -> bool {
    formats.iter().any(|format| format.codec.is_decodable())
}

/// Whether the box can speak one of these itself.
#[must_use]
pub fn has_g711(formats: &[Format]) -> bool {
    formats.iter().any(|format| is_g711(&format.codec))
}

/// G.711 as the media plane knows it: one channel at 8000 Hz.
const fn is_g711(codec: &Codec) -> bool {
    let law = matches!(codec.encoding, Encoding::Pcma | Encoding::Pcmu);
    law && codec.clock_hz == 8000 && codec.channels == 1
}

/// Whether a sequence number comes after another one (RFC 1982).
const fn is_ahead(number: u16, of: u16) -> bool {
    matches!(number.wrapping_sub(of), 1..0x8000)
}

/// How far the sequence number jumps over a restart: further than any packet that left since the
/// log ends, `ago`.
fn sequence_jump(ago: Duration) -> u16 {
    let unseen = ago.as_millis() * PACKETS_A_SECOND_MAX / 1000;
    let unseen = u16::try_from(unseen).unwrap_or(u16::MAX);
    unseen.saturating_add(SEQUENCE_JUMP).min(SEQUENCE_JUMP_MAX)
}
