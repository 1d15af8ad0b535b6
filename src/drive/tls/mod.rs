//! Certificates of SIP over TLS: ours and those of the other sides.
//!
//! ```text
//! files ─► identity, trust ─► keeper (looks each minute) ─► book ─► handshakes of `streams`
//! ```
//!
//! A handshake takes the book that is open when it begins. A certificate that is renewed makes a
//! new book; connections on which we stand with the old one are retired by the site loop.

mod book;
mod fault;
mod identity;
mod keeper;
mod names;
#[cfg(test)]
pub(crate) mod sample;
pub(crate) mod sight;
mod trust;
mod verifier;

pub use book::{Book, Dialling};

use holdfast_base::{TrunkId, Wall};
use holdfast_config::{Config, Remark};
use holdfast_core::certificate::Certificate;
use keeper::Keeper;
use rustls::crypto::CryptoProvider;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// The certificates of a running box; cheap to clone.
#[derive(Clone)]
pub struct Tls(Arc<Shared>);

struct Shared {
    book: Mutex<Arc<Book>>,
    keeper: Mutex<Keeper>,
}

/// What a look at the files has found.
#[derive(Debug)]
pub struct News {
    /// Connections that should not be used any more.
    pub retired: Vec<Retired>,
    /// Every certificate of the box as it is now.
    pub certificates: Vec<Certificate>,
}

/// Connections that stand for something that is no longer so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retired {
    /// Those of this trunk.
    pub trunk: TrunkId,
    /// Opened by whom.
    pub side: Side,
}

/// By whom connections were opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// By us: they carry our certificate as a client.
    Ours,
    /// By either: whom the trunk believes has changed.
    Both,
}

impl Tls {
    /// Reads the certificates that the configuration names. One that can not be used leaves its
    /// place empty until it can: what needs it does not work, everything else does.
    #[must_use]
    pub fn open(config: &Arc<Config>) -> (Self, News) {
        let mut keeper = Keeper::new(Arc::clone(config), provider());
        let News { retired: _, certificates } = keeper.look(now());
        let book = Mutex::new(Arc::new(keeper.book()));
        let tls = Self(Arc::new(Shared { book, keeper: Mutex::new(keeper) }));
        (tls, News { retired: Vec::new(), certificates })
    }

    /// The certificates in use now.
    #[must_use]
    pub fn book(&self) -> Arc<Book> {
        Arc::clone(&self.0.book.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes another configuration; what it can not use stays as it was.
    #[must_use]
    pub fn configure(&self, config: &Arc<Config>) -> News {
        let mut keeper = self.keeper();
        let gone = keeper.configure(Arc::clone(config));
        let mut news = self.look_with(&mut keeper);
        news.retired.extend(gone);
        news
    }

    /// Looks whether files have changed. Reads files: not for the site loop.
    #[must_use]
    pub fn look(&self) -> News {
        self.look_with(&mut self.keeper())
    }

    fn keeper(&self) -> MutexGuard<'_, Keeper> {
        self.0.keeper.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn look_with(&self, keeper: &mut Keeper) -> News {
        let news = keeper.look(now());
        *self.0.book.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(keeper.book());
        news
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

/// What is wrong with the files that a configuration names.
#[must_use]
pub fn examine(config: &Config) -> Vec<Remark> {
    keeper::examine(config, &provider(), now())
}

/// TLS 1.2 and 1.3 by ring; its suites have those that Microsoft asks for.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// A certificate's dates are those of people, so is the clock that they are compared with.
fn now() -> Wall {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Wall::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}
