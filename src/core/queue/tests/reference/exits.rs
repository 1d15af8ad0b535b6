//! Who is let in and where everybody else goes in the model: QUEUEING.md 2.6 once more.

use holdfast_base::{ContactId, Mono, QueueName};
use holdfast_config::{Absence, Exit, Queue, Whom};

use super::{Doing, Model, Pause, Waiter, secs};
use crate::queue::{CallOn, Closure, OnwardNews};
use crate::record::event::{Duty, LedTo, NotLedOn};

impl Model {
    /// What stands against letting somebody into a queue, as the outcome that it has.
    pub(super) fn against(&self, queue: &Queue, number: &str, now: Mono) -> Option<&'static str> {
        let named = |known: &String| match known.split_once('*') {
            Some((beginning, _)) => number.starts_with(beginning),
            None => number == known,
        };
        if queue.overflow.let_in.iter().any(named) {
            return None;
        }
        if self
            .closed
            .iter()
            .any(|(name, until)| *name == queue.name && until.is_none_or(|until| until > now))
        {
            return Some("Closed");
        }
        let in_line =
            self.waiters.iter().filter(|waiter| waiter.queue == queue.name && !waiter.answered);
        if in_line.count() >= queue.length_max as usize {
            return Some("OverflowFull");
        }
        let absences = &queue.overflow.join_empty;
        (!absences.is_empty() && !self.anybody(queue, absences)).then_some("OverflowEmpty")
    }

    fn anybody(&self, queue: &Queue, absences: &[Absence]) -> bool {
        (0..self.people.len()).any(|who| self.is_there(who, queue, absences))
    }

    fn is_there(&self, who: usize, queue: &Queue, absences: &[Absence]) -> bool {
        let person = &self.people[who];
        let could = person.in_config
            && queue.members.contains(&person.name)
            && self.standing(who, queue).is_some();
        could
            && !absences.iter().any(|absence| match absence {
                Absence::LoggedOut => person.duty == Duty::OffDuty(String::new()),
                Absence::Paused => {
                    !matches!(&person.duty, Duty::OnDuty)
                        && person.duty != Duty::OffDuty(String::new())
                        || matches!(person.doing, Doing::Pause(Pause { rona: true, .. }))
                        || person.off_in.contains(&queue.name)
                }
                Absence::Unreachable => self.reachable_of(who, 0).is_none(),
                Absence::WrapUp => matches!(person.doing, Doing::WrapUp { .. }),
                Absence::Busy => {
                    person.own_call
                        || !matches!(
                            person.doing,
                            Doing::Nothing
                                | Doing::WrapUp { .. }
                                | Doing::Pause(Pause { rona: true, .. })
                        )
                }
            })
    }

    /// Somebody who is not in line any more, with what they had, goes where the queue leads.
    pub(super) fn sent_on(&mut self, mut waiter: Waiter, why: &str, refused: bool, now: Mono) {
        let queue = waiter.queue.clone();
        let overflow = self.queue(&queue).unwrap().overflow.clone();
        let exits = match why {
            "Closed" => overflow.when_closed,
            "OverflowFull" => overflow.when_full,
            "OverflowEmpty" => overflow.when_empty,
            _ => overflow.when_waited,
        };
        waiter.left.push((queue, now));
        self.goes_on(waiter, exits, why, refused, now);
    }

    fn goes_on(
        &mut self,
        mut waiter: Waiter,
        exits: Vec<Exit>,
        why: &str,
        refused: bool,
        now: Mono,
    ) {
        let (id, queue) = (waiter.id.0, waiter.queue.clone());
        for (at, exit) in exits.iter().enumerate() {
            if waiter.hops == 10 {
                break;
            }
            let there = LedTo::from(exit);
            let against = match exit {
                Exit::Queue(next) => self.against_going(&waiter, next, now),
                Exit::Call { whom: Whom::Agent(name), .. } => match self.person(name) {
                    None => Some("Gone"),
                    Some(who) => (!self.is_free(who)).then_some("Away"),
                },
                Exit::Call { .. } | Exit::Announce { .. } => None,
            };
            if let Some(against) = against {
                self.say(format!("not led on c{id} {queue} {there:?} {against}"));
                continue;
            }
            self.say(format!("led on c{id} {queue} {there:?}"));
            match exit {
                Exit::Announce { clip, lasts } => {
                    return self.say(format!("ANNOUNCE c{id} {why} {clip} {}", lasts.as_secs()));
                }
                Exit::Call { whom, ring } => {
                    let whom = match whom {
                        Whom::Account(account) => CallOn::Account(account.clone()),
                        Whom::Number(number) => CallOn::Number(number.clone()),
                        Whom::Agent(name) => {
                            let who = self.person(name).unwrap();
                            self.people[who].own_call = true;
                            CallOn::Agent(name.clone(), self.reachable_of(who, 0).unwrap())
                        }
                    };
                    self.say(format!("CALL c{id} {whom:?} {}", ring.as_secs()));
                    waiter.hops += 1;
                    return self.calling.push((waiter, exits[at..].to_vec(), why.to_owned()));
                }
                Exit::Queue(next) => {
                    self.say(format!("enqueued c{id} {next}"));
                    self.say(format!("MOVED c{id} {next}"));
                    return self.enters_again(waiter, next, now);
                }
            }
        }
        let verb = if refused { "REFUSE" } else { "END" };
        self.say(format!("{verb} c{id} {why}"));
    }

    pub(super) fn heard_of(&mut self, id: ContactId, news: OnwardNews, now: Mono) {
        let Some(at) = self.calling.iter().position(|(waiter, _, _)| waiter.id == id) else {
            if self.waiter(id).is_none() && news != OnwardNews::Answered {
                self.say(format!("END c{} SystemFailed", id.0));
            }
            return;
        };
        let (waiter, mut exits, why) = self.calling.remove(at);
        let reason = match news {
            OnwardNews::Answered => return,
            OnwardNews::Failed(reason) => reason,
            OnwardNews::Lost => NotLedOn::LostInCrash,
        };
        self.stops_calling(&waiter, &exits[0], reason, now);
        if news != OnwardNews::Lost {
            exits.remove(0);
        }
        self.goes_on(waiter, exits, &why, false, now);
    }

    pub(super) fn left_on_the_way(&mut self, id: ContactId, now: Mono) {
        let Some(at) = self.calling.iter().position(|(waiter, _, _)| waiter.id == id) else {
            return;
        };
        let (waiter, exits, _) = self.calling.remove(at);
        self.stops_calling(&waiter, &exits[0], NotLedOn::CallerLeft, now);
    }

    fn stops_calling(&mut self, waiter: &Waiter, exit: &Exit, reason: NotLedOn, now: Mono) {
        let (id, queue, there) = (waiter.id.0, &waiter.queue, LedTo::from(exit));
        self.say(format!("not led on c{id} {queue} {there:?} {reason:?}"));
        if let Exit::Call { whom: Whom::Agent(name), .. } = exit
            && let Some(who) = self.person(name)
            && self.people[who].own_call
        {
            self.people[who].own_call = false;
            self.people[who].free_since = now;
        }
    }

    fn against_going(&self, waiter: &Waiter, next: &QueueName, now: Mono) -> Option<&'static str> {
        let last = waiter.left.iter().rfind(|(queue, _)| queue == next);
        if last.is_some_and(|(_, at)| now.since(*at) < secs(5)) {
            return Some("GoesRound");
        }
        let Some((queue, _)) =
            self.queues.iter().find(|(queue, open)| queue.name == *next && *open)
        else {
            return Some("Gone");
        };
        self.against(queue, &waiter.number, now).map(|why| match why {
            "OverflowFull" => "Full",
            "OverflowEmpty" => "Empty",
            other => other,
        })
    }

    fn enters_again(&mut self, waiter: Waiter, next: &QueueName, now: Mono) {
        let knows = self.knows(next, &waiter.number, now);
        self.waiters.push(Waiter {
            queue: next.clone(),
            entered: now,
            refused_by: Vec::new(),
            missed_by: Vec::new(),
            knows,
            last_called: None,
            called_since: None,
            hops: waiter.hops + 1,
            ..waiter
        });
    }

    /// Somebody in line leaves it for where it leads.
    pub(super) fn overflows(&mut self, id: ContactId, why: &str, now: Mono) {
        for who in self.called_for(id) {
            self.take_back(who, "Withdrawn", None, now);
        }
        let index = self.waiter(id).unwrap();
        self.leaves(index, why, now);
        let waiter = self.waiters.remove(index);
        self.sent_on(waiter, why, false, now);
    }

    pub(super) fn close(&mut self, name: &QueueName, closure: Option<&Closure>, now: Mono) {
        let Some((queue, true)) =
            self.queues.iter().find(|(queue, _)| queue.name == *name).cloned()
        else {
            return;
        };
        let known = self.closed.iter().find(|(closed, _)| closed == name).cloned();
        let closure = closure.filter(|closure| closure.until.is_none_or(|until| until > now));
        match closure {
            None if known.is_none() => {}
            None => {
                self.closed.retain(|(closed, _)| closed != name);
                self.say(format!("opened {name}"));
            }
            Some(closure) if known.is_some_and(|(_, until)| until == closure.until) => {}
            Some(closure) => {
                self.closed.retain(|(closed, _)| closed != name);
                self.closed.push((name.clone(), closure.until));
                self.say(format!("closed {name}"));
                if !queue.overflow.serve_waiting {
                    self.everybody_out(name, "Closed", now);
                }
            }
        }
    }

    /// Whoever waits in a queue and is not being called for, in the order of the line.
    fn waiting_in(&self, name: &QueueName, now: Mono) -> Vec<ContactId> {
        let line = self.line(now).into_iter().map(|at| &self.waiters[at]);
        let waits = line.filter(|waiter| waiter.queue == *name);
        waits.map(|waiter| waiter.id).filter(|id| self.called_for(*id).is_empty()).collect()
    }

    fn everybody_out(&mut self, name: &QueueName, why: &str, now: Mono) {
        for id in self.waiting_in(name, now) {
            self.overflows(id, why, now);
        }
    }

    fn is_deserted(&self, queue: &Queue) -> bool {
        let absences = &queue.overflow.leave_empty;
        !absences.is_empty() && !self.anybody(queue, absences)
    }

    /// When everything else is decided: which queues nobody is in, since when, and for whom that
    /// matters.
    pub(super) fn look_round(&mut self, now: Mono) {
        let empty: Vec<Queue> = self
            .queues
            .iter()
            .map(|(queue, _)| queue.clone())
            .filter(|queue| self.is_deserted(queue))
            .collect();
        self.deserted.retain(|(name, _, _)| empty.iter().any(|queue| queue.name == *name));
        for queue in empty {
            let known = self.deserted.iter().find(|(name, _, _)| *name == queue.name);
            let since = known.map_or(now, |(_, since, _)| *since);
            let waits = !self.waiting_in(&queue.name, now).is_empty();
            let leaves = waits.then_some(since + queue.overflow.leave_after);
            self.deserted.retain(|(name, _, _)| *name != queue.name);
            self.deserted.push((queue.name, since, leaves));
        }
    }

    /// Nobody has come: those who wait go.
    pub(super) fn given_up(&mut self, name: &QueueName, now: Mono) {
        for (known, _, leaves) in &mut self.deserted {
            if known == name {
                *leaves = None;
            }
        }
        let Some(queue) = self.queue(name).cloned() else { return };
        if self.is_deserted(&queue) {
            self.everybody_out(name, "OverflowEmpty", now);
        }
    }
}
