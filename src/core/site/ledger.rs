//! The end of a step: numbering its records, folding its facts, letting its orders out.

use holdfast_base::{CallId, EndpointName, Lsn, Now, Outbox, QueueName, StreamId};
use holdfast_config::Config;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::extensions::EXTENSION;
use super::registrations::REGISTRATION;
use super::{Output, Site, Step};
use crate::media::order::MediaOrder;
use crate::media::ports::RtpPort;
use crate::peer::Memory;
use crate::queue::{Alarm, Changed, Key};
use crate::record::encoding::encoded;
use crate::record::event::{Cdr, Event, Fact};
use crate::record::folds::Folds;
use crate::record::journal::{Record, STATE_VALUE_BYTES_MAX, StateKey};
use crate::record::kpi::{KpiFold, Thresholds};

/// CDRs kept for the page.
const CDRS_SHOWN_MAX: usize = 50;
/// QUEUEING.md 2.13: a heartbeat each second for live calls.
const HEARTBEAT_EVERY: Duration = Duration::from_secs(1);

/// Key of the heartbeat in the journal.
pub(super) const HEARTBEAT: &str = "heartbeat";
/// Key of what is known of the far ends of trunks in the journal.
pub(super) const PEERS: &str = "peers";
/// Key of the order to take no new calls.
pub(super) const DRAIN: &str = "drain";
/// Prefix of a call's key in the journal.
pub(super) const CALL: &str = "call/";
/// Prefix of an account's key in the journal.
pub(super) const ACCOUNT: &str = "account/";
/// Prefix of a ban's key in the journal.
pub(super) const BAN: &str = "ban/";
/// Prefix of the queue engine's keys in the journal.
pub(super) const QUEUE: &str = "queue/";

/// What the site writes and has written.
#[derive(Debug)]
pub(super) struct Ledger {
    next: Lsn,
    pub(super) folds: Folds,
    pub(super) cdrs: VecDeque<Cdr>,
    pub(super) totals: Totals,
    pub(super) alarm: Option<Alarm>,
}

/// Counts since the start of the process.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Totals {
    pub(super) calls: u64,
    pub(super) calls_refused: u64,
    pub(super) calls_refused_late: u64,
    pub(super) cdrs: u64,
    pub(super) sip_received: u64,
    pub(super) sip_sent: u64,
    pub(super) sip_malformed: u64,
    pub(super) ungated: u64,
    pub(super) call_panics: u64,
    /// States that are too large for the journal: what they are of does not outlive a restart.
    pub(super) states_too_large: u64,
    pub(super) alarms: u64,
}

/// How far every live stream has got, so that a restart goes on beyond it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Heartbeat {
    pub(super) sequences: Vec<(StreamId, u16)>,
}

impl Ledger {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            next: Lsn(1),
            folds: Folds { kpi: KpiFold::new(thresholds(config)), ..Folds::default() },
            cdrs: VecDeque::new(),
            totals: Totals::default(),
            alarm: None,
        }
    }

    /// Counts what a person should look at, and keeps the last of it for the health line.
    pub(super) fn alarm(&mut self, alarm: Alarm) {
        self.totals.alarms += 1;
        self.alarm = Some(alarm);
    }

    pub(super) fn continue_at(&mut self, next: Lsn) {
        self.next = next;
    }

    pub(super) fn reconfigure(&mut self, config: &Config) {
        self.folds.kpi.set_thresholds(thresholds(config));
    }

    /// Goes on from the folds of the last run.
    pub(super) fn take_over(&mut self, mut folds: Folds) {
        self.cdrs = std::mem::take(&mut folds.cdrs).into();
        self.cdrs.truncate(CDRS_SHOWN_MAX);
        self.folds = folds;
    }

    /// Folds one event that is about to be in the log.
    fn fold(&mut self, event: &Event) {
        if let Some(cdr) = self.folds.apply(event) {
            self.cdrs.push_front(cdr);
            self.cdrs.truncate(CDRS_SHOWN_MAX);
            self.totals.cdrs += 1;
        }
    }

    fn number(&mut self) -> Lsn {
        let lsn = self.next;
        self.next = Lsn(lsn.0 + 1);
        lsn
    }

    fn fact(&mut self, now: Now, fact: Fact, out: &mut Outbox<Output>) {
        let lsn = self.number();
        let event = Event { lsn, at: now, fact };
        self.fold(&event);
        out.push(Output::Record { lsn, record: Record::Event(event) });
    }

    fn state(&mut self, key: String, value: Option<Vec<u8>>, out: &mut Outbox<Output>) {
        let Ok(key) = StateKey::new(key) else { return };
        let too_large = |value: &Vec<u8>| value.len() > STATE_VALUE_BYTES_MAX;
        // The log would refuse it, and the facts of the step with it.
        self.totals.states_too_large += u64::from(value.as_ref().is_some_and(too_large));
        let value = value.filter(|value| !too_large(value));
        let lsn = self.number();
        out.push(Output::Record { lsn, record: Record::State { key, value } });
    }

    /// The last record so far.
    fn last(&self) -> Lsn {
        Lsn(self.next.0.saturating_sub(1))
    }
}

/// The thresholds of the queues' figures that this configuration sets.
#[must_use]
pub fn thresholds(config: &Config) -> BTreeMap<QueueName, Thresholds> {
    let of = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    config
        .queues
        .iter()
        .map(|queue| {
            let level = of(queue.service_level);
            let short = of(queue.short_abandon);
            (queue.name.clone(), Thresholds { level_ms: level, short_ms: short })
        })
        .collect()
}

impl Site {
    /// Facts and states first, then everything that may depend on them.
    pub(super) fn close_step(&mut self, now: Now, step: Step, out: &mut Outbox<Output>) {
        let mut stirred = !step.touched.is_empty() || !step.registered.is_empty();
        let Step { work: _, sends, media, replies, asked, doors, facts, touched, registered } =
            step;
        for fact in facts {
            self.ledger.fact(now, fact, out);
        }
        for call in touched {
            self.write_call(call, out);
        }
        for account in registered {
            self.write_account(&account, out);
        }
        for Changed { key, record } in self.queue.changed() {
            stirred = true;
            let value = record.and_then(|record| encoded(&(&key, record)));
            self.ledger.state(queue_key(&key), value, out);
        }
        for (source, ban) in self.guard.changed() {
            let key = digest_key(BAN, source.to_string().as_bytes());
            self.ledger.state(key, ban.as_ref().and_then(encoded), out);
        }
        if let Some(memory) = self.peers.changed() {
            self.write_peers(&memory, out);
        }
        self.write_registrations(out);
        if let Some(ordered) = self.drain.changed() {
            self.ledger.state(DRAIN.to_owned(), ordered.as_ref().and_then(encoded), out);
        }
        self.write_extensions(out);
        if self.heartbeat_due {
            self.heartbeat_due = false;
            let value = encoded(&self.heartbeat());
            self.ledger.state(HEARTBEAT.to_owned(), value, out);
        }
        if stirred {
            self.watchers.stir(now.mono);
        }
        let last = self.ledger.last();
        for order in media {
            out.push(Output::Media(order));
        }
        for RtpPort(rtp_port) in self.ports.wanted(now.mono) {
            out.push(Output::Media(MediaOrder::Hold { rtp_port }));
        }
        for (flow, bytes, gated) in sends {
            self.ledger.totals.sip_sent += 1;
            out.push(Output::Send { flow, bytes, after: gated.then_some(last) });
        }
        for question in asked {
            out.push(Output::Resolve(question));
        }
        for order in doors {
            out.push(Output::Door(order));
        }
        for (id, reply, gated) in replies {
            out.push(Output::Reply { id, reply, after: gated.then_some(last) });
        }
    }

    fn write_call(&mut self, id: CallId, out: &mut Outbox<Output>) {
        let value = self.calls.get(&id).and_then(encoded);
        self.ledger.state(format!("{CALL}{}", id.0), value, out);
    }

    /// Written once there is something to know; a box with addresses alone never has.
    fn write_peers(&mut self, memory: &Memory, out: &mut Outbox<Output>) {
        if memory.is_empty() && !self.peers_written {
            return;
        }
        self.peers_written = !memory.is_empty();
        let value = if memory.is_empty() { None } else { encoded(memory) };
        self.ledger.state(PEERS.to_owned(), value, out);
    }

    fn write_registrations(&mut self, out: &mut Outbox<Output>) {
        for (trunk, registration) in self.registrations.changed() {
            let value = registration.and_then(encoded);
            self.ledger.state(format!("{REGISTRATION}{trunk}"), value, out);
        }
    }

    fn write_extensions(&mut self, out: &mut Outbox<Output>) {
        for (account, extension) in self.extensions.changed() {
            let value = extension.and_then(encoded);
            self.ledger.state(format!("{EXTENSION}{account}"), value, out);
        }
    }

    fn write_account(&mut self, account: &EndpointName, out: &mut Outbox<Output>) {
        let bindings: Vec<_> = self.registrar.bindings(account).collect();
        let value = if bindings.is_empty() { None } else { encoded(&bindings) };
        self.ledger.state(format!("{ACCOUNT}{account}"), value, out);
    }

    /// Notes that the streams' counters are worth writing down, once a second.
    pub(super) fn beat(&mut self, now: Now) {
        if self.next_heartbeat <= now.mono && self.directory.streams().len() > 0 {
            self.next_heartbeat = now.mono + HEARTBEAT_EVERY;
            self.heartbeat_due = true;
        }
    }

    fn heartbeat(&self) -> Heartbeat {
        let sequences = self
            .directory
            .streams()
            .filter(|(_, known)| known.counters.sent > 0)
            .map(|(stream, known)| (*stream, known.counters.last_sequence))
            .collect();
        Heartbeat { sequences }
    }
}

/// The journal's key of something of the queue engine: an endpoint may be somebody's number.
fn queue_key(key: &Key) -> String {
    digest_key(QUEUE, &serde_json::to_vec(key).unwrap_or_default())
}

/// A key that tells nobody what it is of, because keys are written in the clear.
fn digest_key(prefix: &str, of: &[u8]) -> String {
    let digest = Sha256::digest(of);
    let hex: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("{prefix}{hex}")
}

#[cfg(test)]
mod tests {
    use super::{Ledger, Output, Record, STATE_VALUE_BYTES_MAX};
    use holdfast_base::Outbox;

    #[test]
    fn a_state_that_the_log_would_refuse_is_left_out_and_counted() {
        let Ok((config, _)) = holdfast_config::read("", "empty") else { panic!("no defaults") };
        let mut ledger = Ledger::new(&config);
        let mut kept = |bytes: usize| {
            let mut out = Outbox::new();
            ledger.state("call/1".to_owned(), Some(vec![0; bytes]), &mut out);
            let kept = out.drain().find_map(|output| {
                let Output::Record { record: Record::State { value, .. }, .. } = output else {
                    return None;
                };
                Some(value.is_some())
            });
            (kept, ledger.totals.states_too_large)
        };
        assert_eq!(kept(STATE_VALUE_BYTES_MAX), (Some(true), 0));
        assert_eq!(kept(STATE_VALUE_BYTES_MAX + 1), (Some(false), 1), "and what was is forgotten");
    }
}
