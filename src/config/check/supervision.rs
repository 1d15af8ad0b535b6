//! Who listens to calls of others: in queues that there are, in some way, and with room for it.

use std::collections::BTreeSet;

use super::Check;
use crate::schema::Agent;
use crate::supervision::Mode;

impl Check<'_> {
    pub(super) fn supervision(&mut self) {
        let queues = self.config.queues.iter().map(|queue| queue.name.to_string()).collect();
        for (position, agent) in self.config.agents.iter().enumerate() {
            self.supervises(&format!("agent[{position}].supervises"), agent, &queues);
        }
    }

    fn supervises(&mut self, path: &str, agent: &Agent, queues: &BTreeSet<String>) {
        let rights = &agent.supervises;
        if rights.queues.is_empty() {
            if rights.user.is_some() || rights.modes != Mode::ALL {
                let what = format!("`{}` supervises no queue", agent.name);
                self.warn(path, what, "name the queues: queues = [\"\u{2026}\"]");
            }
            return;
        }
        let mut seen = BTreeSet::new();
        for (at, queue) in rights.queues.iter().enumerate() {
            let path = format!("{path}.queues[{at}]");
            self.must_exist(&path, "queue", queue.as_str(), queues);
            if !seen.insert(queue) {
                self.error(&path, format!("`{queue}` stands here twice"), "take one away");
            }
        }
        if rights.modes.is_empty() {
            let what = format!("`{}` supervises in no way", agent.name);
            let remedy = "write modes = [\"listen\"], or take the queues away";
            self.error(&format!("{path}.modes"), what, remedy);
        }
        if self.config.media.transcoded_max == 0 {
            let what = "nobody can be let into a call: what its parties say has to be decoded, and \
                        `media.transcoded_max` is 0";
            self.warn(path, what, "raise `media.transcoded_max`");
        }
    }
}
