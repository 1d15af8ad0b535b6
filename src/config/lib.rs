//! The configuration: what there is, how it is read, what is refused.
//!
//! A text becomes a [`Config`] in three steps, each of which says everything that it finds: the
//! TOML itself, then each key by itself (`parse`), then what the keys mean together (`check`).
//! Files, watching and applying belong to the drivers.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod canonical;
mod check;
pub mod defaults;
pub mod finding;
mod kind;
mod parse;
pub mod schema;
mod section;
pub mod span;
mod suggest;
pub mod target;

pub use finding::{Finding, Place, Severity};
pub use parse::{read, read_with_clips};
pub use schema::{
    Account, Agent, Config, Destination, Dns, Endpoint, Listener, ListenerTransport, Media,
    Network, Number, Queue, Secret, Sip, Site, Trunk, Web,
};
pub use target::{Target, TargetHost};
