//! The RTP header, read from and written into the packet's own bytes (RFC 3550 §5.1).
//!
//! What leaves the box is always a bare header: contributing sources, header extensions and
//! padding were agreed, if at all, with the other leg (RFC 8285 §5), so [`Header::bare`] drops
//! them and moves the payload up.

use rtp::header::{
    CC_MASK, CSRC_LENGTH, CSRC_OFFSET, EXTENSION_MASK, EXTENSION_SHIFT, MARKER_SHIFT, PADDING_MASK,
    PADDING_SHIFT, PT_MASK, VERSION_SHIFT,
};
use std::ops::Range;

/// Bytes of a header without contributing sources and extension.
pub const BARE_HEADER_BYTES: usize = CSRC_OFFSET;
/// The only version there is (RFC 3550 §5.1).
const VERSION: u8 = 2;

/// The datagram is not an RTP packet; it is counted and dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotRtp {
    /// Shorter than its header says.
    Short,
    /// Not version 2: STUN, DTLS or noise.
    Version,
    /// More padding than payload.
    Padding,
}

/// The fields that a relay reads and replaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fields {
    /// Start of a talkspurt, for audio (RFC 3551 §4.1).
    pub marker: bool,
    /// Payload type, 0 to 127.
    pub payload_type: u8,
    /// Sequence number.
    pub sequence: u16,
    /// Timestamp in ticks of the payload's clock.
    pub timestamp: u32,
    /// Synchronisation source.
    pub ssrc: u32,
}

/// What can be read of a packet whatever its payload is: of one that is encrypted too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Front {
    /// The fields of the fixed header.
    pub fields: Fields,
    /// Where the payload begins.
    pub payload_from: usize,
    /// Whether padding follows the payload (RFC 3550 §5.1).
    padded: bool,
}

/// A parsed header and where the payload lies in its packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The fields of the fixed header.
    pub fields: Fields,
    payload: Range<usize>,
}

impl Header {
    /// Reads the header of `packet`. Never looks beyond its end.
    ///
    /// # Errors
    /// What makes the datagram something else than RTP.
    pub fn parse(packet: &[u8]) -> Result<Self, NotRtp> {
        let Front { fields, payload_from, padded } = Self::front(packet)?;
        let rest = packet.get(payload_from..).ok_or(NotRtp::Short)?;
        let padding = if padded {
            // RFC 3550 §5.1: the last byte counts the padding, itself included; 0 is malformed.
            match rest.last() {
                Some(&count) if count > 0 && usize::from(count) <= rest.len() => usize::from(count),
                Some(_) | None => return Err(NotRtp::Padding),
            }
        } else {
            0
        };
        Ok(Self { fields, payload: payload_from..packet.len() - padding })
    }

    /// Reads what stands before the payload, contributing sources and extension included.
    ///
    /// # Errors
    /// What makes the datagram something else than RTP.
    pub fn front(packet: &[u8]) -> Result<Front, NotRtp> {
        let &[first, second, s0, s1, t0, t1, t2, t3, c0, c1, c2, c3] =
            packet.first_chunk::<BARE_HEADER_BYTES>().ok_or(NotRtp::Short)?;
        if first >> VERSION_SHIFT != VERSION {
            return Err(NotRtp::Version);
        }
        let mut payload_from = BARE_HEADER_BYTES + usize::from(first & CC_MASK) * CSRC_LENGTH;
        if first >> EXTENSION_SHIFT & EXTENSION_MASK == 1 {
            // RFC 3550 §5.3.1: profile (16 bits), then the length in 32-bit words.
            let &[_, _, high, low] =
                packet.get(payload_from..).and_then(<[u8]>::first_chunk).ok_or(NotRtp::Short)?;
            payload_from += 4 + usize::from(u16::from_be_bytes([high, low])) * 4;
        }
        if packet.len() < payload_from {
            return Err(NotRtp::Short);
        }
        let fields = Fields {
            marker: second >> MARKER_SHIFT == 1,
            payload_type: second & PT_MASK,
            sequence: u16::from_be_bytes([s0, s1]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            ssrc: u32::from_be_bytes([c0, c1, c2, c3]),
        };
        Ok(Front { fields, payload_from, padded: first >> PADDING_SHIFT & PADDING_MASK == 1 })
    }

    /// The payload of the packet this header was parsed from.
    #[must_use]
    pub fn payload<'a>(&self, packet: &'a [u8]) -> &'a [u8] {
        packet.get(self.payload.clone()).unwrap_or_default()
    }

    /// The payload, to be changed in place.
    pub fn payload_mut<'a>(&self, packet: &'a mut [u8]) -> &'a mut [u8] {
        packet.get_mut(self.payload.clone()).unwrap_or_default()
    }

    /// Replaces the header by a bare one with `fields` and moves the payload behind it.
    /// Returns the new length of the packet; `packet` must be the one that was parsed.
    pub fn bare(&self, packet: &mut [u8], fields: Fields) -> usize {
        let Self { payload: Range { start, end }, .. } = *self;
        if start != BARE_HEADER_BYTES && end <= packet.len() {
            packet.copy_within(start..end, BARE_HEADER_BYTES);
        }
        fields.write(packet);
        BARE_HEADER_BYTES + end.saturating_sub(start)
    }
}

impl Fields {
    /// Writes a bare header to the front of `packet`; does nothing when there is no room.
    pub fn write(self, packet: &mut [u8]) {
        if let Some(front) = packet.first_chunk_mut::<BARE_HEADER_BYTES>() {
            *front = self.bytes();
        }
    }

    /// The bytes of a bare header.
    #[must_use]
    pub const fn bytes(self) -> [u8; BARE_HEADER_BYTES] {
        let [s0, s1] = self.sequence.to_be_bytes();
        let [t0, t1, t2, t3] = self.timestamp.to_be_bytes();
        let [c0, c1, c2, c3] = self.ssrc.to_be_bytes();
        let marker = if self.marker { 1 << MARKER_SHIFT } else { 0 };
        let second = marker | self.payload_type & PT_MASK;
        [VERSION << VERSION_SHIFT, second, s0, s1, t0, t1, t2, t3, c0, c1, c2, c3]
    }
}

#[cfg(test)]
mod tests {
    use super::{BARE_HEADER_BYTES, Fields, Header, NotRtp};
    use proptest::prelude::*;
    use rtp::packet::Packet;
    use webrtc_util::marshal::{Marshal, Unmarshal};

    fn fields() -> impl Strategy<Value = Fields> {
        (any::<bool>(), 0u8..128, any::<u16>(), any::<u32>(), any::<u32>()).prop_map(
            |(marker, payload_type, sequence, timestamp, ssrc)| Fields {
                marker,
                payload_type,
                sequence,
                timestamp,
                ssrc,
            },
        )
    }

    #[test]
    fn what_is_not_rtp_says_why() {
        let mut packet = [0x80, 8, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0xd5].to_vec();
        assert!(Header::parse(&packet).is_ok());
        assert_eq!(Header::parse(&packet[..11]), Err(NotRtp::Short));
        packet[0] = 0x81; // one contributing source that is not there
        assert_eq!(Header::parse(&packet), Err(NotRtp::Short));
        packet[0] = 0x90; // an extension that is not there
        assert_eq!(Header::parse(&packet), Err(NotRtp::Short));
        packet[0] = 0xa0; // 0xd5 bytes of padding in one byte of payload
        assert_eq!(Header::parse(&packet), Err(NotRtp::Padding));
        packet[0] = 0x00;
        assert_eq!(Header::parse(&packet), Err(NotRtp::Version));
    }

    #[test]
    fn contributing_sources_extension_and_padding_do_not_leave_the_box() {
        let mut packet = vec![0xb1, 0x88, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
        packet.extend([9, 9, 9, 9]); // contributing source
        packet.extend([0xbe, 0xde, 0, 1, 0x10, 0x55, 0, 0]); // RFC 8285 one-byte extension
        packet.extend([1, 2, 3, 4]); // audio
        packet.extend([0, 0, 3]); // padding
        let header = Header::parse(&packet).expect("valid");
        assert_eq!(header.payload(&packet), [1, 2, 3, 4]);
        let length = header.bare(&mut packet, header.fields);
        packet.truncate(length);
        assert_eq!(packet, [0x80, 0x88, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4]);
    }

    proptest! {
        #[test]
        fn parse_is_total(packet in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(header) = Header::parse(&packet) {
                prop_assert!(header.payload(&packet).len() + BARE_HEADER_BYTES <= packet.len());
                let mut copy = packet.clone();
                let length = header.bare(&mut copy, header.fields);
                let again = Header::parse(&copy[..length]).expect("bare");
                prop_assert_eq!(again.fields, header.fields);
                prop_assert_eq!(again.payload(&copy), header.payload(&packet));
            }
        }

        #[test]
        fn agrees_with_the_rtp_crate(
            fields in fields(),
            csrc in proptest::collection::vec(any::<u32>(), 0..=15),
            payload in proptest::collection::vec(any::<u8>(), 1..200),
        ) {
            let packet = Packet {
                header: rtp::header::Header {
                    version: 2,
                    marker: fields.marker,
                    payload_type: fields.payload_type,
                    sequence_number: fields.sequence,
                    timestamp: fields.timestamp,
                    ssrc: fields.ssrc,
                    csrc,
                    ..Default::default()
                },
                payload: payload.clone().into(),
            };
            let mut bytes = packet.marshal().expect("marshal").to_vec();
            let header = Header::parse(&bytes).expect("valid");
            prop_assert_eq!(header.fields, fields);
            prop_assert_eq!(header.payload(&bytes), &payload);
            let length = header.bare(&mut bytes, fields);
            let back = Packet::unmarshal(&mut &bytes[..length]).expect("unmarshal");
            prop_assert_eq!(back.payload, payload);
            prop_assert!(back.header.csrc.is_empty());
        }
    }
}
