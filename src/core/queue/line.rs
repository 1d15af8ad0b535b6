//! One queue: who is in line, and which agents could take the next.

use holdfast_base::{AgentName, ContactId, Mono};
use holdfast_config::Queue;
use std::collections::{BTreeMap, BTreeSet};

use crate::contact::Rank;

/// The order in which agents are chosen: longest idle, then place in the queue, then name
/// (QUEUEING.md 2.5, agent rank). Total, without chance.
pub type AgentRank = (Mono, usize, AgentName);

/// One queue.
#[derive(Clone, Debug)]
pub struct Line {
    /// What is configured; of a queue that was removed, what was configured last.
    pub settings: Queue,
    /// Whether the configuration still has it. A removed queue serves those who are in it.
    pub configured: bool,
    /// Everyone not answered yet, whether being offered or not: what a position counts.
    pub unanswered: BTreeMap<Rank, ContactId>,
    /// Those of them who are not being offered.
    pub waiting: BTreeMap<Rank, ContactId>,
    /// Agents who could take a contact of this queue now.
    pub ready: Ready,
}

/// Agents in the order in which they are chosen.
#[derive(Clone, Debug, Default)]
pub struct Ready {
    by_rank: BTreeSet<AgentRank>,
    by_agent: BTreeMap<AgentName, AgentRank>,
}

impl Ready {
    /// Gives an agent its place, or (with `None`) none.
    pub fn set(&mut self, agent: &AgentName, rank: Option<AgentRank>) {
        let before = match rank.clone() {
            Some(rank) => self.by_agent.insert(agent.clone(), rank),
            None => self.by_agent.remove(agent),
        };
        if let Some(before) = before {
            self.by_rank.remove(&before);
        }
        self.by_rank.extend(rank);
    }

    /// The agents, the one to choose first.
    pub fn iter(&self) -> impl Iterator<Item = &AgentName> {
        self.by_rank.iter().map(|(_, _, agent)| agent)
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_rank.len()
    }

    /// Whether there is nobody.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_rank.is_empty()
    }

    /// Whether this agent is among them.
    #[must_use]
    pub fn contains(&self, agent: &AgentName) -> bool {
        self.by_agent.contains_key(agent)
    }

    /// Removes everyone.
    pub fn clear(&mut self) {
        self.by_rank.clear();
        self.by_agent.clear();
    }
}

impl Line {
    /// An empty line.
    #[must_use]
    pub fn new(settings: Queue) -> Self {
        Self {
            settings,
            configured: true,
            unanswered: BTreeMap::new(),
            waiting: BTreeMap::new(),
            ready: Ready::default(),
        }
    }

    /// The 1-based position of a contact among those not answered, in rank order.
    #[must_use]
    pub fn position(&self, rank: &Rank) -> u32 {
        u32::try_from(self.unanswered.range(..=rank).count()).unwrap_or(u32::MAX)
    }
}
