//! How messages are cut out of the bytes of a connection, and how they are put into them.
//!
//! SIP by itself is cut by its Content-Length (RFC 3261 §18.3); a browser sends each message as one
//! WebSocket message (RFC 7118 §4). Bytes go in and come out; the socket is somebody else's.

use holdfast_base::limits::SIP_MESSAGE_BYTES_MAX;
use holdfast_wire::sip::{Frame, StreamFramer};
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use tungstenite::protocol::frame::CloseFrame;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{Role, WebSocketConfig};
use tungstenite::{Error, Message, WebSocket};

use super::begun::Begun;

/// What the library reads at once, in bytes, and keeps for each connection: some messages of
/// common size.
const READ_BYTES: usize = 4 * 1024;

/// What stands between the bytes of a connection and its messages.
pub enum Framing {
    /// Nothing but the messages.
    Stream(StreamFramer),
    /// The frames of a WebSocket.
    WebSocket(Box<Frames>),
}

/// Why nothing more can be cut out of a connection.
#[derive(Debug)]
pub enum Cut {
    /// What comes is not framed as SIP. The answer is for whoever debugs it.
    NotSip { answer: Option<Vec<u8>> },
    /// The other side has said goodbye.
    Closed,
}

impl Framing {
    /// Takes what the socket gave.
    pub fn push(&mut self, bytes: &[u8]) {
        match self {
            Self::Stream(framer) => framer.push(bytes),
            Self::WebSocket(frames) => frames.push(bytes),
        }
    }

    /// The next message or keep-alive, or `None` until more is pushed.
    pub fn next(&mut self) -> Result<Option<Frame>, Cut> {
        match self {
            Self::Stream(framer) => framer.next().map_err(|error| {
                let answer = error.answerable.map(|answer| answer.print());
                Cut::NotSip { answer }
            }),
            Self::WebSocket(frames) => frames.next(),
        }
    }

    /// Whether a message has begun and is not complete.
    pub const fn is_inside_message(&self) -> bool {
        match self {
            Self::Stream(framer) => framer.is_inside_message(),
            Self::WebSocket(frames) => frames.begun.is_inside(),
        }
    }

    /// The bytes that carry this message; `None` when we have said goodbye.
    pub fn wrap(&mut self, message: Vec<u8>) -> Option<Vec<u8>> {
        match self {
            Self::Stream(_) => Some(message),
            Self::WebSocket(frames) => frames.wrap(whole(message)),
        }
    }

    /// What the framing itself has to say to what has come: pongs and goodbyes.
    pub fn take_replies(&mut self) -> Vec<u8> {
        match self {
            Self::Stream(_) => Vec::new(),
            Self::WebSocket(frames) => frames.take_written(),
        }
    }

    /// The question whether the other side is still there (RFC 6455 §5.5.2), where it is ours to
    /// ask: scripts have no function that makes their browser ask, while phones do ask (RFC 5626
    /// §4.4.1).
    pub fn ping(&mut self) -> Option<Vec<u8>> {
        match self {
            Self::Stream(_) => None,
            Self::WebSocket(frames) => frames.wrap(Message::Ping(Vec::new().into())),
        }
    }

    /// The last bytes before the end of the connection, which say why it ends (RFC 6455 §7.1.7).
    pub fn goodbye(&mut self) -> Vec<u8> {
        match self {
            Self::Stream(_) => Vec::new(),
            Self::WebSocket(frames) => frames.goodbye(),
        }
    }
}

/// The frames of a WebSocket whose client is a browser.
pub struct Frames {
    socket: WebSocket<Wire>,
    begun: Begun,
    /// Why it ends, when it is we who end it.
    why: CloseCode,
}

impl Frames {
    /// After a handshake that these bytes followed.
    pub fn after_handshake(first: Vec<u8>) -> Self {
        let limit = Some(SIP_MESSAGE_BYTES_MAX);
        let limits = WebSocketConfig::default()
            .read_buffer_size(READ_BYTES)
            .write_buffer_size(0)
            .max_message_size(limit)
            .max_frame_size(limit);
        let mut begun = Begun::default();
        begun.pass(&first);
        let wire = Wire::default();
        let socket = WebSocket::from_partially_read(wire, first, Role::Server, Some(limits));
        Self { socket, begun, why: CloseCode::Away }
    }

    fn push(&mut self, bytes: &[u8]) {
        self.socket.get_mut().incoming.extend(bytes);
        self.begun.pass(bytes);
    }

    fn next(&mut self) -> Result<Option<Frame>, Cut> {
        let message = match self.socket.read() {
            Ok(message) => message,
            Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
            Err(Error::ConnectionClosed | Error::AlreadyClosed) => return Err(Cut::Closed),
            Err(error) => {
                tracing::debug!(%error, "no WebSocket");
                self.why = code_of(&error);
                return Err(Cut::NotSip { answer: None });
            }
        };
        Ok(Some(match message {
            Message::Text(text) => read(text.as_bytes()),
            Message::Binary(bytes) => read(&bytes),
            // What they ask for is written by the library, and taken by `take_replies`.
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => {
                Frame::KeepAlivePong
            }
        }))
    }

    fn wrap(&mut self, message: Message) -> Option<Vec<u8>> {
        self.socket.send(message).ok()?;
        Some(self.take_written())
    }

    fn goodbye(&mut self) -> Vec<u8> {
        let close = CloseFrame { code: self.why, reason: "".into() };
        // What can not be said any more was said, or heard, before.
        let _ = self.socket.close(Some(close));
        self.take_written()
    }

    fn take_written(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.socket.get_mut().outgoing)
    }
}

/// What the other side is told that it has done wrong: RFC 6455 §7.4.1.
const fn code_of(error: &Error) -> CloseCode {
    match error {
        Error::Capacity(_) => CloseCode::Size,
        Error::Utf8(_) => CloseCode::Invalid,
        _ => CloseCode::Protocol, // of a foreign type: the others
    }
}

/// A WebSocket message is one SIP message, or a keep-alive of RFC 5626 §4.4.1 (RFC 7118 §6).
fn read(message: &[u8]) -> Frame {
    match message {
        b"\r\n\r\n" => Frame::KeepAlivePing,
        b"" | b"\r\n" => Frame::KeepAlivePong,
        [..] => Frame::Message(message.to_vec()),
    }
}

/// Text where it can be: many a script takes nothing else.
fn whole(message: Vec<u8>) -> Message {
    String::from_utf8(message)
        .map_or_else(|error| Message::Binary(error.into_bytes().into()), |text| text.into())
}

/// The two directions between the library and us.
#[derive(Debug, Default)]
struct Wire {
    incoming: VecDeque<u8>,
    outgoing: Vec<u8>,
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.incoming.is_empty() {
            true => Err(ErrorKind::WouldBlock.into()),
            false => self.incoming.read(buffer),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.outgoing.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Cut, Frames, Framing};
    use holdfast_base::limits::SIP_MESSAGE_BYTES_MAX;
    use holdfast_wire::sip::Frame;
    use proptest::prelude::*;
    use tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
    use tungstenite::protocol::frame::{CloseFrame, Frame as Piece, FrameHeader};

    /// The bytes of a frame as a browser sends it, which masks each.
    fn frame(opcode: OpCode, last: bool, payload: &[u8]) -> Vec<u8> {
        masked(Piece::message(payload.to_vec(), opcode, last))
    }

    fn masked(mut piece: Piece) -> Vec<u8> {
        piece.header_mut().mask = Some([1, 2, 3, 4]);
        let mut bytes = Vec::new();
        piece.format(&mut bytes).expect("a frame");
        bytes
    }

    fn text(payload: &[u8]) -> Vec<u8> {
        frame(OpCode::Data(Data::Text), true, payload)
    }

    /// Everything that comes out, until it pauses or ends.
    fn out(framing: &mut Framing) -> (Vec<Frame>, Option<Cut>) {
        let mut frames = Vec::new();
        loop {
            match framing.next() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => return (frames, None),
                Err(cut) => return (frames, Some(cut)),
            }
        }
    }

    fn fresh() -> Framing {
        Framing::WebSocket(Box::new(Frames::after_handshake(Vec::new())))
    }

    /// What stands in a frame of ours, whose first two bytes are its head when it is short.
    fn shown(bytes: &[u8]) -> (u8, String) {
        let payload = bytes.get(2..).unwrap_or_default();
        (bytes.first().copied().unwrap_or_default(), String::from_utf8_lossy(payload).into_owned())
    }

    #[test]
    fn a_message_is_a_message_and_an_empty_line_a_keep_alive() {
        let mut framing = fresh();
        framing.push(&[text(b"OPTIONS"), text(b"\r\n\r\n"), text(b"\r\n"), text(b"")].concat());
        let (frames, cut) = out(&mut framing);
        let message = Frame::Message(b"OPTIONS".to_vec());
        let pong = Frame::KeepAlivePong;
        assert_eq!(frames, [message.clone(), Frame::KeepAlivePing, pong.clone(), pong]);
        assert!(cut.is_none());
        framing.push(&frame(OpCode::Data(Data::Binary), true, b"OPTIONS"));
        assert_eq!(out(&mut framing).0, [message]);
        assert_eq!(
            shown(&framing.wrap(b"SIP/2.0".to_vec()).expect("open")),
            (0x81, "SIP/2.0".into())
        );
        assert_eq!(framing.wrap(vec![0xff]).expect("open"), [0x82, 1, 0xff], "no text");
        assert_eq!(framing.ping().expect("open"), [0x89, 0]);
        assert_eq!(framing.goodbye(), [0x88, 2, 0x03, 0xe9], "1001: going away");
    }

    #[test]
    fn a_message_in_fragments_is_one_message_and_has_begun_until_it_is_whole() {
        let mut framing = fresh();
        framing.push(&frame(OpCode::Data(Data::Text), false, b"OPT"));
        framing.push(&masked(Piece::ping(Vec::new())));
        assert_eq!(out(&mut framing).0, [Frame::KeepAlivePong]);
        assert!(framing.is_inside_message(), "a ping completes nothing");
        framing.push(&frame(OpCode::Data(Data::Continue), true, b"IONS"));
        assert_eq!(out(&mut framing).0, [Frame::Message(b"OPTIONS".to_vec())]);
        assert!(!framing.is_inside_message());
    }

    #[test]
    fn a_ping_is_answered_and_a_goodbye_returned() {
        let mut framing = fresh();
        framing.push(&masked(Piece::ping(b"x".to_vec())));
        assert_eq!(out(&mut framing).0, [Frame::KeepAlivePong]);
        assert_eq!(shown(&framing.take_replies()), (0x8a, "x".into()));
        let away = CloseFrame { code: CloseCode::Away, reason: "".into() };
        framing.push(&masked(Piece::close(Some(away))));
        assert!(matches!(out(&mut framing).1, Some(Cut::Closed)));
        assert_eq!(framing.take_replies().first(), Some(&0x88), "it hears that we have heard");
        assert!(framing.goodbye().is_empty(), "and no more");
        assert!(framing.wrap(b"SIP/2.0".to_vec()).is_none());
    }

    #[test]
    fn what_is_too_long_unmasked_or_no_frame_ends_the_connection() {
        let long = vec![b'x'; SIP_MESSAGE_BYTES_MAX + 1];
        let mut unmasked = Vec::new();
        Piece::from_payload(FrameHeader::default(), b"x".to_vec().into())
            .format(&mut unmasked)
            .expect("a frame");
        let pieces = [
            frame(OpCode::Data(Data::Text), false, &long[1..]),
            frame(OpCode::Data(Data::Continue), true, b"xx"),
        ];
        let (size, invalid, protocol) = (1009_u16, 1007, 1002);
        for (bytes, code) in [
            (text(&long), size),
            (pieces.concat(), size),
            (text(&[0xff, 0xfe]), invalid),
            (unmasked, protocol),
            (frame(OpCode::Data(Data::Continue), true, b"x"), protocol),
            (b"GET / HTTP/1.1".to_vec(), protocol),
        ] {
            let mut framing = fresh();
            framing.push(&bytes);
            let (frames, cut) = out(&mut framing);
            assert!(frames.is_empty() && matches!(cut, Some(Cut::NotSip { .. })), "{frames:?}");
            assert!(framing.wrap(b"SIP/2.0".to_vec()).is_some(), "the last words");
            let [high, low] = code.to_be_bytes();
            assert_eq!(framing.goodbye(), [0x88, 2, high, low]);
            assert!(framing.goodbye().is_empty(), "once");
        }
        let mut framing = fresh();
        framing.push(&text(&long[1..]));
        assert_eq!(out(&mut framing).0.len(), 1, "the longest that there is");
    }

    proptest! {
        #[test]
        fn what_comes_out_does_not_depend_on_how_it_was_cut(
            messages in prop::collection::vec("[ -~]{1,300}", 1..6),
            cuts in prop::collection::vec(1_usize..50, 1..20),
        ) {
            let mut framing = fresh();
            let bytes: Vec<u8> = messages.iter().flat_map(|it| text(it.as_bytes())).collect();
            let (mut rest, mut came, mut cuts) = (&bytes[..], Vec::new(), cuts.iter().cycle());
            while !rest.is_empty() {
                let (piece, later) = rest.split_at(rest.len().min(*cuts.next().expect("endless")));
                framing.push(piece);
                came.extend(out(&mut framing).0);
                rest = later;
            }
            let sent: Vec<_> =
                messages.iter().map(|it| Frame::Message(it.clone().into())).collect();
            prop_assert_eq!(came, sent);
            prop_assert!(!framing.is_inside_message());
        }

        #[test]
        fn no_bytes_make_it_panic(pushed in prop::collection::vec(any::<Vec<u8>>(), 0..6)) {
            let mut framing = fresh();
            for bytes in pushed {
                framing.push(&bytes);
                if out(&mut framing).1.is_some() {
                    break;
                }
            }
            framing.take_replies();
        }
    }
}
