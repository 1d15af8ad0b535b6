//! Personal data at rest: who can read it, and how a person is forgotten.
//!
//! - Each number or address of a person ([`Subject`]) has a random key of its own. Events hold it
//!   sealed under that key (AES-256-GCM), together with the id of the key, and the id is an HMAC of
//!   the subject under the master secret: it says nothing without the secret.
//! - The keys lie in a file of their own. To forget a person is to rewrite that file without one
//!   key; from then on every reader gets [`ERASED`], wherever the sealed value was copied to.
//! - If the person calls again after that, a new key is made for the same id. The old values do not
//!   open under it.
//! - Values of the recovery journal hold dialogs and media keys. They are sealed under a key that
//!   is derived from the master secret and a salt for each value, and go when the call goes.
//!
//! The master secret and the keys are files of mode 0600: this protects copies of the log, an index
//! or a dump, not a box whose whole disk was taken.

use aes_gcm::aead::{Aead as _, Payload};
use aes_gcm::{Aes256Gcm, KeyInit as _};
use hmac::{Hmac, Mac as _};
use holdfast_base::{Entropy, Lsn};
use holdfast_core::record::event::{Event, Fact, Subject};
use holdfast_core::record::journal::StateKey;
use sha2::Sha256;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::frame::{self, Found, Kind};

/// What a reader gets in place of a subject whose key is gone.
pub const ERASED: &str = "erased";

/// Opens a sealed subject; what follows is its id and its sealed bytes in hexadecimal.
const SEALED: &str = "sealed:";
const ID_BYTES: usize = 16;
const KEY_BYTES: usize = 32;
/// Nonce of AES-GCM, NIST SP 800-38D §5.2.1.1.
const NONCE_BYTES: usize = 12;
const SALT_BYTES: usize = 16;

type SubjectId = [u8; ID_BYTES];
type Key = [u8; KEY_BYTES];

/// All keys of the box.
pub struct Keys {
    /// Makes ids from subjects.
    ids: Key,
    /// Makes the keys of journal values.
    states: Key,
    subjects_max: usize,
    ring: Mutex<Ring>,
}

struct Ring {
    subjects: BTreeMap<SubjectId, Key>,
    random: Entropy,
}

impl Keys {
    /// The keys of this master secret, without any subject yet and for at most `subjects_max`.
    /// `random` must be unpredictable.
    #[must_use]
    pub fn new(master: Key, random: Entropy, subjects_max: usize) -> Self {
        Self {
            subjects_max,
            ids: keyed_hash(&master, &[b"subject ids"]),
            states: keyed_hash(&master, &[b"journal values"]),
            ring: Mutex::new(Ring { subjects: BTreeMap::new(), random }),
        }
    }

    /// Reads the key of one record of the key store; the later record of an id counts.
    pub fn learn(&self, body: &[u8]) {
        if let Some((id, key)) = body.split_first_chunk::<ID_BYTES>()
            && let Ok(key) = Key::try_from(key)
        {
            self.ring().subjects.insert(*id, key);
        }
    }

    /// Seals every subject of an event; the records of keys made for it are appended to `new_keys`
    /// and must be durable before the event is.
    pub fn seal_event(&self, event: &mut Event, new_keys: &mut Vec<u8>) {
        for subject in subjects_of(&mut event.fact) {
            let id = self.id_of(subject);
            let mut ring = self.ring();
            let key = match ring.subjects.get(&id) {
                Some(key) => Some(*key),
                None if ring.subjects.len() >= self.subjects_max => None,
                None => {
                    let key = ring.random.bytes();
                    // 48 bytes are below every limit of a frame.
                    let kept = frame::encode(Lsn(0), &[&id[..], &key[..]].concat(), new_keys);
                    kept.ok().map(|()| {
                        ring.subjects.insert(id, key);
                        key
                    })
                }
            };
            *subject = seal_subject(&mut ring, key, id, subject);
        }
    }

    /// Seals a subject outside of the log, for an index: under the key that the log made for it, so
    /// that forgetting reaches here too; without one it is written as erased.
    pub fn seal_known(&self, subject: &mut Subject) {
        let id = self.id_of(subject);
        let mut ring = self.ring();
        let key = ring.subjects.get(&id).copied();
        *subject = seal_subject(&mut ring, key, id, subject);
    }

    /// Opens every subject of an event.
    pub fn open_event(&self, event: &mut Event) {
        subjects_of(&mut event.fact).into_iter().for_each(|subject| self.open_subject(subject));
    }

    /// Opens a sealed subject; [`ERASED`] when its key is gone.
    pub fn open_subject(&self, subject: &mut Subject) {
        let clear = self.opened(subject).unwrap_or_else(|| ERASED.to_owned());
        *subject = Subject(clear);
    }

    /// The content of the key store without the key of this subject; none when there is no such
    /// key. Once it is durable, [`Keys::forget`] drops the key from memory too.
    #[must_use]
    pub fn store_without(&self, subject: &Subject) -> Option<Vec<u8>> {
        let id = self.id_of(subject);
        let ring = self.ring();
        ring.subjects.contains_key(&id).then(|| store_of(&ring.subjects, Some(id)))
    }

    /// The content of the key store.
    #[must_use]
    pub fn store(&self) -> Vec<u8> {
        store_of(&self.ring().subjects, None)
    }

    /// Drops the key of this subject from memory.
    pub fn forget(&self, subject: &Subject) {
        let id = self.id_of(subject);
        self.ring().subjects.remove(&id);
    }

    /// Seals the value of a state, bound to its key and position.
    #[must_use]
    pub fn seal_state(&self, lsn: Lsn, key: &StateKey, value: &[u8]) -> Vec<u8> {
        let random = self.ring().random.bytes();
        let [salt_and_nonce @ .., _, _, _, _] = random;
        let (salt, nonce) = split(&salt_and_nonce);
        let cipher = self.state_cipher(&salt);
        let aad = bound_to(lsn, key);
        let sealed = cipher.encrypt((&nonce).into(), Payload { msg: value, aad: &aad });
        // AES-GCM refuses only values of 64 GiB and more; an empty text opens as nothing.
        [&salt_and_nonce[..], &sealed.unwrap_or_default()].concat()
    }

    /// Opens the value of a state; none when it is not what was sealed here.
    #[must_use]
    pub fn open_state(&self, lsn: Lsn, key: &StateKey, sealed: &[u8]) -> Option<Vec<u8>> {
        let (head, sealed) = sealed.split_first_chunk::<{ SALT_BYTES + NONCE_BYTES }>()?;
        let (salt, nonce) = split(head);
        let aad = bound_to(lsn, key);
        let payload = Payload { msg: sealed, aad: &aad };
        self.state_cipher(&salt).decrypt((&nonce).into(), payload).ok()
    }

    /// A key for each value, so that no number of heartbeats wears out random nonces
    /// (NIST SP 800-38D §8.3 allows 2^32 for one key).
    fn state_cipher(&self, salt: &[u8; SALT_BYTES]) -> Aes256Gcm {
        Aes256Gcm::new(&keyed_hash(&self.states, &[salt]).into())
    }

    fn opened(&self, subject: &Subject) -> Option<String> {
        let (id, sealed) = subject.0.strip_prefix(SEALED)?.split_once(':')?;
        let id = SubjectId::try_from(from_hex(id)?).ok()?;
        let sealed = from_hex(sealed)?;
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>()?;
        let key = *self.ring().subjects.get(&id)?;
        let payload = Payload { msg: sealed, aad: &id };
        let clear = Aes256Gcm::new(&key.into()).decrypt(nonce.into(), payload).ok()?;
        String::from_utf8(clear).ok()
    }

    fn id_of(&self, subject: &Subject) -> SubjectId {
        let [id @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] =
            keyed_hash(&self.ids, &[subject.0.as_bytes()]);
        id
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn seal_subject(ring: &mut Ring, key: Option<Key>, id: SubjectId, subject: &Subject) -> Subject {
    let [nonce @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] =
        ring.random.bytes();
    let payload = Payload { msg: subject.0.as_bytes(), aad: &id };
    let sealed =
        key.and_then(|key| Aes256Gcm::new(&key.into()).encrypt(<&_>::from(&nonce), payload).ok());
    Subject(sealed.map_or_else(
        || ERASED.to_owned(),
        |sealed| format!("{SEALED}{}:{}{}", hex(&id), hex(&nonce), hex(&sealed)),
    ))
}

fn store_of(subjects: &BTreeMap<SubjectId, Key>, except: Option<SubjectId>) -> Vec<u8> {
    let mut bytes = frame::header(Kind::Subjects);
    for (id, key) in subjects.iter().filter(|(id, _)| Some(**id) != except) {
        let encoded = frame::encode(Lsn(0), &[&id[..], &key[..]].concat(), &mut bytes);
        debug_assert!(encoded.is_ok(), "48 bytes are below every limit of a frame");
    }
    bytes
}

/// Every subject of a fact. Each variant and field is spelled out, so that a new one makes the
/// compiler ask whether it is personal.
pub fn subjects_of(fact: &mut Fact) -> Vec<&mut Subject> {
    match fact {
        Fact::CallArrived { call: _, trunk: _, from, dialled, ingress: _, sip_call_id: _ } => {
            vec![from, dialled]
        }
        Fact::LegStarted { call: _, leg: _, to, sip_call_id: _ }
        | Fact::TestCallPlaced { call: _, leg: _, trunk: _, to, sip_call_id: _ } => vec![to],
        Fact::TransferAsked { call: _, leg: _, by, to, kind: _ } => vec![by, to],
        Fact::LedOn { contact: _, call: _, queue: _, to }
        | Fact::NotLedOn { contact: _, call: _, queue: _, to, why: _ } => {
            to.subject_mut().into_iter().collect()
        }
        Fact::Started { version: _ }
        | Fact::Emergency { call: _ }
        | Fact::CallAnswered { call: _ }
        | Fact::LegAnswered { call: _, leg: _ }
        | Fact::LegEnded { call: _, leg: _, why: _, media: _, codec: _, crypto: _ }
        | Fact::TransferEnded { call: _, outcome: _ }
        | Fact::CallEnded { call: _, by: _, status: _, cause: _ }
        | Fact::Enqueued { contact: _, call: _, queue: _ }
        | Fact::ContactLeft { contact: _, queue: _, outcome: _, waited_ms: _ }
        | Fact::QueueClosed { queue: _, why: _ }
        | Fact::QueueOpened { queue: _ }
        | Fact::Reserved { offer: _, contact: _, agent: _, endpoint: _ }
        | Fact::OfferRinging { offer: _ }
        | Fact::OfferWon { offer: _, contact: _, agent: _ }
        | Fact::OfferEnded { offer: _, contact: _, agent: _, why: _ }
        | Fact::AgentDone { agent: _, contact: _, talked_ms: _ }
        | Fact::WrapUpEnded { agent: _, took_ms: _ }
        | Fact::DutyChanged { agent: _, duty: _, by: _ }
        | Fact::Ungated { late: _ }
        | Fact::TrunkDown { trunk: _, why: _ }
        | Fact::LoginRefused { trunk: _, why: _ }
        | Fact::LoginAccepted { trunk: _ }
        | Fact::Registered { trunk: _ }
        | Fact::RegistrationLost { trunk: _, why: _ }
        | Fact::PhoneTakenOver { account: _, pbx: _ }
        | Fact::PhoneLedBack { account: _, pbx: _ }
        | Fact::TrunkUp { trunk: _ }
        | Fact::Banned { source: _, why: _, for_s: _, times: _ }
        | Fact::BanEnded { source: _, how: _ }
        | Fact::TrunkAlarm { trunk: _, status: _ }
        | Fact::DrainChanged { on: _ }
        | Fact::TestCallEnded { call: _, trunk: _, outcome: _ }
        | Fact::NothingInCommon { call: _, leg: _, ours: _, theirs: _ }
        | Fact::Transcoded { call: _ }
        | Fact::NotTranscoded { call: _ }
        | Fact::Supervision { call: _, supervisor: _, step: _ }
        | Fact::Configured { hash: _ } => Vec::new(),
    }
}

/// The keys of all records of a key store, and whether some of it was damaged.
///
/// # Errors
/// When the file is of another version.
pub fn learn_all(keys: &Keys, bytes: &[u8]) -> Result<bool, frame::UnknownVersion> {
    let mut damaged = false;
    for found in frame::scan(bytes, Kind::Subjects)? {
        match found {
            Found::Frame(frame) => keys.learn(frame.body),
            Found::Damage(_) | Found::Tail(_) => damaged = true,
        }
    }
    Ok(damaged)
}

fn bound_to(lsn: Lsn, key: &StateKey) -> Vec<u8> {
    [&lsn.0.to_be_bytes()[..], key.as_str().as_bytes()].concat()
}

const fn split(both: &[u8; SALT_BYTES + NONCE_BYTES]) -> ([u8; SALT_BYTES], [u8; NONCE_BYTES]) {
    let [s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, s12, s13, s14, s15, nonce @ ..] = *both;
    ([s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, s12, s13, s14, s15], nonce)
}

/// HMAC-SHA-256 (RFC 2104).
fn keyed_hash(key: &Key, parts: &[&[u8]]) -> Key {
    // A key shorter than the block of SHA-256 is padded with zeros, RFC 2104 §2.
    let mut block = [0; 64];
    block.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
    let mut mac = <Hmac<Sha256> as hmac::digest::KeyInit>::new(&block.into());
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a string can not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) {
        return None;
    }
    text.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::Keys;
    use holdfast_base::{Entropy, Lsn};
    use holdfast_core::record::event::Subject;
    use holdfast_core::record::journal::StateKey;

    fn keys(master: u8) -> Keys {
        Keys::new([master; 32], Entropy::new([7; 32]), 10)
    }

    #[test]
    fn a_state_opens_only_where_it_was_sealed() {
        let (here, there) = (StateKey::new("call-1").unwrap(), StateKey::new("call-2").unwrap());
        let ours = keys(1);
        let sealed = ours.seal_state(Lsn(5), &here, b"dialog");
        assert_eq!(ours.open_state(Lsn(5), &here, &sealed), Some(b"dialog".to_vec()));
        assert_eq!(ours.open_state(Lsn(5), &there, &sealed), None);
        assert_eq!(ours.open_state(Lsn(6), &here, &sealed), None);
        assert_eq!(keys(2).open_state(Lsn(5), &here, &sealed), None);
        assert_ne!(ours.seal_state(Lsn(5), &here, b"dialog"), sealed);
    }

    #[test]
    fn what_only_looks_sealed_opens_as_erased() {
        for text in ["sealed:", "sealed:00:zz", "sealed:\u{fc}\u{fc}:00", "+4930", ""] {
            let mut subject = Subject(text.to_owned());
            keys(1).open_subject(&mut subject);
            assert_eq!(subject.0, super::ERASED, "{text}");
        }
    }
}
