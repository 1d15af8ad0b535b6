//! Reads the event log from any position: for folds, for what goes to the cloud, for audits.
//!
//! A reader sees only what is durable, so nobody is told of an event that a power cut could take
//! back. It runs on any thread beside the writer, one segment in memory at a time.

use holdfast_base::Lsn;
use holdfast_core::record::event::Event;
use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::disk::{Disk, len_of};
use super::frame::{self, Found, Frames, Kind};
use super::mark::Mark;
use super::seal::Keys;
use super::store::segments;

/// Access to the durable part of the event log.
#[derive(Clone)]
pub struct Reader {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) keys: Arc<Keys>,
    pub(super) synced: Arc<AtomicU64>,
}

/// A place of the log that can not be read. The reading goes on after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// The file.
    pub segment: String,
    /// What is wrong.
    pub says: String,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.segment, self.says)
    }
}

impl Reader {
    /// The position up to which the log is durable.
    #[must_use]
    pub fn synced(&self) -> Lsn {
        Lsn(self.synced.load(Ordering::Acquire))
    }

    /// The events later than `lsn` that are durable now, in order; `Lsn(0)` gives them all.
    #[must_use]
    pub fn since(&self, lsn: Lsn) -> Events {
        let mut events = Events {
            reader: self.clone(),
            after: lsn,
            until: Lsn(0),
            next: VecDeque::new(),
            open: None,
            failed: None,
        };
        events.resume();
        events
    }

    /// The keys with which an index seals what it copies from the log.
    #[must_use]
    pub const fn keys(&self) -> &Arc<Keys> {
        &self.keys
    }

    /// Prints the events later than `lsn`, one a line, numbers and addresses masked.
    ///
    /// # Errors
    /// When `to` can not be written.
    pub fn dump(&self, lsn: Lsn, to: &mut impl io::Write) -> io::Result<()> {
        for read in self.since(lsn) {
            match read {
                Ok(event) => writeln!(to, "{} {} {:?}", event.lsn, event.at.wall, event.fact)?,
                Err(unreadable) => writeln!(to, "unreadable {unreadable}")?,
            }
        }
        Ok(())
    }
}

/// Events in order, with what could not be read between them. After the last one it can be
/// [resumed](Events::resume) when more became durable, which reads only what is new.
pub struct Events {
    reader: Reader,
    after: Lsn,
    until: Lsn,
    open: Option<Segment>,
    /// Segments after the open one.
    next: VecDeque<(Lsn, String)>,
    failed: Option<Unreadable>,
}

struct Segment {
    first: Lsn,
    name: String,
    /// Where `bytes` begins in the file.
    base: u64,
    bytes: Vec<u8>,
    /// How far `bytes` is read.
    at: usize,
}

/// What reading one more record came to.
enum Step {
    Read(Box<Result<Event, Unreadable>>),
    Skipped,
    EndOfSegment,
    EndOfLog,
}

impl Events {
    /// Goes on with what became durable since.
    pub fn resume(&mut self) {
        let until = self.reader.synced();
        if until <= self.until {
            return;
        }
        if let Err(failed) = self.look_again() {
            // Nothing is skipped: the next call starts from the same place.
            self.next.clear();
            self.failed = Some(failed);
            return;
        }
        self.until = until;
    }

    fn look_again(&mut self) -> Result<(), Unreadable> {
        let disk = &self.reader.disk;
        let names = disk.list().map_err(|why| unreadable("state directory", &why))?;
        let mut segments = VecDeque::from(segments(&names));
        if let Some(open) = &mut self.open {
            let base = open.base + len_of(open.bytes.get(..open.at).unwrap_or_default());
            open.bytes =
                disk.read_from(&open.name, base).map_err(|why| unreadable(&open.name, &why))?;
            (open.base, open.at) = (base, 0);
            segments.retain(|(first, _)| *first > open.first);
        } else {
            // The segment that holds `after` is the last one that begins at or before it.
            let begun = segments.iter().filter(|(first, _)| *first <= self.after).count();
            segments.drain(..begun.saturating_sub(1));
        }
        self.next = segments;
        Ok(())
    }

    fn step(&mut self) -> Step {
        let Some(segment) = &mut self.open else { return Step::EndOfSegment };
        let mut frames = Frames::resume(&segment.bytes, segment.at);
        let found = frames.next();
        let step = match found {
            None => return Step::EndOfSegment,
            // The writer may be in the middle of it.
            Some(Found::Tail(_)) => return Step::EndOfSegment,
            Some(Found::Frame(frame)) if frame.lsn > self.until => return Step::EndOfLog,
            Some(Found::Frame(frame)) if frame.lsn <= self.after => Step::Skipped,
            Some(Found::Frame(frame)) if Mark::of(frame.body).is_some() => Step::Skipped,
            Some(Found::Frame(frame)) => {
                self.after = frame.lsn;
                let read = serde_json::from_slice(frame.body).map(|mut event| {
                    self.reader.keys.open_event(&mut event);
                    event
                });
                Step::Read(Box::new(read.map_err(|why| {
                    unreadable(&segment.name, &format_args!("{}: {why}", frame.lsn))
                })))
            }
            Some(Found::Damage(range)) => match frames.clone().next() {
                Some(Found::Frame(frame)) if frame.lsn > self.until => return Step::EndOfLog,
                Some(Found::Frame(frame)) if frame.lsn <= self.after => Step::Skipped,
                Some(Found::Frame(_) | Found::Damage(_) | Found::Tail(_)) | None => {
                    let from =
                        segment.base + len_of(segment.bytes.get(..range.start).unwrap_or(&[]));
                    let damage = format_args!("{} bytes at {from} are damaged", range.len());
                    Step::Read(Box::new(Err(unreadable(&segment.name, &damage))))
                }
            },
        };
        segment.at = frames.position();
        step
    }

    fn open(&mut self, (first, name): (Lsn, String)) -> Result<(), Unreadable> {
        let bytes = self.reader.disk.read(&name).map_err(|why| unreadable(&name, &why))?;
        let at = frame::scan(&bytes, Kind::Events)
            .map_err(|version| unreadable(&name, &format_args!("format version {}", version.0)))?
            .position();
        self.open = Some(Segment { first, name, base: 0, bytes, at });
        Ok(())
    }
}

fn unreadable(segment: &str, says: &dyn fmt::Display) -> Unreadable {
    Unreadable { segment: segment.to_owned(), says: says.to_string() }
}

impl Iterator for Events {
    type Item = Result<Event, Unreadable>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(failed) = self.failed.take() {
            return Some(Err(failed));
        }
        loop {
            match self.step() {
                Step::Read(read) => return Some(*read),
                Step::Skipped => {}
                Step::EndOfLog => return None,
                Step::EndOfSegment => {
                    let next = self.next.pop_front()?;
                    if let Err(unreadable) = self.open(next) {
                        return Some(Err(unreadable));
                    }
                }
            }
        }
    }
}
