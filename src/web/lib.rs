//! The web page, the API and the metrics of the box, over HTTPS and from this binary alone.
//!
//! ```text
//! server (TCP, TLS, limits) ─► routes (one table) ─► guard (claim, session, CSRF) ─► handlers
//!                                                     views ─► live (fragments) ─► SSE
//! ```
//! It shows a [`SiteView`](holdfast_core::view::SiteView) and carries
//! [`Command`](holdfast_core::command::Command)s; it knows no rule about calls and never meets the
//! drivers. `main` binds the listener and gives the doors. Nothing is loaded from elsewhere: the
//! page works in a branch whose internet is down.

mod api;
mod assets;
mod auth;
mod bans;
mod calendars;
mod doctor;
mod doors;
mod explain;
mod figures;
mod files;
mod guard;
mod headers;
mod identity;
mod live;
mod metrics;
mod pages;
mod phones;
mod places;
mod query;
mod recordings;
mod routes;
mod server;
mod shown;
mod simulate;
mod trace;
mod visit;
mod web;

#[cfg(test)]
mod sample;
#[cfg(test)]
mod visits;

pub use auth::accounts::Accounts;
pub use doors::{BoxFuture, Clock, Doors, Explain, Orders, Recordings as RecordingDoors};
pub use identity::{Identity, IdentityError};
pub use server::serve;
