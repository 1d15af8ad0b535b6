//! What is on disk and how a batch of records gets there: no thread, no waiting.
//!
//! ```text
//! state directory
//!   master.key               32 random bytes, 0600
//!   subjects.log             keys of subjects
//!   events-<first lsn>.log   the event log, for ever; a new segment when one is large
//!   journal-<n>.log          the recovery journal; rewritten under n + 1 when it is large
//! ```
//! A batch holds whole steps of the site. It is written in the order keys, journal, events, and the
//! keys are synced before any event, so that an event on disk can be opened. Its parts of the
//! journal and of the events end with a [mark](super::mark), so that a batch of which a power cut
//! left only some can be told from a whole one. Positions in the files move only when the whole
//! batch is durable; a failed batch is written again at the same place, which also covers a kernel
//! that drops the data of a failed sync.

use holdfast_base::Lsn;
use holdfast_core::record::event::Subject;
use holdfast_core::record::journal::{Record, StateKey};
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use tracing::{error, warn};

use super::disk::{Disk, len_of, replace};
use super::frame::{self, BodyTooLong, Kind};
use super::mark::{Mark, Parts};
use super::seal::Keys;

/// Name of the key store.
pub const SUBJECTS: &str = "subjects.log";
/// Begins the name of a segment of the event log.
const EVENTS: &str = "events-";
/// Begins the name of a recovery journal.
const JOURNAL: &str = "journal-";
const SUFFIX: &str = ".log";

/// How large things grow.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// A segment of the event log: one is read whole into memory by a reader.
    pub events_bytes: u64,
    /// The journal: half a minute of heartbeats of a busy box.
    pub journal_bytes: u64,
    /// How much of the event log is checked when it opens, newest first: what a slow eMMC reads in
    /// half a second. Readers check the rest when they come there.
    pub checked_bytes: u64,
    /// Most subjects with a key: about 100 bytes of memory each, years of callers of one branch. A
    /// new subject beyond that is written as erased.
    pub subjects: usize,
}

impl Default for Sizes {
    fn default() -> Self {
        let mib = 1 << 20;
        Self {
            events_bytes: 16 * mib,
            journal_bytes: 32 * mib,
            checked_bytes: 64 * mib,
            subjects: 1_000_000,
        }
    }
}

/// The name of the segment whose first record is `first`.
#[must_use]
pub fn events_name(first: Lsn) -> String {
    format!("{EVENTS}{:020}{SUFFIX}", first.0)
}

/// The name of the `number`th journal.
#[must_use]
pub fn journal_name(number: u64) -> String {
    format!("{JOURNAL}{number:010}{SUFFIX}")
}

/// The first position of each segment among these names, oldest first.
#[must_use]
pub fn segments(names: &[String]) -> Vec<(Lsn, String)> {
    numbered(names, EVENTS).into_iter().map(|(first, name)| (Lsn(first), name)).collect()
}

/// The journals among these names, oldest first.
#[must_use]
pub fn journals(names: &[String]) -> Vec<(u64, String)> {
    numbered(names, JOURNAL)
}

fn numbered(names: &[String], prefix: &str) -> Vec<(u64, String)> {
    let mut found: Vec<(u64, String)> = names
        .iter()
        .filter_map(|name| {
            let number = name.strip_prefix(prefix)?.strip_suffix(SUFFIX)?.parse().ok()?;
            Some((number, name.clone()))
        })
        .collect();
    found.sort();
    found
}

/// The records of one step of the site, which follow each other in order of their positions.
pub type Step = Vec<(Lsn, Record)>;

/// A record of the journal as it was written: its position and its body.
pub type Written = (Lsn, Vec<u8>);

/// The end of a file that is being written. A length of zero means: not made yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// The file.
    pub name: String,
    /// Where the next record goes.
    pub len: u64,
}

/// The files of the log and what must be known to go on writing them.
pub struct Store {
    /// Where the files are.
    pub disk: Arc<dyn Disk>,
    /// Seals what is written.
    pub keys: Arc<Keys>,
    /// When files are closed.
    pub sizes: Sizes,
    /// The newest segment of the event log.
    pub events: End,
    /// The journal.
    pub journal: End,
    /// Its number.
    pub journal_number: u64,
    /// The key store.
    pub subjects: End,
    /// The last record of each key of the journal, as written. The site's limits bound it.
    pub live: BTreeMap<StateKey, Written>,
    /// The last position written: the end of a step.
    pub last: Lsn,
    /// Size of the journal at which it is rewritten.
    pub rewrite_at: u64,
}

/// A batch as it will lie in the files.
pub struct Batch {
    subjects: Vec<u8>,
    journal: Vec<u8>,
    events: Vec<u8>,
    live: Vec<(StateKey, Option<Written>)>,
    last: Lsn,
}

impl Batch {
    /// The position of the last record, the end of a step.
    #[must_use]
    pub const fn last(&self) -> Lsn {
        self.last
    }

    /// Marks the end of the batch in each file that it touches.
    fn close(&mut self, before: Lsn) {
        let parts = match (self.journal.is_empty(), self.events.is_empty()) {
            (true, true) => return,
            (false, true) => Parts::Journal,
            (true, false) => Parts::Events,
            (false, false) => Parts::Both,
        };
        for part in [&mut self.journal, &mut self.events] {
            if !part.is_empty() {
                Mark::close(part, self.last, before, parts);
            }
        }
    }
}

/// Why a step is not written.
#[derive(Debug)]
enum Unfit {
    /// A record of it is larger than a frame, or can not be put into bytes at all.
    Body,
    /// A record of it does not follow the last one.
    Order,
}

/// First byte of the body of a journal record.
pub mod tag {
    /// The state of a key.
    pub const STATE: u8 = 1;
    /// The state of a key is over.
    pub const OVER: u8 = 2;
}

impl Store {
    /// Seals and encodes steps, each as a whole or not at all. The batch is then committed, again
    /// and again until it succeeds, before the next one is prepared.
    #[must_use]
    pub fn prepare(&mut self, steps: Vec<Step>) -> Batch {
        let mut batch = Batch {
            subjects: Vec::new(),
            journal: Vec::new(),
            events: Vec::new(),
            live: Vec::new(),
            last: self.last,
        };
        let mut first_event = None;
        for step in steps {
            let begun = (batch.journal.len(), batch.events.len(), batch.live.len(), batch.last);
            let event = step.iter().find(|(_, record)| matches!(record, Record::Event(_)));
            let event = event.map(|(lsn, _)| *lsn);
            match self.add_step(step, &mut batch) {
                Ok(()) => first_event = first_event.or(event),
                Err((lsn, why)) => {
                    error!(%lsn, ?why, "step of the site can not be written");
                    let (journal, events, live, last) = begun;
                    batch.journal.truncate(journal);
                    batch.events.truncate(events);
                    batch.live.truncate(live);
                    batch.last = last;
                }
            }
        }
        batch.close(self.last);
        // A batch lies in one segment: only the newest can end in an unfinished one.
        if let Some(first) = first_event
            && self.events.len >= self.sizes.events_bytes
        {
            self.events = End { name: events_name(first), len: 0 };
        }
        batch
    }

    fn add_step(&self, step: Step, batch: &mut Batch) -> Result<(), (Lsn, Unfit)> {
        for (lsn, record) in step {
            if lsn <= batch.last {
                return Err((lsn, Unfit::Order));
            }
            match record {
                Record::Event(mut event) => {
                    self.keys.seal_event(&mut event, &mut batch.subjects);
                    let body = serde_json::to_vec(&event).map_err(|_| (lsn, Unfit::Body))?;
                    frame::encode(lsn, &body, &mut batch.events)
                        .map_err(|BodyTooLong| (lsn, Unfit::Body))?;
                }
                Record::State { key, value } => {
                    let body = self.state_body(lsn, &key, value.as_deref());
                    frame::encode(lsn, &body, &mut batch.journal)
                        .map_err(|BodyTooLong| (lsn, Unfit::Body))?;
                    batch.live.push((key, value.map(|_| (lsn, body))));
                }
            }
            batch.last = lsn;
        }
        Ok(())
    }

    /// Makes a batch durable. On an error nothing has moved and the same batch is to be committed
    /// again.
    ///
    /// # Errors
    /// As the disk says.
    pub fn commit(&mut self, batch: &Batch) -> io::Result<()> {
        let disk = self.disk.as_ref();
        let subjects = append(disk, &self.subjects, Kind::Subjects, &batch.subjects)?;
        let journal = append(disk, &self.journal, Kind::Journal, &batch.journal)?;
        let events = append(disk, &self.events, Kind::Events, &batch.events)?;
        self.subjects.len = subjects;
        self.journal.len = journal;
        self.events.len = events;
        self.last = batch.last;
        for (key, state) in &batch.live {
            match state {
                Some(state) => self.live.insert(key.clone(), state.clone()),
                None => self.live.remove(key),
            };
        }
        Ok(())
    }

    /// Rewrites the journal when it has grown large: only what is alive goes into the new one. A
    /// failure costs nothing but space, so it is told and tried again later.
    pub fn tidy(&mut self) {
        if self.journal.len < self.rewrite_at {
            return;
        }
        if let Err(why) = self.rewrite_journal() {
            warn!(%why, "recovery journal could not be rewritten, it goes on growing");
            self.rewrite_at = self.journal.len.saturating_add(self.sizes.journal_bytes);
        }
    }

    /// Writes the live states into a new journal and removes the old one.
    ///
    /// # Errors
    /// As the disk says; then the old journal stands, or both do and the one that goes further
    /// counts.
    pub fn rewrite_journal(&mut self) -> io::Result<()> {
        let mut bytes = frame::header(Kind::Journal);
        for (lsn, body) in self.live.values() {
            let encoded = frame::encode(*lsn, body, &mut bytes);
            debug_assert!(encoded.is_ok(), "it was encoded before, within the same limit");
        }
        Mark::close(&mut bytes, self.last, self.last, Parts::Rewritten);
        let number = self.journal_number + 1;
        let name = journal_name(number);
        replace(self.disk.as_ref(), &name, &bytes)?;
        let old = std::mem::replace(&mut self.journal, End { name, len: len_of(&bytes) });
        self.journal_number = number;
        self.rewrite_at = self.sizes.journal_bytes.max(2 * self.journal.len);
        if old.len > 0 {
            self.disk.remove(&old.name)?;
            // After a repair the old one may go further than the new one. Were it to come back
            // after the next power cut, it would count, and what was written since would not.
            self.disk.sync_dir()?;
        }
        Ok(())
    }

    /// Forgets a person: rewrites the key store without the key of this subject. True when there
    /// was one.
    ///
    /// # Errors
    /// As the disk says; then the person is not forgotten.
    pub fn erase(&mut self, subject: &Subject) -> io::Result<bool> {
        let Some(bytes) = self.keys.store_without(subject) else { return Ok(false) };
        replace(self.disk.as_ref(), SUBJECTS, &bytes)?;
        self.subjects.len = len_of(&bytes);
        self.keys.forget(subject);
        Ok(true)
    }

    fn state_body(&self, lsn: Lsn, key: &StateKey, value: Option<&[u8]>) -> Vec<u8> {
        let name = key.as_str().as_bytes();
        let name_len = u16::try_from(name.len()).unwrap_or(u16::MAX); // StateKey is shorter
        let tag = if value.is_some() { tag::STATE } else { tag::OVER };
        let mut body = vec![tag];
        body.extend(name_len.to_be_bytes());
        body.extend(name);
        if let Some(value) = value {
            body.extend(self.keys.seal_state(lsn, key, value));
        }
        body
    }
}

/// Writes at the end of a file and syncs it; gives its new length.
fn append(disk: &dyn Disk, end: &End, kind: Kind, bytes: &[u8]) -> io::Result<u64> {
    if bytes.is_empty() {
        return Ok(end.len);
    }
    if end.len > 0 {
        disk.write_at(&end.name, end.len, bytes)?;
        disk.sync(&end.name)?;
        return Ok(end.len.saturating_add(len_of(bytes)));
    }
    let whole = [&frame::header(kind)[..], bytes].concat();
    disk.write_at(&end.name, 0, &whole)?;
    disk.sync(&end.name)?;
    disk.sync_dir()?;
    Ok(len_of(&whole))
}
