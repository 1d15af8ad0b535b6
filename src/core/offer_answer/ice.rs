//! ICE of a lite agent in our descriptions and theirs (RFC 8445, RFC 8839): by which names checks
//! come, where, and when they begin anew.
//!
//! We are reached at addresses that do not change and never check anybody; the other side checks
//! us, and its candidates therefore mean nothing here: not those that trickle in later (RFC 8838),
//! not names of mDNS, nor the address in `c=`. What counts is the credentials. Ours follow from the
//! secret of the leg, so that they stand in every description until one side restarts: the peer by
//! others of its own (RFC 8839 §4.4.1.1.1), we when our keys have to change.

use super::sdes::OwnKeys;
use holdfast_wire::sdp::{Credentials, HostCandidate, Line, Media, Sdp};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};

/// Longest name of a stream that is repeated to the peer. Browsers count from 0.
const MID_BYTES_MAX: usize = 64;

/// Who we are in checks, in one description.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OurIce {
    /// By what checks for us are known.
    pub credentials: Credentials,
    /// The generation of our keys that they were drawn in; none of another one goes on.
    pub generation: u64,
    /// The address that the port is bound at, where another one is advertised.
    pub bound: Option<IpAddr>,
}

/// The credentials of both sides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgreedIce {
    /// Ours.
    pub ours: Credentials,
    /// Theirs.
    pub theirs: Credentials,
}

/// The name of a stream, by which several share one way (RFC 5888, RFC 9143).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mid {
    /// The name.
    pub name: String,
    /// Whether it is in a group that is bundled.
    pub bundled: bool,
}

impl OwnKeys {
    /// Our credentials in a description: those of before, unless our keys are others since or the
    /// peer restarts with `theirs`. None of an offer are known to go with any of theirs yet.
    #[must_use]
    pub fn ice(
        &self,
        before: Option<(&OurIce, Option<&Credentials>)>,
        theirs: Option<&Credentials>,
        bound: Option<IpAddr>,
    ) -> OurIce {
        let generation = self.generation();
        if let Some((ours, known)) = before
            && ours.generation == generation
            && (theirs.is_none() || theirs == known)
        {
            return OurIce { bound, ..ours.clone() };
        }
        OurIce { credentials: self.credentials(theirs), generation, bound }
    }
}

/// What the peer is known by in checks, where it makes any: its description has credentials, and
/// RTP and RTCP on one port, since a second component is not spoken here. Two lite agents would
/// wait for each other (RFC 8445 §6.1.1).
pub(super) fn theirs(sdp: &Sdp, media: &Media) -> Option<Credentials> {
    let first = |name| sdp.values_for(media, name).next();
    let is_lite = sdp.attributes().any(|attribute| attribute.name == "ice-lite");
    let credentials = Credentials::new(first("ice-ufrag")?.trim(), first("ice-pwd")?.trim())?;
    (media.rtcp_mux() && !is_lite).then_some(credentials)
}

/// The name of this stream of the peer.
pub(super) fn mid(sdp: &Sdp, media: &Media) -> Option<Mid> {
    let name = media.values("mid").next()?.trim();
    let fits = (1..=MID_BYTES_MAX).contains(&name.len());
    let named = |group: &str| {
        let mut words = group.split_whitespace();
        words.next() == Some("BUNDLE") && words.any(|word| word == name)
    };
    let mut groups = sdp.attributes().filter(|a| a.name == "group").filter_map(|a| a.value);
    let bundled = groups.any(named);
    (fits && name.bytes().all(|byte| byte.is_ascii_graphic()))
        .then(|| Mid { name: name.to_owned(), bundled })
}

impl OurIce {
    /// Says it of the stream at this address.
    pub(super) fn write(&self, media: &mut Media, advertised: SocketAddr) {
        let mut line = |name, value: &str| media.push(Line::attribute(name, Some(value)));
        line("ice-ufrag", self.credentials.fragment());
        line("ice-pwd", self.credentials.password());
        let bound = self.bound.map(|ip| SocketAddr::new(ip, advertised.port()));
        let mut addresses = vec![advertised];
        addresses.extend(bound.filter(|bound| *bound != advertised));
        for (rank, address) in (0..).zip(addresses) {
            line("candidate", &HostCandidate { component: 1, rank, address }.to_string());
        }
        media.push(Line::attribute("rtcp-mux", None));
        // RFC 8838: who lets candidates trickle knows by this that these are all.
        media.push(Line::attribute("end-of-candidates", None));
    }
}
