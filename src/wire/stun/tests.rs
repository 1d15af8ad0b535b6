//! The vectors of RFC 5769, answers read back, and bytes of nobody.

use super::integrity::{fingerprint, hmac};
use super::write::xored;
use super::{
    ATTRIBUTES_MAX, Class, MESSAGE_BYTES_MAX, Malformed, Message, Refusal, Role, Sort, refusal,
    success,
};
use hmac::Mac;
use proptest::prelude::*;
use std::net::SocketAddr;

/// The password of every vector of RFC 5769 §2.
const PASSWORD: &str = "VOkJxbRl1RmTxUk/WvJxBt";
const TRANSACTION: [u8; 12] =
    [0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae];
/// RFC 5769 §2.1.
const REQUEST: &str = "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c\
                       69656e74002400046e0001ff80290008932ff9b151263b36000600096576746a3a683676\
                       59202020000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf";
/// RFC 5769 §2.2.
const ANSWER_V4: &str = "0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220\
                         002000080001a147e112a643000800142b91f599fd9e90c38c7489f92af9ba53f06be7d7\
                         80280004c07d4c96";
/// RFC 5769 §2.3.
const ANSWER_V6: &str = "010100482112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220\
                         002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d900080014a382954e4be67bf1\
                         1784c97c8292c275bfe3ed4180280004c8fb0b4c";

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(pair).collect()
}

#[test]
fn the_request_of_rfc_5769() {
    let bytes = bytes(REQUEST);
    let check = Message::parse(&bytes).unwrap();
    assert_eq!((check.class, check.transaction), (Class::Request, TRANSACTION));
    assert_eq!(check.username, Some(b"evtj:h6vY".as_slice()));
    assert_eq!((check.role, check.nominates), (Some(Role::Controlled), false));
    assert_eq!(check.unknown, None);
    assert!(check.has_credentials() && check.is_authentic(PASSWORD));
    assert!(!check.is_authentic("VOkJxbRl1RmTxUk/WvJxBu"));
    // Under another name the checksum is none; everything before it is covered by it.
    let name_of_checksum = bytes.len() - 8..bytes.len() - 6;
    for at in (0..bytes.len()).filter(|at| !name_of_checksum.contains(at)) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1;
        assert_eq!(Message::parse(&damaged).err(), Some(Malformed), "byte {at}");
    }
}

#[test]
fn the_answers_of_rfc_5769() {
    for (vector, address) in [
        (ANSWER_V4, "192.0.2.1:32853"),
        (ANSWER_V6, "[2001:db8:1234:5678:11:2233:4455:6677]:32853"),
    ] {
        let address: SocketAddr = address.parse().unwrap();
        let bytes = bytes(vector);
        let answer = Message::parse(&bytes).unwrap();
        assert_eq!((answer.class, answer.transaction), (Class::Success, TRANSACTION));
        assert!(answer.is_authentic(PASSWORD));
        assert_eq!(answer.mapped, Some(xored(TRANSACTION, address).as_slice()));
        let own = success(TRANSACTION, address, PASSWORD);
        let own = Message::parse(&own).unwrap();
        assert!(own.is_authentic(PASSWORD) && !own.is_authentic("another"));
        assert_eq!((own.class, own.mapped), (Class::Success, answer.mapped));
    }
}

#[test]
fn a_refusal_is_signed_only_for_those_who_know_the_password() {
    for (why, signed) in [
        (Refusal::BadRequest, false),
        (Refusal::Unauthenticated, false),
        (Refusal::UnknownAttribute(0x7fff), true),
        (Refusal::RoleConflict, true),
    ] {
        let bytes = refusal(TRANSACTION, why, PASSWORD);
        let answer = Message::parse(&bytes).unwrap();
        assert_eq!((answer.class, answer.transaction), (Class::Error, TRANSACTION));
        assert_eq!(answer.is_authentic(PASSWORD), signed);
        let code = [0, 9, 0, 4, 0, 0, why.code().to_be_bytes()[1].min(4)];
        assert_eq!(bytes[20..26], code[..6], "the attribute ERROR-CODE leads");
        assert_eq!(u16::from(bytes[26]) * 100 + u16::from(bytes[27]), why.code());
    }
}

/// A request of these attributes, closed under the password.
fn request(attributes: &[(u16, &[u8])]) -> Vec<u8> {
    let mut bytes = bytes(&REQUEST[..40]);
    let add = |bytes: &mut Vec<u8>, kind: u16, value: &[u8]| {
        bytes.extend(kind.to_be_bytes());
        bytes.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
        bytes.extend(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
    };
    attributes.iter().for_each(|(kind, value)| add(&mut bytes, *kind, value));
    let code = hmac(&bytes, PASSWORD.as_bytes()).unwrap().finalize().into_bytes();
    add(&mut bytes, 8, &code);
    // Behind the code, so nobody's word.
    add(&mut bytes, 0x25, &[]);
    let sum = fingerprint(&bytes).unwrap().to_be_bytes();
    add(&mut bytes, 0x8028, &sum);
    let length = u16::try_from(bytes.len() - 20).unwrap().to_be_bytes();
    bytes[2..4].copy_from_slice(&length);
    bytes
}

#[test]
fn what_must_be_understood_is_told_and_what_is_not_signed_is_not_believed() {
    let check = request(&[(6, b"a:b"), (0x25, &[]), (0x802a, &[0; 8]), (0xc057, &[0; 4])]);
    let check = Message::parse(&check).unwrap();
    assert!(check.is_authentic(PASSWORD) && check.nominates);
    assert_eq!((check.role, check.unknown), (Some(Role::Controlling), None));
    let strange = request(&[(6, b"a:b"), (0x7777, &[1]), (0x7778, &[1])]);
    let strange = Message::parse(&strange).unwrap();
    assert_eq!((strange.unknown, strange.nominates), (Some(0x7777), false));
}

#[test]
fn limits_are_reached() {
    let few = vec![(0x8022, [0; 4].as_slice()); ATTRIBUTES_MAX - 3];
    assert!(Message::parse(&request(&few)).is_ok());
    let many = vec![(0x8022, [0; 4].as_slice()); ATTRIBUTES_MAX - 2];
    assert_eq!(Message::parse(&request(&many)).err(), Some(Malformed));
    let long = vec![0; MESSAGE_BYTES_MAX];
    assert_eq!(Message::parse(&request(&[(0x8022, &long)])).err(), Some(Malformed));
}

#[test]
fn the_first_byte_tells_what_it_is() {
    for (first, sort) in [
        (0, Sort::Stun),
        (3, Sort::Stun),
        (4, Sort::Other),
        (19, Sort::Other),
        (20, Sort::Dtls),
        (63, Sort::Dtls),
        (64, Sort::Other),
        (127, Sort::Other),
        (128, Sort::Media),
        (191, Sort::Media),
        (192, Sort::Other),
    ] {
        assert_eq!(Sort::of(&[first]), sort, "{first}");
    }
    assert_eq!(Sort::of(&[]), Sort::Other);
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_harm(mut bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        // No panic; and what is no message at all has no credentials.
        let _ = Message::parse(&bytes).map(|message| message.is_authentic(PASSWORD));
        // The same behind a header that fits.
        bytes.truncate(bytes.len() / 4 * 4);
        let length = u16::try_from(bytes.len()).unwrap().to_be_bytes();
        let mut framed = self::bytes(&REQUEST[..40]);
        framed[2..4].copy_from_slice(&length);
        framed.extend(&bytes);
        if let Ok(message) = Message::parse(&framed) {
            prop_assert!(!message.is_authentic(PASSWORD));
        }
    }

    #[test]
    fn every_answer_fits_its_request(
        transaction in any::<[u8; 12]>(),
        ip in any::<std::net::IpAddr>(),
        port in any::<u16>(),
    ) {
        let bytes = success(transaction, SocketAddr::new(ip, port), PASSWORD);
        let answer = Message::parse(&bytes).unwrap();
        prop_assert_eq!(answer.transaction, transaction);
        prop_assert!(answer.is_authentic(PASSWORD));
        prop_assert!(bytes.len() <= 76);
    }
}
