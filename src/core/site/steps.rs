//! One machine's turn within a step, and carrying out what it ordered.

use holdfast_base::{AgentName, CallId, Now, Outbox};
use holdfast_wire::sip::{CSeq, Method, Request, Response};
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::arrivals::note_own_call;
use super::directory::Place;
use super::logins::Asker;
use super::{Site, Step, Work};
use crate::call::io::{Desk, Failure, Input, Output};
use crate::call::words::sent_by;
use crate::call::{Call, leg::Leg, test_call::TestCall};
use crate::media::order::MediaOrder;
use crate::offer_answer::OpaqueCodecs;
use crate::peer::target;
use crate::queue;
use crate::record::event::{EndedBy, Fact, LegEnd};
use crate::sip::dialog::Dialog;
use crate::sip::flow::Flow;
use crate::sip::transaction::{ClientKey, Received, SentBy, Standing};

impl Site {
    /// Gives a call one input. A panic ends that call and nothing else.
    pub(super) fn step_call(&mut self, now: Now, id: CallId, input: Input, step: &mut Step) {
        let Some(mut call) = self.calls.remove(&id) else {
            return self.step_test_call(now, id, input, step);
        };
        self.arms.count(|| call.arm(&input));
        self.arms.count_some(|| call.leg_arm(&input));
        self.arms.count_some(|| call.dialog_arm(&input));
        let own_call_of: Vec<AgentName> = call.own_call_of().cloned().collect();
        let mut out = Outbox::new();
        let done = catch_unwind(AssertUnwindSafe(|| {
            call.handle(input, &mut self.desk(now, &mut out));
        }));
        if done.is_err() {
            self.ledger.totals.call_panics += 1;
            return self.bury(now, &call, step);
        }
        self.note_moves(&call, &own_call_of, step);
        self.keep(now, call, out, step);
    }

    pub(super) fn desk<'a>(&'a mut self, now: Now, out: &'a mut Outbox<Output>) -> Desk<'a> {
        Desk {
            now,
            config: &self.config,
            entropy: &mut self.entropy,
            ids: &mut self.ids,
            ports: &mut self.ports,
            transcoding: &mut self.transcoding,
            urgent: false,
            certificates: &self.audio_certificates,
            codecs: OpaqueCodecs::default(),
            out,
        }
    }

    /// Puts a call back after its turn and carries out its orders.
    pub(super) fn keep(&mut self, now: Now, call: Call, out: Outbox<Output>, step: &mut Step) {
        let id = call.id();
        step.touched.insert(id);
        let deadline = call.deadline();
        let over = call.is_over();
        if over {
            note_own_call(&call, false, step);
        } else {
            self.calls.insert(id, call);
        }
        self.deadlines.set(id, deadline.filter(|_| !over));
        self.carry_out(now, id, out, step);
        if over {
            self.forget(id);
        }
    }

    pub(super) fn forget(&mut self, id: CallId) {
        self.directory.forget(id);
        self.transcoding.forget(id);
        self.deadlines.set(id, None);
    }

    /// The end of a call whose own code failed: its parties get a BYE, its ports come back.
    pub(super) fn bury(&mut self, now: Now, call: &Call, step: &mut Step) {
        let id = call.id();
        let mut out = Outbox::new();
        for leg in call.legs() {
            self.bury_leg(now, leg.clone(), &mut out);
        }
        step.touched.insert(id);
        let contact = call.contact().unwrap_or(holdfast_base::ContactId(id.0));
        let why = queue::Departure::Fault;
        step.work.push_back(Work::Queue(queue::Input::Left { contact, why }));
        note_own_call(call, false, step);
        step.facts.push(Fact::CallEnded {
            call: id,
            by: EndedBy::Crash,
            status: None,
            cause: None,
        });
        self.carry_out(now, id, out, step);
        self.forget(id);
    }

    pub(super) fn bury_leg(&mut self, now: Now, mut leg: Leg, out: &mut Outbox<Output>) {
        let hung_up = catch_unwind(AssertUnwindSafe(|| {
            leg.hang_up(LegEnd::Local, &mut self.desk(now, out));
        }));
        if hung_up.is_err() {
            out.push(Output::Media(MediaOrder::Close { stream: leg.audio().stream() }));
        }
    }

    /// The leg of a call or a test call.
    pub(super) fn leg_at(&self, (call, leg): Place) -> Option<&Leg> {
        let of_call = self.calls.get(&call).into_iter().flat_map(Call::legs);
        let own = self.test_calls.get(&call).map(TestCall::leg);
        of_call.chain(own).find(|known| known.id() == leg)
    }

    pub(super) fn leg_at_mut(&mut self, (call, leg): Place) -> Option<&mut Leg> {
        let of_call = self.calls.get_mut(&call).into_iter().flat_map(Call::legs_mut);
        let own = self.test_calls.get_mut(&call).map(TestCall::leg_mut);
        of_call.chain(own).find(|known| known.id() == leg)
    }

    pub(super) fn carry_out(
        &mut self,
        now: Now,
        call: CallId,
        mut out: Outbox<Output>,
        step: &mut Step,
    ) {
        for output in out.drain() {
            match output {
                Output::Respond { key, response, gated } => {
                    if response.status.is_final() && !response.status.is_success() {
                        self.directory.end_server(key); // its ACK is the transaction's affair
                    }
                    let mut orders = Outbox::new();
                    self.transactions.respond(now, key, response, gated, &mut orders);
                    self.take_orders(orders, step);
                }
                Output::Invited { leg, key } => self.directory.add_server((call, leg), key),
                Output::Referred(asked) => self.refer(now, call, asked, step),
                Output::Acked { key } => {
                    self.transactions.acked(key);
                    self.directory.end_server(key);
                }
                Output::Request { leg, flow, request, gated } => {
                    let (place, cseq) = ((call, leg), request.headers.cseq().ok());
                    let key = self.ask(now, Asker::Leg(place), (flow, request), gated, step);
                    self.expect_answer(place, key, cseq);
                }
                Output::Ack { leg, flow, mut request, gated } => {
                    let credentials = self.credentials_of_invite(leg);
                    credentials.into_iter().for_each(|line| request.headers.push_line(line));
                    let sent_by = self.sent_by(&flow);
                    let mut orders = Outbox::new();
                    self.transactions.send_stateless(
                        request,
                        flow,
                        &sent_by,
                        gated,
                        &mut self.entropy,
                        &mut orders,
                    );
                    self.take_orders(orders, step);
                }
                Output::Cancel { leg, reason, gated } => {
                    if let Some(key) = self.directory.invite_of(leg) {
                        self.large_is_cancelled(now, key);
                        let mut orders = Outbox::new();
                        self.transactions.cancel(now, key, reason, gated, &mut orders);
                        self.take_orders(orders, step);
                    }
                }
                Output::DialogMade { leg, id } => {
                    self.directory.add_dialog((call, leg), id);
                }
                Output::StreamMade { leg, stream } => {
                    self.directory.add_stream(now.mono, (call, leg), stream);
                }
                Output::Silent { leg, flow } => {
                    self.large_is_silent(now, leg);
                    self.peer_happened(now, &flow, &target::Input::Silent, step);
                }
                Output::Media(order) => step.media.push(order),
                Output::Unsuited(it) => self.unsuited(now, call, *it, step),
                Output::Fact(fact) => {
                    self.suited(&fact);
                    step.facts.push(fact);
                }
                Output::Queue(input) => step.work.push_back(Work::Queue(input)),
                Output::Over => {}
            }
        }
    }

    /// Notes which leg waits for the answer to a request; nobody waits for that to a BYE.
    pub(super) fn expect_answer(&mut self, place: Place, key: ClientKey, cseq: Option<CSeq>) {
        let Some(cseq) = cseq else { return };
        match cseq.method {
            Method::Invite => self.directory.add_invite(place, key),
            Method::Update | Method::Prack => self.directory.add_question(place, key, cseq),
            Method::Ack
            | Method::Bye
            | Method::Cancel
            | Method::Options
            | Method::Register
            | Method::Refer
            | Method::Notify
            | Method::Subscribe
            | Method::Info
            | Method::Message
            | Method::Publish
            | Method::Other(_) => {}
        }
    }

    pub(super) fn sent_by(&self, flow: &Flow) -> SentBy {
        sent_by(&self.config, flow)
    }

    pub(super) fn take_response(
        &mut self,
        now: Now,
        key: ClientKey,
        received: Received,
        step: &mut Step,
    ) {
        self.large_is_heard(key);
        let target = self.target_of(key, received.flow);
        let settled = self.settle_login(now, (key, &target), received, step);
        let Some(received) = settled else { return };
        let response = &received.response;
        if self.take_probe_response(now, key, response, step)
            || self.take_register_response(now, key, response, step)
            || self.take_passing_response(now, (key, &target), response, step)
            || self.take_notice_response(now, key, response.status)
            || self.take_text_response(now, key, response.status, step)
        {
            return;
        }
        if let Some((call, leg)) = self.directory.question(key) {
            if response.status.is_final() {
                self.directory.end_question(key);
            }
            let response = received.response;
            step.work.push_back(Work::Call(call, Input::Response { leg, response }));
            return;
        }
        let Some((call, leg)) = self.directory.client(key) else {
            // A call that is over does not wait for answers; a session begun meanwhile is ended.
            if is_success_to_invite(response) {
                self.acknowledge_late(now, key, &received, step);
            }
            return;
        };
        if self.counts(call, response.status) {
            self.peer_answered(now, &target, response, step);
        }
        if response.status.is_final() && !response.status.is_success() {
            self.directory.end_invite(key);
        }
        let stray = response.status.is_success()
            && self.leg_at((call, leg)).is_none_or(|leg| leg.is_stray(response));
        if stray {
            return self.acknowledge_late(now, key, &received, step);
        }
        let response = received.response;
        step.work.push_back(Work::Call(call, Input::Response { leg, response }));
    }

    pub(super) fn invite_failed(
        &mut self,
        now: Now,
        key: ClientKey,
        how: Failure,
        step: &mut Step,
    ) {
        match how {
            Failure::Unreachable if self.goes_as_datagram(now, key, step) => return,
            Failure::Unreachable => {}
            Failure::TimedOut => self.large_has_timed_out(key),
        }
        self.forget_login(key);
        if self.probe_failed(now, key, how, step)
            || self.register_failed(now, key, step)
            || self.passing_failed(now, key, how, step)
            || self.notice_failed(key)
            || self.text_failed(now, key, step)
        {
            return;
        }
        if let Some(((call, leg), cseq)) = self.directory.end_question(key) {
            step.work.push_back(Work::Call(call, Input::Unanswered { leg, cseq }));
            return;
        }
        let Some((call, leg)) = self.directory.end_invite(key) else { return };
        let way = self.leg_at((call, leg)).map(Leg::flow);
        if let (Some(flow), Failure::Unreachable) = (way, how) {
            self.peer_happened(now, &flow, &target::Input::Broken, step);
        }
        step.work.push_back(Work::Call(call, Input::InviteFailed { leg, how }));
    }

    /// A 2xx that no leg waits for. One to a re-INVITE begins no session: it belongs to one that
    /// has had its BYE, and is acknowledged alone (RFC 3261 §14.1).
    fn acknowledge_late(&mut self, now: Now, key: ClientKey, received: &Received, step: &mut Step) {
        if !self.transactions.is_reinvite(key) {
            return self.end_stray(now, received, step);
        }
        if let Some(Farewell { ack, bye: _, way }) = self.farewell(received) {
            self.send_once(ack, way, step);
        }
    }

    /// A session that nobody here wants: ACK, then BYE (RFC 3261 §13.2.2.4).
    ///
    /// Each message is sent but once for a session that we only hear of, perhaps of an INVITE from
    /// before a crash, perhaps invented: a forged 200 then neither fills the transaction table nor
    /// turns the box against the address that it claims to come from. A real one is repeated until
    /// its ACK comes, and brings the BYE again.
    pub(super) fn end_stray(&mut self, now: Now, received: &Received, step: &mut Step) {
        let Some(Farewell { ack, bye, way }) = self.farewell(received) else { return };
        self.send_once(ack, way, step);
        match received.standing {
            Standing::First => {
                self.ask(now, Asker::Alone, (way, bye), false, step);
            }
            Standing::Again => {} // the BYE to the first one is on its way, and repeated
            Standing::Claimed => self.send_once(bye, way, step),
        }
    }

    fn send_once(&mut self, request: Request, flow: Flow, step: &mut Step) {
        let (sent_by, entropy) = (self.sent_by(&flow), &mut self.entropy);
        let mut orders = Outbox::new();
        self.transactions.send_stateless(request, flow, &sent_by, false, entropy, &mut orders);
        self.take_orders(orders, step);
    }

    fn farewell(&self, received: &Received) -> Option<Farewell> {
        let Received { flow, response, standing: _ } = received;
        let cseq = response.headers.cseq().ok()?;
        let contact = crate::call::words::contact(&self.config, flow);
        let mut dialog = Dialog::of_stray(response, *flow, contact)?;
        let (ack, bye) = (dialog.ack(cseq.number), dialog.request(Method::Bye));
        Some(Farewell { ack, bye, way: dialog.next_flow() })
    }
}

/// What ends a session that nobody here wants, and the way there.
struct Farewell {
    ack: Request,
    bye: Request,
    way: Flow,
}

fn is_success_to_invite(response: &Response) -> bool {
    response.status.is_success()
        && response.headers.cseq().is_ok_and(|cseq| cseq.method == Method::Invite)
}
