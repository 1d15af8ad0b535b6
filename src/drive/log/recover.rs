//! Opening the log after whatever happened to it: a power cut, a full disk, a flipped bit.
//!
//! First the [marks](super::mark) of the journal and the events say how far both files are whole;
//! what lies beyond, in either, belongs to steps that did not finish and is cut. Damage before that
//! costs only the damaged record: the file is written anew without it, and the damaged one is kept
//! beside it for a person to look at (not so the key store: a copy of it would keep keys that are
//! to be forgotten). Nothing here panics, and all that was done is told in sentences.
//!
//! The power may go again meanwhile. So the journal is mended first: it is written anew, under
//! another name, with a mark that says how far both were found whole, before the events are cut.

use holdfast_base::{Entropy, Lsn, Mono, Now, Wall};
use holdfast_core::record::event::Event;
use holdfast_core::record::journal::StateKey;
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use super::disk::{Disk, UNFINISHED, len_of, replace};
use super::frame::{self, Found, Frame, Kind, UnknownVersion, VERSION};
use super::mark::{self, Mark, Traces, Whole};
use super::seal::{self, Keys};
use super::store::{
    End, SUBJECTS, Sizes, Store, events_name, journal_name, journals, segments, tag,
};

/// Name of the master secret.
const MASTER: &str = "master.key";
/// Where a damaged journal is kept; the next damage replaces it, for it holds live calls.
const JOURNAL_DAMAGED: &str = "journal.damaged";
/// Most copies kept of one damaged segment.
const COPIES_MAX: u32 = 100;

/// Why the log does not open.
#[derive(Debug)]
pub enum OpenError {
    /// Another process uses the state directory.
    InUse(PathBuf),
    /// Another version of the program wrote this file.
    Version {
        /// The file.
        file: String,
        /// Version of its format.
        version: u16,
    },
    /// The disk refused.
    Disk {
        /// What was tried.
        doing: String,
        /// What the file system said.
        why: io::Error,
    },
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InUse(dir) => {
                write!(f, "the state directory {} is in use by another process", dir.display())
            }
            Self::Version { file, version } => {
                write!(f, "{file} has format version {version}, this program reads {VERSION}")
            }
            Self::Disk { doing, why } => write!(f, "{doing}: {why}"),
        }
    }
}

impl OpenError {
    /// What to do about it.
    #[must_use]
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::InUse(_) => "stop that process, or name another directory with --state",
            Self::Version { version, .. } if *version > VERSION => {
                "install the newer program again"
            }
            Self::Version { .. } => {
                "name another directory with --state; the old log stays where it is"
            }
            Self::Disk { .. } => "see that the directory can be read and written and has room",
        }
    }
}

impl std::error::Error for OpenError {}

/// Names what was tried when a disk operation fails.
pub trait Doing<T> {
    /// The value, or an [`OpenError::Disk`] that says what was tried.
    ///
    /// # Errors
    /// When the operation failed.
    fn doing(self, what: &str, name: &str) -> Result<T, OpenError>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, what: &str, name: &str) -> Result<T, OpenError> {
        self.map_err(|why| OpenError::Disk { doing: format!("{what} {name}"), why })
    }
}

/// What an opened log says about the time before.
pub struct Past {
    /// Time of the last event; the origin of both clocks when there is none.
    pub last: Now,
    /// The live states.
    pub states: BTreeMap<StateKey, Vec<u8>>,
    /// What was cut, skipped or lost, in sentences.
    pub repaired: Vec<String>,
}

/// Opens what is on disk, repairs it and makes it ready for the next record.
///
/// # Errors
/// When the disk refuses or another version of the program was here.
pub fn open(
    disk: Arc<dyn Disk>,
    sizes: Sizes,
    mut random: Entropy,
) -> Result<(Store, Past), OpenError> {
    let mut names = disk.list().doing("list", "the state directory")?;
    for name in names.extract_if(.., |name| name.ends_with(UNFINISHED)) {
        disk.remove(&name).doing("remove", &name)?;
    }
    let mut opening = Opening { disk: disk.as_ref(), sizes, names, repaired: Vec::new() };
    let master = opening.master(&mut random)?;
    let keys = Arc::new(Keys::new(master, random, sizes.subjects));
    let subjects = opening.subjects(&keys)?;
    let journal = opening.journal()?;
    let whole = Whole::of(&journal.traces, &opening.events_traces()?);
    let mut store = Store {
        disk: Arc::clone(&disk),
        keys,
        sizes,
        events: End { name: events_name(Lsn(1)), len: 0 },
        journal: End { name: journal.name.clone(), len: len_of(&journal.bytes) },
        journal_number: journal.number,
        subjects,
        live: BTreeMap::new(),
        last: whole.until,
        rewrite_at: sizes.journal_bytes,
    };
    opening.mend_journal(&mut store, &journal, whole)?;
    let (events, last) = opening.events(whole.until)?;
    store.events = events;
    let mut repaired = opening.repaired;
    let states = live_states(&mut store, &mut repaired);
    Ok((store, Past { last, states, repaired }))
}

/// A journal as it was found.
struct Journal {
    name: String,
    number: u64,
    bytes: Vec<u8>,
    traces: Traces,
}

/// A log that is being opened.
struct Opening<'a> {
    disk: &'a dyn Disk,
    sizes: Sizes,
    names: Vec<String>,
    repaired: Vec<String>,
}

impl Opening<'_> {
    fn master(&mut self, random: &mut Entropy) -> Result<[u8; 32], OpenError> {
        match self.disk.read(MASTER) {
            Ok(bytes) => {
                if let Ok(master) = <[u8; 32]>::try_from(&bytes[..]) {
                    return Ok(master);
                }
            }
            Err(why) if why.kind() == io::ErrorKind::NotFound => {}
            Err(why) => return Err(why).doing("read", MASTER),
        }
        if !segments(&self.names).is_empty() || !journals(&self.names).is_empty() {
            self.repaired.push(format!(
                "{MASTER} was missing or damaged and is made anew: calls of before can not be \
                 recovered, and callers of before can not be forgotten by their number"
            ));
        }
        let master = random.bytes();
        replace(self.disk, MASTER, &master).doing("write", MASTER)?;
        Ok(master)
    }

    fn subjects(&mut self, keys: &Keys) -> Result<End, OpenError> {
        let mut end = End { name: SUBJECTS.to_owned(), len: 0 };
        if !self.names.iter().any(|name| name == SUBJECTS) {
            return Ok(end);
        }
        let bytes = self.disk.read(SUBJECTS).doing("read", SUBJECTS)?;
        end.len = len_of(&bytes);
        if seal::learn_all(keys, &bytes).map_err(|version| unknown(SUBJECTS, version))? {
            let sound = keys.store();
            replace(self.disk, SUBJECTS, &sound).doing("rewrite", SUBJECTS)?;
            end.len = len_of(&sound);
            self.repaired.push(format!("{SUBJECTS}: an unfinished or damaged key was cut"));
        }
        Ok(end)
    }

    /// The journal that goes furthest, of two the newer: it was complete before it got its name.
    /// The others are done with.
    fn journal(&self) -> Result<Journal, OpenError> {
        let mut best: Option<Journal> = None;
        for (number, name) in journals(&self.names) {
            let bytes = self.disk.read(&name).doing("read", &name)?;
            let traces = Read::of(&name, &bytes, Kind::Journal)?.traces();
            let found = Journal { name, number, bytes, traces };
            let done_with = match best.take() {
                Some(best_yet) if best_yet.traces.marked() > found.traces.marked() => {
                    best = Some(best_yet);
                    Some(found)
                }
                older => {
                    best = Some(found);
                    older
                }
            };
            if let Some(Journal { name, .. }) = done_with {
                self.disk.remove(&name).doing("remove", &name)?;
            }
        }
        let none = || Journal {
            name: journal_name(1),
            number: 1,
            bytes: Vec::new(),
            traces: Traces::default(),
        };
        Ok(best.unwrap_or_else(none))
    }

    /// What the event log says about how far it goes: its newest segment, and older ones as long as
    /// no mark is found.
    fn events_traces(&self) -> Result<Traces, OpenError> {
        let mut traces = Traces::default();
        for (_, name) in segments(&self.names).into_iter().rev() {
            let bytes = self.disk.read(&name).doing("read", &name)?;
            traces = traces.or_older(Read::of(&name, &bytes, Kind::Events)?.traces());
            if traces.has_mark() {
                break;
            }
        }
        Ok(traces)
    }

    /// Takes the live states of whole steps out of the journal and makes it sound again.
    fn mend_journal(
        &mut self,
        store: &mut Store,
        journal: &Journal,
        whole: Whole,
    ) -> Result<(), OpenError> {
        let Journal { name, number: _, bytes, traces: _ } = journal;
        let mut read = Read::of(name, bytes, Kind::Journal)?;
        read.keep(whole.until);
        for (frame, _) in &read.frames {
            match JournalBody::of(frame.body) {
                Some(JournalBody::State(key)) => {
                    store.live.insert(key, (frame.lsn, frame.body.to_vec()));
                }
                Some(JournalBody::Over(key)) => {
                    store.live.remove(&key);
                }
                Some(JournalBody::Mark) => {}
                None => self.repaired.push(format!("{name}: {} is no state, skipped", frame.lsn)),
            }
        }
        if read.damage.is_empty() && read.tail.is_none() && whole.proven {
            return Ok(());
        }
        let damaged = read.damage.len();
        let kept = if damaged == 0 { Ok(()) } else { replace(self.disk, JOURNAL_DAMAGED, bytes) };
        match kept.and_then(|()| store.rewrite_journal()) {
            Ok(()) if damaged == 0 => self.repaired.extend(read.says_cut()),
            Ok(()) => self.repaired.push(format!(
                "{name}: {damaged} places were damaged; kept aside as {JOURNAL_DAMAGED}"
            )),
            // It can be read all the same, so a full disk is no reason not to start.
            Err(why) => {
                self.repaired.push(format!("{name}: not rewritten, {damaged} damaged: {why}"));
                let len = self.cut_tail(&read)?;
                // A new one may stand already, and only the old one not be gone.
                if store.journal.name == *name {
                    store.journal.len = len;
                }
            }
        }
        Ok(())
    }

    /// Checks the event log from its newest segment back and cuts what lies beyond the last whole
    /// step; gives its end and the time of its last event.
    fn events(&mut self, until: Lsn) -> Result<(End, Now), OpenError> {
        let mut end = None;
        let mut last_at = None;
        let mut checked = 0;
        for (_, name) in segments(&self.names).into_iter().rev() {
            if end.is_some() && last_at.is_some() && checked > self.sizes.checked_bytes {
                break;
            }
            let bytes = self.disk.read(&name).doing("read", &name)?;
            checked += len_of(&bytes);
            let mut read = Read::of(&name, &bytes, Kind::Events)?;
            let newest = end.is_none();
            if newest {
                read.keep(until);
            }
            let len = self.mend(&read, newest)?;
            last_at = last_at.or_else(|| time_of_last(&read.frames));
            end = end.or(Some(End { name, len }));
        }
        let end = end.unwrap_or_else(|| End { name: events_name(Lsn(1)), len: 0 });
        let origin = Now { mono: Mono::from_micros(0), wall: Wall::from_micros(0) };
        Ok((end, last_at.unwrap_or(origin)))
    }

    /// Makes a segment sound again; gives its length.
    fn mend(&mut self, read: &Read<'_>, newest: bool) -> Result<u64, OpenError> {
        let name = read.name;
        // Only the newest segment can end in a step that did not finish.
        if read.damage.is_empty() && (read.tail.is_none() || newest) {
            self.repaired.extend(read.says_cut());
            return self.cut_tail(read);
        }
        let places = read.damage.iter().chain(read.tail.iter().filter(|_| !newest));
        let places: Vec<String> = places.map(|at| format!("{}..{}", at.start, at.end)).collect();
        let places = places.join(", ");
        match self.rewrite(read) {
            Ok((len, copy)) => {
                self.repaired
                    .push(format!("{name}: bytes {places} were damaged; kept aside as {copy}"));
                Ok(len)
            }
            // Readers skip the damage all the same, so a full disk is no reason not to start.
            Err(why) => {
                self.repaired
                    .push(format!("{name}: bytes {places} are damaged; not rewritten: {why}"));
                if newest { self.cut_tail(read) } else { Ok(len_of(read.bytes)) }
            }
        }
    }

    fn rewrite(&self, read: &Read<'_>) -> io::Result<(u64, String)> {
        let name = read.name;
        let copy = (1..COPIES_MAX)
            .map(|number| format!("{name}.{number}.damaged"))
            .find(|copy| !self.names.contains(copy))
            .unwrap_or_else(|| format!("{name}.{COPIES_MAX}.damaged"));
        replace(self.disk, &copy, read.bytes)?;
        let mut sound = frame::header(Kind::Events);
        for (frame, _) in &read.frames {
            let encoded = frame::encode(frame.lsn, frame.body, &mut sound);
            debug_assert!(encoded.is_ok(), "it was read within the same limit");
        }
        replace(self.disk, name, &sound)?;
        Ok((len_of(&sound), copy))
    }

    /// Cuts what does not belong to a whole step; gives the length of what does.
    fn cut_tail(&self, read: &Read<'_>) -> Result<u64, OpenError> {
        let name = read.name;
        let Some(tail) = &read.tail else { return Ok(len_of(read.bytes)) };
        let len = len_of(read.bytes.get(..tail.start).unwrap_or_default());
        self.disk.truncate(name, len).doing("cut", name)?;
        self.disk.sync(name).doing("sync", name)?;
        Ok(len)
    }
}

/// A file read to its end.
struct Read<'a> {
    name: &'a str,
    bytes: &'a [u8],
    /// Each record with the place where it ends.
    frames: Vec<(Frame<'a>, usize)>,
    damage: Vec<Range<usize>>,
    tail: Option<Range<usize>>,
}

impl<'a> Read<'a> {
    fn of(name: &'a str, bytes: &'a [u8], kind: Kind) -> Result<Self, OpenError> {
        let mut read = Self { name, bytes, frames: Vec::new(), damage: Vec::new(), tail: None };
        let mut frames = frame::scan(bytes, kind).map_err(|version| unknown(name, version))?;
        while let Some(found) = frames.next() {
            match found {
                Found::Frame(frame) => read.frames.push((frame, frames.position())),
                Found::Damage(range) => read.damage.push(range),
                Found::Tail(range) => read.tail = Some(range),
            }
        }
        Ok(read)
    }

    fn traces(&self) -> Traces {
        Traces::of(self.bytes, &self.frames)
    }

    /// Counts everything after the last record up to `until` as tail. Without any record not even
    /// the header is certain: then the file begins anew.
    fn keep(&mut self, until: Lsn) {
        self.frames.retain(|(frame, _)| frame.lsn <= until);
        let end = self.frames.last().map_or(0, |(_, end)| *end);
        self.damage.retain(|range| range.start < end);
        self.tail = (end < self.bytes.len()).then_some(end..self.bytes.len());
    }

    fn says_cut(&self) -> Option<String> {
        let tail = self.tail.as_ref()?;
        let (name, len) = (self.name, tail.len());
        Some(format!("{name}: cut {len} bytes of steps that did not finish"))
    }
}

fn unknown(name: &str, version: UnknownVersion) -> OpenError {
    OpenError::Version { file: name.to_owned(), version: version.0 }
}

fn time_of_last(frames: &[(Frame<'_>, usize)]) -> Option<Now> {
    let mut events = frames.iter().rev();
    events
        .find_map(|(frame, _)| serde_json::from_slice::<Event>(frame.body).ok())
        .map(|event| event.at)
}

/// The body of a journal record without its sealed value.
enum JournalBody {
    State(StateKey),
    Over(StateKey),
    Mark,
}

impl JournalBody {
    fn of(body: &[u8]) -> Option<Self> {
        let (&tag, rest) = body.split_first()?;
        match tag {
            tag::STATE => split_key(rest).map(|(key, _)| Self::State(key)),
            tag::OVER => split_key(rest).map(|(key, _)| Self::Over(key)),
            mark::TAG => Mark::of(body).map(|_| Self::Mark),
            _ => None, // a number of the file, not an enum of ours
        }
    }
}

fn split_key(rest: &[u8]) -> Option<(StateKey, &[u8])> {
    let (len, rest) = rest.split_first_chunk::<2>()?;
    let (key, sealed) = rest.split_at_checked(usize::from(u16::from_be_bytes(*len)))?;
    let key = StateKey::new(std::str::from_utf8(key).ok()?).ok()?;
    Some((key, sealed))
}

fn live_states(store: &mut Store, repaired: &mut Vec<String>) -> BTreeMap<StateKey, Vec<u8>> {
    let mut states = BTreeMap::new();
    let keys = Arc::clone(&store.keys);
    store.live.retain(|key, (lsn, body)| {
        let sealed = body.get(1..).and_then(split_key);
        let value = sealed.and_then(|(_, sealed)| keys.open_state(*lsn, key, sealed));
        let opened = value.is_some();
        match value {
            Some(value) => {
                states.insert(key.clone(), value);
            }
            None => repaired.push(format!("state {key} does not open under {MASTER}")),
        }
        opened
    });
    states
}
