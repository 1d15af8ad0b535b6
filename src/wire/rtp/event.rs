//! The payload of a telephone event (RFC 4733 §2.3).

/// Bytes of one event block.
pub const EVENT_BYTES: usize = 4;
/// Longest duration that one segment can carry, in ticks (RFC 4733 §2.3.5).
pub const DURATION_TICKS_MAX: u16 = u16::MAX;
/// Keys in the order of their event codes (RFC 4733 §3.2).
const KEYS: &str = "0123456789*#ABCD";

/// One event block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// Event code: 0 to 15 are the telephone keys.
    pub code: u8,
    /// The E bit: the event is over.
    pub end: bool,
    /// Power level below 0 dBm0 in dB, 0 to 63.
    pub volume: u8,
    /// Duration so far, in ticks.
    pub duration_ticks: u16,
}

impl Event {
    /// Reads the first block of an event payload; `None` when it is too short.
    #[must_use]
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let &[code, flags, high, low] = payload.first_chunk::<EVENT_BYTES>()?;
        Some(Self {
            code,
            end: flags & 0x80 != 0,
            volume: flags & 0x3f,
            duration_ticks: u16::from_be_bytes([high, low]),
        })
    }

    /// The bytes of this block.
    #[must_use]
    pub const fn bytes(self) -> [u8; EVENT_BYTES] {
        let [high, low] = self.duration_ticks.to_be_bytes();
        let end = if self.end { 0x80 } else { 0 };
        [self.code, end | self.volume & 0x3f, high, low]
    }

    /// The same on a clock of another rate. The longest duration that the field can say lasts
    /// 1.4 s at 48 kHz; a longer key stays at it.
    #[must_use]
    pub fn rescaled(self, from_hz: u32, to_hz: u32) -> Self {
        if from_hz == to_hz || from_hz == 0 {
            return self;
        }
        let ticks = u64::from(self.duration_ticks) * u64::from(to_hz) / u64::from(from_hz);
        Self { duration_ticks: u16::try_from(ticks).unwrap_or(DURATION_TICKS_MAX), ..self }
    }

    /// The key of this event; `None` for modem tones, hook flash and the like.
    #[must_use]
    pub fn key(self) -> Option<char> {
        KEYS.chars().nth(usize::from(self.code))
    }

    /// The event code of a key; `None` when it is no telephone key.
    #[must_use]
    pub fn code_of(key: char) -> Option<u8> {
        let place = KEYS.chars().position(|other| other == key.to_ascii_uppercase())?;
        u8::try_from(place).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::Event;
    use proptest::prelude::*;

    #[test]
    fn keys_have_the_codes_of_rfc_4733() {
        for (key, code) in [('0', 0), ('9', 9), ('*', 10), ('#', 11), ('A', 12), ('d', 15)] {
            assert_eq!(Event::code_of(key), Some(code));
        }
        assert_eq!(Event::code_of('E'), None);
        let flash = Event { code: 16, end: true, volume: 10, duration_ticks: 800 };
        assert_eq!(flash.key(), None);
    }

    #[test]
    fn a_key_on_the_wire() {
        let event = Event::parse(&[5, 0x8a, 0x03, 0x20]).expect("four bytes");
        assert_eq!(event, Event { code: 5, end: true, volume: 10, duration_ticks: 800 });
        assert_eq!(event.key(), Some('5'));
        assert_eq!(Event::parse(&[5, 0x8a, 0x03]), None);
    }

    #[test]
    fn a_duration_is_the_same_on_another_clock() {
        let event = Event { code: 5, end: false, volume: 10, duration_ticks: 800 };
        let ticks = |from, to| event.rescaled(from, to).duration_ticks;
        assert_eq!((ticks(8000, 48_000), ticks(48_000, 8000)), (4800, 133));
        assert_eq!((ticks(8000, 8000), ticks(0, 8000)), (800, 800));
        assert_eq!(ticks(8000, 4_000_000_000), super::DURATION_TICKS_MAX);
    }

    proptest! {
        #[test]
        fn print_then_parse_is_the_identity(
            code in any::<u8>(), end in any::<bool>(), volume in 0u8..64, duration in any::<u16>(),
        ) {
            let event = Event { code, end, volume, duration_ticks: duration };
            prop_assert_eq!(Event::parse(&event.bytes()), Some(event));
        }
    }
}
