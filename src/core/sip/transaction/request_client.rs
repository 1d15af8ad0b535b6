//! The non-INVITE client transaction: RFC 3261 §17.1.2 with RFC 4320.
//!
//! It decides when the request is repeated and when nobody will answer it. It never looks into a
//! message and knows no flow.
//!
//! ```text
//!  start ─▶ Trying ──1xx──▶ Proceeding        ⟲ repeated T1..T2 (E), every T2 after a 1xx
//!             │ 2xx-6xx         │
//!             └──▶ Completed ◀──┘             (absorbs repeated responses)
//!                     │ K
//!                     ▼
//!                 Terminated ◀── F, or a broken path, from Trying and Proceeding
//! ```

use holdfast_base::{Mono, Outbox};
use std::mem;

use super::pace::{Pace, Repetition, earlier};
use crate::arms::Arm;

/// One request other than INVITE and ACK, until nothing of it can arrive any more.
#[derive(Debug)]
pub struct RequestClient {
    pace: Pace,
    state: State,
}

/// The request on its way.
#[derive(Debug)]
struct Attempt {
    request: Vec<u8>,
    repetition: Repetition,
    give_up: Mono,
}

#[derive(Debug)]
enum State {
    Trying(Attempt),
    Proceeding(Attempt),
    Completed { until: Mono },
    Terminated,
}

/// What happens to the transaction.
#[derive(Debug)]
pub enum Input {
    /// A 1xx arrived.
    Provisional,
    /// A 2xx to 6xx arrived.
    Final,
    /// The transport could not carry what we sent (§17.1.4).
    Broken,
    /// The time of `deadline()` has come.
    DeadlineReached,
}

/// What the table must do.
#[derive(Debug, PartialEq, Eq)]
pub enum Act {
    /// Send these bytes on the flow of the request.
    Send(Vec<u8>),
    /// Hand the response to the user.
    Deliver,
    /// Tell the user that nobody answers.
    TimedOut,
    /// Tell the user that nothing reaches the other side.
    Unreachable,
}

impl RequestClient {
    /// Sends the request.
    pub fn start(now: Mono, pace: Pace, request: Vec<u8>, out: &mut Outbox<Act>) -> Self {
        out.push(Act::Send(request.clone()));
        let repetition = pace.repetition(now); // Timer E
        let give_up = now + pace.patience(); // Timer F
        Self { pace, state: State::Trying(Attempt { request, repetition, give_up }) }
    }

    /// Takes one input.
    pub fn handle(&mut self, now: Mono, input: Input, out: &mut Outbox<Act>) {
        let pace = self.pace;
        let state = mem::replace(&mut self.state, State::Terminated);
        self.state = match (state, input) {
            (State::Trying(attempt) | State::Proceeding(attempt), Input::Provisional) => {
                out.push(Act::Deliver);
                let repetition = attempt.repetition.slowed_to(pace.gap_max());
                State::Proceeding(Attempt { repetition, ..attempt })
            }
            (State::Trying(_) | State::Proceeding(_), Input::Final) => {
                out.push(Act::Deliver);
                let span = pace.linger_short(); // Timer K
                if span.is_zero() {
                    State::Terminated
                } else {
                    State::Completed { until: now + span }
                }
            }
            (State::Trying(_) | State::Proceeding(_), Input::Broken) => {
                out.push(Act::Unreachable);
                State::Terminated
            }
            (State::Trying(attempt), Input::DeadlineReached) => {
                match attempt.tick(now, pace, out) {
                    Some(attempt) => State::Trying(attempt),
                    None => State::Terminated,
                }
            }
            (State::Proceeding(attempt), Input::DeadlineReached) => {
                match attempt.tick(now, pace, out) {
                    Some(attempt) => State::Proceeding(attempt),
                    None => State::Terminated,
                }
            }
            (State::Completed { until }, Input::DeadlineReached) => {
                if now < until {
                    State::Completed { until }
                } else {
                    State::Terminated
                }
            }
            (
                state @ State::Completed { .. },
                Input::Provisional | Input::Final | Input::Broken,
            ) => state, // the final response has settled it
            (
                state @ State::Terminated,
                Input::Provisional | Input::Final | Input::Broken | Input::DeadlineReached,
            ) => state,
        };
    }

    /// When to send `DeadlineReached`.
    #[must_use]
    pub fn deadline(&self) -> Option<Mono> {
        match &self.state {
            State::Trying(attempt) | State::Proceeding(attempt) => {
                Some(earlier(attempt.repetition, attempt.give_up))
            }
            State::Completed { until } => Some(*until),
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
            State::Trying(_) => "Trying",
            State::Proceeding(_) => "Proceeding",
            State::Completed { .. } => "Completed",
            State::Terminated => "Terminated",
        };
        let input = match input {
            Input::Provisional => "Provisional",
            Input::Final => "Final",
            Input::Broken => "Broken",
            Input::DeadlineReached => "DeadlineReached",
        };
        Arm { machine: "RequestClient", state, input }
    }
}

impl Attempt {
    /// One deadline: repeats, waits on, or is over.
    fn tick(self, now: Mono, pace: Pace, out: &mut Outbox<Act>) -> Option<Self> {
        if self.give_up <= now {
            out.push(Act::TimedOut); // Timer F
            return None;
        }
        if !self.repetition.is_due(now) {
            return Some(self);
        }
        out.push(Act::Send(self.request.clone()));
        Some(Self { repetition: self.repetition.doubled_up_to(now, pace.gap_max()), ..self })
    }
}

#[cfg(test)]
mod tests {
    use super::super::pace::{Pace, Timers};
    use super::super::script::{Scripted, play, text};
    use super::{Act, Input, RequestClient};
    use crate::sip::flow::Transport;
    use holdfast_base::{Mono, Outbox};

    impl Scripted for RequestClient {
        fn take(&mut self, now: Mono, word: &str) -> Vec<String> {
            let input = match word {
                "100" => Input::Provisional,
                "200" => Input::Final,
                "broken" => Input::Broken,
                "due" => Input::DeadlineReached,
                other => panic!("no such input: {other}"),
            };
            let mut out = Outbox::new();
            self.handle(now, input, &mut out);
            let show = |act| match act {
                Act::Send(bytes) => text(&bytes),
                Act::Deliver | Act::TimedOut | Act::Unreachable => format!("{act:?}"),
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
        let mut out = Outbox::new();
        let start = Mono::from_micros(0);
        let mut machine = RequestClient::start(start, pace, b"BYE".to_vec(), &mut out);
        assert_eq!(out.take(), [Act::Send(b"BYE".to_vec())]);
        play(&mut machine, script)
    }

    #[test]
    fn repeats_up_to_t2_and_gives_up_at_timer_f() {
        assert_eq!(
            run(Transport::Udp, "+40000"),
            "500 due: BYE\n1500 due: BYE\n3500 due: BYE\n7500 due: BYE\n11500 due: BYE\n\
             15500 due: BYE\n19500 due: BYE\n23500 due: BYE\n27500 due: BYE\n31500 due: BYE\n\
             32000 due: TimedOut, over\n"
        );
        assert_eq!(run(Transport::Tcp, "+40000"), "32000 due: TimedOut, over\n");
    }

    #[test]
    fn slows_down_after_a_provisional_response() {
        assert_eq!(
            run(Transport::Udp, "+600 100 +9000 200 200 100 broken +6000"),
            "500 due: BYE\n600 100: Deliver\n1500 due: BYE\n5500 due: BYE\n9500 due: BYE\n\
             9600 200: Deliver\n9600 200: \n9600 100: \n9600 broken: \n14600 due: over\n"
        );
    }

    #[test]
    fn ends_at_once_where_nothing_can_come_late() {
        assert_eq!(run(Transport::Tcp, "200 200"), "0 200: Deliver, over\n0 200: \n");
        assert_eq!(run(Transport::Tcp, "broken"), "0 broken: Unreachable, over\n");
        assert_eq!(run(Transport::Udp, "100 broken"), {
            "0 100: Deliver\n0 broken: Unreachable, over\n"
        });
    }
}
