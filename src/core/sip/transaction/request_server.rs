//! The non-INVITE server transaction: RFC 3261 §17.2.2 as corrected by RFC 4320.
//!
//! It repeats the final response on demand. Of provisional responses it knows only the 100, which
//! it sends by itself and not before the other side's Timer E has grown to T2; when the user has no
//! answer while the other side still waits, it ends in silence, because a 408 would come too late
//! to be told apart from the timeout at the other end.
//!
//! ```text
//!  request ─▶ Trying ──T2 of the other side: 100──▶ Proceeding
//!               │ final                                │ final
//!               └──────────▶ Completed ◀───────────────┘   ⟲ repeated on demand
//!                               │ J
//!                               ▼
//!                           Terminated ◀── 64·T1 without an answer, or a 408 of the user
//! ```

use holdfast_base::{Mono, Outbox};
use std::mem;

use super::pace::Pace;
use crate::arms::Arm;

/// One request other than INVITE and ACK received, until nothing of it can arrive any more.
#[derive(Debug)]
pub struct RequestServer {
    pace: Pace,
    state: State,
}

#[derive(Debug)]
enum State {
    /// The user has not answered; `hundred` goes out at `hush`.
    Trying {
        hundred: Vec<u8>,
        hush: Mono,
        give_up: Mono,
    },
    Proceeding {
        last: Vec<u8>,
        give_up: Mono,
    },
    Completed {
        last: Vec<u8>,
        until: Mono,
    },
    Terminated,
}

/// What happens to the transaction.
#[derive(Debug)]
pub enum Input {
    /// The request came again.
    Retransmission,
    /// The user answers.
    Final {
        /// The printed response.
        bytes: Vec<u8>,
    },
    /// The user has no answer (RFC 4320 §4.2: no 408 to a non-INVITE request).
    Silence,
    /// The time of `deadline()` has come.
    DeadlineReached,
}

/// What the table must do.
#[derive(Debug, PartialEq, Eq)]
pub enum Act {
    /// Send these bytes back.
    Send(Vec<u8>),
}

impl RequestServer {
    /// Takes in a request that is new; `hundred` is the printed 100 to it.
    #[must_use]
    pub fn start(now: Mono, pace: Pace, hundred: Vec<u8>) -> Self {
        let hush = now + pace.hush();
        let give_up = now + pace.patience(); // Timer F of the other side ends it there
        Self { pace, state: State::Trying { hundred, hush, give_up } }
    }

    /// Takes one input.
    pub fn handle(&mut self, now: Mono, input: Input, out: &mut Outbox<Act>) {
        let pace = self.pace;
        let state = mem::replace(&mut self.state, State::Terminated);
        self.state = match (state, input) {
            (State::Trying { .. } | State::Proceeding { .. }, Input::Final { bytes }) => {
                out.push(Act::Send(bytes.clone()));
                let span = pace.linger_long(); // Timer J
                if span.is_zero() {
                    State::Terminated
                } else {
                    State::Completed { last: bytes, until: now + span }
                }
            }
            (State::Trying { .. } | State::Proceeding { .. }, Input::Silence) => State::Terminated,
            (State::Trying { hundred, hush, give_up }, Input::DeadlineReached) => {
                if give_up <= now {
                    State::Terminated
                } else if hush <= now {
                    out.push(Act::Send(hundred.clone())); // RFC 4320 §4.1
                    State::Proceeding { last: hundred, give_up }
                } else {
                    State::Trying { hundred, hush, give_up }
                }
            }
            (State::Proceeding { last, give_up }, Input::DeadlineReached) => {
                if give_up <= now {
                    State::Terminated
                } else {
                    State::Proceeding { last, give_up }
                }
            }
            (State::Proceeding { last, give_up }, Input::Retransmission) => {
                out.push(Act::Send(last.clone()));
                State::Proceeding { last, give_up }
            }
            (State::Completed { last, until }, Input::Retransmission) => {
                out.push(Act::Send(last.clone()));
                State::Completed { last, until }
            }
            (State::Completed { last, until }, Input::DeadlineReached) => {
                if until <= now {
                    State::Terminated
                } else {
                    State::Completed { last, until }
                }
            }
            (state @ State::Trying { .. }, Input::Retransmission) => state, // §17.2.2: discarded
            (state @ State::Completed { .. }, Input::Final { bytes: _ } | Input::Silence) => state,
            (
                state @ State::Terminated,
                Input::Retransmission
                | Input::Final { bytes: _ }
                | Input::Silence
                | Input::DeadlineReached,
            ) => state,
        };
    }

    /// When to send `DeadlineReached`.
    #[must_use]
    pub fn deadline(&self) -> Option<Mono> {
        match &self.state {
            State::Trying { hush, give_up, .. } => Some(*hush.min(give_up)),
            State::Proceeding { give_up, .. } => Some(*give_up),
            State::Completed { until, .. } => Some(*until),
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
            State::Trying { .. } => "Trying",
            State::Proceeding { .. } => "Proceeding",
            State::Completed { .. } => "Completed",
            State::Terminated => "Terminated",
        };
        let input = match input {
            Input::Retransmission => "Retransmission",
            Input::Final { .. } => "Final",
            Input::Silence => "Silence",
            Input::DeadlineReached => "DeadlineReached",
        };
        Arm { machine: "RequestServer", state, input }
    }
}

#[cfg(test)]
mod tests {
    use super::super::pace::{Pace, Timers};
    use super::super::script::{Scripted, play, text};
    use super::{Act, Input, RequestServer};
    use crate::sip::flow::Transport;
    use holdfast_base::{Mono, Outbox};

    impl Scripted for RequestServer {
        fn take(&mut self, now: Mono, word: &str) -> Vec<String> {
            let input = match word {
                "again" => Input::Retransmission,
                "200" => Input::Final { bytes: b"200".to_vec() },
                "408" => Input::Silence,
                "due" => Input::DeadlineReached,
                other => panic!("no such input: {other}"),
            };
            let mut out = Outbox::new();
            self.handle(now, input, &mut out);
            let show = |act| match act {
                Act::Send(bytes) => text(&bytes),
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
        let pace = Pace::new(Timers::default(), transport);
        let mut machine = RequestServer::start(Mono::from_micros(0), pace, b"100".to_vec());
        play(&mut machine, script)
    }

    #[test]
    fn a_repeated_request_gets_the_same_answer() {
        assert_eq!(
            run(Transport::Udp, "again 200 again 200 408 +40000 again"),
            "0 again: \n0 200: 200\n0 again: 200\n0 200: \n0 408: \n32000 due: over\n\
             40000 again: \n"
        );
        assert_eq!(run(Transport::Tcp, "200"), "0 200: 200, over\n");
    }

    #[test]
    fn a_slow_answer_is_announced_when_timer_e_has_grown_to_t2() {
        assert_eq!(
            run(Transport::Udp, "+3400 again +400 again +5000 200"),
            "3400 again: \n3500 due: 100\n3800 again: 100\n8800 200: 200\n"
        );
    }

    #[test]
    fn no_answer_is_silence_and_never_a_408() {
        assert_eq!(run(Transport::Udp, "+40000"), "3500 due: 100\n32000 due: over\n");
        assert_eq!(run(Transport::Udp, "408 200"), "0 408: over\n0 200: \n");
    }
}
