//! Figures by interval, for a report: quarters of an hour added up over the intervals of the day at
//! the site, and said as JSON or CSV.

use holdfast_base::Wall;
use holdfast_config::Zone;
use jiff::Timestamp;
use jiff::civil::Time;
use jiff::tz::TimeZone;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use super::agents::AgentCounts;
use super::counts::{Counts, QUARTER_SECONDS};
use super::form::{AGENT_FIGURES, Figure, QUEUE_FIGURES};
use super::{Owned, Quarter};
use crate::record::event::Outcome;

/// Most intervals that are asked for at once: a month of quarters, eight years of days.
const INTERVALS_MAX: i64 = 3000;
/// Most rows of an answer: all of a month by the hour for thirty agents.
const ROWS_MAX: usize = 22_000;

/// What is asked for, as a person or a program writes it; what is empty is left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// A day, or a day and a time, on the clock of the site; midnight today when empty.
    pub from: String,
    /// The same; now when empty.
    pub until: String,
    /// `15m`, `30m`, `1h` or `1d`; an hour when empty.
    pub interval: String,
    /// `queue` or `agent`; queues when empty.
    pub by: String,
    /// The name of one.
    pub only: String,
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// From when; an interval that has begun before is left out.
    pub from: Wall,
    /// Up to when.
    pub until: Wall,
    /// How long an interval is.
    pub interval: Interval,
    /// Whose figures.
    pub by: By,
    /// Of one alone.
    pub only: Option<String>,
    /// Where the days are.
    pub zone: Zone,
}

/// Whose figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// Of queues.
    Queue,
    /// Of agents.
    Agent,
}

/// How long an interval is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interval {
    /// 15 minutes.
    Quarter,
    /// 30 minutes.
    Half,
    /// An hour on the clock of the site.
    Hour,
    /// From midnight to midnight of the site.
    Day,
}

impl Interval {
    /// Every interval with how it is written.
    pub const ALL: [(&str, Self); 4] =
        [("15m", Self::Quarter), ("30m", Self::Half), ("1h", Self::Hour), ("1d", Self::Day)];

    /// Reads one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().find(|(name, _)| *name == text).map(|(_, interval)| *interval)
    }

    const fn seconds(self) -> i64 {
        match self {
            Self::Quarter => QUARTER_SECONDS,
            Self::Half => 2 * QUARTER_SECONDS,
            Self::Hour => 4 * QUARTER_SECONDS,
            Self::Day => 96 * QUARTER_SECONDS,
        }
    }
}

/// Why a question is not answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unclear {
    /// This is no time.
    NoTime(String),
    /// This is no interval.
    NoInterval(String),
    /// Nothing has figures of this kind.
    NobodysFigures(String),
    /// The end does not lie behind the beginning.
    Backwards,
    /// So many intervals are too many.
    TooLong,
    /// The answer would have too many rows.
    TooMuch,
}

impl fmt::Display for Unclear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoTime(text) => {
                write!(f, "`{text}` is no time: write for example 2026-11-23 or 2026-11-23T08:00")
            }
            Self::NoInterval(text) => {
                write!(f, "`{text}` is no interval: write 15m, 30m, 1h or 1d")
            }
            Self::NobodysFigures(text) => {
                write!(f, "there are no figures by `{text}`: write queue or agent")
            }
            Self::Backwards => f.write_str("`until` does not lie behind `from`"),
            Self::TooLong => write!(
                f,
                "more than {INTERVALS_MAX} intervals: ask for a shorter time or longer intervals"
            ),
            Self::TooMuch => write!(
                f,
                "more than {ROWS_MAX} rows: ask for a shorter time, longer intervals or one name"
            ),
        }
    }
}

impl Question {
    /// Reads what is asked.
    ///
    /// # Errors
    /// What can not be read.
    pub fn read(asked: &Asked, zone: &Zone, now: Wall) -> Result<Self, Unclear> {
        let Asked { from, until, interval, by, only } = asked;
        let time = |text: &str| {
            // A day alone is its midnight.
            let whole = if text.contains('T') { text.to_owned() } else { format!("{text}T00:00") };
            zone.instant(&whole).ok_or_else(|| Unclear::NoTime(text.to_owned()))
        };
        Ok(Self {
            from: if from.is_empty() { zone.midnight(now) } else { time(from)? },
            until: if until.is_empty() { now } else { time(until)? },
            interval: match interval.as_str() {
                "" => Interval::Hour,
                text => Interval::parse(text).ok_or(Unclear::NoInterval(text.to_owned()))?,
            },
            by: match by.as_str() {
                "" | "queue" => By::Queue,
                "agent" => By::Agent,
                other => return Err(Unclear::NobodysFigures(other.to_owned())),
            },
            only: (!only.is_empty()).then(|| only.clone()),
            zone: zone.clone(),
        })
    }
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Whose figures.
    pub by: By,
    /// The zone of the site.
    pub zone: String,
    /// By name, and each by time.
    pub rows: Vec<Row>,
}

/// The figures of one queue or agent in one interval.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// The queue or agent.
    pub name: String,
    /// When the interval begins, in UTC.
    pub start: String,
    /// Day, date and time of that at the site.
    pub local: String,
    /// The figures by name; none where there is nothing to divide by.
    pub figures: BTreeMap<&'static str, Option<u64>>,
    /// Of a queue, how many contacts had each outcome.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub outcomes: BTreeMap<Outcome, u64>,
}

/// A report in the making: takes the quarters in any order, each once.
#[derive(Debug)]
pub struct Reporter {
    question: Question,
    rules: TimeZone,
    sums: BTreeMap<(String, i64), Sum>,
}

#[derive(Debug)]
enum Sum {
    Queue(Box<Counts>),
    Agent(AgentCounts),
}

impl Reporter {
    /// A report without figures yet.
    ///
    /// # Errors
    /// When so much can not be asked for.
    pub fn new(question: Question) -> Result<Self, Unclear> {
        let seconds = question.until.seconds().saturating_sub(question.from.seconds());
        if seconds <= 0 {
            return Err(Unclear::Backwards);
        }
        if seconds / question.interval.seconds() > INTERVALS_MAX {
            return Err(Unclear::TooLong);
        }
        let rules = question.zone.rules();
        Ok(Self { question, rules, sums: BTreeMap::new() })
    }

    /// The span whose quarters are wanted.
    #[must_use]
    pub const fn span(&self) -> Range<Wall> {
        self.question.from..self.question.until
    }

    /// Takes a quarter.
    ///
    /// # Errors
    /// When there are too many rows.
    pub fn take(&mut self, quarter: Quarter) -> Result<(), Unclear> {
        let Quarter { start, of } = quarter;
        let name = match (&of, self.question.by) {
            (Owned::Queue(name, _), By::Queue) => name.as_str(),
            (Owned::Agent(name, _), By::Agent) => name.as_str(),
            (Owned::Queue(..), By::Agent) | (Owned::Agent(..), By::Queue) => return Ok(()),
        };
        let other = self.question.only.as_deref().is_some_and(|only| only != name);
        if other || !self.span().contains(&start) {
            return Ok(());
        }
        let key = (name.to_owned(), self.begin_of(start));
        if self.sums.len() >= ROWS_MAX && !self.sums.contains_key(&key) {
            return Err(Unclear::TooMuch);
        }
        match of {
            Owned::Queue(_, counts) => {
                let sum = self.sums.entry(key).or_insert_with(|| Sum::Queue(Box::default()));
                if let Sum::Queue(sum) = sum {
                    sum.add(&counts);
                }
            }
            Owned::Agent(_, counts) => {
                let sum =
                    self.sums.entry(key).or_insert_with(|| Sum::Agent(AgentCounts::default()));
                if let Sum::Agent(sum) = sum {
                    sum.add(&counts);
                }
            }
        }
        Ok(())
    }

    /// When the interval of a quarter begins, in seconds of UTC. An hour that comes twice when
    /// clocks go back is two.
    fn begin_of(&self, start: Wall) -> i64 {
        let at = Timestamp::from_microsecond(start.micros()).unwrap_or_default();
        if self.question.interval == Interval::Day {
            let midnight = self.rules.to_datetime(at).date().to_datetime(Time::midnight());
            return self.rules.to_timestamp(midnight).map_or(start.seconds(), |it| it.as_second());
        }
        let offset = i64::from(self.rules.to_offset(at).seconds());
        let length = self.question.interval.seconds();
        (start.seconds() + offset).div_euclid(length) * length - offset
    }

    /// The report.
    #[must_use]
    pub fn finish(self) -> Report {
        let Question { by, zone, .. } = self.question;
        let row = |((name, begin), sum): ((String, i64), Sum)| {
            let begin = Wall::from_micros(begin.saturating_mul(1_000_000));
            let (start, local) = (begin.to_string(), zone.stamp(begin));
            let (figures, outcomes) = match sum {
                Sum::Queue(counts) => (figures(&QUEUE_FIGURES, &*counts), counts.outcomes),
                Sum::Agent(counts) => (figures(&AGENT_FIGURES, &counts), BTreeMap::new()),
            };
            Row { name, start, local, figures, outcomes }
        };
        let rows = self.sums.into_iter().map(row).collect();
        Report { by, zone: zone.name().to_owned(), rows }
    }
}

fn figures<C>(known: &[Figure<C>], counts: &C) -> BTreeMap<&'static str, Option<u64>> {
    known.iter().map(|figure| (figure.name, (figure.of)(counts))).collect()
}

impl By {
    /// The names of the figures with title and definition, in the order of a table.
    #[must_use]
    pub fn columns(self) -> Vec<[&'static str; 3]> {
        match self {
            Self::Queue => QUEUE_FIGURES.iter().map(|it| [it.name, it.title, it.says]).collect(),
            Self::Agent => AGENT_FIGURES.iter().map(|it| [it.name, it.title, it.says]).collect(),
        }
    }
}

impl Report {
    /// As comma-separated values (RFC 4180), a head and a line for each row. Names can hold neither
    /// comma nor quote.
    #[must_use]
    pub fn csv(&self) -> String {
        let names: Vec<&str> = self.by.columns().iter().map(|[name, ..]| *name).collect();
        let mut csv = format!("name,start,local,{}\r\n", names.join(","));
        for Row { name, start, local, figures, .. } in &self.rows {
            csv += &format!("{name},{start},{local}");
            for column in &names {
                csv.push(',');
                if let Some(Some(value)) = figures.get(column) {
                    csv += &value.to_string();
                }
            }
            csv += "\r\n";
        }
        csv
    }
}
