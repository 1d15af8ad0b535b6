//! The figures of the day: what callers and agents counted beside what the box counted.

use holdfast_base::CallId;
use holdfast_core::record::event::{Cdr, Outcome};
use holdfast_core::view::SiteView;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::agent::Report;
use crate::audio::Packets;
use crate::caller::{Testimony, Verdict};
use crate::config::LINES;

/// Everything that anybody can say about the day.
#[derive(Debug)]
pub struct Evidence {
    /// Of every caller.
    pub callers: Vec<Testimony>,
    /// Of every agent.
    pub agents: Vec<Report>,
    /// The last picture of the box.
    pub view: SiteView,
    /// Every CDR of the box.
    pub cdrs: BTreeMap<CallId, Cdr>,
    /// Whether midnight (UTC) passed, so that figures of "today" are not those of the whole run.
    pub midnight: bool,
    /// Callers and agents whose task failed, with the reason.
    pub failures: Vec<String>,
}

/// The summary of a run.
#[derive(Debug, Serialize)]
pub struct Summary {
    /// What the day was made from.
    pub seed: u64,
    /// How long callers came, in seconds.
    pub seconds: u64,
    calls: Calls,
    queues: Vec<QueueLine>,
    total: QueueLine,
    waits_of_callers: Waits,
    waits_of_cdrs: Waits,
    rtp: Rtp,
    sip: Sip,
    /// Invariants that do not hold; empty when all is well.
    pub broken: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Calls {
    by_callers: usize,
    by_agents_to_codes: u64,
    by_visitors: usize,
    counted_by_the_box: u64,
    cdrs: usize,
}

#[derive(Debug, Default, Serialize)]
struct QueueLine {
    queue: String,
    /// What the box says.
    offered: u64,
    outcomes: BTreeMap<Outcome, u64>,
    in_progress: u64,
    /// What the callers say.
    called: u64,
    talked: u64,
    gave_up: u64,
    let_go: u64,
    refused: u64,
}

#[derive(Debug, Default, Serialize)]
struct Waits {
    count: usize,
    mean_ms: u64,
    p95_ms: u64,
    max_ms: u64,
}

#[derive(Debug, Serialize)]
struct Rtp {
    endpoints: usize,
    callers: Packets,
    agents: Packets,
    /// Of the legs towards agents, as their CDRs say.
    box_from_agents: u64,
    box_to_agents: u64,
    box_lost_from_agents: u64,
}

#[derive(Debug, Serialize)]
struct Sip {
    received: u64,
    sent: u64,
    malformed: u64,
    left_before_on_disk: u64,
}

impl Summary {
    /// Adds everything up.
    pub fn of(evidence: &Evidence, seed: u64, seconds: u64, broken: Vec<String>) -> Self {
        let Evidence { callers, agents, view, cdrs, .. } = evidence;
        let queues: Vec<QueueLine> =
            LINES.iter().map(|line| QueueLine::of(evidence, line.queue)).collect();
        let mut total = QueueLine { queue: "total".to_owned(), ..QueueLine::default() };
        queues.iter().for_each(|line| total.add(line));
        let codes = agents.iter().map(|agent| agent.codes).sum();
        let known = callers.len() + usize::try_from(codes).unwrap_or(usize::MAX);
        let talked = callers.iter().filter(|it| matches!(it.verdict, Verdict::Talked(_)));
        let answered = cdrs.values().filter_map(|cdr| cdr.queue.as_ref());
        let answered = answered.filter(|part| part.outcome == Outcome::Answered);
        Self {
            seed,
            seconds,
            calls: Calls {
                by_callers: callers.len(),
                by_agents_to_codes: codes,
                by_visitors: cdrs.len().saturating_sub(known),
                counted_by_the_box: view.totals.calls,
                cdrs: cdrs.len(),
            },
            queues,
            total,
            waits_of_callers: Waits::of(talked.map(|it| millis(it.waited)).collect()),
            waits_of_cdrs: Waits::of(answered.map(|part| part.waited_ms).collect()),
            rtp: Rtp::of(evidence),
            sip: Sip {
                received: view.totals.sip_received,
                sent: view.totals.sip_sent,
                malformed: view.totals.sip_malformed,
                left_before_on_disk: view.totals.ungated,
            },
            broken,
        }
    }
}

impl QueueLine {
    fn of(evidence: &Evidence, queue: &str) -> Self {
        let figures = evidence.view.queues.iter().find(|view| view.name.as_str() == queue);
        let figures = figures.map(|view| view.today.clone()).unwrap_or_default();
        let callers = || evidence.callers.iter().filter(|caller| caller.queue == queue);
        let count = |is: fn(Verdict) -> bool| {
            u64::try_from(callers().filter(|it| is(it.verdict)).count()).unwrap_or(u64::MAX)
        };
        Self {
            queue: queue.to_owned(),
            offered: figures.offered,
            outcomes: figures.outcomes,
            in_progress: figures.in_progress,
            called: count(|_| true),
            talked: count(|it| matches!(it, Verdict::Talked(_))),
            gave_up: count(|it| it == Verdict::GaveUp),
            let_go: count(|it| it == Verdict::LetGo),
            refused: count(|it| matches!(it, Verdict::Refused(_))),
        }
    }

    fn add(&mut self, other: &Self) {
        self.offered += other.offered;
        self.in_progress += other.in_progress;
        for (outcome, count) in &other.outcomes {
            *self.outcomes.entry(*outcome).or_default() += count;
        }
        self.called += other.called;
        self.talked += other.talked;
        self.gave_up += other.gave_up;
        self.let_go += other.let_go;
        self.refused += other.refused;
    }
}

impl Waits {
    fn of(mut waits: Vec<u64>) -> Self {
        waits.sort_unstable();
        let count = waits.len();
        let sum: u64 = waits.iter().sum();
        // The smallest wait that at least 95 of 100 do not exceed.
        let place = (count * 95).div_ceil(100).saturating_sub(1);
        Self {
            count,
            mean_ms: sum.checked_div(u64::try_from(count).unwrap_or(0)).unwrap_or(0),
            p95_ms: waits.get(place).copied().unwrap_or(0),
            max_ms: waits.last().copied().unwrap_or(0),
        }
    }
}

impl Rtp {
    fn of(evidence: &Evidence) -> Self {
        let pickups = || evidence.agents.iter().flat_map(|agent| &agent.pickups);
        let sum =
            |all: &mut dyn Iterator<Item = Packets>| all.fold(Packets::default(), Packets::plus);
        let legs = || evidence.cdrs.values().flat_map(|cdr| &cdr.legs).filter_map(|leg| leg.media);
        Self {
            endpoints: evidence.callers.len() + pickups().count(),
            callers: sum(&mut evidence.callers.iter().map(|caller| caller.packets)),
            agents: sum(&mut pickups().map(|pickup| pickup.packets)),
            box_from_agents: legs().map(|media| media.received).sum(),
            box_to_agents: legs().map(|media| media.sent).sum(),
            box_lost_from_agents: legs().map(|media| media.lost).sum(),
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, seconds, calls, queues, total, rtp, sip, broken, .. } = self;
        writeln!(f, "\nThe day: {seconds} s of callers from seed {seed}.\n")?;
        writeln!(
            f,
            "{:<9}{:>8}{:>9}{:>11}{:>6}{:>12}   callers say: {:>6}{:>7}{:>8}{:>7}{:>8}",
            "",
            "offered",
            "answered",
            "abandoned",
            "other",
            "in progress",
            "called",
            "talked",
            "gave up",
            "let go",
            "refused"
        )?;
        for line in queues.iter().chain([total]) {
            let abandoned =
                line.sum(&[Outcome::Abandoned, Outcome::AbandonedShort, Outcome::AbandonedRinging]);
            let answered = line.sum(&[Outcome::Answered]);
            let all: u64 = line.outcomes.values().sum();
            writeln!(
                f,
                "{:<9}{:>8}{answered:>9}{abandoned:>11}{:>6}{:>12}{:>22}{:>7}{:>8}{:>7}{:>8}",
                line.queue,
                line.offered,
                all - answered - abandoned,
                line.in_progress,
                line.called,
                line.talked,
                line.gave_up,
                line.let_go,
                line.refused
            )?;
        }
        writeln!(f, "\nWaits of the answered, by the callers' ears: {}", self.waits_of_callers)?;
        writeln!(f, "                       by the box's CDRs: {}", self.waits_of_cdrs)?;
        let Calls { by_callers, by_agents_to_codes, by_visitors, counted_by_the_box, cdrs } = calls;
        writeln!(
            f,
            "Calls    {by_callers} by callers + {by_agents_to_codes} to duty codes + {by_visitors} \
             by visitors = {counted_by_the_box} by the box, {cdrs} CDRs"
        )?;
        writeln!(f, "Audio    {} endpoints", rtp.endpoints)?;
        writeln!(f, "         callers {}", rtp.callers)?;
        writeln!(f, "         agents  {}", rtp.agents)?;
        writeln!(
            f,
            "         box, legs to agents: received {}, sent {}, lost {}",
            rtp.box_from_agents, rtp.box_to_agents, rtp.box_lost_from_agents
        )?;
        writeln!(
            f,
            "SIP      box received {}, sent {}, malformed {}, left before on disk {}",
            sip.received, sip.sent, sip.malformed, sip.left_before_on_disk
        )?;
        if broken.is_empty() {
            return writeln!(f, "\nEvery invariant holds.");
        }
        writeln!(f, "\nBROKEN:")?;
        broken.iter().try_for_each(|what| writeln!(f, "  {what}"))
    }
}

impl QueueLine {
    fn sum(&self, outcomes: &[Outcome]) -> u64 {
        outcomes.iter().filter_map(|outcome| self.outcomes.get(outcome)).sum()
    }
}

impl fmt::Display for Waits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { count, mean_ms, p95_ms, max_ms } = self;
        write!(f, "{count} of mean {mean_ms} ms, p95 {p95_ms} ms, max {max_ms} ms")
    }
}

impl fmt::Display for Packets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sent, received, lost, new_sources } = self;
        write!(f, "sent {sent}, received {received}, lost {lost}, changes of source {new_sources}")
    }
}

/// Whole milliseconds.
pub fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
