//! The model's order: what is due first, and who is called for whom.

use holdfast_base::{AgentName, ContactId, Mono};

use crate::record::event::Duty;

use super::{Doing, Model, Pause, Waiter, blocks, cools, label, secs};

impl Model {
    /// Everything that is due, earliest first.
    pub(super) fn time_passes(&mut self, now: Mono) {
        while let Some((_, due)) = self.earliest_due(now) {
            match due {
                Due::Person(name) => self.due_person(&name, now),
                Due::Waiter(id) => {
                    let index = self.waiter(id).unwrap();
                    self.leaves(index, "OverflowTime", now);
                    self.waiters.remove(index);
                    self.say(format!("END c{} OverflowTime", id.0));
                }
            }
        }
    }

    fn earliest_due(&self, now: Mono) -> Option<(Mono, Due)> {
        let people = self
            .people
            .iter()
            .filter_map(|person| Some((ends(&person.doing)?, Due::Person(person.name.clone()))));
        let waiters = self.waiters.iter().filter_map(|waiter| {
            let most = self.queue(&waiter.queue)?.wait_max?;
            let called = self.people.iter().any(|person| match &person.doing {
                Doing::Called { call, .. } => call.contact == waiter.id,
                _ => false,
            });
            let waits = !waiter.answered && !called;
            waits.then(|| (waiter.entered + most, Due::Waiter(waiter.id)))
        });
        people.chain(waiters).filter(|(at, _)| *at <= now).min()
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
            Doing::Pause(_) => self.people[who].doing = Doing::Nothing,
            Doing::MayStillRing { pause, .. } => self.rest(who, pause, now),
        }
    }

    /// The highest-ranked waiter who can be given anyone, and the best one for it.
    pub(super) fn best_pair(&self, now: Mono) -> Option<(usize, usize)> {
        let called = |waiter: &Waiter| {
            self.people.iter().any(|person| match &person.doing {
                Doing::Called { call, .. } => call.contact == waiter.id,
                _ => false,
            })
        };
        let mut line: Vec<usize> = (0..self.waiters.len()).collect();
        line.retain(|index| !self.waiters[*index].answered && !called(&self.waiters[*index]));
        line.sort_by_key(|index| {
            let waiter = &self.waiters[*index];
            let wait_ms = i128::from(now.millis()) - i128::from(waiter.ranked.millis());
            let points_ms = i128::from(waiter.points) * waiter.point.as_millis() as i128;
            (-(wait_ms + points_ms), waiter.seq)
        });
        line.into_iter().find_map(|waiter| Some((waiter, self.best_for(waiter)?)))
    }

    fn best_for(&self, waiter: usize) -> Option<usize> {
        let waiter = &self.waiters[waiter];
        let members = &self.queue(&waiter.queue).unwrap().members;
        let place = |who: &usize| members.iter().position(|m| *m == self.people[*who].name);
        let mut list: Vec<usize> = (0..self.people.len()).collect();
        list.retain(|who| {
            let person = &self.people[*who];
            person.duty == Duty::OnDuty
                && person.doing == Doing::Nothing
                && !person.own_call
                && place(who).is_some()
                && self.reachable_of(*who, 0).is_some()
                && !waiter.refused_by.contains(&person.name)
        });
        let fresh: Vec<usize> = list
            .iter()
            .copied()
            .filter(|w| !waiter.missed_by.contains(&self.people[*w].name))
            .collect();
        let list = if fresh.is_empty() { list } else { fresh };
        list.into_iter().min_by_key(|who| {
            let person = &self.people[*who];
            (person.idle_since, place(who), person.name.clone())
        })
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Person(AgentName),
    Waiter(ContactId),
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
