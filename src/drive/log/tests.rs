//! The log as its users see it.

use holdfast_base::{Entropy, Lsn};
use holdfast_core::record::event::Subject;
use holdfast_core::record::journal::{Record, STATE_VALUE_BYTES_MAX};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use super::crash_tests::{arrived, callers, commit, key, open_with, state};
use super::disk::Disk as _;
use super::frame::{self, Found, Kind};
use super::sim_disk::SimDisk;
use super::{
    ERASED, Health, Log, NotTaken, OpenError, Options, QUEUE_RECORDS_MAX, Recovered, Sizes,
};

/// Wake-ups that a test may leave unread; more are lost, as a bell that rings already.
const WOKEN_MAX: usize = 4096;

const ANNA: &str = "+49301111111";
const BEN: &str = "+49302222222";

/// A directory of the real file system that goes with the test.
pub struct Scratch(pub PathBuf);

impl Scratch {
    pub fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("holdfast-{}-{name}", std::process::id()));
        assert!(!dir.exists(), "{} is left over", dir.display());
        Self(dir)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // It may never have been made.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn options() -> (Options, Receiver<Lsn>) {
    let (sender, woken) = sync_channel(WOKEN_MAX);
    let wake = Box::new(move |lsn| {
        // The test may have ended.
        let _ = sender.send(lsn);
    });
    (Options { sizes: Sizes::default(), wake }, woken)
}

fn start(disk: &Arc<SimDisk>) -> (Log, Recovered, Receiver<Lsn>) {
    let (options, woken) = options();
    let disk = Arc::<SimDisk>::clone(disk);
    let (log, recovered) = Log::start(disk, options, Entropy::new([3; 32]), None).unwrap();
    (log, recovered, woken)
}

fn wait(woken: &Receiver<Lsn>, until: Lsn) {
    while woken.recv_timeout(Duration::from_secs(20)).expect("the log is durable") < until {}
}

#[test]
fn a_log_on_a_real_disk_gives_back_what_was_written() {
    let dir = Scratch::new("log-real");
    let (first_options, woken) = options();
    let (log, recovered) = Log::open(&dir.0, first_options).unwrap();
    assert_eq!((recovered.next_lsn, recovered.states.len()), (Lsn(1), 0));
    log.append(vec![arrived(1, ANNA), state(2, "call-1", Some("dialog"))]).unwrap();
    log.append(vec![state(3, "call-2", Some("gone"))]).unwrap();
    wait(&woken, Lsn(3));
    assert_eq!((log.synced(), log.health(), log.waiting()), (Lsn(3), Health::Good, 0));
    log.append(vec![state(4, "call-2", None)]).unwrap();

    let Err(OpenError::InUse(used)) = Log::open(&dir.0, options().0) else {
        panic!("two processes would write one log")
    };
    assert_eq!(used, dir.0);
    assert!(log.close());

    for entry in fs::read_dir(&dir.0).unwrap() {
        let mode = entry.unwrap().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "others can read");
    }
    let (log, recovered) = Log::open(&dir.0, options().0).unwrap();
    assert_eq!(recovered.next_lsn, Lsn(5));
    assert_eq!(recovered.last.mono.micros(), 10);
    assert_eq!(recovered.states, BTreeMap::from([(key("call-1"), b"dialog".to_vec())]));
    assert_eq!(callers(&recovered.events), [(1, ANNA.to_owned())]);
    assert_eq!(recovered.repaired, [""; 0]);
    assert!(log.close());
}

#[test]
fn a_full_disk_delays_the_log_and_says_so() {
    let disk = Arc::new(SimDisk::default());
    let (log, _, woken) = start(&disk);
    disk.fail(usize::MAX);
    let mut taken = 0;
    let step = |after: u64| (1..=3).map(|lsn| state(after + lsn, "key", Some("value"))).collect();
    while log.append(step(taken)).is_ok() {
        taken += 3;
    }
    assert!(taken >= u64::try_from(QUEUE_RECORDS_MAX).unwrap(), "{taken}");
    assert_eq!((log.refused(), log.synced(), log.alive()), (3, Lsn(0), true));
    assert_eq!(log.waiting(), usize::try_from(taken).unwrap());
    let says = std::iter::repeat_with(|| log.health()).find(|health| *health != Health::Good);
    assert!(matches!(says, Some(Health::Degraded(says)) if says.contains("refuses")));
    disk.fail(0);
    wait(&woken, Lsn(taken));
    assert_eq!(log.health(), Health::Good);
    assert!(log.close());
}

#[test]
fn a_log_that_stops_on_a_full_disk_says_what_is_missing() {
    let disk = Arc::new(SimDisk::default());
    let (log, _, _woken) = start(&disk);
    disk.fail(usize::MAX);
    log.append(vec![arrived(1, ANNA)]).unwrap();
    assert!(!log.close());
}

#[test]
fn subjects_beyond_the_limit_are_not_kept() {
    let sizes = Sizes { subjects: 2, ..Sizes::default() };
    let disk = Arc::new(SimDisk::default());
    let (mut store, _, reader) = open_with(&disk, sizes);
    commit(&mut store, vec![arrived(1, ANNA), arrived(2, BEN), arrived(3, ANNA)]);
    reader.synced.store(3, Ordering::Release);
    // Anna and what she dialled fill the store.
    let seen = [(1, ANNA.to_owned()), (2, ERASED.to_owned()), (3, ANNA.to_owned())];
    assert_eq!(callers(&reader), seen);
}

#[test]
fn positions_go_on_when_nothing_is_left_of_the_records() {
    let sizes = Sizes { journal_bytes: 300, ..Sizes::default() };
    let disk = Arc::new(SimDisk::default());
    let (mut store, _, _) = open_with(&disk, sizes);
    for lsn in 1..=9 {
        let value = (lsn % 2 == 0).then_some("a value that fills the journal for a while");
        commit(&mut store, vec![state(lsn, "call-1", value)]);
    }
    store.tidy();
    assert_eq!(store.journal.name, "journal-0000000002.log");
    let (store, past, _) = open_with(&disk, sizes);
    assert_eq!((store.last, past.states.len()), (Lsn(9), 0));
}

#[test]
fn a_state_has_a_limit() {
    let disk = Arc::new(SimDisk::default());
    let (log, _, _woken) = start(&disk);
    let value = |len| Record::State { key: key("call-1"), value: Some(vec![0; len]) };
    assert_eq!(log.append(vec![(Lsn(1), value(STATE_VALUE_BYTES_MAX))]), Ok(()));
    let half = vec![arrived(2, ANNA), (Lsn(3), value(STATE_VALUE_BYTES_MAX + 1))];
    assert_eq!(log.append(half), Err(NotTaken::TooLarge));
    assert_eq!((log.refused(), log.append(vec![])), (2, Ok(())));
    assert!(log.close());
    let (log, recovered, _woken) = start(&disk);
    assert_eq!((recovered.next_lsn, callers(&recovered.events)), (Lsn(2), Vec::new()));
    assert!(log.close());
}

#[test]
fn a_reader_sees_what_is_durable_from_any_position() {
    let disk = Arc::new(SimDisk::default());
    let (log, recovered, woken) = start(&disk);
    for lsn in 1..=5 {
        log.append(vec![arrived(lsn, BEN)]).unwrap();
    }
    wait(&woken, Lsn(5));
    for from in 0..=6 {
        let lsns: Vec<u64> =
            recovered.events.since(Lsn(from)).map(|read| read.unwrap().lsn.0).collect();
        assert_eq!(lsns, (from + 1..=5).collect::<Vec<_>>());
    }
    let mut dump = Vec::new();
    recovered.events.dump(Lsn(4), &mut dump).unwrap();
    assert_eq!(
        String::from_utf8(dump).unwrap(),
        "lsn-5 1970-01-01T00:00:00.000Z CallArrived { call: CallId(5), trunk: None, \
         from: +4\u{2026}22, dialled: \u{2026}, ingress: Sip, sip_call_id: None }\n"
    );
    assert!(log.close());
}

#[test]
fn a_reader_goes_on_over_segments_and_damage() {
    let sizes = Sizes { events_bytes: 600, ..Sizes::default() };
    let disk = Arc::new(SimDisk::default());
    let (mut store, _, reader) = open_with(&disk, sizes);
    let mut events = reader.since(Lsn(2));
    let mut trace = Vec::new();
    for lsn in 1..=9 {
        commit(&mut store, vec![arrived(lsn, BEN)]);
        if lsn == 7 {
            // Bit rot in the last record, before anyone has read it.
            let place = store.events.len / 4;
            disk.write_at(&store.events.name, place, b"?").unwrap();
        }
        // The writer is ahead of what it has told, and sometimes by two.
        match lsn % 4 {
            1 => {}
            2 => reader.synced.store(lsn - 1, Ordering::Release),
            _ => reader.synced.store(lsn, Ordering::Release),
        }
        events.resume();
        let read = events.by_ref().map(|read| match read {
            Ok(event) => event.lsn.to_string(),
            Err(unreadable) => unreadable.says,
        });
        trace.push(format!("{lsn}: {}", read.collect::<Vec<_>>().join(", ")));
    }
    assert_eq!(disk.files().keys().filter(|name| name.starts_with("events-")).count(), 5);
    assert_eq!(
        trace,
        [
            "1: ",
            "2: ",
            "3: lsn-3",
            "4: lsn-4",
            "5: ",
            "6: lsn-5",
            "7: lsn-6, 373 bytes at 16 are damaged",
            "8: lsn-8",
            "9: ",
        ]
    );
}

fn contains(files: &BTreeMap<String, Vec<u8>>, secret: &[u8]) -> Vec<String> {
    let holds = |bytes: &[u8]| bytes.windows(secret.len()).any(|window| window == secret);
    files.iter().filter(|(_, bytes)| holds(bytes)).map(|(name, _)| name.clone()).collect()
}

fn subject_keys(files: &BTreeMap<String, Vec<u8>>) -> Vec<Vec<u8>> {
    frame::scan(&files["subjects.log"], Kind::Subjects)
        .unwrap()
        .map(|found| match found {
            Found::Frame(frame) => frame.body[16..].to_vec(),
            Found::Damage(_) | Found::Tail(_) => panic!("{found:?}"),
        })
        .collect()
}

#[test]
fn a_forgotten_person_leaves_neither_text_nor_key() {
    let disk = Arc::new(SimDisk::default());
    let (log, recovered, woken) = start(&disk);
    log.append(vec![arrived(1, ANNA), arrived(2, BEN), state(3, "call-1", Some(ANNA))]).unwrap();
    wait(&woken, Lsn(3));
    assert_eq!(contains(&disk.files(), ANNA.as_bytes()), [""; 0]);
    let before = subject_keys(&disk.files());

    let answer = log.erase(Subject(ANNA.to_owned())).unwrap();
    assert!(answer.recv().unwrap().unwrap());
    let again = log.erase(Subject(ANNA.to_owned())).unwrap();
    assert!(!again.recv().unwrap().unwrap());
    let seen = [(1, ERASED.to_owned()), (2, BEN.to_owned())];
    assert_eq!(callers(&recovered.events), seen);
    let after = subject_keys(&disk.files());
    let gone: Vec<_> = before.iter().filter(|key| !after.contains(key)).collect();
    assert_eq!((before.len(), gone.len()), (3, 1));
    assert_eq!(contains(&disk.files(), gone[0]), [""; 0]);
    assert_eq!(contains(&disk.files(), &after[0]), ["subjects.log"], "the search finds keys");

    // The same person calls again: a new key, which does not open the old record.
    log.append(vec![arrived(4, ANNA)]).unwrap();
    wait(&woken, Lsn(4));
    assert!(log.close());
    let (log, recovered, _woken) = start(&disk);
    let [first, second] = seen;
    assert_eq!(callers(&recovered.events), [first, second, (4, ANNA.to_owned())]);
    assert!(log.close());
}

mod round_trip {
    use super::super::crash_tests::{commit, open_with};
    use super::super::sim_disk::SimDisk;
    use super::super::store::Sizes;
    use holdfast_base::{CallId, LegId, Lsn, Mono, Now, TrunkName, Wall};
    use holdfast_core::record::event::{Event, Fact, Ingress, LegEnd, Subject};
    use holdfast_core::record::journal::{Record, StateKey};
    use proptest::prelude::{ProptestConfig, Strategy, any, prop, prop_oneof, proptest};
    use std::collections::BTreeMap;
    use std::sync::Arc;

    fn fact() -> impl Strategy<Value = Fact> {
        prop_oneof![
            (any::<u64>(), ".{0,30}", any::<String>()).prop_map(|(call, from, dialled)| {
                Fact::CallArrived {
                    call: CallId(call),
                    trunk: Some(TrunkName::new("carrier")),
                    from: Subject(from),
                    dialled: Subject(dialled),
                    ingress: Ingress::Sip,
                    sip_call_id: None,
                }
            }),
            (any::<u64>(), any::<u16>(), any::<Option<String>>()).prop_map(
                |(leg, status, codec)| Fact::LegEnded {
                    call: CallId(1),
                    leg: LegId(leg),
                    why: LegEnd::Refused(status),
                    media: None,
                    crypto: codec.clone(),
                    codec,
                }
            ),
        ]
    }

    #[derive(Clone, Debug)]
    enum Made {
        Fact(Fact, u64, i64),
        State(String, Option<Vec<u8>>),
    }

    fn made() -> impl Strategy<Value = Made> {
        prop_oneof![
            (fact(), any::<u64>(), any::<i64>())
                .prop_map(|(fact, mono, wall)| Made::Fact(fact, mono, wall)),
            ("[a-c]", any::<Option<Vec<u8>>>()).prop_map(|(key, value)| Made::State(key, value)),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
        #[test]
        fn what_is_written_is_read(
            made in prop::collection::vec(made(), 1..20),
            batch in 1..6_usize,
        ) {
            let sizes = Sizes { events_bytes: 2000, journal_bytes: 1000, ..Sizes::default() };
            let disk = Arc::new(SimDisk::default());
            let (mut store, _, _) = open_with(&disk, sizes);
            let (mut events, mut states) = (Vec::new(), BTreeMap::new());
            let mut records = Vec::new();
            for (lsn, made) in (1..).map(Lsn).zip(made) {
                records.push((lsn, match made {
                    Made::Fact(fact, mono, wall) => {
                        let (mono, wall) = (Mono::from_micros(mono), Wall::from_micros(wall));
                        events.push(Event { lsn, at: Now { mono, wall }, fact });
                        Record::Event(events.last().unwrap().clone())
                    }
                    Made::State(key, value) => {
                        let key = StateKey::new(key).unwrap();
                        match value.clone() {
                            Some(value) => states.insert(key.clone(), value),
                            None => states.remove(&key),
                        };
                        Record::State { key, value }
                    }
                }));
            }
            let last = records.last().unwrap().0;
            for records in records.chunks(batch) {
                commit(&mut store, records.to_vec());
                store.tidy();
            }
            let (store, past, reader) = open_with(&disk, sizes);
            let read: Vec<Event> = reader.since(Lsn(0)).map(Result::unwrap).collect();
            assert_eq!((read, past.states), (events, states));
            assert_eq!((store.last, past.repaired), (last, Vec::new()));
        }
    }
}
