//! Into a queue by a transfer, and back into it after one that came to nothing.

use holdfast_base::{ContactId, QueueName};
use holdfast_wire::sip::Status;

use super::{Agents, Goal, Referral};
use crate::call::io::{Desk, Output, QueueOrder};
use crate::call::offers::Offers;
use crate::call::{Call, State};
use crate::media::order::Source;
use crate::queue::Input;
use crate::record::event::{LegEnd, TransferOutcome};
use crate::sip::refer::Refused;

impl Call {
    /// The queue says in the same step whether it takes the party.
    pub(super) fn transfer_to_queue(
        &mut self,
        asked: &Referral,
        queue: &QueueName,
        agents: Agents,
        desk: &mut Desk<'_>,
    ) -> Option<Refused> {
        let contact = desk.ids.contact();
        let goal = Goal::Queue { contact, queue: queue.clone() };
        self.begin_transfer(asked, goal, agents, desk);
        self.accept_refer(asked, desk);
        let (call, queue, from) = (self.id, queue.clone(), self.caller.party().clone());
        desk.out.push(Output::Queue(Input::Arrived { contact, call, queue, from }));
        None
    }

    /// The queue's first word of a party that was transferred to it. False when it does not take
    /// it: then the party is better off with whoever transfers it than with an announcement.
    pub(in crate::call) fn queue_takes(&mut self, order: &QueueOrder, desk: &mut Desk<'_>) -> bool {
        let State::Transferring(transfer) = &self.state else { return true };
        let Goal::Queue { contact, queue } = transfer.goal.clone() else { return true };
        match order {
            QueueOrder::End { .. } | QueueOrder::Announce { .. } => {
                self.transfer_failed(Status::BUSY_HERE.code(), desk);
                false
            }
            // The queue leads it on to one that takes it.
            QueueOrder::Moved { queue } => {
                self.enter_by_transfer(contact, queue.clone(), desk);
                true
            }
            QueueOrder::Treat { .. }
            | QueueOrder::CallOn(_)
            | QueueOrder::Deliver { .. }
            | QueueOrder::Withdraw { .. }
            | QueueOrder::Connect { .. } => {
                self.enter_by_transfer(contact, queue, desk);
                true
            }
        }
    }

    fn enter_by_transfer(&mut self, contact: ContactId, queue: QueueName, desk: &mut Desk<'_>) {
        let Some(transfer) = self.finish(Status::OK, TransferOutcome::Joined, desk) else { return };
        self.own_call_of = transfer.busy.once_gone().into_iter().collect();
        for callee in self.callees.values_mut() {
            callee.leg.hang_up(LegEnd::Local, desk);
        }
        self.wait_as(contact, queue);
    }

    /// The agent has passed the caller on in vain and hung up: back into line, where the caller
    /// stood before.
    pub(super) fn return_to_queue(&mut self, queue: QueueName, desk: &mut Desk<'_>) {
        let (contact, call) = (desk.ids.contact(), self.id);
        let (from, since) = (self.caller.party().clone(), self.arrived.mono);
        self.wait_as(contact, queue.clone());
        desk.out.push(Output::Queue(Input::Returned { contact, call, queue, from, since }));
    }

    pub(in crate::call) fn wait_as(&mut self, contact: ContactId, queue: QueueName) {
        let (treatment, offers) = (Source::Silence, Offers::default());
        self.state = State::Queued { contact, queue, treatment, offers };
    }
}
