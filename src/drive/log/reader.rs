//! Reads the event log from any position: for folds, for what goes to the cloud, for audits.
//!
//! A reader sees only what is durable, so nobody is told of an event that a power cut could take
//! back. It runs on any thread beside the writer, one segment in memory at a time.

use holdfast_base::Lsn;
use holdfast_core::record::event::Event;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::disk::Disk;
use super::frame::{self, Found, Frames, Kind};
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
        let until = self.synced();
        let listed = self.disk.list().map(|names| segments(&names));
        let (mut segments, failed) = match listed {
            Ok(segments) => (segments, None),
            Err(why) => (Vec::new(), Some(unreadable("state directory", &why))),
        };
        // The segment that holds `lsn` is the last one that begins at or before it.
        let begun = segments.iter().rposition(|(first, _)| *first <= lsn).unwrap_or(0);
        segments.drain(..begun);
        let names = segments.into_iter().map(|(_, name)| name).collect::<Vec<_>>().into_iter();
        Events { reader: self.clone(), after: lsn, until, names, open: None, failed }
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

/// Events in order, with what could not be read between them.
pub struct Events {
    reader: Reader,
    after: Lsn,
    until: Lsn,
    names: std::vec::IntoIter<String>,
    open: Option<Segment>,
    failed: Option<Unreadable>,
}

struct Segment {
    name: String,
    bytes: Vec<u8>,
    at: usize,
}

/// What reading one more record came to.
enum Step {
    Read(Result<Event, Unreadable>),
    Skipped,
    EndOfSegment,
    EndOfLog,
}

impl Events {
    fn step(&mut self) -> Step {
        let Some(segment) = &mut self.open else { return Step::EndOfSegment };
        let mut frames = Frames::resume(&segment.bytes, segment.at);
        let found = frames.next();
        segment.at = frames.position();
        match found {
            None => Step::EndOfSegment,
            Some(Found::Frame(frame)) if frame.lsn > self.until => Step::EndOfLog,
            Some(Found::Frame(frame)) if frame.lsn <= self.after => Step::Skipped,
            Some(Found::Frame(frame)) => Step::Read(
                serde_json::from_slice(frame.body)
                    .map(|mut event| {
                        self.reader.keys.open_event(&mut event);
                        event
                    })
                    .map_err(|why| unreadable(&segment.name, &format!("{}: {why}", frame.lsn))),
            ),
            Some(Found::Damage(range)) => Step::Read(Err(unreadable(
                &segment.name,
                &format!("bytes {}..{} are damaged", range.start, range.end),
            ))),
            // The writer may be in the middle of it.
            Some(Found::Tail(_)) => Step::EndOfSegment,
        }
    }

    fn open(&mut self, name: String) -> Result<(), Unreadable> {
        let bytes = self.reader.disk.read(&name).map_err(|why| unreadable(&name, &why))?;
        let at = frame::scan(&bytes, Kind::Events)
            .map_err(|version| unreadable(&name, &format!("format version {}", version.0)))?
            .position();
        self.open = Some(Segment { name, bytes, at });
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
                Step::Read(read) => return Some(read),
                Step::Skipped => {}
                Step::EndOfSegment => {
                    let name = self.names.next()?;
                    if let Err(unreadable) = self.open(name) {
                        self.open = None;
                        return Some(Err(unreadable));
                    }
                }
                Step::EndOfLog => {
                    self.names = Vec::new().into_iter();
                    self.open = None;
                    return None;
                }
            }
        }
    }
}
