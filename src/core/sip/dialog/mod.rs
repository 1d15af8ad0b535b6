//! SIP dialogs: RFC 3261 §12.

#[expect(clippy::module_inception, reason = "the dialog proper, beside what surrounds it")]
mod dialog;
mod glare;
mod id;

pub use dialog::{Dialog, NextHop, NoDialog, Refusal};
pub use id::DialogId;
