//! Keys in our descriptions and theirs (SDES, RFC 4568), and when they change.
//!
//! Each leg draws one secret, and every key of ours follows from it, the suite and a generation. So
//! the same key stands in every re-offer and re-answer, as nothing else would keep the rollover
//! counter of the peer (RFC 4568 §7.1.4), and another one after [`OwnKeys::renew`]: when it is not
//! known any more how far the old key was used, or when another stream goes on with the session.

use holdfast_base::{Entropy, Wall};
use holdfast_config::{MediaEncryption, MediaKeys};
use holdfast_wire::sdp::{Credentials, Crypto, Fingerprint, Media};
use holdfast_wire::srtp::{MasterKey, Suite};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;

/// What we offer to whom nothing else is known of, best first: what costs least and protects most,
/// then what everybody has.
pub const SUITES: &[Suite] =
    &[Suite::AeadAes256Gcm, Suite::AeadAes128Gcm, Suite::AesCm128HmacSha1Tag80];

/// The keys of one leg that are ours to give.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnKeys {
    wish: MediaEncryption,
    suites: Vec<Suite>,
    secret: [u8; 32],
    /// Grows with every key, over restarts too.
    generation: u64,
    /// Whether the peer has refused encryption, and was called without.
    fell_back: bool,
    /// How keys are agreed on in what we offer.
    #[serde(default)]
    by: MediaKeys,
    /// The certificate that we show in handshakes; none, and there are no handshakes.
    #[serde(default)]
    certificate: Option<Fingerprint>,
    /// Whether the way is found by ICE where keys are in descriptions too (media bypass of Teams).
    #[serde(default)]
    ice: bool,
}

/// By what the keys of a leg are agreed on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manner {
    /// What is wished of the peer.
    pub wish: MediaEncryption,
    /// How keys are agreed on in what we offer.
    pub by: MediaKeys,
    /// Whether the way is found by ICE where keys are in descriptions too.
    pub ice: bool,
}

/// A key of ours in a description.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OurKey {
    /// The number of the line; an answer has that of the offer.
    pub tag: u32,
    /// The key.
    pub key: MasterKey,
}

/// A key of the peer in a description, of a line that we can use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TheirKey {
    /// The number of the line.
    pub tag: u32,
    /// The key.
    pub key: MasterKey,
    /// Length of the key identifier in its packets, in bytes; 0 for none.
    pub mki_bytes: u8,
}

/// The keys of both sides that were agreed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgreedKeys {
    /// Ours, for what we send.
    pub ours: OurKey,
    /// That of the peer, for what it sends.
    pub theirs: TheirKey,
}

impl OwnKeys {
    /// The keys of a new leg towards somebody of whom this is wished.
    #[must_use]
    pub fn new(wish: MediaEncryption, suites: &[Suite], entropy: &mut Entropy) -> Self {
        let manner = Manner { wish, ..Manner::default() };
        Self::of(&manner, suites, &[], entropy)
    }

    /// The same, with handshakes under one of these certificates, and ICE where that is wished.
    #[must_use]
    pub fn of(
        manner: &Manner,
        suites: &[Suite],
        certificates: &[Fingerprint],
        entropy: &mut Entropy,
    ) -> Self {
        Self {
            wish: manner.wish,
            suites: suites.to_vec(),
            secret: entropy.bytes(),
            generation: 0,
            fell_back: false,
            by: manner.by,
            certificate: certificates.first().cloned(),
            ice: manner.ice,
        }
    }

    /// Whether the keys of what we offer are agreed on by a handshake.
    #[must_use]
    pub fn offers_handshake(&self) -> bool {
        match (self.wish, self.by) {
            (MediaEncryption::Off, _) | (_, MediaKeys::Sdes) => false,
            (MediaEncryption::Required | MediaEncryption::Preferred, MediaKeys::Dtls) => {
                self.certificate.is_some()
            }
        }
    }

    /// The certificate that we show in handshakes.
    #[must_use]
    pub const fn certificate(&self) -> Option<&Fingerprint> {
        self.certificate.as_ref()
    }

    /// Whether the way is found by ICE where keys are in descriptions too.
    #[must_use]
    pub const fn wants_ice(&self) -> bool {
        self.ice
    }

    pub(super) const fn generation(&self) -> u64 {
        self.generation
    }

    /// What checks of this peer know us by: as hard to guess as a key, and others with every
    /// restart of the peer.
    pub(super) fn credentials(&self, theirs: Option<&Credentials>) -> Credentials {
        let seed = Sha256::new()
            .chain_update(self.secret)
            .chain_update(self.generation.to_be_bytes())
            .chain_update("ice");
        let seed = theirs.iter().fold(seed, |seed, theirs| {
            let (fragment, password) = (theirs.fragment(), theirs.password());
            seed.chain_update(fragment).chain_update(":").chain_update(password)
        });
        Credentials::drawn(&mut Entropy::new(seed.finalize().into()))
    }

    /// What is wished of the peer.
    #[must_use]
    pub const fn wish(&self) -> MediaEncryption {
        self.wish
    }

    /// Whether the peer has refused encryption, and was called without.
    #[must_use]
    pub const fn fell_back(&self) -> bool {
        self.fell_back
    }

    /// The key of this suite. The secret is drawn by chance and the key as hard to guess.
    #[must_use]
    pub fn key(&self, suite: Suite) -> MasterKey {
        let seed = Sha256::new()
            .chain_update(self.secret)
            .chain_update(self.generation.to_be_bytes())
            .chain_update(suite.name());
        MasterKey::drawn(suite, &mut Entropy::new(seed.finalize().into()))
    }

    /// Every key before must not be used again: neither one that we know of, nor one of a process
    /// that ended before it was written down, which the time tells apart.
    /// A peer begins another handshake only when it is shown another certificate, so one of
    /// `certificates` that is not in use takes its place.
    pub fn renew(&mut self, now: Wall, certificates: &[Fingerprint]) {
        let used = self.certificate.take();
        let other = certificates.iter().find(|it| Some(*it) != used.as_ref());
        self.certificate = other.or(certificates.first()).cloned();
        self.restart_checks(now);
    }

    /// Names of checks follow from the generation as keys do; a handshake that is done stays.
    pub fn restart_checks(&mut self, now: Wall) {
        let time = u64::try_from(now.micros()).unwrap_or(0);
        self.generation = self.generation.saturating_add(1).max(time);
    }

    /// Whether a key of ours may be used still.
    #[must_use]
    pub fn is_valid(&self, key: &MasterKey) -> bool {
        self.key(key.suite()) == *key
    }

    /// The same key as it is now.
    #[must_use]
    pub fn renewed(&self, line: &OurKey) -> OurKey {
        OurKey { tag: line.tag, key: self.key(line.key.suite()) }
    }

    /// The peer has refused encryption where it was only preferred: true, and it is not asked for
    /// again on this leg.
    pub const fn fall_back(&mut self) -> bool {
        match self.wish {
            MediaEncryption::Preferred => {
                (self.wish, self.fell_back) = (MediaEncryption::Off, true);
                true
            }
            MediaEncryption::Required | MediaEncryption::Off => false,
        }
    }

    /// The lines of a first offer; none where encryption is not wished or comes otherwise.
    #[must_use]
    pub fn offered(&self) -> Vec<OurKey> {
        match self.wish {
            MediaEncryption::Off => Vec::new(),
            MediaEncryption::Required | MediaEncryption::Preferred if self.offers_handshake() => {
                Vec::new()
            }
            MediaEncryption::Required | MediaEncryption::Preferred => (1..)
                .zip(&self.suites)
                .map(|(tag, suite)| OurKey { tag, key: self.key(*suite) })
                .collect(),
        }
    }

    /// The line that answers one of these: of the suite that is in use, else the first of the peer
    /// that we would offer too, else its first (RFC 4568 §5.1.2: the offerer has the preference).
    #[must_use]
    pub fn answered(&self, theirs: &[TheirKey], in_use: Option<&AgreedKeys>) -> Option<OurKey> {
        let in_use = in_use.map(|agreed| agreed.ours.key.suite());
        let of = |wanted: &dyn Fn(Suite) -> bool| theirs.iter().find(|t| wanted(t.key.suite()));
        let chosen = of(&|suite| Some(suite) == in_use)
            .or_else(|| of(&|suite| self.suites.contains(&suite)))
            .or_else(|| theirs.first())?;
        Some(OurKey { tag: chosen.tag, key: self.key(chosen.key.suite()) })
    }
}

/// The lines of a description that we can use, in the order of their writer.
pub(super) fn usable(media: &Media) -> Vec<TheirKey> {
    let usable = |line: Crypto| {
        let (key, mki_bytes) = line.master()?;
        Some(TheirKey { tag: line.tag, key, mki_bytes })
    };
    media.crypto().filter_map(usable).collect()
}

impl AgreedKeys {
    /// What a pair of lines agrees on: the same tag and suite on both sides, RFC 4568 §5.1.3. Some
    /// answer with a tag of their own; the suite tells what they mean.
    pub(super) fn of(ours: &[OurKey], theirs: &[TheirKey]) -> Option<Self> {
        let suite_of = |key: &OurKey, their: &TheirKey| key.key.suite() == their.key.suite();
        let partner = |their: &TheirKey, tagged: bool| {
            let mut lines = ours.iter().filter(|our| suite_of(our, their));
            lines.find(|our| !tagged || our.tag == their.tag).cloned()
        };
        let pair = |tagged: bool| {
            theirs.iter().find_map(|their| {
                Some(Self { ours: partner(their, tagged)?, theirs: their.clone() })
            })
        };
        pair(true).or_else(|| pair(false))
    }
}

/// The secret never prints.
impl fmt::Debug for OwnKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnKeys")
            .field("wish", &self.wish)
            .field("generation", &self.generation)
            .finish_non_exhaustive()
    }
}
