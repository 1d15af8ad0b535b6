//! The reference model: QUEUEING.md 2.1 to 2.6 once more, slow and obvious. Plain lists, no index,
//! no machine; it looks at everything each time. It was written from the text, not from the engine.

mod choice;
mod exits;
mod news;
mod order;
mod people;
mod settings;

use holdfast_base::{AgentName, ContactId, Mono, Now, OfferId, QueueName};
use holdfast_config::{Config, Endpoint, Exit, Queue, Skill, Strategy};
use std::sync::Arc;
use std::time::Duration;

use crate::contact::{Capabilities, Deliveries};
use crate::queue::{Departure, Input};
use crate::record::event::Duty;

use super::secs;

#[derive(Clone, Debug)]
pub struct Person {
    pub name: AgentName,
    endpoints: Vec<Endpoint>,
    in_config: bool,
    duty: Duty,
    pub doing: Doing,
    idle_since: Mono,
    misses: u32,
    own_call: bool,
    free_since: Mono,
    on_since: Mono,
    off_in: Vec<QueueName>,
    skills: Vec<Skill>,
    weight: u64,
    informal: bool,
    /// The day of each answer.
    answers: Vec<i64>,
    /// When talk and wrap-up ended, how long each was, and whether it was talk.
    spent: Vec<(Mono, Duration, bool)>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Doing {
    Nothing,
    /// Reserved (not sent) or offered (sent at).
    Called {
        call: Called,
        sent: Option<Mono>,
        rang: bool,
        silent: bool,
    },
    Talking {
        call: Called,
        since: Mono,
    },
    WrapUp {
        since: Mono,
        until: Mono,
    },
    /// RONA block or cooling.
    Pause(Pause),
    /// Was called in a way that can not be taken back; a pause may follow.
    MayStillRing {
        call: Called,
        until: Mono,
        pause: Option<Pause>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pause {
    pub until: Mono,
    rona: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Called {
    pub offer: OfferId,
    pub contact: ContactId,
    pub endpoint: Endpoint,
    can: Capabilities,
    from: Mono,
    alert: Duration,
    wrap_up: Duration,
    block: Duration,
    shared: bool,
}

#[derive(Clone, Debug)]
pub struct Waiter {
    pub id: ContactId,
    pub queue: QueueName,
    entered: Mono,
    ranked: Mono,
    points: u32,
    point: Duration,
    seq: usize,
    refused_by: Vec<AgentName>,
    missed_by: Vec<AgentName>,
    answered: bool,
    number: String,
    knows: Option<AgentName>,
    last_called: Option<AgentName>,
    called_since: Option<Mono>,
    hops: u32,
    left: Vec<(QueueName, Mono)>,
}

pub struct Model {
    pub people: Vec<Person>,
    pub waiters: Vec<Waiter>,
    queues: Vec<(Queue, bool)>,
    within_reach: Vec<Endpoint>,
    deliveries: Deliveries,
    offers: u64,
    arrivals: usize,
    said: Vec<String>,
    /// Who was called last in each queue that goes round.
    turns: Vec<(QueueName, AgentName)>,
    /// Who talked with which number, the last one last.
    talks: Vec<(String, AgentName, Mono)>,
    day: i64,
    /// Out of the queues, while somebody is called: the exits left, the one that calls first, and
    /// why they left.
    calling: Vec<(Waiter, Vec<Exit>, String)>,
    /// Closed by a person, until when.
    closed: Vec<(QueueName, Option<Mono>)>,
    /// Nobody is there, since when, and when those who wait go.
    deserted: Vec<(QueueName, Mono, Option<Mono>)>,
}

impl Model {
    pub fn new(config: &Arc<Config>, deliveries: Deliveries) -> Self {
        let mut model = Self {
            people: Vec::new(),
            waiters: Vec::new(),
            queues: Vec::new(),
            within_reach: Vec::new(),
            deliveries,
            offers: 0,
            arrivals: 0,
            said: Vec::new(),
            turns: Vec::new(),
            talks: Vec::new(),
            day: 0,
            calling: Vec::new(),
            closed: Vec::new(),
            deserted: Vec::new(),
        };
        model.configured(config, Mono::from_micros(0));
        model.said.clear();
        model.look_round(Mono::from_micros(0));
        model
    }

    /// What must be ordered and noted because of `input`, in any order.
    pub fn handle(&mut self, now: Now, input: &Input) -> Vec<String> {
        self.day = now.wall.seconds() / 86_400;
        let now = now.mono;
        match input {
            Input::Arrived { contact, queue, from, .. } => {
                self.arrived(*contact, queue, &from.0, (now, now));
            }
            Input::Returned { contact, queue, since, from, .. } => {
                self.arrived(*contact, queue, &from.0, (now, *since));
            }
            Input::PickUp { contact, agent } => self.pick_up(*contact, agent, now),
            Input::Active { agent, queue, active } => self.switch(agent, queue, *active, now),
            Input::Left { contact, why } => self.left(*contact, *why, now),
            Input::Offer { offer, news } => self.news(*offer, *news, now),
            Input::Duty { agent, duty, by } => self.duty(agent, duty, *by, now),
            Input::Release { agent } => self.release(agent, now),
            Input::EndpointState { endpoint, reachable } => {
                self.within_reach.retain(|known| known != endpoint);
                if *reachable {
                    self.within_reach.push(endpoint.clone());
                }
            }
            Input::OwnCall { agent, active } => {
                if let Some(who) = self.person(agent) {
                    let begins = *active && !self.people[who].own_call;
                    if self.people[who].own_call && !*active {
                        self.people[who].free_since = now;
                    }
                    self.people[who].own_call = *active;
                    if begins {
                        self.take_back(who, "Withdrawn", None, now);
                    }
                }
            }
            Input::Reprioritise { contact, priority } => {
                let queues = &self.queues;
                for waiter in &mut self.waiters {
                    if waiter.id == *contact && !waiter.answered {
                        waiter.points = *priority;
                        let queue = queues.iter().find(|(queue, _)| queue.name == waiter.queue);
                        waiter.point = queue.unwrap().0.point;
                    }
                }
            }
            Input::Onward { contact, news, .. } => self.heard_of(*contact, *news, now),
            Input::Close { queue, closure } => self.close(queue, closure.as_ref(), now),
            Input::Configured(config) => self.configured(config, now),
            // No calendar is drawn, and nothing else hangs on the clock on the wall.
            Input::ClockIsRight | Input::DeadlineReached => {}
        }
        self.time_passes(now);
        self.tidy();
        self.distribute(now);
        self.look_round(now);
        while self.is_due(now) {
            self.time_passes(now);
            self.tidy();
            self.distribute(now);
            self.look_round(now);
        }
        std::mem::take(&mut self.said)
    }

    fn distribute(&mut self, now: Mono) {
        while let Some((waiter, who)) = self.best_pair(now) {
            let missed_by = &self.waiters[waiter].missed_by;
            if missed_by.contains(&self.people[who].name) {
                self.waiters[waiter].missed_by.clear();
            }
            self.choose(waiter, who, now);
        }
        while let Some((waiter, who)) = self.best_theft(now) {
            self.take_back(who, "Withdrawn", None, now);
            self.choose(waiter, who, now);
        }
    }

    pub fn person(&self, name: &AgentName) -> Option<usize> {
        self.people.iter().position(|person| person.name == *name)
    }

    fn waiter(&self, id: ContactId) -> Option<usize> {
        self.waiters.iter().position(|waiter| waiter.id == id)
    }

    fn say(&mut self, words: String) {
        self.said.push(words);
    }

    fn queue(&self, name: &QueueName) -> Option<&Queue> {
        self.queues.iter().map(|(queue, _)| queue).find(|queue| queue.name == *name)
    }

    fn arrived(
        &mut self,
        id: ContactId,
        name: &QueueName,
        number: &str,
        (now, ranked): (Mono, Mono),
    ) {
        if self.waiter(id).is_some() || self.calling.iter().any(|(known, _, _)| known.id == id) {
            return;
        }
        let open = self.queues.iter().find(|(queue, open)| queue.name == *name && *open).cloned();
        let Some((queue, _)) = open else {
            return self.say(format!("REFUSE c{} SystemFailed", id.0));
        };
        self.say(format!("enqueued c{} {name}", id.0));
        self.arrivals += 1;
        let waiter = Waiter {
            id,
            queue: name.clone(),
            entered: now,
            ranked,
            points: queue.priority,
            point: queue.point,
            seq: self.arrivals,
            refused_by: Vec::new(),
            missed_by: Vec::new(),
            answered: false,
            number: number.to_owned(),
            knows: self.knows(name, number, now),
            last_called: None,
            called_since: None,
            hops: 0,
            left: Vec::new(),
        };
        match self.against(&queue, number, now) {
            None => self.waiters.push(waiter),
            Some(why) => {
                self.say(format!("left c{} {why} after 0", id.0));
                self.sent_on(waiter, why, true, now);
            }
        }
    }

    /// Who talked with this number last, where the queue asks for that.
    fn knows(&self, name: &QueueName, number: &str, now: Mono) -> Option<AgentName> {
        let within = self.queue(name)?.distribution.prefer_last?;
        // Nobody is known by a name that many share.
        let known = self.talks.iter().rfind(|(caller, _, _)| caller == number)?;
        number.starts_with('+').then_some(())?;
        (now.since(known.2) <= within).then(|| known.1.clone())
    }

    fn left(&mut self, id: ContactId, why: Departure, now: Mono) {
        let Some(index) = self.waiter(id) else { return self.left_on_the_way(id, now) };
        if self.waiters[index].answered {
            let talks = |person: &Person| match &person.doing {
                Doing::Talking { call, .. } => call.contact == id,
                _ => false,
            };
            let holder = self.people.iter().position(talks);
            let ends = self.hangs_up(holder.unwrap(), now);
            return self.say(format!("HANG UP o{}", ends.offer.0));
        }
        let called = self.called_for(id);
        let rang = called.iter().any(|who| match &self.people[*who].doing {
            Doing::Called { call, sent, rang, .. } => {
                *rang || (sent.is_some() && !call.can.sees_ringing)
            }
            _ => false,
        });
        let waiter = &self.waiters[index];
        let short = self.queue(&waiter.queue).unwrap().short_abandon;
        let outcome = match why {
            Departure::Pulled => "Pulled",
            Departure::Fault => "SystemFailed",
            Departure::LostInCrash => "LostInCrash",
            Departure::GaveUp if now.since(waiter.entered) <= short => "AbandonedShort",
            Departure::GaveUp if rang => "AbandonedRinging",
            Departure::GaveUp => "Abandoned",
        };
        for who in called {
            self.take_back(who, "CallerLeft", None, now);
        }
        self.leaves(index, outcome, now);
        self.waiters.remove(index);
    }

    fn leaves(&mut self, index: usize, outcome: &str, now: Mono) {
        let waiter = &self.waiters[index];
        let waited = now.millis() - waiter.entered.millis();
        self.say(format!("left c{} {outcome} after {waited}", waiter.id.0));
    }

    /// The agent answers and nobody else has.
    fn answers(&mut self, who: usize, now: Mono) {
        let Doing::Called { call, .. } = self.people[who].doing.clone() else { unreachable!() };
        let (name, offer, id) = (self.people[who].name.clone(), call.offer.0, call.contact.0);
        self.say(format!("won o{offer} c{id} {name}"));
        self.say(format!("CONNECT c{id} o{offer}"));
        let waiter = self.waiter(call.contact).unwrap();
        self.leaves(waiter, "Answered", now);
        self.waiters[waiter].answered = true;
        self.people[who].misses = 0;
        self.people[who].answers.push(self.day);
        let queue = self.queue(&self.waiters[waiter].queue).unwrap();
        if queue.distribution.prefer_last.is_some() {
            self.talks.push((self.waiters[waiter].number.clone(), name, now));
        }
        for loser in self.called_for(call.contact) {
            if loser != who {
                self.take_back(loser, "LostRace", None, now);
            }
        }
        self.people[who].doing = Doing::Talking { call, since: now };
    }

    /// The agent's own leg ends: wrap-up starts now.
    fn hangs_up(&mut self, who: usize, now: Mono) -> Called {
        let Doing::Talking { call, since } = self.people[who].doing.clone() else { unreachable!() };
        let talked = now.since(since).as_millis();
        let name = self.people[who].name.clone();
        self.say(format!("done {name} c{} after {talked}", call.contact.0));
        self.waiters.retain(|waiter| waiter.id != call.contact);
        self.people[who].spent.push((now, now.since(since), true));
        let wrap_up = call.wrap_up.min(secs(900));
        if wrap_up.is_zero() {
            self.people[who].idle_since = now;
            self.rest(who, None, now);
        } else {
            self.people[who].doing = Doing::WrapUp { since: now, until: now + wrap_up };
        }
        call
    }

    /// An offer whose delivery is over ends without an answer.
    fn over(&mut self, who: usize, why: &str, pause: Option<Pause>, now: Mono) {
        let Doing::Called { call, .. } = self.people[who].doing.clone() else { unreachable!() };
        let name = self.people[who].name.clone();
        self.say(format!("over o{} c{} {name} {why}", call.offer.0, call.contact.0));
        self.rest(who, pause, now);
    }

    /// An offer whose delivery is under way ends without an answer.
    fn take_back(&mut self, who: usize, why: &str, pause: Option<Pause>, now: Mono) {
        let Doing::Called { call, .. } = self.people[who].doing.clone() else { return };
        self.over(who, why, pause, now);
        if call.can.can_withdraw {
            self.say(format!("WITHDRAW o{} {why}", call.offer.0));
        } else {
            let until = now + secs(30);
            self.people[who].doing = Doing::MayStillRing { call, until, pause };
        }
    }

    fn rest(&mut self, who: usize, pause: Option<Pause>, now: Mono) {
        self.people[who].doing = match pause {
            Some(pause) if pause.until > now => Doing::Pause(pause),
            _ => Doing::Nothing,
        };
        self.people[who].free_since = now;
    }

    /// Everybody who is being called for a contact.
    fn called_for(&self, id: ContactId) -> Vec<usize> {
        let called = |who: &usize| match &self.people[*who].doing {
            Doing::Called { call, .. } => call.contact == id,
            _ => false,
        };
        (0..self.people.len()).filter(called).collect()
    }

    fn passed_over(&mut self, who: usize, contact: ContactId) {
        let name = self.people[who].name.clone();
        let waiter = self.waiter(contact).unwrap();
        if !self.waiters[waiter].missed_by.contains(&name) {
            self.waiters[waiter].missed_by.push(name);
        }
    }

    fn misses(&mut self, who: usize, contact: ContactId) {
        self.passed_over(who, contact);
        let name = self.people[who].name.clone();
        let waiter = self.waiter(contact).unwrap();
        let limit = self.queue(&self.waiters[waiter].queue.clone()).unwrap().rona_limit;
        self.people[who].misses += 1;
        if limit == 0 || self.people[who].misses < limit || self.people[who].informal {
            return;
        }
        let mut queues: Vec<&Queue> = self.queues.iter().map(|(queue, _)| queue).collect();
        queues.sort_by_key(|queue| queue.name.clone());
        let alone = queues.iter().find(|queue| {
            let others = queue.members.iter().filter(|member| **member != name);
            let stands_by = |member: &AgentName| {
                self.person(member).is_some_and(|other| {
                    self.people[other].duty == Duty::OnDuty && self.reachable_of(other, 0).is_some()
                })
            };
            let mut others = others;
            queue.keep_last_agent && queue.members.contains(&name) && !others.any(stands_by)
        });
        if let Some(queue) = alone {
            let words = format!("ALARM last agent kept {name} {}", queue.name);
            return self.say(words);
        }
        self.people[who].misses = 0;
        self.people[who].duty = Duty::OffDuty("rona".to_owned());
        self.say(format!("duty {name} OffDuty(\"rona\") by Rona"));
    }

    fn next_endpoint(&mut self, who: usize, call: &Called, now: Mono) {
        let person = &self.people[who];
        let Some(tried) = person.endpoints.iter().position(|known| *known == call.endpoint) else {
            return;
        };
        let may = person.duty == Duty::OnDuty && !person.own_call;
        let Some(waiter) = self.waiter(call.contact) else { return };
        let queue = self.queue(&self.waiters[waiter].queue).unwrap();
        let entered = self.waiters[waiter].entered;
        let too_long = queue.wait_max.is_some_and(|most| entered + most <= now);
        if may
            && !too_long
            && let Some(endpoint) = self.reachable_of(who, tried + 1)
        {
            self.call(waiter, who, endpoint, now);
        }
    }

    fn reachable_of(&self, who: usize, from: usize) -> Option<Endpoint> {
        let later = self.people[who].endpoints.iter().skip(from);
        later.into_iter().find(|endpoint| self.within_reach.contains(endpoint)).cloned()
    }

    fn call(&mut self, waiter: usize, who: usize, endpoint: Endpoint, now: Mono) {
        self.offers += 1;
        let (offer, id) = (OfferId(self.offers), self.waiters[waiter].id);
        let queue = self.queue(&self.waiters[waiter].queue).unwrap().clone();
        let name = self.people[who].name.clone();
        let words = format!("o{} c{} {name} {}", offer.0, id.0, label(&endpoint));
        self.say(format!("reserved {words}"));
        self.say(format!("DELIVER {words}"));
        let can = self.deliveries.capabilities(&endpoint);
        let (contact, from) = (id, now);
        let (alert, wrap_up, block) = (queue.alert, queue.wrap_up, queue.rona_block);
        let several = queue.distribution.circles.iter().any(|it| it.at_once.is_some_and(|n| n > 1));
        let shared = several || queue.distribution.at_once > 1;
        let call = Called { offer, contact, endpoint, can, from, alert, wrap_up, block, shared };
        if self.called_for(id).is_empty() {
            self.waiters[waiter].called_since = Some(now);
        }
        self.people[who].doing = Doing::Called { call, sent: None, rang: false, silent: false };
    }
}

fn cools(now: Mono, seconds: u64) -> Option<Pause> {
    Some(Pause { until: now + secs(seconds), rona: false })
}

fn blocks(now: Mono, block: Duration) -> Option<Pause> {
    Some(Pause { until: now + block, rona: true })
}

fn label(endpoint: &Endpoint) -> String {
    match endpoint {
        Endpoint::Account(name) => name.to_string(),
        Endpoint::Trunk { trunk, number } => format!("{number}@{trunk}"),
    }
}
