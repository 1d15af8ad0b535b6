//! Registration of this box with the registrar of a carrier or PBX.

use serde::{Deserialize, Serialize};
use std::time::Duration;

use crate::defaults;
use crate::finding::Wrong;
use crate::kind;
use crate::section::Section;

/// `[trunk.registration]`: this box tells the other side where it is (RFC 3261 §10).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    /// The user part of the address that is registered: the main number or the name of the line.
    pub user: String,
    /// The domain of that address, and the Request-URI; that of the first target when absent.
    pub domain: Option<String>,
    /// The user part of our Contact, where the carrier wants a certain one; else one that nobody
    /// can guess.
    pub contact: Option<String>,
    /// How long a registration shall last.
    pub expires: Duration,
    /// Time between keep-alives (CRLF, RFC 5626 §4.4.1) on a connection; none is never.
    pub keep_alive: Option<Duration>,
}

/// Reads the section; the user of the login and the domain of the template stand in for missing
/// ones.
pub(crate) fn read(
    section: &mut Section<'_, '_, '_>,
    register: bool,
    (login, domain): (Option<&str>, Option<&str>),
) -> Option<Registration> {
    let user = section.may("user", kind::some_text);
    let registration = Registration {
        user: user.clone().or_else(|| login.map(str::to_owned)).unwrap_or_default(),
        domain: section.may("domain", kind::host).or_else(|| domain.map(str::to_owned)),
        contact: section.may("contact", kind::dialled),
        expires: section.or("expires", kind::some_duration, defaults::REGISTRATION_EXPIRES),
        keep_alive: section.or(
            "keep_alive",
            kind::duration_or_never,
            Some(defaults::REGISTRATION_KEEP_ALIVE),
        ),
    };
    if !register {
        if user.is_some() {
            section.fault(Wrong::new(
                "nothing is registered without `register`",
                "add register = true to the trunk, or remove this section",
            ));
        }
        return None;
    }
    if registration.user.is_empty() {
        section.fault(Wrong::new(
            "it is not said what is registered",
            "write user = \"+49301234567\" as it stands on the sheet of the carrier, or a login",
        ));
        return None;
    }
    Some(registration)
}
