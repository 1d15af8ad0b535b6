//! SRTP and SRTCP: packets made unreadable and unforgeable under one master key (RFC 3711).
//!
//! A [`Sender`] protects what we send under our key, a [`Receiver`] opens what the peer sends under
//! its own. Both work in place, allocate nothing per packet, and keep one index for each
//! synchronisation source, so that a source that changes does not disturb the others. Where the
//! keys come from (SDES, DTLS) and which packets are worth opening is not known here.
//!
//! ```text
//!  MasterKey ── KDF (§4.3) ──▶ session keys ──▶ Cm  (AES-CM and HMAC-SHA1, RFC 3711, RFC 6188)
//!                                           └─▶ Gcm (AES-GCM, RFC 7714)
//! ```
//!
//! Rules that every change must keep:
//! - nothing that was not authenticated changes any state;
//! - no index is used twice under one key, whatever order packets are sent in;
//! - the same key keeps its indices; another key begins at a rollover counter of 0.

mod cipher;
mod cm;
mod exported;
mod gcm;
mod index;
mod key;
mod receiver;
mod sender;
mod suite;
#[cfg(test)]
mod tests;

pub use exported::Exported;
pub use key::MasterKey;
pub use receiver::{Receiver, Refused};
pub use sender::{NotSent, Sender};
pub use suite::Suite;

/// Most bytes that protection adds to a report: the index word and the longest tag.
pub const GROWTH_BYTES_MAX: usize = 4 + 16;
/// Bytes of the header that leads every RTCP compound and stays readable (RFC 3711 §3.4).
const REPORT_HEADER_BYTES: usize = 8;
/// Packets under one master key, as we tell every peer: `|2^31` in our key parameters. It is also
/// where the index of reports ends (RFC 3711 §9.2); that of packets would go on to 2^48.
pub const LIFETIME_PACKETS: u64 = 1 << 31;
