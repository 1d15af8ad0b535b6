//! Syntax: bytes to values and back. Total, size-limited, without a rule about calls.

pub mod g711;
pub mod rtp;
pub mod wav;
