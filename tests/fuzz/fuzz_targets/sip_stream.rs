//! Any bytes as a stream, cut in two ways: both give the same frames, and each message in them is
//! refused or stable.

#![no_main]

use holdfast_wire::sip::{Frame, Message, ParseError, StreamFramer};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((&cut, stream)) = bytes.split_first() else { return };
    for new in [StreamFramer::for_accepted, StreamFramer::for_opened] {
        let whole = frames(new(), stream, stream.len().max(1));
        assert_eq!(frames(new(), stream, usize::from(cut).max(1)), whole);
        for frame in whole {
            let Ok(Frame::Message(bytes)) = frame else { continue };
            let Ok(message) = Message::parse(&bytes) else { continue };
            assert_eq!(message.print(), bytes, "a framed message has its length and is unmodified");
        }
    }
});

fn frames(mut framer: StreamFramer, stream: &[u8], piece: usize) -> Vec<Result<Frame, ParseError>> {
    let mut frames = Vec::new();
    for bytes in stream.chunks(piece) {
        framer.push(bytes);
        while let Some(frame) = framer.next().transpose() {
            frames.push(frame);
        }
    }
    frames
}
