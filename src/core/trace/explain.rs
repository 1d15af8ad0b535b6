//! A call explained: who called whom, where it led, who answered, what was agreed, who ended it and
//! why, and what a technician should look at. Sentences made from the entries and nothing else, so
//! that each can be proved on the ladder below it.

use holdfast_base::{CallId, Wall};
use holdfast_wire::sip::{self, Method};
use serde::{Deserialize, Serialize};

use super::agreed::{Agreed, agreed};
use super::cause::reasons;
use super::legs::Legs;
use super::mask::{Mask, Numbers};
use super::oddities::oddities;
use super::words::{
    led_to, leg_end, not_led_on, offer_end, outcome, seconds, supervised, transfer_end,
};
use super::{Direction, Entry, Tie, What};
use crate::record::event::{EndedBy, Fact, LegEnd, Outcome};

/// One thing to be said of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sentence {
    /// Whether somebody should look.
    pub kind: Kind,
    /// The sentence.
    pub says: String,
}

/// What a sentence is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// It tells what happened.
    Plain,
    /// It tells what should not be so.
    Odd,
}

/// Explains the call of these entries; nothing for what is no call.
#[must_use]
pub fn explain(entries: &[Entry], numbers: Numbers) -> Vec<Sentence> {
    let (legs, mask) = (Legs::of(entries), Mask::of(entries, numbers));
    let story = Story { entries, legs: &legs, mask: &mask };
    let plain = [story.beginning(), story.way(), story.agreements(), story.end()];
    let plain = plain.into_iter().flatten().map(|says| Sentence { kind: Kind::Plain, says });
    let odd = oddities(&story).into_iter().map(|says| Sentence { kind: Kind::Odd, says });
    plain.chain(odd).collect()
}

/// What the sentences are made from.
pub(super) struct Story<'a> {
    pub(super) entries: &'a [Entry],
    pub(super) legs: &'a Legs,
    pub(super) mask: &'a Mask,
}

impl Story<'_> {
    pub(super) fn facts(&self) -> impl Iterator<Item = (Wall, &Fact)> {
        self.entries.iter().filter_map(|entry| match &entry.what {
            What::Fact(fact) => Some((entry.at, fact)),
            What::Message(_) | What::Media(_) => None,
        })
    }

    /// The party of a message, and the message.
    pub(super) fn messages(&self) -> impl Iterator<Item = (String, Direction, sip::Message)> {
        self.entries.iter().filter_map(|entry| {
            let What::Message(message) = &entry.what else { return None };
            let party = match &entry.tie {
                Tie::Dialog(call_id) => self.legs.of_dialog(call_id, self.mask),
                Tie::Call(_) | Tie::Contact(_) | Tie::Offer(_) | Tie::Stream(_) | Tie::Nothing => {
                    None
                }
            };
            let party = party.unwrap_or_else(|| message.flow.remote.to_string());
            Some((party, message.direction, message.parsed()?))
        })
    }

    fn arrival(&self) -> Option<Wall> {
        let arrived = |fact: &Fact| matches!(fact, Fact::CallArrived { .. });
        self.facts().find(|(_, fact)| arrived(fact)).map(|(at, _)| at)
    }

    fn beginning(&self) -> Vec<String> {
        let arrived = self.facts().find_map(|(at, fact)| {
            let Fact::CallArrived { trunk, from, dialled, .. } = fact else { return None };
            let over = trunk.as_ref().map(|trunk| format!(" over trunk {trunk}"));
            let over = over.unwrap_or_else(|| " without a trunk".to_owned());
            let (from, dialled) = (self.mask.subject(from), self.mask.subject(dialled));
            let when = at.to_string();
            let when = when.get(..19).unwrap_or(&when).replace('T', " ");
            Some(format!("{from} called {dialled}{over} at {when} UTC."))
        });
        let gone = "The beginning of this call is not in the trace: it is too long ago, or from \
                    before the last start.";
        match arrived {
            Some(says) => vec![says],
            None if self.facts().next().is_some() => vec![gone.to_owned()],
            None => Vec::new(),
        }
    }

    /// Where it led, who was asked, and who answered after what time.
    fn way(&self) -> Vec<String> {
        let mut says = Vec::new();
        let mut rang: Vec<(holdfast_base::LegId, Wall)> = Vec::new();
        let mut queued = false;
        for (at, fact) in self.facts() {
            match fact {
                Fact::Enqueued { queue, .. } if queued => {
                    says.push(format!("It waited in queue {queue}."));
                }
                Fact::Enqueued { queue, .. } => {
                    queued = true;
                    says.push(format!("The number leads to queue {queue}, where it waited."));
                }
                Fact::OfferEnded { agent, why, .. } => {
                    says.push(format!(
                        "It was offered to agent {agent}, in vain: {}.",
                        offer_end(*why)
                    ));
                }
                Fact::OfferWon { agent, .. } => says.push(format!("Agent {agent} took it.")),
                Fact::ContactLeft { queue, outcome: end, waited_ms, .. } => {
                    let (waited, end) = (seconds(*waited_ms), outcome(*end));
                    says.push(format!("It left queue {queue} after {waited}: {end}."));
                }
                Fact::LedOn { to, .. } => {
                    says.push(format!("It was led on to {}.", led_to(to, self.mask)));
                }
                Fact::NotLedOn { to, why, .. } => {
                    let (to, why) = (led_to(to, self.mask), not_led_on(*why));
                    says.push(format!("It was to go on to {to}, in vain: {why}."));
                }
                Fact::LegStarted { leg, .. } => rang.push((*leg, at)),
                Fact::LegAnswered { leg, .. } => {
                    let since = rang.iter().find(|(known, _)| known == leg);
                    let after = since.map(|(_, began)| format!(" after {}", between(*began, at)));
                    let party = self.legs.of_leg(*leg, self.mask);
                    says.push(format!("{party} answered{}.", after.unwrap_or_default()));
                }
                Fact::LegEnded { leg, why, .. } if is_failure(*why) => {
                    let party = self.legs.of_leg(*leg, self.mask);
                    says.push(format!("The leg with {party} came to nothing: {}.", leg_end(*why)));
                }
                Fact::Transcoded { .. } => says.push(
                    "Its audio was decoded and encoded here: two in it shared no codec, one had no \
                     G.711 for prompts, or a supervisor heard both."
                        .to_owned(),
                ),
                Fact::NotTranscoded { .. } => says.push(
                    "Its audio would have had to be transcoded, and the limit was reached."
                        .to_owned(),
                ),
                Fact::Emergency { .. } => says.push("It went to an emergency number.".to_owned()),
                Fact::TransferAsked { by, to, .. } => {
                    let (by, to) = (self.mask.subject(by), self.mask.subject(to));
                    says.push(format!("{by} had the other party transferred to {to}."));
                }
                Fact::TransferEnded { outcome, .. } => {
                    says.push(format!("The transfer: {}.", transfer_end(*outcome)));
                }
                Fact::Supervision { supervisor, step, .. } => {
                    says.push(format!("{}.", supervised(supervisor, step)));
                }
                Fact::TestCallPlaced { trunk, .. } => says.push(format!(
                    "The box placed it itself, to see whether anybody is there behind {trunk}."
                )),
                Fact::TestCallEnded { outcome, .. } => {
                    says.push(format!("It has shown what it was for: {}.", outcome.says()));
                }
                Fact::LegEnded { .. }
                | Fact::CallArrived { .. }
                | Fact::CallAnswered { .. }
                | Fact::CallEnded { .. }
                | Fact::Reserved { .. }
                | Fact::OfferRinging { .. }
                | Fact::AgentDone { .. }
                | Fact::Started { .. }
                | Fact::QueueClosed { .. }
                | Fact::QueueOpened { .. }
                | Fact::WrapUpEnded { .. }
                | Fact::DutyChanged { .. }
                | Fact::Ungated { .. }
                | Fact::TrunkDown { .. }
                | Fact::LoginRefused { .. }
                | Fact::LoginAccepted { .. }
                | Fact::Registered { .. }
                | Fact::RegistrationLost { .. }
                | Fact::PhoneTakenOver { .. }
                | Fact::PhoneLedBack { .. }
                | Fact::TrunkUp { .. }
                | Fact::Banned { .. }
                | Fact::BanEnded { .. }
                | Fact::TrunkAlarm { .. }
                | Fact::DrainChanged { .. }
                | Fact::NothingInCommon { .. }
                | Fact::Configured { .. } => {}
            }
        }
        says
    }

    fn agreements(&self) -> Vec<String> {
        let of = |call_id: &String| {
            let party = self.legs.of_dialog(call_id, self.mask)?;
            let Agreed { codec, line, message, answered, secure } = agreed(self.entries, call_id)?;
            let whose = match answered {
                Direction::In => "their",
                Direction::Out => "our",
            };
            let sealed = if secure { ", encrypted" } else { "" };
            Some(format!(
                "Audio with {party} is {codec}{sealed}: `{line}` in {whose} {message} decided it."
            ))
        };
        self.legs.iter().filter_map(|leg| of(leg.call_id.as_ref()?)).collect()
    }

    fn end(&self) -> Vec<String> {
        let ended = self.facts().find_map(|(at, fact)| {
            let Fact::CallEnded { by, status, call, cause: _ } = fact else { return None };
            Some((at, *by, *status, *call))
        });
        let Some((at, by, status, call)) = ended else {
            let goes_on = self.arrival().is_some();
            return if goes_on { vec!["It is not over.".to_owned()] } else { Vec::new() };
        };
        let lasted = self.arrival().map(|began| format!(" after {}", between(began, at)));
        let who = match by {
            EndedBy::Caller if self.was_answered(call) => "The caller hung up",
            EndedBy::Caller => "The caller gave up",
            EndedBy::Callee => "The called party ended it",
            EndedBy::Box => "The box ended it",
            EndedBy::Operator => "A person on the page ended it",
            EndedBy::Transfer => "Its party goes on in another call",
            EndedBy::Preempted => "It made room for an emergency call",
            EndedBy::Network => "The network ended it: a party did not answer any more",
            EndedBy::Crash => "It was lost while the process was away",
        };
        let with = status.map(|status| format!(", the caller was told {}", status_words(status)));
        let why = self.last_reason().map(|reason| format!(" The reason given was {reason}."));
        vec![format!(
            "{who}{}{}.{}",
            lasted.unwrap_or_default(),
            with.unwrap_or_default(),
            why.unwrap_or_default()
        )]
    }

    fn was_answered(&self, call: CallId) -> bool {
        self.facts().any(|(_, fact)| *fact == Fact::CallAnswered { call })
    }

    /// The Reason of the first message that takes a leg down, with who sent it.
    fn last_reason(&self) -> Option<String> {
        self.messages().find_map(|(party, direction, message)| {
            let ends = match &message {
                sip::Message::Request(request) => {
                    matches!(request.method, Method::Bye | Method::Cancel)
                }
                sip::Message::Response(response) => {
                    response.status.is_final() && !response.status.is_success()
                }
            };
            let reason = reasons(&message).into_iter().next().filter(|_| ends)?;
            let by = match direction {
                Direction::In => party,
                Direction::Out => "us".to_owned(),
            };
            Some(format!("{reason}, by {by}"))
        })
    }
}

/// Whether a leg ended otherwise than by somebody hanging up.
const fn is_failure(why: LegEnd) -> bool {
    match why {
        LegEnd::Remote | LegEnd::Local | LegEnd::HandedOver => false,
        LegEnd::Refused(_)
        | LegEnd::NoAnswer
        | LegEnd::Unreachable
        | LegEnd::MediaLost
        | LegEnd::SessionExpired
        | LegEnd::LostInCrash => true,
    }
}

fn status_words(status: u16) -> String {
    let phrase = sip::Status::new(status).map(sip::Status::reason).unwrap_or_default();
    format!("{status} {phrase}").trim_end().to_owned()
}

fn between(from: Wall, to: Wall) -> String {
    let ms = to.micros().saturating_sub(from.micros()).div_euclid(1000);
    seconds(u64::try_from(ms).unwrap_or(0)) // the clock was set back between them
}

/// Whether the caller left a queue without an answer.
pub(super) const fn is_lost(outcome: Outcome) -> bool {
    match outcome {
        Outcome::SystemFailed | Outcome::LostInCrash => true,
        Outcome::Answered
        | Outcome::AbandonedShort
        | Outcome::Abandoned
        | Outcome::AbandonedRinging
        | Outcome::OverflowFull
        | Outcome::OverflowTime
        | Outcome::OverflowEmpty
        | Outcome::Closed
        | Outcome::Pulled => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{Kind, explain};
    use crate::media::order::StreamCounters;
    use crate::record::event::{EndedBy, Fact, LedTo, LegEnd, NotLedOn, Outcome, Subject};
    use crate::trace::mask::Numbers;
    use crate::trace::{Direction, Media, Seen, sample};
    use holdfast_base::{ContactId, LegId, QueueName, StreamId};

    fn told(script: Vec<(i64, Seen)>, kind: Kind) -> Vec<String> {
        let all = explain(&sample::entries(script), Numbers::Masked);
        all.into_iter().filter(|one| one.kind == kind).map(|one| one.says).collect()
    }

    #[test]
    fn an_ordinary_call_is_told_in_the_order_of_its_story() {
        let script = sample::script();
        assert_eq!(
            told(script.clone(), Kind::Plain),
            [
                "+4\u{2026}11 called sales without a trunk at 2026-11-22 10:05:03 UTC.",
                "The number leads to queue sales, where it waited.",
                "desk-anna answered after 4.0 s.",
                "Agent anna took it.",
                "It left queue sales after 8.9 s: answered.",
                "Audio with +4\u{2026}11 is PCMA: `m=audio 20000 RTP/AVP 8 101` in our 200 OK \
                 decided it.",
                "Audio with desk-anna is PCMA, encrypted: `m=audio 30000 RTP/SAVP 8` in their \
                 200 OK decided it.",
                "The caller hung up after 30 s.",
            ]
        );
        assert_eq!(told(script, Kind::Odd), [""; 0]);
    }

    #[test]
    fn an_ack_that_never_comes_points_at_the_network_between() {
        let answer = sample::script().remove(5).1;
        let script = sample::script().into_iter().take(5);
        let sent = [0, 500, 1500, 3500].map(|ms| (3 + ms, answer.clone()));
        let ended = Fact::CallEnded {
            call: sample::call(),
            by: EndedBy::Network,
            status: None,
            cause: None,
        };
        let script: Vec<_> = script.chain(sent).chain([(32_003, Seen::Fact(ended))]).collect();
        let odd = told(script.clone(), Kind::Odd);
        assert_eq!(odd.len(), 1, "{odd:?}");
        assert!(odd[0].starts_with(
            "+4\u{2026}11 never acknowledged our 200 to INVITE, sent 4 times: the ACK went elsewhere."
        ));
        let end = told(script, Kind::Plain).pop();
        let says = "The network ended it: a party did not answer any more after 32 s.";
        assert_eq!(end.as_deref(), Some(says));
    }

    #[test]
    fn a_refusal_a_reason_and_one_way_audio_are_told() {
        let mut script: Vec<_> = sample::script().into_iter().take(12).collect();
        let busy = sample::message(
            Direction::In,
            "phone",
            "SIP/2.0 486 Busy Here\r\nReason: Q.850;cause=17",
            "1 INVITE",
            "",
        );
        let deaf = StreamCounters { sent: 700, ..StreamCounters::default() };
        let (call, leg, stream) = (sample::call(), LegId(12), StreamId(1));
        let why = LegEnd::Refused(486);
        script.extend([
            (5100, busy),
            (
                5100,
                Seen::Fact(Fact::LegEnded {
                    call,
                    leg,
                    why,
                    media: None,
                    codec: None,
                    crypto: None,
                }),
            ),
            (9000, Seen::Media(Media::Closed { stream, counters: deaf })),
            (
                9000,
                Seen::Fact(Fact::CallEnded {
                    call,
                    by: EndedBy::Box,
                    status: Some(480),
                    cause: None,
                }),
            ),
        ]);
        let plain = told(script.clone(), Kind::Plain);
        assert!(
            plain.contains(&"The leg with desk-anna came to nothing: refused with 486.".to_owned()),
            "{plain:?}"
        );
        assert_eq!(
            plain.last().map(String::as_str),
            Some(
                "The box ended it after 8.9 s, the caller was told 480 Temporarily Unavailable. \
                 The reason given was Q.850 cause 17 (the party is busy), by desk-anna."
            )
        );
        let odd = told(script, Kind::Odd);
        assert_eq!(odd[0], "desk-anna refused our INVITE with 486 Busy Here.");
        assert!(
            odd[1].starts_with("No audio came from +4\u{2026}11, although we sent 700 packets")
        );
    }

    #[test]
    fn where_a_call_was_led_on_to_is_told() {
        let mut script: Vec<_> = sample::script().into_iter().take(4).collect();
        let (call, contact) = (sample::call(), ContactId(7));
        let (queue, help) = (QueueName::new("sales"), QueueName::new("help"));
        let number = LedTo::Number(Subject("+491715550".to_owned()));
        let next = LedTo::Queue(help.clone());
        let waited_ms = 30_000;
        let facts = [
            Fact::ContactLeft {
                contact,
                queue: queue.clone(),
                outcome: Outcome::OverflowTime,
                waited_ms,
            },
            Fact::LedOn { contact, call, queue: queue.clone(), to: number.clone() },
            Fact::NotLedOn {
                contact,
                call,
                queue: queue.clone(),
                to: number,
                why: NotLedOn::Refused(486),
            },
            Fact::LedOn { contact, call, queue, to: next },
            Fact::Enqueued { contact, call, queue: help },
        ];
        script.extend(facts.map(|fact| (30_001, Seen::Fact(fact))));
        assert_eq!(
            told(script, Kind::Plain)[2..7],
            [
                "It left queue sales after 30 s: the longest wait had passed.",
                "It was led on to +4\u{2026}50.",
                "It was to go on to +4\u{2026}50, in vain: refused with 486.",
                "It was led on to queue help.",
                "It waited in queue help.",
            ]
        );
    }

    #[test]
    fn a_codec_that_one_side_does_not_have_is_told_with_what_helps() {
        let mut script: Vec<_> = sample::script().into_iter().take(12).collect();
        let fact = Fact::NothingInCommon {
            call: sample::call(),
            leg: LegId(12),
            ours: "RTP/AVP PCMA PCMU".to_owned(),
            theirs: Some("RTP/AVP G722".to_owned()),
        };
        script.push((5100, Seen::Fact(fact)));
        let says = "With desk-anna a call found nothing to speak: here it is RTP/AVP PCMA PCMU, \
                    there RTP/AVP G722: allow G.711 (PCMA or PCMU) there.";
        assert_eq!(told(script, Kind::Odd), [says]);
    }

    #[test]
    fn a_call_without_its_beginning_says_so_and_what_is_no_call_says_nothing() {
        let script: Vec<_> = sample::script().into_iter().skip(2).collect();
        let mut trace = crate::trace::Trace::new(1 << 20);
        let entries: Vec<_> = script
            .into_iter()
            .filter_map(|(ms, seen)| trace.read(holdfast_base::Wall::from_micros(ms), seen))
            .collect();
        let says = explain(&entries, Numbers::Masked);
        assert!(says[0].says.starts_with("The beginning of this call is not in the trace"));
        assert_eq!(explain(&[], Numbers::Masked), []);
    }
}
