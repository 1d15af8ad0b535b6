//! The rules of SIP: transactions, dialogs, registration.

pub mod admit;
mod as_text;
pub mod auth;
pub mod carried;
pub mod cause;
pub mod dialog;
pub mod diverted;
pub mod extension;
pub mod flow;
pub mod header_rules;
pub mod keyring;
pub mod lifetimes;
pub mod multipart;
pub mod passage;
pub mod refer;
pub mod registrar;
pub mod registration;
pub mod session_id;
pub mod transaction;
pub mod triage;
