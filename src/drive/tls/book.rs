//! With which certificate the box stands towards whom: one immutable value, replaced as a whole.
//!
//! A caller names the trunk that it means by SNI (RFC 6066 §3) and sees that trunk's certificate;
//! one who names nobody, or nobody we know, sees the listener's. After the handshake the book says
//! which trunk the caller has proven to be the peer of.

use holdfast_base::TrunkId;
use rustls::crypto::CryptoProvider;
use rustls::server::{NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, ServerConfig};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use super::identity::Identity;
use super::names;
use super::trust::Trust;
use super::verifier::{Called, Callers, Strangers};

/// One trunk as TLS sees it.
#[derive(Clone, Debug)]
pub struct Line {
    /// The trunk.
    pub trunk: TrunkId,
    /// Its own certificate, when it has one.
    pub identity: Option<Arc<Identity>>,
    /// Whom it believes; without it nobody can prove to be its peer.
    pub trust: Option<Arc<Trust>>,
    /// The name that its peer's certificate must carry; a star in front is one label.
    pub peer: Option<String>,
}

/// How we connect to the peer of a trunk.
#[derive(Clone, Debug)]
pub struct Dialling {
    /// Our certificate and whom we believe.
    pub config: Arc<ClientConfig>,
    peer: Option<String>,
}

impl Dialling {
    /// What we ask the other side for. Where its certificates speak for several hosts, it is the
    /// one that the request is for (RFC 5922 §4), else just its address (without SNI).
    pub fn server_name(&self, remote: SocketAddr, wanted: Option<&str>) -> ServerName<'static> {
        let named = asked_for(self.peer.as_deref(), wanted);
        let named = named.and_then(|host| ServerName::try_from(host.to_owned()).ok());
        named.unwrap_or_else(|| ServerName::IpAddress(remote.ip().into()))
    }
}

fn asked_for<'n>(peer: Option<&'n str>, wanted: Option<&'n str>) -> Option<&'n str> {
    match peer {
        Some(many) if many.starts_with('*') => wanted.filter(|host| names::covers(many, host)),
        Some(_) | None => peer,
    }
}

/// What stands at each listener.
#[derive(Debug, Default)]
pub struct Doors {
    /// Where trunks and phones come.
    pub listeners: BTreeMap<SocketAddr, Arc<Identity>>,
    /// Where browsers come.
    pub browsers: BTreeMap<SocketAddr, Arc<Identity>>,
}

/// Every certificate in use.
#[derive(Debug, Default)]
pub struct Book {
    listeners: BTreeMap<SocketAddr, Arc<ServerConfig>>,
    browsers: BTreeMap<SocketAddr, Arc<ServerConfig>>,
    lines: Vec<Line>,
    /// By position of the line: what callers see who ask for it.
    servers: Vec<Option<Arc<ServerConfig>>>,
    clients: BTreeMap<TrunkId, Dialling>,
}

impl Book {
    /// Writes the book. A trunk without a certificate of its own shows `fallback`.
    pub fn of(doors: &Doors, lines: Vec<Line>, provider: &Arc<CryptoProvider>) -> Self {
        let fallback = doors.listeners.values().next();
        let clients = lines.iter().filter_map(|line| {
            let identity = line.identity.as_ref().or(fallback);
            Some((line.trunk, dialling(line, identity, provider)?))
        });
        let clients = clients.collect();
        let everybody: Vec<Arc<Trust>> = lines.iter().filter_map(|it| it.trust.clone()).collect();
        let listeners = doors.listeners.iter().filter_map(|(address, identity)| {
            let door = server(identity, everybody.clone(), Strangers::Anonymous, provider)?;
            Some((*address, door))
        });
        let listeners = listeners.collect();
        // A browser that is asked for a certificate asks its user, who has none for us.
        let browsers = doors.browsers.iter().filter_map(|(address, identity)| {
            Some((*address, server(identity, Vec::new(), Strangers::Anonymous, provider)?))
        });
        let browsers = browsers.collect();
        let servers = lines.iter().map(|line| {
            let identity = line.identity.as_ref()?;
            let shared =
                lines.iter().filter(|it| it.identity.as_ref().is_some_and(|i| i.is(identity)));
            let trusts = shared.filter_map(|line| line.trust.clone()).collect();
            server(identity, trusts, Strangers::Refused, provider)
        });
        let servers = servers.collect();
        Self { listeners, browsers, lines, servers, clients }
    }

    /// What a caller of this listener sees who asks for `host`; `None` while there is nothing to
    /// show.
    pub fn server(&self, listener: SocketAddr, host: Option<&str>) -> Option<Arc<ServerConfig>> {
        let asked = host.and_then(|host| {
            let means = |line: &Line| line.identity.as_ref().is_some_and(|it| it.covers(host));
            let place = self.lines.iter().position(means)?;
            self.servers.get(place)?.clone()
        });
        asked.or_else(|| self.listeners.get(&listener).cloned())
    }

    /// What every browser sees at this listener.
    pub fn for_browsers(&self, listener: SocketAddr) -> Option<Arc<ServerConfig>> {
        self.browsers.get(&listener).cloned()
    }

    /// The trunk whose peer a caller has proven to be: of those that it can be, the one that it
    /// has asked for.
    pub fn proven(
        &self,
        host: Option<&str>,
        chain: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Option<TrunkId> {
        let proves = |line: &&Line| {
            line.trust.as_ref().is_some_and(|trust| trust.believes(chain, now).is_ok())
        };
        let proven: Vec<&Line> = self.lines.iter().filter(proves).collect();
        let asked = |line: &&&Line| {
            line.identity.as_ref().zip(host).is_some_and(|(own, host)| own.covers(host))
        };
        let line = proven.iter().find(asked).or_else(|| proven.first())?;
        Some(line.trunk)
    }

    /// Whether any caller could prove to be the peer of a trunk.
    pub fn knows_peers(&self) -> bool {
        self.lines.iter().any(|line| line.trust.is_some())
    }

    /// How we connect for this trunk; `None` when it is not a trunk over TLS, or can not be now.
    pub fn dialling(&self, trunk: TrunkId) -> Option<&Dialling> {
        self.clients.get(&trunk)
    }
}

fn server(
    identity: &Identity,
    trusts: Vec<Arc<Trust>>,
    strangers: Strangers,
    provider: &Arc<CryptoProvider>,
) -> Option<Arc<ServerConfig>> {
    let builder = ServerConfig::builder_with_provider(Arc::clone(provider))
        .with_safe_default_protocol_versions()
        .ok()?;
    let provider = Arc::clone(provider);
    let builder = if trusts.is_empty() {
        builder.with_no_client_auth()
    } else {
        builder.with_client_cert_verifier(Arc::new(Callers { trusts, strangers, provider }))
    };
    let shown: Arc<dyn ResolvesServerCert> = Arc::new(single(identity));
    let mut config = builder.with_cert_resolver(shown);
    // A resumed session would carry a proof from before the roots or the certificate changed, and
    // connections are few and long.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Some(Arc::new(config))
}

/// How this line connects, showing this certificate; `None` when it believes nobody.
pub(super) fn dialling(
    line: &Line,
    identity: Option<&Arc<Identity>>,
    provider: &Arc<CryptoProvider>,
) -> Option<Dialling> {
    let trust = Arc::clone(line.trust.as_ref()?);
    let builder = ClientConfig::builder_with_provider(Arc::clone(provider))
        .with_safe_default_protocol_versions()
        .ok()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Called {
            trust,
            provider: Arc::clone(provider),
        }));
    let mut config = match identity {
        Some(identity) => builder.with_client_cert_resolver(Arc::new(single(identity))),
        None => builder.with_no_client_auth(),
    };
    // As above: a resumed session would show the certificate of before a renewal.
    config.resumption = rustls::client::Resumption::disabled();
    Some(Dialling { config: Arc::new(config), peer: line.peer.clone() })
}

fn single(identity: &Identity) -> SingleCertAndKey {
    let certified: CertifiedKey = (*identity.certified).clone();
    SingleCertAndKey::from(certified)
}

#[cfg(test)]
mod tests {
    use super::asked_for;

    #[test]
    fn one_host_is_asked_for_by_name_and_of_several_the_one_that_is_meant() {
        let many = Some("*.pstnhub.example");
        assert_eq!(asked_for(many, Some("sip2.pstnhub.example")), Some("sip2.pstnhub.example"));
        assert_eq!(asked_for(many, Some("sip.example.org")), None, "not one of them");
        assert_eq!(asked_for(many, None), None);
        assert_eq!(asked_for(Some("sbc.example"), Some("other.example")), Some("sbc.example"));
        assert_eq!(asked_for(None, Some("other.example")), None);
    }
}
