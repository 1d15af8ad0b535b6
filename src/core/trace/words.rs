//! Facts and media edges as notes between the messages of a ladder.

use holdfast_base::AgentName;
use holdfast_config::Endpoint;

use super::Media;
use super::legs::Legs;
use super::mask::Mask;
use crate::media::order::{Codec, Encoding, Remote, Source, StreamCounters};
use crate::record::event::{
    EndedBy, Fact, LedTo, LegEnd, NotLedOn, OfferEnd, Outcome, Subject, SupervisionStep,
    TransferKind, TransferOutcome,
};

/// What a note needs to name people.
pub(super) struct Words<'a> {
    pub(super) legs: &'a Legs,
    pub(super) mask: &'a Mask,
}

impl Words<'_> {
    /// A fact in words; none when the messages around it say the same.
    pub(super) fn fact(&self, fact: &Fact) -> Option<String> {
        let says = match fact {
            Fact::CallArrived { trunk, from, dialled, .. } => {
                let over = trunk.as_ref().map(|trunk| format!(" over trunk {trunk}"));
                let (from, dialled) = (self.mask.subject(from), self.mask.subject(dialled));
                format!("{from} calls {dialled}{}", over.unwrap_or_default())
            }
            Fact::CallAnswered { .. } => "the caller is answered: charging starts".to_owned(),
            Fact::LegEnded { leg, why, media, .. } => {
                let heard = media.map(|media| format!(": {}", counted(&media)));
                let with = self.legs.of_leg(*leg, self.mask);
                format!("leg with {with} over, {}{}", leg_end(*why), heard.unwrap_or_default())
            }
            Fact::CallEnded { by, status, .. } => {
                let status = status.map(|status| format!(" with {status}"));
                format!("call over, ended by {}{}", ended_by(*by), status.unwrap_or_default())
            }
            Fact::Enqueued { queue, .. } => format!("waits in queue {queue}"),
            Fact::ContactLeft { queue, outcome, waited_ms, .. } => {
                let (waited, outcome) = (seconds(*waited_ms), self::outcome(*outcome));
                format!("leaves queue {queue} after {waited}: {outcome}")
            }
            Fact::LedOn { to, .. } => format!("is led on to {}", led_to(to, self.mask)),
            Fact::NotLedOn { to, why, .. } => {
                format!("is not led on to {}: {}", led_to(to, self.mask), not_led_on(*why))
            }
            Fact::Reserved { agent, endpoint, .. } => {
                format!("agent {agent} is reserved, at {}", self.endpoint(endpoint))
            }
            Fact::OfferRinging { .. } => "the agent's device alerts".to_owned(),
            Fact::OfferWon { agent, .. } => format!("agent {agent} has the call"),
            Fact::OfferEnded { agent, why, .. } => {
                format!("offer to agent {agent} over: {}", offer_end(*why))
            }
            Fact::AgentDone { agent, talked_ms, .. } => {
                format!("agent {agent} is done after {}", seconds(*talked_ms))
            }
            Fact::Emergency { .. } => "an emergency number is called".to_owned(),
            Fact::TransferAsked { by, to, kind, .. } => {
                let (by, to) = (self.mask.subject(by), self.mask.subject(to));
                format!("{by} asks for {} to {to}", transfer(*kind))
            }
            Fact::TransferEnded { outcome, .. } => format!("transfer: {}", transfer_end(*outcome)),
            Fact::TestCallPlaced { trunk, .. } => format!("the box tests the trunk {trunk}"),
            Fact::TestCallEnded { outcome, .. } => format!("test call: {}", outcome.says()),
            Fact::NothingInCommon { leg, ours, theirs, .. } => {
                let with = self.legs.of_leg(*leg, self.mask);
                let theirs = theirs.as_deref().unwrap_or("they do not say what they take");
                format!("nothing to speak with {with}: ours {ours}, theirs {theirs}")
            }
            Fact::Transcoded { .. } => "audio is transcoded".to_owned(),
            Fact::NotTranscoded { .. } => "no room to transcode the audio".to_owned(),
            Fact::Supervision { supervisor, step, .. } => supervised(supervisor, step),
            Fact::LegStarted { .. }
            | Fact::LegAnswered { .. }
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
            | Fact::Configured { .. } => return None,
        };
        Some(says)
    }

    /// An edge of the audio in words.
    pub(super) fn media(&self, media: &Media) -> String {
        let party = self.legs.of_stream(media.stream(), self.mask);
        match media {
            Media::Opened { local, .. } => format!("audio of {party} is received at {local}"),
            Media::Expects { remote, .. } => format!("audio with {party}: {}", expected(remote)),
            Media::Hears { source, .. } => match source {
                Source::Silence => format!("{party} hears nothing"),
                Source::Peer(other) => {
                    format!("{party} hears {}", self.legs.of_stream(*other, self.mask))
                }
                Source::Mix { peer, beside } => {
                    let voices = std::iter::once(peer).chain(beside);
                    let voices = voices.map(|voice| self.legs.of_stream(*voice, self.mask));
                    let voices: Vec<String> = voices.collect();
                    format!("{party} hears {}, in its codec", voices.join(" and "))
                }
                Source::Clips { once, then, .. } => {
                    let clips: Vec<&str> = once.iter().chain(then).map(|clip| &*clip.0).collect();
                    format!("{party} hears {}", clips.join(", "))
                }
            },
            Media::Key { .. } => format!("{party} presses a key"),
            Media::FirstPacket { from, .. } => format!("first audio of {party}, from {from}"),
            Media::Quiet { for_ms, .. } => {
                format!("no audio of {party} for {}", seconds(*for_ms))
            }
            Media::Secured { suite, .. } => {
                format!("audio of {party} is encrypted by a handshake: {}", suite.name())
            }
            Media::NotSecured { why, .. } => {
                format!("no keys for the audio of {party}: {}", why.as_str())
            }
            Media::Disconnected { .. } => format!("{party} does not check its way any more"),
            Media::Failed { why, .. } => format!("no port for the audio of {party}: {why}"),
            Media::Closed { counters, .. } => {
                format!("audio of {party} over: {}", counted(counters))
            }
        }
    }

    fn endpoint(&self, endpoint: &Endpoint) -> String {
        match endpoint {
            Endpoint::Account(name) => name.to_string(),
            Endpoint::Trunk { trunk, number } => {
                format!("{} over trunk {trunk}", self.mask.subject(&Subject(number.clone())))
            }
        }
    }
}

/// A length of time for people.
pub(super) fn seconds(ms: u64) -> String {
    let (seconds, tenths) = (ms / 1000, ms % 1000 / 100);
    match seconds {
        0..10 => format!("{seconds}.{tenths} s"),
        10..120 => format!("{seconds} s"),
        _ => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}

fn counted(counters: &StreamCounters) -> String {
    let StreamCounters { received, sent, lost, mos_centi, .. } = counters;
    let mos = match mos_centi {
        0 => String::new(),
        centi => format!(", MOS {}.{}", centi / 100, centi % 100 / 10),
    };
    format!("{received} packets received, {lost} lost, {sent} sent{mos}")
}

fn expected(remote: &Remote) -> String {
    let Codec { encoding, payload_type, .. } = remote.codec;
    let codec = match encoding {
        Encoding::Pcma => "PCMA".to_owned(),
        Encoding::Pcmu => "PCMU".to_owned(),
        Encoding::G722 => "G722".to_owned(),
        Encoding::Opus => "opus".to_owned(),
        Encoding::Opaque(_) => format!("payload type {payload_type}, relayed as it is"),
    };
    let to = remote.rtp.map_or_else(|| "no address".to_owned(), |rtp| rtp.to_string());
    let direction = match (remote.sends, remote.receives) {
        (true, true) => "",
        (true, false) => ", it only sends",
        (false, true) => ", it only receives",
        (false, false) => ", on hold both ways",
    };
    let sealed = match &remote.crypto {
        Some(crypto) => format!(", under {}", crypto.receive.suite().name()),
        None => String::new(),
    };
    format!("{codec} to {to}{sealed}{direction}")
}

/// Who ended a call.
pub(super) const fn ended_by(by: EndedBy) -> &'static str {
    match by {
        EndedBy::Caller => "the caller",
        EndedBy::Callee => "the called party",
        EndedBy::Box => "the box",
        EndedBy::Operator => "a person on the page",
        EndedBy::Transfer => "a transfer",
        EndedBy::Network => "the network",
        EndedBy::Preempted => "an emergency call that needed the line",
        EndedBy::Crash => "the end of the process",
    }
}

/// Why a leg ended.
pub(super) fn leg_end(why: LegEnd) -> String {
    match why {
        LegEnd::Remote => "the party hung up".to_owned(),
        LegEnd::Local => "we hung up".to_owned(),
        LegEnd::Refused(status) => format!("refused with {status}"),
        LegEnd::NoAnswer => "nobody answered in time".to_owned(),
        LegEnd::Unreachable => "the party could not be reached".to_owned(),
        LegEnd::HandedOver => "the party goes on in another call".to_owned(),
        LegEnd::SessionExpired => "nobody refreshed the session".to_owned(),
        LegEnd::MediaLost => "its audio stopped and the party was gone".to_owned(),
        LegEnd::LostInCrash => "lost while the process was away".to_owned(),
    }
}

/// What a supervisor does.
pub(super) fn supervised(supervisor: &AgentName, step: &SupervisionStep) -> String {
    match step {
        SupervisionStep::Asked { mode, agent, by } => {
            let agent = agent.as_ref().map(|agent| format!(" with agent {agent}"));
            let (mode, agent) = (mode.as_str(), agent.unwrap_or_default());
            format!("{by} has {supervisor} called to supervise the conversation{agent}: {mode}")
        }
        SupervisionStep::Began { .. } => format!("{supervisor} hears the conversation"),
        SupervisionStep::Changed { mode, by } => {
            format!("{by} switches {supervisor} to {}", mode.as_str())
        }
        SupervisionStep::Ended { why, by } => {
            let by = by.as_ref().map(|by| format!(" by order of {by}"));
            let why = leg_end(*why);
            format!("{supervisor} does not supervise any more{}: {why}", by.unwrap_or_default())
        }
    }
}

/// What kind of transfer.
const fn transfer(kind: TransferKind) -> &'static str {
    match kind {
        TransferKind::Blind => "a blind transfer",
        TransferKind::Attended => "an attended transfer",
        TransferKind::Replaced => "its place to be taken",
    }
}

/// How a transfer went.
pub(super) fn transfer_end(outcome: TransferOutcome) -> String {
    match outcome {
        TransferOutcome::Joined => "the parties are joined".to_owned(),
        TransferOutcome::Failed(status) => format!("it failed with {status}"),
        TransferOutcome::Abandoned => "the party was gone first".to_owned(),
    }
}

/// How a time in a queue ended.
pub(super) const fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Answered => "answered",
        Outcome::AbandonedShort => "the caller left at once",
        Outcome::Abandoned => "the caller left",
        Outcome::AbandonedRinging => "the caller left while an agent's device alerted",
        Outcome::OverflowFull => "the queue was full",
        Outcome::OverflowTime => "the longest wait had passed",
        Outcome::OverflowEmpty => "nobody was there to take the call",
        Outcome::Closed => "the queue was closed",
        Outcome::Pulled => "ended by a person on the page",
        Outcome::SystemFailed => "a fault of the box",
        Outcome::LostInCrash => "lost while the process was away",
    }
}

/// Where a call is led on to.
pub(super) fn led_to(to: &LedTo, mask: &Mask) -> String {
    match to {
        LedTo::Agent(agent) => format!("agent {agent}"),
        LedTo::Number(number) => mask.subject(number),
        LedTo::Queue(queue) => format!("queue {queue}"),
        LedTo::Announcement(clip) => format!("the announcement {clip}"),
    }
}

/// Why it is not.
pub(super) fn not_led_on(why: NotLedOn) -> String {
    match why {
        NotLedOn::Closed => "closed".to_owned(),
        NotLedOn::Full => "full".to_owned(),
        NotLedOn::Empty => "nobody is there".to_owned(),
        NotLedOn::Gone => "it is in the configuration no more".to_owned(),
        NotLedOn::GoesRound => "the caller has just come from there".to_owned(),
        NotLedOn::Away => "not free to take a call".to_owned(),
        NotLedOn::Refused(status) => format!("refused with {status}"),
        NotLedOn::NoAnswer => "nobody answered in time".to_owned(),
        NotLedOn::Unreachable => "not to be reached".to_owned(),
        NotLedOn::CallerLeft => "the caller left first".to_owned(),
        NotLedOn::LostInCrash => "lost while the process was away".to_owned(),
    }
}

/// Why an offer brought no answer.
pub(super) const fn offer_end(why: OfferEnd) -> &'static str {
    match why {
        OfferEnd::Rona => "it alerted and nobody answered",
        OfferEnd::Busy => "busy",
        OfferEnd::Declined => "declined",
        OfferEnd::Unreachable => "not to be reached",
        OfferEnd::DeviceFailed => "the device failed",
        OfferEnd::CallerLeft => "the caller left first",
        OfferEnd::LostRace => "somebody else answered first",
        OfferEnd::NotTaken => "it alerted together with others and nobody answered",
        OfferEnd::Withdrawn => "taken back",
        OfferEnd::LostInCrash => "lost while the process was away",
    }
}
