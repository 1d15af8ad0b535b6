//! Whole calls as ladders: every SIP message with its description, every order to the media plane,
//! every record and what waits for it, compared with the page of text beside this file.
//!
//! A page that changed is a change that peers will see. `BLESS=1 cargo test --test golden` writes
//! the pages anew; the difference is reviewed by a person who knows the RFCs.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test dies of what is wrong")]
#![allow(missing_docs, reason = "functions of test scripts say it by their names")]

mod browsers;
mod carried;
mod cast;
mod codecs;
mod dialling;
mod dialogs;
#[path = "../e2e/digest.rs"]
mod digest;
mod encrypted;
mod extensions;
mod keys;
mod ladder;
mod logins;
mod overflow;
mod page;
mod party;
mod passed_on;
mod queue;
mod refusals;
mod registrations;
mod restart;
mod routes;
mod sessions;
mod supervision;
mod test_calls;
mod text;
mod texts;
mod transfers;
mod trunks;
mod watching;
