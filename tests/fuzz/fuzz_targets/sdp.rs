//! Any bytes: parsing never panics, and what was parsed survives printing.

#![no_main]

use holdfast_wire::sdp::{Crypto, Sdp};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(sdp) = Sdp::parse(bytes) {
        for media in sdp.media() {
            let _typed = (sdp.connection_of(media), sdp.direction_of(media), media.rtcp());
            let _maps = (media.rtpmap(96), media.fmtp("96"), media.ptime_ms(), media.maxptime_ms());
            for crypto in media.crypto() {
                let _key = crypto.master();
                assert_eq!(Crypto::parse(&crypto.to_string()), Some(crypto));
            }
        }
        let _session = (sdp.origin(), sdp.connection(), sdp.timing());
        assert_eq!(Sdp::parse(&sdp.print()), Ok(sdp));
    }
});
