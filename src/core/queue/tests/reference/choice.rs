//! Who is called for whom in the model: QUEUEING.md 2.5 once more, by looking at everybody.

use holdfast_base::{AgentName, Mono};
use holdfast_config::{Fit, Queue};
use std::time::Duration;

use super::{Doing, Model, Strategy, Waiter};
use crate::queue::order::lot;
use crate::record::event::Duty;

impl Model {
    /// Those in line in their order, the waits of all counted to this moment.
    pub(super) fn line(&self, now: Mono) -> Vec<usize> {
        let mut line: Vec<usize> = (0..self.waiters.len()).collect();
        line.retain(|index| !self.waiters[*index].answered);
        line.sort_by_key(|index| self.score(*index, now));
        line
    }

    fn score(&self, index: usize, now: Mono) -> (i128, usize) {
        let waiter = &self.waiters[index];
        let wait_ms = i128::from(now.millis()) - i128::from(waiter.ranked.millis());
        let points_ms = i128::from(waiter.points) * waiter.point.as_millis() as i128;
        (-(wait_ms + points_ms), waiter.seq)
    }

    /// The highest-ranked waiter who can be given anyone, and the best one for it.
    pub(super) fn best_pair(&self, now: Mono) -> Option<(usize, usize)> {
        self.line(now).into_iter().find_map(|waiter| Some((waiter, self.best_for(waiter, now)?)))
    }

    /// The highest-ranked waiter without anybody who can be given one out of several that are
    /// called for one of lower rank, beginning with the lowest.
    pub(super) fn best_theft(&self, now: Mono) -> Option<(usize, usize)> {
        let line = self.line(now);
        for (at, waiter) in line.iter().enumerate() {
            let thief = &self.waiters[*waiter];
            let queue = self.queue(&thief.queue).unwrap();
            let wants = self.called_for(thief.id).is_empty()
                && self.how_many(thief, queue, now) > 0
                && self.waits_for(thief, queue, now).is_none();
            if !wants {
                continue;
            }
            for victim in line[at + 1..].iter().rev() {
                let batch = self.called_for(self.waiters[*victim].id);
                if batch.len() < 2 {
                    continue;
                }
                let may = |who: &usize| {
                    let Doing::Called { call, sent: Some(_), .. } = &self.people[*who].doing else {
                        return false;
                    };
                    let name = &self.people[*who].name;
                    call.can.can_withdraw
                        && self.could(*who, thief, queue, now)
                        && !thief.missed_by.contains(name)
                };
                let best = batch.into_iter().filter(may).min_by_key(|who| {
                    let person = &self.people[*who];
                    let (circle, fit) = self.standing(*who, queue).unwrap();
                    (circle, fit, self.since(*who, queue), place(queue, &person.name))
                });
                if let Some(who) = best {
                    return Some((*waiter, who));
                }
            }
        }
        None
    }

    /// Calls the one who was chosen, and notes whose turn it was.
    pub(super) fn choose(&mut self, waiter: usize, who: usize, now: Mono) {
        let endpoint = self.reachable_of(who, 0).unwrap();
        let name = self.people[who].name.clone();
        self.call(waiter, who, endpoint, now);
        let queue = self.waiters[waiter].queue.clone();
        if self.queue(&queue).unwrap().distribution.strategy == Strategy::RoundRobin {
            self.turns.retain(|(known, _)| *known != queue);
            self.turns.push((queue, name.clone()));
        }
        self.waiters[waiter].last_called = Some(name);
    }

    pub(super) fn is_free(&self, who: usize) -> bool {
        let person = &self.people[who];
        person.duty == Duty::OnDuty
            && person.doing == Doing::Nothing
            && !person.own_call
            && person.in_config
            && self.reachable_of(who, 0).is_some()
    }

    /// A member on duty within reach, who takes calls of this queue, is wide enough in skills, and
    /// has not refused this one.
    fn could(&self, who: usize, waiter: &Waiter, queue: &Queue, now: Mono) -> bool {
        let person = &self.people[who];
        let open = self.widest(waiter, queue, now);
        self.is_logged_in(who, queue)
            && self.reachable_of(who, 0).is_some()
            && self.standing(who, queue).is_some_and(|(circle, _)| circle <= open)
            && !waiter.refused_by.contains(&person.name)
    }

    fn is_logged_in(&self, who: usize, queue: &Queue) -> bool {
        let person = &self.people[who];
        person.duty == Duty::OnDuty
            && person.in_config
            && queue.members.contains(&person.name)
            && !person.off_in.contains(&queue.name)
    }

    /// The first circle whose every wish the agent fulfils, and what its skills are worth there.
    pub(super) fn standing(&self, who: usize, queue: &Queue) -> Option<(usize, i64)> {
        let level = |skill: &str| {
            let known = self.people[who].skills.iter().find(|known| known.skill == skill);
            known.map_or(0, |known| known.level)
        };
        for (at, circle) in queue.distribution.circles.iter().enumerate() {
            if circle.needs.iter().all(|need| level(&need.skill) >= need.level) {
                let worth: i64 = circle
                    .needs
                    .iter()
                    .map(|need| i64::from(level(&need.skill)) * i64::from(need.weight))
                    .sum();
                let fit = match queue.distribution.fit {
                    Fit::MostSkilled => -worth,
                    Fit::LeastSkilled => worth,
                    Fit::Any => 0,
                };
                return Some((at, fit));
            }
        }
        queue.distribution.circles.is_empty().then_some((0, 0))
    }

    fn widest(&self, waiter: &Waiter, queue: &Queue, now: Mono) -> usize {
        let mut open = 0;
        for (at, circle) in queue.distribution.circles.iter().enumerate().skip(1) {
            let anybody = (0..self.people.len()).any(|who| {
                self.is_logged_in(who, queue)
                    && self.standing(who, queue).is_some_and(|(circle, _)| circle == at - 1)
            });
            if now.since(waiter.entered) < circle.after && anybody {
                break;
            }
            open = at;
        }
        open
    }

    /// How many may be called at once now.
    fn how_many(&self, waiter: &Waiter, queue: &Queue, now: Mono) -> usize {
        let called = self.called_for(waiter.id).len();
        let too_long = queue.wait_max.is_some_and(|most| waiter.entered + most <= now);
        if queue.distribution.strategy == Strategy::Pickup || (too_long && called > 0) {
            return 0;
        }
        let circle = queue.distribution.circles.get(self.widest(waiter, queue, now));
        let most = circle.and_then(|it| it.at_once).unwrap_or(queue.distribution.at_once) as usize;
        let Some(every) = queue.distribution.add_every else { return most };
        let mut many = 1;
        if called > 0 {
            let mut next = waiter.called_since.unwrap() + every;
            while next <= now && many < most {
                many += 1;
                next = next + every;
            }
        }
        many.min(most)
    }

    /// The agent for whom alone a waiter waits.
    fn waits_for(&self, waiter: &Waiter, queue: &Queue, now: Mono) -> Option<usize> {
        let who = self.person(waiter.knows.as_ref()?)?;
        let patient = now.since(waiter.entered) < queue.distribution.wait_for_last;
        let comes = self.could(who, waiter, queue, now)
            && !waiter.missed_by.contains(&self.people[who].name);
        (patient && comes).then_some(who)
    }

    /// Since when, for the strategies that look at it first or at last.
    fn since(&self, who: usize, queue: &Queue) -> Mono {
        let person = &self.people[who];
        match queue.distribution.strategy {
            Strategy::LongestIdle
            | Strategy::FewestCalls
            | Strategy::LeastTalk
            | Strategy::LeastOccupied => person.idle_since,
            Strategy::LongestAvailable => person.free_since.max(person.on_since),
            _ => Mono::from_micros(0),
        }
    }

    fn best_for(&self, index: usize, now: Mono) -> Option<usize> {
        let waiter = &self.waiters[index];
        let queue = self.queue(&waiter.queue).unwrap();
        if self.called_for(waiter.id).len() >= self.how_many(waiter, queue, now) {
            return None;
        }
        let only = self.waits_for(waiter, queue, now);
        let mut list: Vec<usize> = (0..self.people.len()).collect();
        list.retain(|who| {
            self.is_free(*who)
                && self.could(*who, waiter, queue, now)
                && only.is_none_or(|only| only == *who)
        });
        let fresh: Vec<usize> = list
            .iter()
            .copied()
            .filter(|who| !waiter.missed_by.contains(&self.people[*who].name))
            .collect();
        let list = if fresh.is_empty() { list } else { fresh };
        let circle = list.iter().map(|who| self.standing(*who, queue).unwrap().0).min()?;
        let knows = waiter.knows.as_ref().and_then(|name| self.person(name));
        if let Some(known) = knows.filter(|known| list.contains(known))
            && self.standing(known, queue).unwrap().0 == circle
        {
            return Some(known);
        }
        let best = list.iter().map(|who| self.standing(*who, queue).unwrap()).min()?;
        let mut alike = list;
        alike.retain(|who| self.standing(*who, queue) == Some(best));
        alike.sort_by_key(|who| place(queue, &self.people[*who].name));
        match queue.distribution.strategy {
            Strategy::Random => Some(alike[(lot(self.offers + 1) % alike.len() as u64) as usize]),
            Strategy::Weighted => {
                let tickets = alike
                    .iter()
                    .flat_map(|who| std::iter::repeat_n(*who, self.people[*who].weight as usize));
                let tickets: Vec<usize> = tickets.collect();
                Some(tickets[(lot(self.offers + 1) % tickets.len() as u64) as usize])
            }
            _ => alike.into_iter().min_by_key(|who| self.key(*who, waiter, queue, now)),
        }
    }

    fn key(&self, who: usize, waiter: &Waiter, queue: &Queue, now: Mono) -> (u64, Mono, usize) {
        let person = &self.people[who];
        let own = place(queue, &person.name);
        let behind = |last: Option<&AgentName>| {
            let start = last.map(|last| place(queue, last)).filter(|at| *at < queue.members.len());
            let start = start.map_or(0, |at| at + 1);
            ((own + queue.members.len() - start) % queue.members.len()) as u64
        };
        let slot = |at: Mono| at.millis() / 300_000;
        let hour = |talk_only: bool| {
            let counts = person
                .spent
                .iter()
                .filter(|(at, _, talk)| slot(*at) + 12 > slot(now) && (*talk || !talk_only));
            let sum: Duration = counts.map(|(_, time, _)| whole_millis(*time)).sum();
            sum.as_millis() as u64
        };
        let first = match queue.distribution.strategy {
            Strategy::RoundRobin => {
                let turn = self.turns.iter().find(|(name, _)| *name == queue.name);
                behind(turn.map(|(_, last)| last))
            }
            Strategy::TopDown => behind(waiter.last_called.as_ref()),
            Strategy::FewestCalls => {
                person.answers.iter().filter(|day| **day == self.day).count() as u64
            }
            Strategy::LeastTalk => hour(true),
            Strategy::LeastOccupied => hour(false),
            _ => 0,
        };
        (first, self.since(who, queue), own)
    }

    /// When more agents may be called for somebody in line than now, although nothing happens.
    pub fn widens(&self, now: Mono) -> Option<Mono> {
        let next = self.waiters.iter().filter(|waiter| !waiter.answered).flat_map(|waiter| {
            let distribution = &self.queue(&waiter.queue).unwrap().distribution;
            let circles = distribution.circles.iter().map(|circle| waiter.entered + circle.after);
            let knows = waiter.knows.iter().map(|_| waiter.entered + distribution.wait_for_last);
            let called = self.called_for(waiter.id).len();
            let more = distribution.add_every.filter(|_| {
                called > 0
                    && called < distribution.at_once as usize
                    && distribution.strategy != Strategy::Pickup
            });
            let more = more.into_iter().flat_map(move |every| {
                (1..distribution.at_once)
                    .map(move |times| waiter.called_since.unwrap() + every * times)
            });
            circles.chain(knows).chain(more).collect::<Vec<_>>()
        });
        next.filter(|at| *at > now).min()
    }
}

/// The place among the members; behind all for somebody who is none.
fn place(queue: &Queue, name: &AgentName) -> usize {
    queue.members.iter().position(|member| member == name).unwrap_or(queue.members.len())
}

fn whole_millis(time: Duration) -> Duration {
    Duration::from_millis(time.as_millis() as u64)
}
