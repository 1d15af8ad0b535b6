//! The rules of the media plane.

pub mod order;
