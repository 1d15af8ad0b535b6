//! Datagrams that were taken off the sockets and wait for their turn.
//!
//! The kernel's buffer drops whatever comes last when it is full, a BYE as gladly as the thousandth
//! INVITE. So the sockets are emptied at once, and what waits, waits here: what belongs to a call
//! goes first, new calls after it and a few at a time. When new calls are too many, the oldest goes:
//! its caller repeats it, or has given up.

use holdfast_core::sip::flow::Flow;
use holdfast_core::sip::triage::begins_a_call;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Most new calls that wait. The box refuses so many within a tenth of a second.
const CALLS_MAX: usize = 2048;
/// Most bytes of them.
const CALLS_BYTES_MAX: usize = 8 << 20;

/// A datagram with the time at which it reached the box.
#[derive(Debug)]
pub struct Waiting {
    /// The way it came.
    pub flow: Flow,
    /// The message.
    pub bytes: Vec<u8>,
    came: Instant,
}

impl Waiting {
    /// A datagram that has waited in the kernel for so long.
    #[must_use]
    pub fn new(flow: Flow, bytes: Vec<u8>, waited: Duration) -> Self {
        let now = Instant::now();
        Self { flow, bytes, came: now.checked_sub(waited).unwrap_or(now) }
    }

    /// How long it has waited.
    #[must_use]
    pub fn waited(&self) -> Duration {
        self.came.elapsed()
    }
}

/// The two queues.
#[derive(Debug, Default)]
pub struct Intake {
    /// What belongs to a call, or is no call.
    others: VecDeque<Waiting>,
    calls: VecDeque<Waiting>,
    calls_bytes: usize,
    shed: u64,
}

impl Intake {
    /// Takes one in.
    pub fn push(&mut self, waiting: Waiting) {
        if !begins_a_call(&waiting.bytes) {
            return self.others.push_back(waiting);
        }
        self.calls_bytes += waiting.bytes.len();
        self.calls.push_back(waiting);
        while self.calls.len() > CALLS_MAX || self.calls_bytes > CALLS_BYTES_MAX {
            self.shed += 1;
            drop(self.next_call());
        }
    }

    /// The next one that does not begin a call. The loop takes them all before it reads again, so
    /// there are never more than it reads at once.
    pub fn next_other(&mut self) -> Option<Waiting> {
        self.others.pop_front()
    }

    /// The next one that begins a call.
    pub fn next_call(&mut self) -> Option<Waiting> {
        let call = self.calls.pop_front()?;
        self.calls_bytes -= call.bytes.len();
        Some(call)
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.others.is_empty() && self.calls.is_empty()
    }

    /// New calls that were dropped since the last time this was asked.
    pub const fn shed(&mut self) -> u64 {
        std::mem::replace(&mut self.shed, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::{CALLS_BYTES_MAX, CALLS_MAX, Intake, Waiting};
    use holdfast_core::sip::flow::{Flow, Transport};
    use std::time::Duration;

    fn message(text: &str) -> Waiting {
        let address = "127.0.0.1:5060".parse().expect("an address");
        let (transport, local, remote) = (Transport::Udp, address, address);
        let flow = Flow { transport, local, remote, connection: None, trunk: None };
        Waiting::new(flow, text.as_bytes().to_vec(), Duration::from_millis(5))
    }

    fn text(waiting: Option<Waiting>) -> String {
        waiting.map(|it| String::from_utf8(it.bytes).expect("text")).unwrap_or_default()
    }

    #[test]
    fn calls_that_are_on_go_before_new_ones() {
        let mut intake = Intake::default();
        for line in ["INVITE 1", "BYE 2", "INVITE 3", "SIP/2.0 4"] {
            intake.push(message(line));
        }
        let others = [intake.next_other(), intake.next_other(), intake.next_other()].map(text);
        let calls = [intake.next_call(), intake.next_call(), intake.next_call()].map(text);
        assert_eq!(others, ["BYE 2", "SIP/2.0 4", ""]);
        assert_eq!(calls, ["INVITE 1", "INVITE 3", ""]);
        assert!(intake.is_empty());
    }

    #[test]
    fn of_too_many_new_calls_the_oldest_go() {
        let mut intake = Intake::default();
        for number in 0..CALLS_MAX + 3 {
            intake.push(message(&format!("INVITE {number}")));
        }
        assert_eq!((intake.shed(), intake.shed()), (3, 0));
        assert_eq!(text(intake.next_call()), "INVITE 3");
        let large = format!("INVITE {}", "x".repeat(60_000));
        for _ in 0..CALLS_MAX {
            intake.push(message(&large));
        }
        assert!(intake.calls_bytes <= CALLS_BYTES_MAX);
        assert!(message("BYE").waited() >= Duration::from_millis(5));
    }
}
