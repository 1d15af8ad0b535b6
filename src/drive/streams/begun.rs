//! Whether a message has begun in the frames of a WebSocket (RFC 6455 §5.2) and is not complete.
//!
//! Who reads the frames does not say so; and somebody who has a message of many fragments under way
//! may send pings in between for as long as he likes (§5.4). So the heads of the frames are read
//! here as well, and only for their lengths: what they may be is not judged.

/// Bytes of a head before its length and its mask.
const SHORTEST: usize = 2;
/// Bytes of the mask.
const MASK: usize = 4;

/// How far the bytes have come.
#[derive(Debug, Default)]
pub(super) struct Begun {
    /// Of a head that is not complete, what has come.
    head: Vec<u8>,
    /// Bytes of a payload that are still to come.
    payload: u64,
    /// Whether the last data frame has others after it.
    fragments: bool,
}

impl Begun {
    /// More bytes have come.
    pub(super) fn pass(&mut self, mut bytes: &[u8]) {
        while let Some((first, rest)) = bytes.split_first() {
            if self.payload > 0 {
                let here = usize::try_from(self.payload).unwrap_or(usize::MAX).min(bytes.len());
                self.payload = self.payload.saturating_sub(u64::try_from(here).unwrap_or(u64::MAX));
                bytes = bytes.get(here..).unwrap_or_default();
                continue;
            }
            self.head.push(*first);
            bytes = rest;
            let Some(head) = Head::of(&self.head) else { continue };
            self.payload = head.payload;
            self.fragments = if head.is_control { self.fragments } else { !head.is_last };
            self.head.clear();
        }
    }

    /// Whether more has to come for what has begun.
    pub(super) const fn is_inside(&self) -> bool {
        self.fragments || self.payload > 0 || !self.head.is_empty()
    }
}

/// What the head of a frame says.
struct Head {
    is_last: bool,
    is_control: bool,
    payload: u64,
}

impl Head {
    /// `None` as long as it is not complete.
    fn of(bytes: &[u8]) -> Option<Self> {
        let (&[first, second], more) = bytes.split_first_chunk::<SHORTEST>()?;
        let (payload, mask) = match second & 0x7f {
            126 => {
                more.split_first_chunk().map(|(it, rest)| (u16::from_be_bytes(*it).into(), rest))
            }
            127 => more.split_first_chunk().map(|(it, rest)| (u64::from_be_bytes(*it), rest)),
            short => Some((short.into(), more)),
        }?;
        let masked = second & 0x80 != 0;
        let complete = mask.len() >= if masked { MASK } else { 0 };
        let (is_last, is_control) = (first & 0x80 != 0, first & 0x08 != 0);
        complete.then_some(Self { is_last, is_control, payload })
    }
}

#[cfg(test)]
mod tests {
    use super::Begun;
    use proptest::prelude::*;
    use tungstenite::protocol::frame::coding::{Control, Data, OpCode};
    use tungstenite::protocol::frame::{Frame, FrameHeader};

    fn bytes(opcode: OpCode, last: bool, length: usize) -> Vec<u8> {
        let mask = Some([1, 2, 3, 4]);
        let header = FrameHeader { is_final: last, opcode, mask, ..FrameHeader::default() };
        let frame = Frame::from_payload(header, vec![b'x'; length].into());
        let mut bytes = Vec::new();
        frame.format(&mut bytes).expect("a frame");
        bytes
    }

    fn after(frames: &[(OpCode, bool)]) -> bool {
        let mut begun = Begun::default();
        for (opcode, last) in frames {
            begun.pass(&bytes(*opcode, *last, 3));
        }
        begun.is_inside()
    }

    #[test]
    fn a_ping_between_fragments_ends_nothing() {
        let (text, more) = (OpCode::Data(Data::Text), OpCode::Data(Data::Continue));
        let ping = OpCode::Control(Control::Ping);
        assert!(!after(&[(text, true)]));
        assert!(!after(&[(ping, true)]));
        assert!(after(&[(text, false)]));
        assert!(after(&[(text, false), (ping, true)]));
        assert!(after(&[(text, false), (more, false), (ping, true)]));
        assert!(!after(&[(text, false), (ping, true), (more, true)]));
    }

    proptest! {
        /// At every byte but the last of a frame something is inside, however it is cut.
        #[test]
        fn every_length_is_read(
            lengths in prop::collection::vec(
                prop_oneof![0_usize..200, 60_000_usize..70_000], 1..4,
            ),
        ) {
            let mut begun = Begun::default();
            for length in lengths {
                let frame = bytes(OpCode::Data(Data::Binary), true, length);
                let (last, others) = frame.split_last().expect("bytes");
                for byte in others {
                    begun.pass(&[*byte]);
                    prop_assert!(begun.is_inside());
                }
                begun.pass(&[*last]);
                prop_assert!(!begun.is_inside());
            }
        }
    }
}
