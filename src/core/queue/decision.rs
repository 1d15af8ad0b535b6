//! The record of each decision: who was asked, who was not, and why.

use holdfast_base::{AgentName, ContactId, Mono, QueueName};
use holdfast_config::Strategy;
use std::collections::VecDeque;

use crate::agent::Reason;

/// Most decisions kept (QUEUEING.md 2.5); the oldest go first.
pub const DECISIONS_MAX: usize = 10_000;
/// Most candidates written down in one decision. The longest idle come first, so what is left out
/// could not have been chosen; it keeps the full ring below 32 MiB.
pub const CANDIDATES_MAX: usize = 64;

/// One decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// When.
    pub at: Mono,
    /// For whom.
    pub contact: ContactId,
    /// In which queue.
    pub queue: QueueName,
    /// Who was chosen; nobody when a contact found no agent on entering.
    pub chosen: Option<AgentName>,
    /// By which strategy.
    pub strategy: Strategy,
    /// The widest circle that was open.
    pub circle: usize,
    /// The lot that was drawn, by a strategy that draws one.
    pub draw: Option<u64>,
    /// Who was looked at: those who could be chosen in rank order, then the others in the order of
    /// the queue.
    pub candidates: Vec<Candidate>,
    /// Members beyond [`CANDIDATES_MAX`], not written down.
    pub unlisted: usize,
}

/// One agent of a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The agent.
    pub agent: AgentName,
    /// Whether the agent could be chosen, or why not.
    pub verdict: Result<(), Reason>,
}

/// The last decisions.
#[derive(Clone, Debug, Default)]
pub struct Decisions(VecDeque<Decision>);

impl Decisions {
    /// Keeps one more.
    pub fn push(&mut self, decision: Decision) {
        if self.0.len() >= DECISIONS_MAX {
            self.0.pop_front();
        }
        self.0.push_back(decision);
    }

    /// The last decisions, newest first.
    pub fn newest(&self) -> impl Iterator<Item = &Decision> {
        self.0.iter().rev()
    }
}

#[cfg(test)]
mod tests {
    use super::{DECISIONS_MAX, Decision, Decisions};
    use holdfast_base::{ContactId, Mono, QueueName};
    use holdfast_config::Strategy;

    #[test]
    fn the_oldest_goes_when_the_ring_is_full() {
        let mut decisions = Decisions::default();
        for number in 0..=10_000 {
            decisions.push(Decision {
                at: Mono::from_micros(number),
                contact: ContactId(number),
                queue: QueueName::new("sales"),
                chosen: None,
                strategy: Strategy::LongestIdle,
                circle: 0,
                draw: None,
                candidates: Vec::new(),
                unlisted: 0,
            });
        }
        assert_eq!(decisions.newest().count(), DECISIONS_MAX);
        assert_eq!(
            decisions.newest().next().map(|decision| decision.contact),
            Some(ContactId(10_000))
        );
        assert_eq!(decisions.newest().last().map(|decision| decision.contact), Some(ContactId(1)));
    }
}
