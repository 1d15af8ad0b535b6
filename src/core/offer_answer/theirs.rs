//! What the peer wrote: its audio stream, and where among its `m=` lines it stands.

use super::codec::{Format, Role};
use super::dtls::{self, TheirDtls};
use super::ice::{self, Mid};
use super::layout::{Refused, refusals};
use super::ours::Profile;
use super::reject::Fault;
use super::sdes::{TheirKey, usable};
use holdfast_config::MediaEncryption;
use holdfast_wire::sdp::{Connection, Credentials, Direction, Media, MediaKind, Protocol, Sdp};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};

/// Least audio that we put into one packet, in milliseconds. A peer that asks for less would make
/// us send more packets than a line of calls can carry.
const PTIME_MIN_MS: u16 = 10;
/// Most audio in one packet, in milliseconds: what every receiver has to take, RFC 3551 §4.2.
const PTIME_MAX_MS: u16 = 200;

/// Where the peer wants its media.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoteAddress {
    /// For RTP.
    pub rtp: SocketAddr,
    /// For RTCP: `a=rtcp` (RFC 3605), else the next port; `None` when there is none.
    pub rtcp: Option<SocketAddr>,
    /// Whether it would take both on one port (RFC 5761). Noted, not taken up.
    pub offers_mux: bool,
}

/// The peer's audio stream in one description.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TheirAudio {
    /// How it is carried.
    pub profile: Profile,
    /// Where to; `None` while it takes nothing anywhere (`0.0.0.0`), and where ICE finds the way.
    pub address: Option<RemoteAddress>,
    /// Which way it flows, seen by the peer. Never receiving without an address or ICE.
    pub direction: Direction,
    /// What it takes, best first, under its payload types. At least one carries voice.
    pub formats: Vec<Format>,
    /// How much audio it wants in one packet, within what we are ready to do.
    pub ptime_ms: Option<u16>,
    /// Its keys, those that we can use; at least one where it is encrypted and no handshake brings
    /// them.
    #[serde(default)]
    pub keys: Vec<TheirKey>,
    /// The handshake that brings the keys.
    #[serde(default)]
    pub dtls: Option<TheirDtls>,
    /// What its checks are known by, where ICE finds the way.
    #[serde(default)]
    pub ice: Option<Credentials>,
    /// Its name, where streams have names.
    #[serde(default)]
    pub mid: Option<Mid>,
}

/// What descriptions of a peer are read by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The address of ours on the leg.
    pub ours: IpAddr,
    /// What is wished of the peer.
    pub wish: MediaEncryption,
    /// Whether we can agree on keys by a handshake.
    pub handshakes: bool,
    /// Whether ICE is taken up where keys are in descriptions too.
    pub ice: bool,
}

/// An offer of the peer that can be answered. It should not have fewer `m=` lines than any before
/// (RFC 3264 §8); one that has is answered line by line all the same, because refusing it would
/// end calls at their first session refresh.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TheirOffer {
    /// The stream that we take.
    pub audio: TheirAudio,
    /// Its place among the `m=` lines.
    pub place: usize,
    /// The refusal of every `m=` line, that of the audio too.
    pub refusals: Vec<Refused>,
}

impl TheirAudio {
    /// Reads this media description as audio for a leg of these terms.
    pub fn read(sdp: &Sdp, media: &Media, terms: Terms) -> Result<Self, Fault> {
        let head = media.head();
        if head.kind != MediaKind::Audio || head.port == 0 {
            return Err(Fault::NoAudio);
        }
        let profile = Profile::of(&head.protocol).ok_or(Fault::Profile)?;
        let ice = ice::theirs(sdp, media);
        let (keys, dtls) = match (profile.is_secure(), terms.wish) {
            (true, MediaEncryption::Off) => return Err(Fault::Profile),
            (false, MediaEncryption::Required) => return Err(Fault::Clear),
            (false, MediaEncryption::Preferred | MediaEncryption::Off) => (Vec::new(), None),
            (true, MediaEncryption::Required | MediaEncryption::Preferred) => {
                protection(sdp, media, ice.as_ref().filter(|_| terms.handshakes))?
            }
        };
        let ice = ice.filter(|_| dtls.is_some() || terms.ice);
        let written = sdp.direction_of(media);
        let (address, direction) = match ice {
            // Until checks have found the way the address is a guess, or none.
            Some(_) => (None, written),
            None => match remote_address(sdp, media, terms.ours)? {
                Some(address) => (Some(address), written),
                // RFC 3264 §8.4, RFC 6337 §5.4: nothing may be sent to the peer.
                None => (None, written.within(Direction::SendOnly)),
            },
        };
        let formats = formats(media);
        if !formats.iter().any(|format| format.role() == Role::Voice) {
            return Err(Fault::NoCommonCodec);
        }
        let (ptime_ms, mid) = (ptime_ms(media), ice::mid(sdp, media));
        Ok(Self { profile, address, direction, formats, ptime_ms, keys, dtls, ice, mid })
    }
}

impl TheirOffer {
    /// Reads an offer. The audio stream of the running session is taken again if it still can be
    /// (`before` is its place), else the first encrypted one that can, else the first one: who
    /// leaves the choice writes the audio twice.
    pub fn read(sdp: &Sdp, before: Option<usize>, terms: Terms) -> Result<Self, Fault> {
        let mut fault = Fault::NoAudio;
        let mut found: Option<(usize, TheirAudio)> = None;
        let better = |place: usize, audio: &TheirAudio, than: &Option<(usize, TheirAudio)>| {
            than.as_ref().is_none_or(|(known_place, known)| {
                let secures = audio.profile.is_secure() && !known.profile.is_secure();
                before == Some(place) || (secures && before != Some(*known_place))
            })
        };
        for (place, media) in sdp.media().iter().enumerate() {
            match TheirAudio::read(sdp, media, terms) {
                Ok(audio) if better(place, &audio, &found) => found = Some((place, audio)),
                // The first reason that is about audio says most to whoever reads the 488.
                Err(reason) if fault == Fault::NoAudio => fault = reason,
                Ok(_) | Err(_) => {}
            }
        }
        let (place, audio) = found.ok_or(fault)?;
        Ok(Self { audio, place, refusals: refusals(sdp) })
    }
}

/// By what an encrypted stream gets its keys: lines of keys, else a handshake. Its profile says
/// which (RFC 5764 §8), save that some write that of SDES and mean DTLS (RFC 8829 §5.1.2).
fn protection(
    sdp: &Sdp,
    media: &Media,
    ice: Option<&Credentials>,
) -> Result<(Vec<TheirKey>, Option<TheirDtls>), Fault> {
    let by_profile = match media.head().protocol {
        Protocol::DtlsSavp | Protocol::DtlsSavpf => Fault::NoHandshake,
        Protocol::RtpAvp
        | Protocol::RtpAvpf
        | Protocol::RtpSavp
        | Protocol::RtpSavpf
        | Protocol::Other(_) => {
            let keys = usable(media);
            if !keys.is_empty() {
                return Ok((keys, None));
            }
            Fault::NoCommonSuite
        }
    };
    let dtls = dtls::theirs(sdp, media, ice).ok_or(by_profile)?;
    Ok((Vec::new(), Some(dtls)))
}

/// `None` is hold by address: `0.0.0.0`, `::`, or a name under `.invalid` (RFC 6157 §4.1); and the
/// loopback address of somebody who is elsewhere, which reaches nobody but us.
fn remote_address(sdp: &Sdp, media: &Media, ours: IpAddr) -> Result<Option<RemoteAddress>, Fault> {
    let ip = match sdp.connection_of(media) {
        Some(Connection::Ip(ip)) if ip.is_unspecified() => return Ok(None),
        Some(Connection::Ip(ip)) if ip.is_loopback() && !ours.is_loopback() => return Ok(None),
        Some(Connection::Ip(ip)) if ip.is_ipv4() == ours.is_ipv4() && !is_of_many(ip) => ip,
        Some(Connection::Name(name)) if name.ends_with(".invalid") => return Ok(None),
        Some(Connection::Ip(_) | Connection::Name(_)) | None => return Err(Fault::Address),
    };
    let port = media.head().port;
    let rtcp = match media.rtcp() {
        Some(rtcp) if rtcp.port == 0 => None,
        Some(rtcp) => {
            let host = rtcp.connection.and_then(|connection| connection.ip()).unwrap_or(ip);
            let strange = host.is_loopback() && !ours.is_loopback() || host.is_unspecified();
            (!strange && !is_of_many(host)).then(|| SocketAddr::new(host, rtcp.port))
        }
        None => port.checked_add(1).map(|next| SocketAddr::new(ip, next)),
    };
    let offers_mux = media.rtcp_mux();
    Ok(Some(RemoteAddress { rtp: SocketAddr::new(ip, port), rtcp, offers_mux }))
}

/// An address that stands for many receivers. Two parties agree here (RFC 3264 §5.2 is for others),
/// and no description may turn one call into a flood. An IPv4 address in IPv6 clothes may hide any
/// of those that are looked at as IPv4, and no peer has to write one.
const fn is_of_many(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_multicast() || ip.is_broadcast(),
        IpAddr::V6(ip) => ip.is_multicast() || ip.to_ipv4_mapped().is_some(),
    }
}

/// The formats that we understand, each payload type once.
fn formats(media: &Media) -> Vec<Format> {
    let mut formats: Vec<Format> = Vec::new();
    for format in media.head().formats.iter().filter_map(|entry| Format::read(media, entry)) {
        let twice = formats.iter().any(|known| known.payload == format.payload);
        if !twice && format.role() != Role::Wrapper {
            formats.push(format);
        }
    }
    formats
}

fn ptime_ms(media: &Media) -> Option<u16> {
    let most = media.maxptime_ms().unwrap_or(PTIME_MAX_MS).clamp(PTIME_MIN_MS, PTIME_MAX_MS);
    media.ptime_ms().map(|ms| ms.clamp(PTIME_MIN_MS, most))
}
