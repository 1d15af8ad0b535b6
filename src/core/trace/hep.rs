//! HEP3, the protocol of HOMER collectors: one message with the addresses between which it passed.
//!
//! ```text
//! "HEP3" | total length (2) | chunk | chunk | …       chunk: vendor (2) type (2) length (2) value
//! ```
//! Lengths count their own header, numbers are in network order (HEP3 specification, rev. 36,
//! "Generic chunk types", vendor 0x0000).

use holdfast_base::Wall;
use std::net::{IpAddr, SocketAddr};

use super::{Direction, Message};
use crate::sip::flow::Transport;

/// Bytes of a chunk in front of its value.
const CHUNK_HEAD: usize = 6;
/// IANA protocol numbers of UDP and TCP.
const IP_UDP: u8 = 17;
const IP_TCP: u8 = 6;
/// `AF_INET` and `AF_INET6` as the protocol counts them.
const FAMILY_V4: u8 = 2;
const FAMILY_V6: u8 = 10;
/// Protocol type of SIP.
const SIP: u8 = 1;

/// Who we are to the collector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agent {
    /// Our number.
    pub id: u32,
    /// Our name.
    pub name: String,
}

/// The packet that tells of a message. `correlation` is the Call-ID under which the collector finds
/// all legs of the call.
#[must_use]
pub fn packet(at: Wall, message: &Message, correlation: Option<&str>, agent: &Agent) -> Vec<u8> {
    let (source, destination) = ends(message);
    let mut chunks = Vec::with_capacity(message.bytes.len() + 160);
    let family = if source.is_ipv4() { FAMILY_V4 } else { FAMILY_V6 };
    let protocol = match message.flow.transport {
        Transport::Udp => IP_UDP,
        Transport::Tcp | Transport::Tls | Transport::Ws | Transport::Wss => IP_TCP,
    };
    let seconds = u32::try_from(at.seconds()).unwrap_or(u32::MAX);
    let micros = u32::try_from(at.micros().rem_euclid(1_000_000)).unwrap_or(0);
    push(&mut chunks, 0x0001, &[family]);
    push(&mut chunks, 0x0002, &[protocol]);
    match (source.ip(), destination.ip()) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            push(&mut chunks, 0x0003, &source.octets());
            push(&mut chunks, 0x0004, &destination.octets());
        }
        (source, destination) => {
            push(&mut chunks, 0x0005, &v6(source));
            push(&mut chunks, 0x0006, &v6(destination));
        }
    }
    push(&mut chunks, 0x0007, &source.port().to_be_bytes());
    push(&mut chunks, 0x0008, &destination.port().to_be_bytes());
    push(&mut chunks, 0x0009, &seconds.to_be_bytes());
    push(&mut chunks, 0x000a, &micros.to_be_bytes());
    push(&mut chunks, 0x000b, &[SIP]);
    push(&mut chunks, 0x000c, &agent.id.to_be_bytes());
    push(&mut chunks, 0x0013, agent.name.as_bytes());
    if let Some(correlation) = correlation {
        push(&mut chunks, 0x0011, correlation.as_bytes());
    }
    push(&mut chunks, 0x000f, &message.bytes);
    let total = b"HEP3".len() + 2 + chunks.len();
    [&b"HEP3"[..], &length(total), &chunks].concat()
}

/// Source and destination of a message.
pub(super) const fn ends(message: &Message) -> (SocketAddr, SocketAddr) {
    let flow = message.flow;
    match message.direction {
        Direction::In => (flow.remote, flow.local),
        Direction::Out => (flow.local, flow.remote),
    }
}

fn push(chunks: &mut Vec<u8>, kind: u16, value: &[u8]) {
    // A packet tells its length in two bytes: the end of a message beyond it is not told.
    let room = usize::from(u16::MAX).saturating_sub(chunks.len() + 2 * CHUNK_HEAD);
    let value = value.get(..room).unwrap_or(value);
    chunks.extend_from_slice(&[0, 0]);
    chunks.extend_from_slice(&kind.to_be_bytes());
    chunks.extend_from_slice(&length(CHUNK_HEAD + value.len()));
    chunks.extend_from_slice(value);
}

fn length(bytes: usize) -> [u8; 2] {
    u16::try_from(bytes).unwrap_or(u16::MAX).to_be_bytes()
}

const fn v6(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Agent, packet};
    use crate::sip::flow::{Flow, Transport};
    use crate::trace::{Direction, Message};
    use holdfast_base::Wall;

    fn told(local: &str, remote: &str, bytes: &[u8], correlation: Option<&str>) -> Vec<u8> {
        let flow = Flow {
            transport: Transport::Udp,
            local: local.parse().unwrap(),
            remote: remote.parse().unwrap(),
            connection: None,
            trunk: None,
        };
        let message = Message { direction: Direction::In, flow, bytes: bytes.to_vec() };
        let agent = Agent { id: 2001, name: "Bern".to_owned() };
        packet(Wall::from_micros(1_795_341_903_250_000), &message, correlation, &agent)
    }

    /// The chunks of a packet, by type.
    fn chunks(packet: &[u8]) -> Vec<(u16, Vec<u8>)> {
        assert_eq!(&packet[..4], b"HEP3");
        assert_eq!(usize::from(u16::from_be_bytes([packet[4], packet[5]])), packet.len());
        let (mut rest, mut found) = (&packet[6..], Vec::new());
        while !rest.is_empty() {
            assert_eq!(&rest[..2], [0, 0], "the vendor is generic");
            let length = usize::from(u16::from_be_bytes([rest[4], rest[5]]));
            found.push((u16::from_be_bytes([rest[2], rest[3]]), rest[6..length].to_vec()));
            rest = &rest[length..];
        }
        found
    }

    #[test]
    fn the_packet_has_the_published_layout() {
        let packet = told("192.0.2.1:5060", "203.0.113.5:5070", b"BYE", Some("a@b"));
        assert_eq!(
            packet,
            [
                &b"HEP3\x00\x79"[..],
                b"\0\0\0\x01\0\x07\x02",
                b"\0\0\0\x02\0\x07\x11",
                b"\0\0\0\x03\0\x0a\xcb\x00\x71\x05",
                b"\0\0\0\x04\0\x0a\xc0\x00\x02\x01",
                b"\0\0\0\x07\0\x08\x13\xce",
                b"\0\0\0\x08\0\x08\x13\xc4",
                b"\0\0\0\x09\0\x0a\x6b\x02\xbe\x4f",
                b"\0\0\0\x0a\0\x0a\x00\x03\xd0\x90",
                b"\0\0\0\x0b\0\x07\x01",
                b"\0\0\0\x0c\0\x0a\x00\x00\x07\xd1",
                b"\0\0\0\x13\0\x0aBern",
                b"\0\0\0\x11\0\x09a@b",
                b"\0\0\0\x0f\0\x09BYE",
            ]
            .concat()
        );
    }

    #[test]
    fn ipv6_has_chunks_of_its_own_and_a_huge_message_is_cut() {
        let packet = told("[2001:db8::1]:5060", "[2001:db8::2]:5060", &[b'x'; 65_536], None);
        let chunks = chunks(&packet);
        let kinds: Vec<u16> = chunks.iter().map(|(kind, _)| *kind).collect();
        assert_eq!(kinds, [1, 2, 5, 6, 7, 8, 9, 10, 11, 12, 19, 15]);
        assert_eq!(chunks[0].1, [10]);
        assert_eq!(chunks[2].1[15], 2);
        assert!(packet.len() <= 65_535);
        assert!(chunks.last().is_some_and(|(_, payload)| payload.len() > 65_000));
    }
}
