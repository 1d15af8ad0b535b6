//! One look at how a trunk stands: the certificate that it would show, and how it would connect.

use holdfast_config::{Config, ListenerTransport, Trunk};
use holdfast_core::doctor::OwnCertificate;
use std::path::Path;
use std::sync::Arc;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::book::{self, Dialling, Line};
use super::identity::{Files, Identity};
use super::trust::{Roots, SYSTEM_ROOTS, Trust};
use super::{now, provider};

/// Seconds of a day.
const DAY_S: i64 = 86_400;

/// How a trunk stands.
pub(crate) struct Sight {
    /// The certificate that it shows.
    pub own: Result<OwnCertificate, String>,
    /// How it connects, or why it can not.
    pub dialling: Result<Dialling, String>,
}

/// Looks at the files of a trunk over TLS, which calls itself by `name`.
pub(crate) fn of(config: &Config, trunk: &Trunk, name: Option<&str>) -> Sight {
    let provider = provider();
    let listeners = config.sip.listeners.iter();
    let of_listener = listeners.filter(|it| it.carries(ListenerTransport::Tls));
    let files = trunk.tls.identity.pair();
    let files = files.or_else(|| of_listener.map(|it| &it.identity).find_map(|it| it.pair()));
    let identity = match files {
        None => Err("none is named".to_owned()),
        Some((certificate, key)) => Files::read(certificate, key)
            .and_then(|files| Identity::of(&files, &provider))
            .map_err(|fault| fault.to_string()),
    };
    let own = identity.as_ref().map(|own| certificate(own, name)).map_err(Clone::clone);
    let dialling = believes(trunk).map(|trust| {
        let identity = identity.ok().map(Arc::new);
        let line = Line {
            trunk: trunk.name.id(),
            identity: identity.clone(),
            trust: Some(Arc::new(trust)),
            peer: trunk.tls.peer_name.clone(),
        };
        book::dialling(&line, identity.as_ref(), &provider)
    });
    let no_tls = || "TLS can not be set up".to_owned();
    Sight { own, dialling: dialling.and_then(|dialling| dialling.ok_or_else(no_tls)) }
}

fn believes(trunk: &Trunk) -> Result<Trust, String> {
    let peer = trunk.tls.peer_name.clone().ok_or("the trunk has no `peer_name`")?;
    let path = trunk.tls.roots.as_deref().unwrap_or(Path::new(SYSTEM_ROOTS));
    let roots = Roots::read(path).map_err(|fault| fault.to_string())?;
    Ok(Trust { trunk: trunk.name.id(), roots, peer })
}

fn certificate(own: &Identity, name: Option<&str>) -> OwnCertificate {
    let left = own.expires.seconds().saturating_sub(now().seconds());
    let first = own.certified.cert.first();
    let parsed = first.and_then(|der| X509Certificate::from_der(der).ok());
    let purposes = parsed.as_ref().and_then(|(_, it)| it.extended_key_usage().ok().flatten());
    let for_tls =
        purposes.is_none_or(|it| it.value.any || it.value.server_auth || it.value.client_auth);
    OwnCertificate {
        covers_name: name.is_none_or(|name| own.covers(name)),
        for_tls,
        days_left: left.div_euclid(DAY_S),
    }
}
