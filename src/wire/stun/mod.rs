//! STUN as far as ICE needs it of a lite agent: checks are read and answered (RFC 8489, RFC 8445).
//!
//! A [`Message`] is a view of a datagram: read once, bounded, nothing copied. Whose password holds,
//! and what a check means, is decided above. [`success`] and [`refusal`] write the answers. We make
//! no requests: a lite agent asks nobody (RFC 8445 §2.5). A full agent's crate would bring timers,
//! pairs and candidates that a lite one does not have.

mod integrity;
mod message;
mod write;

pub use message::{Class, Malformed, Message, Role};
pub use write::{Refusal, refusal, success};

/// Largest message that is read, in bytes: what a path of IPv6 carries unasked (RFC 8200 §5). A
/// check of a browser has about 120.
pub const MESSAGE_BYTES_MAX: usize = 1280;
/// Most attributes of one message. A check of a browser has 8.
pub const ATTRIBUTES_MAX: usize = 32;
/// Type, length, cookie and transaction.
const HEADER_BYTES: usize = 20;
/// Tells STUN of today from that of RFC 3489 and from everything else (RFC 8489 §5).
const MAGIC_COOKIE: u32 = 0x2112_A442;

const MAPPED_ADDRESS_XORED: u16 = 0x0020;
const USERNAME: u16 = 0x0006;
const MESSAGE_INTEGRITY: u16 = 0x0008;
const ERROR_CODE: u16 = 0x0009;
const UNKNOWN_ATTRIBUTES: u16 = 0x000A;
const PRIORITY: u16 = 0x0024;
const USE_CANDIDATE: u16 = 0x0025;
const FINGERPRINT: u16 = 0x8028;
const ICE_CONTROLLED: u16 = 0x8029;
const ICE_CONTROLLING: u16 = 0x802A;

/// What a datagram on a port that several protocols share is, by its first byte (RFC 7983 §7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// A STUN message.
    Stun,
    /// A record of DTLS.
    Dtls,
    /// RTP or RTCP, encrypted or not.
    Media,
    /// Something that nobody speaks here: ZRTP, TURN channels, noise.
    Other,
}

impl Sort {
    /// The sort of this datagram.
    #[must_use]
    pub const fn of(datagram: &[u8]) -> Self {
        match datagram {
            [0..=3, ..] => Self::Stun,
            [20..=63, ..] => Self::Dtls,
            [128..=191, ..] => Self::Media,
            [] | [_, ..] => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests;
