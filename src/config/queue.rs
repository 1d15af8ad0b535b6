//! A queue: whose calls, which agents, in which order they are called, and how callers are treated.
//!
//! Two questions are kept apart: who comes first ([`Strategy`]) and how many are called at once
//! (`at_once`, `add_every`). Skills stand in circles: the first is open at once, each further one
//! opens after its own time of waiting.

use std::time::Duration;

use holdfast_base::limits::CONTACTS_MAX;
use holdfast_base::{AgentName, CalendarName, QueueName};
use serde::{Deserialize, Serialize};
use toml::de::DeValue;

use crate::defaults;
use crate::finding::Wrong;
use crate::kind::{self, Read};
use crate::overflow::{self, Overflow};
use crate::recording;
use crate::section::Section;

/// A queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queue {
    /// Its name; also dialled as such.
    pub name: QueueName,
    /// Shown on the page and to agents.
    pub display: String,
    /// Agents in order.
    pub members: Vec<AgentName>,
    /// When callers are taken; none is always.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calendar: Option<CalendarName>,
    /// Who is called for whom.
    #[serde(default)]
    pub distribution: Distribution,
    /// How long an agent's phone may alert (QUEUEING.md 2.3: default 18 s).
    pub alert: Duration,
    /// Wrap-up time after a call (QUEUEING.md 2.4).
    pub wrap_up: Duration,
    /// How long an agent who did not answer is left alone.
    pub rona_block: Duration,
    /// Calls not answered in a row until the agent is taken off duty.
    pub rona_limit: u32,
    /// Whether the last selectable agent is kept on duty all the same.
    pub keep_last_agent: bool,
    /// Points added to the rank score of callers of this queue; one point weighs `point`.
    pub priority: u32,
    /// What one priority point weighs, as waiting time.
    pub point: Duration,
    /// Most contacts waiting; more are led on, or sent away with 486 before they are answered.
    pub length_max: u32,
    /// Longest wait; then the contact leaves with outcome `overflow_time`. None is no limit.
    pub wait_max: Option<Duration>,
    /// Who is let in, and where everybody else is led on to.
    #[serde(default)]
    pub overflow: Overflow,
    /// Abandoned before this does not count as abandoned.
    pub short_abandon: Duration,
    /// Answered within this counts for the service level.
    pub service_level: Duration,
    /// Clip played first.
    pub greeting: Option<String>,
    /// Clip repeated while waiting.
    pub music: Option<String>,
    /// How often the position is said; none is never.
    pub position_every: Option<Duration>,
    /// Whether its conversations are recorded.
    #[serde(default)]
    pub recording: recording::OfQueue,
}

/// Who is called for whom, and how many at once (QUEUEING.md 2.5).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Distribution {
    /// Who of those who could take a call is called first.
    pub strategy: Strategy,
    /// How many are called at once for one caller.
    pub at_once: u32,
    /// Begins with one and adds another each time this has passed; none calls all at once.
    pub add_every: Option<Duration>,
    /// Whoever talked with the same caller within so long comes first; none is nobody.
    pub prefer_last: Option<Duration>,
    /// How long a caller waits for that one alone, while that one is busy.
    pub wait_for_last: Duration,
    /// Who of those with the skills wanted comes first.
    pub fit: Fit,
    /// Which skills are wanted after which wait, widest last; everybody will do when empty.
    pub circles: Vec<Circle>,
}

impl Default for Distribution {
    fn default() -> Self {
        Self {
            strategy: defaults::STRATEGY,
            at_once: defaults::AT_ONCE,
            add_every: None,
            prefer_last: None,
            wait_for_last: Duration::ZERO,
            fit: defaults::FIT,
            circles: Vec::new(),
        }
    }
}

/// Who comes first among those who could take a call. Ties go to the place among the members.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// Whose last call and its wrap-up are over the longest.
    LongestIdle,
    /// Who has been free the longest; a call not answered begins it anew.
    LongestAvailable,
    /// In turn, beginning behind the one who was called last in this queue.
    RoundRobin,
    /// As the members stand; each call begins with the first.
    Linear,
    /// As the members stand; each call goes on behind the one who was called last for it.
    TopDown,
    /// Who has answered the fewest calls since midnight at the site.
    FewestCalls,
    /// Who has talked least in the last hour.
    LeastTalk,
    /// Who has talked and wrapped up least in the last hour.
    LeastOccupied,
    /// By lot.
    Random,
    /// By lot; who has twice the weight is drawn twice as often.
    Weighted,
    /// Nobody is called: an agent takes a waiting call.
    Pickup,
}

/// Every strategy with how it is written.
const STRATEGIES: [(&str, Strategy); 11] = [
    ("longest-idle", Strategy::LongestIdle),
    ("longest-available", Strategy::LongestAvailable),
    ("round-robin", Strategy::RoundRobin),
    ("linear", Strategy::Linear),
    ("top-down", Strategy::TopDown),
    ("fewest-calls", Strategy::FewestCalls),
    ("least-talk", Strategy::LeastTalk),
    ("least-occupied", Strategy::LeastOccupied),
    ("random", Strategy::Random),
    ("weighted", Strategy::Weighted),
    ("pickup", Strategy::Pickup),
];

/// Who of those with the skills wanted comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fit {
    /// Who has the most of them.
    MostSkilled,
    /// Who has the least of them that will do: experts are kept for the calls that need them.
    LeastSkilled,
    /// The strategy alone decides.
    Any,
}

/// Who may be called after a time of waiting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Circle {
    /// When it opens: so long after the caller has come into the queue, or at once when nobody of
    /// the circle before is on duty.
    pub after: Duration,
    /// What an agent has to be able to do; nothing is everybody.
    pub needs: Vec<Need>,
    /// How many are called at once as long as it is the widest that is open.
    pub at_once: Option<u32>,
}

/// A skill that is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Need {
    /// Its name.
    pub skill: String,
    /// The least level.
    pub level: u8,
    /// How much it counts when those who have it are compared.
    pub weight: u32,
}

/// What an agent can do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skill {
    /// Its name.
    pub skill: String,
    /// How well, up to [`LEVEL_MAX`].
    pub level: u8,
}

/// The best that anybody can do something (QUEUEING.md 2.2).
pub const LEVEL_MAX: u8 = 100;
/// A day and a night of head start at one second a point.
const PRIORITY_MAX: u32 = 86_400;
/// Most agents that are called at once for one caller: each takes an INVITE and a pair of ports.
pub(crate) const AT_ONCE_MAX: u32 = 20;
/// Far more than a level of difference could make up for.
const NEED_WEIGHT_MAX: u32 = 1000;

/// Reads `[[queue]]`.
pub(crate) fn read(section: &mut Section<'_, '_, '_>) -> Option<Queue> {
    let name = section.must("name", kind::name, "\"welcome\"");
    let display = section.may("display", kind::text);
    let named = name.clone().unwrap_or_default();
    let clip = |clip: &str| Some(clip.to_owned());
    let length = kind::whole(1, u32::try_from(CONTACTS_MAX).unwrap_or(u32::MAX));
    let queue = Queue {
        name: QueueName::new(&named),
        display: display.unwrap_or(named),
        members: section.list("members", agent_name),
        calendar: section.may("calendar", kind::name).map(|name| CalendarName::new(&name)),
        distribution: distribution(section),
        alert: section.or("alert", kind::some_duration, defaults::ALERT),
        wrap_up: section.or("wrap_up", kind::duration, defaults::WRAP_UP),
        rona_block: section.or("rona_block", kind::some_duration, defaults::RONA_BLOCK),
        rona_limit: section.or("rona_limit", kind::whole(1, 100), defaults::RONA_LIMIT),
        keep_last_agent: section.or("keep_last_agent", kind::flag, defaults::KEEP_LAST_AGENT),
        priority: section.or("priority", kind::whole(0, PRIORITY_MAX), defaults::PRIORITY),
        point: section.or("point", kind::some_duration, defaults::POINT),
        length_max: section.or("length_max", length, defaults::LENGTH_MAX),
        wait_max: section.or("wait_max", kind::duration_or_never, defaults::WAIT_MAX),
        overflow: overflow::read(section),
        short_abandon: section.or("short_abandon", kind::duration, defaults::SHORT_ABANDON),
        service_level: section.or("service_level", kind::some_duration, defaults::SERVICE_LEVEL),
        greeting: section.or("greeting", kind::text_or_none, clip(defaults::GREETING)),
        music: section.or("music", kind::text_or_none, clip(defaults::MUSIC)),
        position_every: section.or(
            "position_every",
            kind::duration_or_never,
            Some(defaults::POSITION_EVERY),
        ),
        recording: recording::of_queue(section),
    };
    name.map(|_| queue)
}

fn distribution(section: &mut Section<'_, '_, '_>) -> Distribution {
    let default = Distribution::default();
    Distribution {
        strategy: section.or("strategy", strategy, default.strategy),
        at_once: section.or("at_once", kind::whole(1, AT_ONCE_MAX), default.at_once),
        add_every: section.or("add_every", kind::duration_or_never, default.add_every),
        prefer_last: section.or("prefer_last", kind::duration_or_never, default.prefer_last),
        wait_for_last: section.or("wait_for_last", kind::duration, default.wait_for_last),
        fit: section.or("fit", fit, default.fit),
        circles: section.tables("circle", circle).unwrap_or_default(),
    }
}

fn circle(section: &mut Section<'_, '_, '_>) -> Option<Circle> {
    Some(Circle {
        after: section.or("after", kind::duration, Duration::ZERO),
        needs: section.tables("needs", need).unwrap_or_default(),
        at_once: section.may("at_once", kind::whole(1, AT_ONCE_MAX)),
    })
}

fn need(section: &mut Section<'_, '_, '_>) -> Option<Need> {
    let skill = section.must("skill", kind::name, "\"french\"");
    let level = section.or("level", kind::whole(1, LEVEL_MAX), defaults::NEED_LEVEL);
    let weight = section.or("weight", kind::whole(0, NEED_WEIGHT_MAX), defaults::NEED_WEIGHT);
    Some(Need { skill: skill?, level, weight })
}

/// Reads one of the `skills` of an agent.
pub(crate) fn skill(section: &mut Section<'_, '_, '_>) -> Option<Skill> {
    let skill = section.must("skill", kind::name, "\"french\"");
    let level = section.or("level", kind::whole(1, LEVEL_MAX), LEVEL_MAX);
    Some(Skill { skill: skill?, level })
}

fn agent_name(value: &DeValue<'_>) -> Read<AgentName> {
    kind::name(value).map(|name| AgentName::new(&name))
}

fn strategy(value: &DeValue<'_>) -> Read<Strategy> {
    one_of(value, "way to choose an agent", &STRATEGIES)
}

fn fit(value: &DeValue<'_>) -> Read<Fit> {
    let fits = [
        ("most-skilled", Fit::MostSkilled),
        ("least-skilled", Fit::LeastSkilled),
        ("any", Fit::Any),
    ];
    one_of(value, "order of those with the skills", &fits)
}

/// The thing of this name among `known`.
pub(crate) fn one_of<T: Copy>(value: &DeValue<'_>, what: &str, known: &[(&str, T)]) -> Read<T> {
    let text = kind::text(value)?;
    let found = known.iter().find(|(name, _)| *name == text).map(|(_, thing)| *thing);
    found.ok_or_else(|| {
        let names: Vec<String> = known.iter().map(|(name, _)| format!("\"{name}\"")).collect();
        Wrong::new(format!("`{text}` is no {what}"), format!("write {}", names.join(", ")))
    })
}

impl Strategy {
    /// As it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        STRATEGIES.iter().find(|(_, strategy)| *strategy == self).map_or("", |(name, _)| name)
    }
}

impl Distribution {
    /// How many are called at once for one caller, when the widest open circle is `circle`.
    #[must_use]
    pub fn at_once_in(&self, circle: usize) -> u32 {
        let own = self.circles.get(circle).and_then(|circle| circle.at_once);
        own.unwrap_or(self.at_once)
    }

    /// Whether several may be called at once for one caller: then nobody of them misses a call
    /// that nobody answers.
    #[must_use]
    pub fn calls_several(&self) -> bool {
        self.at_once > 1 || self.circles.iter().any(|circle| circle.at_once.unwrap_or(1) > 1)
    }

    /// The innermost circle that takes an agent with these skills; none takes nobody. Without
    /// circles everybody stands in the first.
    #[must_use]
    pub fn circle_of(&self, skills: &[Skill]) -> Option<usize> {
        if self.circles.is_empty() {
            return Some(0);
        }
        self.circles.iter().position(|circle| circle.needs.iter().all(|need| need.is_met(skills)))
    }

    /// What the skills of an agent are worth in the circle that it stands in: Σ weight × level of
    /// those wanted (QUEUEING.md 2.5); the smaller comes first.
    #[must_use]
    pub fn fit_of(&self, circle: usize, skills: &[Skill]) -> i64 {
        let needs = self.circles.get(circle).map(|circle| circle.needs.as_slice());
        let worth = |need: &Need| i64::from(need.weight) * i64::from(level_of(skills, &need.skill));
        let sum: i64 = needs.unwrap_or_default().iter().map(worth).sum();
        match self.fit {
            Fit::MostSkilled => -sum,
            Fit::LeastSkilled => sum,
            Fit::Any => 0,
        }
    }
}

impl Need {
    /// Whether somebody with these skills can do it.
    #[must_use]
    pub fn is_met(&self, skills: &[Skill]) -> bool {
        level_of(skills, &self.skill) >= self.level
    }
}

/// The level in one of these skills; 0 without it.
fn level_of(skills: &[Skill], name: &str) -> u8 {
    skills.iter().find(|known| known.skill == name).map_or(0, |known| known.level)
}
