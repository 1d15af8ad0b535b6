//! The figures that people read, each with its name, its definition and its formula (QUEUEING.md
//! 2.12). Page, CSV and API take them from here, so a figure means the same everywhere.
//!
//! All are whole numbers, shares in thousandths rounded down: the same log gives the same bytes.

use super::agents::AgentCounts;
use super::counts::{Class, Counts};
use crate::record::event::OfferEnd;

/// A figure of some counts.
pub struct Figure<C: 'static> {
    /// Its name, which ends with its unit unless it is a number of things.
    pub name: &'static str,
    /// For the head of a table.
    pub title: &'static str,
    /// What it is, for people.
    pub says: &'static str,
    /// What it comes to; none where there is nothing to divide by.
    pub of: fn(&C) -> Option<u64>,
}

/// The figures of queues.
pub const QUEUE_FIGURES: [Figure<Counts>; 24] = [
    count("offered", "Offered", "O: contacts that entered the queue", |it| Some(it.offered)),
    count("answered", "Answered", "A: an agent talked with the caller", |it| {
        Some(it.of(Class::Answered))
    }),
    count("abandoned", "Abandoned", "B: the caller left while waiting", |it| {
        Some(it.of(Class::Abandoned))
    }),
    count("abandoned_short", "Short", "Bs: of these, within the short threshold", |it| {
        Some(it.abandoned_short)
    }),
    count("flowed_out", "Led on", "F: led elsewhere by a rule of the queue", |it| {
        Some(it.of(Class::FlowedOut))
    }),
    count(
        "aside",
        "Aside",
        "came while closed, or ended by a person on the page or a fault of the box",
        |it| Some(it.of(Class::Aside)),
    ),
    count("in_progress", "Waiting", "offered, and without an outcome yet", |it| {
        Some(it.offered.saturating_sub(it.over()))
    }),
    Figure {
        name: "service_level_permille",
        title: "In time",
        says: "At / (A + B - Bs + F): answered within the level, of all but short abandons",
        of: |it| service_level(it).map(u64::from),
    },
    Figure {
        name: "service_level_of_answered_permille",
        title: "In time of answered",
        says: "At / A",
        of: |it| permille(it.answered_in_level, it.of(Class::Answered)),
    },
    Figure {
        name: "service_level_with_abandoned_permille",
        title: "In time or gone",
        says: "(At + Bt + Bs) / (A + B): answered or abandoned within the level",
        of: |it| {
            let early = it.answered_in_level + it.abandoned_in_level + it.abandoned_short;
            permille(early, it.of(Class::Answered) + it.of(Class::Abandoned))
        },
    },
    Figure {
        name: "hung_up_in_level_permille",
        title: "Hung up in level",
        says: "(Bt + Bs) / B: of the abandoned, those who left within the level",
        of: |it| permille(it.abandoned_in_level + it.abandoned_short, it.of(Class::Abandoned)),
    },
    Figure {
        name: "reachability_permille",
        title: "Reached",
        says: "A / O",
        of: |it| permille(it.of(Class::Answered), it.offered),
    },
    Figure {
        name: "abandon_rate_permille",
        title: "Abandon rate",
        says: "(B - Bs) / (O - Bs)",
        of: |it| {
            let long = it.of(Class::Abandoned).saturating_sub(it.abandoned_short);
            permille(long, it.offered.saturating_sub(it.abandoned_short))
        },
    },
    Figure {
        name: "abandon_rate_of_all_permille",
        title: "Abandon rate of all",
        says: "B / O, short abandons included",
        of: |it| permille(it.of(Class::Abandoned), it.offered),
    },
    Figure {
        name: "average_wait_ms",
        title: "Average wait",
        says: "ASA: from entering the queue to the agent's answer, ringing included",
        of: |it| it.answered_wait_ms.checked_div(it.of(Class::Answered)),
    },
    Figure {
        name: "wait_p50_ms",
        title: "Median wait",
        says: "half of the answered waited no longer, to a sixteenth",
        of: |it| it.waits.quantile(500),
    },
    Figure {
        name: "wait_p90_ms",
        title: "90 % wait",
        says: "nine of ten of the answered waited no longer, to a sixteenth",
        of: |it| it.waits.quantile(900),
    },
    Figure {
        name: "longest_wait_ms",
        title: "Longest wait",
        says: "of any contact that is over",
        of: |it| (it.over() > 0).then_some(it.longest_wait_ms),
    },
    Figure {
        name: "average_wait_of_abandoned_ms",
        title: "Wait of abandoned",
        says: "average wait of those who left, without short abandons",
        of: |it| {
            let long = it.of(Class::Abandoned).saturating_sub(it.abandoned_short);
            it.abandoned_wait_ms.checked_div(long)
        },
    },
    Figure {
        name: "average_handling_ms",
        title: "Average handling",
        says: "AHT: (talk + hold + wrap-up) / A",
        of: |it| (it.talk_ms + it.wrap_up_ms).checked_div(it.of(Class::Answered)),
    },
    count("offers", "Offers", "attempts to bring a contact to an agent", |it| Some(it.offers)),
    Figure {
        name: "rona_rate_permille",
        title: "Missed",
        says: "misses / (misses + answers + refusals); lost races and withdrawn offers are none",
        of: |it| {
            let missed = it.offers_ended(OfferEnd::Rona);
            permille(missed, missed + it.offers_won + it.offers_ended(OfferEnd::Declined))
        },
    },
    Figure {
        name: "transfer_rate_permille",
        title: "Transferred",
        says: "contacts of which a party was transferred / A",
        of: |it| permille(it.transferred, it.of(Class::Answered)),
    },
    Figure {
        name: "offer_efficiency_permille",
        title: "Offers answered",
        says: "answers / offers",
        of: |it| permille(it.offers_won, it.offers),
    },
];

/// The figures of agents.
pub const AGENT_FIGURES: [Figure<AgentCounts>; 14] = [
    count("logged_in_ms", "Logged in", "on duty or in a break", |it| Some(it.logged_in_ms)),
    count("on_duty_ms", "On duty", "without breaks", |it| Some(it.on_duty_ms)),
    count("ringing_ms", "Ringing", "a call was brought to the agent", |it| Some(it.ringing_ms)),
    count("talk_ms", "Talking", "with the time on hold", |it| Some(it.talk_ms)),
    count("wrap_up_ms", "Wrap-up", "time for notes after a call", |it| Some(it.wrap_up_ms)),
    count("offers", "Offers", "calls that were brought to the agent", |it| Some(it.offers)),
    count("answered", "Answered", "calls that the agent answered", |it| Some(it.answered)),
    count("missed", "Missed", "calls that the agent let ring out", |it| Some(it.missed)),
    count("declined", "Refused", "calls that the agent refused", |it| Some(it.declined)),
    Figure {
        name: "occupancy_permille",
        title: "Occupancy",
        says: "(ringing + talk + hold + wrap-up) / on duty",
        of: |it| permille(it.ringing_ms + it.talk_ms + it.wrap_up_ms, it.on_duty_ms),
    },
    Figure {
        name: "utilisation_permille",
        title: "Utilisation",
        says: "(talk + hold + wrap-up) / logged in",
        of: |it| permille(it.talk_ms + it.wrap_up_ms, it.logged_in_ms),
    },
    Figure {
        name: "average_handling_ms",
        title: "Average handling",
        says: "AHT: (talk + hold + wrap-up) / answered calls that are over",
        of: |it| (it.talk_ms + it.wrap_up_ms).checked_div(it.done),
    },
    Figure {
        name: "rona_rate_permille",
        title: "Missed",
        says: "misses / (misses + answers + refusals)",
        of: |it| permille(it.missed, it.missed + it.answered + it.declined),
    },
    Figure {
        name: "offer_efficiency_permille",
        title: "Offers answered",
        says: "answers / offers",
        of: |it| permille(it.answered, it.offers),
    },
];

/// A_t / (A + B − B_s + F) in thousandths. What a person on the page or a fault of ours ended is
/// neither abandoned nor a flow-out.
#[must_use]
pub fn service_level(it: &Counts) -> Option<u32> {
    let abandoned = it.of(Class::Abandoned).saturating_sub(it.abandoned_short);
    let counted = it.of(Class::Answered) + abandoned + it.of(Class::FlowedOut);
    u32::try_from(permille(it.answered_in_level, counted)?).ok()
}

fn permille(part: u64, whole: u64) -> Option<u64> {
    part.saturating_mul(1000).checked_div(whole)
}

/// A figure that is there always.
const fn count<C>(
    name: &'static str,
    title: &'static str,
    says: &'static str,
    of: fn(&C) -> Option<u64>,
) -> Figure<C> {
    Figure { name, title, says, of }
}
