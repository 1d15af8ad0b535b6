//! What should not be so in a call, with what is usually behind it.

use holdfast_wire::sip::{self, Method, Status};
use std::collections::BTreeMap;

use super::explain::Story;
use super::{Direction, Media, What};
use crate::record::event::Fact;

/// From this many sendings on, an answer was not acknowledged: at 0, 0.5, 1.5 and 3.5 s
/// (RFC 3261 §13.3.1.4). Fewer is a packet lost.
const UNHEARD_FROM: usize = 4;
/// From this many packets on it is told when nothing came back: 5 s of audio at 20 ms each.
const ONE_WAY_FROM: u64 = 250;
/// Loss that can be heard, in thousandths.
const LOSS_PERMILLE: u64 = 30;

/// The sentences.
pub(super) fn oddities(story: &Story<'_>) -> Vec<String> {
    let all = [unheard(story), refusals(story), unsuited(story), audio(story), ends(story)];
    all.into_iter().flatten().collect()
}

/// One message that was sent more than once.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Said {
    party: String,
    incoming: bool,
    headline: String,
    bytes: Vec<u8>,
}

/// Messages that came again, and 2xx that were never acknowledged.
fn unheard(story: &Story<'_>) -> Vec<String> {
    let mut sendings: BTreeMap<Said, usize> = BTreeMap::new();
    let mut acked: Vec<String> = Vec::new();
    for (party, direction, message) in story.messages() {
        let incoming = direction == Direction::In;
        let (headline, ack) = match &message {
            sip::Message::Request(request) => {
                (request.method.to_string(), request.method == Method::Ack)
            }
            sip::Message::Response(response) => {
                let method = response.headers.cseq().map(|cseq| cseq.method.to_string());
                (format!("{} to {}", response.status, method.unwrap_or_default()), false)
            }
        };
        if ack && incoming {
            acked.push(party.clone());
        }
        let said = Said { party, incoming, headline, bytes: message.print() };
        *sendings.entry(said).or_default() += 1;
    }
    let again = sendings.iter().filter(|(_, times)| **times > 1);
    again
        .map(|(said, times)| {
            let Said { party, incoming, headline, bytes: _ } = said;
            let answer = headline.starts_with('2') && headline.ends_with("INVITE");
            match (incoming, answer) {
                (false, true) if *times >= UNHEARD_FROM && !acked.contains(party) => format!(
                    "{party} never acknowledged our {headline}, sent {times} times: the ACK went \
                     elsewhere. Most often a NAT or SIP ALG between us rewrites Contact, or the \
                     address that we advertise can not be reached from there."
                ),
                (false, _) => format!(
                    "We sent {headline} to {party} {times} times: the first was not answered in time."
                ),
                (true, _) => format!(
                    "{party} sent {headline} {times} times: our answer did not get there in time."
                ),
            }
        })
        .collect()
}

/// INVITEs that were refused, other than by a question for the password or by our own CANCEL.
fn refusals(story: &Story<'_>) -> Vec<String> {
    let mut says: Vec<String> = Vec::new();
    for (party, direction, message) in story.messages() {
        let sip::Message::Response(response) = &message else { continue };
        let usual = [Status::UNAUTHORIZED, Status::PROXY_AUTH, Status::REQUEST_TERMINATED];
        let refused = response.status.code() >= 400 && !usual.contains(&response.status);
        let method = response.headers.cseq().map(|cseq| cseq.method.to_string());
        if !refused {
            continue;
        }
        let (method, status) = (method.unwrap_or_default(), response.status);
        let phrase = response.reason_text();
        let one = match direction {
            Direction::In => format!("{party} refused our {method} with {status} {phrase}."),
            Direction::Out => format!("We refused {method} of {party} with {status} {phrase}."),
        };
        if !says.contains(&one) {
            says.push(one); // a refusal that came again is told above
        }
    }
    says
}

/// Parties who found nothing to speak.
fn unsuited(story: &Story<'_>) -> Vec<String> {
    let says = |fact: &Fact| {
        let Fact::NothingInCommon { leg, ours, theirs, .. } = fact else { return None };
        let with = story.legs.of_leg(*leg, story.mask);
        Some(format!("With {with} {}.", crate::unsuited::says(ours, theirs.as_deref())))
    };
    story.facts().filter_map(|(_, fact)| says(fact)).collect()
}

/// Audio that went one way only, or was lost on its way.
fn audio(story: &Story<'_>) -> Vec<String> {
    let mut says = Vec::new();
    for entry in story.entries {
        let What::Media(Media::Closed { stream, counters }) = &entry.what else { continue };
        let party = story.legs.of_stream(*stream, story.mask);
        let permille = counters.lost.saturating_mul(1000)
            / counters.lost.saturating_add(counters.received).max(1);
        if counters.received == 0 && counters.sent >= ONE_WAY_FROM {
            says.push(format!(
                "No audio came from {party}, although we sent {} packets: one-way audio. Look at \
                 firewall and NAT between us, and at the address in their SDP.",
                counters.sent
            ));
        } else if permille >= LOSS_PERMILLE {
            says.push(format!(
                "{}.{} % of the audio of {party} was lost on its way.",
                permille / 10,
                permille % 10
            ));
        }
        if counters.received == 0 && counters.refused > 0 {
            says.push(format!(
                "{} packets that claimed to be audio of {party} came from elsewhere or were no \
                 RTP, and were refused.",
                counters.refused
            ));
        }
    }
    says
}

/// What the box itself did not do well.
fn ends(story: &Story<'_>) -> Vec<String> {
    let says = |fact: &Fact| {
        let Fact::ContactLeft { outcome, .. } = fact else { return None };
        let says = "The queue lost this caller by a fault of the box: please report it.";
        super::explain::is_lost(*outcome).then(|| says.to_owned())
    };
    story.facts().filter_map(|(_, fact)| says(fact)).collect()
}
