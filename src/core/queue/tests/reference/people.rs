//! What people order in the model: duty, the end of a pause, a call that is taken.

use holdfast_base::{AgentName, ContactId, Mono, QueueName};

use super::{Doing, Model, Pause};
use crate::record::event::{Duty, DutyChangedBy};

impl Model {
    pub(super) fn duty(&mut self, name: &AgentName, duty: &Duty, by: DutyChangedBy, now: Mono) {
        let Some(who) = self.person(name) else { return };
        if *duty == Duty::OnDuty
            && let Doing::Pause(Pause { rona: true, .. }) = self.people[who].doing
        {
            self.rest(who, None, now);
        }
        if self.people[who].duty == *duty {
            return;
        }
        if self.people[who].duty == Duty::OffDuty(String::new()) && *duty == Duty::OnDuty {
            self.people[who].idle_since = now;
        }
        if *duty == Duty::OnDuty {
            self.people[who].on_since = now;
        }
        self.people[who].duty = duty.clone();
        self.say(format!("duty {name} {duty:?} by {by:?}"));
        if *duty != Duty::OnDuty {
            self.take_back(who, "Withdrawn", None, now);
        }
    }

    pub(super) fn release(&mut self, name: &AgentName, now: Mono) {
        let Some(who) = self.person(name) else { return };
        match self.people[who].doing.clone() {
            Doing::WrapUp { since, .. } => self.wrapped_up(who, since, now),
            Doing::Pause(_) => self.rest(who, None, now),
            _ => {}
        }
    }

    pub(super) fn wrapped_up(&mut self, who: usize, since: Mono, now: Mono) {
        let name = self.people[who].name.clone();
        self.say(format!("wrapped up {name} after {}", now.since(since).as_millis()));
        self.rest(who, None, now);
        self.people[who].spent.push((now, now.since(since), false));
        self.people[who].idle_since = now;
    }

    pub(super) fn pick_up(&mut self, id: ContactId, name: &AgentName, now: Mono) {
        let (Some(waiter), Some(who)) = (self.waiter(id), self.person(name)) else { return };
        let queue = self.queue(&self.waiters[waiter].queue);
        let member = queue.is_some_and(|queue| queue.members.contains(name));
        let free = !self.waiters[waiter].answered && self.called_for(id).is_empty();
        if member && free && self.is_free(who) {
            let endpoint = self.reachable_of(who, 0).unwrap();
            self.call(waiter, who, endpoint, now);
        }
    }

    pub(super) fn switch(&mut self, name: &AgentName, queue: &QueueName, on: bool, now: Mono) {
        let Some(who) = self.person(name) else { return };
        self.people[who].off_in.retain(|off| off != queue);
        let known = self.queue(queue).is_some_and(|queue| queue.members.contains(name));
        if on || !known {
            return;
        }
        self.people[who].off_in.push(queue.clone());
        if let Doing::Called { call, .. } = &self.people[who].doing {
            let waiter = self.waiter(call.contact).unwrap();
            if self.waiters[waiter].queue == *queue {
                self.take_back(who, "Withdrawn", None, now);
            }
        }
    }
}
