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

/// A request or a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A request.
    Request(Request),
    /// A response.
    Response(Response),
}

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
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
#[derive(Clone, Debug, PartialEq, Eq)]
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
