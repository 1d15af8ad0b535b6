//! One queue: who is in line, and which agents could take the next.

use holdfast_base::{AgentName, ContactId, Mono};
use holdfast_config::{Queue, Strategy};
use std::collections::{BTreeMap, BTreeSet};

use crate::agent::{Agent, Seat, Standing};
use crate::contact::Rank;

/// The order in which agents are chosen (QUEUEING.md 2.5, agent rank), but for what hangs on the
/// contact or the moment: circle, skills, time, place, name. Total, without chance.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AgentRank {
    /// In which circle, and how well its skills fit.
    pub standing: Standing,
    /// Idle or free since then, where the strategy asks.
    pub since: Mono,
    /// The place among the members.
    pub place: usize,
    /// The name.
    pub name: AgentName,
}

/// One queue.
#[derive(Clone, Debug)]
pub struct Line {
    /// What is configured; of a queue that was removed, what was configured last.
    pub settings: Queue,
    /// Whether the configuration still has it. A removed queue serves those who are in it.
    pub configured: bool,
    /// Everyone not answered yet, whether being offered or not: what a position counts.
    pub unanswered: BTreeMap<Rank, ContactId>,
    /// Those of them for whom another agent may be called.
    pub wanting: BTreeMap<Rank, ContactId>,
    /// Agents who could take a contact of this queue now.
    pub ready: Ready,
    /// Who is logged in, by circle.
    pub logged_in: BTreeMap<usize, BTreeSet<AgentName>>,
    /// Who is there for a caller who comes.
    pub there_to_join: BTreeSet<AgentName>,
    /// Who is there for those who wait.
    pub there_to_wait: BTreeSet<AgentName>,
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
    pub fn iter(&self) -> impl Iterator<Item = &AgentRank> {
        self.by_rank.iter()
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
            wanting: BTreeMap::new(),
            ready: Ready::default(),
            logged_in: BTreeMap::new(),
            there_to_join: BTreeSet::new(),
            there_to_wait: BTreeSet::new(),
        }
    }

    /// Forgets what is known of its agents.
    pub fn forget_agents(&mut self) {
        self.ready.clear();
        self.logged_in.clear();
        self.there_to_join.clear();
        self.there_to_wait.clear();
    }

    /// The place of a member; none of somebody who is none.
    #[must_use]
    pub fn place_of(&self, agent: &AgentName) -> Option<usize> {
        self.settings.members.iter().position(|member| member == agent)
    }

    /// Where an agent with this seat stands among those who could be chosen.
    #[must_use]
    pub fn rank_of(&self, name: &AgentName, agent: &Agent, seat: &Seat) -> Option<AgentRank> {
        let standing = *seat.standing.as_ref().ok()?;
        let since = match self.settings.distribution.strategy {
            Strategy::LongestIdle
            | Strategy::FewestCalls
            | Strategy::LeastTalk
            | Strategy::LeastOccupied => agent.state.idle_since,
            Strategy::LongestAvailable => agent.state.available_since(),
            Strategy::RoundRobin
            | Strategy::Linear
            | Strategy::TopDown
            | Strategy::Random
            | Strategy::Weighted
            | Strategy::Pickup => Mono::default(),
        };
        Some(AgentRank { standing, since, place: seat.place, name: name.clone() })
    }

    /// Notes whether an agent of a circle is logged in.
    pub fn note_logged_in(&mut self, circle: Option<usize>, agent: &AgentName) {
        self.logged_in.retain(|_, agents| {
            agents.remove(agent);
            !agents.is_empty()
        });
        if let Some(circle) = circle {
            self.logged_in.entry(circle).or_default().insert(agent.clone());
        }
    }

    /// The 1-based position of a contact among those not answered, in rank order.
    #[must_use]
    pub fn position(&self, rank: &Rank) -> u32 {
        u32::try_from(self.unanswered.range(..=rank).count()).unwrap_or(u32::MAX)
    }
}
