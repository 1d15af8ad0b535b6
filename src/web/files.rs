//! Small files of the state directory, replaced whole or not at all.
//!
//! Written beside, synced, renamed over, and the folder synced: after a power cut there is the old
//! file or the new one. Only the owner may read them.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Read and write for the owner, nothing for anyone else.
const MODE_SECRET: u32 = 0o600;

/// Puts `bytes` into `dir/name`; durable when this returns.
pub(crate) fn replace(dir: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let beside = dir.join(format!("{name}.new"));
    // A leftover of a crash could carry other rights; `mode` below acts on new files only.
    match fs::remove_file(&beside) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(MODE_SECRET).open(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, dir.join(name))?;
    File::open(dir)?.sync_all()
}

/// The bytes of `dir/name`, or `None` when there is no such file.
pub(crate) fn read(dir: &Path, name: &str) -> io::Result<Option<Vec<u8>>> {
    match fs::read(dir.join(name)) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Takes `dir/name` away, durably; fine when it is not there.
pub(crate) fn remove(dir: &Path, name: &str) -> io::Result<()> {
    match fs::remove_file(dir.join(name)) {
        Ok(()) => File::open(dir)?.sync_all(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::{read, remove, replace};
    use crate::sample::Folder;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_file_is_replaced_whole_and_only_the_owner_reads_it() {
        let folder = Folder::new("files");
        std::fs::write(folder.path().join("users.json.new"), b"left by a crash").unwrap();
        replace(folder.path(), "users.json", b"first, and longer").unwrap();
        replace(folder.path(), "users.json", b"second").unwrap();
        assert_eq!(read(folder.path(), "users.json").unwrap().unwrap(), b"second");
        let mode = std::fs::metadata(folder.path().join("users.json")).unwrap().permissions();
        assert_eq!(mode.mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);

        remove(folder.path(), "users.json").unwrap();
        remove(folder.path(), "users.json").unwrap();
        assert_eq!(read(folder.path(), "users.json").unwrap(), None);
    }
}
