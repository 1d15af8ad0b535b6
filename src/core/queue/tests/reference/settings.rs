//! The model under a new configuration.

use holdfast_base::{AgentName, Mono};
use holdfast_config::{Config, Queue};
use std::sync::Arc;

use super::{Doing, Model, Person};
use crate::record::event::Duty;

impl Model {
    pub(super) fn configured(&mut self, config: &Arc<Config>, now: Mono) {
        self.turns.retain(|(queue, _)| config.queues.iter().any(|new| new.name == *queue));
        for (name, last) in &mut self.turns {
            let new = config.queues.iter().find(|new| new.name == *name).unwrap();
            let old = self.queues.iter().find(|(queue, _)| queue.name == *name).unwrap();
            // Neither coming nor going moves the turn: it stays behind whoever stood before.
            let place = old.0.members.iter().position(|member| member == last);
            let before = old.0.members.iter().take(place.map_or(0, |place| place + 1)).rev();
            *last = before
                .into_iter()
                .find(|member| new.members.contains(member))
                .cloned()
                .unwrap_or_else(|| AgentName::new("nobody"));
        }
        for (queue, open) in &mut self.queues {
            *open = false;
            if let Some(new) = config.queues.iter().find(|new| new.name == queue.name) {
                (*queue, *open) = (new.clone(), true);
            }
        }
        for queue in &config.queues {
            if self.queue(&queue.name).is_none() {
                self.queues.push((queue.clone(), true));
            }
        }
        for new in &config.agents {
            if self.person(&new.name).is_some() {
                continue;
            }
            let duty = if new.on_duty { Duty::OnDuty } else { Duty::OffDuty(String::new()) };
            self.say(format!("duty {} {duty:?} by Default", new.name));
            self.people.push(Person {
                name: new.name.clone(),
                endpoints: Vec::new(),
                in_config: true,
                duty,
                doing: Doing::Nothing,
                idle_since: now,
                misses: 0,
                own_call: false,
                free_since: now,
                on_since: now,
                off_in: Vec::new(),
                skills: Vec::new(),
                weight: 1,
                informal: false,
                answers: Vec::new(),
                spent: Vec::new(),
            });
        }
        for who in 0..self.people.len() {
            let new = config.agents.iter().find(|new| new.name == self.people[who].name);
            self.people[who].in_config = new.is_some();
            self.people[who].endpoints = new.map(|new| new.endpoints.clone()).unwrap_or_default();
            self.people[who].skills = new.map(|new| new.skills.clone()).unwrap_or_default();
            self.people[who].weight = new.map_or(1, |new| new.weight.into());
            self.people[who].informal = new.is_some_and(|new| new.informal);
            if new.is_none() {
                self.take_back(who, "Withdrawn", None, now);
            }
        }
        self.closed.retain(|(name, _)| config.queues.iter().any(|queue| queue.name == *name));
        self.tidy();
        if self.queues.iter().all(|(queue, _)| queue.distribution.prefer_last.is_none()) {
            self.talks.clear();
        }
    }

    /// Removed agents go when nothing holds them, removed queues when nobody is in them, and what
    /// was switched off goes with its queue.
    pub(super) fn tidy(&mut self) {
        self.people.retain(|person| {
            let held = matches!(
                person.doing,
                Doing::Called { .. } | Doing::Talking { .. } | Doing::MayStillRing { .. }
            );
            person.in_config || held
        });
        let waiters = &self.waiters;
        self.queues.retain(|(queue, open)| {
            *open || waiters.iter().any(|waiter| waiter.queue == queue.name && !waiter.answered)
        });
        // Whoever is no member of a queue any more is not switched off in it either.
        for person in &mut self.people {
            let name = &person.name;
            let member = |(queue, _): &(Queue, bool)| queue.members.contains(name);
            let queues: Vec<_> = self.queues.iter().filter(|queue| member(queue)).collect();
            person.off_in.retain(|off| queues.iter().any(|(queue, _)| queue.name == *off));
        }
    }
}
