//! Who sends a request: a trunk by its certificate, network, registration or dialog; a phone or a
//! trunk by its credentials; a stranger.

use holdfast_base::{EndpointName, Now};
use holdfast_config::{Account, Config, Trunk};
use holdfast_wire::sip::digest::Key;
use holdfast_wire::sip::{Message, Request, Response};

use super::Site;
use crate::call::leg::Leg;
use crate::call::origin::Origin;
use crate::sip::auth::{Asking, Verdict};
use crate::sip::dialog::DialogId;
use crate::sip::flow::{Flow, Transport};
use crate::sip::keyring::key_of;

impl Site {
    /// Who calls: a trunk by its certificate or network, else whoever the credentials name. Someone
    /// who claims to be a phone or a trunk of ours is asked for credentials; a stranger only where
    /// strangers may not call at all.
    pub(super) fn origin_of(
        &mut self,
        now: Now,
        flow: &Flow,
        request: &Request,
    ) -> Result<Origin, Box<Response>> {
        let called = self.called_at_contact(flow, &request.uri);
        if let Some(trunk) = called.or_else(|| self.trunk_at(flow)) {
            return Ok(Origin::Trunk(trunk.name.clone()));
        }
        let carries = request.headers.has("Authorization");
        let from = request.headers.from().ok();
        let claimed = from.as_ref().and_then(|from| from.uri.user_decoded());
        let claims = claimed.is_some_and(|user| password(&self.config, &user).is_some());
        if !carries && !claims && self.config.sip.guests {
            return Ok(Origin::Guest);
        }
        match self.check_credentials(now, flow, request) {
            Verdict::Accepted { user } => Ok(self.origin_named(&user)),
            Verdict::Challenge(answer) | Verdict::Guessed(answer) | Verdict::Refused(answer) => {
                Err(Box::new(answer))
            }
        }
    }

    fn origin_named(&self, user: &str) -> Origin {
        let trunk = self.config.trunks.iter().find(|trunk| trunk.user.as_deref() == Some(user));
        match trunk {
            Some(trunk) => Origin::Trunk(trunk.name.clone()),
            None => Origin::Account(EndpointName::new(user)),
        }
    }

    pub(super) fn check_credentials(
        &mut self,
        now: Now,
        flow: &Flow,
        request: &Request,
    ) -> Verdict {
        let config = &self.config;
        // A phone of a central PBX is asked as that PBX would ask it.
        let from = request.headers.from().ok();
        let named = from.as_ref().and_then(|from| from.uri.user_decoded());
        let phone = named.and_then(|user| config.account(&user)).filter(|it| it.pbx.is_some());
        let realm = phone.and_then(|phone| self.realm_of(phone));
        let realm = realm.as_deref().unwrap_or(&config.site.domain);
        let only = phone.and_then(key_of_account).and_then(Key::algorithm);
        let asking = match only {
            Some(algorithm) => Asking::only(realm, algorithm),
            None => Asking::new(realm, config.sip.digest_sha256),
        };
        let lookup = |user: &str| password(config, user);
        let verdict = self.authenticator.check(now, request, asking, lookup);
        self.note_verdict(now, flow, request, &verdict);
        verdict
    }

    pub(super) fn trunk_at(&self, flow: &Flow) -> Option<&Trunk> {
        if flow.transport.is_of_browsers() {
            return None; // whoever shows a page in the network of a PBX is not that PBX
        }
        let proven = |trunk: &&Trunk| Some(trunk.name.id()) == flow.identity();
        let source = flow.remote.ip();
        let trunks = || self.config.trunks.iter();
        // A PBX may stand in the network that a whole carrier has: who is named more exactly it is.
        let named = trunks().filter_map(|trunk| Some((trunk.names(source)?, trunk)));
        let here = || named.max_by_key(|(exactly, _)| *exactly).map(|(_, trunk)| trunk);
        let registrar = || self.config.trunk(self.registrations.at(flow)?);
        trunks().find(proven).or_else(here).or_else(registrar)
    }

    /// The flow of a message, with the trunk whose registered Contact it calls. Where anybody else
    /// than the registrar may do so, that Contact can not be guessed: whoever calls it was told by
    /// the registrar, and proves by it what others prove by a password.
    pub(super) fn registered_flow(&mut self, now: Now, flow: Flow, message: &Message) -> Flow {
        let Message::Request(request) = message else { return flow };
        let Some(trunk) = self.called_at_contact(&flow, &request.uri) else { return flow };
        let flow = Flow { trunk: Some(trunk.name.id()), ..flow };
        self.guard.proven(now.mono, flow.remote.ip());
        flow
    }

    /// The flow of a request inside of a dialog with a trunk: the carrier's, whatever address of it
    /// the request comes from. Who knows the dialog was told of it; over TLS the certificate alone
    /// says who somebody is, and a browser is no trunk.
    pub(super) fn flow_of_dialog(&self, flow: Flow, message: &Message) -> Flow {
        let Message::Request(request) = message else { return flow };
        match flow.transport {
            Transport::Tls | Transport::Ws | Transport::Wss => return flow,
            Transport::Udp | Transport::Tcp if flow.trunk.is_some() => return flow,
            Transport::Udp | Transport::Tcp => {}
        }
        let place = self.directory.dialog(DialogId::of_request(request));
        match place.and_then(|place| self.leg_at(place)).map(Leg::origin) {
            Some(Origin::Trunk(name)) => Flow { trunk: Some(name.id()), ..flow },
            Some(Origin::Account(_) | Origin::Guest) | None => flow,
        }
    }

    /// The flow, with the trunk that it belongs to. Over TLS the driver has named it: there only
    /// a certificate may, since it also says whose connection this is. A browser is no trunk.
    pub(super) fn of_trunk(&self, flow: Flow) -> Flow {
        match flow.transport {
            Transport::Udp | Transport::Tcp => {
                Flow { trunk: self.trunk_at(&flow).map(|trunk| trunk.name.id()), ..flow }
            }
            Transport::Tls | Transport::Ws | Transport::Wss => flow,
        }
    }
}

fn password<'a>(config: &'a Config, user: &str) -> Option<Key<'a>> {
    let trunk = || {
        let own = |trunk: &&Trunk| trunk.user.as_deref() == Some(user);
        config.trunks.iter().find(own).and_then(|trunk| trunk.password.as_ref())
    };
    let account = config.account(user).and_then(key_of_account);
    account.or_else(|| trunk().map(|secret| Key::Password(&secret.0)))
}

/// What a phone is known by.
pub(super) fn key_of_account(account: &Account) -> Option<Key<'_>> {
    account.password.as_ref().map(|password| key_of(password, account.form))
}
