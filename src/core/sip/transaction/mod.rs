//! SIP transactions: what is repeated, what is absorbed, and who is told (RFC 3261 §17, RFC 6026).
//!
//! | idea | file |
//! |---|---|
//! | the four machines | `invite_client`, `invite_server`, `request_client`, `request_server` |
//! | their timers | `pace` |
//! | which message belongs to which transaction | `matching` |
//! | ACK to a refusal, CANCEL, our own refusals | `derived` |
//! | the transactions of others, and ours | `servers`, `clients` |
//! | the deadlines of many machines | `alarms` |
//! | what the site sees | `table` |
//! | which cells of the state tables were hit | `arms` |

mod alarms;
mod arms;
mod clients;
mod derived;
pub mod invite_client;
pub mod invite_server;
mod matching;
mod pace;
pub mod request_client;
pub mod request_server;
#[cfg(test)]
mod script;
mod servers;
mod table;
#[cfg(test)]
mod tests;

pub use arms::TABLES;
pub use derived::{derived_tag, refusal};
pub use pace::{Pace, Repetition, Timers};
pub use table::{
    ClientKey, Event, Order, Received, SentBy, ServerKey, Standing, TRANSACTIONS_MAX, Transactions,
};
