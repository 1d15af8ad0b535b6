//! What happens around the rollover counter, over gaps and restarts, and at the limits.

use super::super::receiver::SOURCES_MAX;
use super::super::{NotSent, Receiver, Refused, Sender, Suite};
use super::{key, packet};

const SUITES: [Suite; 2] = [Suite::AesCm128HmacSha1Tag80, Suite::AeadAes128Gcm];

/// Protects the packets of these numbers, counted without wrap, and hands them to the receiver
/// when it is to hear them.
fn send(sender: &mut Sender, to: &mut Receiver, range: std::ops::Range<u32>, heard: bool) {
    for number in range {
        let [_, _, a, b] = number.to_be_bytes();
        let (mut room, length) = packet(7, u16::from_be_bytes([a, b]));
        let length = sender.protect(&mut room, length).unwrap();
        if heard {
            assert_eq!(to.unprotect(&mut room[..length]), Ok(172), "{number}");
        }
    }
}

#[test]
fn more_packets_than_numbers_and_gaps_of_any_length() {
    for suite in SUITES {
        let master = key(suite, 1);
        let (mut sender, mut receiver) = (Sender::new(&master), Receiver::new(&master, 0));
        send(&mut sender, &mut receiver, 65_000..140_000, true);
        // Held for longer than half the numbers last, while the peer went on sending.
        send(&mut sender, &mut receiver, 140_000..190_000, false);
        send(&mut sender, &mut receiver, 190_000..190_100, true);
        assert_eq!(receiver.sources_heard()[&7], Some(190_099));
    }
}

#[test]
fn who_joins_late_finds_the_counter() {
    for suite in SUITES {
        let master = key(suite, 1);
        let (mut sender, mut late) = (Sender::new(&master), Receiver::new(&master, 0));
        send(&mut sender, &mut late, 65_000..340_000, false);
        send(&mut sender, &mut late, 340_000..340_010, true);
        assert_eq!(late.sources_heard()[&7], Some(340_009));
    }
}

#[test]
fn an_old_packet_played_to_a_restarted_receiver_deafens_nobody() {
    for suite in SUITES {
        let master = key(suite, 1);
        let (mut sender, mut restarted) = (Sender::new(&master), Receiver::new(&master, 0));
        let (mut old, length) = packet(7, 65_000);
        let length = sender.protect(&mut old, length).unwrap();
        send(&mut sender, &mut restarted, 65_001..340_000, false);
        assert_eq!(restarted.unprotect(&mut old[..length]), Ok(172), "nobody knows it any more");
        send(&mut sender, &mut restarted, 340_000..340_010, true);
        assert_eq!(restarted.sources_heard()[&7], Some(340_009));
    }
}

#[test]
fn a_new_source_begins_at_zero_or_where_the_last_one_was() {
    for suite in SUITES {
        let master = key(suite, 1);
        let (mut sender, mut receiver) = (Sender::new(&master), Receiver::new(&master, 0));
        send(&mut sender, &mut receiver, 65_000..140_000, true);
        let (mut room, length) = packet(8, 1000);
        let length = sender.protect(&mut room, length).unwrap();
        assert_eq!(receiver.unprotect(&mut room[..length]), Ok(172), "at 0");
        // A peer that counts on when its source changes: as if it had sent 2·65,536 packets of it.
        let mut carried = Sender::new(&master);
        for number in 0..3 * 65_536u32 {
            let [_, _, a, b] = number.to_be_bytes();
            let (mut room, length) = packet(9, u16::from_be_bytes([a, b]));
            let length = carried.protect(&mut room, length).unwrap();
            if number >= 140_100 {
                send(&mut sender, &mut receiver, 140_000..140_001, true);
                assert_eq!(receiver.unprotect(&mut room[..length]), Ok(172), "counted on");
                break;
            }
        }
    }
}

#[test]
fn a_beginning_that_was_lost_is_no_obstacle() {
    for suite in SUITES {
        let master = key(suite, 1);
        let (mut sender, mut receiver) = (Sender::new(&master), Receiver::new(&master, 0));
        send(&mut sender, &mut receiver, 65_530..65_540, false);
        send(&mut sender, &mut receiver, 65_540..65_550, true);
    }
}

#[test]
fn an_identifier_is_tolerated_and_not_insisted_on() {
    for suite in SUITES {
        let master = key(suite, 1);
        let (mut sender, mut receiver) = (Sender::new(&master), Receiver::new(&master, 1));
        for (sequence, present) in [(1, false), (2, true), (3, true), (4, false)] {
            let (mut room, length) = packet(7, sequence);
            let length = sender.protect(&mut room, length).unwrap();
            let mut sent = room[..length].to_vec();
            if present {
                // RFC 3711 §3.1: before the tag; RFC 7714 §8.2 has no other tag behind it.
                let at = if suite == Suite::AeadAes128Gcm { length } else { length - 10 };
                sent.insert(at, 1);
            }
            assert_eq!(receiver.unprotect(&mut sent), Ok(172), "{suite:?} {sequence}");
        }
    }
}

#[test]
fn sources_are_bounded_and_the_one_unheard_for_longest_goes() {
    let master = key(Suite::AesCm128HmacSha1Tag80, 1);
    let mut receiver = Receiver::new(&master, 0);
    let one = |ssrc| {
        let (mut room, length) = packet(ssrc, 5);
        let length = Sender::new(&master).protect(&mut room, length).unwrap();
        room[..length].to_vec()
    };
    for ssrc in 0..=u32::try_from(SOURCES_MAX).unwrap() {
        receiver.unprotect(&mut one(ssrc)).unwrap();
    }
    assert_eq!(receiver.sources_heard().len(), SOURCES_MAX);
    assert!(!receiver.sources_heard().contains_key(&0));
    assert_eq!(receiver.unprotect(&mut one(1)), Err(Refused::Replayed));
}

#[test]
fn a_sender_says_what_it_does_not_send() {
    let master = key(Suite::AesCm128HmacSha1Tag80, 1);
    let mut sender = Sender::new(&master);
    let mut try_packet = |ssrc, sequence, room_bytes: usize| {
        let (mut room, length) = packet(ssrc, sequence);
        sender.protect(&mut room[..room_bytes], length)
    };
    assert_eq!(try_packet(1, 5, 181), Err(NotSent::NoRoom));
    assert_eq!(try_packet(1, 5, 182), Ok(182), "nothing was spent before");
    assert_eq!(try_packet(1, 5, 182), Err(NotSent::Reused));
    for ssrc in 2..5 {
        assert_eq!(try_packet(ssrc, 5, 182), Ok(182));
    }
    assert_eq!(try_packet(5, 5, 182), Err(NotSent::TooManySources));
    assert_eq!(sender.protect(&mut [0; 64], 20), Err(NotSent::Malformed));
    sender.exhaust();
    let (mut room, length) = packet(1, 6);
    assert_eq!(sender.protect(&mut room, length), Err(NotSent::Exhausted));
    sender.next_report(1, 1 << 31);
    let mut report = [0; 64];
    report[..8].copy_from_slice(&[0x80, 201, 0, 1, 0, 0, 0, 1]);
    assert_eq!(sender.protect_report(&mut report, 8), Err(NotSent::Exhausted));
}
