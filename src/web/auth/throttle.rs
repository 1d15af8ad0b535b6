//! How often someone may try a password or a claim code: per source and in total.
//!
//! The generic cell rate algorithm (ITU-T I.371 §A): one instant per source says when it will be
//! even again. A source is an IPv4 address or an IPv6 /64, because one host owns a whole /64.
//! The total limit guards against many sources; while it is exhausted nobody can log in, which is
//! the price of a bound on guesses and on argon2 work.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use holdfast_base::Mono;

/// Tries of one source: 5 at once, then one every 12 s.
const PER_SOURCE: Rate = Rate { burst: 5, every: Duration::from_secs(12) };
/// Tries of all sources: 30 at once, then one every 2 s.
const IN_TOTAL: Rate = Rate { burst: 30, every: Duration::from_secs(2) };
/// Most sources remembered; the one that is even soonest gives way.
const SOURCES_MAX: usize = 1024;

/// Tries allowed at once, and how often one more comes.
#[derive(Clone, Copy)]
struct Rate {
    burst: u32,
    every: Duration,
}

/// The tries of everyone.
#[derive(Default)]
pub(crate) struct Throttle {
    total: Mono,
    sources: BTreeMap<IpAddr, Mono>,
}

impl Throttle {
    /// Counts one try; `Err` is the time to wait before the next one.
    pub(crate) fn admit(&mut self, now: Mono, from: IpAddr) -> Result<(), Duration> {
        let source = source(from);
        let mut even_at = self.sources.get(&source).copied().unwrap_or_default();
        PER_SOURCE.admit(now, &mut even_at)?;
        IN_TOTAL.admit(now, &mut self.total)?;
        self.make_room(now, source);
        self.sources.insert(source, even_at);
        Ok(())
    }

    /// A right password clears the tries of its source.
    pub(crate) fn forgive(&mut self, from: IpAddr) {
        self.sources.remove(&source(from));
    }

    fn make_room(&mut self, now: Mono, newcomer: IpAddr) {
        if self.sources.len() < SOURCES_MAX || self.sources.contains_key(&newcomer) {
            return;
        }
        self.sources.retain(|_, even_at| *even_at > now);
        if self.sources.len() < SOURCES_MAX {
            return;
        }
        let soonest = self.sources.iter().min_by_key(|(_, even_at)| **even_at);
        if let Some(source) = soonest.map(|(source, _)| *source) {
            self.sources.remove(&source);
        }
    }
}

impl Rate {
    fn admit(self, now: Mono, even_at: &mut Mono) -> Result<(), Duration> {
        let start = (*even_at).max(now);
        let ahead = start.since(now);
        let slack = self.every * self.burst.saturating_sub(1);
        if ahead > slack {
            return Err(ahead - slack);
        }
        *even_at = start + self.every;
        Ok(())
    }
}

fn source(from: IpAddr) -> IpAddr {
    match from.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let network = address.to_bits() & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from_bits(network))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{IN_TOTAL, PER_SOURCE, SOURCES_MAX, Throttle};
    use holdfast_base::Mono;
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
    use std::time::Duration;

    fn host(number: u32) -> IpAddr {
        IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + number))
    }

    #[test]
    fn one_source_waits_after_its_burst_and_another_does_not() {
        let mut throttle = Throttle::default();
        let start = Mono::from_micros(1_000_000);
        for _ in 0..PER_SOURCE.burst {
            assert_eq!(throttle.admit(start, host(1)), Ok(()));
        }
        assert_eq!(throttle.admit(start, host(1)), Err(PER_SOURCE.every));
        assert_eq!(throttle.admit(start, host(2)), Ok(()));
        assert_eq!(throttle.admit(start + PER_SOURCE.every, host(1)), Ok(()));
        throttle.forgive(host(1));
        assert_eq!(throttle.admit(start + PER_SOURCE.every, host(1)), Ok(()));
    }

    #[test]
    fn many_sources_share_the_total() {
        let mut throttle = Throttle::default();
        let now = Mono::from_micros(1);
        for number in 0..IN_TOTAL.burst {
            assert_eq!(throttle.admit(now, host(number)), Ok(()));
        }
        assert_eq!(throttle.admit(now, host(999)), Err(IN_TOTAL.every));
    }

    #[test]
    fn a_host_does_not_escape_within_its_64() {
        let mut throttle = Throttle::default();
        let now = Mono::from_micros(1);
        let address = |last| IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, last));
        for last in 0..5 {
            assert_eq!(throttle.admit(now, address(last)), Ok(()));
        }
        assert!(throttle.admit(now, address(77)).is_err());
    }

    #[test]
    fn memory_is_bounded() {
        let mut throttle = Throttle::default();
        let mut now = Mono::from_micros(1);
        for number in 0..u32::try_from(SOURCES_MAX).unwrap() * 2 {
            now = now + IN_TOTAL.every;
            throttle.admit(now, host(number)).unwrap();
            assert!(throttle.sources.len() <= SOURCES_MAX);
        }
        assert!(throttle.admit(now + Duration::from_secs(9), host(0)).is_ok());
    }
}
