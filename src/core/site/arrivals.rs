//! Requests that belong to no call yet: who sends them, and what becomes of them.

use holdfast_base::Now;
use holdfast_wire::sip::{Method, Request, Status};
use std::sync::Arc;

use super::admission::Asks;
use super::plans::ring;
use super::{Site, Step, Work};
use crate::bandwidth::BitRate;
use crate::call::leg::Reach;
use crate::call::leg::session_timer::{Terms, too_brief};
use crate::call::origin::Origin;
use crate::call::{self, Arrival, Call, Plan};
use crate::queue;
use crate::record::event::Subject;
use crate::routing::caller::Caller;
use crate::routing::decide::{Leads, Question, decide};
use crate::routing::numbering::Number;
use crate::sip::admit;
use crate::sip::dialog::DialogId;
use crate::sip::flow::Flow;
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
        let (key, emergency) = (arrival.key, arrival.emergency);
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
            Ok(None) => {
                self.not_now(now, key, &invite, step);
                if emergency {
                    // Its ports are there when the caller tries again, which is at once.
                    self.end_least(now, None, step);
                }
            }
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
}

/// Tells the queue that agents are, or are no longer, in a call of their own.
pub(super) fn note_own_call(call: &Call, active: bool, step: &mut Step) {
    for agent in call.own_call_of() {
        let input = queue::Input::OwnCall { agent: agent.clone(), active };
        step.work.push_back(Work::Queue(input));
    }
}
