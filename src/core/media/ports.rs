//! Which RTP ports are free: even/odd pairs of a range, with a quarantine after use.
//!
//! A released pair rests before it is given out again, so that late packets of the old call do not
//! leak into a new one; and the pair that rested longest is given out first. Not known here: the
//! sockets. A port that another program holds is reported by the media plane, and the site then
//! calls [`Ports::release`] and takes the next.

use holdfast_base::Mono;
use std::collections::{BTreeSet, VecDeque};
use std::ops::RangeInclusive;
use std::time::Duration;

/// The even port of a pair: RTP on it, RTCP on the next (RFC 3550 §11).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RtpPort(pub u16);

/// The pairs of one address.
#[derive(Clone, Debug)]
pub struct Ports {
    /// How long a released pair rests, so that late packets of the old call find nobody.
    quarantine: Duration,
    free: VecDeque<RtpPort>,
    resting: VecDeque<(Mono, RtpPort)>,
    taken: BTreeSet<RtpPort>,
}

impl Ports {
    /// All whole pairs of a range of UDP ports, lowest first.
    #[must_use]
    pub fn of(range: RangeInclusive<u16>, quarantine: Duration) -> Self {
        let free =
            range.clone().filter(|port| port % 2 == 0 && port < range.end()).map(RtpPort).collect();
        Self { quarantine, free, resting: VecDeque::new(), taken: BTreeSet::new() }
    }

    /// Another range from now on. Pairs outside it that are in use stay in use and do not return.
    pub fn resize(&mut self, range: RangeInclusive<u16>, quarantine: Duration) {
        self.quarantine = quarantine;
        let Self { free, .. } = Self::of(range, quarantine);
        let busy = |port: &RtpPort| {
            self.taken.contains(port) || self.resting.iter().any(|(_, resting)| resting == port)
        };
        let inside: BTreeSet<RtpPort> = free.iter().copied().collect();
        let free: VecDeque<RtpPort> = free.into_iter().filter(|port| !busy(port)).collect();
        self.free = free;
        self.resting.retain(|(_, port)| inside.contains(port));
        self.taken.retain(|port| inside.contains(port));
    }

    /// Takes the pair that was free longest; `None` when all are in use or resting.
    pub fn take(&mut self, now: Mono) -> Option<RtpPort> {
        self.wake(now);
        let port = self.free.pop_front()?;
        self.taken.insert(port);
        Some(port)
    }

    /// Marks a pair as taken by a stream that lived through a restart. False when it is in use
    /// already or lies outside the range, which a changed configuration may cause: the stream
    /// keeps it all the same, and its release is then ignored.
    pub fn claim(&mut self, port: RtpPort) -> bool {
        let Some(place) = self.free.iter().position(|free| *free == port) else {
            return false;
        };
        self.free.remove(place);
        self.taken.insert(port)
    }

    /// Gives a pair back. A pair that is not taken is ignored: a close may be reported twice.
    pub fn release(&mut self, now: Mono, port: RtpPort) {
        if self.taken.remove(&port) {
            self.resting.push_back((now + self.quarantine, port));
        }
    }

    /// Pairs that could be taken now.
    #[must_use]
    pub fn free(&self, now: Mono) -> usize {
        self.free.len() + self.resting.iter().take_while(|(until, _)| *until <= now).count()
    }

    /// Pairs in use.
    #[must_use]
    pub fn taken(&self) -> usize {
        self.taken.len()
    }

    fn wake(&mut self, now: Mono) {
        while let Some((_, port)) = self.resting.pop_front_if(|(until, _)| *until <= now) {
            self.free.push_back(port);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Ports, RtpPort};

    const QUARANTINE: Duration = Duration::from_secs(20);
    use holdfast_base::Mono;
    use proptest::prelude::*;
    use std::collections::BTreeSet;
    use std::time::Duration;

    const START: Mono = Mono::from_micros(0);

    #[test]
    fn only_whole_pairs_are_given_out() {
        let mut ports = Ports::of(20_001..=20_006, QUARANTINE);
        let taken: Vec<_> = std::iter::from_fn(|| ports.take(START)).collect();
        assert_eq!(taken, [RtpPort(20_002), RtpPort(20_004)]);
        assert_eq!(Ports::of(65_534..=65_535, QUARANTINE).take(START), Some(RtpPort(65_534)));
    }

    #[test]
    fn a_released_pair_rests_and_comes_back_last() {
        let mut ports = Ports::of(20_000..=20_003, QUARANTINE);
        let (first, second) = (ports.take(START).unwrap(), ports.take(START).unwrap());
        ports.release(START, second);
        ports.release(START, second); // reported twice
        ports.release(START + Duration::from_secs(1), first);
        assert_eq!(ports.take(START + QUARANTINE - Duration::from_micros(1)), None);
        assert_eq!(ports.free(START + QUARANTINE), 1);
        assert_eq!(ports.take(START + QUARANTINE), Some(second));
        assert_eq!(ports.take(START + QUARANTINE), None);
        assert_eq!(ports.take(START + QUARANTINE * 2), Some(first));
    }

    #[test]
    fn a_pair_claimed_at_restore_is_not_given_out() {
        let mut ports = Ports::of(20_000..=20_003, QUARANTINE);
        assert!(ports.claim(RtpPort(20_000)));
        assert!(!ports.claim(RtpPort(20_000)));
        assert!(!ports.claim(RtpPort(30_000)));
        assert_eq!(ports.take(START), Some(RtpPort(20_002)));
        assert_eq!((ports.taken(), ports.take(START)), (2, None));
    }

    proptest! {
        #[test]
        fn no_pair_is_given_out_twice_or_too_early(steps in prop::collection::vec(0u8..6, 0..200)) {
            let mut ports = Ports::of(20_000..=20_019, QUARANTINE);
            let (mut now, mut held, mut rested) = (START, Vec::new(), Vec::new());
            for step in steps {
                now = now + Duration::from_secs(3);
                if step < 4 {
                    if let Some(port) = ports.take(now) {
                        prop_assert!(!held.contains(&port));
                        prop_assert!(rested.iter().all(|(at, other)|
                            *other != port || now.since(*at) >= QUARANTINE));
                        held.push(port);
                    }
                } else if let Some(port) = held.pop() {
                    ports.release(now, port);
                    rested.retain(|(_, other)| *other != port);
                    rested.push((now, port));
                }
                let unique: BTreeSet<_> = held.iter().collect();
                prop_assert_eq!(unique.len(), ports.taken());
            }
        }
    }
}
