//! The end of a call: once, for one reason, with one status.

use holdfast_wire::sip::Status;

use super::io::{Desk, Output};
use super::{Call, State};
use crate::queue::{Departure, Input};
use crate::record::event::{EndedBy, LegEnd};
use crate::sip::cause::Cause;

impl Call {
    pub(super) fn refuse(&mut self, status: Status, desk: &mut Desk<'_>) {
        self.end(EndedBy::Box, Some(status), desk);
    }

    /// A party has said why it ends the call: the others are told, and the record.
    pub(super) fn end_because(&mut self, cause: Option<Cause>) {
        self.cause = cause;
        self.legs_mut().for_each(|leg| leg.tell(cause));
    }

    /// Ends the call once; later reasons do not change the first.
    pub(super) fn end(&mut self, by: EndedBy, status: Option<Status>, desk: &mut Desk<'_>) {
        self.leave_queue(by, desk);
        self.abandon_transfer(desk);
        match self.state {
            State::Ending { .. } if !self.caller.is_waiting() => return,
            State::Over => return,
            State::Dialling { .. }
            | State::Queued { .. }
            | State::Announcing { .. }
            | State::Talking { .. }
            | State::Transferring(_)
            | State::LedOn(_)
            | State::Ending { .. } => {}
        }
        if self.caller.is_waiting() {
            let status = status.unwrap_or(Status::TEMPORARILY_UNAVAILABLE);
            self.caller.reject(status, LegEnd::Local, desk);
        } else {
            self.caller.hang_up(LegEnd::Local, desk);
        }
        // 487 when the caller cancelled: the leg has said it before the call heard of it.
        let given = self.caller.refused_with();
        for callee in self.callees.values_mut() {
            callee.leg.hang_up(LegEnd::Local, desk);
        }
        self.state = State::Ending { by, status: given };
    }

    pub(super) fn leave_queue(&self, by: EndedBy, desk: &mut Desk<'_>) {
        let Some(contact) = self.contact() else { return };
        let why = match by {
            EndedBy::Caller | EndedBy::Callee | EndedBy::Transfer => Departure::GaveUp,
            EndedBy::Operator => Departure::Pulled,
            EndedBy::Box | EndedBy::Network | EndedBy::Preempted => Departure::Fault,
            EndedBy::Crash => Departure::LostInCrash,
        };
        desk.out.push(Output::Queue(Input::Left { contact, why }));
    }
}

/// The status that says most about a call that nobody took: a person's own "no" over a busy phone,
/// that over silence, that over trouble. `is_phone`: of a phone of ours, and not of a trunk.
pub(super) fn telling(before: Option<u16>, why: LegEnd, is_phone: bool) -> Option<u16> {
    let now = match why {
        LegEnd::Refused(code) => code,
        LegEnd::NoAnswer => Status::TEMPORARILY_UNAVAILABLE.code(),
        // Trouble of a line leads to the next line; a phone that is gone is just not there.
        LegEnd::Unreachable if is_phone => Status::TEMPORARILY_UNAVAILABLE.code(),
        LegEnd::Unreachable | LegEnd::MediaLost | LegEnd::SessionExpired | LegEnd::LostInCrash => {
            Status::SERVICE_UNAVAILABLE.code()
        }
        LegEnd::Remote | LegEnd::Local | LegEnd::HandedOver => return before,
    };
    let weight = |code: u16| match code {
        600..=699 => 4,
        486 => 3,
        480 | 487 => 2,
        500..=599 => 0,
        _ => 1,
    };
    match before {
        Some(before) if weight(before) >= weight(now) => Some(before),
        Some(_) | None => Some(now),
    }
}

/// What the caller is told. RFC 3261 §16.7 step 6: a 503 speaks of our next hop, not of us.
pub(super) fn forwarded(status: Status) -> Status {
    match status {
        Status::SERVICE_UNAVAILABLE => Status::SERVER_ERROR,
        // A challenge to us is not a challenge to the caller.
        Status::UNAUTHORIZED | Status::PROXY_AUTH => Status::FORBIDDEN,
        status => match status.code() {
            ..400 => Status::TEMPORARILY_UNAVAILABLE,
            // What is wrong with an INVITE of ours, which the caller has not written: most of these
            // must name header fields that would mean nothing on the other leg (RFC 3261 §21.4,
            // RFC 4028 §6, RFC 6665 §8.3.2).
            405
            | 406
            | 413..=417
            | 420..=423
            | 428..=429
            | 436..=439
            | 469
            | 481
            | 489
            | 491
            | 493..=494
            | 501
            | 505
            | 513 => Status::SERVER_ERROR,
            _ => status,
        },
    }
}
