//! One element of Via: where a request came from and where its response goes (RFC 3261 §20.42,
//! RFC 3581 for `rport`).

use super::host::{host_and_port, write_host_and_port};
use super::{Fault, Host, Params, ParseError, lex};
use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr as _;

/// RFC 3261 §8.1.1.7: a branch that begins so is unique; one that does not is of RFC 2543.
pub const MAGIC_COOKIE: &str = "z9hG4bK";

/// One hop.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Via {
    /// As on the wire: `UDP`, `TCP`, `TLS`, `WSS` or something unknown.
    pub transport: String,
    /// Host of sent-by.
    pub host: Host,
    /// Port of sent-by.
    pub port: Option<u16>,
    /// `branch`, `received`, `rport` and others.
    pub params: Params,
}

impl Via {
    /// A hop of our own that asks for the response on the same path (RFC 3581 §3).
    #[must_use]
    pub fn new(transport: &str, host: Host, port: Option<u16>, branch: &str) -> Self {
        let mut params = Params::new();
        params.set("branch", Some(branch));
        params.set("rport", None);
        Self { transport: transport.to_owned(), host, port, params }
    }

    /// Reads one element, with white space wherever RFC 3261 §25.1 lets it stand.
    ///
    /// # Errors
    /// When it is not `SIP/2.0/transport host[:port]` with well-formed parameters.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let (protocol, rest) = text.split_once('/').ok_or(Fault::Via)?;
        let (version, rest) = rest.split_once('/').ok_or(Fault::Via)?;
        let is_sip = lex::trim(protocol).eq_ignore_ascii_case("SIP") && lex::trim(version) == "2.0";
        let rest = lex::trim(rest);
        let (transport, rest) = rest.split_once([' ', '\t']).ok_or(Fault::Via)?;
        if !is_sip || !lex::is_token(transport) {
            return Err(Fault::Via.into());
        }
        let (sent_by, params) = rest.split_at(rest.find(';').unwrap_or(rest.len()));
        let (host, port) = host_and_port(lex::trim(sent_by)).map_err(|_| Fault::Via)?;
        let params = Params::parse(params).map_err(|_| Fault::Via)?;
        Ok(Self { transport: transport.to_owned(), host, port, params })
    }

    /// The transaction's branch; an empty one is none.
    #[must_use]
    pub fn branch(&self) -> Option<Cow<'_, str>> {
        self.params.value("branch")
    }

    /// Whether the branch is unique by RFC 3261 §17.2.3: the cookie and something behind it.
    #[must_use]
    pub fn has_unique_branch(&self) -> bool {
        self.branch().is_some_and(|branch| {
            let cookie = branch.get(..MAGIC_COOKIE.len());
            branch.len() > MAGIC_COOKIE.len()
                && cookie.is_some_and(|cookie| cookie.eq_ignore_ascii_case(MAGIC_COOKIE))
        })
    }

    /// The address that the request really came from, with or without brackets around IPv6.
    #[must_use]
    pub fn received(&self) -> Option<IpAddr> {
        let value = self.params.value("received")?;
        let bare = value.strip_prefix('[').and_then(|inside| inside.strip_suffix(']'));
        bare.unwrap_or(&value).parse().ok()
    }

    /// RFC 3581: `Some(None)` asks for the port, `Some(Some(port))` tells it.
    #[must_use]
    pub fn rport(&self) -> Option<Option<u16>> {
        self.params.get("rport").map(|value| value.and_then(lex::number))
    }

    /// Notes where the request really came from: `received` when that is not sent-by (RFC 3261
    /// §18.2.1), and always together with `rport` when that was asked for (RFC 3581 §4).
    pub fn note_source(&mut self, source: SocketAddr) {
        let asked = self.rport().is_some();
        if asked {
            self.params.set("rport", Some(&source.port().to_string()));
        }
        if asked || self.host.ip() != Some(source.ip()) {
            self.params.set("received", Some(&source.ip().to_string()));
        }
    }

    /// `host[:port]` as it is written.
    #[must_use]
    pub fn sent_by(&self) -> String {
        let mut text = String::new();
        let written = write_host_and_port(&mut text, &self.host, self.port);
        debug_assert!(written.is_ok(), "writing to a String can not fail");
        text
    }

    /// The port of sent-by, or the one that its transport stands for.
    #[must_use]
    pub fn port_or_default(&self) -> u16 {
        // 5060 for what is unknown: RFC 3261 §18.2.2.
        let default = rsip::Transport::from_str(&self.transport)
            .map_or(5060, |transport| u16::from(transport.default_port()));
        self.port.unwrap_or(default)
    }
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SIP/2.0/{} ", self.transport)?;
        write_host_and_port(f, &self.host, self.port)?;
        self.params.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used, reason = "a test may die of what it did not expect")]
    use super::Via;
    use crate::sip::Host;

    fn via(text: &str) -> Via {
        Via::parse(text).expect(text)
    }

    #[test]
    fn white_space_may_stand_almost_anywhere() {
        let odd = via("SIP  / 2.0  /\tTCP     spindle.example.com : 5070  ; branch  =   z9hG4bK9 ");
        assert_eq!(odd.to_string(), "SIP/2.0/TCP spindle.example.com:5070;branch=z9hG4bK9");
        assert_eq!(odd.sent_by(), "spindle.example.com:5070");
        let six = via("sip/2.0/UDP [2001:db8::9:1]:6050;received=[2001:db8::9:255];rport=7");
        assert_eq!(six.received().map(|ip| ip.to_string()).as_deref(), Some("2001:db8::9:255"));
        assert_eq!((six.port, six.rport()), (Some(6050), Some(Some(7))));
    }

    #[test]
    fn refuses_what_no_response_could_follow() {
        for text in [
            "",
            "SIP/2.0/UDP",
            "SIP/2.0/UDP ",
            "SIP/7.0/UDP a",
            "HTTP/2.0/UDP a",
            "SIP/2.0/U(P a",
            "SIP/2.0/UDP a b",
            "SIP/2.0/UDP 192.0.2.15;;",
            "SIP/2.0/UDP a:x",
            "SIP/2.0/UDP 2001:db8::1",
        ] {
            assert!(Via::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_source_is_noted_as_the_rfcs_ask() {
        let source = "192.0.2.7:40000".parse().expect("an address");
        for (came, noted) in [
            ("SIP/2.0/UDP 192.0.2.7", "SIP/2.0/UDP 192.0.2.7"),
            ("SIP/2.0/UDP 10.0.0.1", "SIP/2.0/UDP 10.0.0.1;received=192.0.2.7"),
            ("SIP/2.0/UDP pbx;rport", "SIP/2.0/UDP pbx;rport=40000;received=192.0.2.7"),
            (
                "SIP/2.0/UDP 192.0.2.7;rport;branch=z",
                "SIP/2.0/UDP 192.0.2.7;rport=40000;branch=z;received=192.0.2.7",
            ),
        ] {
            let mut via = via(came);
            via.note_source(source);
            assert_eq!(via.to_string(), noted);
        }
    }

    #[test]
    fn only_a_cookie_with_something_behind_it_is_unique() {
        let unique =
            |branch: &str| via(&format!("SIP/2.0/UDP a;branch={branch}")).has_unique_branch();
        assert!(unique("z9hG4bKx") && unique("Z9HG4BKx"));
        assert!(!unique("z9hG4bK") && !unique("390skdjuw") && !unique(""));
        let ours = Via::new("TLS", Host::V4([192, 0, 2, 1].into()), None, "z9hG4bK1");
        assert_eq!(ours.to_string(), "SIP/2.0/TLS 192.0.2.1;branch=z9hG4bK1;rport");
        assert_eq!((ours.rport(), ours.port_or_default()), (Some(None), 5061));
        assert_eq!(via("SIP/2.0/UNKNOWN t4.example.com").port_or_default(), 5060);
    }
}
