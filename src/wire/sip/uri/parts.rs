//! What follows the scheme: cut at its delimiters, and put together again.

use crate::sip::host::{host_and_port, write_host_and_port};
use crate::sip::{Fault, Host, Params, ParseError};
use std::fmt;

#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) enum Parts {
    /// `sip:` and `sips:`.
    Sip(Box<SipParts>),
    /// `tel:`, with the number still in its visual separators.
    Tel { number: String, params: Params },
    /// Everything behind the colon of a scheme that is only carried.
    Opaque(String),
}

#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct SipParts {
    pub user: Option<String>,
    pub password: Option<String>,
    pub host: Host,
    pub port: Option<u16>,
    pub params: Params,
    /// Behind the question mark, still escaped: names and values.
    pub headers: Vec<(String, String)>,
}

pub(super) fn parse_tel(rest: &str) -> Result<Parts, ParseError> {
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
    pub fn parse(rest: &str) -> Result<Self, ParseError> {
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
