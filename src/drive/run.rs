//! The site loop: one thread that owns the site and carries out its orders.
//!
//! Wait for a datagram, an item of the inbox or the deadline; give it to the site; hand the orders
//! to the hands, in order. No rule about calls stands here.

use holdfast_base::{Lsn, Mono, Now, Outbox};
use holdfast_core::abuse::Entry;
use holdfast_core::abuse::offence::Offence;
use holdfast_core::command::{Refusal, Reply};
use holdfast_core::load::Change;
use holdfast_core::record::journal::Record;
use holdfast_core::sip::flow::{Flow, Transport};
use holdfast_core::sip::triage::begins_a_call;
use holdfast_core::site::{DriversHealth, Input, Output, Site};
use holdfast_core::trace::{Direction, Media, Seen};
use holdfast_core::view::SiteView;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{oneshot, watch};

use crate::clock::Clock;
use crate::gate::{Gate, Released};
use crate::inbox::{Inbound, InboxReader};
use crate::intake::{Intake, Waiting};
use crate::log::{Health, Log, Step};
use crate::media::MediaPlane;
use crate::names::NameServers;
use crate::porter::Porter;
use crate::pulse::Pulse;
use crate::recordings::Recordings;
use crate::streams::Streams;
use crate::trace::Tracer;
use crate::udp::{Datagram, UdpListener, datagram_buffer};

/// Datagrams taken from one socket before the others have their turn: more than come in the time
/// that it takes to read them, so that the kernel's buffer does not fill.
const DATAGRAMS_PER_TURN: usize = 1024;
/// New calls taken before everything else has its turn again.
const CALLS_PER_TURN: usize = 16;
/// Items taken from the inbox before the sockets have their turn.
const ITEMS_PER_TURN: usize = 256;
/// How often the page gets a new picture while somebody looks.
const VIEW_EVERY: Duration = Duration::from_millis(250);
/// How often the picture is renewed for metrics and health when nobody looks.
const VIEW_IDLE_EVERY: Duration = Duration::from_secs(1);
/// Longest sleep: the loop proves to the watchdog that it lives.
const SLEEP_MAX: Duration = Duration::from_millis(500);
/// How long a stop waits until registrars know that we are gone. A new process that starts at once
/// should not find the old one still there.
const FAREWELL: Duration = Duration::from_secs(1);
/// The inbox's token in epoll; sockets count from zero.
const INBOX_TOKEN: u64 = u64::MAX;

/// Everything that the loop owns.
pub struct SiteLoop {
    /// The rules.
    pub site: Site,
    /// Site time.
    pub clock: Clock,
    /// The bound UDP sockets.
    pub udp: Vec<UdpListener>,
    /// The connections of TCP and TLS.
    pub streams: Streams,
    /// Who stands at the door of connections.
    pub porter: Porter,
    /// Who asks name servers.
    pub names: NameServers,
    /// The media threads.
    pub media: MediaPlane,
    /// The log writer.
    pub log: Log,
    /// The writer of recordings.
    pub recordings: Recordings,
    /// The door.
    pub inbox: InboxReader,
    /// Where pictures for the page go.
    pub views: watch::Sender<Arc<SiteView>>,
    /// What the watchdog feels.
    pub pulse: Arc<Pulse>,
    /// Who keeps what passes, to be looked at.
    pub tracer: Tracer,
}

/// What waits for the disk.
enum Held {
    Send(Flow, Vec<u8>),
    Reply(oneshot::Sender<Reply>, Reply),
}

/// The parts of a running loop that change.
struct Turning {
    parts: SiteLoop,
    gate: Gate<Held>,
    replies: BTreeMap<u64, oneshot::Sender<Reply>>,
    next_reply: u64,
    next_view: Mono,
    intake: Intake,
    health: DriversHealth,
    out: Outbox<Output>,
    /// The records of the step whose orders are carried out.
    step: Step,
    /// The last record that the log did not take, while no later one was.
    hole: Option<Lsn>,
    /// Until when a stop waits for those who have to hear of it; none while nobody wants one.
    stop_by: Option<Mono>,
}

impl SiteLoop {
    /// Runs until [`Inbound::Stop`]; gives the parts back for an orderly end.
    ///
    /// # Errors
    /// When epoll itself fails.
    pub fn run(self, first: Outbox<Output>) -> io::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        for (token, listener) in (0_u64..).zip(&self.udp) {
            epoll.add(listener, EpollEvent::new(EpollFlags::EPOLLIN, token))?;
        }
        epoll.add(&self.inbox, EpollEvent::new(EpollFlags::EPOLLIN, INBOX_TOKEN))?;
        let mut turning = Turning {
            next_view: self.clock.now().mono,
            parts: self,
            gate: Gate::new(),
            replies: BTreeMap::new(),
            next_reply: 0,
            intake: Intake::default(),
            health: DriversHealth::default(),
            out: first,
            step: Step::new(),
            hole: None,
            stop_by: None,
        };
        let now = turning.parts.clock.now();
        turning.carry_out(now);
        turning.turn_until_stopped(&epoll)?;
        for (_, waiting) in turning.replies {
            drop(waiting.send(Err(Refusal::Unavailable))); // a page that went away, as below
        }
        Ok(turning.parts)
    }
}

impl Turning {
    fn turn_until_stopped(&mut self, epoll: &Epoll) -> io::Result<()> {
        let mut events = [EpollEvent::empty(); 64];
        let mut buffer = datagram_buffer();
        while !self.has_stopped() {
            let ready = match epoll.wait(&mut events, self.sleep()) {
                Ok(ready) => ready,
                Err(nix::errno::Errno::EINTR) => 0,
                Err(error) => return Err(error.into()),
            };
            for event in events.iter().take(ready) {
                match usize::try_from(event.data()) {
                    Ok(token) if event.data() != INBOX_TOKEN => {
                        self.take_datagrams(token, &mut buffer);
                    }
                    Ok(_) | Err(_) => self.take_items(),
                }
            }
            self.serve_intake();
            let now = self.parts.clock.now();
            note_load(self.parts.site.look_at_load(now));
            if self.parts.site.deadline().is_some_and(|deadline| deadline <= now.mono) {
                self.give(now, Input::DeadlineReached);
            }
            self.open_gate(now);
            self.carry_out(now);
            self.show(now);
        }
        Ok(())
    }

    fn has_stopped(&self) -> bool {
        let late = |by: Mono| by <= self.parts.clock.now().mono;
        self.stop_by.is_some_and(|by| late(by) || !self.parts.site.is_leaving())
    }

    fn sleep(&self) -> EpollTimeout {
        let now = self.parts.clock.now().mono;
        let next = [self.parts.site.deadline(), self.gate.deadline(), Some(self.next_view)];
        let sleep = next.into_iter().flatten().map(|at| at.since(now)).min();
        let sleep = sleep.unwrap_or(SLEEP_MAX).min(SLEEP_MAX);
        let sleep = if self.intake.is_empty() { sleep } else { Duration::ZERO };
        // Rounded up: waking a moment early would only turn the loop for nothing.
        let millis = u16::try_from(sleep.as_micros().div_ceil(1000)).unwrap_or(u16::MAX);
        EpollTimeout::from(millis)
    }

    fn take_datagrams(&mut self, token: usize, buffer: &mut [u8]) {
        for _ in 0..DATAGRAMS_PER_TURN {
            let Some(listener) = self.parts.udp.get(token) else { return };
            let Some(Datagram { flow, bytes, waited }) = listener.receive(buffer) else { return };
            let now = self.parts.clock.now();
            if lets_in(&mut self.parts.site, now, &flow, &mut self.out) {
                self.intake.push(Waiting::new(flow, bytes.to_vec(), waited));
            }
        }
    }

    /// What belongs to calls first, then some new calls.
    fn serve_intake(&mut self) {
        while let Some(Waiting { flow, bytes, .. }) = self.intake.next_other() {
            let now = self.parts.clock.now();
            self.give(now, Input::Received { flow, bytes });
        }
        for _ in 0..CALLS_PER_TURN {
            let Some(call) = self.intake.next_call() else { break };
            let (now, waited) = (self.parts.clock.now(), call.waited());
            note_load(self.parts.site.kept_waiting(now, waited));
            let Waiting { flow, bytes, .. } = call;
            self.give(now, Input::Received { flow, bytes });
        }
        let shed = self.intake.shed();
        if shed > 0 {
            tracing::warn!(shed, "new calls were dropped unread: too many wait");
        }
    }

    fn take_items(&mut self) {
        self.parts.inbox.silence();
        for _ in 0..ITEMS_PER_TURN {
            let Some((item, waited)) = self.parts.inbox.take() else { return };
            self.take(item, waited);
        }
        // More may wait; the level-triggered bell was silenced, so look again at once.
        self.parts.inbox.ring();
    }

    fn take(&mut self, item: Inbound, waited: Duration) {
        let now = self.parts.clock.now();
        match item {
            Inbound::Received { flow, bytes }
                if lets_in(&mut self.parts.site, now, &flow, &mut self.out) =>
            {
                if begins_a_call(&bytes) {
                    note_load(self.parts.site.kept_waiting(now, waited));
                }
                self.give(now, Input::Received { flow, bytes });
            }
            Inbound::Received { flow, .. } => self.parts.streams.closed(&flow),
            Inbound::Offended { flow, what } => self.give(now, Input::Offended { flow, what }),
            Inbound::Accepted(news) => self.parts.streams.accepted(news),
            Inbound::Unused(flow) => self.parts.streams.closed(&flow),
            Inbound::FlowBroken(flow) => {
                self.parts.streams.closed(&flow);
                self.give(now, Input::FlowBroken { flow });
            }
            Inbound::WrittenInVain { flow, messages } => {
                self.parts.streams.closed(&flow);
                self.write_again(now, flow, messages);
            }
            Inbound::Media(edge) => self.give(now, Input::Media(edge)),
            Inbound::Command { command, reply } => {
                self.next_reply += 1;
                self.replies.insert(self.next_reply, reply);
                self.give(now, Input::Command { id: self.next_reply, command });
            }
            Inbound::Resolved { question, answer } => {
                self.give(now, Input::Resolved { question, answer });
            }
            Inbound::Configured(config) => {
                self.parts.names.configured(&config.dns);
                self.parts.porter.configured(&config);
                self.give(now, Input::Configured(config));
            }
            Inbound::Certificates(news) => {
                self.parts.streams.retire(&news.retired);
                self.give(now, Input::Certificates(news.certificates));
            }
            Inbound::Stop => {
                self.stop_by = Some(now.mono + FAREWELL);
                self.give(now, Input::Stopping);
            }
        }
    }

    fn give(&mut self, now: Now, input: Input) {
        self.parts.tracer.tell(|| now.wall, || seen_of(&input));
        self.parts.site.handle(now, input, &mut self.out);
        self.carry_out(now);
    }

    /// Carries out every order, then those that follow from an order that failed.
    fn carry_out(&mut self, now: Now) {
        while !self.out.is_empty() {
            for output in self.out.take() {
                self.carry_out_one(now, output);
            }
            self.write_step();
            self.open_gate(now);
        }
    }

    fn carry_out_one(&mut self, now: Now, output: Output) {
        match output {
            Output::Record { lsn, record } => {
                self.parts.tracer.tell(|| now.wall, || fact_of(&record));
                self.step.push((lsn, record));
            }
            Output::Send { flow, bytes, after } => {
                self.write_step();
                self.pass(now, after, Held::Send(flow, bytes));
            }
            Output::Media(order) => {
                self.write_step();
                let ordered = || Media::ordered(&order).map(Seen::Media);
                self.parts.tracer.tell(|| now.wall, ordered);
                self.parts.media.order(order);
            }
            Output::Door(order) => {
                self.write_step();
                self.parts.porter.obey(order);
            }
            Output::Resolve(question) => {
                self.write_step();
                self.parts.names.ask(question);
            }
            Output::Reply { id, reply, after } => {
                self.write_step();
                if let Some(sender) = self.replies.remove(&id) {
                    self.pass(now, after, Held::Reply(sender, reply));
                }
            }
        }
    }

    /// Hands the gathered records to the log in one piece: those of a step come together and before
    /// its other orders, so this is always a whole number of steps.
    fn write_step(&mut self) {
        let Some((last, _)) = self.step.last() else { return };
        let last = *last;
        match (self.parts.log.append(std::mem::take(&mut self.step)), self.hole) {
            (Ok(()), None) => {}
            // What waits for a refused step goes without it. That is told once there is room for
            // the tale, not before: the tale would be refused as well.
            (Ok(()), Some(late)) => {
                self.hole = None;
                let now = self.parts.clock.now();
                self.parts.site.handle(now, Input::Ungated { late }, &mut self.out);
            }
            (Err(why), None) => {
                tracing::error!(lsn = %last, ?why, "step not taken by the log");
                self.hole = Some(last);
            }
            (Err(_), Some(_)) => self.hole = Some(last),
        }
    }

    /// To the gate with what must wait for the disk, out with the rest.
    fn pass(&mut self, now: Now, after: Option<Lsn>, item: Held) {
        match after {
            Some(after) => self.gate.push(now.mono, after, item),
            None => self.let_out(item),
        }
    }

    fn let_out(&mut self, item: Held) {
        match item {
            Held::Send(flow, bytes) => self.send(&flow, bytes),
            // A page that went away does not wait for its answer.
            Held::Reply(sender, reply) => drop(sender.send(reply)),
        }
    }

    /// Lets out what the disk has caught up with, and what has waited long enough.
    fn open_gate(&mut self, now: Now) {
        for released in self.gate.release(now.mono, self.parts.log.synced()) {
            match released {
                Released::Durable(item) => self.let_out(item),
                Released::Ungated { item, late } => {
                    self.let_out(item);
                    self.parts.site.handle(now, Input::Ungated { late }, &mut self.out);
                }
            }
        }
    }

    fn send(&mut self, flow: &Flow, bytes: Vec<u8>) {
        let (clock, direction) = (&self.parts.clock, Direction::Out);
        // A keep-alive (RFC 5626 §4.4.1) is nothing to look at.
        let says = bytes.iter().any(|byte| !byte.is_ascii_whitespace());
        let sent = || says.then(|| Seen::Message { direction, flow: *flow, bytes: bytes.clone() });
        self.parts.tracer.tell(|| clock.now().wall, sent);
        let sent = match flow.transport {
            Transport::Udp => match self.udp_for(flow) {
                Some(listener) => listener.send(flow, &bytes),
                None => Err(io::ErrorKind::AddrNotAvailable.into()),
            },
            Transport::Tcp | Transport::Tls | Transport::Ws | Transport::Wss => {
                self.parts.streams.send(flow, bytes)
            }
        };
        if let Err(error) = sent {
            tracing::debug!(%flow, %error, "not sent");
            let now = self.parts.clock.now();
            self.parts.site.handle(now, Input::FlowBroken { flow: *flow }, &mut self.out);
        }
    }

    /// The race of writing to a connection that its other side was just closing: once more, over a
    /// new one. A connection that has not been used before gives nothing back, so this ends.
    fn write_again(&mut self, now: Now, flow: Flow, messages: Vec<Vec<u8>>) {
        tracing::debug!(%flow, messages = messages.len(), "written again over a new connection");
        let anew = Flow { connection: None, ..flow };
        for bytes in messages {
            if let Err(error) = self.parts.streams.send(&anew, bytes) {
                tracing::debug!(%flow, %error, "not sent");
                return self.give(now, Input::FlowBroken { flow });
            }
        }
    }

    fn udp_for(&self, flow: &Flow) -> Option<&UdpListener> {
        self.parts.udp.iter().find(|listener| {
            let bound = listener.bound();
            bound.port() == flow.local.port()
                && bound.is_ipv4() == flow.remote.is_ipv4()
                && (bound.ip().is_unspecified() || bound.ip() == flow.local.ip())
        })
    }

    /// Publishes a new picture when it is due, and tells the site how its hands are.
    fn show(&mut self, now: Now) {
        if now.mono < self.next_view {
            return;
        }
        let watched = self.parts.views.receiver_count() > 1;
        self.next_view = now.mono + if watched { VIEW_EVERY } else { VIEW_IDLE_EVERY };
        let health = DriversHealth {
            log: self.parts.log.health() == Health::Good,
            media: self.parts.media.alive(),
            real_time: self.parts.media.is_real_time(),
            recorder: self.parts.recordings.health(),
        };
        self.parts.pulse.beat(health.media && self.parts.log.alive());
        if health != self.health {
            self.health = health;
            self.give(now, Input::Drivers(health));
        }
        self.parts.views.send_replace(Arc::new(self.parts.site.view(now)));
    }
}

fn note_load(change: Change) {
    match change {
        Change::None => {}
        Change::Late => tracing::warn!("the loop is late: new calls are refused"),
        Change::Easy => tracing::info!("the loop keeps up: new calls are taken"),
    }
}

/// Whether a message is read at all: nothing of it has been looked at yet.
fn lets_in(site: &mut Site, now: Now, flow: &Flow, out: &mut Outbox<Output>) -> bool {
    match site.entry(now, flow) {
        Entry::Granted => true,
        Entry::Banned => false,
        Entry::TooMany => {
            let what = Offence::TooMany;
            site.handle(now, Input::Offended { flow: *flow, what }, out);
            false
        }
    }
}

/// What the trace keeps of an input.
fn seen_of(input: &Input) -> Option<Seen> {
    match input {
        Input::Received { flow, bytes } => {
            let (direction, bytes) = (Direction::In, bytes.clone());
            Some(Seen::Message { direction, flow: *flow, bytes })
        }
        Input::Media(edge) => Media::reported(edge).map(Seen::Media),
        Input::FlowBroken { .. }
        | Input::Offended { .. }
        | Input::Command { .. }
        | Input::Configured(_)
        | Input::Ungated { .. }
        | Input::Drivers(_)
        | Input::Resolved { .. }
        | Input::Certificates(_)
        | Input::Stopping
        | Input::DeadlineReached => None,
    }
}

/// What the trace keeps of a record.
fn fact_of(record: &Record) -> Option<Seen> {
    match record {
        Record::Event(event) => Some(Seen::Fact(event.fact.clone())),
        Record::State { .. } => None,
    }
}
