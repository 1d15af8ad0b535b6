//! Requests that belong to no call yet: who sends them, and what becomes of them.

use holdfast_base::{AgentName, EndpointName, Now, TrunkName};
use holdfast_config::{Account, Agent, Trunk};
use holdfast_wire::sip::digest::Key;
use holdfast_wire::sip::{Message, Method, Request, Status, Uri};
use std::sync::Arc;

use super::admission::Asks;
use super::{Site, Step, Work};
use crate::bandwidth::BitRate;
use crate::call::io::Target;
use crate::call::leg::session_timer::{Terms, too_brief};
use crate::call::leg::{Leg, Reach};
use crate::call::origin::Origin;
use crate::call::{self, Arrival, Call, Plan};
use crate::media::order::ClipId;
use crate::queue;
use crate::record::event::{Duty, DutyChangedBy, Subject};
use crate::routing::caller::Caller;
use crate::routing::decide::{Leads, Question, agent_at, decide};
use crate::routing::numbering::Number;
use crate::routing::share;
use crate::sip::admit;
use crate::sip::auth::{Asking, Verdict};
use crate::sip::dialog::DialogId;
use crate::sip::flow::{Flow, Transport};
use crate::sip::keyring::key_of;
use crate::sip::transaction::{ServerKey, derived_tag};

impl Site {
    pub(super) fn take_request(
        &mut self,
        now: Now,
        key: ServerKey,
        flow: Flow,
        request: Request,
        step: &mut Step,
    ) {
        if let Err(refusal) = admit::examine(&request) {
            return self.refuse(now, key, &request, refusal, step);
        }
        let tagged = request.headers.to().is_ok_and(|to| to.tag().is_some());
        if tagged {
            return self.take_in_dialog(now, key, (flow, request), step);
        }
        match request.method {
            Method::Invite => self.take_invite(now, key, flow, request, step),
            Method::Register => self.take_register(now, key, flow, &request, step),
            Method::Options => {
                let contact = call::words::host_contact(&self.config, &flow);
                let mut answer = admit::options_answer(&request, &contact);
                if let Some(trunk) = self.trunk_at(&flow) {
                    let name = trunk.name.clone();
                    if self.drain.is_on() {
                        answer = self.drained(&request);
                    }
                    Origin::Trunk(name.clone()).complete(&self.config, &mut answer.headers);
                    self.peers.asked_by(now, &name);
                }
                self.answer_and_forget(now, key, &answer, step);
            }
            Method::Subscribe => self.subscribe(now, key, (flow, &request), step),
            // RFC 3261 §12.2.2, RFC 6086 §4.2: these live in dialogs only.
            Method::Bye | Method::Update | Method::Prack | Method::Info => {
                let answer = request.response(Status::CALL_DOES_NOT_EXIST, None);
                self.refuse(now, key, &request, answer, step);
            }
            Method::Message => self.take_text(now, key, (flow, &request), step),
            Method::Notify => self.take_summary(now, key, (flow, &request), step),
            Method::Ack | Method::Cancel | Method::Refer | Method::Publish | Method::Other(_) => {
                let mut answer = request.response(Status::METHOD_NOT_ALLOWED, None);
                answer.headers.push("Allow", admit::ALLOW);
                self.refuse(now, key, &request, answer, step);
            }
        }
    }

    /// Refuses a request that reached no call: an INVITE in its transaction, which repeats the
    /// answer until the ACK; anything else without remembering it, so that nobody fills the memory
    /// with what is refused.
    pub(super) fn refuse(
        &mut self,
        now: Now,
        key: ServerKey,
        request: &Request,
        mut answer: holdfast_wire::sip::Response,
        step: &mut Step,
    ) {
        if request.method == Method::Invite {
            self.answer(now, key, answer, step);
        } else {
            answer.tag_to(&derived_tag(request));
            self.answer_and_forget(now, key, &answer, step);
        }
    }

    pub(super) fn answer_and_forget(
        &mut self,
        now: Now,
        key: ServerKey,
        answer: &holdfast_wire::sip::Response,
        step: &mut Step,
    ) {
        let mut orders = holdfast_base::Outbox::new();
        self.transactions.answer_and_forget(now, key, answer, &mut orders);
        self.take_orders(orders, step);
    }

    pub(super) fn answer(
        &mut self,
        now: Now,
        key: ServerKey,
        mut response: holdfast_wire::sip::Response,
        step: &mut Step,
    ) {
        // RFC 3261 §8.2.6.2: every response but 100 has a tag.
        response.tag_to(&self.entropy.token());
        let mut orders = holdfast_base::Outbox::new();
        self.transactions.respond(now, key, response, false, &mut orders);
        self.take_orders(orders, step);
    }

    fn take_in_dialog(
        &mut self,
        now: Now,
        key: ServerKey,
        (flow, request): (Flow, Request),
        step: &mut Step,
    ) {
        let id = DialogId::of_request(&request);
        if let Some(id) = id.as_ref().filter(|id| self.watchers.knows(id)) {
            return self.subscribe_again(now, key, id, (flow, &request), step);
        }
        match self.directory.dialog(id) {
            // Who hangs up is heard whatever came before.
            Some((call, _))
                if request.method != Method::Bye && !self.directory.permits(now.mono, call) =>
            {
                let answer = call::words::too_early(&request);
                self.refuse(now, key, &request, answer, step);
            }
            Some((call, leg)) => {
                if request.method == Method::Invite {
                    self.directory.add_server((call, leg), key);
                }
                let input = call::io::Input::Request { leg, key, request };
                step.work.push_back(Work::Call(call, input));
            }
            None => {
                let answer = request.response(Status::CALL_DOES_NOT_EXIST, None);
                self.refuse(now, key, &request, answer, step);
            }
        }
    }

    fn take_invite(
        &mut self,
        now: Now,
        key: ServerKey,
        flow: Flow,
        invite: Request,
        step: &mut Step,
    ) {
        if self.is_too_late_for(&invite) {
            return self.too_late(now, key, &invite, step);
        }
        // RFC 3261 §8.2.6.1: within 200 ms, so that the caller stops repeating.
        self.respond_now(now, key, invite.response(Status::TRYING, None), step);
        let origin = match self.origin_of(now, &flow, &invite) {
            Ok(origin) => origin,
            Err(answer) => return self.answer(now, key, *answer, step),
        };
        // As a challenge, a step on the way to a call and none itself.
        if let Some(least_s) = too_brief(&invite, Terms::towards(&self.config, &origin)) {
            return self.answer(now, key, call::words::too_brief(&invite, least_s), step);
        }
        let Ok(from) = invite.headers.from() else {
            return self.answer(now, key, invite.response(Status::BAD_REQUEST, None), step);
        };
        let who = Caller::of(&self.config, &origin, &invite.headers, &from);
        if invite.headers.has("Replaces") {
            if !self.keeps_pace(now, &origin) {
                return self.not_now(now, key, &invite, step);
            }
            return self.replace(now, (key, flow), (origin, who), invite, step);
        }
        let phone = self.phone_called(now, (&origin, &invite.uri));
        let dialled = match &phone {
            Some((account, _)) => Number::plain(account.as_str()),
            None => {
                let dialled = self.dialled_in(&origin, &invite);
                Number::read(origin.dial_plan(&self.config), &dialled)
            }
        };
        let config = Arc::clone(&self.config);
        let calling = who.shown();
        let (called, at) = (&dialled, now.wall);
        let pbx_is_there = self.calls_by_pbx(now, &origin);
        let question = Question { called, calling: &calling, origin: &origin, at, pbx_is_there };
        let leads = match &phone {
            Some((account, _)) => Leads::Account(account),
            None => decide(&config, &question).leads,
        };
        let subject = Subject(dialled.known_as().to_owned());
        let emergency = matches!(leads, Leads::Emergency { .. });
        let comes_back = self.comes_back(&invite, &subject);
        if comes_back || (!emergency && self.goes_round(&invite, &who.subject(), &subject)) {
            return self.answer(now, key, invite.response(Status::LOOP_DETECTED, None), step);
        }
        if !emergency && self.drain.refuses(&origin) {
            self.ledger.totals.calls_refused += 1;
            return self.answer(now, key, self.drained(&invite), step);
        }
        let from = match &origin {
            Origin::Trunk(trunk) => Some(trunk),
            Origin::Account(_) | Origin::Guest => None,
        };
        let asks = Asks { from, rate: BitRate::offered(&invite.body, flow.local.ip()) };
        if !emergency && !self.admits(now, &origin, asks) {
            return self.not_now(now, key, &invite, step);
        }
        let plan = match phone {
            Some((_, targets)) => ring(targets),
            None => self.plan(now, leads, (&dialled, &origin, &flow), asks, step),
        };
        if matches!(plan, Plan::Refuse(Status::SERVICE_UNAVAILABLE)) {
            return self.not_now(now, key, &invite, step);
        }
        if let (Origin::Guest, Plan::Refuse(status)) = (&origin, &plan) {
            // No call and no record: who tries numbers out must not use up ports and disk.
            if matches!(*status, Status::NOT_FOUND | Status::FORBIDDEN) {
                self.tried_out(now, &flow, &subject);
            }
            return self.answer(now, key, invite.response(*status, None), step);
        }
        if origin == Origin::Guest && self.ports.is_scarce(now.mono) {
            return self.not_now(now, key, &invite, step);
        }
        let own_call_of = self.own_call_of(&origin, &plan);
        let arrival = Arrival {
            own_call_of,
            key,
            flow,
            reach: match &origin {
                Origin::Trunk(_) | Origin::Account(_) => Reach::Contact,
                Origin::Guest => Reach::Source,
            },
            trunk: match &origin {
                Origin::Trunk(trunk) => Some(trunk.clone()),
                Origin::Account(_) | Origin::Guest => None,
            },
            who,
            origin,
            emergency,
            dialled: subject,
            invite,
        };
        self.begin_call(now, arrival, plan, step);
    }

    fn begin_call(&mut self, now: Now, arrival: Arrival, plan: Plan, step: &mut Step) {
        let key = arrival.key;
        let invite = arrival.invite.clone();
        let mut out = holdfast_base::Outbox::new();
        let begun = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            Call::begin(arrival, plan, &mut self.desk(now, &mut out))
        }));
        match begun {
            Ok(Some(call)) => {
                self.ledger.totals.calls += 1;
                self.directory.add_server((call.id(), call.caller().id()), key);
                note_own_call(&call, true, step);
                self.keep(now, call, out, step);
            }
            Ok(None) => self.not_now(now, key, &invite, step),
            Err(_) => {
                self.ledger.totals.call_panics += 1;
                self.not_now(now, key, &invite, step);
            }
        }
    }

    fn respond_now(
        &mut self,
        now: Now,
        key: ServerKey,
        response: holdfast_wire::sip::Response,
        step: &mut Step,
    ) {
        let mut orders = holdfast_base::Outbox::new();
        self.transactions.respond(now, key, response, false, &mut orders);
        self.take_orders(orders, step);
    }

    /// Who calls: a trunk by its certificate or network, else whoever the credentials name. Someone
    /// who claims to be a phone or a trunk of ours is asked for credentials; a stranger only where
    /// strangers may not call at all.
    fn origin_of(
        &mut self,
        now: Now,
        flow: &Flow,
        request: &Request,
    ) -> Result<Origin, Box<holdfast_wire::sip::Response>> {
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

    fn trunk_at(&self, flow: &Flow) -> Option<&Trunk> {
        if flow.transport.is_of_browsers() {
            return None; // whoever shows a page in the network of a PBX is not that PBX
        }
        let proven = |trunk: &&Trunk| Some(trunk.name.id()) == flow.identity();
        let source = flow.remote.ip();
        let here = |trunk: &&Trunk| trunk.networks.iter().any(|network| network.contains(source));
        let trunks = || self.config.trunks.iter();
        let registrar = || self.config.trunk(self.registrations.at(flow)?);
        trunks().find(proven).or_else(|| trunks().find(here)).or_else(registrar)
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

    fn plan(
        &mut self,
        now: Now,
        leads: Leads<'_>,
        (called, origin, flow): (&Number, &Origin, &Flow),
        asks: Asks<'_>,
        step: &mut Step,
    ) -> Plan {
        match leads {
            Leads::Emergency { number, out } => {
                let trunks = self.lines_for_emergency(now, (out.trunks, asks), step);
                self.plan_out(&trunks, out.next_on, &Number::plain(number), flow)
            }
            Leads::Duty { agent, on } => set_duty(agent, on, step),
            Leads::Queue(queue) => Plan::Queue(queue.clone()),
            Leads::Account(account) => ring(self.targets_of_account(now, account)),
            Leads::Pbx(pbx) => self.plan_by_pbx(now, pbx, (called, origin, flow)),
            Leads::Out(out) => {
                let trunks = share::order(out.trunks, out.weights, &mut self.entropy);
                let trunks = self.with_room(now, trunks, asks);
                if trunks.is_empty() {
                    return Plan::Refuse(Status::SERVICE_UNAVAILABLE);
                }
                self.plan_out(&trunks, out.next_on, called, flow)
            }
            Leads::Refused(status) => Plan::Refuse(status),
        }
    }

    /// Where a number leads that a party has another one brought to, as if it had dialled it, and
    /// whether that is an emergency number.
    pub(super) fn onward(
        &mut self,
        now: Now,
        (origin, party): (&Origin, &Subject),
        dialled: &str,
        flow: &Flow,
        step: &mut Step,
    ) -> (Plan, bool) {
        let called = Number::read(origin.dial_plan(&self.config), dialled);
        let config = Arc::clone(&self.config);
        let calling = Caller::party(&config, origin, &party.0).shown();
        let (at, pbx_is_there) = (now.wall, self.calls_by_pbx(now, origin));
        let question = Question { called: &called, calling: &calling, origin, at, pbx_is_there };
        match decide(&config, &question).leads {
            // Not for others to dial.
            Leads::Duty { .. } => (Plan::Refuse(Status::NOT_FOUND), false),
            // No call is ended for it: the first that had to go might be the one that asks.
            Leads::Emergency { number, out } => {
                (self.plan_out(out.trunks, out.next_on, &Number::plain(number), flow), true)
            }
            leads => {
                // The party that stays has its line already.
                let asks = Asks { from: None, rate: BitRate::usual(flow.local.ip()) };
                (self.plan(now, leads, (&called, origin, flow), asks, step), false)
            }
        }
    }

    fn plan_out(
        &mut self,
        trunks: &[TrunkName],
        next_on: &[u16],
        called: &Number,
        flow: &Flow,
    ) -> Plan {
        match self.target_over(trunks, next_on, called, Some(flow)) {
            Some(target) => Plan::Ring(vec![target]),
            // RFC 3261 §16.7 step 6: 503 would be said of this box, which is well.
            None => Plan::Refuse(Status::SERVER_ERROR),
        }
    }

    /// The PBX of a phone has the word. It may be gone without anybody knowing yet: then the phone
    /// of the house that is dialled rings all the same.
    fn plan_by_pbx(
        &mut self,
        now: Now,
        pbx: &TrunkName,
        (called, origin, flow): (&Number, &Origin, &Flow),
    ) -> Plan {
        let Origin::Account(account) = origin else { return Plan::Refuse(Status::NOT_FOUND) };
        let Some(mut target) = self.target_at_pbx(account, (pbx, called.written()), flow) else {
            return Plan::Refuse(Status::SERVER_ERROR);
        };
        let config = Arc::clone(&self.config);
        if let Some(phone) = config.account(called.written()) {
            target.then.extend(self.targets_of_account(now, &phone.name));
        }
        Plan::Ring(vec![target])
    }

    /// Agents who are on one of their own phones in this call: a queue must not ring there now.
    fn own_call_of(&self, origin: &Origin, plan: &Plan) -> Vec<AgentName> {
        let calling = match origin {
            Origin::Account(account) => agent_at(&self.config, account),
            Origin::Trunk(_) | Origin::Guest => None,
        };
        let called = match plan {
            Plan::Ring(targets) => targets.iter().find_map(|target| target.account.as_ref()),
            Plan::Queue(_) | Plan::Announce(_) | Plan::Refuse(_) => None,
        };
        let called = called.and_then(|account| agent_at(&self.config, account));
        calling.into_iter().chain(called).map(|agent| agent.name.clone()).collect()
    }
}

/// Tells the queue that agents are, or are no longer, in a call of their own.
pub(super) fn note_own_call(call: &Call, active: bool, step: &mut Step) {
    for agent in call.own_call_of() {
        let input = queue::Input::OwnCall { agent: agent.clone(), active };
        step.work.push_back(Work::Queue(input));
    }
}

/// What was dialled: the user, or the service of a URN (RFC 5031).
pub(super) fn dialled(uri: &Uri) -> String {
    let user = uri.user_decoded().map(std::borrow::Cow::into_owned);
    user.or_else(|| uri.opaque().map(str::to_owned)).unwrap_or_default()
}

/// Whichever of these answers first; nobody is there without any.
fn ring(targets: Vec<Target>) -> Plan {
    if targets.is_empty() {
        return Plan::Refuse(Status::TEMPORARILY_UNAVAILABLE);
    }
    Plan::Ring(targets)
}

/// An agent's own phone sets the agent's duty.
fn set_duty(agent: &Agent, on: bool, step: &mut Step) -> Plan {
    let duty = if on { Duty::OnDuty } else { Duty::OffDuty(OFF_DUTY_BY_PHONE.to_owned()) };
    let (agent, by) = (agent.name.clone(), DutyChangedBy::Phone);
    step.work.push_back(Work::Queue(queue::Input::Duty { agent, duty, by }));
    Plan::Announce(ClipId(if on { "duty-on" } else { "duty-off" }.into()))
}

/// The reason shown for an agent who dialled the off-duty code.
const OFF_DUTY_BY_PHONE: &str = "by phone";

fn password<'a>(config: &'a holdfast_config::Config, user: &str) -> Option<Key<'a>> {
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
