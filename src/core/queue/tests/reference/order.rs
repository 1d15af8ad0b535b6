//! What is due first in the model.

use holdfast_base::{AgentName, ContactId, Mono, QueueName};

use super::{Doing, Model, Pause, blocks, cools, label, secs};

impl Model {
    /// Everything that is due, earliest first.
    pub(super) fn time_passes(&mut self, now: Mono) {
        while let Some((_, due)) = self.earliest_due(now) {
            match due {
                Due::Person(name) => self.due_person(&name, now),
                Due::Waiter(id) => {
                    self.overflows(id, "OverflowTime", now);
                }
                Due::Opens(queue) => {
                    self.closed.retain(|(closed, _)| *closed != queue);
                    self.say(format!("opened {queue}"));
                }
                Due::Deserted(queue) => self.given_up(&queue, now),
            }
        }
    }

    pub(super) fn is_due(&self, now: Mono) -> bool {
        self.earliest_due(now).is_some()
    }

    fn earliest_due(&self, now: Mono) -> Option<(Mono, Due)> {
        let people = self
            .people
            .iter()
            .filter_map(|person| Some((ends(&person.doing)?, Due::Person(person.name.clone()))));
        let waiters = self.waiters.iter().filter_map(|waiter| {
            let queue = self.queue(&waiter.queue)?;
            let most = queue.wait_max?;
            let called = self.people.iter().any(|person| match &person.doing {
                Doing::Called { call, .. } => call.contact == waiter.id,
                _ => false,
            });
            let rings_on = called && queue.overflow.finish_ring;
            let waits = !waiter.answered && !rings_on;
            waits.then(|| (waiter.entered + most, Due::Waiter(waiter.id)))
        });
        let opens = self
            .closed
            .iter()
            .filter_map(|(queue, until)| Some(((*until)?, Due::Opens(queue.clone()))));
        let deserted = self
            .deserted
            .iter()
            .filter_map(|(queue, _, leaves)| Some(((*leaves)?, Due::Deserted(queue.clone()))));
        people.chain(waiters).chain(opens).chain(deserted).filter(|(at, _)| *at <= now).min()
    }

    fn due_person(&mut self, name: &AgentName, now: Mono) {
        let who = self.person(name).unwrap();
        match self.people[who].doing.clone() {
            Doing::Nothing | Doing::Talking { .. } => unreachable!(),
            Doing::Called { sent: None, .. } => {
                self.take_back(who, "Unreachable", cools(now, 5), now);
            }
            Doing::Called { call, sent: Some(sent), rang, silent } => {
                let ring_due = call.can.sees_ringing && !rang && !silent;
                if ring_due && sent + secs(3) <= now && secs(3) <= call.alert {
                    self.say(format!("ALARM no ring {name} {}", label(&call.endpoint)));
                    let sent = Some(sent);
                    self.people[who].doing = Doing::Called { call, sent, rang, silent: true };
                } else if (rang || !call.can.sees_ringing) && call.shared {
                    self.take_back(who, "NotTaken", None, now);
                    self.passed_over(who, call.contact);
                } else if rang || !call.can.sees_ringing {
                    self.take_back(who, "Rona", blocks(now, call.block), now);
                    self.misses(who, call.contact);
                } else {
                    self.take_back(who, "Unreachable", cools(now, 10), now);
                    if call.can.can_withdraw {
                        self.next_endpoint(who, &call, now);
                    }
                }
            }
            Doing::WrapUp { since, .. } => self.wrapped_up(who, since, now),
            Doing::Pause(_) => self.rest(who, None, now),
            Doing::MayStillRing { pause, .. } => self.rest(who, pause, now),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Person(AgentName),
    Waiter(ContactId),
    Opens(QueueName),
    Deserted(QueueName),
}

/// When what an agent does ends by itself.
fn ends(doing: &Doing) -> Option<Mono> {
    match doing {
        Doing::Nothing | Doing::Talking { .. } => None,
        Doing::Called { call, sent: None, .. } => Some(call.from + secs(2)),
        Doing::Called { call, sent: Some(sent), rang, silent } => {
            let alert = *sent + call.alert;
            let ring_due = call.can.sees_ringing && !rang && !silent;
            Some(if ring_due { alert.min(*sent + secs(3)) } else { alert })
        }
        Doing::WrapUp { until, .. }
        | Doing::Pause(Pause { until, .. })
        | Doing::MayStillRing { until, .. } => Some(*until),
    }
}
