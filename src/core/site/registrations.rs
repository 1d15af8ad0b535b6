//! This box at the registrars of its trunks, and the calls that come because of it.
//!
//! Whoever calls the Contact that only the registrar was told of comes from that trunk, and so does
//! whatever comes from the address that has taken the registration. Many carriers put that Contact
//! into the Request-URI and the dialled number elsewhere (RFC 3261 §16.5); then the number is read
//! from P-Called-Party-ID (RFC 7315 §4.2) or To.

use holdfast_base::{Mono, Now, TrunkName};
use holdfast_config::{Config, Trunk};
use holdfast_wire::sip::{CSeq, Method, NameAddr, Request, Response, Uri};
use std::collections::{BTreeMap, BTreeSet};

use super::logins::Asker;
use super::{Site, Snapshot, Step};
use crate::call::origin::Origin;
use crate::call::words;
use crate::peer::choose::Urgency;
use crate::peer::picture::RegistrationView;
use crate::record::encoding::decoded;
use crate::record::event::Fact;
use crate::routing::uri;
use crate::routing::uri::dialled;
use crate::sip::admit::ALLOW;
use crate::sip::flow::{Flow, Transport};
use crate::sip::registration::{Act, Desk, Input, Registration, Way};
use crate::sip::transaction::ClientKey;
use crate::view::{HealthState, HealthView};

/// Key of a registration in the journal, before the name of its trunk.
pub(super) const REGISTRATION: &str = "registration/";
/// RFC 3261 §8.1.1.6.
const MAX_FORWARDS: u8 = 70;
/// RFC 5626 §4.4.1.
const PING: &[u8] = b"\r\n\r\n";

/// The registrations of all trunks.
#[derive(Debug, Default)]
pub(super) struct Registrations {
    all: BTreeMap<TrunkName, Registration>,
    asking: BTreeMap<ClientKey, TrunkName>,
    changed: BTreeSet<TrunkName>,
}

impl Registrations {
    pub(super) fn deadline(&self) -> Option<Mono> {
        self.all.values().filter_map(Registration::deadline).min()
    }

    /// Those that have changed since the last call, for the journal; none is over.
    pub(super) fn changed(&mut self) -> Vec<(TrunkName, Option<&Registration>)> {
        let changed = std::mem::take(&mut self.changed);
        changed.into_iter().map(|trunk| (trunk.clone(), self.all.get(&trunk))).collect()
    }

    /// Whether a registrar has still to hear that the box stops.
    pub(super) fn are_leaving(&self) -> bool {
        self.all.values().any(Registration::is_leaving)
    }

    /// The way of requests over this trunk, from the address that we are registered with.
    pub(super) fn route(&self, trunk: &TrunkName, remote: std::net::SocketAddr) -> Vec<NameAddr> {
        let granted = self.all.get(trunk).and_then(Registration::granted);
        let granted = granted.filter(|granted| granted.flow.remote == remote);
        granted.map(|granted| granted.service_route.clone()).unwrap_or_default()
    }

    /// The trunk whose registrar is at the other end of this flow.
    pub(super) fn at(&self, flow: &Flow) -> Option<&TrunkName> {
        let here = |known: &Flow| {
            known.transport == flow.transport
                && known.identity() == flow.identity()
                && known.remote.ip() == flow.remote.ip()
        };
        let mut all = self.all.iter();
        all.find(|(_, it)| it.granted().is_some_and(|granted| here(&granted.flow)))
            .map(|(trunk, _)| trunk)
    }

    pub(super) fn health<'s>(
        &'s self,
        now: Now,
        config: &'s Config,
    ) -> impl Iterator<Item = HealthView> + 's {
        self.all.keys().filter_map(move |trunk| {
            let RegistrationView { registered, says, .. } = self.view(now, config, trunk)?;
            let state = if registered { HealthState::Good } else { HealthState::Down };
            Some(HealthView { part: format!("Registration of trunk {trunk}"), state, says })
        })
    }

    /// What people may see of a trunk's registration.
    pub(super) fn view(
        &self,
        now: Now,
        config: &Config,
        trunk: &TrunkName,
    ) -> Option<RegistrationView> {
        let registration = self.all.get(trunk)?;
        let user = &config.trunk(trunk)?.registration.as_ref()?.user;
        let trouble = registration.trouble();
        let Some(granted) = registration.granted() else {
            let why = trouble.unwrap_or("the registrar is being asked");
            let says = format!("{user} is not registered, and calls do not arrive: {why}");
            return Some(RegistrationView { registered: false, says, left_ms: None });
        };
        let left = granted.until.since(now.mono);
        let left_ms = Some(u64::try_from(left.as_millis()).unwrap_or(u64::MAX));
        let at = granted.flow.remote;
        let more = match granted.associated.len() {
            0 | 1 => String::new(),
            count => format!(", with {count} numbers"),
        };
        let says = match trouble {
            None => format!("{user} is registered at {at}{more}"),
            Some(why) => format!("{user} is registered at {at}{more}, and not for long: {why}"),
        };
        Some(RegistrationView { registered: true, says, left_ms })
    }
}

impl Site {
    pub(super) fn restore_registrations(&mut self, now: Now, snapshot: &Snapshot) {
        for (key, value) in &snapshot.states {
            let Some(name) = key.as_str().strip_prefix(REGISTRATION) else { continue };
            let trunk = TrunkName::new(name);
            // What can not be read, or has no trunk any more, is forgotten.
            self.registrations.changed.insert(trunk.clone());
            if let Some(known) = decoded::<Registration>(value) {
                self.registrations.all.insert(trunk, known);
            }
        }
        self.registrations_configured(now, None);
    }

    /// Removes at their registrars what `config`, which is about to be in force, registers no more
    /// or under another address: calls would be sent here for as long as was granted. A trunk that
    /// goes while the box is stopped ends by its time, since nothing is known of its login then.
    pub(super) fn registrations_part(&mut self, now: Now, config: &Config, step: &mut Step) {
        let old = std::sync::Arc::clone(&self.config);
        let stays = |trunk: &Trunk| {
            let user = |trunk: &Trunk| trunk.registration.as_ref().map(|it| it.user.clone());
            let new = config.trunk(&trunk.name);
            new.is_some_and(|new| {
                user(new) == user(trunk)
                    && new.registered_domain() == trunk.registered_domain()
                    && new.transport == trunk.transport
            })
        };
        for trunk in old.trunks.iter().filter(|trunk| registers(trunk) && !stays(trunk)) {
            let Some(mut known) = self.registrations.all.remove(&trunk.name) else { continue };
            self.registrations.asking.retain(|_, asker| *asker != trunk.name);
            self.registrations.changed.insert(trunk.name.clone());
            let acts = self.with_desk(now, trunk, |desk| known.handle(&Input::Stop, desk));
            for act in acts.unwrap_or_default() {
                match act {
                    Act::Register { way, expires_s } => {
                        let request = self.register(trunk, &way, expires_s, &mut known);
                        let Some(request) = request else { continue };
                        // Whatever is answered, nobody here waits for it.
                        self.ask(now, Asker::Alone, (way.flow, request), false, step);
                    }
                    Act::KeepAlive(_) | Act::Registered | Act::Lost { .. } => {}
                }
            }
            self.settle_home(&trunk.name);
        }
    }

    /// A new configuration is in force. `before` is the one until now; none after a restart.
    pub(super) fn registrations_configured(&mut self, now: Now, before: Option<&Config>) {
        let config = std::sync::Arc::clone(&self.config);
        let wanted = |trunk: &TrunkName| config.trunk(trunk).is_some_and(registers);
        let gone: Vec<TrunkName> =
            self.registrations.all.keys().filter(|trunk| !wanted(trunk)).cloned().collect();
        for trunk in gone {
            self.registrations.all.remove(&trunk);
            self.registrations.changed.insert(trunk);
        }
        for trunk in config.trunks.iter().filter(|trunk| registers(trunk)) {
            let old = before.and_then(|before| before.trunk(&trunk.name));
            let same = old.is_some_and(|old| {
                old.registration == trunk.registration
                    && old.login == trunk.login
                    && old.targets == trunk.targets
            });
            let known = self.registrations.all.remove(&trunk.name);
            let registration = match known {
                Some(known) if same => known,
                Some(mut known) => {
                    self.with_desk(now, trunk, |desk| known.start(desk));
                    known
                }
                None => match self.with_desk(now, trunk, Registration::new) {
                    Some(new) => new,
                    None => continue,
                },
            };
            self.registrations.changed.insert(trunk.name.clone());
            self.registrations.all.insert(trunk.name.clone(), registration);
            self.settle_home(&trunk.name);
        }
    }

    fn with_desk<T>(
        &mut self,
        now: Now,
        trunk: &Trunk,
        step: impl FnOnce(&mut Desk<'_>) -> T,
    ) -> Option<T> {
        let wanted = trunk.registration.as_ref()?;
        let trunks = std::slice::from_ref(&trunk.name);
        let hops = self.peers.towards(trunks, Urgency::Usual, &mut self.entropy);
        let ways: Vec<Way> = hops
            .iter()
            .filter_map(|hop| Some(Way { flow: self.flow_towards(hop, None)?, within: hop.within }))
            .collect();
        let entropy = &mut self.entropy;
        Some(step(&mut Desk { now: now.mono, wanted, ways: &ways, entropy }))
    }

    /// Gives every registration that has a reason one input.
    pub(super) fn registrations_hear(&mut self, now: Now, input: &Input<'_>, step: &mut Step) {
        let due = |registration: &Registration| match input {
            Input::DeadlineReached => registration.deadline().is_some_and(|at| at <= now.mono),
            Input::FlowBroken(_) | Input::Stop | Input::Answered(_) | Input::Failed => true,
        };
        let all = self.registrations.all.iter();
        let meant: Vec<TrunkName> =
            all.filter(|(_, it)| due(it)).map(|(trunk, _)| trunk.clone()).collect();
        for trunk in meant {
            self.registration_hears(now, &trunk, input, step);
        }
    }

    fn registration_hears(
        &mut self,
        now: Now,
        name: &TrunkName,
        input: &Input<'_>,
        step: &mut Step,
    ) {
        let config = std::sync::Arc::clone(&self.config);
        let Some(trunk) = config.trunk(name) else { return };
        let Some(mut registration) = self.registrations.all.remove(name) else { return };
        let acts = self.with_desk(now, trunk, |desk| registration.handle(input, desk));
        for act in acts.unwrap_or_default() {
            match act {
                Act::Register { way, expires_s } => {
                    let request = self.register(trunk, &way, expires_s, &mut registration);
                    let Some(request) = request else { continue };
                    // The journal must know the number: no registrar takes it twice.
                    let key = self.ask(now, Asker::Alone, (way.flow, request), true, step);
                    self.registrations.asking.retain(|_, asker| asker != name);
                    self.registrations.asking.insert(key, name.clone());
                }
                Act::KeepAlive(flow) => step.sends.push((flow, PING.to_vec(), false)),
                Act::Registered => step.facts.push(Fact::Registered { trunk: name.clone() }),
                Act::Lost { why } => {
                    step.facts.push(Fact::RegistrationLost { trunk: name.clone(), why });
                }
            }
        }
        self.registrations.all.insert(name.clone(), registration);
        self.registrations.changed.insert(name.clone());
        self.settle_home(name);
    }

    /// Calls go where we are registered, as long as that address is in order.
    fn settle_home(&mut self, trunk: &TrunkName) {
        let granted = self.registrations.all.get(trunk).and_then(Registration::granted);
        self.peers.set_home(trunk, granted.map(|granted| granted.flow.remote));
    }

    fn register(
        &self,
        trunk: &Trunk,
        way: &Way,
        expires_s: u64,
        registration: &mut Registration,
    ) -> Option<Request> {
        let wanted = trunk.registration.as_ref()?;
        let domain = uri::host(&trunk.registered_domain()?);
        let ours = words::contact(&self.config, &way.flow);
        let (host, port) = (ours.host().cloned(), ours.port());
        let address = Uri::sip(Some(&wanted.user), domain.clone(), None);
        let (call_id, cseq, tag, user) = registration.next_names();
        let contact = host.map_or(ours, |host| Uri::sip(Some(user), host, port));
        let contact = way.flow.transport.written_into(contact);
        let mut request = Request::new(Method::Register, Uri::sip(None, domain, None));
        let headers = &mut request.headers;
        headers.push("Max-Forwards", MAX_FORWARDS);
        headers.push("From", NameAddr::new(address.clone()).with_tag(tag));
        headers.push("To", NameAddr::new(address));
        headers.push("Call-ID", call_id);
        headers.push("CSeq", CSeq { number: cseq, method: Method::Register });
        let expires = expires_s.to_string();
        headers.push("Contact", NameAddr::new(contact).with_param("expires", Some(&expires)));
        headers.push("Expires", expires);
        headers.push("Supported", "path");
        headers.push("Allow", ALLOW);
        headers.push("User-Agent", words::PRODUCT);
        Some(request)
    }

    /// Whether the response was one to a REGISTER of ours.
    pub(super) fn take_register_response(
        &mut self,
        now: Now,
        key: ClientKey,
        response: &Response,
        step: &mut Step,
    ) -> bool {
        let Some(trunk) = self.registrations.asking.get(&key).cloned() else { return false };
        if response.status.is_final() {
            self.registrations.asking.remove(&key);
            self.registration_hears(now, &trunk, &Input::Answered(response), step);
        }
        true
    }

    /// Whether it was a REGISTER of ours that failed.
    pub(super) fn register_failed(&mut self, now: Now, key: ClientKey, step: &mut Step) -> bool {
        let Some(trunk) = self.registrations.asking.remove(&key) else { return false };
        self.registration_hears(now, &trunk, &Input::Failed, step);
        true
    }

    /// A REGISTER was sent once more, in another transaction and under another number.
    pub(super) fn register_goes_on(&mut self, before: ClientKey, key: ClientKey, cseq: u32) {
        let Some(trunk) = self.registrations.asking.remove(&before) else { return };
        if let Some(registration) = self.registrations.all.get_mut(&trunk) {
            registration.renumbered(cseq);
        }
        self.registrations.changed.insert(trunk.clone());
        self.registrations.asking.insert(key, trunk);
    }

    /// The trunk whose registered Contact is called here. One that can be guessed counts for the
    /// registrar alone; over TLS a certificate alone says who somebody is. A browser is no trunk.
    pub(super) fn called_at_contact(&self, flow: &Flow, uri: &Uri) -> Option<&Trunk> {
        if flow.transport.is_of_browsers() {
            return None;
        }
        let secured = flow.transport == Transport::Tls;
        if let Some(pbx) = self.pbx_of_alias(uri) {
            return self
                .config
                .trunk(pbx)
                .filter(|_| !secured || flow.identity() == Some(pbx.id()));
        }
        let user = uri.user_decoded()?;
        let (trunk, _) = self.registrations.all.iter().find(|(name, it)| {
            let wanted = self.config.trunk(name).and_then(|trunk| trunk.registration.as_ref());
            let guessable = wanted.is_none_or(|wanted| wanted.contact.is_some());
            let proven = !secured || flow.identity() == Some(name.id());
            let home = |granted: &Flow| granted.remote.ip() == flow.remote.ip();
            let meant = it.granted().is_some_and(|it| !guessable || home(&it.flow));
            it.contact() == user && proven && meant
        })?;
        self.config.trunk(trunk)
    }

    /// What was dialled: the user of the Request-URI, or the service of a URN (RFC 5031). Where
    /// that is our own Contact, what the carrier says that it stands for.
    pub(super) fn dialled_in(&self, origin: &Origin, invite: &Request) -> String {
        let registered = match origin {
            Origin::Trunk(trunk) => self.registrations.all.get(trunk),
            Origin::Account(_) | Origin::Guest => None,
        };
        let user = invite.uri.user_decoded();
        if registered.is_some_and(|it| user.as_deref() == Some(it.contact())) {
            let called = invite.headers.address("P-Called-Party-ID").or(invite.headers.to());
            return called.map_or_else(|_| String::new(), |called| dialled(&called.uri));
        }
        dialled(&invite.uri)
    }
}

const fn registers(trunk: &Trunk) -> bool {
    trunk.registration.is_some()
}
