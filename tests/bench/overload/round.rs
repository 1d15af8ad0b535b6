//! What came of the calls of one round.

use std::collections::BTreeMap;
use std::time::Duration;

/// Its counts.
#[derive(Default)]
pub struct Round {
    pub sent: u32,
    pub answered: u32,
    pub deaf: u32,
    /// For each refusal how long it took from the first INVITE until it reached our machine.
    pub refused: Vec<Duration>,
    /// Refusals that took a repetition of the INVITE: one of the two got lost.
    pub repeated: u32,
    pub otherwise: BTreeMap<u16, u32>,
    /// Datagrams that the kernel dropped before the box, and before the generator, read them.
    pub dropped: (u64, u64),
}

impl Round {
    /// Every call was answered and heard.
    pub const fn is_clean(&self) -> bool {
        self.sent > 0 && self.answered == self.sent && self.deaf == 0
    }

    /// In words.
    pub fn told(&self) -> String {
        let mut waits = self.refused.clone();
        waits.sort_unstable();
        let at = |percent: usize| {
            let place = (waits.len() * percent / 100).min(waits.len().saturating_sub(1));
            waits.get(place).copied().unwrap_or_default().as_millis()
        };
        let silent = self.sent
            - self.answered
            - self.otherwise.values().sum::<u32>()
            - u32::try_from(waits.len()).unwrap_or(u32::MAX);
        format!(
            "{} sent, {} answered ({} of them not heard), {} got 503 (after {} ms in the median, \
             {} ms for 99 %, {} ms at most; {} of them asked again), others {:?}, {} no final \
             answer; datagrams dropped before the box {}, before the generator {}",
            self.sent,
            self.answered,
            self.deaf,
            waits.len(),
            at(50),
            at(99),
            at(100),
            self.repeated,
            self.otherwise,
            silent,
            self.dropped.0,
            self.dropped.1
        )
    }
}
