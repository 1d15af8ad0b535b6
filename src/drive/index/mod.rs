//! The CDRs by time and number, the figures of the past, and the folds with their checkpoint: all
//! that can be made again from the event log, kept so that a start does not have to read years of
//! it.
//!
//! The index follows the log ([`Index::follow`]): it folds each event once, puts the CDRs that come
//! out on the shelf and from time to time writes down how far it came. What does not open, does not
//! fit its checksum or claims to know more than the log is set aside and made anew by the very same
//! following, from the first event on. An index that can not be kept on disk at all is kept in
//! memory. It runs on a thread of its own, never in the site loop.
//!
//! Subjects are sealed in here under the keys of the log, so that forgetting a person reaches them.

mod follower;
mod shelf;
#[cfg(test)]
mod tests;

use holdfast_base::{Lsn, Now, QueueName};
use holdfast_core::record::cdr::CdrFold;
use holdfast_core::record::event::{Cdr, Subject};
use holdfast_core::record::folds::Folds;
use holdfast_core::record::kpi::report::{Question, Report, Reporter, Unclear};
use holdfast_core::record::kpi::{KpiFold, Owned, Quarter, Thresholds};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use tracing::{error, warn};

use crate::log::{Events, Keys, Reader};
pub use follower::{Asker, Follower};
use shelf::{Shelf, Unfit};

/// Most CDRs on the shelf; the log keeps all of them. About 100 MB on disk.
pub const CDRS_MAX: usize = 100_000;
/// Most quarters of an hour of figures on the shelf, each of a queue or an agent: two years of a
/// branch of thirty. About 150 MB on disk.
pub const QUARTERS_MAX: usize = 500_000;
/// Events between two checkpoints: what is folded again after a crash, in about 20 ms.
const CHECKPOINT_EVENTS: u64 = 2000;

/// The writing side of the index, with the folds.
pub struct Index {
    shelf: Arc<Shelf>,
    keys: Arc<Keys>,
    events: Events,
    seen: Lsn,
    cdr_fold: CdrFold,
    kpi_fold: KpiFold,
    since_checkpoint: u64,
}

/// How far the folds came.
#[derive(Serialize, Deserialize)]
struct Checkpoint {
    seen: Lsn,
    counts: shelf::Counts,
    cdr_fold: CdrFold,
    kpi_fold: KpiFold,
}

/// The CDRs, for readers on any thread.
#[derive(Clone)]
pub struct Cdrs {
    shelf: Arc<Shelf>,
    keys: Arc<Keys>,
}

impl Index {
    /// Opens the index in `dir` and brings it up to what is durable in the log. When it was made
    /// anew, the sentences say why.
    #[must_use]
    pub fn open(
        dir: &Path,
        log: &Reader,
        thresholds: BTreeMap<QueueName, Thresholds>,
    ) -> (Self, Vec<String>) {
        let mut says = Vec::new();
        let resumed = Self::resume(dir, log, &thresholds);
        let mut index = resumed.unwrap_or_else(|why| {
            says.push(format!("index made anew: {why}"));
            let shelf = Shelf::anew(dir).unwrap_or_else(|why| {
                says.push(format!("index kept in memory: {why}"));
                Shelf::in_memory()
            });
            Self {
                shelf: Arc::new(shelf),
                keys: Arc::clone(log.keys()),
                events: log.since(Lsn(0)),
                seen: Lsn(0),
                cdr_fold: CdrFold::default(),
                kpi_fold: KpiFold::new(thresholds),
                since_checkpoint: 0,
            }
        });
        index.follow();
        index.checkpoint();
        (index, says)
    }

    fn resume(
        dir: &Path,
        log: &Reader,
        thresholds: &BTreeMap<QueueName, Thresholds>,
    ) -> Result<Self, Unfit> {
        let (shelf, kept) = Shelf::open(dir)?;
        let Checkpoint { seen, counts, mut cdr_fold, kpi_fold } =
            serde_json::from_slice(kept.checkpoint()?).map_err(|_| Unfit::Checkpoint)?;
        if seen > log.synced() {
            return Err(Unfit::AheadOfLog);
        }
        if !kept.has_all(counts, seen) {
            return Err(Unfit::Count);
        }
        if kpi_fold.thresholds() != thresholds {
            return Err(Unfit::Thresholds);
        }
        cdr_fold.subjects_mut().for_each(|subject| log.keys().open_subject(subject));
        Ok(Self {
            shelf: Arc::new(shelf),
            keys: Arc::clone(log.keys()),
            events: log.since(seen),
            seen,
            cdr_fold,
            kpi_fold,
            since_checkpoint: 0,
        })
    }

    /// Takes every event that became durable since the last time.
    pub fn follow(&mut self) {
        self.events.resume();
        while let Some(read) = self.events.next() {
            let event = match read {
                Ok(event) => event,
                Err(unreadable) => {
                    warn!(%unreadable, "event not folded");
                    continue;
                }
            };
            if let Some(cdr) = self.cdr_fold.apply(&event) {
                self.put_cdr(event.lsn, cdr);
            }
            for quarter in self.kpi_fold.apply(&event) {
                self.put_quarter(event.lsn, &quarter);
            }
            self.seen = event.lsn;
            self.since_checkpoint += 1;
            if self.since_checkpoint >= CHECKPOINT_EVENTS {
                self.checkpoint();
            }
        }
    }

    /// The figures of the queues.
    #[must_use]
    pub const fn kpis(&self) -> &KpiFold {
        &self.kpi_fold
    }

    /// Figures of any time: the past from the shelf, the last days from the fold.
    ///
    /// # Errors
    /// Why so much is not answered.
    pub fn report(&self, now: Now, question: Question) -> Result<Report, Unclear> {
        let mut reporter = Reporter::new(question)?;
        let mut taken = Ok(());
        self.shelf.quarters(reporter.span(), |json| {
            if let Ok(quarter) = serde_json::from_slice(json) {
                taken = reporter.take(quarter);
            }
            taken.is_ok()
        });
        taken?;
        for quarter in self.kpi_fold.quarters(now, reporter.span()) {
            reporter.take(quarter)?;
        }
        Ok(reporter.finish())
    }

    /// The folds so far with the last `cdrs` CDRs, for the site.
    #[must_use]
    pub fn folds(&self, cdrs: usize) -> Folds {
        let cdrs = self.cdrs().newest(cdrs);
        Folds { cdr: self.cdr_fold.clone(), kpi: self.kpi_fold.clone(), cdrs }
    }

    /// The position of the last event taken.
    #[must_use]
    pub const fn seen(&self) -> Lsn {
        self.seen
    }

    /// Access to the CDRs for other threads.
    #[must_use]
    pub fn cdrs(&self) -> Cdrs {
        Cdrs { shelf: Arc::clone(&self.shelf), keys: Arc::clone(&self.keys) }
    }

    /// Puts a CDR on the shelf; the same one again changes nothing.
    pub fn put_cdr(&mut self, lsn: Lsn, mut cdr: Cdr) {
        let (ended, call) = (cdr.ended, cdr.call);
        let keys = &self.keys;
        subjects_of(&mut cdr).for_each(|subject| keys.seal_known(subject));
        let kept = serde_json::to_vec(&cdr)
            .map_err(|why| why.to_string())
            .and_then(|json| self.shelf.put_cdr(lsn, (ended, call), &json));
        if let Err(why) = kept {
            error!(%call, %why, "CDR not put in the index; the next start makes it anew");
        }
    }

    /// The same quarter again, after a crash, changes nothing.
    fn put_quarter(&self, lsn: Lsn, quarter: &Quarter) {
        let whose = match &quarter.of {
            Owned::Queue(name, _) => format!("q{name}"),
            Owned::Agent(name, _) => format!("a{name}"),
        };
        let kept = serde_json::to_vec(quarter)
            .map_err(|why| why.to_string())
            .and_then(|json| self.shelf.put_quarter(lsn, (quarter.start, &whose), &json));
        if let Err(why) = kept {
            error!(%whose, %why, "figures not put in the index; the next start makes it anew");
        }
    }

    /// Writes down how far the folds came, so that the next start goes on from here.
    pub fn checkpoint(&mut self) {
        let mut cdr_fold = self.cdr_fold.clone();
        let keys = &self.keys;
        cdr_fold.subjects_mut().for_each(|subject| keys.seal_known(subject));
        let (seen, kpi_fold) = (self.seen, self.kpi_fold.clone());
        let checkpoint = Checkpoint { seen, counts: self.shelf.count(), cdr_fold, kpi_fold };
        let kept = serde_json::to_vec(&checkpoint)
            .map_err(|why| why.to_string())
            .and_then(|json| self.shelf.put_checkpoint(seen, &json));
        if let Err(why) = kept {
            error!(%why, "checkpoint of the index not written");
        }
        self.since_checkpoint = 0;
    }
}

impl Cdrs {
    /// The last calls, newest first.
    #[must_use]
    pub fn newest(&self, limit: usize) -> Vec<Cdr> {
        self.shelf.newest_cdrs(limit).iter().filter_map(|json| self.opened(json)).collect()
    }

    fn opened(&self, json: &[u8]) -> Option<Cdr> {
        let mut cdr: Cdr = serde_json::from_slice(json).ok()?;
        subjects_of(&mut cdr).for_each(|subject| self.keys.open_subject(subject));
        Some(cdr)
    }
}

fn subjects_of(cdr: &mut Cdr) -> impl Iterator<Item = &mut Subject> {
    let legs = cdr.legs.iter_mut().map(|leg| &mut leg.to);
    [&mut cdr.from, &mut cdr.dialled].into_iter().chain(legs)
}
