//! Addresses in header fields: From, To, Contact, Route, Record-Route, Refer-To,
//! P-Asserted-Identity.
//!
//! RFC 3261 §20.10: `name-addr`, with an optional display name and angle brackets, or the bare
//! `addr-spec`, whose semicolons belong to the header field and not to the URI.

use super::{Fault, Params, ParseError, Uri, lex};
use std::borrow::Cow;
use std::fmt;

/// A URI with the name of whom it reaches and the parameters of the header field.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct NameAddr {
    /// The display name, without quotes and escapes.
    pub display: Option<String>,
    /// Where it points.
    pub uri: Uri,
    /// The parameters of the header field, such as `tag`.
    pub params: Params,
}

impl NameAddr {
    /// An address without display name and parameters.
    #[must_use]
    pub const fn new(uri: Uri) -> Self {
        Self { display: None, uri, params: Params::new() }
    }

    /// Reads one address; the caller has split the list already. A display name without quotes may
    /// hold more than tokens (names with umlauts or parentheses are common), but no comma.
    ///
    /// # Errors
    /// When quotes or brackets do not close, the URI or the parameters are malformed, or a bare URI
    /// has a question mark or comma (RFC 3261 §20: such a URI must stand in angle brackets).
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let text = lex::trim(text);
        if text.starts_with('"') {
            let (display, behind) = lex::quoted_string(text).ok_or(Fault::Quotes)?;
            return Self::in_brackets(Some(display), lex::trim(behind));
        }
        let Some(bracket) = text.find('<') else {
            return Self::bare(text);
        };
        let display = lex::trim(text.get(..bracket).unwrap_or_default());
        if display.contains(['"', ',', ';', '>']) {
            return Err(Fault::Address("Display Name").into());
        }
        let display = (!display.is_empty()).then(|| display.to_owned());
        Self::in_brackets(display, text.get(bracket..).unwrap_or_default())
    }

    fn in_brackets(display: Option<String>, text: &str) -> Result<Self, ParseError> {
        let fault = Fault::Address("Address");
        let (uri, params) =
            text.strip_prefix('<').and_then(|inside| inside.split_once('>')).ok_or(fault)?;
        Ok(Self { display, uri: Uri::parse(uri)?, params: Params::parse(params)? })
    }

    fn bare(text: &str) -> Result<Self, ParseError> {
        let (uri, params) = text.split_at(text.find(';').unwrap_or(text.len()));
        let uri = lex::trim(uri);
        if uri.contains(['?', ',']) {
            return Err(Fault::Address("Address").into());
        }
        Ok(Self { display: None, uri: Uri::parse(uri)?, params: Params::parse(params)? })
    }

    /// The `tag` parameter; an empty one is none.
    #[must_use]
    pub fn tag(&self) -> Option<Cow<'_, str>> {
        self.params.value("tag")
    }

    /// The address with this tag.
    #[must_use]
    pub fn with_tag(mut self, tag: &str) -> Self {
        self.params.set("tag", Some(tag));
        self
    }

    /// The address with this parameter of the header field.
    #[must_use]
    pub fn with_param(mut self, name: &str, value: Option<&str>) -> Self {
        self.params.set(name, value);
        self
    }

    /// The address with this display name.
    #[must_use]
    pub fn with_display(mut self, display: &str) -> Self {
        self.display = Some(display.to_owned());
        self
    }
}

impl From<Uri> for NameAddr {
    fn from(uri: Uri) -> Self {
        Self::new(uri)
    }
}

impl fmt::Display for NameAddr {
    /// Always with quotes and angle brackets: every peer reads that form.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(display) = &self.display {
            write!(f, "{} ", lex::quote(display))?;
        }
        write!(f, "<{}>{}", self.uri, self.params)
    }
}

impl fmt::Debug for NameAddr {
    /// The URI as far as a log may show it: display names are names of people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{:?}>{}", self.uri, self.params)
    }
}

#[cfg(test)]
mod tests {
    use super::NameAddr;
    use crate::sip::Uri;

    #[test]
    fn reads_every_form_and_prints_the_safe_one() {
        for (text, printed) in [
            ("sip:a@b;tag=1", "<sip:a@b>;tag=1"),
            ("sip:a@b ;   tag    = 1n", "<sip:a@b>;tag=1n"),
            ("<sip:a@b;lr>;q=0.5", "<sip:a@b;lr>;q=0.5"),
            ("caller<sip:a@b>", "\"caller\" <sip:a@b>"),
            ("A. \u{fc}ber (x) <sip:a@b>", "\"A. \u{fc}ber (x)\" <sip:a@b>"),
            (r#""J \\\"" <sip:a@b> ; x"#, r#""J \\\"" <sip:a@b>;x"#),
            (r#""<sip:evil@x>" <sip:a@b>"#, r#""<sip:evil@x>" <sip:a@b>"#),
            ("\"BEL:\\\u{7} NUL:\\\u{0}\" <sip:a@b>", "\"BEL:\\\u{7} NUL:\\\u{0}\" <sip:a@b>"),
            ("<tel:+49>", "<tel:+49>"),
            ("isbn:2983792873", "<isbn:2983792873>"),
            ("<http://www.example.com>;tag=3", "<http://www.example.com>;tag=3"),
            ("<sip:a@b?Route=%3Csip:c%3E>", "<sip:a@b?Route=%3Csip:c%3E>"),
        ] {
            let address = NameAddr::parse(text).map(|address| address.to_string());
            assert_eq!(address.as_deref(), Ok(printed), "{text}");
        }
    }

    #[test]
    fn refuses_what_could_mean_two_things() {
        for text in [
            "",
            "*",
            "\"open <sip:a@b>",
            "\"a\" b <sip:a@b>",
            "Bell, Alexander <sip:a@b>",
            "< sip:a@b >",
            "<sip:a@b",
            "<sip:a@b> x",
            "sip:a@b?Route=%3Csip:c%3E",
            "sip:a,b@c",
            "<sip:a@b>;;;",
        ] {
            assert!(NameAddr::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_empty_tag_is_no_tag() {
        let tag = |text| NameAddr::parse(text).map(|to| to.tag().map(|tag| tag.into_owned()));
        assert_eq!(tag("<sip:a@b>;tag="), Ok(None));
        assert_eq!(tag("<sip:a@b>;TAG=x"), Ok(Some("x".into())));
        let ours = Uri::parse("sip:a@b").map(|uri| {
            NameAddr::new(uri)
                .with_tag("t")
                .with_display("A \"B\"")
                .with_param("x", None)
                .to_string()
        });
        assert_eq!(ours.as_deref(), Ok(r#""A \"B\"" <sip:a@b>;tag=t;x"#));
    }
}
