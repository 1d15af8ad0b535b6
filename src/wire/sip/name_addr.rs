//! Addresses in header fields: From, To, Contact, Route, Record-Route, Refer-To, P-Asserted-Identity.
//!
//! RFC 3261 §20.10: `name-addr`, with an optional display name and angle brackets, or the bare
//! `addr-spec`, whose semicolons belong to the header field and not to the URI.

use super::{Fault, Params, ParseError, Uri, lex};
use std::borrow::Cow;
use std::fmt;

/// A URI with the name of whom it reaches and the parameters of the header field.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
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
