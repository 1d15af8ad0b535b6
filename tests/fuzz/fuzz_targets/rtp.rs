//! Bytes into everything that reads a media datagram or a prompt file.
#![no_main]

use holdfast_wire::rtp::event::Event;
use holdfast_wire::rtp::header::Header;
use holdfast_wire::rtp::is_rtcp;
use holdfast_wire::rtp::rtcp::Compound;
use holdfast_wire::wav;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if is_rtcp(bytes) {
        if let Ok(compound) = Compound::parse(bytes) {
            let printed = compound.bytes("fuzz");
            // The crate prints at most 31 blocks a report; a compound may carry several reports.
            if compound.blocks.len() <= 31 && compound.gone.len() <= 31 {
                assert_eq!(Compound::parse(&printed).as_ref(), Ok(&compound));
            }
        }
    } else if let Ok(header) = Header::parse(bytes) {
        let _ = Event::parse(header.payload(bytes));
        let mut copy = bytes.to_vec();
        let length = header.bare(&mut copy, header.fields);
        let again = Header::parse(&copy[..length]).expect("a bare header is valid");
        assert_eq!(again.fields, header.fields);
        assert_eq!(again.payload(&copy[..length]), header.payload(bytes));
    }
    let _ = wav::read(bytes);
});
