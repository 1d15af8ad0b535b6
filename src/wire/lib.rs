//! Placeholder.

pub mod sdp;
