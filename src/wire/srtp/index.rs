//! Indices: 48 bits of which a packet carries 16, and which of them were seen.

use crate::rtp::sequence_distance;

/// Indices that are remembered behind the newest. RFC 3711 §3.3.2 wants at least 64; a Wi-Fi phone
/// that wakes up sends more than that in one burst.
pub(super) const WINDOW: u64 = 128;

/// The index that a sequence number most likely means: the nearest to the highest so far
/// (RFC 3711 §3.3.1). `None` when that would lie before the beginning.
pub(super) fn nearest(highest: u64, sequence: u16) -> Option<u64> {
    let [.., a, b] = highest.to_be_bytes();
    let distance = sequence_distance(u16::from_be_bytes([a, b]), sequence);
    highest.checked_add_signed(distance.into())
}

/// Which indices of one source were seen (RFC 3711 §3.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    highest: u64,
    /// Bit n: the index `highest - n` was seen.
    seen: u128,
}

impl Window {
    /// A source whose first index this is.
    pub const fn starting(index: u64) -> Self {
        Self { highest: index, seen: 1 }
    }

    /// The highest index so far.
    pub const fn highest(&self) -> u64 {
        self.highest
    }

    /// Whether this index was surely not seen before.
    pub fn is_new(&self, index: u64) -> bool {
        match self.highest.checked_sub(index) {
            None => true,
            Some(behind) if behind < WINDOW => self.seen >> behind & 1 == 0,
            Some(_) => false,
        }
    }

    /// Notes an index, which is authentic and was new.
    pub fn note(&mut self, index: u64) {
        match self.highest.checked_sub(index) {
            None => {
                let ahead = u32::try_from(index - self.highest).unwrap_or(u32::MAX);
                self.seen = self.seen.checked_shl(ahead).unwrap_or(0) | 1;
                self.highest = index;
            }
            Some(behind) if behind < WINDOW => self.seen |= 1 << behind,
            Some(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{WINDOW, Window, nearest};

    #[test]
    fn the_nearest_index_crosses_the_rollover_both_ways() {
        assert_eq!(nearest(0x1_fffe, 1), Some(0x2_0001));
        assert_eq!(nearest(0x2_0001, 0xfffe), Some(0x1_fffe));
        assert_eq!(nearest(0x2_0001, 0x7fff), Some(0x2_7fff));
        assert_eq!(nearest(1, 0xfffe), None, "before the beginning");
    }

    #[test]
    fn each_index_is_new_once_and_never_behind_the_window() {
        let mut window = Window::starting(1000);
        assert!(!window.is_new(1000));
        for index in [1001, 1500, 1500 - WINDOW + 1, 1499] {
            assert!(window.is_new(index), "{index}");
            window.note(index);
            assert!(!window.is_new(index), "{index} again");
        }
        assert!(!window.is_new(1500 - WINDOW), "too old to know");
    }
}
