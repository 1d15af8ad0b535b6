//! Who sits in the caller's place: whoever called, or the party that a transfer has left there.

use holdfast_base::{LegId, OfferId};
use serde::{Deserialize, Serialize};

use crate::call::callee::Callee;
use crate::call::io::Desk;
use crate::call::{Call, NameAddrText, words};
use crate::record::event::Subject;
use crate::routing::caller::Caller;

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
    Caller { stays: Stays, who: Box<Caller>, name: NameAddrText },
}

impl Call {
    /// The caller gives its place to the party that it talks to, and sits down among the called.
    pub(super) fn give_seat(&mut self, with: LegId, desk: &Desk<'_>) -> Seat {
        let who = Box::new(self.who.clone());
        let seat = Seat::Caller { stays: self.stays.clone(), who, name: self.caller_name.clone() };
        if let Stays::Caller = self.stays {
            self.stays = Stays::Called { caller: self.caller.party().clone() };
        }
        self.change_seats(with, None);
        self.who = self.caller.caller(desk.config);
        let ours = words::contact(desk.config, &self.caller.flow());
        self.caller_name = self.who.named_at(&ours).to_string();
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
            Seat::Caller { stays, who, name } => {
                let other = self.caller.id();
                self.change_seats(transferor, offer);
                (self.stays, self.who, self.caller_name) = (stays, *who, name);
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
