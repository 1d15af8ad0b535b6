//! The rules: pure machines that decide about calls, media, queues and agents.
//!
//! A core is a value: `handle(&mut self, now, input, &mut out)` and `deadline()`. Nothing here
//! knows a socket, a file, a thread or a clock; time, ids and randomness come in as values.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod abuse;
pub mod agent;
pub mod arms;
pub mod bandwidth;
pub mod calendar;
pub mod call;
pub mod certificate;
pub mod command;
pub mod contact;
mod deadlines;
pub mod dialect;
pub mod doctor;
pub mod load;
pub mod media;
pub mod offer_answer;
pub mod peer;
pub mod provisioning;
pub mod queue;
pub mod rate;
pub mod record;
pub mod rehearsal;
pub mod routing;
pub mod sip;
pub mod site;
pub mod trace;
pub mod unsuited;
pub mod view;
pub mod watch;
