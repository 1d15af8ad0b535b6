//! The INVITE client transaction: RFC 3261 §17.1.1 with the Accepted state of RFC 6026 §7.2 and
//! the CANCEL rules of RFC 3261 §9.1.
//!
//! It decides when the INVITE is repeated, when its CANCEL may leave, when the hop-by-hop ACK is
//! repeated, and which responses the user sees. It never looks into a message and knows no flow.
//!
//! ```text
//!  start ─▶ Calling ──cancel──▶ Doomed            (no CANCEL before a 1xx: §9.1)
//!             │ 1xx               │ 1xx: CANCEL
//!             ▼                   ▼
//!         Proceeding ──cancel─▶ Cancelling        (Timer C cancels too: §16.6 step 11)
//!             │ 2xx, 3xx-6xx        │
//!             ├──────────┬──────────┘
//!             ▼ 2xx      ▼ 3xx-6xx: ACK
//!         Accepted    Completed                   (2xx from several forks; ACK repeated)
//!             │ M        │ D
//!             └────▶ Terminated ◀── silence or a broken path from any state before
//! ```

use holdfast_base::{Mono, Outbox};
use std::mem;
use std::time::Duration;

use super::pace::{Pace, Repetition, earlier};
use crate::arms::Arm;

/// Silence this long after a provisional response means that the call is lost: Timer C is "more
/// than 3 minutes" and every user agent refreshes its 1xx each minute (RFC 3261 §16.6, §13.3.1.1).
const RINGING_MAX: Duration = Duration::from_secs(181);

/// One INVITE sent, until nothing of it can arrive any more.
#[derive(Debug)]
pub struct InviteClient {
    pace: Pace,
    state: State,
}

/// The INVITE on its way, before any response.
#[derive(Debug)]
struct Attempt {
    request: Vec<u8>,
    repetition: Repetition,
    give_up: Mono,
}

#[derive(Debug)]
enum State {
    Calling(Attempt),
    /// The user wants no call any more, but a CANCEL must wait for a 1xx.
    Doomed(Attempt, Option<String>),
    Proceeding {
        give_up: Mono,
    },
    Cancelling {
        give_up: Mono,
    },
    Completed {
        ack: Vec<u8>,
        until: Mono,
    },
    Accepted {
        until: Mono,
    },
    Terminated,
}

/// What happens to the transaction.
#[derive(Debug)]
pub enum Input {
    /// The user wants no call; the text goes into the Reason header (RFC 3326).
    Cancel {
        /// Value of the Reason header, if the user gives one.
        reason: Option<String>,
    },
    /// A 1xx arrived.
    Provisional,
    /// A 2xx arrived.
    Success,
    /// A 3xx to 6xx arrived; the table has built the ACK to it (§17.1.1.3).
    Refusal {
        /// The printed ACK.
        ack: Vec<u8>,
    },
    /// The transport could not carry what we sent (§17.1.4).
    Broken,
    /// The time of `deadline()` has come.
    DeadlineReached,
}

/// What the table must do.
#[derive(Debug, PartialEq, Eq)]
pub enum Act {
    /// Send these bytes on the flow of the INVITE.
    Send(Vec<u8>),
    /// Start the CANCEL's own transaction.
    SendCancel {
        /// Value of the Reason header.
        reason: Option<String>,
    },
    /// Hand the response to the user.
    Deliver,
    /// Hand the 2xx to the user as one that nobody waits for.
    DeliverStray,
    /// Tell the user that nobody answers.
    TimedOut,
    /// Tell the user that nothing reaches the other side.
    Unreachable,
}

impl InviteClient {
    /// Sends the INVITE.
    pub fn start(now: Mono, pace: Pace, request: Vec<u8>, out: &mut Outbox<Act>) -> Self {
        out.push(Act::Send(request.clone()));
        let repetition = pace.repetition(now); // Timer A
        let give_up = now + pace.patience(); // Timer B
        Self { pace, state: State::Calling(Attempt { request, repetition, give_up }) }
    }

    /// The transaction of an INVITE that an earlier process sent and that is answered by nothing
    /// final yet. It is taken to have had its 1xx, so that it can be cancelled at once.
    pub fn adopted(now: Mono, pace: Pace) -> Self {
        Self { pace, state: State::Proceeding { give_up: now + RINGING_MAX } }
    }

    /// Takes one input.
    pub fn handle(&mut self, now: Mono, input: Input, out: &mut Outbox<Act>) {
        let pace = self.pace;
        let state = mem::replace(&mut self.state, State::Terminated);
        self.state = match (state, input) {
            (State::Calling(attempt), Input::DeadlineReached) => match attempt.tick(now, out) {
                Some(attempt) => State::Calling(attempt),
                None => State::Terminated,
            },
            (State::Doomed(attempt, reason), Input::DeadlineReached) => {
                // Goes on repeating: the callee may be ringing with all its 1xx lost, and only an
                // INVITE makes it send one again.
                match attempt.tick(now, out) {
                    Some(attempt) => State::Doomed(attempt, reason),
                    None => State::Terminated,
                }
            }
            (State::Calling(attempt), Input::Cancel { reason }) => State::Doomed(attempt, reason),
            (State::Calling(_) | State::Proceeding { .. }, Input::Provisional) => {
                out.push(Act::Deliver);
                State::Proceeding { give_up: now + RINGING_MAX }
            }
            (State::Doomed(_, reason), Input::Provisional) => {
                out.push(Act::Deliver);
                out.push(Act::SendCancel { reason });
                State::Cancelling { give_up: now + pace.patience() }
            }
            (State::Proceeding { .. }, Input::Cancel { reason }) => {
                out.push(Act::SendCancel { reason });
                // §9.1: no final response within 64·T1 of the CANCEL means there is none to come.
                State::Cancelling { give_up: now + pace.patience() }
            }
            (State::Proceeding { give_up }, Input::DeadlineReached) => {
                if now < give_up {
                    State::Proceeding { give_up }
                } else {
                    out.push(Act::SendCancel { reason: None });
                    State::Cancelling { give_up: now + pace.patience() }
                }
            }
            (State::Cancelling { give_up }, Input::Provisional) => {
                out.push(Act::Deliver);
                State::Cancelling { give_up }
            }
            (State::Cancelling { give_up }, Input::DeadlineReached) => {
                if now < give_up {
                    State::Cancelling { give_up }
                } else {
                    out.push(Act::TimedOut);
                    State::Terminated
                }
            }
            (
                State::Calling(_)
                | State::Doomed(..)
                | State::Proceeding { .. }
                | State::Cancelling { .. },
                Input::Success,
            ) => {
                out.push(Act::Deliver);
                State::Accepted { until: now + pace.patience() } // Timer M
            }
            (
                State::Calling(_)
                | State::Doomed(..)
                | State::Proceeding { .. }
                | State::Cancelling { .. },
                Input::Refusal { ack },
            ) => {
                out.push(Act::Send(ack.clone()));
                out.push(Act::Deliver);
                lingering(ack, now, pace)
            }
            (State::Calling(_) | State::Doomed(..), Input::Broken) => {
                out.push(Act::Unreachable);
                State::Terminated
            }
            // The INVITE has arrived, and its answer may come over another connection (§18.2.2):
            // a reset of a connection ends no ringing call.
            (state @ (State::Proceeding { .. } | State::Cancelling { .. }), Input::Broken) => state,
            (State::Accepted { until }, Input::Success) => {
                out.push(Act::Deliver); // RFC 6026 §7.2: repetitions and forks, the user tells
                State::Accepted { until }
            }
            (State::Completed { ack, until }, Input::Refusal { ack: _ }) => {
                out.push(Act::Send(ack.clone()));
                State::Completed { ack, until }
            }
            (State::Completed { ack, until }, Input::Success) => {
                // Some proxy let a second fork win; left alone, its phone would stay off hook.
                out.push(Act::DeliverStray);
                State::Completed { ack, until }
            }
            (
                state @ (State::Completed { until, .. } | State::Accepted { until }),
                Input::DeadlineReached,
            ) => {
                if now < until {
                    state
                } else {
                    State::Terminated
                }
            }
            (
                state @ (State::Doomed(..) | State::Cancelling { .. }),
                Input::Cancel { reason: _ },
            ) => state, // one CANCEL is enough
            (
                state @ (State::Completed { .. } | State::Accepted { .. }),
                Input::Cancel { reason: _ } | Input::Provisional | Input::Broken,
            ) => state, // a final response has settled it
            (state @ State::Accepted { .. }, Input::Refusal { ack: _ }) => state,
            (
                state @ State::Terminated,
                Input::Cancel { reason: _ }
                | Input::Provisional
                | Input::Success
                | Input::Refusal { ack: _ }
                | Input::Broken
                | Input::DeadlineReached,
            ) => state,
        };
    }

    /// When to send `DeadlineReached`.
    #[must_use]
    pub fn deadline(&self) -> Option<Mono> {
        match &self.state {
            State::Calling(attempt) | State::Doomed(attempt, _) => {
                Some(earlier(attempt.repetition, attempt.give_up))
            }
            State::Proceeding { give_up } | State::Cancelling { give_up } => Some(*give_up),
            State::Completed { until, .. } | State::Accepted { until } => Some(*until),
            State::Terminated => None,
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
            State::Calling(_) => "Calling",
            State::Doomed(..) => "Doomed",
            State::Proceeding { .. } => "Proceeding",
            State::Cancelling { .. } => "Cancelling",
            State::Completed { .. } => "Completed",
            State::Accepted { .. } => "Accepted",
            State::Terminated => "Terminated",
        };
        let input = match input {
            Input::Cancel { .. } => "Cancel",
            Input::Provisional => "Provisional",
            Input::Success => "Success",
            Input::Refusal { .. } => "Refusal",
            Input::Broken => "Broken",
            Input::DeadlineReached => "DeadlineReached",
        };
        Arm { machine: "InviteClient", state, input }
    }
}

impl Attempt {
    /// One deadline: repeats, waits on, or is over.
    fn tick(self, now: Mono, out: &mut Outbox<Act>) -> Option<Self> {
        if self.give_up <= now {
            out.push(Act::TimedOut); // Timer B
            return None;
        }
        if !self.repetition.is_due(now) {
            return Some(self);
        }
        out.push(Act::Send(self.request.clone()));
        Some(Self { repetition: self.repetition.doubled(now), ..self })
    }
}

/// Timer D: the ACK is kept for as long as the refusal may be repeated.
fn lingering(ack: Vec<u8>, now: Mono, pace: Pace) -> State {
    let span = pace.linger_long();
    if span.is_zero() { State::Terminated } else { State::Completed { ack, until: now + span } }
}

#[cfg(test)]
mod tests {
    use super::super::pace::{Pace, Timers};
    use super::super::script::{Scripted, play, text};
    use super::{Act, Input, InviteClient};
    use crate::sip::flow::Transport;
    use holdfast_base::{Mono, Outbox};

    impl Scripted for InviteClient {
        fn take(&mut self, now: Mono, word: &str) -> Vec<String> {
            let input = match word {
                "1xx" => Input::Provisional,
                "2xx" => Input::Success,
                "4xx" => Input::Refusal { ack: b"ACK".to_vec() },
                "cancel" => Input::Cancel { reason: Some("why".to_owned()) },
                "broken" => Input::Broken,
                "due" => Input::DeadlineReached,
                other => panic!("no such input: {other}"),
            };
            let mut out = Outbox::new();
            self.handle(now, input, &mut out);
            out.drain().map(show).collect()
        }
        fn deadline(&self) -> Option<Mono> {
            self.deadline()
        }
        fn is_over(&self) -> bool {
            self.is_over()
        }
    }

    fn show(act: Act) -> String {
        match act {
            Act::Send(bytes) => text(&bytes),
            Act::SendCancel { reason } => format!("CANCEL {}", reason.unwrap_or_default()),
            other => format!("{other:?}"),
        }
    }

    fn run(transport: Transport, script: &str) -> String {
        let pace = Pace::new(Timers::default(), transport);
        let mut out = Outbox::new();
        let start = Mono::from_micros(0);
        let mut machine = InviteClient::start(start, pace, b"INVITE".to_vec(), &mut out);
        assert_eq!(out.take(), [Act::Send(b"INVITE".to_vec())]);
        play(&mut machine, script)
    }

    #[test]
    fn repeats_over_udp_and_gives_up_at_timer_b() {
        assert_eq!(
            run(Transport::Udp, "+60000"),
            "500 due: INVITE\n1500 due: INVITE\n3500 due: INVITE\n7500 due: INVITE\n\
             15500 due: INVITE\n31500 due: INVITE\n32000 due: TimedOut, over\n"
        );
        assert_eq!(run(Transport::Tcp, "+60000"), "32000 due: TimedOut, over\n");
    }

    #[test]
    fn a_refusal_is_acknowledged_as_often_as_it_comes() {
        assert_eq!(
            run(Transport::Udp, "+100 1xx +100 4xx +500 4xx 1xx broken +40000 4xx"),
            "100 1xx: Deliver\n200 4xx: ACK, Deliver\n700 4xx: ACK\n700 1xx: \n700 broken: \n\
             32200 due: over\n40700 4xx: \n"
        );
        assert_eq!(run(Transport::Tcp, "4xx"), "0 4xx: ACK, Deliver, over\n");
    }

    #[test]
    fn every_2xx_is_delivered_until_timer_m() {
        assert_eq!(
            run(Transport::Tcp, "1xx 2xx +500 2xx 4xx cancel +40000"),
            "0 1xx: Deliver\n0 2xx: Deliver\n500 2xx: Deliver\n500 4xx: \n500 cancel: \n\
             32000 due: over\n"
        );
    }

    #[test]
    fn a_cancel_waits_for_a_provisional_response() {
        assert_eq!(
            run(Transport::Udp, "cancel cancel +600 1xx 1xx cancel +100 4xx"),
            "0 cancel: \n0 cancel: \n500 due: INVITE\n600 1xx: Deliver, CANCEL why\n\
             600 1xx: Deliver\n600 cancel: \n700 4xx: ACK, Deliver\n"
        );
    }

    #[test]
    fn an_answer_that_crosses_the_cancel_is_delivered() {
        assert_eq!(
            run(Transport::Udp, "1xx cancel 2xx"),
            "0 1xx: Deliver\n0 cancel: CANCEL why\n0 2xx: Deliver\n"
        );
        assert_eq!(run(Transport::Udp, "cancel 2xx"), "0 cancel: \n0 2xx: Deliver\n");
    }

    #[test]
    fn a_cancelled_call_that_stays_silent_ends() {
        assert_eq!(
            run(Transport::Udp, "1xx cancel +40000"),
            "0 1xx: Deliver\n0 cancel: CANCEL why\n32000 due: TimedOut, over\n"
        );
    }

    #[test]
    fn ringing_without_a_word_for_three_minutes_is_cancelled() {
        assert_eq!(
            run(Transport::Udp, "1xx +120000 1xx +300000"),
            "0 1xx: Deliver\n120000 1xx: Deliver\n301000 due: CANCEL \n\
             333000 due: TimedOut, over\n"
        );
    }

    #[test]
    fn a_broken_path_ends_what_never_arrived_and_spares_what_rings() {
        assert_eq!(run(Transport::Tcp, "broken"), "0 broken: Unreachable, over\n");
        assert_eq!(
            run(Transport::Tcp, "1xx broken 2xx"),
            "0 1xx: Deliver\n0 broken: \n0 2xx: Deliver\n"
        );
    }

    #[test]
    fn a_2xx_behind_a_refusal_is_a_stray() {
        assert_eq!(run(Transport::Udp, "4xx 2xx"), "0 4xx: ACK, Deliver\n0 2xx: DeliverStray\n");
    }
}
