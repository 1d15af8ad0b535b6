//! The entries, within a limit of memory: the oldest make room for the newest.
//!
//! There is no index, and of a message nothing is read but its Call-ID: most are never looked at. A
//! search reads everything that is kept, on a thread where nobody waits but the one who asked.

use holdfast_base::{CallId, Wall};
use holdfast_wire::sip;
use std::collections::VecDeque;

use super::names::{Names, tie_of};
use super::redact::redact;
use super::{Answer, Entry, Kept, Message, Of, Question, Seen, Tie, What};
use crate::record::event::Fact;

/// Most entries, however small they are.
const ENTRIES_MAX: usize = 500_000;
/// What an entry takes beside the text of a message: itself, its names, and what a fact points to.
const ENTRY_BYTES: usize = 512;
/// Most entries of one call that are shown: a call that was held and resumed all day.
pub const OF_A_CALL_MAX: usize = 5000;

/// The trace.
#[derive(Debug)]
pub struct Trace {
    entries: VecDeque<Entry>,
    names: Names,
    bytes: usize,
    bytes_max: usize,
}

impl Trace {
    /// An empty trace that takes this much memory at most.
    #[must_use]
    pub fn new(bytes_max: usize) -> Self {
        Self { entries: VecDeque::new(), names: Names::default(), bytes: 0, bytes_max }
    }

    /// Reads what passed into an entry: secrets are gone then, and its place is known. None for
    /// what belongs to nobody's call.
    pub fn read(&mut self, at: Wall, seen: Seen) -> Option<Entry> {
        let entry = match seen {
            Seen::Message { direction, flow, mut bytes } => {
                redact(&mut bytes);
                let call_id = sip::Message::call_id_in(&bytes);
                let tie = call_id.map_or(Tie::Nothing, |call_id| Tie::Dialog(call_id.into_owned()));
                Entry { at, tie, what: What::Message(Message { direction, flow, bytes }) }
            }
            Seen::Fact(fact) => match tie_of(&fact) {
                Tie::Nothing => return None,
                tie @ (Tie::Call(_)
                | Tie::Dialog(_)
                | Tie::Contact(_)
                | Tie::Offer(_)
                | Tie::Stream(_)) => Entry { at, tie, what: What::Fact(fact) },
            },
            Seen::Media(media) => {
                Entry { at, tie: Tie::Stream(media.stream()), what: What::Media(media) }
            }
        };
        self.names.learn(&entry.what, entry.at);
        Some(entry)
    }

    /// Keeps an entry; the oldest ones go when there is no room.
    pub fn keep(&mut self, entry: Entry) {
        self.bytes += weight(&entry);
        self.entries.push_back(entry);
        while self.bytes > self.bytes_max || self.entries.len() > ENTRIES_MAX {
            let Some(oldest) = self.entries.pop_front() else { return };
            self.bytes -= weight(&oldest);
            if let What::Fact(Fact::CallEnded { call, .. }) = oldest.what {
                self.names.forget(call);
            }
        }
    }

    /// The Call-ID under which all legs of an entry's call can be found: the caller's.
    #[must_use]
    pub fn correlation(&self, entry: &Entry) -> Option<&str> {
        self.names.first_dialog(self.names.call(&entry.tie, entry.at)?)
    }

    /// Answers a question.
    #[must_use]
    pub fn answer(&self, question: &Question) -> Answer {
        match question {
            Question::Search(query) => Answer::Found(self.search(query)),
            Question::Whole(of) => Answer::Whole(self.whole(of)),
        }
    }

    /// How much is kept.
    #[must_use]
    pub fn kept(&self) -> Kept {
        let count = |count| u64::try_from(count).unwrap_or(u64::MAX);
        Kept {
            entries: count(self.entries.len()),
            bytes: count(self.bytes),
            since: self.entries.front().map(|entry| entry.at),
            dropped: 0,
        }
    }

    /// Every entry, oldest first, with the call that it belongs to.
    pub(super) fn all(&self) -> impl Iterator<Item = (Option<CallId>, &Entry)> {
        self.entries.iter().map(|entry| (self.names.call(&entry.tie, entry.at), entry))
    }

    fn whole(&self, of: &Of) -> Vec<Entry> {
        let belongs = |call: Option<CallId>, entry: &Entry| match of {
            Of::Call(wanted) => call == Some(*wanted),
            Of::Dialog(wanted) => {
                matches!(&entry.tie, Tie::Dialog(call_id) if call_id == wanted)
            }
        };
        let theirs = self.all().filter(|(call, entry)| belongs(*call, entry));
        theirs.map(|(_, entry)| entry.clone()).take(OF_A_CALL_MAX).collect()
    }
}

fn weight(entry: &Entry) -> usize {
    let text = match &entry.what {
        What::Message(message) => message.bytes.len(),
        What::Fact(_) | What::Media(_) => 0,
    };
    ENTRY_BYTES + text
}

#[cfg(test)]
pub(super) mod tests {
    use super::{ENTRY_BYTES, Trace};
    use crate::trace::{Answer, Of, Question};
    use crate::trace::{sample, sample::call};
    use holdfast_base::{CallId, Wall};
    use proptest::prelude::{any, prop, proptest};

    #[test]
    fn a_call_is_everything_of_all_its_legs_in_order() {
        let trace = sample::trace();
        let Answer::Whole(entries) = trace.answer(&Question::Whole(Of::Call(call()))) else {
            panic!("a ladder was asked for");
        };
        let lines: Vec<String> = entries.iter().map(sample::line).collect();
        assert_eq!(lines, sample::LINES, "{lines:#?}");
        let other = Of::Dialog("register@phone".to_owned());
        let Answer::Whole(entries) = trace.answer(&Question::Whole(other)) else {
            panic!("a ladder was asked for");
        };
        assert_eq!(entries.len(), 2);
    }

    #[test]
    fn secrets_do_not_get_in() {
        let trace = sample::trace();
        let all = trace.entries.iter().map(|entry| format!("{entry:?}")).collect::<String>();
        let text = sample::text_of(&trace);
        for secret in
            ["6629fae49393a05397450978507c4ef1", "d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj"]
        {
            assert!(!text.contains(secret) && !all.contains(secret), "{secret}");
        }
        assert!(text.contains("response=\"xxxx") && text.contains("inline:xxxx"));
    }

    proptest! {
        #[test]
        fn memory_is_bounded_and_the_newest_stay(
            sizes in prop::collection::vec(0_usize..4000, 1..80),
            limit in 0_usize..60_000,
            junk in any::<u8>(),
        ) {
            let mut trace = Trace::new(limit);
            for (at, size) in (0_i64..).zip(&sizes) {
                let seen = sample::datagram(&vec![junk; *size]);
                let entry = trace.read(Wall::from_micros(at), seen).unwrap();
                trace.keep(entry);
                assert!(trace.kept().bytes <= u64::try_from(limit).unwrap());
            }
            let mut room = limit;
            let fitting = sizes.iter().rev().take_while(|size| {
                let weight = ENTRY_BYTES + **size;
                let fits = weight <= room;
                room = room.saturating_sub(weight);
                fits
            });
            assert_eq!(trace.entries.len(), fitting.count());
        }
    }

    #[test]
    fn a_call_of_which_the_end_is_gone_is_forgotten() {
        let mut trace = sample::trace();
        assert_eq!(trace.names.first_dialog(call()), Some("caller@pbx"));
        trace.bytes_max = 0;
        let entry = trace.read(Wall::from_micros(0), sample::datagram(b"x")).unwrap();
        trace.keep(entry);
        assert_eq!((trace.entries.len(), trace.bytes), (0, 0));
        assert_eq!(trace.names.first_dialog(call()), None);
        assert_eq!(trace.names.first_dialog(CallId(2)), None);
    }
}
