//! Where callers are led on to: there is such a place, it leads somewhere else, and it is reached.

use std::collections::BTreeSet;

use super::Check;
use crate::overflow::{Exit, Overflow, Whom};
use crate::queue::Queue;

/// Most places that are tried one after the other: QUEUEING.md 2.6 lets a call be led on ten times.
const EXITS_MAX: usize = 10;
/// Most callers who are let in whatever stands against it.
const LET_IN_MAX: usize = 1000;

impl Check<'_> {
    pub(super) fn overflow(&mut self) {
        let queues = self.config.queues.iter().map(|queue| queue.name.to_string()).collect();
        for (position, queue) in self.config.queues.iter().enumerate() {
            let path = |key: &str| format!("queue[{position}].{key}");
            for (key, exits) in queue.overflow.exits() {
                self.exits(&path(key), queue, exits, &queues);
            }
            self.conditions(position, queue);
            let many = queue.overflow.let_in.len();
            if many > LET_IN_MAX {
                let what = format!("{many} callers are too many to be let in by name");
                self.error(&path("let_in"), what, format!("keep {LET_IN_MAX} at most, use `*`"));
            }
        }
    }

    fn exits(&mut self, path: &str, queue: &Queue, exits: &[Exit], queues: &BTreeSet<String>) {
        if exits.len() > EXITS_MAX {
            let what = format!("{} places to be led on to are too many", exits.len());
            self.error(path, what, format!("keep {EXITS_MAX} at most"));
        }
        for (at, exit) in exits.iter().enumerate() {
            let path = format!("{path}[{at}]");
            match exit {
                Exit::Queue(name) if *name == queue.name => {
                    let what = format!("the queue `{name}` leads to itself");
                    self.error(&path, what, "name another queue, or take it away");
                }
                Exit::Queue(name) => self.must_exist(&path, "queue", name.as_str(), queues),
                Exit::Call { whom: Whom::Agent(name), .. } => {
                    let agents = self.config.agents.iter().map(|agent| agent.name.to_string());
                    self.must_exist(&path, "agent", name.as_str(), &agents.collect());
                }
                Exit::Call { whom: Whom::Account(name), .. } => {
                    let accounts = self.config.accounts.iter().map(|it| it.name.to_string());
                    self.must_exist(&path, "account", name.as_str(), &accounts.collect());
                }
                Exit::Call { whom: Whom::Number(number), .. } => self.exit_number(&path, number),
                Exit::Announce { .. } if at + 1 < exits.len() => {
                    let what = "the call ends with the announcement, and nothing comes behind it";
                    self.warn(&path, what, "put it at the end, or take away what follows");
                }
                Exit::Announce { .. } => {}
            }
        }
    }

    /// Help is called by people.
    fn exit_number(&mut self, path: &str, number: &str) {
        if self.config.emergency.numbers.iter().any(|known| known == number) {
            let what = format!("`{number}` is an emergency number, and nobody has dialled it");
            self.error(path, what, "name a number that expects to be called by a queue");
        }
    }

    /// What is asked for without any effect.
    fn conditions(&mut self, position: usize, queue: &Queue) {
        let path = |key: &str| format!("queue[{position}].{key}");
        let Overflow { join_empty, leave_empty, when_empty, when_waited, .. } = &queue.overflow;
        if !when_empty.is_empty() && join_empty.is_empty() && leave_empty.is_empty() {
            let what = "nothing says when nobody is there, so nobody is ever led there";
            let remedy = "write join_empty = [\"logged-out\", \"unreachable\"], or leave_empty";
            self.warn(&path("when_empty"), what, remedy);
        }
        if !when_waited.is_empty() && queue.wait_max.is_none() {
            let what = "callers may wait for ever, so nobody is ever led there";
            self.warn(&path("when_waited"), what, "say how long: wait_max = \"2m\"");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::told;

    const PEOPLE: &str = "
[[account]]
name = 'a'
[[agent]]
name = 'anna'
endpoints = [{ account = 'a' }]
";

    fn queue(keys: &str) -> Vec<String> {
        let other = "[[queue]]\nname = 'other'\nmembers = ['anna']";
        told(&format!("[[queue]]\nname = 'sales'\nmembers = ['anna']\n{keys}\n{other}\n{PEOPLE}"))
    }

    #[test]
    fn callers_are_led_to_places_that_there_are() {
        let right = "wait_max = '2m'\njoin_empty = ['logged-out', 'paused', 'unreachable']
when_waited = [{ queue = 'other' }, { announce = 'closed-sorry', lasts = '9s' }]
when_empty = [{ announce = 'closed-sorry' }]";
        assert_eq!(queue(right), [""; 0]);
        assert_eq!(
            queue("when_full = [{ queue = 'sales' }, { queue = 'othr' }]"),
            [
                "f:4: key `queue.when_full`: the queue `sales` leads to itself; name another queue, \
                 or take it away",
                "f:4: key `queue.when_full`: there is no queue `othr`; did you mean `other`?",
            ]
        );
        assert_eq!(
            queue("when_full = [{ announce = 'full' }, { queue = 'other' }]"),
            ["f:4: warning: key `queue.when_full`: the call ends with the announcement, and \
              nothing comes behind it; put it at the end, or take away what follows"]
        );
        let many = ["{ queue = 'other' }"; 11].join(", ");
        let told = queue(&format!("when_full = [{many}]"));
        assert!(told[0].contains("11 places to be led on to are too many"), "{told:?}");
    }

    #[test]
    fn a_place_is_one_and_an_absence_has_a_name() {
        let both = queue("when_full = [{ queue = 'other', announce = 'x' }]");
        assert!(both[0].contains("a caller is led on to exactly one place"), "{both:?}");
        let none = queue("when_full = [{ queue = 'other', lasts = '9s' }]");
        assert!(none[0].contains("a caller is led on to exactly one place"), "{none:?}");
        let long = queue("when_full = [{ announce = 'x', lasts = '6m' }]");
        assert!(long[0].contains("write 5m at most"), "{long:?}");
        let away = queue("join_empty = ['away']");
        assert!(away[0].contains("`away` is no reason not to be there"), "{away:?}");
    }

    #[test]
    fn what_is_never_reached_is_told() {
        assert_eq!(
            queue("when_empty = [{ queue = 'other' }]\nwhen_waited = [{ queue = 'other' }]"),
            [
                "f:4: warning: key `queue.when_empty`: nothing says when nobody is there, so nobody \
                 is ever led there; write join_empty = [\"logged-out\", \"unreachable\"], or \
                 leave_empty",
                "f:5: warning: key `queue.when_waited`: callers may wait for ever, so nobody is \
                 ever led there; say how long: wait_max = \"2m\"",
            ]
        );
    }
}
