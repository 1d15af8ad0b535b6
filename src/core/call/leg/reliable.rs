//! Provisional responses that the caller acknowledges by PRACK: RFC 3262, the answering side.
//!
//! One response is out at a time. Whatever the call wants to say meanwhile waits for the PRACK,
//! the 200 too: it must not overtake a description that may still be on its way (§3).
//!
//! ```text
//!             18x with RSeq                     T1, doubled: repeated
//!   Quiet ─────────────────────> Unacknowledged ───────────────────┐
//!     ^                             │  ^───────────────────────────┘
//!     └── PRACK: what waits is said ┘  64·T1: the call ends, 504
//! ```
//!
//! When it is done: always for a caller that requires it; for one that merely can, when the
//! response carries a description, which must arrive. The first of them to an INVITE without an
//! offer carries ours (RFC 3261 §13.2.1), and its PRACK the answer (RFC 3262 §5).

use holdfast_base::{Entropy, Mono};
use holdfast_wire::sip::{Headers, Method, RAck, Request, Status};
use serde::{Deserialize, Serialize};
use std::time::Duration;

use crate::offer_answer::Proposal;

/// RFC 3262 §3: a first RSeq is at most 2³¹ - 1.
const FIRST_RSEQ_MAX: u64 = (1 << 31) - 1;
/// RFC 3262 §3: without a PRACK for 64·T1 the INVITE is refused.
const GIVE_UP_T1: u32 = 64;

/// The reliable responses to one INVITE.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Reliable {
    /// RSeq of the last one; 0 before the first.
    rseq: u32,
    state: State,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
enum State {
    /// Nothing waits for a PRACK.
    #[default]
    Quiet,
    /// This response does.
    Unacknowledged { said: Said, every: Duration, again: Mono, until: Mono, then: Then },
}

/// A response, as far as it can not be told from the leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Said {
    /// Its status.
    pub(super) status: u16,
    /// Whether it carries our description.
    pub(super) describes: bool,
}

/// What waits for the PRACK.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Then {
    /// Nothing.
    Nothing,
    /// A 183 with our description.
    Progress,
    /// A 180.
    Ringing,
    /// The 200.
    Answer(Box<Proposal>),
}

/// Whether and how a provisional response may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// As it is.
    Plain,
    /// With RSeq, repeated until its PRACK.
    Reliably,
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// The response once more.
    Again(Said),
    /// The end of patience.
    GiveUp,
}

/// How a provisional response to this INVITE goes out.
pub(super) fn way(invite: &Request, describes: bool) -> Way {
    let headers = &invite.headers;
    let able = describes && headers.lists("Supported", "100rel");
    match able || headers.lists("Require", "100rel") {
        true => Way::Reliably,
        false => Way::Plain,
    }
}

impl Reliable {
    /// Whether a response waits for its PRACK.
    pub(super) const fn is_waiting(&self) -> bool {
        matches!(self.state, State::Unacknowledged { .. })
    }

    /// A response goes out now, for the first time.
    pub(super) fn say(&mut self, said: Said, t1: Duration, now: Mono, entropy: &mut Entropy) {
        self.rseq = match self.rseq {
            0 => u32::try_from(entropy.number() % FIRST_RSEQ_MAX).unwrap_or(0) + 1,
            last => last.wrapping_add(1),
        };
        let (again, until) = (now + t1, now + t1 * GIVE_UP_T1);
        self.state = State::Unacknowledged { said, every: t1, again, until, then: Then::Nothing };
    }

    /// Says in a response which of the reliable ones it is.
    pub(super) fn write(&self, headers: &mut Headers) {
        headers.push("Require", "100rel");
        headers.push("RSeq", self.rseq);
    }

    /// This waits for the PRACK, in place of anything but the 200; a description is not given up
    /// for a response without one. False when it need not wait.
    pub(super) fn hold_back(&mut self, next: Then) -> bool {
        match &mut self.state {
            State::Quiet => return false,
            State::Unacknowledged { then: Then::Answer(_), .. } => {}
            State::Unacknowledged { then: Then::Progress, .. } if next == Then::Ringing => {}
            State::Unacknowledged { then, .. } => *then = next,
        }
        true
    }

    /// Takes a PRACK; what may be said now. `None` when it acknowledges nothing that waits
    /// (RFC 3262 §3: 481).
    pub(super) fn acknowledged(&mut self, rack: &RAck, invite: &Request) -> Option<Then> {
        let number = invite.headers.cseq().ok()?.number;
        let ours = rack.response == self.rseq
            && rack.cseq.number == number
            && rack.cseq.method == Method::Invite;
        match std::mem::take(&mut self.state) {
            State::Unacknowledged { then, .. } if ours => Some(then),
            other => {
                self.state = other;
                None
            }
        }
    }

    /// When something is due.
    pub(super) fn deadline(&self) -> Option<Mono> {
        match &self.state {
            State::Quiet => None,
            State::Unacknowledged { again, until, .. } => Some(*again.min(until)),
        }
    }

    /// What is due now.
    pub(super) fn due(&mut self, now: Mono) -> Option<Due> {
        match &mut self.state {
            State::Unacknowledged { until, .. } if *until <= now => Some(Due::GiveUp),
            State::Unacknowledged { said, every, again, .. } if *again <= now => {
                // RFC 3262 §3: doubled each time, without a longest.
                *every *= 2;
                *again = now + *every;
                Some(Due::Again(*said))
            }
            State::Unacknowledged { .. } | State::Quiet => None,
        }
    }
}

/// Which response that was.
impl Said {
    /// Its status.
    pub(super) fn status(self) -> Status {
        Status::new(self.status).unwrap_or(Status::SESSION_PROGRESS)
    }
}

#[cfg(test)]
mod tests {
    use super::{Due, Entropy, Mono, RAck, Reliable, Request, Said, Then, Way, way};
    use holdfast_wire::sip::{Headers, Message};
    use std::time::Duration;

    const T1: Duration = Duration::from_millis(500);
    const RINGING: Said = Said { status: 180, describes: false };

    fn invite(more: &str, body: &str) -> Request {
        let length = body.len();
        let text = format!(
            "INVITE sip:100@192.0.2.1 SIP/2.0\nVia: SIP/2.0/UDP h;branch=z9hG4bKa\n\
             From: <sip:a@h>;tag=a\nTo: <sip:100@192.0.2.1>\nCall-ID: c\nCSeq: 7 INVITE\n\
             {more}\nContent-Length: {length}\n\n{body}"
        );
        match Message::parse(text.replace('\n', "\r\n").as_bytes()) {
            Ok(Message::Request(request)) => request,
            other => panic!("{text} {other:?}"),
        }
    }

    fn rack(text: &str) -> RAck {
        RAck::parse(text).expect(text)
    }

    fn said(reliable: &Reliable) -> u32 {
        let mut headers = Headers::new();
        reliable.write(&mut headers);
        assert_eq!(headers.get("Require").as_deref(), Some("100rel"));
        headers.rseq().expect("a number").expect("an RSeq")
    }

    #[test]
    fn who_gets_what_how() {
        for (more, body, describes, expected) in [
            ("X: y", "v=0", true, Way::Plain),
            ("Supported: 100rel", "v=0", false, Way::Plain),
            ("Supported: timer, 100rel", "v=0", true, Way::Reliably),
            ("Require: 100rel", "v=0", false, Way::Reliably),
            ("Require: 100rel", "", false, Way::Reliably),
            ("Supported: 100rel", "", true, Way::Reliably),
            ("Supported: 100rel", "", false, Way::Plain),
        ] {
            assert_eq!(way(&invite(more, body), describes), expected, "{more} {body}");
        }
    }

    #[test]
    fn a_response_is_repeated_until_its_prack() {
        let invite = invite("Require: 100rel", "v=0");
        let mut reliable = Reliable::default();
        assert!(!reliable.hold_back(Then::Progress), "nothing is out");
        let start = Mono::from_micros(0);
        reliable.say(RINGING, T1, start, &mut Entropy::new([3; 32]));
        let first = said(&reliable);
        assert!((1..1 << 31).contains(&first));
        let mut told = Vec::new();
        while told.len() < 4 {
            let at = reliable.deadline().expect("it is repeated");
            assert_eq!(reliable.due(at), Some(Due::Again(RINGING)));
            told.push(at.millis());
        }
        assert_eq!(told, [500, 1500, 3500, 7500]);
        assert!(reliable.hold_back(Then::Progress));
        for other in [format!("{first} 8 INVITE"), format!("{} 7 INVITE", first + 1)] {
            assert_eq!(reliable.acknowledged(&rack(&other), &invite), None, "{other}");
        }
        let own = rack(&format!("{first} 7 INVITE"));
        assert_eq!(reliable.acknowledged(&own, &invite), Some(Then::Progress));
        assert_eq!(reliable.acknowledged(&own, &invite), None, "once");
        assert_eq!(reliable.deadline(), None);
        reliable.say(RINGING, T1, start, &mut Entropy::new([3; 32]));
        assert_eq!(said(&reliable), first + 1, "one after the other");
    }

    #[test]
    fn without_a_prack_it_is_given_up_after_64_t1() {
        let mut reliable = Reliable::default();
        reliable.say(RINGING, T1, Mono::from_micros(0), &mut Entropy::new([3; 32]));
        for _ in 0..10 {
            let at = reliable.deadline().expect("something is due");
            match reliable.due(at) {
                Some(Due::Again(_)) => {}
                Some(Due::GiveUp) => return assert_eq!(at.millis(), 32_000),
                None => panic!("a deadline without anything due"),
            }
        }
        panic!("livelock");
    }
}
