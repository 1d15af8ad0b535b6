//! The recorder on a real folder: what is written, what a crash leaves, what is refused.

use super::{Recordings, Rules, Stop};
use crate::log::Keys;
use holdfast_base::{AgentName, CallId, Entropy, Lsn, Now, QueueName, RecordingId, Wall};
use holdfast_core::media::tape::{Block, Label, TICK_BYTES};
use holdfast_core::record::event::{Event, Fact, Ingress, Subject};
use holdfast_core::site::RecorderHealth;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

const RULES: Rules = Rules { keep: None, min_free: 0 };

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Self {
        let name = format!("holdfast-recordings-{test}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::remove_dir_all(&path).ok();
        Self(path)
    }

    fn open(&self, keys: &Arc<Keys>, rules: Rules) -> (Recordings, Stop) {
        Recordings::open(&self.0, Arc::clone(keys), rules).unwrap()
    }

    /// The one file in it.
    fn file(&self) -> PathBuf {
        let mut all = std::fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().path());
        let file = all.next().unwrap();
        assert!(all.next().is_none());
        file
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

fn caller() -> Subject {
    Subject("+491715550123".to_owned())
}

/// The keys of a log that knows the caller.
fn keys() -> Arc<Keys> {
    let keys = Keys::new([1; 32], Entropy::new([2; 32]), 100);
    let fact = Fact::CallArrived {
        call: CallId(12),
        trunk: None,
        from: caller(),
        dialled: Subject("100".to_owned()),
        ingress: Ingress::Sip,
        sip_call_id: None,
    };
    let mut event = Event { lsn: Lsn(1), at: Now::default(), fact };
    keys.seal_event(&mut event, &mut Vec::new());
    Arc::new(keys)
}

fn label() -> Arc<Label> {
    Arc::new(Label {
        recording: RecordingId(9),
        call: CallId(12),
        queue: QueueName::new("sales"),
        agent: Some(AgentName::new("anna")),
        caller: caller(),
        began: Wall::from_micros(1_700_000_000_000_000),
    })
}

/// A tenth of a second in which every sample is this byte.
fn block(first: u64, byte: u8) -> Block {
    Block { label: label(), first, samples: vec![byte; 10 * TICK_BYTES] }
}

/// Ten blocks are a second.
fn speak(recordings: &Recordings, blocks: std::ops::Range<u64>) {
    blocks.for_each(|number| recordings.take(block(number * 10, 0x55)));
}

fn samples(wav: &[u8]) -> &[u8] {
    let data = wav.windows(4).position(|word| word == b"data").unwrap();
    &wav[data + 8..]
}

#[test]
fn what_was_said_can_be_heard_after_a_restart_and_erased() {
    let (folder, keys) = (Folder::new("heard"), keys());
    let (recordings, stop) = folder.open(&keys, RULES);
    speak(&recordings, 100..125);
    stop.stop();
    assert_eq!(recordings.health(), RecorderHealth::Good);
    let (again, stop) = folder.open(&keys, RULES);
    let list = again.shelf().list();
    let one = list.first().unwrap();
    assert_eq!((list.len(), one.call, one.running), (1, CallId(12), false));
    assert_eq!((one.queue.as_str(), one.agent.as_deref()), ("sales", Some("anna")));
    assert_ne!(one.from.as_deref(), Some("+491715550123"), "masked");
    let wav = again.shelf().wav(&one.recording).unwrap().unwrap();
    assert_eq!(samples(&wav).len(), 25 * 10 * TICK_BYTES);
    assert!(samples(&wav).iter().all(|byte| *byte == 0x55));
    again.shelf().erase(&one.recording).unwrap();
    assert!(again.shelf().list().is_empty());
    assert!(std::fs::read_dir(&folder.0).unwrap().next().is_none());
    assert!(again.shelf().erase(&one.recording).is_err());
    stop.stop();
}

#[test]
fn nothing_of_it_is_in_the_clear_and_it_goes_with_the_key_of_the_caller() {
    let (folder, keys) = (Folder::new("sealed"), keys());
    let (recordings, stop) = folder.open(&keys, RULES);
    speak(&recordings, 0..30);
    stop.stop();
    let bytes = std::fs::read(folder.file()).unwrap();
    assert!(!bytes.windows(32).any(|window| window == [0x55; 32]));
    assert!(!bytes.windows(8).any(|window| window == b"15550123"));
    keys.forget(&caller());
    let (again, stop) = folder.open(&keys, RULES);
    let one = again.shelf().list().remove(0);
    assert_eq!(one.from, None);
    assert_eq!(again.shelf().wav(&one.recording).unwrap(), None);
    // A new key for the same number does not open it either.
    keys.seal_event(
        &mut Event {
            lsn: Lsn(2),
            at: Now::default(),
            fact: Fact::TransferAsked {
                call: CallId(12),
                leg: holdfast_base::LegId(1),
                by: caller(),
                to: caller(),
                kind: holdfast_core::record::event::TransferKind::Blind,
            },
        },
        &mut Vec::new(),
    );
    let wav = again.shelf().wav(&one.recording).unwrap();
    assert!(wav.is_none_or(|wav| samples(&wav).is_empty()));
    stop.stop();
}

#[test]
fn a_crash_leaves_whole_seconds_and_the_next_process_begins_another_part() {
    let (folder, keys) = (Folder::new("crash"), keys());
    let (recordings, stop) = folder.open(&keys, RULES);
    speak(&recordings, 0..30);
    stop.stop();
    let file = folder.file();
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&file, &bytes[..bytes.len() - 100]).unwrap();
    let (again, stop) = folder.open(&keys, RULES);
    speak(&again, 40..60);
    stop.stop();
    let lengths: Vec<usize> = again
        .shelf()
        .list()
        .iter()
        .map(|one| samples(&again.shelf().wav(&one.recording).unwrap().unwrap()).len())
        .collect();
    let second = 100 * TICK_BYTES;
    assert_eq!(lengths, [2 * second, 2 * second]);
}

#[test]
fn a_nearly_full_disk_stops_it_and_says_so() {
    let (folder, keys) = (Folder::new("full"), keys());
    let (recordings, stop) = folder.open(&keys, Rules { keep: None, min_free: u64::MAX });
    speak(&recordings, 0..30);
    stop.stop();
    assert_eq!(recordings.health(), RecorderHealth::NoSpace);
    assert!(recordings.shelf().list().is_empty());
}

#[test]
fn a_caller_whom_the_log_does_not_know_is_not_recorded() {
    let folder = Folder::new("unknown");
    let keys = Arc::new(Keys::new([1; 32], Entropy::new([2; 32]), 100));
    let (recordings, stop) = folder.open(&keys, RULES);
    speak(&recordings, 0..30);
    stop.stop();
    assert_eq!(recordings.health(), RecorderHealth::Refused);
    assert!(recordings.shelf().list().is_empty());
}

#[test]
fn what_is_too_old_goes() {
    let (folder, keys) = (Folder::new("old"), keys());
    let (recordings, stop) = folder.open(&keys, RULES);
    speak(&recordings, 0..10);
    stop.stop();
    let shelf = recordings.shelf();
    shelf.erase_before(Wall::from_micros(1_700_000_000_000_000));
    assert_eq!(shelf.list().len(), 1, "not older than that");
    shelf.erase_before(Wall::from_micros(1_700_000_000_000_001));
    assert!(shelf.list().is_empty());
    let keep = Some(Duration::from_secs(1));
    drop(folder.open(&keys, Rules { keep, min_free: 0 }));
    assert!(Path::new(&folder.0).exists());
}
