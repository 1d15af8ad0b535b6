//! Requests of ours over a trunk that asks who we are: with the login of the trunk, and once more
//! where that is asked for.
//!
//! Nobody inside hears of a challenge that was answered: legs, OPTIONS and registrations see the
//! response to the request that carried the credentials. Only the number of a request is theirs to
//! give (RFC 3261 §22.2: the next CSeq), so the leg is asked for it.

use holdfast_base::{Now, Outbox, TrunkName};
use holdfast_config::{Account, Config, Login, Trunk};
use holdfast_wire::sip::{Header, Host, Method, Request, Status};
use std::collections::BTreeMap;

use super::directory::Place;
use super::large::Datagram;
use super::{Site, Step};
use crate::call::words::{count_up, is_last_word};
use crate::dialect::trunk_on;
use crate::record::event::Fact;
use crate::routing::caller::is_anonymous;
use crate::sip::flow::Flow;
use crate::sip::keyring::{Carried, Denial, Keyring};
use crate::sip::transaction::{ClientKey, Received};
use crate::view::{HealthState, HealthView};

/// What the box shows to trunks, and what they said to it.
#[derive(Debug, Default)]
pub(super) struct Logins {
    keyring: Keyring,
    open: BTreeMap<ClientKey, Open>,
    /// The trunks that take no login, and why.
    refused: BTreeMap<TrunkName, Denial>,
}

/// A request over a trunk with a login, until its final response.
#[derive(Debug)]
struct Open {
    trunk: TrunkName,
    /// With what it was asked; a trunk that has gone from the configuration is told goodbye by it.
    login: Login,
    asker: Asker,
    flow: Flow,
    request: Request,
    carried: Carried,
}

/// Whose request it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Asker {
    /// A leg's, or that of a subscription of its call.
    Leg(Place),
    /// One outside of any dialog, which has its CSeq for itself.
    Alone,
}

impl Logins {
    /// One line for each trunk that does not let us in.
    pub(super) fn health(&self) -> impl Iterator<Item = HealthView> {
        self.refused.iter().map(|(trunk, denial)| HealthView {
            part: format!("Login of trunk {trunk}"),
            state: HealthState::Down,
            says: denial.says(),
        })
    }

    /// A new configuration is in force: what was wrong may be right now.
    pub(super) fn configured(&mut self, before: &Config, config: &Config) {
        self.refused.retain(|trunk, _| {
            let login = |config: &Config| config.trunk(trunk).and_then(|it| it.login.clone());
            login(config).is_some() && login(before) == login(config)
        });
    }
}

impl Site {
    /// Sends a request in a transaction of its own, with what its trunk is known to ask for.
    pub(super) fn ask(
        &mut self,
        now: Now,
        asker: Asker,
        (flow, mut request): (Flow, Request),
        gated: bool,
        step: &mut Step,
    ) -> ClientKey {
        let shown = self.login_of(&flow, &request).map(|(trunk, login)| {
            let carried = self.logins.keyring.equip(trunk.id(), &login, &mut request);
            (trunk, login, carried, request.clone())
        });
        let key = self.begin_request(now, &asker, (flow, request), gated, step);
        if let Some((trunk, login, carried, request)) = shown {
            let open = Open { trunk, login, asker, flow, request, carried };
            self.logins.open.insert(key, open);
        }
        key
    }

    /// What a leg sends is measured as it is by now, with the credentials in it.
    fn begin_request(
        &mut self,
        now: Now,
        asker: &Asker,
        (flow, request): (Flow, Request),
        gated: bool,
        step: &mut Step,
    ) -> ClientKey {
        match asker {
            Asker::Leg(place) => {
                self.send_by_size(now, Datagram { place: *place, flow, request, gated }, step)
            }
            Asker::Alone => self.transmit(now, (flow, request), gated, step),
        }
    }

    /// Sends a request over this way, whatever its size.
    pub(super) fn transmit(
        &mut self,
        now: Now,
        (flow, request): (Flow, Request),
        gated: bool,
        step: &mut Step,
    ) -> ClientKey {
        let (sent_by, entropy) = (self.sent_by(&flow), &mut self.entropy);
        let mut orders = Outbox::new();
        let key =
            self.transactions.request(now, request, flow, &sent_by, gated, entropy, &mut orders);
        self.take_orders(orders, step);
        key
    }

    /// That of the trunk; for a phone at its central PBX its own, as if it had asked itself.
    fn login_of(&self, flow: &Flow, request: &Request) -> Option<(TrunkName, Login)> {
        let trunk = trunk_on(&self.config, flow)?;
        let own = extension_in(&self.config, trunk, request).and_then(|account| {
            let (user, form) = (account.name.to_string(), account.form);
            Some(Login { user, password: account.password.clone()?, form, realm: None })
        });
        Some((trunk.name.clone(), own.or_else(|| trunk.login.clone())?))
    }

    /// The credentials that the ACK to a 2xx repeats (RFC 3261 §13.2.2.4): those of its INVITE.
    pub(super) fn credentials_of_invite(&self, leg: holdfast_base::LegId) -> Vec<Header> {
        let key = self.directory.invite_of(leg);
        key.map(|key| self.transactions.credentials(key)).unwrap_or_default()
    }

    /// The request has no final response and will have none.
    pub(super) fn forget_login(&mut self, key: ClientKey) {
        self.logins.open.remove(&key);
    }

    /// The request was sent once more as it is, in another transaction.
    pub(super) fn login_goes_on(&mut self, before: ClientKey, key: ClientKey) {
        if let Some(open) = self.logins.open.remove(&before) {
            self.logins.open.insert(key, open);
        }
    }

    /// Answers a challenge that came from this target; the response, when it is for whoever asked.
    pub(super) fn settle_login(
        &mut self,
        now: Now,
        (key, target): (ClientKey, &Flow),
        received: Received,
        step: &mut Step,
    ) -> Option<Received> {
        let status = received.response.status;
        if status.is_provisional() {
            return Some(received);
        }
        let Some(mut open) = self.logins.open.remove(&key) else { return Some(received) };
        if !matches!(status, Status::UNAUTHORIZED | Status::PROXY_AUTH) {
            if !open.carried.is_empty() {
                self.let_in(&open.trunk, step);
            }
            return Some(received);
        }
        let login = self.login_of(&open.flow, &open.request);
        let login = login.map_or_else(|| open.login.clone(), |it| it.1);
        let answered = self.logins.keyring.answer(
            open.trunk.id(),
            &login,
            (&mut open.request, &open.carried),
            &received.response,
            &mut self.entropy,
        );
        match answered {
            Err(denial) => {
                // One phone that is not welcome says nothing of the trunk.
                let trunk = self.config.trunk(&open.trunk);
                if trunk.is_some_and(|it| it.login.as_ref() == Some(&login)) {
                    self.shut_out(open.trunk, denial, step);
                }
                Some(received)
            }
            Ok(carried) => {
                open.carried = carried;
                if !self.number_again(&open.asker, &mut open.request) {
                    return Some(received); // nobody wants it any more
                }
                self.peer_answered(now, target, &received.response, step);
                self.ask_again_with_login(now, key, open, step);
                None
            }
        }
    }

    fn ask_again_with_login(&mut self, now: Now, before: ClientKey, open: Open, step: &mut Step) {
        let request = open.request.clone();
        // The journal must know the branch by which another process could cancel an INVITE, and the
        // number of a REGISTER.
        let gated = matches!(request.method, Method::Invite | Method::Register);
        let cseq = request.headers.cseq().ok();
        let key = self.begin_request(now, &open.asker, (open.flow, request), gated, step);
        match &open.asker {
            Asker::Leg(place) => {
                if !self.test_calls.contains_key(&place.0) {
                    step.touched.insert(place.0);
                }
                self.directory.end_invite(before);
                self.directory.end_question(before);
                self.expect_answer(*place, key, cseq);
            }
            Asker::Alone => {
                self.probe_goes_on(before, key);
                if let Some(cseq) = cseq {
                    self.register_goes_on(before, key, cseq.number);
                }
            }
        }
        self.logins.open.insert(key, open);
    }

    /// Gives the request the next number. False when its leg does not want it any more.
    fn number_again(&mut self, asker: &Asker, request: &mut Request) -> bool {
        match asker {
            Asker::Leg((call, leg)) => {
                let (config, entropy) = (&self.config, &mut self.entropy);
                match (self.calls.get_mut(call), self.test_calls.get_mut(call)) {
                    (Some(call), _) => call.number_again(*leg, request, config, entropy),
                    (None, Some(test)) => test.leg_mut().number_again(request, config, entropy),
                    (None, None) => is_last_word(request) && count_up(request),
                }
            }
            Asker::Alone => count_up(request),
        }
    }

    fn let_in(&mut self, trunk: &TrunkName, step: &mut Step) {
        if self.logins.refused.remove(trunk).is_some() {
            step.facts.push(Fact::LoginAccepted { trunk: trunk.clone() });
        }
    }

    fn shut_out(&mut self, trunk: TrunkName, denial: Denial, step: &mut Step) {
        if self.logins.refused.get(&trunk) != Some(&denial) {
            let why = denial.says();
            step.facts.push(Fact::LoginRefused { trunk: trunk.clone(), why });
            self.logins.refused.insert(trunk, denial);
        }
    }
}

/// The phone of this PBX that a request to it names as its sender, at the domain of the PBX and
/// without a port. So are only those named that have proven here who they are; whoever else calls,
/// under whatever name, is named at an address of this box.
fn extension_in<'c>(config: &'c Config, pbx: &Trunk, request: &Request) -> Option<&'c Account> {
    let domain = Host::parse(pbx.phones.domain.as_deref()?).ok()?;
    let from = request.headers.from().ok()?;
    let asserted = || request.headers.address("P-Asserted-Identity").ok();
    let named = if is_anonymous(&from) { asserted()? } else { from };
    let there = named.uri.host() == Some(&domain) && named.uri.port().is_none();
    let account = config.account(&named.uri.user_decoded().filter(|_| there)?);
    account.filter(|account| account.pbx.as_ref() == Some(&pbx.name))
}
