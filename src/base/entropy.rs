//! Unpredictable values for tags, branches, nonces and SSRCs, from a seed that the driver brings.
//!
//! A counter under SHA-256: with a secret seed nobody outside can guess the next tag (RFC 3261
//! §19.3 asks for 32 bits of randomness), and with a known seed the simulation repeats itself.

use sha2::{Digest, Sha256};
use std::fmt;

/// A stream of unpredictable numbers that is a pure function of its seed.
#[derive(Clone)]
pub struct Entropy {
    seed: [u8; 32],
    drawn: u64,
}

impl Entropy {
    /// Starts the stream of this seed.
    #[must_use]
    pub const fn new(seed: [u8; 32]) -> Self {
        Self { seed, drawn: 0 }
    }

    /// The next 32 bytes.
    pub fn bytes(&mut self) -> [u8; 32] {
        self.drawn += 1;
        Sha256::new()
            .chain_update(self.seed)
            .chain_update(self.drawn.to_be_bytes())
            .finalize()
            .into()
    }

    /// The next 64 bits.
    pub fn number(&mut self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.bytes();
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    }

    /// The next token of 16 lower-case hexadecimal digits (64 bits), fit for a SIP tag or branch.
    pub fn token(&mut self) -> String {
        format!("{:016x}", self.number())
    }
}

impl fmt::Debug for Entropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entropy").field("drawn", &self.drawn).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::Entropy;

    #[test]
    fn the_same_seed_repeats_and_another_differs() {
        let mut first = Entropy::new([1; 32]);
        let mut same = Entropy::new([1; 32]);
        let mut other = Entropy::new([2; 32]);
        let token = first.token();
        assert_eq!(token, same.token());
        assert_ne!(token, first.token());
        assert_ne!(token, other.token());
    }
}
