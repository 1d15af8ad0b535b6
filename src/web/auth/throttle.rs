//! How often someone may try a password or a claim code: per source and in total.
//!
//! The generic cell rate algorithm (ITU-T I.371 §A): one instant per source says when it will be
//! even again. A source is an IPv4 address or an IPv6 /64, because one host owns a whole /64.
//! The total limit guards against many sources: it bounds guesses and argon2 work. Two kinds of
//! tries are counted apart from it, so that a crowd that guesses keeps no technician out: those of
//! a browser that was let in before (its device, see [`super::device`]), and those made on the box
//! itself, for example through an SSH tunnel.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use holdfast_base::Mono;

use super::secret::TokenHash;

/// Tries of one source: 5 at once, then one every 12 s.
const PER_SOURCE: Rate = Rate { burst: 5, every: Duration::from_secs(12) };
/// Tries of all sources: 30 at once, then one every 2 s.
const IN_TOTAL: Rate = Rate { burst: 30, every: Duration::from_secs(2) };
/// Most sources remembered, devices among them; the one that is even soonest gives way.
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
    sources: BTreeMap<Source, Mono>,
}

/// Whose tries are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Source {
    /// A host, or the /64 of one.
    Network(IpAddr),
    /// A browser that has brought the right password of this user before.
    Device(TokenHash),
}

impl Source {
    /// Where a try comes from when nothing more is known.
    pub(crate) fn of(from: IpAddr) -> Self {
        Self::Network(network(from))
    }

    /// Whether a crowd elsewhere has no say in how often it may try.
    const fn stands_apart(self) -> bool {
        match self {
            Self::Network(address) => address.is_loopback(),
            Self::Device(_) => true,
        }
    }
}

impl Throttle {
    /// Counts one try; `Err` is the time to wait before the next one.
    pub(crate) fn admit(&mut self, now: Mono, source: Source) -> Result<(), Duration> {
        let mut even_at = self.sources.get(&source).copied().unwrap_or_default();
        PER_SOURCE.admit(now, &mut even_at)?;
        if !source.stands_apart() {
            IN_TOTAL.admit(now, &mut self.total)?;
        }
        self.make_room(now, source);
        self.sources.insert(source, even_at);
        Ok(())
    }

    /// A right password clears the tries of its source.
    pub(crate) fn forgive(&mut self, source: Source) {
        self.sources.remove(&source);
    }

    fn make_room(&mut self, now: Mono, newcomer: Source) {
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

/// The address of an IPv4 host, the /64 of an IPv6 host.
pub(crate) fn network(from: IpAddr) -> IpAddr {
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
    use super::{IN_TOTAL, PER_SOURCE, SOURCES_MAX, Source, Throttle};
    use holdfast_base::Mono;
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
    use std::time::Duration;

    fn host(number: u32) -> Source {
        Source::of(IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + number)))
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
    fn a_crowd_that_guesses_locks_out_neither_a_known_browser_nor_the_box_itself() {
        let mut throttle = Throttle::default();
        let now = Mono::from_micros(1);
        for number in 0..1000 {
            let _ = throttle.admit(now, host(number));
        }
        let (device, console) = (Source::Device([7; 32]), Source::of(Ipv4Addr::LOCALHOST.into()));
        assert!(throttle.admit(now, host(1001)).is_err());
        for source in [device, console] {
            for _ in 0..PER_SOURCE.burst {
                assert_eq!(throttle.admit(now, source), Ok(()));
            }
            assert_eq!(throttle.admit(now, source), Err(PER_SOURCE.every), "bounded as well");
        }
    }

    #[test]
    fn a_host_does_not_escape_within_its_64() {
        let mut throttle = Throttle::default();
        let now = Mono::from_micros(1);
        let address = |last| Source::of(Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, last).into());
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
