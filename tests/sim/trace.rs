//! What happened, as lines: a hash over all of them, and the last ones for whoever reads a failure.

use holdfast_base::Mono;
use std::collections::VecDeque;
use std::fmt::Arguments;

/// Lines shown with a failing seed.
const SHOWN: usize = 40;

/// The trace of one run.
#[derive(Debug, Default)]
pub struct Trace {
    tail: VecDeque<String>,
    hash: u64,
    aloud: bool,
}

impl Trace {
    /// A trace that prints every line at once when `aloud`.
    pub fn new(aloud: bool) -> Self {
        Self { tail: VecDeque::new(), hash: 0xCBF2_9CE4_8422_2325, aloud }
    }

    /// Adds one line.
    pub fn say(&mut self, now: Mono, line: Arguments<'_>) {
        let micros = now.micros();
        let line = format!("{:>5}.{:06} {line}", micros / 1_000_000, micros % 1_000_000);
        self.absorb(line.as_bytes());
        if self.aloud {
            println!("{line}");
        }
        if self.tail.len() == SHOWN {
            self.tail.pop_front();
        }
        self.tail.push_back(line);
    }

    /// Adds bytes that no line shows in full (FNV-1a).
    pub fn absorb(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.hash = (self.hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01B3);
        }
    }

    /// The hash of everything so far.
    pub const fn hash(&self) -> u64 {
        self.hash
    }

    /// The last lines.
    pub fn tail(&self) -> impl Iterator<Item = &String> {
        self.tail.iter()
    }
}
