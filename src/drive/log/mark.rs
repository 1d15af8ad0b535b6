//! The end mark of a batch: how recovery tells a whole number of the site's steps from half of one.
//!
//! ```text
//! mark = tag:u8 parts:u8 before:u64 length:u64 crc:u32      the body of a frame
//! ```
//! The journal and the events are two files, and of what was not synced a power cut may take any
//! byte of either. A batch holds whole steps, and in each file that it touches its part ends with a
//! mark: the frame's position is the last of the batch, `length` and `crc` are those of the part
//! before it, `before` is where the batch before ended. Where the last batch is not whole in every
//! file that it names, recovery goes back to the one before.
//!
//! A batch begins only when the one before is durable, so whatever lies behind a mark proves
//! it; damage in the middle is then damage and no reason to go back.

use holdfast_base::Lsn;

use super::frame::{self, Frame};

/// First byte of the body of a mark. A body of JSON can not begin with it, a state does not.
pub const TAG: u8 = 3;

/// The files in which a batch has a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parts {
    /// Only states.
    Journal,
    /// Only facts.
    Events,
    /// Both.
    Both,
    /// No batch: the journal was written anew up to here, and was durable before it got its name.
    Rewritten,
}

impl Parts {
    const fn code(self) -> u8 {
        match self {
            Self::Journal => 1,
            Self::Events => 2,
            Self::Both => 3,
            Self::Rewritten => 4,
        }
    }

    fn of(code: u8) -> Option<Self> {
        let all = [Self::Journal, Self::Events, Self::Both, Self::Rewritten];
        all.into_iter().find(|parts| parts.code() == code)
    }
}

/// What ends the part of a batch in one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    parts: Parts,
    before: Lsn,
    length: u64,
    crc: u32,
}

impl Mark {
    /// Closes a part of the batch that ends at `lsn` and follows the one that ended at `before`.
    pub fn close(part: &mut Vec<u8>, lsn: Lsn, before: Lsn, parts: Parts) {
        let length = u64::try_from(part.len()).unwrap_or(u64::MAX);
        let mut body = vec![TAG, parts.code()];
        body.extend(before.0.to_be_bytes());
        body.extend(length.to_be_bytes());
        body.extend(crc32fast::hash(part).to_be_bytes());
        let encoded = frame::encode(lsn, &body, part);
        debug_assert!(encoded.is_ok(), "a mark is below every limit of a frame");
    }

    /// The mark in this body, if it is one.
    #[must_use]
    pub fn of(body: &[u8]) -> Option<Self> {
        let ([tag, parts], rest) = body.split_first_chunk()?;
        let (before, rest) = rest.split_first_chunk()?;
        let (length, crc) = rest.split_first_chunk()?;
        let parts = Parts::of(*parts).filter(|_| *tag == TAG)?;
        let before = Lsn(u64::from_be_bytes(*before));
        let crc = u32::from_be_bytes(<[u8; 4]>::try_from(crc).ok()?);
        Some(Self { parts, before, length: u64::from_be_bytes(*length), crc })
    }

    /// Whether the part that it closes lies before it as it was written.
    fn closes(self, file_before: &[u8]) -> bool {
        let part = usize::try_from(self.length)
            .ok()
            .and_then(|length| file_before.len().checked_sub(length))
            .and_then(|from| file_before.get(from..));
        part.is_some_and(|part| crc32fast::hash(part) == self.crc)
    }
}

/// What one of the two files says about how far it goes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Traces {
    last: Option<Seen>,
    /// The highest position of any record.
    highest: Option<Lsn>,
}

/// The last mark of a file.
#[derive(Clone, Copy, Debug)]
struct Seen {
    lsn: Lsn,
    mark: Mark,
    whole: bool,
}

impl Traces {
    /// Reads the records of a file, each with the place where it ends.
    #[must_use]
    pub fn of(bytes: &[u8], frames: &[(Frame<'_>, usize)]) -> Self {
        let last = frames.iter().rev().find_map(|(frame, end)| {
            let mark = Mark::of(frame.body)?;
            let start = end.checked_sub(frame::FRAME_BYTES + frame.body.len())?;
            let whole = mark.parts == Parts::Rewritten || mark.closes(bytes.get(..start)?);
            Some(Seen { lsn: frame.lsn, mark, whole })
        });
        Self { last, highest: frames.iter().map(|(frame, _)| frame.lsn).max() }
    }

    /// Whether a mark was found.
    #[must_use]
    pub const fn has_mark(&self) -> bool {
        self.last.is_some()
    }

    /// The position of the last mark.
    #[must_use]
    pub fn marked(&self) -> Option<Lsn> {
        self.last.map(|seen| seen.lsn)
    }

    /// These together with what an older segment of the same file says.
    #[must_use]
    pub fn or_older(self, older: Self) -> Self {
        Self { last: self.last.or(older.last), highest: self.highest.max(older.highest) }
    }

    fn at(&self, lsn: Lsn) -> Option<Seen> {
        self.last.filter(|seen| seen.lsn == lsn)
    }
}

/// How far both files are whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whole {
    /// The end of the last step that counts.
    pub until: Lsn,
    /// Whether the marks up to there prove it without what is to be cut behind them.
    pub proven: bool,
}

impl Whole {
    /// Compares the two files.
    #[must_use]
    pub fn of(journal: &Traces, events: &Traces) -> Self {
        let both = [journal.last, events.last];
        let Some(last) = both.into_iter().flatten().max_by_key(|seen| seen.lsn) else {
            return Self { until: Lsn(0), proven: true };
        };
        let whole = |file: &Traces| file.at(last.lsn).is_some_and(|seen| seen.whole);
        let is_rewritten = |seen: Seen| seen.mark.parts == Parts::Rewritten;
        let proven = journal.at(last.lsn).is_some_and(is_rewritten)
            || match last.mark.parts {
                Parts::Journal | Parts::Rewritten => whole(journal),
                Parts::Events => whole(events),
                Parts::Both => whole(journal) && whole(events),
            };
        let next_had_begun = journal.highest.max(events.highest) > Some(last.lsn);
        let until = if proven || next_had_begun { last.lsn } else { last.mark.before };
        Self { until, proven }
    }
}

#[cfg(test)]
mod tests {
    use super::{Mark, Parts, Traces, Whole};
    use crate::log::frame::{self, Found, Kind};
    use holdfast_base::Lsn;

    /// A file of batches: the positions of each, and whether it touches both files.
    fn file(batches: &[(&[u64], Parts)]) -> Vec<u8> {
        let mut bytes = frame::header(Kind::Journal);
        let mut before = Lsn(0);
        for (lsns, parts) in batches {
            let mut part = Vec::new();
            for lsn in *lsns {
                frame::encode(Lsn(*lsn), b"{}", &mut part).unwrap();
                before = before.min(Lsn(lsn - 1));
            }
            let last = Lsn(*lsns.last().unwrap());
            Mark::close(&mut part, last, before, *parts);
            before = last;
            bytes.extend(part);
        }
        bytes
    }

    fn traces(bytes: &[u8]) -> Traces {
        let mut found = frame::scan(bytes, Kind::Journal).unwrap();
        let mut frames = Vec::new();
        while let Some(next) = found.next() {
            match next {
                Found::Frame(frame) => frames.push((frame, found.position())),
                Found::Damage(_) | Found::Tail(_) => {}
            }
        }
        Traces::of(bytes, &frames)
    }

    fn whole(journal: &[u8], events: &[u8]) -> (u64, bool) {
        let Whole { until, proven } = Whole::of(&traces(journal), &traces(events));
        (until.0, proven)
    }

    #[test]
    fn the_last_batch_counts_when_every_file_that_it_names_has_it() {
        let first: (&[u64], _) = (&[1, 2], Parts::Both);
        let one = file(&[first]);
        let two = file(&[first, (&[3, 4], Parts::Both)]);
        let alone = file(&[first, (&[3, 4], Parts::Journal)]);
        let anew = file(&[(&[1, 4], Parts::Rewritten)]);
        assert_eq!(whole(&[], &[]), (0, true));
        assert_eq!(whole(&one, &one), (2, true));
        assert_eq!(whole(&two, &two), (4, true));
        assert_eq!(whole(&two, &one), (2, false));
        assert_eq!(whole(&one, &two), (2, false));
        assert_eq!(whole(&alone, &one), (4, true));
        assert_eq!(whole(&anew, &one), (4, true));
        assert_eq!(whole(&anew, &two), (4, true));
        // A byte of the last part is not as it was written, and nothing came after it.
        let mut torn = two.clone();
        let place = torn.len() - 50;
        *torn.get_mut(place).unwrap() ^= 1;
        assert_eq!(whole(&two, &torn), (2, false));
        // What came after it proves that it was whole.
        frame::encode(Lsn(5), b"{}", &mut torn).unwrap();
        assert_eq!(whole(&two, &torn), (4, false));
    }

    #[test]
    fn other_bodies_are_no_marks() {
        let mut body = Vec::new();
        Mark::close(&mut body, Lsn(7), Lsn(5), Parts::Events);
        let body = body.split_off(frame::FRAME_BYTES);
        assert!(Mark::of(&body).is_some());
        for len in 0..body.len() {
            assert_eq!(Mark::of(body.get(..len).unwrap()), None);
        }
        assert_eq!(Mark::of(&[&body[..], b"?"].concat()), None);
        assert_eq!(Mark::of(b"{\"lsn\":7,\"at\":{\"mono\""), None);
    }
}
