//! Live calls and their legs, with what is heard on each.

use holdfast_core::media::order::StreamCounters;
use holdfast_core::view::{CallView, LegView, SiteView};
use maud::{Markup, html};

use super::icon::Mood;
use super::times::Times;

/// Calls written out; the rest is counted. The API has them all.
const CALLS_SHOWN_MAX: usize = 100;
/// MOS at R = 80, above which users are satisfied. ITU-T G.107 Annex B.
const MOS_GOOD_CENTI: u16 = 403;
/// MOS at R = 70, below which many users are dissatisfied. ITU-T G.107 Annex B.
const MOS_FAIR_CENTI: u16 = 360;

/// The fragment.
pub(crate) fn fragment(view: &SiteView, times: &mut Times) -> Markup {
    let hidden = view.calls.len().saturating_sub(CALLS_SHOWN_MAX);
    html! {
        @if view.calls.is_empty() {
            p.none { "No call at the moment." }
        } @else {
            ul.calls {
                @for call in view.calls.iter().take(CALLS_SHOWN_MAX) { (row(call, times)) }
            }
            @if hidden > 0 { p.more { "and " (hidden) " more" } }
        }
    }
}

fn row(call: &CallView, times: &mut Times) -> Markup {
    html! {
        li.call {
            p.way {
                b { (call.from) }
                span.dim aria-hidden="true" { " \u{2192} " }
                span.hidden { " to " }
                b { (call.to) }
            }
            p.doing {
                (state(&call.state))
                (times.since(call.call.to_string(), call.for_ms))
            }
            div.orders {
                button.danger data-order="end_call" data-call=(call.call.0)
                    data-name={ (call.from) " to " (call.to) }
                    id={ "end-" (call.call) } { "End" }
            }
            ul.legs aria-label="Legs" { @for leg in &call.legs { (leg_line(leg)) } }
        }
    }
}

/// The words are those of the site; one that the page does not know is shown as it comes.
fn state(state: &str) -> Markup {
    let mood = match state {
        "talking" => Mood::Good,
        "queued" | "held" | "announcement" => Mood::Busy,
        "ringing" => Mood::Alert,
        _unknown => Mood::Off,
    };
    mood.word(&state.replace('_', " "))
}

fn leg_line(leg: &LegView) -> Markup {
    html! {
        li {
            span.with { (leg.with) }
            span.dim { (leg.state.replace('_', " ")) }
            span { @match &leg.codec { Some(codec) => (codec), None => span.dim { "no codec" } } }
            (heard(leg.media))
        }
    }
}

/// Loss, jitter and MOS of what the remote sends to us.
pub(crate) fn heard(media: StreamCounters) -> Markup {
    if media.received == 0 {
        return html! { span.heard.dim { "nothing received" } };
    }
    html! {
        span.heard {
            span { "loss " (loss(media)) }
            span { "jitter " (media.jitter_us / 1000) "\u{202f}ms" }
            (mos(media.mos_centi))
        }
    }
}

/// Share of packets that never came, with one decimal.
fn loss(media: StreamCounters) -> String {
    let lost = u128::from(media.lost);
    let expected = (u128::from(media.received) + lost).max(1);
    let permille = lost * 1000 / expected;
    format!("{}.{}\u{202f}%", permille / 10, permille % 10)
}

/// The score in figures and as a word; nothing while there is none.
pub(crate) fn mos(centi: u16) -> Markup {
    let (mood, word) = match centi {
        0 => return html! { span.dim { "MOS \u{2013}" } },
        centi if centi >= MOS_GOOD_CENTI => (Mood::Good, "good"),
        centi if centi >= MOS_FAIR_CENTI => (Mood::Warn, "fair"),
        _below => (Mood::Bad, "poor"),
    };
    mood.word(&format!("MOS {}.{} {word}", centi / 100, centi % 100 / 10))
}

#[cfg(test)]
mod tests {
    use super::{loss, mos};
    use holdfast_core::media::order::StreamCounters;

    #[test]
    fn loss_and_mos_are_told_in_figures_and_words() {
        let media = |received, lost| StreamCounters { received, lost, ..Default::default() };
        assert_eq!(loss(media(998, 2)), "0.2\u{202f}%");
        assert_eq!(loss(media(0, 0)), "0.0\u{202f}%");
        assert_eq!(loss(media(0, u64::MAX)), "100.0\u{202f}%");
        let cases =
            [(441, "MOS 4.4 good"), (403, "MOS 4.0 good"), (360, "MOS 3.6 fair"), (105, "poor")];
        for (centi, said) in cases {
            assert!(mos(centi).into_string().contains(said), "{centi}");
        }
    }
}
