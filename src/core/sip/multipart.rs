//! Bodies of several parts (RFC 2046 §5.1, RFC 5621): the session description is found inside, and
//! stands alone from the door on.
//!
//! PBXs and emergency networks put ISUP, QSIG or a location beside it. Nothing here acts on these,
//! and none is passed on: what a part means between two systems, a third does not know. RFC 3261
//! §20.11 would have a call refused (415) whose sender insists on such a part
//! (`handling=required`, which holds where nothing is said). It is taken all the same: ISUP and
//! QSIG come marked so from gateways whose people want to be connected.

use holdfast_wire::sip::{ContentType, Message};

/// Most parts that are looked at.
const PARTS_MAX: usize = 16;
/// The part that describes a session.
const SESSION_BODY: &str = "application/sdp";

/// Puts the session description of a body with several parts in the place of that body. A message
/// without one stays as it is, and is refused where a description is needed.
pub fn unfold(message: &mut Message) {
    let (headers, body) = match message {
        Message::Request(request) => (&mut request.headers, &mut request.body),
        Message::Response(response) => (&mut response.headers, &mut response.body),
    };
    let Ok(Some(kind)) = headers.content_type() else { return };
    if kind.kind != "multipart" {
        return;
    }
    let boundary = kind.params.value("boundary");
    let Some(part) = boundary.and_then(|boundary| description(body, &boundary)) else { return };
    headers.set("Content-Type", SESSION_BODY);
    headers.remove("Content-Disposition");
    *body = part;
    headers.set("Content-Length", body.len());
}

/// The first part that is a session description.
fn description(body: &[u8], boundary: &str) -> Option<Vec<u8>> {
    let mark = format!("--{boundary}");
    parts(body, mark.as_bytes()).take(PARTS_MAX).find_map(|part| {
        let (head, content) = split(part)?;
        is_session(&String::from_utf8_lossy(head)).then(|| content.to_vec())
    })
}

/// Whether the header fields of a part call it a session description. Whatever else stands there is
/// the sender's, and need be no header field at all.
fn is_session(head: &str) -> bool {
    let fields = head.lines().filter_map(|line| line.split_once(':'));
    let mut kinds = fields.filter(|(name, _)| name.trim().eq_ignore_ascii_case("Content-Type"));
    let kind = kinds.next().and_then(|(_, kind)| ContentType::parse(kind.trim()).ok());
    kind.is_some_and(|kind| kind.is(SESSION_BODY))
}

/// What stands between the marks, without the line end that belongs to the mark behind it.
fn parts<'b>(body: &'b [u8], mark: &'b [u8]) -> impl Iterator<Item = &'b [u8]> {
    let mut starts = marks(body, mark);
    let mut begin = starts.next();
    std::iter::from_fn(move || {
        let start = begin?.checked_add(mark.len())?;
        begin = starts.next();
        let end = begin.unwrap_or(body.len());
        let part = body.get(start..end)?;
        let part = part.strip_suffix(b"\n").unwrap_or(part);
        Some(part.strip_suffix(b"\r").unwrap_or(part))
    })
}

/// Where the lines begin that are a mark: `mark`, or `mark--` for the last.
fn marks<'b>(body: &'b [u8], mark: &'b [u8]) -> impl Iterator<Item = usize> + 'b {
    let behind_line_end = body.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    let lines = std::iter::once(0).chain(behind_line_end.map(|(at, _)| at + 1));
    lines.filter(move |at| body.get(*at..).is_some_and(|rest| is_mark(rest, mark)))
}

fn is_mark(rest: &[u8], mark: &[u8]) -> bool {
    let Some(behind) = rest.strip_prefix(mark) else { return false };
    let behind = behind.strip_prefix(b"--").unwrap_or(behind);
    let end = behind.iter().find(|byte| !matches!(byte, b' ' | b'\t' | b'\r'));
    end.is_none_or(|byte| *byte == b'\n')
}

/// Header fields and content of a part; one that begins with an empty line has no fields.
fn split(part: &[u8]) -> Option<(&[u8], &[u8])> {
    for empty in [&b"\r\n\r\n"[..], b"\n\n"] {
        if let Some(at) = part.windows(empty.len()).position(|window| window == empty) {
            return Some((part.get(..at)?, part.get(at + empty.len()..)?));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::unfold;
    use holdfast_wire::sip::Message;
    use proptest::prelude::{any, prop, proptest};

    fn unfolded(kind: &str, body: &[u8]) -> (String, Vec<u8>) {
        let head = format!(
            "INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKa\r\nFrom: <sip:a@h>;tag=a\r\n\
             To: <sip:b@h>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\n\
             Content-Disposition: session\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let mut message = Message::parse(&[head.as_bytes(), body].concat()).unwrap();
        unfold(&mut message);
        let kind = message.headers().get("Content-Type").unwrap().into_owned();
        (kind, message.body().to_vec())
    }

    #[test]
    fn the_description_is_found_wherever_it_stands() {
        let isup = "--b\r\nContent-Type: application/ISUP;version=x\r\n\r\n\u{1}\u{2}\r\n";
        let sdp = "--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\no=- --b\r\n\r\n";
        for body in [
            format!("{isup}{sdp}--b--\r\n"),
            format!("preamble\r\n{sdp}{isup}--b--"),
            format!("{sdp}--b-- \r\nepilogue"),
        ] {
            for kind in ["multipart/mixed;boundary=b", "Multipart/Related; boundary=\"b\""] {
                let (kind, found) = unfolded(kind, body.as_bytes());
                assert_eq!(kind, "application/sdp", "{body}");
                assert_eq!(found, b"v=0\r\no=- --b\r\n", "{body}");
            }
        }
    }

    #[test]
    fn without_one_all_stays() {
        let isup = b"--b\r\nContent-Type: application/ISUP\r\n\r\nx\r\n--b--\r\n";
        for kind in ["multipart/mixed;boundary=b", "multipart/mixed", "text/plain"] {
            let (kept, body) = unfolded(kind, isup);
            assert_eq!((kept.as_str(), body.as_slice()), (kind, &isup[..]));
        }
    }

    #[test]
    fn a_line_that_is_no_header_field_is_passed_over() {
        let body =
            b"--b\r\n: x\r\nno token: x\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n--b--";
        let (kind, found) = unfolded("multipart/mixed;boundary=b", body);
        assert_eq!((kind.as_str(), found.as_slice()), ("application/sdp", &b"v=0"[..]));
    }

    proptest! {
        #[test]
        fn any_body_is_taken(body in prop::collection::vec(any::<u8>(), 0..200)) {
            let whole = [b"--b\r\n".as_slice(), &body, b"\r\n--b--"].concat();
            unfolded("multipart/mixed;boundary=b", &whole);
        }
    }
}
