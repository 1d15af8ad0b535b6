//! Keys by a handshake on the way of the audio itself (DTLS-SRTP, RFC 5763, RFC 5764): what
//! descriptions say of it, which is whose certificate it is made with and who begins it.
//!
//! No key is in a description, and who reads one learns nothing. Who changes one can take the place
//! of a party, so a description is worth what its signalling is. Handshakes are made only where ICE
//! has shown whose address it is: streams without it are not taken.

use super::sdes::OwnKeys;
use holdfast_wire::sdp::{Credentials, Fingerprint, Line, Media, Sdp, Setup};
use serde::{Deserialize, Serialize};

/// Most fingerprints that are looked at. Browsers write one.
const FINGERPRINTS_MAX: usize = 8;

/// What we say of the handshake in one description.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OurDtls {
    /// Our certificate.
    pub fingerprint: Fingerprint,
    /// Who begins.
    pub setup: Setup,
}

/// What the peer says of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TheirDtls {
    /// Its certificate, or those that it may have.
    pub fingerprints: Vec<Fingerprint>,
    /// Who begins.
    pub setup: Setup,
}

/// Our part of a handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Part {
    /// We begin.
    Client,
    /// The peer does.
    Server,
}

/// What both have said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgreedDtls {
    /// Our certificate.
    pub certificate: Fingerprint,
    /// Those of the peer.
    pub fingerprints: Vec<Fingerprint>,
    /// Who begins.
    pub part: Part,
}

/// What the peer says of a handshake; none without a fingerprint that we can compare, or without
/// ICE. RFC 8842 §5.2: `actpass` is what an offer should say, and who says nothing leaves it open.
pub(super) fn theirs(sdp: &Sdp, media: &Media, ice: Option<&Credentials>) -> Option<TheirDtls> {
    ice?;
    let written = sdp.values_for(media, "fingerprint").filter_map(Fingerprint::parse);
    let fingerprints: Vec<Fingerprint> = written.take(FINGERPRINTS_MAX).collect();
    let setup = match sdp.values_for(media, "setup").next() {
        Some(word) => Setup::named(word)?,
        None => Setup::ActPass,
    };
    (!fingerprints.is_empty()).then_some(TheirDtls { fingerprints, setup })
}

impl OwnKeys {
    /// What an offer of ours says: the peer chooses who begins, in later offers too, where it
    /// repeats what it chose before (RFC 8842 §5.5).
    #[must_use]
    pub fn dtls_offered(&self) -> Option<OurDtls> {
        let fingerprint = self.certificate()?.clone();
        Some(OurDtls { fingerprint, setup: Setup::ActPass })
    }

    /// What our answer says: we begin where we may, which saves a way there and back (RFC 8842
    /// §5.3); nothing changes while both certificates are those of before.
    #[must_use]
    pub fn dtls_answered(
        &self,
        theirs: &TheirDtls,
        before: Option<&AgreedDtls>,
    ) -> Option<OurDtls> {
        let fingerprint = self.certificate()?.clone();
        let same = before.filter(|before| {
            before.certificate == fingerprint && before.fingerprints == theirs.fingerprints
        });
        let setup = match (theirs.setup, same.map(|before| before.part)) {
            (Setup::Active, _) | (Setup::ActPass, Some(Part::Server)) => Setup::Passive,
            (Setup::Passive, _) | (Setup::ActPass, Some(Part::Client) | None) => Setup::Active,
        };
        Some(OurDtls { fingerprint, setup })
    }
}

impl AgreedDtls {
    /// What follows from both descriptions; none when both or neither would begin.
    pub(super) fn of(ours: &OurDtls, theirs: &TheirDtls) -> Option<Self> {
        let part = match (ours.setup, theirs.setup) {
            (Setup::Active, Setup::Passive | Setup::ActPass) => Part::Client,
            (Setup::ActPass, Setup::Passive) => Part::Client,
            // Whoever answers without a word begins: RFC 8842 §5.3 has it so preferred.
            (Setup::Passive | Setup::ActPass, Setup::Active | Setup::ActPass) => Part::Server,
            (Setup::Active, Setup::Active) | (Setup::Passive, Setup::Passive) => return None,
        };
        let (certificate, fingerprints) = (ours.fingerprint.clone(), theirs.fingerprints.clone());
        Some(Self { certificate, fingerprints, part })
    }
}

impl OurDtls {
    pub(super) fn write(&self, media: &mut Media) {
        media.push(Line::attribute("fingerprint", Some(&self.fingerprint.to_string())));
        media.push(Line::attribute("setup", Some(self.setup.name())));
    }
}
