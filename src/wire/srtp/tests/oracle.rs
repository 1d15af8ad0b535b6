//! Against the `webrtc-srtp` crate: what one protects the other opens, bit by bit the same.

use super::super::{MasterKey, Receiver, Sender, Suite};
use crate::rtp::header::Fields;
use proptest::prelude::*;
use webrtc_srtp::context::Context;
use webrtc_srtp::protection_profile::ProtectionProfile;

fn profiles() -> impl Strategy<Value = (Suite, ProtectionProfile)> {
    prop::sample::select(vec![
        (Suite::AesCm128HmacSha1Tag80, ProtectionProfile::Aes128CmHmacSha1_80),
        (Suite::AesCm128HmacSha1Tag32, ProtectionProfile::Aes128CmHmacSha1_32),
        (Suite::AeadAes128Gcm, ProtectionProfile::AeadAes128Gcm),
        (Suite::AeadAes256Gcm, ProtectionProfile::AeadAes256Gcm),
    ])
}

/// A bare header, contributing sources, perhaps an extension, audio.
fn rtp(sequence: u16, sources: &[u32], extended: bool, payload: &[u8]) -> Vec<u8> {
    let fields = Fields { marker: true, payload_type: 8, sequence, timestamp: 9, ssrc: 0xcafe };
    let mut packet = fields.bytes().to_vec();
    packet[0] |= u8::try_from(sources.len()).unwrap() | if extended { 0x10 } else { 0 };
    packet.extend(sources.iter().flat_map(|source| source.to_be_bytes()));
    if extended {
        packet.extend([0xbe, 0xde, 0, 1, 0x10, 0x55, 0, 0]);
    }
    packet.extend(payload);
    packet
}

fn audio() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 1..200)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn packets_and_reports_agree(
        (suite, profile) in profiles(),
        bytes in prop::collection::vec(any::<u8>(), 46),
        first in any::<u16>(),
        steps in prop::collection::vec((1u16..200, audio()), 1..20),
        sources in prop::collection::vec(any::<u32>(), 0..4),
        extended in any::<bool>(),
    ) {
        let bytes = &bytes[..suite.key_bytes() + suite.salt_bytes()];
        let master = MasterKey::new(suite, bytes).unwrap();
        let (key, salt) = bytes.split_at(suite.key_bytes());
        let mut theirs = Context::new(key, salt, profile, None, None).unwrap();
        let mut opened_by = Context::new(key, salt, profile, None, None).unwrap();
        let (mut sender, mut receiver) = (Sender::new(&master), Receiver::new(&master, 0));
        let mut sequence = first;
        for (step, payload) in &steps {
            sequence = sequence.wrapping_add(*step);
            let plain = rtp(sequence, &sources, extended, payload);
            let expected = theirs.encrypt_rtp(&plain).unwrap();
            let mut room = plain.clone();
            room.resize(plain.len() + 16, 0);
            let length = sender.protect(&mut room, plain.len()).unwrap();
            prop_assert_eq!(&room[..length], &expected[..]);
            prop_assert_eq!(&opened_by.decrypt_rtp(&room[..length]).unwrap()[..], &plain[..]);
            let opened = receiver.unprotect(&mut room[..length]).unwrap();
            prop_assert_eq!(&room[..opened], &plain[..]);

            let mut report = vec![0x80, 201, 0, 1, 0, 0, 0xca, 0xfe];
            report.extend([0x81, 202, 0, 1, 1, 2, 3, 4]);
            let protected = theirs.encrypt_rtcp(&report).unwrap();
            let mut room = protected.to_vec();
            let opened = receiver.unprotect_report(&mut room).unwrap();
            prop_assert_eq!(&room[..opened], &report[..]);
            let mut room = report.clone();
            room.resize(report.len() + super::super::GROWTH_BYTES_MAX, 0);
            let length = sender.protect_report(&mut room, report.len()).unwrap();
            prop_assert_eq!(&opened_by.decrypt_rtcp(&room[..length]).unwrap()[..], &report[..]);
        }
    }
}
