//! The answer to a request that can not be read: as much of RFC 3261 §8.2.6 as the bytes allow.

use super::start_line::is_response;
use super::{Fault, Header, Response, lex};
use holdfast_base::limits::SIP_HEADERS_MAX;

/// What stands before a start line and means nothing (RFC 3261 §7.5).
pub(crate) fn skip_line_ends(bytes: &[u8]) -> &[u8] {
    let start = bytes.iter().position(|byte| !matches!(byte, b'\r' | b'\n'));
    bytes.get(start.unwrap_or(bytes.len())..).unwrap_or_default()
}

/// The response that says what was wrong. `None` when the bytes are a response, an ACK (RFC 3261
/// §17.1.1.3: never answered) or too little of a request to be told who asked.
pub(crate) fn to_malformed(bytes: &[u8], fault: Fault) -> Option<Response> {
    let mut lines = lex::Lines::new(bytes);
    let start = lines.next()?.text();
    let method = start.split(|byte| *byte == b' ').next()?;
    let version = start.trim_ascii_end().rsplit(|byte| *byte == b' ').next()?;
    let is_request = !method.is_empty()
        && method.iter().all(|byte| lex::is_token_byte(*byte))
        && is_response(version);
    if is_response(start) || !is_request || method == b"ACK" {
        return None;
    }
    let mut answer = Response::new(fault.status());
    // RFC 3261 §21.4.1: the phrase should identify the problem.
    answer.reason = fault.to_string().into_bytes();
    for header in lines.take(SIP_HEADERS_MAX).filter_map(|line| Header::parse(line.raw).ok()) {
        let once = ["From", "To", "Call-ID", "CSeq"]
            .iter()
            .any(|name| header.is(name) && !answer.headers.has(name));
        if once || header.is("Via") {
            answer.headers.push_line(header);
        }
    }
    answer.headers.has("Via").then_some(answer)
}
