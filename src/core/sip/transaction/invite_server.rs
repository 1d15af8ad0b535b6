//! The INVITE server transaction: RFC 3261 §17.2.1 with the Accepted state of RFC 6026 §7.1.
//!
//! It repeats whatever we answered until the other side has surely got it: provisional responses on
//! demand and once a minute, a refusal until its ACK, and a 2xx until the user has matched its ACK.
//! It never looks into a message and knows no flow.
//!
//! ```text
//!  INVITE ─▶ Fresh ──100──▶ Trying ──1xx──▶ Proceeding ⟲ 1xx, every minute
//!              │ 2xx, 3xx-6xx │                │
//!              ├──────────────┴────────────────┤
//!              ▼ 2xx                           ▼ 3xx-6xx
//!          Accepted ⟲ repeated T1..T2      Completed ⟲ repeated T1..T2 (G, UDP only)
//!              │ ACK matched by the user       │ ACK
//!              ▼                               ▼
//!        Acknowledged                       Confirmed
//!              │ L                             │ I
//!              └────────▶ Terminated ◀─────────┘   (also L without ACK: NoAck; H)
//! ```

use holdfast_base::{Mono, Outbox};
use std::mem;
use std::time::Duration;

use super::pace::{Pace, Repetition, earlier};
use crate::arms::Arm;

/// A proxy on the way gives a call up after 3 minutes without a 1xx, so that one is due every
/// minute: RFC 3261 §13.3.1.1.
const REFRESH_EVERY: Duration = Duration::from_secs(60);

/// One INVITE received, until nothing of it can arrive any more.
#[derive(Debug)]
pub struct InviteServer {
    pace: Pace,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Nothing was answered yet.
    Fresh,
    /// A 100 was answered.
    Trying {
        last: Vec<u8>,
    },
    Proceeding {
        last: Vec<u8>,
        refresh: Mono,
    },
    /// A 2xx was answered, and its ACK is awaited.
    Accepted {
        last: Vec<u8>,
        repetition: Repetition,
        until: Mono,
    },
    /// The ACK to the 2xx has come; late repetitions of the INVITE are absorbed.
    Acknowledged {
        until: Mono,
    },
    /// A refusal was answered, and its ACK is awaited.
    Completed {
        last: Vec<u8>,
        repetition: Repetition,
        until: Mono,
    },
    /// The ACK to the refusal has come; late repetitions of it are absorbed.
    Confirmed {
        until: Mono,
    },
    Terminated,
}

/// What happens to the transaction.
#[derive(Debug)]
pub enum Input {
    /// The INVITE came again.
    Retransmission,
    /// An ACK with the branch of this INVITE came.
    Ack,
    /// The user answers 100.
    Trying {
        /// The printed response.
        bytes: Vec<u8>,
    },
    /// The user answers 101 to 199.
    Provisional {
        /// The printed response.
        bytes: Vec<u8>,
    },
    /// The user answers 2xx.
    Success {
        /// The printed response.
        bytes: Vec<u8>,
    },
    /// The user answers 3xx to 6xx.
    Refusal {
        /// The printed response.
        bytes: Vec<u8>,
    },
    /// The user has matched the ACK to its 2xx: such an ACK has a branch of its own.
    Acked,
    /// The time of `deadline()` has come.
    DeadlineReached,
}

/// What the table must do.
#[derive(Debug, PartialEq, Eq)]
pub enum Act {
    /// Send these bytes back.
    Send(Vec<u8>),
    /// Hand the ACK to the user.
    DeliverAck,
    /// Tell the user that the 2xx was never acknowledged.
    NoAck,
}

impl InviteServer {
    /// Takes in an INVITE that is new.
    #[must_use]
    pub const fn start(pace: Pace) -> Self {
        Self { pace, state: State::Fresh }
    }

    /// Whether no final response was given, so that a CANCEL has an effect (RFC 3261 §9.2).
    #[must_use]
    pub const fn is_pending(&self) -> bool {
        match self.state {
            State::Fresh | State::Trying { .. } | State::Proceeding { .. } => true,
            State::Accepted { .. }
            | State::Acknowledged { .. }
            | State::Completed { .. }
            | State::Confirmed { .. }
            | State::Terminated => false,
        }
    }

    /// Takes one input.
    pub fn handle(&mut self, now: Mono, input: Input, out: &mut Outbox<Act>) {
        let pace = self.pace;
        let state = mem::replace(&mut self.state, State::Terminated);
        self.state = match (state, input) {
            (State::Fresh | State::Trying { .. }, Input::Trying { bytes }) => {
                out.push(Act::Send(bytes.clone()));
                State::Trying { last: bytes }
            }
            (
                State::Fresh | State::Trying { .. } | State::Proceeding { .. },
                Input::Provisional { bytes },
            ) => {
                out.push(Act::Send(bytes.clone()));
                State::Proceeding { last: bytes, refresh: now + REFRESH_EVERY }
            }
            (
                State::Fresh | State::Trying { .. } | State::Proceeding { .. },
                Input::Success { bytes },
            ) => {
                out.push(Act::Send(bytes.clone()));
                let repetition = pace.repetition_always(now);
                let until = now + pace.patience(); // Timer L, and §13.3.1.4
                State::Accepted { last: bytes, repetition, until }
            }
            (
                State::Fresh | State::Trying { .. } | State::Proceeding { .. },
                Input::Refusal { bytes },
            ) => {
                out.push(Act::Send(bytes.clone()));
                let repetition = pace.repetition(now); // Timer G
                let until = now + pace.patience(); // Timer H
                State::Completed { last: bytes, repetition, until }
            }
            (State::Trying { last }, Input::Retransmission) => {
                out.push(Act::Send(last.clone()));
                State::Trying { last }
            }
            (State::Proceeding { last, refresh }, Input::Retransmission) => {
                out.push(Act::Send(last.clone()));
                State::Proceeding { last, refresh }
            }
            (State::Completed { last, repetition, until }, Input::Retransmission) => {
                out.push(Act::Send(last.clone()));
                State::Completed { last, repetition, until }
            }
            (State::Proceeding { last, refresh }, Input::DeadlineReached) => {
                if now < refresh {
                    State::Proceeding { last, refresh }
                } else {
                    out.push(Act::Send(last.clone()));
                    State::Proceeding { last, refresh: now + REFRESH_EVERY }
                }
            }
            (State::Accepted { last, repetition, until }, Input::DeadlineReached) => {
                if until <= now {
                    out.push(Act::NoAck);
                    State::Terminated
                } else {
                    let repetition = repeat(&last, repetition, pace, now, out);
                    State::Accepted { last, repetition, until }
                }
            }
            (State::Completed { last, repetition, until }, Input::DeadlineReached) => {
                if until <= now {
                    // Timer H. The call is refused either way; nobody needs to be told.
                    State::Terminated
                } else {
                    let repetition = repeat(&last, repetition, pace, now, out);
                    State::Completed { last, repetition, until }
                }
            }
            (State::Accepted { last: _, repetition: _, until }, Input::Acked) => {
                State::Acknowledged { until }
            }
            (state @ (State::Accepted { .. } | State::Acknowledged { .. }), Input::Ack) => {
                // RFC 6026 §7.1: an old peer acknowledges a 2xx under the branch of its INVITE.
                out.push(Act::DeliverAck);
                state
            }
            (State::Completed { .. }, Input::Ack) => {
                let span = pace.linger_short(); // Timer I
                if span.is_zero() {
                    State::Terminated
                } else {
                    State::Confirmed { until: now + span }
                }
            }
            (
                state @ (State::Acknowledged { until } | State::Confirmed { until }),
                Input::DeadlineReached,
            ) => {
                if now < until {
                    state
                } else {
                    State::Terminated
                }
            }
            // RFC 6026 §7.1: the INVITE again is absorbed; the 2xx repeats by its own clock.
            (
                state @ (State::Accepted { .. }
                | State::Acknowledged { .. }
                | State::Confirmed { .. }
                | State::Fresh),
                Input::Retransmission,
            ) => state,
            (
                state @ (State::Fresh | State::Trying { .. } | State::Proceeding { .. }),
                Input::Ack | Input::Acked,
            ) => state, // there is nothing to acknowledge yet
            (state @ (State::Fresh | State::Trying { .. }), Input::DeadlineReached) => state,
            (state @ State::Proceeding { .. }, Input::Trying { bytes: _ }) => state,
            (state @ State::Confirmed { .. }, Input::Ack | Input::Acked) => state,
            (state @ (State::Acknowledged { .. } | State::Completed { .. }), Input::Acked) => state,
            (
                state @ (State::Accepted { .. }
                | State::Acknowledged { .. }
                | State::Completed { .. }
                | State::Confirmed { .. }),
                Input::Trying { bytes: _ }
                | Input::Provisional { bytes: _ }
                | Input::Success { bytes: _ }
                | Input::Refusal { bytes: _ },
            ) => state, // the first final response stands
            (
                state @ State::Terminated,
                Input::Retransmission
                | Input::Ack
                | Input::Trying { bytes: _ }
                | Input::Provisional { bytes: _ }
                | Input::Success { bytes: _ }
                | Input::Refusal { bytes: _ }
                | Input::Acked
                | Input::DeadlineReached,
            ) => state,
        };
    }

    /// When to send `DeadlineReached`. None before a response of the user: it has its own clock.
    #[must_use]
    pub fn deadline(&self) -> Option<Mono> {
        match &self.state {
            State::Fresh | State::Trying { .. } | State::Terminated => None,
            State::Proceeding { refresh, .. } => Some(*refresh),
            State::Accepted { repetition, until, .. }
            | State::Completed { repetition, until, .. } => Some(earlier(*repetition, *until)),
            State::Acknowledged { until } | State::Confirmed { until } => Some(*until),
        }
    }

    /// Whether nothing of this transaction can arrive any more.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(self.state, State::Terminated)
    }

    /// The cell of the state table that `input` would hit.
    #[must_use]
    pub const fn arm(&self, input: &Input) -> Arm {
        let state = match &self.state {
            State::Fresh => "Fresh",
            State::Trying { .. } => "Trying",
            State::Proceeding { .. } => "Proceeding",
            State::Accepted { .. } => "Accepted",
            State::Acknowledged { .. } => "Acknowledged",
            State::Completed { .. } => "Completed",
            State::Confirmed { .. } => "Confirmed",
            State::Terminated => "Terminated",
        };
        let input = match input {
            Input::Retransmission => "Retransmission",
            Input::Ack => "Ack",
            Input::Trying { .. } => "Trying",
            Input::Provisional { .. } => "Provisional",
            Input::Success { .. } => "Success",
            Input::Refusal { .. } => "Refusal",
            Input::Acked => "Acked",
            Input::DeadlineReached => "DeadlineReached",
        };
        Arm { machine: "InviteServer", state, input }
    }
}

/// Repeats a final response when that is due.
fn repeat(
    last: &[u8],
    repetition: Repetition,
    pace: Pace,
    now: Mono,
    out: &mut Outbox<Act>,
) -> Repetition {
    if !repetition.is_due(now) {
        return repetition;
    }
    out.push(Act::Send(last.to_vec()));
    repetition.doubled_up_to(now, pace.gap_max())
}

#[cfg(test)]
mod tests {
    use super::super::pace::{Pace, Timers};
    use super::super::script::{Scripted, play, text};
    use super::{Act, Input, InviteServer};
    use crate::sip::flow::Transport;
    use holdfast_base::{Mono, Outbox};

    impl Scripted for InviteServer {
        fn take(&mut self, now: Mono, word: &str) -> Vec<String> {
            let bytes = word.as_bytes().to_vec();
            let input = match word {
                "invite" => Input::Retransmission,
                "ack" => Input::Ack,
                "acked" => Input::Acked,
                "100" => Input::Trying { bytes },
                "180" | "183" => Input::Provisional { bytes },
                "200" => Input::Success { bytes },
                "486" => Input::Refusal { bytes },
                "due" => Input::DeadlineReached,
                other => panic!("no such input: {other}"),
            };
            let mut out = Outbox::new();
            self.handle(now, input, &mut out);
            let show = |act| match act {
                Act::Send(bytes) => text(&bytes),
                Act::DeliverAck | Act::NoAck => format!("{act:?}"),
            };
            out.drain().map(show).collect()
        }
        fn deadline(&self) -> Option<Mono> {
            self.deadline()
        }
        fn is_over(&self) -> bool {
            self.is_over()
        }
    }

    fn run(transport: Transport, script: &str) -> String {
        let mut machine = InviteServer::start(Pace::new(Timers::default(), transport));
        play(&mut machine, script)
    }

    #[test]
    fn a_repeated_invite_gets_the_last_provisional_response() {
        assert_eq!(
            run(Transport::Udp, "invite 100 invite 180 invite 183 100 invite"),
            "0 invite: \n0 100: 100\n0 invite: 100\n0 180: 180\n0 invite: 180\n0 183: 183\n\
             0 100: \n0 invite: 183\n"
        );
    }

    #[test]
    fn ringing_is_refreshed_each_minute() {
        assert_eq!(
            run(Transport::Tcp, "100 +200000 180 +150000"),
            "0 100: 100\n200000 180: 180\n260000 due: 180\n320000 due: 180\n"
        );
    }

    #[test]
    fn a_refusal_is_repeated_over_udp_until_its_ack() {
        assert_eq!(
            run(Transport::Udp, "486 +8000 invite ack +100 ack invite +10000"),
            "0 486: 486\n500 due: 486\n1500 due: 486\n3500 due: 486\n7500 due: 486\n\
             8000 invite: 486\n8000 ack: \n8100 ack: \n8100 invite: \n13000 due: over\n"
        );
        assert_eq!(run(Transport::Tcp, "486 +9000 ack"), "0 486: 486\n9000 ack: over\n");
        assert_eq!(run(Transport::Tcp, "486 +40000"), "0 486: 486\n32000 due: over\n");
    }

    #[test]
    fn a_2xx_is_repeated_over_tcp_too_until_the_user_has_its_ack() {
        assert_eq!(
            run(Transport::Tcp, "180 200 +2000 invite 486 acked invite ack +40000"),
            "0 180: 180\n0 200: 200\n500 due: 200\n1500 due: 200\n2000 invite: \n2000 486: \n\
             2000 acked: \n2000 invite: \n2000 ack: DeliverAck\n32000 due: over\n"
        );
    }

    #[test]
    fn a_2xx_that_nobody_acknowledges_is_told() {
        let trace = run(Transport::Udp, "200 +40000");
        assert_eq!(trace.matches("due: 200").count(), 10, "T1 doubling to T2\n{trace}");
        assert!(trace.ends_with("32000 due: NoAck, over\n"), "{trace}");
    }

    #[test]
    fn an_early_ack_changes_nothing() {
        assert_eq!(run(Transport::Udp, "ack acked 180 ack"), {
            "0 ack: \n0 acked: \n0 180: 180\n0 ack: \n"
        });
    }
}
