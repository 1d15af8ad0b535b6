//! Reading: one datagram, and what of it matters to ICE.

use super::integrity::{INTEGRITY_BYTES, fingerprint, is_authentic};
use super::{
    ATTRIBUTES_MAX, FINGERPRINT, HEADER_BYTES, ICE_CONTROLLED, ICE_CONTROLLING, MAGIC_COOKIE,
    MAPPED_ADDRESS_XORED, MESSAGE_BYTES_MAX, MESSAGE_INTEGRITY, PRIORITY, USE_CANDIDATE, USERNAME,
};

/// Which way a message goes (RFC 8489 §5). The method is always Binding: no other is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Asks for an answer.
    Request,
    /// Keeps a binding of a NAT alive, and asks for nothing.
    Indication,
    /// The good answer.
    Success,
    /// The bad one.
    Error,
}

/// Who decides which pair is used, by the word of the sender (RFC 8445 §6.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The sender.
    Controlling,
    /// The other one.
    Controlled,
}

/// Why a datagram is no STUN message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// A STUN message, and where in its datagram everything is.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// Which way it goes.
    pub class: Class,
    /// Its number; the answer repeats it.
    pub transaction: [u8; 12],
    /// For whom and from whom: `ours:theirs` in a check (RFC 8445 §7.2.2).
    pub username: Option<&'a [u8]>,
    /// What the sender takes itself for.
    pub role: Option<Role>,
    /// Whether the sender wants this pair used from now on.
    pub nominates: bool,
    /// The address in it, still XORed.
    pub(super) mapped: Option<&'a [u8]>,
    /// The first attribute that must be understood and is not (RFC 8489 §14).
    pub unknown: Option<u16>,
    /// The message before MESSAGE-INTEGRITY, and the value of that.
    integrity: Option<(&'a [u8], &'a [u8])>,
}

impl<'a> Message<'a> {
    /// Reads a datagram. What follows MESSAGE-INTEGRITY is not believed, save for FINGERPRINT,
    /// which has to be right where it is there (RFC 8489 §14.5, §14.7).
    ///
    /// # Errors
    /// When it is no STUN message with the method Binding.
    pub fn parse(datagram: &'a [u8]) -> Result<Self, Malformed> {
        let (class, transaction) = header(datagram).ok_or(Malformed)?;
        let mut message = Self {
            class,
            transaction,
            username: None,
            role: None,
            nominates: false,
            mapped: None,
            unknown: None,
            integrity: None,
        };
        let mut at = HEADER_BYTES;
        for _ in 0..ATTRIBUTES_MAX {
            if at == datagram.len() {
                return Ok(message);
            }
            let attribute = Attribute::at(datagram, at).ok_or(Malformed)?;
            message.take(&attribute)?;
            at = attribute.end;
        }
        if at == datagram.len() { Ok(message) } else { Err(Malformed) }
    }

    fn take(&mut self, attribute: &Attribute<'a>) -> Result<(), Malformed> {
        let Attribute { kind, value, before, .. } = *attribute;
        if kind == FINGERPRINT {
            let sum = <[u8; 4]>::try_from(value).map(u32::from_be_bytes).ok();
            let right = sum.is_some() && sum == fingerprint(before);
            return if right { Ok(()) } else { Err(Malformed) };
        }
        if self.integrity.is_some() {
            return Ok(());
        }
        match kind {
            MESSAGE_INTEGRITY if value.len() == INTEGRITY_BYTES => {
                self.integrity = Some((before, value));
            }
            MESSAGE_INTEGRITY => return Err(Malformed),
            USERNAME => self.username = self.username.or(Some(value)),
            USE_CANDIDATE => self.nominates = true,
            ICE_CONTROLLING => self.role = Some(Role::Controlling),
            ICE_CONTROLLED => self.role = Some(Role::Controlled),
            MAPPED_ADDRESS_XORED => self.mapped = Some(value),
            PRIORITY => {}
            // RFC 8489 §14: the upper half may be passed over.
            0x8000..=u16::MAX => {}
            unknown => self.unknown = self.unknown.or(Some(unknown)),
        }
        Ok(())
    }

    /// Whether the sender knows this password.
    #[must_use]
    pub fn is_authentic(&self, password: &str) -> bool {
        self.integrity.is_some_and(|(before, code)| is_authentic(before, password.as_bytes(), code))
    }

    /// Whether it claims to be authentic at all.
    #[must_use]
    pub const fn has_credentials(&self) -> bool {
        self.integrity.is_some() && self.username.is_some()
    }
}

/// Class and transaction, where the header is one of STUN and fits its datagram.
fn header(datagram: &[u8]) -> Option<(Class, [u8; 12])> {
    if datagram.len() > MESSAGE_BYTES_MAX || !datagram.len().is_multiple_of(4) {
        return None;
    }
    let (head, rest) = datagram.split_first_chunk::<HEADER_BYTES>()?;
    let [k1, k2, l1, l2, c1, c2, c3, c4, transaction @ ..] = *head;
    let length = usize::from(u16::from_be_bytes([l1, l2]));
    if u32::from_be_bytes([c1, c2, c3, c4]) != MAGIC_COOKIE || length != rest.len() {
        return None;
    }
    let class = match u16::from_be_bytes([k1, k2]) {
        0x0001 => Class::Request,
        0x0011 => Class::Indication,
        0x0101 => Class::Success,
        0x0111 => Class::Error,
        _of_another_method => return None,
    };
    Some((class, transaction))
}

/// One attribute of a message.
struct Attribute<'a> {
    kind: u16,
    value: &'a [u8],
    /// The message before it.
    before: &'a [u8],
    /// Where the next one begins.
    end: usize,
}

impl<'a> Attribute<'a> {
    fn at(datagram: &'a [u8], at: usize) -> Option<Self> {
        let (before, rest) = datagram.split_at_checked(at)?;
        let ([k1, k2, l1, l2], rest) = rest.split_first_chunk::<4>()?;
        let length = usize::from(u16::from_be_bytes([*l1, *l2]));
        let value = rest.get(..length)?;
        // RFC 8489 §14: filled up to four bytes, whatever stands there.
        let padded = length.next_multiple_of(4);
        rest.get(..padded)?;
        Some(Self { kind: u16::from_be_bytes([*k1, *k2]), value, before, end: at + 4 + padded })
    }
}
