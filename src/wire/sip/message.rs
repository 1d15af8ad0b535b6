//! Whole messages: bytes to values and back.
//!
//! What arrives is checked where everything above depends on it (start line, topmost Via, From, To,
//! Call-ID, CSeq, Max-Forwards, Content-Length); all other header fields are carried unread. A
//! message that was not changed prints the bytes it was read from.

use super::headers::same_name;
use super::start_line::{Spelling, StartLine};
use super::{Fault, Header, Headers, Method, ParseError, Status, Uri, answer, lex};
use holdfast_base::limits::{SIP_HEADERS_MAX, SIP_LINE_BYTES_MAX, SIP_MESSAGE_BYTES_MAX};
use std::borrow::Cow;
use std::fmt;

/// A request or a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A request.
    Request(Request),
    /// A response.
    Response(Response),
}

/// A request.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// What is asked for.
    pub method: Method,
    /// Of whom it is asked: the Request-URI.
    pub uri: Uri,
    /// The header fields, in order.
    pub headers: Headers,
    /// The body.
    pub body: Vec<u8>,
    head: HeadStyle,
}

/// A response.
#[derive(Clone, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: Status,
    /// The phrase behind the code, any bytes.
    pub reason: Vec<u8>,
    /// The header fields, in order.
    pub headers: Headers,
    /// The body.
    pub body: Vec<u8>,
    head: HeadStyle,
}

/// How the parts of the head that have no value of their own were written.
#[derive(Clone, Debug, PartialEq, Eq)]
struct HeadStyle {
    spelling: Spelling,
    /// The empty line was a bare LF.
    bare_lf: bool,
}

impl HeadStyle {
    const OURS: Self = Self { spelling: Spelling::OURS, bare_lf: false };
}

impl Message {
    /// Reads one message: a datagram, or what [`super::StreamFramer`] cut out of a stream. Line
    /// ends before the start line are skipped (RFC 3261 §7.5), bytes behind the body dropped
    /// (§18.3). Without Content-Length everything behind the head is body.
    ///
    /// # Errors
    /// When the message is beyond a limit, malformed, or lacks what every message needs. The error
    /// carries the answer, if one is due.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let bytes = answer::skip_line_ends(bytes);
        read(bytes).map_err(|fault| ParseError::answered(fault, answer::to_malformed(bytes, fault)))
    }

    /// The Call-ID of what may be a message, without reading anything else of it: for who sorts many
    /// and looks at few. None without one.
    #[must_use]
    pub fn call_id_in(bytes: &[u8]) -> Option<Cow<'_, str>> {
        let mut lines = lex::Lines::new(answer::skip_line_ends(bytes));
        let call_id = lines.find_map(|line| call_id_on(line.text()))?;
        (!call_id.is_empty()).then_some(call_id)
    }

    /// The bytes for the wire, see [`Request::print`].
    #[must_use]
    pub fn print(&self) -> Vec<u8> {
        match self {
            Self::Request(request) => request.print(),
            Self::Response(response) => response.print(),
        }
    }

    /// The header fields.
    #[must_use]
    pub const fn headers(&self) -> &Headers {
        match self {
            Self::Request(request) => &request.headers,
            Self::Response(response) => &response.headers,
        }
    }

    /// The header fields, to be changed.
    pub const fn headers_mut(&mut self) -> &mut Headers {
        match self {
            Self::Request(request) => &mut request.headers,
            Self::Response(response) => &mut response.headers,
        }
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        match self {
            Self::Request(request) => &request.body,
            Self::Response(response) => &response.body,
        }
    }
}

fn call_id_on(line: &[u8]) -> Option<Cow<'_, str>> {
    let mut parts = line.splitn(2, |byte| *byte == b':');
    let name = std::str::from_utf8(parts.next()?.trim_ascii_end()).ok()?;
    let value = parts.next()?;
    same_name(name, "Call-ID").then(|| lex::unfold(value))
}

impl From<Request> for Message {
    fn from(request: Request) -> Self {
        Self::Request(request)
    }
}

impl From<Response> for Message {
    fn from(response: Response) -> Self {
        Self::Response(response)
    }
}

fn read(bytes: &[u8]) -> Result<Message, Fault> {
    if bytes.len() > SIP_MESSAGE_BYTES_MAX {
        return Err(Fault::MessageTooLarge);
    }
    let mut lines = lex::Lines::new(bytes);
    let start = lines.next().ok_or(Fault::StartLine)?;
    if start.raw.len() > SIP_LINE_BYTES_MAX {
        return Err(Fault::LineTooLong);
    }
    let start = StartLine::parse(start.raw)?;
    let mut headers = Headers::new();
    for line in lines.by_ref() {
        if headers.len() == SIP_HEADERS_MAX {
            return Err(Fault::TooManyHeaders);
        }
        if line.raw.len() > SIP_LINE_BYTES_MAX {
            return Err(Fault::LineTooLong);
        }
        headers.push_line(Header::parse(line.raw)?);
    }
    let body_start = lines.body_start().ok_or(Fault::HeadNotClosed)?;
    let head = bytes.get(..body_start).unwrap_or_default();
    let bare_lf = !head.ends_with(b"\r\n");
    let body = cut_body(&headers, bytes.get(body_start..).unwrap_or_default())?.to_vec();
    let message = match start {
        StartLine::Request { method, uri, spelling } => {
            let head = HeadStyle { spelling, bare_lf };
            Message::Request(Request { method, uri, headers, body, head })
        }
        StartLine::Response { status, reason, spelling } => {
            let head = HeadStyle { spelling, bare_lf };
            Message::Response(Response { status, reason, headers, body, head })
        }
    };
    check(&message).map_err(|error| error.fault())?;
    Ok(message)
}

/// RFC 3261 §18.3: Content-Length ends the body of a datagram; a body shorter than it is an error.
fn cut_body<'a>(headers: &Headers, rest: &'a [u8]) -> Result<&'a [u8], Fault> {
    match content_length(headers.all("Content-Length"))? {
        Some(length) => rest.get(..length).ok_or(Fault::BodyTruncated),
        None => Ok(rest),
    }
}

/// The one length that all Content-Length lines agree on.
pub(crate) fn content_length<'a>(
    values: impl Iterator<Item = Cow<'a, str>>,
) -> Result<Option<usize>, Fault> {
    let mut agreed = None;
    for value in values {
        let length: usize = lex::number(&value).ok_or(Fault::Number("Content-Length"))?;
        if agreed.is_some_and(|before| before != length) {
            return Err(Fault::ContentLengthConflict);
        }
        agreed = Some(length);
    }
    Ok(agreed)
}

/// What everything above relies on.
fn check(message: &Message) -> Result<(), ParseError> {
    let headers = message.headers();
    headers.via()?;
    headers.from()?;
    headers.to()?;
    headers.call_id()?;
    let cseq = headers.cseq()?;
    if let Message::Request(request) = message {
        headers.max_forwards()?;
        // RFC 3261 §8.1.1.5: the method must match that of the request.
        if cseq.method != request.method {
            return Err(Fault::MethodMismatch.into());
        }
    }
    Ok(())
}

impl Request {
    /// A request without header fields and body.
    #[must_use]
    pub const fn new(method: Method, uri: Uri) -> Self {
        let head = HeadStyle::OURS;
        Self { method, uri, headers: Headers::new(), body: Vec::new(), head }
    }

    /// The bytes for the wire. Content-Length is always truthful: left as it is when right, else
    /// set, else added.
    #[must_use]
    pub fn print(&self) -> Vec<u8> {
        let method = self.method.as_str().as_bytes();
        let uri = self.uri.as_str().as_bytes();
        let start = [method, uri, self.head.spelling.version()].join(&b' ');
        print(start, &self.head, &self.headers, &self.body)
    }

    /// A response to this request: RFC 3261 §8.2.6.2, with every Via, From, To, Call-ID and CSeq as
    /// they came. `to_tag` is added when To has no tag yet.
    #[must_use]
    pub fn response(&self, status: Status, to_tag: Option<&str>) -> Response {
        let mut response = Response::new(status);
        let copied = self.headers.iter().filter(|header| {
            ["Via", "From", "To", "Call-ID", "CSeq"].iter().any(|name| header.is(name))
        });
        copied.for_each(|header| response.headers.push_line(header.clone()));
        if let Some(tag) = to_tag {
            response.tag_to(tag);
        }
        response
    }
}

impl Response {
    /// A response with the standard phrase, without header fields and body.
    #[must_use]
    pub fn new(status: Status) -> Self {
        let reason = status.reason().as_bytes().to_vec();
        let head = HeadStyle::OURS;
        Self { status, reason, headers: Headers::new(), body: Vec::new(), head }
    }

    /// The phrase for pages and logs; bytes that are not UTF-8 are shown as U+FFFD.
    #[must_use]
    pub fn reason_text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.reason)
    }

    /// Adds this tag to To, unless there is one already or To can not be read.
    pub fn tag_to(&mut self, tag: &str) {
        let Ok(to) = self.headers.to() else { return };
        if to.params.has("tag") {
            // `tag=` without a value, as broken phones write it, is filled in place.
            if to.tag().is_none() {
                self.headers.set("To", to.with_tag(tag));
            }
            return;
        }
        // RFC 3261 §8.2.6.2: the rest of To stays as it came.
        let semicolon =
            if self.headers.get("To").is_some_and(|to| to.ends_with(';')) { "" } else { ";" };
        self.headers.append_to_value("To", &format!("{semicolon}tag={tag}"));
    }

    /// The bytes for the wire, with a truthful Content-Length as in [`Request::print`].
    #[must_use]
    pub fn print(&self) -> Vec<u8> {
        let code = self.status.to_string();
        let mut start = [self.head.spelling.version(), code.as_bytes()].join(&b' ');
        if !(self.reason.is_empty() && self.head.spelling.is_phrase_missing()) {
            start.push(b' ');
            start.extend_from_slice(&self.reason);
        }
        // A phrase can not end the line: what follows would be a header field.
        for byte in start.iter_mut().filter(|byte| matches!(byte, b'\r' | b'\n')) {
            *byte = b' ';
        }
        print(start, &self.head, &self.headers, &self.body)
    }
}

fn print(start: Vec<u8>, head: &HeadStyle, headers: &Headers, body: &[u8]) -> Vec<u8> {
    let lines: usize = headers.iter().map(|header| header.raw().len()).sum();
    let mut out = start;
    out.reserve(lines + body.len() + 32); // 32: Content-Length and line ends
    out.extend_from_slice(head.spelling.line_end());
    let length = content_length(headers.all("Content-Length"));
    let truthful = length == Ok(Some(body.len()));
    let mut fresh = (!truthful).then(|| Header::new("Content-Length", body.len()));
    for header in headers.iter() {
        if truthful || !same_name(header.name(), "Content-Length") {
            out.extend_from_slice(header.raw());
        } else if let Some(fresh) = fresh.take() {
            out.extend_from_slice(fresh.raw());
        }
    }
    if let Some(fresh) = fresh {
        out.extend_from_slice(fresh.raw());
    }
    out.extend_from_slice(if head.bare_lf { b"\n" } else { b"\r\n" });
    out.extend_from_slice(body);
    out
}

impl fmt::Debug for Request {
    /// What a log may show: no values of header fields, no body.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { method, uri, headers, body, head: _ } = self;
        write!(f, "{method} {uri:?} {headers:?} + {} bytes", body.len())
    }
}

impl fmt::Debug for Response {
    /// What a log may show: no values of header fields, no body.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { status, reason: _, headers, body, head: _ } = self;
        write!(f, "{status} {headers:?} + {} bytes", body.len())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used, reason = "a test may die of what it did not expect")]
    use super::{Message, Request, Response};
    use crate::sip::{Fault, Method, Status, Uri};
    use holdfast_base::limits::{SIP_HEADERS_MAX, SIP_LINE_BYTES_MAX, SIP_MESSAGE_BYTES_MAX};

    const HEADERS: &str = "Via: SIP/2.0/UDP a;branch=z9hG4bK1, SIP/2.0/TCP b\r\nv : SIP/2.0/UDP c\r\n\
        f: <sip:x@y>;tag=1\r\nTo  :\r\n sip:z@y ;\r\n q=1\r\nCall-ID: id\r\nCSeq: 7 INVITE\r\n";

    /// An INVITE with these lines more, and this body.
    fn invite(more: &str, body: &str) -> String {
        format!("INVITE sip:z@y SIP/2.0\r\n{HEADERS}{more}\r\n{body}")
    }

    fn request(text: &str) -> Request {
        match Message::parse(text.as_bytes()).expect(text) {
            Message::Request(request) => request,
            Message::Response(response) => panic!("a response: {response:?}"),
        }
    }

    fn refused(text: &str) -> (Fault, Option<u16>) {
        let error = Message::parse(text.as_bytes()).expect_err(text);
        (error.fault(), error.answerable.map(|answer| answer.status.code()))
    }

    #[test]
    fn an_unmodified_message_prints_its_own_bytes() {
        for text in [
            invite("l :\t0003 \r\nX:\r\n\tfolded\r\n", "abc"),
            invite("Content-Length: 0\r\nContent-Length: 0\r\n", ""),
            invite("l: 0\r\n", "").replace("\r\n", "\n"),
            invite("l: 0\r\n", "").replacen("SIP/2.0", "Sip/2.0", 1),
            format!("SIP/2.0 180\r\n{HEADERS}l: 0\r\n\r\n"),
            format!("SIP/2.0 180 \r\n{HEADERS}l: 0\r\n\r\n"),
            format!("sip/2.0 299 t\u{fc}t \r\n{HEADERS}l: 2\r\n\r\n\r\n"),
        ] {
            let message = Message::parse(text.as_bytes()).expect(&text);
            assert_eq!(String::from_utf8_lossy(&message.print()), text);
        }
    }

    #[test]
    fn content_length_cuts_the_body_and_is_told_truthfully() {
        assert_eq!(request(&invite("l: 2\r\n", "abcd")).body, b"ab");
        let mut whole = request(&invite("", "abcd"));
        assert_eq!(whole.body, b"abcd");
        let printed = |request: &Request| String::from_utf8_lossy(&request.print()).into_owned();
        assert_eq!(printed(&whole), invite("Content-Length: 4\r\n", "abcd"));
        whole.headers.push("l", 9);
        whole.headers.push("Content-Length", "x");
        whole.headers.push("X", "y");
        assert_eq!(printed(&whole), invite("Content-Length: 4\r\nX: y\r\n", "abcd"));
    }

    #[test]
    fn line_ends_before_the_start_line_are_skipped() {
        let text = invite("l: 0\r\n", "");
        assert_eq!(request(&format!("\r\n\r\n{text}")), request(&text));
    }

    #[test]
    fn what_every_message_needs_is_checked() {
        use Fault::{Address, Header, MethodMismatch, Missing, Number, Repeated};
        for (changed, fault) in [
            (invite("", "").replace("Call-ID: id\r\n", ""), Missing("Call-ID")),
            (invite("", "").replace("Call-ID: id", "Call-ID:"), Header("Call-ID")),
            (invite("i: 2\r\n", ""), Repeated("Call-ID")),
            (invite("", "").replace("7 INVITE", "7 BYE"), MethodMismatch),
            (invite("", "").replace("7 INVITE", "7x INVITE"), Number("CSeq")),
            (invite("", "").replace("<sip:x@y>", "\"x <sip:x@y>"), Address("From")),
            (invite("Max-Forwards: 256\r\n", ""), Number("Max-Forwards")),
            (invite("", "").replace("UDP a;", "UDP a;;"), Fault::Via),
            (invite("l: 1\r\n", ""), Fault::BodyTruncated),
            (invite("l: -1\r\n", ""), Number("Content-Length")),
            (invite("l: 1\r\nl: 0\r\n", "a"), Fault::ContentLengthConflict),
            (invite("bad line\r\n", ""), Fault::HeaderLine),
            (invite("", "").replace("\r\n\r\n", "\r\n"), Fault::HeadNotClosed),
        ] {
            assert_eq!(refused(&changed), (fault, Some(400)), "{changed}");
        }
    }

    #[test]
    fn the_answer_to_a_malformed_request_names_what_came() {
        let text = invite("Max-Forwards: x\r\n", "body");
        let error = Message::parse(text.as_bytes()).expect_err("Max-Forwards");
        let answer = error.answerable.expect("an answer").print();
        let expected = format!(
            "SIP/2.0 400 Number Out Of Range In Max-Forwards\r\n{HEADERS}Content-Length: 0\r\n\r\n"
        );
        assert_eq!(String::from_utf8_lossy(&answer), expected);
    }

    #[test]
    fn what_must_not_be_answered_is_not() {
        let ack = invite("l: -1\r\n", "").replace("INVITE", "ACK");
        assert_eq!(refused(&ack), (Fault::Number("Content-Length"), None));
        let response = format!("SIP/2.0 200 OK\r\n{HEADERS}l: 9\r\n\r\n");
        assert_eq!(refused(&response), (Fault::BodyTruncated, None));
        assert_eq!(refused("GET / HTTP/1.1\r\nVia: x\r\n\r\n"), (Fault::StartLine, None));
        assert_eq!(refused("INVITE sip:a@b SIP/2.0\r\n\r\n"), (Fault::Missing("Via"), None));
        assert_eq!(refused("\r\n\r\n"), (Fault::StartLine, None));
    }

    #[test]
    fn every_limit_is_refused_one_beyond() {
        let own_lines = request(&invite("", "")).headers.len();
        let most = invite(&"X: y\r\n".repeat(SIP_HEADERS_MAX - own_lines), "");
        assert_eq!(request(&most).headers.len(), SIP_HEADERS_MAX);
        let more = invite(&"X: y\r\n".repeat(SIP_HEADERS_MAX - own_lines + 1), "");
        assert_eq!(refused(&more), (Fault::TooManyHeaders, Some(513)));

        let line = |bytes: usize| format!("X:{}\r\n", "y".repeat(bytes - "X:\r\n".len()));
        assert!(request(&invite(&line(SIP_LINE_BYTES_MAX), "")).headers.has("X"));
        let longer = invite(&line(SIP_LINE_BYTES_MAX + 1), "");
        assert_eq!(refused(&longer), (Fault::LineTooLong, Some(513)));

        let fill = |bytes: usize| "b".repeat(bytes - invite("", "").len());
        assert!(!request(&invite("", &fill(SIP_MESSAGE_BYTES_MAX))).body.is_empty());
        let larger = invite("", &fill(SIP_MESSAGE_BYTES_MAX + 1));
        assert_eq!(refused(&larger), (Fault::MessageTooLarge, Some(513)));
    }

    #[test]
    fn a_response_repeats_what_the_request_said() {
        let ringing =
            request(&invite("Max-Forwards: 5\r\n", "x")).response(Status::RINGING, Some("t"));
        let expected = format!("SIP/2.0 180 Ringing\r\n{HEADERS}Content-Length: 0\r\n\r\n");
        let expected =
            expected.replace("To  :\r\n sip:z@y ;\r\n q=1", "To  : sip:z@y ;\r\n q=1;tag=t");
        assert_eq!(String::from_utf8_lossy(&ringing.print()), expected);
    }

    #[test]
    fn only_an_untagged_to_gets_a_tag() {
        for (to, tagged) in [
            ("<sip:z@y>;tag=old", "<sip:z@y>;tag=old"),
            ("<sip:z@y>;tag=", "<sip:z@y>;tag=t"),
            ("<sip:z@y>;", "<sip:z@y>;tag=t"),
            ("\"open <sip:z@y>", "\"open <sip:z@y>"),
        ] {
            let mut response = Response::new(Status::OK);
            response.headers.push("To", to);
            response.tag_to("t");
            assert_eq!(response.headers.get("To").as_deref(), Some(tagged));
        }
    }

    #[test]
    fn a_phrase_can_not_add_a_header() {
        let mut response = Response::new(Status::OK);
        response.reason = b"fine\r\nEvil: x".to_vec();
        let printed = response.print();
        assert_eq!(printed, b"SIP/2.0 200 fine  Evil: x\r\nContent-Length: 0\r\n\r\n");
    }

    #[test]
    fn a_log_learns_no_number() {
        let uri = Uri::parse("sip:+493012345@pbx").expect("a URI");
        let mut request = Request::new(Method::Options, uri);
        request.headers.push("To", "<sip:+493012345@pbx>");
        assert_eq!(format!("{request:?}"), "OPTIONS sip:+4\u{2026}bx [To] + 0 bytes");
    }
}
