//! The box between platforms that are simulated strictly: Teams Direct Routing, a certified SBC
//! before it, Avaya, Cisco, Mitel and Skype for Business. Each fails the test on a message that the
//! real one refuses.

#![allow(clippy::expect_used, reason = "a test may die of what it did not expect")]
#![allow(clippy::indexing_slicing, reason = "as above")]
#![allow(missing_docs, reason = "a test says it by its names")]

mod bench;
mod carriers;
mod cast;
mod dialects;
mod encrypted;
mod limits;
mod lines;
mod office;
mod peer;
mod queue;
mod sbc;
mod strict;
mod teams;
mod text;
mod transfers;
