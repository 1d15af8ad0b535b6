//! Parameters behind a value, `;name=value`, of URIs and of header fields.
//!
//! Order and spelling are kept; names are compared without regard to case (RFC 3261 §7.3.1).

use super::{Fault, ParseError, lex};
use std::borrow::Cow;
use std::fmt;

/// An ordered list of parameters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Params(Vec<Param>);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Param {
    name: String,
    /// As on the wire, quotes and escapes included. `Some("")` is an equals sign without a value.
    value: Option<String>,
}

impl Params {
    /// No parameters.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Reads everything from the first semicolon on; an empty text gives no parameters. One
    /// semicolon at the very end is forgiven, because phones send it.
    ///
    /// # Errors
    /// When the text does not begin with a semicolon, a parameter has no name, or a value has a
    /// character that can not stand outside quotes.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let text = lex::trim(text);
        let mut params = Self::new();
        if !text.is_empty() && !text.starts_with(';') {
            return Err(Fault::Params.into());
        }
        let mut rest = text;
        while !matches!(rest, "" | ";") {
            let param = rest.strip_prefix(';').unwrap_or(rest);
            let end = lex::find_outside(param.as_bytes(), b';').unwrap_or(param.len());
            params.0.push(Param::parse(lex::trim(param.get(..end).unwrap_or_default()))?);
            rest = param.get(end..).unwrap_or_default();
        }
        Ok(params)
    }

    /// The parameter of this name: `None` when absent, `Some(None)` when it has no value, else its
    /// value as on the wire, quotes included.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Option<&str>> {
        self.0.iter().find(|param| param.is_named(name)).map(|param| param.value.as_deref())
    }

    /// What the parameter of this name says, without quotes; `None` when absent, without a value or
    /// with an empty one.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<Cow<'_, str>> {
        self.get(name)?.map(lex::unquote).filter(|value| !value.is_empty())
    }

    /// Whether the parameter is there, with or without a value.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Sets the parameter in its place, or adds it at the end. A value that is neither a token nor
    /// a host is written in quotes.
    pub fn set(&mut self, name: &str, value: Option<&str>) {
        let value = value.map(written);
        match self.0.iter_mut().find(|param| param.is_named(name)) {
            Some(param) => param.value = value,
            None => self.0.push(Param { name: name.to_owned(), value }),
        }
    }

    /// Takes the parameter away.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|param| !param.is_named(name));
    }

    /// Names and values as on the wire, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.0.iter().map(|param| (param.name.as_str(), param.value.as_deref()))
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a parameter of a URI, which knows no quotes and is escaped already.
    pub(crate) fn push_raw(&mut self, name: &str, value: Option<&str>) {
        self.0.push(Param { name: name.to_owned(), value: value.map(str::to_owned) });
    }
}

impl Param {
    fn parse(text: &str) -> Result<Self, ParseError> {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (lex::trim(name), Some(lex::trim(value))),
            None => (text, None),
        };
        let well_formed = lex::is_token(name) && value.is_none_or(is_value);
        if !well_formed {
            return Err(Fault::Params.into());
        }
        Ok(Self { name: name.to_owned(), value: value.map(str::to_owned) })
    }

    fn is_named(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }
}

/// A quoted string, or a text without white space, quotes and separators. Laxer than RFC 3261
/// §25.1 `gen-value`: an IPv6 address without brackets and a base64 text pass, as they do
/// everywhere in the field.
fn is_value(value: &str) -> bool {
    if value.starts_with('"') {
        return lex::quoted_string(value).is_some_and(|(_, behind)| behind.is_empty());
    }
    !value.chars().any(|c| lex::is_forbidden_in_uri(c) || matches!(c, ',' | ';'))
}

fn written(value: &str) -> String {
    if !value.is_empty() && is_value(value) { value.to_owned() } else { lex::quote(value) }
}

impl fmt::Display for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in self.iter() {
            match value {
                Some(value) => write!(f, ";{name}={value}")?,
                None => write!(f, ";{name}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used, reason = "a test may die of what it did not expect")]
    use super::Params;

    #[test]
    fn keeps_order_and_spelling_and_compares_names_without_case() {
        let text = r#";Tag=a;lr;received=::1;text="a;b\"c";empty="#;
        let params = Params::parse(text).expect("well formed");
        assert_eq!(params.to_string(), text);
        assert_eq!(params.get("tAG"), Some(Some("a")));
        assert_eq!(params.get("lr"), Some(None));
        assert_eq!(params.get("text"), Some(Some(r#""a;b\"c""#)));
        assert_eq!(params.value("text").as_deref(), Some("a;b\"c"));
        assert_eq!((params.value("empty"), params.get("none")), (None, None));
    }

    #[test]
    fn odd_white_space_and_one_trailing_semicolon_are_forgiven() {
        let params = Params::parse(" ; a = 1 ;b ; ").expect("well formed");
        assert_eq!(params.to_string(), ";a=1;b");
        assert_eq!(Params::parse(";"), Ok(Params::new()));
    }

    #[test]
    fn refuses_empty_names_and_open_quotes() {
        for text in [";;", ";;a", ";=1", "a=1", ";a=\"x", ";a=\"x\"y", ";a=b c", ";a=b,c"] {
            assert!(Params::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn setting_replaces_in_place_and_quotes_when_it_must() {
        let mut params = Params::parse(";a=1;b=2").expect("well formed");
        params.set("A", Some("x y"));
        params.set("c", None);
        params.remove("B");
        assert_eq!(params.to_string(), ";a=\"x y\";c");
    }
}
