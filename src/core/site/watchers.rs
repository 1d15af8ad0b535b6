//! Who may watch whom, and what there is to see of calls, phones and agents.

use holdfast_base::{EndpointName, Now, Outbox};
use holdfast_config::Endpoint;
use holdfast_wire::sip::{ContentType, Request, Response, Status};
use std::collections::{BTreeMap, BTreeSet};

use super::{Site, Step};
use crate::call::leg::Leg;
use crate::call::origin::Origin;
use crate::call::{self, words};
use crate::record::event::Duty;
use crate::routing::decide::agent_at;
use crate::sip::auth::Verdict;
use crate::sip::dialog::{Dialog, DialogId};
use crate::sip::flow::Flow;
use crate::sip::transaction::{ClientKey, ServerKey};
use crate::view::AgentView;
use crate::watch::{
    Activity, EVENTS, Notice, Package, Pictured, Stage, Talk, Watched, Wish, entity,
};

/// Seconds until a phone may ask again that found no room.
const RETRY_AFTER_S: u32 = 60;

impl Site {
    /// A SUBSCRIBE that belongs to no dialog yet.
    pub(super) fn subscribe(
        &mut self,
        now: Now,
        key: ServerKey,
        (flow, request): (Flow, &Request),
        step: &mut Step,
    ) {
        match self.wish_of(now, flow, request) {
            Ok(wish) => {
                let answer = self.watchers.begin(now.mono, request, wish);
                self.answer(now, key, answer, step);
                self.tell_watchers(now, step);
            }
            Err(answer) => self.refuse(now, key, request, *answer, step),
        }
    }

    /// A SUBSCRIBE that goes on with one of before.
    pub(super) fn subscribe_again(
        &mut self,
        now: Now,
        key: ServerKey,
        id: &DialogId,
        (flow, request): (Flow, &Request),
        step: &mut Step,
    ) {
        let answer = self.watchers.refresh(now.mono, id, (flow, request));
        self.answer(now, key, answer, step);
        self.tell_watchers(now, step);
    }

    fn wish_of(&mut self, now: Now, flow: Flow, request: &Request) -> Result<Wish, Box<Response>> {
        let refused = |status| Box::new(request.response(status, None));
        let event = request.headers.valued("Event").ok().flatten();
        let Some(package) = event.and_then(|event| Package::named(&event.value)) else {
            let mut response = request.response(Status::BAD_EVENT, None);
            response.headers.push("Allow-Events", EVENTS); // RFC 6665 §8.3.2
            return Err(Box::new(response));
        };
        if !reads(request, package) {
            return Err(refused(Status::NOT_ACCEPTABLE));
        }
        let by = match self.check_credentials(now, &flow, request) {
            Verdict::Accepted { user } => EndpointName::new(&user),
            Verdict::Challenge(answer) | Verdict::Guessed(answer) | Verdict::Refused(answer) => {
                return Err(Box::new(answer));
            }
        };
        if !self.config.accounts.iter().any(|account| account.name == by) {
            return Err(refused(Status::FORBIDDEN));
        }
        let user = request.uri.user_decoded().unwrap_or_default().into_owned();
        if package == Package::Messages && user != by.as_str() {
            return Err(refused(Status::FORBIDDEN)); // what waits for others is their secret
        }
        let watched = self.watched(&user, package).ok_or_else(|| refused(Status::NOT_FOUND))?;
        if !self.watchers.has_room(&by, &watched) {
            let status = Status::SERVICE_UNAVAILABLE;
            return Err(Box::new(words::later(request, status, RETRY_AFTER_S)));
        }
        let contact = call::words::contact(&self.config, &flow);
        let tag = self.entropy.token();
        let mut dialog = Dialog::answering(request, flow, &tag, contact)
            .map_err(|_| refused(Status::BAD_REQUEST))?;
        dialog.keep_flow();
        Ok(Wish { by, watched, entity: entity(&request.uri), package, dialog })
    }

    /// Whom this name means: an account, and for presence its agent; else an agent.
    fn watched(&self, user: &str, package: Package) -> Option<Watched> {
        let named = self.config.accounts.iter().find(|account| account.name.as_str() == user);
        if let Some(account) = named {
            let agent = agent_at(&self.config, &account.name);
            return match (package, agent) {
                (Package::Messages, _) => Some(Watched::Mailbox(account.name.clone())),
                (Package::Presence, Some(agent)) => Some(Watched::Agent(agent.name.clone())),
                (Package::Presence, None) | (Package::Dialog, _) => {
                    Some(Watched::Account(account.name.clone()))
                }
            };
        }
        let agent = self.config.agents.iter().find(|agent| agent.name.as_str() == user)?;
        Some(Watched::Agent(agent.name.clone()))
    }

    /// Says what is new to those who watch.
    pub(super) fn tell_watchers(&mut self, now: Now, step: &mut Step) {
        if self.watchers.deadline().is_none_or(|deadline| deadline > now.mono) {
            return;
        }
        let mut watchers = std::mem::take(&mut self.watchers);
        let notices = watchers.handle_deadline(now.mono, |names| self.see(now, names));
        self.watchers = watchers;
        for Notice { of, flow, request } in notices {
            let (sent_by, entropy) = (self.sent_by(&flow), &mut self.entropy);
            let mut orders = Outbox::new();
            let key = self.transactions.request(
                now,
                request,
                flow,
                &sent_by,
                false,
                entropy,
                &mut orders,
            );
            self.notices.insert(key, (of, flow));
            self.take_orders(orders, step);
        }
    }

    /// Whether the response was one to a NOTIFY of a subscription.
    pub(super) fn take_notice_response(
        &mut self,
        now: Now,
        key: ClientKey,
        status: Status,
    ) -> bool {
        let Some((of, _)) = self.notices.get(&key) else { return false };
        if status.is_final() {
            self.watchers.answered(now.mono, of, status);
            self.notices.remove(&key);
        }
        true
    }

    /// Whether it was such a NOTIFY that nobody has answered.
    pub(super) fn notice_failed(&mut self, key: ClientKey) -> bool {
        let Some((of, flow)) = self.notices.remove(&key) else { return false };
        self.watchers.unanswered(&of, flow);
        true
    }

    /// What there is to see of these, at one pass over the calls, whoever is watched.
    fn see(&self, now: Now, names: &BTreeSet<Watched>) -> BTreeMap<Watched, Pictured> {
        let talks = self.talks();
        let agents = self.queue.agents(now.mono);
        let views: BTreeMap<_, _> = agents.iter().map(|view| (&view.name, view)).collect();
        let people: BTreeMap<_, _> =
            self.config.agents.iter().map(|agent| (&agent.name, agent)).collect();
        let picture = |watched: &Watched| match watched {
            Watched::Account(name) => {
                self.config.account(name.as_str())?;
                Some(self.see_account(name, talks.get(name).cloned().unwrap_or_default()))
            }
            Watched::Mailbox(name) => self.see_mailbox(name),
            Watched::Agent(name) => {
                let accounts = people.get(name)?.endpoints.iter().filter_map(|it| match it {
                    Endpoint::Account(account) => talks.get(account),
                    Endpoint::Trunk { .. } => None,
                });
                let mut own: Vec<Talk> = accounts.flatten().cloned().collect();
                own.sort_by_key(|talk| talk.leg);
                Some(pictured(views.get(name)?, own))
            }
        };
        names.iter().filter_map(|name| Some((name.clone(), picture(name)?))).collect()
    }

    fn see_account(&self, name: &EndpointName, talks: Vec<Talk>) -> Pictured {
        let reachable = self.registrar.bindings(name).next().is_some();
        let (activity, word) = match (talks.is_empty(), reachable) {
            (false, _) => (Activity::OnThePhone, "on the phone"),
            (true, true) => (Activity::Free, "registered"),
            (true, false) => (Activity::Away, "not registered"),
        };
        Pictured { talks, reachable, activity, word: word.to_owned() }
    }

    /// The talks of each account that has some.
    fn talks(&self) -> BTreeMap<&EndpointName, Vec<Talk>> {
        let mut talks: BTreeMap<&EndpointName, Vec<Talk>> = BTreeMap::new();
        for leg in self.calls.values().flat_map(call::Call::legs) {
            let Origin::Account(account) = leg.origin() else { continue };
            let Some(stage) = stage(leg) else { continue };
            let talk = Talk { leg: leg.id(), calls: leg.has_called(), stage };
            talks.entry(account).or_default().push(talk);
        }
        talks
    }
}

/// An agent as the queue knows it, with the talks of its phones.
fn pictured(view: &AgentView, talks: Vec<Talk>) -> Pictured {
    let reachable = view.endpoints.iter().any(|(_, reachable)| *reachable);
    let busy = !talks.is_empty() || matches!(view.task.as_str(), "connected" | "own_call");
    let task = view.task.replace('_', " ");
    if busy {
        return Pictured { talks, reachable, activity: Activity::OnThePhone, word: task };
    }
    let (activity, word) = match &view.duty {
        Duty::OffDuty(reason) if reason.is_empty() => (Activity::Away, "off duty".to_owned()),
        Duty::OffDuty(reason) => (Activity::Away, format!("off duty: {reason}")),
        Duty::OnDuty if view.task == "wrap_up" => (Activity::Busy, task),
        Duty::OnDuty => (Activity::Free, task),
    };
    Pictured { talks, reachable, activity, word }
}

/// Whether the phone reads the documents of the package: RFC 6665 §3.1.3.
fn reads(request: &Request, package: Package) -> bool {
    let ranges = request.headers.list("Accept");
    ranges.is_empty()
        || ranges.iter().filter_map(|range| ContentType::parse(range).ok()).any(|range| {
            [package.media(), "application/*", "*/*"].iter().any(|good| range.is(good))
        })
}

/// How far the party's talk is; none once it is over.
fn stage(leg: &Leg) -> Option<Stage> {
    match leg.state_name() {
        "calling" if leg.has_called() => Some(Stage::Trying),
        "calling" | "ringing" => Some(Stage::Early),
        "answered" | "talking" => Some(Stage::Confirmed),
        _ => None,
    }
}
