//! Who sits in the caller's place: whoever called, or the party that a transfer has left there.

use holdfast_base::{LegId, OfferId};
use holdfast_wire::sip::{Host, NameAddr, Uri};
use serde::{Deserialize, Serialize};

use crate::call::callee::Callee;
use crate::call::io::Desk;
use crate::call::leg::Leg;
use crate::call::origin::Origin;
use crate::call::{Call, NameAddrText, words};
use crate::record::event::Subject;

/// Who has the place of the caller.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(in crate::call) enum Stays {
    /// Whoever called.
    #[default]
    Caller,
    /// A party that was called, since the one that called has transferred it.
    Called {
        /// Who called.
        caller: Subject,
    },
}

/// Where the transferor sat, to sit there again when the transfer fails.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Seat {
    Callee,
    Caller { stays: Stays, name: NameAddrText },
}

impl Call {
    /// The caller gives its place to the party that it talks to, and sits down among the called.
    pub(super) fn give_seat(&mut self, with: LegId, desk: &Desk<'_>) -> Seat {
        let seat = Seat::Caller { stays: self.stays.clone(), name: self.caller_name.clone() };
        if let Stays::Caller = self.stays {
            self.stays = Stays::Called { caller: self.caller.party().clone() };
        }
        self.change_seats(with, None);
        self.caller_name = named(&self.caller, desk).to_string();
        seat
    }

    /// The transferor sits where it sat before; the leg of the party that it talks to again among
    /// the called.
    pub(super) fn take_seat_back(
        &mut self,
        seat: Seat,
        transferor: LegId,
        offer: Option<OfferId>,
    ) -> LegId {
        match seat {
            Seat::Callee => transferor,
            Seat::Caller { stays, name } => {
                let other = self.caller.id();
                self.change_seats(transferor, offer);
                (self.stays, self.caller_name) = (stays, name);
                other
            }
        }
    }

    fn change_seats(&mut self, with: LegId, offer: Option<OfferId>) {
        let Some(called) = self.callees.remove(&with) else { return };
        let left = std::mem::replace(&mut self.caller, called.leg);
        self.callees.insert(left.id(), Callee::seated(left, offer));
    }
}

/// How a party that was called is named towards others.
fn named(leg: &Leg, desk: &Desk<'_>) -> NameAddr {
    let contact = words::contact(desk.config, &leg.flow());
    let host = contact.host().cloned().unwrap_or_else(|| Host::Name("anonymous.invalid".into()));
    let name = NameAddr::new(Uri::sip(Some(&leg.party().0), host, contact.port()));
    let display = match leg.origin() {
        Origin::Account(account) => {
            let known = desk.config.accounts.iter().find(|known| known.name == *account);
            known.map(|known| known.display.clone()).filter(|display| !display.is_empty())
        }
        Origin::Trunk(_) | Origin::Guest => None,
    };
    match display {
        Some(display) => name.with_display(&display),
        None => name,
    }
}
