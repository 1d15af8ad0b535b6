//! Where an agent stands among the members of one queue.

use holdfast_config::{Distribution, Skill};
use std::sync::Arc;

/// The seat of one agent in one queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seat {
    /// The place among the members.
    pub place: usize,
    /// In which circle; of somebody whom no circle takes, a skill that is wanting for the widest.
    pub standing: Result<Standing, Arc<str>>,
}

/// How early an agent is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Standing {
    /// The innermost circle that takes the agent.
    pub circle: usize,
    /// What the skills are worth there; the smaller comes first.
    pub fit: i64,
}

impl Seat {
    /// The seat of somebody with these skills.
    #[must_use]
    pub fn of(place: usize, skills: &[Skill], distribution: &Distribution) -> Self {
        let Some(circle) = distribution.circle_of(skills) else {
            let needs = distribution.circles.iter().flat_map(|circle| &circle.needs);
            let wanting = needs.rev().find(|need| !need.is_met(skills));
            let skill = wanting.map_or("", |need| &need.skill);
            return Self { place, standing: Err(Arc::from(skill)) };
        };
        let fit = distribution.fit_of(circle, skills);
        Self { place, standing: Ok(Standing { circle, fit }) }
    }
}
