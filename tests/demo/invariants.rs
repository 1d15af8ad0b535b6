//! What must hold after every day, call by call and in sum. Each fault is one sentence.

use holdfast_core::record::event::{Cdr, Outcome};
use holdfast_core::view::QueueView;
use std::collections::BTreeMap;
use std::time::Duration;

use crate::agent::Pickup;
use crate::audio::{Packets, Voice};
use crate::caller::{Testimony, Verdict};
use crate::config::AGENTS;
use crate::summary::{Evidence, millis};

/// How far a caller's ear and the box may differ about a wait: the gate of the log (50 ms), three
/// packets to know a voice (60 ms), and a machine with other work.
const WAIT_TOLERANCE_MS: u64 = 500;
/// A talk at least this long must be heard on both sides.
const AUDIBLE: Duration = Duration::from_secs(1);
/// So many packets at least, with all holds left aside: half a second.
const AUDIBLE_PACKETS: u64 = 25;
/// An answer and a hang-up within this time cross on the line, and the box may see either first.
const CROSSING: Duration = Duration::from_millis(500);

/// Everything that does not hold.
pub fn broken(evidence: &Evidence) -> Vec<String> {
    let mut faults = evidence.failures.clone();
    faults.extend(evidence.callers.iter().flat_map(|caller| caller.complaints.clone()));
    faults.extend(evidence.agents.iter().flat_map(|agent| agent.complaints.clone()));
    calls(evidence, &mut faults);
    for caller in &evidence.callers {
        audio(&caller.user, caller.packets, &mut faults);
        if matches!(caller.verdict, Verdict::Talked(_)) {
            heard(&caller.user, caller.talked, caller.agent_packets, &mut faults);
        }
    }
    for pickup in evidence.agents.iter().flat_map(|agent| &agent.pickups) {
        let party = format!("the agent of {}", pickup.user);
        audio(&party, pickup.packets, &mut faults);
        heard(&party, pickup.talked, pickup.caller_packets, &mut faults);
        if !pickup.acknowledged {
            faults.push(format!("{party}: answered and never acknowledged"));
        }
    }
    for queue in &evidence.view.queues {
        figures(evidence, queue, &mut faults);
    }
    leftovers(evidence, &mut faults);
    faults
}

/// Every call has one CDR, and it tells what its caller lived.
fn calls(evidence: &Evidence, faults: &mut Vec<String>) {
    let mut by_user: BTreeMap<&str, Vec<&Cdr>> = BTreeMap::new();
    for cdr in evidence.cdrs.values() {
        by_user.entry(&cdr.from.0).or_default().push(cdr);
    }
    let pickups: Vec<&Pickup> = evidence.agents.iter().flat_map(|agent| &agent.pickups).collect();
    for caller in &evidence.callers {
        let pickups = || pickups.iter().filter(|pickup| pickup.user == caller.user);
        match by_user.get(caller.user.as_str()).map(Vec::as_slice) {
            Some([cdr]) => {
                let crossed = pickups().any(|pickup| pickup.talked < CROSSING);
                one_call(caller, cdr, crossed, faults);
            }
            Some(many) => faults.push(format!("{}: {} CDRs", caller.user, many.len())),
            None => faults.push(format!("{}: no CDR", caller.user)),
        }
        if pickups().count() > 1 {
            faults.push(format!("{}: answered by {} agents", caller.user, pickups().count()));
        }
    }
    let totals = &evidence.view.totals;
    let cdrs = u64::try_from(evidence.cdrs.len()).unwrap_or(u64::MAX);
    if totals.calls != cdrs || totals.cdrs != cdrs {
        faults.push(format!(
            "the box counts {} calls and {} CDRs, {cdrs} CDRs were seen",
            totals.calls, totals.cdrs
        ));
    }
    let codes: u64 = evidence.agents.iter().map(|agent| agent.codes).sum();
    let to_codes = evidence.cdrs.values().filter(|cdr| cdr.dialled.0.starts_with('*')).count();
    // A challenged INVITE is no call yet, so each code is one CDR.
    if u64::try_from(to_codes).ok() != Some(codes) {
        faults.push(format!("agents dialled {codes} codes, {to_codes} CDRs tell of them"));
    }
}

fn one_call(caller: &Testimony, cdr: &Cdr, crossed: bool, faults: &mut Vec<String>) {
    let Testimony { user, verdict, waited, queue, .. } = caller;
    let part = cdr.queue.as_ref();
    if part.is_some_and(|part| part.queue.as_str() != *queue) {
        faults.push(format!("{user}: called {queue}, the CDR names another queue"));
    }
    let outcome = part.map(|part| part.outcome);
    let agrees = match (verdict, outcome) {
        (Verdict::Talked(voice), Some(Outcome::Answered)) => {
            let agent = part.and_then(|part| part.agent.as_ref());
            let place =
                agent.and_then(|agent| AGENTS.iter().position(|(name, _)| *name == agent.as_str()));
            place.map(Voice::of_agent) == Some(*voice)
        }
        (
            Verdict::GaveUp,
            Some(Outcome::Abandoned | Outcome::AbandonedShort | Outcome::AbandonedRinging),
        )
        | (Verdict::LetGo, Some(Outcome::Pulled | Outcome::OverflowTime))
        | (Verdict::Refused(486), Some(Outcome::OverflowFull)) => true,
        (Verdict::GaveUp, Some(Outcome::Answered)) => crossed,
        (
            Verdict::Talked(_) | Verdict::GaveUp | Verdict::LetGo | Verdict::Refused(_),
            Some(_) | None,
        ) => false,
    };
    if !agrees {
        let agent = part.and_then(|part| part.agent.clone());
        faults.push(format!(
            "{user}: lived {verdict:?} after {} ms, its CDR says {outcome:?} by {agent:?}, {:?}",
            millis(*waited),
            cdr.by
        ));
    }
    if let (Verdict::Talked(_), Some(part)) = (verdict, part)
        && millis(*waited).abs_diff(part.waited_ms) > WAIT_TOLERANCE_MS
    {
        let (ear, told) = (millis(*waited), part.waited_ms);
        faults.push(format!("{user}: waited {ear} ms, its CDR says {told} ms"));
    }
}

fn audio(party: &str, packets: Packets, faults: &mut Vec<String>) {
    if packets.lost > 0 {
        faults.push(format!("{party}: {} RTP packets never came", packets.lost));
    }
    if packets.new_sources > 0 {
        faults.push(format!("{party}: the box changed its RTP source {}x", packets.new_sources));
    }
}

fn heard(party: &str, talked: Duration, packets: u64, faults: &mut Vec<String>) {
    if talked >= AUDIBLE && packets < AUDIBLE_PACKETS {
        let ms = millis(talked);
        faults.push(format!("{party}: talked {ms} ms and heard {packets} packets of the other"));
    }
}

/// The page's figures of a queue are the sum of its CDRs, and they add up.
fn figures(evidence: &Evidence, queue: &QueueView, faults: &mut Vec<String>) {
    let mut told: BTreeMap<Outcome, u64> = BTreeMap::new();
    let parts = evidence.cdrs.values().filter_map(|cdr| cdr.queue.as_ref());
    for part in parts.filter(|part| part.queue == queue.name) {
        *told.entry(part.outcome).or_default() += 1;
    }
    let today = &queue.today;
    if !evidence.midnight && told != today.outcomes {
        let says = &today.outcomes;
        faults.push(format!("{}: the page says {says:?}, its CDRs say {told:?}", queue.name));
    }
    let left: u64 = today.outcomes.values().sum();
    if today.offered != left + today.in_progress {
        faults.push(format!(
            "{}: {} offered, {left} left and {} in progress",
            queue.name, today.offered, today.in_progress
        ));
    }
    let failed = [Outcome::SystemFailed, Outcome::LostInCrash];
    for (outcome, count) in today.outcomes.iter().filter(|(outcome, _)| failed.contains(outcome)) {
        faults.push(format!("{}: {count} callers lost by {outcome:?}", queue.name));
    }
}

/// Nothing outlives its call.
fn leftovers(evidence: &Evidence, faults: &mut Vec<String>) {
    let view = &evidence.view;
    let waiting: usize = view.queues.iter().map(|queue| queue.waiting.len()).sum();
    let left = [
        ("calls", u64::try_from(view.calls.len()).unwrap_or(u64::MAX)),
        ("waiting callers", u64::try_from(waiting).unwrap_or(u64::MAX)),
        ("legs", view.totals.live_legs),
        ("streams", view.totals.live_streams),
        ("deadlines that were forced", view.totals.reaper_fixups),
        ("datagrams that were not SIP", view.totals.sip_malformed),
    ];
    for (what, count) in left.into_iter().filter(|(_, count)| *count > 0) {
        faults.push(format!("the box at the end: {count} {what}"));
    }
}
