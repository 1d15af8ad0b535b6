//! Which RTP ports are free: even/odd pairs of a range, with a quarantine after use.
//!
//! A released pair rests before it is given out again, so that late packets of the old call do not
//! leak into a new one; and the pair that rested longest is given out first.
//!
//! A pair that another program holds would end the call that drew it, because its description has
//! left by the time the media plane finds out. So the plane holds a few pairs ahead: the site asks
//! for them ([`Ports::wanted`]), the plane answers ([`Ports::held`], [`Ports::occupied`]), and a
//! call is given one that is held. An occupied pair is left alone for ten minutes. Not known here:
//! the sockets.

use holdfast_base::Mono;
use std::collections::{BTreeSet, VecDeque};
use std::ops::RangeInclusive;
use std::time::Duration;

/// The even port of a pair: RTP on it, RTCP on the next (RFC 3550 §11).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RtpPort(pub u16);

/// Pairs that the media plane holds ahead of their calls: more legs than begin within the moment
/// that it takes to hold the next.
const HELD_AHEAD: usize = 32;
/// How long a pair that another program holds is left alone. Such a program is a service that
/// stays or a lookup that is long over then.
const OCCUPIED_REST: Duration = Duration::from_secs(600);

/// One pair out of so many is kept for trunks and phones of ours.
const RESERVED_SHARE: usize = 4;
/// Pairs that only a call to an emergency number may have: the two legs of one.
const KEPT_MAX: usize = 2;
/// A small range keeps no more than one pair out of so many for that.
const KEPT_SHARE: usize = 8;

/// The pairs of the box.
#[derive(Clone, Debug)]
pub struct Ports {
    range: RangeInclusive<u16>,
    /// How long a released pair rests, so that late packets of the old call find nobody.
    quarantine: Duration,
    free: VecDeque<RtpPort>,
    /// The media plane was asked to hold these and has not answered.
    asked: VecDeque<RtpPort>,
    /// The media plane holds these.
    held: VecDeque<RtpPort>,
    resting: VecDeque<(Mono, RtpPort)>,
    /// Another program holds these.
    occupied: VecDeque<(Mono, RtpPort)>,
    taken: BTreeSet<RtpPort>,
    /// Those of the taken that another program was found to hold: no quarantine but the long rest
    /// awaits them.
    foreign: BTreeSet<RtpPort>,
}

impl Ports {
    /// All whole pairs of a range of UDP ports, lowest first.
    #[must_use]
    pub fn of(range: RangeInclusive<u16>, quarantine: Duration) -> Self {
        let free: VecDeque<RtpPort> =
            range.clone().filter(|port| port % 2 == 0 && port < range.end()).map(RtpPort).collect();
        Self {
            range,
            quarantine,
            free,
            asked: VecDeque::new(),
            held: VecDeque::new(),
            resting: VecDeque::new(),
            occupied: VecDeque::new(),
            taken: BTreeSet::new(),
            foreign: BTreeSet::new(),
        }
    }

    /// Another range from now on. Pairs outside it that are in use or held stay so and do not
    /// return when they are released.
    pub fn resize(&mut self, range: RangeInclusive<u16>, quarantine: Duration) {
        self.quarantine = quarantine;
        let Self { free, .. } = Self::of(range.clone(), quarantine);
        self.range = range;
        let busy = |port: &RtpPort| {
            let mut resting = self.resting.iter().chain(&self.occupied);
            self.taken.contains(port)
                || self.asked.contains(port)
                || self.held.contains(port)
                || resting.any(|(_, resting)| resting == port)
        };
        let inside: BTreeSet<RtpPort> = free.iter().copied().collect();
        let free: VecDeque<RtpPort> = free.into_iter().filter(|port| !busy(port)).collect();
        self.free = free;
        self.resting.retain(|(_, port)| inside.contains(port));
        self.occupied.retain(|(_, port)| inside.contains(port));
    }

    /// The pairs that the media plane shall hold from now on, for the calls to come.
    pub fn wanted(&mut self, now: Mono) -> Vec<RtpPort> {
        self.wake(now);
        let missing = HELD_AHEAD.saturating_sub(self.asked.len() + self.held.len());
        let wanted: Vec<RtpPort> = self.free.drain(..missing.min(self.free.len())).collect();
        self.asked.extend(&wanted);
        wanted
    }

    /// The media plane holds this pair.
    pub fn held(&mut self, port: RtpPort) {
        if remove(&mut self.asked, port) {
            self.held.push_back(port);
        }
    }

    /// The media plane can not hold or open this pair: another program has it. One that a call has
    /// taken is still for that call to give back.
    pub fn occupied(&mut self, now: Mono, port: RtpPort) {
        if remove(&mut self.asked, port) {
            self.occupied.push_back((now + OCCUPIED_REST, port));
        } else if self.taken.contains(&port) {
            self.foreign.insert(port);
        }
    }

    /// Takes a pair that the media plane holds, the one that was free longest. Where it holds none,
    /// because it had no time yet, one that is only believed to be free; `None` when all are in use
    /// or resting, but for those that are kept for emergencies.
    pub fn take(&mut self, now: Mono) -> Option<RtpPort> {
        let kept = KEPT_MAX.min(self.all() / KEPT_SHARE);
        if self.free(now) > kept { self.take_any(now) } else { None }
    }

    /// The same for a call to an emergency number: also what is kept for those, and then the pair
    /// that has rested longest. Some late packets of its last call do not matter there.
    pub fn take_in_emergency(&mut self, now: Mono) -> Option<RtpPort> {
        self.take_any(now).or_else(|| {
            let (_, port) = self.resting.pop_front()?;
            self.taken.insert(port);
            Some(port)
        })
    }

    fn take_any(&mut self, now: Mono) -> Option<RtpPort> {
        self.wake(now);
        let held = self.held.pop_front().or_else(|| self.asked.pop_front());
        let port = held.or_else(|| self.free.pop_front())?;
        self.taken.insert(port);
        Some(port)
    }

    /// Marks a pair as taken by a stream that lived through a restart. False when it is in use
    /// already or lies outside the range, which a changed configuration may cause: the stream
    /// keeps it all the same, and its release is then ignored.
    pub fn claim(&mut self, port: RtpPort) -> bool {
        let queues = [&mut self.free, &mut self.asked, &mut self.held];
        queues.into_iter().any(|queue| remove(queue, port)) && self.taken.insert(port)
    }

    /// Gives a pair back. A pair that is not taken is ignored: a close may be reported twice.
    pub fn release(&mut self, now: Mono, port: RtpPort) {
        let foreign = self.foreign.remove(&port);
        if !self.taken.remove(&port) || !self.range.contains(&port.0) {
            return;
        }
        if foreign {
            self.occupied.push_back((now + OCCUPIED_REST, port));
        } else {
            self.resting.push_back((now + self.quarantine, port));
        }
    }

    /// Whether a call of ours has this port or will have it soon.
    #[must_use]
    pub fn is_ours(&self, port: u16) -> bool {
        let pair = RtpPort(port & !1);
        let resting = self.resting.iter().any(|(_, resting)| *resting == pair);
        let ahead = self.asked.contains(&pair) || self.held.contains(&pair);
        resting || ahead || self.taken.contains(&pair)
    }

    /// Whether so few pairs are free that only trunks and phones of ours may have them: a quarter,
    /// so that strangers can fill a queue and not the box.
    #[must_use]
    pub fn is_scarce(&self, now: Mono) -> bool {
        self.free(now).saturating_mul(RESERVED_SHARE) <= self.all()
    }

    fn all(&self) -> usize {
        let resting = self.resting.len() + self.occupied.len();
        let ahead = self.asked.len() + self.held.len();
        self.free.len() + ahead + resting + self.taken.len()
    }

    /// Pairs that could be taken now.
    #[must_use]
    pub fn free(&self, now: Mono) -> usize {
        let woken = |resting: &VecDeque<(Mono, RtpPort)>| {
            resting.iter().take_while(|(until, _)| *until <= now).count()
        };
        let free = self.free.len() + self.asked.len() + self.held.len();
        free + woken(&self.resting) + woken(&self.occupied)
    }

    /// Pairs left alone because another program has them.
    #[must_use]
    pub fn left_out(&self, now: Mono) -> usize {
        self.occupied.iter().filter(|(until, _)| *until > now).count()
    }

    /// Pairs in use.
    #[must_use]
    pub fn taken(&self) -> usize {
        self.taken.len()
    }

    fn wake(&mut self, now: Mono) {
        for resting in [&mut self.resting, &mut self.occupied] {
            while let Some((_, port)) = resting.pop_front_if(|(until, _)| *until <= now) {
                self.free.push_back(port);
            }
        }
    }
}

/// Takes a pair out of a queue; false when it is not there.
fn remove(queue: &mut VecDeque<RtpPort>, port: RtpPort) -> bool {
    let place = queue.iter().position(|other| *other == port);
    place.and_then(|place| queue.remove(place)).is_some()
}

#[cfg(test)]
mod tests {
    use super::{HELD_AHEAD, OCCUPIED_REST, Ports, RtpPort};

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
    fn an_emergency_has_what_is_kept_and_what_rests() {
        let mut ports = Ports::of(20_000..=20_031, QUARANTINE);
        let usual: Vec<_> = std::iter::from_fn(|| ports.take(START)).collect();
        assert_eq!(usual.len(), 14);
        assert!(ports.take_in_emergency(START).is_some());
        assert!(ports.take_in_emergency(START).is_some());
        assert_eq!(ports.take_in_emergency(START), None);
        ports.release(START, usual[0]);
        assert_eq!((ports.take(START), ports.take_in_emergency(START)), (None, Some(usual[0])));
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

    #[test]
    fn a_pair_of_another_program_is_given_to_no_call_for_ten_minutes() {
        let mut ports = Ports::of(20_000..=20_005, QUARANTINE);
        assert_eq!(ports.wanted(START), [20_000, 20_002, 20_004].map(RtpPort));
        assert_eq!(ports.wanted(START), [], "asked once");
        ports.occupied(START, RtpPort(20_000));
        ports.held(RtpPort(20_004));
        ports.held(RtpPort(20_004)); // twice
        assert_eq!((ports.free(START), ports.left_out(START)), (2, 1));
        assert_eq!(ports.take(START), Some(RtpPort(20_004)), "held goes before not yet answered");
        assert_eq!(ports.take(START), Some(RtpPort(20_002)));
        assert_eq!(ports.take(START + OCCUPIED_REST - Duration::from_micros(1)), None);
        // The plane finds out late that this one is not ours either.
        ports.occupied(START, RtpPort(20_002));
        assert_eq!(ports.taken(), 2, "it is for its call to give it back");
        ports.release(START, RtpPort(20_002));
        assert_eq!((ports.taken(), ports.left_out(START)), (1, 2));
        let wanted = ports.wanted(START + OCCUPIED_REST);
        assert_eq!(wanted, [20_000, 20_002].map(RtpPort), "tried again");
    }

    #[test]
    fn only_a_few_pairs_are_held_ahead() {
        let mut ports = Ports::of(20_000..=20_999, QUARANTINE);
        assert_eq!(ports.wanted(START).len(), HELD_AHEAD);
        ports.held(RtpPort(20_002));
        assert_eq!(ports.take(START), Some(RtpPort(20_002)));
        let next = u16::try_from(20_000 + 2 * HELD_AHEAD).unwrap();
        assert_eq!(ports.wanted(START), [RtpPort(next)]);
        assert_eq!((ports.free(START), ports.taken()), (499, 1));
    }

    #[test]
    fn another_range_takes_back_what_is_inside_it() {
        let mut ports = Ports::of(20_000..=20_003, QUARANTINE);
        ports.wanted(START);
        ports.held(RtpPort(20_000));
        ports.resize(30_000..=30_001, QUARANTINE);
        assert_eq!(ports.take(START), Some(RtpPort(20_000)), "the plane keeps it for us");
        ports.release(START, RtpPort(20_000));
        assert_eq!(ports.take(START + QUARANTINE), Some(RtpPort(20_002)));
        assert_eq!(ports.take(START + QUARANTINE), Some(RtpPort(30_000)));
        assert_eq!(ports.take(START + QUARANTINE), None);
    }

    proptest! {
        #[test]
        fn no_pair_is_given_out_twice_or_too_early(steps in prop::collection::vec(0u8..6, 0..200)) {
            let mut ports = Ports::of(20_000..=20_019, QUARANTINE);
            let (mut now, mut held, mut rested) = (START, Vec::new(), Vec::new());
            for step in steps {
                now = now + Duration::from_secs(3);
                for (nth, port) in ports.wanted(now).into_iter().enumerate() {
                    if nth % 3 == 0 { ports.held(port) }
                }
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
