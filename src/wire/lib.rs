//! Syntax: bytes to values and back. Total, size-limited, pure.

pub mod sip;
