//! Keeps the certificates of the box: looks whether their files have changed, uses what is good,
//! and holds on to the old where the new is not.

use holdfast_base::{TrunkName, Wall};
use holdfast_config::{Advertise, Config, IdentityFiles, ListenerTransport, Remark, Trunk};
use holdfast_core::certificate::{Certificate, Urgency};
use rustls::crypto::CryptoProvider;
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use super::book::{Book, Doors, Line};
use super::fault::Fault;
use super::identity::{Files, Identity};
use super::trust::{Roots, SYSTEM_ROOTS, Trust};
use super::{News, Retired, Side};

/// Whose certificate.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Owner {
    Listener(SocketAddr),
    Trunk(TrunkName),
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listener(bind) => write!(f, "listener {bind}"),
            Self::Trunk(name) => write!(f, "trunk {name}"),
        }
    }
}

/// A place for a certificate.
#[derive(Default)]
struct Slot {
    held: Option<(Files, Arc<Identity>)>,
    fault: Option<Fault>,
}

/// A place for what a trunk believes.
#[derive(Default)]
struct Belief {
    held: Option<Arc<Trust>>,
    fault: Option<Fault>,
}

/// Everything that is kept.
pub struct Keeper {
    config: Arc<Config>,
    provider: Arc<CryptoProvider>,
    slots: BTreeMap<Owner, Slot>,
    beliefs: BTreeMap<TrunkName, Belief>,
    urgencies: BTreeMap<String, (Urgency, Option<String>)>,
}

impl Keeper {
    pub fn new(config: Arc<Config>, provider: Arc<CryptoProvider>) -> Self {
        let (slots, beliefs) = (BTreeMap::new(), BTreeMap::new());
        Self { config, provider, slots, beliefs, urgencies: BTreeMap::new() }
    }

    /// Another configuration from now on. Gives the connections of trunks that are no more.
    pub fn configure(&mut self, config: Arc<Config>) -> Vec<Retired> {
        self.slots.retain(|owner, _| owners(&config).any(|(known, ..)| known == *owner));
        let believes = |name: &TrunkName| {
            tls_trunks(&config).any(|it| it.name == *name && it.tls.peer_name.is_some())
        };
        let gone = self.beliefs.keys().filter(|name| !believes(name));
        let gone = gone.map(|name| Retired { trunk: name.id(), side: Side::Both }).collect();
        self.beliefs.retain(|name, _| believes(name));
        self.config = config;
        gone
    }

    /// Looks at every file.
    pub fn look(&mut self, now: Wall) -> News {
        let config = Arc::clone(&self.config);
        let mut retired = Vec::new();
        for (owner, files, name) in owners(&config) {
            let slot = self.slots.entry(owner.clone()).or_default();
            if slot.renew(files, name, now, &self.provider) {
                tracing::info!(of = %owner, "certificate in use");
                retired.extend(
                    shows(&config, &owner)
                        .map(|trunk| Retired { trunk: trunk.name.id(), side: Side::Ours }),
                );
            }
        }
        for trunk in tls_trunks(&config) {
            let Some(peer) = &trunk.tls.peer_name else { continue };
            let belief = self.beliefs.entry(trunk.name.clone()).or_default();
            if belief.renew(trunk, peer) {
                retired.push(Retired { trunk: trunk.name.id(), side: Side::Both });
            }
        }
        let certificates = self.certificates();
        self.tell(&certificates, now);
        News { retired, certificates }
    }

    /// The book of what is held now.
    pub fn book(&self) -> Book {
        let held = |owner: &Owner| Some(Arc::clone(&self.slots.get(owner)?.held.as_ref()?.1));
        let mut doors = Doors::default();
        for listener in &self.config.sip.listeners {
            let Some(identity) = held(&Owner::Listener(listener.bind)) else { continue };
            let of_browsers = listener.websocket.is_some();
            let doors = if of_browsers { &mut doors.browsers } else { &mut doors.listeners };
            doors.insert(listener.bind, identity);
        }
        let lines = tls_trunks(&self.config).filter_map(|trunk| {
            let identity = held(&Owner::Trunk(trunk.name.clone()));
            if identity.is_none() && trunk.tls.identity.pair().is_some() {
                return None; // it must not stand there with the certificate of another
            }
            Some(Line {
                trunk: trunk.name.id(),
                identity,
                trust: self.beliefs.get(&trunk.name).and_then(|belief| belief.held.clone()),
                peer: trunk.tls.peer_name.clone(),
            })
        });
        let lines = lines.collect();
        Book::of(&doors, lines, &self.provider)
    }

    fn certificates(&self) -> Vec<Certificate> {
        let own = self.slots.iter().map(|(owner, slot)| Certificate {
            of: owner.to_string(),
            expires: slot.held.as_ref().map(|(_, identity)| identity.expires),
            fault: slot.fault.as_ref().map(ToString::to_string),
        });
        let roots = self.beliefs.iter().filter_map(|(name, belief)| {
            let fault = belief.fault.as_ref()?.to_string();
            Some(Certificate {
                of: format!("the peer of trunk {name}"),
                expires: None,
                fault: Some(fault),
            })
        });
        own.chain(roots).collect()
    }

    /// Writes a log line for whatever became worse or better since the last look.
    fn tell(&mut self, certificates: &[Certificate], now: Wall) {
        let mut told = BTreeMap::new();
        for certificate in certificates {
            let state = (certificate.urgency(now), certificate.fault.clone());
            let before = self.urgencies.get(&certificate.of);
            let (of, says) = (&certificate.of, certificate.says(now));
            let calm = state.0 == Urgency::Calm && state.1.is_none();
            if before != Some(&state) && !calm {
                match state.0 {
                    Urgency::Over | Urgency::Days => tracing::error!(of, says, "certificate"),
                    Urgency::Fortnight | Urgency::Month | Urgency::Calm => {
                        tracing::warn!(of, says, "certificate");
                    }
                }
            }
            told.insert(of.clone(), state);
        }
        self.urgencies = told;
    }
}

impl Slot {
    /// Reads the files; true when another certificate is in use now.
    fn renew(
        &mut self,
        files: &IdentityFiles,
        name: Option<&str>,
        now: Wall,
        provider: &CryptoProvider,
    ) -> bool {
        let Some((certificate, key)) = files.pair() else { return false };
        let read = match Files::read(certificate, key) {
            Ok(read) => read,
            Err(fault) => {
                self.fault = Some(fault);
                return false;
            }
        };
        if let Some((held, identity)) = &self.held
            && *held == read
        {
            self.fault = identity.must_cover(name).err();
            return false;
        }
        match Identity::of(&read, provider) {
            // An expired one replaces nothing, but it is better than none: some phones take it.
            Ok(new) if self.held.is_some() && new.valid_at(now).is_err() => {
                self.fault = new.valid_at(now).err();
                false
            }
            Ok(new) => {
                self.fault = new.valid_at(now).and_then(|()| new.must_cover(name)).err();
                self.held = Some((read, Arc::new(new)));
                true
            }
            Err(fault) => {
                self.fault = Some(fault);
                false
            }
        }
    }
}

impl Belief {
    /// Reads the roots; true when somebody else is believed now.
    fn renew(&mut self, trunk: &Trunk, peer: &str) -> bool {
        let path = trunk.tls.roots.as_deref().unwrap_or(Path::new(SYSTEM_ROOTS));
        let roots = match Roots::read(path) {
            Ok(roots) => roots,
            Err(fault) => {
                self.fault = Some(fault);
                return false;
            }
        };
        self.fault = None;
        if self.held.as_ref().is_some_and(|held| held.peer == *peer && held.roots == roots) {
            return false;
        }
        let trust = Trust { trunk: trunk.name.id(), roots, peer: peer.to_owned() };
        self.held = Some(Arc::new(trust));
        true
    }
}

/// What is wrong with the files that a configuration names, by the key that names them.
pub fn examine(config: &Config, provider: &CryptoProvider, now: Wall) -> Vec<Remark> {
    let listeners = config.sip.listeners.iter().enumerate().map(|(place, listener)| {
        (format!("sip.listener[{place}]"), &listener.identity, name_of(listener.advertise.as_ref()))
    });
    let trunks = config.trunks.iter().enumerate().map(|(place, trunk)| {
        (format!("trunk[{place}]"), &trunk.tls.identity, name_of(trunk.advertise.as_ref()))
    });
    let mut remarks = Vec::new();
    let mut remark = |path: String, fault: &Fault| {
        remarks.push(Remark { path, what: fault.to_string(), remedy: fault.remedy.to_owned() });
    };
    for (path, files, name) in listeners.chain(trunks) {
        let mut slot = Slot::default();
        slot.renew(files, name, now, provider);
        if let Some(fault) = slot.fault {
            let of_key = files.key.as_deref() == Some(fault.path.as_path());
            remark(format!("{path}.{}", if of_key { "key" } else { "certificate" }), &fault);
        }
    }
    for (place, trunk) in config.trunks.iter().enumerate() {
        let Some(peer) = &trunk.tls.peer_name else { continue };
        let mut belief = Belief::default();
        belief.renew(trunk, peer);
        if let Some(fault) = belief.fault {
            remark(format!("trunk[{place}].roots"), &fault);
        }
    }
    remarks
}

fn tls_trunks(config: &Config) -> impl Iterator<Item = &Trunk> {
    config.trunks.iter().filter(|trunk| trunk.transport == ListenerTransport::Tls)
}

/// Every owner with its files and the name by which the box calls itself there.
fn owners(config: &Config) -> impl Iterator<Item = (Owner, &IdentityFiles, Option<&str>)> {
    let listeners = config.sip.listeners.iter().map(|listener| {
        let owner = Owner::Listener(listener.bind);
        (owner, &listener.identity, name_of(listener.advertise.as_ref()))
    });
    let trunks = tls_trunks(config).map(|trunk| {
        let owner = Owner::Trunk(trunk.name.clone());
        (owner, &trunk.tls.identity, name_of(trunk.advertise.as_ref()))
    });
    listeners.chain(trunks).filter(|(_, files, _)| files.pair().is_some())
}

/// The trunks on which the certificate of `owner` is shown.
fn shows<'c>(config: &'c Config, owner: &'c Owner) -> impl Iterator<Item = &'c Trunk> {
    tls_trunks(config).filter(move |trunk| match owner {
        Owner::Trunk(name) => trunk.name == *name,
        Owner::Listener(bind) => {
            let listeners = &config.sip.listeners;
            let ours = listeners.iter().any(|it| it.bind == *bind && it.websocket.is_none());
            ours && trunk.tls.identity.pair().is_none()
        }
    })
}

fn name_of(advertise: Option<&Advertise>) -> Option<&str> {
    advertise.and_then(Advertise::name)
}
