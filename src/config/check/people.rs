//! Queues and agents: every queue has somebody, everybody can be reached, and the times fit.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use holdfast_base::limits::ENDPOINTS_PER_AGENT_MAX;

use super::Check;
use crate::queue::Queue;
use crate::schema::{Agent, Endpoint};
use crate::span;

/// Unanswered calls of a Teams user go to voicemail after this long: QUEUEING.md 2.3.5.
const TEAMS_FORWARD: Duration = Duration::from_secs(20);
/// Longest wrap-up: QUEUEING.md 2.4.
const WRAP_UP_MAX: Duration = Duration::from_secs(900);
/// Saying the position more often disturbs more than it tells: QUEUEING.md 2.7.
const POSITION_EVERY_MIN: Duration = Duration::from_secs(15);

impl Check<'_> {
    pub(super) fn people(&mut self) {
        let agents = self.config.agents.iter().map(|agent| agent.name.to_string()).collect();
        for (position, queue) in self.config.queues.iter().enumerate() {
            self.members(position, queue, &agents);
            self.times(position, queue);
        }
        let accounts =
            self.config.accounts.iter().map(|account| account.name.to_string()).collect();
        for (position, agent) in self.config.agents.iter().enumerate() {
            self.endpoints(position, agent, &accounts);
            self.has_queue(position, agent);
        }
        self.shared_phones();
    }

    /// Every clip that a queue plays must be there.
    pub(super) fn clips(&mut self, known: &BTreeSet<String>) {
        for (position, queue) in self.config.queues.iter().enumerate() {
            let path = |key: &str| format!("queue[{position}].{key}");
            let while_waiting = [("greeting", &queue.greeting), ("music", &queue.music)];
            for (key, clip) in while_waiting {
                self.clip(&path(key), clip.as_deref(), known);
            }
            for (key, exits) in queue.overflow.exits() {
                for (at, exit) in exits.iter().enumerate() {
                    self.clip(&format!("{}[{at}]", path(key)), exit.clip(), known);
                }
            }
        }
    }

    fn clip(&mut self, path: &str, clip: Option<&str>, known: &BTreeSet<String>) {
        let Some(clip) = clip.filter(|clip| !known.contains(*clip)) else { return };
        let near = crate::suggest::nearest(clip, known.iter().map(String::as_str));
        let remedy = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => "put a WAV file of this name into the folder of `media.prompts`".into(),
        };
        self.error(path, format!("there is no clip `{clip}`"), remedy);
    }

    fn members(&mut self, position: usize, queue: &Queue, agents: &BTreeSet<String>) {
        let path = format!("queue[{position}].members");
        if queue.members.is_empty() {
            let what = format!("nobody answers the calls of the queue `{}`", queue.name);
            self.warn(&path, what, "name its agents: members = [\"…\"]");
        }
        let mut seen = BTreeSet::new();
        for (at, member) in queue.members.iter().enumerate() {
            let path = format!("{path}[{at}]");
            self.must_exist(&path, "agent", member.as_str(), agents);
            if !seen.insert(member) {
                self.error(&path, format!("`{member}` stands here twice"), "take one away");
            }
        }
    }

    fn times(&mut self, position: usize, queue: &Queue) {
        let path = |key: &str| format!("queue[{position}].{key}");
        if queue.alert >= TEAMS_FORWARD {
            self.warn(
                &path("alert"),
                "the call of an agent in Teams may end in the agent's personal voicemail",
                "stay below 20s, or see that the agents' Teams forwards later",
            );
        }
        if queue.wrap_up > WRAP_UP_MAX {
            let what = format!("{} is a long time for notes", span::print(queue.wrap_up));
            self.error(&path("wrap_up"), what, "write 15m at most; for breaks, go off duty");
        }
        if queue.wait_max.is_some_and(|wait_max| wait_max <= queue.alert) {
            self.warn(
                &path("wait_max"),
                "callers are sent away while the first agent's phone still rings",
                "make it longer than `alert`",
            );
        }
        if queue.position_every.is_some_and(|every| every < POSITION_EVERY_MIN) {
            let remedy = format!("write {} or more", span::print(POSITION_EVERY_MIN));
            self.warn(&path("position_every"), "callers hardly hear the music", remedy);
        }
        if queue.short_abandon > queue.service_level {
            self.warn(
                &path("short_abandon"),
                "callers who wait longer than `service_level` would not count when they hang up",
                "make it shorter than `service_level`",
            );
        }
    }

    fn endpoints(&mut self, position: usize, agent: &Agent, accounts: &BTreeSet<String>) {
        let path = format!("agent[{position}].endpoints");
        if agent.endpoints.is_empty() {
            let what = format!("`{}` can not be reached", agent.name);
            self.warn(&path, what, "name a phone: endpoints = [{ account = \"…\" }]");
        }
        if agent.endpoints.len() > ENDPOINTS_PER_AGENT_MAX {
            let what = format!("{} endpoints are too many", agent.endpoints.len());
            self.error(&path, what, format!("keep the best {ENDPOINTS_PER_AGENT_MAX}"));
        }
        let mut seen = BTreeSet::new();
        for (at, endpoint) in agent.endpoints.iter().enumerate() {
            let path = format!("{path}[{at}]");
            match endpoint {
                Endpoint::Account(name) => {
                    self.must_exist(&path, "account", name.as_str(), accounts);
                }
                Endpoint::Trunk { trunk, number: _ } => self.must_lead_out(&path, trunk.as_str()),
            }
            if !seen.insert(endpoint) {
                self.error(&path, "this endpoint stands here twice", "take one away");
            }
        }
    }

    fn has_queue(&mut self, position: usize, agent: &Agent) {
        let supervises = !agent.supervises.queues.is_empty();
        let member = self.config.queues.iter().any(|queue| queue.members.contains(&agent.name));
        if !member && !supervises {
            let what = format!("`{}` is in no queue and gets no calls from one", agent.name);
            let path = format!("agent[{position}].name");
            self.warn(&path, what, "add the name to the `members` of a queue");
        }
    }

    /// Two agents at one phone: the box rings both there, and can not tell who answered.
    fn shared_phones(&mut self) {
        let mut owners = BTreeMap::new();
        for (position, agent) in self.config.agents.iter().enumerate() {
            for (at, endpoint) in agent.endpoints.iter().enumerate() {
                let owner = *owners.entry(endpoint).or_insert(&agent.name);
                if *owner != agent.name {
                    self.warn(
                        &format!("agent[{position}].endpoints[{at}]"),
                        format!("this is a phone of `{owner}` too; nobody sees who answered"),
                        "give each agent an endpoint of their own",
                    );
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::told;
    use std::collections::BTreeSet;

    #[test]
    fn queues_have_somebody_and_everybody_is_reached() {
        let text = "
[[queue]]
name = 'sales'
members = ['anna', 'bem', 'anna']
[[queue]]
name = 'night'
[[agent]]
name = 'anna'
endpoints = [{ account = 'desk' }, { account = 'desk' }]
[[agent]]
name = 'ben'
[[agent]]
name = 'clara'
endpoints = [{ account = 'desk' }, { trunk = 'pbx', number = '201' }]
[[account]]
name = 'desk'
";
        assert_eq!(
            told(text),
            [
                "f:4: key `queue.members`: there is no agent `bem`; did you mean `ben`?",
                "f:4: key `queue.members`: `anna` stands here twice; take one away",
                "f:5: warning: key `queue.members`: nobody answers the calls of the queue \
                 `night`; name its agents: members = [\"…\"]",
                "f:9: key `agent.endpoints`: this endpoint stands here twice; take one away",
                "f:10: warning: key `agent.endpoints`: `ben` can not be reached; name a phone: \
                 endpoints = [{ account = \"…\" }]",
                "f:11: warning: key `agent.name`: `ben` is in no queue and gets no calls from \
                 one; add the name to the `members` of a queue",
                "f:13: warning: key `agent.name`: `clara` is in no queue and gets no calls from \
                 one; add the name to the `members` of a queue",
                "f:14: warning: key `agent.endpoints`: this is a phone of `anna` too; nobody sees \
                 who answered; give each agent an endpoint of their own",
                "f:14: key `agent.endpoints`: there is no trunk `pbx`; add a [[trunk]] with this \
                 name, or take the name away",
            ]
        );
    }

    #[test]
    fn times_fit() {
        let text = "
[[queue]]
name = 'sales'
members = ['anna']
alert = '20s'
wrap_up = '16m'
wait_max = '20s'
position_every = '10s'
short_abandon = '21s'
[[agent]]
name = 'anna'
endpoints = [{ account = 'anna' }]
[[account]]
name = 'anna'
";
        let told = told(text);
        let lines: Vec<&str> = told.iter().filter_map(|it| it.split(": ").next()).collect();
        assert_eq!(lines, ["f:5", "f:6", "f:7", "f:8", "f:9"]);
        let errors: Vec<&String> = told.iter().filter(|it| !it.contains("warning")).collect();
        assert_eq!(
            errors,
            ["f:6: key `queue.wrap_up`: 16m is a long time for notes; write 15m at most; for \
              breaks, go off duty"]
        );
        assert!(super::super::told(&text.replace("'20s'", "'19s'")).len() < told.len());
    }

    #[test]
    fn one_agent_has_so_many_endpoints() {
        let accounts: String = (0..17).map(|at| format!("[[account]]\nname = 'p{at}'\n")).collect();
        let endpoints: Vec<String> = (0..17).map(|at| format!("{{ account = 'p{at}' }}")).collect();
        let agent = |count: usize| {
            let endpoints = endpoints.iter().take(count).cloned().collect::<Vec<_>>().join(", ");
            let queue = "[[queue]]\nname = 'q'\nmembers = ['a']\n";
            told(&format!("{accounts}{queue}[[agent]]\nname = 'a'\nendpoints = [{endpoints}]\n"))
        };
        assert_eq!(agent(16), Vec::<String>::new());
        assert_eq!(agent(17).len(), 1);
    }

    #[test]
    fn clips_are_checked_against_those_there_are() {
        let text = "
[[queue]]
name = 'sales'
members = ['anna']
greeting = 'musik'
music = ''
[[agent]]
name = 'anna'
endpoints = [{ account = 'anna' }]
[[account]]
name = 'anna'
";
        assert!(crate::read(text, "f").is_ok());
        let clips = BTreeSet::from(["music".to_owned()]);
        let told =
            crate::read_with(text, "f", &crate::Outside { clips: &clips, files: &|_| Vec::new() })
                .unwrap_err();
        assert_eq!(
            told.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["f:5: key `queue.greeting`: there is no clip `musik`; did you mean `music`?"]
        );
    }
}
