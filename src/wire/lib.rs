//! Syntax: bytes to values and back. Every reader is total, linear in its input and bounded.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod g711;
pub mod g722;
pub mod rtp;
pub mod sdp;
pub mod sip;
pub mod srtp;
pub mod stun;
pub mod wav;
