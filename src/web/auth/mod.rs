//! Who may look and who may order: the claim of a new box, accounts, sessions and their limits.

pub(crate) mod accounts;
pub(crate) mod device;
pub(crate) mod password;
pub(crate) mod secret;
pub(crate) mod session;
pub(crate) mod throttle;
