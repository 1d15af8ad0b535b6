//! URIs: `sip`, `sips`, `tel`, `urn` and any other scheme (RFC 3261 §19.1, RFC 3966, RFC 8141).
//!
//! A URI keeps the text it was read from and prints exactly that. The parts are views: escapes stay
//! as they are, because resolving them could create delimiters (RFC 3261 §19.1.2).

mod equivalence;
mod parts;
mod scheme;

use super::{Fault, Host, Params, ParseError, escape, lex};
use holdfast_base::{E164, Private};
use parts::{Parts, SipParts, parse_tel};
pub use scheme::Scheme;
use std::borrow::Cow;
use std::fmt;

/// One URI, printed exactly as it was read.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Uri {
    text: String,
    scheme: Scheme,
    parts: Parts,
}

/// What a scheme that has no parameters answers with.
static NO_PARAMS: Params = Params::new();

impl Uri {
    /// Reads a URI. Characters that RFC 3261 wants escaped pass in the user part when they end
    /// nothing (`#` and letters beyond ASCII: phones send them).
    ///
    /// # Errors
    /// When there is no scheme, no host in a `sip` URI, or white space, quotes, angle brackets or
    /// control characters anywhere.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        if text.chars().any(lex::is_forbidden_in_uri) {
            return Err(Fault::Uri.into());
        }
        let (scheme, rest) = text.split_once(':').ok_or(Fault::Uri)?;
        let scheme = Scheme::parse(scheme).ok_or(Fault::Uri)?;
        let parts = match scheme {
            Scheme::Sip | Scheme::Sips => Parts::Sip(Box::new(SipParts::parse(rest)?)),
            Scheme::Tel => parse_tel(rest)?,
            Scheme::Urn | Scheme::Other(_) if rest.is_empty() => return Err(Fault::Uri.into()),
            Scheme::Urn | Scheme::Other(_) => Parts::Opaque(rest.to_owned()),
        };
        Ok(Self { text: text.to_owned(), scheme, parts })
    }

    /// `sip:user@host:port`; `user` is plain text (see [`Uri::user_decoded`]) and escaped here.
    #[must_use]
    pub fn sip(user: Option<&str>, host: Host, port: Option<u16>) -> Self {
        let user = user.map(|user| escape::escape(user, escape::is_plain_in_user));
        let parts = SipParts {
            user,
            password: None,
            host,
            port,
            params: Params::new(),
            headers: Vec::new(),
        };
        Self::composed(Scheme::Sip, Parts::Sip(Box::new(parts)))
    }

    /// `tel:number`; anything but digits, `+`, `*`, `#` and letters is left out.
    #[must_use]
    pub fn tel(number: &str) -> Self {
        let number = number.chars().filter(|c| is_dialled(*c)).collect();
        Self::composed(Scheme::Tel, Parts::Tel { number, params: Params::new() })
    }

    fn composed(scheme: Scheme, parts: Parts) -> Self {
        let text = format!("{}:{parts}", scheme.as_str());
        Self { text, scheme, parts }
    }

    /// The text as it was read.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The scheme.
    #[must_use]
    pub const fn scheme(&self) -> &Scheme {
        &self.scheme
    }

    /// Whether a request can be sent to it: `sip` or `sips`.
    #[must_use]
    pub const fn is_sip(&self) -> bool {
        matches!(self.scheme, Scheme::Sip | Scheme::Sips)
    }

    const fn sip_parts(&self) -> Option<&SipParts> {
        match &self.parts {
            Parts::Sip(parts) => Some(parts),
            Parts::Tel { .. } | Parts::Opaque(_) => None,
        }
    }

    /// The user part, still escaped, or the number of a `tel` URI.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        match &self.parts {
            Parts::Sip(parts) => parts.user.as_deref(),
            Parts::Tel { number, .. } => Some(number),
            Parts::Opaque(_) => None,
        }
    }

    /// The user part or number with its escapes resolved: for dial plans and pages, not for URIs.
    #[must_use]
    pub fn user_decoded(&self) -> Option<Cow<'_, str>> {
        self.user().map(escape::unescape)
    }

    /// The number that the URI stands for, when it is in international form: of a `tel` URI, or of
    /// a user part, without parameters such as `;phone-context` (RFC 3261 §19.1.6).
    #[must_use]
    pub fn e164(&self) -> Option<E164> {
        let user = self.user_decoded()?;
        E164::parse(user.split(';').next().unwrap_or_default()).ok()
    }

    /// The password, still escaped. Never useful, but it must survive.
    #[must_use]
    pub fn password(&self) -> Option<&str> {
        self.sip_parts()?.password.as_deref()
    }

    /// The host of a `sip` or `sips` URI.
    #[must_use]
    pub fn host(&self) -> Option<&Host> {
        Some(&self.sip_parts()?.host)
    }

    /// The port, when one is written.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.sip_parts()?.port
    }

    /// The URI parameters, still escaped; none for a scheme that is only carried.
    #[must_use]
    pub fn params(&self) -> &Params {
        match &self.parts {
            Parts::Sip(parts) => &parts.params,
            Parts::Tel { params, .. } => params,
            Parts::Opaque(_) => &NO_PARAMS,
        }
    }

    /// A parameter by its name, also when the name or value is escaped (RFC 4475 §3.1.1.3):
    /// `Some(None)` when it has no value.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<Option<Cow<'_, str>>> {
        self.params()
            .iter()
            .find(|(found, _)| escape::unescape(found).eq_ignore_ascii_case(name))
            .map(|(_, value)| value.map(escape::unescape))
    }

    /// The header fields behind the question mark, escapes resolved. They are a wish of whoever
    /// wrote the URI; obey none without thought (RFC 3261 §19.1.5).
    pub fn headers(&self) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
        let headers = self.sip_parts().map_or(&[][..], |parts| &parts.headers);
        headers.iter().map(|(name, value)| (escape::unescape(name), escape::unescape(value)))
    }

    /// The header field of this name behind the question mark, such as `Replaces` of a Refer-To.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<Cow<'_, str>> {
        self.headers().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Everything behind the scheme of a URI that is only carried, for example `service:sos`.
    #[must_use]
    pub fn opaque(&self) -> Option<&str> {
        match &self.parts {
            Parts::Opaque(text) => Some(text),
            Parts::Sip(_) | Parts::Tel { .. } => None,
        }
    }

    /// The `transport` parameter in lower case.
    #[must_use]
    pub fn transport(&self) -> Option<String> {
        Some(self.param("transport")??.to_ascii_lowercase())
    }

    /// RFC 3261 §19.1.1 `lr`; `lr=on` and `lr=true` mean the same in the field.
    #[must_use]
    pub fn is_loose_router(&self) -> bool {
        self.param("lr").is_some()
    }

    /// The URI with this parameter set, escaped as it needs; unchanged for a scheme without
    /// parameters.
    #[must_use]
    pub fn with_param(self, name: &str, value: Option<&str>) -> Self {
        let name = escape::escape(name, escape::is_plain_in_param);
        let value = value.map(|value| escape::escape(value, escape::is_plain_in_param));
        self.with_params(|params| {
            params.remove(&name);
            params.push_raw(&name, value.as_deref());
        })
    }

    /// The URI without this parameter.
    #[must_use]
    pub fn without_param(self, name: &str) -> Self {
        self.with_params(|params| params.remove(name))
    }

    fn with_params(self, change: impl FnOnce(&mut Params)) -> Self {
        let Self { text, scheme, mut parts } = self;
        match &mut parts {
            Parts::Sip(parts) => change(&mut parts.params),
            Parts::Tel { params, .. } => change(params),
            Parts::Opaque(_) => return Self { text, scheme, parts },
        }
        Self::composed(scheme, parts)
    }

    /// The URI without what a Request-URI may not carry: header fields and the `method` parameter
    /// (RFC 3261 §19.1.1, table 1).
    #[must_use]
    pub fn for_request(self) -> Self {
        let Parts::Sip(parts) = &self.parts else { return self };
        if parts.headers.is_empty() && !parts.params.has("method") {
            return self;
        }
        let mut parts = parts.clone();
        parts.headers.clear();
        parts.params.remove("method");
        Self::composed(self.scheme, Parts::Sip(parts))
    }

    /// The same user at another host; unchanged for a scheme without hosts.
    #[must_use]
    pub fn with_host(self, host: Host, port: Option<u16>) -> Self {
        let Self { text, scheme, mut parts } = self;
        let Parts::Sip(sip) = &mut parts else { return Self { text, scheme, parts } };
        (sip.host, sip.port) = (host, port);
        Self::composed(scheme, parts)
    }

    /// The URI with this header field added behind the question mark.
    #[must_use]
    pub fn with_header(self, name: &str, value: &str) -> Self {
        let Self { text, scheme, mut parts } = self;
        let Parts::Sip(sip) = &mut parts else { return Self { text, scheme, parts } };
        let escaped = |text| escape::escape(text, escape::is_plain_in_header);
        sip.headers.push((escaped(name), escaped(value)));
        Self::composed(scheme, parts)
    }
}

/// Digits, the plus sign, the keys of a phone and RFC 3966's hexadecimal letters.
fn is_dialled(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '+' | '*' | '#')
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Uri {
    /// Scheme only and a glimpse of the rest: URIs are numbers and names of people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.scheme.as_str(), Private(&self.parts))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used, reason = "a test may die of what it did not expect")]
    use super::Uri;
    use crate::sip::Host;

    fn uri(text: &str) -> Uri {
        Uri::parse(text).expect(text)
    }

    #[test]
    fn every_scheme_prints_as_it_was_read() {
        for text in [
            "sip:alice@example.com",
            "SIPS:Alice:pw@EXAMPLE.com:5061;Transport=TLS;lr=on;x?Subject=a%20b&Replaces=x@y%3B",
            "sip:[2001:DB8::1]:5060;lr",
            "sip:*31#4930@pbx_1",
            "sip:@pbx.example.com;;lr;",
            "sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d@e.com",
            "tel:+49-(30)-1234;phone-context=+49",
            "urn:service:sos",
            "nobodyKnowsThisScheme:totallyopaquecontent",
            "http://www.example.com/a;b?c=d",
        ] {
            assert_eq!(uri(text).to_string(), text);
        }
    }

    #[test]
    fn refuses_what_is_no_uri() {
        for text in [
            "",
            "alice@example.com",
            ":x",
            "1a:x",
            "sip:",
            "sip:alice@",
            "sip:alice@a b",
            "<sip:alice@b>",
            "sip:alice@b\r\nX: y",
            "sip:a@b:70000",
            "sip:a@b;=x",
            "tel:",
            "urn:",
            "sip:a@2001:db8::1",
        ] {
            assert!(Uri::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_parts_stay_escaped_until_asked() {
        let escaped =
            uri("sip:sips%3Auser%40example.com@example.net;%6C%72;n%61me=v%61lue%25%34%31");
        assert_eq!(escaped.user(), Some("sips%3Auser%40example.com"));
        assert_eq!(escaped.user_decoded().as_deref(), Some("sips:user@example.com"));
        assert!(escaped.is_loose_router());
        assert_eq!(escaped.param("name"), Some(Some("value%41".into())));
        let refer = uri("sip:bob@b?Replaces=1%40a%3Bto-tag%3Dx&X=");
        assert_eq!(refer.header("replaces").as_deref(), Some("1@a;to-tag=x"));
        assert_eq!(uri("sip:semi;par=u%40e@b").user(), Some("semi;par=u%40e"));
    }

    #[test]
    fn our_own_uris_are_escaped_where_they_must() {
        let host = Host::parse("SBC.example.com").expect("a host");
        let ours = Uri::sip(Some("a b;c@\u{fc}#"), host, Some(5061))
            .with_param("transport", Some("tls"))
            .with_param("x", Some("a;b"))
            .with_header("Subject", "q & a");
        assert_eq!(
            ours.to_string(),
            "sip:a%20b%3Bc%40%C3%BC%23@sbc.example.com:5061;transport=tls;x=a%3Bb?Subject=q%20%26%20a"
        );
        assert_eq!(Uri::parse(ours.as_str()), Ok(ours.clone()));
        assert_eq!(ours.user_decoded().as_deref(), Some("a b;c@\u{fc}#"));
        let request = ours.with_param("method", Some("BYE")).without_param("X").for_request();
        assert_eq!(
            request.to_string(),
            "sip:a%20b%3Bc%40%C3%BC%23@sbc.example.com:5061;transport=tls"
        );
        assert_eq!(Uri::tel("+49 (30) 12").to_string(), "tel:+493012");
    }

    #[test]
    fn the_number_of_a_uri_is_found_in_every_form() {
        for text in [
            "tel:+49-30-12345",
            "sip:+493012345@pbx;user=phone",
            "sips:+493012345;phone-context=x@pbx",
            "sip:%2B493012345@pbx",
        ] {
            let number = uri(text).e164().map(|number| number.as_str().to_owned());
            assert_eq!(number.as_deref(), Some("+493012345"), "{text}");
        }
        assert_eq!(uri("sip:alice@pbx").e164(), None);
        let moved =
            uri("sip:%2B49@pbx:5080;user=phone").with_host(Host::V4([192, 0, 2, 1].into()), None);
        assert_eq!(moved.to_string(), "sip:%2B49@192.0.2.1;user=phone");
    }

    #[test]
    fn a_log_does_not_learn_the_number() {
        assert_eq!(format!("{:?}", uri("sip:+493012345@pbx")), "sip:+4\u{2026}bx");
    }
}
