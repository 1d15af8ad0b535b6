//! What is wrong with a file of certificates or keys, and what to do.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Why a file is not used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub what: String,
    /// What to do.
    pub remedy: &'static str,
}

impl Fault {
    pub(super) fn new(path: &Path, what: impl Into<String>, remedy: &'static str) -> Self {
        Self { path: path.to_owned(), what: what.into(), remedy }
    }

    pub(super) fn read(path: &Path, error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => {
                Self::new(path, "there is no such file", "put it there, or correct the key")
            }
            io::ErrorKind::PermissionDenied => Self::new(
                path,
                "the box may not read it",
                "give the user of the service the right to read it",
            ),
            _ => Self::new(path, format!("it can not be read: {error}"), "mend the disk"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.what)
    }
}
