//! Between the queue engine, which knows contacts and offers, and the calls, which know legs.

use holdfast_base::{CallId, ContactId, Now, Outbox};

use super::{Site, Step, Work};
use crate::call::io::{Input, QueueOrder};
use crate::queue::{self, Output};

impl Site {
    /// Gives the engine one input and hands its orders on to the calls.
    pub(super) fn step_queue(&mut self, now: Now, input: queue::Input, step: &mut Step) {
        let mut out = Outbox::new();
        self.queue.handle(now, input, &mut out);
        for output in out.drain() {
            self.take_queue_output(now, output, step);
        }
    }

    pub(super) fn take_queue_output(&mut self, now: Now, output: Output, step: &mut Step) {
        let (call, order) = match output {
            Output::Fact(fact) => return step.facts.push(fact),
            Output::Treat { contact, once, then } => {
                (self.call_of(contact), QueueOrder::Treat { once, then })
            }
            Output::Deliver { offer, contact: _, call, agent: _, endpoint } => {
                self.directory.add_offer(call, offer);
                let targets = self.targets_of(now, &endpoint);
                (call, QueueOrder::Deliver { offer, targets })
            }
            Output::Withdraw { offer, why: _ } | Output::HangUpAgent { offer } => {
                let Some(call) = self.directory.offer(offer) else { return };
                (call, QueueOrder::Withdraw { offer })
            }
            Output::Connect { contact, offer } => {
                (self.call_of(contact), QueueOrder::Connect { offer })
            }
            Output::Moved { contact: _, call, queue } => (call, QueueOrder::Moved { queue }),
            Output::CallOn { contact: _, call, whom, ring } => {
                let onward = self.onward_to(now, call, whom, ring, step);
                (call, QueueOrder::CallOn(onward))
            }
            Output::Announce { contact: _, call, outcome: _, clip, lasts } => {
                (call, QueueOrder::Announce { clip, lasts })
            }
            Output::EndContact { contact: _, call, outcome }
            | Output::Refuse { contact: _, call, outcome } => (call, QueueOrder::End { outcome }),
            Output::Alarm(alarm) => return self.ledger.alarm(alarm),
        };
        step.work.push_back(Work::Call(call, Input::Queue(order)));
    }

    /// The call of a contact. One that was led into a queue by a transfer has a number of its own.
    fn call_of(&self, contact: ContactId) -> CallId {
        self.queue.call_of(contact).unwrap_or(CallId(contact.0))
    }
}
