//! The power is cut at every operation of a script, with every kind of remains, and the log opens:
//! nothing acknowledged is lost, nothing is invented, the order stands, erased people stay erased.

use holdfast_base::{CallId, Entropy, Lsn, Mono, Now, Wall};
use holdfast_core::record::event::{Event, Fact, Ingress, Subject};
use holdfast_core::record::journal::{Record, StateKey};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::disk::{Disk, UNFINISHED};
use super::frame::{self, Found, Kind};
use super::reader::Reader;
use super::recover::{self, Past};
use super::seal::ERASED;
use super::sim_disk::{Remains, SimDisk};
use super::store::{Sizes, Store, journals};

/// So small that the script closes segments and rewrites the journal several times.
const SMALL: Sizes =
    Sizes { events_bytes: 700, journal_bytes: 400, checked_bytes: 1 << 20, subjects: 100 };

pub fn arrived(lsn: u64, from: &str) -> (Lsn, Record) {
    let fact = Fact::CallArrived {
        call: CallId(lsn),
        trunk: None,
        from: Subject(from.to_owned()),
        dialled: Subject("sales".to_owned()),
        ingress: Ingress::Sip,
    };
    let at = Now {
        mono: Mono::from_micros(lsn * 10),
        wall: Wall::from_micros(i64::try_from(lsn).unwrap()),
    };
    (Lsn(lsn), Record::Event(Event { lsn: Lsn(lsn), at, fact }))
}

pub fn key(name: &str) -> StateKey {
    StateKey::new(name).unwrap()
}

pub fn state(lsn: u64, name: &str, value: Option<&str>) -> (Lsn, Record) {
    let value = value.map(|text| text.as_bytes().to_vec());
    (Lsn(lsn), Record::State { key: key(name), value })
}

pub fn callers(reader: &Reader) -> Vec<(u64, String)> {
    reader
        .since(Lsn(0))
        .map(|read| {
            let event = read.unwrap();
            let Fact::CallArrived { from, .. } = event.fact else { panic!("{event:?}") };
            (event.lsn.0, from.0)
        })
        .collect()
}

pub fn open_with(disk: &Arc<SimDisk>, sizes: Sizes) -> (Store, Past, Reader) {
    let seed = [u8::try_from(disk.operations() % 251).unwrap(); 32];
    let shared: Arc<dyn Disk> = Arc::<SimDisk>::clone(disk);
    let (store, past) = recover::open(Arc::clone(&shared), sizes, Entropy::new(seed)).unwrap();
    let synced = Arc::new(AtomicU64::new(store.last.0));
    let reader = Reader { disk: shared, keys: Arc::clone(&store.keys), synced };
    (store, past, reader)
}

fn open(disk: &Arc<SimDisk>) -> (Store, Past, Reader) {
    open_with(disk, SMALL)
}

enum Step {
    Commit(Vec<(Lsn, Record)>),
    Erase(&'static str),
}

const ANNA: &str = "+49301111111";
const BEN: &str = "+49302222222";

fn script() -> Vec<Step> {
    let mut steps = vec![
        Step::Commit(vec![arrived(1, ANNA), state(2, "a", Some("one")), arrived(3, BEN)]),
        Step::Commit(vec![state(4, "b", Some("two")), state(5, "a", Some("three"))]),
        Step::Commit(vec![arrived(6, ANNA), state(7, "b", None)]),
        Step::Erase(ANNA),
    ];
    for round in 0..4 {
        let lsn = 8 + 4 * round;
        steps.push(Step::Commit(vec![
            arrived(lsn, BEN),
            state(lsn + 1, "c", Some("long long long value of a state that fills the journal")),
            state(lsn + 2, "a", Some(["w", "x", "y", "z"][usize::try_from(round).unwrap()])),
        ]));
        steps.push(Step::Commit(vec![arrived(lsn + 3, ANNA)]));
    }
    steps.push(Step::Erase(ANNA));
    steps
}

/// What must be on disk, and what may be.
#[derive(Default)]
struct Model {
    events: Vec<(u64, String)>,
    states: BTreeMap<StateKey, Vec<u8>>,
    acknowledged: u64,
    /// Records of the batch during which the power went.
    pending: Vec<(Lsn, Record)>,
    pending_erase: Option<&'static str>,
}

impl Model {
    fn acknowledge(&mut self, records: Vec<(Lsn, Record)>) {
        for (lsn, record) in records {
            self.acknowledged = lsn.0;
            match record {
                Record::Event(_) => self.events.extend(event_line(lsn, &record)),
                Record::State { key, value: Some(value) } => {
                    self.states.insert(key, value);
                }
                Record::State { key, value: None } => {
                    self.states.remove(&key);
                }
            }
        }
    }

    fn erase(&mut self, subject: &str) {
        for (_, from) in self.events.iter_mut().filter(|(_, from)| from == subject) {
            *from = ERASED.to_owned();
        }
    }

    fn check(&self, past: &Past, found: &[(u64, String)], next: u64) {
        assert!(next > self.acknowledged, "a position would be used twice");
        assert!(found.is_sorted_by(|one, other| one.0 < other.0), "order: {found:?}");
        let mut erased = Self { events: self.events.clone(), ..Self::default() };
        self.pending_erase.iter().for_each(|subject| erased.erase(subject));
        let old: Vec<_> = found.iter().take(self.events.len()).cloned().collect();
        assert!(old == self.events || old == erased.events, "{old:?} {:?}", self.events);
        let pending: Vec<_> =
            self.pending.iter().filter_map(|(lsn, record)| event_line(*lsn, record)).collect();
        for extra in found.iter().skip(self.events.len()) {
            assert!(pending.contains(extra), "invented {extra:?}");
        }
        let names: BTreeSet<_> = past.states.keys().chain(self.states.keys()).collect();
        for name in names {
            let value = past.states.get(name);
            let may_be = self.pending.iter().any(|(_, record)| {
                matches!(record, Record::State { key, value: then }
                    if key == name && then.as_ref() == value)
            });
            assert!(value == self.states.get(name) || may_be, "{name} {value:?}");
        }
    }
}

fn event_line(lsn: Lsn, record: &Record) -> Option<(u64, String)> {
    match record {
        Record::Event(Event { fact: Fact::CallArrived { from, .. }, .. }) => {
            Some((lsn.0, from.0.clone()))
        }
        Record::Event(_) | Record::State { .. } => None,
    }
}

/// Runs the script until the power goes.
fn run(disk: &Arc<SimDisk>) -> Model {
    let mut model = Model::default();
    let shared: Arc<dyn Disk> = Arc::<SimDisk>::clone(disk);
    let Ok((mut store, _)) = recover::open(shared, SMALL, Entropy::new([9; 32])) else {
        return model;
    };
    for step in script() {
        match step {
            Step::Commit(records) => {
                let batch = store.prepare(records.clone());
                if store.commit(&batch).is_err() {
                    model.pending = records;
                    return model;
                }
                model.acknowledge(records);
                store.tidy();
            }
            Step::Erase(subject) => match store.erase(&Subject(subject.to_owned())) {
                Ok(_) => model.erase(subject),
                Err(_) => {
                    model.pending_erase = Some(subject);
                    return model;
                }
            },
        }
    }
    model
}

fn check(disk: &Arc<SimDisk>, model: &Model) {
    let (mut store, past, reader) = open(disk);
    model.check(&past, &callers(&reader), store.last.0 + 1);
    // The log goes on from here, and a clean restart repairs nothing more.
    let next = store.last.0 + 1;
    let batch = store.prepare(vec![arrived(next, BEN)]);
    store.commit(&batch).unwrap();
    let (store, past, reader) = open(disk);
    assert_eq!(past.repaired, [""; 0]);
    assert_eq!((store.last.0, callers(&reader).last().unwrap().0), (next, next));
    let names: Vec<String> = disk.files().into_keys().collect();
    assert!(journals(&names).len() <= 1, "{names:?}");
    assert!(!names.iter().any(|name| name.ends_with(UNFINISHED)), "{names:?}");
}

#[test]
fn nothing_acknowledged_is_lost_wherever_the_power_goes() {
    let whole = Arc::new(SimDisk::default());
    let complete = run(&whole);
    assert_eq!(complete.acknowledged, 23);
    assert!(whole.operations() > 60, "{}", whole.operations());
    check(&whole, &complete);
    for cut in 1..=whole.operations() {
        let disk = Arc::new(SimDisk::default());
        disk.cut_at(cut);
        let model = run(&disk);
        for remains in Remains::ALL {
            check(&Arc::new(disk.after_power_cut(remains)), &model);
        }
    }
}

#[test]
fn the_power_may_go_again_while_the_log_opens() {
    let whole = Arc::new(SimDisk::default());
    run(&whole);
    for cut in 1..=whole.operations() {
        let disk = Arc::new(SimDisk::default());
        disk.cut_at(cut);
        let model = run(&disk);
        for again in 1..12 {
            let opening = disk.after_power_cut(Remains::SecondHalf);
            opening.cut_at(again);
            let opening = Arc::new(opening);
            let shared: Arc<dyn Disk> = Arc::<SimDisk>::clone(&opening);
            let opened = recover::open(shared, SMALL, Entropy::new([8; 32])).is_ok();
            check(&Arc::new(opening.after_power_cut(Remains::OnlySynced)), &model);
            if opened {
                break;
            }
        }
    }
}

#[test]
fn a_tail_cut_at_any_byte_costs_only_the_last_record() {
    let disk = Arc::new(SimDisk::default());
    let (mut store, _, _) = open_with(&disk, Sizes::default());
    for lsn in 1..=4 {
        let batch = store.prepare(vec![arrived(lsn, BEN)]);
        store.commit(&batch).unwrap();
    }
    let files = disk.files();
    let name = store.events.name.clone();
    let bytes = &files[&name];
    let Some(Found::Frame(last)) = frame::scan(bytes, Kind::Events).unwrap().last() else {
        panic!("no record")
    };
    let start = bytes.len() - last.body.len() - frame::FRAME_BYTES;
    for len in start..bytes.len() {
        let mut files = files.clone();
        files.insert(name.clone(), bytes[..len].to_vec());
        let disk = Arc::new(SimDisk::with(files));
        let (store, past, reader) = open_with(&disk, Sizes::default());
        assert_eq!(callers(&reader).len(), 3, "cut at {len}");
        assert_eq!(store.last, Lsn(3));
        assert_eq!(past.repaired.len(), usize::from(len > start), "{:?}", past.repaired);
    }
}

#[test]
fn a_flipped_byte_costs_at_most_one_record() {
    let disk = Arc::new(SimDisk::default());
    let (mut store, _, _) = open_with(&disk, Sizes::default());
    for lsn in [1, 3, 5] {
        let name = ["a", "b", "c"][usize::try_from(lsn / 2).unwrap()];
        let from = [ANNA, BEN, ANNA][usize::try_from(lsn / 2).unwrap()];
        let batch = store.prepare(vec![arrived(lsn, from), state(lsn + 1, name, Some("v"))]);
        store.commit(&batch).unwrap();
    }
    let files = disk.files();
    for (name, bytes) in &files {
        for place in 0..bytes.len() {
            let mut files = files.clone();
            files.get_mut(name).unwrap()[place] ^= 0x41;
            let disk = Arc::new(SimDisk::with(files));
            let (_, past, reader) = open_with(&disk, Sizes::default());
            let found = callers(&reader);
            let erased = found.iter().filter(|(_, from)| from == ERASED).count();
            let what = format!("{name} at {place}: {found:?} {:?}", past.repaired);
            match name.as_str() {
                // Two of the three are Anna's, and each event also holds what was dialled.
                "subjects.log" => assert!(found.len() == 3 && erased <= 2, "{what}"),
                "master.key" => assert!(found.len() == 3 && erased == 0, "{what}"),
                _ => {
                    assert!(found.len() + past.states.len() >= 5 && erased == 0, "{what}");
                }
            }
            assert!(!past.repaired.is_empty(), "{what}");
            let aside = disk.files().keys().any(|file| file.ends_with(".damaged"));
            let cut = past.repaired.iter().any(|says| says.contains("cut"));
            let keys = name == "subjects.log" || name == "master.key";
            assert!(keys || aside || cut, "{what}");
            let (_, past, _) = open_with(&disk, Sizes::default());
            assert!(name == "master.key" || past.repaired.is_empty(), "{what} {:?}", past.repaired);
        }
    }
}

#[test]
fn a_full_disk_loses_nothing_and_changes_no_order() {
    for failures in 1..12 {
        let disk = Arc::new(SimDisk::default());
        let (mut store, _, _) = open(&disk);
        for lsn in 1..=20 {
            if lsn == 7 {
                disk.fail(failures);
            }
            let name = if lsn % 2 == 0 { "even" } else { "odd" };
            let records = vec![arrived(2 * lsn, BEN), state(2 * lsn + 1, name, Some("value"))];
            let batch = store.prepare(records);
            let mut tries: Vec<io::Result<()>> = Vec::new();
            while !matches!(tries.last(), Some(Ok(()))) {
                assert!(tries.len() <= failures, "livelock");
                tries.push(store.commit(&batch));
            }
            store.tidy();
        }
        let disk = Arc::new(disk.after_power_cut(Remains::OnlySynced));
        let (_, past, reader) = open(&disk);
        let lsns: Vec<u64> = callers(&reader).into_iter().map(|(lsn, _)| lsn).collect();
        assert_eq!(lsns, (1..=20).map(|lsn| 2 * lsn).collect::<Vec<_>>());
        assert_eq!((past.states.len(), past.repaired), (2, Vec::new()));
    }
}
