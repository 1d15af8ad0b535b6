//! Checks as a full agent makes them, for tests.

use crate::media::order::AgreedIce;
use hmac::{Hmac, Mac};
use holdfast_wire::stun::Role;
use sha1::Sha1;

/// What is unusual about a check.
#[derive(Clone, Default)]
pub struct Check {
    /// Whether it nominates.
    pub nominates: bool,
    /// Without MESSAGE-INTEGRITY.
    pub unsigned: bool,
    /// With an attribute that nobody knows and everybody has to.
    pub unknown: bool,
    /// What its sender takes itself for; controlling when absent.
    pub role: Option<Role>,
}

/// A check by these names (RFC 8445 §7.2.2).
pub fn check(names: &AgreedIce, unusual: Check) -> Vec<u8> {
    let mut bytes = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
    bytes.extend([7; 12]);
    let username = format!("{}:{}", names.ours.fragment(), names.theirs.fragment());
    add(&mut bytes, 0x0006, username.as_bytes());
    add(&mut bytes, 0x0024, &[110, 0, 1, 255]);
    match unusual.role {
        Some(Role::Controlled) => add(&mut bytes, 0x8029, &[9; 8]),
        Some(Role::Controlling) | None => add(&mut bytes, 0x802a, &[9; 8]),
    }
    if unusual.nominates {
        add(&mut bytes, 0x0025, &[]);
    }
    if unusual.unknown {
        add(&mut bytes, 0x7abc, &[1, 2, 3, 4]);
    }
    if !unusual.unsigned {
        fit(&mut bytes, 24);
        let mut mac = Hmac::<Sha1>::new_from_slice(names.ours.password().as_bytes()).unwrap();
        mac.update(&bytes);
        add(&mut bytes, 0x0008, &mac.finalize().into_bytes());
    }
    fit(&mut bytes, 0);
    bytes
}

fn add(bytes: &mut Vec<u8>, kind: u16, value: &[u8]) {
    bytes.extend(kind.to_be_bytes());
    bytes.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}

/// Writes the length that the message has with so many bytes more.
fn fit(bytes: &mut [u8], more: usize) {
    let length = u16::try_from(bytes.len() - 20 + more).unwrap().to_be_bytes();
    bytes[2..4].copy_from_slice(&length);
}
