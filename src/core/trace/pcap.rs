//! The messages of a call as a pcap file, for programs that read packets.
//!
//! The trace has messages, not packets, so IP and UDP or TCP headers are made for them: with the
//! right addresses, ports and checksums, and without the parts of a connection that nobody saw.
//! What passed inside of TLS is written as TCP, in the clear. The format is that of libpcap, with
//! LINKTYPE_RAW: packets begin with their IP header.

use holdfast_base::Wall;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use super::hep::ends;
use super::mask::{Mask, Numbers};
use super::{Entry, What};
use crate::sip::flow::Transport;

/// First bytes of a file with microseconds.
const MAGIC: u32 = 0xa1b2_c3d4;
/// `LINKTYPE_RAW`.
const RAW_IP: u32 = 101;
/// Longest packet that readers must expect.
const SNAP_BYTES: u32 = 262_144;
/// Longest payload of one packet. A message beyond is written in several TCP segments, and cut in
/// UDP, where it could not have been that long.
const PAYLOAD_MAX: usize = 65_000;
const IP_UDP: u8 = 17;
const IP_TCP: u8 = 6;
const TTL: u8 = 64;
/// PSH and ACK (RFC 9293 §3.1).
const PUSH_ACK: u8 = 0x18;

/// The file.
#[must_use]
pub fn pcap(entries: &[Entry], numbers: Numbers) -> Vec<u8> {
    let mask = Mask::of(entries, numbers);
    let mut file = header();
    let mut sent: BTreeMap<(SocketAddr, SocketAddr), u32> = BTreeMap::new();
    for entry in entries {
        let What::Message(message) = &entry.what else { continue };
        let (source, destination) = ends(message);
        let bytes = mask.bytes(&message.bytes);
        let chunks = bytes.chunks(PAYLOAD_MAX);
        match message.flow.transport {
            Transport::Udp => chunks.take(1).for_each(|payload| {
                let segment = udp(source, destination, payload);
                push(&mut file, entry.at, &ip(source, destination, IP_UDP, &segment));
            }),
            Transport::Tcp | Transport::Tls | Transport::Ws | Transport::Wss => {
                chunks.for_each(|payload| {
                    let back = sent.get(&(destination, source)).copied().unwrap_or(0);
                    let place = sent.entry((source, destination)).or_default();
                    let segment = tcp(source, destination, (*place, back), payload);
                    let length = u32::try_from(payload.len()).unwrap_or(0); // PAYLOAD_MAX fits
                    *place = place.wrapping_add(length);
                    push(&mut file, entry.at, &ip(source, destination, IP_TCP, &segment));
                })
            }
        }
    }
    file
}

fn header() -> Vec<u8> {
    let mut file = Vec::new();
    file.extend_from_slice(&MAGIC.to_le_bytes());
    file.extend_from_slice(&[2, 0, 4, 0]); // version 2.4
    file.extend_from_slice(&[0; 8]); // UTC, and an accuracy that nobody gives
    file.extend_from_slice(&SNAP_BYTES.to_le_bytes());
    file.extend_from_slice(&RAW_IP.to_le_bytes());
    file
}

fn push(file: &mut Vec<u8>, at: Wall, packet: &[u8]) {
    let seconds = u32::try_from(at.seconds()).unwrap_or(0);
    let micros = u32::try_from(at.micros().rem_euclid(1_000_000)).unwrap_or(0);
    let length = u32::try_from(packet.len()).unwrap_or(SNAP_BYTES);
    for word in [seconds, micros, length, length] {
        file.extend_from_slice(&word.to_le_bytes());
    }
    file.extend_from_slice(packet);
}

/// RFC 791 §3.1, RFC 8200 §3.
fn ip(source: SocketAddr, destination: SocketAddr, protocol: u8, segment: &[u8]) -> Vec<u8> {
    let mut packet = Vec::with_capacity(segment.len() + 40);
    match (source.ip(), destination.ip()) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let mut head = vec![0x45, 0];
            head.extend_from_slice(&short(20 + segment.len()));
            head.extend_from_slice(&[0, 0, 0x40, 0, TTL, protocol, 0, 0]); // not to be fragmented
            head.extend_from_slice(&source.octets());
            head.extend_from_slice(&destination.octets());
            let sum = checksum(&[&head]).to_be_bytes();
            head.splice(10..12, sum);
            packet.extend_from_slice(&head);
        }
        (source, destination) => {
            packet.extend_from_slice(&[0x60, 0, 0, 0]);
            packet.extend_from_slice(&short(segment.len()));
            packet.extend_from_slice(&[protocol, TTL]);
            packet.extend_from_slice(&octets(source));
            packet.extend_from_slice(&octets(destination));
        }
    }
    packet.extend_from_slice(segment);
    packet
}

/// RFC 768.
fn udp(source: SocketAddr, destination: SocketAddr, payload: &[u8]) -> Vec<u8> {
    let mut segment = Vec::with_capacity(payload.len() + 8);
    segment.extend_from_slice(&source.port().to_be_bytes());
    segment.extend_from_slice(&destination.port().to_be_bytes());
    segment.extend_from_slice(&short(8 + payload.len()));
    segment.extend_from_slice(&[0, 0]);
    segment.extend_from_slice(payload);
    let sum = match transport_sum(source, destination, IP_UDP, &segment) {
        0 => u16::MAX, // zero would mean that there is none
        sum => sum,
    };
    segment.splice(6..8, sum.to_be_bytes());
    segment
}

/// RFC 9293 §3.1. `places` are the sequence number and what is acknowledged.
fn tcp(source: SocketAddr, destination: SocketAddr, places: (u32, u32), payload: &[u8]) -> Vec<u8> {
    let (sequence, acknowledged) = places;
    let mut segment = Vec::with_capacity(payload.len() + 20);
    segment.extend_from_slice(&source.port().to_be_bytes());
    segment.extend_from_slice(&destination.port().to_be_bytes());
    segment.extend_from_slice(&sequence.to_be_bytes());
    segment.extend_from_slice(&acknowledged.to_be_bytes());
    segment.extend_from_slice(&[0x50, PUSH_ACK, 0xff, 0xff, 0, 0, 0, 0]);
    segment.extend_from_slice(payload);
    let sum = transport_sum(source, destination, IP_TCP, &segment);
    segment.splice(16..18, sum.to_be_bytes());
    segment
}

/// The checksum over a segment and its pseudo header (RFC 9293 §3.1, RFC 8200 §8.1).
fn transport_sum(source: SocketAddr, destination: SocketAddr, protocol: u8, segment: &[u8]) -> u16 {
    let mut pseudo = Vec::with_capacity(40);
    match (source.ip(), destination.ip()) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            pseudo.extend_from_slice(&source.octets());
            pseudo.extend_from_slice(&destination.octets());
        }
        (source, destination) => {
            pseudo.extend_from_slice(&octets(source));
            pseudo.extend_from_slice(&octets(destination));
        }
    }
    pseudo.extend_from_slice(&[0, protocol]);
    pseudo.extend_from_slice(&short(segment.len()));
    checksum(&[&pseudo, segment])
}

/// RFC 1071 §1. Every part but the last is of even length.
fn checksum(parts: &[&[u8]]) -> u16 {
    let pair = |pair: &[u8]| match pair {
        [high, low] => u32::from(u16::from_be_bytes([*high, *low])),
        [high] => u32::from(u16::from_be_bytes([*high, 0])),
        _ => 0,
    };
    let mut sum: u32 = parts.iter().flat_map(|part| part.chunks(2)).map(pair).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or(0)
}

fn short(length: usize) -> [u8; 2] {
    u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes()
}

const fn octets(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    }
}

#[cfg(test)]
mod tests {
    use super::{checksum, pcap};
    use crate::sip::flow::{Flow, Transport};
    use crate::trace::mask::Numbers;
    use crate::trace::{Direction, Entry, Seen, Trace, What, sample};
    use holdfast_base::Wall;
    use proptest::prelude::{any, prop, proptest};

    /// A packet as a reader finds it.
    struct Packet {
        micros: i64,
        source: String,
        destination: String,
        protocol: u8,
        /// Sequence number and what is acknowledged, of TCP.
        places: (u32, u32),
        payload: Vec<u8>,
    }

    fn le(bytes: &[u8]) -> u32 {
        u32::from_le_bytes(bytes.try_into().unwrap())
    }

    fn be(bytes: &[u8]) -> u32 {
        bytes.iter().fold(0, |number, byte| number << 8 | u32::from(*byte))
    }

    fn read(file: &[u8]) -> Vec<Packet> {
        assert_eq!(file[..8], [0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0]);
        assert_eq!((le(&file[16..20]), le(&file[20..24])), (262_144, 101));
        let (mut rest, mut packets) = (&file[24..], Vec::new());
        while !rest.is_empty() {
            let (head, length) = (&rest[..16], le(&rest[8..12]));
            assert_eq!(le(&head[12..16]), length);
            let end = 16 + usize::try_from(length).unwrap();
            let micros = i64::from(le(&head[..4])) * 1_000_000 + i64::from(le(&head[4..8]));
            packets.push(dissect(micros, &rest[16..end]));
            rest = &rest[end..];
        }
        packets
    }

    fn dissect(micros: i64, packet: &[u8]) -> Packet {
        let v4 = packet[0] == 0x45;
        let (protocol, addresses, segment) = if v4 {
            assert_eq!(checksum(&[&packet[..20]]), 0, "the IP header sums up");
            assert_eq!(be(&packet[2..4]), u32::try_from(packet.len()).unwrap());
            (packet[9], &packet[12..20], &packet[20..])
        } else {
            assert_eq!(packet[0], 0x60);
            assert_eq!(be(&packet[4..6]), u32::try_from(packet.len() - 40).unwrap());
            (packet[6], &packet[8..40], &packet[40..])
        };
        let length = u16::try_from(segment.len()).unwrap().to_be_bytes();
        let pseudo = [addresses, &[0, protocol], &length].concat();
        assert_eq!(checksum(&[&pseudo, segment]), 0, "the segment sums up");
        let (source, destination) = addresses.split_at(addresses.len() / 2);
        let address = |octets: &[u8]| match <[u8; 4]>::try_from(octets) {
            Ok(v4) => std::net::IpAddr::from(v4),
            Err(_) => std::net::IpAddr::from(<[u8; 16]>::try_from(octets).unwrap()),
        };
        let end = |octets, port: &[u8]| {
            let port = u16::try_from(be(port)).unwrap();
            std::net::SocketAddr::new(address(octets), port).to_string()
        };
        let head = if protocol == 17 { 8 } else { 20 };
        let places =
            if protocol == 17 { (0, 0) } else { (be(&segment[4..8]), be(&segment[8..12])) };
        Packet {
            micros,
            source: end(source, &segment[..2]),
            destination: end(destination, &segment[2..4]),
            protocol,
            places,
            payload: segment[head..].to_vec(),
        }
    }

    #[test]
    fn every_message_of_the_call_is_a_packet() {
        let entries = sample::entries(sample::script());
        let packets = read(&pcap(&entries, Numbers::Full));
        let said: Vec<&[u8]> = entries
            .iter()
            .filter_map(|entry| match &entry.what {
                What::Message(message) => Some(message.bytes.as_slice()),
                What::Fact(_) | What::Media(_) => None,
            })
            .collect();
        assert_eq!(packets.iter().map(|packet| &*packet.payload).collect::<Vec<_>>(), said);
        let first = packets.first().unwrap();
        assert_eq!((first.micros, first.protocol), (sample::START_US, 17));
        assert_eq!((&*first.source, &*first.destination), ("203.0.113.5:5060", "192.0.2.1:5060"));
        let second = packets.get(1).unwrap();
        assert_eq!(second.destination, "203.0.113.5:5060");
    }

    #[test]
    fn numbers_are_covered_in_their_length() {
        let entries = sample::entries(sample::script());
        let (masked, full) = (pcap(&entries, Numbers::Masked), pcap(&entries, Numbers::Full));
        assert_eq!(masked.len(), full.len());
        let holds = |file: &[u8], text: &[u8]| file.windows(text.len()).any(|part| part == text);
        assert!(holds(&full, b"41313330011") && !holds(&masked, b"41313330011"));
        assert!(holds(&masked, b"+4xxxxxxxx11"));
    }

    fn entry(flow: Flow, direction: Direction, bytes: &[u8]) -> Entry {
        let seen = Seen::Message { direction, flow, bytes: bytes.to_vec() };
        Trace::new(0).read(Wall::from_micros(1_000_001), seen).unwrap()
    }

    proptest! {
        #[test]
        fn any_message_over_any_transport_is_read_back(
            bytes in prop::collection::vec(any::<u8>(), 1..80),
            repeated in 1_usize..1000,
            kind in 0_usize..3,
            v6 in any::<bool>(),
        ) {
            let bytes = bytes.repeat(repeated);
            let transport = [Transport::Udp, Transport::Tcp, Transport::Tls][kind];
            let addresses = if v6 { ["[2001:db8::1]", "[2001:db8::2]"] } else { ["192.0.2.1", "192.0.2.2"] };
            let [local, remote] = addresses.map(|address| format!("{address}:5060"));
            let (local, remote) = (local.parse().unwrap(), remote.parse().unwrap());
            let flow = Flow { transport, local, remote, connection: None, trunk: None };
            let entries = [entry(flow, Direction::Out, &bytes), entry(flow, Direction::In, b"back")];
            let What::Message(kept) = &entries[0].what else { panic!("a message") };
            let packets = read(&pcap(&entries, Numbers::Full));
            let (back, there) = packets.split_last().unwrap();
            let payload: Vec<u8> = there.iter().flat_map(|packet| packet.payload.clone()).collect();
            let whole = if kind == 0 { bytes.len().min(65_000) } else { bytes.len() };
            assert_eq!(payload, kept.bytes[..whole]);
            assert_eq!(back.payload, b"back");
            let length = if kind == 0 { 0 } else { u32::try_from(bytes.len()).unwrap() };
            assert_eq!(back.places, (0, length), "TCP acknowledges what was sent");
            assert_eq!(there[0].source, local.to_string());
        }
    }
}
