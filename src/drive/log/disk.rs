//! The few things that the log asks of a disk, so that tests can cut the power between any two.
//!
//! All files of the log lie in one directory and are for their owner alone (mode 0600). What is
//! written is durable after [`Disk::sync`] of the file, and the name of a file after
//! [`Disk::sync_dir`]; before that anything may be left of it after a power cut.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Files kept open for writing: the event log, the journal, the subjects, one being replaced.
const HANDLES_MAX: usize = 4;
/// Ends the name of a file that is not yet complete; such a file is removed when the log opens.
pub const UNFINISHED: &str = ".tmp";

/// One directory of files.
pub trait Disk: Send + Sync {
    /// The names of all files.
    ///
    /// # Errors
    /// As the file system says; so for all of these.
    fn list(&self) -> io::Result<Vec<String>>;
    /// The content of a file from a position to its end.
    ///
    /// # Errors
    /// As the file system says.
    fn read_from(&self, name: &str, offset: u64) -> io::Result<Vec<u8>>;
    /// The whole content of a file.
    ///
    /// # Errors
    /// As the file system says.
    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        self.read_from(name, 0)
    }
    /// Writes at a position; makes the file when there is none. Doing it again is harmless.
    ///
    /// # Errors
    /// As the file system says; part of the bytes may be written.
    fn write_at(&self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<()>;
    /// Cuts a file off at this length.
    ///
    /// # Errors
    /// As the file system says.
    fn truncate(&self, name: &str, len: u64) -> io::Result<()>;
    /// Makes the content of a file durable.
    ///
    /// # Errors
    /// As the file system says. The kernel may then have dropped what was written, so the caller
    /// writes it again before it asks again.
    fn sync(&self, name: &str) -> io::Result<()>;
    /// Gives a file another name, replacing a file of that name in one step.
    ///
    /// # Errors
    /// As the file system says.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file.
    ///
    /// # Errors
    /// As the file system says.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Makes the names of the files durable.
    ///
    /// # Errors
    /// As the file system says.
    fn sync_dir(&self) -> io::Result<()>;
}

/// Replaces a file in one step that is durable on return: after a power cut it has either the old
/// content or the new.
///
/// # Errors
/// As the disk says; then the old content stands.
pub fn replace(disk: &dyn Disk, name: &str, bytes: &[u8]) -> io::Result<()> {
    let unfinished = format!("{name}{UNFINISHED}");
    disk.write_at(&unfinished, 0, bytes)?;
    disk.truncate(&unfinished, len_of(bytes))?; // an earlier attempt may have been longer
    disk.sync(&unfinished)?;
    disk.rename(&unfinished, name)?;
    disk.sync_dir()
}

/// The number of bytes as a position in a file.
#[must_use]
pub fn len_of(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

/// A directory of the real file system.
pub struct FsDisk {
    dir: PathBuf,
    /// A write error is told to the handle that wrote, so the same one syncs.
    handles: Mutex<BTreeMap<String, Arc<File>>>,
}

impl FsDisk {
    /// Opens a directory; makes it (mode 0700) when there is none.
    ///
    /// # Errors
    /// As the file system says.
    pub fn open(dir: &Path) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        Ok(Self { dir: dir.to_path_buf(), handles: Mutex::new(BTreeMap::new()) })
    }

    fn handle(&self, name: &str) -> io::Result<Arc<File>> {
        let mut handles = self.handles.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(handle) = handles.get(name) {
            return Ok(Arc::clone(handle));
        }
        let path = self.dir.join(name);
        let mut how = OpenOptions::new();
        let file =
            how.read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        if handles.len() >= HANDLES_MAX {
            handles.clear();
        }
        let handle = Arc::new(file);
        handles.insert(name.to_owned(), Arc::clone(&handle));
        Ok(handle)
    }

    fn forget(&self, name: &str) {
        self.handles.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }
}

impl Disk for FsDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn read_from(&self, name: &str, offset: u64) -> io::Result<Vec<u8>> {
        let mut file = File::open(self.dir.join(name))?;
        file.seek(SeekFrom::Start(offset))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn write_at(&self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.handle(name)?.write_all_at(bytes, offset)
    }

    fn truncate(&self, name: &str, len: u64) -> io::Result<()> {
        self.handle(name)?.set_len(len)
    }

    fn sync(&self, name: &str) -> io::Result<()> {
        self.handle(name)?.sync_data()
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.forget(from);
        self.forget(to);
        fs::rename(self.dir.join(from), self.dir.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.forget(name);
        fs::remove_file(self.dir.join(name))
    }

    fn sync_dir(&self) -> io::Result<()> {
        File::open(&self.dir)?.sync_all()
    }
}
