//! The rules of SIP: transactions, dialogs, registration.

pub mod flow;
