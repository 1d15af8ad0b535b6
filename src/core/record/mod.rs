//! What is written down, and what is folded from it.

pub mod event;
