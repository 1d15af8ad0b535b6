//! Holds back messages until the log has made their cause durable (QUEUEING.md 2.13).
//!
//! The gate is one line, first in, first out: messages to the same peer keep their order, and since
//! the site's positions only grow, waiting behind an older message costs nothing. A message waits
//! [`GATE_MAX`] at most, because a slow or full disk must not stop calls; then it goes and is
//! marked, and the site records that it went ungated. The gate knows neither clock nor log.

use holdfast_base::limits::GATE_MAX;
use holdfast_base::{Lsn, Mono};
use std::collections::VecDeque;

/// Most messages held at once: what a busy box sends in [`GATE_MAX`], several times over. When it
/// is reached the oldest goes early, as if its time were up.
pub const GATE_ITEMS_MAX: usize = 10_000;

/// A line of messages, each waiting for its position of the log.
#[derive(Debug)]
pub struct Gate<T> {
    held: VecDeque<Held<T>>,
}

#[derive(Debug)]
struct Held<T> {
    after: Lsn,
    until: Mono,
    item: T,
}

/// A message that may go, and whether its cause is on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Released<T> {
    /// The log is durable up to the position that the message waited for.
    Durable(T),
    /// It waited long enough; the record at `late` is not yet on disk.
    Ungated {
        /// The message.
        item: T,
        /// What it did not wait for.
        late: Lsn,
    },
}

impl<T> Gate<T> {
    /// A gate that holds nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { held: VecDeque::new() }
    }

    /// Takes a message that must not go before the log is durable up to `after`. Call
    /// [`Gate::release`] next: the log may already be there.
    pub fn push(&mut self, now: Mono, after: Lsn, item: T) {
        self.held.push_back(Held { after, until: now + GATE_MAX, item });
    }

    /// Gives the messages that may go now, in the order in which they came.
    pub fn release(&mut self, now: Mono, synced: Lsn) -> Vec<Released<T>> {
        let mut released = Vec::new();
        while let Some(first) = self.held.front() {
            let durable = first.after <= synced;
            let waited = first.until <= now || self.held.len() > GATE_ITEMS_MAX;
            if !durable && !waited {
                break;
            }
            let Some(Held { after, until: _, item }) = self.held.pop_front() else { break };
            released.push(if durable {
                Released::Durable(item)
            } else {
                Released::Ungated { item, late: after }
            });
        }
        released
    }

    /// When to call [`Gate::release`] even if the log has not moved.
    #[must_use]
    pub fn deadline(&self) -> Option<Mono> {
        self.held.front().map(|first| first.until)
    }

    /// Messages that wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }
}

impl<T> Default for Gate<T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::{GATE_ITEMS_MAX, Gate, Released};
    use holdfast_base::{Lsn, Mono};
    use proptest::prelude::{prop, proptest};

    fn ms(ms: u64) -> Mono {
        Mono::from_micros(ms * 1000)
    }

    fn script(gate: &mut Gate<&'static str>, at: u64, synced: u64) -> String {
        let words: Vec<String> = gate
            .release(ms(at), Lsn(synced))
            .into_iter()
            .map(|released| match released {
                Released::Durable(item) => item.to_string(),
                Released::Ungated { item, late } => format!("{item} before {late}"),
            })
            .collect();
        format!("{at}: {} next {:?}", words.join(", "), gate.deadline().map(Mono::millis))
    }

    #[test]
    fn messages_wait_for_the_disk_but_not_for_ever() {
        let mut gate = Gate::new();
        gate.push(ms(0), Lsn(5), "180");
        gate.push(ms(10), Lsn(7), "200");
        gate.push(ms(20), Lsn(6), "ACK");
        let trace = [
            script(&mut gate, 20, 4),
            script(&mut gate, 30, 5),
            script(&mut gate, 59, 6),
            script(&mut gate, 60, 6),
        ];
        assert_eq!(
            trace,
            [
                "20:  next Some(50)",
                "30: 180 next Some(60)",
                "59:  next Some(60)",
                "60: 200 before lsn-7, ACK next None",
            ]
        );
    }

    #[test]
    fn a_full_gate_lets_the_oldest_go() {
        let mut gate = Gate::new();
        for item in 0..=GATE_ITEMS_MAX {
            gate.push(ms(0), Lsn(1), item);
        }
        assert_eq!(gate.release(ms(0), Lsn(0)), [Released::Ungated { item: 0, late: Lsn(1) }]);
        assert_eq!(gate.len(), GATE_ITEMS_MAX);
    }

    proptest! {
        #[test]
        fn order_is_kept_and_nobody_waits_longer_than_the_limit(
            steps in prop::collection::vec((0..30_u64, 0..20_u64, 0..20_u64), 1..60),
        ) {
            let (mut gate, mut now, mut synced, mut next_out) = (Gate::new(), 0, 0, 0);
            for (item, (pause, after, reached)) in steps.into_iter().enumerate() {
                now += pause;
                synced = reached.max(synced);
                gate.push(ms(now), Lsn(after), (item, now, after));
                for released in gate.release(ms(now), Lsn(synced)) {
                    let (item, came, after) = match released {
                        Released::Durable(message) => message,
                        Released::Ungated { item: message, late } => {
                            assert!(late > Lsn(synced) && now - message.1 >= 50);
                            message
                        }
                    };
                    assert_eq!(item, next_out);
                    assert!(after <= synced || came + 50 <= now);
                    next_out += 1;
                }
                assert!(gate.deadline().is_none_or(|deadline| deadline > ms(now)));
            }
        }
    }
}
