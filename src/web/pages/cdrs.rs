//! The last call detail records.

use holdfast_core::record::event::{
    Cdr, EndedBy, ExitPart, LedTo, NotLedOn, Outcome, TransferKind, TransferOutcome, TransferPart,
};
use holdfast_core::view::SiteView;
use maud::{Markup, html};

use super::calls::mos;
use super::icon::Mood;
use super::text::{cut, name};
use super::times::{between_ms, clock_time, span};
use crate::shown::{dialled, from};

/// Records written out. The API has what the picture holds.
const CDRS_SHOWN_MAX: usize = 50;

/// The fragment.
pub(crate) fn fragment(view: &SiteView) -> Markup {
    html! {
        @if view.cdrs.is_empty() {
            p.none { "No call has ended yet. The record of each call appears here when it is over." }
        } @else {
            table.cdrs {
                thead {
                    tr {
                        th scope="col" { "Arrived" }
                        th scope="col" { "From" }
                        th scope="col" { "Dialled" }
                        th scope="col" { "Queue" }
                        th scope="col" { "How it ended" }
                        th scope="col" { "Agent" }
                        th.right scope="col" { "Waited" }
                        th.right scope="col" { "Talked" }
                        th.right scope="col" { "In all" }
                        th scope="col" { "Heard" }
                    }
                }
                tbody { @for cdr in view.cdrs.iter().take(CDRS_SHOWN_MAX) { (row(cdr, view)) } }
            }
        }
    }
}

fn row(cdr: &Cdr, view: &SiteView) -> Markup {
    let queue = cdr.queue.as_ref();
    let agent = queue.and_then(|part| part.agent.as_ref()).map(|agent| {
        let known = view.agents.iter().find(|known| known.name == *agent);
        known.map_or(agent.as_str(), |known| known.display.as_str())
    });
    // A phone that only rang has sent nothing that could be judged.
    let talked_on = cdr.legs.iter().filter(|leg| leg.answered.is_some());
    let worst = talked_on.filter_map(|leg| leg.media).map(|media| media.mos_centi).min();
    html! {
        tr #{ "cdr-" (cdr.call) } {
            td data-label="Arrived" {
                a href={ "/calls/" (cdr.call.0) } {
                    (clock_time(cdr.arrived)) span.hidden { ": what was said" }
                }
            }
            td.number data-label="From" { (name(&from(cdr))) }
            td.number data-label="Dialled" {
                (name(&dialled(cdr)))
                @if cdr.emergency { " " (Mood::Bad.word("emergency")) }
                @if cdr.transcoded { span.dim { "transcoded" } }
            }
            td data-label="Queue" { (or_dash(queue.map(|part| part.queue.as_str()))) }
            td.end data-label="Ended" {
                (end(cdr))
                @for exit in &cdr.exits { span.dim { (led_on(exit)) } }
                @for transfer in &cdr.transfers { span.dim { (transferred(transfer)) } }
            }
            td data-label="Agent" { (or_dash(agent)) }
            td.right data-label="Waited" {
                (or_dash(queue.map(|part| span(part.waited_ms)).as_deref()))
            }
            td.right data-label="Talked" { (or_dash(talked(cdr).map(span).as_deref())) }
            td.right data-label="In all" { (span(between_ms(cdr.arrived, cdr.ended))) }
            td data-label="Heard" {
                @match worst { Some(centi) => (mos(centi)), None => (or_dash(None)) }
            }
        }
    }
}

fn or_dash(text: Option<&str>) -> Markup {
    match text {
        Some(text) => name(text),
        None => html! { span.dim { "\u{2013}" } },
    }
}

fn talked(cdr: &Cdr) -> Option<u64> {
    let answered_leg = cdr.legs.iter().find_map(|leg| leg.answered);
    match &cdr.queue {
        Some(part) => part.agent.is_some().then_some(part.talked_ms),
        None => answered_leg.map(|answered| between_ms(answered, cdr.ended)),
    }
}

/// How the call ended, in the words of the queue if it was in one.
fn end(cdr: &Cdr) -> Markup {
    match (&cdr.queue, cdr.status) {
        (Some(part), _status) => {
            let (mood, word) = outcome(part.outcome);
            mood.word(word)
        }
        (None, Some(status)) => Mood::Warn.word(&format!("not answered, {status}, {}", by(cdr.by))),
        (None, None) => Mood::Good.word(by(cdr.by)),
    }
}

/// One place that a queue led it on to, in a sentence.
fn led_on(exit: &ExitPart) -> String {
    let ExitPart { queue, outcome: _, waited_ms: _, to, why_not } = exit;
    let to = match to {
        LedTo::Queue(next) => format!("queue {}", cut(next.as_str())),
        LedTo::Agent(agent) => format!("agent {}", cut(agent.as_str())),
        LedTo::Number(number) => cut(&number.masked()).to_string(),
        LedTo::Announcement(clip) => format!("announcement {}", cut(clip)),
    };
    let went = match why_not {
        None => String::new(),
        Some(NotLedOn::Closed) => " (closed)".to_owned(),
        Some(NotLedOn::Full) => " (full)".to_owned(),
        Some(NotLedOn::Empty) => " (nobody there)".to_owned(),
        Some(NotLedOn::Gone) => " (no longer configured)".to_owned(),
        Some(NotLedOn::GoesRound) => " (has just come from there)".to_owned(),
        Some(NotLedOn::Away) => " (not free)".to_owned(),
        Some(NotLedOn::Refused(status)) => format!(" (refused, {status})"),
        Some(NotLedOn::NoAnswer) => " (no answer)".to_owned(),
        Some(NotLedOn::Unreachable) => " (not to be reached)".to_owned(),
        Some(NotLedOn::CallerLeft) => " (caller left)".to_owned(),
        Some(NotLedOn::LostInCrash) => " (lost in a crash)".to_owned(),
    };
    format!(" from {} to {to}{went}", cut(queue.as_str()))
}

/// One transfer, in a sentence.
fn transferred(transfer: &TransferPart) -> String {
    let TransferPart { by, to, kind, asked: _, outcome } = transfer;
    let how = match kind {
        TransferKind::Blind => "transferred",
        TransferKind::Attended => "connected",
        TransferKind::Replaced => "replaced",
    };
    let went = match outcome {
        TransferOutcome::Joined => String::new(),
        TransferOutcome::Failed(status) => format!(" (failed, {status})"),
        TransferOutcome::Abandoned => " (given up)".to_owned(),
    };
    format!(" {how} by {} to {}{went}", cut(&by.masked()), cut(&to.masked()))
}

const fn outcome(outcome: Outcome) -> (Mood, &'static str) {
    match outcome {
        Outcome::Answered => (Mood::Good, "answered"),
        Outcome::AbandonedShort => (Mood::Off, "hung up at once"),
        Outcome::Abandoned => (Mood::Warn, "hung up waiting"),
        Outcome::AbandonedRinging => (Mood::Warn, "hung up while it rang"),
        Outcome::OverflowFull => (Mood::Warn, "queue was full"),
        Outcome::OverflowTime => (Mood::Warn, "waited too long"),
        Outcome::OverflowEmpty => (Mood::Warn, "nobody was there"),
        Outcome::Closed => (Mood::Off, "queue was closed"),
        Outcome::Pulled => (Mood::Off, "ended on the page"),
        Outcome::SystemFailed => (Mood::Bad, "fault of the box"),
        Outcome::LostInCrash => (Mood::Bad, "lost in a crash"),
    }
}

const fn by(by: EndedBy) -> &'static str {
    match by {
        EndedBy::Caller => "caller hung up",
        EndedBy::Callee => "called party hung up",
        EndedBy::Box => "ended by the box",
        EndedBy::Operator => "ended on the page",
        EndedBy::Transfer => "went on in another call",
        EndedBy::Network => "network failed",
        EndedBy::Preempted => "ended for an emergency call",
        EndedBy::Crash => "lost in a crash",
    }
}
