//! The list behind the word Digest, as challenges and credentials share it.

use super::Algorithm;
use crate::sip::{Fault, ParseError, lex};

/// The `name=value` pairs behind the word Digest.
pub(super) struct Directives(Vec<(String, String)>);

impl Directives {
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let (scheme, rest) = lex::trim(text).split_once([' ', '\t']).ok_or(Fault::NotDigest)?;
        if !scheme.eq_ignore_ascii_case("Digest") {
            return Err(Fault::NotDigest.into());
        }
        let mut directives = Vec::new();
        for directive in lex::split_list(rest, b',') {
            let (name, value) = directive.split_once('=').ok_or(Fault::DigestDirective)?;
            let (name, value) = (lex::trim(name).to_ascii_lowercase(), lex::trim(value));
            directives.push((name, lex::unquote(value).into_owned()));
        }
        Ok(Self(directives))
    }

    pub fn take(&mut self, name: &str) -> Option<String> {
        let found = self.0.iter_mut().find(|(found, _)| found == name)?;
        Some(std::mem::take(&mut found.1))
    }

    pub fn need(&mut self, name: &str) -> Result<String, ParseError> {
        self.take(name).ok_or(Fault::DigestDirective.into())
    }

    pub fn algorithm(&mut self) -> Result<Algorithm, ParseError> {
        self.take("algorithm").map_or(Ok(Algorithm::default()), |name| Algorithm::parse(&name))
    }
}
