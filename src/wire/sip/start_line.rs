//! The first line of a message: request line or status line (RFC 3261 §7.1, §7.2).

use super::{Fault, Method, Status, Uri, lex};

/// The only version that is spoken here.
const VERSION: &str = "SIP/2.0";

/// The end of a start line: the version as it was spelt (RFC 3261 §7.1: any case) and the line end.
/// Kept so that an unmodified message prints byte by byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Spelling {
    version: [u8; VERSION.len()],
    bare_lf: bool,
    /// Not even the blank before the phrase of a response was there.
    phrase_missing: bool,
}

impl Spelling {
    /// How we write.
    pub const OURS: Self = Self { version: *b"SIP/2.0", bare_lf: false, phrase_missing: false };

    /// The version as it was spelt.
    pub const fn version(&self) -> &[u8] {
        &self.version
    }

    /// The line end as it came.
    pub const fn line_end(&self) -> &'static [u8] {
        if self.bare_lf { b"\n" } else { b"\r\n" }
    }

    /// Whether an empty phrase is written without the blank before it.
    pub const fn is_phrase_missing(&self) -> bool {
        self.phrase_missing
    }

    fn read(version: &[u8], line: &[u8]) -> Option<Self> {
        let version: [u8; VERSION.len()] = version.try_into().ok()?;
        let spoken = version.eq_ignore_ascii_case(VERSION.as_bytes());
        let bare_lf = !line.ends_with(b"\r\n");
        spoken.then_some(Self { version, bare_lf, phrase_missing: false })
    }
}

/// A start line that has been read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StartLine {
    /// `INVITE sip:bob@example.com SIP/2.0`
    Request { method: Method, uri: Uri, spelling: Spelling },
    /// `SIP/2.0 200 OK`
    Response { status: Status, reason: Vec<u8>, spelling: Spelling },
}

/// Whether the bytes begin as a response does, whatever its version.
pub(crate) fn is_response(bytes: &[u8]) -> bool {
    bytes.get(..4).is_some_and(|start| start.eq_ignore_ascii_case(b"SIP/"))
}

impl StartLine {
    /// Reads the line, its line end included.
    pub fn parse(line: &[u8]) -> Result<Self, Fault> {
        if is_response(line) { Self::parse_response(line) } else { Self::parse_request(line) }
    }

    /// RFC 3261 §7.1: three parts, one blank between each. More blanks are refused: which of the
    /// parts they belong to is a guess (RFC 4475 §3.1.2.8).
    fn parse_request(line: &[u8]) -> Result<Self, Fault> {
        let mut parts = lex::without_line_end(line).split(|byte| *byte == b' ');
        let (Some(method), Some(uri), Some(version), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Fault::StartLine);
        };
        if !is_response(version) {
            return Err(Fault::StartLine);
        }
        let spelling = Spelling::read(version, line).ok_or(Fault::Version)?;
        let method = std::str::from_utf8(method).map_err(|_| Fault::Method)?;
        let method = Method::parse(method).map_err(|error| error.fault())?;
        let uri = std::str::from_utf8(uri).map_err(|_| Fault::Uri)?;
        let uri = Uri::parse(uri).map_err(|error| error.fault())?;
        // RFC 3261 §19.1.1: header fields can not stand in a Request-URI.
        if uri.headers().next().is_some() {
            return Err(Fault::UriHeaders);
        }
        Ok(Self::Request { method, uri, spelling })
    }

    /// RFC 3261 §7.2. The phrase may be empty, hold any bytes, and miss the blank before it.
    fn parse_response(line: &[u8]) -> Result<Self, Fault> {
        let text = lex::without_line_end(line);
        let blank = text.iter().position(|byte| *byte == b' ').ok_or(Fault::StartLine)?;
        let (version, rest) = text.split_at(blank);
        let mut spelling = Spelling::read(version, line).ok_or(Fault::Version)?;
        let [b' ', a, b, c, phrase @ ..] = rest else { return Err(Fault::StatusCode) };
        let digits = [*a, *b, *c];
        let code = std::str::from_utf8(&digits).ok().and_then(lex::number);
        let status = code.and_then(|code| Status::new(code).ok()).ok_or(Fault::StatusCode)?;
        let reason = match phrase {
            [] => {
                spelling.phrase_missing = true;
                Vec::new()
            }
            [b' ', reason @ ..] => reason.to_vec(),
            [..] => return Err(Fault::StatusCode),
        };
        Ok(Self::Response { status, reason, spelling })
    }
}

#[cfg(test)]
mod tests {
    use super::StartLine;

    fn read(line: &str) -> String {
        match StartLine::parse(line.as_bytes()) {
            Ok(StartLine::Request { method, uri, .. }) => format!("{method} | {uri}"),
            Ok(StartLine::Response { status, reason, .. }) => {
                format!("{status} | {}", String::from_utf8_lossy(&reason))
            }
            Err(fault) => fault.to_string(),
        }
    }

    #[test]
    fn requests() {
        for (line, result) in [
            ("INVITE sip:a@b SIP/2.0\r\n", "INVITE | sip:a@b"),
            ("x-Y tel:+49 sip/2.0\n", "x-Y | tel:+49"),
            ("INVITE sip:a@b SIP/7.0\r\n", "SIP Version Not Supported"),
            ("INVITE sip:a@b SIP/2.0 \r\n", "Malformed Start Line"),
            ("INVITE  sip:a@b  SIP/2.0\r\n", "Malformed Start Line"),
            ("INVITE sip:a@b; lr SIP/2.0\r\n", "Malformed Start Line"),
            ("GET / HTTP/1.1\r\n", "Malformed Start Line"),
            ("INVITE <sip:a@b> SIP/2.0\r\n", "Malformed URI"),
            ("INVITE sip:a@b?Route=x SIP/2.0\r\n", "Header Fields In Request-URI"),
            ("INV(TE sip:a@b SIP/2.0\r\n", "Malformed Method"),
            ("", "Malformed Start Line"),
        ] {
            assert_eq!(read(line), result, "{line:?}");
        }
    }

    #[test]
    fn responses() {
        for (line, result) in [
            ("SIP/2.0 200 OK\r\n", "200 | OK"),
            ("SIP/2.0 100 \r\n", "100 | "),
            ("SIP/2.0 100\r\n", "100 | "),
            ("SIP/2.0 200  two  blanks \r\n", "200 |  two  blanks "),
            ("SIP/2.0 4294967301 better\r\n", "Malformed Status Code"),
            ("SIP/2.0 099 x\r\n", "Malformed Status Code"),
            ("SIP/2.0 700 x\r\n", "Malformed Status Code"),
            ("SIP/2.0 +20 x\r\n", "Malformed Status Code"),
            ("SIP/3.0 200 OK\r\n", "SIP Version Not Supported"),
            ("SIP/2.0\r\n", "Malformed Start Line"),
        ] {
            assert_eq!(read(line), result, "{line:?}");
        }
    }
}
