//! The state table of a contact in the queues, for whoever counts which of its cells were hit. Its
//! states are the places of [`Place`]; its inputs are those of the engine that name a contact or
//! an offer of it, and the end of its longest wait.

use holdfast_base::ContactId;
use std::collections::BTreeMap;

use super::words::{Departure, Input};
use crate::agent::Ledger;
use crate::agent::arms::NEWS;
use crate::arms::{Arm, Table};
use crate::contact::{Contact, OfferNews, Place};

/// Every cell there is. `gone` stands for a contact that the queues do not know, and for an offer
/// that is over.
pub const TABLE: Table = Table {
    machine: "Contact",
    states: &["gone", "waiting", "offered", "talking"],
    inputs: &[
        &["Arrived", "GaveUp", "Pulled", "Fault", "LeftInCrash"],
        NEWS,
        &[STALE_NEWS, "Reprioritise", "PickUp", WAITED_TOO_LONG],
    ],
};

/// Anything but an answer, of an offer that is over.
const STALE_NEWS: &str = "StaleNews";
/// The engine's own input: the longest wait is over.
pub(super) const WAITED_TOO_LONG: &str = "WaitedTooLong";

type Contacts = BTreeMap<ContactId, Contact>;

/// The cell of a contact that this input hits, if it concerns one.
pub(super) fn of_input(contacts: &Contacts, ledger: &Ledger, input: &Input) -> Option<Arm> {
    match input {
        Input::Arrived { contact, .. } | Input::Returned { contact, .. } => {
            Some(of_contact(contacts, *contact, "Arrived"))
        }
        Input::Left { contact, why } => Some(of_contact(contacts, *contact, why.arm())),
        Input::Reprioritise { contact, .. } => Some(of_contact(contacts, *contact, "Reprioritise")),
        Input::PickUp { contact, .. } => Some(of_contact(contacts, *contact, "PickUp")),
        Input::Offer { offer, news } => {
            let holder = ledger.holder(*offer).and_then(|agent| ledger.get(agent));
            let attempt = holder.and_then(|agent| agent.state.task.attempt());
            let Some(attempt) = attempt else {
                let answered = *news == OfferNews::Answered;
                let input = if answered { news.arm() } else { STALE_NEWS };
                return Some(Arm { machine: TABLE.machine, state: "gone", input });
            };
            Some(of_contact(contacts, attempt.contact, news.arm()))
        }
        Input::Duty { .. }
        | Input::Release { .. }
        | Input::EndpointState { .. }
        | Input::OwnCall { .. }
        | Input::Active { .. }
        | Input::Onward { .. }
        | Input::Close { .. }
        | Input::Configured(_)
        | Input::ClockIsRight
        | Input::DeadlineReached => None,
    }
}

/// The cell of this contact and input.
pub(super) fn of_contact(contacts: &Contacts, contact: ContactId, input: &'static str) -> Arm {
    let state = match contacts.get(&contact).map(|contact| &contact.place) {
        None => "gone",
        Some(Place::Waiting) => "waiting",
        Some(Place::Offered(_)) => "offered",
        Some(Place::Talking(_)) => "talking",
    };
    Arm { machine: TABLE.machine, state, input }
}

impl Departure {
    /// The name of this end in [`TABLE`].
    const fn arm(self) -> &'static str {
        match self {
            Self::GaveUp => "GaveUp",
            Self::Pulled => "Pulled",
            Self::Fault => "Fault",
            Self::LostInCrash => "LeftInCrash",
        }
    }
}
