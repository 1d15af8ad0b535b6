//! URIs: `sip`, `sips`, `tel`, `urn` and any other scheme (RFC 3261 §19.1, RFC 3966, RFC 8141).
//!
//! A URI keeps the text it was read from and prints exactly that. The parts are views: escapes stay
//! as they are, because resolving them could create delimiters (RFC 3261 §19.1.2).

use super::host::{host_and_port, write_host_and_port};
use super::{Fault, Host, Params, ParseError, escape, lex};
use std::borrow::Cow;
use std::fmt;

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
    fn parse(text: &str) -> Option<Self> {
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

/// One URI, printed exactly as it was read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Uri {
    text: String,
    scheme: Scheme,
    parts: Parts,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Parts {
    /// `sip:` and `sips:`.
    Sip(Box<SipParts>),
    /// `tel:`, with the number still in its visual separators.
    Tel { number: String, params: Params },
    /// Everything behind the colon of a scheme that is only carried.
    Opaque(String),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct SipParts {
    user: Option<String>,
    password: Option<String>,
    host: Host,
    port: Option<u16>,
    params: Params,
    /// Behind the question mark, still escaped: names and values.
    headers: Vec<(String, String)>,
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

    /// `sip:user@host:port`; the user part is escaped as it needs.
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

    /// The URI with this header field added behind the question mark.
    #[must_use]
    pub fn with_header(self, name: &str, value: &str) -> Self {
        let Self { text, scheme, mut parts } = self;
        let Parts::Sip(sip) = &mut parts else { return Self { text, scheme, parts } };
        let escaped = |text| escape::escape(text, escape::is_plain_in_header);
        sip.headers.push((escaped(name), escaped(value)));
        Self::composed(scheme, parts)
    }

    /// Whether both name the same resource: RFC 3261 §19.1.4 for `sip`, RFC 3966 §5 for `tel`, the
    /// text for all others.
    #[must_use]
    pub fn same_as(&self, other: &Self) -> bool {
        if self.scheme != other.scheme {
            return false;
        }
        match (&self.parts, &other.parts) {
            (Parts::Sip(ours), Parts::Sip(theirs)) => ours.same_as(theirs),
            (
                Parts::Tel { number: ours, params: our_params },
                Parts::Tel { number: theirs, params: their_params },
            ) => {
                dialled(ours).eq(dialled(theirs))
                    && covers(our_params, their_params, |_| true)
                    && covers(their_params, our_params, |_| true)
            }
            (Parts::Opaque(ours), Parts::Opaque(theirs)) => ours == theirs,
            (Parts::Sip(_) | Parts::Tel { .. } | Parts::Opaque(_), _) => false,
        }
    }
}

/// Digits, the plus sign, the keys of a phone and RFC 3966's hexadecimal letters.
fn is_dialled(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '+' | '*' | '#')
}

/// A number without visual separators, RFC 3966 §5.1.1.
fn dialled(number: &str) -> impl Iterator<Item = char> + '_ {
    number.chars().filter(|c| is_dialled(*c)).map(|c| c.to_ascii_lowercase())
}

fn parse_tel(rest: &str) -> Result<Parts, ParseError> {
    let (number, params) = rest.split_once(';').map_or((rest, None), |(n, p)| (n, Some(p)));
    if number.is_empty() {
        return Err(Fault::Uri.into());
    }
    Ok(Parts::Tel { number: number.to_owned(), params: parse_params(params)? })
}

/// URI parameters know no quotes; anything without a semicolon or question mark is a value.
fn parse_params(text: Option<&str>) -> Result<Params, ParseError> {
    let mut params = Params::new();
    for param in text.into_iter().flat_map(|text| text.split(';')) {
        match param.split_once('=') {
            Some(("", _)) => return Err(Fault::Params.into()),
            Some((name, value)) => params.push_raw(name, Some(value)),
            // `sip:a@b;` and `sip:a@b;;lr`: the empty ones say nothing.
            None if param.is_empty() => {}
            None => params.push_raw(param, None),
        }
    }
    Ok(params)
}

impl SipParts {
    fn parse(rest: &str) -> Result<Self, ParseError> {
        // RFC 3261 §25.1: no part behind the user part may hold a plain `@`.
        let (userinfo, rest) =
            rest.split_once('@').map_or((None, rest), |(user, rest)| (Some(user), rest));
        let (user, password) = match userinfo {
            // `sip:@host` from phones without an account: no user at all.
            None | Some("") => (None, None),
            Some(info) => match info.split_once(':') {
                Some((user, password)) => (Some(user), Some(password)),
                None => (Some(info), None),
            },
        };
        let (rest, headers) = rest.split_once('?').map_or((rest, None), |(r, h)| (r, Some(h)));
        let (hostport, params) = rest.split_once(';').map_or((rest, None), |(h, p)| (h, Some(p)));
        let (host, port) = host_and_port(hostport)?;
        Ok(Self {
            user: user.map(str::to_owned),
            password: password.map(str::to_owned),
            host,
            port,
            params: parse_params(params)?,
            headers: parse_headers(headers),
        })
    }

    fn same_as(&self, other: &Self) -> bool {
        let normalised = |text: &Option<String>| text.as_deref().map(escape::normalised);
        // RFC 3261 §19.1.4: these differ from their absence; the others only from another value.
        let decisive = |name: &str| {
            ["user", "ttl", "method", "maddr", "transport"]
                .iter()
                .any(|known| known.eq_ignore_ascii_case(name))
        };
        normalised(&self.user) == normalised(&other.user)
            && normalised(&self.password) == normalised(&other.password)
            && (&self.host, self.port) == (&other.host, other.port)
            && covers(&self.params, &other.params, decisive)
            && covers(&other.params, &self.params, decisive)
            && sorted(&self.headers) == sorted(&other.headers)
    }
}

/// Whether every parameter of `ours` has the same value in `theirs`, or is absent there and not
/// decisive.
fn covers(ours: &Params, theirs: &Params, decisive: impl Fn(&str) -> bool) -> bool {
    let folded = |text: &str| escape::normalised(text).to_ascii_lowercase();
    ours.iter().all(|(name, value)| {
        theirs
            .iter()
            .find(|(other, _)| folded(other) == folded(name))
            .map_or_else(|| !decisive(name), |(_, other)| other.map(folded) == value.map(folded))
    })
}

/// Header fields of a URI may stand in any order (RFC 3261 §19.1.4).
fn sorted(headers: &[(String, String)]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut sorted: Vec<_> = headers
        .iter()
        .map(|(name, value)| {
            (escape::normalised(name).to_ascii_lowercase(), escape::normalised(value))
        })
        .collect();
    sorted.sort();
    sorted
}

fn parse_headers(text: Option<&str>) -> Vec<(String, String)> {
    text.into_iter()
        .flat_map(|text| text.split('&'))
        .filter(|header| !header.is_empty())
        .map(|header| header.split_once('=').unwrap_or((header, "")))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

impl fmt::Display for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sip(parts) => parts.fmt(f),
            Self::Tel { number, params } => write!(f, "{number}{params}"),
            Self::Opaque(text) => f.write_str(text),
        }
    }
}

impl fmt::Display for SipParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(user) = &self.user {
            f.write_str(user)?;
            if let Some(password) = &self.password {
                write!(f, ":{password}")?;
            }
            f.write_str("@")?;
        }
        write_host_and_port(f, &self.host, self.port)?;
        self.params.fmt(f)?;
        for (at, (name, value)) in self.headers.iter().enumerate() {
            write!(f, "{}{name}={value}", if at == 0 { '?' } else { '&' })?;
        }
        Ok(())
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
