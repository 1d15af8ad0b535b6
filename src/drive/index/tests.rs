//! The index follows a real log, is made anew when it does not fit, and forgets who is erased.
use holdfast_base::{CallId, ContactId, Lsn, Mono, Now, QueueName, Wall};
use holdfast_config::Zone;
use holdfast_core::record::event::{Cdr, EndedBy, Event, Fact, Ingress, Subject};
use holdfast_core::record::journal::Record;
use holdfast_core::record::kpi::Thresholds;
use holdfast_core::record::kpi::report::{Asked, Question};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use super::Index;
use super::shelf::{Shelf, Unfit, guarded};
use crate::log::{Log, Options, Sizes};

/// Wake-ups that a test may leave unread; more are lost, as a bell that rings already.
const WOKEN_MAX: usize = 4096;

/// A directory of the real file system that goes with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let dir =
            std::env::temp_dir().join(format!("holdfast-{}-index-{name}", std::process::id()));
        assert!(!dir.exists(), "{} is left over", dir.display());
        Self(dir)
    }
    fn index(&self) -> PathBuf {
        self.0.join("index")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // It may never have been made.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A log on a real disk to which calls can be added.
struct Site {
    log: Log,
    woken: Receiver<Lsn>,
    next: u64,
}

impl Site {
    fn start(dir: &Path) -> Self {
        let (sender, woken) = sync_channel(WOKEN_MAX);
        let wake = Box::new(move |lsn| {
            // The test may have ended.
            let _ = sender.send(lsn);
        });
        let options = Options { sizes: Sizes::default(), wake };
        let (log, recovered) = Log::open(&dir.join("log"), options).unwrap();
        Self { log, woken, next: recovered.next_lsn.0 }
    }

    fn fact(&mut self, fact: Fact) {
        self.fact_at(Wall::from_micros(i64::try_from(self.next).unwrap()), fact);
    }

    fn fact_at(&mut self, wall: Wall, fact: Fact) {
        let lsn = Lsn(self.next);
        let at = Now { mono: Mono::from_micros(self.next), wall };
        self.log.append(vec![(lsn, Record::Event(Event { lsn, at, fact }))]).unwrap();
        self.next += 1;
        while self.log.synced() < lsn {
            self.woken.recv_timeout(Duration::from_secs(20)).unwrap();
        }
    }

    fn arrives(&mut self, call: u64, from: &str) {
        self.fact(Fact::CallArrived {
            call: CallId(call),
            trunk: None,
            from: Subject(from.to_owned()),
            dialled: Subject("sales".to_owned()),
            ingress: Ingress::Sip,
            sip_call_id: None,
        });
    }

    fn ends(&mut self, call: u64) {
        self.fact(Fact::CallEnded {
            call: CallId(call),
            by: EndedBy::Caller,
            status: None,
            cause: None,
        });
    }

    fn index(&self, dir: &Scratch) -> (Index, Vec<String>) {
        Index::open(&dir.index(), self.log.reader(), BTreeMap::new())
    }
}

fn newest(index: &Index, limit: usize) -> Vec<String> {
    let line = |cdr: &Cdr| format!("{} {}", cdr.call, cdr.from.0);
    index.cdrs().newest(limit).iter().map(line).collect()
}

#[test]
fn the_index_follows_the_log_and_goes_on_from_its_checkpoint() {
    let dir = Scratch::new("follow");
    let mut site = Site::start(&dir.0);
    site.arrives(1, "+491");
    site.arrives(2, "+492");
    site.ends(2);
    let (mut index, says) = site.index(&dir);
    assert_eq!(says, ["index made anew: there was none"]);
    assert_eq!(newest(&index, 9), ["call-2 +492"]);
    site.ends(1);
    index.follow();
    assert_eq!(newest(&index, 9), ["call-1 +491", "call-2 +492"]);
    assert_eq!(newest(&index, 1), ["call-1 +491"]);
    site.arrives(3, "+493");
    index.follow();
    index.checkpoint();
    drop(index);
    site.ends(3);
    let (index, says) = site.index(&dir);
    assert_eq!(says, [""; 0]);
    assert_eq!(newest(&index, 9), ["call-3 +493", "call-1 +491", "call-2 +492"]);
    assert_eq!(index.seen(), Lsn(6));
    assert!(site.log.close());
}

#[test]
fn an_index_that_is_gone_cut_or_falsified_is_made_anew() {
    let dir = Scratch::new("anew");
    let mut site = Site::start(&dir.0);
    for call in 1..=3 {
        site.arrives(call, "+49");
        site.ends(call);
    }
    let whole = ["call-3 +49", "call-2 +49", "call-1 +49"];
    drop(site.index(&dir));

    fs::remove_dir_all(dir.index()).unwrap();
    let (index, says) = site.index(&dir);
    assert_eq!((newest(&index, 9), says.len()), (whole.map(String::from).to_vec(), 1));
    drop(index);

    for file in ["db", "conf"] {
        let path = dir.index().join(file);
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() / 3]).unwrap();
        let (index, says) = site.index(&dir);
        assert_eq!(newest(&index, 9), whole, "{file} {says:?}");
        drop(index);
    }

    let Shelf::Sled { cdrs, .. } = Shelf::open(&dir.index()).unwrap().0 else { panic!("memory") };
    let (key, value) = cdrs.first().unwrap().unwrap();
    let mut flipped = value.to_vec();
    flipped[40] ^= 1;
    cdrs.insert(&key, flipped).unwrap();
    drop(cdrs);
    let (index, says) = site.index(&dir);
    assert_eq!(says, ["index made anew: a value is damaged"]);
    assert_eq!(newest(&index, 9), whole);
    drop(index);

    let Shelf::Sled { cdrs, .. } = Shelf::open(&dir.index()).unwrap().0 else { panic!("memory") };
    cdrs.remove(&key).unwrap();
    drop(cdrs);
    let (index, says) = site.index(&dir);
    assert_eq!(says, ["index made anew: CDRs or figures are missing"]);
    assert_eq!(newest(&index, 9), whole);
    assert!(site.log.close());
}

#[test]
fn an_index_of_another_log_or_other_thresholds_is_made_anew() {
    let dir = Scratch::new("other");
    let mut site = Site::start(&dir.0);
    site.arrives(1, "+49");
    site.ends(1);
    drop(site.index(&dir));
    let strict = Thresholds { level_ms: 1, short_ms: 1 };
    let thresholds = BTreeMap::from([(QueueName::new("sales"), strict)]);
    let (index, says) = Index::open(&dir.index(), site.log.reader(), thresholds);
    assert_eq!(says, ["index made anew: the thresholds of a queue have changed"]);
    drop(index);
    assert!(site.log.close());

    fs::remove_dir_all(dir.0.join("log")).unwrap();
    let site = Site::start(&dir.0);
    let (index, says) = site.index(&dir);
    assert_eq!(says, ["index made anew: it knows events that are not in the log"]);
    assert_eq!(newest(&index, 9), [""; 0]);
    assert!(site.log.close());
}

#[test]
fn a_forgotten_person_is_forgotten_in_the_index() {
    let dir = Scratch::new("forget");
    let mut site = Site::start(&dir.0);
    site.arrives(1, "+49301111111");
    site.ends(1);
    site.arrives(2, "+49301111111");
    let (mut index, _) = site.index(&dir);
    assert_eq!(newest(&index, 9), ["call-1 +49301111111"]);
    let answer = site.log.erase(Subject("+49301111111".to_owned())).unwrap();
    assert!(answer.recv().unwrap().unwrap());
    site.ends(2);
    index.follow();
    index.checkpoint();
    assert_eq!(newest(&index, 9), ["call-2 erased", "call-1 erased"]);
    drop(index);
    for entry in fs::read_dir(dir.index()).unwrap() {
        let path = entry.unwrap().path();
        let bytes = if path.is_file() { fs::read(path).unwrap() } else { Vec::new() };
        assert!(!bytes.windows(12).any(|window| window == b"+49301111111"));
    }
    assert!(site.log.close());
}

#[test]
fn without_a_directory_the_index_lives_in_memory() {
    let dir = Scratch::new("memory");
    let mut site = Site::start(&dir.0);
    site.arrives(1, "+49");
    site.ends(1);
    fs::write(dir.0.join("file"), b"no directory").unwrap();
    let beneath = dir.0.join("file").join("index");
    let (index, says) = Index::open(&beneath, site.log.reader(), BTreeMap::new());
    assert!(says.last().unwrap().starts_with("index kept in memory"), "{says:?}");
    assert_eq!(newest(&index, 9), ["call-1 +49"]);
    assert!(site.log.close());
}

#[test]
fn a_panic_while_it_opens_is_an_answer() {
    let panics = || -> Result<(), Unfit> { panic!("as sled does with a file cut short") };
    assert_eq!(guarded(panics), Err(Unfit::Broken("it panicked".to_owned())));
}

/// What was offered on each day of January 1970.
fn offered(index: &Index) -> Vec<Option<u64>> {
    let (from, until) = ("1970-01-01".to_owned(), "1970-02-01".to_owned());
    let asked = Asked { from, until, interval: "1d".to_owned(), ..Asked::default() };
    let now = Now { mono: Mono::from_micros(0), wall: Wall::from_micros(0) };
    let question = Question::read(&asked, &Zone::named("UTC").unwrap(), now.wall).unwrap();
    let report = index.report(now, question).unwrap();
    report.rows.iter().map(|row| row.figures["offered"]).collect()
}

#[test]
fn figures_of_the_past_outlive_a_restart_and_a_lost_index() {
    let dir = Scratch::new("figures");
    let mut site = Site::start(&dir.0);
    // Two days and a half, of which the fold keeps two: a call in each quarter.
    for quarter in 0..240 {
        let wall = Wall::from_micros(quarter * 900 * 1_000_000);
        let contact = ContactId(u64::try_from(quarter).unwrap());
        let (call, queue) = (CallId(contact.0), QueueName::new("sales"));
        site.fact_at(wall, Fact::Enqueued { contact, call, queue });
    }
    let days = [Some(96), Some(96), Some(48)];
    let (index, _) = site.index(&dir);
    assert_eq!(offered(&index), days);
    drop(index);
    let (index, says) = site.index(&dir);
    assert_eq!((offered(&index), says), (days.to_vec(), vec![]));
    drop(index);
    fs::remove_dir_all(dir.index()).unwrap();
    let (index, _) = site.index(&dir);
    assert_eq!(offered(&index), days);
}
