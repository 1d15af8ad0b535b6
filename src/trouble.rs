//! Why the box does not start, for the person who started it: what, and the remedy.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::Path;

/// A reason not to start.
#[derive(Debug)]
pub struct Trouble {
    what: String,
    remedy: String,
}

impl Trouble {
    /// Anything: what is wrong, and what to do.
    #[must_use]
    pub fn new(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { what: what.into(), remedy: remedy.into() }
    }

    /// A file or folder that can not be used.
    #[must_use]
    pub fn file(path: &Path, error: &io::Error) -> Self {
        let what = format!("{}: {error}", path.display());
        let remedy = match error.kind() {
            io::ErrorKind::NotFound => "make it, or name another one",
            io::ErrorKind::PermissionDenied => {
                "let the user who runs Holdfast read and write there, or name another place"
            }
            io::ErrorKind::ReadOnlyFilesystem => "name a place that can be written: --state DIR",
            io::ErrorKind::StorageFull => "free some space",
            _ => "see that it can be read and written",
        };
        Self::new(what, remedy)
    }

    /// An address that can not be bound; `key` is where it is set.
    #[must_use]
    pub fn listen(protocol: &str, address: SocketAddr, key: &str, error: &io::Error) -> Self {
        let what = format!("can not listen on {protocol} {address}: {error}");
        let port = address.port();
        let remedy = match error.kind() {
            io::ErrorKind::AddrInUse => format!(
                "another program has port {port} (`ss -lpn 'sport = :{port}'` shows which): stop \
                 it, or set another `{key}` in the configuration"
            ),
            io::ErrorKind::AddrNotAvailable => {
                format!("this machine has no address {}: correct `{key}`", address.ip())
            }
            io::ErrorKind::PermissionDenied => {
                format!("ports below 1024 need rights: set another `{key}`")
            }
            _ => format!("correct `{key}`"),
        };
        Self::new(what, remedy)
    }

    /// A clip that can not be played.
    #[must_use]
    pub fn clip(name: &str, why: &str) -> Self {
        Self::new(
            format!("clip `{name}`: {why}"),
            "use mono WAV files: 16 bit at 8000 or 16000 Hz, or G.711 at 8000 Hz",
        )
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n  remedy: {}", self.what, self.remedy)
    }
}

impl std::error::Error for Trouble {}
