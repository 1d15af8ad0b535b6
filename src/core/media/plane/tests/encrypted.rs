//! Encrypted streams beside clear ones: what is opened, what is refused, what never leaves.

use super::{A, B, Bench, Left, PCMA, address, clips, one_stream, rtp};
use crate::media::order::{Crypto, Source};
use crate::media::plane::Port;
use holdfast_base::StreamId;
use holdfast_wire::g711::Law;
use holdfast_wire::rtp::rtcp::Compound;
use holdfast_wire::srtp::{GROWTH_BYTES_MAX, MasterKey, Receiver, Sender, Suite};

const SUITE: Suite = Suite::AesCm128HmacSha1Tag80;

fn key(number: u8) -> MasterKey {
    let length = SUITE.key_bytes() + SUITE.salt_bytes();
    MasterKey::new(SUITE, &vec![number; length]).unwrap()
}

fn keys(ours: u8, theirs: u8) -> Crypto {
    Crypto { send: Some(key(ours)), receive: key(theirs), mki_bytes: 0 }
}

/// The remote of a stream that speaks SRTP.
struct Phone {
    stream: StreamId,
    sender: Sender,
    receiver: Receiver,
}

impl Phone {
    fn new(stream: StreamId, ours: u8, theirs: u8) -> Self {
        let (sender, receiver) = (Sender::new(&key(theirs)), Receiver::new(&key(ours), 0));
        Self { stream, sender, receiver }
    }

    /// Packet `n` of its counting, which is not cut to 16 bits.
    fn packet(&mut self, n: u32) -> Vec<u8> {
        let [_, _, a, b] = n.to_be_bytes();
        let payload = [Law::A.encode(4000); 160];
        let mut bytes = rtp(8, u16::from_be_bytes([a, b]), n.wrapping_mul(160), &payload);
        let length = bytes.len();
        bytes.resize(length + GROWTH_BYTES_MAX, 0);
        let length = self.sender.protect(&mut bytes, length).unwrap();
        bytes.truncate(length);
        bytes
    }

    fn speaks(&mut self, bench: &mut Bench, n: u32) {
        let bytes = self.packet(n);
        bench.datagram((self.stream, Port::Rtp), address(self.stream), &bytes);
    }

    /// The payloads that it could open of all that left towards it since the last time.
    fn hears(&mut self, bench: &mut Bench) -> Vec<Vec<u8>> {
        let mut heard = Vec::new();
        for mut left in bench.heard_by(self.stream) {
            let length = self.receiver.unprotect(&mut left.bytes).expect("authentic and new");
            heard.push(left.bytes[12..length].to_vec());
        }
        bench.left.clear();
        heard
    }
}

/// Packet `n` of B, in the clear.
fn clear(bench: &mut Bench, n: u32) {
    let [_, _, a, b] = n.to_be_bytes();
    let sequence = u16::from_be_bytes([a, b]);
    let bytes = rtp(8, sequence, n.wrapping_mul(160), &[Law::A.encode(4000); 160]);
    bench.datagram((B, Port::Rtp), address(B), &bytes);
}

/// What B heard of A, and not of the filler while A was silent.
fn spoken_to_b(bench: &Bench) -> usize {
    let spoken = |left: &&Left| left.bytes[12..] == [Law::A.encode(4000); 160];
    bench.heard_by(B).iter().filter(spoken).count()
}

/// A is encrypted, B in the clear; they hear each other.
fn bridged() -> (Bench, Phone) {
    let mut bench = Bench::bridged();
    bench.expect(A, |remote| remote.crypto = Some(keys(1, 2)));
    (bench, Phone::new(A, 1, 2))
}

#[test]
fn what_is_spoken_encrypted_is_heard_in_the_clear_and_back() {
    let (mut bench, mut phone) = bridged();
    for n in 0..50 {
        phone.speaks(&mut bench, n);
        bench.pass(20);
    }
    let heard = bench.heard_by(B);
    assert_eq!(heard.len(), 50);
    one_stream(&heard);
    assert!(heard.iter().all(|left| left.bytes[12..] == [Law::A.encode(4000); 160]));
    bench.left.clear();
    for n in 0..50 {
        bench.audio(B, n);
    }
    assert_eq!(phone.hears(&mut bench), vec![vec![Law::A.encode(4000); 160]; 50]);
}

#[test]
fn music_keys_and_reports_are_encrypted_too() {
    let (mut bench, mut phone) = bridged();
    bench.hear(A, clips(&["word"], Some("music"), 1000));
    bench.pass(2000);
    assert!(phone.hears(&mut bench).len() > 90);
    bench.pass(8000);
    let to_phone = |left: &&Left| left.port == Port::Rtcp && left.to.ip() == address(A).ip();
    let report = bench.left.iter().find(to_phone).expect("a report");
    assert_eq!(Compound::parse(&report.bytes), Err(holdfast_wire::rtp::rtcp::NotRtcp));
    let mut bytes = report.bytes.clone();
    let length = phone.receiver.unprotect_report(&mut bytes).expect("authentic");
    assert!(Compound::parse(&bytes[..length]).unwrap().sent.is_some());
}

#[test]
fn only_what_is_authentic_and_new_moves_anything() {
    let (mut bench, mut phone) = bridged();
    let first = phone.packet(0);
    let mut damaged = first.clone();
    *damaged.last_mut().unwrap() ^= 1;
    let attacker = "10.6.6.6:666".parse().unwrap();
    bench.pass(3000);
    for n in 0..20 {
        bench.datagram((A, Port::Rtp), address(A), &damaged);
        bench.audio(A, n); // in the clear
        bench.audio_from(A, attacker, n); // long after the remote fell silent
    }
    assert!(bench.edges.iter().all(|edge| !format!("{edge:?}").contains("FirstPacket")));
    bench.datagram((A, Port::Rtp), address(A), &first);
    bench.datagram((A, Port::Rtp), address(A), &first); // replayed
    assert_eq!(spoken_to_b(&bench), 1);
    let counters = bench.counters(A);
    assert_eq!((counters.received, counters.forged, counters.replayed), (1, 60, 1));
    assert_eq!(counters.refused, 61);
}

#[test]
fn more_than_65_536_packets_then_the_same_keys_and_then_others() {
    let (mut bench, mut phone) = bridged();
    for n in 0..70_000 {
        phone.speaks(&mut bench, n);
        clear(&mut bench, n);
        bench.left.retain(|left| left.to == address(A));
        if n % 1000 == 0 {
            assert!(!phone.hears(&mut bench).is_empty());
        }
    }
    phone.hears(&mut bench);
    // A re-INVITE that moves the remote, under the same keys.
    let moved = "10.0.0.1:5000".parse().ok();
    bench.expect(A, |remote| (remote.crypto, remote.rtcp) = (Some(keys(1, 2)), moved));
    phone.speaks(&mut bench, 70_000);
    assert_eq!(bench.heard_by(B).len(), 1);
    clear(&mut bench, 70_000);
    assert_eq!(phone.hears(&mut bench).len(), 1);
    // Other keys: both begin at a counter of 0.
    bench.expect(A, |remote| remote.crypto = Some(keys(3, 4)));
    let mut again = Phone::new(A, 3, 4);
    again.speaks(&mut bench, 70_001);
    assert_eq!(bench.heard_by(B).len(), 1);
    clear(&mut bench, 70_001);
    assert_eq!(again.hears(&mut bench).len(), 1);
    phone.speaks(&mut bench, 70_002);
    assert_eq!(bench.heard_by(B).len(), 0, "the old key is over");
}

#[test]
fn without_a_key_that_may_be_used_nothing_leaves() {
    let (mut bench, mut phone) = bridged();
    bench.expect(A, |remote| remote.crypto = Some(Crypto { send: None, ..keys(1, 2) }));
    bench.hear(A, clips(&[], Some("music"), 0));
    bench.pass(12_000);
    bench.hear(A, Source::Peer(B));
    bench.audio(B, 1);
    assert!(bench.left.iter().all(|left| left.to.ip() != address(A).ip()));
    phone.speaks(&mut bench, 1);
    assert_eq!(spoken_to_b(&bench), 1, "it is heard all the same");
}

#[test]
fn an_encrypted_pair_and_two_listeners_each_get_their_own() {
    let (mut bench, mut phone) = bridged();
    bench.expect(B, |remote| {
        remote.crypto = Some(keys(5, 6));
        remote.accepts = vec![PCMA];
    });
    let c = StreamId(3);
    bench.open(c);
    bench.expect(c, |_| {});
    bench.hear(c, Source::Peer(A));
    let mut other = Phone::new(B, 5, 6);
    for n in 0..20 {
        phone.speaks(&mut bench, n);
    }
    assert_eq!(bench.heard_by(c).len(), 20);
    assert!(bench.heard_by(c).iter().all(|left| left.bytes.len() == 172));
    assert_eq!(other.hears(&mut bench), vec![vec![Law::A.encode(4000); 160]; 20]);
}
