//! SIP inside of WebSocket, as browsers speak it (RFC 7118), and the pages whose scripts may.
//!
//! The script of any page that somebody looks at can reach the box from that browser, also where
//! nobody else can. So the browser says where the page comes from (RFC 6455 §10.2), and only pages
//! of the box and those that the technician has named are let in. Programs that are no browser
//! could write whatever they like there; they need write nothing.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

use crate::listener::Advertise;
use crate::schema::Config;

/// Of a listener for browsers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebSocket {
    /// Pages whose scripts may speak here, besides those of the box itself.
    pub origins: Vec<Origin>,
}

/// Where a page comes from: scheme, host and port (RFC 6454 §4).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Origin {
    secure: bool,
    host: String,
    port: u16,
}

impl TryFrom<String> for Origin {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or_else(|| format!("`{text}` is not where a page comes from"))
    }
}

impl From<Origin> for String {
    fn from(origin: Origin) -> Self {
        origin.to_string()
    }
}

impl Origin {
    /// Reads it as a browser writes it: `https://HOST` or `https://HOST:PORT`, or with `http`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (secure, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
            (Some(rest), _) => (true, rest),
            (None, Some(rest)) => (false, rest),
            (None, None) => return None,
        };
        let (host, port) = match rest.rsplit_once(':') {
            // The colons of an address of IPv6 stand in brackets.
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()?),
            Some(_) | None => (rest, default_port(secure)),
        };
        let (inside, fits): (&str, fn(u8) -> bool) = match host.strip_prefix('[') {
            Some(rest) => (rest.strip_suffix(']')?, |it| it.is_ascii_hexdigit() || it == b':'),
            None => (host, |it| it.is_ascii_alphanumeric() || b"-._".contains(&it)),
        };
        let named = !inside.is_empty() && inside.bytes().all(fits);
        named.then(|| Self { secure, host: host.to_ascii_lowercase(), port })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.secure { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.host)?;
        if self.port == default_port(self.secure) { Ok(()) } else { write!(f, ":{}", self.port) }
    }
}

const fn default_port(secure: bool) -> u16 {
    if secure { 443 } else { 80 }
}

/// The pages from which the scripts come that one listener lets in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pages {
    named: BTreeSet<Origin>,
    /// Names of the box. It serves pages over HTTPS alone, on a port that may be another one
    /// outside, where a proxy or a router stands before it.
    ours: BTreeSet<String>,
}

impl Pages {
    /// Those of the listener that is bound here.
    #[must_use]
    pub fn of(config: &Config, bind: SocketAddr) -> Self {
        let listeners = &config.sip.listeners;
        let here = listeners.iter().filter(|listener| listener.bind == bind);
        let websockets = here.filter_map(|listener| listener.websocket.as_ref());
        let named = websockets.flat_map(|it| it.origins.iter().cloned()).collect();
        let advertised = listeners.iter().filter_map(|it| it.advertise.as_ref());
        let advertised = advertised.map(|told| match told {
            Advertise::Name(name) => name.to_ascii_lowercase(),
            Advertise::Address(address) => host(*address),
        });
        let domain = config.site.domain.to_ascii_lowercase();
        Self { named, ours: advertised.chain([domain]).collect() }
    }

    /// Whether a script of a page with this `Origin` may speak here, over a connection that has
    /// reached us at this address.
    #[must_use]
    pub fn welcome(&self, origin: Option<&str>, reached: IpAddr) -> bool {
        let Some(origin) = origin else { return true };
        // "null", as of a file on somebody's disk, is nobody's.
        let Some(page) = Origin::parse(origin) else { return false };
        let ours = self.ours.contains(&page.host) || page.host == host(reached);
        (page.secure && ours) || self.named.contains(&page)
    }
}

/// As it stands in a URI (RFC 3986 §3.2.2).
fn host(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Origin, Pages};

    #[test]
    fn an_origin_is_a_scheme_a_host_and_a_port_and_nothing_else() {
        for (text, shown) in [
            ("https://crm.example.org", "https://crm.example.org"),
            ("https://CRM.example.org:443", "https://crm.example.org"),
            ("http://192.0.2.7:8080", "http://192.0.2.7:8080"),
            ("https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443"),
            ("https://[2001:db8::1]", "https://[2001:db8::1]"),
        ] {
            assert_eq!(Origin::parse(text).map(|it| it.to_string()).as_deref(), Some(shown));
        }
        for bad in [
            "",
            "null",
            "*",
            "crm.example.org",
            "https://",
            "https://a/",
            "https://a:",
            "wss://a",
            "https://a:70000",
            "https://u@a",
            "https://a]:1",
            "https://a b",
            "https://[::1",
        ] {
            assert_eq!(Origin::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn pages_of_the_box_and_named_ones_are_welcome_and_no_others() {
        let text = "
[site]
domain = 'Box.example.org'
[[sip.listener]]
transport = 'tcp'
bind = '0.0.0.0:5060'
advertise = '198.51.100.7'
[[sip.listener]]
transport = 'wss'
bind = '0.0.0.0:5443'
certificate = '/c'
key = '/k'
origins = ['https://crm.example.org', 'http://localhost:3000']
[[sip.listener]]
transport = 'ws'
bind = '0.0.0.0:5080'
";
        let (config, _) = crate::read(text, "f").unwrap();
        let welcome = |bind: &str, origin| {
            let pages = Pages::of(&config, bind.parse().unwrap());
            pages.welcome(origin, "192.0.2.1".parse().unwrap())
        };
        for page in [
            "https://box.example.org:8443",
            "https://192.0.2.1",
            "https://198.51.100.7:444",
            "https://crm.example.org",
            "http://localhost:3000",
        ] {
            assert!(welcome("0.0.0.0:5443", Some(page)), "{page}");
        }
        assert!(welcome("0.0.0.0:5443", None));
        for page in [
            "http://box.example.org",
            "https://192.0.2.2",
            "https://crm.example.org:444",
            "http://crm.example.org",
            "https://crm.example.org.evil.example",
            "null",
        ] {
            assert!(!welcome("0.0.0.0:5443", Some(page)), "{page}");
        }
        assert!(!welcome("0.0.0.0:5080", Some("https://crm.example.org")), "named elsewhere");
        assert!(welcome("0.0.0.0:5080", Some("https://box.example.org")));
    }
}
