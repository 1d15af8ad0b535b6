//! Writing: the answers of a lite agent.

use super::integrity::{INTEGRITY_BYTES, fingerprint, hmac};
use super::{
    ERROR_CODE, FINGERPRINT, HEADER_BYTES, MAGIC_COOKIE, MAPPED_ADDRESS_XORED, MESSAGE_INTEGRITY,
    UNKNOWN_ATTRIBUTES,
};
use hmac::Mac;
use std::net::{IpAddr, SocketAddr};

const BINDING_SUCCESS: u16 = 0x0101;
const BINDING_ERROR: u16 = 0x0111;

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It has no credentials: 400 (RFC 8489 §9.1.3).
    BadRequest,
    /// It has others than ours: 401 (RFC 8489 §9.1.3).
    Unauthenticated,
    /// It holds this attribute, which must be understood and is not: 420 (RFC 8489 §6.3.1).
    UnknownAttribute(u16),
    /// Its sender takes itself for controlled, and so do we: 487 (RFC 8445 §7.3.1.1).
    RoleConflict,
}

impl Refusal {
    /// The code on the wire.
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::BadRequest => 400,
            Self::Unauthenticated => 401,
            Self::UnknownAttribute(_) => 420,
            Self::RoleConflict => 487,
        }
    }
}

/// The answer to a check from `from`, under the password of ours that the check was made with.
#[must_use]
pub fn success(transaction: [u8; 12], from: SocketAddr, password: &str) -> Vec<u8> {
    let mut answer = Answer::new(BINDING_SUCCESS, transaction);
    answer.attribute(MAPPED_ADDRESS_XORED, &xored(transaction, from));
    answer.close(Some(password))
}

/// The refusal of a request. Under a password only where the request was authentic: a 400 or 401
/// has none that its sender could check (RFC 8489 §9.1.3).
#[must_use]
pub fn refusal(transaction: [u8; 12], why: Refusal, password: &str) -> Vec<u8> {
    let mut answer = Answer::new(BINDING_ERROR, transaction);
    let (class, number) = (why.code() / 100, why.code() % 100);
    let [_, class] = class.to_be_bytes();
    let [_, number] = number.to_be_bytes();
    answer.attribute(ERROR_CODE, &[0, 0, class, number]);
    let password = match why {
        Refusal::BadRequest | Refusal::Unauthenticated => None,
        Refusal::UnknownAttribute(unknown) => {
            answer.attribute(UNKNOWN_ATTRIBUTES, &unknown.to_be_bytes());
            Some(password)
        }
        Refusal::RoleConflict => Some(password),
    };
    answer.close(password)
}

/// The value of XOR-MAPPED-ADDRESS: hidden from gateways that rewrite every address that they
/// recognise (RFC 8489 §14.2).
pub(super) fn xored(transaction: [u8; 12], address: SocketAddr) -> Vec<u8> {
    let mask: Vec<u8> = MAGIC_COOKIE.to_be_bytes().into_iter().chain(transaction).collect();
    let (family, bytes) = match address.ip() {
        IpAddr::V4(ip) => (1, ip.octets().to_vec()),
        IpAddr::V6(ip) => (2, ip.octets().to_vec()),
    };
    let over = |bytes: &[u8]| -> Vec<u8> {
        bytes.iter().zip(&mask).map(|(byte, mask)| byte ^ mask).collect()
    };
    [vec![0, family], over(&address.port().to_be_bytes()), over(&bytes)].concat()
}

/// A message that is being written.
struct Answer(Vec<u8>);

impl Answer {
    fn new(kind: u16, transaction: [u8; 12]) -> Self {
        let mut bytes = Vec::with_capacity(HEADER_BYTES + 80);
        bytes.extend(kind.to_be_bytes());
        bytes.extend([0, 0]); // the length, when it is known
        bytes.extend(MAGIC_COOKIE.to_be_bytes());
        bytes.extend(transaction);
        Self(bytes)
    }

    fn attribute(&mut self, kind: u16, value: &[u8]) {
        let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
        self.0.extend(kind.to_be_bytes());
        self.0.extend(length.to_be_bytes());
        self.0.extend(value);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
    }

    fn close(mut self, password: Option<&str>) -> Vec<u8> {
        if let Some(mac) = password.and_then(|password| hmac(&self.0, password.as_bytes())) {
            let code: [u8; INTEGRITY_BYTES] = mac.finalize().into_bytes().into();
            self.attribute(MESSAGE_INTEGRITY, &code);
        }
        if let Some(sum) = fingerprint(&self.0) {
            self.attribute(FINGERPRINT, &sum.to_be_bytes());
        }
        let length = u16::try_from(self.0.len() - HEADER_BYTES).unwrap_or(u16::MAX);
        let room = self.0.get_mut(2..4).unwrap_or_default();
        room.iter_mut().zip(length.to_be_bytes()).for_each(|(byte, value)| *byte = value);
        self.0
    }
}
