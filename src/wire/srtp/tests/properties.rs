//! Any order, any damage.

use super::super::{NotSent, Receiver, Refused, Sender, Suite};
use super::{key, packet};
use proptest::prelude::*;

fn suites() -> impl Strategy<Value = Suite> {
    prop::sample::select(Suite::ALL.to_vec())
}

fn protected(sender: &mut Sender, ssrc: u32, sequence: u16) -> Vec<u8> {
    let (mut room, length) = packet(ssrc, sequence);
    let length = sender.protect(&mut room, length).unwrap();
    room[..length].to_vec()
}

proptest! {
    /// Each packet is opened once, whatever the order within the window and however often it comes.
    #[test]
    fn in_any_order_each_packet_is_heard_once(
        suite in suites(),
        first in any::<u16>(),
        mut order in Just((0u16..100).chain(0..100).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let master = key(suite, 1);
        let mut sender = Sender::new(&master);
        let sent: Vec<_> =
            (0..100).map(|n| protected(&mut sender, 7, first.wrapping_add(n))).collect();
        let mut receiver = Receiver::new(&master, 0);
        // What came before the first number that is heard may lie before the beginning.
        receiver.unprotect(&mut sent[0].clone()).unwrap();
        order.retain(|n| *n != 0);
        let mut heard = [0; 100];
        for n in order {
            let mut bytes = sent[usize::from(n)].clone();
            match receiver.unprotect(&mut bytes) {
                Ok(length) => {
                    let (plain, plain_length) = packet(7, first.wrapping_add(n));
                    prop_assert_eq!(&bytes[..length], &plain[..plain_length]);
                    heard[usize::from(n)] += 1;
                }
                Err(why) => prop_assert_eq!(why, Refused::Replayed),
            }
        }
        prop_assert!(heard[1..].iter().all(|times| *times == 1), "{heard:?}");
    }

    /// A changed byte anywhere is noticed, and the true packet is heard afterwards as if nothing
    /// had been. (The sequence number far ahead would be the one to move the index.)
    #[test]
    fn a_changed_byte_is_refused_and_forgotten(
        suite in suites(),
        change in 1u8..=255,
        place in any::<prop::sample::Index>(),
        known in any::<bool>(),
    ) {
        let master = key(suite, 2);
        let (mut sender, mut receiver) = (Sender::new(&master), Receiver::new(&master, 0));
        let first = protected(&mut sender, 7, 999);
        if known {
            receiver.unprotect(&mut first.clone()).unwrap();
        }
        let sent = protected(&mut sender, 7, 1000);
        let before = receiver.sources_heard();
        let mut damaged = sent.clone();
        let place = place.index(sent.len());
        damaged[place] ^= change;
        prop_assert!(receiver.unprotect(&mut damaged).is_err());
        prop_assert_eq!(&before, &receiver.sources_heard());
        prop_assert!(receiver.unprotect(&mut sent.clone()).is_ok());
    }

    /// The same of reports.
    #[test]
    fn a_changed_byte_of_a_report_is_refused(
        suite in suites(),
        change in 1u8..=255,
        place in any::<prop::sample::Index>(),
    ) {
        let master = key(suite, 3);
        let (mut sender, mut receiver) = (Sender::new(&master), Receiver::new(&master, 0));
        let mut room = [0; 64];
        room[..16].copy_from_slice(&[0x81, 201, 0, 3, 0, 0, 0, 7, 1, 2, 3, 4, 5, 6, 7, 8]);
        let length = sender.protect_report(&mut room, 16).unwrap();
        let mut damaged = room;
        damaged[place.index(length)] ^= change;
        prop_assert!(receiver.unprotect_report(&mut damaged[..length]).is_err());
        prop_assert!(receiver.sources_heard().is_empty());
        prop_assert_eq!(receiver.unprotect_report(&mut room[..length]), Ok(16));
        prop_assert!(receiver.unprotect_report(&mut room[..length]).is_err());
    }

    /// No bytes make it panic, and none are taken for the peer's.
    #[test]
    fn noise_is_refused(
        suite in suites(),
        mut bytes in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        let mut receiver = Receiver::new(&key(suite, 4), 1);
        if let Some(first) = bytes.first_mut() {
            *first = *first & 0x3f | 0x80;
        }
        prop_assert!(receiver.unprotect(&mut bytes.clone()).is_err());
        prop_assert!(receiver.unprotect_report(&mut bytes).is_err());
        prop_assert!(receiver.sources_heard().is_empty());
    }

    /// However the sequence numbers jump about, no index is used twice under the key.
    #[test]
    fn no_index_is_used_twice(sequences in prop::collection::vec(any::<u16>(), 1..200)) {
        let mut sender = Sender::new(&key(Suite::AesCm128HmacSha1Tag80, 5));
        let mut used = std::collections::BTreeSet::new();
        for sequence in sequences {
            let (mut room, length) = packet(7, sequence);
            match sender.protect(&mut room, length) {
                // The payload is always the same: the same cipher text is the same key stream.
                Ok(_) => prop_assert!(used.insert(room[12..172].to_vec())),
                Err(why) => prop_assert_eq!(why, NotSent::Reused),
            }
        }
    }
}
