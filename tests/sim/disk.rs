//! The disk and the gate before it: what is written becomes durable a while later, and a power cut
//! takes the rest. The records of one step of the site survive together or not at all. That is the
//! promise of the log, and not taken on trust: the property
//! `a_power_cut_leaves_a_whole_number_of_steps` of `drive/log/crash_tests.rs` tears the two files
//! at any byte of what was not synced, each for itself, and finds whole steps.
//!
//! The gate is a model of its own of the rule in QUEUEING.md 2.13, so that the site is judged by
//! the rule and not by a driver.

use holdfast_base::limits::GATE_MAX;
use holdfast_base::{Lsn, Mono, Now};
use holdfast_core::command::Reply;
use holdfast_core::record::event::Event;
use holdfast_core::record::journal::{Record, StateKey};
use holdfast_core::sip::flow::Flow;
use holdfast_core::site::Snapshot;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::dice::Dice;

/// How a disk behaves.
#[derive(Clone, Copy, Debug)]
pub enum Speed {
    /// An SSD.
    Fast,
    /// A card that now and then takes longer than the gate waits.
    Slow,
}

/// The disk.
#[derive(Debug)]
pub struct Disk {
    speed: Speed,
    written: VecDeque<(Lsn, Record)>,
    last: Lsn,
    synced: Lsn,
    syncing: bool,
    /// The last record of each step of the site that is not durable yet.
    step_ends: VecDeque<Lsn>,
    events: Vec<Event>,
    states: BTreeMap<StateKey, Vec<u8>>,
}

impl Disk {
    /// An empty disk.
    pub fn new(speed: Speed) -> Self {
        Self {
            speed,
            written: VecDeque::new(),
            last: Lsn(0),
            synced: Lsn(0),
            syncing: false,
            step_ends: VecDeque::new(),
            events: Vec::new(),
            states: BTreeMap::new(),
        }
    }

    /// Takes a record. Returns when the next sync ends, if this starts one.
    pub fn write(&mut self, now: Mono, lsn: Lsn, record: Record, dice: &mut Dice) -> Option<Mono> {
        assert_eq!(lsn.0, self.last.0 + 1, "records are numbered without gaps");
        self.last = lsn;
        self.written.push_back((lsn, record));
        self.start_sync(now, dice)
    }

    fn start_sync(&mut self, now: Mono, dice: &mut Dice) -> Option<Mono> {
        if self.syncing || self.written.is_empty() {
            return None;
        }
        self.syncing = true;
        Some(now + self.delay(dice))
    }

    fn delay(&self, dice: &mut Dice) -> Duration {
        match self.speed {
            Speed::Fast => dice.ms(0, 6),
            Speed::Slow if dice.chance(60) => dice.ms(40, 400),
            Speed::Slow => dice.ms(2, 40),
        }
    }

    /// A sync ends: what was written by its end is durable. Returns when the next one ends.
    pub fn synced(&mut self, now: Mono, dice: &mut Dice) -> Option<Mono> {
        self.syncing = false;
        let all = self.step_ends.len() as u64;
        self.make_durable((all - dice.below(all.min(4))) as usize);
        self.start_sync(now, dice)
    }

    /// Everything written so far belongs to steps that are over.
    pub fn end_step(&mut self) {
        if self.step_ends.back().copied().unwrap_or(self.synced) < self.last {
            self.step_ends.push_back(self.last);
        }
    }

    fn make_durable(&mut self, steps: usize) {
        let Some(reached) = self.step_ends.drain(..steps).next_back() else { return };
        while let Some((lsn, record)) = self.written.pop_front_if(|(lsn, _)| *lsn <= reached) {
            self.synced = lsn;
            match record {
                Record::Event(event) => self.events.push(event),
                Record::State { key, value: Some(value) } => {
                    self.states.insert(key, value);
                }
                Record::State { key, value: None } => {
                    self.states.remove(&key);
                }
            }
        }
    }

    /// The power goes: of the steps that were not synced, some first ones may have reached the
    /// disk.
    pub fn power_cut(&mut self, dice: &mut Dice) {
        let survive = dice.below(self.step_ends.len() as u64 + 1) as usize;
        self.make_durable(survive);
        self.written.clear();
        self.step_ends.clear();
        self.last = self.synced;
        self.syncing = false;
    }

    /// The process dies: the kernel still writes everything that it was given.
    pub fn process_died(&mut self) {
        self.make_durable(self.step_ends.len());
        self.syncing = false;
    }

    /// What a restart finds.
    pub fn snapshot(&self) -> Snapshot {
        let last = self.events.last().map_or(Now::default(), |event| event.at);
        Snapshot { next_lsn: Some(Lsn(self.last.0 + 1)), last, states: self.states.clone() }
    }

    /// Every durable fact.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// Up to where the log is durable.
    pub const fn durable(&self) -> Lsn {
        self.synced
    }
}

/// What waits at the gate.
#[derive(Clone, Debug)]
pub enum Held {
    /// A SIP message.
    Send(Flow, Vec<u8>),
    /// An answer to a person.
    Reply(u64, Reply),
}

/// First in, first out.
#[derive(Debug, Default)]
pub struct Gate(VecDeque<(Lsn, Mono, Held)>);

/// What the gate lets out.
#[derive(Debug)]
pub struct LetOut {
    /// The message.
    pub item: Held,
    /// The record that it did not wait for.
    pub late: Option<Lsn>,
}

impl Gate {
    /// Holds a message until `after` is durable, or its time is up.
    pub fn hold(&mut self, now: Mono, after: Lsn, item: Held) {
        self.0.push_back((after, now + GATE_MAX, item));
    }

    /// The next message that may go.
    pub fn let_out(&mut self, now: Mono, durable: Lsn) -> Option<LetOut> {
        let (after, until, _) = self.0.front()?;
        let late = (*after > durable).then_some(*after);
        if late.is_some() && *until > now {
            return None;
        }
        self.0.pop_front().map(|(_, _, item)| LetOut { item, late })
    }

    /// When the first one's time is up.
    pub fn deadline(&self) -> Option<Mono> {
        self.0.front().map(|(_, until, _)| *until)
    }

    /// Whether this very message is still held.
    pub fn holds(&self, flow: &Flow, bytes: &[u8]) -> bool {
        self.0.iter().any(|(_, _, held)| match held {
            Held::Send(to, held) => to.remote == flow.remote && held == bytes,
            Held::Reply(..) => false,
        })
    }

    /// The process is gone, and with it what it held.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}
