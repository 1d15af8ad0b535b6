//! The health line: what the box depends on, worst first, and the box itself.

use holdfast_core::view::{HealthState, HealthView, SiteView};
use maud::{Markup, html};

use super::icon::Mood;
use super::times::{Times, clock_time};

/// The fragment.
pub(crate) fn fragment(view: &SiteView, times: &mut Times) -> Markup {
    let mut parts: Vec<&HealthView> = view.health.iter().collect();
    parts.sort_by_key(|part| std::cmp::Reverse(rank(part.state)));
    html! {
        ul.health {
            @for part in parts { (line(part)) }
        }
        (drain(view))
        (super::trunks::fragment(view, times))
        p.totals {
            span { "Up " b { (times.since("up".to_owned(), view.up_ms)) } }
            span title="Calls that have arrived since the box started." {
                "Calls " b { (view.totals.calls) }
            }
            span title="Calls since the box started that are over, with a record of how they ended." {
                "Call records " b { (view.totals.cdrs) }
            }
            span title="How often the box had to end a state that should have ended by itself. \
                        Anything but 0 is a fault of the program: report it with the log." {
                "Stuck states cleared " b { (view.totals.reaper_fixups) }
            }
            span title="Messages that were sent before their record was on the disk, because the \
                        disk took too long. Many of them mean a slow or full disk; a power cut at \
                        that moment forgets what they said." {
                "Sent before saved " b { (view.totals.ungated) }
            }
            span title="Hash of the configuration in force." {
                "Config " b { (short(&view.config_hash)) }
            }
        }
    }
}

/// The button that empties the box, and the one that ends that.
fn drain(view: &SiteView) -> Markup {
    html! {
        p.drain {
            @match view.draining_since {
                Some(since) => {
                    "No new calls over trunks since "
                    time datetime=(since) { (clock_time(since)) } " UTC. "
                    button.wanted data-order="drain_off" id="drain" { "Take calls again" }
                }
                None => button.quiet data-order="drain_on" id="drain"
                    title="For work on the box: trunks are told to take another way, calls that \
                           are there go on. It stays so, over a restart too, until somebody takes \
                           calls again." { "Take no new calls" }
            }
        }
    }
}

/// Hash digits shown; enough to compare two boxes by eye.
const HASH_CHARS: usize = 8;

fn short(hash: &str) -> String {
    hash.chars().take(HASH_CHARS).collect()
}

fn line(part: &HealthView) -> Markup {
    let (mood, word) = match part.state {
        HealthState::Good => (Mood::Good, "works"),
        HealthState::Degraded => (Mood::Warn, "degraded"),
        HealthState::Down => (Mood::Bad, "down"),
    };
    html! {
        li class=(mood.class()) {
            (mood.sign())
            b { (part.part) }
            span.word { (word) }
            span.says { (part.says) }
        }
    }
}

const fn rank(state: HealthState) -> u8 {
    match state {
        HealthState::Good => 0,
        HealthState::Degraded => 1,
        HealthState::Down => 2,
    }
}
