//! A person closes a queue for a while, and opens it again (QUEUEING.md 2.6).

use holdfast_base::{ContactId, Mono, Outbox, QueueName};
use serde::{Deserialize, Serialize};

use super::engine::{Deadline, Engine};
use super::record::Key;
use super::words::Output;
use crate::contact::Place;
use crate::record::event::{Fact, Outcome};

/// A queue that a person has closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closure {
    /// Why, for other people.
    pub why: String,
    /// Until when; none is until somebody opens it.
    pub until: Option<Mono>,
}

impl Engine {
    /// Closes a queue, or with `None` opens it. Those who are being called for go on; whoever waits
    /// is served or led on, as the queue says.
    pub(super) fn close_queue(
        &mut self,
        queue: &QueueName,
        closure: Option<Closure>,
        now: Mono,
        out: &mut Outbox<Output>,
    ) {
        let Some(line) = self.lines.get(queue).filter(|line| line.configured) else { return };
        let serves = line.settings.overflow.serve_waiting;
        let closure = closure.filter(|closure| closure.until.is_none_or(|until| now < until));
        if self.closures.get(queue) == closure.as_ref() {
            return;
        }
        self.touched.insert(Key::Closure(queue.clone()));
        let until = closure.as_ref().and_then(|closure| closure.until);
        self.deadlines.set(Deadline::Opens(queue.clone()), until);
        let Some(closure) = closure else { return self.open_queue(queue, out) };
        let (queue, why) = (queue.clone(), closure.why.clone());
        out.push(Output::Fact(Fact::QueueClosed { queue: queue.clone(), why }));
        self.closures.insert(queue.clone(), closure);
        if !serves {
            for contact in self.waiting_in(&queue) {
                self.overflow(contact, Outcome::Closed, now, out);
            }
        }
    }

    /// A queue is closed no more.
    pub(super) fn open_queue(&mut self, queue: &QueueName, out: &mut Outbox<Output>) {
        if self.closures.remove(queue).is_some() {
            self.touched.insert(Key::Closure(queue.clone()));
            out.push(Output::Fact(Fact::QueueOpened { queue: queue.clone() }));
        }
    }

    /// A queue that the configuration has no more is not kept closed for another of its name.
    pub(super) fn forget_closures(&mut self) {
        let lines = &self.lines;
        let gone = self
            .closures
            .extract_if(.., |queue, _| lines.get(queue).is_none_or(|line| !line.configured));
        for (queue, _) in gone {
            self.deadlines.set(Deadline::Opens(queue.clone()), None);
            self.touched.insert(Key::Closure(queue));
        }
    }

    /// Those in a line for whom nobody is being called, in their order.
    pub(super) fn waiting_in(&self, queue: &QueueName) -> Vec<ContactId> {
        let Some(line) = self.lines.get(queue) else { return Vec::new() };
        let waits = |id: &ContactId| {
            self.contacts.get(id).is_some_and(|contact| contact.place == Place::Waiting)
        };
        line.unanswered.values().copied().filter(waits).collect()
    }
}
