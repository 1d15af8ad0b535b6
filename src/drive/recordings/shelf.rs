//! Which recordings there are: found at the start, added by the writer, brought as WAV, erased.

use holdfast_base::{CallId, Wall};
use holdfast_core::media::tape::{Label, TICK_BYTES};
use holdfast_core::record::event::Subject;
use holdfast_core::view::RecordingView;
use holdfast_wire::wav;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufReader};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tracing::warn;

use super::form::{self, Head, SECOND_BYTES, Sealer};
use crate::log::{ERASED, Keys};

/// What names of our files end in.
const ENDING: &str = ".rec";
/// Most parts of one recording: more hours than a call lasts, and more restarts.
const PARTS_MAX: u32 = 1000;
/// Bytes beside the samples of a second: its length, its number and its tag.
const SEALING_BYTES: u64 = 4 + 8 + 16;

/// The recordings of a folder.
pub struct Shelf {
    dir: PathBuf,
    keys: Arc<Keys>,
    known: Mutex<BTreeMap<String, Entry>>,
}

#[derive(Clone)]
struct Entry {
    head: Head,
    bytes: u64,
    /// Whether it is being written.
    running: bool,
}

/// A new file, and what seals its seconds.
pub(super) struct Begun {
    pub(super) name: String,
    pub(super) file: File,
    pub(super) sealer: Sealer,
}

/// Why there is no new file.
#[derive(Debug)]
pub(super) enum NotBegun {
    /// The caller has no key in the log.
    NoKey,
    /// The disk refuses.
    Disk(io::Error),
}

/// A recording was erased.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Erased;

/// Why one was not.
#[derive(Debug)]
pub enum NotErased {
    /// There is none of this name.
    Unknown,
    /// It is still being written.
    Running,
    /// The disk refuses.
    Disk(io::Error),
}

impl Shelf {
    /// The recordings of a folder, which is made when it is not there.
    ///
    /// # Errors
    /// When it can not be made or read.
    pub(super) fn open(dir: &Path, keys: Arc<Keys>) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        let mut known = BTreeMap::new();
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            let name = entry.file_name().into_string().unwrap_or_default();
            let Some(name) = name.strip_suffix(ENDING) else { continue };
            let bytes = entry.metadata()?.len();
            match File::open(entry.path()).and_then(form::head) {
                Ok(Some(head)) => {
                    known.insert(name.to_owned(), Entry { head, bytes, running: false });
                }
                Ok(None) => warn!(name, "not a recording of ours: left alone"),
                Err(why) => warn!(name, %why, "a recording can not be read: left alone"),
            }
        }
        Ok(Self { dir: dir.to_owned(), keys, known: Mutex::new(known) })
    }

    /// Begins a file for this recording, or for its next part.
    pub(super) fn begin(&self, label: &Label) -> Result<Begun, NotBegun> {
        let mut caller = label.caller.clone();
        self.keys.seal_known(&mut caller);
        let salt = self.keys.salt();
        let key = self.keys.key_for(&caller, &salt).ok_or(NotBegun::NoKey)?;
        let head = Head {
            call: label.call.0,
            queue: label.queue.to_string(),
            agent: label.agent.as_ref().map(ToString::to_string),
            began_us: label.began.micros(),
            caller,
            salt: hex(&salt),
        };
        let (name, file) = self.create(label).map_err(NotBegun::Disk)?;
        let sealer = Sealer::new(key, &head);
        self.known().insert(name.clone(), Entry { head, bytes: 0, running: true });
        Ok(Begun { name, file, sealer })
    }

    fn create(&self, label: &Label) -> io::Result<(String, File)> {
        let seconds = label.began.seconds();
        for part in 0..PARTS_MAX {
            let name = format!("{seconds}-{}-{part}", label.recording.0);
            let path = self.path(&name);
            let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
            match opened {
                Ok(file) => {
                    self.sync_dir()?;
                    return Ok((name, file));
                }
                Err(why) if why.kind() == io::ErrorKind::AlreadyExists => {}
                Err(why) => return Err(why),
            }
        }
        Err(io::Error::from(io::ErrorKind::AlreadyExists))
    }

    /// The file has grown.
    pub(super) fn grown(&self, name: &str, bytes: u64) {
        if let Some(entry) = self.known().get_mut(name) {
            entry.bytes += bytes;
        }
    }

    /// Nothing comes any more. A file in which nothing stands is nobody's.
    pub(super) fn ended(&self, name: &str) {
        if let Some(entry) = self.known().get_mut(name) {
            entry.running = false;
        }
    }

    /// Every recording, the newest first.
    #[must_use]
    pub fn list(&self) -> Vec<RecordingView> {
        let known = self.known().clone();
        let mut views: Vec<RecordingView> =
            known.into_iter().map(|(name, entry)| self.view(name, entry)).collect();
        views.sort_by_key(|view| std::cmp::Reverse(view.began));
        views
    }

    fn view(&self, name: String, entry: Entry) -> RecordingView {
        let Entry { head, bytes, running } = entry;
        let mut caller = head.caller;
        self.keys.open_subject(&mut caller);
        let second = u64::try_from(SECOND_BYTES).unwrap_or(1) + SEALING_BYTES;
        RecordingView {
            recording: name,
            call: CallId(head.call),
            queue: head.queue,
            agent: head.agent,
            from: (caller.0 != ERASED).then(|| caller.masked()),
            began: Wall::from_micros(head.began_us),
            seconds: bytes / second,
            running,
        }
    }

    /// A recording as a WAV file; none when there is none of this name, or its caller is forgotten.
    ///
    /// # Errors
    /// When it can not be read.
    pub fn wav(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        if !self.known().contains_key(name) {
            return Ok(None);
        }
        let mut file = BufReader::new(File::open(self.path(name))?);
        let Some(head) = form::head(&mut file)? else { return Ok(None) };
        let Some(key) = self.key_of(&head) else { return Ok(None) };
        let samples = Sealer::new(key, &head).samples(file)?;
        Ok(Some(wav::write_pairs(&samples)))
    }

    fn key_of(&self, head: &Head) -> Option<[u8; 32]> {
        self.keys.key_for(&head.caller, &bytes_of(&head.salt)?)
    }

    /// Erases a recording.
    ///
    /// # Errors
    /// Why it is still there.
    pub fn erase(&self, name: &str) -> Result<Erased, NotErased> {
        let mut known = self.known();
        match known.get(name) {
            None => return Err(NotErased::Unknown),
            Some(entry) if entry.running => return Err(NotErased::Running),
            Some(_) => {}
        }
        let removed = fs::remove_file(self.path(name)).and_then(|()| self.sync_dir());
        match removed {
            Ok(()) => {}
            Err(why) if why.kind() == io::ErrorKind::NotFound => {}
            Err(why) => return Err(NotErased::Disk(why)),
        }
        known.remove(name);
        Ok(Erased)
    }

    /// Erases what began before this.
    pub(super) fn erase_before(&self, limit: Wall) {
        let known = self.known().clone();
        let old = known.into_iter().filter(|(_, entry)| entry.head.began_us < limit.micros());
        for (name, _) in old.filter(|(_, entry)| !entry.running) {
            if let Err(why) = self.erase(&name) {
                warn!(name, ?why, "an old recording stays");
            }
        }
    }

    /// Whether a person is still known who is named in a recording.
    #[must_use]
    pub fn caller_of(&self, name: &str) -> Option<Subject> {
        let mut caller = self.known().get(name)?.head.caller.clone();
        self.keys.open_subject(&mut caller);
        (caller.0 != ERASED).then_some(caller)
    }

    /// What is free on the disk of the folder, in bytes.
    pub(super) fn free(&self) -> io::Result<u64> {
        let found = nix::sys::statvfs::statvfs(&self.dir)?;
        Ok(found.blocks_available().saturating_mul(found.fragment_size()))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.join(format!("{name}{ENDING}"))
    }

    /// A name that is not on disk names nothing after a power cut.
    fn sync_dir(&self) -> io::Result<()> {
        File::open(&self.dir)?.sync_all()
    }

    /// Each change of the map is one call: a panic of another thread leaves it whole.
    fn known(&self) -> MutexGuard<'_, BTreeMap<String, Entry>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let written = write!(text, "{byte:02x}");
        debug_assert!(written.is_ok(), "a String takes everything");
        text
    })
}

fn bytes_of(hex: &str) -> Option<Vec<u8>> {
    let (pairs, []) = hex.as_bytes().as_chunks::<2>() else { return None };
    let byte = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    pairs.iter().map(byte).collect()
}

/// Samples of both sides come in whole ticks.
const _: () = assert!(TICK_BYTES.is_multiple_of(2));
