//! Opening the log after whatever happened to it: a power cut, a full disk, a flipped bit.
//!
//! A write that did not finish leaves a tail that is no record: it is cut. Damage between records
//! costs only the damaged record: the segment is written anew without it, and the damaged file is
//! kept beside it for a person to look at (not so the key store: a copy of it would keep keys that
//! are to be forgotten). Nothing here panics, and all that was done is told in sentences.

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
use super::frame::{self, Found, Frame, Kind, UnknownVersion};
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
    /// A newer program wrote this file.
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
            Self::InUse(dir) => write!(
                f,
                "the state directory {} is in use by another process: stop that one first",
                dir.display()
            ),
            Self::Version { file, version } => write!(
                f,
                "{file} has format version {version}, written by a newer program: install that one"
            ),
            Self::Disk { doing, why } => write!(f, "{doing}: {why}"),
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
/// When the disk refuses or a newer program was here.
pub fn open(
    disk: Arc<dyn Disk>,
    sizes: Sizes,
    mut random: Entropy,
) -> Result<(Store, Past), OpenError> {
    let mut repaired = Vec::new();
    let mut names = disk.list().doing("list", "the state directory")?;
    for name in names.extract_if(.., |name| name.ends_with(UNFINISHED)) {
        disk.remove(&name).doing("remove", &name)?;
    }
    let used = !segments(&names).is_empty() || !journals(&names).is_empty();
    let master = open_master(disk.as_ref(), used, &mut random, &mut repaired)?;
    let keys = Arc::new(Keys::new(master, random));
    let subjects = open_subjects(disk.as_ref(), &keys, &names, &mut repaired)?;
    let (events, last_event, last) = open_events(disk.as_ref(), sizes, &names, &mut repaired)?;
    let (number, journal) = only_journal(disk.as_ref(), &names)?;
    let mut store = Store {
        disk,
        keys,
        sizes,
        events,
        journal,
        journal_number: number,
        subjects,
        live: BTreeMap::new(),
        last: last_event,
        rewrite_at: sizes.journal_bytes,
    };
    read_journal(&mut store, &mut repaired)?;
    let states = live_states(&mut store, &mut repaired);
    Ok((store, Past { last, states, repaired }))
}

fn open_master(
    disk: &dyn Disk,
    used: bool,
    random: &mut Entropy,
    repaired: &mut Vec<String>,
) -> Result<[u8; 32], OpenError> {
    match disk.read(MASTER) {
        Ok(bytes) => {
            if let Ok(master) = <[u8; 32]>::try_from(&bytes[..]) {
                return Ok(master);
            }
        }
        Err(why) if why.kind() == io::ErrorKind::NotFound => {}
        Err(why) => return Err(why).doing("read", MASTER),
    }
    if used {
        repaired.push(format!(
            "{MASTER} was missing or damaged and is made anew: calls of before can not be \
             recovered, and callers of before can not be forgotten by their number"
        ));
    }
    let master = random.bytes();
    replace(disk, MASTER, &master).doing("write", MASTER)?;
    Ok(master)
}

fn open_subjects(
    disk: &dyn Disk,
    keys: &Keys,
    names: &[String],
    repaired: &mut Vec<String>,
) -> Result<End, OpenError> {
    let mut end = End { name: SUBJECTS.to_owned(), len: 0 };
    if !names.iter().any(|name| name == SUBJECTS) {
        return Ok(end);
    }
    let bytes = disk.read(SUBJECTS).doing("read", SUBJECTS)?;
    end.len = len_of(&bytes);
    if seal::learn_all(keys, &bytes).map_err(|version| unknown(SUBJECTS, version))? {
        let sound = keys.store();
        replace(disk, SUBJECTS, &sound).doing("rewrite", SUBJECTS)?;
        end.len = len_of(&sound);
        repaired.push(format!("{SUBJECTS}: an unfinished or damaged key was cut"));
    }
    Ok(end)
}

/// A file read to its end.
struct Read<'a> {
    frames: Vec<Frame<'a>>,
    damage: Vec<Range<usize>>,
    tail: Option<Range<usize>>,
}

impl<'a> Read<'a> {
    fn of(name: &str, bytes: &'a [u8], kind: Kind) -> Result<Self, OpenError> {
        let mut read = Self { frames: Vec::new(), damage: Vec::new(), tail: None };
        for found in frame::scan(bytes, kind).map_err(|version| unknown(name, version))? {
            match found {
                Found::Frame(frame) => read.frames.push(frame),
                Found::Damage(range) => read.damage.push(range),
                Found::Tail(range) => read.tail = Some(range),
            }
        }
        Ok(read)
    }
}

fn unknown(name: &str, version: UnknownVersion) -> OpenError {
    OpenError::Version { file: name.to_owned(), version: version.0 }
}

/// Checks the event log from its newest segment back; gives its end, its last position and time.
fn open_events(
    disk: &dyn Disk,
    sizes: Sizes,
    names: &[String],
    repaired: &mut Vec<String>,
) -> Result<(End, Lsn, Now), OpenError> {
    let mut end = None;
    let mut last = Lsn(0);
    let mut last_at = None;
    let mut checked = 0;
    for (first, name) in segments(names).into_iter().rev() {
        if end.is_some() && last_at.is_some() && checked > sizes.checked_bytes {
            break;
        }
        let bytes = disk.read(&name).doing("read", &name)?;
        checked += len_of(&bytes);
        let read = Read::of(&name, &bytes, Kind::Events)?;
        let newest = end.is_none();
        let len = mend(disk, &name, &bytes, &read, newest, repaired)?;
        if newest {
            // A segment is named before its first record is written.
            last = Lsn(first.0.saturating_sub(1));
            end = Some(End { name, len });
        }
        last = read.frames.last().map_or(last, |frame| last.max(frame.lsn));
        last_at = last_at.or_else(|| time_of_last(&read.frames));
    }
    let end = end.unwrap_or_else(|| End { name: events_name(Lsn(1)), len: 0 });
    let origin = Now { mono: Mono::from_micros(0), wall: Wall::from_micros(0) };
    Ok((end, last, last_at.unwrap_or(origin)))
}

fn time_of_last(frames: &[Frame<'_>]) -> Option<Now> {
    let mut events = frames.iter().rev();
    events.find_map(|frame| serde_json::from_slice::<Event>(frame.body).ok()).map(|event| event.at)
}

/// Makes a segment sound again; gives its length.
fn mend(
    disk: &dyn Disk,
    name: &str,
    bytes: &[u8],
    read: &Read<'_>,
    newest: bool,
    repaired: &mut Vec<String>,
) -> Result<u64, OpenError> {
    // Only the newest segment can end in a write that did not finish.
    let damaged = !read.damage.is_empty() || (read.tail.is_some() && !newest);
    if !damaged {
        let Some(tail) = &read.tail else { return Ok(len_of(bytes)) };
        let sound = if read.frames.is_empty() { 0 } else { tail.start };
        let len = len_of(bytes.get(..sound).unwrap_or_default());
        disk.truncate(name, len).doing("cut", name)?;
        disk.sync(name).doing("sync", name)?;
        repaired.push(format!("{name}: cut {} bytes of an unfinished write", tail.len()));
        return Ok(len);
    }
    let places: Vec<String> = read
        .damage
        .iter()
        .chain(&read.tail)
        .map(|at| format!("{}..{}", at.start, at.end))
        .collect();
    let places = places.join(", ");
    match rewrite(disk, name, bytes, &read.frames) {
        Ok((len, copy)) => {
            repaired.push(format!("{name}: bytes {places} were damaged; kept aside as {copy}"));
            Ok(len)
        }
        // Readers skip the damage all the same, so a full disk is no reason not to start.
        Err(why) => {
            repaired.push(format!("{name}: bytes {places} are damaged; not rewritten: {why}"));
            Ok(len_of(bytes))
        }
    }
}

fn rewrite(
    disk: &dyn Disk,
    name: &str,
    bytes: &[u8],
    frames: &[Frame<'_>],
) -> io::Result<(u64, String)> {
    let names = disk.list()?;
    let copy = (1..COPIES_MAX)
        .map(|number| format!("{name}.{number}.damaged"))
        .find(|copy| !names.contains(copy))
        .unwrap_or_else(|| format!("{name}.{COPIES_MAX}.damaged"));
    replace(disk, &copy, bytes)?;
    let mut sound = frame::header(Kind::Events);
    for frame in frames {
        let encoded = frame::encode(frame.lsn, frame.body, &mut sound);
        debug_assert!(encoded.is_ok(), "it was read within the same limit");
    }
    replace(disk, name, &sound)?;
    Ok((len_of(&sound), copy))
}

/// The newest journal. It was complete before it got its name, so older ones are done with.
fn only_journal(disk: &dyn Disk, names: &[String]) -> Result<(u64, End), OpenError> {
    let mut all = journals(names);
    let Some((number, name)) = all.pop() else {
        return Ok((1, End { name: journal_name(1), len: 0 }));
    };
    for (_, old) in all {
        disk.remove(&old).doing("remove", &old)?;
    }
    Ok((number, End { name, len: 1 }))
}

fn read_journal(store: &mut Store, repaired: &mut Vec<String>) -> Result<(), OpenError> {
    if store.journal.len == 0 {
        return Ok(());
    }
    let name = store.journal.name.clone();
    let bytes = store.disk.read(&name).doing("read", &name)?;
    let read = Read::of(&name, &bytes, Kind::Journal)?;
    for frame in &read.frames {
        store.last = store.last.max(frame.lsn);
        match JournalBody::of(frame.body) {
            Some(JournalBody::State(key)) => {
                store.live.insert(key, (frame.lsn, frame.body.to_vec()));
            }
            Some(JournalBody::Over(key)) => {
                store.live.remove(&key);
            }
            Some(JournalBody::Mark) => {}
            None => repaired.push(format!("{name}: {} is no state, skipped", frame.lsn)),
        }
    }
    store.journal.len = len_of(&bytes);
    if read.damage.is_empty() {
        let Some(tail) = &read.tail else { return Ok(()) };
        let sound = if read.frames.is_empty() { 0 } else { tail.start };
        store.journal.len = len_of(bytes.get(..sound).unwrap_or_default());
        store.disk.truncate(&name, store.journal.len).doing("cut", &name)?;
        store.disk.sync(&name).doing("sync", &name)?;
        repaired.push(format!("{name}: cut {} bytes of an unfinished write", tail.len()));
        return Ok(());
    }
    let kept = replace(store.disk.as_ref(), JOURNAL_DAMAGED, &bytes);
    let says = match kept.and_then(|()| store.rewrite_journal()) {
        Ok(()) => format!("kept aside as {JOURNAL_DAMAGED}"),
        Err(why) => format!("not rewritten: {why}"),
    };
    repaired.push(format!("{name}: {} places were damaged; {says}", read.damage.len()));
    Ok(())
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
            tag::MARK => Some(Self::Mark),
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
