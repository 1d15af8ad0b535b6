//! Places of connections: how many there are, whose they are, and who makes room for whom.
//!
//! ```text
//! stranger ── shows a session ──► known ── shows none for STRANGER_STAY ──► stranger ──► out
//! ```
//! A connection that shows a session is never sent away for another one. All others are strangers:
//! they stay for a minute at most, whatever they do, and when all places are taken the stranger
//! who came first makes room, of the source that has the most. So an attacker fills the places and
//! still does not keep a technician out, who comes with one connection or two: only one with more
//! addresses than there are places is no larger a crowd, and then the newest stay longest.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::auth::throttle::network;

/// Most connections at once.
pub(crate) const CONNECTIONS_MAX: usize = 256;
/// Most connections of one network address: some browsers with some tabs behind one NAT.
pub(crate) const CONNECTIONS_PER_SOURCE_MAX: usize = 48;
/// How long a connection may stay that shows no session: time for a login by hand. Browsers open a
/// new one without a word when it is over.
pub(crate) const STRANGER_STAY: Duration = Duration::from_secs(60);

/// All places.
#[derive(Clone, Default)]
pub(crate) struct Places {
    inside: Arc<Mutex<Inside>>,
}

/// Everyone who is in, in the order in which they came.
#[derive(Default)]
struct Inside {
    came: u64,
    guests: BTreeMap<u64, Guest>,
}

struct Guest {
    source: IpAddr,
    standing: Arc<Standing>,
}

/// What a connection has shown of itself; the guard writes it, its place reads it.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    /// A session was shown since the last look.
    shown: AtomicBool,
    /// A session was shown since the look before that.
    known: AtomicBool,
    leave: Notify,
}

impl Standing {
    /// The connection belongs to somebody who is logged in.
    pub(crate) fn show_session(&self) {
        self.shown.store(true, Ordering::Relaxed);
        self.known.store(true, Ordering::Relaxed);
    }

    /// Over when the connection has shown no session for [`STRANGER_STAY`].
    pub(crate) async fn outstayed(&self) {
        loop {
            tokio::time::sleep(STRANGER_STAY).await;
            let shown = self.shown.swap(false, Ordering::Relaxed);
            self.known.store(shown, Ordering::Relaxed);
            if !shown {
                return;
            }
        }
    }

    /// Over when somebody else needs the place.
    pub(crate) async fn asked_to_leave(&self) {
        self.leave.notified().await;
    }
}

/// One place; free again when dropped, however the connection ended.
pub(crate) struct Place {
    places: Places,
    number: u64,
    pub(crate) standing: Arc<Standing>,
}

impl Places {
    /// A place for a connection from `source`; none when all are held by people who are logged in.
    pub(crate) fn take(&self, source: IpAddr) -> Option<Place> {
        let source = network(source);
        let mut inside = self.lock();
        if inside.of(source) >= CONNECTIONS_PER_SOURCE_MAX {
            inside.make_room(source)?;
        } else if inside.guests.len() >= CONNECTIONS_MAX {
            let crowd = inside.largest_crowd()?;
            inside.make_room(crowd)?;
        }
        inside.came += 1;
        let number = inside.came;
        let standing = Arc::<Standing>::default();
        inside.guests.insert(number, Guest { source, standing: standing.clone() });
        Some(Place { places: self.clone(), number, standing })
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inside {
    fn of(&self, source: IpAddr) -> usize {
        self.guests.values().filter(|guest| guest.source == source).count()
    }

    /// The source with the most strangers; of several, the one whose first stranger came first,
    /// since a rule that went by address would let whoever has the right ones stay for ever.
    fn largest_crowd(&self) -> Option<IpAddr> {
        let mut crowds: BTreeMap<IpAddr, (usize, Reverse<u64>)> = BTreeMap::new();
        for (number, guest) in self.guests.iter().filter(|(_, guest)| guest.is_stranger()) {
            crowds.entry(guest.source).or_insert((0, Reverse(*number))).0 += 1;
        }
        crowds.into_iter().max_by_key(|(_, crowd)| *crowd).map(|(source, _)| source)
    }

    /// Sends the first stranger of `source` away.
    fn make_room(&mut self, source: IpAddr) -> Option<()> {
        let first = self
            .guests
            .iter()
            .find(|(_, guest)| guest.source == source && guest.is_stranger())
            .map(|(number, _)| *number)?;
        let guest = self.guests.remove(&first)?;
        guest.standing.leave.notify_one();
        Some(())
    }
}

impl Guest {
    fn is_stranger(&self) -> bool {
        !self.standing.known.load(Ordering::Relaxed)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Nothing to remove when it was given to somebody else.
        self.places.lock().guests.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::{CONNECTIONS_MAX, CONNECTIONS_PER_SOURCE_MAX, Place, Places};
    use futures_util::FutureExt;
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

    fn host(number: usize) -> IpAddr {
        IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + u32::try_from(number).unwrap()))
    }

    fn was_sent_away(place: &Place) -> bool {
        place.standing.asked_to_leave().now_or_never().is_some()
    }

    #[test]
    fn a_crowd_from_many_addresses_makes_room_for_one_person() {
        let places = Places::default();
        let taken = |number: usize| places.take(host(number / 40)).unwrap();
        let crowd: Vec<_> = (0..CONNECTIONS_MAX).map(taken).collect();
        let technician = places.take(host(9999)).unwrap();
        let more: Vec<_> = (0..CONNECTIONS_MAX).map(taken).collect();
        assert_eq!(places.lock().guests.len(), CONNECTIONS_MAX);
        assert!(!was_sent_away(&technician), "one connection is no crowd");
        assert!(crowd.iter().any(was_sent_away));
        drop((crowd, more, technician));
        assert!(places.lock().guests.is_empty());
    }

    #[test]
    fn of_crowds_of_one_the_first_makes_room_whatever_its_address() {
        let places = Places::default();
        let crowd: Vec<_> = (0..CONNECTIONS_MAX).map(|n| places.take(host(n)).unwrap()).collect();
        let technician = places.take(host(9999)).unwrap();
        let next = places.take(host(5000)).unwrap();
        assert!(was_sent_away(&crowd[0]) && was_sent_away(&crowd[1]));
        assert!(!was_sent_away(&technician) && !was_sent_away(&next));
    }

    #[test]
    fn the_first_stranger_of_a_source_makes_room_and_nobody_who_is_logged_in() {
        let places = Places::default();
        let held: Vec<_> =
            (0..CONNECTIONS_PER_SOURCE_MAX).map(|_| places.take(host(1)).unwrap()).collect();
        held[0].standing.show_session();
        let next = places.take(host(1)).unwrap();
        assert_eq!(places.lock().of(host(1)), CONNECTIONS_PER_SOURCE_MAX);
        assert!(!was_sent_away(&held[0]));
        assert!(was_sent_away(&held[1]));
        assert!(!was_sent_away(&held[2]));

        held.iter().chain([&next]).for_each(|place| place.standing.show_session());
        assert!(places.take(host(1)).is_none());
        assert!(places.take(host(2)).is_some());
    }

    #[test]
    fn a_host_is_one_source_whatever_addresses_it_takes_of_its_64() {
        let places = Places::default();
        let address = |last| IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, last));
        let held: Vec<_> = (0..100).map(|last| places.take(address(last)).unwrap()).collect();
        assert_eq!(places.lock().guests.len(), CONNECTIONS_PER_SOURCE_MAX);
        assert!(was_sent_away(&held[0]));
    }
}
