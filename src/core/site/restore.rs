//! Waking up: the site as it was, from the journal, and what has to be asked and ended now.

use holdfast_base::{AgentName, CallId, EndpointName, Now, OfferId, Outbox, StreamId};
use holdfast_config::Config;
use holdfast_wire::sip::{Message, Request};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::drain::Drain;
use super::large::way_taken;
use super::ledger::{ACCOUNT, CALL, DRAIN, HEARTBEAT, Heartbeat, QUEUE};
use super::{Interfaces, Output, Secrets, Site, Snapshot, Step, Work, timers};
use crate::call::Call;
use crate::call::io::{Before, Input};
use crate::call::leg::OpenInvite;
use crate::contact::Deliveries;
use crate::media::order::MediaOrder;
use crate::media::ports::RtpPort;
use crate::queue::{self, Engine, Key, Lost, Record};
use crate::record::encoding::decoded;
use crate::record::event::{EndedBy, Fact};
use crate::record::folds::Folds;
use crate::sip::flow::Flow;
use crate::sip::registrar::{Binding, Registrar};
use crate::sip::transaction::{ClientKey, Event, Order};

impl Site {
    /// A site that goes on where the journal says the last one stopped. `folds` are those of the
    /// whole log, for the figures and the calls still open in it.
    pub fn restore(
        now: Now,
        config: Arc<Config>,
        interfaces: Interfaces,
        own: impl Into<Secrets>,
        snapshot: &Snapshot,
        folds: Folds,
        out: &mut Outbox<Output>,
    ) -> Self {
        let mut site = Self::empty(now, Arc::clone(&config), interfaces, own.into());
        let mut orders = Outbox::new();
        if let Some(next) = snapshot.next_lsn {
            site.ledger.continue_at(next);
        }
        site.ledger.take_over(folds);
        let mut step = Step::default();
        step.facts.push(Fact::Started { version: env!("CARGO_PKG_VERSION").to_owned() });
        let mut calls = site.read(now, snapshot, &mut orders, &mut step);
        for output in orders.drain() {
            site.take_queue_output(now, output, &mut step);
        }
        site.restore_peers(now, snapshot, &mut step);
        site.restore_registrations(now, snapshot);
        site.restore_extensions(snapshot);
        site.restore_bans(now, snapshot);
        site.note_trunks(&mut step);
        let open: BTreeSet<CallId> = site.ledger.folds.cdr.open_call_ids().collect();
        let lost: Vec<CallId> =
            open.iter().filter(|call| !calls.contains_key(call)).copied().collect();
        // The log has the end of a call, the journal still the call. No power cut does that, for a
        // step is on disk as a whole; a step that the log refused or a damaged record does.
        for (over, _) in calls.extract_if(.., |call, _| !open.contains(call)) {
            step.touched.insert(over);
        }
        site.take_up(now, calls, snapshot, &mut step);
        site.run(now, &mut step);
        // Their journal was refused by the log, or can not be read. A contact leaves its queue
        // before its call ends.
        let ended = |call| Fact::CallEnded { call, by: EndedBy::Crash, status: None, cause: None };
        step.facts.extend(lost.into_iter().map(ended));
        // A stream is opened before another one is told to hear it.
        step.media.sort_by_key(|order| !matches!(order, MediaOrder::Open(_)));
        site.take_guard_news(now, &mut step);
        site.close_step(now, step, out);
        site
    }

    fn read(
        &mut self,
        now: Now,
        snapshot: &Snapshot,
        orders: &mut Outbox<queue::Output>,
        step: &mut Step,
    ) -> BTreeMap<CallId, Call> {
        let mut calls = BTreeMap::new();
        let mut queue = Vec::new();
        let mut accounts = Vec::new();
        for (key, value) in &snapshot.states {
            let key = key.as_str();
            if let Some(account) = key.strip_prefix(ACCOUNT) {
                if let Some(bindings) = decoded::<Vec<Binding>>(value) {
                    accounts.push((EndpointName::new(account), bindings));
                }
            } else if key.starts_with(CALL) {
                if let Some(call) = decoded::<Call>(value) {
                    calls.insert(call.id(), call);
                }
            } else if key == DRAIN {
                self.drain = Drain::restored(decoded(value));
            } else if key.starts_with(QUEUE) {
                queue.extend(decoded::<(Key, Record)>(value));
            }
        }
        let config = Arc::clone(&self.config);
        self.queue = Engine::restore(now, config, Deliveries::sip(), queue, orders);
        let names: Vec<EndpointName> = accounts.iter().map(|(name, _)| name.clone()).collect();
        self.registrar = Registrar::restore(accounts);
        for account in names {
            self.note_reach(&account, step);
        }
        calls
    }

    fn take_up(
        &mut self,
        now: Now,
        calls: BTreeMap<CallId, Call>,
        snapshot: &Snapshot,
        step: &mut Step,
    ) {
        let before =
            Before { sequences: sequences(snapshot), ago: now.mono.since(snapshot.last.mono) };
        let mut ringing = BTreeSet::new();
        for (id, mut call) in calls {
            self.take_up_transactions(now, before.ago, &mut call, step);
            for leg in call.legs() {
                self.ids.skip_beyond(leg.id().0.max(leg.audio().stream().0).max(id.0));
                if !leg.is_ended() {
                    self.ports.claim(RtpPort(leg.audio().rtp_port()));
                }
            }
            for offer in call.offers() {
                self.directory.add_offer(id, offer);
            }
            ringing.extend(call.offers_lost_by_restart());
            self.keep(now, call, Outbox::new(), step);
            step.work.push_back(Work::Call(id, Input::Restored(before.clone())));
        }
        for (contact, _) in self.queue.contacts() {
            self.ids.skip_beyond(contact.0);
        }
        self.lose_in_queue(now, ringing, step);
        self.reconcile_queue(step);
    }

    /// Offers whose phone or whole call did not survive are over, and a contact whose call is gone
    /// has left. One that lives keeps its place.
    fn lose_in_queue(&mut self, now: Now, ringing: BTreeSet<OfferId>, step: &mut Step) {
        let live = self.queue.offers().into_iter().map(|offer| offer.offer);
        let over = live.filter(|offer| self.directory.offer(*offer).is_none()).collect();
        let gone = self.queue.contacts().filter(|(_, call)| !self.calls.contains_key(call));
        let contacts = gone.map(|(contact, _)| contact).collect();
        let mut orders = Outbox::new();
        self.queue.lost_in_crash(now, Lost { ringing, over, contacts }, &mut orders);
        for output in orders.drain() {
            self.take_queue_output(now, output, step);
        }
    }

    /// What the queue believes of agents' own calls and the calls do not bear out is corrected;
    /// then it may decide.
    fn reconcile_queue(&self, step: &mut Step) {
        let mut tell = |input| step.work.push_back(Work::Queue(input));
        let busy: BTreeSet<&AgentName> = self.calls.values().flat_map(Call::own_call_of).collect();
        // Each is told what is true now and nobody is freed first: the queue decides at every
        // word.
        for agent in &self.config.agents {
            let (agent, active) = (agent.name.clone(), busy.contains(&agent.name));
            tell(queue::Input::OwnCall { agent, active });
        }
        step.work.push_back(Work::Queue(queue::Input::DeadlineReached));
    }

    /// Peers that wait for a response or ring for us find the transaction that they know.
    fn take_up_transactions(&mut self, now: Now, ago: Duration, call: &mut Call, step: &mut Step) {
        let id = call.id();
        for leg in call.legs_mut() {
            let Some((invite, flow)) = leg.unanswered_invite() else { continue };
            let mut orders = Outbox::new();
            self.transactions.receive(now, flow, Message::Request(invite.clone()), &mut orders);
            for order in orders.drain() {
                if let Order::Deliver(Event::Request { key, .. }) = order {
                    leg.answer_in(key);
                    self.directory.add_server((id, leg.id()), key);
                }
            }
        }
        for leg in call.legs() {
            let Some(OpenInvite { invite, flow, heard }) = leg.open_invite() else { continue };
            let flow = way_taken(invite, flow);
            // After Timer B nobody begins to ring any more, and whoever does can be cancelled.
            let given_up = ago >= timers(&self.config).patience();
            let key = if heard || given_up {
                self.transactions.adopt(now, invite.clone(), flow)
            } else {
                Some(self.ask_again(now, invite.clone(), flow, step))
            };
            if let Some(key) = key {
                self.directory.add_invite((id, leg.id()), key);
            }
        }
    }

    /// Repeats an INVITE that nobody is known to have answered at all. Its 1xx may have met a dead
    /// process, and without one it must not be cancelled (RFC 3261 §9.1).
    fn ask_again(&mut self, now: Now, invite: Request, flow: Flow, step: &mut Step) -> ClientKey {
        let (sent_by, entropy) = (self.sent_by(&flow), &mut self.entropy);
        let mut orders = Outbox::new();
        let key =
            self.transactions.request(now, invite, flow, &sent_by, false, entropy, &mut orders);
        self.take_orders(orders, step);
        key
    }
}

fn sequences(snapshot: &Snapshot) -> BTreeMap<StreamId, u16> {
    let beat = snapshot.states.iter().find(|(key, _)| key.as_str() == HEARTBEAT);
    let beat = beat.and_then(|(_, value)| decoded::<Heartbeat>(value));
    beat.map(|beat| beat.sequences.into_iter().collect()).unwrap_or_default()
}
