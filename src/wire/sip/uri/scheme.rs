//! The scheme of a URI, RFC 3986 §3.1.

/// The part before the first colon.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scheme {
    /// RFC 3261 §19.1
    Sip,
    /// RFC 3261 §19.1, TLS on every hop.
    Sips,
    /// RFC 3966
    Tel,
    /// RFC 8141, for example `urn:service:sos`.
    Urn,
    /// Any other, in lower case.
    Other(String),
}

impl Scheme {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let is_scheme_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
        let well_formed = text.bytes().next().is_some_and(|first| first.is_ascii_alphabetic())
            && text.bytes().all(is_scheme_byte);
        if !well_formed {
            return None;
        }
        let known = [Self::Sip, Self::Sips, Self::Tel, Self::Urn];
        let found = known.into_iter().find(|scheme| text.eq_ignore_ascii_case(scheme.as_str()));
        Some(found.unwrap_or_else(|| Self::Other(text.to_ascii_lowercase())))
    }

    /// The scheme in lower case, without the colon.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Sip => "sip",
            Self::Sips => "sips",
            Self::Tel => "tel",
            Self::Urn => "urn",
            Self::Other(name) => name,
        }
    }
}
