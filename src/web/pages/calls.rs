//! Live calls and their legs, with what is heard on each.

use holdfast_config::supervision::Mode;
use holdfast_core::media::order::StreamCounters;
use holdfast_core::view::{CallView, LegView, SiteView};
use maud::{Markup, html};

use super::icon::Mood;
use super::text::{cut, name};
use super::times::Times;

/// Calls written out; the rest is counted. The API has them all.
const CALLS_SHOWN_MAX: usize = 100;
/// Packets that we send until silence from there is a fault: five seconds of 20 ms.
const SENT_UNANSWERED_MAX: u64 = 250;
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
        li.call #{ (call.call) } {
            p.way {
                b { (name(&call.from)) }
                span.dim aria-hidden="true" { " \u{2192} " }
                span.hidden { " to " }
                b { (name(&call.to)) }
                @if call.emergency { " " (Mood::Bad.word("emergency")) }
            }
            p.doing {
                (state(&call.state))
                (times.since(call.call.to_string(), call.for_ms))
                @if let Some(transfer) = &call.transfer {
                    span.dim { "by " (name(&transfer.by)) " to " (name(&transfer.to)) }
                }
            }
            div.orders {
                a.ladder href={ "/calls/" (call.call.0) } {
                    "Ladder" span.hidden { " of the call from " (cut(&call.from)) }
                }
                (supervision(call))
                button.danger data-order="end_call" data-call=(call.call.0)
                    data-name={ (cut(&call.from)) " to " (cut(&call.to)) }
                    id={ "end-" (call.call) } { "End" }
            }
            ul.legs aria-label="Legs" { @for leg in &call.legs { (leg_line(leg, call)) } }
        }
    }
}

/// Who supervises the call, and the ways to have it otherwise.
fn supervision(call: &CallView) -> Markup {
    let id = call.call;
    let Some(there) = &call.supervised else {
        let who = call.supervisors.iter().map(|it| (&it.supervisor, &it.display, &it.modes));
        let who = serde_json::to_string(&who.collect::<Vec<_>>()).unwrap_or_default();
        return html! {
            @if !call.supervisors.is_empty() {
                button.quiet data-order="supervise" data-call=(id.0) data-who=(who)
                    data-name={ (cut(&call.from)) " to " (cut(&call.to)) }
                    id={ "supervise-" (id) } { "Supervise" }
            }
        };
    };
    let entitled = call.supervisors.iter().find(|it| it.supervisor == there.supervisor);
    let modes = entitled.map_or(&[][..], |it| it.modes.as_slice());
    html! {
        (Mood::Busy.word(&format!("{} {}", cut(&there.display), doing(there.mode, there.present))))
        @for mode in modes.iter().filter(|mode| **mode != there.mode) {
            button.quiet data-order="supervise_as" data-call=(id.0)
                data-supervisor=(there.supervisor) data-mode=(mode.as_str())
                id={ (mode.as_str()) "-" (id) } { (verb(*mode)) }
        }
        button.quiet data-order="supervise_end" data-call=(id.0) data-name=(cut(&there.display))
            id={ "part-" (id) } { "Let go" }
    }
}

const fn verb(mode: Mode) -> &'static str {
    match mode {
        Mode::Listen => "Listen",
        Mode::Whisper => "Whisper",
        Mode::Barge => "Barge in",
    }
}

const fn doing(mode: Mode, present: bool) -> &'static str {
    match (present, mode) {
        (false, _) => "is called as supervisor",
        (true, Mode::Listen) => "listens",
        (true, Mode::Whisper) => "whispers",
        (true, Mode::Barge) => "speaks too",
    }
}

/// The words are those of the site; one that the page does not know is shown as it comes.
fn state(state: &str) -> Markup {
    let mood = match state {
        "talking" => Mood::Good,
        "queued" | "held" | "announcement" | "transferring" => Mood::Busy,
        "ringing" => Mood::Alert,
        _unknown => Mood::Off,
    };
    mood.word(&state.replace('_', " "))
}

fn leg_line(leg: &LegView, call: &CallView) -> Markup {
    html! {
        li {
            span.with { (name(&leg.with)) }
            span.dim { (leg_state(leg, call)) }
            span { @match &leg.codec { Some(codec) => (codec), None => span.dim { "no codec" } } }
            @if let Some(crypto) = &leg.crypto { (protection(crypto)) }
            (heard(leg))
        }
    }
}

/// Encryption that was wished and not had is flagged.
fn protection(crypto: &str) -> Markup {
    match crypto {
        "none" => Mood::Bad.word("not encrypted"),
        suite => html! { span.dim title=(suite) { "SRTP" } },
    }
}

/// An answered leg talks to whom the call has for it, and that may be a clip.
fn leg_state(leg: &LegView, call: &CallView) -> String {
    match (leg.state.as_str(), call.state.as_str()) {
        ("talking", "queued" | "transferring") => "waiting".to_owned(),
        ("talking", "announcement") => "hears announcement".to_owned(),
        (state, _call) => state.replace('_', " "),
    }
}

/// Loss, jitter and MOS of what the remote sends to us.
fn heard(leg: &LegView) -> Markup {
    let media = leg.media;
    if media.received == 0 {
        let answered = matches!(leg.state.as_str(), "answered" | "talking");
        return match (answered, media.sent > SENT_UNANSWERED_MAX) {
            (false, _sent) => html! { span.heard.dim { "not answered yet" } },
            (true, false) => html! { span.heard.dim { "audio starts" } },
            (true, true) => html! { span.heard { (Mood::Warn.word("no audio comes")) } },
        };
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
    use super::{SENT_UNANSWERED_MAX, heard, leg_state, loss, mos};
    use crate::sample::busy_site;
    use holdfast_core::media::order::StreamCounters;

    #[test]
    fn a_leg_says_what_it_hears_and_silence_is_a_fault_only_after_a_while() {
        let view = busy_site();
        let waiting = view.calls.iter().find(|call| call.state == "queued").unwrap();
        let talking = view.calls.iter().find(|call| call.state == "talking").unwrap();
        assert_eq!(leg_state(&waiting.legs[0], waiting), "waiting");
        assert_eq!(leg_state(&talking.legs[0], talking), "talking");

        let mut leg = talking.legs[0].clone();
        leg.media = StreamCounters::default();
        let mut said = |state: &str, sent| {
            leg.state = state.to_owned();
            leg.media.sent = sent;
            heard(&leg).into_string()
        };
        assert!(said("ringing", 0).contains("not answered yet"));
        assert!(said("talking", SENT_UNANSWERED_MAX).contains("audio starts"));
        assert!(said("talking", SENT_UNANSWERED_MAX + 1).contains("no audio comes"));
    }

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
