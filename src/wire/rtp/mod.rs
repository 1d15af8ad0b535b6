//! RTP, RTCP and telephone events on the wire.
//!
//! [`header`] reads and rewrites the RTP header in place, [`rtcp`] reads and builds reports,
//! [`event`] is the payload of a telephone key. Nothing here knows a stream or its history.
//!
//! The `rtp` crate's header codec allocates and can read beyond a malformed header extension, so
//! the per-packet path is our own; the crate gives the field layout and is the oracle of the tests.

pub mod event;
pub mod header;
pub mod rtcp;

/// Largest datagram that is read: an Ethernet frame's payload with room for tunnels.
pub const DATAGRAM_BYTES_MAX: usize = 2048;

/// Whether a datagram that came to an RTP port is RTCP.
///
/// RFC 5761 §4: packet types 192 to 223 in the second byte are RTCP; an RTP payload type that
/// would look the same with the marker bit set (64 to 95) must not be negotiated.
#[must_use]
pub fn is_rtcp(datagram: &[u8]) -> bool {
    matches!(datagram, [first, 192..=223, ..] if first >> 6 == 2)
}

/// Distance from `earlier` to `later` in a 16-bit sequence space, negative when it lies behind.
#[must_use]
pub const fn sequence_distance(earlier: u16, later: u16) -> i16 {
    later.wrapping_sub(earlier).cast_signed()
}

/// Distance from `earlier` to `later` in the 32-bit timestamp space, negative when it lies behind.
#[must_use]
pub const fn timestamp_distance(earlier: u32, later: u32) -> i32 {
    later.wrapping_sub(earlier).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::{is_rtcp, sequence_distance, timestamp_distance};

    #[test]
    fn reports_are_told_from_audio_by_the_second_byte() {
        assert!(is_rtcp(&[0x80, 200, 0, 6]));
        assert!(is_rtcp(&[0x81, 207, 0, 6]));
        assert!(!is_rtcp(&[0x80, 8, 0, 6]));
        assert!(!is_rtcp(&[0x80, 0x80 | 8, 0, 6])); // PCMA with the marker bit
        assert!(!is_rtcp(&[0x00, 200, 0, 6])); // STUN, not version 2
        assert!(!is_rtcp(&[0x80]));
    }

    #[test]
    fn distances_cross_the_wrap() {
        assert_eq!(sequence_distance(65_535, 1), 2);
        assert_eq!(sequence_distance(1, 65_535), -2);
        assert_eq!(timestamp_distance(u32::MAX, 159), 160);
        assert_eq!(timestamp_distance(159, u32::MAX), -160);
    }
}
