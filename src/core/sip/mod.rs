//! The rules of SIP: transactions, dialogs, registration.

mod as_text;
pub mod dialog;
pub mod flow;
pub mod transaction;
