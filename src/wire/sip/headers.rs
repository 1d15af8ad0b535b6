//! The header fields of a message: ordered, byte-exact, found by long or compact name.
//!
//! Every line is kept as it came, folds and odd white space included, and is printed so. Values are
//! read on demand; a field that nobody asks for can therefore never break a call.

use super::{Fault, ParseError, lex};
use std::borrow::Cow;
use std::fmt;

/// One header line with its continuation lines, as it came or as it will go.
#[derive(Clone, PartialEq, Eq)]
pub struct Header {
    /// Name, colon, value and line end.
    line: Vec<u8>,
    /// Where the name ends; white space may follow before the colon.
    name_end: usize,
    /// Where the value begins, behind the colon.
    value_start: usize,
}

impl Header {
    /// A line of our own. A line end in the value becomes a blank, so that a value taken from one
    /// peer can not add a header field towards another.
    ///
    /// # Panics
    /// When the name is not a token: names come from our own code or from a parsed header.
    #[must_use]
    pub fn new(name: &str, value: impl fmt::Display) -> Self {
        assert!(lex::is_token(name), "a header name is a token");
        let mut line = format!("{name}: {value}").into_bytes();
        for byte in line.iter_mut().filter(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
            *byte = b' ';
        }
        line.extend_from_slice(b"\r\n");
        Self { line, name_end: name.len(), value_start: name.len() + 1 }
    }

    /// Reads one line with its line end and continuation lines.
    pub(crate) fn parse(line: &[u8]) -> Result<Self, Fault> {
        let colon = line.iter().position(|byte| *byte == b':').ok_or(Fault::HeaderLine)?;
        // RFC 3261 §7.3.1 lets blanks stand before the colon.
        let name = line.get(..colon).unwrap_or_default().trim_ascii_end();
        if name.is_empty() || !name.iter().all(|byte| lex::is_token_byte(*byte)) {
            return Err(Fault::HeaderLine);
        }
        // A carriage return that ends no line would end one for somebody else.
        let stray = line.windows(2).any(|pair| matches!(pair, [b'\r', next] if *next != b'\n'));
        if stray || line.ends_with(b"\r") {
            return Err(Fault::HeaderLine);
        }
        Ok(Self { line: line.to_vec(), name_end: name.len(), value_start: colon + 1 })
    }

    /// The name as it is spelt.
    #[must_use]
    pub fn name(&self) -> &str {
        // Both constructors have checked that a name is a token, hence ASCII.
        std::str::from_utf8(self.line.get(..self.name_end).unwrap_or_default()).unwrap_or_default()
    }

    /// The value on one line, trimmed; bytes that are not UTF-8 are shown as U+FFFD.
    #[must_use]
    pub fn value(&self) -> Cow<'_, str> {
        lex::unfold(self.raw_value())
    }

    /// The value as on the wire: white space and folds included, the line end not.
    #[must_use]
    pub fn raw_value(&self) -> &[u8] {
        lex::without_line_end(self.line.get(self.value_start..).unwrap_or_default())
    }

    /// The whole line as on the wire, line end included.
    #[must_use]
    pub fn raw(&self) -> &[u8] {
        &self.line
    }

    /// Whether this is the field of that name; compact and long names and any case are equal.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        same_name(self.name(), name)
    }

    /// The line with another value, bytes as given.
    fn with_raw_value(&self, value: &[u8]) -> Self {
        let start = self.line.get(..self.value_start).unwrap_or_default();
        let mut line = start.to_vec();
        line.push(b' ');
        line.extend_from_slice(value);
        line.extend_from_slice(b"\r\n");
        Self { line, name_end: self.name_end, value_start: self.value_start }
    }
}

impl fmt::Debug for Header {
    /// The name only: values are numbers and names of people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The long name of a compact one (IANA registry of SIP header fields), any other name as it is.
fn long_name(name: &str) -> &str {
    let [letter] = name.as_bytes() else { return name };
    match letter.to_ascii_lowercase() {
        b'a' => "Accept-Contact",
        b'b' => "Referred-By",
        b'c' => "Content-Type",
        b'd' => "Request-Disposition",
        b'e' => "Content-Encoding",
        b'f' => "From",
        b'i' => "Call-ID",
        b'j' => "Reject-Contact",
        b'k' => "Supported",
        b'l' => "Content-Length",
        b'm' => "Contact",
        b'n' => "Identity-Info",
        b'o' => "Event",
        b'r' => "Refer-To",
        b's' => "Subject",
        b't' => "To",
        b'u' => "Allow-Events",
        b'v' => "Via",
        b'x' => "Session-Expires",
        b'y' => "Identity",
        _ => name,
    }
}

/// RFC 3261 §7.3.3: compact and long names mean the same.
pub(crate) fn same_name(one: &str, other: &str) -> bool {
    long_name(one).eq_ignore_ascii_case(long_name(other))
}

/// The header fields of one message, in order.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers(Vec<Header>);

impl Headers {
    /// No header fields.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// The value of the first line of this name, on one line and trimmed.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        self.lines(name).next().map(Header::value)
    }

    /// Whether there is such a field.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.lines(name).next().is_some()
    }

    /// The values of this name, one item per line.
    pub fn all<'h, 'n>(
        &'h self,
        name: &'n str,
    ) -> impl Iterator<Item = Cow<'h, str>> + use<'h, 'n> {
        self.lines(name).map(Header::value)
    }

    /// The lines of this name.
    pub fn lines<'h, 'n>(
        &'h self,
        name: &'n str,
    ) -> impl Iterator<Item = &'h Header> + use<'h, 'n> {
        self.0.iter().filter(move |header| header.is(name))
    }

    /// The elements of a comma list over all lines of this name; quotes and angle brackets are
    /// respected and empty elements left out.
    #[must_use]
    pub fn list(&self, name: &str) -> Vec<String> {
        let split = |value: Cow<'_, str>| {
            lex::split_list(&value, b',').map(str::to_owned).collect::<Vec<String>>()
        };
        self.all(name).flat_map(split).collect()
    }

    /// Whether a comma list of tokens holds this one; case does not count. For Supported, Require,
    /// Allow and their like.
    #[must_use]
    pub fn lists(&self, name: &str, token: &str) -> bool {
        self.all(name)
            .any(|value| lex::split_list(&value, b',').any(|t| t.eq_ignore_ascii_case(token)))
    }

    /// Adds a field at the end.
    pub fn push(&mut self, name: &str, value: impl fmt::Display) {
        self.0.push(Header::new(name, value));
    }

    /// Adds a line of another message at the end, byte-exact.
    pub fn push_line(&mut self, header: Header) {
        self.0.push(header);
    }

    /// Adds a field above the first of its name, else at the top: for Via, Route, Record-Route.
    pub fn push_front(&mut self, name: &str, value: impl fmt::Display) {
        let at = self.0.iter().position(|header| header.is(name)).unwrap_or(0);
        self.0.insert(at, Header::new(name, value));
    }

    /// Puts this value in the place of the first field of the name and drops the others; adds it
    /// at the end when there is none.
    pub fn set(&mut self, name: &str, value: impl fmt::Display) {
        let mut fresh = Some(Header::new(name, value));
        self.0.retain_mut(|header| {
            if !header.is(name) {
                return true;
            }
            fresh.take().is_some_and(|new| {
                *header = new;
                true
            })
        });
        self.0.extend(fresh);
    }

    /// Drops every field of this name.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|header| !header.is(name));
    }

    /// Drops the first element of a comma list: the topmost Via or Route. The rest of its line
    /// stays as it is.
    pub fn remove_first_value(&mut self, name: &str) {
        self.change_first_value(name, None);
    }

    /// Adds bytes to the end of the value of the first line of this name.
    pub(crate) fn append_to_value(&mut self, name: &str, more: &str) {
        if let Some(header) = self.0.iter_mut().find(|header| header.is(name)) {
            let value = [header.raw_value().trim_ascii(), more.as_bytes()].concat();
            *header = header.with_raw_value(&value);
        }
    }

    /// Replaces the first element of a comma list: the topmost Via with its `received`. The rest of
    /// its line stays as it is. Adds the field when there is none.
    pub fn set_first_value(&mut self, name: &str, value: impl fmt::Display) {
        if self.has(name) {
            // Through a line of our own, so that no line end gets in.
            let element = Header::new(name, value);
            self.change_first_value(name, Some(element.raw_value().trim_ascii()));
        } else {
            self.push_front(name, value);
        }
    }

    fn change_first_value(&mut self, name: &str, element: Option<&[u8]>) {
        let Some(at) = self.0.iter().position(|header| header.is(name)) else { return };
        let Some(header) = self.0.get_mut(at) else { return };
        let mut rest: &[u8] = header.raw_value();
        // Empty elements before the first real one go with it.
        let behind = loop {
            let comma = lex::find_outside(rest, b',');
            let first = rest.get(..comma.unwrap_or(rest.len())).unwrap_or_default();
            let behind = comma.and_then(|comma| rest.get(comma + 1..));
            match behind {
                Some(next) if first.trim_ascii().is_empty() => rest = next,
                Some(_) | None => break behind,
            }
        };
        let value = match (element, behind) {
            (Some(element), Some(behind)) => [element, b",", behind].concat(),
            (Some(element), None) => element.to_vec(),
            (None, Some(behind)) if !behind.trim_ascii().is_empty() => {
                behind.trim_ascii_start().to_vec()
            }
            (None, Some(_) | None) => {
                self.0.remove(at);
                return;
            }
        };
        *header = header.with_raw_value(&value);
    }

    /// Every line, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Header> {
        self.0.iter()
    }

    /// Keeps only the lines that `keep` says yes to.
    pub fn retain(&mut self, keep: impl FnMut(&Header) -> bool) {
        self.0.retain(keep);
    }

    /// Puts another line in the place of each for which `new` gives one.
    pub fn rewrite(&mut self, new: impl Fn(&Header) -> Option<Header>) {
        for header in &mut self.0 {
            if let Some(new) = new(header) {
                *header = new;
            }
        }
    }

    /// How many lines there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value of a field that may stand only once.
    ///
    /// # Errors
    /// When it is missing or stands twice.
    pub(crate) fn single(&self, name: &'static str) -> Result<Cow<'_, str>, ParseError> {
        let mut lines = self.lines(name);
        let first = lines.next().ok_or(Fault::Missing(name))?;
        if lines.next().is_some() {
            return Err(Fault::Repeated(name).into());
        }
        Ok(first.value())
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.0).finish()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used, reason = "a test may die of what it did not expect")]
    use super::{Header, Headers};

    fn headers(lines: &[&str]) -> Headers {
        let mut headers = Headers::new();
        for line in lines {
            headers.push_line(Header::parse(format!("{line}\r\n").as_bytes()).expect(line));
        }
        headers
    }

    fn printed(headers: &Headers) -> String {
        let bytes: Vec<u8> = headers.iter().flat_map(|header| header.raw().to_vec()).collect();
        String::from_utf8_lossy(&bytes).replace("\r\n", "|")
    }

    #[test]
    fn compact_long_and_oddly_spelt_names_are_one() {
        let headers = headers(&["v: SIP/2.0/UDP a , SIP/2.0/UDP b", "VIA  :SIP/2.0/TCP c", "l:0"]);
        assert_eq!(headers.list("Via"), ["SIP/2.0/UDP a", "SIP/2.0/UDP b", "SIP/2.0/TCP c"]);
        assert_eq!(headers.all("V").count(), 2);
        assert_eq!(headers.get("content-length").as_deref(), Some("0"));
        assert!(!headers.has("X") && headers.lists("via", "sip/2.0/tcp C"));
    }

    #[test]
    fn order_is_kept_by_every_change() {
        let mut headers = headers(&["To: a", "Route: <sip:x;lr>,  <sip:y;lr>", "Route: <sip:z>"]);
        headers.push_front("Route", "<sip:w>");
        headers.push_front("Via", "v");
        headers.push("Max-Forwards", 70);
        assert_eq!(
            printed(&headers),
            "Via: v|To: a|Route: <sip:w>|Route: <sip:x;lr>,  <sip:y;lr>|Route: <sip:z>\
             |Max-Forwards: 70|"
        );
        headers.remove_first_value("route");
        headers.remove_first_value("Route");
        assert_eq!(
            printed(&headers),
            "Via: v|To: a|Route: <sip:y;lr>|Route: <sip:z>|Max-Forwards: 70|"
        );
        headers.set("T", "b");
        headers.set("ROUTE", "<sip:q>");
        headers.set("Expires", 5);
        headers.remove("v");
        assert_eq!(printed(&headers), "T: b|ROUTE: <sip:q>|Max-Forwards: 70|Expires: 5|");
    }

    #[test]
    fn the_topmost_element_changes_alone() {
        let mut headers = headers(&["Via : , a;x=\"1,2\" ,\r\n  b", "Via: c"]);
        headers.set_first_value("via", "A");
        assert_eq!(printed(&headers), "Via : A,|  b|Via: c|");
        headers.remove_first_value("Via");
        headers.remove_first_value("Via");
        assert_eq!(printed(&headers), "Via: c|");
        headers.remove_first_value("Via");
        headers.set_first_value("Via", "d");
        assert_eq!(printed(&headers), "Via: d|");
    }

    #[test]
    fn no_value_breaks_out_of_its_line() {
        let mut headers = Headers::new();
        headers.push("Subject", "a\r\nEvil: b\n\rc\0");
        assert_eq!(printed(&headers), "Subject: a  Evil: b  c |");
        headers.set_first_value("Subject", "x\r\ny");
        assert_eq!(printed(&headers), "Subject: x  y|");
    }

    #[test]
    fn refuses_lines_that_another_reader_could_split_otherwise() {
        for line in
            ["", "no colon", ": x", "na me: x", "a: x\rEvil: y", "a: x\r\n b\rc", "\u{fc}: x"]
        {
            assert!(Header::parse(format!("{line}\r\n").as_bytes()).is_err(), "{line}");
        }
        let odd = Header::parse(b"X-\xc3: y\r\n");
        assert!(odd.is_err());
        assert!(Header::parse(b"extension!%*_+`'~.-: \xff\x00\r\n").is_ok());
    }

    #[test]
    fn a_log_learns_names_only() {
        assert_eq!(format!("{:?}", headers(&["To: sip:alice@b", "x: y"])), "[To, x]");
    }
}
