//! The vectors of the standards, somebody else's implementation as an oracle, and what must hold
//! for any packets in any order.

mod oracle;
mod properties;
mod rollover;
mod vectors;

use super::{MasterKey, Suite};
use crate::rtp::header::Fields;

/// A key of this suite; another number is another key.
fn key(suite: Suite, number: u8) -> MasterKey {
    let length = suite.key_bytes() + suite.salt_bytes();
    let bytes: Vec<u8> = (0..length).map(|n| n.to_le_bytes()[0] ^ number).collect();
    MasterKey::new(suite, &bytes).unwrap()
}

/// A packet of 20 ms of audio, in a buffer with room for the tag, and its length.
fn packet(ssrc: u32, sequence: u16) -> ([u8; 256], usize) {
    let mut room = [0x55; 256];
    let timestamp = u32::from(sequence) * 160;
    Fields { marker: false, payload_type: 8, sequence, timestamp, ssrc }.write(&mut room);
    (room, 172)
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}
