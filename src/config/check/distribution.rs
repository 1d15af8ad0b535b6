//! Who is called for whom: circles open one after the other, and somebody has the skills that they
//! want.

use std::collections::{BTreeMap, BTreeSet};

use super::Check;
use crate::queue::{Queue, Skill, Strategy};

/// Most circles of a queue: more steps than any caller waits for.
const CIRCLES_MAX: usize = 16;
/// Most skills of an agent, and most that a circle wants.
const SKILLS_MAX: usize = 64;

impl Check<'_> {
    pub(super) fn distribution(&mut self) {
        let agents: BTreeMap<_, &[Skill]> =
            self.config.agents.iter().map(|agent| (&agent.name, &agent.skills[..])).collect();
        for (position, queue) in self.config.queues.iter().enumerate() {
            self.several(position, queue);
            self.circles(position, queue);
            if !queue.distribution.circles.is_empty() {
                self.reach(position, queue, &agents);
            }
        }
        for (position, agent) in self.config.agents.iter().enumerate() {
            let path = format!("agent[{position}]");
            self.skills(&format!("{path}.skills"), &agent.skills);
            if agent.informal && !agent.on_duty {
                let what =
                    format!("`{}` helps now and then, and nobody puts them on duty", agent.name);
                self.warn(&format!("{path}.on_duty"), what, "leave `on_duty` away");
            }
        }
    }

    fn several(&mut self, position: usize, queue: &Queue) {
        let path = |key: &str| format!("queue[{position}].{key}");
        let distribution = &queue.distribution;
        if distribution.strategy == Strategy::Pickup && distribution.calls_several() {
            let what = "nobody is called in a queue whose calls are picked up";
            self.warn(&path("at_once"), what, "take it away, or choose another `strategy`");
        }
        if distribution.add_every.is_some() && !distribution.calls_several() {
            let what = "one agent is called at once, so nobody is ever added";
            self.warn(&path("add_every"), what, "say how many there may be: at_once = 5");
        }
        if !distribution.wait_for_last.is_zero() && distribution.prefer_last.is_none() {
            let what = "nobody waits for an agent who is not known";
            self.warn(&path("wait_for_last"), what, "say how long one is: prefer_last = \"24h\"");
        }
    }

    fn circles(&mut self, position: usize, queue: &Queue) {
        let circles = &queue.distribution.circles;
        if circles.len() > CIRCLES_MAX {
            let what = format!("{} circles are too many", circles.len());
            let path = format!("queue[{position}].circle");
            self.error(&path, what, format!("keep {CIRCLES_MAX} at most"));
        }
        for (at, circle) in circles.iter().enumerate() {
            let path = format!("queue[{position}].circle[{at}]");
            let before = at.checked_sub(1).and_then(|before| circles.get(before));
            match before {
                None if !circle.after.is_zero() => {
                    let what = "until the first circle opens nobody could be called at all";
                    self.error(&format!("{path}.after"), what, "write \"0s\", or leave it away");
                }
                Some(before) if circle.after <= before.after => {
                    let what = "it opens no later than the circle before";
                    self.error(&format!("{path}.after"), what, "order circles by their time");
                }
                None | Some(_) => {}
            }
            if circle.needs.len() > SKILLS_MAX {
                let what = format!("{} needs are too many", circle.needs.len());
                self.error(&format!("{path}.needs"), what, format!("keep {SKILLS_MAX} at most"));
            }
        }
    }

    /// Whom no circle takes is called for nobody, and a need that nobody meets takes nobody.
    fn reach(
        &mut self,
        position: usize,
        queue: &Queue,
        agents: &BTreeMap<&holdfast_base::AgentName, &[Skill]>,
    ) {
        let members: Vec<_> = queue
            .members
            .iter()
            .enumerate()
            .filter_map(|(at, member)| Some((at, member, *agents.get(member)?)))
            .collect();
        for (at, circle) in queue.distribution.circles.iter().enumerate() {
            for (place, need) in circle.needs.iter().enumerate() {
                if !members.is_empty() && !members.iter().any(|(_, _, has)| need.is_met(has)) {
                    let path = format!("queue[{position}].circle[{at}].needs[{place}]");
                    let (skill, level) = (&need.skill, need.level);
                    let what = format!("no member can do `{skill}` with a level of {level}");
                    self.warn(
                        &path,
                        what,
                        "look at the `skills` of the agents, and at the spelling",
                    );
                }
            }
        }
        for (at, member, has) in members {
            if queue.distribution.circle_of(has).is_none() {
                let path = format!("queue[{position}].members[{at}]");
                let what = format!("`{member}` has the skills of no circle, and is never called");
                self.warn(&path, what, "add a wider circle, or take the name away");
            }
        }
    }

    fn skills(&mut self, path: &str, skills: &[Skill]) {
        if skills.len() > SKILLS_MAX {
            let what = format!("{} skills are too many", skills.len());
            self.error(path, what, format!("keep {SKILLS_MAX} at most"));
        }
        let mut seen = BTreeSet::new();
        for (at, skill) in skills.iter().enumerate() {
            if !seen.insert(&skill.skill) {
                let what = format!("`{}` stands here twice", skill.skill);
                self.error(&format!("{path}[{at}]"), what, "take one away");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::told;

    const PEOPLE: &str = "
[[account]]
name = 'a'
[[account]]
name = 'b'
[[agent]]
name = 'anna'
endpoints = [{ account = 'a' }]
skills = [{ skill = 'french', level = 80 }, { skill = 'french' }]
[[agent]]
name = 'ben'
endpoints = [{ account = 'b' }]
informal = true
on_duty = false
";

    #[test]
    fn circles_open_one_after_the_other_and_take_somebody() {
        let text = format!(
            "[[queue]]
name = 'sales'
members = ['anna', 'ben']
[[queue.circle]]
after = '5s'
needs = [{{ skill = 'french', level = 90 }}]
[[queue.circle]]
after = '5s'
needs = [{{ skill = 'frensh' }}]
{PEOPLE}"
        );
        assert_eq!(
            told(&text),
            [
                "f:3: warning: key `queue.members`: `anna` has the skills of no circle, and is \
                 never called; add a wider circle, or take the name away",
                "f:3: warning: key `queue.members`: `ben` has the skills of no circle, and is \
                 never called; add a wider circle, or take the name away",
                "f:5: key `queue.circle.after`: until the first circle opens nobody could be \
                 called at all; write \"0s\", or leave it away",
                "f:6: warning: key `queue.circle.needs`: no member can do `french` with a level \
                 of 90; look at the `skills` of the agents, and at the spelling",
                "f:8: key `queue.circle.after`: it opens no later than the circle before; order \
                 circles by their time",
                "f:9: warning: key `queue.circle.needs`: no member can do `frensh` with a level \
                 of 1; look at the `skills` of the agents, and at the spelling",
                "f:18: key `agent.skills`: `french` stands here twice; take one away",
                "f:23: warning: key `agent.on_duty`: `ben` helps now and then, and nobody puts \
                 them on duty; leave `on_duty` away",
            ]
        );
    }

    #[test]
    fn what_has_no_effect_is_told() {
        let queue = |keys: &str| {
            let people =
                PEOPLE.replace(", { skill = 'french' }", "").replace("on_duty = false", "");
            told(&format!("[[queue]]\nname = 'q'\nmembers = ['anna', 'ben']\n{keys}\n{people}"))
        };
        assert_eq!(queue("at_once = 3\nadd_every = '5s'\nprefer_last = '24h'"), [""; 0]);
        assert_eq!(
            queue("strategy = 'pickup'\nat_once = 2\nwait_for_last = '9s'"),
            [
                "f:5: warning: key `queue.at_once`: nobody is called in a queue whose calls are \
                 picked up; take it away, or choose another `strategy`",
                "f:6: warning: key `queue.wait_for_last`: nobody waits for an agent who is not \
                 known; say how long one is: prefer_last = \"24h\"",
            ]
        );
        assert_eq!(
            queue("add_every = '5s'"),
            [
                "f:4: warning: key `queue.add_every`: one agent is called at once, so nobody is ever \
              added; say how many there may be: at_once = 5"
            ]
        );
        let wrong = queue("strategy = 'longest'\nfit = 'best'");
        assert!(
            wrong[0].contains("`longest` is no way to choose an agent; write \"longest-idle\"")
        );
        assert!(wrong[1].contains("`best` is no order of those with the skills"));
    }
}
