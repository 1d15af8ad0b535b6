//! Syntax: bytes to values and back. Every reader is total, linear in its input and bounded.

pub mod g711;
pub mod rtp;
pub mod sdp;
pub mod sip;
pub mod wav;
