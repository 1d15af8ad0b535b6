//! RFC 3711 appendix B, RFC 6188 §7, RFC 7714 §16 and §17, and the packet of libsrtp's own test.

use super::super::cipher::Cipher;
use super::super::cm::Aes;
use super::super::key::{Purpose, SessionKeys};
use super::super::{MasterKey, Receiver, Sender, Suite};
use super::unhex;

/// RFC 3711 B.2: the key stream of a session key, its beginning and around its 65,280th block.
#[test]
fn the_key_stream_of_aes_cm() {
    let aes = Aes::new(&unhex("2b7e151628aed2a6abf7158809cf4f3c"));
    let stream = |counter: &str| {
        let mut bytes = [0; 48];
        aes.apply_keystream(unhex(counter).try_into().unwrap(), &mut bytes);
        bytes.to_vec()
    };
    assert_eq!(
        stream("f0f1f2f3f4f5f6f7f8f9fafbfcfd0000"),
        unhex(
            "e03ead0935c95e80e166b16dd92b4eb4 d23513162b02d0f72a43a2fe4a5f97ab \
             41e95b3bb0a2e8dd477901e4fca894c0"
        )
    );
    assert_eq!(
        stream("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"),
        unhex(
            "ec8cdf7398607cb0f2d21675ea9ea1e4 362b7c3c6773516318a077d7fc5073ae \
             6a2cc3787889374fbeb4c81b17ba6c44"
        )
    );
}

fn derived(suite: Suite, master: &str) -> SessionKeys {
    MasterKey::new(suite, &unhex(master)).unwrap().session_keys(Purpose::Rtp)
}

/// RFC 3711 B.3.
#[test]
fn session_keys_of_128_bits() {
    let keys = derived(
        Suite::AesCm128HmacSha1Tag80,
        "e1f97a0d3e018be0d64fa32c06de4139 0ec675ad498afeebb6960b3aabe6",
    );
    assert_eq!(keys.key(), unhex("c61e7a93744f39ee10734afe3ff7a087"));
    assert_eq!(keys.salt.to_vec(), unhex("30cbbc08863d8c85d49db34a9ae1"));
    assert_eq!(keys.mac.to_vec(), unhex("cebe321f6ff7716b6fd4ab49af256a156d38baa4"));
}

/// RFC 6188 §7.2.
#[test]
fn session_keys_of_256_bits() {
    let keys = derived(
        Suite::Aes256CmHmacSha1Tag80,
        "f0f04914b513f2763a1b1fa130f10e2998f6f6e43e4309d1e622a0e332b9f1b6 \
         3b04803de51ee7c96423ab5b78d2",
    );
    let key = "5ba1064e30ec51613cad926c5a28ef731ec7fb397f70a960653caf06554cd8c4";
    assert_eq!(keys.key(), unhex(key));
    assert_eq!(keys.salt.to_vec(), unhex("fa31791685ca444a9e07c6c64e93"));
    assert_eq!(keys.mac.to_vec(), unhex("fd9c32d39ed5fbb5a9dc96b30818454d1313dc05"));
}

/// Protects and opens with fresh sessions; both ways must give what the vector says.
fn both_ways((mut sender, mut receiver): (Sender, Receiver), plain: &str, protected: &str) {
    let (plain, protected) = (unhex(plain), unhex(protected));
    let mut room = plain.clone();
    room.resize(protected.len(), 0);
    assert_eq!(sender.protect(&mut room, plain.len()), Ok(protected.len()));
    assert_eq!(room, protected);
    assert_eq!(receiver.unprotect(&mut room), Ok(plain.len()));
    assert_eq!(room[..plain.len()], plain);
}

/// The packet by which libsrtp checks itself (`srtp_validate`), under the keys of RFC 3711 B.3.
#[test]
fn a_packet_of_libsrtp() {
    let suite = Suite::AesCm128HmacSha1Tag80;
    let master = unhex("e1f97a0d3e018be0d64fa32c06de4139 0ec675ad498afeebb6960b3aabe6");
    let master = MasterKey::new(suite, &master).unwrap();
    both_ways(
        (Sender::new(&master), Receiver::new(&master, 0)),
        "800f1234decafbadcafebabe abababababababababababababababab",
        "800f1234decafbadcafebabe 4e55dc4ce79978d88ca4d215949d2402 b78d6acc99ea179b8dbb",
    );
}

/// The vectors of RFC 7714 give session keys: a key that counts up, and the salt "Quid pro quo".
fn session(suite: Suite) -> (Sender, Receiver) {
    let cipher = || {
        let mut key = [0; 32];
        key.iter_mut().zip(0..).for_each(|(byte, n)| *byte = n);
        Cipher::new(&SessionKeys { suite, key, mac: [0; 20], salt: *b"Quid pro quo\0\0" })
    };
    (Sender::of_ciphers(cipher(), cipher()), Receiver::of_ciphers(cipher(), cipher()))
}

const GALLIA: &str = "8040f17b8041f8d35501a0b2 47616c6c696120657374206f6d6e69732064\
                      697669736120696e207061727465732074726573";

/// RFC 7714 §16.1.
#[test]
fn a_packet_under_aead_aes_128_gcm() {
    both_ways(
        session(Suite::AeadAes128Gcm),
        GALLIA,
        "8040f17b8041f8d35501a0b2 f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b\
         36de3adf8833 899d7f27beb16a9152cf765ee4390cce",
    );
}

/// RFC 7714 §16.2.
#[test]
fn a_packet_under_aead_aes_256_gcm() {
    both_ways(
        session(Suite::AeadAes256Gcm),
        GALLIA,
        "8040f17b8041f8d35501a0b2 32b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3b50b2a0276ffae0f\
         1ba63799b87b 7aa3db36dfffd6b0f9bb7878d7a76c13",
    );
}

/// The sender report of RFC 7714 §17, of the source "Mars", and its index there.
const REPORT: &str = "81c8000d4d617273 4e5450314e545032525450200000042a0000e930\
                      4c756e61deadbeefdeadbeefdeadbeefdeadbeefdeadbeef";
const REPORT_INDEX: u32 = 0x5d4;

fn report_both_ways(suite: Suite, protected: &str) {
    let (mut sender, mut receiver) = session(suite);
    let (plain, protected) = (unhex(REPORT), unhex(protected));
    sender.next_report(0x4d61_7273, REPORT_INDEX);
    let mut room = plain.clone();
    room.resize(protected.len(), 0);
    assert_eq!(sender.protect_report(&mut room, plain.len()), Ok(protected.len()));
    assert_eq!(room, protected);
    assert_eq!(receiver.unprotect_report(&mut room), Ok(plain.len()));
    assert_eq!(room[..plain.len()], plain);
}

/// RFC 7714 §17.1.
#[test]
fn a_report_under_aead_aes_128_gcm() {
    report_both_ways(
        Suite::AeadAes128Gcm,
        "81c8000d4d617273 63e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1730d6fda\
         4ce09b4686303ded0bb9275bc84aa45896cf4d2fc5abf87245d9eade 800005d4",
    );
}

/// RFC 7714 §17.2.
#[test]
fn a_report_under_aead_aes_256_gcm() {
    report_both_ways(
        Suite::AeadAes256Gcm,
        "81c8000d4d617273 d50ae4d1f5ce5d304ba297e47d470c282c3ece5dbffe0a50a2eaa5c1110555be\
         8415f658c61de0476f1b6fad1d1eb30c4446839f57ff6f6cb26ac3be 800005d4",
    );
}

/// RFC 7714 §17.3: authentic, but readable by everybody.
#[test]
fn a_report_that_is_only_authenticated() {
    let (_, mut receiver) = session(Suite::AeadAes128Gcm);
    let mut report = unhex(REPORT);
    let plain = report.clone();
    report.extend(unhex("841dd9683dd78ec92ae58790125f62b3 000005d4"));
    assert_eq!(receiver.unprotect_report(&mut report), Ok(plain.len()));
    assert_eq!(report[..plain.len()], plain);
}
