//! Messages in a stream (TCP, TLS): where one ends and the next begins (RFC 3261 §18.3), and the
//! keep-alives between them (RFC 5626 §4.4.1).
//!
//! ```text
//! Between ──first byte of a message──> Head ──empty line──> Body ──last byte──> Between
//!    │                                   └── too long, no or bad Content-Length ──> Broken
//!    └── CRLF: Pong on a connection that we opened; CRLFCRLF: Ping on one that we accepted
//! ```
//!
//! What comes out does not depend on how the stream was cut. Each byte is looked at once, and no
//! more than one message plus the last push is kept.

use super::message::content_length;
use super::{Fault, Header, ParseError, answer, lex};
use holdfast_base::limits::{SIP_LINE_BYTES_MAX, SIP_MESSAGE_BYTES_MAX};

/// One thing that a stream brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// CRLFCRLF on an accepted connection: the peer wants a CRLF back.
    KeepAlivePing,
    /// CRLF on a connection that we opened: the peer is alive.
    KeepAlivePong,
    /// The bytes of one message, for [`super::Message::parse`].
    Message(Vec<u8>),
}

/// Who opened the connection decides what a CRLF means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Opened {
    ByUs,
    ByPeer,
}

/// Where in the stream the next unseen byte stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Between messages. `half_ping`: one CRLF of a ping has been seen.
    Between { half_ping: bool },
    /// In a head. Bytes before `scanned` hold no end of it; `line` is where the last line began.
    Head { scanned: usize, line: usize },
    /// In a body: the message is complete with `total` bytes.
    Body { total: usize },
    /// The stream makes no sense any more.
    Broken,
}

/// Cuts a stream into messages and keep-alives.
#[derive(Debug)]
pub struct StreamFramer {
    opened: Opened,
    state: State,
    buffer: Vec<u8>,
    /// Bytes at the front of `buffer` that have been handed out.
    used: usize,
}

impl StreamFramer {
    /// For a connection that the peer opened: it pings, we answer.
    #[must_use]
    pub const fn for_accepted() -> Self {
        Self::new(Opened::ByPeer)
    }

    /// For a connection that we opened: we ping, the peer answers.
    #[must_use]
    pub const fn for_opened() -> Self {
        Self::new(Opened::ByUs)
    }

    const fn new(opened: Opened) -> Self {
        let state = State::Between { half_ping: false };
        Self { opened, state, buffer: Vec::new(), used: 0 }
    }

    /// Takes what the socket gave. Call [`Self::next`] until it has no more before the next push;
    /// then no more than one incomplete message stays in memory.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.state != State::Broken {
            self.buffer.drain(..self.used);
            self.used = 0;
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// The next message or keep-alive, or `None` until more is pushed.
    ///
    /// # Errors
    /// Once, when the stream can not be cut any further: no or a bad Content-Length, or a limit is
    /// passed. Send the answer if there is one, and close the connection.
    #[expect(clippy::should_implement_trait, reason = "a framer pauses; an iterator ends")]
    pub fn next(&mut self) -> Result<Option<Frame>, ParseError> {
        loop {
            let step = match self.state {
                State::Between { half_ping } => self.between(half_ping),
                State::Head { scanned, line } => self.head(scanned, line)?,
                State::Body { total } => self.body(total),
                State::Broken => Step::Wait,
            };
            match step {
                Step::Again => {}
                Step::Wait => return Ok(None),
                Step::Out(frame) => return Ok(Some(frame)),
            }
        }
    }

    /// Whether a message has begun and is not complete: a peer that lets it stay so is given up.
    #[must_use]
    pub const fn is_inside_message(&self) -> bool {
        match self.state {
            State::Head { .. } | State::Body { .. } => true,
            State::Between { .. } | State::Broken => false,
        }
    }

    fn unused(&self) -> &[u8] {
        self.buffer.get(self.used..).unwrap_or_default()
    }

    fn between(&mut self, half_ping: bool) -> Step {
        let is_crlf = match self.unused() {
            [] | [b'\r'] => return Step::Wait,
            [b'\r', b'\n', ..] => true,
            // A line end of something else: skipped, as RFC 3261 §7.5 asks.
            [b'\r' | b'\n', ..] => false,
            [..] => {
                self.state = State::Head { scanned: 0, line: 0 };
                return Step::Again;
            }
        };
        self.used += if is_crlf { 2 } else { 1 };
        match self.opened {
            Opened::ByUs if is_crlf => Step::Out(Frame::KeepAlivePong),
            Opened::ByPeer if is_crlf && half_ping => {
                self.state = State::Between { half_ping: false };
                Step::Out(Frame::KeepAlivePing)
            }
            Opened::ByUs | Opened::ByPeer => {
                self.state = State::Between { half_ping: is_crlf };
                Step::Again
            }
        }
    }

    fn head(&mut self, mut scanned: usize, mut line: usize) -> Result<Step, ParseError> {
        loop {
            let unseen = self.unused().get(scanned..).unwrap_or_default();
            let line_end = unseen.iter().position(|byte| *byte == b'\n');
            scanned += line_end.map_or(unseen.len(), |at| at + 1);
            if scanned - line > SIP_LINE_BYTES_MAX {
                return Err(self.broken(Fault::LineTooLong));
            }
            if scanned > SIP_MESSAGE_BYTES_MAX {
                return Err(self.broken(Fault::MessageTooLarge));
            }
            if line_end.is_none() {
                self.state = State::Head { scanned, line };
                return Ok(Step::Wait);
            }
            let is_empty = matches!(self.unused().get(line..scanned), Some(b"\r\n" | b"\n"));
            if is_empty && line > 0 {
                let head = self.unused().get(..scanned).unwrap_or_default();
                let total = message_length(head).map_err(|fault| self.broken(fault))?;
                self.state = State::Body { total };
                return Ok(Step::Again);
            }
            line = scanned;
        }
    }

    fn body(&mut self, total: usize) -> Step {
        let Some(message) = self.unused().get(..total) else { return Step::Wait };
        let message = message.to_vec();
        self.used += total;
        self.state = State::Between { half_ping: false };
        Step::Out(Frame::Message(message))
    }

    /// Gives the stream up and frees its memory.
    fn broken(&mut self, fault: Fault) -> ParseError {
        let error = ParseError::answered(fault, answer::to_malformed(self.unused(), fault));
        *self = Self { state: State::Broken, ..Self::new(self.opened) };
        error
    }
}

/// What one look at the buffer led to.
enum Step {
    Again,
    Wait,
    Out(Frame),
}

/// Bytes of the message whose head this is. RFC 3261 §18.3: Content-Length is a must on streams.
fn message_length(head: &[u8]) -> Result<usize, Fault> {
    let headers: Vec<Header> = lex::Lines::new(head)
        .skip(1)
        .filter_map(|line| Header::parse(line.raw).ok())
        .filter(|header| header.is("Content-Length"))
        .collect();
    let length = content_length(headers.iter().map(Header::value))?;
    let body = length.ok_or(Fault::Missing("Content-Length"))?;
    if body > SIP_MESSAGE_BYTES_MAX {
        return Err(Fault::BodyTooLarge);
    }
    let total = head.len() + body;
    if total > SIP_MESSAGE_BYTES_MAX { Err(Fault::MessageTooLarge) } else { Ok(total) }
}

#[cfg(test)]
mod tests {
    use super::{Frame, StreamFramer};
    use crate::sip::{Fault, ParseError};
    use holdfast_base::limits::{SIP_LINE_BYTES_MAX, SIP_MESSAGE_BYTES_MAX};

    const HEAD: &str = "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP c\r\n";

    fn message(length: &str, body: &str) -> String {
        format!("{HEAD}{length}\r\n{body}")
    }

    fn drained(framer: &mut StreamFramer) -> Result<Vec<String>, ParseError> {
        let mut frames = Vec::new();
        while let Some(frame) = framer.next()? {
            frames.push(match frame {
                Frame::KeepAlivePing => "ping".to_owned(),
                Frame::KeepAlivePong => "pong".to_owned(),
                Frame::Message(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            });
        }
        Ok(frames)
    }

    /// All frames of a stream that comes in pieces of this size.
    fn frames(mut framer: StreamFramer, stream: &str, piece: usize) -> Vec<String> {
        let mut frames = Vec::new();
        for bytes in stream.as_bytes().chunks(piece) {
            framer.push(bytes);
            frames.extend(drained(&mut framer).unwrap_or_else(|error| vec![error.to_string()]));
        }
        frames
    }

    #[test]
    fn pipelined_messages_and_keep_alives_come_apart_however_they_are_cut() {
        let first = message("Content-Length : 4\r\n", "\r\n\r\n");
        let second = message("X: y\r\n z\r\nl:\r\n 0\r\n", "").replace("\r\n", "\n");
        let stream = format!("\r\n\r\n{first}\r\n{second}\n\r\r\n\r\n\r\n{first}");
        for piece in 1..=stream.len() {
            assert_eq!(
                frames(StreamFramer::for_accepted(), &stream, piece),
                ["ping", &first, &second, "ping", &first],
            );
            assert_eq!(
                frames(StreamFramer::for_opened(), &stream, piece),
                ["pong", "pong", &first, "pong", &second, "pong", "pong", "pong", &first],
            );
        }
    }

    #[test]
    fn a_pong_is_heard_at_once_and_half_a_ping_waits() {
        assert_eq!(frames(StreamFramer::for_opened(), "\r\n", 1), ["pong"]);
        let mut accepted = StreamFramer::for_accepted();
        accepted.push(b"\r\n\r");
        assert_eq!(drained(&mut accepted), Ok(vec![]));
        accepted.push(b"\n");
        assert_eq!(drained(&mut accepted), Ok(vec!["ping".into()]));
    }

    /// How the stream ends, the status of the answer to it, and that nothing comes after.
    fn end(stream: &str) -> Option<(Fault, Option<u16>)> {
        let mut framer = StreamFramer::for_accepted();
        framer.push(stream.as_bytes());
        let error = drained(&mut framer).err()?;
        framer.push(message("l: 0\r\n", "").as_bytes());
        assert_eq!(drained(&mut framer), Ok(vec![]), "a broken stream stays silent");
        Some((error.fault(), error.answerable.map(|answer| answer.status.code())))
    }

    #[test]
    fn a_stream_that_can_not_be_cut_ends_with_an_answer() {
        let missing = Fault::Missing("Content-Length");
        let number = Fault::Number("Content-Length");
        assert_eq!(end(&message("", "")), Some((missing, Some(400))));
        assert_eq!(end(&message("l: -999\r\n", "")), Some((number, Some(400))));
        let conflict = message("l: 1\r\nl: 2\r\n", "");
        assert_eq!(end(&conflict), Some((Fault::ContentLengthConflict, Some(400))));
        let response = message("", "").replace("OPTIONS sip:a@b SIP/2.0", "SIP/2.0 200 OK");
        assert_eq!(end(&response), Some((missing, None)));
    }

    #[test]
    fn limits_end_the_stream_one_byte_beyond() {
        let line = |bytes: usize| "x".repeat(bytes);
        assert_eq!(end(&line(SIP_LINE_BYTES_MAX)), None);
        assert_eq!(end(&line(SIP_LINE_BYTES_MAX + 1)), Some((Fault::LineTooLong, None)));

        let head = "x: y\r\n".repeat(SIP_MESSAGE_BYTES_MAX / 6);
        let rest = SIP_MESSAGE_BYTES_MAX - head.len();
        assert_eq!(end(&format!("{head}{}", line(rest))), None);
        let beyond = format!("{head}{}", line(rest + 1));
        assert_eq!(end(&beyond), Some((Fault::MessageTooLarge, None)));

        let length = |bytes: usize| message(&format!("l: {bytes:05}\r\n"), "");
        let most = SIP_MESSAGE_BYTES_MAX - length(0).len();
        assert_eq!(end(&length(most)), None);
        assert_eq!(end(&length(most + 1)), Some((Fault::MessageTooLarge, Some(513))));
        let body = length(SIP_MESSAGE_BYTES_MAX + 1);
        assert_eq!(end(&body), Some((Fault::BodyTooLarge, Some(413))));
    }

    #[test]
    fn memory_holds_one_message_and_no_more() {
        let one = message("l: 3\r\n", "abc");
        let mut framer = StreamFramer::for_accepted();
        for _ in 0..1000 {
            framer.push(one.as_bytes());
            assert_eq!(drained(&mut framer).map(|frames| frames.len()), Ok(1));
        }
        assert!(framer.buffer.capacity() <= 4 * one.len());
    }
}
