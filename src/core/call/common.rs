//! Two parties who are joined understand each other, and this box whoever it plays to: looked at
//! after each step, like who hears whom.
//!
//! They mostly do from the start, because the second one was offered what the first one speaks; and
//! where they do not, the box interprets between them while there is room ([`super::transcoding`]).
//! They do not where both were there before: two conversations that become one, a caller who goes
//! into a queue from a conversation, or a phone that answered where another one had sent early
//! media.

use holdfast_wire::sip::Status;

use super::io::Desk;
use super::leg::Leg;
use super::transcoding::can_interpret;
use super::{Call, State};
use crate::offer_answer::Fault;
use crate::record::event::EndedBy;

impl Call {
    /// Whoever is not understood is asked for G.711, which every phone has. When it does not want
    /// to, the two are not left in silence.
    pub(super) fn agree_on_codec(&mut self, desk: &mut Desk<'_>) {
        match &self.state {
            // Prompts, and agents, of whom nothing is known yet. Who refuses hears nothing, and is
            // brought to an agent who speaks the same.
            State::Queued { .. } | State::Announcing { .. } => {
                let room = desk.transcoding.has_room_for(self.id);
                if !(room && self.caller.audio().is_decodable()) {
                    self.caller.ask_for_g711(desk);
                }
            }
            State::Talking { with, .. } => {
                let Some(callee) = self.callees.get_mut(with) else { return };
                let room = desk.transcoding.has_room_for(self.id);
                if self.caller.understands(&callee.leg)
                    || (room && can_interpret(&self.caller, &callee.leg))
                {
                    return;
                }
                let mut unwilling = None;
                for leg in [&mut self.caller, &mut callee.leg] {
                    if !leg.ask_for_g711(desk) {
                        unwilling = Some(leg);
                    }
                }
                if let Some(leg) = unwilling {
                    leg.speaks_alone(desk);
                    self.end(EndedBy::Box, Some(Status::NOT_ACCEPTABLE_HERE), desk);
                }
            }
            State::Dialling { .. }
            | State::LedOn(_)
            | State::Transferring(_)
            | State::Ending { .. }
            | State::Over => {}
        }
    }

    /// A phone or trunk has refused the call for what the caller offers: the caller hears why.
    pub(super) fn suits_nobody(&mut self, fault: Option<Fault>) {
        self.caller.suits_nobody(fault);
    }

    /// Whether two parties can be joined: they understand each other, with the
    /// help of the box or without, or may be asked to.
    #[must_use]
    pub fn can_join(one: &Leg, other: &Leg) -> bool {
        one.understands(other)
            || can_interpret(one, other)
            || !(one.is_unwilling() || other.is_unwilling())
    }
}
