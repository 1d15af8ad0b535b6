//! A party asks that the other one talk to somebody else: its REFER, and the NOTIFYs about it.
//!
//! The subscription that a REFER begins (RFC 3515 §2.4.4) lives in the dialog of the call and may
//! outlive the call in it: phones hang up as soon as they have their 202, and RFC 5057 §4.1 lets
//! the dialog go on until the subscription is over too.

use holdfast_base::{LegId, Mono};
use holdfast_wire::sip::{Method, NameAddr, Request, Status};
use serde::{Deserialize, Serialize};
use std::time::Duration;

use super::{Leg, State};
use crate::call::io::{Desk, Output};
use crate::call::origin::Origin;
use crate::call::words;
use crate::record::event::LegEnd;
use crate::sip::admit::ALLOW;
use crate::sip::dialog::Dialog;
use crate::sip::refer::{Told, Wish};
use crate::sip::transaction::ServerKey;

/// What the body of a NOTIFY about a transfer is: the start of a response (RFC 3515 §2.4.5).
const FRAGMENT: &str = "message/sipfrag;version=2.0";

/// Between two transfers that one party asks for. One that fails in the same step, into a full
/// queue say, could be asked for as fast as requests are taken at all; people need longer.
const REFERS_APART: Duration = Duration::from_secs(1);

/// What the transferor is told of its transfer, and how.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Subscription {
    leg: LegId,
    /// The value of Event.
    event: String,
    /// The dialog, once the transferor has hung up in it.
    alone: Option<Box<Dialog>>,
    /// Whether the target is known to ring.
    rang: bool,
}

impl Subscription {
    /// The transfer has begun. `left` is how long it may go on at most.
    pub fn trying(&mut self, leg: Option<&mut Leg>, left: Duration, desk: &mut Desk<'_>) {
        self.notify(leg, &active(left), Status::TRYING, desk);
    }

    /// The target rings. Told once.
    pub fn ringing(&mut self, leg: Option<&mut Leg>, left: Duration, desk: &mut Desk<'_>) {
        if !std::mem::replace(&mut self.rang, true) {
            self.notify(leg, &active(left), Status::RINGING, desk);
        }
    }

    /// The one last word (RFC 3515 §2.4.7); there is no subscription after it.
    pub fn outcome(mut self, leg: Option<&mut Leg>, status: Status, desk: &mut Desk<'_>) {
        self.notify(leg, "terminated;reason=noresource", status, desk);
    }

    /// A NOTIFY that is refused or meets nobody changes nothing: at most two more can follow, and a
    /// transfer is not undone because nobody wants to hear of it.
    fn notify(&mut self, leg: Option<&mut Leg>, state: &str, status: Status, desk: &mut Desk<'_>) {
        let dialog = match &mut self.alone {
            Some(dialog) => Some(&mut **dialog),
            None => leg.and_then(Leg::confirmed_dialog),
        };
        let Some(dialog) = dialog else { return };
        let mut request = dialog.request(Method::Notify);
        request.headers.push("Event", &self.event);
        request.headers.push("Subscription-State", state);
        request.headers.push("Content-Type", FRAGMENT);
        request.body = format!("SIP/2.0 {} {}\r\n", status.code(), status.reason()).into_bytes();
        let (leg, flow) = (self.leg, dialog.next_flow());
        desk.out.push(Output::Request { leg, flow, request, gated: true });
    }

    /// The transferor is hanging up: what is left of its dialog is for the NOTIFYs.
    pub fn keep_dialog(&mut self, leg: &mut Leg) {
        self.alone = leg.confirmed_dialog().map(|dialog| Box::new(dialog.clone()));
    }

    /// It has not hung up after all.
    pub fn give_dialog_back(&mut self) {
        self.alone = None;
    }

    /// The dialog that is left of the transferor's, once that has hung up.
    pub fn alone_in(&mut self) -> Option<&mut Dialog> {
        self.alone.as_deref_mut()
    }

    /// Goes on after a restart, as [`Dialog::resume`].
    pub fn resume(&mut self, ago: Duration) {
        if let Some(dialog) = &mut self.alone {
            dialog.resume(ago);
        }
    }
}

fn active(left: Duration) -> String {
    format!("active;expires={}", left.as_secs())
}

impl Leg {
    /// To whom its party belongs.
    #[must_use]
    pub const fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Whether a REFER of the party may be looked at. If not, it is answered here.
    pub fn admits_refer(&mut self, key: ServerKey, request: &Request, desk: &mut Desk<'_>) -> bool {
        let refusal = match &mut self.state {
            State::Confirmed { dialog, .. } => {
                dialog.receive(request).err().map(|it| it.response(request))
            }
            State::Accepted { .. }
            | State::Answered { .. }
            | State::Incoming { early: Some(_), .. }
            | State::Calling { .. } => Some(words::too_early(request)),
            State::Incoming { early: None, .. }
            | State::Cancelling { .. }
            | State::Closing { .. }
            | State::Over { .. } => Some(request.response(Status::CALL_DOES_NOT_EXIST, None)),
        };
        let refusal = refusal.or_else(|| {
            let allowed = self.origin.may_transfer(desk.config);
            (!allowed).then(|| {
                let mut response = request.response(Status::METHOD_NOT_ALLOWED, None);
                response.headers.push("Allow", ALLOW);
                response
            })
        });
        let admitted = refusal.is_none();
        if let Some(response) = refusal {
            desk.out.push(Output::Respond { key, response, gated: false });
        }
        admitted
    }

    /// Whether its last accepted REFER is long enough ago for another one.
    #[must_use]
    pub fn refers_in_time(&self, now: Mono) -> bool {
        self.refers_from <= now
    }

    /// Accepts a REFER; how the transferor is told of what comes of it, if it is.
    pub fn accept_refer(
        &mut self,
        key: ServerKey,
        request: &Request,
        wish: &Wish,
        desk: &mut Desk<'_>,
    ) -> Option<Subscription> {
        let mut response = request.response(Status::ACCEPTED, None);
        let contact = words::contact(desk.config, &self.flow);
        response.headers.push("Contact", NameAddr::new(contact));
        if wish.told == Told::Not {
            response.headers.push("Refer-Sub", "false"); // RFC 4488 §4: both must say so
        }
        // As a NOTIFY that is held back, so that it does not come first by our own doing.
        desk.out.push(Output::Respond { key, response, gated: true });
        // RFC 3515 §2.4.6: a later REFER of the same dialog is named by its CSeq.
        let event = match self.refers {
            0 => "refer".to_owned(),
            _ => format!("refer;id={}", wish.cseq),
        };
        self.refers = self.refers.saturating_add(1);
        self.refers_from = desk.now.mono + REFERS_APART;
        match wish.told {
            Told::ByNotify => Some(Subscription { leg: self.id, event, alone: None, rang: false }),
            Told::Not => None,
        }
    }

    /// Lets the transferor go. The BYE waits for the log as the last NOTIFY before it does, which
    /// would come too late otherwise.
    pub fn dismiss(&mut self, desk: &mut Desk<'_>) {
        let Some(dialog) = self.confirmed_dialog() else {
            return self.hang_up(LegEnd::Local, desk);
        };
        let (request, flow) = (dialog.request(Method::Bye), dialog.next_flow());
        desk.out.push(Output::Request { leg: self.id, flow, request, gated: true });
        self.close(LegEnd::Local, desk);
    }

    const fn confirmed_dialog(&mut self) -> Option<&mut Dialog> {
        match &mut self.state {
            State::Confirmed { dialog, .. } => Some(dialog),
            State::Incoming { .. }
            | State::Accepted { .. }
            | State::Calling { .. }
            | State::Cancelling { .. }
            | State::Answered { .. }
            | State::Closing { .. }
            | State::Over { .. } => None,
        }
    }
}
