//! Who is named how to whom in a call (RFC 7989, [`crate::sip::session_id`]), and the header field
//! that says so, in all that the call has ordered in a step.

use holdfast_wire::sip::{Headers, Request, Response};

use super::io::{Desk, Input, Output};
use super::leg::Leg;
use super::{Call, State};
use crate::sip::session_id::Uuid;

impl Call {
    /// What comes in may name its sender.
    pub(super) fn hear_names(&mut self, input: &Input) {
        let (leg, headers) = match input {
            Input::Request { leg, request: Request { headers, .. }, .. }
            | Input::Ack { leg, request: Request { headers, .. } }
            | Input::Response { leg, response: Response { headers, .. } } => (*leg, headers),
            Input::Cancelled { .. }
            | Input::InviteFailed { .. }
            | Input::Unanswered { .. }
            | Input::NoAck { .. }
            | Input::NoAudio { .. }
            | Input::Quiet { .. }
            | Input::Disconnected { .. }
            | Input::Key { .. }
            | Input::Moved { .. }
            | Input::AudioClosed { .. }
            | Input::Queue(_)
            | Input::Transfer { .. }
            | Input::Replaced(_)
            | Input::Supervision(_)
            | Input::HangUp { .. }
            | Input::Restored(_)
            | Input::DeadlineReached => return,
        };
        if let Some(leg) = self.leg_mut(leg) {
            leg.names_mut().hear(headers);
        }
    }

    /// Tells each party the name of the other one, with all that is sent to it.
    pub(super) fn tell_names(&mut self, desk: &mut Desk<'_>) {
        if !self.legs().any(|leg| leg.names().are_used()) {
            return;
        }
        self.introduce(desk);
        for mut order in desk.out.take() {
            self.write_names(&mut order);
            desk.out.push(order);
        }
    }

    fn introduce(&mut self, desk: &mut Desk<'_>) {
        let only = self.callees.keys().next().filter(|_| self.callees.len() == 1);
        let with = match &self.state {
            State::Talking { with, .. } => Some(*with),
            State::Dialling { .. } | State::LedOn(_) => only.copied(),
            State::Queued { .. } | State::Announcing { .. } | State::Transferring(_) => None,
            // Those who part know each other as before.
            State::Ending { .. } | State::Over => return,
        };
        let caller = self.caller.names_mut().name(desk.entropy);
        let met = with.and_then(|with| self.callees.get_mut(&with));
        let met = met.map(|callee| callee.leg.names_mut().name(desk.entropy));
        let ours = &mut self.session;
        let met = met.unwrap_or_else(|| *ours.get_or_insert_with(|| Uuid::new(desk.entropy)));
        self.caller.names_mut().meet(met);
        for (id, callee) in &mut self.callees {
            let names = callee.leg.names_mut();
            // A transferor that waits keeps the name that it knows.
            if with == Some(*id) || !names.have_met() {
                names.meet(caller);
            }
        }
        let Some(supervision) = &mut self.supervision else { return };
        let box_itself = *self.session.get_or_insert_with(|| Uuid::new(desk.entropy));
        supervision.legs_mut().for_each(|leg| leg.names_mut().meet(box_itself));
    }

    fn write_names(&self, order: &mut Output) {
        match order {
            Output::Request { leg, request, .. } | Output::Ack { leg, request, .. } => {
                self.write_names_of(|known| known.id() == *leg, &mut request.headers);
            }
            Output::Respond { response, .. } => {
                let call_id = response.headers.call_id().map(|it| it.into_owned());
                let of_it = |leg: &Leg| call_id.as_ref().is_ok_and(|it| leg.is_known_as(it));
                self.write_names_of(of_it, &mut response.headers);
            }
            Output::Acked { .. }
            | Output::Referred(_)
            | Output::Cancel { .. }
            | Output::Invited { .. }
            | Output::DialogMade { .. }
            | Output::StreamMade { .. }
            | Output::Silent { .. }
            | Output::Unsuited(_)
            | Output::Media(_)
            | Output::Fact(_)
            | Output::Queue(_)
            | Output::Over => {}
        }
    }

    fn write_names_of(&self, is_it: impl Fn(&Leg) -> bool, headers: &mut Headers) {
        if let Some(leg) = self.legs().find(|leg| is_it(leg)) {
            leg.names().write(headers);
        }
    }
}
