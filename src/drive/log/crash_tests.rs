//! The power is cut at every operation of a script, with every kind of remains, and the log opens:
//! what it gives back is a whole number of steps, all that were acknowledged, and erased people
//! stay erased.

use holdfast_base::{CallId, Entropy, Lsn, Mono, Now, Wall};
use holdfast_core::record::event::{Event, Fact, Ingress, Subject};
use holdfast_core::record::journal::{Record, StateKey};
use proptest::prelude::{ProptestConfig, Strategy, prop, proptest};
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::disk::{Disk, UNFINISHED};
use super::frame::{self, Found, Kind};
use super::reader::Reader;
use super::recover::{self, Past};
use super::seal::ERASED;
use super::sim_disk::{Remains, SimDisk};
use super::store::{Sizes, Step, Store, journals};

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
        sip_call_id: None,
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

/// Writes one step.
pub fn commit(store: &mut Store, step: Step) {
    let batch = store.prepare(vec![step]);
    store.commit(&batch).unwrap();
}

enum Act {
    /// Steps that become one batch.
    Commit(Vec<Step>),
    Erase(&'static str),
}

const ANNA: &str = "+49301111111";
const BEN: &str = "+49302222222";

fn script() -> Vec<Act> {
    let mut acts = vec![
        Act::Commit(vec![
            vec![arrived(1, ANNA), state(2, "a", Some("one"))],
            vec![arrived(3, BEN)],
        ]),
        Act::Commit(vec![vec![state(4, "b", Some("two")), state(5, "a", Some("three"))]]),
        Act::Commit(vec![vec![arrived(6, ANNA), state(7, "b", None)]]),
        Act::Erase(ANNA),
    ];
    for round in 0..4 {
        let lsn = 8 + 4 * round;
        let long = "long long long value of a state that fills the journal";
        let value = ["w", "x", "y", "z"][usize::try_from(round).unwrap()];
        acts.push(Act::Commit(vec![
            vec![arrived(lsn, BEN), state(lsn + 1, "c", Some(long))],
            vec![state(lsn + 2, "a", Some(value))],
        ]));
        acts.push(Act::Commit(vec![vec![arrived(lsn + 3, ANNA)]]));
    }
    acts.push(Act::Erase(ANNA));
    acts
}

/// What was asked of the log, and how much of it was acknowledged.
#[derive(Clone, Default)]
struct Model {
    steps: Vec<Step>,
    /// How many of the steps are acknowledged.
    acknowledged: usize,
    /// Who was forgotten, and after how many steps.
    erased: Vec<(usize, &'static str)>,
    pending_erase: Option<(usize, &'static str)>,
}

type Seen = (Vec<(u64, String)>, BTreeMap<StateKey, Vec<u8>>);

impl Model {
    /// What must be found when the first steps are on disk and no others.
    fn after(&self, steps: usize, erased: &[(usize, &'static str)]) -> Seen {
        let (mut events, mut states) = (Vec::new(), BTreeMap::new());
        for (index, step) in self.steps.iter().take(steps).enumerate() {
            for (lsn, record) in step {
                match record {
                    Record::Event(Event { fact: Fact::CallArrived { from, .. }, .. }) => {
                        let gone = |(then, who): &(usize, &str)| index < *then && *who == from.0;
                        let gone = erased.iter().any(gone);
                        events.push((lsn.0, if gone { ERASED } else { &from.0 }.to_owned()));
                    }
                    Record::Event(other) => panic!("{other:?}"),
                    Record::State { key, value: Some(value) } => {
                        states.insert(key.clone(), value.clone());
                    }
                    Record::State { key, value: None } => {
                        states.remove(key);
                    }
                }
            }
        }
        (events, states)
    }

    fn check(&self, last: Lsn, seen: &Seen) {
        let ends = self.steps.iter().map(|step| step.last().unwrap().0);
        let whole = ends.clone().take_while(|end| *end <= last).count();
        let end = self
            .steps
            .get(..whole)
            .and_then(<[_]>::last)
            .map_or(Lsn(0), |step| step.last().unwrap().0);
        assert_eq!(end, last, "the log ends within a step: {:?}", ends.collect::<Vec<_>>());
        assert!(whole >= self.acknowledged, "{whole} of {} steps", self.acknowledged);
        let also: Vec<_> = self.erased.iter().copied().chain(self.pending_erase).collect();
        let expected = [self.after(whole, &self.erased), self.after(whole, &also)];
        assert!(expected.contains(seen), "{seen:?}\n{expected:?}");
    }
}

/// Runs the script until the power goes.
fn run(disk: &Arc<SimDisk>) -> Model {
    let mut model = Model::default();
    let shared: Arc<dyn Disk> = Arc::<SimDisk>::clone(disk);
    let Ok((mut store, _)) = recover::open(shared, SMALL, Entropy::new([9; 32])) else {
        return model;
    };
    for act in script() {
        match act {
            Act::Commit(steps) => {
                model.steps.extend(steps.clone());
                let batch = store.prepare(steps);
                if store.commit(&batch).is_err() {
                    return model;
                }
                model.acknowledged = model.steps.len();
                store.tidy();
            }
            Act::Erase(subject) => {
                let erase = (model.steps.len(), subject);
                if store.erase(&Subject(subject.to_owned())).is_err() {
                    model.pending_erase = Some(erase);
                    return model;
                }
                model.erased.push(erase);
            }
        }
    }
    model
}

fn check(disk: &Arc<SimDisk>, model: &Model) {
    let (store, past, reader) = open(disk);
    let seen = (callers(&reader), past.states);
    model.check(store.last, &seen);
    // A clean restart repairs nothing more, and the log goes on from here.
    let (mut store, past, reader) = open(disk);
    assert_eq!(past.repaired, [""; 0]);
    assert_eq!((callers(&reader), past.states), seen);
    let next = store.last.0 + 1;
    commit(&mut store, vec![arrived(next, BEN), state(next + 1, "next", Some("value"))]);
    let (store, past, reader) = open(disk);
    assert_eq!(past.repaired, [""; 0]);
    assert_eq!((store.last.0, callers(&reader).last().unwrap().0), (next + 1, next));
    assert_eq!(past.states.len(), seen.1.len() + 1);
    let names: Vec<String> = disk.files().into_keys().collect();
    assert!(journals(&names).len() <= 1, "{names:?}");
    assert!(!names.iter().any(|name| name.ends_with(UNFINISHED)), "{names:?}");
}

#[test]
fn nothing_acknowledged_is_lost_wherever_the_power_goes() {
    let whole = Arc::new(SimDisk::default());
    let complete = run(&whole);
    assert_eq!((complete.steps.len(), complete.acknowledged), (16, 16));
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
        commit(&mut store, vec![arrived(lsn, BEN)]);
    }
    let files = disk.files();
    let name = store.events.name.clone();
    let bytes = &files[&name];
    let frames: Vec<_> = frame::scan(bytes, Kind::Events).unwrap().collect();
    let [.., Found::Frame(last), Found::Frame(mark)] = &frames[..] else { panic!("{frames:?}") };
    let start = bytes.len() - last.body.len() - mark.body.len() - 2 * frame::FRAME_BYTES;
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
        commit(&mut store, vec![arrived(lsn, from), state(lsn + 1, name, Some("v"))]);
    }
    // What came later proves that the rest was whole.
    commit(&mut store, vec![state(7, "d", Some("v"))]);
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
                    assert!(found.len() + past.states.len() >= 6 && erased == 0, "{what}");
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
            let batch = store.prepare(vec![records]);
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

/// A log of acknowledged steps and a last batch that no sync made durable.
fn at_risk(batches: &[Vec<Step>]) -> (SimDisk, Model) {
    let disk = Arc::new(SimDisk::default());
    let (mut store, _, _) = open(&disk);
    let mut model = Model::default();
    for (index, steps) in batches.iter().enumerate() {
        if index + 1 == batches.len() {
            disk.lie();
        } else {
            model.acknowledged += steps.len();
        }
        model.steps.extend(steps.clone());
        let batch = store.prepare(steps.clone());
        store.commit(&batch).unwrap();
        if model.acknowledged == model.steps.len() {
            store.tidy();
        }
    }
    drop(store);
    (Arc::into_inner(disk).expect("nobody reads any more"), model)
}

#[test]
fn half_a_step_is_never_seen_whatever_byte_is_the_last_of_each_file() {
    let (disk, model) = at_risk(&[
        vec![vec![arrived(1, ANNA), arrived(2, BEN), state(3, "call", Some("offered"))]],
        vec![
            vec![arrived(4, BEN), state(5, "call", Some("talking")), state(6, "offer", None)],
            vec![arrived(7, ANNA), state(8, "call", None)],
        ],
    ]);
    let mut unsynced = BTreeMap::new();
    drop(disk.after_torn_writes(|name, len| {
        unsynced.insert(name.to_owned(), len);
        len
    }));
    let most = *unsynced.values().max().unwrap();
    assert!(unsynced.values().filter(|len| **len > 100).count() == 2, "{unsynced:?}");
    for torn in ["journal-", "events-"] {
        for kept in 0..=most {
            for other in [0, 60, most] {
                let disk = disk.after_torn_writes(|name, len| {
                    if name.starts_with(torn) { kept.min(len) } else { other.min(len) }
                });
                check(&Arc::new(disk), &model);
            }
        }
    }
}

#[test]
fn what_is_written_after_a_repair_survives_the_next_power_cut() {
    let (disk, _) = at_risk(&[
        vec![vec![arrived(1, ANNA), state(2, "call", Some("offered"))]],
        vec![vec![arrived(3, BEN), state(4, "call", Some("talking"))]],
    ]);
    // Of the last batch the journal has its part and the events have nothing.
    let torn = |name: &str, len| if name.starts_with("journal-") { len } else { 0 };
    let disk = Arc::new(disk.after_torn_writes(torn));
    let (mut store, _, _) = open(&disk);
    assert_eq!(store.last, Lsn(2), "repaired");
    commit(&mut store, vec![state(3, "call", Some("waiting"))]);
    drop(store);
    let (store, past, _) = open(&Arc::new(disk.after_power_cut(Remains::OnlySynced)));
    assert_eq!(store.last, Lsn(3));
    assert_eq!(past.states.get(&key("call")).map(Vec::as_slice), Some(&b"waiting"[..]));
}

fn batches() -> impl Strategy<Value = Vec<Vec<Step>>> {
    let record = 0..6_u8;
    let step = prop::collection::vec(record, 1..5);
    let batch = prop::collection::vec(step, 1..4);
    prop::collection::vec(batch, 1..8).prop_map(|batches| {
        // The keys of both people are durable before anything is at risk.
        let mut all = vec![vec![vec![arrived(1, ANNA), arrived(2, BEN)]]];
        let mut next = 3;
        let mut record = |kind| {
            let lsn = next;
            next += 1;
            match kind {
                0 => arrived(lsn, ANNA),
                1 => arrived(lsn, BEN),
                2 => state(lsn, "a", Some("value")),
                3 => state(lsn, "b", Some("a longer value that fills the journal")),
                4 => state(lsn, "a", None),
                _ => state(lsn, "b", None),
            }
        };
        all.extend(batches.into_iter().map(|batch| {
            let step = |step: Vec<u8>| step.into_iter().map(&mut record).collect();
            batch.into_iter().map(step).collect::<Vec<Step>>()
        }));
        all
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]
    /// Stands behind the disk of the simulation, which cuts between steps only.
    #[test]
    fn a_power_cut_leaves_a_whole_number_of_steps(
        batches in batches(),
        journal in 0..=100_usize,
        events in 0..=100_usize,
    ) {
        let (disk, model) = at_risk(&batches);
        let disk = disk.after_torn_writes(|name, len| {
            let percent = if name.starts_with("journal-") { journal } else { events };
            len * percent / 100
        });
        check(&Arc::new(disk), &model);
    }
}

#[test]
fn a_flipped_byte_at_the_end_never_leaves_half_a_step() {
    let disk = Arc::new(SimDisk::default());
    let (mut store, _, _) = open_with(&disk, Sizes::default());
    let mut model = Model::default();
    for lsn in [1, 3] {
        let step =
            vec![arrived(lsn, BEN), state(lsn + 1, "call", Some(["a", "b"][usize::from(lsn > 1)]))];
        model.steps.push(step.clone());
        commit(&mut store, step);
    }
    model.acknowledged = 1;
    for (name, len) in
        [(&store.events.name, store.events.len), (&store.journal.name, store.journal.len)]
    {
        let files = disk.files();
        // The last third lies within the last batch.
        for place in usize::try_from(len * 2 / 3).unwrap()..usize::try_from(len).unwrap() {
            let mut files = files.clone();
            files.get_mut(name).unwrap()[place] ^= 0x41;
            check(&Arc::new(SimDisk::with(files)), &model);
        }
    }
}
