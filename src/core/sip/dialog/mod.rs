//! SIP dialogs: RFC 3261 §12, and two sides that change one session at once: §14.

#[expect(clippy::module_inception, reason = "the dialog proper, beside what surrounds it")]
mod dialog;
mod glare;
mod id;

pub use dialog::{Dialog, NextHop, NoDialog, Refusal, Side};
pub use glare::{Glare, Verdict};
pub use id::DialogId;
