//! The JSON API under `/api/v1`: what the page shows, and the orders that it gives.

pub(crate) mod document;
pub(crate) mod error;
pub(crate) mod order;
pub(crate) mod read;
pub(crate) mod trace;
