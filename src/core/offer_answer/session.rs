//! What both sides have agreed, as the media plane needs it.

use super::choose::partner;
use super::codec::{Codec, Format, Role};
use super::dtls::AgreedDtls;
use super::ice::AgreedIce;
use super::ours::{Body, OurAudio};
use super::reject::Fault;
use super::sdes::AgreedKeys;
use super::theirs::{RemoteAddress, TheirAudio};
use holdfast_wire::sdp::{Direction, Receives, Sends};
use serde::{Deserialize, Serialize};

/// How much audio goes into one packet when the peer does not say, in milliseconds
/// (RFC 3551 §4.5, table 1).
const PTIME_DEFAULT_MS: u16 = 20;

/// The agreed audio stream of one leg.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Where to send; `None` while the peer takes nothing anywhere (`0.0.0.0`), and where ICE finds
    /// the way.
    pub remote: Option<RemoteAddress>,
    /// The voice codec to send, under the payload type by which the peer knows it.
    pub send: Format,
    /// How much audio to put into one packet.
    pub ptime_ms: u16,
    /// All that may be sent, best first, under the payload types of the peer.
    pub sendable: Vec<Format>,
    /// All that may arrive, under the payload types that it may carry.
    pub accept: Vec<Format>,
    /// Keys as events, when agreed.
    pub keys: Option<Keys>,
    /// Whether media of the peer is to be expected.
    pub remote_sends: bool,
    /// Whether the peer wants media of ours.
    pub remote_receives: bool,
    /// Who has put whom on hold.
    pub held: HoldState,
    /// Under which keys; none is in the clear.
    #[serde(default)]
    pub secured: Option<Secured>,
    /// What checks of connectivity are known by, where those find the way.
    #[serde(default)]
    pub ice: Option<AgreedIce>,
}

/// How a stream is encrypted. Records of the time of SDES alone read as that: no field of one
/// variant is one of another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Secured {
    /// Under keys of the descriptions (RFC 4568).
    Sdes(AgreedKeys),
    /// Under keys of a handshake (RFC 5764).
    Dtls(AgreedDtls),
}

impl Secured {
    /// The keys of the descriptions.
    #[must_use]
    pub const fn keys(&self) -> Option<&AgreedKeys> {
        match self {
            Self::Sdes(keys) => Some(keys),
            Self::Dtls(_) => None,
        }
    }

    /// What was said of the handshake.
    #[must_use]
    pub const fn handshake(&self) -> Option<&AgreedDtls> {
        match self {
            Self::Sdes(_) => None,
            Self::Dtls(agreed) => Some(agreed),
        }
    }

    /// In one word, for records: the suite, where it is known before the handshake.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Sdes(keys) => keys.ours.key.suite().name(),
            Self::Dtls(_) => "DTLS-SRTP",
        }
    }

    fn of(ours: &OurAudio, theirs: &TheirAudio) -> Result<Self, Fault> {
        match (&ours.dtls, &theirs.dtls) {
            (Some(ours), Some(theirs)) => {
                AgreedDtls::of(ours, theirs).map(Self::Dtls).ok_or(Fault::NoHandshake)
            }
            (None, None) => {
                let keys = AgreedKeys::of(&ours.keys, &theirs.keys);
                keys.map(Self::Sdes).ok_or(Fault::NoCommonSuite)
            }
            (Some(_), None) | (None, Some(_)) => Err(Fault::Profile),
        }
    }
}

/// The telephone-event payload type of each way (RFC 4733).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keys {
    /// The payload type that the peer takes.
    pub send_payload: u8,
    /// The payload type that we take.
    pub receive_payload: u8,
    /// The rate of the clock of the durations, in hertz.
    pub clock_hz: u32,
}

/// Who has put whom on hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HoldState {
    /// Nobody.
    Active,
    /// The peer takes no audio of ours.
    ByRemote,
    /// We take no audio of the peer.
    ByUs,
    /// Both.
    ByBoth,
}

/// Who made the offer of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offerer {
    /// We.
    Us,
    /// The peer.
    Them,
}

/// A completed exchange of offer and answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agreement {
    /// What we said in it.
    pub body: Body,
    /// The direction that we wanted, before the peer restricted it.
    pub wanted: Direction,
    /// What follows for the media.
    pub session: Session,
}

impl Session {
    /// What follows from both descriptions of the audio stream.
    pub fn of(
        ours: &OurAudio,
        theirs: &TheirAudio,
        wanted: Direction,
        offerer: Offerer,
    ) -> Result<Self, Fault> {
        let pairs: Vec<(&Format, &Format)> = theirs
            .formats
            .iter()
            .filter_map(|format| Some((format, partner(format, &ours.formats)?)))
            .collect();
        // RFC 3264 §6.1 and §7: each side sends the format that the other side listed first.
        let voice = pairs.iter().find(|(format, _)| format.role() == Role::Voice);
        let send = voice.map(|(format, _)| (*format).clone()).ok_or(Fault::NoCommonCodec)?;
        let secured = match (ours.profile.is_secure(), theirs.profile.is_secure()) {
            (true, true) => Some(Secured::of(ours, theirs)?),
            // An answer in the clear; it was read because the leg allows that.
            (true | false, false) => None,
            (false, true) => return Err(Fault::Profile),
        };
        let ice = ours.ice.as_ref().zip(theirs.ice.as_ref());
        let ice = ice.map(|(ours, theirs)| AgreedIce {
            ours: ours.credentials.clone(),
            theirs: theirs.clone(),
        });
        Ok(Self {
            ice,
            remote: theirs.address,
            ptime_ms: theirs.ptime_ms.unwrap_or(PTIME_DEFAULT_MS),
            sendable: pairs.iter().map(|(format, _)| (*format).clone()).collect(),
            accept: accepted(&pairs, ours),
            keys: keys(&pairs, send.codec.clock_hz),
            send,
            remote_sends: theirs.direction.sends() && ours.direction.receives(),
            remote_receives: theirs.direction.receives() && ours.direction.sends(),
            held: HoldState::of(ours.direction, theirs.direction, wanted, offerer),
            secured,
        })
    }

    /// Which way media flows, seen by the peer: what the answer to the other leg of a relayed call
    /// should want, so that a hold reaches whom it concerns.
    #[must_use]
    pub const fn direction(&self) -> Direction {
        Direction::of(Sends(self.remote_sends), Receives(self.remote_receives))
    }

    /// The codec that is spoken, and the keys beside it: the choice for the answer to the other
    /// leg of a call that is relayed as it is.
    #[must_use]
    pub fn spoken_formats(&self) -> Vec<Format> {
        let beside = self.sendable.iter().filter(|format| format.role() != Role::Voice);
        std::iter::once(&self.send).chain(beside).cloned().collect()
    }

    /// The same without payload types.
    #[must_use]
    pub fn spoken(&self) -> Vec<Codec> {
        let beside = self.sendable.iter().filter(|format| format.role() != Role::Voice);
        std::iter::once(&self.send).chain(beside).map(|format| format.codec.clone()).collect()
    }

    /// Every codec that the peer takes: the choice for an answer that keeps them all open.
    #[must_use]
    pub fn common(&self) -> Vec<Codec> {
        self.sendable.iter().map(|format| format.codec.clone()).collect()
    }
}

/// Our formats that the peer knows too. A peer that answered with payload types of its own has to
/// send ours (RFC 3264 §6.1), but many send theirs: those are taken too unless they mean
/// something else here.
fn accepted(pairs: &[(&Format, &Format)], ours: &OurAudio) -> Vec<Format> {
    let known = |mine: &&Format| pairs.iter().any(|(_, partner)| partner == mine);
    let mut accept: Vec<Format> = ours.formats.iter().filter(known).cloned().collect();
    for (theirs, partner) in pairs {
        let has_meaning = ours.formats.iter().any(|mine| mine.payload == theirs.payload);
        if !has_meaning {
            accept.push(Format { payload: theirs.payload, codec: partner.codec.clone() });
        }
    }
    accept
}

fn keys(pairs: &[(&Format, &Format)], voice_clock_hz: u32) -> Option<Keys> {
    let all = || pairs.iter().filter(|(format, _)| format.role() == Role::Keys);
    let (theirs, ours) = all()
        .find(|(format, _)| format.codec.clock_hz == voice_clock_hz)
        .or_else(|| all().next())?;
    Some(Keys {
        send_payload: theirs.payload,
        receive_payload: ours.payload,
        clock_hz: theirs.codec.clock_hz,
    })
}

impl HoldState {
    /// RFC 3264 §8.4: hold is a direction that does not receive. In an answer that is the peer's
    /// wish where our offer let it receive, or kept from sending what we wanted to send because of
    /// an earlier hold of the peer. To an offer that holds, every answer is without meaning.
    fn of(ours: Direction, theirs: Direction, wanted: Direction, offerer: Offerer) -> Self {
        let by_remote = match offerer {
            Offerer::Them => !theirs.receives(),
            Offerer::Us => (ours.sends() || wanted.sends()) && !theirs.receives(),
        };
        match (by_remote, !wanted.receives()) {
            (false, false) => Self::Active,
            (true, false) => Self::ByRemote,
            (false, true) => Self::ByUs,
            (true, true) => Self::ByBoth,
        }
    }
}
