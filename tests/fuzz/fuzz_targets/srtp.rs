//! Bytes to whoever opens protected packets: nothing panics, nothing is taken for authentic, and
//! what our own side protects is opened again.
#![no_main]

use holdfast_wire::srtp::{GROWTH_BYTES_MAX, MasterKey, Receiver, Sender, Suite};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((&choice, bytes)) = bytes.split_first() else { return };
    let suite = Suite::ALL[usize::from(choice) % Suite::ALL.len()];
    let key = vec![choice; suite.key_bytes() + suite.salt_bytes()];
    let master = MasterKey::new(suite, &key).expect("the length of the suite");
    let mut receiver = Receiver::new(&master, choice % 5);
    assert!(receiver.unprotect(&mut bytes.to_vec()).is_err());
    assert!(receiver.unprotect_report(&mut bytes.to_vec()).is_err());

    let mut sender = Sender::new(&master);
    let mut room = bytes.to_vec();
    room.resize(bytes.len() + GROWTH_BYTES_MAX, 0);
    let mut report = room.clone();
    if let Ok(length) = sender.protect(&mut room, bytes.len()) {
        assert_eq!(receiver.unprotect(&mut room[..length]), Ok(bytes.len()));
        assert_eq!(&room[..bytes.len()], bytes);
    }
    if let Ok(length) = sender.protect_report(&mut report, bytes.len()) {
        assert_eq!(receiver.unprotect_report(&mut report[..length]), Ok(bytes.len()));
        assert_eq!(&report[..bytes.len()], bytes);
    }
});
